/* replay_asks.h - what a tape says of asks: are they those of the plugin, and what is replied. */
#ifndef EVALD_REPLAY_ASKS_H
#define EVALD_REPLAY_ASKS_H

#include "runner/arena.h"
#include "runner/task.h"

/* The asks of one case.  All of it lives in the arena. */
struct tape_asks {
    struct arena *arena;
    struct jval row;    /* of the case: where prompt_has looks */
    struct jval *list;  /* of the tape */
    bool *made;         /* each: was it asked? */
    size_t n, n_made;
    bool open;          /* any order, not all */
};

/* asks: the array of the tape, or absent. */
void tape_asks_init(struct tape_asks *a, struct arena *arena, struct jval asks, struct jval row,
                    bool open);

/* The reply to an ask of the plugin; false with a reason in problem, which was empty, when the
 * tape has no such ask at this place. */
bool tape_asks_answer(struct tape_asks *a, const struct task_ask *k, struct task_reply *ret,
                      struct text *problem);

/* Has the tape asks that should have been made and were not? */
bool tape_asks_left(const struct tape_asks *a);

/* The decoded text of a string literal, NUL behind it. */
struct str tape_decode(struct arena *arena, struct str literal);
/* Is an expectation met by these bytes: those of a string, else JSON of which it is a part? */
bool tape_same_bytes(struct arena *arena, struct jval want, struct str got);
/* A whole number, or otherwise. */
int64_t tape_number(struct jval v, int64_t otherwise);
/* Appends a value as Python's json.dumps() writes it. */
void tape_put_dumps(struct text *t, struct jval v);

#endif
