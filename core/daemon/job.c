#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/io.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/sched_impl.h"

#define QUEUE_MAX      (512u << 10) /* bytes of records held before the runner has to wait */
#define BATCH_BYTES    (32u << 10) /* enough for a transaction of its own */
#define BATCH_DELAY_S  0.1
#define KILL_DELAY_S   5.0
#define RECORD_DELAY_S 1.0 /* between attempts to record the end of a job */

static void start_runner(struct job *j);

static const char *const state_names[] = {
    [JOB_SCHEDULED] = "scheduled", [JOB_IN_PROGRESS] = "in_progress",
    [JOB_COMPLETED] = "completed", [JOB_FAILED] = "failed", [JOB_CANCELLED] = "cancelled",
};

const char *
job_state_name(enum job_state s)
{
    return state_names[s];
}

void
job_put_row(struct job *j, enum job_state state, store_done_fn *done, void *arg)
{
    if (j->cancels > 0)
        state = JOB_CANCELLED;
    struct job_row row = {
        .id = j->info.id,
        .benchmark = j->info.benchmark,
        .state = job_state_name(state),
        .error_code = j->info.error ? err_code_name(j->info.error_code) : NULL,
        .error = j->info.error,
        .owner = j->info.owner,
        .created_unix_ms = j->info.created_unix_ms,
        .started_unix_ms = j->info.started_unix_ms,
        .ended_unix_ms = j->info.ended_unix_ms,
        .rows_done = j->info.rows_done,
        .rows_total = j->info.rows_total,
        .rows_failed = j->info.rows_failed,
        .request_key = j->info.origin.key,
        .request_hash = j->info.origin.hash,
        .paused = j->info.paused && state < JOB_COMPLETED,
        .retry = j->retry && state < JOB_COMPLETED,
        .parent = j->info.parent,
    };
    job_row_put(j->sched->o.store, &row, done, arg);
}

void
job_event(struct job *j, const char *kind, const char *what)
{
    if (j->journal == NULL)
        return;
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_puts(&t, what != NULL ? "{\"what\":" : "{");
    if (what != NULL)
        jtext_put_string(&t, str_z(what));
    text_putc(&t, '}');
    j->events_unwritten++;
    journal_event(j->journal, kind, text_str(&t), job_event_written, j);
}

json_object *
job_usage(const struct job *j)
{
    json_object *o = json_object_new_object();
    json_add_int(o, "input_tokens", j->counts.input_tokens);
    json_add_int(o, "output_tokens", j->counts.output_tokens);
    return o;
}

void
job_tell_waiters(struct job *j)
{
    job_tell_watchers(j);
    while (j->waiters != NULL) {
        struct sched_waiter *w = j->waiters;
        sched_wait_fn *done = w->done;
        void *arg = w->arg;
        sched_unwait(w);
        done(arg);
    }
}

static void
end_waiting(struct job *j)
{
    j->sched->held -= j->holds_data;
    j->holds_data = false;
}

void
job_release(struct job *j)
{
    end_waiting(j);
    struct ev_loop *loop = j->sched->o.loop;
    ev_timer_stop(loop, &j->flush_timer);
    ev_timer_stop(loop, &j->kill_timer);
    ev_timer_stop(loop, &j->record_timer);
    runner_free(TAKE(j->runner));
    journal_close(TAKE(j->journal));
    dataset_snapshot_fini(&j->data);
    json_cleanup(&j->spec);
    json_cleanup(&j->manifest);
    json_cleanup(&j->quarantine);
    json_cleanup(&j->deaths);
    json_cleanup(&j->suspects);
    json_cleanup(&j->end_head);
    text_fini(&j->batch);
    j->stop = STOP_NOT;
    j->ending = false;
    quota_leave_place(j);
    j->info.in_flight = 0;
}

/* ---- the end of a job ---- */

static void
late_recorded(void *arg, const struct err *err)
{
    struct job *j = arg;
    if (err != NULL) {
        ev_timer_start(j->sched->o.loop, &j->record_timer);
        return;
    }
    log_info("state of a job was stored at last job=%s", j->id_text);
    j->unrecorded = false;
    job_drop_data(j);
}

static void
on_record_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    struct job *j = w->data;
    job_put_row(j, j->info.state, late_recorded, j);
}

/* The disk is full: the end is told, and stored when there is room.  A next evald that does not
 * find it stored takes the job up again. */
