#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "common/jsame.h"
#include "common/mem.h"
#include "common/schema.h"
#include "runner/aggregate.h"
#include "runner/host.h"
#include "runner/load.h"
#include "runner/replay.h"
#include "runner/replay_asks.h"
#include "runner/task.h"

#define TAPE_MAX (64u << 20)
#define ASK_TIMEOUT_MS 60000

enum { NAME, PLUGIN, PARAMS, ROW, REQUEST, SEED, EPOCH, INDEX, MAX_ATTEMPTS, ASKS, ASKS_OPEN,
       SCORED, AGGREGATIONS, LIKE, EXPECT, EXPECT_JSON, N_MEMBERS };
static const char *const member_names[N_MEMBERS] = {
    "name", "plugin", "params", "row", "request", "seed", "epoch", "index", "max_attempts",
    "asks", "asks_open", "scored", "aggregations", "like", "expect", "expect_json",
};

/* One run of the program. */
struct replay {
    struct load load;
    struct call call;
    unsigned ran, failed;
};

/* One case being played. */
struct play {
    struct arena arena;
    struct jval in[N_MEMBERS];
    struct plugin *plugin;
    struct tape_asks asks;
    struct task_ask **queue;    /* sent and not answered */
    size_t n_queue, queue_room;
    struct text problem;        /* why it differs; empty while all is well */
    int32_t status;             /* what came out */
    struct text why, fields;
};

static void
play_fini(struct play *p)
{
    free(p->queue);
    text_fini(&p->problem);
    text_fini(&p->why);
    text_fini(&p->fields);
    arena_fini(&p->arena);
}

__attribute__((format(printf, 2, 3))) static void
differs(struct play *p, const char *fmt, ...)
{
    if (p->problem.len > 0)
        return;
    va_list ap;
    va_start(ap, fmt);
    text_vputf(&p->problem, fmt, ap);
    va_end(ap);
}

static void
on_send(void *arg, struct task_ask *ask)
{
    struct play *p = arg;
    if (p->n_queue == p->queue_room) {
        p->queue_room = 2 * p->queue_room + 8;
        p->queue = xreallocarray(p->queue, p->queue_room, sizeof *p->queue);
    }
    p->queue[p->n_queue++] = ask;
}

static void
on_drop(void *arg, struct task_ask *ask)
{
    struct play *p = arg;
    for (size_t i = 0; i < p->n_queue; i++)
        if (p->queue[i] == ask)
            p->queue[i] = NULL;
}

static const struct task_ops ops = { .send = on_send, .drop = on_drop };

/* ---- one case ---- */

static void
set_end(struct play *p, int32_t status, const char *why)
{
    p->status = status;
    text_puts(&p->why, why);
}

/* The columns of the row; a required one that is missing ends the case. */
static bool
fill_columns(struct play *p, struct evald_row *row)
{
    const struct plugin *plug = p->plugin;
    struct evald_value *cols = arena_zalloc(&p->arena, (plug->n_columns + 1) * sizeof *cols);
    bool judge = plug->desc.kind == EVALD_MODEL && p->in[ROW].kind == J_ABSENT;
    for (size_t i = 0; i < plug->n_columns; i++) {
        cols[i] = host_value(&p->arena, jtext_member(p->in[ROW], plug->columns[i]));
        if (cols[i].kind == EVALD_ABSENT && !plug->optional[i] && !judge) {
            text_putf(&p->why, "missing column '%.*s'", (int)plug->columns[i].len,
                      plug->columns[i].ptr);
            p->status = EVALD_E_ROW;
            return false;
        }
    }
    row->cols = cols;
    return true;
}

/* Params as open() gets them, free() them; NULL: refused, the case has ended. */
static char *
fill_params(struct play *p)
{
    const struct evald_plugin *d = &p->plugin->desc;
    CLEANUP_JSON json_object *given = NULL, *filled = NULL;
    struct err err;
    if (p->in[PARAMS].kind == J_OBJECT)
        given = json_from_jval(p->in[PARAMS]);
    else if (d->params_default != NULL)
        json_parse(str_z(d->params_default), &given, NULL, NULL);
    if (given == NULL)
        given = json_object_new_object();
    json_object *known = json_get(p->plugin->schema, "properties");
    if (!json_has(known, "type"))
        json_object_object_del(given, "type");
    if (!json_has(known, "aggregation_functions"))
        json_object_object_del(given, "aggregation_functions");
    if (p->plugin->schema == NULL)
        filled = json_object_new_object();
    else
        filled = schema_apply(p->plugin->schema, given, SCHEMA_REFUSE, "params", &err);
    if (filled == NULL) {
        set_end(p, EVALD_E_CONFIG, err.text);
        return NULL;
    }
    if (d->kind == EVALD_MODEL) {
        if (!json_has(filled, "id"))
            json_add_str(filled, "id", "model");
        if (!json_has(filled, "name"))
            json_add_str(filled, "name", json_get_str(filled, "id", "model"));
    }
    return json_text(filled);
}

