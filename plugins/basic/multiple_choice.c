/* multiple_choice.c - basic::regex_parser_multiple_choice_answer: the letter that the first of
 * some regexes finds.
 *
 * The order of the regexes decides, not that of the text; the letter is compared as it was
 * written.  See evald-basic(7). */
#include <stdbool.h>

#include "basic.h"
#include "kind.h"
#include "multiple_choice_table.h"
#include "regexes.h"

enum { GENERATED, EXPECTED };
static const char *const columns[] = { "generated_answer", "expected_answer", NULL };

/* What was not found, and what is empty, is no answer. */
static bool
is_expected(struct evald_str text, struct pyre_span span, const struct evald_value *expected)
{
    return span.at != PYRE_NONE && span.end > span.at && expected->kind == EVALD_STRING
           && expected->str.len == span.end - span.at
           && memcmp(expected->str.ptr, text.ptr + span.at, expected->str.len) == 0;
}

/* So many regexes are tried before it is worth while to see what the text has. */
#define TRIES 2

static int32_t
multiple_choice_score(struct evald_call *c, void *self, const struct evald_row *row)
{
    struct regexes *r = self;
    const struct evald_value *said = &row->cols[GENERATED];
    struct pyre_budget budget = { 0 };
    struct pyre_span spans[2];
    uint64_t kinds = UINT64_MAX;
    char why[PYRE_WHY];
    int32_t rc;
    for (size_t i = 0; i < r->n; i++) {
        const struct pyre *re = regexes_get(c, r, i);
        if (re == NULL)
            return EVALD_E_CONFIG;
        if ((rc = kind_need_string(c, "generated_answer", said)) < 0)
            return rc;
        if (i == TRIES)
            kinds = pyre_kinds(said->str);
        if (!pyre_may_match(re, kinds))
            continue;
        int found = pyre_has_time(&budget, why)
                        ? pyre_search(re, said->str, 0, spans, 2, why) : -1;
        if (found < 0)
            return evald_fail(c, EVALD_E_ROW, "parsing_regexes[%zu]: %s", i, why);
        if (found == 0)
            continue;
        if (pyre_groups(re) == 0)
            return evald_fail(c, EVALD_E_CONFIG, "invalid regex %zu: it has no group", i);
        return evald_score(c, is_expected(said->str, spans[1], &row->cols[EXPECTED]));
    }
    return evald_score(c, 0);
}

const struct evald_plugin basic_multiple_choice = {
    EVALD_HEAD(EVALD_SCORER),
    .threads = EVALD_PARALLEL,
    .id = "basic::regex_parser_multiple_choice_answer",
    .version = "1",
    .summary = "1.0 when the letter that a regex finds in the answer is the expected one",
    .params_schema = REGEXES_SCHEMA("Python regexes; group 1 of the first that is found in the"
                                    " generated answer is compared with the expected one."),
    .params_default = "{\"type\":\"regex_parser\",\"parsing_regexes\":" DEFAULT_REGEXES
                      ",\"aggregation_functions\":[\"accuracy\"]}",
    .return_type = "{\"type\":\"number\"}",
    .metrics = BASIC_METRICS,
    .columns = columns,
    .open = regexes_open,
    .close = regexes_close,
    .score = multiple_choice_score,
};
