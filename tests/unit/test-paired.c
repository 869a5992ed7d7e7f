/* Two runs compared, against data/stats_vectors.json (made with numpy and scipy). */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/paired.h"
#include "common/quantile.h"
#include "tap.h"
#include "unit/data.h"

static struct jval vectors;

static struct jval
at(struct jval v, const char *pointer)
{
    return jtext_pointer(v, str_z(pointer));
}

/* got is what the member says: NaN where it says null; nothing where it is not there. */
static void
is_number(struct jval expected, const char *pointer, double got)
{
    struct jval v = at(expected, pointer);
    if (v.kind == J_NULL)
        ok(isnan(got), "%s is not defined", pointer);
    else if (v.kind == J_NUMBER)
        is_near(got, jtext_double(v), 1e-9, 1e-12, "%s", pointer);
}

static struct paired_row
scored(double mean)
{
    return (struct paired_row){ mean, 0 };
}

static const struct paired_row nothing = { 0, 1 };

static void
test_differences(void)
{
    struct jiter it = jtext_iter(at(vectors, "/paired_difference"));
    struct jval v, a, b;
    int n = 0;
    for (; jtext_next(&it, NULL, &v); n++) {
        struct paired p = { 0 };
        struct jiter as = jtext_iter(at(v, "/a")), bs = jtext_iter(at(v, "/b"));
        while (jtext_next(&as, NULL, &a) && jtext_next(&bs, NULL, &b))
            paired_add(&p, scored(jtext_double(b)), scored(jtext_double(a)));
        struct paired_result r = paired_finish(&p);
        struct jval want = at(v, "/expected");
        ok(r.n_pairs == (uint64_t)jtext_double(at(want, "/n")), "the pairs are counted");
        is_number(want, "/mean_a", r.mean_candidate);
        is_number(want, "/mean_b", r.mean_baseline);
        is_number(want, "/diff_mean", r.difference);
        is_number(want, "/diff_stderr", r.error);
        is_number(want, "/corr", r.correlation);
        is_number(want, "/unpaired_stderr", r.unpaired_error);
        is_number(want, "/unpaired_z", r.unpaired_z);
        is_number(want, "/unpaired_p", r.unpaired_p);
        is_number(want, "/z", r.z);
        is_number(want, "/p_normal_two_sided", r.p_normal);
        is_number(want, "/p_t_two_sided", r.p_t);
        is_number(want, "/ci95_t/0", r.ci_lo);
        is_number(want, "/ci95_t/1", r.ci_hi);
    }
    ok(n == 3, "all vectors of differences");
}

static void
test_mcnemar(void)
{
    struct jiter it = jtext_iter(at(vectors, "/mcnemar/cases"));
    struct jval v;
    int n = 0;
    for (; jtext_next(&it, NULL, &v); n++) {
        uint64_t b = (uint64_t)jtext_double(at(v, "/b")), c = (uint64_t)jtext_double(at(v, "/c"));
        is_number(v, "/expected/p_exact_two_sided", paired_mcnemar(b, c, false));
        is_number(v, "/expected/p_mid", paired_mcnemar(b, c, true));
    }
    ok(n == 8, "all vectors of McNemar's test");
    ok(paired_mcnemar(4, 0, false) == 0.125 && paired_mcnemar(0, 4, true) == 0.0625,
       "exactly, of few pairs");
    is_near(paired_mcnemar(520, 481, false), 2 * normal_tail(38 / sqrt(1001)), 1e-3, 0,
            "just above what is summed");
    is_near(paired_mcnemar(520, 480, false), 2 * normal_tail(39 / sqrt(1000)), 1e-3, 0,
            "and just below");
    is_near(paired_mcnemar(500000, 500000, false), 1, 0, 0, "also of many");
    is_near(paired_mcnemar(501000, 499000, false), 2 * normal_tail(1999 / 1000.0), 1e-4, 0,
            "which is near the normal's with its correction");
}

static void
test_detectable(void)
{
    struct jiter it = jtext_iter(at(vectors, "/power/minimum_detectable_effect"));
    struct jval v;
    int n = 0;
    for (; jtext_next(&it, NULL, &v); n++) {
        double variance = jtext_double(at(v, "/omega2"))
                        + jtext_double(at(v, "/sigma2_a")) / jtext_double(at(v, "/epochs_a"))
                        + jtext_double(at(v, "/sigma2_b")) / jtext_double(at(v, "/epochs_b"));
        is_number(v, "/expected/mde",
                  paired_detectable(sqrt(variance / jtext_double(at(v, "/n"))),
                                    jtext_double(at(v, "/alpha")), jtext_double(at(v, "/power"))));
    }
    ok(n == 3, "all vectors of detectable effects");
}

