#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/dataset.h"
#include "daemon/pull.h"
#include "daemon/rowsfile.h"
#include "daemon/sources.h"
#include "daemon/url.h"

#define AT_ONCE    8 /* fetches; others wait for their turn */
#define OF_OWNER   4 /* of them, for the data sets of one user */
#define KEEP_ERR_S 600 /* why a fetch failed that nobody waited for */
#define URI_SHOWN  200

struct sources_wait {
    struct sources_wait *next, **link_to_this;
    struct fetch *fetch;
    sources_ready_fn *ready;
    void *arg;
    ev_timer timer;
};

/* One registration's. */
struct fetch {
    struct fetch *next, **link_to_this;
    struct sources *s;
    char *id, *uri;
    uint64_t serial;
    uid_t owner;
    char *url;    /* NULL: of a plugin */
    char *plugin; /* NULL: of HTTP */
    enum {
        WAITS,
        RUNS,
        KEEPS, /* a thread has it, it cannot be given up */
        ENDED,
        FAILED, /* err is for who asks next */
    } state;
    int64_t failed_ns;
    struct sources_wait *waits;
    char *part;   /* name of the file that is being filled; NULL: none, or no more ours */
    int fd;
    struct gate_fetch *from_gate;
    struct pull *from_plugin;
    struct fetched how;
    struct err err;
};

struct sources {
    struct runner_context cx;
    struct catalog *catalog;
    struct store *store;
    struct worker *worker; /* waits for disks, so that the store's thread need not */
    struct fetch *fetches; /* oldest first */
    int running;
    bool stopping;
};

/* ---- the end ---- */

static void
drop_part(struct fetch *f)
{
    CLEANUP_FREE char *part = TAKE(f->part);
    CLEANUP_FREE char *path = part != NULL ? xasprintf(ROWSFILE_DIR "/%s", part) : NULL;
    if (path != NULL && unlinkat(store_dir(f->s->store), path, 0) < 0)
        log_warning("cannot remove what was being fetched file=%s: %m", path);
}

static void
fetch_free(struct fetch *f)
{
    gate_fetch_cancel(f->from_gate);
    pull_cancel(f->from_plugin);
    drop_part(f);
    *f->link_to_this = f->next;
    if (f->next != NULL)
        f->next->link_to_this = f->link_to_this;
    mem_cleanup_close(&f->fd);
    free(f->how.file);
    free(f->how.etag);
    free(f->how.modified);
    free(f->id);
    free(f->uri);
    free(f->url);
    free(f->plugin);
    free(f);
}

static void kick(struct sources *s);

static void
wait_free(struct sources_wait *w)
{
    ev_timer_stop(w->fetch->s->cx.loop, &w->timer);
    *w->link_to_this = w->next;
    if (w->next != NULL)
        w->next->link_to_this = w->link_to_this;
    free(w);
}

/* Tells all who wait.  err NULL: it can be opened. */
static void
fetch_end(struct fetch *f, const struct err *err)
{
    struct sources *s = f->s;
    bool told = err == NULL || s->stopping || f->waits != NULL;
    if (f->state != WAITS)
        s->running--;
    f->state = ENDED; /* nobody joins it */
    if (err != NULL)
        log_info("data set cannot be fetched id=%s error=%s", f->id, err_code_name(err->code));
    while (f->waits != NULL) {
        struct sources_wait *w = f->waits;
        sources_ready_fn *ready = w->ready;
        void *arg = w->arg;
        wait_free(w);
        ready(arg, err);
    }
    if (told) {
        fetch_free(f);
    } else {
        f->state = FAILED;
        f->failed_ns = time_mono_ns();
        f->err = *err;
        drop_part(f);
    }
    if (!s->stopping)
        kick(s);
}

