#include "config.h"

#include <stdlib.h>

#include "common/io.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/sched_impl.h"

/* One request for a job, until it is answered. */
struct control {
    struct after_end after_end; /* first: the waiting part of a retry */
    struct sched *sched;
    struct job *job;
    store_done_fn *done;
    void *arg;
    struct err err;
    bool failed;
    /* of a retry */
    struct job_info was;
    char rows_file[300];
};

static struct control *
control_new(struct sched *s, int64_t id, store_done_fn *done, void *arg)
{
    struct control *c = xcalloc(1, sizeof *c);
    c->sched = s;
    c->job = sched_find(s, id);
    c->done = done;
    c->arg = arg;
    if (c->job == NULL)
        c->failed = err_set(&c->err, ERR_INVALID, "Job %lld not found", (long long)id) < 0;
    return c;
}

static void
answer(void *arg)
{
    struct control *c = arg;
    c->done(c->arg, c->failed ? &c->err : NULL);
    free(c);
}

static void
answer_later(struct control *c)
{
    worker_run(store_reader(c->sched->o.store), NULL, answer, c);
}

static void
refuse(struct control *c, const char *why)
{
    const struct job *j = c->job;
    err_set(&c->err, ERR_CONFLICT, "Job %s %s, Status: %s", j->id_text, why,
            job_state_name(j->ending ? j->end_state : j->info.state));
    c->failed = true;
    answer_later(c);
}

static bool
has_ended(const struct job *j)
{
    return j->info.state >= JOB_COMPLETED || j->ending || j->cancels > 0;
}

/* An event of a job that is not open. */
static void
note_written(void *arg, const struct err *err)
{
    struct job *j = arg;
    struct sched *s = j->sched;
    s->running--;
    job_event_written(j, err);
    sched_kick(s);
    sched_check_stopped(s);
}

static void
note(struct job *j, const char *kind)
{
    j->sched->running++; /* holds sched_stop */
    j->events_unwritten++;
    journal_note(j->sched->o.store, j->info.id, kind, STR("{}"), note_written, j);
}

/* ---- cancel ---- */

static void
cancel_recorded(void *arg, const struct err *err)
{
    struct control *c = arg;
    struct job *j = c->job;
    j->cancels--;
    if (err != NULL) {
        if (j->info.state < JOB_COMPLETED && !j->ending)
            j->info.ended_unix_ms = 0;
        c->err = *err;
        c->failed = true;
        answer(c);
        sched_kick(j->sched); /* it may have had its turn meanwhile */
        return;
    }
    if (j->info.state == JOB_SCHEDULED) {
        j->info.state = JOB_CANCELLED;
        job_drop_data(j);
        job_release(j);
        note(j, "cancelled");
        job_tell_waiters(j);
    } else if (j->info.state == JOB_IN_PROGRESS) {
        job_stop_runner(j, STOP_CANCEL);
        j->info.state = JOB_CANCELLED;
        job_tell_waiters(j);
    }
    j->info.paused = false;
    log_info("job cancelled job=%s", j->id_text);
    answer(c);
}

void
sched_cancel(struct sched *s, int64_t id, store_done_fn *done, void *arg)
{
    struct control *c = control_new(s, id, done, arg);
    struct job *j = c->job;
    if (j == NULL)
        answer_later(c);
    else if (j->info.state == JOB_COMPLETED || j->info.state == JOB_FAILED
             || (j->ending && j->end_state != JOB_CANCELLED))
        refuse(c, "has ended");
    else if (j->info.state == JOB_CANCELLED && j->busy)
        refuse(c, "is being retried");
    else if (j->info.state == JOB_CANCELLED || j->ending)
        answer_later(c);
    else {
        j->info.ended_unix_ms = time_unix_ms();
        j->cancels++;
        job_put_row(j, JOB_CANCELLED, cancel_recorded, c);
    }
}

/* ---- pause and resume ---- */

