#include "config.h"

#include <string.h>

#include "common/mem.h"
#include "daemon/sched_impl.h"

static json_object *
dataset_object(const struct job *j, const struct dataset *ds)
{
    json_object *o = json_object_new_object();
    json_add_str(o, "id", ds->id);
    json_add_str(o, "uri", ds->uri);
    json_add_str(o, "fingerprint", j->data.fingerprint);
    json_add_int(o, "size", j->data.size);
    return o;
}

static void
add_plugin(const struct sched *s, json_object *plugins, const char *id, enum plugin_kind kind)
{
    const struct plugin *p = plugins_find(s->o.plugins, id, kind, NULL);
    if (p == NULL || json_has(plugins, id))
        return;
    json_object *o = json_object_new_object();
    json_add_str(o, "version", p->version);
    json_add_str(o, "sha256", p->file->sha256);
    json_add(plugins, id, o);
}

json_object *
manifest_make(const struct job *j, const struct dataset *ds)
{
    json_object *m = json_object_new_object();
    json_add_str(m, "evald", PACKAGE_VERSION);
    json_add_str(m, "benchmark_id", j->info.benchmark);
    json_add(m, "dataset", dataset_object(j, ds));
    static const char *const kept[] = { "candidate", "roles", "functions", "epochs", "seed",
                                        "on_error", "max_error_rate" };
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        json_add(m, kept[i], json_object_get(json_get(j->spec, kept[i])));
    json_object *plugins = json_object_new_object(), *models = json_object_new_object();
    json_object *functions = json_get(j->spec, "functions"), *all = json_get(j->spec, "models");
    for (size_t i = 0; i < json_object_array_length(functions); i++)
        add_plugin(j->sched, plugins,
                   json_get_str(json_object_array_get_idx(functions, i), "plugin", ""),
                   PLUGIN_SCORER);
    for (size_t i = 0; i < json_object_array_length(all); i++) {
        json_object *model = json_object_array_get_idx(all, i);
        const char *id = json_get_str(model, "id", "");
        json_object *candidate = json_get(j->spec, "candidate");
        bool named = strcmp(json_get_str(candidate, "model", ""), id) == 0;
        json_object *roles = json_get(j->spec, "roles");
        json_object_object_foreach(roles, role, value)
        {
            (void)role;
            named = named || strcmp(json_object_get_string(value), id) == 0;
        }
        if (!named)
            continue;
        json_add(models, id, json_object_get(model));
        add_plugin(j->sched, plugins, json_get_str(model, "adapter", ""), PLUGIN_MODEL);
    }
    json_add(m, "plugins", plugins);
    json_add(m, "models", models);
    json_add_int(m, "created_at", j->info.created_unix_ms);
    return m;
}

void
manifest_add_parent(json_object *m, const struct job *parent, json_object *parents)
{
    static const char *const maps[] = { "plugins", "models" };
    json_add_str(m, "parent_job_id", parent->id_text);
    json_object *candidate = json_get(parents, "candidate");
    json_add(m, "candidate", json_object_get(candidate));
    const char *id = json_get_str(candidate, "model", "");
    json_object *model = json_get(json_get(parents, "models"), id);
    const char *const keys[] = { json_get_str(model, "adapter", ""), id };
    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        json_object *theirs = json_get(json_get(parents, maps[i]), keys[i]);
        if (theirs != NULL)
            json_add(json_get(m, maps[i]), keys[i], json_object_get(theirs));
    }
}
