/* Data sets: what may be opened and what not, and pages of rows. */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "common/io.h"
#include "daemon/rowindex.h"
#include "tap.h"
#include "tmpdir.h"

#include "memstore.h"

static struct conf conf;
static struct store *store;
static struct rowindexes *indexes;
static struct err err;

/* ---- opening ---- */

static int
open_uri(const char *uri, struct dataset_snapshot *ret)
{
    struct dataset ds = { .id = (char *)"ds", .provider_id = (char *)"localfs",
                          .uri = (char *)uri };
    err = (struct err){ 0 };
    return dataset_open(&conf, store, &ds, ret, &err);
}

static void
opens(const char *uri, enum rows_format format, const char *content)
{
    struct dataset_snapshot s;
    if (!ok(open_uri(uri, &s) == 0, "opens %.80s", uri)) {
        diag("%s", err.text);
        return;
    }
    CLEANUP_FREE char *buf = xcalloc(1, (size_t)s.size + 1);
    io_pread_full(s.fd, buf, (size_t)s.size, 0);
    is_int(s.format, format, "the format");
    is_str(buf, content, "the content");
    ok(s.fingerprint != NULL && s.name != NULL, "fingerprint and name");
    dataset_snapshot_fini(&s);
}

static void
refuses(const char *uri, enum err_code code, const char *why)
{
    struct dataset_snapshot s = { .fd = -1 };
    if (!ok(open_uri(uri, &s) < 0, "refuses %.80s", uri)) {
        dataset_snapshot_fini(&s);
        return;
    }
    is_int(err.code, code, "the code");
    if (!ok(strstr(err.text, why) != NULL, "because: %s", why))
        diag("got: %s", err.text);
}

/* tmp(name) must be there: its path is the uri. */
static void
refuses_path(const char *name, const char *why)
{
    const char *path = tmp(name);
    refuses(path, ERR_INVALID, why);
    ok(strstr(err.text, path) == err.text, "the error begins with the uri");
}

