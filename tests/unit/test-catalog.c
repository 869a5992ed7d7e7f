/* The catalogue: what counts, when, and what is left on the disk. */
#include "config.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

#include "common/io.h"
#include "common/log.h"
#include "daemon/catalog.h"
#include "tap.h"
#include "tmpdir.h"

#include "memstore.h"

static struct store *store;
static struct catalog *cat;
static struct err err;

/* ---- plugins.h, as far as the catalogue needs it ---- */

struct plugins {
    struct plugin v[5];
    size_t n;
};
static struct plugins plugins;

size_t
plugins_count(const struct plugins *p)
{
    return p->n;
}

const struct plugin *
plugins_at(const struct plugins *p, size_t i)
{
    return i < p->n ? &p->v[i] : NULL;
}

static json_object *
json(const char *text)
{
    json_object *o = NULL;
    json_parse(str_z(text), &o, NULL, NULL);
    return o;
}

static void
add_plugin(const char *id, enum plugin_kind kind, const char *params, const char *disabled)
{
    plugins.v[plugins.n++] = (struct plugin){
        .id = (char *)id, .version = (char *)"1", .summary = (char *)"what it does", .kind = kind,
        .params_default = params != NULL ? json(params) : NULL,
        .return_type = json("{\"type\":\"number\"}"), .disabled = disabled,
    };
}

/* ---- changes and their ends ---- */

struct end {
    int calls;
    bool good;
    struct err err;
    char *id;
};

static void
set_end(struct end *e, const struct err *got)
{
    e->calls++;
    e->good = got == NULL;
    e->err = (struct err){ ERR_NONE, "" };
    if (got != NULL)
        e->err = *got;
}

static void
on_done(void *arg, const struct err *got)
{
    set_end(arg, got);
}

static void
on_dataset(void *arg, const struct dataset *ds, const struct err *got)
{
    struct end *e = arg;
    set_end(e, got);
    free(e->id);
    e->id = ds != NULL ? xstrdup(ds->id) : NULL;
}

static struct end last;

/* Registers and waits; the end is in last. */
static void
put_rows(const char *id, const char *rows, const char *metadata, enum catalog_policy policy)
{
    CLEANUP_JSON json_object *m = metadata != NULL ? json(metadata) : NULL;
    CLEANUP_FREE char *text = xstrdup(rows);
    int before = last.calls;
    catalog_put_dataset(cat, id, "eval/messages-answer", NULL, str_z(text), m, 7, policy,
                        on_dataset, &last);
    is_int(last.calls, before, "done comes later than the call");
    memset(text, 'x', strlen(text)); /* the caller's rows may go at once */
    memstore_settle(store);
}

static void
put_uri(const char *id, const char *uri, const char *metadata, enum catalog_policy policy)
{
    CLEANUP_JSON json_object *m = metadata != NULL ? json(metadata) : NULL;
    catalog_put_dataset(cat, id, "eval/question-answer", uri, (struct str){ NULL, 0 }, m, 7,
                        policy, on_dataset, &last);
    memstore_settle(store);
}

static void
delete_dataset(const char *id)
{
    catalog_delete_dataset(cat, id, on_done, &last);
    memstore_settle(store);
}

static void
put_benchmark(const char *id, const char *dataset, const char *provider,
              enum catalog_policy policy)
{
    CLEANUP_JSON json_object *f = json("[\"basic::equality\"]");
    catalog_put_benchmark(cat, id, dataset, provider, NULL, f, NULL, 8, policy, on_done, &last);
    memstore_settle(store);
}

static void
good(const char *what)
{
    if (!ok(last.good, "%s", what))
        diag("%s", last.err.text);
}

static void
bad(enum err_code code, const char *text)
{
    ok(!last.good, "refused: %s", text);
    is_int(last.err.code, code, "the code");
    is_str(last.err.text, text, "the text");
}

static char *
content(const struct dataset *ds)
{
    size_t n;
    CLEANUP_FREE char *name = xasprintf("datasets/%s", ds->rows_file);
    return io_read_file(AT_FDCWD, tmp(name), 1 << 20, &n, NULL);
}

