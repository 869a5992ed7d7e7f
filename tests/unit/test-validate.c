/* Requests against their declared types: what is wrong with them, item by item, or what they
 * become.  Cases follow the protocol, and what the
 * published clients send. */
#include "config.h"


#include "common/mem.h"
#include "daemon/types.h"
#include "tap.h"

/* Items as "loc: type" with loc joined by '.', one a line. */
static char *
summary(json_object *errors)
{
    struct text t = TEXT_INIT;
    for (size_t i = 0; i < json_object_array_length(errors); i++) {
        json_object *item = json_object_array_get_idx(errors, i), *loc = json_get(item, "loc");
        text_puts(&t, i > 0 ? "\n" : "");
        for (size_t k = 0; k < json_object_array_length(loc); k++)
            text_putf(&t, "%s%s", k > 0 ? "." : "",
                      json_object_get_string(json_object_array_get_idx(loc, k)));
        text_putf(&t, ": %s", json_get_str(item, "type", ""));
    }
    return text_take(&t);
}

static void
refused(const struct body_type *type, const char *body, const char *want)
{
    CLEANUP_JSON json_object *errors = json_object_new_array();
    CLEANUP_JSON json_object *out = validate_body(type, str_z(body), errors);
    CLEANUP_FREE char *got = summary(errors);
    is_str(got, want, "refused: %.100s", body);
    if (out != NULL)
        ok(false, "  and there is a tree");
}

static void
taken(const struct body_type *type, const char *body, const char *want)
{
    CLEANUP_JSON json_object *errors = json_object_new_array();
    CLEANUP_JSON json_object *out = validate_body(type, str_z(body), errors);
    CLEANUP_FREE char *got = json_object_array_length(errors) > 0 ? summary(errors)
                                                                  : json_text(out);
    is_str(got, want, "taken: %.100s", body);
}

static void
says(const struct body_type *type, const char *body, const char *want)
{
    CLEANUP_JSON json_object *errors = json_object_new_array();
    CLEANUP_JSON json_object *out = validate_body(type, str_z(body), errors);
    CLEANUP_TEXT struct text got = TEXT_INIT;
    text_put(&got, "", 0);
    validate_put_message(&got, errors);
    is_str(got.ptr, want, "message for %.100s", body);
    (void)out;
}

#define CANDIDATE(rest) "{\"benchmark_config\":{\"eval_candidate\":{" rest "}}}"
#define MODEL(rest)     CANDIDATE("\"type\":\"model\",\"model\":\"m\"," rest)
#define SAMPLING(rest)  MODEL("\"sampling_params\":{" rest "}")
#define CONFIG(rest) \
    "{\"benchmark_config\":{\"eval_candidate\":{\"type\":\"model\",\"model\":\"m\"," \
    "\"sampling_params\":{}}," rest "}}"
#define AGENT(rest) \
    CANDIDATE("\"type\":\"agent\",\"config\":{\"model\":\"m\",\"instructions\":\"i\"" rest "}")
#define GREEDY \
    "\"sampling_params\":{\"strategy\":{\"type\":\"greedy\"},\"max_tokens\":null," \
    "\"repetition_penalty\":1.0,\"stop\":null}"
#define PLAIN_MODEL \
    "{\"type\":\"model\",\"model\":\"m\"," GREEDY ",\"system_message\":null}"

static void
test_bodies(void)
{
    refused(&body_run_eval, "", "body.benchmark_config: missing");
    refused(&body_run_eval, "  \t ", "body.benchmark_config: missing");
    refused(&body_run_eval, "null", "body.benchmark_config: missing");
    refused(&body_run_eval, "{}", "body.benchmark_config: missing");
    refused(&body_run_eval, "[]", "body: model_attributes_type");
    refused(&body_run_eval, "\"x\"", "body: model_attributes_type");
    refused(&body_run_eval, "{\"benchmark_config\":null}",
            "body.benchmark_config: model_attributes_type");
    refused(&body_run_eval, "{\"a\":1", "body.6: json_invalid");
    refused(&body_run_eval, "\xef\xbb\xbf{}", "body.benchmark_config: missing");
    refused(&body_run_eval, "\xef\xbb\xbf", "body.benchmark_config: missing");
    refused(&body_run_eval, "{\"\xc3\xa9\": nix}", "body.6: json_invalid");
    refused(&body_run_eval, "{\"a\\u0000b\":1}", "body.1: json_invalid");
    refused(&body_run_eval, "{\"a\":\"\\ud800\"}", "body.6: json_invalid");
    refused(&body_evaluate_rows, "{}",
            "body.input_rows: missing\nbody.scoring_functions: missing\n"
            "body.benchmark_config: missing");
    says(&body_run_eval, CANDIDATE("\"type\":\"robot\""),
         "body.benchmark_config.eval_candidate: Input tag 'robot' found using 'type' does not "
         "match any of the expected tags: 'model', 'agent'");

    CLEANUP_TEXT struct text deep = TEXT_INIT;
    text_puts(&deep, "{\"a\":");
    for (int i = 0; i < 10000; i++)
        text_putc(&deep, '[');
    refused(&body_run_eval, deep.ptr, "body.204: json_invalid");
}

