#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "runner/job.h"

static char *
dup_str(json_object *o, const char *key)
{
    const char *z = json_get_str(o, key, NULL);
    return z != NULL ? xstrdup(z) : NULL;
}

/* The text of a member that is an object; NULL when it is absent or null. */
static char *
dup_object(json_object *o, const char *key)
{
    json_object *v = json_get(o, key);
    return v != NULL && json_object_is_type(v, json_type_object) ? json_text(v) : NULL;
}

static size_t
count(json_object *a)
{
    if (a == NULL || !json_object_is_type(a, json_type_array))
        return 0;
    return json_object_array_length(a);
}

static char **
dup_list(json_object *o, const char *key, size_t *ret_n)
{
    json_object *a = json_get(o, key);
    size_t n = count(a);
    char **list = xcalloc(n + 1, sizeof *list);
    for (size_t i = 0; i < n; i++) {
        json_object *e = json_object_array_get_idx(a, i);
        list[i] = xstrdup(e != NULL ? json_object_get_string(e) : "");
    }
    *ret_n = n;
    return list;
}

static void
free_list(char **list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(list[i]);
    free(list);
}

static uint32_t
small(json_object *o, const char *key, uint32_t otherwise, uint32_t least, uint32_t most)
{
    int64_t n = json_get_int(o, key, otherwise);
    return n < least ? least : n > most ? most : (uint32_t)n;
}

static int
parse_files(struct job *j, json_object *o, struct err *err)
{
    json_object *a = json_get(o, "plugins");
    j->files = xcalloc(count(a) + 1, sizeof *j->files);
    for (size_t i = 0; i < count(a); i++) {
        json_object *e = json_object_array_get_idx(a, i);
        struct job_file *f = &j->files[j->n_files++];
        f->fd = json_get(e, "file") != NULL ? 0 : -1; /* 0: one is to come */
        f->path = dup_str(e, "path");
        f->sha256 = dup_str(e, "sha256");
        f->ids = dup_list(e, "ids", &f->n_ids);
        if (f->path == NULL)
            return err_set(err, ERR_PROTO, "JOB: plugin %zu without a path", i);
    }
    return 0;
}

static int
parse_models(struct job *j, json_object *o, struct err *err)
{
    json_object *a = json_get(o, "models");
    j->models = xcalloc(count(a) + 1, sizeof *j->models);
    for (size_t i = 0; i < count(a); i++) {
        json_object *e = json_object_array_get_idx(a, i);
        struct job_model *m = &j->models[j->n_models++];
        m->id = dup_str(e, "id");
        m->adapter = dup_str(e, "adapter");
        m->endpoint = json_get_bool(e, "endpoint", false);
        m->max_in_flight = small(e, "max_in_flight", 1, 1, UINT32_MAX);
        if (m->id == NULL || m->adapter == NULL)
            return err_set(err, ERR_PROTO, "JOB: model %zu without id or adapter", i);
        /* What open() sees of an entry: its params, and what it is called. */
        json_object *given = json_get(e, "params");
        CLEANUP_JSON json_object *params = json_object_new_object();
        if (given != NULL && json_object_is_type(given, json_type_object)) {
            json_object_object_foreach(given, key, value)
                json_add(params, key, json_object_get(value));
        }
        if (!json_has(params, "id"))
            json_add_str(params, "id", m->id);
        if (!json_has(params, "name"))
            json_add_str(params, "name", json_get_str(e, "name", m->id));
        m->params = json_text(params);
        j->wants_gateway |= m->endpoint;
    }
    json_object *roles = json_get(o, "roles");
    size_t n = roles != NULL ? (size_t)json_object_object_length(roles) : 0;
    j->roles = xcalloc(n + 1, sizeof *j->roles);
    if (n == 0)
        return 0;
    json_object_object_foreach(roles, role, id) {
        struct job_model *m = NULL;
        for (size_t i = 0; i < j->n_models; i++)
            if (id != NULL && strcmp(j->models[i].id, json_object_get_string(id)) == 0)
                m = &j->models[i];
        if (m == NULL)
            return err_set(err, ERR_PROTO, "JOB: role '%s' of no model", role);
        j->roles[j->n_roles].role = xstrdup(role);
        j->roles[j->n_roles++].model = m;
    }
    return 0;
}

