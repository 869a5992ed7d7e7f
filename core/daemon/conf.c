#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/err.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "daemon/conf.h"
#include "daemon/url.h"

#define SOCKET_PATH_MAX (sizeof ((struct sockaddr_un *)NULL)->sun_path - 1)

struct reader {
    const char *path;
    struct conf *conf;
    struct err *err;
};

/* One setting of a group: read() puts its value at base + offset. */
struct key {
    const char *name;
    int (*read)(struct reader *r, config_setting_t *s, const struct key *k, void *dst);
    size_t offset;
    int64_t min, max;
};

/* ---- errors ---- */

static void
put_path(struct text *t, config_setting_t *s)
{
    config_setting_t *up = config_setting_parent(s);
    if (up == NULL)
        return;
    put_path(t, up);
    if (config_setting_name(s) == NULL)
        text_putf(t, "[%d]", config_setting_index(s));
    else
        text_putf(t, "%s%s", t->len > 0 ? "." : "", config_setting_name(s));
}

__attribute__((format(printf, 4, 5))) static int
bad(struct reader *r, config_setting_t *s, const char *member, const char *fmt, ...)
{
    CLEANUP_TEXT struct text path = TEXT_INIT, why = TEXT_INIT;
    put_path(&path, s);
    if (member != NULL)
        text_putf(&path, "%s%s", path.len > 0 ? "." : "", member);
    va_list ap;
    va_start(ap, fmt);
    text_vputf(&why, fmt, ap);
    va_end(ap);
    const char *file = config_setting_source_file(s);
    return err_set(r->err, ERR_INVALID, "%s:%u: %s: %s", file != NULL ? file : r->path,
                   config_setting_source_line(s), text_str(&path).ptr, why.ptr);
}

static const char *
type_name(config_setting_t *s)
{
    switch (config_setting_type(s)) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64: return "an integer";
    case CONFIG_TYPE_FLOAT: return "a number with a fraction";
    case CONFIG_TYPE_STRING: return "a string";
    case CONFIG_TYPE_BOOL: return "a boolean";
    case CONFIG_TYPE_ARRAY: return "an array";
    case CONFIG_TYPE_LIST: return "a list";
    default: return "a group";
    }
}

static int
bad_type(struct reader *r, config_setting_t *s, const char *want)
{
    return bad(r, s, NULL, "must be %s, not %s", want, type_name(s));
}

/* ---- values ---- */

/* Borrowed from the parsed file; never empty. */
static const char *
string_of(struct reader *r, config_setting_t *s)
{
    if (config_setting_type(s) != CONFIG_TYPE_STRING) {
        bad_type(r, s, "a string");
        return NULL;
    }
    const char *z = config_setting_get_string(s);
    size_t n = strlen(z);
    if (n == 0 || utf8_valid_prefix(z, n) != n) {
        bad(r, s, NULL, n == 0 ? "must not be empty" : "is not UTF-8");
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)z[i] < 0x20 || z[i] == 0x7f) {
            bad(r, s, NULL, "holds a control character");
            return NULL;
        }
    return z;
}

static int
read_string(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    (void)k;
    const char *z = string_of(r, s);
    if (z == NULL)
        return -1;
    free(*(char **)dst);
    *(char **)dst = xstrdup(z);
    return 0;
}

/* Without slashes at the end, so that names below compare by prefix. */
static char *
path_of(struct reader *r, config_setting_t *s)
{
    const char *z = string_of(r, s);
    if (z == NULL)
        return NULL;
    if (z[0] != '/') {
        bad(r, s, NULL, "must be an absolute path, not \"%s\"", z);
        return NULL;
    }
    size_t n = strlen(z);
    while (n > 1 && z[n - 1] == '/')
        n--;
    return xstrndup(z, n);
}

static int
read_path(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    (void)k;
    char *z = path_of(r, s);
    if (z == NULL)
        return -1;
    free(*(char **)dst);
    *(char **)dst = z;
    return 0;
}