static void
pause_recorded(void *arg, const struct err *err)
{
    struct control *c = arg;
    struct job *j = c->job;
    if (err != NULL) {
        c->err = *err;
        c->failed = true;
        j->info.paused = false;
        sched_kick(j->sched);
    } else if (j->info.paused && j->info.state == JOB_SCHEDULED) {
        log_info("job paused job=%s", j->id_text);
        note(j, "paused");
        job_tell_waiters(j);
    } else if (j->info.paused && j->info.state == JOB_IN_PROGRESS && j->stop == STOP_NOT) {
        job_stop_runner(j, STOP_PAUSE);
    }
    answer(c);
}

void
sched_pause(struct sched *s, int64_t id, store_done_fn *done, void *arg)
{
    struct control *c = control_new(s, id, done, arg);
    struct job *j = c->job;
    if (j == NULL || (j->info.paused && !has_ended(j))) {
        answer_later(c);
    } else if (has_ended(j)) {
        refuse(c, "has ended");
    } else {
        j->info.paused = true;
        job_put_row(j, j->info.state, pause_recorded, c);
    }
}

static void
resume_recorded(void *arg, const struct err *err)
{
    struct control *c = arg;
    struct job *j = c->job;
    if (err != NULL) {
        c->err = *err;
        c->failed = true;
        j->info.paused = j->info.state == JOB_SCHEDULED;
    } else if (j->info.state == JOB_SCHEDULED) {
        sched_requeue(j);
        sched_kick(j->sched);
    }
    answer(c);
}

void
sched_resume(struct sched *s, int64_t id, store_done_fn *done, void *arg)
{
    struct control *c = control_new(s, id, done, arg);
    struct job *j = c->job;
    if (j == NULL || (!j->info.paused && !has_ended(j))) {
        answer_later(c);
    } else if (has_ended(j)) {
        refuse(c, "has ended");
    } else {
        j->info.paused = false;
        job_put_row(j, j->info.state, resume_recorded, c);
    }
}

/* ---- after the end ---- */

int
control_after_end(struct job *j, struct after_end *a, struct err *err)
{
    if (j->info.state < JOB_COMPLETED && !j->ending)
        return err_set(err, ERR_CONFLICT, "Job %s has not ended, Status: %s", j->id_text,
                       job_state_name(j->info.state));
    if (j->journal == NULL && !j->starting && !j->ending) {
        a->fn(a);
        return 0;
    }
    a->next = NULL;
    struct after_end **end = &j->after_end;
    while (*end != NULL)
        end = &(*end)->next;
    *end = a;
    return 0;
}

void
control_tell_ended(struct job *j)
{
    while (j->after_end != NULL) {
        struct after_end *a = j->after_end;
        j->after_end = a->next;
        a->fn(a);
    }
}

/* ---- retry ---- */

/* All stays as it is. */
static void
retry_over(struct control *c, const struct err *err)
{
    struct job *j = c->job;
    struct sched *s = c->sched;
    if (err != NULL) {
        c->err = *err;
        c->failed = true;
    }
    job_release(j);
    j->busy = false;
    s->running--;
    j->user->submitting--;
    answer(c);
    sched_check_stopped(s);
}

static void
retry_recorded(void *arg, const struct err *err)
{
    struct control *c = arg;
    struct job *j = c->job;
    struct sched *s = c->sched;
    if (err != NULL) {
        j->info = c->was;
        j->retry = false;
        job_drop_data(j);
        retry_over(c, err);
        return;
    }
    free((char *)c->was.error);
    j->info.state = JOB_SCHEDULED;
    sched_slim_down(j);
    quota_count_files(j);
    j->busy = false;
    s->running--;
    j->user->submitting--;
    log_info("job is retried job=%s", j->id_text);
    sched_requeue(j);
    sched_kick(s);
    answer(c);
    sched_check_stopped(s);
}

