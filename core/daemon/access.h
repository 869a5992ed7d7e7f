/* access.h - who may do what.
 *
 * Every route names its action and is asked about here before its handler runs; handlers ask
 * about single things.  Data sets, benchmarks and functions are seen by all callers and changed
 * by their owner; a job is its owner's alone.  Roles may widen or narrow that, evald.conf(5). */
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

/* Does a job of that owner exist for this caller? */
bool access_sees(const struct request *rq, uid_t owner);
/* May the caller change, end or delete a thing of that owner?  0, or -1 with ERR_DENIED
 * naming it: what is a word and an id, like "dataset 'x'". */
int access_owns(const struct request *rq, uid_t owner, const char *what, struct err *err);

#endif
