/* catalog.h - what clients have registered: data sets, benchmarks, scoring functions.
 *
 * Held in memory, kept in catalog.db; loop thread only.  A change counts, for readers too,
 * when it is on disk: done is called then, always later than the call. */
#ifndef EVALD_CATALOG_H
#define EVALD_CATALOG_H

#include <sys/types.h>

#include "common/json.h"
#include "daemon/plugins.h"
#include "daemon/store.h"

struct catalog;

struct fetched {     /* what was at the uri of a data set */
    char *file;      /* below STATE/datasets/, named by its content; NULL: not fetched yet */
    int64_t bytes;
    char *etag, *modified; /* as the server said; NULL */
    int64_t unix_ms; /* when */
};

struct dataset {
    char *id, *purpose, *provider_id;
    json_object *metadata;
    uid_t owner;
    char *uri;          /* NULL: a rows data set */
    char *rows_file;    /* rows: name below STATE/datasets/ */
    int64_t rows_bytes; /* rows: committed length of that file */
    int64_t rows_count;
    struct fetched fetched;
    uint64_t serial;    /* of this registration: another one has another */
};

struct benchmark {
    char *id, *dataset_id, *provider_id, *provider_benchmark_id;
    json_object *scoring_functions; /* array of ids */
    json_object *metadata;
    uid_t owner;
};

/* (id, plugin id, default params): every usable scorer plugin has one of its own id; registered
 * ones come with the catalogue. */
struct function {
    char *id, *plugin_id, *provider_id, *provider_resource_id, *description;
    json_object *return_type, *params, *metadata;
    bool builtin;
    uid_t owner;
};

struct catalog *catalog_open(struct store *store, const struct plugins *plugins,
                             struct err *err);
void catalog_free(struct catalog *c);

const struct dataset   *catalog_dataset(const struct catalog *c, const char *id);
const struct benchmark *catalog_benchmark(const struct catalog *c, const char *id);
const struct function  *catalog_function(const struct catalog *c, const char *id);
/* NULL with ERR_INVALID and the text of a routing failure when it is not there. */
const struct dataset *catalog_routed_dataset(const struct catalog *c, const char *id,
                                             struct err *err);

/* In the order of registration; functions in the order of id.  i from 0; NULL at the end. */
const struct dataset   *catalog_dataset_at(const struct catalog *c, size_t i);
const struct benchmark *catalog_benchmark_at(const struct catalog *c, size_t i);
const struct function  *catalog_function_at(const struct catalog *c, size_t i);

/* Of an id that is there already.  What is overwritten keeps its owner; whose it is not gets
 * ERR_DENIED, but for _ANY. */
enum catalog_policy { CATALOG_OVERWRITE, CATALOG_OVERWRITE_ANY, CATALOG_NO_CONFLICT };

/* Bytes of the rows and uris of the user's data sets, with those on their way to the disk. */
int64_t catalog_user_bytes(const struct catalog *c, uid_t owner);

/* Registers a data set: rows (raw text of an array of objects, checked) or uri, the other one
 * NULL/empty.  id NULL or empty: "dataset-<uuid>".  ds is borrowed until done returns; the
 * rows file is written by the store thread, fsync'ed, before the catalogue row. */
typedef void catalog_done_fn(void *arg, const struct err *err);
typedef void catalog_dataset_fn(void *arg, const struct dataset *ds, const struct err *err);
void catalog_put_dataset(struct catalog *c, const char *id, const char *purpose,
                         const char *uri, struct str rows, json_object *metadata, uid_t owner,
                         enum catalog_policy policy, catalog_dataset_fn *done, void *arg);
/* Deletes what is there now: not what comes of another owner before it is its turn. */
void catalog_delete_dataset(struct catalog *c, const char *id, catalog_done_fn *done,
                            void *arg);

/* Adds rows (raw text of an array of objects, checked) at the end of a rows data set: all of
 * them or none.  Appends, registrations and deletions of one id come one after the other, in
 * the order of the calls.  owner: of the data set that the caller was allowed to change;
 * ERR_CONFLICT when the one that is there by then has another.  ERR_INVALID with the text of a
 * routing failure when there is none, ERR_NOTSUP when it has a uri. */
void catalog_append_rows(struct catalog *c, const char *id, struct str rows, uid_t owner,
                         catalog_done_fn *done, void *arg);

/* Calls gone when a registration has ended: the data set was deleted, or another one stands in
 * its place.  was is valid during the call, in which the catalogue must not be changed.  One may
 * listen; gone NULL: nobody any more. */
typedef void catalog_gone_fn(void *arg, const struct dataset *was);
void catalog_on_gone(struct catalog *c, catalog_gone_fn *gone, void *arg);

/* What was fetched for a data set: its content stands, on disk already, in STATE/datasets/part
 * and gets the name that how says; the strings of both are copied.  ERR_CONFLICT, and the
 * content is dropped, when the data set is not that registration any more. */
void catalog_put_fetched(struct catalog *c, const char *id, uint64_t serial, const char *part,
                         const struct fetched *how, catalog_done_fn *done, void *arg);

void catalog_put_benchmark(struct catalog *c, const char *id, const char *dataset_id,
                           const char *provider_id, const char *provider_benchmark_id,
                           json_object *scoring_functions, json_object *metadata, uid_t owner,
                           enum catalog_policy policy, catalog_done_fn *done, void *arg);
void catalog_delete_benchmark(struct catalog *c, const char *id, catalog_done_fn *done,
                              void *arg);

/* ---- catalog_functions.c ---- */

/* Providers of the plugins' own functions, each once, in order: array of names; a new one. */
json_object *catalog_scoring_providers(const struct catalog *c);
/* Registers f (taken), whose plugin and params were checked.  An id that is known, or is just
 * being registered: ERR_INVALID. */
void catalog_put_function(struct catalog *c, struct function *f, catalog_done_fn *done,
                          void *arg);
/* One that is built in: ERR_NOTSUP, and nothing is changed. */
void catalog_delete_function(struct catalog *c, const char *id, catalog_done_fn *done,
                             void *arg);

#endif
