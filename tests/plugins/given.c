/* given.c - test::given: score and weight are what the row's columns of that name hold. */
#include <evald/plugin.h>

static int32_t
given_score(struct evald_call *c, void *self, const struct evald_row *row)
{
    (void)self;
    evald_field(c, "score", row->cols[0]);
    return evald_field(c, "weight", row->cols[1]);
}

static const char *const columns[] = { "score", "weight?", NULL };
static const struct evald_plugin given = {
    EVALD_HEAD(EVALD_SCORER),
    .threads = EVALD_PARALLEL,
    .id = "test::given",
    .version = "1",
    .summary = "the row's own score and weight",
    .columns = columns,
    .score = given_score,
};
EVALD_PLUGINS(&given)
