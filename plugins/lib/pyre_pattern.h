/* pyre_pattern.h - from Python's spelling of a pattern to PCRE2's: pyre_pattern.c reads groups
 * and repeats, pyre_class.c characters and classes of them. */
#ifndef EVALD_PYRE_PATTERN_H
#define EVALD_PYRE_PATTERN_H

#include <stdbool.h>

#include "pyre.h"

/* For PCRE2_UTF, MULTILINE, DOTALL and ALT_CIRCUMFLEX with LF as newline; groups have their
 * numbers and no names.  (?C1) stands where a search may come by without end.  free() it;
 * NULL with a reason. */
char *pyre_translate(struct evald_str pattern, size_t *ret_len, uint32_t *ret_groups,
                     char why[PYRE_WHY]);

/* ---- shared by the two ---- */

enum { FLAG_I = 1, FLAG_M = 2, FLAG_S = 4, FLAG_X = 8, FLAG_A = 16, FLAG_U = 32, FLAG_L = 64 };

/* How many code points a piece may match. */
struct width {
    uint32_t min, max;
};

struct group {
    struct evald_str name; /* empty: it has none */
    struct width width;
    bool closed;
};

struct reader {
    const char *at, *end, *begin;
    char *out;
    size_t len, room;
    struct group *groups; /* groups[0] is not used */
    uint32_t n_groups, groups_room;
    uint32_t last_asked;    /* the largest number of a (?(N)...) */
    uint32_t behind_groups; /* in a look-behind: groups before it, plus 1; else 0 */
    unsigned flags;
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