static void
test_paths(void)
{
    const char *text = "a,b\n1,2\n";
    mkdir(tmp("root"), 0755);
    mkdir(tmp("root2"), 0755);
    mkdir(tmp("root/sub"), 0755);
    mkdir(tmp("rootless"), 0755);
    tmp_write("root/x.csv", text);
    tmp_write("root/sub/with space.csv", text);
    tmp_write("root/100%.csv", text);
    tmp_write("root/x.jsonl", "{\"a\":1}\n");
    tmp_write("root/x.json", " [ {\"a\" : 1.50, \"b\":[1, 2]},\n{}]\n");
    tmp_write("root/empty.json", "[]");
    tmp_write("root/number.json", "5");
    tmp_write("root/mixed.json", "[{},3]");
    tmp_write("root/broken.json", "[{},\n{]");
    tmp_write("root/x.parquet", "PAR1");
    tmp_write("root2/y.csv", text);
    tmp_write("rootless/z.csv", text);
    tmp_write("outside.csv", "secret");
    mkfifo(tmp("root/fifo.csv"), 0644);
    mkdir(tmp("root/dir.csv"), 0755);
    (void)!symlink("../outside.csv", tmp("root/up.csv"));
    (void)!symlink(tmp("outside.csv"), tmp("root/abs.csv"));
    (void)!symlink("..", tmp("root/updir"));
    (void)!symlink("x.csv", tmp("root/inside.csv"));
    (void)!symlink("loop.csv", tmp("root/loop.csv"));
    (void)!symlink("/dev/zero", tmp("root/zero.csv"));
    (void)!symlink("/proc/self/environ", tmp("root/proc.csv"));
    (void)!symlink("nowhere", tmp("root/dangling.csv"));

    refuses(tmp("root/x.csv"), ERR_INVALID, "evald.conf has no dataset roots");
    conf.dataset_roots = xcalloc(4, sizeof(char *));
    conf.dataset_roots[0] = xstrdup(tmp("root"));
    conf.dataset_roots[1] = xstrdup(tmp("root2"));

    opens(tmp("root/x.csv"), ROWS_CSV, text);
    opens(tmp("root2/y.csv"), ROWS_CSV, text);
    opens(tmp("root//./sub/../x.csv"), ROWS_CSV, text);
    opens(tmp("root/inside.csv"), ROWS_CSV, text);
    opens(tmp("root/x.jsonl"), ROWS_JSONL, "{\"a\":1}\n");
    opens(tmp("root/x.json"), ROWS_JSONL, "{\"a\":1.50,\"b\":[1,2]}\n{}\n");
    opens(tmp("root/empty.json"), ROWS_JSONL, "");
    opens(tmp("root/100%.csv"), ROWS_CSV, text);
    CLEANUP_FREE char *url = xasprintf("file://%s/root/sub/with%%20space.%%63sv", tmpdir());
    opens(url, ROWS_CSV, text);
    CLEANUP_FREE char *host = xasprintf("file://localhost%s/root/x.csv", tmpdir());
    opens(host, ROWS_CSV, text);

    refuses_path("outside.csv", "not below a configured root");
    refuses_path("rootless/z.csv", "not below a configured root");
    refuses_path("root/../outside.csv", "leads out of the configured root");
    refuses_path("root/sub/../../outside.csv", "leads out of the configured root");
    refuses_path("root/up.csv", "leads out of the configured root");
    refuses_path("root/abs.csv", "leads out of the configured root");
    refuses_path("root/updir/outside.csv", "leads out of the configured root");
    refuses_path("root/zero.csv", "leads out of the configured root");
    refuses_path("root/proc.csv", "leads out of the configured root");
    refuses_path("root/loop.csv", "links that are not followed");
    refuses_path("root/dangling.csv", "no such file");
    refuses_path("root/gone.csv", "no such file");
    refuses_path("root/x.csv/y.csv", "no such file");
    refuses_path("root/fifo.csv", "not a regular file");
    refuses_path("root/dir.csv", "not a regular file");
    refuses_path("root/number.json", "is not a JSON array of objects");
    refuses_path("root/mixed.json", "element 1 of the array is not an object");
    refuses_path("root/broken.json", "root/broken.json:2: ");
    tmp_write("root/huge.json", "[]");
    if (truncate(tmp("root/huge.json"), (64 << 20) + 1) == 0)
        refuses_path("root/huge.json", "larger than the 64 MiB a JSON array may have");
    refuses("/etc/passwd.csv", ERR_INVALID, "not below a configured root");

    CLEANUP_FREE char *parquet = xasprintf("Unsupported file type: %s", tmp("root/x.parquet"));
    refuses(tmp("root/x.parquet"), ERR_INVALID, parquet);
    refuses(tmp("root/x.CSV"), ERR_INVALID, "Unsupported file type: ");
    refuses("lsfs://x", ERR_INVALID, "Unsupported file type: lsfs://x");
    refuses("x.xlsx", ERR_INVALID, "Unsupported file type: x.xlsx");
    refuses("rel/x.csv", ERR_INVALID, "rel/x.csv: not an absolute path");
    refuses("http://h/x.csv", ERR_CONFLICT, "http://h/x.csv: was registered anew while it was");
    refuses("HTTPS://h/x.csv", ERR_CONFLICT, "was registered anew while it was fetched");
    refuses("file://other/x.csv", ERR_INVALID, "names an absolute path of this host");
    refuses("file:///x.csv?y.csv", ERR_INVALID, "no query or fragment");
    refuses("file:///a%00b.csv", ERR_INVALID, "holds a NUL byte");
    CLEANUP_FREE char *dots = xasprintf("file://%s/root/%%2e%%2e/outside.csv", tmpdir());
    refuses(dots, ERR_INVALID, "leads out of the configured root");

    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    snprintf(sun.sun_path, sizeof sun.sun_path, "%s", tmp("root/sock.csv"));
    CLEANUP_CLOSE int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(sock, (struct sockaddr *)&sun, sizeof sun) == 0)
        refuses_path("root/sock.csv", "not a regular file");
}

