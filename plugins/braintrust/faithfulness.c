/* faithfulness.c - braintrust::faithfulness: how much of the answer the context bears out. */
#include "ask.h"
#include "braintrust.h"
#include "prompts.h"

static const struct function extract_statements = {
    "extract_statements",
    "Gives the statements that the answer makes.",
    "{\"type\":\"object\",\"properties\":{"
    "\"statements\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},"
    "\"description\":\"The statements, in their order.\"}},\"required\":[\"statements\"]}",
    "{\"temperature\":0}",
};
static const struct function judge_statements = {
    "judge_statements",
    "Tells for each statement whether it follows from the context.",
    "{\"type\":\"object\",\"properties\":{"
    "\"faithfulness\":{\"type\":\"array\",\"description\":\"An entry for every statement.\","
    "\"items\":{\"type\":\"object\",\"properties\":{"
    "\"statement\":{\"type\":\"string\",\"description\":\"The statement in its own words.\"},"
    "\"reason\":{\"type\":\"string\",\"description\":\"Why, in one sentence.\"},"
    "\"verdict\":{\"type\":\"integer\",\"enum\":[0,1],"
    "\"description\":\"1 when it follows from the context, else 0.\"}},"
    "\"required\":[\"statement\",\"reason\",\"verdict\"]}}}}",
    "{\"temperature\":0}",
};

struct faithfulness {
    struct evald_str question, answer, context;
    struct evald_value statements;
};

static int32_t
ask_statements(struct work *w, struct faithfulness *s)
{
    int32_t rc = work_column(w, QUESTION, &s->question);
    if (rc == EVALD_OK)
        rc = work_column(w, GENERATED, &s->answer);
    if (rc == EVALD_OK)
        rc = work_context(w, &s->context);
    if (rc != EVALD_OK)
        return rc;
    return ask_judge(w, &extract_statements, PROMPT_EXTRACT_STATEMENTS,
                     (const struct slot[]){ { "question", s->question },
                                            { "answer", s->answer },
                                            { NULL, { NULL, 0 } } });
}

/* The statements go on as they came: what the second answer is about is its own affair. */
static int32_t
ask_verdicts(struct work *w, struct faithfulness *s)
{
    struct evald_str arguments;
    int32_t rc = ask_read(w, &extract_statements, &arguments);
    if (rc == EVALD_OK)
        rc = ask_member(w, &extract_statements, arguments, "statements", &s->statements);
    if (rc != EVALD_OK)
        return rc;
    return ask_judge(w, &judge_statements, PROMPT_JUDGE_STATEMENTS,
                     (const struct slot[]){ { "context", s->context },
                                            { "statements", work_text(w, &s->statements) },
                                            { NULL, { NULL, 0 } } });
}

static int32_t
faithfulness_next(struct work *w)
{
    struct faithfulness *s = w->own;
    struct evald_str arguments;
    struct evald_value verdicts;
    double score = 0;
    if (w->step == 0) {
        w->own = s = evald_alloc(w->c, sizeof *s);
        return ask_statements(w, s);
    }
    if (w->step == 1)
        return ask_verdicts(w, s);
    int32_t rc = ask_read(w, &judge_statements, &arguments);
    if (rc == EVALD_OK)
        rc = ask_member(w, &judge_statements, arguments, "faithfulness", &verdicts);
    if (rc == EVALD_OK)
        rc = work_mean(w, &verdicts, "verdict", "faithfulness", &score);
    if (rc != EVALD_OK)
        return rc;
    struct evald_buf b = EVALD_BUF;
    evald_put(w->c, &b, evald_s("{\"statements\":"));
    evald_put_value(w->c, &b, s->statements);
    evald_put(w->c, &b, evald_s(",\"faithfulness\":"));
    evald_put_value(w->c, &b, verdicts);
    evald_put(w->c, &b, evald_s("}"));
    return work_end(w, work_float(score), b.text);
}

BRAINTRUST_STEP(faithfulness_step, faithfulness_next)
const struct evald_plugin braintrust_faithfulness = BRAINTRUST_SCORER(
    "faithfulness", "the part of the generated answer's statements that follow from the context",
    BRAINTRUST_JUDGE("gpt-4o-mini"), braintrust_context_columns, faithfulness_step);
