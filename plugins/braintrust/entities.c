/* entities.c - braintrust::context-entity-recall: how many of the expected answer's entities
 * the context has. */
#include "ask.h"
#include "assignment.h"
#include "braintrust.h"
#include "kind.h"
#include "prompts.h"
#include "pylist.h"
#include "similarity.h"

#define ENTITIES_MAX 512 /* of each side: all pairs are compared, and a step asks 1024 times */

static const struct function extract_entities = {
    "extract_entities",
    "Gives the entities that the text names.",
    "{\"type\":\"object\",\"properties\":{"
    "\"entities\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},"
    "\"description\":\"The entities, each once.\"}},\"required\":[\"entities\"]}",
    "{\"temperature\":0}",
};

struct side {
    struct evald_str text;
    struct evald_value *entities;
    size_t n;
    size_t *places; /* of their embeddings */
};

struct entities {
    struct side expected, context;
};

static int32_t
ask_entities(struct work *w, const struct side *side)
{
    return ask_judge(w, &extract_entities, PROMPT_EXTRACT_ENTITIES,
                     (const struct slot[]){ { "text", side->text }, { NULL, { NULL, 0 } } });
}

static int32_t
read_entities(struct work *w, struct side *side)
{
    struct evald_str arguments;
    struct evald_value list;
    int32_t rc = ask_read(w, &extract_entities, &arguments);
    if (rc == EVALD_OK)
        rc = ask_member(w, &extract_entities, arguments, "entities", &list);
    if (rc != EVALD_OK)
        return rc;
    if (!pylist_len(w->c, &list, &side->n))
        return evald_fail(w->c, EVALD_E_REMOTE, "judge: 'entities' is %s where a list is needed",
                          kind_name(&list));
    if (side->n > ENTITIES_MAX)
        return evald_fail(w->c, EVALD_E_REMOTE, "judge: %zu entities; at most %d can be matched",
                          side->n, ENTITIES_MAX);
    pylist_read(w->c, &list, &side->entities, &side->n);
    side->places = evald_alloc(w->c, (side->n + 1) * sizeof *side->places);
    return EVALD_OK;
}

/* The first of the context is compared with all that are expected, then come the others. */
static int32_t
ask_embeddings(struct work *w, struct entities *s)
{
    struct side *x = &s->context, *y = &s->expected;
    for (size_t i = 0; i < x->n; i++) {
        x->places[i] = similarity_want(w, work_text(w, &x->entities[i]));
        for (size_t k = 0; i == 0 && k < y->n; k++)
            y->places[k] = similarity_want(w, work_text(w, &y->entities[k]));
    }
    return similarity_ask(w);
}

static void
put_entities(struct work *w, struct evald_buf *b, const struct side *side)
{
    evald_put(w->c, b, evald_s("["));
    for (size_t i = 0; i < side->n; i++) {
        evald_put(w->c, b, evald_s(i > 0 ? "," : ""));
        evald_put_value(w->c, b, side->entities[i]);
    }
    evald_put(w->c, b, evald_s("]"));
}

static int32_t
end_entities(struct work *w, const struct entities *s, struct evald_value score)
{
    struct evald_buf b = EVALD_BUF;
    evald_put(w->c, &b, evald_s("{\"context_entities\":"));
    put_entities(w, &b, &s->context);
    evald_put(w->c, &b, evald_s(",\"expected_entities\":"));
    put_entities(w, &b, &s->expected);
    evald_put(w->c, &b, evald_s("}"));
    return work_end(w, score, b.text);
}

static int32_t
match(struct work *w, const struct entities *s)
{
    const struct side *x = &s->context, *y = &s->expected;
    double *gain = evald_alloc(w->c, x->n * y->n * sizeof *gain);
    int32_t rc = similarity_read(w);
    for (size_t i = 0; rc == EVALD_OK && i < x->n * y->n; i++) {
        struct evald_value similarity = { 0 };
        rc = similarity_of(w, x->places[i / y->n], y->places[i % y->n], &similarity);
        gain[i] = similarity.num;
    }
    if (rc != EVALD_OK)
        return rc;
    double recall = assignment_best(w->c, gain, x->n, y->n) / (double)y->n;
    return end_entities(w, s, work_float(recall < 1 ? recall : 1)); /* rounding */
}

static int32_t
entities_next(struct work *w)
{
    struct entities *s = w->own;
    int32_t rc;
    switch (w->step) {
    case 0:
        w->own = s = evald_alloc(w->c, sizeof *s);
        rc = work_column(w, EXPECTED, &s->expected.text);
        if (rc == EVALD_OK)
            rc = work_context(w, &s->context.text);
        return rc == EVALD_OK ? ask_entities(w, &s->expected) : rc;
    case 1:
        rc = read_entities(w, &s->expected);
        return rc == EVALD_OK ? ask_entities(w, &s->context) : rc;
    case 2:
        rc = read_entities(w, &s->context);
        if (rc != EVALD_OK)
            return rc;
        if (s->expected.n == 0 || s->context.n == 0)
            return end_entities(w, s, work_integer(s->expected.n == s->context.n));
        return ask_embeddings(w, s);
    default:
        return match(w, s);
    }
}

BRAINTRUST_STEP(entities_step, entities_next)
const struct evald_plugin braintrust_context_entity_recall = BRAINTRUST_SCORER(
    "context-entity-recall", "the part of the expected answer's entities that the context has",
    BRAINTRUST_JUDGE("gpt-4o-mini") BRAINTRUST_EMBEDDER, braintrust_context_columns,
    entities_step);
