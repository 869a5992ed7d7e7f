#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/sched_impl.h"

/* A rescore until its job is on its way to the disk. */
struct rescore {
    struct after_end after_end; /* first: of the parent */
    struct sched *sched;
    struct job *parent; /* its journal is not to change: copies */
    uid_t owner;
    json_object *spec;
    struct job_origin origin;
    sched_created_fn *created;
    void *arg;
    struct err err;
};

static void
tell_refused(void *arg)
{
    struct rescore *r = arg;
    r->created(r->arg, -1, &r->err);
    json_object_put(r->spec);
    free(r);
}

static void
refuse(struct rescore *r)
{
    worker_run(store_reader(r->sched->o.store), NULL, tell_refused, r);
}

/* From here on it is a submission like others, whose journal does not begin empty. */
static void
manifest_read(void *arg, struct str text, const struct err *err)
{
    struct rescore *r = arg;
    struct sched *s = r->sched;
    struct dataset_snapshot none = { .fd = -1 };
    struct submission *sub = submission_new(s, r->parent->info.benchmark, r->owner, r->spec,
                                            &none, &r->origin, r->created, r->arg);
    struct job *j = sub->job;
    sub->parent = r->parent;
    j->info.parent = r->parent->info.id;
    s->running--; /* the submission holds a place itself */
    free(r);
    bool nameless;
    int rc = 0;
    if (s->stopping) {
        rc = err_set(&sub->err, ERR_SHUTDOWN, "evald is stopping");
    } else if (err != NULL) {
        sub->err = *err;
        rc = -1;
    } else if (json_parse(text, &sub->parents_manifest, NULL, &sub->err) < 0) {
        rc = -1;
    } else {
        rc = job_find_data(j, &nameless, sub->rows_file, &sub->err);
    }
    if (rc < 0) {
        submission_refuse(sub);
        return;
    }
    json_object *data = json_get(j->spec, "dataset");
    sub->fingerprint = xstrdup(json_get_str(data, "fingerprint", ""));
    json_object *uri = json_get(json_get(sub->parents_manifest, "dataset"), "uri");
    CLEANUP_FREE char *id = xstrdup(json_get_str(data, "id", ""));
    struct dataset ds = { .id = id, .uri = (char *)json_object_get_string(uri) };
    submission_start(sub, &ds);
}

static void
begin(struct after_end *a)
{
    struct rescore *r = (struct rescore *)a;
    if (r->parent->busy) {
        err_set(&r->err, ERR_CONFLICT, "Job %s is being retried", r->parent->id_text);
        refuse(r);
        return;
    }
    r->parent->copies++;
    r->sched->running++;
    journal_read_value(r->sched->o.store, r->parent->info.id, "manifest", manifest_read, r);
}

void
sched_rescore(struct sched *s, int64_t parent, uid_t owner, json_object *spec,
              const struct job_origin *origin, sched_created_fn *created, void *arg)
{
    struct rescore *r = xcalloc(1, sizeof *r);
    *r = (struct rescore){ .after_end.fn = begin, .sched = s, .parent = sched_find(s, parent),
                           .owner = owner, .spec = spec, .origin = *origin,
                           .created = created, .arg = arg };
    if (r->parent == NULL) {
        err_set(&r->err, ERR_INVALID, "Job %lld not found", (long long)parent);
        refuse(r);
    } else if (control_after_end(r->parent, &r->after_end, &r->err) < 0) {
        refuse(r);
    }
}

void
sched_read_spec(struct sched *s, int64_t id, sched_text_fn *done, void *arg)
{
    journal_read_value(s->o.store, id, "specification", done, arg);
}
