plugin_LTLIBRARIES += plugins/openai.la
plugins_openai_la_SOURCES = %D%/openai.c
plugins_openai_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
plugins_openai_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_openai_la_LDFLAGS = $(LDFLAGS_PLUGIN)
dist_man_MANS += %D%/evald-openai.7
EXTRA_DIST += %D%/t