static void
play_row(struct replay *r, struct play *p, struct instance *in)
{
    struct task_env env = { .ops = &ops, .arg = p, .arena = &p->arena,
                            .max_attempts = (uint32_t)tape_number(p->in[MAX_ATTEMPTS], 1),
                            .ask_timeout_ms = ASK_TIMEOUT_MS };
    struct evald_row row = { .size = sizeof row };
    row.seed = (uint64_t)tape_number(p->in[SEED], 0);
    row.index = (uint64_t)tape_number(p->in[INDEX], 0);
    row.epoch = (uint32_t)tape_number(p->in[EPOCH], 0);
    struct jval json = p->in[in->plugin->desc.kind == EVALD_MODEL ? REQUEST : ROW];
    struct str text = json.kind == J_OBJECT ? arena_copy(&p->arena, json.raw) : STR("{}");
    row.json = (struct evald_str){ text.ptr, text.len };
    if (!fill_columns(p, &row))
        return;

    struct task *t = task_new(&env, in, &row, 0);
    task_run(t, &r->call);
    for (size_t i = 0; i < p->n_queue; i++) {
        struct task_ask *k = p->queue[i];
        if (k == NULL || p->problem.len > 0)
            continue;
        struct task_reply reply;
        if (!tape_asks_answer(&p->asks, k, &reply, &p->problem)) {
            task_cancel(t, &r->call);
            break;
        }
        text_clear(&p->problem);
        task_answer(k, &reply, &r->call);
    }
    if (t->state == TASK_DONE) {
        p->status = t->status;
        text_put_str(&p->why, t->why);
        text_put_str(&p->fields, text_str(&t->out.json));
    } else {
        task_cancel(t, &r->call);
        differs(p, "it did not end");
    }
    if (p->problem.len == 0 && tape_asks_left(&p->asks))
        differs(p, "ended after %zu asks, the tape goes on", p->asks.n_made);
    task_free(t);
    task_env_fini(&env);
}

struct scored {
    struct arena *arena;
    struct jiter it;
    uint64_t n;
};

static int
next_scored(void *arg, struct str *ret_json)
{
    struct scored *s = arg;
    struct jval v;
    if (!jtext_next(&s->it, NULL, &v))
        return 0;
    CLEANUP_TEXT struct text line = TEXT_INIT;
    if (jtext_member(v, STR("score_row")).kind == J_ABSENT) {
        text_putf(&line, "{\"index\":%llu,\"epoch\":0,\"row_id\":\"%llu\",\"score_row\":",
                  (unsigned long long)s->n, (unsigned long long)s->n);
        text_put_str(&line, v.raw);
        text_putc(&line, '}');
    } else {
        text_put_str(&line, v.raw);
    }
    s->n++;
    *ret_json = arena_take(s->arena, &line);
    return 1;
}

static void
play_scored(struct replay *r, struct play *p, struct instance *in)
{
    struct scored s = { &p->arena, jtext_iter(p->in[SCORED]), 0 };
    struct fields f = { 0 };
    struct err err;
    if (in->plugin->desc.aggregate == NULL) {
        differs(p, "the plugin has no aggregate");
        return;
    }
    r->call.next_scored = next_scored;
    r->call.scored_arg = &s;
    if (host_aggregate(&r->call, in, &f, &err) < 0)
        set_end(p, err.code == ERR_INVALID ? EVALD_E_CONFIG : EVALD_E_BUG, err.text);
    r->call.next_scored = NULL;
    text_put_str(&p->fields, text_str(&f.json));
    fields_fini(&f);
}

/* The fields as an object; false when they are no JSON. */
static bool
get_emitted(struct play *p, struct jval *ret)
{
    CLEANUP_TEXT struct text out = TEXT_INIT;
    size_t at;
    text_putc(&out, '{');
    text_put_str(&out, text_str(&p->fields));
    text_putc(&out, '}');
    if (jtext_check(arena_take(&p->arena, &out), ret, &at, NULL) == 0)
        return true;
    differs(p, "emitted what is no JSON: %s", p->fields.ptr);
    return false;
}

