# Fuzz targets: tests/fuzz/NAME.c is built twice, as NAME.t, which replays corpus/NAME in every
# make check, and as NAME-fuzz for libFuzzer (tests/fuzz/run NAME [SECONDS] does the rest).
CPPFLAGS_FUZZ = $(AM_CPPFLAGS) -I$(top_srcdir)/tests $(DAEMON_CFLAGS)
FUZZ_ENGINE = -fsanitize=fuzzer
FUZZ_REPLAY = %D%/replay.c %D%/fuzz.h
EXTRA_DIST += %D%/run %D%/corpus

# Every target in turn, for longer than a check may take.
SOAK_SECONDS = 600
SOAK = json http validate csv jsonl url pyre scorers records
.PHONY: soak
soak:
	for name in $(SOAK); do $(top_srcdir)/tests/fuzz/run $$name $(SOAK_SECONDS) || exit 1; done

check_PROGRAMS += %D%/pyre.t
EXTRA_PROGRAMS += %D%/pyre-fuzz
TESTS += %D%/pyre.t
tests_fuzz_pyre_t_SOURCES = %D%/pyre.c $(FUZZ_REPLAY)
tests_fuzz_pyre_t_CPPFLAGS = $(CPPFLAGS_FUZZ)
tests_fuzz_pyre_t_LDADD = $(PLUGIN_LIB) $(COMMON_LIB) -lm
tests_fuzz_pyre_fuzz_SOURCES = %D%/pyre.c
tests_fuzz_pyre_fuzz_CPPFLAGS = $(CPPFLAGS_FUZZ)
tests_fuzz_pyre_fuzz_LDFLAGS = $(LDFLAGS_PROGRAM) $(FUZZ_ENGINE)
tests_fuzz_pyre_fuzz_LDADD = $(PLUGIN_LIB) $(COMMON_LIB) -lm

check_PROGRAMS += %D%/json.t
EXTRA_PROGRAMS += %D%/json-fuzz
TESTS += %D%/json.t
tests_fuzz_json_t_SOURCES = %D%/json.c $(FUZZ_REPLAY)
tests_fuzz_json_t_CPPFLAGS = $(CPPFLAGS_FUZZ)
tests_fuzz_json_t_LDADD = $(COMMON_LIB) -lm
tests_fuzz_json_fuzz_SOURCES = %D%/json.c
tests_fuzz_json_fuzz_CPPFLAGS = $(CPPFLAGS_FUZZ)
tests_fuzz_json_fuzz_LDFLAGS = $(LDFLAGS_PROGRAM) $(FUZZ_ENGINE)
tests_fuzz_json_fuzz_LDADD = $(COMMON_LIB) -lm

check_PROGRAMS += %D%/http.t
EXTRA_PROGRAMS += %D%/http-fuzz
TESTS += %D%/http.t
tests_fuzz_http_t_SOURCES = %D%/http.c $(FUZZ_REPLAY)
tests_fuzz_http_t_CPPFLAGS = $(CPPFLAGS_FUZZ)
tests_fuzz_http_t_LDADD = $(DAEMON_LIBS)
tests_fuzz_http_fuzz_SOURCES = %D%/http.c
tests_fuzz_http_fuzz_CPPFLAGS = $(CPPFLAGS_FUZZ)
tests_fuzz_http_fuzz_LDFLAGS = $(LDFLAGS_PROGRAM) $(FUZZ_ENGINE)
tests_fuzz_http_fuzz_LDADD = $(DAEMON_LIBS)

check_PROGRAMS += %D%/validate.t
EXTRA_PROGRAMS += %D%/validate-fuzz
TESTS += %D%/validate.t
tests_fuzz_validate_t_SOURCES = %D%/validate.c $(FUZZ_REPLAY)
tests_fuzz_validate_t_CPPFLAGS = $(CPPFLAGS_FUZZ)
tests_fuzz_validate_t_LDADD = $(DAEMON_LIBS)
tests_fuzz_validate_fuzz_SOURCES = %D%/validate.c
tests_fuzz_validate_fuzz_CPPFLAGS = $(CPPFLAGS_FUZZ)
tests_fuzz_validate_fuzz_LDFLAGS = $(LDFLAGS_PROGRAM) $(FUZZ_ENGINE)
tests_fuzz_validate_fuzz_LDADD = $(DAEMON_LIBS)

