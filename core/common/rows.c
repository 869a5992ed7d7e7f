#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/csv.h"
#include "common/io.h"
#include "common/jtext.h"
#include "common/mem.h"
#include "common/rows.h"

#define CHUNK (256u << 10)   /* read at once; the buffer's size but for long rows */
#define SHORT_READS 256      /* so many reads without a long row give a large buffer back */
#define COLUMNS_MAX 65536    /* of a CSV file */
#define TEXT_KEPT (1u << 20) /* room left between CSV rows */

struct column {
    char *key; /* "\"name\":" and the comma or brace before it */
    struct csv_typing typing;
    enum csv_type type;
};

struct rows_columns {
    char **names;
    struct column *at;
    size_t n;
};

struct rows {
    int fd;
    enum rows_format format;
    int64_t size;
    char *name;

    char *buf; /* bytes [base, base + end) of the file; [at, end) are not yet used */
    size_t room, at, end;
    int64_t base;
    int64_t index, line; /* of the next row; of buf[at] */
    unsigned short_reads;
    const _Atomic bool *stop; /* NULL: never */
    bool cut;          /* the file ended before size */
    struct err failed; /* ERR_NONE, or why there is no more */

    XXH3_state_t *hash;
    bool hashing;

    struct csv *csv;
    const struct rows_columns *columns; /* NULL: the header was not read */
    struct rows_columns *own;           /* the same, when they are this reader's */
    struct text row; /* the CSV row as JSON */
};

static void
fail(struct rows *r, enum err_code code, const char *what)
{
    err_set(&r->failed, code, "%s: %s", r->name, what);
}

/* Makes room for a read.  The buffer grows for long rows only. */
static bool
make_room(struct rows *r)
{
    if (r->at > 0) {
        memmove(r->buf, r->buf + r->at, r->end - r->at);
        r->base += (int64_t)r->at;
        r->end -= r->at;
        r->at = 0;
    }
    size_t room = r->room;
    if (r->end > CHUNK / 2) {
        r->short_reads = 0;
        while (room - r->end < CHUNK / 2)
            room *= 2;
    } else if (room > CHUNK && ++r->short_reads >= SHORT_READS) {
        r->short_reads = 0;
        room = CHUNK;
    }
    if (room == r->room)
        return true;
    char *buf = realloc(r->buf, room);
    if (buf == NULL) {
        fail(r, ERR_NOMEM, "out of memory");
        return false;
    }
    r->buf = buf;
    r->room = room;
    return true;
}

/* Reads on behind end, keeping [at, end).  False when there is no more: the end of the
 * snapshot, or r->failed. */
static bool
fill(struct rows *r)
{
    int64_t from = r->base + (int64_t)r->end;
    if (r->failed.code != ERR_NONE || from >= r->size)
        return false;
    if (r->stop != NULL && *r->stop) {
        err_set(&r->failed, ERR_SHUTDOWN, "%s: stopped", r->name);
        return false;
    }
    if (r->cut) {
        err_set(&r->failed, ERR_INVALID,
                "%s: the data set shrank while it was read: %" PRId64 " of %" PRId64
                " bytes are there",
                r->name, from, r->size);
        return false;
    }
    if (!make_room(r))
        return false;
    size_t want = r->room - r->end < CHUNK ? r->room - r->end : CHUNK;
    if ((int64_t)want > r->size - from)
        want = (size_t)(r->size - from);
    ssize_t got = io_pread_full(r->fd, r->buf + r->end, want, from);
    if (got < 0) {
        err_set(&r->failed, ERR_IO, "%s: read: %m", r->name);
        return false;
    }
    r->cut = (size_t)got < want;
    if (r->hashing)
        XXH3_128bits_update(r->hash, r->buf + r->end, (size_t)got);
    r->end += (size_t)got;
    if (from == 0 && r->end >= 3 && memcmp(r->buf, "\xef\xbb\xbf", 3) == 0)
        r->at = 3;
    return true;
}

static enum rows_result
ended(const struct rows *r, struct err *err)
{
    if (r->failed.code == ERR_NONE)
        return ROWS_END;
    if (err != NULL)
        *err = r->failed;
    return ROWS_FAIL;
}

static bool
is_blank(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != ' ' && p[i] != '\t' && p[i] != '\r')
            return false;
    return true;
}

static enum rows_result
too_long(const struct rows *r, int64_t line, struct err *err)
{
    err_set(err, ERR_INVALID, "%s:%" PRId64 ": the row is longer than %u MiB", r->name,
            line, ROWS_ROW_MAX >> 20);
    return ROWS_BAD;
}

