#include "config.h"

#include <math.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/jtext.h"

/* ------------------------------------------------------------------- bytes, 16 at a time */

static inline bool
is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline const char *
skip_space(const char *p, const char *end)
{
    while (p < end && is_space(*p))
        p++;
    return p;
}

/* The first byte of [p, end) that is more than itself in a string literal: a quote, a
 * backslash, a control character or a byte of a multi-byte character. */
static inline const char *
skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' ');
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash));
        /* the comparison is signed: bytes from 0x80 are below a space, too */
        hit = _mm_or_si128(hit, _mm_cmplt_epi8(v, space));
        unsigned bits = (unsigned)_mm_movemask_epi8(hit);
        if (bits != 0)
            return p + __builtin_ctz(bits);
    }
#endif
    for (; p < end; p++)
        if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x80 || *p == '"' || *p == '\\')
            break;
    return p;
}

/* The first quote or backslash of [p, end), inside a string. */
static inline const char *
skip_to_quote(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash));
        unsigned bits = (unsigned)_mm_movemask_epi8(hit);
        if (bits != 0)
            return p + __builtin_ctz(bits);
    }
#endif
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* The first quote or bracket of [p, end), outside strings. */
static inline const char *
skip_to_bracket(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), bit = _mm_set1_epi8(0x20);
    const __m128i open = _mm_set1_epi8('{'), shut = _mm_set1_epi8('}');
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i low = _mm_or_si128(v, bit); /* [ becomes {, ] becomes } */
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(low, open), _mm_cmpeq_epi8(low, shut));
        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, quote));
        unsigned bits = (unsigned)_mm_movemask_epi8(hit);
        if (bits != 0)
            return p + __builtin_ctz(bits);
    }
#endif
    while (p < end && *p != '"' && (*p | 0x20) != '{' && (*p | 0x20) != '}')
        p++;
    return p;
}

/* Four hex digits: their number; -1 when they are none, -2 when the text ends first. */
static int
hex4(const char *p, const char *end)
{
    int n = 0;
    for (int i = 0; i < 4; i++, p++) {
        if (p >= end)
            return -2;
        char low = (char)(*p | 0x20);
        if (is_digit(*p))
            n = n << 4 | (*p - '0');
        else if (low >= 'a' && low <= 'f')
            n = n << 4 | (low - 'a' + 10);
        else
            return -1;
    }
    return n;
}

static enum jkind
kind_of(char first)
{
    switch (first) {
    case '{': return J_OBJECT;
    case '[': return J_ARRAY;
    case '"': return J_STRING;
    case 't':
    case 'f': return J_BOOL;
    case 'n': return J_NULL;
    default: return J_NUMBER;
    }
}

/* -------------------------------------------------------------------------------- check */

struct scan {
    const char *end;
    const char *why, *where; /* of a failure */
    const struct str *names; /* members to take from the outermost object */
    size_t n;
    struct jval *vals;
    struct jval whole;
    uint64_t objects[(JTEXT_DEPTH + 63) / 64]; /* bit per level: object, not array */
};

/* What is wrong at the very end is that it is the end. */
static const char *
fail(struct scan *s, const char *where, const char *why)
{
    s->where = where;
    s->why = where < s->end ? why : "unexpected end of text";
    return NULL;
}

/* p is at the backslash; returns what follows the escape. */
static const char *
scan_escape(struct scan *s, const char *p)
{
    if (s->end - p < 2)
        return fail(s, s->end, NULL);
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': return p + 2;
    case 'u': break;
    default: return fail(s, p, "unknown escape in a string");
    }
    int first = hex4(p + 2, s->end);
    if (first == -2)
        return fail(s, s->end, NULL);
    if (first == -1)
        return fail(s, p, "\\u without four hex digits");
    if (first < 0xd800 || first > 0xdfff)
        return p + 6;
    static const char unpaired[] = "unpaired surrogate escape";
    const char *q = p + 6;
    if (first >= 0xdc00)
        return fail(s, p, unpaired);
    for (int i = 0; i < 2; i++)
        if (q + i >= s->end)
            return fail(s, s->end, NULL);
        else if (q[i] != "\\u"[i])
            return fail(s, p, unpaired);
    int second = hex4(q + 2, s->end);
    if (second == -2)
        return fail(s, s->end, NULL);
    if (second < 0xdc00 || second > 0xdfff)
        return fail(s, p, unpaired);
    return q + 6;
}

