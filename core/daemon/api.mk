API_SOURCES = \
	%D%/access.c %D%/access.h \
	%D%/api.c %D%/api.h \
	%D%/api_benchmarks.c \
	%D%/api_compare.c \
	%D%/api_control.c \
	%D%/api_datasets.c \
	%D%/api_eval.c \
	%D%/api_events.c \
	%D%/api_functions.c \
	%D%/api_inspect.c \
	%D%/api_jobs.c \
	%D%/api_models.c \
	%D%/api_rows.c \
	%D%/api_scoring.c \
	%D%/api_wait.c \
	%D%/conn.c \
	%D%/exchange.h \
	%D%/openapi.c %D%/openapi.h \
	%D%/operations.c %D%/operations.h \
	%D%/prefer.c %D%/prefer.h \
	%D%/request.c %D%/request.h \
	%D%/routes.c %D%/routes.h \
	%D%/server.c %D%/server.h %D%/server_impl.h \
	%D%/submit.c %D%/submit.h \
	%D%/types.c %D%/types.h \
	%D%/validate.c %D%/validate.h
