#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/io.h"
#include "common/log.h"
#include "common/mem.h"
#include "runner/pipeline.h"
#include "runner/row.h"
#include "runner/watch.h"

#define BATCH        32               /* rows taken at once */
#define SLOW_NS      2000000          /* what has been said leaves after this long */
#define RECORDS_FULL (128u << 10)     /* ... or when it is this much */
#define LOGS_PER_JOB 1000

struct worker {
    struct pipeline *p;
    pthread_t thread;
    unsigned slot;
    struct row_hands hands;
    struct row *batch[BATCH];
    unsigned pace;   /* rows to take at once: fewer when they are slow */
    bool dirty;      /* counted among those that hold records */
    int64_t said_ns; /* when records last left */
};

struct pipeline {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t work, over;
    struct worker *workers;
    unsigned n_workers, idle;
    bool quit;

    const struct job *job; /* NULL: none runs */
    struct feed *feed;
    struct row **rows;     /* all there are, window at most */
    size_t n_rows;
    struct row *free;
    struct row *queue, **queue_end;
    size_t n_queue, in_flight;
    unsigned n_dirty;      /* workers that hold records */
    _Atomic size_t bytes;  /* of the rows in flight */
    bool feed_over, feed_blocked, link_blocked;
    bool alone;            /* a suspect is next or in flight: nothing beside it */
    uint64_t kicks;
    int64_t units_done;
    bool stop, stop_now;
    bool failed;
    _Atomic bool look;     /* stop_now or failed: rows are to look whether they go on */
    uint64_t failed_at;
    struct pipeline_end end;

    struct wire *wire;
    struct asks *asks;
};

void
pipeline_end_fini(struct pipeline_end *e)
{
    free(e->message);
    *e = (struct pipeline_end){ 0 };
}

static _Atomic unsigned logs;

void
pipeline_log(void *wire, const struct plugin *p, int level, struct str text)
{
    unsigned n = atomic_fetch_add(&logs, 1);
    if (n < LOGS_PER_JOB)
        wire_log(wire, level, p->desc.id, text);
    else if (n == LOGS_PER_JOB)
        wire_log(wire, 4, p->desc.id, STR("further messages of plugins are left out"));
}

/* ---- under the lock ---- */

static void
enqueue(struct pipeline *p, struct row *r)
{
    r->state = ROW_QUEUED;
    r->next = NULL;
    *p->queue_end = r;
    p->queue_end = &r->next;
    p->n_queue++;
}

static struct row *
dequeue(struct pipeline *p)
{
    struct row *r = p->queue;
    p->queue = r->next;
    if (p->queue == NULL)
        p->queue_end = &p->queue;
    p->n_queue--;
    r->state = ROW_RUNNING;
    r->next = NULL;
    return r;
}

static void
wake(struct pipeline *p, size_t n)
{
    if (n > p->idle)
        n = p->idle;
    if (n > 1)
        pthread_cond_broadcast(&p->work);
    else if (n == 1)
        pthread_cond_signal(&p->work);
}

static bool
stopping(const struct pipeline *p)
{
    return p->stop || p->failed;
}

static bool
may_start(const struct pipeline *p)
{
    return p->job != NULL && !p->feed_over && !p->feed_blocked && !p->link_blocked
           && !stopping(p) && p->in_flight < p->job->window && !(p->alone && p->in_flight > 0)
           && (p->in_flight == 0 || p->bytes < p->job->window_bytes);
}

/* Every row in flight is to look whether it goes on. */
static void
look_again(struct pipeline *p)
{
    for (size_t i = 0; i < p->n_rows; i++) {
        struct row *r = p->rows[i];
        if (r->state == ROW_FREE)
            continue;
        r->cancel = true;
        if (r->state == ROW_WAITING)
            enqueue(p, r);
    }
    pthread_cond_broadcast(&p->work);
}

/* No row is in flight, none will be, and all that was said has left. */
static bool
is_over(const struct pipeline *p)
{
    return p->in_flight == 0 && p->n_dirty == 0 && (p->feed_over || stopping(p));
}

static void
check_over(struct pipeline *p)
{
    if (p->job != NULL && is_over(p))
        pthread_cond_signal(&p->over);
}

static struct row *
free_row(struct pipeline *p)
{
    struct row *r = p->free;
    if (r != NULL) {
        p->free = r->next;
        r->next = NULL;
    } else {
        r = xcalloc(1, sizeof *r);
        row_init(r, p->job);
        p->rows[p->n_rows++] = r;
    }
    r->state = ROW_RUNNING;
    return r;
}

