#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/access.h"
#include "daemon/api.h"

#define LIST_LOOKS 2000 /* jobs looked at, and */
#define LIST_BYTES (64u << 10) /* written, between other requests */

static const struct job_info *
job_seen(struct request *rq, const char *text)
{
    int64_t id = -1;
    char same[24];
    if (text[0] >= '0' && text[0] <= '9')
        id = strtoll(text, NULL, 10);
    snprintf(same, sizeof same, "%" PRId64, id);
    const struct job_info *job = NULL;
    if (strcmp(same, text) == 0) /* ids have one spelling */
        job = sched_job(rq->api->sched, id);
    return job != NULL && access_sees(rq, job->owner) ? job : NULL;
}

static const struct job_info *
not_found(struct request *rq, const char *text)
{
    api_fail(rq, ERR_INVALID, "Job %.200s not found", text);
    return NULL;
}

const struct job_info *
api_seen_job(struct request *rq, const char *id)
{
    const struct job_info *job = job_seen(rq, id);
    return job != NULL ? job : not_found(rq, id);
}

const struct job_info *
api_named_job(struct request *rq)
{
    const struct benchmark *b = api_routed_benchmark(rq);
    if (b == NULL)
        return NULL;
    const struct job_info *job = job_seen(rq, rq->params[1]);
    if (job != NULL && strcmp(job->benchmark, b->id) == 0)
        return job;
    return not_found(rq, rq->params[1]);
}

const struct job_info *
api_own_job(struct request *rq)
{
    const struct job_info *job = api_named_job(rq);
    if (job == NULL)
        return NULL;
    char what[40];
    struct err err;
    snprintf(what, sizeof what, "job %" PRId64, job->id);
    if (access_owns(rq, job->owner, what, &err) == 0)
        return job;
    request_fail(rq, &err);
    return NULL;
}

void
api_job_status(struct request *rq)
{
    const struct job_info *job = api_named_job(rq);
    if (job != NULL)
        api_answer_job(rq, job);
}

void
api_job_cancel(struct request *rq)
{
    const struct job_info *job = api_own_job(rq);
    if (job != NULL)
        sched_cancel(rq->api->sched, job->id, api_done_nothing, rq);
}

static void
on_detail(void *arg, struct str json, const struct err *err)
{
    if (err != NULL) {
        request_fail(arg, err);
        return;
    }
    struct text t = TEXT_INIT;
    text_put_str(&t, json);
    request_reply(arg, 200, &t);
}

void
api_job_detail(struct request *rq)
{
    const struct job_info *job = api_named_job(rq);
    if (job != NULL)
        sched_detail(rq->api->sched, job->id, on_detail, rq);
}

/* ----------------------------------------------------------------------------------- result */

struct result {
    struct request *rq;
    struct sched_result *result;
};

static void
on_result(void *arg, struct str chunk, bool end, const struct err *err)
{
    struct result *r = arg;
    if (err != NULL)
        request_fail(r->rq, err);
    else
        request_chunk(r->rq, chunk, end);
}

static void
result_next(void *arg)
{
    struct result *r = arg;
    sched_result_next(r->result, on_result, r);
}

static void
result_close(void *arg)
{
    struct result *r = arg;
    sched_result_close(r->result);
    free(r);
}

void
api_job_result(struct request *rq)
{
    static const struct request_source source = { result_next, result_close };
    const struct job_info *job = api_named_job(rq);
    if (job == NULL)
        return;
    if (job->state != JOB_COMPLETED) {
        bool why = job->state == JOB_FAILED && job->error != NULL;
        api_fail(rq, ERR_INVALID, "Job is not completed, Status: %s%s%s",
                 job_state_name(job->state), why ? ": " : "", why ? job->error : "");
        return;
    }
    struct result *r = xmalloc(sizeof *r);
    r->rq = rq;
    r->result = sched_result_open(rq->api->sched, job->id, api_wants_extensions(rq));
    request_stream(rq, &source, r);
}

/* ------------------------------------------------------------------------------------ lists */

static void
add_time(json_object *o, const char *name, int64_t unix_ms)
{
    json_add(o, name, unix_ms > 0 ? json_object_new_int64(unix_ms) : NULL);
}