static void
test_candidates(void)
{
    refused(&body_run_eval, "{\"benchmark_config\":{}}",
            "body.benchmark_config.eval_candidate: missing");
    refused(&body_run_eval, CANDIDATE("\"type\":\"model\",\"model\":\"m\""),
            "body.benchmark_config.eval_candidate.model.sampling_params: missing");
    refused(&body_run_eval, CANDIDATE("\"type\":\"model\""),
            "body.benchmark_config.eval_candidate.model.model: missing\n"
            "body.benchmark_config.eval_candidate.model.sampling_params: missing");
    refused(&body_run_eval, CANDIDATE(""),
            "body.benchmark_config.eval_candidate: union_tag_not_found");
    refused(&body_run_eval, CANDIDATE("\"type\":null,\"model\":\"m\""),
            "body.benchmark_config.eval_candidate: union_tag_invalid");
    refused(&body_run_eval, "{\"benchmark_config\":{\"eval_candidate\":[]}}",
            "body.benchmark_config.eval_candidate: model_attributes_type");
    refused(&body_run_eval,
            CANDIDATE("\"type\":\"model\",\"model\":\"\",\"sampling_params\":{}"),
            "body.benchmark_config.eval_candidate.model.model: string_too_short");
    refused(&body_run_eval,
            CANDIDATE("\"type\":\"model\",\"model\":\"a\\u0000\",\"sampling_params\":{}"),
            "body.benchmark_config.eval_candidate.model.model: value_error");
    refused(
        &body_run_eval, CANDIDATE("\"type\":\"model\",\"model\":7,\"sampling_params\":null"),
        "body.benchmark_config.eval_candidate.model.model: string_type\n"
        "body.benchmark_config.eval_candidate.model.sampling_params: model_attributes_type");

    taken(&body_run_eval, SAMPLING(""),
          "{\"benchmark_config\":{\"eval_candidate\":" PLAIN_MODEL
          ",\"scoring_params\":{},\"num_examples\":null}}");
    taken(&body_run_eval, "{\"eval_candidate\":{\"model\":\"m\",\"sampling_params\":{}}}",
          "{\"benchmark_config\":{\"eval_candidate\":" PLAIN_MODEL
          ",\"scoring_params\":{},\"num_examples\":null}}");
    taken(&body_run_eval, /* the command-line tool's stray members */
          "{\"benchmark_config\":{\"type\":\"benchmark\",\"eval_candidate\":{\"type\":\"model\","
          "\"model\":\"m\",\"sampling_params\":{\"temperature\":0.0,\"top_p\":0.9,"
          "\"repeat_penalty\":1.0}}}}",
          "{\"benchmark_config\":{\"eval_candidate\":" PLAIN_MODEL
          ",\"scoring_params\":{},\"num_examples\":null}}");

    refused(&body_run_eval,
            MODEL("\"sampling_params\":{},\"system_message\":{\"role\":\"user\"}"),
            "body.benchmark_config.eval_candidate.model.system_message.role: literal_error\n"
            "body.benchmark_config.eval_candidate.model.system_message.content: missing");
    refused(&body_run_eval, MODEL("\"sampling_params\":{},\"system_message\":{\"content\":7}"),
            "body.benchmark_config.eval_candidate.model.system_message.content.str: string_type\n"
            "body.benchmark_config.eval_candidate.model.system_message.content."
            "tagged-union[ImageContentItem,TextContentItem]: model_attributes_type\n"
            "body.benchmark_config.eval_candidate.model.system_message.content."
            "list[tagged-union[ImageContentItem,TextContentItem]]: list_type");
    taken(&body_run_eval,
          MODEL("\"sampling_params\":{},\"system_message\":{\"content\":[{\"type\":\"text\","
                "\"text\":\"hi\"}]}"),
          "{\"benchmark_config\":{\"eval_candidate\":{\"type\":\"model\",\"model\":\"m\"," GREEDY
          ",\"system_message\":{\"role\":\"system\",\"content\":[{\"type\":\"text\","
          "\"text\":\"hi\"}]}},\"scoring_params\":{},\"num_examples\":null}}");
}

