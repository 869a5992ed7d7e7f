#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/sched_impl.h"

#define JOB_FDS      16 /* of a job that runs: runner, links, journal, data */
#define OTHER_FDS    32 /* catalogue, gateway, plugins */
#define STOP_EXTRA_S 3.0 /* on top of the runners' own grace, before they are killed */

void
sched_put_error(struct text *t, const char *stage, const char *code, const char *message,
                int64_t attempts)
{
    text_putf(t, "{\"stage\":\"%s\",\"code\":\"%s\",\"message\":", stage, code);
    jtext_put_string(t, str_z(message));
    text_putf(t, ",\"attempts\":%lld}", (long long)attempts);
}

enum err_code
sched_err_code(const char *code)
{
    static const struct { const char *word; enum err_code code; } words[] = {
        { "bad_row", ERR_INVALID }, { "remote", ERR_REMOTE }, { "timeout", ERR_TIMEOUT },
        { "plugin", ERR_PLUGIN }, { "config", ERR_INVALID }, { "dataset", ERR_INVALID },
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(code, words[i].word) == 0)
            return words[i].code;
    return ERR_INTERNAL;
}

/* ---- the registry ---- */

static size_t
place_of(const struct sched *s, int64_t id)
{
    size_t lo = 0, hi = s->n_jobs;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->jobs[mid]->info.id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct job *
sched_find(const struct sched *s, int64_t id)
{
    size_t i = place_of(s, id);
    return i < s->n_jobs && s->jobs[i]->info.id == id ? s->jobs[i] : NULL;
}

const struct job_info *
sched_job_from(const struct sched *s, int64_t id)
{
    return sched_job_at(s, place_of(s, id));
}

const struct job_info *
sched_job(const struct sched *s, int64_t id)
{
    const struct job *j = sched_find(s, id);
    return j ? &j->info : NULL;
}

const struct job_info *
sched_job_at(const struct sched *s, size_t i)
{
    return i < s->n_jobs ? &s->jobs[i]->info : NULL;
}

static struct job *
new_job(struct sched *s, int64_t id, const char *benchmark, uid_t owner)
{
    struct job *j = xcalloc(1, sizeof *j);
    j->sched = s;
    j->info.id = id;
    j->info.benchmark = xstrdup(benchmark);
    j->info.owner = owner;
    j->user = quota_user(s, owner);
    j->info.rows_total = j->info.parent = -1;
    j->data.fd = -1;
    snprintf(j->id_text, sizeof j->id_text, "%lld", (long long)id);
    return j;
}

static void
set_origin(struct job *j, const char *key, const char *hash)
{
    j->info.origin.key = key != NULL ? xstrdup(key) : NULL;
    j->info.origin.hash = hash != NULL ? xstrdup(hash) : NULL;
}

/* Ids only grow, but two submissions may be acknowledged in any order. */
static void
add_job(struct sched *s, struct job *j)
{
    if (s->n_jobs == s->jobs_room) {
        s->jobs_room = s->jobs_room ? s->jobs_room * 2 : 64;
        s->jobs = xreallocarray(s->jobs, s->jobs_room, sizeof *s->jobs);
    }
    size_t at = s->n_jobs++;
    for (; at > 0 && s->jobs[at - 1]->info.id > j->info.id; at--)
        s->jobs[at] = s->jobs[at - 1];
    s->jobs[at] = j;
    if (at < s->first_waiting)
        s->first_waiting = at;
}

static void
free_job(struct job *j)
{
    job_release(j);
    free((char *)j->info.benchmark);
    free((char *)j->info.error);
    free((char *)j->info.origin.key);
    free((char *)j->info.origin.hash);
    free(j);
}

/* A gateway that is restarted needs a descriptor for each job, so they must not take all; half
 * are the clients', an eighth are those of jobs that wait. */
static int
runners_for(uint64_t descriptors)
{
    uint64_t theirs = descriptors / 8 * 3;
    uint64_t n = theirs > OTHER_FDS ? (theirs - OTHER_FDS) / JOB_FDS : 0;
    return n < 1 ? 1 : n > INT_MAX ? INT_MAX : (int)n;
}

void
sched_requeue(struct job *j)
{
    struct sched *s = j->sched;
    while (s->first_waiting > 0 && (s->first_waiting >= s->n_jobs
                                    || s->jobs[s->first_waiting]->info.id > j->info.id))
        s->first_waiting--;
}

void
sched_kick(struct sched *s)
{
    int max = s->o.conf->max_runners < s->fd_runners ? s->o.conf->max_runners : s->fd_runners;
    while (s->running < max && !s->stopping) {
        while (s->first_waiting < s->n_jobs
               && s->jobs[s->first_waiting]->info.state != JOB_SCHEDULED)
            s->first_waiting++;
        struct job *j = quota_next_job(s);
        if (j == NULL)
            break;
        job_start(j);
    }
}

/* ---- submission ---- */

/* What is needed to open the data again after a restart. */
static void
note_dataset(struct job *j, const struct dataset *ds, bool copied)
{
    json_object *d = json_get(j->spec, "dataset");
    json_add_str(d, "id", ds->id);
    json_add_str(d, "name", j->data.name);
    json_add_str(d, "uri", copied ? NULL : ds->uri);
    json_add_str(d, "format", j->data.format == ROWS_CSV ? "csv" : "jsonl");
    json_add_int(d, "size", j->data.size);
    json_add_str(d, "fingerprint", j->data.fingerprint);
}

static void
submission_free(struct submission *sub)
{
    if (sub->parent != NULL)
        sub->parent->copies--;
    json_object_put(sub->parents_manifest);
    free(sub->fingerprint);
    free(sub);
}

static void
submit_failed(struct submission *sub, const struct err *err)
{
    struct job *j = sub->job;
    struct sched *s = j->sched;
    s->running--;
    j->user->submitting--;
    unlinkat(store_dir(s->o.store), sub->data_name, 0);
    if (j->journal != NULL)
        journal_unlink(s->o.store, j->info.id);
    sub->created(sub->arg, -1, err);
    free_job(j);
    submission_free(sub);
    sched_kick(s); /* it held a place */
    sched_check_stopped(s);
}

int
sched_may_hold(const struct sched *s, struct err *err)
{
    if (s->held < s->max_held)
        return 0;
    return err_set(err, ERR_BUSY, "%d jobs wait for their turn, each with its data set open:"
                                  " no more can", s->held);
}

/* A job that waits for its turn holds its data, so that they are those of its submission,
 * and nothing else: thousands may wait.  A copy of its own is found again by its name. */
void
sched_slim_down(struct job *j)
{
    if (j->info.state != JOB_SCHEDULED)
        return;
    if (json_get_str(json_get(j->spec, "dataset"), "uri", NULL) == NULL) {
        dataset_snapshot_fini(&j->data);
    } else {
        j->holds_data = true;
        j->sched->held++;
    }
    journal_close(TAKE(j->journal));
    json_cleanup(&j->spec);
    json_cleanup(&j->manifest);
}

static void
submit_recorded(void *arg, const struct err *err)
{
    struct submission *sub = arg;
    struct job *j = sub->job;
    if (err != NULL) {
        submit_failed(sub, err);
        return;
    }
    struct sched *s = j->sched;
    s->running--;
    j->user->submitting--;
    add_job(s, j);
    quota_count_files(j);
    log_info("job created job=%s benchmark=%s owner=%u", j->id_text, j->info.benchmark,
             (unsigned)j->info.owner);
    sub->created(sub->arg, j->info.id, NULL);
    submission_free(sub);
    sched_kick(s);
    sched_slim_down(j);
    sched_check_stopped(s);
}

static void
submit_copied(void *arg, const struct journal_counts *counts, const struct err *err)
{
    struct submission *sub = arg;
    struct job *j = sub->job, *parent = sub->parent;
    if (err == NULL && counts->generations == 0 && parent->info.state != JOB_COMPLETED) {
        err_set(&sub->err, ERR_CONFLICT, "Job %s has no generations", parent->id_text);
        err = &sub->err;
    }
    if (err != NULL) {
        submit_failed(sub, err);
        return;
    }
    j->counts = *counts;
    j->info.rows_failed = counts->failed;
    j->resume = true;
    job_event(j, "rescored", parent->id_text);
    job_put_row(j, JOB_SCHEDULED, submit_recorded, sub);
}

static void
submit_journal(void *arg, struct journal *journal, struct str spec, const struct err *err)
{
    (void)spec;
    struct submission *sub = arg;
    if (err != NULL) {
        submit_failed(sub, err);
        return;
    }
    sub->job->journal = journal;
    if (sub->parent != NULL)
        journal_copy_generations(journal, sub->parent->info.id, submit_copied, sub);
    else
        job_put_row(sub->job, JOB_SCHEDULED, submit_recorded, sub);
}

static void
keep_run(void *arg)
{
    struct submission *sub = arg;
    sub->failed = job_keep_data(sub->job, sub->rows_file, &sub->err) < 0;
}

static void
submit_kept(void *arg)
{
    struct submission *sub = arg;
    struct job *j = sub->job;
    if (sub->failed) {
        submit_failed(sub, &sub->err);
        return;
    }
    CLEANUP_TEXT struct text spec = TEXT_INIT, manifest = TEXT_INIT;
    json_put(&spec, j->spec);
    json_put(&manifest, j->manifest);
    journal_create(j->sched->o.store, j->info.id,
                   (uint32_t)json_get_int(j->spec, "epochs", 1), text_str(&spec),
                   text_str(&manifest), submit_journal, sub);
}

/* Read thread: rows of what is not rows yet. */
static void
convert_run(void *arg)
{
    struct submission *sub = arg;
    sub->failed = dataset_convert(&sub->job->data, &sub->err) < 0;
}

static void
submit_converted(void *arg)
{
    struct submission *sub = arg;
    struct job *j = sub->job;
    if (sub->failed || (sub->fingerprint != NULL
                        && job_check_data(j, sub->fingerprint, &sub->err) < 0)) {
        submit_failed(sub, &sub->err);
        return;
    }
    json_object *notes[] = { json_get(j->spec, "dataset"), json_get(j->manifest, "dataset") };
    for (size_t i = 0; i < ARRAY_LEN(notes); i++) {
        json_add_int(notes[i], "size", j->data.size);
        json_add_str(notes[i], "fingerprint", j->data.fingerprint);
    }
    worker_run(store_worker(j->sched->o.store), keep_run, submit_kept, sub);
}

static void
refused(void *arg)
{
    struct submission *sub = arg;
    submit_failed(sub, &sub->err);
}

struct submission *
submission_new(struct sched *s, const char *benchmark, uid_t owner, json_object *spec,
               struct dataset_snapshot *snapshot, const struct job_origin *origin,
               sched_created_fn *created, void *arg)
{
    struct submission *sub = xcalloc(1, sizeof *sub);
    struct job *j = sub->job = new_job(s, s->next_id++, benchmark, owner);
    sub->created = created;
    sub->arg = arg;
    job_data_name(j, sub->data_name);
    set_origin(j, origin->key, origin->hash);
    j->spec = spec;
    j->data = dataset_snapshot_take(snapshot);
    j->info.created_unix_ms = time_unix_ms();
    s->running++; /* holds sched_stop until it is on disk or refused */
    j->user->submitting++;
    return sub;
}

void
submission_refuse(struct submission *sub)
{
    worker_run(store_worker(sub->job->sched->o.store), NULL, refused, sub);
}

void
submission_start(struct submission *sub, const struct dataset *ds)
{
    struct job *j = sub->job;
    struct sched *s = j->sched;
    struct stat st;
    bool unread = j->data.unread != UNREAD_NOT;
    bool nameless = ds->uri == NULL || unread || j->data.own_file != NULL
                    || fstat(j->data.fd, &st) < 0 || st.st_nlink == 0;
    int rc;
    rc = ds->uri != NULL ? sched_may_hold(s, &sub->err) : 0;
    if (rc == 0)
        rc = quota_admit(s, j->user, nameless && ds->uri != NULL ? j->data.size : 0, &sub->err);
    if (rc < 0) {
        submission_refuse(sub);
        return;
    }
    if (ds->uri == NULL && ds->rows_file != NULL)
        snprintf(sub->rows_file, sizeof sub->rows_file, "datasets/%s", ds->rows_file);
    else if (j->data.own_file != NULL)
        snprintf(sub->rows_file, sizeof sub->rows_file, "%s", j->data.own_file);
    note_dataset(j, ds, nameless);
    j->manifest = manifest_make(j, ds);
    if (sub->parent != NULL)
        manifest_add_parent(j->manifest, sub->parent, sub->parents_manifest);
    if (unread)
        worker_run(store_reader(s->o.store), convert_run, submit_converted, sub);
    else
        worker_run(store_worker(s->o.store), nameless ? keep_run : NULL, submit_kept, sub);
}

void
sched_submit(struct sched *s, const char *benchmark, uid_t owner, json_object *spec,
             struct dataset_snapshot *snapshot, const struct job_origin *origin,
             sched_created_fn *created, void *arg)
{
    struct submission *sub =
        submission_new(s, benchmark, owner, spec, snapshot, origin, created, arg);
    const struct benchmark *b = catalog_benchmark(s->o.catalog, benchmark);
    const struct dataset *ds = b ? catalog_dataset(s->o.catalog, b->dataset_id) : NULL;
    if (s->stopping)
        err_set(&sub->err, ERR_SHUTDOWN, "evald is stopping");
    else if (ds == NULL)
        err_set(&sub->err, ERR_INVALID, "benchmark '%s' has no data set", benchmark);
    if (ds == NULL || s->stopping)
        submission_refuse(sub);
    else
        submission_start(sub, ds);
}

/* ---- waiting ---- */

static void
on_wait_over(struct ev_loop *loop, ev_timer *t, int events)
{
    (void)loop;
    (void)events;
    struct sched_waiter *w = t->data;
    sched_wait_fn *done = w->done;
    void *arg = w->arg;
    sched_unwait(w);
    done(arg);
}

struct sched_waiter *
sched_wait(struct sched *s, int64_t id, int timeout_ms, sched_wait_fn *done, void *arg)
{
    struct job *j = sched_find(s, id);
    struct sched_waiter *w = xcalloc(1, sizeof *w);
    w->sched = s;
    w->done = done;
    w->arg = arg;
    bool over = j == NULL || j->info.state >= JOB_COMPLETED || s->stopping
        || (j->info.state == JOB_SCHEDULED && j->info.paused);
    if (!over) {
        w->next = j->waiters;
        w->link_to_this = &j->waiters;
        if (w->next != NULL)
            w->next->link_to_this = &w->next;
        j->waiters = w;
    }
    ev_timer_init(&w->timer, on_wait_over, over ? 0. : timeout_ms / 1e3, 0.);
    w->timer.data = w;
    ev_timer_start(s->o.loop, &w->timer);
    return w;
}

void
sched_unwait(struct sched_waiter *w)
{
    if (w == NULL)
        return;
    ev_timer_stop(w->sched->o.loop, &w->timer);
    if (w->link_to_this != NULL) {
        *w->link_to_this = w->next;
        if (w->next != NULL)
            w->next->link_to_this = w->link_to_this;
    }
    free(w);
}

/* ---- detail ---- */

struct detail {
    struct job *job;
    sched_text_fn *done;
    void *arg;
};

static json_object *
time_or_null(int64_t unix_ms)
{
    return unix_ms > 0 ? json_object_new_int64(unix_ms) : NULL;
}

json_object *
sched_progress(const struct sched *s, int64_t id)
{
    const struct job *j = sched_find(s, id);
    const struct job_info *i = &j->info;
    json_object *o = json_object_new_object();
    json_add_int(o, "rows_done", i->rows_done);
    json_add(o, "rows_total", i->rows_total >= 0 ? json_object_new_int64(i->rows_total) : NULL);
    json_add_int(o, "rows_failed", i->rows_failed);
    json_add_int(o, "in_flight", i->in_flight);
    double seconds = 0, rate = 0;
    int64_t rows = i->rows_done;
    if (j->runner != NULL) {
        seconds = (double)(time_mono_ns() - j->run_start_ns) / 1e9;
        rows -= j->run_start_rows;
    } else if (i->ended_unix_ms > i->started_unix_ms && i->started_unix_ms > 0) {
        seconds = (double)(i->ended_unix_ms - i->started_unix_ms) / 1e3;
    }
    if (seconds > 0 && rows > 0)
        rate = (double)rows / seconds;
    json_add(o, "rate_per_s", seconds > 0 ? json_new_double(rate) : NULL);
    bool known = j->runner != NULL && rate > 0 && i->rows_total >= i->rows_done;
    json_add(o, "eta_s",
             known ? json_new_double((double)(i->rows_total - i->rows_done) / rate) : NULL);
    return o;
}

static void
detail_tell(void *arg, struct str manifest_text, const struct err *err)
{
    struct detail *d = arg;
    struct job *j = d->job;
    if (j == NULL) {
        d->done(d->arg, (struct str){ NULL, 0 }, err);
        free(d);
        return;
    }
    CLEANUP_JSON json_object *o = json_object_new_object();
    CLEANUP_JSON json_object *manifest = NULL;
    if (err == NULL)
        json_parse(manifest_text, &manifest, NULL, NULL);
    const char *state = job_state_name(j->info.state);
    json_add_str(o, "job_id", j->id_text);
    json_add_str(o, "benchmark_id", j->info.benchmark);
    json_add_str(o, "status", state);
    json_add_str(o, "state", state);
    json_add_int(o, "owner", j->info.owner);
    json_add(o, "created_at", time_or_null(j->info.created_unix_ms));
    json_add(o, "started_at", time_or_null(j->info.started_unix_ms));
    json_add(o, "ended_at", time_or_null(j->info.ended_unix_ms));
    json_add(o, "progress", sched_progress(j->sched, j->info.id));
    json_object *usage = json_get(manifest, "usage");
    bool counting = j->journal != NULL || usage == NULL;
    json_add(o, "usage", counting ? job_usage(j) : json_object_get(usage));
    json_object *error = NULL;
    if (j->info.error != NULL) {
        error = json_object_new_object();
        json_add_str(error, "code", err_code_name(j->info.error_code));
        json_add_str(error, "message", j->info.error);
    }
    json_add(o, "error", error);
    json_add_bool(o, "paused", j->info.paused);
    char parent[24];
    snprintf(parent, sizeof parent, "%lld", (long long)j->info.parent);
    json_add_str(o, "parent_job_id", j->info.parent >= 0 ? parent : NULL);
    json_add(o, "manifest", json_object_get(manifest));
    CLEANUP_TEXT struct text t = TEXT_INIT;
    json_put(&t, o);
    d->done(d->arg, text_str(&t), NULL);
    free(d);
}

void
sched_detail(struct sched *s, int64_t id, sched_text_fn *done, void *arg)
{
    struct detail *d = xmalloc(sizeof *d);
    *d = (struct detail){ sched_find(s, id), done, arg };
    journal_read_value(s->o.store, id, "manifest", detail_tell, d);
}

/* ---- results ---- */

struct sched_result {
    struct journal_result *journal;
    struct store *store;
    int64_t id;
    bool extensions, closed, reading; /* reading: the specification */
    sched_chunk_fn *chunk;
    void *arg;
};

struct sched_result *
sched_result_open(struct sched *s, int64_t id, bool extensions)
{
    struct sched_result *r = xcalloc(1, sizeof *r);
    r->store = s->o.store;
    r->id = id;
    r->extensions = extensions;
    return r;
}

static void
result_spec_read(void *arg, struct str text, const struct err *err)
{
    struct sched_result *r = arg;
    r->reading = false;
    if (r->closed) {
        free(r);
        return;
    }
    CLEANUP_JSON json_object *spec = NULL;
    struct err mine;
    if (err == NULL && json_parse(text, &spec, NULL, &mine) < 0)
        err = &mine;
    if (err != NULL) {
        r->chunk(r->arg, STR(""), true, err);
        return;
    }
    json_object *functions = json_get(spec, "functions");
    size_t n = functions ? json_object_array_length(functions) : 0;
    const char **ids = xcalloc(n + 1, sizeof *ids);
    for (size_t i = 0; i < n; i++)
        ids[i] = json_get_str(json_object_array_get_idx(functions, i), "id", "");
    r->journal = journal_result_open(r->store, r->id, ids, r->extensions);
    free(ids);
    journal_result_next(r->journal, r->chunk, r->arg);
}

void
sched_result_next(struct sched_result *r, sched_chunk_fn *chunk, void *arg)
{
    r->chunk = chunk;
    r->arg = arg;
    if (r->journal != NULL) {
        journal_result_next(r->journal, chunk, arg);
        return;
    }
    r->reading = true;
    journal_read_value(r->store, r->id, "specification", result_spec_read, r);
}

void
sched_result_close(struct sched_result *r)
{
    if (r == NULL)
        return;
    r->closed = true;
    if (r->reading)
        return; /* freed there */
    journal_result_close(r->journal);
    free(r);
}

/* ---- life ---- */

static void
load_job(void *arg, const struct job_row *row)
{
    struct sched *s = arg;
    struct job *j = new_job(s, row->id, row->benchmark, row->owner);
    for (int i = 0; i <= JOB_CANCELLED; i++)
        if (strcmp(row->state, job_state_name((enum job_state)i)) == 0)
            j->info.state = (enum job_state)i;
    /* what was under way is taken up again when a place is free */
    if (j->info.state == JOB_IN_PROGRESS)
        j->info.state = JOB_SCHEDULED;
    j->info.created_unix_ms = row->created_unix_ms;
    j->info.started_unix_ms = row->started_unix_ms;
    j->info.ended_unix_ms = row->ended_unix_ms;
    j->info.rows_done = row->rows_done;
    j->info.rows_total = row->rows_total;
    j->info.rows_failed = row->rows_failed;
    set_origin(j, row->request_key, row->request_hash);
    j->info.paused = row->paused && j->info.state < JOB_COMPLETED;
    j->info.parent = row->parent;
    j->retry = row->retry;
    if (row->error != NULL) {
        j->info.error = xstrdup(row->error);
        j->info.error_code = ERR_INTERNAL;
        for (int c = ERR_NONE; c <= ERR_NOSPACE; c++)
            if (row->error_code
                && strcmp(row->error_code, err_code_name((enum err_code)c)) == 0)
                j->info.error_code = (enum err_code)c;
    }
    add_job(s, j);
    quota_count_files(j);
}

struct sched *
sched_new(const struct sched_options *o, struct err *err)
{
    struct sched *s = xcalloc(1, sizeof *s);
    s->o = *o;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    struct rlimit fds = { .rlim_cur = 1024 };
    getrlimit(RLIMIT_NOFILE, &fds);
    s->fd_runners = runners_for(fds.rlim_cur);
    s->max_held = fds.rlim_cur / 8 < INT_MAX ? (int)(fds.rlim_cur / 8) : INT_MAX;
    if (s->fd_runners < o->conf->max_runners)
        log_warning("at most %d jobs run at a time: no more than %llu descriptors",
                    s->fd_runners, (unsigned long long)fds.rlim_cur);
    s->max_call_runners = cpus < 1 ? 1 : cpus > 64 ? 64 : (int)cpus;
    if (job_rows_each(o->store, load_job, s, err) < 0) {
        sched_free(s);
        return NULL;
    }
    s->next_id = job_rows_next_id(o->store);
    if (s->next_id < 0) {
        err_set(err, ERR_IO, "catalogue: the next job id cannot be read");
        sched_free(s);
        return NULL;
    }
    sched_remove_leftovers(s);
    s->gate = gate_new(o->loop, o->conf, err);
    if (s->gate == NULL) {
        sched_free(s);
        return NULL;
    }
    s->runners = (struct runner_context){ o->loop, o->conf, o->plugins, s->gate };
    sched_kick(s);
    return s;
}

const struct runner_context *
sched_runners(const struct sched *s)
{
    return &s->runners;
}

void
sched_reconfigure(struct sched *s)
{
    if (s->stopping)
        return;
    gate_reconfigure(s->gate);
    sched_kick(s); /* more may be allowed */
    call_kick(s);
}

void
sched_check_stopped(struct sched *s)
{
    if (!s->stopping || s->running > 0 || s->stopped == NULL)
        return;
    ev_timer_stop(s->o.loop, &s->stop_timer);
    void (*stopped)(void *) = s->stopped;
    s->stopped = NULL;
    gate_free(TAKE(s->gate));
    stopped(s->stopped_arg);
}

static void
on_stop_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    struct sched *s = w->data;
    for (size_t i = 0; i < s->n_jobs; i++)
        if (s->jobs[i]->runner != NULL)
            runner_kill(s->jobs[i]->runner, 9);
}

