#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/crumb.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/child.h"
#include "daemon/runner.h"

/* Queued for a runner that asks on and does not read. */
#define UNREAD_MAX        (size_t)FRAME_MAX
#define READS_AFTER_DEATH 128 /* of about 128 KiB: more than a socket holds */

#define ROW_MAX           (UINT64_C(1) << 40)

struct runner {
    struct runner_context cx;
    bool call;
    char *job;
    struct child *child;
    struct link *link;
    ev_io readable, writable;
    bool paused;
    struct crumb_page *crumbs;
    int crumb_fd;
    struct gate_user *gate_user;
    int gate_fd; /* the runner's end, until the first JOB takes it */
    const struct plugin_file **files; /* loaded, or about to be */
    size_t n_files;
    char **plugin_ids; /* in the order of JOB's plugins and their ids, as id@version */
    size_t n_plugin_ids;
    const struct runner_ops *ops; /* NULL: no job under way */
    void *arg;
    int timeout_ms;
    bool gone;        /* the process */
    bool *tell_freed; /* set by runner_free() */
    void (*idle_died)(void *arg);
    void *idle_arg;
};

static void
flush(struct runner *r)
{
    if (r->link == NULL)
        return;
    /* a broken link is followed by the death of the process, which is handled there */
    if (link_flush(r->link, NULL) < 0 || link_pending(r->link) == 0)
        ev_io_stop(r->cx.loop, &r->writable);
    else
        ev_io_start(r->cx.loop, &r->writable);
}

/* ---- what the runner says ---- */

static int
on_frame(void *arg, const struct frame *f)
{
    struct runner *r = arg;
    struct str rest = f->payload, head_text = { "", 0 };
    frame_part(&rest, &head_text);
    if (f->type == FRAME_RECORD) {
        if (r->ops != NULL && r->ops->record == NULL)
            return 1;
        if (r->ops != NULL)
            r->ops->record(r->arg, f->payload);
        return 0;
    }
    if (f->type == FRAME_ROWS) {
        struct str lines;
        if (!frame_part(&rest, &lines) || (r->ops != NULL && r->ops->rows == NULL))
            return 1;
        if (r->ops != NULL)
            r->ops->rows(r->arg, lines);
        return 0;
    }
    CLEANUP_JSON json_object *head = NULL;
    if (json_parse(head_text, &head, NULL, NULL) < 0)
        return 1;
    struct str a = { "", 0 }, b = { "", 0 };
    if (r->ops == NULL && f->type != FRAME_LOG)
        return 0; /* of a job that was given up */
    switch (f->type) {
    case FRAME_READY:
        if (r->ops->ready != NULL)
            r->ops->ready(r->arg);
        break;
    case FRAME_NEXT:
        if (r->ops->next == NULL || link_pending(r->link) > UNREAD_MAX)
            return 1;
        r->ops->next(r->arg, f->tag, head);
        break;
    case FRAME_PROGRESS:
        if (r->ops->progress == NULL)
            return 1;
        r->ops->progress(r->arg, json_get_int(head, "rows_done", 0),
                         json_get_int(head, "rows_total", -1),
                         json_get_int(head, "in_flight", 0));
        break;
    case FRAME_AGGREGATE:
        if (r->ops->aggregate == NULL || !frame_part(&rest, &a) || !frame_part(&rest, &b))
            return 1;
        r->ops->aggregate(r->arg, (int)json_get_int(head, "function", 0), a, b);
        break;
    case FRAME_LOG:
        log_at(log_level_clamp(json_get_int(head, "level", LOG_LEVEL_INFO)), "%s plugin=%s",
               json_get_str(head, "text", ""), json_get_str(head, "plugin", "?"));
        break;
    case FRAME_END: {
        const struct runner_ops *ops = r->ops;
        r->ops = NULL;
        ops->end(r->arg, head); /* r may be gone now */
        return 2;
    }
    default:
        return 1;
    }
    return 0;
}

