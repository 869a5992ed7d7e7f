#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "daemon/rowindex.h"

#define PIECE_BYTES (2 << 20)   /* of a file, scanned before others get the thread */
#define MARKS_MAX   (1u << 15)  /* of an index; then every other one goes */
#define KEPT_BYTES  (128u << 20) /* of all indexes together */
#define KEPT_MAX    64           /* indexes, each of which may hold a descriptor */
#define SCAN_BYTES  (512u << 10) /* what a scan takes */

/* A scan on its way.  While it runs it is the read thread's. */
struct scan {
    struct dataset_snapshot snapshot; /* its own */
    struct rows_mark from;
    struct rows *rows; /* NULL: not begun */
    struct rows_mark *marks; /* met in the last piece */
    size_t n_marks, marks_room;
    bool made;  /* the snapshot's rows were made in the last piece */
    bool ended; /* it came to the end in the last piece */
    struct rows_columns *columns;
    struct err err;
};

struct rowindex {
    struct rowindex *next; /* of all, the last used first */
    struct rowindexes *all;
    char *key;
    int refs;
    struct dataset_snapshot made; /* fd -1: the snapshot is read as it is */
    struct rows_columns *columns;
    struct rows_mark *marks; /* marks[i].index == i * stride */
    size_t n, room;
    int64_t stride;
    int64_t whole; /* all marks of so many bytes are there */
    struct scan *scan; /* NULL: none was begun */
    bool scanning;     /* it runs */
    struct rowindex_wait *waits;
};

struct rowindexes {
    struct store *store;
    struct rowindex *first;
};

static void scan_go_on(struct rowindex *x);

/* ---- all of them ---- */

struct rowindexes *
rowindexes_new(struct store *store)
{
    struct rowindexes *all = xcalloc(1, sizeof *all);
    all->store = store;
    return all;
}

struct store *
rowindexes_store(const struct rowindexes *all)
{
    return all->store;
}

static void
scan_free(struct scan *s)
{
    if (s == NULL)
        return;
    rows_free(s->rows);
    rows_columns_free(s->columns);
    dataset_snapshot_fini(&s->snapshot);
    free(s->marks);
    free(s);
}

static void
index_free(struct rowindex *x)
{
    scan_free(x->scan);
    dataset_snapshot_fini(&x->made);
    rows_columns_free(x->columns);
    free(x->marks);
    free(x->key);
    free(x);
}

void
rowindexes_free(struct rowindexes *all)
{
    if (all == NULL)
        return;
    worker_drain(store_reader(all->store));
    for (struct rowindex *x = all->first, *next; x != NULL; x = next) {
        next = x->next;
        assert(x->refs == 0);
        index_free(x);
    }
    free(all);
}

static size_t
index_bytes(const struct rowindex *x)
{
    return sizeof *x + x->room * sizeof *x->marks
           + (x->columns != NULL ? rows_columns_bytes(x->columns) : 0)
           + (x->made.fd >= 0 ? (size_t)x->made.size : 0) + (x->scan != NULL ? SCAN_BYTES : 0);
}

/* Drops what nobody holds and there is no room for. */
static void
keep_some(struct rowindexes *all)
{
    size_t bytes = 0, n = 0;
    for (struct rowindex **at = &all->first; *at != NULL;) {
        struct rowindex *x = *at;
        bytes += index_bytes(x);
        n++;
        if (x->refs > 0 || (bytes <= KEPT_BYTES && n <= KEPT_MAX)) {
            at = &x->next;
            continue;
        }
        bytes -= index_bytes(x);
        n--;
        *at = x->next;
        index_free(x);
    }
}

/* Snapshots of a file that is only appended to differ in length alone, and share an index. */
static char *
key_of(const struct dataset_snapshot *s)
{
    const char *end = s->grows ? strrchr(s->fingerprint, ':') : NULL;
    size_t n = end != NULL ? (size_t)(end - s->fingerprint) : strlen(s->fingerprint);
    return xasprintf("%d:%.*s:%s", (int)s->format, (int)n, s->fingerprint, s->name);
}

