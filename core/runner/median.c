#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "runner/median.h"
#include "runner/num.h"
#include "runner/pystr.h"

#define SMALL_SORT 64 /* below, Python's list.sort() is one binary insertion sort */

/* What the 8 bytes of a cell are. */
enum cell_tag { CELL_BOOL, CELL_INT, CELL_FLOAT, CELL_TEXT };

struct cell {
    union {
        int64_t i;
        double f;
        size_t at; /* in texts: a size_t length and the raw value */
    };
    /* Rows of equal scores keep their order, as Python's sort is stable. */
    uint64_t tag : 2, row : 62;
};

struct median {
    struct cell *cells;
    size_t n, room;
    struct text texts;
    enum jkind kind; /* of all of them; J_NUMBER for booleans, too */
    bool failed;     /* of a comparison */
};

struct median *
median_new(void)
{
    return xcalloc(1, sizeof(struct median));
}

static void
forget(struct median *m)
{
    free(m->cells);
    m->cells = NULL;
    m->n = m->room = 0;
    text_fini(&m->texts);
}

void
median_free(struct median *m)
{
    if (m == NULL)
        return;
    forget(m);
    free(m);
}

static struct jval
cell_value(const struct median *m, const struct cell *c)
{
    size_t len;
    memcpy(&len, m->texts.ptr + c->at, sizeof len);
    return jtext_value((struct str){ m->texts.ptr + c->at + sizeof len, len });
}

static enum median_error
cell_make(struct median *m, struct cell *c, struct jval score)
{
    CLEANUP_NUM struct num n = { 0 };
    enum num_error e = num_from(&n, score);
    if (e == NUM_TOO_LONG)
        return MEDIAN_TOO_LARGE;
    if (e == NUM_OK && n.kind == NUM_INT) {
        c->tag = score.kind == J_BOOL ? CELL_BOOL : CELL_INT;
        c->i = n.i;
    } else if (e == NUM_OK && n.kind == NUM_FLOAT) {
        c->tag = CELL_FLOAT;
        c->f = n.f;
    } else {
        c->tag = CELL_TEXT;
        c->at = m->texts.len;
        text_put(&m->texts, &score.raw.len, sizeof score.raw.len);
        text_put_str(&m->texts, score.raw);
    }
    return MEDIAN_OK;
}

enum median_error
median_add(struct median *m, struct jval score)
{
    if (score.kind == J_NULL
        || (score.kind == J_NUMBER && !jtext_is_integer(score) && isnan(jtext_double(score))))
        return MEDIAN_OK;
    enum jkind kind = score.kind == J_BOOL ? J_NUMBER : score.kind;
    if (m->n > 0 && (kind != m->kind || kind == J_OBJECT)) {
        forget(m);
        return MEDIAN_UNORDERED;
    }
    m->kind = kind;
    if (m->n == m->room) {
        size_t room = m->room ? m->room + m->room / 4 + 16 : 64;
        struct cell *cells = reallocarray(m->cells, room, sizeof *cells);
        if (cells == NULL) {
            forget(m);
            return MEDIAN_NOMEM;
        }
        m->cells = cells;
        m->room = room;
    }
    m->cells[m->n].row = m->n;
    enum median_error e = cell_make(m, &m->cells[m->n], score);
    if (e == MEDIAN_OK)
        m->n++;
    else
        forget(m);
    return e;
}

static void
cell_num(const struct median *m, const struct cell *c, struct num *ret)
{
    if (c->tag == CELL_TEXT) {
        num_from(ret, cell_value(m, c));
    } else if (c->tag == CELL_FLOAT) {
        ret->kind = NUM_FLOAT;
        ret->f = c->f;
    } else {
        ret->kind = NUM_INT;
        ret->i = c->i;
    }
}

/* a < b, as Python's < says. */
static bool
less(struct median *m, const struct cell *a, const struct cell *b)
{
    bool result = false;
    if (m->kind != J_NUMBER) {
        if (pystr_less(cell_value(m, a), cell_value(m, b), &result) < 0)
            m->failed = true;
        return result;
    }
    if (a->tag == CELL_FLOAT && b->tag == CELL_FLOAT)
        return a->f < b->f;
    if (a->tag <= CELL_INT && b->tag <= CELL_INT)
        return a->i < b->i;
    CLEANUP_NUM struct num x = { 0 };
    CLEANUP_NUM struct num y = { 0 };
    cell_num(m, a, &x);
    cell_num(m, b, &y);
    return num_cmp(&x, &y) < 0;
}

