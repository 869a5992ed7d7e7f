#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/io.h"
#include "common/jtext.h"
#include "common/mem.h"
#include "daemon/journal_impl.h"

#define STEP_ERRORS 256         /* errors removed in one transaction */
#define STEP_PLACES 16384       /* places whose scores are looked at in one */
#define STEP_BYTES  (256u << 10) /* of generations copied in one */

/* Work in many transactions: between them other jobs write. */
struct edit {
    struct journal *j;
    int (*step)(struct edit *e); /* store thread: 1 when there is more, 0 at the end, -1 */
    int rc;
    journal_appended_fn *done;
    void *arg;
    struct err err;

    enum journal_redo what;
    bool judges;             /* errors are through, now what only the score row tells */
    int64_t at, function;    /* looked at up to here */
    int64_t generations, scores, input_tokens, output_tokens; /* removed */

    int64_t from;
    sqlite3 *source;
};

static void
edit_run(void *arg)
{
    struct edit *e = arg;
    sqlite3 *w = e->j->w;
    e->rc = sqlite_run(w, "BEGIN", &e->err) < 0 ? -1 : e->step(e);
    if (e->rc >= 0 && sqlite_run(w, "COMMIT", &e->err) < 0)
        e->rc = -1;
    if (e->rc < 0 && !sqlite3_get_autocommit(w))
        sqlite_run(w, "ROLLBACK", NULL);
    if (e->rc > 0)
        return;
    sqlite3_close(e->source);
    journal_count(e->j);
    if (e->rc < 0)
        err_prefix(&e->err, "journal of job %lld", (long long)e->j->id);
}

static void
edit_told(void *arg)
{
    struct edit *e = arg;
    if (e->rc > 0) {
        worker_run(e->j->store->writer, edit_run, edit_told, e);
        return;
    }
    e->done(e->arg, &e->j->counts, e->rc < 0 ? &e->err : NULL);
    free(e);
}

static struct edit *
edit_new(struct journal *j, int (*step)(struct edit *), journal_appended_fn *done, void *arg)
{
    struct edit *e = xcalloc(1, sizeof *e);
    e->j = j;
    e->step = step;
    e->done = done;
    e->arg = arg;
    e->at = -1;
    return e;
}

/* ---- what is to be done again ---- */

/* A judge's failure is data, whatever on_error says. */
static const char *const error_of[] = {
    [JOURNAL_REDO_ALL] = "SELECT at, function FROM error WHERE (at, function) > (?1, ?2)"
                         " ORDER BY at, function",
    [JOURNAL_REDO_SCORES] = "SELECT at, function FROM error WHERE (at, function) > (?1, ?2)"
                            " AND function >= 0 ORDER BY at, function",
    [JOURNAL_REDO_FATAL] = "SELECT at, function FROM error WHERE (at, function) > (?1, ?2)"
                           " AND NOT (function >= 0 AND code IN ('remote', 'timeout'))"
                           " ORDER BY at, function",
};

/* The scores of some places that may tell of a judge's failure. */
static const char suspicious[] =
    "SELECT at, function, json FROM score WHERE function = ?1 AND at >= ?2 AND at < ?3"
    " AND instr(json, '\"error\"') > 0 ORDER BY at";

static bool
is_judges_failure(struct str json)
{
    struct jval row = jtext_whole(json);
    struct jval metadata = jtext_member(row, STR("metadata"));
    if (jtext_member(row, STR("score")).kind != J_NULL || metadata.kind != J_OBJECT)
        return false;
    enum jkind error = jtext_member(metadata, STR("error")).kind;
    return error != J_ABSENT && error != J_NULL;
}

/* Deletes by a statement that returns the tokens of what it deletes. */
static int
remove_paid(struct edit *e, const char *sql, int64_t at, int64_t function, int64_t *ret_n)
{
    CLEANUP_STMT sqlite3_stmt *st = sqlite_prepare(e->j->w, sql, &e->err);
    if (st == NULL)
        return -1;
    sqlite3_bind_int64(st, 1, at);
    if (function >= 0)
        sqlite3_bind_int64(st, 2, function);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        ++*ret_n;
        e->input_tokens += sqlite3_column_int64(st, 0);
        e->output_tokens += sqlite3_column_int64(st, 1);
    }
    return rc == SQLITE_DONE ? 0 : sqlite_err(&e->err, e->j->w, "remove records");
}