static int
parse_candidate(struct job *j, json_object *o, struct err *err)
{
    json_object *c = json_get(o, "candidate");
    if (c == NULL)
        return 0;
    j->has_candidate = true;
    if (strcmp(json_get_str(c, "type", ""), "model") != 0) {
        j->candidate_type = xstrdup(json_get_str(c, "type", ""));
        return 0;
    }
    const char *id = json_get_str(c, "model", "");
    for (size_t i = 0; i < j->n_models; i++)
        if (strcmp(j->models[i].id, id) == 0)
            j->candidate = &j->models[i];
    if (j->candidate == NULL)
        return err_set(err, ERR_PROTO, "JOB: the candidate '%s' is none of its models", id);
    j->system_message = dup_object(c, "system_message");
    j->sampling = dup_object(c, "sampling");
    return 0;
}

static int
parse_functions(struct job *j, json_object *o, struct err *err)
{
    json_object *a = json_get(o, "functions");
    j->functions = xcalloc(count(a) + 1, sizeof *j->functions);
    for (size_t i = 0; i < count(a); i++) {
        json_object *e = json_object_array_get_idx(a, i);
        struct job_function *f = &j->functions[j->n_functions++];
        f->id = dup_str(e, "id");
        f->plugin = dup_str(e, "plugin");
        f->params = dup_object(e, "params");
        if (f->params == NULL)
            f->params = xstrdup("{}");
        f->aggregations = dup_list(e, "aggregation_functions", &f->n_aggregations);
        if (f->id == NULL || f->plugin == NULL)
            return err_set(err, ERR_PROTO, "JOB: function %zu without id or plugin", i);
    }
    return 0;
}

/* The entry of a source, whose id is its plugin's and its endpoint's. */
static int
parse_source(struct job *j, json_object *o, struct err *err)
{
    json_object *s = json_get(o, "source");
    if (strcmp(json_get_str(o, "mode", "job"), "source") != 0)
        return 0;
    j->source_id = dup_str(s, "id");
    j->source_uri = dup_str(s, "uri");
    j->source_params = dup_object(s, "params");
    j->source.endpoint = json_get_bool(s, "endpoint", false);
    if (j->source_id == NULL || j->source_uri == NULL || j->source_params == NULL)
        return err_set(err, ERR_PROTO, "JOB: a source without id, uri or params");
    return 0;
}

struct job *
job_parse(struct str head, struct err *err)
{
    CLEANUP_JSON json_object *o = NULL;
    if (json_parse(head, &o, NULL, err) < 0)
        return err_prefix(err, "JOB"), NULL;
    struct job *j = xcalloc(1, sizeof *j);
    j->data_fd = -1;
    j->call = strcmp(json_get_str(o, "mode", "job"), "call") == 0;
    json_object *id = json_get(o, "job");
    j->id = id != NULL ? xstrdup(json_object_get_string(id)) : NULL;
    json_object *d = json_get(o, "dataset");
    j->name = xstrdup(json_get_str(d, "name", "dataset"));
    j->format = strcmp(json_get_str(d, "format", "jsonl"), "csv") == 0 ? ROWS_CSV : ROWS_JSONL;
    j->size = json_get_int(d, "size", 0);
    j->limit = json_get_int(d, "limit", -1);
    j->row_id_column = dup_str(d, "row_id_column");
    j->cluster = dup_str(d, "cluster");
    j->epochs = small(o, "epochs", 1, 1, 1u << 20);
    j->seed = (uint64_t)json_get_int(o, "seed", 0);
    j->fail = strcmp(json_get_str(o, "on_error", "record"), "fail") == 0;
    j->resume = json_get_bool(o, "resume", false);
    j->rescored = json_get_bool(o, "rescored", false);
    j->window = small(o, "window", 64, 1, 1u << 16);
    int64_t bytes = json_get_int(o, "window_bytes", 64 << 20);
    j->window_bytes = bytes < 1 ? 1 : (size_t)bytes;
    j->max_attempts = small(o, "max_attempts", 4, 1, 1000);
    j->plugin_timeout_ms = small(o, "plugin_timeout_ms", 30000, 1, UINT32_MAX);
    j->ask_timeout_ms = small(o, "ask_timeout_ms", 600000, 1, UINT32_MAX);
    j->quarantine = dup_list(o, "quarantine", &j->n_quarantine);
    json_object *suspects = json_get(o, "suspects");
    j->suspects = xcalloc(count(suspects) + 1, sizeof *j->suspects);
    for (size_t i = 0; i < count(suspects); i++)
        j->suspects[j->n_suspects++] =
            (uint64_t)json_object_get_int64(json_object_array_get_idx(suspects, i));
    if (parse_files(j, o, err) < 0 || parse_models(j, o, err) < 0
        || parse_candidate(j, o, err) < 0 || parse_functions(j, o, err) < 0
        || parse_source(j, o, err) < 0) {
        for (size_t i = 0; i < j->n_files; i++)
            j->files[i].fd = -1;
        job_free(j);
        return NULL;
    }
    return j;
}

