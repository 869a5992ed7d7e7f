/* peer.h - plays evald and the gateway to an evald-runner, for tests.
 *
 * One struct peer is one runner.  What it records stays in memory, and score rows asked for
 * by NEXT scored are answered from there, as a journal would.  Plugins and runner are found
 * where the build puts them, below the current directory, or by EVALD_RUNNER and
 * EVALD_TEST_PLUGINS (one folder). */
#ifndef EVALD_TEST_PEER_H
#define EVALD_TEST_PEER_H

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/crumb.h"
#include "common/frame.h"
#include "common/io.h"
#include "common/json.h"
#include "common/mem.h"

#define PEER_PATIENCE_MS 60000 /* nothing at all from the runner: the test gives up */
#define PEER_OPEN 256

struct peer_rec {
    char what;       /* g, s, e, r */
    int64_t row, epoch, function;
    char *head, *part;
};

struct peer {
    pid_t pid;
    struct link *link, *gate;
    struct crumb_page *page;
    struct peer_rec *recs;
    size_t n_recs;
    size_t n_record_frames;
    int n_ready, n_progress, n_log, n_asks, n_drops, n_scored, n_done;
    char *end, *aggregate[8], *statistics[8], *last_log, *last_progress, *last_ask;
    uint64_t open_tags[PEER_OPEN];
    char *open_bodies[PEER_OPEN];
    size_t n_open, most_open;
    /* what it does with an ask; NULL: leaves it open */
    void (*on_ask)(struct peer *p, uint64_t tag, const char *head, const char *body);
    /* appends the DONE frame for from; NULL: an empty journal */
    void (*on_done)(struct peer *p, uint64_t tag, uint64_t from);
    /* what it does when the asks that only wait are to go; NULL: none waits */
    void (*on_park)(struct peer *p);
    /* called after each frame of the runner; NULL: nothing */
    void (*on_any)(struct peer *p, uint16_t type);
    void *arg;
    const char *dataset; /* members of JOB's "dataset"; NULL: JSONL, all of it */
    int data_fd;         /* the next job's data set, in place of its rows; 0: none */
    int status;      /* of the process, once reaped */
    bool gone;
};

extern char **environ;

static const char *
peer_runner(void)
{
    const char *z = getenv("EVALD_RUNNER");
    return z != NULL ? z : "core/runner/evald-runner";
}

static const char *
peer_plugin(const char *name)
{
    static char path[4][512];
    static unsigned at;
    static const char *const places[] = { "tests/plugins/.libs/%s.so", "plugins/.libs/%s.so",
                                          "tests/plugins/broken/.libs/%s.so" };
    char *p = path[at++ % 4];
    const char *dir = getenv("EVALD_TEST_PLUGINS");
    if (dir != NULL) {
        snprintf(p, sizeof path[0], "%s/%s.so", dir, name);
        return p;
    }
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(p, sizeof path[0], places[i], name);
#pragma GCC diagnostic pop
        if (access(p, R_OK) == 0)
            return p;
    }
    return p;
}

/* Runs it, with the far end of a socketpair as descriptor 3. */
static void
peer_start(struct peer *p, const char *more)
{
    int sv[2];
    *p = (struct peer){ 0 };
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
        abort();
    posix_spawn_file_actions_t acts;
    posix_spawn_file_actions_init(&acts);
    int far = fcntl(sv[1], F_DUPFD_CLOEXEC, 10);
    posix_spawn_file_actions_adddup2(&acts, far, 3);
    char *argv[] = { (char *)peer_runner(), (char *)"--link", (char *)"3", (char *)more, NULL };
    if (posix_spawn(&p->pid, argv[0], &acts, NULL, argv, environ) != 0) {
        printf("Bail out! %s cannot be run\n", argv[0]);
        exit(1);
    }
    posix_spawn_file_actions_destroy(&acts);
    close(far);
    close(sv[1]);
    p->link = link_new(sv[0]);
}

