
#include <uniname.h>

#include "pyre_pattern.h"

#define NAME_ROOM 128 /* no name of a character is that long */

bool
class_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool
class_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* One code point, meaning itself inside and outside of a class. */
static void
put_char(struct reader *r, uint32_t c)
{
    char text[16];
    if (c < 0x80 && (class_is_letter((char)c) || class_is_digit((char)c)))
        snprintf(text, sizeof text, "%c", (char)c);
    else
        snprintf(text, sizeof text, "\\x{%x}", c);
    reader_put(r, text);
}

static bool
is_surrogate(uint32_t c)
{
    return c >= 0xd800 && c <= 0xdfff;
}

static int
digit_value(char c)
{
    return class_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* Exactly n hexadecimal digits. */
static bool
take_hex(struct reader *r, int n, uint32_t *ret)
{
    uint32_t c = 0;
    for (int i = 0; i < n; i++) {
        if (r->at == r->end || digit_value(*r->at) > 15)
            return reader_fail(r, "incomplete escape");
        c = c << 4 | (uint32_t)digit_value(*r->at++);
    }
    if (c > 0x10ffff)
        return reader_fail(r, "bad escape");
    *ret = c;
    return true;
}

/* ---- classes of characters ---- */

/* The general categories that are left, and what Pc has but the underscore. */
#define NOT_WORD "\\p{M}\\p{S}\\p{Z}\\p{C}\\p{Pd}\\p{Ps}\\p{Pe}\\p{Pi}\\p{Pf}\\p{Po}" \
    "\\x{203f}\\x{2040}\\x{2054}\\x{fe33}\\x{fe34}\\x{fe4d}-\\x{fe4f}\\x{ff3f}"
#define SPACE "\\x09-\\x0d\\x1c-\\x20\\x85\\xa0\\x{1680}\\x{2000}-\\x{200a}" \
    "\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
#define NOT_SPACE "\\x00-\\x08\\x0e-\\x1b\\x21-\\x84\\x86-\\x9f\\xa1-\\x{167f}" \
    "\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}" \
    "\\x{2060}-\\x{2fff}\\x{3001}-\\x{10ffff}"
#define NOT_ASCII_WORD "\\x00-\\x2f\\x3a-\\x40\\x5b-\\x5e\\x60\\x7b-\\x{10ffff}"
#define ASCII_SPACE "\\x09-\\x0d\\x20"
#define NOT_ASCII_SPACE "\\x00-\\x08\\x0e-\\x1f\\x21-\\x{10ffff}"

/* What stands for \w and its like between brackets; NULL: c is none of them. */
const char *
class_members(char c, bool ascii)
{
    switch (c) {
    case 'w': return ascii ? ASCII_WORD : WORD;
    case 'W': return ascii ? NOT_ASCII_WORD : NOT_WORD;
    case 's': return ascii ? ASCII_SPACE : SPACE;
    case 'S': return ascii ? NOT_ASCII_SPACE : NOT_SPACE;
    case 'd': return ascii ? "0-9" : "\\p{Nd}";
    case 'D': return ascii ? "\\x00-\\x2f\\x3a-\\x{10ffff}" : "\\P{Nd}";
    default: return NULL;
    }
}

/* Characters that Python takes for one another without case, and PCRE2 does not. */
static const uint32_t twins[][4] = {
    { 'i', 'I', 0x130, 0x131 },
    { 0x390, 0x1fd3, 0, 0 },
    { 0x3b0, 0x1fe3, 0, 0 },
    { 0xfb05, 0xfb06, 0, 0 },
};

/* Puts what else is in a class that has from..to; true when there was something. */
static bool
put_twins(struct reader *r, uint32_t from, uint32_t to)
{
    bool any = false;
    if (!(r->flags & FLAG_I))
        return false;
    if (r->flags & FLAG_A) { /* PCRE2 is told of no case here: letters of ASCII alone fold */
        for (uint32_t c = from; c <= to && c < 0x80; c++)
            if (class_is_letter((char)c)) {
                put_char(r, c ^ 0x20);
                any = true;
            }
        return any;
    }
    for (size_t i = 0; i < sizeof twins / sizeof twins[0]; i++) {
        bool in = false;
        for (size_t k = 0; k < 4; k++)
            in |= twins[i][k] != 0 && twins[i][k] >= from && twins[i][k] <= to;
        for (size_t k = 0; in && k < 4; k++)
            if (twins[i][k] != 0)
                put_char(r, twins[i][k]);
        any |= in;
    }
    return any;
}

static void
put_range(struct reader *r, uint32_t from, uint32_t to)
{
    if (is_surrogate(from)) /* none is in any text */
        from = 0xe000;
    if (is_surrogate(to))
        to = 0xd7ff;
    if (from > to)
        return;
    put_char(r, from);
    if (from < to) {
        reader_put(r, "-");
        put_char(r, to);
    }
    put_twins(r, from, to);
}

/* A literal outside of a class. */
void
class_put_literal(struct reader *r, uint32_t c)
{
    if (is_surrogate(c)) {
        reader_put(r, "(?!)");
        return;
    }
    size_t at = r->len;
    reader_put(r, "[");
    put_char(r, c);
    if (put_twins(r, c, c)) {
        reader_put(r, "]");
        return;
    }
    r->len = at;
    put_char(r, c);
}

/* \n and its like; 0 when c is none. */
static uint32_t
control_of(char c)
{
    switch (c) {
    case 'a': return '\a';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'v': return '\v';
    default: return 0;
    }
}

/* "{NAME}" behind \N. */
static bool
take_named(struct reader *r, uint32_t *ret)
{
    char name[NAME_ROOM];
    const char *stop;
    if (!reader_take(r, '{'))
        return reader_fail(r, "missing {");
    stop = r->at < r->end ? memchr(r->at, '}', (size_t)(r->end - r->at)) : NULL;
    if (stop == NULL)
        return reader_fail(r, "missing }, unterminated name");
    size_t n = (size_t)(stop - r->at);
    if (n >= sizeof name || memchr(r->at, '\0', n) != NULL)
        return reader_fail(r, "undefined character name");
    memcpy(name, r->at, n);
    name[n] = '\0';
    *ret = unicode_name_character(name);
    if (*ret == UNINAME_INVALID)
        return reader_fail(r, "undefined character name");
    r->at = stop + 1;
    return true;
}

bool
class_take_escaped(struct reader *r, char c, uint32_t *ret)
{
    if ((*ret = control_of(c)) != 0)
        return true;
    if (c == 'x' || c == 'u' || c == 'U')
        return take_hex(r, c == 'x' ? 2 : c == 'u' ? 4 : 8, ret);
    if (c == 'N')
        return take_named(r, ret);
    if (class_is_letter(c) || class_is_digit(c))
        return reader_fail(r, "bad escape");
    r->at--;
    *ret = reader_take_char(r);
    return true;
}

/* One end of a range: a character, or a class whose members were put (*ret_class). */
static bool
take_member(struct reader *r, uint32_t *ret, bool *ret_class)
{
    *ret_class = false;
    if (!reader_take(r, '\\')) {
        *ret = reader_take_char(r);
        return true;
    }
    if (r->at == r->end)
        return reader_fail(r, "bad escape at the end");
    char c = *r->at;
    const char *members = class_members(c, r->flags & FLAG_A);
    if (members != NULL) {
        r->at++;
        reader_put(r, members);
        *ret_class = true;
        return true;
    }
    if (c >= '0' && c <= '7') {
        *ret = reader_take_octal(r, 3);
        return *ret <= 0377 || reader_fail(r, "octal escape above 0o377");
    }
    r->at++;
    if (c == 'b') {
        *ret = '\b';
        return true;
    }
    return class_take_escaped(r, c, ret);
}

/* Behind the opening bracket. */
bool
class_read(struct reader *r)
{
    size_t begin = r->len;
    bool negated = reader_take(r, '^');
    reader_put(r, negated ? "[^" : "[");
    size_t empty = r->len;
    for (bool first = true;; first = false) {
        uint32_t from, to;
        bool is_class;
        if (r->at == r->end)
            return reader_fail(r, "unterminated character set");
        if (!first && reader_take(r, ']'))
            break;
        if (!take_member(r, &from, &is_class))
            return false;
        bool range = reader_next_is(r, '-') && r->at + 1 < r->end && r->at[1] != ']';
        if (reader_next_is(r, '-') && r->at + 1 == r->end)
            return reader_fail(r, "unterminated character set");
        if (!range) {
            if (!is_class)
                put_range(r, from, from);
            continue;
        }
        r->at++;
        if (is_class)
            return reader_fail(r, "bad character range");
        if (!take_member(r, &to, &is_class))
            return false;
        if (is_class || from > to)
            return reader_fail(r, "bad character range");
        put_range(r, from, to);
    }
    if (r->len > empty) {
        reader_put(r, "]");
        return true;
    }
    r->len = begin; /* nothing but surrogates */
    reader_put(r, negated ? "." : "(?!)");
    return true;
}

