#include "config.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/jtext.h"
#include "common/mem.h"
#include "common/rows.h"
#include "runner/source.h"

struct source {
    struct wire *wire;
    struct asks *asks;
    pthread_mutex_t lock; /* guards the following */
    pthread_cond_t came;
    struct ask_event *events, **events_end;
    bool stop;
};

struct source *
source_new(struct wire *w, struct asks *a)
{
    struct source *s = xcalloc(1, sizeof *s);
    s->wire = w;
    s->asks = a;
    s->events_end = &s->events;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->came, NULL);
    return s;
}

static void
free_events(struct ask_event *e)
{
    for (struct ask_event *next; e != NULL; e = next) {
        next = e->next;
        free(e);
    }
}

void
source_free(struct source *s)
{
    if (s == NULL)
        return;
    free_events(s->events);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->came);
    free(s);
}

/* ---- the I/O thread ---- */

void
source_post(struct source *s, struct ask_event *list)
{
    pthread_mutex_lock(&s->lock);
    *s->events_end = list;
    while (*s->events_end != NULL)
        s->events_end = &(*s->events_end)->next;
    pthread_cond_signal(&s->came);
    pthread_mutex_unlock(&s->lock);
}

void
source_written(struct source *s)
{
    pthread_mutex_lock(&s->lock);
    pthread_cond_signal(&s->came);
    pthread_mutex_unlock(&s->lock);
}

void
source_stop(struct source *s)
{
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->came);
    pthread_mutex_unlock(&s->lock);
}

/* ---- the job thread ---- */

static void
on_send(void *arg, struct task_ask *ask)
{
    struct source *s = arg;
    asks_send(s->asks, &ask, 1);
}

static void
on_drop(void *arg, struct task_ask *ask)
{
    struct source *s = arg;
    asks_drop(s->asks, ask); /* an answer under way is for nobody: this was the last page */
}

static const struct task_ops ops = { .send = on_send, .drop = on_drop };

/* NULL: it is to stop. */
static struct ask_event *
wait_for_events(struct source *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->events == NULL && !s->stop)
        pthread_cond_wait(&s->came, &s->lock);
    struct ask_event *e = s->stop ? NULL : s->events;
    if (e != NULL) {
        s->events = NULL;
        s->events_end = &s->events;
    }
    pthread_mutex_unlock(&s->lock);
    return e;
}

/* Until evald has taken what was sent; false: it is to stop. */
static bool
wait_for_room(struct source *s)
{
    pthread_mutex_lock(&s->lock);
    while (wire_pending(s->wire) > WIRE_PENDING_MAX && !s->stop)
        pthread_cond_wait(&s->came, &s->lock);
    bool stop = s->stop;
    pthread_mutex_unlock(&s->lock);
    return !stop;
}

/* Plays the task to its end; false: it was stopped. */
static bool
play(struct source *s, struct task *t, struct call *c)
{
    task_run(t, c);
    while (t->state == TASK_WAITING) {
        struct ask_event *e = wait_for_events(s);
        if (e == NULL) {
            task_cancel(t, c);
            return false;
        }
        for (struct ask_event *next; e != NULL; e = next) {
            next = e->next;
            struct task_reply reply = ask_event_reply(e);
            task_answer(e->ask, &reply, c);
        }
    }
    return t->state == TASK_DONE;
}

/* The page as JSONL. */
static int
make_lines(struct jval rows, int64_t first, struct text *lines, int64_t *ret_n, struct err *err)
{
    int64_t n = 0;
    struct jval row;
    if (rows.kind != J_ARRAY)
        return err_set(err, ERR_PLUGIN, "emitted no array 'rows'");
    for (struct jiter it = jtext_iter(rows); jtext_next(&it, NULL, &row); n++) {
        size_t at = lines->len;
        if (row.kind != J_OBJECT)
            return err_set(err, ERR_PLUGIN, "row %lld is no object", (long long)(first + n));
        jtext_put_compact(lines, row);
        if (lines->len - at > ROWS_ROW_MAX)
            return err_set(err, ERR_INVALID, "row %lld is larger than %u MiB",
                           (long long)(first + n), ROWS_ROW_MAX >> 20);
        text_putc(lines, '\n');
    }
    *ret_n = n;
    return 0;
}

struct pages {
    struct text request; /* {"uri":...,"next":...} */
    struct text next;    /* empty: the first page; else JSON */
    int64_t index, rows;
    bool end;
};

static void
make_request(struct pages *p, const struct job *j)
{
    text_clear(&p->request);
    text_puts(&p->request, "{\"uri\":");
    jtext_put_string(&p->request, str_z(j->source_uri));
    text_puts(&p->request, ",\"next\":");
    text_puts(&p->request, p->next.len > 0 ? p->next.ptr : "null");
    text_putc(&p->request, '}');
}

/* Sends what the task has emitted. */
static int
take_page(struct source *s, struct pages *p, const struct task *t, struct err *err)
{
    CLEANUP_TEXT struct text lines = TEXT_INIT;
    struct jval next = fields_get(&t->out, STR("next"));
    int64_t n = 0;
    if (make_lines(fields_get(&t->out, STR("rows")), p->rows, &lines, &n, err) < 0)
        return -1;
    p->end = next.kind == J_ABSENT || next.kind == J_NULL;
    if (!p->end && str_eq(next.raw, text_str(&p->next)))
        return err_set(err, ERR_PLUGIN, "gave the same 'next' again");
    text_clear(&p->next);
    if (!p->end)
        text_put_str(&p->next, next.raw);
    p->rows += n;
    p->index++;
    if (n > 0)
        wire_rows(s->wire, n, text_str(&lines));
    return 0;
}

static void
run_pages(struct source *s, struct job *j, struct call *c, struct pages *p, struct wire_end *e,
          struct text *why)
{
    struct plugin *plug = j->source.plugin;
    struct evald_value cols[PLUGIN_COLUMNS] = { { .kind = EVALD_ABSENT } };
    struct err err;
    while (!p->end) {
        struct arena arena = { NULL, NULL, NULL };
        struct task_env env = { .ops = &ops, .arg = s, .arena = &arena,
                                .max_attempts = j->max_attempts,
                                .ask_timeout_ms = j->ask_timeout_ms };
        make_request(p, j);
        struct evald_row row = { .size = sizeof row, .index = (uint64_t)p->index, .cols = cols,
                                 .json = { p->request.ptr, p->request.len } };
        struct task *t = task_new(&env, &j->source, &row, 0);
        bool done = play(s, t, c);
        e->state = "failed";
        if (!done) {
            e->state = "stopped";
        } else if (t->status != EVALD_OK) {
            e->code = host_code(t->status);
            text_put_str(why, t->why);
        } else if (take_page(s, p, t, &err) < 0) {
            e->code = err.code == ERR_INVALID ? "bad_row" : "plugin";
            text_putf(why, "plugin %s: %s", plug->desc.id, err.text);
        } else {
            e->state = "completed";
        }
        task_free(t);
        task_env_fini(&env);
        arena_fini(&arena);
        if (strcmp(e->state, "completed") != 0)
            return;
        if (!wait_for_room(s)) {
            e->state = "stopped";
            return;
        }
    }
}

void
source_run(struct source *s, struct job *j, struct call *c, struct wire_end *e,
           struct text *why)
{
    struct pages p = { .end = false };
    e->plugin = j->source_id;
    wire_ready(s->wire, j->id);
    run_pages(s, j, c, &p, e, why);
    e->rows = p.rows;
    text_fini(&p.request);
    text_fini(&p.next);
}
