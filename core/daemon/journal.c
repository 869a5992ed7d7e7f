#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/frame.h"
#include "common/io.h"
#include "common/jtext.h"
#include "common/mem.h"
#include "daemon/journal_impl.h"

#define BODY_MAX   (40u << 20) /* of one record: with what goes along it fits into a frame */
#define TOKENS_MAX (INT64_C(1) << 40)

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

static int
create_write(struct op *op)
{
    struct journal *j = op->j;
    CLEANUP_FREE char *path = journal_path(j->store, j->id);
    /* of a creation that was cut off: its id was never given out */
    journal_unlink(j->store, j->id);
    j->w = sqlite_open(path, true, "NORMAL", &op->err);
    char epochs[16];
    snprintf(epochs, sizeof epochs, "%u", j->epochs);
    if (j->w == NULL || sqlite_run(j->w, journal_schema, &op->err) < 0
        || prepare_all(j, &op->err) < 0
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

/* The next element of the record as a whole number that is not below min. */
static int
take_int(struct jiter *it, int64_t min, int64_t *ret, struct err *err)
{
    struct jval v;
    int64_t n;
    if (!jtext_next(it, NULL, &v) || !jtext_int64(v, &n) || n < min)
        return err_set(err, ERR_PROTO, "a record lacks a number");
    *ret = n;
    return 0;
}

static int
take_value(struct jiter *it, enum jkind kind, struct str *ret, struct err *err)
{
    struct jval v;
    if (!jtext_next(it, NULL, &v) || (kind != J_ABSENT && v.kind != kind))
        return err_set(err, ERR_PROTO, "a record lacks a member");
    *ret = v.raw;
    return 0;
}

static int
check_object(struct str body, struct err *err)
{
    struct jval v;
    size_t at;
    if (jtext_check(body, &v, &at, NULL) < 0 || v.kind != J_OBJECT)
        return err_set(err, ERR_PROTO, "a record's body is no JSON object");
    return 0;
}

static void
take_usage(struct jiter *it, int64_t *ret_in, int64_t *ret_out)
{
    struct jval usage;
    *ret_in = *ret_out = 0;
    if (!jtext_next(it, NULL, &usage) || usage.kind != J_OBJECT)
        return;
    jtext_int64(jtext_member(usage, STR("input_tokens")), ret_in);
    jtext_int64(jtext_member(usage, STR("output_tokens")), ret_out);
    if (*ret_in < 0 || *ret_in > TOKENS_MAX)
        *ret_in = 0;
    if (*ret_out < 0 || *ret_out > TOKENS_MAX)
        *ret_out = 0;
}

static int
drop_replies(struct journal *j, int64_t at, int64_t phase, struct err *err)
{
    if (!j->has_replies)
        return 0;
    sqlite3_bind_int64(j->st[PUT_REPLY_DROP], 1, at);
    sqlite3_bind_int64(j->st[PUT_REPLY_DROP], 2, phase);
    return sqlite_step_done(j->st[PUT_REPLY_DROP], err);
}

/* Counts what the statement before put; a record that was there already counts once. */
static void
count(struct journal *j, int64_t *records, int64_t in, int64_t out)
{
    if (sqlite3_changes(j->w) == 0)
        return;
    ++*records;
    j->counts.input_tokens += in;
    j->counts.output_tokens += out;
}

static int
put_generation(struct journal *j, struct jiter *it, int64_t at, struct str body,
               struct err *err)
{
    struct str row_id = { NULL, 0 };
    int64_t truncated, in, out;
    if (take_value(it, J_ABSENT, &row_id, err) < 0 || take_int(it, 0, &truncated, err) < 0
        || check_object(body, err) < 0)
        return -1;
    enum jkind id_kind = jtext_whole(row_id).kind;
    if (id_kind != J_NULL && id_kind != J_NUMBER && id_kind != J_STRING)
        return err_set(err, ERR_PROTO, "a record whose row has no id");
    take_usage(it, &in, &out);
    sqlite3_stmt *st = j->st[PUT_GENERATION];
    sqlite3_bind_int64(st, 1, at);
    sqlite_bind(st, 2, body);
    sqlite_bind(st, 3, row_id);
    sqlite3_bind_int64(st, 4, truncated);
    sqlite3_bind_int64(st, 5, in);
    sqlite3_bind_int64(st, 6, out);
    if (sqlite_step_done(st, err) < 0)
        return -1;
    count(j, &j->counts.generations, in, out);
    return drop_replies(j, at, 0, err);
}

static int
put_score(struct journal *j, struct jiter *it, int64_t at, struct str body, struct err *err)
{
    int64_t fn, in, out;
    if (take_int(it, 0, &fn, err) < 0 || check_object(body, err) < 0)
        return -1;
    take_usage(it, &in, &out);
    sqlite3_stmt *st = j->st[PUT_SCORE];
    sqlite3_bind_int64(st, 1, fn);
    sqlite3_bind_int64(st, 2, at);
    sqlite_bind(st, 3, body);
    sqlite3_bind_int64(st, 4, in);
    sqlite3_bind_int64(st, 5, out);
    if (sqlite_step_done(st, err) < 0)
        return -1;
    count(j, &j->counts.scores, in, out);
    return drop_replies(j, at, fn + 1, err);
}

static int
put_error(struct journal *j, struct jiter *it, int64_t at, struct str body, struct err *err)
{
    int64_t fn, attempts;
    struct str stage, code;
    if (take_int(it, -1, &fn, err) < 0 || take_int(it, 0, &attempts, err) < 0
        || take_value(it, J_STRING, &stage, err) < 0
        || take_value(it, J_STRING, &code, err) < 0)
        return -1;
    sqlite3_stmt *seen = j->st[PUT_ERROR_SEEN];
    sqlite3_bind_int64(seen, 1, at);
    bool first = sqlite3_step(seen) == SQLITE_DONE;
    sqlite3_reset(seen);
    CLEANUP_TEXT struct text words = TEXT_INIT;
    jtext_decode(&words, stage);
    size_t cut = words.len;
    jtext_decode(&words, code);
    sqlite3_stmt *st = j->st[PUT_ERROR];
    sqlite3_bind_int64(st, 1, at);
    sqlite3_bind_int64(st, 2, fn);
    sqlite3_bind_int64(st, 3, attempts);
    sqlite_bind(st, 4, (struct str){ words.ptr, cut });
    sqlite_bind(st, 5, (struct str){ words.ptr + cut, words.len - cut });
    sqlite_bind(st, 6, body);
    if (sqlite_step_done(st, err) < 0)
        return -1;
    if (first)
        j->counts.failed++;
    return 0;
}

static int
put_reply(struct journal *j, struct jiter *it, int64_t at, struct str body, struct err *err)
{
    int64_t phase, n;
    if (take_int(it, 0, &phase, err) < 0 || take_int(it, 0, &n, err) < 0)
        return -1;
    sqlite3_stmt *st = j->st[PUT_REPLY];
    sqlite3_bind_int64(st, 1, at);
    sqlite3_bind_int64(st, 2, phase);
    sqlite3_bind_int64(st, 3, n);
    sqlite_bind(st, 4, body);
    j->has_replies = true;
    return sqlite_step_done(st, err);
}

static int
put_record(struct journal *j, struct jval record, struct str body, struct err *err)
{
    struct jiter it = jtext_iter(record);
    struct str kind = { NULL, 0 };
    int64_t row, epoch;
    if (take_value(&it, J_STRING, &kind, err) < 0 || take_int(&it, 0, &row, err) < 0
        || take_int(&it, 0, &epoch, err) < 0)
        return -1;
    int64_t at;
    if (epoch >= j->epochs || __builtin_mul_overflow(row, (int64_t)j->epochs, &at)
        || __builtin_add_overflow(at, epoch, &at))
        return err_set(err, ERR_PROTO, "a record of a row that cannot be");
    if (body.len > BODY_MAX)
        return err_set(err, ERR_PROTO, "a record of %zu bytes", body.len);
    switch (kind.len == 3 ? kind.ptr[1] : 0) {
    case 'g': return put_generation(j, &it, at, body, err);
    case 's': return put_score(j, &it, at, body, err);
    case 'e': return put_error(j, &it, at, body, err);
    case 'r': return put_reply(j, &it, at, body, err);
    default: return err_set(err, ERR_PROTO, "a record of an unknown kind");
    }
}

static int
put_payload(struct journal *j, struct str payload, struct err *err)
{
    struct str head, body;
    struct jval records, record;
    size_t at;
    if (!frame_part(&payload, &head) || jtext_check(head, &records, &at, NULL) < 0
        || records.kind != J_ARRAY)
        return err_set(err, ERR_PROTO, "RECORD without its list");
    struct jiter it = jtext_iter(records);
    while (jtext_next(&it, NULL, &record)) {
        if (!frame_part(&payload, &body))
            return err_set(err, ERR_PROTO, "RECORD lacks a body");
        if (put_record(j, record, body, err) < 0)
            return -1;
    }
    return 0;
}

static int
append_write(struct op *op)
{
    struct journal *j = op->j;
    struct journal_counts before = j->counts;
    struct str batch = { op->a, op->a_len }, payload;
    if (sqlite_run(j->w, "BEGIN", &op->err) < 0)
        return -1;
    int rc = 0;
    while (rc == 0 && frame_part(&batch, &payload))
        rc = put_payload(j, payload, &op->err);
    if (rc == 0)
        rc = sqlite_run(j->w, "COMMIT", &op->err);
    if (rc < 0) {
        if (!sqlite3_get_autocommit(j->w))
            sqlite_run(j->w, "ROLLBACK", NULL);
        j->counts = before;
        return err_prefix(&op->err, "journal of job %lld", (long long)j->id);
    }
    op->counts = j->counts;
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
