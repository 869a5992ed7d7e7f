#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/io.h"
#include "common/mem.h"
#include "common/rows.h"
#include "tap.h"

static int
file_of(const char *p, size_t n)
{
    int fd = memfd_create("rows", MFD_CLOEXEC);
    if (fd < 0 || io_write_full(fd, p, n) < 0)
        abort();
    return fd;
}

/* Every row as "LINE:row;", a bad one as "LINE!;", and how it ended. */
static char *
walk(struct rows *r)
{
    struct text t = TEXT_INIT;
    for (;;) {
        struct str row;
        int64_t line = -1;
        struct err err = { 0 };
        enum rows_result res = rows_next(r, &row, &line, &err);
        if (res == ROWS_ROW)
            text_putf(&t, "%d:%.*s;", (int)line, (int)row.len, row.ptr);
        else if (res == ROWS_BAD)
            text_putf(&t, "%d!;", (int)line);
        if (res == ROWS_FAIL)
            text_putf(&t, "FAIL %s", err.text);
        if (res == ROWS_FAIL || res == ROWS_END)
            return text_take(&t);
    }
}

static void
lines_case(const char *input, size_t n, const char *want, const char *what)
{
    CLEANUP_CLOSE int fd = file_of(input, n);
    struct rows *r = rows_open(fd, ROWS_JSONL, (int64_t)n, "t.jsonl", NULL);
    CLEANUP_FREE char *got = walk(r);
    is_str(got, want, "%s", what);
    CLEANUP_FREE char *again = walk(r);
    is_str(again, "", "%s: the end stays the end", what);
    rows_free(r);
}
#define LINES(input, want, what) lines_case(input, sizeof(input) - 1, want, what)

static void
test_lines(void)
{
    LINES("", "", "an empty file has no rows");
    LINES("{}\n{\"a\":1}\n", "1:{};2:{\"a\":1};", "two rows");
    LINES("{}\n{\"a\":1}", "1:{};2:{\"a\":1};", "the last line needs no line feed");
    LINES("\xef\xbb\xbf{}\n", "1:{};", "a byte order mark is skipped");
    LINES("\xef\xbb\xbf", "", "a byte order mark alone has no rows");
    LINES("{}\n\xef\xbb\xbf{}\n", "1:{};2:\xef\xbb\xbf{};", "further down it is not");
    LINES("{}\r\n\r\n{}\r\n", "1:{};3:{};", "CRLF ends a line, too");
    LINES("\n \t\r\n{}\n  \n\n", "3:{};", "blank lines are no rows but count as lines");
    LINES("{}\r{}\n", "1:{}\r{};", "CR alone ends no line");
    LINES("nonsense\n", "1:nonsense;", "what is in a line is for others to judge");
}

static void
test_long(void)
{
    size_t max = ROWS_ROW_MAX, n = 2 * max + 64;
    CLEANUP_FREE char *buf = xmalloc(n);
    memset(buf, 'x', n);
    static const size_t over[] = { 0, 1, 300000, ROWS_ROW_MAX / 2 };
    for (size_t i = 0; i < ARRAY_LEN(over); i++) {
        size_t len = max + over[i];
        buf[0] = '{';
        memcpy(buf + len, "\n{}\n", 4);
        CLEANUP_CLOSE int fd = file_of(buf, len + 4);
        struct rows *r = rows_open(fd, ROWS_JSONL, (int64_t)len + 4, "t.jsonl", NULL);
        struct str row = { NULL, 0 };
        int64_t line = 0;
        struct err err = { 0 };
        enum rows_result res = rows_next(r, &row, &line, &err);
        is_int(res, over[i] == 0 ? ROWS_ROW : ROWS_BAD, "a row of 16 MiB + %zu", over[i]);
        if (res == ROWS_ROW)
            ok(row.len == len && row.ptr[0] == '{' && row.ptr[len - 1] == 'x', "it is whole");
        else
            is_str(err.text, "t.jsonl:1: the row is longer than 16 MiB", "it is named");
        res = rows_next(r, &row, &line, &err);
        ok(res == ROWS_ROW && line == 2 && str_is(row, "{}"), "the reader goes on");
        is_int(rows_next(r, &row, &line, &err), ROWS_END, "to the end");
        memset(buf + len, 'x', 4);
        rows_free(r);
    }
    memset(buf, ' ', n);
    memcpy(buf + n - 3, "\n{}", 3);
    CLEANUP_CLOSE int fd = file_of(buf, n);
    struct rows *r = rows_open(fd, ROWS_JSONL, (int64_t)n, "t.jsonl", NULL);
    CLEANUP_FREE char *got = walk(r);
    is_str(got, "2:{};", "32 MiB of blanks are no row");
    rows_free(r);
}

static void
hex_of(const void *p, size_t n, char ret[33])
{
    XXH128_canonical_t c;
    XXH128_canonicalFromHash(&c, XXH3_128bits(p, n));
    for (int i = 0; i < 16; i++)
        sprintf(ret + 2 * i, "%02x", c.digest[i]);
}