static int
read_socket_path(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    if (read_path(r, s, k, dst) < 0)
        return -1;
    if (strlen(*(char **)dst) > SOCKET_PATH_MAX)
        return bad(r, s, NULL, "is longer than the %zu bytes a socket's path may have",
                   SOCKET_PATH_MAX);
    return 0;
}

static int
int_of(struct reader *r, config_setting_t *s, const struct key *k, int64_t *ret)
{
    int type = config_setting_type(s);
    if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
        return bad_type(r, s, "an integer");
    int64_t n = config_setting_get_int64(s);
    if (n < k->min || n > k->max)
        return bad(r, s, NULL, "must be between %lld and %lld, not %lld", (long long)k->min,
                   (long long)k->max, (long long)n);
    *ret = n;
    return 0;
}

static int
read_int(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    int64_t n = 0;
    if (int_of(r, s, k, &n) < 0)
        return -1;
    *(int *)dst = (int)n;
    return 0;
}

static int
read_size(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    int64_t n = 0;
    if (int_of(r, s, k, &n) < 0)
        return -1;
    *(size_t *)dst = (size_t)n;
    return 0;
}

static int
read_int64(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    return int_of(r, s, k, dst);
}

static int
read_memory(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    int64_t n = 0;
    if (int_of(r, s, k, &n) < 0)
        return -1;
    if (n != 0 && n < 64 << 20)
        return bad(r, s, NULL, "must be 0 (no limit) or at least %d (64 MiB), not %lld",
                   64 << 20, (long long)n);
    *(int64_t *)dst = n;
    return 0;
}

static int
read_mode(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    (void)k;
    if (config_setting_type(s) != CONFIG_TYPE_STRING)
        return bad(r, s, NULL, "must be a string of octal digits such as \"0660\", not %s",
                   type_name(s));
    const char *z = string_of(r, s);
    if (z == NULL)
        return -1;
    size_t n = strlen(z);
    if (n < 3 || n > 4 || strspn(z, "01234567") != n || (n == 4 && z[0] != '0'))
        return bad(r, s, NULL, "\"%s\" is no mode of three octal digits such as \"0660\"", z);
    *(mode_t *)dst = (mode_t)strtoul(z, NULL, 8);
    return 0;
}

static int
read_group_name(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    if (read_string(r, s, k, dst) < 0)
        return -1;
    if (getgrnam(*(char **)dst) == NULL)
        return bad(r, s, NULL, "there is no group \"%s\"", *(char **)dst);
    return 0;
}

static int
read_level(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    (void)k;
    const char *z = string_of(r, s);
    if (z == NULL)
        return -1;
    int level = log_level_parse(z);
    if (level < 0)
        return bad(r, s, NULL, "must be error, warning, info or debug, not \"%s\"", z);
    *(int *)dst = level;
    return 0;
}

/* ---- lists ---- */

static void
strv_add(char ***v, char *z) /* takes z */
{
    size_t n = 0;
    while (*v != NULL && (*v)[n] != NULL)
        n++;
    *v = xreallocarray(*v, n + 2, sizeof **v);
    (*v)[n] = z;
    (*v)[n + 1] = NULL;
}

static void
strv_free(char **v)
{
    for (size_t i = 0; v != NULL && v[i] != NULL; i++)
        free(v[i]);
    free(v);
}

static int
list_length(struct reader *r, config_setting_t *s)
{
    int type = config_setting_type(s);
    if (type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST)
        return bad_type(r, s, "a list");
    return config_setting_length(s);
}

static int
read_paths(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    (void)k;
    int n = list_length(r, s);
    for (int i = 0; i < n; i++) {
        char *z = path_of(r, config_setting_get_elem(s, (unsigned)i));
        if (z == NULL)
            return -1;
        strv_add(dst, z);
    }
    return n < 0 ? -1 : 0;
}

