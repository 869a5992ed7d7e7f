/* mem.h - allocation and clean-up idioms.
 *
 * Small allocations use x*() and abort when memory is out (the service manager restarts
 * evald; nothing acknowledged is lost).  A size that came from outside goes to malloc and
 * ERR_NOMEM instead. */
#ifndef EVALD_MEM_H
#define EVALD_MEM_H

#include <stddef.h>
#include <stdlib.h>

void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void mem_cleanup_free(void *pp);
void mem_cleanup_close(int *fd);

/* Freed, or closed, when the scope is left; TAKE() hands the value out instead. */
#define CLEANUP_FREE  __attribute__((cleanup(mem_cleanup_free)))
#define CLEANUP_CLOSE __attribute__((cleanup(mem_cleanup_close)))
#define TAKE(p) \
    __extension__({ __typeof__(p) take_ = (p); (p) = NULL; take_; })
#define TAKE_FD(fd) \
    __extension__({ int take_ = (fd); (fd) = -1; take_; })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
