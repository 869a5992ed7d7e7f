#include "config.h"

#include <curl/curl.h>
#include <strings.h>
#include <sys/un.h>

#include "common/mem.h"
#include "site.h"

#define UNIX_SCHEME "http+unix://"

static void
cleanup_curlu(CURLU **u)
{
    curl_url_cleanup(*u);
}

static void
cleanup_curl_string(char **s)
{
    curl_free(*s);
}
#define CLEANUP_CURL __attribute__((cleanup(cleanup_curl_string)))

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Sets s->socket from the host of url and *ret_http to the URL that remains. */
static int
take_socket(struct site *s, const char *url, char **ret_http, struct err *err)
{
    const char *host = url + strlen(UNIX_SCHEME), *end = host + strcspn(host, "/?#");
    CLEANUP_TEXT struct text path = TEXT_INIT;
    for (const char *p = host; p < end; p++) {
        if (*p != '%') {
            text_putc(&path, *p);
            continue;
        }
        int hi = end - p > 2 ? hex_digit(p[1]) : -1, lo = end - p > 2 ? hex_digit(p[2]) : -1;
        if (hi < 0 || lo < 0 || hi * 16 + lo == 0)
            return err_set(err, ERR_INVALID, "base_url: bad percent-encoding in its socket");
        text_putc(&path, (char)(hi * 16 + lo));
        p += 2;
    }
    struct sockaddr_un un;
    if (path.len == 0 || path.ptr[0] != '/' || path.len >= sizeof un.sun_path)
        return err_set(err, ERR_INVALID, "base_url: after http+unix:// must come the absolute "
                       "path of a socket, percent-encoded, of at most %zu bytes",
                       sizeof un.sun_path - 1);
    s->socket = text_take(&path);
    *ret_http = xasprintf("http://localhost%s", end);
    return 0;
}

static bool
is_loopback(const char *host)
{
    size_t n = strlen(host);
    return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0
           || strcmp(host, "[::1]") == 0
           || (n > 10 && strcasecmp(host + n - 10, ".localhost") == 0);
}

static int
take_apart(struct site *s, const char *http, struct err *err)
{
    __attribute__((cleanup(cleanup_curlu))) CURLU *u = curl_url();
    CLEANUP_CURL char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL, *rest = NULL;
    if (u == NULL || curl_url_set(u, CURLUPART_URL, http, 0) != CURLUE_OK)
        return err_set(err, ERR_INVALID, "base_url is no URL");
    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0);
    curl_url_get(u, CURLUPART_HOST, &host, 0);
    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    if (scheme == NULL || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        return err_set(err, ERR_INVALID,
                       "base_url: its scheme is none of http, https and http+unix");
    if (host == NULL || host[0] == '\0')
        return err_set(err, ERR_INVALID, "base_url has no host");
    if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK)
        return err_set(err, ERR_INVALID, "base_url holds credentials; use a key file");
    if (curl_url_get(u, CURLUPART_QUERY, &rest, 0) == CURLUE_OK
        || curl_url_get(u, CURLUPART_FRAGMENT, &rest, 0) == CURLUE_OK)
        return err_set(err, ERR_INVALID, "base_url has a query or fragment");
    s->direct = s->socket != NULL || is_loopback(host);
    s->host = s->socket != NULL ? xasprintf("unix:%s", s->socket)
                                : xasprintf("%s:%s", host, port != NULL ? port : "?");
    CLEANUP_CURL char *whole = NULL;
    if (curl_url_get(u, CURLUPART_URL, &whole, 0) != CURLUE_OK)
        return err_set(err, ERR_INVALID, "base_url is no URL");
    size_t n = strlen(whole);
    while (n > 0 && whole[n - 1] == '/')
        n--;
    s->base = xstrndup(whole, n);
    return 0;
}

struct site *
site_new(struct str url, struct err *err)
{
    struct site *s = xcalloc(1, sizeof *s);
    s->given = xstrndup(url.ptr, url.len);
    CLEANUP_FREE char *http = NULL;
    int rc = 0;
    if (strlen(s->given) != url.len)
        rc = err_set(err, ERR_INVALID, "base_url is no URL");
    else if (strncasecmp(s->given, UNIX_SCHEME, strlen(UNIX_SCHEME)) == 0)
        rc = take_socket(s, s->given, &http, err);
    else
        http = xstrdup(s->given);
    if (rc < 0 || take_apart(s, http, err) < 0) {
        site_free(s);
        return NULL;
    }
    return s;
}

void
site_free(struct site *s)
{
    if (s == NULL)
        return;
    free(s->given);
    free(s->base);
    free(s->socket);
    free(s->host);
    free(s);
}

/* Whether these bytes of a path, percent-encoding undone, are "." or "..". */
static bool
is_dots(const char *p, const char *end)
{
    unsigned dots = 0;
    for (; p < end; dots++) {
        if (*p == '.')
            p++;
        else if (end - p >= 3 && p[0] == '%' && p[1] == '2' && (p[2] | 32) == 'e')
            p += 3;
        else
            return false;
    }
    return dots == 1 || dots == 2;
}

bool
site_path_ok(struct str path)
{
    const char *p = path.ptr, *end = p + path.len;
    if (path.len > 0 && *p != '/')
        return false;
    for (size_t i = 0; i < path.len; i++)
        if (p[i] <= ' ' || p[i] > '~' || p[i] == '#' || p[i] == '\\')
            return false;
    const char *query = path.len > 0 ? memchr(p, '?', path.len) : NULL;
    if (query != NULL)
        end = query;
    while (p < end) {
        const char *slash = memchr(p + 1, '/', (size_t)(end - p - 1));
        const char *stop = slash != NULL ? slash : end;
        if (is_dots(p + 1, stop))
            return false;
        p = stop;
    }
    return true;
}
