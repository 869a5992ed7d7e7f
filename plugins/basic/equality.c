/* equality.c - basic::equality and basic::subset_of: Python's == and in on JSON values.
 *
 * Numbers and booleans compare by value (1 == 1.0 == true), integers exactly whatever their
 * size; strings code point by code point, without normalisation; objects whatever the order
 * of their members, the last of duplicate keys counting; null equals null alone, NaN nothing.
 * See evald-basic(7). */
#define _GNU_SOURCE /* memmem */
#include <stdbool.h>
#include <stdlib.h>

#include "basic.h"
#include "kind.h"
#include "pytext.h"

/* Deeper values than the host lets through; the guard is for the stack's sake. */
#define DEPTH_MAX 1000

static bool
is_integer(const struct evald_value *v)
{
    return v->kind == EVALD_NUMBER && (v->flags & EVALD_INTEGER) != 0;
}

/* JSON writes integers in one way only, save for zero. */
static struct evald_str
digits(struct evald_str s)
{
    return pytext_same(s, evald_s("-0")) ? evald_s("0") : s;
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

/* A value, with what is in it once that was asked for: a value that many are compared with is
 * taken apart once. */
struct node {
    struct evald_value value;
    struct evald_str key; /* empty in an array */
    size_t place;
    struct node *parts;
    size_t n_parts;
    bool counted, open;
};

static void
count_parts(struct evald_call *c, struct node *node)
{
    size_t n = 0, at = 0;
    if (node->counted)
        return;
    while (evald_each(c, node->value.str, &at, NULL, NULL) > 0)
        n++;
    node->n_parts = n;
    node->counted = true;
}

/* All members of an object, or elements of an array, in their order.  A walk is finished
 * before anything inside is looked at, so the host keeps its parse of one text at a time. */
static void
read_parts(struct evald_call *c, struct node *node)
{
    size_t at = 0;
    node->parts = evald_alloc(c, (node->n_parts + 1) * sizeof *node->parts);
    for (size_t i = 0; i < node->n_parts; i++) {
        struct node *part = &node->parts[i];
        part->place = i;
        evald_each(c, node->value.str, &at, &part->key, &part->value);
    }
}

static int
by_key_and_place(const void *pa, const void *pb)
{
    const struct node *a = pa, *b = pb;
    int order = pytext_order(a->key, b->key);
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

/* Sorts members by key and keeps the last of duplicates. */
static void
as_object(struct node *node)
{
    struct node *all = node->parts;
    size_t n = node->n_parts, kept = 0;
    if (n > 1)
        qsort(all, n, sizeof *all, by_key_and_place);
    for (size_t i = 0; i < n; i++)
        if (i + 1 == n || !pytext_same(all[i].key, all[i + 1].key))
            all[kept++] = all[i];
    node->n_parts = kept;
}

static void
open_node(struct evald_call *c, struct node *node)
{
    if (node->open)
        return;
    count_parts(c, node);
    read_parts(c, node);
    if (node->value.kind == EVALD_OBJECT)
        as_object(node);
    node->open = true;
}

static bool same(struct evald_call *c, struct node *a, struct node *b, int depth);

static bool
same_container(struct evald_call *c, struct node *a, struct node *b, int depth)
{
    if (a->value.kind == EVALD_ARRAY) {
        count_parts(c, a);
        count_parts(c, b);
        if (a->n_parts != b->n_parts)
            return false;
    }
    open_node(c, a);
    open_node(c, b);
    if (a->n_parts != b->n_parts)
        return false;
    for (size_t i = 0; i < a->n_parts; i++)
        if (!pytext_same(a->parts[i].key, b->parts[i].key))
            return false;
    for (size_t i = 0; i < a->n_parts; i++)
        if (!same(c, &a->parts[i], &b->parts[i], depth))
            return false;
    return true;
}

static bool
same(struct evald_call *c, struct node *x, struct node *y, int depth)
{
    const struct evald_value *a = &x->value, *b = &y->value;
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
        return same_container(c, x, y, depth + 1);
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
    struct node expected = { .value = row->cols[EXPECTED] };
    struct node generated = { .value = row->cols[GENERATED] };
    return evald_score(c, same(c, &expected, &generated, 0));
}

static int32_t
subset_of_score(struct evald_call *c, void *self, const struct evald_row *row)
{
    (void)self;
    const struct evald_value *x = &row->cols[EXPECTED], *y = &row->cols[GENERATED];
    struct node expected = { .value = *x }, generated = { .value = *y };

    switch (y->kind) {
    case EVALD_STRING:
        if (x->kind != EVALD_STRING)
            return evald_fail(c, EVALD_E_ROW,
                              "column 'expected_answer' is %s; only a string can be part of"
                              " the string in 'generated_answer'", kind_name(x));
        return evald_score(c, x->str.len == 0 || memmem(y->str.ptr, y->str.len, x->str.ptr,
                                                        x->str.len) != NULL);
    case EVALD_ARRAY:
        open_node(c, &generated);
        for (size_t i = 0; i < generated.n_parts; i++)
            if (same(c, &expected, &generated.parts[i], 1))
                return evald_score(c, 1);
        return evald_score(c, 0);
    case EVALD_OBJECT:
        if (x->kind == EVALD_ARRAY || x->kind == EVALD_OBJECT)
            return evald_fail(c, EVALD_E_ROW,
                              "column 'expected_answer' is %s, which cannot be a key of the"
                              " object in 'generated_answer'", kind_name(x));
        open_node(c, &generated);
        for (size_t i = 0; i < generated.n_parts; i++)
            if (x->kind == EVALD_STRING && pytext_same(x->str, generated.parts[i].key))
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
