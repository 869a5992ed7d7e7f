/* runner.h - the process: the I/O thread, the job thread, the workers.
 *
 * The I/O thread (main) reads both links, keeps timers and the watchdog, and never calls a
 * plugin.  The job thread takes one JOB after another: loads, opens, lets the workers run
 * the rows, finishes, closes. */
#ifndef EVALD_RUNNER_H
#define EVALD_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

struct runner_opts {
    int link_fd;         /* to evald */
    uint64_t memory_max; /* bytes; 0: no limit */
    bool call;           /* JOB after JOB; else it ends after one */
};

/* Returns the exit status; ends the process by itself when evald hangs up. */
int runner_main(const struct runner_opts *o);

#endif
