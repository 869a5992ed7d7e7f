/* evald - the daemon: starts everything, and ends it in order; evald(8). */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "daemon/api.h"
#include "daemon/rowindex.h"
#include "daemon/sched.h"
#include "daemon/sd.h"
#include "daemon/server.h"
#include "daemon/sources.h"

#define ANSWER_CHECK_S 0.02
#define ANSWER_CHECKS  50 /* a second for the answers that are on their way at the end */

struct options {
    const char *config, *socket, *state_dir;
    bool check;
};

struct evald {
    struct ev_loop *loop;
    struct conf *conf;
    struct plugins *plugins;
    struct store *store;
    struct rowindexes *indexes;
    struct catalog *catalog;
    struct sched *sched;
    struct sources *sources;
    struct server *server;
    struct api api;
    int listen_fd;
    bool own_socket; /* made here, not handed over by the service manager */
    bool stopping;
    const char *config; /* file to read again at SIGHUP */
    ev_signal on_term, on_int, on_hup;
    ev_timer answers; /* at the end: looks whether all have gone out */
    int checks;
};

static const char usage[] =
    "usage: evald [--config FILE] [--socket PATH] [--state-dir DIR] [--check-config]\n"
    "       evald --version | --help\n";

static int
parse_options(int argc, char **argv, struct options *o)
{
    enum { O_CONFIG = 1, O_SOCKET, O_STATE, O_CHECK, O_VERSION, O_HELP };
    static const struct option longs[] = {
        { "config", required_argument, NULL, O_CONFIG },
        { "socket", required_argument, NULL, O_SOCKET },
        { "state-dir", required_argument, NULL, O_STATE },
        { "check-config", no_argument, NULL, O_CHECK },
        { "version", no_argument, NULL, O_VERSION },
        { "help", no_argument, NULL, O_HELP },
        { NULL, 0, NULL, 0 },
    };
    int opt;
    while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (opt) {
        case O_CONFIG: o->config = optarg; break;
        case O_SOCKET: o->socket = optarg; break;
        case O_STATE: o->state_dir = optarg; break;
        case O_CHECK: o->check = true; break;
        case O_VERSION: puts("evald " PACKAGE_VERSION); exit(0);
        case O_HELP: fputs(usage, stdout); exit(0);
        default: fputs(usage, stderr); return -1;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "evald: unexpected argument: %s\n%s", argv[optind], usage);
        return -1;
    }
    return 0;
}

static int
set_group(const char *path, const char *group, struct err *err)
{
    const struct group *g = getgrnam(group);
    if (g == NULL)
        return err_set(err, ERR_INVALID, "socket: no group '%s'", group);
    if (chown(path, (uid_t)-1, g->gr_gid) < 0)
        return err_set(err, ERR_DENIED, "socket: group of %s: %m", path);
    return 0;
}

/* A socket file that nobody listens on any more is in the way of nobody. */
static int
remove_stale(const struct sockaddr_un *addr, struct err *err)
{
    struct stat st;
    if (lstat(addr->sun_path, &st) < 0)
        return 0;
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, ERR_CONFLICT, "socket: %s is there and is no socket",
                       addr->sun_path);
    CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0)
        return err_set(err, ERR_CONFLICT, "socket: another process listens on %s",
                       addr->sun_path);
    if (unlink(addr->sun_path) < 0)
        return err_set(err, ERR_IO, "socket: remove stale %s: %m", addr->sun_path);
    return 0;
}

static int
make_socket(const struct conf *conf, struct err *err)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    if (strlen(conf->socket_path) >= sizeof addr.sun_path)
        return err_set(err, ERR_INVALID, "socket: path of more than %zu bytes: %s",
                       sizeof addr.sun_path - 1, conf->socket_path);
    strcpy(addr.sun_path, conf->socket_path);
    if (remove_stale(&addr, err) < 0)
        return -1;
    CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(err, ERR_IO, "socket: %m");
    mode_t before = umask(0177); /* nobody gets in before the mode is set */
    int rc = bind(fd, (const struct sockaddr *)&addr, sizeof addr);
    umask(before);
    if (rc < 0)
        return err_set(err, err_from_errno(errno), "socket: bind %s: %m", addr.sun_path);
    if (conf->socket_group != NULL && set_group(addr.sun_path, conf->socket_group, err) < 0)
        return -1;
    if (chmod(addr.sun_path, conf->socket_mode) < 0 || listen(fd, 4096) < 0)
        return err_set(err, ERR_IO, "socket: %s: %m", addr.sun_path);
    return TAKE_FD(fd);
}

/* ---- shutting down, in order ---- */

static void
on_answers(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)events;
    struct evald *e = w->data;
    if (server_busy(e->server) == 0 || ++e->checks >= ANSWER_CHECKS)
        ev_break(loop, EVBREAK_ALL);
}

/* The jobs are parked; what was done for clients is still told them. */
static void
end_loop(void *arg)
{
    struct evald *e = arg;
    ev_timer_init(&e->answers, on_answers, 0., ANSWER_CHECK_S);
    e->answers.data = e;
    ev_timer_start(e->loop, &e->answers);
}

static void
stop(struct evald *e)
{
    if (e->stopping)
        return;
    e->stopping = true;
    log_info("stopping: jobs are parked");
    sd_tell("STOPPING=1");
    server_quiesce(e->server);
    sources_stop(e->sources);
    sched_stop(e->sched, end_loop, e);
}

