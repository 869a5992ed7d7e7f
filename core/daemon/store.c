#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "common/mem.h"
#include "daemon/sqlite.h"
#include "daemon/store_impl.h"

#define CATALOG_VERSION 2 /* 1: evald 0.1.0 */

static const char catalog_schema[] =
    "CREATE TABLE IF NOT EXISTS resource("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL,"
    " owner INTEGER NOT NULL, json TEXT NOT NULL, UNIQUE(kind, id));"
    "CREATE TABLE IF NOT EXISTS job("
    " id INTEGER PRIMARY KEY, benchmark TEXT NOT NULL, owner INTEGER NOT NULL,"
    " state TEXT NOT NULL, created_unix_ms INTEGER NOT NULL, started_unix_ms INTEGER NOT NULL,"
    " ended_unix_ms INTEGER NOT NULL, rows_done INTEGER NOT NULL, rows_total INTEGER NOT NULL,"
    " rows_failed INTEGER NOT NULL, error_code TEXT, error TEXT);"
    "CREATE TABLE IF NOT EXISTS counter(name TEXT PRIMARY KEY, next INTEGER NOT NULL);";

/* What tables of version 1 lack; a new catalogue gets it the same way. */
static const struct {
    const char *table, *column, *type;
} added_columns[] = {
    { "job", "request_key", "TEXT" },
    { "job", "request_hash", "TEXT" },
    { "job", "paused", "INTEGER NOT NULL DEFAULT 0" },
    { "job", "retry", "INTEGER NOT NULL DEFAULT 0" },
    { "job", "parent", "INTEGER NOT NULL DEFAULT -1" },
};

/* ---- SQLite ---- */

int
sqlite_err(struct err *err, sqlite3 *db, const char *what)
{
    int rc = (db ? sqlite3_errcode(db) : SQLITE_NOMEM) & 0xff;
    /* the errno is that of the last I/O error, which may be an old one */
    int no = rc == SQLITE_IOERR || rc == SQLITE_CANTOPEN ? sqlite3_system_errno(db) : 0;
    enum err_code code = rc == SQLITE_FULL || no == ENOSPC || no == EDQUOT ? ERR_NOSPACE
                         : rc == SQLITE_NOMEM                              ? ERR_NOMEM
                                                                           : ERR_IO;
    return err_set(err, code, "%s: %s", what, db ? sqlite3_errmsg(db) : "out of memory");
}

int
sqlite_run(sqlite3 *db, const char *sql, struct err *err)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_err(err, db, "database");
    return 0;
}

sqlite3_stmt *
sqlite_prepare(sqlite3 *db, const char *sql, struct err *err)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK)
        return sqlite_err(err, db, "database"), NULL;
    return st;
}

int
sqlite_step_done(sqlite3_stmt *st, struct err *err)
{
    int rc = sqlite3_step(st);
    int out = rc == SQLITE_DONE ? 0 : sqlite_err(err, sqlite3_db_handle(st), "database");
    sqlite3_reset(st);
    return out;
}

sqlite3 *
sqlite_open(const char *path, bool create, const char *synchronous, struct err *err)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
    if (!create && access(path, F_OK) < 0 && errno == ENOENT) {
        const char *slash = strrchr(path, '/');
        err_set(err, ERR_INVALID, "%s has been removed", slash != NULL ? slash + 1 : path);
        return NULL;
    }
    if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
        sqlite_err(err, db, path);
        sqlite3_close(db);
        return NULL;
    }
    sqlite3_busy_timeout(db, 10000);
    CLEANUP_FREE char *sql = NULL;
    if (synchronous != NULL) {
        sql = xasprintf("PRAGMA cache_size=-512; PRAGMA journal_mode=WAL;"
                        "PRAGMA synchronous=%s; PRAGMA wal_autocheckpoint=4000;"
                        "PRAGMA temp_store=MEMORY;",
                        synchronous);
    } else {
        sql = xstrdup("PRAGMA cache_size=-512; PRAGMA query_only=1; PRAGMA temp_store=MEMORY;");
    }
    if (sqlite_run(db, sql, err) < 0) {
        err_prefix(err, "%s", path);
        sqlite3_close(db);
        return NULL;
    }
    return db;
}

