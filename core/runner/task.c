#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "runner/task.h"

/* ---- making and freeing ---- */

static struct task *
make(struct task_env *env, struct instance *in, const struct evald_row *row, int32_t phase)
{
    struct task *t = arena_zalloc(env->arena, sizeof *t);
    t->env = env;
    t->in = in;
    t->row = *row;
    t->row.size = sizeof t->row;
    t->phase = phase;
    t->root = t;
    t->depth = 1;
    for (size_t i = 0; i < TASK_SPARES; i++)
        if (env->spare[i].json.room > 0) {
            t->out = env->spare[i];
            env->spare[i] = (struct fields){ 0 };
            fields_clear(&t->out);
            break;
        }
    return t;
}

void
task_env_fini(struct task_env *env)
{
    for (size_t i = 0; i < TASK_SPARES; i++)
        fields_fini(&env->spare[i]);
}

struct task *
task_new(struct task_env *env, struct instance *in, const struct evald_row *row, int32_t phase)
{
    return make(env, in, row, phase);
}

/* Forgets the asks of the last step and what their answers are held by. */
static void
forget(struct task_ask *asks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (asks[i].nested != NULL)
            task_free(asks[i].nested);
        asks[i].nested = NULL;
        free(asks[i].owned);
        asks[i].owned = NULL;
    }
}

void
task_free(struct task *t)
{
    if (t == NULL)
        return;
    forget(t->asks, t->n_asks);
    t->n_asks = 0;
    for (size_t i = 0; i < TASK_SPARES && t->out.json.room <= TASK_SPARE_ROOM; i++)
        if (t->env->spare[i].json.room == 0) {
            t->env->spare[i] = t->out;
            t->out = (struct fields){ 0 };
            return;
        }
    fields_fini(&t->out);
}

/* ---- usage ---- */

struct task_usage
task_usage_of(struct jval usage)
{
    struct task_usage u = { 0 };
    int64_t n;
    if (usage.kind != J_OBJECT)
        return u;
    if (jtext_int64(jtext_member(usage, STR("input_tokens")), &n) && n >= 0) {
        u.input_tokens = (uint64_t)n;
        u.any = true;
    }
    if (jtext_int64(jtext_member(usage, STR("output_tokens")), &n) && n >= 0) {
        u.output_tokens = (uint64_t)n;
        u.any = true;
    }
    return u;
}

void
task_usage_add(struct task_usage *to, const struct task_usage *more)
{
    to->input_tokens += more->input_tokens;
    to->output_tokens += more->output_tokens;
    to->any |= more->any;
}

/* ---- asks ---- */

__attribute__((format(printf, 3, 4))) static int32_t
refuse(struct task *t, struct call *c, const char *fmt, ...)
{
    if (!c->bug) {
        text_clear(&c->why);
        va_list ap;
        va_start(ap, fmt);
        text_vputf(&c->why, fmt, ap);
        va_end(ap);
        c->bug = true;
    }
    t->refused = true;
    return EVALD_E_BUG;
}

static struct str
keep_str(struct task *t, struct evald_str s)
{
    return arena_copy(t->env->arena, (struct str){ s.ptr != NULL ? s.ptr : "",
                                                   s.ptr != NULL ? s.len : 0 });
}

