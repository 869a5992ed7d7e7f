/* evald-gateway against the model server of the tests.  This program plays evald and the
 * runners; what the server counted is the judge.
 *
 * Programs: EVALD_GATEWAY and MODEL_SERVER, else where the build puts them. */
#include "config.h"

#include "../tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/frame.h"
#include "common/io.h"
#include "common/jtext.h"
#include "common/mem.h"

#define WAIT_MS 60000 /* for what must come: only a failed test waits so long */

/* ---- children ---- */

static const char *
program(const char *env, const char *built, const char *here)
{
    const char *p = getenv(env);
    return p != NULL ? p : access(built, X_OK) == 0 ? built : here;
}

static void
give_up(const char *what)
{
    printf("Bail out! %s: %s\n", what, strerror(errno));
    exit(1);
}

/* fd 3 of the child is fd3; with fd1 that is its standard output, and errors go nowhere.
 * -1: nothing. */
static pid_t
start(const char *path, char *const *argv, int fd1, int fd3)
{
    pid_t pid = fork();
    if (pid < 0)
        give_up("fork");
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (fd1 >= 0) {
        dup2(fd1, 1);
        dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 2);
    }
    if (fd3 >= 0) {
        dup2(fd3, 3);
        fcntl(3, F_SETFD, 0);
    }
    execv(path, argv);
    _exit(127);
}

static int
wait_for(pid_t pid)
{
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

/* ---- the model server ---- */

struct server {
    pid_t pid;
    int port;
    const char *socket;
    char url[300]; /* base URL */
};

/* args: up to 16 words, then NULL. */
static struct server
server_start(const char *socket_path, const char *const *args)
{
    const char *path = program("MODEL_SERVER", "tests/model-server", "./model-server");
    const char *argv[24] = { "model-server", socket_path ? "--unix" : "--port",
                             socket_path ? socket_path : "0" };
    for (size_t i = 0; args[i] != NULL; i++)
        argv[3 + i] = args[i];
    int out[2];
    if (pipe2(out, O_CLOEXEC) < 0)
        give_up("pipe");
    struct server s = { .socket = socket_path };
    s.pid = start(path, (char *const *)(uintptr_t)argv, out[1], -1);
    close(out[1]);
    FILE *f = fdopen(out[0], "r");
    char line[300];
    if (f == NULL || fgets(line, sizeof line, f) == NULL)
        give_up(path);
    fclose(f);
    const char *colon = strrchr(line, ':');
    s.port = socket_path == NULL ? atoi(colon + 1) : 0;
    if (socket_path == NULL) {
        snprintf(s.url, sizeof s.url, "http://127.0.0.1:%d/v1", s.port);
        return s;
    }
    struct text url = TEXT_INIT;
    text_puts(&url, "http+unix://");
    for (const char *p = socket_path; *p != '\0'; p++)
        *p == '/' ? text_puts(&url, "%2F") : text_putc(&url, *p);
    snprintf(s.url, sizeof s.url, "%s/v1", url.ptr);
    text_fini(&url);
    return s;
}
#define SERVER(...) server_start(NULL, (const char *const[]){ __VA_ARGS__, NULL })

static void
server_stop(struct server *s)
{
    kill(s->pid, SIGTERM);
    wait_for(s->pid);
}

/* A number of GET /stats. */
static long
server_count(const struct server *s, const char *name)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)s->port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    if (s->socket != NULL)
        strcpy(un.sun_path, s->socket);
    CLEANUP_CLOSE int fd =
        socket(s->socket != NULL ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = s->socket != NULL ? connect(fd, (struct sockaddr *)&un, sizeof un)
                               : connect(fd, (struct sockaddr *)&in, sizeof in);
    static const char get[] = "GET /stats HTTP/1.0\r\n\r\n";
    char answer[4096], key[64];
    if (rc < 0 || io_write_full(fd, get, sizeof get - 1) < 0)
        give_up("stats");
    ssize_t n = io_read_full(fd, answer, sizeof answer - 1);
    answer[n > 0 ? n : 0] = '\0';
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(answer, key);
    return at != NULL ? atol(at + strlen(key)) : -1;
}

/* ---- the gateway, seen from both sides ---- */

struct reply {
    uint64_t tag;
    int64_t status, http_status, attempts;
    char *head, *body;
    size_t body_len;
};

struct side { /* evald's link (number -1), or a runner's */
    struct link *link;
    struct reply replies[512];
    size_t n;
    size_t n_dropped;
    bool over;
};

static struct side evald_side, runners[3];
static pid_t gateway;
static char last_log[1024], last_fetched[512], last_state[1024];

static void
keep_text(char *to, size_t room, struct str s)
{
    snprintf(to, room, "%.*s", (int)s.len, s.ptr);
}

static int64_t
head_int(struct str head, struct str name)
{
    int64_t n = -999;
    jtext_int64(jtext_member(jtext_value(head), name), &n);
    return n;
}

