#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/io.h"
#include "common/jtext.h"
#include "common/mem.h"
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

static int
write_all(int dirfd, const char *name, struct str rows, int64_t *bytes, int64_t *count)
{
    CLEANUP_CLOSE int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    CLEANUP_TEXT struct text buf = TEXT_INIT;
    struct jiter it = jtext_iter(jtext_value(rows));
    while (next_chunk(&it, &buf, count)) {
        if (io_write_full(fd, buf.ptr, buf.len) < 0)
            return -1;
        *bytes += (int64_t)buf.len;
    }
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
    if (write_all(dirfd, name, rows, &bytes, &count) < 0) {
        enum err_code code = err_from_errno(errno) == ERR_NOSPACE ? ERR_NOSPACE : ERR_IO;
        err_set(err, code, "cannot keep the rows: %m");
        unlinkat(dirfd, name, 0);
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
