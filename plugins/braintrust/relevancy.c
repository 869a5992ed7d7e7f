/* relevancy.c - braintrust::answer-relevancy: does the answer answer the question?  A judge
 * makes questions of the answer; embeddings tell how close they are to the one asked. */
#include "ask.h"
#include "braintrust.h"
#include "prompts.h"
#include "similarity.h"

#define QUESTIONS   3
#define TEMPERATURE "0.5"

static const struct function generate_question = {
    "generate_question",
    "Gives the question that the answer answers.",
    "{\"type\":\"object\",\"properties\":{"
    "\"question\":{\"type\":\"string\",\"description\":\"The question.\"},"
    "\"noncommittal\":{\"type\":\"integer\",\"enum\":[0,1],"
    "\"description\":\"1 when the answer evades, else 0.\"}},"
    "\"required\":[\"question\",\"noncommittal\"]}",
    "{\"temperature\":" TEMPERATURE "}",
};

struct relevancy {
    struct evald_str question, context;
    struct evald_str replies[QUESTIONS];
    size_t places[QUESTIONS];
    bool noncommittal; /* any of them */
};

static int32_t
ask_question(struct work *w, const struct relevancy *s)
{
    const struct slot slots[] = { { "answer", work_column_or_none(w, GENERATED) },
                                  { "context", s->context },
                                  { NULL, { NULL, 0 } } };
    return ask_judge(w, &generate_question, PROMPT_GENERATE_QUESTION, slots);
}

/* bool(v) of Python. */
static bool
is_true(struct work *w, const struct evald_value *v)
{
    struct evald_str key;
    struct evald_value one;
    size_t at = 0;
    switch (v->kind) {
    case EVALD_BOOL:
    case EVALD_NUMBER:
        return v->num != 0;
    case EVALD_STRING:
        return v->str.len > 0;
    case EVALD_ARRAY:
    case EVALD_OBJECT:
        return evald_each(w->c, v->str, &at, &key, &one) > 0;
    default:
        return false;
    }
}

static int32_t
read_question(struct work *w, struct relevancy *s, size_t i)
{
    struct evald_value question, flag;
    int32_t rc = ask_read(w, &generate_question, &s->replies[i]);
    if (rc == EVALD_OK)
        rc = ask_member(w, &generate_question, s->replies[i], "question", &question);
    if (rc == EVALD_OK)
        rc = ask_member(w, &generate_question, s->replies[i], "noncommittal", &flag);
    if (rc != EVALD_OK)
        return rc;
    s->noncommittal |= is_true(w, &flag);
    s->places[i] = similarity_want(w, work_text(w, &question));
    if (i == 0) /* all are compared with the row's: the first pair comes first */
        similarity_want(w, s->question);
    return EVALD_OK;
}

static int32_t
end_relevancy(struct work *w, const struct relevancy *s)
{
    size_t asked = similarity_want(w, s->question);
    struct evald_buf questions = EVALD_BUF, similarities = EVALD_BUF;
    double sum = 0;
    int32_t rc = similarity_read(w);
    for (size_t i = 0; rc == EVALD_OK && i < QUESTIONS; i++) {
        const char *comma = i > 0 ? "," : "";
        struct evald_value similarity = { 0 };
        rc = similarity_of(w, s->places[i], asked, &similarity);
        sum += similarity.num;
        evald_put(w->c, &questions, evald_s(comma));
        evald_put(w->c, &questions, s->replies[i]);
        evald_put(w->c, &similarities, evald_s(comma));
        similarity_put(w, &similarities, similarity);
    }
    if (rc != EVALD_OK)
        return rc;
    struct evald_buf b = EVALD_BUF;
    evald_put(w->c, &b, evald_s("{\"questions\":["));
    evald_put(w->c, &b, questions.text);
    evald_put(w->c, &b, evald_s("],\"similarity\":["));
    evald_put(w->c, &b, similarities.text);
    evald_put(w->c, &b, evald_s("],\"temperature\":" TEMPERATURE "}"));
    return work_end(w, s->noncommittal ? work_integer(0) : work_float(sum / QUESTIONS), b.text);
}

/* The questions are asked one after the other: when one is of no use the rest is not paid
 * for. */
static int32_t
relevancy_next(struct work *w)
{
    struct relevancy *s = w->own;
    int32_t rc;
    if (w->step == 0) {
        w->own = s = evald_alloc(w->c, sizeof *s);
        rc = work_column(w, QUESTION, &s->question);
        if (rc == EVALD_OK)
            rc = work_context(w, &s->context);
        return rc == EVALD_OK ? ask_question(w, s) : rc;
    }
    if (w->step > QUESTIONS)
        return end_relevancy(w, s);
    rc = read_question(w, s, w->step - 1);
    if (rc != EVALD_OK)
        return rc;
    return w->step < QUESTIONS ? ask_question(w, s) : similarity_ask(w);
}

BRAINTRUST_STEP(relevancy_step, relevancy_next)
const struct evald_plugin braintrust_answer_relevancy = BRAINTRUST_SCORER(
    "answer-relevancy",
    "how close the questions that the generated answer answers are to the one asked",
    BRAINTRUST_JUDGE("gpt-4o-mini") BRAINTRUST_EMBEDDER, braintrust_context_columns,
    relevancy_step);
