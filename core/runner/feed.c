#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/frame.h"
#include "common/json.h"
#include "common/mem.h"
#include "runner/feed.h"

#define CHUNKS 2 /* DONE frames held ahead of the rows */

struct range { uint64_t from, to; };

/* One DONE frame. */
struct chunk {
    struct chunk *next;
    uint64_t from, to;
    bool end;
    struct range *complete;
    size_t n_complete, at_complete;
    struct feed_partial *partial; /* in order */
};

struct feed {
    pthread_mutex_t lock; /* guards everything */
    const struct job *job;
    struct rows *rows;
    int64_t n_rows;       /* read */
    struct str row;       /* the row whose epochs are being given out, the reader's */
    int64_t line;
    bool bad, no_cluster;
    struct err why;       /* of bad */
    uint32_t epoch;       /* next one of that row; job->epochs: read another */
    bool ended, failed, cut;
    struct err failure;
    char hash[33];
    struct chunk *chunks;
    size_t n_chunks;
    bool asked, journal_end; /* a DONE is on its way; the journal holds nothing further */
    uint64_t next_from;
    void (*ask_done)(void *arg, uint64_t from);
    void *ask_arg;
    int64_t skipped;
    size_t at_suspect;    /* of the job's, the first not yet passed */
    uint64_t *clusters;
    size_t clusters_room;
};

bool
feed_has_phase(const struct feed_partial *p, size_t phase)
{
    return p != NULL && (p->phases[phase / 64] >> (phase % 64) & 1);
}

void
feed_partial_free(struct feed_partial *p)
{
    if (p == NULL)
        return;
    free((char *)p->generation.ptr);
    for (size_t i = 0; i < p->n_replies; i++)
        free((char *)p->replies[i].part.ptr);
    free(p->replies);
    free(p->phases);
    free(p);
}

static void
chunk_free(struct chunk *c)
{
    if (c == NULL)
        return;
    for (struct feed_partial *p = c->partial, *next; p != NULL; p = next) {
        next = p->next;
        feed_partial_free(p);
    }
    free(c->complete);
    free(c);
}

struct feed *
feed_new(const struct job *j, void (*ask_done)(void *arg, uint64_t from), void *arg,
         struct err *err)
{
    struct rows *rows = rows_open_until(j->data_fd, j->format, j->size, j->name, j->stop,
                                        err);
    if (rows == NULL)
        return NULL;
    struct feed *f = xcalloc(1, sizeof *f);
    pthread_mutex_init(&f->lock, NULL);
    f->job = j;
    f->rows = rows;
    f->epoch = j->epochs;
    f->ask_done = ask_done;
    f->ask_arg = arg;
    f->journal_end = !j->resume;
    return f;
}

