evaldlibexec_PROGRAMS += %D%/evald-runner
# all but main(), so that unit tests can link it
noinst_LIBRARIES += %D%/librunner.a
%C%_librunner_a_SOURCES = \
	%D%/aggregate.c %D%/aggregate.h \
	%D%/arena.c %D%/arena.h \
	%D%/asks.c %D%/asks.h \
	%D%/bigint.c %D%/bigint.h \
	%D%/candidate.c %D%/candidate.h \
	%D%/feed.c %D%/feed.h \
	%D%/finish.c %D%/finish.h \
	%D%/host.c %D%/host.h \
	%D%/job.c %D%/job.h \
	%D%/load.c %D%/load.h \
	%D%/median.c %D%/median.h \
	%D%/num.c %D%/num.h \
	%D%/pipeline.c %D%/pipeline.h \
	%D%/probe.c %D%/probe.h \
	%D%/pystr.c %D%/pystr.h \
	%D%/replay.c %D%/replay.h %D%/replay_asks.c %D%/replay_asks.h \
	%D%/row.c %D%/row.h \
	%D%/runner.c %D%/runner.h \
	%D%/sandbox.c %D%/sandbox.h \
	%D%/source.c %D%/source.h \
	%D%/stats.c %D%/stats.h \
	%D%/task.c %D%/task.h \
	%D%/watch.c %D%/watch.h \
	%D%/wire.c %D%/wire.h
%C%_librunner_a_CPPFLAGS = $(AM_CPPFLAGS) $(JSON_C_CFLAGS) $(XXHASH_CFLAGS)
RUNNER_LIB = %D%/librunner.a
%C%_evald_runner_SOURCES = %D%/main.c
%C%_evald_runner_CPPFLAGS = $(AM_CPPFLAGS) $(JSON_C_CFLAGS)
%C%_evald_runner_LDFLAGS = $(LDFLAGS_PROGRAM)
%C%_evald_runner_LDADD = $(RUNNER_LIB) $(COMMON_LIB) $(JSON_C_LIBS) $(DL_LIBS) -lm
