/* Any row, params and replies, given to any scorer of plugins/.libs.
 *
 * Pieces parted by TABs: a scorer's id (another text is one of them all the same), params (empty:
 * its own), a piece for each column (empty: it is absent; JSON; else text), and then what is
 * replied, in turn: a reply document that has "message" or "embeddings", another text as
 * the arguments of the function that was to be called, or as the answer.
 *
 * It ends with a score in the range that it declares, or null, or with a reason on one line,
 * and in the same way when it is done again. */
#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/jtext.h"
#include "common/mem.h"
#include "common/schema.h"
#include "fuzz.h"
#include "runner/host.h"
#include "runner/load.h"
#include "runner/task.h"

#define PIECES   64
#define SCORERS  64
#define INPUT_MAX (1u << 20)

struct scorers {
    struct load load;
    struct call call;
    struct plugin *all[SCORERS];
    size_t n;
};

/* One input on its way. */
struct play {
    struct plugin *plugin;
    struct arena arena;
    struct str pieces[PIECES];
    size_t n_pieces, next_reply;
    struct task_ask *queue[TASK_ASKS];
    size_t n_queue;
};

static int
by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int
is_plugin(const struct dirent *e)
{
    size_t len = strlen(e->d_name);
    return len > 3 && strcmp(e->d_name + len - 3, ".so") == 0;
}

static void
no_log(void *arg, const struct plugin *p, int level, struct str text)
{
    (void)arg;
    (void)p;
    (void)level;
    assert(utf8_valid_prefix(text.ptr, text.len) == text.len);
}

static struct scorers *
scorers(void)
{
    static struct scorers s;
    struct dirent **files;
    if (s.n > 0)
        return &s;
    int n = scandir("plugins/.libs", &files, is_plugin, by_name);
    for (int i = 0; i < n; i++) {
        struct err err;
        CLEANUP_FREE char *path = xasprintf("plugins/.libs/%s", files[i]->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || load_file(&s.load, fd, path, NULL, &err) < 0)
            abort();
        close(fd);
        free(files[i]);
    }
    free(files);
    for (struct plugin *p = s.load.plugins; p != NULL && s.n < SCORERS; p = p->next)
        if (p->desc.kind == EVALD_SCORER)
            s.all[s.n++] = p;
    if (s.n == 0)
        abort(); /* not the top of a build tree */
    call_init(&s.call);
    s.call.log = no_log;
    return &s;
}

static void
cut(struct play *p, struct str in)
{
    while (p->n_pieces < PIECES) {
        const char *tab = in.len > 0 ? memchr(in.ptr, '\t', in.len) : NULL;
        size_t len = tab != NULL ? (size_t)(tab - in.ptr) : in.len;
        p->pieces[p->n_pieces++] = arena_copy(&p->arena, (struct str){ in.ptr, len });
        if (tab == NULL)
            break;
        in = (struct str){ tab + 1, in.len - len - 1 };
    }
}

static struct str
piece(const struct play *p, size_t i)
{
    return i < p->n_pieces ? p->pieces[i] : STR("");
}

static struct plugin *
choose(const struct scorers *s, struct str id)
{
    size_t sum = 0;
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(id, str_z(s->all[i]->desc.id)))
            return s->all[i];
    for (size_t i = 0; i < id.len; i++)
        sum += (unsigned char)id.ptr[i];
    return s->all[sum % s->n];
}

/* As JSON: what is some, else a string. */
static void
put_value(struct text *t, struct str s)
{
    struct jval v;
    size_t at;
    if (jtext_check(s, &v, &at, NULL) == 0)
        text_put_str(t, s);
    else
        jtext_put_string(t, s);
}

/* As the host does it; NULL: refused. */
static char *
fill_params(const struct play *p)
{
    const struct evald_plugin *d = &p->plugin->desc;
    struct str given = piece(p, 1);
    CLEANUP_JSON json_object *tree = NULL, *filled = NULL;
    struct err err;
    if (given.len == 0)
        given = str_z(d->params_default != NULL ? d->params_default : "{}");
    if (json_parse(given, &tree, NULL, NULL) < 0 || !json_object_is_type(tree, json_type_object))
        return NULL;
    json_object_object_del(tree, "aggregation_functions");
    if (!json_has(json_get(p->plugin->schema, "properties"), "type"))
        json_object_object_del(tree, "type");
    if (p->plugin->schema == NULL)
        return xstrdup("{}");
    filled = schema_apply(p->plugin->schema, tree, SCHEMA_IGNORE, "params", &err);
    if (filled == NULL) {
        assert(err.text[0] != '\0');
        return NULL;
    }
    return json_text(filled);
}

