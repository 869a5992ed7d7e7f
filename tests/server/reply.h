/* reply.h - the text of a reply, and the OpenAI documents it travels in. */
#ifndef SERVER_REPLY_H
#define SERVER_REPLY_H

#include <stdbool.h>

#include "common/text.h"
#include "scan.h"

/* Sets t to the reply for a prompt: the first rule of --reply-map whose text it holds,
 * else "Answer: X" for a tag [[ANS:X]], else "Answer: " and a letter A-D by its hash.
 * A prompt with [[CUT]] has its reply cut off: finish_reason is "length". */
void reply_choose(struct text *t, struct str prompt);

/* These append to t. */
void reply_text(struct text *t, const struct request *r, bool chat, long id,
                struct str prompt, struct str reply);
/* The call that the request forces, by the first rule of --reply-map for it whose text the
 * prompt holds; false when there is none. */
bool reply_call(struct text *t, const struct request *r, long id, struct str prompt);
/* Of each text of the input: by the rule for it, else by its hash.  end: of the request. */
void reply_embeddings(struct text *t, const struct request *r, const char *end);
/* A whole HTTP answer as server-sent events; chunk is room to work in. */
void reply_stream(struct text *t, struct text *chunk, const struct request *r, bool chat,
                  long id, struct str prompt, struct str reply);

#endif
