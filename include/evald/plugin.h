/* evald/plugin.h - the whole interface between evald and a plugin.
 *
 * SPDX-License-Identifier: MIT-0      (this header only; see evald-plugin(3))
 *
 * Rules that hold everywhere below:
 *  - A plugin does no I/O: no network, and no files once it is loaded (its data is
 *    compiled in).  It asks; the host answers by calling it again.
 *  - Nothing is freed across the boundary.  What the host passes in is valid until
 *    the callback returns (params: until close).  What evald_alloc(), evald_get(),
 *    evald_each() and evald_quote() give lives until the row ends (in open: until
 *    close).  What the plugin passes to a host function is copied before that
 *    function returns.
 *  - Text is UTF-8 with an explicit length.  The host also puts a NUL at ptr[len].
 *    Invalid bytes from a plugin become U+FFFD.
 *  - Every struct that may grow begins with its size; growth is at the end only.
 *  - No varargs, enums, bitfields, bool, long or JSON-library types cross over.
 *  - A call handle is good only in the callback, and on the thread, it was given to.
 *  - Do not call setlocale, signal, fork, exit, or write to fd 1; let no C++
 *    exception or Rust panic leave a callback.
 */
#ifndef EVALD_PLUGIN_H
#define EVALD_PLUGIN_H 1

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EVALD_MAGIC 0x4c415645u /* "EVAL" */
#define EVALD_ABI   1u          /* changes only when old binaries cannot work */

/* What a callback returns.  Any negative value: call evald_fail() first.  The same
 * codes are in evald_reply.status: passing that on keeps the cause of the failure.
 * Fields emitted before a failure stay beside its error. */
#define EVALD_OK          0 /* finished; result emitted */
#define EVALD_WAIT        1 /* step() only: call me again when all asks are answered */
#define EVALD_E_ROW     (-1) /* this row's data cannot be used; recorded, job goes on */
#define EVALD_E_CONFIG  (-2) /* params unusable; job refused before its first row */
#define EVALD_E_RETRY   (-3) /* transient; the host may run this task again from START */
#define EVALD_E_BUG     (-4) /* the plugin is at fault */
#define EVALD_E_NOTSUP  (-5) /* this host is too old, or the dialect cannot express it */
#define EVALD_E_REMOTE  (-6) /* a model, tool or server failed, or its answer is of no use */
#define EVALD_E_TIMEOUT (-7) /* ... or did not answer in time */

/* evald_plugin.kind: what the fields that a task emits become, and what it may ask. */
#define EVALD_SCORER 1u /* a score row: "score" and any other field.  A null score is
                           "abstained", not an error.  May ask MODEL (judges, embeddings) */
#define EVALD_AGENT  2u /* a generation: "generated_answer", "context", "steps", ...;
                           params: the AgentConfig.  May ask MODEL, TOOL, and HTTP of
                           its own endpoint */
#define EVALD_MODEL  3u /* the reply document, member by member (evald-plugin(3)); row->json
                           is the request document; params: the model's entry in
                           evald.conf.  cols come from the data set's row when the model
                           is the candidate, else ABSENT.  May ask HTTP */
#define EVALD_SOURCE 4u /* "rows" (array) and "next" (any value; null at the end) of a data
                           set; row->json is {"uri":...,"next":...}.  May ask HTTP */

/* evald_plugin.threads: the most concurrency the plugin can bear. */
#define EVALD_SERIAL   0u /* one call at a time in the whole process (default) */
#define EVALD_INSTANCE 1u /* one call at a time per instance */
#define EVALD_PARALLEL 2u /* any calls at once; the instance is read-only after open */

struct evald_str { const char *ptr; size_t len; };            /* frozen layout */

/* A JSON value seen from C.  Frozen layout.
 * str: decoded text for a string; JSON text for anything else. */
struct evald_value { uint32_t kind, flags; double num; struct evald_str str; };
#define EVALD_INTEGER 1u /* flags: a NUMBER written without fraction or exponent;
                            str holds every digit, num the nearest double */
#define EVALD_ABSENT 0u /* optional column or pointer target that is not there */
#define EVALD_NULL   1u
#define EVALD_BOOL   2u /* num is 0 or 1 */
#define EVALD_NUMBER 3u
#define EVALD_STRING 4u
#define EVALD_ARRAY  5u
#define EVALD_OBJECT 6u

/* One unit of work: a data set row, joined with the candidate's output for scorers. */
struct evald_row {
    uint32_t size, epoch;            /* epoch: 0-based trial number */
    uint64_t index, seed;            /* seed: use it for every random choice */
    const struct evald_value *cols;  /* one per evald_plugin.columns, same order */
    struct evald_str json;           /* the whole row as a JSON object */
};

