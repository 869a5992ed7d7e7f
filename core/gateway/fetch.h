/* fetch.h - whole documents for evald: a URL into a file.
 *
 * GET, over the same connections, proxies and certificates as the exchanges of runners; no
 * credentials.  Redirects are followed to the origins that evald names, from https to http
 * never.  408, 429, 5xx and lost connections are tried again from the beginning. */
#ifndef GATEWAY_FETCH_H
#define GATEWAY_FETCH_H

#include <ev.h>

#include "gateway/exchange.h"
#include "gateway/wire.h"
#include "common/jtext.h"

#define FETCH_REDIRECTS 5
#define FETCH_ATTEMPTS  4

struct fetch;
struct fetches {
    struct ev_loop *loop;
    struct engine *engine;
    struct wire *wire; /* where FETCHED goes; NULL: nowhere any more */
    struct fetch *list;
};

/* Begins what a FETCH asks for; fd is taken.  FETCHED with that tag follows, later than this
 * returns, unless it is dropped.  -1: the head makes no sense. */
int fetch_start(struct fetches *all, uint64_t tag, struct jval head, int fd);
void fetch_drop(struct fetches *all, uint64_t tag);
/* Gives all of them up, silently. */
void fetches_fini(struct fetches *all);

#endif