static void
test_sampling(void)
{
#define AT "body.benchmark_config.eval_candidate.model.sampling_params."
    refused(&body_run_eval, SAMPLING("\"max_tokens\":-1"), AT "max_tokens: greater_than_equal");
    refused(&body_run_eval, SAMPLING("\"max_tokens\":1.5"), AT "max_tokens: int_from_float");
    refused(&body_run_eval, SAMPLING("\"max_tokens\":\"x\""), AT "max_tokens: int_parsing");
    refused(&body_run_eval, SAMPLING("\"max_tokens\":\"1_\""), AT "max_tokens: int_parsing");
    refused(&body_run_eval, SAMPLING("\"max_tokens\":\"\""), AT "max_tokens: int_parsing");
    refused(&body_run_eval, SAMPLING("\"max_tokens\":[]"), AT "max_tokens: int_type");
    refused(&body_run_eval, SAMPLING("\"max_tokens\":NaN"), AT "max_tokens: finite_number");
    refused(&body_run_eval, SAMPLING("\"max_tokens\":9223372036854775808"),
            AT "max_tokens: int_parsing_size");
    refused(&body_run_eval, SAMPLING("\"max_tokens\":123456789012345678901234567890"),
            AT "max_tokens: int_parsing_size");
    refused(&body_run_eval, SAMPLING("\"max_tokens\":1e300"),
            AT "max_tokens: int_parsing_size");
    refused(&body_run_eval, SAMPLING("\"repetition_penalty\":2.5"),
            AT "repetition_penalty: less_than_equal");
    refused(&body_run_eval, SAMPLING("\"repetition_penalty\":\"much\""),
            AT "repetition_penalty: float_parsing");
    refused(&body_run_eval, SAMPLING("\"repetition_penalty\":{}"),
            AT "repetition_penalty: float_type");
    refused(&body_run_eval, SAMPLING("\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]"),
            AT "stop: too_long");
    refused(&body_run_eval, SAMPLING("\"stop\":\"a\""), AT "stop: list_type");
    refused(&body_run_eval, SAMPLING("\"stop\":[\"a\",1]"), AT "stop.1: string_type");
    refused(&body_run_eval, SAMPLING("\"strategy\":{}"), AT "strategy: union_tag_not_found");
    refused(&body_run_eval, SAMPLING("\"strategy\":{\"type\":\"Greedy\"}"),
            AT "strategy: union_tag_invalid");
    refused(&body_run_eval, SAMPLING("\"strategy\":null"),
            AT "strategy: model_attributes_type");
    refused(&body_run_eval, SAMPLING("\"strategy\":{\"type\":\"top_k\"}"),
            AT "strategy.top_k.top_k: missing");
    refused(&body_run_eval, SAMPLING("\"strategy\":{\"type\":\"top_k\",\"top_k\":0}"),
            AT "strategy.top_k.top_k: greater_than_equal");
    refused(&body_run_eval,
            SAMPLING("\"strategy\":{\"type\":\"top_p\",\"temperature\":0,\"top_p\":1.1}"),
            AT "strategy.top_p.temperature: greater_than\n"
            AT "strategy.top_p.top_p: less_than_equal");
    refused(&body_run_eval, SAMPLING("\"strategy\":{\"type\":\"top_p\",\"temperature\":2.1}"),
            AT "strategy.top_p.temperature: less_than_equal");
    says(&body_run_eval, SAMPLING("\"strategy\":{\"type\":\"top_p\",\"temperature\":-0.5}"),
         AT "strategy.top_p.temperature: Input should be greater than 0");
    says(&body_run_eval, SAMPLING("\"repetition_penalty\":-2.5"),
         AT "repetition_penalty: Input should be greater than or equal to -2");
#undef AT
    taken(&body_run_eval,
          SAMPLING(
              "\"strategy\":{\"type\":\"top_p\",\"temperature\":null},\"max_tokens\":\" 0 \","
              "\"repetition_penalty\":\"1.5\",\"stop\":[]"),
          "{\"benchmark_config\":{\"eval_candidate\":{\"type\":\"model\",\"model\":\"m\","
          "\"sampling_params\":{\"strategy\":{\"type\":\"top_p\",\"temperature\":null,"
          "\"top_p\":0.95},\"max_tokens\":0,\"repetition_penalty\":1.5,\"stop\":[]},"
          "\"system_message\":null},\"scoring_params\":{},\"num_examples\":null}}");
    taken(&body_run_eval,
          SAMPLING("\"strategy\":{\"type\":\"top_k\",\"top_k\":\"1_0\"},\"max_tokens\":3.0,"
                   "\"repetition_penalty\":null"),
          "{\"benchmark_config\":{\"eval_candidate\":{\"type\":\"model\",\"model\":\"m\","
          "\"sampling_params\":{\"strategy\":{\"type\":\"top_k\",\"top_k\":10},\"max_tokens\":3,"
          "\"repetition_penalty\":null,\"stop\":null},"
          "\"system_message\":null},\"scoring_params\":{},\"num_examples\":null}}");
}

