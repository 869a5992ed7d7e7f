/* conn.c - connections, and what their clients may have libmicrohttpd read.
 *
 * libmicrohttpd waits for bytes with an epoll set of its own, edge-triggered.  A connection's
 * entry there is kept silent while no request is under way, and let speak once when the head of
 * the next one was looked at, in the socket, and found good.  So libmicrohttpd never reads half
 * a head, nor one that it would answer in its own way. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/io.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/head.h"
#include "daemon/server_impl.h"

#define THROW_MAX (256u << 20) /* of a refused client's bytes */

/* ------------------------------------------------------------------------------ deadlines */

void
conn_deadline_start(struct conn *c)
{
    if (c->deadline_ns != 0)
        return;
    c->deadline_ns = time_mono_ns() + (int64_t)c->server->options.request_deadline_ms * 1000000;
    TAILQ_INSERT_TAIL(&c->server->waiting, c, waiting);
    if (c->ended)
        c->server->ended = true;
}

void
conn_deadline_stop(struct conn *c)
{
    if (c->deadline_ns == 0)
        return;
    c->deadline_ns = 0;
    TAILQ_REMOVE(&c->server->waiting, c, waiting);
}

/* ------------------------------------------------------------- what libmicrohttpd hears of */

enum hearing {
    HEAR_NOTHING = EPOLLET,
    HEAR_ONCE = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLET | EPOLLONESHOT,
    HEAR_ALL = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLET, /* as it asks for */
};

/* Its entries carry the connection as it names it.  Suspended ones it takes out of its set, and
 * puts back when it likes: false for one that is not there. */
static bool
let_hear(struct conn *c, enum hearing what)
{
    struct epoll_event ev = { .events = (uint32_t)what, .data.ptr = c->mhd };
    int rc = epoll_ctl(c->server->epoll_fd, EPOLL_CTL_MOD, c->fd, &ev);
    if (rc < 0 && errno != ENOENT)
        log_error("cannot watch a connection: %m");
    c->open = what == HEAR_ALL;
    return rc == 0;
}

/* What is there now is read by libmicrohttpd. */
static void
let_read(struct conn *c)
{
    if (!c->open || c->unseen)
        let_hear(c, c->unseen ? HEAR_ALL : HEAR_ONCE);
}

void
conn_look_after(struct conn *c)
{
    if (!c->is_after)
        TAILQ_INSERT_TAIL(&c->server->after, c, after);
    c->is_after = true;
}

void
conn_cut(struct conn *c)
{
    conn_deadline_stop(c);
    shutdown(c->fd, SHUT_RDWR);
    let_hear(c, HEAR_ALL);
}

/* ------------------------------------------------------------------------------ refusals */

static void
throw_away(struct conn *c)
{
    ssize_t n;
    while ((n = recv(c->fd, c->server->peek, CONN_PEEK, MSG_DONTWAIT)) > 0)
        c->thrown += (size_t)n;
    if (n == 0 || errno != EAGAIN || c->thrown > THROW_MAX)
        conn_cut(c);
}

static void
put_refusal(struct text *t, unsigned status, const char *text)
{
    CLEANUP_TEXT struct text body = TEXT_INIT, detail = TEXT_INIT;
    jtext_put_string(&detail, str_z(text));
    request_put_error(&body, text_str(&detail), str_z(text), NULL);
    text_putf(t,
              "HTTP/1.1 %u %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
              "Connection: close\r\n",
              status, MHD_get_reason_phrase_for(status), body.len);
    if (status == 503)
        text_puts(t, "Retry-After: 1\r\nx-should-retry: true\r\n");
    else if (status > 500)
        text_puts(t, "x-should-retry: false\r\n");
    text_puts(t, "\r\n");
    text_put_str(t, text_str(&body));
}

