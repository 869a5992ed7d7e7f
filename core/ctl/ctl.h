/* ctl.h - what the commands of evalctl share.
 *
 * A command prints its result on stdout and everything else on stderr, and returns the exit
 * status, one of enum ctl_exit.  Errors are one line, the server's message where there is
 * one.  Everything evalctl does goes through the API; it never touches evald's files. */
#ifndef EVALD_CTL_H
#define EVALD_CTL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"
#include "common/json.h"
#include "ctl/client.h"

enum ctl_exit {
    CTL_OK = 0,
    CTL_FAILED = 1,      /* the request, or the job, failed */
    CTL_USAGE = 2,       /* the command line */
    CTL_UNREACHABLE = 3, /* no evald behind the socket */
    CTL_CANCELLED = 4,   /* the job ended cancelled */
    CTL_ROWS = 5,        /* the job completed, but some of its rows failed */
    CTL_INTERRUPTED = 130,
};

struct ctl {
    struct client *client;
    const char *socket;
    bool socket_given; /* by --socket: repeated in the commands that messages propose */
    bool json;         /* --json */
    const char *status; /* jobs and rows --status, or NULL */
    const char *owner;  /* jobs --owner, or NULL */
    const char *params; /* --params: a file, or NULL */
    int64_t limit;      /* rows --limit; -1: all */
    const char *scorer; /* conformance --scorer, or NULL */
    int64_t differences; /* conformance --differences */
    bool replace;       /* run --replace */
};

/* Set by SIGINT and SIGTERM; whatever waits gives up. */
extern volatile sig_atomic_t ctl_interrupted;

/* Prints the error on stderr and returns the exit status that goes with it. */
int ctl_fail(const struct ctl *c, const struct err *err);
/* Writes text without control characters, so that no server can steer the terminal. */
void ctl_put_safe(FILE *to, const char *text);
/* " --socket PATH" when that was given, else "": for commands that messages propose. */
const char *ctl_socket_option(const struct ctl *c);
/* Prints a document verbatim on a line of its own. */
void ctl_put_document(struct str doc);

/* The path of a program that evald has beside it; free() it. */
char *ctl_program(const char *name);

/* evald-runner --probe of a file: its output is put on ret_out, its messages go to our stderr.
 * The status is as of waitpid. */
int plugin_probe(const char *file, struct text *ret_out, int *ret_status, struct err *err);

/* "2026-03-04 05:06:07" in local time; "-" for 0. */
void ctl_format_time(int64_t unix_ms, char *buf, size_t size);

/* ---- jobs, follow.c ---- */

struct job_end {
    char status[16]; /* "completed", "failed", "cancelled" */
    int64_t rows_done, rows_failed;
};
/* Follows a job to its end, with progress on stderr.  label names it there.  CTL_OK with
 * *ret filled when it has ended, however it ended; else an error has been printed. */
int follow_job(const struct ctl *c, const char *benchmark, const char *job, const char *label,
               struct job_end *ret);
/* The exit status that goes with how a job ended. */
int follow_exit(const struct job_end *end);
/* A paused job comes to no end: tells who waits for it, on stderr. */
void follow_say_paused(const struct ctl *c, const char *job);
/* The benchmark of a job; free() it.  NULL: no such job, or the request failed.  paused, unless
 * it is NULL: does the job rest? */
char *follow_find_benchmark(const struct ctl *c, const char *job, bool *paused,
                            struct err *err);
/* "/v1alpha/eval/benchmarks/B/jobs/J" + tail, escaped; free() it. */
char *follow_job_path(const struct ctl *c, const char *benchmark, const char *job,
                      const char *tail);

/* The path of a job whose benchmark is looked up; NULL with an error; free() it. */
char *job_path(const struct ctl *c, const char *job, const char *tail, struct err *err);

/* ---- commands: args are what follows the command's name ---- */

typedef int ctl_command_fn(const struct ctl *c, char **args);

ctl_command_fn run_command;                                    /* run.c */
ctl_command_fn jobs_list, jobs_status, jobs_detail, jobs_result, jobs_cancel,
    jobs_follow;                                               /* jobs.c */
ctl_command_fn lists_models, lists_datasets, lists_benchmarks, lists_functions, lists_health,
    lists_version;                                             /* lists.c */
ctl_command_fn conformance_command;                            /* conformance.c */
ctl_command_fn compare_command;                                /* compare.c */
ctl_command_fn plugin_command;                                 /* plugin.c */
ctl_command_fn rows_command;                                   /* rows.c */
ctl_command_fn events_command;                                 /* events.c */
ctl_command_fn control_pause, control_resume, control_retry, control_rescore; /* control.c */
ctl_command_fn append_command, function_command, score_batch_command;         /* things.c */

#endif