static void
test_config(void)
{
#define AT "body.benchmark_config."
    refused(&body_run_eval, CONFIG("\"num_examples\":0"),
            AT "num_examples: greater_than_equal");
    taken(&body_run_eval, CONFIG("\"scoring_params\":null"),
          "{\"benchmark_config\":{\"eval_candidate\":" PLAIN_MODEL
          ",\"scoring_params\":null,\"num_examples\":null}}");
    refused(&body_run_eval, CONFIG("\"scoring_params\":[]"), AT "scoring_params: dict_type");
    refused(&body_run_eval, CONFIG("\"scoring_params\":{\"f\":null}"),
            AT "scoring_params.f: model_attributes_type");
    refused(&body_run_eval, CONFIG("\"scoring_params\":{\"f\":{\"type\":\"odd\"}}"),
            AT "scoring_params.f: union_tag_invalid");
    refused(
        &body_run_eval,
        CONFIG(
            "\"scoring_params\":{\"f\":{\"type\":\"llm_as_judge\"},\"g\":{\"type\":\"basic\","
            "\"aggregation_functions\":[\"accuracy\",\"mean\"]}}"),
        AT "scoring_params.f.llm_as_judge.judge_model: missing\n" AT
           "scoring_params.g.basic.aggregation_functions.1: enum");
    refused(&body_run_eval,
            CONFIG("\"epochs\":0,\"seed\":\"x\",\"on_error\":\"stop\",\"max_error_rate\":1.5,"
                   "\"roles\":{\"judge\":1},\"cluster\":\"\",\"cache\":\"on\""),
            AT "epochs: greater_than_equal\n" AT "seed: int_parsing\n" AT "on_error: enum\n"
            AT "max_error_rate: less_than_equal\n" AT "roles.judge: string_type\n"
            AT "cluster: string_too_short\n" AT "cache: enum");
    says(&body_run_eval, CONFIG("\"cache\":\"on\""),
         AT "cache: Input should be 'off', 'read', 'write' or 'replay'");
    says(&body_run_eval, CONFIG("\"on_error\":1"),
         AT "on_error: Input should be 'fail' or 'record'");
#undef AT
    taken(
        &body_run_eval,
        CONFIG(
            "\"num_examples\":\"2\",\"epochs\":3,\"on_error\":null,\"scoring_params\":{\"f\":"
            "{\"type\":\"regex_parser\",\"x\":1},\"g\":{\"type\":\"basic\",\"threshold\":0.5}}"),
        "{\"benchmark_config\":{\"eval_candidate\":" PLAIN_MODEL ",\"scoring_params\":{\"f\":"
        "{\"type\":\"regex_parser\",\"x\":1,\"parsing_regexes\":[],\"aggregation_functions\":[]},"
        "\"g\":{\"type\":\"basic\",\"threshold\":0.5,\"aggregation_functions\":[]}},"
        "\"num_examples\":2,\"epochs\":3}}");
}

