#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/api.h"
#include "daemon/prefer.h"
#include "daemon/reruns.h"

/* A run_eval between its request and its answer. */
struct run {
    struct request *rq;
    struct api *api; /* held */
    struct rerun_key key;
    int64_t job;
    int wait_ms;
    struct sched_waiter *waiter;
    json_object *spec; /* until the job is submitted */
};

static void
run_free(struct run *run)
{
    api_release(run->api);
    json_object_put(run->spec);
    free(run);
}

/* What the job is by now; how it failed, if it has. */
static void
answer(struct run *run)
{
    struct request *rq = run->rq;
    const struct job_info *job = request_gone(rq) ? NULL : sched_job(run->api->sched, run->job);
    run_free(run);
    if (job == NULL) {
        request_drop(rq);
    } else if (job->state == JOB_FAILED) {
        struct err err = { .code = ERR_INTERNAL };
        err_set(&err, job->error_code != ERR_NONE ? job->error_code : ERR_INTERNAL, "%s",
                job->error != NULL ? job->error : "the job failed");
        request_fail_code(rq, &err, api_row_code(err.code));
    } else {
        struct text t = TEXT_INIT;
        text_putf(&t, "{\"job_id\":\"%lld\",\"status\":\"%s\"}", (long long)job->id,
                  job_state_name(job->state));
        request_reply(rq, 200, &t);
    }
}

static void
on_waited(void *arg)
{
    struct run *run = arg;
    run->waiter = NULL;
    answer(run);
}

static void
on_run_hangup(void *arg)
{
    struct run *run = arg;
    struct request *rq = run->rq;
    sched_unwait(run->waiter); /* the job goes on */
    run_free(run);
    request_drop(rq);
}

static void
wait_for_job(struct run *run)
{
    if (run->wait_ms == 0 || request_gone(run->rq)) {
        answer(run);
        return;
    }
    run->waiter = sched_wait(run->api->sched, run->job, run->wait_ms, on_waited, run);
    request_on_hangup(run->rq, on_run_hangup, run);
}

static void
on_created(void *arg, int64_t job_id, const struct err *err)
{
    struct run *run = arg;
    struct request *rq = run->rq;
    if (err != NULL) {
        run_free(run);
        request_fail(rq, err);
        return;
    }
    run->job = job_id;
    reruns_add(run->api->reruns, run->api->sched, &run->key, job_id);
    wait_for_job(run);
}

static void
take_preference(void *arg, const char *value)
{
    prefer_parse(arg, value);
}

static int
wait_wanted(struct request *rq)
{
    struct prefer prefer = { .async = false };
    CLEANUP_TEXT struct text applied = TEXT_INIT;
    request_each_header(rq, "Prefer", take_preference, &prefer);
    prefer_put_applied(&prefer, &applied);
    if (applied.len > 0)
        request_put_header(rq, "Preference-Applied", applied.ptr);
    return prefer_wait_ms(&prefer, rq->api->conf->run_eval_wait_ms);
}

/* Everything that can be wrong is found before a job is made. */
static int
prepare(struct request *rq, const struct benchmark *b, json_object **ret_spec,
        const struct dataset **ret_dataset, struct err *err)
{
    const struct api *api = rq->api;
    const struct dataset *ds = catalog_dataset(api->catalog, b->dataset_id);
    if (ds == NULL)
        return err_set(err, ERR_INVALID, "Dataset `%.200s` not served by provider: `localfs`. "
                       "Make sure there is an DatasetIO provider serving this dataset.",
                       b->dataset_id);
    if (json_object_array_length(b->scoring_functions) == 0)
        return err_set(err, ERR_INVALID, "Benchmark '%.200s' has no scoring functions", b->id);
    CLEANUP_JSON json_object *spec = NULL;
    if (spec_of_eval(&api->spec, json_get(rq->in, "benchmark_config"), b->scoring_functions,
                     b->metadata, false, &spec, err) < 0)
        return -1;
    *ret_spec = TAKE(spec);
    *ret_dataset = ds;
    return 0;
}

static void
submit(void *arg, const struct dataset *ds, const struct err *err)
{
    struct run *run = arg;
    struct request *rq = run->rq;
    struct api *api = run->api;
    struct dataset_snapshot snapshot;
    struct err why;
    const struct benchmark *b =
        ds != NULL ? catalog_benchmark(api->catalog, rq->params[0]) : NULL;
    if (ds != NULL && (b == NULL || strcmp(b->dataset_id, ds->id) != 0)) {
        err_set(&why, ERR_CONFLICT, "benchmark '%.200s' has changed while its data set was "
                "fetched", rq->params[0]);
        err = &why;
    } else if (ds != NULL
               && dataset_open(api->conf, api->store, ds, &snapshot, &why) < 0) {
        err = &why;
    }
    if (err != NULL) {
        run_free(run);
        request_fail(rq, err);
        return;
    }
    sched_submit(api->sched, b->id, rq->uid, TAKE(run->spec), &snapshot, on_created, run);
}

void
api_run_eval(struct request *rq)
{
    const struct benchmark *b = api_routed_benchmark(rq);
    if (b == NULL)
        return;
    struct api *api = rq->api;
    struct rerun_key key = reruns_key(b->id, rq->uid, rq->in);
    const char *retry = request_header(rq, "x-stainless-retry-count");
    int64_t running = -1;
    if (retry != NULL && atoi(retry) > 0)
        running = reruns_find(api->reruns, api->sched, &key);

    struct err err;
    json_object *spec = NULL;
    const struct dataset *ds = NULL;
    if (running < 0 && prepare(rq, b, &spec, &ds, &err) < 0) {
        request_fail(rq, &err);
        return;
    }
    struct run *run = xcalloc(1, sizeof *run);
    *run = (struct run){ .rq = rq, .api = api_hold(api), .key = key, .job = running,
                         .wait_ms = wait_wanted(rq), .spec = spec };
    if (running >= 0)
        wait_for_job(run);
    else
        api_with_dataset(rq, ds, submit, run);
}

void
api_evaluate_rows(struct request *rq)
{
    const struct benchmark *b = api_routed_benchmark(rq);
    if (b == NULL)
        return;
    struct err err;
    json_object *spec = NULL;
    if (spec_of_eval(&rq->api->spec, json_get(rq->in, "benchmark_config"),
                     json_get(rq->in, "scoring_functions"), b->metadata, true, &spec, &err)
        < 0) {
        request_fail(rq, &err);
        return;
    }
    api_call(rq, spec, json_raw(json_get(rq->in, "input_rows")), "scores", true);
}
