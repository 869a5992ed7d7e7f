#include "config.h"

#include <assert.h>

#include "limiter.h"

static void
ring_add(struct lane *lane)
{
    struct limiter *l = lane->limiter;
    if (lane->next != NULL)
        return;
    if (l->turn == NULL) {
        l->turn = lane->next = lane->prev = lane;
        return;
    }
    /* behind all others: just before the one whose turn it is */
    lane->next = l->turn;
    lane->prev = l->turn->prev;
    lane->prev->next = lane;
    lane->next->prev = lane;
}

static void
ring_remove(struct lane *lane)
{
    struct limiter *l = lane->limiter;
    if (l->turn == lane)
        l->turn = lane->next != lane ? lane->next : NULL;
    lane->next->prev = lane->prev;
    lane->prev->next = lane->next;
    lane->next = lane->prev = NULL;
}

void
limiter_wait(struct lane *lane, struct waiter *w)
{
    assert(w->lane == NULL);
    w->lane = lane;
    w->next = NULL;
    w->prev = lane->last;
    *(lane->last != NULL ? &lane->last->next : &lane->first) = w;
    lane->last = w;
    lane->limiter->waiting++;
    ring_add(lane);
}

void
limiter_wait_first(struct lane *lane, struct waiter *w)
{
    assert(w->lane == NULL);
    w->lane = lane;
    w->prev = NULL;
    w->next = lane->first;
    *(lane->first != NULL ? &lane->first->prev : &lane->last) = w;
    lane->first = w;
    lane->limiter->waiting++;
    ring_add(lane);
}

void
limiter_forget(struct waiter *w)
{
    struct lane *lane = w->lane;
    if (lane == NULL)
        return;
    *(w->prev != NULL ? &w->prev->next : &lane->first) = w->next;
    *(w->next != NULL ? &w->next->prev : &lane->last) = w->prev;
    w->lane = NULL;
    lane->limiter->waiting--;
    if (lane->first == NULL)
        ring_remove(lane);
}

struct waiter *
limiter_enter(struct limiter *l, bool (*may_send)(const void *owner))
{
    if (l->turn == NULL || l->in_flight >= l->max)
        return NULL;
    struct lane *lane = l->turn;
    while (!may_send(lane->owner)) {
        lane = lane->next;
        if (lane == l->turn)
            return NULL;
    }
    l->turn = lane->next;
    struct waiter *w = lane->first;
    limiter_forget(w);
    l->in_flight++;
    return w;
}

void
limiter_leave(struct limiter *l)
{
    assert(l->in_flight > 0);
    l->in_flight--;
}
