/* leak.c - test::leak: keeps 64 MiB, all touched, for each row whose answer is "leak".
 * Where memory is refused it does what a careless plugin does: it aborts. */
#include <stdlib.h>

#include <evald/plugin.h>

#define LEAK_BYTES ((size_t)64 << 20)

static char *kept; /* each block points to the one before */

static int32_t
leak_score(struct evald_call *c, void *self, const struct evald_row *row)
{
    (void)self;
    if (row->cols[0].kind == EVALD_STRING && strcmp(row->cols[0].str.ptr, "leak") == 0) {
        char *block = malloc(LEAK_BYTES);
        if (block == NULL)
            abort();
        memset(block, 'x', LEAK_BYTES);
        memcpy(block, &kept, sizeof kept);
        kept = block;
    }
    return evald_score(c, 1);
}

static const char *const columns[] = { "generated_answer", NULL };
static const struct evald_plugin leak = {
    EVALD_HEAD(EVALD_SCORER), /* serial: kept is for one thread */
    .id = "test::leak",
    .version = "1",
    .summary = "keeps 64 MiB per row that says leak; always 1",
    .metrics = "{\"score\":{\"range\":[0,1],\"better\":\"higher\"}}",
    .columns = columns,
    .score = leak_score,
};
EVALD_PLUGINS(&leak)