static void
test_root_is_everything(void)
{
    char **roots = conf.dataset_roots;
    char *all[] = { (char *)"/", NULL };
    conf.dataset_roots = all;
    opens(tmp("root/x.csv"), ROWS_CSV, "a,b\n1,2\n");
    CLEANUP_FREE char *cwd = xasprintf("/proc/self/cwd%s", tmp("root/x.csv"));
    refuses(cwd, ERR_INVALID, "links that are not followed");
    CLEANUP_FREE char *magic = xasprintf("/proc/self/root%s", tmp("root/x.csv"));
    refuses(magic, ERR_INVALID, "links that are not followed");
    (void)!symlink("/dev/null", tmp("root/null.csv"));
    if (access("/dev/null", R_OK) == 0) {
        if (mknod(tmp("root/device.csv"), S_IFCHR | 0644, 0x103) == 0) /* /dev/null */
            refuses_path("root/device.csv", "not a regular file");
        else
            skip("only root can make a device");
    }
    conf.dataset_roots = roots;
}

static void
test_snapshot(void)
{
    struct dataset_snapshot a, b;
    tmp_write("root/s.jsonl", "{\"a\":1}\n");
    open_uri(tmp("root/s.jsonl"), &a);
    open_uri(tmp("root/s.jsonl"), &b);
    is_str(a.fingerprint, b.fingerprint, "an unchanged file has the same fingerprint");
    is_str(a.name, tmp("root/s.jsonl"), "its name is the path");
    dataset_snapshot_fini(&b);
    unlink(tmp("root/s.jsonl"));
    tmp_write("root/s.jsonl", "{\"a\":2}\n");
    open_uri(tmp("root/s.jsonl"), &b);
    ok(strcmp(a.fingerprint, b.fingerprint) != 0, "another file has another");
    char buf[9] = { 0 };
    io_pread_full(a.fd, buf, 8, 0);
    is_str(buf, "{\"a\":1}\n", "the first snapshot still reads the removed file");
    dataset_snapshot_fini(&a);
    dataset_snapshot_fini(&b);
}

/* What a caller on the loop must not wait for is left to another thread. */
static void
test_unread(void)
{
    struct dataset ds = { .id = (char *)"ds", .provider_id = (char *)"localfs",
                          .uri = (char *)"data:application/json;base64,W3siYSI6MX1d" };
    struct dataset_snapshot s;
    is_int(dataset_open_unread(&conf, store, &ds, &s, &err), 0, "a data: URL is opened");
    ok(s.unread == UNREAD_URL && s.fd < 0, "and not decoded");
    is_int(dataset_convert(&s, &err), 0, "then it is");
    ok(s.unread == UNREAD_NOT && s.fd >= 0 && s.size == 8 && s.format == ROWS_JSONL, "to rows");
    is_int(dataset_convert(&s, &err), 0, "once");
    dataset_snapshot_fini(&s);

    ds.uri = (char *)"data:application/json,{}";
    is_int(dataset_open_unread(&conf, store, &ds, &s, &err), 0, "one that is not right, too");
    is_int(dataset_convert(&s, &err), -1, "which is found then");
    ok(s.unread == UNREAD_URL && s.url != NULL, "and changes nothing");
    dataset_snapshot_fini(&s);

    ds.uri = (char *)tmp_write("root/late.json", "[{\"a\":1}]");
    is_int(dataset_open_unread(&conf, store, &ds, &s, &err), 0, "an array is opened");
    ok(s.unread == UNREAD_JSON && s.fd >= 0, "and not read");
    tmp_write("root/late.json", "[{\"a\":1},{}]");
    is_int(dataset_convert(&s, &err), -1, "it changes before it is");
    ok(strstr(err.text, "late.json: the file changed while it was read") != NULL, "which is said");
    dataset_snapshot_fini(&s);
}

