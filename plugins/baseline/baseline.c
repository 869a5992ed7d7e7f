/* baseline.c - model::baseline: models without a network, see evald-baseline(7).
 *
 * What they answer follows from the request and the row alone: the expected answer (oracle),
 * the last user message (echo), one answer for all (constant), a guess seeded by the row
 * (random-choice), the row's own generated answer (recorded). */
#include <stdbool.h>

#include <evald/plugin.h>

enum mode { ORACLE, ECHO_BACK, CONSTANT, RANDOM_CHOICE, RECORDED, N_MODES };
static const char *const modes[N_MODES] = { "oracle", "echo", "constant", "random-choice",
                                            "recorded" };

enum { EXPECTED, GENERATED, CHOICES };
static const char *const columns[] = { "expected_answer?", "generated_answer?", "choices?",
                                       NULL };

struct baseline {
    enum mode mode;
    struct evald_value answer;
};

static bool
is(struct evald_str s, const char *z)
{
    return s.len == strlen(z) && memcmp(s.ptr, z, s.len) == 0;
}

static struct evald_value
string_value(struct evald_str s)
{
    return (struct evald_value){ EVALD_STRING, 0, 0, s };
}

static int32_t
baseline_open(struct evald_call *c, struct evald_str params, void **self)
{
    struct baseline *b = evald_alloc(c, sizeof *b);
    struct evald_value mode = evald_get(c, params, "/mode");
    b->mode = N_MODES;
    for (int i = 0; i < N_MODES; i++)
        if (mode.kind == EVALD_STRING && is(mode.str, modes[i]))
            b->mode = (enum mode)i;
    if (b->mode == N_MODES)
        return evald_fail(c, EVALD_E_CONFIG,
                          "params.mode: must be oracle, echo, constant, random-choice or"
                          " recorded");
    b->answer = evald_get(c, params, "/answer");
    if (b->answer.kind == EVALD_ABSENT)
        b->answer = string_value(evald_s(""));
    *self = b;
    return EVALD_OK;
}

/* The text of message or prompt content: a string, an item or an array of items, whose
 * texts are joined by one blank. */
static struct evald_str
content_text(struct evald_call *c, struct evald_value content)
{
    if (content.kind == EVALD_STRING)
        return content.str;
    if (content.kind == EVALD_OBJECT) {
        struct evald_value text = evald_get(c, content.str, "/text");
        return text.kind == EVALD_STRING ? text.str : evald_s("");
    }
    struct evald_buf all = EVALD_BUF;
    struct evald_str key;
    struct evald_value item;
    bool first = true;
    for (size_t at = 0; content.kind == EVALD_ARRAY
                        && evald_each(c, content.str, &at, &key, &item) > 0; ) {
        struct evald_value text = item.kind == EVALD_OBJECT ? evald_get(c, item.str, "/text")
                                                            : item;
        if (text.kind != EVALD_STRING)
            continue;
        if (!first)
            evald_put(c, &all, evald_s(" "));
        evald_put(c, &all, text.str);
        first = false;
    }
    return all.text;
}

static int32_t
echo(struct evald_call *c, struct evald_str request, struct evald_value *ret)
{
    struct evald_value prompt = evald_get(c, request, "/prompt");
    struct evald_value messages = evald_get(c, request, "/messages");
    if (prompt.kind != EVALD_ABSENT) {
        *ret = string_value(content_text(c, prompt));
        return EVALD_OK;
    }
    if (messages.kind != EVALD_ARRAY)
        return evald_fail(c, EVALD_E_ROW, "row has no prompt to echo: neither"
                          " 'chat_completion_input' nor 'completion_input'");

    struct evald_value last = { EVALD_ABSENT, 0, 0, { "", 0 } }, message;
    struct evald_str key;
    for (size_t at = 0; evald_each(c, messages.str, &at, &key, &message) > 0; ) {
        if (message.kind != EVALD_OBJECT)
            continue;
        struct evald_value role = evald_get(c, message.str, "/role");
        if (role.kind == EVALD_STRING && is(role.str, "user"))
            last = evald_get(c, message.str, "/content");
    }
    *ret = string_value(content_text(c, last));
    return EVALD_OK;
}

/* Sebastiano Vigna's splitmix64, https://prng.di.unimi.it/splitmix64.c (public domain). */
static uint64_t
next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Uniform in [0, n): the 2^64 mod n lowest draws are thrown away. */
static uint64_t
below(uint64_t n, uint64_t seed)
{
    uint64_t reject = (0 - n) % n, draw;
    do
        draw = next_random(&seed);
    while (draw < reject);
    return draw % n;
}

