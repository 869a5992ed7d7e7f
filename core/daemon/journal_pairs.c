#include "config.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/io.h"
#include "common/mem.h"
#include "common/score.h"
#include "daemon/journal_impl.h"

#define CHUNK_NS   (20 * INT64_C(1000000)) /* others wait for the read thread too */
#define LOOK_OFTEN 64                      /* places between looks at the clock */

/* A row of the baseline: 32 bytes and two slots, twice that just after the table has grown.  A
 * million rows are 40 to 80 MB; of the candidate one row is held at a time.  Rows with the same id are a chain
 * from the first of them, which alone has a slot, so that a column that is the same everywhere
 * costs no more than one that never is.  Numbers of entries are from 1 on. */
struct entry {
    uint64_t id; /* XXH3 of the text: among 10^6 rows two are mixed up once in 10^7 times */
    double mean;
    uint32_t n_scored; /* epochs */
    uint32_t next; /* of the same id */
    uint32_t last; /* of a first one: the end of its chain */
    uint32_t free; /* of a first one: the first that has no partner yet; 0: all have */
};

/* The row whose epochs are coming in. */
struct current {
    bool open, has_id;
    int64_t row;
    uint64_t id;
    uint32_t n_scored;
    double sum;
};

struct journal_pairs {
    struct store *store;
    struct journal_scores of[2];
    struct journal_pairing result;
    /* read thread */
    int side; /* 0 baseline, 1 candidate, 2 all is done */
    sqlite3 *db;
    sqlite3_stmt *scores;
    int64_t epochs[2], at; /* at: the first place not looked at */
    struct current now;
    struct entry *entries;
    uint32_t n_entries, room;
    uint32_t *slots;
    uint64_t n_slots; /* a power of two */
    int64_t n_baseline;
    struct err err;
    bool failed;
    /* loop thread */
    journal_paired_fn *done; /* NULL: nobody waits any more */
    void *arg;
};

/* ---- the baseline's rows ---- */

/* The slot of an id: of its first entry, or free. */
static uint32_t *
slot_of(const struct journal_pairs *p, uint64_t id)
{
    uint64_t i = id & (p->n_slots - 1);
    while (p->slots[i] != 0 && p->entries[p->slots[i] - 1].id != id)
        i = (i + 1) & (p->n_slots - 1);
    return &p->slots[i];
}

static void
grow(struct journal_pairs *p)
{
    p->room = p->room > 0 ? p->room * 2 : 1024;
    p->entries = xreallocarray(p->entries, p->room, sizeof *p->entries);
    free(p->slots);
    p->n_slots = (uint64_t)p->room * 2;
    p->slots = xcalloc(p->n_slots, sizeof *p->slots);
    for (uint32_t i = 0; i < p->n_entries; i++)
        if (p->entries[i].last != 0)
            *slot_of(p, p->entries[i].id) = i + 1;
}

static int
put_baseline(struct journal_pairs *p, const struct current *r, double mean)
{
    if (p->n_entries == UINT32_MAX / 4)
        return err_set(&p->err, ERR_NOSPACE, "a job of too many rows to compare");
    if (p->n_entries == p->room)
        grow(p);
    uint32_t mine = ++p->n_entries;
    uint32_t *slot = slot_of(p, r->id);
    struct entry *e = &p->entries[mine - 1];
    *e = (struct entry){ .id = r->id, .mean = mean, .n_scored = r->n_scored };
    if (*slot == 0) {
        *slot = e->last = e->free = mine;
    } else {
        struct entry *first = &p->entries[*slot - 1];
        p->entries[first->last - 1].next = mine;
        first->last = mine;
    }
    return 0;
}

/* What is not there of a row has no score. */
static struct paired_row
reduced(const struct journal_pairs *p, int side, double mean, uint32_t n_scored)
{
    return (struct paired_row){ mean, 1 - (double)n_scored / (double)p->epochs[side] };
}

/* With the first row of that id that has no partner yet. */
static void
pair_candidate(struct journal_pairs *p, const struct current *r, double mean)
{
    uint32_t slot = p->n_slots > 0 ? *slot_of(p, r->id) : 0;
    struct entry *first = slot > 0 ? &p->entries[slot - 1] : NULL;
    if (first == NULL || first->free == 0) {
        p->result.n_only_candidate++;
        return;
    }
    const struct entry *e = &p->entries[first->free - 1];
    paired_add(&p->result.paired, reduced(p, 0, e->mean, e->n_scored),
               reduced(p, 1, mean, r->n_scored));
    first->free = e->next;
}

/* ---- rows of a journal ---- */

