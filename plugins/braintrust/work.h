/* work.h - a row on its way through a scorer's steps: what it reads, what it ends with. */
#ifndef EVALD_PLUGIN_BRAINTRUST_WORK_H
#define EVALD_PLUGIN_BRAINTRUST_WORK_H

#include <stdbool.h>

#include <evald/plugin.h>

/* An instance: whom to ask.  Empty where a scorer has no use for one. */
struct judge {
    const char *model, *embedder;
};

struct work {
    struct evald_call *c; /* of this step, as are row and event */
    const struct judge *judge;
    const struct evald_row *row;
    const struct evald_event *event;
    unsigned step; /* 0 at the start, one more after each answer */
    struct vectors *vectors; /* similarity.h */
    void *own;     /* what the scorer keeps from step to step */
};

/* Carries out w->step: asks, or ends the row.  Returns what step() does. */
typedef int32_t work_next(struct work *w);

/* step() of a plugin: next, with the row's work.  Replies give the same steps each time, so
 * that an interrupted row is taken up by playing them again. */
int32_t work_step(struct evald_call *c, void *self, void **task, const struct evald_row *row,
                  const struct evald_event *event, work_next *next);

/* ---- columns ---- */

enum column { QUESTION, EXPECTED, GENERATED, CONTEXT };

/* A value as text: strings as they are, arrays and objects as JSON with ", " and ": " and
 * without characters beyond ASCII, anything else as Python's str() has it. */
struct evald_str work_text(struct work *w, const struct evald_value *v);
/* The column's text, which lives as long as the row; EVALD_E_ROW where it is null. */
int32_t work_column(struct work *w, enum column column, struct evald_str *ret);
/* Where null will do: empty text.  For this step alone. */
struct evald_str work_column_or_none(struct work *w, enum column column);
/* The context, which lives as long as the row: a string, or an array of strings, joined by
 * line feeds.  Else EVALD_E_ROW. */
int32_t work_context(struct work *w, struct evald_str *ret);

/* ---- numbers and lists of a judge ---- */

struct evald_value work_integer(int64_t n);
struct evald_value work_float(double d);
/* Appends a number as JSON: integers stay integers, floats have a point. */
void work_put_number(struct work *w, struct evald_buf *b, struct evald_value v);

/* Walks a list of objects that the judge calls what: 1 with the next one, the i-th, 0 at the
 * end; begin with *at 0.  EVALD_E_REMOTE for what is no list, or an element that is none. */
int32_t work_next_object(struct work *w, const struct evald_value *list, const char *what,
                         size_t *at, size_t i, struct evald_value *ret);
/* The mean of member name of all elements of list, as "verdict" of the statements: numbers or
 * booleans.  EVALD_E_REMOTE for anything else, and for none. */
int32_t work_mean(struct work *w, const struct evald_value *list, const char *name,
                  const char *what, double *ret);

/* ---- the end ---- */

/* Emits the score and the metadata, JSON of an object.  EVALD_E_REMOTE, with nothing emitted,
 * for a score that is not between 0 and 1. */
int32_t work_end(struct work *w, struct evald_value score, struct evald_str metadata);

#endif