/* p is behind the opening quote; returns what follows the closing one. */
static const char *
scan_string(struct scan *s, const char *p)
{
    for (;;) {
        p = skip_plain(p, s->end);
        if (p == s->end)
            return fail(s, p, NULL);
        if (*p == '"')
            return p + 1;
        if (*p == '\\') {
            p = scan_escape(s, p);
            if (p == NULL)
                return NULL;
        } else if ((unsigned char)*p >= 0x80) {
            const char *q = p + 1;
            while (q < s->end && (unsigned char)*q >= 0x80)
                q++;
            size_t good = utf8_valid_prefix(p, (size_t)(q - p));
            if (p + good != q)
                return fail(s, p + good, "invalid UTF-8");
            p = q;
        } else {
            return fail(s, p, "unescaped control character in a string");
        }
    }
}

static const char *
scan_digits(struct scan *s, const char *p)
{
    if (p == s->end || !is_digit(*p))
        return fail(s, p, "expected a digit");
    while (p < s->end && is_digit(*p))
        p++;
    return p;
}

static const char *
scan_word(struct scan *s, const char *p, const char *word)
{
    for (const char *q = p;; q++, word++) {
        if (*word == '\0')
            return q;
        if (q == s->end)
            return fail(s, q, NULL);
        if (*q != *word)
            return fail(s, p, "expected a value");
    }
}

static const char *
scan_number(struct scan *s, const char *p)
{
    if (*p == '-') {
        p++;
        if (p < s->end && *p == 'I')
            return scan_word(s, p, "Infinity");
    }
    const char *first = p;
    p = scan_digits(s, p);
    if (p == NULL)
        return NULL;
    if (*first == '0' && p - first > 1)
        return fail(s, first, "a number with a leading zero");
    if (p < s->end && *p == '.') {
        p = scan_digits(s, p + 1);
        if (p == NULL)
            return NULL;
    }
    if (p < s->end && (*p | 0x20) == 'e') {
        p++;
        if (p < s->end && (*p == '+' || *p == '-'))
            p++;
        p = scan_digits(s, p);
    }
    return p;
}

static const char *
scan_scalar(struct scan *s, const char *p, bool may_close)
{
    switch (*p) {
    case '"': return scan_string(s, p + 1);
    case 't': return scan_word(s, p, "true");
    case 'f': return scan_word(s, p, "false");
    case 'n': return scan_word(s, p, "null");
    case 'N': return scan_word(s, p, "NaN");
    case 'I': return scan_word(s, p, "Infinity");
    default: break;
    }
    if (*p == '-' || is_digit(*p))
        return scan_number(s, p);
    return fail(s, p, may_close ? "expected a value or ']'" : "expected a value");
}

/* A member of the outermost object: does the caller want it? */
static void
take_member(struct scan *s, struct str name, struct jval val)
{
    bool plain = memchr(name.ptr, '\\', name.len) == NULL;
    struct str bare = { name.ptr + 1, name.len - 2 };
    for (size_t i = 0; i < s->n; i++)
        if (plain ? str_eq(bare, s->names[i]) : jtext_spells(name, s->names[i]))
            s->vals[i] = val;
}

/* p is where a member name must be; returns where its value must be. */
static const char *
scan_name(struct scan *s, const char *p, bool may_close, struct str *ret_literal)
{
    const char *start = p;
    if (p == s->end || *p != '"')
        return fail(s, p,
                    may_close ? "expected a member name or '}'" : "expected a member name");
    p = scan_string(s, p + 1);
    if (p == NULL)
        return NULL;
    *ret_literal = (struct str){ start, (size_t)(p - start) };
    p = skip_space(p, s->end);
    if (p == s->end || *p != ':')
        return fail(s, p, "expected ':' after a member name");
    return skip_space(p + 1, s->end);
}

static struct jval
slice(const char *start, const char *end)
{
    return (struct jval){ kind_of(*start), { start, (size_t)(end - start) } };
}

