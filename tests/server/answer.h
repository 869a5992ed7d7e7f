/* answer.h - what the model server says to a request. */
#ifndef SERVER_ANSWER_H
#define SERVER_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/text.h"
#include "conn.h"

#define ANSWER_NEVER INT64_MAX
#define ANSWER_HELD  (INT64_MAX - 1)

/* Writes the answer of one whole request to c->out (nothing when the connection is to be
 * closed without one) and returns the delay in ns before it goes out, ANSWER_NEVER, or
 * ANSWER_HELD: when answer_releases() has grown. */
int64_t answer(struct worker *w, struct conn *c, struct str method, struct str path,
               bool authorized, struct str body);

long answer_releases(void); /* any thread */

/* Request bodies go to this file too, one a line; -1 with errno. */
int answer_record_to(const char *path);

#endif
