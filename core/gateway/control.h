/* control.h - the link to evald: CONFIG, LINK, SECRET, FETCH and DROP in; FETCHED, STATE and LOG
 * out. */
#ifndef GATEWAY_CONTROL_H
#define GATEWAY_CONTROL_H

#include "gateway/endpoint.h"
#include "gateway/fetch.h"
#include "gateway/runner.h"
#include "gateway/wire.h"

struct control {
    struct ev_loop *loop;
    struct endpoints *endpoints;
    struct runners *runners;
    struct fetches fetches;
    struct wire *wire;
    ev_timer state; /* once a second while something is under way */
    int exit_status; /* of the process, when the loop ends */
};

/* Takes the descriptor.  The end of the link ends the loop. */
void control_init(struct control *c, struct wires *wires, int fd);
void control_fini(struct control *c);

/* Called at the end of each wake-up. */
void control_turn(struct control *c);

#endif
