/* kind.h - what kind of value something is, for messages. */
#ifndef EVALD_PLUGIN_KIND_H
#define EVALD_PLUGIN_KIND_H

#include <evald/plugin.h>

/* "a number": column 'x' is ... */
static inline const char *
kind_name(const struct evald_value *v)
{
    static const char *const names[] = { "absent",   "null",     "a boolean", "a number",
                                         "a string", "an array", "an object" };
    return v->kind < sizeof names / sizeof names[0] ? names[v->kind] : "of an unknown kind";
}

#endif
