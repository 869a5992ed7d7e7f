#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/crumb.h"
#include "common/io.h"
#include "common/log.h"
#include "common/mem.h"
#include "runner/finish.h"
#include "runner/load.h"
#include "runner/pipeline.h"
#include "runner/runner.h"
#include "runner/sandbox.h"
#include "runner/source.h"
#include "runner/watch.h"

#define PROGRESS_NS  INT64_C(200000000)
#define WATCH_NS     INT64_C(100000000)
#define THREAD_STACK (4u << 20)

struct runner {
    struct runner_opts opts;
    struct wire *wire;
    struct asks *asks;
    struct pipeline *pipeline;
    struct scored *scored;
    struct source *source; /* of mode "source"; NULL: events are the pipeline's */
    int event_fd;
    atomic_bool woken;
    atomic_bool stop; /* a STOP came for the job */

    pthread_mutex_t lock; /* guards the following */
    pthread_cond_t came;
    struct job *job;      /* read and not yet taken by the job thread */
    struct feed *feed;    /* of the running job, for DONE and progress */
    bool busy, quit, over;/* a job runs; no other will come; the job thread has ended */
    int64_t rows_total;   /* of the running job; -1: not known */
    uint32_t epochs;

    /* the job thread's */
    struct load load;
    bool dropped;

    /* the I/O thread's */
    int64_t limit_ns, park_at_ns, progress_at_ns;
    struct pipeline_count told;
    int64_t told_total;
    bool parked;
};

static void
wake(void *arg)
{
    struct runner *r = arg;
    if (!atomic_exchange(&r->woken, true)) {
        uint64_t one = 1;
        while (write(r->event_fd, &one, sizeof one) < 0 && errno == EINTR)
            ;
    }
}

/* ---- the job thread ---- */

static void
ask_done(void *arg, uint64_t from)
{
    struct runner *r = arg;
    wire_next_done(r->wire, from);
}

static const char *
code_of(enum err_code code)
{
    switch (code) {
    case ERR_INVALID:
    case ERR_NOTSUP:
        return "config";
    case ERR_PLUGIN:
        return "plugin";
    case ERR_IO:
        return "dataset";
    default:
        return "internal";
    }
}

struct counting {
    struct runner *r;
    const struct job *j;
    _Atomic bool over; /* all rows have been read: who watches will hear it from END */
};

/* How long the data set is, for who watches. */
static void
count_rows(struct counting *c)
{
    struct runner *r = c->r;
    const struct job *j = c->j;
    struct rows *rows =
        rows_open_until(j->data_fd, j->format, j->size, j->name, &c->over, NULL);
    if (rows != NULL)
        rows_leave_hash(rows);
    int64_t n = rows != NULL ? rows_count(rows, NULL) : -1;
    rows_free(rows);
    if (j->limit >= 0 && n > j->limit)
        n = j->limit;
    pthread_mutex_lock(&r->lock);
    r->rows_total = n;
    pthread_mutex_unlock(&r->lock);
    if (n >= 0)
        wake(r);
}

/* Others may go first: a short job is over before anybody asks how long it will take. */
static void *
count_thread(void *arg)
{
    setpriority(PRIO_PROCESS, (id_t)gettid(), 19);
    count_rows(arg);
    return NULL;
}

static void
publish_feed(struct runner *r, struct feed *f, uint32_t epochs)
{
    pthread_mutex_lock(&r->lock);
    r->feed = f;
    r->epochs = epochs;
    pthread_mutex_unlock(&r->lock);
}

/* Rows, then aggregates; fills what END says, but for its message: that is why. */
static void
run_open_job(struct runner *r, struct job *j, struct call *c, struct wire_end *e,
             char ret_hash[33], struct text *why)
{
    struct err err = { 0 };
    struct feed *f = feed_new(j, ask_done, r, &err);
    if (f == NULL && err.code == ERR_SHUTDOWN) {
        e->state = "stopped";
        return;
    }
    if (f == NULL) {
        e->code = "dataset";
        e->stage = "dataset";
        text_puts(why, err.text);
        return;
    }
    publish_feed(r, f, j->epochs);
    feed_begin(f);
    wire_ready(r->wire, j->id);
    struct counting count = { .r = r, .j = j };
    pthread_t counter;
    bool counting = !j->call && pthread_create(&counter, NULL, count_thread, &count) == 0;

    struct pipeline_end end;
    pipeline_run(r->pipeline, j, f, &end);
    count.over = true;
    if (counting)
        pthread_join(counter, NULL);
    e->rows = feed_rows(f);
    if (!j->call)
        wire_progress(r->wire,
                      (pipeline_count(r->pipeline).units_done + feed_skipped(f)) / j->epochs,
                      end.state == PIPELINE_DONE ? e->rows : -1, 0);
    if (end.state == PIPELINE_FAILED) {
        e->code = end.code;
        e->stage = end.stage;
        e->function = end.function;
        e->plugin = end.plugin;
        e->row = end.row;
        text_puts(why, end.message);
    } else if (end.state == PIPELINE_STOPPED) {
        e->state = "stopped";
    } else {
        const struct job_function *fn = NULL;
        if (feed_hash(f) != NULL) {
            memcpy(ret_hash, feed_hash(f), 33);
            e->hash = ret_hash;
        }
        e->state = "completed";
        if (finish_job(j, f, c, r->scored, r->wire, &fn, &err) < 0) {
            e->state = err.code == ERR_SHUTDOWN ? "stopped" : "failed";
            if (err.code != ERR_SHUTDOWN) {
                e->code = err.code == ERR_INVALID ? "bad_row" : code_of(err.code);
                e->function = fn->id;
                e->plugin = fn->plugin;
                text_puts(why, err.text);
            }
        }
    }
    pipeline_end_fini(&end);
    publish_feed(r, NULL, 1);
    feed_free(f);
}

