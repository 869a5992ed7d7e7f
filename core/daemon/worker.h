/* worker.h - a thread of its own for what may wait for the disk.
 *
 * evald's loop thread owns all state; a worker runs small functions in order and gives
 * their end back to the loop thread.  The store thread and the read thread are workers. */
#ifndef EVALD_WORKER_H
#define EVALD_WORKER_H

#include <ev.h>
#include <stddef.h>

struct worker;

/* name shows in top and gdb (at most 15 bytes). */
struct worker *worker_new(struct ev_loop *loop, const char *name);
/* Runs what is queued, calls the done functions that are due, ends the thread. */
void worker_free(struct worker *w);

/* Loop thread: run(arg) on the worker, then done(arg) on the loop thread; either may be
 * NULL.  done alone: later, with what was queued before it carried out. */
void worker_run(struct worker *w, void (*run)(void *arg), void (*done)(void *arg), void *arg);
/* Loop thread: waits until all that was queued before has run and its done was called. */
void worker_drain(struct worker *w);

#endif
