/* access.h - who may do what.
 *
 * The kernel says who calls (peer.h), evald.conf(5) which roles that gives.  Every route names
 * its action and is asked about here before its handler runs; handlers ask about single
 * things.  Data sets, benchmarks and functions are seen by all who have a role and changed by
 * their owner; a job is its owner's, seen by readers too.  Administrators may do it all. */
#ifndef EVALD_ACCESS_H
#define EVALD_ACCESS_H

#include "daemon/conf.h"
#include "daemon/peer.h"
#include "daemon/request.h"

enum access_action {
    ACCESS_NOTHING, /* no role is needed: whether evald is there */
    ACCESS_READ,    /* look at things */
    ACCESS_RUN,     /* evaluate, score, end one's jobs */
    ACCESS_CHANGE,  /* register and unregister */
};

/* The roles of a caller, or'ed: those of its uid and of each of its groups.  Cheap enough for
 * every request, so that a change of the configuration counts from the next one on. */
unsigned access_roles(const struct conf_access *a, const struct peer *peer);

/* 0, or -1 with ERR_DENIED. */
int access_check(const struct request *rq, enum access_action action, struct err *err);

/* Does a job of that owner exist for this caller? */
bool access_sees(const struct request *rq, uid_t owner);
/* May the caller change, end or delete a thing of that owner?  0, or -1 with ERR_DENIED
 * naming it: what is a word and an id, like "dataset 'x'". */
int access_owns(const struct request *rq, uid_t owner, const char *what, struct err *err);

#endif
