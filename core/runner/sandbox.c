#include "config.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "common/mem.h"
#include "runner/sandbox.h"

#define DESCRIPTORS 512 /* a frame brings up to 250, and the dynamic linker opens files */

static int
limit(int what, const char *name, rlim_t n, struct err *err)
{
    struct rlimit r;
    if (getrlimit(what, &r) < 0)
        return err_set(err, ERR_IO, "getrlimit %s: %m", name);
    if (r.rlim_max != RLIM_INFINITY && r.rlim_max < n)
        n = r.rlim_max;
    r.rlim_cur = r.rlim_max = n;
    if (setrlimit(what, &r) < 0)
        return err_set(err, ERR_IO, "setrlimit %s: %m", name);
    return 0;
}

int
sandbox_begin(uint64_t memory_max, uint64_t file_max, struct err *err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_set(err, ERR_IO, "no_new_privs: %m");
    /* A log line to a file then fails, like any other write to one, without ending us. */
    signal(SIGXFSZ, SIG_IGN);
    if (limit(RLIMIT_CORE, "core", 0, err) < 0
        || limit(RLIMIT_FSIZE, "fsize", file_max, err) < 0
        || limit(RLIMIT_NOFILE, "nofile", DESCRIPTORS, err) < 0)
        return -1;
#ifndef EVALD_SANITIZED
    if (memory_max > 0 && limit(RLIMIT_DATA, "data", memory_max, err) < 0)
        return -1;
#else
    (void)memory_max;
#endif
    return 0;
}

int
sandbox_drop(struct err *err)
{
    (void)err;
    return 0; /* all that is given up went in sandbox_begin() */
}
