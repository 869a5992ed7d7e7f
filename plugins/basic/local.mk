plugin_LTLIBRARIES += plugins/basic.la
plugins_basic_la_SOURCES = %D%/basic.c
plugins_basic_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
plugins_basic_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_basic_la_LDFLAGS = $(LDFLAGS_PLUGIN)
dist_man_MANS += %D%/evald-basic.7
EXTRA_DIST += %D%/t
