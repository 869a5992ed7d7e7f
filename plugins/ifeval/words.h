/* words.h - counting what blanks do not separate: Thai words and emoji. */
#ifndef EVALD_IFEVAL_WORDS_H
#define EVALD_IFEVAL_WORDS_H

#include <evald/plugin.h>

/* Words of Thai text, by ICU's dictionary; what stands between them counts as PyThaiNLP's
 * tokens do. */
size_t words_thai(struct evald_call *c, struct evald_str text);

/* How many emoji there are: a sequence (a flag, a family, a keycap) is one.  ret_rest: the
 * text without them; it lives as long as the row. */
size_t emoji_take(struct evald_call *c, struct evald_str text, struct evald_str *ret_rest);

#endif
