#include "config.h"

#include <signal.h>
#include <stdlib.h>

#include "common/io.h"
#include "common/jtext.h"
#include "common/mem.h"
#include "daemon/sched_impl.h"

#define CALLS_PER_RUNNER 10000
#define CANCEL_DELAY_S   5.0
#define SCORED_BYTES     (256u << 10)
#define CALL_PLACES_MAX  (8u << 20)  /* rows times epochs times results of each */
#define CALL_TEXT_MAX    (512u << 20) /* of all results; a job has no such limit */
#define BODY_MAX         (40u << 20) /* of one, as in a journal */

/* A warm runner: one user, one set of plugin files. */
struct call_runner {
    struct call_runner *next;
    struct sched *sched;
    struct runner *runner;
    char *set;
    uid_t owner;
    struct sched_call *call; /* NULL: idle */
    int served;
};

/* A stretch of the call's text; at 0 is nothing. */
struct piece {
    uint32_t at, len; /* CALL_TEXT_MAX is less */
};

/* A row in one of its epochs. */
struct place {
    struct piece generation, row_id;
    bool truncated;
};

struct sched_call {
    struct sched_call *next;
    struct sched *sched;
    struct user *user;
    uid_t owner;
    json_object *spec;
    char *set;
    struct dataset_snapshot data;
    struct call_format format;
    char *scores_key, *dataset_id;
    sched_text_fn *done; /* NULL once it has been called, or given up */
    void *arg;
    struct call_runner *on; /* NULL: waiting */
    bool in_order;          /* END came */
    ev_timer timer;         /* the call's time limit, then the runner's time to give up */
    struct err early;       /* found before it was queued */
    bool ready, retried;    /* its runner has begun it; it had another runner that had not */
    bool bad;               /* its runner broke the protocol and is being ended */

    bool counted; /* n_places is known; else it is what has come by now */
    size_t n_places, room, n_functions; /* places: rows times epochs */
    struct text text;                   /* all pieces */
    struct place *places;
    struct piece *scores;               /* scores[place * n_functions + function] */
    struct piece *results, *statistics; /* one each function */
};

static void call_finish(struct sched_call *c, const struct err *err);
static void detach(struct sched_call *c);
static void drop_runner(struct call_runner *r);

/* ---- pieces ---- */

static struct piece
keep(struct sched_call *c, struct str s)
{
    if (c->text.len == 0)
        text_putc(&c->text, ' '); /* so that no piece is at 0 */
    struct piece p = { (uint32_t)c->text.len, (uint32_t)s.len };
    text_put_str(&c->text, s);
    return p;
}

static struct str
piece_str(const struct sched_call *c, struct piece p)
{
    return p.at ? (struct str){ c->text.ptr + p.at, p.len } : STR("null");
}

/* ---- the response ---- */

static void
put_generations(const struct sched_call *c, struct text *t)
{
    text_puts(t, "\"generations\":[");
    for (size_t i = 0; i < c->n_places; i++) {
        if (i > 0)
            text_putc(t, ',');
        text_put_str(t, piece_str(c, c->places[i].generation));
    }
    text_puts(t, "],");
}

static void
put_scores(const struct sched_call *c, struct text *t, size_t function)
{
    text_putc(t, '[');
    for (size_t i = 0; i < c->n_places; i++) {
        if (i > 0)
            text_putc(t, ',');
        text_put_str(t, piece_str(c, c->scores[i * c->n_functions + function]));
    }
    text_putc(t, ']');
}

