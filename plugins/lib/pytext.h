/* pytext.h - what Python's str can do, for plugins: text is code points, and Unicode decides
 * what a blank, a digit or a letter's case is.
 *
 * Text is valid UTF-8, as the host gives it.  What is returned without a call handle is a
 * part of what was given; with one it lives as long as the row. */
#ifndef EVALD_PLUGIN_PYTEXT_H
#define EVALD_PLUGIN_PYTEXT_H

#include <stdbool.h>

#include <evald/plugin.h>

static inline bool
pytext_same(struct evald_str a, struct evald_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
static inline bool
pytext_is(struct evald_str a, const char *z)
{
    return pytext_same(a, evald_s(z));
}
/* Below, at or above 0: by code point, which the bytes of UTF-8 are in the order of. */
static inline int
pytext_order(struct evald_str a, struct evald_str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* The character at *at, which is before end; *at moves behind it. */
uint32_t pytext_next(const char **at, const char *end);
size_t pytext_len(struct evald_str s); /* len(s): characters */

/* ---- kinds of characters ---- */

bool pytext_is_space(uint32_t c); /* the 29 of str.isspace(), which str.split() uses */
bool pytext_is_digit(uint32_t c); /* of str.isdigit(): superscripts too */
int pytext_decimal(uint32_t c);   /* the value of a decimal digit (Nd), else -1 */

bool pytext_isdigit(struct evald_str s); /* s.isdigit(): false when empty */
bool pytext_isupper(struct evald_str s); /* some upper case, nothing lower or title case */
bool pytext_islower(struct evald_str s);

/* ---- pieces ---- */

struct evald_str pytext_strip(struct evald_str s);
/* One piece a call, from the front of *rest: false when there are no more. */
bool pytext_split(struct evald_str *rest, struct evald_str *ret);      /* s.split() */
bool pytext_splitlines(struct evald_str *rest, struct evald_str *ret); /* s.splitlines() */
/* s.split(by), by not empty: text without by is one piece, also empty text.  Begin with
 * rest->ptr not NULL; it is NULL behind the last piece. */
bool pytext_split_by(struct evald_str *rest, struct evald_str by, struct evald_str *ret);

/* Where what begins first and last in s, in bytes; PYTEXT_NONE when nowhere. */
#define PYTEXT_NONE ((size_t)-1)
size_t pytext_find(struct evald_str s, struct evald_str what);
size_t pytext_rfind(struct evald_str s, struct evald_str what);
size_t pytext_count(struct evald_str s, struct evald_str what); /* without overlaps; not empty */
bool pytext_starts(struct evald_str s, struct evald_str with);
bool pytext_ends(struct evald_str s, struct evald_str with);

/* ---- new text ---- */

struct evald_str pytext_lower(struct evald_call *c, struct evald_str s); /* s.lower() */
/* s.replace(what, by); what not empty.  s itself when it is not there. */
struct evald_str pytext_replace(struct evald_call *c, struct evald_str s, struct evald_str what,
                                struct evald_str by);
/* As messages show it: in quotes, and no more than its first 60 characters. */
const char *pytext_shown(struct evald_call *c, struct evald_str s);

/* ---- numbers ---- */

/* float(s): blanks around it (1C to 1F are none here), a sign, inf, infinity, nan, an underscore
 * between digits, decimal digits of any script.  false where Python raises. */
bool pytext_float(struct evald_call *c, struct evald_str s, double *ret);

#endif
