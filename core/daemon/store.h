/* store.h - SQLite: the catalogue, and the threads that the jobs' journals use too.
 *
 * store.c and the files journal*.c, with the headers sqlite.h, store_impl.h and
 * journal_impl.h that are theirs alone, are the only files that say sqlite3_.
 *
 * catalog.db (WAL, synchronous=FULL) holds what the API acknowledged; jobs/ID.db (WAL,
 * synchronous=NORMAL) one job each.  All writes happen on the store thread, in the order
 * they were asked for; done functions are called on the loop thread after the commit. */
#ifndef EVALD_STORE_H
#define EVALD_STORE_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"
#include "common/text.h"
#include "daemon/worker.h"

struct store;

/* Opens, makes where missing (0700), and locks the state directory: a second evald gets
 * ERR_CONFLICT "... is in use by another evald (pid N)". */
struct store *store_open(struct ev_loop *loop, const char *state_dir, struct err *err);
/* Finishes what is queued, checkpoints, unlocks. */
void store_free(struct store *s);

int store_dir(const struct store *s);          /* descriptor of the state directory */
struct worker *store_worker(struct store *s);  /* the store thread */
struct worker *store_reader(struct store *s);  /* the read thread */

typedef void store_done_fn(void *arg, const struct err *err); /* err NULL: on disk */

/* Catalogue rows: (kind, id) -> owner and JSON text.  Kinds: "dataset", "benchmark",
 * "scoring_function". */
void store_put(struct store *s, const char *kind, const char *id, uid_t owner, struct str json,
               store_done_fn *done, void *arg);
void store_delete(struct store *s, const char *kind, const char *id, store_done_fn *done,
                  void *arg);
/* At start, before the loop: each row of a kind in the order of insertion. */
typedef void store_row_fn(void *arg, const char *id, uid_t owner, struct str json);
int store_each(struct store *s, const char *kind, store_row_fn *fn, void *arg, struct err *err);

/* ---- a job's line in the catalogue ---- */

struct job_row {
    int64_t id;
    const char *benchmark, *state, *error_code, *error; /* error: NULL or why it failed */
    uid_t owner;
    int64_t created_unix_ms, started_unix_ms, ended_unix_ms;
    int64_t rows_done, rows_total, rows_failed;
    const char *request_key, *request_hash; /* of the request that began it; or NULL */
    bool paused;    /* not to be taken up */
    bool retry;     /* its errors are to be removed before it goes on */
    int64_t parent; /* whose generations it scores; -1: it has its own */
};
typedef void job_row_fn(void *arg, const struct job_row *row);
/* At start, before the loop: all jobs in the order of id. */
int job_rows_each(struct store *s, job_row_fn *fn, void *arg, struct err *err);
/* The first id that was never given out; -1 when that cannot be known. */
int64_t job_rows_next_id(struct store *s);
/* Writes the line whole; the strings are copied. */
void job_row_put(struct store *s, const struct job_row *row, store_done_fn *done, void *arg);

#endif
