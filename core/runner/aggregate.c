#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/jtext.h"
#include "common/mem.h"
#include "common/score.h"
#include "runner/aggregate.h"
#include "runner/median.h"
#include "runner/num.h"
#include "runner/pystr.h"

enum what { ACCURACY, AVERAGE, WEIGHTED, MEDIAN, CATEGORIES, N_WHAT };

static const char *const what_names[N_WHAT] = {
    "accuracy", "average", "weighted_average", "median", "categorical_count",
};

/* Why an aggregation has no value; the first reason stays. */
enum trouble {
    NO_TROUBLE,
    NO_SCORE,
    SCORE_NOT_NUMERIC,
    NO_WEIGHT,
    WEIGHT_NOT_NUMERIC,
    NOT_ORDERED,
    OUT_OF_RANGE,
};

struct part {
    enum what what;
    enum trouble trouble;
    uint64_t row;
    enum jkind kind; /* of the value in that row */
    uint64_t count;  /* scores that are not null */
    struct num_sum sum, weights;
    struct median *median;
};

struct category {
    size_t at, len; /* in names */
    uint64_t count;
};

/* Scores repeat: the last few by their raw text, so that they are not written out again. */
struct recent {
    char raw[24];
    size_t len, category;
};

struct agg {
    struct part parts[N_WHAT];
    size_t n_parts;
    uint64_t n_rows;

    struct text names; /* of the categories, one behind the other */
    struct category *categories;
    size_t n_categories, room;
    size_t *slots; /* hash table of index + 1, 0 is free */
    size_t n_slots;
    struct recent recent[8];
    size_t next_recent;
    struct text word;
};

struct agg *
agg_new(const char *const *names, size_t n, struct err *err)
{
    bool seen[N_WHAT] = { false };
    struct agg *a = xcalloc(1, sizeof *a);
    for (size_t i = 0; i < n; i++) {
        size_t w = 0;
        while (w < N_WHAT && strcmp(names[i], what_names[w]) != 0)
            w++;
        if (w == N_WHAT) {
            agg_free(a);
            return ERR_NULL(err, ERR_INVALID, "unknown aggregation function '%s'", names[i]);
        }
        if (seen[w])
            continue;
        seen[w] = true;
        struct part *p = &a->parts[a->n_parts++];
        p->what = (enum what)w;
        if (w == MEDIAN)
            p->median = median_new();
    }
    return a;
}

void
agg_free(struct agg *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < a->n_parts; i++) {
        num_sum_fini(&a->parts[i].sum);
        num_sum_fini(&a->parts[i].weights);
        median_free(a->parts[i].median);
    }
    text_fini(&a->names);
    text_fini(&a->word);
    free(a->categories);
    free(a->slots);
    free(a);
}

/* Categories. */

static uint64_t
hash_of(struct str s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.ptr[i]) * 0x100000001b3u;
    return h ^ h >> 32;
}

static struct str
category_name(const struct agg *a, const struct category *c)
{
    return (struct str){ a->names.ptr + c->at, c->len };
}

static size_t *
slot_of(struct agg *a, struct str name)
{
    size_t i = hash_of(name) & (a->n_slots - 1);
    while (a->slots[i] != 0
           && !str_eq(category_name(a, &a->categories[a->slots[i] - 1]), name))
        i = (i + 1) & (a->n_slots - 1);
    return &a->slots[i];
}

static int
grow_categories(struct agg *a, struct err *err)
{
    size_t room = a->room ? a->room * 2 : 16;
    struct category *c = reallocarray(a->categories, room, sizeof *c);
    if (c != NULL)
        a->categories = c;
    size_t *slots = calloc(room * 2, sizeof *slots);
    if (c == NULL || slots == NULL) {
        free(slots);
        return err_set(err, ERR_NOMEM, "categorical_count: out of memory");
    }
    a->room = room;
    free(a->slots);
    a->slots = slots;
    a->n_slots = room * 2;
    for (size_t i = 0; i < a->n_categories; i++)
        *slot_of(a, category_name(a, &a->categories[i])) = i + 1;
    return 0;
}

static int
add_category(struct agg *a, struct jval score, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(a->recent); i++) {
        struct recent *r = &a->recent[i];
        if (r->len == score.raw.len && memcmp(r->raw, score.raw.ptr, r->len) == 0) {
            a->categories[r->category].count++;
            return 0;
        }
    }
    if (a->n_categories == a->room && grow_categories(a, err) < 0)
        return -1;
    text_clear(&a->word);
    pystr_put(&a->word, score);
    struct str name = text_str(&a->word);
    size_t *slot = slot_of(a, name);
    if (*slot == 0) {
        a->categories[a->n_categories++] = (struct category){ a->names.len, name.len, 0 };
        text_put_str(&a->names, name);
        *slot = a->n_categories;
    }
    a->categories[*slot - 1].count++;
    if (score.raw.len <= sizeof a->recent[0].raw) {
        struct recent *r = &a->recent[a->next_recent++ % ARRAY_LEN(a->recent)];
        memcpy(r->raw, score.raw.ptr, score.raw.len);
        r->len = score.raw.len;
        r->category = *slot - 1;
    }
    return 0;
}

