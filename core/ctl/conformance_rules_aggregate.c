/* null-aggregate, worked out apart from evald's own aggregations: what it expects must not
 * come from what it checks. */
#include "config.h"

#include <math.h>

#include "common/mem.h"
#include "ctl/conformance_rules.h"

#define EXACT ((int64_t)1 << 53) /* integers below are doubles too */

struct value {
    bool is_float;
    int64_t i;
    double d; /* of an integer too */
};

/* Python's sum(): exact until the first float, which is added as any two numbers are, and
 * compensated from there on. */
struct sum {
    struct value total;
    double c;
};

static bool
read_value(struct jval v, struct value *ret)
{
    *ret = (struct value){ .is_float = false };
    if (v.kind == J_BOOL) {
        ret->i = v.raw.ptr[0] == 't';
    } else if (v.kind == J_NUMBER && !jtext_is_integer(v)) {
        ret->is_float = true;
        ret->d = jtext_double(v);
        return isfinite(ret->d);
    } else if (!jtext_int64(v, &ret->i)) {
        return false;
    }
    ret->d = (double)ret->i;
    return ret->i < EXACT && ret->i > -EXACT;
}

static bool
sum_add(struct sum *s, struct value v)
{
    struct value *t = &s->total;
    if (!t->is_float && !v.is_float) {
        t->i += v.i;
        t->d = (double)t->i;
        return t->i < EXACT && t->i > -EXACT;
    }
    if (v.is_float && !t->is_float) {
        t->d += v.d;
        t->is_float = true;
    } else if (v.is_float) {
        double x = v.d, next = t->d + x;
        if (fabs(t->d) >= fabs(x))
            s->c += (t->d - next) + x;
        else
            s->c += (x - next) + t->d;
        t->d = next;
    } else {
        t->d += v.d;
    }
    return true;
}

static struct value
sum_end(const struct sum *s)
{
    struct value v = s->total;
    if (v.is_float && s->c != 0 && isfinite(s->c))
        v.d += s->c;
    return v;
}

static void
put_value(struct text *t, struct value v)
{
    if (v.is_float)
        jtext_put_double(t, v.d);
    else
        text_putf(t, "%lld", (long long)v.i);
}

static void
put_ratio(struct text *t, struct value a, struct value b, bool *undefined)
{
    if (b.d == 0) {
        *undefined = true;
        text_puts(t, "null");
    } else {
        jtext_put_double(t, a.d / b.d);
    }
}

static bool
put_accuracy(struct text *t, struct jval rows, bool *undefined)
{
    struct sum s = { 0 };
    struct value v, n = { 0 };
    struct jval row;
    for (struct jiter it = jtext_iter(rows); jtext_next(&it, NULL, &row); n.i++) {
        struct jval score = jtext_member(row, STR("score"));
        *undefined = *undefined || score.kind == J_NULL;
        if (score.kind == J_NULL)
            continue;
        if (!read_value(score, &v) || !sum_add(&s, v))
            return false;
    }
    n.d = (double)n.i;
    text_puts(t, "\"accuracy\": ");
    put_ratio(t, sum_end(&s), n, undefined);
    text_puts(t, ", \"num_correct\": ");
    put_value(t, sum_end(&s));
    text_putf(t, ", \"num_total\": %lld", (long long)n.i);
    return true;
}

static bool
put_average(struct text *t, struct jval rows, bool *undefined)
{
    struct sum s = { 0 };
    struct value v, n = { 0 };
    struct jval row;
    for (struct jiter it = jtext_iter(rows); jtext_next(&it, NULL, &row);) {
        struct jval score = jtext_member(row, STR("score"));
        if (score.kind == J_NULL)
            continue;
        if (!read_value(score, &v) || !sum_add(&s, v))
            return false;
        n.d++;
    }
    text_puts(t, "\"average\": ");
    put_ratio(t, sum_end(&s), n, undefined);
    return true;
}

static bool
put_weighted(struct text *t, struct jval rows, bool *undefined)
{
    struct sum above = { 0 }, below = { 0 };
    struct value score, weight;
    struct jval row;
    for (struct jiter it = jtext_iter(rows); jtext_next(&it, NULL, &row);) {
        struct jval s = jtext_member(row, STR("score")), w = jtext_member(row, STR("weight"));
        if (w.kind == J_ABSENT)
            return false;
        if (w.kind == J_NULL)
            continue;
        if (!read_value(w, &weight) || !sum_add(&below, weight))
            return false;
        if (s.kind == J_NULL)
            continue;
        if (!read_value(s, &score))
            return false;
        struct value product = { score.is_float || weight.is_float, 0, score.d * weight.d };
        if (fabs(product.d) >= (double)EXACT && !product.is_float)
            return false;
        product.i = product.is_float ? 0 : score.i * weight.i;
        if (!sum_add(&above, product))
            return false;
    }
    text_puts(t, "\"weighted_average\": ");
    put_ratio(t, sum_end(&above), sum_end(&below), undefined);
    return true;
}

struct item {
    struct value value;
    struct jval raw;
    size_t place;
};

static int
compare_items(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->value.d != y->value.d)
        return x->value.d < y->value.d ? -1 : 1;
    return x->place < y->place ? -1 : 1; /* Python's sort is stable */
}

