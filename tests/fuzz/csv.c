/* Any bytes as CSV: the same records however they are fed, and rows that are JSON objects. */
#include "config.h"

#include "common/csv.h"
#include "fuzz.h"
#include "readers.h"

#define CELLS 16 /* kept of a record, so that longer ones are met */

static void
put_record(const struct csv *c, struct text *t)
{
    const struct csv_record *r = csv_record(c);
    text_putf(t, "%jd %jd %zu %d %d:", (intmax_t)r->line, (intmax_t)r->quote_line, r->n_cells,
              r->too_long, r->has_nul);
    for (size_t i = 0; i < r->n_cells + 1; i++) {
        struct str cell = csv_cell(c, i);
        assert(cell.ptr[cell.len] == '\0');
        assert(cell.len == 0 || (i < CELLS && i < r->n_cells && !r->too_long));
        text_put_str(t, cell);
        text_putc(t, '|');
        if (i < CELLS) {
            struct csv_typing typing = { 0 };
            csv_typing_add(&typing, cell);
            bool put = csv_put_cell(t, csv_typing_type(&typing), cell);
            assert(put);
            (void)put;
        }
    }
    text_putc(t, '\n');
}

/* Feeds it in steps of so many bytes; 0: as many as the bytes themselves say. */
static void
feed(struct str in, size_t step, struct text *t)
{
    struct csv *c = csv_new(64, CELLS);
    for (size_t at = 0; at < in.len;) {
        size_t n = step > 0 ? step : 1u + (unsigned char)in.ptr[at] % 16;
        bool whole;
        if (n > in.len - at)
            n = in.len - at;
        size_t used = csv_feed(c, in.ptr + at, n, &whole);
        assert(used <= n && (whole || used == n));
        at += used;
        if (whole)
            put_record(c, t);
    }
    enum csv_end end = csv_finish(c);
    if (end == CSV_END_RECORD)
        put_record(c, t);
    text_putf(t, "%d line %jd", (int)end, (intmax_t)csv_line(c));
    csv_free(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = { (const char *)data, size };
    CLEANUP_TEXT struct text whole = TEXT_INIT;
    feed(in, size + 1, &whole);
    for (size_t step = 0; step <= 3; step++) {
        CLEANUP_TEXT struct text parts = TEXT_INIT;
        feed(in, step, &parts);
        assert(readers_same(&whole, &parts));
    }
    readers_check(in, ROWS_CSV);
    return 0;
}
