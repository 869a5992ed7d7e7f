/* record.h - data sets, benchmarks and functions as rows of the store's catalogue. */
#ifndef EVALD_RECORD_H
#define EVALD_RECORD_H

#include "daemon/catalog.h"

#define KIND_DATASET   "dataset"
#define KIND_BENCHMARK "benchmark"
#define KIND_FUNCTION  "scoring_function"

/* A struct dataset, benchmark or function from the store's JSON; NULL when a member that must
 * be there is not. */
void *dataset_read(const char *id, uid_t owner, json_object *o);
void *benchmark_read(const char *id, uid_t owner, json_object *o);
void *function_read(const char *id, uid_t owner, json_object *o);

/* The JSON, without id and owner. */
void dataset_text(struct text *t, const struct dataset *ds);
void benchmark_text(struct text *t, const struct benchmark *b);
void function_text(struct text *t, const struct function *f);

void fetched_fini(struct fetched *f); /* frees its strings, and empties it */
/* All of it; NULL allowed. */
void dataset_free(void *ds);
void benchmark_free(void *b);
void function_free(void *f);

/* A new reference to o, or what make() makes when o is NULL. */
json_object *json_ref_or(json_object *o, json_object *(*make)(void));

#endif
