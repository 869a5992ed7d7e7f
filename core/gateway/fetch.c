#include "config.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "common/io.h"
#include "common/mem.h"
#include "fetch.h"
#include "retry.h"

#define SHOWN       300        /* bytes of a URL in a message */
#define PAGE_MAX    (1u << 20) /* of an answer that is no document: its page is not kept */
#define TIMEOUT_MAX (24 * 3600 * 1000)
#define NEARLY_NS   100000000 /* libcurl counts in milliseconds, and stalls in seconds */

struct fetch {
    struct fetch *next, **link_to_this;
    struct fetches *all;
    uint64_t tag;
    int fd;
    int64_t max, deadline_ns;
    long stall_s;
    char *url;                /* as it was given */
    char **origins, **types;  /* NULL-terminated; types NULL: any */
    CURLU *at;                /* of this hop */
    char *path;               /* with query */
    struct site *site;
    struct headers *headers;
    struct exchange *exchange;
    unsigned redirects, attempts;
    ev_timer again;
    struct sha256_ctx hash;
    int64_t size;
    size_t page;              /* bytes of an answer that is no document */
    struct err err;           /* what the sink found wrong */
};

/* ---- URLs, as libcurl reads them ---- */

static void
cleanup_curl_string(char **s)
{
    curl_free(*s);
}
#define CLEANUP_CURL __attribute__((cleanup(cleanup_curl_string)))

/* "https://host:443"; NULL when it is no URL for fetching. */
static char *
origin_of(CURLU *u)
{
    CLEANUP_CURL char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
    if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK
        || curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK
        || curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK
        || curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK
        || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        return NULL;
    return xasprintf("%s://%s:%s", scheme, host, port);
}

static bool
is_allowed(const struct fetch *f, const char *origin)
{
    bool found = false;
    for (char **o = f->origins; *o != NULL && !found; o++) {
        CURLU *u = curl_url();
        CLEANUP_FREE char *allowed =
            curl_url_set(u, CURLUPART_URL, *o, 0) == CURLUE_OK ? origin_of(u) : NULL;
        found = allowed != NULL && strcasecmp(allowed, origin) == 0;
        curl_url_cleanup(u);
    }
    return found;
}

/* Sets the site and the path of this hop. */
static int
take_hop(struct fetch *f, struct err *err)
{
    CLEANUP_CURL char *path = NULL, *query = NULL;
    CLEANUP_FREE char *origin = origin_of(f->at);
    if (origin == NULL || curl_url_get(f->at, CURLUPART_PATH, &path, 0) != CURLUE_OK)
        return err_set(err, ERR_INVALID, "leads to what is no URL of http or https");
    if (!is_allowed(f, origin))
        return err_set(err, ERR_INVALID, "leads to %.*s, which is none of the allowed hosts",
                       SHOWN, origin);
    if (curl_url_get(f->at, CURLUPART_QUERY, &query, 0) != CURLUE_OK)
        query = NULL;
    free(f->path);
    f->path = xasprintf("%s%s%s", path, query != NULL ? "?" : "", query != NULL ? query : "");
    engine_retire_site(f->all->engine, TAKE(f->site));
    f->site = site_new(str_z(origin), err);
    return f->site != NULL ? 0 : -1;
}

/* ---- the end ---- */

static void
fetch_free(struct fetch *f)
{
    *f->link_to_this = f->next;
    if (f->next != NULL)
        f->next->link_to_this = f->link_to_this;
    ev_timer_stop(f->all->loop, &f->again);
    if (f->exchange != NULL)
        exchange_cancel(f->exchange);
    engine_retire_site(f->all->engine, f->site);
    headers_unref(f->headers);
    curl_url_cleanup(f->at);
    for (char **o = f->origins; o != NULL && *o != NULL; o++)
        free(*o);
    for (char **t = f->types; t != NULL && *t != NULL; t++)
        free(*t);
    free(f->origins);
    free(f->types);
    free(f->url);
    free(f->path);
    mem_cleanup_close(&f->fd);
    free(f);
}

