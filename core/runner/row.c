#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/mem.h"
#include "runner/candidate.h"
#include "runner/row.h"

#define DOCUMENT_KEPT (64u << 10)

/* An error as it stands in a generation or score row; attempts 0: none was made. */
struct failure {
    const char *stage, *code;
    struct str message;
    uint32_t attempts;
};

void
row_hands_fini(struct row_hands *h)
{
    call_fini(&h->call);
    records_fini(&h->records);
    text_fini(&h->id);
    text_fini(&h->document);
    text_fini(&h->inner);
    free(h->asks);
    h->asks = NULL;
}

/* ---- what tasks ask of their row ---- */

static void
on_send(void *arg, struct task_ask *ask)
{
    struct row *r = arg;
    struct row_hands *h = r->hands;
    if (h->n_asks == h->asks_room) {
        h->asks_room = h->asks_room == 0 ? 64 : 2 * h->asks_room;
        h->asks = xreallocarray(h->asks, h->asks_room, sizeof *h->asks);
    }
    ask->owner = r;
    r->paid |= ask->kind == EVALD_ASK_HTTP;
    h->asks[h->n_asks++] = ask;
    r->n_out++;
}

static void
on_drop(void *arg, struct task_ask *ask)
{
    struct row *r = arg;
    struct row_hands *h = r->hands;
    for (size_t i = 0; i < h->n_asks; i++)
        if (h->asks[i] == ask) { /* not even sent */
            h->asks[i] = h->asks[--h->n_asks];
            r->n_out--;
            return;
        }
    if (h->drop(h->arg, ask))
        r->n_out--;
}

static struct instance *
on_model(void *arg, struct str to)
{
    struct row *r = arg;
    struct job_model *m = job_model(r->job, to);
    return m != NULL ? &m->in : NULL;
}

/* A kept reply:
 * {"status":..,"http_status":..,"attempts":..,"headers":{..},"usage":..} LF body */
static void
on_keep(void *arg, struct task *root, uint32_t n, const struct task_ask *ask)
{
    struct row *r = arg;
    if (r->job->call)
        return; /* nobody could take it up */
    struct text *t = records_part(&r->hands->records);
    r->hands->paid |= r->paid;
    text_putf(t, "{\"status\":%d,\"http_status\":%u,\"attempts\":%u,\"headers\":", ask->status,
              ask->http_status, ask->attempts);
    if (ask->reply_head.len > 0)
        text_put_str(t, ask->reply_head);
    else
        text_puts(t, "null");
    text_puts(t, ",\"usage\":");
    if (ask->usage.any)
        text_putf(t, "{\"input_tokens\":%llu,\"output_tokens\":%llu}",
                  (unsigned long long)ask->usage.input_tokens,
                  (unsigned long long)ask->usage.output_tokens);
    else
        text_puts(t, "null");
    text_puts(t, "}\n");
    text_put_str(t, ask->reply_body);
    records_reply(&r->hands->records, r->unit.index, r->unit.epoch, root->phase, n);
}

static bool
on_replay(void *arg, struct task *root, uint32_t n, struct task_reply *ret)
{
    struct row *r = arg;
    const struct feed_partial *p = r->unit.partial;
    static const struct str names[] = { { "status", 6 },
                                        { "http_status", 11 },
                                        { "attempts", 8 },
                                        { "headers", 7 },
                                        { "usage", 5 } };
    struct jval v[5];
    int64_t status = 0, http = 0, attempts = 1;
    size_t at;
    for (size_t i = 0; p != NULL && i < p->n_replies; i++) {
        const struct feed_reply *k = &p->replies[i];
        if (k->phase != root->phase || k->n != n)
            continue;
        const char *lf = memchr(k->part.ptr, '\n', k->part.len);
        if (lf == NULL)
            return false;
        struct str head = { k->part.ptr, (size_t)(lf - k->part.ptr) };
        if (jtext_scan_object(head, names, 5, v, &at, NULL) < 0)
            return false;
        jtext_int64(v[0], &status);
        jtext_int64(v[1], &http);
        jtext_int64(v[2], &attempts);
        *ret = (struct task_reply){
            .status = (int32_t)status, .http_status = (uint32_t)http,
            .attempts = (uint32_t)attempts, .usage = task_usage_of(v[4]),
            .body = { lf + 1, (size_t)(k->part.ptr + k->part.len - lf - 1) },
        };
        if (v[3].kind == J_OBJECT)
            ret->head = arena_copy(&r->arena, v[3].raw);
        return true;
    }
    return false;
}

