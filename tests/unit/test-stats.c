/* Statistics against data/stats_vectors.json (made with numpy and scipy). */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/quantile.h"
#include "runner/stats.h"
#include "tap.h"
#include "unit/data.h"

static struct jval vectors;

static struct jval
at(struct jval v, const char *pointer)
{
    return jtext_pointer(v, str_z(pointer));
}

static double
num(struct jval v, const char *pointer)
{
    return jtext_double(at(v, pointer));
}

static void
near_or_null(struct jval got, struct jval want, double rel, const char *what)
{
    if (want.kind == J_NULL || want.kind == J_ABSENT)
        ok(got.kind == J_NULL, "%s is null", what);
    else if (got.kind != J_NUMBER)
        ok(false, "%s is no number", what);
    else
        is_near(jtext_double(got), jtext_double(want), rel, 1e-12, "%s", what);
}

static struct jval
finish(struct stats *s, struct text *t)
{
    stats_finish(s, t);
    stats_free(s);
    struct jval v;
    ok(jtext_check(text_str(t), &v, NULL, NULL) == 0, "the statistics are JSON");
    return v;
}

static void
add(struct stats *s, uint64_t row, uint32_t epoch, struct jval score, struct str cluster)
{
    CLEANUP_FREE char *z = xasprintf("{\"score\":%.*s}", (int)score.raw.len, score.raw.ptr);
    stats_add(s, row, epoch, str_z(z), false, cluster);
}

static const struct str no_cluster = { NULL, 0 };

/* The vectors' own t quantiles are good to 1e-9 or so: for one degree of freedom the value
 * is 1/tan(pi/40).  Hence the 1e-7 that they allow where an interval rests on one. */
static void
test_quantiles(void)
{
    is_near(student_t_quantile(0.975, 1), 12.706204736174707, 1e-14, 0, "t of 1 is exact");
    is_near(student_t_quantile(0.975, 2), sqrt(361.0 / 19.5), 1e-14, 0, "t of 2, too");
    struct jval q = at(vectors, "/quantiles"), v;
    struct jiter it = jtext_iter(at(q, "/normal_ppf"));
    while (jtext_next(&it, NULL, &v)) {
        is_near(normal_quantile(num(v, "/p")), num(v, "/expected"), 1e-12, 0,
                "normal quantile");
        is_near(normal_quantile(1 - num(v, "/p")), -num(v, "/expected"), 1e-12, 0, "and below");
    }
    it = jtext_iter(at(q, "/student_t_ppf_0.975"));
    while (jtext_next(&it, NULL, &v)) {
        double df = num(v, "/df"), want = num(v, "/expected");
        is_near(student_t_quantile(0.975, df), want, 2e-9, 0, "t quantile of %g", df);
        is_near(student_t_tail(want, df), 0.025, 1e-8, 0, "and back");
    }
    it = jtext_iter(at(q, "/normal_two_sided_p"));
    while (jtext_next(&it, NULL, &v))
        is_near(2 * normal_tail(fabs(num(v, "/z"))), num(v, "/expected"), 1e-9, 0, "normal p");
    it = jtext_iter(at(q, "/student_t_two_sided_p"));
    while (jtext_next(&it, NULL, &v))
        is_near(2 * student_t_tail(fabs(num(v, "/t")), num(v, "/df")), num(v, "/expected"),
                1e-9, 0, "t p");
    it = jtext_iter(at(q, "/beta_ppf"));
    while (jtext_next(&it, NULL, &v))
        is_near(beta_inc(num(v, "/expected"), num(v, "/a"), num(v, "/b")), num(v, "/p"), 1e-9,
                0, "incomplete beta");
    is_near(student_t_quantile(0.025, 3), -3.182446305284263, 1e-10, 0, "t below the middle");
    is_near(student_t_quantile(0.5, 7), 0, 0, 0, "in the middle");
    is_near(student_t_quantile(0.975, 1000), student_t_quantile(0.975, 1000.000001), 1e-10, 0,
            "the expansion meets the iteration");
    is_near(student_t_quantile(0.975, 1e9), QUANTILE_Z95, 1e-8, 0, "and goes to the normal");
    for (int df = 1; df < 400; df += 13)
        for (double p = 1e-9; p < 0.5; p *= 7) {
            double t = student_t_quantile(p, df);
            if (fabs(student_t_tail(-t, df) / p - 1) > 1e-10)
                ok(false, "t quantile of %g with %d degrees of freedom: %.17g", p, df, t);
        }
}

