/* correctness.c - braintrust::answer-correctness and answer-similarity: an answer against the
 * expected one, by its statements as a judge sorts them and by embeddings. */
#include "ask.h"
#include "braintrust.h"
#include "kind.h"
#include "prompts.h"
#include "pylist.h"
#include "similarity.h"

#define FACTUALITY_WEIGHT 0.75
#define SIMILARITY_WEIGHT 0.25

#define STRINGS(what) \
    "{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":\"" what "\"}"
static const struct function classify_statements = {
    "classify_statements",
    "Sorts the statements of the answer and of the reference.",
    "{\"type\":\"object\",\"properties\":{"
    "\"TP\":" STRINGS("Statements of the answer that the reference supports.") ","
    "\"FP\":" STRINGS("Statements of the answer that the reference does not support.") ","
    "\"FN\":" STRINGS("Statements of the reference that the answer lacks.")
    "},\"required\":[\"TP\",\"FP\",\"FN\"]}",
    "{\"temperature\":0}",
};

struct correctness {
    struct evald_str question, expected, answer;
    size_t expected_place, answer_place;
    struct evald_str reply; /* of the judge */
    double f1;
};

static int32_t
read_columns(struct work *w, struct correctness *s, bool question)
{
    int32_t rc = question ? work_column(w, QUESTION, &s->question) : EVALD_OK;
    if (rc == EVALD_OK)
        rc = work_column(w, EXPECTED, &s->expected);
    return rc == EVALD_OK ? work_column(w, GENERATED, &s->answer) : rc;
}

static int32_t
ask_similarity(struct work *w, struct correctness *s)
{
    s->answer_place = similarity_want(w, s->answer);
    s->expected_place = similarity_want(w, s->expected);
    return similarity_ask(w);
}

static int32_t
read_similarity(struct work *w, const struct correctness *s, struct evald_value *ret)
{
    int32_t rc = similarity_read(w);
    return rc == EVALD_OK ? similarity_of(w, s->answer_place, s->expected_place, ret) : rc;
}

/* ---- answer-correctness ---- */

static int32_t
count_list(struct work *w, const char *name, struct evald_str reply, size_t *ret)
{
    struct evald_value list;
    int32_t rc = ask_member(w, &classify_statements, reply, name, &list);
    if (rc == EVALD_OK && !pylist_len(w->c, &list, ret))
        return evald_fail(w->c, EVALD_E_REMOTE, "judge: '%s' is %s where a list is needed", name,
                          kind_name(&list));
    return rc;
}

/* 2 precision recall / (precision + recall), in counts. */
static int32_t
read_f1(struct work *w, struct correctness *s)
{
    size_t tp = 0, fp = 0, fn = 0;
    int32_t rc = ask_read(w, &classify_statements, &s->reply);
    if (rc == EVALD_OK)
        rc = count_list(w, "TP", s->reply, &tp);
    if (rc == EVALD_OK)
        rc = count_list(w, "FP", s->reply, &fp);
    if (rc == EVALD_OK)
        rc = count_list(w, "FN", s->reply, &fn);
    if (rc != EVALD_OK)
        return rc;
    if (tp + fp + fn == 0)
        return evald_fail(w->c, EVALD_E_REMOTE, "judge: no statements: there is nothing to"
                          " score");
    s->f1 = (double)tp / ((double)tp + 0.5 * (double)(fp + fn));
    return EVALD_OK;
}

static int32_t
end_correctness(struct work *w, const struct correctness *s)
{
    struct evald_value similarity = { 0 };
    int32_t rc = read_similarity(w, s, &similarity);
    if (rc != EVALD_OK)
        return rc;
    struct evald_buf b = EVALD_BUF;
    evald_put(w->c, &b, evald_s("{\"factuality\":"));
    evald_put(w->c, &b, s->reply);
    evald_put(w->c, &b, evald_s(",\"factuality_score\":"));
    work_put_number(w, &b, work_float(s->f1));
    evald_put(w->c, &b, evald_s(",\"answer_similarity\":"));
    similarity_put(w, &b, similarity);
    evald_put(w->c, &b, evald_s(",\"answer_similarity_score\":"));
    work_put_number(w, &b, similarity);
    evald_put(w->c, &b, evald_s("}"));
    return work_end(w, work_float(FACTUALITY_WEIGHT * s->f1
                                  + SIMILARITY_WEIGHT * similarity.num), b.text);
}

static int32_t
correctness_next(struct work *w)
{
    struct correctness *s = w->own;
    int32_t rc;
    switch (w->step) {
    case 0:
        w->own = s = evald_alloc(w->c, sizeof *s);
        rc = read_columns(w, s, true);
        if (rc != EVALD_OK)
            return rc;
        return ask_judge(w, &classify_statements, PROMPT_CLASSIFY_STATEMENTS,
                         (const struct slot[]){ { "question", s->question },
                                                { "answer", s->answer },
                                                { "expected", s->expected },
                                                { NULL, { NULL, 0 } } });
    case 1:
        rc = read_f1(w, s);
        return rc == EVALD_OK ? ask_similarity(w, s) : rc;
    default:
        return end_correctness(w, s);
    }
}

/* ---- answer-similarity ---- */

static int32_t
similarity_next(struct work *w)
{
    struct correctness *s = w->own;
    struct evald_value similarity = { 0 };
    int32_t rc;
    if (w->step == 0) {
        w->own = s = evald_alloc(w->c, sizeof *s);
        rc = read_columns(w, s, false);
        return rc == EVALD_OK ? ask_similarity(w, s) : rc;
    }
    rc = read_similarity(w, s, &similarity);
    return rc == EVALD_OK ? work_end(w, similarity, evald_s("{}")) : rc;
}

BRAINTRUST_STEP(correctness_step, correctness_next)
const struct evald_plugin braintrust_answer_correctness = BRAINTRUST_SCORER(
    "answer-correctness",
    "the statements of the generated answer against the expected one's, judged, and their"
    " similarity",
    BRAINTRUST_JUDGE("gpt-4o-mini") BRAINTRUST_EMBEDDER, braintrust_columns, correctness_step);

BRAINTRUST_STEP(similarity_step, similarity_next)
const struct evald_plugin braintrust_answer_similarity = BRAINTRUST_SCORER(
    "answer-similarity", "how close the generated answer is to the expected one, by embeddings",
    BRAINTRUST_EMBEDDER, braintrust_columns, similarity_step);