static const struct task_ops ops = {
    .send = on_send, .drop = on_drop, .model = on_model, .keep = on_keep, .replay = on_replay,
};

/* ---- what a row says ---- */

static uint64_t
at_of(const struct row *r)
{
    return r->unit.index * r->job->epochs + r->unit.epoch;
}

static void
put_failure(struct text *t, const struct failure *f)
{
    text_putf(t, "{\"stage\":\"%s\",\"code\":\"%s\",\"message\":", f->stage, f->code);
    jtext_put_string(t, f->message);
    text_putf(t, ",\"attempts\":%u}", f->attempts);
}

static void
put_epoch(const struct row *r, struct text *t)
{
    if (r->job->epochs > 1)
        text_putf(t, ",\"epoch\":%u", r->unit.epoch);
    text_putc(t, '}');
}

/* "row 3: ..." in front, once. */
static struct str
name_row(struct row *r, struct str message)
{
    char name[40];
    size_t n = (size_t)snprintf(name, sizeof name, "row %llu: ",
                                (unsigned long long)r->unit.index);
    if (message.len >= n && memcmp(message.ptr, name, n) == 0)
        return message;
    char *p = arena_alloc(&r->arena, n + message.len + 1);
    memcpy(p, name, n);
    memcpy(p + n, message.ptr, message.len);
    p[n + message.len] = '\0';
    return (struct str){ p, n + message.len };
}

/* What the caller reads: the row, the stage unless the row itself is at fault, the cause. */
static struct str
blame_text(struct row *r, const struct failure *f, const char *function)
{
    bool config = strcmp(f->code, "config") == 0;
    if (strcmp(f->stage, "dataset") == 0 || (config && strcmp(f->stage, "scorer") == 0))
        return f->message; /* params of a scorer are wrong for every row */
    if (config || strcmp(f->code, "bad_row") == 0)
        return name_row(r, f->message);
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_puts(&t, f->stage);
    if (function != NULL)
        text_putf(&t, " %s", function);
    text_puts(&t, ": ");
    text_put_str(&t, f->message);
    return name_row(r, arena_copy(&r->arena, text_str(&t)));
}

/* Tells the job, when it is one that this failure ends. */
static void
report(struct row *r, const struct failure *f, const char *function, const char *plugin)
{
    struct row_failure w = {
        .at = at_of(r), .row = r->unit.index, .code = f->code, .stage = f->stage,
        .function = function, .plugin = plugin,
        .message = blame_text(r, f, function),
    };
    if (r->job->fail || strcmp(f->code, "config") == 0)
        r->hands->failed(r->hands->arg, &w);
}

static void
put_row_id(struct row *r, struct text *t)
{
    struct jval id = r->vals[r->job->w_id];
    if (id.kind == J_STRING) {
        struct str raw = id.raw;
        if (memchr(raw.ptr, '\\', raw.len) == NULL) {
            text_put_str(t, raw);
            return;
        }
        CLEANUP_TEXT struct text plain = TEXT_INIT;
        jtext_decode(&plain, raw);
        jtext_put_string(t, text_str(&plain));
    } else if (id.kind == J_NUMBER && jtext_is_integer(id)) {
        text_put_str(t, id.raw);
    } else {
        XXH128_hash_t h = XXH3_128bits(r->unit.text.ptr, r->unit.text.len);
        text_putf(t, "\"%016llx%016llx\"", (unsigned long long)h.high64,
                  (unsigned long long)h.low64);
    }
}

