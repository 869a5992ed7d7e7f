#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/log.h"
#include "common/mem.h"
#include "daemon/exchange.h"
#include "daemon/validate.h"

#define STREAM_BLOCK (64u << 10)
#define RETRY_AFTER  "1" /* seconds: what is asked for again waits by itself */

/* --------------------------------------------------------------------------------- life */

struct exchange *
exchange_new(struct server *s, struct conn *conn, struct MHD_Connection *mhd,
             const char *target)
{
    size_t n = strlen(target) + 1;
    struct exchange *ex = xmalloc(sizeof *ex + n);
    memset(ex, 0, sizeof *ex);
    memcpy(ex->target, target, n);
    ex->server = s;
    ex->conn = conn;
    ex->mhd = mhd;
    ex->rq.target = ex->target;
    ex->rq.body = STR("");
    return ex;
}

void
exchange_set_method(struct exchange *ex, const char *method)
{
    static const char *const common[] = { "GET", "POST", "DELETE" };
    for (size_t i = 0; i < ARRAY_LEN(common); i++)
        if (strcmp(method, common[i]) == 0)
            ex->rq.method = common[i];
    if (ex->rq.method == NULL)
        ex->rq.method = ex->method = xstrdup(method);
}

static void
exchange_free(struct exchange *ex)
{
    exchange_discharge(ex);
    free(ex->method);
    free(ex->body.ptr);
    text_fini(&ex->chunk);
    for (size_t i = 0; i < ex->n_headers; i++)
        free(ex->headers[i].value);
    if (ex->response != NULL && !ex->constant)
        MHD_destroy_response(ex->response);
    for (size_t i = 0; i < REQUEST_PARAMS; i++)
        free(ex->rq.params[i]);
    json_object_put(ex->rq.query);
    json_object_put(ex->rq.in);
    free(ex);
}

void
exchange_tell_hangup(struct exchange *ex)
{
    if (ex->answered || ex->on_hangup == NULL)
        return;
    void (*fn)(void *) = ex->on_hangup;
    ex->on_hangup = NULL;
    fn(ex->hangup_arg);
}

void
exchange_over(struct exchange *ex)
{
    ex->hung = true;
    if (ex->phase != PHASE_RUN)
        ex->answered = true; /* no handler has seen it */
    if (!ex->answered) {
        exchange_tell_hangup(ex); /* conn is still set: an answer now does not free it */
    } else if (ex->source != NULL) {
        const struct request_source *source = ex->source;
        ex->source = NULL;
        source->close(ex->source_arg);
    }
    ex->conn = NULL;
    ex->mhd = NULL;
    if (ex->answered)
        exchange_free(ex);
}

/* The handler's part is done. */
static void
answered(struct exchange *ex)
{
    assert(!ex->answered);
    ex->answered = true;
    ex->on_hangup = NULL;
    if (ex->conn == NULL)
        exchange_free(ex);
    else
        exchange_wake(ex);
}

/* -------------------------------------------------------------------------------- headers */

const char *
request_header(const struct request *rq, const char *name)
{
    struct exchange *ex = exchange_of(rq);
    if (ex->conn == NULL)
        return NULL;
    return MHD_lookup_connection_value(ex->mhd, MHD_HEADER_KIND, name);
}

struct each {
    const char *name;
    void (*fn)(void *, const char *);
    void *arg;
};

static enum MHD_Result
each_header(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
    struct each *e = cls;
    (void)kind;
    if (value != NULL && strcasecmp(key, e->name) == 0)
        e->fn(e->arg, value);
    return MHD_YES;
}

void
request_each_header(const struct request *rq, const char *name,
                    void (*fn)(void *arg, const char *value), void *arg)
{
    struct exchange *ex = exchange_of(rq);
    struct each e = { name, fn, arg };
    if (ex->conn != NULL)
        MHD_get_connection_values(ex->mhd, MHD_HEADER_KIND, each_header, &e);
}

void
request_put_header(struct request *rq, const char *name, const char *value)
{
    struct exchange *ex = exchange_of(rq);
    if (ex->conn == NULL)
        return;
    assert(ex->n_headers < EXCHANGE_HEADERS);
    ex->headers[ex->n_headers].name = name;
    ex->headers[ex->n_headers++].value = xstrdup(value);
}

