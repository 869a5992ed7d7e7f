#include "config.h"

#include "common/mem.h"
#include "daemon/api.h"

/* The answer to a request that names no function at all. */
static void
reply_nothing(struct request *rq, const char *dataset_id)
{
    json_object *o = json_object_new_object();
    if (dataset_id != NULL)
        json_add_str(o, "dataset_id", dataset_id);
    json_add(o, "results", json_object_new_object());
    if (api_wants_extensions(rq))
        json_add(o, "statistics", json_object_new_object());
    request_reply_json(rq, o);
}

void
api_score(struct request *rq)
{
    json_object *functions = json_get(rq->in, "scoring_functions");
    if (json_object_object_length(functions) == 0) {
        reply_nothing(rq, NULL);
        return;
    }
    struct err err;
    json_object *spec = NULL;
    if (spec_of_scoring(&rq->api->spec, functions, &spec, &err) < 0) {
        request_fail(rq, &err);
        return;
    }
    api_call(rq, spec, json_raw(json_get(rq->in, "input_rows")), "results", false);
}

/* A score-batch whose data set is being made rows of. */
struct batch {
    struct request *rq;
    json_object *spec;
    struct dataset_snapshot snapshot;
    char *dataset;
    bool failed;
    struct err err;
};

static void
run_convert(void *arg)
{
    struct batch *b = arg;
    b->failed = dataset_convert(&b->snapshot, &b->err) < 0;
}

static void
score_converted(void *arg)
{
    struct batch *b = arg;
    if (b->failed)
        request_fail(b->rq, &b->err);
    else if (request_gone(b->rq))
        request_drop(b->rq);
    else
        api_call_dataset(b->rq, TAKE(b->spec), &b->snapshot, b->dataset);
    dataset_snapshot_fini(&b->snapshot);
    json_object_put(b->spec);
    free(b->dataset);
    free(b);
}

static void
score_dataset(void *arg, const struct dataset *ds, const struct err *failed)
{
    struct request *rq = arg;
    struct dataset_snapshot snapshot;
    struct err err;
    CLEANUP_JSON json_object *spec = NULL;
    if (ds == NULL) {
        request_fail(rq, failed);
        return;
    }
    if (spec_of_scoring(&rq->api->spec, json_get(rq->in, "scoring_functions"), &spec, &err) < 0
        || dataset_open_unread(rq->api->conf, rq->api->store, ds, &snapshot, &err) < 0) {
        request_fail(rq, &err);
        return;
    }
    struct batch *b = xcalloc(1, sizeof *b);
    *b = (struct batch){ .rq = rq, .spec = TAKE(spec), .snapshot = snapshot,
                         .dataset = xstrdup(ds->id) };
    worker_run(store_reader(rq->api->store), run_convert, score_converted, b);
}

void
api_score_batch(struct request *rq)
{
    const char *id = json_get_str(rq->in, "dataset_id", "");
    struct err err;
    const struct dataset *ds = catalog_routed_dataset(rq->api->catalog, id, &err);
    if (json_get_bool(rq->in, "save_results_dataset", false))
        api_fail(rq, ERR_NOTSUP, "Save results dataset not implemented yet");
    else if (ds == NULL)
        request_fail(rq, &err);
    else if (json_object_object_length(json_get(rq->in, "scoring_functions")) == 0)
        reply_nothing(rq, ds->id);
    else
        api_with_dataset(rq, ds, score_dataset, rq);
}