static void
put_error_record(struct row *r, const struct failure *f, int function)
{
    struct records *k = &r->hands->records;
    text_put_str(records_part(k), f->message);
    records_error(k, r->unit.index, r->unit.epoch, function, f->attempts, f->stage, f->code);
}

static void
say_generation(struct row *r, struct jval answer, const struct failure *f, bool truncated,
               const struct task_usage *usage, struct str *ret_json)
{
    struct records *k = &r->hands->records;
    struct text *id = &r->hands->id;
    text_clear(id);
    put_row_id(r, id);
    struct text *t = records_part(k);
    size_t at = t->len;
    text_puts(t, "{\"generated_answer\":");
    if (f != NULL) {
        text_puts(t, "null,\"error\":");
        put_failure(t, f);
    } else {
        jtext_put_finite(t, answer);
    }
    put_epoch(r, t);
    if (ret_json != NULL)
        *ret_json = arena_copy(&r->arena, (struct str){ t->ptr + at, t->len - at });
    r->hands->paid |= r->paid;
    records_generation(k, r->unit.index, r->unit.epoch, text_str(id), truncated, usage);
    if (f != NULL)
        put_error_record(r, f, -1);
}

/* A score row of a row whose generation, or whose data, failed. */
static void
say_unscored(struct row *r, size_t function, struct str error)
{
    struct text *t = records_part(&r->hands->records);
    text_puts(t, "{\"score\":null,\"error\":");
    text_put_str(t, error);
    put_epoch(r, t);
    records_score(&r->hands->records, r->unit.index, r->unit.epoch, function, NULL);
}

/* Puts the fields emitted before a failure, but those that the error takes the place of. */
static void
put_rest(struct text *t, const struct fields *out, bool judge, const struct failure *f)
{
    bool merged = false;
    text_puts(t, "{\"score\":null");
    for (uint32_t i = 0; i < out->n; i++) {
        const struct field *d = &out->list[i];
        struct str name = { out->json.ptr + d->name, d->name_len };
        struct str value = { out->json.ptr + d->value, d->value_len };
        if (jtext_spells(name, STR("score")) || jtext_spells(name, STR("error")))
            continue;
        text_putc(t, ',');
        text_put_str(t, name);
        text_putc(t, ':');
        struct jval v = jtext_whole(value), one;
        if (!judge || v.kind != J_OBJECT || !jtext_spells(name, STR("metadata"))) {
            text_put_str(t, value);
            continue;
        }
        struct str key;
        text_putc(t, '{');
        for (struct jiter it = jtext_iter(v); jtext_next(&it, &key, &one);) {
            if (jtext_spells(key, STR("error")))
                continue;
            text_put_str(t, key);
            text_putc(t, ':');
            text_put_str(t, one.raw);
            text_putc(t, ',');
        }
        text_puts(t, "\"error\":");
        put_failure(t, f);
        text_putc(t, '}');
        merged = true;
    }
    if (merged)
        return;
    text_puts(t, judge ? ",\"metadata\":{\"error\":" : ",\"error\":");
    put_failure(t, f);
    if (judge)
        text_putc(t, '}');
}

static struct failure
failure_of(struct row *r, const struct task *t, const char *stage)
{
    struct failure f = { stage, host_code(t->status), t->why, t->attempts };
    if (t->status == EVALD_E_ROW)
        f.message = name_row(r, f.message);
    return f;
}

