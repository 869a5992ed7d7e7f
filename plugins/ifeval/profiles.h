/* profiles.h - how often sequences of one to three characters are in each language: what
 * make-profiles.c writes and language.c reads. */
#ifndef EVALD_IFEVAL_PROFILES_H
#define EVALD_IFEVAL_PROFILES_H

#include <stdint.h>

#define PROFILES_MAX 64 /* languages */

/* A sequence and the languages that have it; key 0: none.  The languages are n_weights entries
 * from first on of a list whose entries are PROFILE_WEIGHT. */
struct profile_gram {
    uint64_t key;
    uint32_t first, n_weights;
};

/* How much more likely a sequence is in a language that has it than in one that does not, as a
 * logarithm to base 2 times 2^20. */
#define PROFILE_WEIGHT_BITS 24
#define PROFILE_WEIGHT(language, weight) ((uint32_t)(language) << PROFILE_WEIGHT_BITS | (weight))
#define PROFILE_BIT ((int64_t)1 << 20)

/* A key is the sequence's characters, 16 bits each, the last one lowest. */
static inline uint32_t
profile_slot(uint64_t key, unsigned bits)
{
    return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - bits));
}

#endif
