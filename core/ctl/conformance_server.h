/* conformance_server.h - the inference service of evaluate_rows cases, behind OpenAI's dialect
 * on a Unix socket.
 *
 * It answers a chat by the text of its last user message (text items joined by one blank; none:
 * the empty string) and a completion by its prompt, as the case's replies say, and keeps what it
 * was asked.  One thread of its own serves; all functions are for the thread that made it. */
#ifndef EVALD_CONFORMANCE_SERVER_H
#define EVALD_CONFORMANCE_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/jtext.h"

struct conformance_server;

struct conformance_request {
    bool completion;  /* else a chat */
    struct jval body; /* as it came; points into text */
    struct text text;
};

/* Listens at path, which must not be there yet. */
struct conformance_server *conformance_server_new(const char *path, struct err *err);
/* Ends the thread and its connections, removes the socket; NULL allowed. */
void conformance_server_free(struct conformance_server *s);

/* From now on answers come from replies (an object; borrowed until the next call), and what was
 * asked before is forgotten. */
void conformance_server_begin(struct conformance_server *s, struct jval replies);

/* What was asked since then, in the order it came; valid until the next begin.  Only while
 * nobody asks: the evaluation has been answered in full, or the server is stopped. */
const struct conformance_request *
conformance_server_asked(const struct conformance_server *s, size_t *ret_n);

/* Serves no more. */
void conformance_server_stop(struct conformance_server *s);

/* Appends the text by which a reply is looked up: content is a string, one content item, or an
 * array of both, whose texts are joined by blanks. */
void conformance_put_words(struct text *t, struct jval content);

#endif
