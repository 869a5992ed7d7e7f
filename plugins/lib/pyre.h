/* pyre.h - Python's re for plugins: the patterns of its str type, matched by PCRE2.
 *
 * A pattern is read by Python's rules (3.12) and written anew for PCRE2, so that what Python
 * refuses is refused, and \w \d \s \b . ^ $ {,n} (?i) mean what they mean there.  Text counts
 * in code points; offsets are bytes.  Differences that are left, all refused: \N{NAME} by an
 * alias or of a CJK ideograph, counts of repeats above 65535, groups nested more than 200
 * deep, repeated groups without width in a look-behind, a group that captures, may match
 * nothing and is repeated up to some bound, as in (a?){1,3}, and patterns that fill more than
 * about 64 KiB.
 *
 * Texts and patterns are valid UTF-8, as the host gives them; it is not checked again.
 *
 * Every function may be called from any thread, with one pattern from many at once.  A
 * function that matches gives up with a reason when it has taken some 70 ms of the thread's
 * processor time, or 64 MiB; for pyre_next() the time is that of the whole walk, with what its
 * caller does in between.  Where a thread has matched before, and a text needs no more than
 * usual, no memory is taken but what is asked of a call handle. */
#ifndef EVALD_PYRE_H
#define EVALD_PYRE_H

#include <stdbool.h>

#include <evald/plugin.h>

struct pyre;

struct pyre_span {
    size_t at, end; /* bytes of the text; at PYRE_NONE: the group took no part */
};
#define PYRE_NONE ((size_t)-1)

#define PYRE_WHY 160 /* room for any reason */

/* ---- patterns ---- */

/* Flags of re.compile(), which stand beside the pattern's own (?im). */
#define PYRE_IGNORECASE 1u
#define PYRE_MULTILINE  2u
#define PYRE_DOTALL     4u

/* NULL with a reason, one line, in why.  pyre_free() it.  What is compiled is kept for a while
 * and shared, so that the same pattern costs little the second time. */
struct pyre *pyre_compile(struct evald_str pattern, char why[PYRE_WHY]);
struct pyre *pyre_compile_with(struct evald_str pattern, unsigned flags, char why[PYRE_WHY]);
void pyre_free(struct pyre *re); /* NULL allowed */

uint32_t pyre_groups(const struct pyre *re); /* without group 0 */

/* ---- one match ---- */

/* re.search from byte from on, which begins a character: 1 with the spans of groups 0 to
 * n_spans - 1, 0 when nothing matches, -1 with a reason when it was given up.  Characters
 * before from are still seen by ^, \b and look-behind. */
int pyre_search(const struct pyre *re, struct evald_str text, size_t from,
                struct pyre_span *spans, uint32_t n_spans, char why[PYRE_WHY]);

/* The processor's time that the searches of one row may take together, two seconds, beside
 * what each of them may; what it takes to compile patterns does not count.  Begins zeroed; of
 * one thread.  To be asked before each search: false with a reason when it is spent. */
struct pyre_budget {
    int64_t look_ns, end_ns;
};
bool pyre_has_time(struct pyre_budget *budget, char why[PYRE_WHY]);

/* Where many patterns are tried on one text: which kinds of bytes it has, once, and whether
 * the pattern may match then.  false: it does not, as pyre_search() would find for more. */
uint64_t pyre_kinds(struct evald_str text);
bool pyre_may_match(const struct pyre *re, uint64_t kinds);

/* ---- all matches ---- */

/* A walk over all matches that do not overlap, as re.finditer (3.7 and later) takes it: behind
 * an empty match comes one that is not empty or begins later; an empty one may touch the end
 * of the one before.  Begins zeroed; the fields are pyre_next()'s. */
struct pyre_walk {
    size_t at;  /* where the last match ended */
    bool empty; /* and whether it was */
    bool over;  /* nothing more matches */
    struct pyre_clock {
        uint32_t calls;
        int64_t look_ns, end_ns;
    } clock; /* of the time that the whole walk may take */
};

/* The next match: 1, 0 when there are no more, or -1, with spans and reason as above.
 *
 *     struct pyre_walk walk = { 0 };
 *     while ((found = pyre_next(re, text, &walk, &span, 1, why)) > 0) ... */
int pyre_next(const struct pyre *re, struct evald_str text, struct pyre_walk *walk,
              struct pyre_span *spans, uint32_t n_spans, char why[PYRE_WHY]);

/* len(re.findall(text)), or -1 with a reason. */
int64_t pyre_count(const struct pyre *re, struct evald_str text, char why[PYRE_WHY]);

/* len(re.split(text)), or -1 with a reason: the pieces between matches, and for each match its
 * groups. */
int64_t pyre_count_split(const struct pyre *re, struct evald_str text, char why[PYRE_WHY]);

#endif
