#include "config.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/mem.h"
#include "daemon/api.h"
#include "daemon/prefer.h"

struct wait {
    struct request *rq;
    struct api *api; /* held */
    int64_t job;
    api_answer_fn *answer;
    struct sched_waiter *waiter;
};

static void
wait_free(struct wait *w)
{
    api_release(w->api);
    free(w);
}

static void
answer(struct wait *w)
{
    struct request *rq = w->rq;
    const struct job_info *job = request_gone(rq) ? NULL : sched_job(w->api->sched, w->job);
    api_answer_fn *how = w->answer;
    wait_free(w);
    if (job == NULL)
        request_drop(rq);
    else
        how(rq, job);
}

static void
on_waited(void *arg)
{
    struct wait *w = arg;
    w->waiter = NULL;
    answer(w);
}

static void
on_hangup(void *arg)
{
    struct wait *w = arg;
    struct request *rq = w->rq;
    sched_unwait(w->waiter); /* the job goes on */
    wait_free(w);
    request_drop(rq);
}

void
api_wait_job(struct request *rq, struct api *api, int64_t job, int wait_ms,
             api_answer_fn *how)
{
    struct wait *w = xcalloc(1, sizeof *w);
    *w = (struct wait){ .rq = rq, .api = api_hold(api), .job = job, .answer = how };
    if (wait_ms == 0 || request_gone(rq)) {
        answer(w);
        return;
    }
    w->waiter = sched_wait(api->sched, job, wait_ms, on_waited, w);
    request_on_hangup(rq, on_hangup, w);
}

void
api_answer_job(struct request *rq, const struct job_info *job)
{
    struct text t = TEXT_INIT;
    text_putf(&t, "{\"job_id\":\"%" PRId64 "\",\"status\":\"%s\"}", job->id,
              job_state_name(job->state));
    request_reply(rq, 200, &t);
}

void
api_answer_run(struct request *rq, const struct job_info *job)
{
    if (job->state != JOB_FAILED) {
        api_answer_job(rq, job);
        return;
    }
    struct err err;
    err_set(&err, job->error_code != ERR_NONE ? job->error_code : ERR_INTERNAL, "%s",
            job->error != NULL ? job->error : "the job failed");
    request_fail_code(rq, &err, api_row_code(err.code));
}

static void
take_preference(void *arg, const char *value)
{
    prefer_parse(arg, value);
}

int
api_wait_wanted(struct request *rq)
{
    struct prefer prefer = { .async = false };
    CLEANUP_TEXT struct text applied = TEXT_INIT;
    request_each_header(rq, "Prefer", take_preference, &prefer);
    prefer_put_applied(&prefer, &applied);
    if (applied.len > 0)
        request_put_header(rq, "Preference-Applied", applied.ptr);
    return prefer_wait_ms(&prefer, rq->api->conf->run_eval_wait_ms);
}
