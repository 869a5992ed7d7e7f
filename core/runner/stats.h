/* stats.h - the statistics of one scoring function: counts, mean, standard error, interval.
 *
 * Mean, standard error and clusters (CR1) after Miller 2024, arXiv:2411.00640; the interval
 * of a proportion after Wilson 1927; bounds after Manski 1989.  Epochs are reduced first: a
 * row counts once, with the mean of its scores.  Memory does not grow with the rows, only
 * with the clusters.  One thread per object. */
#ifndef EVALD_STATS_H
#define EVALD_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/text.h"

struct stats_opts {
    bool bounded;    /* the metric has a range: [lo, hi], lo the worst score, hi the best */
    double lo, hi;
    bool clustered;  /* rows come in clusters, told by stats_add */
    uint32_t epochs; /* 0 is 1 */
};

struct stats;

struct stats *stats_new(const struct stats_opts *opts);
void stats_free(struct stats *s);

/* One score row, checked JSON text, in the order of (row, epoch).  Its class:
 *   errored    it has a member "error", or "metadata" has one, that is not null
 *   abstained  the score is null, NaN or absent
 *   scored     anything else.  Booleans are 0 and 1; strings, arrays and objects are
 *              categories: they count, but nothing of the mean is known once there is one.
 * truncated: the generation behind it was cut off.  cluster: its text; ptr NULL is none, and
 * a scored row without one leaves stderr and the interval null. */
void stats_add(struct stats *s, uint64_t row, uint32_t epoch, struct str score_row_json,
               bool truncated, struct str cluster);

/* Appends {"n_total","n_scored","n_errored","n_abstained","n_truncated","mean","stderr",
 * "ci95":[lo,hi],"ci_method","bounds":[worst,best]}.
 *
 * Counts are of score rows, each epoch its own.  Mean, error and interval are over rows that
 * have a score in some epoch, each with the mean of its scores; bounds are over all rows.
 * ci_method: "cluster-t" (clustered), "epochs-t" (more than one epoch), "wilson" (every score
 * is 0 or 1), else "t".  What is not defined is null: the mean of nothing, error and interval
 * of fewer than two rows or clusters, the bounds of a metric without range.  The last call
 * but stats_free(). */
void stats_finish(struct stats *s, struct text *ret_json);

#endif