static void
on_signal(struct ev_loop *loop, ev_signal *w, int events)
{
    (void)loop;
    (void)events;
    stop(w->data);
}

/* ---- reading the configuration again ---- */

static void
on_hangup(struct ev_loop *loop, ev_signal *w, int events)
{
    (void)loop;
    (void)events;
    struct evald *e = w->data;
    struct err err;
    struct conf *again = conf_load(e->config, &err);
    if (again == NULL) {
        log_error("configuration is kept as it was: %s", err.text);
        return;
    }
    conf_adopt(e->conf, again);
    log_set_level((enum log_level)e->conf->log_level);
    sched_reconfigure(e->sched);
    log_info("configuration read again models=%zu", e->conf->n_models);
}

/* ---- starting ---- */

/* Requests for such a model get a clear answer; the operator hears of it before the first. */
static void
warn_of_models(struct evald *e)
{
    struct err err;
    for (size_t i = 0; i < e->conf->n_models; i++)
        if (plugins_find(e->plugins, e->conf->models[i].adapter, PLUGIN_MODEL, &err) == NULL)
            log_warning("model %s cannot be used: %s", e->conf->models[i].id, err.text);
}

static int
start(struct evald *e, const struct options *o, struct err *err)
{
    e->config = o->config;
    e->conf = conf_load(o->config, err);
    if (e->conf == NULL)
        return -1;
    if (o->socket != NULL) {
        free(e->conf->socket_path);
        e->conf->socket_path = xstrdup(o->socket);
    }
    if (o->state_dir != NULL) {
        free(e->conf->state_dir);
        e->conf->state_dir = xstrdup(o->state_dir);
    }
    log_set_level((enum log_level)e->conf->log_level);
    if (o->check)
        return 0;
    e->loop = ev_loop_new(EVFLAG_AUTO);
    if (e->loop == NULL)
        return err_set(err, ERR_INTERNAL, "event loop: %m");
    e->store = store_open(e->loop, e->conf->state_dir, err);
    if (e->store == NULL)
        return -1;
    e->plugins = plugins_load(e->conf, err);
    if (e->plugins == NULL)
        return -1;
    warn_of_models(e);
    e->indexes = rowindexes_new(e->store);
    e->catalog = catalog_open(e->store, e->plugins, err);
    if (e->catalog == NULL)
        return -1;
    if (e->listen_fd < 0) {
        e->own_socket = true;
        e->listen_fd = make_socket(e->conf, err);
    }
    if (e->listen_fd < 0)
        return -1;
    struct sched_options so = { e->loop, e->conf, e->plugins, e->catalog, e->store };
    e->sched = sched_new(&so, err);
    if (e->sched == NULL)
        return -1;
    e->sources = sources_new(sched_runners(e->sched), e->catalog, e->store);
    e->api = (struct api){
        .conf = e->conf, .plugins = e->plugins, .catalog = e->catalog, .store = e->store,
        .indexes = e->indexes, .sched = e->sched, .sources = e->sources,
        .own_socket = e->own_socket,
        .spec = { .conf = e->conf, .plugins = e->plugins, .catalog = e->catalog },
    };
    e->server = server_new(e->loop, e->listen_fd, &e->api, err);
    return e->server != NULL ? 0 : -1;
}

/* As many descriptors as the service manager allows: each client, runner and job needs some. */
static void
raise_descriptors(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

static void
watch_signals(struct evald *e)
{
    signal(SIGPIPE, SIG_IGN);
    ev_signal_init(&e->on_term, on_signal, SIGTERM);
    ev_signal_init(&e->on_int, on_signal, SIGINT);
    ev_signal_init(&e->on_hup, on_hangup, SIGHUP);
    e->on_term.data = e->on_int.data = e->on_hup.data = e;
    ev_signal_start(e->loop, &e->on_hup);
    ev_signal_start(e->loop, &e->on_term);
    ev_signal_start(e->loop, &e->on_int);
}

static void
finish(struct evald *e)
{
    server_free(e->server);
    sources_free(e->sources);
    sched_free(e->sched);
    catalog_free(e->catalog);
    plugins_free(e->plugins);
    rowindexes_free(e->indexes);
    store_free(e->store);
    conf_free(e->conf);
    if (e->loop != NULL)
        ev_loop_destroy(e->loop);
}

int
main(int argc, char **argv)
{
    struct options options = { 0 };
    struct evald e = { .listen_fd = -1 };
    struct err err = { .code = ERR_NONE };
    log_init("evald", LOG_LEVEL_INFO);
    if (parse_options(argc, argv, &options) < 0)
        return 2;
    raise_descriptors();
    if (sd_init(&e.listen_fd, &err) < 0 || start(&e, &options, &err) < 0) {
        log_error("%s", err.text);
        finish(&e);
        return 1;
    }
    if (options.check) {
        printf("configuration is good: %zu models\n", e.conf->n_models);
        finish(&e);
        return 0;
    }
    watch_signals(&e);
    sd_tell("READY=1");
    log_info("ready socket=%s state_dir=%s plugins=%zu",
             e.own_socket ? e.conf->socket_path : "passed", e.conf->state_dir,
             plugins_count(e.plugins));
    ev_run(e.loop, 0);
    log_info("stopped");
    finish(&e);
    return 0;
}
