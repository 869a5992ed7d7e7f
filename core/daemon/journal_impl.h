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
    struct journal_counts counts;
    bool has_replies; /* some may be there: look before forgetting them */
    /* read thread */
    sqlite3 *r;
};

char *journal_path(const struct store *s, int64_t id); /* free() it */

#endif