static void
record_later(struct job *j)
{
    j->unrecorded = true;
    ev_timer_init(&j->record_timer, on_record_timer, RECORD_DELAY_S, 0.);
    j->record_timer.data = j;
    ev_timer_start(j->sched->o.loop, &j->record_timer);
}

static void
end_recorded(void *arg, const struct err *err)
{
    struct job *j = arg;
    struct sched *s = j->sched;
    j->info.state = j->end_state;
    log_info("job ended job=%s state=%s rows=%lld failed=%lld%s%s", j->id_text,
             job_state_name(j->info.state), (long long)j->info.rows_done,
             (long long)j->info.rows_failed, j->info.error ? " error=" : "",
             j->info.error ? j->info.error : "");
    job_release(j);
    if (err == NULL) {
        job_drop_data(j);
    } else {
        log_error("state of a job could not be stored job=%s: %s", j->id_text, err->text);
        record_later(j);
    }
    s->running--;
    job_tell_waiters(j);
    control_tell_ended(j);
    sched_kick(s);
    sched_check_stopped(s);
}

/* It had completed, but what it said could not be stored. */
static void
end_spoilt(struct job *j, const struct err *err)
{
    if (j->end_state != JOB_COMPLETED)
        return;
    j->end_state = JOB_FAILED;
    free((char *)j->info.error);
    j->info.error = xstrdup(err->text);
    j->info.error_code = err->code;
}

static void
end_stored(void *arg, const struct err *err)
{
    struct job *j = arg;
    if (err != NULL)
        end_spoilt(j, err);
    j->info.ended_unix_ms = time_unix_ms();
    job_put_row(j, j->end_state, end_recorded, j);
}

static void
put_manifest(struct job *j)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    json_put(&t, j->manifest);
    journal_set(j->journal, "manifest", text_str(&t), NULL, NULL);
}

/* What the run taught goes into the manifest, then all of it to disk. */
static void
end_manifest(struct job *j)
{
    job_event(j, job_state_name(j->end_state), j->info.error);
    if (j->manifest == NULL)
        return;
    json_object *dataset = json_get(j->manifest, "dataset");
    if (dataset != NULL && j->end_head != NULL) {
        json_add_str(dataset, "xxh3", json_get_str(j->end_head, "dataset_xxh3", NULL));
        json_add_int(dataset, "rows", json_get_int(j->end_head, "rows", 0));
    }
    json_add(j->manifest, "usage", job_usage(j));
    json_add_int(j->manifest, "ended_at", time_unix_ms());
    put_manifest(j);
}

static void append_batch(struct job *j);

/* Goes on with the end once every record is in the journal. */
static void
end_when_flushed(struct job *j)
{
    if (j->appending)
        return;
    if (j->batch.len > 0 && j->end_err.code != ERR_NOSPACE && j->end_err.code != ERR_IO) {
        append_batch(j);
        return;
    }
    if (j->journal == NULL) {
        end_stored(j, NULL);
        return;
    }
    end_manifest(j);
    journal_checkpoint(j->journal, end_stored, j);
}

void
job_end(struct job *j, enum job_state state, const struct err *err)
{
    if (j->ending)
        return;
    if (j->stop == STOP_CANCEL || j->cancels > 0)
        state = JOB_CANCELLED; /* what has been promised stays */
    j->ending = true;
    j->end_state = state;
    j->end_err.code = err ? err->code : ERR_NONE;
    if (state == JOB_FAILED) {
        free((char *)j->info.error);
        j->info.error = xstrdup(err->text);
        j->info.error_code = err->code;
    }
    j->info.paused = false;
    ev_timer_stop(j->sched->o.loop, &j->kill_timer);
    runner_free(TAKE(j->runner));
    end_when_flushed(j);
}

static bool
is_parking(const struct job *j)
{
    return j->stop == STOP_PARK || j->stop == STOP_PAUSE;
}