static void
test_agents(void)
{
#define AT "body.benchmark_config.eval_candidate.agent.config"
    refused(&body_run_eval, CANDIDATE("\"config\":{}"),
            AT ".model: missing\n" AT ".instructions: missing");
    refused(&body_run_eval,
            AGENT(",\"tool_choice\":\"any\",\"toolgroups\":[\"a\",{\"name\":\"b\"}],"
                  "\"client_tools\":[{\"parameters\":[{\"name\":\"p\"}]}],"
                  "\"enable_session_persistence\":\"maybe\",\"response_format\":{\"type\":\"xml\"}"),
            AT ".toolgroups.1.str: string_type\n"
            AT ".toolgroups.1.AgentToolGroupWithArgs.args: missing\n"
            AT ".client_tools.0.name: missing\n"
            AT ".client_tools.0.parameters.0.parameter_type: missing\n"
            AT ".client_tools.0.parameters.0.description: missing\n"
            AT ".tool_choice: enum\n"
            AT ".enable_session_persistence: bool_parsing\n"
            AT ".response_format: union_tag_invalid");
    refused(&body_run_eval,
            AGENT(",\"tool_choice\":\"none\",\"tool_config\":{\"tool_choice\":\"auto\"}"),
            AT ": value_error");
#undef AT
    CLEANUP_JSON json_object *errors = json_object_new_array();
    CLEANUP_JSON json_object *out = validate_body(
        &body_run_eval,
        str_z(AGENT(",\"tool_choice\":\"none\",\"enable_session_persistence\":\"ON\"")),
        errors);
    json_object *candidate = json_get(json_get(out, "benchmark_config"), "eval_candidate");
    json_object *config = json_get(candidate, "config");
    is_str(json_get_str(candidate, "type", ""), "agent", "an agent candidate");
    is_str(json_get_str(json_get(config, "tool_config"), "tool_choice", ""), "none",
           "its tool_config is made from the deprecated field");
    ok(json_get_bool(config, "enable_session_persistence", false), "'ON' is true");
    is_int(json_get_int(config, "max_infer_iters", 0), 10, "defaults are filled in");
}

static void
test_rows(void)
{
    refused(&body_evaluate_rows,
            "{\"input_rows\":[],\"scoring_functions\":[],\"benchmark_config\":1}",
            "body.input_rows: too_short\nbody.scoring_functions: too_short\n"
            "body.benchmark_config: model_attributes_type");
    says(&body_evaluate_rows,
         "{\"input_rows\":[],\"scoring_functions\":[\"f\"],\"benchmark_config\":{}}",
         "body.input_rows: List should have at least 1 item after validation, not 0; "
         "body.benchmark_config.eval_candidate: Field required");
    refused(&body_score, "{\"input_rows\":[{},1,[],{\"a\":[]},null],\"scoring_functions\":{}}",
            "body.input_rows.1: dict_type\nbody.input_rows.2: dict_type\n"
            "body.input_rows.4: dict_type");
    refused(&body_score, "{\"input_rows\":{},\"scoring_functions\":[\"f\"]}",
            "body.input_rows: list_type\nbody.scoring_functions: dict_type");
    refused(&body_score, "{\"input_rows\":\"[{}]\",\"scoring_functions\":{\"f\":1}}",
            "body.input_rows: list_type\nbody.scoring_functions.f: model_attributes_type");
    taken(&body_score,
          "{\"input_rows\":[ {\"n\":1.00, \"e\":\"\\u00e9\"} ],\"scoring_functions\":{\"f\":null}}",
          "{\"input_rows\":[ {\"n\":1.00, \"e\":\"\\u00e9\"} ],\"scoring_functions\":{\"f\":null}}");
    taken(&body_score_batch, "{\"dataset_id\":\"d\",\"scoring_functions\":{}}",
          "{\"dataset_id\":\"d\",\"scoring_functions\":{},\"save_results_dataset\":false}");
    refused(&body_score_batch,
            "{\"dataset_id\":\"d\",\"scoring_functions\":{},\"save_results_dataset\":null}",
            "body.save_results_dataset: bool_type");
    refused(&body_append_rows, "{\"rows\":[3]}", "body.rows.0: dict_type");
}

