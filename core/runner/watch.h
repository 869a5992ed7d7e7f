/* watch.h - breadcrumbs, deadly signals, and callbacks that never return.
 *
 * Each thread that calls plugins has a slot of the breadcrumb page (crumb.h).  A deadly
 * signal marks the slot of the thread it came to and then ends the process as it would
 * have; the watchdog marks the slot of a callback that is over its time and ends the
 * process with status WATCH_EXIT_HUNG. */
#ifndef EVALD_WATCH_H
#define EVALD_WATCH_H

#include <evald/plugin.h>
#include <stdint.h>

#include "common/err.h"
#include "runner/load.h"

#define WATCH_EXIT_HUNG 70

/* Once, before any thread: handlers, and host_enter and host_leave of host.h. */
void watch_begin(void);
/* In each thread that calls plugins, and main: an alternate stack and slot n. */
void watch_thread(unsigned n);

/* From now on the crumbs go to the page behind fd (kept by the caller); -1: to a private
 * page.  No thread may be inside a plugin. */
int watch_page(int fd, struct err *err);

/* Marks and ends when some callback runs longer than this.  Any thread; cheap. */
void watch_check(int64_t now_ns, int64_t limit_ns);

/* Called by the handler of a deadly signal before the process dies, with the signal and the
 * plugin of the thread (NULL: none); must be async-signal-safe.  NULL: nothing. */
extern void (*watch_last_words)(int sig, const struct plugin *p);

#endif
