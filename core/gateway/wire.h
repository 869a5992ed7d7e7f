/* wire.h - links (common/frame.h) on the event loop.
 *
 * What is queued during a wake-up leaves with one write at its end (wires_flush). */
#ifndef GATEWAY_WIRE_H
#define GATEWAY_WIRE_H

#include <ev.h>
#include <stdbool.h>

#include "common/frame.h"

#define WIRE_FULL (8u << 20) /* more than this pending: the other end is slow */

struct wires { /* all wires of a loop */
    struct ev_loop *loop;
    struct wire *to_flush;
};

struct wire_ops {
    /* As link_frame_fn; a non-zero value (with err in the owner's hands) ends the wire. */
    link_frame_fn *frame;
    /* The wire is over: free it in here.  err->code is ERR_NONE when the other end hung up
     * between frames. */
    void (*closed)(void *arg, const struct err *err);
};

struct wire;

/* Takes the descriptor. */
struct wire *wire_new(struct wires *all, int fd, const struct wire_ops *ops, void *arg);
void wire_free(struct wire *w);
/* To take descriptors in ops->frame, or to queue frames that the next flush sends. */
struct link *wire_link(struct wire *w);
bool wire_full(const struct wire *w);

void wires_flush(struct wires *all);

#endif
