/* ifeval.c - basic::ifeval: which of a row's instructions the answer follows.
 *
 * The part of them that are followed is the score, their number its weight.  The
 * instructions are those of IFEval (Zhou et al. 2023, arXiv:2311.07911), in its strict
 * reading; what they check is what Llama Stack's scoring function checks.  See
 * evald-ifeval(7). */
#include "ifeval.h"

#include "kind.h"
#include "kwargs.h"
#include "language.h"
#include "pylist.h"
#include "pytext.h"

enum { IDS, KWARGS, ANSWER };
static const char *const columns[] = { "instruction_id_list", "kwargs?", "generated_answer",
                                       NULL };

const char *
answer_language(struct answer *a)
{
    if (a->language == NULL)
        a->language = language_of_lines(a->text);
    return a->language;
}

static int32_t
read_ids(struct evald_call *c, const struct evald_value *v, struct evald_str **ret,
         size_t *ret_n)
{
    struct evald_value *all;
    size_t n;
    if (!pylist_read(c, v, &all, &n))
        return evald_fail(c, EVALD_E_ROW,
                          "column 'instruction_id_list' is %s, not a list of instructions",
                          kind_name(v));
    *ret_n = kwargs_texts(c, all, n, ret);
    if (*ret_n < n)
        return evald_fail(c, EVALD_E_ROW, "instruction_id_list[%zu] is %s, not a string",
                          *ret_n, kind_name(&all[*ret_n]));
    return EVALD_OK;
}

struct evald_str
answer_lower(struct answer *a)
{
    if (a->lower.ptr == NULL)
        a->lower = pytext_lower(a->c, a->text);
    return a->lower;
}

/* 1 or 0; below 0 it has failed. */
static int
follow(struct answer *a, struct evald_str id, const struct evald_value *kwargs)
{
    struct given given[KWARGS_MAX] = { 0 };
    a->instruction = instruction_find(id);
    if (a->instruction == NULL)
        return evald_fail(a->c, EVALD_E_ROW,
                          "instruction_id_list[%zu] is %s, which is no instruction",
                          a->place, pytext_shown(a->c, id));
    if (kwargs->kind == EVALD_ABSENT)
        return evald_fail(a->c, EVALD_E_ROW,
                          "column 'kwargs' has no element %zu, for instruction '%s'",
                          a->place, a->instruction->id);
    if (kwargs->kind != EVALD_OBJECT)
        return evald_fail(a->c, EVALD_E_ROW, "kwargs[%zu] is %s, not an object", a->place,
                          kind_name(kwargs));
    if (!kwargs_read(a, kwargs->str, given))
        return EVALD_E_ROW;
    char why[PYRE_WHY];
    if (!pyre_has_time(&a->budget, why))
        return evald_fail(a->c, EVALD_E_ROW, "instruction_id_list[%zu]: %s", a->place, why);
    return a->text.len > 0 ? a->instruction->check(a, given) : 0;
}

static int32_t
score(struct evald_call *c, void *self, const struct evald_row *row)
{
    (void)self;
    const struct evald_value *kwargs = &row->cols[KWARGS], *text = &row->cols[ANSWER];
    struct evald_str *ids;
    size_t n = 0, followed = 0, at = 0;
    int32_t rc = read_ids(c, &row->cols[IDS], &ids, &n);
    if (rc == EVALD_OK)
        rc = kind_need_string(c, "generated_answer", text);
    if (rc < 0)
        return rc;
    if (n > 0 && kwargs->kind == EVALD_ABSENT)
        return evald_fail(c, EVALD_E_ROW, "missing column 'kwargs'");
    if (n > 0 && kwargs->kind != EVALD_ARRAY)
        return evald_fail(c, EVALD_E_ROW, "column 'kwargs' is %s, not an array",
                          kind_name(kwargs));

    struct answer a = { .c = c, .text = pytext_strip(text->str) };
    for (; a.place < n; a.place++) {
        struct evald_value one = { 0 };
        if (evald_each(c, kwargs->str, &at, NULL, &one) <= 0)
            one.kind = EVALD_ABSENT;
        int follows = follow(&a, ids[a.place], &one);
        if (follows < 0)
            return EVALD_E_ROW;
        followed += (size_t)follows;
    }
    rc = evald_score(c, n > 0 ? (double)followed / (double)n : 0);
    return rc < 0 ? rc : evald_number(c, "weight", (double)n);
}

static const struct evald_plugin ifeval = {
    EVALD_HEAD(EVALD_SCORER),
    .threads = EVALD_PARALLEL,
    .id = "basic::ifeval",
    .version = "1",
    .summary = "the part of a row's IFEval instructions that the generated answer follows",
    .params_schema = "{\"type\":\"object\",\"additionalProperties\":true,"
                     "\"description\":\"No parameters of its own; any are ignored.\"}",
    .params_default =
        "{\"type\":\"basic\",\"aggregation_functions\":[\"weighted_average\"]}",
    .return_type = "{\"type\":\"number\"}",
    .metrics = "{\"score\":{\"range\":[0,1],\"better\":\"higher\"}}",
    .columns = columns,
    .score = score,
};
EVALD_PLUGINS(&ifeval)
