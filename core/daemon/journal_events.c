#include "config.h"

#include <stdlib.h>

#include "common/mem.h"
#include "daemon/journal_impl.h"

#define BYTES_MAX (64u << 10) /* of one reading */

struct events {
    struct store *store;
    int64_t id, from;
    struct journal_event *all;
    size_t n, bytes;
    bool more;
    journal_events_fn *done;
    void *arg;
    struct err err;
    bool failed;
};

static char *
copy(struct str s)
{
    return xstrndup(s.ptr, s.len);
}

static int
read_events(struct events *e)
{
    CLEANUP_FREE char *path = journal_path(e->store, e->id);
    sqlite3 *db = sqlite_open(path, false, NULL, &e->err);
    if (db == NULL)
        return -1;
    sqlite3_stmt *st = sqlite_prepare(
        db, "SELECT seq, unix_ms, kind, json FROM event WHERE seq >= ? ORDER BY seq", &e->err);
    int rc = SQLITE_ERROR;
    if (st != NULL) {
        sqlite3_bind_int64(st, 1, e->from);
        while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
            e->more = e->bytes >= BYTES_MAX;
            if (e->more)
                break;
            if ((e->n & (e->n - 1)) == 0)
                e->all = xreallocarray(e->all, e->n > 0 ? e->n * 2 : 1, sizeof *e->all);
            e->all[e->n++] = (struct journal_event){
                sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1),
                copy(sqlite_col(st, 2)), copy(sqlite_col(st, 3)) };
            e->bytes += sizeof *e->all + (size_t)sqlite3_column_bytes(st, 3);
        }
        if (rc != SQLITE_ROW && rc != SQLITE_DONE)
            sqlite_err(&e->err, db, "read the journal");
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}

static void
run_events(void *arg)
{
    struct events *e = arg;
    e->failed = read_events(e) < 0;
}

static void
tell_events(void *arg)
{
    struct events *e = arg;
    e->done(e->arg, e->all, e->n, e->more, e->failed ? &e->err : NULL);
    for (size_t i = 0; i < e->n; i++) {
        free(e->all[i].kind);
        free(e->all[i].json);
    }
    free(e->all);
    free(e);
}

void
journal_read_events(struct store *s, int64_t id, int64_t from, journal_events_fn *done,
                    void *arg)
{
    struct events *e = xcalloc(1, sizeof *e);
    e->store = s;
    e->id = id;
    e->from = from;
    e->done = done;
    e->arg = arg;
    worker_run(s->reader, run_events, tell_events, e);
}
