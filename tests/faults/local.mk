# What goes wrong around evald, with real processes and sockets.
check_PROGRAMS += %D%/journaled
%C%_journaled_SOURCES = %D%/journaled.c
%C%_journaled_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE_CFLAGS)
%C%_journaled_LDFLAGS = $(LDFLAGS_PROGRAM)
%C%_journaled_LDADD = $(SQLITE_LIBS)
FAULT_TESTS = %D%/resume.bats %D%/plugins.bats %D%/queue.bats %D%/hostile.bats %D%/refusals.bats \
	%D%/model-server.bats %D%/data.bats %D%/control.bats
EXTRA_DIST += %D%/lib.bash $(FAULT_TESTS)
if HAVE_BATS
TESTS += $(FAULT_TESTS)
endif