static void
test_mean(void)
{
    struct jiter it = jtext_iter(at(vectors, "/mean_stderr"));
    struct jval c, v;
    while (jtext_next(&it, NULL, &c)) {
        struct stats_opts opts = { .epochs = 1 };
        struct stats *s = stats_new(&opts);
        struct jiter in = jtext_iter(at(c, "/input"));
        uint64_t n = 0;
        bool binary = true;
        for (; jtext_next(&in, NULL, &v); n++) {
            add(s, n, 0, v, no_cluster);
            binary = binary && (jtext_double(v) == 0 || jtext_double(v) == 1);
        }
        CLEANUP_TEXT struct text t = TEXT_INIT;
        struct jval got = finish(s, &t);
        double rel = at(c, "/rel_tolerance").kind == J_NUMBER ? num(c, "/rel_tolerance") : 1e-9;
        diag("%.*s", (int)at(c, "/name").raw.len, at(c, "/name").raw.ptr);
        is_int(num(got, "/n_scored"), n, "n");
        near_or_null(at(got, "/mean"), at(c, "/expected/mean"), rel, "mean");
        near_or_null(at(got, "/stderr"), at(c, "/expected/stderr"), rel, "stderr");
        if (n < 2) {
            ok(at(got, "/ci95").kind == J_NULL && at(got, "/ci_method").kind == J_NULL,
               "no interval");
        } else if (binary) {
            is_str(memmem(t.ptr, t.len, "\"wilson\"", 8) ? "wilson" : "", "wilson",
                   "by Wilson");
        } else {
            rel = fmax(rel, 1e-7);
            near_or_null(at(got, "/ci95/0"), at(c, "/expected/ci95_t/0"), rel, "low end");
            near_or_null(at(got, "/ci95/1"), at(c, "/expected/ci95_t/1"), rel, "high end");
            ok(jtext_spells(at(got, "/ci_method").raw, STR("t")), "by t");
        }
        ok(at(got, "/bounds").kind == J_NULL, "no bounds without a range");
    }
}

static void
test_wilson(void)
{
    struct jiter it = jtext_iter(at(vectors, "/proportion_ci95"));
    struct jval c;
    while (jtext_next(&it, NULL, &c)) {
        struct stats_opts opts = { .epochs = 1 };
        struct stats *s = stats_new(&opts);
        double k = num(c, "/k"), n = num(c, "/n");
        for (int i = 0; i < n; i++)
            stats_add(s, (uint64_t)i, 0,
                      i < k ? STR("{\"score\":true}") : STR("{\"score\":0.0}"), false,
                      no_cluster);
        CLEANUP_TEXT struct text t = TEXT_INIT;
        struct jval got = finish(s, &t);
        near_or_null(at(got, "/mean"), at(c, "/expected/p"), 1e-9, "p");
        near_or_null(at(got, "/ci95/0"), at(c, "/expected/wilson/0"), 1e-9, "low end");
        near_or_null(at(got, "/ci95/1"), at(c, "/expected/wilson/1"), 1e-9, "high end");
        ok(jtext_spells(at(got, "/ci_method").raw, STR("wilson")), "by Wilson");
    }
}

/* The vectors have a tolerance; these two bounds have none. */
static void
test_wilson_ends(void)
{
    for (unsigned n = 2; n < 60; n++)
        for (int all = 0; all < 2; all++) {
            struct stats_opts opts = { .epochs = 1 };
            struct stats *s = stats_new(&opts);
            for (unsigned i = 0; i < n; i++)
                stats_add(s, i, 0, all ? STR("{\"score\":1.0}") : STR("{\"score\":0.0}"), false,
                          no_cluster);
            CLEANUP_TEXT struct text t = TEXT_INIT;
            struct jval got = finish(s, &t);
            is_near(num(got, all ? "/ci95/1" : "/ci95/0"), all, 0, 0, "%s of %u: the bound is exact",
                    all ? "all" : "none", n);
        }
}

