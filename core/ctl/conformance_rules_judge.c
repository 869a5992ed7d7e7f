/* What llm-as-judge::base makes of a row: the template is filled, the case's reply looked up, and
 * read with the regexes.  Columns are strings here. */
#include "config.h"

#include "../../plugins/lib/pyre.h"
#include "common/mem.h"
#include "ctl/conformance_rules.h"
#include "ctl/conformance_server.h"

/* The column's text; false: it is no string. */
static bool
put_column(struct text *t, struct jval row, struct str answer, struct str name)
{
    struct jval v = jtext_member(row, name);
    if (str_eq(name, STR("generated_answer")))
        v = (struct jval){ J_STRING, answer };
    if (v.kind == J_STRING)
        jtext_decode(t, v.raw);
    return v.kind == J_STRING;
}

/* A template that rule_is_plain_template() takes. */
static bool
put_prompt(struct text *t, struct str template, struct jval row, struct str answer)
{
    for (size_t i = 0; i < template.len; i++) {
        char c = template.ptr[i];
        const char *end = NULL;
        if (c == '{' && template.ptr[i + 1] != '{')
            end = memchr(template.ptr + i, '}', template.len - i);
        if (end == NULL) {
            text_putc(t, c);
            i += c == '{' || c == '}'; /* doubled */
            continue;
        }
        struct str name = { template.ptr + i + 1, (size_t)(end - template.ptr) - i - 1 };
        if (!put_column(t, row, answer, name))
            return false;
        i = (size_t)(end - template.ptr);
    }
    return true;
}

/* 1 and group 1 of the regex, 0 when it is not found, -1 when that is not worked out here. */
static int
search(struct str pattern, struct str said, struct pyre_span *ret)
{
    char why[PYRE_WHY];
    struct pyre_span spans[2];
    struct pyre *re = pyre_compile((struct evald_str){ pattern.ptr, pattern.len }, why);
    if (re == NULL)
        return -1;
    int found = pyre_search(re, (struct evald_str){ said.ptr, said.len }, 0, spans, 2, why);
    if (found > 0 && pyre_groups(re) == 0)
        found = -1;
    pyre_free(re);
    *ret = spans[1];
    return found;
}

/* The score as JSON; false: not worked out here. */
static bool
put_rating(struct text *t, struct jval regexes, struct str said)
{
    struct jval one;
    for (struct jiter it = jtext_iter(regexes); jtext_next(&it, NULL, &one);) {
        CLEANUP_TEXT struct text pattern = TEXT_INIT;
        struct pyre_span span;
        if (one.kind != J_STRING)
            return false;
        jtext_decode(&pattern, one.raw);
        int found = search(text_str(&pattern), said, &span);
        if (found < 0)
            return false;
        if (found == 0)
            continue;
        if (span.at == PYRE_NONE)
            text_puts(t, "null");
        else
            jtext_put_string(t, (struct str){ said.ptr + span.at, span.end - span.at });
        return true;
    }
    text_puts(t, "null");
    return true;
}

bool
rule_put_judged(struct text *t, struct jval params, struct jval row, struct str answer,
                struct jval replies)
{
    CLEANUP_TEXT struct text template = TEXT_INIT, prompt = TEXT_INIT, said = TEXT_INIT;
    struct jval given = jtext_member(params, STR("prompt_template"));
    if (given.kind != J_STRING || !rule_is_plain_template(given))
        return false;
    jtext_decode(&template, given.raw);
    if (!put_prompt(&prompt, text_str(&template), row, answer))
        return false;
    struct jval reply = jtext_member(replies, text_str(&prompt));
    if (reply.kind == J_ABSENT)
        reply = jtext_value(STR("\"no reply is set for this message\""));
    if (reply.kind != J_STRING)
        return false;
    jtext_decode(&said, reply.raw);
    text_puts(t, "{\"score\": ");
    if (!put_rating(t, jtext_member(params, STR("judge_score_regexes")), text_str(&said)))
        return false;
    text_puts(t, ", \"judge_feedback\": ");
    text_put_str(t, reply.raw);
    text_puts(t, "}");
    return true;
}
