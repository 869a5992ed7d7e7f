/* quantile.h - tail probabilities and quantiles of the normal and Student's t.
 *
 * Relative error of quantiles below 1e-10 for p in [1e-12, 1 - 1e-12].  Pure; any thread. */
#ifndef EVALD_QUANTILE_H
#define EVALD_QUANTILE_H

#define QUANTILE_Z95 1.959963984540054 /* of the normal at 0.975 */

/* P[Z > z]. */
double normal_tail(double z);
/* z with P[Z <= z] = p, 0 < p < 1. */
double normal_quantile(double p);

/* Regularized incomplete beta function, a, b > 0, 0 <= x <= 1: the continued fraction of
 * DLMF 8.17.22. */
double beta_inc(double x, double a, double b);

/* P[T > t] with df > 0 degrees of freedom. */
double student_t_tail(double t, double df);
/* t with P[T <= t] = p, 0 < p < 1, df >= 1.  Above 1000 degrees of freedom by the expansion
 * of Abramowitz and Stegun 26.7.5. */
double student_t_quantile(double p, double df);

#endif
