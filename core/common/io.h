/* io.h - reading and writing whole things; time. */
#ifndef EVALD_IO_H
#define EVALD_IO_H

#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

/* Reads until n bytes or end of file; -1 with errno. */
ssize_t io_read_full(int fd, void *buf, size_t n);
/* The same at an offset. */
ssize_t io_pread_full(int fd, void *buf, size_t n, off_t at);
/* Writes all of it; -1 with errno. */
int io_write_full(int fd, const void *buf, size_t n);
int io_pwrite_full(int fd, const void *buf, size_t n, off_t at);

/* The whole regular file, NUL after its end; ERR_INVALID when it is larger than max or no
 * regular file.  name is relative to dirfd (AT_FDCWD).  Free the result. */
char *io_read_file(int dirfd, const char *name, size_t max, size_t *ret_len, struct err *err);

/* Replaces name below dirfd by writing a neighbour, fsync, rename, fsync of dirfd. */
int io_replace_file(int dirfd, const char *name, const void *buf, size_t n, mode_t mode,
                    struct err *err);

/* A sealed memfd (no write, no resize) holding these bytes, offset 0. */
int io_sealed_memfd(const char *name, const void *buf, size_t n, struct err *err);

int io_set_nonblock(int fd);

int64_t time_mono_ns(void);
int64_t time_mono_coarse_ns(void); /* the same clock as of its last tick, 10 ms ago at most */
int64_t time_unix_ms(void);

#endif
