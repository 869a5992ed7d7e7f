#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/record.h"
#include "daemon/rowsfile.h"

void
fetched_fini(struct fetched *f)
{
    free(f->file);
    free(f->etag);
    free(f->modified);
    *f = (struct fetched){ .file = NULL };
}

void
dataset_free(void *arg)
{
    struct dataset *ds = arg;
    if (ds == NULL)
        return;
    free(ds->id);
    free(ds->purpose);
    free(ds->provider_id);
    json_object_put(ds->metadata);
    free(ds->uri);
    free(ds->rows_file);
    fetched_fini(&ds->fetched);
    free(ds);
}

void
benchmark_free(void *arg)
{
    struct benchmark *b = arg;
    if (b == NULL)
        return;
    free(b->id);
    free(b->dataset_id);
    free(b->provider_id);
    free(b->provider_benchmark_id);
    json_object_put(b->scoring_functions);
    json_object_put(b->metadata);
    free(b);
}

void
function_free(void *arg)
{
    struct function *f = arg;
    if (f == NULL)
        return;
    free(f->id);
    free(f->plugin_id);
    free(f->provider_id);
    free(f->provider_resource_id);
    free(f->description);
    json_object_put(f->return_type);
    json_object_put(f->params);
    json_object_put(f->metadata);
    free(f);
}

json_object *
json_ref_or(json_object *o, json_object *(*make)(void))
{
    return o != NULL ? json_object_get(o) : make();
}

static char *
dup_member(json_object *o, const char *key)
{
    const char *z = json_get_str(o, key, NULL);
    return z != NULL ? xstrdup(z) : NULL;
}

static json_object *
fetched_object(const struct fetched *f)
{
    json_object *o = json_object_new_object();
    json_add_str(o, "file", f->file);
    json_add_int(o, "bytes", f->bytes);
    json_add_str(o, "etag", f->etag);
    json_add_str(o, "modified", f->modified);
    json_add_int(o, "at", f->unix_ms);
    return o;
}

static struct fetched
fetched_read(json_object *o)
{
    const char *file = json_get_str(o, "file", "");
    if (!rowsfile_is_fetched(file))
        return (struct fetched){ .file = NULL };
    return (struct fetched){ .file = xstrdup(file), .bytes = json_get_int(o, "bytes", -1),
                             .etag = dup_member(o, "etag"),
                             .modified = dup_member(o, "modified"),
                             .unix_ms = json_get_int(o, "at", 0) };
}

void
dataset_text(struct text *t, const struct dataset *ds)
{
    CLEANUP_JSON json_object *o = json_object_new_object();
    json_add_str(o, "purpose", ds->purpose);
    json_add_str(o, "provider_id", ds->provider_id);
    json_add(o, "metadata", json_object_get(ds->metadata));
    if (ds->uri != NULL) {
        json_add_str(o, "uri", ds->uri);
        if (ds->fetched.file != NULL)
            json_add(o, "fetched", fetched_object(&ds->fetched));
    } else {
        json_add_str(o, "rows_file", ds->rows_file);
        json_add_int(o, "rows_bytes", ds->rows_bytes);
        json_add_int(o, "rows_count", ds->rows_count);
    }
    json_put(t, o);
}

void
benchmark_text(struct text *t, const struct benchmark *b)
{
    CLEANUP_JSON json_object *o = json_object_new_object();
    json_add_str(o, "dataset_id", b->dataset_id);
    json_add_str(o, "provider_id", b->provider_id);
    json_add_str(o, "provider_benchmark_id", b->provider_benchmark_id);
    json_add(o, "scoring_functions", json_object_get(b->scoring_functions));
    json_add(o, "metadata", json_object_get(b->metadata));
    json_put(t, o);
}

void
function_text(struct text *t, const struct function *f)
{
    CLEANUP_JSON json_object *o = json_object_new_object();
    json_add_str(o, "plugin_id", f->plugin_id);
    json_add_str(o, "provider_id", f->provider_id);
    json_add_str(o, "provider_resource_id", f->provider_resource_id);
    json_add_str(o, "description", f->description);
    json_add(o, "return_type", json_object_get(f->return_type));
    json_add(o, "params", json_object_get(f->params));
    json_add(o, "metadata", json_object_get(f->metadata));
    json_put(t, o);
}

void *
dataset_read(const char *id, uid_t owner, json_object *o)
{
    struct dataset *ds = xcalloc(1, sizeof *ds);
    *ds = (struct dataset){
        .id = xstrdup(id),
        .purpose = dup_member(o, "purpose"),
        .provider_id = dup_member(o, "provider_id"),
        .metadata = json_ref_or(json_get(o, "metadata"), json_object_new_object),
        .owner = owner,
        .uri = dup_member(o, "uri"),
        .rows_file = dup_member(o, "rows_file"),
        .rows_bytes = json_get_int(o, "rows_bytes", -1),
        .rows_count = json_get_int(o, "rows_count", -1),
        .fetched = fetched_read(json_get(o, "fetched")),
    };
    bool rows = ds->rows_file != NULL && rowsfile_is_name(ds->rows_file) && ds->rows_bytes >= 0
                && ds->rows_count >= 0;
    if (ds->purpose != NULL && ds->provider_id != NULL && (ds->uri != NULL) != rows)
        return ds;
    dataset_free(ds);
    return NULL;
}

void *
benchmark_read(const char *id, uid_t owner, json_object *o)
{
    struct benchmark *b = xcalloc(1, sizeof *b);
    *b = (struct benchmark){
        .id = xstrdup(id),
        .dataset_id = dup_member(o, "dataset_id"),
        .provider_id = dup_member(o, "provider_id"),
        .provider_benchmark_id = dup_member(o, "provider_benchmark_id"),
        .scoring_functions = json_object_get(json_get(o, "scoring_functions")),
        .metadata = json_ref_or(json_get(o, "metadata"), json_object_new_object),
        .owner = owner,
    };
    if (b->dataset_id != NULL && b->provider_id != NULL && b->provider_benchmark_id != NULL
        && json_object_is_type(b->scoring_functions, json_type_array))
        return b;
    benchmark_free(b);
    return NULL;
}

void *
function_read(const char *id, uid_t owner, json_object *o)
{
    struct function *f = xcalloc(1, sizeof *f);
    *f = (struct function){
        .id = xstrdup(id),
        .plugin_id = dup_member(o, "plugin_id"),
        .provider_id = dup_member(o, "provider_id"),
        .provider_resource_id = dup_member(o, "provider_resource_id"),
        .description = dup_member(o, "description"),
        .return_type = json_ref_or(json_get(o, "return_type"), json_object_new_object),
        .params = json_object_get(json_get(o, "params")),
        .metadata = json_ref_or(json_get(o, "metadata"), json_object_new_object),
        .owner = owner,
    };
    if (f->plugin_id != NULL && f->provider_id != NULL && f->provider_resource_id != NULL)
        return f;
    function_free(f);
    return NULL;
}
