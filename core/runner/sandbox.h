/* sandbox.h - what the runner gives up.
 *
 * sandbox_begin() before the first thread, sandbox_drop() once plugins are loaded and before
 * the first open().  What a plugin's own code must not have is taken away here and nowhere
 * else.  System calls and the file system are not filtered: evald trusts its plugins not to
 * attack it, not to be free of errors. */
#ifndef EVALD_SANDBOX_H
#define EVALD_SANDBOX_H

#include <stdint.h>

#include "common/err.h"

/* No new privileges for any thread to come, no core dumps, no file of more than file_max
 * bytes, few descriptors; memory_max: bytes of private memory, 0 for no limit.
 * Single-threaded callers only. */
int sandbox_begin(uint64_t memory_max, uint64_t file_max, struct err *err);

/* The last step down, for all threads of the process at once.  Takes nothing more today. */
int sandbox_drop(struct err *err);

#endif