/* "caller" is whatever the caller is told of as an error of the request. */
static bool
is_code(struct jval code, int32_t status)
{
    if (jtext_spells(code.raw, STR("caller")))
        return status == EVALD_E_ROW || status == EVALD_E_CONFIG;
    return jtext_spells(code.raw, str_z(host_code(status)));
}

/* Compares what came out with what was expected. */
static void
check_end(struct play *p)
{
    struct jval want = p->in[EXPECT], code = jtext_member(want, STR("error")), got;
    if (!get_emitted(p, &got))
        return;
    if (code.kind != J_STRING) {
        if (p->status != EVALD_OK)
            differs(p, "failed with %s: %s", host_code(p->status), p->why.ptr);
        else if (!jsame(want, got, false))
            differs(p, "emitted %s", got.raw.ptr);
        return;
    }
    struct jval has = jtext_member(want, STR("message_has"));
    struct jval fields = jtext_member(want, STR("fields"));
    struct str part = has.kind == J_STRING ? tape_decode(&p->arena, has.raw) : STR("");
    struct str why = text_str(&p->why);
    if (p->status == EVALD_OK)
        differs(p, "did not fail, but emitted %s", got.raw.ptr);
    else if (!is_code(code, p->status))
        differs(p, "failed with %s: %s", host_code(p->status), p->why.ptr);
    else if (part.len > 0 && memmem(why.ptr, why.len, part.ptr, part.len) == NULL)
        differs(p, "failed with the message '%s'", why.ptr);
    else if (fields.kind != J_ABSENT && !jsame(fields, got, false))
        differs(p, "emitted %s before it failed", got.raw.ptr);
}

static struct plugin *
find_plugin(struct replay *r, struct play *p)
{
    struct jval id = p->in[PLUGIN];
    if (r->load.plugins == NULL) {
        differs(p, "there is no plugin file");
        return NULL;
    }
    if (id.kind == J_STRING) {
        for (struct plugin *o = r->load.plugins; o != NULL; o = o->next)
            if (jtext_spells(id.raw, str_z(o->desc.id)))
                return o;
        differs(p, "the file has no plugin %.*s", (int)id.raw.len, id.raw.ptr);
        return NULL;
    }
    if (r->load.plugins->next != NULL) {
        differs(p, "the file has several plugins: which is meant?");
        return NULL;
    }
    return r->load.plugins;
}

/* Plays the row, or what is in its place, to the plugin. */
static void
play_plugin(struct replay *r, struct play *p)
{
    struct instance in = { 0 };
    struct err err;
    p->plugin = find_plugin(r, p);
    if (p->plugin == NULL)
        return;
    CLEANUP_FREE char *params = fill_params(p);
    if (params == NULL)
        return;
    in.endpoint = true;
    if (host_open(&r->call, &in, p->plugin, p->plugin->desc.id, str_z(params), &err) < 0) {
        set_end(p, err.code == ERR_INVALID ? EVALD_E_CONFIG : EVALD_E_BUG, err.text);
        return;
    }
    in.endpoint = true;
    tape_asks_init(&p->asks, &p->arena, p->in[ASKS], p->in[ROW],
                   p->in[ASKS_OPEN].kind == J_BOOL && p->in[ASKS_OPEN].raw.ptr[0] == 't');
    if (p->in[SCORED].kind == J_ARRAY)
        play_scored(r, p, &in);
    else
        play_row(r, p, &in);
    host_close(&in);
}

/* Both rows must give the same, and neither fail; with an error expected both may fail so. */
static void
play_like(struct replay *r, struct play *p)
{
    struct play other = { .plugin = NULL };
    struct jval want, got, code = jtext_member(p->in[EXPECT], STR("error"));
    memcpy(other.in, p->in, sizeof other.in);
    other.in[ROW] = p->in[LIKE];
    play_plugin(r, &other);
    play_plugin(r, p);
    bool may_fail = other.status != EVALD_OK && code.kind == J_STRING
                    && is_code(code, other.status);
    if (other.problem.len > 0)
        differs(p, "the row that it is like: %s", other.problem.ptr);
    else if (may_fail && p->status == EVALD_OK)
        differs(p, "did not fail, and the row that it is like failed with %s: %s",
                host_code(other.status), other.why.ptr);
    else if (may_fail && is_code(code, p->status))
        ;
    else if (other.status != EVALD_OK)
        differs(p, "the row that it is like failed with %s: %s", host_code(other.status),
                other.why.ptr);
    else if (p->status != EVALD_OK)
        differs(p, "failed with %s: %s", host_code(p->status), p->why.ptr);
    else if (!get_emitted(&other, &want))
        differs(p, "the row that it is like: %s", other.problem.ptr);
    else if (get_emitted(p, &got) && !jsame(want, got, false))
        differs(p, "emitted %s, and the row that it is like %s", got.raw.ptr, want.raw.ptr);
    play_fini(&other);
}

