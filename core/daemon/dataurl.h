/* dataurl.h - data: URLs as clients of the API send them:
 *
 *     data:MIMETYPE[;charset=NAME][;base64],PAYLOAD
 *
 * in this order, nothing else. */
#ifndef EVALD_DATAURL_H
#define EVALD_DATAURL_H

#include "common/err.h"
#include "common/text.h"

/* *ret_mime is a part of url; the payload's bytes are appended to ret_bytes (untouched on
 * failure).  ERR_INVALID with the protocol's "Invalid Data URL format", or what is wrong with
 * charset (of text: UTF-8 and its subset only) or base64. */
int dataurl_decode(const char *url, struct str *ret_mime, struct text *ret_bytes,
                   struct err *err);

/* Appends z with each %XX as its byte; a % without two hex digits stays as it is. */
void percent_decode(struct text *t, const char *z);

#endif
