#include "config.h"

#include <string.h>

#include "common/mem.h"
#include "daemon/api.h"
#include "daemon/openapi.h"
#include "daemon/routes.h"

void
api_health(struct request *rq)
{
    request_reply_constant(rq, "{\"status\":\"OK\"}");
}

void
api_version(struct request *rq)
{
    json_object *o = json_object_new_object();
    json_add_str(o, "version", PACKAGE_VERSION);
    request_reply_json(rq, o);
}

/* -------------------------------------------------------------------------------- providers */

static const char *
api_of_kind(enum plugin_kind kind)
{
    switch (kind) {
    case PLUGIN_SCORER: return "scoring";
    case PLUGIN_AGENT: return "agents";
    case PLUGIN_MODEL: return "inference";
    case PLUGIN_SOURCE: return "datasetio";
    }
    return "";
}

static json_object *
provider(const char *api, const char *id, const char *type, json_object *config,
         const char *trouble)
{
    json_object *o = json_object_new_object(), *health = json_object_new_object();
    json_add_str(o, "api", api);
    json_add_str(o, "provider_id", id);
    json_add_str(o, "provider_type", type);
    json_add(o, "config", config);
    json_add_str(health, "status", trouble != NULL ? "Error" : "OK");
    if (trouble != NULL)
        json_add_str(health, "message", trouble);
    json_add(o, "health", health);
    return o;
}

static bool
is_secret(const char *key)
{
    static const char *const words[] = { "api_key", "api_token", "password", "secret" };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcasestr(key, words[i]) != NULL)
            return true;
    return false;
}

/* A copy in which secrets are stars. */
static json_object *
without_secrets(json_object *o)
{
    if (json_object_is_type(o, json_type_array)) {
        json_object *copy = json_object_new_array();
        for (size_t i = 0; i < json_object_array_length(o); i++)
            json_object_array_add(copy, without_secrets(json_object_array_get_idx(o, i)));
        return copy;
    }
    if (!json_object_is_type(o, json_type_object))
        return json_copy(o);
    json_object *copy = json_object_new_object();
    json_object_object_foreach(o, key, value) {
        if (is_secret(key))
            json_add_str(copy, key, "********");
        else
            json_add(copy, key, without_secrets(value));
    }
    return copy;
}

static json_object *
plugin_config(const struct api *api, const struct plugin *p)
{
    json_object *config = json_object_new_object();
    json_add_str(config, "plugin", p->id);
    json_add_str(config, "version", p->version);
    json_add_str(config, "summary", p->summary);
    if (p->file != NULL) {
        json_add_str(config, "file", p->file->path);
        json_add_str(config, "sha256", p->file->sha256);
    }
    if (p->kind != PLUGIN_MODEL)
        return config;
    json_object *models = json_object_new_array();
    for (size_t i = 0; i < api->conf->n_models; i++) {
        const struct conf_model *m = &api->conf->models[i];
        if (strcmp(m->adapter, p->id) != 0)
            continue;
        json_object *o = json_object_new_object();
        json_add_str(o, "id", m->id);
        json_add_str(o, "name", m->name);
        json_add_int(o, "max_in_flight", m->max_in_flight);
        json_add(o, "params", without_secrets(m->params));
        json_object_array_add(models, o);
    }
    json_add(config, "models", models);
    return config;
}

static json_object *
plugin_entry(const struct api *api, const struct plugin *p)
{
    CLEANUP_FREE char *type = api_provider_type(api, p);
    CLEANUP_FREE char *id = p->kind == PLUGIN_SCORER ? api_plugin_provider(p->id)
                                                     : xstrdup(api_plugin_name(p->id));
    return provider(api_of_kind(p->kind), id, type, plugin_config(api, p), p->disabled);
}

/* A file that is no usable plugin, for whoever wonders where it has gone. */
static json_object *
refused_entry(const struct plugin_refusal *refusal)
{
    const char *slash = strrchr(refusal->path, '/');
    const char *name = slash != NULL ? slash + 1 : refusal->path;
    CLEANUP_FREE char *type = xasprintf("refused::%s", name);
    json_object *config = json_object_new_object();
    json_add_str(config, "file", refusal->path);
    return provider("plugins", name, type, config, refusal->why);
}

