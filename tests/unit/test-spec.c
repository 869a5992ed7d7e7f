/* From a checked request to the specification of a job: functions, params, models, roles. */
#include "config.h"

#include <stdlib.h>

#include "common/mem.h"
#include "daemon/spec.h"
#include "tap.h"

/* ---- a catalogue, plugins and models of the test's own ---- */

static struct function functions[] = {
    { .id = (char *)"basic::free", .plugin_id = (char *)"basic::free",
      .provider_id = (char *)"basic" },
    { .id = (char *)"basic::regex", .plugin_id = (char *)"basic::regex",
      .provider_id = (char *)"basic" },
    { .id = (char *)"acme::tone", .plugin_id = (char *)"acme::tone",
      .provider_id = (char *)"acme" },
    { .id = (char *)"acme::plain", .plugin_id = (char *)"acme::plain",
      .provider_id = (char *)"acme" },
    { .id = (char *)"my-judge", .plugin_id = (char *)"llm-as-judge::base",
      .provider_id = (char *)"llm-as-judge" },
    { .id = (char *)"acme::gone", .plugin_id = (char *)"acme::gone",
      .provider_id = (char *)"acme" },
    { .id = (char *)"acme::mean", .plugin_id = (char *)"acme::mean",
      .provider_id = (char *)"acme" },
};

static struct plugin plugins[] = {
    { .id = (char *)"basic::free", .kind = PLUGIN_SCORER },
    { .id = (char *)"basic::regex", .kind = PLUGIN_SCORER },
    { .id = (char *)"acme::tone", .kind = PLUGIN_SCORER },
    { .id = (char *)"acme::plain", .kind = PLUGIN_SCORER },
    { .id = (char *)"llm-as-judge::base", .kind = PLUGIN_SCORER },
    { .id = (char *)"model::openai", .kind = PLUGIN_MODEL },
    { .id = (char *)"acme::mean", .kind = PLUGIN_SCORER },
};

static struct conf_model models[] = {
    { .id = (char *)"big", .adapter = (char *)"model::openai", .name = (char *)"big-1",
      .base_url = (char *)"http://127.0.0.1:1/v1", .max_in_flight = 40 },
    { .id = (char *)"small", .adapter = (char *)"model::openai", .name = (char *)"small",
      .max_in_flight = 8 },
    { .id = (char *)"odd", .adapter = (char *)"model::gone", .name = (char *)"odd",
      .max_in_flight = 1000 },
};

static int n_more_providers;

static struct conf conf = {
    .models = models, .n_models = ARRAY_LEN(models), .max_attempts = 4,
    .plugin_timeout_ms = 30000, .ask_timeout_ms = 120000,
};

const struct function *
catalog_function(const struct catalog *c, const char *id)
{
    (void)c;
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        if (strcmp(functions[i].id, id) == 0)
            return &functions[i];
    return NULL;
}

json_object *
catalog_scoring_providers(const struct catalog *c)
{
    (void)c;
    json_object *names = json_object_new_array();
    json_object_array_add(names, json_object_new_string("basic"));
    for (int i = 0; i < n_more_providers; i++)
        json_object_array_add(names, json_object_new_string("acme"));
    return names;
}

const struct plugin *
plugins_find(struct plugins *p, const char *id, enum plugin_kind kind, struct err *err)
{
    (void)p;
    for (size_t i = 0; i < ARRAY_LEN(plugins); i++)
        if (strcmp(plugins[i].id, id) == 0 && plugins[i].kind == kind)
            return &plugins[i];
    return ERR_NULL(err, ERR_INVALID, "no plugin '%s'", id);
}

const struct conf_model *
conf_find_model(const struct conf *c, const char *id)
{
    for (size_t i = 0; i < c->n_models; i++)
        if (strcmp(c->models[i].id, id) == 0)
            return &c->models[i];
    return NULL;
}

static const struct spec_context cx = { .conf = &conf };

/* ---- asking ---- */