static void
put_response(const struct sched_call *c, struct text *t)
{
    json_object *functions = json_get(c->spec, "functions");
    text_putc(t, '{');
    if (c->format.generations)
        put_generations(c, t);
    if (c->dataset_id != NULL) {
        text_puts(t, "\"dataset_id\":");
        jtext_put_string(t, str_z(c->dataset_id));
        text_putc(t, ',');
    }
    jtext_put_string(t, str_z(c->scores_key));
    text_puts(t, ":{");
    for (size_t f = 0; f < c->n_functions; f++) {
        if (f > 0)
            text_putc(t, ',');
        jtext_put_string(t, json_get_slice(json_object_array_get_idx(functions, f), "id"));
        text_puts(t, ":{\"score_rows\":");
        put_scores(c, t, f);
        text_puts(t, ",\"aggregated_results\":");
        text_put_str(t, piece_str(c, c->results[f]));
        text_putc(t, '}');
    }
    text_putc(t, '}');
    if (c->format.extensions) {
        text_puts(t, ",\"statistics\":{");
        for (size_t f = 0; f < c->n_functions; f++) {
            if (f > 0)
                text_putc(t, ',');
            jtext_put_string(t, json_get_slice(json_object_array_get_idx(functions, f), "id"));
            text_putc(t, ':');
            text_put_str(t, piece_str(c, c->statistics[f]));
        }
        text_putc(t, '}');
    }
    text_putc(t, '}');
}

/* ---- what the runner says ---- */

static void
on_ready(void *arg)
{
    struct sched_call *c = arg;
    c->ready = true;
}

static void
on_progress(void *arg, int64_t done, int64_t total, int64_t in_flight)
{
    (void)in_flight;
    (void)arg;
    (void)done;
    (void)total;
}

static bool
is_object(struct str body)
{
    struct jval v;
    size_t at;
    return jtext_check(body, &v, &at, NULL) == 0 && v.kind == J_OBJECT;
}

static bool
take_int(struct jiter *it, int64_t *ret)
{
    struct jval v;
    return jtext_next(it, NULL, &v) && jtext_int64(v, ret) && *ret >= 0;
}

/* May the call keep that much more?  A record that comes twice counts twice. */
static bool
has_room(struct sched_call *c, struct str body)
{
    return body.len <= BODY_MAX && c->text.len + body.len <= CALL_TEXT_MAX;
}

/* Answers now; on_died, which follows, ends the call. */
static void
give_up(struct sched_call *c, const struct err *err)
{
    c->bad = true;
    if (c->on != NULL)
        runner_kill(c->on->runner, SIGKILL);
    if (c->done != NULL) {
        sched_text_fn *done = c->done;
        c->done = NULL;
        done(c->arg, STR(""), err);
    }
}

/* Room for so many places; what they hold is nothing. */
static int
make_places(struct sched_call *c, size_t n, struct err *err)
{
    size_t n_all;
    if (__builtin_mul_overflow(n, c->n_functions + 1, &n_all) || n_all > CALL_PLACES_MAX)
        return err_set(err, ERR_TOO_LARGE, "%zu results of %zu functions: run it as a job", n,
                       c->n_functions);
    if (n > c->room) {
        size_t room = c->counted || n > 2 * c->room + 64 ? n : 2 * c->room + 64;
        c->places = xreallocarray(c->places, room, sizeof *c->places);
        c->scores = xreallocarray(c->scores, room * c->n_functions, sizeof *c->scores);
        memset(c->places + c->room, 0, (room - c->room) * sizeof *c->places);
        memset(c->scores + c->room * c->n_functions, 0,
               (room - c->room) * c->n_functions * sizeof *c->scores);
        c->room = room;
    }
    c->n_places = n;
    return 0;
}

