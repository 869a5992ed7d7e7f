#include "config.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/un.h>
#include <time.h>

#include "common/io.h"
#include "common/mem.h"
#include "ctl/client.h"
#include "ctl/ctl.h"

#define AWAY_NS      (15 * INT64_C(1000000000))
#define LOST_WAIT_MS 200

struct client {
    CURL *curl;
    const char *socket_path;
    long status;
    bool lost;       /* the last request may have come to evald, its answer has not come here */
    int64_t again_s; /* when evald wants it again; 0: it does not say */
    /* of the request under way */
    struct text *body;
    const struct request *rq;
    bool write_failed;
};

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
    struct client *c = arg;
    n *= size;
    long status = 0;
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    const struct request *rq = c->rq;
    if (status / 100 == 2 && rq->piece != NULL)
        return rq->piece(rq->piece_arg, (struct str){ p, n }) ? n : 0;
    if (rq->to == NULL || status / 100 != 2) {
        text_put(c->body, p, n);
        return n;
    }
    if (fwrite(p, 1, n, rq->to) == n)
        return n;
    c->write_failed = true;
    return 0;
}

static int
on_progress(void *arg, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal,
            curl_off_t ulnow)
{
    (void)arg, (void)dltotal, (void)dlnow, (void)ultotal, (void)ulnow;
    return ctl_interrupted != 0;
}

struct client *
client_new(const char *socket_path, struct err *err)
{
    struct sockaddr_un sun;
    if (strlen(socket_path) >= sizeof sun.sun_path)
        return ERR_NULL(err, ERR_USAGE, "socket path is longer than %zu bytes: %s",
                        sizeof sun.sun_path - 1, socket_path);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return ERR_NULL(err, ERR_INTERNAL, "libcurl cannot be initialised");
    struct client *c = xcalloc(1, sizeof *c);
    c->socket_path = socket_path;
    c->curl = curl_easy_init();
    if (c->curl == NULL) {
        client_free(c);
        return ERR_NULL(err, ERR_NOMEM, "libcurl: out of memory");
    }
    return c;
}

void
client_free(struct client *c)
{
    if (c == NULL)
        return;
    curl_easy_cleanup(c->curl);
    curl_global_cleanup();
    free(c);
}

/* What the server says, from the API's error body: one line of it. */
static void
error_message(struct client *c, struct err *err)
{
    enum err_code code = c->status == 404   ? ERR_NOT_FOUND
                         : c->status == 409 ? ERR_CONFLICT
                         : c->status == 403 ? ERR_DENIED
                         : c->status < 500  ? ERR_INVALID
                                            : ERR_INTERNAL;
    CLEANUP_JSON json_object *doc = NULL;
    const char *message = NULL;
    if (json_parse(text_str(c->body), &doc, NULL, NULL) == 0) {
        message = json_get_str(json_get(doc, "error"), "message", NULL);
        if (message == NULL)
            message = json_get_str(doc, "detail", NULL);
    }
    if (message != NULL && *message != '\0')
        err_set(err, code, "%s", message);
    else
        err_set(err, code, "evald answered with HTTP status %ld", c->status);
}

static int
transfer_error(struct client *c, CURLcode rc, struct err *err)
{
    if (ctl_interrupted)
        return err_set(err, ERR_INTERNAL, "interrupted");
    if (c->write_failed)
        return err_set(err, ERR_IO, "write: %s", strerror(errno));
    long os_errno = 0;
    curl_easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &os_errno);
    c->status = 0;
    c->lost = rc != CURLE_COULDNT_CONNECT;
    if (rc == CURLE_COULDNT_CONNECT)
        return err_set(err, ERR_REMOTE, "cannot reach evald on %s: %s", c->socket_path,
                       os_errno != 0 ? strerror((int)os_errno) : curl_easy_strerror(rc));
    return err_set(err, ERR_REMOTE, "evald on %s does not answer: %s", c->socket_path,
                   curl_easy_strerror(rc));
}

