#include "config.h"

#include <inttypes.h>
#include <math.h>

#include "runner/num.h"

void
num_fini(struct num *n)
{
    bigint_fini(&n->big);
}

/* A big integer that fits int64_t becomes one. */
static void
settle(struct num *n)
{
    n->kind = bigint_int64(&n->big, &n->i) ? NUM_INT : NUM_BIG;
}

static void
set_float(struct num *n, double f)
{
    n->kind = NUM_FLOAT;
    n->f = f;
}

enum num_error
num_from(struct num *ret, struct jval v)
{
    if (v.kind == J_BOOL) {
        ret->kind = NUM_INT;
        ret->i = v.raw.ptr[0] == 't';
        return NUM_OK;
    }
    if (v.kind != J_NUMBER)
        return NUM_NOT;
    if (!jtext_is_integer(v)) {
        set_float(ret, jtext_double(v));
        return NUM_OK;
    }
    ret->kind = NUM_INT;
    if (jtext_int64(v, &ret->i))
        return NUM_OK;
    if (bigint_set_text(&ret->big, v.raw) < 0)
        return NUM_TOO_LONG;
    settle(ret);
    return NUM_OK;
}

static void
to_bigint(struct bigint *b, const struct num *n)
{
    if (n->kind == NUM_INT)
        bigint_set_int64(b, n->i);
    else
        bigint_set(b, &n->big);
}

static enum num_error
to_double(double *ret, const struct num *n)
{
    if (n->kind == NUM_BIG)
        return bigint_double(&n->big, ret) < 0 ? NUM_TOO_LARGE : NUM_OK;
    *ret = n->kind == NUM_INT ? (double)n->i : n->f;
    return NUM_OK;
}

static enum num_error
two_doubles(double *x, double *y, const struct num *a, const struct num *b)
{
    enum num_error e = to_double(x, a);
    return e != NUM_OK ? e : to_double(y, b);
}

enum num_error
num_mul(struct num *ret, const struct num *a, const struct num *b)
{
    if (a->kind == NUM_FLOAT || b->kind == NUM_FLOAT) {
        double x, y;
        enum num_error e = two_doubles(&x, &y, a, b);
        if (e == NUM_OK)
            set_float(ret, x * y);
        return e;
    }
    if (a->kind == NUM_INT && b->kind == NUM_INT
        && !__builtin_mul_overflow(a->i, b->i, &ret->i)) {
        ret->kind = NUM_INT;
        return NUM_OK;
    }
    CLEANUP_BIGINT struct bigint x = { 0 };
    CLEANUP_BIGINT struct bigint y = { 0 };
    to_bigint(&x, a);
    to_bigint(&y, b);
    bigint_mul(&ret->big, &x, &y);
    settle(ret);
    return NUM_OK;
}

enum num_error
num_add(struct num *to, const struct num *b)
{
    if (to->kind == NUM_FLOAT || b->kind == NUM_FLOAT) {
        double x, y;
        enum num_error e = two_doubles(&x, &y, to, b);
        if (e == NUM_OK)
            set_float(to, x + y);
        return e;
    }
    int64_t sum;
    if (to->kind == NUM_INT && b->kind == NUM_INT
        && !__builtin_add_overflow(to->i, b->i, &sum)) {
        to->i = sum;
        return NUM_OK;
    }
    CLEANUP_BIGINT struct bigint y = { 0 };
    to_bigint(&y, b);
    if (to->kind == NUM_INT)
        bigint_set_int64(&to->big, to->i);
    bigint_add(&to->big, &y);
    settle(to);
    return NUM_OK;
}

