#include "config.h"

#include "daemon/types.h"

/* ------------------------------------------------------------------------------ simple ones */

static const struct type any = { .kind = TYPE_ANY };
static const struct type string = { .kind = TYPE_STRING };
static const struct type name = { .kind = TYPE_NAME };
/* Of what is registered; it must fit into a path, whatever its characters. */
static const struct type new_id = { .kind = TYPE_NAME, .max_len = 512 };
static const struct type name_not_empty = { .kind = TYPE_NAME, .min_len = 1 };
static const struct type integer = { .kind = TYPE_INT };
static const struct type positive = { .kind = TYPE_INT, .bounds = BOUND_GE, .ge = 1 };
static const struct type not_negative = { .kind = TYPE_INT, .bounds = BOUND_GE, .ge = 0 };
static const struct type boolean = { .kind = TYPE_BOOL };
static const struct type dict = { .kind = TYPE_DICT };
static const struct type strings = { .kind = TYPE_ARRAY, .of = &string };
static const struct type names = { .kind = TYPE_ARRAY, .of = &name };
static const struct type some_names = { .kind = TYPE_ARRAY, .of = &name, .min_len = 1 };
static const struct type rows = { .kind = TYPE_ROWS };
static const struct type some_rows = { .kind = TYPE_ROWS, .min_len = 1 };

/* --------------------------------------------------------------------------------- sampling */

static const struct type temperature = {
    .kind = TYPE_NUMBER, .bounds = BOUND_GT | BOUND_LE, .gt = 0, .le = 2,
};
static const struct type top_p = {
    .kind = TYPE_NUMBER, .bounds = BOUND_GE | BOUND_LE, .ge = 0, .le = 1,
};
static const struct type repetition_penalty = {
    .kind = TYPE_NUMBER, .bounds = BOUND_GE | BOUND_LE, .ge = -2, .le = 2,
};
static const struct type stop = { .kind = TYPE_ARRAY, .of = &string, .max_len = 4 };

static const struct type greedy = {
    .kind = TYPE_OBJECT, .name = "GreedySamplingStrategy",
    .fields = (const struct field[]){ { .name = NULL } },
};
static const struct type top_p_strategy = {
    .kind = TYPE_OBJECT, .name = "TopPSamplingStrategy",
    .fields = (const struct field[]){
        { "temperature", &temperature, .otherwise = "null", .nullable = true },
        { "top_p", &top_p, .otherwise = "0.95", .nullable = true },
        { .name = NULL } },
};
static const struct type top_k_strategy = {
    .kind = TYPE_OBJECT, .name = "TopKSamplingStrategy",
    .fields = (const struct field[]){
        { "top_k", &positive, .required = true },
        { .name = NULL } },
};
static const struct type strategy = {
    .kind = TYPE_UNION, .name = "SamplingStrategy",
    .variants = (const struct variant[]){ { "greedy", &greedy },
                                          { "top_p", &top_p_strategy },
                                          { "top_k", &top_k_strategy },
                                          { NULL, NULL } },
};
static const struct type sampling_params = {
    .kind = TYPE_OBJECT, .name = "SamplingParams",
    .fields = (const struct field[]){
        { "strategy", &strategy, .otherwise = "{\"type\":\"greedy\"}" },
        { "max_tokens", &not_negative, .otherwise = "null", .nullable = true },
        { "repetition_penalty", &repetition_penalty, .otherwise = "1.0", .nullable = true },
        { "stop", &stop, .otherwise = "null", .nullable = true },
        { .name = NULL } },
};

/* --------------------------------------------------------------------------------- messages */