check_PROGRAMS += %D%/jsonl.t
EXTRA_PROGRAMS += %D%/jsonl-fuzz
TESTS += %D%/jsonl.t
tests_fuzz_jsonl_t_SOURCES = %D%/jsonl.c %D%/readers.h $(FUZZ_REPLAY)
tests_fuzz_jsonl_t_CPPFLAGS = $(CPPFLAGS_FUZZ)
tests_fuzz_jsonl_t_LDADD = $(COMMON_LIB) -lm
tests_fuzz_jsonl_fuzz_SOURCES = %D%/jsonl.c %D%/readers.h
tests_fuzz_jsonl_fuzz_CPPFLAGS = $(CPPFLAGS_FUZZ) -DEVALD_FUZZING
tests_fuzz_jsonl_fuzz_LDFLAGS = $(LDFLAGS_PROGRAM) $(FUZZ_ENGINE)
tests_fuzz_jsonl_fuzz_LDADD = $(COMMON_LIB) -lm

check_PROGRAMS += %D%/csv.t
EXTRA_PROGRAMS += %D%/csv-fuzz
TESTS += %D%/csv.t
tests_fuzz_csv_t_SOURCES = %D%/csv.c %D%/readers.h $(FUZZ_REPLAY)
tests_fuzz_csv_t_CPPFLAGS = $(CPPFLAGS_FUZZ)
tests_fuzz_csv_t_LDADD = $(COMMON_LIB) -lm
tests_fuzz_csv_fuzz_SOURCES = %D%/csv.c %D%/readers.h
tests_fuzz_csv_fuzz_CPPFLAGS = $(CPPFLAGS_FUZZ) -DEVALD_FUZZING
tests_fuzz_csv_fuzz_LDFLAGS = $(LDFLAGS_PROGRAM) $(FUZZ_ENGINE)
tests_fuzz_csv_fuzz_LDADD = $(COMMON_LIB) -lm

check_PROGRAMS += %D%/url.t
EXTRA_PROGRAMS += %D%/url-fuzz
TESTS += %D%/url.t
tests_fuzz_url_t_SOURCES = %D%/url.c core/daemon/url.c $(FUZZ_REPLAY)
tests_fuzz_url_t_CPPFLAGS = $(CPPFLAGS_FUZZ) $(CURL_CFLAGS)
tests_fuzz_url_t_LDADD = $(COMMON_LIB) $(CURL_LIBS) -lm
tests_fuzz_url_fuzz_SOURCES = %D%/url.c core/daemon/url.c
tests_fuzz_url_fuzz_CPPFLAGS = $(CPPFLAGS_FUZZ) $(CURL_CFLAGS)
tests_fuzz_url_fuzz_LDFLAGS = $(LDFLAGS_PROGRAM) $(FUZZ_ENGINE)
tests_fuzz_url_fuzz_LDADD = $(COMMON_LIB) $(CURL_LIBS) -lm

# Plugins are loaded from plugins/.libs: run at the top of the build tree.
check_PROGRAMS += %D%/scorers.t
EXTRA_PROGRAMS += %D%/scorers-fuzz
TESTS += %D%/scorers.t
tests_fuzz_scorers_t_SOURCES = %D%/scorers.c $(FUZZ_REPLAY)
tests_fuzz_scorers_t_CPPFLAGS = $(CPPFLAGS_FUZZ) $(JSON_C_CFLAGS)
tests_fuzz_scorers_t_LDADD = $(RUNNER_LIB) $(COMMON_LIB) $(JSON_C_LIBS) $(DL_LIBS) -lm
tests_fuzz_scorers_fuzz_SOURCES = %D%/scorers.c
tests_fuzz_scorers_fuzz_CPPFLAGS = $(CPPFLAGS_FUZZ) $(JSON_C_CFLAGS)
tests_fuzz_scorers_fuzz_LDFLAGS = $(LDFLAGS_PROGRAM) $(FUZZ_ENGINE)
tests_fuzz_scorers_fuzz_LDADD = $(RUNNER_LIB) $(COMMON_LIB) $(JSON_C_LIBS) $(DL_LIBS) -lm
EXTRA_tests_fuzz_scorers_fuzz_DEPENDENCIES = $(plugin_LTLIBRARIES)

check_PROGRAMS += %D%/records.t
EXTRA_PROGRAMS += %D%/records-fuzz
TESTS += %D%/records.t
tests_fuzz_records_t_SOURCES = %D%/records.c $(FUZZ_REPLAY)
tests_fuzz_records_t_CPPFLAGS = $(CPPFLAGS_FUZZ)
tests_fuzz_records_t_LDADD = $(DAEMON_LIBS)
tests_fuzz_records_fuzz_SOURCES = %D%/records.c
tests_fuzz_records_fuzz_CPPFLAGS = $(CPPFLAGS_FUZZ)
tests_fuzz_records_fuzz_LDFLAGS = $(LDFLAGS_PROGRAM) $(FUZZ_ENGINE)
tests_fuzz_records_fuzz_LDADD = $(DAEMON_LIBS)
