#include "config.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/jtext.h"
#include "common/mem.h"
#include "exchange.h"

#define SHARDS 8u

/* One multi handle. */
struct shard {
    struct engine *engine;
    CURLM *multi;
    ev_timer timer;
    double due;  /* when libcurl wants to be called; below 0: not at all */
    bool check;  /* something may have ended */
};

/* The watcher of a descriptor number. */
struct sock {
    ev_io io;
    struct shard *shard;
};

struct engine {
    struct ev_loop *loop;
    struct shard shards[SHARDS];
    struct sock **socks; /* by descriptor */
    size_t n_socks;
};

struct answer_header {
    size_t name, name_len, value, value_len; /* offsets into head */
};

struct exchange {
    CURL *easy;
    struct engine *engine;
    struct shard *shard;
    struct site *site;
    struct exchange *next_idle;
    /* what the easy handle is set to */
    struct text path, method;
    struct headers *headers;
    long timeout_ms;
    /* under way */
    exchange_done_fn *done;
    void *arg;
    bool (*sink)(void *arg, struct exchange *x, struct str bytes);
    void *sink_arg;
    unsigned sends;
    bool too_large;
    /* the answer */
    struct text head, body;
    struct answer_header lines[EXCHANGE_HEADERS_MAX];
    size_t n_lines;
    char why[CURL_ERROR_SIZE];
};

/* ---- libcurl's calls: sockets and timers ---- */

static void
on_socket_event(struct ev_loop *loop, ev_io *io, int events)
{
    struct sock *s = io->data;
    int running, mask = (events & EV_READ ? CURL_CSELECT_IN : 0)
                        | (events & EV_WRITE ? CURL_CSELECT_OUT : 0);
    (void)loop;
    s->shard->check = true;
    curl_multi_socket_action(s->shard->multi, io->fd, mask, &running);
}

static struct sock *
sock_of(struct engine *e, curl_socket_t fd)
{
    size_t i = (size_t)fd;
    if (i >= e->n_socks) {
        size_t n = i + 64;
        e->socks = xreallocarray(e->socks, n, sizeof(struct sock *));
        memset(e->socks + e->n_socks, 0, (n - e->n_socks) * sizeof(struct sock *));
        e->n_socks = n;
    }
    if (e->socks[i] == NULL) {
        e->socks[i] = xcalloc(1, sizeof **e->socks);
        ev_init(&e->socks[i]->io, on_socket_event);
        e->socks[i]->io.data = e->socks[i];
    }
    return e->socks[i];
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
    struct shard *shard = arg;
    struct sock *s = sock_of(shard->engine, fd);
    (void)easy;
    (void)assigned;
    ev_io_stop(shard->engine->loop, &s->io);
    if (what == CURL_POLL_REMOVE)
        return 0;
    s->shard = shard;
    ev_io_set(&s->io, fd, (what & CURL_POLL_IN ? EV_READ : 0)
                              | (what & CURL_POLL_OUT ? EV_WRITE : 0));
    ev_io_start(shard->engine->loop, &s->io);
    return 0;
}

/* Makes sure that the loop wakes up for s->due; a timer that is early is left alone. */
static void
arm(struct shard *s)
{
    struct ev_loop *loop = s->engine->loop;
    double left = s->due - ev_now(loop);
    if (s->due < 0 || (ev_is_active(&s->timer) && ev_timer_remaining(loop, &s->timer) <= left))
        return;
    ev_timer_stop(loop, &s->timer);
    ev_timer_set(&s->timer, left > 0 ? left : 0, 0);
    ev_timer_start(loop, &s->timer);
}

static int
on_timer_wanted(CURLM *multi, long timeout_ms, void *arg)
{
    struct shard *s = arg;
    (void)multi;
    s->due = timeout_ms < 0 ? -1 : ev_now(s->engine->loop) + (double)timeout_ms / 1e3;
    if (timeout_ms > 0) /* engine_turn looks after 0 */
        arm(s);
    return 0;
}

static void
on_timer(struct ev_loop *loop, ev_timer *t, int events)
{
    (void)events;
    ev_timer_stop(loop, t); /* engine_turn compares the time and arms it again */
}

/* ---- libcurl's calls: an answer arrives ---- */

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    n *= size;
    if (x->sink != NULL) /* 0 is an error to libcurl, and it never gives 0 bytes */
        return x->sink(x->sink_arg, x, (struct str){ p, n }) ? n : 0;
    if (n > EXCHANGE_BODY_MAX - x->body.len) {
        x->too_large = true;
        return 0; /* an error to libcurl */
    }
    text_put(&x->body, p, n);
    return n;
}

