/* pylist.h - JSON values as Python's lists and dicts, for plugins. */
#ifndef EVALD_PLUGIN_PYLIST_H
#define EVALD_PLUGIN_PYLIST_H

#include <stdbool.h>

#include <evald/plugin.h>

struct pylist_member {
    struct evald_str key; /* empty in an array */
    struct evald_value value;
};

/* The elements of an array, or the members of an object as a dict has them: each name once, at
 * its first place, with its last value.  Nothing of other values.  *ret lives as long as the
 * row. */
size_t pylist_members(struct evald_call *c, const struct evald_value *v,
                      struct pylist_member **ret);

/* len(list(v)), without the memory that the list takes. */
bool pylist_len(struct evald_call *c, const struct evald_value *v, size_t *ret);

/* list(v): the elements of an array, the characters of a string (each a part of v's), the
 * names of an object.  They live as long as the row.  false where Python has none: null, a
 * number, a boolean, of which there is no length either. */
bool pylist_read(struct evald_call *c, const struct evald_value *v, struct evald_value **ret,
                 size_t *ret_n);

#endif
