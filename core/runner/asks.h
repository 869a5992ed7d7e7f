/* asks.h - asks on their way: to the gateway, or asleep.
 *
 * Workers send; the I/O thread reads replies and timers and gives each answer out as an
 * event.  The link to the gateway may break and be replaced: every ask stays here until its
 * answer has come. */
#ifndef EVALD_ASKS_H
#define EVALD_ASKS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "runner/task.h"

/* An answer on its way to the row that asked.  One malloc; head and body follow it. */
struct ask_event {
    struct ask_event *next;
    struct task_ask *ask;
    bool parked; /* no answer: it only waited, or came, while asks_park() was in force */
    struct task_reply reply; /* head, body: NUL-terminated, in data */
    char data[];
};
/* Gives the event's memory to the reply: afterwards free(reply->owned) frees the event. */
struct task_reply ask_event_reply(struct ask_event *e);

struct asks;
/* wake: called from a worker when the I/O thread must look again (a nearer timer, a link
 * that would not take everything). */
struct asks *asks_new(void (*wake)(void *arg), void *arg);
void asks_free(struct asks *a);

/* Any thread.  Sends HTTP and SLEEP asks; one write for all.  The asks' texts stay valid
 * until their answer or asks_drop(). */
void asks_send(struct asks *a, struct task_ask *const *list, size_t n);
/* Any thread.  true: no answer will come.  false: one is under way already. */
bool asks_drop(struct asks *a, struct task_ask *ask);

/* The I/O thread's. */
/* A new link (takes fd); what is open is sent again, with one attempt more where it had
 * been sent. */
void asks_attach(struct asks *a, int fd);
void asks_detach(struct asks *a); /* the link is over; asks stay */
int  asks_fd(const struct asks *a);      /* -1: no link now */
bool asks_wants_write(struct asks *a);
void asks_write(struct asks *a);
/* Reads replies onto the list of events.  -1: the link is over (it is detached). */
int  asks_read(struct asks *a, struct ask_event ***end, struct err *err);
/* Asks that only wait, here or in the gateway, and such that come from now on, end as events
 * that say so; those that servers are at go on. */
void asks_park(struct asks *a);
void asks_rearm(struct asks *a); /* not any more: another job comes */
/* Timers that are due go onto the list; returns the next one's time or INT64_MAX. */
int64_t asks_timers(struct asks *a, int64_t now_ns, struct ask_event ***end);

#endif
