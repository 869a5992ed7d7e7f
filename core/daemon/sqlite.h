/* sqlite.h - what store.c and the files journal*.c share of SQLite: statements that
 * clean up after themselves, and errors with a code.  For those files alone. */
#ifndef EVALD_SQLITE_H
#define EVALD_SQLITE_H

#include <sqlite3.h>

#include "common/err.h"
#include "common/text.h"

static inline void
stmt_cleanup(sqlite3_stmt **st)
{
    sqlite3_finalize(*st);
}
#define CLEANUP_STMT __attribute__((cleanup(stmt_cleanup)))

/* SQLITE_FULL is ERR_NOSPACE, all else ERR_IO; the text ends with SQLite's. */
int sqlite_err(struct err *err, sqlite3 *db, const char *what);
int sqlite_run(sqlite3 *db, const char *sql, struct err *err);
sqlite3_stmt *sqlite_prepare(sqlite3 *db, const char *sql, struct err *err);
/* Steps a statement that gives no rows, and resets it. */
int sqlite_step_done(sqlite3_stmt *st, struct err *err);
/* Opens path; writable ones get WAL and the given synchronous mode.  ERR_INVALID when a file that
 * is not to be created is not there. */
sqlite3 *sqlite_open(const char *path, bool create, const char *synchronous, struct err *err);

/* Refuses a database that a later evald has made; a new one, of version 0, is fine. */
int sqlite_check_version(sqlite3 *db, int newest, const char *path, struct err *err);

static inline struct str
sqlite_col(sqlite3_stmt *st, int i)
{
    const char *p = (const char *)sqlite3_column_text(st, i);
    return (struct str){ p ? p : "", (size_t)sqlite3_column_bytes(st, i) };
}
static inline int
sqlite_bind(sqlite3_stmt *st, int i, struct str s)
{
    return sqlite3_bind_text64(st, i, s.ptr ? s.ptr : "", s.len, SQLITE_STATIC, SQLITE_UTF8);
}

#endif
