/* num.h - a score as Python's int or float, and Python's sum() over them.
 *
 * sum() is that of CPython 3.12: integers are exact; from the first float on it is
 * compensated (Neumaier) as long as only floats and integers within 64 bits come; after
 * any other integer it is plain.  Pure; any thread. */
#ifndef EVALD_NUM_H
#define EVALD_NUM_H

#include "common/jtext.h"
#include "runner/bigint.h"

enum num_kind { NUM_INT, NUM_BIG, NUM_FLOAT };

struct num {
    enum num_kind kind;
    int64_t i;
    double f;
    struct bigint big; /* only beyond int64_t */
};

void num_fini(struct num *n);
#define CLEANUP_NUM __attribute__((cleanup(num_fini)))

enum num_error {
    NUM_OK,
    NUM_NOT,       /* neither number nor boolean */
    NUM_TOO_LONG,  /* more than BIGINT_DIGITS digits */
    NUM_TOO_LARGE, /* an integer beyond the doubles where a double is needed */
    NUM_BY_ZERO,
};

/* *ret is zeroed, or a number to be replaced; the same below. */
enum num_error num_from(struct num *ret, struct jval v);
enum num_error num_mul(struct num *ret, const struct num *a, const struct num *b);
enum num_error num_add(struct num *to, const struct num *b); /* a single +, not sum() */
/* a / b, always a float. */
enum num_error num_div(double *ret, const struct num *a, const struct num *b);
/* Exact; NaN is equal to all. */
int num_cmp(const struct num *a, const struct num *b);
int num_cmp_int_double(int64_t i, double d);
/* As JSON, by jtext_put_double(). */
void num_put(struct text *t, const struct num *n);

struct num_sum {
    struct num total;
    double c;
    enum { NUM_SUM_INT, NUM_SUM_COMPENSATED, NUM_SUM_PLAIN } phase;
};

enum num_error num_sum_add(struct num_sum *s, const struct num *n);
/* The sum so far into s->total; the last call. */
void num_sum_finish(struct num_sum *s);
void num_sum_fini(struct num_sum *s);

#endif
