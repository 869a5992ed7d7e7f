/* Jobs and calls with a runner and a gateway of the test's own: this program is all three.
 * The runner does what the params of the first function tell it to. */
#include "config.h"

#include <ev.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crumb.h"
#include "common/frame.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/journal.h"
#include "daemon/sched_impl.h"
#include "answer.h"
#include "fds.h"
#include "tap.h"

/* ======== the runner ======== */

#define ROWS_MAX 64

struct fake {
    struct link *link;
    json_object *job;
    struct crumb_page *crumbs;
    int n_rows, lines;
    bool resume, complete[ROWS_MAX];
};

static const struct job_origin no_origin = { .key = NULL }; /* no client sends it again */
static const char *
act(struct fake *f)
{
    json_object *fn = json_object_array_get_idx(json_get(f->job, "functions"), 0);
    return json_get_str(json_get(fn, "params"), "act", "");
}

static void
push(struct fake *f)
{
    while (link_pending(f->link) > 0) {
        if (link_flush(f->link, NULL) < 0)
            _exit(3);
        struct pollfd p = { link_fd(f->link), POLLOUT, 0 };
        if (link_pending(f->link) > 0)
            poll(&p, 1, -1);
    }
}

static void
say_end(struct fake *f, const char *state, const char *code)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_putf(&t, "{\"state\":\"%s\",\"rows\":%d,\"dataset_xxh3\":\"abc\",\"error\":", state,
              f->n_rows);
    if (code != NULL)
        text_putf(&t, "{\"code\":\"%s\",\"message\":\"row 1: no good\"}}", code);
    else
        text_puts(&t, "null}");
    link_put(f->link, FRAME_END, 0, text_str(&t));
    push(f);
}

static void
say_row(struct fake *f, int row, size_t pad)
{
    char *more = xcalloc(1, pad + 1);
    memset(more, 'x', pad);
    link_begin(f->link, FRAME_RECORD, 0);
    text_putf(link_part_begin(f->link),
              "[[\"g\",%d,0,%d,0,{\"input_tokens\":10,\"output_tokens\":1}],[\"s\",%d,0,0,null]]",
              row, row, row);
    link_part_end(f->link);
    text_putf(link_part_begin(f->link), "{\"generated_answer\":\"%d%s\"}", row, more);
    link_part_end(f->link);
    text_putf(link_part_begin(f->link), "{\"score\":%d}", row);
    link_part_end(f->link);
    link_end(f->link);
    free(more);
}

static void
say_error(struct fake *f, int row)
{
    link_begin(f->link, FRAME_RECORD, 0);
    text_putf(link_part_begin(f->link),
              "[[\"e\",%d,0,-1,1,\"candidate\",\"remote\"],[\"g\",%d,0,%d,0,null],"
              "[\"s\",%d,0,0,null]]", row, row, row, row);
    link_part_end(f->link);
    link_part(f->link, STR("broken"));
    link_part(f->link, STR("{\"generated_answer\":null,\"error\":{}}"));
    link_part(f->link, STR("{\"score\":null,\"error\":{}}"));
    link_end(f->link);
}

static void
ask_next(struct fake *f, const char *what, int64_t from)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_putf(&t, "{\"what\":\"%s\",\"function\":0,\"from\":%lld}", what, (long long)from);
    link_put(f->link, FRAME_NEXT, 7, text_str(&t));
}

static void
die(struct fake *f, int row, enum crumb_state state)
{
    push(f);
    struct crumb *c = &f->crumbs->slots[3];
    c->row = (uint64_t)row;
    c->signal = SIGSEGV;
    atomic_store(&c->state, state);
    kill(getpid(), SIGKILL);
}

static void
run_rows(struct fake *f)
{
    const char *a = act(f);
    if (strcmp(a, "close") == 0) { /* as a plugin that closes all descriptors */
        close(link_fd(f->link));
        for (;;)
            pause();
    }
    if (strcmp(a, "twice") == 0)
        ask_next(f, "scored", 0);
    if (strcmp(a, "garbage") == 0)
        link_put(f->link, FRAME_ASK, 0, STR("{}"));
    if (strcmp(a, "fail") == 0) {
        say_end(f, "failed", "bad_row");
        return;
    }
    if (strcmp(a, "silent") == 0)
        return;
    if (strcmp(a, "tail") == 0) { /* the second comes while the first is being stored */
        say_row(f, 0, 100000);
        say_row(f, 1, 0);
        return;
    }
    for (int i = 0; i < f->n_rows; i++) {
        if (f->complete[i])
            continue;
        if (i == 1 && strcmp(a, "crash") == 0)
            die(f, i, CRUMB_CRASHED);
        if (i == 1 && strcmp(a, "killed") == 0)
            die(f, i, CRUMB_BUSY);
        if (i == 1 && strcmp(a, "hold") == 0 && !f->resume)
            return;
        if (i == 1 && !f->resume && (strcmp(a, "errs") == 0 || strcmp(a, "errs-hold") == 0)) {
            say_error(f, i);
            if (strcmp(a, "errs-hold") == 0)
                return;
            continue;
        }
        say_row(f, i, 0);
    }
    f->lines = 0;
    ask_next(f, "scored", 0);
}

