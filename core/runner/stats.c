#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "common/jtext.h"
#include "common/mem.h"
#include "common/quantile.h"
#include "common/score.h"
#include "runner/stats.h"

/* A compensated sum (Neumaier). */
struct total {
    double sum, c;
};

static void
total_add(struct total *t, double x)
{
    double sum = t->sum + x;
    t->c += fabs(t->sum) >= fabs(x) ? (t->sum - sum) + x : (x - sum) + t->sum;
    t->sum = sum;
}

static double
total_value(const struct total *t)
{
    return isfinite(t->c) ? t->sum + t->c : t->sum;
}

struct cluster {
    size_t at, len; /* of its value in names */
    uint64_t n;
    struct total deviations; /* from the first score, so that large offsets do no harm */
};

/* The row whose epochs are coming in. */
struct current {
    bool open;
    uint64_t row, n_scored, n_unscored;
    struct total sum;
    size_t cluster; /* index + 1; 0 none */
};

struct stats {
    struct stats_opts opts;
    uint64_t n_total, n_scored, n_errored, n_abstained, n_truncated;
    bool categorical, binary, unclustered;
    struct current now;

    uint64_t n; /* rows with a score */
    double first;
    struct total sum;
    double mean_deviation, m2; /* Welford's, of score - first */
    uint64_t n_rows;           /* all of them, for the bounds */
    struct total worst, best;

    struct text names;
    struct cluster *clusters;
    size_t n_clusters, room;
    size_t *slots; /* hash table of index + 1, 0 is free */
    size_t n_slots;
};

struct stats *
stats_new(const struct stats_opts *opts)
{
    struct stats *s = xcalloc(1, sizeof *s);
    s->opts = *opts;
    s->binary = true;
    return s;
}

void
stats_free(struct stats *s)
{
    if (s == NULL)
        return;
    text_fini(&s->names);
    free(s->clusters);
    free(s->slots);
    free(s);
}

/* Clusters. */

static size_t *
slot_of(struct stats *s, struct str value)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < value.len; i++)
        h = (h ^ (unsigned char)value.ptr[i]) * 0x100000001b3u;
    size_t i = (h ^ h >> 32) & (s->n_slots - 1);
    for (; s->slots[i] != 0; i = (i + 1) & (s->n_slots - 1)) {
        const struct cluster *c = &s->clusters[s->slots[i] - 1];
        if (str_eq((struct str){ s->names.ptr + c->at, c->len }, value))
            break;
    }
    return &s->slots[i];
}

static void
grow_clusters(struct stats *s)
{
    s->room = s->room ? s->room * 2 : 16;
    s->clusters = xreallocarray(s->clusters, s->room, sizeof *s->clusters);
    free(s->slots);
    s->n_slots = s->room * 2;
    s->slots = xcalloc(s->n_slots, sizeof *s->slots);
    for (size_t i = 0; i < s->n_clusters; i++) {
        const struct cluster *c = &s->clusters[i];
        *slot_of(s, (struct str){ s->names.ptr + c->at, c->len }) = i + 1;
    }
}

static size_t
cluster_find(struct stats *s, struct str value)
{
    if (s->n_clusters == s->room)
        grow_clusters(s);
    size_t *slot = slot_of(s, value);
    if (*slot == 0) {
        s->clusters[s->n_clusters++] = (struct cluster){ .at = s->names.len, .len = value.len };
        text_put_str(&s->names, value);
        *slot = s->n_clusters;
    }
    return *slot;
}

/* Rows. */

/* One number per row. */
static void
reduced_add(struct stats *s, double x, size_t cluster)
{
    if (s->n++ == 0)
        s->first = x;
    total_add(&s->sum, x);
    s->binary = s->binary && (x == 0 || x == 1);
    double d = x - s->first, step = d - s->mean_deviation;
    s->mean_deviation += step / (double)s->n;
    s->m2 += step * (d - s->mean_deviation);
    if (!s->opts.clustered)
        return;
    if (cluster == 0) {
        s->unclustered = true;
        return;
    }
    struct cluster *c = &s->clusters[cluster - 1];
    c->n++;
    total_add(&c->deviations, d);
}

static void
row_close(struct stats *s)
{
    struct current *r = &s->now;
    if (!r->open)
        return;
    r->open = false;
    double sum = total_value(&r->sum), n = (double)(r->n_scored + r->n_unscored);
    s->n_rows++;
    total_add(&s->worst, (sum + (double)r->n_unscored * s->opts.lo) / n);
    total_add(&s->best, (sum + (double)r->n_unscored * s->opts.hi) / n);
    if (r->n_scored > 0)
        reduced_add(s, sum / (double)r->n_scored, r->cluster);
}