/* A request the plugin cannot carry out itself.  HTTP goes to the endpoint that
 * evald.conf gives this instance: credentials, connections, rate limits and retries of
 * 408, 429 and 5xx are the host's.  Replies arrive whole (an event stream too). */
struct evald_ask {
    uint32_t size, kind;
    struct evald_str to;   /* MODEL: a role bound in the job, or a model id; HTTP: path and
                              query below the endpoint; TOOL: its name, or empty: list */
    struct evald_str body; /* MODEL: request document; HTTP: bytes;
                              TOOL: arguments (JSON object) */
    struct evald_str head; /* HTTP: JSON {"method":"POST","headers":{...}}; empty: POST of
                              JSON.  Never credentials */
    uint32_t timeout_ms, reserved; /* 0: the job's default */
};
#define EVALD_ASK_MODEL 1u
#define EVALD_ASK_HTTP  2u
#define EVALD_ASK_SLEEP 3u /* timeout_ms is how long */
#define EVALD_ASK_TOOL  4u /* reply: {"content":[...],"is_error":bool}; of list: array of
                              {"name","description","parameters","executor":"host"|"client"} */

struct evald_reply {
    uint32_t size;
    int32_t  status;       /* EVALD_OK, or EVALD_E_* once the host gave up retrying.  Any
                              complete HTTP answer is EVALD_OK: look at http_status */
    uint32_t http_status, reserved;
    struct evald_str body; /* the answer, or a one-line reason when status < 0 */
    struct evald_str head; /* HTTP: JSON object of headers, names in lower case */
};

/* Why step() is called.  replies[i] answers the i-th ask of the previous call. */
struct evald_event {
    uint32_t size, kind;
    size_t n_replies;
    const struct evald_reply *const *replies;
};
#define EVALD_EV_START  1u
#define EVALD_EV_REPLY  2u
#define EVALD_EV_CANCEL 3u /* free what *task holds; the return value is ignored */

/* The host's side, reached through the call handle; prefer the wrappers below. */
struct evald_call;
struct evald_host {
    uint32_t size, version;          /* version: evald's, 0xMMmmpp */
    /* level as syslog(3): 3 error, 4 warning, 6 info, 7 debug.  Never row contents. */
    void    (*log)(struct evald_call *, int32_t level, struct evald_str);
    void    (*fail)(struct evald_call *, struct evald_str why);
    void   *(*alloc)(struct evald_call *, size_t);
    /* Reading the same text again is cheap: the host keeps its parse of the last ones. */
    int32_t (*get)(struct evald_call *, struct evald_str json, const char *pointer,
                   struct evald_value *out);
    int32_t (*each)(struct evald_call *, struct evald_str json, size_t *at,
                    struct evald_str *key, struct evald_value *out);
    int32_t (*quote)(struct evald_call *, struct evald_str, struct evald_str *out);
    /* Adds a field to what this task emits, in order; a name used twice is E_BUG. */
    int32_t (*field)(struct evald_call *, struct evald_str name, const struct evald_value *);
    int32_t (*ask)(struct evald_call *, const struct evald_ask *);
    /* aggregate() only: 1 and {"index":,"epoch":,"row_id":,"score_row":{}}; 0 at the end. */
    int32_t (*next_scored)(struct evald_call *, struct evald_str *json);
    /* 1.0 ends here.  Append below; wrappers for newer entries test EVALD_HAS(). */
};
struct evald_call { const struct evald_host *host; /* rest private */ };
#define EVALD_HAS(c, fn) \
    ((c)->host->size >= offsetof(struct evald_host, fn) + sizeof((c)->host->fn) && \
     (c)->host->fn != NULL)

/* What a plugin exports.  The first four fields never change in any ABI. */
struct evald_plugin {
    uint32_t magic, abi, size, kind;
    uint32_t threads;
    uint32_t host_size;          /* least evald_host.size needed; 0: the 1.0 one */
    const char *id;              /* "provider::name": the id that clients use */
    const char *version;         /* change it whenever results may change: cache key */
    const char *summary;         /* one line for listings */
    const char *params_schema;   /* JSON Schema subset, evald-plugin(3); NULL: no params.
                                    The host validates and fills in defaults. */
    const char *params_default;  /* JSON object listed as the function's params; or NULL */
    const char *return_type;     /* scorers: JSON, {"type":"number"} when NULL */
    const char *metrics;         /* {"score":{"range":[0,1],"better":"higher"},...};
                                    range null: unbounded */
    const char *const *columns;  /* NULL-terminated; trailing '?' marks optional */