struct rowindex *
rowindex_get(struct rowindexes *all, const struct dataset_snapshot *snapshot)
{
    char *key = key_of(snapshot);
    struct rowindex **at = &all->first;
    while (*at != NULL && strcmp((*at)->key, key) != 0)
        at = &(*at)->next;
    struct rowindex *x = *at;
    if (x != NULL) {
        *at = x->next;
        free(key);
    } else {
        x = xcalloc(1, sizeof *x);
        *x = (struct rowindex){ .all = all, .key = key, .made = { .fd = -1 },
                                .stride = ROWINDEX_STRIDE };
    }
    x->next = all->first;
    all->first = x;
    x->refs++;
    return x;
}

void
rowindex_put(struct rowindex *x)
{
    assert(x->refs > 0);
    if (--x->refs == 0)
        keep_some(x->all);
}

/* ---- what is known ---- */

void
rowindex_learn(struct rowindex *x, const struct rows_mark *marks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (marks[i].index != (int64_t)x->n * x->stride)
            continue;
        if (x->n == MARKS_MAX) {
            for (size_t k = 0; k < MARKS_MAX / 2; k++)
                x->marks[k] = x->marks[2 * k];
            x->n /= 2;
            x->stride *= 2;
        }
        if (x->n == x->room) {
            x->room = x->room > 0 ? 2 * x->room : 16;
            x->marks = xreallocarray(x->marks, x->room, sizeof *x->marks);
        }
        x->marks[x->n++] = marks[i];
    }
}

bool
rowindex_covers(const struct rowindex *x, const struct dataset_snapshot *snapshot,
                int64_t start)
{
    if (snapshot->unread != UNREAD_NOT && x->made.fd < 0)
        return false;
    if (snapshot->format == ROWS_CSV)
        return x->columns != NULL;
    int64_t size = x->made.fd >= 0 ? x->made.size : snapshot->size;
    size_t known = x->n > 0 ? x->n : 1;
    return start / x->stride < (int64_t)known || x->whole >= size;
}

static struct rows_mark
find_mark(const struct rowindex *x, int64_t start, int64_t size)
{
    int64_t i = start / x->stride;
    if (i >= (int64_t)x->n)
        i = (int64_t)x->n - 1;
    while (i > 0 && x->marks[i].offset > size)
        i--; /* appended since this snapshot */
    return x->n > 0 ? x->marks[i] : (struct rows_mark){ 0, 0, 1 };
}

struct rows *
rowindex_open(struct rowindex *x, const struct dataset_snapshot *snapshot, int64_t start)
{
    assert(rowindex_covers(x, snapshot, start));
    const struct dataset_snapshot *s = x->made.fd >= 0 ? &x->made : snapshot;
    struct rows_mark from = find_mark(x, start, s->size);
    return rows_open_at(s->fd, s->format, s->size, snapshot->name, x->columns, &from);
}

/* ---- the scan, on the read thread ---- */

static void
note(struct scan *s, const struct rows_mark *m)
{
    if (m->index % ROWINDEX_STRIDE != 0)
        return;
    if (s->n_marks == s->marks_room) {
        s->marks_room = s->marks_room > 0 ? 2 * s->marks_room : 64;
        s->marks = xreallocarray(s->marks, s->marks_room, sizeof *s->marks);
    }
    s->marks[s->n_marks++] = *m;
}

static void
scan_begin(struct scan *s)
{
    const struct dataset_snapshot *f = &s->snapshot;
    s->rows = f->format == ROWS_CSV
                  ? rows_open_scan(f->fd, f->format, f->size, f->name, &s->err)
                  : rows_open_at(f->fd, f->format, f->size, f->name, NULL, &s->from);
}

