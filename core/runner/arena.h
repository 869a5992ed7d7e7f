/* arena.h - memory that goes all at once: a row's, or an instance's.
 *
 * A list of blocks, handed out from their start.  Not thread-safe: a row is worked on by one
 * thread at a time. */
#ifndef EVALD_ARENA_H
#define EVALD_ARENA_H

#include <stddef.h>

#include "common/text.h"

struct arena_block;

/* Zeroed is empty. */
struct arena {
    struct arena_block *blocks;
    char *at, *end;
};

void *arena_alloc(struct arena *a, size_t n);  /* aligned for anything, not zeroed */
void *arena_zalloc(struct arena *a, size_t n); /* zeroed */
/* A copy with NUL behind it. */
struct str arena_copy(struct arena *a, struct str s);
/* The same from a text that is then cleared. */
struct str arena_take(struct arena *a, struct text *t);
void arena_reset(struct arena *a); /* keeps one block of ordinary size */
void arena_fini(struct arena *a);

#endif
