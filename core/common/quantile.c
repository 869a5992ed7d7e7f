#include "config.h"

#include <math.h>

#include "common/quantile.h"

double
normal_tail(double z)
{
    return 0.5 * erfc(z / M_SQRT2);
}

/* Abramowitz and Stegun 26.2.23 to begin with (4.5e-4), then Halley's method. */
double
normal_quantile(double p)
{
    double q = p < 0.5 ? p : 1 - p;
    if (q == 0.5)
        return 0;
    double t = sqrt(-2 * log(q));
    double z = t - (2.515517 + t * (0.802853 + t * 0.010328))
                       / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    for (int i = 0; i < 3; i++) {
        double e = (normal_tail(z) - q) * sqrt(2 * M_PI) * exp(z * z / 2);
        z += e / (1 + z * e / 2);
    }
    return p < 0.5 ? -z : z;
}

/* Lentz's evaluation, for x below the mean of the distribution. */
static double
beta_fraction(double x, double a, double b)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double f = d;
    for (int m = 1; m < 10000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double step = 1;
        for (int half = 0; half < 2; half++) {
            double k = half == 0 ? even : odd;
            d = 1 + k * d;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = 1 + k / c;
            c = fabs(c) < tiny ? tiny : c;
            step = c * d;
            f *= step;
        }
        if (fabs(step - 1) < 1e-16)
            break;
    }
    return f;
}

/* lgamma() writes signgam. */
static double
log_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

double
beta_inc(double x, double a, double b)
{
    if (x <= 0)
        return 0;
    if (x >= 1)
        return 1;
    double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x)
                       + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(x, a, b) / a;
    return 1 - front * beta_fraction(1 - x, b, a) / b;
}

double
student_t_tail(double t, double df)
{
    double half = 0.5 * beta_inc(df / (df + t * t), df / 2, 0.5);
    return t < 0 ? 1 - half : half;
}

static double
t_expansion(double z, double df)
{
    double y = z * z;
    double g1 = z * (y + 1) / 4;
    double g2 = z * (3 + y * (16 + y * 5)) / 96;
    double g3 = z * (-15 + y * (17 + y * (19 + y * 3))) / 384;
    double g4 = z * (-945 + y * (-1920 + y * (1482 + y * (776 + y * 79)))) / 92160;
    return z + (g1 + (g2 + (g3 + g4 / df) / df) / df) / df;
}

/* Newton's method on log(tail) over log(t), which both grow without bound, kept inside a
 * bracket. */
double
student_t_quantile(double p, double df)
{
    double q = p < 0.5 ? p : 1 - p;
    if (q == 0.5)
        return 0;
    double t;
    if (df > 1000) {
        t = t_expansion(-normal_quantile(q), df);
    } else if (df == 1) {
        t = 1 / tan(M_PI * q);
    } else if (df == 2) {
        t = (1 - 2 * q) / sqrt(2 * q * (1 - q));
    } else {
        double lo = 0, hi = INFINITY;
        double scale = log_gamma((df + 1) / 2) - log_gamma(df / 2) - 0.5 * log(df * M_PI);
        t = -normal_quantile(q);
        for (int i = 0; i < 100; i++) {
            double tail = student_t_tail(t, df);
            if (tail > q)
                lo = t;
            else
                hi = t;
            double density = exp(scale - (df + 1) / 2 * log1p(t * t / df));
            double next = t * exp(log(tail / q) * tail / (density * t));
            if (!(next > lo && next < hi))
                next = isinf(hi) ? 2 * t : (lo + hi) / 2;
            double change = fabs(next - t);
            t = next;
            if (change <= 1e-15 * t)
                break;
        }
    }
    return p < 0.5 ? -t : t;
}