/* JSONL: the next line that is not blank. */
static enum rows_result
line_next(struct rows *r, struct str *ret_row, int64_t *ret_line, struct err *err)
{
    size_t seen = 0;        /* bytes behind at that hold no line feed */
    bool dropping = false;  /* the line's begin is no longer there, it was too long */
    bool blank_part = true; /* what was dropped of it was blank */
    for (;;) {
        char *p = r->buf + r->at;
        size_t have = r->end - r->at;
        char *lf = have > seen ? memchr(p + seen, '\n', have - seen) : NULL;
        if (lf == NULL) {
            seen = have;
            if (seen > ROWS_ROW_MAX + CHUNK) {
                blank_part = blank_part && is_blank(p, seen);
                dropping = true;
                r->at = r->end;
                seen = 0;
            }
            if (fill(r))
                continue;
            if (r->failed.code != ERR_NONE || (seen == 0 && !dropping))
                return ended(r, err);
            p = r->buf + r->at;
        }
        size_t len = lf != NULL ? (size_t)(lf - p) : seen;
        int64_t line = r->line;
        r->at += len + (lf != NULL);
        r->line += lf != NULL;
        while (len > 0 && p[len - 1] == '\r')
            len--;
        seen = 0;
        if (blank_part && is_blank(p, len)) {
            dropping = false;
            continue;
        }
        r->index++;
        *ret_line = line;
        if (dropping || len > ROWS_ROW_MAX)
            return too_long(r, line, err);
        *ret_row = (struct str){ p, len };
        return ROWS_ROW;
    }
}

/* CSV: parses the next record; its cells are then in r->csv. */
static enum rows_result
record_next(struct rows *r, struct err *err)
{
    for (;;) {
        bool whole;
        r->at += csv_feed(r->csv, r->buf + r->at, r->end - r->at, &whole);
        if (whole)
            break;
        if (fill(r))
            continue;
        if (r->failed.code != ERR_NONE)
            return ended(r, err);
        enum csv_end end = csv_finish(r->csv);
        if (end == CSV_END_RECORD)
            break;
        if (end == CSV_END_UNCLOSED)
            err_set(&r->failed, ERR_INVALID, "%s:%" PRId64 ": a quoted field is not closed",
                    r->name, csv_record(r->csv)->quote_line);
        return ended(r, err);
    }
    r->line = csv_line(r->csv);
    return ROWS_ROW;
}

static const char *
column_name(const struct rows *r, size_t i)
{
    return i < r->columns->n ? r->columns->names[i] : "?";
}

/* Are the cells of the present record text, and no more than the header's? */
static int
record_check(struct rows *r, struct err *err)
{
    const struct csv_record *rec = csv_record(r->csv);
    if (rec->n_cells > r->columns->n)
        return err_set(err, ERR_INVALID,
                       "%s:%" PRId64 ": %zu cells, but the header has %zu columns", r->name,
                       rec->line, rec->n_cells, r->columns->n);
    if (rec->too_long)
        return 0;
    for (size_t i = 0; i < rec->n_cells; i++) {
        struct str cell = csv_cell(r->csv, i);
        if (utf8_valid_prefix(cell.ptr, cell.len) < cell.len)
            return err_set(err, ERR_INVALID, "%s:%" PRId64 ": column '%s': invalid UTF-8",
                           r->name, rec->line, column_name(r, i));
        if (rec->has_nul && memchr(cell.ptr, '\0', cell.len) != NULL)
            return err_set(err, ERR_INVALID, "%s:%" PRId64 ": column '%s': a NUL byte",
                           r->name, rec->line, column_name(r, i));
    }
    return 0;
}

static void
rewind_to(struct rows *r, int64_t offset, int64_t line, int64_t index)
{
    r->base = offset;
    r->at = r->end = 0;
    r->line = line;
    r->index = index;
    r->cut = false;
    r->failed.code = ERR_NONE;
    r->hashing = offset == 0;
    XXH3_128bits_reset(r->hash);
    if (r->csv != NULL)
        csv_reset(r->csv, line);
}

