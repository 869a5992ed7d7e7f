/* context.c - braintrust::context-precision, context-recall and context-relevancy: was the
 * context of use, does it hold the expected answer, and how much of it is needed? */
#include "ask.h"
#include "braintrust.h"
#include "kind.h"
#include "prompts.h"
#include "pytext.h"

static const struct function verify = {
    "verify",
    "Tells whether the context was useful for the answer.",
    "{\"type\":\"object\",\"properties\":{"
    "\"reason\":{\"type\":\"string\",\"description\":\"Why, in one sentence.\"},"
    "\"verdict\":{\"type\":\"integer\",\"enum\":[0,1],"
    "\"description\":\"1 when the context was useful, else 0.\"}},"
    "\"required\":[\"reason\",\"verdict\"]}",
    "{\"temperature\":0}",
};
static const struct function extract_statements = {
    "extract_statements",
    "Tells for each sentence of the answer whether the context has it.",
    "{\"type\":\"object\",\"properties\":{"
    "\"statements\":{\"type\":\"array\",\"description\":\"An entry for every sentence.\","
    "\"items\":{\"type\":\"object\",\"properties\":{"
    "\"statement\":{\"type\":\"string\",\"description\":\"The sentence.\"},"
    "\"reason\":{\"type\":\"string\",\"description\":\"Why, in one sentence.\"},"
    "\"attributed\":{\"type\":\"integer\",\"enum\":[0,1],"
    "\"description\":\"1 when the context says it, else 0.\"}},"
    "\"required\":[\"statement\",\"reason\",\"attributed\"]}}},\"required\":[\"statements\"]}",
    "{\"temperature\":0}",
};
static const struct function extract_sentences = {
    "extract_sentences",
    "Gives the sentences of the context that are needed.",
    "{\"type\":\"object\",\"properties\":{"
    "\"sentences\":{\"type\":\"array\",\"description\":\"The sentences, in their order.\","
    "\"items\":{\"type\":\"object\",\"properties\":{"
    "\"sentence\":{\"type\":\"string\",\"description\":\"The sentence as it stands there.\"},"
    "\"reasons\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},"
    "\"description\":\"Why it is needed.\"}},\"required\":[\"sentence\",\"reasons\"]}}},"
    "\"required\":[\"sentences\"]}",
    "{\"temperature\":0}",
};

/* Asks with question, context and, where the scorer needs it, the expected answer. */
static int32_t
ask_about(struct work *w, const struct function *f, const char *prompt, bool expected)
{
    struct evald_str question, context, answer = { "", 0 };
    int32_t rc = work_column(w, QUESTION, &question);
    if (rc == EVALD_OK && expected)
        rc = work_column(w, EXPECTED, &answer);
    if (rc == EVALD_OK)
        rc = work_context(w, &context);
    if (rc != EVALD_OK)
        return rc;
    if (f == &extract_sentences && context.len == 0)
        return evald_fail(w->c, EVALD_E_ROW, "column 'context' is empty: no part of it can be"
                          " relevant");
    return ask_judge(w, f, prompt,
                     (const struct slot[]){ { "question", question },
                                            { "context", context },
                                            { "expected", answer },
                                            { NULL, { NULL, 0 } } });
}

/* ---- context-precision ---- */

static int32_t
precision_next(struct work *w)
{
    struct evald_str arguments;
    struct evald_value verdict;
    if (w->step == 0)
        return ask_about(w, &verify, PROMPT_VERIFY, true);
    int32_t rc = ask_read(w, &verify, &arguments);
    if (rc == EVALD_OK)
        rc = ask_member(w, &verify, arguments, "verdict", &verdict);
    if (rc != EVALD_OK)
        return rc;
    if (verdict.kind != EVALD_NUMBER && verdict.kind != EVALD_BOOL)
        return evald_fail(w->c, EVALD_E_REMOTE, "judge: 'verdict' is %s where a number is"
                          " needed", kind_name(&verdict));
    struct evald_buf b = EVALD_BUF;
    evald_put(w->c, &b, evald_s("{\"precision\":"));
    evald_put(w->c, &b, arguments);
    evald_put(w->c, &b, evald_s("}"));
    return work_end(w, verdict, b.text);
}

