/* The parts of the gateway that need no network: turns, retries, URLs, headers. */
#include "config.h"

#include "../tap.h"
#include "common/mem.h"
#include "gateway/headers.h"
#include "gateway/limiter.h"
#include "gateway/retry.h"
#include "gateway/site.h"

/* ---- limiter ---- */

static const void *blocked;

static bool
may_send(const void *owner)
{
    return owner != blocked;
}

static void
test_limiter(void)
{
    struct limiter l = { .max = 3 };
    struct lane a = { .limiter = &l, .owner = "a" }, b = { .limiter = &l, .owner = "b" };
    struct waiter wa[4] = { 0 }, wb[2] = { 0 };
    for (int i = 0; i < 4; i++)
        limiter_wait(&a, &wa[i]);
    limiter_wait(&b, &wb[0]);
    limiter_wait(&b, &wb[1]);
    is_int(l.waiting, 6, "all wait");
    ok(limiter_enter(&l, may_send) == &wa[0], "first the lane that came first");
    ok(limiter_enter(&l, may_send) == &wb[0], "then the other lane, though it came later");
    ok(limiter_enter(&l, may_send) == &wa[1], "then the first again");
    ok(limiter_enter(&l, may_send) == NULL, "no more than the places there are");
    is_int(l.in_flight, 3, "three places are taken");
    limiter_leave(&l);
    blocked = b.owner;
    ok(limiter_enter(&l, may_send) == &wa[2], "a lane that may not send is passed over");
    limiter_leave(&l);
    blocked = NULL;
    limiter_wait_first(&a, &wa[0]);
    ok(limiter_enter(&l, may_send) == &wb[1], "it gets its turn when it may");
    limiter_leave(&l);
    limiter_forget(&wa[3]);
    limiter_forget(&wa[3]);
    ok(limiter_enter(&l, may_send) == &wa[0], "who comes back goes before who waits");
    limiter_leave(&l);
    ok(limiter_enter(&l, may_send) == NULL, "who was forgotten is not sent");
    is_int(l.waiting, 0, "nobody waits");
    ok(l.turn == NULL && a.first == NULL && b.last == NULL, "the lanes are empty");
}

/* ---- retry ---- */

#define RFC_DATE "Sun, 06 Nov 1994 08:49:37 GMT" /* RFC 9110 5.6.7: 784111777 */
static const int64_t rfc_date_ms = INT64_C(784111777000);

static int64_t
after(const char *ms, const char *s, int64_t now)
{
    return retry_after_ms(str_z(ms), str_z(s), now);
}

static void
test_retry(void)
{
    static const int yes[] = { 408, 429, 500, 502, 503, 504, 529 };
    static const int no[] = { 200, 204, 301, 400, 401, 403, 404, 409, 422 };
    bool right = true;
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        right = right && retry_http_status(yes[i]);
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        right = right && !retry_http_status(no[i]);
    ok(right, "408, 429 and 5xx are asked for again, others not");

    is_int(after(NULL, NULL, 0), -1, "no header asks for nothing");
    is_int(after(NULL, "7", 0), 7000, "Retry-After in seconds");
    is_int(after(NULL, "0", 0), 0, "Retry-After: 0");
    is_int(after(NULL, "86400", 0), 60000, "a day is cut to a minute");
    is_int(after(NULL, "99999999999999999999999", 0), 60000, "so is what fits no integer");
    is_int(after(NULL, "-5", 0), -1, "a negative number is none");
    is_int(after(NULL, "soon", 0), -1, "a word is none");
    is_int(after("1500", "7", 0), 1500, "retry-after-ms goes before Retry-After");
    is_int(after("0.5", NULL, 0), 1, "a part of a millisecond is one");
    is_int(after("nan", "7", 0), 7000, "a bad retry-after-ms is passed over");
    is_int(after(NULL, RFC_DATE, rfc_date_ms - 5000), 5000, "an HTTP date in 5 s");
    is_int(after(NULL, RFC_DATE, rfc_date_ms + 5000), 0, "an HTTP date that has passed");
    is_int(after(NULL, RFC_DATE, 0), 60000, "an HTTP date far away");

    is_int(retry_wait_ms(1, -1, 0.999999), 99, "the first back-off is below 100 ms");
    is_int(retry_wait_ms(2, -1, 0.5), 100, "the second below 200 ms");
    is_int(retry_wait_ms(1, -1, 0), 0, "full jitter begins at 0");
    is_int(retry_wait_ms(7, 0, 0.5), 3200, "the seventh below 6.4 s");
    is_int(retry_wait_ms(8, -1, 0.5), 4000, "then 8 s is the most");
    is_int(retry_wait_ms(4000000000u, -1, 0.5), 4000, "however many there were");
    is_int(retry_wait_ms(1, 1000, 0.5), 1050, "what the server asks for, and a little more");
}

/* ---- site ---- */

