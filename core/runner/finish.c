#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "runner/aggregate.h"
#include "runner/finish.h"
#include "runner/stats.h"

#define AGGREGATE_MAX (40u << 20) /* bytes of a function's results: they must fit a frame */

/* ---- SCORED frames, one at a time ---- */

struct scored {
    pthread_mutex_t lock; /* guards the following */
    pthread_cond_t came;
    struct text payload;
    bool here, stopped;
    struct wire *wire;
};

struct scored *
scored_new(struct wire *w)
{
    struct scored *s = xcalloc(1, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->came, NULL);
    s->wire = w;
    return s;
}

void
scored_free(struct scored *s)
{
    if (s == NULL)
        return;
    text_fini(&s->payload);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->came);
    free(s);
}

void
scored_push(struct scored *s, struct str payload)
{
    pthread_mutex_lock(&s->lock);
    text_clear(&s->payload);
    text_put_str(&s->payload, payload);
    s->here = true;
    pthread_cond_signal(&s->came);
    pthread_mutex_unlock(&s->lock);
}

void
scored_stop(struct scored *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopped = true;
    pthread_cond_signal(&s->came);
    pthread_mutex_unlock(&s->lock);
}

void
scored_rearm(struct scored *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopped = s->here = false;
    pthread_mutex_unlock(&s->lock);
}

/* The payload of the frame that was asked for, by way of t. */
static int
take(struct scored *s, struct text *t, struct err *err)
{
    pthread_mutex_lock(&s->lock);
    while (!s->here && !s->stopped)
        pthread_cond_wait(&s->came, &s->lock);
    bool stopped = s->stopped;
    struct text was = *t;
    *t = s->payload;
    s->payload = was;
    s->here = false;
    pthread_mutex_unlock(&s->lock);
    return stopped ? err_set(err, ERR_SHUTDOWN, "stopped") : 0;
}

/* ---- walking the score rows of one function ---- */

struct line {
    uint64_t row;
    uint32_t epoch;
    bool truncated;
    struct str row_id, score;
};

struct walk {
    struct scored *scored;
    size_t function;
    uint64_t from;
    bool end, begun;
    bool asked; /* for the chunk at from: it comes while the one before is worked on */
    struct text payload;
    struct str rest; /* lines not yet given */
    struct err err;  /* why it ended early */
};

static bool
number(struct str *rest, uint64_t *ret)
{
    uint64_t n = 0;
    size_t i = 0;
    for (; i < rest->len && rest->ptr[i] >= '0' && rest->ptr[i] <= '9' && i < 19; i++)
        n = 10 * n + (uint64_t)(rest->ptr[i] - '0');
    if (i == 0 || i == rest->len || rest->ptr[i] != '\t')
        return false;
    rest->ptr += i + 1;
    rest->len -= i + 1;
    *ret = n;
    return true;
}

static bool
until(struct str *rest, char c, struct str *ret)
{
    const char *p = memchr(rest->ptr, c, rest->len);
    if (p == NULL)
        return false;
    *ret = (struct str){ rest->ptr, (size_t)(p - rest->ptr) };
    rest->len -= ret->len + 1;
    rest->ptr = p + 1;
    return true;
}

static void
ask(struct walk *w)
{
    if (!w->asked)
        wire_next_scored(w->scored->wire, w->function, w->from);
    w->asked = true;
}

/* What was asked for and is not wanted any more must not be taken for another walk's. */
static void
walk_fini(struct walk *w)
{
    if (w->asked)
        take(w->scored, &w->payload, NULL);
    text_fini(&w->payload);
}

static int
next_chunk(struct walk *w)
{
    struct str rest, head, lines = STR("");
    static const struct str names[] = { { "to", 2 }, { "end", 3 }, { "function", 8 } };
    struct jval v[3];
    int64_t to, function;
    size_t at;
    ask(w);
    w->asked = false;
    if (take(w->scored, &w->payload, &w->err) < 0)
        return -1;
    rest = text_str(&w->payload);
    if (!frame_part(&rest, &head) || jtext_scan_object(head, names, 3, v, &at, NULL) < 0
        || !jtext_int64(v[0], &to) || !jtext_int64(v[2], &function)
        || (size_t)function != w->function)
        return err_set(&w->err, ERR_PROTO, "SCORED with a broken head");
    frame_part(&rest, &lines);
    w->end = v[1].kind == J_BOOL && jtext_double(v[1]) != 0;
    if (!w->end && (uint64_t)to <= w->from)
        return err_set(&w->err, ERR_PROTO, "SCORED that gets nowhere");
    w->from = (uint64_t)to;
    w->rest = lines;
    if (!w->end)
        ask(w);
    return 0;
}

/* 1 with a line, 0 at the end, -1 with w->err. */
static int
next_line(struct walk *w, struct line *ret)
{
    uint64_t epoch, truncated;
    while (w->rest.len == 0) {
        if (w->begun && w->end)
            return 0;
        w->begun = true;
        if (next_chunk(w) < 0)
            return -1;
    }
    if (!number(&w->rest, &ret->row) || !number(&w->rest, &epoch)
        || !number(&w->rest, &truncated) || !until(&w->rest, '\t', &ret->row_id)
        || !until(&w->rest, '\n', &ret->score))
        return err_set(&w->err, ERR_PROTO, "SCORED with a broken line");
    ret->epoch = (uint32_t)epoch;
    ret->truncated = truncated != 0;
    return 1;
}

