/* access.h - who may do what.
 *
 * Whoever may open the socket may do everything: its mode and group decide.  Every route
 * names its action and is asked about here, so that roles need no change elsewhere. */
#ifndef EVALD_ACCESS_H
#define EVALD_ACCESS_H

#include "daemon/request.h"

enum access_action {
    ACCESS_READ,   /* look at things */
    ACCESS_RUN,    /* evaluate, score, end one's jobs */
    ACCESS_CHANGE, /* register and unregister */
};

/* 0, or -1 with ERR_DENIED. */
int access_check(const struct request *rq, enum access_action action, struct err *err);

#endif
