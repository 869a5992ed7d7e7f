/* conformance_report.h - what became of the cases, counted and printed. */
#ifndef EVALD_CONFORMANCE_REPORT_H
#define EVALD_CONFORMANCE_REPORT_H

#include "ctl/conformance.h"

struct conformance_tally {
    char *label; /* the scorer, with what the result rests on: "basic::ifeval (punkt)" */
    size_t cases, agreeing, decided, differing, skipped;
};

struct conformance_difference {
    char *id, *place, *expected, *came;
};

struct conformance_report {
    struct conformance_tally all;
    struct conformance_tally *tallies; /* in the order in which they were met */
    size_t n_tallies;
    size_t rules[CONFORMANCE_RULES];   /* cases decided otherwise */
    size_t rules_differing[CONFORMANCE_RULES]; /* held to the rule, but differing */
    size_t several;                    /* decided by more than one rule */
    struct conformance_difference *differences;
    size_t n_differences, most;        /* most: as many are kept */
};

/* Counts a case, whose verdict has been given. */
void conformance_report_add(struct conformance_report *r, const struct conformance_case *c);
void conformance_report_print(const struct conformance_report *r);
void conformance_report_print_json(const struct conformance_report *r);
void conformance_report_fini(struct conformance_report *r);

#endif
