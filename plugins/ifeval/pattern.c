#define _GNU_SOURCE /* mempcpy */
#include "pattern.h"

#include "pyre.h"
#include "pytext.h"

static struct pyre *
compile(struct answer *a, const char *kwarg, struct evald_str pattern, unsigned flags)
{
    char why[PYRE_WHY];
    struct pyre *re = pyre_compile_with(pattern, flags, why);
    if (re == NULL)
        evald_fail(a->c, EVALD_E_ROW, "kwargs[%zu].%s: invalid regex %s: %s", a->place,
                   kwarg, pytext_shown(a->c, pattern), why);
    return re;
}

static int
given_up(const struct answer *a, const char *kwarg, struct evald_str pattern,
         const char *why)
{
    return evald_fail(a->c, EVALD_E_ROW, "kwargs[%zu].%s: regex %s: %s", a->place, kwarg,
                      pytext_shown(a->c, pattern), why);
}

int
pattern_search(struct answer *a, const char *kwarg, struct evald_str pattern,
               unsigned flags, struct evald_str text)
{
    char why[PYRE_WHY];
    struct pyre_span span;
    struct pyre *re = compile(a, kwarg, pattern, flags);
    if (re == NULL)
        return -1;
    int found =
        pyre_has_time(&a->budget, why) ? pyre_search(re, text, 0, &span, 1, why) : -1;
    pyre_free(re);
    return found < 0 ? given_up(a, kwarg, pattern, why) : found;
}

int64_t
pattern_count(struct answer *a, const char *kwarg, struct evald_str pattern,
              unsigned flags, struct evald_str text)
{
    char why[PYRE_WHY];
    struct pyre *re = compile(a, kwarg, pattern, flags);
    if (re == NULL)
        return -1;
    int64_t n = pyre_has_time(&a->budget, why) ? pyre_count(re, text, why) : -1;
    pyre_free(re);
    return n < 0 ? given_up(a, kwarg, pattern, why) : n;
}

int64_t
pattern_count_split(struct answer *a, const char *kwarg, struct evald_str pattern,
                    struct evald_str text)
{
    char why[PYRE_WHY];
    struct pyre *re = compile(a, kwarg, pattern, 0);
    if (re == NULL)
        return -1;
    int64_t n = pyre_has_time(&a->budget, why) ? pyre_count_split(re, text, why) : -1;
    pyre_free(re);
    return n < 0 ? given_up(a, kwarg, pattern, why) : n;
}

struct evald_str
pattern_join(struct evald_call *c, const char *before, struct evald_str pattern,
             const char *behind)
{
    size_t n = strlen(before), m = strlen(behind);
    char *all = evald_alloc(c, n + pattern.len + m + 1);
    char *p = mempcpy(all, before, n);
    if (pattern.len > 0)
        p = mempcpy(p, pattern.ptr, pattern.len);
    memcpy(p, behind, m);
    return (struct evald_str){ all, n + pattern.len + m };
}
