#include <evald/plugin.h>

/* 1 when the model said exactly what was expected, else 0. */
static int32_t
score(struct evald_call *c, void *self, const struct evald_row *row)
{
    struct evald_str said = row->cols[0].str, wanted = row->cols[1].str;
    (void)self;
    if (row->cols[0].kind != EVALD_STRING)
        return evald_fail(c, EVALD_E_ROW, "generated_answer is no string");
    return evald_score(c, said.len == wanted.len && !memcmp(said.ptr, wanted.ptr, said.len));
}

static const char *const columns[] = { "generated_answer", "expected_answer", NULL };
static const struct evald_plugin exact = {
    EVALD_HEAD(EVALD_SCORER), .threads = EVALD_PARALLEL, .id = "example::exact", .version = "1",
    .summary = "1 when the answer is the expected one, byte for byte",
    .columns = columns, .score = score,
};
EVALD_PLUGINS(&exact)
