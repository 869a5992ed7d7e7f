#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/access.h"
#include "daemon/api.h"

#define PIECE_BYTES (64u << 10)

/* Data sets, or rows of one, on their way out.  Rows are read a chunk at a time, so memory
 * is flat however large the data set. */
struct dump {
    struct request *rq;
    struct api *api;
    char **ids; /* of the data sets to come */
    size_t n, at;
    enum { DUMP_ONE, DUMP_LIST, DUMP_ITERROWS } what;
    struct dataset_page *page; /* of ids[at]; NULL: none is open */
    struct text text;          /* gathered for the next piece */
    struct text tail;          /* what stands behind the rows of ids[at] */
    bool begun;                /* the list has an element */
};

static void
dump_close(void *arg)
{
    struct dump *d = arg;
    if (d->page != NULL)
        dataset_page_close(d->page);
    for (size_t i = 0; i < d->n; i++)
        free(d->ids[i]);
    free(d->ids);
    text_fini(&d->text);
    text_fini(&d->tail);
    free(d);
}

static void
put_member(struct text *t, const char *name, const char *value)
{
    text_putf(t, "\"%s\":", name);
    jtext_put_string(t, str_z(value));
    text_putc(t, ',');
}

/* The Dataset object up to the value of "uri" or "rows". */
static void
put_head(struct text *t, const struct dataset *ds)
{
    text_putc(t, '{');
    put_member(t, "identifier", ds->id);
    put_member(t, "provider_resource_id", ds->id);
    put_member(t, "provider_id", ds->provider_id);
    put_member(t, "type", "dataset");
    put_member(t, "purpose", ds->purpose);
    text_puts(t, ds->uri != NULL ? "\"source\":{\"type\":\"uri\",\"uri\":"
                                 : "\"source\":{\"type\":\"rows\",\"rows\":[");
}

static void
put_tail(struct text *t, const struct dataset *ds)
{
    text_puts(t, ds->uri != NULL ? "},\"metadata\":" : "]},\"metadata\":");
    if (ds->metadata != NULL)
        json_put(t, ds->metadata);
    else
        text_puts(t, "{}");
    text_putc(t, '}');
}

static void
put_iterrows_tail(struct dump *d, bool has_more)
{
    text_putf(&d->text, "],\"has_more\":%s,\"url\":", has_more ? "true" : "false");
    text_puts(&d->text, d->rq->level == LEVEL_V1
                            ? "\"/v1/datasetio/iterrows/{dataset_id:path}\"}" : "null}");
}

static int
open_page(struct dump *d, const struct dataset *ds, int64_t start, int64_t limit,
          struct err *err)
{
    struct dataset_snapshot snapshot;
    if (dataset_open_unread(d->api->conf, d->api->store, ds, &snapshot, err) < 0)
        return -1;
    d->page = dataset_page_open(d->api->indexes, &snapshot, start, limit);
    return 0;
}

static void
send_piece(struct dump *d, bool end)
{
    request_chunk(d->rq, text_str(&d->text), end);
    text_clear(&d->text);
}

static bool
is_last(struct dump *d)
{
    if (d->at < d->n)
        return false;
    if (d->what == DUMP_LIST)
        text_puts(&d->text, "]}");
    return true;
}

static void
on_rows(void *arg, struct str rows, bool end, bool has_more, const struct err *err)
{
    struct dump *d = arg;
    if (err != NULL) {
        request_fail(d->rq, err);
        return;
    }
    text_put_str(&d->text, rows);
    if (!end) {
        send_piece(d, false);
        return;
    }
    dataset_page_close(d->page);
    d->page = NULL;
    d->at++;
    if (d->what == DUMP_ITERROWS)
        put_iterrows_tail(d, has_more);
    text_put_str(&d->text, text_str(&d->tail));
    text_clear(&d->tail);
    send_piece(d, is_last(d));
}

/* Goes on to the next data set; true when its rows must be read first. */
static bool
put_next(struct dump *d, struct err *err)
{
    const struct dataset *ds = catalog_dataset(d->api->catalog, d->ids[d->at]);
    if (ds == NULL) { /* deleted since the listing began */
        d->at++;
        return false;
    }
    if (d->begun)
        text_putc(&d->text, ',');
    d->begun = true;
    put_head(&d->text, ds);
    if (ds->uri == NULL) {
        put_tail(&d->tail, ds);
        if (open_page(d, ds, 0, -1, err) < 0)
            request_fail(d->rq, err);
        return true;
    }
    jtext_put_string(&d->text, str_z(ds->uri));
    put_tail(&d->text, ds);
    d->at++;
    return false;
}

static void
dump_next(void *arg)
{
    struct dump *d = arg;
    struct err err;
    while (d->page == NULL && d->at < d->n && d->text.len < PIECE_BYTES)
        if (put_next(d, &err) && d->page == NULL)
            return; /* failed */
    if (d->page != NULL)
        dataset_page_next(d->page, on_rows, d);
    else
        send_piece(d, is_last(d));
}

static const struct request_source dump_source = { dump_next, dump_close };

static struct dump *
dump_new(struct request *rq, int what, size_t n)
{
    struct dump *d = xcalloc(1, sizeof *d);
    d->rq = rq;
    d->api = rq->api;
    d->what = what;
    d->ids = xcalloc(n > 0 ? n : 1, sizeof *d->ids);
    return d;
}

