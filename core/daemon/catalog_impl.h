/* catalog_impl.h - what catalog.c and catalog_functions.c share. */
#ifndef EVALD_CATALOG_IMPL_H
#define EVALD_CATALOG_IMPL_H

#include "daemon/catalog.h"
#include "daemon/table.h"

struct functions {
    struct table live;   /* in the order of id */
    struct table coming; /* registered, and not on disk yet */
};
struct functions *catalog_functions(struct catalog *c);
struct store *catalog_store(struct catalog *c);

/* A function of its own for every usable scorer. */
void functions_add_builtin(struct functions *fs, const struct plugins *plugins);

#endif