static int
call_once(struct client *c, const struct request *rq, struct text *ret_body, struct err *err)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    if (rq->body.ptr != NULL)
        headers = curl_slist_append(headers, "Content-Type: application/json");
    if (rq->prefer != NULL) {
        CLEANUP_FREE char *line = xasprintf("Prefer: %s", rq->prefer);
        headers = curl_slist_append(headers, line);
    }
    if (rq->last_event_id != NULL) {
        CLEANUP_FREE char *line = xasprintf("Last-Event-ID: %s", rq->last_event_id);
        headers = curl_slist_append(headers, line);
    }
    if (rq->key != NULL) {
        CLEANUP_FREE char *line = xasprintf("Idempotency-Key: %s", rq->key);
        headers = curl_slist_append(headers, line);
    }
    if (rq->plain)
        headers = curl_slist_append(headers, "Evald-Extensions: off");
    CLEANUP_FREE char *url = xasprintf("http://evald%s", rq->path);

    CURL *h = c->curl;
    curl_easy_reset(h); /* keeps the connection */
    curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, c->socket_path);
    curl_easy_setopt(h, CURLOPT_PROXY, "");
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(h, CURLOPT_USERAGENT, "evalctl/" PACKAGE_VERSION);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
    if (rq->body.ptr != NULL) {
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, rq->body.ptr);
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body.len);
    }
    if (rq->method != NULL)
        curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, rq->method);

    text_clear(ret_body);
    c->body = ret_body;
    c->rq = rq;
    c->write_failed = false;
    c->status = 0;
    c->lost = false;
    curl_off_t again_s = 0;
    CURLcode rc = curl_easy_perform(h);
    curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &c->status);
    curl_easy_getinfo(h, CURLINFO_RETRY_AFTER, &again_s);
    c->again_s = c->status == 503 ? again_s : 0;
    curl_slist_free_all(headers);
    if (rc != CURLE_OK && (c->status / 100 == 2 || c->status == 0 || ctl_interrupted))
        return transfer_error(c, rc, err);
    if (c->status / 100 == 2)
        return 0;
    error_message(c, err);
    return -1;
}

/* How long to wait until the request is sent again; 0: it is not. */
static int
again_ms(const struct client *c, const struct request *rq, int64_t *away_since_ns)
{
    int64_t now = time_mono_ns();
    if (c->status != 0) {
        *away_since_ns = 0;
        return rq->patient && c->again_s > 0 ? (int)(c->again_s < 60 ? c->again_s : 60) * 1000
                                             : 0;
    }
    if (rq->key == NULL || (!c->lost && *away_since_ns == 0))
        return 0;
    if (*away_since_ns == 0)
        *away_since_ns = now;
    return now - *away_since_ns <= AWAY_NS ? LOST_WAIT_MS : 0;
}

int
client_call(struct client *c, const struct request *rq, struct text *ret_body, struct err *err)
{
    bool said = false;
    struct err why;
    for (int64_t away_since_ns = 0;;) {
        if (call_once(c, rq, ret_body, &why) == 0)
            return 0;
        int ms = ctl_interrupted ? 0 : again_ms(c, rq, &away_since_ns);
        if (ms == 0)
            return err_set(err, why.code, "%s", why.text);
        if (c->status != 0 && !said) {
            fputs("evalctl: waiting: ", stderr);
            ctl_put_safe(stderr, why.text);
            fputc('\n', stderr);
            said = true;
        }
        struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };
        nanosleep(&ts, NULL); /* a signal ends it early, and the next call at once */
    }
}

void
client_make_key(char ret[CLIENT_KEY_SIZE])
{
    uint64_t random[2];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        abort(); /* no kernel refuses so few bytes */
    snprintf(ret, CLIENT_KEY_SIZE, "evalctl-%016jx%016jx", (uintmax_t)random[0],
             (uintmax_t)random[1]);
}

int
client_get(struct client *c, const char *path, struct text *ret_body, struct err *err)
{
    return client_call(c, &(struct request){ .path = path }, ret_body, err);
}

int
client_get_json(struct client *c, const char *path, struct text *ret_body, json_object **ret,
                struct err *err)
{
    CLEANUP_TEXT struct text own = TEXT_INIT;
    if (ret_body == NULL)
        ret_body = &own;
    if (client_get(c, path, ret_body, err) < 0)
        return -1;
    if (json_parse(text_str(ret_body), ret, NULL, err) < 0)
        return err_prefix(err, "evald's answer to %s", path);
    return 0;
}

int
client_status(const struct client *c)
{
    return (int)c->status;
}

char *
client_escape(const struct client *c, const char *segment)
{
    char *escaped = curl_easy_escape(c->curl, segment, 0);
    char *copy = xstrdup(escaped != NULL ? escaped : "");
    curl_free(escaped);
    return copy;
}