static const struct type text_item = {
    .kind = TYPE_OBJECT, .name = "TextContentItem",
    .fields = (const struct field[]){
        { "text", &string, .required = true },
        { .name = NULL } },
};
static const struct type image_item = {
    .kind = TYPE_OBJECT, .name = "ImageContentItem",
    .fields = (const struct field[]){
        { "image", &any, .required = true },
        { .name = NULL } },
};
static const struct type content_item = {
    .kind = TYPE_UNION, .name = "InterleavedContentItem",
    .variants = (const struct variant[]){ { "image", &image_item },
                                          { "text", &text_item },
                                          { NULL, NULL } },
};
static const struct type content_items = { .kind = TYPE_ARRAY, .of = &content_item };
static const struct type content = {
    .kind = TYPE_CHOICE, .name = "InterleavedContent",
    .variants = (const struct variant[]){
        { "str", &string },
        { "tagged-union[ImageContentItem,TextContentItem]", &content_item },
        { "list[tagged-union[ImageContentItem,TextContentItem]]", &content_items },
        { NULL, NULL } },
};
static const struct type role_system = {
    .kind = TYPE_LITERAL, .words = (const char *const[]){ "system", NULL },
};
static const struct type system_message = {
    .kind = TYPE_OBJECT, .name = "SystemMessage",
    .fields = (const struct field[]){
        { "role", &role_system, .otherwise = "\"system\"" },
        { "content", &content, .required = true },
        { .name = NULL } },
};

/* ------------------------------------------------------------------------------- candidates */

static const struct type model_candidate = {
    .kind = TYPE_OBJECT, .name = "ModelCandidate",
    .fields = (const struct field[]){
        { "model", &name_not_empty, .required = true },
        { "sampling_params", &sampling_params, .required = true },
        { "system_message", &system_message, .otherwise = "null", .nullable = true },
        { .name = NULL } },
};

static const struct type tool_group_with_args = {
    .kind = TYPE_OBJECT, .name = "AgentToolGroupWithArgs",
    .fields = (const struct field[]){
        { "name", &name, .required = true },
        { "args", &dict, .required = true },
        { .name = NULL } },
};
static const struct type tool_group = {
    .kind = TYPE_CHOICE,
    .variants = (const struct variant[]){ { "str", &name },
                                          { "AgentToolGroupWithArgs", &tool_group_with_args },
                                          { NULL, NULL } },
};
static const struct type tool_groups = { .kind = TYPE_ARRAY, .of = &tool_group };

static const struct type tool_parameter = {
    .kind = TYPE_OBJECT, .name = "ToolParameter",
    .fields = (const struct field[]){
        { "name", &name, .required = true },
        { "parameter_type", &string, .required = true },
        { "description", &string, .required = true },
        { "required", &boolean, .otherwise = "true" },
        { "default", &any, .otherwise = "null", .nullable = true },
        { .name = NULL } },
};
static const struct type tool_parameters = { .kind = TYPE_ARRAY, .of = &tool_parameter };
static const struct type tool_def = {
    .kind = TYPE_OBJECT, .name = "ToolDef",
    .fields = (const struct field[]){
        { "name", &name, .required = true },
        { "description", &string, .otherwise = "null", .nullable = true },
        { "parameters", &tool_parameters, .otherwise = "null", .nullable = true },
        { "metadata", &dict, .otherwise = "null", .nullable = true },
        { .name = NULL } },
};
static const struct type tool_defs = { .kind = TYPE_ARRAY, .of = &tool_def };
static const struct type tool_choice = {
    .kind = TYPE_ENUM,
    .words = (const char *const[]){ "auto", "required", "none", NULL },
};
static const struct type tool_prompt_format = {
    .kind = TYPE_ENUM,
    .words = (const char *const[]){ "json", "function_tag", "python_list", NULL },
};
static const struct type system_message_behavior = {
    .kind = TYPE_ENUM, .words = (const char *const[]){ "append", "replace", NULL },
};
static const struct type tool_config = {
    .kind = TYPE_OBJECT, .name = "ToolConfig",
    .fields = (const struct field[]){
        { "tool_choice", &string, .otherwise = "\"auto\"", .nullable = true },
        { "tool_prompt_format", &tool_prompt_format, .otherwise = "null", .nullable = true },
        { "system_message_behavior", &system_message_behavior, .otherwise = "\"append\"",
          .nullable = true },
        { .name = NULL } },
};

