/* judge.c - llm-as-judge::base and 405b-simpleqa: a model is asked what it thinks of an answer.
 *
 * prompt_template, filled with the row, goes to judge_model as one message of the user; the
 * first of judge_score_regexes that is found in the reply decides, and its group 1 is the
 * score, as text.  The two differ in their default params alone.  See evald-judge(7). */
#include <stdbool.h>
#include <stdlib.h>

#include "pyre.h"
#include "pystr.h"
#include "simpleqa.h"

enum { QUESTION, EXPECTED, GENERATED, COLUMNS };
static const char *const columns[] = { "input_query", "expected_answer", "generated_answer",
                                       NULL };

/* A stretch of the template, then a column's value. */
struct piece {
    struct evald_str text;
    int column; /* COLUMNS: none */
};

struct regex {
    struct pyre *re; /* NULL: it is none, and why */
    char why[PYRE_WHY];
};

struct judge {
    struct evald_str model;
    struct piece *pieces;
    size_t n_pieces;
    struct regex *regexes;
    size_t n_regexes;
};

/* ---- the template ---- */

static int
column_named(struct evald_str name)
{
    int i = 0;
    while (i < COLUMNS
           && (strlen(columns[i]) != name.len || memcmp(columns[i], name.ptr, name.len) != 0))
        i++;
    return i;
}

static int32_t
add_field(struct evald_call *c, struct piece *piece, const char **at, const char *end)
{
    const char *stop = memchr(*at, '}', (size_t)(end - *at));
    if (stop == NULL)
        return evald_fail(c, EVALD_E_CONFIG, "prompt_template: a '{' without its '}'");
    struct evald_str name = { *at, (size_t)(stop - *at) };
    piece->column = column_named(name);
    if (piece->column == COLUMNS)
        return evald_fail(c, EVALD_E_CONFIG,
                          "prompt_template: {%.*s} is none of {input_query},"
                          " {expected_answer} and {generated_answer}",
                          name.len < 60 ? (int)name.len : 60, name.ptr);
    *at = stop + 1;
    return EVALD_OK;
}

/* Python's format strings, as far as they name a column; doubled braces are braces. */
static int32_t
read_template(struct evald_call *c, struct judge *j, struct evald_str template)
{
    const char *p = template.ptr, *end = p + template.len, *begin = p;
    size_t braces = 0;
    for (const char *q = p; q < end; q++)
        braces += *q == '{' || *q == '}';
    j->pieces = evald_alloc(c, (braces + 1) * sizeof *j->pieces);
    while (p < end) {
        char brace = *p++;
        if (brace != '{' && brace != '}')
            continue;
        struct piece *piece = &j->pieces[j->n_pieces++];
        bool doubled = p < end && *p == brace;
        *piece = (struct piece){ { begin, (size_t)(p - begin) }, COLUMNS };
        if (doubled) {
            p++;
        } else if (brace == '}') {
            return evald_fail(c, EVALD_E_CONFIG, "prompt_template: a '}' without its '{'");
        } else {
            piece->text.len--;
            if (add_field(c, piece, &p, end) < 0)
                return EVALD_E_CONFIG;
        }
        begin = p;
    }
    j->pieces[j->n_pieces++] = (struct piece){ { begin, (size_t)(end - begin) }, COLUMNS };
    return EVALD_OK;
}

/* Of a message, as it is and as JSON: a template may name a long column very often. */
#define PROMPT_MAX (16u << 20)