/* One value at p; returns what follows it. */
static const char *
scan_value(struct scan *s, const char *p)
{
    const char *start[2] = { NULL, NULL };
    struct str name, member = { NULL, 0 }; /* member: the name in the outermost object */
    unsigned depth = 0;
    bool object = false; /* what holds p */
    bool fresh = false;  /* its opening bracket is right before p */
    for (;;) {
        p = skip_space(p, s->end);
        bool closing = fresh && p < s->end && *p == (object ? '}' : ']');
        if (!closing) {
            if (object) {
                p = scan_name(s, p, fresh, &name);
                if (p == NULL)
                    return NULL;
                if (depth == 1)
                    member = name;
            }
            if (p == s->end)
                return fail(s, p, NULL);
            if (depth < 2)
                start[depth] = p;
            if (*p == '{' || *p == '[') {
                if (depth == JTEXT_DEPTH)
                    return fail(s, p, "nested deeper than 200 levels");
                object = *p++ == '{';
                uint64_t bit = (uint64_t)1 << (depth % 64);
                s->objects[depth / 64] = object ? s->objects[depth / 64] | bit
                                                : s->objects[depth / 64] & ~bit;
                depth++;
                fresh = true;
                continue;
            }
            p = scan_scalar(s, p, fresh && !object);
            if (p == NULL)
                return NULL;
        }
        fresh = false;
        /* Behind a value (or at the bracket that closes an empty container): out of all
         * that ends here, up to the next element. */
        for (;; closing = false) {
            if (!closing) {
                if (depth == 1 && object && s->n > 0)
                    take_member(s, member, slice(start[1], p));
                if (depth == 0) {
                    s->whole = slice(start[0], p);
                    return p;
                }
                p = skip_space(p, s->end);
                if (p < s->end && *p == ',') {
                    p++;
                    break;
                }
                if (p == s->end || *p != (object ? '}' : ']'))
                    return fail(s, p, object ? "expected ',' or '}'" : "expected ',' or ']'");
            }
            p++;
            depth--;
            object = depth > 0 && (s->objects[(depth - 1) / 64] >> ((depth - 1) % 64) & 1) != 0;
        }
    }
}

static int
scan_text(struct scan *s, struct str text, bool must_be_object, size_t *ret_at, struct err *err)
{
    const char *begin = text.len > 0 ? text.ptr : "";
    s->end = begin + text.len;
    const char *p = skip_space(begin, s->end);
    if (must_be_object && p < s->end && *p != '{')
        fail(s, p, "expected an object");
    else
        p = scan_value(s, p);
    if (s->why == NULL) {
        p = skip_space(p, s->end);
        if (p < s->end)
            fail(s, p, "text after the value");
    }
    if (s->why == NULL)
        return 0;
    if (ret_at != NULL)
        *ret_at = (size_t)(s->where - begin);
    return err_set(err, ERR_INVALID, "%s", s->why);
}

int
jtext_check(struct str text, struct jval *ret, size_t *ret_at, struct err *err)
{
    struct scan s = { .end = NULL };
    if (scan_text(&s, text, false, ret_at, err) < 0)
        return -1;
    if (ret != NULL)
        *ret = s.whole;
    return 0;
}

