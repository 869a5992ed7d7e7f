/* sentences.h - how many sentences a text has. */
#ifndef EVALD_IFEVAL_SENTENCES_H
#define EVALD_IFEVAL_SENTENCES_H

#include <evald/plugin.h>

/* English, by the rules of NLTK's Punkt with an abbreviation list of our own; 0 for a text
 * without anything but blanks. */
size_t sentences_english(struct evald_str text);

/* Gives them to take() one by one, without the blanks between them. */
void sentences_english_each(struct evald_str text,
                            void (*take)(void *to, struct evald_str sentence), void *to);

/* Thai has no full stops: a sentence ends where a line does, at a mark, or at a blank behind a
 * polite word. */
size_t sentences_thai(struct evald_str text);

#endif
