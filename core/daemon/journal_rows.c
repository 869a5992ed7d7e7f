#include "config.h"

#include <stdlib.h>

#include "common/io.h"
#include "common/json.h"
#include "common/mem.h"
#include "daemon/journal_impl.h"

#define CHUNK_BYTES (256u << 10)
#define CHUNK_NS    (20 * INT64_C(1000000)) /* others wait for the read thread too */
#define LOOK_OFTEN  64                      /* places between looks at the clock */

struct journal_rows {
    struct store *store;
    int64_t id;
    struct journal_rows_query q;
    /* read thread */
    sqlite3 *db;
    sqlite3_stmt *places; /* that may be wanted, from ?1 on; NULL: every place below end */
    sqlite3_stmt *generation, *score, *errors;
    json_object *spec;
    json_object *functions; /* of spec */
    int64_t epochs, end;
    int64_t at;         /* the first place not looked at */
    int64_t skip, left; /* elements to leave out, and to give (below 0: all) */
    bool first, over;
    struct text scores, faults, out;
    struct err err;
    bool failed;
    /* loop thread */
    journal_chunk_fn *done;
    void *arg;
    bool busy, closed;
};

/* ---- one element ---- */

struct element {
    bool failed, whole; /* whole: generated, and scored by all functions */
    bool generated, scored;
    int64_t input_tokens, output_tokens;
};

static int
step(struct journal_rows *r, sqlite3_stmt *st, bool *ret_row)
{
    int rc = sqlite3_step(st);
    *ret_row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        return 0;
    return sqlite_err(&r->err, r->db, "read the journal");
}

static const char *
function_id(const struct journal_rows *r, int64_t i)
{
    json_object *f = i >= 0 ? json_object_array_get_idx(r->functions, (size_t)i) : NULL;
    return json_get_str(f, "id", NULL);
}

static void
put_id_or_null(struct text *t, const char *id)
{
    if (id != NULL)
        jtext_put_string(t, str_z(id));
    else
        text_puts(t, "null");
}

/* The members of "scores", onto r->scores. */
static int
read_scores(struct journal_rows *r, int64_t at, struct element *e)
{
    text_clear(&r->scores);
    for (size_t i = 0; i < json_object_array_length(r->functions); i++) {
        bool row;
        sqlite3_bind_int64(r->score, 1, (int64_t)i);
        sqlite3_bind_int64(r->score, 2, at);
        if (step(r, r->score, &row) < 0)
            return -1;
        if (i > 0)
            text_putc(&r->scores, ',');
        put_id_or_null(&r->scores, function_id(r, (int64_t)i));
        text_putc(&r->scores, ':');
        if (row) {
            text_put_str(&r->scores, sqlite_col(r->score, 0));
            e->input_tokens += sqlite3_column_int64(r->score, 1);
            e->output_tokens += sqlite3_column_int64(r->score, 2);
            e->scored = true;
        } else {
            text_puts(&r->scores, "null");
            e->whole = false;
        }
        sqlite3_reset(r->score);
    }
    return 0;
}

/* The elements of "errors", onto r->faults. */
static int
read_errors(struct journal_rows *r, int64_t at, struct element *e)
{
    bool row;
    text_clear(&r->faults);
    sqlite3_bind_int64(r->errors, 1, at);
    while (step(r, r->errors, &row) == 0 && row) {
        text_puts(&r->faults, e->failed ? ",{\"stage\":" : "{\"stage\":");
        jtext_put_string(&r->faults, sqlite_col(r->errors, 1));
        text_puts(&r->faults, ",\"function\":");
        put_id_or_null(&r->faults, function_id(r, sqlite3_column_int64(r->errors, 0)));
        text_puts(&r->faults, ",\"code\":");
        jtext_put_string(&r->faults, sqlite_col(r->errors, 2));
        text_puts(&r->faults, ",\"message\":");
        jtext_put_string(&r->faults, sqlite_col(r->errors, 3));
        text_putf(&r->faults, ",\"attempts\":%lld}",
                  (long long)sqlite3_column_int64(r->errors, 4));
        e->failed = true;
    }
    sqlite3_reset(r->errors);
    return r->err.code == ERR_NONE ? 0 : -1;
}

/* Reads what there is of a place.  The generation's row stays under the cursor. */
static int
read_element(struct journal_rows *r, int64_t at, struct element *e)
{
    *e = (struct element){ .whole = true };
    sqlite3_reset(r->generation);
    sqlite3_bind_int64(r->generation, 1, at);
    if (step(r, r->generation, &e->generated) < 0)
        return -1;
    if (e->generated) {
        e->input_tokens = sqlite3_column_int64(r->generation, 3);
        e->output_tokens = sqlite3_column_int64(r->generation, 4);
    } else {
        e->whole = false;
    }
    return read_scores(r, at, e) < 0 ? -1 : read_errors(r, at, e);
}

