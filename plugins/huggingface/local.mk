plugin_LTLIBRARIES += plugins/huggingface.la
plugins_huggingface_la_SOURCES = %D%/huggingface.c
plugins_huggingface_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
plugins_huggingface_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_huggingface_la_LDFLAGS = $(LDFLAGS_PLUGIN)
dist_man_MANS += %D%/evald-huggingface.7
EXTRA_DIST += %D%/t
