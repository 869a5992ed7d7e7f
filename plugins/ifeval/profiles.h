/* profiles.h - how often sequences of one to three characters are in each language: what
 * make-profiles.c writes and language.c reads. */
#ifndef EVALD_IFEVAL_PROFILES_H
#define EVALD_IFEVAL_PROFILES_H

#include <stdint.h>

#define PROFILES_MAX 56 /* languages */

/* How much more likely a sequence is in a language that has it than in one that does not, as a
 * logarithm to base 2 times PROFILE_BIT. */
#define PROFILE_BIT 1024

/* A sequence; key 0: none.  Where few languages have it, they are n_pairs entries of
 * profile_pairs from at on; else n_pairs is PROFILE_ROW and at a row of profile_rows, which
 * has every language's. */
struct profile_gram {
    uint64_t key;
    uint32_t at, n_pairs;
};
#define PROFILE_ROW UINT32_MAX

struct profile_pair {
    uint16_t language;
    int16_t bits;
};

/* A key is the sequence's characters, 16 bits each, the last one lowest. */
static inline uint32_t
profile_slot(uint64_t key, unsigned bits)
{
    return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - bits));
}

#endif
