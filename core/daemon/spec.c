#include "config.h"

#include <stdio.h>

#include "common/mem.h"
#include "common/schema.h"
#include "daemon/spec.h"

#define WINDOW_PER_PLACE 4            /* rows held for each request that may be in flight */
#define WINDOW_MIN       64
#define WINDOW_BYTES     (64 << 20)
#define EPOCHS_MAX       10000

/* ---- functions ---- */

/* The reference's own functions ignore members that their params do not know. */
static bool
is_reference_provider(const char *provider_id)
{
    static const char *const names[] = { "basic", "llm-as-judge", "braintrust" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(provider_id, names[i]) == 0)
            return true;
    return false;
}

static json_object *
schema_property(json_object *schema, const char *name)
{
    return schema ? json_get(json_get(schema, "properties"), name) : NULL;
}

/* params whole: checks the tag, takes out what the host owns, fills in the defaults. */
static json_object *
plugin_params(const struct function *fn, const struct plugin *plugin, json_object *params,
              const char *where, struct err *err)
{
    const char *tag = json_get_str(params, "type", NULL);
    json_object *tag_schema = schema_property(plugin->params_schema, "type");
    const char *wanted = tag_schema ? json_get_str(tag_schema, "const", NULL) : NULL;
    if (wanted != NULL && tag != NULL && strcmp(tag, wanted) != 0) {
        if (strcmp(wanted, "regex_parser") == 0) /* in the reference's words */
            return ERR_NULL(err, ERR_INVALID, "RegexParserScoringFnParams not found");
        return ERR_NULL(err, ERR_INVALID, "%s: params of type '%s' where '%s' is needed",
                        fn->id, tag, wanted);
    }
    CLEANUP_JSON json_object *own = json_object_new_object();
    json_object_object_foreach(params, key, value)
    {
        bool hosts = strcmp(key, "type") == 0 || strcmp(key, "aggregation_functions") == 0;
        if (!hosts || schema_property(plugin->params_schema, key) != NULL)
            json_add(own, key, json_object_get(value));
    }
    CLEANUP_JSON json_object *none = NULL;
    json_object *schema = plugin->params_schema;
    if (schema == NULL) {
        none = json_object_new_object();
        json_add_str(none, "type", "object");
        json_add_bool(none, "additionalProperties", false);
        schema = none;
    }
    enum schema_unknown unknown =
        is_reference_provider(fn->provider_id) ? SCHEMA_IGNORE : SCHEMA_REFUSE;
    json_object *ready = schema_apply(schema, own, unknown, where, err);
    if (ready != NULL) {
        json_object_object_del(ready, "type");
        json_object_object_del(ready, "aggregation_functions");
    }
    return ready;
}

static bool
is_list(json_object *o, size_t least)
{
    return json_object_is_type(o, json_type_array) && json_object_array_length(o) >= least;
}

/* The list that applies: that of the params given, also when it is empty, unless the plugin
 * says what that means; else the default's. */
static json_object *
aggregation_list(const struct plugin *plugin, json_object *given, json_object *defaults)
{
    json_object *schema = schema_property(plugin->params_schema, "aggregation_functions");
    json_object *list = json_get(given ? given : defaults, "aggregation_functions");
    if (json_get_bool(schema, "evald:empty_is_default", false) && !is_list(list, 1))
        list = json_get(defaults, "aggregation_functions");
    return is_list(list, 0) ? json_object_get(list) : json_object_new_array();
}

static int
not_served(const struct spec_context *cx, const char *id, struct err *err)
{
    CLEANUP_JSON json_object *names = catalog_scoring_providers(cx->catalog);
    CLEANUP_TEXT struct text t = TEXT_INIT;
    size_t n = json_object_array_length(names);
    text_puts(&t, n > 1 ? "any of the providers: " : n == 1 ? "provider: `" : "any provider");
    for (size_t i = 0; i < n; i++)
        text_putf(&t, "%s%s", i > 0 ? ", " : "",
                  json_object_get_string(json_object_array_get_idx(names, i)));
    text_puts(&t, n == 1 ? "`" : "");
    return err_set(err, ERR_INVALID, "Scoring_function `%.80s` not served by %s. Make sure there"
                   " is an Scoring provider serving this scoring_function.", id, t.ptr);
}

