/* table.h - things in order, found by id.
 *
 * The first member of a thing is its id (char *).  The hashes stand together, so that a search
 * of many thousand reads little memory; there are never so many that it must be better. */
#ifndef EVALD_TABLE_H
#define EVALD_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table {
    uint64_t *hash;
    void **item;
    size_t n;
};

void *table_find(const struct table *t, const char *id);
void *table_at(const struct table *t, size_t i); /* NULL at the end */
/* Puts item in the place of the one with its id, which is returned, else at the end. */
void *table_set(struct table *t, void *item);
void *table_take(struct table *t, const char *id); /* NULL: not there */
void  table_sort(struct table *t); /* by id */
void  table_fini(struct table *t, void (*free_item)(void *)); /* NULL: items are not ours */

#endif
