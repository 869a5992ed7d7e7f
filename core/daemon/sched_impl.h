/* sched_impl.h - what the scheduler's files share: sched.c (registry, submission, detail),
 * job.c (a job while it runs), jobdata.c (what it reads), manifest.c (what it says of itself),
 * control.c (what its owner wants of it), rescore.c (a job made of another), blame.c (after a
 * runner's death), leftovers.c (at start), watchers.c (who looks on), call.c (calls), quota.c
 * (limits per user). */
#ifndef EVALD_SCHED_IMPL_H
#define EVALD_SCHED_IMPL_H

#include "daemon/gate.h"
#include "daemon/journal.h"
#include "daemon/runner.h"
#include "daemon/sched.h"

enum job_stop {
    STOP_NOT,
    STOP_CANCEL,
    STOP_PARK,  /* for the next evald */
    STOP_PAUSE, /* for sched_resume */
    STOP_FAIL,  /* the runner broke its word */
};

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
    struct user *user; /* the owner */
    int64_t bytes;     /* of its files, as user->bytes has them */
    bool has_place;    /* counted in user->running */
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
    bool begun; /* it had a runner before */
    int64_t run_start_ns, run_start_rows;
    enum job_stop stop;
    int cancels; /* on their way to the disk: whatever happens now, it ends as cancelled */
    bool retry;  /* what is in error is to be removed before it goes on */
    bool busy;   /* ended, and about to be retried */
    int copies;  /* of its journal that are being made */
    struct after_end *after_end; /* who waits for its end to be recorded */
    bool unrecorded; /* ended, but that is not on disk yet */
    ev_timer kill_timer;
    ev_timer record_timer; /* while it is unrecorded */

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

/* What a user has under way. */
struct user {
    uid_t uid;
    int submitting; /* jobs on their way to the disk */
    int running;    /* jobs that hold a place */
    int calls;      /* that have a runner */
    uint64_t turn;  /* of their last job that began; grows */
    int64_t bytes;  /* of the files of their jobs */
};

struct sched {
    struct sched_options o;
    struct runner_context runners;
    struct gate *gate;
    struct job **jobs; /* in the order of id */
    size_t n_jobs, jobs_room;
    size_t first_waiting; /* no job before this place is scheduled */
    int64_t next_id;
    int running;
    void *users; /* tree of struct user */
    uint64_t turn;
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
/* Gives back what a job that waits for its turn does not need. */
void sched_slim_down(struct job *j);
/* ERR_BUSY where so many wait with their data open that no more descriptors may go there. */
int sched_may_hold(const struct sched *s, struct err *err);
/* A job that had its turn waits for another one. */
void sched_requeue(struct job *j);

/* A job on its way to the disk; it holds sched_stop.  Taken: spec, snapshot. */
struct submission {
    struct job *job;
    sched_created_fn *created;
    void *arg;
    struct job *parent;           /* whose generations it gets, or NULL */
    json_object *parents_manifest;
    char *fingerprint;            /* that its data must have once they are read; NULL: any */
    char data_name[40], rows_file[300];
    struct err err;
    bool failed;
};
struct submission *submission_new(struct sched *s, const char *benchmark, uid_t owner,
                                  json_object *spec, struct dataset_snapshot *snapshot,
                                  const struct job_origin *origin, sched_created_fn *created,
                                  void *arg);
/* ds: what its data are registered as, of which id, uri and rows_file count.  The specification
 * says all of it when it is a parent's. */
void submission_start(struct submission *sub, const struct dataset *ds);
/* Refuses it with sub->err, later. */
void submission_refuse(struct submission *sub);
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
enum journal_redo job_redo(const struct job *j); /* what a retry does again */

void job_queue_record(struct job *j, struct str payload); /* of a RECORD */

/* ---- watchers.c ---- */

void job_tell_watchers(struct job *j);
/* Done function of every event: counts it (job.events_unwritten), and tells; arg is the job. */
void job_event_written(void *arg, const struct err *err);
/* ---- jobdata.c: the data that a job reads ---- */

/* Name of the private copy or link of a job's data below the state directory. */
void job_data_name(const struct job *j, char ret[40]);
void job_drop_data(struct job *j);
/* Store thread: makes the private copy of data that have no other name to be found again, so
 * that deleting the data set does not take them from a job that must resume: a hard link to
 * rows_file, or what j->data reads when that is "". */
int job_keep_data(const struct job *j, const char *rows_file, struct err *err);
/* Opens the data of j->spec again, into j->data, and refuses when they are not the same any
 * more. */
int job_reopen_data(struct job *j, struct err *err);
/* The same for one that has ended, or begins with another's data.  Private copies go at the end
 * of a job, so the data set that they were made of must be there still: then *ret_nameless,
 * and job_keep_data() is due with rows_file, after dataset_convert() and job_check_data() where
 * j->data is unread. */
int job_find_data(struct job *j, bool *ret_nameless, char rows_file[300], struct err *err);
/* Are the converted data those of that fingerprint? */
int job_check_data(const struct job *j, const char *fingerprint, struct err *err);

/* ---- manifest.c: what makes the number explain itself ---- */

/* A new object, of j's specification; ds: what its data are registered as.  No secrets. */
json_object *manifest_make(const struct job *j, const struct dataset *ds);
/* Its generations are as the manifest of the parent explains them. */
void manifest_add_parent(json_object *m, const struct job *parent, json_object *parents);

/* ---- control.c: what a job's owner wants of it ---- */

/* Calls fn once nothing works on the job any more: within, or when its end is recorded.
 * ERR_CONFLICT when it has not ended. */
struct after_end {
    struct after_end *next;
    void (*fn)(struct after_end *a);
};
int control_after_end(struct job *j, struct after_end *a, struct err *err);
void control_tell_ended(struct job *j);

/* ---- blame.c: whom a runner's death is charged to ---- */

#define BLAME_DEATHS_MAX 3 /* by one plugin, before it is quarantined; unexplained ones too */

/* A slot that the runner marked is charged.  A death that no slot explains (SIGKILL, memory)
 * makes its rows suspects: each runs alone next time, and one that dies alone is charged.
 * true: charges[0] was. */
bool blame_learn(struct job *j, const struct runner_death *how);

/* ---- quota.c ---- */

/* Never NULL; valid as long as the scheduler. */
struct user *quota_user(struct sched *s, uid_t uid);
void quota_free(struct sched *s);
/* May the user hand in another job, or one anew?  It is in submitting already; a job that is
 * paused counts as one that waits.  copied: bytes of the rows that it will have to keep. */
int quota_admit(struct sched *s, struct user *u, int64_t copied, struct err *err);
/* The waiting job whose turn it is: of the users who may have another one running that with
 * the fewest, then that who has waited longest for a turn; of theirs the oldest.  NULL: none. */
struct job *quota_next_job(const struct sched *s);
void quota_take_place(struct job *j);
void quota_leave_place(struct job *j); /* once or more */
bool quota_may_call(const struct sched *s, const struct user *u);
/* Looks at the job's files.  A journal that is being written has its log beside it; a job that
 * has not ended may have its own copy of its rows. */
void quota_count_files(struct job *j);

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
