#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/text.h"

void
text_fini(struct text *t)
{
    if (t == NULL)
        return;
    mem_cleanup_free(&t->ptr);
    *t = (struct text)TEXT_INIT;
}

void
text_wipe(struct text *t)
{
    if (t != NULL && t->ptr != NULL)
        explicit_bzero(t->ptr, t->room);
    text_fini(t);
}

void
text_clear(struct text *t)
{
    t->len = 0;
    if (t->ptr != NULL)
        t->ptr[0] = '\0';
}

void
text_reserve(struct text *t, size_t more)
{
    size_t need;
    if (__builtin_add_overflow(t->len, more, &need) || need == SIZE_MAX)
        abort();
    need++;
    if (need <= t->room)
        return;
    size_t room = t->room < 64 ? 64 : t->room;
    while (room < need)
        room += room / 2;
    t->ptr = xrealloc(t->ptr, room);
    t->room = room;
}

void
text_put_u64(struct text *t, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    text_put(t, digits + at, sizeof digits - at);
}

void
text_vputf(struct text *t, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    text_reserve(t, 128);
    int n = vsnprintf(t->ptr + t->len, t->room - t->len, fmt, ap);
    if (n > 0 && (size_t)n >= t->room - t->len) {
        text_reserve(t, (size_t)n);
        n = vsnprintf(t->ptr + t->len, t->room - t->len, fmt, again);
    }
    va_end(again);
    if (n > 0)
        t->len += (size_t)n;
    t->ptr[t->len] = '\0';
}

void
text_putf(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    text_vputf(t, fmt, ap);
    va_end(ap);
}

char *
text_take(struct text *t)
{
    text_reserve(t, 0);
    t->ptr[t->len] = '\0';
    char *p = t->ptr;
    *t = (struct text)TEXT_INIT;
    return p;
}

/* Bytes of the valid sequence at p (1-4), or 0. */
static size_t
utf8_sequence(const unsigned char *p, size_t n)
{
    unsigned char c = p[0];
    if (c < 0x80)
        return 1;
    size_t need = c >= 0xc2 && c <= 0xdf ? 2 : (c & 0xf0) == 0xe0 ? 3
                  : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
    if (need == 0 || n < need)
        return 0;
    unsigned char lo = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    unsigned char hi = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < lo || p[1] > hi)
        return 0;
    for (size_t i = 2; i < need; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return need;
}

size_t
utf8_valid_prefix(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t i = 0;
    while (i < n) {
        uint64_t w;
        while (n - i >= 8 && (memcpy(&w, p + i, 8), (w & 0x8080808080808080u) == 0))
            i += 8;
        if (i >= n)
            break;
        size_t k = utf8_sequence(p + i, n - i);
        if (k == 0)
            return i;
        i += k;
    }
    return n;
}

void
text_put_utf8(struct text *t, struct str s)
{
    while (s.len > 0) {
        size_t ok = utf8_valid_prefix(s.ptr, s.len);
        text_put(t, s.ptr, ok);
        s.ptr += ok;
        s.len -= ok;
        if (s.len == 0)
            return;
        text_put(t, "\xef\xbf\xbd", 3);
        do {
            s.ptr++;
            s.len--;
        } while (s.len > 0 && ((unsigned char)*s.ptr & 0xc0) == 0x80);
    }
}

size_t
utf8_encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

void
hex_encode(char *ret, const void *bytes, size_t n)
{
    const unsigned char *b = bytes;
    for (size_t i = 0; i < n; i++) {
        *ret++ = "0123456789abcdef"[b[i] >> 4];
        *ret++ = "0123456789abcdef"[b[i] & 15];
    }
    *ret = '\0';
}
