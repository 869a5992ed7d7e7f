/* exchange.h - what server.c, conn.c and request.c share: a request with its HTTP side. */
#ifndef EVALD_EXCHANGE_H
#define EVALD_EXCHANGE_H

#include <microhttpd.h>
#include <sys/queue.h>

#include "daemon/request.h"
#include "daemon/server.h"

#define EXCHANGE_HEADERS 6

enum exchange_phase {
    PHASE_HEAD, /* the request line is there */
    PHASE_BODY,
    PHASE_RUN,  /* it has come whole */
};

struct conn;
struct user;

struct exchange {
    struct request rq; /* first: a request is its exchange */
    struct server *server;
    struct conn *conn;          /* NULL: over for HTTP */
    struct MHD_Connection *mhd; /* valid while conn is */
    enum exchange_phase phase;
    bool suspended;
    bool resumed; /* ... and woken since */
    bool answered; /* the handler has done its part */
    bool queued;   /* the response is MHD's */
    bool hung;     /* the other end is closed */

    char *method; /* NULL: a common one, which has no copy */
    struct text body;
    bool discard; /* the body is read but not kept */
    bool again;   /* what is refused may be sent again soon */
    struct user *payer; /* of the memory of the body; NULL: it took none */
    TAILQ_ENTRY(exchange) paid; /* of server->paid, while there is a payer */
    size_t charged;     /* bytes, until the exchange is freed: handlers keep what was in it */

    unsigned status;
    struct MHD_Response *response; /* NULL: not known yet */
    bool constant;                 /* ... and the server's, not this exchange's */
    struct {
        const char *name;
        char *value;
    } headers[EXCHANGE_HEADERS];
    size_t n_headers;

    void (*on_hangup)(void *arg);
    void *hangup_arg;

    const struct request_source *source; /* NULL: no stream */
    const char *stream_type;             /* NULL: JSON */
    void *source_arg;
    struct text chunk;
    size_t chunk_at;
    bool begun;  /* the head of a streamed answer is out */
    bool asked;  /* next was called and has not been answered */
    bool last;   /* chunk is the last one */
    bool broken; /* the stream ends with an error */

    char target[]; /* of rq */
};

static inline struct exchange *
exchange_of(const struct request *rq)
{
    return (struct exchange *)(uintptr_t)rq;
}

TAILQ_HEAD(exchanges, exchange);

struct exchange *exchange_new(struct server *s, struct conn *conn, struct MHD_Connection *mhd,
                              const char *target);
void exchange_set_method(struct exchange *ex, const char *method);
/* HTTP is done with it: tells the stream's source or the handler, frees it if it was
 * answered. */
void exchange_over(struct exchange *ex);
/* Tells a handler that has asked for it that the other end is gone. */
void exchange_tell_hangup(struct exchange *ex);

/* request.c: {"detail":X,"error":{"message":...,"detail":X}}; detail is JSON text, message plain,
 * code NULL or plain. */
void request_put_error(struct text *t, struct str detail, struct str message, const char *code);

/* server.c: where the response of a constant text is kept; it is NULL at first.  NULL when there
 * is no place for one more. */
struct MHD_Response **server_constant(struct server *s, const char *json);

/* conn.c: bytes that the body takes by now; false when evald, or this user, has no more to spare,
 * and then nothing has changed. */
bool exchange_charge(struct exchange *ex, size_t bytes);
void exchange_discharge(struct exchange *ex);

/* server.c: lets MHD go on with a suspended exchange. */
void exchange_wake(struct exchange *ex);
bool server_is_quiet(const struct server *s);

#endif