static bool
fill_template(struct evald_call *c, const struct judge *j, const struct evald_row *row,
              struct evald_str *ret)
{
    struct evald_str values[COLUMNS];
    struct evald_buf b = EVALD_BUF;
    bool needed[COLUMNS] = { false };
    size_t len = 0;
    for (size_t i = 0; i < j->n_pieces; i++)
        if (j->pieces[i].column != COLUMNS)
            needed[j->pieces[i].column] = true;
    for (int i = 0; i < COLUMNS; i++) {
        struct evald_buf value = EVALD_BUF;
        if (needed[i] && row->cols[i].kind != EVALD_STRING)
            pystr_put(c, &value, &row->cols[i]);
        values[i] = row->cols[i].kind == EVALD_STRING ? row->cols[i].str : value.text;
    }
    for (size_t i = 0; i < j->n_pieces && len <= PROMPT_MAX; i++) {
        const struct piece *piece = &j->pieces[i];
        len += piece->text.len + (piece->column != COLUMNS ? values[piece->column].len : 0);
    }
    if (len > PROMPT_MAX)
        return false;
    b.room = len + 1;
    b.text.ptr = evald_alloc(c, b.room);
    for (size_t i = 0; i < j->n_pieces; i++) {
        evald_put(c, &b, j->pieces[i].text);
        if (j->pieces[i].column != COLUMNS)
            evald_put(c, &b, values[j->pieces[i].column]);
    }
    *ret = b.text;
    return true;
}

/* ---- an instance ---- */

static void
judge_close(void *self)
{
    struct judge *j = self;
    for (size_t i = 0; i < j->n_regexes; i++)
        pyre_free(j->regexes[i].re);
    free(j->regexes);
}

/* One that is wrong fails when its turn comes, as in the reference: behind one that always
 * decides it does no harm. */
static void
read_regexes(struct evald_call *c, struct judge *j, struct evald_str list)
{
    struct evald_str key;
    struct evald_value v;
    size_t n = 0;
    for (size_t at = 0; evald_each(c, list, &at, &key, &v) > 0;)
        n++;
    j->regexes = calloc(n + 1, sizeof *j->regexes);
    if (j->regexes == NULL)
        abort();
    for (size_t at = 0; j->n_regexes < n && evald_each(c, list, &at, &key, &v) > 0;) {
        struct regex *r = &j->regexes[j->n_regexes++];
        r->re = pyre_compile(v.str, r->why);
    }
}

static int32_t
judge_open(struct evald_call *c, struct evald_str params, void **self)
{
    struct judge *j = evald_alloc(c, sizeof *j);
    struct evald_value template = evald_get(c, params, "/prompt_template");
    if (template.kind != EVALD_STRING)
        return evald_fail(c, EVALD_E_CONFIG, "prompt_template is needed");
    if (read_template(c, j, template.str) < 0)
        return EVALD_E_CONFIG;
    j->model = evald_get(c, params, "/judge_model").str;
    read_regexes(c, j, evald_get(c, params, "/judge_score_regexes").str);
    *self = j;
    return EVALD_OK;
}

/* ---- a row ---- */

static int32_t
ask(struct evald_call *c, const struct judge *j, const struct evald_row *row)
{
    static const char begin[] =
        "{\"kind\":\"chat\",\"messages\":[{\"role\":\"user\",\"content\":";
    struct evald_buf b = EVALD_BUF;
    struct evald_str prompt = { "", 0 };
    if (fill_template(c, j, row, &prompt))
        prompt = evald_s(evald_quote(c, prompt));
    if (prompt.len == 0 || prompt.len > PROMPT_MAX)
        return evald_fail(c, EVALD_E_ROW, "prompt_template: filled with the row's columns it is"
                                          " longer than %u MiB", PROMPT_MAX >> 20);
    b.room = sizeof begin + prompt.len + 4;
    b.text.ptr = evald_alloc(c, b.room);
    evald_put(c, &b, evald_s(begin));
    evald_put(c, &b, prompt);
    evald_put(c, &b, evald_s("}]}"));
    return evald_ask_model(c, j->model.ptr, b.text);
}

