/* exchange.h - one request and its answer over HTTP.  The only file that says curl_multi_.
 *
 * The engine holds a few multi handles on one event loop (libcurl's search for an idle
 * connection walks every connection of a multi handle).  An exchange is an easy handle that
 * is used again for the same site, with its connection cache, buffers and settings.
 * Nothing is retried here, redirects are not followed, a request is never sent twice. */
#ifndef GATEWAY_EXCHANGE_H
#define GATEWAY_EXCHANGE_H

#include <ev.h>

#include "common/text.h"
#include "gateway/headers.h"
#include "gateway/site.h"

#define EXCHANGE_BODY_MAX    (16u << 20)
#define EXCHANGE_HEADERS_MAX 128u        /* those of an answer beyond this are left out, */
#define EXCHANGE_HEAD_MAX    (256u << 10) /* or beyond so many bytes of all */
#define EXCHANGE_CONNECT_MS  10000

struct engine;
struct exchange;

struct engine *engine_new(struct ev_loop *loop);
void engine_free(struct engine *e); /* no exchange is under way */

/* At most this many exchanges at once are expected: so many connections are kept. */
void engine_keep_connections(struct engine *e, size_t n);

/* Drives what is ready without waiting; to be called at the end of each wake-up.  true when
 * exchanges have ended. */
bool engine_turn(struct engine *e);

struct exchange_order {
    struct site *site;
    struct headers *headers; /* a reference is taken */
    const char *method, *path;
    struct str body;         /* these three are borrowed until the end */
    long timeout_ms;
    /* Of an answer too large to be held; not to be mixed with others at one site.  The body,
     * its content coding undone, goes to sink as it arrives; false ends the exchange as
     * useless.  NULL: exchange_body() has it. */
    bool (*sink)(void *arg, struct exchange *x, struct str bytes);
    void *sink_arg;
    long stall_s;            /* with sink: no byte for so long ends it as EXCHANGE_TIMEOUT */
};

enum exchange_end {
    EXCHANGE_ANSWER,  /* complete, whatever its status */
    EXCHANGE_BROKEN,  /* connection or transport failed; worth another attempt */
    EXCHANGE_NO_CONNECTION_IN_TIME, /* the same */
    EXCHANGE_TIMEOUT, /* sent, but no complete answer in time */
    EXCHANGE_USELESS, /* would end the same way again */
};

/* Called once from engine_turn, unless cancelled; exchange_* below are valid in it only.
 * reason is one line without credentials (NULL for EXCHANGE_ANSWER). */
typedef void exchange_done_fn(void *arg, struct exchange *x, enum exchange_end end,
                              const char *reason);

struct exchange *exchange_start(struct engine *e, const struct exchange_order *o,
                                exchange_done_fn *done, void *arg);
/* The connection is closed at once; done is not called. */
void exchange_cancel(struct exchange *x);

int        exchange_http_status(const struct exchange *x);
struct str exchange_body(const struct exchange *x);
/* name in lower case; empty when it is not there. */
struct str exchange_header(const struct exchange *x, struct str name);
/* Appends the headers as a JSON object; repeated ones joined by ", " (RFC 9110 5.3). */
void exchange_put_headers(const struct exchange *x, struct text *t);

/* No new exchange will use this site: frees it, at the end of its last exchange if need be. */
void engine_retire_site(struct engine *e, struct site *s);

#endif
