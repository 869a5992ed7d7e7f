#include "config.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "runner/arena.h"

/* Under a sanitizer each piece is a block of its own, so that it sees who writes behind one. */
#ifdef EVALD_SANITIZED
#define BLOCK 0u
#else
#define BLOCK (16u << 10)
#endif

struct arena_block {
    struct arena_block *next;
    size_t room;
    alignas(max_align_t) char bytes[];
};

static void
add_block(struct arena *a, size_t n)
{
    size_t room = n > BLOCK ? n : BLOCK, all;
    if (__builtin_add_overflow(room, sizeof(struct arena_block), &all))
        abort();
    struct arena_block *b = xmalloc(all);
    b->next = a->blocks;
    b->room = room;
    a->blocks = b;
    a->at = b->bytes;
    a->end = b->bytes + room;
}

void *
arena_alloc(struct arena *a, size_t n)
{
    size_t need;
    if (BLOCK == 0) {
        add_block(a, n);
        a->at = a->end;
        return a->blocks->bytes;
    }
    if (__builtin_add_overflow(n, alignof(max_align_t) - 1, &need))
        abort();
    need &= ~(size_t)(alignof(max_align_t) - 1);
    if (need == 0)
        need = alignof(max_align_t);
    if ((size_t)(a->end - a->at) < need)
        add_block(a, need);
    void *p = a->at;
    a->at += need;
    return p;
}

void *
arena_zalloc(struct arena *a, size_t n)
{
    return memset(arena_alloc(a, n), 0, n);
}

struct str
arena_copy(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.len + 1);
    if (s.len > 0)
        memcpy(p, s.ptr, s.len);
    p[s.len] = '\0';
    return (struct str){ p, s.len };
}

struct str
arena_take(struct arena *a, struct text *t)
{
    struct str s = arena_copy(a, text_str(t));
    text_clear(t);
    return s;
}

void
arena_reset(struct arena *a)
{
    struct arena_block *keep = NULL;
    for (struct arena_block *b = a->blocks, *next; b != NULL; b = next) {
        next = b->next;
        if (keep == NULL && b->room == BLOCK)
            keep = b;
        else
            free(b);
    }
    *a = (struct arena){ 0 };
    if (keep != NULL) {
        keep->next = NULL;
        a->blocks = keep;
        a->at = keep->bytes;
        a->end = keep->bytes + keep->room;
    }
}

void
arena_fini(struct arena *a)
{
    for (struct arena_block *b = a->blocks, *next; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    *a = (struct arena){ 0 };
}
