/* memstore.h - store.h in memory, with real workers: for tests of what stands on the store. */
#ifndef EVALD_MEMSTORE_H
#define EVALD_MEMSTORE_H

#include <stdbool.h>

#include "common/err.h"
#include "common/mem.h"
#include "daemon/store.h"

struct memstore_row {
    char *kind, *id, *json;
    uid_t owner;
};

struct store {
    struct ev_loop *loop;
    int dir;
    struct worker *writer, *reader;
    struct memstore_row *rows;
    size_t n_rows;
    enum err_code fail; /* of the next change; ERR_NONE: it succeeds */
    int changes;        /* that succeeded */
};

struct memstore_change {
    struct store *s;
    struct memstore_row row; /* json NULL: delete */
    store_done_fn *done;
    void *arg;
};

struct store *
store_open(struct ev_loop *loop, const char *state_dir, struct err *err)
{
    (void)err;
    struct store *s = xcalloc(1, sizeof *s);
    s->loop = loop;
    s->dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    s->writer = worker_new(loop, "store");
    s->reader = worker_new(loop, "read");
    return s;
}

static void
memstore_row_free(struct memstore_row *r)
{
    free(r->kind);
    free(r->id);
    free(r->json);
}

void
store_free(struct store *s)
{
    worker_free(s->writer);
    worker_free(s->reader);
    for (size_t i = 0; i < s->n_rows; i++)
        memstore_row_free(&s->rows[i]);
    free(s->rows);
    close(s->dir);
    free(s);
}

int
store_dir(const struct store *s)
{
    return s->dir;
}

struct worker *
store_worker(struct store *s)
{
    return s->writer;
}

struct worker *
store_reader(struct store *s)
{
    return s->reader;
}

static void
memstore_run(void *arg)
{
    (void)arg;
}

static void
memstore_done(void *arg)
{
    struct memstore_change *ch = arg;
    struct store *s = ch->s;
    struct err err = { ERR_NONE, "" };
    size_t i = 0;
    while (i < s->n_rows && (strcmp(s->rows[i].kind, ch->row.kind) != 0
                             || strcmp(s->rows[i].id, ch->row.id) != 0))
        i++;
    if (s->fail != ERR_NONE) {
        err_set(&err, s->fail, "the store fails");
        s->fail = ERR_NONE;
        memstore_row_free(&ch->row);
    } else if (ch->row.json == NULL) {
        memstore_row_free(&ch->row);
        if (i < s->n_rows) {
            memstore_row_free(&s->rows[i]);
            memmove(&s->rows[i], &s->rows[i + 1], (--s->n_rows - i) * sizeof *s->rows);
        }
        s->changes++;
    } else {
        if (i == s->n_rows)
            s->rows = xreallocarray(s->rows, ++s->n_rows, sizeof *s->rows);
        else
            memstore_row_free(&s->rows[i]);
        s->rows[i] = ch->row;
        s->changes++;
    }
    if (ch->done != NULL)
        ch->done(ch->arg, err.code == ERR_NONE ? NULL : &err);
    free(ch);
}

static void
memstore_change(struct store *s, const char *kind, const char *id, uid_t owner, char *json,
                store_done_fn *done, void *arg)
{
    struct memstore_change *ch = xmalloc(sizeof *ch);
    *ch = (struct memstore_change){ s, { xstrdup(kind), xstrdup(id), json, owner }, done, arg };
    worker_run(s->writer, memstore_run, memstore_done, ch);
}

void
store_put(struct store *s, const char *kind, const char *id, uid_t owner, struct str json,
          store_done_fn *done, void *arg)
{
    memstore_change(s, kind, id, owner, xstrndup(json.ptr, json.len), done, arg);
}

void
store_delete(struct store *s, const char *kind, const char *id, store_done_fn *done, void *arg)
{
    memstore_change(s, kind, id, 0, NULL, done, arg);
}

int
store_each(struct store *s, const char *kind, store_row_fn *fn, void *arg, struct err *err)
{
    (void)err;
    for (size_t i = 0; i < s->n_rows; i++)
        if (strcmp(s->rows[i].kind, kind) == 0)
            fn(arg, s->rows[i].id, s->rows[i].owner, str_z(s->rows[i].json));
    return 0;
}

/* Lets both threads and what they caused come to an end. */
__attribute__((unused)) static void
memstore_settle(struct store *s)
{
    for (int i = 0; i < 4; i++) {
        worker_drain(s->writer);
        worker_drain(s->reader);
    }
}

#endif
