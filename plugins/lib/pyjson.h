/* pyjson.h - JSON text of values as Python's json.dumps writes it, for plugins. */
#ifndef EVALD_PLUGIN_PYJSON_H
#define EVALD_PLUGIN_PYJSON_H

#include <evald/plugin.h>

/* Appends json.dumps(v): separators ", " and ": ", what is not ASCII as \uXXXX, floats by
 * their shortest digits.  ABSENT is null. */
void pyjson_put(struct evald_call *c, struct evald_buf *b, const struct evald_value *v);

#endif
