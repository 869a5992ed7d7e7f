#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/frame.h"
#include "common/io.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/child.h"
#include "daemon/gate.h"

#define RESTART_MIN_S 0.05
#define RESTART_MAX_S 5.0
#define STEADY_NS     10000000000 /* alive that long: the next restart is prompt again */
#define FETCH_TRIES   3           /* gateways that may die at it */

struct gate_user {
    struct gate *gate;
    struct gate_user *next, **link_to_this;
    char *job;
    gate_relinked_fn *relinked;
    void *arg;
};

struct gate_fetch {
    struct gate *gate;
    struct gate_fetch *next, **link_to_this;
    uint64_t tag;
    int fd, tries;
    struct text head; /* of FETCH */
    gate_fetched_fn *done;
    void *arg;
};

struct gate {
    struct ev_loop *loop;
    const struct conf *conf;
    char *path;
    struct child *child;
    struct link *link;
    ev_io readable, writable;
    ev_timer restart;
    double restart_s;
    int64_t started_ns;
    uint64_t n_links, n_fetches;
    struct gate_user *users;
    struct gate_fetch *fetches;
};

static void gate_lost(struct gate *g);

static void
flush(struct gate *g)
{
    if (g->link == NULL)
        return;
    if (link_flush(g->link, NULL) < 0) {
        gate_lost(g);
        return;
    }
    if (link_pending(g->link) > 0)
        ev_io_start(g->loop, &g->writable);
    else
        ev_io_stop(g->loop, &g->writable);
}

/* ---- fetching ---- */

static void
fetch_free(struct gate_fetch *f)
{
    *f->link_to_this = f->next;
    if (f->next != NULL)
        f->next->link_to_this = f->link_to_this;
    text_fini(&f->head);
    mem_cleanup_close(&f->fd);
    free(f);
}

static void
fetch_failed(struct gate_fetch *f, const struct err *err)
{
    gate_fetched_fn *done = f->done;
    void *arg = f->arg;
    fetch_free(f);
    done(arg, NULL, err);
}

/* Queues it; not to be flushed at once, which may end the link that is being read. */
static int
fetch_send(struct gate_fetch *f, struct err *err)
{
    struct gate *g = f->gate;
    if (f->tries == FETCH_TRIES)
        return err_set(err, ERR_REMOTE, "the gateway died of it");
    int fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return err_set(err, ERR_IO, "descriptor: %m");
    f->tries++;
    link_begin(g->link, FRAME_FETCH, f->tag);
    link_part(g->link, text_str(&f->head));
    link_send_fd(g->link, fd);
    link_end(g->link);
    ev_io_start(g->loop, &g->writable);
    return 0;
}

static enum err_code
code_named(const char *name)
{
    enum err_code code = ERR_INVALID;
    while (code <= ERR_NOSPACE && strcmp(err_code_name(code), name) != 0)
        code++;
    return code <= ERR_NOSPACE ? code : ERR_REMOTE;
}

static void
on_fetched(struct gate *g, uint64_t tag, json_object *o)
{
    struct gate_fetch *f = g->fetches;
    while (f != NULL && f->tag != tag)
        f = f->next;
    if (f == NULL)
        return; /* cancelled meanwhile */
    const char *error = json_get_str(o, "error", NULL);
    const char *hash = json_get_str(o, "sha256", "");
    struct err err;
    if (error != NULL) {
        err_set(&err, code_named(error), "%s", json_get_str(o, "message", "it says not why"));
        fetch_failed(f, &err);
        return;
    }
    struct gate_fetched how = {
        .size = json_get_int(o, "size", -1),
        .type = json_get_str(o, "type", NULL),
        .etag = json_get_str(o, "etag", NULL),
        .modified = json_get_str(o, "modified", NULL),
    };
    if (how.size < 0 || strlen(hash) != 64 || strspn(hash, "0123456789abcdef") != 64) {
        err_set(&err, ERR_PROTO, "the gateway broke the protocol");
        fetch_failed(f, &err);
        return;
    }
    memcpy(how.sha256, hash, 65);
    gate_fetched_fn *done = f->done;
    void *arg = f->arg;
    fetch_free(f);
    done(arg, &how, NULL);
}

static int
on_frame(void *arg, const struct frame *f)
{
    struct str rest = f->payload, head;
    CLEANUP_JSON json_object *o = NULL;
    if ((f->type != FRAME_LOG && f->type != FRAME_FETCHED) || !frame_part(&rest, &head)
        || json_parse(head, &o, NULL, NULL) < 0)
        return 0;
    if (f->type == FRAME_FETCHED)
        on_fetched(arg, f->tag, o);
    else
        log_at(log_level_clamp(json_get_int(o, "level", LOG_LEVEL_INFO)), "gateway: %s",
               json_get_str(o, "text", ""));
    return 0;
}