static json_object *
parsed(const char *text)
{
    json_object *o = NULL;
    struct err err;
    if (json_parse(str_z(text), &o, NULL, &err) < 0) {
        printf("Bail out! %s: %s\n", text, err.text);
        exit(1);
    }
    return o;
}

/* The member of what scoring makes of its functions (all of it: NULL), or "code: text". */
static const char *
scoring(const char *text, const char *member)
{
    static struct text t;
    text_clear(&t);
    CLEANUP_JSON json_object *given = parsed(text);
    CLEANUP_JSON json_object *spec = NULL;
    struct err err;
    if (spec_of_scoring(&cx, given, &spec, &err) < 0)
        text_putf(&t, "%s: %s", err_code_name(err.code), err.text);
    else
        json_put(&t, member ? json_get(spec, member) : spec);
    return t.ptr;
}

static const char *
eval(const char *config_text, const char *ids, const char *member, bool call)
{
    static struct text t;
    text_clear(&t);
    CLEANUP_JSON json_object *config = parsed(config_text);
    CLEANUP_JSON json_object *list = parsed(ids);
    CLEANUP_JSON json_object *metadata = parsed("{\"row_id_column\":\"key\"}");
    CLEANUP_JSON json_object *spec = NULL;
    struct err err;
    if (spec_of_eval(&cx, config, list, metadata, call, &spec, &err) < 0)
        text_putf(&t, "%s: %s", err_code_name(err.code), err.text);
    else
        json_put(&t, member ? json_get(spec, member) : spec);
    return t.ptr;
}

#define MODEL "\"eval_candidate\":{\"type\":\"model\",\"model\":\"big\",\"sampling_params\":"

static void
test_params(void)
{
    is_str(scoring("{\"basic::free\":null}", "functions"),
           "[{\"id\":\"basic::free\",\"plugin\":\"basic::free\",\"params\":{},"
           "\"aggregation_functions\":[\"accuracy\"]}]",
           "without params the function's own hold");
    is_str(scoring("{\"basic::free\":{\"type\":\"basic\",\"aggregation_functions\":[]}}",
                   "functions"),
           "[{\"id\":\"basic::free\",\"plugin\":\"basic::free\",\"params\":{},"
           "\"aggregation_functions\":[]}]",
           "an empty list of aggregations is a list");
    is_str(scoring("{\"acme::mean\":{\"type\":\"basic\",\"aggregation_functions\":[]}}",
                   "functions"),
           "[{\"id\":\"acme::mean\",\"plugin\":\"acme::mean\",\"params\":{},"
           "\"aggregation_functions\":[\"average\"]}]",
           "or the function's own, where the plugin says so");
    is_str(scoring("{\"acme::mean\":{\"type\":\"basic\",\"aggregation_functions\":"
                   "[\"median\"]}}", "functions"),
           "[{\"id\":\"acme::mean\",\"plugin\":\"acme::mean\",\"params\":{},"
           "\"aggregation_functions\":[\"median\"]}]",
           "a list with something in it counts in either case");
    is_str(scoring("{\"acme::tone\":null}", "functions"),
           "[{\"id\":\"acme::tone\",\"plugin\":\"acme::tone\",\"params\":{\"threshold\":0.9,"
           "\"words\":[\"a\"]},\"aggregation_functions\":[\"median\"]}]",
           "defaults of the function over those of the schema");
    is_str(scoring("{\"acme::tone\":{\"type\":\"basic\",\"words\":[\"z\"]}}", "functions"),
           "[{\"id\":\"acme::tone\",\"plugin\":\"acme::tone\",\"params\":{\"words\":[\"z\"],"
           "\"threshold\":0.5},\"aggregation_functions\":[]}]",
           "params that are given replace the function's whole; the schema fills in");
    is_str(scoring("{\"acme::tone\":{\"type\":\"basic\",\"words\":[\"z\"],\"wurds\":1}}",
                   "functions"),
           "invalid: scoring_params.acme::tone: unknown member 'wurds'",
           "an unknown member is named");
    is_str(scoring("{\"acme::tone\":{\"type\":\"basic\",\"threshold\":7}}", "functions"),
           "invalid: scoring_params.acme::tone.threshold: must be at most 1",
           "a value that the schema refuses");
    is_str(scoring(
               "{\"acme::plain\":{\"type\":\"basic\",\"aggregation_functions\":[\"average\"]}}",
               "functions"),
           "[{\"id\":\"acme::plain\",\"plugin\":\"acme::plain\",\"params\":{},"
           "\"aggregation_functions\":[\"average\"]}]",
           "type and aggregations are the host's, also without a schema");
    is_str(scoring("{\"acme::plain\":{\"type\":\"basic\",\"x\":1}}", "functions"),
           "invalid: scoring_params.acme::plain: unknown member 'x'",
           "a plugin without a schema takes no params");
    is_str(scoring("{\"basic::free\":{\"type\":\"basic\",\"x\":1}}", "functions"),
           "[{\"id\":\"basic::free\",\"plugin\":\"basic::free\",\"params\":{},"
           "\"aggregation_functions\":[]}]",
           "the reference's functions ignore what they do not know");
    is_str(scoring("{\"basic::regex\":{\"type\":\"regex_parser\",\"parsing_regexes\":[\"x\"],"
                   "\"more\":2}}",
                   "functions"),
           "[{\"id\":\"basic::regex\",\"plugin\":\"basic::regex\",\"params\":{"
           "\"parsing_regexes\":[\"x\"]},\"aggregation_functions\":[]}]",
           "the tag that the schema names");
    is_str(scoring("{\"basic::regex\":{\"type\":\"basic\"}}", "functions"),
           "invalid: RegexParserScoringFnParams not found", "another tag, in the protocol's words");
    is_str(scoring("{\"basic::regex\":null}", "functions"),
           "[{\"id\":\"basic::regex\",\"plugin\":\"basic::regex\",\"params\":{"
           "\"parsing_regexes\":[]},\"aggregation_functions\":[]}]",
           "no tag at all");
    is_str(scoring("{\"my-judge\":{\"type\":\"llm_as_judge\",\"judge_model\":\"big\"}}",
                   "functions"),
           "[{\"id\":\"my-judge\",\"plugin\":\"llm-as-judge::base\",\"params\":{"
           "\"judge_model\":\"big\"},\"aggregation_functions\":[]}]",
           "a registered function is one over its plugin");
}

