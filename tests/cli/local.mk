# What users meet: evalctl, the examples, the documents.
check_PROGRAMS += %D%/fake-evald
%C%_fake_evald_SOURCES = %D%/fake-evald.c
%C%_fake_evald_LDFLAGS = $(LDFLAGS_PROGRAM)
check_PROGRAMS += %D%/check-rows
%C%_check_rows_SOURCES = %D%/check-rows.c
%C%_check_rows_CPPFLAGS = $(AM_CPPFLAGS) $(JSON_C_CFLAGS)
%C%_check_rows_LDFLAGS = $(LDFLAGS_PROGRAM)
%C%_check_rows_LDADD = $(COMMON_LIB) $(JSON_C_LIBS) -lm
CLI_TESTS = %D%/evalctl.bats %D%/conformance.bats %D%/evaluations.bats %D%/jobs.bats %D%/examples.bats \
	%D%/docs.bats %D%/ifeval.bats
EXTRA_DIST += %D%/decided.jsonl %D%/lib.bash $(CLI_TESTS)
TESTS += $(CLI_TESTS)
