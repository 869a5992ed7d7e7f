/* Who waits for a fetch, and what becomes of it: sources.c with a gateway, a plugin and a
 * catalogue that do as the test says. */
#include "config.h"

#include <dirent.h>
#include <ev.h>

#include "daemon/dataset.h"
#include "daemon/pull.h"
#include "daemon/rowsfile.h"
#include "daemon/sources.h"
#include "tap.h"
#include "tmpdir.h"

/* ---- the others ---- */

struct gate_fetch {
    gate_fetched_fn *done;
    void *arg;
    char url[100];
    bool typed;
    int fd;
};
static struct gate_fetch fetches[64];
static int n_fetches, n_cancelled, state_dir;
static bool gate_refuses;
static struct worker *store_thread;

struct gate_fetch *
gate_fetch(struct gate *g, const struct gate_order *o, int fd, gate_fetched_fn *done, void *arg,
           struct err *err)
{
    (void)g;
    struct gate_fetch *f = &fetches[n_fetches++];
    if (gate_refuses) {
        close(fd);
        return ERR_NULL(err, ERR_IO, "out of descriptors");
    }
    *f = (struct gate_fetch){ .done = done, .arg = arg, .typed = o->types != NULL, .fd = fd };
    snprintf(f->url, sizeof f->url, "%s", o->url);
    return f;
}

void
gate_fetch_cancel(struct gate_fetch *f)
{
    if (f == NULL)
        return;
    n_cancelled++;
    close(f->fd);
}

struct pull {
    int n;
};
static struct pull the_pull;
static gate_fetched_fn *pull_done;
static void *pull_arg;

struct pull *
pull_start(const struct runner_context *cx, const struct pull_order *o, gate_fetched_fn *done,
           void *arg, struct err *err)
{
    (void)cx;
    (void)err;
    is_str(o->plugin, "source::test", "the plugin of the provider is run");
    pull_done = done;
    pull_arg = arg;
    return &the_pull;
}

void
pull_cancel(struct pull *p)
{
    n_cancelled += p != NULL;
}

const struct plugin *
plugins_find(struct plugins *p, const char *id, enum plugin_kind kind, struct err *err)
{
    static const struct plugin test;
    (void)p;
    (void)kind;
    if (strcmp(id, "source::test") == 0)
        return &test;
    return ERR_NULL(err, ERR_INVALID, "there is no plugin '%s'", id);
}

static char kept[200];
static uint64_t kept_serial;
static struct err keeping;

static void
run_keep(void *arg)
{
    (void)arg;
}

struct keep {
    catalog_done_fn *done;
    void *arg;
};

static void
end_keep(void *arg)
{
    struct keep k = *(struct keep *)arg;
    free(arg);
    k.done(k.arg, keeping.code != ERR_NONE ? &keeping : NULL);
}

void
catalog_put_fetched(struct catalog *c, const char *id, uint64_t serial, const char *part,
                    const struct fetched *how, catalog_done_fn *done, void *arg)
{
    (void)c;
    struct keep *k = xmalloc(sizeof *k);
    *k = (struct keep){ done, arg };
    snprintf(kept, sizeof kept, "%s %.4s%s %lld", id, how->file, how->file + 64,
             (long long)how->bytes);
    kept_serial = serial;
    CLEANUP_FREE char *path = xasprintf(ROWSFILE_DIR "/%s", part);
    unlinkat(state_dir, path, 0);
    worker_run(store_thread, run_keep, end_keep, k);
}

static catalog_gone_fn *gone;
static void *gone_arg;

void
catalog_on_gone(struct catalog *c, catalog_gone_fn *fn, void *arg)
{
    (void)c;
    gone = fn;
    gone_arg = arg;
}

bool
dataset_is_remote(const struct dataset *ds)
{
    return ds->uri != NULL;
}

const char *
dataset_ending(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL && strcmp(dot, ".csv") == 0 ? ".csv" : NULL;
}

char *
rowsfile_part_name(void)
{
    static int n;
    return xasprintf("%d.part", ++n);
}

int
store_dir(const struct store *s)
{
    (void)s;
    return state_dir;
}

struct worker *
store_worker(struct store *s)
{
    (void)s;
    return store_thread;
}

/* ---- the tests ---- */

static struct ev_loop *loop;
static struct sources *sources;
static int n_ready, n_failed;
static struct err last;

static void
on_ready(void *arg, const struct err *err)
{
    (void)arg;
    n_ready++;
    n_failed += err != NULL;
    last = err != NULL ? *err : (struct err){ .code = ERR_NONE };
}

static struct sources_wait *
ask(const struct dataset *ds)
{
    return sources_get(sources, ds, 600000, on_ready, NULL);
}

static struct dataset
set(const char *id, const char *uri, uint64_t serial)
{
    return (struct dataset){ .id = (char *)id, .uri = (char *)uri, .serial = serial,
                             .provider_id = (char *)"localfs" };
}

static void
reset(void)
{
    n_fetches = n_cancelled = n_ready = n_failed = 0;
    kept[0] = '\0';
    last = keeping = (struct err){ .code = ERR_NONE };
}

