#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/io.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/schema.h"
#include "daemon/identity.h"
#include "daemon/plugins.h"
#include "daemon/probe.h"

#define CACHE_NAME "plugins.json"
#define CACHE_MAX  (64u << 20)

struct file {
    struct plugin_file pub;
    struct stat st;       /* of pub.fd when it was hashed */
    json_object *content; /* array of what it declares; NULL: not probed yet */
};

struct plugins {
    struct file **files;
    size_t n_files;
    struct plugin *plugins; /* in order of id */
    size_t n_plugins;
    struct plugin_refusal *refusals;
    size_t n_refusals;
};

static void
file_free(struct file *f)
{
    if (f->pub.fd >= 0)
        close(f->pub.fd);
    free(f->pub.path);
    json_object_put(f->content);
    free(f);
}

static void
refuse(struct plugins *p, const char *path, const char *why)
{
    size_t n = strlen(path); /* some reasons begin with it */
    if (strncmp(why, path, n) == 0 && strncmp(why + n, ": ", 2) == 0)
        why += n + 2;
    log_warning("plugin file refused: %s: %s", path, why);
    p->refusals = xreallocarray(p->refusals, p->n_refusals + 1, sizeof *p->refusals);
    p->refusals[p->n_refusals++] = (struct plugin_refusal){ xstrdup(path), xstrdup(why) };
}

/* ---- whom to trust ---- */

/* Who could put other code there than the one we were told to run? */
static int
check_trust(const struct stat *st, const char *what, struct err *err)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return err_set(err, ERR_DENIED, "%s is owned by uid %u, not by root or evald's user",
                       what, (unsigned)st->st_uid);
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return err_set(err, ERR_DENIED, "%s can be written by %s", what,
                       st->st_mode & S_IWOTH ? "everyone" : "its group");
    return 0;
}

/* The directory that a symbolic link led to counts like the one of the search path. */
static int
check_target_dir(int fd, struct err *err)
{
    char link[40], target[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, target, sizeof target - 1);
    if (n <= 0 || target[0] != '/')
        return err_set(err, ERR_IO, "cannot be followed: %m");
    target[n] = '\0';
    char *slash = strrchr(target, '/');
    *(slash == target ? slash + 1 : slash) = '\0';
    struct stat st;
    if (stat(target, &st) < 0)
        return err_set(err, ERR_IO, "%s: %m", target);
    return check_trust(&st, target, err);
}

static bool
same_state(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size
           && a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec
           && a->st_ctim.tv_sec == b->st_ctim.tv_sec
           && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int
hash_file(int fd, char ret_hex[65], struct err *err)
{
    struct sha256_ctx cx;
    uint8_t buf[65536], digest[SHA256_DIGEST_SIZE];
    ssize_t n;
    sha256_init(&cx);
    for (off_t at = 0; (n = io_pread_full(fd, buf, sizeof buf, at)) > 0; at += n)
        sha256_update(&cx, (size_t)n, buf);
    if (n < 0)
        return err_set(err, ERR_IO, "cannot be read: %m");
    sha256_digest(&cx, sizeof digest, digest);
    hex_encode(ret_hex, digest, sizeof digest);
    return 0;
}

/* ---- finding the files ---- */

static int
open_file(int dirfd, const char *name, int *ret_fd, struct stat *ret_st, struct err *err)
{
    /* O_NONBLOCK: a FIFO named x.so must not hold up the start */
    CLEANUP_CLOSE int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st, entry;
    if (fd < 0 || fstat(fd, &st) < 0 || fstatat(dirfd, name, &entry, AT_SYMLINK_NOFOLLOW) < 0)
        return err_set(err, err_from_errno(errno), "cannot be opened: %m");
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "is not a regular file");
    if (check_trust(&st, "the file", err) < 0)
        return -1;
    if (S_ISLNK(entry.st_mode) && check_target_dir(fd, err) < 0)
        return -1;
    *ret_fd = TAKE_FD(fd);
    *ret_st = st;
    return 0;
}

