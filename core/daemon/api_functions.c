#include "config.h"

#include <string.h>

#include "common/mem.h"
#include "daemon/access.h"
#include "daemon/api.h"
#include "daemon/record.h"

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

/* The provider that the request names, or the only one there is; NULL after the request was
 * failed. */
static const char *
scoring_provider(struct request *rq, json_object *names)
{
    const char *given = json_get_str(rq->in, "provider_id", NULL);
    size_t n = json_object_array_length(names);
    if (given != NULL)
        return given;
    if (n == 1)
        return json_object_get_string(json_object_array_get_idx(names, 0));
    CLEANUP_TEXT struct text t = TEXT_INIT;
    for (size_t i = 0; i < n; i++)
        text_putf(&t, "%s%s", i > 0 ? ", " : "",
                  json_object_get_string(json_object_array_get_idx(names, i)));
    api_fail(rq, ERR_INVALID, "provider_id is needed: the scoring providers are %.150s",
             t.len > 0 ? t.ptr : "none");
    return NULL;
}

/* Of the reference, which may not be loaded here, and takes no functions there either. */
static bool
takes_none(const char *provider)
{
    return strcmp(provider, "basic") == 0 || strcmp(provider, "braintrust") == 0;
}

static bool
is_among(json_object *names, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(names); i++)
        if (strcmp(json_object_get_string(json_object_array_get_idx(names, i)), name) == 0)
            return true;
    return false;
}

static struct function *
new_function(const struct request *rq, const char *provider, const char *plugin)
{
    json_object *in = rq->in;
    const char *id = json_get_str(in, "scoring_fn_id", "");
    struct function *f = xcalloc(1, sizeof *f);
    *f = (struct function){
        .id = xstrdup(id),
        .plugin_id = xstrdup(plugin),
        .provider_id = xstrdup(provider),
        .provider_resource_id = xstrdup(json_get_str(in, "provider_scoring_fn_id", id)),
        .description = xstrdup(json_get_str(in, "description", "")),
        .return_type = json_object_get(json_get(in, "return_type")),
        .params = json_object_get(json_get(in, "params")),
        .metadata = json_object_new_object(),
        .owner = rq->uid,
    };
    return f;
}

/* A provider takes functions where it has a plugin PROVIDER::base: they are that plugin with
 * params of their own. */
void
api_register_function(struct request *rq)
{
    CLEANUP_JSON json_object *names = catalog_scoring_providers(rq->api->catalog);
    const char *provider = scoring_provider(rq, names);
    if (provider == NULL)
        return;
    CLEANUP_FREE char *plugin = xasprintf("%s::base", provider);
    const struct function *base = catalog_function(rq->api->catalog, plugin);
    if (base == NULL || !base->builtin) {
        if (is_among(names, provider) || takes_none(provider))
            api_fail(rq, ERR_NOTSUP, "provider '%.80s' takes no scoring functions", provider);
        else
            api_fail(rq, ERR_INVALID, "Provider `%.200s` not found", provider);
        return;
    }
    struct function *f = new_function(rq, provider, plugin);
    struct err err;
    if (*f->id == '\0')
        err_set(&err, ERR_INVALID, "scoring_fn_id must not be empty");
    else if (spec_check_function(&rq->api->spec, f, &err) == 0) {
        catalog_put_function(rq->api->catalog, f, api_done_null, rq);
        return;
    }
    function_free(f);
    request_fail(rq, &err);
}

void
api_delete_function(struct request *rq)
{
    const struct function *f = catalog_function(rq->api->catalog, rq->params[0]);
    CLEANUP_FREE char *what = xasprintf("scoring function '%.100s'", rq->params[0]);
    struct err err;
    if (f != NULL && !f->builtin && access_owns(rq, f->owner, what, &err) < 0)
        request_fail(rq, &err);
    else
        catalog_delete_function(rq->api->catalog, rq->params[0], api_done_nothing, rq);
}
