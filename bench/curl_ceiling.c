/* curl_ceiling - the bare libcurl multi client: N chat completions, C in flight, and nothing
 * done with the answers but reading them.  It is the ceiling of a generation engine that is
 * built on libcurl, on this machine.
 *
 *   curl_ceiling --url http://127.0.0.1:8089/v1/chat/completions -n 100000 -c 64
 *       [--mode poll|epoll] [--fresh] [--unix PATH] [--maxconnects N] [--bare] [--shards K]
 *
 * poll:      curl_multi_perform and curl_multi_poll
 * epoll:     curl_multi_socket_action, driven by one epoll set (the default)
 * --fresh:   a new easy handle for each request, else a pool of C
 * --shards:  K multi handles on the one epoll set (libcurl's search for an idle connection
 *            walks every connection of the host in one multi handle)
 * --bare:    do not keep the answer
 * Prints one line of JSON; exit 1 when an answer was not 200. */
#include "config.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "common/io.h"
#include "common/mem.h"
#include "common/text.h"

struct shard {
    CURLM *multi;
    int64_t due_ns; /* -1: libcurl does not want to be called */
};

struct slot {
    CURL *easy;
    struct text answer;
    size_t got;
    int64_t start_ns;
    struct shard *shard;
};

static struct {
    const char *url, *unix_path;
    bool epoll, fresh, bare;
    long total, max_connects;
    unsigned slots, shards;
} options = { .url = "http://127.0.0.1:8089/v1/chat/completions", .epoll = true,
              .total = 100000, .slots = 64, .shards = 1 };

static long started, done, failed;
static float *latency_ms;
static struct text body;
static struct curl_slist *headers;
static int epoll_fd;
static struct shard *shards, **shard_of; /* shard_of: by descriptor */
static size_t n_shard_of;

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
    struct slot *s = arg;
    s->got += size * n;
    if (!options.bare)
        text_put(&s->answer, p, size * n);
    return size * n;
}

static void
set_up(struct slot *s)
{
    CURL *h = s->easy = curl_easy_init();
    curl_easy_setopt(h, CURLOPT_URL, options.url);
    if (options.unix_path != NULL)
        curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, options.unix_path);
    curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, s);
    curl_easy_setopt(h, CURLOPT_PRIVATE, s);
    curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, 60000L);
}

static void
launch(struct slot *s)
{
    if (started >= options.total)
        return;
    started++;
    if (s->easy == NULL)
        set_up(s);
    curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, body.ptr);
    curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    text_clear(&s->answer);
    s->got = 0;
    s->start_ns = time_mono_ns();
    curl_multi_add_handle(s->shard->multi, s->easy);
}

static void
reap(struct shard *shard)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(shard->multi, &left)) != NULL) {
        CURL *h = m->easy_handle;
        CURLcode rc = m->data.result;
        struct slot *s;
        long status = 0;
        curl_easy_getinfo(h, CURLINFO_PRIVATE, (char **)&s);
        curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
        if (rc != CURLE_OK || status != 200 || s->got == 0)
            failed++;
        latency_ms[done++] = (float)(time_mono_ns() - s->start_ns) / 1e6f;
        curl_multi_remove_handle(shard->multi, h);
        if (options.fresh) {
            curl_easy_cleanup(h);
            s->easy = NULL;
        }
        launch(s);
    }
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct shard *shard = arg;
    (void)easy;
    if ((size_t)fd >= n_shard_of) {
        n_shard_of = (size_t)fd * 2 + 64;
        shard_of = xreallocarray(shard_of, n_shard_of, sizeof(struct shard *));
    }
    shard_of[fd] = shard;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    struct epoll_event ev = {
        .events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u),
        .data.fd = fd,
    };
    epoll_ctl(epoll_fd, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev);
    if (known == NULL)
        curl_multi_assign(shard->multi, fd, shard);
    return 0;
}

static int
on_timer(CURLM *multi, long ms, void *arg)
{
    struct shard *shard = arg;
    (void)multi;
    shard->due_ns = ms < 0 ? -1 : time_mono_ns() + ms * 1000000;
    return 0;
}

static int
wait_ms(void)
{
    int64_t now = time_mono_ns(), least = 1000000000;
    for (unsigned i = 0; i < options.shards; i++)
        if (shards[i].due_ns >= 0 && shards[i].due_ns - now < least)
            least = shards[i].due_ns - now;
    return least <= 0 ? 0 : (int)((least + 999999) / 1000000);
}