static int
on_frame(void *arg, const struct frame *f)
{
    struct side *s = arg;
    struct str rest = f->payload, head = { NULL, 0 }, body = { NULL, 0 };
    frame_part(&rest, &head);
    frame_part(&rest, &body);
    if (f->type == FRAME_LOG)
        keep_text(last_log, sizeof last_log, head);
    else if (f->type == FRAME_FETCHED)
        keep_text(last_fetched, sizeof last_fetched, head);
    else if (f->type == FRAME_STATE)
        keep_text(last_state, sizeof last_state, head);
    else if (f->type == FRAME_DROP)
        s->n_dropped++;
    else if (f->type == FRAME_REPLY && s->n < ARRAY_LEN(s->replies)) {
        if (jtext_check(head, &(struct jval){ .kind = J_ABSENT }, NULL, NULL) < 0)
            diag("a head that is no JSON: %.*s", (int)head.len, head.ptr);
        s->replies[s->n++] = (struct reply){
            .tag = f->tag,
            .status = head_int(head, STR("status")),
            .http_status = head_int(head, STR("http_status")),
            .attempts = head_int(head, STR("attempts")),
            .head = xstrndup(head.ptr, head.len),
            .body = xstrndup(body.ptr, body.len),
            .body_len = body.len,
        };
    }
    return 0;
}

static const struct side *deaf; /* is not read */

/* Reads and writes all links once. */
static void
step(int timeout_ms)
{
    struct side *sides[] = { &evald_side, &runners[0], &runners[1], &runners[2] };
    struct pollfd p[4];
    for (size_t i = 0; i < 4; i++) {
        struct side *s = sides[i];
        p[i] = (struct pollfd){ .fd = -1 };
        if (s->link == NULL || s->over)
            continue;
        if (link_flush(s->link, NULL) < 0)
            s->over = true;
        p[i].fd = link_fd(s->link);
        p[i].events = (short)((s == deaf ? 0 : POLLIN)
                              | (link_pending(s->link) > 0 ? POLLOUT : 0));
    }
    poll(p, 4, timeout_ms);
    for (size_t i = 0; i < 4; i++)
        if ((p[i].revents & (POLLIN | POLLHUP)) && sides[i] != deaf
            && link_read(sides[i]->link, on_frame, sides[i], NULL) != 0)
            sides[i]->over = true;
}

static bool
server_reaches(const struct server *s, const char *name, long value)
{
    int64_t end = time_mono_ns() + (int64_t)WAIT_MS * 1000000;
    while (server_count(s, name) < value && time_mono_ns() < end)
        step(5);
    return server_count(s, name) >= value;
}

static bool
has_replies(struct side *s, size_t n)
{
    int64_t end = time_mono_ns() + (int64_t)WAIT_MS * 1000000;
    while (s->n < n && !s->over && time_mono_ns() < end)
        step(1000);
    if (s->n < n)
        diag("%zu of %zu replies came", s->n, n);
    return s->n >= n;
}

static bool
has_text(const char *text, const char *part)
{
    int64_t end = time_mono_ns() + (int64_t)WAIT_MS * 1000000;
    while (strstr(text, part) == NULL && time_mono_ns() < end)
        step(1000);
    return strstr(text, part) != NULL;
}

static void
forget_replies(struct side *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->replies[i].head);
        free(s->replies[i].body);
    }
    s->n = 0;
}

static struct reply *
reply_of(struct side *s, uint64_t tag)
{
    static struct reply none;
    for (size_t i = 0; i < s->n; i++)
        if (s->replies[i].tag == tag)
            return &s->replies[i];
    none = (struct reply){ .status = -999, .head = (char *)(uintptr_t) "",
                           .body = (char *)(uintptr_t) "" };
    return &none;
}

static int
pair(int *ret_other)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        give_up("socketpair");
    *ret_other = fds[1];
    return fds[0];
}

static void
runner_link(unsigned i)
{
    int other;
    runners[i].link = link_new(pair(&other));
    runners[i].over = false;
    char head[64];
    snprintf(head, sizeof head, "{\"link\":%u,\"job\":null}", i);
    link_begin(evald_side.link, FRAME_LINK, 0);
    link_part(evald_side.link, str_z(head));
    link_send_fd(evald_side.link, other);
    link_end(evald_side.link);
}

static void
runner_close(unsigned i)
{
    link_free(TAKE(runners[i].link));
    forget_replies(&runners[i]);
}

static void
gateway_start(void)
{
    const char *path =
        program("EVALD_GATEWAY", "core/gateway/evald-gateway", "./evald-gateway");
    const char *argv[] = { "evald-gateway", "--link", "3", NULL };
    int other;
    evald_side.link = link_new(pair(&other));
    evald_side.over = false;
    gateway = start(path, (char *const *)(uintptr_t)argv, -1, other);
    close(other);
    last_log[0] = last_state[0] = last_fetched[0] = '\0';
    runner_link(0);
    runner_link(1);
}

/* Ends it by closing its link; the exit status. */
static int
gateway_stop(void)
{
    link_free(TAKE(evald_side.link));
    int status = wait_for(gateway);
    for (unsigned i = 0; i < 3; i++)
        runner_close(i);
    return status;
}

/* more: further members of the endpoint, each with a comma before it.  key: its key file, or
 * NULL. */
