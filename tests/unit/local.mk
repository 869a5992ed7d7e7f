# Unit tests: tests/unit/test-NAME.c becomes tests/unit/NAME.t.
CPPFLAGS_UNIT = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
EXTRA_DIST += %D%/answer.h %D%/data.h %D%/data %D%/fds.h %D%/memstore.h %D%/tmpdir.h

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

check_PROGRAMS += %D%/jsame.t
TESTS += %D%/jsame.t
tests_unit_jsame_t_SOURCES = %D%/test-jsame.c
tests_unit_jsame_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_jsame_t_LDADD = $(COMMON_LIB) -lm

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

check_PROGRAMS += %D%/paired.t
TESTS += %D%/paired.t
tests_unit_paired_t_SOURCES = %D%/test-paired.c
tests_unit_paired_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_paired_t_LDADD = $(COMMON_LIB) -lm

check_PROGRAMS += %D%/conf.t
TESTS += %D%/conf.t
tests_unit_conf_t_SOURCES = %D%/test-conf.c core/daemon/conf.c core/daemon/conf_access.c core/daemon/url.c
tests_unit_conf_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_conf_t_LDADD = $(COMMON_LIB) $(JSON_C_LIBS) $(CONFIG_LIBS) -lm

check_PROGRAMS += %D%/access.t
TESTS += %D%/access.t
tests_unit_access_t_SOURCES = %D%/test-access.c
tests_unit_access_t_CPPFLAGS = $(CPPFLAGS_UNIT) $(DAEMON_CFLAGS)
tests_unit_access_t_LDADD = $(DAEMON_LIBS)

check_PROGRAMS += %D%/quota.t
TESTS += %D%/quota.t
tests_unit_quota_t_SOURCES = %D%/test-quota.c core/daemon/quota.c
tests_unit_quota_t_CPPFLAGS = $(CPPFLAGS_UNIT) $(DAEMON_CFLAGS)
tests_unit_quota_t_LDADD = $(COMMON_LIB) -lm

check_PROGRAMS += %D%/plugins.t
TESTS += %D%/plugins.t
tests_unit_plugins_t_SOURCES = %D%/test-plugins.c core/daemon/plugins.c core/daemon/probe.c
tests_unit_plugins_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_plugins_t_LDADD = $(COMMON_LIB) $(JSON_C_LIBS) $(NETTLE_LIBS) -lm

check_PROGRAMS += %D%/dataset.t
TESTS += %D%/dataset.t
tests_unit_dataset_t_SOURCES = %D%/test-dataset.c core/daemon/dataset.c core/daemon/page.c core/daemon/rowindex.c core/daemon/dataurl.c core/daemon/worker.c
tests_unit_dataset_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_dataset_t_LDADD = $(COMMON_LIB) $(JSON_C_LIBS) $(NETTLE_LIBS) $(EV_LIBS) -lm

check_PROGRAMS += %D%/catalog.t
TESTS += %D%/catalog.t
tests_unit_catalog_t_SOURCES = %D%/test-catalog.c core/daemon/catalog.c core/daemon/catalog_functions.c core/daemon/record.c core/daemon/table.c core/daemon/rowsfile.c core/daemon/worker.c
tests_unit_catalog_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_catalog_t_LDADD = $(COMMON_LIB) $(JSON_C_LIBS) $(EV_LIBS) -lm

check_PROGRAMS += %D%/sd.t
TESTS += %D%/sd.t
tests_unit_sd_t_SOURCES = %D%/test-sd.c core/daemon/sd.c
tests_unit_sd_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_sd_t_LDADD = $(COMMON_LIB) $(JSON_C_LIBS) -lm

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

check_PROGRAMS += %D%/journal.t
TESTS += %D%/journal.t
tests_unit_journal_t_SOURCES = %D%/test-journal.c %D%/journals.h
tests_unit_journal_t_CPPFLAGS = $(CPPFLAGS_UNIT) $(DAEMON_CFLAGS)
tests_unit_journal_t_LDADD = $(DAEMON_LIBS)

check_PROGRAMS += %D%/journal-edit.t
TESTS += %D%/journal-edit.t
tests_unit_journal_edit_t_SOURCES = %D%/test-journal-edit.c %D%/journals.h
tests_unit_journal_edit_t_CPPFLAGS = $(CPPFLAGS_UNIT) $(DAEMON_CFLAGS)
tests_unit_journal_edit_t_LDADD = $(DAEMON_LIBS)

check_PROGRAMS += %D%/journal-read.t
TESTS += %D%/journal-read.t
tests_unit_journal_read_t_SOURCES = %D%/test-journal-read.c %D%/journals.h
tests_unit_journal_read_t_CPPFLAGS = $(CPPFLAGS_UNIT) $(DAEMON_CFLAGS)
tests_unit_journal_read_t_LDADD = $(DAEMON_LIBS)

check_PROGRAMS += %D%/validate.t
TESTS += %D%/validate.t
tests_unit_validate_t_SOURCES = %D%/test-validate.c
tests_unit_validate_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_validate_t_LDADD = $(DAEMON_LIBS) -lm

