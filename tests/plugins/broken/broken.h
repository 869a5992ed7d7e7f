/* broken.h - a sound scorer, for files that spoil one thing of it. */
#ifndef BROKEN_H
#define BROKEN_H

#include <evald/plugin.h>

static int32_t
broken_score(struct evald_call *c, void *self, const struct evald_row *row)
{
    (void)self, (void)row;
    return evald_score(c, 1);
}

#ifndef BROKEN_ID
#define BROKEN_ID "test::broken"
#endif
#ifndef BROKEN_MAGIC
#define BROKEN_MAGIC EVALD_MAGIC
#endif
#ifndef BROKEN_ABI
#define BROKEN_ABI EVALD_ABI
#endif
#ifndef BROKEN_SCHEMA
#define BROKEN_SCHEMA NULL
#endif

static const struct evald_plugin broken = {
    .magic = BROKEN_MAGIC,
    .abi = BROKEN_ABI,
    .size = sizeof(struct evald_plugin),
    .kind = EVALD_SCORER,
    .threads = EVALD_PARALLEL,
    .id = BROKEN_ID,
    .version = "1",
    .summary = "spoilt on purpose",
    .params_schema = BROKEN_SCHEMA,
    .score = broken_score,
};
EVALD_PLUGINS(&broken)

#endif
