/* server.h - HTTP/1.1 on a Unix socket, driven by evald's loop.
 *
 * server.c, conn.c and request.c, with exchange.h and server_impl.h, are the only files that
 * say MHD_.  Limits that are ours: a request's head (head.h: 400, 414, 431, 501, 505) and body
 * (413); a request must come whole within a deadline from its first byte (408); idle
 * connections, and readers who do not read, may stay long.  Every refusal has the API's error
 * body; the connection is closed where what follows cannot be trusted.  A caller that hangs up
 * while its request is worked on is noticed at once. */
#ifndef EVALD_SERVER_H
#define EVALD_SERVER_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "daemon/request.h"

struct server;

struct server_options {
    void (*dispatch)(struct request *rq); /* answers it, now or later */
    struct api *api;                      /* becomes rq->api */
    void (*release)(struct api *api);     /* NULL, or called when the server is freed */
    size_t max_body;                      /* bytes */
    size_t max_bodies; /* bytes that bodies take together, of one user at most half of it; what is
                          beyond is told 503.  0: 16 * max_body */
    int request_deadline_ms;              /* 0: 60000 */
    unsigned idle_timeout_s;              /* 0: 3600; of writers and idle connections */
    unsigned max_connections;             /* 0: 8192, or half of the descriptors; more wait in the
                                           listen queue */
    unsigned max_connections_per_uid;     /* 0: no limit of its own; those beyond it are told
                                           503, and closed */
    bool own_socket; /* its name is unlinked when no more connections are taken */
};

/* listen_fd: a listening AF_UNIX stream socket, non-blocking; taken on success. */
struct server *server_open(struct ev_loop *loop, int listen_fd,
                           const struct server_options *options, struct err *err);

/* The server of the API, with the limits of api->conf; see api.h. */
struct server *server_new(struct ev_loop *loop, int listen_fd, const struct api *api,
                          struct err *err);

/* No new connections: closes the socket, unlinks it when it is our own, and drops idle
 * connections.  Requests under way go on to their end. */
void server_quiesce(struct server *s);
/* Requests that have begun and are not over. */
size_t server_busy(const struct server *s);
/* Drops all connections.  Handlers that still work are told as for a hang-up; what they
 * answer later goes nowhere.  NULL allowed. */
void server_free(struct server *s);

#endif