/* ---- one function ---- */

static struct stats_opts
options(const struct job *j, const struct plugin *p)
{
    struct stats_opts o = { .clustered = j->cluster != NULL, .epochs = j->epochs };
    json_object *score = json_get(p->metrics, "score"), *range = json_get(score, "range");
    bool lower = strcmp(json_get_str(score, "better", "higher"), "lower") == 0;
    if (range != NULL && json_object_is_type(range, json_type_array)
        && json_object_array_length(range) == 2) {
        o.bounded = true;
        o.lo = json_object_get_double(json_object_array_get_idx(range, lower));
        o.hi = json_object_get_double(json_object_array_get_idx(range, !lower));
    }
    return o;
}

/* What aggregate() walks: {"index":,"epoch":,"row_id":,"score_row":{}}. */
struct for_plugin { struct walk walk; struct text json; bool failed; };

static int
next_for_plugin(void *arg, struct str *ret)
{
    struct for_plugin *f = arg;
    struct line l;
    int rc = f->failed ? -1 : next_line(&f->walk, &l);
    if (rc <= 0) {
        f->failed = rc < 0;
        return 0;
    }
    text_clear(&f->json);
    text_putf(&f->json, "{\"index\":%llu,\"epoch\":%u,\"row_id\":", (unsigned long long)l.row,
              l.epoch);
    text_put_str(&f->json, l.row_id);
    text_puts(&f->json, ",\"score_row\":");
    text_put_str(&f->json, l.score);
    text_putc(&f->json, '}');
    *ret = text_str(&f->json);
    return 1;
}

/* Adds what the plugin's own aggregate() says: F becomes {F: value}. */
static int
own_metrics(const struct job_function *fn, struct call *c, struct scored *s, size_t i,
            struct text *results, struct err *err)
{
    struct for_plugin p = { .walk = { .scored = s, .function = i } };
    struct fields fields = { 0 };
    c->next_scored = next_for_plugin;
    c->scored_arg = &p;
    int rc = host_aggregate(c, (struct instance *)&fn->in, &fields, err);
    c->next_scored = NULL;
    if (p.failed) {
        *err = p.walk.err;
        rc = -1;
    }
    if (rc == 0 && fields.n > 0) {
        results->len--; /* the closing brace */
        for (uint32_t k = 0; k < fields.n; k++) {
            const struct field *d = &fields.list[k];
            if (results->len > 1)
                text_putc(results, ',');
            text_put(results, fields.json.ptr + d->name, d->name_len);
            text_puts(results, ":{");
            text_put(results, fields.json.ptr + d->name, d->name_len);
            text_putc(results, ':');
            text_put(results, fields.json.ptr + d->value, d->value_len);
            text_putc(results, '}');
        }
        text_putc(results, '}');
    }
    walk_fini(&p.walk);
    text_fini(&p.json);
    fields_fini(&fields);
    return rc;
}

static int
add_rows(const struct job *j, struct feed *f, struct walk *w, struct agg *a, struct stats *st,
         struct err *err)
{
    struct line l;
    int rc;
    while ((rc = next_line(w, &l)) > 0) {
        uint64_t cluster = j->cluster != NULL ? feed_cluster(f, l.row) : 0;
        struct str name = { cluster != 0 ? (const char *)&cluster : NULL,
                            cluster != 0 ? sizeof cluster : 0 };
        if (agg_add(a, l.score, err) < 0)
            return -1;
        stats_add(st, l.row, l.epoch, l.score, l.truncated, name);
    }
    if (rc < 0)
        *err = w->err;
    return rc;
}

static int
finish_function(const struct job *j, struct feed *f, struct call *c, struct scored *s, size_t i,
                struct wire *w, struct err *err)
{
    const struct job_function *fn = &j->functions[i];
    const struct stats_opts opts = options(j, fn->in.plugin);
    CLEANUP_TEXT struct text results = TEXT_INIT, statistics = TEXT_INIT;
    struct walk walk = { .scored = s, .function = i };
    struct agg *a = agg_new((const char *const *)fn->aggregations, fn->n_aggregations, err);
    if (a == NULL)
        return -1;
    struct stats *st = stats_new(&opts);
    int rc = add_rows(j, f, &walk, a, st, err);
    if (rc == 0)
        rc = agg_finish(a, j->call, &results, err);
    if (rc == 0)
        stats_finish(st, &statistics);
    agg_free(a);
    stats_free(st);
    walk_fini(&walk);
    if (rc == 0 && fn->in.plugin->desc.aggregate != NULL && !fn->in.plugin->quarantined)
        rc = own_metrics(fn, c, s, i, &results, err);
    if (rc == 0 && results.len + statistics.len > AGGREGATE_MAX)
        rc = err_set(err, ERR_NOTSUP, "the aggregated results of '%s' are %zu bytes long, more "
                     "than %u MiB", fn->id, results.len + statistics.len, AGGREGATE_MAX >> 20);
    if (rc == 0)
        wire_aggregate(w, i, text_str(&results), text_str(&statistics));
    return rc;
}

int
finish_job(const struct job *j, struct feed *f, struct call *c, struct scored *s,
           struct wire *w, const struct job_function **ret_function, struct err *err)
{
    for (size_t i = 0; i < j->n_functions; i++) {
        *ret_function = &j->functions[i];
        if (finish_function(j, f, c, s, i, w, err) < 0)
            return -1;
    }
    return 0;
}
