#include "config.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/jtext.h"
#include "common/mem.h"
#include "common/schema.h"
#include "runner/load.h"

/* evald_plugin of 1.0 ends with aggregate. */
#define SIZE_1_0 (offsetof(struct evald_plugin, aggregate) + sizeof(void *))

typedef const struct evald_plugin *const *plugins_fn(void);

static bool
word_ok(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || (c != '-' && c != '_' && c != '.')))
            return false;
    }
    return n > 0;
}

/* provider::name, as clients write it. */
static bool
id_ok(const char *id)
{
    const char *colons = strstr(id, "::");
    return colons != NULL && strlen(id) <= 128 && word_ok(id, (size_t)(colons - id))
           && word_ok(colons + 2, strlen(colons + 2));
}

static bool
line_ok(const char *z, size_t max)
{
    size_t n = strlen(z);
    if (n == 0 || n > max || utf8_valid_prefix(z, n) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)z[i] < ' ')
            return false;
    return true;
}

static int
check_json(const char *what, const char *z, bool object, struct err *err)
{
    struct jval v;
    size_t at;
    if (jtext_check(str_z(z), &v, &at, err) < 0)
        return err_prefix(err, "%s at byte %zu", what, at);
    if (object && v.kind != J_OBJECT)
        return err_set(err, ERR_PLUGIN, "%s is no JSON object", what);
    return 0;
}

static int
check_metrics(const char *z, struct err *err)
{
    struct jval all, one;
    struct str key;
    if (check_json("metrics", z, true, err) < 0)
        return -1;
    all = jtext_value(str_z(z));
    for (struct jiter it = jtext_iter(all); jtext_next(&it, &key, &one);) {
        struct jval range = jtext_member(one, STR("range"));
        struct jval better = jtext_member(one, STR("better"));
        struct jval lo = { 0 }, hi = { 0 };
        struct jiter ends = jtext_iter(range);
        bool numbers = jtext_next(&ends, NULL, &lo) && jtext_next(&ends, NULL, &hi)
                       && lo.kind == J_NUMBER && hi.kind == J_NUMBER && jtext_count(range) == 2;
        if (one.kind != J_OBJECT || better.kind != J_STRING
            || (range.kind != J_NULL && range.kind != J_ABSENT && !numbers))
            return err_set(err, ERR_PLUGIN,
                           "metrics: %.*s wants {\"range\": [lo, hi] or null, \"better\": "
                           "\"higher\" or \"lower\"}", (int)key.len, key.ptr);
        if (!jtext_spells(better.raw, STR("higher")) && !jtext_spells(better.raw, STR("lower")))
            return err_set(err, ERR_PLUGIN, "metrics: %.*s: better is neither higher nor lower",
                           (int)key.len, key.ptr);
        if (numbers && !(jtext_double(lo) < jtext_double(hi)))
            return err_set(err, ERR_PLUGIN, "metrics: %.*s: the range is empty",
                           (int)key.len, key.ptr);
    }
    return 0;
}

static int
read_columns(struct plugin *p, struct err *err)
{
    const char *const *names = p->desc.columns;
    size_t n = 0;
    while (names != NULL && names[n] != NULL)
        if (++n > PLUGIN_COLUMNS)
            return err_set(err, ERR_PLUGIN, "more than %d columns", PLUGIN_COLUMNS);
    p->columns = xcalloc(n + 1, sizeof *p->columns);
    p->optional = xcalloc(n + 1, sizeof *p->optional);
    for (size_t i = 0; i < n; i++) {
        struct str c = str_z(names[i]);
        if (c.len > 0 && c.ptr[c.len - 1] == '?') {
            p->optional[i] = true;
            c.len--;
        }
        if (c.len == 0 || utf8_valid_prefix(c.ptr, c.len) != c.len)
            return err_set(err, ERR_PLUGIN, "column %zu has no name", i);
        for (size_t k = 0; k < i; k++)
            if (str_eq(p->columns[k], c))
                return err_set(err, ERR_PLUGIN, "column '%s' twice", names[i]);
        p->columns[p->n_columns++] = c;
    }
    return 0;
}

