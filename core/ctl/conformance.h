/* conformance.h - evalctl conformance: cases recorded of the reference, played and held to what
 * they expect; evald-conformance(7) describes their format.
 *
 * conformance.c reads cases, a batch at a time, and prints; conformance_rules.c says, from a
 * case's input alone, where evald decides otherwise and what is expected there;
 * conformance_tape.c plays scorers and aggregations by evald-runner --replay;
 * conformance_eval.c plays evaluate_rows against an evald of its own.  One thread. */
#ifndef EVALD_CONFORMANCE_H
#define EVALD_CONFORMANCE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/jtext.h"

enum conformance_kind {
    CONFORMANCE_ROW,         /* a scorer's row, its asks included */
    CONFORMANCE_AGGREGATION,
    CONFORMANCE_EVALUATION,  /* evaluate_rows */
};

enum conformance_verdict {
    CONFORMANCE_OPEN,    /* not played: counts as differing */
    CONFORMANCE_AGREES,  /* with what it is held to: with rules, it is "decided otherwise" */
    CONFORMANCE_DIFFERS,
    CONFORMANCE_SKIPPED, /* about something that evald does not claim to be */
};

/* What a case is held to: what was recorded, changed by its rules. */
struct conformance_want {
    bool error;           /* the call must fail; result does not count */
    struct jval result;   /* what it gives; of evaluate_rows the whole response but for the
                             member "statistics" */
    struct jval requests; /* evaluate_rows: expect_requests; rows: exchange, or absent */
    bool requests_open;   /* the requests may end earlier than listed, also before the first */
};

struct conformance_case {
    /* all jval point into text, or into what the case keeps; checked JSON */
    struct str text;          /* the line */
    const char *file;         /* its name as given, and the line in it, from 1 */
    unsigned line;
    enum conformance_kind kind;
    char *id, *scorer;        /* decoded */
    struct jval row, params;  /* the input: evaluate_rows has benchmark_config, input_rows,
                                 scoring_functions and replies in row */
    struct conformance_want want;
    uint32_t rules;           /* a bit for each rule that changed want */
    enum conformance_verdict verdict;
    char *came;               /* of one that differs: what came, on one line */
    struct text kept[4];      /* what want points into beside text */
    unsigned n_kept;
};

/* The verdict of a case that was played.  The first one stays. */
void conformance_agree(struct conformance_case *c);
__attribute__((format(printf, 2, 3))) void
conformance_differ(struct conformance_case *c, const char *fmt, ...);

/* Equal as the cases count it: members of objects in any order, the last of duplicates, none
 * more, none less; numbers by value, |a - b| <= max(1e-9 * max(|a|, |b|), 1e-12) where one is
 * written with fraction or exponent, else exact; a boolean is no number. */
bool conformance_same(struct jval want, struct jval got);

struct conformance {
    char *scratch;        /* a private directory for files, removed at the end */
    char **plugin_files;  /* as evald finds them; NULL behind the last */
    const char *only;     /* --scorer, or NULL */
};

/* Each sets a verdict for each of the n cases, which are all of its kind; a case that brings a
 * process down differs, and the others are played all the same.  -1: cases cannot be played at
 * all (a program is missing, the disk is full), which err says. */
int conformance_play_tapes(struct conformance *f, struct conformance_case **cases, size_t n,
                           struct err *err); /* rows and aggregations */
int conformance_play_evaluations(struct conformance *f, struct conformance_case **cases,
                                 size_t n, struct err *err);

/* ---- rules ---- */

struct conformance_rule {
    const char *name, *section, *summary;
};
extern const struct conformance_rule conformance_rules[];
extern const size_t conformance_n_rules;

/* Changes want of a case by the rules that its input calls for; once, before it is played.  A
 * rule that changes nothing of what was recorded leaves no bit in rules. */
void conformance_apply_rules(struct conformance_case *c);

#endif