static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    struct str line = { p, n * size };
    if (line.len >= 5 && memcmp(p, "HTTP/", 5) == 0) { /* 100 Continue went before */
        text_clear(&x->head);
        x->n_lines = 0;
        return line.len;
    }
    const char *colon = memchr(p, ':', line.len), *end = p + line.len;
    if (colon == NULL || colon == p || x->n_lines == EXCHANGE_HEADERS_MAX
        || x->head.len + line.len > EXCHANGE_HEAD_MAX)
        return line.len;
    const char *v = colon + 1;
    while (v < end && (*v == ' ' || *v == '\t'))
        v++;
    while (end > v && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r' || end[-1] == '\n'))
        end--;
    struct answer_header *h = &x->lines[x->n_lines++];
    h->name = x->head.len;
    h->name_len = (size_t)(colon - p);
    text_put(&x->head, p, h->name_len);
    for (char *c = x->head.ptr + h->name; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c | 32);
    h->value = x->head.len;
    h->value_len = (size_t)(end - v);
    text_put(&x->head, v, h->value_len);
    return line.len;
}

#if LIBCURL_VERSION_NUM >= 0x075000
/* libcurl sends a request again by itself when a connection that it used before ends without
 * an answer.  Here that is an attempt like any other, and counted by the caller. */
static int
on_send(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    struct exchange *x = arg;
    (void)remote_ip;
    (void)local_ip;
    (void)remote_port;
    (void)local_port;
    return x->sends++ == 0 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}
#endif

/* ---- the engine ---- */

struct engine *
engine_new(struct ev_loop *loop)
{
    struct engine *e = xcalloc(1, sizeof *e);
    e->loop = loop;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
    for (unsigned i = 0; i < SHARDS; i++) {
        struct shard *s = &e->shards[i];
        s->engine = e;
        s->due = -1;
        ev_init(&s->timer, on_timer);
        s->multi = curl_multi_init();
        if (s->multi == NULL)
            abort();
        curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
        curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
        curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s);
    }
    return e;
}

void
engine_free(struct engine *e)
{
    if (e == NULL)
        return;
    for (unsigned i = 0; i < SHARDS; i++) {
        curl_multi_cleanup(e->shards[i].multi);
        ev_timer_stop(e->loop, &e->shards[i].timer);
    }
    for (size_t i = 0; i < e->n_socks; i++) {
        if (e->socks[i] != NULL)
            ev_io_stop(e->loop, &e->socks[i]->io);
        free(e->socks[i]);
    }
    free(e->socks);
    free(e);
    curl_global_cleanup();
}

void
engine_keep_connections(struct engine *e, size_t n)
{
    for (unsigned i = 0; i < SHARDS; i++)
        curl_multi_setopt(e->shards[i].multi, CURLMOPT_MAXCONNECTS, (long)(n / SHARDS + 8));
}

/* ---- one exchange ---- */

static void
exchange_free(struct exchange *x)
{
    curl_easy_cleanup(x->easy);
    headers_unref(x->headers);
    text_fini(&x->path);
    text_fini(&x->method);
    text_fini(&x->head);
    text_fini(&x->body);
    free(x);
}