static void
peer_forget(struct peer *p)
{
    for (size_t i = 0; i < p->n_recs; i++) {
        free(p->recs[i].head);
        free(p->recs[i].part);
    }
    free(p->recs);
    p->recs = NULL;
    p->n_recs = 0;
    for (int i = 0; i < 8; i++) {
        free(p->aggregate[i]);
        free(p->statistics[i]);
        p->aggregate[i] = p->statistics[i] = NULL;
    }
    for (size_t i = 0; i < p->n_open; i++)
        free(p->open_bodies[i]);
    p->n_open = 0;
    free(p->end);
    free(p->last_log);
    free(p->last_progress);
    free(p->last_ask);
    p->end = p->last_log = p->last_progress = p->last_ask = NULL;
    p->n_ready = 0;
}

static void
peer_stop(struct peer *p)
{
    link_free(p->link);
    p->link = NULL;
    if (!p->gone)
        waitpid(p->pid, &p->status, 0);
    p->gone = true;
    link_free(p->gate);
    p->gate = NULL;
    if (p->page != NULL)
        munmap(p->page, sizeof *p->page);
    peer_forget(p);
}

static int
peer_memfd(const char *bytes, size_t n)
{
    int fd = memfd_create("rows", MFD_CLOEXEC);
    if (fd < 0 || io_write_full(fd, bytes, n) < 0)
        abort();
    return fd;
}

