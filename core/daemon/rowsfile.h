/* rowsfile.h - the files of data sets, below STATE/datasets/.  Of rows: JSONL, one compact
 * object a line.  Of what was fetched: as it came, named by its content.
 *
 * Written under a new name, then read and appended to: bytes below the length that the
 * catalogue has never change, those behind it do not exist for anyone.  Any thread, but one
 * that writes at a time; rows is the raw, checked text of a JSON array. */
#ifndef EVALD_ROWSFILE_H
#define EVALD_ROWSFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/text.h"

#define ROWSFILE_DIR "datasets"

/* A new, random name. */
char *rowsfile_name(void);
/* A version 4 UUID. */
void rowsfile_uuid(char ret_uuid[37]);
bool rowsfile_is_name(const char *name);

/* Of something that is being fetched: a new, random name that counts for nothing. */
char *rowsfile_part_name(void);
/* "SHA256.csv", .jsonl or .json: what was fetched. */
bool rowsfile_is_fetched(const char *name);
/* One of the three. */
bool rowsfile_is_ours(const char *name);

/* On success the file and its name are on disk; else there is no such file.  A full disk is
 * ERR_NOSPACE, a row that no reader would take (rows.h) ERR_INVALID. */
int rowsfile_write(int dirfd, const char *name, struct str rows, int64_t *ret_bytes,
                   int64_t *ret_count, struct err *err);

/* Puts rows behind the first length bytes and in the place of whatever a crash left there.
 * *ret_bytes and *ret_count are how much was added; it is on disk then, and counts once the
 * catalogue says so.  Errors as above; the file is then as long as before. */
int rowsfile_append(int dirfd, const char *name, int64_t length, struct str rows,
                    int64_t *ret_bytes, int64_t *ret_count, struct err *err);

/* Would these rows make the same file?  1, 0, or -1 when it cannot be read. */
int rowsfile_same(int dirfd, const char *name, int64_t bytes, struct str rows, struct err *err);

#endif
