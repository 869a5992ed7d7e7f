/* source.c - source::test: rows as their uri says, well and badly.
 *
 *     test://pages/N      N pages of three rows {"n":0}, {"n":1}, ...
 *     test://large/N      N pages of one row of 1 MiB
 *     test://crash        crashes on the second page; hang: never returns; config: refuses
 *     test://same         the same "next" for ever; none: no rows; number: a row that is one
 *     test://endless      pages without end; huge: a row above 16 MiB
 *     test://http         asks HTTP; sleep: sleeps a minute before the second page */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <evald/plugin.h>

static int
is(struct evald_str s, const char *z)
{
    return s.len == strlen(z) && memcmp(s.ptr, z, s.len) == 0;
}

static int32_t
put_rows(struct evald_call *c, long page, long n, size_t pad)
{
    struct evald_buf b = EVALD_BUF;
    char *x = malloc(pad + 1);
    if (x == NULL)
        return EVALD_E_BUG;
    memset(x, 'x', pad);
    evald_put(c, &b, evald_s("["));
    for (long i = 0; i < n; i++) {
        evald_putf(c, &b, "%s{\"n\":%ld", i > 0 ? "," : "", page * n + i);
        if (pad > 0) {
            evald_put(c, &b, evald_s(",\"pad\":\""));
            evald_put(c, &b, (struct evald_str){ x, pad });
            evald_put(c, &b, evald_s("\""));
        }
        evald_put(c, &b, evald_s("}"));
    }
    evald_put(c, &b, evald_s("]"));
    free(x);
    return evald_json(c, "rows", b.text);
}

static int32_t
step(struct evald_call *c, void *self, void **task, const struct evald_row *row,
     const struct evald_event *ev)
{
    (void)self;
    (void)task;
    if (ev->kind == EVALD_EV_CANCEL)
        return EVALD_OK;
    struct evald_str uri = evald_get(c, row->json, "/uri").str;
    long page = (long)evald_get(c, row->json, "/next").num, pages = 2;
    size_t pad = 0;
    if (uri.len > 7)
        uri = (struct evald_str){ uri.ptr + 7, uri.len - 7 };
    if (is(uri, "config"))
        return evald_fail(c, EVALD_E_CONFIG, "there is no such place");
    if (is(uri, "http"))
        return evald_ask_http(c, "/x", evald_s("{}"));
    if (is(uri, "none"))
        return EVALD_OK;
    if (is(uri, "number"))
        return evald_json(c, "rows", evald_s("[{},1]"));
    if (is(uri, "huge"))
        return put_rows(c, 0, 1, 16u << 20);
    if (page == 1 && is(uri, "crash"))
        raise(SIGSEGV);
    while (page == 1 && is(uri, "hang"))
        pause();
    if (page == 1 && is(uri, "sleep") && ev->kind == EVALD_EV_START) {
        struct evald_ask a = { .size = sizeof a, .kind = EVALD_ASK_SLEEP, .timeout_ms = 60000,
                               .to = evald_s(""), .body = evald_s(""), .head = evald_s("") };
        return c->host->ask(c, &a) < 0 ? EVALD_E_BUG : EVALD_WAIT;
    }
    if (uri.len > 6 && memcmp(uri.ptr, "pages/", 6) == 0)
        pages = atol(uri.ptr + 6);
    if (uri.len > 6 && memcmp(uri.ptr, "large/", 6) == 0) {
        pages = atol(uri.ptr + 6);
        pad = 1u << 20;
    }
    int32_t rc = put_rows(c, page, pad > 0 ? 1 : 3, pad);
    if (rc < 0)
        return rc;
    if (is(uri, "same"))
        return evald_integer(c, "next", 7);
    return page + 1 < pages || is(uri, "endless") ? evald_integer(c, "next", page + 1)
                                                  : evald_null(c, "next");
}

static const struct evald_plugin source = {
    EVALD_HEAD(EVALD_SOURCE),
    .id = "source::test",
    .version = "1",
    .summary = "rows for tests",
    .step = step,
};
EVALD_PLUGINS(&source)
