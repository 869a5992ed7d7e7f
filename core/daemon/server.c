#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/io.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/server_impl.h"

#define DEFAULT_DEADLINE_MS   60000
#define DEFAULT_IDLE_S        3600
#define DEFAULT_CONNECTIONS   8192
#define CONNECTION_MEMORY     (16u << 10) /* head of a request, and the read buffer */
#define ROUNDS                8 /* while there is something to do; then others get their turn */
#define BODY_BLOCK            (64u << 10)
#define BODIES                16 /* of the largest size, together */
#define DISCARD_MAX           (256u << 20) /* a body too large is read on, up to this */

/* ------------------------------------------------------------------------------- the loop */

static void
set_timer(struct server *s, double after)
{
    ev_timer_stop(s->loop, &s->timer);
    ev_timer_set(&s->timer, after, 0.);
    ev_timer_start(s->loop, &s->timer);
}

void
server_hang_up(struct conn *c)
{
    c->hung = true;
    struct exchange *ex = c->ex;
    if (ex == NULL || ex->phase != PHASE_RUN)
        return; /* MHD reads the end of file */
    ex->hung = true;
    exchange_tell_hangup(ex);
    exchange_wake(ex);
}

static void
run(struct server *s)
{
    s->running = true;
    s->again = false;
    ev_clear_pending(s->loop, &s->http);
    ev_clear_pending(s->loop, &s->watch);
    conns_cut_late(s);
    bool busy = conns_poll(s);
    for (int i = 0; i == 0 || (busy && i < ROUNDS); i++) {
        s->runs++;
        s->heading = NULL;
        MHD_run(s->daemon);
        conns_after(s);
        busy = busy && conns_poll(s);
    }
    if (s->ended)
        conns_cut_ended(s);
    s->running = false;

    double after = -1;
    MHD_UNSIGNED_LONG_LONG ms;
    if (s->again)
        after = 0;
    else if (MHD_get_timeout(s->daemon, &ms) == MHD_YES)
        after = (double)ms / 1000;
    struct conn *first = TAILQ_FIRST(&s->waiting);
    if (first != NULL) {
        double left = (double)(first->deadline_ns - time_mono_ns()) / 1e9;
        if (after < 0 || left < after)
            after = left < 0 ? 0 : left;
    }
    if (after >= 0)
        set_timer(s, after);
    else
        ev_timer_stop(s->loop, &s->timer);
}

static void
on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    (void)loop;
    (void)events;
    run(io->data);
}

static void
on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    run(timer->data);
}

/* MHD acts on a resumed connection when it runs next. */
void
exchange_wake(struct exchange *ex)
{
    if (!ex->suspended)
        return;
    ex->suspended = false;
    ex->resumed = true;
    MHD_resume_connection(ex->mhd);
    struct server *s = ex->server;
    if (s->running)
        s->again = true;
    else
        ev_feed_event(s->loop, &s->http, EV_READ);
}

const struct peer *
request_peer(const struct request *rq)
{
    const struct exchange *ex = exchange_of(rq);
    return ex->conn != NULL ? &ex->conn->peer : NULL;
}

struct MHD_Response **
server_constant(struct server *s, const char *json)
{
    for (size_t i = 0; i < ARRAY_LEN(s->constants); i++) {
        if (s->constants[i].json == NULL)
            s->constants[i].json = json;
        if (s->constants[i].json == json)
            return &s->constants[i].response;
    }
    return NULL;
}

bool
server_is_quiet(const struct server *s)
{
    return s->listen_fd < 0;
}

/* ---------------------------------------------------------------------------- connections */

static struct conn *
conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

static void
exchange_end(struct conn *c)
{
    struct exchange *ex = c->ex;
    c->ex = NULL;
    c->server->busy--;
    exchange_over(ex);
}