static struct exchange *
exchange_new(struct engine *e, struct site *site)
{
    struct exchange *x = xcalloc(1, sizeof *x);
    x->engine = e;
    x->site = site;
    x->shard = &e->shards[site->n_exchanges++ % SHARDS];
    x->easy = curl_easy_init();
    if (x->easy == NULL)
        abort();
    curl_easy_setopt(x->easy, CURLOPT_PRIVATE, x);
    curl_easy_setopt(x->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(x->easy, CURLOPT_ERRORBUFFER, x->why);
    curl_easy_setopt(x->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(x->easy, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(x->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(x->easy, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(x->easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)EXCHANGE_BODY_MAX);
    curl_easy_setopt(x->easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(x->easy, CURLOPT_PATH_AS_IS, 1L);
#if LIBCURL_VERSION_NUM >= 0x075000
    curl_easy_setopt(x->easy, CURLOPT_PREREQFUNCTION, on_send);
    curl_easy_setopt(x->easy, CURLOPT_PREREQDATA, x);
#endif
    if (site->socket != NULL)
        curl_easy_setopt(x->easy, CURLOPT_UNIX_SOCKET_PATH, site->socket);
    if (site->direct)
        curl_easy_setopt(x->easy, CURLOPT_PROXY, "");
    return x;
}

static void
set_method(struct exchange *x, const char *method, bool with_body)
{
    CURL *h = x->easy;
    curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, NULL);
    curl_easy_setopt(h, CURLOPT_NOBODY, 0L);
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
    else if (strcmp(method, "POST") == 0)
        curl_easy_setopt(h, CURLOPT_POST, 1L);
    else {
        curl_easy_setopt(h, with_body ? CURLOPT_POST : CURLOPT_HTTPGET, 1L);
        if (with_body || strcmp(method, "GET") != 0)
            curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, method);
    }
}

/* Sets what differs from the last time. */
static void
set_up(struct exchange *x, const struct exchange_order *o)
{
    CURL *h = x->easy;
    if (x->path.ptr == NULL || strcmp(x->path.ptr, o->path) != 0) {
        CLEANUP_TEXT struct text url = TEXT_INIT;
        text_puts(&url, o->site->base);
        text_puts(&url, o->path);
        curl_easy_setopt(h, CURLOPT_URL, url.ptr);
        text_clear(&x->path);
        text_puts(&x->path, o->path);
    }
    /* the same method with and without a body are two settings */
    bool with_body = o->body.len > 0;
    size_t n = strlen(o->method);
    if (x->method.len != n + 1 || memcmp(x->method.ptr, o->method, n) != 0
        || (x->method.ptr[n] == '+') != with_body) {
        set_method(x, o->method, with_body);
        text_clear(&x->method);
        text_puts(&x->method, o->method);
        text_putc(&x->method, with_body ? '+' : '-');
    }
    if (with_body || strcmp(o->method, "POST") == 0) {
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)o->body.len);
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, with_body ? o->body.ptr : "");
    }
    if (x->headers != o->headers) {
        curl_easy_setopt(h, CURLOPT_HTTPHEADER, o->headers->list);
        headers_unref(x->headers);
        x->headers = headers_ref(o->headers);
    }
    if (x->timeout_ms != o->timeout_ms) {
        long connect_ms =
            o->timeout_ms < EXCHANGE_CONNECT_MS ? o->timeout_ms : EXCHANGE_CONNECT_MS;
        curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, o->timeout_ms);
        curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
        x->timeout_ms = o->timeout_ms;
    }
}

static void
set_sink(struct exchange *x, const struct exchange_order *o)
{
    x->sink = o->sink;
    x->sink_arg = o->sink_arg;
    if (o->sink == NULL)
        return;
    curl_easy_setopt(x->easy, CURLOPT_ACCEPT_ENCODING, ""); /* all that libcurl can undo */
    curl_easy_setopt(x->easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)0); /* the sink counts */
    curl_easy_setopt(x->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(x->easy, CURLOPT_LOW_SPEED_TIME, o->stall_s);
}

struct exchange *
exchange_start(struct engine *e, const struct exchange_order *o, exchange_done_fn *done,
               void *arg)
{
    struct exchange *x = o->site->idle;
    if (x != NULL)
        o->site->idle = x->next_idle;
    else
        x = exchange_new(e, o->site);
    o->site->n_busy++;
    set_up(x, o);
    set_sink(x, o);
    x->done = done;
    x->arg = arg;
    x->sends = 0;
    x->too_large = false;
    x->n_lines = 0;
    x->why[0] = '\0';
    text_clear(&x->head);
    text_clear(&x->body);
    if (curl_multi_add_handle(x->shard->multi, x->easy) != CURLM_OK)
        abort();
    return x;
}

/* The exchange has left its multi handle: keeps it for the next. */
static void
put_away(struct exchange *x)
{
    struct site *site = x->site;
    site->n_busy--;
    if (x->headers->secret) {
        curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, NULL);
        headers_unref(x->headers);
        x->headers = NULL;
    }
    if (x->body.room > 1u << 20)
        text_fini(&x->body);
    if (!site->retired) {
        x->next_idle = site->idle;
        site->idle = x;
        return;
    }
    exchange_free(x);
    if (site->n_busy == 0)
        site_free(site);
}

void
exchange_cancel(struct exchange *x)
{
    curl_multi_remove_handle(x->shard->multi, x->easy);
    put_away(x);
}

void
engine_retire_site(struct engine *e, struct site *s)
{
    (void)e;
    if (s == NULL)
        return;
    for (struct exchange *x; (x = s->idle) != NULL;) {
        s->idle = x->next_idle;
        exchange_free(x);
    }
    s->retired = true;
    if (s->n_busy == 0)
        site_free(s);
}

/* ---- how it ended ---- */

