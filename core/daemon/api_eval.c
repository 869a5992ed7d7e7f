#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/api.h"
#include "daemon/reruns.h"

/* A run_eval between its request and its answer. */
struct run {
    struct request *rq;
    struct api *api; /* held */
    struct rerun_key key;
    int64_t job;
    int wait_ms;
};

static void
run_free(struct run *run)
{
    api_release(run->api);
    free(run);
}

static void
wait_for_job(struct run *run)
{
    api_wait_job(run->rq, run->api, run->job, run->wait_ms, api_answer_run);
    run_free(run);
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

/* Everything that can be wrong is found before a job is made. */
static int
prepare(struct request *rq, const struct benchmark *b, json_object **ret_spec,
        struct dataset_snapshot *ret_snapshot, struct err *err)
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
    if (dataset_open(api->conf, api->store, ds, ret_snapshot, err) < 0)
        return -1;
    *ret_spec = TAKE(spec);
    return 0;
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
    struct dataset_snapshot snapshot;
    if (running < 0 && prepare(rq, b, &spec, &snapshot, &err) < 0) {
        request_fail(rq, &err);
        return;
    }
    struct run *run = xcalloc(1, sizeof *run);
    *run = (struct run){ .rq = rq, .api = api_hold(api), .key = key, .job = running,
                         .wait_ms = api_wait_wanted(rq) };
    if (running >= 0)
        wait_for_job(run);
    else
        sched_submit(api->sched, b->id, rq->uid, spec, &snapshot, on_created, run);
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
