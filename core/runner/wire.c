#include "config.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/jtext.h"
#include "common/mem.h"
#include "runner/wire.h"

/* A row that has more to say says it in two frames; one part more must fit in. */
#define FRAME_FULL (FRAME_MAX - FIELDS_MAX - (4u << 20))

/* ---- records ---- */

void
records_fini(struct records *r)
{
    text_fini(&r->head);
    text_fini(&r->body);
    free(r->parts);
    free(r->frames);
    *r = (struct records){ 0 };
}

struct text *
records_part(struct records *r)
{
    if (r->open) {
        struct records_frame *f = &r->frames[r->n_frames];
        if (r->body.len - r->parts[f->part].at > FRAME_FULL)
            records_frame_end(r);
    }
    r->part_at = r->body.len;
    return &r->body;
}

/* The head's element of the part that was made is appended to the text returned. */
static struct text *
rec(struct records *r)
{
    if (!r->open) {
        if (r->n_frames == r->frames_room) {
            r->frames_room = r->frames_room == 0 ? 64 : 2 * r->frames_room;
            r->frames = xreallocarray(r->frames, r->frames_room, sizeof *r->frames);
        }
        r->frames[r->n_frames] = (struct records_frame){ r->head.len, 0, r->n_parts, 0 };
        r->open = true;
        text_putc(&r->head, '[');
    } else {
        text_putc(&r->head, ',');
    }
    if (r->n_parts == r->parts_room) {
        r->parts_room = r->parts_room == 0 ? 128 : 2 * r->parts_room;
        r->parts = xreallocarray(r->parts, r->parts_room, sizeof *r->parts);
    }
    r->parts[r->n_parts++] = (struct records_part){ r->part_at, r->body.len - r->part_at };
    r->frames[r->n_frames].n_parts++;
    return &r->head;
}

static void
begin(struct text *t, char what, uint64_t row, uint32_t epoch)
{
    char head[5] = { '[', '"', what, '"', ',' };
    text_put(t, head, sizeof head);
    text_put_u64(t, row);
    text_putc(t, ',');
    text_put_u64(t, epoch);
    text_putc(t, ',');
}

static void
put_usage(struct text *t, const struct task_usage *u)
{
    if (u == NULL || (u->input_tokens | u->output_tokens) == 0) {
        text_put(t, "null", 4);
        return;
    }
    text_puts(t, "{\"input_tokens\":");
    text_put_u64(t, u->input_tokens);
    text_puts(t, ",\"output_tokens\":");
    text_put_u64(t, u->output_tokens);
    text_putc(t, '}');
}

void
records_generation(struct records *r, uint64_t row, uint32_t epoch, struct str row_id,
                   bool truncated, const struct task_usage *usage)
{
    struct text *t = rec(r);
    begin(t, 'g', row, epoch);
    text_put_str(t, row_id);
    text_put(t, truncated ? ",1," : ",0,", 3);
    put_usage(t, usage);
    text_putc(t, ']');
}

void
records_score(struct records *r, uint64_t row, uint32_t epoch, size_t function,
              const struct task_usage *usage)
{
    struct text *t = rec(r);
    begin(t, 's', row, epoch);
    text_put_u64(t, function);
    text_putc(t, ',');
    put_usage(t, usage);
    text_putc(t, ']');
}

void
records_error(struct records *r, uint64_t row, uint32_t epoch, int function, uint32_t attempts,
              const char *stage, const char *code)
{
    struct text *t = rec(r);
    begin(t, 'e', row, epoch);
    text_putf(t, "%d,%u,\"%s\",\"%s\"]", function, attempts, stage, code);
}

void
records_reply(struct records *r, uint64_t row, uint32_t epoch, int32_t phase, uint32_t n)
{
    struct text *t = rec(r);
    begin(t, 'r', row, epoch);
    text_putf(t, "%d,%u]", phase, n);
}

void
records_frame_end(struct records *r)
{
    if (!r->open)
        return;
    text_putc(&r->head, ']');
    struct records_frame *f = &r->frames[r->n_frames++];
    f->head_len = r->head.len - f->head_at;
    r->open = false;
}

/* ---- the link ---- */

struct wire {
    pthread_mutex_t lock; /* guards writing to link */
    struct link *link;
    void (*wake)(void *arg);
    void *wake_arg;
    uint64_t tag;
};

struct wire *
wire_new(int fd, void (*wake)(void *arg), void *arg)
{
    struct wire *w = xcalloc(1, sizeof *w);
    pthread_mutex_init(&w->lock, NULL);
    w->link = link_new(fd);
    w->wake = wake;
    w->wake_arg = arg;
    return w;
}