static void
say_score(struct row *r, size_t function, const struct fields *out, const struct failure *f,
          const struct task_usage *usage)
{
    const struct job_function *fn = &r->job->functions[function];
    bool judge = f != NULL
                 && (strcmp(f->code, "remote") == 0 || strcmp(f->code, "timeout") == 0);
    if (f != NULL && !judge) {
        report(r, f, fn->id, fn->plugin);
        if (strcmp(f->code, "config") == 0)
            return; /* the job fails; another day the row may be scored */
    }
    struct text *t = records_part(&r->hands->records);
    if (f == NULL) {
        text_putc(t, '{');
        text_put_str(t, text_str(&out->json));
    } else {
        put_rest(t, out, judge, f);
    }
    put_epoch(r, t);
    r->hands->paid |= usage != NULL && usage->any;
    records_score(&r->hands->records, r->unit.index, r->unit.epoch, function, usage);
    if (f != NULL)
        put_error_record(r, f, (int)function);
}

/* ---- columns ---- */

/* The plugin's columns; NULL with *ret_missing when a required one is not there. */
static const struct evald_value *
columns(struct row *r, const struct plugin *p, const unsigned *map, struct str *ret_missing)
{
    struct evald_value *v = arena_alloc(&r->arena, (p->n_columns + 1) * sizeof *v);
    for (size_t i = 0; i < p->n_columns; i++) {
        unsigned w = map[i];
        if (!r->made[w]) {
            r->cols[w] = host_value(&r->arena, r->vals[w]);
            r->made[w] = true;
        }
        v[i] = r->cols[w];
        if (v[i].kind == EVALD_ABSENT && !p->optional[i]) {
            *ret_missing = p->columns[i];
            return NULL;
        }
    }
    return v;
}

static struct failure
missing_column(struct row *r, const char *stage, struct str name)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_putf(&t, "row %llu: missing column '", (unsigned long long)r->unit.index);
    text_put_utf8(&t, name);
    text_putc(&t, '\'');
    return (struct failure){ stage, "bad_row", arena_copy(&r->arena, text_str(&t)), 1 };
}

static struct evald_row
row_of(struct row *r, const struct evald_value *cols, struct str json)
{
    return (struct evald_row){
        .size = sizeof(struct evald_row), .epoch = r->unit.epoch, .index = r->unit.index,
        .seed = r->seed, .cols = cols, .json = { json.ptr, json.len },
    };
}

/* Does this generation's member lie over the row? */
static bool
overlays(const struct row *r, struct str key)
{
    return r->job->epochs == 1 || !jtext_spells(key, STR("epoch"));
}

static void
put_member(struct text *t, bool *first, struct str key, struct str value)
{
    if (!*first)
        text_putc(t, ',');
    *first = false;
    text_put_str(t, key);
    text_putc(t, ':');
    text_put_str(t, value);
}

/* The row with the generation's members laid over: keys that are there keep their place. */
static void
overlay(struct row *r, struct str generation)
{
    struct jval row = jtext_whole(r->unit.text), gen = jtext_whole(generation), v, over;
    struct str key, gen_key;
    CLEANUP_TEXT struct text t = TEXT_INIT, name = TEXT_INIT;
    bool first = true;
    text_reserve(&t, r->unit.text.len + generation.len);
    text_putc(&t, '{');
    for (struct jiter it = jtext_iter(row); jtext_next(&it, &key, &v);) {
        struct jiter g = jtext_iter(gen);
        while (jtext_next(&g, &gen_key, &over)) {
            if (!overlays(r, gen_key))
                continue;
            text_clear(&name);
            jtext_decode(&name, gen_key);
            if (jtext_spells(key, text_str(&name))) {
                v = over;
                break;
            }
        }
        put_member(&t, &first, key, v.raw);
    }
    for (struct jiter g = jtext_iter(gen); jtext_next(&g, &gen_key, &over);) {
        if (!overlays(r, gen_key))
            continue;
        text_clear(&name);
        jtext_decode(&name, gen_key);
        if (jtext_member(row, text_str(&name)).kind == J_ABSENT)
            put_member(&t, &first, gen_key, over.raw);
        for (size_t w = 0; w < r->job->n_wanted; w++)
            if (str_eq(text_str(&name), r->job->wanted[w])) {
                r->vals[w] = over;
                r->made[w] = false;
            }
    }
    text_putc(&t, '}');
    r->json = arena_copy(&r->arena, text_str(&t));
}