static void
run_job(struct runner *r, struct job *j, struct call *c)
{
    CLEANUP_TEXT struct text why = TEXT_INIT;
    struct err err = { 0 };
    const char *what = NULL, *plugin = NULL;
    char hash[33];
    struct wire_end e = { .state = "failed", .row = -1 };
    if (job_bind(j, &r->load, &err) < 0) {
        e.code = "config";
        text_puts(&why, err.text);
    } else if (!r->dropped && sandbox_drop(&err) < 0) {
        e.code = "internal";
        text_puts(&why, err.text);
    } else {
        r->dropped = true;
        if (job_open(j, c, &what, &plugin, &err) < 0) {
            e.code = err.code == ERR_INVALID ? "config" : "plugin";
            e.function = what;
            e.plugin = plugin;
            text_puts(&why, err.text);
        } else {
            if (j->source_id != NULL)
                source_run(r->source, j, c, &e, &why);
            else
                run_open_job(r, j, c, &e, hash, &why);
            job_close(j);
        }
    }
    e.message = text_str(&why);
    pthread_mutex_lock(&r->lock);
    r->busy = false; /* the next JOB may come as soon as END is out */
    pthread_mutex_unlock(&r->lock);
    wire_end(r->wire, &e);
}

static void *
job_thread(void *arg)
{
    struct runner *r = arg;
    struct call call;
    watch_thread(0);
    call_init(&call);
    call.log = pipeline_log;
    call.log_arg = r->wire;
    for (;;) {
        pthread_mutex_lock(&r->lock);
        while (r->job == NULL && !r->quit)
            pthread_cond_wait(&r->came, &r->lock);
        struct job *j = r->job;
        r->job = NULL;
        pthread_mutex_unlock(&r->lock);
        if (j == NULL)
            break;
        run_job(r, j, &call);
        job_free(j);
        if (!r->opts.call)
            break;
    }
    call_fini(&call);
    pthread_mutex_lock(&r->lock);
    r->over = true;
    pthread_mutex_unlock(&r->lock);
    wake(r);
    return NULL;
}

/* ---- the I/O thread ---- */

static int
bad_frame(const char *what)
{
    log_error("evald sent what it must not send: %s", what);
    return 1;
}

static int
on_job(struct runner *r, struct str head)
{
    struct err err = { 0 };
    struct job *j = job_parse(head, &err);
    if (j == NULL)
        return bad_frame(err.text);
    for (size_t i = 0; i < j->n_files; i++)
        if (j->files[i].fd >= 0)
            j->files[i].fd = wire_take_fd(r->wire);
    bool source = j->source_id != NULL;
    if (!source)
        j->data_fd = wire_take_fd(r->wire);
    CLEANUP_CLOSE int page = wire_take_fd(r->wire);
    int gateway = wire_take_fd(r->wire);
    if ((j->data_fd < 0 && !source) || page < 0) {
        mem_cleanup_close(&gateway);
        job_free(j);
        return bad_frame("JOB without its descriptors");
    }
    pthread_mutex_lock(&r->lock);
    bool busy = r->busy || r->quit;
    pthread_mutex_unlock(&r->lock);
    if (busy || watch_page(page, &err) < 0) {
        mem_cleanup_close(&gateway);
        job_free(j);
        return bad_frame(busy ? "a JOB while another runs" : err.text);
    }
    if (gateway >= 0) /* with the first JOB of the process */
        asks_attach(r->asks, gateway);
    if (source) /* the only job of its runner */
        r->source = source_new(r->wire, r->asks);
    pipeline_rearm(r->pipeline);
    asks_rearm(r->asks);
    scored_rearm(r->scored);
    atomic_store(&r->stop, false);
    j->stop = &r->stop;
    r->limit_ns = (int64_t)j->plugin_timeout_ms * 1000000;
    r->park_at_ns = INT64_MAX;
    r->parked = false;
    r->progress_at_ns = time_mono_ns() + PROGRESS_NS;
    r->told = (struct pipeline_count){ 0 };
    r->told_total = -1;
    pthread_mutex_lock(&r->lock);
    r->job = j;
    r->busy = true;
    r->rows_total = -1;
    if (!r->opts.call)
        r->quit = true;
    pthread_cond_signal(&r->came);
    pthread_mutex_unlock(&r->lock);
    return 0;
}

