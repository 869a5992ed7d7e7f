#include "config.h"

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "common/jtext.h"
#include "common/mem.h"
#include "counts.h"
#include "options.h"
#include "reply.h"
#include "scan.h"

static FILE *record;
static atomic_long unheld = LONG_MAX; /* so many more requests are answered at once */
static atomic_long releases;
static pthread_mutex_t record_lock = PTHREAD_MUTEX_INITIALIZER;

long
answer_releases(void)
{
    return atomic_load(&releases);
}

int
answer_record_to(const char *path)
{
    record = fopen(path, "we");
    return record != NULL ? 0 : -1;
}

/* A raw line feed in JSON is only space: the body stays one line. */
static void
record_body(struct str body)
{
    pthread_mutex_lock(&record_lock);
    for (size_t i = 0; i < body.len; i++) {
        char ch = body.ptr[i];
        putc_unlocked(ch == '\n' || ch == '\r' ? ' ' : ch, record);
    }
    putc_unlocked('\n', record);
    fflush(record);
    pthread_mutex_unlock(&record_lock);
}

static const char *
reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 429:
        return "Too Many Requests";
    case 500:
        return "Internal Server Error";
    case 503:
        return "Service Unavailable";
    }
    return "Status";
}

static void
respond_as(struct conn *c, int status, const char *type, const char *more, struct str body)
{
    text_putf(&c->out,
              "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s%s\r\n",
              status, reason(status), type, body.len, more,
              c->close_after ? "Connection: close\r\n" : "");
    text_put_str(&c->out, body);
}

static void
respond(struct conn *c, struct str body)
{
    respond_as(c, 200, "application/json", "", body);
}

static void
respond_error(struct conn *c, int status, const char *type, const char *message,
              const char *more)
{
    char b[512];
    int n = snprintf(b, sizeof b,
                     "{\"error\":{\"message\":\"%s\",\"type\":\"%s\",\"param\":null,"
                     "\"code\":%d}}",
                     message, type, status);
    respond_as(c, status, "application/json", more, (struct str){ b, (size_t)n });
}

/* ---- delay and failure ---- */