/* Rows of many lengths, over several buffers. */
static void
test_many(enum rows_format format)
{
    bool csv = format == ROWS_CSV;
    CLEANUP_TEXT struct text all = TEXT_INIT;
    if (csv)
        text_puts(&all, "v\n");
    size_t n = 5000;
    for (size_t i = 0; i < n; i++) {
        text_putc(&all, '"');
        for (size_t k = 0; k < i * 7919 % 1500; k++)
            text_putc(&all, (char)('a' + (i + k) % 26));
        text_putf(&all, "%zu\"%s", i, i % 3 == 0 ? "\r\n" : "\n");
    }
    CLEANUP_CLOSE int fd = file_of(all.ptr, all.len);
    struct rows *r = rows_open(fd, format, (int64_t)all.len, "t", NULL);
    struct rows_mark mark = { 0 };
    struct str row;
    int64_t line = 0;
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        if (i == 3210)
            mark = rows_tell(r);
        CLEANUP_FREE char *tail = xasprintf("%zu\"%s", i, csv ? "}" : "");
        size_t m = strlen(tail);
        if (rows_next(r, &row, &line, NULL) != ROWS_ROW || line != (int64_t)i + 1 + csv
            || row.len != i * 7919 % 1500 + m + 1 + (csv ? 5 : 0)
            || memcmp(row.ptr + row.len - m, tail, m) != 0)
            good = false;
    }
    ok(good, "all rows come whole and in order");
    is_int(rows_next(r, &row, &line, NULL), ROWS_END, "then the end");
    char got[33], want[33];
    rows_hash(r, got);
    hex_of(all.ptr, all.len, want);
    is_str(got, want, "the hash is that of the file");
    is_int(rows_tell(r).index, n, "the index is that of the next row");

    is_int(mark.index, 3210, "a mark knows its row");
    is_int(mark.line, 3211 + csv, "and its line");
    rows_seek(r, &mark);
    ok(rows_next(r, &row, &line, NULL) == ROWS_ROW && line == 3211 + csv
           && memmem(row.ptr, row.len, "3210\"", 5) != NULL,
       "seek goes back to it");
    is_int(rows_skip(r, 700, NULL), 700, "skip passes over so many");
    ok(rows_next(r, &row, &line, NULL) == ROWS_ROW
           && memmem(row.ptr, row.len, "3911\"", 5) != NULL,
       "and leaves the next");
    is_int(rows_tell(r).index, 3912, "which counts");
    is_int(rows_count(r, NULL), (long long)n - 3912, "count gives the rest");
    is_int(rows_skip(r, 1, NULL), 0, "at the end nothing is left");
    rows_free(r);

    r = rows_open(fd, format, (int64_t)all.len, "t", NULL);
    struct rows_mark first = rows_tell(r);
    is_int(rows_count(r, NULL), n, "count of a fresh reader");
    rows_hash(r, got);
    is_str(got, want, "counting hashes, too");
    rows_seek(r, &first);
    is_int(rows_count(r, NULL), n, "back to the first row and once more");
    rows_free(r);
}

static void
test_shrink(enum rows_format format)
{
    CLEANUP_TEXT struct text all = TEXT_INIT;
    text_puts(&all, format == ROWS_CSV ? "v\n" : "{}\n");
    for (int i = 0; i < 200000; i++)
        text_putf(&all, "\"%06d\"\n", i);
    CLEANUP_CLOSE int fd = file_of(all.ptr, all.len);
    struct rows *r = rows_open(fd, format, (int64_t)all.len, "t", NULL);
    struct str row;
    int64_t line;
    struct err err = { 0 };
    is_int(rows_next(r, &row, &line, &err), ROWS_ROW, "a row comes");
    if (ftruncate(fd, (off_t)all.len / 2) < 0)
        abort();
    enum rows_result res;
    long n = 1;
    while ((res = rows_next(r, &row, &line, &err)) == ROWS_ROW)
        n++;
    is_int(res, ROWS_FAIL, "a file that shrinks is no short success");
    ok(strstr(err.text, "t: the data set shrank while it was read") != NULL, "%s", err.text);
    ok(n > 99000 && n <= 100001, "what was there was read (%ld)", n);
    is_int(rows_next(r, &row, &line, &err), ROWS_FAIL, "it stays so");
    is_int(rows_skip(r, 1, &err), -1, "for skip, too");
    rows_free(r);

    r = rows_open(fd, format, (int64_t)all.len, "t", &err);
    if (format == ROWS_CSV)
        ok(r == NULL && strstr(err.text, "shrank") != NULL, "open finds it");
    else
        is_int(rows_count(r, &err), -1, "count finds it");
    rows_free(r);
    /* Bytes behind the snapshot do not exist. */
    r = rows_open(fd, format, format == ROWS_CSV ? 2 + 27 : 3 + 27, "t", NULL);
    is_int(rows_count(r, NULL), format == ROWS_CSV ? 3 : 4,
           "the snapshot ends where it was said");
    rows_free(r);
}

static void
test_no_file(void)
{
    struct err err = { 0 };
    struct rows *r = rows_open(-1, ROWS_JSONL, 10, "gone", NULL);
    struct str row;
    int64_t line;
    is_int(rows_next(r, &row, &line, &err), ROWS_FAIL, "a descriptor that cannot be read");
    is_int(err.code, ERR_IO, "is an I/O error");
    is_str(err.text, "gone: read: Bad file descriptor", "and is named");
    rows_free(r);
}

int
main(void)
{
    test_lines();
    test_long();
    test_many(ROWS_JSONL);
    test_many(ROWS_CSV);
    test_shrink(ROWS_JSONL);
    test_shrink(ROWS_CSV);
    test_no_file();
    return tap_done();
}
