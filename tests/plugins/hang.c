/* hang.c - test::hang: loops for ever where the row's answer is "hang". */
#include <evald/plugin.h>

static int32_t
hang_score(struct evald_call *c, void *self, const struct evald_row *row)
{
    (void)self;
    static volatile int for_ever = 1;
    if (row->cols[0].kind == EVALD_STRING && strcmp(row->cols[0].str.ptr, "hang") == 0)
        while (for_ever) { }
    return evald_score(c, 1);
}

static const char *const columns[] = { "generated_answer", NULL };
static const struct evald_plugin hang = {
    EVALD_HEAD(EVALD_SCORER),
    .threads = EVALD_PARALLEL,
    .id = "test::hang",
    .version = "1",
    .summary = "never returns on hang; else 1",
    .metrics = "{\"score\":{\"range\":[0,1],\"better\":\"higher\"}}",
    .columns = columns,
    .score = hang_score,
};
EVALD_PLUGINS(&hang)