static void
configure(const char *id, const char *url, unsigned max_in_flight, const char *more,
          const char *key)
{
    struct link *l = evald_side.link;
    link_begin(l, FRAME_CONFIG, 0);
    text_putf(link_part_begin(l),
              "{\"endpoints\":[{\"id\":\"%s\",\"base_url\":\"%s\",\"max_in_flight\":%u,"
              "\"key\":%s%s}]}",
              id, url, max_in_flight, key != NULL ? "0" : "null", more);
    link_part_end(l);
    if (key != NULL) {
        int fd = memfd_create("key", MFD_CLOEXEC);
        io_write_full(fd, key, strlen(key));
        link_send_fd(l, fd);
    }
    link_end(l);
    /* it must have been read before the asks that follow on another link */
    last_fetched[0] = '\0';
    link_begin(l, FRAME_FETCH, 7);
    link_part(l, STR("{\"url\":\"http://127.0.0.1/\",\"hosts\":[],\"max\":1,\"timeout_ms\":1000,"
                     "\"stall_ms\":1000}"));
    link_send_fd(l, open("/dev/null", O_WRONLY | O_CLOEXEC));
    link_end(l);
    has_text(last_fetched, "{\"error\":\"invalid\",\"message\":\"http://127.0.0.1/: leads to "
                           "http://127.0.0.1:80, which is none of the allowed hosts\"}");
}

static void
ask_with(struct side *s, uint64_t tag, const char *endpoint, const char *path,
         const char *more, const char *body)
{
    link_begin(s->link, FRAME_ASK, tag);
    text_putf(link_part_begin(s->link), "{\"endpoint\":\"%s\",\"path\":\"%s\"%s}", endpoint,
              path, more);
    link_part_end(s->link);
    link_part(s->link, str_z(body));
    link_end(s->link);
}

/* A chat completion whose prompt has the tag in it. */
static void
ask(struct side *s, uint64_t tag, const char *endpoint, const char *more)
{
    char body[200];
    snprintf(body, sizeof body,
             "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
             "\"question %llu [[ANS:a%llu]]\"}]}",
             (unsigned long long)tag, (unsigned long long)tag);
    ask_with(s, tag, endpoint, "/chat/completions", more, body);
}

/* ---- tests ---- */

static struct side *const A = &runners[0], *const B = &runners[1], *const C = &runners[2];

static void
test_answers(void)
{
    struct server s = SERVER("--latency-ms", "1");
    gateway_start();
    configure("m", s.url, 4, "", NULL);
    for (uint64_t i = 0; i < 50; i++)
        ask(A, i, "m", ",\"method\":\"POST\",\"headers\":{},\"timeout_ms\":0,\"attempts\":0");
    ok(has_replies(A, 50), "every ask gets a reply");
    unsigned right = 0;
    for (uint64_t i = 0; i < 50; i++) {
        struct reply *r = reply_of(A, i);
        char want[40];
        snprintf(want, sizeof want, "\"content\":\"Answer: a%llu\"", (unsigned long long)i);
        right += r->status == 0 && r->http_status == 200 && r->attempts == 1
                 && strstr(r->body, want) != NULL
                 && strstr(r->head, "\"content-type\":\"application/json\"") != NULL;
    }
    is_int(right, 50, "each is its own answer, headers in lower case, one attempt");
    is_int(server_count(&s, "total"), 50, "the server was asked once for each");
    ok(server_count(&s, "max_in_flight") <= 4, "never more than four at once");
    ok(server_count(&s, "accepted") <= 10, "connections are used again");
    forget_replies(A);

    ask_with(A, 1, "m", "models", ",\"method\":\"GET\",\"headers\":null", "");
    ask_with(A, 2, "m", "/nowhere?x=1", "", "{}");
    ask_with(A, 3, "m", "/chat/completions", "", "{\"no\":1}");
    has_replies(A, 3);
    ok(reply_of(A, 1)->http_status == 200 && strstr(reply_of(A, 1)->body, "\"list\""),
       "GET; a path without its slash");
    is_int(reply_of(A, 2)->http_status, 404, "404 is an answer");
    is_int(reply_of(A, 2)->status, 0, "of status 0");
    is_int(reply_of(A, 3)->http_status, 400, "so is 400, and it is not asked for again");
    is_int(reply_of(A, 3)->attempts, 1, "one attempt");
    is_int(gateway_stop(), 0, "the gateway ends quietly when evald's link closes");
    server_stop(&s);
}