/* ---- failures ---- */

static void
fail(struct pipeline *p, uint64_t at, struct pipeline_end e, struct str message)
{
    pthread_mutex_lock(&p->lock);
    if (!p->failed || at < p->failed_at) {
        pipeline_end_fini(&p->end);
        p->end = e;
        p->end.state = PIPELINE_FAILED;
        p->end.message = xstrndup(message.ptr, message.len);
        p->failed = true;
        p->look = true;
        p->failed_at = at;
        look_again(p);
    }
    pthread_mutex_unlock(&p->lock);
}

static void
on_failed(void *arg, const struct row_failure *f)
{
    struct worker *w = arg;
    fail(w->p, f->at,
         (struct pipeline_end){ .code = f->code, .stage = f->stage, .function = f->function,
                                .plugin = f->plugin, .row = (int64_t)f->row },
         f->message);
}

static bool
on_drop(void *arg, struct task_ask *ask)
{
    struct worker *w = arg;
    return asks_drop(w->p->asks, ask);
}

/* ---- workers ---- */

static void
flush_asks(struct worker *w)
{
    if (w->hands.n_asks > 0)
        asks_send(w->p->asks, w->hands.asks, w->hands.n_asks);
    w->hands.n_asks = 0;
}

/* Stops starting rows while evald does not take what it is told; under the lock. */
static void
mind_the_link(struct pipeline *p)
{
    size_t n = wire_pending(p->wire);
    if (n > WIRE_PENDING_MAX) {
        p->link_blocked = true;
    } else if (p->link_blocked && n < WIRE_PENDING_MAX / 2) {
        p->link_blocked = false;
        pthread_cond_broadcast(&p->work);
    }
}

static void
flush_records(struct worker *w)
{
    struct pipeline *p = w->p;
    if (w->hands.records.n_frames > 0)
        wire_records(p->wire, &w->hands.records);
    w->said_ns = time_mono_ns();
    w->hands.paid = false;
    pthread_mutex_lock(&p->lock);
    mind_the_link(p);
    if (w->dirty) {
        w->dirty = false;
        p->n_dirty--;
        check_over(p);
    }
    pthread_mutex_unlock(&p->lock);
}

/* Is this row's work of no use any more? */
static bool
useless(struct pipeline *p, const struct row *r)
{
    if (!p->look)
        return false;
    pthread_mutex_lock(&p->lock);
    bool no = p->stop_now
              || (p->failed
                  && r->unit.index * r->job->epochs + r->unit.epoch > p->failed_at);
    pthread_mutex_unlock(&p->lock);
    return no;
}

/* Answers and orders that wait for a row; the row is at this worker. */
static void
work_on(struct worker *w, struct row *r, struct ask_event *inbox, bool cancel)
{
    if (cancel && !r->cancelled && useless(w->p, r))
        row_cancel(r, &w->hands);
    while (inbox != NULL) {
        struct ask_event *e = inbox;
        inbox = e->next;
        row_event(r, e, &w->hands);
    }
}

/* Gives rows back: free, waiting, or to be worked on again. */
static void
give_back(struct worker *w, size_t n)
{
    struct pipeline *p = w->p;
    size_t woken = 0;
    bool over[BATCH];
    int64_t done = 0;
    for (size_t i = 0; i < n; i++) {
        struct row *r = w->batch[i];
        over[i] = row_over(r);
        if (over[i]) {
            p->bytes -= r->bytes;
            done += !r->cancelled && !r->parted;
            row_reset(r);
        }
    }
    pthread_mutex_lock(&p->lock);
    if (!w->dirty && w->hands.records.n_frames > 0) {
        w->dirty = true;
        p->n_dirty++;
    }
    p->units_done += done;
    for (size_t i = 0; i < n; i++) {
        struct row *r = w->batch[i];
        if (over[i]) {
            r->cancel = false;
            r->state = ROW_FREE;
            r->next = p->free;
            p->free = r;
            p->in_flight--;
        } else if (r->inbox != NULL || r->cancel) {
            enqueue(p, r);
            woken++;
        } else {
            r->state = ROW_WAITING;
        }
    }
    if (woken > 1)
        wake(p, woken - 1);
    check_over(p);
    pthread_mutex_unlock(&p->lock);
}