check_PROGRAMS += %D%/routes.t
TESTS += %D%/routes.t
tests_unit_routes_t_SOURCES = %D%/test-routes.c
tests_unit_routes_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_routes_t_LDADD = $(DAEMON_LIBS) -lm

check_PROGRAMS += %D%/openapi.t
TESTS += %D%/openapi.t
tests_unit_openapi_t_SOURCES = %D%/test-openapi.c
tests_unit_openapi_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_openapi_t_LDADD = $(DAEMON_LIBS) -lm

check_PROGRAMS += %D%/head.t
TESTS += %D%/head.t
tests_unit_head_t_SOURCES = %D%/test-head.c core/daemon/head.c
tests_unit_head_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_head_t_LDADD = $(COMMON_LIB) -lm

check_PROGRAMS += %D%/server.t
TESTS += %D%/server.t
tests_unit_server_t_SOURCES = %D%/test-server.c
tests_unit_server_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_server_t_LDADD = $(DAEMON_LIBS) -lm

check_PROGRAMS += %D%/runner.t
TESTS += %D%/runner.t
tests_unit_runner_t_SOURCES = %D%/test-runner.c %D%/peer.h
tests_unit_runner_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_runner_t_LDADD = $(COMMON_LIB) $(JSON_C_LIBS) -lm

check_PROGRAMS += %D%/spec.t
TESTS += %D%/spec.t
tests_unit_spec_t_SOURCES = %D%/test-spec.c
tests_unit_spec_t_CPPFLAGS = $(CPPFLAGS_UNIT) $(DAEMON_CFLAGS)
tests_unit_spec_t_LDADD = $(DAEMON_LIBS)

check_PROGRAMS += %D%/sched.t
TESTS += %D%/sched.t
tests_unit_sched_t_SOURCES = %D%/test-sched.c
tests_unit_sched_t_CPPFLAGS = $(CPPFLAGS_UNIT) $(DAEMON_CFLAGS)
tests_unit_sched_t_LDADD = $(DAEMON_LIBS)

check_PROGRAMS += %D%/rowindex.t
TESTS += %D%/rowindex.t
tests_unit_rowindex_t_SOURCES = %D%/test-rowindex.c core/daemon/dataset.c core/daemon/page.c core/daemon/rowindex.c core/daemon/dataurl.c core/daemon/worker.c
tests_unit_rowindex_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_rowindex_t_LDADD = $(COMMON_LIB) $(JSON_C_LIBS) $(NETTLE_LIBS) $(EV_LIBS) -lm

check_PROGRAMS += %D%/pyre.t
TESTS += %D%/pyre.t
tests_unit_pyre_t_SOURCES = %D%/test-pyre.c
tests_unit_pyre_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_pyre_t_LDADD = $(PLUGIN_LIB)

check_PROGRAMS += %D%/pyre-walk.t
TESTS += %D%/pyre-walk.t
tests_unit_pyre_walk_t_SOURCES = %D%/test-pyre-walk.c
tests_unit_pyre_walk_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_pyre_walk_t_LDADD = $(PLUGIN_LIB)

check_PROGRAMS += %D%/url.t
TESTS += %D%/url.t
tests_unit_url_t_SOURCES = %D%/test-url.c core/daemon/url.c
tests_unit_url_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_url_t_LDADD = $(COMMON_LIB) -lm

check_PROGRAMS += %D%/sources.t
TESTS += %D%/sources.t
tests_unit_sources_t_SOURCES = %D%/test-sources.c core/daemon/sources.c core/daemon/url.c core/daemon/worker.c
tests_unit_sources_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_sources_t_LDADD = $(COMMON_LIB) $(JSON_C_LIBS) $(EV_LIBS) -lm

check_PROGRAMS += %D%/pytext.t
TESTS += %D%/pytext.t
tests_unit_pytext_t_SOURCES = %D%/test-pytext.c
tests_unit_pytext_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_pytext_t_LDADD = plugins/lib/libpy.la $(UNISTRING_LIBS)

check_PROGRAMS += %D%/scorers-alloc.t
TESTS += %D%/scorers-alloc.t
tests_unit_scorers_alloc_t_SOURCES = %D%/test-scorers-alloc.c
tests_unit_scorers_alloc_t_CPPFLAGS = $(CPPFLAGS_UNIT) $(JSON_C_CFLAGS)
tests_unit_scorers_alloc_t_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=arena_alloc,--wrap=arena_zalloc,--wrap=arena_copy
tests_unit_scorers_alloc_t_LDADD = $(RUNNER_LIB) $(COMMON_LIB) $(JSON_C_LIBS) $(DL_LIBS) -lm

check_PROGRAMS += %D%/language.t
TESTS += %D%/language.t
tests_unit_language_t_SOURCES = %D%/test-language.c
tests_unit_language_t_CPPFLAGS = $(CPPFLAGS_UNIT)
tests_unit_language_t_LDADD = $(LANGUAGE_LIB) plugins/lib/libpy.la $(UNISTRING_LIBS)
