#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "daemon/api.h"
#include "daemon/routes.h"
#include "daemon/types.h"

#define HEADER_MAX 2048 /* bytes of what a client sent, in a header of its answer */

enum {
    V1 = LEVEL_V1,
    EVAL = LEVEL_V1ALPHA | LEVEL_V1, /* v1 is the deprecated alias */
    DATA = LEVEL_V1BETA | LEVEL_V1,  /* so it is here */
    ALPHA = LEVEL_V1ALPHA,
};

#define BENCHMARK "/eval/benchmarks/{benchmark_id}"
#define JOB       BENCHMARK "/jobs/{job_id}"
#define FUNCTION  "/scoring-functions/{scoring_fn_id:path}"
#define DATASET   "{dataset_id:path}"

static const struct route table[] = {
    /* evaluation and benchmarks */
    { "GET", "/eval/benchmarks", EVAL, V1, api_list_benchmarks, ACCESS_READ, .api = "eval",
      .op = &op_list_benchmarks },
    { "POST", "/eval/benchmarks", EVAL, V1, api_register_benchmark, ACCESS_CHANGE,
      .body = &body_register_benchmark, .api = "eval", .op = &op_register_benchmark },
    { "GET", BENCHMARK, EVAL, V1, api_get_benchmark, ACCESS_READ, .api = "eval",
      .op = &op_get_benchmark },
    { "DELETE", BENCHMARK, EVAL, V1, api_delete_benchmark, ACCESS_CHANGE, .api = "eval",
      .op = &op_delete_benchmark },
    { "POST", BENCHMARK "/jobs", EVAL, V1, api_run_eval, ACCESS_RUN, .body = &body_run_eval,
      .api = "eval", .op = &op_run_eval },
    { "GET", BENCHMARK "/jobs", EVAL, V1, api_list_benchmark_jobs, ACCESS_READ,
      .query = query_jobs, .api = "eval", .op = &op_list_benchmark_jobs },
    { "POST", BENCHMARK "/evaluations", EVAL, V1, api_evaluate_rows, ACCESS_RUN,
      .body = &body_evaluate_rows, .api = "eval", .op = &op_evaluate_rows },
    { "GET", JOB, EVAL, V1, api_job_status, ACCESS_READ, .api = "eval",
      .op = &op_job_status },
    { "DELETE", JOB, EVAL, V1, api_job_cancel, ACCESS_RUN, .api = "eval",
      .op = &op_job_cancel },
    { "GET", JOB "/result", EVAL, V1, api_job_result, ACCESS_READ, .api = "eval",
      .op = &op_job_result },
    { "GET", JOB "/detail", EVAL, V1, api_job_detail, ACCESS_READ, .api = "eval",
      .op = &op_job_detail },
    { "GET", JOB "/rows", EVAL, V1, api_job_rows, ACCESS_READ, .query = query_job_rows,
      .api = "eval", .op = &op_job_rows },
    { "GET", JOB "/events", EVAL, V1, api_job_events, ACCESS_READ,
      .query = query_job_events, .api = "eval", .op = &op_job_events },
    { "POST", JOB "/retry", EVAL, V1, api_job_retry, ACCESS_RUN, .api = "eval",
      .op = &op_job_retry },
    { "POST", JOB "/rescore", EVAL, V1, api_job_rescore, ACCESS_RUN,
      .body = &body_rescore, .api = "eval", .op = &op_job_rescore },
    { "POST", JOB "/pause", EVAL, V1, api_job_pause, ACCESS_RUN, .api = "eval",
      .op = &op_job_pause },
    { "POST", JOB "/resume", EVAL, V1, api_job_resume, ACCESS_RUN, .api = "eval",
      .op = &op_job_resume },
    { "GET", "/eval/jobs", EVAL, V1, api_list_jobs, ACCESS_READ, .query = query_jobs,
      .api = "eval", .op = &op_list_jobs },
    { "POST", "/eval/compare", ALPHA, 0, api_compare, ACCESS_READ, .body = &body_compare,
      .api = "eval", .op = &op_compare },

    /* scoring */
    { "POST", "/scoring/score", V1, 0, api_score, ACCESS_RUN, .body = &body_score,
      .api = "scoring", .op = &op_score },
    { "POST", "/scoring/score-batch", V1, 0, api_score_batch, ACCESS_RUN,
      .body = &body_score_batch, .api = "scoring", .op = &op_score_batch },
    { "GET", "/scoring-functions", V1, 0, api_list_functions, ACCESS_READ, .api = "scoring",
      .op = &op_list_functions },
    { "POST", "/scoring-functions", V1, 0, api_register_function, ACCESS_CHANGE,
      .body = &body_register_function, .api = "scoring", .op = &op_register_function },
    { "GET", FUNCTION, V1, 0, api_get_function, ACCESS_READ, .api = "scoring",
      .op = &op_get_function },
    { "DELETE", FUNCTION, V1, 0, api_delete_function, ACCESS_CHANGE, .api = "scoring",
      .op = &op_delete_function },

    /* data sets */
    { "GET", "/datasets", DATA, V1, api_list_datasets, ACCESS_READ, .api = "datasetio",
      .op = &op_list_datasets },
    { "POST", "/datasets", DATA, V1, api_register_dataset, ACCESS_CHANGE,
      .body = &body_register_dataset, .api = "datasetio", .op = &op_register_dataset },
    { "GET", "/datasets/" DATASET, DATA, V1, api_get_dataset, ACCESS_READ,
      .api = "datasetio", .op = &op_get_dataset },
    { "DELETE", "/datasets/" DATASET, DATA, V1, api_delete_dataset, ACCESS_CHANGE,
      .api = "datasetio", .op = &op_delete_dataset },
    { "GET", "/datasetio/iterrows/" DATASET, DATA, V1, api_iterrows, ACCESS_READ,
      .query = query_iterrows, .api = "datasetio", .op = &op_iterrows },
    { "POST", "/datasetio/append-rows/" DATASET, DATA, V1, api_append_rows, ACCESS_CHANGE,
      .body = &body_append_rows, .api = "datasetio", .op = &op_append_rows },

    /* models, health, inspection */
    { "GET", "/models", V1, 0, api_list_models, ACCESS_READ, .api = "inference",
      .op = &op_list_models },
    { "POST", "/models", V1, 0, api_refuse_model, ACCESS_CHANGE, .api = "inference",
      .op = &op_register_model },
    { "GET", "/models/{model_id:path}", V1, 0, api_get_model, ACCESS_READ,
      .api = "inference", .op = &op_get_model },
    { "DELETE", "/models/{model_id:path}", V1, 0, api_refuse_model, ACCESS_CHANGE,
      .api = "inference", .op = &op_delete_model },
    { "GET", "/openai/v1/models", V1, 0, api_list_models, ACCESS_READ, .api = "inference",
      .op = &op_list_openai_models },
    { "GET", "/health", V1, 0, api_health, ACCESS_NOTHING, .op = &op_health },
    { "GET", "/version", V1, 0, api_version, ACCESS_READ, .op = &op_version },
    { "GET", "/inspect/routes", V1, 0, api_list_routes, ACCESS_READ,
      .query = query_api_filter, .op = &op_list_routes },
    { "GET", "/providers", V1, 0, api_list_providers, ACCESS_READ,
      .op = &op_list_providers },
    { "GET", "/providers/{provider_id}", V1, 0, api_get_provider, ACCESS_READ,
      .op = &op_get_provider },
    { "GET", "/admin/health", ALPHA, 0, api_health, ACCESS_NOTHING, .op = &op_health },
    { "GET", "/admin/version", ALPHA, 0, api_version, ACCESS_READ, .op = &op_version },
    { "GET", "/admin/inspect/routes", ALPHA, 0, api_list_routes, ACCESS_READ,
      .query = query_api_filter, .op = &op_list_routes },
    { "GET", "/admin/providers", ALPHA, 0, api_list_providers, ACCESS_READ,
      .op = &op_list_providers },
    { "GET", "/admin/providers/{provider_id}", ALPHA, 0, api_get_provider, ACCESS_READ,
      .api = NULL, .op = &op_get_provider },

    /* this API itself */
    { "GET", "/openapi.json", LEVEL_NONE, 0, api_openapi, ACCESS_READ, .op = &op_openapi },
};

