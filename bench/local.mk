# Tools of `make bench`; nothing of `make all` or `make check`.
BENCH_TOOLS = %D%/curl_ceiling %D%/gen_rows %D%/jsonc_parse %D%/supervise %D%/udsload
EXTRA_PROGRAMS += $(BENCH_TOOLS)
EXTRA_DIST += %D%/bench.sh
CLEANFILES += $(BENCH_TOOLS)

%C%_curl_ceiling_SOURCES = %D%/curl_ceiling.c
%C%_curl_ceiling_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS)
%C%_curl_ceiling_LDADD = $(COMMON_LIB) $(CURL_LIBS) -lm
%C%_curl_ceiling_LDFLAGS = $(LDFLAGS_PROGRAM)

%C%_gen_rows_SOURCES = %D%/gen_rows.c
%C%_gen_rows_LDADD = $(COMMON_LIB) -lm
%C%_gen_rows_LDFLAGS = $(LDFLAGS_PROGRAM)

%C%_jsonc_parse_SOURCES = %D%/jsonc_parse.c
%C%_jsonc_parse_CPPFLAGS = $(AM_CPPFLAGS) $(JSON_C_CFLAGS)
%C%_jsonc_parse_LDADD = $(COMMON_LIB) $(JSON_C_LIBS) -lm
%C%_jsonc_parse_LDFLAGS = $(LDFLAGS_PROGRAM)

%C%_supervise_SOURCES = %D%/supervise.c
%C%_supervise_LDADD = $(COMMON_LIB) -lm
%C%_supervise_LDFLAGS = $(LDFLAGS_PROGRAM)

%C%_udsload_SOURCES = %D%/udsload.c
%C%_udsload_LDADD = $(COMMON_LIB) -lm
%C%_udsload_LDFLAGS = $(LDFLAGS_PROGRAM)

# BENCH: which of them, such as "start http"; all when not given.
.PHONY: bench
bench: all $(BENCH_TOOLS) $(MODEL_SERVER)
	EVALD_BUILDDIR='$(abs_top_builddir)' CC='$(CC)' bash $(srcdir)/bench/bench.sh $(BENCH)
