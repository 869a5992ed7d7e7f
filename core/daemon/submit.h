/* submit.h - a request begins a job once, however often its client sends it.
 *
 * Clients repeat a POST by themselves when they lose patience or a connection.  A request with
 * an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header) is known by its caller and the
 * key, for 24 hours and as long as its job has not ended, over restarts too: the same request
 * again is answered with the job that the first one began, another request with that key is
 * refused with 409.  Without a key, what an SDK marks as a repetition (x-stainless-retry-count
 * above 0) is known by what it asks for, for ten minutes and as long as the job has not ended.
 * A request that was refused began nothing and is forgotten.  Loop thread only. */
#ifndef EVALD_SUBMIT_H
#define EVALD_SUBMIT_H

#include "daemon/request.h"
#include "daemon/sched.h"

struct submits;

/* Knows what the jobs there are were begun by. */
struct submits *submits_new(const struct sched *s);
void submits_free(struct submits *s);

/* Begins the job of a request: gives created and created_arg to sched_submit or what is like
 * it, with origin for the job to keep (its texts live until created is called).  What must be
 * waited for before, may take wait_ms: then it is refused with ERR_NOT_READY, and forgotten like
 * any that is refused.  -1 with err when it is refused at once: created is not called then. */
typedef int submit_start_fn(struct request *rq, void *arg, const struct job_origin *origin,
                            int wait_ms, sched_created_fn *created, void *created_arg,
                            struct err *err);

/* Answers the request with its Job: starts it, or finds the one that was started, and waits for
 * its end as Prefer and the configuration say.  A job that failed meanwhile is answered with
 * its error.  what: the request besides its body, like "rescore 17".  arg is used before this
 * returns, not later. */
void submit_once(struct request *rq, const char *what, submit_start_fn *start, void *arg);

#endif
