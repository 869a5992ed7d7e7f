#define _GNU_SOURCE /* memmem, memrchr */
#include "pytext.h"

#include <stdlib.h>
#include <unicase.h>
#include <unictype.h>
#include <unistr.h>

#define SHOWN_MAX 60 /* characters of pytext_shown() */

static const uint8_t *
bytes(const char *p)
{
    return (const uint8_t *)p;
}

uint32_t
pytext_next(const char **at, const char *end)
{
    unsigned char b = (unsigned char)**at;
    if (b < 0x80) {
        ++*at;
        return b;
    }
    ucs4_t c;
    int n = u8_mbtouc(&c, bytes(*at), (size_t)(end - *at));
    *at += n;
    return c;
}

/* The character before *at, which is behind begin; *at moves to where it begins. */
static uint32_t
previous(const char **at, const char *begin)
{
    ucs4_t c = 0;
    const uint8_t *p = u8_prev(&c, bytes(*at), bytes(begin));
    *at = p != NULL ? (const char *)p : begin;
    return c;
}

size_t
pytext_len(struct evald_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    return n;
}

/* ---- kinds of characters ---- */

bool
pytext_is_space(uint32_t c)
{
    if (c < 0x80)
        return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20);
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028
        || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool
pytext_is_digit(uint32_t c)
{
    return c < 0x80 ? c >= '0' && c <= '9' : uc_digit_value(c) >= 0;
}

int
pytext_decimal(uint32_t c)
{
    if (c < 0x80)
        return c >= '0' && c <= '9' ? (int)c - '0' : -1;
    return uc_decimal_value(c);
}

bool
pytext_isdigit(struct evald_str s)
{
    for (const char *p = s.ptr, *end = p + s.len; p < end;)
        if (!pytext_is_digit(pytext_next(&p, end)))
            return false;
    return s.len > 0;
}

static bool
is_title(uint32_t c)
{
    return c >= 0x80 && uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Lt);
}

static bool
is_upper(uint32_t c)
{
    return c < 0x80 ? c >= 'A' && c <= 'Z' : uc_is_property_uppercase(c);
}

static bool
is_lower(uint32_t c)
{
    return c < 0x80 ? c >= 'a' && c <= 'z' : uc_is_property_lowercase(c);
}

bool
pytext_isupper(struct evald_str s)
{
    bool any = false;
    for (const char *p = s.ptr, *end = p + s.len; p < end;) {
        uint32_t c = pytext_next(&p, end);
        if (is_lower(c) || is_title(c))
            return false;
        any = any || is_upper(c);
    }
    return any;
}

bool
pytext_islower(struct evald_str s)
{
    bool any = false;
    for (const char *p = s.ptr, *end = p + s.len; p < end;) {
        uint32_t c = pytext_next(&p, end);
        if (is_upper(c) || is_title(c))
            return false;
        any = any || is_lower(c);
    }
    return any;
}

/* ---- pieces ---- */

/* Which ASCII characters are blanks. */
static const bool is_blank[0x80] = { [9 ... 13] = true, [0x1c ... 0x20] = true };

/* The first character that is, or is not, a blank. */
static inline const char *
find_space(const char *p, const char *end, bool space)
{
    while (p < end) {
        if ((unsigned char)*p < 0x80) {
            if (is_blank[(unsigned char)*p] == space)
                break;
            p++;
            continue;
        }
        const char *next = p;
        if (pytext_is_space(pytext_next(&next, end)) == space)
            break;
        p = next;
    }
    return p;
}

struct evald_str
pytext_strip(struct evald_str s)
{
    const char *end = s.ptr + s.len, *begin = find_space(s.ptr, end, false);
    while (end > begin) {
        const char *last = end;
        if (!pytext_is_space(previous(&last, begin)))
            break;
        end = last;
    }
    return (struct evald_str){ begin, (size_t)(end - begin) };
}

bool
pytext_split(struct evald_str *rest, struct evald_str *ret)
{
    const char *end = rest->ptr + rest->len;
    const char *begin = find_space(rest->ptr, end, false), *p = find_space(begin, end, true);
    *ret = (struct evald_str){ begin, (size_t)(p - begin) };
    *rest = (struct evald_str){ p, (size_t)(end - p) };
    return ret->len > 0;
}

