/* jsame.h - are two JSON values the same, as results are compared? */
#ifndef EVALD_JSAME_H
#define EVALD_JSAME_H

#include <stdbool.h>

#include "common/jtext.h"

/* Members of objects may come in any order, and of duplicates the last counts; elements of
 * arrays are ordered.  Strings, booleans and null: exact, and a boolean is no number.
 * Integers: exact, of any size.  Where one of two numbers is written with fraction or exponent:
 * |a - b| <= max(1e-9 * max(|a|, |b|), 1e-12); NaN is the same as NaN.
 * part: objects of got may have more members.  Both are checked text.  Pure; any thread. */
bool jsame(struct jval want, struct jval got, bool part);

#endif
