# The API, route by route, over the socket of a real evald.
API_TESTS = %D%/inspect.bats %D%/datasets.bats %D%/iterrows.bats %D%/benchmarks.bats \
	%D%/eval.bats %D%/scoring.bats %D%/errors.bats %D%/samples.bats %D%/defects.bats \
	%D%/quirks.bats %D%/clients.bats %D%/openapi.bats
EXTRA_DIST += %D%/lib.bash %D%/schema.jq %D%/samples %D%/clients $(API_TESTS)
if HAVE_BATS
TESTS += $(API_TESTS)
endif
