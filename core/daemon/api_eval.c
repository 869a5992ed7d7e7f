#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/api.h"
#include "daemon/sources.h"
#include "daemon/submit.h"

/* Everything that can be wrong is found before a job is made. */
static int
prepare(struct request *rq, const struct benchmark *b, json_object **ret_spec,
        const struct dataset **ret_dataset, struct err *err)
{
    const struct api *api = rq->api;
    const struct dataset *ds = catalog_routed_dataset(api->catalog, b->dataset_id, err);
    if (ds == NULL)
        return -1;
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

/* A run_eval whose data set may have to be fetched first; the caller may be gone by then. */
struct run {
    struct api *api; /* held */
    uid_t uid;
    char *benchmark, *dataset;
    json_object *spec;
    struct job_origin origin;
    sched_created_fn *created;
    void *arg;
};

static void
run_free(struct run *run)
{
    api_release(run->api);
    free(run->benchmark);
    free(run->dataset);
    json_object_put(run->spec);
    free(run);
}

static void
submit(void *arg, const struct err *err)
{
    struct run *run = arg;
    struct api *api = run->api;
    struct dataset_snapshot snapshot;
    struct err why;
    const struct benchmark *b = catalog_benchmark(api->catalog, run->benchmark);
    const struct dataset *ds = catalog_dataset(api->catalog, run->dataset);
    if (err == NULL && (b == NULL || ds == NULL || strcmp(b->dataset_id, ds->id) != 0)) {
        err_set(&why, ERR_CONFLICT, "benchmark '%.200s' has changed while its data set was "
                "fetched", run->benchmark);
        err = &why;
    } else if (err == NULL
               && dataset_open_unread(api->conf, api->store, ds, &snapshot, &why) < 0) {
        err = &why;
    }
    if (err != NULL)
        run->created(run->arg, -1, err);
    else
        sched_submit(api->sched, b->id, run->uid, TAKE(run->spec), &snapshot, &run->origin,
                     run->created, run->arg);
    run_free(run);
}

static int
start(struct request *rq, void *arg, const struct job_origin *origin, int wait_ms,
      sched_created_fn *created, void *created_arg, struct err *err)
{
    const struct benchmark *b = arg;
    const struct dataset *ds = NULL;
    json_object *spec = NULL;
    if (prepare(rq, b, &spec, &ds, err) < 0)
        return -1;
    struct run *run = xmalloc(sizeof *run);
    *run = (struct run){ .api = api_hold(rq->api), .uid = rq->uid, .benchmark = xstrdup(b->id),
                         .dataset = xstrdup(ds->id), .spec = spec, .origin = *origin,
                         .created = created, .arg = created_arg };
    sources_get(rq->api->sources, ds, wait_ms, submit, run);
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
