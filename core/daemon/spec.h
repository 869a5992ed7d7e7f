/* spec.h - from a checked request to the specification that a runner gets.
 *
 * Everything that can be known before a model is asked is checked here: functions, their
 * params against the plugins' schemas, models that params name, the candidate's model and
 * adapter, roles.  The result is the head of a JOB frame (frame.h) without plugins'
 * descriptors, data set size and window bookkeeping; it is what the journal keeps and what a
 * resumed job starts from. */
#ifndef EVALD_SPEC_H
#define EVALD_SPEC_H

#include "daemon/catalog.h"
#include "daemon/conf.h"
#include "daemon/plugins.h"

struct spec_context {
    const struct conf *conf;
    struct plugins *plugins;
    const struct catalog *catalog;
};

/* config: a validated BenchmarkConfig.  functions: array of ids, not empty; duplicates
 * collapse.  call: limits and defaults of evaluate_rows instead of a job's.
 * metadata: the benchmark's, for row_id_column; may be NULL.
 * ERR_INVALID texts are the protocol's (without "Invalid value: "). */
int spec_of_eval(const struct spec_context *cx, json_object *config, json_object *functions,
                 json_object *metadata, bool call, json_object **ret_spec, struct err *err);

/* Can its plugin be used, and do its own params (NULL: none) fit the plugin's schema?  -1 with
 * the place, "params.judge_model: is required". */
int spec_check_function(const struct spec_context *cx, const struct function *fn,
                        struct err *err);

/* parent: the specification of the job whose generations are scored anew.  functions: array of
 * ids, or NULL for the parent's with the params they had there; params: object id -> params;
 * roles: over those of the parent that are still of use, or NULL.  Rows that fail are recorded,
 * whatever the parent's on_error. */
int spec_of_rescore(const struct spec_context *cx, json_object *parent, json_object *functions,
                    json_object *params, json_object *roles, json_object **ret_spec,
                    struct err *err);

/* functions: object id -> params or null (scoring/score). */
int spec_of_scoring(const struct spec_context *cx, json_object *functions,
                    json_object **ret_spec, struct err *err);

#endif
