/* Limits of each user: whose job is next, who may hand in another one, what is stored. */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/mem.h"
#include "daemon/sched_impl.h"
#include "tap.h"
#include "tmpdir.h"

static struct conf conf;
static struct sched sched = { .o.conf = &conf };
static int state_dir = -1;
static int64_t catalog_bytes;

int
store_dir(const struct store *s)
{
    (void)s;
    return state_dir;
}

int64_t
catalog_user_bytes(const struct catalog *c, uid_t owner)
{
    (void)c;
    return owner == 1 ? catalog_bytes : 0;
}

/* A job that waits. */
static struct job *
add(uid_t owner)
{
    struct job *j = xcalloc(1, sizeof *j);
    j->sched = &sched;
    j->info.id = (int64_t)sched.n_jobs;
    j->info.state = JOB_SCHEDULED;
    j->user = quota_user(&sched, owner);
    snprintf(j->id_text, sizeof j->id_text, "%zu", sched.n_jobs);
    sched.jobs = xreallocarray(sched.jobs, sched.n_jobs + 1, sizeof *sched.jobs);
    sched.jobs[sched.n_jobs++] = j;
    return j;
}

static void
remove_all(void)
{
    for (size_t i = 0; i < sched.n_jobs; i++)
        free(sched.jobs[i]);
    free(sched.jobs);
    quota_free(&sched);
    sched = (struct sched){ .o.conf = &conf };
    conf = (struct conf){ .max_runners = 4 };
    catalog_bytes = 0;
}

static int64_t
next(void)
{
    struct job *j = quota_next_job(&sched);
    return j != NULL ? j->info.id : -1;
}

/* Begins the job whose turn it is; returns its id. */
static int64_t
begin(void)
{
    struct job *j = quota_next_job(&sched);
    if (j == NULL)
        return -1;
    j->info.state = JOB_IN_PROGRESS;
    quota_take_place(j);
    return j->info.id;
}

static void
end(int64_t id)
{
    sched.jobs[id]->info.state = JOB_COMPLETED;
    quota_leave_place(sched.jobs[id]);
}

static void
test_users(void)
{
    struct user *u[100];
    for (unsigned i = 0; i < 100; i++)
        u[i] = quota_user(&sched, i * 7919 % 100);
    bool same = true;
    for (unsigned i = 0; i < 100; i++)
        same = same && quota_user(&sched, i * 7919 % 100) == u[i];
    ok(same && u[3]->uid == 57, "a user is always the same one");
    remove_all();
}

static void
test_order(void)
{
    is_int(next(), -1, "nobody waits");
    add(1);
    add(1);
    add(1);
    is_int(begin(), 0, "one user's jobs run in the order of their ids");
    is_int(begin(), 1, "all of them, as long as nobody else waits");
    add(2);
    add(2);
    is_int(begin(), 3, "who has fewer running comes first");
    is_int(begin(), 4, "until both have as many");
    add(2);
    end(0);
    end(1);
    end(3);
    end(4);
    is_int(begin(), 2, "with as many: who has waited longer for a turn");
    end(2);
    add(1);
    is_int(begin(), 5, "so they take turns, one at a time");
    end(5);
    is_int(begin(), 6, "each");
    sched.jobs[0]->info.state = JOB_SCHEDULED;
    sched.first_waiting = 1;
    is_int(next(), -1, "what stands before the first that waits is not looked at");
    remove_all();
}

static void
test_passed_over(void)
{
    add(1)->ending = true;
    add(1)->cancels = 1;
    add(1)->info.paused = true;
    add(1)->info.state = JOB_CANCELLED;
    is_int(next(), -1, "jobs that end, are paused or being cancelled do not begin");
    remove_all();
}

static void
test_jobs_per_user(void)
{
    conf.jobs_per_user = 2;
    for (int i = 0; i < 3; i++)
        add(1);
    add(2);
    is_int(begin(), 0, "the first");
    is_int(begin(), 3, "the other user");
    is_int(begin(), 1, "the second");
    is_int(begin(), -1, "the third waits");
    add(2);
    is_int(begin(), 4, "and holds up nobody else");
    end(0);
    is_int(next(), 2, "a place of its user is free");
    quota_leave_place(sched.jobs[0]);
    is_int(quota_user(&sched, 1)->running, 1, "a place is given back once");
    end(2);
    is_int(quota_user(&sched, 1)->running, 1, "and not by who has had none");
    sched.jobs[2]->info.state = JOB_SCHEDULED;
    begin();
    add(1);
    is_int(next(), -1, "the limit is reached again");
    conf.jobs_per_user = 3;
    is_int(next(), 5, "a larger limit counts at once");
    conf.jobs_per_user = 0;
    is_int(next(), 5, "and so does none");
    remove_all();
}