static void
on_readable(struct ev_loop *loop, ev_io *w, int events)
{
    (void)loop;
    (void)events;
    struct gate *g = w->data;
    struct err err;
    if (link_read(g->link, on_frame, g, &err) < 0)
        gate_lost(g);
}

static void
on_writable(struct ev_loop *loop, ev_io *w, int events)
{
    (void)loop;
    (void)events;
    flush(w->data);
}

/* What models and sources have in common. */
struct endpoint {
    const char *id, *base_url, *key_file;
    int max_in_flight, max_attempts, timeout_ms;
};

static json_object *
endpoint_entry(const struct endpoint *e, struct link *l, int *n_keys)
{
    json_object *o = json_object_new_object();
    json_add_str(o, "id", e->id);
    json_add_str(o, "base_url", e->base_url);
    json_add_int(o, "max_in_flight", e->max_in_flight);
    json_add_int(o, "max_attempts", e->max_attempts);
    json_add_int(o, "timeout_ms", e->timeout_ms);
    json_add(o, "headers", json_object_new_object());
    bool room = *n_keys < (int)FRAME_FDS;
    int fd = e->key_file && room ? open(e->key_file, O_RDONLY | O_CLOEXEC) : -1;
    if (e->key_file != NULL && !room)
        log_error("more than %u key files: left out id=%s", FRAME_FDS, e->id);
    else if (e->key_file != NULL && fd < 0)
        log_error("key file cannot be opened id=%s file=%s: %m", e->id, e->key_file);
    if (fd >= 0) {
        link_send_fd(l, fd);
        json_add_int(o, "key", (*n_keys)++);
    } else {
        json_add(o, "key", NULL);
    }
    return o;
}

static void
send_config(struct gate *g)
{
    CLEANUP_JSON json_object *config = json_object_new_object();
    json_object *list = json_object_new_array();
    json_add(config, "endpoints", list);
    int n_keys = 0;
    link_begin(g->link, FRAME_CONFIG, 0);
    for (size_t i = 0; i < g->conf->n_models; i++) {
        const struct conf_model *m = &g->conf->models[i];
        struct endpoint e = { m->id, m->base_url, m->key_file, m->max_in_flight,
                              m->max_attempts, m->timeout_ms };
        if (e.base_url != NULL)
            json_object_array_add(list, endpoint_entry(&e, g->link, &n_keys));
    }
    for (size_t i = 0; i < g->conf->n_sources; i++) {
        const struct conf_source *s = &g->conf->sources[i];
        struct endpoint e = { s->id, s->base_url, s->key_file, s->max_in_flight,
                              s->max_attempts, s->timeout_ms };
        if (e.base_url != NULL)
            json_object_array_add(list, endpoint_entry(&e, g->link, &n_keys));
    }
    json_put(link_part_begin(g->link), config);
    link_part_end(g->link);
    link_end(g->link);
}

/* Sends one end of a new pair to the gateway; returns the runner's. */
static int
send_link(struct gate *g, const char *job, struct err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_set(err, ERR_IO, "socketpair: %m");
    if (g->link == NULL) { /* it is being restarted: relinked() will bring the real one */
        close(pair[0]);
        return pair[1];
    }
    link_begin(g->link, FRAME_LINK, 0);
    struct text *head = link_part_begin(g->link);
    text_putf(head, "{\"link\":%llu,\"job\":", (unsigned long long)++g->n_links);
    if (job != NULL)
        jtext_put_string(head, str_z(job));
    else
        text_puts(head, "null");
    text_putc(head, '}');
    link_part_end(g->link);
    link_send_fd(g->link, pair[0]);
    link_end(g->link);
    return pair[1];
}

static void
on_gone(void *arg, const struct child_exit *how)
{
    struct gate *g = arg;
    log_warning("gateway died %s=%d", how->signalled ? "signal" : "status", how->code);
    child_free(TAKE(g->child));
    gate_lost(g);
}

static int
gate_start(struct gate *g, struct err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_set(err, ERR_IO, "socketpair: %m");
    char *const argv[] = { g->path, "--link", "3", NULL };
    struct child *c = child_spawn(g->loop, argv, pair[1], on_gone, g, err);
    if (c == NULL) {
        close(pair[0]);
        return -1;
    }
    g->child = c;
    g->link = link_new(pair[0]);
    g->started_ns = time_mono_ns();
    ev_io_init(&g->readable, on_readable, pair[0], EV_READ);
    ev_io_init(&g->writable, on_writable, pair[0], EV_WRITE);
    g->readable.data = g->writable.data = g;
    ev_io_start(g->loop, &g->readable);
    log_info("gateway started pid=%ld", (long)child_pid(c));
    send_config(g);
    for (struct gate_user *u = g->users, *next; u != NULL; u = next) {
        next = u->next;
        int fd = send_link(g, u->job, err);
        if (fd < 0)
            return -1; /* a runner without a link would wait for ever: all of it once more */
        u->relinked(u->arg, fd);
    }
    for (struct gate_fetch *f = g->fetches, *next; f != NULL; f = next) {
        struct err why;
        next = f->next;
        if (fetch_send(f, &why) < 0)
            fetch_failed(f, &why);
    }
    flush(g);
    return 0;
}

