#include "config.h"

#include <stdlib.h>

#include "common/frame.h"
#include "common/json.h"
#include "common/mem.h"
#include "daemon/journal_impl.h"

#define CHUNK_BYTES  (256u << 10)
#define SCORED_BYTES (64u << 10) /* of score rows: one chunk is read while another is used */
#define DONE_ROWS    8192        /* places looked at for one DONE */
#define REPLIES_MAX  (20u << 20) /* of one place: what is above is asked for again */

/* One question to the read thread. */
struct ask {
    struct journal *j;
    struct store *store;
    int64_t id, from;
    int function, n_functions;
    const char *key;
    struct text out;
    journal_text_fn *done;
    void *arg;
    struct err err;
    bool failed;
};

static struct ask *
ask_new(struct store *s, struct journal *j, journal_text_fn *done, void *arg)
{
    struct ask *a = xcalloc(1, sizeof *a);
    a->j = j;
    a->store = s;
    a->done = done;
    a->arg = arg;
    return a;
}

static void
ask_end(void *arg)
{
    struct ask *a = arg;
    a->done(a->arg, text_str(&a->out), a->failed ? &a->err : NULL);
    text_fini(&a->out);
    free(a);
}

/* The read thread's own connection of a job that runs. */
static sqlite3 *
reader_of(struct journal *j, struct err *err)
{
    if (j->r == NULL) {
        CLEANUP_FREE char *path = journal_path(j->store, j->id);
        j->r = sqlite_open(path, false, NULL, err);
    }
    return j->r;
}

/* ---- scored rows ---- */

static int
read_scored(struct ask *a)
{
    sqlite3 *db = reader_of(a->j, &a->err);
    if (db == NULL)
        return -1;
    CLEANUP_STMT sqlite3_stmt *st = sqlite_prepare(
        db,
        "SELECT s.at, s.json, g.row_id, g.truncated"
        " FROM score s JOIN generation g ON g.at = s.at"
        " WHERE s.function = ? AND s.at >= ? ORDER BY s.at",
        &a->err);
    if (st == NULL)
        return -1;
    sqlite3_bind_int(st, 1, a->function);
    sqlite3_bind_int64(st, 2, a->from);
    CLEANUP_TEXT struct text lines = TEXT_INIT;
    int64_t to = a->from;
    int rc;
    while (lines.len < SCORED_BYTES && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        int64_t at = sqlite3_column_int64(st, 0);
        struct str row_id = sqlite_col(st, 2);
        text_put_u64(&lines, (uint64_t)at / a->j->epochs);
        text_putc(&lines, '\t');
        text_put_u64(&lines, (uint64_t)at % a->j->epochs);
        text_puts(&lines, sqlite3_column_int(st, 3) != 0 ? "\t1\t" : "\t0\t");
        text_put_str(&lines, row_id.len ? row_id : STR("null"));
        text_putc(&lines, '\t');
        text_put_str(&lines, sqlite_col(st, 1));
        text_putc(&lines, '\n');
        to = at + 1;
    }
    if (lines.len < SCORED_BYTES && rc != SQLITE_DONE)
        return sqlite_err(&a->err, db, "read the journal");
    CLEANUP_TEXT struct text head = TEXT_INIT;
    text_putf(&head, "{\"function\":%d,\"from\":%lld,\"to\":%lld,\"end\":%s}", a->function,
              (long long)a->from, (long long)to, lines.len < SCORED_BYTES ? "true" : "false");
    frame_put_part(&a->out, text_str(&head));
    frame_put_part(&a->out, text_str(&lines));
    return 0;
}

static void
run_scored(void *arg)
{
    struct ask *a = arg;
    a->failed = read_scored(a) < 0;
}

void
journal_read_scored(struct journal *j, int function, int64_t from, journal_text_fn *done,
                    void *arg)
{
    struct ask *a = ask_new(j->store, j, done, arg);
    a->function = function;
    a->from = from;
    worker_run(j->store->reader, run_scored, ask_end, a);
}

/* ---- what is done ---- */

/* A cursor over one phase's places, in order. */
struct phase {
    sqlite3_stmt *st;
    int64_t at; /* INT64_MAX at the end */
};

static int
phase_step(struct phase *p, struct err *err)
{
    int rc = sqlite3_step(p->st);
    p->at = rc == SQLITE_ROW ? sqlite3_column_int64(p->st, 0) : INT64_MAX;
    return rc == SQLITE_ROW || rc == SQLITE_DONE
               ? 0
               : sqlite_err(err, sqlite3_db_handle(p->st), "read the journal");
}