/* Everything about a descriptor but its first four members. */
static int
check(struct plugin *p, struct err *err)
{
    struct evald_plugin *d = &p->desc;
    if (d->host_size > sizeof(struct evald_host))
        return err_set(err, ERR_PLUGIN, "needs a newer evald (host_size %u, this one has %zu)",
                       d->host_size, sizeof(struct evald_host));
    if (d->kind < EVALD_SCORER || d->kind > EVALD_SOURCE)
        return err_set(err, ERR_PLUGIN, "unknown kind %u", d->kind);
    if (d->threads > EVALD_PARALLEL)
        return err_set(err, ERR_PLUGIN, "unknown thread model %u", d->threads);
    if (d->version == NULL || !line_ok(d->version, 64))
        return err_set(err, ERR_PLUGIN, "no version, or not one short line");
    if (d->summary == NULL || !line_ok(d->summary, 400))
        return err_set(err, ERR_PLUGIN, "no summary, or not one line");
    if ((d->score == NULL) == (d->step == NULL))
        return err_set(err, ERR_PLUGIN, "wants exactly one of score and step, has %s",
                       d->score == NULL ? "none" : "both");
    if (d->score != NULL && d->kind != EVALD_SCORER && d->kind != EVALD_MODEL)
        return err_set(err, ERR_PLUGIN, "this kind wants step, not score");
    if (d->aggregate != NULL && d->kind != EVALD_SCORER)
        return err_set(err, ERR_PLUGIN, "aggregate is for scorers only");
    if (d->params_schema != NULL) {
        if (schema_check(str_z(d->params_schema), err) < 0)
            return err_prefix(err, "params_schema");
        if (json_parse(str_z(d->params_schema), &p->schema, NULL, err) < 0)
            return -1;
    }
    if (d->params_default != NULL
        && check_json("params_default", d->params_default, true, err) < 0)
        return -1;
    if (d->params_default != NULL && p->schema != NULL) {
        CLEANUP_JSON json_object *value = NULL, *filled = NULL;
        if (json_parse(str_z(d->params_default), &value, NULL, err) < 0)
            return -1;
        /* the host's members, when the schema does not know them */
        json_object *props = json_get(p->schema, "properties");
        if (!json_has(props, "type"))
            json_object_object_del(value, "type");
        if (!json_has(props, "aggregation_functions"))
            json_object_object_del(value, "aggregation_functions");
        filled = schema_apply(p->schema, value, SCHEMA_REFUSE, "params_default", err);
        if (filled == NULL)
            return -1;
    }
    if (d->return_type != NULL && check_json("return_type", d->return_type, true, err) < 0)
        return -1;
    if (d->metrics != NULL) {
        if (check_metrics(d->metrics, err) < 0
            || json_parse(str_z(d->metrics), &p->metrics, NULL, err) < 0)
            return -1;
    }
    return read_columns(p, err);
}

static void
plugin_free(struct plugin *p)
{
    if (p == NULL)
        return;
    free(p->path);
    free(p->sha256);
    free(p->columns);
    free(p->optional);
    json_object_put(p->metrics);
    json_object_put(p->schema);
    pthread_mutex_destroy(&p->gate);
    free(p);
}

static void
list_free(struct plugin **list)
{
    for (struct plugin *p = *list, *next; p != NULL; p = next) {
        next = p->next;
        plugin_free(p);
    }
    *list = NULL;
}