static void
add_file(struct plugins *p, int dirfd, const char *dir, const char *name)
{
    CLEANUP_FREE char *path = xasprintf("%s/%s", dir, name);
    CLEANUP_CLOSE int fd = -1;
    struct stat st;
    struct err err;
    if (open_file(dirfd, name, &fd, &st, &err) < 0) {
        refuse(p, path, err.text);
        return;
    }
    for (size_t i = 0; i < p->n_files; i++)
        if (p->files[i]->st.st_dev == st.st_dev && p->files[i]->st.st_ino == st.st_ino) {
            log_debug("plugin file known already: %s path=%s", p->files[i]->pub.path, path);
            return;
        }
    struct file *f = xcalloc(1, sizeof *f);
    f->pub.path = TAKE(path);
    f->pub.fd = TAKE_FD(fd);
    f->st = st;
    p->files = xreallocarray(p->files, p->n_files + 1, sizeof(struct file *));
    p->files[p->n_files++] = f;
}

static int
is_plugin_name(const struct dirent *d)
{
    size_t n = strlen(d->d_name);
    return d->d_name[0] != '.' && n > 3 && strcmp(d->d_name + n - 3, ".so") == 0;
}

static void
scan_dir(struct plugins *p, const char *dir)
{
    CLEANUP_CLOSE int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0 && errno == ENOENT) {
        log_debug("no plugin directory path=%s", dir);
        return;
    }
    struct stat st;
    struct err err;
    if (dirfd < 0 || fstat(dirfd, &st) < 0) {
        err_set(&err, ERR_IO, "cannot be opened: %m");
        refuse(p, dir, err.text);
        return;
    }
    if (check_trust(&st, "the directory", &err) < 0) {
        refuse(p, dir, err.text);
        return;
    }
    struct dirent **names = NULL;
    int n = scandirat(dirfd, ".", &names, is_plugin_name, alphasort);
    for (int i = 0; i < n; i++) {
        add_file(p, dirfd, dir, names[i]->d_name);
        free(names[i]);
    }
    free(names);
}

/* ---- what is known from the last start ---- */

/* The runner that probed counts too: another one may read a plugin in another way. */
static char *
runner_identity(const struct conf *conf)
{
    CLEANUP_FREE char *path = xasprintf("%s/evald-runner", conf->libexec_dir);
    struct stat st;
    return stat(path, &st) == 0 ? identity_of(&st) : xstrdup("none");
}

static size_t
cache_read(struct plugins *p, int state_fd, const char *runner)
{
    size_t len, n_entries;
    CLEANUP_FREE char *buf = io_read_file(state_fd, CACHE_NAME, CACHE_MAX, &len, NULL);
    CLEANUP_JSON json_object *o = NULL;
    if (buf == NULL || json_parse((struct str){ buf, len }, &o, NULL, NULL) < 0)
        return 0;
    json_object *list = json_get(o, "files");
    if (json_get_int(o, "format", 0) != 1 || strcmp(json_get_str(o, "runner", ""), runner) != 0
        || !json_object_is_type(list, json_type_array))
        return 0;
    n_entries = json_object_array_length(list);
    for (size_t i = 0; i < n_entries; i++) {
        json_object *e = json_object_array_get_idx(list, i), *plugins = json_get(e, "plugins");
        const char *sha256 = json_get_str(e, "sha256", "");
        if (strlen(sha256) != 64 || !json_object_is_type(plugins, json_type_array))
            continue;
        for (size_t j = 0; j < p->n_files; j++) {
            struct file *f = p->files[j];
            CLEANUP_FREE char *id = identity_of(&f->st);
            if (f->content != NULL || strcmp(json_get_str(e, "path", ""), f->pub.path) != 0
                || strcmp(json_get_str(e, "identity", ""), id) != 0)
                continue;
            memcpy(f->pub.sha256, sha256, 65);
            f->content = json_object_get(plugins);
        }
    }
    return n_entries;
}

