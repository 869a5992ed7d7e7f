#include "config.h"

#include <string.h>

#include "common/mem.h"
#include "ctl/ctl.h"
#include "ctl/table.h"

/* The value of a column of an element; onto t. */
typedef void cell_fn(struct text *t, json_object *element);

struct column {
    const char *head;
    const char *key; /* a string member, */
    cell_fn *cell;   /* or this */
};

/* One table for each list of the API: {"data":[...]}. */
static int
print_list(const struct ctl *c, const char *path, const struct column *columns,
           size_t n_columns)
{
    CLEANUP_TEXT struct text text = TEXT_INIT;
    CLEANUP_JSON json_object *doc = NULL;
    struct err err;
    if (client_get_json(c->client, path, &text, &doc, &err) < 0)
        return ctl_fail(c, &err);
    if (c->json) {
        ctl_put_document(text_str(&text));
        return CTL_OK;
    }
    CLEANUP_FREE const char **heads = xcalloc(n_columns, sizeof *heads);
    for (size_t i = 0; i < n_columns; i++)
        heads[i] = columns[i].head;
    struct table *table = table_new(heads, n_columns);
    json_object *data = json_get(doc, "data");
    size_t n = json_object_is_type(data, json_type_array) ? json_object_array_length(data) : 0;
    for (size_t i = 0; i < n; i++) {
        json_object *element = json_object_array_get_idx(data, i);
        for (size_t k = 0; k < n_columns; k++) {
            CLEANUP_TEXT struct text cell = TEXT_INIT;
            if (columns[k].cell != NULL)
                columns[k].cell(&cell, element);
            else
                text_puts(&cell, json_get_str(element, columns[k].key, "-"));
            table_add(table, cell.ptr != NULL ? cell.ptr : "");
        }
    }
    table_print(table, stdout);
    table_free(table);
    return CTL_OK;
}

/* A model that only the OpenAI-shaped list knows has "id" instead of "identifier". */
static void
put_id(struct text *t, json_object *element)
{
    text_puts(t, json_get_str(element, "identifier", json_get_str(element, "id", "-")));
}

static void
put_source(struct text *t, json_object *element)
{
    json_object *source = json_get(element, "source");
    json_object *rows = json_get(source, "rows");
    const char *uri = json_get_str(source, "uri", NULL);
    if (uri != NULL)
        text_puts(t, uri);
    else if (json_object_is_type(rows, json_type_array))
        text_putf(t, "%zu rows", json_object_array_length(rows));
    else
        text_puts(t, json_get_str(source, "type", "-"));
}

static void
put_scorers(struct text *t, json_object *element)
{
    json_object *functions = json_get(element, "scoring_functions");
    size_t n = json_object_is_type(functions, json_type_array)
                   ? json_object_array_length(functions) : 0;
    for (size_t i = 0; i < n; i++) {
        text_puts(t, i > 0 ? ", " : "");
        text_puts(t, json_object_get_string(json_object_array_get_idx(functions, i)));
    }
}

static void
put_return_type(struct text *t, json_object *element)
{
    text_puts(t, json_get_str(json_get(element, "return_type"), "type", "-"));
}

int
lists_models(const struct ctl *c, char **args)
{
    (void)args;
    static const struct column columns[] = {
        { "model", NULL, put_id },
        { "type", "model_type", NULL },
        { "provider", "provider_id", NULL },
    };
    return print_list(c, "/v1/models", columns, ARRAY_LEN(columns));
}

int
lists_datasets(const struct ctl *c, char **args)
{
    (void)args;
    static const struct column columns[] = {
        { "data set", "identifier", NULL },
        { "purpose", "purpose", NULL },
        { "source", NULL, put_source },
    };
    return print_list(c, "/v1beta/datasets", columns, ARRAY_LEN(columns));
}

int
lists_benchmarks(const struct ctl *c, char **args)
{
    (void)args;
    static const struct column columns[] = {
        { "benchmark", "identifier", NULL },
        { "data set", "dataset_id", NULL },
        { "scorers", NULL, put_scorers },
    };
    return print_list(c, "/v1alpha/eval/benchmarks", columns, ARRAY_LEN(columns));
}

int
lists_functions(const struct ctl *c, char **args)
{
    (void)args;
    static const struct column columns[] = {
        { "function", "identifier", NULL },
        { "provider", "provider_id", NULL },
        { "returns", NULL, put_return_type },
        { "description", "description", NULL },
    };
    return print_list(c, "/v1/scoring-functions", columns, ARRAY_LEN(columns));
}

/* A document with one member to show. */
static int
print_member(const struct ctl *c, const char *path, const char *key, const char *before)
{
    CLEANUP_TEXT struct text text = TEXT_INIT;
    CLEANUP_JSON json_object *doc = NULL;
    struct err err;
    if (client_get_json(c->client, path, &text, &doc, &err) < 0)
        return ctl_fail(c, &err);
    if (c->json) {
        ctl_put_document(text_str(&text));
        return CTL_OK;
    }
    fputs(before, stdout);
    ctl_put_safe(stdout, json_get_str(doc, key, "?"));
    putchar('\n');
    return CTL_OK;
}

int
lists_health(const struct ctl *c, char **args)
{
    (void)args;
    return print_member(c, "/v1/health", "status", "");
}

int
lists_version(const struct ctl *c, char **args)
{
    (void)args;
    if (!c->json)
        printf("evalctl %s\n", PACKAGE_VERSION);
    return print_member(c, "/v1/version", "version", "evald ");
}
