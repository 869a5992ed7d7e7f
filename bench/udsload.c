/* udsload - keep-alive HTTP/1.1 load on a Unix socket, or on loopback.  One thread; every
 * connection has one request in flight.
 *
 *   udsload -u unix:/path/to.sock -c 64 -n 200000 /v1/health
 *   udsload -u 127.0.0.1:8089 -c 64 -t 5 -m POST -b body.json /v1/chat/completions
 *
 *   -n N requests (100000) | -t SECONDS     -c N connections (64)     -m METHOD
 *   -b FILE body    -H 'Name: value' (more than once)    -k a new connection for each
 *   -w N requests at the start that are not counted (as many as connections)
 * Prints one line of JSON; exit 1 when an answer was not 2xx, a connection broke, or nothing
 * came for five seconds. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/io.h"
#include "common/mem.h"
#include "common/text.h"

struct conn {
    int fd; /* -1: closed */
    struct text in;
    int64_t start_ns;
    bool busy;
};

static struct {
    const char *target, *method, *body_file;
    bool new_connections;
    long total, warm_up; /* warm_up -1: as many as connections */
    double seconds;
    unsigned conns;
} options = { .method = "GET", .total = 100000, .warm_up = -1, .conns = 64 };

static struct sockaddr_storage address;
static socklen_t address_len;
static struct text request, more_headers;
static int epoll_fd;
static bool closing;
static long started, done, good, bad, broken, bytes, classes[6];
static float *latency_us;
static size_t n_latency, latency_room;

static bool
conn_open(struct conn *c)
{
    c->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    for (int i = 0; connect(c->fd, (struct sockaddr *)&address, address_len) < 0; i++) {
        if ((errno == EAGAIN || errno == EINTR) && i < 1000) {
            usleep(1000);
            continue;
        }
        perror("udsload: connect");
        close(c->fd);
        c->fd = -1;
        return false;
    }
    io_set_nonblock(c->fd);
    int one = 1;
    if (address.ss_family == AF_INET)
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &ev);
    return true;
}

static void
conn_close(struct conn *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->busy = false;
}

