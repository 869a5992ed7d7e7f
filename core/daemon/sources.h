/* sources.h - data sets that are elsewhere: fetched once, then files of our own.
 *
 * A uri that is no file and no data: URL (http, https, and what SOURCE plugins know) is
 * fetched when its rows are first needed, and kept below STATE/datasets/ by the hash of its
 * content; the catalogue says which.  Loop thread only. */
#ifndef EVALD_SOURCES_H
#define EVALD_SOURCES_H

#include "daemon/catalog.h"

struct sources;

/* Calls ready once dataset_open() can open the data set: before this returns when nothing has
 * to be fetched, else later.  Several may wait for one fetch; a fetch that nobody waits for any
 * more is given up.  err: why it cannot be had, ERR_INVALID for what the caller can mend (host
 * not allowed, no such data set), ERR_REMOTE and ERR_TIMEOUT for what the server did.
 *
 * ds need not live longer than the call: look it up again in ready. */
typedef void sources_ready_fn(void *arg, const struct err *err);
struct sources_wait;
/* NULL when ready has been called already. */
struct sources_wait *sources_get(struct sources *s, const struct dataset *ds,
                                 sources_ready_fn *ready, void *arg);
void sources_unwait(struct sources_wait *w); /* ready will not be called; NULL allowed */

#endif
