plugin_LTLIBRARIES += plugins/ifeval.la
plugins_ifeval_la_SOURCES = \
	%D%/ifeval.c %D%/ifeval.h %D%/instructions.c %D%/kwargs.c %D%/kwargs.h \
	%D%/pattern.c %D%/pattern.h %D%/keywords.c %D%/length.c %D%/content.c %D%/format.c \
	%D%/case.c %D%/startend.c %D%/loads.c %D%/loads.h %D%/count.c %D%/count.h \
	%D%/treebank.c %D%/treebank.h %D%/language.h %D%/sentences.h %D%/words.h
plugins_ifeval_la_CPPFLAGS = $(CPPFLAGS_PLUGIN) -I$(top_srcdir)/plugins/lib
plugins_ifeval_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_ifeval_la_LDFLAGS = $(LDFLAGS_PLUGIN)
plugins_ifeval_la_LIBADD = $(LANGUAGE_LIB) $(PLUGIN_LIB)
dist_man_MANS += %D%/evald-ifeval.7
EXTRA_DIST += %D%/t