enum num_error
num_div(double *ret, const struct num *a, const struct num *b)
{
    if (b->kind == NUM_FLOAT ? b->f == 0 : b->kind == NUM_INT && b->i == 0)
        return NUM_BY_ZERO;
    static const int64_t exact = (int64_t)1 << 53;
    bool small = a->kind == NUM_INT && b->kind == NUM_INT && a->i >= -exact && a->i <= exact
                 && b->i >= -exact && b->i <= exact;
    if (small || a->kind == NUM_FLOAT || b->kind == NUM_FLOAT) {
        double x, y;
        enum num_error e = two_doubles(&x, &y, a, b);
        if (e == NUM_OK)
            *ret = x / y;
        return e;
    }
    CLEANUP_BIGINT struct bigint x = { 0 };
    CLEANUP_BIGINT struct bigint y = { 0 };
    to_bigint(&x, a);
    to_bigint(&y, b);
    return bigint_ratio(&x, &y, ret) < 0 ? NUM_TOO_LARGE : NUM_OK;
}

int
num_cmp_int_double(int64_t i, double d)
{
    if (isnan(d))
        return 0;
    if (d >= 0x1p63)
        return -1;
    if (d < -0x1p63)
        return 1;
    double whole = trunc(d);
    int64_t w = (int64_t)whole;
    if (i != w)
        return i < w ? -1 : 1;
    return whole < d ? -1 : whole > d;
}

static int
cmp_big_double(const struct bigint *b, double d)
{
    if (isnan(d))
        return 0;
    if (isinf(d))
        return d > 0 ? -1 : 1;
    if (fabs(d) < 0x1p63) /* b is further out */
        return b->negative ? -1 : 1;
    CLEANUP_BIGINT struct bigint x = { 0 };
    bigint_set_double(&x, d);
    return bigint_cmp(b, &x);
}

int
num_cmp(const struct num *a, const struct num *b)
{
    if (a->kind == NUM_FLOAT && b->kind == NUM_FLOAT)
        return a->f < b->f ? -1 : a->f > b->f;
    if (a->kind == NUM_FLOAT)
        return -num_cmp(b, a);
    if (b->kind == NUM_FLOAT)
        return a->kind == NUM_INT ? num_cmp_int_double(a->i, b->f)
                                  : cmp_big_double(&a->big, b->f);
    if (a->kind == NUM_INT && b->kind == NUM_INT)
        return a->i < b->i ? -1 : a->i > b->i;
    if (a->kind == NUM_INT)
        return b->big.negative ? 1 : -1;
    if (b->kind == NUM_INT)
        return a->big.negative ? -1 : 1;
    return bigint_cmp(&a->big, &b->big);
}

void
num_put(struct text *t, const struct num *n)
{
    if (n->kind == NUM_INT)
        text_putf(t, "%" PRId64, n->i);
    else if (n->kind == NUM_BIG)
        bigint_put(t, &n->big);
    else
        jtext_put_double(t, n->f);
}

static void
settle_compensation(struct num_sum *s)
{
    if (s->phase == NUM_SUM_COMPENSATED && s->c != 0 && isfinite(s->c))
        s->total.f += s->c;
    s->c = 0;
}

enum num_error
num_sum_add(struct num_sum *s, const struct num *n)
{
    if (s->phase == NUM_SUM_INT) {
        int64_t sum;
        if (n->kind == NUM_INT && !__builtin_add_overflow(s->total.i, n->i, &sum)) {
            s->total.i = sum;
            return NUM_OK;
        }
        s->phase = n->kind == NUM_FLOAT ? NUM_SUM_COMPENSATED : NUM_SUM_PLAIN;
        return num_add(&s->total, n);
    }
    if (s->phase == NUM_SUM_COMPENSATED && n->kind == NUM_FLOAT) {
        double x = n->f, f = s->total.f, t = f + x;
        s->c += fabs(f) >= fabs(x) ? (f - t) + x : (x - t) + f;
        s->total.f = t;
        return NUM_OK;
    }
    if (s->phase == NUM_SUM_COMPENSATED && n->kind == NUM_INT) {
        s->total.f += (double)n->i;
        return NUM_OK;
    }
    settle_compensation(s);
    s->phase = NUM_SUM_PLAIN;
    return num_add(&s->total, n);
}

void
num_sum_finish(struct num_sum *s)
{
    settle_compensation(s);
}

void
num_sum_fini(struct num_sum *s)
{
    num_fini(&s->total);
}
