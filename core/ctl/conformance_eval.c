#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/mem.h"
#include "ctl/conformance.h"
#include "ctl/conformance_evald.h"
#include "ctl/conformance_server.h"
#include "ctl/ctl.h"

/* Evaluations name a benchmark, but nothing of it is read. */
#define BENCHMARK    "conformance"
#define BENCHMARKS   "/v1alpha/eval/benchmarks"
#define REGISTRATION "{\"benchmark_id\":\"" BENCHMARK "\",\"dataset_id\":\"none\"," \
                     "\"scoring_functions\":[]}"

/* evald and the server of its models.  After a failed evaluation both start anew: what it still
 * had on its way must not be counted as the next one's. */
struct stage {
    char *dir, *conf;
    struct conformance_server *server; /* NULL: nothing runs */
    struct conformance_evald *evald;
};

/* ---- evald.conf ---- */

/* As a string of libconfig. */
static void
put_conf_string(struct text *t, const char *z)
{
    text_putc(t, '"');
    for (; *z != '\0'; z++)
        text_putf(t, *z == '"' || *z == '\\' ? "\\%c" : "%c", *z);
    text_putc(t, '"');
}

/* Can a model of evald.conf have this id?  Where not, cases that name it differ. */
static bool
is_model_id(struct str id)
{
    for (size_t i = 0; i < id.len; i++)
        if ((unsigned char)id.ptr[i] < ' ' || id.ptr[i] == 0x7f)
            return false;
    return id.len > 0 && (id.len < 10 || memcmp(id.ptr, "baseline::", 10) != 0);
}

struct names {
    char **list;
    size_t n;
};

static void
add_name(struct names *names, struct jval id)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    if (id.kind != J_STRING)
        return;
    jtext_decode(&t, id.raw);
    if (!is_model_id(text_str(&t)))
        return;
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->list[i], t.ptr) == 0)
            return;
    names->list = xreallocarray(names->list, names->n + 1, sizeof *names->list);
    names->list[names->n++] = text_take(&t);
}

static void
add_models(struct names *names, struct jval config)
{
    struct jval params;
    add_name(names, jtext_pointer(config, STR("/eval_candidate/model")));
    struct jiter it = jtext_iter(jtext_member(config, STR("scoring_params")));
    while (jtext_next(&it, NULL, &params))
        if (params.kind == J_OBJECT)
            add_name(names, jtext_member(params, STR("judge_model")));
}

