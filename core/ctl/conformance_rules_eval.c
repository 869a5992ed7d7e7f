/* The rules of evaluate_rows.  What is expected of a call that the reference refuses is worked
 * out for the scorers that are a line of code: equality and subset_of of strings, ifeval without
 * instructions, and judges with a template of the case. */
#include "config.h"

#include "common/mem.h"
#include "ctl/conformance_rules.h"
#include "ctl/conformance_server.h"

static const char *const functions[] = {
    "basic::equality", "basic::subset_of", "basic::regex_parser_multiple_choice_answer",
    "basic::regex_parser_math_response", "basic::docvqa", "basic::ifeval",
    "llm-as-judge::base", "llm-as-judge::405b-simpleqa",
    "braintrust::factuality", "braintrust::answer-correctness",
    "braintrust::answer-relevancy", "braintrust::answer-similarity",
    "braintrust::faithfulness", "braintrust::context-entity-recall",
    "braintrust::context-precision", "braintrust::context-recall",
    "braintrust::context-relevancy",
};

/* The parts of the input, and what is made of it. */
struct evaluation {
    struct jval rows, names, config, candidate, sampling, params, replies;
    struct text kept;  /* a row's messages, parsed */
    bool judged;       /* a response with judges is wanted, too: their requests are known */
};

static bool
spells(struct jval v, const char *z)
{
    return v.kind == J_STRING && jtext_spells(v.raw, str_z(z));
}

/* ---- messages ---- */

/* The row's chat_completion_input as an array; false: it is none. */
static bool
read_chat(struct evaluation *e, struct jval row, struct jval *ret)
{
    struct jval v = jtext_member(row, STR("chat_completion_input"));
    size_t at;
    if (v.kind == J_STRING) {
        text_clear(&e->kept);
        jtext_decode(&e->kept, v.raw);
        if (jtext_check(text_str(&e->kept), &v, &at, NULL) < 0)
            return false;
    }
    *ret = v;
    return v.kind == J_ARRAY;
}

/* System and user messages keep what the API knows of them, all others everything. */
static void
put_message(struct text *t, struct jval message)
{
    struct jval role = jtext_member(message, STR("role")), v;
    struct str key;
    bool user = spells(role, "user");
    if (!user && !spells(role, "system")) {
        text_put_str(t, message.raw);
        return;
    }
    text_putc(t, '{');
    for (struct jiter it = jtext_iter(message); jtext_next(&it, &key, &v);) {
        bool context = user && v.kind != J_NULL && jtext_spells(key, STR("context"));
        if (!context && !jtext_spells(key, STR("role")) && !jtext_spells(key, STR("content")))
            continue;
        conformance_put_name(t, key);
        text_put_str(t, v.raw);
    }
    text_putc(t, '}');
}

static void
put_messages(struct evaluation *e, struct text *t, struct jval chat)
{
    struct jval system = jtext_member(e->candidate, STR("system_message")), message;
    text_putc(t, '[');
    if (system.kind == J_OBJECT)
        put_message(t, system);
    for (struct jiter it = jtext_iter(chat); jtext_next(&it, NULL, &message);) {
        text_puts(t, t->ptr[t->len - 1] == '[' ? "" : ",");
        put_message(t, message);
    }
    text_putc(t, ']');
}

/* The reply to a row's candidate request as a JSON string; false: it makes none. */
static bool
put_reply(struct evaluation *e, struct text *t, struct jval row)
{
    CLEANUP_TEXT struct text words = TEXT_INIT;
    struct jval chat, message, last = { J_ABSENT, STR("") };
    if (jtext_member(row, STR("completion_input")).kind != J_ABSENT || !read_chat(e, row, &chat))
        return false;
    for (struct jiter it = jtext_iter(chat); jtext_next(&it, NULL, &message);)
        if (spells(jtext_member(message, STR("role")), "user"))
            last = jtext_member(message, STR("content"));
    conformance_put_words(&words, last);
    struct jval reply = jtext_member(e->replies, text_str(&words));
    if (reply.kind == J_ABSENT)
        text_puts(t, "\"no reply is set for this message\"");
    else if (reply.kind == J_STRING)
        text_put_str(t, reply.raw);
    return reply.kind == J_ABSENT || reply.kind == J_STRING;
}

/* ---- a whole response ---- */

