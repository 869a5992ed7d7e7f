#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "common/io.h"
#include "common/mem.h"
#include "conn.h"
#include "counts.h"
#include "options.h"

#define HEAD_MAX  65536u
#define BODY_MAX  (64u << 20)
#define READ_STEP 16384u

atomic_bool server_stop;

double
worker_random(struct worker *w)
{
    w->rng ^= w->rng << 13;
    w->rng ^= w->rng >> 7;
    w->rng ^= w->rng << 17;
    return (double)(w->rng >> 11) * 0x1p-53;
}

/* ---- a heap of connections by the time of their answer ---- */

struct due {
    struct conn *conn;
    int64_t at_ns;
};

static void
heap_set(struct worker *w, size_t i, struct due d)
{
    w->heap[i] = d;
    d.conn->heap_at = i;
}

static void
heap_up(struct worker *w, size_t i, struct due d)
{
    for (; i > 0 && w->heap[(i - 1) / 2].at_ns > d.at_ns; i = (i - 1) / 2)
        heap_set(w, i, w->heap[(i - 1) / 2]);
    heap_set(w, i, d);
}

static void
heap_down(struct worker *w, size_t i, struct due d)
{
    for (size_t k; (k = 2 * i + 1) < w->n_heap; i = k) {
        if (k + 1 < w->n_heap && w->heap[k + 1].at_ns < w->heap[k].at_ns)
            k++;
        if (w->heap[k].at_ns >= d.at_ns)
            break;
        heap_set(w, i, w->heap[k]);
    }
    heap_set(w, i, d);
}

static void
heap_add(struct worker *w, struct conn *c, int64_t at_ns)
{
    if (w->n_heap == w->heap_room) {
        w->heap_room = w->heap_room > 0 ? w->heap_room * 2 : 256;
        w->heap = xreallocarray(w->heap, w->heap_room, sizeof *w->heap);
    }
    heap_up(w, w->n_heap++, (struct due){ c, at_ns });
}

static void
heap_remove(struct worker *w, size_t i)
{
    struct due last = w->heap[--w->n_heap];
    if (i == w->n_heap)
        return;
    if (i > 0 && w->heap[(i - 1) / 2].at_ns > last.at_ns)
        heap_up(w, i, last);
    else
        heap_down(w, i, last);
}

/* ---- one connection ---- */

static void
leave_flight(struct conn *c)
{
    if (c->in_flight)
        atomic_fetch_sub(&counts.in_flight, 1);
    c->in_flight = false;
}

static void
conn_close(struct worker *w, struct conn *c)
{
    if (c->pending) {
        heap_remove(w, c->heap_at);
        count_one(&counts.aborted);
    }
    leave_flight(c);
    if (c->reset_after) {
        struct linger rst = { 1, 0 };
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &rst, sizeof rst);
    }
    close(c->fd);
    atomic_fetch_sub(&counts.conns, 1);
    text_fini(&c->in);
    text_fini(&c->out);
    free(c);
}

static void
watch(struct worker *w, struct conn *c, bool want_out)
{
    if (c->want_out == want_out)
        return;
    struct epoll_event ev = { .events = EPOLLIN | (want_out ? EPOLLOUT : 0),
                              .data.ptr = c };
    epoll_ctl(w->epoll, EPOLL_CTL_MOD, c->fd, &ev);
    c->want_out = want_out;
}

/* false: the connection is gone. */
static bool
conn_flush(struct worker *w, struct conn *c)
{
    while (c->out_at < c->out.len) {
        ssize_t n =
            send(c->fd, c->out.ptr + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            watch(w, c, true);
            return true;
        }
        if (n < 0) {
            conn_close(w, c);
            return false;
        }
        c->out_at += (size_t)n;
        atomic_fetch_add_explicit(&counts.bytes_out, n, memory_order_relaxed);
    }
    text_clear(&c->out);
    c->out_at = 0;
    leave_flight(c);
    watch(w, c, false);
    if (c->close_after) {
        conn_close(w, c);
        return false;
    }
    return true;
}

/* ---- HTTP ---- */

/* What the head of a request says about itself. */
struct head {
    struct str method, path;
    size_t len; /* with the empty line */
    size_t content_length;
    bool keep_alive, chunked, expect, authorized;
};

