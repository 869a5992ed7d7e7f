#include "config.h"

#include <nettle/sha2.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/io.h"
#include "common/mem.h"
#include "daemon/api.h"
#include "daemon/submit.h"

#define KEY_MAX     255 /* bytes */
#define KEEP_MS     (24 * 3600 * INT64_C(1000))
#define REPEATED_MS (600 * INT64_C(1000))
/* What a job is made of may take that long to come, also where nobody waits for jobs. */
#define BEGIN_MS    2000

/* A request between its coming and its answer. */
struct waiting {
    SLIST_ENTRY(waiting) same;
    struct request *rq;
    struct api *api; /* held */
    struct begun *for_what;
    int64_t until_ns;
    ev_timer timer; /* of one that found it begun, while it is not on disk */
};

/* What began a job, or is about to. */
struct begun {
    TAILQ_ENTRY(begun) all;
    uid_t uid;
    char *key; /* NULL: none */
    char hash[2 * SHA256_DIGEST_SIZE + 1];
    int64_t job; /* -1: not on disk yet */
    int64_t since_unix_ms;
    SLIST_HEAD(, waiting) waiting; /* for it to be on disk */
    struct submits *of;
};
TAILQ_HEAD(begun_list, begun);

struct submits {
    const struct sched *sched;
    struct begun_list all; /* oldest first */
    void *by_key, *by_hash; /* trees; of the same hash the last */
};

/* ------------------------------------------------------------------------------ what is known */

static int
compare_keys(const void *a, const void *b)
{
    const struct begun *x = a, *y = b;
    return x->uid != y->uid ? (x->uid < y->uid ? -1 : 1) : strcmp(x->key, y->key);
}

static int
compare_hashes(const void *a, const void *b)
{
    const struct begun *x = a, *y = b;
    return strcmp(x->hash, y->hash);
}

static void
link_begun(void **tree, struct begun *e, int (*compare)(const void *, const void *))
{
    struct begun **node = tsearch(e, tree, compare);
    if (node == NULL)
        abort();
    *node = e; /* takes the place of an older one */
}

static void
unlink_begun(void **tree, struct begun *e, int (*compare)(const void *, const void *))
{
    struct begun **node = tfind(e, tree, compare);
    if (node != NULL && *node == e)
        tdelete(e, tree, compare);
}

static struct begun *
begun_add(struct submits *s, uid_t uid, const char *key, const char *hash, int64_t job,
          int64_t since_unix_ms)
{
    struct begun *e = xcalloc(1, sizeof *e);
    e->of = s;
    e->uid = uid;
    e->key = key != NULL ? xstrdup(key) : NULL;
    memccpy(e->hash, hash, '\0', sizeof e->hash - 1);
    e->job = job;
    e->since_unix_ms = since_unix_ms;
    TAILQ_INSERT_TAIL(&s->all, e, all);
    link_begun(&s->by_hash, e, compare_hashes);
    if (key != NULL)
        link_begun(&s->by_key, e, compare_keys);
    return e;
}

static void
begun_remove(struct begun *e)
{
    struct submits *s = e->of;
    unlink_begun(&s->by_hash, e, compare_hashes);
    if (e->key != NULL)
        unlink_begun(&s->by_key, e, compare_keys);
    TAILQ_REMOVE(&s->all, e, all);
    free(e->key);
    free(e);
}

/* Is it younger than that, or its job still to come to its end? */
static bool
counts(const struct begun *e, int64_t for_ms)
{
    const struct job_info *job = e->job >= 0 ? sched_job(e->of->sched, e->job) : NULL;
    return job == NULL || job->state < JOB_COMPLETED
        || time_unix_ms() - e->since_unix_ms < for_ms;
}

static void
forget_old(struct submits *s)
{
    struct begun *e;
    while ((e = TAILQ_FIRST(&s->all)) != NULL && !counts(e, KEEP_MS))
        begun_remove(e);
}

static struct begun *
begun_find(struct submits *s, const struct begun *like, bool repeated)
{
    void **tree = like->key != NULL ? &s->by_key : &s->by_hash;
    int64_t for_ms = like->key != NULL ? KEEP_MS : REPEATED_MS;
    if (like->key == NULL && !repeated)
        return NULL;
    struct begun **node =
        tfind(like, tree, like->key != NULL ? compare_keys : compare_hashes);
    return node != NULL && counts(*node, for_ms) ? *node : NULL;
}

/* Jobs that are only on their way, like those whose data set is fetched, count among those that
 * wait: their callers may have hung up long ago. */
static int
admit(const struct submits *s, const struct request *rq, struct err *err)
{
    int max = rq->api->conf->queued_jobs_per_user, n = 0;
    const struct begun *e;
    TAILQ_FOREACH(e, &s->all, all)
        n += e->job < 0 && e->uid == rq->uid;
    if (max == 0 || n < max)
        return 0;
    return err_set(err, ERR_BUSY, "uid %u has %d jobs waiting, as many as "
                   "queued_jobs_per_user allows", (unsigned)rq->uid, n);
}

struct submits *
submits_new(const struct sched *sched)
{
    struct submits *s = xcalloc(1, sizeof *s);
    s->sched = sched;
    TAILQ_INIT(&s->all);
    int64_t now = time_unix_ms();
    const struct job_info *job;
    for (size_t i = 0; (job = sched_job_at(sched, i)) != NULL; i++)
        if (job->origin.hash != NULL
            && (job->state < JOB_COMPLETED || now - job->created_unix_ms < KEEP_MS))
            begun_add(s, job->owner, job->origin.key, job->origin.hash, job->id,
                      job->created_unix_ms);
    return s;
}

