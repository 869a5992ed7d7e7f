/* factuality.c - braintrust::factuality: how the facts of an answer relate to the expert's. */
#include "ask.h"
#include "braintrust.h"
#include "kind.h"
#include "prompts.h"
#include "pytext.h"

static const struct function select_choice = {
    "select_choice",
    "Tells which of the choices describes the answer.",
    "{\"type\":\"object\",\"properties\":{"
    "\"reasons\":{\"type\":\"string\",\"description\":\"Step by step, how the facts of both"
    " relate.\"},"
    "\"choice\":{\"type\":\"string\",\"enum\":[\"A\",\"B\",\"C\",\"D\",\"E\"],"
    "\"description\":\"The letter.\"}},\"required\":[\"reasons\",\"choice\"]}",
    "{\"temperature\":0,\"max_tokens\":512}",
};

static int32_t
ask_factuality(struct work *w)
{
    const struct slot slots[] = { { "question", work_column_or_none(w, QUESTION) },
                                  { "expected", work_column_or_none(w, EXPECTED) },
                                  { "answer", work_column_or_none(w, GENERATED) },
                                  { NULL, { NULL, 0 } } };
    return ask_judge(w, &select_choice, PROMPT_FACTUALITY, slots);
}

static int32_t
score_of(struct work *w, struct evald_value choice, struct evald_str *ret_letter,
         struct evald_value *ret)
{
    if (choice.kind != EVALD_STRING)
        return evald_fail(w->c, EVALD_E_REMOTE, "judge: the choice is %s where text is needed",
                          kind_name(&choice));
    struct evald_str letter = pytext_strip(choice.str);
    if (pytext_is(letter, "A"))
        *ret = work_float(0.4);
    else if (pytext_is(letter, "B"))
        *ret = work_float(0.6);
    else if (pytext_is(letter, "C") || pytext_is(letter, "E"))
        *ret = work_integer(1);
    else if (pytext_is(letter, "D"))
        *ret = work_integer(0);
    else
        return evald_fail(w->c, EVALD_E_REMOTE, "judge: the choice is none of A, B, C, D, E");
    *ret_letter = letter;
    return EVALD_OK;
}

/* Reasons in an array are put together, a line each. */
static int32_t
join_reasons(struct work *w, struct evald_value *reasons)
{
    struct evald_buf b = EVALD_BUF;
    struct evald_str key;
    struct evald_value one;
    size_t i = 0;
    if (reasons->kind != EVALD_ARRAY)
        return EVALD_OK;
    for (size_t at = 0; evald_each(w->c, reasons->str, &at, &key, &one) > 0; i++) {
        if (one.kind != EVALD_STRING)
            return evald_fail(w->c, EVALD_E_REMOTE, "judge: reason %zu is %s where text is"
                              " needed", i, kind_name(&one));
        evald_put(w->c, &b, evald_s(i > 0 ? "\n" : ""));
        evald_put(w->c, &b, one.str);
    }
    *reasons = (struct evald_value){ EVALD_STRING, 0, 0, b.text };
    return EVALD_OK;
}

static int32_t
factuality_next(struct work *w)
{
    struct evald_str arguments, letter;
    struct evald_value choice, score;
    if (w->step == 0)
        return ask_factuality(w);
    int32_t rc = ask_read(w, &select_choice, &arguments);
    if (rc == EVALD_OK)
        rc = ask_member(w, &select_choice, arguments, "choice", &choice);
    if (rc == EVALD_OK)
        rc = score_of(w, choice, &letter, &score);
    struct evald_value reasons = { 0 };
    if (rc == EVALD_OK) {
        reasons = evald_get(w->c, arguments, "/reasons");
        rc = join_reasons(w, &reasons);
    }
    if (rc != EVALD_OK)
        return rc;
    struct evald_buf b = EVALD_BUF;
    evald_putf(w->c, &b, "{\"choice\":%s", evald_quote(w->c, letter));
    if (reasons.kind != EVALD_ABSENT) {
        evald_put(w->c, &b, evald_s(",\"rationale\":"));
        evald_put_value(w->c, &b, reasons);
    }
    evald_put(w->c, &b, evald_s("}"));
    return work_end(w, score, b.text);
}

BRAINTRUST_STEP(factuality_step, factuality_next)
const struct evald_plugin braintrust_factuality = BRAINTRUST_SCORER(
    "factuality", "how the facts of the generated answer relate to the expected one's, judged",
    BRAINTRUST_JUDGE("gpt-4o"), braintrust_columns, factuality_step);
