#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/table.h"

static uint64_t
hash_of(const char *id) /* FNV-1a */
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *id != '\0'; id++)
        h = (h ^ (unsigned char)*id) * UINT64_C(0x100000001b3);
    return h;
}

static const char *
id_of(const void *item)
{
    return *(char *const *)item;
}

static size_t
table_index(const struct table *t, const char *id) /* t->n: not there */
{
    uint64_t h = hash_of(id);
    size_t i = 0;
    while (i < t->n && (t->hash[i] != h || strcmp(id_of(t->item[i]), id) != 0))
        i++;
    return i;
}

void *
table_find(const struct table *t, const char *id)
{
    size_t i = table_index(t, id);
    return i < t->n ? t->item[i] : NULL;
}

void *
table_at(const struct table *t, size_t i)
{
    return i < t->n ? t->item[i] : NULL;
}

void *
table_set(struct table *t, void *item)
{
    size_t i = table_index(t, id_of(item));
    if (i < t->n) {
        void *old = t->item[i];
        t->item[i] = item;
        return old;
    }
    if ((t->n & (t->n - 1)) == 0) { /* full at the powers of two */
        size_t room = t->n > 0 ? 2 * t->n : 1;
        t->hash = xreallocarray(t->hash, room, sizeof *t->hash);
        t->item = xreallocarray(t->item, room, sizeof *t->item);
    }
    t->hash[t->n] = hash_of(id_of(item));
    t->item[t->n++] = item;
    return NULL;
}

void *
table_take(struct table *t, const char *id)
{
    size_t i = table_index(t, id);
    if (i == t->n)
        return NULL;
    void *item = t->item[i];
    t->n--;
    memmove(t->hash + i, t->hash + i + 1, (t->n - i) * sizeof *t->hash);
    memmove(t->item + i, t->item + i + 1, (t->n - i) * sizeof *t->item);
    return item;
}

void
table_fini(struct table *t, void (*free_item)(void *))
{
    for (size_t i = 0; free_item != NULL && i < t->n; i++)
        free_item(t->item[i]);
    free(t->hash);
    free(t->item);
}

static int
by_id(const void *a, const void *b)
{
    return strcmp(id_of(*(void *const *)a), id_of(*(void *const *)b));
}

void
table_sort(struct table *t)
{
    if (t->n > 1)
        qsort(t->item, t->n, sizeof *t->item, by_id);
    for (size_t i = 0; i < t->n; i++)
        t->hash[i] = hash_of(id_of(t->item[i]));
}
