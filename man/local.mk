dist_man_MANS += %D%/evald.8 %D%/evalctl.1 %D%/evald.conf.5 %D%/evald-api.7 \
	%D%/evald-conformance.7 %D%/evald-plugin.3
dist_check_SCRIPTS += tests/man.t
TESTS += tests/man.t
