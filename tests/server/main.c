/* model-server - an OpenAI-compatible model server for tests and benchmarks: fast, counts
 * what it was sent, fails on request.  --help lists its options.
 *
 * POST /v1/chat/completions, /v1/completions, /v1/embeddings, GET /v1/models (the "/v1" may
 * be left out); GET /stats (totals), GET /stats/prompts (requests by prompt),
 * POST /stats/reset, GET /healthz; POST /hold/N: after N more requests to a model their answers
 * are held, until POST /release.  The first line of output says where it listens.
 * SIGTERM ends it; the totals go to stderr. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "answer.h"
#include "common/mem.h"
#include "conn.h"
#include "counts.h"
#include "options.h"

static void
on_signal(int signo)
{
    (void)signo;
    server_stop = true;
}

static void
die(const char *what)
{
    fprintf(stderr, "model-server: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int
listen_unix(const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof un.sun_path) {
        fprintf(stderr, "model-server: the path of the socket is too long\n");
        exit(2);
    }
    strcpy(un.sun_path, path);
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&un, sizeof un) < 0)
        die(path);
    return fd;
}

static int
listen_tcp(int *port)
{
    struct sockaddr_in in = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)*port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t n = sizeof in;
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&in, sizeof in) < 0)
        die("bind");
    getsockname(fd, (struct sockaddr *)&in, &n);
    *port = ntohs(in.sin_port);
    return fd;
}

int
main(int argc, char **argv)
{
    options_parse(argc, argv);
    if (options.record_path != NULL && answer_record_to(options.record_path) < 0)
        die(options.record_path);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_IGN);
    struct sigaction sa = { .sa_handler = on_signal };
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);

    int listener =
        options.unix_path != NULL ? listen_unix(options.unix_path) : listen_tcp(&options.port);
    if (listen(listener, options.backlog) < 0)
        die("listen");
    if (options.unix_path != NULL)
        printf("listening on unix:%s\n", options.unix_path);
    else
        printf("listening on 127.0.0.1:%d\n", options.port);
    fflush(stdout);

    unsigned n = options.threads;
    struct worker *workers = xcalloc(n, sizeof *workers);
    pthread_t *threads = xcalloc(n, sizeof *threads);
    for (unsigned i = 0; i < n; i++) {
        workers[i].listener = listener;
        workers[i].rng = ((options.seed + i) * 0x9e3779b97f4a7c15ull) | 1;
        if (i > 0 && pthread_create(&threads[i], NULL, worker_run, &workers[i]) != 0)
            die("thread");
    }
    worker_run(&workers[0]);
    for (unsigned i = 1; i < n; i++)
        pthread_join(threads[i], NULL);
    if (options.unix_path != NULL)
        unlink(options.unix_path);
    struct text t = TEXT_INIT;
    counts_json(&t);
    fputs(t.ptr, stderr);
    fflush(NULL);
    _exit(0); /* open connections are the kernel's to end */
}
