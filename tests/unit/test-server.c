/* The HTTP side of evald: a server with a few handlers of its own, and clients that speak
 * raw bytes over its socket.  Everything runs on one thread: waiting means turning the loop. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/io.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/server.h"
#include "tap.h"

#define MAX_BODY (1u << 20)
#define PIECES   100u /* of 64 KiB in a long stream */
#define PATIENCE_NS (60 * INT64_C(1000000000)) /* then a test has failed */

static struct ev_loop *loop;
static struct server *server;
static char socket_path[100];

/* -------------------------------------------------------------------------------- handlers */

static struct request *held[600];
static size_t n_held, n_hangups, n_dispatched;
static size_t asked, closed;

static void
on_hangup(void *arg)
{
    n_hangups++;
    for (size_t i = 0; i < n_held; i++)
        if (held[i] == arg)
            held[i] = NULL;
    request_drop(arg);
}

struct source {
    struct request *rq;
    size_t left, fail_at;
    bool later;
    struct ev_timer timer;
};

static void
give(struct source *s)
{
    static char block[64 << 10];
    if (s->left == s->fail_at) {
        struct err err;
        err_set(&err, ERR_IO, "the disk has gone");
        request_fail(s->rq, &err);
        return;
    }
    memset(block, 'x', sizeof block);
    s->left--;
    request_chunk(s->rq, (struct str){ block, sizeof block }, s->left == 0);
}

static void
on_timer(struct ev_loop *l, struct ev_timer *t, int events)
{
    (void)l, (void)events;
    give(t->data);
}

static void
source_next(void *arg)
{
    struct source *s = arg;
    asked++;
    if (!s->later) {
        give(s);
        return;
    }
    ev_timer_init(&s->timer, on_timer, 0., 0.);
    s->timer.data = s;
    ev_timer_start(loop, &s->timer);
}

static void
source_close(void *arg)
{
    struct source *s = arg;
    ev_timer_stop(loop, &s->timer);
    closed++;
    free(s);
}

static void
stream(struct request *rq, size_t n, size_t fail_at, bool later)
{
    static const struct request_source source = { source_next, source_close };
    struct source *s = xcalloc(1, sizeof *s);
    *s = (struct source){ .rq = rq, .left = n, .fail_at = fail_at, .later = later };
    request_stream(rq, &source, s);
}

static void
dispatch(struct request *rq)
{
    n_dispatched++;
    if (strcmp(rq->target, "/hold") == 0) {
        held[n_held++] = rq;
        request_on_hangup(rq, on_hangup, rq);
    } else if (strcmp(rq->target, "/stream") == 0) {
        stream(rq, PIECES, SIZE_MAX, true);
    } else if (strcmp(rq->target, "/stream-now") == 0) {
        stream(rq, 5, SIZE_MAX, false);
    } else if (strcmp(rq->target, "/stream-fails-first") == 0) {
        stream(rq, 5, 5, true);
    } else if (strcmp(rq->target, "/stream-fails-later") == 0) {
        stream(rq, 5, 2, true);
    } else if (strcmp(rq->method, "GET") != 0 && strcmp(rq->method, "POST") != 0) {
        request_put_header(rq, "Allow", "GET, POST");
        request_fail_text(rq, 405, "Method Not Allowed");
    } else {
        struct text t = TEXT_INIT;
        text_putf(&t, "{\"target\":\"%s\",\"bytes\":%zu,\"mine\":%s}", rq->target, rq->body.len,
                  rq->uid == geteuid() ? "true" : "false");
        request_reply(rq, 200, &t);
    }
}

/* --------------------------------------------------------------------------------- clients */

struct client {
    int fd;
    struct text in; /* unread bytes */
    bool eof;       /* or reset */
};

static int64_t patience;

static bool
turn(void)
{
    ev_run(loop, EVRUN_NOWAIT);
    if (patience == 0)
        patience = time_mono_ns() + PATIENCE_NS;
    if (time_mono_ns() > patience)
        return false;
    usleep(200);
    return true;
}

#define UNTIL(cond) \
    do { \
        patience = 0; \
        while (!(cond) && turn()) \
            ; \
    } while (0)

static struct client *
dial(void)
{
    struct client *c = xcalloc(1, sizeof *c);
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    memcpy(a.sun_path, socket_path, strlen(socket_path));
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(c->fd, (struct sockaddr *)&a, sizeof a) < 0) {
        close(c->fd);
        free(c);
        return NULL;
    }
    io_set_nonblock(c->fd);
    return c;
}