/* ["g"|"s", row, epoch, ...]; errors and replies are the journal's business. */
static bool
take_record(struct sched_call *c, struct jval record, struct str body)
{
    struct jiter it = jtext_iter(record);
    struct jval kind, v;
    int64_t row, epoch, function, truncated, epochs = json_get_int(c->spec, "epochs", 1);
    if (!jtext_next(&it, NULL, &kind) || kind.kind != J_STRING)
        return false;
    if (jtext_spells(kind.raw, STR("e")) || jtext_spells(kind.raw, STR("r")))
        return true;
    if (!take_int(&it, &row) || !take_int(&it, &epoch) || epoch >= epochs
        || (uint64_t)row > CALL_PLACES_MAX || !is_object(body))
        return false;
    size_t place = (size_t)(row * epochs + epoch);
    if (place >= c->n_places) {
        struct err err;
        if (c->counted)
            return false;
        if (make_places(c, place + 1, &err) < 0) {
            give_up(c, &err);
            return true;
        }
    }
    if (jtext_spells(kind.raw, STR("g"))) {
        if (!jtext_next(&it, NULL, &v) || !take_int(&it, &truncated))
            return false;
        struct place *p = &c->places[place];
        if (c->format.generations)
            p->generation = keep(c, body);
        p->row_id = keep(c, v.raw);
        p->truncated = truncated != 0;
        return true;
    }
    if (!take_int(&it, &function) || (uint64_t)function >= c->n_functions)
        return false;
    c->scores[place * c->n_functions + (size_t)function] = keep(c, body);
    return true;
}

static void
broken(struct sched_call *c, const char *what)
{
    struct err err;
    err_set(&err, ERR_INTERNAL, "the runner broke the protocol: %s", what);
    give_up(c, &err);
}

static void
on_record(void *arg, struct str payload)
{
    struct sched_call *c = arg;
    struct str head, body;
    struct jval records, record;
    size_t at;
    if (c->bad)
        return;
    if (!frame_part(&payload, &head) || jtext_check(head, &records, &at, NULL) < 0
        || records.kind != J_ARRAY) {
        broken(c, "RECORD");
        return;
    }
    struct jiter it = jtext_iter(records);
    while (jtext_next(&it, NULL, &record)) {
        if (!frame_part(&payload, &body)) {
            broken(c, "RECORD");
            return;
        }
        if (!has_room(c, body)) {
            struct err err;
            err_set(&err, ERR_TOO_LARGE, "results of more than %u bytes: run it as a job",
                    CALL_TEXT_MAX);
            give_up(c, &err);
            return;
        }
        if (!take_record(c, record, body))
            broken(c, "a record");
        if (c->bad)
            return;
    }
}

static void
answer_scored(struct sched_call *c, uint64_t tag, size_t function, size_t from)
{
    int64_t epochs = json_get_int(c->spec, "epochs", 1);
    CLEANUP_TEXT struct text lines = TEXT_INIT, head = TEXT_INIT, payload = TEXT_INIT;
    size_t place = from;
    for (; place < c->n_places && lines.len < SCORED_BYTES; place++) {
        struct piece score = c->scores[place * c->n_functions + function];
        if (score.at == 0)
            continue;
        text_putf(&lines, "%lld\t%lld\t%d\t", (long long)((int64_t)place / epochs),
                  (long long)((int64_t)place % epochs), c->places[place].truncated);
        text_put_str(&lines, piece_str(c, c->places[place].row_id));
        text_putc(&lines, '\t');
        text_put_str(&lines, piece_str(c, score));
        text_putc(&lines, '\n');
    }
    text_putf(&head, "{\"function\":%zu,\"from\":%zu,\"to\":%zu,\"end\":%s}", function, from,
              place, place >= c->n_places ? "true" : "false");
    frame_put_part(&payload, text_str(&head));
    frame_put_part(&payload, text_str(&lines));
    runner_answer(c->on->runner, FRAME_SCORED, tag, text_str(&payload));
}

static void
on_next(void *arg, uint64_t tag, json_object *head)
{
    struct sched_call *c = arg;
    int64_t function = json_get_int(head, "function", 0), from = json_get_int(head, "from", 0);
    if (c->bad)
        return;
    if (strcmp(json_get_str(head, "what", ""), "scored") != 0 || function < 0
        || (uint64_t)function >= c->n_functions || from < 0)
        broken(c, "NEXT");
    else
        answer_scored(c, tag, (size_t)function, (size_t)from);
}

