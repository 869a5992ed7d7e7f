/* sched.h - jobs and calls: queue, runners, states, results.
 *
 * Loop thread only; every callback comes on the loop thread, later than the call. */
#ifndef EVALD_SCHED_H
#define EVALD_SCHED_H

#include "daemon/dataset.h"
#include "daemon/spec.h"
#include "daemon/store.h"

struct sched;

enum job_state { JOB_SCHEDULED, JOB_IN_PROGRESS, JOB_COMPLETED, JOB_FAILED, JOB_CANCELLED };
const char *job_state_name(enum job_state s); /* "in_progress": the API's words */

/* The request that began a job: see submit.h.  NULL where there is none. */
struct job_origin {
    const char *key;  /* Idempotency-Key */
    const char *hash; /* of what was asked for, hexadecimal */
};

struct job_info {
    int64_t id;
    struct job_origin origin;
    const char *benchmark;
    uid_t owner;
    enum job_state state;
    int64_t created_unix_ms, started_unix_ms, ended_unix_ms; /* 0: not yet */
    int64_t rows_done, rows_total; /* rows, all epochs of them; total -1: not known yet */
    int64_t rows_failed;           /* a row and epoch with an error, of candidate or scorer */
    int64_t in_flight;             /* a row and epoch that is worked on */
    const char *error;             /* of a failed job, else NULL */
    enum err_code error_code;
    bool paused;    /* to be left alone until it is resumed; in_progress: as soon as it can be */
    int64_t parent; /* the job whose generations it scores; -1: it has its own */
};

/* ---- jobs ---- */

/* Takes spec and snapshot, which dataset_open_unread() may have opened: its rows are made on the
 * read thread, and what is wrong with them is told to created, which is called later, once
 * the job is on disk or there is none.  ERR_BUSY and ERR_NOSPACE when a limit of its owner is
 * reached. */
typedef void sched_created_fn(void *arg, int64_t job_id, const struct err *err);
void sched_submit(struct sched *s, const char *benchmark, uid_t owner, json_object *spec,
                  struct dataset_snapshot *snapshot, const struct job_origin *origin,
                  sched_created_fn *created, void *arg);

const struct job_info *sched_job(const struct sched *s, int64_t id); /* NULL: no such job */
/* The one with the lowest id that is not below id; NULL: none. */
const struct job_info *sched_job_from(const struct sched *s, int64_t id);
/* In the order of id; i from 0; NULL at the end. */
const struct job_info *sched_job_at(const struct sched *s, size_t i);

/* Calls done once the job has ended or is paused, or the time is over.  The waiter can be
 * given up. */
struct sched_waiter;
typedef void sched_wait_fn(void *arg);
struct sched_waiter *sched_wait(struct sched *s, int64_t id, int timeout_ms,
                                sched_wait_fn *done, void *arg);
void sched_unwait(struct sched_waiter *w); /* done will not be called */

/* Calls fn now and then: when an event of the job is in its journal, when the job has ended, and
 * when evald begins to stop. */
struct sched_watcher;
typedef void sched_watch_fn(void *arg);
struct sched_watcher *sched_watch(struct sched *s, int64_t id, sched_watch_fn *fn, void *arg);
void sched_unwatch(struct sched_watcher *w); /* NULL allowed; also from within fn */
/* Has it ended, with nothing left to be written about it? */
bool sched_is_over(const struct sched *s, int64_t id);
bool sched_is_stopping(const struct sched *s);
/* {"rows_done","rows_total","rows_failed","in_flight","rate_per_s","eta_s"}, a new object. */
json_object *sched_progress(const struct sched *s, int64_t id);
struct ev_loop *sched_loop(const struct sched *s);

/* ERR_CONFLICT when the job has completed or failed; success again when it is cancelled. */
void sched_cancel(struct sched *s, int64_t id, store_done_fn *done, void *arg);

/* The job is to stop as at the end of evald, and to wait for sched_resume, over restarts too.
 * done: that is on disk and on its way; sched_wait() tells when no runner works on it any more
 * and its place is free.  A paused job: success.  ERR_CONFLICT when it has ended. */
