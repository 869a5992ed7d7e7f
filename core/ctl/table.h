/* table.h - aligned columns of text on stdout. */
#ifndef EVALD_CTL_TABLE_H
#define EVALD_CTL_TABLE_H

#include <stdio.h>

#include "common/json.h"

struct table;

/* heads: one per column, a leading '>' aligns the column to the right; borrowed. */
struct table *table_new(const char *const *heads, size_t n);
void table_free(struct table *t);
/* Adds a cell behind the last one; after the last column a new row begins. */
void table_add(struct table *t, const char *text);
void table_addf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Control characters are left out; the last column is not padded. */
void table_print(const struct table *t, FILE *to);
size_t table_rows(const struct table *t);

/* Columns that a terminal needs for this text, in the locale's LC_CTYPE. */
size_t table_width(const char *text);

#endif
