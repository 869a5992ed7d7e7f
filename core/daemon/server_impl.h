/* server_impl.h - what server.c and conn.c share. */
#ifndef EVALD_SERVER_IMPL_H
#define EVALD_SERVER_IMPL_H

#include <stdint.h>
#include <sys/queue.h>

#include "common/text.h"
#include "daemon/exchange.h"

struct user;

/* A connection.  libmicrohttpd reads from it only when it is let to: after its next request's
 * head was seen here, lying in the socket, and found good. */
struct conn {
    TAILQ_ENTRY(conn) all, waiting, after;
    struct server *server;
    struct MHD_Connection *mhd;
    struct exchange *ex; /* NULL: idle */
    struct user *user;
    int fd;
    struct peer peer;
    int64_t deadline_ns; /* 0: none; else it is in server->waiting */
    bool is_after;       /* in server->after */
    bool open;    /* libmicrohttpd hears of everything, as it has it when it adds a connection */
    bool loose;   /* not in libmicrohttpd's set, which it will be put into, open */
    bool seen;    /* the head that comes next was looked at */
    bool unseen;  /* a pipelining client: libmicrohttpd reads what nobody has looked at */
    bool whole;   /* so was the whole body */
    bool blind;   /* libmicrohttpd reads the rest of a request that was not looked at */
    bool refused; /* told so; what it still sends is thrown away */
    bool surplus; /* its user has too many: refused at the first request */
    bool hung;
    bool ended; /* the client sends no more */
    bool dry;   /* ... and all that it sent was read */
    bool early; /* bytes came while a request was worked on */
    uint64_t left;        /* bytes of a body */
    uint64_t eager_until; /* server->runs; before it libmicrohttpd reads unasked */
    size_t thrown;        /* bytes */
};
TAILQ_HEAD(conns, conn);

struct user {
    TAILQ_ENTRY(user) all;
    uid_t uid;
    unsigned connections;
    size_t body_bytes; /* of requests that came, or are on their way; also without a connection */
};
TAILQ_HEAD(users, user);

struct server {
    struct ev_loop *loop;
    struct server_options options;
    struct MHD_Daemon *daemon;
    struct conns all, waiting; /* waiting: in the order of their deadlines */
    struct conns after;        /* to be looked after when libmicrohttpd has run */
    struct users users;
    struct conn *heading; /* libmicrohttpd is reading its head */
    char *peek;           /* of CONN_PEEK bytes */
    struct {
        const char *json;
        struct MHD_Response *response;
    } constants[4];
    int listen_fd;        /* -1: quiet */
    int watch_fd;         /* epoll: bytes (edge) and hang-up of every connection */
    int epoll_fd;         /* libmicrohttpd's */
    struct ev_io http, watch;
    struct ev_timer timer;
    size_t busy;
    size_t body_bytes; /* of all users */
    struct exchanges paid; /* whose are they; some have no connection any more */
    uint64_t runs;
    bool running, again;
    bool ended; /* of a connection in waiting, perhaps */
};

#define CONN_PEEK (64u << 10)

struct conn *conn_open(struct server *s, struct MHD_Connection *mhd, int fd);
void conn_close(struct conn *c);

void conn_deadline_start(struct conn *c);
void conn_deadline_stop(struct conn *c);
void conns_cut_late(struct server *s);
void conns_cut_ended(struct server *s);

/* The end of file that libmicrohttpd then reads makes it close the connection. */
void conn_cut(struct conn *c);
/* Answers in libmicrohttpd's stead and says no more; what still comes is thrown away. */
void conn_refuse(struct conn *c, unsigned status, const char *text);

/* Looks at what the descriptors have; right before libmicrohttpd runs.  Was there anything? */
bool conns_poll(struct server *s);
/* Looks after those that libmicrohttpd has opened or finished; right after it has run. */
void conns_after(struct server *s);
void conn_look_after(struct conn *c); /* then */

/* Whose request it is that libmicrohttpd is about to refuse by itself; NULL when that cannot
 * be told. */
struct conn *conns_find_faulty(struct server *s);

/* server.c */
void server_hang_up(struct conn *c);

#endif