static int
files(void)
{
    int n = 0;
    DIR *d = opendir(tmp("datasets"));
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void
reopen(void)
{
    catalog_free(cat);
    cat = catalog_open(store, &plugins, &err);
    ok(cat != NULL, "opened again");
}

/* ---- tests ---- */

static void
test_rows(void)
{
    put_rows("r", " [ {\"a\" : 1.50, \"b\":\"x y\"},\n{} , {\"n\":12345678901234567890}]",
             "{\"k\":1}", CATALOG_NO_CONFLICT);
    good("rows are registered");
    const struct dataset *ds = catalog_dataset(cat, "r");
    CLEANUP_FREE char *text = content(ds);
    is_str(text, "{\"a\":1.50,\"b\":\"x y\"}\n{}\n{\"n\":12345678901234567890}\n",
           "a compact object a line");
    is_int(ds->rows_bytes, strlen(text), "their length");
    is_int(ds->rows_count, 3, "their number");
    is_str(ds->provider_id, "localfs", "the provider");
    is_str(ds->purpose, "eval/messages-answer", "the purpose");
    is_int(ds->owner, 7, "the owner");
    is_int(json_get_int(ds->metadata, "k", 0), 1, "metadata");
    ok(ds->uri == NULL, "no uri");

    put_rows("r", "[{\"a\":1.50,\"b\":\"x y\"},{},{\"n\":12345678901234567890}]", "{\"k\":1}",
             CATALOG_NO_CONFLICT);
    good("the same again is no change");
    is_int(store->changes, 1, "nothing was written");
    const char *conflict = "Dataset 'r' already exists with different content; unregister it "
                           "first";
    put_rows("r", "[{\"a\":1.50,\"b\":\"x y\"},{}]", "{\"k\":1}", CATALOG_NO_CONFLICT);
    bad(ERR_INVALID, conflict);
    put_rows("r", "[{\"a\":1.50,\"b\":\"x y\"},{},{\"n\":12345678901234567891}]", "{\"k\":1}",
             CATALOG_NO_CONFLICT);
    bad(ERR_INVALID, conflict);
    put_rows("r", "[{\"a\":1.50,\"b\":\"x y\"},{},{\"n\":12345678901234567890},{}]", "{\"k\":1}",
             CATALOG_NO_CONFLICT);
    bad(ERR_INVALID, conflict);
    put_rows("r", "[{\"a\":1.50,\"b\":\"x y\"},{},{\"n\":12345678901234567890}]", "{\"k\":2}",
             CATALOG_NO_CONFLICT);
    bad(ERR_INVALID, conflict);
    put_uri("r", "/x.csv", NULL, CATALOG_NO_CONFLICT);
    bad(ERR_INVALID, conflict);
    is_int(files(), 1, "one file");

    put_rows("r", "[]", NULL, CATALOG_OVERWRITE);
    good("written over");
    ds = catalog_dataset(cat, "r");
    is_int(ds->rows_count, 0, "no rows are rows too");
    is_int(files(), 1, "the old file is gone");
    CLEANUP_FREE char *empty = json_text(ds->metadata);
    is_str(empty, "{}", "no metadata is an empty object");

    put_rows(NULL, "[{}]", NULL, CATALOG_OVERWRITE);
    good("without an id");
    ok(strncmp(last.id, "dataset-", 8) == 0 && strlen(last.id) == 44 && last.id[22] == '4',
       "it gets one: %s", last.id);
    ok(catalog_dataset(cat, last.id) != NULL, "by which it is found");
    CLEANUP_FREE char *first = xstrdup(last.id);
    put_rows("", "[{}]", NULL, CATALOG_OVERWRITE);
    ok(strcmp(first, last.id) != 0, "every time another");
    is_str(catalog_dataset_at(cat, 0)->id, "r", "in the order of registration");
    is_str(catalog_dataset_at(cat, 1)->id, first, "the second");
    ok(catalog_dataset_at(cat, 3) == NULL, "three of them");
}

static void
test_many_rows(void)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_putc(&t, '[');
    for (int i = 0; i < 30000; i++)
        text_putf(&t, "%s{\"i\": %d, \"pad\": \"some text to fill the row\"}", i > 0 ? "," : "", i);
    text_putc(&t, ']');
    put_rows("many", t.ptr, NULL, CATALOG_NO_CONFLICT);
    is_int(catalog_dataset(cat, "many")->rows_count, 30000, "more than one chunk");
    put_rows("many", t.ptr, NULL, CATALOG_NO_CONFLICT);
    good("compares equal");
    t.ptr[t.len - 10] = '!';
    put_rows("many", t.ptr, NULL, CATALOG_NO_CONFLICT);
    ok(!last.good, "a byte in the last chunk is seen");
    delete_dataset("many");
}