/* A request fits the socket's buffer, or nearly: no more is done about one that does not. */
static bool
send_request(struct conn *c)
{
    for (size_t at = 0; at < request.len;) {
        ssize_t n = send(c->fd, request.ptr + at, request.len - at, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            usleep(50);
            continue;
        }
        if (n < 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

static void
launch(struct conn *c)
{
    for (;;) {
        c->busy = false;
        if (closing || started >= options.total)
            return;
        started++;
        text_clear(&c->in);
        c->start_ns = time_mono_ns();
        c->busy = true;
        if (c->fd < 0 && !conn_open(c)) {
            broken++;
            done++;
            c->busy = false;
            return;
        }
        if (send_request(c))
            return;
        broken++;
        done++;
        conn_close(c);
    }
}

static size_t
chunked_len(const char *p, const char *end)
{
    const char *start = p;
    for (;;) {
        const char *eol = memmem(p, (size_t)(end - p), "\r\n", 2);
        if (eol == NULL)
            return 0;
        size_t k = strtoul(p, NULL, 16);
        p = eol + 2;
        if ((size_t)(end - p) < k + 2)
            return 0;
        p += k + 2;
        if (k == 0)
            return (size_t)(p - start);
    }
}

/* Is a whole answer there? */
static bool
complete(const struct conn *c, int *ret_status, bool *ret_close)
{
    const char *s = c->in.ptr, *end = s + c->in.len;
    const char *head_end = memmem(s, c->in.len, "\r\n\r\n", 4);
    if (head_end == NULL)
        return false;
    int status = c->in.len > 12 ? atoi(s + 9) : 0;
    bool chunked = false, known = false, must_close = false;
    size_t length = 0;
    for (const char *l = (const char *)memmem(s, c->in.len, "\r\n", 2) + 2; l < head_end + 2;) {
        const char *e = memmem(l, (size_t)(head_end + 4 - l), "\r\n", 2);
        size_t n = (size_t)(e - l);
        if (strncasecmp(l, "content-length:", 15) == 0) {
            length = strtoul(l + 15, NULL, 10);
            known = true;
        } else if (strncasecmp(l, "transfer-encoding:", 18) == 0)
            chunked = memmem(l, n, "chunked", 7) != NULL;
        else if (strncasecmp(l, "connection:", 11) == 0)
            must_close = memmem(l, n, "close", 5) != NULL;
        l = e + 2;
    }
    head_end += 4;
    *ret_status = status;
    *ret_close = must_close;
    if (chunked)
        return chunked_len(head_end, end) > 0;
    return (known || status == 204) && (size_t)(end - head_end) >= length;
}

static void
count_answer(const struct conn *c, int status, int64_t now, int64_t *counted_from)
{
    done++;
    classes[status > 0 && status / 100 < 6 ? status / 100 : 0]++;
    *(status / 100 == 2 ? &good : &bad) += 1;
    if (done == options.warm_up)
        *counted_from = now;
    if (done <= options.warm_up)
        return;
    if (n_latency == latency_room) {
        latency_room = latency_room > 0 ? latency_room * 2 : 65536;
        latency_us = xreallocarray(latency_us, latency_room, sizeof *latency_us);
    }
    latency_us[n_latency++] = (float)(now - c->start_ns) / 1e3f;
}

static void
on_readable(struct conn *c, int64_t now, int64_t *counted_from)
{
    text_reserve(&c->in, 32768);
    ssize_t n = recv(c->fd, c->in.ptr + c->in.len, c->in.room - c->in.len - 1, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        bool lost = c->busy;
        conn_close(c);
        if (lost) {
            broken++;
            done++;
            launch(c);
        }
        return;
    }
    c->in.len += (size_t)n;
    c->in.ptr[c->in.len] = '\0';
    bytes += n;
    int status;
    bool must_close;
    if (!complete(c, &status, &must_close))
        return;
    count_answer(c, status, now, counted_from);
    if (options.new_connections || must_close)
        conn_close(c);
    launch(c);
}

__attribute__((noreturn)) static void
usage(void)
{
    fprintf(stderr, "usage: udsload -u unix:PATH|127.0.0.1:PORT [-c N] [-n N | -t SECONDS] "
                    "[-m METHOD] [-b FILE]\n"
                    "               [-H 'Name: value'] [-k] [-w N] PATH\n");
    exit(2);
}

static void
set_address(const char *target)
{
    if (strncmp(target, "unix:", 5) == 0) {
        struct sockaddr_un *un = (struct sockaddr_un *)&address;
        un->sun_family = AF_UNIX;
        if (strlen(target + 5) >= sizeof un->sun_path)
            usage();
        strcpy(un->sun_path, target + 5);
        address_len = sizeof *un;
        return;
    }
    struct sockaddr_in *in = (struct sockaddr_in *)&address;
    const char *colon = strrchr(target, ':');
    if (colon == NULL)
        usage();
    CLEANUP_FREE char *host =
        colon > target ? xstrndup(target, (size_t)(colon - target)) : xstrdup("127.0.0.1");
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, host, &in->sin_addr) != 1 || strncmp(host, "127.", 4) != 0) {
        fprintf(stderr, "udsload: loopback only\n");
        exit(2);
    }
    address_len = sizeof *in;
}

static void
make_request(const char *path)
{
    CLEANUP_FREE char *body = NULL;
    size_t n = 0;
    if (options.body_file != NULL) {
        struct err err;
        body = io_read_file(AT_FDCWD, options.body_file, 1 << 30, &n, &err);
        if (body == NULL) {
            fprintf(stderr, "udsload: %s\n", err.text);
            exit(2);
        }
    }
    text_putf(&request, "%s %s HTTP/1.1\r\nHost: localhost\r\n", options.method, path);
    if (body != NULL || strcmp(options.method, "POST") == 0)
        text_putf(&request, "Content-Length: %zu\r\n", n);
    text_puts(&request, options.new_connections ? "Connection: close\r\n" : "");
    text_put_str(&request, text_str(&more_headers));
    text_puts(&request, "\r\n");
    text_put(&request, body != NULL ? body : "", n);
}

static void
read_options(int argc, char **argv)
{
    for (int o; (o = getopt(argc, argv, "u:c:n:t:m:b:H:kw:")) != -1;) {
        switch (o) {
        case 'u':
            options.target = optarg;
            break;
        case 'c':
            options.conns = (unsigned)atoi(optarg);
            break;
        case 'n':
            options.total = atol(optarg);
            break;
        case 't':
            options.seconds = atof(optarg);
            options.total = 2000000000;
            break;
        case 'm':
            options.method = optarg;
            break;
        case 'b':
            options.body_file = optarg;
            break;
        case 'k':
            options.new_connections = true;
            break;
        case 'w':
            options.warm_up = atol(optarg);
            break;
        case 'H':
            text_putf(&more_headers, "%s\r\n", optarg);
            break;
        default:
            usage();
        }
    }
    if (options.target == NULL || optind + 1 != argc || options.conns < 1)
        usage();
    if (options.warm_up < 0)
        options.warm_up = (long)options.conns;
    set_address(options.target);
    make_request(argv[optind]);
}

static int
compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static double
quantile(double q)
{
    return n_latency > 0 ? (double)latency_us[(size_t)((double)(n_latency - 1) * q)] : 0;
}

static void
report(double wall_s)
{
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    double cpu_us = (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1e6
                    + (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec);
    if (n_latency > 0)
        qsort(latency_us, n_latency, sizeof *latency_us, compare);
    printf("{\"c\":%u,\"n\":%ld,\"ok\":%ld,\"bad\":%ld,\"broken\":%ld,\"req_s\":%.0f,"
           "\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,"
           "\"mb_in\":%.1f,\"client_cpu_us_per_req\":%.2f,\"classes\":[%ld,%ld,%ld,%ld]}\n",
           options.conns, done, good, bad, broken, (double)n_latency / wall_s, quantile(.5),
           quantile(.9), quantile(.99), quantile(.999), quantile(1), (double)bytes / 1e6,
           cpu_us / (double)(done > 0 ? done : 1), classes[2], classes[3], classes[4],
           classes[5]);
}

int
main(int argc, char **argv)
{
    read_options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct conn *conns = xcalloc(options.conns, sizeof *conns);
    for (unsigned i = 0; i < options.conns; i++) {
        conns[i].fd = -1;
        if (!options.new_connections && !conn_open(&conns[i]))
            return 1;
    }
    int64_t start_ns = time_mono_ns(), counted_from = start_ns;
    for (unsigned i = 0; i < options.conns; i++)
        launch(&conns[i]);
    while (done < started || (!closing && started < options.total)) {
        struct epoll_event ev[256];
        int n = epoll_wait(epoll_fd, ev, 256, 5000);
        if (n == 0) {
            fprintf(stderr, "udsload: no event for 5 s, %ld under way\n", started - done);
            bad += started - done;
            break;
        }
        int64_t now = time_mono_ns();
        for (int i = 0; i < n; i++)
            on_readable(ev[i].data.ptr, now, &counted_from);
        if (options.seconds > 0 && (double)(now - start_ns) / 1e9 > options.seconds)
            closing = true;
    }
    report((double)(time_mono_ns() - counted_from) / 1e9);
    fflush(stdout);
    _Exit(bad > 0 || broken > 0);
}