    /* Make an instance: one per (job, configuration).  Optional when stateless.
     * params: defaults filled in, without what the host owns (type,
     * aggregation_functions; of a model or agent entry: endpoint, keys, limits). */
    int32_t (*open)(struct evald_call *, struct evald_str params, void **self);
    void    (*close)(void *self);

    /* Exactly one of score, step. */
    int32_t (*score)(struct evald_call *, void *self, const struct evald_row *);
    /* *task is NULL on START.  evald_alloc() memory lives until the row ends, so
     * state kept there needs no clean-up on CANCEL.  Same row, seed and replies must
     * give the same asks and fields: an interrupted task is resumed by playing the
     * replies it already had. */
    int32_t (*step)(struct evald_call *, void *self, void **task,
                    const struct evald_row *, const struct evald_event *);
    /* Optional: metrics over the whole run, beyond the host's own (mean, CI, pass@k).
     * Rows come in index order; each field F emitted is aggregated_results.F = {F: value}. */
    int32_t (*aggregate)(struct evald_call *, void *self);
};
/* First in the initialiser; before C++20 the other members follow by position. */
#if defined __cplusplus && __cplusplus < 202002L
#define EVALD_HEAD(k) EVALD_MAGIC, EVALD_ABI, sizeof(struct evald_plugin), (k)
#else
#define EVALD_HEAD(k) .magic = EVALD_MAGIC, .abi = EVALD_ABI, \
                      .size = sizeof(struct evald_plugin), .kind = (k)
#endif

#if defined __GNUC__ /* evald is Linux with gcc or clang */
#define EVALD_EXPORT __attribute__((visibility("default")))
#define EVALD_PRINTF(f, a) __attribute__((format(printf, f, a)))
#endif

/* The one exported symbol; its name carries the ABI: EVALD_PLUGINS(&a, &b) */
EVALD_EXPORT const struct evald_plugin *const *evald_plugins_v1(void);
#define EVALD_PLUGINS(...) \
    const struct evald_plugin *const *evald_plugins_v1(void) \
    { \
        static const struct evald_plugin *const all[] = { __VA_ARGS__, NULL }; \
        return all; \
    }

/* ---- conveniences: compiled into the plugin, no part of the ABI ------------ */
static inline struct evald_str evald_s(const char *z)
{
    struct evald_str s = { z, z ? strlen(z) : 0 };
    return s;
}
/* Zeroed, never NULL; lives as long as the row (open: the instance) does. */
static inline void *evald_alloc(struct evald_call *c, size_t n)
{
    return c->host->alloc(c, n);
}
EVALD_PRINTF(2, 0)
static inline struct evald_str evald_vfmt(struct evald_call *c, const char *f, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, f, again);
    va_end(again);
    char *p = (char *)evald_alloc(c, n < 0 ? 1 : (size_t)n + 1);
    struct evald_str s = { p, n < 0 ? 0 : (size_t)n };
    if (n > 0) vsnprintf(p, (size_t)n + 1, f, ap);
    return s;
}
EVALD_PRINTF(2, 3)
static inline struct evald_str evald_fmt(struct evald_call *c, const char *f, ...)
{
    va_list ap;
    va_start(ap, f);
    struct evald_str s = evald_vfmt(c, f, ap);
    va_end(ap);
    return s;
}
/* return evald_fail(c, EVALD_E_ROW, "no digits in %s", evald_quote(c, x)); */
EVALD_PRINTF(3, 4)
static inline int32_t evald_fail(struct evald_call *c, int32_t status, const char *f, ...)
{
    va_list ap;
    va_start(ap, f);
    c->host->fail(c, evald_vfmt(c, f, ap));
    va_end(ap);
    return status;
}
/* pointer: RFC 6901, "" for the whole.  kind is EVALD_ABSENT when not there. */
static inline struct evald_value evald_get(struct evald_call *c, struct evald_str json,
                                           const char *pointer)
{
    struct evald_value v = { 0, 0, 0, { "", 0 } };
    c->host->get(c, json, pointer, &v);
    return v;
}
/* Members of an object or elements of an array (key empty), in their order:
 * for (size_t at = 0; evald_each(c, json, &at, &key, &value); ) ... */