static void
test_requests_that_cannot_be(void)
{
    struct server s = SERVER("--seed", "1");
    gateway_start();
    configure("m", s.url, 4, "", NULL);
    ask(A, 1, "other", "");
    ask_with(A, 2, "m", "/../admin", "", "{}");
    ask_with(A, 3, "m", "@evil.example/", "", "{}");
    ask_with(A, 4, "m", "/models", ",\"method\":\"GET /\"", "");
    ask_with(A, 5, "m", "/models", ",\"headers\":{\"Host\":\"x\"}", "");
    has_replies(A, 5);
    is_int(reply_of(A, 1)->status, -6, "an unknown endpoint is -6");
    ok(strstr(reply_of(A, 1)->body, "\"other\"") != NULL, "and named: %s",
       reply_of(A, 1)->body);
    for (uint64_t i = 2; i <= 5; i++)
        ok(reply_of(A, i)->status == -6 || (i == 3 && reply_of(A, i)->http_status == 404),
           "refused: %s", reply_of(A, i)->body);
    is_int(server_count(&s, "total"), 1, "the one path that is below the base went out");
    forget_replies(A);

    configure("bad", "http://u:hunter2@127.0.0.1/v1", 1, "", NULL);
    ok(has_text(last_log, "endpoint bad: base_url holds credentials"), "LOG: %s", last_log);
    ask(A, 1, "bad", "");
    has_replies(A, 1);
    ok(reply_of(A, 1)->status == -6 && strstr(reply_of(A, 1)->body, "base_url holds cred"),
       "asks for it get the reason: %s", reply_of(A, 1)->body);
    configure("bad", s.url, 1, "", "two\nkeys");
    ok(has_text(last_log, "endpoint bad: its key file"), "LOG: %s", last_log);
    configure("bad", s.url, 1, "", NULL);
    ask(A, 2, "bad", "");
    has_replies(A, 2);
    is_int(reply_of(A, 2)->http_status, 200, "a later CONFIG mends it");

    link_put(B->link, FRAME_ASK, 1, STR("{\"endpoint\":"));
    ok(has_text(last_log, "link 1 of a runner"), "a broken ask ends its link: %s", last_log);
    ask(A, 3, "m", "");
    ok(has_replies(A, 3), "the others go on");
    gateway_stop();
    server_stop(&s);
}

/* fail two times, then answer */
static void
retries(const char *mode, const char *max_attempts, int attempts, int64_t status,
        int64_t http_status)
{
    struct server s = SERVER("--fail-rate", "1", "--fail-mode", mode, "--fail-by", "prompt",
                             "--fail-attempts", "2", "--retry-after", "-1");
    gateway_start();
    configure("m", s.url, 8, max_attempts, NULL);
    for (uint64_t i = 0; i < 20; i++)
        ask(A, i, "m", "");
    has_replies(A, 20);
    unsigned right = 0;
    for (uint64_t i = 0; i < 20; i++) {
        struct reply *r = reply_of(A, i);
        right += r->status == status && r->http_status == http_status
                 && r->attempts == attempts;
    }
    is_int(right, 20, "%s: each ask needs %d attempts and gets %lld/%lld", mode, attempts,
           (long long)status, (long long)http_status);
    is_int(server_count(&s, "total"), 20 * attempts, "%s: the server counts the same", mode);
    if (status < 0)
        ok(strstr(reply_of(A, 3)->body, "endpoint m at 127.0.0.1:") != NULL, "%s: %s", mode,
           reply_of(A, 3)->body);
    gateway_stop();
    server_stop(&s);
}

static void
test_attempts_before(void)
{
    struct server s = SERVER("--fail-rate", "1", "--fail-mode", "503", "--retry-after", "0");
    gateway_start();
    configure("m", s.url, 8, "", NULL);
    ask(A, 1, "m", ",\"attempts\":2");
    ask(A, 2, "m", ",\"attempts\":4");
    has_replies(A, 2);
    is_int(reply_of(A, 1)->attempts, 4, "attempts that went before count");
    is_int(reply_of(A, 1)->http_status, 503, "the last answer is passed on");
    is_int(reply_of(A, 2)->status, -6, "none is left: %s", reply_of(A, 2)->body);
    is_int(server_count(&s, "total"), 2, "the server was asked twice");
    gateway_stop();
    server_stop(&s);
}

static void
test_retry_after(void)
{
    struct server s = SERVER("--fail-rate", "1", "--fail-mode", "429", "--fail-by", "prompt",
                             "--fail-attempts", "1", "--retry-after", "1");
    gateway_start();
    configure("m", s.url, 1, "", NULL);
    int64_t start_ns = time_mono_ns();
    ask(A, 1, "m", "");
    ask(A, 2, "m", "");
    ok(server_reaches(&s, "total", 2), "while one backs off, the next has the place");
    has_replies(A, 2);
    ok(time_mono_ns() - start_ns >= INT64_C(1000000000), "Retry-After: 1 is waited for");
    is_int(reply_of(A, 1)->attempts + reply_of(A, 2)->attempts, 4, "two attempts each");
    is_int(reply_of(A, 1)->http_status, 200, "and then the answer");
    ok(has_text(last_state, "\"requests\":4,\"retries\":2,\"failures\":0"), "STATE: %s",
       last_state);
    gateway_stop();
    server_stop(&s);
}

static void
test_no_answer(void)
{
    struct server s = SERVER("--fail-rate", "1", "--fail-mode", "hang");
    gateway_start();
    configure("m", s.url, 2, "", NULL);
    ask(A, 1, "m", ",\"timeout_ms\":200");
    has_replies(A, 1);
    is_int(reply_of(A, 1)->status, -7, "a server that never answers: %s",
           reply_of(A, 1)->body);
    ok(server_reaches(&s, "client_aborted", 1), "the connection was closed");

    ask(A, 2, "m", "");
    ask(A, 3, "m", "");
    ask(A, 4, "m", "");
    server_reaches(&s, "total", 3);
    link_put(A->link, FRAME_DROP, 2, STR("{}"));
    link_put(A->link, FRAME_DROP, 99, STR("{}"));
    ok(server_reaches(&s, "client_aborted", 2), "DROP closes the exchange at once");
    ok(server_reaches(&s, "total", 4), "and its place is free for the next");
    ask_with(A, 5, "m", "/nowhere", "", "{}");
    link_put(A->link, FRAME_DROP, 5, STR("{}"));
    link_put(A->link, FRAME_DROP, 3, STR("{}"));
    ask_with(A, 6, "m", "/nowhere", "", "{}");
    has_replies(A, 2);
    is_int(A->n, 2, "no REPLY follows a DROP");
    is_int(reply_of(A, 6)->http_status, 404, "the next ask is answered");
    ok(server_count(&s, "max_in_flight") <= 2, "never more than two at once");

    configure("gone", "http://127.0.0.1:1/v1", 2, ",\"max_attempts\":2", NULL);
    ask(A, 7, "gone", "");
    has_replies(A, 3);
    ok(reply_of(A, 7)->status == -6 && reply_of(A, 7)->attempts == 2, "nobody listens: %s",
       reply_of(A, 7)->body);
    gateway_stop();
    server_stop(&s);
}

