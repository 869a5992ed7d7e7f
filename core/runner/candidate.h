/* candidate.h - what a model candidate is asked for a row. */
#ifndef EVALD_CANDIDATE_H
#define EVALD_CANDIDATE_H

#include "common/err.h"
#include "common/jtext.h"
#include "common/text.h"
#include "runner/job.h"

/* Appends the request document (evald-plugin(3)) of a row: completion_input as a completion,
 * else chat_completion_input as a chat; a row without either is asked for without a prompt
 * when the adapter declares columns.  vals: the wanted columns of the row as read.  scratch
 * is overwritten.
 * ERR_INVALID: the row cannot be asked for, the text names the column. */
int candidate_document(const struct job *j, const struct jval *vals, struct text *ret,
                       struct text *scratch, struct err *err);

/* The value that is the generated answer of a reply document; J_ABSENT: there is none. */
struct jval candidate_answer(const struct fields *reply);
/* Was it cut off at its length? */
bool candidate_truncated(const struct fields *reply);

#endif