static void
until_ready(int n)
{
    for (int i = 0; i < 10000 && n_ready < n; i++)
        ev_run(loop, EVRUN_ONCE);
    is_int(n_ready, n, "%d were told", n);
}

static void
fetched(int i, const char *type)
{
    struct gate_fetched how = { .size = 7, .type = type };
    memset(how.sha256, 'a', 64);
    close(fetches[i].fd);
    fetches[i].done(fetches[i].arg, &how, NULL);
}

static int
count_files(void)
{
    int n = 0;
    DIR *d = opendir(tmp("datasets"));
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void
test_one(void)
{
    reset();
    struct dataset rows = set("r", NULL, 1), ds = set("d", "http://h/x.csv?y", 5);
    ok(ask(&rows) == NULL && n_ready == 1 && n_failed == 0,
       "what is here is ready at once");
    ok(ask(&ds) != NULL, "what is elsewhere is not");
    ok(ask(&ds) != NULL, "a second one waits too");
    is_int(n_fetches, 1, "for the same fetch");
    is_str(fetches[0].url, "http://h/x.csv?y", "of the url");
    ok(!fetches[0].typed, "whose path tells the format");
    is_int(count_files(), 1, "into a file");
    fetched(0, "text/html");
    is_int(n_ready, 1, "it is kept first");
    until_ready(3);
    is_int(n_failed, 0, "it went well");
    is_str(kept, "d aaaa.csv 7", "under the name of its content");
    is_int(kept_serial, 5, "for that registration");
    is_int(count_files(), 0, "nothing else is left");
}

static void
test_types(void)
{
    static const char *const types[][2] = {
        { "text/csv", "d aaaa.csv 7" }, { "Application/JSONL; x=y", "d aaaa.jsonl 7" },
        { "application/x-ndjson", "d aaaa.jsonl 7" }, { "application/json", "d aaaa.json 7" },
        { "text/csvx", "" }, { NULL, "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        reset();
        struct dataset ds = set("d", "http://h/x", 1);
        ask(&ds);
        ok(fetches[0].typed, "the gateway is told which types may come");
        fetched(0, types[i][0]);
        until_ready(1);
        is_str(kept, types[i][1], "of type %s", types[i][0] != NULL ? types[i][0] : "none");
        is_int(last.code, types[i][1][0] != '\0' ? ERR_NONE : ERR_INVALID, "as it should");
    }
}

static void
test_refused(void)
{
    reset();
    struct dataset other = set("d", "http://evil/x.csv", 1), bad = set("e", "http://u@h/x", 1);
    ok(ask(&other) == NULL && last.code == ERR_INVALID,
       "another host is refused at once: %s", last.text);
    ok(ask(&bad) == NULL && last.code == ERR_INVALID,
       "so is a bad url: %s", last.text);
    struct dataset nobody = set("f", "x://y", 1);
    nobody.provider_id = (char *)"nobody";
    ok(ask(&nobody) == NULL && last.code == ERR_INVALID,
       "and a provider that has gone: %s", last.text);
    is_int(n_fetches, 0, "nothing was asked for");
    gate_refuses = true;
    struct dataset ds = set("d", "http://h/x.csv", 1);
    ok(ask(&ds) != NULL && n_ready == 3,
       "what cannot be started is told later");
    gate_refuses = false;
    until_ready(4);
    is_int(last.code, ERR_IO, "with the reason");
    is_int(count_files(), 0, "no file is left");
}

static void
fail(int i, enum err_code code)
{
    struct err err;
    err_set(&err, code, "no");
    close(fetches[i].fd);
    fetches[i].done(fetches[i].arg, NULL, &err);
}

static void
test_giving_up(void)
{
    reset();
    struct dataset ds = set("d", "http://h/x.csv", 1), again = set("d", "http://h/x.csv", 2);
    struct sources_wait *a = ask(&ds), *b = ask(&ds);
    ask(&again);
    is_int(n_fetches, 2, "another registration is another fetch");
    sources_unwait(a);
    sources_unwait(b);
    is_int(n_cancelled, 0, "it goes on when nobody waits");
    a = ask(&ds);
    is_int(n_fetches, 2, "who comes then waits for the same");
    sources_unwait(a);
    gone(gone_arg, &ds);
    is_int(n_cancelled, 1, "it is given up when its registration ends");
    is_int(n_ready, 0, "and only that");
    gone(gone_arg, &again);
    is_int(n_cancelled, 2, "so is one that somebody waits for");
    ok(n_ready == 1 && last.code == ERR_CONFLICT, "who is told: %s", last.text);
    is_int(count_files(), 0, "no file is left");
    gone(gone_arg, &again); /* nothing is fetched for it */
    a = ask(&ds);
    fetched(2, NULL);
    sources_unwait(a);
    gone(gone_arg, &ds); /* the catalogue is about to have it, and refuses it itself */
    worker_drain(store_thread);
    for (int i = 0; i < 10000 && kept[0] == '\0'; i++)
        ev_run(loop, EVRUN_ONCE);
    is_str(kept, "d aaaa.csv 7", "what is there is kept, wanted or not");
    is_int(n_ready, 1, "and nobody is told");
    worker_drain(store_thread);
}

static void
test_patience(void)
{
    reset();
    struct dataset ds = set("d", "http://h/x.csv", 7);
    ok(sources_get(sources, &ds, 1, on_ready, NULL) != NULL, "somebody does not wait for long");
    if (write(fetches[0].fd, "abc", 3) < 0)
        n_failed += 100;
    until_ready(1);
    is_int(last.code, ERR_NOT_READY, "and is told that it is not there yet");
    is_str(last.text, "http://h/x.csv: is being fetched, 3 bytes so far: ask again", "and how far");
    is_int(n_cancelled, 0, "the fetch goes on");
    fail(0, ERR_REMOTE);
    is_int(n_ready, 1, "nobody hears that it fails");
    is_int(count_files(), 0, "no file is left");
    ok(ask(&ds) == NULL && n_ready == 2 && last.code == ERR_REMOTE, "but who asks next");
    ok(ask(&ds) != NULL, "after that it is fetched again");
    is_int(n_fetches, 2, "by another fetch");
    fetched(1, NULL);
    until_ready(3);
    is_int(last.code, ERR_NONE, "which may go well");
    sources_unwait(ask(&ds));
    fail(2, ERR_TIMEOUT);
    gone(gone_arg, &ds);
    ok(ask(&ds) != NULL, "what is not registered any more has no failure");
    gone(gone_arg, &ds);
}

static void
test_many(void)
{
    reset();
    struct sources_wait *w[12];
    for (int i = 0; i < 12; i++) {
        char id[16];
        snprintf(id, sizeof id, "d%d", i);
        struct dataset ds = set(id, "http://h/x.csv", 1);
        ds.owner = i < 6 ? 0 : i < 10 ? 1 : 2;
        w[i] = ask(&ds);
    }
    is_int(n_fetches, 8, "eight at once, four for each owner: the third must wait");
    sources_unwait(w[11]);
    struct dataset late = set("d10", "http://h/x.csv", 1), first = set("d0", "http://h/x.csv", 1);
    ok(sources_get(sources, &late, 1, on_ready, NULL) != NULL, "somebody waits for a turn");
    until_ready(1);
    is_str(last.text, "http://h/x.csv: waits for its turn to be fetched: ask again", "in vain");
    gone(gone_arg, &first);
    is_int(n_fetches, 9, "another takes the place of one that is given up");
    fail(1, ERR_REMOTE);
    is_int(n_fetches, 10, "and of one that failed");
    is_int(last.code, ERR_REMOTE, "whose caller is told");
}

static void
test_plugin_and_stop(void)
{
    int before = n_ready;
    struct dataset ds = set("p", "test://x", 1);
    ds.provider_id = (char *)"test";
    ask(&ds);
    ok(pull_done == NULL, "a plugin waits for its turn, too");
    sources_stop(sources);
    is_int(n_ready - before, 10, "who waits at the end is told");
    is_int(last.code, ERR_SHUTDOWN, "that evald stops");
    ok(ask(&ds) == NULL && last.code == ERR_SHUTDOWN,
       "and so is who comes then");
    is_int(count_files(), 0, "no file is left");
    sources_free(sources);
}

static void
test_plugin(const struct runner_context *cx)
{
    reset();
    sources = sources_new(cx, NULL, NULL);
    struct dataset ds = set("p", "test://x.csv", 3);
    ds.provider_id = (char *)"test";
    ask(&ds);
    struct gate_fetched how = { .size = 9 };
    memset(how.sha256, 'b', 64);
    pull_done(pull_arg, &how, NULL);
    until_ready(1);
    is_str(kept, "p bbbb.jsonl 9", "what a plugin gives is JSONL, whatever the uri's end");
    err_set(&keeping, ERR_CONFLICT, "gone");
    ask(&ds);
    pull_done(pull_arg, &how, NULL);
    until_ready(2);
    is_int(last.code, ERR_CONFLICT, "that it could not be kept is told");
    sources_free(sources);
}

int
main(void)
{
    char *hosts[] = { (char *)"http://h", NULL };
    struct conf conf = { .dataset_hosts = hosts };
    loop = ev_loop_new(EVFLAG_AUTO);
    ev_ref(loop); /* workers alone keep no loop running */
    mkdir(tmp("datasets"), 0700);
    state_dir = open(tmpdir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    store_thread = worker_new(loop, "store");
    struct runner_context cx = { .loop = loop, .conf = &conf };
    sources = sources_new(&cx, NULL, NULL);
    test_one();
    test_types();
    test_refused();
    test_giving_up();
    test_patience();
    test_many();
    test_plugin_and_stop();
    test_plugin(&cx);
    worker_free(store_thread);
    close(state_dir);
    ev_unref(loop);
    ev_loop_destroy(loop);
    return tap_done();
}
