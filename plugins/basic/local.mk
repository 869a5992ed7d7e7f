plugin_LTLIBRARIES += plugins/basic.la
plugins_basic_la_SOURCES = %D%/basic.c %D%/basic.h %D%/docvqa.c %D%/equality.c %D%/math.c \
	%D%/math_text.c %D%/math_text.h %D%/multiple_choice.c \
	%D%/multiple_choice_table.h %D%/regexes.c %D%/regexes.h
plugins_basic_la_CPPFLAGS = $(CPPFLAGS_PLUGIN) -I$(top_srcdir)/plugins/lib
plugins_basic_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_basic_la_LDFLAGS = $(LDFLAGS_PLUGIN)
plugins_basic_la_LIBADD = $(PLUGIN_LIB)
dist_man_MANS += %D%/evald-basic.7
EXTRA_DIST += %D%/t
