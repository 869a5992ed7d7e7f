/* client.h - requests to evald over its socket; the only file of evalctl that says curl_.
 *
 * One connection, kept open between requests.  One thread. */
#ifndef EVALD_CTL_CLIENT_H
#define EVALD_CTL_CLIENT_H

#include <stdio.h>

#include "common/err.h"
#include "common/json.h"
#include "common/text.h"

struct client;

/* Does not connect yet.  The path is borrowed. */
struct client *client_new(const char *socket_path, struct err *err);
void client_free(struct client *c);

struct request {
    const char *method; /* NULL: GET */
    const char *path;   /* with query; escaped where needed */
    struct str body;    /* JSON; ptr NULL: none */
    const char *prefer; /* value of the Prefer header, or NULL */
    const char *last_event_id; /* of the Last-Event-ID header, or NULL */
    /* Of the Idempotency-Key header, or NULL.  With it the request is sent again when its
     * connection is lost, for fifteen seconds, in which evald may be restarted. */
    const char *key;
    bool plain;   /* the answer is to have nothing that the reference's has not */
    bool patient; /* sent again as long as evald says that this helps; stderr is told once */
    FILE *to;           /* a successful answer's body is streamed here; NULL: into ret_body */
    /* Instead of that: called with each piece of it as it comes; false: that is enough. */
    bool (*piece)(void *arg, struct str bytes);
    void *piece_arg;
};
/* 0 on a 2xx answer.  Otherwise -1, and the error is the server's own message.  ret_body is
 * cleared first; it holds the body of an error too. */
int client_call(struct client *c, const struct request *rq, struct text *ret_body,
                struct err *err);
int client_get(struct client *c, const char *path, struct text *ret_body, struct err *err);
/* The parsed answer, and its text in ret_body when that is not NULL. */
int client_get_json(struct client *c, const char *path, struct text *ret_body,
                    json_object **ret, struct err *err);

#define CLIENT_KEY_SIZE 48
/* A key that nobody else has. */
void client_make_key(char ret[CLIENT_KEY_SIZE]);

/* HTTP status of the last answer; 0: there was none, evald cannot be reached. */
int client_status(const struct client *c);

/* One path segment or query value, percent-encoded; free() it. */
char *client_escape(const struct client *c, const char *segment);

#endif