/* Percent-encoded, as the host of an http+unix URL. */
static void
put_url_path(struct text *t, const char *path)
{
    for (const char *p = path; *p != '\0'; p++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._", *p))
            text_putc(t, *p);
        else
            text_putf(t, "%%%02X", (unsigned char)*p);
}

/* Every model that a case names is at the one server.  It takes all sampling parameters there
 * are, and is asked once for each answer. */
static char *
make_conf(const char *dir, struct conformance_case **cases, size_t n)
{
    CLEANUP_TEXT struct text conf = TEXT_INIT, url = TEXT_INIT;
    CLEANUP_FREE char *socket = xasprintf("%s/models", dir);
    struct names names = { 0 };
    add_name(&names, (struct jval){ J_STRING, STR("\"" CONFORMANCE_JUDGE "\"") });
    for (size_t i = 0; i < n; i++)
        add_models(&names, jtext_member(cases[i]->row, STR("benchmark_config")));
    put_url_path(&url, socket);
    text_puts(&conf, "models = (\n");
    for (size_t i = 0; i < names.n; i++) {
        text_puts(&conf, i > 0 ? ",\n  { id = " : "  { id = ");
        put_conf_string(&conf, names.list[i]);
        text_putf(&conf, "; adapter = \"model::openai\"; base_url = \"http+unix://%s/v1\";"
                  " max_attempts = 1;"
                  " params = { accepts = [ \"top_k\", \"repetition_penalty\" ]; }; }", url.ptr);
        free(names.list[i]);
    }
    text_puts(&conf, "\n);\n");
    free(names.list);
    return text_take(&conf);
}

/* ---- the stage ---- */

static int
stage_start(struct stage *st, struct err *err)
{
    CLEANUP_TEXT struct text body = TEXT_INIT;
    CLEANUP_FREE char *socket = xasprintf("%s/models", st->dir);
    if (st->evald != NULL)
        return 0;
    st->server = conformance_server_new(socket, err);
    if (st->server == NULL)
        return -1;
    st->evald = conformance_evald_start(st->dir, st->conf, err);
    if (st->evald == NULL)
        return -1;
    struct request rq = { .method = "POST", .path = BENCHMARKS, .body = STR(REGISTRATION) };
    return client_call(conformance_evald_client(st->evald), &rq, &body, err);
}

/* Nothing asks any more, but what was asked stays known. */
static int
stage_still(struct stage *st, struct err *err)
{
    int rc = conformance_evald_stop(TAKE(st->evald), err);
    if (st->server != NULL)
        conformance_server_stop(st->server);
    return rc;
}

static void
stage_clear(struct stage *st)
{
    conformance_server_free(TAKE(st->server));
}

/* ---- requests, as OpenAI's dialect carries them ---- */

static void
put_member(struct text *t, const char *name, struct jval v)
{
    text_putf(t, ",\"%s\":", name);
    text_put_str(t, v.raw);
}

/* Neutral values are not sent; greedy is temperature 0. */
static void
put_sampling(struct text *t, struct jval params)
{
    if (params.kind != J_OBJECT)
        return;
    struct jval strategy = jtext_member(params, STR("strategy")), v;
    struct jval type = jtext_member(strategy, STR("type"));
    if (type.kind == J_STRING && jtext_spells(type.raw, STR("greedy")))
        text_puts(t, ",\"temperature\":0");
    static const char *const of_strategy[] = { "temperature", "top_p", "top_k" };
    for (size_t i = 0; i < ARRAY_LEN(of_strategy); i++)
        if ((v = jtext_member(strategy, str_z(of_strategy[i]))).kind == J_NUMBER)
            put_member(t, of_strategy[i], v);
    v = jtext_member(params, STR("max_tokens"));
    if (v.kind == J_NUMBER && jtext_double(v) > 0)
        put_member(t, "max_tokens", v);
    v = jtext_member(params, STR("repetition_penalty"));
    if (v.kind == J_NUMBER && jtext_double(v) != 1)
        put_member(t, "repetition_penalty", v);
    v = jtext_member(params, STR("stop"));
    if (v.kind == J_ARRAY && jtext_count(v) > 0)
        put_member(t, "stop", v);
}

/* Content that is one item travels as an array of it. */
static void
put_message(struct text *t, struct jval message)
{
    struct str key;
    struct jval v;
    const char *comma = "";
    text_putc(t, '{');
    for (struct jiter it = jtext_iter(message); jtext_next(&it, &key, &v); comma = ",") {
        bool lone = v.kind == J_OBJECT && jtext_spells(key, STR("content"));
        text_puts(t, comma);
        text_put_str(t, key);
        text_puts(t, lone ? ":[" : ":");
        text_put_str(t, v.raw);
        text_puts(t, lone ? "]" : "");
    }
    text_putc(t, '}');
}

/* A completion's prompt is one text: that of its items joined by blanks. */
static void
put_prompt(struct text *t, struct jval content)
{
    CLEANUP_TEXT struct text all = TEXT_INIT;
    struct jval item;
    const char *blank = "";
    if (content.kind == J_OBJECT)
        content = jtext_member(content, STR("text"));
    if (content.kind == J_STRING)
        jtext_decode(&all, content.raw);
    for (struct jiter it = jtext_iter(content); jtext_next(&it, NULL, &item); blank = " ") {
        struct jval text = item.kind == J_OBJECT ? jtext_member(item, STR("text")) : item;
        text_puts(&all, blank);
        if (text.kind == J_STRING)
            jtext_decode(&all, text.raw);
    }
    text_puts(t, ",\"prompt\":");
    jtext_put_string(t, text_str(&all));
}

/* A request as a case lists it, and one that came for it. */
struct wanted {
    struct text text; /* the body that should come */
    struct jval body;
    bool completion;
    bool any_messages; /* of a chat: body has none, they are free */
    size_t came; /* its place among those that came; NONE */
};
#define NONE SIZE_MAX

static void
make_wanted(struct wanted *w, struct jval listed)
{
    struct text *t = &w->text;
    struct jval kind = jtext_member(listed, STR("kind")), message;
    struct jval messages = jtext_member(listed, STR("messages"));
    const char *comma = "";
    *w = (struct wanted){ .came = NONE };
    w->completion = kind.kind == J_STRING && jtext_spells(kind.raw, STR("completion"));
    text_puts(t, "{\"model\":");
    text_put_str(t, jtext_member(listed, STR("model")).raw);
    w->any_messages = !w->completion && messages.kind == J_ABSENT;
    if (w->completion) {
        put_prompt(t, jtext_member(listed, STR("content")));
    } else if (!w->any_messages) {
        text_puts(t, ",\"messages\":[");
        for (struct jiter it = jtext_iter(messages); jtext_next(&it, NULL, &message);
             comma = ",") {
            text_puts(t, comma);
            put_message(t, message);
        }
        text_putc(t, ']');
    }
    put_sampling(t, jtext_member(listed, STR("sampling_params")));
    text_putc(t, '}');
    if (jtext_check(text_str(t), &w->body, NULL, NULL) < 0)
        w->body = (struct jval){ J_ABSENT, { NULL, 0 } }; /* equals nothing that comes */
}

/* ---- comparing ---- */

static bool
is_wanted(const struct wanted *w, const struct conformance_request *came)
{
    CLEANUP_TEXT struct text rest = TEXT_INIT;
    struct str key;
    struct jval v;
    if (w->completion != came->completion)
        return false;
    if (!w->any_messages)
        return conformance_same(w->body, came->body);
    text_putc(&rest, '{');
    for (struct jiter it = jtext_iter(came->body); jtext_next(&it, &key, &v);) {
        if (jtext_spells(key, STR("messages")))
            continue;
        conformance_put_name(&rest, key);
        text_put_str(&rest, v.raw);
    }
    text_putc(&rest, '}');
    return conformance_same(w->body, jtext_whole(text_str(&rest)));
}

/* Gives each request that came a place in the list; one that is not listed has none. */
static void
match(struct wanted *list, size_t n, const struct conformance_request *came, size_t n_came,
      bool *ret_listed)
{
    for (size_t i = 0; i < n_came; i++)
        for (size_t k = 0; k < n && !ret_listed[i]; k++)
            if (list[k].came == NONE && is_wanted(&list[k], &came[i])) {
                list[k].came = i;
                ret_listed[i] = true;
            }
}

/* Each row asks the candidate once, then function by function: is that the order of each?  The
 * list has all rows' requests to the candidate, in their order, and then as many to each judge. */
static bool
in_order(const struct wanted *list, size_t n, size_t n_rows)
{
    if (n_rows == 0 || n % n_rows != 0)
        return true; /* no list of that kind: the scores depend on the order enough */
    for (size_t k = n_rows; k < n; k++)
        if (list[k].came < list[k - n_rows].came)
            return false;
    return true;
}

static bool
is_name(struct jval name, struct jval model)
{
    return name.kind == J_STRING && conformance_same(name, model);
}

/* Is it to the candidate, or to a judge that the case names? */
static bool
asks_of_case(const struct conformance_case *c, const struct conformance_request *rq)
{
    struct jval config = jtext_member(c->row, STR("benchmark_config")), params;
    struct jval model = jtext_member(rq->body, STR("model"));
    struct jiter it = jtext_iter(jtext_member(config, STR("scoring_params")));
    if (is_name(jtext_pointer(config, STR("/eval_candidate/model")), model))
        return true;
    while (jtext_next(&it, NULL, &params))
        if (params.kind == J_OBJECT && is_name(jtext_member(params, STR("judge_model")), model))
            return true;
    return is_name((struct jval){ J_STRING, STR("\"" CONFORMANCE_JUDGE "\"") }, model);
}

/* Rows run side by side, so when one fails others may have asked, by their candidate and each of
 * their judges, or not: of what is listed all but the first request may be missing then. */
static void
compare_requests(struct conformance_case *c, struct wanted *list, size_t n,
                 const struct conformance_request *came, size_t n_came, bool *listed)
{
    size_t n_rows = jtext_count(jtext_member(c->row, STR("input_rows")));
    size_t n_functions = jtext_count(jtext_member(c->row, STR("scoring_functions")));
    size_t others = c->want.error && n_rows > 0 ? (n_rows - 1) * (1 + n_functions) : 0;
    match(list, n, came, n_came, listed);
    for (size_t i = 0; i < n_came; i++) {
        if (listed[i])
            continue;
        if (others == 0 || !asks_of_case(c, &came[i]))
            conformance_differ(c, "asked for what is not listed: %.*s",
                               (int)came[i].body.raw.len, came[i].body.raw.ptr);
        else
            others--;
    }
    for (size_t k = 0; k < n && !c->want.requests_open && (k == 0 || !c->want.error); k++)
        if (list[k].came == NONE)
            conformance_differ(c, "did not ask: %.*s", (int)list[k].text.len, list[k].text.ptr);
    if (!c->want.error && !in_order(list, n, n_rows))
        conformance_differ(c, "asked for a row in another order than is listed");
}

static void
check_requests(struct conformance_case *c, const struct conformance_server *server)
{
    struct jval listed;
    size_t n = jtext_count(c->want.requests), n_came, i = 0;
    const struct conformance_request *came = conformance_server_asked(server, &n_came);
    CLEANUP_FREE struct wanted *list = xcalloc(n + 1, sizeof *list);
    CLEANUP_FREE bool *found = xcalloc(n_came + 1, sizeof *found);
    if (c->want.requests.kind != J_ARRAY)
        return;
    for (struct jiter it = jtext_iter(c->want.requests); jtext_next(&it, NULL, &listed); i++)
        make_wanted(&list[i], listed);
    compare_requests(c, list, n, came, n_came, found);
    for (i = 0; i < n; i++)
        text_fini(&list[i].text);
}

/* ---- a case ---- */

static void
put_request(struct text *t, struct jval row)
{
    static const char *const members[] = { "input_rows", "scoring_functions",
                                           "benchmark_config" };
    const char *comma = "";
    text_putc(t, '{');
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        struct jval v = jtext_member(row, str_z(members[i]));
        if (v.kind == J_ABSENT)
            continue;
        text_putf(t, "%s\"%s\":", comma, members[i]);
        text_put_str(t, v.raw);
        comma = ",";
    }
    text_putc(t, '}');
}