/* One row's score row; false: not worked out here. */
static bool
put_score(struct evaluation *e, struct text *t, struct jval function, struct jval params,
          struct jval row, struct str answer)
{
    struct jval expected = jtext_member(row, STR("expected_answer"));
    struct jval ids = jtext_member(row, STR("instruction_id_list"));
    CLEANUP_TEXT struct text want = TEXT_INIT, got = TEXT_INIT;
    if (spells(function, "basic::ifeval")) {
        text_puts(t, "{\"score\": 0.0, \"weight\": 0.0}");
        return ids.kind == J_ARRAY && jtext_count(ids) == 0;
    }
    if (spells(function, "llm-as-judge::base"))
        return e->judged && rule_put_judged(t, params, row, answer, e->replies);
    if (expected.kind != J_STRING)
        return false;
    jtext_decode(&want, expected.raw);
    jtext_decode(&got, answer);
    struct str w = text_str(&want), g = text_str(&got);
    bool good = spells(function, "basic::equality")
                    ? str_eq(w, g)
                    : w.len == 0 || memmem(g.ptr, g.len, w.ptr, w.len) != NULL;
    text_puts(t, good ? "{\"score\": 1.0}" : "{\"score\": 0.0}");
    return true;
}

static bool
put_function(struct evaluation *e, struct text *t, struct jval function, struct jval generations,
             bool *undefined)
{
    CLEANUP_TEXT struct text name = TEXT_INIT, rows = TEXT_INIT;
    struct jval row, generation, answer;
    if (!spells(function, "basic::equality") && !spells(function, "basic::subset_of")
        && !spells(function, "basic::ifeval") && !spells(function, "llm-as-judge::base"))
        return false;
    jtext_decode(&name, function.raw);
    struct jval params = jtext_member(e->params, text_str(&name)), list;
    text_putc(&rows, '[');
    struct jiter gi = jtext_iter(generations);
    for (struct jiter it = jtext_iter(e->rows);
         jtext_next(&it, NULL, &row) && jtext_next(&gi, NULL, &generation);) {
        text_puts(&rows, rows.len > 1 ? "," : "");
        answer = jtext_member(generation, STR("generated_answer"));
        if (!put_score(e, &rows, function, params, row, answer.raw))
            return false;
    }
    text_putc(&rows, ']');

    list = jtext_member(params, STR("aggregation_functions"));
    if (params.kind != J_OBJECT)
        list = jtext_value(spells(function, "basic::ifeval") ? STR("[\"weighted_average\"]")
                                                             : STR("[\"accuracy\"]"));
    text_put_str(t, function.raw);
    text_puts(t, ":{\"score_rows\":");
    text_put_str(t, text_str(&rows));
    text_puts(t, ",\"aggregated_results\":");
    bool one = false;
    if (!rule_aggregate(jtext_value(text_str(&rows)), list, &one, t))
        return false;
    text_putc(t, '}');
    *undefined = *undefined || one;
    return true;
}

/* undefined: has it an aggregate of the rule null-aggregate?  false: not worked out here. */
static bool
put_response(struct evaluation *e, struct text *t, bool *undefined)
{
    CLEANUP_TEXT struct text generations = TEXT_INIT;
    struct jval row, function;
    text_putc(&generations, '[');
    for (struct jiter it = jtext_iter(e->rows); jtext_next(&it, NULL, &row);) {
        text_puts(&generations, generations.len > 1 ? "," : "");
        text_puts(&generations, "{\"generated_answer\":");
        if (!put_reply(e, &generations, row))
            return false;
        text_putc(&generations, '}');
    }
    text_putc(&generations, ']');
    text_puts(t, "{\"generations\":");
    text_put_str(t, text_str(&generations));
    text_puts(t, ",\"scores\":{");
    *undefined = false;
    for (struct jiter it = jtext_iter(e->names); jtext_next(&it, NULL, &function);) {
        text_puts(t, t->ptr[t->len - 1] == '{' ? "" : ",");
        if (!put_function(e, t, function, jtext_value(text_str(&generations)), undefined))
            return false;
    }
    text_puts(t, "}}");
    return true;
}

