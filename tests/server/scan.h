/* scan.h - the server's own eye on JSON.
 *
 * On purpose not the parser of evald: what evald's adapters write is read here by other
 * code.  Lenient (it skips what it does not need) but it never reads outside [p, end). */
#ifndef SERVER_SCAN_H
#define SERVER_SCAN_H

#include <stdbool.h>

#include "common/text.h"

const char *scan_space(const char *p, const char *end);
/* Just past the value at p; NULL when it is broken. */
const char *scan_skip(const char *p, const char *end);
/* Decodes the string whose quote p points at onto t. */
void scan_decode(struct text *t, const char *p, const char *end);

/* Calls fn with every member of the object at p: its raw key and the start of its value.
 * false when the object is broken or fn says so. */
typedef bool scan_member_fn(void *arg, struct str key, const char *value, const char *end);
bool scan_members(const char *p, const char *end, scan_member_fn *fn, void *arg);

struct request {
    struct str model; /* raw, without quotes */
    const char *messages, *prompt, *input; /* starts of values; NULL: not there */
    struct str must_call; /* raw, the function that tool_choice names; else empty */
    bool stream;
};
bool scan_request(struct request *r, struct str body);
/* Sets t to the text of the last user message of the array at p; returns the number of
 * messages, -1 when broken. */
int scan_last_user(struct text *t, const char *p, const char *end);
/* The element of an array at *p is behind us: moves to the next one. */
bool scan_next_element(const char **p, const char *end);

#endif
