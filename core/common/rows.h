/* rows.h - the rows of a data set behind a descriptor: JSONL in one pass, CSV in two.
 *
 * Rows come out as JSON text, one object each.  The reader holds one buffer and, for CSV,
 * one type per column: memory is flat however long the file.  One thread per reader; the
 * descriptor is read with pread and stays the caller's. */
#ifndef EVALD_ROWS_H
#define EVALD_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/text.h"

#define ROWS_ROW_MAX (16u << 20) /* a row is at most 16 MiB */

enum rows_format { ROWS_JSONL, ROWS_CSV };

struct rows;

/* size: the snapshot; bytes behind it do not exist, and a file that has fewer is an error
 * when its end is met ("the data set shrank ..."), never a short success.  name is for
 * messages and copied.  CSV: reads the whole file once for the types of its columns
 * (csv.h), so errors of its shape are found here, each naming line and column. */
struct rows *rows_open(int fd, enum rows_format format, int64_t size, const char *name,
                       struct err *err);
/* The same; whatever the reader is at, it fails with ERR_SHUTDOWN once *stop is true. */
struct rows *rows_open_until(int fd, enum rows_format format, int64_t size, const char *name,
                             const _Atomic bool *stop, struct err *err);
void rows_free(struct rows *r);

enum rows_result {
    ROWS_ROW,   /* *ret_row is one line or record as JSON text, valid until the next call.
                   JSONL: not checked yet (jtext_scan_object does it, where the row is used) */
    ROWS_BAD,   /* this row cannot be used, err says why (too long); the next call goes on */
    ROWS_END,
    ROWS_FAIL,  /* the file cannot be read on: I/O error, it shrank, or broken CSV quoting */
};
/* *ret_line: the line of the file where the row begins, from 1.  Lines of nothing but
 * spaces, tabs and CR are no rows.  A UTF-8 byte order mark at the start is skipped. */
enum rows_result rows_next(struct rows *r, struct str *ret_row, int64_t *ret_line,
                           struct err *err);

/* Passes over up to n rows without making them; returns how many there were. */
int64_t rows_skip(struct rows *r, int64_t n, struct err *err); /* -1 on ROWS_FAIL */

/* The place of the next row, to come back to with rows_seek: index, byte offset and line. */
struct rows_mark { int64_t index, offset, line; };
struct rows_mark rows_tell(const struct rows *r);
void rows_seek(struct rows *r, const struct rows_mark *mark);

/* ---- the two passes apart, for who must not hold up its thread and reads again later ---- */

/* The columns of a CSV file and their types; never changed, so any number of readers may share
 * them. */
struct rows_columns;
void rows_columns_free(struct rows_columns *c); /* NULL allowed */
size_t rows_columns_bytes(const struct rows_columns *c); /* about what they take */

/* A first pass that stands before the first row (of CSV, the header is read). */
struct rows *rows_open_scan(int fd, enum rows_format format, int64_t size, const char *name,
                            struct err *err);
/* Passes over up to n rows and takes their part in the types of the columns; returns how many
 * there were: fewer at the end.  -1 on ROWS_FAIL, for CSV also on errors of the shape. */
int64_t rows_scan(struct rows *r, int64_t n, struct err *err);
/* CSV: what the scan found, once rows_scan() was at the end; yours.  NULL for JSONL. */
struct rows_columns *rows_take_columns(struct rows *r);

/* A reader without a first pass, at a mark of a scan or reader of the same file.  columns: NULL
 * for JSONL; borrowed until rows_free(). */
struct rows *rows_open_at(int fd, enum rows_format format, int64_t size, const char *name,
                          const struct rows_columns *columns, const struct rows_mark *mark);

/* For who does not ask for rows_hash(): it is not worked out from here on. */
void rows_leave_hash(struct rows *r);

/* Counts the rows of the rest of the file; -1 on ROWS_FAIL. */
int64_t rows_count(struct rows *r, struct err *err);

/* XXH3-128 of the bytes read so far in order, as 32 hex digits and NUL; all of the snapshot
 * once ROWS_END came without rows_seek.  Not kept across rows_seek. */
void rows_hash(const struct rows *r, char ret_hex[33]);

#endif