static void
put_member(struct text *t, const char *name, struct str value)
{
    text_putf(t, ",\"%s\":", name);
    if (value.len > 0 && utf8_valid_prefix(value.ptr, value.len) == value.len)
        jtext_put_string(t, value);
    else
        text_puts(t, "null");
}

/* x: the answer that brought the document, or NULL with err. */
static void
fetch_end(struct fetch *f, const struct exchange *x, const struct err *err)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    char hex[2 * sizeof digest + 1];
    if (f->all->wire != NULL) {
        struct link *l = wire_link(f->all->wire);
        link_begin(l, FRAME_FETCHED, f->tag);
        struct text *t = link_part_begin(l);
        if (err != NULL) {
            text_putf(t, "{\"error\":\"%s\",\"message\":", err_code_name(err->code));
            jtext_put_string(t, str_z(err->text));
        } else {
            sha256_digest(&f->hash, sizeof digest, digest);
            hex_encode(hex, digest, sizeof digest);
            text_putf(t, "{\"error\":null,\"size\":%lld,\"sha256\":\"%s\"",
                      (long long)f->size, hex);
            put_member(t, "type", exchange_header(x, STR("content-type")));
            put_member(t, "etag", exchange_header(x, STR("etag")));
            put_member(t, "modified", exchange_header(x, STR("last-modified")));
        }
        text_putc(t, '}');
        link_part_end(l);
        link_end(l);
    }
    fetch_free(f);
}

/* ---- on the way ---- */

/* text/csv of "Text/CSV; charset=utf-8" is one of the types? */
static bool
is_wanted_type(const struct fetch *f, struct str type)
{
    size_t n = 0;
    while (n < type.len && strchr("; \t", type.ptr[n]) == NULL)
        n++;
    for (char **t = f->types; t != NULL && *t != NULL; t++)
        if (strlen(*t) == n && strncasecmp(*t, type.ptr, n) == 0)
            return true;
    return f->types == NULL;
}

static int
check_type(struct fetch *f, const struct exchange *x)
{
    struct str type = exchange_header(x, STR("content-type"));
    if (is_wanted_type(f, type))
        return 0;
    int n = type.len < 100 ? (int)type.len : 100;
    return err_set(&f->err, ERR_INVALID, "Unsupported file type: %.*s (%s%.*s)", SHOWN, f->url,
                   n > 0 ? "the server says " : "the server gives no Content-Type", n,
                   n > 0 ? type.ptr : "");
}

/* A length that is given counts before so much has come; unpacked it is no less. */
static bool
says_too_large(const struct fetch *f, const struct exchange *x)
{
    struct str length = exchange_header(x, STR("content-length"));
    int64_t n = 0;
    for (size_t i = 0; i < length.len && i < 18; i++) { /* libcurl takes nothing but digits */
        if (length.ptr[i] < '0' || length.ptr[i] > '9')
            return false;
        n = n * 10 + (length.ptr[i] - '0');
    }
    return n > f->max;
}

static bool
on_bytes(void *arg, struct exchange *x, struct str bytes)
{
    struct fetch *f = arg;
    if (f->err.code != ERR_NONE)
        return false;
    if (exchange_http_status(x) != 200) {
        f->page += bytes.len;
        return f->page <= PAGE_MAX;
    }
    if (f->size == 0 && check_type(f, x) < 0)
        return false;
    if ((int64_t)bytes.len > f->max - f->size || (f->size == 0 && says_too_large(f, x))) {
        err_set(&f->err, ERR_INVALID, "%.*s: larger than the %lld bytes that are fetched",
                SHOWN, f->url, (long long)f->max);
        return false;
    }
    if (io_pwrite_full(f->fd, bytes.ptr, bytes.len, f->size) < 0) {
        err_set(&f->err, err_from_errno(errno) == ERR_NOSPACE ? ERR_NOSPACE : ERR_IO,
                "%.*s: cannot be kept: %m", SHOWN, f->url);
        return false;
    }
    sha256_update(&f->hash, bytes.len, (const uint8_t *)bytes.ptr);
    f->size += (int64_t)bytes.len;
    return true;
}

static void hop_start(struct fetch *f);

static void
on_again(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)events;
    ev_timer_stop(loop, w);
    hop_start(w->data);
}