const struct route *
routes_at(size_t i)
{
    return i < ARRAY_LEN(table) ? &table[i] : NULL;
}

static const struct {
    enum level level;
    const char *prefix;
} levels[] = {
    { LEVEL_V1, "/v1" }, { LEVEL_V1ALPHA, "/v1alpha" }, { LEVEL_V1BETA, "/v1beta" },
};

const char *
level_prefix(enum level level)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (levels[i].level == level)
            return levels[i].prefix;
    return "";
}

const char *
level_name(enum level level)
{
    const char *prefix = level_prefix(level);
    return prefix[0] != '\0' ? prefix + 1 : prefix;
}

/* -------------------------------------------------------------------------------- matching */

static void
free_params(char *params[REQUEST_PARAMS])
{
    for (size_t i = 0; i < REQUEST_PARAMS; i++) {
        free(params[i]);
        params[i] = NULL;
    }
}

/* Does path fit the template?  Its parameters are added to params. */
static bool
fits(const char *template, const char *path, char *params[REQUEST_PARAMS])
{
    size_t n = 0;
    while (*template != '\0') {
        if (*template != '{') {
            if (*template++ != *path++)
                return false;
            continue;
        }
        const char *end = strchr(template, '}');
        bool rest = strncmp(end - 5, ":path", 5) == 0;
        size_t len = rest ? strlen(path) : strcspn(path, "/");
        if (len == 0 && !rest)
            return false;
        params[n++] = xstrndup(path, len);
        path += len;
        template = end + 1;
    }
    return *path == '\0';
}