static void
on_aggregate(void *arg, int function, struct str results, struct str statistics)
{
    struct sched_call *c = arg;
    if (c->bad)
        return;
    if (function < 0 || (size_t)function >= c->n_functions || !is_object(results)
        || !is_object(statistics) || !has_room(c, results) || !has_room(c, statistics)) {
        broken(c, "AGGREGATE");
        return;
    }
    c->results[function] = keep(c, results);
    c->statistics[function] = keep(c, statistics);
}

static void
on_end(void *arg, json_object *end)
{
    struct sched_call *c = arg;
    struct err err;
    json_object *why = json_get(end, "error");
    c->in_order = true;
    if (strcmp(json_get_str(end, "state", "failed"), "completed") == 0) {
        call_finish(c, NULL);
        return;
    }
    err_set(&err, sched_err_code(json_get_str(why, "code", "internal")), "%s",
            json_get_str(why, "message", "the runner gave up without saying why"));
    call_finish(c, &err);
}

/* Its warm runner was dead, or died before it began: that is not the call's fault. */
static bool
try_another(struct sched_call *c, const struct runner_death *how)
{
    struct call_runner *r = c->on;
    if (c->ready || c->retried || c->done == NULL || how->n_charges > 0 || r->served == 0)
        return false;
    c->retried = true;
    detach(c);
    drop_runner(r);
    call_kick(c->sched);
    return true;
}

static void
on_died(void *arg, const struct runner_death *how)
{
    struct sched_call *c = arg;
    struct err err;
    if (try_another(c, how))
        return;
    const struct runner_charge *charge = &how->charges[0];
    if (how->n_charges == 0)
        err_set(&err, ERR_INTERNAL, "the runner died: %s", how->text);
    else if (charge->phase < 0)
        err_set(&err, ERR_PLUGIN, "plugin %s %s", charge->plugin, charge->what);
    else
        err_set(&err, ERR_PLUGIN, "row %lld: plugin %s %s", (long long)charge->row,
                charge->plugin, charge->what);
    call_finish(c, &err);
}

static const struct runner_ops call_ops = {
    .ready = on_ready,
    .record = on_record,
    .next = on_next,
    .progress = on_progress,
    .aggregate = on_aggregate,
    .end = on_end,
    .died = on_died,
};

/* ---- warm runners ---- */

static void
drop_runner(struct call_runner *r)
{
    struct sched *s = r->sched;
    for (struct call_runner **p = &s->call_runners; *p != NULL; p = &(*p)->next)
        if (*p == r) {
            *p = r->next;
            break;
        }
    s->n_call_runners--;
    runner_free(r->runner);
    free(r->set);
    free(r);
}

static void
idle_died(void *arg)
{
    drop_runner(arg);
}

/* An idle runner that fits; else a new one when there is room; else in place of an idle one
 * that does not fit; else NULL. */
static struct call_runner *
find_runner(struct sched *s, const struct sched_call *c, struct err *err)
{
    struct call_runner *other = NULL;
    for (struct call_runner *r = s->call_runners; r != NULL; r = r->next) {
        if (r->call != NULL)
            continue;
        if (!runner_gone(r->runner) && r->owner == c->owner && strcmp(r->set, c->set) == 0)
            return r;
        other = r;
    }
    if (s->n_call_runners >= s->max_call_runners) {
        if (other == NULL)
            return NULL;
        drop_runner(other);
    }
    struct call_runner *r = xcalloc(1, sizeof *r);
    r->sched = s;
    r->runner = runner_start(&s->runners, true, NULL, idle_died, r, err);
    if (r->runner == NULL) {
        free(r);
        return NULL;
    }
    r->set = xstrdup(c->set);
    r->owner = c->owner;
    r->next = s->call_runners;
    s->call_runners = r;
    s->n_call_runners++;
    return r;
}

/* ---- life of a call ---- */

static void
attach(struct sched_call *c, struct call_runner *r)
{
    r->call = c;
    c->on = r;
    c->user->calls++;
}