static void
test_uri(void)
{
    put_uri("u", "file:///no/such/file.csv", NULL, CATALOG_NO_CONFLICT);
    good("a uri is not looked at");
    is_str(catalog_dataset(cat, "u")->uri, "file:///no/such/file.csv", "it is kept");
    put_uri("u", "file:///no/such/file.csv", NULL, CATALOG_NO_CONFLICT);
    good("the same again");
    put_uri("u", "file:///other.csv", NULL, CATALOG_NO_CONFLICT);
    bad(ERR_INVALID, "Dataset 'u' already exists with different content; unregister it first");
    put_uri("u", "file:///other.csv", NULL, CATALOG_OVERWRITE);
    good("overwritten");
    is_str(catalog_dataset(cat, "u")->uri, "file:///other.csv", "with the new uri");
    put_uri("h", "huggingface://datasets/x/y", NULL, CATALOG_OVERWRITE);
    bad(ERR_INVALID, "Provider `huggingface` not found");
    put_uri("h", "/x.csv", "{\"provider_id\":\"nowhere\"}", CATALOG_OVERWRITE);
    bad(ERR_INVALID, "Provider `nowhere` not found");
    put_uri("h", "/x.csv", "{\"provider_id\":5}", CATALOG_OVERWRITE);
    bad(ERR_INVALID, "Provider `5` not found");
    put_uri("h", "s3://x", "{\"provider_id\":\"s3\"}", CATALOG_OVERWRITE);
    good("a provider that a source plugin makes");
    is_str(catalog_dataset(cat, "h")->provider_id, "s3", "is the data set's");
    put_uri("h2", "/x.csv", "{\"provider_id\":\"off\"}", CATALOG_OVERWRITE);
    bad(ERR_INVALID, "Provider `off` not found");
    put_uri("n", "huggingface://x", "{\"provider_id\":\"localfs\"}", CATALOG_OVERWRITE);
    good("metadata.provider_id comes first");
    put_uri("n2", "/x.csv", "{\"provider_id\":null}", CATALOG_OVERWRITE);
    good("null is as not given");
    put_uri("e", "", NULL, CATALOG_OVERWRITE);
    bad(ERR_INVALID, "a data set has either rows or a uri");
}

static void
test_delete(void)
{
    put_rows("gone", "[{}]", NULL, CATALOG_OVERWRITE);
    int n = files();
    delete_dataset("gone");
    good("unregistered");
    ok(catalog_dataset(cat, "gone") == NULL, "it is no longer there");
    is_int(files(), n - 1, "nor its file");
    delete_dataset("gone");
    bad(ERR_NOT_FOUND, "Dataset 'gone' not found. Use 'client.datasets.list()' to list "
        "available Datasets.");
}

static void
test_failures(void)
{
    int n = files();
    store->fail = ERR_NOSPACE;
    put_rows("fail", "[{}]", NULL, CATALOG_OVERWRITE);
    bad(ERR_NOSPACE, "the store fails");
    ok(catalog_dataset(cat, "fail") == NULL, "nothing is registered");
    is_int(files(), n, "no file is left");

    put_rows("fail", "[{\"a\":1}]", NULL, CATALOG_OVERWRITE);
    store->fail = ERR_IO;
    put_rows("fail", "[{\"a\":2}]", NULL, CATALOG_OVERWRITE);
    CLEANUP_FREE char *text = content(catalog_dataset(cat, "fail"));
    is_str(text, "{\"a\":1}\n", "the old rows stay");
    store->fail = ERR_IO;
    delete_dataset("fail");
    bad(ERR_IO, "the store fails");
    ok(catalog_dataset(cat, "fail") != NULL, "what could not be unregistered stays");
    delete_dataset("fail");

    /* the next best thing to a full disk that every user can make */
    struct rlimit old, small = { 1000, 1000 };
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_puts(&t, "[{}");
    for (int i = 0; i < 1000; i++)
        text_puts(&t, ",{}");
    text_putc(&t, ']');
    setrlimit(RLIMIT_FSIZE, &small);
    put_rows("big", t.ptr, NULL, CATALOG_OVERWRITE);
    setrlimit(RLIMIT_FSIZE, &old);
    bad(ERR_IO, "data set 'big': cannot keep the rows: File too large");
    is_int(files(), n, "half a file is no file");
}

static void
append(const char *id, const char *rows, uid_t owner)
{
    CLEANUP_FREE char *text = xstrdup(rows);
    int before = last.calls;
    catalog_append_rows(cat, id, str_z(text), owner, on_done, &last);
    is_int(last.calls, before, "done comes later than the call");
    memset(text, 'x', strlen(text));
    memstore_settle(store);
}

