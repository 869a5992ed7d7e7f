/* many - clients of evald's socket that curl cannot play.
 *
 *   many raw SOCKET             sends standard input, prints all that comes until the other end
 *                               closes
 *   many turns SOCKET TEXT...   sends each when the other end has said something to the one before,
 *                               and prints all that comes until it closes
 *   many crowd SOCKET IDLE BUSY ROUNDS
 *                               IDLE connections that make a request at the start and at the
 *                               end, and BUSY ones that make ROUNDS of them all at once;
 *                               prints how many answers were 200
 *   many slow SOCKET PATH       asks for PATH, reads one byte, prints a line; reads the rest
 *                               when a line comes, and prints how many bytes that was
 * Exit status 1 when something broke or nothing came for 60 seconds. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_MS 60000

static const char *path;

__attribute__((noreturn)) static void
broken(const char *what)
{
    fprintf(stderr, "many: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int
dial(void)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof a.sun_path)
        broken("the path of the socket");
    strcpy(a.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        broken("socket");
    if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
        broken("connect");
    return fd;
}

static void
say(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k < 0)
            return; /* it has refused to hear more: what it said comes */
        p += k;
        n -= (size_t)k;
    }
}

/* 0 at the end. */
static size_t
hear(int fd, char *buf, size_t n, int wait_ms)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    if (poll(&p, 1, wait_ms) != 1)
        broken("nothing comes");
    ssize_t k = recv(fd, buf, n, 0);
    return k > 0 ? (size_t)k : 0;
}

static void
print_all(int fd)
{
    static char buf[65536];
    for (size_t n; (n = hear(fd, buf, sizeof buf, PATIENCE_MS)) > 0;)
        fwrite(buf, 1, n, stdout);
}

static size_t
read_input(char *buf, size_t room)
{
    size_t n = fread(buf, 1, room, stdin);
    if (n == room)
        broken("the input is too large");
    return n;
}

static void
raw(void)
{
    static char input[1 << 20];
    int fd = dial();
    say(fd, input, read_input(input, sizeof input));
    print_all(fd);
}

static void
turns(char **texts)
{
    static char buf[65536];
    int fd = dial();
    for (size_t n; *texts != NULL; texts++) {
        say(fd, *texts, strlen(*texts));
        n = hear(fd, buf, sizeof buf, PATIENCE_MS);
        fwrite(buf, 1, n, stdout);
    }
    print_all(fd);
}

/* ---- a crowd ---- */

static const char request[] = "GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n";

static bool
is_good(int fd)
{
    char buf[1024];
    size_t n = 0;
    while (n < sizeof buf - 1) {
        size_t k = hear(fd, buf + n, sizeof buf - 1 - n, PATIENCE_MS);
        n += k;
        buf[n] = '\0';
        if (k == 0 || strstr(buf, "\r\n\r\n{\"status\":\"OK\"}") != NULL)
            break;
    }
    return strncmp(buf, "HTTP/1.1 200 ", 13) == 0;
}

/* One request of each, all before the first answer is read. */
static size_t
ask(const int *fds, size_t n)
{
    size_t good = 0;
    for (size_t i = 0; i < n; i++)
        say(fds[i], request, sizeof request - 1);
    for (size_t i = 0; i < n; i++)
        good += is_good(fds[i]);
    return good;
}

static void
crowd(size_t n_idle, size_t n_busy, size_t rounds)
{
    int *idle = calloc(n_idle + n_busy + 1, sizeof *idle), *busy = idle + n_idle;
    size_t good[3] = { 0 };
    struct rlimit r;
    getrlimit(RLIMIT_NOFILE, &r);
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
    for (size_t i = 0; i < n_idle + n_busy; i++)
        idle[i] = dial();
    good[0] = ask(idle, n_idle);
    for (size_t i = 0; i < rounds; i++)
        good[1] += ask(busy, n_busy);
    printf("%zu %zu\n", good[0], good[1]);
    fflush(stdout);
    getchar(); /* the time to look at the other end */
    good[2] = ask(idle, n_idle);
    printf("%zu\n", good[2]);
}

static void
slow(const char *target)
{
    static char buf[65536];
    size_t total = 1;
    int fd = dial();
    int n = snprintf(buf, sizeof buf, "GET %s HTTP/1.1\r\nConnection: close\r\n\r\n", target);
    say(fd, buf, (size_t)n);
    if (hear(fd, buf, 1, PATIENCE_MS) != 1)
        broken("no first byte");
    printf("begun\n");
    fflush(stdout);
    getchar();
    for (size_t k; (k = hear(fd, buf, sizeof buf, PATIENCE_MS)) > 0;)
        total += k;
    printf("%zu\n", total);
}

int
main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    path = argc > 2 ? argv[2] : "";
    if (argc == 3 && strcmp(argv[1], "raw") == 0)
        raw();
    else if (argc > 3 && strcmp(argv[1], "turns") == 0)
        turns(argv + 3);
    else if (argc == 6 && strcmp(argv[1], "crowd") == 0)
        crowd(strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10), strtoul(argv[5], NULL, 10));
    else if (argc == 4 && strcmp(argv[1], "slow") == 0)
        slow(argv[3]);
    else
        broken("usage");
    return 0;
}