static void
test_what_comes_back(void)
{
    struct server s = SERVER("--fail-rate", "1", "--fail-mode", "html");
    gateway_start();
    configure("m", s.url, 2, "", NULL);
    ask(A, 1, "m", "");
    has_replies(A, 1);
    struct reply *r = reply_of(A, 1);
    ok(r->status == 0 && r->http_status == 200 && strstr(r->body, "<h1>"),
       "HTML is passed on: the adapter judges it");
    ok(strstr(r->head, "\"content-type\":\"text/html\"") != NULL, "with its type");
    gateway_stop();
    server_stop(&s);

    struct server big = SERVER("--reply-len", "5000000");
    struct server huge = SERVER("--reply-len", "17000000");
    gateway_start();
    configure("big", big.url, 2, "", NULL);
    configure("huge", huge.url, 2, "", NULL);
    ask(A, 1, "big", "");
    ask(A, 2, "huge", "");
    has_replies(A, 2);
    ok(reply_of(A, 1)->http_status == 200 && reply_of(A, 1)->body_len > 5000000,
       "5 MB arrive whole");
    ok(reply_of(A, 2)->status == -6 && strstr(reply_of(A, 2)->body, "16 MiB"),
       "17 MB do not: %s", reply_of(A, 2)->body);
    is_int(reply_of(A, 2)->attempts, 1, "and are not asked for again");
    gateway_stop();
    server_stop(&big);
    server_stop(&huge);
}

/* ---- a server that sends what it likes ---- */

/* One byte string for each connection; 'repeat' follows it for ever.  It reads the request
 * up to its blank line first, unless mute; abrupt: it ends with a reset. */
struct raw {
    const char *say;
    const char *repeat;
    bool mute, abrupt, stay;
};

static void
raw_serve(int listener, const struct raw *how)
{
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            _exit(0);
        if (fork() != 0) {
            close(fd);
            continue;
        }
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        char line[8192];
        size_t n = 0;
        ssize_t k;
        while (!how->mute && n < sizeof line - 1
               && (k = read(fd, line + n, sizeof line - 1 - n)) > 0) {
            line[n += (size_t)k] = '\0';
            if (strstr(line, "\r\n\r\n") != NULL)
                break;
        }
        ssize_t rc = io_write_full(fd, how->say, strlen(how->say));
        while (rc >= 0 && how->repeat != NULL)
            rc = io_write_full(fd, how->repeat, strlen(how->repeat));
        if (how->stay)
            pause();
        struct linger linger = { 1, 0 };
        if (how->abrupt)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
        else /* or what is unread would make it a reset */
            for (shutdown(fd, SHUT_WR); read(fd, line, sizeof line) > 0;)
                ;
        _exit(0);
    }
}

static pid_t
raw_start(const struct raw *how, char ret_url[100])
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof in) < 0 || listen(fd, 8) < 0
        || getsockname(fd, (struct sockaddr *)&in, &len) < 0)
        give_up("listen");
    snprintf(ret_url, 100, "http://127.0.0.1:%d/v1", ntohs(in.sin_port));
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGCHLD, SIG_IGN);
        signal(SIGPIPE, SIG_IGN);
        raw_serve(fd, how);
    }
    close(fd);
    return pid;
}

#define EIGHT_HEADERS \
    "X-A: 1\r\nX-A: 1\r\nX-A: 1\r\nX-A: 1\r\nX-A: 1\r\nX-A: 1\r\nX-A: 1\r\nX-A: 1\r\n"
#define MANY_HEADERS \
    EIGHT_HEADERS EIGHT_HEADERS EIGHT_HEADERS EIGHT_HEADERS EIGHT_HEADERS EIGHT_HEADERS \
    EIGHT_HEADERS EIGHT_HEADERS EIGHT_HEADERS EIGHT_HEADERS EIGHT_HEADERS EIGHT_HEADERS \
    EIGHT_HEADERS EIGHT_HEADERS EIGHT_HEADERS EIGHT_HEADERS EIGHT_HEADERS EIGHT_HEADERS
#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