static void
drop_link(struct gate *g)
{
    if (g->link == NULL)
        return;
    ev_io_stop(g->loop, &g->readable);
    ev_io_stop(g->loop, &g->writable);
    link_free(TAKE(g->link));
}

/* The process or its link is gone: end both, and start anew soon. */
static void
gate_lost(struct gate *g)
{
    drop_link(g);
    child_free(TAKE(g->child));
    if (time_mono_ns() - g->started_ns > STEADY_NS)
        g->restart_s = RESTART_MIN_S;
    if (!ev_is_active(&g->restart)) {
        ev_timer_set(&g->restart, g->restart_s, 0.);
        ev_timer_start(g->loop, &g->restart);
        g->restart_s = g->restart_s * 2 > RESTART_MAX_S ? RESTART_MAX_S : g->restart_s * 2;
    }
}

static void
on_restart(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    struct gate *g = w->data;
    struct err err;
    if (gate_start(g, &err) < 0) {
        log_error("gateway cannot be started: %s", err.text);
        gate_lost(g);
    }
}

struct gate *
gate_new(struct ev_loop *loop, const struct conf *conf, struct err *err)
{
    struct gate *g = xcalloc(1, sizeof *g);
    g->loop = loop;
    g->conf = conf;
    g->path = xasprintf("%s/evald-gateway", conf->libexec_dir);
    g->restart_s = RESTART_MIN_S;
    ev_timer_init(&g->restart, on_restart, 0., 0.);
    g->restart.data = g;
    if (gate_start(g, err) < 0) {
        gate_free(g);
        return NULL;
    }
    return g;
}

void
gate_free(struct gate *g)
{
    if (g == NULL)
        return;
    while (g->fetches != NULL)
        fetch_free(g->fetches);
    ev_timer_stop(g->loop, &g->restart);
    drop_link(g);
    child_kill(g->child, SIGTERM);
    child_free(g->child);
    free(g->path);
    free(g);
}

void
gate_reconfigure(struct gate *g)
{
    if (g->link == NULL)
        return; /* the next one is told when it starts */
    send_config(g);
    flush(g);
}

struct gate_user *
gate_join(struct gate *g, const char *job, gate_relinked_fn *relinked, void *arg, int *ret_fd,
          struct err *err)
{
    int fd = send_link(g, job, err);
    if (fd < 0)
        return NULL;
    struct gate_user *u = xcalloc(1, sizeof *u);
    u->gate = g;
    u->job = job ? xstrdup(job) : NULL;
    u->relinked = relinked;
    u->arg = arg;
    u->next = g->users;
    u->link_to_this = &g->users;
    if (u->next != NULL)
        u->next->link_to_this = &u->next;
    g->users = u;
    *ret_fd = fd;
    flush(g);
    return u;
}

void
gate_leave(struct gate_user *u)
{
    if (u == NULL)
        return;
    *u->link_to_this = u->next;
    if (u->next != NULL)
        u->next->link_to_this = u->link_to_this;
    free(u->job);
    free(u);
}

static json_object *
strings(const char *const *v)
{
    json_object *list = json_object_new_array();
    for (; *v != NULL; v++)
        json_object_array_add(list, json_object_new_string(*v));
    return list;
}

struct gate_fetch *
gate_fetch(struct gate *g, const struct gate_order *o, int fd, gate_fetched_fn *done, void *arg,
           struct err *err)
{
    struct gate_fetch *f = xcalloc(1, sizeof *f);
    *f = (struct gate_fetch){ .gate = g, .tag = ++g->n_fetches, .fd = fd, .done = done,
                              .arg = arg, .next = g->fetches, .link_to_this = &g->fetches };
    if (f->next != NULL)
        f->next->link_to_this = &f->next;
    g->fetches = f;
    CLEANUP_JSON json_object *head = json_object_new_object();
    json_add_str(head, "url", o->url);
    json_add(head, "hosts", strings((const char *const *)o->origins));
    json_add(head, "types", o->types != NULL ? strings(o->types) : NULL);
    json_add_int(head, "max", o->max);
    json_add_int(head, "timeout_ms", o->timeout_ms);
    json_add_int(head, "stall_ms", o->stall_ms);
    json_put(&f->head, head);
    if (g->link == NULL /* the next gateway is told when it starts */
        || fetch_send(f, err) == 0)
        return f;
    fetch_free(f);
    return NULL;
}

void
gate_fetch_cancel(struct gate_fetch *f)
{
    if (f == NULL)
        return;
    struct gate *g = f->gate;
    if (g->link != NULL && f->tries > 0) {
        link_put(g->link, FRAME_DROP, f->tag, STR("{}"));
        ev_io_start(g->loop, &g->writable);
    }
    fetch_free(f);
}
