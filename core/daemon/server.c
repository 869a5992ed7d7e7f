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
#include "daemon/exchange.h"

#define DEFAULT_DEADLINE_MS   60000
#define DEFAULT_IDLE_S        3600
#define DEFAULT_CONNECTIONS   1024
#define CONNECTION_MEMORY     (64u << 10) /* head of a request, and the read buffer */
#define DISCARD_MAX           (256u << 20) /* a body too large is read on, up to this */

struct conn {
    TAILQ_ENTRY(conn) all, waiting;
    struct server *server;
    struct exchange *ex; /* NULL: idle */
    int fd;
    struct peer peer;
    int64_t deadline_ns; /* 0: none; else it is in server->waiting */
    bool hung;
    bool ended; /* the client sends no more */
    bool dry;   /* ... and all that it sent was read */
    bool early; /* bytes came while a request was worked on */
};
TAILQ_HEAD(conns, conn);

struct server {
    struct ev_loop *loop;
    struct server_options options;
    struct MHD_Daemon *daemon;
    struct conns all, waiting; /* waiting: in the order of their deadlines */
    int listen_fd;             /* -1: quiet */
    int watch_fd;              /* epoll: bytes (edge) and hang-up of every connection */
    struct ev_io http, watch;
    struct ev_timer timer;
    size_t busy;
    bool running, again;
    bool ended; /* of a connection in waiting, perhaps */
};

/* ------------------------------------------------------------------------------ deadlines */

static void
deadline_start(struct conn *c)
{
    if (c->deadline_ns != 0)
        return;
    c->deadline_ns = time_mono_ns() + (int64_t)c->server->options.request_deadline_ms * 1000000;
    TAILQ_INSERT_TAIL(&c->server->waiting, c, waiting);
}

static void
deadline_stop(struct conn *c)
{
    if (c->deadline_ns == 0)
        return;
    c->deadline_ns = 0;
    TAILQ_REMOVE(&c->server->waiting, c, waiting);
}

/* The end of file that MHD then reads makes it close the connection. */
static void
cut(struct conn *c)
{
    deadline_stop(c);
    shutdown(c->fd, SHUT_RDWR);
}

static void
cut_the_late(struct server *s)
{
    struct conn *c;
    int64_t now = time_mono_ns();
    while ((c = TAILQ_FIRST(&s->waiting)) != NULL && c->deadline_ns <= now) {
        log_info("request cut off: it did not arrive in time uid=%u", (unsigned)c->peer.uid);
        cut(c);
    }
}

static bool
unread(const struct conn *c)
{
    int n = 0;
    return ioctl(c->fd, FIONREAD, &n) < 0 || n > 0;
}

/* MHD overlooks an end that came together with the last bytes.  What it has read it may still
 * be working on, so a request is given up when it is not whole one round later. */
static void
cut_the_ended(struct server *s)
{
    struct conn *c = TAILQ_FIRST(&s->waiting), *next;
    s->ended = false;
    for (; c != NULL; c = next) {
        next = TAILQ_NEXT(c, waiting);
        if (!c->ended)
            continue;
        s->again = true;
        if (unread(c)) {
            s->ended = true;
        } else if (!c->dry) {
            c->dry = s->ended = true;
        } else {
            cut(c);
        }
    }
}

/* ------------------------------------------------------------------------------- the loop */

static void
set_timer(struct server *s, double after)
{
    ev_timer_stop(s->loop, &s->timer);
    ev_timer_set(&s->timer, after, 0.);
    ev_timer_start(s->loop, &s->timer);
}

static void
hung_up(struct conn *c)
{
    c->hung = true;
    struct exchange *ex = c->ex;
    if (ex == NULL || ex->phase != PHASE_RUN)
        return; /* MHD reads the end of file */
    ex->hung = true;
    exchange_tell_hangup(ex);
    exchange_wake(ex);
}

