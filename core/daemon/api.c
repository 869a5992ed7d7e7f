#include "config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/io.h"
#include "common/mem.h"
#include "daemon/api.h"
#include "daemon/routes.h"
#include "daemon/submit.h"

#define DATASET_WAIT_MS 45000 /* where run_eval waits for nothing; SDKs wait a minute */

struct api *
api_hold(struct api *api)
{
    api->refs++;
    return api;
}

void
api_release(struct api *api)
{
    if (--api->refs > 0)
        return;
    submits_free(api->submits);
    text_fini(&api->openapi);
    free(api);
}

struct server *
server_new(struct ev_loop *loop, int listen_fd, const struct api *api, struct err *err)
{
    struct api *own = xmalloc(sizeof *own);
    *own = *api;
    own->started_unix_ms = time_unix_ms();
    own->submits = submits_new(api->sched);
    own->refs = 1;
    struct server_options options = {
        .dispatch = routes_dispatch,
        .api = own,
        .release = api_release,
        .max_body = api->conf->max_body,
        .max_connections_per_uid = (unsigned)api->conf->connections_per_user,
        .own_socket = api->own_socket,
    };
    struct server *s = server_open(loop, listen_fd, &options, err);
    if (s == NULL)
        api_release(own);
    return s;
}

void
api_fail(struct request *rq, enum err_code code, const char *fmt, ...)
{
    struct err err = { .code = code };
    CLEANUP_TEXT struct text t = TEXT_INIT;
    va_list ap;
    va_start(ap, fmt);
    text_vputf(&t, fmt, ap);
    va_end(ap);
    err_set(&err, code, "%s", t.ptr);
    request_fail(rq, &err);
}

void
api_done_null(void *arg, const struct err *err)
{
    if (err != NULL)
        request_fail(arg, err);
    else
        request_reply_json(arg, NULL);
}

void
api_done_nothing(void *arg, const struct err *err)
{
    if (err != NULL)
        request_fail(arg, err);
    else
        request_reply(arg, 204, NULL);
}

const char *
api_eval_provider(const struct request *rq)
{
    return rq->level == LEVEL_V1 ? "meta-reference" : "builtin";
}

enum catalog_policy
api_put_policy(const struct request *rq)
{
    if (rq->level != LEVEL_V1)
        return CATALOG_NO_CONFLICT;
    return rq->roles & ROLE_ADMIN ? CATALOG_OVERWRITE_ANY : CATALOG_OVERWRITE;
}

const struct benchmark *
api_routed_benchmark(struct request *rq)
{
    const struct benchmark *b = catalog_benchmark(rq->api->catalog, rq->params[0]);
    if (b == NULL)
        api_fail(rq, ERR_INVALID, "Benchmark `%.200s` not served by provider: `%s`. Make sure "
                 "there is an Eval provider serving this benchmark.", rq->params[0],
                 api_eval_provider(rq));
    return b;
}

const char *
api_plugin_name(const char *plugin_id)
{
    const char *colons = strstr(plugin_id, "::");
    return colons != NULL ? colons + 2 : plugin_id;
}

char *
api_plugin_provider(const char *plugin_id)
{
    const char *colons = strstr(plugin_id, "::");
    return colons != NULL ? xstrndup(plugin_id, (size_t)(colons - plugin_id))
                          : xstrdup(plugin_id);
}

/* An adapter is remote when a model of the configuration reaches a server through it, a source
 * when it has a server. */
char *
api_provider_type(const struct api *api, const struct plugin *plugin)
{
    if (plugin->kind == PLUGIN_SCORER) {
        CLEANUP_FREE char *provider = api_plugin_provider(plugin->id);
        return xasprintf("inline::%s", provider);
    }
    const struct conf_source *source = conf_find_source(api->conf, plugin->id);
    const char *place = source != NULL && source->base_url != NULL ? "remote" : "inline";
    for (size_t i = 0; i < api->conf->n_models; i++)
        if (strcmp(api->conf->models[i].adapter, plugin->id) == 0
            && api->conf->models[i].base_url != NULL)
            place = "remote";
    return xasprintf("%s::%s", place, api_plugin_name(plugin->id));
}

