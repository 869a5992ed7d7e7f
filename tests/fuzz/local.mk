# Fuzz targets: tests/fuzz/NAME.c is built twice, as NAME.t, which replays corpus/NAME in every
# make check, and as NAME-fuzz for libFuzzer (tests/fuzz/run NAME [SECONDS] does the rest).
CPPFLAGS_FUZZ = $(AM_CPPFLAGS) -I$(top_srcdir)/tests $(DAEMON_CFLAGS)
FUZZ_ENGINE = -fsanitize=fuzzer
FUZZ_REPLAY = %D%/replay.c %D%/fuzz.h
EXTRA_DIST += %D%/run %D%/corpus

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
