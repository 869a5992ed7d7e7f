/* loads.h - what Python's json.loads() takes. */
#ifndef EVALD_IFEVAL_LOADS_H
#define EVALD_IFEVAL_LOADS_H

#include <stdbool.h>

#include <evald/plugin.h>

/* Is text one JSON value, with space around it?  As in Python: NaN, Infinity and -Infinity
 * are values, unpaired surrogate escapes are characters, control characters in strings are
 * refused, and so are integers of more than 4300 digits.  Nesting may be of any depth. */
bool loads_takes(struct evald_call *c, struct evald_str text);

#endif
