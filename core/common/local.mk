noinst_LIBRARIES += %D%/libcommon.a
%C%_libcommon_a_SOURCES = \
	%D%/crumb.h \
	%D%/err.c %D%/err.h \
	%D%/frame.c %D%/frame.h \
	%D%/io.c %D%/io.h \
	%D%/jsame.c %D%/jsame.h \
	%D%/json.c %D%/json.h \
	%D%/jtext.c %D%/jtext.h %D%/jnumber.c \
	%D%/log.c %D%/log.h \
	%D%/mem.c %D%/mem.h \
	%D%/paired.c %D%/paired.h \
	%D%/pyrepr.h \
	%D%/quantile.c %D%/quantile.h \
	%D%/rows.c %D%/rows.h \
	%D%/csv.c %D%/csv.h \
	%D%/schema.c %D%/schema.h \
	%D%/score.c %D%/score.h \
	%D%/text.c %D%/text.h \
	%D%/unprintable.h
%C%_libcommon_a_CPPFLAGS = $(AM_CPPFLAGS) $(JSON_C_CFLAGS)
COMMON_LIB = %D%/libcommon.a
