/* pystr.h - JSON values as Python writes, compares and orders them.
 *
 * Aggregations have the results of the reference implementation, which is Python.  Text
 * given here is checked JSON.  Pure; any thread. */
#ifndef EVALD_PYSTR_H
#define EVALD_PYSTR_H

#include <stdbool.h>

#include "common/jtext.h"

/* Appends str(v): strings as they are, None, True, 1.0, ['a', {'k': None}]. */
void pystr_put(struct text *t, struct jval v);

/* Appends v as JSON the way it would be written after a round through Python: compact,
 * 1E2 as 100.0, -0 as 0, the last of duplicate members, NaN and infinities as null. */
void pystr_put_json(struct text *t, struct jval v);

/* v == w: 1 == 1.0 == True, exact between integers and floats; members in any order. */
bool pystr_equal(struct jval v, struct jval w);

/* v < w into *ret; -1 when Python cannot order the two. */
int pystr_less(struct jval v, struct jval w, bool *ret);

#endif
