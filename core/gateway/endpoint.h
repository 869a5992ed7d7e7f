/* endpoint.h - the model servers of the configuration, with their keys and limits. */
#ifndef GATEWAY_ENDPOINT_H
#define GATEWAY_ENDPOINT_H

#include <stdint.h>

#include "common/err.h"
#include "common/jtext.h"
#include "common/text.h"
#include "gateway/exchange.h"
#include "gateway/limiter.h"
#include "gateway/site.h"

#define ENDPOINT_MAX_ATTEMPTS 4
#define ENDPOINT_TIMEOUT_MS   120000
#define ENDPOINT_KEY_MAX      4096

struct endpoint {
    char *id;
    size_t id_len;
    unsigned index;      /* its place in the set, for ever */
    unsigned generation; /* grows when what asks are made of changes */
    char *trouble;       /* why it cannot be asked, or NULL */
    struct site *site;
    char *key;           /* NULL: none */
    char *headers;       /* JSON object */
    unsigned max_attempts;
    long timeout_ms;
    struct limiter limiter;
    unsigned backing_off; /* asks that wait for their next attempt */
    uint64_t requests, retries, failures;
};

struct endpoints {
    struct engine *engine;
    struct endpoint **list;
    unsigned n;
};

/* One element of CONFIG: makes the endpoint or changes the one of that id.  fds are the key
 * files (borrowed).  -1 with err when the endpoint cannot be used; it is kept all the same, and
 * asks for it get that reason (but for an element without id, which is left out). */
int endpoints_configure(struct endpoints *set, struct jval element, const int *fds,
                        size_t n_fds, struct err *err);
struct endpoint *endpoints_find(const struct endpoints *set, struct str id);
/* Places of all endpoints together. */
size_t endpoints_places(const struct endpoints *set);
/* Appends the head of STATE; true when something is under way. */
bool endpoints_state(const struct endpoints *set, struct text *t);
void endpoints_fini(struct endpoints *set); /* nothing is under way */

#endif
