/* prefer.h - the Prefer header of RFC 7240: respond-async and wait=SECONDS. */
#ifndef EVALD_PREFER_H
#define EVALD_PREFER_H

#include "common/text.h"

struct prefer {
    bool async, has_wait;
    int wait_s; /* at most a day */
};

/* Adds what one value of the header says; the first of a repeated preference counts. */
void prefer_parse(struct prefer *p, const char *value);
/* How long to wait for an answer. */
int prefer_wait_ms(const struct prefer *p, int otherwise);
/* The value of Preference-Applied; nothing when no preference was understood. */
void prefer_put_applied(const struct prefer *p, struct text *t);

#endif