static int
on_done(struct runner *r, struct str payload)
{
    struct err err = { 0 };
    int rc = 0;
    pthread_mutex_lock(&r->lock);
    if (r->feed != NULL)
        rc = feed_done(r->feed, payload, &err);
    pthread_mutex_unlock(&r->lock);
    if (rc < 0)
        return bad_frame(err.text);
    pipeline_kick(r->pipeline);
    return 0;
}

static int
on_stop(struct runner *r, struct str head)
{
    static const struct str names[] = { { "why", 3 }, { "grace_ms", 8 } };
    struct jval v[2];
    size_t at;
    int64_t grace = 0;
    if (jtext_scan_object(head, names, 2, v, &at, NULL) < 0 || v[0].kind != J_STRING)
        return bad_frame("a broken STOP");
    jtext_int64(v[1], &grace);
    if (jtext_spells(v[0].raw, STR("quit"))) {
        pthread_mutex_lock(&r->lock);
        r->quit = true;
        pthread_cond_signal(&r->came);
        pthread_mutex_unlock(&r->lock);
        return 0;
    }
    bool park = jtext_spells(v[0].raw, STR("park")) && grace > 0;
    /* those that wait go first: none is to take the place of one that is dropped */
    asks_park(r->asks);
    pipeline_stop(r->pipeline, !park);
    atomic_store(&r->stop, true); /* the pipeline knows already why its rows end */
    scored_stop(r->scored);
    if (r->source != NULL)
        source_stop(r->source);
    if (park)
        r->park_at_ns = time_mono_ns() + (grace < 3600000 ? grace : 3600000) * 1000000;
    return 0;
}

static int
on_frame(void *arg, const struct frame *f)
{
    struct runner *r = arg;
    struct str rest = f->payload, head = STR("{}");
    frame_part(&rest, &head);
    switch (f->type) {
    case FRAME_JOB:
        return on_job(r, head);
    case FRAME_DONE:
        return on_done(r, f->payload);
    case FRAME_SCORED:
        scored_push(r->scored, f->payload);
        return 0;
    case FRAME_STOP:
        return on_stop(r, head);
    case FRAME_GATEWAY: {
        int fd = wire_take_fd(r->wire);
        if (fd < 0)
            return bad_frame("GATEWAY without its descriptor");
        asks_attach(r->asks, fd);
        return 0;
    }
    default:
        return bad_frame(frame_type_name(f->type));
    }
}

/* PROGRESS, when there is some and the last is long enough ago; returns when to look again. */
static int64_t
progress(struct runner *r, int64_t now)
{
    pthread_mutex_lock(&r->lock);
    bool busy = r->feed != NULL;
    uint32_t epochs = r->epochs;
    int64_t total = r->rows_total, skipped = busy ? feed_skipped(r->feed) : 0;
    pthread_mutex_unlock(&r->lock);
    if (!busy)
        return INT64_MAX;
    if (now < r->progress_at_ns)
        return r->progress_at_ns;
    struct pipeline_count c = pipeline_count(r->pipeline);
    c.units_done += skipped;
    if (c.units_done != r->told.units_done || c.in_flight != r->told.in_flight
        || total != r->told_total) {
        wire_progress(r->wire, c.units_done / epochs, total, c.in_flight);
        r->told = c;
        r->told_total = total;
    }
    r->progress_at_ns = now + PROGRESS_NS;
    return r->progress_at_ns;
}

/* Timers, watchdog, progress; returns when the next of them is due. */
static int64_t
tick(struct runner *r, struct ask_event ***end)
{
    int64_t now = time_mono_ns(), next = asks_timers(r->asks, now, end), at;
    pthread_mutex_lock(&r->lock);
    bool busy = r->busy;
    pthread_mutex_unlock(&r->lock);
    if (!busy)
        return next;
    watch_check(now, r->limit_ns);
    at = now + (r->limit_ns / 4 < WATCH_NS ? r->limit_ns / 4 + 1000000 : WATCH_NS);
    next = at < next ? at : next;
    if (r->park_at_ns <= now) {
        pipeline_stop(r->pipeline, true);
        r->park_at_ns = INT64_MAX;
    }
    next = r->park_at_ns < next ? r->park_at_ns : next;
    at = progress(r, now);
    return at < next ? at : next;
}

