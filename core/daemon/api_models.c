#include "config.h"

#include <string.h>

#include "daemon/api.h"

/* Model and OpenAIModel in one object, so that clients of both generations read it. */
static json_object *
model_object(const struct api *api, const struct conf_model *m)
{
    const char *provider = api_plugin_name(m->adapter);
    const char *resource = m->name != NULL ? m->name : m->id;
    json_object *o = json_object_new_object(), *custom = json_object_new_object();
    json_add_str(o, "identifier", m->id);
    json_add_str(o, "provider_resource_id", resource);
    json_add_str(o, "provider_id", provider);
    json_add_str(o, "type", "model");
    json_add(o, "metadata", json_object_new_object());
    json_add_str(o, "model_type", "llm");
    json_add_str(o, "model_validation", NULL);
    json_add_str(o, "id", m->id);
    json_add_str(o, "object", "model");
    json_add_int(o, "created", api->started_unix_ms / 1000);
    json_add_str(o, "owned_by", "llama_stack");
    json_add_str(custom, "model_type", "llm");
    json_add_str(custom, "provider_id", provider);
    json_add_str(custom, "provider_resource_id", resource);
    json_add(o, "custom_metadata", custom);
    return o;
}

void
api_list_models(struct request *rq)
{
    const struct conf *conf = rq->api->conf;
    json_object *o = json_object_new_object(), *list = json_object_new_array();
    for (size_t i = 0; i < conf->n_models; i++)
        json_object_array_add(list, model_object(rq->api, &conf->models[i]));
    json_add(o, "data", list);
    request_reply_json(rq, o);
}

/* By its id, else by the name on its server, where that is unique. */
void
api_get_model(struct request *rq)
{
    const struct conf *conf = rq->api->conf;
    const char *id = rq->params[0];
    const struct conf_model *m = conf_find_model(conf, id);
    for (size_t i = 0, n = 0; m == NULL && i < conf->n_models; i++) {
        const char *name = conf->models[i].name;
        if (name == NULL || strcmp(name, id) != 0)
            continue;
        for (size_t k = i; k < conf->n_models; k++)
            n += conf->models[k].name != NULL && strcmp(conf->models[k].name, id) == 0;
        if (n > 1) {
            api_fail(rq, ERR_INVALID,
                     "Multiple models are named %.200s by their providers: use "
                     "an identifier",
                     id);
            return;
        }
        m = &conf->models[i];
    }
    if (m == NULL)
        api_fail(rq, ERR_NOT_FOUND, "Model '%.200s' not found. Use 'client.models.list()' to "
                 "list available Models.", id);
    else
        request_reply_json(rq, model_object(rq->api, m));
}

/* Registering is the configuration's. */
void
api_refuse_model(struct request *rq)
{
    api_fail(rq, ERR_NOTSUP, "models come from evald.conf");
}
