/* finish.h - the end of a job: aggregations and statistics, computed from the journal.
 *
 * Score rows come back from evald in row order (SCORED), whatever way they came about, so a
 * resumed job gives the same bits as an undisturbed one. */
#ifndef EVALD_FINISH_H
#define EVALD_FINISH_H

#include <stdbool.h>

#include "common/err.h"
#include "runner/feed.h"
#include "runner/job.h"
#include "runner/wire.h"

/* Score rows on their way from the I/O thread to the job thread. */
struct scored;
struct scored *scored_new(struct wire *w);
void scored_free(struct scored *s);
/* The I/O thread's: a SCORED frame's payload; an end to all waiting; and its undoing. */
void scored_push(struct scored *s, struct str payload);
void scored_stop(struct scored *s);
void scored_rearm(struct scored *s);

/* 0: every AGGREGATE has been sent.  -1: ERR_SHUTDOWN when it was stopped; ERR_INVALID for
 * scores that an aggregation of a call cannot take; ERR_PLUGIN; ERR_PROTO.  *ret_function
 * (the job's) is the one that failed. */
int finish_job(const struct job *j, struct feed *f, struct call *c, struct scored *s,
               struct wire *w, const struct job_function **ret_function, struct err *err);

#endif