void
conn_refuse(struct conn *c, unsigned status, const char *text)
{
    CLEANUP_TEXT struct text answer = TEXT_INIT;
    put_refusal(&answer, status, text);
    /* Nothing was sent that has not been read: there is room for so little. */
    if (send(c->fd, answer.ptr, answer.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EPIPE)
        log_debug("an answer was not sent: %m");
    log_debug("request refused: %s status=%u uid=%u", text, status, (unsigned)c->peer.uid);
    c->refused = true;
    shutdown(c->fd, SHUT_WR);
    conn_deadline_start(c);
}

void
conns_cut_late(struct server *s)
{
    struct conn *c;
    int64_t now = time_mono_ns();
    while ((c = TAILQ_FIRST(&s->waiting)) != NULL && c->deadline_ns <= now) {
        bool known = c->ex != NULL || !c->unseen; /* that something has come */
        if (known && !c->refused && !c->surplus) {
            log_info("request cut off: it did not arrive in time uid=%u", (unsigned)c->peer.uid);
            if (c->ex == NULL || !c->ex->queued)
                conn_refuse(c, 408, "the request did not arrive in time");
        }
        conn_cut(c);
    }
}

static size_t
unread(const struct conn *c)
{
    int n = 0;
    return ioctl(c->fd, FIONREAD, &n) < 0 ? SIZE_MAX : (size_t)n;
}

/* libmicrohttpd overlooks an end that came together with the last bytes.  What it has read it
 * may still be working on, so a request is given up when it is not whole one round later. */
void
conns_cut_ended(struct server *s)
{
    struct conn *c = TAILQ_FIRST(&s->waiting), *next;
    s->ended = false;
    for (; c != NULL; c = next) {
        next = TAILQ_NEXT(c, waiting);
        if (!c->ended || c->refused || (c->ex == NULL && !c->unseen))
            continue;
        s->again = true;
        if (unread(c) > 0) {
            s->ended = true;
        } else if (!c->dry) {
            c->dry = s->ended = true;
        } else {
            conn_cut(c);
        }
    }
}

/* -------------------------------------------------------------------------------- looking */

/* The client sends requests before it has the answers: where the next one begins cannot be told
 * any more when libmicrohttpd has read ahead. */
static void
stop_looking(struct conn *c)
{
    c->unseen = true;
}

/* Is a chunked body that begins at head->len one to be read now? */
static bool
look_at_chunks(struct conn *c, const struct head *head, size_t n)
{
    struct server *s = c->server;
    if (n == HEAD_MAX) {
        ssize_t more = recv(c->fd, s->peek, CONN_PEEK, MSG_PEEK | MSG_DONTWAIT);
        n = more > 0 ? (size_t)more : n;
    }
    struct head_fault fault;
    size_t len;
    switch (head_read_chunks((struct str){ s->peek + head->len, n - head->len }, &len, &fault)) {
    case HEAD_BAD:
        conn_refuse(c, fault.status, fault.text);
        return false;
    case HEAD_MORE:
        c->whole = false;
        c->blind = n == CONN_PEEK || head->expects;
        if (!c->blind && c->ended)
            conn_cut(c);
        else
            conn_deadline_start(c);
        return c->blind;
    default:
        c->whole = true;
        if (n > head->len + len)
            stop_looking(c);
        return true;
    }
}

static bool
look_at_length(struct conn *c, const struct head *head, size_t n)
{
    size_t there = (n == HEAD_MAX ? unread(c) : n) - head->len;
    c->whole = there >= head->body;
    c->left = head->body;
    if (there > head->body)
        stop_looking(c);
    if (!c->whole)
        conn_deadline_start(c);
    return true;
}

static void
look(struct conn *c)
{
    struct server *s = c->server;
    ssize_t n = recv(c->fd, s->peek, HEAD_MAX, MSG_PEEK | MSG_DONTWAIT);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            let_read(c); /* the end */
        return;
    }
    if (c->surplus && c->user->connections > s->options.max_connections_per_uid) {
        conn_refuse(c, 503, "too many connections of one user");
        throw_away(c);
        return;
    }
    c->surplus = false;
    struct head head;
    struct head_fault fault = { 400, "" };
    switch (head_read((struct str){ s->peek, (size_t)n }, &head, &fault)) {
    case HEAD_BAD:
        conn_refuse(c, fault.status, fault.text);
        break;
    case HEAD_MORE:
        if (c->ended) {
            conn_cut(c);
            return;
        }
        conn_deadline_start(c);
        if (c->eager_until > s->runs) { /* libmicrohttpd reads it all the same */
            stop_looking(c);
            let_read(c);
        }
        break;
    default:
        c->seen = head.chunked ? look_at_chunks(c, &head, (size_t)n)
                               : look_at_length(c, &head, (size_t)n);
        if (c->seen)
            let_read(c);
        break;
    }
    if (c->refused)
        throw_away(c);
}

static void
more_of_body(struct conn *c)
{
    if (!c->blind && unread(c) > c->left)
        stop_looking(c);
    let_read(c);
}

bool
conns_poll(struct server *s)
{
    struct epoll_event events[128];
    bool any = false;
    int n;
    do {
        n = epoll_wait(s->watch_fd, events, ARRAY_LEN(events), 0);
        any = any || n > 0;
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            if (events[i].events & EPOLLRDHUP)
                c->ended = s->ended = true;
            if (events[i].events & (EPOLLHUP | EPOLLERR)) {
                if (!c->hung)
                    server_hang_up(c);
                let_read(c);
            } else if (c->refused) {
                throw_away(c);
            } else if (c->ex != NULL && c->ex->phase == PHASE_RUN) {
                c->early = true;
            } else if (c->unseen) {
                conn_deadline_start(c);
                let_read(c);
            } else if (c->ex != NULL) {
                more_of_body(c);
            } else {
                look(c);
            }
        }
    } while (n == (int)ARRAY_LEN(events));
    return any;
}