static int
remove_plain(struct edit *e, const char *sql, int64_t at, int64_t n)
{
    CLEANUP_STMT sqlite3_stmt *st = sqlite_prepare(e->j->w, sql, &e->err);
    if (st == NULL)
        return -1;
    sqlite3_bind_int64(st, 1, at);
    if (n >= -1)
        sqlite3_bind_int64(st, 2, n);
    return sqlite_step_done(st, &e->err);
}

#define TOKENS " RETURNING input_tokens, output_tokens"

static int
remove_score(struct edit *e, int64_t at, int64_t function)
{
    if (remove_paid(e, "DELETE FROM score WHERE at = ?1 AND function = ?2" TOKENS, at, function,
                    &e->scores) < 0
        || remove_plain(e, "DELETE FROM error WHERE at = ?1 AND function = ?2", at, function) < 0)
        return -1;
    return remove_plain(e, "DELETE FROM reply WHERE at = ?1 AND phase = ?2", at, function + 1);
}

/* A generation in error, or with none a row that could not be read: all that came of it. */
static int
remove_row(struct edit *e, int64_t at)
{
    int64_t n_functions = 1 + journal_number(e->j->w, "SELECT max(function) FROM score");
    for (int64_t f = 0; f < n_functions; f++)
        if (remove_score(e, at, f) < 0)
            return -1;
    if (remove_paid(e, "DELETE FROM generation WHERE at = ?1" TOKENS, at, -1, &e->generations) < 0
        || remove_plain(e, "DELETE FROM error WHERE at = ?1", at, -2) < 0)
        return -1;
    return remove_plain(e, "DELETE FROM reply WHERE at = ?1", at, -2);
}

