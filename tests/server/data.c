/* data-server - data sets over HTTP for tests: documents that arrive well or badly, and the
 * rows of a hub.  It listens on a port of loopback that the kernel chooses; its first line of
 * output says which.  SIGTERM ends it.
 *
 *     data-server DIR
 *
 * GET /DIR-FILE[?type=TYPE]    the file; Content-Type: TYPE (none: no header); ETag and
 *                              Last-Modified
 * GET /to/URL                  302 to that URL (percent-decoded)
 * GET /status/N                that status
 * GET /half/FILE               the first half, then the end of the connection
 * GET /hold/FILE               the first half; the rest after POST /release
 * GET /gzip/FILE               FILE as it is, as gzip
 * GET /late/N/FILE             503 the first N times
 * GET /big/N                   N bytes of CSV, without a length
 * GET /splits, /rows           the hub's API; see hub() for its data sets
 * GET /stats                   {"requests":N,"waiting":N,"gone":N,"seen":{PATH:N,...}}: those
 *                              that hold wait, those that were hung up on are gone
 */
#include "config.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io.h"
#include "common/jtext.h"
#include "common/mem.h"

#define HUB_ROWS 250
#define SEEN_MAX 256

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int requests, waiting, gone;
    bool released;
    struct { char *path; int n; } seen[SEEN_MAX];
    size_t n_seen;
} state = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
static int dir_fd;
static char origin[64];

struct request {
    int fd;
    char *path, *query; /* query: "" when there is none */
    bool authorized;    /* Bearer sesame */
};

/* How often this path was asked for, this time included. */
static int
see(const char *path)
{
    size_t i = 0;
    pthread_mutex_lock(&state.lock);
    while (i < state.n_seen && strcmp(state.seen[i].path, path) != 0)
        i++;
    if (i == state.n_seen && i < SEEN_MAX)
        state.seen[state.n_seen++].path = xstrdup(path);
    int n = i < SEEN_MAX ? ++state.seen[i].n : 1;
    state.requests++;
    pthread_mutex_unlock(&state.lock);
    return n;
}

static void
send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k <= 0)
            return;
        p += k;
        n -= (size_t)k;
    }
}

static void
reply(const struct request *rq, int status, const char *headers, struct str body)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_putf(&t, "HTTP/1.1 %d Whatever\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n",
              status, body.len, headers);
    text_put_str(&t, body);
    send_all(rq->fd, t.ptr, t.len);
}

static void
reply_error(const struct request *rq, int status, const char *headers, const char *words)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_puts(&t, "{\"error\":");
    jtext_put_string(&t, str_z(words));
    text_putc(&t, '}');
    reply(rq, status, headers, text_str(&t));
}

/* The value of a parameter, decoded; NULL: it is not there. */
static char *
param(const struct request *rq, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = rq->query; *at != '\0';) {
        size_t len = strcspn(at, "&");
        if (len > n && strncmp(at, name, n) == 0 && at[n] == '=') {
            struct text t = TEXT_INIT;
            for (size_t i = n + 1; i < len; i++) {
                unsigned ch = (unsigned char)at[i];
                if (ch == '%' && sscanf(at + i + 1, "%2x", &ch) == 1)
                    i += 2;
                text_putc(&t, (char)ch);
            }
            return text_take(&t);
        }
        at += len + (at[len] == '&');
    }
    return NULL;
}

/* ---- documents ---- */

/* Until it may go on; false: the other end has gone. */
static bool
hold(const struct request *rq)
{
    bool gone = false;
    pthread_mutex_lock(&state.lock);
    state.waiting++;
    while (!state.released && !gone) {
        pthread_mutex_unlock(&state.lock);
        struct pollfd p = { rq->fd, POLLRDHUP, 0 };
        gone = poll(&p, 1, 20) > 0;
        pthread_mutex_lock(&state.lock);
    }
    state.waiting--;
    state.gone += gone;
    pthread_mutex_unlock(&state.lock);
    return !gone;
}

