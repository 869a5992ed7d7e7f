/* tap.h - unit tests that print TAP (testanything.org): ok(), is_int(), is_str(), and
 * return tap_done() from main. */
#ifndef EVALD_TAP_H
#define EVALD_TAP_H

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_ran, tap_failed;

__attribute__((unused, format(printf, 4, 5))) static bool
tap_result(bool good, const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    printf("%sok %d - ", good ? "" : "not ", ++tap_ran);
    vprintf(fmt, ap);
    printf("\n");
    va_end(ap);
    if (!good) {
        tap_failed++;
        printf("#   at %s:%d\n", file, line);
    }
    fflush(stdout);
    return good;
}

#define ok(cond, ...) tap_result((cond), __FILE__, __LINE__, __VA_ARGS__)

#define is_int(got, want, ...) \
    do { \
        long long g_ = (long long)(got), w_ = (long long)(want); \
        if (!tap_result(g_ == w_, __FILE__, __LINE__, __VA_ARGS__)) \
            printf("#   got %lld, want %lld\n", g_, w_); \
    } while (0)

#define is_str(got, want, ...) \
    do { \
        const char *g_ = (got), *w_ = (want); \
        bool same_ = g_ == w_ || (g_ && w_ && strcmp(g_, w_) == 0); \
        if (!tap_result(same_, __FILE__, __LINE__, __VA_ARGS__)) \
            printf("#   got  %s\n#   want %s\n", g_ ? g_ : "(null)", w_ ? w_ : "(null)"); \
    } while (0)

/* |got - want| <= max(rel * |want|, abs) */
#define is_near(got, want, rel, abs, ...) \
    do { \
        double g_ = (got), w_ = (want), e_ = fmax((rel) * fabs(w_), (abs)); \
        if (!tap_result(fabs(g_ - w_) <= e_, __FILE__, __LINE__, __VA_ARGS__)) \
            printf("#   got %.17g, want %.17g\n", g_, w_); \
    } while (0)

#define skip(why, ...) (printf("ok %d # SKIP ", ++tap_ran), printf(why "\n", ##__VA_ARGS__))
#define diag(...) (printf("# "), printf(__VA_ARGS__), printf("\n"))

__attribute__((unused)) static int
tap_done(void)
{
    printf("1..%d\n", tap_ran);
    return tap_failed != 0 || tap_ran == 0;
}

#endif