/* The header makes the columns. */
static int
header_read(struct rows *r, struct err *err)
{
    csv_set_max_cells(r->csv, COLUMNS_MAX);
    enum rows_result res = record_next(r, err);
    if (res == ROWS_FAIL)
        return -1;
    if (res == ROWS_END)
        return err_set(err, ERR_INVALID, "%s: there is no header line", r->name);
    const struct csv_record *rec = csv_record(r->csv);
    if (rec->too_long)
        return too_long(r, rec->line, err), -1;
    if (rec->n_cells > COLUMNS_MAX)
        return err_set(err, ERR_INVALID, "%s:%" PRId64 ": more than %d columns", r->name,
                       rec->line, COLUMNS_MAX);
    size_t n = rec->n_cells;
    for (size_t i = 0; i < n; i++) {
        struct str cell = csv_cell(r->csv, i);
        const char *what = utf8_valid_prefix(cell.ptr, cell.len) < cell.len ? "invalid UTF-8"
                           : memchr(cell.ptr, '\0', cell.len) != NULL       ? "a NUL byte"
                                                                            : NULL;
        if (what != NULL)
            return err_set(err, ERR_INVALID, "%s:%" PRId64 ": the name of column %zu: %s",
                           r->name, rec->line, i + 1, what);
    }
    struct rows_columns *c = xmalloc(sizeof *c);
    *c = (struct rows_columns){ csv_names(r->csv), xcalloc(n, sizeof *c->at), n };
    for (size_t i = 0; i < n; i++) {
        CLEANUP_TEXT struct text key = TEXT_INIT;
        text_putc(&key, i == 0 ? '{' : ',');
        jtext_put_string(&key, str_z(c->names[i]));
        text_putc(&key, ':');
        c->at[i].key = text_take(&key);
    }
    r->columns = r->own = c;
    csv_set_max_cells(r->csv, n);
    return 0;
}

/* The first pass over a CSV file: the type of each column from all its cells. */
static int64_t
records_scan(struct rows *r, int64_t n, struct err *err)
{
    int64_t passed = 0;
    for (; passed < n; passed++) {
        enum rows_result res = record_next(r, err);
        if (res == ROWS_FAIL)
            return -1;
        if (res == ROWS_END)
            break;
        if (record_check(r, err) < 0)
            return -1;
        r->index++;
        if (csv_record(r->csv)->too_long)
            continue; /* it will be ROWS_BAD */
        for (size_t i = 0; i < r->own->n; i++)
            csv_typing_add(&r->own->at[i].typing, csv_cell(r->csv, i));
    }
    if (passed < n)
        for (size_t i = 0; i < r->own->n; i++)
            r->own->at[i].type = csv_typing_type(&r->own->at[i].typing);
    return passed;
}

static enum rows_result
row_emit(struct rows *r, struct str *ret_row, int64_t *ret_line, struct err *err)
{
    const struct csv_record *rec = csv_record(r->csv);
    r->index++;
    *ret_line = rec->line;
    if (record_check(r, &r->failed) < 0)
        return ended(r, err);
    if (rec->too_long)
        return too_long(r, rec->line, err);
    if (r->row.room > TEXT_KEPT)
        text_fini(&r->row);
    text_clear(&r->row);
    for (size_t i = 0; i < r->columns->n; i++) {
        const struct column *c = &r->columns->at[i];
        text_puts(&r->row, c->key);
        if (!csv_put_cell(&r->row, c->type, csv_cell(r->csv, i))) {
            err_set(&r->failed, ERR_INVALID,
                    "%s:%" PRId64 ": column '%s': the data set changed while it was read",
                    r->name, rec->line, column_name(r, i));
            return ended(r, err);
        }
        if (r->row.len > ROWS_ROW_MAX)
            return too_long(r, rec->line, err);
    }
    text_putc(&r->row, '}');
    *ret_row = text_str(&r->row);
    return ROWS_ROW;
}

static struct rows *
reader_new(int fd, enum rows_format format, int64_t size, const char *name)
{
    struct rows *r = xcalloc(1, sizeof *r);
    r->fd = fd;
    r->format = format;
    r->size = size;
    r->name = xstrdup(name);
    r->room = CHUNK;
    r->buf = xmalloc(CHUNK);
    r->hash = XXH3_createState();
    if (r->hash == NULL)
        abort();
    if (format == ROWS_CSV)
        r->csv = csv_new(ROWS_ROW_MAX, COLUMNS_MAX);
    rewind_to(r, 0, 1, 0);
    return r;
}

struct rows *
rows_open(int fd, enum rows_format format, int64_t size, const char *name, struct err *err)
{
    return rows_open_until(fd, format, size, name, NULL, err);
}