static int
row_close(struct journal_pairs *p)
{
    struct current *r = &p->now;
    if (!r->open)
        return 0;
    r->open = false;
    double mean = r->n_scored > 0 ? r->sum / r->n_scored : 0;
    p->n_baseline += p->side == 0;
    if (!r->has_id)
        p->result.n_only_candidate += p->side == 1;
    else if (p->side == 0)
        return put_baseline(p, r, mean);
    else
        pair_candidate(p, r, mean);
    return 0;
}

static int
one_place(struct journal_pairs *p)
{
    struct current *r = &p->now;
    int64_t at = sqlite3_column_int64(p->scores, 0), row = at / p->epochs[p->side];
    struct str id = sqlite_col(p->scores, 1);
    if (!r->open || r->row != row) {
        if (row_close(p) < 0)
            return -1;
        *r = (struct current){ .open = true, .row = row };
    }
    if (!r->has_id && id.len > 0 && !str_eq(id, STR("null"))) {
        r->has_id = true;
        r->id = XXH3_64bits(id.ptr, id.len);
    }
    double x = 0;
    enum score_kind kind = SCORE_ABSTAINED;
    if (sqlite3_column_type(p->scores, 2) != SQLITE_NULL)
        kind = score_read(sqlite_col(p->scores, 2), &x);
    p->result.categorical = p->result.categorical || kind == SCORE_CATEGORY;
    r->n_scored += kind == SCORE_NUMBER;
    r->sum += x;
    p->at = at + 1;
    return 0;
}

static void
release(void *arg)
{
    struct journal_pairs *p = arg;
    sqlite3_finalize(p->scores);
    sqlite3_close(p->db);
    p->scores = NULL;
    p->db = NULL;
}

static int
begin(struct journal_pairs *p)
{
    const struct journal_scores *of = &p->of[p->side];
    CLEANUP_FREE char *path = journal_path(p->store, of->job);
    p->db = sqlite_open(path, false, NULL, &p->err);
    if (p->db == NULL)
        return -1;
    int64_t epochs = journal_number(p->db, "SELECT value FROM job WHERE key = 'epochs'");
    p->epochs[p->side] = epochs > 0 ? epochs : 1;
    p->at = 0;
    p->scores = sqlite_prepare(p->db,
                               "SELECT g.at, g.row_id, s.json FROM generation g LEFT JOIN score s"
                               " ON s.function = ?2 AND s.at = g.at"
                               " WHERE g.at >= ?1 ORDER BY g.at",
                               &p->err);
    if (p->scores == NULL)
        return -1;
    sqlite3_bind_int(p->scores, 2, of->function);
    return 0;
}

/* No cursor stays open between chunks: it would keep the journal from being checkpointed. */
static int
read_chunk(struct journal_pairs *p)
{
    int64_t until = time_mono_ns() + CHUNK_NS;
    if (p->db == NULL && begin(p) < 0)
        return -1;
    sqlite3_bind_int64(p->scores, 1, p->at);
    int rc;
    for (int i = 1; (rc = sqlite3_step(p->scores)) == SQLITE_ROW; i++)
        if (one_place(p) < 0 || (i % LOOK_OFTEN == 0 && time_mono_ns() > until))
            break;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return sqlite_err(&p->err, p->db, "read the journal");
    sqlite3_reset(p->scores);
    if (rc == SQLITE_ROW)
        return p->err.code == ERR_NONE ? 0 : -1;
    rc = row_close(p);
    release(p);
    p->side++;
    return rc;
}

/* ---- between the threads ---- */

static void
run(void *arg)
{
    struct journal_pairs *p = arg;
    p->failed = read_chunk(p) < 0;
}

static void
pairs_free(void *arg)
{
    struct journal_pairs *p = arg;
    free(p->entries);
    free(p->slots);
    free(p);
}

static void
told(void *arg)
{
    struct journal_pairs *p = arg;
    if (p->done != NULL && !p->failed && p->side < 2) {
        worker_run(p->store->reader, run, told, p);
        return;
    }
    p->result.n_only_baseline = p->n_baseline - (int64_t)p->result.paired.n_pairs;
    if (p->done != NULL)
        p->done(p->arg, &p->result, p->failed ? &p->err : NULL);
    worker_run(p->store->reader, release, pairs_free, p);
}

struct journal_pairs *
journal_pair(struct store *s, const struct journal_scores *baseline,
             const struct journal_scores *candidate, const struct paired *paired,
             journal_paired_fn *done, void *arg)
{
    struct journal_pairs *p = xcalloc(1, sizeof *p);
    p->store = s;
    p->of[0] = *baseline;
    p->of[1] = *candidate;
    p->result.paired = *paired;
    p->done = done;
    p->arg = arg;
    worker_run(s->reader, run, told, p);
    return p;
}

void
journal_pair_cancel(struct journal_pairs *p)
{
    if (p != NULL)
        p->done = NULL;
}