/* The same for the one member that most generations are, found where the scan saw it. */
static void
overlay_answer(struct row *r, struct jval answer)
{
    struct str old = r->vals[r->job->w_answer].raw, row = jtext_whole(r->unit.text).raw;
    bool there = r->vals[r->job->w_answer].kind != J_ABSENT;
    static const char key[] = "\"generated_answer\":";
    size_t room = row.len + answer.raw.len + sizeof key + 2;
    char *p = arena_alloc(&r->arena, room), *at = p;
    if (there) {
        at = mempcpy(at, row.ptr, (size_t)(old.ptr - row.ptr));
        at = mempcpy(at, answer.raw.ptr, answer.raw.len);
        at = mempcpy(at, old.ptr + old.len, (size_t)(row.ptr + row.len - old.ptr) - old.len);
    } else {
        bool empty = jtext_count((struct jval){ J_OBJECT, row }) == 0;
        at = mempcpy(at, row.ptr, row.len - 1);
        if (!empty)
            *at++ = ',';
        at = mempcpy(at, key, sizeof key - 1);
        at = mempcpy(at, answer.raw.ptr, answer.raw.len);
        *at++ = '}';
    }
    *at = '\0';
    r->json = (struct str){ p, (size_t)(at - p) };
    r->vals[r->job->w_answer] = answer;
    r->made[r->job->w_answer] = false;
}

/* ---- phases ---- */

static void
end_scorer(struct row *r, size_t i)
{
    struct task *t = r->scorers[i];
    r->scorers[i] = NULL;
    if (t->state == TASK_DONE) {
        struct failure f;
        if (t->status != EVALD_OK)
            f = failure_of(r, t, "scorer");
        say_score(r, i, &t->out, t->status != EVALD_OK ? &f : NULL, &t->usage);
    }
    task_free(t);
}

static void
begin_scorer(struct row *r, size_t i)
{
    const struct job_function *fn = &r->job->functions[i];
    struct instance *in = (struct instance *)&fn->in;
    struct str missing;
    const struct evald_value *cols = columns(r, in->plugin, fn->map, &missing);
    if (cols == NULL) {
        struct fields none = { 0 };
        struct failure f = missing_column(r, "scorer", missing);
        say_score(r, i, &none, &f, NULL);
        return;
    }
    struct evald_row row = row_of(r, cols, r->json);
    r->scorers[i] = task_new(&r->env, in, &row, (int32_t)i + 1);
    task_run(r->scorers[i], &r->hands->call);
    if (r->scorers[i]->state != TASK_WAITING)
        end_scorer(r, i);
}

static void
begin_scorers(struct row *r)
{
    for (size_t i = 0; i < r->job->n_functions; i++)
        if (!feed_has_phase(r->unit.partial, i + 1))
            begin_scorer(r, i);
}

/* No scorer is asked: each gets the same error. */
static void
skip_scorers(struct row *r, struct str error)
{
    for (size_t i = 0; i < r->job->n_functions; i++)
        if (!feed_has_phase(r->unit.partial, i + 1))
            say_unscored(r, i, error);
}

/* The generation, and with it every score, failed. */
static void
fail_generation(struct row *r, const struct failure *f, const struct task_usage *usage)
{
    CLEANUP_TEXT struct text error = TEXT_INIT;
    const struct job *j = r->job;
    bool data = strcmp(f->stage, "dataset") == 0;
    report(r, f, NULL, data || !j->has_candidate ? NULL : j->candidate->adapter);
    if (strcmp(f->code, "config") == 0)
        return;
    put_failure(&error, f);
    if ((j->has_candidate || j->rescored) && !feed_has_phase(r->unit.partial, 0))
        say_generation(r, (struct jval){ J_NULL, STR("null") }, f, false, usage, NULL);
    else
        put_error_record(r, f, -1);
    skip_scorers(r, text_str(&error));
}