/* A parked job leaves everything as it is, for the next evald or for who resumes it. */
static void
park_when_flushed(struct job *j)
{
    if (j->appending)
        return;
    if (j->batch.len > 0) {
        append_batch(j);
        return;
    }
    struct sched *s = j->sched;
    const char *how = j->stop == STOP_PAUSE ? "paused" : "parked";
    log_info("job %s job=%s rows=%lld", how, j->id_text, (long long)j->info.rows_done);
    job_event(j, how, NULL);
    if (j->journal != NULL && j->manifest != NULL) { /* for when the journal is closed */
        json_add(j->manifest, "usage", job_usage(j));
        put_manifest(j);
    }
    if (j->stop == STOP_PAUSE)
        j->info.state = JOB_SCHEDULED;
    job_put_row(j, j->info.state, NULL, NULL);
    job_release(j);
    s->running--;
    if (j->info.state == JOB_SCHEDULED) {
        sched_requeue(j);
        job_tell_waiters(j);
        sched_kick(s);
    }
    sched_check_stopped(s);
}

/* ---- records ---- */

static void answer_nexts(struct job *j);

static bool
next_waits(const struct job *j)
{
    return j->nexts[0].state == NEXT_WAITS || j->nexts[1].state == NEXT_WAITS;
}

/* A row counts as often as it has epochs: so does one that fails. */
static bool
too_many_failed(const struct job *j, struct err *ret)
{
    double rate = json_get_double(j->spec, "max_error_rate", 1);
    int64_t epochs = json_get_int(j->spec, "epochs", 1);
    int64_t total = j->info.rows_total * epochs;
    if (rate >= 1 || total <= 0 || (double)j->info.rows_failed <= rate * (double)total)
        return false;
    err_set(ret, ERR_REMOTE, "%lld of %lld rows%s failed, more than max_error_rate %g",
            (long long)j->info.rows_failed, (long long)total,
            epochs > 1 ? ", each epoch of them counted," : "", rate);
    return true;
}

static void
check_error_rate(struct job *j)
{
    struct err err;
    if (!j->ending && j->stop == STOP_NOT && too_many_failed(j, &err))
        job_end(j, JOB_FAILED, &err);
}

static void
flush_soon(struct job *j)
{
    if (ev_is_active(&j->flush_timer))
        return;
    ev_timer_set(&j->flush_timer, BATCH_DELAY_S, 0.);
    ev_timer_start(j->sched->o.loop, &j->flush_timer);
}

static void
appended(void *arg, const struct journal_counts *counts, const struct err *err)
{
    struct job *j = arg;
    j->appending = false;
    j->in_flight = 0;
    if (err != NULL) {
        log_error("records could not be stored job=%s: %s", j->id_text, err->text);
        text_clear(&j->batch);
        if (j->ending) {
            end_spoilt(j, err);
            end_when_flushed(j);
        } else if (!is_parking(j)) {
            job_end(j, JOB_FAILED, err);
        } else if (j->runner == NULL) {
            park_when_flushed(j); /* the next evald asks for these rows again */
        }
        return;
    }
    j->counts = *counts;
    j->info.rows_failed = counts->failed;
    quota_count_files(j);
    if (j->ending) {
        end_when_flushed(j);
        return;
    }
    if (is_parking(j) && j->runner == NULL) {
        park_when_flushed(j);
        return;
    }
    if (j->stop == STOP_CANCEL && j->runner == NULL) { /* cancelled while it was parked */
        job_end(j, JOB_CANCELLED, NULL);
        return;
    }
    check_error_rate(j);
    if (j->ending)
        return;
    if (j->batch.len >= BATCH_BYTES || (j->batch.len > 0 && next_waits(j)))
        append_batch(j);
    else if (j->batch.len > 0)
        flush_soon(j);
    if (!j->appending)
        answer_nexts(j);
    if (j->runner != NULL)
        runner_pause(j->runner, false);
}

static void
append_batch(struct job *j)
{
    ev_timer_stop(j->sched->o.loop, &j->flush_timer);
    j->appending = true;
    j->in_flight = j->batch.len;
    size_t len = j->batch.len;
    journal_append(j->journal, text_take(&j->batch), len, appended, j);
}

static void
on_flush_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    struct job *j = w->data;
    if (!j->appending && j->batch.len > 0)
        append_batch(j);
}

void
job_queue_record(struct job *j, struct str payload)
{
    frame_put_part(&j->batch, payload);
    if (!j->appending && j->batch.len >= BATCH_BYTES)
        append_batch(j);
    else if (!j->appending)
        flush_soon(j);
    if (j->batch.len + j->in_flight > QUEUE_MAX && j->runner != NULL)
        runner_pause(j->runner, true);
}

/* ---- what the runner says ---- */

