# Plugins for tests: %D%/.libs/NAME.so; files that must be refused: %D%/broken/.libs/NAME.so
# and the text file $(srcdir)/%D%/broken/not-elf.so.  A -rpath makes libtool build a module
# although nothing is installed.
LDFLAGS_TEST_PLUGIN = $(LDFLAGS_PLUGIN) -rpath /nowhere

check_LTLIBRARIES += %D%/base.la
tests_plugins_base_la_SOURCES = %D%/base.c
tests_plugins_base_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
tests_plugins_base_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_base_la_LDFLAGS = $(LDFLAGS_TEST_PLUGIN)

check_LTLIBRARIES += %D%/crash.la
tests_plugins_crash_la_SOURCES = %D%/crash.c
tests_plugins_crash_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
tests_plugins_crash_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_crash_la_LDFLAGS = $(LDFLAGS_TEST_PLUGIN)

check_LTLIBRARIES += %D%/given.la
tests_plugins_given_la_SOURCES = %D%/given.c
tests_plugins_given_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
tests_plugins_given_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_given_la_LDFLAGS = $(LDFLAGS_TEST_PLUGIN)

check_LTLIBRARIES += %D%/hang.la
tests_plugins_hang_la_SOURCES = %D%/hang.c
tests_plugins_hang_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
tests_plugins_hang_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_hang_la_LDFLAGS = $(LDFLAGS_TEST_PLUGIN)

check_LTLIBRARIES += %D%/hostile.la
tests_plugins_hostile_la_SOURCES = %D%/hostile.c
tests_plugins_hostile_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
tests_plugins_hostile_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_hostile_la_LDFLAGS = $(LDFLAGS_TEST_PLUGIN)

check_LTLIBRARIES += %D%/leak.la
tests_plugins_leak_la_SOURCES = %D%/leak.c
tests_plugins_leak_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
tests_plugins_leak_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_leak_la_LDFLAGS = $(LDFLAGS_TEST_PLUGIN)

check_LTLIBRARIES += %D%/judge.la
tests_plugins_judge_la_SOURCES = %D%/judge.c
tests_plugins_judge_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
tests_plugins_judge_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_judge_la_LDFLAGS = $(LDFLAGS_TEST_PLUGIN)

check_LTLIBRARIES += %D%/params.la
tests_plugins_params_la_SOURCES = %D%/params.c
tests_plugins_params_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
tests_plugins_params_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_params_la_LDFLAGS = $(LDFLAGS_TEST_PLUGIN)

check_LTLIBRARIES += %D%/slow.la
tests_plugins_slow_la_SOURCES = %D%/slow.c
tests_plugins_slow_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
tests_plugins_slow_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_slow_la_LDFLAGS = $(LDFLAGS_TEST_PLUGIN)

check_LTLIBRARIES += %D%/source.la
tests_plugins_source_la_SOURCES = %D%/source.c
tests_plugins_source_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
tests_plugins_source_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_source_la_LDFLAGS = $(LDFLAGS_TEST_PLUGIN)

check_LTLIBRARIES += %D%/broken/bad-schema.la
tests_plugins_broken_bad_schema_la_SOURCES = %D%/broken/bad-schema.c
tests_plugins_broken_bad_schema_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
tests_plugins_broken_bad_schema_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_broken_bad_schema_la_LDFLAGS = $(LDFLAGS_TEST_PLUGIN)

check_LTLIBRARIES += %D%/broken/ctor.la
tests_plugins_broken_ctor_la_SOURCES = %D%/broken/ctor.c
tests_plugins_broken_ctor_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
tests_plugins_broken_ctor_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_broken_ctor_la_LDFLAGS = $(LDFLAGS_TEST_PLUGIN)

check_LTLIBRARIES += %D%/broken/duplicate.la
tests_plugins_broken_duplicate_la_SOURCES = %D%/broken/duplicate.c
tests_plugins_broken_duplicate_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
tests_plugins_broken_duplicate_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_broken_duplicate_la_LDFLAGS = $(LDFLAGS_TEST_PLUGIN)

check_LTLIBRARIES += %D%/broken/no-symbol.la
tests_plugins_broken_no_symbol_la_SOURCES = %D%/broken/no-symbol.c
tests_plugins_broken_no_symbol_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
tests_plugins_broken_no_symbol_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_broken_no_symbol_la_LDFLAGS = $(LDFLAGS_TEST_PLUGIN)

check_LTLIBRARIES += %D%/broken/wrong-abi.la
tests_plugins_broken_wrong_abi_la_SOURCES = %D%/broken/wrong-abi.c
tests_plugins_broken_wrong_abi_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
tests_plugins_broken_wrong_abi_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_broken_wrong_abi_la_LDFLAGS = $(LDFLAGS_TEST_PLUGIN)

check_LTLIBRARIES += %D%/broken/wrong-magic.la
tests_plugins_broken_wrong_magic_la_SOURCES = %D%/broken/wrong-magic.c
tests_plugins_broken_wrong_magic_la_CPPFLAGS = $(CPPFLAGS_PLUGIN)
tests_plugins_broken_wrong_magic_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_broken_wrong_magic_la_LDFLAGS = $(LDFLAGS_TEST_PLUGIN)

EXTRA_DIST += %D%/broken/broken.h %D%/broken/not-elf.so %D%/t