/* A checked copy of one descriptor; NULL with the reason. */
static struct plugin *
take(const struct evald_plugin *from, size_t at, struct err *err)
{
    if (from->magic != EVALD_MAGIC)
        return ERR_NULL(err, ERR_PLUGIN,
                        "plugin %zu of the file has a wrong magic number 0x%08x", at,
                        from->magic);
    if (from->abi != EVALD_ABI)
        return ERR_NULL(err, ERR_PLUGIN, "plugin %zu of the file has ABI %u, this evald has %u",
                        at, from->abi, EVALD_ABI);
    if (from->size < SIZE_1_0)
        return ERR_NULL(err, ERR_PLUGIN, "plugin %zu of the file has %u bytes, 1.0 has %zu", at,
                        from->size, (size_t)SIZE_1_0);
    struct plugin *p = xcalloc(1, sizeof *p);
    pthread_mutex_init(&p->gate, NULL);
    memcpy(&p->desc, from, from->size < sizeof p->desc ? from->size : sizeof p->desc);
    if (p->desc.id == NULL || !id_ok(p->desc.id)) {
        err_set(err, ERR_PLUGIN, "plugin %zu of the file: the id '%.140s' is no provider::name",
                at, p->desc.id != NULL ? p->desc.id : "");
        plugin_free(p);
        return NULL;
    }
    if (check(p, err) < 0) {
        if (err != NULL)
            err->code = ERR_PLUGIN;
        err_prefix(err, "plugin '%s'", p->desc.id);
        plugin_free(p);
        return NULL;
    }
    return p;
}

/* dlerror() without the name of the descriptor in front. */
static const char *
why_not(void)
{
    const char *z = dlerror();
    if (z == NULL)
        return "cannot be loaded";
    if (strncmp(z, "/proc/self/fd/", 14) == 0) {
        const char *colon = strstr(z, ": ");
        if (colon != NULL)
            return colon + 2;
    }
    return z;
}

int
load_file(struct load *l, int fd, const char *path, const char *sha256, struct err *err)
{
    for (struct plugin *p = l->plugins; p != NULL && sha256 != NULL; p = p->next)
        if (p->sha256 != NULL && strcmp(p->sha256, sha256) == 0 && strcmp(p->path, path) == 0)
            return 0;
    /* The dynamic linker knows files by name, so a number must never come back: the copy
     * stays open as long as what it loaded, which is for ever. */
    CLEANUP_CLOSE int mine = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (mine < 0)
        return err_set(err, ERR_IO, "%s: %m", path);
    char name[40];
    snprintf(name, sizeof name, "/proc/self/fd/%d", mine);
    void *object = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (object == NULL)
        return err_set(err, ERR_PLUGIN, "%s: %s", path, why_not());
    TAKE_FD(mine);

    plugins_fn *fn;
    *(void **)&fn = dlsym(object, "evald_plugins_v1");
    if (fn == NULL)
        return err_set(err, ERR_PLUGIN, "%s: %s", path,
                       dlsym(object, "evald_plugins_v2") != NULL
                           ? "made for a newer evald (evald_plugins_v2)"
                           : "no evald plugin (evald_plugins_v1 is missing)");
    const struct evald_plugin *const *all = fn();
    if (all == NULL || all[0] == NULL)
        return err_set(err, ERR_PLUGIN, "%s: evald_plugins_v1 names no plugin", path);

    struct plugin *list = NULL, **end = &list;
    for (size_t i = 0; all[i] != NULL; i++) {
        struct plugin *p = take(all[i], i, err);
        for (struct plugin *o = list; p != NULL && o != NULL; o = o->next)
            if (strcmp(o->desc.id, p->desc.id) == 0) {
                err_set(err, ERR_PLUGIN, "plugin '%s' twice in one file", p->desc.id);
                plugin_free(p);
                p = NULL;
            }
        if (p == NULL) {
            list_free(&list);
            return err_prefix(err, "%s", path);
        }
        p->path = xstrdup(path);
        p->sha256 = sha256 != NULL ? xstrdup(sha256) : NULL;
        *end = p;
        end = &p->next;
    }
    end = &l->plugins;
    while (*end != NULL)
        end = &(*end)->next;
    *end = list;
    return 0;
}

struct plugin *
load_find_in(const struct load *l, const char *path, struct str id)
{
    struct plugin *found = NULL;
    for (struct plugin *p = l->plugins; p != NULL; p = p->next)
        if (strcmp(p->path, path) == 0 && str_is(id, p->desc.id))
            found = p;
    return found;
}

struct plugin *
load_find(const struct load *l, struct str id)
{
    for (struct plugin *p = l->plugins; p != NULL; p = p->next)
        if (p->chosen && str_is(id, p->desc.id))
            return p;
    return NULL;
}

void
load_fini(struct load *l)
{
    list_free(&l->plugins);
}