/* A data set's file and what the catalogue says of it. */
static void
holds(const char *id, const char *want, int64_t count)
{
    const struct dataset *ds = catalog_dataset(cat, id);
    CLEANUP_FREE char *text = content(ds);
    is_str(text, want, "the file");
    is_int(ds->rows_bytes, strlen(want), "its length");
    is_int(ds->rows_count, count, "its rows");
}

static void
test_append(void)
{
    put_rows("a", "[{\"n\":0}]", NULL, CATALOG_OVERWRITE);
    append("a", "[ {\"n\" : 1.0}, {} ]", 7);
    good("rows are appended");
    holds("a", "{\"n\":0}\n{\"n\":1.0}\n{}\n", 3);
    reopen();
    holds("a", "{\"n\":0}\n{\"n\":1.0}\n{}\n", 3);
    append("a", "[]", 7);
    good("none at all");
    holds("a", "{\"n\":0}\n{\"n\":1.0}\n{}\n", 3);
    put_rows("a", "[{\"n\":0}]", NULL, CATALOG_NO_CONFLICT);
    bad(ERR_INVALID, "Dataset 'a' already exists with different content; unregister it first");
    put_rows("a", "[{\"n\":0},{\"n\":1.0},{}]", NULL, CATALOG_NO_CONFLICT);
    good("with all its rows it is the same");

    append("nope", "[{}]", 7);
    bad(ERR_INVALID, "Dataset `nope` not served by provider: `localfs`. Make sure there is an "
        "DatasetIO provider serving this dataset.");
    put_uri("au", "/x.csv", NULL, CATALOG_OVERWRITE);
    append("au", "[{}]", 7);
    bad(ERR_NOTSUP, "data set 'au' has a uri: rows are appended to data sets of rows only");
    append("a", "[{}]", 8);
    bad(ERR_CONFLICT, "data set 'a' was registered anew meanwhile");
    holds("a", "{\"n\":0}\n{\"n\":1.0}\n{}\n", 3);
    delete_dataset("au");
    delete_dataset("a");
}

/* What a kill at any point between the first byte and the commit leaves behind. */
static void
test_append_after_crash(void)
{
    static const char *const left[] = { "{", "{\"n\":1}\n", "{\"n\":1}\n{\"n\":", "\n\n\n\n" };
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        put_rows("a", "[{\"n\":0}]", NULL, CATALOG_OVERWRITE);
        CLEANUP_FREE char *name = xasprintf("datasets/%s", catalog_dataset(cat, "a")->rows_file);
        CLEANUP_FREE char *torn = xasprintf("{\"n\":0}\n%s", left[i]);
        tmp_write(name, torn);
        reopen();
        is_int(catalog_dataset(cat, "a")->rows_count, 1, "the old rows count");
        append("a", "[{}]", 7);
        good("rows are appended to what counts");
        holds("a", "{\"n\":0}\n{}\n", 2);
    }
    CLEANUP_FREE char *name = xasprintf("datasets/%s", catalog_dataset(cat, "a")->rows_file);
    tmp_write(name, "{\"n\":0}\n");
    append("a", "[{}]", 7);
    ok(last.err.code == ERR_IO && strstr(last.err.text, "its rows are damaged") != NULL,
       "a file that lost bytes gets no more: %s", last.err.text);
    unlink(tmp(name));
    append("a", "[{}]", 7);
    ok(last.err.code == ERR_IO && strstr(last.err.text, "its rows are lost") != NULL,
       "nor does one that is gone: %s", last.err.text);
    delete_dataset("a");
}

static void
test_append_fails(void)
{
    put_rows("a", "[{\"n\":0}]", NULL, CATALOG_OVERWRITE);
    store->fail = ERR_NOSPACE;
    append("a", "[{\"n\":1}]", 7);
    bad(ERR_NOSPACE, "the store fails");
    const struct dataset *ds = catalog_dataset(cat, "a");
    is_int(ds->rows_bytes, 8, "what the catalogue could not keep does not count");
    append("a", "[{\"n\":2}]", 7);
    good("and the next rows take its place");
    holds("a", "{\"n\":0}\n{\"n\":2}\n", 2);

    struct rlimit old, small = { 1000, 1000 };
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_puts(&t, "[{}");
    for (int i = 0; i < 1000; i++)
        text_puts(&t, ",{}");
    text_putc(&t, ']');
    setrlimit(RLIMIT_FSIZE, &small);
    append("a", t.ptr, 7);
    setrlimit(RLIMIT_FSIZE, &old);
    bad(ERR_IO, "data set 'a': cannot keep the rows: File too large");
    holds("a", "{\"n\":0}\n{\"n\":2}\n", 2);

    text_clear(&t);
    text_puts(&t, "[{},{\"x\":\"");
    text_reserve(&t, (16 << 20) + 10);
    memset(t.ptr + t.len, 'x', 16 << 20);
    t.len += 16 << 20;
    text_puts(&t, "\"}]");
    append("a", t.ptr, 7);
    bad(ERR_INVALID, "data set 'a': row 1 is longer than 16 MiB");
    holds("a", "{\"n\":0}\n{\"n\":2}\n", 2);
    delete_dataset("a");
}