void
job_free(struct job *j)
{
    if (j == NULL)
        return;
    for (size_t i = 0; i < j->n_files; i++) {
        mem_cleanup_close(&j->files[i].fd);
        free(j->files[i].path);
        free(j->files[i].sha256);
        free_list(j->files[i].ids, j->files[i].n_ids);
    }
    free(j->files);
    for (size_t i = 0; i < j->n_models; i++) {
        free(j->models[i].id);
        free(j->models[i].adapter);
        free(j->models[i].params);
    }
    free(j->models);
    for (size_t i = 0; i < j->n_roles; i++)
        free(j->roles[i].role);
    free(j->roles);
    for (size_t i = 0; i < j->n_functions; i++) {
        free(j->functions[i].id);
        free(j->functions[i].plugin);
        free(j->functions[i].params);
        free(j->functions[i].map);
        free_list(j->functions[i].aggregations, j->functions[i].n_aggregations);
    }
    free(j->functions);
    free_list(j->quarantine, j->n_quarantine);
    free(j->suspects);
    free(j->candidate_type);
    mem_cleanup_close(&j->data_fd);
    free(j->source_id);
    free(j->source_uri);
    free(j->source_params);
    free(j->candidate_map);
    free(j->wanted);
    free(j->id);
    free(j->name);
    free(j->row_id_column);
    free(j->cluster);
    free(j->system_message);
    free(j->sampling);
    free(j);
}

/* ---- binding ---- */

static unsigned
want(struct job *j, struct str name)
{
    for (size_t i = 0; i < j->n_wanted; i++)
        if (str_eq(j->wanted[i], name))
            return (unsigned)i;
    j->wanted = xreallocarray(j->wanted, j->n_wanted + 1, sizeof *j->wanted);
    j->wanted[j->n_wanted] = name;
    return (unsigned)j->n_wanted++;
}

static unsigned *
want_columns(struct job *j, const struct plugin *p)
{
    unsigned *map = xcalloc(p->n_columns + 1, sizeof *map);
    for (size_t i = 0; i < p->n_columns; i++)
        map[i] = want(j, p->columns[i]);
    return map;
}

static struct plugin *
find(const struct load *l, const char *id, uint32_t kind, struct err *err)
{
    struct plugin *p = load_find(l, str_z(id));
    if (p == NULL)
        return ERR_NULL(err, ERR_PLUGIN, "plugin '%s' is not loaded", id);
    if (p->desc.kind != kind)
        return ERR_NULL(err, ERR_PLUGIN, "plugin '%s' is no %s", id,
                        kind == EVALD_SCORER ? "scorer"
                        : kind == EVALD_MODEL ? "model adapter" : "source");
    return p;
}

/* Loading runs the file's constructors: whoever they take down is to be named. */
static int
bind_file(struct load *l, const struct job_file *f, uint32_t crumb, struct err *err)
{
    if (host_enter_load != NULL)
        host_enter_load(crumb);
    int rc = load_file(l, f->fd, f->path, f->sha256, err);
    if (host_leave != NULL)
        host_leave();
    return rc;
}

