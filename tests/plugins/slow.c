/* slow.c - test::slow: sleeps as long as the row's column sleep_ms says, then scores 1. */
#include <evald/plugin.h>

static int32_t
slow_step(struct evald_call *c, void *self, void **task, const struct evald_row *row,
          const struct evald_event *event)
{
    (void)self, (void)task;
    if (event->kind == EVALD_EV_CANCEL)
        return EVALD_OK;
    if (event->kind == EVALD_EV_REPLY)
        return event->replies[0]->status < 0
                   ? evald_fail(c, event->replies[0]->status, "%s", event->replies[0]->body.ptr)
                   : evald_score(c, 1);
    if (row->cols[0].kind == EVALD_ABSENT)
        return evald_score(c, 1);
    if (row->cols[0].kind != EVALD_NUMBER || !(row->cols[0].num >= 0 && row->cols[0].num < 1e9))
        return evald_fail(c, EVALD_E_ROW, "column 'sleep_ms' is no number of milliseconds");
    struct evald_ask ask = { sizeof ask, EVALD_ASK_SLEEP, { "", 0 }, { "", 0 }, { "", 0 },
                             (uint32_t)row->cols[0].num, 0 };
    return c->host->ask(c, &ask) < 0 ? EVALD_E_BUG : EVALD_WAIT;
}

static const char *const columns[] = { "sleep_ms?", NULL };
static const struct evald_plugin slow = {
    EVALD_HEAD(EVALD_SCORER),
    .threads = EVALD_PARALLEL,
    .id = "test::slow",
    .version = "1",
    .summary = "sleeps sleep_ms milliseconds, then 1",
    .metrics = "{\"score\":{\"range\":[0,1],\"better\":\"higher\"}}",
    .columns = columns,
    .step = slow_step,
};
EVALD_PLUGINS(&slow)