/* ---- context-recall ---- */

static int32_t
recall_next(struct work *w)
{
    struct evald_str arguments;
    struct evald_value statements;
    double score = 0;
    if (w->step == 0)
        return ask_about(w, &extract_statements, PROMPT_ATTRIBUTE_STATEMENTS, true);
    int32_t rc = ask_read(w, &extract_statements, &arguments);
    if (rc == EVALD_OK)
        rc = ask_member(w, &extract_statements, arguments, "statements", &statements);
    if (rc == EVALD_OK)
        rc = work_mean(w, &statements, "attributed", "statements", &score);
    if (rc != EVALD_OK)
        return rc;
    struct evald_buf b = EVALD_BUF;
    evald_put(w->c, &b, evald_s("{\"statements\":"));
    evald_put(w->c, &b, arguments);
    evald_put(w->c, &b, evald_s(",\"recall\":"));
    evald_put(w->c, &b, arguments);
    evald_put(w->c, &b, evald_s("}"));
    return work_end(w, work_float(score), b.text);
}

/* ---- context-relevancy ---- */

/* Characters of all sentences. */
static int32_t
count_characters(struct work *w, const struct evald_value *list, size_t *ret)
{
    struct evald_value one = { 0 };
    size_t at = 0, i = 0, sum = 0;
    int32_t rc;
    for (; (rc = work_next_object(w, list, "sentences", &at, i, &one)) > 0; i++) {
        struct evald_value sentence = evald_get(w->c, one.str, "/sentence");
        if (sentence.kind != EVALD_STRING)
            return evald_fail(w->c, EVALD_E_REMOTE, "judge: 'sentence' of element %zu of"
                              " 'sentences' is %s where text is needed", i,
                              kind_name(&sentence));
        sum += pytext_len(sentence.str);
    }
    *ret = sum;
    return rc;
}

static int32_t
relevancy_next(struct work *w)
{
    struct evald_str arguments, context;
    struct evald_value sentences;
    size_t needed = 0;
    if (w->step == 0)
        return ask_about(w, &extract_sentences, PROMPT_EXTRACT_SENTENCES, false);
    int32_t rc = work_context(w, &context);
    if (rc == EVALD_OK)
        rc = ask_read(w, &extract_sentences, &arguments);
    if (rc == EVALD_OK)
        rc = ask_member(w, &extract_sentences, arguments, "sentences", &sentences);
    if (rc == EVALD_OK)
        rc = count_characters(w, &sentences, &needed);
    if (rc != EVALD_OK)
        return rc;
    struct evald_buf b = EVALD_BUF;
    evald_put(w->c, &b, evald_s("{\"relevant_sentences\":"));
    evald_put_value(w->c, &b, sentences);
    evald_put(w->c, &b, evald_s("}"));
    return work_end(w, work_float((double)needed / (double)pytext_len(context)), b.text);
}

BRAINTRUST_STEP(precision_step, precision_next)
const struct evald_plugin braintrust_context_precision = BRAINTRUST_SCORER(
    "context-precision", "whether the context was useful for the expected answer, judged",
    BRAINTRUST_JUDGE("gpt-4o-mini"), braintrust_context_columns, precision_step);

BRAINTRUST_STEP(recall_step, recall_next)
const struct evald_plugin braintrust_context_recall = BRAINTRUST_SCORER(
    "context-recall", "the part of the expected answer's sentences that the context has, judged",
    BRAINTRUST_JUDGE("gpt-4o-mini"), braintrust_context_columns, recall_step);

BRAINTRUST_STEP(relevancy_step, relevancy_next)
const struct evald_plugin braintrust_context_relevancy = BRAINTRUST_SCORER(
    "context-relevancy", "how much of the context is needed to answer the question, judged",
    BRAINTRUST_JUDGE("gpt-4o-mini"), braintrust_context_columns, relevancy_step);
