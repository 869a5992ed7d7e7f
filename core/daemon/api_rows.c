#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/api.h"
#include "daemon/journal.h"

struct rows {
    struct request *rq;
    struct journal_rows *rows;
};

static void
on_rows(void *arg, struct str chunk, bool end, const struct err *err)
{
    struct rows *r = arg;
    if (err != NULL)
        request_fail(r->rq, err);
    else
        request_chunk(r->rq, chunk, end);
}

static void
next_rows(void *arg)
{
    struct rows *r = arg;
    journal_rows_next(r->rows, on_rows, r);
}

static void
close_rows(void *arg)
{
    struct rows *r = arg;
    journal_rows_close(r->rows);
    free(r);
}

static enum row_filter
filter_of(const char *status)
{
    static const char *const words[] = {
        [ROW_FILTER_OK] = "ok", [ROW_FILTER_ERROR] = "error",
        [ROW_FILTER_TRUNCATED] = "truncated", [ROW_FILTER_PENDING] = "pending",
    };
    for (size_t i = 1; status != NULL && i < ARRAY_LEN(words); i++)
        if (strcmp(words[i], status) == 0)
            return (enum row_filter)i;
    return ROW_FILTER_NONE;
}

void
api_job_rows(struct request *rq)
{
    static const struct request_source source = { next_rows, close_rows };
    const struct job_info *job = api_named_job(rq);
    if (job == NULL)
        return;
    struct journal_rows_query query = {
        .filter = filter_of(json_get_str(rq->query, "status", NULL)),
        .from = json_get_int(rq->query, "from", 0),
        .start = json_get_int(rq->query, "start_index", 0),
        .limit = json_get_int(rq->query, "limit", -1),
        .total = job->rows_total,
        .complete = job->state == JOB_COMPLETED,
    };
    struct rows *r = xmalloc(sizeof *r);
    r->rq = rq;
    r->rows = journal_rows_open(rq->api->store, job->id, &query);
    request_stream(rq, &source, r);
}
