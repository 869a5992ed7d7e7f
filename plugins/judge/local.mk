plugin_LTLIBRARIES += plugins/judge.la
plugins_judge_la_SOURCES = %D%/judge.c %D%/simpleqa.h
plugins_judge_la_CPPFLAGS = $(CPPFLAGS_PLUGIN) -I$(top_srcdir)/plugins/lib
plugins_judge_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_judge_la_LDFLAGS = $(LDFLAGS_PLUGIN)
plugins_judge_la_LIBADD = $(PLUGIN_LIB)
dist_man_MANS += %D%/evald-judge.7
EXTRA_DIST += %D%/t
