/* equality.c - basic::equality and basic::subset_of: Python's == and in on JSON values.
 *
 * Numbers and booleans compare by value (1 == 1.0 == true), integers exactly whatever their
 * size; strings code point by code point, without normalisation; objects whatever the order
 * of their members, the last of duplicate keys counting; null equals null alone, NaN nothing.
 * See evald-basic(7). */
#define _GNU_SOURCE /* memmem */
#include <stdbool.h>

#include "basic.h"
#include "kind.h"
#include "pylist.h"
#include "pytext.h"

/* Deeper values than the host lets through; the guard is for the stack's sake. */
#define DEPTH_MAX 1000

static bool same(struct evald_call *c, const struct evald_value *a,
                 const struct evald_value *b, int depth);

static bool
is_integer(const struct evald_value *v)
{
    return v->kind == EVALD_NUMBER && (v->flags & EVALD_INTEGER) != 0;
}

/* JSON writes integers in one way only, save for zero. */
static struct evald_str
digits(struct evald_str s)
{
    return pytext_is(s, "-0") ? evald_s("0") : s;
}

/* The integer i, any number of digits, against a double: printf writes out every digit of
 * an integral double, so the comparison is exact. */
static bool
same_integer_double(const struct evald_value *i, double d)
{
    if (i->num != d) /* rounding is monotonic: the nearest double differs, so i does */
        return false;
    if (i->str.len <= 15)
        return true;
    char all[400]; /* DBL_MAX has 309 digits */
    int n = snprintf(all, sizeof all, "%.0f", d);
    return n > 0 && (size_t)n < sizeof all
           && pytext_same(i->str, (struct evald_str){ all, (size_t)n });
}

static bool
same_number(const struct evald_value *a, const struct evald_value *b)
{
    if (is_integer(a) && is_integer(b))
        return pytext_same(digits(a->str), digits(b->str));
    if (is_integer(a))
        return same_integer_double(a, b->num);
    if (is_integer(b))
        return same_integer_double(b, a->num);
    return a->num == b->num;
}

static bool
same_array(struct evald_call *c, const struct evald_value *a, const struct evald_value *b,
           int depth)
{
    struct pylist_member *all, *others;
    size_t n = pylist_members(c, a, &all);
    if (pylist_members(c, b, &others) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!same(c, &all[i].value, &others[i].value, depth))
            return false;
    return true;
}

static bool
same_object(struct evald_call *c, const struct evald_value *a, const struct evald_value *b,
            int depth)
{
    struct pylist_member **all, **others;
    size_t n = pylist_sorted(c, a, &all);
    if (pylist_sorted(c, b, &others) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!pytext_same(all[i]->key, others[i]->key))
            return false;
    for (size_t i = 0; i < n; i++)
        if (!same(c, &all[i]->value, &others[i]->value, depth))
            return false;
    return true;
}

static bool
same(struct evald_call *c, const struct evald_value *a, const struct evald_value *b,
     int depth)
{
    bool numeric_a = a->kind == EVALD_NUMBER || a->kind == EVALD_BOOL;
    bool numeric_b = b->kind == EVALD_NUMBER || b->kind == EVALD_BOOL;
    if (numeric_a && numeric_b)
        return same_number(a, b);
    if (a->kind != b->kind || depth > DEPTH_MAX)
        return false;
    switch (a->kind) {
    case EVALD_STRING:
        return pytext_same(a->str, b->str);
    case EVALD_ARRAY:
    case EVALD_OBJECT:
        /* The same bytes are the same value, unless there is a NaN among them. */
        if (pytext_same(a->str, b->str) && memmem(a->str.ptr, a->str.len, "NaN", 3) == NULL)
            return true;
        return a->kind == EVALD_ARRAY ? same_array(c, a, b, depth + 1)
                                      : same_object(c, a, b, depth + 1);
    default:
        return a->kind == EVALD_NULL;
    }
}

enum { GENERATED, EXPECTED };
static const char *const columns[] = { "generated_answer", "expected_answer", NULL };

static int32_t
equality_score(struct evald_call *c, void *self, const struct evald_row *row)
{
    (void)self;
    return evald_score(c, same(c, &row->cols[EXPECTED], &row->cols[GENERATED], 0));
}

static int32_t
subset_of_score(struct evald_call *c, void *self, const struct evald_row *row)
{
    (void)self;
    const struct evald_value *x = &row->cols[EXPECTED], *y = &row->cols[GENERATED];
    struct pylist_member *all;
    size_t n;

    switch (y->kind) {
    case EVALD_STRING:
        if (x->kind != EVALD_STRING)
            return evald_fail(c, EVALD_E_ROW,
                              "column 'expected_answer' is %s; only a string can be part of"
                              " the string in 'generated_answer'", kind_name(x));
        return evald_score(c, x->str.len == 0 || memmem(y->str.ptr, y->str.len, x->str.ptr,
                                                        x->str.len) != NULL);
    case EVALD_ARRAY:
        n = pylist_members(c, y, &all);
        for (size_t i = 0; i < n; i++)
            if (same(c, x, &all[i].value, 1))
                return evald_score(c, 1);
        return evald_score(c, 0);
    case EVALD_OBJECT:
        if (x->kind == EVALD_ARRAY || x->kind == EVALD_OBJECT)
            return evald_fail(c, EVALD_E_ROW,
                              "column 'expected_answer' is %s, which cannot be a key of the"
                              " object in 'generated_answer'", kind_name(x));
        n = pylist_members(c, y, &all);
        for (size_t i = 0; i < n; i++)
            if (x->kind == EVALD_STRING && pytext_same(x->str, all[i].key))
                return evald_score(c, 1);
        return evald_score(c, 0);
    default:
        return evald_fail(c, EVALD_E_ROW,
                          "column 'generated_answer' is %s, which contains nothing", kind_name(y));
    }
}

const struct evald_plugin basic_equality = {
    EVALD_HEAD(EVALD_SCORER),
    .threads = EVALD_PARALLEL,
    .id = "basic::equality",
    .version = "1",
    .summary = "1.0 when the generated answer equals the expected one as a JSON value",
    .params_schema = BASIC_SCHEMA,
    .params_default = BASIC_DEFAULTS,
    .return_type = "{\"type\":\"number\"}",
    .metrics = BASIC_METRICS,
    .columns = columns,
    .score = equality_score,
};
const struct evald_plugin basic_subset_of = {
    EVALD_HEAD(EVALD_SCORER),
    .threads = EVALD_PARALLEL,
    .id = "basic::subset_of",
    .version = "1",
    .summary = "1.0 when the expected answer occurs in the generated one",
    .params_schema = BASIC_SCHEMA,
    .params_default = BASIC_DEFAULTS,
    .return_type = "{\"type\":\"number\"}",
    .metrics = BASIC_METRICS,
    .columns = columns,
    .score = subset_of_score,
};
