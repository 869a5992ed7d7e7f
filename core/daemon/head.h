/* head.h - the head of an HTTP/1.1 request, looked at before libmicrohttpd reads it.
 *
 * libmicrohttpd answers what it cannot parse by itself, with HTML, or just hangs up; and it lets
 * pass what two programs may understand in two ways.  So conn.c shows every head to
 * head_read() first: what this accepts, libmicrohttpd understands in the same way.  The rules
 * are those of RFC 9112, but that a missing Host is no fault.  Pure; any thread. */
#ifndef EVALD_HEAD_H
#define EVALD_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/text.h"

#define HEAD_MAX    8192u /* bytes: request line, fields and the empty line */
#define HEAD_FIELDS 100u
/* A bound of the memory that libmicrohttpd needs for a head: its bytes, those of cookies twice,
 * and an entry for each header, cookie and parameter of the query. */
#define HEAD_WEIGHT (12u << 10)

enum head_found { HEAD_WHOLE, HEAD_MORE /* bytes are needed */, HEAD_BAD };

struct head {
    size_t len; /* with the empty lines before it, which are skipped */
    uint64_t body; /* Content-Length, or 0 */
    bool chunked;
    bool expects; /* waits for "100 Continue" before it sends the body */
};

struct head_fault {
    unsigned status; /* of the answer, 400 to 505 */
    const char *text;
};

/* bytes: from the first byte of a request on, as many as there are.  A fault is told as soon as
 * it can be seen, be the head whole or not. */
enum head_found head_read(struct str bytes, struct head *ret, struct head_fault *fault);

/* The same for a chunked body with its trailer: *ret_len is its length when it is whole. */
enum head_found head_read_chunks(struct str bytes, size_t *ret_len, struct head_fault *fault);

#endif