static int
by_name(const void *x, const void *y, void *agg)
{
    struct str a = category_name(agg, x), b = category_name(agg, y);
    int c = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return c != 0 ? c : a.len < b.len ? -1 : a.len > b.len;
}

static void
put_categories(struct agg *a, struct text *t)
{
    struct category *sorted = xreallocarray(NULL, a->n_categories + 1, sizeof *sorted);
    if (a->n_categories > 0)
        memcpy(sorted, a->categories, a->n_categories * sizeof *sorted);
    qsort_r(sorted, a->n_categories, sizeof *sorted, by_name, a);
    text_putc(t, '{');
    for (size_t i = 0; i < a->n_categories; i++) {
        if (i > 0)
            text_putc(t, ',');
        jtext_put_string(t, category_name(a, &sorted[i]));
        text_putf(t, ":%" PRIu64, sorted[i].count);
    }
    text_putc(t, '}');
    free(sorted);
}

/* Rows. */

static void
trouble(struct part *p, enum trouble why, uint64_t row, enum jkind kind)
{
    if (p->trouble != NO_TROUBLE)
        return;
    p->trouble = why;
    p->row = row;
    p->kind = kind;
}

static enum trouble
trouble_of(enum num_error e, enum trouble not_numeric)
{
    return e == NUM_OK ? NO_TROUBLE : e == NUM_NOT ? not_numeric : OUT_OF_RANGE;
}

/* accuracy, average */
static enum trouble
add_score(struct part *p, struct jval score)
{
    if (score.kind == J_NULL)
        return NO_TROUBLE;
    CLEANUP_NUM struct num n = { 0 };
    enum num_error e = num_from(&n, score);
    if (e == NUM_OK)
        e = num_sum_add(&p->sum, &n);
    p->count++;
    return trouble_of(e, SCORE_NOT_NUMERIC);
}

static enum trouble
add_weighted(struct part *p, struct jval score, struct jval weight)
{
    if (weight.kind == J_ABSENT)
        return NO_WEIGHT;
    if (weight.kind == J_NULL)
        return NO_TROUBLE;
    CLEANUP_NUM struct num w = { 0 };
    CLEANUP_NUM struct num s = { 0 };
    CLEANUP_NUM struct num product = { 0 };
    enum num_error e = num_from(&w, weight);
    if (e == NUM_OK)
        e = num_sum_add(&p->weights, &w);
    if (e != NUM_OK)
        return trouble_of(e, WEIGHT_NOT_NUMERIC);
    if (score.kind == J_NULL)
        return NO_TROUBLE;
    e = num_from(&s, score);
    if (e == NUM_OK)
        e = num_mul(&product, &s, &w);
    if (e == NUM_OK)
        e = num_sum_add(&p->sum, &product);
    return trouble_of(e, SCORE_NOT_NUMERIC);
}

static enum trouble
trouble_of_median(enum median_error e)
{
    switch (e) {
    case MEDIAN_OK: return NO_TROUBLE;
    case MEDIAN_UNORDERED: return NOT_ORDERED;
    case MEDIAN_NOT: return SCORE_NOT_NUMERIC;
    case MEDIAN_TOO_LARGE:
    case MEDIAN_NOMEM: return OUT_OF_RANGE;
    }
    return NO_TROUBLE;
}

static int
part_add(struct agg *a, struct part *p, struct jval score, struct jval weight, struct err *err)
{
    enum trouble why = NO_TROUBLE;
    enum jkind kind = score.kind;
    if (score.kind == J_ABSENT) {
        why = NO_SCORE;
    } else if (p->what == CATEGORIES) {
        return add_category(a, score, err);
    } else if (p->what == MEDIAN) {
        enum median_error e = median_add(p->median, score);
        if (e == MEDIAN_NOMEM)
            return err_set(err, ERR_NOMEM, "median: out of memory");
        why = trouble_of_median(e);
    } else if (p->what == WEIGHTED) {
        why = add_weighted(p, score, weight);
        if (why == WEIGHT_NOT_NUMERIC)
            kind = weight.kind;
    } else {
        why = add_score(p, score);
    }
    if (why != NO_TROUBLE)
        trouble(p, why, a->n_rows, kind);
    return 0;
}

