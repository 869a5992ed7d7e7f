/* pyjson.h - what Python's json.loads() takes. */
#ifndef EVALD_IFEVAL_PYJSON_H
#define EVALD_IFEVAL_PYJSON_H

#include <stdbool.h>

#include <evald/plugin.h>

/* Is text one JSON value, with space around it?  As in Python: NaN, Infinity and -Infinity
 * are values, unpaired surrogate escapes are characters, control characters in strings are
 * refused, and so are integers of more than 4300 digits.  Nesting may be of any depth. */
bool pyjson_is_value(struct evald_call *c, struct evald_str text);

#endif