static void
test_data_urls(void)
{
    opens("data:text/csv,a,b%0A1,%222%22%0a", ROWS_CSV, "a,b\n1,\"2\"\n");
    opens("data:text/csv;base64,YSxiCjEsMgo=", ROWS_CSV, "a,b\n1,2\n");
    opens("data:text/plain;charset=UTF-8,a%0A100%", ROWS_CSV, "a\n100%");
    opens("data:text/csv;charset=utf8;base64,YQox", ROWS_CSV, "a\n1");
    opens("data:text/csv;charset=latin-1;base64,YQox", ROWS_CSV, "a\n1");
    opens("data:application/jsonl,{\"a\":1}", ROWS_JSONL, "{\"a\":1}");
    opens("data:application/x-ndjson,{\"a\":1}%0A", ROWS_JSONL, "{\"a\":1}\n");
    opens("data:application/json,[{\"a\": 1}, {}]", ROWS_JSONL, "{\"a\":1}\n{}\n");
    refuses("data:,x", ERR_INVALID, "Invalid Data URL format");
    refuses("data:text/csv", ERR_INVALID, "Invalid Data URL format");
    refuses("data:text/csv;base64;charset=utf-8,YQ==", ERR_INVALID, "Invalid Data URL format");
    refuses("data:text/csv;x=y,a", ERR_INVALID, "Invalid Data URL format");
    refuses("data:text/csv;charset=,a", ERR_INVALID, "Invalid Data URL format");
    refuses("data:text/csv;charset=latin-1,a", ERR_INVALID, "charset latin-1 is not supported");
    refuses("data:text/csv;base64,YQ=", ERR_INVALID, "the payload is not base64");
    refuses("data:text/csv;base64,Y*==", ERR_INVALID, "the payload is not base64");
    refuses("data:image/png;base64,YQ==", ERR_INVALID, "Unsupported file type: data:image/png");
    refuses("data:application/json,{}", ERR_INVALID, "is not a JSON array of objects");
    struct dataset_snapshot a, b, c;
    open_uri("data:application/jsonl,{}", &a);
    open_uri("data:application/jsonl;base64,e30=", &b);
    open_uri("data:application/jsonl,{%20}", &c);
    is_str(a.fingerprint, b.fingerprint, "the same bytes have the same fingerprint");
    ok(strcmp(a.fingerprint, c.fingerprint) != 0, "others another");
    ok(write(a.fd, "x", 1) < 0, "nobody can write it");
    dataset_snapshot_fini(&a);
    dataset_snapshot_fini(&b);
    dataset_snapshot_fini(&c);
}

static void
test_rows_file(void)
{
    mkdir(tmp("datasets"), 0700);
    tmp_write("datasets/r.jsonl", "{\"a\":1}\n{\"a\":2}\n{\"a\":");
    struct dataset ds = { .id = (char *)"ds", .provider_id = (char *)"localfs",
                          .rows_file = (char *)"r.jsonl", .rows_bytes = 16 };
    struct dataset_snapshot s;
    is_int(dataset_open(&conf, store, &ds, &s, &err), 0, "rows are opened");
    is_int(s.size, 16, "their committed length");
    is_str(s.name, "ds", "the name is the data set's");
    is_str(s.fingerprint, "rows:r.jsonl:16", "the fingerprint");
    dataset_snapshot_fini(&s);
    ds.rows_bytes = 1000;
    is_int(dataset_open(&conf, store, &ds, &s, &err), -1, "a file that lost bytes");
    is_int(err.code, ERR_IO, "is evald's failure");
    ds.rows_file = (char *)"gone.jsonl";
    is_int(dataset_open(&conf, store, &ds, &s, &err), -1, "so is one that is gone");
    is_int(err.code, ERR_IO, "a client cannot mend it");
}

