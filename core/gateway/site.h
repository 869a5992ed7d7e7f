/* site.h - where an endpoint is: its base URL, checked and taken apart.
 *
 * http://, https://, or http+unix:// with the percent-encoded path of a socket as its host:
 * http+unix://%2Frun%2Fx.sock/v1. */
#ifndef GATEWAY_SITE_H
#define GATEWAY_SITE_H

#include <stdbool.h>

#include "common/err.h"
#include "common/text.h"

struct exchange;

struct site {
    char *given;     /* as in the configuration */
    char *base;      /* for libcurl, without a slash at its end */
    char *socket;    /* path of a Unix socket, or NULL */
    char *host;      /* "host:port" or the socket, for messages; no credentials */
    bool direct;     /* on this machine: proxies of the environment do not apply */
    /* exchange.c's: */
    struct exchange *idle;
    unsigned n_exchanges, n_busy;
    bool retired;    /* freed when the last exchange ends */
};

/* ERR_INVALID says what is wrong with the URL; the text never repeats a password. */
struct site *site_new(struct str url, struct err *err);
void site_free(struct site *s); /* its exchanges are gone */

/* Whether path (with query) stays below a base URL when it is put behind it: visible ASCII,
 * "/" first, no "." or ".." as a segment, no "#" or "\". */
bool site_path_ok(struct str path);

#endif