void
request_put_type(struct request *rq, const char *content_type)
{
    exchange_of(rq)->stream_type = content_type;
}

static void
add_headers(struct exchange *ex, struct MHD_Response *response, bool body)
{
    const char *type = ex->begun ? ex->stream_type : NULL;
    if (body)
        MHD_add_response_header(response, "Content-Type",
                                type != NULL ? type : "application/json");
    for (size_t i = 0; i < ex->n_headers; i++)
        if (MHD_add_response_header(response, ex->headers[i].name, ex->headers[i].value)
            != MHD_YES)
            log_warning("header %s left out of an answer", ex->headers[i].name);
    if (server_is_quiet(ex->server))
        MHD_add_response_header(response, "Connection", "close");
}

/* -------------------------------------------------------------------------------- answers */

void
request_free_body(struct request *rq)
{
    text_fini(&exchange_of(rq)->body);
    rq->body = STR("");
}

void
request_reply(struct request *rq, unsigned status, struct text *body)
{
    struct exchange *ex = exchange_of(rq);
    if (ex->conn == NULL) {
        text_fini(body);
        answered(ex);
        return;
    }
    size_t len = body != NULL ? body->len : 0;
    char *bytes = body != NULL && len > 0 ? text_take(body) : NULL;
    if (body != NULL)
        text_fini(body);
    ex->status = status;
    ex->response = bytes != NULL
                       ? MHD_create_response_from_buffer(len, bytes, MHD_RESPMEM_MUST_FREE)
                       : MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
    if (ex->response == NULL)
        abort();
    add_headers(ex, ex->response, bytes != NULL);
    answered(ex);
}

void
request_reply_constant(struct request *rq, const char *json)
{
    struct exchange *ex = exchange_of(rq);
    struct MHD_Response **kept = server_constant(ex->server, json);
    if (ex->conn == NULL || kept == NULL || ex->n_headers > 0 || server_is_quiet(ex->server)) {
        struct text t = TEXT_INIT;
        text_puts(&t, json);
        request_reply(rq, 200, &t);
        return;
    }
    if (*kept == NULL) {
        *kept = MHD_create_response_from_buffer(strlen(json), (void *)(uintptr_t)json,
                                                MHD_RESPMEM_PERSISTENT);
        if (*kept == NULL)
            abort();
        add_headers(ex, *kept, true);
    }
    ex->status = 200;
    ex->response = *kept;
    ex->constant = true;
    answered(ex);
}

void
request_reply_json(struct request *rq, json_object *body)
{
    struct text t = TEXT_INIT;
    json_put(&t, body);
    json_object_put(body);
    request_reply(rq, 200, &t);
}

bool
request_gone(const struct request *rq)
{
    return exchange_of(rq)->hung;
}

void
request_drop(struct request *rq)
{
    answered(exchange_of(rq));
}

void
request_on_hangup(struct request *rq, void (*fn)(void *arg), void *arg)
{
    struct exchange *ex = exchange_of(rq);
    ex->on_hangup = fn;
    ex->hangup_arg = arg;
}

/* --------------------------------------------------------------------------------- errors */

void
request_put_error(struct text *t, struct str detail, struct str message, const char *code)
{
    text_puts(t, "{\"detail\":");
    text_put_str(t, detail);
    text_puts(t, ",\"error\":{\"message\":");
    jtext_put_string(t, message);
    text_puts(t, ",\"detail\":");
    text_put_str(t, detail);
    if (code != NULL) {
        text_puts(t, ",\"code\":");
        jtext_put_string(t, str_z(code));
    }
    text_puts(t, "}}");
}

/* again: the same request is going to be answered otherwise. */
static void
reply_error(struct request *rq, unsigned status, struct str detail, struct str message,
            const char *code, bool again)
{
    struct exchange *ex = exchange_of(rq);
    again = again || ex->again;
    if (ex->source != NULL) { /* a stream that never began: it is closed when all is over */
        if (ex->begun) {
            ex->broken = true;
            ex->asked = false;
            exchange_wake(ex);
            return;
        }
        ex->answered = false;
    }
    struct text t = TEXT_INIT;
    request_put_error(&t, detail, message, code);
    /* Clients repeat these by themselves, even POSTs, unless they are told not to. */
    if (again)
        request_put_header(rq, "Retry-After", RETRY_AFTER);
    if (status == 409 || status == 429 || status >= 500)
        request_put_header(rq, "x-should-retry", again ? "true" : "false");
    request_reply(rq, status, &t);
}