static void
test_clusters(void)
{
    struct jiter it = jtext_iter(at(vectors, "/clustered_stderr/cases"));
    struct jval c, v, name;
    while (jtext_next(&it, NULL, &c)) {
        struct stats_opts opts = { .epochs = 1, .clustered = true };
        struct stats *s = stats_new(&opts);
        struct jiter values = jtext_iter(at(c, "/values")),
                     names = jtext_iter(at(c, "/clusters"));
        for (uint64_t i = 0; jtext_next(&values, NULL, &v) && jtext_next(&names, NULL, &name);
             i++)
            add(s, i, 0, v, name.raw);
        CLEANUP_TEXT struct text t = TEXT_INIT;
        struct jval got = finish(s, &t);
        diag("%.*s", (int)at(c, "/name").raw.len, at(c, "/name").raw.ptr);
        near_or_null(at(got, "/mean"), at(c, "/expected/mean"), 1e-9, "mean");
        near_or_null(at(got, "/stderr"), at(c, "/expected/stderr_cr1"), 1e-9, "stderr");
        if (at(c, "/expected/ci95_cr1_t").kind == J_ABSENT) {
            ok(at(got, "/ci95").kind == J_NULL, "no interval of one cluster");
            continue;
        }
        near_or_null(at(got, "/ci95/0"), at(c, "/expected/ci95_cr1_t/0"), 1e-7, "low end");
        near_or_null(at(got, "/ci95/1"), at(c, "/expected/ci95_cr1_t/1"), 1e-7, "high end");
        ok(jtext_spells(at(got, "/ci_method").raw, STR("cluster-t")), "by clusters");
    }
}

static void
test_epochs(void)
{
    struct jval c = at(vectors, "/epochs"), question, v;
    CLEANUP_TEXT struct text t = TEXT_INIT;
    CLEANUP_TEXT struct text u = TEXT_INIT;
    struct stats_opts opts = { .epochs = 4 }, clustered = { .epochs = 1, .clustered = true };
    struct stats *s = stats_new(&opts), *k = stats_new(&clustered);
    struct jiter it = jtext_iter(at(c, "/input"));
    uint64_t n = 0;
    for (uint64_t q = 0; jtext_next(&it, NULL, &question); q++) {
        struct jiter in = jtext_iter(question);
        CLEANUP_FREE char *name = xasprintf("q%d", (int)q);
        for (uint32_t e = 0; jtext_next(&in, NULL, &v); e++) {
            add(s, q, e, v, no_cluster);
            add(k, n++, 0, v, str_z(name));
        }
    }
    struct jval got = finish(s, &t), same = finish(k, &u);
    is_int(num(got, "/n_total"), 24, "each epoch is counted");
    near_or_null(at(got, "/mean"), at(c, "/expected/mean"), 1e-9, "mean over epochs");
    near_or_null(at(got, "/stderr"), at(c, "/expected/stderr_question_means"), 1e-9,
                 "stderr of the question means");
    near_or_null(at(same, "/stderr"), at(c, "/expected/stderr_question_means"), 1e-9,
                 "which is that of questions as clusters");
    ok(jtext_spells(at(got, "/ci_method").raw, STR("epochs-t")), "by epochs");
    is_near(num(got, "/ci95/1"), 0.5 + 2.570581836314 * 0.15811388300841897, 1e-9, 0,
            "with 5 degrees of freedom");
}

static void
test_errors(void)
{
    struct jiter it = jtext_iter(at(vectors, "/error_rows"));
    struct jval c, v;
    while (jtext_next(&it, NULL, &c)) {
        struct stats_opts opts = { true, num(c, "/range/0"), num(c, "/range/1"), false, 1 };
        struct stats *s = stats_new(&opts);
        struct jiter in = jtext_iter(at(c, "/scores"));
        for (uint64_t i = 0; jtext_next(&in, NULL, &v); i++)
            if (v.kind == J_NULL)
                stats_add(s, i, 0, STR("{\"score\":null,\"error\":{\"code\":\"remote\"}}"),
                          true, no_cluster);
            else
                add(s, i, 0, v, no_cluster);
        CLEANUP_TEXT struct text t = TEXT_INIT;
        struct jval got = finish(s, &t);
        is_int(num(got, "/n_total"), num(c, "/expected/n_total"), "n_total");
        is_int(num(got, "/n_scored"), num(c, "/expected/n_scored"), "n_scored");
        is_int(num(got, "/n_errored"), num(c, "/expected/n_errored"), "n_errored");
        is_int(num(got, "/n_truncated"), num(c, "/expected/n_errored"), "n_truncated");
        near_or_null(at(got, "/mean"), at(c, "/expected/mean_scored_only"), 1e-9, "mean");
        near_or_null(at(got, "/bounds/0"), at(c, "/expected/worst_case"), 1e-9, "worst");
        near_or_null(at(got, "/bounds/1"), at(c, "/expected/best_case"), 1e-9, "best");
    }
}

