#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"

static void *
or_abort(void *p)
{
    if (p == NULL) {
        static const char text[] = "out of memory\n";
        ssize_t n = write(STDERR_FILENO, text, sizeof text - 1);
        (void)n;
        abort();
    }
    return p;
}

void *
xmalloc(size_t n)
{
    return or_abort(malloc(n ? n : 1));
}

void *
xcalloc(size_t n, size_t size)
{
    return or_abort(calloc(n ? n : 1, size ? size : 1));
}

void *
xrealloc(void *p, size_t n)
{
    return or_abort(realloc(p, n ? n : 1));
}

void *
xreallocarray(void *p, size_t n, size_t size)
{
    return or_abort(reallocarray(p, n ? n : 1, size ? size : 1));
}

char *
xstrdup(const char *s)
{
    return or_abort(strdup(s));
}

char *
xstrndup(const char *s, size_t n)
{
    return or_abort(strndup(s, n));
}

char *
xasprintf(const char *fmt, ...)
{
    va_list ap;
    char *s = NULL;
    va_start(ap, fmt);
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    return or_abort(n < 0 ? NULL : s);
}

void
mem_cleanup_free(void *pp)
{
    int saved = errno;
    free(*(void **)pp);
    errno = saved;
}

void
mem_cleanup_close(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        close(*fd);
    errno = saved;
}
