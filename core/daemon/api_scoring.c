#include "config.h"

#include "daemon/api.h"

static json_object *
function_object(const struct function *f)
{
    json_object *o = json_object_new_object();
    json_object *metadata = f->metadata != NULL ? json_object_get(f->metadata)
                                                : json_object_new_object();
    json_add_str(o, "identifier", f->id);
    json_add_str(o, "provider_resource_id", f->provider_resource_id);
    json_add_str(o, "provider_id", f->provider_id);
    json_add_str(o, "type", "scoring_function");
    json_add_str(o, "description", f->description);
    json_add(o, "metadata", metadata);
    json_add(o, "return_type", json_object_get(f->return_type));
    json_add(o, "params", json_object_get(f->params));
    return o;
}

void
api_list_functions(struct request *rq)
{
    json_object *o = json_object_new_object(), *list = json_object_new_array();
    const struct function *f;
    for (size_t i = 0; (f = catalog_function_at(rq->api->catalog, i)) != NULL; i++)
        json_object_array_add(list, function_object(f));
    json_add(o, "data", list);
    request_reply_json(rq, o);
}

void
api_get_function(struct request *rq)
{
    const struct function *f = catalog_function(rq->api->catalog, rq->params[0]);
    if (f == NULL)
        api_fail(rq, ERR_INVALID, "Scoring function '%.200s' not found", rq->params[0]);
    else
        request_reply_json(rq, function_object(f));
}

void
api_score(struct request *rq)
{
    json_object *functions = json_get(rq->in, "scoring_functions");
    if (json_object_object_length(functions) == 0) {
        json_object *o = json_object_new_object();
        json_add(o, "results", json_object_new_object());
        if (api_wants_extensions(rq))
            json_add(o, "statistics", json_object_new_object());
        request_reply_json(rq, o);
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