/* ---- URLs ---- */

static int
read_url(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    const char *z = string_of(r, s);
    const char *why = z != NULL ? url_error(z, false) : NULL;
    if (z == NULL)
        return -1;
    if (why != NULL)
        return bad(r, s, NULL, "\"%s\" %s", z, why);
    return read_string(r, s, k, dst);
}

static int
read_hosts(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    (void)k;
    int n = list_length(r, s);
    for (int i = 0; i < n; i++) {
        config_setting_t *e = config_setting_get_elem(s, (unsigned)i);
        const char *z = string_of(r, e);
        const char *why = z != NULL ? url_error(z, true) : NULL;
        if (z == NULL)
            return -1;
        if (why != NULL)
            return bad(r, e, NULL, "\"%s\" %s", z, why);
        strv_add(dst, xstrdup(z));
    }
    return n < 0 ? -1 : 0;
}

/* ---- a group as JSON ---- */

static int
read_json(struct reader *r, config_setting_t *s, json_object **ret)
{
    switch (config_setting_type(s)) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64: *ret = json_object_new_int64(config_setting_get_int64(s)); return 0;
    case CONFIG_TYPE_FLOAT: *ret = json_new_double(config_setting_get_float(s)); return 0;
    case CONFIG_TYPE_BOOL: *ret = json_object_new_boolean(config_setting_get_bool(s)); return 0;
    case CONFIG_TYPE_STRING: {
        const char *z = config_setting_get_string(s);
        if (utf8_valid_prefix(z, strlen(z)) != strlen(z))
            return bad(r, s, NULL, "is not UTF-8");
        *ret = json_object_new_string(z);
        return 0;
    }
    default: break;
    }
    bool group = config_setting_is_group(s);
    CLEANUP_JSON json_object *o = group ? json_object_new_object() : json_object_new_array();
    for (int i = 0; i < config_setting_length(s); i++) {
        config_setting_t *e = config_setting_get_elem(s, (unsigned)i);
        json_object *v = NULL;
        if (read_json(r, e, &v) < 0)
            return -1;
        if (group)
            json_add(o, config_setting_name(e), v);
        else
            json_object_array_add(o, v);
    }
    *ret = TAKE(o);
    return 0;
}

static int
read_params(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    (void)k;
    json_object **slot = dst, *o = NULL;
    if (!config_setting_is_group(s))
        return bad_type(r, s, "a group");
    if (read_json(r, s, &o) < 0)
        return -1;
    json_object_put(*slot);
    *slot = o;
    return 0;
}

/* ---- groups ---- */

static int
read_members(struct reader *r, config_setting_t *group, const struct key *keys, size_t n_keys,
             void *base)
{
    if (!config_setting_is_group(group))
        return bad_type(r, group, "a group");
    for (int i = 0; i < config_setting_length(group); i++) {
        config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
        const struct key *k = NULL;
        for (size_t j = 0; j < n_keys && k == NULL; j++)
            if (strcmp(keys[j].name, config_setting_name(s)) == 0)
                k = &keys[j];
        if (k == NULL)
            return bad(r, s, NULL, "there is no such setting");
        if (k->read(r, s, k, (char *)base + k->offset) < 0)
            return -1;
    }
    return 0;
}

#define MAX_MS (24 * 3600 * 1000)

static int
read_socket(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    static const struct key keys[] = {
        { "path", read_socket_path, offsetof(struct conf, socket_path), 0, 0 },
        { "mode", read_mode, offsetof(struct conf, socket_mode), 0, 0 },
        { "group", read_group_name, offsetof(struct conf, socket_group), 0, 0 },
    };
    (void)k;
    return read_members(r, s, keys, ARRAY_LEN(keys), dst);
}