static void
begin_job(struct fake *f, const struct frame *frame, json_object *head)
{
    json_cleanup(&f->job);
    f->job = json_object_get(head);
    size_t n_files = 0;
    json_object *plugins = json_get(head, "plugins");
    for (size_t i = 0; i < json_object_array_length(plugins); i++)
        n_files += json_get(json_object_array_get_idx(plugins, i), "file") != NULL;
    for (size_t i = 0; i < n_files; i++)
        close(link_take_fd(f->link));
    int data = link_take_fd(f->link), crumbs = link_take_fd(f->link);
    (void)frame;
    if (f->crumbs == NULL)
        f->crumbs =
            mmap(NULL, sizeof *f->crumbs, PROT_READ | PROT_WRITE, MAP_SHARED, crumbs, 0);
    close(crumbs);
    static char text[65536];
    ssize_t n = pread(data, text, sizeof text, 0);
    close(data);
    int64_t size = json_get_int(json_get(head, "dataset"), "size", 0);
    f->n_rows = 0;
    for (ssize_t i = 0; i < n && i < size; i++)
        f->n_rows += text[i] == '\n';
    memset(f->complete, 0, sizeof f->complete);
    f->resume = json_get_bool(head, "resume", false);
    if (strcmp(act(f), "early") == 0)
        _exit(9);
    link_put(f->link, FRAME_READY, 0, STR("{\"job\":null}"));
    if (f->resume)
        ask_next(f, "done", 0);
    else
        run_rows(f);
}

static void
take_done(struct fake *f, json_object *head)
{
    json_object *list = json_get(head, "complete");
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *r = json_object_array_get_idx(list, i);
        int64_t to = json_object_get_int64(json_object_array_get_idx(r, 1));
        for (int64_t at = json_object_get_int64(json_object_array_get_idx(r, 0)); at < to; at++)
            f->complete[at] = true;
    }
    if (json_get_bool(head, "end", true))
        run_rows(f);
    else
        ask_next(f, "done", json_get_int(head, "to", 0));
}

static void
take_scored(struct fake *f, json_object *head, struct str lines)
{
    for (size_t i = 0; i < lines.len; i++)
        f->lines += lines.ptr[i] == '\n';
    if (!json_get_bool(head, "end", true)) {
        ask_next(f, "scored", json_get_int(head, "to", 0));
        return;
    }
    link_begin(f->link, FRAME_AGGREGATE, 0);
    link_part(f->link, STR("{\"function\":0}"));
    text_putf(link_part_begin(f->link), "{\"lines\":%d}", f->lines);
    link_part_end(f->link);
    link_part(f->link, STR("{}"));
    link_end(f->link);
    say_end(f, "completed", NULL);
    if (strcmp(act(f), "exit") == 0)
        _exit(0);
}

static int
fake_frame(void *arg, const struct frame *frame)
{
    struct fake *f = arg;
    struct str rest = frame->payload, head_text = STR(""), lines = STR("");
    frame_part(&rest, &head_text);
    frame_part(&rest, &lines);
    CLEANUP_JSON json_object *head = NULL;
    json_parse(head_text, &head, NULL, NULL);
    switch (frame->type) {
    case FRAME_JOB: begin_job(f, frame, head); break;
    case FRAME_DONE: take_done(f, head); break;
    case FRAME_SCORED: take_scored(f, head, lines); break;
    case FRAME_STOP: say_end(f, "stopped", NULL); break;
    default: break;
    }
    return 0;
}

static int
gateway_frame(void *arg, const struct frame *frame)
{
    (void)arg;
    (void)frame; /* descriptors that nobody takes are closed */
    return 0;
}

static void
be_child(link_frame_fn *fn)
{
    struct fake f = { .link = link_new(3) };
    for (;;) {
        push(&f);
        struct pollfd p = { 3, POLLIN, 0 };
        poll(&p, 1, -1);
        if (link_read(f.link, fn, &f, NULL) != 0)
            _exit(0);
    }
}

/* ======== evald's side: catalogue and plugins ======== */

static char dir[] = "/tmp/evald-sched-XXXXXX";
static struct conf conf;
static struct store *store;
static struct sched *sched;

static struct dataset dataset = { .id = (char *)"d", .rows_file = (char *)"five",
                                  .rows_bytes = 40, .rows_count = 5 };
static struct benchmark benchmark = { .id = (char *)"b", .dataset_id = (char *)"d" };
static struct plugin_file plugin_file = { .path = (char *)"/p.so", .sha256 = "0" };
static struct plugin plugin = { .id = (char *)"acme::p", .version = (char *)"1.0",
                                .kind = PLUGIN_SCORER, .file = &plugin_file };

