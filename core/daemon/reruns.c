#include "config.h"

#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/reruns.h"

struct entry {
    struct rerun_key key;
    int64_t job;
};

struct reruns {
    struct entry *entries;
    size_t n, room;
};

struct reruns *
reruns_new(void)
{
    return xcalloc(1, sizeof(struct reruns));
}

void
reruns_free(struct reruns *r)
{
    if (r == NULL)
        return;
    free(r->entries);
    free(r);
}

struct rerun_key
reruns_key(const char *benchmark, uid_t uid, json_object *body)
{
    struct rerun_key key;
    struct sha256_ctx cx;
    CLEANUP_FREE char *text = json_text(body);
    sha256_init(&cx);
    sha256_update(&cx, strlen(benchmark) + 1, (const uint8_t *)benchmark);
    sha256_update(&cx, sizeof uid, (const uint8_t *)&uid);
    sha256_update(&cx, strlen(text), (const uint8_t *)text);
    sha256_digest(&cx, sizeof key.hash, key.hash);
    return key;
}

static bool
is_running(const struct sched *s, int64_t job)
{
    const struct job_info *info = sched_job(s, job);
    return info != NULL
        && (info->state == JOB_SCHEDULED || info->state == JOB_IN_PROGRESS);
}

static void
forget_ended(struct reruns *r, const struct sched *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->n; i++)
        if (is_running(s, r->entries[i].job))
            r->entries[kept++] = r->entries[i];
    r->n = kept;
}

void
reruns_add(struct reruns *r, const struct sched *s, const struct rerun_key *key, int64_t job_id)
{
    forget_ended(r, s);
    if (r->n == r->room) {
        r->room = r->room == 0 ? 16 : r->room * 2;
        r->entries = xreallocarray(r->entries, r->room, sizeof *r->entries);
    }
    r->entries[r->n++] = (struct entry){ *key, job_id };
}

int64_t
reruns_find(struct reruns *r, const struct sched *s, const struct rerun_key *key)
{
    for (size_t i = r->n; i-- > 0;)
        if (memcmp(&r->entries[i].key, key, sizeof *key) == 0
            && is_running(s, r->entries[i].job))
            return r->entries[i].job;
    return -1;
}