/* Both passes' beginning: back to the first row when the types are known. */
static int
type_all(struct rows *r, struct err *err)
{
    if (header_read(r, err) < 0 || records_scan(r, INT64_MAX, err) < 0)
        return -1;
    rewind_to(r, 0, 1, 0);
    enum rows_result res = record_next(r, err); /* the header again */
    if (res == ROWS_END)
        return err_set(err, ERR_INVALID, "%s: the data set changed while it was read", r->name);
    return res == ROWS_FAIL ? -1 : 0;
}

struct rows *
rows_open_until(int fd, enum rows_format format, int64_t size, const char *name,
                const _Atomic bool *stop, struct err *err)
{
    struct rows *r = reader_new(fd, format, size, name);
    r->hashing = format == ROWS_JSONL;
    r->stop = stop;
    if (format == ROWS_CSV && type_all(r, err) < 0) {
        rows_free(r);
        return NULL;
    }
    return r;
}

struct rows *
rows_open_scan(int fd, enum rows_format format, int64_t size, const char *name, struct err *err)
{
    struct rows *r = reader_new(fd, format, size, name);
    r->hashing = false;
    if (format == ROWS_CSV && header_read(r, err) < 0) {
        rows_free(r);
        return NULL;
    }
    return r;
}

struct rows *
rows_open_at(int fd, enum rows_format format, int64_t size, const char *name,
             const struct rows_columns *columns, const struct rows_mark *mark)
{
    struct rows *r = reader_new(fd, format, size, name);
    r->columns = columns;
    if (columns != NULL)
        csv_set_max_cells(r->csv, columns->n);
    rewind_to(r, mark->offset, mark->line, mark->index);
    r->hashing = false;
    return r;
}

void
rows_columns_free(struct rows_columns *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->n; i++) {
        free(c->names[i]);
        free(c->at[i].key);
    }
    free(c->names);
    free(c->at);
    free(c);
}

size_t
rows_columns_bytes(const struct rows_columns *c)
{
    size_t bytes = sizeof *c;
    for (size_t i = 0; i < c->n; i++)
        bytes += sizeof *c->at + sizeof *c->names + strlen(c->names[i]) + strlen(c->at[i].key);
    return bytes;
}

struct rows_columns *
rows_take_columns(struct rows *r)
{
    return TAKE(r->own);
}

void
rows_free(struct rows *r)
{
    if (r == NULL)
        return;
    rows_columns_free(r->own);
    csv_free(r->csv);
    text_fini(&r->row);
    XXH3_freeState(r->hash);
    free(r->buf);
    free(r->name);
    free(r);
}

enum rows_result
rows_next(struct rows *r, struct str *ret_row, int64_t *ret_line, struct err *err)
{
    if (r->format == ROWS_JSONL)
        return line_next(r, ret_row, ret_line, err);
    enum rows_result res = record_next(r, err);
    return res == ROWS_ROW ? row_emit(r, ret_row, ret_line, err) : res;
}

int64_t
rows_skip(struct rows *r, int64_t n, struct err *err)
{
    int64_t passed = 0;
    while (passed < n) {
        struct str row;
        int64_t line;
        enum rows_result res = r->format == ROWS_JSONL ? line_next(r, &row, &line, NULL)
                                                       : record_next(r, NULL);
        if (res == ROWS_FAIL)
            return ended(r, err), -1;
        if (res == ROWS_END)
            break;
        if (r->format == ROWS_CSV)
            r->index++;
        passed++;
    }
    return passed;
}

int64_t
rows_scan(struct rows *r, int64_t n, struct err *err)
{
    return r->format == ROWS_CSV ? records_scan(r, n, err) : rows_skip(r, n, err);
}

struct rows_mark
rows_tell(const struct rows *r)
{
    return (struct rows_mark){ r->index, r->base + (int64_t)r->at, r->line };
}

void
rows_seek(struct rows *r, const struct rows_mark *mark)
{
    rewind_to(r, mark->offset, mark->line, mark->index);
}

void
rows_leave_hash(struct rows *r)
{
    r->hashing = false;
}

int64_t
rows_count(struct rows *r, struct err *err)
{
    return rows_skip(r, INT64_MAX, err);
}

void
rows_hash(const struct rows *r, char ret_hex[33])
{
    XXH128_canonical_t c;
    XXH128_canonicalFromHash(&c, XXH3_128bits_digest(r->hash));
    hex_encode(ret_hex, c.digest, sizeof c.digest);
}