int
jtext_scan_object(struct str text, const struct str *names, size_t n, struct jval *ret_vals,
                  size_t *ret_at, struct err *err)
{
    const struct jval absent = { J_ABSENT, { NULL, 0 } };
    for (size_t i = 0; i < n; i++)
        ret_vals[i] = absent;
    struct scan s = { .names = names, .n = n, .vals = ret_vals };
    if (scan_text(&s, text, true, ret_at, err) == 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        ret_vals[i] = absent;
    return -1;
}

/* --------------------------------------------------------------------------------- walk */

/* p is at the opening quote; returns what follows the closing one. */
static const char *
skip_string(const char *p, const char *end)
{
    p = skip_to_quote(p + 1, end);
    while (p < end && *p == '\\')
        p = skip_to_quote(p + 2, end);
    return p + 1;
}

static const char *
skip_container(const char *p, const char *end)
{
    for (size_t depth = 0; p < end;) {
        p = skip_to_bracket(p, end);
        if (p == end)
            break;
        if (*p == '"') {
            p = skip_string(p, end);
            continue;
        }
        depth = *p == '{' || *p == '[' ? depth + 1 : depth - 1;
        p++;
        if (depth == 0)
            break;
    }
    return p;
}

static const char *
skip_value(const char *p, const char *end)
{
    if (*p == '"')
        return skip_string(p, end);
    if (*p == '{' || *p == '[')
        return skip_container(p, end);
    while (p < end && *p != ',' && *p != ']' && *p != '}' && !is_space(*p))
        p++;
    return p;
}

struct jval
jtext_value(struct str text)
{
    const char *end = text.ptr + text.len, *p = skip_space(text.ptr, end);
    if (p == end)
        return (struct jval){ J_ABSENT, { NULL, 0 } };
    return slice(p, skip_value(p, end));
}

struct jval
jtext_whole(struct str text)
{
    const char *end = text.ptr + text.len, *p = skip_space(text.ptr, end);
    if (p == end)
        return (struct jval){ J_ABSENT, { NULL, 0 } };
    while (is_space(end[-1]))
        end--;
    return slice(p, end);
}

struct jiter
jtext_iter(struct jval container)
{
    if (container.kind != J_ARRAY && container.kind != J_OBJECT)
        return (struct jiter){ NULL, NULL, false };
    const char *p = container.raw.ptr;
    return (struct jiter){ p + 1, p + container.raw.len - 1, container.kind == J_OBJECT };
}

bool
jtext_next(struct jiter *it, struct str *key, struct jval *val)
{
    const char *p = skip_space(it->at, it->end), *name = p;
    if (p < it->end && *p == ',')
        name = p = skip_space(p + 1, it->end);
    if (p >= it->end)
        return false;
    if (it->object) {
        p = skip_string(p, it->end);
        if (key != NULL)
            *key = (struct str){ name, (size_t)(p - name) };
        p = skip_space(p, it->end);
        p = skip_space(p + 1, it->end); /* the colon */
    } else if (key != NULL) {
        *key = (struct str){ "", 0 };
    }
    it->at = skip_value(p, it->end);
    if (val != NULL)
        *val = slice(p, it->at);
    return true;
}

size_t
jtext_count(struct jval container)
{
    struct jiter it = jtext_iter(container);
    size_t n = 0;
    while (jtext_next(&it, NULL, NULL))
        n++;
    return n;
}

struct jval
jtext_member(struct jval object, struct str name)
{
    struct jval found = { J_ABSENT, { NULL, 0 } }, val;
    if (object.kind != J_OBJECT)
        return found;
    struct jiter it = jtext_iter(object);
    struct str key;
    while (jtext_next(&it, &key, &val))
        if (jtext_spells(key, name))
            found = val;
    return found;
}

static struct jval
element(struct jval array, struct str token)
{
    struct jval val, absent = { J_ABSENT, { NULL, 0 } };
    if (token.len == 0 || token.len > 18 || (token.len > 1 && token.ptr[0] == '0'))
        return absent;
    size_t index = 0;
    for (size_t i = 0; i < token.len; i++) {
        if (!is_digit(token.ptr[i]))
            return absent;
        index = index * 10 + (size_t)(token.ptr[i] - '0');
    }
    struct jiter it = jtext_iter(array);
    while (jtext_next(&it, NULL, &val))
        if (index-- == 0)
            return val;
    return absent;
}

/* Undoes ~0 and ~1 of a reference token; false when ~ stands alone. */
static bool
unescape_token(struct text *t, struct str token)
{
    text_clear(t);
    for (size_t i = 0; i < token.len; i++) {
        char c = token.ptr[i];
        if (c == '~') {
            if (++i == token.len || (token.ptr[i] != '0' && token.ptr[i] != '1'))
                return false;
            c = token.ptr[i] == '0' ? '~' : '/';
        }
        text_putc(t, c);
    }
    return true;
}

struct jval
jtext_pointer(struct jval value, struct str pointer)
{
    const struct jval absent = { J_ABSENT, { NULL, 0 } };
    CLEANUP_TEXT struct text plain = TEXT_INIT;
    while (pointer.len > 0) {
        if (*pointer.ptr != '/')
            return absent;
        pointer.ptr++;
        pointer.len--;
        const char *slash = memchr(pointer.ptr, '/', pointer.len);
        struct str token = { pointer.ptr, slash ? (size_t)(slash - pointer.ptr) : pointer.len };
        pointer.ptr += token.len;
        pointer.len -= token.len;
        if (memchr(token.ptr, '~', token.len) != NULL) {
            if (!unescape_token(&plain, token))
                return absent;
            token = text_str(&plain);
        }
        if (value.kind == J_OBJECT)
            value = jtext_member(value, token);
        else if (value.kind == J_ARRAY)
            value = element(value, token);
        else
            return absent;
    }
    return value;
}

/* ------------------------------------------------------------------------------ strings */

/* Decodes the escape at *p, which moves behind it; returns the bytes written (1-4). */
static size_t
decode_escape(const char **p, const char *end, char out[4])
{
    char c = (*p)[1];
    if (c != 'u') {
        switch (c) {
        case 'b': c = '\b'; break;
        case 'f': c = '\f'; break;
        case 'n': c = '\n'; break;
        case 'r': c = '\r'; break;
        case 't': c = '\t'; break;
        default: break; /* itself */
        }
        out[0] = c;
        *p += 2;
        return 1;
    }
    uint32_t cp = (uint32_t)hex4(*p + 2, end);
    *p += 6;
    if (cp >= 0xd800 && cp < 0xdc00) {
        cp = 0x10000 + ((cp - 0xd800) << 10) + ((uint32_t)hex4(*p + 2, end) - 0xdc00);
        *p += 6;
    }
    return utf8_encode(cp, out);
}

bool
jtext_spells(struct str literal, struct str text)
{
    const char *p = literal.ptr + 1, *end = literal.ptr + literal.len - 1;
    size_t len = literal.len - 2;
    if (len == text.len) /* then an escape would make it shorter */
        return len == 0 || (memcmp(p, text.ptr, len) == 0 && memchr(p, '\\', len) == NULL);
    if (len < text.len || memchr(p, '\\', len) == NULL)
        return false;
    const char *q = text.ptr, *text_end = q + text.len;
    while (p < end) {
        char out[4];
        size_t n = 1;
        if (*p == '\\')
            n = decode_escape(&p, end, out);
        else
            out[0] = *p++;
        if ((size_t)(text_end - q) < n || memcmp(q, out, n) != 0)
            return false;
        q += n;
    }
    return q == text_end;
}

size_t
jtext_decode_to(char *buf, struct str literal)
{
    const char *p = literal.ptr + 1, *end = literal.ptr + literal.len - 1;
    char *out = buf;
    while (p < end) {
        const char *q = memchr(p, '\\', (size_t)(end - p));
        size_t n = (size_t)((q != NULL ? q : end) - p);
        memcpy(out, p, n);
        out += n;
        p += n;
        if (q != NULL)
            out += decode_escape(&p, end, out);
    }
    return (size_t)(out - buf);
}

void
jtext_decode(struct text *t, struct str literal)
{
    text_reserve(t, literal.len);
    t->len += jtext_decode_to(t->ptr + t->len, literal);
    t->ptr[t->len] = '\0';
}

void
jtext_put_string(struct text *t, struct str s)
{
    static const char bytes[] = "\"\\\n\r\t\b\f", names[] = "\"\\nrtbf";
    const char *p = s.ptr, *end = s.len > 0 ? p + s.len : p;
    text_reserve(t, s.len + 2);
    text_putc(t, '"');
    while (p < end) {
        const char *q = skip_plain(p, end);
        text_put(t, p, (size_t)(q - p));
        p = q;
        if (p == end)
            break;
        if ((unsigned char)*p >= 0x80) {
            while (q < end && (unsigned char)*q >= 0x80)
                q++;
            text_put_utf8(t, (struct str){ p, (size_t)(q - p) });
            p = q;
            continue;
        }
        const char *name = *p != '\0' ? strchr(bytes, *p) : NULL;
        if (name != NULL) {
            text_putc(t, '\\');
            text_putc(t, names[name - bytes]);
        } else {
            static const char hex[] = "0123456789abcdef";
            const char code[] = { '\\', 'u', '0', '0', hex[*p >> 4], hex[*p & 15] };
            text_put(t, code, sizeof code);
        }
        p++;
    }
    text_putc(t, '"');
}

void
jtext_put_compact(struct text *t, struct jval v)
{
    const char *p = v.raw.ptr, *end = p + v.raw.len, *from = p;
    if (v.kind != J_ARRAY && v.kind != J_OBJECT)
        p = end;
    text_reserve(t, v.raw.len);
    while (p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
        } else if (is_space(*p)) {
            text_put(t, from, (size_t)(p - from));
            from = p = skip_space(p, end);
        } else {
            p++;
        }
    }
    text_put(t, from, (size_t)(p - from));
}

