#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/io.h"
#include "common/mem.h"
#include "daemon/rowsfile.h"
#include "daemon/sched_impl.h"

void
job_data_name(const struct job *j, char ret[40])
{
    snprintf(ret, 40, "jobs/%s.rows", j->id_text);
}

void
job_drop_data(struct job *j)
{
    char name[40];
    job_data_name(j, name);
    unlinkat(store_dir(j->sched->o.store), name, 0);
    quota_count_files(j);
}

int
job_keep_data(const struct job *j, const char *rows_file, struct err *err)
{
    int dir = store_dir(j->sched->o.store);
    char name[40];
    job_data_name(j, name);
    unlinkat(dir, name, 0);
    if (rows_file[0] != '\0' && linkat(dir, rows_file, dir, name, 0) == 0)
        return 0;
    CLEANUP_CLOSE int to = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return err_set(err, ERR_IO, "%s: %m", name);
    char buf[65536];
    for (int64_t at = 0; at < j->data.size;) {
        size_t want = j->data.size - at < (int64_t)sizeof buf ? (size_t)(j->data.size - at)
                                                              : sizeof buf;
        ssize_t n = io_pread_full(j->data.fd, buf, want, at);
        if (n <= 0 || io_write_full(to, buf, (size_t)n) < 0)
            return err_set(err, ERR_NOSPACE, "copy of the data set, %s: %m", name);
        at += n;
    }
    if (fsync(to) < 0)
        return err_set(err, ERR_IO, "%s: %m", name);
    return 0;
}

int
job_reopen_data(struct job *j, struct err *err)
{
    struct sched *s = j->sched;
    if (j->data.fd >= 0)
        return 0; /* it has only been waiting for its turn */
    json_object *d = json_get(j->spec, "dataset");
    char name[40];
    job_data_name(j, name);
    j->data.format = strcmp(json_get_str(d, "format", "jsonl"), "csv") == 0 ? ROWS_CSV
                                                                            : ROWS_JSONL;
    j->data.size = json_get_int(d, "size", 0);
    const char *uri = json_get_str(d, "uri", NULL);
    if (uri == NULL) {
        j->data.fd = openat(store_dir(s->o.store), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (j->data.fd < 0)
            return err_set(err, ERR_IO, "the job's copy of its data set, %s: %m", name);
        j->data.name = xstrdup(json_get_str(d, "name", "rows"));
        return 0;
    }
    struct dataset ds = { .id = (char *)json_get_str(d, "id", ""), .uri = (char *)uri,
                          .provider_id = (char *)"localfs" };
    struct dataset_snapshot again = { .fd = -1 };
    if (dataset_open_unread(s->o.conf, s->o.store, &ds, &again, err) < 0)
        return err_prefix(err, "data set of the job");
    if (again.unread != UNREAD_NOT /* such have a copy */
        || strcmp(again.fingerprint, json_get_str(d, "fingerprint", "")) != 0) {
        dataset_snapshot_fini(&again);
        return err_set(err, ERR_INVALID, "data set %s has changed since the job began", uri);
    }
    j->data = again;
    return 0;
}

int
job_find_data(struct job *j, bool *ret_nameless, char rows_file[300], struct err *err)
{
    struct sched *s = j->sched;
    json_object *d = json_get(j->spec, "dataset");
    const char *id = json_get_str(d, "id", "");
    rows_file[0] = '\0';
    *ret_nameless = json_get_str(d, "uri", NULL) == NULL;
    if (!*ret_nameless)
        return job_reopen_data(j, err);
    const struct dataset *ds = catalog_dataset(s->o.catalog, id);
    if (ds == NULL)
        return err_set(err, ERR_INVALID, "data set '%.200s' of the job has been deleted", id);
    if (dataset_open_again(s->o.conf, s->o.store, ds, json_get_str(d, "fingerprint", ""),
                           json_get_int(d, "size", 0), &j->data, err) < 0)
        return err_prefix(err, "data set of the job");
    if (ds->uri == NULL)
        snprintf(rows_file, 300, ROWSFILE_DIR "/%s", ds->rows_file);
    else if (j->data.own_file != NULL)
        snprintf(rows_file, 300, "%s", j->data.own_file);
    return 0;
}

int
job_check_data(const struct job *j, const char *fingerprint, struct err *err)
{
    const char *id = json_get_str(json_get(j->spec, "dataset"), "id", "");
    if (dataset_is_still(&j->data, id, fingerprint, err) < 0)
        return err_prefix(err, "data set of the job");
    return 0;
}
