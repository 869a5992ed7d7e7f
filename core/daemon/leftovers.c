#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "daemon/sched_impl.h"

/* "17.rows" is 17 and ".rows"; false: no file of a job. */
static bool
parse_name(const char *name, int64_t *ret_id, const char **ret_end)
{
    size_t digits = strspn(name, "0123456789");
    if (digits == 0 || digits > 18)
        return false;
    *ret_id = strtoll(name, NULL, 10);
    *ret_end = name + digits;
    return true;
}

/* Data are for jobs that have not ended.  A journal whose job was never recorded is that of a
 * submission that was cut off; one at or above next_id is in nobody's way: who gets its id
 * begins it anew. */
static bool
is_leftover(const struct sched *s, int64_t id, const char *end)
{
    const struct job_info *job = sched_job(s, id);
    if (strcmp(end, ".rows") == 0)
        return job == NULL || job->state >= JOB_COMPLETED;
    bool journal = strcmp(end, ".db") == 0 || strcmp(end, ".db-wal") == 0
                   || strcmp(end, ".db-shm") == 0;
    return journal && job == NULL && id < s->next_id;
}

void
sched_remove_leftovers(const struct sched *s)
{
    int fd = openat(store_dir(s->o.store), "jobs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    int64_t id;
    const char *end;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (parse_name(e->d_name, &id, &end) && is_leftover(s, id, end)
            && unlinkat(fd, e->d_name, 0) == 0)
            log_info("removed what an interrupted evald left file=jobs/%s", e->d_name);
    closedir(d);
}
