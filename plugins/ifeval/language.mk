# Languages, sentences and words: what the plugin and its unit test link.
noinst_LTLIBRARIES += plugins/ifeval/liblanguage.la
plugins_ifeval_liblanguage_la_SOURCES = \
	%D%/language.c %D%/language.h %D%/profiles.h %D%/sentences.c %D%/sentences.h \
	%D%/words.c %D%/words.h %D%/words-english.h %D%/words-thai.h
nodist_plugins_ifeval_liblanguage_la_SOURCES = plugins/ifeval/profiles-table.h
plugins_ifeval_liblanguage_la_CPPFLAGS = $(CPPFLAGS_PLUGIN) -I$(top_srcdir)/plugins/lib \
	-Iplugins/ifeval $(ICU_CFLAGS)
plugins_ifeval_liblanguage_la_CFLAGS = $(CFLAGS_PLUGIN)
LANGUAGE_LIB = plugins/ifeval/liblanguage.la $(ICU_LIBS)

# The profiles of langdetect as a table in C.
noinst_PROGRAMS += plugins/ifeval/make-profiles
plugins_ifeval_make_profiles_SOURCES = %D%/make-profiles.c %D%/profiles.h
plugins_ifeval_make_profiles_CPPFLAGS = $(AM_CPPFLAGS) $(JSON_C_CFLAGS)
plugins_ifeval_make_profiles_LDADD = $(JSON_C_LIBS) -lm
plugins_ifeval_make_profiles_LDFLAGS = $(LDFLAGS_PROGRAM)

CLEANFILES += plugins/ifeval/profiles-table.h
plugins/ifeval/profiles-table.h: plugins/ifeval/make-profiles$(EXEEXT)
	$(AM_V_GEN)plugins/ifeval/make-profiles$(EXEEXT) '$(LANGDETECT_DIR)' >$@.tmp \
		&& mv $@.tmp $@
$(plugins_ifeval_liblanguage_la_OBJECTS): plugins/ifeval/profiles-table.h
