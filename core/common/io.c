#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/io.h"
#include "common/mem.h"

#define HERE ((off_t)-1) /* where the descriptor stands */

static ssize_t
read_full(int fd, char *buf, size_t n, off_t at)
{
    size_t got = 0;
    while (got < n) {
        ssize_t k = at == HERE ? read(fd, buf + got, n - got)
                               : pread(fd, buf + got, n - got, at + (off_t)got);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return -1;
        if (k == 0)
            break;
        got += (size_t)k;
    }
    return (ssize_t)got;
}

static int
write_full(int fd, const char *buf, size_t n, off_t at)
{
    size_t put = 0;
    while (put < n) {
        ssize_t k = at == HERE ? write(fd, buf + put, n - put)
                               : pwrite(fd, buf + put, n - put, at + (off_t)put);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return -1;
        put += (size_t)k;
    }
    return 0;
}

ssize_t
io_read_full(int fd, void *buf, size_t n)
{
    return read_full(fd, buf, n, HERE);
}

ssize_t
io_pread_full(int fd, void *buf, size_t n, off_t at)
{
    return read_full(fd, buf, n, at);
}

int
io_write_full(int fd, const void *buf, size_t n)
{
    return write_full(fd, buf, n, HERE);
}

int
io_pwrite_full(int fd, const void *buf, size_t n, off_t at)
{
    return write_full(fd, buf, n, at);
}

char *
io_read_file(int dirfd, const char *name, size_t max, size_t *ret_len, struct err *err)
{
    CLEANUP_CLOSE int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return ERR_NULL(err, err_from_errno(errno), "%s: %m", name);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return ERR_NULL(err, ERR_IO, "%s: stat: %m", name);
    if (!S_ISREG(st.st_mode) || (uintmax_t)st.st_size > max)
        return ERR_NULL(err, ERR_INVALID, "%s: not a regular file of at most %zu bytes", name,
                        max);
    CLEANUP_FREE char *buf = malloc((size_t)st.st_size + 1);
    if (buf == NULL)
        return ERR_NULL(err, ERR_NOMEM, "%s: out of memory", name);
    ssize_t n = io_read_full(fd, buf, (size_t)st.st_size);
    if (n < 0)
        return ERR_NULL(err, ERR_IO, "%s: read: %m", name);
    buf[n] = '\0';
    *ret_len = (size_t)n;
    return TAKE(buf);
}

int
io_replace_file(int dirfd, const char *name, const void *buf, size_t n, mode_t mode,
                struct err *err)
{
    CLEANUP_FREE char *tmp = xasprintf("%s.new", name);
    CLEANUP_CLOSE int fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return err_set(err, err_from_errno(errno), "%s: %m", tmp);
    if (io_write_full(fd, buf, n) < 0 || fsync(fd) < 0) {
        err_set(err, err_from_errno(errno), "write %s: %m", tmp);
        unlinkat(dirfd, tmp, 0);
        return -1;
    }
    if (renameat(dirfd, tmp, dirfd, name) < 0) {
        err_set(err, err_from_errno(errno), "rename %s to %s: %m", tmp, name);
        unlinkat(dirfd, tmp, 0);
        return -1;
    }
    if (dirfd != AT_FDCWD && fsync(dirfd) < 0)
        return err_set(err, err_from_errno(errno), "fsync the directory of %s: %m", name);
    return 0;
}

int
io_sealed_memfd(const char *name, const void *buf, size_t n, struct err *err)
{
    CLEANUP_CLOSE int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return err_set(err, err_from_errno(errno), "memfd %s: %m", name);
    if (io_write_full(fd, buf, n) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return err_set(err, err_from_errno(errno), "memfd %s: %m", name);
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return err_set(err, ERR_IO, "seal memfd %s: %m", name);
    return TAKE_FD(fd);
}

int
io_set_nonblock(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int64_t
time_mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t
time_mono_coarse_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t
time_unix_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