static void
fail_text(struct request *rq, unsigned status, const char *text, const char *code, bool again)
{
    CLEANUP_TEXT struct text detail = TEXT_INIT;
    jtext_put_string(&detail, str_z(text));
    reply_error(rq, status, text_str(&detail), str_z(text), code, again);
}

void
request_fail_text(struct request *rq, unsigned status, const char *text)
{
    fail_text(rq, status, text, NULL, false);
}

static const char *
prefix_of(int status)
{
    switch (status) {
    case 400: return "Invalid value: ";
    case 403: return "Permission denied: ";
    case 500: return "Internal server error: ";
    case 501: return "Not implemented: ";
    case 504: return "Operation timed out: ";
    default: return "";
    }
}

void
request_fail_code(struct request *rq, const struct err *err, const char *code)
{
    int status = err_http_status(err->code);
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_puts(&t, prefix_of(status));
    text_put_utf8(&t, str_z(err->text));
    if (status == 500 && err->code != ERR_PLUGIN)
        log_error("request failed: %s method=%s uid=%u", err->text, rq->method,
                  (unsigned)rq->uid);
    fail_text(rq, (unsigned)status, t.ptr, code, err->code == ERR_NOT_READY);
}

void
request_fail(struct request *rq, const struct err *err)
{
    request_fail_code(rq, err, NULL);
}

void
request_fail_items(struct request *rq, json_object *items)
{
    CLEANUP_JSON json_object *detail = json_object_new_object();
    json_add(detail, "errors", items);
    CLEANUP_TEXT struct text text = TEXT_INIT, message = TEXT_INIT;
    json_put(&text, detail);
    validate_put_message(&message, items);
    reply_error(rq, 400, text_str(&text), text_str(&message), NULL, false);
}

/* --------------------------------------------------------------------------------- streams */

static void
ask(struct exchange *ex)
{
    ex->asked = true;
    ex->source->next(ex->source_arg);
}

/* MHD wants bytes.  Without any it is suspended until the source has answered. */
static ssize_t
read_stream(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct exchange *ex = cls;
    (void)pos;
    for (;;) {
        if (ex->broken || ex->hung)
            return MHD_CONTENT_READER_END_WITH_ERROR;
        size_t n = ex->chunk.len - ex->chunk_at;
        if (n > 0) {
            if (n > max)
                n = max;
            memcpy(buf, ex->chunk.ptr + ex->chunk_at, n);
            ex->chunk_at += n;
            return (ssize_t)n;
        }
        if (ex->last)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (!ex->asked)
            ask(ex);
        if (ex->asked) {
            ex->suspended = true;
            MHD_suspend_connection(ex->mhd);
            return 0;
        }
    }
}

static void
begin_stream(struct exchange *ex)
{
    ex->begun = true;
    ex->status = 200;
    if (ex->last) {
        size_t len = ex->chunk.len;
        ex->response = MHD_create_response_from_buffer(len, text_take(&ex->chunk),
                                                       MHD_RESPMEM_MUST_FREE);
    } else {
        ex->response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK,
                                                         read_stream, ex, NULL);
    }
    if (ex->response == NULL)
        abort();
    add_headers(ex, ex->response, true);
}

void
request_stream(struct request *rq, const struct request_source *source, void *arg)
{
    struct exchange *ex = exchange_of(rq);
    assert(!ex->answered && ex->source == NULL);
    ex->answered = true;
    ex->on_hangup = NULL;
    ex->source = source;
    ex->source_arg = arg;
    if (ex->conn == NULL) {
        source->close(arg);
        exchange_free(ex);
        return;
    }
    ask(ex);
}

void
request_chunk(struct request *rq, struct str bytes, bool end)
{
    struct exchange *ex = exchange_of(rq);
    assert(ex->source != NULL && ex->asked);
    ex->asked = false;
    text_clear(&ex->chunk);
    ex->chunk_at = 0;
    text_put_str(&ex->chunk, bytes);
    ex->last = end;
    if (!ex->begun && bytes.len == 0 && !end) {
        ask(ex);
        return;
    }
    if (!ex->begun)
        begin_stream(ex);
    exchange_wake(ex);
}