static void
serve_file(const struct request *rq, const char *name, const char *how)
{
    size_t len;
    struct err err;
    CLEANUP_FREE char *bytes = io_read_file(dir_fd, name, 1u << 30, &len, &err);
    CLEANUP_FREE char *type = param(rq, "type");
    CLEANUP_TEXT struct text head = TEXT_INIT;
    if (bytes == NULL) {
        reply(rq, 404, "", STR("not here"));
        return;
    }
    text_putf(&head, "ETag: \"%zu\"\r\nLast-Modified: Mon, 05 Jan 2026 10:00:00 GMT\r\n", len);
    if (type != NULL)
        text_putf(&head, "Content-Type: %s\r\n", type);
    if (strcmp(how, "gzip") == 0)
        text_puts(&head, "Content-Encoding: gzip\r\n");
    if (strcmp(how, "half") != 0 && strcmp(how, "hold") != 0) {
        reply(rq, 200, head.ptr, (struct str){ bytes, len });
        return;
    }
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_putf(&t, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n", len,
              head.ptr);
    text_put(&t, bytes, len / 2);
    send_all(rq->fd, t.ptr, t.len);
    if (strcmp(how, "hold") == 0 && hold(rq))
        send_all(rq->fd, bytes + len / 2, len - len / 2);
}

static void
serve_big(const struct request *rq, long n)
{
    static const char row[] = "aaaaaaaaaaaaaaa\n";
    const char *head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/csv\r\n\r\n";
    CLEANUP_TEXT struct text t = TEXT_INIT;
    send_all(rq->fd, head, strlen(head));
    while (t.len < 1u << 16)
        text_puts(&t, row);
    for (; n > 0; n -= (long)t.len)
        send_all(rq->fd, t.ptr, n < (long)t.len ? (size_t)n : t.len);
}

static void
redirect(const struct request *rq, const char *to)
{
    CLEANUP_TEXT struct text head = TEXT_INIT, t = TEXT_INIT;
    for (const char *c = to; *c != '\0'; c++) {
        unsigned ch = (unsigned char)*c;
        if (ch == '%' && sscanf(c + 1, "%2x", &ch) == 1)
            c += 2;
        text_putc(&t, (char)ch);
    }
    text_putf(&head, "Location: %s\r\n", t.len > 0 ? t.ptr : "/to/");
    reply(rq, 302, head.ptr, STR("look there"));
}

/* ---- the hub ---- */

/* The rows of a data set begin with h0; what is special about org/NAME is in its name:
 * only (one configuration that is no default), many (two), busy (429 before each page), flaky
 * (500 before each page), cut (a truncated cell in row 130), broken (the second page is no
 * JSON), grows (one row more from the second page on), partial, hidden (needs the key), small
 * (40 rows a page whatever is asked), empty, ends (the third page has no rows), slow (the
 * second page holds), wide (rows of 1 MiB). */
static bool
hub_has(const char *dataset, const char *name)
{
    return strncmp(dataset, "org/", 4) == 0 && strcmp(dataset + 4, name) == 0;
}

static bool
hub_knows(const char *dataset)
{
    static const char *const all[] = { "plain", "only", "many", "busy", "flaky", "cut", "broken",
                                       "grows", "partial", "hidden", "small", "empty", "ends",
                                       "slow", "wide" };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (hub_has(dataset, all[i]))
            return true;
    return false;
}

static void
hub_splits(const struct request *rq, const char *dataset)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    bool many = hub_has(dataset, "many");
    const char *const configs[] = { hub_has(dataset, "only") ? "main" : many ? "a b" : "default",
                                    "b&c" };
    text_puts(&t, "{\"splits\":[");
    for (size_t i = 0; i < (many ? 2u : 1u); i++)
        text_putf(&t, "%s{\"dataset\":\"%s\",\"config\":\"%s\",\"split\":\"train\"},"
                  "{\"dataset\":\"%s\",\"config\":\"%s\",\"split\":\"test\"}", i > 0 ? "," : "",
                  dataset, configs[i], dataset, configs[i]);
    text_puts(&t, "],\"pending\":[],\"failed\":[]}");
    reply(rq, 200, "Content-Type: application/json\r\n", text_str(&t));
}

