/* json.h - json-c with the rules of the API.
 *
 * Reading: the grammar and limits of jtext.h; the last of duplicate keys wins; integers of
 * any size and the distinction of 3 from 3.0 survive a round trip.  Writing: compact,
 * UTF-8, members in insertion order, doubles by jtext_put_double().
 * A json_object belongs to one thread for life. */
#ifndef EVALD_JSON_H
#define EVALD_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/jtext.h"

void json_cleanup(json_object **o);
#define CLEANUP_JSON __attribute__((cleanup(json_cleanup)))

/* A new tree; on error *ret_at (NULL allowed) is the byte offset. JSON null gives success
 * with *ret NULL, hence the int.  A member name with \u0000 is an error (json-c's names are
 * C strings), text from 2 GiB on ERR_TOO_LARGE. */
int json_parse(struct str text, json_object **ret, size_t *ret_at, struct err *err);
/* The tree of a value in checked text of less than 2 GiB (names end at a \u0000). */
json_object *json_from_jval(struct jval v);

/* A value kept as text: written out verbatim, and for json-c a string whose content is that
 * text.  raw must be one checked JSON value; it is copied. */
json_object *json_new_raw(struct str raw);
bool json_is_raw(const json_object *o);
/* The text of such a value; valid as long as the object. */
struct str json_raw(const json_object *o);

/* As json_parse, but a member named by one of the paths ("/rows", "/source/rows"; objects
 * on the way only) that holds an array is kept as text with json_new_raw.  max: bytes that the
 * tree may take beyond what it has of the text, about; {} takes 750, so that a small text makes
 * a large tree.  ERR_TOO_LARGE when it would take more. */
int json_parse_raw(struct str text, const char *const *raw_paths, size_t max,
                   json_object **ret, size_t *ret_at, struct err *err);

/* A deep copy of any tree made here (json_object_deep_copy refuses raw values). */
json_object *json_copy(json_object *o);

/* Doubles made here, or by json_parse, print as the protocol wants. */
json_object *json_new_double(double d);
json_object *json_new_str(struct str s);

void  json_put(struct text *t, json_object *o); /* NULL is null */
char *json_text(json_object *o);                /* free() it */

/* Readers that never fail: the default when the member is missing or of another type. */
json_object *json_get(json_object *o, const char *key); /* borrowed, NULL when not there */
bool         json_has(json_object *o, const char *key); /* there, even if null */
const char  *json_get_str(json_object *o, const char *key, const char *otherwise);
struct str   json_get_slice(json_object *o, const char *key); /* {NULL,0} when no string */
int64_t      json_get_int(json_object *o, const char *key, int64_t otherwise);
double       json_get_double(json_object *o, const char *key, double otherwise);
bool         json_get_bool(json_object *o, const char *key, bool otherwise);

/* Adds and returns nothing; takes ownership of value. */
static inline void
json_add(json_object *o, const char *key, json_object *value)
{
    json_object_object_add(o, key, value);
}
static inline void
json_add_str(json_object *o, const char *key, const char *z) /* NULL is null */
{
    json_object_object_add(o, key, z ? json_object_new_string(z) : NULL);
}
static inline void
json_add_int(json_object *o, const char *key, int64_t n)
{
    json_object_object_add(o, key, json_object_new_int64(n));
}
static inline void
json_add_bool(json_object *o, const char *key, bool b)
{
    json_object_object_add(o, key, json_object_new_boolean(b));
}

#endif