static void
detach(struct sched_call *c)
{
    c->on->call = NULL;
    c->on = NULL;
    c->user->calls--;
}

static void
call_free(struct sched_call *c)
{
    struct sched *s = c->sched;
    for (struct sched_call **p = &s->calls; *p != NULL; p = &(*p)->next)
        if (*p == c) {
            *p = c->next;
            break;
        }
    ev_timer_stop(s->o.loop, &c->timer);
    json_cleanup(&c->spec);
    dataset_snapshot_fini(&c->data);
    text_fini(&c->text);
    free(c->set);
    free(c->scores_key);
    free(c->dataset_id);
    free(c->places);
    free(c->scores);
    free(c->results);
    free(c->statistics);
    free(c);
}

/* The runner is through with it, one way or another. */
static void
call_finish(struct sched_call *c, const struct err *err)
{
    struct sched *s = c->sched;
    struct call_runner *r = c->on;
    if (r != NULL) {
        detach(c);
        /* one that ended the call in order, be it for a bad row, is as good as before */
        if (!c->in_order || c->bad || ++r->served >= CALLS_PER_RUNNER)
            drop_runner(r);
    }
    if (c->done != NULL) {
        CLEANUP_TEXT struct text t = TEXT_INIT;
        sched_text_fn *done = c->done;
        c->done = NULL;
        if (err == NULL)
            put_response(c, &t);
        done(c->arg, text_str(&t), err);
    }
    call_free(c);
    call_kick(s);
}

static void
on_call_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    struct sched_call *c = w->data;
    struct err err = { .code = ERR_NONE };
    if (c->early.code != ERR_NONE)
        err = c->early;
    else if (c->done == NULL)
        err_set(&err, ERR_TIMEOUT, "the runner did not give up the call");
    else
        err_set(&err, ERR_TIMEOUT, "the call took longer than %d ms",
                c->sched->o.conf->call_timeout_ms);
    call_finish(c, &err); /* ends the runner */
}

static void
set_timer(struct sched_call *c, double after_s)
{
    ev_timer_stop(c->sched->o.loop, &c->timer);
    ev_timer_set(&c->timer, after_s, 0.);
    ev_timer_start(c->sched->o.loop, &c->timer);
}

static void
call_start(struct sched_call *c, struct call_runner *r)
{
    struct runner_job what = {
        .spec = c->spec,
        .data_fd = c->data.fd,
        .data_name = c->data.name != NULL ? c->data.name : "input_rows",
        .data_format = c->data.format == ROWS_CSV ? "csv" : "jsonl",
        .data_size = c->data.size,
    };
    struct err err;
    attach(c, r);
    if (runner_send_job(r->runner, &what, &call_ops, c, &err) < 0) {
        c->early = err;
        detach(c);
        drop_runner(r);
        set_timer(c, 0.);
    }
}

void
call_kick(struct sched *s)
{
    for (struct sched_call *c = s->calls; c != NULL; c = c->next) {
        if (c->on != NULL || c->early.code != ERR_NONE || s->stopping
            || !quota_may_call(s, c->user))
            continue;
        struct err err = { .code = ERR_NONE };
        struct call_runner *r = find_runner(s, c, &err);
        if (r != NULL) {
            call_start(c, r);
        } else if (err.code != ERR_NONE) {
            c->early = err;
            set_timer(c, 0.);
        } else {
            return; /* all are busy */
        }
    }
}

/* The rows as JSONL in a sealed memfd. */
static int
make_data(struct sched_call *c, struct str rows, size_t *ret_rows, struct err *err)
{
    CLEANUP_TEXT struct text lines = TEXT_INIT;
    struct jiter it = jtext_iter(jtext_value(rows));
    struct jval row;
    size_t n = 0;
    text_reserve(&lines, rows.len);
    while (jtext_next(&it, NULL, &row)) {
        jtext_put_compact(&lines, row);
        text_putc(&lines, '\n');
        n++;
    }
    c->data.size = (int64_t)lines.len;
    c->data.fd = io_sealed_memfd("evald-call", lines.ptr, lines.len, err);
    *ret_rows = n;
    return c->data.fd < 0 ? -1 : 0;
}

