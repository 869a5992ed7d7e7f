#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/access.h"
#include "daemon/api.h"

const struct job_info *
api_named_job(struct request *rq)
{
    const struct benchmark *b = api_routed_benchmark(rq);
    if (b == NULL)
        return NULL;
    const char *text = rq->params[1];
    int64_t id = -1;
    char same[24];
    if (text[0] >= '0' && text[0] <= '9')
        id = strtoll(text, NULL, 10);
    snprintf(same, sizeof same, "%" PRId64, id);
    const struct job_info *job = NULL;
    if (strcmp(same, text) == 0) /* ids have one spelling */
        job = sched_job(rq->api->sched, id);
    if (job != NULL && strcmp(job->benchmark, b->id) == 0 && access_sees(rq, job->owner))
        return job;
    api_fail(rq, ERR_INVALID, "Job %.200s not found", text);
    return NULL;
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

static bool
is_wanted(const struct job_info *job, json_object *query, const char *benchmark)
{
    const char *status = json_get_str(query, "status", NULL);
    int64_t owner = json_get_int(query, "owner", -1);
    return (benchmark == NULL || strcmp(job->benchmark, benchmark) == 0)
        && (status == NULL || strcmp(job_state_name(job->state), status) == 0)
        && (owner < 0 || owner == (int64_t)job->owner);
}

static void
reply_jobs(struct request *rq, const char *benchmark)
{
    int64_t start = json_get_int(rq->query, "start_index", 0);
    int64_t limit = json_get_int(rq->query, "limit", -1), met = 0, given = 0;
    bool has_more = false;
    json_object *list = json_object_new_array();
    const struct job_info *job;
    for (size_t i = 0; !has_more && (job = sched_job_at(rq->api->sched, i)) != NULL; i++) {
        if (!is_wanted(job, rq->query, benchmark) || met++ < start)
            continue;
        if (limit >= 0 && given == limit) {
            has_more = true;
        } else {
            json_object_array_add(list, job_object(job));
            given++;
        }
    }
    json_object *o = json_object_new_object();
    json_add(o, "data", list);
    json_add_bool(o, "has_more", has_more);
    request_reply_json(rq, o);
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
        reply_jobs(rq, b->id);
}
