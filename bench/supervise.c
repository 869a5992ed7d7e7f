/* supervise - starts a daemon, says when it first answered, and at its end what it has used.
 *
 *   supervise SOCKET COMMAND [ARG...]
 *
 * Asks GET /v1/health on the Unix socket until it is answered, from the moment before COMMAND
 * is started; then waits for COMMAND to end, and passes SIGTERM and SIGINT on to it.  Prints
 * two lines of JSON:
 *   {"pid":N,"first_answer_ms":X}
 *   {"status":N,"cpu_ms":N,"peak_rss_kb":N}   as wait4() says: its children that it waited
 *                                             for count, the peak is the largest one's
 * Exits with COMMAND's status; 1 when it did not answer within ten seconds. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io.h"
#include "common/mem.h"

#define PATIENCE_NS INT64_C(10000000000)

static volatile pid_t child;

static void
on_signal(int number)
{
    if (child > 0)
        kill(child, number);
}

static void
start(char **argv)
{
    pid_t parent = getpid();
    child = fork();
    if (child != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent)
        execv(argv[0], argv);
    _exit(127);
}

/* One request on one connection. */
static bool
answers(const struct sockaddr_un *address)
{
    static const char request[] = "GET /v1/health HTTP/1.1\r\nHost: evald\r\n\r\n";
    char answer[256];
    CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0
        || send(fd, request, sizeof request - 1, MSG_NOSIGNAL) < 0)
        return false;
    ssize_t n = recv(fd, answer, sizeof answer - 1, 0);
    return n > 12 && memcmp(answer, "HTTP/1.1 200", 12) == 0;
}

static long long
milliseconds(struct timeval t)
{
    return (long long)t.tv_sec * 1000 + t.tv_usec / 1000;
}

int
main(int argc, char **argv)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (argc < 3 || strlen(argv[1]) >= sizeof address.sun_path) {
        fprintf(stderr, "usage: supervise SOCKET COMMAND [ARG...]\n");
        return 2;
    }
    strcpy(address.sun_path, argv[1]);
    struct sigaction sa = { .sa_handler = on_signal };
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);

    int64_t start_ns = time_mono_ns(), took_ns = 0;
    start(argv + 2);
    while (child > 0 && !answers(&address)
           && (took_ns = time_mono_ns() - start_ns) < PATIENCE_NS)
        usleep(200);
    took_ns = time_mono_ns() - start_ns;
    bool late = took_ns >= PATIENCE_NS;
    if (late)
        kill(child, SIGKILL);
    else
        printf("{\"pid\":%ld,\"first_answer_ms\":%.2f}\n", (long)child, (double)took_ns / 1e6);
    fflush(stdout);

    int status = 0;
    struct rusage used = { 0 };
    while (wait4(child, &status, 0, &used) < 0 && errno == EINTR)
        ;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    printf("{\"status\":%d,\"cpu_ms\":%lld,\"peak_rss_kb\":%ld}\n", code,
           milliseconds(used.ru_utime) + milliseconds(used.ru_stime), used.ru_maxrss);
    return late ? 1 : code;
}