static int
redo_errors(struct edit *e)
{
    struct { int64_t at, function; } found[STEP_ERRORS];
    size_t n = 0;
    CLEANUP_STMT sqlite3_stmt *st = sqlite_prepare(e->j->w, error_of[e->what], &e->err);
    if (st == NULL)
        return -1;
    sqlite3_bind_int64(st, 1, e->at);
    sqlite3_bind_int64(st, 2, e->function);
    int rc = SQLITE_ROW;
    while (n < STEP_ERRORS && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        found[n].at = sqlite3_column_int64(st, 0);
        found[n++].function = sqlite3_column_int64(st, 1);
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return sqlite_err(&e->err, e->j->w, "read errors");
    sqlite3_finalize(TAKE(st));
    for (size_t i = 0; i < n; i++) {
        e->at = found[i].at;
        e->function = found[i].function;
        if (e->function < 0 ? remove_row(e, e->at) < 0 : remove_score(e, e->at, e->function) < 0)
            return -1;
    }
    return n == STEP_ERRORS;
}

/* 1 with the next places still to be looked at, 0 when there are none. */
static int
redo_judges(struct edit *e)
{
    CLEANUP_STMT sqlite3_stmt *st = sqlite_prepare(e->j->w, suspicious, &e->err);
    if (st == NULL)
        return -1;
    sqlite3_bind_int64(st, 1, e->function);
    sqlite3_bind_int64(st, 2, e->at);
    sqlite3_bind_int64(st, 3, e->at + STEP_PLACES);
    int64_t *found = xcalloc(STEP_PLACES, sizeof *found);
    size_t n = 0;
    int rc, failed = 0;
    while (n < STEP_PLACES && (rc = sqlite3_step(st)) == SQLITE_ROW)
        if (is_judges_failure(sqlite_col(st, 2)))
            found[n++] = sqlite3_column_int64(st, 0);
    if (n < STEP_PLACES && rc != SQLITE_DONE)
        failed = sqlite_err(&e->err, e->j->w, "read scores");
    sqlite3_finalize(TAKE(st));
    for (size_t i = 0; i < n && failed == 0; i++)
        failed = remove_score(e, found[i], e->function);
    free(found);
    if (failed < 0)
        return -1;
    e->at += STEP_PLACES;
    if (e->at > journal_number(e->j->w, "SELECT max(at) FROM generation")) {
        e->at = 0;
        e->function++;
    }
    return e->function <= journal_number(e->j->w, "SELECT max(function) FROM score");
}

static int
add_removed(struct edit *e, const char *key, int64_t tokens)
{
    char sql[100], value[24];
    snprintf(sql, sizeof sql, "SELECT value FROM job WHERE key = '%s'", key);
    snprintf(value, sizeof value, "%lld", (long long)(journal_number(e->j->w, sql) + tokens));
    return tokens == 0 ? 0 : journal_put_value(e->j, key, str_z(value), &e->err);
}

static int
redo_step(struct edit *e)
{
    e->input_tokens = e->output_tokens = 0;
    int rc = e->judges ? redo_judges(e) : redo_errors(e);
    if (rc < 0 || add_removed(e, "removed_input_tokens", e->input_tokens) < 0
        || add_removed(e, "removed_output_tokens", e->output_tokens) < 0)
        return -1;
    if (rc == 0 && !e->judges && e->what != JOURNAL_REDO_FATAL) {
        e->judges = true;
        e->at = e->function = 0;
        return 1;
    }
    if (rc > 0 || e->what == JOURNAL_REDO_FATAL)
        return rc;
    CLEANUP_TEXT struct text json = TEXT_INIT;
    text_putf(&json, "{\"generations\":%lld,\"scores\":%lld}", (long long)e->generations,
              (long long)e->scores);
    return journal_put_event(e->j, time_unix_ms(), "retried", text_str(&json), &e->err);
}

void
journal_redo(struct journal *j, enum journal_redo what, journal_appended_fn *done, void *arg)
{
    struct edit *e = edit_new(j, redo_step, done, arg);
    e->what = what;
    e->function = -2;
    worker_run(j->store->writer, edit_run, edit_told, e);
}

/* ---- is there something? ---- */

struct find {
    struct store *store;
    int64_t id;
    enum journal_redo what;
    journal_found_fn *done;
    void *arg;
    struct err err;
    bool found, failed;
};

static int
find_in(struct find *f, sqlite3 *db)
{
    CLEANUP_STMT sqlite3_stmt *st = sqlite_prepare(db, error_of[f->what], &f->err);
    if (st == NULL)
        return -1;
    sqlite3_bind_int64(st, 1, -1);
    sqlite3_bind_int64(st, 2, -2);
    int rc = sqlite3_step(st);
    f->found = rc == SQLITE_ROW;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return sqlite_err(&f->err, db, "read errors");
    if (f->found || f->what == JOURNAL_REDO_FATAL)
        return 0;
    int64_t n_functions = 1 + journal_number(db, "SELECT max(function) FROM score");
    for (int64_t function = 0; function < n_functions && !f->found; function++) {
        CLEANUP_STMT sqlite3_stmt *scores = sqlite_prepare(db, suspicious, &f->err);
        if (scores == NULL)
            return -1;
        sqlite3_bind_int64(scores, 1, function);
        sqlite3_bind_int64(scores, 2, 0);
        sqlite3_bind_int64(scores, 3, INT64_MAX);
        while (!f->found && (rc = sqlite3_step(scores)) == SQLITE_ROW)
            f->found = is_judges_failure(sqlite_col(scores, 2));
        if (!f->found && rc != SQLITE_DONE)
            return sqlite_err(&f->err, db, "read scores");
    }
    return 0;
}

static void
find_run(void *arg)
{
    struct find *f = arg;
    CLEANUP_FREE char *path = journal_path(f->store, f->id);
    sqlite3 *db = sqlite_open(path, false, NULL, &f->err);
    f->failed = db == NULL || find_in(f, db) < 0;
    sqlite3_close(db);
}

static void
find_told(void *arg)
{
    struct find *f = arg;
    f->done(f->arg, f->found, f->failed ? &f->err : NULL);
    free(f);
}

void
journal_find_redo(struct store *s, int64_t id, enum journal_redo what, journal_found_fn *done,
                  void *arg)
{
    struct find *f = xcalloc(1, sizeof *f);
    f->store = s;
    f->id = id;
    f->what = what;
    f->done = done;
    f->arg = arg;
    worker_run(s->reader, find_run, find_told, f);
}

/* ---- copying ---- */

static int
copy_error(struct edit *e, sqlite3_stmt *from, sqlite3_stmt *to, int64_t at)
{
    sqlite3_reset(from);
    sqlite3_bind_int64(from, 1, at);
    int rc = sqlite3_step(from);
    if (rc != SQLITE_ROW)
        return rc == SQLITE_DONE ? 0 : sqlite_err(&e->err, e->source, "read errors");
    sqlite3_bind_int64(to, 1, at);
    sqlite3_bind_int64(to, 2, -1);
    for (int i = 0; i < 4; i++)
        sqlite3_bind_value(to, 3 + i, sqlite3_column_value(from, i));
    return sqlite_step_done(to, &e->err);
}

static int
copy_step(struct edit *e)
{
    CLEANUP_FREE char *path = journal_path(e->j->store, e->from);
    if (e->source == NULL && (e->source = sqlite_open(path, false, NULL, &e->err)) == NULL)
        return -1;
    CLEANUP_STMT sqlite3_stmt *generations = sqlite_prepare(
        e->source, "SELECT at, json, row_id, truncated FROM generation WHERE at > ? ORDER BY at",
        &e->err);
    CLEANUP_STMT sqlite3_stmt *errors = sqlite_prepare(
        e->source,
        "SELECT attempts, stage, code, message FROM error WHERE at = ? AND function = -1",
        &e->err);
    if (generations == NULL || errors == NULL)
        return -1;
    sqlite3_stmt *put = e->j->st[PUT_GENERATION];
    sqlite3_bind_int64(generations, 1, e->at);
    size_t bytes = 0;
    int rc = SQLITE_ROW;
    while (bytes < STEP_BYTES && (rc = sqlite3_step(generations)) == SQLITE_ROW) {
        e->at = sqlite3_column_int64(generations, 0);
        bytes += sqlite_col(generations, 1).len + 100;
        for (int i = 0; i < 4; i++)
            sqlite3_bind_value(put, 1 + i, sqlite3_column_value(generations, i));
        sqlite3_bind_int64(put, 5, 0);
        sqlite3_bind_int64(put, 6, 0);
        if (sqlite_step_done(put, &e->err) < 0
            || copy_error(e, errors, e->j->st[PUT_ERROR], e->at) < 0)
            return -1;
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return sqlite_err(&e->err, e->source, "read generations");
    return rc == SQLITE_ROW;
}

void
journal_copy_generations(struct journal *j, int64_t from, journal_appended_fn *done, void *arg)
{
    struct edit *e = edit_new(j, copy_step, done, arg);
    e->from = from;
    worker_run(j->store->writer, edit_run, edit_told, e);
}

/* ---- a note ---- */

struct note {
    struct journal j;
    char *kind, *json;
    store_done_fn *done;
    void *arg;
    bool failed;
    struct err err;
};

static void
note_run(void *arg)
{
    struct note *n = arg;
    n->failed = journal_open_writer(&n->j, &n->err) < 0;
    if (n->failed)
        return;
    n->failed =
        journal_put_event(&n->j, time_unix_ms(), n->kind, str_z(n->json), &n->err) < 0;
    journal_close_writer(&n->j);
}

static void
note_end(void *arg)
{
    struct note *n = arg;
    if (n->done != NULL)
        n->done(n->arg, n->failed ? &n->err : NULL);
    free(n->kind);
    free(n->json);
    free(n);
}

void
journal_note(struct store *s, int64_t id, const char *kind, struct str json,
             store_done_fn *done, void *arg)
{
    struct note *n = xcalloc(1, sizeof *n);
    n->j.store = s;
    n->j.id = id;
    n->kind = xstrdup(kind);
    n->json = xstrndup(json.ptr, json.len);
    n->done = done;
    n->arg = arg;
    worker_run(s->writer, note_run, note_end, n);
}
