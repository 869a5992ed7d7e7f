/* journal.h - one job, one database: what was asked for, and every generation and score.
 *
 * jobs/ID.db: "job" (specification, manifest), "generation", "score", "error", "reply",
 * "aggregate", "event".  A row of the data set and its epoch are one number,
 * at = row * epochs + epoch, so that rows are appended in key order.  Records are never
 * overwritten: the first one written for a key stays, until journal_redo() removes it.
 *
 * Writes run on the store thread in the order of the calls, reads on the read thread with a
 * connection of their own; every callback comes on the loop thread, later. */
#ifndef EVALD_JOURNAL_H
#define EVALD_JOURNAL_H

#include <stdbool.h>

#include "common/paired.h"
#include "daemon/store.h"

/* ---- the journal ---- */

struct journal;

typedef void journal_opened_fn(void *arg, struct journal *j, struct str spec,
                               const struct err *err);
/* A new database with its specification and manifest (JSON text, copied). */
void journal_create(struct store *s, int64_t id, uint32_t epochs, struct str spec,
                    struct str manifest, journal_opened_fn *done, void *arg);
/* An existing one, to go on with. */
void journal_open(struct store *s, int64_t id, journal_opened_fn *done, void *arg);
/* After what was asked for before; j is gone for the caller at once. */
void journal_close(struct journal *j);
/* Of a job that was refused after all: its files. */
void journal_unlink(struct store *s, int64_t id);

struct journal_counts {
    int64_t generations, scores, failed; /* failed: (row, epoch) pairs with an error */
    int64_t input_tokens, output_tokens;
};
/* What was there when it was opened; only while nothing has been appended. */
struct journal_counts journal_counts(const struct journal *j);
/* Appends RECORD payloads (frame.h), each behind its u32 length, in one transaction; takes
 * the bytes.  A record that makes no sense is ERR_PROTO and nothing of the batch stays. */
typedef void journal_appended_fn(void *arg, const struct journal_counts *counts,
                                 const struct err *err);
void journal_append(struct journal *j, char *batch, size_t len, journal_appended_fn *done,
                    void *arg);
void journal_put_aggregate(struct journal *j, int function, struct str results,
                           struct str statistics, store_done_fn *done, void *arg);
/* Sets a member of "job", such as "manifest". */
void journal_set(struct journal *j, const char *key, struct str value, store_done_fn *done,
                 void *arg);
/* Adds an event, numbered from 1: kind a word, json an object with more about it. */
void journal_event(struct journal *j, const char *kind, struct str json, store_done_fn *done,
                   void *arg);
/* Puts all of it into the main file and syncs it. */
void journal_checkpoint(struct journal *j, store_done_fn *done, void *arg);

/* Does most of that, as far as it can be done without waiting for anyone; what it cannot is left
 * to journal_checkpoint(). */
void journal_checkpoint_begin(struct journal *j);

/* ---- doing again, journal_edit.c ---- */

enum journal_redo {
    JOURNAL_REDO_ALL,    /* whatever is in error */
    JOURNAL_REDO_SCORES, /* but not generations: they are another job's */
    JOURNAL_REDO_FATAL,  /* what ends a job whose on_error is "fail": not a judge's failure */
};

/* Removes what is in error, so that it is done again: of a generation in error all of its row
 * and epoch, else the one score; a judge's failure (score null, metadata.error) is one too.  A
 * transaction for each few hundred; cut off in between, another call does the rest.  At the end
 * an event "retried" with the counts (not for FATAL).  Nothing may be appended, nor the journal
 * closed, before done.  Tokens that were paid stay counted. */
void journal_redo(struct journal *j, enum journal_redo what, journal_appended_fn *done,
                  void *arg);
/* Would journal_redo find something?  Of any journal, opened or not. */
typedef void journal_found_fn(void *arg, bool found, const struct err *err);
void journal_find_redo(struct store *s, int64_t id, enum journal_redo what,
                       journal_found_fn *done, void *arg);
/* Copies the generations of job from, and their errors, into a journal that has none; their
 * tokens were paid by that job and count 0 here.  Nothing may write into the journal of from,
 * nor close j, before done. */
void journal_copy_generations(struct journal *j, int64_t from, journal_appended_fn *done,
                              void *arg);
