#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/io.h"
#include "common/mem.h"
#include "daemon/journal_impl.h"

static const char journal_schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE job(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE generation(at INTEGER PRIMARY KEY, json TEXT NOT NULL, row_id TEXT NOT NULL,"
    " truncated INTEGER NOT NULL, input_tokens INTEGER NOT NULL,"
    " output_tokens INTEGER NOT NULL);"
    "CREATE INDEX truncated ON generation(at) WHERE truncated = 1;"
    "CREATE TABLE score(function INTEGER NOT NULL, at INTEGER NOT NULL, json TEXT NOT NULL,"
    " input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,"
    " PRIMARY KEY(function, at)) WITHOUT ROWID;"
    "CREATE TABLE error(at INTEGER NOT NULL, function INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL, stage TEXT NOT NULL, code TEXT NOT NULL,"
    " message TEXT NOT NULL, PRIMARY KEY(at, function)) WITHOUT ROWID;"
    "CREATE TABLE reply(at INTEGER NOT NULL, phase INTEGER NOT NULL, n INTEGER NOT NULL,"
    " body TEXT NOT NULL, PRIMARY KEY(at, phase, n)) WITHOUT ROWID;"
    "CREATE TABLE aggregate(function INTEGER PRIMARY KEY, results TEXT NOT NULL,"
    " statistics TEXT NOT NULL);"
    "CREATE TABLE event(seq INTEGER PRIMARY KEY, unix_ms INTEGER NOT NULL, kind TEXT NOT NULL,"
    " json TEXT NOT NULL);"
    "PRAGMA user_version = 1;"
    "COMMIT;";

static const char *const statement_sql[JOURNAL_STATEMENTS] = {
    [PUT_GENERATION] = "INSERT OR IGNORE INTO generation VALUES(?,?,?,?,?,?)",
    [PUT_SCORE] = "INSERT OR IGNORE INTO score VALUES(?,?,?,?,?)",
    [PUT_ERROR] = "INSERT OR IGNORE INTO error VALUES(?,?,?,?,?,?)",
    [PUT_ERROR_SEEN] = "SELECT 1 FROM error WHERE at = ? LIMIT 1",
    [PUT_REPLY] = "INSERT OR IGNORE INTO reply VALUES(?,?,?,?)",
    [PUT_REPLY_DROP] = "DELETE FROM reply WHERE at = ? AND phase = ?",
    [PUT_AGGREGATE] = "INSERT OR REPLACE INTO aggregate VALUES(?,?,?)",
    [PUT_SET] = "INSERT OR REPLACE INTO job VALUES(?,?)",
    [PUT_EVENT] = "INSERT INTO event(unix_ms, kind, json) VALUES(?,?,?)",
};

/* One thing for the store thread to do, and who waits for it. */
struct op {
    struct journal *j;
    int (*write)(struct op *op); /* store thread; fills err on -1 */
    char *a, *b;                 /* what to write, by kind of op */
    size_t a_len, b_len;
    int64_t n;
    void (*tell)(struct op *op); /* loop thread */
    void (*done)(void);          /* called by tell with its true type */
    void *arg;
    struct journal_counts counts;
    struct err err;
    bool failed;
};

char *
journal_path(const struct store *s, int64_t id)
{
    return xasprintf("%s/jobs/%lld.db", s->path, (long long)id);
}

void
journal_unlink(struct store *s, int64_t id)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char name[64];
        snprintf(name, sizeof name, "jobs/%lld.db%s", (long long)id, ends[i]);
        unlinkat(s->dir, name, 0);
    }
}

static void
op_run(void *arg)
{
    struct op *op = arg;
    op->failed = op->write(op) < 0;
}

static void
op_end(void *arg)
{
    struct op *op = arg;
    op->tell(op);
    free(op->a);
    free(op->b);
    free(op);
}

static struct op *
op_new(struct journal *j, int (*write)(struct op *), void (*tell)(struct op *),
       void (*done)(void), void *arg)
{
    struct op *op = xcalloc(1, sizeof *op);
    op->j = j;
    op->write = write;
    op->tell = tell;
    op->done = done;
    op->arg = arg;
    return op;
}

static void
op_keep(char **to, size_t *to_len, struct str s)
{
    *to = xmalloc(s.len + 1);
    if (s.len > 0)
        memcpy(*to, s.ptr, s.len);
    (*to)[s.len] = '\0';
    *to_len = s.len;
}

static void
op_start(struct op *op)
{
    worker_run(op->j->store->writer, op_run, op_end, op);
}

static void
tell_done(struct op *op)
{
    store_done_fn *done = (store_done_fn *)op->done;
    if (done != NULL)
        done(op->arg, op->failed ? &op->err : NULL);
}

/* ---- opening and closing ---- */

static int
prepare_all(struct journal *j, struct err *err)
{
    for (size_t i = 0; i < JOURNAL_STATEMENTS; i++)
        if ((j->st[i] = sqlite_prepare(j->w, statement_sql[i], err)) == NULL)
            return -1;
    return 0;
}

