/* child.h - starting and watching the other two executables.
 *
 * posix_spawn into a process group of its own, nothing inherited but the link (descriptor
 * 3) and a pipe for output; death is noticed by pidfd.  Main thread only: the PDEATHSIG that
 * the gateway asks for binds to the thread that spawned it. */
#ifndef EVALD_CHILD_H
#define EVALD_CHILD_H

#include <ev.h>
#include <stdbool.h>
#include <sys/types.h>

#include "common/err.h"

struct child;

struct child_exit {
    bool signalled;
    int code; /* exit status, or the signal */
};
/* The child is gone and reaped; free it here or later. */
typedef void child_exit_fn(void *arg, const struct child_exit *how);

/* argv[0] is the path.  link_fd becomes the child's descriptor 3 and is closed here in
 * any case.  What the child writes to 1 and 2 is logged, at most 20 lines a second. */
struct child *child_spawn(struct ev_loop *loop, char *const argv[], int link_fd,
                          child_exit_fn *gone, void *arg, struct err *err);
pid_t child_pid(const struct child *c);
void  child_kill(struct child *c, int signal); /* no effect once it is gone */
/* Kills it when it is still there, and waits for that; gone is not called. */
void  child_free(struct child *c);

#endif