static bool
ends_line(uint32_t c)
{
    return (c >= 10 && c <= 13) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028
        || c == 0x2029;
}

bool
pytext_splitlines(struct evald_str *rest, struct evald_str *ret)
{
    const char *end = rest->ptr + rest->len, *p = rest->ptr;
    if (rest->len == 0)
        return false;
    while (p < end) {
        const char *next = p;
        uint32_t c = pytext_next(&next, end);
        if (ends_line(c)) {
            *ret = (struct evald_str){ rest->ptr, (size_t)(p - rest->ptr) };
            if (c == '\r' && next < end && *next == '\n')
                next++;
            *rest = (struct evald_str){ next, (size_t)(end - next) };
            return true;
        }
        p = next;
    }
    *ret = *rest;
    *rest = (struct evald_str){ end, 0 };
    return true;
}

bool
pytext_split_by(struct evald_str *rest, struct evald_str by, struct evald_str *ret)
{
    if (rest->ptr == NULL)
        return false;
    size_t at = pytext_find(*rest, by);
    *ret = *rest;
    if (at == PYTEXT_NONE) {
        *rest = (struct evald_str){ NULL, 0 };
        return true;
    }
    ret->len = at;
    *rest = (struct evald_str){ rest->ptr + at + by.len, rest->len - at - by.len };
    return true;
}

size_t
pytext_find(struct evald_str s, struct evald_str what)
{
    if (what.len == 0)
        return 0;
    const char *p = memmem(s.ptr, s.len, what.ptr, what.len);
    return p != NULL ? (size_t)(p - s.ptr) : PYTEXT_NONE;
}

size_t
pytext_rfind(struct evald_str s, struct evald_str what)
{
    if (what.len == 0)
        return s.len;
    for (size_t left = s.len; left >= what.len;) {
        const char *p = memrchr(s.ptr, what.ptr[0], left - what.len + 1);
        if (p == NULL)
            break;
        if (memcmp(p, what.ptr, what.len) == 0)
            return (size_t)(p - s.ptr);
        left = (size_t)(p - s.ptr) + what.len - 1;
    }
    return PYTEXT_NONE;
}

size_t
pytext_count(struct evald_str s, struct evald_str what)
{
    size_t n = 0, at;
    while ((at = pytext_find(s, what)) != PYTEXT_NONE) {
        n++;
        s = (struct evald_str){ s.ptr + at + what.len, s.len - at - what.len };
    }
    return n;
}

bool
pytext_starts(struct evald_str s, struct evald_str with)
{
    return s.len >= with.len && (with.len == 0 || memcmp(s.ptr, with.ptr, with.len) == 0);
}

bool
pytext_ends(struct evald_str s, struct evald_str with)
{
    return s.len >= with.len
        && (with.len == 0 || memcmp(s.ptr + s.len - with.len, with.ptr, with.len) == 0);
}

/* ---- new text ---- */

/* libunistring's are those of a Unicode before 6.3: these have a word break of their own now. */
static bool
is_case_ignorable(uint32_t c)
{
    return c == '\'' || c == '.' || c == 0x2018 || c == 0x2019 || c == 0x2024 || c == 0xfe52
        || c == 0xff07 || c == 0xff0e || uc_is_property_case_ignorable(c);
}

/* Is the capital sigma that is [at, after) the last letter of a word? */
static bool
is_final_sigma(struct evald_str s, const char *at, const char *after)
{
    const char *end = s.ptr + s.len;
    uint32_t c = 0;
    do
        c = at > s.ptr ? previous(&at, s.ptr) : 0;
    while (is_case_ignorable(c));
    if (!uc_is_property_cased(c))
        return false;
    do
        c = after < end ? pytext_next(&after, end) : 0;
    while (is_case_ignorable(c));
    return !uc_is_property_cased(c);
}