static void
on_readable(struct ev_loop *loop, ev_io *w, int events)
{
    (void)loop;
    (void)events;
    struct runner *r = w->data;
    struct err err;
    int rc = link_read(r->link, on_frame, r, &err);
    if (rc == 2 || rc == 0)
        return;
    if (rc == 1 || err.code == ERR_PROTO)
        log_error("runner broke the protocol pid=%ld%s%s", (long)child_pid(r->child),
                  rc == 1 ? "" : ": ", rc == 1 ? "" : err.text);
    /* a link that closed: it ends anyhow, or a plugin closed it and would wait for ever */
    child_kill(r->child, SIGKILL);
    ev_io_stop(r->cx.loop, w);
}

static void
on_writable(struct ev_loop *loop, ev_io *w, int events)
{
    (void)loop;
    (void)events;
    flush(w->data);
}

/* ---- death ---- */

static void
fill_charge(const struct runner *r, const struct crumb *c, struct runner_charge *to)
{
    bool sane = c->row <= ROW_MAX; /* the page is the runner's, and it may have gone wild */
    to->row = sane ? (int64_t)c->row : -1;
    to->epoch = c->epoch;
    to->phase = sane ? c->phase : -1;
    const char *id = c->plugin < r->n_plugin_ids ? r->plugin_ids[c->plugin] : "unknown";
    snprintf(to->plugin, sizeof to->plugin, "%s", id);
    snprintf(to->plugin_id, sizeof to->plugin_id, "%.*s", (int)strcspn(id, "@"), id);
    uint32_t state = atomic_load(&c->state);
    if (state == CRUMB_HUNG)
        snprintf(to->what, sizeof to->what, "did not return within %d ms", r->timeout_ms);
    else if (state == CRUMB_CRASHED && c->signal == 0)
        snprintf(to->what, sizeof to->what, "called exit()");
    else if (state == CRUMB_CRASHED)
        snprintf(to->what, sizeof to->what, "crashed with SIG%s",
                 sigabbrev_np((int)c->signal) ? sigabbrev_np((int)c->signal) : "?");
    else
        snprintf(to->what, sizeof to->what, "was running when the runner was killed");
}

static void
read_crumbs(const struct runner *r, struct runner_death *how)
{
    for (size_t i = 0; i < CRUMB_SLOTS; i++) {
        const struct crumb *c = &r->crumbs->slots[i];
        uint32_t state = atomic_load(&c->state);
        if (state == CRUMB_CRASHED || state == CRUMB_HUNG) {
            how->certain = true;
            how->n_charges = 1;
            fill_charge(r, c, &how->charges[0]);
            return;
        }
        if (state == CRUMB_BUSY)
            fill_charge(r, c, &how->charges[how->n_charges++]);
    }
}

static void
on_gone(void *arg, const struct child_exit *how)
{
    struct runner *r = arg;
    bool freed = false;
    r->gone = true;
    r->tell_freed = &freed;
    /* what it wrote before it died still counts */
    int rc = 0;
    for (int i = 0; rc == 0 && i < READS_AFTER_DEATH; i++)
        rc = link_read(r->link, on_frame, r, NULL);
    if (freed)
        return;
    r->tell_freed = NULL;
    ev_io_stop(r->cx.loop, &r->readable);
    struct runner_death death = { 0 };
    if (how->signalled)
        snprintf(death.text, sizeof death.text, "signal %d (%s)", how->code,
                 sigabbrev_np(how->code) ? sigabbrev_np(how->code) : "?");
    else
        snprintf(death.text, sizeof death.text, "status %d", how->code);
    read_crumbs(r, &death);
    log_warning("runner died job=%s pid=%ld %s plugin=%s", r->job ? r->job : "call",
                (long)child_pid(r->child), death.text,
                death.n_charges > 0 ? death.charges[0].plugin : "none");
    const struct runner_ops *ops = r->ops;
    r->ops = NULL;
    if (ops != NULL)
        ops->died(r->arg, &death);
    else if (r->idle_died != NULL)
        r->idle_died(r->idle_arg);
}

static void
on_relinked(void *arg, int fd)
{
    struct runner *r = arg;
    if (r->gate_fd >= 0) { /* it has not got the first one yet */
        close(r->gate_fd);
        r->gate_fd = fd;
        return;
    }
    link_begin(r->link, FRAME_GATEWAY, 0);
    link_part(r->link, STR("{}"));
    link_send_fd(r->link, fd);
    link_end(r->link);
    flush(r);
}