static void
on_ready(void *arg)
{
    struct job *j = arg;
    j->ready = true;
}

static void
on_record(void *arg, struct str payload)
{
    struct job *j = arg;
    j->got_records = true;
    job_queue_record(j, payload);
}

/* Within what the runner says it must not be freed: it is ended, and the job with it. */
static void
fail_later(struct job *j, const struct err *err)
{
    if (j->ending || j->stop != STOP_NOT)
        return;
    j->stop = STOP_FAIL;
    j->end_err = *err;
    runner_kill(j->runner, SIGKILL);
}

static void
end_failed(struct job *j)
{
    struct err err = j->end_err;
    job_end(j, JOB_FAILED, &err);
}

/* A job that was told to stop ends so, now that no runner works on it; false: it goes on. */
static bool
end_stopped(struct job *j)
{
    switch (j->stop) {
    case STOP_NOT: return false;
    case STOP_CANCEL: job_end(j, JOB_CANCELLED, NULL); break;
    case STOP_PARK:
    case STOP_PAUSE: park_when_flushed(j); break;
    case STOP_FAIL: end_failed(j); break;
    }
    return true;
}

/* A question of one runner to the journal. */
struct question {
    struct job *job;
    unsigned run; /* which of the job's runners asked */
    int kind;     /* of nexts */
};

static void
next_read(void *arg, struct str text, const struct err *err)
{
    struct question q = *(struct question *)arg;
    free(arg);
    if (q.job->runner == NULL || q.job->run != q.run || q.job->ending)
        return; /* whoever asked is gone */
    struct next *n = &q.job->nexts[q.kind];
    n->state = NEXT_NONE;
    if (err != NULL)
        job_end(q.job, JOB_FAILED, err);
    else
        runner_answer(q.job->runner, q.kind == 0 ? FRAME_DONE : FRAME_SCORED, n->tag, text);
}

static void
answer_nexts(struct job *j)
{
    for (int kind = 0; kind < 2; kind++) {
        struct next *n = &j->nexts[kind];
        if (n->state != NEXT_WAITS)
            continue;
        n->state = NEXT_READING;
        struct question *q = xmalloc(sizeof *q);
        *q = (struct question){ j, j->run, kind };
        if (kind == 0)
            journal_read_done(j->journal,
                              (int)json_object_array_length(json_get(j->spec, "functions")),
                              n->from, next_read, q);
        else
            journal_read_scored(j->journal, n->function, n->from, next_read, q);
        /* the last record has come: the store has time while aggregates are computed */
        if (kind == 1 && n->function == 0 && n->from == 0)
            journal_checkpoint_begin(j->journal);
    }
}

static void
on_next(void *arg, uint64_t tag, json_object *head)
{
    struct job *j = arg;
    struct next *n = &j->nexts[strcmp(json_get_str(head, "what", ""), "done") == 0 ? 0 : 1];
    if (n->state != NEXT_NONE) {
        struct err err;
        err_set(&err, ERR_INTERNAL, "the runner broke the protocol: NEXT before the answer");
        fail_later(j, &err);
        return;
    }
    int64_t from = json_get_int(head, "from", 0);
    *n = (struct next){ NEXT_WAITS, tag, from > 0 ? from : 0,
                        (int)json_get_int(head, "function", 0) };
    if (j->appending)
        return;
    if (j->batch.len > 0)
        append_batch(j);
    else
        answer_nexts(j);
}

static void
on_progress(void *arg, int64_t done, int64_t total, int64_t in_flight)
{
    struct job *j = arg;
    j->info.rows_done = done;
    if (total >= 0)
        j->info.rows_total = total;
    j->info.in_flight = in_flight;
}

static bool
is_object(struct str text)
{
    struct jval v;
    size_t at;
    return jtext_check(text, &v, &at, NULL) == 0 && v.kind == J_OBJECT;
}

/* Comes before the checkpoint of the job's end is told, for it was asked for before. */
static void
aggregate_stored(void *arg, const struct err *err)
{
    struct job *j = arg;
    if (err == NULL || j->journal == NULL)
        return;
    log_error("an aggregate could not be stored job=%s: %s", j->id_text, err->text);
    if (j->ending)
        end_spoilt(j, err);
    else if (j->stop == STOP_NOT)
        job_end(j, JOB_FAILED, err);
}

