/* identity.h - which file, in which state: what a cache or a resumed job compares. */
#ifndef EVALD_IDENTITY_H
#define EVALD_IDENTITY_H

#include <stdint.h>
#include <sys/stat.h>

#include "common/mem.h"

/* Device, inode, size, mtime and ctime as one word; free it. */
static inline char *
identity_of(const struct stat *st)
{
    return xasprintf("%jx:%ju:%jd:%jd.%09ld:%jd.%09ld", (uintmax_t)st->st_dev,
                     (uintmax_t)st->st_ino, (intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec,
                     st->st_mtim.tv_nsec, (intmax_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

#endif
