/* plan.h - the FILE of `evalctl run`: what to register and what to run; evalctl(1).
 *
 * A member that nobody would read is an error: a misspelt one must not be ignored. */
#ifndef EVALD_CTL_PLAN_H
#define EVALD_CTL_PLAN_H

#include "common/err.h"
#include "common/json.h"

struct plan {
    json_object *doc;
    char *dataset_id;     /* NULL: the file has no "dataset" */
    char *dataset_body;   /* of POST /v1beta/datasets; rows of a JSONL file are in it */
    char *benchmark_id;
    char *benchmark_body; /* of POST /v1alpha/eval/benchmarks; NULL: it is registered already */
    json_object *runs;    /* array of BenchmarkConfig, not empty; part of doc */
};

/* Reads FILE and what it names.  The error names file, line and column, or the member. */
int plan_load(const char *path, struct plan *ret, struct err *err);
void plan_fini(struct plan *p);

/* Appends the lines of a JSONL file, each a checked object, as the elements of an array. */
int plan_put_jsonl(struct text *t, const char *file, size_t *ret_rows, struct err *err);
/* A file that is one JSON object. */
int plan_read_object(const char *path, json_object **ret, struct err *err);

/* The candidate of run i, for the eye: the model's id, "agent:MODEL", or "?".  Borrowed from
 * the plan or, for an agent, from buf. */
const char *plan_candidate(const struct plan *p, size_t i, char *buf, size_t size);

#endif
