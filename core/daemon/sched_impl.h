/* sched_impl.h - what the scheduler's files share: sched.c (registry, submission, detail),
 * job.c (a job while it runs), blame.c (after a runner's death), leftovers.c (at start),
 * watchers.c (who looks on), call.c (calls). */
#ifndef EVALD_SCHED_IMPL_H
#define EVALD_SCHED_IMPL_H

#include "daemon/gate.h"
#include "daemon/journal.h"
#include "daemon/runner.h"
#include "daemon/sched.h"

enum job_stop { STOP_NOT, STOP_CANCEL, STOP_PARK, STOP_FAIL /* the runner broke its word */ };

struct sched_waiter {
    struct sched_waiter *next, **link_to_this;
    struct sched *sched;
    sched_wait_fn *done;
    void *arg;
    ev_timer timer;
};

struct job {
    struct sched *sched;
    struct job_info info; /* strings owned */
    char id_text[24];
    struct sched_waiter *waiters;
    struct sched_watcher *watchers;
    int events_unwritten; /* on their way to the journal: its story has no end yet */

    /* while it is being worked on */
    json_object *spec, *manifest;
    struct journal *journal;
    struct runner *runner;
    unsigned run; /* counts the runners it had */
    struct dataset_snapshot data; /* fd -1 when not open */
    bool holds_data;              /* while it waits for its turn: counted in sched.held */
    bool starting, resume, ready;
    int64_t run_start_ns, run_start_rows;
    enum job_stop stop;
    int cancels; /* on their way to the disk: whatever happens now, it ends as cancelled */
    ev_timer kill_timer;
    ev_timer record_timer; /* ended, but that is not on disk yet */

    /* records on their way to the journal */
    struct text batch;
    size_t in_flight;
    bool appending;
    ev_timer flush_timer;
    struct journal_counts counts;
    struct next { /* what is done, what is scored; waits: for records to be in the journal */
        enum { NEXT_NONE, NEXT_WAITS, NEXT_READING } state;
        uint64_t tag;
        int64_t from;
        int function;
    } nexts[2];

    /* what deaths taught */
    json_object *quarantine, *deaths, *suspects; /* array; plugin id -> count; array of AT */
    int unexplained;  /* deaths in a row that nobody was charged with */
    bool got_records; /* this runner has sent some */

    /* the end */
    bool ending;
    enum job_state end_state;
    struct err end_err; /* STOP_FAIL: why; later the code alone */
    json_object *end_head; /* of END */
};

struct call_runner;

struct sched {
    struct sched_options o;
    struct runner_context runners;
    struct gate *gate;
    struct job **jobs; /* in the order of id */
    size_t n_jobs, jobs_room;
    size_t first_waiting; /* no job before this place is scheduled */
    int64_t next_id;
    int running;
    int fd_runners; /* max_runners that there are descriptors for */
    int held, max_held; /* descriptors of data sets that jobs hold while they wait */
    bool stopping;
    void (*stopped)(void *arg);
    void *stopped_arg;
    ev_timer stop_timer;

    struct call_runner *call_runners;
    int n_call_runners, max_call_runners;
    struct sched_call *calls; /* waiting and running, oldest first */
};

struct job *sched_find(const struct sched *s, int64_t id); /* NULL: no such job */
/* Starts what may start. */
void sched_kick(struct sched *s);
/* The parts of sched_stop. */
void sched_check_stopped(struct sched *s);

/* ---- job.c ---- */

/* Takes a job up: opens what it needs and starts its runner. */
void job_start(struct job *j);
/* Ends it: flushes, records the state, tells the waiters.  err only for JOB_FAILED. */
void job_end(struct job *j, enum job_state state, const struct err *err);
/* Asks the runner to stop; on_end follows. */
void job_stop_runner(struct job *j, enum job_stop why);
/* The tokens counted so far, as the manifest and the detail show them; a new object. */
json_object *job_usage(const struct job *j);
void job_tell_waiters(struct job *j); /* and the watchers */
/* Writes an event into the journal: "started", "resumed", "parked", "runner_died",
 * "row_charged", "quarantined", or the state it ended in; what: more about it, or NULL. */
void job_event(struct job *j, const char *kind, const char *what);
void job_put_row(struct job *j, enum job_state state, store_done_fn *done, void *arg);
void job_release(struct job *j); /* frees what only a running job needs */
/* Name of the private copy or link of a job's data below the state directory. */
void job_data_name(const struct job *j, char ret[40]);

void job_queue_record(struct job *j, struct str payload); /* of a RECORD */

/* ---- watchers.c ---- */

void job_tell_watchers(struct job *j);
/* Done function of every event: counts it (job.events_unwritten), and tells; arg is the job. */
void job_event_written(void *arg, const struct err *err);

/* ---- blame.c: whom a runner's death is charged to ---- */

#define BLAME_DEATHS_MAX 3 /* by one plugin, before it is quarantined; unexplained ones too */

/* Writes the phase down as an error, in the runner's stead; false: there is no such phase. */
bool blame_charge(struct job *j, const struct runner_charge *c);
/* A slot that the runner marked is charged.  A death that no slot explains (SIGKILL, memory)
 * makes its rows suspects: each runs alone next time, and one that dies alone is charged. */
void blame_learn(struct job *j, const struct runner_death *how);

/* ---- leftovers.c ---- */

/* Unlinks what a killed evald left below jobs/: data of jobs that have ended, and files of jobs
 * that nobody was told of.  Once all jobs are read. */
void sched_remove_leftovers(const struct sched *s);

/* ---- call.c ---- */

void call_kick(struct sched *s);
void call_stop_all(struct sched *s);
void call_free_all(struct sched *s);

/* A row's error as the API shows it, with "epoch" where epochs > 1. */
void sched_put_error(struct text *t, const char *stage, const char *code, const char *message,
                     int64_t attempts);
enum err_code sched_err_code(const char *code); /* "bad_row", "remote", ... of frame.h */

#endif
