/* sd.h - what the service manager (systemd, s6, or nobody) and evald tell each other.
 *
 * The protocols of sd_notify(3) and sd_listen_fds(3), without their library.  Main thread. */
#ifndef EVALD_SD_H
#define EVALD_SD_H

#include "common/err.h"

/* Takes NOTIFY_SOCKET, LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES out of the environment, so
 * that no child inherits them.  First thing in main.
 *
 * *ret_fd is the listening socket handed over (close-on-exec, yours), or -1 when there is
 * none.  ERR_INVALID when something else was handed over than one listening stream
 * socket of AF_UNIX. */
int sd_init(int *ret_fd, struct err *err);

/* Tells the service manager, if there is one: "READY=1", "STOPPING=1", "STATUS=...";
 * several in one call with line feeds between.  Errors do not matter. */
void sd_tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