static int
choose(struct job *j, struct load *l, struct err *err)
{
    uint32_t crumb = 0, first = 0;
    for (struct plugin *p = l->plugins; p != NULL; p = p->next)
        p->chosen = p->quarantined = false;
    for (size_t i = 0; i < j->n_files; i++) {
        struct job_file *f = &j->files[i];
        if (f->fd >= 0 && bind_file(l, f, first, err) < 0)
            return -1;
        first += (uint32_t)f->n_ids;
        mem_cleanup_close(&f->fd);
        f->fd = -1;
    }
    for (size_t i = 0; i < j->n_files; i++)
        for (size_t k = 0; k < j->files[i].n_ids; k++, crumb++) {
            const char *id = j->files[i].ids[k];
            struct plugin *p = load_find_in(l, j->files[i].path, str_z(id));
            if (p == NULL)
                return err_set(err, ERR_PLUGIN, "%s: there is no plugin '%s' in it",
                               j->files[i].path, id);
            if (load_find(l, str_z(id)) != NULL)
                return err_set(err, ERR_PLUGIN, "plugin '%s' is in two files", id);
            p->chosen = true;
            p->crumb = crumb;
            for (size_t q = 0; q < j->n_quarantine; q++)
                p->quarantined |= strcmp(j->quarantine[q], id) == 0;
        }
    return 0;
}

int
job_bind(struct job *j, struct load *l, struct err *err)
{
    if (j->candidate_type != NULL)
        return err_set(err, ERR_NOTSUP, "candidates of type '%s' are not supported",
                       j->candidate_type);
    if (choose(j, l, err) < 0)
        return -1;
    if (j->source_id != NULL)
        return (j->source.plugin = find(l, j->source_id, EVALD_SOURCE, err)) != NULL ? 0 : -1;
    for (size_t i = 0; i < j->n_models; i++) {
        struct job_model *m = &j->models[i];
        if ((m->in.plugin = find(l, m->adapter, EVALD_MODEL, err)) == NULL)
            return err_prefix(err, "model '%s'", m->id);
    }
    for (size_t i = 0; i < j->n_functions; i++) {
        struct job_function *f = &j->functions[i];
        if ((f->in.plugin = find(l, f->plugin, EVALD_SCORER, err)) == NULL)
            return err_prefix(err, "function '%s'", f->id);
        f->map = want_columns(j, f->in.plugin);
    }
    j->w_cluster = j->w_answer = j->w_completion = j->w_chat = -1;
    j->w_id = (int)want(j, str_z(j->row_id_column != NULL ? j->row_id_column : "id"));
    if (j->cluster != NULL)
        j->w_cluster = (int)want(j, str_z(j->cluster));
    if (j->has_candidate) {
        j->candidate_map = want_columns(j, j->candidate->in.plugin);
        j->w_answer = (int)want(j, STR("generated_answer"));
        j->w_completion = (int)want(j, STR("completion_input"));
        j->w_chat = (int)want(j, STR("chat_completion_input"));
    }
    return 0;
}

int
job_open(struct job *j, struct call *c, const char **ret_what, const char **ret_plugin,
         struct err *err)
{
    if (j->source_id != NULL) {
        *ret_plugin = j->source_id;
        if (host_open(c, &j->source, j->source.plugin, j->source_id, str_z(j->source_params),
                      err) < 0)
            return -1;
    }
    for (size_t i = 0; i < j->n_models; i++) {
        struct job_model *m = &j->models[i];
        *ret_what = m->id;
        *ret_plugin = m->adapter;
        m->in.endpoint = m->endpoint;
        if (host_open(c, &m->in, m->in.plugin, m->id, str_z(m->params), err) < 0) {
            job_close(j);
            return -1;
        }
    }
    for (size_t i = 0; i < j->n_functions; i++) {
        struct job_function *f = &j->functions[i];
        *ret_what = f->id;
        *ret_plugin = f->plugin;
        if (host_open(c, &f->in, f->in.plugin, f->id, str_z(f->params), err) < 0) {
            job_close(j);
            return -1;
        }
    }
    return 0;
}

void
job_close(struct job *j)
{
    host_close(&j->source);
    for (size_t i = 0; i < j->n_models; i++)
        host_close(&j->models[i].in);
    for (size_t i = 0; i < j->n_functions; i++)
        host_close(&j->functions[i].in);
}

struct job_model *
job_model(const struct job *j, struct str to)
{
    for (size_t i = 0; i < j->n_roles; i++)
        if (str_is(to, j->roles[i].role))
            return j->roles[i].model;
    for (size_t i = 0; i < j->n_models; i++)
        if (str_is(to, j->models[i].id))
            return &j->models[i];
    return NULL;
}
