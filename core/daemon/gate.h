/* gate.h - evald's side of the gateway: start it, tell it the endpoints, give every runner
 * a link to it, and start another one when it dies. */
#ifndef EVALD_GATE_H
#define EVALD_GATE_H

#include <ev.h>

#include "daemon/conf.h"

struct gate;

struct gate *gate_new(struct ev_loop *loop, const struct conf *conf, struct err *err);
/* Closes the link; the gateway ends by itself, or is killed. */
void gate_free(struct gate *g);

/* The configuration has changed: tells the gateway the endpoints and limits of now. */
void gate_reconfigure(struct gate *g);

/* A runner's link.  *ret_fd is the runner's end, yours.  relinked is called with another
 * one, yours too, each time the gateway has been restarted. */
struct gate_user;
typedef void gate_relinked_fn(void *arg, int fd);
struct gate_user *gate_join(struct gate *g, const char *job, gate_relinked_fn *relinked,
                            void *arg, int *ret_fd, struct err *err);
void gate_leave(struct gate_user *u);

/* ---- fetching ---- */

struct gate_order {
    const char *url;
    char *const *origins;     /* NULL-terminated: where it and redirects may be */
    const char *const *types; /* NULL-terminated: media types it may have; NULL: any */
    int64_t max;              /* bytes */
    int timeout_ms, stall_ms; /* of the whole; without a byte */
};
struct gate_fetched {
    int64_t size;
    char sha256[65];
    const char *type, *etag, *modified; /* as the server sent them; NULL: not at all */
};
/* Has the gateway write what is at a URL into fd, which is taken.  done is called once, later
 * than this returns, with either how it went or err; a gateway that dies meanwhile begins
 * again.  What the file held before is lost.  NULL with err: out of descriptors. */
typedef void gate_fetched_fn(void *arg, const struct gate_fetched *how, const struct err *err);
struct gate_fetch;
struct gate_fetch *gate_fetch(struct gate *g, const struct gate_order *o, int fd,
                              gate_fetched_fn *done, void *arg, struct err *err);
void gate_fetch_cancel(struct gate_fetch *f); /* done will not be called; NULL allowed */

#endif