/* Adds an event to the journal of a job that is not open. */
void journal_note(struct store *s, int64_t id, const char *kind, struct str json,
                  store_done_fn *done, void *arg);

/* ---- reading ---- */

/* The answer to NEXT done (see DONE in frame.h): head and following parts, each part behind
 * its u32 length, ready to be a payload. */
typedef void journal_text_fn(void *arg, struct str text, const struct err *err);
void journal_read_done(struct journal *j, int n_functions, int64_t from, journal_text_fn *done,
                       void *arg);
/* The answer to NEXT scored, likewise. */
void journal_read_scored(struct journal *j, int function, int64_t from, journal_text_fn *done,
                         void *arg);
/* One member of "job"; empty when it is not there. */
void journal_read_value(struct store *s, int64_t id, const char *key, journal_text_fn *done,
                        void *arg);

/* The EvaluateResponse of a job, a chunk at a time. */
struct journal_result;
typedef void journal_chunk_fn(void *arg, struct str chunk, bool end, const struct err *err);
/* functions: ids in order, NULL-terminated, copied. */
struct journal_result *journal_result_open(struct store *s, int64_t id,
                                           const char *const *functions, bool statistics);
void journal_result_next(struct journal_result *r, journal_chunk_fn *done, void *arg);
void journal_result_close(struct journal_result *r);

/* The rows of a job in any state, a chunk at a time: {"data":[...],"has_more":bool,"next":N}.
 *
 * A place is (row, epoch) as one number, at.  Without a filter element i of the list is place i,
 * whether it is done or not, so a list grows but never shifts.  With one the list has the places
 * that are so by now, in order; "next" is the place where the next page begins (from), whatever
 * comes before it meanwhile.  A chunk takes 20 ms at most, and may be empty. */
enum row_filter {
    ROW_FILTER_NONE,
    ROW_FILTER_OK,        /* generated, and scored by all functions */
    ROW_FILTER_ERROR,     /* the candidate or a scorer failed; of the table of errors alone */
    ROW_FILTER_TRUNCATED, /* the model ran into its limit of tokens */
    ROW_FILTER_PENDING,   /* none of the first two */
};
struct journal_rows_query {
    enum row_filter filter;
    int64_t from;  /* the first place to look at */
    int64_t start; /* elements to leave out from there */
    int64_t limit; /* -1: none */
    int64_t total; /* rows that the job has; -1: not known yet */
    bool complete; /* the job has completed */
};
struct journal_rows;
struct journal_rows *journal_rows_open(struct store *s, int64_t id,
                                       const struct journal_rows_query *query);
void journal_rows_next(struct journal_rows *r, journal_chunk_fn *done, void *arg);
void journal_rows_close(struct journal_rows *r);

/* The scores of two jobs' functions, row by row, journal_pairs.c.  Rows are joined by their id,
 * equal ids in their order; epochs are reduced first.  A step takes the read thread for 20 ms
 * at most, and what is held is at most 80 bytes for each row of the baseline. */
struct journal_scores {
    int64_t job;
    int function;
};
struct journal_pairing {
    struct paired paired;
    int64_t n_only_baseline, n_only_candidate; /* rows */
    bool categorical; /* some score is no number; it counts as none in paired */
};
typedef void journal_paired_fn(void *arg, const struct journal_pairing *result,
                               const struct err *err);
struct journal_pairs;
/* paired: what it says of the metric is copied.  done is called once, with a result that is gone
 * when it returns, unless it is cancelled before. */
struct journal_pairs *journal_pair(struct store *s, const struct journal_scores *baseline,
                                   const struct journal_scores *candidate,
                                   const struct paired *paired, journal_paired_fn *done,
                                   void *arg);
void journal_pair_cancel(struct journal_pairs *p); /* NULL allowed */

/* The events numbered from `from` on, as many as make 64 KiB; more: there are others behind.
 * They are gone when done returns. */
struct journal_event {
    int64_t seq, unix_ms;
    char *kind, *json;
};
typedef void journal_events_fn(void *arg, const struct journal_event *events, size_t n,
                               bool more, const struct err *err);
void journal_read_events(struct store *s, int64_t id, int64_t from, journal_events_fn *done,
                         void *arg);

#endif