int32_t
task_ask(struct task *t, struct call *c, const struct evald_ask *a)
{
    if (a->size < offsetof(struct evald_ask, reserved))
        return refuse(t, c, "an ask of %u bytes", a->size);
    if (t->n_asks == TASK_ASKS)
        return refuse(t, c, "more than %d asks in one step", TASK_ASKS);
    if (a->body.len > TASK_ASK_MAX || a->to.len > TASK_HEAD_MAX || a->head.len > TASK_HEAD_MAX)
        return refuse(t, c, "an ask of more than %u MiB", TASK_ASK_MAX >> 20);
    struct task_ask k = { .task = t, .kind = a->kind, .timeout_ms = a->timeout_ms };
    if (k.timeout_ms == 0 && k.kind != EVALD_ASK_SLEEP)
        k.timeout_ms = t->env->ask_timeout_ms;
    k.to = keep_str(t, a->to);
    k.body = keep_str(t, a->body);
    k.head = keep_str(t, a->head);
    struct jval v;
    size_t at;
    struct err err;
    switch (a->kind) {
    case EVALD_ASK_MODEL:
        if (utf8_valid_prefix(k.body.ptr, k.body.len) < k.body.len) {
            CLEANUP_TEXT struct text valid = TEXT_INIT;
            text_put_utf8(&valid, k.body);
            k.body = arena_take(t->env->arena, &valid);
        }
        if (jtext_check(k.body, &v, &at, &err) < 0)
            return refuse(t, c, "the document for '%.200s' at byte %zu: %s", k.to.ptr, at,
                          err.text);
        if (v.kind != J_OBJECT)
            return refuse(t, c, "the document for '%.200s' is no object", k.to.ptr);
        break;
    case EVALD_ASK_HTTP:
        if (!t->in->endpoint)
            return refuse(t, c, "asks HTTP, but '%s' has no endpoint", t->in->id);
        if (k.head.len > 0
            && (jtext_check(k.head, &v, &at, NULL) < 0 || v.kind != J_OBJECT))
            return refuse(t, c, "the head of an HTTP ask is no JSON object");
        k.endpoint = t->in->id;
        break;
    case EVALD_ASK_SLEEP:
        break;
    case EVALD_ASK_TOOL:
        return refuse(t, c, "this evald has no tools");
    default:
        return refuse(t, c, "unknown kind of ask %u", a->kind);
    }
    if (t->n_asks == t->asks_room) {
        size_t room = t->asks_room == 0 ? 2 : 2 * t->asks_room;
        struct task_ask *list = arena_alloc(t->env->arena, room * sizeof *list);
        if (t->n_asks > 0)
            memcpy(list, t->asks, t->n_asks * sizeof *list);
        t->asks = list;
        t->asks_room = room;
    }
    t->asks[t->n_asks++] = k;
    return EVALD_OK;
}

static void
set_answer(struct task_ask *k, const struct task_reply *r)
{
    k->open = false;
    k->status = r->status;
    k->http_status = r->http_status;
    k->attempts = r->attempts > 0 ? r->attempts : 1;
    k->reply_head = r->head;
    k->reply_body = r->body.ptr != NULL ? r->body : STR("");
    k->usage = r->usage;
    k->owned = r->owned;
    k->task->repeats += k->attempts - 1;
    task_usage_add(&k->task->usage, &r->usage);
}

static void
answer_here(struct task_ask *k, int32_t status, struct str why)
{
    struct task_reply r = { .status = status, .attempts = 1, .body = why };
    set_answer(k, &r);
}

/* What a nested task that is done tells the one that waits for it. */
static void
answer_nested(struct task_ask *k, struct task *n)
{
    struct task_reply r = { .status = n->status, .attempts = n->attempts, .body = n->why,
                            .usage = n->usage };
    if (n->status == EVALD_OK) {
        struct text t = TEXT_INIT;
        text_reserve(&t, n->out.json.len + 2);
        text_putc(&t, '{');
        text_put_str(&t, text_str(&n->out.json));
        text_putc(&t, '}');
        r.body.len = t.len;
        r.owned = text_take(&t);
        r.body.ptr = r.owned;
    }
    set_answer(k, &r);
}

/* Sets the task up that answers an ask of MODEL; NULL when it was answered with an error. */
static struct task *
nest(struct task *t, struct task_ask *k)
{
    struct arena *a = t->env->arena;
    struct instance *in = t->env->ops->model(t->env->arg, k->to);
    char line[400];
    if (in == NULL) {
        snprintf(line, sizeof line, "there is no model '%.200s'", k->to.ptr);
        answer_here(k, EVALD_E_CONFIG, arena_copy(a, str_z(line)));
        return NULL;
    }
    bool cycle = false;
    for (struct task *o = t; o != NULL; o = o->answers != NULL ? o->answers->task : NULL)
        cycle |= o->in == in;
    if (cycle || t->depth == TASK_DEPTH) {
        snprintf(line, sizeof line,
                 cycle ? "model '%.200s' asks itself"
                       : "asks within asks are too deep at '%.200s'",
                 in->id);
        answer_here(k, EVALD_E_BUG, arena_copy(a, str_z(line)));
        return NULL;
    }
    struct evald_row row = t->row;
    size_t n = in->plugin->n_columns;
    row.cols = n > 0 ? arena_zalloc(a, n * sizeof *row.cols) : NULL;
    for (size_t i = 0; i < n; i++)
        ((struct evald_value *)row.cols)[i].str.ptr = "";
    row.json = (struct evald_str){ k->body.ptr, k->body.len };
    struct task *child = make(t->env, in, &row, t->phase);
    child->root = t->root;
    child->answers = k;
    child->depth = t->depth + 1;
    k->nested = child;
    k->open = true;
    return child;
}

