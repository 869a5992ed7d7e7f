/* events.h - server-sent events: reading the stream of GET .../events. */
#ifndef EVALD_CTL_EVENTS_H
#define EVALD_CTL_EVENTS_H

#include "ctl/ctl.h"

struct events {
    char last[24]; /* number of the last event that was read; empty: none */
    struct text id, kind, data; /* of the event under way */
    struct text line;
};
void events_fini(struct events *e);

/* kind is a word; data the document as it came, json the same as a tree (NULL: none). */
typedef void event_fn(void *arg, const char *kind, struct str data, json_object *json);
/* Reads events behind the last one until evald ends the stream.  As client_call(). */
int events_read(const struct ctl *c, const char *path, struct events *e, event_fn *fn, void *arg,
                struct err *err);

#endif