/* False: a column that it needs is not there. */
static bool
fill_row(struct play *p, struct evald_row *row)
{
    const struct plugin *plug = p->plugin;
    struct evald_value *cols = arena_zalloc(&p->arena, (plug->n_columns + 1) * sizeof *cols);
    CLEANUP_TEXT struct text t = TEXT_INIT;
    struct jval whole;
    size_t at;
    text_putc(&t, '{');
    for (size_t i = 0; i < plug->n_columns; i++) {
        struct str value = piece(p, 2 + i);
        if (value.len == 0 && !plug->optional[i])
            return false;
        if (value.len == 0)
            continue;
        text_puts(&t, t.len > 1 ? "," : "");
        jtext_put_string(&t, plug->columns[i]);
        text_puts(&t, ":");
        put_value(&t, value);
    }
    text_putc(&t, '}');
    struct str json = arena_take(&p->arena, &t);
    if (jtext_check(json, &whole, &at, NULL) < 0)
        return false; /* the pieces are too deep together */
    for (size_t i = 0; i < plug->n_columns; i++)
        cols[i] = host_value(&p->arena, jtext_member(whole, plug->columns[i]));
    row->cols = cols;
    row->json = (struct evald_str){ json.ptr, json.len };
    return true;
}

/* ---- asks ---- */

static void
on_send(void *arg, struct task_ask *ask)
{
    struct play *p = arg;
    struct jval v;
    size_t at;
    assert(ask->kind == EVALD_ASK_MODEL); /* of any name: evald knows its models */
    assert(jtext_check(ask->body, &v, &at, NULL) == 0);
    assert(p->n_queue < ARRAY_LEN(p->queue));
    p->queue[p->n_queue++] = ask;
}

static void
on_drop(void *arg, struct task_ask *ask)
{
    (void)arg;
    (void)ask;
}

static const struct task_ops ops = { .send = on_send, .drop = on_drop };

static bool
is_document(struct str s)
{
    struct jval v;
    size_t at;
    return jtext_check(s, &v, &at, NULL) == 0 && v.kind == J_OBJECT
        && (jtext_member(v, STR("message")).kind != J_ABSENT
            || jtext_member(v, STR("embeddings")).kind != J_ABSENT);
}

/* A vector for each text, of how many and which bytes it has. */
static void
put_embeddings(struct text *t, struct jval input)
{
    struct jval one;
    size_t n = 0;
    text_puts(t, "{\"embeddings\":[");
    if (input.kind == J_STRING)
        text_putf(t, "[1,%zu]", input.raw.len % 7);
    for (struct jiter it = jtext_iter(input); jtext_next(&it, NULL, &one); n++)
        text_putf(t, "%s[1,%zu,-0.5]", n > 0 ? "," : "", one.raw.len % 7);
    text_puts(t, "]}");
}

static void
put_reply(struct play *p, struct text *t, const struct task_ask *ask)
{
    struct str said = piece(p, 2 + p->plugin->n_columns + p->next_reply++);
    struct jval body, forced;
    size_t at;
    if (is_document(said)) {
        text_put_str(t, said);
        return;
    }
    jtext_check(ask->body, &body, &at, NULL);
    if (jtext_member(body, STR("input")).kind != J_ABSENT) {
        put_embeddings(t, jtext_member(body, STR("input")));
        return;
    }
    forced = jtext_pointer(body, STR("/tool_choice/function/name"));
    text_puts(t, "{\"message\":{\"role\":\"assistant\",\"content\":");
    if (forced.kind == J_STRING) {
        text_puts(t, "null,\"tool_calls\":[{\"id\":\"1\",\"type\":\"function\",\"function\":{"
                     "\"name\":");
        text_put_str(t, forced.raw);
        text_puts(t, ",\"arguments\":");
    }
    jtext_put_string(t, said);
    text_puts(t, forced.kind == J_STRING ? "}}]}}" : "}}");
}

