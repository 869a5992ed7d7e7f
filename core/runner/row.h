/* row.h - one row's way: candidate, generation, scorers, records.
 *
 * A row is worked on by one thread at a time.  What it has to say goes to the records of the
 * worker that is at it, its asks to that worker's list. */
#ifndef EVALD_ROW_H
#define EVALD_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "runner/asks.h"
#include "runner/feed.h"
#include "runner/job.h"
#include "runner/task.h"
#include "runner/wire.h"

/* What fails a job: reported by rows, in any order. */
struct row_failure {
    uint64_t at;         /* row * epochs + epoch */
    uint64_t row;
    const char *code, *stage; /* static */
    const char *function, *plugin; /* the job's; NULL */
    struct str message;
};

/* What one worker lends to the rows it works on. */
struct row_hands {
    struct call call;
    struct records records;
    struct text id, document, inner; /* of the row that is at hand */
    struct task_ask **asks; /* to be sent */
    size_t n_asks, asks_room;
    bool paid;              /* the records hold what a server was asked for */
    void (*failed)(void *arg, const struct row_failure *f);
    bool (*drop)(void *arg, struct task_ask *ask); /* asks_drop() */
    void *arg;
};
void row_hands_fini(struct row_hands *h);

enum row_state { ROW_FREE, ROW_QUEUED, ROW_RUNNING, ROW_WAITING };

struct row {
    /* the pipeline's, under its lock */
    struct row *next;
    struct ask_event *inbox, **inbox_end;
    enum row_state state;
    bool cancel;          /* to be cancelled when it is next worked on */
    size_t bytes;

    /* the row's own */
    const struct job *job;
    struct row_hands *hands; /* of the worker that is at it */
    struct feed_unit unit;
    struct arena arena;
    struct task_env env;
    struct jval *vals;       /* wanted columns, the generation's over the row's */
    struct evald_value *cols; /* their decoded form, where made */
    bool *made;
    uint64_t seed;
    struct task *candidate;  /* NULL: none, or done */
    struct task **scorers;   /* by function; NULL: not begun, or done */
    struct str json;         /* what scorers see as the row */
    size_t n_out;            /* answers that will come */
    bool begun, cancelled;
    bool parted;          /* some of it is left for another process */
    bool paid;               /* it has asked a server */
    bool due;                /* row_score() is to be called */
};

void row_init(struct row *r, const struct job *j);
/* Starts a unit that feed_take() put into r->unit. */
void row_begin(struct row *r, struct row_hands *h);
/* Takes an answer in; frees the event.  When that completes a generation, the row is due: its
 * records are to leave before row_score() runs scorers, whose crash must not cost them. */
void row_event(struct row *r, struct ask_event *e, struct row_hands *h);
void row_score(struct row *r, struct row_hands *h);
void row_cancel(struct row *r, struct row_hands *h);
/* Nothing is left to do or to wait for. */
bool row_over(const struct row *r);
/* Frees what the unit held; the row can begin another. */
void row_reset(struct row *r);
void row_fini(struct row *r);

#endif
