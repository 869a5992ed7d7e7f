#include "config.h"

#include <math.h>

#include "common/paired.h"
#include "common/quantile.h"

static void
moments_add(struct paired_moments *m, double x)
{
    if (m->n++ == 0)
        m->first = x;
    double d = x - m->first, step = d - m->mean;
    m->mean += step / (double)m->n;
    m->m2 += step * (d - m->mean);
}

static double
moments_mean(const struct paired_moments *m)
{
    return m->n > 0 ? m->first + m->mean : NAN;
}

/* The standard error of the mean. */
static double
moments_error(const struct paired_moments *m)
{
    double n = (double)m->n;
    return m->n > 1 ? sqrt(m->m2 / (n * (n - 1))) : NAN;
}

/* The mean of a row when all that has no score had x. */
static double
filled(struct paired_row r, double x)
{
    return r.unscored >= 1 ? x : (1 - r.unscored) * r.mean + r.unscored * x;
}

static void
add_scored(struct paired *p, double baseline, double candidate)
{
    double off = p->baseline.n > 0 ? baseline - p->baseline.first - p->baseline.mean : 0;
    moments_add(&p->baseline, baseline);
    moments_add(&p->candidate, candidate);
    moments_add(&p->difference, candidate - baseline);
    p->products += off * (candidate - p->candidate.first - p->candidate.mean);
    p->not_binary = p->not_binary || (baseline != 0 && baseline != 1)
                 || (candidate != 0 && candidate != 1);
    p->b += candidate == 1 && baseline == 0;
    p->c += candidate == 0 && baseline == 1;
}

void
paired_add(struct paired *p, struct paired_row baseline, struct paired_row candidate)
{
    p->n_pairs++;
    p->n_partly += baseline.unscored > 0 || candidate.unscored > 0;
    if (p->bounded) {
        moments_add(&p->least, filled(candidate, p->lo) - filled(baseline, p->hi));
        moments_add(&p->most, filled(candidate, p->hi) - filled(baseline, p->lo));
    }
    if (baseline.unscored >= 1 || candidate.unscored >= 1)
        p->n_unscored++;
    else
        add_scored(p, baseline.mean, candidate.mean);
}

#define COINS_SUMMED 1000 /* 0.5^n is a normal number */

/* P[X = k] and, in *ret_tail, P[X <= k], X of n fair coins; k < n.  Of few coins by their sum,
 * which is exact as long as the binomials are. */
static double
coins(uint64_t n, uint64_t k, double *ret_tail)
{
    if (n <= COINS_SUMMED) {
        double share = ldexp(1, -(int)n);
        *ret_tail = share;
        for (uint64_t i = 0; i < k; i++) {
            share = share * (double)(n - i) / (double)(i + 1);
            *ret_tail += share;
        }
        return share;
    }
    int sign;
    double all = (double)n, some = (double)k;
    *ret_tail = beta_inc(0.5, all - some, some + 1);
    return exp(lgamma_r(all + 1, &sign) - lgamma_r(some + 1, &sign)
               - lgamma_r(all - some + 1, &sign) - all * M_LN2);
}

double
paired_mcnemar(uint64_t b, uint64_t c, bool mid)
{
    if (b == c)
        return 1;
    double tail, share = coins(b + c, b < c ? b : c, &tail);
    return fmin(1, mid ? 2 * tail - share : 2 * tail);
}

double
paired_detectable(double error, double alpha, double power)
{
    return (normal_quantile(1 - alpha / 2) + normal_quantile(power)) * error;
}

static double
p_of(double difference, double error, uint64_t n /* 0: normal */)
{
    if (!isfinite(difference) || !isfinite(error))
        return NAN;
    if (error == 0)
        return difference == 0 ? 1 : 0;
    double z = fabs(difference / error);
    return 2 * (n > 0 ? student_t_tail(z, (double)(n - 1)) : normal_tail(z));
}

static enum paired_verdict
verdict_of(const struct paired *p, const struct paired_moments *m)
{
    double difference = moments_mean(m), chance = p_of(difference, moments_error(m), m->n);
    if (isnan(chance))
        return PAIRED_UNKNOWN;
    if (chance >= 0.05)
        return PAIRED_NO_DIFFERENCE;
    return (difference > 0) != p->lower_is_better ? PAIRED_BETTER : PAIRED_WORSE;
}

static enum paired_verdict
verdict(const struct paired *p)
{
    enum paired_verdict v = verdict_of(p, &p->difference);
    if (v == PAIRED_UNKNOWN || !p->bounded || p->n_partly == 0)
        return v;
    return verdict_of(p, &p->least) == v && verdict_of(p, &p->most) == v ? v
                                                                         : PAIRED_INCONCLUSIVE;
}

struct paired_result
paired_finish(const struct paired *p)
{
    const struct paired_moments *d = &p->difference;
    struct paired_result r = {
        .n_pairs = p->n_pairs,
        .n_unscored = p->n_unscored,
        .mean_baseline = moments_mean(&p->baseline),
        .mean_candidate = moments_mean(&p->candidate),
        .difference = moments_mean(d),
        .error = moments_error(d),
        .ci_lo = NAN,
        .ci_hi = NAN,
        .z = NAN,
        .correlation = NAN,
        .unpaired_error = hypot(moments_error(&p->baseline), moments_error(&p->candidate)),
        .unpaired_z = NAN,
        .binary = !p->not_binary && d->n > 0,
        .b = p->b,
        .c = p->c,
        .mcnemar_p = paired_mcnemar(p->b, p->c, false),
        .mcnemar_p_mid = paired_mcnemar(p->b, p->c, true),
        .bound_lo = moments_mean(&p->least),
        .bound_hi = moments_mean(&p->most),
        .verdict = verdict(p),
    };
    if (isfinite(r.error)) {
        double half = student_t_quantile(0.975, (double)(d->n - 1)) * r.error;
        r.ci_lo = r.difference - half;
        r.ci_hi = r.difference + half;
    }
    if (r.error > 0)
        r.z = r.difference / r.error;
    if (r.unpaired_error > 0)
        r.unpaired_z = r.difference / r.unpaired_error;
    if (p->baseline.m2 > 0 && p->candidate.m2 > 0)
        r.correlation =
            fmax(-1, fmin(1, p->products / sqrt(p->baseline.m2 * p->candidate.m2)));
    r.p_t = p_of(r.difference, r.error, d->n);
    r.p_normal = p_of(r.difference, r.error, 0);
    r.unpaired_p = p_of(r.difference, r.unpaired_error, 0);
    r.detectable = paired_detectable(r.error, 0.05, 0.8);
    return r;
}