void
journal_close_writer(struct journal *j)
{
    for (size_t i = 0; i < JOURNAL_STATEMENTS; i++) {
        sqlite3_finalize(j->st[i]);
        j->st[i] = NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(j->many); i++) {
        sqlite3_finalize(j->many[i]);
        j->many[i] = NULL;
    }
    sqlite3_close(j->w);
    j->w = NULL;
}

int
journal_put_value(struct journal *j, const char *key, struct str value, struct err *err)
{
    sqlite_bind(j->st[PUT_SET], 1, str_z(key));
    sqlite_bind(j->st[PUT_SET], 2, value);
    return sqlite_step_done(j->st[PUT_SET], err);
}

int
journal_make_writer(struct journal *j, const char *path, struct err *err)
{
    j->w = sqlite_open(path, true, "NORMAL", err);
    return j->w == NULL || sqlite_run(j->w, journal_schema, err) < 0 ? -1 : prepare_all(j, err);
}

static int
create_write(struct op *op)
{
    struct journal *j = op->j;
    CLEANUP_FREE char *path = journal_path(j->store, j->id);
    /* of a creation that was cut off: its id was never given out */
    journal_unlink(j->store, j->id);
    char epochs[16];
    snprintf(epochs, sizeof epochs, "%u", j->epochs);
    if (journal_make_writer(j, path, &op->err) < 0
        || journal_put_value(j, "specification", (struct str){ op->a, op->a_len }, &op->err) < 0
        || journal_put_value(j, "manifest", (struct str){ op->b, op->b_len }, &op->err) < 0
        || journal_put_value(j, "epochs", str_z(epochs), &op->err) < 0
        || sqlite_run(j->w, "PRAGMA wal_checkpoint(TRUNCATE)", &op->err) < 0) {
        journal_close_writer(j);
        journal_unlink(j->store, j->id);
        return err_prefix(&op->err, "journal of job %lld", (long long)j->id);
    }
    return 0;
}

int64_t
journal_number(sqlite3 *db, const char *sql)
{
    CLEANUP_STMT sqlite3_stmt *st = sqlite_prepare(db, sql, NULL);
    return st != NULL && sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
}

void
journal_count(struct journal *j)
{
    sqlite3 *w = j->w;
    j->counts = (struct journal_counts){
        .generations = journal_number(w, "SELECT count(*) FROM generation"),
        .scores = journal_number(w, "SELECT count(*) FROM score"),
        .failed = journal_number(w, "SELECT count(DISTINCT at) FROM error"),
        .input_tokens =
            journal_number(w, "SELECT sum(input_tokens) FROM generation")
            + journal_number(w, "SELECT sum(input_tokens) FROM score")
            + journal_number(w, "SELECT value FROM job WHERE key = 'removed_input_tokens'"),
        .output_tokens =
            journal_number(w, "SELECT sum(output_tokens) FROM generation")
            + journal_number(w, "SELECT sum(output_tokens) FROM score")
            + journal_number(w, "SELECT value FROM job WHERE key = 'removed_output_tokens'"),
    };
}

int
journal_open_writer(struct journal *j, struct err *err)
{
    CLEANUP_FREE char *path = journal_path(j->store, j->id);
    j->w = sqlite_open(path, false, "NORMAL", err);
    if (j->w == NULL || sqlite_check_version(j->w, 1, path, err) < 0
        || prepare_all(j, err) < 0) {
        journal_close_writer(j);
        return err_prefix(err, "journal of job %lld", (long long)j->id);
    }
    return 0;
}

static int
open_write(struct op *op)
{
    struct journal *j = op->j;
    if (journal_open_writer(j, &op->err) < 0)
        return -1;
    journal_count(j);
    j->has_replies = journal_number(j->w, "SELECT count(*) FROM reply") > 0;
    int64_t epochs = journal_number(j->w, "SELECT value FROM job WHERE key = 'epochs'");
    j->epochs = epochs > 0 ? (uint32_t)epochs : 1;
    CLEANUP_STMT sqlite3_stmt *st =
        sqlite_prepare(j->w, "SELECT value FROM job WHERE key = 'specification'", &op->err);
    if (st != NULL && sqlite3_step(st) == SQLITE_ROW)
        op_keep(&op->a, &op->a_len, sqlite_col(st, 0));
    else {
        sqlite3_finalize(TAKE(st));
        journal_close_writer(j);
        return err_set(&op->err, ERR_IO, "journal of job %lld has no specification",
                       (long long)j->id);
    }
    return 0;
}

static void
tell_opened(struct op *op)
{
    journal_opened_fn *done = (journal_opened_fn *)op->done;
    struct str spec = { op->a, op->a_len };
    if (op->failed) {
        done(op->arg, NULL, spec, &op->err);
        free(op->j);
    } else {
        done(op->arg, op->j, spec, NULL);
    }
}

static struct journal *
journal_new(struct store *s, int64_t id, uint32_t epochs)
{
    struct journal *j = xcalloc(1, sizeof *j);
    j->store = s;
    j->id = id;
    j->epochs = epochs;
    return j;
}

