# What several plugins share; static, and as they are: <evald/plugin.h> and libraries.
noinst_LTLIBRARIES += plugins/lib/libpy.la
plugins_lib_libpy_la_SOURCES = \
	%D%/pyre.c %D%/pyre.h %D%/pyre_class.c %D%/pyre_code.h %D%/pyre_kind.c \
	%D%/pyre_match.c %D%/pyre_pattern.c %D%/pyre_pattern.h %D%/pyre_walk.c \
	%D%/pyjson.c %D%/pyjson.h %D%/pylist.c %D%/pylist.h \
	%D%/pystr.c %D%/pystr.h %D%/pytext.c %D%/pytext.h %D%/kind.h
plugins_lib_libpy_la_CPPFLAGS = $(CPPFLAGS_PLUGIN) -I$(top_srcdir)/core $(PCRE2_CFLAGS)
plugins_lib_libpy_la_CFLAGS = $(CFLAGS_PLUGIN)
PLUGIN_LIB = plugins/lib/libpy.la $(PCRE2_LIBS) $(UNISTRING_LIBS)
