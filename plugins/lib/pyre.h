/* pyre.h - Python's re for plugins: the patterns of its str type, matched by PCRE2.
 *
 * A pattern is read by Python's rules (3.12) and written anew for PCRE2, so that what Python
 * refuses is refused, and \w \d \s \b . ^ $ {,n} (?i) mean what they mean there.  Text counts
 * in code points; offsets are bytes.  Differences that are left: \N{NAME}, counts of repeats
 * above 65535, and patterns that fill more than about 64 KiB are refused. */
#ifndef EVALD_PYRE_H
#define EVALD_PYRE_H

#include <evald/plugin.h>

struct pyre;

struct pyre_span {
    size_t at, end; /* bytes of the text; at PYRE_NONE: the group took no part */
};
#define PYRE_NONE ((size_t)-1)

#define PYRE_WHY 160 /* room for any reason */

/* NULL with a reason, one line, in why.  Any thread; pyre_free() it. */
struct pyre *pyre_compile(struct evald_str pattern, char why[PYRE_WHY]);
void pyre_free(struct pyre *re); /* NULL allowed */

uint32_t pyre_groups(const struct pyre *re); /* without group 0 */

/* re.search from byte from on, which begins a character: 1 with the spans of groups 0 to
 * n_spans - 1, 0 when nothing matches, -1 with a reason when it was given up: a match may
 * take so many steps, so much memory and a second of processor time.  Any threads at once
 * with one pattern. */
int pyre_search(const struct pyre *re, struct evald_str text, size_t from,
                struct pyre_span *spans, uint32_t n_spans, char why[PYRE_WHY]);

#endif
