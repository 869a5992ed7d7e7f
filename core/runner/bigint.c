#include "config.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "runner/bigint.h"

void
bigint_fini(struct bigint *b)
{
    free(b->limb);
    *b = (struct bigint){ 0 };
}

static void
resize(struct bigint *b, size_t n)
{
    if (n > b->room) {
        b->room = n + n / 2;
        b->limb = xreallocarray(b->limb, b->room, sizeof *b->limb);
    }
    for (size_t i = b->n; i < n; i++)
        b->limb[i] = 0;
    b->n = n;
}

static void
trim(struct bigint *b)
{
    while (b->n > 0 && b->limb[b->n - 1] == 0)
        b->n--;
    if (b->n == 0)
        b->negative = false;
}

void
bigint_set(struct bigint *b, const struct bigint *from)
{
    resize(b, from->n);
    if (from->n > 0)
        memcpy(b->limb, from->limb, from->n * sizeof *b->limb);
    b->negative = from->negative;
}

static void
set_uint64(struct bigint *b, uint64_t u, bool negative)
{
    resize(b, 2);
    b->limb[0] = (uint32_t)u;
    b->limb[1] = (uint32_t)(u >> 32);
    b->negative = negative;
    trim(b);
}

void
bigint_set_int64(struct bigint *b, int64_t v)
{
    set_uint64(b, v < 0 ? -(uint64_t)v : (uint64_t)v, v < 0);
}

static void
shift_left(struct bigint *b, size_t bits)
{
    if (b->n == 0 || bits == 0)
        return;
    size_t limbs = bits / 32, rest = bits % 32, n = b->n;
    resize(b, n + limbs + 1);
    for (size_t i = n; i-- > 0;) {
        uint64_t wide = (uint64_t)b->limb[i] << rest;
        b->limb[i] = 0;
        b->limb[i + limbs + 1] |= (uint32_t)(wide >> 32);
        b->limb[i + limbs] = (uint32_t)wide;
    }
    trim(b);
}

void
bigint_set_double(struct bigint *b, double d)
{
    int exponent;
    double m = frexp(fabs(d), &exponent); /* d = m * 2^exponent */
    int shift = exponent > 53 ? exponent - 53 : 0;
    set_uint64(b, (uint64_t)ldexp(m, exponent - shift), d < 0);
    shift_left(b, (size_t)shift);
}

int
bigint_set_text(struct bigint *b, struct str digits)
{
    bool negative = digits.len > 0 && digits.ptr[0] == '-';
    size_t i = negative;
    if (digits.len - i > BIGINT_DIGITS)
        return -1;
    resize(b, 0);
    while (i < digits.len) {
        uint32_t part = 0, scale = 1;
        for (int k = 0; k < 9 && i < digits.len; k++, i++) {
            part = part * 10 + (uint32_t)(digits.ptr[i] - '0');
            scale *= 10;
        }
        uint64_t carry = part;
        for (size_t k = 0; k < b->n; k++) {
            carry += (uint64_t)b->limb[k] * scale;
            b->limb[k] = (uint32_t)carry;
            carry >>= 32;
        }
        if (carry > 0) {
            resize(b, b->n + 1);
            b->limb[b->n - 1] = (uint32_t)carry;
        }
    }
    b->negative = negative;
    trim(b);
    return 0;
}