void
journal_create(struct store *s, int64_t id, uint32_t epochs, struct str spec,
               struct str manifest, journal_opened_fn *done, void *arg)
{
    struct journal *j = journal_new(s, id, epochs);
    struct op *op = op_new(j, create_write, tell_opened, (void (*)(void))done, arg);
    op_keep(&op->a, &op->a_len, spec);
    op_keep(&op->b, &op->b_len, manifest);
    op_start(op);
}

void
journal_open(struct store *s, int64_t id, journal_opened_fn *done, void *arg)
{
    op_start(op_new(journal_new(s, id, 1), open_write, tell_opened, (void (*)(void))done, arg));
}

struct journal_counts
journal_counts(const struct journal *j)
{
    return j->counts;
}

static int
close_write(struct op *op)
{
    journal_close_writer(op->j);
    return 0;
}

static void
tell_closed(struct op *op)
{
    free(op->j);
}

static void
reader_close(void *arg)
{
    struct journal *j = arg;
    sqlite3_close(j->r);
    j->r = NULL;
}

static void
reader_closed(void *arg)
{
    op_start(op_new(arg, close_write, tell_closed, NULL, NULL));
}

void
journal_close(struct journal *j)
{
    if (j != NULL)
        worker_run(j->store->reader, reader_close, reader_closed, j);
}

/* ---- records ---- */

static int
append_write(struct op *op)
{
    if (journal_append_batch(op->j, (struct str){ op->a, op->a_len }, &op->err) < 0)
        return -1;
    op->counts = op->j->counts;
    return 0;
}

static void
tell_appended(struct op *op)
{
    journal_appended_fn *done = (journal_appended_fn *)op->done;
    done(op->arg, &op->counts, op->failed ? &op->err : NULL);
}

void
journal_append(struct journal *j, char *batch, size_t len, journal_appended_fn *done, void *arg)
{
    struct op *op = op_new(j, append_write, tell_appended, (void (*)(void))done, arg);
    op->a = batch;
    op->a_len = len;
    op_start(op);
}

/* ---- the rest of the writing ---- */

static int
aggregate_write(struct op *op)
{
    sqlite3_stmt *st = op->j->st[PUT_AGGREGATE];
    sqlite3_bind_int64(st, 1, op->n);
    sqlite_bind(st, 2, (struct str){ op->a, op->a_len });
    sqlite_bind(st, 3, (struct str){ op->b, op->b_len });
    return sqlite_step_done(st, &op->err);
}

void
journal_put_aggregate(struct journal *j, int function, struct str results,
                      struct str statistics, store_done_fn *done, void *arg)
{
    struct op *op = op_new(j, aggregate_write, tell_done, (void (*)(void))done, arg);
    op->n = function;
    op_keep(&op->a, &op->a_len, results);
    op_keep(&op->b, &op->b_len, statistics);
    op_start(op);
}

static int
set_write(struct op *op)
{
    return journal_put_value(op->j, op->a, (struct str){ op->b, op->b_len }, &op->err);
}

void
journal_set(struct journal *j, const char *key, struct str value, store_done_fn *done,
            void *arg)
{
    struct op *op = op_new(j, set_write, tell_done, (void (*)(void))done, arg);
    op_keep(&op->a, &op->a_len, str_z(key));
    op_keep(&op->b, &op->b_len, value);
    op_start(op);
}

int
journal_put_event(struct journal *j, int64_t unix_ms, const char *kind, struct str json,
                  struct err *err)
{
    sqlite3_stmt *st = j->st[PUT_EVENT];
    sqlite3_bind_int64(st, 1, unix_ms);
    sqlite_bind(st, 2, str_z(kind));
    sqlite_bind(st, 3, json);
    return sqlite_step_done(st, err);
}

static int
event_write(struct op *op)
{
    return journal_put_event(op->j, op->n, op->a, (struct str){ op->b, op->b_len }, &op->err);
}

void
journal_event(struct journal *j, const char *kind, struct str json, store_done_fn *done,
              void *arg)
{
    struct op *op = op_new(j, event_write, tell_done, (void (*)(void))done, arg);
    op->n = time_unix_ms();
    op_keep(&op->a, &op->a_len, str_z(kind));
    op_keep(&op->b, &op->b_len, json);
    op_start(op);
}

static int
checkpoint_write(struct op *op)
{
    struct journal *j = op->j;
    if (sqlite3_wal_checkpoint_v2(j->w, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL)
        != SQLITE_OK)
        return sqlite_err(&op->err, j->w, "checkpoint");
    return 0;
}

void
journal_checkpoint(struct journal *j, store_done_fn *done, void *arg)
{
    op_start(op_new(j, checkpoint_write, tell_done, (void (*)(void))done, arg));
}

static int
checkpoint_some(struct op *op)
{
    sqlite3_wal_checkpoint_v2(op->j->w, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return 0;
}

void
journal_checkpoint_begin(struct journal *j)
{
    op_start(op_new(j, checkpoint_some, tell_done, NULL, NULL));
}