static void
turn_epoll(void)
{
    struct epoll_event ev[256];
    int running, n = epoll_wait(epoll_fd, ev, 256, wait_ms());
    for (int i = 0; i < n; i++) {
        int fd = ev[i].data.fd;
        int mask = (ev[i].events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0)
                   | (ev[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0)
                   | (ev[i].events & EPOLLERR ? CURL_CSELECT_ERR : 0);
        curl_multi_socket_action(shard_of[fd]->multi, fd, mask, &running);
    }
    int64_t now = time_mono_ns();
    for (unsigned i = 0; i < options.shards; i++) {
        struct shard *s = &shards[i];
        if (s->due_ns >= 0 && s->due_ns <= now) {
            s->due_ns = -1;
            curl_multi_socket_action(s->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        reap(s);
    }
}

/* Waits only when the last call finished nothing: a transfer that ended inside it leaves no
 * socket to wake the poll. */
static void
turn_poll(void)
{
    int running, n;
    long before = done;
    curl_multi_perform(shards[0].multi, &running);
    reap(&shards[0]);
    if (done == before)
        curl_multi_poll(shards[0].multi, NULL, 0, 1000, &n);
}

static void
make_shards(void)
{
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    shards = xcalloc(options.shards, sizeof *shards);
    for (unsigned i = 0; i < options.shards; i++) {
        CURLM *m = shards[i].multi = curl_multi_init();
        shards[i].due_ns = -1;
        curl_multi_setopt(m, CURLMOPT_MAXCONNECTS,
                          options.max_connects > 0
                              ? options.max_connects
                              : (long)(options.slots / options.shards + 8));
        curl_multi_setopt(m, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
        if (!options.epoll)
            continue;
        curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(m, CURLMOPT_SOCKETDATA, &shards[i]);
        curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, on_timer);
        curl_multi_setopt(m, CURLMOPT_TIMERDATA, &shards[i]);
    }
}

static void
make_request(void)
{
    text_puts(&body, "{\"model\":\"mock\",\"temperature\":0,\"max_tokens\":512,\"messages\":"
                     "[{\"role\":\"user\",\"content\":\"");
    while (body.len < 900)
        text_puts(&body,
                  "The committee considered the question of the river crossing in detail. ");
    text_puts(&body, " [[ANS:B]]\"}]}");
    headers = curl_slist_append(NULL, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Expect:");
    headers = curl_slist_append(headers, "Authorization: Bearer test");
}

static int
compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static double
seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void
report(double wall_s)
{
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    double n = (double)done, user = seconds(ru.ru_utime), sys = seconds(ru.ru_stime);
    qsort(latency_ms, (size_t)done, sizeof *latency_ms, compare);
    printf("{\"mode\":\"%s\",\"shards\":%u,\"c\":%u,\"n\":%ld,\"failed\":%ld,\"req_s\":%.0f,"
           "\"cpu_us_per_req\":%.2f,\"user_us\":%.2f,\"sys_us\":%.2f,\"p50_ms\":%.3f,"
           "\"p99_ms\":%.3f,\"maxrss_mb\":%.1f,\"libcurl\":\"%s\"}\n",
           options.epoll ? "epoll" : "poll", options.shards, options.slots, done, failed,
           n / wall_s, (user + sys) * 1e6 / n, user * 1e6 / n, sys * 1e6 / n,
           (double)latency_ms[done / 2], (double)latency_ms[done * 99 / 100],
           (double)ru.ru_maxrss / 1024, curl_version_info(CURLVERSION_NOW)->version);
}

static void
read_options(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--fresh") == 0) {
            options.fresh = true;
            continue;
        }
        if (strcmp(a, "--bare") == 0) {
            options.bare = true;
            continue;
        }
        const char *v = ++i < argc ? argv[i] : "";
        if (strcmp(a, "--url") == 0)
            options.url = v;
        else if (strcmp(a, "--unix") == 0)
            options.unix_path = v;
        else if (strcmp(a, "-n") == 0)
            options.total = atol(v);
        else if (strcmp(a, "-c") == 0)
            options.slots = (unsigned)atoi(v);
        else if (strcmp(a, "--mode") == 0)
            options.epoll = strcmp(v, "poll") != 0;
        else if (strcmp(a, "--shards") == 0)
            options.shards = (unsigned)atoi(v);
        else if (strcmp(a, "--maxconnects") == 0)
            options.max_connects = atol(v);
        else {
            fprintf(stderr, "curl_ceiling: unknown option %s\n", a);
            exit(2);
        }
    }
    if (!options.epoll)
        options.shards = 1;
    if (options.total < 1 || options.slots < 1 || options.shards < 1) {
        fprintf(stderr, "curl_ceiling: -n, -c and --shards must be positive\n");
        exit(2);
    }
}

int
main(int argc, char **argv)
{
    read_options(argc, argv);
    curl_global_init(CURL_GLOBAL_ALL);
    make_request();
    make_shards();
    latency_ms = xcalloc((size_t)options.total, sizeof *latency_ms);
    struct slot *slots = xcalloc(options.slots, sizeof *slots);
    for (unsigned i = 0; i < options.slots; i++)
        slots[i].shard = &shards[i % options.shards];
    int64_t start_ns = time_mono_ns();
    for (unsigned i = 0; i < options.slots; i++)
        launch(&slots[i]);
    while (done < options.total)
        options.epoll ? turn_epoll() : turn_poll();
    report((double)(time_mono_ns() - start_ns) / 1e9);
    fflush(stdout);
    _Exit(failed != 0);
}