static void
on_gone(void *arg, const struct dataset *was)
{
    struct sources *s = arg;
    struct fetch *f = s->fetches;
    struct err err;
    while (f != NULL && (f->state == ENDED || f->serial != was->serial
                         || strcmp(f->id, was->id) != 0))
        f = f->next;
    if (f == NULL || f->state == KEEPS)
        return;
    err_set(&err, ERR_CONFLICT, "data set '%.200s' was registered anew, or deleted, while it was "
            "fetched", f->id);
    if (f->state != FAILED && f->waits != NULL) {
        fetch_end(f, &err);
        return;
    }
    log_info("fetch given up: the data set is gone id=%s", f->id);
    s->running -= f->state == RUNS;
    fetch_free(f);
    kick(s);
}

/* ---- one fetch ---- */

static void
on_kept(void *arg, const struct err *err)
{
    struct fetch *f = arg;
    if (err == NULL)
        log_info("data set fetched id=%s bytes=%lld file=%s", f->id, (long long)f->how.bytes,
                 f->how.file);
    fetch_end(f, err);
}

static void
run_sync(void *arg)
{
    struct fetch *f = arg;
    /* close() too: some file systems only find there that the disk is full */
    if (fsync(f->fd) < 0 || close(TAKE_FD(f->fd)) < 0)
        err_set(&f->err, err_from_errno(errno) == ERR_NOSPACE ? ERR_NOSPACE : ERR_IO,
                "%.*s: cannot be kept: %m", URI_SHOWN, f->uri);
}

static void
end_sync(void *arg)
{
    struct fetch *f = arg;
    if (f->err.code != ERR_NONE) {
        fetch_end(f, &f->err);
        return;
    }
    CLEANUP_FREE char *part = TAKE(f->part); /* the catalogue's from here on */
    catalog_put_fetched(f->s->catalog, f->id, f->serial, part, &f->how, on_kept, f);
}

/* ".csv" of "text/csv; charset=utf-8"; NULL: of no type that is known. */
static const char *
ending_of_type(const char *type)
{
    static const struct {
        const char *type, *ending;
    } all[] = { { "text/csv", ".csv" },
                { "application/jsonl", ".jsonl" },
                { "application/x-ndjson", ".jsonl" },
                { "application/json", ".json" } };
    size_t n = type != NULL ? strcspn(type, "; \t") : 0;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (strlen(all[i].type) == n && strncasecmp(all[i].type, type, n) == 0)
            return all[i].ending;
    return NULL;
}

/* By the end of its path, whatever query stands behind it. */
static const char *
ending_of_url(const char *url)
{
    CLEANUP_FREE char *path = xstrndup(url, strcspn(url, "?"));
    return dataset_ending(path);
}

static void
on_fetched(void *arg, const struct gate_fetched *how, const struct err *err)
{
    struct fetch *f = arg;
    f->from_gate = NULL;
    f->from_plugin = NULL;
    if (err != NULL) {
        fetch_end(f, err);
        return;
    }
    const char *ending = f->url == NULL ? ".jsonl" : ending_of_url(f->url);
    if (ending == NULL)
        ending = ending_of_type(how->type);
    if (ending == NULL) { /* the gateway was told to let no other pass */
        struct err why;
        err_set(&why, ERR_INVALID, "Unsupported file type: %.*s", URI_SHOWN, f->uri);
        fetch_end(f, &why);
        return;
    }
    f->how = (struct fetched){
        .file = xasprintf("%s%s", how->sha256, ending),
        .bytes = how->size,
        .etag = how->etag != NULL ? xstrdup(how->etag) : NULL,
        .modified = how->modified != NULL ? xstrdup(how->modified) : NULL,
        .unix_ms = time_unix_ms(),
    };
    f->state = KEEPS;
    worker_run(f->s->worker, run_sync, end_sync, f);
}