/* The first route that fits and is reached by method (NULL: by any). */
static const struct route *
look_up(const char *method, enum level level, const char *path, char *params[REQUEST_PARAMS])
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        /* No path begins with a parameter: one letter tells most of them apart. */
        if (!(table[i].levels & level) || table[i].path[1] != path[1]
            || (method != NULL && strcmp(method, table[i].method) != 0))
            continue;
        if (fits(table[i].path, path, params))
            return &table[i];
        free_params(params);
    }
    return NULL;
}

static enum level
split_level(const char *path, const char **ret_rest)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        size_t n = strlen(levels[i].prefix);
        if (strncmp(path, levels[i].prefix, n) == 0 && path[n] == '/') {
            *ret_rest = path + n;
            return levels[i].level;
        }
    }
    *ret_rest = path;
    return LEVEL_NONE;
}

static void
put_allowed(struct text *t, enum level level, const char *path)
{
    static const char *const methods[] = { "GET", "POST", "PUT", "DELETE" };
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        char *params[REQUEST_PARAMS] = { NULL };
        if (look_up(methods[i], level, path, params) != NULL)
            text_putf(t, "%s%s", t->len > 0 ? ", " : "", methods[i]);
        free_params(params);
    }
}

/* The reverse of routes_decode(), for Location and Link. */
static void
put_encoded(struct text *t, const char *path)
{
    for (; *path != '\0'; path++) {
        unsigned char c = (unsigned char)*path;
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
            || strchr("-._~/:@!$&'()*+,;=", c) != NULL)
            text_putc(t, (char)c);
        else
            text_putf(t, "%%%02X", c);
    }
}

enum routes_found
routes_find(const char *method, const char *path, struct routes_match *ret, struct text *more)
{
    struct routes_match m = { .route = NULL };
    const char *rest;
    text_clear(more);
    m.level = split_level(path, &rest);
    m.route = look_up(method, m.level, rest, m.params);
    if (m.route != NULL) {
        *ret = m;
        return ROUTES_FOUND;
    }
    put_allowed(more, m.level, rest);
    if (more->len > 0)
        return ROUTES_OTHER_METHODS;

    size_t n = strlen(path), cut = n;
    while (cut > 1 && path[cut - 1] == '/')
        cut--;
    if (cut == n)
        return ROUTES_NONE;
    CLEANUP_FREE char *shorter = xstrndup(path, cut);
    m.level = split_level(shorter, &rest);
    bool there = look_up(NULL, m.level, rest, m.params) != NULL;
    free_params(m.params);
    if (!there)
        return ROUTES_NONE;
    put_encoded(more, shorter);
    return ROUTES_REDIRECT;
}

/* -------------------------------------------------------------------------------- encoding */

static int
hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
routes_decode(struct str path, struct text *ret, struct err *err)
{
    text_clear(ret);
    for (size_t i = 0; i < path.len; i++) {
        int hi = -1, lo = -1;
        if (path.ptr[i] == '%' && path.len - i > 2) {
            hi = hex_digit(path.ptr[i + 1]);
            lo = hex_digit(path.ptr[i + 2]);
        }
        bool escape = hi >= 0 && lo >= 0;
        text_putc(ret, escape ? (char)(hi * 16 + lo) : path.ptr[i]);
        i += escape ? 2 : 0;
    }
    text_put(ret, "", 0);
    size_t good = utf8_valid_prefix(ret->ptr, ret->len);
    if (good < ret->len)
        return err_set(err, ERR_INVALID, "path: byte %zu is not UTF-8", good);
    if (strlen(ret->ptr) < ret->len)
        return err_set(err, ERR_INVALID, "path: byte %zu is a NUL", strlen(ret->ptr));
    return 0;
}

