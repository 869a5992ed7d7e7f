/* conn.h - connections of the model server, and the thread that serves some of them.
 *
 * A worker is one epoll loop; all share the listening socket.  HTTP/1.1 with keep-alive,
 * Content-Length and chunked bodies; one request at a time on a connection. */
#ifndef SERVER_CONN_H
#define SERVER_CONN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/text.h"

struct conn {
    int fd;
    struct text in, out;
    size_t in_at, out_at;
    bool pending; /* the answer in out waits for its time */
    bool held;    /* ... or for the next release */
    bool in_flight, want_out, close_after, reset_after;
    size_t heap_at;
};

struct due;
struct worker {
    int epoll, listener;
    uint64_t rng;
    struct due *heap; /* pending connections, the earliest first */
    size_t n_heap, heap_room;
    long releases; /* those that were seen */
    struct text prompt, reply, body; /* room used again for every request */
};

extern atomic_bool server_stop;

/* Serves until server_stop; a thread's main function. */
void *worker_run(void *worker);

/* A number in [0, 1). */
double worker_random(struct worker *w);

#endif
