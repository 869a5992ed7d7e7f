# The API, route by route, over the socket of a real evald.
API_TESTS = %D%/inspect.bats %D%/datasets.bats %D%/iterrows.bats %D%/benchmarks.bats \
	%D%/eval.bats %D%/idempotency.bats %D%/job-events.bats %D%/job-rows.bats %D%/jobs.bats %D%/scoring.bats %D%/errors.bats
EXTRA_DIST += %D%/lib.bash $(API_TESTS)
if HAVE_BATS
TESTS += $(API_TESTS)
endif
