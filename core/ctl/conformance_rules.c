#include "config.h"

#include "common/mem.h"
#include "ctl/conformance_rules.h"

const struct conformance_rule conformance_rules[CONFORMANCE_RULES] = {
    [RULE_FAITHFULNESS_SOURCE] = { "faithfulness-source", "9.9",
        "faithfulness takes its statements from the generated answer" },
    [RULE_MESSAGES_AS_GIVEN] = { "messages-as-given", "8.4",
        "all messages are sent in their order, behind the candidate's system message" },
    [RULE_DOCVQA_ARRAY] = { "docvqa-array", "9.6",
        "docvqa's expected_answer is a JSON array" },
    [RULE_TEMPLATE_NAMES] = { "template-names", "9.8",
        "a judge's template knows the three columns and doubled braces, nothing else" },
    [RULE_JUDGE_ROW_ERROR] = { "judge-row-error", "8.7, 9.8, 9.9",
        "a judge's failure is its row's error, not the request's" },
    [RULE_NULL_AGGREGATE] = { "null-aggregate", "10",
        "an undefined ratio is null; accuracy counts a null score as 0" },
    [RULE_RANDOM_KWARGS] = { "random-kwargs", "9.7",
        "ifeval refuses what the reference would fill at random" },
    [RULE_EXTRA_KWARGS] = { "extra-kwargs", "9.7",
        "ifeval passes over kwargs that the instruction does not know" },
    [RULE_CHECKED_FIRST] = { "checked-first", "8.3",
        "what can be known before generating is checked before" },
    [RULE_EMPTY_LISTS] = { "empty-lists", "3.3",
        "no rows and no scoring functions are errors" },
    [RULE_MAX_TOKENS_NULL] = { "max-tokens-null", "8.4",
        "max_tokens null is the adapter's default" },
    [RULE_CHAT_INPUT_ARRAY] = { "chat-input-array", "8.4",
        "chat_completion_input is an array, as JSON text or as it is" },
    [RULE_CONFIG_RANGE] = { "config-range", "3.3",
        "values without meaning are refused" },
    [RULE_OWN_PROMPTS] = { "own-prompts", "9.8",
        "built-in prompts are evald's own words" },
};

void
rule_set_error(struct conformance_case *c, int rule)
{
    if (!c->want.error || c->want.row_error)
        rule_mark(c, rule);
    c->want.error = true;
    c->want.row_error = false;
}

void
rule_set_result(struct conformance_case *c, int rule, struct text *t)
{
    struct jval made = conformance_keep(c, t);
    if (c->want.error || !conformance_same(c->want.result, made))
        rule_mark(c, rule);
    c->want.error = false;
    c->want.result = made;
}

static bool
is_null(struct jval row, const char *column)
{
    struct jval v = jtext_member(row, str_z(column));
    return v.kind == J_NULL || v.kind == J_ABSENT;
}

/* The columns that judges of every kind need. */
static bool
has_columns(struct jval row)
{
    return jtext_member(row, STR("input_query")).kind != J_ABSENT
        && jtext_member(row, STR("expected_answer")).kind != J_ABSENT
        && jtext_member(row, STR("generated_answer")).kind != J_ABSENT;
}

/* ---- docvqa ---- */

static void
rules_docvqa(struct conformance_case *c)
{
    struct jval expected = jtext_member(c->row, STR("expected_answer")), v;
    CLEANUP_TEXT struct text t = TEXT_INIT;
    size_t at;
    if (expected.kind != J_STRING)
        return;
    jtext_decode(&t, expected.raw);
    if (jtext_check(text_str(&t), &v, &at, NULL) == 0 && v.kind != J_ARRAY)
        rule_set_error(c, RULE_DOCVQA_ARRAY);
}

/* ---- judges ---- */

bool
rule_is_plain_template(struct jval template)
{
    static const char *const fields[] = { "{input_query}", "{expected_answer}",
                                          "{generated_answer}" };
    CLEANUP_TEXT struct text t = TEXT_INIT;
    if (template.kind != J_STRING)
        return false;
    jtext_decode(&t, template.raw);
    const char *p = text_str(&t).ptr, *end = p + t.len;
    while (p < end) {
        if (*p != '{' && *p != '}') {
            p++;
            continue;
        }
        if (end - p > 1 && p[1] == p[0]) {
            p += 2;
            continue;
        }
        size_t i = 0;
        while (i < ARRAY_LEN(fields) && strncmp(p, fields[i], strlen(fields[i])) != 0)
            i++;
        if (i == ARRAY_LEN(fields))
            return false;
        p += strlen(fields[i]);
    }
    return true;
}

static void
rules_judge(struct conformance_case *c)
{
    struct jval template = jtext_member(c->params, STR("prompt_template"));
    struct jval reply = jtext_member(jtext_whole(c->text), STR("judge_reply"));
    struct jval regexes = jtext_member(c->params, STR("judge_score_regexes"));
    if (c->params.kind == J_NULL || c->params.kind == J_ABSENT) {
        c->want.prompt_open = true;
        if (c->want.prompt.kind == J_STRING)
            rule_mark(c, RULE_OWN_PROMPTS);
    } else if (template.kind == J_STRING && !rule_is_plain_template(template)) {
        rule_set_error(c, RULE_TEMPLATE_NAMES);
        c->want.prompt.kind = J_NULL;
        return;
    }
    if (!has_columns(c->row) || template.kind != J_STRING || reply.kind == J_STRING
        || reply.kind == J_ABSENT || jtext_count(regexes) == 0)
        return;
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_puts(&t, "{\"judge_feedback\":");
    text_put_str(&t, reply.raw);
    text_putc(&t, '}');
    c->want.result = conformance_keep(c, &t);
    c->want.error = false;
    c->want.row_error = true;
    rule_mark(c, RULE_JUDGE_ROW_ERROR);
}

