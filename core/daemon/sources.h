/* sources.h - data sets that are elsewhere: fetched once, then files of our own.
 *
 * A uri that is no file and no data: URL (http, https, and what SOURCE plugins know) is
 * fetched when its rows are first needed, and kept below STATE/datasets/ by the hash of its
 * content; the catalogue says which.  Another registration is fetched anew.
 *
 * Loop thread only. */
#ifndef EVALD_SOURCES_H
#define EVALD_SOURCES_H

#include "daemon/catalog.h"
#include "daemon/runner.h"

struct sources;

/* All that it is given must outlive it, but for the gate: that until sources_stop().  Listens
 * to the catalogue. */
struct sources *sources_new(const struct runner_context *cx, struct catalog *catalog,
                            struct store *store);
/* Gives up what is under way; those who wait are told ERR_SHUTDOWN, and so is who asks from
 * now on.  NULL allowed. */
void sources_stop(struct sources *s);
void sources_free(struct sources *s); /* NULL allowed */

/* Calls ready once dataset_open() can open the data set: before this returns when nothing has
 * to be fetched, else later, after wait_ms at most.  Several may wait for one fetch.  It goes on
 * when nobody waits any more, so that whoever asks again finds what was fetched, or is told why
 * it failed; it is given up when the data set is deleted or registered anew.
 *
 * err: why it cannot be had, ERR_NOT_READY when it is still being fetched, ERR_INVALID for what
 * the caller can mend (host not allowed, no such data set), ERR_REMOTE and ERR_TIMEOUT for what
 * the server did, ERR_PLUGIN for what a plugin did, ERR_CONFLICT when it was registered anew
 * meanwhile.
 *
 * ds need not live longer than the call: look it up again in ready. */
typedef void sources_ready_fn(void *arg, const struct err *err);
struct sources_wait;
/* NULL when ready has been called already. */
struct sources_wait *sources_get(struct sources *s, const struct dataset *ds, int wait_ms,
                                 sources_ready_fn *ready, void *arg);
void sources_unwait(struct sources_wait *w); /* ready will not be called; NULL allowed */

#endif
