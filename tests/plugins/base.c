/* base.c - acme::base: a judge of a third party, over which functions can be registered.
 *
 * It asks the model of params.model, if there is one, and scores with params.grade. */
#include <evald/plugin.h>

struct params {
    struct evald_str model;
    double grade;
};

static int32_t
base_open(struct evald_call *c, struct evald_str text, void **self)
{
    struct params *p = evald_alloc(c, sizeof *p);
    p->model = evald_get(c, text, "/model").str;
    p->grade = evald_get(c, text, "/grade").num;
    *self = p;
    return EVALD_OK;
}

static int32_t
base_step(struct evald_call *c, void *self, void **task, const struct evald_row *row,
          const struct evald_event *event)
{
    const struct params *p = self;
    (void)task;
    (void)row;
    if (event->kind == EVALD_EV_START)
        return evald_ask_model(c, p->model.ptr,
                               evald_s("{\"kind\":\"chat\",\"messages\":[{\"role\":\"user\","
                                       "\"content\":\"hello\"}]}"));
    return event->kind == EVALD_EV_REPLY ? evald_score(c, p->grade) : EVALD_OK;
}

static const char *const columns[] = { "generated_answer", NULL };
static const struct evald_plugin base = {
    EVALD_HEAD(EVALD_SCORER),
    .threads = EVALD_PARALLEL,
    .id = "acme::base",
    .version = "1",
    .summary = "what a third party's judge thinks",
    .params_schema = "{\"type\":\"object\",\"required\":[\"model\"],\"properties\":{"
                     "\"model\":{\"type\":\"string\",\"evald:model\":true},"
                     "\"grade\":{\"type\":\"number\",\"default\":0.5}}}",
    .columns = columns,
    .open = base_open,
    .step = base_step,
};
EVALD_PLUGINS(&base)