int
sqlite_check_version(sqlite3 *db, int newest, const char *path, struct err *err)
{
    CLEANUP_STMT sqlite3_stmt *st = sqlite_prepare(db, "PRAGMA user_version", err);
    if (st == NULL)
        return -1;
    int version = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int(st, 0) : 0;
    if (version > newest)
        return err_set(err, ERR_CONFLICT, "%s is of version %d, made by a later evald", path,
                       version);
    return 0;
}

/* ---- opening ---- */

static int
lock_state_dir(int dir, const char *name, struct err *err)
{
    CLEANUP_CLOSE int fd = openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, err_from_errno(errno), "%s/lock: %m", name);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        char pid[24] = "";
        ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
        pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
        return err_set(err, ERR_CONFLICT, "%s is in use by another evald (pid %s)", name,
                       pid[0] ? pid : "unknown");
    }
    char pid[24];
    int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) < 0 || io_pwrite_full(fd, pid, (size_t)n, 0) < 0)
        return err_set(err, err_from_errno(errno), "%s/lock: %m", name);
    return TAKE_FD(fd);
}

static int
make_dir(int dir, const char *name, struct err *err)
{
    if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
        return err_set(err, err_from_errno(errno), "%s: %m", name);
    return 0;
}

static void
store_close(struct store *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < ARRAY_LEN(s->statements); i++)
        sqlite3_finalize(s->statements[i]);
    sqlite3_close(s->db);
    mem_cleanup_close(&s->lock_fd);
    mem_cleanup_close(&s->dir);
    free(s->path);
    free(s);
}

static const char *const statement_sql[STORE_STATEMENTS] = {
    [STORE_PUT] = "INSERT INTO resource(kind, id, owner, json) VALUES(?1, ?2, ?3, ?4)"
                  " ON CONFLICT(kind, id) DO UPDATE SET owner = ?3, json = ?4",
    [STORE_DELETE] = "DELETE FROM resource WHERE kind = ?1 AND id = ?2",
    [STORE_JOB_PUT] = "INSERT OR REPLACE INTO job(id, benchmark, owner, state, created_unix_ms,"
                      " started_unix_ms, ended_unix_ms, rows_done, rows_total, rows_failed,"
                      " error_code, error, request_key, request_hash, paused, retry, parent)"
                      " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [STORE_JOB_COUNT] = "INSERT INTO counter VALUES('job', ?1 + 1)"
                        " ON CONFLICT(name) DO UPDATE SET next = max(next, ?1 + 1)",
};

static bool
has_column(sqlite3 *db, const char *table, const char *column)
{
    return sqlite3_table_column_metadata(db, NULL, table, column, NULL, NULL, NULL, NULL, NULL)
        == SQLITE_OK;
}