static void
on_connection(void *cls, struct MHD_Connection *mhd, void **context,
              enum MHD_ConnectionNotificationCode code)
{
    struct conn *c = *context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        *context = conn_open(cls, mhd, info->connect_fd);
    } else if (c != NULL) {
        *context = NULL;
        if (c->ex != NULL)
            exchange_end(c);
        conn_close(c);
        ((struct server *)cls)->again = true; /* MHD then sees that it may accept one more */
    }
}

/* ------------------------------------------------------------------------------- requests */

/* The request line is there: a new request begins. */
static void *
on_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
    struct server *s = cls;
    struct conn *c = conn_of(mhd);
    if (c->ex != NULL) /* one that MHD refused by itself */
        exchange_end(c);
    c->ex = exchange_new(s, c, mhd, target);
    c->ex->rq.uid = c->peer.uid;
    c->ex->rq.api = s->options.api;
    s->busy++;
    s->heading = c;
    if (!c->seen)
        c->blind = true;
    if (!c->seen || !c->whole)
        conn_deadline_start(c);
    c->seen = false;
    return c->ex;
}

static void
on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
             enum MHD_RequestTerminationCode code)
{
    struct server *s = cls;
    (void)code;
    *con_cls = NULL;
    struct conn *c = conn_of(mhd);
    if (c == NULL || c->ex == NULL)
        return;
    if (c->ex->resumed) {
        c->eager_until = s->runs + 1;
        c->loose = true;
    }
    exchange_end(c);
    conn_deadline_stop(c);
    c->blind = c->seen = false;
    if (c->unseen)
        conn_deadline_start(c); /* MHD may have the beginning of another request */
    if (c->open || c->early || c->ended || c->loose)
        conn_look_after(c);
    if (server_is_quiet(s))
        conn_cut(c);
}

static enum MHD_Result
refuse_body(struct exchange *ex, size_t max)
{
    struct err err;
    err_set(&err, ERR_TOO_LARGE, "the request body is larger than %zu bytes", max);
    text_fini(&ex->body);
    ex->discard = true;
    request_fail(&ex->rq, &err);
    return MHD_YES;
}

static enum MHD_Result
refuse_for_now(struct exchange *ex)
{
    text_fini(&ex->body);
    ex->discard = ex->again = true;
    request_fail_text(&ex->rq, 503, "too much is being sent at once");
    return MHD_YES;
}

static enum MHD_Result
send_answer(struct exchange *ex)
{
    ex->queued = true;
    conn_look_after(ex->conn);
    return MHD_queue_response(ex->mhd, ex->status, ex->response);
}

static enum MHD_Result
take_head(struct exchange *ex, const char *method)
{
    exchange_set_method(ex, method);
    ex->phase = PHASE_BODY;
    ex->server->heading = NULL;
    const char *length = request_header(&ex->rq, "Content-Length");
    size_t max = ex->server->options.max_body;
    if (length == NULL || strtoull(length, NULL, 10) <= max)
        return MHD_YES;
    refuse_body(ex, max);
    /* Who waits for leave to send gets the answer instead; who just sends reads no answer
     * before all is sent. */
    if (request_header(&ex->rq, "Expect") != NULL || strtoull(length, NULL, 10) > DISCARD_MAX)
        return send_answer(ex);
    return MHD_YES;
}

static enum MHD_Result
take_body(struct exchange *ex, const char *data, size_t n)
{
    size_t max = ex->server->options.max_body;
    if (ex->discard) {
        ex->body.len += n;
        if (ex->body.len <= DISCARD_MAX)
            return MHD_YES;
        conn_refuse(ex->conn, 413, "the request body is too large");
        return MHD_NO;
    }
    if (n > max - ex->body.len)
        return refuse_body(ex, max);
    if (n >= ex->body.room - ex->body.len) {
        size_t room = ex->body.room < BODY_BLOCK ? BODY_BLOCK : ex->body.room;
        while (room <= ex->body.len + n)
            room += room / 2;
        if (!exchange_charge(ex, room))
            return refuse_for_now(ex);
        char *p = realloc(ex->body.ptr, room);
        if (p == NULL) {
            struct err err;
            err_set(&err, ERR_NOMEM, "no memory for a request body");
            text_fini(&ex->body);
            ex->discard = true;
            request_fail(&ex->rq, &err);
            return MHD_YES;
        }
        ex->body.ptr = p;
        ex->body.room = room;
    }
    text_put(&ex->body, data, n);
    return MHD_YES;
}

