/* Indexes of rows: who waits for what, what is kept, and what appended rows change. */
#include "config.h"

#include "daemon/rowindex.h"
#include "tap.h"
#include "tmpdir.h"

#include "fds.h"
#include "memstore.h"

static struct conf conf;
static struct store *store;
static struct rowindexes *indexes;
static struct err err;
static int turn; /* counts chunks of all pages */

struct got {
    struct dataset_page *page;
    struct text rows;
    struct err err;
    bool end, has_more;
    int turn; /* of the last chunk */
};

static void
on_chunk(void *arg, struct str rows, bool end, bool has_more, const struct err *e)
{
    struct got *g = arg;
    text_put_str(&g->rows, rows);
    g->end = end;
    g->has_more = has_more;
    g->turn = ++turn;
    if (e != NULL)
        g->err = *e;
    else if (!end)
        dataset_page_next(g->page, on_chunk, g);
}

static void
open_snapshot(const struct dataset *ds, struct dataset_snapshot *ret)
{
    if (dataset_open_unread(&conf, store, ds, ret, &err) < 0) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
}

static struct dataset
with_uri(const char *uri)
{
    return (struct dataset){ .id = (char *)"ds", .provider_id = (char *)"localfs",
                             .uri = (char *)uri };
}

static void
start(struct got *g, const struct dataset *ds, int64_t from, int64_t limit)
{
    struct dataset_snapshot s;
    *g = (struct got){ .rows = TEXT_INIT };
    open_snapshot(ds, &s);
    g->page = dataset_page_open(indexes, &s, from, limit);
    dataset_page_next(g->page, on_chunk, g);
}

static void
finish(struct got *g)
{
    dataset_page_close(g->page);
    text_fini(&g->rows);
}

static void
is_page(const struct dataset *ds, int64_t from, int64_t limit, const char *want, bool has_more)
{
    struct got g;
    start(&g, ds, from, limit);
    memstore_settle(store);
    is_str(text_str(&g.rows).ptr, want, "rows from %lld, at most %lld", (long long)from,
           (long long)limit);
    ok(g.end && g.has_more == has_more && g.err.code == ERR_NONE, "has_more %d", has_more);
    finish(&g);
}

static bool
covers(const struct dataset *ds, int64_t from)
{
    struct dataset_snapshot s;
    open_snapshot(ds, &s);
    struct rowindex *x = rowindex_get(indexes, &s);
    bool yes = rowindex_covers(x, &s, from);
    rowindex_put(x);
    dataset_snapshot_fini(&s);
    return yes;
}

/* n rows of about 100 bytes each, in the format that the name says. */
static const char *
file_of(const char *name, int n)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    bool csv = strstr(name, ".csv") != NULL, array = strstr(name, ".jsonl") == NULL;
    text_puts(&t, csv ? "i,pad\n" : array ? "[" : "");
    for (int i = 0; i < n; i++) {
        if (csv)
            text_putf(&t, "%d,x%080d\n", i, 0);
        else
            text_putf(&t, "%s{\"i\":%d,\"pad\":\"%080d\"}\n", array && i > 0 ? "," : "", i, 0);
    }
    text_puts(&t, array && !csv ? "]" : "");
    return tmp_write_n(name, t.ptr, t.len, 0644);
}

/* ---- tests ---- */

static void
test_fair(void)
{
    static const char *const names[] = { "fair.csv", "fair.jsonl" };
    tmp_write("small.jsonl", "{\"a\":1}\n");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP_FREE char *large = xstrdup(file_of(names[i], 100000)), *small =
            xstrdup(tmp("small.jsonl"));
        struct dataset a = with_uri(large), b = with_uri(small);
        struct got slow, same, quick;
        start(&slow, &a, 99999, 1);
        start(&same, &a, 50000, 0);
        start(&quick, &b, 0, -1);
        memstore_settle(store);
        ok(slow.end && !slow.has_more && strncmp(slow.rows.ptr, "{\"i\":99999,", 11) == 0,
           "%s: a page that waits for a scan comes", names[i]);
        ok(same.end && same.has_more && same.rows.len == 0, "so does another of the same");
        ok(quick.end && str_is(text_str(&quick.rows), "{\"a\":1}"), "so does another file's");
        ok(quick.turn < slow.turn, "which need not wait until the scan is over");
        finish(&slow);
        finish(&same);
        finish(&quick);
    }
}

static void
test_covered(void)
{
    CLEANUP_FREE char *lines = xstrdup(file_of("c.jsonl", 3000));
    CLEANUP_FREE char *csv = xstrdup(file_of("c.csv", 3000));
    CLEANUP_FREE char *json = xstrdup(file_of("c.json", 3000));
    struct dataset l = with_uri(lines), c = with_uri(csv), j = with_uri(json),
                   d = with_uri("data:text/csv,a%0A1%0A2%0A"),
                   e = with_uri("data:application/json,[{\"a\" : 1},{}]");
    ok(covers(&l, 0), "the first page of JSONL needs no scan");
    ok(!covers(&l, 2999) && !covers(&c, 0) && !covers(&j, 0) && !covers(&d, 0) && !covers(&e, 0),
       "all else does");
    struct got g;
    start(&g, &l, 0, 1000);
    memstore_settle(store);
    finish(&g);
    ok(covers(&l, 1000), "a page that was read leads to the next one");
    is_page(&l, 3000, 5, "", false);
    is_page(&c, 3000, 5, "", false);
    is_page(&j, 3000, 5, "", false);
    is_page(&d, 1, 1, "{\"a\":2}", false);
    is_page(&e, 0, 1, "{\"a\":1}", true);
    ok(covers(&l, 2999) && covers(&c, 2999) && covers(&j, 2999) && covers(&d, 9) && covers(&e, 9),
       "once is enough");
    ok(covers(&l, INT64_MAX), "for what is behind the end, too");
    tmp_write("c.csv", "a\n9\n");
    ok(!covers(&c, 0), "a file that changed is another one");
    is_page(&c, 0, 1, "{\"a\":9}", false);
}

