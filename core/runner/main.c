/* evald-runner - one job or many calls behind a link, or a plugin file on its own. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "runner/probe.h"
#include "runner/replay.h"
#include "runner/runner.h"

static const char usage[] =
    "usage: evald-runner --link FD [--memory-max BYTES] [--call]\n"
    "       evald-runner --probe FILE\n"
    "       evald-runner --replay FILE TAPE...\n";

static int
fail(const char *what)
{
    fprintf(stderr, "evald-runner: %s\n%s", what, usage);
    return 2;
}

static bool
number(const char *z, unsigned long long *ret)
{
    char *end;
    errno = 0;
    *ret = strtoull(z, &end, 10);
    return errno == 0 && end != z && *end == '\0' && z[0] != '-';
}

int
main(int argc, char **argv)
{
    struct runner_opts o = { .link_fd = -1 };
    unsigned long long n;
    log_init("evald-runner", LOG_LEVEL_INFO);
    if (argc == 3 && strcmp(argv[1], "--probe") == 0)
        return probe_main(argv[2]);
    if (argc >= 2 && strcmp(argv[1], "--replay") == 0)
        return replay_main(argc, argv);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("evald-runner " PACKAGE_VERSION);
        return 0;
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--call") == 0) {
            o.call = true;
        } else if (strcmp(argv[i], "--link") == 0 && i + 1 < argc) {
            if (!number(argv[++i], &n) || n > 1000000)
                return fail("--link wants the number of a descriptor");
            o.link_fd = (int)n;
        } else if (strncmp(argv[i], "--memory-max=", 13) == 0
                   || (strcmp(argv[i], "--memory-max") == 0 && i + 1 < argc)) {
            const char *value = argv[i][12] == '=' ? argv[i] + 13 : argv[++i];
            if (!number(value, &n))
                return fail("--memory-max wants a number of bytes");
            o.memory_max = n;
        } else {
            return fail("unknown argument");
        }
    }
    if (o.link_fd < 0 || fcntl(o.link_fd, F_GETFD) < 0)
        return fail("--link must name an open descriptor");
    return runner_main(&o);
}
