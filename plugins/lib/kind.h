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

/* EVALD_OK when a column is a string, else what evald_fail() returns. */
static inline int32_t
kind_need_string(struct evald_call *c, const char *column, const struct evald_value *v)
{
    if (v->kind == EVALD_STRING)
        return EVALD_OK;
    return evald_fail(c, EVALD_E_ROW, "column '%s' is %s, not a string", column, kind_name(v));
}

#endif