static void
test_appended(void)
{
    mkdir(tmp("datasets"), 0700);
    CLEANUP_TEXT struct text t = TEXT_INIT;
    for (int i = 0; i < 2000; i++)
        text_putf(&t, "{\"i\":%d}\n", i);
    size_t before = t.len;
    text_puts(&t, "{\"torn");
    tmp_write("datasets/r.jsonl", t.ptr);
    struct dataset old = { .id = (char *)"ds", .rows_file = (char *)"r.jsonl",
                           .rows_bytes = (int64_t)before };
    is_page(&old, 1999, 5, "{\"i\":1999}", false);
    is_page(&old, 5000, 5, "", false);
    t.len = before;
    for (int i = 2000; i < 5000; i++)
        text_putf(&t, "{\"i\":%d}\n", i);
    tmp_write("datasets/r.jsonl", t.ptr);
    struct dataset new = old;
    new.rows_bytes = (int64_t)t.len;
    ok(covers(&new, 1999), "what was known of the shorter one is known");
    ok(!covers(&new, 4000), "what was not is not");
    is_page(&new, 1999, 2, "{\"i\":1999},{\"i\":2000}", true);
    is_page(&new, 4999, 5, "{\"i\":4999}", false);
    is_page(&old, 1999, 5, "{\"i\":1999}", false);
    is_page(&old, 4000, 5, "", false);
    is_page(&old, 2000, 0, "", false);
    ok(covers(&old, 4000) && covers(&new, 4999), "one index for both");
}

static void
test_failure(void)
{
    struct dataset bad = with_uri(tmp_write("bad.csv", "a\n1\n2,3\n")),
                   url = with_uri("data:text/csv;base64,*");
    const struct dataset *both[] = { &bad, &url };
    for (size_t i = 0; i < 2; i++) {
        struct got a, b;
        start(&a, both[i], 0, 1);
        start(&b, both[i], 0, 1);
        memstore_settle(store);
        ok(a.end && a.err.code == ERR_INVALID, "a scan that fails: %s", a.err.text);
        is_str(b.err.text, a.err.text, "all that wait for it are told");
        finish(&a);
        finish(&b);
    }
    tmp_write("bad.csv", "a\n1\n2\n");
    is_page(&bad, 1, 1, "{\"a\":2}", false);
}

static void
test_given_up(void)
{
    CLEANUP_FREE char *csv = xstrdup(file_of("up.csv", 100000));
    struct dataset c = with_uri(csv);
    struct got a, b;
    start(&a, &c, 0, 1);
    finish(&a);
    memstore_settle(store);
    is_int(a.turn, 0, "nobody is told when nobody waits");
    ok(!covers(&c, 0), "the scan rests");
    start(&a, &c, 0, 1);
    start(&b, &c, 99998, 5);
    finish(&a);
    memstore_settle(store);
    ok(b.end && strncmp(b.rows.ptr, "{\"i\":99998,", 11) == 0, "and goes on for another");
    finish(&b);
}

static void
test_bounded(void)
{
    struct dataset l = with_uri(tmp_write("marks.jsonl", "{}\n"));
    struct dataset_snapshot s;
    open_snapshot(&l, &s);
    struct rowindex *x = rowindex_get(indexes, &s);
    const int64_t n = 100000;
    for (int64_t i = 0; i < n; i++)
        rowindex_learn(x, &(struct rows_mark){ i * ROWINDEX_STRIDE, i, i + 1 }, 1);
    s.size = n; /* the offsets are made up */
    bool good = true;
    for (int64_t i = 0; i < n - 8; i += 777) {
        struct rows *r = rowindex_open(x, &s, i * ROWINDEX_STRIDE + 5);
        int64_t at = rows_tell(r).index;
        good = good && at <= i * ROWINDEX_STRIDE && at > (i - 8) * ROWINDEX_STRIDE
               && rows_tell(r).offset == at / ROWINDEX_STRIDE;
        rows_free(r);
    }
    ok(good, "an index of very many rows has fewer marks");
    rowindex_put(x);
    dataset_snapshot_fini(&s);
}

int
main(void)
{
    struct ev_loop *loop = ev_loop_new(0);
    char *roots[] = { (char *)tmpdir(), NULL };
    conf.dataset_roots = roots;
    store = store_open(loop, tmpdir(), &err);
    int before = count_fds();
    indexes = rowindexes_new(store);
    test_fair();
    test_covered();
    test_appended();
    test_failure();
    test_given_up();
    test_bounded();
    rowindexes_free(indexes);
    is_int(count_fds(), before, "no descriptor is left");
    store_free(store);
    ev_loop_destroy(loop);
    return tap_done();
}
