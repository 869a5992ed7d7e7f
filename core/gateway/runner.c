#include "config.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/io.h"
#include "common/jtext.h"
#include "common/mem.h"
#include "retry.h"
#include "runner.h"

enum { STATUS_REMOTE = -6, STATUS_TIMEOUT = -7 }; /* EVALD_E_* of <evald/plugin.h> */

/* What one link has at one endpoint. */
struct desk {
    struct lane lane;
    struct runner *runner;
    struct endpoint *endpoint;
    /* the headers made last, and of what */
    struct headers *headers;
    struct text made_of;
    unsigned endpoint_generation, secret_generation;
};

struct runner {
    struct runners *all;
    struct runner *next, *prev;
    uint64_t number;
    struct wire *wire;
    bool parked;        /* asks may end, but not wait */
    struct text secret; /* JSON object, or empty */
    unsigned secret_generation;
    struct desk **desks; /* by endpoint index */
    unsigned n_desks;
    struct ask *first, *last; /* all, in the order they came */
};

struct ask {
    struct waiter waiter;
    struct ask *next, *prev;
    struct runner *runner;
    struct desk *desk;
    uint64_t tag;
    unsigned attempts;
    long timeout_ms;
    struct exchange *exchange; /* while it is under way */
    bool backing_off;
    ev_timer timer;
    const char *method, *path; /* these and what follows lie behind the struct */
    struct str headers, body;
};

/* ---- the end of an ask ---- */

static void
ask_free(struct ask *a)
{
    struct runner *r = a->runner;
    *(a->prev != NULL ? &a->prev->next : &r->first) = a->next;
    *(a->next != NULL ? &a->next->prev : &r->last) = a->prev;
    r->all->n_asks--;
    free(a);
}

/* Ends it wherever it is, without a reply. */
static void
ask_drop(struct ask *a)
{
    struct endpoint *e = a->desk->endpoint;
    limiter_forget(&a->waiter);
    if (a->backing_off) {
        ev_timer_stop(a->runner->all->loop, &a->timer);
        e->backing_off--;
    }
    if (a->exchange != NULL) {
        exchange_cancel(a->exchange);
        limiter_leave(&e->limiter);
    }
    ask_free(a);
}

/* The same, and the runner is told. */
static void
ask_park(struct ask *a)
{
    link_put(wire_link(a->runner->wire), FRAME_DROP, a->tag, STR("{}"));
    ask_drop(a);
}

/* x: the exchange whose answer this is, or NULL. */
static void
put_reply(struct runner *r, uint64_t tag, int status, unsigned attempts,
          const struct exchange *x, struct str body)
{
    struct link *l = wire_link(r->wire);
    link_begin(l, FRAME_REPLY, tag);
    struct text *t = link_part_begin(l);
    text_putf(t, "{\"status\":%d,\"http_status\":%d,\"attempts\":%u,\"headers\":", status,
              x != NULL ? exchange_http_status(x) : 0, attempts);
    if (x != NULL)
        exchange_put_headers(x, t);
    else
        text_puts(t, "{}");
    text_putc(t, '}');
    link_part_end(l);
    link_part(l, body);
    link_end(l);
}

/* Some servers repeat the key that they refuse, and a runner is not to know it.  A short key is
 * a word, as servers that need none are given one: a good answer may say it. */
#define KEY_IN_ERROR  6
#define KEY_IN_ANSWER 16
static struct str
without_key(struct text *room, const char *key, int http_status, struct str body)
{
    size_t len = key != NULL ? strlen(key) : 0;
    const char *p = body.ptr, *end = p + body.len, *at;
    if (len < (http_status >= 400 ? KEY_IN_ERROR : KEY_IN_ANSWER) || body.len < len)
        return body;
    while ((at = memmem(p, (size_t)(end - p), key, len)) != NULL) {
        text_put(room, p, (size_t)(at - p));
        text_puts(room, "[key]");
        p = at + len;
    }
    if (room->len == 0)
        return body;
    text_put(room, p, (size_t)(end - p));
    return text_str(room);
}

static void
put_failure(struct runner *r, uint64_t tag, int status, unsigned attempts, const char *fmt,
            ...) __attribute__((format(printf, 5, 6)));