/* A total order: equal scores by row. */
static bool
before(struct median *m, const struct cell *a, const struct cell *b)
{
    if (less(m, a, b))
        return true;
    return a->row < b->row && !less(m, b, a);
}

static void
swap(struct cell *a, struct cell *b)
{
    struct cell t = *a;
    *a = *b;
    *b = t;
}

/* Arrays may be comparable in some pairs only; whether that shows depends on the pairs the
 * sort looks at.  So few of them are sorted in the very steps of Python's list.sort(). */
static void
sort_small(struct median *m)
{
    struct cell *c = m->cells;
    size_t run = 1;
    bool descending = m->n > 1 && less(m, &c[1], &c[0]);
    for (run = m->n > 1 ? 2 : 1; run < m->n; run++)
        if (less(m, &c[run], &c[run - 1]) != descending)
            break;
    for (size_t i = 0; descending && i < run / 2; i++)
        swap(&c[i], &c[run - 1 - i]);
    for (; run < m->n; run++) {
        struct cell pivot = c[run];
        size_t lo = 0, hi = run;
        while (lo < hi) {
            size_t mid = lo + (hi - lo) / 2;
            if (less(m, &pivot, &c[mid]))
                hi = mid;
            else
                lo = mid + 1;
        }
        memmove(&c[lo + 1], &c[lo], (run - lo) * sizeof *c);
        c[lo] = pivot;
    }
}

/* Quickselect in place: cells[k] is then what a sort would put there, and what is in front
 * of it comes before it. */
static void
select_nth(struct median *m, size_t k)
{
    struct cell *c = m->cells;
    size_t lo = 0, hi = m->n - 1;
    uint64_t random = 0x9e3779b97f4a7c15u;
    while (lo < hi && !m->failed) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        swap(&c[lo + (random >> 33) % (hi - lo + 1)], &c[hi]);
        size_t border = lo;
        for (size_t i = lo; i < hi; i++)
            if (before(m, &c[i], &c[hi]))
                swap(&c[i], &c[border++]);
        swap(&c[border], &c[hi]);
        if (border == k)
            return;
        if (border < k)
            lo = border + 1;
        else
            hi = border - 1;
    }
}

static enum median_error
put_mean(struct median *m, const struct cell *a, const struct cell *b, struct text *t)
{
    CLEANUP_NUM struct num x = { 0 };
    CLEANUP_NUM struct num y = { 0 };
    const struct num two = { .kind = NUM_INT, .i = 2 };
    double d;
    cell_num(m, a, &x);
    cell_num(m, b, &y);
    if (num_add(&x, &y) != NUM_OK || num_div(&d, &x, &two) != NUM_OK)
        return MEDIAN_TOO_LARGE;
    jtext_put_double(t, d);
    return MEDIAN_OK;
}

static void
put_cell(struct median *m, const struct cell *c, struct text *t)
{
    if (c->tag == CELL_TEXT) {
        pystr_put_json(t, cell_value(m, c));
    } else if (c->tag == CELL_BOOL) {
        text_puts(t, c->i ? "true" : "false");
    } else {
        struct num n = { 0 };
        cell_num(m, c, &n);
        num_put(t, &n);
    }
}

enum median_error
median_put(struct median *m, struct text *t)
{
    if (m->n == 0) {
        text_puts(t, "null");
        return MEDIAN_OK;
    }
    size_t k = m->n / 2;
    if (m->kind == J_ARRAY && m->n < SMALL_SORT)
        sort_small(m);
    else
        select_nth(m, k);
    if (m->failed)
        return MEDIAN_UNORDERED;
    if (m->n % 2 == 1) {
        put_cell(m, &m->cells[k], t);
        return MEDIAN_OK;
    }
    if (m->kind != J_NUMBER)
        return MEDIAN_NOT;
    size_t below = 0; /* the largest of those in front */
    for (size_t i = 1; i < k; i++)
        if (before(m, &m->cells[below], &m->cells[i]))
            below = i;
    return put_mean(m, &m->cells[below], &m->cells[k], t);
}