/* A new link to the gateway that this test plays; the runner's end. */
static int
peer_gate(struct peer *p)
{
    int sv[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
        abort();
    link_free(p->gate);
    p->gate = link_new(sv[0]);
    for (size_t i = 0; i < p->n_open; i++)
        free(p->open_bodies[i]);
    p->n_open = 0;
    return sv[1];
}

struct peer_file { const char *name, *ids; }; /* ids: JSON strings, comma between */

/* JOB.  rest: the head's members from "functions" on; files: ended by a NULL name; rows: the
 * data set, or data_fd when it is not NULL. */
static void
peer_job(struct peer *p, const char *mode, const struct peer_file *files, const char *rows,
         long long size, const char *rest)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_putf(&t, "{\"mode\":\"%s\",\"job\":\"7\",\"plugins\":[", mode);
    for (int i = 0; files[i].name != NULL; i++)
        text_putf(&t, "%s{\"file\":%d,\"path\":\"/p/%s.so\",\"sha256\":\"00\",\"ids\":[%s]}",
                  i > 0 ? "," : "", i, files[i].name, files[i].ids);
    text_putf(&t, "],\"dataset\":{\"name\":\"rows\",\"size\":%lld,%s},"
                  "\"plugin_timeout_ms\":20000,\"ask_timeout_ms\":5000,%s}",
              size < 0 ? (long long)strlen(rows) : size,
              p->dataset != NULL ? p->dataset
                                 : "\"format\":\"jsonl\",\"limit\":null,"
                                   "\"row_id_column\":null,\"cluster\":null",
              rest);
    link_begin(p->link, FRAME_JOB, 0);
    link_part(p->link, text_str(&t));
    for (int i = 0; files[i].name != NULL; i++) {
        int fd = open(peer_plugin(files[i].name), O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            printf("# no plugin %s\n", peer_plugin(files[i].name));
        link_send_fd(p->link, fd);
    }
    link_send_fd(p->link, p->data_fd > 0 ? p->data_fd : peer_memfd(rows, strlen(rows)));
    p->data_fd = 0;
    int page = memfd_create("crumbs", MFD_CLOEXEC);
    if (ftruncate(page, sizeof *p->page) < 0)
        abort();
    if (p->page != NULL)
        munmap(p->page, sizeof *p->page);
    p->page = mmap(NULL, sizeof *p->page, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
    link_send_fd(p->link, page);
    link_send_fd(p->link, peer_gate(p));
    link_end(p->link);
}

static void
peer_reply(struct peer *p, uint64_t tag, int status, int http, const char *body)
{
    char head[120];
    snprintf(head, sizeof head, "{\"status\":%d,\"http_status\":%d,\"attempts\":1,\"headers\":{"
                                "\"content-type\":\"application/json\"}}", status, http);
    link_begin(p->gate, FRAME_REPLY, tag);
    link_part(p->gate, str_z(head));
    link_part(p->gate, str_z(body));
    link_end(p->gate);
    for (size_t i = 0; i < p->n_open; i++)
        if (p->open_tags[i] == tag) {
            free(p->open_bodies[i]);
            p->open_tags[i] = p->open_tags[--p->n_open];
            p->open_bodies[i] = p->open_bodies[p->n_open];
            break;
        }
}

static int
peer_by_row(const void *a, const void *b)
{
    const struct peer_rec *x = *(struct peer_rec *const *)a, *y = *(struct peer_rec *const *)b;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return x->epoch < y->epoch ? -1 : x->epoch > y->epoch;
}

/* Three lines a frame, so that runners have to come again. */
static void
peer_scored(struct peer *p, uint64_t tag, int64_t function, int64_t from)
{
    struct peer_rec **list = xcalloc(p->n_recs + 1, sizeof *list);
    size_t n = 0, put = 0;
    for (size_t i = 0; i < p->n_recs; i++)
        if (p->recs[i].what == 's' && p->recs[i].function == function
            && p->recs[i].row * 100 + p->recs[i].epoch >= from)
            list[n++] = &p->recs[i];
    qsort(list, n, sizeof *list, peer_by_row);
    CLEANUP_TEXT struct text t = TEXT_INIT;
    int64_t to = from;
    for (; put < n && put < 3; put++) {
        text_putf(&t, "%lld\t%lld\t0\t\"id-%lld\"\t%s\n", (long long)list[put]->row,
                  (long long)list[put]->epoch, (long long)list[put]->row, list[put]->part);
        to = list[put]->row * 100 + list[put]->epoch + 1;
    }
    link_begin(p->link, FRAME_SCORED, tag);
    text_putf(link_part_begin(p->link),
              "{\"function\":%lld,\"from\":%lld,\"to\":%lld,\"end\":%s}", (long long)function,
              (long long)from, (long long)to, put == n ? "true" : "false");
    link_part_end(p->link);
    link_part(p->link, text_str(&t));
    link_end(p->link);
    p->n_scored++;
    free(list);
}

static void
peer_keep(char **to, struct str s)
{
    free(*to);
    *to = xstrndup(s.ptr, s.len);
}

static void
peer_record(struct peer *p, struct str head, struct str rest)
{
    CLEANUP_JSON json_object *o = NULL;
    struct str part;
    if (json_parse(head, &o, NULL, NULL) < 0)
        abort();
    p->n_record_frames++;
    for (size_t i = 0; i < json_object_array_length(o); i++) {
        json_object *r = json_object_array_get_idx(o, i);
        if (!frame_part(&rest, &part))
            abort();
        if ((p->n_recs & (p->n_recs - 1)) == 0) /* as many as there is room for: twice that */
            p->recs = xreallocarray(p->recs, 2 * p->n_recs + 1, sizeof *p->recs);
        struct peer_rec *k = &p->recs[p->n_recs++];
        k->what = json_object_get_string(json_object_array_get_idx(r, 0))[0];
        k->row = json_object_get_int64(json_object_array_get_idx(r, 1));
        k->epoch = json_object_get_int64(json_object_array_get_idx(r, 2));
        k->function =
            k->what == 'g' ? -1 : json_object_get_int64(json_object_array_get_idx(r, 3));
        k->head = xstrdup(json_object_to_json_string_ext(
            r, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
        k->part = xstrndup(part.ptr, part.len);
    }
}

static int
peer_frame(void *arg, const struct frame *f)
{
    struct peer *p = arg;
    struct str rest = f->payload, head = STR("{}"), part;
    frame_part(&rest, &head);
    CLEANUP_JSON json_object *o = NULL;
    if (json_parse(head, &o, NULL, NULL) < 0)
        abort();
    switch (f->type) {
    case FRAME_READY:
        p->n_ready++;
        break;
    case FRAME_RECORD:
        peer_record(p, head, rest);
        break;
    case FRAME_NEXT:
        if (strcmp(json_get_str(o, "what", ""), "scored") == 0) {
            peer_scored(p, f->tag, json_get_int(o, "function", -1), json_get_int(o, "from", 0));
        } else if (p->on_done != NULL) {
            p->n_done++;
            p->on_done(p, f->tag, (uint64_t)json_get_int(o, "from", 0));
        }
        break;
    case FRAME_PROGRESS:
        p->n_progress++;
        peer_keep(&p->last_progress, head);
        break;
    case FRAME_AGGREGATE: {
        int64_t i = json_get_int(o, "function", 7) & 7;
        if (frame_part(&rest, &part))
            peer_keep(&p->aggregate[i], part);
        if (frame_part(&rest, &part))
            peer_keep(&p->statistics[i], part);
        break;
    }
    case FRAME_LOG:
        p->n_log++;
        peer_keep(&p->last_log, head);
        break;
    case FRAME_END:
        peer_keep(&p->end, head);
        break;
    case FRAME_ASK:
        p->n_asks++;
        peer_keep(&p->last_ask, head);
        frame_part(&rest, &part);
        if (p->n_open < PEER_OPEN) {
            p->open_tags[p->n_open] = f->tag;
            p->open_bodies[p->n_open++] = xstrndup(part.ptr, part.len);
        }
        if (p->n_open > p->most_open)
            p->most_open = p->n_open;
        if (p->on_ask != NULL) {
            char *h = xstrndup(head.ptr, head.len), *b = xstrndup(part.ptr, part.len);
            p->on_ask(p, f->tag, h, b);
            free(h);
            free(b);
        }
        break;
    case FRAME_DROP:
        if (f->tag != 0)
            p->n_drops++;
        else if (p->on_park != NULL)
            p->on_park(p);
        break;
    default:
        printf("# a frame that runners do not send: %u\n", f->type);
        abort();
    }
    if (p->on_any != NULL)
        p->on_any(p, f->type);
    return 0;
}

/* One round of reading and writing; false when the runner is gone or silent. */
static bool
peer_round(struct peer *p)
{
    struct err err = { 0 };
    link_flush(p->link, NULL);
    if (p->gate != NULL)
        link_flush(p->gate, NULL);
    struct pollfd fds[2] = { { link_fd(p->link), POLLIN, 0 },
                             { p->gate != NULL ? link_fd(p->gate) : -1, POLLIN, 0 } };
    if (link_pending(p->link) > 0)
        fds[0].events |= POLLOUT;
    if (p->gate != NULL && link_pending(p->gate) > 0)
        fds[1].events |= POLLOUT;
    int n = poll(fds, 2, PEER_PATIENCE_MS);
    if (n == 0) {
        printf("# the runner is silent\n");
        kill(p->pid, SIGKILL);
        return false;
    }
    if ((fds[1].revents & ~POLLOUT) && link_read(p->gate, peer_frame, p, &err) < 0) {
        link_free(p->gate);
        p->gate = NULL;
    }
    if ((fds[0].revents & ~POLLOUT) && link_read(p->link, peer_frame, p, &err) < 0) {
        waitpid(p->pid, &p->status, 0);
        p->gone = true;
        return false;
    }
    return true;
}

/* Until END; the END's text, or "" when it died. */
static const char *
peer_run(struct peer *p)
{
    while (p->end == NULL && !p->gone && peer_round(p))
        ;
    return p->end != NULL ? p->end : "";
}

/* The record of a unit; "" when there is none. */
static const char *
peer_rec(const struct peer *p, char what, int64_t row, int64_t epoch, int64_t function)
{
    for (size_t i = 0; i < p->n_recs; i++)
        if (p->recs[i].what == what && p->recs[i].row == row && p->recs[i].epoch == epoch
            && p->recs[i].function == function)
            return p->recs[i].part;
    return "";
}

static const char *
peer_head(const struct peer *p, char what, int64_t row, int64_t epoch, int64_t function)
{
    for (size_t i = 0; i < p->n_recs; i++)
        if (p->recs[i].what == what && p->recs[i].row == row && p->recs[i].epoch == epoch
            && p->recs[i].function == function)
            return p->recs[i].head;
    return "";
}

static int
peer_count(const struct peer *p, char what)
{
    int n = 0;
    for (size_t i = 0; i < p->n_recs; i++)
        n += p->recs[i].what == what;
    return n;
}

#endif
