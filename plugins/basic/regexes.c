#include "regexes.h"

int32_t
regexes_open(struct evald_call *c, struct evald_str params, void **self)
{
    struct regexes *r = evald_alloc(c, sizeof *r);
    struct evald_str key, list = evald_get(c, params, "/parsing_regexes").str;
    struct evald_value v;
    size_t n = 0;
    for (size_t at = 0; evald_each(c, list, &at, &key, &v) > 0;)
        n++;
    r->all = evald_alloc(c, (n + 1) * sizeof *r->all);
    for (size_t at = 0; r->n < n && evald_each(c, list, &at, &key, &v) > 0;)
        r->all[r->n++].pattern = v.str;
    *self = r;
    return EVALD_OK;
}

void
regexes_close(void *self)
{
    struct regexes *r = self;
    for (size_t i = 0; i < r->n; i++)
        pyre_free(atomic_load(&r->all[i].re));
}

const struct pyre *
regexes_get(struct evald_call *c, struct regexes *r, size_t i)
{
    char why[PYRE_WHY];
    struct regex *regex = &r->all[i];
    struct pyre *re = atomic_load_explicit(&regex->re, memory_order_acquire), *none = NULL;
    if (re != NULL)
        return re;
    re = pyre_compile(regex->pattern, why);
    if (re == NULL) {
        evald_fail(c, EVALD_E_CONFIG, "invalid regex %zu: %s", i, why);
        return NULL;
    }
    if (atomic_compare_exchange_strong(&regex->re, &none, re))
        return re;
    pyre_free(re);
    return none; /* another thread's, the same */
}
