/* count.h - counting words, and sentences that marks of their own end. */
#ifndef EVALD_IFEVAL_COUNT_H
#define EVALD_IFEVAL_COUNT_H

#include <stdbool.h>

#include <evald/plugin.h>

/* Is it \w: a letter or number of any script, or _? */
bool count_is_word(uint32_t c);

/* May the language change how text is counted?  It does for Thai, Chinese, Japanese, Korean
 * and Hindi; false where no character is more frequent in one of them than in all others.
 */
bool count_needs_language(struct evald_str text);

/* Runs of \w. */
size_t count_words(struct evald_str text);

/* Chinese, Japanese and Korean: each character and each emoji is a word, and so is what
 * blanks separate of the rest, when punctuation has been taken out. */
size_t count_words_cjk(struct evald_call *c, struct evald_str text);

/* Of Chinese, Japanese and Hindi: runs, in each line, of what is no mark that ends a
 * sentence. */
size_t count_sentences_by_marks(struct evald_str text);

#endif