static void
end_candidate(struct row *r)
{
    struct task *t = r->candidate;
    r->candidate = NULL;
    if (t->state == TASK_DONE && t->status != EVALD_OK) {
        struct failure f = failure_of(r, t, "candidate");
        fail_generation(r, &f, &t->usage);
    } else if (t->state == TASK_DONE) {
        struct jval answer = candidate_answer(&t->out);
        if (answer.kind == J_ABSENT) {
            struct failure f = { "candidate", "plugin",
                                 STR("the reply has neither message.content nor text"),
                                 t->attempts };
            fail_generation(r, &f, &t->usage);
        } else {
            answer.raw = arena_copy(&r->arena, answer.raw);
            say_generation(r, answer, NULL, candidate_truncated(&t->out), &t->usage, NULL);
            overlay_answer(r, answer);
            if (r->paid)
                r->due = true;
            else
                begin_scorers(r);
        }
    }
    task_free(t);
}

/* Room that one long row needed is not kept for the others. */
static void
trim(struct text *t)
{
    if (t->room > DOCUMENT_KEPT)
        text_fini(t);
}

static void
begin_candidate(struct row *r)
{
    const struct job *j = r->job;
    struct instance *in = &j->candidate->in;
    struct row_hands *h = r->hands;
    struct err err;
    struct str missing;
    const struct evald_value *cols = columns(r, in->plugin, j->candidate_map, &missing);
    if (cols == NULL) {
        struct failure f = missing_column(r, "candidate", missing);
        fail_generation(r, &f, NULL);
        return;
    }
    text_clear(&h->document);
    if (candidate_document(j, r->vals, &h->document, &h->inner, &err) < 0) {
        struct failure f = { "candidate", "bad_row",
                             name_row(r, arena_copy(&r->arena, str_z(err.text))), 1 };
        fail_generation(r, &f, NULL);
        return;
    }
    struct evald_row row = row_of(r, cols, arena_take(&r->arena, &h->document));
    trim(&h->document);
    trim(&h->inner);
    r->candidate = task_new(&r->env, in, &row, 0);
    task_run(r->candidate, &r->hands->call);
    if (r->candidate->state != TASK_WAITING)
        end_candidate(r);
}

/* The journal has the generation: on with what is missing. */
static void
resume(struct row *r)
{
    struct str gen = r->unit.partial->generation;
    struct jval v, error = { J_ABSENT, { NULL, 0 } };
    size_t at;
    if (jtext_check(gen, &v, &at, NULL) == 0 && v.kind == J_OBJECT) {
        error = jtext_member(v, STR("error"));
        if (error.kind == J_OBJECT) {
            skip_scorers(r, error.raw);
            return;
        }
        overlay(r, gen);
    }
    begin_scorers(r);
}

static void
bad_row(struct row *r, const char *why)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_putf(&t, "%s:%lld: %s", r->job->name, (long long)r->unit.line, why);
    struct failure f = { "dataset", "bad_row", arena_copy(&r->arena, text_str(&t)), 1 };
    fail_generation(r, &f, NULL);
}

/* ---- the pipeline's calls ---- */

void
row_init(struct row *r, const struct job *j)
{
    *r = (struct row){ .job = j };
    r->inbox_end = &r->inbox;
    r->env = (struct task_env){ .ops = &ops, .arg = r, .arena = &r->arena,
                                .max_attempts = j->max_attempts,
                                .ask_timeout_ms = j->ask_timeout_ms };
}

static uint64_t
seed_of(const struct row *r)
{
    const uint64_t parts[3] = { r->job->seed, r->unit.index, r->unit.epoch };
    unsigned char bytes[24];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(parts[i / 8] >> (i % 8 * 8));
    return XXH3_64bits(bytes, sizeof bytes);
}

