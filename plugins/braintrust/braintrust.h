/* braintrust.h - the nine scorers of this file, and what their descriptors share.  Each is in
 * the file of its family; see evald-braintrust(7). */
#ifndef EVALD_PLUGIN_BRAINTRUST_H
#define EVALD_PLUGIN_BRAINTRUST_H

#include "work.h"

extern const struct evald_plugin braintrust_factuality;            /* factuality.c */
extern const struct evald_plugin braintrust_answer_correctness;    /* correctness.c */
extern const struct evald_plugin braintrust_answer_similarity;     /* correctness.c */
extern const struct evald_plugin braintrust_answer_relevancy;      /* relevancy.c */
extern const struct evald_plugin braintrust_faithfulness;          /* faithfulness.c */
extern const struct evald_plugin braintrust_context_entity_recall; /* entities.c */
extern const struct evald_plugin braintrust_context_precision;     /* context.c */
extern const struct evald_plugin braintrust_context_recall;        /* context.c */
extern const struct evald_plugin braintrust_context_relevancy;     /* context.c */

/* open() of all nine: the instance is a struct judge. */
int32_t braintrust_open(struct evald_call *c, struct evald_str params, void **self);

extern const char *const braintrust_columns[];         /* without context */
extern const char *const braintrust_context_columns[]; /* with it, required */

#define BRAINTRUST_JUDGE(model) \
    "\"judge_model\":{\"type\":\"string\",\"minLength\":1,\"evald:model\":true," \
    "\"default\":\"" model "\",\"description\":\"The model that judges: an id, or a role.\"},"
#define BRAINTRUST_EMBEDDER \
    "\"embedding_model\":{\"type\":\"string\",\"minLength\":1,\"evald:model\":true," \
    "\"default\":\"text-embedding-ada-002\"," \
    "\"description\":\"The model that gives embeddings: an id, or a role.\"},"
/* As the reference has it, params of any type are taken and an empty list of aggregations is
 * the default's. */
#define BRAINTRUST_SCHEMA(models) \
    "{\"type\":\"object\",\"additionalProperties\":true,\"properties\":{" models \
    "\"aggregation_functions\":{\"type\":\"array\",\"evald:empty_is_default\":true," \
    "\"description\":\"How the scores are put together.\"}}}"

#define BRAINTRUST_SCORER(scorer, text, models, needs, step_function) \
    { \
        EVALD_HEAD(EVALD_SCORER), .threads = EVALD_PARALLEL, .id = "braintrust::" scorer, \
        .version = "1", .summary = text, .params_schema = BRAINTRUST_SCHEMA(models), \
        .params_default = "{\"type\":\"basic\",\"aggregation_functions\":[\"average\"]}", \
        .return_type = "{\"type\":\"number\"}", \
        .metrics = "{\"score\":{\"range\":[0,1],\"better\":\"higher\"}}", .columns = needs, \
        .open = braintrust_open, .step = step_function, \
    }

/* The step() of a plugin whose rows go through next. */
#define BRAINTRUST_STEP(name, next) \
    static int32_t name(struct evald_call *c, void *self, void **task, \
                        const struct evald_row *row, const struct evald_event *event) \
    { \
        return work_step(c, self, task, row, event, next); \
    }

#endif
