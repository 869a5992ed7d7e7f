/* pyre_code.h - what a pattern is once it is compiled; for pyre*.c alone. */
#ifndef EVALD_PYRE_CODE_H
#define EVALD_PYRE_CODE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdatomic.h>

#include "pyre_pattern.h"

/* One translation of a pattern. */
struct program {
    pcre2_code *code;
    bool jit;    /* as machine code too */
    size_t size; /* in bytes, of both */
};

struct pyre {
    struct pyre *next;          /* in its bucket of the cache */
    struct pyre *older, *newer; /* among those nobody uses */
    uint32_t refs, hash;
    struct evald_str pattern; /* a copy */
    unsigned flags;
    uint32_t n_groups;
    uint64_t need;                   /* as in the translation */
    uint32_t work;                   /* of the sparse one */
    struct program *sparse;          /* few callouts, for most texts */
    _Atomic(struct program *) dense; /* many; NULL: not needed yet */
};

/* The pattern with many callouts, made when it is asked for; the one with few when it cannot
 * be had.  Any thread. */
const struct program *pyre_dense(struct pyre *re);

/* The processor's time that this thread has taken, and what of it compiled patterns. */
int64_t pyre_cpu_ns(void);
extern _Thread_local int64_t pyre_compiled_ns;

/* pyre_search() with options of PCRE2 and a clock that goes on: zeroed at the beginning. */
int pyre_run(const struct pyre *re, struct evald_str text, size_t from, uint32_t options,
             struct pyre_clock *clock, struct pyre_span *spans, uint32_t n_spans,
             char why[PYRE_WHY]);

/* A message of PCRE2. */
void pyre_set_reason(char why[PYRE_WHY], int number);

#endif