static inline int32_t evald_each(struct evald_call *c, struct evald_str json, size_t *at,
                                 struct evald_str *key, struct evald_value *value)
{
    return c->host->each(c, json, at, key, value);
}
static inline const char *evald_quote(struct evald_call *c, struct evald_str s)
{
    struct evald_str q = { "null", 4 };
    c->host->quote(c, s, &q);
    return q.ptr; /* a JSON string literal, quotes included */
}
EVALD_PRINTF(3, 4)
static inline void evald_log(struct evald_call *c, int32_t level, const char *f, ...)
{
    va_list ap;
    va_start(ap, f);
    c->host->log(c, level, evald_vfmt(c, f, ap));
    va_end(ap);
}

/* Text built piece by piece; zeroed, or EVALD_BUF.  .text is the result, NUL at its end. */
struct evald_buf { struct evald_str text; size_t room; };
#define EVALD_BUF { { "", 0 }, 0 }
static inline void evald_put(struct evald_call *c, struct evald_buf *b, struct evald_str s)
{
    if (s.len == 0) return;
    if (b->room <= b->text.len + s.len) {
        size_t room = 2 * (b->text.len + s.len) + 64;
        char *p = (char *)evald_alloc(c, room);
        if (b->text.len > 0) memcpy(p, b->text.ptr, b->text.len);
        b->text.ptr = p;
        b->room = room;
    }
    char *end = (char *)b->text.ptr + b->text.len;
    memcpy(end, s.ptr, s.len);
    end[s.len] = '\0';
    b->text.len += s.len;
}
EVALD_PRINTF(3, 4)
static inline void evald_putf(struct evald_call *c, struct evald_buf *b, const char *f, ...)
{
    va_list ap;
    va_start(ap, f);
    evald_put(c, b, evald_vfmt(c, f, ap));
    va_end(ap);
}
/* As JSON: a string quoted, ABSENT as null, anything else as it was written. */
static inline void evald_put_value(struct evald_call *c, struct evald_buf *b,
                                   struct evald_value v)
{
    evald_put(c, b, v.kind == EVALD_STRING ? evald_s(evald_quote(c, v.str))
                    : v.kind == EVALD_ABSENT ? evald_s("null") : v.str);
}

/* Fields.  A value read by evald_get() can be emitted as it is: ABSENT adds nothing, a
 * number goes by its digits in str when there are any, else by num. */
static inline int32_t evald_field(struct evald_call *c, const char *name, struct evald_value v)
{
    return c->host->field(c, evald_s(name), &v);
}
static inline int32_t evald_number(struct evald_call *c, const char *name, double num)
{
    struct evald_value v = { EVALD_NUMBER, 0, num, { "", 0 } };
    return evald_field(c, name, v);
}
static inline int32_t evald_integer(struct evald_call *c, const char *name, int64_t num)
{
    struct evald_value v = { EVALD_NUMBER, EVALD_INTEGER, (double)num, { "", 0 } };
    v.str = evald_fmt(c, "%lld", (long long)num);
    return evald_field(c, name, v);
}
static inline int32_t evald_text(struct evald_call *c, const char *name, struct evald_str s)
{
    struct evald_value v = { EVALD_STRING, 0, 0, s };
    return evald_field(c, name, v);
}
static inline int32_t evald_null(struct evald_call *c, const char *name)
{
    struct evald_value v = { EVALD_NULL, 0, 0, { "", 0 } };
    return evald_field(c, name, v);
}
/* json: any JSON text, an object or an array above all. */
static inline int32_t evald_json(struct evald_call *c, const char *name, struct evald_str json)
{
    return evald_field(c, name, evald_get(c, json, ""));
}
static inline int32_t evald_score(struct evald_call *c, double num)
{
    return evald_number(c, "score", num);
}

/* Asks; several in one step go out together.  return evald_ask_model(...); */
static inline int32_t evald_ask_kind(struct evald_call *c, uint32_t kind, const char *to,
                                     struct evald_str body)
{
    struct evald_ask a = { sizeof a, kind, evald_s(to), body, { "", 0 }, 0, 0 };
    return c->host->ask(c, &a) < 0 ? EVALD_E_BUG : EVALD_WAIT;
}
static inline int32_t evald_ask_model(struct evald_call *c, const char *to,
                                      struct evald_str document)
{
    return evald_ask_kind(c, EVALD_ASK_MODEL, to, document);
}
static inline int32_t evald_ask_tool(struct evald_call *c, const char *name,
                                     struct evald_str arguments)
{
    return evald_ask_kind(c, EVALD_ASK_TOOL, name, arguments);
}
static inline int32_t evald_ask_http(struct evald_call *c, const char *path,
                                     struct evald_str body)
{
    return evald_ask_kind(c, EVALD_ASK_HTTP, path, body);
}
#ifdef __cplusplus
}
#endif
#endif /* EVALD_PLUGIN_H */