/* A new catalogue, or one of an older evald brought up to date, in one transaction. */
static int
make_catalog(sqlite3 *db, struct err *err)
{
    if (sqlite_run(db, "BEGIN IMMEDIATE", err) < 0 || sqlite_run(db, catalog_schema, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(added_columns); i++) {
        const char *table = added_columns[i].table, *column = added_columns[i].column;
        CLEANUP_FREE char *sql = xasprintf("ALTER TABLE %s ADD COLUMN %s %s", table, column,
                                           added_columns[i].type);
        if (!has_column(db, table, column) && sqlite_run(db, sql, err) < 0)
            return -1;
    }
    CLEANUP_FREE char *version = xasprintf("PRAGMA user_version = %d", CATALOG_VERSION);
    if (sqlite_run(db, version, err) < 0)
        return -1;
    return sqlite_run(db, "COMMIT", err);
}

struct store *
store_open(struct ev_loop *loop, const char *state_dir, struct err *err)
{
    if (mkdir(state_dir, 0700) < 0 && errno != EEXIST)
        return ERR_NULL(err, err_from_errno(errno), "state directory %s: %m", state_dir);
    /* Nobody reads these counters, and they cost a lock for each allocation.  Too late once a
     * database was opened: then they stay. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    struct store *s = xcalloc(1, sizeof *s);
    s->lock_fd = -1;
    s->dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir < 0) {
        err_set(err, err_from_errno(errno), "state directory %s: %m", state_dir);
        store_close(s);
        return NULL;
    }
    s->path = xstrdup(state_dir);
    s->lock_fd = lock_state_dir(s->dir, state_dir, err);
    if (s->lock_fd < 0 || make_dir(s->dir, "datasets", err) < 0
        || make_dir(s->dir, "jobs", err) < 0) {
        store_close(s);
        return NULL;
    }
    CLEANUP_FREE char *db_path = xasprintf("%s/catalog.db", state_dir);
    s->db = sqlite_open(db_path, true, "FULL", err);
    if (s->db == NULL || sqlite_check_version(s->db, CATALOG_VERSION, db_path, err) < 0
        || make_catalog(s->db, err) < 0) {
        store_close(s);
        return NULL;
    }
    for (size_t i = 0; i < STORE_STATEMENTS; i++) {
        s->statements[i] = sqlite_prepare(s->db, statement_sql[i], err);
        if (s->statements[i] == NULL) {
            store_close(s);
            return NULL;
        }
    }
    s->writer = worker_new(loop, "evald-store");
    s->reader = worker_new(loop, "evald-read");
    return s;
}

void
store_free(struct store *s)
{
    if (s == NULL)
        return;
    worker_free(s->reader);
    worker_free(s->writer);
    sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    store_close(s);
}

int
store_dir(const struct store *s)
{
    return s->dir;
}

struct worker *
store_worker(struct store *s)
{
    return s->writer;
}

struct worker *
store_reader(struct store *s)
{
    return s->reader;
}

/* ---- catalogue rows ---- */

struct put {
    struct store *store;
    char *kind, *id, *json;
    size_t json_len;
    uid_t owner;
    store_done_fn *done;
    void *arg;
    struct err err;
    bool failed;
};

static void
put_run(void *arg)
{
    struct put *p = arg;
    sqlite3_stmt *st = p->store->statements[p->json ? STORE_PUT : STORE_DELETE];
    sqlite_bind(st, 1, str_z(p->kind));
    sqlite_bind(st, 2, str_z(p->id));
    if (p->json != NULL) {
        sqlite3_bind_int64(st, 3, p->owner);
        sqlite_bind(st, 4, (struct str){ p->json, p->json_len });
    }
    p->failed = sqlite_step_done(st, &p->err) < 0;
    sqlite3_clear_bindings(st);
}

static void
put_done(void *arg)
{
    struct put *p = arg;
    if (p->done != NULL)
        p->done(p->arg, p->failed ? &p->err : NULL);
    free(p->kind);
    free(p->id);
    free(p->json);
    free(p);
}

static void
put_start(struct store *s, const char *kind, const char *id, uid_t owner,
          const struct str *json, store_done_fn *done, void *arg)
{
    struct put *p = xcalloc(1, sizeof *p);
    p->store = s;
    p->kind = xstrdup(kind);
    p->id = xstrdup(id);
    p->owner = owner;
    if (json != NULL) {
        p->json = xmalloc(json->len + 1);
        memcpy(p->json, json->ptr, json->len);
        p->json_len = json->len;
    }
    p->done = done;
    p->arg = arg;
    worker_run(s->writer, put_run, put_done, p);
}

void
store_put(struct store *s, const char *kind, const char *id, uid_t owner, struct str json,
          store_done_fn *done, void *arg)
{
    put_start(s, kind, id, owner, &json, done, arg);
}

void
store_delete(struct store *s, const char *kind, const char *id, store_done_fn *done, void *arg)
{
    put_start(s, kind, id, 0, NULL, done, arg);
}

int
store_each(struct store *s, const char *kind, store_row_fn *fn, void *arg, struct err *err)
{
    CLEANUP_STMT sqlite3_stmt *st = sqlite_prepare(
        s->db, "SELECT id, owner, json FROM resource WHERE kind = ? ORDER BY seq", err);
    if (st == NULL)
        return -1;
    sqlite_bind(st, 1, str_z(kind));
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        fn(arg, sqlite_col(st, 0).ptr, (uid_t)sqlite3_column_int64(st, 1), sqlite_col(st, 2));
    return rc == SQLITE_DONE ? 0 : sqlite_err(err, s->db, "catalogue");
}

/* ---- jobs' lines ---- */

int
job_rows_each(struct store *s, job_row_fn *fn, void *arg, struct err *err)
{
    CLEANUP_STMT sqlite3_stmt *st = sqlite_prepare(
        s->db,
        "SELECT id, benchmark, owner, state, created_unix_ms, started_unix_ms, ended_unix_ms,"
        " rows_done, rows_total, rows_failed, error_code, error, request_key, request_hash,"
        " paused, retry, parent"
        " FROM job ORDER BY id",
        err);
    if (st == NULL)
        return -1;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct job_row row = {
            .id = sqlite3_column_int64(st, 0),
            .benchmark = sqlite_col(st, 1).ptr,
            .owner = (uid_t)sqlite3_column_int64(st, 2),
            .state = sqlite_col(st, 3).ptr,
            .created_unix_ms = sqlite3_column_int64(st, 4),
            .started_unix_ms = sqlite3_column_int64(st, 5),
            .ended_unix_ms = sqlite3_column_int64(st, 6),
            .rows_done = sqlite3_column_int64(st, 7),
            .rows_total = sqlite3_column_int64(st, 8),
            .rows_failed = sqlite3_column_int64(st, 9),
            .error_code = (const char *)sqlite3_column_text(st, 10),
            .error = (const char *)sqlite3_column_text(st, 11),
            .request_key = (const char *)sqlite3_column_text(st, 12),
            .request_hash = (const char *)sqlite3_column_text(st, 13),
            .paused = sqlite3_column_int(st, 14) != 0,
            .retry = sqlite3_column_int(st, 15) != 0,
            .parent = sqlite3_column_int64(st, 16),
        };
        fn(arg, &row);
    }
    return rc == SQLITE_DONE ? 0 : sqlite_err(err, s->db, "catalogue");
}

int64_t
job_rows_next_id(struct store *s)
{
    CLEANUP_STMT sqlite3_stmt *st = sqlite_prepare(
        s->db,
        "SELECT max(coalesce((SELECT next FROM counter WHERE name = 'job'), 0),"
        " coalesce((SELECT max(id) + 1 FROM job), 0))",
        NULL);
    return st != NULL && sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : -1;
}

struct job_put {
    struct store *store;
    struct job_row row;
    char *strings[6];
    store_done_fn *done;
    void *arg;
    struct err err;
    bool failed;
};

static int
job_put_write(struct job_put *p)
{
    const struct job_row *r = &p->row;
    sqlite3 *db = p->store->db;
    sqlite3_stmt *st = p->store->statements[STORE_JOB_PUT];
    sqlite3_stmt *count = p->store->statements[STORE_JOB_COUNT];
    sqlite3_bind_int64(st, 1, r->id);
    sqlite_bind(st, 2, str_z(r->benchmark));
    sqlite3_bind_int64(st, 3, r->owner);
    sqlite_bind(st, 4, str_z(r->state));
    const int64_t numbers[] = { r->created_unix_ms, r->started_unix_ms, r->ended_unix_ms,
                                r->rows_done, r->rows_total, r->rows_failed };
    for (int i = 0; i < 6; i++)
        sqlite3_bind_int64(st, 5 + i, numbers[i]);
    sqlite3_bind_text(st, 11, r->error_code, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 12, r->error, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 13, r->request_key, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 14, r->request_hash, -1, SQLITE_STATIC);
    sqlite3_bind_int(st, 15, r->paused);
    sqlite3_bind_int(st, 16, r->retry);
    sqlite3_bind_int64(st, 17, r->parent);
    sqlite3_bind_int64(count, 1, r->id);
    if (sqlite_run(db, "BEGIN", &p->err) < 0)
        return -1;
    if (sqlite_step_done(st, &p->err) < 0 || sqlite_step_done(count, &p->err) < 0
        || sqlite_run(db, "COMMIT", &p->err) < 0) {
        if (!sqlite3_get_autocommit(db))
            sqlite_run(db, "ROLLBACK", NULL);
        return -1;
    }
    return 0;
}

static void
job_put_run(void *arg)
{
    struct job_put *p = arg;
    p->failed = job_put_write(p) < 0;
}

static void
job_put_done(void *arg)
{
    struct job_put *p = arg;
    if (p->done != NULL)
        p->done(p->arg, p->failed ? &p->err : NULL);
    for (size_t i = 0; i < ARRAY_LEN(p->strings); i++)
        free(p->strings[i]);
    free(p);
}

void
job_row_put(struct store *s, const struct job_row *row, store_done_fn *done, void *arg)
{
    struct job_put *p = xcalloc(1, sizeof *p);
    p->store = s;
    p->row = *row;
    const char **members[] = { &p->row.benchmark, &p->row.state, &p->row.error_code,
                               &p->row.error, &p->row.request_key,
                               &p->row.request_hash };
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (*members[i] != NULL)
            *members[i] = p->strings[i] = xstrdup(*members[i]);
    p->done = done;
    p->arg = arg;
    worker_run(s->writer, job_put_run, job_put_done, p);
}
