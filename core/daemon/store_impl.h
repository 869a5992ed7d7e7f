/* store_impl.h - the inside of struct store, for store.c and the journal's files alone. */
#ifndef EVALD_STORE_IMPL_H
#define EVALD_STORE_IMPL_H

#include <sqlite3.h>

#include "daemon/store.h"

enum { STORE_PUT, STORE_DELETE, STORE_JOB_PUT, STORE_JOB_COUNT, STORE_STATEMENTS };

struct store {
    char *path;
    int dir, lock_fd;
    sqlite3 *db; /* catalog.db; before the loop: any use; then the store thread's */
    sqlite3_stmt *statements[STORE_STATEMENTS];
    struct worker *writer, *reader;
};

#endif