int
spec_check_function(const struct spec_context *cx, const struct function *fn, struct err *err)
{
    const struct plugin *plugin = plugins_find(cx->plugins, fn->plugin_id, PLUGIN_SCORER, err);
    if (plugin == NULL)
        return -1;
    if (fn->params == NULL)
        return 0;
    CLEANUP_JSON json_object *own = plugin_params(fn, plugin, fn->params, "params", err);
    return own != NULL ? 0 : -1;
}

static json_object *
one_function(const struct spec_context *cx, const char *id, json_object *given, struct err *err)
{
    const struct function *fn = catalog_function(cx->catalog, id);
    if (fn == NULL)
        return not_served(cx, id, err), NULL;
    const struct plugin *plugin = plugins_find(cx->plugins, fn->plugin_id, PLUGIN_SCORER, err);
    if (plugin == NULL)
        return err_prefix(err, "scoring function '%s'", id), NULL;
    CLEANUP_JSON json_object *empty = json_object_new_object();
    json_object *params = given ? given : fn->params ? fn->params : empty;
    CLEANUP_FREE char *where = xasprintf("scoring_params.%s", id);
    json_object *own = plugin_params(fn, plugin, params, where, err);
    if (own == NULL)
        return NULL;
    json_object *o = json_object_new_object();
    json_add_str(o, "id", id);
    json_add_str(o, "plugin", plugin->id);
    json_add(o, "params", own);
    json_add(o, "aggregation_functions", aggregation_list(plugin, given, fn->params));
    return o;
}

static bool
has_function(json_object *functions, const char *id)
{
    size_t n = json_object_array_length(functions);
    for (size_t i = 0; i < n; i++)
        if (strcmp(json_get_str(json_object_array_get_idx(functions, i), "id", ""), id) == 0)
            return true;
    return false;
}

static int
add_function(const struct spec_context *cx, json_object *functions, const char *id,
             json_object *given, struct err *err)
{
    if (has_function(functions, id))
        return 0;
    json_object *fn = one_function(cx, id, given, err);
    if (fn == NULL)
        return -1;
    json_object_array_add(functions, fn);
    return 0;
}

/* ---- models ---- */

/* What the adapter's open() will see, checked against its schema. */
static json_object *
model_params(const struct spec_context *cx, const struct conf_model *m, struct err *err)
{
    const struct plugin *adapter = plugins_find(cx->plugins, m->adapter, PLUGIN_MODEL, err);
    if (adapter == NULL)
        return NULL;
    CLEANUP_JSON json_object *none = json_object_new_object();
    json_object *given = m->params ? m->params : none;
    if (adapter->params_schema == NULL)
        return json_object_get(given);
    return schema_apply(adapter->params_schema, given, SCHEMA_REFUSE, "params", err);
}

static json_object *
model_entry(const struct conf_model *m, json_object *params)
{
    json_object *o = json_object_new_object();
    json_add_str(o, "id", m->id);
    json_add_str(o, "adapter", m->adapter);
    json_add_str(o, "name", m->name);
    json_add_bool(o, "endpoint", m->base_url != NULL);
    json_add_str(o, "base_url", m->base_url);
    json_add_int(o, "max_in_flight", m->max_in_flight);
    json_add(o, "params", params);
    return o;
}

static const struct conf_model *
need_model(const struct spec_context *cx, const char *id, struct err *err)
{
    const struct conf_model *m = conf_find_model(cx->conf, id);
    if (m == NULL)
        return ERR_NULL(err, ERR_INVALID,
                        "Model '%s' not found. Use 'client.models.list()' to list available"
                        " Models.",
                        id);
    CLEANUP_JSON json_object *params = model_params(cx, m, err);
    if (params == NULL)
        return err_prefix(err, "model '%s'", id), NULL;
    return m;
}

/* Roles of the configuration, overlaid with those of the request; each names a model.  One of
 * the configuration that cannot be used is left out, for most requests do not need it: who
 * asks for it learns that it is not bound. */