static int
read_dataset(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    static const struct key keys[] = {
        { "roots", read_paths, offsetof(struct conf, dataset_roots), 0, 0 },
        { "hosts", read_hosts, offsetof(struct conf, dataset_hosts), 0, 0 },
        { "max_fetch_bytes", read_int64, offsetof(struct conf, max_fetch_bytes), 1,
          INT64_C(1) << 50 },
        { "fetch_timeout_ms", read_int, offsetof(struct conf, fetch_timeout_ms), 1, MAX_MS },
        { "fetch_stall_ms", read_int, offsetof(struct conf, fetch_stall_ms), 1000, MAX_MS },
    };
    (void)k;
    return read_members(r, s, keys, ARRAY_LEN(keys), dst);
}

static int
read_plugins(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    static const struct key keys[] = {
        { "path", read_paths, offsetof(struct conf, plugin_paths), 0, 0 },
    };
    (void)k;
    return read_members(r, s, keys, ARRAY_LEN(keys), dst);
}

static int
read_access(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    struct err why;
    config_setting_t *where;
    (void)k;
    if (conf_access_read(dst, s, &where, &why) < 0)
        return bad(r, where, NULL, "%s", why.text);
    return 0;
}

static int
read_limits(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    static const struct key keys[] = {
        { "max_body", read_size, offsetof(struct conf, max_body), 1024, 1 << 30 },
        { "max_runners", read_int, offsetof(struct conf, max_runners), 1, 1024 },
        { "run_eval_wait_ms", read_int, offsetof(struct conf, run_eval_wait_ms), 0, MAX_MS },
        { "call_timeout_ms", read_int, offsetof(struct conf, call_timeout_ms), 1, MAX_MS },
        { "plugin_timeout_ms", read_int, offsetof(struct conf, plugin_timeout_ms), 1, MAX_MS },
        { "ask_timeout_ms", read_int, offsetof(struct conf, ask_timeout_ms), 1, MAX_MS },
        { "shutdown_grace_ms", read_int, offsetof(struct conf, shutdown_grace_ms), 0, MAX_MS },
        { "max_attempts", read_int, offsetof(struct conf, max_attempts), 1, 100 },
        { "runner_memory", read_memory, offsetof(struct conf, runner_memory), 0, INT64_MAX },
        { "jobs_per_user", read_int, offsetof(struct conf, jobs_per_user), 0, 1024 },
        { "calls_per_user", read_int, offsetof(struct conf, calls_per_user), 0, 1024 },
        { "queued_jobs_per_user", read_int, offsetof(struct conf, queued_jobs_per_user), 0,
          1000000 },
        { "connections_per_user", read_int, offsetof(struct conf, connections_per_user), 0,
          1000000 },
        { "stored_bytes_per_user", read_int64, offsetof(struct conf, stored_bytes_per_user), 0,
          INT64_MAX },
    };
    (void)k;
    return read_members(r, s, keys, ARRAY_LEN(keys), dst);
}

/* ---- models ---- */

static struct conf_model *
add_model(struct conf *c)
{
    c->models = xreallocarray(c->models, c->n_models + 1, sizeof *c->models);
    struct conf_model *m = &c->models[c->n_models++];
    *m = (struct conf_model){ .max_in_flight = 16, .timeout_ms = 120000, .max_attempts = 4 };
    return m;
}

/* Modes of model::baseline; the models' ids are baseline::MODE. */
static const char *const modes[] = { "oracle", "echo", "constant", "random-choice",
                                     "recorded" };
#define N_BUILTINS ARRAY_LEN(modes)

static void
add_builtins(struct conf *c)
{
    for (size_t i = 0; i < N_BUILTINS; i++) {
        struct conf_model *m = add_model(c);
        m->id = xasprintf("baseline::%s", modes[i]);
        m->name = xstrdup(m->id);
        m->adapter = xstrdup("model::baseline");
        m->params = json_object_new_object();
        json_add_str(m->params, "mode", modes[i]);
        m->max_in_flight = 64;
    }
}

