/* paired.h - two runs over the same rows: their difference, and what is known of it.
 *
 * After Miller 2024, arXiv:2411.00640; McNemar's test exact and mid-p (Fagerland, Lydersen and
 * Laake 2013); bounds after Manski 1989.  Rows count as independent of each other.  Memory does
 * not grow with the pairs.  Pure; one thread per object. */
#ifndef EVALD_PAIRED_H
#define EVALD_PAIRED_H

#include <stdbool.h>
#include <stdint.h>

/* A row of one run, its epochs reduced. */
struct paired_row {
    double mean;     /* of its scores; anything when there is none */
    double unscored; /* the share of its epochs without a score, 0 to 1 */
};

/* Welford's, from the first value, so that large offsets do no harm. */
struct paired_moments {
    uint64_t n;
    double first, mean, m2; /* mean: of value - first */
};

struct paired {
    bool bounded; /* the metric has a range: */
    double lo, hi;
    bool lower_is_better;

    /* its own; leave zero */
    uint64_t n_pairs, n_unscored, n_partly, b, c;
    bool not_binary;
    double products; /* sum of (baseline - mean) * (candidate - mean) */
    struct paired_moments baseline, candidate, difference;
    struct paired_moments least, most; /* differences of all pairs, at the ends of their bounds */
};

void paired_add(struct paired *p, struct paired_row baseline, struct paired_row candidate);

enum paired_verdict {
    PAIRED_UNKNOWN, /* fewer than two pairs with both scores */
    PAIRED_NO_DIFFERENCE,
    PAIRED_BETTER,
    PAIRED_WORSE,
    PAIRED_INCONCLUSIVE, /* what has no score could turn it */
};

/* What is not defined is NaN. */
struct paired_result {
    uint64_t n_pairs, n_unscored; /* unscored: one of the two has no score at all */
    double mean_baseline, mean_candidate;
    double difference;  /* candidate - baseline, as all that follows */
    double error;       /* standard error of the difference */
    double ci_lo, ci_hi; /* 95 %, Student's t */
    double z;           /* NaN where the error is 0; then p is 1, or 0 of a difference */
    double p_t, p_normal;
    double correlation; /* NaN when a run does not vary */
    double unpaired_error, unpaired_z, unpaired_p; /* as if the runs had no row in common */
    bool binary; /* every score is 0 or 1: */
    uint64_t b, c; /* b: candidate 1 and baseline 0; c: the other way round */
    double mcnemar_p, mcnemar_p_mid;
    double detectable;         /* the difference that is found in 80 % of such runs at 5 % */
    double bound_lo, bound_hi; /* of the mean difference of all pairs */
    enum paired_verdict verdict; /* at 5 %, by p_t */
};
struct paired_result paired_finish(const struct paired *p);

/* McNemar's exact two-sided p, or its mid-p, of b and c discordant pairs. */
double paired_mcnemar(uint64_t b, uint64_t c, bool mid);
/* The smallest difference that is found with probability power at level alpha, given the
 * standard error of the difference. */
double paired_detectable(double error, double alpha, double power);

#endif
