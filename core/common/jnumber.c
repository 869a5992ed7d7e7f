/* The numbers of jtext.h. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/jtext.h"
#include "common/mem.h"

static inline bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool
jtext_is_integer(struct jval v)
{
    if (v.kind != J_NUMBER)
        return false;
    for (size_t i = v.raw.ptr[0] == '-'; i < v.raw.len; i++)
        if (!is_digit(v.raw.ptr[i]))
            return false;
    return true;
}

bool
jtext_int64(struct jval v, int64_t *ret)
{
    if (!jtext_is_integer(v))
        return false;
    bool minus = v.raw.ptr[0] == '-';
    int64_t n = 0;
    for (size_t i = minus; i < v.raw.len; i++) {
        int digit = v.raw.ptr[i] - '0';
        if (__builtin_mul_overflow(n, 10, &n)
            || __builtin_add_overflow(n, minus ? -digit : digit, &n))
            return false;
    }
    *ret = n;
    return true;
}

/* Digits beyond these cannot change the nearest double but by being there at all:
 * the middle between two neighbours has at most 767. */
#define DIGITS_MAX 800

/* A number of any length, "-12.5e3", by strtod() without a copy of its length. */
static double
decimal(struct str s)
{
    char buf[DIGITS_MAX + 40];
    size_t n = 0, digits = 0;
    int64_t scale = 0; /* the value is 0.DIGITS * 10^scale */
    const char *p = s.ptr, *end = p + s.len;
    bool fraction = false, cut = false;
    if (*p == '-')
        buf[n++] = *p++;
    buf[n++] = '0';
    buf[n++] = '.';
    for (; p < end && (*p | 0x20) != 'e'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        bool counts = digits > 0 || *p != '0';
        scale += fraction ? -!counts : counts;
        if (!counts)
            continue;
        if (digits < DIGITS_MAX) {
            buf[n++] = *p;
            digits++;
        } else {
            cut = cut || *p != '0';
        }
    }
    if (cut)
        buf[n++] = '1';
    if (p < end) {
        bool minus = *++p == '-';
        int64_t e = 0;
        p += *p == '-' || *p == '+';
        for (; p < end; p++)
            e = e < INT64_MAX / 20 ? e * 10 + (*p - '0') : e;
        scale += minus ? -e : e;
    }
    /* beyond these all is 0 or infinity */
    scale = scale > 100000 ? 100000 : scale < -100000 ? -100000 : scale;
    snprintf(buf + n, sizeof buf - n, "e%d", (int)scale);
    return strtod(buf, NULL);
}

/* Up to 15 digits with a point, no exponent: their integer is exact, and so is the power of
 * ten, so one division rounds correctly. */
static bool
short_decimal(struct str s, double *ret)
{
    static const double tens[] = { 1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
    bool minus = s.ptr[0] == '-';
    int64_t n = 0;
    size_t point = s.len - 1;
    if (s.len > 16)
        return false;
    for (size_t i = minus; i < s.len; i++) {
        if (s.ptr[i] == '.')
            point = i;
        else if (is_digit(s.ptr[i]))
            n = n * 10 + (s.ptr[i] - '0');
        else
            return false;
    }
    size_t places = s.len - 1 - point;
    if (places >= ARRAY_LEN(tens) || n > (int64_t)1 << 53)
        return false;
    double d = (double)n / tens[places];
    *ret = minus ? -d : d;
    return true;
}

double
jtext_double(struct jval v)
{
    if (v.kind == J_BOOL)
        return v.raw.ptr[0] == 't';
    if (v.kind != J_NUMBER)
        return 0;
    const char *first = v.raw.ptr + (v.raw.ptr[0] == '-');
    if (*first == 'N')
        return NAN;
    if (*first == 'I')
        return first == v.raw.ptr ? HUGE_VAL : -HUGE_VAL;
    int64_t n;
    if (v.raw.len < 18 && jtext_int64(v, &n))
        return (double)n;
    double d;
    return short_decimal(v.raw, &d) ? d : decimal(v.raw);
}

/* The shortest "D.DDDe+XX" that reads back as d (finite, not 0, positive). */
static void
shortest(double d, char buf[40])
{
    /* Of 15 digits every one survives, so trailing zeros are all there is to drop; not so
     * among subnormals, where the precision shrinks. */
    int from = d < 0x1p-1022 ? 0 : 14;
    for (int places = from; places <= 16; places++) {
        snprintf(buf, 40, "%.*e", places, d);
        if (strtod(buf, NULL) == d)
            return;
        /* A power of two has its lower neighbour nearer than the upper one: the next
         * decimal above may read back where the nearest, below, does not. */
        int e;
        if (places == 15 && frexp(d, &e) == 0.5) {
            char *digit = strchr(buf, 'e') - 1;
            if (*digit < '9') {
                ++*digit;
                if (strtod(buf, NULL) == d)
                    return;
            }
        }
    }
}

void
jtext_put_double(struct text *t, double d)
{
    if (!isfinite(d)) {
        text_put(t, "null", 4);
        return;
    }
    if (signbit(d)) {
        text_putc(t, '-');
        d = -d;
    }
    if (d < 10 && d == (double)(int)d) {
        text_put(t, (char[]){ (char)('0' + (int)d), '.', '0' }, 3);
        return;
    }
    /* Six places are enough for most: the quotient is the double nearest to that decimal,
     * which thus reads back, and of 15 digits no other could. */
    if (d >= 1e-4 && d < 1e9) {
        double micro = nearbyint(d * 1e6);
        if (micro / 1e6 == d) {
            uint64_t n = (uint64_t)micro;
            char buf[32];
            int len = snprintf(buf, sizeof buf, "%u.%06u", (unsigned)(n / 1000000),
                               (unsigned)(n % 1000000));
            while (buf[len - 1] == '0' && buf[len - 2] != '.')
                len--;
            text_put(t, buf, (size_t)len);
            return;
        }
    }
    char buf[40], digits[20];
    shortest(d, buf);
    char *e = strchr(buf, 'e');
    int exponent = atoi(e + 1);
    size_t n = 0;
    for (const char *p = buf; p < e; p++)
        if (*p != '.')
            digits[n++] = *p;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    static const char zeros[] = "0000000000000000";
    if (exponent < -4 || exponent >= 16) {
        text_put(t, digits, 1);
        if (n > 1)
            text_putc(t, '.');
        text_put(t, digits + 1, n - 1);
        text_putf(t, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    } else if (exponent < 0) {
        text_put(t, "0.", 2);
        text_put(t, zeros, (size_t)(-exponent - 1));
        text_put(t, digits, n);
    } else {
        size_t whole = (size_t)exponent + 1, have = n < whole ? n : whole;
        text_put(t, digits, have);
        text_put(t, zeros, whole - have);
        text_putc(t, '.');
        if (n > whole)
            text_put(t, digits + whole, n - whole);
        else
            text_putc(t, '0');
    }
}
