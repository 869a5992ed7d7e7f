/* pull.h - all rows of a SOURCE plugin, from a runner of its own into a file.
 *
 * Loop thread only; the file is written on the worker that is given, which must be drained
 * before the loop is gone. */
#ifndef EVALD_PULL_H
#define EVALD_PULL_H

#include "daemon/gate.h"
#include "daemon/runner.h"
#include "daemon/worker.h"

struct pull;

struct pull_order {
    const char *plugin, *uri; /* borrowed */
    int fd;                   /* an empty file; duplicated */
    struct worker *writer;
};

/* Runs the plugin with the params and the endpoint of evald.conf.  done is called once, later
 * than this returns, like that of gate_fetch(), when the last row is written (not yet on disk).
 * NULL with err: the plugin or its params cannot be used, or no runner starts. */
struct pull *pull_start(const struct runner_context *cx, const struct pull_order *o,
                        gate_fetched_fn *done, void *arg, struct err *err);
/* done will not be called.  NULL allowed. */
void pull_cancel(struct pull *p);

#endif
