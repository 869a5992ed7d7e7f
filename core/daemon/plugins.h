/* plugins.h - what evald knows of plugins: from evald-runner --probe, never by dlopen.
 *
 * A file, or a directory of the search path, that others than root and evald's own user
 * can write is refused.  An id that two files declare is disabled in both. */
#ifndef EVALD_PLUGINS_H
#define EVALD_PLUGINS_H

#include "common/json.h"
#include "daemon/conf.h"

enum plugin_kind { PLUGIN_SCORER = 1, PLUGIN_AGENT, PLUGIN_MODEL, PLUGIN_SOURCE };

struct plugin_file {
    char *path;
    int fd;          /* open for reading: a runner loads this descriptor */
    char sha256[65]; /* of what fd held when it was probed */
};

struct plugin {
    char *id, *version, *summary;
    enum plugin_kind kind;
    json_object *params_schema;  /* NULL: no params */
    json_object *params_default; /* NULL: none */
    json_object *return_type;    /* {"type":"number"} when the plugin says nothing */
    json_object *metrics;        /* object or NULL */
    const struct plugin_file *file;
    const char *disabled; /* NULL, or why: a duplicate names both files */
};

/* A file that is no usable plugin, for listings and the log. */
struct plugin_refusal {
    char *path, *why;
};

struct plugins;

/* Probes every *.so of conf->plugin_paths, all at once, each with its own time limit.
 * Before the loop runs; takes milliseconds.  Refusals are logged, and no error. */
struct plugins *plugins_load(const struct conf *conf, struct err *err);
void plugins_free(struct plugins *p);

size_t plugins_count(const struct plugins *p);
const struct plugin *plugins_at(const struct plugins *p, size_t i); /* in order of id */
/* The usable plugin of that id and kind, else NULL with ERR_INVALID saying what is wrong:
 * not there, of another kind, disabled as a duplicate, or its file has changed on disk
 * since it was probed. */
const struct plugin *plugins_find(struct plugins *p, const char *id, enum plugin_kind kind,
                                  struct err *err);
size_t plugins_refusal_count(const struct plugins *p);
const struct plugin_refusal *plugins_refusal_at(const struct plugins *p, size_t i);

#endif
