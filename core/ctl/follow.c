#include "config.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/io.h"
#include "common/mem.h"
#include "ctl/ctl.h"
#include "ctl/progress.h"

#define POLL_MIN_MS 50
#define POLL_MAX_MS 500
#define PAGE 500
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
follow_find_benchmark(const struct ctl *c, const char *job, struct err *err)
{
    for (size_t start = 0;; start += PAGE) {
        CLEANUP_FREE char *path =
            xasprintf("/v1alpha/eval/jobs?start_index=%zu&limit=%d", start, PAGE);
        CLEANUP_JSON json_object *page = NULL;
        if (client_get_json(c->client, path, NULL, &page, err) < 0)
            return NULL;
        json_object *data = json_get(page, "data");
        size_t n =
            json_object_is_type(data, json_type_array) ? json_object_array_length(data) : 0;
        for (size_t i = 0; i < n; i++) {
            json_object *element = json_object_array_get_idx(data, i);
            if (strcmp(json_get_str(element, "job_id", ""), job) == 0)
                return xstrdup(json_get_str(element, "benchmark_id", ""));
        }
        if (n == 0 || !json_get_bool(page, "has_more", false))
            return ERR_NULL(err, ERR_NOT_FOUND, "job %s not found", job);
    }
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

int
follow_job(const struct ctl *c, const char *benchmark, const char *job, const char *label,
           struct job_end *ret)
{
    CLEANUP_FREE char *path = follow_job_path(c, benchmark, job, "/detail");
    struct progress progress;
    progress_begin(&progress, job, label);
    int64_t away_since_ns = 0;
    for (int wait_ms = POLL_MIN_MS;;) {
        if (ctl_interrupted)
            return interrupted(c, &progress, job);
        CLEANUP_JSON json_object *detail = NULL;
        struct err err;
        if (client_get_json(c->client, path, NULL, &detail, &err) < 0) {
            if (ctl_interrupted)
                return interrupted(c, &progress, job);
            /* A restarted evald takes the job up again: wait for it. */
            int64_t now = time_mono_ns();
            if (away_since_ns == 0)
                away_since_ns = now;
            int status = client_status(c->client);
            if ((status != 0 && status != 503) || now - away_since_ns > AWAY_NS) {
                progress_wipe(&progress);
                return ctl_fail(c, &err);
            }
        } else {
            away_since_ns = 0;
            const char *status = json_get_str(detail, "status", "");
            if (has_ended(status)) {
                progress_end(&progress, detail);
                json_object *counts = json_get(detail, "progress");
                snprintf(ret->status, sizeof ret->status, "%s", status);
                ret->rows_done = json_get_int(counts, "rows_done", 0);
                ret->rows_failed = json_get_int(counts, "rows_failed", 0);
                return CTL_OK;
            }
            progress_show(&progress, detail);
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