static void
test_hostile_servers(void)
{
    static const struct {
        const char *what;
        struct raw how;
        int status, http_status, attempts;
        const char *body, *head; /* parts of them; NULL: any */
    } t[] = {
        { "HTTP/1.0 without a length", { .say = "HTTP/1.0 200 OK\r\n\r\nall of it" },
          0, 200, 1, "all of it", NULL },
        { "100 Continue first", { .say = "HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n" OK_HEAD
                                         "Content-Length: 2\r\n\r\n{}" },
          0, 200, 1, "{}", "{\"content-type\":\"application/json\",\"content-length\":\"2\"}" },
        { "a redirect", { .say = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
                                 "Content-Length: 0\r\n\r\n" },
          0, 302, 1, "", "\"location\":\"http://127.0.0.1:1/\"" },
        { "chunks", { .say = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" },
          0, 200, 1, "{}", NULL },
        { "chunks that are none",
          { .say = OK_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n" },
          -6, 0, 2, "(attempt 2 of 2)", NULL },
        { "an end in the middle of a chunk",
          { .say = OK_HEAD "Transfer-Encoding: chunked\r\n\r\nff\r\n{}" },
          -6, 0, 2, "(attempt 2 of 2)", NULL },
        { "less than was promised", { .say = OK_HEAD "Content-Length: 99\r\n\r\n{}" },
          -6, 0, 2, "(attempt 2 of 2)", NULL },
        { "more than was promised", { .say = OK_HEAD "Content-Length: 2\r\n\r\n{}{}" },
          0, 200, 1, "{}", NULL },
        { "a negative length", { .say = OK_HEAD "Content-Length: -5\r\n\r\n{}" },
          -6, 0, 2, NULL, NULL },
        { "a length of 1 TiB", { .say = OK_HEAD "Content-Length: 1099511627776\r\n\r\n{}" },
          -6, 0, 1, "16 MiB", NULL },
        { "a body without end", { .say = OK_HEAD "\r\n", .repeat = "0123456789abcdef" },
          -6, 0, 1, "16 MiB", NULL },
        { "headers without end", { .say = OK_HEAD, .repeat = "X-A: 0123456789abcdef\r\n" },
          -6, 0, 2, NULL, NULL },
        { "one header without end", { .say = OK_HEAD "X-A: ", .repeat = "0123456789abcdef" },
          -6, 0, 2, NULL, NULL },
        { "informational answers without end",
          { .say = "", .repeat = "HTTP/1.1 102 Processing\r\n\r\n" }, 99, 0, 0, NULL, NULL },
        { "no answer at all", { .say = "" }, -6, 0, 2, NULL, NULL },
        { "a reset at once", { .say = "", .mute = true, .abrupt = true }, -6, 0, 2, NULL, NULL },
        { "a reset within the headers", { .say = OK_HEAD, .abrupt = true }, -6, 0, 2, NULL, NULL },
        { "a reset within the body", { .say = OK_HEAD "Content-Length: 99\r\n\r\n{", .abrupt = true },
          -6, 0, 2, NULL, NULL },
        { "no HTTP", { .say = "220 mail.example ESMTP\r\n" }, -6, 0, 1, NULL, NULL },
        { "a body that does not come", { .say = OK_HEAD "Content-Length: 99\r\n\r\n{", .stay = true },
          -7, 0, 1, "no complete answer within 500 ms", NULL },
        { "gzip that nobody asked for",
          { .say = OK_HEAD "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08" },
          0, 200, 1, "\x1f\x8b\x08", "\"content-encoding\":\"gzip\"" },
        { "503 with a Retry-After of years", { .say = "HTTP/1.1 503 No\r\nRetry-After-Ms: 1\r\n"
                                                     "Retry-After: 999999999999999999999\r\n"
                                                     "Content-Length: 0\r\n\r\n" },
          0, 503, 2, "", NULL },
        { "headers that are no text", { .say = OK_HEAD "X-\xff: \xff\"\x01\\\r\n: no name\r\n"
                                               "Content-Length: 2\r\n\r\n{}" },
          0, 200, 1, "{}", "\"x-\xef\xbf\xbd\":\"\xef\xbf\xbd\\\"\\u0001\\\\\"" },
        { "more headers than are kept", { .say = OK_HEAD MANY_HEADERS "Content-Length: 2\r\n\r\n{}" },
          0, 200, 1, "{}", "\"x-a\":\"1, 1, 1, " },
    };
    gateway_start();
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        char url[100], id[20];
        pid_t pid = raw_start(&t[i].how, url);
        snprintf(id, sizeof id, "raw%zu", i);
        configure(id, url, 2, ",\"max_attempts\":2,\"timeout_ms\":500", NULL);
        if (t[i].how.repeat != NULL) /* is to end by what it sends */
            configure(id, url, 2, ",\"max_attempts\":2,\"timeout_ms\":30000", NULL);
        ask(A, i, id, "");
        has_replies(A, i + 1);
        struct reply *r = reply_of(A, i);
        bool right = t[i].status == 99
                     || (r->status == t[i].status && r->http_status == t[i].http_status
                         && r->attempts == t[i].attempts);
        ok(right && (t[i].body == NULL || strstr(r->body, t[i].body) != NULL)
               && (t[i].head == NULL || strstr(r->head, t[i].head) != NULL),
           "%s: %.160s", t[i].what, r->status != 0 ? r->body : r->head);
        if (!right)
            diag("status %ld http_status %ld attempts %ld", (long)r->status,
                 (long)r->http_status, (long)r->attempts);
        kill(pid, SIGKILL);
        wait_for(pid);
    }
    gateway_stop();
}

static void
test_credentials(void)
{
    struct server s = SERVER("--api-key", "k-123");
    gateway_start();
    configure("with", s.url, 2, "", "  k-123\n");
    configure("without", s.url, 2, "", NULL);
    ask(A, 1, "with", "");
    ask(A, 2, "with", ",\"headers\":{\"Authorization\":\"Bearer mine\"}");
    ask(A, 3, "without", "");
    has_replies(A, 3);
    is_int(reply_of(A, 1)->http_status, 200, "the key is sent, without space around it");
    is_int(reply_of(A, 2)->http_status, 200, "and a plugin does not replace it");
    is_int(reply_of(A, 3)->http_status, 401, "without it: 401, an answer");

    static const char *const no_keys[] = { "", " \r\n", "k-1\r\nX-Evil: 1", "k\x01" };
    for (size_t i = 0; i < ARRAY_LEN(no_keys); i++) {
        configure("without", s.url, 2, "", no_keys[i]);
        ask(A, 10 + i, "without", "");
        has_replies(A, 4 + i);
        struct reply *r = reply_of(A, 10 + i);
        ok(r->status == -6 && strstr(r->body, "k-1") == NULL, "a key file that holds no key: %s",
           r->body);
    }
    configure("without", s.url, 2, "", "\r\nk-123\r\n");
    ask(A, 20, "without", "");
    has_replies(A, 8);
    is_int(reply_of(A, 20)->http_status, 200, "one with other ends of lines does");
    char *long_key = xmalloc(5001);
    memset(long_key, 'k', 5000);
    long_key[5000] = '\0';
    configure("without", s.url, 2, "", long_key);
    free(long_key);
    ask(A, 21, "without", "");
    has_replies(A, 9);
    ok(reply_of(A, 21)->status == -6, "nor is one too long a key: %s", reply_of(A, 21)->body);

    link_put(evald_side.link, FRAME_SECRET, 0,
             STR("{\"link\":1,\"headers\":{\"Authorization\":\"Bearer k-123\"}}"));
    configure("last", s.url, 2, "", NULL); /* and so SECRET has been read */
    forget_replies(A);
    ask(A, 4, "last", "");
    ask(B, 4, "last", "");
    has_replies(A, 1);
    has_replies(B, 1);
    is_int(reply_of(B, 4)->http_status, 200, "SECRET goes with the asks of its link");
    is_int(reply_of(A, 4)->http_status, 401, "and of no other");
    runner_close(1);
    runner_link(1);
    configure("last", s.url, 2, "", NULL);
    ask(B, 5, "last", "");
    has_replies(B, 1);
    is_int(reply_of(B, 5)->http_status, 401, "it is forgotten with its link");

    configure("last", s.url, 2, ",\"headers\":{\"Authorization\":\"Bearer k-123\"}", NULL);
    ask(B, 6, "last", "");
    has_replies(B, 2);
    is_int(reply_of(B, 6)->http_status, 200, "headers of an endpoint are sent");
    gateway_stop();
    server_stop(&s);
}

static void
test_servers_that_tell(void)
{
    static const struct {
        const char *what, *key;
        struct raw how;
        const char *body;
    } t[] = {
        { "a key is not in an error", "open-sesame",
          { .say = "HTTP/1.1 401 No\r\nContent-Length: 37\r\n\r\n"
                   "wrong key open-sesame: open-sesame no" }, "wrong key [key]: [key] no" },
        { "nor a long one in what looks like an answer", "sesame-0123456789",
          { .say = OK_HEAD "Content-Length: 17\r\n\r\nsesame-0123456789" }, "[key]" },
        { "an answer may say a short one, which is a word", "open-sesame",
          { .say = OK_HEAD "Content-Length: 11\r\n\r\nopen-sesame" }, "open-sesame" },
        { "and less than all of it is no key", "open-sesame",
          { .say = "HTTP/1.1 401 No\r\nContent-Length: 10\r\n\r\nopen-sesam" }, "open-sesam" },
    };
    gateway_start();
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        char url[100], id[20];
        pid_t pid = raw_start(&t[i].how, url);
        snprintf(id, sizeof id, "tell%zu", i);
        configure(id, url, 2, "", t[i].key);
        ask(A, i, id, "");
        has_replies(A, i + 1);
        is_str(reply_of(A, i)->body, t[i].body, "%s", t[i].what);
        kill(pid, SIGKILL);
        wait_for(pid);
    }
    gateway_stop();
}