static const char *
aggregations(const char *params)
{
    static struct text t;
    CLEANUP_TEXT struct text given = TEXT_INIT;
    text_putf(&given, "{\"basic::free\":%s}", params);
    CLEANUP_JSON json_object *made = parsed(scoring(given.ptr, "functions"));
    text_clear(&t);
    json_put(&t, json_get(json_object_array_get_idx(made, 0), "aggregation_functions"));
    return t.ptr;
}

static void
test_aggregations(void)
{
    is_str(aggregations("null"), "[\"accuracy\"]", "the function's own list");
    is_str(aggregations("{\"type\":\"basic\",\"aggregation_functions\":[\"median\"]}"),
           "[\"median\"]", "that of the request in its place");
    is_str(aggregations("{\"type\":\"basic\",\"aggregation_functions\":[]}"), "[]",
           "also an empty one");
    is_str(aggregations("{\"type\":\"regex_parser\",\"parsing_regexes\":[\"x\"]}"), "[]",
           "params of any type without a list have an empty one");
}

static void
test_functions(void)
{
    is_str(scoring("{\"nobody::knows\":null}", NULL),
           "invalid: Scoring_function `nobody::knows` not served by provider: `basic`. Make "
           "sure there is an Scoring provider serving this scoring_function.",
           "an unknown function, in the protocol's words");
    n_more_providers = 2;
    is_str(scoring("{\"nobody::knows\":null}", NULL),
           "invalid: Scoring_function `nobody::knows` not served by any of the providers: "
           "basic, acme, acme. Make sure there is an Scoring provider serving this "
           "scoring_function.",
           "where there are several providers");
    n_more_providers = 0;
    is_str(scoring("{\"acme::gone\":null}", NULL),
           "invalid: scoring function 'acme::gone': no plugin 'acme::gone'",
           "a function whose plugin cannot be used");
    is_str(scoring("{}", NULL), "invalid: scoring_functions is empty", "no functions");
    is_str(eval("{" MODEL "{}}}", "[]", NULL, false),
           "invalid: the benchmark has no scoring functions", "a benchmark without any");
    is_str(eval("{" MODEL
                "{}},\"scoring_params\":{\"acme::tone\":{\"type\":\"basic\",\"bad\":1}}}",
                "[\"basic::free\",\"acme::plain\",\"basic::free\"]", "functions", false),
           "[{\"id\":\"basic::free\",\"plugin\":\"basic::free\",\"params\":{},"
           "\"aggregation_functions\":[\"accuracy\"]},{\"id\":\"acme::plain\",\"plugin\":"
           "\"acme::plain\",\"params\":{},\"aggregation_functions\":[]}]",
           "in order, duplicates once, params of functions that do not run ignored");
    is_str(eval("{" MODEL
                "{}},\"scoring_params\":{\"acme::tone\":{\"type\":\"basic\",\"bad\":1}}}",
                "[\"acme::tone\"]", "functions", false),
           "invalid: scoring_params.acme::tone: unknown member 'bad'",
           "params of a function that runs are checked");
}