/* Many at the same time, with a deletion and a registration among them. */
static void
test_append_order(void)
{
    struct end ends[12] = { 0 };
    put_rows("a", "[]", NULL, CATALOG_OVERWRITE);
    for (int i = 0; i < 12; i++) {
        CLEANUP_FREE char *rows = xasprintf("[{\"n\":%d},{\"n\":%d}]", i, i);
        if (i == 4)
            catalog_delete_dataset(cat, "a", on_done, &ends[i]);
        else if (i == 6)
            catalog_put_dataset(cat, "a", "p", NULL, str_z(rows), NULL, 7, CATALOG_NO_CONFLICT,
                                on_dataset, &ends[i]);
        else if (i == 9)
            catalog_put_dataset(cat, "a", "p", NULL, STR("[]"), NULL, 9, CATALOG_OVERWRITE,
                                on_dataset, &ends[i]);
        else
            catalog_append_rows(cat, "a", str_z(rows), i == 10 ? 8 : 7, on_done, &ends[i]);
    }
    for (int i = 0; i < 12; i++)
        memstore_settle(store);
    for (int i = 0; i < 12; i++) {
        is_int(ends[i].calls, 1, "done is called once");
        is_int(ends[i].err.code,
               i == 5 ? ERR_INVALID : i == 9 ? ERR_DENIED : i == 10 ? ERR_CONFLICT : ERR_NONE,
               "number %d", i);
        free(ends[i].id);
    }
    holds("a", "{\"n\":6}\n{\"n\":6}\n{\"n\":7}\n{\"n\":7}\n{\"n\":8}\n{\"n\":8}\n"
          "{\"n\":11}\n{\"n\":11}\n", 8);
    int before = files();
    delete_dataset("a");
    is_int(files(), before - 1, "one file");
}

static void
test_order(void)
{
    struct end ends[4] = { 0 };
    const struct str none = { NULL, 0 };
    catalog_put_dataset(cat, "o", "p", NULL, STR("[{\"a\":1}]"), NULL, 7, CATALOG_NO_CONFLICT,
                        on_dataset, &ends[0]);
    catalog_put_dataset(cat, "o", "p", NULL, STR("[{\"a\":2}]"), NULL, 7, CATALOG_NO_CONFLICT,
                        on_dataset, &ends[1]);
    catalog_delete_dataset(cat, "o", on_done, &ends[2]);
    catalog_put_dataset(cat, "o", "p", "/x.csv", none, NULL, 7, CATALOG_NO_CONFLICT, on_dataset,
                        &ends[3]);
    ok(catalog_dataset(cat, "o") == NULL, "what is not on disk does not count");
    memstore_settle(store);
    ok(ends[0].good, "the first is registered");
    ok(!ends[1].good, "the second, at the same time, is in conflict with it");
    ok(ends[2].good, "then it is unregistered");
    ok(ends[3].good, "then there is another one");
    is_str(catalog_dataset(cat, "o")->uri, "/x.csv", "which stays");
    for (int i = 0; i < 4; i++) {
        is_int(ends[i].calls, 1, "done is called once");
        free(ends[i].id);
    }
    delete_dataset("o");
}

static void
put_of(uid_t owner, const char *rows, enum catalog_policy policy)
{
    catalog_put_dataset(cat, "w", "p", NULL, str_z(rows), NULL, owner, policy, on_dataset,
                        &last);
    memstore_settle(store);
}