static json_object *
job_object(const struct job_info *job)
{
    json_object *o = json_object_new_object();
    char id[24];
    snprintf(id, sizeof id, "%" PRId64, job->id);
    json_add_str(o, "job_id", id);
    json_add_str(o, "benchmark_id", job->benchmark);
    json_add_str(o, "status", job_state_name(job->state));
    json_add_int(o, "owner", job->owner);
    add_time(o, "created_at", job->created_unix_ms); /* milliseconds, all three */
    add_time(o, "started_at", job->started_unix_ms);
    add_time(o, "ended_at", job->ended_unix_ms);
    json_add_int(o, "rows_done", job->rows_done);
    json_add(o, "rows_total",
             job->rows_total >= 0 ? json_object_new_int64(job->rows_total) : NULL);
    json_add_int(o, "rows_failed", job->rows_failed);
    json_add_str(o, "error", job->error);
    json_add_bool(o, "paused", job->paused);
    snprintf(id, sizeof id, "%" PRId64, job->parent);
    json_add_str(o, "parent_job_id", job->parent >= 0 ? id : NULL);
    return o;
}

/* A list on its way.  Jobs are looked up by id, so that those that come and go in the meantime
 * neither shift nor repeat any. */
struct list {
    struct request *rq;
    const char *benchmark, *status, *job_id; /* of the request; NULL: any */
    int64_t owner;                           /* -1: any */
    int64_t next, last;                      /* ids still to be looked at */
    int64_t skip, left;                      /* left below 0: all */
    bool begun, some;                        /* the head is out; a job is */
};

static bool
is_wanted(const struct list *l, const struct job_info *job)
{
    char id[24];
    if (l->job_id != NULL)
        snprintf(id, sizeof id, "%" PRId64, job->id);
    return (l->benchmark == NULL || strcmp(job->benchmark, l->benchmark) == 0)
        && (l->status == NULL || strcmp(job_state_name(job->state), l->status) == 0)
        && (l->owner < 0 || l->owner == (int64_t)job->owner)
        && (l->job_id == NULL || strcmp(id, l->job_id) == 0)
        && access_sees(l->rq, job->owner);
}

static void
list_next(void *arg)
{
    struct list *l = arg;
    CLEANUP_TEXT struct text t = TEXT_INIT;
    const struct job_info *job = NULL;
    bool more = false;
    if (!l->begun)
        text_puts(&t, "{\"data\":[");
    l->begun = true;
    for (int looks = 0; looks < LIST_LOOKS && t.len < LIST_BYTES; looks++) {
        job = sched_job_from(l->rq->api->sched, l->next);
        if (job != NULL && job->id > l->last)
            job = NULL;
        if (job == NULL)
            break;
        l->next = job->id + 1;
        if (!is_wanted(l, job))
            continue;
        if (l->skip > 0) {
            l->skip--;
            continue;
        }
        more = l->left == 0;
        if (more)
            break;
        CLEANUP_JSON json_object *o = job_object(job);
        if (l->some)
            text_putc(&t, ',');
        l->some = true;
        json_put(&t, o);
        l->left -= l->left > 0;
    }
    bool end = more || job == NULL;
    if (end)
        text_putf(&t, "],\"has_more\":%s}", more ? "true" : "false");
    request_chunk(l->rq, text_str(&t), end);
}

static void
list_close(void *arg)
{
    free(arg);
}

static void
reply_jobs(struct request *rq, const char *benchmark)
{
    static const struct request_source source = { list_next, list_close };
    struct list *l = xmalloc(sizeof *l);
    *l = (struct list){
        .rq = rq,
        .benchmark = benchmark,
        .status = json_get_str(rq->query, "status", NULL),
        .job_id = json_get_str(rq->query, "job_id", NULL),
        .owner = json_get_int(rq->query, "owner", -1),
        .skip = json_get_int(rq->query, "start_index", 0),
        .left = json_get_int(rq->query, "limit", -1),
        .last = INT64_MAX,
    };
    if (l->job_id != NULL) /* a text that is no id matches none */
        l->next = l->last = strtoll(l->job_id, NULL, 10);
    request_stream(rq, &source, l);
}

void
api_list_jobs(struct request *rq)
{
    reply_jobs(rq, NULL);
}

void
api_list_benchmark_jobs(struct request *rq)
{
    const struct benchmark *b = api_routed_benchmark(rq);
    if (b != NULL)
        reply_jobs(rq, rq->params[0]);
}