static void
cache_write(const struct plugins *p, int state_fd, const char *runner)
{
    CLEANUP_JSON json_object *o = json_object_new_object();
    json_object *list = json_object_new_array();
    json_add_int(o, "format", 1);
    json_add_str(o, "runner", runner);
    json_add(o, "files", list);
    for (size_t i = 0; i < p->n_files; i++) {
        const struct file *f = p->files[i];
        json_object *e = json_object_new_object();
        CLEANUP_FREE char *id = identity_of(&f->st);
        json_add_str(e, "path", f->pub.path);
        json_add_str(e, "identity", id);
        json_add_str(e, "sha256", f->pub.sha256);
        json_add(e, "plugins", json_object_get(f->content));
        json_object_array_add(list, e);
    }
    CLEANUP_TEXT struct text t = TEXT_INIT;
    struct err err;
    json_put(&t, o);
    if (io_replace_file(state_fd, CACHE_NAME, t.ptr, t.len, 0600, &err) < 0)
        log_warning("cannot keep what plugins say of themselves: %s", err.text);
}

/* ---- probing ---- */

static const char *
kind_name(enum plugin_kind kind)
{
    static const char *const names[] = { [PLUGIN_SCORER] = "scorer", [PLUGIN_AGENT] = "agent",
                                         [PLUGIN_MODEL] = "model", [PLUGIN_SOURCE] = "source" };
    return names[kind];
}

static enum plugin_kind
kind_of(const char *name)
{
    for (enum plugin_kind k = PLUGIN_SCORER; k <= PLUGIN_SOURCE; k++)
        if (strcmp(kind_name(k), name) == 0)
            return k;
    return 0;
}

static bool
id_valid(const char *id)
{
    const char *sep = strstr(id, "::");
    return sep != NULL && sep != id && sep[2] != '\0' && strlen(id) <= 200
           && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-_.:") == strlen(id);
}

/* Checks one element of "plugins" as a file declared it. */
static int
check_declared(json_object *o, struct err *err)
{
    const char *id = json_get_str(o, "id", "");
    if (!id_valid(id))
        return err_set(err, ERR_PLUGIN, "declares the id \"%s\", which is not of the form "
                       "provider::name in lower case", id);
    if (kind_of(json_get_str(o, "kind", "")) == 0)
        return err_set(err, ERR_PLUGIN, "%s: kind \"%s\" is not known", id,
                       json_get_str(o, "kind", ""));
    if (*json_get_str(o, "version", "") == '\0')
        return err_set(err, ERR_PLUGIN, "%s: has no version", id);
    static const char *const objects[] = { "params_schema", "params_default", "return_type",
                                           "metrics" };
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        json_object *m = json_get(o, objects[i]);
        if (m != NULL && !json_object_is_type(m, json_type_object))
            return err_set(err, ERR_PLUGIN, "%s: %s is not a JSON object", id, objects[i]);
    }
    json_object *schema = json_get(o, "params_schema");
    CLEANUP_FREE char *text = schema != NULL ? json_text(schema) : NULL;
    if (text != NULL && schema_check(str_z(text), err) < 0)
        return err_prefix(err, "%s: params_schema", id);
    return 0;
}

static int
check_content(json_object *list, struct err *err)
{
    size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    if (n == 0)
        return err_set(err, ERR_PLUGIN, "declares no plugin");
    for (size_t i = 0; i < n; i++) {
        json_object *o = json_object_array_get_idx(list, i);
        if (check_declared(o, err) < 0)
            return -1;
        const char *id = json_get_str(o, "id", "");
        for (size_t j = 0; j < i; j++)
            if (strcmp(id, json_get_str(json_object_array_get_idx(list, j), "id", "")) == 0)
                return err_set(err, ERR_PLUGIN, "declares %s twice", id);
    }
    return 0;
}

static int
take_probe(struct file *f, const struct probe *pr, struct err *err)
{
    CLEANUP_JSON json_object *o = NULL;
    struct stat st;
    if (pr->why != NULL)
        return err_set(err, ERR_PLUGIN, "%s", pr->why);
    if (json_parse(text_str(&pr->output), &o, NULL, err) < 0)
        return err_prefix(err, "printed no JSON when it was probed");
    if (!json_object_is_type(o, json_type_object))
        return err_set(err, ERR_PLUGIN, "printed no JSON object when it was probed");
    const char *why = json_get_str(o, "error", NULL);
    if (why != NULL)
        return err_set(err, ERR_PLUGIN, "%s", why);
    json_object *list = json_get(o, "plugins");
    if (check_content(list, err) < 0)
        return -1;
    /* what was probed by name is what was hashed by descriptor */
    if (stat(f->pub.path, &st) < 0 || !same_state(&st, &f->st))
        return err_set(err, ERR_PLUGIN, "changed while it was probed");
    f->content = json_object_get(list);
    return 0;
}

