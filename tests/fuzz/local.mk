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