static void
phases_free(struct phase *p, int n)
{
    for (int i = 0; i < n; i++)
        sqlite3_finalize(p[i].st);
    free(p);
}

/* Cursors over generation (if the job has a candidate) and each function, and over replies. */
static struct phase *
phases_open(struct ask *a, sqlite3 *db)
{
    int n = a->n_functions + 2;
    struct phase *p = xcalloc((size_t)n, sizeof *p);
    for (int i = 0; i < n; i++) {
        p[i].st = sqlite_prepare(
            db,
            i == 0 ? "SELECT at, json FROM generation WHERE at >= ?1 ORDER BY at"
            : i <= a->n_functions
                ? "SELECT at FROM score WHERE at >= ?1 AND function = ?2 ORDER BY at"
                : "SELECT at, phase, n, body FROM reply WHERE at >= ?1"
                  " ORDER BY at, phase, n",
            &a->err);
        if (p[i].st == NULL) {
            phases_free(p, n);
            return NULL;
        }
        sqlite3_bind_int64(p[i].st, 1, a->from);
        if (i > 0 && i <= a->n_functions)
            sqlite3_bind_int(p[i].st, 2, i - 1);
        if (phase_step(&p[i], &a->err) < 0) {
            phases_free(p, n);
            return NULL;
        }
    }
    return p;
}

/* Writes {"at":..,"phases":[..],"replies":[[phase,n]..]} and the parts that go with it. */
static int
put_partial(struct ask *a, struct phase *p, int64_t at, struct text *list, struct text *parts)
{
    text_putf(list, "%s{\"at\":%lld,\"phases\":[", list->len ? "," : "", (long long)at);
    bool first = true;
    for (int i = 0; i <= a->n_functions; i++) {
        if (p[i].at != at)
            continue;
        text_putf(list, "%s%d", first ? "" : ",", i);
        first = false;
        if (i == 0)
            frame_put_part(parts, sqlite_col(p[0].st, 1));
    }
    text_puts(list, "],\"replies\":[");
    struct phase *replies = &p[a->n_functions + 1];
    size_t bytes = 0;
    first = true;
    while (replies->at == at) {
        struct str body = sqlite_col(replies->st, 3);
        bytes += body.len;
        if (bytes <= REPLIES_MAX) {
            text_putf(list, "%s[%d,%lld]", first ? "" : ",",
                      sqlite3_column_int(replies->st, 1),
                      (long long)sqlite3_column_int64(replies->st, 2));
            frame_put_part(parts, body);
            first = false;
        }
        if (phase_step(replies, &a->err) < 0)
            return -1;
    }
    text_puts(list, "]}");
    return 0;
}

static int
read_done(struct ask *a)
{
    sqlite3 *db = reader_of(a->j, &a->err);
    if (db == NULL)
        return -1;
    struct phase *p = phases_open(a, db);
    if (p == NULL)
        return -1;
    CLEANUP_TEXT struct text complete = TEXT_INIT, partial = TEXT_INIT, parts = TEXT_INIT;
    int n = a->n_functions + 1, rc = 0;
    int64_t run_from = -1, run_to = -1, to = a->from, last = 0; /* last: where it stopped */
    while (rc == 0) {
        int64_t at = INT64_MAX;
        for (int i = 0; i <= n; i++)
            at = p[i].at < at ? p[i].at : at;
        last = at;
        if (at == INT64_MAX || at >= a->from + DONE_ROWS
            || parts.len + partial.len >= CHUNK_BYTES)
            break;
        to = at + 1;
        bool all = true;
        for (int i = 0; i < n; i++)
            all = all && p[i].at == at;
        if (all && at == run_to) {
            run_to++;
        } else if (all) {
            if (run_from >= 0)
                text_putf(&complete, "%s[%lld,%lld]", complete.len ? "," : "",
                          (long long)run_from, (long long)run_to);
            run_from = at;
            run_to = at + 1;
        } else {
            rc = put_partial(a, p, at, &partial, &parts);
        }
        for (int i = 0; i <= n && rc == 0; i++)
            while (p[i].at == at && rc == 0)
                rc = phase_step(&p[i], &a->err);
    }
    phases_free(p, n + 1);
    if (rc < 0)
        return -1;
    if (run_from >= 0)
        text_putf(&complete, "%s[%lld,%lld]", complete.len ? "," : "", (long long)run_from,
                  (long long)run_to);
    bool end = last == INT64_MAX;
    if (!end && last >= a->from + DONE_ROWS)
        to = a->from + DONE_ROWS;
    CLEANUP_TEXT struct text head = TEXT_INIT;
    text_putf(&head, "{\"from\":%lld,\"to\":%lld,\"end\":%s,\"complete\":[", (long long)a->from,
              (long long)to, end ? "true" : "false");
    text_put_str(&head, text_str(&complete));
    text_puts(&head, "],\"partial\":[");
    text_put_str(&head, text_str(&partial));
    text_puts(&head, "]}");
    frame_put_part(&a->out, text_str(&head));
    text_put_str(&a->out, text_str(&parts));
    return 0;
}

