/* job.h - what a JOB frame says, checked and bound to loaded plugins.
 *
 * Read-only while rows run. */
#ifndef EVALD_JOB_H
#define EVALD_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/json.h"
#include "common/rows.h"
#include "runner/host.h"
#include "runner/load.h"

struct job_file { char *path, *sha256; int fd; char **ids; size_t n_ids; };

struct job_model {
    struct instance in;
    char *id, *adapter, *params;
    bool endpoint;
    uint32_t max_in_flight;
};

struct job_function {
    struct instance in;
    char *id, *plugin, *params;
    char **aggregations;
    size_t n_aggregations;
    unsigned *map; /* the plugin's columns among the wanted ones */
};

struct job {
    bool call;         /* a call, not a job: no journal behind it */
    char *id;          /* NULL for a call without one */
    struct job_file *files;
    size_t n_files;

    char *name;        /* of the data set, for messages */
    enum rows_format format;
    int64_t size, limit; /* limit -1: none */
    char *row_id_column, *cluster; /* NULL: none */
    int data_fd;
    const _Atomic bool *stop; /* becomes true: long work on the data set is of no use */

    char *source_id, *source_uri, *source_params; /* mode "source"; else NULL */
    struct instance source;

    uint32_t epochs;
    uint64_t seed;
    bool fail;         /* on_error */
    bool has_candidate;
    char *candidate_type; /* of one that is no model: job_bind() refuses it */
    struct job_model *candidate;
    char *system_message, *sampling; /* JSON objects or NULL */
    unsigned *candidate_map;
    struct job_model *models;
    size_t n_models;
    struct { char *role; struct job_model *model; } *roles;
    size_t n_roles;
    struct job_function *functions;
    size_t n_functions;

    uint32_t window, max_attempts, plugin_timeout_ms, ask_timeout_ms;
    size_t window_bytes;
    bool resume;
    bool rescored;      /* generations are another job's; there is no candidate */
    uint64_t *suspects; /* units to be run alone, ascending */
    size_t n_suspects;
    char **quarantine;
    size_t n_quarantine;
    bool wants_gateway; /* some model has an endpoint */

    /* columns taken from each row: what plugins declare and what evald needs itself */
    struct str *wanted;
    size_t n_wanted;
    int w_id, w_cluster, w_answer, w_completion, w_chat; /* in wanted; -1: not needed */
};

/* Reads the head of a JOB.  ERR_PROTO for what evald never sends.  The candidate's model id
 * and the roles are resolved; plugins are not. */
struct job *job_parse(struct str head, struct err *err);
/* Closes descriptors; instances must be closed already. */
void job_free(struct job *j);

/* Loads the files that came with it, chooses and numbers the plugins, and lists the wanted
 * columns.  ERR_PLUGIN names the plugin that is missing or of the wrong kind. */
int job_bind(struct job *j, struct load *l, struct err *err);
/* Opens all models and functions; on error those opened are closed.  *ret_what (borrowed) is
 * the function's or model's id that failed. */
int job_open(struct job *j, struct call *c, const char **ret_what, const char **ret_plugin,
             struct err *err);
void job_close(struct job *j);

/* The model that a role or model id means; NULL. */
struct job_model *job_model(const struct job *j, struct str to);

#endif
