#include "config.h"

#include <stdlib.h>

#include "common/mem.h"
#include "daemon/sched_impl.h"

struct sched_watcher {
    struct sched_watcher *next, **link_to_this;
    sched_watch_fn *fn;
    void *arg;
};

struct sched_watcher *
sched_watch(struct sched *s, int64_t id, sched_watch_fn *fn, void *arg)
{
    struct job *j = sched_find(s, id);
    struct sched_watcher *w = xcalloc(1, sizeof *w);
    w->fn = fn;
    w->arg = arg;
    w->next = j->watchers;
    w->link_to_this = &j->watchers;
    if (w->next != NULL)
        w->next->link_to_this = &w->next;
    j->watchers = w;
    return w;
}

void
sched_unwatch(struct sched_watcher *w)
{
    if (w == NULL)
        return;
    *w->link_to_this = w->next;
    if (w->next != NULL)
        w->next->link_to_this = w->link_to_this;
    free(w);
}

void
job_tell_watchers(struct job *j)
{
    struct sched_watcher *next;
    for (struct sched_watcher *w = j->watchers; w != NULL; w = next) {
        next = w->next; /* fn may take w away, no other */
        w->fn(w->arg);
    }
}

void
job_event_written(void *arg, const struct err *err)
{
    struct job *j = arg;
    (void)err; /* whoever reads the journal finds it, or not */
    j->events_unwritten--;
    job_tell_watchers(j);
}

bool
sched_is_over(const struct sched *s, int64_t id)
{
    const struct job *j = sched_find(s, id);
    return j->info.state >= JOB_COMPLETED && j->journal == NULL && !j->starting
        && j->events_unwritten == 0;
}

bool
sched_is_stopping(const struct sched *s)
{
    return s->stopping;
}

struct ev_loop *
sched_loop(const struct sched *s)
{
    return s->o.loop;
}