/* ---- pages ---- */

struct got {
    struct text rows;
    int chunks;
    bool end, has_more, nested;
    struct err err;
    struct dataset_page *page;
    int close_after; /* chunks; 0: read to the end */
};

static void
on_chunk(void *arg, struct str rows, bool end, bool has_more, const struct err *e)
{
    struct got *g = arg;
    g->chunks++;
    text_put_str(&g->rows, rows);
    g->end = end;
    g->has_more = has_more;
    if (e != NULL)
        g->err = *e;
    if (g->nested && !end)
        dataset_page_next(g->page, on_chunk, g);
    if (g->close_after == g->chunks) {
        dataset_page_close(g->page);
        g->page = NULL;
    }
}

static void
page_of(const char *uri, int64_t start, int64_t limit, struct got *g)
{
    struct dataset_snapshot s;
    *g = (struct got){ .rows = TEXT_INIT };
    if (open_uri(uri, &s) < 0) {
        diag("%s", err.text);
        return;
    }
    g->page = dataset_page_open(indexes, &s, start, limit);
    ok(s.fd == -1, "the page has taken the snapshot");
    while (!g->end) {
        int before = g->chunks;
        dataset_page_next(g->page, on_chunk, g);
        if (g->chunks != before)
            ok(false, "the chunk came within the call");
        memstore_settle(store);
    }
    dataset_page_close(g->page);
    text_put(&g->rows, "", 1);
}

static void
is_page(const char *uri, int64_t start, int64_t limit, const char *rows, bool has_more)
{
    struct got g;
    page_of(uri, start, limit, &g);
    is_str(g.rows.ptr, rows, "rows from %lld, at most %lld", (long long)start,
           (long long)limit);
    ok(g.has_more == has_more && g.err.code == ERR_NONE, "has_more %d", has_more);
    text_fini(&g.rows);
}

static void
test_arithmetic(void)
{
    const char *uris[] = { xstrdup(tmp_write("root/five.jsonl", "{\"a\":0}\n\n{\"a\":1}\n"
                                             "  {\"a\" : 2}\r\n{\"a\":3}\n{\"a\":4}")),
                           xstrdup(tmp_write("root/five.csv", "a\n0\n1\n2\n3\n4\n")) };
    for (size_t i = 0; i < 2; i++)
        for (int again = 0; again < 2; again++) {
            const char *u = uris[i]; /* space between tokens does not go out */
            const char *all = "{\"a\":0},{\"a\":1},{\"a\":2},{\"a\":3},{\"a\":4}";
            const char *from2 = "{\"a\":2},{\"a\":3},{\"a\":4}";
            is_page(u, 0, -1, all, false);
            is_page(u, 0, 2, "{\"a\":0},{\"a\":1}", true);
            is_page(u, 3, 2, "{\"a\":3},{\"a\":4}", false);
            is_page(u, 9, 2, "", false);
            is_page(u, 0, 0, "", true);
            is_page(u, 5, 0, "", false);
            is_page(u, 2, -1, from2, false);
            is_page(u, 0, 5, all, false);
            is_page(u, 4, INT64_MAX, "{\"a\":4}", false);
            is_page(u, INT64_MAX, INT64_MAX, "", false);
        }
    tmp_write("root/none.jsonl", "");
    is_page(tmp("root/none.jsonl"), 0, 3, "", false);
    tmp_write("root/none.csv", "a,b\n");
    is_page(tmp("root/none.csv"), 0, 3, "", false);
    free((char *)uris[0]);
    free((char *)uris[1]);
}

