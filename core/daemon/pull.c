#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <signal.h>
#include <stdlib.h>

#include "common/io.h"
#include "common/mem.h"
#include "common/schema.h"
#include "daemon/pull.h"
#include "daemon/sched_impl.h"

#define UNWRITTEN_MAX (16u << 20) /* above it nothing is read from the runner */
#define URI_SHOWN     200

struct pull {
    struct runner_context cx;
    struct worker *writer;
    char *uri;
    int fd;
    struct runner *runner;
    ev_timer timer;
    gate_fetched_fn *done;
    void *arg;
    int64_t size, max;       /* of all rows so far */
    size_t unwritten;        /* bytes given to the writer */
    bool over;               /* no more rows: done when all is written */
    struct err err;          /* why it fails; code ERR_NONE: it does not */
    /* the writer's */
    struct sha256_ctx hash;
    int64_t written;
    _Atomic int failed_errno; /* 0: none */
};

struct piece {
    struct pull *pull;
    struct text lines;
};

static void
end_runner(struct pull *p)
{
    ev_timer_stop(p->cx.loop, &p->timer);
    runner_free(TAKE(p->runner));
}

static void
pull_free(struct pull *p)
{
    end_runner(p);
    mem_cleanup_close(&p->fd);
    free(p->uri);
    free(p);
}

/* Tells the end once all is written. */
static void
finish(struct pull *p)
{
    if (!p->over || p->unwritten > 0)
        return;
    if (p->err.code == ERR_NONE && p->failed_errno != 0)
        err_set(&p->err, err_from_errno(p->failed_errno) == ERR_NOSPACE ? ERR_NOSPACE : ERR_IO,
                "%.*s: cannot be kept: %s", URI_SHOWN, p->uri, strerror(p->failed_errno));
    struct gate_fetched how = { .size = p->size };
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(&p->hash, sizeof digest, digest);
    hex_encode(how.sha256, digest, sizeof digest);
    struct err err = p->err;
    gate_fetched_fn *done = p->done;
    void *arg = p->arg;
    pull_free(p);
    if (done != NULL)
        done(arg, err.code == ERR_NONE ? &how : NULL, err.code == ERR_NONE ? NULL : &err);
}

static void
write_piece(void *arg)
{
    struct piece *w = arg;
    struct pull *p = w->pull;
    if (p->failed_errno != 0)
        return;
    if (io_pwrite_full(p->fd, w->lines.ptr, w->lines.len, p->written) < 0) {
        p->failed_errno = errno;
        return;
    }
    sha256_update(&p->hash, w->lines.len, (const uint8_t *)w->lines.ptr);
    p->written += (int64_t)w->lines.len;
}

static void
end_piece(void *arg)
{
    struct piece *w = arg;
    struct pull *p = w->pull;
    p->unwritten -= w->lines.len;
    text_fini(&w->lines);
    free(w);
    if (p->failed_errno != 0 && p->runner != NULL)
        runner_kill(p->runner, SIGKILL);
    if (p->runner != NULL && p->unwritten < UNWRITTEN_MAX / 2)
        runner_pause(p->runner, false);
    finish(p);
}

/* ---- what the runner says ---- */

static void
on_rows(void *arg, struct str lines)
{
    struct pull *p = arg;
    if (p->err.code != ERR_NONE || p->failed_errno != 0)
        return; /* it is being killed */
    if ((int64_t)lines.len > p->max - p->size) {
        err_set(&p->err, ERR_INVALID, "%.*s: larger than the %lld bytes that are fetched",
                URI_SHOWN, p->uri, (long long)p->max);
        runner_kill(p->runner, SIGKILL);
        return;
    }
    struct piece *w = xcalloc(1, sizeof *w);
    w->pull = p;
    text_put_str(&w->lines, lines);
    p->size += (int64_t)lines.len;
    p->unwritten += lines.len;
    if (p->unwritten > UNWRITTEN_MAX)
        runner_pause(p->runner, true);
    worker_run(p->writer, write_piece, end_piece, w);
}

static void
on_end(void *arg, json_object *end)
{
    struct pull *p = arg;
    json_object *why = json_get(end, "error");
    if (strcmp(json_get_str(end, "state", ""), "completed") != 0 && p->err.code == ERR_NONE)
        err_set(&p->err, sched_err_code(json_get_str(why, "code", "internal")), "%.*s: %s",
                URI_SHOWN, p->uri,
                json_get_str(why, "message", "the runner gave up without saying why"));
    end_runner(p);
    p->over = true;
    finish(p);
}