static bool
header_is(struct str line, const char *name, struct str *ret_value)
{
    size_t k = strlen(name);
    if (line.len <= k || line.ptr[k] != ':' || strncasecmp(line.ptr, name, k) != 0)
        return false;
    struct str v = { line.ptr + k + 1, line.len - k - 1 };
    while (v.len > 0 && (*v.ptr == ' ' || *v.ptr == '\t'))
        v.ptr++, v.len--;
    while (v.len > 0 && (v.ptr[v.len - 1] == ' ' || v.ptr[v.len - 1] == '\t'))
        v.len--;
    *ret_value = v;
    return true;
}

static bool
str_is_nocase(struct str a, const char *z)
{
    return a.len == strlen(z) && strncasecmp(a.ptr, z, a.len) == 0;
}

static void
read_header(struct head *h, struct str line, bool http10)
{
    const char *key = options.api_key;
    struct str v;
    if (header_is(line, "content-length", &v)) {
        h->content_length = strtoul(v.ptr, NULL, 10);
    } else if (header_is(line, "connection", &v)) {
        if (str_is_nocase(v, "close"))
            h->keep_alive = false;
        else if (http10 && str_is_nocase(v, "keep-alive"))
            h->keep_alive = true;
    } else if (header_is(line, "transfer-encoding", &v)) {
        h->chunked = v.len >= 7 && strncasecmp(v.ptr + v.len - 7, "chunked", 7) == 0;
    } else if (header_is(line, "expect", &v)) {
        h->expect = true;
    } else if (key != NULL && header_is(line, "authorization", &v)) {
        h->authorized = v.len == 7 + strlen(key) && strncasecmp(v.ptr, "Bearer ", 7) == 0
                        && memcmp(v.ptr + 7, key, v.len - 7) == 0;
    }
}

/* 1: a whole head; 0: more must come; -1: no HTTP. */
static int
read_head(struct head *h, const char *s, size_t n)
{
    const char *end = s != NULL ? memmem(s, n, "\r\n\r\n", 4) : NULL;
    if (end == NULL)
        return n > HEAD_MAX ? -1 : 0;
    const char *eol = memmem(s, n, "\r\n", 2);
    const char *a = memchr(s, ' ', (size_t)(eol - s));
    const char *b = a != NULL ? memchr(a + 1, ' ', (size_t)(eol - a - 1)) : NULL;
    if (b == NULL)
        return -1;
    bool http10 = str_is((struct str){ b + 1, (size_t)(eol - b - 1) }, "HTTP/1.0");
    *h = (struct head){
        .method = { s, (size_t)(a - s) },
        .path = { a + 1, (size_t)(b - a - 1) },
        .len = (size_t)(end - s) + 4,
        .keep_alive = !http10,
        .authorized = options.api_key == NULL,
    };
    for (const char *line = eol + 2; line < end;) {
        const char *e = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        read_header(h, (struct str){ line, (size_t)(e - line) }, http10);
        line = e + 2;
    }
    return 1;
}

/* Puts the chunks at p together; their length as sent, 0 when more must come. */
static size_t
read_chunks(struct text *body, const char *p, const char *end)
{
    const char *start = p;
    for (;;) {
        const char *eol = memmem(p, (size_t)(end - p), "\r\n", 2);
        if (eol == NULL)
            return 0;
        size_t k = strtoul(p, NULL, 16);
        p = eol + 2;
        if (k > BODY_MAX || (size_t)(end - p) < k + 2)
            return 0;
        text_put(body, p, k);
        p += k + 2;
        if (k == 0)
            return (size_t)(p - start);
    }
}

/* Handles the request at the front of c->in.  1: done; 0: more must come, or the answer
 * waits; -1: the connection is gone. */