static int64_t
choose_delay(struct worker *w)
{
    double ms = options.latency_ms;
    if (ms > 0 && options.jitter > 0) {
        double u = worker_random(w), v = worker_random(w);
        if (u < 1e-12)
            u = 1e-12;
        ms *= exp(options.jitter * sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
    }
    return (int64_t)(ms * 1e6);
}

/* How this request fails; FAIL_MODES: not at all. */
static enum fail_mode
choose_failure(struct worker *w, uint64_t hash, uint32_t before)
{
    const struct options *o = &options;
    if (o->fail_rate <= 0)
        return FAIL_MODES;
    if (!o->fail_by_prompt)
        return worker_random(w) < o->fail_rate
                   ? o->fail_modes[(unsigned)(worker_random(w) * o->n_fail_modes)
                                   % o->n_fail_modes]
                   : FAIL_MODES;
    if ((double)(hash >> 11) * 0x1p-53 >= o->fail_rate
        || (o->fail_attempts > 0 && before >= o->fail_attempts))
        return FAIL_MODES;
    return o->fail_modes[(hash & 1023) % o->n_fail_modes];
}

static int64_t
fail(struct conn *c, enum fail_mode mode, int64_t delay_ns)
{
    char after[48] = "";
    if (options.retry_after_s >= 0)
        snprintf(after, sizeof after, "Retry-After: %d\r\n", options.retry_after_s);
    switch (mode) {
    case FAIL_429:
        respond_error(c, 429, "rate_limit_error", "Rate limit reached", after);
        break;
    case FAIL_500:
        respond_error(c, 500, "server_error", "The server had an error", "");
        break;
    case FAIL_503:
        respond_error(c, 503, "server_error", "Overloaded", after);
        break;
    case FAIL_RESET:
        c->reset_after = true;
        c->close_after = true;
        break;
    case FAIL_CLOSE:
        c->close_after = true;
        break;
    case FAIL_MALFORMED:
        respond(c, STR("{\"id\":\"x\",\"choices\":[{\"message\":{\"role\":\"assis"));
        break;
    case FAIL_PARTIAL:
        text_puts(&c->out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                           "Content-Length: 4096\r\n\r\n{\"id\":\"x\",");
        c->close_after = true;
        break;
    case FAIL_NOCHOICES:
        respond(c, STR("{\"choices\":[]}"));
        break;
    case FAIL_HTML:
        respond_as(c, 200, "text/html", "",
                   STR("<!DOCTYPE html><html><body><h1>It works</h1></body></html>\n"));
        break;
    case FAIL_HANG:
        return ANSWER_NEVER;
    case FAIL_SLOW: /* the caller answers it */
    case FAIL_MODES:
        break;
    }
    return delay_ns;
}

/* ---- the three kinds of request ---- */

enum kind { CHAT, COMPLETION, EMBEDDING };

/* The text that the reply depends on, onto t. */
static bool
read_prompt(struct text *t, enum kind kind, struct str body, struct request *r)
{
    const char *end = body.ptr + body.len;
    text_clear(t);
    if (!scan_request(r, body))
        return false;
    if (kind == CHAT)
        return r->messages != NULL && scan_last_user(t, r->messages, end) > 0;
    const char *p = kind == COMPLETION ? r->prompt : r->input;
    if (p == NULL)
        return false;
    if (*p == '[')
        p = scan_space(p + 1, end);
    if (p < end && *p == '"')
        scan_decode(t, p, end);
    return true;
}

static int64_t
generate(struct worker *w, struct conn *c, enum kind kind, struct str body, long id,
         int64_t delay_ns)
{
    struct request r;
    if (!read_prompt(&w->prompt, kind, body, &r)) {
        count_one(&counts.bad_request);
        respond_error(c, 400, "invalid_request_error", "Body is not a valid request", "");
        return 0;
    }
    struct str prompt = text_str(&w->prompt);
    uint64_t hash = hash_text(prompt, options.seed);
    enum fail_mode mode = choose_failure(w, hash, prompts_count(hash, prompt));
    if (mode != FAIL_MODES) {
        count_one(&counts.injected[mode]);
        if (mode != FAIL_SLOW)
            return fail(c, mode, delay_ns);
        delay_ns = (int64_t)(options.slow_ms * 1e6);
    }
    text_clear(&w->body);
    if (kind == EMBEDDING) {
        reply_embeddings(&w->body, &r, body.ptr + body.len);
        respond(c, text_str(&w->body));
    } else if (r.must_call.len > 0 && reply_call(&w->body, &r, id, prompt)) {
        respond(c, text_str(&w->body));
    } else {
        reply_choose(&w->reply, prompt);
        struct str reply = text_str(&w->reply);
        if (r.stream)
            reply_stream(&c->out, &w->body, &r, kind == CHAT, id, prompt, reply);
        else {
            reply_text(&w->body, &r, kind == CHAT, id, prompt, reply);
            respond(c, text_str(&w->body));
        }
    }
    count_one(&counts.ok);
    return delay_ns;
}

/* ---- routes ---- */

/* Those that are no requests to a model and count as nothing. */
static bool
answer_about_itself(struct worker *w, struct conn *c, struct str path)
{
    struct text *b = &w->body;
    text_clear(b);
    if (str_is(path, "/healthz")) {
        respond_as(c, 200, "text/plain", "", STR("ok\n"));
        return true;
    }
    if (str_is(path, "/stats/prompts"))
        prompts_json(b);
    else if (str_is(path, "/stats"))
        counts_json(b);
    else if (path.len > 6 && memcmp(path.ptr, "/hold/", 6) == 0) {
        atomic_store(&unheld, strtol(path.ptr + 6, NULL, 10)); /* a blank is behind the path */
        counts_json(b);
    } else if (str_is(path, "/release")) {
        atomic_store(&unheld, LONG_MAX);
        atomic_fetch_add(&releases, 1);
        counts_json(b);
    } else if (str_is(path, "/stats/reset")) {
        counts_reset();
        counts_json(b);
    } else
        return false;
    respond(c, text_str(b));
    return true;
}

int64_t
answer(struct worker *w, struct conn *c, struct str method, struct str path, bool authorized,
       struct str body)
{
    static const struct str models =
        STR("{\"object\":\"list\",\"data\":[{\"id\":\"mock\",\"object\":\"model\","
            "\"created\":1700000000,\"owned_by\":\"mock\"}]}");
    const char *query = memchr(path.ptr, '?', path.len);
    if (query != NULL)
        path.len = (size_t)(query - path.ptr);
    if (path.len > 3 && memcmp(path.ptr, "/v1/", 4) == 0)
        path.ptr += 3, path.len -= 3;
    if (answer_about_itself(w, c, path))
        return 0;

    long total = atomic_fetch_add(&counts.total, 1) + 1;
    c->in_flight = true;
    long in_flight = atomic_fetch_add(&counts.in_flight, 1) + 1;
    bool over = options.limit_inflight > 0 && in_flight > options.limit_inflight;
    if (!over)
        count_max(&counts.max_in_flight, in_flight);
    int64_t delay_ns = choose_delay(w);
    if (!authorized) {
        count_one(&counts.unauthorized);
        respond_error(c, 401, "invalid_request_error", "Incorrect API key provided", "");
        return 0;
    }
    if (str_is(path, "/models") && str_is(method, "GET")) {
        count_one(&counts.models);
        respond(c, models);
        return 0;
    }
    enum kind kind;
    if (str_is(path, "/chat/completions")) {
        kind = CHAT;
        count_one(&counts.chat);
    } else if (str_is(path, "/completions")) {
        kind = COMPLETION;
        count_one(&counts.completions);
    } else if (str_is(path, "/embeddings")) {
        kind = EMBEDDING;
        count_one(&counts.embeddings);
    } else {
        count_one(&counts.other);
        respond_error(c, 404, "invalid_request_error", "Unknown path", "");
        return 0;
    }
    if (!str_is(method, "POST")) {
        respond_error(c, 405, "invalid_request_error", "Use POST", "");
        return 0;
    }
    if (record != NULL)
        record_body(body);
    if (over) {
        count_one(&counts.limited);
        char after[48];
        snprintf(after, sizeof after, "Retry-After: %d\r\n",
                 options.retry_after_s < 0 ? 1 : options.retry_after_s);
        respond_error(c, 429, "rate_limit_error", "Too many requests in flight", after);
        return 0;
    }
    delay_ns = generate(w, c, kind, body, total, delay_ns);
    return atomic_fetch_sub(&unheld, 1) > 0 ? delay_ns : ANSWER_HELD;
}