static void
test_calls(void)
{
    struct user *u = quota_user(&sched, 1);
    u->calls = 1000;
    ok(quota_may_call(&sched, u), "without a limit any number of calls");
    conf.calls_per_user = 2;
    u->calls = 1;
    ok(quota_may_call(&sched, u), "below it");
    u->calls = 2;
    ok(!quota_may_call(&sched, u), "at it");
    ok(quota_may_call(&sched, quota_user(&sched, 2)), "another user");
    remove_all();
}

/* As sched_submit asks: the job in question is among those on their way. */
static int
admit(uid_t uid, int64_t copied, struct err *err)
{
    struct user *u = quota_user(&sched, uid);
    *err = (struct err){ .code = ERR_NONE };
    u->submitting++;
    int rc = quota_admit(&sched, u, copied, err);
    u->submitting--;
    return rc;
}

static void
test_queued(void)
{
    struct err err;
    for (int i = 0; i < 100; i++)
        add(1);
    is_int(admit(1, 0, &err), 0, "without a limit any number of jobs may wait");
    conf.queued_jobs_per_user = 100;
    is_int(admit(1, 0, &err), -1, "no more than the limit");
    is_int(err.code, ERR_BUSY, "its code");
    is_str(err.text, "uid 1 has 100 jobs waiting, as many as queued_jobs_per_user allows",
           "its text");
    is_int(admit(2, 0, &err), 0, "another user");
    sched.jobs[5]->info.paused = true;
    is_int(admit(1, 0, &err), -1, "to pause a job makes no room");
    begin();
    is_int(admit(1, 0, &err), 0, "a job that runs does not wait");
    quota_user(&sched, 1)->submitting = 1;
    is_int(admit(1, 0, &err), -1, "one that is on its way to the disk does");
    remove_all();
}

static void
test_stored(void)
{
    struct err err;
    add(1);
    struct job *j = sched.jobs[0];
    tmp_write_n("jobs/0.db", "0123456789", 10, 0600);
    tmp_write_n("jobs/0.db-wal", "01234", 5, 0600);
    tmp_write_n("jobs/0.rows", "012", 3, 0600);
    quota_count_files(j);
    is_int(j->user->bytes, 13, "a job that waits: its journal and its rows");
    j->journal = (struct journal *)j;
    quota_count_files(j);
    is_int(j->user->bytes, 18, "one that runs: the log of the journal too");
    ok(linkat(state_dir, "jobs/0.rows", state_dir, "jobs/link", 0) == 0, "a second link");
    quota_count_files(j);
    is_int(j->user->bytes, 15, "rows that are a data set's count there");
    j->journal = NULL;
    j->info.state = JOB_COMPLETED;
    unlinkat(state_dir, "jobs/link", 0);
    quota_count_files(j);
    is_int(j->user->bytes, 10, "one that has ended: its journal");

    is_int(sched_check_stored(&sched, 1, INT64_MAX, &err), 0, "no limit");
    conf.stored_bytes_per_user = 100;
    catalog_bytes = 50;
    is_int(sched_check_stored(&sched, 1, 40, &err), 0, "up to the limit");
    is_int(sched_check_stored(&sched, 1, 41, &err), -1, "not above it");
    is_int(err.code, ERR_NOSPACE, "its code");
    is_str(err.text, "uid 1 has stored 60 bytes; 41 more would be above stored_bytes_per_user, "
           "which is 100", "its text");
    is_int(sched_check_stored(&sched, 1, INT64_MAX, &err), -1, "no overflow");
    is_int(sched_check_stored(&sched, 2, 100, &err), 0, "another user has stored nothing");
    catalog_bytes = 1000;
    is_int(sched_check_stored(&sched, 1, -5, &err), 0, "less may be stored at any time");
    is_int(admit(1, 0, &err), -1, "a job needs room");
    is_int(err.code, ERR_NOSPACE, "its code");
    catalog_bytes = 89;
    is_int(admit(1, 0, &err), 0, "if only a byte");
    is_int(admit(1, 2, &err), -1, "and for the rows that it must keep");

    unlinkat(state_dir, "jobs/0.db", 0);
    quota_count_files(j);
    is_int(j->user->bytes, 0, "a journal that is gone takes nothing");
    remove_all();
}

int
main(void)
{
    mkdir(tmp("jobs"), 0700);
    state_dir = open(tmpdir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    remove_all();
    test_users();
    test_order();
    test_passed_over();
    test_jobs_per_user();
    test_calls();
    test_queued();
    test_stored();
    close(state_dir);
    return tap_done();
}
