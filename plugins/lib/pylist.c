#include "pylist.h"
#include "pytext.h"

#define GONE UINT32_MAX /* the kind of a member that another of its name replaces */

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

/* By name, those of one name in the order they have; room is for half of them. */
static void
sort(struct pylist_member **list, struct pylist_member **room, size_t n)
{
    size_t half = n / 2;
    if (n < 2)
        return;
    sort(list, room, half);
    sort(list + half, room, n - half);
    memcpy(room, list, half * sizeof *list);
    for (size_t i = 0, k = half, to = 0; i < half; to++) {
        bool second = k < n && pytext_order(list[k]->key, room[i]->key) < 0;
        list[to] = second ? list[k++] : room[i++];
    }
}

/* How many names there are; what a later member of the same name replaces is GONE from all. */
static size_t
as_dict(struct evald_call *c, struct pylist_member *all, size_t n)
{
    struct pylist_member **list = evald_alloc(c, (n + n / 2 + 1) * sizeof *list);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        list[i] = &all[i];
    sort(list, list + n, n);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && pytext_same(list[kept - 1]->key, list[i]->key)) {
            list[kept - 1]->value = list[i]->value;
            list[i]->value.kind = GONE;
        } else {
            list[kept++] = list[i];
        }
    }
    return kept;
}

size_t
pylist_members(struct evald_call *c, const struct evald_value *v, struct pylist_member **ret)
{
    *ret = NULL;
    if (v->kind != EVALD_ARRAY && v->kind != EVALD_OBJECT)
        return 0;
    size_t n = members_of(c, v->str, ret), kept = 0;
    if (v->kind == EVALD_ARRAY || as_dict(c, *ret, n) == n)
        return n;
    for (size_t i = 0; i < n; i++)
        if ((*ret)[i].value.kind != GONE)
            (*ret)[kept++] = (*ret)[i];
    return kept;
}

static struct evald_value *
characters(struct evald_call *c, struct evald_str s, size_t *ret_n)
{
    struct evald_value *all = evald_alloc(c, (pytext_len(s) + 1) * sizeof *all);
    size_t n = 0;
    for (const char *p = s.ptr, *end = p + s.len, *from = p; p < end; from = p) {
        pytext_next(&p, end);
        struct evald_str one = { from, (size_t)(p - from) };
        all[n++] = (struct evald_value){ EVALD_STRING, 0, 0, one };
    }
    *ret_n = n;
    return all;
}

bool
pylist_len(struct evald_call *c, const struct evald_value *v, size_t *ret)
{
    struct pylist_member *members;
    if (v->kind == EVALD_STRING)
        *ret = pytext_len(v->str);
    else if (v->kind == EVALD_OBJECT)
        *ret = pylist_members(c, v, &members);
    else
        *ret = 0;
    for (size_t at = 0; v->kind == EVALD_ARRAY && evald_each(c, v->str, &at, NULL, NULL) > 0;)
        ++*ret;
    return v->kind == EVALD_STRING || v->kind == EVALD_OBJECT || v->kind == EVALD_ARRAY;
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
