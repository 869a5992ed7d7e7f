/* pattern.h - regexes that a row gives: compiled, matched, and named where they fail. */
#ifndef EVALD_IFEVAL_PATTERN_H
#define EVALD_IFEVAL_PATTERN_H

#include "ifeval.h"

/* kwarg: the name that errors tell; flags: of pyre_compile_with().  -1: evald_fail() was
 * called, as Python refuses the pattern or matching it takes too long. */

/* Is it in text?  1 or 0. */
int pattern_search(struct answer *a, const char *kwarg, struct evald_str pattern,
                   unsigned flags, struct evald_str text);
/* len(re.findall(...)) */
int64_t pattern_count(struct answer *a, const char *kwarg, struct evald_str pattern,
                      unsigned flags, struct evald_str text);
/* len(re.split(...)) */
int64_t pattern_count_split(struct answer *a, const char *kwarg,
                            struct evald_str pattern, struct evald_str text);

/* before, pattern and behind as one, without grouping. */
struct evald_str pattern_join(struct evald_call *c, const char *before,
                              struct evald_str pattern, const char *behind);

#endif