void
conns_after(struct server *s)
{
    struct conns all = TAILQ_HEAD_INITIALIZER(all);
    struct conn *c;
    TAILQ_CONCAT(&all, &s->after, after);
    while ((c = TAILQ_FIRST(&all)) != NULL) {
        TAILQ_REMOVE(&all, c, after);
        c->is_after = false;
        if (c->refused || c->unseen)
            continue;
        if (c->ex != NULL) {
            if (c->ex->queued && !c->ex->suspended && !c->open)
                let_hear(c, HEAR_ALL); /* until the client has read it all */
            continue;
        }
        if (c->open || c->loose)
            c->loose = !let_hear(c, HEAR_NOTHING) && c->loose;
        if (c->loose)
            conn_look_after(c);
        if (c->early || c->ended || c->eager_until > s->runs)
            look(c);
        c->early = false;
    }
}

struct conn *
conns_find_faulty(struct server *s)
{
    struct conn *c, *found = NULL;
    if (s->heading != NULL && !s->heading->unseen && !s->heading->blind)
        return s->heading;
    TAILQ_FOREACH(c, &s->all, all) {
        if (!c->unseen && (c->ex == NULL || !c->blind))
            continue;
        if (found != NULL)
            return NULL;
        found = c;
    }
    return found;
}

/* ------------------------------------------------------------------------------------ life */

static struct user *
user_of(struct server *s, uid_t uid)
{
    struct user *u;
    TAILQ_FOREACH(u, &s->users, all)
        if (u->uid == uid)
            return u;
    u = xcalloc(1, sizeof *u);
    u->uid = uid;
    TAILQ_INSERT_TAIL(&s->users, u, all);
    return u;
}

static void
user_leave(struct server *s, struct user *u)
{
    if (u->connections > 0 || u->body_bytes > 0)
        return;
    TAILQ_REMOVE(&s->users, u, all);
    free(u);
}

bool
exchange_charge(struct exchange *ex, size_t bytes)
{
    struct server *s = ex->server;
    struct user *u = ex->conn->user;
    size_t more = bytes > ex->charged ? bytes - ex->charged : 0;
    if (more > s->options.max_bodies - s->body_bytes
        || u->body_bytes + more > s->options.max_bodies / 2)
        return false;
    s->body_bytes += bytes - ex->charged;
    u->body_bytes += bytes - ex->charged;
    ex->charged = bytes;
    if (ex->payer == NULL)
        TAILQ_INSERT_TAIL(&s->paid, ex, paid);
    ex->payer = u;
    return true;
}

void
exchange_discharge(struct exchange *ex)
{
    struct user *u = ex->payer;
    if (u == NULL)
        return;
    ex->server->body_bytes -= ex->charged;
    TAILQ_REMOVE(&ex->server->paid, ex, paid);
    u->body_bytes -= ex->charged;
    ex->payer = NULL;
    user_leave(ex->server, u);
}

/* Twice the limit may stay until they ask for something, to be told why not. */
static void
count(struct conn *c)
{
    unsigned max = c->server->options.max_connections_per_uid;
    c->user->connections++;
    if (max == 0 || c->user->connections <= max)
        return;
    c->surplus = true;
    conn_deadline_start(c);
    if (c->user->connections / 2 >= max) {
        c->refused = true;
        shutdown(c->fd, SHUT_RDWR);
    }
}

struct conn *
conn_open(struct server *s, struct MHD_Connection *mhd, int fd)
{
    struct conn *c = xcalloc(1, sizeof *c);
    c->server = s;
    c->mhd = mhd;
    c->fd = fd;
    c->open = true;
    peer_of(c->fd, &c->peer);
    c->user = user_of(s, c->peer.uid);
    struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = c };
    if (epoll_ctl(s->watch_fd, EPOLL_CTL_ADD, c->fd, &ev) < 0)
        log_error("cannot watch a connection: %m");
    TAILQ_INSERT_TAIL(&s->all, c, all);
    conn_look_after(c);
    count(c);
    return c;
}

void
conn_close(struct conn *c)
{
    struct server *s = c->server;
    conn_deadline_stop(c);
    if (c->is_after)
        TAILQ_REMOVE(&s->after, c, after);
    if (s->heading == c)
        s->heading = NULL;
    epoll_ctl(s->watch_fd, EPOLL_CTL_DEL, c->fd, NULL);
    TAILQ_REMOVE(&s->all, c, all);
    c->user->connections--;
    user_leave(s, c->user);
    peer_fini(&c->peer);
    free(c);
}
