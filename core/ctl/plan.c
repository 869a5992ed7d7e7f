#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/io.h"
#include "common/mem.h"
#include "ctl/plan.h"

#define FILE_MAX ((size_t)1 << 30)

/* "FILE:LINE:COLUMN: " in front, from an offset into the file's text. */
static int
prefix_place(struct err *err, const char *path, const char *text, size_t at, size_t line)
{
    size_t column = 1;
    for (size_t i = 0; i < at; i++) {
        column++;
        if (text[i] == '\n') {
            line++;
            column = 1;
        }
    }
    return err_prefix(err, "%s:%zu:%zu", path, line, column);
}

static int
check_members(json_object *o, const char *where, const char *const *known, struct err *err)
{
    json_object_object_foreach(o, key, value) {
        (void)value;
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], key) != 0)
            i++;
        if (known[i] == NULL)
            return err_set(err, ERR_INVALID, "%s: unknown member \"%s\"", where, key);
    }
    return 0;
}

/* The member's text; NULL with an error when it is missing, empty or no string. */
static const char *
need_str(json_object *o, const char *where, const char *key, struct err *err)
{
    const char *value = json_get_str(o, key, NULL);
    if (value == NULL || *value == '\0')
        return ERR_NULL(err, ERR_INVALID, "%s.%s: a string is needed", where, key);
    return value;
}

/* name as it stands when absolute, else below the folder of the plan's file; free() it. */
static char *
beside(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    if (name[0] == '/' || slash == NULL)
        return xstrdup(name);
    return xasprintf("%.*s/%s", (int)(slash - path), path, name);
}

int
plan_put_jsonl(struct text *t, const char *file, size_t *ret_rows, struct err *err)
{
    size_t len;
    CLEANUP_FREE char *lines = io_read_file(AT_FDCWD, file, FILE_MAX, &len, err);
    if (lines == NULL)
        return -1;
    const char *p = lines, *end = lines + len;
    size_t rows = 0;
    for (size_t number = 1; p < end; number++) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        struct str line = { p, (size_t)((nl != NULL ? nl : end) - p) };
        p = nl != NULL ? nl + 1 : end;
        if (strspn(line.ptr, " \t\r") >= line.len)
            continue;
        struct jval row;
        size_t at = 0;
        if (jtext_check(line, &row, &at, err) < 0)
            return prefix_place(err, file, line.ptr, at, number);
        if (row.kind != J_OBJECT)
            return err_set(err, ERR_INVALID, "%s:%zu: a row must be a JSON object", file,
                           number);
        if (rows++ > 0)
            text_putc(t, ',');
        text_put_str(t, row.raw);
    }
    *ret_rows = rows;
    return 0;
}

/* The file:// URL of an absolute path; free() it. */
static char *
file_url(const char *path)
{
    struct text t = TEXT_INIT;
    text_puts(&t, "file://");
    for (; *path != '\0'; path++)
        if (isalnum((unsigned char)*path) || strchr("/-._~", *path) != NULL)
            text_putc(&t, *path);
        else
            text_putf(&t, "%%%02X", (unsigned char)*path);
    return text_take(&t);
}

/* "file:NAME" becomes an absolute file:// URI when NAME is relative; all else stays. */
static int
resolve_uri(json_object *source, const char *path, struct err *err)
{
    const char *uri = json_get_str(source, "uri", "");
    if (strncmp(uri, "file:", 5) != 0 || uri[5] == '/' || uri[5] == '\0')
        return 0;
    CLEANUP_FREE char *name = beside(path, uri + 5);
    char absolute[PATH_MAX];
    if (realpath(name, absolute) == NULL)
        return err_set(err, err_from_errno(errno), "dataset.source.uri: %s: %s", name,
                       strerror(errno));
    CLEANUP_FREE char *resolved = file_url(absolute);
    json_add_str(source, "uri", resolved);
    return 0;
}

static int
load_dataset(struct plan *p, const char *path, struct err *err)
{
    static const char *const known[] = { "dataset_id", "purpose", "source", "metadata", NULL };
    static const char *const file_known[] = { "type", "path", NULL };
    json_object *dataset = json_get(p->doc, "dataset");
    if (dataset == NULL)
        return 0;
    if (!json_object_is_type(dataset, json_type_object))
        return err_set(err, ERR_INVALID, "dataset: an object is needed");
    if (check_members(dataset, "dataset", known, err) < 0)
        return -1;
    const char *id = need_str(dataset, "dataset", "dataset_id", err);
    if (id == NULL)
        return -1;
    p->dataset_id = xstrdup(id);

    json_object *source = json_get(dataset, "source");
    if (strcmp(json_get_str(source, "type", ""), "file") != 0) {
        if (resolve_uri(source, path, err) < 0)
            return -1;
        p->dataset_body = json_text(dataset);
        return 0;
    }
    if (check_members(source, "dataset.source", file_known, err) < 0)
        return -1;
    const char *name = need_str(source, "dataset.source", "path", err);
    if (name == NULL)
        return -1;
    CLEANUP_FREE char *file = beside(path, name);
    CLEANUP_TEXT struct text rows = TEXT_INIT;
    text_puts(&rows, "{\"type\":\"rows\",\"rows\":[");
    size_t n;
    if (plan_put_jsonl(&rows, file, &n, err) < 0)
        return -1;
    text_puts(&rows, "]}");
    json_add(dataset, "source", json_new_raw(text_str(&rows)));
    p->dataset_body = json_text(dataset);
    return 0;
}