static void
run_scan(void *arg)
{
    struct scan *s = ((struct rowindex *)arg)->scan;
    if (s->err.code != ERR_NONE)
        return; /* it could not begin */
    if (s->snapshot.unread != UNREAD_NOT) {
        s->made = dataset_convert(&s->snapshot, &s->err) == 0;
        return;
    }
    if (s->rows == NULL)
        scan_begin(s);
    if (s->rows == NULL)
        return;
    struct rows_mark m = rows_tell(s->rows);
    for (int64_t first = m.offset; m.offset - first <= PIECE_BYTES; m = rows_tell(s->rows)) {
        note(s, &m);
        int64_t n = ROWINDEX_STRIDE - m.index % ROWINDEX_STRIDE;
        int64_t got = rows_scan(s->rows, n, &s->err);
        if (got < n) {
            s->ended = got >= 0;
            s->columns = s->ended ? rows_take_columns(s->rows) : NULL;
            return;
        }
    }
    note(s, &m);
}

/* ---- the scan, on the loop thread ---- */

static void
unlink_wait(struct rowindex *x, struct rowindex_wait *w)
{
    struct rowindex_wait **at = &x->waits;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
}

static void
tell_failure(struct rowindex *x, const struct err *err)
{
    size_t n = 0;
    for (const struct rowindex_wait *w = x->waits; w != NULL; w = w->next)
        n++;
    for (; n > 0 && x->waits != NULL; n--) { /* not those that come back in the call */
        struct rowindex_wait *w = x->waits;
        unlink_wait(x, w);
        w->ready(w->arg, err);
    }
}

/* Tells those that need not wait any longer; the list may change in each call. */
static void
tell_covered(struct rowindex *x)
{
    for (struct rowindex_wait *w = x->waits; w != NULL;) {
        if (!rowindex_covers(x, w->snapshot, w->start)) {
            w = w->next;
            continue;
        }
        unlink_wait(x, w);
        w->ready(w->arg, NULL);
        w = x->waits;
    }
}

static void
end_scan(void *arg)
{
    struct rowindex *x = arg;
    struct scan *s = x->scan;
    struct err err = s->err;
    x->scanning = false;
    rowindex_learn(x, s->marks, s->n_marks);
    s->n_marks = 0;
    if (s->ended) {
        x->columns = TAKE(s->columns);
        x->whole = s->snapshot.size;
    }
    if (s->made) {
        x->made = dataset_snapshot_take(&s->snapshot);
    }
    if (s->ended || s->made || err.code != ERR_NONE)
        scan_free(TAKE(x->scan));
    if (err.code != ERR_NONE)
        tell_failure(x, &err);
    else
        tell_covered(x);
    scan_go_on(x);
    /* half a scan of JSONL is in the marks, and need not hold the file */
    if (!x->scanning && x->scan != NULL && x->scan->snapshot.format == ROWS_JSONL)
        scan_free(TAKE(x->scan));
    rowindex_put(x);
}

/* The scan's own hold on what is scanned, as pages come and go. */
static int
scan_snapshot(const struct rowindex *x, const struct dataset_snapshot *from,
              struct dataset_snapshot *ret, struct err *err)
{
    struct dataset_snapshot s = x->made.fd >= 0 ? x->made : *from;
    s.name = from->name;
    return dataset_snapshot_copy(&s, ret, err);
}

static void
scan_go_on(struct rowindex *x)
{
    if (x->scanning || x->waits == NULL)
        return;
    if (x->scan == NULL) {
        struct scan *s = xcalloc(1, sizeof *s);
        s->snapshot.fd = -1;
        if (scan_snapshot(x, x->waits->snapshot, &s->snapshot, &s->err) == 0)
            s->from = find_mark(x, INT64_MAX, s->snapshot.size);
        x->scan = s;
    }
    x->scanning = true;
    x->refs++;
    worker_run(store_reader(x->all->store), run_scan, end_scan, x);
}

void
rowindex_wait(struct rowindex *x, struct rowindex_wait *w)
{
    struct rowindex_wait **end = &x->waits;
    while (*end != NULL)
        end = &(*end)->next;
    w->next = NULL;
    *end = w;
    scan_go_on(x);
}

void
rowindex_unwait(struct rowindex *x, struct rowindex_wait *w)
{
    unlink_wait(x, w);
}
