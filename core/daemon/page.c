#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/jtext.h"
#include "common/mem.h"
#include "daemon/rowindex.h"

#define CHUNK_BYTES (256 << 10) /* text of a chunk; the last row goes beyond */

/* While busy all but the last group is the read thread's. */
struct dataset_page {
    struct dataset_snapshot snapshot;
    int64_t start, limit, sent;
    struct rows *rows;
    struct text text;
    struct rows_mark *marks; /* those met in this run */
    size_t n_marks, marks_room;
    bool end, has_more;
    struct err err;

    struct rowindexes *indexes;
    struct rowindex *index;
    struct rowindex_wait wait;
    dataset_chunk_fn *chunk;
    void *arg;
    bool waiting, busy, closed;
};

/* ---- on the read thread ---- */

static void
note_mark(struct dataset_page *p, const struct rows_mark *m)
{
    if (p->snapshot.format == ROWS_CSV || m->index % ROWINDEX_STRIDE != 0)
        return;
    if (p->n_marks == p->marks_room) {
        p->marks_room = p->marks_room > 0 ? 2 * p->marks_room : 16;
        p->marks = xreallocarray(p->marks, p->marks_room, sizeof *p->marks);
    }
    p->marks[p->n_marks++] = *m;
}

/* From the mark before it; false at the end of the file, or with p->err. */
static bool
skip_to_start(struct dataset_page *p)
{
    int64_t n = p->start - rows_tell(p->rows).index;
    if (n <= 0)
        return true;
    p->end = rows_skip(p->rows, n, &p->err) < n;
    return !p->end;
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
    if (!skip_to_start(p))
        return;
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
    rows_free(p->rows);
    rowindex_put(p->index);
    dataset_snapshot_fini(&p->snapshot);
    text_fini(&p->text);
    free(p->marks);
    free(p);
}

static void
give_chunk(struct dataset_page *p)
{
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

static void
end_chunk(void *arg)
{
    struct dataset_page *p = arg;
    p->busy = false;
    rowindex_learn(p->index, p->marks, p->n_marks);
    p->n_marks = 0;
    if (p->closed)
        page_free(p);
    else
        give_chunk(p);
}

static void
read_chunk(struct dataset_page *p)
{
    if (p->rows == NULL)
        p->rows = rowindex_open(p->index, &p->snapshot, p->start);
    p->busy = true;
    worker_run(store_reader(rowindexes_store(p->indexes)), run_chunk, end_chunk, p);
}

static void
on_covered(void *arg, const struct err *err)
{
    struct dataset_page *p = arg;
    p->waiting = false;
    if (err == NULL) {
        read_chunk(p);
    } else {
        p->err = *err;
        give_chunk(p);
    }
}

struct dataset_page *
dataset_page_open(struct rowindexes *indexes, struct dataset_snapshot *snapshot, int64_t start,
                  int64_t limit)
{
    struct dataset_page *p = xcalloc(1, sizeof *p);
    p->indexes = indexes;
    p->snapshot = dataset_snapshot_take(snapshot);
    p->start = start;
    p->limit = limit;
    p->index = rowindex_get(indexes, &p->snapshot);
    return p;
}

void
dataset_page_next(struct dataset_page *p, dataset_chunk_fn *chunk, void *arg)
{
    assert(!p->busy && !p->waiting && !p->end);
    p->chunk = chunk;
    p->arg = arg;
    if (p->rows != NULL || rowindex_covers(p->index, &p->snapshot, p->start)) {
        read_chunk(p);
        return;
    }
    p->waiting = true;
    p->wait = (struct rowindex_wait){ .snapshot = &p->snapshot, .start = p->start,
                                      .ready = on_covered, .arg = p };
    rowindex_wait(p->index, &p->wait);
}

void
dataset_page_close(struct dataset_page *p)
{
    if (p == NULL)
        return;
    if (p->waiting)
        rowindex_unwait(p->index, &p->wait);
    if (p->busy)
        p->closed = true;
    else
        page_free(p);
}