static void
on_aggregate(void *arg, int function, struct str results, struct str statistics)
{
    struct job *j = arg;
    size_t n = json_object_array_length(json_get(j->spec, "functions"));
    if (function < 0 || (size_t)function >= n || !is_object(results)
        || !is_object(statistics)) {
        struct err err;
        err_set(&err, ERR_INTERNAL, "the runner broke the protocol: AGGREGATE");
        fail_later(j, &err);
        return;
    }
    journal_put_aggregate(j->journal, function, results, statistics, aggregate_stored, j);
}

static void
on_end(void *arg, json_object *end)
{
    struct job *j = arg;
    const char *state = json_get_str(end, "state", "failed");
    j->end_head = json_object_get(end);
    bool completed = strcmp(state, "completed") == 0;
    if (is_parking(j) && !completed)
        runner_free(TAKE(j->runner));
    if ((!is_parking(j) || !completed) && end_stopped(j))
        return;
    struct err err;
    if (completed) {
        j->info.rows_total = json_get_int(end, "rows", j->info.rows_done);
        j->info.rows_done = j->info.rows_total;
        /* when no record came since the number of rows is known */
        bool failed = too_many_failed(j, &err);
        job_end(j, failed ? JOB_FAILED : JOB_COMPLETED, failed ? &err : NULL);
        return;
    }
    json_object *why = json_get(end, "error");
    err_set(&err, sched_err_code(json_get_str(why, "code", "internal")), "%s",
            json_get_str(why, "message", "the runner gave up without saying why"));
    job_end(j, JOB_FAILED, &err);
}

/* ---- deaths ---- */

static bool
fails_on_error(const struct job *j)
{
    return strcmp(json_get_str(j->spec, "on_error", "record"), "fail") == 0;
}

static void
on_died(void *arg, const struct runner_death *how)
{
    struct job *j = arg;
    bool was_ready = j->ready;
    if (j->got_records)
        j->unexplained = 0; /* it got somewhere: not one that dies for ever */
    runner_free(TAKE(j->runner));
    if (end_stopped(j))
        return;
    struct err err;
    const struct runner_charge *c = &how->charges[0];
    if (how->certain && c->phase < 0 && !was_ready) {
        err_set(&err, ERR_PLUGIN, "plugin %s %s while it was being opened", c->plugin, c->what);
        job_end(j, JOB_FAILED, &err);
        return;
    }
    if (how->certain && c->phase < 0) { /* it would be the same again */
        err_set(&err, ERR_PLUGIN, "plugin %s %s in its aggregate() or close()", c->plugin,
                c->what);
        job_end(j, JOB_FAILED, &err);
        return;
    }
    job_event(j, "runner_died", how->text);
    if (blame_learn(j, how) && fails_on_error(j)) {
        err_set(&err, ERR_PLUGIN, "row %lld: plugin %s %s", (long long)c->row, c->plugin,
                c->what);
        job_end(j, JOB_FAILED, &err);
        return;
    }
    if (j->unexplained > BLAME_DEATHS_MAX) {
        err_set(&err, ERR_INTERNAL, "the runner died %d times without a cause (last: %s)",
                j->unexplained, how->text);
        job_end(j, JOB_FAILED, &err);
        return;
    }
    j->resume = true;
    start_runner(j);
}

static const struct runner_ops job_ops = {
    .ready = on_ready,
    .record = on_record,
    .next = on_next,
    .progress = on_progress,
    .aggregate = on_aggregate,
    .end = on_end,
    .died = on_died,
};

/* ---- start and stop ---- */

static void
start_runner(struct job *j)
{
    struct sched *s = j->sched;
    struct err err;
    memset(j->nexts, 0, sizeof j->nexts);
    j->ready = j->got_records = false;
    j->run++;
    j->runner = runner_start(&s->runners, false, j->id_text, NULL, NULL, &err);
    struct runner_job what = {
        .spec = j->spec,
        .job = j->id_text,
        .data_fd = j->data.fd,
        .data_name = j->data.name,
        .data_format = j->data.format == ROWS_CSV ? "csv" : "jsonl",
        .data_size = j->data.size,
        .resume = j->resume,
        .suspects = j->suspects,
        .quarantine = j->quarantine,
    };
    if (j->runner == NULL || runner_send_job(j->runner, &what, &job_ops, j, &err) < 0) {
        job_end(j, JOB_FAILED, &err);
        return;
    }
    job_event(j, j->begun ? "resumed" : "started", NULL);
    j->begun = true;
    j->run_start_ns = time_mono_ns();
    j->run_start_rows = j->info.rows_done;
}

