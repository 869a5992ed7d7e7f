/* assignment.h - the best one-to-one matching between two sets. */
#ifndef EVALD_PLUGIN_BRAINTRUST_ASSIGNMENT_H
#define EVALD_PLUGIN_BRAINTRUST_ASSIGNMENT_H

#include <stddef.h>

#include <evald/plugin.h>

/* The greatest sum of gain[r * columns + c] over pairs (r, c) that share no row and no column;
 * gains are finite and not negative, so that as many are paired as can be.  0 when a side is
 * empty.  The Hungarian algorithm by shortest augmenting paths (Jonker and Volgenant 1987),
 * O(min(rows, columns)^2 * max(rows, columns)). */
double assignment_best(struct evald_call *c, const double *gain, size_t rows, size_t columns);

#endif