static void
fails(const char *uri, int64_t start, int64_t limit, const char *want)
{
    struct got g;
    page_of(uri, start, limit, &g);
    CLEANUP_FREE char *full = xasprintf("%s%s", uri, want);
    is_int(g.err.code, ERR_INVALID, "a page that fails");
    if (!ok(strncmp(g.err.text, full, strlen(full)) == 0, "%s", want))
        diag("got: %s", g.err.text);
    text_fini(&g.rows);
}

static void
test_bad_rows(void)
{
    tmp_write("root/bad.jsonl", "{\"a\":1}\n\n{\"a\":}\n[1]\n{\"a\":1} x\n");
    fails(tmp("root/bad.jsonl"), 0, -1, ":3: ");
    fails(tmp("root/bad.jsonl"), 2, -1, ":4: not a JSON object");
    fails(tmp("root/bad.jsonl"), 3, -1, ":5: ");
    is_page(tmp("root/bad.jsonl"), 0, 1, "{\"a\":1}", true);
    tmp_write("root/bad.csv", "a,b\n1,2\n1,2,3\n");
    fails(tmp("root/bad.csv"), 0, -1, ":3: ");
    tmp_write("root/open.csv", "a\n\"1\n");
    fails(tmp("root/open.csv"), 0, -1, ":2: ");
    tmp_write("root/no-header.csv", "");
    fails(tmp("root/no-header.csv"), 0, -1, ": there is no header line");
}

/* A large file of rows {"i":N,"pad":"..."}; returns its path. */
static const char *
large(const char *name, bool csv, int64_t n, size_t pad)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    CLEANUP_FREE char *x = xmalloc(pad + 1);
    memset(x, 'x', pad);
    x[pad] = '\0';
    if (csv)
        text_puts(&t, "i,pad\n");
    for (int64_t i = 0; i < n; i++)
        text_putf(&t, csv ? "%jd,%s\n" : "{\"i\":%jd,\"pad\":\"%s\"}\n", (intmax_t)i, x);
    return tmp_write_n(name, t.ptr, t.len, 0644);
}

/* Are these rows START... START+N-1? */
static bool
is_range(struct text *rows, int64_t start, int64_t n, size_t pad)
{
    const char *at = rows->ptr;
    for (int64_t i = start; i < start + n; i++) {
        CLEANUP_FREE char *head = xasprintf("%s{\"i\":%jd,\"pad\":\"", i > start ? "," : "",
                                            (intmax_t)i);
        size_t k = strlen(head);
        if (strncmp(at, head, k) != 0)
            return false;
        at += k + pad + 2;
    }
    return *at == '\0';
}

static void
test_large(bool csv)
{
    const size_t pad = 400;
    const int64_t n = 50000; /* 20 MB: more than one step to skip */
    CLEANUP_FREE char *uri =
        xstrdup(large(csv ? "root/large.csv" : "root/large.jsonl", csv, n, pad));
    struct got g;
    for (int round = 0; round < 2; round++) {
        static const int64_t starts[] = { 49990, 0, 1023, 1024, 1025, 30000, 49999 };
        for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
            page_of(uri, starts[i], 5, &g);
            int64_t want = starts[i] + 5 < n ? 5 : n - starts[i];
            ok(is_range(&g.rows, starts[i], want, pad), "rows from %lld", (long long)starts[i]);
            ok(g.has_more == (starts[i] + 5 < n), "has_more");
            text_fini(&g.rows);
        }
    }
    page_of(uri, 0, -1, &g);
    ok(is_range(&g.rows, 0, n, pad), "all of it");
    ok(g.chunks > 50, "in many chunks");
    text_fini(&g.rows);

    /* two pages side by side, and one that asks for more within its call */
    struct dataset_snapshot s;
    struct got a = { .rows = TEXT_INIT, .nested = true }, b = { .rows = TEXT_INIT };
    open_uri(uri, &s);
    a.page = dataset_page_open(indexes, &s, 10000, 4000);
    open_uri(uri, &s);
    b.page = dataset_page_open(indexes, &s, 20000, 500);
    dataset_page_next(a.page, on_chunk, &a);
    dataset_page_next(b.page, on_chunk, &b);
    memstore_settle(store);
    text_put(&a.rows, "", 1);
    text_put(&b.rows, "", 1);
    ok(a.end && a.has_more && is_range(&a.rows, 10000, 4000, pad), "one of two pages");
    ok(b.end && is_range(&b.rows, 20000, 500, pad), "the other of two pages");
    dataset_page_close(a.page);
    dataset_page_close(b.page);
    text_fini(&a.rows);
    text_fini(&b.rows);
}

