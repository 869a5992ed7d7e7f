/* score.h - what a score row says.  Pure; any thread. */
#ifndef EVALD_SCORE_H
#define EVALD_SCORE_H

#include "common/text.h"

enum score_kind {
    SCORE_NUMBER,    /* booleans are 0 and 1 */
    SCORE_CATEGORY,  /* a string, array or object */
    SCORE_ABSTAINED, /* null, NaN or absent */
    SCORE_ERROR,     /* a member "error", or one of "metadata", that is not null */
};
/* Of a score row, checked JSON text.  *ret is 0 unless it is a number. */
enum score_kind score_read(struct str score_row_json, double *ret);

#endif