static void
answer(struct play *p, struct call *c)
{
    for (size_t i = 0; i < p->n_queue && p->n_queue < ARRAY_LEN(p->queue) / 2; i++) {
        struct task_ask *ask = p->queue[i];
        CLEANUP_TEXT struct text t = TEXT_INIT;
        put_reply(p, &t, ask);
        struct task_reply r = { .attempts = 1, .body = arena_take(&p->arena, &t) };
        if (r.body.len == 2)
            r = (struct task_reply){ .status = EVALD_E_REMOTE, .attempts = 1, .body = STR("no") };
        task_answer(ask, &r, c);
    }
}

/* ---- what must hold ---- */

static void
check_score(const struct plugin *p, struct jval score)
{
    json_object *range = json_get(json_get(p->metrics, "score"), "range");
    if (score.kind != J_NUMBER || !json_object_is_type(range, json_type_array))
        return;
    double low = json_object_get_double(json_object_array_get_idx(range, 0));
    double high = json_object_get_double(json_object_array_get_idx(range, 1));
    assert(jtext_double(score) >= low && jtext_double(score) <= high);
}

static void
check_end(const struct task *t, struct text *ret)
{
    struct jval whole;
    size_t at;
    assert(t->status != EVALD_E_BUG && t->status != EVALD_E_NOTSUP);
    text_putf(ret, "%d {", t->status);
    text_put_str(ret, text_str(&t->out.json));
    text_putf(ret, "} %s", t->why.ptr);
    if (t->status < 0) {
        assert(!str_eq(t->why, STR("failed without a reason")));
        assert(t->why.len > 0 && memchr(t->why.ptr, '\n', t->why.len) == NULL);
        assert(utf8_valid_prefix(t->why.ptr, t->why.len) == t->why.len);
        return;
    }
    CLEANUP_TEXT struct text out = TEXT_INIT;
    text_puts(&out, "{");
    text_put_str(&out, text_str(&t->out.json));
    text_puts(&out, "}");
    assert(jtext_check(text_str(&out), &whole, &at, NULL) == 0);
    assert(jtext_member(whole, STR("score")).kind != J_ABSENT);
    check_score(t->in->plugin, jtext_member(whole, STR("score")));
}

static void
play(struct scorers *s, struct str in, struct text *ret)
{
    CLEANUP_FREE struct play *p = xcalloc(1, sizeof *p);
    struct evald_row row = { .size = sizeof row };
    struct instance instance = { 0 };
    struct err err;
    cut(p, in);
    p->plugin = choose(s, piece(p, 0));
    CLEANUP_FREE char *params = fill_params(p);
    if (params == NULL || !fill_row(p, &row)) {
        text_puts(ret, "not played");
    } else if (host_open(&s->call, &instance, p->plugin, p->plugin->desc.id, str_z(params),
                         &err) < 0) {
        assert(err.code == ERR_INVALID && err.text[0] != '\0');
        text_puts(ret, err.text);
    } else {
        struct task_env env = { .ops = &ops, .arg = p, .arena = &p->arena, .max_attempts = 1,
                                .ask_timeout_ms = 1000 };
        struct task *t = task_new(&env, &instance, &row, 0);
        task_run(t, &s->call);
        answer(p, &s->call);
        if (t->state == TASK_DONE)
            check_end(t, ret);
        else
            task_cancel(t, &s->call);
        task_free(t);
        task_env_fini(&env);
        host_close(&instance);
    }
    arena_fini(&p->arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = { (const char *)data, size };
    CLEANUP_TEXT struct text first = TEXT_INIT, again = TEXT_INIT;
    if (size > INPUT_MAX || utf8_valid_prefix(in.ptr, size) < size
        || memchr(data, '\0', size) != NULL)
        return 0;
    play(scorers(), in, &first);
    play(scorers(), in, &again);
    /* time is not the same twice */
    assert(strstr(first.ptr, "too long") != NULL || strstr(again.ptr, "too long") != NULL
           || str_eq(text_str(&first), text_str(&again)));
    return 0;
}