/* Sends what the step asked for; true when all of it is answered already. */
static bool
issue(struct task *t, struct call *c)
{
    const struct task_ops *ops = t->env->ops;
    t->issuing = true;
    t->n_open = 0;
    for (size_t i = 0; i < t->n_asks; i++) {
        struct task_ask *k = &t->asks[i];
        struct task_reply old = { 0 };
        if (t->root == t && ops->replay != NULL
            && ops->replay(t->env->arg, t, t->n_kept + (uint32_t)i, &old)) {
            set_answer(k, &old);
            continue;
        }
        if (k->kind == EVALD_ASK_MODEL && ops->model != NULL) {
            struct task *child = nest(t, k);
            if (child == NULL)
                continue;
            task_run(child, c);
            if (child->state == TASK_DONE)
                answer_nested(k, child);
            else
                t->n_open++;
            continue;
        }
        k->open = true;
        t->n_open++;
        ops->send(t->env->arg, k);
    }
    t->issuing = false;
    return t->n_open == 0;
}

/* ---- steps ---- */

/* One call into the plugin; replies may be empty. */
static int32_t
call_plugin(struct task *t, struct call *c, uint32_t event, struct task_ask *asks, size_t n)
{
    struct plugin *p = t->in->plugin;
    struct evald_reply few[4], *list = few;
    const struct evald_reply *few_at[4], **at = few_at;
    if (n > ARRAY_LEN(few)) {
        list = arena_alloc(t->env->arena, n * sizeof *list);
        at = arena_alloc(t->env->arena, n * sizeof *at);
    }
    for (size_t i = 0; i < n; i++) {
        list[i] = (struct evald_reply){
            .size = sizeof *list, .status = asks[i].status, .http_status = asks[i].http_status,
            .body = { asks[i].reply_body.ptr, asks[i].reply_body.len },
            .head = { asks[i].reply_head.ptr != NULL ? asks[i].reply_head.ptr : "",
                      asks[i].reply_head.len },
        };
        at[i] = &list[i];
    }
    struct evald_event ev = { sizeof ev, event, n, at };
    call_begin(c, p, t->env->arena);
    c->fields = event == EVALD_EV_CANCEL ? NULL : &t->out;
    c->trusted = (struct str){ t->row.json.ptr, t->row.json.len };
    c->cols = t->row.cols;
    c->n_cols = t->row.cols != NULL ? p->n_columns : 0;
    if (p->desc.step != NULL && event != EVALD_EV_CANCEL)
        c->task = t;

    host_lock(t->in);
    if (host_enter != NULL)
        host_enter(p, t->phase, t->row.index, t->row.epoch);
    int32_t rc = p->desc.score != NULL
                     ? p->desc.score(&c->base, t->in->self, &t->row)
                     : p->desc.step(&c->base, t->in->self, &t->self_task, &t->row, &ev);
    if (host_leave != NULL)
        host_leave();
    host_unlock(t->in);
    return rc;
}

/* What came back, as far as the contract allows it; reasons of the host's own go to why. */
static int32_t
judge(struct task *t, struct call *c, int32_t rc, const char **ret_why)
{
    *ret_why = "failed without a reason";
    if (c->bug)
        return EVALD_E_BUG;
    if (rc == EVALD_WAIT && t->in->plugin->desc.score != NULL) {
        *ret_why = "score() returned EVALD_WAIT";
    } else if (rc == EVALD_WAIT && t->n_asks == 0) {
        *ret_why = "waits without having asked";
    } else if (rc == EVALD_WAIT && t->n_steps == TASK_STEPS) {
        *ret_why = "asks without end";
    } else if (rc == EVALD_OK && t->n_asks > 0) {
        *ret_why = "finished although it asked";
    } else if (rc == EVALD_OK && t->in->plugin->desc.kind == EVALD_SCORER
               && fields_get(&t->out, STR("score")).kind == J_ABSENT) {
        *ret_why = "finished without a score";
    } else if (rc > EVALD_WAIT || rc < EVALD_E_TIMEOUT) {
        *ret_why = "returned a status that does not exist";
    } else {
        return rc;
    }
    text_clear(&c->why);
    return EVALD_E_BUG;
}

static void
finish(struct task *t, int32_t status, struct str why)
{
    t->state = TASK_DONE;
    t->status = status;
    t->attempts = t->tries + t->repeats;
    if (status != EVALD_OK)
        t->why = arena_copy(t->env->arena, why);
}

/* Usage of a reply document counts even when the reply was of no use: it was paid for. */
static void
count_usage(struct task *t)
{
    if (t->in->plugin->desc.kind != EVALD_MODEL)
        return;
    struct task_usage u = task_usage_of(fields_get(&t->out, STR("usage")));
    task_usage_add(&t->usage, &u);
}

