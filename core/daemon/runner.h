/* runner.h - evald's side of one evald-runner: start it, send it a job, read what it says,
 * and find out whom to charge when it dies. */
#ifndef EVALD_DAEMON_RUNNER_H
#define EVALD_DAEMON_RUNNER_H

#include <ev.h>

#include "common/frame.h"
#include "daemon/conf.h"
#include "daemon/gate.h"
#include "daemon/plugins.h"

struct runner;

/* One place in the job that the runner was at when it died. */
struct runner_charge {
    int64_t row;
    uint32_t epoch;
    int phase;           /* 0 candidate, i+1 functions[i]; -1: outside of rows */
    char plugin_id[80];  /* may differ from the phase's: a judge's model adapter */
    char plugin[112];    /* id@version */
    char what[128];      /* "crashed with SIGSEGV", "did not return within 30000 ms" */
};

struct runner_death {
    char text[96];   /* for the log: "signal 11 (Segmentation fault)" */
    bool certain;    /* the runner itself marked the one place */
    size_t n_charges; /* else: all places that were occupied */
    struct runner_charge charges[64];
};

/* All on the loop thread.  Only end and died may free the runner.  NULL: what a runner of that
 * mode must not say, but for ready. */
struct runner_ops {
    void (*ready)(void *arg);
    void (*record)(void *arg, struct str payload);
    void (*next)(void *arg, uint64_t tag, json_object *head);
    void (*progress)(void *arg, int64_t done, int64_t total, int64_t in_flight);
    void (*rows)(void *arg, struct str lines);
    void (*aggregate)(void *arg, int function, struct str results, struct str statistics);
    void (*end)(void *arg, json_object *end);
    void (*died)(void *arg, const struct runner_death *how);
};

struct runner_context {
    struct ev_loop *loop;
    const struct conf *conf;
    struct plugins *plugins;
    struct gate *gate;
};

/* call: kept for many calls, one after the other; idle_died is called when it dies without
 * one under way.  job: for the log, or NULL. */
struct runner *runner_start(const struct runner_context *cx, bool call, const char *job,
                            void (*idle_died)(void *arg), void *idle_arg, struct err *err);
/* Kills it when it is still there; died is not called. */
void runner_free(struct runner *r);
/* Its process has ended: died or idle_died is about to be called, and it takes no job. */
bool runner_gone(const struct runner *r);

/* What a JOB frame says beyond the specification. */
struct runner_job {
    json_object *spec;   /* borrowed; as spec.h makes it */
    const char *job;     /* id, or NULL for a call */
    int data_fd;         /* duplicated; -1: of a source, which has none */
    const char *data_name, *data_format;
    int64_t data_size;
    bool resume;
    json_object *suspects;   /* array of AT, or NULL */
    json_object *quarantine; /* array of plugin ids, or NULL */
};
/* Sends it.  A call runner must have no job under way.  Errors: a plugin is not usable (any
 * more), descriptors are out, ERR_TOO_LARGE when the specification is. */
int runner_send_job(struct runner *r, const struct runner_job *job,
                    const struct runner_ops *ops, void *arg, struct err *err);
/* The plugin files that a specification needs, as text to compare: a call runner serves one
 * set.  Free it. */
char *runner_plugin_set(const struct runner_context *cx, json_object *spec, struct err *err);

void runner_answer(struct runner *r, enum frame_type type, uint64_t tag, struct str payload);
void runner_stop(struct runner *r, const char *why, int grace_ms);
/* While paused nothing is read from the runner: its records wait in the socket. */
void runner_pause(struct runner *r, bool paused);
void runner_kill(struct runner *r, int signal);

#endif