static bool
put_median(struct text *t, struct jval rows)
{
    struct jval row;
    size_t n = 0;
    CLEANUP_FREE struct item *items = xcalloc(jtext_count(rows) + 1, sizeof *items);
    for (struct jiter it = jtext_iter(rows); jtext_next(&it, NULL, &row);) {
        struct jval score = jtext_member(row, STR("score"));
        if (score.kind == J_NULL)
            continue;
        if (!read_value(score, &items[n].value))
            return false;
        items[n].raw = score;
        items[n].place = n;
        n++;
    }
    qsort(items, n, sizeof *items, compare_items);
    text_puts(t, "\"median\": ");
    if (n == 0)
        text_puts(t, "null");
    else if (n % 2 == 0)
        jtext_put_double(t, (items[n / 2 - 1].value.d + items[n / 2].value.d) / 2);
    else if (items[n / 2].raw.kind == J_BOOL)
        text_put_str(t, items[n / 2].raw.raw);
    else
        put_value(t, items[n / 2].value);
    return true;
}

struct category {
    char *name;
    size_t count;
};

static int
compare_categories(const void *a, const void *b)
{
    return strcmp(((const struct category *)a)->name, ((const struct category *)b)->name);
}

/* str() of a score; NULL for what is not worked out here. */
static char *
category_name(struct jval score)
{
    struct text t = TEXT_INIT;
    struct value v;
    if (score.kind == J_NULL)
        text_puts(&t, "None");
    else if (score.kind == J_BOOL)
        text_puts(&t, score.raw.ptr[0] == 't' ? "True" : "False");
    else if (score.kind == J_STRING)
        jtext_decode(&t, score.raw);
    else if (score.kind == J_NUMBER && read_value(score, &v))
        put_value(&t, v);
    else
        return NULL;
    bool ascii = memchr(text_str(&t).ptr, '\0', t.len) == NULL;
    for (size_t i = 0; i < t.len; i++)
        ascii = ascii && (unsigned char)t.ptr[i] < 0x80;
    if (!ascii)
        text_fini(&t);
    return ascii ? text_take(&t) : NULL;
}

static bool
put_categories(struct text *t, struct jval rows)
{
    struct jval row;
    size_t n = 0;
    bool fine = true;
    CLEANUP_FREE struct category *all = xcalloc(jtext_count(rows) + 1, sizeof *all);
    for (struct jiter it = jtext_iter(rows); fine && jtext_next(&it, NULL, &row);) {
        char *name = category_name(jtext_member(row, STR("score")));
        size_t i = 0;
        fine = name != NULL;
        while (fine && i < n && strcmp(all[i].name, name) != 0)
            i++;
        if (fine && i == n)
            all[n++].name = TAKE(name);
        if (fine)
            all[i].count++;
        free(name);
    }
    qsort(all, n, sizeof *all, compare_categories);
    text_puts(t, "\"categorical_count\": {");
    for (size_t i = 0; i < n; i++) {
        text_puts(t, i > 0 ? ", " : "");
        jtext_put_string(t, str_z(all[i].name));
        text_putf(t, ": %zu", all[i].count);
        free(all[i].name);
    }
    text_putc(t, '}');
    return fine;
}

static bool
put_aggregation(struct text *t, struct str name, struct jval rows, bool *undefined)
{
    if (jtext_spells(name, STR("accuracy")))
        return put_accuracy(t, rows, undefined);
    if (jtext_spells(name, STR("average")))
        return put_average(t, rows, undefined);
    if (jtext_spells(name, STR("weighted_average")))
        return put_weighted(t, rows, undefined);
    if (jtext_spells(name, STR("median")))
        return put_median(t, rows);
    return jtext_spells(name, STR("categorical_count")) && put_categories(t, rows);
}

/* Does the name at this place of the list come before it too? */
static bool
is_repeated(struct jval names, struct jval name)
{
    struct jval before;
    for (struct jiter it = jtext_iter(names); jtext_next(&it, NULL, &before);) {
        if (before.raw.ptr == name.raw.ptr)
            return false;
        if (str_eq(before.raw, name.raw))
            return true;
    }
    return false;
}

bool
rule_aggregate(struct jval score_rows, struct jval names, bool *ret_undefined,
               struct text *ret_json)
{
    struct jval row, name;
    bool first = true, undefined = false;
    for (struct jiter it = jtext_iter(score_rows); jtext_next(&it, NULL, &row);)
        if (jtext_member(row, STR("score")).kind == J_ABSENT)
            return false;
    text_putc(ret_json, '{');
    for (struct jiter it = jtext_iter(names); jtext_next(&it, NULL, &name);) {
        if (name.kind != J_STRING)
            return false;
        if (is_repeated(names, name))
            continue;
        text_puts(ret_json, first ? "" : ", ");
        text_put_str(ret_json, name.raw);
        text_puts(ret_json, ": {");
        if (!put_aggregation(ret_json, name.raw, score_rows, &undefined))
            return false;
        text_putc(ret_json, '}');
        first = false;
    }
    text_putc(ret_json, '}');
    *ret_undefined = undefined;
    return true;
}

void
rules_aggregation(struct conformance_case *c)
{
    CLEANUP_TEXT struct text json = TEXT_INIT, t = TEXT_INIT;
    bool undefined = false;
    if (!rule_aggregate(jtext_member(c->row, STR("score_rows")),
                        jtext_member(c->row, STR("aggregation_functions")), &undefined, &json)
        || !undefined)
        return;
    text_puts(&t, "{\"aggregated_results\":");
    text_put_str(&t, text_str(&json));
    text_puts(&t, ",\"expect_json\":");
    jtext_put_string(&t, text_str(&json));
    text_putc(&t, '}');
    rule_set_result(c, RULE_NULL_AGGREGATE, &t);
}
