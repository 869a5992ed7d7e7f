/* types.h - the types of all requests, as tables for validate.h. */
#ifndef EVALD_TYPES_H
#define EVALD_TYPES_H

#include "daemon/validate.h"

extern const struct type type_benchmark_config, type_scoring_params, type_return_type,
    type_purpose, type_data_source, type_job_status;

extern const struct body_type body_run_eval;        /* also a bare BenchmarkConfig */
extern const struct body_type body_evaluate_rows;   /* input_rows stays text */
extern const struct body_type body_rescore;         /* may be empty */
extern const struct body_type body_compare;
extern const struct body_type body_score;           /* input_rows stays text */
extern const struct body_type body_score_batch;
extern const struct body_type body_register_benchmark;
extern const struct body_type body_register_function;
extern const struct body_type body_register_dataset; /* source.rows stays text */
extern const struct body_type body_append_rows;      /* rows stays text */

/* Queries. */
extern const struct field query_iterrows[];   /* start_index?, limit? */
extern const struct field query_jobs[];       /* status?, owner?, job_id?, start_index, limit */
extern const struct field query_job_rows[];   /* status?, from, start_index, limit */
extern const struct field query_job_events[]; /* after? */
extern const struct field query_api_filter[]; /* api_filter? */

#endif
