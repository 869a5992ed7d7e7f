/* basic.c - provider basic: what this file has.  See evald-basic(7). */
#include "basic.h"

EVALD_PLUGINS(&basic_equality, &basic_subset_of, &basic_multiple_choice, &basic_math,
              &basic_docvqa)
