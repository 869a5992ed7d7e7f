/* load.h - plugin files: the only dlopen of evald.
 *
 * A file is opened through its descriptor, checked from magic to schema, and never closed
 * again.  What is refused is refused in one line that names what is wrong with it. */
#ifndef EVALD_LOAD_H
#define EVALD_LOAD_H

#include <evald/plugin.h>
#include <pthread.h>
#include <stdbool.h>

#include "common/err.h"
#include "common/json.h"
#include "common/text.h"

#define PLUGIN_COLUMNS 64 /* most columns of one plugin */

/* One plugin of a loaded file; lives as long as the process. */
struct plugin {
    struct plugin *next;
    struct evald_plugin desc; /* as this evald knows it: members the file lacks are zero */
    char *path, *sha256;      /* of the file; for messages and for sameness */
    size_t n_columns;
    struct str *columns;      /* names without the '?' */
    bool *optional;
    json_object *metrics;     /* object or NULL; read-only */
    json_object *schema;      /* NULL: takes no params */
    bool chosen;              /* load_find() finds it */
    uint32_t crumb;           /* its number on the breadcrumb page, for the running job */
    bool quarantined;         /* for the running job: never called */
    pthread_mutex_t gate;     /* EVALD_SERIAL: held across its calls, as it asked for */
};

/* All that this process has loaded; zeroed is empty.  One thread at a time. */
struct load {
    struct plugin *plugins; /* in the order of loading */
};

/* Loads the file behind fd (kept by the caller) and appends its plugins, in the order of the
 * file, none of them chosen.  path and sha256 (NULL allowed) are copied; a file that both say
 * is loaded already is not loaded again.  ERR_PLUGIN with one clear line when the file, or any
 * plugin in it, is refused: then nothing is appended. */
int load_file(struct load *l, int fd, const char *path, const char *sha256, struct err *err);

/* The plugin of this id from the file of this path that was loaded last; NULL: none. */
struct plugin *load_find_in(const struct load *l, const char *path, struct str id);
/* The chosen plugin of this id: an id that two files have is one of them, or none. */
struct plugin *load_find(const struct load *l, struct str id);

/* For tests of leaks; the objects themselves stay mapped. */
void load_fini(struct load *l);

#endif
