/* request.h - one HTTP request, and the ways to answer it.
 *
 * A handler gets a request whole, body and all, and answers it exactly once: at once or
 * later, with request_reply*(), request_fail*(), request_stream() or, where nobody is left
 * to hear it, request_drop().  Until then the request stays valid, even when the caller has
 * hung up (answers then go nowhere); afterwards it must not be touched.  Loop thread only. */
#ifndef EVALD_REQUEST_H
#define EVALD_REQUEST_H

#include <sys/types.h>

#include "common/json.h"
#include "daemon/peer.h"

struct api;
struct route;

enum level {
    LEVEL_V1 = 1,
    LEVEL_V1ALPHA = 2,
    LEVEL_V1BETA = 4,
    LEVEL_NONE = 8, /* the path begins with the route */
};

#define REQUEST_PARAMS 2 /* the most that a route has */

struct request {
    struct api *api;    /* of server_options */
    const char *method; /* "GET" */
    const char *target; /* as it was sent: path and query, encoded */
    struct str body;    /* of bytes; {"",0} when there was none */
    uid_t uid;          /* who holds the other end */

    /* By routes.c, before the handler is called: */
    unsigned roles; /* enum role, or'ed */
    enum level level;
    const struct route *route;
    char *params[REQUEST_PARAMS]; /* of the path, decoded; UTF-8 without NUL */
    json_object *query;           /* validated; NULL when the route has none */
    json_object *in;              /* validated body; NULL when the route has none */
};

/* Who holds the other end, with all groups; NULL when the caller is gone. */
const struct peer *request_peer(const struct request *rq);

/* A header of the request, its first value; NULL when it is not there or the caller gone. */
const char *request_header(const struct request *rq, const char *name);
/* All values of a header that may be repeated. */
void request_each_header(const struct request *rq, const char *name,
                         void (*fn)(void *arg, const char *value), void *arg);

/* Adds a header to the answer, whatever the answer will be.  name is borrowed for ever. */
void request_put_header(struct request *rq, const char *name, const char *value);
/* The Content-Type of a streamed answer; borrowed for ever.  Otherwise all are JSON. */
void request_put_type(struct request *rq, const char *content_type);

/* The bytes of the body are not needed any more; rq->body is empty then. */
void request_free_body(struct request *rq);

/* Takes the text.  body NULL: none (204). */
void request_reply(struct request *rq, unsigned status, struct text *body);
void request_reply_json(struct request *rq, json_object *body /* taken */);
/* 200 with a text that never changes and lives for ever; the cheapest answer. */
void request_reply_constant(struct request *rq, const char *json);

/* The API's error body; status and prefix of the text follow from the code, and whether the
 * client is to send the request again by itself (ERR_NOT_READY alone).
 * code, if not NULL, becomes "error"."code". */
void request_fail(struct request *rq, const struct err *err);
void request_fail_code(struct request *rq, const struct err *err, const char *code);
/* items: validation errors (validate.h), taken.  400. */
void request_fail_items(struct request *rq, json_object *items);
/* The text as it is. */
void request_fail_text(struct request *rq, unsigned status, const char *text);

void request_drop(struct request *rq);

/* The caller has hung up: what is left to do for it alone need not be done, and rq->api may
 * be gone too.  The request still has to be answered, or dropped. */
bool request_gone(const struct request *rq);

/* Called once, if the caller hangs up before there is an answer: the place to give up work.
 * It must answer (request_drop) before it returns, or leave that to what it gave up. */
void request_on_hangup(struct request *rq, void (*fn)(void *arg), void *arg);

/* ---- streamed answers ---- */

/* next asks for one piece; the source answers, from within or later, with request_chunk or
 * request_fail.  It is not asked again before the piece has been sent, so memory is flat
 * however slow the reader.  close is called exactly once, when all is over for whatever
 * reason, and never from within a call of the source's own. */
struct request_source {
    void (*next)(void *arg);
    void (*close)(void *arg);
};

/* 200 with what source gives.  An error before the first piece is an ordinary error answer;
 * later it ends the connection in a way that the client sees.  arg may be gone when this
 * returns. */
void request_stream(struct request *rq, const struct request_source *source, void *arg);
/* The bytes are copied; an empty piece is fine. */
void request_chunk(struct request *rq, struct str bytes, bool end);

#endif
