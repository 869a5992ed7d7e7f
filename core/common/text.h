/* text.h - slices and growing text. */
#ifndef EVALD_TEXT_H
#define EVALD_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes; not NUL-terminated unless said. */
struct str {
    const char *ptr;
    size_t len;
};
#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })

static inline struct str
str_z(const char *z)
{
    return (struct str){ z, z ? strlen(z) : 0 };
}
static inline bool
str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
static inline bool
str_is(struct str a, const char *z)
{
    return str_eq(a, str_z(z));
}

/* Growing text; zeroed, or TEXT_INIT, is empty.  ptr is NUL-terminated once not NULL. */
struct text {
    char *ptr;
    size_t len, room;
};
#define TEXT_INIT { NULL, 0, 0 }

void text_fini(struct text *t); /* frees and zeroes; NULL allowed */
void text_wipe(struct text *t); /* the same for secrets: overwritten first */
#define CLEANUP_TEXT __attribute__((cleanup(text_fini)))
void text_clear(struct text *t); /* keeps the room */
void text_reserve(struct text *t, size_t more);
static inline void
text_put(struct text *t, const void *p, size_t n)
{
    if (n >= t->room - t->len)
        text_reserve(t, n);
    if (n > 0)
        memcpy(t->ptr + t->len, p, n);
    t->len += n;
    t->ptr[t->len] = '\0';
}
static inline void
text_puts(struct text *t, const char *z)
{
    text_put(t, z, strlen(z));
}
static inline void
text_putc(struct text *t, char c)
{
    if (t->room - t->len < 2)
        text_reserve(t, 1);
    t->ptr[t->len++] = c;
    t->ptr[t->len] = '\0';
}
void text_put_u64(struct text *t, uint64_t n);
void text_putf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_vputf(struct text *t, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* Hands the bytes out (never NULL, NUL-terminated, free() it) and leaves t empty. */
char *text_take(struct text *t);
static inline void
text_put_str(struct text *t, struct str s)
{
    text_put(t, s.ptr, s.len);
}
static inline struct str
text_str(const struct text *t)
{
    return (struct str){ t->ptr ? t->ptr : "", t->len };
}

/* Length of the longest valid UTF-8 prefix (RFC 3629: no surrogates, no overlong forms). */
size_t utf8_valid_prefix(const char *p, size_t n);
/* Appends s with each maximal invalid part as U+FFFD. */
void text_put_utf8(struct text *t, struct str s);
/* Encodes one code point below 0x110000; returns the bytes written (1-4). */
size_t utf8_encode(uint32_t cp, char out[4]);

/* n bytes as 2 * n digits in lower case, and a NUL behind them. */
void hex_encode(char *ret, const void *bytes, size_t n);

#endif
