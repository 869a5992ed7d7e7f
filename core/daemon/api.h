/* api.h - the handlers of the API, by resource. */
#ifndef EVALD_API_H
#define EVALD_API_H

#include "daemon/catalog.h"
#include "daemon/conf.h"
#include "daemon/plugins.h"
#include "daemon/request.h"
#include "daemon/sched.h"
#include "daemon/server.h"
#include "daemon/sources.h"
#include "daemon/spec.h"
#include "daemon/store.h"

struct submits;

/* What handlers work with.  server_new copies it; what it points to must outlive the server
 * (server_free before sched_free, catalog_free, rowindexes_free and store_free). */
struct api {
    const struct conf *conf;
    struct plugins *plugins;
    struct catalog *catalog;
    struct store *store;
    struct rowindexes *indexes; /* for dataset_page_open() */
    struct sched *sched;
    struct sources *sources;
    struct spec_context spec;
    bool own_socket; /* of server_options */

    /* The server's own; leave zero. */
    int64_t started_unix_ms;
    struct submits *submits;
    struct text openapi; /* what GET /openapi.json answers; empty before the first */
    int refs;
};

struct api *api_hold(struct api *api);
void api_release(struct api *api);

typedef void api_handler(struct request *rq);

/* api_inspect.c */
api_handler api_health, api_version, api_list_routes, api_list_providers, api_get_provider,
    api_openapi;
/* api_models.c */
api_handler api_list_models, api_get_model, api_refuse_model;
/* api_datasets.c */
api_handler api_list_datasets, api_get_dataset, api_register_dataset, api_delete_dataset,
    api_iterrows, api_append_rows;
/* api_benchmarks.c */
api_handler api_list_benchmarks, api_get_benchmark, api_register_benchmark,
    api_delete_benchmark;
/* api_functions.c */
api_handler api_list_functions, api_get_function, api_register_function, api_delete_function;
/* api_scoring.c */
api_handler api_score, api_score_batch;
/* api_eval.c */
api_handler api_run_eval, api_evaluate_rows;
/* api_events.c */
api_handler api_job_events;
/* api_rows.c */
api_handler api_job_rows;
/* api_jobs.c */
api_handler api_job_status, api_job_cancel, api_job_result, api_job_detail, api_list_jobs,
    api_list_benchmark_jobs;
/* api_compare.c */
api_handler api_compare;
/* api_control.c */
api_handler api_job_pause, api_job_resume, api_job_retry, api_job_rescore;

/* ---- waiting for a job, api_wait.c ---- */

/* Answers by how, once the job has ended or is paused, or the time is over; 0: at once.  Drops
 * the request when nobody is left to hear it. */
typedef void api_answer_fn(struct request *rq, const struct job_info *job);
void api_wait_job(struct request *rq, struct api *api, int64_t job, int wait_ms,
                  api_answer_fn *how);
/* The plain Job. */
api_answer_fn api_answer_job;
/* The same, but for a failed job its error. */
api_answer_fn api_answer_run;
/* How long a request that makes a job is to wait for it: its Prefer header, which is answered,
 * else run_eval_wait_ms. */
int api_wait_wanted(struct request *rq);

/* ---- shared by them, api.c ---- */

/* request_fail with ERR_code and a text. */
void api_fail(struct request *rq, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* done functions of store and catalogue; arg is the request: 200 null, or 204. */
void api_done_null(void *arg, const struct err *err);
void api_done_nothing(void *arg, const struct err *err);

/* The provider of evaluations as this level calls it: "meta-reference" or "builtin". */
const char *api_eval_provider(const struct request *rq);
/* What registering an id that is there already does: v1 puts the new thing in its place, for
 * its owner and administrators; the others take only the same thing again. */
enum catalog_policy api_put_policy(const struct request *rq);
/* The benchmark of params[0]; NULL after the request was failed with the text of a routing
 * failure. */
const struct benchmark *api_routed_benchmark(struct request *rq);
/* The job of params[1], which must be of the benchmark of params[0] and seen by the caller;
 * NULL after the request was failed. */
const struct job_info *api_named_job(struct request *rq);
/* The job of that id, of whatever benchmark, likewise. */
const struct job_info *api_seen_job(struct request *rq, const char *id);
/* api_named_job() for who is going to change it. */
const struct job_info *api_own_job(struct request *rq);
/* "openai" of "model::openai"; the whole id when there is no "::". */
const char *api_plugin_name(const char *plugin_id);
/* "basic" of "basic::equality"; free() it. */
char *api_plugin_provider(const char *plugin_id);
/* "inline::basic", "remote::openai"; free() it. */
char *api_provider_type(const struct api *api, const struct plugin *plugin);

/* Has the data set fetched, where that must be, and calls then with it: at once, or later.
 * ds NULL: it cannot be had, err says why, which may be that the caller has hung up, or that
 * it is not there yet though this request has waited long enough (ERR_NOT_READY).  The answer
 * is for then to give. */
typedef void api_dataset_fn(void *arg, const struct dataset *ds, const struct err *err);
void api_with_dataset(struct request *rq, const struct dataset *ds, api_dataset_fn *then,
                      void *arg);

/* Answers later with what done of sched_call gives; gives it up when the caller hangs up. */
void api_call(struct request *rq, json_object *spec /* taken */, struct str rows,
              const char *scores_key, bool generations);
/* The same for all rows of a data set (taken), in the shape of score-batch. */
void api_call_dataset(struct request *rq, json_object *spec /* taken */,
                      struct dataset_snapshot *snapshot, const char *dataset_id);
/* "error"."code" of a row that decided a call's or a job's end: "bad_row", "remote" ... */
const char *api_row_code(enum err_code code);
bool api_wants_extensions(const struct request *rq);

#endif
