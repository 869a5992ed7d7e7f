/* bigint.h - integers of any size, as far as sums and quotients of scores need them.
 *
 * Zeroed is 0; bigint_fini() frees.  Pure; any thread. */
#ifndef EVALD_BIGINT_H
#define EVALD_BIGINT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/text.h"

#define BIGINT_DIGITS 4300 /* longest accepted; Python's own limit for text */

struct bigint {
    bool negative;
    size_t n, room;
    uint32_t *limb; /* n of them, lowest first, the last not 0 */
};

void bigint_fini(struct bigint *b);
#define CLEANUP_BIGINT __attribute__((cleanup(bigint_fini)))

void bigint_set(struct bigint *b, const struct bigint *from);
void bigint_set_int64(struct bigint *b, int64_t v);
/* An integral double, finite. */
void bigint_set_double(struct bigint *b, double d);
/* Digits with an optional minus sign; -1 when there are more than BIGINT_DIGITS. */
int bigint_set_text(struct bigint *b, struct str digits);

void bigint_add(struct bigint *to, const struct bigint *b);
void bigint_mul(struct bigint *ret, const struct bigint *a, const struct bigint *b);
int  bigint_cmp(const struct bigint *a, const struct bigint *b);
bool bigint_int64(const struct bigint *b, int64_t *ret);

/* a / b rounded once to the nearest double, ties to even; b is not 0.  -1 when the result
 * is beyond the doubles, *ret untouched. */
int bigint_ratio(const struct bigint *a, const struct bigint *b, double *ret);
/* The same with b = 1. */
int bigint_double(const struct bigint *a, double *ret);

void bigint_put(struct text *t, const struct bigint *b);

#endif