static void
test_owners(void)
{
    put_of(20, "[{\"a\":1}]", CATALOG_OVERWRITE);
    good("the first owner");
    put_of(21, "[{\"a\":2}]", CATALOG_OVERWRITE);
    bad(ERR_DENIED, "dataset 'w' belongs to somebody else");
    put_of(21, "[{\"a\":1}]", CATALOG_NO_CONFLICT);
    good("the same thing again is no change, whoever it is");
    is_int(catalog_dataset(cat, "w")->owner, 20, "nor does the owner change");
    put_of(20, "[{\"a\":3}]", CATALOG_OVERWRITE);
    good("the owner overwrites it");
    put_of(21, "[{\"long\":4}]", CATALOG_OVERWRITE_ANY);
    good("and who may do so with all");
    is_int(catalog_dataset(cat, "w")->owner, 20, "it stays the first owner's");
    is_int(catalog_user_bytes(cat, 20), 11, "and counts as theirs");
    is_int(catalog_user_bytes(cat, 21), 0, "not as the other's");
    catalog_put_dataset(cat, "w2", "p", "data:text/csv,a", (struct str){ NULL, 0 }, NULL, 20,
                        CATALOG_OVERWRITE, on_dataset, &last);
    is_int(catalog_user_bytes(cat, 20), 11 + 15, "a uri counts, even before it is on disk");
    memstore_settle(store);
    is_int(catalog_user_bytes(cat, 20), 11 + 15, "and once");
    delete_dataset("w2");
    is_int(catalog_user_bytes(cat, 20), 11, "what is deleted does not count");

    struct end ends[3] = { 0 };
    catalog_delete_dataset(cat, "w", on_done, &ends[0]);
    catalog_put_dataset(cat, "w", "p", NULL, STR("[]"), NULL, 21, CATALOG_NO_CONFLICT,
                        on_dataset, &ends[1]);
    catalog_delete_dataset(cat, "w", on_done, &ends[2]);
    memstore_settle(store);
    ok(ends[0].good && ends[1].good, "deleted, and registered by somebody else");
    ok(!ends[2].good, "a deletion meant for the old one spares the new one");
    free(ends[1].id);
    delete_dataset("w");

    catalog_put_benchmark(cat, "wb", "d", NULL, NULL, NULL, NULL, 20, CATALOG_OVERWRITE,
                          on_done, &last);
    memstore_settle(store);
    put_benchmark("wb", "other", NULL, CATALOG_OVERWRITE);
    bad(ERR_DENIED, "benchmark 'wb' belongs to somebody else");
    put_benchmark("wb", "other", NULL, CATALOG_OVERWRITE_ANY);
    good("overwritten by who may");
    is_int(catalog_benchmark(cat, "wb")->owner, 20, "it stays its owner's");
    catalog_delete_benchmark(cat, "wb", on_done, &last);
    memstore_settle(store);
    good("unregistered");
}

static void
test_benchmarks(void)
{
    put_benchmark("b", "r", NULL, CATALOG_NO_CONFLICT);
    good("registered");
    const struct benchmark *b = catalog_benchmark(cat, "b");
    is_str(b->provider_id, "meta-reference", "the provider");
    is_str(b->provider_benchmark_id, "b", "its id there");
    is_int(b->owner, 8, "the owner");
    put_benchmark("b", "r", "builtin", CATALOG_NO_CONFLICT);
    good("the same by the provider's other name");
    put_benchmark("b", "r", "meta-reference", CATALOG_NO_CONFLICT);
    good("and by its first");
    put_benchmark("b", "s", NULL, CATALOG_NO_CONFLICT);
    bad(ERR_INVALID, "Benchmark 'b' already exists with different content; unregister it first");
    put_benchmark("b", "s", NULL, CATALOG_OVERWRITE);
    good("overwritten");
    is_str(catalog_benchmark(cat, "b")->dataset_id, "s", "with the new data set");
    put_benchmark("b", "s", "nvidia", CATALOG_OVERWRITE);
    bad(ERR_INVALID, "Provider `nvidia` not found");
    put_benchmark("a/b", "s", NULL, CATALOG_OVERWRITE);
    bad(ERR_INVALID, "benchmark id 'a/b' must not contain '/': it could not be addressed");
    put_benchmark("", "s", NULL, CATALOG_OVERWRITE);
    bad(ERR_INVALID, "a benchmark's id must not be empty");
    catalog_delete_benchmark(cat, "nope", on_done, &last);
    memstore_settle(store);
    bad(ERR_INVALID, "Benchmark 'nope' not found");
    put_benchmark("c", "s", NULL, CATALOG_OVERWRITE);
    catalog_delete_benchmark(cat, "b", on_done, &last);
    memstore_settle(store);
    good("unregistered");
    ok(catalog_benchmark(cat, "b") == NULL, "gone");
    is_str(catalog_benchmark_at(cat, 0)->id, "c", "the other one stays");
    ok(catalog_benchmark_at(cat, 1) == NULL, "alone");
}

