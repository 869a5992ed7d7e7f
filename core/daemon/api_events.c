#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "common/mem.h"
#include "daemon/access.h"
#include "daemon/api.h"
#include "daemon/journal.h"
#include "daemon/routes.h"

#define PROGRESS_NS   INT64_C(1000000000) /* at most one a second */
#define KEEP_ALIVE_NS (15 * INT64_C(1000000000))

/* A stream of server-sent events.  What the journal has is read piece by piece, as the client
 * takes it; in between the stream waits for a word of the scheduler or for its timer. */
struct events {
    struct request *rq;
    struct api *api; /* held */
    int64_t job;
    char id[24];
    int64_t last;   /* number of the last event sent, or that the client has */
    char kind[24];  /* its kind; empty: not known */
    struct sched_watcher *watcher;
    ev_timer timer;
    int64_t sent_ns;  /* when something was sent last */
    int64_t told_ns;  /* when progress was told last */
    int64_t told[4];  /* ... and what: rows done, of, failed, in flight */
    struct text out;
    bool streaming;   /* the answer has begun */
    bool reading;     /* the journal is asked */
    bool wanted;      /* the client waits for a piece */
    bool news;        /* something has happened since the journal was asked */
    bool closed;
};

static void go_on(struct events *e);

static void
events_free(struct events *e)
{
    ev_timer_stop(sched_loop(e->api->sched), &e->timer);
    sched_unwatch(e->watcher);
    text_fini(&e->out);
    api_release(e->api);
    free(e);
}

static void
send_out(struct events *e, bool end)
{
    e->wanted = false;
    e->sent_ns = time_mono_ns();
    request_chunk(e->rq, text_str(&e->out), end);
    text_clear(&e->out);
}

/* ---- what is told ---- */

static void
put_head(struct events *e, const char *kind)
{
    text_putf(&e->out, "event: %s\ndata: {\"event\":\"%s\",\"job_id\":\"%s\"", kind, kind,
              e->id);
}

static void
put_event(struct events *e, const struct journal_event *event)
{
    text_putf(&e->out, "id: %" PRId64 "\n", event->seq);
    put_head(e, event->kind);
    text_putf(&e->out, ",\"at\":%" PRId64, event->unix_ms);
    if (event->json[0] == '{' && event->json[1] == '"') {
        text_putc(&e->out, ',');
        text_puts(&e->out, event->json + 1);
    } else {
        text_putc(&e->out, '}');
    }
    text_puts(&e->out, "\n\n");
}

/* Without a number, so that who goes on later misses nothing by it. */
static void
put_progress(struct events *e, bool last)
{
    const struct job_info *job = sched_job(e->api->sched, e->job);
    int64_t now[4] = { job->rows_done, job->rows_total, job->rows_failed, job->in_flight };
    int64_t now_ns = time_mono_ns();
    bool soon = e->told_ns != 0 && now_ns - e->told_ns < PROGRESS_NS && !last;
    if (soon || memcmp(now, e->told, sizeof now) == 0)
        return;
    memcpy(e->told, now, sizeof now);
    e->told_ns = now_ns;
    CLEANUP_JSON json_object *progress = sched_progress(e->api->sched, e->job);
    CLEANUP_FREE char *members = json_text(progress);
    put_head(e, "progress");
    text_putf(&e->out, ",%s\n\n", members + 1);
}

/* An end that is in no journal: of a job that never began, or whose disk was full. */
static void
put_end(struct events *e, const struct job_info *job)
{
    const char *state = job_state_name(job->state);
    if (strcmp(state, e->kind) == 0)
        return;
    put_head(e, state);
    text_putf(&e->out, ",\"at\":%" PRId64, job->ended_unix_ms);
    if (job->error != NULL) {
        text_puts(&e->out, ",\"what\":");
        jtext_put_string(&e->out, str_z(job->error));
    }
    text_puts(&e->out, "}\n\n");
}

static bool
is_end(const char *kind)
{
    return strcmp(kind, "completed") == 0 || strcmp(kind, "failed") == 0
        || strcmp(kind, "cancelled") == 0;
}

/* Puts the events; true when the last of all waits, because it tells of an end that is not yet
 * so for the other routes. */
static bool
take_events(struct events *e, const struct journal_event *events, size_t n, bool more,
            bool over)
{
    for (size_t i = 0; i < n; i++) {
        if (events[i].seq > e->last) {
            if (is_end(events[i].kind) && i + 1 == n && !more) {
                if (!over)
                    return true;
                put_progress(e, true);
            }
            put_event(e, &events[i]);
            e->last = events[i].seq;
        }
        snprintf(e->kind, sizeof e->kind, "%s", events[i].kind);
    }
    return false;
}

/* ---- the stream ---- */

/* A stream may last for days: the configuration may have been read again since it began. */
static bool
may_see(const struct events *e)
{
    struct request *rq = e->rq;
    struct err err;
    rq->roles = access_roles(&e->api->conf->access, request_peer(rq));
    return access_check(rq, rq->route->action, &err) == 0
        && access_sees(rq, sched_job(e->api->sched, e->job)->owner);
}

