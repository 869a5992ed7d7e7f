#include "config.h"

#include <string.h>

#include "common/mem.h"
#include "daemon/access.h"
#include "daemon/api.h"

static json_object *
borrow(json_object *o, bool array)
{
    if (o != NULL)
        return json_object_get(o);
    return array ? json_object_new_array() : json_object_new_object();
}

static json_object *
benchmark_object(const struct request *rq, const struct benchmark *b)
{
    json_object *o = json_object_new_object();
    json_add_str(o, "identifier", b->id);
    json_add_str(o, "provider_resource_id",
                 b->provider_benchmark_id != NULL ? b->provider_benchmark_id : b->id);
    json_add_str(o, "provider_id", api_eval_provider(rq));
    json_add_str(o, "type", "benchmark");
    json_add_str(o, "dataset_id", b->dataset_id);
    json_add(o, "scoring_functions", borrow(b->scoring_functions, true));
    json_add(o, "metadata", borrow(b->metadata, false));
    return o;
}

void
api_list_benchmarks(struct request *rq)
{
    json_object *o = json_object_new_object(), *list = json_object_new_array();
    const struct benchmark *b;
    for (size_t i = 0; (b = catalog_benchmark_at(rq->api->catalog, i)) != NULL; i++)
        json_object_array_add(list, benchmark_object(rq, b));
    json_add(o, "data", list);
    request_reply_json(rq, o);
}

/* NULL after the request was failed. */
static const struct benchmark *
named_benchmark(struct request *rq)
{
    const struct benchmark *b = catalog_benchmark(rq->api->catalog, rq->params[0]);
    if (b == NULL)
        api_fail(rq, ERR_INVALID, "Benchmark '%.200s' not found", rq->params[0]);
    return b;
}

void
api_get_benchmark(struct request *rq)
{
    const struct benchmark *b = named_benchmark(rq);
    if (b != NULL)
        request_reply_json(rq, benchmark_object(rq, b));
}

void
api_register_benchmark(struct request *rq)
{
    json_object *in = rq->in;
    const char *id = json_get_str(in, "benchmark_id", "");
    const char *provider = json_get_str(in, "provider_id", NULL);
    const char *resource = json_get_str(in, "provider_benchmark_id", NULL);
    if (id[0] == '\0' || strchr(id, '/') != NULL) { /* no path could name it, D35 */
        api_fail(rq, ERR_INVALID, "benchmark_id '%.200s' must not be empty or contain '/'", id);
        return;
    }
    if (provider != NULL && strcmp(provider, "builtin") != 0
        && strcmp(provider, "meta-reference") != 0) {
        api_fail(rq, ERR_INVALID, "Provider `%.200s` not found", provider);
        return;
    }
    if (json_get(in, "metadata") == NULL)
        json_add(in, "metadata", json_object_new_object());
    catalog_put_benchmark(rq->api->catalog, id, json_get_str(in, "dataset_id", ""), "builtin",
                          resource != NULL ? resource : id, json_get(in, "scoring_functions"),
                          json_get(in, "metadata"), rq->uid,
                          api_put_policy(rq), api_done_null, rq);
}

void
api_delete_benchmark(struct request *rq)
{
    const struct benchmark *b = named_benchmark(rq);
    if (b == NULL)
        return;
    struct err err;
    CLEANUP_FREE char *what = xasprintf("benchmark '%.200s'", b->id);
    if (access_owns(rq, b->owner, what, &err) < 0)
        request_fail(rq, &err);
    else
        catalog_delete_benchmark(rq->api->catalog, b->id, api_done_nothing, rq);
}
