/* Any bytes as JSONL: the rows are its lines that are not blank, wherever buffers end. */
#include "config.h"

#include "fuzz.h"
#include "readers.h"

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The lines, by the shortest way that there is. */
static void
split(struct str in, struct text *ret)
{
    const char *p = in.ptr, *end = in.ptr + in.len;
    if (in.len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
        p += 3;
    for (int64_t line = 1; p < end; line++) {
        const char *lf = memchr(p, '\n', (size_t)(end - p)), *to = lf != NULL ? lf : end;
        const char *next = lf != NULL ? lf + 1 : end, *at = p;
        while (to > p && to[-1] == '\r')
            to--;
        while (at < to && is_space(*at))
            at++;
        if (at < to) {
            text_putf(ret, "%jd:", (intmax_t)line);
            text_put(ret, p, (size_t)(to - p));
            text_putc(ret, '\n');
        }
        p = next;
    }
    text_putf(ret, "%d", (int)ROWS_END);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = { (const char *)data, size };
    CLEANUP_TEXT struct text want = TEXT_INIT, got = TEXT_INIT;
    readers_check(in, ROWS_JSONL);
    CLEANUP_CLOSE int fd = readers_file(in, 0);
    struct rows *r = rows_open(fd, ROWS_JSONL, (int64_t)size, "f", NULL);
    readers_walk(r, false, 0, &got, NULL, 0);
    rows_free(r);
    split(in, &want);
    assert(readers_same(&want, &got));
    return 0;
}
