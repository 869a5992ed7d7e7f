/* conformance.h - evalctl conformance: cases recorded of the reference, played and held to what
 * they expect; evald-conformance(7) describes their format.
 *
 * conformance.c reads cases, a batch at a time, and prints; conformance_rules*.c say, from a
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
    bool row_error;       /* rows: the row fails and not the call, score null; result has the
                             other members, without metadata.error */
    struct jval result;   /* what it gives; of evaluate_rows the whole response but for the
                             member "statistics" */
    struct jval requests; /* evaluate_rows: expect_requests, where one without messages may have
                             any; rows: exchange, or absent */
    bool requests_open;   /* the requests may end earlier than listed, also before the first */
    struct jval prompt;   /* of a judge: what it is asked; null: it is not asked */
    bool prompt_open;     /* its words are free */
    struct jval like;     /* a row that must give the same, in place of result, or fail as this
                             one does where error is set; or absent */
};

struct conformance_case {
    /* all jval point into text, or into what the case keeps; checked JSON */
    struct str text;          /* the line */
    const char *file;         /* its name as given, and the line in it, from 1 */
    unsigned line;
    enum conformance_kind kind;
    char *id, *scorer;        /* decoded */
    bool refused;             /* has an unpaired surrogate, which evald takes for no JSON;
                                 U+FFFD is in its place here */
    struct jval row, params;  /* the input: evaluate_rows has benchmark_config, input_rows,
                                 scoring_functions and replies in row */
    struct conformance_want want;
    uint32_t rules;           /* a bit for each rule that changed want */
    enum conformance_verdict verdict;
    char *came;               /* of one that differs: what came, on one line */
    struct text kept[8];      /* what want points into beside text */
    unsigned n_kept;
};

/* Whom a judge asks when its params name no other model. */
#define CONFORMANCE_JUDGE "meta-llama/Llama-3.1-405B-Instruct"

/* The verdict of a case that was played.  The first one stays. */
void conformance_agree(struct conformance_case *c);
__attribute__((format(printf, 2, 3))) void
conformance_differ(struct conformance_case *c, const char *fmt, ...);

/* Equal as the cases count it: members of objects in any order, the last of duplicates, none
 * more, none less; numbers by value, |a - b| <= max(1e-9 * max(|a|, |b|), 1e-12) where one is
 * written with fraction or exponent, else exact; a boolean is no number. */
bool conformance_same(struct jval want, struct jval got);

/* Begins a member of the object that t ends in: a comma where one is due, the name as a literal,
 * the colon. */
static inline void
conformance_put_name(struct text *t, struct str name)
{
    text_puts(t, t->ptr[t->len - 1] == '{' ? "" : ",");
    text_put_str(t, name);
    text_putc(t, ':');
}

/* Keeps text that want points into, and leaves t empty: it must be checked JSON. */
struct jval conformance_keep(struct conformance_case *c, struct text *t);

struct conformance {
    char *scratch;        /* a private directory for files, removed at the end */
    const char *only;     /* --scorer, or NULL */
    struct conformance_plugin {
        char *id, *file;
        char *other; /* NULL, or a file that declares it too */
    } *plugins;           /* the scorers of all plugin files, once one is looked for */
    size_t n_plugins;
    bool looked;
};

/* The file of a scorer: the one that declares it, of the directories of EVALD_PLUGIN_PATH and
 * the one of the installation; the first of copies.  NULL: ERR_NOT_FOUND, ERR_CONFLICT when two
 * files declare it, or nothing can be probed. */
const char *conformance_find_plugin(struct conformance *f, const char *scorer,
                                    struct err *err);

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
#define CONFORMANCE_RULES 14
extern const struct conformance_rule conformance_rules[CONFORMANCE_RULES];

/* Changes want of a case by the rules that its input calls for; once, before it is played.  A
 * rule that changes nothing of what was recorded leaves no bit in rules. */
void conformance_apply_rules(struct conformance_case *c);

#endif
