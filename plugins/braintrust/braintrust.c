/* braintrust.c - provider braintrust: what this file has.  See evald-braintrust(7). */
#include "braintrust.h"

const char *const braintrust_columns[] = { "input_query", "expected_answer",
                                           "generated_answer", NULL };
const char *const braintrust_context_columns[] = { "input_query", "expected_answer",
                                                   "generated_answer", "context", NULL };

int32_t
braintrust_open(struct evald_call *c, struct evald_str params, void **self)
{
    struct judge *j = evald_alloc(c, sizeof *j);
    j->model = evald_get(c, params, "/judge_model").str.ptr;
    j->embedder = evald_get(c, params, "/embedding_model").str.ptr;
    *self = j;
    return EVALD_OK;
}

EVALD_PLUGINS(&braintrust_factuality, &braintrust_answer_correctness,
              &braintrust_answer_relevancy, &braintrust_answer_similarity,
              &braintrust_faithfulness, &braintrust_context_entity_recall,
              &braintrust_context_precision, &braintrust_context_recall,
              &braintrust_context_relevancy)
