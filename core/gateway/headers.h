/* headers.h - the header lines of a request, put together once and used by many. */
#ifndef GATEWAY_HEADERS_H
#define GATEWAY_HEADERS_H

#include <curl/curl.h>
#include <stdbool.h>

#include "common/err.h"
#include "common/text.h"

struct headers {
    unsigned refs;
    bool secret; /* holds headers of a SECRET: not kept beyond the exchange */
    struct curl_slist *list;
};

/* From JSON objects of strings, the first that names a header wins: secret, then the
 * endpoint's key (sent as Authorization: Bearer), the endpoint's own, the ask's.  Empty
 * text and NULL are nothing.  ERR_INVALID names a header that cannot be sent, or that an
 * ask may not set. */
struct headers *headers_new(struct str secret, const char *key, struct str endpoint,
                            struct str ask, struct err *err);
struct headers *headers_ref(struct headers *h);
/* The last reference wipes the lines before they are freed.  NULL allowed. */
void headers_unref(struct headers *h);

/* An object whose members are all strings that can be sent?  err names the one that cannot. */
int headers_check(struct str object, struct err *err);

#endif
