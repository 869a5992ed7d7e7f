/* judge-tapes.c - cases recorded of the reference's judge, as a tape for evald-runner --replay.
 *
 *     judge-tapes CASES.jsonl TAPE.jsonl
 *
 * A case has row, params (or null), judge_reply, expect (the score row, or {"error":true}),
 * expect_prompt (null: the judge is not asked) and expect_model.  The tape asks for exactly that
 * one message and no sampling.  Where evald decides otherwise the case expects what it decides;
 * standard output has the number of cases by rule:
 *
 *   template-names   a template knows the three columns and doubled braces: an error, the judge
 *                    is not asked
 *   judge-row-error  a judge's failure is its row's: null, what it said, and metadata.error
 *   own-prompts      parameters null: the prompt and the model are evald's own
 *   as-recorded      all others */
#include "config.h"

#include <stdio.h>

#include "common/jtext.h"
#include "common/mem.h"

enum rule { TEMPLATE_NAMES, JUDGE_ROW_ERROR, OWN_PROMPTS, AS_RECORDED, RULES };
static const char *const rule_names[RULES] = { "template-names", "judge-row-error",
                                               "own-prompts", "as-recorded" };

/* Is all of it columns by their names, doubled braces and other text? */
static bool
is_plain(const char *p)
{
    static const char *const fields[] = { "{input_query}", "{expected_answer}",
                                          "{generated_answer}" };
    while (*p != '\0') {
        if (*p != '{' && *p != '}') {
            p++;
            continue;
        }
        if (p[1] == p[0]) {
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

static enum rule
rule_of(struct jval one, bool error)
{
    struct jval template = jtext_pointer(one, STR("/params/prompt_template"));
    CLEANUP_TEXT struct text t = TEXT_INIT;
    if (jtext_member(one, STR("params")).kind == J_NULL)
        return OWN_PROMPTS;
    if (template.kind == J_STRING) {
        jtext_decode(&t, template.raw);
        if (!error && !is_plain(t.ptr))
            return TEMPLATE_NAMES;
    }
    struct jval reply = jtext_member(one, STR("judge_reply"));
    struct jval regexes = jtext_pointer(one, STR("/params/judge_score_regexes"));
    struct jval prompt = jtext_member(one, STR("expect_prompt"));
    return reply.kind != J_STRING && prompt.kind != J_NULL && jtext_count(regexes) > 0
               ? JUDGE_ROW_ERROR : AS_RECORDED;
}

static void
put_member(struct text *t, const char *name, struct jval v)
{
    text_putf(t, ",\"%s\":", name);
    text_put_str(t, v.raw);
}

static void
put_ask(struct text *t, struct jval one, enum rule rule)
{
    text_puts(t, ",\"asks\":[{\"kind\":\"model\"");
    if (rule != OWN_PROMPTS) {
        put_member(t, "to", jtext_member(one, STR("expect_model")));
        text_puts(t, ",\"body\":{\"kind\":\"chat\",\"messages\":[{\"role\":\"user\",\"content\":");
        text_put_str(t, jtext_member(one, STR("expect_prompt")).raw);
        text_puts(t, "}]}");
    }
    text_puts(t, ",\"without\":[\"/sampling\",\"/messages/1\"],\"reply\":{\"body\":{\"message\":{"
                 "\"role\":\"assistant\",\"content\":");
    text_put_str(t, jtext_member(one, STR("judge_reply")).raw);
    text_puts(t, "},\"finish_reason\":\"stop\"}}}]");
}

static bool
has_columns(struct jval row)
{
    return jtext_member(row, STR("input_query")).kind != J_ABSENT
        && jtext_member(row, STR("expected_answer")).kind != J_ABSENT
        && jtext_member(row, STR("generated_answer")).kind != J_ABSENT;
}

static void
put_case(struct text *t, struct jval one, enum rule rule, bool error)
{
    struct jval row = jtext_member(one, STR("row"));
    bool asks = jtext_member(one, STR("expect_prompt")).kind != J_NULL;
    text_puts(t, "{\"name\":");
    text_put_str(t, jtext_member(one, STR("id")).raw);
    put_member(t, "plugin", jtext_member(one, STR("scorer")));
    put_member(t, "row", row);
    if (rule != OWN_PROMPTS)
        put_member(t, "params", jtext_member(one, STR("params")));
    if (asks && rule != TEMPLATE_NAMES)
        put_ask(t, one, rule);
    if (rule == JUDGE_ROW_ERROR) {
        text_puts(t, ",\"expect\":{\"error\":\"remote\",\"fields\":{\"judge_feedback\":");
        text_put_str(t, jtext_member(one, STR("judge_reply")).raw);
        text_puts(t, "}}");
    } else if (error || rule == TEMPLATE_NAMES) {
        text_putf(t, ",\"expect\":{\"error\":\"%s\"}", has_columns(row) ? "config" : "bad_row");
    } else {
        put_member(t, "expect", jtext_member(one, STR("expect")));
    }
    text_puts(t, "}\n");
}

int
main(int argc, char **argv)
{
    FILE *in = argc == 3 ? fopen(argv[1], "r") : NULL, *out = in ? fopen(argv[2], "w") : NULL;
    if (out == NULL) {
        fprintf(stderr, "usage: judge-tapes CASES.jsonl TAPE.jsonl\n");
        return 2;
    }
    CLEANUP_FREE char *line = NULL;
    CLEANUP_TEXT struct text t = TEXT_INIT;
    size_t room = 0, counts[RULES] = { 0 };
    for (ssize_t n; (n = getline(&line, &room, in)) > 0;) {
        struct jval one;
        size_t at;
        struct err err;
        if (jtext_check((struct str){ line, (size_t)n }, &one, &at, &err) < 0) {
            fprintf(stderr, "%s: %s at byte %zu of a line\n", argv[1], err.text, at);
            return 1;
        }
        bool error = jtext_pointer(one, STR("/expect/error")).kind == J_BOOL;
        enum rule rule = rule_of(one, error);
        counts[rule]++;
        put_case(&t, one, rule, error);
    }
    fwrite(t.ptr, 1, t.len, out);
    for (size_t i = 0; i < RULES; i++)
        printf("%s %zu\n", rule_names[i], counts[i]);
    fclose(in);
    return fclose(out) == 0 ? 0 : 1;
}
