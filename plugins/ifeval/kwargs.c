#include "kwargs.h"

#include <stdlib.h>

#include "kind.h"
#include "pylist.h"
#include "pytext.h"

/* Of the list that response_language knows; Chinese is not on it. */
static const char *const languages[] = {
    "en", "es", "pt", "ar", "hi", "fr", "ru", "de", "ja", "it",
    "bn", "uk", "th", "ur", "ta", "te", "bg", "ko", "pl", "he",
    "fa", "vi", "ne", "sw", "kn", "mr", "gu", "pa", "ml", "fi",
};

static bool
needs(const struct answer *a, const char *name)
{
    evald_fail(a->c, EVALD_E_ROW, "instruction '%s' needs '%s'", a->instruction->id, name);
    return false;
}

static bool
is_no(const struct answer *a, const char *name, const struct evald_value *v,
      const char *what)
{
    evald_fail(a->c, EVALD_E_ROW, "kwargs[%zu].%s is %s, not %s", a->place, name,
               kind_name(v), what);
    return false;
}

static bool
is_other(const struct answer *a, const char *name, struct evald_str text, const char *what)
{
    evald_fail(a->c, EVALD_E_ROW, "kwargs[%zu].%s is %s, not %s", a->place, name,
               pytext_shown(a->c, text), what);
    return false;
}

static bool
read_number(const struct answer *a, const struct kwarg *k, const struct evald_value *v,
            struct given *ret)
{
    if (v->kind != EVALD_NUMBER && v->kind != EVALD_BOOL)
        return is_no(a, k->name, v, "a number");
    if (k->kind == KWARG_COUNT && v->num < 0)
        return needs(a, k->name);
    if (k->kind == KWARG_ORDINAL && v->kind == EVALD_NUMBER
        && !(v->flags & EVALD_INTEGER)) {
        evald_fail(a->c, EVALD_E_ROW, "kwargs[%zu].%s is %s, not an integer", a->place,
                   k->name, v->str.ptr);
        return false;
    }
    ret->num = v->num;
    return true;
}

static bool
read_text(const struct answer *a, const struct kwarg *k, const struct evald_value *v,
          struct given *ret)
{
    if (v->kind != EVALD_STRING)
        return is_no(a, k->name, v, "a string");
    ret->text = k->kind == KWARG_LETTER ? pytext_strip(v->str) : v->str;
    if (ret->text.len == 0 && (k->kind == KWARG_FULL_TEXT || k->kind == KWARG_LETTER))
        return needs(a, k->name);
    if (k->kind == KWARG_LETTER && pytext_len(ret->text) > 1)
        return is_other(a, k->name, v->str, "one character");
    if (k->kind == KWARG_RELATION) {
        ret->less = pytext_is(v->str, "less than");
        if (!ret->less && !pytext_is(v->str, "at least"))
            return is_other(a, k->name, v->str, "\"less than\" or \"at least\"");
    }
    if (k->kind == KWARG_LANGUAGE) {
        for (size_t i = 0; i < sizeof languages / sizeof languages[0]; i++)
            if (pytext_is(v->str, languages[i]))
                return true;
        return is_other(a, k->name, v->str, "a language that the instruction knows");
    }
    return true;
}

static int
by_text(const void *a, const void *b)
{
    return pytext_order(*(const struct evald_str *)a, *(const struct evald_str *)b);
}

static size_t
sort(struct evald_str *list, size_t n)
{
    size_t kept = 0;
    if (n > 1)
        qsort(list, n, sizeof *list, by_text);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || !pytext_same(list[kept - 1], list[i]))
            list[kept++] = list[i];
    return kept;
}

size_t
kwargs_texts(struct evald_call *c, const struct evald_value *all, size_t n,
             struct evald_str **ret)
{
    struct evald_str *list = evald_alloc(c, (n + 1) * sizeof *list);
    size_t i = 0;
    for (; i < n && all[i].kind == EVALD_STRING; i++)
        list[i] = all[i].str;
    *ret = list;
    return i;
}

static bool
read_list(const struct answer *a, const struct kwarg *k, const struct evald_value *v,
          struct given *ret)
{
    struct evald_value *all;
    struct evald_str *list;
    size_t n;
    if (!pylist_read(a->c, v, &all, &n))
        return is_no(a, k->name, v, "a list of strings");
    size_t odd = kwargs_texts(a->c, all, n, &list);
    if (odd < n) {
        evald_fail(a->c, EVALD_E_ROW, "kwargs[%zu].%s[%zu] is %s, not a string", a->place,
                   k->name, odd, kind_name(&all[odd]));
        return false;
    }
    if (n == 0)
        return needs(a, k->name);
    ret->n = sort(list, n);
    ret->list = list;
    return true;
}

static bool
read_one(const struct answer *a, const struct kwarg *k, const struct evald_value *v,
         struct given *ret)
{
    if (v->kind == EVALD_ABSENT || v->kind == EVALD_NULL)
        return needs(a, k->name);
    switch (k->kind) {
    case KWARG_NUMBER:
    case KWARG_COUNT:
    case KWARG_ORDINAL: return read_number(a, k, v, ret);
    case KWARG_LIST: return read_list(a, k, v, ret);
    default: return read_text(a, k, v, ret);
    }
}

bool
kwargs_read(const struct answer *a, struct evald_str object, struct given ret[KWARGS_MAX])
{
    const struct kwarg *kwargs = a->instruction->kwargs;
    struct evald_value values[KWARGS_MAX] = { 0 }, value;
    struct evald_str key;
    if (kwargs[0].name == NULL)
        return true;
    for (size_t at = 0; evald_each(a->c, object, &at, &key, &value) > 0;)
        for (size_t i = 0; i < KWARGS_MAX && kwargs[i].name != NULL; i++)
            if (pytext_is(key, kwargs[i].name))
                values[i] = value; /* the last of a name counts */
    for (size_t i = 0; i < KWARGS_MAX && kwargs[i].name != NULL; i++)
        if (!read_one(a, &kwargs[i], &values[i], &ret[i]))
            return false;
    return true;
}
