/* limiter.h - who may go next: the places of an endpoint and those who wait for one.
 *
 * Each link has a lane at each endpoint that it uses.  Within a lane the order is first
 * come, first served; the lanes take turns.  Pure data, no events. */
#ifndef GATEWAY_LIMITER_H
#define GATEWAY_LIMITER_H

#include <stdbool.h>
#include <stddef.h>

struct waiter { /* embedded by who waits */
    struct waiter *next, *prev;
    struct lane *lane; /* NULL: does not wait */
};

struct lane {
    struct limiter *limiter;
    struct waiter *first, *last;
    struct lane *next, *prev; /* the ring of lanes with waiters; next NULL: not in it */
    const void *owner;
};

struct limiter {
    unsigned max, in_flight;
    size_t waiting;
    struct lane *turn; /* the lane that is asked first */
};

void limiter_wait(struct lane *lane, struct waiter *w);
void limiter_wait_first(struct lane *lane, struct waiter *w); /* came before all who wait */
void limiter_forget(struct waiter *w);                        /* if it waits */

/* Takes a place for the next waiter whose lane's owner may send, and returns him; NULL when
 * no place is free or nobody may.  The place is given back by limiter_leave. */
struct waiter *limiter_enter(struct limiter *l, bool (*may_send)(const void *owner));
void limiter_leave(struct limiter *l);

#endif
