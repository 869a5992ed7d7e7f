/* aggregate.h - the five aggregations of the API over score rows, in row order.
 *
 * Values, types and text are those of the reference implementation, which is Python (sum(),
 * exact integers, str() of categories), with two departures: an undefined ratio is null, and
 * accuracy counts a null score as 0.  Memory does not grow with the rows, but
 * for median (16 bytes a row, and the text of scores that are no 64-bit numbers) and for
 * categorical_count (its categories).  One thread per object. */
#ifndef EVALD_AGGREGATE_H
#define EVALD_AGGREGATE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/text.h"

struct agg;

/* names: the effective list; duplicates collapse, the order is kept.  ERR_INVALID for a name
 * that is none of accuracy, average, weighted_average, median, categorical_count. */
struct agg *agg_new(const char *const *names, size_t n, struct err *err);
void agg_free(struct agg *a);

/* One score row: checked JSON text.  A score that an aggregation cannot take is remembered
 * and told by agg_finish; a row in error (score.h) without score and weight has null for both.
 * ERR_NOMEM only. */
int agg_add(struct agg *a, struct str score_row_json, struct err *err);

/* Appends the value of aggregated_results: {"average":{"average":0.5}}; {} for no names.
 * strict (calls): an aggregation that failed is ERR_INVALID and nothing is appended, the text
 * like "aggregation 'average' needs numeric scores: row 3 has a string", rows from 0.
 * Not strict (jobs): its members that cannot be said are null.  May be called again after
 * more rows, but for a median, whose rows it reorders: then it is the last call. */
int agg_finish(struct agg *a, bool strict, struct text *ret_json, struct err *err);

#endif