/* Readable for evald, and for nobody whom the key is not meant for. */
static int
read_key_file(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    if (read_path(r, s, k, dst) < 0)
        return -1;
    const char *path = *(char **)dst;
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return bad(r, s, NULL, "%s: %m", path);
    if (!S_ISREG(st.st_mode))
        return bad(r, s, NULL, "%s is not a regular file", path);
    if (st.st_mode & (S_IROTH | S_IWOTH))
        return bad(r, s, NULL, "%s can be %s by everyone; take that away with chmod o-rw", path,
                   st.st_mode & S_IWOTH ? "written" : "read");
    return 0;
}

static int
read_adapter(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    if (read_string(r, s, k, dst) < 0)
        return -1;
    const char *z = *(char **)dst, *sep = strstr(z, "::");
    if (sep == NULL || sep == z || sep[2] == '\0')
        return bad(r, s, NULL, "\"%s\" is no plugin id such as \"model::openai\"", z);
    return 0;
}

static int
read_model(struct reader *r, config_setting_t *s)
{
    static const struct key keys[] = {
        { "id", read_string, offsetof(struct conf_model, id), 0, 0 },
        { "adapter", read_adapter, offsetof(struct conf_model, adapter), 0, 0 },
        { "base_url", read_url, offsetof(struct conf_model, base_url), 0, 0 },
        { "name", read_string, offsetof(struct conf_model, name), 0, 0 },
        { "key_file", read_key_file, offsetof(struct conf_model, key_file), 0, 0 },
        { "max_in_flight", read_int, offsetof(struct conf_model, max_in_flight), 1, 65536 },
        { "timeout_ms", read_int, offsetof(struct conf_model, timeout_ms), 1, MAX_MS },
        { "max_attempts", read_int, offsetof(struct conf_model, max_attempts), 1, 100 },
        { "params", read_params, offsetof(struct conf_model, params), 0, 0 },
    };
    struct conf *c = r->conf;
    struct conf_model *m = add_model(c);
    if (read_members(r, s, keys, ARRAY_LEN(keys), m) < 0)
        return -1;
    if (m->id == NULL || m->adapter == NULL)
        return bad(r, s, m->id == NULL ? "id" : "adapter", "missing");
    if (m->key_file != NULL && m->base_url == NULL)
        return bad(r, s, "key_file", "a model without base_url has no use for a key");
    if (conf_find_source(c, m->id) != NULL)
        return bad(r, s, "id", "a source has the id \"%s\"", m->id);
    const struct conf_model *other = conf_find_model(c, m->id);
    if (other != m)
        return bad(r, s, "id", other < c->models + N_BUILTINS
                   ? "\"%s\" is a built-in model" : "a model before has the id \"%s\"", m->id);
    if (m->name == NULL)
        m->name = xstrdup(m->id);
    if (m->params == NULL)
        m->params = json_object_new_object();
    return 0;
}

static int
read_models(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    (void)k;
    (void)dst;
    if (!config_setting_is_list(s))
        return bad_type(r, s, "a list of groups: models = ( { ... }, { ... } )");
    for (int i = 0; i < config_setting_length(s); i++)
        if (read_model(r, config_setting_get_elem(s, (unsigned)i)) < 0)
            return -1;
    return 0;
}

/* ---- sources ---- */

static struct conf_source *
add_source(struct conf *c, const char *id, const char *base_url)
{
    c->sources = xreallocarray(c->sources, c->n_sources + 1, sizeof *c->sources);
    struct conf_source *s = &c->sources[c->n_sources++];
    *s = (struct conf_source){ .id = xstrdup(id), .max_in_flight = 4, .timeout_ms = 60000,
                               .max_attempts = 4 };
    s->base_url = base_url != NULL ? xstrdup(base_url) : NULL;
    return s;
}

