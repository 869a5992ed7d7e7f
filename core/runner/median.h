/* median.h - Python's statistics.median over scores, 16 bytes each. */
#ifndef EVALD_MEDIAN_H
#define EVALD_MEDIAN_H

#include <stdint.h>

#include "common/jtext.h"

struct median;

struct median *median_new(void);
void median_free(struct median *m);

enum median_error {
    MEDIAN_OK,
    MEDIAN_UNORDERED, /* kinds that Python cannot compare */
    MEDIAN_NOT,       /* the mean of two that are no numbers */
    MEDIAN_TOO_LARGE, /* an integer beyond the doubles, or beyond num.h */
    MEDIAN_NOMEM,
};

/* Nulls and NaN are passed over.  After an error the rows are gone; add no more. */
enum median_error median_add(struct median *m, struct jval score);

/* Appends the middle element with its own type, the mean of the two in the middle, or null
 * when there is none.  Reorders the rows: the last call. */
enum median_error median_put(struct median *m, struct text *t);

#endif
