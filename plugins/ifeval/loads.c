#include "loads.h"

#define DIGITS_MAX 4300 /* of int(), since Python 3.11 */

struct scan {
    const char *at, *end;
    uint8_t *objects; /* a bit for each open container: is it an object? */
    size_t depth;
};

static void
skip_space(struct scan *s)
{
    while (s->at < s->end
           && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

static bool
take(struct scan *s, char c)
{
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

static bool
take_word(struct scan *s, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
        return false;
    s->at += n;
    return true;
}

static size_t
skip_digits(struct scan *s)
{
    const char *begin = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return (size_t)(s->at - begin);
}

static bool
take_number(struct scan *s)
{
    if (take_word(s, "-Infinity"))
        return true;
    take(s, '-');
    size_t digits = take(s, '0') ? 1 : skip_digits(s);
    if (digits == 0)
        return false;
    /* What does not go on as a fraction or power is the end of an integer. */
    bool integer = true;
    const char *before = s->at;
    if (take(s, '.') && skip_digits(s) > 0) {
        integer = false;
        before = s->at;
    }
    s->at = before;
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '-'))
            take(s, '+');
        if (skip_digits(s) > 0)
            return true;
        s->at = before;
    }
    return !integer || digits <= DIGITS_MAX;
}

static bool
take_hex(struct scan *s)
{
    for (int i = 0; i < 4; i++, s->at++) {
        if (s->at == s->end)
            return false;
        char c = *s->at, lower = (char)(c | 0x20);
        if (!(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'f'))
            return false;
    }
    return true;
}

/* Behind the opening quote. */
static bool
take_string(struct scan *s)
{
    while (s->at < s->end) {
        unsigned char c = (unsigned char)*s->at++;
        if (c == '"')
            return true;
        if (c < 0x20)
            return false;
        if (c != '\\')
            continue;
        if (take(s, 'u')) {
            if (!take_hex(s))
                return false;
        } else if (s->at == s->end || *s->at == '\0'
                   || strchr("\"\\/bfnrt", *s->at) == NULL) {
            return false;
        } else {
            s->at++;
        }
    }
    return false;
}

static void
enter(struct scan *s, bool object)
{
    uint8_t bit = (uint8_t)(1u << (s->depth % 8)), *byte = &s->objects[s->depth / 8];
    *byte = (uint8_t)(object ? *byte | bit : *byte & ~bit);
    s->depth++;
}

static bool
in_object(const struct scan *s)
{
    return (s->objects[(s->depth - 1) / 8] >> ((s->depth - 1) % 8) & 1) != 0;
}

/* The name of a member and its colon. */
static bool
take_name(struct scan *s)
{
    if (!take(s, '"') || !take_string(s))
        return false;
    skip_space(s);
    if (!take(s, ':'))
        return false;
    skip_space(s);
    return true;
}

/* A value that holds no others, or the beginning of one: *ret_open tells. */
static bool
take_value(struct scan *s, bool *ret_open)
{
    *ret_open = false;
    if (s->at == s->end)
        return false;
    switch (*s->at) {
    case '{':
    case '[': {
        bool object = *s->at++ == '{';
        skip_space(s);
        if (take(s, object ? '}' : ']'))
            return true;
        enter(s, object);
        *ret_open = true;
        return !object || take_name(s);
    }
    case '"':
        s->at++;
        return take_string(s);
    case 't':
        return take_word(s, "true");
    case 'f':
        return take_word(s, "false");
    case 'n':
        return take_word(s, "null");
    case 'N':
        return take_word(s, "NaN");
    case 'I':
        return take_word(s, "Infinity");
    default:
        return take_number(s);
    }
}

/* What follows a value in its container: the next one, or the end of containers. */
static bool
take_next(struct scan *s)
{
    while (s->depth > 0) {
        skip_space(s);
        bool object = in_object(s);
        if (take(s, ',')) {
            skip_space(s);
            return !object || take_name(s);
        }
        if (!take(s, object ? '}' : ']'))
            return false;
        s->depth--;
    }
    return true;
}

bool
loads_takes(struct evald_call *c, struct evald_str text)
{
    struct scan s = { text.ptr, text.ptr + text.len, NULL, 0 };
    skip_space(&s);
    if (s.at < s.end && (*s.at == '{' || *s.at == '['))
        s.objects = evald_alloc(c, text.len / 8 + 1);
    do {
        bool open;
        if (!take_value(&s, &open))
            return false;
        if (!open && !take_next(&s))
            return false;
    } while (s.depth > 0);
    skip_space(&s);
    return s.at == s.end;
}