static enum exchange_end
judge(struct exchange *x, CURLcode rc, const char **ret_reason)
{
    curl_off_t sent_us = 0;
    *ret_reason = x->why[0] != '\0' ? x->why : curl_easy_strerror(rc);
    for (char *c = x->why; *c != '\0'; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
    switch (rc) {
    case CURLE_OK:
        *ret_reason = NULL;
        return EXCHANGE_ANSWER;
    case CURLE_OPERATION_TIMEDOUT:
        curl_easy_getinfo(x->easy, CURLINFO_PRETRANSFER_TIME_T, &sent_us);
        if (sent_us == 0)
            return EXCHANGE_NO_CONNECTION_IN_TIME;
        snprintf(x->why, sizeof x->why, "no complete answer within %ld ms", x->timeout_ms);
        *ret_reason = x->why;
        return EXCHANGE_TIMEOUT;
    case CURLE_ABORTED_BY_CALLBACK:
        *ret_reason = "the connection was closed before an answer came";
        return EXCHANGE_BROKEN;
    case CURLE_FILESIZE_EXCEEDED:
        x->too_large = true;
        break;
    case CURLE_WRITE_ERROR:
        if (x->sink != NULL)
            return EXCHANGE_USELESS; /* and the sink knows why */
        break;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_NOT_BUILT_IN:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_TOO_MANY_REDIRECTS:
        return EXCHANGE_USELESS;
    default:
        break;
    }
    if (!x->too_large)
        return EXCHANGE_BROKEN;
    *ret_reason = "the answer is larger than 16 MiB";
    return EXCHANGE_USELESS;
}

static bool
reap(struct shard *s)
{
    CURLMsg *m;
    int left;
    bool any = false;
    s->check = false;
    while ((m = curl_multi_info_read(s->multi, &left)) != NULL) {
        struct exchange *x;
        CURLcode rc = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&x);
        curl_multi_remove_handle(s->multi, x->easy);
        const char *reason;
        enum exchange_end end = judge(x, rc, &reason);
        x->done(x->arg, x, end, reason);
        put_away(x);
        any = true;
    }
    return any;
}

bool
engine_turn(struct engine *e)
{
    bool any = false;
    int running;
    for (unsigned i = 0; i < SHARDS; i++) {
        struct shard *s = &e->shards[i];
        if (s->due >= 0 && s->due <= ev_now(e->loop)) {
            s->due = -1;
            s->check = true;
            curl_multi_socket_action(s->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        if (s->check && reap(s))
            any = true;
        arm(s);
    }
    return any;
}

int
exchange_http_status(const struct exchange *x)
{
    long status = 0;
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

struct str
exchange_body(const struct exchange *x)
{
    return text_str(&x->body);
}

static struct str
name_of(const struct exchange *x, size_t i)
{
    return (struct str){ x->head.ptr + x->lines[i].name, x->lines[i].name_len };
}

static struct str
value_of(const struct exchange *x, size_t i)
{
    return (struct str){ x->head.ptr + x->lines[i].value, x->lines[i].value_len };
}

struct str
exchange_header(const struct exchange *x, struct str name)
{
    for (size_t i = 0; i < x->n_lines; i++)
        if (str_eq(name_of(x, i), name))
            return value_of(x, i);
    return (struct str){ NULL, 0 };
}

/* The index of the first header of this name from `from` on, or n_lines. */
static size_t
find_from(const struct exchange *x, size_t from, size_t end, struct str name)
{
    while (from < end && !str_eq(name_of(x, from), name))
        from++;
    return from;
}

void
exchange_put_headers(const struct exchange *x, struct text *t)
{
    char sep = '{';
    for (size_t i = 0; i < x->n_lines; i++) {
        struct str name = name_of(x, i);
        /* cookies are no plugin's business; the repeated have been joined */
        if (str_is(name, "set-cookie") || find_from(x, 0, i, name) < i)
            continue;
        text_putc(t, sep);
        jtext_put_string(t, name);
        text_putc(t, ':');
        size_t next = find_from(x, i + 1, x->n_lines, name);
        if (next == x->n_lines) {
            jtext_put_string(t, value_of(x, i));
        } else {
            CLEANUP_TEXT struct text all = TEXT_INIT;
            text_put_str(&all, value_of(x, i));
            for (; next < x->n_lines; next = find_from(x, next + 1, x->n_lines, name)) {
                text_puts(&all, ", ");
                text_put_str(&all, value_of(x, next));
            }
            jtext_put_string(t, text_str(&all));
        }
        sep = ',';
    }
    text_puts(t, sep == '{' ? "{}" : "}");
}