static struct sched_call *
call_new(struct sched *s, uid_t owner, json_object *spec, const struct call_format *format,
         sched_text_fn *done, void *arg)
{
    struct sched_call *c = xcalloc(1, sizeof *c);
    c->sched = s;
    c->owner = owner;
    c->user = quota_user(s, owner);
    c->spec = spec;
    c->data = (struct dataset_snapshot){ .fd = -1, .format = ROWS_JSONL };
    c->format = *format;
    c->scores_key = xstrdup(format->scores_key);
    c->dataset_id = format->dataset_id != NULL ? xstrdup(format->dataset_id) : NULL;
    c->n_functions = json_object_array_length(json_get(spec, "functions"));
    c->done = done;
    c->arg = arg;
    ev_timer_init(&c->timer, on_call_timer, 0., 0.);
    c->timer.data = c;
    struct sched_call **last = &s->calls;
    while (*last != NULL)
        last = &(*last)->next;
    *last = c;
    if (s->stopping)
        err_set(&c->early, ERR_SHUTDOWN, "evald is stopping");
    return c;
}

/* Waits for a runner, unless something is wrong already. */
static void
call_queue(struct sched_call *c)
{
    if (c->early.code == ERR_NONE)
        c->set = runner_plugin_set(&c->sched->runners, c->spec, &c->early);
    if (c->early.code != ERR_NONE) {
        set_timer(c, 0.);
        return;
    }
    c->results = xcalloc(c->n_functions, sizeof *c->results);
    c->statistics = xcalloc(c->n_functions, sizeof *c->statistics);
    set_timer(c, c->sched->o.conf->call_timeout_ms / 1e3);
    call_kick(c->sched);
}

struct sched_call *
sched_call(struct sched *s, uid_t owner, json_object *spec, struct str rows,
           const struct call_format *format, sched_text_fn *done, void *arg)
{
    struct sched_call *c = call_new(s, owner, spec, format, done, arg);
    size_t n_rows = 0, n_places;
    c->counted = true;
    if (c->early.code == ERR_NONE && make_data(c, rows, &n_rows, &c->early) == 0) {
        if (__builtin_mul_overflow(n_rows, (size_t)json_get_int(spec, "epochs", 1), &n_places))
            n_places = SIZE_MAX;
        make_places(c, n_places, &c->early);
    }
    call_queue(c);
    return c;
}

struct sched_call *
sched_call_dataset(struct sched *s, uid_t owner, json_object *spec,
                   struct dataset_snapshot *snapshot, const struct call_format *format,
                   sched_text_fn *done, void *arg)
{
    struct sched_call *c = call_new(s, owner, spec, format, done, arg);
    c->data = dataset_snapshot_take(snapshot);
    call_queue(c);
    return c;
}

void
sched_call_cancel(struct sched_call *c)
{
    if (c == NULL)
        return;
    c->done = NULL;
    if (c->on == NULL) {
        call_free(c);
        return;
    }
    runner_stop(c->on->runner, "cancel", 0);
    set_timer(c, CANCEL_DELAY_S);
}

void
call_stop_all(struct sched *s)
{
    struct err err;
    err_set(&err, ERR_SHUTDOWN, "evald is stopping");
    while (s->calls != NULL)
        call_finish(s->calls, &err);
    while (s->call_runners != NULL)
        drop_runner(s->call_runners);
}

void
call_free_all(struct sched *s)
{
    while (s->calls != NULL) {
        s->calls->done = NULL;
        call_free(s->calls);
    }
    while (s->call_runners != NULL)
        drop_runner(s->call_runners);
}