static void
whole(const struct stats_opts *opts, const char *const *rows, const char *want,
      const char *what)
{
    struct stats *s = stats_new(opts);
    for (uint64_t i = 0; rows[i] != NULL; i++)
        stats_add(s, i / (opts->epochs ? opts->epochs : 1), (uint32_t)i, str_z(rows[i]), false,
                  no_cluster);
    CLEANUP_TEXT struct text t = TEXT_INIT;
    stats_finish(s, &t);
    stats_free(s);
    is_str(t.ptr, want, "%s", what);
}

static void
test_classes(void)
{
    struct stats_opts unit = { true, 0, 1, false, 1 };
    whole(&unit,
          (const char *const[]){ "{\"score\":1.0,\"error\":null}", "{\"score\":null}",
                                 "{\"score\":NaN}", "{}", "{\"score\":1,\"error\":{}}",
                                 "{\"score\":1,\"metadata\":{\"error\":{\"code\":\"x\"}}}",
                                 "{\"score\":1,\"metadata\":{\"error\":null}}", NULL },
          "{\"n_total\":7,\"n_scored\":2,\"n_errored\":2,\"n_abstained\":3,\"n_truncated\":0,"
          "\"mean\":1.0,\"stderr\":0.0,\"ci95\":[0.34238022750665303,1.0],"
          "\"ci_method\":\"wilson\",\"bounds\":[0.2857142857142857,1.0]}",
          "each row has its class");
    whole(&unit, (const char *const[]){ "{\"score\":\"A\"}", "{\"score\":1}", NULL },
          "{\"n_total\":2,\"n_scored\":2,\"n_errored\":0,\"n_abstained\":0,\"n_truncated\":0,"
          "\"mean\":null,\"stderr\":null,\"ci95\":null,\"ci_method\":null,\"bounds\":null}",
          "categories have no mean");
    whole(&unit, (const char *const[]){ NULL },
          "{\"n_total\":0,\"n_scored\":0,\"n_errored\":0,\"n_abstained\":0,\"n_truncated\":0,"
          "\"mean\":null,\"stderr\":null,\"ci95\":null,\"ci_method\":null,\"bounds\":null}",
          "nothing has nothing");
    whole(&unit, (const char *const[]){ "{\"score\":1}", NULL },
          "{\"n_total\":1,\"n_scored\":1,\"n_errored\":0,\"n_abstained\":0,\"n_truncated\":0,"
          "\"mean\":1.0,\"stderr\":null,\"ci95\":null,\"ci_method\":null,\"bounds\":[1.0,1.0]}",
          "one row has a mean");
    whole(&unit, (const char *const[]){ "{\"score\":Infinity}", "{\"score\":1}", NULL },
          "{\"n_total\":2,\"n_scored\":2,\"n_errored\":0,\"n_abstained\":0,\"n_truncated\":0,"
          "\"mean\":null,\"stderr\":null,\"ci95\":null,\"ci_method\":null,\"bounds\":null}",
          "infinity is null");
    struct stats_opts epochs = { true, 0, 1, false, 2 };
    whole(&epochs,
          (const char *const[]){ "{\"score\":1}", "{\"score\":null}", "{\"score\":null}",
                                 "{\"score\":null}", "{\"score\":0}", "{\"score\":1}", NULL },
          "{\"n_total\":6,\"n_scored\":3,\"n_errored\":0,\"n_abstained\":3,\"n_truncated\":0,"
          "\"mean\":0.75,\"stderr\":0.25,\"ci95\":[-2.4265511840436735,3.9265511840436735],"
          "\"ci_method\":\"epochs-t\",\"bounds\":[0.3333333333333333,0.8333333333333334]}",
          "a row counts by the epochs it has");
    struct stats_opts clustered = { false, 0, 0, true, 1 };
    whole(&clustered, (const char *const[]){ "{\"score\":1}", "{\"score\":0}", NULL },
          "{\"n_total\":2,\"n_scored\":2,\"n_errored\":0,\"n_abstained\":0,\"n_truncated\":0,"
          "\"mean\":0.5,\"stderr\":null,\"ci95\":null,\"ci_method\":null,\"bounds\":null}",
          "a row without its cluster leaves the interval open");
}

int
main(void)
{
    struct str all = data_read("stats_vectors.json");
    vectors = jtext_member(jtext_value(all), STR("vectors"));
    test_quantiles();
    test_mean();
    test_wilson();
    test_wilson_ends();
    test_clusters();
    test_epochs();
    test_errors();
    test_classes();
    free((char *)all.ptr);
    return tap_done();
}
