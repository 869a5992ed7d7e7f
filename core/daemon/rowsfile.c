#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "common/jtext.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/rows.h"
#include "daemon/rowsfile.h"

#define CHUNK (256u << 10)

void
rowsfile_uuid(char ret_uuid[37])
{
    uint8_t b[16];
    ssize_t n = getrandom(b, sizeof b, 0);
    assert(n == (ssize_t)sizeof b);
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    char *p = ret_uuid;
    for (size_t i = 0; i < sizeof b; i++)
        p += sprintf(p, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
}

char *
rowsfile_name(void)
{
    char uuid[37];
    rowsfile_uuid(uuid);
    return xasprintf("%s.jsonl", uuid);
}

bool
rowsfile_is_name(const char *name)
{
    return strlen(name) == 36 + 6 && strspn(name, "0123456789abcdef-") == 36
           && strcmp(name + 36, ".jsonl") == 0;
}

char *
rowsfile_part_name(void)
{
    char uuid[37];
    rowsfile_uuid(uuid);
    return xasprintf("%s.part", uuid);
}

bool
rowsfile_is_fetched(const char *name)
{
    static const char *const ends[] = { ".csv", ".jsonl", ".json" };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (strspn(name, "0123456789abcdef") == 64 && strcmp(name + 64, ends[i]) == 0)
            return true;
    return false;
}

bool
rowsfile_is_ours(const char *name)
{
    bool part = strlen(name) == 36 + 5 && strspn(name, "0123456789abcdef-") == 36
                && strcmp(name + 36, ".part") == 0;
    return part || rowsfile_is_name(name) || rowsfile_is_fetched(name);
}

/* The content of the file, a chunk at a time: while (next_chunk(&it, &buf, &count)) ... */
static bool
next_chunk(struct jiter *it, struct text *buf, int64_t *count)
{
    struct jval v;
    text_clear(buf);
    while (buf->len < CHUNK && jtext_next(it, NULL, &v)) {
        jtext_put_compact(buf, v);
        text_putc(buf, '\n');
        ++*count;
    }
    return buf->len > 0;
}

/* The rows to the file from that offset on; adds their bytes and number. */
static int
put_rows(int fd, int64_t at, struct str rows, int64_t *bytes, int64_t *count)
{
    CLEANUP_TEXT struct text buf = TEXT_INIT;
    struct jiter it = jtext_iter(jtext_value(rows));
    while (next_chunk(&it, &buf, count)) {
        if (io_pwrite_full(fd, buf.ptr, buf.len, at + *bytes) < 0)
            return -1;
        *bytes += (int64_t)buf.len;
    }
    return 0;
}

/* Could a reader take each of them? */
static int
check_rows(struct str rows, struct err *err)
{
    struct jiter it = jtext_iter(jtext_value(rows));
    struct jval v;
    for (size_t i = 0; rows.len > ROWS_ROW_MAX && jtext_next(&it, NULL, &v); i++)
        if (v.raw.len > ROWS_ROW_MAX)
            return err_set(err, ERR_INVALID, "row %zu is longer than %u MiB", i,
                           ROWS_ROW_MAX >> 20);
    return 0;
}

static int
cannot_keep(struct err *err)
{
    enum err_code code = err_from_errno(errno) == ERR_NOSPACE ? ERR_NOSPACE : ERR_IO;
    return err_set(err, code, "cannot keep the rows: %m");
}

static int
write_all(int dirfd, const char *name, struct str rows, int64_t *bytes, int64_t *count)
{
    CLEANUP_CLOSE int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || put_rows(fd, 0, rows, bytes, count) < 0)
        return -1;
    /* close() too: some file systems only find there that the disk is full */
    if (fsync(fd) < 0 || close(TAKE_FD(fd)) < 0)
        return -1;
    return fsync(dirfd);
}

int
rowsfile_write(int dirfd, const char *name, struct str rows, int64_t *ret_bytes,
               int64_t *ret_count, struct err *err)
{
    int64_t bytes = 0, count = 0;
    if (check_rows(rows, err) < 0)
        return -1;
    if (write_all(dirfd, name, rows, &bytes, &count) < 0) {
        cannot_keep(err);
        unlinkat(dirfd, name, 0);
        return -1;
    }
    *ret_bytes = bytes;
    *ret_count = count;
    return 0;
}

/* Leaves bytes behind length in the file when it fails. */
static int
append_all(int fd, int64_t length, struct str rows, int64_t *bytes, int64_t *count)
{
    if (ftruncate(fd, length) < 0 || put_rows(fd, length, rows, bytes, count) < 0)
        return -1;
    return fsync(fd);
}

int
rowsfile_append(int dirfd, const char *name, int64_t length, struct str rows,
                int64_t *ret_bytes, int64_t *ret_count, struct err *err)
{
    int64_t bytes = 0, count = 0;
    struct stat st;
    if (check_rows(rows, err) < 0)
        return -1;
    CLEANUP_CLOSE int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_set(err, ERR_IO, "its rows are lost: %s: %m", name);
    if (!S_ISREG(st.st_mode) || st.st_size < length)
        return err_set(err, ERR_IO, "its rows are damaged: %s holds %jd of %jd bytes", name,
                       (intmax_t)st.st_size, (intmax_t)length);
    if (append_all(fd, length, rows, &bytes, &count) < 0) {
        cannot_keep(err);
        if (ftruncate(fd, length) < 0)
            log_warning("rows that do not count stay on the disk file=%s: %m", name);
        return -1;
    }
    *ret_bytes = bytes;
    *ret_count = count;
    return 0;
}

int
rowsfile_same(int dirfd, const char *name, int64_t bytes, struct str rows, struct err *err)
{
    CLEANUP_CLOSE int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
    CLEANUP_FREE char *old = xmalloc(CHUNK);
    CLEANUP_TEXT struct text buf = TEXT_INIT;
    struct jiter it = jtext_iter(jtext_value(rows));
    int64_t at = 0, count = 0;
    if (fd < 0)
        return err_set(err, ERR_IO, "cannot read the rows registered before: %m");
    while (next_chunk(&it, &buf, &count)) {
        if ((int64_t)buf.len > bytes - at)
            return 0;
        for (size_t done = 0, n; done < buf.len; done += n, at += (int64_t)n) {
            n = buf.len - done < CHUNK ? buf.len - done : CHUNK;
            ssize_t got = io_pread_full(fd, old, n, at);
            if (got != (ssize_t)n)
                return err_set(err, ERR_IO, "cannot read the rows registered before: %s",
                               got < 0 ? strerror(errno) : "the file is too short");
            if (memcmp(old, buf.ptr + done, n) != 0)
                return 0;
        }
    }
    return at == bytes;
}