static void
put_failure(struct runner *r, uint64_t tag, int status, unsigned attempts, const char *fmt,
            ...)
{
    char why[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    size_t n = utf8_valid_prefix(why, strlen(why)); /* cut inside a character? */
    put_reply(r, tag, status, attempts, NULL, (struct str){ why, n });
}

/* ---- attempts ---- */

static double
random_01(struct runners *all)
{
    all->rng ^= all->rng << 13;
    all->rng ^= all->rng >> 7;
    all->rng ^= all->rng << 17;
    return (double)(all->rng >> 11) * 0x1p-53;
}

static void
on_backed_off(struct ev_loop *loop, ev_timer *t, int events)
{
    struct ask *a = t->data;
    (void)events;
    ev_timer_stop(loop, t);
    a->backing_off = false;
    a->desk->endpoint->backing_off--;
    limiter_wait_first(&a->desk->lane, &a->waiter);
}

static void
back_off(struct ask *a, const struct exchange *x)
{
    struct runners *all = a->runner->all;
    int64_t after_ms = retry_after_ms(exchange_header(x, STR("retry-after-ms")),
                                      exchange_header(x, STR("retry-after")), time_unix_ms());
    int64_t wait_ms = retry_wait_ms(a->attempts, after_ms, random_01(all));
    a->backing_off = true;
    a->desk->endpoint->backing_off++;
    a->desk->endpoint->retries++;
    ev_timer_init(&a->timer, on_backed_off, (double)wait_ms / 1e3, 0);
    a->timer.data = a;
    ev_timer_start(all->loop, &a->timer);
}

static void
on_done(void *arg, struct exchange *x, enum exchange_end end, const char *reason)
{
    struct ask *a = arg;
    struct endpoint *e = a->desk->endpoint;
    int http_status = end == EXCHANGE_ANSWER ? exchange_http_status(x) : 0;
    bool again = end == EXCHANGE_ANSWER ? retry_http_status(http_status)
                                        : end != EXCHANGE_USELESS && end != EXCHANGE_TIMEOUT;
    a->exchange = NULL;
    limiter_leave(&e->limiter);
    if (again && a->attempts < e->max_attempts) {
        if (a->runner->parked)
            ask_park(a);
        else
            back_off(a, x);
        return;
    }
    if (end != EXCHANGE_ANSWER || http_status >= 400)
        e->failures++;
    if (end == EXCHANGE_ANSWER) {
        CLEANUP_TEXT struct text room = TEXT_INIT;
        put_reply(a->runner, a->tag, 0, a->attempts, x,
                  without_key(&room, e->key, http_status, exchange_body(x)));
    } else {
        bool late = end == EXCHANGE_TIMEOUT || end == EXCHANGE_NO_CONNECTION_IN_TIME;
        put_failure(a->runner, a->tag, late ? STATUS_TIMEOUT : STATUS_REMOTE, a->attempts,
                    "endpoint %s at %s: %s (attempt %u of %u)", e->id,
                    e->site != NULL ? e->site->host : "?", reason, a->attempts,
                    e->max_attempts);
    }
    ask_free(a);
}

/* The headers of an ask, made once for all that are alike; borrowed. */
static struct headers *
headers_for(struct desk *d, struct str ask_headers, struct err *err)
{
    struct endpoint *e = d->endpoint;
    struct runner *r = d->runner;
    if (d->headers != NULL && d->endpoint_generation == e->generation
        && d->secret_generation == r->secret_generation
        && str_eq(text_str(&d->made_of), ask_headers))
        return d->headers;
    struct headers *h =
        headers_new(text_str(&r->secret), e->key, str_z(e->headers), ask_headers, err);
    if (h == NULL)
        return NULL;
    headers_unref(d->headers);
    d->headers = h;
    d->endpoint_generation = e->generation;
    d->secret_generation = r->secret_generation;
    text_clear(&d->made_of);
    text_put_str(&d->made_of, ask_headers);
    return h;
}

/* It has a place at its endpoint. */
static void
ask_send(struct ask *a)
{
    struct endpoint *e = a->desk->endpoint;
    struct err err = { .code = ERR_NONE };
    struct headers *h =
        e->trouble == NULL ? headers_for(a->desk, a->headers, &err) : NULL;
    if (h == NULL) {
        limiter_leave(&e->limiter);
        e->failures++;
        put_failure(a->runner, a->tag, STATUS_REMOTE, a->attempts, "endpoint %s: %s", e->id,
                    e->trouble != NULL ? e->trouble : err.text);
        ask_free(a);
        return;
    }
    struct exchange_order order = {
        .site = e->site,
        .headers = h,
        .method = a->method,
        .path = a->path,
        .body = a->body,
        .timeout_ms = a->timeout_ms > 0 && a->timeout_ms < e->timeout_ms ? a->timeout_ms
                                                                         : e->timeout_ms,
    };
    a->attempts++;
    e->requests++;
    a->exchange = exchange_start(a->runner->all->engine, &order, on_done, a);
}

static bool
may_send(const void *owner)
{
    const struct desk *d = owner;
    return !wire_full(d->runner->wire);
}

static bool
send_next(struct endpoint *e)
{
    struct waiter *w = limiter_enter(&e->limiter, may_send);
    if (w != NULL)
        ask_send((struct ask *)((char *)w - offsetof(struct ask, waiter)));
    return w != NULL;
}

/* First one for each ask that came, so that what a row asks of several endpoints leaves in its
 * order; then whoever else there is a place for. */
void
runners_send(struct runners *all)
{
    for (size_t i = 0; i < all->n_asked; i++)
        send_next(all->asked[i]);
    all->n_asked = 0;
    for (unsigned i = 0; i < all->endpoints->n; i++)
        while (send_next(all->endpoints->list[i]))
            ;
}

/* ---- a new ask ---- */

static struct desk *
desk_of(struct runner *r, struct endpoint *e)
{
    if (e->index >= r->n_desks) {
        unsigned n = e->index + 1;
        r->desks = xreallocarray(r->desks, n, sizeof(struct desk *));
        memset(r->desks + r->n_desks, 0, (n - r->n_desks) * sizeof(struct desk *));
        r->n_desks = n;
    }
    struct desk *d = r->desks[e->index];
    if (d == NULL) {
        d = r->desks[e->index] = xcalloc(1, sizeof *d);
        d->runner = r;
        d->endpoint = e;
        d->lane.limiter = &e->limiter;
        d->lane.owner = d;
    }
    return d;
}

static const char *
put_string(char **at, struct str lead, struct jval v, const char *otherwise)
{
    char *start = *at;
    if (v.kind == J_STRING) {
        memcpy(*at, lead.ptr, lead.len);
        *at += lead.len;
        *at += jtext_decode_to(*at, v.raw);
    } else {
        *at += strlen(strcpy(*at, otherwise));
    }
    *(*at)++ = '\0';
    return start;
}

static bool
is_method(const char *z)
{
    size_t n = strspn(z, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    return n > 0 && n <= 16 && z[n] == '\0';
}

enum { HEAD_ENDPOINT, HEAD_PATH, HEAD_METHOD, HEAD_HEADERS, HEAD_TIMEOUT, HEAD_ATTEMPTS,
       HEAD_MEMBERS };

/* All text of it in one allocation. */
static struct ask *
ask_new(struct runner *r, uint64_t tag, const struct jval *head, struct str body)
{
    struct jval path = head[HEAD_PATH];
    /* "chat/completions" is taken for "/chat/completions" */
    bool slash = path.raw.len > 2 && path.raw.ptr[1] != '/' && path.raw.ptr[1] != '?'
                 && path.raw.ptr[1] != '\\';
    size_t room = sizeof(struct ask) + path.raw.len + head[HEAD_METHOD].raw.len
                  + head[HEAD_HEADERS].raw.len + body.len + 16;
    struct ask *a = malloc(room);
    if (a == NULL)
        return NULL;
    *a = (struct ask){ .runner = r, .tag = tag, .prev = r->last };
    char *at = (char *)(a + 1);
    a->path = put_string(&at, slash ? STR("/") : STR(""), path, "");
    a->method = put_string(&at, STR(""), head[HEAD_METHOD], "POST");
    a->headers = (struct str){ at, head[HEAD_HEADERS].raw.len };
    if (a->headers.len > 0)
        memcpy(at, head[HEAD_HEADERS].raw.ptr, a->headers.len);
    at += a->headers.len;
    a->body = (struct str){ at, body.len };
    if (body.len > 0)
        memcpy(at, body.ptr, body.len);
    *(r->last != NULL ? &r->last->next : &r->first) = a;
    r->last = a;
    r->all->n_asks++;
    return a;
}

static struct endpoint *
find_endpoint(struct runner *r, struct jval id)
{
    char buf[256];
    if (id.kind != J_STRING || id.raw.len > sizeof buf)
        return NULL;
    size_t n = jtext_decode_to(buf, id.raw);
    return endpoints_find(r->all->endpoints, (struct str){ buf, n });
}

static int
on_ask(struct runner *r, const struct frame *f)
{
    static const struct str names[HEAD_MEMBERS] = {
        STR("endpoint"), STR("path"), STR("method"), STR("headers"), STR("timeout_ms"),
        STR("attempts"),
    };
    struct jval head[HEAD_MEMBERS];
    struct str rest = f->payload, json, body = { NULL, 0 };
    if (!frame_part(&rest, &json)
        || jtext_scan_object(json, names, HEAD_MEMBERS, head, NULL, NULL) < 0)
        return -1;
    frame_part(&rest, &body);
    int64_t attempts = 0, timeout_ms = 0;
    jtext_int64(head[HEAD_ATTEMPTS], &attempts);
    jtext_int64(head[HEAD_TIMEOUT], &timeout_ms);
    if (attempts < 0 || attempts > 1000000 || timeout_ms < 0)
        return -1;
    unsigned before = (unsigned)attempts;
    struct endpoint *e = find_endpoint(r, head[HEAD_ENDPOINT]);
    if (e == NULL) {
        put_failure(
            r, f->tag, STATUS_REMOTE, before, "endpoint %.*s is not configured",
            (int)(head[HEAD_ENDPOINT].raw.len < 200 ? head[HEAD_ENDPOINT].raw.len : 200),
            head[HEAD_ENDPOINT].raw.ptr != NULL ? head[HEAD_ENDPOINT].raw.ptr : "");
        return 0;
    }
    if (before >= e->max_attempts) {
        put_failure(r, f->tag, STATUS_REMOTE, before,
                    "endpoint %s: no attempt is left, %u of %u were made", e->id, before,
                    e->max_attempts);
        return 0;
    }
    struct ask *a = ask_new(r, f->tag, head, body);
    if (a == NULL) {
        put_failure(r, f->tag, STATUS_REMOTE, before, "the gateway is out of memory");
        return 0;
    }
    a->attempts = before;
    a->timeout_ms = timeout_ms < INT32_MAX ? (long)timeout_ms : INT32_MAX;
    if (!site_path_ok(str_z(a->path)) || !is_method(a->method)) {
        put_failure(r, f->tag, STATUS_REMOTE, before, "endpoint %s: bad %s of a request",
                    e->id, is_method(a->method) ? "path" : "method");
        ask_free(a);
        return 0;
    }
    a->desk = desk_of(r, e);
    r->parked = false;
    limiter_wait(&a->desk->lane, &a->waiter);
    if (r->all->n_asked == r->all->asked_room) {
        r->all->asked_room = 2 * r->all->asked_room + 64;
        r->all->asked = xreallocarray(r->all->asked, r->all->asked_room,
                                      sizeof(struct endpoint *));
    }
    r->all->asked[r->all->n_asked++] = e;
    return 0;
}

/* Tag 0: all that only wait. */
static void
on_drop(struct runner *r, uint64_t tag)
{
    if (tag == 0) {
        r->parked = true;
        for (struct ask *a = r->first, *next; a != NULL; a = next) {
            next = a->next;
            if (a->exchange == NULL)
                ask_park(a);
        }
        return;
    }
    for (struct ask *a = r->first; a != NULL; a = a->next)
        if (a->tag == tag) {
            ask_drop(a);
            return;
        }
}

/* ---- links ---- */

static int
on_frame(void *arg, const struct frame *f)
{
    struct runner *r = arg;
    if (f->type == FRAME_ASK)
        return on_ask(r, f);
    if (f->type != FRAME_DROP)
        return -1;
    on_drop(r, f->tag);
    return 0;
}

static void
runner_free(struct runner *r)
{
    while (r->first != NULL)
        ask_drop(r->first);
    for (unsigned i = 0; i < r->n_desks; i++) {
        if (r->desks[i] == NULL)
            continue;
        headers_unref(r->desks[i]->headers);
        text_fini(&r->desks[i]->made_of);
        free(r->desks[i]);
    }
    free(r->desks);
    text_wipe(&r->secret);
    wire_free(r->wire);
    *(r->prev != NULL ? &r->prev->next : &r->all->list) = r->next;
    if (r->next != NULL)
        r->next->prev = r->prev;
    free(r);
}

static void
on_closed(void *arg, const struct err *err)
{
    struct runner *r = arg;
    struct runners *all = r->all;
    if (err->code != ERR_NONE && all->on_fault != NULL) {
        CLEANUP_FREE char *text = xasprintf("link %llu of a runner: %s",
                                            (unsigned long long)r->number, err->text);
        all->on_fault(all->on_fault_arg, text);
    }
    runner_free(r);
}

static struct runner *
find(struct runners *all, uint64_t number)
{
    for (struct runner *r = all->list; r != NULL; r = r->next)
        if (r->number == number)
            return r;
    return NULL;
}

void
runners_link(struct runners *all, uint64_t number, int fd)
{
    static const struct wire_ops ops = { on_frame, on_closed };
    struct runner *before = find(all, number);
    if (before != NULL)
        runner_free(before);
    struct runner *r = xcalloc(1, sizeof *r);
    r->all = all;
    r->number = number;
    r->next = all->list;
    if (r->next != NULL)
        r->next->prev = r;
    all->list = r;
    r->wire = wire_new(all->wires, fd, &ops, r);
}

int
runners_secret(struct runners *all, uint64_t number, struct str headers, struct err *err)
{
    struct runner *r = find(all, number);
    if (r == NULL)
        return err_set(err, ERR_NOT_FOUND, "no link %llu", (unsigned long long)number);
    if (headers_check(headers, err) < 0)
        return -1;
    text_wipe(&r->secret);
    text_put_str(&r->secret, headers);
    r->secret_generation++;
    return 0;
}

void
runners_fini(struct runners *all)
{
    while (all->list != NULL)
        runner_free(all->list);
    free(all->asked);
}