void
sched_stop(struct sched *s, void (*done)(void *arg), void *arg)
{
    s->stopping = true;
    s->stopped = done;
    s->stopped_arg = arg;
    call_stop_all(s);
    for (size_t i = 0; i < s->n_jobs; i++) {
        struct job *j = s->jobs[i];
        job_tell_waiters(j);
        if (j->info.state == JOB_IN_PROGRESS)
            job_stop_runner(j, STOP_PARK);
    }
    ev_timer_init(&s->stop_timer, on_stop_timer,
                  s->o.conf->shutdown_grace_ms / 1e3 + STOP_EXTRA_S, 1.0);
    s->stop_timer.data = s;
    ev_timer_start(s->o.loop, &s->stop_timer);
    sched_check_stopped(s);
}

void
sched_free(struct sched *s)
{
    if (s == NULL)
        return;
    s->stopping = true;
    for (int i = 0; i < 3; i++) { /* what is under way for jobs; one may ask the other */
        worker_drain(store_reader(s->o.store));
        worker_drain(store_worker(s->o.store));
    }
    call_free_all(s);
    for (size_t i = 0; i < s->n_jobs; i++)
        free_job(s->jobs[i]);
    free(s->jobs);
    quota_free(s);
    gate_free(s->gate);
    free(s);
}
