/* regexes.h - the parsing_regexes of an instance: compiled when their turn comes, so that one
 * that is wrong does no harm behind one that always decides. */
#ifndef EVALD_PLUGIN_BASIC_REGEXES_H
#define EVALD_PLUGIN_BASIC_REGEXES_H

#include <stdatomic.h>

#include "pyre.h"

struct regex {
    struct evald_str pattern;
    _Atomic(struct pyre *) re; /* NULL: its turn has not come, or it is none */
};

struct regexes {
    struct regex *all;
    size_t n;
};

/* open() and close() of a plugin whose instance is a struct regexes: parsing_regexes of params,
 * none when it is not there. */
int32_t regexes_open(struct evald_call *c, struct evald_str params, void **self);
void regexes_close(void *self);

/* The i-th; NULL: evald_fail() has been called, and the caller returns EVALD_E_CONFIG.  Any
 * threads at once. */
const struct pyre *regexes_get(struct evald_call *c, struct regexes *r, size_t i);

#define REGEXES_SCHEMA(description) \
    "{\"type\":\"object\",\"properties\":{" \
    "\"type\":{\"const\":\"regex_parser\"}," \
    "\"parsing_regexes\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"default\":[]," \
    "\"description\":\"" description "\"}}}"

#endif
