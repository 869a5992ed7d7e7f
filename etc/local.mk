# The service, and what runs evald from the build tree.
#
# A package sets the directories that its system reads, for configure's prefix is not always
# there: make install systemdsystemunitdir=/lib/systemd/system ...
systemdsystemunitdir = $(prefix)/lib/systemd/system
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d

dist_doc_DATA += %D%/evald.conf
dist_systemdsystemunit_DATA = %D%/evald.socket
nodist_systemdsystemunit_DATA = %D%/evald.service
nodist_sysusers_DATA = %D%/sysusers.d/evald.conf
nodist_tmpfiles_DATA = %D%/tmpfiles.d/evald.conf
EXTRA_DIST += %D%/evald.service.in %D%/evald.sysusers.in %D%/evald.tmpfiles.in %D%/run.sh

etc_subst = $(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) -e 's|[@]sbindir@|$(sbindir)|g' \
	-e 's|[@]localstatedir@|$(localstatedir)|g'
%D%/evald.service: %D%/evald.service.in Makefile
	$(etc_subst) $(srcdir)/%D%/evald.service.in >$@
%D%/sysusers.d/evald.conf: %D%/evald.sysusers.in Makefile
	$(etc_subst) $(srcdir)/%D%/evald.sysusers.in >$@
%D%/tmpfiles.d/evald.conf: %D%/evald.tmpfiles.in Makefile
	$(etc_subst) $(srcdir)/%D%/evald.tmpfiles.in >$@
CLEANFILES += %D%/evald.service %D%/sysusers.d/evald.conf %D%/tmpfiles.d/evald.conf

# run CMD: evald or evalctl uninstalled.  libexec/ stands for the installed directory.
noinst_SCRIPTS = run
noinst_DATA = libexec/evald-runner libexec/evald-gateway
run: %D%/run.sh
	$(AM_V_GEN)rm -f $@ && cp $(srcdir)/%D%/run.sh $@ && chmod 755 $@
libexec/evald-runner: core/runner/evald-runner$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) libexec && rm -f $@ && $(LN_S) ../core/runner/evald-runner$(EXEEXT) $@
libexec/evald-gateway: core/gateway/evald-gateway$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) libexec && rm -f $@ && $(LN_S) ../core/gateway/evald-gateway$(EXEEXT) $@
CLEANFILES += run libexec/evald-runner libexec/evald-gateway