void
wire_free(struct wire *w)
{
    if (w == NULL)
        return;
    link_free(w->link);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

int
wire_fd(const struct wire *w)
{
    return link_fd(w->link);
}

int
wire_read(struct wire *w, link_frame_fn *fn, void *arg, struct err *err)
{
    return link_read(w->link, fn, arg, err);
}

int
wire_take_fd(struct wire *w)
{
    return link_take_fd(w->link);
}

size_t
wire_pending(struct wire *w)
{
    pthread_mutex_lock(&w->lock);
    size_t n = link_pending(w->link);
    pthread_mutex_unlock(&w->lock);
    return n;
}

bool
wire_wants_write(struct wire *w)
{
    return wire_pending(w) > 0;
}

int
wire_write(struct wire *w)
{
    pthread_mutex_lock(&w->lock);
    int rc = link_flush(w->link, NULL);
    pthread_mutex_unlock(&w->lock);
    return rc;
}

static struct link *
lock(struct wire *w)
{
    pthread_mutex_lock(&w->lock);
    return w->link;
}

/* Writes what the lock's holder put.  An end that is gone shows itself when it is read. */
static void
unlock(struct wire *w)
{
    link_flush(w->link, NULL);
    bool left = link_pending(w->link) > 0;
    pthread_mutex_unlock(&w->lock);
    if (left)
        w->wake(w->wake_arg);
}

void
wire_records(struct wire *w, struct records *r)
{
    records_frame_end(r);
    if (r->n_frames > 0) {
        struct link *l = lock(w);
        for (size_t i = 0; i < r->n_frames; i++) {
            const struct records_frame *f = &r->frames[i];
            link_begin(l, FRAME_RECORD, 0);
            link_part(l, (struct str){ r->head.ptr + f->head_at, f->head_len });
            for (size_t k = f->part; k < f->part + f->n_parts; k++)
                link_part(l, (struct str){ r->body.ptr + r->parts[k].at, r->parts[k].len });
            link_end(l);
        }
        unlock(w);
    }
    if (r->body.room > (1u << 20))
        text_fini(&r->body);
    text_clear(&r->body);
    text_clear(&r->head);
    r->n_parts = r->n_frames = 0;
}

static void
put(struct wire *w, enum frame_type type, uint64_t tag, const struct text *head)
{
    link_put(lock(w), type, tag, text_str(head));
    unlock(w);
}

void
wire_next_done(struct wire *w, uint64_t from)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_putf(&t, "{\"what\":\"done\",\"from\":%llu}", (unsigned long long)from);
    put(w, FRAME_NEXT, 1, &t);
}

void
wire_next_scored(struct wire *w, size_t function, uint64_t from)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_putf(&t, "{\"what\":\"scored\",\"function\":%zu,\"from\":%llu}", function,
              (unsigned long long)from);
    put(w, FRAME_NEXT, 2, &t);
}

static void
put_z(struct text *t, const char *key, const char *z)
{
    text_putf(t, "\"%s\":", key);
    if (z != NULL)
        jtext_put_string(t, str_z(z));
    else
        text_puts(t, "null");
}

void
wire_ready(struct wire *w, const char *job)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_putc(&t, '{');
    put_z(&t, "job", job);
    text_puts(&t, ",\"columns\":{}}");
    put(w, FRAME_READY, 0, &t);
}

void
wire_progress(struct wire *w, int64_t done, int64_t total, size_t in_flight)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_putf(&t, "{\"rows_done\":%lld,\"rows_total\":", (long long)done);
    if (total >= 0)
        text_putf(&t, "%lld", (long long)total);
    else
        text_puts(&t, "null");
    text_putf(&t, ",\"in_flight\":%zu}", in_flight);
    put(w, FRAME_PROGRESS, 0, &t);
}

void
wire_aggregate(struct wire *w, size_t function, struct str results, struct str statistics)
{
    struct link *l = lock(w);
    link_begin(l, FRAME_AGGREGATE, 0);
    text_putf(link_part_begin(l), "{\"function\":%zu}", function);
    link_part_end(l);
    link_part(l, results);
    link_part(l, statistics);
    link_end(l);
    unlock(w);
}

void
wire_rows(struct wire *w, int64_t n, struct str lines)
{
    struct link *l = lock(w);
    link_begin(l, FRAME_ROWS, 0);
    text_putf(link_part_begin(l), "{\"rows\":%lld}", (long long)n);
    link_part_end(l);
    link_part(l, lines);
    link_end(l);
    unlock(w);
}

void
wire_log(struct wire *w, int level, const char *plugin, struct str text)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_putf(&t, "{\"level\":%d,", level);
    put_z(&t, "plugin", plugin);
    text_puts(&t, ",\"text\":");
    jtext_put_string(&t, text);
    text_putc(&t, '}');
    put(w, FRAME_LOG, 0, &t);
}

void
wire_end(struct wire *w, const struct wire_end *e)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_putf(&t, "{\"state\":\"%s\",\"rows\":%lld,", e->state, (long long)e->rows);
    put_z(&t, "dataset_xxh3", e->hash);
    text_puts(&t, ",\"error\":");
    if (e->code == NULL) {
        text_puts(&t, "null}");
    } else {
        text_putc(&t, '{');
        put_z(&t, "code", e->code);
        text_putc(&t, ',');
        put_z(&t, "stage", e->stage);
        text_puts(&t, ",\"row\":");
        if (e->row >= 0)
            text_putf(&t, "%lld,", (long long)e->row);
        else
            text_puts(&t, "null,");
        put_z(&t, "function", e->function);
        text_putc(&t, ',');
        put_z(&t, "plugin", e->plugin);
        text_puts(&t, ",\"message\":");
        jtext_put_string(&t, e->message);
        text_puts(&t, "}}");
    }
    put(w, FRAME_END, 0, &t);
}