static void
retry_kept(void *arg)
{
    struct control *c = arg;
    struct job *j = c->job;
    if (c->failed) {
        job_drop_data(j);
        retry_over(c, NULL);
        return;
    }
    c->was = j->info;
    j->info.error = NULL;
    j->info.error_code = ERR_NONE;
    j->info.started_unix_ms = j->info.ended_unix_ms = 0;
    j->retry = true;
    job_put_row(j, JOB_SCHEDULED, retry_recorded, c);
}

static void
retry_keep(void *arg)
{
    struct control *c = arg;
    c->failed = job_keep_data(c->job, c->rows_file, &c->err) < 0;
}

static void
retry_convert(void *arg)
{
    struct control *c = arg;
    c->failed = dataset_convert(&c->job->data, &c->err) < 0;
}

static void
retry_converted(void *arg)
{
    struct control *c = arg;
    json_object *data = json_get(c->job->spec, "dataset");
    if (!c->failed)
        c->failed = job_check_data(c->job, json_get_str(data, "fingerprint", ""), &c->err) < 0;
    if (c->failed)
        retry_over(c, NULL);
    else
        worker_run(store_worker(c->sched->o.store), retry_keep, retry_kept, c);
}

/* A job that failed or was cancelled may have rows that were never done, too. */
static void
retry_found(void *arg, bool found, const struct err *err)
{
    struct control *c = arg;
    struct job *j = c->job;
    struct err mine;
    bool nameless = false;
    bool holds = json_get_str(json_get(j->spec, "dataset"), "uri", NULL) != NULL;
    if (err == NULL && (found || j->info.state != JOB_COMPLETED)
        && ((holds && sched_may_hold(c->sched, &mine) < 0)
            || job_find_data(j, &nameless, c->rows_file, &mine) < 0))
        err = &mine;
    if (err != NULL || (!found && j->info.state == JOB_COMPLETED))
        retry_over(c, err);
    else if (j->data.unread != UNREAD_NOT)
        worker_run(store_reader(c->sched->o.store), retry_convert, retry_converted, c);
    else
        worker_run(store_worker(c->sched->o.store), nameless ? retry_keep : NULL, retry_kept,
                   c);
}

static void
retry_spec_read(void *arg, struct str text, const struct err *err)
{
    struct control *c = arg;
    struct job *j = c->job;
    struct err mine;
    if (err == NULL && json_parse(text, &j->spec, NULL, &mine) < 0)
        err = &mine;
    if (err != NULL) {
        retry_over(c, err);
        return;
    }
    journal_find_redo(c->sched->o.store, j->info.id, job_redo(j), retry_found, c);
}

/* It is handed in anew. */
static int
retry_admit(struct control *c)
{
    struct user *u = c->job->user;
    u->submitting++;
    if (quota_admit(c->sched, u, 0, &c->err) == 0)
        return 0;
    u->submitting--;
    c->failed = true;
    return -1;
}

static void
retry_begin(struct after_end *a)
{
    struct control *c = (struct control *)a;
    struct job *j = c->job;
    struct sched *s = c->sched;
    if (j->busy || j->copies > 0) {
        refuse(c, j->busy ? "is being retried" : "is being rescored");
    } else if (s->stopping || j->unrecorded) {
        c->failed = true;
        if (s->stopping)
            err_set(&c->err, ERR_SHUTDOWN, "evald is stopping");
        else
            err_set(&c->err, ERR_NOSPACE, "the end of job %s is not on disk yet", j->id_text);
        answer_later(c);
    } else if (retry_admit(c) < 0) {
        answer_later(c);
    } else {
        j->busy = true;
        s->running++; /* holds sched_stop */
        journal_read_value(s->o.store, j->info.id, "specification", retry_spec_read, c);
    }
}

void
sched_retry(struct sched *s, int64_t id, store_done_fn *done, void *arg)
{
    struct control *c = control_new(s, id, done, arg);
    c->after_end.fn = retry_begin;
    if (c->job == NULL) {
        answer_later(c);
    } else if (control_after_end(c->job, &c->after_end, &c->err) < 0) {
        c->failed = true;
        answer_later(c);
    }
}
