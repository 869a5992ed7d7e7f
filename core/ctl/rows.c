#include "config.h"

#include <string.h>

#include "common/mem.h"
#include "ctl/ctl.h"
#include "ctl/table.h"

#define PAGE         500
#define FUNCTIONS    16 /* columns of scores, the first ones */
#define ANSWER_CHARS 40

/* Heads: row, epoch, id, status, answer, a column for each function, error. */
struct rows_table {
    struct table *table;
    char *heads[6 + FUNCTIONS];
    char *functions[FUNCTIONS];
    size_t n_functions;
};

/* The functions are those of the first row: all have the same. */
static void
begin_table(struct rows_table *t, json_object *row)
{
    static const char *const first[] = { ">row", ">epoch", "id", "status", "answer" };
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(first); i++)
        t->heads[n++] = xstrdup(first[i]);
    json_object *scores = json_get(row, "scores");
    if (scores != NULL) {
        json_object_object_foreach(scores, function, score) {
            (void)score;
            if (t->n_functions == FUNCTIONS)
                break;
            t->functions[t->n_functions++] = xstrdup(function);
            t->heads[n++] = xasprintf(">%s", function);
        }
    }
    t->heads[n++] = xstrdup("error");
    t->table = table_new((const char *const *)t->heads, n);
}

static void
end_table(struct rows_table *t)
{
    table_free(t->table);
    for (size_t i = 0; i < ARRAY_LEN(t->heads); i++)
        free(t->heads[i]);
    for (size_t i = 0; i < ARRAY_LEN(t->functions); i++)
        free(t->functions[i]);
}

/* A string as it is, else its JSON; "-" for null.  Cut where it is long. */
static void
add_value(struct table *t, json_object *value)
{
    const char *text = value != NULL ? json_object_get_string(value) : "-";
    size_t n = strlen(text), cut = n;
    if (n > ANSWER_CHARS) {
        for (cut = ANSWER_CHARS; cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80;)
            cut--;
    }
    CLEANUP_FREE char *cell = xasprintf("%.*s%s", (int)cut, text, cut < n ? "..." : "");
    for (char *p = cell; *p != '\0'; p++)
        if (*p == '\n' || *p == '\t')
            *p = ' ';
    table_add(t, cell);
}

static void
add_row(struct rows_table *t, json_object *row)
{
    if (t->table == NULL)
        begin_table(t, row);
    table_addf(t->table, "%lld", (long long)json_get_int(row, "index", 0));
    table_addf(t->table, "%lld", (long long)json_get_int(row, "epoch", 0));
    add_value(t->table, json_get(row, "row_id"));
    table_add(t->table, json_get_str(row, "status", "?"));
    add_value(t->table, json_get(json_get(row, "generation"), "generated_answer"));
    for (size_t i = 0; i < t->n_functions; i++)
        add_value(t->table, json_get(json_get(json_get(row, "scores"), t->functions[i]),
                                     "score"));
    json_object *errors = json_get(row, "errors");
    json_object *error = json_object_is_type(errors, json_type_array)
                                 && json_object_array_length(errors) > 0
                             ? json_object_array_get_idx(errors, 0)
                             : NULL;
    table_add(t->table, json_get_str(error, "message", ""));
}

/* Page after page, each from where the last one ended. */
static int
print_table(const struct ctl *c, const char *path, const char *status)
{
    struct rows_table t = { .table = NULL };
    struct err err;
    int rc = CTL_OK;
    int64_t from = 0, left = c->limit;
    while (from >= 0 && left != 0 && !ctl_interrupted) {
        int64_t limit = left < 0 || left > PAGE ? PAGE : left;
        CLEANUP_FREE char *page_path =
            xasprintf("%s?from=%lld&limit=%lld%s%s", path, (long long)from, (long long)limit,
                      status != NULL ? "&status=" : "", status != NULL ? status : "");
        CLEANUP_JSON json_object *page = NULL;
        if (client_get_json(c->client, page_path, NULL, &page, &err) < 0) {
            rc = ctl_fail(c, &err);
            break;
        }
        json_object *data = json_get(page, "data");
        size_t n = json_object_is_type(data, json_type_array) ? json_object_array_length(data)
                                                              : 0;
        for (size_t i = 0; i < n; i++)
            add_row(&t, json_object_array_get_idx(data, i));
        left -= left > 0 ? limit : 0;
        from = json_get_int(page, "next", -1);
    }
    if (t.table != NULL && rc == CTL_OK)
        table_print(t.table, stdout);
    end_table(&t);
    return rc;
}

int
rows_command(const struct ctl *c, char **args)
{
    struct err err;
    CLEANUP_FREE char *path = job_path(c, args[0], "/rows", &err);
    if (path == NULL)
        return ctl_fail(c, &err);
    CLEANUP_FREE char *status = c->status != NULL ? client_escape(c->client, c->status) : NULL;
    if (!c->json)
        return print_table(c, path, status);
    CLEANUP_FREE char *whole =
        xasprintf("%s?limit=%lld%s%s", path, (long long)c->limit,
                  status != NULL ? "&status=" : "", status != NULL ? status : "");
    CLEANUP_TEXT struct text answer = TEXT_INIT;
    struct request rq = { .path = whole, .to = stdout };
    if (client_call(c->client, &rq, &answer, &err) < 0)
        return ctl_fail(c, &err);
    putchar('\n');
    return CTL_OK;
}