static void
good_site(const char *url, const char *base, const char *sock, const char *host, bool direct)
{
    struct err err = { .text = "" };
    struct site *s = site_new(str_z(url), &err);
    if (!ok(s != NULL, "%s is taken", url)) {
        diag("%s", err.text);
        return;
    }
    is_str(s->base, base, "%s: what libcurl gets", url);
    is_str(s->socket, sock, "%s: socket", url);
    is_str(s->host, host, "%s: host", url);
    is_int(s->direct, direct, "%s: proxies", url);
    site_free(s);
}

static void
bad_site(const char *url, const char *why)
{
    struct err err = { .text = "" };
    struct site *s = site_new(str_z(url), &err);
    ok(s == NULL, "%s is refused", url);
    ok(strstr(err.text, why) != NULL && strstr(err.text, "hunter2") == NULL, "because: %s",
       err.text);
    site_free(s);
}

static void
test_site(void)
{
    good_site("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1", NULL, "127.0.0.1:8080",
              true);
    good_site("https://api.example.org/v1/", "https://api.example.org/v1", NULL,
              "api.example.org:443", false);
    good_site("http://localhost", "http://localhost", NULL, "localhost:80", true);
    good_site("http://[::1]:81/", "http://[::1]:81", NULL, "[::1]:81", true);
    good_site("http+unix://%2Frun%2Fx.sock/v1", "http://localhost/v1", "/run/x.sock",
              "unix:/run/x.sock", true);
    good_site("http+unix://%2frun%2fx.sock", "http://localhost", "/run/x.sock",
              "unix:/run/x.sock", true);
    bad_site("", "base_url");
    bad_site("ftp://example.org/", "scheme");
    bad_site("file:///etc/passwd", "");
    bad_site("http://user:hunter2@example.org/v1", "credentials");
    bad_site("http://example.org/v1?key=hunter2", "query");
    bad_site("http+unix://run/x.sock", "absolute path");
    bad_site("http+unix://%2Frun%2", "percent");
    bad_site("http+unix://%2Frun%00x", "percent");
    bad_site("http+unix:///run/x.sock", "absolute path");
    bad_site("no url at all", "");

    static const char *const good[] = { "", "/", "/chat/completions", "/a?b=../c", "/.../x",
                                        "/a..b", "/%41" };
    static const char *const bad[] = { "@evil/", ".evil/", ":81/", "/..", "/../admin",
                                       "/a/%2e%2E/b", "/.%2e/x", "/./x", "/a b", "/a#b",
                                       "/a\\b", "/\r\nX: y", "/\xc3\xa9" };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        ok(site_path_ok(str_z(good[i])), "path %zu stays below its base", i);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ok(!site_path_ok(str_z(bad[i])), "bad path %zu is refused", i);
}

/* ---- headers ---- */

static const char *
line_of(const struct headers *h, const char *prefix)
{
    for (const struct curl_slist *l = h->list; l != NULL; l = l->next)
        if (strncasecmp(l->data, prefix, strlen(prefix)) == 0)
            return l->data;
    return NULL;
}

static void
bad_headers(const char *ask, const char *why)
{
    struct err err = { .text = "" };
    struct headers *h = headers_new(STR(""), NULL, STR(""), str_z(ask), &err);
    ok(h == NULL && strstr(err.text, why) != NULL, "refused: %s", err.text);
    headers_unref(h);
}

static void
test_headers(void)
{
    struct err err = { .text = "" };
    struct headers *h =
        headers_new(STR("{\"authorization\":\"Bearer theirs\"}"), "ours",
                    STR("{\"X-Org\":\"o\",\"Authorization\":\"no\"}"),
                    STR("{\"x-org\":\"p\",\"X-Empty\":\"\",\"a\":\"b\"}"), &err);
    if (!ok(h != NULL, "headers are put together"))
        return;
    is_str(line_of(h, "authorization"), "authorization: Bearer theirs", "a secret goes first");
    is_str(line_of(h, "x-org"), "X-Org: o", "the endpoint's go before the ask's");
    is_str(line_of(h, "x-empty"), "X-Empty;", "an empty one can be sent");
    is_str(line_of(h, "content-type"), "Content-Type: application/json", "JSON unless said");
    ok(h->secret, "it is known to be secret");
    headers_unref(h);
    h = headers_new(STR(""), "ours", STR(""), STR("{\"authorization\":\"mine\"}"), &err);
    is_str(h != NULL ? line_of(h, "authorization") : "", "Authorization: Bearer ours",
           "a plugin does not replace the key");
    headers_unref(h);
    bad_headers("{\"Host\":\"evil\"}", "Host");
    bad_headers("{\"content-length\":\"1\"}", "content-length");
    bad_headers("{\"a\":\"b\\r\\nc: d\"}", "cannot be sent");
    bad_headers("{\"a:b\":\"c\"}", "cannot be sent");
    bad_headers("{\"\":\"c\"}", "cannot be sent");
    bad_headers("{\"a\\u0000b\":\"c\"}", "cannot be sent");
    bad_headers("{\"a\":1}", "no string");
    bad_headers("[]", "no object");
}

int
main(void)
{
    test_limiter();
    test_retry();
    test_site();
    test_headers();
    return tap_done();
}
