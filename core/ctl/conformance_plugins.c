/* Which plugin file has which scorer. */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/io.h"
#include "common/mem.h"
#include "ctl/conformance.h"
#include "ctl/ctl.h"

#define FILE_MAX (256u << 20)

/* evald takes a copy for the same file, and disables what differs in both. */
static bool
is_copy(const char *a, const char *b)
{
    size_t n, m;
    CLEANUP_FREE char *x = io_read_file(AT_FDCWD, a, FILE_MAX, &n, NULL);
    CLEANUP_FREE char *y = io_read_file(AT_FDCWD, b, FILE_MAX, &m, NULL);
    return x != NULL && y != NULL && n == m && memcmp(x, y, n) == 0;
}

static void
add_scorer(struct conformance *f, const char *file, const char *id)
{
    for (size_t i = 0; i < f->n_plugins; i++) {
        struct conformance_plugin *known = &f->plugins[i];
        if (strcmp(known->id, id) != 0)
            continue;
        if (known->other == NULL && !is_copy(known->file, file))
            known->other = xstrdup(file);
        return;
    }
    f->plugins = xreallocarray(f->plugins, f->n_plugins + 1, sizeof *f->plugins);
    f->plugins[f->n_plugins++] =
        (struct conformance_plugin){ xstrdup(id), xstrdup(file), NULL };
}

static void
add_scorers(struct conformance *f, const char *file, json_object *doc)
{
    json_object *list = json_get(doc, "plugins");
    size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    for (size_t i = 0; i < n; i++) {
        json_object *plugin = json_object_array_get_idx(list, i);
        const char *id = json_get_str(plugin, "id", NULL);
        if (id != NULL && strcmp(json_get_str(plugin, "kind", ""), "scorer") == 0)
            add_scorer(f, file, id);
    }
}

/* A file that is refused has no scorers; it is told on stderr, for its cases will differ. */
static int
probe_file(struct conformance *f, const char *file, struct err *err)
{
    CLEANUP_TEXT struct text out = TEXT_INIT;
    CLEANUP_JSON json_object *doc = NULL;
    int status = 0;
    if (plugin_probe(file, &out, &status, err) < 0)
        return -1;
    bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0
                && json_parse(text_str(&out), &doc, NULL, NULL) == 0;
    if (good) {
        add_scorers(f, file, doc);
        return 0;
    }
    fputs("evalctl: ", stderr);
    ctl_put_safe(stderr, file);
    fputs(": refused as a plugin; see evalctl plugin check\n", stderr);
    return 0;
}

static int
is_plugin_name(const struct dirent *d)
{
    size_t n = strlen(d->d_name);
    return d->d_name[0] != '.' && n > 3 && strcmp(d->d_name + n - 3, ".so") == 0;
}

static int
probe_dir(struct conformance *f, const char *dir, struct err *err)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, is_plugin_name, alphasort), rc = 0;
    for (int i = 0; i < n; i++) {
        CLEANUP_FREE char *path = xasprintf("%s/%s", dir, names[i]->d_name);
        if (rc == 0)
            rc = probe_file(f, path, err);
        free(names[i]);
    }
    free(names);
    return rc;
}

static int
look(struct conformance *f, struct err *err)
{
    const char *env = getenv("EVALD_PLUGIN_PATH");
    f->looked = true;
    while (env != NULL && *env != '\0') {
        size_t n = strcspn(env, ":");
        CLEANUP_FREE char *dir = xstrndup(env, n);
        if (n > 0 && probe_dir(f, dir, err) < 0)
            return -1;
        env += n + (env[n] == ':');
    }
    return probe_dir(f, EVALD_PLUGINDIR, err);
}

const char *
conformance_find_plugin(struct conformance *f, const char *scorer, struct err *err)
{
    if (!f->looked && look(f, err) < 0) {
        err->code = ERR_INTERNAL; /* also when it is the runner that is not found */
        return NULL;
    }
    for (size_t i = 0; i < f->n_plugins; i++) {
        const struct conformance_plugin *p = &f->plugins[i];
        if (strcmp(p->id, scorer) == 0 && p->other != NULL)
            return ERR_NULL(err, ERR_CONFLICT, "%s is declared by %s and %s: evald would take"
                                               " neither", scorer, p->file, p->other);
        if (strcmp(p->id, scorer) == 0)
            return p->file;
    }
    return ERR_NULL(err, ERR_NOT_FOUND, "no plugin has %s", scorer);
}
