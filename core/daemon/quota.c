#include "config.h"

#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/mem.h"
#include "daemon/sched_impl.h"

/* ---- users ---- */

static int
compare(const void *a, const void *b)
{
    const struct user *x = a, *y = b;
    return x->uid < y->uid ? -1 : x->uid > y->uid;
}

struct user *
quota_user(struct sched *s, uid_t uid)
{
    struct user key = { .uid = uid };
    struct user **at = tfind(&key, &s->users, compare);
    if (at != NULL)
        return *at;
    struct user *u = xcalloc(1, sizeof *u);
    u->uid = uid;
    if (tsearch(u, &s->users, compare) == NULL)
        abort(); /* no memory */
    return u;
}

void
quota_free(struct sched *s)
{
    tdestroy(s->users, free);
    s->users = NULL;
}

/* ---- what runs, and what is next ---- */

static bool
waits(const struct job *j)
{
    return j->info.state == JOB_SCHEDULED && !j->ending && j->cancels == 0;
}

static bool
is_before(const struct user *a, const struct user *b)
{
    return a->running != b->running ? a->running < b->running : a->turn < b->turn;
}

struct job *
quota_next_job(const struct sched *s)
{
    int max = s->o.conf->jobs_per_user;
    struct job *next = NULL;
    for (size_t i = s->first_waiting; i < s->n_jobs; i++) {
        struct job *j = s->jobs[i];
        if (waits(j) && !j->info.paused && (max == 0 || j->user->running < max)
            && (next == NULL || is_before(j->user, next->user)))
            next = j;
    }
    return next;
}

void
quota_take_place(struct job *j)
{
    j->has_place = true;
    j->user->running++;
    j->user->turn = ++j->sched->turn;
}

void
quota_leave_place(struct job *j)
{
    if (j->has_place)
        j->user->running--;
    j->has_place = false;
}

bool
quota_may_call(const struct sched *s, const struct user *u)
{
    int max = s->o.conf->calls_per_user;
    return max == 0 || u->calls < max;
}

/* ---- what is stored ---- */

static int64_t
file_bytes(const struct job *j, const char *suffix, nlink_t max_links)
{
    char name[48];
    struct stat st;
    snprintf(name, sizeof name, "jobs/%s%s", j->id_text, suffix);
    if (fstatat(store_dir(j->sched->o.store), name, &st, 0) < 0 || st.st_nlink > max_links)
        return 0;
    return st.st_size;
}

void
quota_count_files(struct job *j)
{
    int64_t bytes = file_bytes(j, ".db", 1);
    if (j->journal != NULL)
        bytes += file_bytes(j, ".db-wal", 1);
    if (j->info.state < JOB_COMPLETED)
        bytes += file_bytes(j, ".rows", 1); /* with two links it is the data set's */
    j->user->bytes += bytes - j->bytes;
    j->bytes = bytes;
}

int
sched_check_stored(struct sched *s, uid_t owner, int64_t more, struct err *err)
{
    int64_t max = s->o.conf->stored_bytes_per_user, sum;
    if (max == 0 || more <= 0)
        return 0;
    int64_t used = quota_user(s, owner)->bytes + catalog_user_bytes(s->o.catalog, owner);
    if (!__builtin_add_overflow(used, more, &sum) && sum <= max)
        return 0;
    return err_set(err, ERR_NOSPACE, "uid %u has stored %" PRId64 " bytes; %" PRId64
                   " more would be above stored_bytes_per_user, which is %" PRId64,
                   (unsigned)owner, used, more, max);
}

static int
count_waiting(const struct sched *s, const struct user *u)
{
    int n = u->submitting;
    for (size_t i = s->first_waiting; i < s->n_jobs; i++)
        n += s->jobs[i]->user == u && waits(s->jobs[i]);
    return n;
}

int
quota_admit(struct sched *s, struct user *u, int64_t copied, struct err *err)
{
    int max = s->o.conf->queued_jobs_per_user;
    int waiting = max > 0 ? count_waiting(s, u) - 1 : 0; /* without the one in question */
    if (max > 0 && waiting >= max)
        return err_set(err, ERR_BUSY, "uid %u has %d jobs waiting, as many as "
                       "queued_jobs_per_user allows", (unsigned)u->uid, waiting);
    return sched_check_stored(s, u->uid, copied > 0 ? copied : 1, err);
}
