/* csv.h - comma-separated values: records out of bytes, and what a column's cells are.
 *
 * The rules are those of pandas.read_csv, which the reference implementation reads with:
 * LF, CR and CRLF end a record; lines of nothing but spaces and tabs are none; a quote opens
 * a field only as its first character, is doubled inside, and what stands behind the closing
 * one belongs to the field.  rows.h puts the pieces together; one thread per object. */
#ifndef EVALD_CSV_H
#define EVALD_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/text.h"

/* One record, valid until the parser is fed again. */
struct csv_record {
    int64_t line;       /* where it begins, from 1 */
    int64_t quote_line; /* where its last quoted field begins */
    size_t n_cells;     /* as many as it has, kept or not */
    bool too_long;      /* over max_bytes: its cells are not there */
    bool has_nul;       /* a NUL byte is in it */
};

struct csv;

/* max_bytes: text kept of a record; max_cells: cells kept of a record. */
struct csv *csv_new(size_t max_bytes, size_t max_cells);
void csv_free(struct csv *c);
/* Forgets what was fed; the next byte begins a record on this line. */
void csv_reset(struct csv *c, int64_t line);
/* From here on; what is kept of the present record stays. */
void csv_set_max_cells(struct csv *c, size_t max_cells);

/* Takes bytes up to the end of a record; returns how many.  *ret_record: it is complete. */
size_t csv_feed(struct csv *c, const char *p, size_t n, bool *ret_record);

enum csv_end {
    CSV_END_NONE,     /* nothing was open */
    CSV_END_RECORD,   /* the last line had no end: here is its record */
    CSV_END_UNCLOSED, /* a quoted field is open; record->quote_line has its begin */
};
enum csv_end csv_finish(struct csv *c);

const struct csv_record *csv_record(const struct csv *c);
/* The line on which the next byte lies. */
int64_t csv_line(const struct csv *c);
/* Cell i, NUL behind it; {"", 0} when the record is shorter. */
struct str csv_cell(const struct csv *c, size_t i);

/* The names of the columns from the header record just parsed: n_cells strings, each to be
 * free()d, and the array: an empty name is "Unnamed: i", the second a is "a.1", a name that
 * is taken is passed over. */
char **csv_names(const struct csv *c);

/* What is known of a column after some of its cells; zeroed is nothing. */
struct csv_typing {
    bool missing, present;
    bool int_stopped, int_overflow;   /* the try as int64_t, up to its first misfit */
    bool uint_stopped, uint_overflow; /* the same as uint64_t */
    bool saw_uint, saw_negative;
    bool not_number, not_bool;
};

enum csv_type { CSV_NULLS, CSV_INTEGERS, CSV_FLOATS, CSV_BOOLS, CSV_STRINGS };

/* cell has a NUL behind it, as csv_cell() gives. */
void csv_typing_add(struct csv_typing *t, struct str cell);

/* Integers are tried before floats, from the first cell on: an integer too large that comes
 * before the first cell with another form makes the column text, as it does in the
 * reference; one behind such a cell is a float. */
enum csv_type csv_typing_type(const struct csv_typing *t);

/* Appends a cell as JSON; false, and nothing appended, when it is not of the type. */
bool csv_put_cell(struct text *out, enum csv_type type, struct str cell);

#endif
