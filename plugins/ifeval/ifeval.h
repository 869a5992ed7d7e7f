/* ifeval.h - what the files of basic::ifeval share: instructions, their kwargs, and the
 * answer that is looked at. */
#ifndef EVALD_IFEVAL_H
#define EVALD_IFEVAL_H

#include <stdbool.h>

#include <evald/plugin.h>

#include "pyre.h"

struct instruction;

/* What is found out about an answer once, for all instructions of its row. */
struct counted {
    bool known;
    size_t n;
};

/* The answer of a row, and where the row is in its list of instructions. */
struct answer {
    struct evald_call *c;
    struct evald_str text; /* without blanks around it; a check never sees it empty */
    const struct instruction *instruction;
    size_t place;         /* of the instruction in the row, and of its kwargs */
    const char *language; /* of answer_language(); NULL until it is asked for */
    struct evald_str lower; /* of answer_lower(); the same */
    struct counted sentences, words, capitals, json;
    struct pyre_budget budget; /* of all that is looked for */
};

/* What a kwarg must be.  All are needed: what the reference would make up is refused. */
enum kwarg_kind {
    KWARG_NUMBER,   /* a number, or a boolean as 0 or 1 */
    KWARG_COUNT,    /* the same, not negative */
    KWARG_ORDINAL,  /* an integer, or a boolean */
    KWARG_RELATION, /* "less than" or "at least" */
    KWARG_TEXT,
    KWARG_FULL_TEXT, /* not empty */
    KWARG_LETTER,    /* text of one character, given without blanks around it */
    KWARG_LANGUAGE,  /* one of the reference's list */
    KWARG_LIST,      /* texts, not empty; given sorted, each once */
};

struct kwarg {
    const char *name;
    enum kwarg_kind kind;
};

/* What was given: of each kind one member counts. */
struct given {
    double num;
    bool less; /* "less than", not "at least" */
    struct evald_str text;
    const struct evald_str *list;
    size_t n;
};

/* 1: the answer follows the instruction, 0: it does not, -1: evald_fail() was called. */
typedef int instruction_check(struct answer *a, const struct given *given);

#define KWARGS_MAX 3
struct instruction {
    const char *id;
    instruction_check *check;
    struct kwarg kwargs[KWARGS_MAX]; /* name NULL: no more */
};

/* NULL: there is none of that id. */
const struct instruction *instruction_find(struct evald_str id);

/* keywords.c */
instruction_check check_existence, check_frequency, check_forbidden_words,
    check_letter_frequency;
/* length.c */
instruction_check check_sentences, check_paragraphs, check_words, check_first_word;
/* content.c */
instruction_check check_placeholders, check_postscript, check_two_responses,
    check_repeat_prompt, check_no_comma;
/* format.c */
instruction_check check_bullets, check_constrained, check_highlights, check_sections,
    check_json, check_title;
/* case.c */
instruction_check check_language, check_capital_words, check_english_capital,
    check_english_lowercase;
/* startend.c */
instruction_check check_end, check_quotation;

/* The language of most lines, asked for once in a row. */
const char *answer_language(struct answer *a);

/* text.lower(), made once in a row. */
struct evald_str answer_lower(struct answer *a);

static inline bool
given_compares(size_t n, const struct given *number, const struct given *relation)
{
    return relation->less ? (double)n < number->num : (double)n >= number->num;
}

#endif
