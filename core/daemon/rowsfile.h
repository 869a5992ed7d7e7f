/* rowsfile.h - the files of data sets, below STATE/datasets/.  Of rows: JSONL, one compact
 * object a line.  Of what was fetched: as it came, named by its content.
 *
 * Written once under a new name, then only read.  Any thread; rows is the raw, checked text
 * of a JSON array. */
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
 * ERR_NOSPACE. */
int rowsfile_write(int dirfd, const char *name, struct str rows, int64_t *ret_bytes,
                   int64_t *ret_count, struct err *err);

/* Would these rows make the same file?  1, 0, or -1 when it cannot be read. */
int rowsfile_same(int dirfd, const char *name, int64_t bytes, struct str rows, struct err *err);

#endif