static int
cmp_abs(const struct bigint *a, const struct bigint *b)
{
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    for (size_t i = a->n; i-- > 0;)
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

int
bigint_cmp(const struct bigint *a, const struct bigint *b)
{
    if (a->negative != b->negative)
        return a->negative ? -1 : 1;
    return a->negative ? -cmp_abs(a, b) : cmp_abs(a, b);
}

/* |to| -= |b|, which is not larger. */
static void
sub_abs(struct bigint *to, const struct bigint *b)
{
    int64_t borrow = 0;
    for (size_t i = 0; i < to->n; i++) {
        int64_t v = (int64_t)to->limb[i] - (i < b->n ? b->limb[i] : 0) + borrow;
        to->limb[i] = (uint32_t)v;
        borrow = v < 0 ? -1 : 0;
    }
    trim(to);
}

void
bigint_add(struct bigint *to, const struct bigint *b)
{
    if (to->negative == b->negative) {
        size_t n = to->n > b->n ? to->n : b->n;
        resize(to, n + 1);
        uint64_t carry = 0;
        for (size_t i = 0; i < n + 1; i++) {
            carry += (uint64_t)to->limb[i] + (i < b->n ? b->limb[i] : 0);
            to->limb[i] = (uint32_t)carry;
            carry >>= 32;
        }
        to->negative = b->negative;
        trim(to);
    } else if (cmp_abs(to, b) >= 0) {
        sub_abs(to, b);
    } else {
        CLEANUP_BIGINT struct bigint old = *to;
        *to = (struct bigint){ 0 };
        bigint_set(to, b);
        sub_abs(to, &old);
    }
}

void
bigint_mul(struct bigint *ret, const struct bigint *a, const struct bigint *b)
{
    resize(ret, 0);
    resize(ret, a->n + b->n);
    for (size_t i = 0; i < a->n; i++) {
        uint64_t carry = 0;
        for (size_t k = 0; k < b->n; k++) {
            carry += (uint64_t)a->limb[i] * b->limb[k] + ret->limb[i + k];
            ret->limb[i + k] = (uint32_t)carry;
            carry >>= 32;
        }
        ret->limb[i + b->n] = (uint32_t)carry;
    }
    ret->negative = a->negative != b->negative;
    trim(ret);
}

bool
bigint_int64(const struct bigint *b, int64_t *ret)
{
    if (b->n > 2)
        return false;
    uint64_t u = (b->n > 0 ? b->limb[0] : 0) | (b->n > 1 ? (uint64_t)b->limb[1] << 32 : 0);
    if (u > (uint64_t)INT64_MAX + b->negative)
        return false;
    *ret = b->negative ? (int64_t)-u : (int64_t)u;
    return true;
}

static size_t
bit_length(const struct bigint *b)
{
    if (b->n == 0)
        return 0;
    return b->n * 32 - (size_t)__builtin_clz(b->limb[b->n - 1]);
}

/* Binary long division: the two are brought to one length, then 64 bits of the quotient are
 * taken one by one; what remains only breaks a tie. */
int
bigint_ratio(const struct bigint *a, const struct bigint *b, double *ret)
{
    if (a->n == 0) {
        *ret = b->negative ? -0.0 : 0.0; /* as Python has it */
        return 0;
    }
    CLEANUP_BIGINT struct bigint rem = { 0 };
    CLEANUP_BIGINT struct bigint by = { 0 };
    bigint_set(&rem, a);
    bigint_set(&by, b);
    rem.negative = by.negative = false;
    size_t la = bit_length(a), lb = bit_length(b);
    if (la < lb)
        shift_left(&rem, lb - la);
    else
        shift_left(&by, la - lb);
    long exponent = (long)la - (long)lb; /* of the bit that comes first */
    if (cmp_abs(&rem, &by) < 0) {
        shift_left(&rem, 1);
        exponent--;
    }
    uint64_t q = 0;
    for (int i = 0; i < 64; i++) {
        q <<= 1;
        if (cmp_abs(&rem, &by) >= 0) {
            sub_abs(&rem, &by);
            q |= 1;
        }
        shift_left(&rem, 1);
    }
    /* |a/b| = q * 2^(exponent - 63) and a bit, 2^63 <= q. */
    if (exponent > DBL_MAX_EXP)
        return -1;
    long keep = exponent < DBL_MIN_EXP - 1 ? 53 - (DBL_MIN_EXP - 1 - exponent) : 53;
    if (keep < 0) {
        *ret = a->negative != b->negative ? -0.0 : 0.0;
        return 0;
    }
    int drop = 64 - (int)keep;
    uint64_t kept = drop == 64 ? 0 : q >> drop;
    uint64_t half = (uint64_t)1 << (drop - 1);
    uint64_t low = drop == 64 ? q : q & ((half << 1) - 1);
    if (low > half || (low == half && (rem.n > 0 || (kept & 1) != 0)))
        kept++;
    double d = ldexp((double)kept, (int)exponent - 63 + drop);
    if (isinf(d))
        return -1;
    *ret = a->negative != b->negative ? -d : d;
    return 0;
}

int
bigint_double(const struct bigint *a, double *ret)
{
    uint32_t one = 1;
    const struct bigint b = { .n = 1, .limb = &one };
    return bigint_ratio(a, &b, ret);
}

void
bigint_put(struct text *t, const struct bigint *b)
{
    if (b->n == 0) {
        text_putc(t, '0');
        return;
    }
    CLEANUP_BIGINT struct bigint rest = { 0 };
    bigint_set(&rest, b);
    size_t parts = 0;
    CLEANUP_FREE uint32_t *part = xreallocarray(NULL, rest.n * 2, sizeof *part);
    while (rest.n > 0) {
        uint64_t rem = 0;
        for (size_t i = rest.n; i-- > 0;) {
            rem = rem << 32 | rest.limb[i];
            rest.limb[i] = (uint32_t)(rem / 1000000000);
            rem %= 1000000000;
        }
        part[parts++] = (uint32_t)rem;
        trim(&rest);
    }
    text_putf(t, "%s%u", b->negative ? "-" : "", part[parts - 1]);
    while (--parts > 0)
        text_putf(t, "%09u", part[parts - 1]);
}