void
row_begin(struct row *r, struct row_hands *h)
{
    const struct job *j = r->job;
    size_t at;
    struct err err;
    r->hands = h;
    r->begun = true;
    r->json = r->unit.text;
    r->seed = seed_of(r);
    r->vals = arena_alloc(&r->arena, j->n_wanted * sizeof *r->vals);
    r->cols = arena_alloc(&r->arena, j->n_wanted * sizeof *r->cols);
    r->made = arena_zalloc(&r->arena, j->n_wanted * sizeof *r->made);
    r->scorers = arena_zalloc(&r->arena, (j->n_functions + 1) * sizeof *r->scorers);
    for (size_t i = 0; i < j->n_wanted; i++)
        r->vals[i].kind = J_ABSENT;
    if (r->unit.bad) {
        bad_row(r, r->unit.why.ptr);
    } else if (jtext_scan_object(r->unit.text, j->wanted, j->n_wanted, r->vals, &at, &err)
               < 0) {
        for (size_t i = 0; i < j->n_wanted; i++)
            r->vals[i].kind = J_ABSENT;
        bad_row(r, err.text);
    } else if (r->unit.no_cluster) {
        struct failure f = missing_column(r, "dataset", str_z(j->cluster));
        fail_generation(r, &f, NULL);
    } else if (feed_has_phase(r->unit.partial, 0)) {
        resume(r);
    } else if (j->rescored) {
        struct failure f = { "candidate", "missing", STR("the job that is rescored ended "
                             "before it had a generation of this row"), 0 };
        fail_generation(r, &f, NULL);
    } else if (j->has_candidate) {
        begin_candidate(r);
    } else {
        begin_scorers(r);
    }
    records_frame_end(&h->records);
}

/* Moves on whatever has come to its end. */
static void
settle(struct row *r)
{
    if (r->candidate != NULL && r->candidate->state != TASK_WAITING)
        end_candidate(r);
    for (size_t i = 0; i < r->job->n_functions; i++)
        if (r->scorers[i] != NULL && r->scorers[i]->state != TASK_WAITING)
            end_scorer(r, i);
}

static void
cancel_tasks(struct row *r)
{
    if (r->candidate != NULL)
        task_cancel(r->candidate, &r->hands->call);
    for (size_t i = 0; i < r->job->n_functions; i++)
        if (r->scorers[i] != NULL)
            task_cancel(r->scorers[i], &r->hands->call);
}

void
row_event(struct row *r, struct ask_event *e, struct row_hands *h)
{
    r->hands = h;
    r->n_out--;
    struct task_ask *ask = e->ask;
    bool parked = e->parked;
    struct task_reply reply = ask_event_reply(e);
    if (parked) { /* what it was for cannot go on in this process, but others may be answered */
        free(reply.owned);
        r->parted = true;
        ask->open = false;
    } else {
        task_answer(ask, &reply, &h->call);
    }
    if (r->parted && r->n_out == 0)
        cancel_tasks(r);
    settle(r);
    records_frame_end(&h->records);
}

void
row_score(struct row *r, struct row_hands *h)
{
    r->hands = h;
    r->due = false;
    begin_scorers(r);
    records_frame_end(&h->records);
}

void
row_cancel(struct row *r, struct row_hands *h)
{
    r->hands = h;
    r->cancelled = true;
    r->due = false;
    if (!r->begun)
        return;
    cancel_tasks(r);
    settle(r);
    records_frame_end(&h->records);
}

bool
row_over(const struct row *r)
{
    if (r->n_out > 0 || r->candidate != NULL || r->due)
        return false;
    for (size_t i = 0; r->begun && i < r->job->n_functions; i++)
        if (r->scorers[i] != NULL)
            return false;
    return true;
}

void
row_reset(struct row *r)
{
    feed_partial_free(r->unit.partial);
    arena_reset(&r->arena);
    r->unit = (struct feed_unit){ 0 };
    r->scorers = NULL;
    r->begun = r->cancelled = r->parted = r->paid = r->due = false;
}

void
row_fini(struct row *r)
{
    row_reset(r);
    task_env_fini(&r->env);
    arena_fini(&r->arena);
}