static enum MHD_Result
work(struct exchange *ex)
{
    if (ex->response != NULL)
        return send_answer(ex);
    if (ex->hung || (ex->answered && ex->source == NULL))
        return MHD_NO; /* nobody left to answer, or nothing to say */
    ex->suspended = true;
    MHD_suspend_connection(ex->mhd);
    return MHD_YES;
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
           const char *version, const char *data, size_t *size, void **con_cls)
{
    struct server *s = cls;
    struct exchange *ex = *con_cls;
    (void)mhd;
    (void)url;
    (void)version;
    if (ex->phase == PHASE_HEAD)
        return take_head(ex, method);
    if (ex->phase == PHASE_RUN)
        return work(ex);
    if (*size > 0) {
        ex->conn->left -= *size < ex->conn->left ? *size : ex->conn->left;
        enum MHD_Result r = take_body(ex, data, *size);
        *size = 0;
        return r;
    }
    ex->phase = PHASE_RUN;
    conn_deadline_stop(ex->conn);
    if (!ex->answered) {
        if (ex->body.len > 0) {
            ex->rq.body = text_str(&ex->body);
            exchange_charge(ex, ex->body.len);
        }
        s->options.dispatch(&ex->rq);
    }
    return work(ex);
}

/* ------------------------------------------------------------------------------------ life */

/* Targets stay as they are sent: routes.c decodes them. */
static size_t
no_unescape(void *cls, struct MHD_Connection *mhd, char *s)
{
    (void)cls;
    (void)mhd;
    return strlen(s);
}

/* libmicrohttpd is about to send an answer of its own, HTML: this is the last chance to be
 * faster.  Its bytes then find the connection shut. */
static void
refuse_in_its_stead(struct server *s, unsigned status)
{
    struct conn *c = conns_find_faulty(s);
    if (c != NULL && !c->refused && (c->ex == NULL || !c->ex->queued))
        conn_refuse(c, status, status == 431 || status == 414
                                   ? "the request's head is too large"
                                   : status == 413 ? "the request body is too large"
                                                   : "malformed request");
}

__attribute__((format(printf, 2, 0))) static void
on_log(void *cls, const char *fmt, va_list ap)
{
    struct server *s = cls;
    if (strstr(fmt, "HTTP response code is %u") != NULL) {
        va_list copy;
        va_copy(copy, ap);
        refuse_in_its_stead(s, va_arg(copy, unsigned));
        va_end(copy);
    }
    char line[256];
    vsnprintf(line, sizeof line, fmt, ap);
    line[strcspn(line, "\n")] = '\0';
    log_debug("http: %s", line);
}

static void
watch(struct server *s, struct ev_io *io, int fd)
{
    ev_io_init(io, on_io, fd, EV_READ);
    io->data = s;
    ev_io_start(s->loop, io);
}

/* Clients leave half of the descriptors to jobs. */
static unsigned
default_connections(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur / 2 < DEFAULT_CONNECTIONS)
        return r.rlim_cur < 2 ? 1 : (unsigned)(r.rlim_cur / 2);
    return DEFAULT_CONNECTIONS;
}

