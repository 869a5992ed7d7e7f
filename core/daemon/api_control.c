#include "config.h"

#include <stdlib.h>

#include "common/mem.h"
#include "daemon/api.h"
#include "daemon/submit.h"

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
    struct request *rq;
    struct api *api; /* held */
    int64_t parent;
    struct job_origin origin;
    sched_created_fn *created;
    void *arg;
};

static void
on_spec(void *arg, struct str text, const struct err *err)
{
    struct rescore *r = arg;
    struct err mine;
    CLEANUP_JSON json_object *parent = NULL;
    json_object *spec = NULL, *in = r->rq->in;
    if (err == NULL
        && (json_parse(text, &parent, NULL, &mine) < 0
            || spec_of_rescore(&r->api->spec, parent, json_get(in, "scoring_functions"),
                               json_get(in, "scoring_params"), json_get(in, "roles"), &spec,
                               &mine) < 0))
        err = &mine;
    if (err != NULL)
        r->created(r->arg, -1, err);
    else
        sched_rescore(r->api->sched, r->parent, r->rq->uid, spec, &r->origin, r->created,
                      r->arg);
    api_release(r->api);
    free(r);
}

static int
start_rescore(struct request *rq, void *arg, const struct job_origin *origin, int wait_ms,
              sched_created_fn *created, void *created_arg, struct err *err)
{
    (void)wait_ms;
    const struct job_info *job = arg;
    if (job->state < JOB_COMPLETED) /* said before anything about the body */
        return err_set(err, ERR_CONFLICT, "Job %lld has not ended, Status: %s",
                       (long long)job->id, job_state_name(job->state));
    struct rescore *r = xmalloc(sizeof *r);
    *r = (struct rescore){ rq, api_hold(rq->api), job->id, *origin, created, created_arg };
    sched_read_spec(rq->api->sched, job->id, on_spec, r);
    return 0;
}

void
api_job_rescore(struct request *rq)
{
    const struct job_info *job = api_own_job(rq);
    if (job == NULL)
        return;
    CLEANUP_FREE char *what = xasprintf("rescore %lld", (long long)job->id);
    submit_once(rq, what, start_rescore, (void *)(uintptr_t)job);
}
