/* math_text.h - a mathematical answer as text, made comparable: what LaTeX writes in many ways
 * becomes one.  Nothing is calculated but fractions of plain numbers.
 *
 * What is returned is a part of what was given or lives as long as the row. */
#ifndef EVALD_PLUGIN_BASIC_MATH_TEXT_H
#define EVALD_PLUGIN_BASIC_MATH_TEXT_H

#include <stdbool.h>

#include <evald/plugin.h>

/* What is in the last \boxed{...} of s, or behind \boxed up to a $; empty when there is none. */
struct evald_str math_boxed(struct evald_str s);

/* The normal form of an answer x, which is not empty. */
struct evald_str math_normalise(struct evald_call *c, struct evald_str x);

/* \frac{a}{b} of numbers becomes their quotient, 5.00e-01.  false: there are so many, and so
 * many that are none, that it takes too long. */
bool math_divide(struct evald_call *c, struct evald_str s, struct evald_str *ret);

#endif
