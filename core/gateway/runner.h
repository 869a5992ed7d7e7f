/* runner.h - links of runners, and what they ask for.
 *
 * An ask waits for a place at its endpoint, is sent, perhaps backs off (without a place) and
 * waits again, and ends with a REPLY or a DROP.  Asks of a link that closes are dropped. */
#ifndef GATEWAY_RUNNER_H
#define GATEWAY_RUNNER_H

#include <stdint.h>

#include "common/err.h"
#include "common/text.h"
#include "gateway/endpoint.h"
#include "gateway/wire.h"

struct runners {
    struct ev_loop *loop;
    struct wires *wires;
    struct engine *engine;
    struct endpoints *endpoints;
    struct runner *list;
    size_t n_asks; /* of all runners, until their replies */
    struct endpoint **asked; /* those of the asks of this wake-up, in their order */
    size_t n_asked, asked_room;
    uint64_t rng;
    /* a link that broke the rules is closed and told here; may be NULL */
    void (*on_fault)(void *arg, const char *text);
    void *on_fault_arg;
};

/* Takes the descriptor.  A link of the same number is over, though its end has not been
 * read yet. */
void runners_link(struct runners *all, uint64_t number, int fd);
/* Headers for the asks of that link only; forgotten with it.  -1: no such link, or headers
 * that cannot be sent. */
int runners_secret(struct runners *all, uint64_t number, struct str headers, struct err *err);

/* Starts what may start: called at the end of each wake-up, and again when exchanges ended. */
void runners_send(struct runners *all);
void runners_fini(struct runners *all);

#endif