void sched_pause(struct sched *s, int64_t id, store_done_fn *done, void *arg);
/* A paused job goes on from its journal when it is its turn; one that is not paused just goes
 * on.  ERR_CONFLICT when it has ended. */
void sched_resume(struct sched *s, int64_t id, store_done_fn *done, void *arg);
/* A job that has ended goes on from its journal, less what is in error there (journal_redo).
 * done: it is scheduled again, or there was nothing to be done.  ERR_CONFLICT when it has not
 * ended, ERR_INVALID when its data are not to be had as they were: then all stays as it is. */
void sched_retry(struct sched *s, int64_t id, store_done_fn *done, void *arg);

/* What a job was started with; NULL text with err when the journal cannot be read. */
typedef void sched_text_fn(void *arg, struct str json, const struct err *err);
void sched_read_spec(struct sched *s, int64_t id, sched_text_fn *done, void *arg);
/* A new job that scores the generations of an ended one anew.  Takes spec, as spec_of_rescore
 * makes it.  ERR_CONFLICT when the parent has not ended or has no generations, ERR_INVALID when
 * its data are not to be had as they were. */
void sched_rescore(struct sched *s, int64_t parent, uid_t owner, json_object *spec,
                   const struct job_origin *origin, sched_created_fn *created, void *arg);

/* GET .../detail: progress, times, counts, usage, manifest.  NULL text with err when the
 * journal cannot be read. */
void sched_detail(struct sched *s, int64_t id, sched_text_fn *done, void *arg);

/* The EvaluateResponse of a completed job, streamed out of its journal.  chunk is called
 * once for each sched_result_next. */
struct sched_result;
typedef void sched_chunk_fn(void *arg, struct str chunk, bool end, const struct err *err);
struct sched_result *sched_result_open(struct sched *s, int64_t id, bool extensions);
void sched_result_next(struct sched_result *r, sched_chunk_fn *chunk, void *arg);
void sched_result_close(struct sched_result *r);

/* May that much more be stored for the user?  ERR_NOSPACE names the limit, and what the user's
 * data sets and jobs take. */
int sched_check_stored(struct sched *s, uid_t owner, int64_t more_bytes, struct err *err);

/* ---- calls: the same pipeline without a journal ---- */

struct call_format {
    const char *dataset_id; /* "dataset_id" of ScoreBatchResponse; NULL: no such member */
    bool generations;       /* EvaluateResponse has them, ScoreResponse not */
    const char *scores_key; /* "scores" or "results" */
    bool extensions;        /* "statistics" */
};
struct sched_call;
/* Takes spec; rows is the raw text of an array of objects, copied.  done gets the whole
 * response, or the first failing row's error (code ERR_INVALID, ERR_REMOTE,
 * ERR_TIMEOUT, ERR_PLUGIN), exactly once. */
struct sched_call *sched_call(struct sched *s, uid_t owner, json_object *spec, struct str rows,
                              const struct call_format *format, sched_text_fn *done, void *arg);
/* The same on all rows of a data set; takes the snapshot too.  Their number need not be known:
 * what is held is results. */
struct sched_call *sched_call_dataset(struct sched *s, uid_t owner, json_object *spec,
                                      struct dataset_snapshot *snapshot,
                                      const struct call_format *format, sched_text_fn *done,
                                      void *arg);
/* The caller hung up: done will not be called. */
void sched_call_cancel(struct sched_call *c);

/* ---- life ---- */

struct sched_options {
    struct ev_loop *loop;
    const struct conf *conf;
    struct plugins *plugins;
    struct catalog *catalog;
    struct store *store;
};
/* Starts the gateway, reads the jobs, and takes up those that were in progress. */
struct sched *sched_new(const struct sched_options *o, struct err *err);
/* For others that start runners, until sched_stop(). */
struct runner_context;
const struct runner_context *sched_runners(const struct sched *s);
/* The configuration has changed: new jobs and calls, and the gateway, go by it. */
void sched_reconfigure(struct sched *s);
/* Parks every job, ends runners and gateway in order, then calls done.  New work is refused
 * with ERR_SHUTDOWN from here on. */
void sched_stop(struct sched *s, void (*done)(void *arg), void *arg);
void sched_free(struct sched *s);

#endif
