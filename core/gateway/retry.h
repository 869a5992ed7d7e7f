/* retry.h - which answers are asked for again, and when.  Pure. */
#ifndef GATEWAY_RETRY_H
#define GATEWAY_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/text.h"

#define RETRY_FIRST_MS 100
#define RETRY_MOST_MS  8000
#define RETRY_AFTER_MOST_MS 60000

bool retry_http_status(int status); /* 408, 429, 5xx */

/* What a server's headers ask for, in ms: retry-after-ms (a number), else Retry-After
 * (seconds, or an HTTP date beside now_unix_ms), at most RETRY_AFTER_MOST_MS; -1 when they
 * ask for nothing that can be read. */
int64_t retry_after_ms(struct str after_ms, struct str after, int64_t now_unix_ms);

/* The wait before the next attempt when `attempts` were made, in ms: what the server asks for
 * (after_ms > 0) and a little more, else exponential back-off with full jitter.
 * random is in [0, 1). */
int64_t retry_wait_ms(unsigned attempts, int64_t after_ms, double random);

#endif