/* Rows with something to do.  Called with the lock, returns without it. */
static void
do_queued(struct worker *w)
{
    struct pipeline *p = w->p;
    struct ask_event *inbox[BATCH];
    bool cancel[BATCH];
    size_t n = 0, share = p->n_queue / p->n_workers + 1;
    if (share > BATCH)
        share = BATCH;
    for (; n < share && p->queue != NULL; n++) {
        struct row *r = w->batch[n] = dequeue(p);
        inbox[n] = r->inbox;
        r->inbox = NULL;
        r->inbox_end = &r->inbox;
        cancel[n] = r->cancel;
        r->cancel = false;
    }
    pthread_mutex_unlock(&p->lock);
    /* What was paid for leaves before the next scorer's code runs: generations of the whole
     * batch at once, scores and replies of judges one by one. */
    bool due = false;
    for (size_t i = 0; i < n; i++) {
        if (w->hands.paid && w->batch[i]->candidate == NULL)
            flush_records(w);
        work_on(w, w->batch[i], inbox[i], cancel[i]);
        due |= w->batch[i]->due;
    }
    flush_asks(w);
    if (due && w->hands.paid)
        flush_records(w);
    for (size_t i = 0; i < n && due; i++)
        if (w->batch[i]->due)
            row_score(w->batch[i], &w->hands);
    flush_asks(w);
    give_back(w, n);
}

/* Rows that were set aside and not needed. */
static void
return_unused(struct worker *w, size_t from, size_t to, enum feed_result why, uint64_t kicks)
{
    struct pipeline *p = w->p;
    pthread_mutex_lock(&p->lock);
    for (size_t i = from; i < to; i++) {
        struct row *r = w->batch[i];
        r->state = ROW_FREE;
        r->cancel = false;
        r->next = p->free;
        p->free = r;
        p->in_flight--;
    }
    if (why == FEED_END || why == FEED_FAIL)
        p->feed_over = true;
    if (why == FEED_WAIT && kicks == p->kicks)
        p->feed_blocked = true;
    if (why == FEED_ALONE)
        p->alone = true;
    check_over(p);
    pthread_mutex_unlock(&p->lock);
}

/* New rows.  Called with the lock, returns without it. */
static void
do_new(struct worker *w)
{
    struct pipeline *p = w->p;
    struct feed *feed = p->feed;
    uint64_t kicks = p->kicks;
    size_t got = 0;
    const struct job *j = p->job;
    /* all workers get a share of a small window */
    size_t want = (j->window - p->in_flight + p->n_workers - 1) / p->n_workers;
    if (want > w->pace)
        want = w->pace;
    bool alone = p->alone;
    if (alone)
        want = 1;
    for (size_t i = 0; i < want; i++)
        w->batch[i] = free_row(p);
    p->in_flight += want;
    if (may_start(p))
        wake(p, 1);
    pthread_mutex_unlock(&p->lock);

    enum feed_result result = FEED_UNIT;
    struct err err;
    for (; got < want && (got == 0 || p->bytes < j->window_bytes); got++) {
        struct row *r = w->batch[got];
        result = feed_take(feed, alone, &r->arena, &r->unit, &err);
        if (result != FEED_UNIT)
            break;
        r->bytes = r->unit.text.len + 1;
        p->bytes += r->bytes;
    }
    if (result == FEED_FAIL && err.code != ERR_SHUTDOWN)
        fail(p, (uint64_t)feed_rows(feed) * j->epochs,
             (struct pipeline_end){ .code = "dataset", .stage = "dataset", .row = -1 },
             str_z(err.text));
    /* What was not used goes back only now that the ones in front are known: while they are
     * in flight the job cannot be over. */
    if (got < want)
        return_unused(w, got, want, result, kicks);
    if (alone && got > 0 && !w->batch[0]->unit.suspect) {
        pthread_mutex_lock(&p->lock);
        p->alone = false;
        wake(p, p->n_workers);
        pthread_mutex_unlock(&p->lock);
    }
    int64_t begin = time_mono_ns(), now = begin;
    for (size_t i = 0; i < got; i++) {
        struct row *r = w->batch[i];
        if (useless(p, r))
            row_cancel(r, &w->hands);
        else
            row_begin(r, &w->hands);
        now = time_mono_ns();
        if (now - w->said_ns > SLOW_NS) {
            flush_asks(w);
            flush_records(w);
        }
    }
    flush_asks(w);
    if (got > 0) {
        int64_t each = (now - begin) / (int64_t)got;
        w->pace = each > SLOW_NS / 4 ? 1 : each > SLOW_NS / BATCH ? 4 : BATCH;
        give_back(w, got);
    }
}