struct server *
server_open(struct ev_loop *loop, int listen_fd, const struct server_options *options,
            struct err *err)
{
    struct server *s = xcalloc(1, sizeof *s);
    s->loop = loop;
    s->options = *options;
    s->listen_fd = listen_fd;
    if (s->options.request_deadline_ms == 0)
        s->options.request_deadline_ms = DEFAULT_DEADLINE_MS;
    if (s->options.max_bodies == 0)
        s->options.max_bodies = BODIES * s->options.max_body;
    if (s->options.idle_timeout_s == 0)
        s->options.idle_timeout_s = DEFAULT_IDLE_S;
    if (s->options.max_connections == 0)
        s->options.max_connections = default_connections();
    TAILQ_INIT(&s->all);
    TAILQ_INIT(&s->waiting);
    TAILQ_INIT(&s->after);
    TAILQ_INIT(&s->users);
    TAILQ_INIT(&s->paid);
    s->peek = xmalloc(CONN_PEEK);
    s->watch_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->watch_fd >= 0)
        s->daemon = MHD_start_daemon(
            MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG
                | MHD_USE_SUPPRESS_DATE_NO_CLOCK, 0, NULL, NULL,
            on_request, s,
            MHD_OPTION_EXTERNAL_LOGGER, on_log, s,
            MHD_OPTION_LISTEN_SOCKET, listen_fd,
            MHD_OPTION_URI_LOG_CALLBACK, on_target, s,
            MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
            MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
            MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL,
            MHD_OPTION_CONNECTION_TIMEOUT, s->options.idle_timeout_s,
            MHD_OPTION_CONNECTION_LIMIT, s->options.max_connections,
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
            MHD_OPTION_END);
    if (s->daemon == NULL) {
        err_set(err, ERR_IO, "cannot serve HTTP on the socket: %m");
        if (s->watch_fd >= 0)
            close(s->watch_fd);
        free(s->peek);
        free(s);
        return NULL;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    s->epoll_fd = info->epoll_fd;
    watch(s, &s->http, s->epoll_fd);
    watch(s, &s->watch, s->watch_fd);
    ev_timer_init(&s->timer, on_timer, 0., 0.);
    s->timer.data = s;
    return s;
}

static void
unlink_socket(int fd)
{
    struct sockaddr_un a;
    socklen_t len = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &len) < 0 || a.sun_family != AF_UNIX
        || len <= offsetof(struct sockaddr_un, sun_path) || a.sun_path[0] != '/')
        return;
    char path[sizeof a.sun_path + 1];
    size_t n = len - offsetof(struct sockaddr_un, sun_path);
    memcpy(path, a.sun_path, n);
    path[n] = '\0';
    if (unlink(path) < 0 && errno != ENOENT)
        log_warning("unlink %s: %m", path);
}

void
server_quiesce(struct server *s)
{
    if (server_is_quiet(s))
        return;
    MHD_quiesce_daemon(s->daemon);
    if (s->options.own_socket)
        unlink_socket(s->listen_fd);
    close(s->listen_fd);
    s->listen_fd = -1;
    struct conn *c;
    TAILQ_FOREACH(c, &s->all, all)
        if (c->ex == NULL)
            conn_cut(c);
    ev_feed_event(s->loop, &s->http, EV_READ);
}

size_t
server_busy(const struct server *s)
{
    return s->busy;
}

void
server_free(struct server *s)
{
    if (s == NULL)
        return;
    server_quiesce(s);
    ev_timer_stop(s->loop, &s->timer);
    ev_io_stop(s->loop, &s->watch);
    /* MHD must have no suspended connection when it is stopped. */
    struct conn *c;
    TAILQ_FOREACH(c, &s->all, all) {
        struct exchange *ex = c->ex;
        if (ex != NULL && ex->phase == PHASE_RUN && !c->hung) {
            c->hung = ex->hung = true;
            exchange_tell_hangup(ex);
        }
        if (ex != NULL)
            exchange_wake(ex);
    }
    ev_io_stop(s->loop, &s->http);
    ev_clear_pending(s->loop, &s->http);
    MHD_stop_daemon(s->daemon);
    for (size_t i = 0; i < ARRAY_LEN(s->constants); i++)
        if (s->constants[i].response != NULL)
            MHD_destroy_response(s->constants[i].response);
    close(s->watch_fd);
    struct exchange *ex;
    while ((ex = TAILQ_FIRST(&s->paid)) != NULL) /* their handlers have not answered */
        exchange_discharge(ex);
    if (s->options.release != NULL)
        s->options.release(s->options.api);
    free(s->peek);
    free(s);
}
