/* pyre_pattern.h - from Python's spelling of a pattern to PCRE2's: pyre_pattern.c reads groups
 * and repeats, pyre_class.c characters and classes of them. */
#ifndef EVALD_PYRE_PATTERN_H
#define EVALD_PYRE_PATTERN_H

#include <stdbool.h>

#include "pyre.h"

struct translation {
    char *text; /* for PCRE2; with its length */
    size_t len;
    uint32_t n_groups;
    uint32_t work; /* steps that a match may take without a callout from one place on, beside
                      walking through the text once; UINT32_MAX: or more */
    uint64_t need; /* kinds of bytes that are in everything that matches */
    bool atomic;   /* it has (?>...), as written or of a possessive group */
};

/* For PCRE2_UTF, MULTILINE, DOTALL and ALT_CIRCUMFLEX with LF as newline; groups have their
 * numbers and no names.  flags: those of pyre_compile_with().
 *
 * A callout (?C1) stands in front of every repeat without end, and where its groups begin, so
 * that a search cannot go on for long without one: what is left between them is work, times
 * the length of the text.  dense: so many that this is some 16 times the length of the text,
 * whatever the pattern; slower, for long texts and strange patterns.
 *
 * false with a reason; else free() text. */
bool pyre_translate(struct evald_str pattern, unsigned flags, bool dense,
                    struct translation *ret, char why[PYRE_WHY]);

/* The kind of a byte, one of 64 bits: a letter has one whatever its case, all bytes that are not
 * ASCII share one, other characters have one with few others. */
extern const uint64_t pyre_kind[256];

/* ---- shared by the two ---- */

enum { FLAG_I = PYRE_IGNORECASE, FLAG_M = PYRE_MULTILINE, FLAG_S = PYRE_DOTALL,
       FLAG_X = 8, FLAG_A = 16, FLAG_U = 32, FLAG_L = 64 };

/* How many code points a piece may match, in how many ways (1 at least), and through how many
 * steps each: both up to a callout.  need: as in the translation. */
struct width {
    uint32_t min, max, ways, len;
    uint64_t need;
};

struct group {
    struct evald_str name; /* empty: it has none */
    struct width width;
    uint32_t next_named; /* of those whose names' bytes sum up alike; 0: none */
    bool closed;
};

#define NAMED 256

struct reader {
    const char *at, *end, *begin;
    char *out;
    size_t len, room;
    struct group *groups; /* groups[0] is not used */
    uint32_t n_groups, groups_room;
    uint32_t named[NAMED]; /* the first group for each sum of a name */
    uint32_t last_asked;    /* the largest number of a (?(N)...) */
    uint32_t behind_groups; /* in a look-behind: groups before it, plus 1; else 0 */
    size_t inner;           /* of the last item, a group: where it begins inside; else 0 */
    uint32_t n_items;
    unsigned flags;
    bool dense, atomic;
    int depth;
    char *why;
};

/* Sets the reason, unless there is one; false. */
bool reader_fail(struct reader *r, const char *what);
void reader_put(struct reader *r, const char *text);
bool reader_next_is(const struct reader *r, char c);
bool reader_take(struct reader *r, char c); /* where it is the next one */
uint32_t reader_take_char(struct reader *r);
uint32_t reader_take_octal(struct reader *r, int most); /* digits */

bool class_is_digit(char c);
bool class_is_letter(char c);
/* What stands for \w and its like between brackets; NULL: c is none of them. */
const char *class_members(char c, bool ascii);
#define WORD       "\\p{L}\\p{N}_" /* those of \w */
#define ASCII_WORD "0-9A-Z_a-z"
/* Behind the opening bracket. */
bool class_read(struct reader *r);
/* The character of an escape whose letter c has been read, where it is none of the group's,
 * place's or class's. */
bool class_take_escaped(struct reader *r, char c, uint32_t *ret);
/* A character outside of brackets. */
void class_put_literal(struct reader *r, uint32_t c);

#endif