/* Gives every file its content, from the cache or a probe; drops those that have none. */
static void
learn(struct plugins *p, const struct conf *conf)
{
    CLEANUP_CLOSE int state_fd = open(conf->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP_FREE char *runner = runner_identity(conf);
    size_t n_known = state_fd < 0 ? 0 : cache_read(p, state_fd, runner), n_probes = 0;

    struct probe *probes = xcalloc(p->n_files + 1, sizeof *probes);
    for (size_t i = 0; i < p->n_files; i++)
        if (p->files[i]->content == NULL)
            probes[n_probes++].path = p->files[i]->pub.path;
    probe_all(conf->libexec_dir, probes, n_probes);

    size_t kept = 0, n = 0, n_new = 0;
    for (size_t i = 0; i < p->n_files; i++) {
        struct file *f = p->files[i];
        struct err err;
        bool good = f->content != NULL ? check_content(f->content, &err) == 0
                    : hash_file(f->pub.fd, f->pub.sha256, &err) == 0
                      && take_probe(f, &probes[n], &err) == 0;
        if (n < n_probes && probes[n].path == f->pub.path) {
            n_new += good;
            text_fini(&probes[n].output);
            free(probes[n++].why);
        }
        if (good) {
            p->files[kept++] = f;
        } else {
            refuse(p, f->pub.path, err.text);
            file_free(f);
        }
    }
    free(probes);
    p->n_files = kept;
    if (state_fd >= 0 && (n_new > 0 || n_known != kept))
        cache_write(p, state_fd, runner);
    log_debug("plugin files known=%zu probed=%zu", kept, n_probes);
}

/* ---- the list ---- */

static void
add_plugin(struct plugins *p, const struct file *f, json_object *o)
{
    struct plugin *pl = &p->plugins[p->n_plugins++];
    *pl = (struct plugin){
        .id = xstrdup(json_get_str(o, "id", "")),
        .version = xstrdup(json_get_str(o, "version", "")),
        .summary = xstrdup(json_get_str(o, "summary", "")),
        .kind = kind_of(json_get_str(o, "kind", "")),
        .params_schema = json_object_get(json_get(o, "params_schema")),
        .params_default = json_object_get(json_get(o, "params_default")),
        .return_type = json_object_get(json_get(o, "return_type")),
        .metrics = json_object_get(json_get(o, "metrics")),
        .file = &f->pub,
    };
    if (pl->return_type == NULL) {
        pl->return_type = json_object_new_object();
        json_add_str(pl->return_type, "type", "number");
    }
}

static int
by_id(const void *a, const void *b)
{
    const struct plugin *pa = a, *pb = b;
    int order = strcmp(pa->id, pb->id);
    return order != 0 ? order : strcmp(pa->file->path, pb->file->path);
}

static void
disable_duplicates(struct plugins *p)
{
    for (size_t i = 0, end; i < p->n_plugins; i = end) {
        CLEANUP_TEXT struct text why = TEXT_INIT;
        const char *id = p->plugins[i].id;
        for (end = i; end < p->n_plugins && strcmp(p->plugins[end].id, id) == 0; end++)
            text_putf(&why, "%s%s", end > i ? " and " : "", p->plugins[end].file->path);
        if (end == i + 1)
            continue;
        log_warning("plugin %s is disabled: declared by %s", id, text_str(&why).ptr);
        for (size_t j = i; j < end; j++)
            p->plugins[j].disabled = xasprintf("declared by %s", text_str(&why).ptr);
    }
}

/* A copy of the same bytes in another directory, say of a build tree and the installed one,
 * is the same plugin; the first one found counts. */
static bool
is_copy(const struct plugins *p, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (strcmp(p->files[j]->pub.sha256, p->files[i]->pub.sha256) == 0)
            return true;
    return false;
}

struct plugins *
plugins_load(const struct conf *conf, struct err *err)
{
    (void)err;
    struct plugins *p = xcalloc(1, sizeof *p);
    for (char **dir = conf->plugin_paths; dir != NULL && *dir != NULL; dir++)
        scan_dir(p, *dir);
    learn(p, conf);
    size_t n = 0;
    for (size_t i = 0; i < p->n_files; i++)
        n += json_object_array_length(p->files[i]->content);
    p->plugins = xcalloc(n + 1, sizeof *p->plugins);
    for (size_t i = 0; i < p->n_files; i++)
        for (size_t j = 0;
             !is_copy(p, i) && j < json_object_array_length(p->files[i]->content); j++)
            add_plugin(p, p->files[i], json_object_array_get_idx(p->files[i]->content, j));
    qsort(p->plugins, p->n_plugins, sizeof *p->plugins, by_id);
    disable_duplicates(p);
    return p;
}

void
plugins_free(struct plugins *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->n_plugins; i++) {
        struct plugin *pl = &p->plugins[i];
        free(pl->id);
        free(pl->version);
        free(pl->summary);
        free((char *)pl->disabled);
        json_object_put(pl->params_schema);
        json_object_put(pl->params_default);
        json_object_put(pl->return_type);
        json_object_put(pl->metrics);
    }
    for (size_t i = 0; i < p->n_files; i++)
        file_free(p->files[i]);
    for (size_t i = 0; i < p->n_refusals; i++) {
        free(p->refusals[i].path);
        free(p->refusals[i].why);
    }
    free(p->plugins);
    free(p->files);
    free(p->refusals);
    free(p);
}