static struct evald_value
random_choice(struct evald_call *c, struct evald_value choices, uint64_t seed)
{
    static const char letters[] = "ABCD";
    struct evald_str key;
    struct evald_value element = { EVALD_ABSENT, 0, 0, { "", 0 } };
    uint64_t n = 0;
    if (choices.kind == EVALD_ARRAY)
        for (size_t at = 0; evald_each(c, choices.str, &at, &key, &element) > 0; )
            n++;
    if (n == 0)
        return string_value((struct evald_str){ &letters[below(4, seed)], 1 });

    uint64_t chosen = below(n, seed);
    for (size_t at = 0; evald_each(c, choices.str, &at, &key, &element) > 0; )
        if (chosen-- == 0)
            break;
    return element;
}

static int32_t
column(struct evald_call *c, const struct baseline *b, const struct evald_value *v,
       const char *name, struct evald_value *ret)
{
    if (v->kind == EVALD_ABSENT)
        return evald_fail(c, EVALD_E_ROW,
                          "row has no column '%s' (baseline mode %s answers with it, and only"
                          " as the candidate)", name, modes[b->mode]);
    *ret = *v;
    return EVALD_OK;
}

/* "kind" comes first in the documents of evald, so that the rest is not walked. */
static struct evald_value
kind_of(struct evald_call *c, struct evald_str request)
{
    struct evald_str key;
    struct evald_value kind;
    size_t at = 0;
    if (evald_each(c, request, &at, &key, &kind) > 0 && is(key, "kind"))
        return kind;
    return evald_get(c, request, "/kind");
}

static int32_t
baseline_score(struct evald_call *c, void *self, const struct evald_row *row)
{
    const struct baseline *b = self;
    struct evald_value kind = kind_of(c, row->json);
    if (kind.kind == EVALD_STRING && is(kind.str, "embedding"))
        return evald_fail(c, EVALD_E_NOTSUP, "model::baseline makes no embeddings");

    struct evald_value answer = b->answer;
    int32_t rc = EVALD_OK;
    switch (b->mode) {
    case ORACLE:
        rc = column(c, b, &row->cols[EXPECTED], "expected_answer", &answer);
        break;
    case RECORDED:
        rc = column(c, b, &row->cols[GENERATED], "generated_answer", &answer);
        break;
    case ECHO_BACK:
        rc = echo(c, row->json, &answer);
        break;
    case RANDOM_CHOICE:
        answer = random_choice(c, row->cols[CHOICES], row->seed);
        break;
    default:
        break;
    }
    if (rc < 0)
        return rc;

    if (kind.kind == EVALD_STRING && is(kind.str, "completion")) {
        evald_field(c, "text", answer);
    } else {
        struct evald_buf message = EVALD_BUF;
        evald_put(c, &message, evald_s("{\"role\":\"assistant\",\"content\":"));
        evald_put_value(c, &message, answer);
        evald_put(c, &message, evald_s("}"));
        evald_json(c, "message", message.text);
    }
    evald_text(c, "finish_reason", evald_s("stop"));
    return evald_json(c, "usage", evald_s("{\"input_tokens\":0,\"output_tokens\":0}"));
}

static const char schema[] =
    "{\"type\":\"object\",\"required\":[\"mode\"],\"properties\":{"
    "\"mode\":{\"type\":\"string\","
    "\"enum\":[\"oracle\",\"echo\",\"constant\",\"random-choice\",\"recorded\"],"
    "\"description\":\"what to answer with\"},"
    "\"answer\":{\"default\":\"\",\"description\":\"the answer of mode constant, any value\"},"
    "\"id\":{\"type\":\"string\",\"description\":\"the model's id; added by evald\"},"
    "\"name\":{\"type\":\"string\",\"description\":\"not used; added by evald\"}}}";

static const struct evald_plugin baseline = {
    EVALD_HEAD(EVALD_MODEL),
    .threads = EVALD_PARALLEL,
    .id = "model::baseline",
    .version = "1",
    .summary = "models without a network: oracle, echo, constant, random-choice, recorded",
    .params_schema = schema,
    .columns = columns,
    .open = baseline_open,
    .score = baseline_score,
};
EVALD_PLUGINS(&baseline)