static void
test_close(void)
{
    struct dataset_snapshot s;
    struct got g = { .rows = TEXT_INIT };
    open_uri(tmp("root/large.csv"), &s);
    g.page = dataset_page_open(indexes, &s, 40000, 5);
    dataset_page_next(g.page, on_chunk, &g);
    dataset_page_close(g.page);
    memstore_settle(store);
    is_int(g.chunks, 0, "a chunk under way is dropped");

    open_uri(tmp("root/large.jsonl"), &s);
    g = (struct got){ .rows = TEXT_INIT, .close_after = 2, .nested = true };
    g.page = dataset_page_open(indexes, &s, 0, -1);
    dataset_page_next(g.page, on_chunk, &g);
    memstore_settle(store);
    is_int(g.chunks, 2, "closed in the call, with the next chunk under way");
    text_fini(&g.rows);

    open_uri(tmp("root/large.jsonl"), &s);
    dataset_page_close(dataset_page_open(indexes, &s, 0, -1));
    dataset_page_close(NULL);
    ok(true, "closed before anything was asked for");
}

static void
test_shrinks(void)
{
    CLEANUP_FREE char *uri = xstrdup(large("root/shrink.jsonl", false, 2000, 1000));
    struct dataset_snapshot s;
    struct got g = { .rows = TEXT_INIT };
    open_uri(uri, &s);
    (void)!truncate(uri, 500000);
    g.page = dataset_page_open(indexes, &s, 1900, -1);
    dataset_page_next(g.page, on_chunk, &g);
    memstore_settle(store);
    ok(g.end && g.err.code == ERR_INVALID && strstr(g.err.text, "shrank") != NULL,
       "a file that shrinks under the page is no short success");
    dataset_page_close(g.page);
    text_fini(&g.rows);
}

static void
test_many_files(void)
{
    bool good = true;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 80; i++) {
            CLEANUP_FREE char *name = xasprintf("root/many%d.csv", i);
            CLEANUP_FREE char *text = xasprintf("a\n%d\n", i);
            CLEANUP_FREE char *want = xasprintf("{\"a\":%d}", i);
            struct dataset_snapshot s;
            struct got g = { .rows = TEXT_INIT };
            if (round == 0)
                tmp_write(name, text);
            open_uri(tmp(name), &s);
            g.page = dataset_page_open(indexes, &s, 0, 1);
            dataset_page_next(g.page, on_chunk, &g);
            memstore_settle(store);
            dataset_page_close(g.page);
            good = good && g.end && !g.has_more && str_is(text_str(&g.rows), want);
            text_fini(&g.rows);
        }
    ok(good, "more files than are remembered");
}

int
main(void)
{
    struct ev_loop *loop = ev_loop_new(0);
    store = store_open(loop, tmpdir(), &err);
    indexes = rowindexes_new(store);
    test_paths();
    test_root_is_everything();
    test_snapshot();
    test_unread();
    test_data_urls();
    test_rows_file();
    test_arithmetic();
    test_bad_rows();
    test_large(false);
    test_large(true);
    test_close();
    test_shrinks();
    test_many_files();
    rowindexes_free(indexes);
    store_free(store);
    ev_loop_destroy(loop);
    free(conf.dataset_roots[0]);
    free(conf.dataset_roots[1]);
    free(conf.dataset_roots);
    return tap_done();
}
