/* conformance_rules.h - the rules by kind of case, for conformance_rules.c alone.
 *
 * A predicate looks at a case's input only: row, params, and what models reply in it; and at
 * nothing of what was recorded but whether the reference fails, where a rule is about such cases.
 * What is then expected follows from the input too. */
#ifndef EVALD_CONFORMANCE_RULES_H
#define EVALD_CONFORMANCE_RULES_H

#include "ctl/conformance.h"

enum {
    RULE_FAITHFULNESS_SOURCE,
    RULE_MESSAGES_AS_GIVEN,
    RULE_DOCVQA_ARRAY,
    RULE_TEMPLATE_NAMES,
    RULE_JUDGE_ROW_ERROR,
    RULE_NULL_AGGREGATE,
    RULE_RANDOM_KWARGS,
    RULE_EXTRA_KWARGS,
    RULE_CHECKED_FIRST,
    RULE_EMPTY_LISTS,
    RULE_MAX_TOKENS_NULL,
    RULE_CHAT_INPUT_ARRAY,
    RULE_CONFIG_RANGE,
    RULE_OWN_PROMPTS,
};

static inline void
rule_mark(struct conformance_case *c, int rule)
{
    c->rules |= UINT32_C(1) << rule;
}

/* The case must fail.  Marks the rule unless that was recorded too. */
void rule_set_error(struct conformance_case *c, int rule);
/* The case must give this, which is kept; t is left empty. */
void rule_set_result(struct conformance_case *c, int rule, struct text *t);

/* Is a judge's template made of the three columns by name, doubled braces and other text? */
bool rule_is_plain_template(struct jval template);

void rules_ifeval(struct conformance_case *c);
void rules_aggregation(struct conformance_case *c);
void rules_evaluation(struct conformance_case *c);

/* The aggregations over score rows as JSON, written as Python's json.dumps does.  false: one of
 * them fails, or is about values that are not worked out here (arrays, objects, integers beyond
 * 53 bits, text that is not ASCII).  undefined: does one of them need the rule that an
 * undefined ratio is null and that accuracy counts null as 0? */
bool rule_aggregate(struct jval score_rows, struct jval names, bool *ret_undefined,
                    struct text *ret_json);

/* The score row that llm-as-judge::base with params makes of a row, answer being the literal of
 * what the candidate said.  false: not worked out here. */
bool rule_put_judged(struct text *t, struct jval params, struct jval row, struct str answer,
                     struct jval replies);

#endif