/* The end of the number at p, a sign and the words of Python's parser included. */
static const char *
number_end(const char *p, const char *end)
{
    while (p < end && *p != ',' && *p != ']' && *p != '}' && !is_space(*p))
        p++;
    return p;
}

static bool
is_finite_number(struct str raw)
{
    struct jval v = { J_NUMBER, raw };
    char first = raw.ptr[raw.ptr[0] == '-'];
    if (first == 'N' || first == 'I')
        return false;
    bool large = raw.len > 300 || memchr(raw.ptr, 'e', raw.len) != NULL
        || memchr(raw.ptr, 'E', raw.len) != NULL;
    return !large || jtext_is_integer(v) || isfinite(jtext_double(v));
}

void
jtext_put_finite(struct text *t, struct jval v)
{
    const char *p = v.raw.ptr, *end = p + v.raw.len, *from = p;
    text_reserve(t, v.raw.len);
    while (p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
        } else if (is_space(*p)) {
            text_put(t, from, (size_t)(p - from));
            from = p = skip_space(p, end);
        } else if (*p == '-' || *p == 'N' || *p == 'I' || (*p >= '0' && *p <= '9')) {
            const char *number = p;
            p = number_end(p, end);
            if (is_finite_number((struct str){ number, (size_t)(p - number) }))
                continue;
            text_put(t, from, (size_t)(number - from));
            text_puts(t, "null");
            from = p;
        } else {
            p++;
        }
    }
    text_put(t, from, (size_t)(p - from));
}