static void
check_response(struct conformance_case *c, struct str body)
{
    struct jval came;
    if (c->want.error)
        conformance_differ(c, "did not fail: %.*s", (int)body.len, body.ptr);
    else if (jtext_check(body, &came, NULL, NULL) < 0 || !conformance_same(c->want.result, came))
        conformance_differ(c, "%.*s", (int)body.len, body.ptr);
}

/* An error must be one that the caller can do something about: 500 is said of evald's own. */
static void
check_error(struct conformance_case *c, int status, const char *message)
{
    if (!c->want.error)
        conformance_differ(c, "error %d: %s", status, message);
    else if (status == 500)
        conformance_differ(c, "a fault of evald instead of an error: %s", message);
}

static int
play(struct stage *st, struct conformance_case *c, struct err *err)
{
    CLEANUP_TEXT struct text body = TEXT_INIT, got = TEXT_INIT;
    struct request rq = { .method = "POST", .plain = true,
                          .path = BENCHMARKS "/" BENCHMARK "/evaluations" };
    struct err why;
    if (stage_start(st, err) < 0)
        return -1;
    conformance_server_begin(st->server, jtext_member(c->row, STR("replies")));
    put_request(&body, c->row);
    rq.body = text_str(&body);
    struct client *client = conformance_evald_client(st->evald);
    int rc = client_call(client, &rq, &got, &why), status = client_status(client);
    if (ctl_interrupted)
        return err_set(err, ERR_INTERNAL, "interrupted");
    if (rc == 0) {
        check_response(c, text_str(&got));
        check_requests(c, st->server);
    } else {
        struct err end;
        if (stage_still(st, &end) < 0)
            conformance_differ(c, "%s", end.text);
        if (status != 0)
            check_error(c, status, why.text);
        else
            conformance_differ(c, "%s", why.text);
        check_requests(c, st->server);
        stage_clear(st);
    }
    conformance_agree(c);
    return 0;
}

int
conformance_play_evaluations(struct conformance *f, struct conformance_case **cases, size_t n,
                             struct err *err)
{
    CLEANUP_FREE char *dir = xasprintf("%s/evald", f->scratch);
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return err_set(err, err_from_errno(errno), "mkdir %s: %s", dir, strerror(errno));
    CLEANUP_FREE char *conf = make_conf(dir, cases, n);
    struct stage st = { .dir = dir, .conf = conf };
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = play(&st, cases[i], err);
    if (stage_still(&st, rc == 0 ? err : NULL) < 0)
        rc = -1;
    stage_clear(&st);
    return rc;
}
