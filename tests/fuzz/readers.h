/* readers.h - what must hold for a reader of rows, whatever the file. */
#ifndef EVALD_FUZZ_READERS_H
#define EVALD_FUZZ_READERS_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/io.h"
#include "common/jtext.h"
#include "common/mem.h"
#include "common/rows.h"

#define READERS_BORDER (256u << 10) /* a reader's buffer ends at multiples of it */

/* before bytes of blanks, which are no row, and the input. */
static int
readers_file(struct str in, size_t before)
{
    CLEANUP_FREE char *buf = xmalloc(before + in.len + 1);
    memset(buf, ' ', before);
    if (before > 0)
        buf[before - 1] = '\n';
    memcpy(buf + before, in.ptr, in.len);
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || io_write_full(fd, buf, before + in.len) < 0)
        abort();
    return fd;
}

/* All rows, each with "LINE:" before and a line feed behind, and how it ended; marks gets the
 * place of each.  before: lines that the file has more than the input. */
static void
readers_walk(struct rows *r, bool csv, int64_t before, struct text *ret, struct rows_mark *marks,
             size_t n_marks)
{
    for (size_t i = 0;; i++) {
        struct str row;
        int64_t line;
        struct err err = { ERR_NONE, "" };
        struct rows_mark m = rows_tell(r);
        assert(m.index == (int64_t)i);
        if (i < n_marks)
            marks[i] = m;
        enum rows_result res = rows_next(r, &row, &line, &err);
        assert(res != ROWS_FAIL); /* what is wrong with a file is found when it is opened */
        if (res == ROWS_END) {
            text_putf(ret, "%d", (int)res);
            return;
        }
        if (res == ROWS_BAD) {
            text_putf(ret, "%jd!\n", (intmax_t)(line - before));
            continue;
        }
        struct jval v;
        size_t at;
        if (csv) {
            int rc = jtext_check(row, &v, &at, NULL);
            assert(rc == 0 && v.kind == J_OBJECT && jtext_count(v) > 0);
            (void)rc;
        }
        assert(memchr(row.ptr, '\n', row.len) == NULL);
        text_putf(ret, "%jd:", (intmax_t)(line - before));
        text_put_str(ret, row);
        text_putc(ret, '\n');
    }
}

static bool
readers_same(const struct text *a, const struct text *b)
{
    return a->len == b->len && memcmp(a->ptr, b->ptr, a->len) == 0;
}

/* The same rows when the input lies across the border of a buffer. */
static void
readers_border(struct str in, enum rows_format format, const struct text *rows)
{
    if (in.len >= 3 && memcmp(in.ptr, "\xef\xbb\xbf", 3) == 0)
        in = (struct str){ in.ptr + 3, in.len - 3 }; /* a mark at the start of the file only */
    size_t before = READERS_BORDER - (in.len > 1 ? (unsigned char)in.ptr[0] % in.len : 1);
    CLEANUP_CLOSE int fd = readers_file(in, before);
    CLEANUP_TEXT struct text again = TEXT_INIT;
    struct rows *r = rows_open(fd, format, (int64_t)(before + in.len), "f", NULL);
    if (r == NULL)
        text_puts(&again, "none");
    else
        readers_walk(r, format == ROWS_CSV, 1, &again, NULL, 0);
    assert(readers_same(rows, &again));
    rows_free(r);
}

/* From a mark on, the rest is what it was when read through. */
static void
readers_seek(struct rows *r, const struct text *rows, const struct rows_mark *marks, size_t k)
{
    const char *rest = rows->ptr;
    for (size_t i = 0; i < k; i++) {
        rest = strchr(rest, '\n');
        if (rest == NULL)
            return; /* it has fewer rows */
        rest++;
    }
    CLEANUP_TEXT struct text again = TEXT_INIT;
    struct str row;
    int64_t line;
    rows_seek(r, &marks[k]);
    enum rows_result res = rows_next(r, &row, &line, NULL);
    if (res == ROWS_ROW) {
        text_putf(&again, "%jd:", (intmax_t)line);
        text_put_str(&again, row);
        text_putc(&again, '\n');
    } else if (res == ROWS_BAD) {
        text_putf(&again, "%jd!\n", (intmax_t)line);
    } else {
        text_putf(&again, "%d", (int)res);
    }
    assert(strncmp(rest, again.ptr, again.len) == 0);
}

/* The slowest of all checks is not for thousands of single rows, nor for fuzzing. */
static bool
readers_thorough(struct str in)
{
#ifdef EVALD_FUZZING
    (void)in;
    return false;
#else
    return in.len > 0 && memchr(in.ptr, '\n', in.len) != NULL;
#endif
}

static void
readers_check(struct str in, enum rows_format format)
{
    enum { MARKS = 64 };
    struct rows_mark marks[MARKS] = { { 0 } };
    bool csv = format == ROWS_CSV;
    CLEANUP_CLOSE int fd = readers_file(in, 0);
    CLEANUP_TEXT struct text rows = TEXT_INIT, again = TEXT_INIT;
    struct err err = { ERR_NONE, "" }, scan_err = { ERR_NONE, "" };
    int64_t size = (int64_t)in.len, passed = 0, got;

    struct rows *r = rows_open(fd, format, size, "f", &err);
    struct rows *scan = rows_open_scan(fd, format, size, "f", &scan_err);
    struct rows_mark first = { 0 };
    if (scan != NULL)
        first = rows_tell(scan);
    while (scan != NULL && (got = rows_scan(scan, 3, &scan_err)) != 0) {
        if (got < 0)
            break;
        passed += got;
    }
    assert((r == NULL) == (scan_err.code != ERR_NONE));
    if (r == NULL) {
        assert(csv && err.code != ERR_NONE && strcmp(err.text, scan_err.text) == 0);
        text_puts(&rows, "none");
    } else {
        readers_walk(r, csv, 0, &rows, marks, MARKS);
        for (size_t k = 0; k < MARKS; k += 1 + k / 4)
            readers_seek(r, &rows, marks, k);
        rows_seek(r, &marks[0]);
        int64_t count = rows_count(r, NULL);
        assert(count == passed);

        struct rows_columns *columns = rows_take_columns(scan);
        assert((columns != NULL) == csv);
        struct rows *at = rows_open_at(fd, format, size, "f", columns, &first);
        readers_walk(at, csv, 0, &again, NULL, 0);
        assert(readers_same(&rows, &again));
        rows_free(at);
        rows_columns_free(columns);
    }
    rows_free(scan);
    rows_free(r);
    if (in.len < READERS_BORDER / 2 && (readers_thorough(in) || in.len % 32 == 0))
        readers_border(in, format, &rows);
}

#endif