/* One that is there by default is changed. */
static int
read_source(struct reader *r, config_setting_t *s)
{
    static const struct key keys[] = {
        { "id", read_string, offsetof(struct conf_source, id), 0, 0 },
        { "base_url", read_url, offsetof(struct conf_source, base_url), 0, 0 },
        { "key_file", read_key_file, offsetof(struct conf_source, key_file), 0, 0 },
        { "max_in_flight", read_int, offsetof(struct conf_source, max_in_flight), 1, 65536 },
        { "timeout_ms", read_int, offsetof(struct conf_source, timeout_ms), 1, MAX_MS },
        { "max_attempts", read_int, offsetof(struct conf_source, max_attempts), 1, 100 },
        { "params", read_params, offsetof(struct conf_source, params), 0, 0 },
    };
    const char *id = NULL;
    if (!config_setting_is_group(s))
        return bad_type(r, s, "a group");
    if (config_setting_lookup_string(s, "id", &id) != CONFIG_TRUE)
        return bad(r, s, "id", "missing");
    if (strncmp(id, "source::", 8) != 0 || id[8] == '\0')
        return bad(r, s, "id", "\"%s\" is no plugin id such as \"source::huggingface\"", id);
    if (conf_find_model(r->conf, id) != NULL)
        return bad(r, s, "id", "a model has the id \"%s\"", id);
    struct conf_source *known = (struct conf_source *)conf_find_source(r->conf, id);
    if (known == NULL)
        known = add_source(r->conf, id, NULL);
    if (known->given)
        return bad(r, s, "id", "a source before has the id \"%s\"", id);
    known->given = true;
    if (read_members(r, s, keys, ARRAY_LEN(keys), known) < 0)
        return -1;
    if (known->key_file != NULL && known->base_url == NULL)
        return bad(r, s, "key_file", "a source without base_url has no use for a key");
    return 0;
}

static int
read_sources(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    (void)k;
    (void)dst;
    if (!config_setting_is_list(s))
        return bad_type(r, s, "a list of groups: sources = ( { ... }, { ... } )");
    for (int i = 0; i < config_setting_length(s); i++)
        if (read_source(r, config_setting_get_elem(s, (unsigned)i)) < 0)
            return -1;
    return 0;
}

static int
read_roles(struct reader *r, config_setting_t *s, const struct key *k, void *dst)
{
    (void)k;
    (void)dst;
    if (!config_setting_is_group(s))
        return bad_type(r, s, "a group");
    for (int i = 0; i < config_setting_length(s); i++) {
        config_setting_t *e = config_setting_get_elem(s, (unsigned)i);
        const char *z = string_of(r, e);
        if (z == NULL)
            return -1;
        json_add_str(r->conf->roles, config_setting_name(e), z);
    }
    return 0;
}

/* After all else: roles may stand before the models. */
static int
check_roles(struct reader *r, config_setting_t *root)
{
    config_setting_t *s = config_setting_get_member(root, "roles");
    for (int i = 0; s != NULL && i < config_setting_length(s); i++) {
        config_setting_t *e = config_setting_get_elem(s, (unsigned)i);
        if (conf_find_model(r->conf, config_setting_get_string(e)) == NULL)
            return bad(r, e, NULL, "there is no model \"%s\"", config_setting_get_string(e));
    }
    return 0;
}

/* ---- the file ---- */

static int
read_root(struct reader *r, config_setting_t *root)
{
    static const struct key keys[] = {
        { "socket", read_socket, 0, 0, 0 },
        { "state_dir", read_path, offsetof(struct conf, state_dir), 0, 0 },
        { "dataset", read_dataset, 0, 0, 0 },
        { "plugins", read_plugins, 0, 0, 0 },
        { "models", read_models, 0, 0, 0 },
        { "sources", read_sources, 0, 0, 0 },
        { "roles", read_roles, 0, 0, 0 },
        { "limits", read_limits, 0, 0, 0 },
        { "access", read_access, offsetof(struct conf, access), 0, 0 },
        { "log_level", read_level, offsetof(struct conf, log_level), 0, 0 },
    };
    if (read_members(r, root, keys, ARRAY_LEN(keys), r->conf) < 0)
        return -1;
    return check_roles(r, root);
}