/* Right before MHD reads: what it will have consumed then shows no edge any more. */
static void
poll_connections(struct server *s)
{
    struct epoll_event events[64];
    int n;
    do {
        n = epoll_wait(s->watch_fd, events, ARRAY_LEN(events), 0);
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            if (events[i].events & EPOLLRDHUP)
                c->ended = s->ended = true;
            if (events[i].events & (EPOLLHUP | EPOLLERR)) {
                if (!c->hung)
                    hung_up(c);
            } else if (c->ex != NULL && c->ex->phase == PHASE_RUN) {
                c->early = true;
            } else {
                deadline_start(c);
            }
        }
    } while (n == (int)ARRAY_LEN(events));
}

static void
run(struct server *s)
{
    s->running = true;
    s->again = false;
    cut_the_late(s);
    poll_connections(s);
    MHD_run(s->daemon);
    if (s->ended)
        cut_the_ended(s);
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
conn_open(struct server *s, struct MHD_Connection *mhd, void **ret_context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct conn *c = xcalloc(1, sizeof *c);
    c->server = s;
    c->fd = info->connect_fd;
    peer_of(c->fd, &c->peer);
    struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = c };
    if (epoll_ctl(s->watch_fd, EPOLL_CTL_ADD, c->fd, &ev) < 0)
        log_error("cannot watch a connection: %m");
    TAILQ_INSERT_TAIL(&s->all, c, all);
    *ret_context = c;
}

static void
conn_close(struct conn *c)
{
    if (c->ex != NULL)
        exchange_end(c);
    deadline_stop(c);
    epoll_ctl(c->server->watch_fd, EPOLL_CTL_DEL, c->fd, NULL);
    TAILQ_REMOVE(&c->server->all, c, all);
    peer_fini(&c->peer);
    free(c);
}

static void
on_connection(void *cls, struct MHD_Connection *mhd, void **context,
              enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        conn_open(cls, mhd, context);
    } else if (*context != NULL) {
        conn_close(*context);
        *context = NULL;
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
    deadline_start(c);
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
    exchange_end(c);
    deadline_stop(c);
    if (c->early) {
        deadline_start(c);
        s->ended = s->ended || c->ended;
    }
    c->early = false;
    if (server_is_quiet(s))
        cut(c);
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
send_answer(struct exchange *ex)
{
    ex->queued = true;
    return MHD_queue_response(ex->mhd, ex->status, ex->response);
}

static enum MHD_Result
take_head(struct exchange *ex, const char *method)
{
    ex->method = xstrdup(method);
    ex->rq.method = ex->method;
    ex->phase = PHASE_BODY;
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
        return ex->body.len > DISCARD_MAX ? MHD_NO : MHD_YES;
    }
    if (n > max - ex->body.len)
        return refuse_body(ex, max);
    if (n >= ex->body.room - ex->body.len) {
        size_t room = ex->body.room < CONNECTION_MEMORY ? CONNECTION_MEMORY : ex->body.room;
        while (room <= ex->body.len + n)
            room += room / 2;
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
        enum MHD_Result r = take_body(ex, data, *size);
        *size = 0;
        return r;
    }
    ex->phase = PHASE_RUN;
    deadline_stop(ex->conn);
    if (!ex->answered) {
        if (ex->body.len > 0)
            ex->rq.body = text_str(&ex->body);
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

__attribute__((format(printf, 2, 0))) static void
on_log(void *cls, const char *fmt, va_list ap)
{
    char line[256];
    (void)cls;
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
    if (s->options.idle_timeout_s == 0)
        s->options.idle_timeout_s = DEFAULT_IDLE_S;
    if (s->options.max_connections == 0)
        s->options.max_connections = default_connections();
    TAILQ_INIT(&s->all);
    TAILQ_INIT(&s->waiting);
    s->watch_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->watch_fd >= 0)
        s->daemon = MHD_start_daemon(
            MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
            on_request, s,
            MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
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
        free(s);
        return NULL;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    watch(s, &s->http, info->epoll_fd);
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
            cut(c);
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
    close(s->watch_fd);
    if (s->options.release != NULL)
        s->options.release(s->options.api);
    free(s);
}