static void
test_functions(void)
{
    store_put(store, "scoring_function", "llm-as-judge::mine", 9, STR("{\"plugin_id\":"
              "\"llm-as-judge::base\",\"provider_id\":\"llm-as-judge\",\"provider_resource_id\":"
              "\"mine\",\"description\":\"d\",\"params\":{\"judge_model\":\"m\"}}"), NULL, NULL);
    store_put(store, "scoring_function", "basic::subset_of", 9, STR("{\"plugin_id\":\"x::y\","
              "\"provider_id\":\"x\",\"provider_resource_id\":\"y\"}"), NULL, NULL);
    memstore_settle(store);
    reopen();
    const struct function *f = catalog_function(cat, "basic::subset_of");
    is_str(f->plugin_id, "basic::subset_of", "a plugin's own function comes first");
    is_str(f->provider_id, "basic", "provider_id");
    is_str(f->provider_resource_id, "subset-of", "provider_resource_id");
    is_str(f->description, "what it does", "the summary is the description");
    CLEANUP_FREE char *basic = json_text(f->params);
    is_str(basic, "{\"type\":\"basic\",\"aggregation_functions\":[\"average\"]}",
           "params of a plugin without defaults");
    ok(f->builtin, "it is built in");
    f = catalog_function(cat, "llm-as-judge::base");
    is_str(f->provider_resource_id, "llm-as-judge-base", "the judge's resource id");
    CLEANUP_FREE char *own = json_text(f->params);
    is_str(own, "{\"type\":\"llm_as_judge\"}", "params of a plugin with defaults");
    f = catalog_function(cat, "llm-as-judge::mine");
    ok(f != NULL && !f->builtin && f->owner == 9, "a registered one");
    is_str(f->plugin_id, "llm-as-judge::base", "its plugin");
    is_str(json_get_str(f->params, "judge_model", NULL), "m", "its params");
    ok(catalog_function(cat, "off::off") == NULL, "a disabled plugin makes no function");
    ok(catalog_function(cat, "source::s3") == NULL, "nor does one that is no scorer");
    is_str(catalog_function_at(cat, 0)->id, "basic::subset_of", "in the order of id");
    is_str(catalog_function_at(cat, 2)->id, "llm-as-judge::mine", "to the last");
    ok(catalog_function_at(cat, 3) == NULL, "three");
}

static struct function *
new_function(const char *id)
{
    struct function *f = xcalloc(1, sizeof *f);
    *f = (struct function){ .id = xstrdup(id), .plugin_id = xstrdup("llm-as-judge::base"),
                            .provider_id = xstrdup("llm-as-judge"),
                            .provider_resource_id = xstrdup("r"), .description = xstrdup("d"),
                            .return_type = json("{\"type\":\"string\"}"),
                            .params = json("{\"judge_model\":\"m\"}"),
                            .metadata = json_object_new_object(), .owner = 5 };
    return f;
}

static void
test_registered_functions(void)
{
    struct end first = { 0 }, second = { 0 };
    catalog_put_function(cat, new_function("a/b::c"), on_done, &first);
    is_int(first.calls, 0, "done comes later than the call");
    ok(catalog_function(cat, "a/b::c") == NULL, "and nobody sees it before");
    catalog_put_function(cat, new_function("a/b::c"), on_done, &second);
    memstore_settle(store);
    ok(first.calls == 1 && first.good, "a function is registered");
    ok(second.calls == 1 && !second.good, "its id is taken while it is");
    is_str(second.err.text, "Scoring function 'a/b::c' already exists", "why");
    is_str(catalog_function_at(cat, 0)->id, "a/b::c", "it stands in the order of id");
    catalog_put_function(cat, new_function("llm-as-judge::base"), on_done, &last);
    memstore_settle(store);
    bad(ERR_INVALID, "Scoring function 'llm-as-judge::base' already exists");

    reopen();
    const struct function *f = catalog_function(cat, "a/b::c");
    ok(f != NULL && !f->builtin && f->owner == 5, "it outlives a restart");
    CLEANUP_FREE char *type = json_text(f->return_type), *params = json_text(f->params);
    is_str(type, "{\"type\":\"string\"}", "with its return type");
    is_str(params, "{\"judge_model\":\"m\"}", "and its params");
    CLEANUP_JSON json_object *names = catalog_scoring_providers(cat);
    CLEANUP_FREE char *providers = json_text(names);
    is_str(providers, "[\"basic\",\"llm-as-judge\"]", "providers of plugins, each once");

    catalog_delete_function(cat, "basic::subset_of", on_done, &last);
    memstore_settle(store);
    bad(ERR_NOTSUP, "Scoring function 'basic::subset_of' is built in and cannot be unregistered");
    ok(catalog_function(cat, "basic::subset_of") != NULL, "it is still there");
    catalog_delete_function(cat, "nope", on_done, &last);
    memstore_settle(store);
    bad(ERR_INVALID, "Scoring function 'nope' not found");
    catalog_delete_function(cat, "a/b::c", on_done, &last);
    ok(catalog_function(cat, "a/b::c") != NULL, "a function goes when that is on disk");
    memstore_settle(store);
    good("unregistered");
    ok(catalog_function(cat, "a/b::c") == NULL, "gone");
    store->fail = ERR_IO;
    catalog_put_function(cat, new_function("x"), on_done, &last);
    memstore_settle(store);
    ok(!last.good && catalog_function(cat, "x") == NULL, "what the disk refuses is not there");
    catalog_put_function(cat, new_function("x"), on_done, &last);
    memstore_settle(store);
    good("its id is free again");
    catalog_delete_function(cat, "x", on_done, &last);
    memstore_settle(store);
}

