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

#endif
