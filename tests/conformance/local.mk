# What was recorded of the reference implementation, against evald.
check_PROGRAMS += %D%/judge-tapes
%C%_judge_tapes_SOURCES = %D%/judge-tapes.c
%C%_judge_tapes_CPPFLAGS = $(AM_CPPFLAGS)
%C%_judge_tapes_LDADD = $(COMMON_LIB) -lm
dist_check_SCRIPTS += %D%/judge.t
TESTS += %D%/judge.t
EXTRA_DIST += %D%/llm_as_judge.jsonl
