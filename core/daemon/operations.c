#include "config.h"

#include "daemon/operations.h"
#include "daemon/types.h"

/* ------------------------------------------------------------------------------ simple ones */

static const struct type any = { .kind = TYPE_ANY };
static const struct type string = { .kind = TYPE_STRING };
static const struct type strings = { .kind = TYPE_ARRAY, .of = &string };
static const struct type integer = { .kind = TYPE_INT };
static const struct type count = { .kind = TYPE_INT, .bounds = BOUND_GE, .ge = 0 };
static const struct type number = { .kind = TYPE_NUMBER };
static const struct type boolean = { .kind = TYPE_BOOL };
static const struct type dict = { .kind = TYPE_DICT };
static const struct type dicts = { .kind = TYPE_ARRAY, .of = &dict };

#define FIELDS(...) .fields = (const struct field[]){ __VA_ARGS__, { .name = NULL } }
#define MUST(member, of)    { member, of, .required = true }
#define OR_NULL(member, of) { member, of, .required = true, .nullable = true }
#define MAY(member, of)     { member, of, .nullable = true }
/* {"data":[...]} */
#define LIST_OF(list, element, title)                                               \
    static const struct type list##_items = { .kind = TYPE_ARRAY, .of = &element }; \
    static const struct type list = { .kind = TYPE_OBJECT, .name = title,           \
                                      FIELDS(MUST("data", &list##_items)) }

/* ----------------------------------------------------------------------------------- errors */

static const struct type loc_element = {
    .kind = TYPE_CHOICE,
    .variants = (const struct variant[]){ { "str", &string }, { "int", &count }, { NULL, NULL } },
};
static const struct type loc = { .kind = TYPE_ARRAY, .of = &loc_element };
static const struct type error_item = {
    .kind = TYPE_OBJECT, .name = "ValidationErrorItem",
    FIELDS(MUST("loc", &loc), MUST("msg", &string), MUST("type", &string)),
};
static const struct type error_items = { .kind = TYPE_ARRAY, .of = &error_item };
static const struct type items_detail = {
    .kind = TYPE_OBJECT, .name = "ValidationErrors", FIELDS(MUST("errors", &error_items)),
};
static const struct type error_detail = {
    .kind = TYPE_CHOICE,
    .variants = (const struct variant[]){ { "str", &string },
                                          { "ValidationErrors", &items_detail },
                                          { NULL, NULL } },
};
static const struct type error_code = {
    .kind = TYPE_ENUM,
    .words = (const char *const[]){ "bad_row", "remote", "timeout", "plugin", NULL },
};
static const struct type error_member = {
    .kind = TYPE_OBJECT,
    FIELDS(MUST("message", &string), MUST("detail", &error_detail), MAY("code", &error_code)),
};
const struct type answer_error = {
    .kind = TYPE_OBJECT, .name = "Error",
    FIELDS(MUST("detail", &error_detail), MUST("error", &error_member)),
};

/* ------------------------------------------------------------------------------- evaluation */

static const struct type benchmark_tag = {
    .kind = TYPE_LITERAL, .words = (const char *const[]){ "benchmark", NULL },
};
static const struct type benchmark = {
    .kind = TYPE_OBJECT, .name = "Benchmark",
    FIELDS(MUST("identifier", &string), MUST("provider_resource_id", &string),
           MUST("provider_id", &string), MUST("type", &benchmark_tag),
           MUST("dataset_id", &string), MUST("scoring_functions", &strings),
           MUST("metadata", &dict)),
};
LIST_OF(benchmarks, benchmark, "ListBenchmarksResponse");

static const struct type job = {
    .kind = TYPE_OBJECT, .name = "Job",
    FIELDS(MUST("job_id", &string), MUST("status", &type_job_status)),
};

static const struct type score_row = {
    .kind = TYPE_OBJECT, .name = "ScoreRow", FIELDS(MUST("score", &any)),
};
static const struct type score_rows = { .kind = TYPE_ARRAY, .of = &score_row };
static const struct type scoring_result = {
    .kind = TYPE_OBJECT, .name = "ScoringResult",
    FIELDS(MUST("score_rows", &score_rows), MUST("aggregated_results", &dict)),
};
static const struct type results = { .kind = TYPE_MAP, .of = &scoring_result };
static const struct type interval = {
    .kind = TYPE_ARRAY, .of = &number, .min_len = 2, .max_len = 2, .nullable_items = true,
};
static const struct type statistics_of_one = {
    .kind = TYPE_OBJECT, .name = "Statistics",
    FIELDS(MUST("n_total", &count), MUST("n_scored", &count), MUST("n_errored", &count),
           MUST("n_abstained", &count), MUST("n_truncated", &count), OR_NULL("mean", &number),
           OR_NULL("stderr", &number), OR_NULL("ci95", &interval),
           OR_NULL("ci_method", &string), OR_NULL("bounds", &interval)),
};
static const struct type statistics = { .kind = TYPE_MAP, .of = &statistics_of_one };
static const struct type evaluate_response = {
    .kind = TYPE_OBJECT, .name = "EvaluateResponse",
    FIELDS(MUST("generations", &dicts), MUST("scores", &results),
           { "statistics", &statistics, .required = false }),
};
static const struct type score_response = {
    .kind = TYPE_OBJECT, .name = "ScoreResponse",
    FIELDS(MUST("results", &results), { "statistics", &statistics, .required = false }),
};
static const struct type score_batch_response = {
    .kind = TYPE_OBJECT, .name = "ScoreBatchResponse",
    FIELDS(OR_NULL("dataset_id", &string), MUST("results", &results),
           { "statistics", &statistics, .required = false }),
};

/* ------------------------------------------------------------------------------------- jobs */

#define JOB_TIMES                                                                    \
    OR_NULL("created_at", &integer), OR_NULL("started_at", &integer),                \
        OR_NULL("ended_at", &integer)
#define JOB_ROWS                                                                     \
    MUST("rows_done", &count), OR_NULL("rows_total", &count), MUST("rows_failed", &count)

static const struct type listed_job = {
    .kind = TYPE_OBJECT, .name = "ListedJob",
    FIELDS(MUST("job_id", &string), MUST("benchmark_id", &string),
           MUST("status", &type_job_status), MUST("owner", &count), JOB_TIMES, JOB_ROWS,
           OR_NULL("error", &string), MUST("paused", &boolean),
           OR_NULL("parent_job_id", &string)),
};
static const struct type listed_jobs = { .kind = TYPE_ARRAY, .of = &listed_job };
static const struct type jobs = {
    .kind = TYPE_OBJECT, .name = "ListJobsResponse",
    FIELDS(MUST("data", &listed_jobs), MUST("has_more", &boolean)),
};

static const struct type progress = {
    .kind = TYPE_OBJECT, .name = "JobProgress",
    FIELDS(JOB_ROWS, MUST("in_flight", &count), OR_NULL("rate_per_s", &number),
           OR_NULL("eta_s", &number)),
};
static const struct type usage = {
    .kind = TYPE_OBJECT, .name = "JobUsage",
    FIELDS(MUST("input_tokens", &count), MUST("output_tokens", &count)),
};
static const struct type job_error = {
    .kind = TYPE_OBJECT, .name = "JobError",
    FIELDS(MUST("code", &string), MUST("message", &string)),
};
static const struct type job_detail = {
    .kind = TYPE_OBJECT, .name = "JobDetail",
    FIELDS(MUST("job_id", &string), MUST("benchmark_id", &string),
           MUST("status", &type_job_status), MUST("state", &string), MUST("owner", &count),
           JOB_TIMES, MUST("progress", &progress), MUST("usage", &usage),
           OR_NULL("error", &job_error), MUST("paused", &boolean),
           OR_NULL("parent_job_id", &string), OR_NULL("manifest", &dict)),
};
static const struct type row_word = {
    .kind = TYPE_ENUM, .words = (const char *const[]){ "ok", "error", "pending", NULL },
};
static const struct type row_error = {
    .kind = TYPE_OBJECT, .name = "RowError",
    FIELDS(MUST("stage", &string), MUST("code", &string), MUST("message", &string),
           MUST("attempts", &count), MAY("function", &string)),
};
static const struct type row_errors = { .kind = TYPE_ARRAY, .of = &row_error };
static const struct type row_scores = {
    .kind = TYPE_MAP, .of = &score_row, .nullable_items = true,
};
static const struct type job_row = {
    .kind = TYPE_OBJECT, .name = "JobRow",
    FIELDS(MUST("index", &count), MUST("epoch", &count), MUST("row_id", &any),
           MUST("status", &row_word), OR_NULL("generation", &dict),
           MUST("scores", &row_scores), MUST("errors", &row_errors),
           MUST("truncated", &boolean), MUST("usage", &usage)),
};
static const struct type listed_rows = { .kind = TYPE_ARRAY, .of = &job_row };
static const struct type job_rows = {
    .kind = TYPE_OBJECT, .name = "ListJobRowsResponse",
    FIELDS(MUST("data", &listed_rows), MUST("has_more", &boolean), OR_NULL("next", &count)),
};

static const struct type mcnemar = {
    .kind = TYPE_OBJECT, .name = "McNemar",
    FIELDS(MUST("b", &count), MUST("c", &count), MUST("p", &number), MUST("p_mid", &number)),
};
static const struct type verdict = {
    .kind = TYPE_ENUM,
    .words = (const char *const[]){ "better", "worse", "no difference found",
                                    "inconclusive: errors", NULL },
};
static const struct type comparison = {
    .kind = TYPE_OBJECT, .name = "Comparison",
    FIELDS(MUST("n_paired", &count), MUST("n_only_baseline", &count),
           MUST("n_only_candidate", &count), MUST("n_unscored", &count),
           OR_NULL("mean_baseline", &number), OR_NULL("mean_candidate", &number),
           OR_NULL("difference", &number), OR_NULL("stderr", &number),
           OR_NULL("ci95", &interval), OR_NULL("z", &number), OR_NULL("p_t", &number),
           OR_NULL("p_normal", &number), OR_NULL("correlation", &number),
           OR_NULL("unpaired_stderr", &number), OR_NULL("unpaired_z", &number),
           OR_NULL("unpaired_p", &number), OR_NULL("mcnemar", &mcnemar),
           OR_NULL("mde", &number), OR_NULL("bounds", &interval),
           OR_NULL("verdict", &verdict)),
};
static const struct type comparisons = { .kind = TYPE_MAP, .of = &comparison };
static const struct type compare_response = {
    .kind = TYPE_OBJECT, .name = "CompareResponse",
    FIELDS(MUST("baseline", &string), MUST("candidate", &string),
           MUST("comparisons", &comparisons)),
};

/* --------------------------------------------------------------------------------- scoring */

static const struct type function_tag = {
    .kind = TYPE_LITERAL, .words = (const char *const[]){ "scoring_function", NULL },
};
static const struct type function = {
    .kind = TYPE_OBJECT, .name = "ScoringFn",
    FIELDS(MUST("identifier", &string), MUST("provider_resource_id", &string),
           MUST("provider_id", &string), MUST("type", &function_tag),
           OR_NULL("description", &string), MUST("metadata", &dict),
           MUST("return_type", &type_return_type), OR_NULL("params", &type_scoring_params)),
};
LIST_OF(functions, function, "ListScoringFunctionsResponse");

/* -------------------------------------------------------------------------------- data sets */

static const struct type dataset_tag = {
    .kind = TYPE_LITERAL, .words = (const char *const[]){ "dataset", NULL },
};
static const struct type dataset = {
    .kind = TYPE_OBJECT, .name = "Dataset",
    FIELDS(MUST("identifier", &string), MUST("provider_resource_id", &string),
           MUST("provider_id", &string), MUST("type", &dataset_tag),
           MUST("purpose", &type_purpose), MUST("source", &type_data_source),
           MUST("metadata", &dict)),
};
LIST_OF(datasets, dataset, "ListDatasetsResponse");
static const struct type page = {
    .kind = TYPE_OBJECT, .name = "PaginatedResponse",
    FIELDS(MUST("data", &dicts), MUST("has_more", &boolean), OR_NULL("url", &string)),
};

/* --------------------------------------------------------------- models, health, inspection */

static const struct type model_tag = {
    .kind = TYPE_LITERAL, .words = (const char *const[]){ "model", NULL },
};
static const struct type model_type = {
    .kind = TYPE_ENUM, .words = (const char *const[]){ "llm", "embedding", "rerank", NULL },
};
static const struct type model = {
    .kind = TYPE_OBJECT, .name = "Model",
    FIELDS(MUST("identifier", &string), MUST("provider_resource_id", &string),
           MUST("provider_id", &string), MUST("type", &model_tag), MUST("metadata", &dict),
           MUST("model_type", &model_type), OR_NULL("model_validation", &boolean),
           MUST("id", &string), MUST("object", &model_tag), MUST("created", &integer),
           MUST("owned_by", &string), MUST("custom_metadata", &dict)),
};
LIST_OF(models, model, "ListModelsResponse");

static const struct type health_word = {
    .kind = TYPE_ENUM,
    .words = (const char *const[]){ "OK", "Error", "Not Implemented", NULL },
};
static const struct type health = {
    .kind = TYPE_OBJECT, .name = "HealthInfo", FIELDS(MUST("status", &health_word)),
};
static const struct type version = {
    .kind = TYPE_OBJECT, .name = "VersionInfo", FIELDS(MUST("version", &string)),
};
static const struct type route = {
    .kind = TYPE_OBJECT, .name = "RouteInfo",
    FIELDS(MUST("route", &string), MUST("method", &string), MUST("provider_types", &strings)),
};
LIST_OF(routes, route, "ListRoutesResponse");
static const struct type provider_health = {
    .kind = TYPE_OBJECT,
    FIELDS(MUST("status", &health_word), { "message", &string, .required = false }),
};
static const struct type provider = {
    .kind = TYPE_OBJECT, .name = "ProviderInfo",
    FIELDS(MUST("api", &string), MUST("provider_id", &string), MUST("provider_type", &string),
           MUST("config", &dict), MUST("health", &provider_health)),
};
LIST_OF(providers, provider, "ListProvidersResponse");

/* ------------------------------------------------------------------------------- operations */

#define OP(what, words, ...) \
    const struct operation op_##what = { .id = #what, .summary = words, __VA_ARGS__ }
#define GIVES(type) .kind = ANSWER_JSON, .answer = &type

OP(list_benchmarks, "List the benchmarks", GIVES(benchmarks));
OP(register_benchmark, "Register a benchmark", .kind = ANSWER_NULL);
OP(get_benchmark, "A benchmark", GIVES(benchmark));
OP(delete_benchmark, "Unregister a benchmark", .kind = ANSWER_NOTHING);
OP(run_eval, "Evaluate a candidate on a benchmark", GIVES(job), .may = MAY_409,
   .heeds = HEEDS_PREFER | HEEDS_KEY);
OP(list_benchmark_jobs, "List the jobs of a benchmark", GIVES(jobs));
OP(evaluate_rows, "Evaluate a candidate on the rows of the request",
   GIVES(evaluate_response), .heeds = HEEDS_EXTENSIONS);
OP(job_status, "The status of a job", GIVES(job));
OP(job_cancel, "Cancel a job", .kind = ANSWER_NOTHING, .may = MAY_409);
OP(job_result, "The result of a completed job", GIVES(evaluate_response),
   .heeds = HEEDS_EXTENSIONS);
OP(job_detail, "Progress, usage and manifest of a job", GIVES(job_detail));
OP(job_rows, "Rows of a job as far as they are done", GIVES(job_rows));
OP(job_events, "What happens to a job, as server-sent events", .kind = ANSWER_EVENTS,
   .heeds = HEEDS_LAST_EVENT_ID);
OP(job_retry, "Try the failed rows of a job again", GIVES(job), .may = MAY_409);
OP(job_rescore, "Score what a job generated again", GIVES(job), .may = MAY_409,
   .heeds = HEEDS_PREFER | HEEDS_KEY);
OP(job_pause, "Start no more rows of a job", GIVES(job), .may = MAY_409);
OP(job_resume, "Go on with a paused job", GIVES(job), .may = MAY_409);
OP(list_jobs, "List jobs", GIVES(jobs));
OP(compare, "Compare two jobs", GIVES(compare_response), .may = MAY_409 | MAY_501);

OP(score, "Score the rows of the request", GIVES(score_response),
   .heeds = HEEDS_EXTENSIONS);
OP(score_batch, "Score the rows of a data set", GIVES(score_batch_response),
   .may = MAY_501, .heeds = HEEDS_EXTENSIONS);
OP(list_functions, "List the scoring functions", GIVES(functions));
OP(register_function, "Register a scoring function", .kind = ANSWER_NULL, .may = MAY_501);
OP(get_function, "A scoring function", GIVES(function));
OP(delete_function, "Unregister a scoring function", .kind = ANSWER_NOTHING, .may = MAY_501);

OP(list_datasets, "List the data sets", GIVES(datasets));
OP(register_dataset, "Register a data set", GIVES(dataset));
OP(get_dataset, "A data set", GIVES(dataset), .may = MAY_404);
OP(delete_dataset, "Unregister a data set", .kind = ANSWER_NOTHING, .may = MAY_404);
OP(iterrows, "A page of the rows of a data set", GIVES(page), .may = MAY_501);
OP(append_rows, "Append rows to a data set", .kind = ANSWER_DONE, .may = MAY_501);

OP(list_models, "List the models", GIVES(models));
OP(list_openai_models, "List the models", GIVES(models));
OP(get_model, "A model", GIVES(model), .may = MAY_404);
OP(register_model, "Models are registered in evald.conf only", GIVES(model), .may = MAY_501);
OP(delete_model, "Models are registered in evald.conf only", .kind = ANSWER_NOTHING,
   .may = MAY_501);
OP(health, "Is evald well?", GIVES(health));
OP(version, "The version of evald", GIVES(version));
OP(list_routes, "List the routes", GIVES(routes));
OP(list_providers, "List the providers", GIVES(providers));
OP(get_provider, "A provider", GIVES(provider));
OP(openapi, "This description", GIVES(dict));
