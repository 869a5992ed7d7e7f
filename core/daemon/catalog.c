#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/catalog.h"
#include "daemon/catalog_impl.h"
#include "daemon/record.h"
#include "daemon/rowsfile.h"

struct catalog {
    struct store *store;
    const struct plugins *plugins;
    int dir; /* STATE/datasets */
    struct table datasets, benchmarks;
    struct functions functions;
    struct op *ops; /* changes under way, oldest first */
    uint64_t last_serial;
    catalog_gone_fn *gone; /* NULL: nobody listens */
    void *gone_arg;
};

/* A change.  Those of one id run one after the other; a later one looks at the catalogue
 * when the earlier one is done. */
struct op {
    struct op *next;
    struct catalog *c;
    const char *kind; /* one of KIND_* */
    char *id;
    bool started;
    void (*start)(struct op *op);
    enum catalog_policy policy;
    struct dataset *ds; /* to be registered; ours until it stands in the table */
    bool there;         /* it was, when its deletion was asked for */
    uid_t owner;        /* and whose what is deleted, or appended to, was then */
    struct benchmark *bm;
    char *rows;
    size_t rows_len;
    struct text json;
    char *old_file; /* what to compare with, or to append to */
    int64_t old_bytes, new_bytes, new_count;
    int same; /* of rowsfile_same */
    char *part; /* of what was fetched */
    struct fetched fetched;
    uint64_t serial;
    struct err err;
    catalog_dataset_fn *dataset_done;
    catalog_done_fn *done;
    void *arg;
};

/* ---- opening ---- */

struct load {
    struct table *table;
    const char *kind;
    void *(*read)(const char *id, uid_t owner, json_object *o);
    void (*free_item)(void *);
    bool keep_first; /* an item that is there already stays */
    bool failed;
    struct err *err;
};

static void
load_row(void *arg, const char *id, uid_t owner, struct str json)
{
    struct load *l = arg;
    CLEANUP_JSON json_object *o = NULL;
    struct err err = { ERR_NONE, "a member is missing" };
    void *item = NULL;
    if (l->failed)
        return;
    if (json_parse(json, &o, NULL, &err) == 0)
        item = l->read(id, owner, o);
    if (item == NULL) {
        l->failed = true;
        err_set(l->err, ERR_INTERNAL, "catalogue: %s '%s' cannot be read: %s", l->kind, id,
                err.text);
    } else if (l->keep_first && table_find(l->table, id) != NULL) {
        log_warning("a plugin has taken the id of a registered %s id=%s", l->kind, id);
        l->free_item(item);
    } else if ((item = table_set(l->table, item)) != NULL) {
        l->free_item(item);
    }
}

static int
load(struct catalog *c, struct load *l)
{
    return store_each(c->store, l->kind, load_row, l, l->err) < 0 || l->failed ? -1 : 0;
}

static int
open_dir(struct catalog *c, struct err *err)
{
    if (mkdirat(store_dir(c->store), ROWSFILE_DIR, 0700) < 0 && errno != EEXIST)
        return err_set(err, err_from_errno(errno), "make %s: %m", ROWSFILE_DIR);
    c->dir = openat(store_dir(c->store), ROWSFILE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->dir < 0)
        return err_set(err, err_from_errno(errno), "open %s: %m", ROWSFILE_DIR);
    return 0;
}