const struct benchmark *
catalog_benchmark(const struct catalog *c, const char *id)
{
    (void)c;
    return strcmp(id, "b") == 0 ? &benchmark : NULL;
}

static int64_t catalog_bytes; /* of every user's data sets */

int64_t
catalog_user_bytes(const struct catalog *c, uid_t owner)
{
    (void)c;
    (void)owner;
    return catalog_bytes;
}

const struct dataset *
catalog_dataset(const struct catalog *c, const char *id)
{
    (void)c;
    return strcmp(id, "d") == 0 ? &dataset : NULL;
}

const struct plugin *
plugins_find(struct plugins *p, const char *id, enum plugin_kind kind, struct err *err)
{
    (void)p;
    if (strcmp(id, plugin.id) == 0 && kind == plugin.kind)
        return &plugin;
    return ERR_NULL(err, ERR_INVALID, "no plugin '%s'", id);
}

size_t
plugins_count(const struct plugins *p)
{
    (void)p;
    return 1;
}

const struct plugin *
plugins_at(const struct plugins *p, size_t i)
{
    (void)p;
    return i == 0 ? &plugin : NULL;
}

/* ---- life ---- */

static int64_t got_id;

static void
start_evald(void)
{
    struct err err;
    store = store_open(loop, conf.state_dir, &err);
    struct sched_options o = { .loop = loop, .conf = &conf, .store = store };
    sched = store ? sched_new(&o, &err) : NULL;
    if (sched == NULL) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
}

static void
on_stopped(void *arg)
{
    (void)arg;
    answered = true;
}

static void
stop_evald(void)
{
    sched_stop(sched, on_stopped, NULL);
    wait_answer();
    sched_free(sched);
    store_free(store);
    sched = NULL;
    store = NULL;
}

/* ---- asking ---- */

static json_object *
make_spec(const char *what, size_t pad)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_putf(&t,
              "{\"candidate\":{\"type\":\"model\",\"model\":\"m\"},\"roles\":{},\"functions\":["
              "{\"id\":\"f\",\"plugin\":\"acme::p\",\"params\":{\"act\":\"%s\",\"pad\":\"",
              what);
    for (size_t i = 0; i < pad; i++)
        text_putc(&t, 'x');
    text_puts(&t, "\"}}],\"dataset\":{},\"epochs\":1,\"models\":[],\"plugin_timeout_ms\":1000,"
                  "\"max_error_rate\":1,\"on_error\":");
    text_puts(&t, strcmp(what, "errs-hold") == 0 ? "\"fail\"}" : "\"record\"}");
    json_object *o = NULL;
    struct err err;
    if (json_parse(text_str(&t), &o, NULL, &err) < 0)
        abort();
    return o;
}

static void
on_created(void *arg, int64_t id, const struct err *err)
{
    (void)arg;
    got_id = id;
    take_err(err);
}

