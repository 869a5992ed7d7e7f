/* jtext.h - JSON text as it stands: check it, walk it, never copy it.
 *
 * json-c builds trees; rows, scores and plugin values stay text, because a row must come
 * back digit for digit and a million of them must not become trees.  First jtext_check()
 * (or jtext_scan_object()), once, on bytes from outside; the walkers below then trust the
 * text.  The grammar is RFC 8259 as Python's parser reads it: NaN, Infinity and -Infinity
 * are numbers; control characters inside strings, unpaired surrogate escapes, invalid UTF-8
 * and NUL bytes are errors.  Pure; any thread. */
#ifndef EVALD_JTEXT_H
#define EVALD_JTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/text.h"

#define JTEXT_DEPTH 200 /* deepest nesting accepted */

/* The numbers are those of EVALD_ABSENT ... EVALD_OBJECT in <evald/plugin.h>. */
enum jkind { J_ABSENT, J_NULL, J_BOOL, J_NUMBER, J_STRING, J_ARRAY, J_OBJECT };

/* A value inside checked text: its bytes without space around it; strings with quotes. */
struct jval {
    enum jkind kind;
    struct str raw;
};

/* Checks that text is exactly one JSON value (space around it allowed).
 * On error *ret_at is the offset in bytes of the place, and the text of err is a reason
 * without position, like "expected ',' or '}'"; callers add line or offset. */
int jtext_check(struct str text, struct jval *ret, size_t *ret_at, struct err *err);

/* The same for text that must be an object, taking the values of its members named
 * names[0..n) on the way (the last of duplicates wins; J_ABSENT when missing). */
int jtext_scan_object(struct str text, const struct str *names, size_t n, struct jval *ret_vals,
                      size_t *ret_at, struct err *err);

/* The value at the start of checked text. */
struct jval jtext_value(struct str text);
/* The value that checked text is; its end is not searched for, as jtext_value() must. */
struct jval jtext_whole(struct str text);

/* Walks members of an object or elements of an array, in order:
 *     struct jiter it = jtext_iter(value);
 *     while (jtext_next(&it, &key, &val)) ...
 * key is the raw string literal with quotes (empty in an array); NULL allowed.  Any other
 * kind has no elements. */
struct jiter {
    const char *at, *end;
    bool object;
};
struct jiter jtext_iter(struct jval container);
bool jtext_next(struct jiter *it, struct str *key, struct jval *val);
size_t jtext_count(struct jval container);

/* The member of an object (last of duplicates), name decoded; J_ABSENT when not there. */
struct jval jtext_member(struct jval object, struct str name);
/* RFC 6901; "" is the whole. */
struct jval jtext_pointer(struct jval value, struct str pointer);

/* Whether a raw string literal, quotes included, spells exactly this text. */
bool jtext_spells(struct str literal, struct str text);
/* Decodes a raw string literal, quotes included, onto t. */
void jtext_decode(struct text *t, struct str literal);
/* Decodes into buf, which has room for literal.len bytes; returns the length.  No NUL. */
size_t jtext_decode_to(char *buf, struct str literal);

/* Of a J_NUMBER: is it written without fraction and exponent (NaN and Infinity are not)? */
bool jtext_is_integer(struct jval v);
/* The nearest double; NaN and infinities as written; 0 for other kinds but true (1). */
double jtext_double(struct jval v);
/* Fits int64_t exactly (a J_NUMBER written as an integer)?  Else false, *ret untouched. */
bool jtext_int64(struct jval v, int64_t *ret);

/* Appends text as a JSON string literal with quotes.  Escaped are ", \, and control
 * characters (\n, \r, \t, \b, \f by name); all else goes out as UTF-8.  Invalid UTF-8
 * becomes U+FFFD. */
void jtext_put_string(struct text *t, struct str s);
/* Appends a double as Python's repr(): the shortest decimal that reads back, fixed for
 * decimal exponents in [-4, 16), with ".0" where nothing else shows that it is a float;
 * NaN and infinities as null. */
void jtext_put_double(struct text *t, double d);
/* Appends checked text without the space between its tokens. */
void jtext_put_compact(struct text *t, struct jval v);
/* The same as any JSON parser takes it: NaN, infinities and numbers beyond the doubles (1e999)
 * become null.  Integers of any size are none of these. */
void jtext_put_finite(struct text *t, struct jval v);

#endif