static void
on_died(void *arg, const struct runner_death *how)
{
    struct pull *p = arg;
    if (p->err.code == ERR_NONE && p->failed_errno == 0) {
        if (how->n_charges > 0)
            err_set(&p->err, ERR_PLUGIN, "%.*s: plugin %s %s", URI_SHOWN, p->uri,
                    how->charges[0].plugin, how->charges[0].what);
        else
            err_set(&p->err, ERR_PLUGIN, "%.*s: the runner died: %s", URI_SHOWN, p->uri,
                    how->text);
    }
    end_runner(p);
    p->over = true;
    finish(p);
}

static const struct runner_ops ops = {
    .rows = on_rows, .end = on_end, .died = on_died,
};

static void
on_time(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    struct pull *p = w->data;
    err_set(&p->err, ERR_TIMEOUT, "%.*s: takes longer than it may", URI_SHOWN, p->uri);
    end_runner(p);
    p->over = true;
    finish(p);
}

/* ---- starting ---- */

static json_object *
source_params(const struct plugin *plugin, const struct conf_source *conf, struct err *err)
{
    CLEANUP_JSON json_object *none = json_object_new_object();
    json_object *given = conf != NULL && conf->params != NULL ? conf->params : none;
    if (plugin->params_schema != NULL)
        return schema_apply(plugin->params_schema, given, SCHEMA_REFUSE, "params", err);
    if (json_object_object_length(given) > 0)
        return ERR_NULL(err, ERR_INVALID, "evald.conf: %s takes no params", plugin->id);
    return json_object_get(none);
}

static json_object *
make_spec(const struct runner_context *cx, const struct pull_order *o, struct err *err)
{
    const struct plugin *plugin = plugins_find(cx->plugins, o->plugin, PLUGIN_SOURCE, err);
    const struct conf_source *conf = conf_find_source(cx->conf, o->plugin);
    json_object *params = plugin != NULL ? source_params(plugin, conf, err) : NULL;
    if (params == NULL)
        return NULL;
    json_object *spec = json_object_new_object(), *source = json_object_new_object();
    json_add_str(source, "id", o->plugin);
    json_add_str(source, "uri", o->uri);
    json_add_bool(source, "endpoint", conf != NULL && conf->base_url != NULL);
    json_add(source, "params", params);
    json_add(spec, "source", source);
    json_add_int(spec, "max_attempts", cx->conf->max_attempts);
    json_add_int(spec, "plugin_timeout_ms", cx->conf->plugin_timeout_ms);
    json_add_int(spec, "ask_timeout_ms", cx->conf->ask_timeout_ms);
    return spec;
}

struct pull *
pull_start(const struct runner_context *cx, const struct pull_order *o, gate_fetched_fn *done,
           void *arg, struct err *err)
{
    CLEANUP_JSON json_object *spec = make_spec(cx, o, err);
    if (spec == NULL)
        return NULL;
    struct pull *p = xcalloc(1, sizeof *p);
    p->cx = *cx;
    p->writer = o->writer;
    p->uri = xstrdup(o->uri);
    p->fd = fcntl(o->fd, F_DUPFD_CLOEXEC, 3);
    p->done = done;
    p->arg = arg;
    p->max = cx->conf->max_fetch_bytes;
    sha256_init(&p->hash);
    ev_timer_init(&p->timer, on_time, cx->conf->fetch_timeout_ms / 1e3, 0.);
    p->timer.data = p;
    if (p->fd < 0)
        err_set(err, ERR_IO, "descriptor: %m");
    else
        p->runner = runner_start(cx, false, NULL, NULL, NULL, err);
    struct runner_job job = { .spec = spec, .data_fd = -1 };
    if (p->runner == NULL || runner_send_job(p->runner, &job, &ops, p, err) < 0) {
        pull_free(p);
        return NULL;
    }
    ev_timer_start(cx->loop, &p->timer);
    return p;
}

void
pull_cancel(struct pull *p)
{
    if (p == NULL)
        return;
    p->done = NULL;
    end_runner(p);
    p->over = true;
    finish(p);
}
