/* math.c - basic::regex_parser_math_response: the answer that a regex or \boxed{} marks, equal
 * to the expected one as text once both are in a normal form.
 *
 * LaTeX is not evaluated: fractions of plain numbers alone become their value, as in the
 * reference as it is installed.  See evald-basic(7). */
#include "basic.h"
#include "kind.h"
#include "math_text.h"
#include "pytext.h"
#include "regexes.h"

enum { GENERATED, EXPECTED };
static const char *const columns[] = { "generated_answer", "expected_answer", NULL };

static int32_t
math_open(struct evald_call *c, struct evald_str params, void **self)
{
    int32_t rc = regexes_open(c, params, self);
    const struct regexes *r = *self;
    if (rc < 0 || r->n == 1)
        return rc;
    return evald_fail(c, EVALD_E_CONFIG,
                      "parsing_regexes: exactly one is needed, %zu are given", r->n);
}

/* Up to where another question or answer begins. */
static struct evald_str
first_answer(struct evald_str s)
{
    static const char *const marks[] = { "Q:", "A:" };
    for (size_t i = 0; i < 2; i++) {
        size_t at = pytext_find(s, evald_s(marks[i]));
        s.len = at != PYTEXT_NONE ? at : s.len;
    }
    return s;
}

/* Of what is in s the marked answer is compared, and s itself when that is empty. */
static bool
final_form(struct evald_call *c, struct evald_str s, struct evald_str marked,
           struct evald_str *ret)
{
    return math_divide(c, marked.len > 0 ? math_normalise(c, marked) : s, ret);
}

/* What the regex finds first: its group, or all of it when it has none; else what is boxed. */
static int32_t
find_marked(struct evald_call *c, const struct pyre *re, struct evald_str s,
            struct evald_str *ret)
{
    char why[PYRE_WHY];
    struct pyre_span spans[2];
    uint32_t groups = pyre_groups(re);
    int found = pyre_search(re, s, 0, spans, 2, why);
    if (found < 0)
        return evald_fail(c, EVALD_E_ROW, "parsing_regexes[0]: %s", why);
    if (found > 0 && groups > 1)
        return evald_fail(c, EVALD_E_CONFIG, "invalid regex 0: it has %u groups, not one",
                          groups);
    struct pyre_span span = spans[groups == 1];
    if (found == 0)
        *ret = math_boxed(s);
    else if (span.at == PYRE_NONE)
        *ret = (struct evald_str){ "", 0 };
    else
        *ret = (struct evald_str){ s.ptr + span.at, span.end - span.at };
    return EVALD_OK;
}

static struct evald_str
first_line(struct evald_str s)
{
    size_t at = pytext_find(s, evald_s("\n"));
    return (struct evald_str){ s.ptr, at != PYTEXT_NONE ? at : s.len };
}

static int32_t
math_score(struct evald_call *c, void *self, const struct evald_row *row)
{
    const struct evald_value *said = &row->cols[GENERATED], *expected = &row->cols[EXPECTED];
    int32_t rc = kind_need_string(c, "generated_answer", said);
    if (rc == EVALD_OK)
        rc = kind_need_string(c, "expected_answer", expected);
    if (rc < 0)
        return rc;
    const struct pyre *re = regexes_get(c, self, 0);
    if (re == NULL)
        return EVALD_E_CONFIG;
    struct evald_str answer = first_answer(said->str), marked, got, wanted;
    rc = find_marked(c, re, answer, &marked);
    if (rc < 0)
        return rc;
    if (!final_form(c, answer, marked, &got))
        return evald_fail(c, EVALD_E_ROW, "column 'generated_answer': too many fractions");
    if (!final_form(c, expected->str, first_line(expected->str), &wanted))
        return evald_fail(c, EVALD_E_ROW, "column 'expected_answer': too many fractions");
    return evald_score(c, pytext_same(got, wanted));
}

const struct evald_plugin basic_math = {
    EVALD_HEAD(EVALD_SCORER),
    .threads = EVALD_PARALLEL,
    .id = "basic::regex_parser_math_response",
    .version = "1",
    .summary = "1.0 when the marked answer equals the expected one in a normal form of LaTeX",
    .params_schema = REGEXES_SCHEMA("One Python regex that marks the answer: by its group, or"
                                    " all of it when it has none.  Where nothing matches the"
                                    " last \\\\boxed{} does."),
    .params_default = "{\"type\":\"regex_parser\",\"parsing_regexes\":"
                      "[\".*final answer is:?\\\\s*\\\\$\\\\\\\\boxed{(?P<X>.*)}\\\\$\"],"
                      "\"aggregation_functions\":[\"accuracy\"]}",
    .return_type = "{\"type\":\"number\"}",
    .metrics = BASIC_METRICS,
    .columns = columns,
    .open = math_open,
    .close = regexes_close,
    .score = math_score,
};
