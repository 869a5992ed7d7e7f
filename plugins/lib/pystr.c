#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/unprintable.h"
#include "pylist.h"
#include "pystr.h"

#define DEPTH_MAX 1000  /* deeper than the host lets through; for the stack's sake */

static void put_repr(struct evald_call *c, struct evald_buf *b, const struct evald_value *v,
                     int depth);

static bool
same_text(struct evald_str a, struct evald_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ---- numbers ---- */

/* The shortest digits that read back, and where the point is: 0.DIGITS times ten to *point. */
static void
shortest(double d, char digits[20], int *point)
{
    char text[40];
    for (int n = 1; n <= 17; n++) {
        snprintf(text, sizeof text, "%.*e", n - 1, d);
        if (strtod(text, NULL) == d)
            break;
    }
    char *e = strchr(text, 'e');
    size_t n = 0;
    for (const char *p = text; p < e; p++)
        if (*p != '.')
            digits[n++] = *p;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    digits[n] = '\0';
    *point = atoi(e + 1) + 1;
}

/* repr() of a float. */
static void
put_float(struct evald_call *c, struct evald_buf *b, double d)
{
    if (isnan(d) || isinf(d)) {
        evald_put(c, b, evald_s(isnan(d) ? "nan" : d < 0 ? "-inf" : "inf"));
        return;
    }
    char digits[20];
    int point;
    if (signbit(d))
        evald_put(c, b, evald_s("-"));
    shortest(fabs(d), digits, &point);
    int n = (int)strlen(digits);
    if (d == 0)
        evald_put(c, b, evald_s("0.0"));
    else if (point < -3 || point > 16)
        evald_putf(c, b, "%c%s%se%+03d", digits[0], n > 1 ? "." : "", digits + 1, point - 1);
    else if (point <= 0)
        evald_putf(c, b, "0.%.*s%s", -point, "0000", digits);
    else if (n > point)
        evald_putf(c, b, "%.*s.%s", point, digits, digits + point);
    else
        evald_putf(c, b, "%s%.*s.0", digits, point - n, "0000000000000000");
}

/* ---- strings ---- */

static bool
is_printable(uint32_t c)
{
    if (c < 0x7f)
        return c >= 0x20;
    size_t low = 0, high = sizeof unprintable / sizeof unprintable[0] / 2, n = high;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c > unprintable[2 * mid + 1])
            low = mid + 1;
        else
            high = mid;
    }
    return low == n || c < unprintable[2 * low];
}

/* Decodes one character of valid UTF-8; returns its bytes. */
static size_t
next_char(const char *s, uint32_t *ret)
{
    unsigned char c = (unsigned char)s[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    *ret = n == 1 ? c : c & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        *ret = *ret << 6 | ((unsigned char)s[i] & 0x3f);
    return n;
}

static void
put_quoted(struct evald_call *c, struct evald_buf *b, struct evald_str s)
{
    bool single = s.len > 0 && memchr(s.ptr, '\'', s.len) != NULL;
    bool both = single && memchr(s.ptr, '"', s.len) != NULL;
    const char *quote = single && !both ? "\"" : "'";
    evald_put(c, b, evald_s(quote));
    for (size_t i = 0, n; i < s.len; i += n) {
        uint32_t ch;
        n = next_char(s.ptr + i, &ch);
        if (ch == (unsigned char)quote[0] || ch == '\\')
            evald_putf(c, b, "\\%c", (char)ch);
        else if (ch == '\n' || ch == '\r' || ch == '\t')
            evald_put(c, b, evald_s(ch == '\n' ? "\\n" : ch == '\r' ? "\\r" : "\\t"));
        else if (is_printable(ch))
            evald_put(c, b, (struct evald_str){ s.ptr + i, n });
        else
            evald_putf(c, b, ch < 0x100 ? "\\x%02x" : ch < 0x10000 ? "\\u%04x" : "\\U%08x", ch);
    }
    evald_put(c, b, evald_s(quote));
}

/* ---- containers ---- */

static void
put_container(struct evald_call *c, struct evald_buf *b, const struct evald_value *v, int depth)
{
    bool object = v->kind == EVALD_OBJECT;
    struct pylist_member *all;
    size_t n = pylist_members(c, v, &all);
    evald_put(c, b, evald_s(object ? "{" : "["));
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            evald_put(c, b, evald_s(", "));
        if (object) {
            put_quoted(c, b, all[i].key);
            evald_put(c, b, evald_s(": "));
        }
        put_repr(c, b, &all[i].value, depth + 1);
    }
    evald_put(c, b, evald_s(object ? "}" : "]"));
}

static void
put_repr(struct evald_call *c, struct evald_buf *b, const struct evald_value *v, int depth)
{
    switch (v->kind) {
    case EVALD_BOOL:
        evald_put(c, b, evald_s(v->num != 0 ? "True" : "False"));
        return;
    case EVALD_NUMBER:
        if (!(v->flags & EVALD_INTEGER))
            put_float(c, b, v->num);
        else
            evald_put(c, b, same_text(v->str, evald_s("-0")) ? evald_s("0") : v->str);
        return;
    case EVALD_STRING:
        put_quoted(c, b, v->str);
        return;
    case EVALD_ARRAY:
    case EVALD_OBJECT:
        if (depth < DEPTH_MAX)
            put_container(c, b, v, depth);
        return;
    default:
        evald_put(c, b, evald_s("None"));
    }
}

void
pystr_put(struct evald_call *c, struct evald_buf *b, const struct evald_value *v)
{
    if (v->kind == EVALD_STRING)
        evald_put(c, b, v->str);
    else
        put_repr(c, b, v, 0);
}
