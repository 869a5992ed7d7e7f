/* err.h - the one error type: caller-owned, no allocation.
 *
 * A function that can fail takes "struct err *err" last (NULL allowed) and returns -1 or
 * NULL.  The text is one lower-case line that names the thing, without full stop or
 * newline.  Text that a client of the API sees keeps the wording of the protocol. */
#ifndef EVALD_ERR_H
#define EVALD_ERR_H

#include <stddef.h>

enum err_code {
    ERR_NONE = 0,
    ERR_INVALID,    /* the caller's data or request: 400, exit 1 */
    ERR_USAGE,      /* a command line: exit 2 */
    ERR_DENIED,     /* 403 */
    ERR_NOT_FOUND,  /* 404 (handlers that owe 400 for "not found" say ERR_INVALID) */
    ERR_CONFLICT,   /* 409 */
    ERR_TOO_LARGE,  /* 413 */
    ERR_BUSY,       /* a limit is reached: 429 */
    ERR_INTERNAL,   /* evald is at fault: 500 */
    ERR_IO,         /* disk or kernel: 500 */
    ERR_NOMEM,      /* 500 */
    ERR_PLUGIN,     /* a plugin crashed, hung or broke its contract: 500 */
    ERR_PROTO,      /* the other end of a link broke the frame protocol: 500 */
    ERR_NOTSUP,     /* 501 */
    ERR_REMOTE,     /* a model server failed: 502 */
    ERR_SHUTDOWN,   /* evald is stopping: 503 */
    ERR_NOT_READY,  /* it is on its way, the same request later finds it: 503 */
    ERR_TIMEOUT,    /* 504 */
    ERR_NOSPACE,    /* disk full: 507 */
};

struct err {
    enum err_code code;
    char text[496];
};

/* Sets *err (if not NULL); always returns -1.  Text that does not fit is cut at a
 * character, never inside one. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "text: " in front of what is there; returns -1. */
int err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define ERR_NULL(...) (err_set(__VA_ARGS__), NULL)

/* ENOENT, EACCES, ENOSPC, EDQUOT, ENOMEM, ETIMEDOUT map to their code; all else is ERR_IO. */
enum err_code err_from_errno(int saved_errno);

int         err_http_status(enum err_code code);
int         err_exit_status(enum err_code code); /* 0 for ERR_NONE, 2 for ERR_USAGE, else 1 */
const char *err_code_name(enum err_code code);   /* "invalid", "not_found", ... */

#endif
