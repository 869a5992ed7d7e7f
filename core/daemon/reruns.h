/* reruns.h - which job a request began, so that a repeated request does not begin another.
 *
 * Clients repeat a POST by themselves when they lose patience.  Loop thread
 * only; nothing is kept over a restart. */
#ifndef EVALD_RERUNS_H
#define EVALD_RERUNS_H

#include "daemon/sched.h"

struct reruns;

struct reruns *reruns_new(void);
void reruns_free(struct reruns *r);

/* Who asked for what: SHA-256 of benchmark, uid and validated body. */
struct rerun_key {
    uint8_t hash[32];
};
struct rerun_key reruns_key(const char *benchmark, uid_t uid, json_object *body);

void reruns_add(struct reruns *r, const struct sched *s, const struct rerun_key *key,
                int64_t job_id);
/* The job of that key that has not ended; -1: none. */
int64_t reruns_find(struct reruns *r, const struct sched *s, const struct rerun_key *key);

#endif