static void
cleanup_config(config_t *cfg)
{
    config_destroy(cfg);
}

static void
cleanup_file(FILE **fp)
{
    if (*fp != NULL)
        fclose(*fp);
}

/* A stream over all of fp, which libconfig would read up to the first NUL only. */
static FILE *
read_text(struct reader *r, FILE *fp, char **ret_text)
{
    size_t room = 0, lines = 1;
    errno = 0;
    ssize_t n = getdelim(ret_text, &room, '\0', fp);
    if (n < 0 && (ferror(fp) || errno == ENOMEM)) {
        err_set(r->err, ERR_IO, "%s: %m", r->path);
        return NULL;
    }
    if (n < 0) { /* an empty file, and fmemopen takes no empty text */
        free(*ret_text);
        *ret_text = xstrdup("\n");
        n = 1;
    }
    size_t len = (size_t)n;
    if ((*ret_text)[len - 1] == '\0') {
        for (size_t i = 0; i < len; i++)
            lines += (*ret_text)[i] == '\n';
        err_set(r->err, ERR_INVALID, "%s:%zu: a NUL byte", r->path, lines);
        return NULL;
    }
    FILE *in = fmemopen(*ret_text, len, "r");
    if (in == NULL)
        err_set(r->err, ERR_NOMEM, "%s: %m", r->path);
    return in;
}

/* 1: there is no such file, and that is fine. */
static int
read_file(struct reader *r, bool optional)
{
    struct stat st;
    __attribute__((cleanup(cleanup_file))) FILE *fp = fopen(r->path, "re");
    if (fp == NULL && errno == ENOENT && optional)
        return 1;
    if (fp == NULL)
        return err_set(r->err, err_from_errno(errno), "%s: %m", r->path);
    /* libconfig's scanner ends the process when it cannot read, as from a directory */
    if (fstat(fileno(fp), &st) < 0 || S_ISDIR(st.st_mode))
        return err_set(r->err, ERR_INVALID, "%s: is a directory", r->path);

    CLEANUP_FREE char *text = NULL;
    __attribute__((cleanup(cleanup_file))) FILE *in = read_text(r, fp, &text);
    if (in == NULL)
        return -1;
    __attribute__((cleanup(cleanup_config))) config_t cfg;
    config_init(&cfg);
    CLEANUP_FREE char *dir = xstrdup(r->path);
    char *slash = strrchr(dir, '/');
    if (slash != NULL) {
        *(slash == dir ? slash + 1 : slash) = '\0';
        config_set_include_dir(&cfg, dir);
    }
    if (config_read(&cfg, in) != CONFIG_TRUE) {
        const char *file = config_error_file(&cfg);
        return err_set(r->err, ERR_INVALID, "%s:%d: %s", file != NULL ? file : r->path,
                       config_error_line(&cfg), config_error_text(&cfg));
    }
    return read_root(r, config_root_setting(&cfg));
}

static void
add_plugin_paths(struct conf *c)
{
    const char *env = secure_getenv("EVALD_PLUGIN_PATH");
    while (env != NULL && *env != '\0') {
        size_t n = strcspn(env, ":");
        if (n > 0)
            strv_add(&c->plugin_paths, xstrndup(env, n));
        env += n + (env[n] == ':');
    }
    strv_add(&c->plugin_paths, xstrdup(EVALD_PLUGINDIR));
}