/* The candidate's requests, in the order of the rows. */
static void
put_requests(struct evaluation *e, struct text *t)
{
    struct jval row, chat, v;
    struct jval given[] = {
        jtext_member(e->sampling, STR("strategy")), jtext_member(e->sampling, STR("max_tokens")),
        jtext_member(e->sampling, STR("repetition_penalty")),
        jtext_member(e->sampling, STR("stop")),
    };
    static const char *const members[][2] = {
        { "\"strategy\":", "{\"type\":\"greedy\"}" }, { ",\"max_tokens\":", "0" },
        { ",\"repetition_penalty\":", "1.0" }, { ",\"stop\":", "null" },
    };
    text_putc(t, '[');
    for (struct jiter it = jtext_iter(e->rows); jtext_next(&it, NULL, &row);) {
        if (!read_chat(e, row, &chat))
            continue;
        text_puts(t, t->len > 1 ? "," : "");
        text_puts(t, "{\"kind\":\"chat\",\"model\":");
        v = jtext_member(e->candidate, STR("model"));
        text_put_str(t, v.kind == J_STRING ? v.raw : STR("null"));
        text_puts(t, ",\"messages\":");
        put_messages(e, t, chat);
        text_puts(t, ",\"sampling_params\":{");
        for (size_t i = 0; i < ARRAY_LEN(members); i++) {
            text_puts(t, members[i][0]);
            if (given[i].kind == J_ABSENT || given[i].kind == J_NULL)
                text_puts(t, members[i][1]);
            else
                text_put_str(t, given[i].raw);
        }
        text_puts(t, "}}");
    }
    text_putc(t, ']');
}

/* The call is answered: with what, and after which requests. */
static void
set_response(struct conformance_case *c, struct evaluation *e, int rule)
{
    CLEANUP_TEXT struct text t = TEXT_INIT, requests = TEXT_INIT;
    bool undefined;
    if (!put_response(e, &t, &undefined))
        return;
    rule_set_result(c, rule, &t);
    if (undefined)
        rule_mark(c, RULE_NULL_AGGREGATE);
    put_requests(e, &requests);
    c->want.requests = conformance_keep(c, &requests);
}

static void
refuse(struct conformance_case *c, int rule)
{
    CLEANUP_TEXT struct text none = TEXT_INIT;
    rule_set_error(c, rule);
    text_puts(&none, "[]");
    c->want.requests = conformance_keep(c, &none);
}

/* ---- the rules ---- */

/* A number; text that is one and a boolean are too. */
static bool
out_of_range(struct jval v, double least, double most)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    double d = jtext_double(v);
    if (v.kind == J_STRING) {
        char *end;
        jtext_decode(&t, v.raw);
        d = strtod(text_str(&t).ptr, &end);
        if (t.len == 0 || *end != '\0')
            return false;
    } else if (v.kind == J_BOOL) {
        d = v.raw.ptr[0] == 't';
    } else if (v.kind != J_NUMBER) {
        return false;
    }
    return !(d >= least && d <= most);
}

static bool
has_no_meaning(const struct evaluation *e)
{
    struct jval strategy = jtext_member(e->sampling, STR("strategy"));
    bool nucleus = spells(jtext_member(strategy, STR("type")), "top_p");
    return out_of_range(jtext_member(e->config, STR("num_examples")), 1, 1e300)
           || out_of_range(jtext_member(e->sampling, STR("max_tokens")), 0, 1e300)
           || out_of_range(jtext_member(e->sampling, STR("repetition_penalty")), -2, 2)
           || (nucleus && out_of_range(jtext_member(strategy, STR("temperature")), -1e300, 2))
           || (nucleus && out_of_range(jtext_member(strategy, STR("top_p")), 0, 1))
           || jtext_count(jtext_member(e->sampling, STR("stop"))) > 4
           || spells(jtext_member(e->candidate, STR("model")), "");
}

/* Can it be seen before any request that a function cannot be run? */
static bool
is_seen_first(const struct evaluation *e, struct jval function, bool *may)
{
    static const char *const aggregations[] = { "accuracy", "average", "weighted_average",
                                                "median", "categorical_count" };
    struct jval one;
    size_t i = 0;
    while (i < ARRAY_LEN(functions) && !spells(function, functions[i]))
        i++;
    if (i == ARRAY_LEN(functions))
        return true;
    struct jval params = jtext_member(e->params, str_z(functions[i]));
    if (params.kind != J_OBJECT)
        return false;
    struct jval type = jtext_member(params, STR("type"));
    struct jval template = jtext_member(params, STR("prompt_template"));
    struct jval list = jtext_member(params, STR("aggregation_functions"));
    bool judge = strncmp(functions[i], "llm-as-judge::", 14) == 0;
    if (strncmp(functions[i], "basic::regex_parser", 19) == 0 && !spells(type, "regex_parser"))
        return true;
    if (spells(function, "basic::regex_parser_math_response")
        && jtext_count(jtext_member(params, STR("parsing_regexes"))) != 1)
        return true;
    if (judge && !spells(type, "llm_as_judge"))
        return true;
    for (struct jiter it = jtext_iter(list); jtext_next(&it, NULL, &one);) {
        size_t k = 0;
        while (k < ARRAY_LEN(aggregations) && !spells(one, aggregations[k]))
            k++;
        if (k == ARRAY_LEN(aggregations))
            return true;
    }
    *may = *may || (judge && !rule_is_plain_template(template));
    return false;
}