static void
test_restart(void)
{
    put_rows("keep", "[{\"a\":1},{\"a\":2}]", "{\"deep\":{\"x\":[1.0]}}", CATALOG_OVERWRITE);
    put_uri("keep-uri", "/x.csv", NULL, CATALOG_OVERWRITE);
    tmp_write("datasets/01234567-89ab-4cde-8f01-23456789abcd.jsonl", "{}\n");
    tmp_write("datasets/README", "not ours");
    int n = files();
    reopen();
    is_int(files(), n - 1, "a file that no row names is removed, what is no such file is not");
    const struct dataset *ds = catalog_dataset(cat, "keep");
    is_int(ds->rows_count, 2, "rows are there after a restart");
    is_int(ds->owner, 7, "with their owner");
    CLEANUP_FREE char *text = content(ds), *m = json_text(ds->metadata);
    is_str(text, "{\"a\":1}\n{\"a\":2}\n", "their text");
    is_str(m, "{\"deep\":{\"x\":[1.0]}}", "and metadata");
    is_str(catalog_dataset(cat, "keep-uri")->uri, "/x.csv", "so is a uri");
    is_str(catalog_benchmark_at(cat, 0)->dataset_id, "s", "and a benchmark");
    put_rows("keep", "[{\"a\":1},{\"a\":2}]", "{\"deep\":{\"x\":[1.0]}}", CATALOG_NO_CONFLICT);
    good("which is the same still");

    store_put(store, "dataset", "bad", 0, STR("{\"purpose\":\"p\",\"provider_id\":\"l\","
              "\"rows_file\":\"../../etc/passwd\",\"rows_bytes\":1,\"rows_count\":1}"), NULL, NULL);
    memstore_settle(store);
    struct catalog *c = catalog_open(store, &plugins, &err);
    ok(c == NULL, "a catalogue that cannot be read does not lose data sets in silence");
    is_str(err.text, "catalogue: dataset 'bad' cannot be read: a member is missing", "it says why");
    is_int(files(), n - 1, "and removes no file");
    catalog_free(c);
}

int
main(void)
{
    struct ev_loop *loop = ev_loop_new(0);
    log_set_level(LOG_LEVEL_ERROR);
    add_plugin("basic::subset_of", PLUGIN_SCORER, NULL, NULL);
    add_plugin("llm-as-judge::base", PLUGIN_SCORER, "{\"type\":\"llm_as_judge\"}", NULL);
    add_plugin("off::off", PLUGIN_SCORER, NULL, "declared by two");
    add_plugin("source::s3", PLUGIN_SOURCE, NULL, NULL);
    add_plugin("source::off", PLUGIN_SOURCE, NULL, "declared by two");
    store = store_open(loop, tmpdir(), &err);
    cat = catalog_open(store, &plugins, &err);
    ok(cat != NULL, "an empty catalogue");
    test_rows();
    test_many_rows();
    test_uri();
    test_delete();
    test_failures();
    test_append();
    test_append_after_crash();
    test_append_fails();
    test_append_order();
    test_order();
    test_owners();
    test_benchmarks();
    test_functions();
    test_registered_functions();
    test_restart();
    catalog_free(cat);
    store_free(store);
    ev_loop_destroy(loop);
    free(last.id);
    for (size_t i = 0; i < plugins.n; i++) {
        json_object_put(plugins.v[i].params_default);
        json_object_put(plugins.v[i].return_type);
    }
    return tap_done();
}