void
submits_free(struct submits *s)
{
    if (s == NULL)
        return;
    while (!TAILQ_EMPTY(&s->all))
        begun_remove(TAILQ_FIRST(&s->all));
    free(s);
}

/* ------------------------------------------------------------------------------ answering */

static void
waiting_free(struct waiting *w)
{
    ev_timer_stop(sched_loop(w->api->sched), &w->timer);
    api_release(w->api);
    free(w);
}

static void
wait_for_job(struct waiting *w, int64_t job)
{
    int64_t left_ns = w->until_ns - time_mono_ns();
    api_wait_job(w->rq, w->api, job, left_ns > 0 ? (int)(left_ns / 1000000) : 0,
                 api_answer_run);
    waiting_free(w);
}

static void
on_time(struct ev_loop *loop, ev_timer *t, int events)
{
    (void)loop;
    (void)events;
    struct waiting *w = t->data;
    struct request *rq = w->rq;
    SLIST_REMOVE(&w->for_what->waiting, w, waiting, same);
    waiting_free(w);
    api_fail(rq, ERR_NOT_READY, "the same request is under way, and its job not on disk yet: ask "
             "again");
}

/* Tells all who wait for the job to be on disk. */
static void
on_created(void *arg, int64_t job_id, const struct err *err)
{
    struct begun *e = arg;
    struct waiting *w = SLIST_FIRST(&e->waiting), *next;
    SLIST_INIT(&e->waiting);
    e->job = job_id;
    if (err != NULL)
        begun_remove(e);
    for (; w != NULL; w = next) {
        next = SLIST_NEXT(w, same);
        struct request *rq = w->rq;
        if (err == NULL) {
            wait_for_job(w, job_id);
        } else {
            waiting_free(w);
            request_fail(rq, err);
        }
    }
}

/* ------------------------------------------------------------------------------ the request */

/* The content of a string of RFC 8941, or the value as it is, which many clients send. */
static int
take_key(const char *value, char **ret, struct err *err)
{
    size_t n = strlen(value);
    bool quoted = n >= 2 && value[0] == '"' && value[n - 1] == '"';
    CLEANUP_FREE char *key = xstrndup(value + quoted, n - 2 * quoted);
    size_t len = 0;
    for (size_t i = 0; key[i] != '\0'; i++) {
        if (quoted && key[i] == '\\' && key[i + 1] != '\0')
            i++;
        if (key[i] < 0x20 || key[i] > 0x7e)
            return err_set(err, ERR_INVALID, "Idempotency-Key: a byte that is not ASCII text");
        key[len++] = key[i];
    }
    key[len] = '\0';
    if (len == 0 || len > KEY_MAX)
        return err_set(err, ERR_INVALID, "Idempotency-Key: %zu bytes, not 1 to %d", len,
                       KEY_MAX);
    *ret = TAKE(key);
    return 0;
}

/* What a request asks for, in hexadecimal. */
static void
hash_request(struct begun *e, const char *what, json_object *body)
{
    struct sha256_ctx cx;
    uint8_t digest[SHA256_DIGEST_SIZE];
    CLEANUP_FREE char *text = json_text(body);
    uint64_t uid = e->uid;
    sha256_init(&cx);
    sha256_update(&cx, strlen(what) + 1, (const uint8_t *)what);
    sha256_update(&cx, sizeof uid, (const uint8_t *)&uid);
    sha256_update(&cx, strlen(text), (const uint8_t *)text);
    sha256_digest(&cx, sizeof digest, digest);
    hex_encode(e->hash, digest, sizeof digest);
}

void
submit_once(struct request *rq, const char *what, submit_start_fn *start, void *arg)
{
    struct err err;
    CLEANUP_FREE char *key = NULL;
    const char *header = request_header(rq, "Idempotency-Key");
    if (header != NULL && take_key(header, &key, &err) < 0) {
        request_fail(rq, &err);
        return;
    }
    struct submits *s = rq->api->submits;
    struct begun like = { .uid = rq->uid, .key = key };
    hash_request(&like, what, rq->in);
    const char *count = request_header(rq, "x-stainless-retry-count");
    forget_old(s);
    struct begun *e = begun_find(s, &like, count != NULL && atoi(count) > 0);
    if (e != NULL && strcmp(e->hash, like.hash) != 0) {
        api_fail(rq, ERR_CONFLICT, "Idempotency-Key '%s' was sent with another request", key);
        return;
    }
    bool known = e != NULL;
    if (!known && admit(s, rq, &err) < 0) {
        request_fail(rq, &err);
        return;
    }
    if (!known)
        e = begun_add(s, rq->uid, key, like.hash, -1, time_unix_ms());
    struct job_origin origin = { e->key, e->hash };
    struct waiting *w = xcalloc(1, sizeof *w);
    int wait_ms = api_wait_wanted(rq), begin_ms = wait_ms < BEGIN_MS ? BEGIN_MS : wait_ms;
    *w = (struct waiting){ .rq = rq, .api = api_hold(rq->api), .for_what = e,
                           .until_ns = time_mono_ns() + wait_ms * INT64_C(1000000) };
    ev_timer_init(&w->timer, on_time, begin_ms / 1e3, 0.);
    w->timer.data = w;
    if (e->job >= 0) {
        wait_for_job(w, e->job);
        return;
    }
    SLIST_INSERT_HEAD(&e->waiting, w, same); /* created may be called within start */
    if (known)
        ev_timer_start(sched_loop(rq->api->sched), &w->timer);
    else if (start(rq, arg, &origin, begin_ms, on_created, e, &err) < 0)
        on_created(e, -1, &err);
}