static void
reply_dataset(struct request *rq, const struct dataset *ds)
{
    struct dump *d = dump_new(rq, DUMP_ONE, 1);
    d->ids[d->n++] = xstrdup(ds->id);
    request_stream(rq, &dump_source, d);
}

/* -------------------------------------------------------------------------------- handlers */

void
api_list_datasets(struct request *rq)
{
    size_t n = 0;
    while (catalog_dataset_at(rq->api->catalog, n) != NULL)
        n++;
    struct dump *d = dump_new(rq, DUMP_LIST, n);
    for (; d->n < n; d->n++)
        d->ids[d->n] = xstrdup(catalog_dataset_at(rq->api->catalog, d->n)->id);
    text_puts(&d->text, "{\"data\":[");
    request_stream(rq, &dump_source, d);
}

/* NULL after the request was failed. */
static const struct dataset *
named_dataset(struct request *rq)
{
    const struct dataset *ds = catalog_dataset(rq->api->catalog, rq->params[0]);
    if (ds == NULL)
        api_fail(rq, ERR_NOT_FOUND,
                 "Dataset '%.200s' not found. Use 'client.datasets.list()' to "
                 "list available Datasets.",
                 rq->params[0]);
    return ds;
}

void
api_get_dataset(struct request *rq)
{
    const struct dataset *ds = named_dataset(rq);
    if (ds != NULL)
        reply_dataset(rq, ds);
}

static void
on_registered(void *arg, const struct dataset *ds, const struct err *err)
{
    struct request *rq = arg;
    if (err != NULL)
        request_fail(rq, err);
    else if (request_gone(rq))
        request_drop(rq);
    else
        reply_dataset(rq, ds);
}

/* May its owner store that much?  Who is not going to store anything is told why elsewhere. */
static int
check_stored(const struct request *rq, const char *id, size_t bytes, struct err *err)
{
    const struct dataset *old = id != NULL ? catalog_dataset(rq->api->catalog, id) : NULL;
    enum catalog_policy policy = api_put_policy(rq);
    bool replaces = policy == CATALOG_OVERWRITE_ANY
                    || (policy == CATALOG_OVERWRITE && old != NULL && old->owner == rq->uid);
    if (old != NULL && !replaces)
        return 0;
    return sched_check_stored(rq->api->sched, old != NULL ? old->owner : rq->uid,
                              (int64_t)bytes - (old != NULL ? old->rows_bytes : 0), err);
}

void
api_register_dataset(struct request *rq)
{
    json_object *source = json_get(rq->in, "source"), *rows = json_get(source, "rows");
    const char *id = json_get_str(rq->in, "dataset_id", NULL);
    const char *uri = json_get_str(source, "uri", NULL);
    struct str text = { NULL, 0 };
    struct err err;
    if (rows != NULL)
        text = json_raw(rows);
    if (check_stored(rq, id, text.len + (uri != NULL ? strlen(uri) : 0), &err) < 0) {
        request_fail(rq, &err);
        return;
    }
    catalog_put_dataset(rq->api->catalog, id, json_get_str(rq->in, "purpose", ""), uri,
                        text, json_get(rq->in, "metadata"), rq->uid,
                        api_put_policy(rq), on_registered, rq);
}

void
api_delete_dataset(struct request *rq)
{
    const struct dataset *ds = named_dataset(rq);
    if (ds == NULL)
        return;
    struct err err;
    CLEANUP_FREE char *what = xasprintf("dataset '%.200s'", ds->id);
    if (access_owns(rq, ds->owner, what, &err) < 0)
        request_fail(rq, &err);
    else
        catalog_delete_dataset(rq->api->catalog, ds->id, api_done_nothing, rq);
}

/* The same with the text of a routing failure. */
static const struct dataset *
routed_dataset(struct request *rq)
{
    struct err err;
    const struct dataset *ds = catalog_routed_dataset(rq->api->catalog, rq->params[0], &err);
    if (ds == NULL)
        request_fail(rq, &err);
    return ds;
}

void
api_append_rows(struct request *rq)
{
    const struct dataset *ds = routed_dataset(rq);
    if (ds == NULL)
        return;
    struct err err;
    CLEANUP_FREE char *what = xasprintf("dataset '%.200s'", ds->id);
    struct str rows = json_raw(json_get(rq->in, "rows"));
    if (access_owns(rq, ds->owner, what, &err) < 0
        || sched_check_stored(rq->api->sched, ds->owner, (int64_t)rows.len, &err) < 0) {
        request_fail(rq, &err);
        return;
    }
    catalog_append_rows(rq->api->catalog, ds->id, rows, ds->owner,
                        rq->level == LEVEL_V1 ? api_done_null : api_done_nothing,
                        rq);
}

static void
start_iterrows(void *arg, const struct dataset *ds, const struct err *err)
{
    struct request *rq = arg;
    struct err why;
    if (ds == NULL) {
        request_fail(rq, err);
        return;
    }
    struct dump *d = dump_new(rq, DUMP_ITERROWS, 1);
    d->ids[d->n++] = xstrdup(ds->id);
    if (open_page(d, ds, json_get_int(rq->query, "start_index", 0),
                  json_get_int(rq->query, "limit", -1), &why) < 0) {
        dump_close(d);
        request_fail(rq, &why);
        return;
    }
    text_puts(&d->text, "{\"data\":[");
    request_stream(rq, &dump_source, d);
}

void
api_iterrows(struct request *rq)
{
    const struct dataset *ds = routed_dataset(rq);
    if (ds != NULL)
        api_with_dataset(rq, ds, start_iterrows, rq);
}