static bool
is_wanted(const struct journal_rows *r, const struct element *e)
{
    switch (r->q.filter) {
    case ROW_FILTER_OK: return e->whole && !e->failed;
    case ROW_FILTER_ERROR: return e->failed;
    case ROW_FILTER_TRUNCATED: return e->generated;
    case ROW_FILTER_PENDING: return !e->whole && !e->failed;
    case ROW_FILTER_NONE: break;
    }
    return true;
}

static void
put_element(struct journal_rows *r, int64_t at, const struct element *e)
{
    struct text *t = &r->out;
    struct str row_id = e->generated ? sqlite_col(r->generation, 1) : STR("");
    text_putf(t, "%s{\"index\":%lld,\"epoch\":%lld,\"row_id\":", r->first ? "" : ",",
              (long long)(at / r->epochs), (long long)(at % r->epochs));
    text_put_str(t, row_id.len > 0 ? row_id : STR("null"));
    text_putf(t, ",\"status\":\"%s\",\"generation\":",
              e->failed ? "error" : e->whole ? "ok" : "pending");
    text_put_str(t, e->generated ? sqlite_col(r->generation, 0) : STR("null"));
    text_puts(t, ",\"scores\":{");
    text_put_str(t, text_str(&r->scores));
    text_puts(t, "},\"errors\":[");
    text_put_str(t, text_str(&r->faults));
    text_putf(t, "],\"truncated\":%s,\"usage\":",
              e->generated && sqlite3_column_int(r->generation, 2) != 0 ? "true" : "false");
    if (e->generated || e->scored)
        text_putf(t, "{\"input_tokens\":%lld,\"output_tokens\":%lld}}",
                  (long long)e->input_tokens, (long long)e->output_tokens);
    else
        text_puts(t, "null}");
    r->first = false;
}

/* ---- the list ---- */

static int
read_number(struct journal_rows *r, const char *sql, int64_t *ret)
{
    bool row;
    CLEANUP_STMT sqlite3_stmt *st = sqlite_prepare(r->db, sql, &r->err);
    if (st == NULL || step(r, st, &row) < 0)
        return -1;
    *ret = row ? sqlite3_column_int64(st, 0) : 0;
    return 0;
}

static int
read_spec(struct journal_rows *r)
{
    bool row;
    CLEANUP_STMT sqlite3_stmt *st =
        sqlite_prepare(r->db, "SELECT value FROM job WHERE key = 'specification'", &r->err);
    if (st == NULL || step(r, st, &row) < 0)
        return -1;
    if (!row)
        return err_set(&r->err, ERR_IO, "a journal without specification");
    if (json_parse(sqlite_col(st, 0), &r->spec, NULL, &r->err) < 0)
        return -1;
    r->functions = json_get(r->spec, "functions");
    return 0;
}

/* Which places to look at, from ?1 on. */
static const char *
places_sql(enum row_filter filter)
{
    switch (filter) {
    case ROW_FILTER_OK: return "SELECT at FROM generation WHERE at >= ?1 ORDER BY at";
    case ROW_FILTER_ERROR:
        return "SELECT DISTINCT at FROM error WHERE at >= ?1 ORDER BY at";
    case ROW_FILTER_TRUNCATED: /* as the schema's index says it */
        return "SELECT at FROM generation WHERE truncated = 1 AND at >= ?1 ORDER BY at";
    case ROW_FILTER_NONE:
    case ROW_FILTER_PENDING: break;
    }
    return NULL;
}

/* Of a completed job every place is there, so all that have no error are good: the ones to be
 * skipped need not be read. */
static int
skip_good(struct journal_rows *r)
{
    bool row;
    int64_t to = r->at + r->skip;
    CLEANUP_STMT sqlite3_stmt *st = sqlite_prepare(r->db, places_sql(ROW_FILTER_ERROR), &r->err);
    if (st == NULL)
        return -1;
    sqlite3_bind_int64(st, 1, r->at);
    int rc;
    while ((rc = step(r, st, &row)) == 0 && row && sqlite3_column_int64(st, 0) <= to)
        to++;
    r->at = to;
    r->skip = 0;
    return rc;
}