static void
put_row(struct text *t, const char *dataset, long i)
{
    text_putf(t, "{\"row_idx\":%ld,\"row\":{\"id\":\"h%ld\",\"input_query\":\"q%ld\","
              "\"expected_answer\":\"A\",\"generated_answer\":\"%s\"", i, i, i,
              i % 2 == 0 ? "A" : "B");
    if (hub_has(dataset, "wide")) {
        text_puts(t, ",\"pad\":\"");
        for (int k = 0; k < 1 << 20; k++)
            text_putc(t, 'x');
        text_putc(t, '"');
    }
    text_putf(t, "},\"truncated_cells\":[%s]}",
              i == 130 && hub_has(dataset, "cut") ? "\"expected_answer\"" : "");
}

static void
hub_rows(const struct request *rq, const char *dataset)
{
    CLEANUP_FREE char *config = param(rq, "config"), *split = param(rq, "split");
    CLEANUP_FREE char *offset = param(rq, "offset"), *length = param(rq, "length");
    if (config == NULL || split == NULL || offset == NULL || length == NULL) {
        reply_error(rq, 422, "", "Parameters 'dataset', 'config' and 'split' are required");
        return;
    }
    long from = atol(offset), n = atol(length), total = HUB_ROWS;
    const char *right = hub_has(dataset, "only") ? "main" : hub_has(dataset, "many") ? "b&c"
                                                                                     : "default";
    if (n > 100) {
        reply_error(rq, 422, "", "Parameter 'length' must not be greater than 100");
        return;
    }
    if (strcmp(config, right) != 0 || strcmp(split, "test") != 0) {
        reply_error(rq, 404, "", "Not found.");
        return;
    }
    total = hub_has(dataset, "empty") ? 0 : hub_has(dataset, "wide") ? 8
            : total + (from > 0 && hub_has(dataset, "grows"));
    n = hub_has(dataset, "small") && n > 40 ? 40 : n;
    n = hub_has(dataset, "wide") && n > 2 ? 2 : n;
    n = hub_has(dataset, "ends") && from >= 200 ? 0 : n;
    if (hub_has(dataset, "slow") && from > 0 && !hold(rq))
        return;
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_puts(&t, "{\"features\":[{\"feature_idx\":0,\"name\":\"id\",\"type\":"
              "{\"dtype\":\"string\",\"_type\":\"Value\"}}],\"rows\":[");
    for (long i = from; i < total && i < from + n; i++) {
        text_puts(&t, i > from ? "," : "");
        put_row(&t, dataset, i);
    }
    text_putf(&t, "],\"num_rows_total\":%ld,\"num_rows_per_page\":100,\"partial\":%s%s", total,
              hub_has(dataset, "partial") ? "true" : "false",
              hub_has(dataset, "broken") && from > 0 ? "" : "}");
    reply(rq, 200, "Content-Type: application/json\r\n", text_str(&t));
}

static void
hub(const struct request *rq, bool first)
{
    CLEANUP_FREE char *dataset = param(rq, "dataset");
    if (dataset == NULL)
        reply_error(rq, 422, "", "Parameter 'dataset' is required");
    else if (!hub_knows(dataset) || (hub_has(dataset, "hidden") && !rq->authorized))
        reply_error(rq, rq->authorized ? 404 : 401, "", "The dataset does not exist, or is not "
                    "accessible without authentication (private or gated).");
    else if (first && hub_has(dataset, "busy"))
        reply_error(rq, 429, "Retry-After: 1\r\n", "Too many requests");
    else if (first && hub_has(dataset, "flaky"))
        reply_error(rq, 500, "X-Error-Code: ResponseNotReady\r\n",
                    "The server is busier than usual and the response is not ready yet.");
    else if (strcmp(rq->path, "/splits") == 0)
        hub_splits(rq, dataset);
    else
        hub_rows(rq, dataset);
}

/* ---- requests ---- */

