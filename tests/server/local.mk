# The model server that tests and benchmarks talk to.
check_PROGRAMS += tests/model-server
tests_model_server_SOURCES = \
	%D%/answer.c %D%/answer.h \
	%D%/conn.c %D%/conn.h \
	%D%/counts.c %D%/counts.h \
	%D%/main.c \
	%D%/options.c %D%/options.h \
	%D%/reply.c %D%/reply.h \
	%D%/scan.c %D%/scan.h
tests_model_server_LDADD = $(COMMON_LIB) -lm
tests_model_server_LDFLAGS = $(LDFLAGS_PROGRAM)
MODEL_SERVER = tests/model-server