static json_object *
make_roles(const struct spec_context *cx, json_object *given, struct err *err)
{
    CLEANUP_JSON json_object *roles = json_object_new_object();
    json_object *const sources[] = { cx->conf->roles, given };
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        if (sources[i] == NULL)
            continue;
        json_object_object_foreach(sources[i], role, model)
        {
            if (!json_object_is_type(model, json_type_string))
                return ERR_NULL(err, ERR_INVALID, "role '%s' names no model", role);
            json_add(roles, role, json_object_get(model));
        }
    }
    CLEANUP_JSON json_object *usable = json_object_new_object();
    json_object_object_foreach(roles, role, model)
    {
        if (need_model(cx, json_object_get_string(model), err) != NULL)
            json_add(usable, role, json_object_get(model));
        else if (json_has(given, role))
            return err_prefix(err, "role '%s'", role), NULL;
    }
    return TAKE(usable);
}

/* Calls fn for each model or role that the params of the functions name. */
static int
each_model(const struct spec_context *cx, json_object *functions, schema_model_fn *fn, void *arg,
           struct err *err)
{
    for (size_t i = 0; i < json_object_array_length(functions); i++) {
        json_object *f = json_object_array_get_idx(functions, i);
        const struct plugin *plugin =
            plugins_find(cx->plugins, json_get_str(f, "plugin", ""), PLUGIN_SCORER, NULL);
        if (plugin == NULL || plugin->params_schema == NULL)
            continue;
        if (schema_each_model(plugin->params_schema, json_get(f, "params"), fn, arg) != 0)
            return err_prefix(err, "scoring function '%s'", json_get_str(f, "id", "")), -1;
    }
    return 0;
}

struct named_models {
    const struct spec_context *cx;
    json_object *roles;
    int most; /* max_in_flight of any */
    struct err *err;
};

static int
check_named(void *arg, const char *where, const char *name)
{
    const struct named_models *m = arg;
    if (json_has(m->roles, name) || need_model(m->cx, name, m->err) != NULL)
        return 0;
    return err_prefix(m->err, "%s", where), -1;
}

/* A judge that nobody knows is found before anything is generated for it. */
static int
check_named_models(const struct spec_context *cx, json_object *functions, json_object *roles,
                   struct err *err)
{
    struct named_models m = { .cx = cx, .roles = roles, .err = err };
    return each_model(cx, functions, check_named, &m, err);
}

/* All models whose adapter can be used: a judge may ask for any of them by id. */
static json_object *
make_models(const struct spec_context *cx)
{
    json_object *models = json_object_new_array();
    for (size_t i = 0; i < cx->conf->n_models; i++) {
        const struct conf_model *m = &cx->conf->models[i];
        json_object *params = model_params(cx, m, NULL);
        if (params == NULL)
            continue;
        json_object_array_add(models, model_entry(m, params));
    }
    return models;
}

/* ---- candidate ---- */

static void
copy_number(json_object *to, const char *key, json_object *from)
{
    json_object *v = json_get(from, key);
    if (v != NULL)
        json_add(to, key, json_object_get(v));
}

/* SamplingParams to the model document's members; neutral defaults count as not given. */
static json_object *
make_sampling(json_object *params)
{
    json_object *s = json_object_new_object();
    json_object *strategy = json_get(params, "strategy");
    const char *type = json_get_str(strategy, "type", "greedy");
    if (strcmp(type, "top_p") == 0) {
        copy_number(s, "temperature", strategy);
        copy_number(s, "top_p", strategy);
    } else if (strcmp(type, "top_k") == 0) {
        copy_number(s, "top_k", strategy);
    } else {
        json_add_int(s, "temperature", 0);
    }
    if (json_get_int(params, "max_tokens", 0) > 0)
        copy_number(s, "max_tokens", params);
    if (json_get_double(params, "repetition_penalty", 1.0) != 1.0)
        copy_number(s, "repetition_penalty", params);
    json_object *stop = json_get(params, "stop");
    if (stop != NULL && json_object_array_length(stop) > 0)
        json_add(s, "stop", json_object_get(stop));
    return s;
}

static json_object *
make_candidate(const struct spec_context *cx, json_object *given, struct err *err)
{
    const char *type = json_get_str(given, "type", "model");
    if (strcmp(type, "model") != 0)
        return ERR_NULL(err, ERR_NOTSUP,
                        "agent candidates need an agent adapter, and none is loaded");
    const char *model = json_get_str(given, "model", "");
    if (need_model(cx, model, err) == NULL)
        return NULL;
    json_object *o = json_object_new_object();
    json_add_str(o, "type", "model");
    json_add_str(o, "model", model);
    json_object *system = json_get(given, "system_message");
    if (system != NULL) {
        json_object *message = json_object_new_object();
        json_add_str(message, "role", json_get_str(system, "role", "system"));
        json_add(message, "content", json_object_get(json_get(system, "content")));
        json_add(o, "system_message", message);
    } else {
        json_add(o, "system_message", NULL);
    }
    json_add(o, "sampling", make_sampling(json_get(given, "sampling_params")));
    return o;
}

