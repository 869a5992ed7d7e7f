#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/pyrepr.h"
#include "pylist.h"
#include "pystr.h"
#include "pytext.h"

#define DEPTH_MAX 1000 /* deeper than the host lets through; for the stack's sake */

static void put_repr(struct evald_call *c, struct evald_buf *b, const struct evald_value *v,
                     int depth);

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

static void
put_quoted(struct evald_call *c, struct evald_buf *b, struct evald_str s)
{
    char quote[2] = { pyrepr_quote(s.ptr, s.len), '\0' }, escape[12];
    evald_put(c, b, evald_s(quote));
    for (size_t i = 0, n; i < s.len; i += n) {
        pyrepr_escape(s.ptr + i, quote[0], escape, &n);
        evald_put(c, b, escape[0] != '\0' ? evald_s(escape) : (struct evald_str){ s.ptr + i, n });
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
            evald_put(c, b, pytext_is(v->str, "-0") ? evald_s("0") : v->str);
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