/* Names of the aggregations in the arena; NULL: one is no string. */
static const char **
aggregation_names(struct play *p, size_t *ret_n)
{
    struct jval name;
    size_t n = 0;
    const char **names =
        arena_alloc(&p->arena, (jtext_count(p->in[AGGREGATIONS]) + 1) * sizeof *names);
    for (struct jiter it = jtext_iter(p->in[AGGREGATIONS]); jtext_next(&it, NULL, &name);) {
        if (name.kind != J_STRING)
            return NULL;
        names[n++] = tape_decode(&p->arena, name.raw).ptr;
    }
    *ret_n = n;
    return names;
}

static int
aggregate(struct play *p, struct text *ret_json, struct err *err)
{
    struct jval row;
    size_t n = 0;
    const char **names = aggregation_names(p, &n);
    if (names == NULL)
        return err_set(err, ERR_INVALID, "the name of an aggregation is no string");
    struct agg *a = agg_new(names, n, err);
    int rc = a != NULL ? 0 : -1;
    for (struct jiter it = jtext_iter(p->in[SCORED]); rc == 0 && jtext_next(&it, NULL, &row);)
        rc = agg_add(a, row.raw, err);
    if (rc == 0)
        rc = agg_finish(a, true, ret_json, err);
    agg_free(a);
    return rc;
}

/* The aggregations of evald, as a call has them. */
static void
play_aggregations(struct play *p)
{
    CLEANUP_TEXT struct text json = TEXT_INIT, dumps = TEXT_INIT;
    struct jval got;
    struct err err;
    size_t at;
    bool fails = jtext_member(p->in[EXPECT], STR("error")).kind != J_ABSENT;
    if (aggregate(p, &json, &err) < 0) {
        if (!fails || err.code != ERR_INVALID)
            differs(p, "failed: %s", err.text);
        return;
    }
    if (jtext_check(text_str(&json), &got, &at, NULL) < 0) {
        differs(p, "gave what is no JSON: %s", json.ptr);
        return;
    }
    tape_put_dumps(&dumps, got);
    if (fails)
        differs(p, "did not fail, but gave %s", dumps.ptr);
    else if (p->in[EXPECT].kind == J_OBJECT && !jsame(p->in[EXPECT], got, false))
        differs(p, "gave %s", dumps.ptr);
    else if (p->in[EXPECT_JSON].kind == J_STRING
             && !str_eq(tape_decode(&p->arena, p->in[EXPECT_JSON].raw), text_str(&dumps)))
        differs(p, "wrote %s", dumps.ptr);
}

static void
play_case(struct replay *r, struct play *p)
{
    if (p->in[AGGREGATIONS].kind == J_ARRAY) {
        play_aggregations(p);
    } else if (p->in[LIKE].kind == J_OBJECT) {
        play_like(r, p);
    } else {
        play_plugin(r, p);
        if (p->plugin != NULL)
            check_end(p);
    }
}

/* ---- tapes ---- */

static void
result(struct replay *r, const char *tape, struct str name, unsigned line, const struct play *p)
{
    bool good = p->problem.len == 0;
    r->ran++;
    r->failed += !good;
    printf("%sok %u - %s: ", good ? "" : "not ", r->ran, tape);
    if (name.len == 0)
        printf("line %u\n", line);
    for (size_t i = 0; i < name.len; i++) /* TAP reads a directive after a # */
        putchar(name.ptr[i] == '#' || (unsigned char)name.ptr[i] < ' ' ? ' ' : name.ptr[i]);
    if (name.len > 0)
        putchar('\n');
    if (!good) { /* on one line, whatever is in it */
        printf("#   line %u: ", line);
        for (size_t i = 0; i < p->problem.len; i++)
            putchar((unsigned char)p->problem.ptr[i] < ' ' ? ' ' : p->problem.ptr[i]);
        putchar('\n');
    }
    fflush(stdout);
}

