/* feed.h - the rows of a job in order, less what its journal has already.
 *
 * Reads the data set behind its descriptor and gives out one unit, (row, epoch), at a time;
 * its number is AT = row * epochs + epoch.  On resume it knows from DONE frames which units
 * are complete, and which are there in part.  Any thread; one lock inside. */
#ifndef EVALD_FEED_H
#define EVALD_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/text.h"
#include "runner/arena.h"
#include "runner/job.h"

struct feed;

/* What the journal has of a unit that is not complete.  All text is in one malloc. */
struct feed_partial {
    struct feed_partial *next;
    uint64_t at;
    uint64_t *phases;      /* bits: phase p is there */
    bool has_generation;
    struct str generation; /* as it was recorded */
    size_t n_replies;
    struct feed_reply { int32_t phase; uint32_t n; struct str part; } *replies;
};
bool feed_has_phase(const struct feed_partial *p, size_t phase); /* p NULL: false */

struct feed_unit {
    uint64_t index;
    uint32_t epoch;
    int64_t line;           /* in the file, from 1 */
    struct str text;        /* the row as read, NUL behind it, in the arena */
    bool bad;               /* it cannot be read: why says why */
    struct str why;
    bool no_cluster;        /* the cluster column has no value */
    bool suspect;           /* it is to be run alone */
    struct feed_partial *partial; /* yours, for feed_partial_free(); NULL: nothing is there */
};
void feed_partial_free(struct feed_partial *p);

/* ask_done is called, from any thread, when the next DONE is wanted. */
struct feed *feed_new(const struct job *j, void (*ask_done)(void *arg, uint64_t from),
                      void *arg, struct err *err);
void feed_begin(struct feed *f); /* asks for the first DONE of a job that is resumed */
void feed_free(struct feed *f);

enum feed_result {
    FEED_UNIT,
    FEED_ALONE, /* the next unit is a suspect, and alone was not said */
    FEED_WAIT, /* a DONE must come first; feed_done() returns, then try again */
    FEED_END,
    FEED_FAIL, /* err says why; again and again */
};
/* alone: nothing else is in flight, so a suspect may be given out. */
enum feed_result feed_take(struct feed *f, bool alone, struct arena *a, struct feed_unit *ret,
                           struct err *err);

/* A DONE frame's payload.  ERR_PROTO. */
int feed_done(struct feed *f, struct str payload, struct err *err);

int64_t feed_rows(struct feed *f);    /* rows read so far; all of them after FEED_END */
int64_t feed_skipped(struct feed *f); /* units that the journal had complete */
/* The data set's hash, once FEED_END came and no limit cut it short; else NULL. */
const char *feed_hash(struct feed *f);
/* The hash of a row's cluster value, for statistics; 0 without one. */
uint64_t feed_cluster(struct feed *f, uint64_t row);

#endif