/* -------------------------------------------------------------------------------- dispatch */

/* Tells the log, once a route, and every client. */
static void
mark_deprecated(struct request *rq, const char *path)
{
    static bool told[ARRAY_LEN(table)];
    size_t i = (size_t)(rq->route - table);
    enum level next = (enum level)(rq->route->levels & ~rq->route->deprecated);
    if (!told[i])
        log_warning("%s %s%s is deprecated and may go away, use %s%s, see evald-api(7)",
                    rq->method, level_prefix(rq->level), rq->route->path, level_prefix(next),
                    rq->route->path);
    told[i] = true;

    CLEANUP_TEXT struct text link = TEXT_INIT;
    text_putf(&link, "<%s", level_prefix(next));
    put_encoded(&link, path + strlen(level_prefix(rq->level)));
    text_puts(&link, ">; rel=\"successor-version\"");
    request_put_header(rq, "Deprecation", "@1758844800"); /* 2025-09-26, RFC 9745 */
    if (link.len <= HEADER_MAX)
        request_put_header(rq, "Link", link.ptr);
}

static void
no_route(struct request *rq, enum routes_found found, const char *more, struct str query)
{
    if (found == ROUTES_OTHER_METHODS) {
        request_put_header(rq, "Allow", more);
        request_fail_text(rq, 405, "Method Not Allowed");
        return;
    }
    if (found == ROUTES_REDIRECT) {
        CLEANUP_TEXT struct text location = TEXT_INIT;
        text_puts(&location, more);
        if (query.len > 0) {
            text_putc(&location, '?');
            text_put_str(&location, query);
        }
        if (location.len <= HEADER_MAX) {
            request_put_header(rq, "Location", location.ptr);
            request_reply(rq, 307, NULL);
            return;
        }
    }
    request_fail_text(rq, 404, "Not Found");
}

/* Is everything that was sent as the route declares it?  Else the request was failed. */
static bool
check_input(struct request *rq, struct str query)
{
    if (rq->route->body == NULL && rq->route->query == NULL) {
        request_free_body(rq);
        return true;
    }
    size_t good = rq->route->body != NULL ? utf8_valid_prefix(rq->body.ptr, rq->body.len)
                                          : rq->body.len;
    if (good < rq->body.len) {
        char text[100];
        snprintf(text, sizeof text,
                 "There was an error parsing the body: byte %zu is not UTF-8", good);
        request_fail_text(rq, 400, text);
        return false;
    }
    json_object *errors = json_object_new_array();
    if (rq->route->query != NULL)
        rq->query = validate_query(rq->route->query, query, errors);
    if (rq->route->body != NULL)
        rq->in = validate_body(rq->route->body, rq->body, errors);
    if (json_object_array_length(errors) > 0) {
        request_fail_items(rq, errors);
        return false;
    }
    json_object_put(errors);
    request_free_body(rq);
    return true;
}

void
routes_dispatch(struct request *rq)
{
    struct str path = str_z(rq->target), query = { "", 0 };
    const char *mark = strchr(rq->target, '?');
    if (mark != NULL) {
        path.len = (size_t)(mark - path.ptr);
        query = str_z(mark + 1);
    }
    if (path.len > 7 && strncmp(path.ptr, "http://", 7) == 0) { /* the form for proxies */
        const char *slash = memchr(path.ptr + 7, '/', path.len - 7);
        path.len = slash != NULL ? path.len - (size_t)(slash - path.ptr) : 0;
        path.ptr = slash != NULL ? slash : "";
    }
    struct err err;
    CLEANUP_TEXT struct text decoded = TEXT_INIT, more = TEXT_INIT;
    if (routes_decode(path, &decoded, &err) < 0) {
        request_fail(rq, &err);
        return;
    }
    struct routes_match match;
    enum routes_found found = routes_find(rq->method, decoded.ptr, &match, &more);
    if (found != ROUTES_FOUND) {
        no_route(rq, found, more.ptr, query);
        return;
    }
    rq->route = match.route;
    rq->level = match.level;
    memcpy(rq->params, match.params, sizeof rq->params);
    if (rq->route->deprecated & rq->level)
        mark_deprecated(rq, decoded.ptr);
    rq->roles = access_roles(&rq->api->conf->access, request_peer(rq));
    if (access_check(rq, rq->route->action, &err) < 0) {
        request_fail(rq, &err);
        return;
    }
    if (check_input(rq, query))
        rq->route->handler(rq);
}