static void
hang_up(struct client *c)
{
    close(c->fd);
    text_fini(&c->in);
    free(c);
}

static bool
take(struct client *c)
{
    char buf[32768];
    ssize_t n = recv(c->fd, buf, sizeof buf, 0);
    if (n > 0)
        text_put(&c->in, buf, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        c->eof = true;
    return n > 0;
}

/* Sends all, or up to where the server closes. */
static void
say_n(struct client *c, const char *bytes, size_t n)
{
    patience = 0;
    while (n > 0) {
        ssize_t k = send(c->fd, bytes, n, MSG_NOSIGNAL);
        if (k < 0 && errno != EAGAIN)
            return;
        if (k > 0) {
            bytes += k;
            n -= (size_t)k;
        }
        if (k < 0 || (size_t)k < n)
            if (!turn())
                return;
    }
}

static void
say(struct client *c, const char *text)
{
    say_n(c, text, strlen(text));
}

struct answer {
    int status; /* 0: none came; -1: it was cut off in its middle */
    char head[2048];
    struct text body;
};

/* The length of a whole answer at the start of c->in; 0: not yet. */
static size_t
parse(struct client *c, struct answer *a)
{
    char *end = c->in.len > 0 ? memmem(c->in.ptr, c->in.len, "\r\n\r\n", 4) : NULL;
    if (end == NULL)
        return 0;
    size_t head = (size_t)(end - c->in.ptr) + 4, at = head;
    snprintf(a->head, sizeof a->head, "%.*s", (int)head, c->in.ptr);
    text_clear(&a->body);
    a->status = atoi(a->head + strlen("HTTP/1.1 "));
    const char *length = strcasestr(a->head, "\r\nContent-Length: ");
    if (strcasestr(a->head, "\r\nTransfer-Encoding: chunked") != NULL) {
        for (;;) {
            char *eol = memmem(c->in.ptr + at, c->in.len - at, "\r\n", 2);
            if (eol == NULL)
                return 0;
            size_t n = strtoul(c->in.ptr + at, NULL, 16);
            at = (size_t)(eol - c->in.ptr) + 2;
            if (c->in.len - at < n + 2)
                return 0;
            text_put(&a->body, c->in.ptr + at, n);
            at += n + 2;
            if (n == 0)
                return at;
        }
    }
    size_t n = length != NULL ? strtoul(length + 18, NULL, 10) : 0;
    if (c->in.len - at < n)
        return 0;
    text_put(&a->body, c->in.ptr + at, n);
    return at + n;
}

static struct answer *
hear(struct client *c)
{
    static struct answer a;
    a.status = 0;
    text_clear(&a.body);
    size_t n = 0;
    while (take(c))
        ;
    UNTIL((n = parse(c, &a)) > 0 || (take(c), false) || c->eof);
    while (n == 0 && take(c))
        n = parse(c, &a);
    if (n == 0) {
        a.status = c->in.len > 0 ? -1 : 0;
        return &a;
    }
    memmove(c->in.ptr, c->in.ptr + n, c->in.len - n + 1);
    c->in.len -= n;
    return &a;
}

static struct answer *
call(struct client *c, const char *text)
{
    say(c, text);
    return hear(c);
}

static bool
has_header(const struct answer *a, const char *line)
{
    char want[200];
    snprintf(want, sizeof want, "\r\n%s\r\n", line);
    return strcasestr(a->head, want) != NULL;
}

static unsigned per_uid, idle_s;
static size_t bodies;

static void
start(int deadline_ms)
{
    struct err err;
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    memcpy(a.sun_path, socket_path, strlen(socket_path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool bound = bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 512) == 0;
    struct server_options o = {
        .dispatch = dispatch, .max_body = MAX_BODY, .request_deadline_ms = deadline_ms,
        .own_socket = true, .max_connections_per_uid = per_uid, .idle_timeout_s = idle_s,
        .max_bodies = bodies,
    };
    server = bound ? server_open(loop, fd, &o, &err) : NULL;
    if (!ok(server != NULL, "the server starts"))
        exit(1);
}

/* ----------------------------------------------------------------------------------- tests */

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

static void
test_plain(void)
{
    struct client *c = dial();
    struct answer *a = call(c, GET("/a%2Fb?x=%20"));
    is_int(a->status, 200, "a request is answered");
    is_str(a->body.ptr, "{\"target\":\"/a%2Fb?x=%20\",\"bytes\":0,\"mine\":true}",
           "the target arrives as it was sent, and who sent it");
    ok(has_header(a, "Content-Type: application/json"), "answers are application/json");
    a = call(c, GET("/again"));
    is_int(a->status, 200, "the connection is kept alive");

    say(c, GET("/1") GET("/2") "POST /3 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" GET("/4"));
    a = hear(c);
    ok(strstr(a->body.ptr, "\"/1\"") != NULL, "pipelined: the first answer");
    a = hear(c);
    ok(strstr(a->body.ptr, "\"/2\"") != NULL, "pipelined: the second");
    a = hear(c);
    ok(strstr(a->body.ptr, "\"/3\",\"bytes\":3") != NULL, "pipelined: the third has its body");
    a = hear(c);
    ok(strstr(a->body.ptr, "\"/4\"") != NULL, "pipelined: the fourth");

    say(c, "HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n");
    UNTIL((take(c), c->in.len > 4 && memcmp(c->in.ptr + c->in.len - 4, "\r\n\r\n", 4) == 0));
    ok(strncmp(c->in.ptr, "HTTP/1.1 405", 12) == 0 && strstr(c->in.ptr, "\r\nAllow: GET, POST"),
       "HEAD is 405 with Allow");
    hang_up(c);
    c = dial();
    a = call(c, "OPTIONS /x HTTP/1.1\r\nHost: x\r\n\r\n");
    is_int(a->status, 405, "OPTIONS is 405");
    a = call(c, "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                "4\r\nabcd\r\n3;x=y\r\nefg\r\n0\r\n\r\n");
    ok(a->status == 200 && strstr(a->body.ptr, "\"bytes\":7") != NULL,
       "a chunked body is read");
    hang_up(c);

    c = dial();
    say(c, GET("/half"));
    shutdown(c->fd, SHUT_WR);
    a = hear(c);
    is_int(a->status, 200, "a half-closed client gets its answer");
    hang_up(c);

    c = dial();
    n_held = 0;
    say(c, GET("/hold"));
    shutdown(c->fd, SHUT_WR);
    UNTIL(n_held == 1);
    for (int i = 0; i < 20; i++)
        turn();
    if (ok(held[0] != NULL, "half-closing is no hang-up"))
        request_reply_json(held[0], json_object_new_object());
    a = hear(c);
    is_int(a->status, 200, "a half-closed client gets a late answer");
    hang_up(c);
}

static void
test_too_large(void)
{
    struct client *c = dial();
    size_t n = MAX_BODY + 1;
    char *big = malloc(n + 1);
    memset(big, 'b', n);
    big[n] = '\0';
    n_dispatched = 0;
    CLEANUP_TEXT struct text rq = TEXT_INIT;
    text_putf(&rq, "POST /x HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s", n, big);
    struct answer *a = call(c, rq.ptr);
    is_int(a->status, 413, "a body beyond the limit is 413");
    ok(strstr(a->body.ptr, "{\"detail\":\"the request body is larger than 1048576 bytes\"")
           == a->body.ptr, "with the error body");
    a = call(c, GET("/after"));
    is_int(a->status, 200, "and the connection is good for more");

    text_clear(&rq);
    text_putf(&rq, "POST /x HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%.*s", n - 1, (int)n - 1,
              big);
    a = call(c, rq.ptr);
    ok(a->status == 200 && strstr(a->body.ptr, "\"bytes\":1048576") != NULL,
       "a body of just the limit is taken");

    text_clear(&rq);
    text_puts(&rq, "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 5; i++)
        text_putf(&rq, "40000\r\n%.*s\r\n", 0x40000, big);
    text_puts(&rq, "0\r\n\r\n");
    a = call(c, rq.ptr);
    is_int(a->status, 413, "a chunked body beyond the limit is 413");

    a = call(c, "POST /x HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n");
    is_int(a->status, 413, "a huge Content-Length is refused at once");
    UNTIL((take(c), c->eof));
    ok(c->eof, "and the connection closed");
    hang_up(c);

    c = dial();
    a = call(c, "POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n");
    is_int(a->status, 413, "who asks before sending is told 413 at once");
    is_int(n_dispatched, 2, "no handler saw any of them");
    hang_up(c);
    free(big);
}

/* tests/api/http.bats has every kind there is. */
/* Bodies take 512 KiB together. */
static void
test_bodies(void)
{
    static char big[400 << 10];
    memset(big, 'b', sizeof big - 1);
    CLEANUP_TEXT struct text rq = TEXT_INIT;
    text_putf(&rq, "POST /x HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s", strlen(big), big);
    struct client *slow = dial(), *c = dial();
    say_n(slow, rq.ptr, rq.len - 1);
    UNTIL(server_busy(server) == 1);
    for (int i = 0; i < 20; i++)
        turn();
    struct answer *a = call(c, rq.ptr);
    is_int(a->status, 503, "a body beside others that is too much is 503");
    ok(has_header(a, "Retry-After: 1") && has_header(a, "x-should-retry: true"),
       "and may be sent again");
    is_int(call(c, GET("/y"))->status, 200, "the connection is good for more");
    say(slow, "b");
    is_int(hear(slow)->status, 200, "the other one comes to its end");
    is_int(call(c, rq.ptr)->status, 200, "and then there is room");

    n_held = n_hangups = 0;
    text_clear(&rq);
    text_putf(&rq, "POST /hold HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s", strlen(big), big);
    say(slow, rq.ptr);
    UNTIL(n_held == 1);
    is_int(call(c, rq.ptr)->status, 503, "what is worked on counts");
    hang_up(slow);
    UNTIL(n_hangups == 1);
    say(c, rq.ptr);
    UNTIL(n_held == 2);
    is_int(n_held, 2, "until it is over");
    hang_up(c);
    UNTIL(n_hangups == 2 && server_busy(server) == 0);
}

static void
test_malformed(void)
{
    static const struct {
        const char *bytes;
        int status;
    } bad[] = {
        { "\x16\x03\x01\x02", 400 },
        { "GET\r\n\r\n", 400 },
        { "GET /x HTTP/9\r\n\r\n", 400 },
        { "GET /x HTTP/2.0\r\n\r\n", 505 },
        { "POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400 },
        { "POST /x HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413 },
        { "GET /x HTTP/1.1\r\nno colon\r\n\r\n", 400 },
        { "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400 },
    };
    n_dispatched = 0;
    for (size_t i = 0; i < 3 * ARRAY_LEN(bad); i++) {
        struct client *c = dial();
        struct answer *a;
        size_t kind = i % ARRAY_LEN(bad);
        if (i >= ARRAY_LEN(bad)) { /* behind good ones: at once, and after a while */
            n_held = 0;
            say(c, i % 2 ? GET("/hold") : GET("/x"));
            UNTIL(i % 2 == 0 || n_held == 1);
            if (i % 2)
                request_reply_json(held[0], json_object_new_object());
            hear(c);
        }
        size_t n = strlen(bad[kind].bytes);
        say_n(c, bad[kind].bytes, n / 2); /* in two pieces, and both have arrived */
        for (int k = 0; k < 10; k++)
            turn();
        say_n(c, bad[kind].bytes + n / 2, n - n / 2);
        a = hear(c);
        is_int(a->status, bad[kind].status, "malformed request %zu", i);
        ok(has_header(a, "Content-Type: application/json") && has_header(a, "Connection: close")
               && strncmp(a->body.ptr, "{\"detail\":\"", 11) == 0,
           "gets the error body");
        UNTIL((take(c), c->eof));
        ok(c->eof, "and is closed");
        hang_up(c);
    }
    is_int(n_dispatched, 2 * ARRAY_LEN(bad), "no handler saw any of them");
    UNTIL(server_busy(server) == 0);

    struct client *c = dial();
    struct answer *a;
    n_held = 0;
    say(c, GET("/hold") "rubbish\r\n\r\n");
    UNTIL(n_held == 1);
    request_reply_json(held[0], json_object_new_object());
    is_int(hear(c)->status, 200, "rubbish behind a request that takes its time: that is answered");
    UNTIL((take(c), c->eof));
    ok(c->eof, "and then it is closed");
    hang_up(c);

    c = dial();
    n_held = 0;
    say(c, GET("/hold"));
    UNTIL(n_held == 1);
    say(c, "rubbish\r\n\r\n");
    for (int i = 0; i < 10; i++)
        turn();
    request_reply_json(held[0], json_object_new_object());
    is_int(hear(c)->status, 200, "the same when it comes later");
    is_int(hear(c)->status, 400, "and rubbish is told so");
    UNTIL((take(c), c->eof));
    hang_up(c);

    c = dial();
    say(c, "POST /x HTTP/1.1\r\nContent-Length: 100\r\n\r\nonly this");
    UNTIL(server_busy(server) == 1);
    hang_up(c);
    UNTIL(server_busy(server) == 0);
    is_int(server_busy(server), 0, "a truncated body ends with its connection");
    static const char *const half[] = {
        "POST /x HTTP/1.1\r\nContent-Length: 100\r\n\r\nonly this",
        "POST /x HTTP/1.1\r\nContent-Length: 100\r\n\r\n", "POST /x HTTP/1.1\r\nCont",
    };
    for (size_t i = 0; i < ARRAY_LEN(half); i++) {
        c = dial();
        say(c, half[i]);
        shutdown(c->fd, SHUT_WR);
        a = hear(c);
        UNTIL(server_busy(server) == 0);
        ok(a->status == 0 && server_busy(server) == 0,
           "half a request and its end at once: the connection is closed at once (%zu)", i);
        hang_up(c);
    }
    c = dial();
    say(c, GET("/well") GET("/well") "GET /we");
    shutdown(c->fd, SHUT_WR);
    a = hear(c);
    is_int(a->status, 200, "whole requests before the end are answered, the first");
    a = hear(c);
    is_int(a->status, 200, "the second");
    a = hear(c);
    is_int(a->status, 0, "and then it is closed");
    hang_up(c);
    c = dial();
    a = call(c, GET("/well"));
    is_int(a->status, 200, "and the server goes on");
    hang_up(c);
}

static void
test_hang_up(void)
{
    n_held = n_hangups = 0;
    struct client *c = dial();
    say(c, GET("/hold"));
    UNTIL(n_held == 1);
    is_int(server_busy(server), 1, "a held request counts as busy");
    hang_up(c);
    UNTIL(n_hangups == 1 && server_busy(server) == 0);
    is_int(n_hangups, 1, "a hang-up is told to the handler");
    is_int(server_busy(server), 0, "and the request is over");

    /* A handler that does not listen for it may answer long after. */
    n_held = 0;
    c = dial();
    say(c, GET("/hold"));
    UNTIL(n_held == 1);
    struct request *rq = held[0];
    request_on_hangup(rq, NULL, NULL);
    hang_up(c);
    UNTIL(server_busy(server) == 0);
    is_int(server_busy(server), 0, "the connection of a deaf handler is dropped too");
    request_reply_json(rq, json_object_new_object());
    ok(true, "an answer after the hang-up goes nowhere");
}

static void
test_stream(void)
{
    asked = closed = 0;
    struct client *c = dial();
    struct answer *a = call(c, GET("/stream"));
    ok(a->status == 200 && a->body.len == PIECES * 65536u, "a long stream arrives whole");
    UNTIL(closed == 1);
    is_int(closed, 1, "its source is closed");
    is_int(asked, PIECES, "and was asked once a piece");
    a = call(c, GET("/stream-now"));
    ok(a->status == 200 && a->body.len == 5 * 65536u, "a source may answer at once");

    a = call(c, GET("/stream-fails-first"));
    is_int(a->status, 500, "an error before the first piece is an ordinary error");
    ok(has_header(a, "x-should-retry: false"), "which must not be repeated");
    a = call(c, GET("/stream-fails-later"));
    is_int(a->status, -1, "a later one cuts the answer off");
    hang_up(c);
    UNTIL(closed == 4);
    is_int(closed, 4, "all sources are closed");

    asked = closed = 0;
    c = dial();
    say(c, GET("/stream"));
    UNTIL(asked > 2);
    for (int i = 0; i < 500; i++)
        turn();
    size_t before = asked;
    ok(before < 40, "a reader that does not read holds the source back (%zu pieces)", before);
    for (int i = 0; i < 100; i++)
        turn();
    is_int(asked, before, "and it stays there");
    a = hear(c);
    ok(a->status == 200 && a->body.len == PIECES * 65536u,
       "when it reads on it gets everything");
    say(c, GET("/stream"));
    UNTIL(asked > PIECES + 2);
    for (int i = 0; i < 50; i++)
        turn();
    hang_up(c);
    UNTIL(closed == 2 && server_busy(server) == 0);
    is_int(closed, 2, "a hang-up in the middle closes the source");
}

static void
test_crowd(size_t n)
{
    struct client *c[256];
    n_held = n_hangups = 0;
    for (size_t i = 0; i < n; i++)
        while ((c[i] = dial()) == NULL)
            turn();
    for (int round = 0; round < 3; round++) {
        n_held = 0;
        for (size_t i = 0; i < n; i++)
            say_n(c[i], GET("/hold"), strlen(GET("/hold")));
        UNTIL(n_held == n);
        is_int(n_held, n, "%zu connections are busy at once", n);
        for (size_t i = 0; i < n_held; i++)
            request_reply_json(held[i], json_object_new_object());
        size_t good = 0;
        for (size_t i = 0; i < n; i++)
            good += hear(c[i])->status == 200;
        is_int(good, n, "and all are answered");
        for (size_t i = 0; i < n; i++)
            send(c[i]->fd, GET("/x"), strlen(GET("/x")), MSG_NOSIGNAL);
        good = 0;
        for (size_t i = 0; i < n; i++)
            good += hear(c[i])->status == 200;
        is_int(good, n, "and so is a burst of quick ones");
    }
    for (size_t i = 0; i < n; i++)
        hang_up(c[i]);
}

static void
test_deadline(void)
{
    struct client *idle = dial();
    struct answer *a = call(idle, GET("/x"));
    is_int(a->status, 200, "an idle connection, once used");
    struct client *fresh = dial();

    static const char *const drip[] = {
        "GET /xxxxxxxxxxxxxxxxxxxx", /* in the request line */
        "GET /x HTTP/1.1\r\nX: xxxxxxxxxx",
        "POST /x HTTP/1.1\r\nContent-Length: 100000\r\n\r\nx",
    };
    for (size_t i = 0; i < ARRAY_LEN(drip); i++) {
        struct client *c = dial();
        size_t sent = 0, len = strlen(drip[i]);
        patience = 0;
        while (!c->eof && turn()) {
            char last = drip[i][len - 1];
            if (send(c->fd, sent < len ? drip[i] + sent : &last, 1, MSG_NOSIGNAL) < 0
                && errno != EAGAIN)
                break;
            sent++;
            while (take(c))
                ;
            usleep(2000);
        }
        UNTIL((take(c), c->eof));
        ok(c->eof, "a sender that drips bytes is cut off (%zu)", i);
        a = hear(c);
        is_int(a->status, 408, "and told why");
        ok(strstr(a->body.ptr, "{\"detail\":\"the request did not arrive in time\"") == a->body.ptr,
           "with the error body");
        hang_up(c);
    }
    struct client *piped = dial();
    n_held = 0;
    say(piped, GET("/hold") "GET /never-finis");
    UNTIL(n_held == 1);
    request_reply_json(held[0], json_object_new_object());
    is_int(hear(piped)->status, 200, "a request with the start of another behind it");
    patience = 0;
    while (!piped->eof && turn()) {
        if (send(piped->fd, "s", 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
            break;
        take(piped);
        usleep(2000);
    }
    UNTIL((take(piped), piped->eof));
    ok(piped->eof, "the other one has its deadline too");
    hang_up(piped);

    a = call(idle, GET("/x"));
    is_int(a->status, 200, "a connection idle for longer is still there");
    a = call(fresh, GET("/x"));
    is_int(a->status, 200, "and one that never said anything yet");
    hang_up(idle);
    hang_up(fresh);
}

static void
test_quiesce(void)
{
    struct client *idle = dial(), *busy = dial();
    call(idle, GET("/x"));
    n_held = n_hangups = 0;
    say(busy, GET("/hold"));
    UNTIL(n_held == 1);
    server_quiesce(server);
    struct stat st;
    ok(stat(socket_path, &st) < 0 && errno == ENOENT, "quiesce removes the socket at once");
    UNTIL((take(idle), idle->eof));
    ok(idle->eof, "and drops idle connections");
    is_int(server_busy(server), 1, "but not the request under way");
    request_reply_json(held[0], json_object_new_object());
    struct answer *a = hear(busy);
    is_int(a->status, 200, "which is answered");
    ok(has_header(a, "Connection: close"), "with Connection: close");
    UNTIL((take(busy), busy->eof));
    ok(busy->eof && server_busy(server) == 0, "and then closed");
    hang_up(idle);
    hang_up(busy);
}

/* Clients get half of the descriptors; the others wait for one of them to go. */
static void
test_few_descriptors(void)
{
    struct rlimit many, few = { 40, 40 };
    getrlimit(RLIMIT_NOFILE, &many);
    few.rlim_max = many.rlim_max;
    setrlimit(RLIMIT_NOFILE, &few);
    start(0);
    setrlimit(RLIMIT_NOFILE, &many);
    struct client *c[24];
    n_dispatched = 0;
    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        c[i] = dial();
        say(c[i], GET("/x"));
    }
    UNTIL(n_dispatched == 20);
    for (int i = 0; i < 20; i++)
        turn();
    is_int(n_dispatched, 20, "of 40 descriptors clients get 20");
    for (size_t i = 0; i < ARRAY_LEN(c); i++)
        hang_up(c[i]);
    struct client *last = dial();
    is_int(call(last, GET("/x"))->status, 200, "who comes later gets the place of one that went");
    hang_up(last);
}

static void
test_per_uid(void)
{
    struct client *c[7];
    struct answer *a;
    for (size_t i = 0; i < 3; i++) {
        c[i] = dial();
        is_int(call(c[i], GET("/x"))->status, 200, "connection %zu of three that one user may have", i);
    }
    c[3] = dial();
    a = call(c[3], GET("/x"));
    is_int(a->status, 503, "one more is refused");
    ok(has_header(a, "Retry-After: 1") && has_header(a, "x-should-retry: true")
           && has_header(a, "Connection: close")
           && strncmp(a->body.ptr, "{\"detail\":\"", 11) == 0,
       "and told to come again");
    UNTIL((take(c[3]), c[3]->eof));
    hang_up(c[3]);
    for (size_t i = 3; i < 7; i++)
        c[i] = dial();
    UNTIL((take(c[6]), c[6]->eof));
    ok(c[6]->eof, "twice as many are not even listened to");
    hang_up(c[0]);
    hang_up(c[6]);
    hang_up(c[5]);
    for (int i = 0; i < 20; i++)
        turn();
    hang_up(c[4]);
    for (int i = 0; i < 20; i++)
        turn();
    is_int(call(c[3], GET("/x"))->status, 200, "who waits until there is room again is served");
    for (size_t i = 1; i < 4; i++)
        hang_up(c[i]);
}

/* It asks for much and reads nothing. */
static void
test_deaf(void)
{
    asked = closed = 0;
    struct client *c = dial();
    say(c, GET("/stream"));
    UNTIL(closed == 1);
    is_int(closed, 1, "who does not read for the idle time is cut off");
    UNTIL(server_busy(server) == 0);
    hang_up(c);
    c = dial();
    UNTIL((take(c), c->eof));
    ok(c->eof, "who says nothing for the idle time, too");
    hang_up(c);
}

int
main(void)
{
    char dir[] = "/tmp/evald-server-XXXXXX";
    if (mkdtemp(dir) == NULL)
        return 1;
    signal(SIGPIPE, SIG_IGN);
    log_init("test", LOG_LEVEL_ERROR - 1);
    snprintf(socket_path, sizeof socket_path, "%s/s", dir);
    loop = ev_loop_new(EVFLAG_AUTO);

    start(0);
    test_plain();
    test_too_large();
    test_malformed();
    test_hang_up();
    test_stream();
    test_crowd(128);
    test_crowd(256);
    test_quiesce();
    server_free(server);

    test_few_descriptors();
    server_free(server);

    per_uid = 3;
    start(0);
    test_per_uid();
    server_free(server);
    per_uid = 0;
    bodies = 1 << 20;
    start(0);
    test_bodies();
    server_free(server);
    bodies = 0;
    idle_s = 1;
    start(0);
    test_deaf();
    server_free(server);
    idle_s = 0;

    start(300);
    test_deadline();
    n_held = n_hangups = asked = closed = 0;
    struct client *a = dial(), *b = dial(), *c = dial();
    say(a, GET("/hold"));
    say(b, GET("/stream"));
    say(c, "POST /x HTTP/1.1\r\nContent-Length: 9\r\n\r\n");
    UNTIL(n_held == 1 && asked > 2);
    server_free(server);
    ok(n_hangups == 1 && closed == 1, "freeing the server ends what is under way");
    hang_up(a);
    hang_up(b);
    hang_up(c);
    ev_loop_destroy(loop);
    rmdir(dir);
    return tap_done();
}
