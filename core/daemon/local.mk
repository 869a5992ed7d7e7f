sbin_PROGRAMS += %D%/evald
include %D%/api.mk
# all but main(), so that unit tests can link it
noinst_LIBRARIES += %D%/libdaemon.a
%C%_libdaemon_a_SOURCES = $(API_SOURCES) \
	%D%/blame.c \
	%D%/call.c \
	%D%/catalog.c %D%/catalog.h %D%/catalog_functions.c %D%/catalog_impl.h \
	%D%/child.c %D%/child.h \
	%D%/conf.c %D%/conf.h \
	%D%/conf_access.c %D%/conf_access.h \
	%D%/control.c \
	%D%/dataset.c %D%/dataset.h \
	%D%/dataurl.c %D%/dataurl.h \
	%D%/gate.c %D%/gate.h \
	%D%/head.c %D%/head.h \
	%D%/identity.h \
	%D%/job.c \
	%D%/jobdata.c \
	%D%/journal.c %D%/journal.h %D%/journal_impl.h \
	%D%/journal_append.c \
	%D%/journal_events.c \
	%D%/journal_edit.c \
	%D%/journal_pairs.c \
	%D%/journal_read.c \
	%D%/journal_rows.c \
	%D%/leftovers.c \
	%D%/manifest.c \
	%D%/page.c \
	%D%/peer.c %D%/peer.h \
	%D%/plugins.c %D%/plugins.h \
	%D%/probe.c %D%/probe.h \
	%D%/pull.c %D%/pull.h \
	%D%/quota.c \
	%D%/record.c %D%/record.h \
	%D%/rowindex.c %D%/rowindex.h \
	%D%/rescore.c \
	%D%/rowsfile.c %D%/rowsfile.h \
	%D%/runner.c %D%/runner.h \
	%D%/sched.c %D%/sched.h %D%/sched_impl.h \
	%D%/sd.c %D%/sd.h \
	%D%/sources.c %D%/sources.h \
	%D%/spec.c %D%/spec.h \
	%D%/sqlite.h \
	%D%/store.c %D%/store.h %D%/store_impl.h \
	%D%/table.c %D%/table.h \
	%D%/url.c %D%/url.h \
	%D%/watchers.c \
	%D%/worker.c %D%/worker.h
%C%_libdaemon_a_CPPFLAGS = $(AM_CPPFLAGS) $(DAEMON_CFLAGS)
DAEMON_CFLAGS = $(JSON_C_CFLAGS) $(MHD_CFLAGS) $(CONFIG_CFLAGS) $(SQLITE_CFLAGS) $(NETTLE_CFLAGS)
DAEMON_LIBS = %D%/libdaemon.a $(COMMON_LIB) $(JSON_C_LIBS) $(MHD_LIBS) $(CONFIG_LIBS) \
	$(SQLITE_LIBS) $(NETTLE_LIBS) $(EV_LIBS) -lm
%C%_evald_SOURCES = %D%/main.c
%C%_evald_CPPFLAGS = $(AM_CPPFLAGS) $(DAEMON_CFLAGS)
%C%_evald_LDFLAGS = $(LDFLAGS_PROGRAM)
%C%_evald_LDADD = $(DAEMON_LIBS)
