#include "config.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/mem.h"
#include "daemon/worker.h"

struct item {
    struct item *next;
    void (*run)(void *), (*done)(void *);
    void *arg;
};

struct queue {
    struct item *first, **last;
};

struct worker {
    struct ev_loop *loop;
    struct ev_async woken;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t more, idle;
    struct queue todo, finished;
    bool busy, stop;
};

static void
queue_init(struct queue *q)
{
    q->first = NULL;
    q->last = &q->first;
}

static void
queue_put(struct queue *q, struct item *it)
{
    it->next = NULL;
    *q->last = it;
    q->last = &it->next;
}

static struct item *
queue_get(struct queue *q)
{
    struct item *it = q->first;
    if (it != NULL && (q->first = it->next) == NULL)
        q->last = &q->first;
    return it;
}

static void *
worker_main(void *arg)
{
    struct worker *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        struct item *it = queue_get(&w->todo);
        if (it == NULL) {
            w->busy = false;
            pthread_cond_broadcast(&w->idle);
            if (w->stop)
                break;
            pthread_cond_wait(&w->more, &w->lock);
            continue;
        }
        w->busy = true;
        pthread_mutex_unlock(&w->lock);
        if (it->run != NULL)
            it->run(it->arg);
        pthread_mutex_lock(&w->lock);
        queue_put(&w->finished, it);
        ev_async_send(w->loop, &w->woken);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void
call_finished(struct worker *w)
{
    for (;;) {
        pthread_mutex_lock(&w->lock);
        struct item *it = queue_get(&w->finished);
        pthread_mutex_unlock(&w->lock);
        if (it == NULL)
            return;
        if (it->done != NULL)
            it->done(it->arg);
        free(it);
    }
}

static void
on_woken(struct ev_loop *loop, struct ev_async *a, int events)
{
    (void)loop;
    (void)events;
    call_finished(a->data);
}

struct worker *
worker_new(struct ev_loop *loop, const char *name)
{
    struct worker *w = xcalloc(1, sizeof *w);
    w->loop = loop;
    queue_init(&w->todo);
    queue_init(&w->finished);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    pthread_cond_init(&w->idle, NULL);
    ev_async_init(&w->woken, on_woken);
    w->woken.data = w;
    ev_async_start(loop, &w->woken);
    ev_unref(loop); /* a worker alone keeps no loop running */
    int rc = pthread_create(&w->thread, NULL, worker_main, w);
    assert(rc == 0);
    pthread_setname_np(w->thread, name);
    return w;
}

void
worker_run(struct worker *w, void (*run)(void *), void (*done)(void *), void *arg)
{
    struct item *it = xmalloc(sizeof *it);
    *it = (struct item){ .run = run, .done = done, .arg = arg };
    pthread_mutex_lock(&w->lock);
    assert(!w->stop);
    queue_put(&w->todo, it);
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
}

void
worker_drain(struct worker *w)
{
    for (;;) {
        pthread_mutex_lock(&w->lock);
        while (w->todo.first != NULL || w->busy)
            pthread_cond_wait(&w->idle, &w->lock);
        bool none = w->finished.first == NULL;
        pthread_mutex_unlock(&w->lock);
        if (none)
            return;
        call_finished(w);
    }
}

void
worker_free(struct worker *w)
{
    if (w == NULL)
        return;
    worker_drain(w);
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    call_finished(w);
    ev_ref(w->loop);
    ev_async_stop(w->loop, &w->woken);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->more);
    pthread_cond_destroy(&w->idle);
    free(w);
}