/* Group 1 of the first regex that is found, NULL when none is or the group took no part. */
static int32_t
rate(struct evald_call *c, const struct judge *j, const struct evald_value *said,
     struct evald_value *ret)
{
    char why[PYRE_WHY];
    struct pyre_budget budget = { 0 };
    struct pyre_span span[2];
    ret->kind = EVALD_NULL;
    for (size_t i = 0; i < j->n_regexes; i++) {
        const struct regex *r = &j->regexes[i];
        if (r->re == NULL)
            return evald_fail(c, EVALD_E_CONFIG, "invalid regex %zu: %s", i, r->why);
        if (said->kind != EVALD_STRING)
            return evald_fail(c, EVALD_E_REMOTE, "the judge's reply is no text");
        int found = pyre_has_time(&budget, why)
                        ? pyre_search(r->re, said->str, 0, span, 2, why) : -1;
        if (found < 0)
            return evald_fail(c, EVALD_E_ROW, "judge_score_regexes[%zu]: %s", i, why);
        if (found == 0)
            continue;
        if (pyre_groups(r->re) == 0)
            return evald_fail(c, EVALD_E_CONFIG, "invalid regex %zu: it has no group", i);
        if (span[1].at != PYRE_NONE) {
            ret->kind = EVALD_STRING;
            ret->str = (struct evald_str){ said->str.ptr + span[1].at,
                                           span[1].end - span[1].at };
        }
        break;
    }
    return EVALD_OK;
}

static int32_t
judge_step(struct evald_call *c, void *self, void **task, const struct evald_row *row,
           const struct evald_event *event)
{
    const struct judge *j = self;
    (void)task;
    if (event->kind == EVALD_EV_CANCEL)
        return EVALD_OK;
    if (event->kind == EVALD_EV_START)
        return ask(c, j, row);

    const struct evald_reply *reply = event->replies[0];
    if (reply->status < 0) {
        evald_null(c, "judge_feedback");
        return evald_fail(c, reply->status, "judge: %s", reply->body.ptr);
    }
    struct evald_value said = evald_get(c, reply->body, "/message/content"), score = { 0 };
    if (said.kind == EVALD_ABSENT)
        said.kind = EVALD_NULL;
    int32_t rc = rate(c, j, &said, &score);
    if (rc == EVALD_OK)
        evald_field(c, "score", score);
    evald_field(c, "judge_feedback", said);
    return rc;
}

#define SCHEMA \
    "{\"type\":\"object\",\"required\":[\"judge_model\"],\"properties\":{" \
    "\"type\":{\"const\":\"llm_as_judge\"}," \
    "\"judge_model\":{\"type\":\"string\",\"evald:model\":true," \
    "\"description\":\"The model that is asked: an id, or a role.\"}," \
    "\"prompt_template\":{\"type\":[\"string\",\"null\"],\"default\":null," \
    "\"description\":\"The message, with {input_query}, {expected_answer} and" \
    " {generated_answer} where these columns go; {{ and }} are braces.\"}," \
    "\"judge_score_regexes\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}," \
    "\"default\":[],\"description\":\"Python regexes; group 1 of the first that is found in" \
    " the reply is the score.\"}}}"
#define DEFAULTS(template, regexes, aggregations) \
    "{\"type\":\"llm_as_judge\",\"judge_model\":\"meta-llama/Llama-3.1-405B-Instruct\"," \
    "\"prompt_template\":\"" template "\",\"judge_score_regexes\":" regexes "," \
    "\"aggregation_functions\":" aggregations "}"

#define JUDGE \
    EVALD_HEAD(EVALD_SCORER), \
    .threads = EVALD_PARALLEL, \
    .params_schema = SCHEMA, \
    .return_type = "{\"type\":\"number\"}", \
    .metrics = "{\"score\":{\"range\":null,\"better\":\"higher\"}}", \
    .columns = columns, \
    .open = judge_open, \
    .close = judge_close, \
    .step = judge_step

static const struct evald_plugin base = {
    JUDGE,
    .id = "llm-as-judge::base",
    .version = "1",
    .summary = "what a judge model finds, asked with a prompt and read with regexes",
    .params_default = DEFAULTS("Nobody has said yet what is to be judged here: set a"
                               " prompt_template.", "[]", "[]"),
};
static const struct evald_plugin simpleqa = {
    JUDGE,
    .id = "llm-as-judge::405b-simpleqa",
    .version = "1",
    .summary = "a judge model's grade of a short answer: A correct, B incorrect, C not attempted",
    .params_default = DEFAULTS(SIMPLEQA_PROMPT, "[\"(A|B|C)\"]", "[\"categorical_count\"]"),
};
EVALD_PLUGINS(&base, &simpleqa)
