# The API, route by route, over the socket of a real evald.
check_PROGRAMS += %D%/many
%C%_many_SOURCES = %D%/many.c
%C%_many_LDFLAGS = $(LDFLAGS_PROGRAM)
API_TESTS = \
	%D%/access.bats \
	%D%/append.bats \
	%D%/benchmarks.bats \
	%D%/braintrust.bats \
	%D%/clients.bats \
	%D%/compare.bats \
	%D%/control.bats \
	%D%/datasets.bats \
	%D%/defects.bats \
	%D%/deputy.bats \
	%D%/errors.bats \
	%D%/eval.bats \
	%D%/http.bats \
	%D%/huggingface.bats \
	%D%/idempotency.bats \
	%D%/inspect.bats \
	%D%/iterrows.bats \
	%D%/job-events.bats \
	%D%/job-rows.bats \
	%D%/jobs.bats \
	%D%/judge.bats \
	%D%/openapi.bats \
	%D%/quirks.bats \
	%D%/regex-parsers.bats \
	%D%/remote.bats \
	%D%/samples.bats \
	%D%/scorers.bats \
	%D%/scoring-functions.bats \
	%D%/scoring.bats
EXTRA_DIST += %D%/lib.bash %D%/schema.jq %D%/scoring_functions.jsonl %D%/samples %D%/clients $(API_TESTS)
if HAVE_BATS
TESTS += $(API_TESTS)
endif