static int
load_benchmark(struct plan *p, struct err *err)
{
    static const char *const known[] = { "benchmark_id", "dataset_id", "scoring_functions",
                                         "metadata", "provider_id", "provider_benchmark_id",
                                         NULL };
    json_object *benchmark = json_get(p->doc, "benchmark");
    if (!json_object_is_type(benchmark, json_type_object))
        return err_set(err, ERR_INVALID, "benchmark: an object is needed");
    if (check_members(benchmark, "benchmark", known, err) < 0)
        return -1;
    const char *id = need_str(benchmark, "benchmark", "benchmark_id", err);
    if (id == NULL)
        return -1;
    p->benchmark_id = xstrdup(id);
    if (json_object_object_length(benchmark) == 1 && p->dataset_id == NULL)
        return 0;
    if (!json_has(benchmark, "dataset_id") && p->dataset_id != NULL)
        json_add_str(benchmark, "dataset_id", p->dataset_id);
    p->benchmark_body = json_text(benchmark);
    return 0;
}

static int
load_runs(struct plan *p, struct err *err)
{
    json_object *one = json_get(p->doc, "benchmark_config");
    if (one != NULL && json_has(p->doc, "runs"))
        return err_set(err, ERR_INVALID, "\"runs\" and \"benchmark_config\": one of them");
    p->runs = one != NULL ? json_object_new_array() : json_get(p->doc, "runs");
    if (one != NULL) {
        json_object_array_add(p->runs, json_object_get(one));
        json_add(p->doc, "runs", p->runs);
    }
    if (!json_object_is_type(p->runs, json_type_array)
        || json_object_array_length(p->runs) == 0)
        return err_set(err, ERR_INVALID,
                       "runs: an array of benchmark configurations is needed");
    for (size_t i = 0; i < json_object_array_length(p->runs); i++)
        if (!json_object_is_type(json_object_array_get_idx(p->runs, i), json_type_object))
            return err_set(err, ERR_INVALID, "runs.%zu: an object is needed", i);
    return 0;
}

static int
load_members(struct plan *p, const char *path, struct err *err)
{
    static const char *const known[] = { "benchmark", "dataset", "runs", "benchmark_config",
                                         NULL };
    if (check_members(p->doc, "the file", known, err) < 0 || load_dataset(p, path, err) < 0
        || load_benchmark(p, err) < 0)
        return -1;
    return load_runs(p, err);
}

int
plan_read_object(const char *path, json_object **ret, struct err *err)
{
    size_t len, at = 0;
    CLEANUP_FREE char *text = io_read_file(AT_FDCWD, path, FILE_MAX, &len, err);
    if (text == NULL)
        return -1;
    CLEANUP_JSON json_object *doc = NULL;
    if (json_parse((struct str){ text, len }, &doc, &at, err) < 0)
        return prefix_place(err, path, text, at, 1);
    if (!json_object_is_type(doc, json_type_object))
        return err_set(err, ERR_INVALID, "%s: a JSON object is needed", path);
    *ret = TAKE(doc);
    return 0;
}

int
plan_load(const char *path, struct plan *ret, struct err *err)
{
    struct plan p = { 0 };
    if (plan_read_object(path, &p.doc, err) < 0)
        return -1;
    if (load_members(&p, path, err) < 0) {
        plan_fini(&p);
        return err_prefix(err, "%s", path);
    }
    *ret = p;
    return 0;
}

void
plan_fini(struct plan *p)
{
    json_object_put(p->doc);
    free(p->dataset_id);
    free(p->dataset_body);
    free(p->benchmark_id);
    free(p->benchmark_body);
    *p = (struct plan){ 0 };
}

const char *
plan_candidate(const struct plan *p, size_t i, char *buf, size_t size)
{
    json_object *config = json_object_array_get_idx(p->runs, i);
    json_object *candidate = json_get(config, "eval_candidate");
    const char *model = json_get_str(candidate, "model", NULL);
    if (model != NULL)
        return model;
    model = json_get_str(json_get(candidate, "config"), "model", NULL);
    if (model == NULL)
        return "?";
    snprintf(buf, size, "agent:%s", model);
    return buf;
}
