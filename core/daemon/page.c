#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/jtext.h"
#include "common/mem.h"
#include "daemon/dataset.h"

#define CHUNK_BYTES (256 << 10) /* text of a chunk; the last row goes beyond */
#define STEP_BYTES  (8 << 20)   /* of the file, passed over before others get the thread */
#define STRIDE      1024        /* rows between marks */
#define MARKS_MAX   (1 << 16)   /* of one file */
#define INDEXES     64
#define READERS     4           /* open between pages */

/* What is remembered of a snapshot, so that the next page need not read what is before it:
 * a mark at every STRIDE-th row, marks[i].index == i * STRIDE; and of CSV, whose columns
 * get their types from the whole file, a reader.  Loop thread only. */
struct index {
    char *key; /* NULL: free */
    struct rows_mark *marks;
    size_t n, room;
    struct rows *reader; /* of snapshot; NULL: none */
    struct dataset_snapshot snapshot;
    uint64_t used;
};

static struct index indexes[INDEXES];
static uint64_t uses;

/* While busy all but the last group is the read thread's. */
struct dataset_page {
    struct dataset_snapshot snapshot;
    int64_t start, limit, sent;
    struct rows *rows;
    struct rows_mark from; /* where to begin */
    bool begun;
    struct text text;
    struct rows_mark *marks; /* those met in this run */
    size_t n_marks, marks_room;
    bool ready, end, has_more;
    struct err err;

    struct store *store;
    char *key;
    dataset_chunk_fn *chunk;
    void *arg;
    bool busy, closed;
};

/* ---- the index ---- */

static void
drop_reader(struct index *x)
{
    if (x->reader == NULL)
        return;
    rows_free(TAKE(x->reader));
    dataset_snapshot_fini(&x->snapshot);
}

static struct index *
index_find(const char *key)
{
    for (size_t i = 0; i < INDEXES; i++)
        if (indexes[i].key != NULL && strcmp(indexes[i].key, key) == 0) {
            indexes[i].used = ++uses;
            return &indexes[i];
        }
    return NULL;
}

/* A new one, in the place of the one not used for the longest time. */
static struct index *
index_add(const char *key)
{
    struct index *x = &indexes[0];
    for (size_t i = 1; i < INDEXES && x->key != NULL; i++)
        if (indexes[i].key == NULL || indexes[i].used < x->used)
            x = &indexes[i];
    drop_reader(x);
    free(x->key);
    free(x->marks);
    *x = (struct index){ .key = xstrdup(key), .used = ++uses };
    return x;
}

static void
index_keep_marks(const char *key, const struct rows_mark *marks, size_t n)
{
    struct index *x = n > 0 ? index_find(key) : NULL;
    if (x == NULL && n > 0 && marks[0].index == 0)
        x = index_add(key);
    for (size_t i = 0; x != NULL && i < n && x->n < MARKS_MAX; i++) {
        if (marks[i].index != (int64_t)x->n * STRIDE)
            continue;
        if (x->n == x->room) {
            x->room = x->room > 0 ? 2 * x->room : 16;
            x->marks = xreallocarray(x->marks, x->room, sizeof *x->marks);
        }
        x->marks[x->n++] = marks[i];
    }
}

/* Takes the page's reader and snapshot for the next page of this file. */
static void
index_keep_reader(struct dataset_page *p)
{
    struct index *x = index_find(p->key), *oldest = NULL;
    size_t open = 0;
    if (x == NULL || x->n == 0 || x->reader != NULL)
        return;
    x->reader = TAKE(p->rows);
    x->snapshot = p->snapshot;
    p->snapshot = (struct dataset_snapshot){ .fd = -1 };
    for (size_t i = 0; i < INDEXES; i++)
        if (indexes[i].reader != NULL) {
            open++;
            if (oldest == NULL || indexes[i].used < oldest->used)
                oldest = &indexes[i];
        }
    if (open > READERS)
        drop_reader(oldest);
}

/* ---- on the read thread ---- */

static void
note_mark(struct dataset_page *p, const struct rows_mark *m)
{
    if (m->index % STRIDE != 0)
        return;
    if (p->n_marks == p->marks_room) {
        p->marks_room = p->marks_room > 0 ? 2 * p->marks_room : 16;
        p->marks = xreallocarray(p->marks, p->marks_room, sizeof *p->marks);
    }
    p->marks[p->n_marks++] = *m;
}

static bool
begin(struct dataset_page *p)
{
    if (p->rows == NULL)
        p->rows = rows_open(p->snapshot.fd, p->snapshot.format, p->snapshot.size,
                            p->snapshot.name, &p->err);
    if (p->rows == NULL)
        return false;
    if (p->from.line > 0)
        rows_seek(p->rows, &p->from);
    p->begun = true;
    return true;
}

