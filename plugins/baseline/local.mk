plugin_LTLIBRARIES += plugins/baseline.la
plugins_baseline_la_SOURCES = %D%/baseline.c
plugins_baseline_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
plugins_baseline_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_baseline_la_LDFLAGS = $(LDFLAGS_PLUGIN)
dist_man_MANS += %D%/evald-baseline.7
EXTRA_DIST += %D%/t