int
agg_add(struct agg *a, struct str score_row_json, struct err *err)
{
    struct jval score = { J_ABSENT, { NULL, 0 } }, weight = score, val;
    struct jiter it = jtext_iter(jtext_whole(score_row_json));
    struct str key;
    while (it.object && jtext_next(&it, &key, &val)) {
        if (jtext_spells(key, STR("score")))
            score = val;
        else if (jtext_spells(key, STR("weight")))
            weight = val;
    }
    /* A row that failed says no weight either: that is one row less, not the end of it. */
    double x;
    if (weight.kind == J_ABSENT && score.kind == J_NULL
        && score_read(score_row_json, &x) == SCORE_ERROR)
        weight.kind = J_NULL;
    for (size_t i = 0; i < a->n_parts; i++)
        if (a->parts[i].trouble == NO_TROUBLE
            && part_add(a, &a->parts[i], score, weight, err) < 0)
            return -1;
    a->n_rows++;
    return 0;
}

/* Results. */

static void
put_ratio(struct text *t, struct part *p, const struct num *dividend, const struct num *divisor)
{
    double d;
    enum num_error e = p->trouble != NO_TROUBLE ? NUM_NOT : num_div(&d, dividend, divisor);
    if (e == NUM_OK)
        jtext_put_double(t, d);
    else
        text_puts(t, "null");
    if (e == NUM_TOO_LARGE)
        trouble(p, OUT_OF_RANGE, 0, J_ABSENT);
}

static void
put_part(struct agg *a, struct part *p, struct text *t)
{
    struct num_sum sum = p->sum, weights = p->weights; /* finished here, begun again there */
    num_sum_finish(&sum);
    num_sum_finish(&weights);
    struct num n = { .kind = NUM_INT };
    text_putf(t, "\"%s\":{\"%s\":", what_names[p->what], what_names[p->what]);
    switch (p->what) {
    case ACCURACY:
        n.i = (int64_t)a->n_rows;
        put_ratio(t, p, &sum.total, &n);
        text_puts(t, ",\"num_correct\":");
        if (p->trouble == NO_TROUBLE)
            num_put(t, &sum.total);
        else
            text_puts(t, "null");
        text_putf(t, ",\"num_total\":%" PRIu64, a->n_rows);
        break;
    case AVERAGE:
        n.i = (int64_t)p->count;
        put_ratio(t, p, &sum.total, &n);
        break;
    case WEIGHTED:
        put_ratio(t, p, &sum.total, &weights.total);
        break;
    case MEDIAN: {
        enum median_error e = MEDIAN_OK;
        if (p->trouble == NO_TROUBLE)
            e = median_put(p->median, t);
        if (e != MEDIAN_OK)
            trouble(p, trouble_of_median(e), 0, J_ABSENT);
        if (p->trouble != NO_TROUBLE)
            text_puts(t, "null");
        break;
    }
    case CATEGORIES:
        if (p->trouble == NO_TROUBLE)
            put_categories(a, t);
        else
            text_puts(t, "null");
        break;
    case N_WHAT:
        break;
    }
    text_putc(t, '}');
}

static const char *
kind_name(enum jkind kind)
{
    switch (kind) {
    case J_STRING: return "a string";
    case J_ARRAY: return "an array";
    case J_OBJECT: return "an object";
    case J_NULL: return "null";
    case J_BOOL: return "a boolean";
    case J_NUMBER: return "a number";
    case J_ABSENT: break;
    }
    return "nothing";
}

static int
tell(const struct part *p, struct err *err)
{
    const char *name = what_names[p->what];
    unsigned long long row = p->row;
    switch (p->trouble) {
    case NO_SCORE:
        return err_set(err, ERR_INVALID, "aggregation '%s': row %llu has no score", name, row);
    case SCORE_NOT_NUMERIC:
        if (p->kind == J_ABSENT) /* the mean of two strings or lists */
            return err_set(err, ERR_INVALID, "aggregation '%s' needs numeric scores", name);
        return err_set(err, ERR_INVALID,
                       "aggregation '%s' needs numeric scores: row %llu has %s", name, row,
                       kind_name(p->kind));
    case NO_WEIGHT:
        return err_set(err, ERR_INVALID, "aggregation '%s': row %llu has no weight", name, row);
    case WEIGHT_NOT_NUMERIC:
        return err_set(err, ERR_INVALID,
                       "aggregation '%s' needs numeric weights: row %llu has %s", name, row,
                       kind_name(p->kind));
    case NOT_ORDERED:
        return err_set(err, ERR_INVALID, "aggregation '%s': the scores cannot be ordered",
                       name);
    case OUT_OF_RANGE:
        return err_set(err, ERR_INVALID, "aggregation '%s': a number is too large", name);
    case NO_TROUBLE:
        break;
    }
    return 0;
}

int
agg_finish(struct agg *a, bool strict, struct text *ret_json, struct err *err)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_putc(&t, '{');
    for (size_t i = 0; i < a->n_parts; i++) {
        if (i > 0)
            text_putc(&t, ',');
        put_part(a, &a->parts[i], &t);
    }
    text_putc(&t, '}');
    for (size_t i = 0; strict && i < a->n_parts; i++)
        if (tell(&a->parts[i], err) < 0)
            return -1;
    text_put_str(ret_json, text_str(&t));
    return 0;
}
