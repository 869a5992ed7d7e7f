#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/mem.h"

static const struct {
    const char *name;
    int http, exit_status;
} codes[] = {
    [ERR_NONE] = { "none", 200, 0 },
    [ERR_INVALID] = { "invalid", 400, 1 },
    [ERR_USAGE] = { "usage", 400, 2 },
    [ERR_DENIED] = { "denied", 403, 1 },
    [ERR_NOT_FOUND] = { "not_found", 404, 1 },
    [ERR_CONFLICT] = { "conflict", 409, 1 },
    [ERR_TOO_LARGE] = { "too_large", 413, 1 },
    [ERR_BUSY] = { "busy", 429, 1 },
    [ERR_INTERNAL] = { "internal", 500, 1 },
    [ERR_IO] = { "io", 500, 1 },
    [ERR_NOMEM] = { "no_memory", 500, 1 },
    [ERR_PLUGIN] = { "plugin", 500, 1 },
    [ERR_PROTO] = { "protocol", 500, 1 },
    [ERR_NOTSUP] = { "not_supported", 501, 1 },
    [ERR_REMOTE] = { "remote", 502, 1 },
    [ERR_SHUTDOWN] = { "shutdown", 503, 1 },
    [ERR_NOT_READY] = { "not_ready", 503, 1 },
    [ERR_TIMEOUT] = { "timeout", 504, 1 },
    [ERR_NOSPACE] = { "no_space", 507, 1 },
};

/* vsnprintf may have cut a UTF-8 sequence: drop its remains. */
static void
trim_partial(char *text, size_t room, int wanted)
{
    if (wanted < 0 || (size_t)wanted < room)
        return;
    size_t n = strlen(text), back = 0;
    while (back < 3 && back < n && ((unsigned char)text[n - 1 - back] & 0xc0) == 0x80)
        back++;
    if (back >= n)
        return;
    unsigned char lead = (unsigned char)text[n - 1 - back];
    size_t need = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (back != need)
        text[n - 1 - back] = '\0';
}

int
err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    if (err == NULL)
        return -1;
    int saved = errno;
    va_list ap;
    va_start(ap, fmt);
    errno = saved; /* for %m */
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    trim_partial(err->text, sizeof err->text, n);
    err->code = code;
    errno = saved;
    return -1;
}

int
err_prefix(struct err *err, const char *fmt, ...)
{
    if (err == NULL)
        return -1;
    char old[sizeof err->text];
    memcpy(old, err->text, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->text) {
        size_t room = sizeof err->text - (size_t)n;
        n = snprintf(err->text + n, room, ": %s", old);
        trim_partial(err->text, room, n);
    }
    return -1;
}

enum err_code
err_from_errno(int saved_errno)
{
    switch (saved_errno) {
    case ENOENT: return ERR_NOT_FOUND;
    case EACCES:
    case EPERM: return ERR_DENIED;
    case ENOSPC:
    case EDQUOT: return ERR_NOSPACE;
    case ENOMEM: return ERR_NOMEM;
    case ETIMEDOUT: return ERR_TIMEOUT;
    default: return ERR_IO;
    }
}

int
err_http_status(enum err_code code)
{
    return (size_t)code < ARRAY_LEN(codes) ? codes[code].http : 500;
}

int
err_exit_status(enum err_code code)
{
    return (size_t)code < ARRAY_LEN(codes) ? codes[code].exit_status : 1;
}

const char *
err_code_name(enum err_code code)
{
    return (size_t)code < ARRAY_LEN(codes) ? codes[code].name : "internal";
}
