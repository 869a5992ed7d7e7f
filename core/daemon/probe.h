/* probe.h - what plugin files say about themselves: evald-runner --probe, many at once.
 *
 * The file's code runs in that process, so it may hang, crash or print without end: each
 * probe has PROBE_TIMEOUT_MS and PROBE_OUTPUT_MAX, a process group of its own that is killed
 * at the end, no input, and none of evald's descriptors. */
#ifndef EVALD_DAEMON_PROBE_H
#define EVALD_DAEMON_PROBE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/text.h"

#define PROBE_TIMEOUT_MS 5000
#define PROBE_OUTPUT_MAX (1u << 20)
#define PROBE_PARALLEL   16

struct probe {
    const char *path;   /* of the plugin file; borrowed */
    struct text output; /* all it printed; text_fini() it */
    char *why;          /* NULL, or why the output is of no use; free() it */
    /* private */
    pid_t pid;
    int pidfd, fd;
    int64_t deadline_ns;
};

/* Runs LIBEXEC_DIR/evald-runner for each; path is set, all else zero.  Returns when the last
 * one has ended; reaps its own children only. */
void probe_all(const char *libexec_dir, struct probe *probes, size_t n);

#endif
