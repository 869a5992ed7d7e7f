/* operations.h - what each route is called, what it does, and what it answers: the words and
 * types of openapi.json.  What requests are like is said by types.h alone. */
#ifndef EVALD_OPERATIONS_H
#define EVALD_OPERATIONS_H

#include "daemon/validate.h"

enum answer_kind {
    ANSWER_JSON,    /* 200 with a document of the type */
    ANSWER_NULL,    /* 200 null */
    ANSWER_NOTHING, /* 204 */
    ANSWER_DONE,    /* 200 null at v1, 204 elsewhere */
    ANSWER_EVENTS,  /* 200 text/event-stream */
};

/* Beside what any route may answer: 400, 403, 429, 500, 503; 413 with a body; 507 when it
 * changes something; 502 and 504 when it runs something. */
enum {
    MAY_404 = 1,
    MAY_409 = 2,
    MAY_501 = 4,
};

/* Headers of a request that it heeds. */
enum {
    HEEDS_PREFER = 1,        /* Prefer: respond-async, wait=N */
    HEEDS_EXTENSIONS = 2,    /* Evald-Extensions: off */
    HEEDS_LAST_EVENT_ID = 4, /* Last-Event-ID: N */
    HEEDS_KEY = 8,           /* Idempotency-Key: KEY */
};

struct operation {
    const char *id; /* "run_eval"; routes that are served under several levels add theirs */
    const char *summary;
    enum answer_kind kind;
    const struct type *answer; /* of ANSWER_JSON */
    unsigned may, heeds;
};

extern const struct type answer_error; /* of everything that is no success */

/* evaluation and benchmarks */
extern const struct operation op_list_benchmarks, op_register_benchmark, op_get_benchmark,
    op_delete_benchmark, op_run_eval, op_list_benchmark_jobs, op_evaluate_rows, op_job_status,
    op_job_cancel, op_job_result, op_job_detail, op_job_rows, op_job_events, op_job_retry,
    op_job_rescore, op_job_pause, op_job_resume, op_list_jobs, op_compare;
/* scoring */
extern const struct operation op_score, op_score_batch, op_list_functions,
    op_register_function, op_get_function, op_delete_function;
/* data sets */
extern const struct operation op_list_datasets, op_register_dataset, op_get_dataset,
    op_delete_dataset, op_iterrows, op_append_rows;
/* models, health, inspection */
extern const struct operation op_list_models, op_list_openai_models, op_get_model,
    op_register_model, op_delete_model, op_health, op_version, op_list_routes,
    op_list_providers, op_get_provider, op_openapi;

#endif
