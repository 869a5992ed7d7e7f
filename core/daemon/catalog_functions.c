#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/catalog_impl.h"
#include "daemon/record.h"

/* ---- those of the plugins ---- */

/* As the reference names it: equality, subset-of; but llm-as-judge-base. */
static char *
resource_id(const char *id, const char *sep)
{
    char *z;
    if (strncmp(id, "llm-as-judge::", 14) == 0)
        z = xasprintf("llm-as-judge-%s", sep + 2);
    else
        z = xstrdup(sep + 2);
    for (char *c = z; *c != '\0'; c++)
        if (*c == '_')
            *c = '-';
    return z;
}

static json_object *
basic_params(void)
{
    json_object *o = json_object_new_object(), *list = json_object_new_array();
    json_object_array_add(list, json_object_new_string("average"));
    json_add_str(o, "type", "basic");
    json_add(o, "aggregation_functions", list);
    return o;
}

void
functions_add_builtin(struct functions *fs, const struct plugins *plugins)
{
    for (size_t i = 0; i < plugins_count(plugins); i++) {
        const struct plugin *pl = plugins_at(plugins, i);
        const char *sep = strstr(pl->id, "::");
        if (pl->kind != PLUGIN_SCORER || pl->disabled != NULL || sep == NULL)
            continue;
        struct function *f = xcalloc(1, sizeof *f);
        *f = (struct function){
            .id = xstrdup(pl->id),
            .plugin_id = xstrdup(pl->id),
            .provider_id = xstrndup(pl->id, (size_t)(sep - pl->id)),
            .provider_resource_id = resource_id(pl->id, sep),
            .description = xstrdup(pl->summary),
            .return_type = json_object_get(pl->return_type),
            .params = json_ref_or(pl->params_default, basic_params),
            .metadata = json_object_new_object(),
            .builtin = true,
        };
        table_set(&fs->live, f);
    }
}

json_object *
catalog_scoring_providers(const struct catalog *c)
{
    json_object *names = json_object_new_array();
    CLEANUP_JSON json_object *seen = json_object_new_object();
    const struct function *f;
    for (size_t i = 0; (f = catalog_function_at(c, i)) != NULL; i++) {
        if (!f->builtin || json_has(seen, f->provider_id))
            continue;
        json_add(seen, f->provider_id, NULL);
        json_object_array_add(names, json_object_new_string(f->provider_id));
    }
    return names;
}

/* ---- those that clients register ---- */

struct change {
    struct catalog *c;
    struct function *f; /* to be registered; NULL: id is to go */
    char *id;
    struct err err;
    catalog_done_fn *done;
    void *arg;
};

static struct change *
change_new(struct catalog *c, struct function *f, const char *id, catalog_done_fn *done,
           void *arg)
{
    struct change *ch = xcalloc(1, sizeof *ch);
    *ch = (struct change){ .c = c, .f = f, .id = xstrdup(id), .done = done, .arg = arg };
    return ch;
}

static void
change_end(void *arg)
{
    struct change *ch = arg;
    ch->done(ch->arg, ch->err.code == ERR_NONE ? NULL : &ch->err);
    function_free(ch->f);
    free(ch->id);
    free(ch);
}

/* change_end from the loop, never from within the call that asked. */
static void
change_end_later(struct change *ch)
{
    worker_run(store_worker(catalog_store(ch->c)), NULL, change_end, ch);
}

static void
on_put(void *arg, const struct err *err)
{
    struct change *ch = arg;
    struct functions *fs = catalog_functions(ch->c);
    table_take(&fs->coming, ch->id);
    if (err != NULL) {
        ch->err = *err;
    } else {
        table_set(&fs->live, TAKE(ch->f));
        table_sort(&fs->live);
    }
    change_end(ch);
}

void
catalog_put_function(struct catalog *c, struct function *f, catalog_done_fn *done, void *arg)
{
    struct functions *fs = catalog_functions(c);
    struct change *ch = change_new(c, f, f->id, done, arg);
    if (table_find(&fs->live, f->id) != NULL || table_find(&fs->coming, f->id) != NULL) {
        err_set(&ch->err, ERR_INVALID, "Scoring function '%.200s' already exists", f->id);
        change_end_later(ch);
        return;
    }
    CLEANUP_TEXT struct text json = TEXT_INIT;
    function_text(&json, f);
    table_set(&fs->coming, f);
    store_put(catalog_store(c), KIND_FUNCTION, f->id, f->owner, text_str(&json), on_put, ch);
}

static void
on_deleted(void *arg, const struct err *err)
{
    struct change *ch = arg;
    if (err != NULL)
        ch->err = *err;
    else
        function_free(table_take(&catalog_functions(ch->c)->live, ch->id));
    change_end(ch);
}

void
catalog_delete_function(struct catalog *c, const char *id, catalog_done_fn *done, void *arg)
{
    const struct function *f = catalog_function(c, id);
    struct change *ch = change_new(c, NULL, id, done, arg);
    if (f == NULL)
        err_set(&ch->err, ERR_INVALID, "Scoring function '%.200s' not found", id);
    else if (f->builtin)
        err_set(&ch->err, ERR_NOTSUP, "Scoring function '%.200s' is built in and cannot be"
                " unregistered", id);
    if (ch->err.code != ERR_NONE)
        change_end_later(ch);
    else
        store_delete(catalog_store(c), KIND_FUNCTION, id, on_deleted, ch);
}