static void
run_done(void *arg)
{
    struct ask *a = arg;
    a->failed = read_done(a) < 0;
}

void
journal_read_done(struct journal *j, int n_functions, int64_t from, journal_text_fn *done,
                  void *arg)
{
    struct ask *a = ask_new(j->store, j, done, arg);
    a->n_functions = n_functions;
    a->from = from < INT64_MAX / 2 ? from : INT64_MAX / 2;
    worker_run(j->store->reader, run_done, ask_end, a);
}

/* ---- one value ---- */

static int
read_value(struct ask *a)
{
    CLEANUP_FREE char *path = journal_path(a->store, a->id);
    sqlite3 *db = sqlite_open(path, false, NULL, &a->err);
    if (db == NULL)
        return -1;
    sqlite3_stmt *st = sqlite_prepare(db, "SELECT value FROM job WHERE key = ?", &a->err);
    int rc = -1;
    if (st != NULL) {
        sqlite_bind(st, 1, str_z(a->key));
        if (sqlite3_step(st) == SQLITE_ROW)
            text_put_str(&a->out, sqlite_col(st, 0));
        rc = 0;
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
    return rc;
}

static void
run_value(void *arg)
{
    struct ask *a = arg;
    a->failed = read_value(a) < 0;
}

void
journal_read_value(struct store *s, int64_t id, const char *key, journal_text_fn *done,
                   void *arg)
{
    struct ask *a = ask_new(s, NULL, done, arg);
    a->id = id;
    a->key = key;
    worker_run(s->reader, run_value, ask_end, a);
}

/* ---- the result ---- */

enum section { HEAD, GENERATIONS, SCORE_HEAD, SCORE_ROWS, STATISTICS, END };

struct journal_result {
    struct store *store;
    int64_t id;
    char **functions;
    int n_functions;
    bool statistics;
    /* read thread */
    sqlite3 *db;
    sqlite3_stmt *rows;
    enum section section;
    int function;
    bool first;
    struct text out;
    struct err err;
    bool failed;
    /* loop thread */
    journal_chunk_fn *done;
    void *arg;
    bool busy, closed;
};

struct journal_result *
journal_result_open(struct store *s, int64_t id, const char *const *functions, bool statistics)
{
    struct journal_result *r = xcalloc(1, sizeof *r);
    r->store = s;
    r->id = id;
    r->statistics = statistics;
    for (; functions[r->n_functions] != NULL; r->n_functions++) {
        r->functions = xreallocarray(r->functions, (size_t)r->n_functions + 1,
                                     sizeof *r->functions);
        r->functions[r->n_functions] = xstrdup(functions[r->n_functions]);
    }
    return r;
}

static int
rows_begin(struct journal_result *r, const char *sql, int function)
{
    sqlite3_finalize(r->rows);
    r->rows = sqlite_prepare(r->db, sql, &r->err);
    if (r->rows == NULL)
        return -1;
    if (function >= 0)
        sqlite3_bind_int(r->rows, 1, function);
    r->first = true;
    return 0;
}

/* Puts rows until the chunk is full; 1 when there are more. */
static int
rows_put(struct journal_result *r)
{
    int rc;
    while ((rc = sqlite3_step(r->rows)) == SQLITE_ROW) {
        if (!r->first)
            text_putc(&r->out, ',');
        r->first = false;
        text_put_str(&r->out, sqlite_col(r->rows, 0));
        if (r->out.len >= CHUNK_BYTES)
            return 1;
    }
    return rc == SQLITE_DONE ? 0 : sqlite_err(&r->err, r->db, "read the journal");
}

/* The aggregate's column (0 results, 1 statistics) of a function. */
static int
put_aggregate(struct journal_result *r, int function, int column)
{
    CLEANUP_STMT sqlite3_stmt *st = sqlite_prepare(
        r->db, "SELECT results, statistics FROM aggregate WHERE function = ?", &r->err);
    if (st == NULL)
        return -1;
    sqlite3_bind_int(st, 1, function);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        text_put_str(&r->out, sqlite_col(st, column));
    else if (rc == SQLITE_DONE)
        text_puts(&r->out, column == 0 ? "{}" : "null");
    else
        return sqlite_err(&r->err, r->db, "read the journal");
    return 0;
}

static int
put_statistics(struct journal_result *r)
{
    if (r->statistics) {
        text_puts(&r->out, ",\"statistics\":{");
        for (int i = 0; i < r->n_functions; i++) {
            if (i > 0)
                text_putc(&r->out, ',');
            jtext_put_string(&r->out, str_z(r->functions[i]));
            text_putc(&r->out, ':');
            if (put_aggregate(r, i, 1) < 0)
                return -1;
        }
        text_putc(&r->out, '}');
    }
    text_putc(&r->out, '}');
    return 0;
}

/* One step of the document; 1 when the section goes on in the next chunk. */
static int
result_step(struct journal_result *r)
{
    int rc;
    switch (r->section) {
    case HEAD:
        text_puts(&r->out, "{\"generations\":[");
        r->section = GENERATIONS;
        return rows_begin(r, "SELECT json FROM generation ORDER BY at", -1);
    case GENERATIONS:
        if ((rc = rows_put(r)) != 0)
            return rc;
        text_puts(&r->out, "],\"scores\":{");
        r->section = r->n_functions > 0 ? SCORE_HEAD : STATISTICS;
        if (r->n_functions == 0)
            text_putc(&r->out, '}');
        return 0;
    case SCORE_HEAD:
        if (r->function > 0)
            text_putc(&r->out, ',');
        jtext_put_string(&r->out, str_z(r->functions[r->function]));
        text_puts(&r->out, ":{\"score_rows\":[");
        r->section = SCORE_ROWS;
        return rows_begin(r, "SELECT json FROM score WHERE function = ? ORDER BY at",
                          r->function);
    case SCORE_ROWS:
        if ((rc = rows_put(r)) != 0)
            return rc;
        text_puts(&r->out, "],\"aggregated_results\":");
        if (put_aggregate(r, r->function, 0) < 0)
            return -1;
        text_putc(&r->out, '}');
        if (++r->function == r->n_functions)
            text_putc(&r->out, '}');
        r->section = r->function == r->n_functions ? STATISTICS : SCORE_HEAD;
        return 0;
    case STATISTICS:
        r->section = END;
        return put_statistics(r);
    case END:
        break;
    }
    return 1;
}

static void
result_run(void *arg)
{
    struct journal_result *r = arg;
    text_clear(&r->out);
    if (r->db == NULL) {
        CLEANUP_FREE char *path = journal_path(r->store, r->id);
        r->db = sqlite_open(path, false, NULL, &r->err);
        if (r->db == NULL) {
            r->failed = true;
            return;
        }
    }
    int rc = 0;
    while (rc == 0 && r->out.len < CHUNK_BYTES && r->section != END)
        rc = result_step(r);
    r->failed = rc < 0;
}

static void
result_free(void *arg)
{
    struct journal_result *r = arg;
    for (int i = 0; i < r->n_functions; i++)
        free(r->functions[i]);
    free(r->functions);
    text_fini(&r->out);
    free(r);
}

static void
result_release(void *arg)
{
    struct journal_result *r = arg;
    sqlite3_finalize(r->rows);
    sqlite3_close(r->db);
}

static void
result_told(void *arg)
{
    struct journal_result *r = arg;
    r->busy = false;
    if (r->closed)
        worker_run(r->store->reader, result_release, result_free, r);
    else
        r->done(r->arg, text_str(&r->out), r->section == END, r->failed ? &r->err : NULL);
}

void
journal_result_next(struct journal_result *r, journal_chunk_fn *done, void *arg)
{
    r->done = done;
    r->arg = arg;
    r->busy = true;
    worker_run(r->store->reader, result_run, result_told, r);
}

void
journal_result_close(struct journal_result *r)
{
    if (r == NULL)
        return;
    r->closed = true;
    if (!r->busy)
        worker_run(r->store->reader, result_release, result_free, r);
}
