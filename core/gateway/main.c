/* evald-gateway - the only process of evald that reaches the network and holds keys.
 *
 * evald starts it with its end of a link (common/frame.h) as a descriptor:
 *     evald-gateway --link 3
 * It ends when that link closes, or on SIGTERM, and finishes nothing then: runners keep their
 * asks and send them to the next one. */
#include "config.h"

#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "common/log.h"
#include "control.h"
#include "endpoint.h"
#include "exchange.h"
#include "runner.h"
#include "wire.h"

struct gateway {
    struct wires wires;
    struct engine *engine;
    struct endpoints endpoints;
    struct runners runners;
    struct control control;
};

/* Everything that a wake-up brought has been read: send, and answer with one write a link. */
static void
on_turn_end(struct ev_loop *loop, ev_prepare *p, int events)
{
    struct gateway *g = p->data;
    (void)loop;
    (void)events;
    do
        runners_send(&g->runners);
    while (engine_turn(g->engine));
    control_turn(&g->control);
    wires_flush(&g->wires);
}

static void
on_sigterm(struct ev_loop *loop, ev_signal *s, int events)
{
    (void)s;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

static void
run(struct gateway *g, int fd)
{
    struct ev_loop *loop = ev_default_loop(EVFLAG_NOENV | EVFLAG_AUTO);
    if (loop == NULL)
        abort();
    g->engine = engine_new(loop);
    g->wires = (struct wires){ .loop = loop };
    g->endpoints = (struct endpoints){ .engine = g->engine };
    g->runners = (struct runners){
        .loop = loop,
        .wires = &g->wires,
        .engine = g->engine,
        .endpoints = &g->endpoints,
    };
    if (getrandom(&g->runners.rng, sizeof g->runners.rng, 0) < 0 || g->runners.rng == 0)
        g->runners.rng = 0x9e3779b97f4a7c15u;
    g->control = (struct control){
        .loop = loop,
        .endpoints = &g->endpoints,
        .runners = &g->runners,
    };
    control_init(&g->control, &g->wires, fd);

    ev_prepare prepare;
    ev_prepare_init(&prepare, on_turn_end);
    prepare.data = g;
    ev_prepare_start(loop, &prepare);
    ev_signal sigterm;
    ev_signal_init(&sigterm, on_sigterm, SIGTERM);
    ev_signal_start(loop, &sigterm);

    ev_run(loop, 0);

    ev_prepare_stop(loop, &prepare);
    ev_signal_stop(loop, &sigterm);
    runners_fini(&g->runners);
    control_fini(&g->control);
    endpoints_fini(&g->endpoints);
    engine_free(g->engine);
    ev_loop_destroy(loop);
}

/* Keys are in this memory: nobody else's eyes, and no core file. */
static void
harden(void)
{
    struct rlimit none = { 0, 0 }, files;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    setrlimit(RLIMIT_CORE, &none);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* a connection is a descriptor */
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_IGN);
}

int
main(int argc, char **argv)
{
    log_init("evald-gateway", LOG_LEVEL_INFO);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("evald-gateway " PACKAGE_VERSION);
        return 0;
    }
    char *end = NULL;
    long fd = argc == 3 && strcmp(argv[1], "--link") == 0 ? strtol(argv[2], &end, 10) : -1;
    if (fd < 0 || fd > 65535 || end == argv[2] || *end != '\0'
        || fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0) {
        fputs("usage: evald-gateway --link FD | --version\n"
              "It is started by evald, which gives it an open descriptor.\n",
              stderr);
        return 2;
    }
    harden();
    struct gateway g;
    run(&g, (int)fd);
    return g.control.exit_status;
}
