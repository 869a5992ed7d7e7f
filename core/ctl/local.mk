bin_PROGRAMS += %D%/evalctl
%C%_evalctl_SOURCES = \
	%D%/client.c %D%/client.h \
	%D%/compare.c \
	%D%/conformance.c %D%/conformance.h \
	%D%/conformance_eval.c \
	%D%/conformance_evald.c %D%/conformance_evald.h \
	%D%/conformance_plugins.c \
	%D%/conformance_report.c %D%/conformance_report.h \
	%D%/conformance_rules.c %D%/conformance_rules.h \
	%D%/conformance_rules_aggregate.c \
	%D%/conformance_rules_eval.c \
	%D%/conformance_rules_ifeval.c \
	%D%/conformance_rules_judge.c \
	%D%/conformance_server.c %D%/conformance_server.h \
	%D%/conformance_tape.c \
	%D%/control.c \
	%D%/ctl.h \
	%D%/events.c %D%/events.h \
	%D%/follow.c \
	%D%/jobs.c \
	%D%/lists.c \
	%D%/main.c \
	%D%/plan.c %D%/plan.h \
	%D%/plugin.c \
	%D%/progress.c %D%/progress.h \
	%D%/rows.c \
	%D%/run.c \
	%D%/scores.c %D%/scores.h \
	%D%/table.c %D%/table.h \
	%D%/things.c
%C%_evalctl_CPPFLAGS = $(AM_CPPFLAGS) $(JSON_C_CFLAGS) $(CURL_CFLAGS) $(MHD_CFLAGS)
%C%_evalctl_LDFLAGS = $(LDFLAGS_PROGRAM)
%C%_evalctl_LDADD = $(PLUGIN_LIB) $(COMMON_LIB) $(JSON_C_LIBS) $(CURL_LIBS) $(MHD_LIBS) -lm