/* The root goes on with these replies: a resumed job need not pay for them again. */
static void
keep(struct task *t, const struct task_ask *old, size_t n, uint32_t first)
{
    const struct task_ops *ops = t->env->ops;
    if (t->root != t || ops->keep == NULL)
        return;
    for (size_t i = 0; i < n; i++)
        if (!old[i].kept)
            ops->keep(t->env->arg, t, first + (uint32_t)i, &old[i]);
}

/* One of several answers is there: it was paid for, and the others may take long. */
static void
keep_early(struct task_ask *k)
{
    struct task *t = k->task;
    if (t->n_open == 0)
        return;
    keep(t, k, 1, t->n_kept + (uint32_t)(k - t->asks));
    k->kept = true;
}

static void
run(struct task *t, struct call *c, uint32_t event)
{
    struct task_ask *had = NULL; /* replies not yet kept: of the step before */
    size_t n_had = 0;
    for (;;) {
        if (event == EVALD_EV_START) {
            t->n_steps = 0;
            t->tries++;
            t->self_task = NULL;
            fields_clear(&t->out);
        }
        if (event == EVALD_EV_REPLY) {
            had = t->asks;
            n_had = t->n_asks;
            t->n_kept += (uint32_t)n_had;
        }
        t->asks = NULL;
        t->n_asks = t->asks_room = 0;
        t->refused = false;
        t->state = TASK_WAITING;
        t->n_steps++;
        int32_t rc = call_plugin(t, c, event, event == EVALD_EV_REPLY ? had : NULL,
                                 event == EVALD_EV_REPLY ? n_had : 0);
        const char *otherwise;
        rc = judge(t, c, rc, &otherwise);
        if (rc == EVALD_WAIT) {
            if (n_had > 0)
                keep(t, had, n_had, t->n_kept - (uint32_t)n_had);
            forget(had, n_had);
            had = NULL;
            n_had = 0;
            if (!issue(t, c))
                return;
            event = EVALD_EV_REPLY;
            continue;
        }
        forget(t->asks, t->n_asks);
        t->n_asks = 0;
        count_usage(t);
        if (rc == EVALD_E_RETRY && t->tries + t->repeats < t->env->max_attempts) {
            event = EVALD_EV_START; /* had stays: it is kept when the next run asks */
            continue;
        }
        if (rc == EVALD_E_RETRY)
            rc = EVALD_E_REMOTE;
        struct str why = { "", 0 };
        if (rc != EVALD_OK)
            why = call_why(c, otherwise);
        finish(t, rc, why);
        forget(had, n_had);
        return;
    }
}

void
task_run(struct task *t, struct call *c)
{
    if (t->state != TASK_NEW)
        return;
    if (t->in->plugin->quarantined) {
        t->tries = 1;
        text_clear(&c->why);
        text_putf(&c->why, "plugin '%s' is in quarantine: it ended its process too often",
                  t->in->plugin->desc.id);
        finish(t, EVALD_E_BUG, text_str(&c->why));
        return;
    }
    run(t, c, EVALD_EV_START);
}

void
task_answer(struct task_ask *ask, const struct task_reply *reply, struct call *c)
{
    struct task *t = ask->task;
    if (!ask->open || t->state != TASK_WAITING) {
        free(reply->owned);
        return;
    }
    set_answer(ask, reply);
    t->n_open--;
    keep_early(ask);
    /* Up through the tasks that wait for one another: at most TASK_DEPTH of them. */
    while (t->n_open == 0 && !t->issuing) {
        run(t, c, EVALD_EV_REPLY);
        if (t->state != TASK_DONE || t->answers == NULL)
            return;
        struct task_ask *up = t->answers;
        answer_nested(up, t);
        t = up->task;
        t->n_open--;
        keep_early(up);
    }
}

void
task_cancel(struct task *t, struct call *c)
{
    if (t->state == TASK_NEW)
        t->state = TASK_CANCELLED;
    if (t->state != TASK_WAITING)
        return;
    for (size_t i = 0; i < t->n_asks; i++) {
        struct task_ask *k = &t->asks[i];
        if (!k->open)
            continue;
        k->open = false;
        if (k->nested != NULL)
            task_cancel(k->nested, c);
        else
            t->env->ops->drop(t->env->arg, k);
    }
    t->state = TASK_CANCELLED;
    forget(t->asks, t->n_asks);
    t->n_asks = 0; /* nothing of an unfinished step reaches the plugin */
    call_plugin(t, c, EVALD_EV_CANCEL, NULL, 0);
}