/* ---- the whole ---- */

static int
most_in_flight(const struct spec_context *cx, const char *model, int most)
{
    const struct conf_model *m = model ? conf_find_model(cx->conf, model) : NULL;
    return m != NULL && m->max_in_flight > most ? m->max_in_flight : most;
}

static int
add_named(void *arg, const char *where, const char *name)
{
    (void)where;
    struct named_models *m = arg;
    m->most = most_in_flight(m->cx, name, m->most);
    return 0;
}

/* The window follows the models that the job names: one that is larger than they need makes
 * nothing faster, and a stop wait for more. */
static int
make_window(const struct spec_context *cx, json_object *spec)
{
    json_object *roles = json_get(spec, "roles");
    int most = most_in_flight(cx, json_get_str(json_get(spec, "candidate"), "model", NULL), 0);
    if (roles != NULL) {
        json_object_object_foreach(roles, role, model)
        {
            (void)role;
            most = most_in_flight(cx, json_object_get_string(model), most);
        }
    }
    struct named_models m = { .cx = cx, .most = most };
    each_model(cx, json_get(spec, "functions"), add_named, &m, NULL);
    int window = m.most * WINDOW_PER_PLACE;
    return window < WINDOW_MIN ? WINDOW_MIN : window;
}

static void
add_limits(const struct spec_context *cx, json_object *spec)
{
    json_add(spec, "models", make_models(cx));
    json_add_int(spec, "window", make_window(cx, spec));
    json_add_int(spec, "window_bytes", WINDOW_BYTES);
    json_add_int(spec, "max_attempts", cx->conf->max_attempts);
    json_add_int(spec, "plugin_timeout_ms", cx->conf->plugin_timeout_ms);
    json_add_int(spec, "ask_timeout_ms", cx->conf->ask_timeout_ms);
}

static json_object *
make_dataset(json_object *config, json_object *metadata)
{
    json_object *o = json_object_new_object();
    json_object *limit = json_get(config, "num_examples");
    json_add(o, "limit", limit ? json_object_get(limit) : NULL);
    json_add_str(o, "row_id_column", json_get_str(metadata, "row_id_column", NULL));
    json_add_str(o, "cluster", json_get_str(config, "cluster", NULL));
    return o;
}

int
spec_of_eval(const struct spec_context *cx, json_object *config, json_object *functions,
             json_object *metadata, bool call, json_object **ret_spec, struct err *err)
{
    CLEANUP_JSON json_object *spec = json_object_new_object();
    CLEANUP_JSON json_object *list = json_object_new_array();
    json_object *params = json_get(config, "scoring_params");
    size_t n = json_object_array_length(functions);
    if (n == 0)
        return err_set(err, ERR_INVALID, "the benchmark has no scoring functions");
    for (size_t i = 0; i < n; i++) {
        const char *id = json_object_get_string(json_object_array_get_idx(functions, i));
        if (add_function(cx, list, id, json_get(params, id), err) < 0)
            return -1;
    }
    json_object *candidate = make_candidate(cx, json_get(config, "eval_candidate"), err);
    if (candidate == NULL)
        return -1;
    json_add(spec, "candidate", candidate);
    json_object *roles = make_roles(cx, json_get(config, "roles"), err);
    if (roles == NULL)
        return -1;
    json_add(spec, "roles", roles);
    if (check_named_models(cx, list, roles, err) < 0)
        return -1;
    json_add(spec, "functions", json_object_get(list));
    json_add(spec, "dataset", make_dataset(config, metadata));
    if (call)
        json_add(json_get(spec, "dataset"), "limit", NULL);
    int64_t epochs = json_get_int(config, "epochs", 1);
    if (epochs < 1 || epochs > EPOCHS_MAX)
        return err_set(err, ERR_INVALID, "epochs: %lld is not between 1 and %d",
                       (long long)epochs, EPOCHS_MAX);
    json_add_int(spec, "epochs", epochs);
    json_add_int(spec, "seed", json_get_int(config, "seed", 0));
    json_add_str(spec, "on_error", json_get_str(config, "on_error", call ? "fail" : "record"));
    json_add(spec, "max_error_rate",
             json_new_double(json_get_double(config, "max_error_rate", 1)));
    add_limits(cx, spec);
    *ret_spec = TAKE(spec);
    return 0;
}