/* The words and numbers that pydantic takes for a boolean. */
static void
test_booleans(void)
{
#define BATCH(b) "{\"dataset_id\":\"d\",\"scoring_functions\":{},\"save_results_dataset\":" b "}"
    static const char *const yes[] = { "true", "1", "1.0", "\"True\"", "\"YES\"", "\"on\"",
                                       "\"t\"", "\"Y\"", "\"1\"" };
    static const char *const no[] = { "false", "0", "0.0", "\"FALSE\"", "\"no\"", "\"Off\"",
                                      "\"f\"", "\"n\"", "\"0\"" };
    static const char *const neither[][2] = {
        { "2", "bool_parsing" },     { "0.5", "bool_parsing" }, { "\"\"", "bool_parsing" },
        { "\"yes \"", "bool_parsing" }, { "[]", "bool_type" },    { "{}", "bool_type" },
    };
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        CLEANUP_FREE char *body = xasprintf(BATCH("%s"), yes[i]);
        taken(&body_score_batch, body, BATCH("true"));
        CLEANUP_FREE char *other = xasprintf(BATCH("%s"), no[i]);
        taken(&body_score_batch, other, BATCH("false"));
    }
    for (size_t i = 0; i < ARRAY_LEN(neither); i++) {
        CLEANUP_FREE char *body = xasprintf(BATCH("%s"), neither[i][0]);
        CLEANUP_FREE char *want = xasprintf("body.save_results_dataset: %s", neither[i][1]);
        refused(&body_score_batch, body, want);
    }
}

static void
test_registration(void)
{
    refused(&body_register_dataset, "{\"purpose\":\"eval/x\",\"source\":{\"type\":\"rows\"}}",
            "body.purpose: enum\nbody.source.rows.rows: missing");
    refused(&body_register_dataset,
            "{\"purpose\":\"eval/question-answer\",\"source\":{\"type\":\"rows\",\"rows\":[{},3]}}",
            "body.source.rows.rows.1: dict_type");
    refused(&body_register_dataset,
            "{\"purpose\":\"eval/question-answer\",\"source\":{\"type\":\"uri\"},\"metadata\":[],"
            "\"dataset_id\":\"a\\u0000b\"}",
            "body.source.uri.uri: missing\nbody.metadata: dict_type\nbody.dataset_id: value_error");
    says(&body_register_dataset, "{\"purpose\":1,\"source\":{\"type\":\"rows\",\"rows\":[]}}",
         "body.purpose: Input should be 'post-training/messages', 'eval/question-answer' or "
         "'eval/messages-answer'");
    taken(&body_register_dataset,
          "{\"purpose\":\"post-training/messages\",\"source\":{\"type\":\"rows\",\"rows\":[]}}",
          "{\"purpose\":\"post-training/messages\",\"source\":{\"type\":\"rows\",\"rows\":[]},"
          "\"metadata\":null,\"dataset_id\":null}");
    refused(&body_register_benchmark, "{\"benchmark_id\":1,\"scoring_functions\":[null]}",
            "body.benchmark_id: string_type\nbody.dataset_id: missing\n"
            "body.scoring_functions.0: string_type");
    refused(&body_register_function,
            "{\"scoring_fn_id\":\"f\",\"return_type\":{\"type\":\"dialog\"},\"params\":{}}",
            "body.description: missing\nbody.return_type: union_tag_invalid\n"
            "body.params: union_tag_not_found");
}

static void
query_is(const struct field *fields, const char *query, const char *want)
{
    CLEANUP_JSON json_object *errors = json_object_new_array();
    CLEANUP_JSON json_object *out = validate_query(fields, str_z(query), errors);
    CLEANUP_FREE char *got = json_object_array_length(errors) > 0 ? summary(errors)
                                                                  : json_text(out);
    is_str(got, want, "query %s", query);
}

static void
test_queries(void)
{
    query_is(query_iterrows, "", "{\"start_index\":0,\"limit\":-1}");
    query_is(query_iterrows, "limit=5&start_index=2", "{\"start_index\":2,\"limit\":5}");
    query_is(query_iterrows, "limit=5&limit=7&x=1&&=", "{\"start_index\":0,\"limit\":7}");
    query_is(query_iterrows, "l%69mit=%31+", "{\"start_index\":0,\"limit\":1}");
    query_is(query_iterrows, "limit=&start_index=-1",
             "query.start_index: greater_than_equal\nquery.limit: int_parsing");
    query_is(query_iterrows, "limit", "query.limit: int_parsing");
    query_is(query_iterrows, "limit=-2", "query.limit: greater_than_equal");
    query_is(query_iterrows, "limit=%ff%00", "query.limit: int_parsing");
    query_is(query_api_filter, "api_filter=v1beta", "{\"api_filter\":\"v1beta\"}");
    query_is(query_api_filter, "api_filter=v2", "query.api_filter: literal_error");
    query_is(NULL, "a=b", "{}");
}

int
main(void)
{
    test_bodies();
    test_candidates();
    test_sampling();
    test_config();
    test_agents();
    test_rows();
    test_booleans();
    test_registration();
    test_queries();
    return tap_done();
}