/* Only members of the format, each of its type. */
static int
check_line(struct jval line, struct err *err)
{
    static const enum jkind kinds[N_MEMBERS] = {
        J_STRING, J_STRING, J_OBJECT, J_OBJECT, J_OBJECT, J_NUMBER, J_NUMBER, J_NUMBER,
        J_NUMBER, J_ARRAY, J_BOOL, J_ARRAY, J_ARRAY, J_OBJECT, J_OBJECT, J_STRING,
    };
    struct str key;
    struct jval v;
    for (struct jiter it = jtext_iter(line); jtext_next(&it, &key, &v);) {
        size_t i = 0;
        while (i < N_MEMBERS && !jtext_spells(key, str_z(member_names[i])))
            i++;
        if (i == N_MEMBERS)
            return err_set(err, ERR_INVALID, "unknown member %.*s", (int)key.len, key.ptr);
        if (v.kind != kinds[i])
            return err_set(err, ERR_INVALID, "member %.*s is of the wrong type", (int)key.len,
                           key.ptr);
    }
    return 0;
}

/* defaults: of the members that a line may leave out; kept for the next line. */
static void
play_line(struct replay *r, const char *tape, unsigned number, struct str text,
          struct jval *defaults)
{
    struct play p = { 0 };
    struct str names[N_MEMBERS], name = { "", 0 };
    struct jval whole;
    struct err err;
    size_t at;
    for (size_t i = 0; i < N_MEMBERS; i++)
        names[i] = str_z(member_names[i]);
    if (jtext_check(text, &whole, &at, &err) < 0)
        differs(&p, "byte %zu: %s", at, err.text);
    else if (whole.kind != J_OBJECT)
        differs(&p, "no JSON object");
    else if (check_line(whole, &err) < 0)
        differs(&p, "%s", err.text);
    else
        jtext_scan_object(text, names, N_MEMBERS, p.in, &at, NULL);

    if (p.problem.len == 0 && p.in[EXPECT].kind == J_ABSENT && p.in[LIKE].kind == J_ABSENT
        && p.in[EXPECT_JSON].kind == J_ABSENT) {
        memcpy(defaults, p.in, sizeof p.in);
        play_fini(&p);
        return;
    }
    if (p.problem.len == 0) {
        static const int kept[] = { PLUGIN, PARAMS, ROW, REQUEST };
        for (size_t i = 0; i < ARRAY_LEN(kept); i++)
            if (p.in[kept[i]].kind == J_ABSENT)
                p.in[kept[i]] = defaults[kept[i]];
        if (p.in[NAME].kind == J_STRING)
            name = tape_decode(&p.arena, p.in[NAME].raw);
        play_case(r, &p);
    }
    result(r, tape, name, number, &p);
    play_fini(&p);
}

static int
play_tape(struct replay *r, const char *path, struct err *err)
{
    size_t len;
    CLEANUP_FREE char *bytes = io_read_file(AT_FDCWD, path, TAPE_MAX, &len, err);
    if (bytes == NULL)
        return -1;
    const char *slash = strrchr(path, '/');
    struct jval defaults[N_MEMBERS] = { 0 };
    unsigned number = 0;
    for (const char *at = bytes, *end = bytes + len; at < end;) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        size_t n = lf != NULL ? (size_t)(lf - at) : (size_t)(end - at);
        number++;
        if (strspn(at, " \t\r") < n)
            play_line(r, slash != NULL ? slash + 1 : path, number, (struct str){ at, n },
                      defaults);
        at += n + 1;
    }
    return 0;
}

static void
on_log(void *arg, const struct plugin *p, int level, struct str text)
{
    (void)arg;
    if (level < 7)
        printf("# %s: %.*s\n", p->desc.id, (int)text.len, text.ptr);
}

int
replay_main(int argc, char **argv)
{
    struct replay r = { 0 };
    struct err err;
    int first = argc > 1 && strcmp(argv[1], "--replay") == 0 ? 2 : 1;
    if (argc - first < 2) {
        fprintf(stderr, "usage: evald-runner --replay FILE.so TAPE.jsonl...\n");
        return 2;
    }
    bool none = strcmp(argv[first], "-") == 0;
    CLEANUP_CLOSE int fd = none ? -1 : open(argv[first], O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        err_set(&err, err_from_errno(errno), "%s: %m", argv[first]);
    if (!none && (fd < 0 || load_file(&r.load, fd, argv[first], NULL, &err) < 0)) {
        printf("Bail out! %s\n", err.text);
        return 1;
    }
    call_init(&r.call);
    r.call.log = on_log;
    for (int i = first + 1; i < argc; i++)
        if (play_tape(&r, argv[i], &err) < 0) {
            printf("not ok %u - %s\n", ++r.ran, err.text);
            r.failed++;
        }
    printf("1..%u\n", r.ran);
    call_fini(&r.call);
    load_fini(&r.load);
    return r.failed > 0 || r.ran == 0;
}