/* The parent's roles whose models are still there, overlaid with what was given. */
static json_object *
roles_of_rescore(const struct spec_context *cx, json_object *parents, json_object *given,
                 struct err *err)
{
    CLEANUP_JSON json_object *roles = json_object_new_object();
    json_object *const sources[] = { parents, given };
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        if (sources[i] == NULL)
            continue;
        json_object_object_foreach(sources[i], role, model)
        {
            if (i > 0 || need_model(cx, json_object_get_string(model), NULL) != NULL)
                json_add(roles, role, json_object_get(model));
        }
    }
    return make_roles(cx, roles, err);
}

/* What a function of the parent had, as a request would say it. */
static json_object *
params_of_parent(json_object *function)
{
    json_object *o = NULL;
    json_object_deep_copy(json_get(function, "params"), &o, NULL);
    json_add(o, "aggregation_functions",
             json_object_get(json_get(function, "aggregation_functions")));
    return o;
}

int
spec_of_rescore(const struct spec_context *cx, json_object *parent, json_object *functions,
                json_object *params, json_object *roles, json_object **ret_spec,
                struct err *err)
{
    CLEANUP_JSON json_object *spec = json_object_new_object();
    CLEANUP_JSON json_object *list = json_object_new_array();
    json_object *ids = functions != NULL ? functions : json_get(parent, "functions");
    for (size_t i = 0; i < json_object_array_length(ids); i++) {
        json_object *e = json_object_array_get_idx(ids, i);
        const char *id = functions != NULL ? json_object_get_string(e)
                                           : json_get_str(e, "id", "");
        json_object *given = json_get(params, id);
        CLEANUP_JSON json_object *whole = functions == NULL && given == NULL
                                              ? params_of_parent(e) : json_object_get(given);
        if (add_function(cx, list, id, whole, err) < 0)
            return -1;
    }
    json_object *bound = roles_of_rescore(cx, json_get(parent, "roles"), roles, err);
    if (bound == NULL)
        return -1;
    json_add(spec, "candidate", NULL); /* it is not called, so it need not be there any more */
    json_add_bool(spec, "rescored", true);
    json_add(spec, "roles", bound);
    if (check_named_models(cx, list, bound, err) < 0)
        return -1;
    json_add(spec, "functions", json_object_get(list));
    static const char *const kept[] = { "epochs", "seed" };
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        json_add(spec, kept[i], json_object_get(json_get(parent, kept[i])));
    json_object *dataset = NULL; /* a copy: the new job notes its own there */
    json_object_deep_copy(json_get(parent, "dataset"), &dataset, NULL);
    json_add(spec, "dataset", dataset);
    json_add_str(spec, "on_error", "record");
    json_add(spec, "max_error_rate", json_new_double(1));
    add_limits(cx, spec);
    *ret_spec = TAKE(spec);
    return 0;
}

int
spec_of_scoring(const struct spec_context *cx, json_object *functions, json_object **ret_spec,
                struct err *err)
{
    CLEANUP_JSON json_object *spec = json_object_new_object();
    CLEANUP_JSON json_object *list = json_object_new_array();
    json_object_object_foreach(functions, id, params)
    {
        if (add_function(cx, list, id, params, err) < 0)
            return -1;
    }
    if (json_object_array_length(list) == 0)
        return err_set(err, ERR_INVALID, "scoring_functions is empty");
    json_object *roles = make_roles(cx, NULL, err);
    if (roles == NULL)
        return -1;
    json_add(spec, "candidate", NULL);
    json_add(spec, "roles", roles);
    if (check_named_models(cx, list, roles, err) < 0)
        return -1;
    json_add(spec, "functions", json_object_get(list));
    json_add(spec, "dataset", make_dataset(NULL, NULL));
    json_add_int(spec, "epochs", 1);
    json_add_int(spec, "seed", 0);
    json_add_str(spec, "on_error", "fail");
    json_add(spec, "max_error_rate", json_new_double(1));
    add_limits(cx, spec);
    *ret_spec = TAKE(spec);
    return 0;
}