static int
wait_for(struct runner *r, struct pollfd fds[3], int64_t until)
{
    int ms = -1;
    fds[0] = (struct pollfd){ wire_fd(r->wire), POLLIN, 0 };
    fds[1] = (struct pollfd){ r->event_fd, POLLIN, 0 };
    fds[2] = (struct pollfd){ asks_fd(r->asks), POLLIN, 0 };
    if (wire_wants_write(r->wire))
        fds[0].events |= POLLOUT;
    if (asks_wants_write(r->asks))
        fds[2].events |= POLLOUT;
    if (until != INT64_MAX) {
        int64_t left = until - time_mono_ns();
        if (left > 3600 * INT64_C(1000000000))
            left = 3600 * INT64_C(1000000000);
        ms = left <= 0 ? 0 : (int)((left + 999999) / 1000000);
    }
    return poll(fds, 3, ms);
}

static void
post(struct runner *r, struct ask_event *events)
{
    if (r->source != NULL)
        source_post(r->source, events);
    else
        pipeline_post(r->pipeline, events);
}

/* One round; false when the process is done. */
static bool
round_trip(struct runner *r)
{
    struct ask_event *events = NULL, **end = &events;
    struct pollfd fds[3];
    struct err err = { 0 };
    int64_t until = tick(r, &end);
    if (events != NULL) {
        post(r, events);
        return true;
    }
    if (wait_for(r, fds, until) < 0)
        return errno == EINTR;
    if (fds[1].revents & POLLIN) {
        uint64_t n;
        (void)!read(r->event_fd, &n, sizeof n);
        atomic_store(&r->woken, false);
    }
    if (fds[2].revents & POLLOUT)
        asks_write(r->asks);
    if (fds[2].revents & ~POLLOUT) {
        if (asks_read(r->asks, &end, &err) < 0)
            log_warning("the link to the gateway is over: %s", err.text);
        if (events != NULL)
            post(r, events);
    }
    if (fds[0].revents & POLLOUT)
        wire_write(r->wire);
    pipeline_written(r->pipeline); /* whoever wrote it */
    if (r->source != NULL)
        source_written(r->source);
    if (fds[0].revents & ~POLLOUT) {
        int rc = wire_read(r->wire, on_frame, r, &err);
        if (rc < 0 && err.code != ERR_NONE)
            log_error("the link to evald is over: %s", err.text);
        pthread_mutex_lock(&r->lock);
        bool done = r->over;
        pthread_mutex_unlock(&r->lock);
        if (rc != 0 && !done) /* whatever plugins are at, it is of no use to anyone */
            _exit(rc < 0 && err.code == ERR_NONE ? 0 : 1);
        if (rc != 0)
            return false;
    }
    pthread_mutex_lock(&r->lock);
    bool over = r->over;
    pthread_mutex_unlock(&r->lock);
    return !over || wire_pending(r->wire) > 0;
}

static unsigned
cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return 1;
    int n = CPU_COUNT(&set);
    return n < 1 ? 1 : n > CRUMB_SLOTS - 2 ? CRUMB_SLOTS - 2 : (unsigned)n;
}

int
runner_main(const struct runner_opts *o)
{
    struct runner r = { .opts = *o, .rows_total = -1, .epochs = 1 };
    struct err err = { 0 };
    pthread_t thread;
    pthread_attr_t attr;
    if (sandbox_begin(o->memory_max, 0, &err) < 0) {
        log_error("%s", err.text);
        return 1;
    }
    fcntl(o->link_fd, F_SETFD, FD_CLOEXEC);
    watch_begin();
    watch_thread(CRUMB_SLOTS - 1);
    pthread_mutex_init(&r.lock, NULL);
    pthread_cond_init(&r.came, NULL);
    r.park_at_ns = INT64_MAX;
    r.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r.event_fd < 0) {
        log_error("eventfd: %m");
        return 1;
    }
    /* stacks count against the memory limit, and there is one for each processor */
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK);
    pthread_setattr_default_np(&attr);
    pthread_attr_destroy(&attr);
    r.wire = wire_new(o->link_fd, wake, &r);
    r.asks = asks_new(wake, &r);
    r.scored = scored_new(r.wire);
    r.pipeline = pipeline_new(cpus(), 1, r.wire, r.asks);
    if (pthread_create(&thread, NULL, job_thread, &r) != 0) {
        log_error("a thread cannot be started");
        return 1;
    }
    wire_write(r.wire);
    while (round_trip(&r))
        ;
    pthread_join(thread, NULL);
    pipeline_free(r.pipeline);
    scored_free(r.scored);
    source_free(r.source);
    asks_free(r.asks);
    wire_free(r.wire);
    load_fini(&r.load);
    close(r.event_fd);
    pthread_mutex_destroy(&r.lock);
    pthread_cond_destroy(&r.came);
    return 0;
}