static const struct type json_schema_format = {
    .kind = TYPE_OBJECT, .name = "JsonSchemaResponseFormat",
    .fields = (const struct field[]){
        { "json_schema", &dict, .required = true },
        { .name = NULL } },
};
static const struct type grammar_format = {
    .kind = TYPE_OBJECT, .name = "GrammarResponseFormat",
    .fields = (const struct field[]){
        { "bnf", &dict, .required = true },
        { .name = NULL } },
};
static const struct type response_format = {
    .kind = TYPE_UNION, .name = "ResponseFormat",
    .variants = (const struct variant[]){ { "json_schema", &json_schema_format },
                                          { "grammar", &grammar_format },
                                          { NULL, NULL } },
};

/* tool_choice and tool_prompt_format moved into tool_config: where both stand they agree,
 * and tool_config is there in any case. */
static void
check_agent_config(json_object *out, struct errors *errors, const struct loc *at)
{
    static const char *const moved[] = { "tool_choice", "tool_prompt_format" };
    json_object *config = json_get(out, "tool_config");
    if (config == NULL) {
        config = json_object_new_object();
        json_add_str(config, "tool_choice", json_get_str(out, "tool_choice", "auto"));
        json_add_str(config, "tool_prompt_format",
                     json_get_str(out, "tool_prompt_format", NULL));
        json_add_str(config, "system_message_behavior", "append");
        json_add(out, "tool_config", config);
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        const char *old = json_get_str(out, moved[i], NULL);
        const char *new = json_get_str(config, moved[i], NULL);
        if (old != NULL && (new == NULL || strcmp(old, new) != 0))
            validate_error(errors, at, "value_error",
                           "Value error, %s and tool_config.%s differ; %s is deprecated",
                           moved[i], moved[i], moved[i]);
    }
}

static const struct type agent_config = {
    .kind = TYPE_OBJECT, .name = "AgentConfig",
    .check = check_agent_config,
    .fields = (const struct field[]){
        { "sampling_params", &sampling_params,
          .otherwise = "{\"strategy\":{\"type\":\"greedy\"},\"max_tokens\":null,"
                       "\"repetition_penalty\":1.0,\"stop\":null}",
          .nullable = true },
        { "input_shields", &strings, .otherwise = "[]", .nullable = true },
        { "output_shields", &strings, .otherwise = "[]", .nullable = true },
        { "toolgroups", &tool_groups, .otherwise = "[]", .nullable = true },
        { "client_tools", &tool_defs, .otherwise = "[]", .nullable = true },
        { "tool_choice", &tool_choice, .otherwise = "null", .nullable = true },
        { "tool_prompt_format", &tool_prompt_format, .otherwise = "null", .nullable = true },
        { "tool_config", &tool_config, .otherwise = "null", .nullable = true },
        { "max_infer_iters", &integer, .otherwise = "10", .nullable = true },
        { "model", &name_not_empty, .required = true },
        { "instructions", &string, .required = true },
        { "name", &string, .otherwise = "null", .nullable = true },
        { "enable_session_persistence", &boolean, .otherwise = "false", .nullable = true },
        { "response_format", &response_format, .otherwise = "null", .nullable = true },
        { .name = NULL } },
};
static const struct type agent_candidate = {
    .kind = TYPE_OBJECT, .name = "AgentCandidate",
    .fields = (const struct field[]){
        { "config", &agent_config, .required = true },
        { "adapter", &name_not_empty, .nullable = true },
        { .name = NULL } },
};
static const struct type candidate = {
    .kind = TYPE_UNION, .name = "EvalCandidate",
    .variants = (const struct variant[]){ { "model", &model_candidate },
                                          { "agent", &agent_candidate },
                                          { NULL, NULL } },
    .guesses = (const struct guess[]){ { "model", "model" },
                                       { "config", "agent" },
                                       { NULL, NULL } },
};

