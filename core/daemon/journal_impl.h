/* journal_impl.h - the inside of struct journal, for the journal's own files. */
#ifndef EVALD_JOURNAL_IMPL_H
#define EVALD_JOURNAL_IMPL_H

#include "daemon/journal.h"
#include "daemon/sqlite.h"
#include "daemon/store_impl.h"

enum {
    PUT_GENERATION, PUT_SCORE, PUT_ERROR, PUT_ERROR_SEEN, PUT_REPLY, PUT_REPLY_DROP,
    PUT_AGGREGATE, PUT_SET, PUT_EVENT, JOURNAL_STATEMENTS
};

struct journal {
    struct store *store;
    int64_t id;
    uint32_t epochs;
    /* store thread */
    sqlite3 *w;
    sqlite3_stmt *st[JOURNAL_STATEMENTS];
    sqlite3_stmt *many[2]; /* of generations and scores; NULL: not needed yet */
    struct journal_counts counts;
    bool had_again; /* a record came that was there already */
    bool recount;   /* ... in this batch */
    bool has_replies; /* some may be there: look before forgetting them */
    /* read thread */
    sqlite3 *r;
};

char *journal_path(const struct store *s, int64_t id); /* free() it */

/* ---- the store thread's ---- */

/* Makes a database with the tables of a journal, and the writing side of j; after an error too
 * journal_close_writer() is the caller's. */
int journal_make_writer(struct journal *j, const char *path, struct err *err);
/* Opens the writing side of a journal that is there; j is as journal_new made it. */
int journal_open_writer(struct journal *j, struct err *err);
void journal_close_writer(struct journal *j);
/* Counts what the database holds into j->counts. */
void journal_count(struct journal *j);
int64_t journal_number(sqlite3 *db, const char *sql); /* 0 when there is none */
/* Puts RECORD payloads, each behind its u32 length, in one transaction, and counts them; of a
 * failure nothing stays.  journal_append.c */
int journal_append_batch(struct journal *j, struct str batch, struct err *err);
int journal_put_value(struct journal *j, const char *key, struct str value, struct err *err);
int journal_put_event(struct journal *j, int64_t unix_ms, const char *kind, struct str json,
                      struct err *err);

#endif
