#include "config.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "common/io.h"
#include "common/mem.h"
#include "endpoint.h"

struct endpoint *
endpoints_find(const struct endpoints *set, struct str id)
{
    for (unsigned i = 0; i < set->n; i++) {
        struct endpoint *e = set->list[i];
        if (e->id_len == id.len && memcmp(e->id, id.ptr, id.len) == 0)
            return e;
    }
    return NULL;
}

static struct endpoint *
find_or_add(struct endpoints *set, struct str id)
{
    struct endpoint *e = endpoints_find(set, id);
    if (e != NULL)
        return e;
    e = xcalloc(1, sizeof *e);
    e->id = xstrndup(id.ptr, id.len);
    e->id_len = id.len;
    e->index = set->n;
    set->list = xreallocarray(set->list, set->n + 1, sizeof(struct endpoint *));
    set->list[set->n++] = e;
    return e;
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The key in a file, without space around it. */
static char *
read_key(int fd, struct err *err)
{
    struct stat st;
    char buf[ENDPOINT_KEY_MAX + 1];
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return ERR_NULL(err, ERR_INVALID, "its key file is no regular file");
    ssize_t n = io_pread_full(fd, buf, sizeof buf, 0);
    if (n < 0)
        return ERR_NULL(err, ERR_IO, "its key file: read: %m");
    char *key = NULL;
    size_t a = 0, z = (size_t)n;
    while (a < z && is_space(buf[a]))
        a++;
    while (z > a && is_space(buf[z - 1]))
        z--;
    bool visible = true;
    for (size_t i = a; i < z; i++)
        visible = visible && buf[i] > ' ' && buf[i] <= '~';
    if ((size_t)n > ENDPOINT_KEY_MAX)
        err_set(err, ERR_INVALID, "its key file is larger than %d bytes", ENDPOINT_KEY_MAX);
    else if (a == z)
        err_set(err, ERR_INVALID, "its key file is empty");
    else if (!visible)
        err_set(err, ERR_INVALID, "its key file does not hold one key of visible ASCII");
    else
        key = xstrndup(buf + a, z - a);
    explicit_bzero(buf, sizeof buf);
    return key;
}

static int64_t
int_or(struct jval v, int64_t low, int64_t high, int64_t otherwise)
{
    int64_t n;
    if (!jtext_int64(v, &n))
        return otherwise;
    return n < low ? low : n > high ? high : n;
}

static void
forget_key(struct endpoint *e)
{
    if (e->key != NULL)
        explicit_bzero(e->key, strlen(e->key));
    free(e->key);
    e->key = NULL;
}

static int
set_key(struct endpoint *e, struct jval file, const int *fds, size_t n_fds, struct err *err)
{
    int64_t f;
    forget_key(e);
    if (file.kind == J_ABSENT || file.kind == J_NULL)
        return 0;
    if (!jtext_int64(file, &f) || f < 0 || (uint64_t)f >= n_fds)
        return err_set(err, ERR_PROTO, "its key file did not come");
    e->key = read_key(fds[f], err);
    return e->key != NULL ? 0 : -1;
}

static int
set_site(struct endpoints *set, struct endpoint *e, struct jval url, struct err *err)
{
    CLEANUP_TEXT struct text text = TEXT_INIT;
    if (url.kind == J_STRING)
        jtext_decode(&text, url.raw);
    if (e->site != NULL && text.len > 0 && strcmp(e->site->given, text.ptr) == 0)
        return 0;
    engine_retire_site(set->engine, e->site);
    e->site = site_new(text_str(&text), err);
    return e->site != NULL ? 0 : -1;
}

static int
configure(struct endpoints *set, struct endpoint *e, struct jval el, const int *fds,
          size_t n_fds, struct err *err)
{
    struct jval headers = jtext_member(el, STR("headers"));
    e->generation++;
    e->limiter.max =
        (unsigned)int_or(jtext_member(el, STR("max_in_flight")), 1, 1 << 20, 1);
    e->max_attempts = (unsigned)int_or(jtext_member(el, STR("max_attempts")), 1, 1000,
                                       ENDPOINT_MAX_ATTEMPTS);
    e->timeout_ms = (long)int_or(jtext_member(el, STR("timeout_ms")), 1, INT32_MAX,
                                 ENDPOINT_TIMEOUT_MS);
    free(e->headers);
    e->headers = headers.kind == J_OBJECT ? xstrndup(headers.raw.ptr, headers.raw.len) : NULL;
    if (set_site(set, e, jtext_member(el, STR("base_url")), err) < 0
        || set_key(e, jtext_member(el, STR("key")), fds, n_fds, err) < 0
        || headers_check(str_z(e->headers), err) < 0)
        return -1;
    return 0;
}

int
endpoints_configure(struct endpoints *set, struct jval element, const int *fds, size_t n_fds,
                    struct err *err)
{
    struct jval id = jtext_member(element, STR("id"));
    CLEANUP_TEXT struct text name = TEXT_INIT;
    if (id.kind == J_STRING)
        jtext_decode(&name, id.raw);
    if (name.len == 0)
        return err_set(err, ERR_PROTO, "an endpoint without id");
    struct endpoint *e = find_or_add(set, text_str(&name));
    struct err why = { .code = ERR_NONE };
    int rc = configure(set, e, element, fds, n_fds, &why);
    free(e->trouble);
    e->trouble = rc < 0 ? xstrdup(why.text) : NULL;
    return rc < 0 ? err_set(err, why.code, "endpoint %s: %s", e->id, why.text) : 0;
}

size_t
endpoints_places(const struct endpoints *set)
{
    size_t n = 0;
    for (unsigned i = 0; i < set->n; i++)
        n += set->list[i]->limiter.max;
    return n;
}

bool
endpoints_state(const struct endpoints *set, struct text *t)
{
    bool busy = false;
    text_puts(t, "{\"endpoints\":[");
    for (unsigned i = 0; i < set->n; i++) {
        const struct endpoint *e = set->list[i];
        size_t waiting = e->limiter.waiting + e->backing_off;
        text_puts(t, i > 0 ? ",{\"id\":" : "{\"id\":");
        jtext_put_string(t, (struct str){ e->id, e->id_len });
        text_putf(t, ",\"in_flight\":%u,\"waiting\":%zu,\"requests\":%llu,\"retries\":%llu,"
                     "\"failures\":%llu}",
                  e->limiter.in_flight, waiting, (unsigned long long)e->requests,
                  (unsigned long long)e->retries, (unsigned long long)e->failures);
        busy = busy || waiting > 0 || e->limiter.in_flight > 0;
    }
    text_puts(t, "]}");
    return busy;
}

void
endpoints_fini(struct endpoints *set)
{
    for (unsigned i = 0; i < set->n; i++) {
        struct endpoint *e = set->list[i];
        forget_key(e);
        engine_retire_site(set->engine, e->site);
        free(e->trouble);
        free(e->headers);
        free(e->id);
        free(e);
    }
    free(set->list);
    *set = (struct endpoints){ .n = 0 };
}