static void
test_named_models(void)
{
    is_str(scoring("{\"my-judge\":{\"type\":\"llm_as_judge\",\"judge_model\":\"nope\"}}", NULL),
           "invalid: scoring function 'my-judge': judge_model: Model 'nope' not found. Use "
           "'client.models.list()' to list available Models.",
           "a judge that nobody knows is found at once");
    is_str(eval("{" MODEL "{}},\"scoring_params\":{\"my-judge\":{\"type\":\"llm_as_judge\","
                "\"judge_model\":\"nope\"}}}", "[\"my-judge\"]", NULL, false),
           "invalid: scoring function 'my-judge': judge_model: Model 'nope' not found. Use "
           "'client.models.list()' to list available Models.",
           "of an evaluation too");
    static const struct { const char *roles, *judge, *window, *what; } cases[] = {
        { "", "big", "160", "the window is that of the judge, which has more places" },
        { "", "small", "64", "and follows it" },
        { "\"grader\":\"big\"", "grader", "160", "a role is as good as a model" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP_FREE char *text = xasprintf(
            "{\"eval_candidate\":{\"type\":\"model\",\"model\":\"small\"},"
            "\"roles\":{%s},\"scoring_params\":{\"my-judge\":{\"type\":\"llm_as_judge\","
            "\"judge_model\":\"%s\"}}}", cases[i].roles, cases[i].judge);
        is_str(eval(text, "[\"my-judge\"]", "window", false), cases[i].window, "%s",
               cases[i].what);
    }
}

static void
test_check(void)
{
    struct err err;
    struct function f = functions[4];
    ok(spec_check_function(&cx, &f, &err) == 0, "a function without params");
    CLEANUP_JSON json_object *params = parsed("{\"type\":\"basic\",\"judge_model\":\"x\"}");
    f.params = params;
    is_int(spec_check_function(&cx, &f, &err), -1, "one with params of another type");
    is_str(err.text, "my-judge: params of type 'basic' where 'llm_as_judge' is needed", "why");
    CLEANUP_JSON json_object *good = parsed("{\"type\":\"llm_as_judge\",\"judge_model\":\"x\"}");
    f.params = good;
    is_int(spec_check_function(&cx, &f, &err), 0, "a model need not be there yet");
    f.plugin_id = (char *)"acme::gone";
    is_int(spec_check_function(&cx, &f, &err), -1, "one whose plugin is not there");
}

static const char *
sampling(const char *params)
{
    static char config[400];
    snprintf(config, sizeof config, "{" MODEL "%s}}", params);
    const char *candidate = eval(config, "[\"basic::free\"]", "candidate", false);
    const char *at = strstr(candidate, "\"sampling\":");
    return at ? at + 11 : candidate;
}

static void
test_candidate(void)
{
    is_str(sampling("{}"), "{\"temperature\":0}}", "nothing said is greedy");
    is_str(sampling("{\"strategy\":{\"type\":\"greedy\"},\"max_tokens\":0,"
                    "\"repetition_penalty\":1.0,\"stop\":[]}"),
           "{\"temperature\":0}}", "neutral defaults are not sent");
    is_str(sampling("{\"strategy\":{\"type\":\"top_p\",\"temperature\":0.7,\"top_p\":0.95},"
                    "\"max_tokens\":64,\"repetition_penalty\":1.1,\"stop\":[\"\\n\",\"END\"]}"),
           "{\"temperature\":0.7,\"top_p\":0.95,\"max_tokens\":64,\"repetition_penalty\":1.1,"
           "\"stop\":[\"\\n\",\"END\"]}}",
           "top_p with its temperature, and all else");
    is_str(sampling("{\"strategy\":{\"type\":\"top_k\",\"top_k\":40}}"), "{\"top_k\":40}}",
           "top_k");
    is_str(
        eval(
            "{\"eval_candidate\":{\"type\":\"model\",\"model\":\"small\",\"sampling_params\":{},"
            "\"system_message\":{\"role\":\"system\",\"content\":\"be brief\",\"x\":1}}}",
            "[\"basic::free\"]", "candidate", false),
        "{\"type\":\"model\",\"model\":\"small\",\"system_message\":{\"role\":\"system\","
        "\"content\":\"be brief\"},\"sampling\":{\"temperature\":0}}",
        "the system message");
    is_str(
        eval("{\"eval_candidate\":{\"type\":\"model\",\"model\":\"nope\"}}",
             "[\"basic::free\"]", NULL, false),
        "invalid: Model 'nope' not found. Use 'client.models.list()' to list available Models.",
        "an unknown model, in the protocol's words");
    is_str(eval("{\"eval_candidate\":{\"type\":\"model\",\"model\":\"odd\"}}",
                "[\"basic::free\"]", NULL, false),
           "invalid: model 'odd': no plugin 'model::gone'",
           "a model whose adapter is not there");
    is_str(eval("{\"eval_candidate\":{\"type\":\"agent\",\"config\":{}}}", "[\"basic::free\"]",
                NULL, false),
           "not_supported: agent candidates need an agent adapter, and none is loaded",
           "an agent");
}

static void
test_roles(void)
{
    conf.roles = parsed("{\"judge\":\"big\",\"simulator\":\"small\"}");
    is_str(eval("{" MODEL "{}}}", "[\"basic::free\"]", "roles", false),
           "{\"judge\":\"big\",\"simulator\":\"small\"}", "roles of the configuration");
    is_str(eval("{" MODEL "{}},\"roles\":{\"judge\":\"small\",\"new\":\"big\"}}",
                "[\"basic::free\"]", "roles", false),
           "{\"judge\":\"small\",\"simulator\":\"small\",\"new\":\"big\"}",
           "overlaid with the request's");
    is_str(eval("{" MODEL "{}},\"roles\":{\"judge\":\"nope\"}}", "[\"basic::free\"]", "roles",
                false),
           "invalid: role 'judge': Model 'nope' not found. Use 'client.models.list()' to list "
           "available Models.",
           "a role of an unknown model");
    is_str(eval("{" MODEL "{}},\"roles\":{\"judge\":7}}", "[\"basic::free\"]", "roles", false),
           "invalid: role 'judge' names no model", "a role of a number");
    is_str(scoring("{\"basic::free\":null}", "roles"),
           "{\"judge\":\"big\",\"simulator\":\"small\"}", "scoring has them too");
    json_cleanup(&conf.roles);
    conf.roles = NULL;
}

static void
test_whole(void)
{
    is_str(
        eval("{" MODEL "{}},\"num_examples\":10,\"epochs\":3,\"seed\":17,\"cluster\":\"topic\","
             "\"max_error_rate\":0.25}",
             "[\"basic::free\"]", NULL, false),
        "{\"candidate\":{\"type\":\"model\",\"model\":\"big\",\"system_message\":null,"
        "\"sampling\":{\"temperature\":0}},\"roles\":{},\"functions\":[{\"id\":\"basic::free\","
        "\"plugin\":\"basic::free\",\"params\":{},\"aggregation_functions\":[\"accuracy\"]}],"
        "\"dataset\":{\"limit\":10,\"row_id_column\":\"key\",\"cluster\":\"topic\"},"
        "\"epochs\":3,\"seed\":17,\"on_error\":\"record\",\"max_error_rate\":0.25,"
        "\"models\":[{\"id\":\"big\",\"adapter\":\"model::openai\",\"name\":\"big-1\","
        "\"endpoint\":true,\"base_url\":\"http://127.0.0.1:1/v1\",\"max_in_flight\":40,"
        "\"params\":{}},{\"id\":\"small\",\"adapter\":\"model::openai\",\"name\":\"small\","
        "\"endpoint\":false,\"base_url\":null,\"max_in_flight\":8,\"params\":{}}],"
        "\"window\":160,\"window_bytes\":67108864,\"max_attempts\":4,"
        "\"plugin_timeout_ms\":30000,\"ask_timeout_ms\":120000}",
        "a job's specification, models without an adapter left out");
    is_str(eval("{" MODEL "{}},\"num_examples\":10}", "[\"basic::free\"]", "dataset", true),
           "{\"limit\":null,\"row_id_column\":\"key\",\"cluster\":null}",
           "a call runs all its rows");
    is_str(eval("{" MODEL "{}}}", "[\"basic::free\"]", "on_error", true), "\"fail\"",
           "and fails with the first error");
    is_str(eval("{" MODEL "{}}}", "[\"basic::free\"]", "max_error_rate", false), "1.0",
           "a job takes any number of errors");
    is_str(eval("{" MODEL "{}},\"epochs\":4294967296}", "[\"basic::free\"]", NULL, false),
           "invalid: epochs: 4294967296 is not between 1 and 10000", "epochs have a limit");
    is_str(scoring("{\"basic::free\":null}", "candidate"), "null", "scoring has no candidate");
}

int
main(void)
{
    functions[0].params =
        parsed("{\"type\":\"basic\",\"aggregation_functions\":[\"accuracy\"]}");
    functions[2].params = parsed("{\"type\":\"basic\",\"aggregation_functions\":[\"median\"],"
                                 "\"threshold\":0.9}");
    functions[ARRAY_LEN(functions) - 1].params =
        parsed("{\"type\":\"basic\",\"aggregation_functions\":[\"average\"]}");
    plugins[ARRAY_LEN(plugins) - 1].params_schema = parsed(
        "{\"type\":\"object\",\"properties\":{\"aggregation_functions\":{\"type\":\"array\","
        "\"evald:empty_is_default\":true}}}");
    plugins[1].params_schema = parsed(
        "{\"type\":\"object\",\"properties\":{\"type\":{\"const\":\"regex_parser\"},"
        "\"parsing_regexes\":{\"type\":\"array\",\"default\":[]}}}");
    plugins[2].params_schema = parsed(
        "{\"type\":\"object\",\"properties\":{\"threshold\":{\"type\":\"number\",\"maximum\":1,"
        "\"default\":0.5},\"words\":{\"type\":\"array\",\"default\":[\"a\"]}}}");
    plugins[4].params_schema = parsed(
        "{\"type\":\"object\",\"properties\":{\"type\":{\"const\":\"llm_as_judge\"},"
        "\"judge_model\":{\"type\":\"string\",\"evald:model\":true}}}");
    test_params();
    test_aggregations();
    test_functions();
    test_named_models();
    test_check();
    test_candidate();
    test_roles();
    test_whole();
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        json_cleanup(&functions[i].params);
    for (size_t i = 0; i < ARRAY_LEN(plugins); i++)
        json_cleanup(&plugins[i].params_schema);
    return tap_done();
}
