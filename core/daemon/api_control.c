#include "config.h"

#include <stdlib.h>

#include "common/mem.h"
#include "daemon/api.h"

#define PARKED_WAIT_MS 20000 /* beyond shutdown_grace: a runner that does not stop is killed */

/* A request about a job, until the scheduler has done it. */
struct control {
    struct request *rq;
    struct api *api; /* held */
    int64_t job;
};

static struct control *
control_new(struct request *rq, const struct job_info *job)
{
    struct control *c = xmalloc(sizeof *c);
    *c = (struct control){ rq, api_hold(rq->api), job->id };
    return c;
}

/* Answers by how when it was done; the job may take wait_ms to get there. */
static void
end(struct control *c, int wait_ms, api_answer_fn *how, const struct err *err)
{
    if (err != NULL)
        request_fail(c->rq, err);
    else
        api_wait_job(c->rq, c->api, c->job, wait_ms, how);
    api_release(c->api);
    free(c);
}

static void
on_done(void *arg, const struct err *err)
{
    end(arg, 0, api_answer_job, err);
}

/* It may have come to its end before it could be stopped. */
static void
answer_paused(struct request *rq, const struct job_info *job)
{
    if (job->state >= JOB_COMPLETED)
        api_fail(rq, ERR_CONFLICT, "Job %lld has ended, Status: %s", (long long)job->id,
                 job_state_name(job->state));
    else
        api_answer_job(rq, job);
}

static void
on_paused(void *arg, const struct err *err)
{
    struct control *c = arg;
    end(c, c->api->conf->shutdown_grace_ms + PARKED_WAIT_MS, answer_paused, err);
}

void
api_job_pause(struct request *rq)
{
    const struct job_info *job = api_own_job(rq);
    if (job != NULL)
        sched_pause(rq->api->sched, job->id, on_paused, control_new(rq, job));
}

void
api_job_resume(struct request *rq)
{
    const struct job_info *job = api_own_job(rq);
    if (job != NULL)
        sched_resume(rq->api->sched, job->id, on_done, control_new(rq, job));
}

void
api_job_retry(struct request *rq)
{
    const struct job_info *job = api_own_job(rq);
    if (job != NULL)
        sched_retry(rq->api->sched, job->id, on_done, control_new(rq, job));
}

/* ---- rescore ---- */

struct rescore {
    struct control c;
    int wait_ms;
};

static void
rescore_free(struct rescore *r)
{
    api_release(r->c.api);
    free(r);
}

static void
on_rescored(void *arg, int64_t job_id, const struct err *err)
{
    struct rescore *r = arg;
    if (err != NULL)
        request_fail(r->c.rq, err);
    else
        api_wait_job(r->c.rq, r->c.api, job_id, r->wait_ms, api_answer_run);
    rescore_free(r);
}

static void
on_spec(void *arg, struct str text, const struct err *err)
{
    struct rescore *r = arg;
    struct request *rq = r->c.rq;
    struct err mine;
    CLEANUP_JSON json_object *parent = NULL;
    json_object *spec = NULL, *in = rq->in;
    if (err == NULL
        && (json_parse(text, &parent, NULL, &mine) < 0
            || spec_of_rescore(&r->c.api->spec, parent, json_get(in, "scoring_functions"),
                               json_get(in, "scoring_params"), json_get(in, "roles"), &spec,
                               &mine) < 0))
        err = &mine;
    if (err != NULL) {
        request_fail(rq, err);
        rescore_free(r);
        return;
    }
    sched_rescore(r->c.api->sched, r->c.job, rq->uid, spec, on_rescored, r);
}

void
api_job_rescore(struct request *rq)
{
    const struct job_info *job = api_own_job(rq);
    if (job == NULL)
        return;
    if (job->state < JOB_COMPLETED) { /* said before anything about the body */
        api_fail(rq, ERR_CONFLICT, "Job %lld has not ended, Status: %s", (long long)job->id,
                 job_state_name(job->state));
        return;
    }
    struct rescore *r = xmalloc(sizeof *r);
    r->c = (struct control){ rq, api_hold(rq->api), job->id };
    r->wait_ms = api_wait_wanted(rq);
    sched_read_spec(rq->api->sched, job->id, on_spec, r);
}