size_t
plugins_count(const struct plugins *p)
{
    return p->n_plugins;
}

const struct plugin *
plugins_at(const struct plugins *p, size_t i)
{
    return i < p->n_plugins ? &p->plugins[i] : NULL;
}

/* Is the name still that file, and the file as it was?  A new ctime alone (chmod, a hard
 * link made by a backup) is looked into, once. */
static bool
unchanged(struct file *f)
{
    struct stat st, like;
    struct err err;
    char sha256[65];
    if (stat(f->pub.path, &st) < 0)
        return false;
    if (same_state(&st, &f->st))
        return true;
    like = st;
    like.st_ctim = f->st.st_ctim;
    if (!same_state(&like, &f->st) || check_trust(&st, "the file", &err) < 0
        || hash_file(f->pub.fd, sha256, &err) < 0 || strcmp(sha256, f->pub.sha256) != 0)
        return false;
    f->st = st;
    return true;
}

const struct plugin *
plugins_find(struct plugins *p, const char *id, enum plugin_kind kind, struct err *err)
{
    size_t i = 0;
    while (i < p->n_plugins && strcmp(p->plugins[i].id, id) != 0)
        i++;
    if (i == p->n_plugins)
        return ERR_NULL(err, ERR_INVALID, "there is no plugin '%s'", id);
    const struct plugin *pl = &p->plugins[i];
    if (pl->disabled != NULL)
        return ERR_NULL(err, ERR_INVALID, "plugin '%s' is disabled: %s", id, pl->disabled);
    if (pl->kind != kind)
        return ERR_NULL(err, ERR_INVALID, "plugin '%s' is of kind %s, not %s", id,
                        kind_name(pl->kind), kind_name(kind));
    struct file *f = NULL;
    for (size_t j = 0; j < p->n_files && f == NULL; j++)
        if (&p->files[j]->pub == pl->file)
            f = p->files[j];
    if (!unchanged(f))
        return ERR_NULL(err, ERR_INVALID, "plugin '%s': plugin file changed on disk; restart "
                        "evald", id);
    return pl;
}

size_t
plugins_refusal_count(const struct plugins *p)
{
    return p->n_refusals;
}

const struct plugin_refusal *
plugins_refusal_at(const struct plugins *p, size_t i)
{
    return i < p->n_refusals ? &p->refusals[i] : NULL;
}