/* From the beginning, when there is time and patience left; false: there is not. */
static bool
try_again(struct fetch *f, const struct exchange *x)
{
    int64_t after_ms = x == NULL ? -1
        : retry_after_ms(exchange_header(x, STR("retry-after-ms")),
                         exchange_header(x, STR("retry-after")), time_unix_ms());
    int64_t wait_ms = retry_wait_ms(f->attempts, after_ms, 0.9);
    if (f->attempts >= FETCH_ATTEMPTS
        || time_mono_ns() + wait_ms * 1000000 >= f->deadline_ns
        || curl_url_set(f->at, CURLUPART_URL, f->url, 0) != CURLUE_OK
        || take_hop(f, NULL) < 0)
        return false;
    f->redirects = 0;
    ev_timer_set(&f->again, (double)wait_ms / 1e3, 0.);
    ev_timer_start(f->all->loop, &f->again);
    return true;
}

static int
follow(struct fetch *f, struct exchange *x, struct err *err)
{
    struct str to = exchange_header(x, STR("location"));
    CLEANUP_CURL char *before = NULL, *after = NULL;
    CLEANUP_FREE char *location = xstrndup(to.len > 0 ? to.ptr : "", to.len);
    if (to.len == 0)
        return err_set(err, ERR_REMOTE, "the server redirects to nowhere");
    if (f->redirects++ == FETCH_REDIRECTS)
        return err_set(err, ERR_REMOTE, "more than %d redirects", FETCH_REDIRECTS);
    curl_url_get(f->at, CURLUPART_SCHEME, &before, 0);
    if (curl_url_set(f->at, CURLUPART_URL, location, 0) != CURLUE_OK
        || curl_url_get(f->at, CURLUPART_SCHEME, &after, 0) != CURLUE_OK)
        return err_set(err, ERR_REMOTE, "the server redirects to what is no URL");
    if (strcmp(before, "https") == 0 && strcmp(after, "https") != 0)
        return err_set(err, ERR_INVALID, "leads from https to %s", after);
    return take_hop(f, err);
}

/* status 0: no answer. */
static void
fail(struct fetch *f, int status, enum exchange_end end, const char *reason)
{
    struct err err;
    bool late = end == EXCHANGE_TIMEOUT || end == EXCHANGE_NO_CONNECTION_IN_TIME;
    bool again = end == EXCHANGE_BROKEN || end == EXCHANGE_NO_CONNECTION_IN_TIME;
    if (status == 0 && again && try_again(f, NULL))
        return;
    if (status != 0)
        err_set(&err, status == 404 || status == 410 ? ERR_INVALID : ERR_REMOTE,
                "%.*s: the server answered with status %d", SHOWN, f->url, status);
    else if (end == EXCHANGE_TIMEOUT)
        err_set(&err, ERR_TIMEOUT, "%.*s: %s", SHOWN, f->url,
                time_mono_ns() < f->deadline_ns - NEARLY_NS
                    ? "the server has stopped sending" : "takes longer than it may");
    else
        err_set(&err, late ? ERR_TIMEOUT : ERR_REMOTE, "%.*s: %s", SHOWN, f->url, reason);
    fetch_end(f, NULL, &err);
}

static void
on_done(void *arg, struct exchange *x, enum exchange_end end, const char *reason)
{
    struct fetch *f = arg;
    int status = exchange_http_status(x);
    f->exchange = NULL;
    bool answered = end == EXCHANGE_ANSWER || f->page > PAGE_MAX;
    if (answered && status == 200 && f->size == 0)
        check_type(f, x); /* the sink has not seen it */
    struct err err = f->err;
    if (err.code != ERR_NONE) {
        fetch_end(f, NULL, &err);
    } else if (answered && status == 200) {
        fetch_end(f, x, NULL);
    } else if (answered && status > 300 && status < 309 && status != 304) {
        if (follow(f, x, &err) == 0) {
            hop_start(f);
            return;
        }
        err_prefix(&err, "%.*s", SHOWN, f->url);
        fetch_end(f, NULL, &err);
    } else if (!answered || !retry_http_status(status) || !try_again(f, x)) {
        fail(f, answered ? status : 0, end, reason);
    }
}

