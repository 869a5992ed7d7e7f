/* similarity.h - how close texts are: cosines of their embeddings. */
#ifndef EVALD_PLUGIN_BRAINTRUST_SIMILARITY_H
#define EVALD_PLUGIN_BRAINTRUST_SIMILARITY_H

#include "work.h"

/* A text whose embedding is wanted: the same text has the same place, and is asked for once. */
size_t similarity_want(struct work *w, struct evald_str text);
/* Asks for all that are wanted, at most 1024, in the order they were: one text in each
 * request, as the reference does, all at once.  EVALD_WAIT. */
int32_t similarity_ask(struct work *w);
/* Reads the replies.  EVALD_E_REMOTE when they are no vectors of numbers; a failure of the
 * model is passed on. */
int32_t similarity_read(struct work *w);

/* (cos - 0.7) / (1 - 0.7), a float; the integer 0 where that is below 0.  The cosine is at most
 * 1, 0 for a vector without length; the shorter vector goes on with zeros.  EVALD_E_REMOTE
 * where doubles do not reach.  autoevals 0.0.129, EmbeddingSimilarity. */
int32_t similarity_of(struct work *w, size_t a, size_t b, struct evald_value *ret);

/* Appends the object that stands for a similarity in metadata. */
void similarity_put(struct work *w, struct evald_buf *b, struct evald_value similarity);

#endif