void
feed_free(struct feed *f)
{
    if (f == NULL)
        return;
    for (struct chunk *c = f->chunks, *next; c != NULL; c = next) {
        next = c->next;
        chunk_free(c);
    }
    rows_free(f->rows);
    free(f->clusters);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

/* ---- what the journal has ---- */

static int
parse_partial(struct chunk *c, json_object *e, struct str *rest, size_t n_phases,
              struct feed_partial ***end, struct err *err)
{
    struct feed_partial *p = xcalloc(1, sizeof *p);
    **end = p;
    *end = &p->next;
    p->at = (uint64_t)json_get_int(e, "at", -1);
    p->phases = xcalloc(n_phases / 64 + 1, sizeof *p->phases);
    if (p->at < c->from || p->at >= c->to)
        return err_set(err, ERR_PROTO, "DONE: a unit outside of its range");
    json_object *phases = json_get(e, "phases"), *replies = json_get(e, "replies");
    for (size_t i = 0; phases != NULL && i < json_object_array_length(phases); i++) {
        int64_t n = json_object_get_int64(json_object_array_get_idx(phases, i));
        if (n < 0 || (size_t)n >= n_phases)
            return err_set(err, ERR_PROTO, "DONE: phase %lld", (long long)n);
        p->phases[n / 64] |= UINT64_C(1) << (n % 64);
    }
    struct str part;
    if (feed_has_phase(p, 0)) {
        if (!frame_part(rest, &part))
            return err_set(err, ERR_PROTO, "DONE: a generation is missing");
        p->generation = (struct str){ xstrndup(part.ptr, part.len), part.len };
        p->has_generation = true;
    }
    size_t n = replies != NULL ? json_object_array_length(replies) : 0;
    p->replies = xcalloc(n + 1, sizeof *p->replies);
    for (size_t i = 0; i < n; i++) {
        json_object *r = json_object_array_get_idx(replies, i);
        if (!json_object_is_type(r, json_type_array) || !frame_part(rest, &part))
            return err_set(err, ERR_PROTO, "DONE: a reply is missing");
        struct feed_reply *to = &p->replies[p->n_replies++];
        to->phase = json_object_get_int(json_object_array_get_idx(r, 0));
        to->n = (uint32_t)json_object_get_int(json_object_array_get_idx(r, 1));
        char *copy = xmalloc(part.len + 1);
        memcpy(copy, part.ptr, part.len);
        copy[part.len] = '\0';
        to->part = (struct str){ copy, part.len };
    }
    return 0;
}

static int
parse_chunk(struct chunk *c, struct str payload, size_t n_phases, struct err *err)
{
    struct str rest = payload, head;
    CLEANUP_JSON json_object *o = NULL;
    if (!frame_part(&rest, &head))
        return err_set(err, ERR_PROTO, "DONE without a head");
    if (json_parse(head, &o, NULL, err) < 0)
        return err_prefix(err, "DONE");
    c->from = (uint64_t)json_get_int(o, "from", 0);
    c->to = (uint64_t)json_get_int(o, "to", 0);
    c->end = json_get_bool(o, "end", false);
    json_object *complete = json_get(o, "complete"), *partial = json_get(o, "partial");
    size_t n = complete != NULL ? json_object_array_length(complete) : 0;
    c->complete = xcalloc(n + 1, sizeof *c->complete);
    for (size_t i = 0; i < n; i++) {
        json_object *r = json_object_array_get_idx(complete, i);
        if (!json_object_is_type(r, json_type_array))
            return err_set(err, ERR_PROTO, "DONE: a range is no array");
        c->complete[c->n_complete].from =
            (uint64_t)json_object_get_int64(json_object_array_get_idx(r, 0));
        c->complete[c->n_complete++].to =
            (uint64_t)json_object_get_int64(json_object_array_get_idx(r, 1));
    }
    struct feed_partial **end = &c->partial;
    for (size_t i = 0; partial != NULL && i < json_object_array_length(partial); i++)
        if (parse_partial(c, json_object_array_get_idx(partial, i), &rest, n_phases, &end,
                          err) < 0)
            return -1;
    return 0;
}

/* Asks for another DONE when few are left; under the lock. */
static void
ask_more(struct feed *f)
{
    if (f->asked || f->journal_end || f->n_chunks >= CHUNKS)
        return;
    f->asked = true;
    f->ask_done(f->ask_arg, f->next_from);
}

void
feed_begin(struct feed *f)
{
    pthread_mutex_lock(&f->lock);
    ask_more(f);
    pthread_mutex_unlock(&f->lock);
}

int
feed_done(struct feed *f, struct str payload, struct err *err)
{
    struct chunk *c = xcalloc(1, sizeof *c);
    pthread_mutex_lock(&f->lock);
    int rc = 0;
    if (parse_chunk(c, payload, f->job->n_functions + 1, err) < 0)
        rc = -1;
    else if (!f->asked || c->from != f->next_from || c->to < c->from
             || (c->to == c->from && !c->end))
        rc = err_set(err, ERR_PROTO, "DONE that was not asked for");
    if (rc == 0) {
        struct chunk **end = &f->chunks;
        while (*end != NULL)
            end = &(*end)->next;
        *end = c;
        c = NULL;
        f->n_chunks++;
        f->asked = false;
        f->next_from = (*end)->to;
        f->journal_end = (*end)->end;
        ask_more(f);
    }
    pthread_mutex_unlock(&f->lock);
    chunk_free(c);
    return rc;
}

enum known { KNOWN_NOTHING, KNOWN_COMPLETE, KNOWN_PARTIAL, KNOWN_NOT_YET };

static enum known
look_up(struct feed *f, uint64_t at, struct feed_partial **ret)
{
    while (f->chunks != NULL && at >= f->chunks->to) {
        struct chunk *c = f->chunks;
        f->chunks = c->next;
        f->n_chunks--;
        chunk_free(c);
        ask_more(f);
    }
    struct chunk *c = f->chunks;
    if (c == NULL)
        return f->journal_end ? KNOWN_NOTHING : KNOWN_NOT_YET;
    while (c->at_complete < c->n_complete && c->complete[c->at_complete].to <= at)
        c->at_complete++;
    if (c->at_complete < c->n_complete && c->complete[c->at_complete].from <= at)
        return KNOWN_COMPLETE;
    while (c->partial != NULL && c->partial->at < at) {
        struct feed_partial *p = c->partial;
        c->partial = p->next;
        feed_partial_free(p);
    }
    if (c->partial == NULL || c->partial->at != at)
        return KNOWN_NOTHING;
    *ret = c->partial;
    c->partial = (*ret)->next;
    (*ret)->next = NULL;
    return KNOWN_PARTIAL;
}

/* ---- rows ---- */

static void
note_cluster(struct feed *f)
{
    struct str name = str_z(f->job->cluster);
    struct jval v = { J_ABSENT, { NULL, 0 } };
    size_t at;
    f->no_cluster = false;
    if (!f->bad && jtext_scan_object(f->row, &name, 1, &v, &at, NULL) == 0)
        f->no_cluster = v.kind == J_ABSENT || v.kind == J_NULL;
    if ((size_t)f->n_rows >= f->clusters_room) {
        f->clusters_room = f->clusters_room == 0 ? 1024 : 2 * f->clusters_room;
        f->clusters = xreallocarray(f->clusters, f->clusters_room, sizeof *f->clusters);
    }
    f->clusters[f->n_rows] =
        v.kind == J_ABSENT || v.kind == J_NULL ? 0 : XXH3_64bits(v.raw.ptr, v.raw.len) | 1;
}

static enum feed_result
read_row(struct feed *f, struct err *err)
{
    if (f->failed) {
        if (err != NULL)
            *err = f->failure;
        return FEED_FAIL;
    }
    if (f->ended)
        return FEED_END;
    if (f->job->limit >= 0 && f->n_rows >= f->job->limit) {
        f->ended = f->cut = true;
        return FEED_END;
    }
    f->bad = false;
    switch (rows_next(f->rows, &f->row, &f->line, &f->why)) {
    case ROWS_ROW:
        break;
    case ROWS_BAD:
        f->bad = true;
        f->row = STR("");
        break;
    case ROWS_END:
        f->ended = true;
        rows_hash(f->rows, f->hash);
        return FEED_END;
    case ROWS_FAIL:
        f->failed = true;
        f->failure = f->why;
        if (err != NULL)
            *err = f->failure;
        return FEED_FAIL;
    }
    if (f->job->cluster != NULL)
        note_cluster(f);
    f->n_rows++;
    f->epoch = 0;
    return FEED_UNIT;
}

static bool
is_suspect(struct feed *f, uint64_t at)
{
    const struct job *j = f->job;
    while (f->at_suspect < j->n_suspects && j->suspects[f->at_suspect] < at)
        f->at_suspect++;
    return f->at_suspect < j->n_suspects && j->suspects[f->at_suspect] == at;
}

static enum feed_result
take(struct feed *f, bool alone, struct arena *a, struct feed_unit *ret, struct err *err)
{
    for (;; f->epoch++, f->skipped++) {
        if (f->epoch >= f->job->epochs) {
            enum feed_result r = read_row(f, err);
            if (r != FEED_UNIT)
                return r;
        }
        struct feed_unit u = { .index = (uint64_t)f->n_rows - 1, .epoch = f->epoch,
                               .line = f->line, .bad = f->bad, .no_cluster = f->no_cluster };
        uint64_t at = u.index * f->job->epochs + u.epoch;
        u.suspect = is_suspect(f, at);
        if (u.suspect && !alone)
            return FEED_ALONE;
        enum known k = look_up(f, at, &u.partial);
        if (k == KNOWN_NOT_YET)
            return FEED_WAIT;
        if (k == KNOWN_COMPLETE)
            continue;
        u.text = arena_copy(a, f->row);
        if (u.bad)
            u.why = arena_copy(a, str_z(f->why.text));
        f->epoch++;
        *ret = u;
        return FEED_UNIT;
    }
}

enum feed_result
feed_take(struct feed *f, bool alone, struct arena *a, struct feed_unit *ret, struct err *err)
{
    pthread_mutex_lock(&f->lock);
    enum feed_result r = take(f, alone, a, ret, err);
    pthread_mutex_unlock(&f->lock);
    return r;
}

int64_t
feed_rows(struct feed *f)
{
    pthread_mutex_lock(&f->lock);
    int64_t n = f->n_rows;
    pthread_mutex_unlock(&f->lock);
    return n;
}

int64_t
feed_skipped(struct feed *f)
{
    pthread_mutex_lock(&f->lock);
    int64_t n = f->skipped;
    pthread_mutex_unlock(&f->lock);
    return n;
}

const char *
feed_hash(struct feed *f)
{
    return f->ended && !f->cut ? f->hash : NULL;
}

uint64_t
feed_cluster(struct feed *f, uint64_t row)
{
    return f->clusters != NULL && row < (uint64_t)f->n_rows ? f->clusters[row] : 0;
}