/* Files that a crash left between writing and registering, or unregistering and unlinking. */
static void
remove_leftovers(struct catalog *c)
{
    int fd = openat(c->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    struct table named = { NULL, NULL, 0 };
    for (size_t i = 0; i < c->datasets.n; i++) {
        struct dataset *ds = c->datasets.item[i];
        struct stat st;
        if (ds->fetched.file != NULL) {
            if (fstatat(c->dir, ds->fetched.file, &st, 0) == 0
                && st.st_size == ds->fetched.bytes)
                table_set(&named, &ds->fetched.file);
            else
                fetched_fini(&ds->fetched); /* it will be again */
        }
        if (ds->rows_file == NULL)
            continue;
        table_set(&named, &ds->rows_file);
        if (fstatat(c->dir, ds->rows_file, &st, 0) < 0 || st.st_size < ds->rows_bytes)
            log_error("rows of a data set are lost id=%s file=%s", ds->id, ds->rows_file);
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (rowsfile_is_ours(e->d_name) && table_find(&named, e->d_name) == NULL
            && unlinkat(c->dir, e->d_name, 0) == 0)
            log_info("removed rows that no data set has file=%s", e->d_name);
    table_fini(&named, NULL);
    closedir(d);
}

struct catalog *
catalog_open(struct store *store, const struct plugins *plugins, struct err *err)
{
    struct catalog *c = xcalloc(1, sizeof *c);
    *c = (struct catalog){ .store = store, .plugins = plugins, .dir = -1 };
    struct load loads[] = {
        { &c->datasets, KIND_DATASET, dataset_read, dataset_free, false, false, err },
        { &c->benchmarks, KIND_BENCHMARK, benchmark_read, benchmark_free, false, false, err },
        { &c->functions.live, KIND_FUNCTION, function_read, function_free, true, false, err },
    };
    functions_add_builtin(&c->functions, plugins);
    bool good = open_dir(c, err) == 0;
    for (size_t i = 0; good && i < ARRAY_LEN(loads); i++)
        good = load(c, &loads[i]) == 0;
    if (!good) {
        catalog_free(c);
        return NULL;
    }
    table_sort(&c->functions.live);
    remove_leftovers(c);
    return c;
}

void
catalog_free(struct catalog *c)
{
    if (c == NULL)
        return;
    worker_drain(store_worker(c->store));
    assert(c->ops == NULL);
    table_fini(&c->datasets, dataset_free);
    table_fini(&c->benchmarks, benchmark_free);
    assert(c->functions.coming.n == 0);
    table_fini(&c->functions.live, function_free);
    table_fini(&c->functions.coming, NULL);
    if (c->dir >= 0)
        close(c->dir);
    free(c);
}

/* ---- looking up ---- */

const struct dataset *
catalog_dataset(const struct catalog *c, const char *id)
{
    return table_find(&c->datasets, id);
}

const struct dataset *
catalog_routed_dataset(const struct catalog *c, const char *id, struct err *err)
{
    const struct dataset *ds = catalog_dataset(c, id);
    if (ds == NULL)
        err_set(err, ERR_INVALID, "Dataset `%.200s` not served by provider: `localfs`. Make sure "
                "there is an DatasetIO provider serving this dataset.", id);
    return ds;
}

const struct benchmark *
catalog_benchmark(const struct catalog *c, const char *id)
{
    return table_find(&c->benchmarks, id);
}

const struct function *
catalog_function(const struct catalog *c, const char *id)
{
    return table_find(&c->functions.live, id);
}

const struct dataset *
catalog_dataset_at(const struct catalog *c, size_t i)
{
    return table_at(&c->datasets, i);
}

const struct benchmark *
catalog_benchmark_at(const struct catalog *c, size_t i)
{
    return table_at(&c->benchmarks, i);
}

const struct function *
catalog_function_at(const struct catalog *c, size_t i)
{
    return table_at(&c->functions.live, i);
}

struct functions *
catalog_functions(struct catalog *c)
{
    return &c->functions;
}

struct store *
catalog_store(struct catalog *c)
{
    return c->store;
}

static int64_t
stored_bytes(const struct dataset *ds, int64_t rows_bytes)
{
    return rows_bytes + (ds->uri != NULL ? (int64_t)strlen(ds->uri) : 0); /* data: is a uri */
}

int64_t
catalog_user_bytes(const struct catalog *c, uid_t owner)
{
    int64_t sum = 0;
    for (size_t i = 0; i < c->datasets.n; i++) {
        const struct dataset *ds = c->datasets.item[i];
        if (ds->owner == owner)
            sum += stored_bytes(ds, ds->rows_bytes);
    }
    for (const struct op *op = c->ops; op != NULL; op = op->next) {
        if (op->ds != NULL && op->ds->owner == owner)
            sum += stored_bytes(op->ds, (int64_t)op->rows_len);
        else if (op->ds == NULL && op->owner == owner)
            sum += (int64_t)op->rows_len; /* to be appended */
    }
    return sum;
}

/* ---- changes ---- */

static struct op *
op_new(struct catalog *c, const char *kind, const char *id, void (*start)(struct op *op))
{
    struct op *op = xcalloc(1, sizeof *op);
    *op = (struct op){ .c = c, .kind = kind, .id = xstrdup(id), .start = start };
    return op;
}

/* Starts what waits and has no older change of the same id before it. */
static void
ops_start(struct catalog *c)
{
    for (struct op *op = c->ops; op != NULL; op = op->next) {
        const struct op *older = c->ops;
        while (older != op && (older->kind != op->kind || strcmp(older->id, op->id) != 0))
            older = older->next;
        if (older == op && !op->started) {
            op->started = true;
            op->start(op);
        }
    }
}

static void
op_queue(struct op *op)
{
    struct op **end = &op->c->ops;
    while (*end != NULL)
        end = &(*end)->next;
    *end = op;
    ops_start(op->c);
}

/* Tells the caller; not from within the call that made the change. */
static void
op_end(void *arg)
{
    struct op *op = arg;
    struct catalog *c = op->c;
    struct op **at = &c->ops;
    while (*at != op)
        at = &(*at)->next;
    *at = op->next;
    bool good = op->err.code == ERR_NONE;
    if (op->dataset_done != NULL)
        op->dataset_done(op->arg, good ? catalog_dataset(c, op->id) : NULL,
                         good ? NULL : &op->err);
    if (op->done != NULL)
        op->done(op->arg, good ? NULL : &op->err);
    dataset_free(op->ds);
    benchmark_free(op->bm);
    text_fini(&op->json);
    fetched_fini(&op->fetched);
    free(op->part);
    free(op->rows);
    free(op->old_file);
    free(op->id);
    free(op);
    ops_start(c);
}

/* op_end from the loop, with what was queued before on disk. */
static void
op_end_later(struct op *op)
{
    worker_run(store_worker(op->c->store), NULL, op_end, op);
}

struct removal {
    int dir;
    char *file;
};

static void
run_removal(void *arg)
{
    struct removal *r = arg;
    if (unlinkat(r->dir, r->file, 0) < 0 && errno != ENOENT)
        log_warning("cannot remove rows file=%s: %m", r->file);
}

static void
end_removal(void *arg)
{
    struct removal *r = arg;
    free(r->file);
    free(r);
}

static void
remove_file(struct catalog *c, const char *file)
{
    struct removal *r = xmalloc(sizeof *r);
    *r = (struct removal){ c->dir, xstrdup(file) };
    worker_run(store_worker(c->store), run_removal, end_removal, r);
}

/* Several data sets may have the same content, or be about to. */
static void
remove_fetched(struct catalog *c, const char *file)
{
    for (size_t i = 0; i < c->datasets.n; i++) {
        const struct dataset *ds = c->datasets.item[i];
        if (ds->fetched.file != NULL && strcmp(ds->fetched.file, file) == 0)
            return;
    }
    for (const struct op *op = c->ops; op != NULL; op = op->next)
        if (op->fetched.file != NULL && strcmp(op->fetched.file, file) == 0)
            return;
    remove_file(c, file);
}

/* Of a data set that is in the table no more. */
static void
remove_rows(struct catalog *c, const struct dataset *ds)
{
    if (ds != NULL && ds->rows_file != NULL)
        remove_file(c, ds->rows_file);
    if (ds != NULL && ds->fetched.file != NULL)
        remove_fetched(c, ds->fetched.file);
}

static bool
same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* ---- data sets ---- */

/* The registration has ended; old NULL: there was none. */
static void
drop_dataset(struct catalog *c, struct dataset *old)
{
    if (old != NULL && c->gone != NULL)
        c->gone(c->gone_arg, old);
    remove_rows(c, old);
    dataset_free(old);
}

void
catalog_on_gone(struct catalog *c, catalog_gone_fn *gone, void *arg)
{
    c->gone = gone;
    c->gone_arg = arg;
}

static void
on_dataset_put(void *arg, const struct err *err)
{
    struct op *op = arg;
    if (err != NULL) {
        op->err = *err;
        remove_rows(op->c, op->ds);
    } else {
        drop_dataset(op->c, table_set(&op->c->datasets, TAKE(op->ds)));
    }
    op_end(op);
}

static void
put_dataset_row(void *arg)
{
    struct op *op = arg;
    if (op->err.code != ERR_NONE) {
        err_prefix(&op->err, "data set '%s'", op->id);
        op_end(op);
        return;
    }
    dataset_text(&op->json, op->ds);
    store_put(op->c->store, op->kind, op->id, op->ds->owner, text_str(&op->json),
              on_dataset_put, op);
}

static void
run_write_rows(void *arg)
{
    struct op *op = arg;
    rowsfile_write(op->c->dir, op->ds->rows_file, (struct str){ op->rows, op->rows_len },
                   &op->ds->rows_bytes, &op->ds->rows_count, &op->err);
}

static void
run_compare_rows(void *arg)
{
    struct op *op = arg;
    op->same = rowsfile_same(op->c->dir, op->old_file, op->old_bytes,
                             (struct str){ op->rows, op->rows_len }, &op->err);
}

static void
set_conflict(struct op *op, const char *what)
{
    err_set(&op->err, ERR_INVALID, "%s '%s' already exists with different content; unregister "
            "it first", what, op->id);
}

/* May the new owner put a thing in the place of what is there?  If so, it becomes the old
 * owner's; else op has an error. */
static bool
may_overwrite(struct op *op, uid_t old, uid_t *new, const char *what)
{
    if (op->policy != CATALOG_OVERWRITE_ANY && *new != old) {
        err_set(&op->err, ERR_DENIED, "%s '%s' belongs to somebody else", what, op->id);
        return false;
    }
    *new = old;
    return true;
}

static void
end_compare_rows(void *arg)
{
    struct op *op = arg;
    if (op->same == 0)
        set_conflict(op, "Dataset");
    op_end(op);
}

static void
start_put_dataset(struct op *op)
{
    struct worker *w = store_worker(op->c->store);
    const struct dataset *old = catalog_dataset(op->c, op->id);
    struct dataset *new = op->ds;
    if (op->err.code != ERR_NONE) {
        op_end_later(op);
    } else if (old != NULL && op->policy == CATALOG_NO_CONFLICT) {
        bool same = same_text(old->purpose, new->purpose) && same_text(old->uri, new->uri)
                    && same_text(old->provider_id, new->provider_id)
                    && json_object_equal(old->metadata, new->metadata);
        if (same && new->uri == NULL) {
            op->old_file = xstrdup(old->rows_file); /* of one id at a time: it stays */
            op->old_bytes = old->rows_bytes;
            worker_run(w, run_compare_rows, end_compare_rows, op);
            return;
        }
        if (!same)
            set_conflict(op, "Dataset");
        op_end_later(op);
    } else if (old != NULL && !may_overwrite(op, old->owner, &new->owner, "dataset")) {
        op_end_later(op);
    } else if (new->uri != NULL) {
        put_dataset_row(op);
    } else {
        worker_run(w, run_write_rows, put_dataset_row, op);
    }
}

static bool
has_source(const struct catalog *c, const char *provider)
{
    CLEANUP_FREE char *id = xasprintf("source::%s", provider);
    for (size_t i = 0; i < plugins_count(c->plugins); i++) {
        const struct plugin *pl = plugins_at(c->plugins, i);
        if (pl->kind == PLUGIN_SOURCE && pl->disabled == NULL && strcmp(pl->id, id) == 0)
            return true;
    }
    return false;
}

static int
check_provider(const struct catalog *c, const char *provider, struct err *err)
{
    if (strcmp(provider, "localfs") == 0 || has_source(c, provider))
        return 0;
    return err_set(err, ERR_INVALID, "Provider `%s` not found", provider);
}

/* metadata.provider_id, else the plugin of the uri's scheme, else what the source needs. */
static char *
dataset_provider(const struct catalog *c, const char *uri, json_object *metadata)
{
    json_object *given = json_get(metadata, "provider_id");
    if (given != NULL)
        return json_object_is_type(given, json_type_string)
               ? xstrdup(json_object_get_string(given)) : json_text(given);
    const char *sep = uri != NULL ? strstr(uri, "://") : NULL;
    CLEANUP_FREE char *scheme = sep != NULL ? xstrndup(uri, (size_t)(sep - uri)) : NULL;
    if (scheme != NULL && has_source(c, scheme))
        return TAKE(scheme);
    return xstrdup(uri != NULL && strncmp(uri, "huggingface", 11) == 0 ? "huggingface"
                                                                      : "localfs");
}

/* The caller's rows may go before it is their turn. */
static void
copy_rows(struct op *op, struct str rows)
{
    op->rows = malloc(rows.len + 1); /* its size came from outside */
    op->rows_len = rows.len;
    if (op->rows == NULL)
        err_set(&op->err, ERR_NOMEM, "data set '%s': out of memory", op->id);
    else
        memcpy(op->rows, rows.ptr, rows.len);
}

void
catalog_put_dataset(struct catalog *c, const char *id, const char *purpose, const char *uri,
                    struct str rows, json_object *metadata, uid_t owner,
                    enum catalog_policy policy, catalog_dataset_fn *done, void *arg)
{
    char uuid[37];
    rowsfile_uuid(uuid);
    CLEANUP_FREE char *new_id = id != NULL && *id ? xstrdup(id) : xasprintf("dataset-%s", uuid);
    if (uri != NULL && *uri == '\0')
        uri = NULL;
    struct op *op = op_new(c, KIND_DATASET, new_id, start_put_dataset);
    op->policy = policy;
    op->dataset_done = done;
    op->arg = arg;
    op->ds = xcalloc(1, sizeof *op->ds);
    *op->ds = (struct dataset){
        .serial = ++c->last_serial,
        .id = TAKE(new_id),
        .purpose = xstrdup(purpose),
        .provider_id = dataset_provider(c, uri, metadata),
        .metadata = json_ref_or(metadata, json_object_new_object),
        .owner = owner,
        .uri = uri != NULL ? xstrdup(uri) : NULL,
        .rows_file = uri == NULL ? rowsfile_name() : NULL,
    };
    if ((uri == NULL) == (rows.ptr == NULL)) {
        err_set(&op->err, ERR_INVALID, "a data set has either rows or a uri");
    } else if (check_provider(c, op->ds->provider_id, &op->err) == 0 && uri == NULL) {
        copy_rows(op, rows);
    }
    op_queue(op);
}

static void
on_appended(void *arg, const struct err *err)
{
    struct op *op = arg;
    /* of one id at a time: it is the one that was there at the start */
    struct dataset *ds = table_find(&op->c->datasets, op->id);
    if (err != NULL) {
        op->err = *err;
    } else {
        ds->rows_bytes += op->new_bytes;
        ds->rows_count += op->new_count;
    }
    op_end(op);
}

static void
run_append_rows(void *arg)
{
    struct op *op = arg;
    rowsfile_append(op->c->dir, op->old_file, op->old_bytes,
                    (struct str){ op->rows, op->rows_len }, &op->new_bytes, &op->new_count,
                    &op->err);
}

/* The bytes are on disk; they count when the catalogue has the new length. */
static void
put_appended_row(void *arg)
{
    struct op *op = arg;
    if (op->err.code != ERR_NONE) {
        err_prefix(&op->err, "data set '%s'", op->id);
        op_end(op);
        return;
    }
    struct dataset longer = *catalog_dataset(op->c, op->id);
    longer.rows_bytes += op->new_bytes;
    longer.rows_count += op->new_count;
    dataset_text(&op->json, &longer);
    store_put(op->c->store, op->kind, op->id, longer.owner, text_str(&op->json), on_appended,
              op);
}

static void
start_append_rows(struct op *op)
{
    const struct dataset *ds = NULL;
    if (op->err.code == ERR_NONE)
        ds = catalog_routed_dataset(op->c, op->id, &op->err);
    if (ds != NULL && ds->uri != NULL)
        err_set(&op->err, ERR_NOTSUP, "data set '%.200s' has a uri: rows are appended to data "
                "sets of rows only", op->id);
    else if (ds != NULL && ds->owner != op->owner)
        err_set(&op->err, ERR_CONFLICT, "data set '%.200s' was registered anew meanwhile",
                op->id);
    if (op->err.code != ERR_NONE) {
        op_end_later(op);
        return;
    }
    op->old_file = xstrdup(ds->rows_file);
    op->old_bytes = ds->rows_bytes;
    worker_run(store_worker(op->c->store), run_append_rows, put_appended_row, op);
}

void
catalog_append_rows(struct catalog *c, const char *id, struct str rows, uid_t owner,
                    catalog_done_fn *done, void *arg)
{
    struct op *op = op_new(c, KIND_DATASET, id, start_append_rows);
    op->owner = owner;
    op->done = done;
    op->arg = arg;
    copy_rows(op, rows);
    op_queue(op);
}

static void
on_dataset_deleted(void *arg, const struct err *err)
{
    struct op *op = arg;
    if (err != NULL) {
        op->err = *err;
    } else {
        drop_dataset(op->c, table_take(&op->c->datasets, op->id));
    }
    op_end(op);
}

static void
start_delete_dataset(struct op *op)
{
    const struct dataset *ds = catalog_dataset(op->c, op->id);
    if (ds != NULL && (!op->there || ds->owner == op->owner)) {
        store_delete(op->c->store, op->kind, op->id, on_dataset_deleted, op);
        return;
    }
    err_set(&op->err, ERR_NOT_FOUND, "Dataset '%s' not found. Use 'client.datasets.list()' to "
            "list available Datasets.", op->id);
    op_end_later(op);
}

void
catalog_delete_dataset(struct catalog *c, const char *id, catalog_done_fn *done, void *arg)
{
    struct op *op = op_new(c, KIND_DATASET, id, start_delete_dataset);
    const struct dataset *ds = catalog_dataset(c, id);
    op->there = ds != NULL;
    op->owner = ds != NULL ? ds->owner : 0;
    op->done = done;
    op->arg = arg;
    op_queue(op);
}

/* ---- what was fetched for a data set ---- */

static void
on_fetched_put(void *arg, const struct err *err)
{
    struct op *op = arg;
    struct dataset *ds = table_find(&op->c->datasets, op->id);
    struct fetched useless = op->fetched;
    op->fetched = (struct fetched){ .file = NULL };
    if (err != NULL) {
        op->err = *err;
    } else { /* changes of one id wait for one another: it is still there */
        struct fetched new = useless;
        useless = ds->fetched;
        ds->fetched = new;
    }
    if (useless.file != NULL)
        remove_fetched(op->c, useless.file);
    fetched_fini(&useless);
    op_end(op);
}

static void
put_fetched_row(void *arg)
{
    struct op *op = arg;
    struct dataset with = *(const struct dataset *)catalog_dataset(op->c, op->id);
    if (op->err.code != ERR_NONE) {
        remove_file(op->c, op->part);
        op_end(op);
        return;
    }
    with.fetched = op->fetched;
    dataset_text(&op->json, &with);
    store_put(op->c->store, op->kind, op->id, with.owner, text_str(&op->json), on_fetched_put,
              op);
}

static void
run_name_fetched(void *arg)
{
    struct op *op = arg;
    int dir = op->c->dir;
    if (renameat(dir, op->part, dir, op->fetched.file) < 0 || fsync(dir) < 0)
        err_set(&op->err, ERR_IO, "data set '%s': what was fetched cannot be kept: %m", op->id);
}

static void
start_put_fetched(struct op *op)
{
    const struct dataset *ds = catalog_dataset(op->c, op->id);
    if (ds != NULL && ds->serial == op->serial) {
        worker_run(store_worker(op->c->store), run_name_fetched, put_fetched_row, op);
        return;
    }
    fetched_fini(&op->fetched);
    remove_file(op->c, op->part);
    err_set(&op->err, ERR_CONFLICT, "data set '%s' was registered anew, or deleted, while it "
            "was fetched", op->id);
    op_end_later(op);
}

void
catalog_put_fetched(struct catalog *c, const char *id, uint64_t serial, const char *part,
                    const struct fetched *how, catalog_done_fn *done, void *arg)
{
    struct op *op = op_new(c, KIND_DATASET, id, start_put_fetched);
    op->serial = serial;
    op->part = xstrdup(part);
    op->fetched = (struct fetched){
        .file = xstrdup(how->file), .bytes = how->bytes, .unix_ms = how->unix_ms,
        .etag = how->etag != NULL ? xstrdup(how->etag) : NULL,
        .modified = how->modified != NULL ? xstrdup(how->modified) : NULL,
    };
    op->done = done;
    op->arg = arg;
    op_queue(op);
}

/* ---- benchmarks ---- */

static void
on_benchmark_put(void *arg, const struct err *err)
{
    struct op *op = arg;
    if (err != NULL)
        op->err = *err;
    else
        benchmark_free(table_set(&op->c->benchmarks, TAKE(op->bm)));
    op_end(op);
}

static void
start_put_benchmark(struct op *op)
{
    const struct benchmark *old = catalog_benchmark(op->c, op->id);
    struct benchmark *new = op->bm;
    if (op->err.code != ERR_NONE) {
        op_end_later(op);
    } else if (old != NULL && op->policy == CATALOG_NO_CONFLICT) {
        if (!same_text(old->dataset_id, new->dataset_id)
            || !same_text(old->provider_id, new->provider_id)
            || !same_text(old->provider_benchmark_id, new->provider_benchmark_id)
            || !json_object_equal(old->scoring_functions, new->scoring_functions)
            || !json_object_equal(old->metadata, new->metadata))
            set_conflict(op, "Benchmark");
        op_end_later(op);
    } else if (old != NULL && !may_overwrite(op, old->owner, &new->owner, "benchmark")) {
        op_end_later(op);
    } else {
        benchmark_text(&op->json, new);
        store_put(op->c->store, op->kind, op->id, new->owner, text_str(&op->json),
                  on_benchmark_put, op);
    }
}

void
catalog_put_benchmark(struct catalog *c, const char *id, const char *dataset_id,
                      const char *provider_id, const char *provider_benchmark_id,
                      json_object *scoring_functions, json_object *metadata, uid_t owner,
                      enum catalog_policy policy, catalog_done_fn *done, void *arg)
{
    struct op *op = op_new(c, KIND_BENCHMARK, id, start_put_benchmark);
    op->policy = policy;
    op->done = done;
    op->arg = arg;
    op->bm = xcalloc(1, sizeof *op->bm);
    *op->bm = (struct benchmark){
        .id = xstrdup(id),
        .dataset_id = xstrdup(dataset_id),
        .provider_id = xstrdup("meta-reference"), /* builtin is another name of it */
        .provider_benchmark_id = xstrdup(provider_benchmark_id != NULL ? provider_benchmark_id
                                                                       : id),
        .scoring_functions = json_ref_or(scoring_functions, json_object_new_array),
        .metadata = json_ref_or(metadata, json_object_new_object),
        .owner = owner,
    };
    if (*id == '\0')
        err_set(&op->err, ERR_INVALID, "a benchmark's id must not be empty");
    else if (strchr(id, '/') != NULL)
        err_set(&op->err, ERR_INVALID,
                "benchmark id '%s' must not contain '/': it could not be "
                "addressed",
                id);
    else if (provider_id != NULL && strcmp(provider_id, "meta-reference") != 0
             && strcmp(provider_id, "builtin") != 0)
        err_set(&op->err, ERR_INVALID, "Provider `%s` not found", provider_id);
    op_queue(op);
}

static void
on_benchmark_deleted(void *arg, const struct err *err)
{
    struct op *op = arg;
    if (err != NULL)
        op->err = *err;
    else
        benchmark_free(table_take(&op->c->benchmarks, op->id));
    op_end(op);
}

static void
start_delete_benchmark(struct op *op)
{
    const struct benchmark *b = catalog_benchmark(op->c, op->id);
    if (b != NULL && (!op->there || b->owner == op->owner)) {
        store_delete(op->c->store, op->kind, op->id, on_benchmark_deleted, op);
        return;
    }
    err_set(&op->err, ERR_INVALID, "Benchmark '%s' not found", op->id);
    op_end_later(op);
}

void
catalog_delete_benchmark(struct catalog *c, const char *id, catalog_done_fn *done, void *arg)
{
    struct op *op = op_new(c, KIND_BENCHMARK, id, start_delete_benchmark);
    const struct benchmark *b = catalog_benchmark(c, id);
    op->there = b != NULL;
    op->owner = b != NULL ? b->owner : 0;
    op->done = done;
    op->arg = arg;
    op_queue(op);
}