bool
api_wants_extensions(const struct request *rq)
{
    const char *value = request_header(rq, "Evald-Extensions");
    return value == NULL || strcasecmp(value, "off") != 0;
}

const char *
api_row_code(enum err_code code)
{
    switch (code) {
    case ERR_INVALID: return "bad_row";
    case ERR_REMOTE: return "remote";
    case ERR_TIMEOUT: return "timeout";
    case ERR_PLUGIN: return "plugin";
    default: return NULL;
    }
}

/* ------------------------------------------------------------------------ data sets elsewhere */

struct dataset_wait {
    struct request *rq;
    struct api *api; /* held */
    char *id;
    struct sources_wait *wait;
    api_dataset_fn *then;
    void *arg;
};

static void
on_dataset_ready(void *arg, const struct err *err)
{
    struct dataset_wait w = *(struct dataset_wait *)arg;
    struct err gone;
    free(arg);
    request_on_hangup(w.rq, NULL, NULL);
    const struct dataset *ds = err == NULL ? catalog_dataset(w.api->catalog, w.id) : NULL;
    if (ds == NULL && err == NULL) {
        err_set(&gone, ERR_CONFLICT, "data set '%.200s' was deleted while it was fetched", w.id);
        err = &gone;
    }
    w.then(w.arg, ds, err);
    free(w.id);
    api_release(w.api);
}

static void
on_dataset_hangup(void *arg)
{
    struct dataset_wait *w = arg;
    struct err err;
    sources_unwait(w->wait);
    err_set(&err, ERR_SHUTDOWN, "the caller has hung up");
    on_dataset_ready(w, &err);
}

void
api_with_dataset(struct request *rq, const struct dataset *ds, api_dataset_fn *then, void *arg)
{
    if (!dataset_is_remote(ds)) {
        then(arg, ds, NULL);
        return;
    }
    struct dataset_wait *w = xmalloc(sizeof *w);
    *w = (struct dataset_wait){ .rq = rq, .api = api_hold(rq->api), .id = xstrdup(ds->id),
                                .then = then, .arg = arg };
    int wait_ms = rq->api->conf->run_eval_wait_ms;
    struct sources_wait *wait = sources_get(rq->api->sources, ds,
                                            wait_ms > 0 ? wait_ms : DATASET_WAIT_MS,
                                            on_dataset_ready, w);
    if (wait == NULL)
        return; /* w is gone */
    w->wait = wait;
    request_on_hangup(rq, on_dataset_hangup, w);
}

/* ------------------------------------------------------------------------------------ calls */

struct call {
    struct request *rq;
    struct sched_call *call;
};

static void
on_called(void *arg, struct str json, const struct err *err)
{
    struct call *c = arg;
    struct request *rq = c->rq;
    free(c);
    if (err != NULL) {
        request_fail_code(rq, err, api_row_code(err->code));
        return;
    }
    struct text t = TEXT_INIT;
    text_put_str(&t, json);
    request_reply(rq, 200, &t);
}

static void
on_call_hangup(void *arg)
{
    struct call *c = arg;
    struct request *rq = c->rq;
    sched_call_cancel(c->call);
    free(c);
    request_drop(rq);
}

void
api_call(struct request *rq, json_object *spec, struct str rows, const char *scores_key,
         bool generations)
{
    struct call_format format = { .generations = generations,
                                  .scores_key = scores_key,
                                  .extensions = api_wants_extensions(rq) };
    struct call *c = xmalloc(sizeof *c);
    c->rq = rq;
    c->call = sched_call(rq->api->sched, rq->uid, spec, rows, &format, on_called, c);
    request_on_hangup(rq, on_call_hangup, c);
}

void
api_call_dataset(struct request *rq, json_object *spec, struct dataset_snapshot *snapshot,
                 const char *dataset_id)
{
    struct call_format format = { .dataset_id = dataset_id,
                                  .scores_key = "results",
                                  .extensions = api_wants_extensions(rq) };
    struct call *c = xmalloc(sizeof *c);
    c->rq = rq;
    c->call = sched_call_dataset(rq->api->sched, rq->uid, spec, snapshot, &format, on_called, c);
    request_on_hangup(rq, on_call_hangup, c);
}
