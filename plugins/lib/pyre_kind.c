/* pyre_kind.c - what a text has no part of cannot be found in it. */
#include "pyre_code.h"

#define LOWER(c) ((c) | 0x20)
#define BIT(c) \
    ((c) >= 0x80 ? 63 : LOWER(c) >= 'a' && LOWER(c) <= 'z' ? LOWER(c) - 'a' : 26 + (c) % 37)
#define ONE(c)     (UINT64_C(1) << BIT(c))
#define FOUR(c)    ONE(c), ONE((c) + 1), ONE((c) + 2), ONE((c) + 3)
#define SIXTEEN(c) FOUR(c), FOUR((c) + 4), FOUR((c) + 8), FOUR((c) + 12)
#define QUARTER(c) SIXTEEN(c), SIXTEEN((c) + 16), SIXTEEN((c) + 32), SIXTEEN((c) + 48)

const uint64_t pyre_kind[256] = { QUARTER(0), QUARTER(64), QUARTER(128), QUARTER(192) };

uint64_t
pyre_kinds(struct evald_str text)
{
    uint64_t kinds = 0;
    for (size_t i = 0; i < text.len; i++)
        kinds |= pyre_kind[(unsigned char)text.ptr[i]];
    return kinds;
}

bool
pyre_may_match(const struct pyre *re, uint64_t kinds)
{
    return (re->need & ~kinds) == 0;
}
