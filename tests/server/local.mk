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
# The server of data sets: documents, and the rows of a hub.
check_PROGRAMS += tests/data-server
tests_data_server_SOURCES = %D%/data.c
tests_data_server_LDADD = $(COMMON_LIB) -lm
tests_data_server_LDFLAGS = $(LDFLAGS_PROGRAM)
