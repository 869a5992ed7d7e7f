#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/api.h"
#include "daemon/submit.h"

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

static int
start(struct request *rq, void *arg, const struct job_origin *origin, sched_created_fn *created,
      void *created_arg, struct err *err)
{
    const struct benchmark *b = arg;
    json_object *spec = NULL;
    struct dataset_snapshot snapshot;
    if (prepare(rq, b, &spec, &snapshot, err) < 0)
        return -1;
    sched_submit(rq->api->sched, b->id, rq->uid, spec, &snapshot, origin, created, created_arg);
    return 0;
}

void
api_run_eval(struct request *rq)
{
    const struct benchmark *b = api_routed_benchmark(rq);
    if (b == NULL)
        return;
    CLEANUP_FREE char *what = xasprintf("run %s", b->id);
    submit_once(rq, what, start, (void *)(uintptr_t)b);
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