/* False: not there yet, or the page has ended. */
static bool
skip_to_start(struct dataset_page *p)
{
    struct rows_mark m = rows_tell(p->rows);
    int64_t first = m.offset;
    for (; m.index < p->start; m = rows_tell(p->rows)) {
        note_mark(p, &m);
        if (m.offset - first > STEP_BYTES)
            return false;
        int64_t n = STRIDE - m.index % STRIDE;
        if (n > p->start - m.index)
            n = p->start - m.index;
        int64_t got = rows_skip(p->rows, n, &p->err);
        if (got < n) {
            p->end = true;
            return false;
        }
    }
    return true;
}

/* One row onto the text; false at the end of the file, or with p->err. */
static bool
add_row(struct dataset_page *p)
{
    struct str row;
    int64_t line;
    size_t at;
    struct jval v;
    enum rows_result res = rows_next(p->rows, &row, &line, &p->err);
    if (res != ROWS_ROW) {
        p->end = res == ROWS_END;
        return false;
    }
    if (p->snapshot.format == ROWS_JSONL) {
        if (jtext_check(row, &v, &at, &p->err) == 0 && v.kind != J_OBJECT)
            err_set(&p->err, ERR_INVALID, "not a JSON object");
        if (p->err.code != ERR_NONE) {
            p->err.code = ERR_INVALID;
            err_prefix(&p->err, "%s:%jd", p->snapshot.name, (intmax_t)line);
            return false;
        }
        row = v.raw;
    }
    if (p->sent++ > 0)
        text_putc(&p->text, ',');
    jtext_put_finite(&p->text, jtext_whole(row));
    return true;
}

static void
run_chunk(void *arg)
{
    struct dataset_page *p = arg;
    if ((!p->begun && !begin(p)) || !skip_to_start(p)) {
        p->ready = p->end || p->err.code != ERR_NONE;
        return;
    }
    p->ready = true;
    while (p->limit < 0 || p->sent < p->limit) {
        struct rows_mark m = rows_tell(p->rows);
        note_mark(p, &m);
        if (p->text.len >= CHUNK_BYTES || !add_row(p))
            return;
    }
    p->has_more = rows_skip(p->rows, 1, &p->err) == 1;
    p->end = true;
}

/* ---- on the loop thread ---- */

static void
page_free(struct dataset_page *p)
{
    if (p->rows != NULL && p->snapshot.format == ROWS_CSV && p->err.code == ERR_NONE)
        index_keep_reader(p);
    rows_free(p->rows);
    dataset_snapshot_fini(&p->snapshot);
    text_fini(&p->text);
    free(p->marks);
    free(p->key);
    free(p);
}

static void
end_chunk(void *arg)
{
    struct dataset_page *p = arg;
    p->busy = false;
    index_keep_marks(p->key, p->marks, p->n_marks);
    p->n_marks = 0;
    if (p->closed) {
        page_free(p);
        return;
    }
    if (!p->ready) {
        p->busy = true;
        worker_run(store_reader(p->store), run_chunk, end_chunk, p);
        return;
    }
    /* the page may be closed in the call */
    CLEANUP_TEXT struct text text = p->text;
    struct err err = p->err;
    p->text = (struct text)TEXT_INIT;
    if (err.code != ERR_NONE) {
        p->end = true;
        p->chunk(p->arg, STR(""), true, false, &err);
    } else {
        p->chunk(p->arg, text_str(&text), p->end, p->end && p->has_more, NULL);
    }
}

struct dataset_page *
dataset_page_open(struct store *store, struct dataset_snapshot *snapshot, int64_t start,
                  int64_t limit)
{
    struct dataset_page *p = xcalloc(1, sizeof *p);
    p->store = store;
    p->snapshot = *snapshot;
    *snapshot = (struct dataset_snapshot){ .fd = -1 };
    p->start = start;
    p->limit = limit;
    p->key = xasprintf("%d:%s", (int)p->snapshot.format, p->snapshot.fingerprint);
    struct index *x = index_find(p->key);
    if (x == NULL || x->n == 0)
        return p;
    int64_t i = start / STRIDE;
    p->from = x->marks[i < (int64_t)x->n ? i : (int64_t)x->n - 1];
    if (x->reader != NULL) {
        dataset_snapshot_fini(&p->snapshot);
        p->rows = TAKE(x->reader);
        p->snapshot = x->snapshot;
        x->snapshot = (struct dataset_snapshot){ .fd = -1 };
    }
    return p;
}

void
dataset_page_next(struct dataset_page *p, dataset_chunk_fn *chunk, void *arg)
{
    assert(!p->busy && !p->end);
    p->chunk = chunk;
    p->arg = arg;
    p->busy = true;
    p->ready = false;
    worker_run(store_reader(p->store), run_chunk, end_chunk, p);
}

void
dataset_page_close(struct dataset_page *p)
{
    if (p == NULL)
        return;
    if (p->busy)
        p->closed = true;
    else
        page_free(p);
}
