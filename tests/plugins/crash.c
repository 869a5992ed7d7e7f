/* crash.c - test::crash: ends its process where the row's answer tells it to. */
#include <stdlib.h>

#include <evald/plugin.h>

static int
says(const struct evald_value *v, const char *what)
{
    return v->kind == EVALD_STRING && strcmp(v->str.ptr, what) == 0;
}

static int32_t
crash_score(struct evald_call *c, void *self, const struct evald_row *row)
{
    (void)self;
    static volatile int *volatile nowhere; /* NULL */
    if (says(&row->cols[0], "crash"))
        *nowhere = 1;
    if (says(&row->cols[0], "abort"))
        abort();
    if (says(&row->cols[0], "exit"))
        exit(3);
    return evald_score(c, 1);
}

static const char *const columns[] = { "generated_answer", NULL };
static const struct evald_plugin crash = {
    EVALD_HEAD(EVALD_SCORER),
    .threads = EVALD_PARALLEL,
    .id = "test::crash",
    .version = "1",
    .summary = "crashes on crash, aborts on abort, exits on exit; else 1",
    .metrics = "{\"score\":{\"range\":[0,1],\"better\":\"higher\"}}",
    .columns = columns,
    .score = crash_score,
};
EVALD_PLUGINS(&crash)
