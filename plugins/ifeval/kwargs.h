/* kwargs.h - what a row gives an instruction, read and checked. */
#ifndef EVALD_IFEVAL_KWARGS_H
#define EVALD_IFEVAL_KWARGS_H

#include "ifeval.h"

/* Fills ret, one for each kwarg of a's instruction, from an object; null is as if it were
 * not there, and what the instruction does not know is passed over.  false: evald_fail()
 * was called.  Everything lives as long as the row. */
bool kwargs_read(const struct answer *a, struct evald_str object,
                 struct given ret[KWARGS_MAX]);

/* The texts among n values, up to the first that is none: how many they are. */
size_t kwargs_texts(struct evald_call *c, const struct evald_value *all, size_t n,
                    struct evald_str **ret);

#endif