/* Has a judge that is run a template that is no plain one? */
static bool
has_odd_template(const struct evaluation *e)
{
    struct jval function;
    for (struct jiter it = jtext_iter(e->names); jtext_next(&it, NULL, &function);) {
        CLEANUP_TEXT struct text name = TEXT_INIT;
        if (!spells(function, "llm-as-judge::base")
            && !spells(function, "llm-as-judge::405b-simpleqa"))
            continue;
        jtext_decode(&name, function.raw);
        struct jval template = jtext_member(jtext_member(e->params, text_str(&name)),
                                            STR("prompt_template"));
        if (template.kind == J_STRING && !rule_is_plain_template(template))
            return true;
    }
    return false;
}

static void
check_first(struct conformance_case *c, const struct evaluation *e)
{
    struct jval function;
    bool seen = false, may = false;
    for (struct jiter it = jtext_iter(e->names); jtext_next(&it, NULL, &function);)
        seen = is_seen_first(e, function, &may) || seen;
    if (has_odd_template(e))
        rule_set_error(c, RULE_TEMPLATE_NAMES);
    if (seen) {
        if (!c->want.error || jtext_count(c->want.requests) > 0)
            rule_mark(c, RULE_CHECKED_FIRST);
        c->want.error = true;
    }
    c->want.requests_open = c->want.requests_open || seen || (may && c->want.error);
}

/* Would any message be left out, or not be where it was given, if system messages went first,
 * then those of the user, and no others? */
static bool
is_moved(struct jval chat)
{
    struct jval message;
    bool user = false;
    for (struct jiter it = jtext_iter(chat); jtext_next(&it, NULL, &message);) {
        struct jval role = jtext_member(message, STR("role"));
        bool system = spells(role, "system");
        if ((!system && !spells(role, "user")) || (system && user))
            return true;
        user = user || !system;
    }
    return false;
}

/* All messages in place of those that were sent. */
static void
send_as_given(struct conformance_case *c, struct evaluation *e)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    struct jval row, request, chat, v;
    struct str key;
    struct jiter rows = jtext_iter(e->rows);
    if (c->want.requests.kind != J_ARRAY)
        return;
    text_putc(&t, '[');
    for (struct jiter it = jtext_iter(c->want.requests); jtext_next(&it, NULL, &request);) {
        bool candidate = jtext_member(request, STR("sampling_params")).kind == J_OBJECT;
        text_puts(&t, t.len > 1 ? "," : "");
        if (!candidate || !jtext_next(&rows, NULL, &row)
            || !spells(jtext_member(request, STR("kind")), "chat") || !read_chat(e, row, &chat)
            || !is_moved(chat)) {
            text_put_str(&t, request.raw);
            continue;
        }
        text_putc(&t, '{');
        for (struct jiter m = jtext_iter(request); jtext_next(&m, &key, &v);) {
            conformance_put_name(&t, key);
            if (jtext_spells(key, STR("messages")))
                put_messages(e, &t, chat);
            else
                text_put_str(&t, v.raw);
        }
        text_putc(&t, '}');
    }
    text_putc(&t, ']');
    struct jval made = jtext_value(text_str(&t));
    if (conformance_same(c->want.requests, made))
        return;
    c->want.requests = conformance_keep(c, &t);
    rule_mark(c, RULE_MESSAGES_AS_GIVEN);
}

