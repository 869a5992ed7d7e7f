#include "config.h"

#include <math.h>

#include "common/jtext.h"
#include "common/score.h"

/* An "error" that is there and not null. */
static bool
is_error(struct jval v)
{
    return v.kind != J_ABSENT && v.kind != J_NULL;
}

enum score_kind
score_read(struct str score_row_json, double *ret)
{
    const struct jval absent = { J_ABSENT, { NULL, 0 } };
    struct jval score = absent, error = absent, metadata = absent, val;
    struct jiter it = jtext_iter(jtext_whole(score_row_json));
    struct str key;
    while (it.object && jtext_next(&it, &key, &val)) {
        if (jtext_spells(key, STR("score")))
            score = val;
        else if (jtext_spells(key, STR("error")))
            error = val;
        else if (jtext_spells(key, STR("metadata")))
            metadata = val;
    }
    *ret = 0;
    if (is_error(error) || is_error(jtext_member(metadata, STR("error"))))
        return SCORE_ERROR;
    if (score.kind == J_ABSENT || score.kind == J_NULL)
        return SCORE_ABSTAINED;
    if (score.kind > J_NUMBER)
        return SCORE_CATEGORY;
    double x = jtext_double(score);
    if (isnan(x))
        return SCORE_ABSTAINED;
    *ret = x;
    return SCORE_NUMBER;
}