enum journal_redo
job_redo(const struct job *j)
{
    return json_get_bool(j->spec, "rescored", false) ? JOURNAL_REDO_SCORES : JOURNAL_REDO_ALL;
}

/* What was in error is gone from the journal. */
static void
redone(void *arg, const struct journal_counts *counts, const struct err *err)
{
    struct job *j = arg;
    j->starting = false;
    j->counts = *counts;
    j->info.rows_done -= j->info.rows_failed - counts->failed; /* about; the runner knows */
    if (j->info.rows_done < 0)
        j->info.rows_done = 0;
    j->info.rows_failed = counts->failed;
    if (err != NULL) {
        job_end(j, JOB_FAILED, err);
        return;
    }
    j->retry = false;
    job_tell_watchers(j); /* of "retried" */
    job_put_row(j, j->info.state, NULL, NULL);
    if (!end_stopped(j))
        start_runner(j);
}

static void
reopened(void *arg, struct journal *journal, struct str spec, const struct err *err)
{
    struct job *j = arg;
    struct err mine;
    j->starting = false;
    if (err != NULL) {
        job_end(j, JOB_FAILED, err);
        return;
    }
    j->journal = journal;
    j->counts = journal_counts(journal);
    j->info.rows_failed = j->counts.failed;
    if (json_parse(spec, &j->spec, NULL, &mine) < 0 || job_reopen_data(j, &mine) < 0) {
        job_end(j, JOB_FAILED, &mine);
        return;
    }
    if (end_stopped(j))
        return;
    j->resume = true;
    enum journal_redo redo = job_redo(j);
    if (!j->retry && fails_on_error(j) && j->counts.failed > 0) {
        /* its end was not recorded: the row that decides it is to do so again */
        redo = JOURNAL_REDO_FATAL;
    } else if (!j->retry) {
        start_runner(j);
        return;
    }
    j->starting = true;
    journal_redo(journal, redo, redone, j);
}

static void
manifest_read(void *arg, struct str text, const struct err *err)
{
    struct job *j = arg;
    if (err == NULL)
        json_parse(text, &j->manifest, NULL, NULL);
    journal_open(j->sched->o.store, j->info.id, reopened, j);
}

static void
on_kill_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    struct job *j = w->data;
    if (j->runner != NULL)
        runner_kill(j->runner, SIGKILL);
}

void
job_start(struct job *j)
{
    struct sched *s = j->sched;
    s->running++;
    quota_take_place(j);
    end_waiting(j);
    ev_timer_init(&j->flush_timer, on_flush_timer, 0., 0.);
    ev_timer_init(&j->kill_timer, on_kill_timer, 0., 0.);
    j->flush_timer.data = j->kill_timer.data = j;
    j->begun = j->info.started_unix_ms != 0 || j->retry;
    if (j->info.started_unix_ms == 0)
        j->info.started_unix_ms = time_unix_ms();
    bool fresh = j->journal != NULL;
    j->unexplained = 0;
    j->info.state = JOB_IN_PROGRESS;
    job_put_row(j, JOB_IN_PROGRESS, NULL, NULL);
    if (fresh) {
        start_runner(j);
        return;
    }
    j->starting = true;
    log_info("job %s job=%s", j->begun ? "resumed" : "begun", j->id_text);
    journal_read_value(s->o.store, j->info.id, "manifest", manifest_read, j);
}

void
job_stop_runner(struct job *j, enum job_stop why)
{
    if (j->ending || j->stop == why || (j->stop == STOP_PAUSE && why == STOP_PARK))
        return;
    j->stop = why;
    if (j->runner == NULL)
        return; /* it is being opened: seen there */
    double grace = is_parking(j) ? j->sched->o.conf->shutdown_grace_ms / 1e3 : 0;
    runner_pause(j->runner, false);
    runner_stop(j->runner, is_parking(j) ? "park" : "cancel", (int)(grace * 1e3));
    ev_timer_stop(j->sched->o.loop, &j->kill_timer); /* cancelled while it is parked */
    ev_timer_set(&j->kill_timer, KILL_DELAY_S + grace, 0.);
    ev_timer_start(j->sched->o.loop, &j->kill_timer);
}
