/* conformance_evald.h - an evald of one's own: started on a socket and a state in a private
 * directory, and ended.
 *
 * The program is the one that the environment variable EVALD names, else the installed one.  It
 * stays in the terminal's process group, so that Ctrl-C ends it as well.  Main thread. */
#ifndef EVALD_CONFORMANCE_EVALD_H
#define EVALD_CONFORMANCE_EVALD_H

#include "ctl/client.h"

struct conformance_evald;

/* Returns when it serves.  dir: exists, is private, and is used again by the next start; conf is
 * the text of evald.conf.  The error has the last line of evald's own log where there is one. */
struct conformance_evald *conformance_evald_start(const char *dir, const char *conf,
                                                  struct err *err);
/* Valid until it is stopped. */
struct client *conformance_evald_client(const struct conformance_evald *e);

/* Ends it by SIGTERM, at last by SIGKILL, and frees it; NULL allowed.  -1 when it had ended
 * before or ends with another status than 0: the error says how. */
int conformance_evald_stop(struct conformance_evald *e, struct err *err);

#endif
