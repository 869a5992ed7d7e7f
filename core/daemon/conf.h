/* conf.h - evald.conf(5), read and checked.
 *
 * Every setting has a default but the models.  An error names file, line and setting; a
 * setting that does not exist is an error (a misspelt limit must not be no limit). */
#ifndef EVALD_CONF_H
#define EVALD_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/json.h"
#include "daemon/conf_access.h"

struct conf_model {
    char *id;       /* as clients and roles name it */
    char *adapter;  /* plugin id of kind MODEL, such as "model::openai" */
    char *name;     /* on the server; the id when not given */
    char *base_url; /* NULL: no endpoint (built-in models) */
    char *key_file; /* NULL: none */
    json_object *params; /* object, for the adapter (without id and name) */
    int max_in_flight;   /* default 16; built-in models: 64 */
    int timeout_ms;      /* of one exchange; default 120000 */
    int max_attempts;    /* default 4 */
};

/* A plugin of kind SOURCE, "source::SCHEME". */
struct conf_source {
    char *id;
    char *base_url; /* NULL: no endpoint */
    char *key_file; /* NULL: none */
    json_object *params; /* object, or NULL */
    int max_in_flight;   /* default 4 */
    int timeout_ms;      /* of one exchange; default 60000 */
    int max_attempts;    /* default 4 */
    bool given;          /* in the file, not by default */
};

struct conf {
    char *socket_path;  /* default EVALD_RUNDIR "/evald.sock" */
    mode_t socket_mode; /* default 0660 */
    char *socket_group; /* NULL: leave it */
    char *state_dir;    /* default EVALD_STATEDIR */
    char **dataset_roots; /* NULL-terminated, absolute; none by default */
    char **dataset_hosts; /* NULL-terminated, "https://host": what may be fetched from */
    int64_t max_fetch_bytes; /* of a data set that is elsewhere; default 4 GiB */
    int fetch_timeout_ms;    /* for all of it; default an hour */
    int fetch_stall_ms;      /* without a byte; default 60000 */
    char **plugin_paths;  /* NULL-terminated: configured, those of EVALD_PLUGIN_PATH in the
                             environment, the installed one */
    struct conf_model *models; /* the built-in baseline::* first, then the file's */
    size_t n_models;
    struct conf_source *sources; /* source::huggingface first */
    size_t n_sources;
    json_object *roles; /* object: role -> model id */
    size_t max_body;        /* bytes of a request body; default 64 MiB, at most 1 GiB */
    int max_runners;        /* jobs running at once; default 4 */
    int run_eval_wait_ms;   /* default 45000 */
    int call_timeout_ms;    /* evaluate_rows and scoring; default 600000 */
    int plugin_timeout_ms;  /* default 30000 */
    int ask_timeout_ms;     /* default 120000 */
    int shutdown_grace_ms;  /* default 5000 */
    int max_attempts;       /* of a task; default 4 */
    int64_t runner_memory;  /* bytes a runner may map privately; 0: any; default 2 GiB */
    int jobs_per_user;        /* running at once; more wait.  Of these five, 0: any number */
    int calls_per_user;       /* the same for calls */
    int queued_jobs_per_user; /* waiting; more are refused.  Default 10000 */
    int connections_per_user;
    int64_t stored_bytes_per_user; /* rows of data sets, and what jobs have written */
    struct conf_access access; /* who has which role */
    int log_level;          /* enum log_level; default info */
    char *libexec_dir;      /* where evald-runner and evald-gateway are: $EVALD_LIBEXECDIR, else
                               the installed place */
};

/* path NULL: EVALD_SYSCONFDIR "/evald.conf" when it is there, else the defaults alone. */
struct conf *conf_load(const char *path, struct err *err);
void conf_free(struct conf *c);
/* SIGHUP: takes models, sources, roles, limits, access, the log level and what fetching may take
 * out of from, which is freed; where evald listens, keeps its state and finds files, hosts and
 * plugins stays as it was. */
void conf_adopt(struct conf *c, struct conf *from);
const struct conf_model *conf_find_model(const struct conf *c, const char *id);
const struct conf_source *conf_find_source(const struct conf *c, const char *id);

#endif
