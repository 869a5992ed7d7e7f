/* source.h - rows out of a plugin of kind SOURCE: one task a page, one after the other.
 *
 * The job thread runs it; the I/O thread posts the answers of asks.  A page is asked for when
 * evald has taken the one before, so memory holds one. */
#ifndef EVALD_RUNNER_SOURCE_H
#define EVALD_RUNNER_SOURCE_H

#include "runner/asks.h"
#include "runner/job.h"
#include "runner/wire.h"

struct source;

struct source *source_new(struct wire *w, struct asks *a);
void source_free(struct source *s);

/* The job thread: all pages of j, whose plugin is open.  Fills e, but for its message: that is
 * appended to why. */
void source_run(struct source *s, struct job *j, struct call *c, struct wire_end *e,
                struct text *why);

/* The I/O thread: answers; something was written; it is to stop. */
void source_post(struct source *s, struct ask_event *list);
void source_written(struct source *s);
void source_stop(struct source *s);

#endif
