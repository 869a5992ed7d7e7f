/* pystr.h - str() of Python for plugins: JSON values as its format strings insert them. */
#ifndef EVALD_PLUGIN_PYSTR_H
#define EVALD_PLUGIN_PYSTR_H

#include <evald/plugin.h>

/* Appends str(v): strings as they are, None, True, 1.0, ['a', {'k': None}].  ABSENT is None. */
void pystr_put(struct evald_call *c, struct evald_buf *b, const struct evald_value *v);

#endif
