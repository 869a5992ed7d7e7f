/* params.c - test::params: parameters of its own, and metrics over the whole run.
 *
 * The score is the row's confidence (1 without that column) when the answer is one of the
 * labels, else 0; passed is whether it reaches the threshold.  The run's metrics are the
 * greatest score, the spread from the least, and how many passed. */
#include <evald/plugin.h>

struct params {
    double threshold;
    struct evald_str labels;
};

static int32_t
params_open(struct evald_call *c, struct evald_str text, void **self)
{
    struct params *p = evald_alloc(c, sizeof *p);
    struct evald_value threshold = evald_get(c, text, "/threshold");
    struct evald_value labels = evald_get(c, text, "/labels");
    if (threshold.kind != EVALD_NUMBER || labels.kind != EVALD_ARRAY)
        return evald_fail(c, EVALD_E_BUG, "the schema was not applied");
    if (evald_get(c, labels.str, "/0").kind == EVALD_ABSENT)
        return evald_fail(c, EVALD_E_CONFIG, "params.labels: one label is needed");
    p->threshold = threshold.num;
    p->labels = labels.str;
    *self = p;
    return EVALD_OK;
}

static int32_t
params_score(struct evald_call *c, void *self, const struct evald_row *row)
{
    const struct params *p = self;
    struct evald_str key;
    struct evald_value label;
    double score = 0;
    for (size_t at = 0; evald_each(c, p->labels, &at, &key, &label) > 0; )
        if (row->cols[0].kind == EVALD_STRING && label.str.len == row->cols[0].str.len
            && memcmp(label.str.ptr, row->cols[0].str.ptr, label.str.len) == 0)
            score = row->cols[1].kind == EVALD_NUMBER ? row->cols[1].num : 1;
    struct evald_value passed = { EVALD_BOOL, 0, score >= p->threshold, { "", 0 } };
    evald_score(c, score);
    return evald_field(c, "passed", passed);
}

static int32_t
params_aggregate(struct evald_call *c, void *self)
{
    (void)self;
    struct evald_str line;
    double least = 0, greatest = 0;
    int64_t n = 0, n_passed = 0;
    while (c->host->next_scored(c, &line) > 0) {
        struct evald_value score = evald_get(c, line, "/score_row/score");
        n_passed += evald_get(c, line, "/score_row/passed").num != 0;
        if (score.kind != EVALD_NUMBER)
            continue;
        least = n == 0 || score.num < least ? score.num : least;
        greatest = n == 0 || score.num > greatest ? score.num : greatest;
        n++;
    }
    if (n == 0) {
        evald_null(c, "max");
        evald_null(c, "spread");
    } else {
        evald_number(c, "max", greatest);
        evald_number(c, "spread", greatest - least);
    }
    return evald_integer(c, "passed", n_passed);
}

static const char *const columns[] = { "generated_answer", "confidence?", NULL };
static const struct evald_plugin params = {
    EVALD_HEAD(EVALD_SCORER),
    .threads = EVALD_PARALLEL,
    .id = "test::params",
    .version = "1",
    .summary = "confidence of answers that are one of the labels",
    .params_schema = "{\"type\":\"object\",\"required\":[\"labels\"],\"properties\":{"
                     "\"threshold\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1,"
                     "\"default\":0.5,\"description\":\"least score that passes\"},"
                     "\"labels\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},"
                     "\"description\":\"the answers that count\"}}}",
    .params_default = "{\"type\":\"basic\",\"aggregation_functions\":[\"average\"],"
                      "\"threshold\":0.5,\"labels\":[\"A\",\"B\",\"C\",\"D\"]}",
    .metrics = "{\"score\":{\"range\":[0,1],\"better\":\"higher\"},"
               "\"max\":{\"range\":[0,1],\"better\":\"higher\"},"
               "\"spread\":{\"range\":[0,1],\"better\":\"lower\"}}",
    .columns = columns,
    .open = params_open,
    .score = params_score,
    .aggregate = params_aggregate,
};
EVALD_PLUGINS(&params)
