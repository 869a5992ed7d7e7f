#include "config.h"

#include <string.h>
#include <time.h>

#include "common/io.h"
#include "common/mem.h"
#include "ctl/ctl.h"
#include "ctl/events.h"
#include "ctl/progress.h"

#define POLL_MIN_MS 50
#define POLL_MAX_MS 500
/* How long evald may be away, for a restart, before following gives up. */
#define AWAY_NS (15 * INT64_C(1000000000))

char *
follow_job_path(const struct ctl *c, const char *benchmark, const char *job, const char *tail)
{
    CLEANUP_FREE char *b = client_escape(c->client, benchmark);
    CLEANUP_FREE char *j = client_escape(c->client, job);
    return xasprintf("/v1alpha/eval/benchmarks/%s/jobs/%s%s", b, j, tail);
}

char *
follow_find_benchmark(const struct ctl *c, const char *job, bool *paused, struct err *err)
{
    CLEANUP_FREE char *id = client_escape(c->client, job);
    CLEANUP_FREE char *path = xasprintf("/v1alpha/eval/jobs?job_id=%s", id);
    CLEANUP_JSON json_object *list = NULL;
    if (client_get_json(c->client, path, NULL, &list, err) < 0)
        return NULL;
    json_object *data = json_get(list, "data");
    json_object *one =
        json_object_is_type(data, json_type_array) && json_object_array_length(data) == 1
            ? json_object_array_get_idx(data, 0)
            : NULL;
    if (one == NULL || strcmp(json_get_str(one, "job_id", ""), job) != 0)
        return ERR_NULL(err, ERR_NOT_FOUND, "job %s not found", job);
    if (paused != NULL)
        *paused = json_get_bool(one, "paused", false);
    return xstrdup(json_get_str(one, "benchmark_id", ""));
}

static void
pause_ms(int ms)
{
    struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };
    nanosleep(&ts, NULL); /* a signal ends it early, which is what we want */
}

static int
interrupted(const struct ctl *c, struct progress *p, const char *job)
{
    progress_wipe(p);
    const char *option = ctl_socket_option(c);
    fprintf(stderr,
            "job %s goes on; follow it: evalctl%s follow %s; cancel it: evalctl%s cancel %s\n",
            job, option, job, option, job);
    return CTL_INTERRUPTED;
}

static bool
has_ended(const char *status)
{
    return strcmp(status, "completed") == 0 || strcmp(status, "failed") == 0
           || strcmp(status, "cancelled") == 0;
}

struct following {
    const struct ctl *c;
    struct progress *progress;
    bool heard; /* something of evald */
    bool live;  /* what was is told, what comes is what happens */
};

void
follow_say_paused(const struct ctl *c, const char *job)
{
    fprintf(stderr, "job %s: paused; let it go on: evalctl%s resume %s\n", job,
            ctl_socket_option(c), job);
}

static void
on_event(void *arg, const char *kind, struct str data, json_object *json)
{
    (void)data;
    struct following *f = arg;
    f->heard = true;
    if (f->live && strcmp(kind, "paused") == 0) {
        progress_wipe(f->progress);
        follow_say_paused(f->c, f->progress->job);
    }
    if (strcmp(kind, "progress") != 0)
        return;
    f->live = true;
    CLEANUP_JSON json_object *detail = json_object_new_object();
    json_add(detail, "progress", json_object_get(json));
    progress_show(f->progress, detail);
}

/* A restarted evald takes the job up again: is it still worth while to wait for it? */
static bool
may_come_back(const struct ctl *c, int64_t *away_since_ns)
{
    int64_t now = time_mono_ns();
    if (*away_since_ns == 0)
        *away_since_ns = now;
    int status = client_status(c->client);
    return (status == 0 || status / 100 == 2 || status == 503)
        && now - *away_since_ns <= AWAY_NS;
}

int
follow_job(const struct ctl *c, const char *benchmark, const char *job, const char *label,
           struct job_end *ret)
{
    CLEANUP_FREE char *detail_path = follow_job_path(c, benchmark, job, "/detail");
    CLEANUP_FREE char *events_path = follow_job_path(c, benchmark, job, "/events");
    __attribute__((cleanup(events_fini))) struct events events = { .last = "" };
    struct progress progress;
    progress_begin(&progress, job, label);
    struct following following = { .c = c, .progress = &progress };
    int64_t away_since_ns = 0;
    for (int wait_ms = POLL_MIN_MS;;) {
        CLEANUP_JSON json_object *detail = NULL;
        struct err err;
        following.heard = false;
        int rc = events_read(c, events_path, &events, on_event, &following, &err);
        if (following.heard)
            away_since_ns = 0;
        if (rc == 0)
            rc = client_get_json(c->client, detail_path, NULL, &detail, &err);
        if (ctl_interrupted)
            return interrupted(c, &progress, job);
        if (rc < 0 && !may_come_back(c, &away_since_ns)) {
            progress_wipe(&progress);
            return ctl_fail(c, &err);
        }
        const char *status = json_get_str(detail, "status", "");
        if (has_ended(status)) {
            progress_end(&progress, detail);
            json_object *counts = json_get(detail, "progress");
            snprintf(ret->status, sizeof ret->status, "%s", status);
            ret->rows_done = json_get_int(counts, "rows_done", 0);
            ret->rows_failed = json_get_int(counts, "rows_failed", 0);
            return CTL_OK;
        }
        pause_ms(wait_ms);
        wait_ms = wait_ms * 3 / 2 < POLL_MAX_MS ? wait_ms * 3 / 2 : POLL_MAX_MS;
    }
}

int
follow_exit(const struct job_end *end)
{
    if (strcmp(end->status, "cancelled") == 0)
        return CTL_CANCELLED;
    if (strcmp(end->status, "completed") != 0)
        return CTL_FAILED;
    return end->rows_failed > 0 ? CTL_ROWS : CTL_OK;
}