static int64_t
submit_large(const char *what, size_t pad)
{
    char path[200];
    snprintf(path, sizeof path, "%s/datasets/five", conf.state_dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct dataset_snapshot snapshot = { .fd = fd, .format = ROWS_JSONL, .size = 40,
                                         .name = xstrdup("d"), .fingerprint = xstrdup("rows:five:40") };
    sched_submit(sched, "b", 0, make_spec(what, pad), &snapshot, &no_origin,
                 on_created, NULL);
    wait_answer();
    return got_id;
}

static int64_t
submit(const char *what)
{
    return submit_large(what, 0);
}

static void
on_over(void *arg)
{
    (void)arg;
    answered = true;
}

static const char *
state(int64_t id)
{
    return job_state_name(sched_job(sched, id)->state);
}

/* Its state once it has ended. */
static const char *
end_of(int64_t id)
{
    while (sched_job(sched, id)->state < JOB_COMPLETED) {
        sched_wait(sched, id, 60000, on_over, NULL);
        wait_answer();
    }
    return state(id);
}

static bool chunk_end;

static void
on_chunk(void *arg, struct str chunk, bool end, const struct err *err)
{
    (void)arg;
    text_put_str(&got_text, chunk);
    chunk_end = end;
    take_err(err);
}

static const char *
result_of(int64_t id)
{
    struct sched_result *r = sched_result_open(sched, id, false);
    text_clear(&got_text);
    do {
        sched_result_next(r, on_chunk, NULL);
        wait_answer();
    } while (!chunk_end);
    sched_result_close(r);
    return got_text.ptr;
}

static json_object *
detail_of(int64_t id)
{
    sched_detail(sched, id, on_text, NULL);
    wait_answer();
    json_object *o = NULL;
    json_parse(text_str(&got_text), &o, NULL, NULL);
    return o;
}

static const char *
call(const char *what)
{
    static const struct call_format format = { .generations = true, .scores_key = "scores" };
    sched_call(sched, 0, make_spec(what, 0), STR("[{\"a\":1},{\"a\":2}]"), &format, on_text,
               NULL);
    wait_answer();
    return got_err.code == ERR_NONE ? got_text.ptr : got_err.text;
}

/* The loop comes round until the condition holds. */
static void
on_tick(struct ev_loop *l, ev_timer *w, int events)
{
    (void)l;
    (void)w;
    (void)events;
}

#define until(cond) \
    do { \
        ev_timer tick_; \
        ev_timer_init(&tick_, on_tick, 0.01, 0.01); \
        ev_timer_start(loop, &tick_); \
        while (!(cond)) \
            ev_run(loop, EVRUN_ONCE); \
        ev_timer_stop(loop, &tick_); \
    } while (0)

/* ======== jobs ======== */

#define WHOLE \
    "{\"generations\":[{\"generated_answer\":\"0\"},{\"generated_answer\":\"1\"}," \
    "{\"generated_answer\":\"2\"},{\"generated_answer\":\"3\"},{\"generated_answer\":\"4\"}]," \
    "\"scores\":{\"f\":{\"score_rows\":[{\"score\":0},{\"score\":1},{\"score\":2}," \
    "{\"score\":3},{\"score\":4}],\"aggregated_results\":{\"lines\":5}}}}"

static void
test_complete(void)
{
    int64_t id = submit("go");
    is_int(id, 0, "the first job");
    is_str(end_of(id), "completed", "a job completes");
    is_str(result_of(id), WHOLE, "its result, byte for byte");
    CLEANUP_JSON json_object *o = detail_of(id);
    is_int(json_get_int(json_get(o, "usage"), "input_tokens", -1), 50, "its usage");
    json_object *manifest = json_get(o, "manifest");
    is_str(json_get_str(json_get(manifest, "dataset"), "xxh3", ""), "abc", "its manifest");
    is_int(sched_job(sched, id)->rows_done, 5, "its rows");
    struct stat st;
    ok(fstatat(store_dir(store), "jobs/0.rows", &st, 0) < 0, "its copy of the data is gone");
    sched_cancel(sched, id, on_done, NULL);
    wait_answer();
    is_int(got_err.code, ERR_CONFLICT, "it cannot be cancelled any more");
    sched_cancel(sched, 77, on_done, NULL);
    wait_answer();
    is_int(got_err.code, ERR_INVALID, "nor a job that is not there");
    sched_detail(sched, 77, on_text, NULL);
    wait_answer();
    ok(got_err.code != ERR_NONE, "which has no detail either");
}

/* A record that comes while the one before is being stored waits for no third one. */
static void
test_tail(void)
{
    int64_t id = submit("tail");
    struct job *j = NULL;
    for (size_t i = 0; i < sched->n_jobs; i++)
        if (sched->jobs[i]->info.id == id)
            j = sched->jobs[i];
    until(j->counts.generations == 2);
    ok(true, "both records are stored while the runner is silent");
    sched_cancel(sched, id, on_done, NULL);
    wait_answer();
    is_str(state(id), "cancelled", "a job is cancelled at once");
    sched_cancel(sched, id, on_done, NULL);
    wait_answer();
    is_int(got_err.code, ERR_NONE, "and again");
    until(j->runner == NULL && j->journal == NULL);
    is_int(sched->running, 0, "its runner stops, its place is free");
    is_str(state(id), "cancelled", "and it stays cancelled");
}

/* The kinds of a job's events in their order, with commas. */
static const char *
events_of(int64_t id)
{
    static char kinds[200];
    sqlite3 *db;
    sqlite3_stmt *st = NULL;
    CLEANUP_FREE char *path = xasprintf("%s/jobs/%lld.db", conf.state_dir, (long long)id);
    kinds[0] = '\0';
    if (sqlite3_open(path, &db) == SQLITE_OK
        && sqlite3_prepare_v2(db, "SELECT kind FROM event ORDER BY seq", -1, &st, NULL)
               == SQLITE_OK)
        while (sqlite3_step(st) == SQLITE_ROW)
            snprintf(kinds + strlen(kinds), sizeof kinds - strlen(kinds), "%s%s",
                     kinds[0] != '\0' ? "," : "", (const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    sqlite3_close(db);
    return kinds;
}

static void
test_deaths(void)
{
    int64_t id = submit("crash");
    is_str(end_of(id), "completed", "a crash does not end a job");
    is_str(events_of(id), "started,runner_died,row_charged,resumed,completed",
           "its events tell what happened");
    is_int(sched_job(sched, id)->rows_failed, 1, "the row is charged");
    ok(strstr(result_of(id), "{\"generated_answer\":null,\"error\":{\"stage\":\"candidate\","
                             "\"code\":\"plugin\",\"message\":\"plugin acme::p@1.0 crashed with "
                             "SIGSEGV\",\"attempts\":1}}") != NULL,
       "and says by whom it was killed");
    id = submit("killed");
    is_str(end_of(id), "completed", "a row that dies alone twice is charged too");
    is_int(sched_job(sched, id)->rows_failed, 1, "once");
    id = submit("early");
    is_str(end_of(id), "failed", "a runner that never gets ready");
    is_str(sched_job(sched, id)->error,
           "the runner died 4 times without a cause (last: status 9)", "is tried four times");
    id = submit("close");
    is_str(end_of(id), "failed", "a runner that closed its link is not waited for");
}

static void
test_protocol(void)
{
    int64_t id = submit("twice");
    is_str(end_of(id), "failed", "a runner that asks twice at a time");
    is_str(sched_job(sched, id)->error,
           "the runner broke the protocol: NEXT before the answer", "is ended");
    id = submit("garbage");
    is_str(end_of(id), "failed", "a frame that runners do not send");
    id = submit("fail");
    is_str(end_of(id), "failed", "a job that its runner gives up");
    is_str(sched_job(sched, id)->error, "row 1: no good", "with the reason");
    is_int(sched_job(sched, id)->error_code, ERR_INVALID, "and its code");
    id = submit_large("go", FRAME_MAX);
    is_str(end_of(id), "failed", "a specification that no frame can hold");
    is_int(sched_job(sched, id)->error_code, ERR_TOO_LARGE, "is too large");
}

static void
test_refused(void)
{
    char path[300];
    snprintf(path, sizeof path, "%s/jobs/%lld.db", conf.state_dir, (long long)sched->next_id);
    mkdir(path, 0700); /* in the way of the journal */
    int64_t id = submit("go");
    ok(id == -1 && got_err.code == ERR_IO, "a job whose journal cannot be made is refused");
    rmdir(path);
    is_int(sched->running, 0, "and gives its place back");
    is_str(end_of(submit("go")), "completed", "the next one goes its way");
}

static void
test_queue(void)
{
    conf.max_runners = 1;
    int64_t first = submit("silent"), second = submit("go"), third = submit("go");
    is_str(state(first), "in_progress", "the first runs");
    is_str(state(second), "scheduled", "the second waits");
    worker_drain(store_reader(store));
    worker_drain(store_worker(store));
    int before = count_fds();
    int64_t last = 0;
    for (int i = 0; i < 20; i++)
        last = submit("go");
    worker_drain(store_reader(store));
    worker_drain(store_worker(store));
    is_int(count_fds(), before, "a job that waits holds no descriptor of rows that are evald's");
    for (int64_t id = third; id <= last; id++) {
        sched_cancel(sched, id, on_done, NULL);
        wait_answer();
    }
    is_str(state(third), "cancelled", "a job that waits is cancelled");
    worker_drain(store_worker(store)); /* notes of it in the journals */
    is_int(count_fds(), before, "and holds nothing");
    sched_cancel(sched, first, on_done, NULL);
    wait_answer();
    is_str(end_of(second), "completed", "the second has its turn");
    is_str(result_of(second), WHOLE, "and its result");
    conf.max_runners = 4;
}

static void
list_job(void *arg, const struct job_row *r)
{
    text_putf(arg, "%lld:%s ", (long long)r->id, r->state);
}

/* A cancel that is asked for while the job ends or begins. */
static void
test_cancel_races(void)
{
    CLEANUP_TEXT struct text want = TEXT_INIT, rows = TEXT_INIT;
    int64_t ids[12];
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = submit("go");
        struct job *j = sched->jobs[sched->n_jobs - 1];
        for (size_t k = 0; k < i; k++)
            ev_run(loop, EVRUN_ONCE | (k % 2 ? EVRUN_NOWAIT : 0));
        answered = false;
        sched_cancel(sched, ids[i], on_done, NULL);
        wait_answer();
        bool cancelled = got_err.code == ERR_NONE;
        until(j->journal == NULL);
        if (strcmp(state(ids[i]), cancelled ? "cancelled" : "completed") != 0)
            ok(false, "job %zu: cancelled=%d, but is %s", i, cancelled, state(ids[i]));
        text_putf(&want, "%lld:%s ", (long long)ids[i], cancelled ? "cancelled" : "completed");
    }
    stop_evald();
    start_evald();
    struct err err;
    job_rows_each(store, list_job, &rows, &err);
    size_t n = want.len < rows.len ? rows.len - want.len : 0;
    is_str(rows.ptr + n, want.ptr, "what a cancel was told is what is on disk");
}

static void
test_park(void)
{
    int64_t id = submit("hold");
    struct job *j = sched->jobs[sched->n_jobs - 1];
    until(j->counts.generations == 1);
    stop_evald();
    ok(true, "evald stops while a job runs");
    start_evald();
    is_str(end_of(id), "completed", "the next one takes the job up");
    is_str(result_of(id), WHOLE, "and completes it");
    CLEANUP_JSON json_object *o = detail_of(id);
    is_int(json_get_int(json_get(o, "usage"), "input_tokens", -1), 50, "with all its usage");

    /* nothing is left to be done: usage comes from the journal alone */
    struct job_row row = { .id = id, .benchmark = "b", .state = "in_progress" };
    char from[200], to[200];
    snprintf(from, sizeof from, "%s/datasets/five", conf.state_dir);
    snprintf(to, sizeof to, "%s/jobs/%lld.rows", conf.state_dir, (long long)id);
    ok(link(from, to) == 0, "the last words of a job are lost");
    job_row_put(store, &row, on_done, NULL);
    wait_answer();
    stop_evald();
    start_evald();
    is_str(end_of(id), "completed", "it completes once more");
    CLEANUP_JSON json_object *again = detail_of(id);
    is_int(json_get_int(json_get(again, "usage"), "input_tokens", -1), 50, "with its usage");
}

static void
test_killed_evald(void)
{
    /* evald ends without a word: sched_free alone */
    int64_t id = submit("hold");
    struct job *j = sched->jobs[sched->n_jobs - 1];
    until(j->counts.generations == 1);
    sched_free(sched);
    store_free(store);
    start_evald();
    is_str(end_of(id), "completed", "a job survives an evald that did not park it");
    is_str(result_of(id), WHOLE, "with all its rows");
}

static bool
is_there(int64_t id, const char *end)
{
    CLEANUP_FREE char *name = xasprintf("jobs/%lld%s", (long long)id, end);
    return faccessat(store_dir(store), name, F_OK, 0) == 0;
}

/* Writes of jobs' lines fail while their table is hidden. */
static void
hide_lines(bool hide)
{
    sqlite3 *db;
    CLEANUP_FREE char *path = xasprintf("%s/catalog.db", conf.state_dir);
    bool done = sqlite3_open(path, &db) == SQLITE_OK
                && sqlite3_exec(db, hide ? "ALTER TABLE job RENAME TO hidden"
                                         : "ALTER TABLE hidden RENAME TO job",
                                NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_close(db);
    ok(done, hide ? "the catalogue takes no lines" : "it takes them again");
}

static void
killed_and_started_again(void)
{
    sched_free(sched);
    store_free(store);
    start_evald();
}

static void
ignore_done(void *arg, const struct err *err)
{
    (void)arg;
    (void)err;
}

static int
control(void (*fn)(struct sched *, int64_t, store_done_fn *, void *), int64_t id)
{
    fn(sched, id, on_done, NULL);
    wait_answer();
    return got_err.code;
}

static void
test_pause(void)
{
    int64_t id = submit("hold");
    struct job *j = sched->jobs[sched->n_jobs - 1];
    until(j->counts.generations == 1);
    is_int(control(sched_pause, id), ERR_NONE, "a running job is paused");
    until(j->runner == NULL);
    is_str(state(id), "scheduled", "it waits");
    is_int(sched->running, 0, "its place is free");
    is_int(control(sched_pause, id), ERR_NONE, "pausing it again changes nothing");
    is_int(control(sched_retry, id), ERR_CONFLICT, "it cannot be retried");
    killed_and_started_again();
    is_str(state(id), "scheduled", "it waits over a restart");
    ok(sched_job(sched, id)->paused, "paused as it is");
    is_int(control(sched_resume, id), ERR_NONE, "until it is resumed");
    is_str(end_of(id), "completed", "then it goes on");
    is_str(result_of(id), WHOLE, "to the same result");
    is_int(control(sched_pause, id), ERR_CONFLICT, "a job that has ended is not paused");
    is_int(control(sched_resume, id), ERR_CONFLICT, "nor resumed");

    id = submit("hold");
    j = sched->jobs[sched->n_jobs - 1];
    until(j->counts.generations == 1);
    sched_pause(sched, id, ignore_done, NULL);
    sched_resume(sched, id, on_done, NULL);
    wait_answer();
    ok(j->runner != NULL && !j->info.paused, "a pause that is taken back at once");
    control(sched_pause, id);
    control(sched_resume, id); /* while it is being stopped */
    is_str(end_of(id), "completed", "or a little later does no harm");
    is_str(result_of(id), WHOLE, "at all");
}

static void
test_retry(void)
{
    int64_t id = submit("errs");
    is_str(end_of(id), "completed", "a job with a row in error");
    is_int(sched_job(sched, id)->rows_failed, 1, "which it counts");
    is_int(control(sched_retry, id), ERR_NONE, "is retried");
    killed_and_started_again();
    is_str(end_of(id), "completed", "by the next evald, where the first was killed");
    is_int(sched_job(sched, id)->rows_failed, 0, "and has none");
    is_str(result_of(id), WHOLE, "in its result");
    is_int(control(sched_retry, id), ERR_NONE, "another retry");
    is_str(state(id), "completed", "has nothing to do");
    ok(!is_there(id, ".rows"), "and leaves nothing");

    id = submit("errs");
    is_str(end_of(id), "completed", "one more");
    hide_lines(true);
    ok(control(sched_retry, id) != ERR_NONE, "a retry that cannot be recorded: %s", got_err.text);
    hide_lines(false);
    is_str(state(id), "completed", "leaves the job as it was");
    is_int(sched->running, 0, "and no place taken");
    is_int(control(sched_retry, id), ERR_NONE, "it can be tried again");
    is_int(control(sched_cancel, id), ERR_NONE, "and cancelled");
    is_int(control(sched_retry, id), ERR_NONE, "and retried right then");
    is_str(end_of(id), "completed", "to its end");
    is_str(result_of(id), WHOLE, "whole");
}

/* The row that fails is in the journal; that it ends the job is not. */
static void
test_fatal_row(void)
{
    int64_t id = submit("errs-hold");
    struct job *j = sched->jobs[sched->n_jobs - 1];
    until(j->counts.failed == 1);
    killed_and_started_again();
    is_str(end_of(id), "completed", "a row that is to end its job is not passed over");
    is_str(result_of(id), WHOLE, "but done again");
}

static void
test_rescore(void)
{
    int64_t id = submit("go");
    end_of(id);
    json_object *spec = make_spec("go", 0);
    json_object *data = json_get(spec, "dataset");
    json_add_str(data, "id", "d");
    json_add_str(data, "fingerprint", "rows:five:40");
    json_add_int(data, "size", 40);
    sched_rescore(sched, id, 0, spec, &no_origin, on_created, NULL);
    wait_answer();
    is_int(got_err.code, ERR_NONE, "a job is rescored: %s", got_err.text);
    ok(got_id > id && sched_job(sched, got_id)->parent == id, "by a new one that knows it");
    is_str(end_of(got_id), "completed", "which completes");
    sched_rescore(sched, 12345, 0, make_spec("go", 0), &no_origin, on_created, NULL);
    wait_answer();
    is_int(got_err.code, ERR_INVALID, "a job that is not there is not rescored");
    sched_rescore(sched, id, 0, make_spec("go", 0), &no_origin, on_created, NULL);
    wait_answer();
    is_int(got_err.code, ERR_INVALID, "nor one whose data are others now: %s", got_err.text);
    is_int(sched->running, 0, "and no place is taken");
}

static bool
touch(int64_t id, const char *end)
{
    CLEANUP_FREE char *name = xasprintf("jobs/%lld%s", (long long)id, end);
    CLEANUP_CLOSE int fd = openat(store_dir(store), name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return fd >= 0;
}

static void
test_leftovers(void)
{
    int64_t never = sched->next_id++; /* whose submission was cut off */
    int64_t ended = submit("go"), held = submit("hold");
    is_str(end_of(ended), "completed", "a job has ended");
    struct job *j = sched->jobs[sched->n_jobs - 1];
    until(j->counts.generations == 1);
    ok(touch(ended, ".rows") && touch(never, ".rows")
           && touch(never, ".db") && touch(never, ".db-wal")
           && touch(never, ".note"),
       "evald is killed before it could tidy up");
    sched_free(sched);
    store_free(store);
    start_evald();
    ok(!is_there(ended, ".rows"), "the next one removes the data of an ended job");
    ok(is_there(ended, ".db"), "but not its journal");
    ok(!is_there(never, ".rows") && !is_there(never, ".db")
           && !is_there(never, ".db-wal"),
       "and all of a job that nobody was told of");
    ok(is_there(never, ".note"), "a file that is not its own stays");
    is_str(end_of(held), "completed", "so do the data of a job that goes on");
    ok(!is_there(held, ".rows"), "until it has ended");
}

static void
test_unrecorded_end(void)
{
    int64_t id = submit("hold");
    struct job *j = sched->jobs[sched->n_jobs - 1];
    until(j->counts.generations == 1);
    hide_lines(true);
    runner_kill(j->runner, SIGKILL); /* the next one does not hold */
    is_str(end_of(id), "completed", "a job whose end cannot be recorded ends");
    ok(is_there(id, ".rows"), "with its data, for a next evald");
    hide_lines(false);
    until(!is_there(id, ".rows"));
    stop_evald();
    start_evald();
    is_str(state(id), "completed", "its end is recorded as soon as that is possible");
}

static void
test_few_descriptors(void)
{
    struct rlimit many, few = { 120, 120 };
    getrlimit(RLIMIT_NOFILE, &many);
    few.rlim_max = many.rlim_max;
    stop_evald();
    setrlimit(RLIMIT_NOFILE, &few);
    start_evald();
    setrlimit(RLIMIT_NOFILE, &many);
    int64_t first = submit("silent"), second = submit("go");
    is_str(state(first), "in_progress", "with few descriptors one job runs");
    is_str(state(second), "scheduled", "and another one waits");
    sched_cancel(sched, first, on_done, NULL);
    wait_answer();
    is_str(end_of(second), "completed", "for its turn");
    stop_evald();
    start_evald();
}

/* ======== calls ======== */

#define CALLED \
    "{\"generations\":[{\"generated_answer\":\"0\"},{\"generated_answer\":\"1\"}]," \
    "\"scores\":{\"f\":{\"score_rows\":[{\"score\":0},{\"score\":1}]," \
    "\"aggregated_results\":{\"lines\":2}}}}"

static void
test_calls(void)
{
    sched->max_call_runners = 1;
    is_str(call("go"), CALLED, "a call");
    ok(sched->call_runners != NULL, "its runner stays warm");
    is_str(call("go"), CALLED, "another call");
    is_str(call("fail"), "row 1: no good", "a call that fails");
    is_int(got_err.code, ERR_INVALID, "with its code");
    is_str(call("exit"), CALLED, "a runner whose last word is END");
    is_str(call("go"), CALLED, "is not asked again");
    is_str(call("early"), "the runner died: status 9", "a runner that dies");
    is_str(call("go"), CALLED, "spoils no later call");
    is_str(call("garbage"), "the runner died: signal 9 (KILL)", "nor one that talks nonsense");
    is_str(call("go"), CALLED, "or this one");
    is_str(call("crash"), "row 1: plugin acme::p@1.0 crashed with SIGSEGV",
           "a crash has a name");
    is_int(got_err.code, ERR_PLUGIN, "and a code");
}

static void
test_call_ends(void)
{
    static const struct call_format format = { .generations = true, .scores_key = "scores" };
    struct sched_call *c[3];
    for (size_t i = 0; i < 3; i++)
        c[i] = sched_call(sched, 0, make_spec("silent", 0), STR("[{\"a\":1}]"), &format,
                          on_text, NULL);
    for (int i = 0; i < 5; i++)
        ev_run(loop, EVRUN_NOWAIT);
    sched_call_cancel(c[2]); /* one that waits */
    sched_call_cancel(c[0]); /* one that runs: the next one has its turn */
    for (int i = 0; i < 5; i++)
        ev_run(loop, EVRUN_NOWAIT);
    sched_call_cancel(c[1]);
    ok(!answered, "callers who hang up hear nothing");
    is_str(call("go"), CALLED, "and are in nobody's way");
    conf.call_timeout_ms = 50;
    call("silent");
    is_int(got_err.code, ERR_TIMEOUT, "a call that takes too long");
    conf.call_timeout_ms = 60000;

    CLEANUP_TEXT struct text rows = TEXT_INIT;
    text_putc(&rows, '[');
    for (int i = 0; i < 1000; i++)
        text_puts(&rows, i ? ",{}" : "{}");
    text_putc(&rows, ']');
    json_object *spec = make_spec("go", 0);
    json_add_int(spec, "epochs", 1000000);
    sched_call(sched, 0, spec, text_str(&rows), &format, on_text, NULL);
    wait_answer();
    is_int(got_err.code, ERR_TOO_LARGE, "a call of too many places: %s", got_err.text);

    sched_call(sched, 0, make_spec("silent", 0), STR("[{\"a\":1}]"), &format, on_text, NULL);
    for (int i = 0; i < 5; i++)
        ev_run(loop, EVRUN_NOWAIT);
    sched_stop(sched, on_stopped, NULL);
    is_int(got_err.code, ERR_SHUTDOWN, "a stop answers the calls");
    sched_call(sched, 0, make_spec("go", 0), STR("[]"), &format, on_text, NULL);
    answered = false;
    wait_answer();
    is_int(got_err.code, ERR_SHUTDOWN, "and those that come later");
    sched_free(sched);
    store_free(store);
}

/* ======== ======== */

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void
prepare(void)
{
    char self[500], path[600];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (mkdtemp(dir) == NULL || n < 0)
        exit(1);
    self[n] = '\0';
    static const char *const names[] = { "evald-runner", "evald-gateway" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        if (symlink(self, path) < 0)
            exit(1);
    }
    conf = (struct conf){
        .state_dir = xasprintf("%s/state", dir), .libexec_dir = dir, .max_runners = 4,
        .call_timeout_ms = 60000, .plugin_timeout_ms = 1000, .shutdown_grace_ms = 1000,
    };
    plugin_file.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "%s/state", dir);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/state/datasets", dir);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/state/datasets/five", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (int i = 0; i < 5; i++)
        if (dprintf(fd, "{\"a\":%d}", i) != 7 || write(fd, "\n", 1) != 1)
            exit(1);
    close(fd);
}

int
main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/');
    if (argc > 2 && name != NULL && strcmp(name, "/evald-runner") == 0)
        be_child(fake_frame);
    if (argc > 2 && name != NULL && strcmp(name, "/evald-gateway") == 0)
        be_child(gateway_frame);
    signal(SIGPIPE, SIG_IGN);
    log_set_level((enum log_level)1);
    prepare();
    ev_timer guard;
    answer_begin(&guard);
    start_evald();
    test_complete();
    test_tail();
    test_deaths();
    test_protocol();
    test_refused();
    test_queue();
    test_cancel_races();
    test_park();
    test_killed_evald();
    test_pause();
    test_retry();
    test_fatal_row();
    test_rescore();
    test_leftovers();
    test_unrecorded_end();
    test_few_descriptors();
    test_calls();
    test_call_ends();
    answer_end(&guard);
    close(plugin_file.fd);
    free(conf.state_dir);
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return tap_done();
}