static int
start_http(struct fetch *f, struct err *err)
{
    static const char *const types[] = { "text/csv", "application/jsonl",
                                         "application/x-ndjson", "application/json", NULL };
    const struct conf *conf = f->s->cx.conf;
    struct gate_order order = {
        .url = f->url, .origins = conf->dataset_hosts, .max = conf->max_fetch_bytes,
        .types = ending_of_url(f->url) == NULL ? types : NULL,
        .timeout_ms = conf->fetch_timeout_ms, .stall_ms = conf->fetch_stall_ms,
    };
    int fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return err_set(err, ERR_IO, "descriptor: %m");
    f->from_gate = gate_fetch(f->s->cx.gate, &order, fd, on_fetched, f, err);
    return f->from_gate != NULL ? 0 : -1;
}

static int
start(struct fetch *f, struct err *err)
{
    CLEANUP_FREE char *part = rowsfile_part_name();
    CLEANUP_FREE char *path = xasprintf(ROWSFILE_DIR "/%s", part);
    f->fd = openat(store_dir(f->s->store), path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (f->fd < 0)
        return err_set(err, ERR_IO, "%s: %m", path);
    f->part = TAKE(part);
    if (f->url != NULL)
        return start_http(f, err);
    struct pull_order order = { f->plugin, f->uri, f->fd, f->s->worker };
    f->from_plugin = pull_start(&f->s->cx, &order, on_fetched, f, err);
    return f->from_plugin != NULL ? 0 : -1;
}

/* Nobody's slow servers keep all others waiting. */
static bool
has_turn(const struct fetch *f)
{
    int of_owner = 0;
    for (const struct fetch *other = f->s->fetches; other != NULL; other = other->next)
        of_owner += other->owner == f->owner && (other->state == RUNS || other->state == KEEPS);
    return f->state == WAITS && of_owner < OF_OWNER;
}

/* Starts what may start; what cannot is told so later. */
static void
kick(struct sources *s)
{
    for (struct fetch *f = s->fetches; f != NULL && s->running < AT_ONCE; f = f->next) {
        if (!has_turn(f))
            continue;
        f->state = RUNS;
        s->running++;
        if (start(f, &f->err) < 0) {
            f->state = KEEPS;
            worker_run(s->worker, NULL, end_sync, f);
        }
    }
}

/* ---- what is asked for ---- */

/* Fills url or plugin. */
static int
check(struct fetch *f, const struct dataset *ds, struct err *err)
{
    const struct runner_context *cx = &f->s->cx;
    if (strcmp(ds->provider_id, "localfs") != 0) {
        f->plugin = xasprintf("source::%s", ds->provider_id);
        return plugins_find(cx->plugins, f->plugin, PLUGIN_SOURCE, err) != NULL ? 0 : -1;
    }
    CLEANUP_FREE char *origin = NULL;
    const char *why = url_take_apart(ds->uri, &f->url, &origin);
    if (why != NULL)
        return err_set(err, ERR_INVALID, "%.*s: %s", URI_SHOWN, ds->uri, why);
    if (!url_allowed(cx->conf->dataset_hosts, origin))
        return err_set(err, ERR_INVALID, "%.*s: nothing is fetched from %.*s: evald.conf does "
                       "not name it in dataset.hosts", URI_SHOWN, ds->uri, URI_SHOWN, origin);
    return 0;
}

static struct fetch *
fetch_new(struct sources *s, const struct dataset *ds, struct err *err)
{
    struct fetch *f = xcalloc(1, sizeof *f), **end = &s->fetches;
    f->s = s;
    f->id = xstrdup(ds->id);
    f->uri = xstrdup(ds->uri);
    f->serial = ds->serial;
    f->owner = ds->owner;
    f->fd = -1;
    while (*end != NULL)
        end = &(*end)->next;
    f->link_to_this = end;
    *end = f;
    if (check(f, ds, err) == 0)
        return f;
    fetch_free(f);
    return NULL;
}

static bool
is_there(const struct sources *s, const struct dataset *ds)
{
    if (ds->fetched.file == NULL)
        return false;
    CLEANUP_FREE char *path = xasprintf(ROWSFILE_DIR "/%s", ds->fetched.file);
    return faccessat(store_dir(s->store), path, F_OK, 0) == 0;
}

/* That of this registration; NULL: none yet. */
static struct fetch *
find(const struct sources *s, const struct dataset *ds)
{
    struct fetch *f = s->fetches;
    while (f != NULL && (f->state == ENDED || f->serial != ds->serial
                         || strcmp(f->id, ds->id) != 0))
        f = f->next;
    return f;
}

static void
on_time(struct ev_loop *loop, ev_timer *t, int events)
{
    (void)loop;
    (void)events;
    struct sources_wait *w = t->data;
    const struct fetch *f = w->fetch;
    sources_ready_fn *ready = w->ready;
    void *arg = w->arg;
    struct err err;
    struct stat st;
    if (f->state == RUNS && fstat(f->fd, &st) == 0)
        err_set(&err, ERR_NOT_READY, "%.*s: is being fetched, %jd bytes so far: ask again",
                URI_SHOWN, f->uri, (intmax_t)st.st_size);
    else
        err_set(&err, ERR_NOT_READY, "%.*s: %s: ask again", URI_SHOWN, f->uri,
                f->state == KEEPS ? "is fetched, and being written to disk"
                                  : "waits for its turn to be fetched");
    wait_free(w);
    ready(arg, &err);
}

struct sources_wait *
sources_get(struct sources *s, const struct dataset *ds, int wait_ms, sources_ready_fn *ready,
            void *arg)
{
    struct err err;
    if (!dataset_is_remote(ds) || is_there(s, ds)) {
        ready(arg, NULL);
        return NULL;
    }
    struct fetch *f = find(s, ds);
    bool failed = f != NULL && f->state == FAILED;
    int64_t age_ns = failed ? time_mono_ns() - f->failed_ns : 0;
    if (failed) {
        err = f->err;
        fetch_free(TAKE(f));
    }
    if (s->stopping) {
        err_set(&err, ERR_SHUTDOWN, "evald is stopping");
        f = NULL;
    } else if (f == NULL && (!failed || age_ns > KEEP_ERR_S * INT64_C(1000000000))) {
        f = fetch_new(s, ds, &err);
    }
    if (f == NULL) {
        ready(arg, &err);
        return NULL;
    }
    struct sources_wait *w = xcalloc(1, sizeof *w);
    *w = (struct sources_wait){ .next = f->waits, .link_to_this = &f->waits, .fetch = f,
                                .ready = ready, .arg = arg };
    ev_timer_init(&w->timer, on_time, wait_ms / 1e3, 0.);
    w->timer.data = w;
    ev_timer_start(s->cx.loop, &w->timer);
    if (w->next != NULL)
        w->next->link_to_this = &w->next;
    f->waits = w;
    if (f->state == WAITS)
        kick(s);
    return w;
}

void
sources_unwait(struct sources_wait *w)
{
    if (w != NULL)
        wait_free(w);
}

/* ---- life ---- */

struct sources *
sources_new(const struct runner_context *cx, struct catalog *catalog, struct store *store)
{
    struct sources *s = xcalloc(1, sizeof *s);
    s->cx = *cx;
    s->catalog = catalog;
    s->store = store;
    s->worker = worker_new(cx->loop, "evald-fetch");
    catalog_on_gone(catalog, on_gone, s);
    return s;
}

void
sources_stop(struct sources *s)
{
    struct err err;
    if (s == NULL || s->stopping)
        return;
    s->stopping = true;
    err_set(&err, ERR_SHUTDOWN, "evald is stopping");
    for (struct fetch *f = s->fetches, *next; f != NULL; f = next) {
        next = f->next;
        if (f->state == WAITS || f->state == RUNS)
            fetch_end(f, &err);
    }
}

void
sources_free(struct sources *s)
{
    if (s == NULL)
        return;
    sources_stop(s);
    catalog_on_gone(s->catalog, NULL, NULL);
    /* what is being kept goes from one thread to the other */
    worker_drain(s->worker);
    worker_drain(store_worker(s->store));
    worker_free(s->worker);
    while (s->fetches != NULL)
        fetch_free(s->fetches);
    free(s);
}