/* ---------------------------------------------------------------------------------- scoring */

static const struct type aggregation = {
    .kind = TYPE_ENUM, .name = "AggregationFunctionType",
    .words = (const char *const[]){ "average", "weighted_average", "median",
                                    "categorical_count", "accuracy", NULL },
};
static const struct type aggregations = { .kind = TYPE_ARRAY, .of = &aggregation };

/* Open: a plugin's own schema may declare more members; it decides about them. */
static const struct type judge_params = {
    .kind = TYPE_OBJECT, .name = "LLMAsJudgeScoringFnParams",
    .open = true,
    .fields = (const struct field[]){
        { "judge_model", &name, .required = true },
        { "prompt_template", &string, .otherwise = "null", .nullable = true },
        { "judge_score_regexes", &strings, .otherwise = "[]" },
        { "aggregation_functions", &aggregations, .otherwise = "[]" },
        { .name = NULL } },
};
static const struct type regex_params = {
    .kind = TYPE_OBJECT, .name = "RegexParserScoringFnParams",
    .open = true,
    .fields = (const struct field[]){
        { "parsing_regexes", &strings, .otherwise = "[]" },
        { "aggregation_functions", &aggregations, .otherwise = "[]" },
        { .name = NULL } },
};
static const struct type basic_params = {
    .kind = TYPE_OBJECT, .name = "BasicScoringFnParams",
    .open = true,
    .fields = (const struct field[]){
        { "aggregation_functions", &aggregations, .otherwise = "[]" },
        { .name = NULL } },
};
const struct type type_scoring_params = {
    .kind = TYPE_UNION, .name = "ScoringFnParams",
    .variants = (const struct variant[]){ { "llm_as_judge", &judge_params },
                                          { "regex_parser", &regex_params },
                                          { "basic", &basic_params },
                                          { NULL, NULL } },
};
static const struct type params_by_function = { .kind = TYPE_MAP, .of = &type_scoring_params };
static const struct type functions_to_score = {
    .kind = TYPE_MAP, .of = &type_scoring_params, .nullable_items = true,
};

/* ---------------------------------------------------------------------------------- configs */

static const struct type on_error = {
    .kind = TYPE_ENUM, .words = (const char *const[]){ "fail", "record", NULL },
};
static const struct type error_rate = {
    .kind = TYPE_NUMBER, .bounds = BOUND_GE | BOUND_LE, .ge = 0, .le = 1,
};
static const struct type model_by_role = { .kind = TYPE_MAP, .of = &name_not_empty };
static const struct type cache_mode = {
    .kind = TYPE_ENUM, .words = (const char *const[]){ "off", "read", "write", "replay", NULL },
};

const struct type type_benchmark_config = {
    .kind = TYPE_OBJECT, .name = "BenchmarkConfig",
    .fields = (const struct field[]){
        { "eval_candidate", &candidate, .required = true },
        /* null is an error in the reference, and yet clients send it */
        { "scoring_params", &params_by_function, .otherwise = "{}", .nullable = true },
        { "num_examples", &positive, .otherwise = "null", .nullable = true },
        /* extensions: left out when not given */
        { "epochs", &positive, .nullable = true },
        { "seed", &integer, .nullable = true },
        { "on_error", &on_error, .nullable = true },
        { "max_error_rate", &error_rate, .nullable = true },
        { "roles", &model_by_role, .nullable = true },
        { "cluster", &name_not_empty, .nullable = true },
        { "cache", &cache_mode, .nullable = true },
        { .name = NULL } },
};

/* ----------------------------------------------------------------------------------- bodies */

/* One release of the Python client sends the BenchmarkConfig itself. */
static json_object *
wrap_bare_config(json_object *body)
{
    if (json_has(body, "benchmark_config") || !json_has(body, "eval_candidate"))
        return body;
    json_object *wrapped = json_object_new_object();
    json_add(wrapped, "benchmark_config", body);
    return wrapped;
}