static int
begin(struct journal_rows *r)
{
    CLEANUP_FREE char *path = journal_path(r->store, r->id);
    r->db = sqlite_open(path, false, NULL, &r->err);
    int64_t last, last_error;
    if (r->db == NULL || read_spec(r) < 0
        || read_number(r, "SELECT value FROM job WHERE key = 'epochs'", &r->epochs) < 0
        || read_number(r, "SELECT coalesce(max(at), -1) FROM generation", &last) < 0
        || read_number(r, "SELECT coalesce(max(at), -1) FROM error", &last_error) < 0)
        return -1;
    if (r->epochs < 1)
        r->epochs = 1;
    last = last_error > last ? last_error : last;
    r->end = last + 1;
    int64_t all;
    if (r->q.total > 0 && !__builtin_mul_overflow(r->q.total, r->epochs, &all) && all > r->end)
        r->end = all;
    const char *sql = places_sql(r->q.filter);
    r->generation = sqlite_prepare(r->db,
                                   "SELECT json, row_id, truncated, input_tokens, output_tokens"
                                   " FROM generation WHERE at = ?", &r->err);
    r->score = sqlite_prepare(r->db, "SELECT json, input_tokens, output_tokens FROM score"
                                     " WHERE function = ? AND at = ?", &r->err);
    r->errors = sqlite_prepare(r->db, "SELECT function, stage, code, message, attempts"
                                      " FROM error WHERE at = ? ORDER BY function", &r->err);
    r->places = sql != NULL ? sqlite_prepare(r->db, sql, &r->err) : NULL;
    if (r->generation == NULL || r->score == NULL || r->errors == NULL
        || (sql != NULL && r->places == NULL))
        return -1;
    r->at = r->q.from;
    r->skip = r->q.start;
    r->left = r->q.limit;
    r->first = true;
    if (r->q.filter == ROW_FILTER_NONE) { /* element i is place i */
        r->at = r->skip < INT64_MAX - r->at ? r->at + r->skip : INT64_MAX;
        r->skip = 0;
    } else if (r->q.filter == ROW_FILTER_PENDING && r->q.complete) {
        r->at = r->end;
    } else if (r->q.filter == ROW_FILTER_OK && r->q.complete && r->at < r->end) {
        r->skip = r->skip < r->end ? r->skip : r->end;
        if (skip_good(r) < 0)
            return -1;
    }
    text_puts(&r->out, "{\"data\":[");
    return 0;
}

static void
finish(struct journal_rows *r, int64_t next)
{
    if (next >= 0)
        text_putf(&r->out, "],\"has_more\":true,\"next\":%lld}", (long long)next);
    else
        text_puts(&r->out, "],\"has_more\":false,\"next\":null}");
    r->over = true;
}

static int
one_place(struct journal_rows *r)
{
    bool there = r->at < r->end;
    int64_t at = r->at;
    if (r->places != NULL) {
        if (step(r, r->places, &there) < 0)
            return -1;
        at = there ? sqlite3_column_int64(r->places, 0) : at;
    }
    if (!there) {
        finish(r, -1);
        return 0;
    }
    r->at = at + 1;
    bool all_wanted = r->q.filter == ROW_FILTER_ERROR || r->q.filter == ROW_FILTER_TRUNCATED;
    if (r->skip > 0 && all_wanted) {
        r->skip--;
        return 0;
    }
    struct element e;
    if (read_element(r, at, &e) < 0)
        return -1;
    if (!is_wanted(r, &e))
        return 0;
    if (r->skip > 0) {
        r->skip--;
    } else if (r->left == 0) {
        finish(r, at);
    } else {
        put_element(r, at, &e);
        r->left -= r->left > 0;
    }
    return 0;
}

/* No cursor stays open between chunks: a slow reader must not keep the journal from being
 * checkpointed. */
static int
read_chunk(struct journal_rows *r)
{
    int64_t until = time_mono_ns() + CHUNK_NS;
    if (r->db == NULL && begin(r) < 0)
        return -1;
    if (r->places != NULL)
        sqlite3_bind_int64(r->places, 1, r->at);
    int rc = 0;
    for (int i = 1; rc == 0 && !r->over && r->out.len < CHUNK_BYTES; i++) {
        rc = one_place(r);
        if (i % LOOK_OFTEN == 0 && time_mono_ns() > until)
            break;
    }
    sqlite3_reset(r->places);
    sqlite3_reset(r->generation);
    return rc;
}

/* ---- between the threads ---- */

static void
run(void *arg)
{
    struct journal_rows *r = arg;
    text_clear(&r->out);
    r->failed = read_chunk(r) < 0;
}

static void
release(void *arg)
{
    struct journal_rows *r = arg;
    sqlite3_finalize(r->places);
    sqlite3_finalize(r->generation);
    sqlite3_finalize(r->score);
    sqlite3_finalize(r->errors);
    sqlite3_close(r->db);
}

static void
rows_free(void *arg)
{
    struct journal_rows *r = arg;
    json_object_put(r->spec);
    text_fini(&r->scores);
    text_fini(&r->faults);
    text_fini(&r->out);
    free(r);
}

static void
told(void *arg)
{
    struct journal_rows *r = arg;
    r->busy = false;
    if (r->closed)
        worker_run(r->store->reader, release, rows_free, r);
    else
        r->done(r->arg, text_str(&r->out), r->over, r->failed ? &r->err : NULL);
}

struct journal_rows *
journal_rows_open(struct store *s, int64_t id, const struct journal_rows_query *query)
{
    struct journal_rows *r = xcalloc(1, sizeof *r);
    r->store = s;
    r->id = id;
    r->q = *query;
    return r;
}

void
journal_rows_next(struct journal_rows *r, journal_chunk_fn *done, void *arg)
{
    r->done = done;
    r->arg = arg;
    r->busy = true;
    worker_run(r->store->reader, run, told, r);
}

void
journal_rows_close(struct journal_rows *r)
{
    if (r == NULL)
        return;
    r->closed = true;
    if (!r->busy)
        worker_run(r->store->reader, release, rows_free, r);
}
