/* pyrepr.h - how Python's repr() writes the characters of a string.
 *
 * A header alone: plugins, which link nothing of evald, write strings as the runner does. */
#ifndef EVALD_PYREPR_H
#define EVALD_PYREPR_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/unprintable.h"

/* The quote around the string: ' unless it holds one and no ". */
static inline char
pyrepr_quote(const char *s, size_t len)
{
    bool apostrophe = len > 0 && memchr(s, '\'', len) != NULL;
    return apostrophe && memchr(s, '"', len) == NULL ? '"' : '\'';
}

static inline bool
pyrepr_is_printable(uint32_t c)
{
    if (c < 0x7f)
        return c >= 0x20;
    size_t low = 0, n = sizeof unprintable / sizeof unprintable[0] / 2, high = n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c > unprintable[2 * mid + 1])
            low = mid + 1;
        else
            high = mid;
    }
    return low == n || c < unprintable[2 * low];
}

/* The character at s, valid UTF-8: *ret_len is its length.  Where it is not written as it is,
 * escape becomes what is, with a NUL; else it becomes empty. */
static inline void
pyrepr_escape(const char *s, char quote, char escape[12], size_t *ret_len)
{
    unsigned char first = (unsigned char)s[0];
    size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t c = n == 1 ? first : first & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)s[i] & 0x3f);
    *ret_len = n;
    escape[0] = '\0';
    if (c == (unsigned char)quote || c == '\\')
        snprintf(escape, 12, "\\%c", (char)c);
    else if (c == '\n' || c == '\r' || c == '\t')
        snprintf(escape, 12, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (!pyrepr_is_printable(c))
        snprintf(escape, 12, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
}

#endif