/* ---- start and end ---- */

static int
make_crumbs(struct runner *r, struct err *err)
{
    r->crumb_fd = memfd_create("evald-crumbs", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (r->crumb_fd < 0 || ftruncate(r->crumb_fd, sizeof *r->crumbs) < 0
        || fcntl(r->crumb_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return err_set(err, ERR_IO, "breadcrumb page: %m");
    void *p = mmap(NULL, sizeof *r->crumbs, PROT_READ | PROT_WRITE, MAP_SHARED, r->crumb_fd, 0);
    if (p == MAP_FAILED)
        return err_set(err, ERR_IO, "breadcrumb page: %m");
    r->crumbs = p;
    return 0;
}

struct runner *
runner_start(const struct runner_context *cx, bool call, const char *job,
             void (*idle_died)(void *arg), void *idle_arg, struct err *err)
{
    struct runner *r = xcalloc(1, sizeof *r);
    r->cx = *cx;
    r->call = call;
    r->job = job ? xstrdup(job) : NULL;
    r->gate_fd = r->crumb_fd = -1;
    r->idle_died = idle_died;
    r->idle_arg = idle_arg;
    r->timeout_ms = cx->conf->plugin_timeout_ms;
    int pair[2] = { -1, -1 };
    CLEANUP_FREE char *path = xasprintf("%s/evald-runner", cx->conf->libexec_dir);
    char memory[32];
    snprintf(memory, sizeof memory, "%lld", (long long)cx->conf->runner_memory);
    char *argv[7] = {
        path, "--link", "3", "--memory-max", memory, call ? "--call" : NULL, NULL
    };
    if (make_crumbs(r, err) < 0) {
        runner_free(r);
        return NULL;
    }
    r->gate_user = gate_join(cx->gate, job, on_relinked, r, &r->gate_fd, err);
    if (r->gate_user == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        if (r->gate_user != NULL)
            err_set(err, ERR_IO, "socketpair: %m");
        runner_free(r);
        return NULL;
    }
    r->link = link_new(pair[0]);
    r->child = child_spawn(cx->loop, argv, pair[1], on_gone, r, err);
    if (r->child == NULL) {
        runner_free(r);
        return NULL;
    }
    ev_io_init(&r->readable, on_readable, pair[0], EV_READ);
    ev_io_init(&r->writable, on_writable, pair[0], EV_WRITE);
    r->readable.data = r->writable.data = r;
    ev_io_start(cx->loop, &r->readable);
    flush(r);
    log_debug("runner started job=%s pid=%ld", job ? job : "call", (long)child_pid(r->child));
    return r;
}

void
runner_free(struct runner *r)
{
    if (r == NULL)
        return;
    if (r->tell_freed != NULL)
        *r->tell_freed = true;
    gate_leave(r->gate_user);
    if (r->link != NULL) {
        ev_io_stop(r->cx.loop, &r->readable);
        ev_io_stop(r->cx.loop, &r->writable);
        link_free(r->link);
    }
    child_free(r->child);
    mem_cleanup_close(&r->gate_fd);
    mem_cleanup_close(&r->crumb_fd);
    if (r->crumbs != NULL)
        munmap(r->crumbs, sizeof *r->crumbs);
    for (size_t i = 0; i < r->n_plugin_ids; i++)
        free(r->plugin_ids[i]);
    free(r->plugin_ids);
    free(r->files);
    free(r->job);
    free(r);
}

bool
runner_gone(const struct runner *r)
{
    return r->gone;
}

/* ---- the JOB frame ---- */

struct needed {
    const struct plugin_file **files;
    size_t n;
};

static int
need_plugin(const struct runner_context *cx, struct needed *set, const char *id,
            enum plugin_kind kind, struct err *err)
{
    const struct plugin *p = plugins_find(cx->plugins, id, kind, err);
    if (p == NULL)
        return -1;
    for (size_t i = 0; i < set->n; i++)
        if (set->files[i] == p->file)
            return 0;
    set->files = xreallocarray(set->files, set->n + 1, sizeof *set->files);
    set->files[set->n++] = p->file;
    return 0;
}

/* Files of the functions' and the models' plugins, in the order of their paths. */
static int
needed_files(const struct runner_context *cx, json_object *spec, struct needed *set,
             struct err *err)
{
    json_object *functions = json_get(spec, "functions"), *models = json_get(spec, "models");
    json_object *source = json_get(spec, "source");
    if (source != NULL)
        return need_plugin(cx, set, json_get_str(source, "id", ""), PLUGIN_SOURCE, err);
    size_t n = json_object_array_length(functions);
    for (size_t i = 0; i < n; i++) {
        json_object *fn = json_object_array_get_idx(functions, i);
        if (need_plugin(cx, set, json_get_str(fn, "plugin", ""), PLUGIN_SCORER, err) < 0)
            return -1;
    }
    n = json_object_array_length(models);
    for (size_t i = 0; i < n; i++) {
        json_object *model = json_object_array_get_idx(models, i);
        if (need_plugin(cx, set, json_get_str(model, "adapter", ""), PLUGIN_MODEL, err) < 0)
            return err_prefix(err, "model '%s'", json_get_str(model, "id", ""));
    }
    for (size_t i = 1; i < set->n; i++) /* a handful: insertion sort */
        for (size_t k = i; k > 0 && strcmp(set->files[k - 1]->path, set->files[k]->path) > 0;
             k--) {
            const struct plugin_file *f = set->files[k];
            set->files[k] = set->files[k - 1];
            set->files[k - 1] = f;
        }
    return 0;
}

char *
runner_plugin_set(const struct runner_context *cx, json_object *spec, struct err *err)
{
    struct needed set = { NULL, 0 };
    CLEANUP_TEXT struct text key = TEXT_INIT;
    int rc = needed_files(cx, spec, &set, err);
    for (size_t i = 0; rc == 0 && i < set.n; i++)
        text_putf(&key, "%s\n", set.files[i]->sha256);
    free(set.files);
    return rc == 0 ? text_take(&key) : NULL;
}

static bool
is_loaded(const struct runner *r, const struct plugin_file *file)
{
    for (size_t i = 0; i < r->n_files; i++)
        if (r->files[i] == file)
            return true;
    return false;
}

/* The "plugins" member; fills fds with what must go along. */
static json_object *
plugin_entries(struct runner *r, const struct needed *set, int *fds, size_t *n_fds)
{
    json_object *list = json_object_new_array();
    for (size_t i = 0; i < r->n_plugin_ids; i++)
        free(r->plugin_ids[i]);
    r->n_plugin_ids = 0;
    for (size_t i = 0; i < set->n; i++) {
        const struct plugin_file *file = set->files[i];
        json_object *o = json_object_new_object(), *ids = json_object_new_array();
        if (is_loaded(r, file)) {
            json_add(o, "file", NULL);
        } else {
            json_add_int(o, "file", (int64_t)*n_fds);
            fds[(*n_fds)++] = file->fd;
        }
        json_add_str(o, "path", file->path);
        json_add_str(o, "sha256", file->sha256);
        for (size_t k = 0; k < plugins_count(r->cx.plugins); k++) {
            const struct plugin *p = plugins_at(r->cx.plugins, k);
            if (p->file != file)
                continue;
            json_object_array_add(ids, json_object_new_string(p->id));
            r->plugin_ids = xreallocarray(r->plugin_ids, r->n_plugin_ids + 1,
                                          sizeof *r->plugin_ids);
            r->plugin_ids[r->n_plugin_ids++] = xasprintf("%s@%s", p->id, p->version);
        }
        json_add(o, "ids", ids);
        json_object_array_add(list, o);
    }
    return list;
}

static json_object *
job_head(const struct runner_job *job, bool call, json_object *plugins)
{
    json_object *head = json_object_new_object();
    const char *mode = json_has(job->spec, "source") ? "source" : call ? "call" : "job";
    json_add_str(head, "mode", mode);
    json_add_str(head, "job", job->job);
    json_add(head, "plugins", plugins);
    json_object *dataset = json_object_new_object();
    json_add_str(dataset, "name", job->data_name);
    json_add_str(dataset, "format", job->data_format);
    json_add_int(dataset, "size", job->data_size);
    json_object *given = json_get(job->spec, "dataset");
    static const char *const kept[] = { "limit", "row_id_column", "cluster" };
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        json_add(dataset, kept[i], json_object_get(json_get(given, kept[i])));
    json_add(head, "dataset", dataset);
    static const char *const members[] = {
        "epochs", "seed", "on_error", "candidate", "models", "roles", "functions", "window",
        "window_bytes", "max_attempts", "plugin_timeout_ms", "ask_timeout_ms",
    };
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        json_add(head, members[i], json_object_get(json_get(job->spec, members[i])));
    json_add_bool(head, "rescored", json_get_bool(job->spec, "rescored", false));
    if (json_has(job->spec, "source"))
        json_add(head, "source", json_object_get(json_get(job->spec, "source")));
    json_add_bool(head, "resume", job->resume);
    json_add(head, "suspects", job->suspects ? json_object_get(job->suspects)
                                             : json_object_new_array());
    json_add(head, "quarantine", job->quarantine ? json_object_get(job->quarantine)
                                                 : json_object_new_array());
    return head;
}

int
runner_send_job(struct runner *r, const struct runner_job *job, const struct runner_ops *ops,
                void *arg, struct err *err)
{
    struct needed set = { NULL, 0 };
    if (needed_files(&r->cx, job->spec, &set, err) < 0) {
        free(set.files);
        return -1;
    }
    if (set.n > FRAME_FDS - 3) {
        free(set.files);
        return err_set(err, ERR_INVALID, "a job of more than %u plugin files", FRAME_FDS - 3);
    }
    int fds[FRAME_FDS];
    size_t n_fds = 0;
    CLEANUP_JSON json_object *head =
        job_head(job, r->call, plugin_entries(r, &set, fds, &n_fds));
    CLEANUP_TEXT struct text head_text = TEXT_INIT;
    json_put(&head_text, head);
    if (head_text.len > FRAME_MAX - 4) {
        free(set.files);
        return err_set(err, ERR_TOO_LARGE, "params and messages of %zu bytes", head_text.len);
    }
    if (job->data_fd >= 0)
        fds[n_fds++] = job->data_fd;
    fds[n_fds++] = r->crumb_fd;
    int dups[FRAME_FDS];
    for (size_t i = 0; i < n_fds; i++) {
        dups[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
        if (dups[i] < 0) {
            err_set(err, ERR_IO, "descriptors of a job: %m");
            while (i-- > 0)
                close(dups[i]);
            free(set.files);
            return -1;
        }
    }
    memset(r->crumbs, 0, sizeof *r->crumbs);
    link_begin(r->link, FRAME_JOB, 0);
    link_part(r->link, text_str(&head_text));
    for (size_t i = 0; i < n_fds; i++)
        link_send_fd(r->link, dups[i]);
    if (r->gate_fd >= 0)
        link_send_fd(r->link, TAKE_FD(r->gate_fd));
    link_end(r->link);
    free(r->files);
    r->files = set.files;
    r->n_files = set.n;
    r->timeout_ms = (int)json_get_int(job->spec, "plugin_timeout_ms", r->timeout_ms);
    r->ops = ops;
    r->arg = arg;
    flush(r);
    return 0;
}

/* ---- while it runs ---- */

void
runner_answer(struct runner *r, enum frame_type type, uint64_t tag, struct str payload)
{
    link_put_payload(r->link, type, tag, payload);
    flush(r);
}

void
runner_stop(struct runner *r, const char *why, int grace_ms)
{
    CLEANUP_TEXT struct text head = TEXT_INIT;
    text_putf(&head, "{\"why\":\"%s\",\"grace_ms\":%d}", why, grace_ms);
    link_put(r->link, FRAME_STOP, 0, text_str(&head));
    flush(r);
}

void
runner_pause(struct runner *r, bool paused)
{
    if (paused == r->paused)
        return;
    r->paused = paused;
    if (paused || r->gone)
        ev_io_stop(r->cx.loop, &r->readable);
    else
        ev_io_start(r->cx.loop, &r->readable);
}

void
runner_kill(struct runner *r, int signal)
{
    child_kill(r->child, signal);
}