/* ---- braintrust ---- */

static const struct needs {
    const char *scorer;
    const char *columns[4]; /* that must not be null */
} all_needs[] = {
    { "braintrust::factuality", { NULL } },
    { "braintrust::answer-correctness",
      { "input_query", "expected_answer", "generated_answer", NULL } },
    { "braintrust::answer-relevancy", { "input_query", "context", NULL } },
    { "braintrust::answer-similarity", { "expected_answer", "generated_answer", NULL } },
    { "braintrust::faithfulness", { "input_query", "context", "generated_answer", NULL } },
    { "braintrust::context-entity-recall", { "expected_answer", "context", NULL } },
    { "braintrust::context-precision",
      { "input_query", "expected_answer", "context", NULL } },
    { "braintrust::context-recall", { "input_query", "expected_answer", "context", NULL } },
    { "braintrust::context-relevancy", { "input_query", "context", NULL } },
};

/* A string, or an array of strings. */
static bool
is_context(struct jval v, bool *ret_empty)
{
    struct jval one;
    size_t n = 0;
    *ret_empty = v.kind == J_STRING && v.raw.len == 2;
    if (v.kind == J_STRING)
        return true;
    for (struct jiter it = jtext_iter(v); jtext_next(&it, NULL, &one); n++) {
        if (one.kind != J_STRING)
            return false;
        if (n == 0)
            *ret_empty = one.raw.len == 2;
    }
    *ret_empty = n == 0 || (n == 1 && *ret_empty);
    return v.kind == J_ARRAY;
}

/* Is all there that the models are asked with? */
static bool
may_ask(const struct conformance_case *c)
{
    const struct needs *n = NULL;
    for (size_t i = 0; i < ARRAY_LEN(all_needs); i++)
        if (strcmp(c->scorer, all_needs[i].scorer) == 0)
            n = &all_needs[i];
    if (n == NULL || !has_columns(c->row))
        return false;
    for (size_t i = 0; n->columns[i] != NULL; i++) {
        bool empty;
        if (is_null(c->row, n->columns[i]))
            return false;
        if (strcmp(n->columns[i], "context") != 0)
            continue;
        if (!is_context(jtext_member(c->row, STR("context")), &empty))
            return false;
        if (empty && strcmp(c->scorer, "braintrust::context-relevancy") == 0)
            return false;
    }
    return true;
}

/* The first request with the generated answer in place of the expected one. */
static void
source_is_generated(struct conformance_case *c)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    struct jval request, v, name;
    struct str key;
    bool first = true, changed = false;
    text_putc(&t, '[');
    for (struct jiter it = jtext_iter(c->want.requests); jtext_next(&it, NULL, &request);) {
        if (!first || request.kind != J_OBJECT) {
            text_puts(&t, first ? "" : ",");
            text_put_str(&t, request.raw);
            first = false;
            continue;
        }
        text_putc(&t, '{');
        for (struct jiter m = jtext_iter(request); jtext_next(&m, &key, &v);) {
            conformance_put_name(&t, key);
            if (!jtext_spells(key, STR("prompt_has"))) {
                text_put_str(&t, v.raw);
                continue;
            }
            text_putc(&t, '[');
            for (struct jiter n = jtext_iter(v); jtext_next(&n, NULL, &name);) {
                bool source = name.kind == J_STRING
                              && jtext_spells(name.raw, STR("expected_answer"));
                text_puts(&t, t.ptr[t.len - 1] == '[' ? "" : ",");
                text_put_str(&t, source ? STR("\"generated_answer\"") : name.raw);
                changed = changed || source;
            }
            text_putc(&t, ']');
        }
        text_putc(&t, '}');
        first = false;
    }
    text_putc(&t, ']');
    if (!changed)
        return;
    c->want.requests = conformance_keep(c, &t);
    rule_mark(c, RULE_FAITHFULNESS_SOURCE);
}

static void
rules_braintrust(struct conformance_case *c)
{
    bool faithfulness = strcmp(c->scorer, "braintrust::faithfulness") == 0;
    if (faithfulness && !is_null(c->row, "generated_answer"))
        source_is_generated(c);
    if (faithfulness && is_null(c->row, "generated_answer")) {
        rule_set_error(c, RULE_FAITHFULNESS_SOURCE);
        return;
    }
    if (c->want.error && may_ask(c) && jtext_count(c->want.requests) > 0) {
        CLEANUP_TEXT struct text t = TEXT_INIT;
        text_puts(&t, "{}");
        c->want.result = conformance_keep(c, &t);
        c->want.error = false;
        c->want.row_error = true;
        rule_mark(c, RULE_JUDGE_ROW_ERROR);
    }
}

void
conformance_apply_rules(struct conformance_case *c)
{
    if (c->kind == CONFORMANCE_AGGREGATION)
        rules_aggregation(c);
    else if (c->kind == CONFORMANCE_EVALUATION)
        rules_evaluation(c);
    else if (strcmp(c->scorer, "basic::docvqa") == 0)
        rules_docvqa(c);
    else if (strcmp(c->scorer, "basic::ifeval") == 0)
        rules_ifeval(c);
    else if (strncmp(c->scorer, "llm-as-judge::", 14) == 0)
        rules_judge(c);
    else if (strncmp(c->scorer, "braintrust::", 12) == 0)
        rules_braintrust(c);
}