/* The requests of judges that have no prompt of the caller's, without their messages. */
static void
free_prompts(struct conformance_case *c, const struct evaluation *e)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    struct jval function, request, v;
    struct str key;
    bool own = false, changed = false;
    for (struct jiter it = jtext_iter(e->names); jtext_next(&it, NULL, &function);)
        for (size_t i = 0; i < ARRAY_LEN(functions); i++)
            own = own || (strncmp(functions[i], "llm-as-judge::", 14) == 0
                          && spells(function, functions[i])
                          && jtext_member(e->params, str_z(functions[i])).kind != J_OBJECT);
    if (!own)
        return;
    text_putc(&t, '[');
    for (struct jiter it = jtext_iter(c->want.requests); jtext_next(&it, NULL, &request);) {
        bool judge = jtext_member(request, STR("sampling_params")).kind != J_OBJECT
                     && spells(jtext_member(request, STR("model")), CONFORMANCE_JUDGE);
        text_puts(&t, t.len > 1 ? "," : "");
        if (request.kind != J_OBJECT) {
            text_put_str(&t, request.raw);
            continue;
        }
        text_putc(&t, '{');
        for (struct jiter m = jtext_iter(request); jtext_next(&m, &key, &v);) {
            if (judge && jtext_spells(key, STR("messages"))) {
                changed = true;
                continue;
            }
            conformance_put_name(&t, key);
            text_put_str(&t, v.raw);
        }
        text_putc(&t, '}');
    }
    text_putc(&t, ']');
    if (!changed)
        return;
    c->want.requests = conformance_keep(c, &t);
    rule_mark(c, RULE_OWN_PROMPTS);
}

/* Are all of them messages, with what the API asks of one? */
static bool
are_messages(struct jval chat)
{
    struct jval message;
    for (struct jiter it = jtext_iter(chat); jtext_next(&it, NULL, &message);) {
        struct jval content = jtext_member(message, STR("content"));
        if (jtext_member(message, STR("role")).kind != J_STRING
            || (content.kind != J_STRING && content.kind != J_OBJECT
                && content.kind != J_ARRAY))
            return false;
    }
    return true;
}

/* chat_completion_input: one that is no array is refused, one that is not text is taken. */
static void
take_arrays(struct conformance_case *c, struct evaluation *e)
{
    struct jval row, chat, given;
    bool parsed = false, fine = true;
    size_t at;
    for (struct jiter it = jtext_iter(e->rows); jtext_next(&it, NULL, &row);) {
        given = jtext_member(row, STR("chat_completion_input"));
        if (jtext_member(row, STR("completion_input")).kind != J_ABSENT)
            continue;
        parsed = parsed || given.kind == J_ARRAY;
        fine = fine && (given.kind != J_ARRAY || are_messages(given));
        if (read_chat(e, row, &chat) || given.kind != J_STRING
            || jtext_check(text_str(&e->kept), &chat, &at, NULL) < 0)
            continue;
        rule_set_error(c, RULE_CHAT_INPUT_ARRAY);
        c->want.requests_open = true;
        return;
    }
    if (parsed && fine && c->want.error)
        set_response(c, e, RULE_CHAT_INPUT_ARRAY);
}

void
rules_evaluation(struct conformance_case *c)
{
    struct evaluation e = { .rows = jtext_member(c->row, STR("input_rows")) };
    e.names = jtext_member(c->row, STR("scoring_functions"));
    e.config = jtext_member(c->row, STR("benchmark_config"));
    e.candidate = jtext_member(e.config, STR("eval_candidate"));
    e.sampling = jtext_member(e.candidate, STR("sampling_params"));
    e.params = jtext_member(e.config, STR("scoring_params"));
    e.replies = jtext_member(c->row, STR("replies"));

    if (jtext_count(e.rows) == 0 || jtext_count(e.names) == 0) {
        refuse(c, RULE_EMPTY_LISTS);
    } else if (has_no_meaning(&e)) {
        refuse(c, RULE_CONFIG_RANGE);
    } else {
        take_arrays(c, &e);
        if (jtext_member(e.sampling, STR("max_tokens")).kind == J_NULL && c->want.error)
            set_response(c, &e, RULE_MAX_TOKENS_NULL);
        bool undefined;
        CLEANUP_TEXT struct text t = TEXT_INIT;
        e.judged = true;
        if (c->want.error && put_response(&e, &t, &undefined) && undefined)
            rule_set_result(c, RULE_NULL_AGGREGATE, &t);
        send_as_given(c, &e);
        free_prompts(c, &e);
        check_first(c, &e);
    }
    text_fini(&e.kept);
}