static void
hop_start(struct fetch *f)
{
    int64_t left_ms = (f->deadline_ns - time_mono_ns()) / 1000000;
    sha256_init(&f->hash);
    f->size = 0;
    f->page = 0;
    f->err.code = ERR_NONE;
    if (f->redirects == 0)
        f->attempts++;
    if (ftruncate(f->fd, 0) < 0)
        err_set(&f->err, ERR_IO, "%.*s: cannot be kept: %m", SHOWN, f->url);
    struct exchange_order order = {
        .site = f->site, .headers = f->headers, .method = "GET", .path = f->path,
        .body = { "", 0 }, .timeout_ms = left_ms > 0 ? (long)left_ms : 1,
        .sink = on_bytes, .sink_arg = f, .stall_s = f->stall_s,
    };
    f->exchange = exchange_start(f->all->engine, &order, on_done, f);
}

/* ---- what evald asks for ---- */

static char *
text_of(struct jval v)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    if (v.kind == J_STRING)
        jtext_decode(&t, v.raw);
    return text_take(&t);
}

static char **
list_of(struct jval v)
{
    char **list = xcalloc(jtext_count(v) + 1, sizeof *list);
    size_t n = 0;
    struct jval e;
    for (struct jiter it = jtext_iter(v); jtext_next(&it, NULL, &e);)
        list[n++] = text_of(e);
    return list;
}

/* The first hop; what is wrong is told like what goes wrong later. */
static void
on_first(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)events;
    struct fetch *f = w->data;
    struct err err = { .code = ERR_NONE };
    ev_timer_stop(loop, w);
    ev_set_cb(w, on_again);
    if (curl_url_set(f->at, CURLUPART_URL, f->url, 0) != CURLUE_OK)
        err_set(&err, ERR_INVALID, "is no URL");
    else
        take_hop(f, &err);
    if (err.code == ERR_NONE) {
        hop_start(f);
        return;
    }
    err_prefix(&err, "%.*s", SHOWN, f->url);
    fetch_end(f, NULL, &err);
}

int
fetch_start(struct fetches *all, uint64_t tag, struct jval head, int fd)
{
    struct jval url = jtext_member(head, STR("url")), hosts = jtext_member(head, STR("hosts"));
    struct jval types = jtext_member(head, STR("types"));
    int64_t max, timeout_ms, stall_ms;
    if (url.kind != J_STRING || hosts.kind != J_ARRAY
        || !jtext_int64(jtext_member(head, STR("max")), &max) || max < 0
        || !jtext_int64(jtext_member(head, STR("timeout_ms")), &timeout_ms) || timeout_ms < 1
        || !jtext_int64(jtext_member(head, STR("stall_ms")), &stall_ms) || stall_ms < 1) {
        close(fd);
        return -1;
    }
    struct fetch *f = xcalloc(1, sizeof *f);
    *f = (struct fetch){
        .all = all, .tag = tag, .fd = fd, .max = max, .url = text_of(url),
        .origins = list_of(hosts),
        .types = types.kind == J_ARRAY ? list_of(types) : NULL,
        .deadline_ns = time_mono_ns()
                       + (timeout_ms < TIMEOUT_MAX ? timeout_ms : TIMEOUT_MAX) * 1000000,
        .stall_s = (long)((stall_ms + 999) / 1000),
        .at = curl_url(),
        .headers = headers_new(STR(""), NULL, STR(""), STR(""), NULL),
    };
    f->link_to_this = &all->list;
    f->next = all->list;
    if (f->next != NULL)
        f->next->link_to_this = &f->next;
    all->list = f;
    ev_timer_init(&f->again, on_first, 0., 0.);
    f->again.data = f;
    ev_timer_start(all->loop, &f->again);
    return 0;
}

void
fetch_drop(struct fetches *all, uint64_t tag)
{
    for (struct fetch *f = all->list; f != NULL; f = f->next)
        if (f->tag == tag) {
            fetch_free(f);
            return;
        }
}

void
fetches_fini(struct fetches *all)
{
    while (all->list != NULL)
        fetch_free(all->list);
}