struct conf *
conf_load(const char *path, struct err *err)
{
    struct conf *c = xcalloc(1, sizeof *c);
    const char *libexec = secure_getenv("EVALD_LIBEXECDIR");
    *c = (struct conf){
        .socket_path = xstrdup(EVALD_RUNDIR "/evald.sock"),
        .socket_mode = 0660,
        .state_dir = xstrdup(EVALD_STATEDIR),
        .dataset_roots = xcalloc(1, sizeof(char *)),
        .dataset_hosts = xcalloc(1, sizeof(char *)),
        .plugin_paths = xcalloc(1, sizeof(char *)),
        .max_fetch_bytes = INT64_C(4) << 30,
        .fetch_timeout_ms = 3600 * 1000,
        .fetch_stall_ms = 60000,
        .roles = json_object_new_object(),
        .max_body = 64 << 20,
        .max_runners = 4,
        .run_eval_wait_ms = 45000,
        .call_timeout_ms = 600000,
        .plugin_timeout_ms = 30000,
        .ask_timeout_ms = 120000,
        .shutdown_grace_ms = 5000,
        .max_attempts = 4,
        .runner_memory = INT64_C(2) << 30,
        .queued_jobs_per_user = 10000,
        .log_level = LOG_LEVEL_INFO,
        .libexec_dir = xstrdup(libexec != NULL && *libexec ? libexec : EVALD_LIBEXECDIR),
    };
    add_builtins(c);
    conf_access_default(&c->access);
    add_source(c, "source::huggingface", "https://datasets-server.huggingface.co");
    struct reader r = { path != NULL ? path : EVALD_SYSCONFDIR "/evald.conf", c, err };
    if (read_file(&r, path == NULL) < 0) {
        conf_free(c);
        return NULL;
    }
    add_plugin_paths(c);
    return c;
}

void
conf_free(struct conf *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->n_models; i++) {
        struct conf_model *m = &c->models[i];
        free(m->id);
        free(m->adapter);
        free(m->name);
        free(m->base_url);
        free(m->key_file);
        json_object_put(m->params);
    }
    free(c->models);
    for (size_t i = 0; i < c->n_sources; i++) {
        free(c->sources[i].id);
        free(c->sources[i].base_url);
        free(c->sources[i].key_file);
        json_object_put(c->sources[i].params);
    }
    free(c->sources);
    json_object_put(c->roles);
    conf_access_fini(&c->access);
    free(c->socket_path);
    free(c->socket_group);
    free(c->state_dir);
    free(c->libexec_dir);
    strv_free(c->dataset_roots);
    strv_free(c->dataset_hosts);
    strv_free(c->plugin_paths);
    free(c);
}

const struct conf_model *
conf_find_model(const struct conf *c, const char *id)
{
    for (size_t i = 0; i < c->n_models; i++)
        if (c->models[i].id != NULL && strcmp(c->models[i].id, id) == 0)
            return &c->models[i];
    return NULL;
}

const struct conf_source *
conf_find_source(const struct conf *c, const char *id)
{
    for (size_t i = 0; i < c->n_sources; i++)
        if (strcmp(c->sources[i].id, id) == 0)
            return &c->sources[i];
    return NULL;
}

void
conf_adopt(struct conf *c, struct conf *from)
{
    struct conf old = *c;
    *c = *from;
    c->socket_path = old.socket_path;
    c->socket_mode = old.socket_mode;
    c->socket_group = old.socket_group;
    c->state_dir = old.state_dir;
    c->dataset_roots = old.dataset_roots;
    c->dataset_hosts = old.dataset_hosts;
    c->plugin_paths = old.plugin_paths;
    c->libexec_dir = old.libexec_dir;
    /* what is left of both goes with from */
    old.socket_path = from->socket_path;
    old.socket_group = from->socket_group;
    old.state_dir = from->state_dir;
    old.dataset_roots = from->dataset_roots;
    old.dataset_hosts = from->dataset_hosts;
    old.plugin_paths = from->plugin_paths;
    old.libexec_dir = from->libexec_dir;
    *from = old;
    conf_free(from);
}