static void
serve_stats(const struct request *rq)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    pthread_mutex_lock(&state.lock);
    text_putf(&t, "{\"requests\":%d,\"waiting\":%d,\"gone\":%d,\"seen\":{", state.requests,
              state.waiting, state.gone);
    for (size_t i = 0; i < state.n_seen; i++) {
        text_puts(&t, i > 0 ? "," : "");
        jtext_put_string(&t, str_z(state.seen[i].path));
        text_putf(&t, ":%d", state.seen[i].n);
    }
    pthread_mutex_unlock(&state.lock);
    text_puts(&t, "}}");
    reply(rq, 200, "", text_str(&t));
}

static bool
begins(const char *z, const char *with, const char **ret_rest)
{
    size_t n = strlen(with);
    *ret_rest = z + n;
    return strncmp(z, with, n) == 0;
}

static void
answer(const struct request *rq, const char *target)
{
    static const char *const hows[] = { "half", "hold", "gzip" };
    const char *rest;
    if (strcmp(rq->path, "/stats") == 0) {
        serve_stats(rq);
        return;
    }
    if (strcmp(rq->path, "/release") == 0) {
        pthread_mutex_lock(&state.lock);
        state.released = true;
        pthread_mutex_unlock(&state.lock);
        reply(rq, 200, "", STR("yes"));
        return;
    }
    int n = see(target);
    if (strcmp(rq->path, "/splits") == 0 || strcmp(rq->path, "/rows") == 0) {
        hub(rq, n == 1);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(hows); i++)
        if (begins(rq->path + 1, hows[i], &rest) && *rest == '/') {
            serve_file(rq, rest + 1, hows[i]);
            return;
        }
    if (begins(rq->path, "/to/", &rest)) {
        redirect(rq, rest);
    } else if (begins(rq->path, "/status/", &rest)) {
        reply(rq, atoi(rest), "", STR("a page about it"));
    } else if (begins(rq->path, "/big/", &rest)) {
        serve_big(rq, atol(rest));
    } else if (begins(rq->path, "/late/", &rest) && strchr(rest, '/') != NULL) {
        if (n <= atoi(rest))
            reply(rq, 503, "", STR("later"));
        else
            serve_file(rq, strchr(rest, '/') + 1, "");
    } else {
        serve_file(rq, rq->path + 1, "");
    }
}

static void *
serve(void *arg)
{
    char buf[16384];
    size_t n = 0;
    struct request rq = { .fd = (int)(intptr_t)arg };
    buf[0] = '\0';
    while (n < sizeof buf - 1 && strstr(buf, "\r\n\r\n") == NULL) {
        ssize_t k = recv(rq.fd, buf + n, sizeof buf - 1 - n, 0);
        if (k <= 0)
            break;
        n += (size_t)k;
        buf[n] = '\0';
    }
    char *target = strchr(buf, ' '), *end = target != NULL ? strchr(target + 1, ' ') : NULL;
    if (end != NULL) {
        rq.authorized = strcasestr(end, "\r\nauthorization: Bearer sesame\r\n") != NULL;
        *end = '\0';
        CLEANUP_FREE char *path = xstrdup(target + 1);
        rq.path = path;
        char *q = strchr(path, '?');
        rq.query = q != NULL ? q + 1 : path + strlen(path);
        if (q != NULL)
            *q = '\0';
        answer(&rq, target + 1);
        /* what the other end has sent must be read, or the end of the connection eats the
         * answer */
        shutdown(rq.fd, SHUT_WR);
    }
    close(rq.fd);
    return NULL;
}

static void
on_term(int signo)
{
    (void)signo;
    _exit(0);
}

int
main(int argc, char **argv)
{
    struct sockaddr_in in = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof in;
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    dir_fd = open(argc == 2 ? argv[1] : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (dir_fd < 0 || bind(listener, (struct sockaddr *)&in, sizeof in) < 0
        || listen(listener, 128) < 0
        || getsockname(listener, (struct sockaddr *)&in, &len) < 0) {
        perror("data-server");
        return 1;
    }
    signal(SIGTERM, on_term);
    snprintf(origin, sizeof origin, "127.0.0.1:%d", ntohs(in.sin_port));
    printf("listening on %s\n", origin);
    fflush(stdout);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    for (;;) {
        pthread_t thread;
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0 && pthread_create(&thread, &attr, serve, (void *)(intptr_t)fd) != 0)
            close(fd);
    }
}
