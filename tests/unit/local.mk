# Unit tests: tests/unit/test-NAME.c becomes tests/unit/NAME.t.
CPPFLAGS_UNIT = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
EXTRA_DIST += %D%/answer.h %D%/data.h %D%/data %D%/fds.h

check_PROGRAMS += %D%/text.t
TESTS += %D%/text.t
tests_unit_text_t_SOURCES = %D%/test-text.c
tests_unit_text_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_text_t_LDADD = $(COMMON_LIB) -lm

check_PROGRAMS += %D%/jtext.t
TESTS += %D%/jtext.t
tests_unit_jtext_t_SOURCES = %D%/test-jtext.c
tests_unit_jtext_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_jtext_t_LDADD = $(COMMON_LIB) -lm

check_PROGRAMS += %D%/json.t
TESTS += %D%/json.t
tests_unit_json_t_SOURCES = %D%/test-json.c
tests_unit_json_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_json_t_LDADD = $(COMMON_LIB) $(JSON_C_LIBS) -lm

check_PROGRAMS += %D%/schema.t
TESTS += %D%/schema.t
tests_unit_schema_t_SOURCES = %D%/test-schema.c
tests_unit_schema_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_schema_t_LDADD = $(COMMON_LIB) $(JSON_C_LIBS) -lm

check_PROGRAMS += %D%/rows.t
TESTS += %D%/rows.t
tests_unit_rows_t_SOURCES = %D%/test-rows.c
tests_unit_rows_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_rows_t_LDADD = $(COMMON_LIB) -lm

check_PROGRAMS += %D%/csv.t
TESTS += %D%/csv.t
tests_unit_csv_t_SOURCES = %D%/test-csv.c
tests_unit_csv_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_csv_t_LDADD = $(COMMON_LIB) -lm

check_PROGRAMS += %D%/aggregate.t
TESTS += %D%/aggregate.t
tests_unit_aggregate_t_SOURCES = %D%/test-aggregate.c
tests_unit_aggregate_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_aggregate_t_LDADD = $(RUNNER_LIB) $(COMMON_LIB) -lm

check_PROGRAMS += %D%/stats.t
TESTS += %D%/stats.t
tests_unit_stats_t_SOURCES = %D%/test-stats.c
tests_unit_stats_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_stats_t_LDADD = $(RUNNER_LIB) $(COMMON_LIB) -lm

check_PROGRAMS += %D%/gateway-parts.t
TESTS += %D%/gateway-parts.t
tests_unit_gateway_parts_t_SOURCES = %D%/test-gateway-parts.c core/gateway/headers.c core/gateway/limiter.c core/gateway/retry.c core/gateway/site.c
tests_unit_gateway_parts_t_CPPFLAGS = $(CPPFLAGS_UNIT) $(CURL_CFLAGS)
tests_unit_gateway_parts_t_LDADD = $(COMMON_LIB) $(CURL_LIBS) -lm

check_PROGRAMS += %D%/gateway.t
TESTS += %D%/gateway.t
tests_unit_gateway_t_SOURCES = %D%/test-gateway.c 
tests_unit_gateway_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_gateway_t_LDADD = $(COMMON_LIB) -lm

check_PROGRAMS += %D%/frame.t
TESTS += %D%/frame.t
tests_unit_frame_t_SOURCES = %D%/test-frame.c
tests_unit_frame_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_frame_t_LDADD = $(COMMON_LIB) -lm

check_PROGRAMS += %D%/runner.t
TESTS += %D%/runner.t
tests_unit_runner_t_SOURCES = %D%/test-runner.c %D%/peer.h
tests_unit_runner_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_runner_t_LDADD = $(COMMON_LIB) $(JSON_C_LIBS) -lm