static void *
work(void *arg)
{
    struct worker *w = arg;
    struct pipeline *p = w->p;
    watch_thread(w->slot);
    for (;;) {
        bool said = w->hands.records.n_frames > 0;
        if (w->hands.records.body.len > RECORDS_FULL
            || (said && time_mono_ns() - w->said_ns > SLOW_NS)) {
            flush_records(w);
            said = false;
        }
        pthread_mutex_lock(&p->lock);
        while (!p->quit && p->queue == NULL && !may_start(p) && !said) {
            p->idle++;
            pthread_cond_wait(&p->work, &p->lock);
            p->idle--;
        }
        if (p->quit) {
            pthread_mutex_unlock(&p->lock);
            return NULL;
        }
        if (p->queue != NULL) {
            do_queued(w);
        } else if (may_start(p)) {
            do_new(w);
        } else {
            pthread_mutex_unlock(&p->lock);
            flush_records(w);
        }
    }
}

struct pipeline *
pipeline_new(unsigned n, unsigned first_slot, struct wire *wi, struct asks *a)
{
    struct pipeline *p = xcalloc(1, sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->over, NULL);
    p->queue_end = &p->queue;
    p->wire = wi;
    p->asks = a;
    p->n_workers = n;
    p->workers = xcalloc(n, sizeof *p->workers);
    for (unsigned i = 0; i < n; i++) {
        struct worker *w = &p->workers[i];
        w->p = p;
        w->slot = first_slot + i;
        w->pace = 4;
        call_init(&w->hands.call);
        w->hands.call.log = pipeline_log;
        w->hands.call.log_arg = wi;
        w->hands.failed = on_failed;
        w->hands.drop = on_drop;
        w->hands.arg = w;
        if (pthread_create(&w->thread, NULL, work, w) != 0)
            abort();
    }
    return p;
}

void
pipeline_free(struct pipeline *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->quit = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->n_workers; i++) {
        pthread_join(p->workers[i].thread, NULL);
        row_hands_fini(&p->workers[i].hands);
    }
    free(p->workers);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->over);
    free(p);
}

/* ---- a job ---- */

void
pipeline_run(struct pipeline *p, const struct job *j, struct feed *f, struct pipeline_end *ret)
{
    atomic_store(&logs, 0);
    pthread_mutex_lock(&p->lock);
    p->job = j;
    p->feed = f;
    p->rows = xcalloc(j->window, sizeof *p->rows);
    p->n_rows = 0;
    p->free = NULL;
    p->feed_over = p->feed_blocked = p->link_blocked = p->alone = false;
    p->failed = false;
    p->look = p->stop_now;
    p->units_done = 0;
    p->bytes = 0;
    p->end = (struct pipeline_end){ .state = PIPELINE_DONE, .row = -1 };
    pthread_cond_broadcast(&p->work);
    while (!is_over(p))
        pthread_cond_wait(&p->over, &p->lock);
    if (!p->failed && p->stop)
        p->end.state = PIPELINE_STOPPED;
    *ret = p->end;
    p->end = (struct pipeline_end){ 0 };
    p->job = NULL;
    p->feed = NULL;
    for (size_t i = 0; i < p->n_rows; i++) {
        row_fini(p->rows[i]);
        free(p->rows[i]);
    }
    free(p->rows);
    p->rows = NULL;
    p->n_rows = 0;
    p->free = NULL;
    pthread_mutex_unlock(&p->lock);
}

/* ---- the I/O thread ---- */

void
pipeline_post(struct pipeline *p, struct ask_event *list)
{
    size_t n = 0;
    pthread_mutex_lock(&p->lock);
    for (struct ask_event *e = list, *next; e != NULL; e = next) {
        struct row *r = e->ask->owner;
        next = e->next;
        e->next = NULL;
        *r->inbox_end = e;
        r->inbox_end = &e->next;
        if (r->state == ROW_WAITING) {
            enqueue(p, r);
            n++;
        }
    }
    wake(p, n);
    pthread_mutex_unlock(&p->lock);
}

void
pipeline_kick(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    p->kicks++;
    p->feed_blocked = false;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
}

void
pipeline_stop(struct pipeline *p, bool now)
{
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    p->stop_now |= now;
    p->look = p->look || now;
    if (now && p->rows != NULL)
        look_again(p);
    check_over(p);
    pthread_mutex_unlock(&p->lock);
}

void
pipeline_rearm(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    p->stop = p->stop_now = false;
    pthread_mutex_unlock(&p->lock);
}

void
pipeline_written(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    if (p->link_blocked)
        mind_the_link(p);
    pthread_mutex_unlock(&p->lock);
}

struct pipeline_count
pipeline_count(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    struct pipeline_count c = { p->units_done, p->in_flight };
    pthread_mutex_unlock(&p->lock);
    return c;
}