struct evald_str
pytext_lower(struct evald_call *c, struct evald_str s)
{
    const char *p = s.ptr, *end = p + s.len;
    while (p < end && (unsigned char)*p < 0x80 && !(*p >= 'A' && *p <= 'Z'))
        p++;
    if (p == end)
        return s;
    char *out = evald_alloc(c, s.len + s.len / 2 + 1); /* at most 3 bytes become of 2 */
    char *to = mempcpy(out, s.ptr, (size_t)(p - s.ptr));
    while (p < end) {
        if ((unsigned char)*p < 0x80) {
            *to++ = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
            p++;
            continue;
        }
        const char *at = p;
        uint32_t ch = pytext_next(&p, end);
        if (ch == 0x130) { /* the one that becomes two: i and a dot above */
            to = mempcpy(to, "i\314\207", 3);
            continue;
        }
        uint32_t low = ch != 0x3a3 ? uc_tolower(ch) : is_final_sigma(s, at, p) ? 0x3c2 : 0x3c3;
        if (low == ch)
            to = mempcpy(to, at, (size_t)(p - at));
        else
            to += u8_uctomb((uint8_t *)to, low, 4);
    }
    return (struct evald_str){ out, (size_t)(to - out) };
}

struct evald_str
pytext_replace(struct evald_call *c, struct evald_str s, struct evald_str what,
               struct evald_str by)
{
    size_t n = pytext_count(s, what), at;
    if (n == 0)
        return s;
    char *out = evald_alloc(c, s.len - n * what.len + n * by.len + 1), *p = out;
    while ((at = pytext_find(s, what)) != PYTEXT_NONE) {
        p = mempcpy(p, s.ptr, at);
        if (by.len > 0)
            p = mempcpy(p, by.ptr, by.len);
        s = (struct evald_str){ s.ptr + at + what.len, s.len - at - what.len };
    }
    p = mempcpy(p, s.ptr, s.len);
    return (struct evald_str){ out, (size_t)(p - out) };
}

const char *
pytext_shown(struct evald_call *c, struct evald_str s)
{
    const char *p = s.ptr, *end = p + s.len;
    for (int i = 0; i < SHOWN_MAX && p < end; i++)
        pytext_next(&p, end);
    bool cut = p < end;
    const char *quoted = evald_quote(c, (struct evald_str){ s.ptr, (size_t)(p - s.ptr) });
    return cut ? evald_fmt(c, "%s...", quoted).ptr : quoted;
}

/* ---- numbers ---- */

static bool
word_is(const char *p, const char *word)
{
    for (; *word != '\0'; p++, word++)
        if ((*p | 0x20) != *word)
            return false;
    return *p == '\0';
}

/* Digits with single underscores between them; at least one when needed. */
static bool
skip_digits(const char **at, bool *any)
{
    const char *p = *at;
    while (*p >= '0' && *p <= '9') {
        *any = true;
        p++;
        if (*p == '_') {
            if (p[1] < '0' || p[1] > '9')
                return false;
            p++;
        }
    }
    *at = p;
    return true;
}

static bool
is_number(const char *p)
{
    bool any = false, power = false;
    if (*p == '+' || *p == '-')
        p++;
    if (word_is(p, "inf") || word_is(p, "infinity") || word_is(p, "nan"))
        return true;
    if (!skip_digits(&p, &any))
        return false;
    if (*p == '.') {
        p++;
        if (!skip_digits(&p, &any))
            return false;
    }
    if (any && (*p == 'e' || *p == 'E')) {
        p++;
        if (*p == '+' || *p == '-')
            p++;
        if (!skip_digits(&p, &power) || !power)
            return false;
    }
    return any && *p == '\0';
}

static bool
has_separator(const char *p, const char *end)
{
    while (p < end && !(*p >= 0x1c && *p <= 0x1f))
        p++;
    return p < end;
}

bool
pytext_float(struct evald_call *c, struct evald_str s, double *ret)
{
    struct evald_str all = s;
    s = pytext_strip(s);
    /* To float() the separators 1C to 1F are no blanks. */
    if (has_separator(all.ptr, s.ptr) || has_separator(s.ptr + s.len, all.ptr + all.len))
        return false;
    char *text = evald_alloc(c, s.len + 1), *out = text;
    for (const char *p = s.ptr, *end = p + s.len; p < end;) {
        uint32_t ch = pytext_next(&p, end);
        int digit = pytext_decimal(ch);
        if (digit < 0 && (ch >= 0x80 || ch == 0))
            return false;
        *out++ = digit >= 0 ? (char)('0' + digit) : (char)ch;
    }
    *out = '\0';
    if (!is_number(text))
        return false;
    char *to = text;
    for (char *p = text; *p != '\0'; p++)
        if (*p != '_')
            *to++ = *p;
    *to = '\0';
    *ret = strtod(text, NULL);
    return true;
}