/* Bounds of one side as in the vectors: the other side has 0 everywhere. */
static void
test_bounds(void)
{
    struct jiter it = jtext_iter(at(vectors, "/error_rows"));
    struct jval v, s;
    int n = 0;
    for (; jtext_next(&it, NULL, &v); n++) {
        struct paired p = { .bounded = true, .lo = jtext_double(at(v, "/range/0")),
                            .hi = jtext_double(at(v, "/range/1")) };
        struct jiter scores = jtext_iter(at(v, "/scores"));
        while (jtext_next(&scores, NULL, &s))
            paired_add(&p, scored(0), s.kind == J_NULL ? nothing : scored(jtext_double(s)));
        struct paired_result r = paired_finish(&p);
        is_number(v, "/expected/worst_case", r.bound_lo);
        is_number(v, "/expected/best_case", r.bound_hi);
        is_number(v, "/expected/mean_scored_only", r.difference);
        ok(r.n_unscored == (uint64_t)jtext_double(at(v, "/expected/n_errored")),
           "pairs without score are counted");
    }
    ok(n == 2, "all vectors of error rows");

    struct paired p = { .bounded = true, .lo = -1, .hi = 1 };
    paired_add(&p, nothing, nothing);
    paired_add(&p, scored(0.5), (struct paired_row){ 1, 0.25 });
    struct paired_result r = paired_finish(&p);
    is_near(r.bound_lo, (-2 + 0.75 - 0.25 - 0.5) / 2, 1e-15, 0, "both sides, and a part of a row");
    is_near(r.bound_hi, (2 + 0.75 + 0.25 - 0.5) / 2, 1e-15, 0, "at the other end");
    ok(r.n_pairs == 2 && r.n_unscored == 1, "a row with some score has one");
}

static enum paired_verdict
verdict(struct paired p, int n_up, int n_same, int n_unscored)
{
    for (int i = 0; i < n_up; i++)
        paired_add(&p, scored(0), scored(1));
    for (int i = 0; i < n_same; i++)
        paired_add(&p, scored(1), scored(1));
    for (int i = 0; i < n_unscored; i++)
        paired_add(&p, scored(1), nothing);
    return paired_finish(&p).verdict;
}

static void
test_verdicts(void)
{
    const struct paired open = { 0 }, share = { .bounded = true, .lo = 0, .hi = 1 };
    const struct paired loss = { .bounded = true, .lo = 0, .hi = 1, .lower_is_better = true };
    ok(verdict(open, 0, 0, 0) == PAIRED_UNKNOWN, "of nothing there is no verdict");
    ok(verdict(open, 1, 0, 0) == PAIRED_UNKNOWN, "nor of one pair");
    ok(verdict(share, 1, 0, 5) == PAIRED_UNKNOWN, "whatever else has no score");
    ok(verdict(share, 10, 10, 0) == PAIRED_BETTER, "better");
    ok(verdict(loss, 10, 10, 0) == PAIRED_WORSE, "worse, when lower is better");
    ok(verdict(share, 5, 0, 0) == PAIRED_BETTER, "better everywhere, by the same");
    ok(verdict(share, 0, 5, 0) == PAIRED_NO_DIFFERENCE, "the same everywhere");
    ok(verdict(share, 1, 19, 0) == PAIRED_NO_DIFFERENCE, "one row is none");
    ok(verdict(share, 10, 10, 1) == PAIRED_BETTER, "an error that turns nothing");
    ok(verdict(share, 10, 10, 9) == PAIRED_INCONCLUSIVE, "errors that could turn it");
    ok(verdict(share, 0, 9, 9) == PAIRED_INCONCLUSIVE, "or could hide a difference");
    ok(verdict(open, 10, 10, 9) == PAIRED_BETTER, "without a range it is the scored pairs'");
}

static void
test_undefined(void)
{
    struct paired p = { 0 };
    struct paired_result r = paired_finish(&p);
    ok(isnan(r.mean_baseline) && isnan(r.difference) && isnan(r.error) && isnan(r.p_t)
           && isnan(r.p_normal) && isnan(r.unpaired_error) && isnan(r.unpaired_p)
           && isnan(r.detectable) && isnan(r.bound_lo) && !r.binary,
       "of nothing nothing is defined");
    paired_add(&p, scored(0), scored(1));
    r = paired_finish(&p);
    is_near(r.difference, 1, 0, 0, "one pair has a difference");
    ok(isnan(r.error) && isnan(r.ci_lo) && isnan(r.z) && isnan(r.p_t) && isnan(r.correlation),
       "and nothing else");
    ok(r.binary && r.b == 1 && r.c == 0, "but for its discordant pair");
    paired_add(&p, scored(0), scored(1));
    r = paired_finish(&p);
    ok(r.error == 0 && isnan(r.z) && r.p_t == 0 && r.p_normal == 0 && r.ci_lo == 1 && r.ci_hi == 1
           && r.unpaired_p == 0,
       "always the same difference: no chance is left");
    paired_add(&p, scored(0.5), scored(1));
    ok(!paired_finish(&p).binary, "0.5 is not binary");
}

int
main(void)
{
    struct str text = data_read("stats_vectors.json");
    struct jval whole;
    if (jtext_check(text, &whole, NULL, NULL) < 0) {
        printf("Bail out! stats_vectors.json is not JSON\n");
        return 1;
    }
    vectors = at(whole, "/vectors");
    test_differences();
    test_mcnemar();
    test_detectable();
    test_bounds();
    test_verdicts();
    test_undefined();
    free((char *)(uintptr_t)text.ptr);
    return tap_done();
}