static void
end_unseen(struct events *e)
{
    text_clear(&e->out);
    send_out(e, true);
}

static void
fail(struct events *e, const struct err *err)
{
    struct request *rq = e->rq;
    bool streaming = e->streaming;
    e->wanted = false;
    if (!streaming)
        events_free(e);
    request_fail(rq, err);
}

static void
events_next(void *arg)
{
    struct events *e = arg;
    e->wanted = true;
    if (e->out.len > 0)
        send_out(e, false);
    else
        go_on(e);
}

static void
events_close(void *arg)
{
    struct events *e = arg;
    e->closed = true;
    if (!e->reading)
        events_free(e);
}

/* The first reading is done: is there such an event, and anything to come after it? */
static void
begin(struct events *e, bool known, bool nothing)
{
    static const struct request_source source = { events_next, events_close };
    struct request *rq = e->rq;
    if (request_gone(rq)) {
        events_free(e);
        request_drop(rq);
    } else if (!known) {
        int64_t last = e->last;
        events_free(e);
        api_fail(rq, ERR_INVALID, "Job has no event %" PRId64, last);
    } else if (nothing) {
        events_free(e);
        request_reply(rq, 204, NULL); /* an EventSource does not come back then */
    } else {
        e->streaming = true;
        if (e->out.len == 0)
            text_puts(&e->out, ":\n\n"); /* the client sees an answer at once */
        request_put_type(rq, "text/event-stream");
        request_put_header(rq, "Cache-Control", "no-store");
        request_stream(rq, &source, e);
    }
}

static void
on_events(void *arg, const struct journal_event *events, size_t n, bool more,
          const struct err *err)
{
    struct events *e = arg;
    e->reading = false;
    if (e->closed) {
        events_free(e);
        return;
    }
    if (err != NULL) {
        fail(e, err);
        return;
    }
    struct sched *s = e->api->sched;
    const struct job_info *job = sched_job(s, e->job);
    /* over: nothing was written since the journal was asked */
    bool over = sched_is_over(s, e->job) && !e->news;
    bool known = e->last == 0 || (n > 0 && events[0].seq == e->last);
    bool caught_up = known && n <= (e->last > 0) && !more;
    bool waits = take_events(e, events, n, more, over);
    bool parked = sched_is_stopping(s) && !e->news
        && (job->state != JOB_IN_PROGRESS || strcmp(e->kind, "parked") == 0);
    bool end = !more && !waits && (over || parked);
    if (!e->streaming) {
        begin(e, known, caught_up && end && over && is_end(e->kind));
        return;
    }
    if (!may_see(e)) {
        end_unseen(e);
        return;
    }
    if (end && over)
        put_end(e, job);
    else if (!more && !over)
        put_progress(e, false);
    if (e->out.len > 0 || end)
        send_out(e, end);
    else if (e->news || more)
        go_on(e);
}

static void
go_on(struct events *e)
{
    if (e->reading || e->closed)
        return;
    e->reading = true;
    e->news = false;
    journal_read_events(e->api->store, e->job, e->last, on_events, e);
}

static void
on_news(void *arg)
{
    struct events *e = arg;
    e->news = true;
    if (e->wanted)
        go_on(e);
}

static void
on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)revents;
    struct events *e = w->data;
    if (!e->wanted || e->reading)
        return;
    if (!may_see(e)) {
        end_unseen(e);
        return;
    }
    put_progress(e, false);
    if (e->out.len == 0 && time_mono_ns() - e->sent_ns > KEEP_ALIVE_NS)
        text_puts(&e->out, ":\n\n");
    if (e->out.len > 0)
        send_out(e, false);
}

/* The number of the event after which the client wants to go on. */
static int
take_last(struct request *rq, int64_t *ret, struct err *err)
{
    *ret = json_get_int(rq->query, "after", 0);
    const char *header = request_header(rq, "Last-Event-ID");
    if (header == NULL || *header == '\0')
        return 0;
    size_t digits = strspn(header, "0123456789");
    if (header[digits] != '\0' || digits > 18)
        return err_set(err, ERR_INVALID, "Last-Event-ID '%.40s' is no number of an event",
                       header);
    *ret = strtoll(header, NULL, 10);
    return 0;
}

void
api_job_events(struct request *rq)
{
    struct err err;
    int64_t last;
    const struct job_info *job = api_named_job(rq);
    if (job == NULL)
        return;
    if (take_last(rq, &last, &err) < 0) {
        request_fail(rq, &err);
        return;
    }
    struct events *e = xcalloc(1, sizeof *e);
    *e = (struct events){ .rq = rq, .api = api_hold(rq->api), .job = job->id, .last = last,
                          .told = { -1 } };
    snprintf(e->id, sizeof e->id, "%" PRId64, job->id);
    e->watcher = sched_watch(e->api->sched, job->id, on_news, e);
    ev_timer_init(&e->timer, on_timer, 1., 1.);
    e->timer.data = e;
    ev_timer_start(sched_loop(e->api->sched), &e->timer);
    e->sent_ns = time_mono_ns();
    go_on(e);
}