static const struct type run_eval = {
    .kind = TYPE_OBJECT, .name = "RunEvalRequest",
    .fields = (const struct field[]){
        { "benchmark_config", &type_benchmark_config, .required = true },
        { .name = NULL } },
};
const struct body_type body_run_eval = { .type = &run_eval, .prepare = wrap_bare_config };

static const char *const raw_input_rows[] = { "/input_rows", NULL };

static const struct type evaluate_rows = {
    .kind = TYPE_OBJECT, .name = "EvaluateRowsRequest",
    .fields = (const struct field[]){
        { "input_rows", &some_rows, .required = true },
        { "scoring_functions", &some_names, .required = true },
        { "benchmark_config", &type_benchmark_config, .required = true },
        { .name = NULL } },
};
const struct body_type body_evaluate_rows = { &evaluate_rows, raw_input_rows, NULL };

static const struct type rescore = {
    .kind = TYPE_OBJECT,
    .fields = (const struct field[]){
        { "scoring_functions", &some_names, .nullable = true },
        { "scoring_params", &params_by_function, .otherwise = "{}", .nullable = true },
        { "roles", &model_by_role, .nullable = true },
        { .name = NULL } },
};
const struct body_type body_rescore = { .type = &rescore };

static const struct type compare = {
    .kind = TYPE_OBJECT, .name = "CompareRequest",
    .fields = (const struct field[]){
        { "baseline", &name_not_empty, .required = true },
        { "candidate", &name_not_empty, .required = true },
        { "scoring_functions", &some_names, .nullable = true },
        { .name = NULL } },
};
const struct body_type body_compare = { .type = &compare };

static const struct type score = {
    .kind = TYPE_OBJECT, .name = "ScoreRequest",
    .fields = (const struct field[]){
        { "input_rows", &rows, .required = true },
        { "scoring_functions", &functions_to_score, .required = true },
        { .name = NULL } },
};
const struct body_type body_score = { &score, raw_input_rows, NULL };

static const struct type score_batch = {
    .kind = TYPE_OBJECT, .name = "ScoreBatchRequest",
    .fields = (const struct field[]){
        { "dataset_id", &name, .required = true },
        { "scoring_functions", &functions_to_score, .required = true },
        { "save_results_dataset", &boolean, .otherwise = "false" },
        { .name = NULL } },
};
const struct body_type body_score_batch = { .type = &score_batch };

static const struct type register_benchmark = {
    .kind = TYPE_OBJECT, .name = "RegisterBenchmarkRequest",
    .fields = (const struct field[]){
        { "benchmark_id", &new_id, .required = true },
        { "dataset_id", &name, .required = true },
        { "scoring_functions", &names, .required = true },
        { "provider_benchmark_id", &name, .otherwise = "null", .nullable = true },
        { "provider_id", &name, .otherwise = "null", .nullable = true },
        { "metadata", &dict, .otherwise = "null", .nullable = true },
        { .name = NULL } },
};
const struct body_type body_register_benchmark = { .type = &register_benchmark };

static const struct type no_fields = {
    .kind = TYPE_OBJECT, .fields = (const struct field[]){ { .name = NULL } },
};
const struct type type_return_type = {
    .kind = TYPE_UNION, .name = "ParamType",
    .variants = (const struct variant[]){
        { "string", &no_fields }, { "number", &no_fields }, { "boolean", &no_fields },
        { "array", &no_fields }, { "object", &no_fields }, { "json", &no_fields },
        { "union", &no_fields }, { "chat_completion_input", &no_fields },
        { "completion_input", &no_fields }, { "agent_turn_input", &no_fields },
        { NULL, NULL } },
};
static const struct type register_function = {
    .kind = TYPE_OBJECT, .name = "RegisterScoringFunctionRequest",
    .fields = (const struct field[]){
        { "scoring_fn_id", &new_id, .required = true },
        { "description", &string, .required = true },
        { "return_type", &type_return_type, .required = true },
        { "provider_scoring_fn_id", &name, .otherwise = "null", .nullable = true },
        { "provider_id", &name, .otherwise = "null", .nullable = true },
        { "params", &type_scoring_params, .otherwise = "null", .nullable = true },
        { .name = NULL } },
};
const struct body_type body_register_function = { .type = &register_function };

