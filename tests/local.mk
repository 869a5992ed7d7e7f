# TAP from everything: C programs (*.t, built), scripts (*.t, kept) and bats suites.
TEST_EXTENSIONS = .t .bats
TAP_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
T_LOG_DRIVER = $(TAP_DRIVER)
BATS_LOG_DRIVER = $(TAP_DRIVER)
BATS_LOG_COMPILER = $(SHELL) $(top_srcdir)/tests/bats.sh
AM_TESTS_ENVIRONMENT = srcdir='$(top_srcdir)' EVALD_SRCDIR='$(abs_top_srcdir)' \
	EVALD_BUILDDIR='$(abs_top_builddir)' EVALD_LIBEXECDIR='$(abs_top_builddir)/libexec' \
	BATS='$(BATS)' MANDOC='$(MANDOC)' CC='$(CC)' export srcdir EVALD_SRCDIR EVALD_BUILDDIR \
	EVALD_LIBEXECDIR BATS MANDOC CC;
EXTRA_DIST += %D%/bats.sh %D%/tap.h
dist_check_SCRIPTS += %D%/replay.t %D%/headers.t
TESTS += %D%/replay.t %D%/headers.t

include %D%/server/local.mk
include %D%/plugins/local.mk
include %D%/unit/local.mk
include %D%/cli/local.mk
include %D%/faults/local.mk
include %D%/api/local.mk
include %D%/conformance/local.mk
include %D%/fuzz/local.mk
