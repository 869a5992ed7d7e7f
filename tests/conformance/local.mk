# What was recorded of the reference implementation, against evald.
dist_check_SCRIPTS += %D%/conformance.t
TESTS += %D%/conformance.t
EXTRA_DIST += \
	%D%/aggregation.jsonl \
	%D%/braintrust_answer_correctness.jsonl \
	%D%/braintrust_answer_relevancy.jsonl \
	%D%/braintrust_answer_similarity.jsonl \
	%D%/braintrust_context_entity_recall.jsonl \
	%D%/braintrust_context_precision.jsonl \
	%D%/braintrust_context_recall.jsonl \
	%D%/braintrust_context_relevancy.jsonl \
	%D%/braintrust_factuality.jsonl \
	%D%/braintrust_faithfulness.jsonl \
	%D%/docvqa.jsonl \
	%D%/equality.jsonl \
	%D%/evaluate_rows.jsonl \
	%D%/ifeval.jsonl \
	%D%/llm_as_judge.jsonl \
	%D%/regex_parser_math_response.jsonl \
	%D%/regex_parser_multiple_choice_answer.jsonl \
	%D%/subset_of.jsonl
