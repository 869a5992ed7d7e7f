/* pipeline.h - the workers, and the rows between them.
 *
 * A row is at one worker at a time; answers for a row that is being worked on wait in its
 * inbox.  A worker prefers rows that have something to do; else it takes new ones from the
 * feed, a batch at a time, as long as the window has room.  Its asks and records leave after
 * each batch. */
#ifndef EVALD_PIPELINE_H
#define EVALD_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "runner/asks.h"
#include "runner/feed.h"
#include "runner/job.h"
#include "runner/wire.h"

struct pipeline;

/* Starts n workers, which take breadcrumb slots first_slot and on. */
struct pipeline *pipeline_new(unsigned n, unsigned first_slot, struct wire *w, struct asks *a);
void pipeline_free(struct pipeline *p); /* joins; no job may run */

enum pipeline_state { PIPELINE_DONE, PIPELINE_STOPPED, PIPELINE_FAILED };
struct pipeline_end {
    enum pipeline_state state;
    /* of FAILED; owned, free with pipeline_end_fini() */
    const char *code, *stage, *function, *plugin; /* static or the job's */
    int64_t row; /* -1: none */
    char *message;
};
void pipeline_end_fini(struct pipeline_end *e);

/* Runs all rows of a job; returns when none is in flight.  The job thread's. */
void pipeline_run(struct pipeline *p, const struct job *j, struct feed *f,
                  struct pipeline_end *ret);

/* The I/O thread's. */
void pipeline_post(struct pipeline *p, struct ask_event *list);
void pipeline_kick(struct pipeline *p); /* a DONE came */
/* No new row; now: rows in flight are cancelled, too.  May come before pipeline_run(). */
void pipeline_stop(struct pipeline *p, bool now);
void pipeline_written(struct pipeline *p); /* the link may have room again */
struct pipeline_count { int64_t units_done; size_t in_flight; };
struct pipeline_count pipeline_count(struct pipeline *p);
/* Forgets a stop: another job comes. */
void pipeline_rearm(struct pipeline *p);

/* The log of plugins on a thread, as LOG frames, not too many of them. */
void pipeline_log(void *wire, const struct plugin *p, int level, struct str text);

#endif