/* Evaluation and data sets are evald's own; all else is plugins, and what would be one. */
static json_object *
providers(const struct request *rq)
{
    const struct api *api = rq->api;
    json_object *list = json_object_new_array();
    const char *eval = api_eval_provider(rq);
    CLEANUP_FREE char *type = xasprintf("inline::%s", eval);
    json_object_array_add(list, provider("eval", eval, type, json_object_new_object(), NULL));
    json_object_array_add(list, provider("datasetio", "localfs", "inline::localfs",
                                         json_object_new_object(), NULL));
    for (size_t i = 0; i < plugins_count(api->plugins); i++)
        json_object_array_add(list, plugin_entry(api, plugins_at(api->plugins, i)));
    for (size_t i = 0; i < plugins_refusal_count(api->plugins); i++)
        json_object_array_add(list, refused_entry(plugins_refusal_at(api->plugins, i)));
    return list;
}

void
api_list_providers(struct request *rq)
{
    json_object *o = json_object_new_object();
    json_add(o, "data", providers(rq));
    request_reply_json(rq, o);
}

void
api_get_provider(struct request *rq)
{
    const char *id = rq->params[0];
    CLEANUP_JSON json_object *list = providers(rq);
    bool alias = strcmp(id, "meta-reference") == 0 || strcmp(id, "builtin") == 0;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *o = json_object_array_get_idx(list, i);
        if (strcmp(json_get_str(o, "provider_id", ""), alias ? api_eval_provider(rq) : id)
            == 0) {
            request_reply_json(rq, json_object_get(o));
            return;
        }
    }
    api_fail(rq, ERR_INVALID, "Provider %.200s not found", id);
}

/* ----------------------------------------------------------------------------------- routes */

static json_object *
types_of_api(const struct request *rq, const char *api_name)
{
    json_object *types = json_object_new_array();
    if (api_name == NULL)
        return types;
    CLEANUP_JSON json_object *list = providers(rq);
    CLEANUP_JSON json_object *seen = json_object_new_object();
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *o = json_object_array_get_idx(list, i);
        const char *type = json_get_str(o, "provider_type", "");
        if (strcmp(json_get_str(o, "api", ""), api_name) != 0 || json_has(seen, type))
            continue;
        json_add(seen, type, NULL);
        json_object_array_add(types, json_object_new_string(type));
    }
    return types;
}

static bool
is_listed(const struct route *r, enum level level, const char *filter)
{
    if (!(r->levels & level))
        return false;
    if (filter == NULL)
        return true;
    if (strcmp(filter, "deprecated") == 0)
        return r->deprecated & level;
    return strcmp(filter, level_name(level)) == 0 && !(r->deprecated & level);
}

void
api_list_routes(struct request *rq)
{
    static const enum level levels[] = { LEVEL_V1, LEVEL_V1ALPHA, LEVEL_V1BETA, LEVEL_NONE };
    const char *filter = json_get_str(rq->query, "api_filter", NULL);
    json_object *list = json_object_new_array();
    CLEANUP_JSON json_object *types = json_object_new_object(); /* api -> its types */
    const struct route *r;
    for (size_t i = 0; (r = routes_at(i)) != NULL; i++) {
        const char *api = r->api != NULL ? r->api : "";
        if (!json_has(types, api))
            json_add(types, api, types_of_api(rq, r->api));
        for (size_t k = 0; k < ARRAY_LEN(levels); k++) {
            if (!is_listed(r, levels[k], filter))
                continue;
            json_object *o = json_object_new_object();
            CLEANUP_FREE char *path = xasprintf("%s%s", level_prefix(levels[k]), r->path);
            json_add_str(o, "route", path);
            json_add_str(o, "method", r->method);
            json_add(o, "provider_types", json_object_get(json_get(types, api)));
            json_object_array_add(list, o);
        }
    }
    json_object *o = json_object_new_object();
    json_add(o, "data", list);
    request_reply_json(rq, o);
}

/* It is the same as long as evald runs. */
void
api_openapi(struct request *rq)
{
    struct text *kept = &rq->api->openapi, t = TEXT_INIT;
    if (kept->len == 0) {
        CLEANUP_JSON json_object *o = openapi_document();
        json_put(kept, o);
    }
    text_put_str(&t, text_str(kept));
    request_reply(rq, 200, &t);
}
