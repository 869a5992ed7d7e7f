#include "pylist.h"
#include "pytext.h"

#define UNIQUE_MAX 1000 /* members of an object that are looked at for duplicates */

/* All of a container, in order: reading ahead keeps the host at one text at a time. */
static size_t
members_of(struct evald_call *c, struct evald_str json, struct pylist_member **ret)
{
    struct pylist_member *all = NULL, one;
    size_t n = 0, room = 0;
    for (size_t at = 0; evald_each(c, json, &at, &one.key, &one.value) > 0; n++) {
        if (n == room) {
            room = 2 * room + 8;
            struct pylist_member *more = evald_alloc(c, room * sizeof *more);
            if (n > 0)
                memcpy(more, all, n * sizeof *more);
            all = more;
        }
        all[n] = one;
    }
    *ret = all;
    return n;
}

static size_t
as_dict(struct pylist_member *all, size_t n)
{
    size_t kept = 0;
    if (n > UNIQUE_MAX)
        return n;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < kept && !pytext_same(all[k].key, all[i].key))
            k++;
        all[k] = k < kept ? (struct pylist_member){ all[k].key, all[i].value } : all[i];
        kept += k == kept;
    }
    return kept;
}

size_t
pylist_members(struct evald_call *c, const struct evald_value *v, struct pylist_member **ret)
{
    *ret = NULL;
    if (v->kind != EVALD_ARRAY && v->kind != EVALD_OBJECT)
        return 0;
    size_t n = members_of(c, v->str, ret);
    return v->kind == EVALD_OBJECT ? as_dict(*ret, n) : n;
}

static struct evald_value *
characters(struct evald_call *c, struct evald_str s, size_t *ret_n)
{
    struct evald_value *all = evald_alloc(c, (pytext_len(s) + 1) * sizeof *all);
    size_t n = 0;
    for (const char *p = s.ptr, *end = p + s.len, *from = p; p < end; from = p) {
        pytext_next(&p, end);
        struct evald_str one = { evald_alloc(c, (size_t)(p - from) + 1), (size_t)(p - from) };
        memcpy((char *)one.ptr, from, one.len);
        all[n++] = (struct evald_value){ EVALD_STRING, 0, 0, one };
    }
    *ret_n = n;
    return all;
}

bool
pylist_read(struct evald_call *c, const struct evald_value *v, struct evald_value **ret,
            size_t *ret_n)
{
    struct pylist_member *members;
    if (v->kind == EVALD_STRING) {
        *ret = characters(c, v->str, ret_n);
        return true;
    }
    if (v->kind != EVALD_ARRAY && v->kind != EVALD_OBJECT)
        return false;
    size_t n = pylist_members(c, v, &members);
    *ret = evald_alloc(c, (n + 1) * sizeof **ret);
    for (size_t i = 0; i < n; i++)
        (*ret)[i] = v->kind == EVALD_ARRAY
                        ? members[i].value
                        : (struct evald_value){ EVALD_STRING, 0, 0, members[i].key };
    *ret_n = n;
    return true;
}