static int
take_request(struct worker *w, struct conn *c)
{
    const char *s = text_str(&c->in).ptr + c->in_at;
    size_t n = c->in.len - c->in_at;
    struct head h;
    int rc = read_head(&h, s, n);
    if (rc < 0 || (rc > 0 && h.content_length > BODY_MAX)) {
        conn_close(w, c);
        return -1;
    }
    if (rc == 0)
        return 0;
    CLEANUP_TEXT struct text chunks = TEXT_INIT;
    size_t body_len = h.chunked ? read_chunks(&chunks, s + h.len, s + n) : h.content_length;
    if (h.chunked ? body_len == 0 : n - h.len < body_len) {
        if (h.expect && n == h.len)
            send(c->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL);
        return 0;
    }
    struct str body = h.chunked ? text_str(&chunks) : (struct str){ s + h.len, body_len };
    c->close_after = !h.keep_alive;
    int64_t delay_ns = answer(w, c, h.method, h.path, h.authorized, body);
    c->in_at += h.len + body_len;
    if (delay_ns != 0) {
        c->pending = true;
        c->held = delay_ns == ANSWER_HELD;
        bool timed = !c->held && delay_ns != ANSWER_NEVER;
        heap_add(w, c, timed ? time_mono_ns() + delay_ns : INT64_MAX);
        return 0;
    }
    return conn_flush(w, c) ? 1 : -1;
}

/* Handles the whole requests in c->in.  false: the connection is gone. */
static bool
take_requests(struct worker *w, struct conn *c)
{
    while (!c->pending && c->out.len == 0 && c->in_at < c->in.len) {
        int rc = take_request(w, c);
        if (rc < 0)
            return false;
        if (rc == 0)
            break;
    }
    if (c->in_at > 0) {
        memmove(c->in.ptr, c->in.ptr + c->in_at, c->in.len - c->in_at);
        c->in.len -= c->in_at;
        c->in_at = 0;
    }
    return true;
}

/* ---- the loop ---- */

static void
on_event(struct worker *w, struct conn *c, uint32_t events)
{
    if (events & EPOLLOUT) {
        if (!conn_flush(w, c))
            return;
        if (c->out.len == 0 && !take_requests(w, c))
            return;
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    text_reserve(&c->in, READ_STEP);
    ssize_t n = recv(c->fd, c->in.ptr + c->in.len, c->in.room - c->in.len - 1, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        conn_close(w, c);
        return;
    }
    c->in.len += (size_t)n;
    c->in.ptr[c->in.len] = '\0';
    atomic_fetch_add_explicit(&counts.bytes_in, n, memory_order_relaxed);
    take_requests(w, c);
}

static void
on_accept(struct worker *w)
{
    for (int i = 0; i < 64; i++) {
        int fd = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        int one = 1;
        if (options.unix_path == NULL)
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct conn *c = xcalloc(1, sizeof *c);
        c->fd = fd;
        struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
        epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &ev);
        count_one(&counts.accepted);
        count_max(&counts.max_conns, atomic_fetch_add(&counts.conns, 1) + 1);
    }
}

/* The answers that were held are due. */
static void
release_held(struct worker *w)
{
    for (size_t i = 0; i < w->n_heap;) {
        struct conn *c = w->heap[i].conn;
        if (!c->held) {
            i++;
            continue;
        }
        c->held = false;
        heap_remove(w, i);
        heap_add(w, c, 0);
        i = 0; /* the order is another */
    }
}

/* Sends the answers whose time has come. */
static void
send_due(struct worker *w)
{
    if (w->n_heap == 0)
        return;
    int64_t now = time_mono_ns();
    while (w->n_heap > 0 && w->heap[0].at_ns <= now) {
        struct conn *c = w->heap[0].conn;
        heap_remove(w, 0);
        c->pending = false;
        if (conn_flush(w, c) && c->out.len == 0)
            take_requests(w, c);
    }
}

void *
worker_run(void *arg)
{
    struct worker *w = arg;
    struct epoll_event listen_ev = { .events = EPOLLIN | EPOLLEXCLUSIVE }, evs[256];
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->listener, &listen_ev);
    while (!server_stop) {
        struct timespec wait = { 1, 0 };
        if (w->n_heap > 0) {
            int64_t left = w->heap[0].at_ns - time_mono_ns();
            if (left < 1000000000)
                wait = (struct timespec){ 0, left > 0 ? left : 0 };
        }
        int n = epoll_pwait2(w->epoll, evs, 256, &wait, NULL);
        for (int i = 0; i < n; i++) {
            if (evs[i].data.ptr == NULL)
                on_accept(w);
            else
                on_event(w, evs[i].data.ptr, evs[i].events);
        }
        long releases = answer_releases();
        if (w->releases != releases)
            release_held(w);
        w->releases = releases;
        send_due(w);
    }
    return NULL;
}
