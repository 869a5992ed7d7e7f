/* pyre_walk.c - all matches of a pattern. */
#include "pyre_code.h"

int
pyre_next(const struct pyre *re, struct evald_str text, struct pyre_walk *walk,
          struct pyre_span *spans, uint32_t n_spans, char why[PYRE_WHY])
{
    struct pyre_span whole;
    if (walk->over)
        return 0;
    if (n_spans == 0) {
        spans = &whole;
        n_spans = 1;
    }
    int found = pyre_run(re, text, walk->at, walk->empty ? PCRE2_NOTEMPTY_ATSTART : 0,
                         &walk->clock, spans, n_spans, why);
    if (found > 0) {
        walk->at = spans[0].end;
        walk->empty = spans[0].at == spans[0].end;
    } else {
        walk->over = true;
    }
    return found;
}

int64_t
pyre_count(const struct pyre *re, struct evald_str text, char why[PYRE_WHY])
{
    struct pyre_walk walk = { 0 };
    int64_t n = 0;
    int found;
    while ((found = pyre_next(re, text, &walk, NULL, 0, why)) > 0)
        n++;
    return found < 0 ? -1 : n;
}

int64_t
pyre_count_split(const struct pyre *re, struct evald_str text, char why[PYRE_WHY])
{
    int64_t n = pyre_count(re, text, why);
    return n < 0 ? -1 : 1 + n * (1 + (int64_t)re->n_groups);
}