const struct type type_purpose = {
    .kind = TYPE_ENUM, .name = "DatasetPurpose",
    .words = (const char *const[]){ "post-training/messages", "eval/question-answer",
                                    "eval/messages-answer", NULL },
};
static const struct type uri_source = {
    .kind = TYPE_OBJECT, .name = "URIDataSource",
    .fields = (const struct field[]){
        { "uri", &name, .required = true },
        { .name = NULL } },
};
static const struct type rows_source = {
    .kind = TYPE_OBJECT, .name = "RowsDataSource",
    .fields = (const struct field[]){
        { "rows", &rows, .required = true },
        { .name = NULL } },
};
const struct type type_data_source = {
    .kind = TYPE_UNION, .name = "DataSource",
    .variants = (const struct variant[]){ { "uri", &uri_source },
                                          { "rows", &rows_source },
                                          { NULL, NULL } },
};
static const struct type register_dataset = {
    .kind = TYPE_OBJECT, .name = "RegisterDatasetRequest",
    .fields = (const struct field[]){
        { "purpose", &type_purpose, .required = true },
        { "source", &type_data_source, .required = true },
        { "metadata", &dict, .otherwise = "null", .nullable = true },
        { "dataset_id", &new_id, .otherwise = "null", .nullable = true },
        { .name = NULL } },
};
const struct body_type body_register_dataset = {
    .type = &register_dataset,
    .raw_paths = (const char *const[]){ "/source/rows", NULL },
};

static const struct type append_rows = {
    .kind = TYPE_OBJECT, .name = "AppendRowsRequest",
    .fields = (const struct field[]){
        { "rows", &rows, .required = true },
        { .name = NULL } },
};
const struct body_type body_append_rows = {
    .type = &append_rows, .raw_paths = (const char *const[]){ "/rows", NULL },
};

/* ---------------------------------------------------------------------------------- queries */

static const struct type limit = { .kind = TYPE_INT, .bounds = BOUND_GE, .ge = -1 };
const struct type type_job_status = {
    .kind = TYPE_ENUM, .name = "JobStatus",
    .words = (const char *const[]){ "completed", "in_progress", "failed", "scheduled",
                                    "cancelled", NULL },
};
static const struct type row_status = {
    .kind = TYPE_ENUM,
    .words = (const char *const[]){ "ok", "error", "truncated", "pending", NULL },
};
static const struct type api_filter = {
    .kind = TYPE_LITERAL,
    .words = (const char *const[]){ "v1", "v1alpha", "v1beta", "deprecated", NULL },
};

const struct field query_iterrows[] = {
    { "start_index", &not_negative, .otherwise = "0", .nullable = true },
    { "limit", &limit, .otherwise = "-1", .nullable = true },
    { .name = NULL },
};
const struct field query_jobs[] = {
    { "status", &type_job_status, .nullable = true },
    { "owner", &not_negative, .nullable = true },
    { "job_id", &name, .nullable = true },
    { "start_index", &not_negative, .otherwise = "0", .nullable = true },
    { "limit", &limit, .otherwise = "-1", .nullable = true },
    { .name = NULL },
};
const struct field query_job_rows[] = {
    { "status", &row_status, .nullable = true },
    { "from", &not_negative, .otherwise = "0", .nullable = true },
    { "start_index", &not_negative, .otherwise = "0", .nullable = true },
    { "limit", &limit, .otherwise = "-1", .nullable = true },
    { .name = NULL },
};
const struct field query_job_events[] = {
    { "after", &not_negative, .nullable = true },
    { .name = NULL },
};
const struct field query_api_filter[] = {
    { "api_filter", &api_filter, .nullable = true },
    { .name = NULL },
};