void
stats_add(struct stats *s, uint64_t row, uint32_t epoch, struct str score_row_json,
          bool truncated, struct str cluster)
{
    (void)epoch;
    if (!s->now.open || s->now.row != row) {
        row_close(s);
        s->now = (struct current){ .open = true, .row = row };
    }
    struct current *r = &s->now;
    double x;
    enum score_kind kind = score_read(score_row_json, &x);
    s->n_total++;
    s->n_truncated += truncated;
    if (kind == SCORE_ERROR || kind == SCORE_ABSTAINED) {
        s->n_errored += kind == SCORE_ERROR;
        s->n_abstained += kind == SCORE_ABSTAINED;
        r->n_unscored++;
        return;
    }
    s->n_scored++;
    r->n_scored++;
    s->categorical = s->categorical || kind == SCORE_CATEGORY;
    total_add(&r->sum, x);
    if (s->opts.clustered && cluster.ptr != NULL && r->cluster == 0)
        r->cluster = cluster_find(s, cluster);
}

/* Results. */

struct interval {
    double lo, hi;
    const char *method; /* NULL: there is none */
};

static struct interval
wilson(double p, double n)
{
    double z = QUANTILE_Z95, zz = z * z;
    double centre = (p + zz / (2 * n)) / (1 + zz / n);
    double half = z * sqrt(p * (1 - p) / n + zz / (4 * n * n)) / (1 + zz / n);
    /* Of none and of all the one bound is exact; the difference leaves a bit of rounding. */
    return (struct interval){ p > 0 ? fmax(0, centre - half) : 0,
                              p < 1 ? fmin(1, centre + half) : 1, "wilson" };
}

static struct interval
student(double mean, double error, uint64_t df, const char *method)
{
    double half = student_t_quantile(0.975, (double)df) * error;
    return (struct interval){ mean - half, mean + half, method };
}

/* CR1: sqrt(C/(C-1) * sum of (sum within the cluster of score - mean)^2) / n. */
static double
cluster_error(const struct stats *s)
{
    struct total all = { 0, 0 }, squares = { 0, 0 };
    double c = (double)s->n_clusters, n = (double)s->n;
    for (size_t i = 0; i < s->n_clusters; i++)
        total_add(&all, total_value(&s->clusters[i].deviations));
    double mean = total_value(&all) / n;
    for (size_t i = 0; i < s->n_clusters; i++) {
        double t = total_value(&s->clusters[i].deviations) - (double)s->clusters[i].n * mean;
        total_add(&squares, t * t);
    }
    return sqrt(c / (c - 1) * total_value(&squares)) / n;
}

static void
put_number(struct text *t, const char *name, double d)
{
    text_puts(t, name);
    jtext_put_double(t, d);
}

static void
put_pair(struct text *t, const char *name, double lo, double hi)
{
    text_puts(t, name);
    if (!isfinite(lo) || !isfinite(hi)) {
        text_puts(t, "null");
        return;
    }
    put_number(t, "[", lo);
    put_number(t, ",", hi);
    text_putc(t, ']');
}

void
stats_finish(struct stats *s, struct text *ret_json)
{
    row_close(s);
    double mean = NAN, error = NAN;
    struct interval ci = { NAN, NAN, NULL };
    bool numeric = !s->categorical;
    if (numeric && s->n > 0)
        mean = total_value(&s->sum) / (double)s->n;
    if (numeric && s->opts.clustered) {
        if (!s->unclustered && s->n_clusters > 1) {
            error = cluster_error(s);
            ci = student(mean, error, s->n_clusters - 1, "cluster-t");
        }
    } else if (numeric && s->n > 1) {
        error = sqrt(s->m2 / ((double)s->n * (double)(s->n - 1)));
        if (s->opts.epochs > 1)
            ci = student(mean, error, s->n - 1, "epochs-t");
        else if (s->binary)
            ci = wilson(mean, (double)s->n);
        else
            ci = student(mean, error, s->n - 1, "t");
    }
    struct text *t = ret_json;
    text_putf(t,
              "{\"n_total\":%" PRIu64 ",\"n_scored\":%" PRIu64 ",\"n_errored\":%" PRIu64
              ",\"n_abstained\":%" PRIu64 ",\"n_truncated\":%" PRIu64,
              s->n_total, s->n_scored, s->n_errored, s->n_abstained, s->n_truncated);
    put_number(t, ",\"mean\":", mean);
    put_number(t, ",\"stderr\":", error);
    put_pair(t, ",\"ci95\":", ci.lo, ci.hi);
    if (isfinite(ci.lo) && isfinite(ci.hi))
        text_putf(t, ",\"ci_method\":\"%s\"", ci.method);
    else
        text_puts(t, ",\"ci_method\":null");
    double worst = NAN, best = NAN;
    if (s->opts.bounded && numeric && s->n_rows > 0) {
        worst = total_value(&s->worst) / (double)s->n_rows;
        best = total_value(&s->best) / (double)s->n_rows;
    }
    put_pair(t, ",\"bounds\":", worst, best);
    text_putc(t, '}');
}