static void
test_unix_socket(void)
{
    char dir[] = "/tmp/gateway-test-XXXXXX", path[64];
    if (mkdtemp(dir) == NULL)
        give_up("mkdtemp");
    snprintf(path, sizeof path, "%s/m.sock", dir);
    struct server s = server_start(path, (const char *const[]){ "--seed", "1", NULL });
    gateway_start();
    configure("m", s.url, 2, "", NULL);
    ask(A, 1, "m", "");
    has_replies(A, 1);
    is_int(reply_of(A, 1)->http_status, 200, "a server on a Unix socket");
    gateway_stop();
    server_stop(&s);
    unlink(path);
    rmdir(dir);
}

static void
test_links_share(void)
{
    struct server s = SERVER("--latency-ms", "10");
    gateway_start();
    configure("m", s.url, 2, "", NULL);
    for (uint64_t i = 0; i < 300; i++)
        ask(A, i, "m", "");
    for (uint64_t i = 0; i < 10; i++)
        ask(B, i, "m", "");
    has_replies(B, 10);
    ok(A->n < 150, "ten asks of one link do not wait for three hundred of another (%zu)",
       A->n);
    has_replies(A, 300);
    ok(server_count(&s, "max_in_flight") <= 2, "both share one limit");
    forget_replies(A);

    configure("m", s.url, 5, "", NULL);
    for (uint64_t i = 0; i < 100; i++)
        ask(A, i, "m", "");
    has_replies(A, 100);
    long max = server_count(&s, "max_in_flight");
    ok(max > 2 && max <= 5, "a later CONFIG changes the limit (%ld)", max);
    gateway_stop();
    server_stop(&s);
}

