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

/* Scores the data set; it is there to be opened. */
static void
score_dataset(struct request *rq, const struct dataset *ds)
{
    json_object *functions = json_get(rq->in, "scoring_functions");
    struct dataset_snapshot snapshot;
    struct err err;
    json_object *spec = NULL;
    if (spec_of_scoring(&rq->api->spec, functions, &spec, &err) == 0
        && dataset_open(rq->api->conf, rq->api->store, ds, &snapshot, &err) == 0) {
        api_call_dataset(rq, spec, &snapshot, ds->id);
        return;
    }
    json_object_put(spec);
    request_fail(rq, &err);
}

void
api_score_batch(struct request *rq)
{
    const char *id = json_get_str(rq->in, "dataset_id", "");
    const struct dataset *ds = catalog_dataset(rq->api->catalog, id);
    if (json_get_bool(rq->in, "save_results_dataset", false))
        api_fail(rq, ERR_NOTSUP, "Save results dataset not implemented yet");
    else if (ds == NULL)
        api_fail(rq, ERR_INVALID, "Dataset `%.200s` not served by provider: `localfs`. Make sure "
                 "there is an DatasetIO provider serving this dataset.", id);
    else if (json_object_object_length(json_get(rq->in, "scoring_functions")) == 0)
        reply_nothing(rq, ds->id);
    else
        score_dataset(rq, ds);
}
