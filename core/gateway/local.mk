evaldlibexec_PROGRAMS += %D%/evald-gateway
%C%_evald_gateway_SOURCES = \
	%D%/control.c %D%/control.h \
	%D%/endpoint.c %D%/endpoint.h \
	%D%/exchange.c %D%/exchange.h \
	%D%/fetch.c %D%/fetch.h \
	%D%/headers.c %D%/headers.h \
	%D%/limiter.c %D%/limiter.h \
	%D%/main.c \
	%D%/retry.c %D%/retry.h \
	%D%/runner.c %D%/runner.h \
	%D%/site.c %D%/site.h \
	%D%/wire.c %D%/wire.h
%C%_evald_gateway_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS) $(NETTLE_CFLAGS)
%C%_evald_gateway_LDADD = $(COMMON_LIB) $(CURL_LIBS) $(NETTLE_LIBS) $(EV_LIBS) -lm
%C%_evald_gateway_LDFLAGS = $(LDFLAGS_PROGRAM)