static void
test_link_closes(void)
{
    struct server s = SERVER("--fail-rate", "1", "--fail-mode", "hang", "--fail-by", "prompt",
                             "--fail-attempts", "1");
    gateway_start();
    configure("m", s.url, 2, "", NULL);
    for (uint64_t i = 0; i < 20; i++)
        ask(A, i, "m", "");
    server_reaches(&s, "total", 2);
    ask(B, 0, "m", "");
    ask(B, 1, "m", "");
    step(0);
    runner_close(0);
    ok(has_replies(B, 2), "a link that closes frees its places");
    is_int(server_count(&s, "total"), 4, "and what waited is not sent");
    is_int(server_count(&s, "client_aborted"), 2, "what was under way is broken off");
    gateway_stop();
    server_stop(&s);
}

static void
test_parking(void)
{
    struct server s = SERVER("--latency-ms", "300");
    gateway_start();
    configure("m", s.url, 2, "", NULL);
    for (uint64_t i = 1; i <= 20; i++)
        ask(A, i, "m", "");
    server_reaches(&s, "total", 2);
    ask(B, 1, "m", "");
    link_put(A->link, FRAME_DROP, 0, STR("{}"));
    ok(has_replies(A, 2) && has_replies(B, 1), "DROP 0 leaves what is under way, and other links");
    is_int((long)A->n_dropped, 18, "and names the asks that it forgets");
    is_int(server_count(&s, "total"), 3, "which are not sent");
    ask(A, 21, "m", "");
    ok(has_replies(A, 3), "asks that come later are asks like any other");
    gateway_stop();
    server_stop(&s);

    s = SERVER("--fail-rate", "1", "--fail-mode", "503");
    gateway_start();
    configure("m", s.url, 2, ",\"max_attempts\":1000", NULL);
    A->n_dropped = 0;
    ask(A, 1, "m", "");
    server_reaches(&s, "total", 2);
    link_put(A->link, FRAME_DROP, 0, STR("{}"));
    while (A->n_dropped == 0 && !A->over)
        step(1000);
    is_int((long)A->n_dropped, 1, "an ask between attempts is one that waits");
    gateway_stop();
    server_stop(&s);
}

static void
test_slow_reader(void)
{
    struct server s = SERVER("--reply-len", "1000000");
    gateway_start();
    runner_link(2);
    configure("m", s.url, 4, "", NULL);
    for (uint64_t i = 0; i < 60; i++)
        ask(C, i, "m", "");
    deaf = C;
    server_reaches(&s, "total", 9);
    for (uint64_t i = 0; i < 10; i++) {
        ask(B, i, "m", "");
        has_replies(B, i + 1);
    }
    long total = server_count(&s, "total");
    deaf = NULL;
    ok(total < 40, "nothing is sent for a link that does not read its replies (%ld)", total);
    ok(has_replies(C, 60), "it gets all of them when it reads");
    is_int(server_count(&s, "total"), 70, "each asked for once");
    gateway_stop();
    server_stop(&s);
}

static void
test_sigterm(void)
{
    struct server s = SERVER("--fail-rate", "1", "--fail-mode", "hang");
    gateway_start();
    configure("m", s.url, 2, "", NULL);
    ask(A, 1, "m", "");
    server_reaches(&s, "total", 1);
    kill(gateway, SIGTERM);
    is_int(wait_for(gateway), 0, "SIGTERM ends it, whatever is under way");
    link_free(TAKE(evald_side.link));
    for (unsigned i = 0; i < 3; i++)
        runner_close(i);
    server_stop(&s);
}

int
main(void)
{
    signal(SIGPIPE, SIG_IGN);
    test_answers();
    test_requests_that_cannot_be();
    retries("500", "", 3, 0, 200);
    retries("429", "", 3, 0, 200);
    retries("close", "", 3, 0, 200);
    retries("reset", "", 3, 0, 200);
    retries("partial", "", 3, 0, 200);
    retries("500", ",\"max_attempts\":2", 2, 0, 500);
    retries("close", ",\"max_attempts\":2", 2, -6, 0);
    retries("partial", ",\"max_attempts\":1", 1, -6, 0);
    test_attempts_before();
    test_retry_after();
    test_no_answer();
    test_what_comes_back();
    test_hostile_servers();
    test_credentials();
    test_servers_that_tell();
    test_unix_socket();
    test_links_share();
    test_link_closes();
    test_parking();
    test_slow_reader();
    test_sigterm();
    return tap_done();
}
