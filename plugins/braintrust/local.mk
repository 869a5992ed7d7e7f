plugin_LTLIBRARIES += plugins/braintrust.la
plugins_braintrust_la_SOURCES = \
	%D%/braintrust.c %D%/braintrust.h %D%/prompts.h \
	%D%/work.c %D%/work.h %D%/ask.c %D%/ask.h \
	%D%/similarity.c %D%/similarity.h %D%/assignment.c %D%/assignment.h \
	%D%/factuality.c %D%/correctness.c %D%/relevancy.c %D%/faithfulness.c \
	%D%/entities.c %D%/context.c
plugins_braintrust_la_CPPFLAGS = $(CPPFLAGS_PLUGIN) -I$(top_srcdir)/plugins/lib
plugins_braintrust_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_braintrust_la_LDFLAGS = $(LDFLAGS_PLUGIN)
plugins_braintrust_la_LIBADD = $(PLUGIN_LIB) -lm
dist_man_MANS += %D%/evald-braintrust.7
EXTRA_DIST += %D%/t
