#include "config.h"

#include <string.h>

#include "common/mem.h"
#include "ctl/ctl.h"
#include "ctl/plan.h"
#include "ctl/table.h"

/* Sends a body; the answer, if there is one, is printed with --json. */
static int
send_thing(const struct ctl *c, const char *method, const char *path, struct str body,
           struct text *answer)
{
    struct err err;
    struct request rq = { .method = method, .path = path, .body = body,
                          .patient = true };
    if (client_call(c->client, &rq, answer, &err) < 0)
        return ctl_fail(c, &err);
    if (c->json && answer->len > 0)
        ctl_put_document(text_str(answer));
    return CTL_OK;
}

/* ---- appending rows ---- */

int
append_command(const struct ctl *c, char **args)
{
    struct err err;
    size_t n;
    CLEANUP_TEXT struct text body = TEXT_INIT, answer = TEXT_INIT;
    text_puts(&body, "{\"rows\":[");
    if (plan_put_jsonl(&body, args[1], &n, &err) < 0)
        return ctl_fail(c, &err);
    text_puts(&body, "]}");
    CLEANUP_FREE char *id = client_escape(c->client, args[0]);
    CLEANUP_FREE char *path = xasprintf("/v1beta/datasetio/append-rows/%s", id);
    int status = send_thing(c, "POST", path, text_str(&body), &answer);
    if (status == CTL_OK && !c->json)
        printf("%zu rows appended to %s\n", n, args[0]);
    return status;
}

/* ---- scoring functions ---- */

static int
register_function(const struct ctl *c, const char *file)
{
    struct err err;
    CLEANUP_JSON json_object *doc = NULL;
    if (plan_read_object(file, &doc, &err) < 0)
        return ctl_fail(c, &err);
    CLEANUP_FREE char *body = json_text(doc);
    CLEANUP_TEXT struct text answer = TEXT_INIT;
    int status = send_thing(c, "POST", "/v1/scoring-functions", str_z(body), &answer);
    if (status == CTL_OK && !c->json) {
        fputs("function ", stdout);
        ctl_put_safe(stdout, json_get_str(doc, "scoring_fn_id", "?"));
        fputs(" registered\n", stdout);
    }
    return status;
}

static int
delete_function(const struct ctl *c, const char *name)
{
    CLEANUP_FREE char *id = client_escape(c->client, name);
    CLEANUP_FREE char *path = xasprintf("/v1/scoring-functions/%s", id);
    CLEANUP_TEXT struct text answer = TEXT_INIT;
    int status = send_thing(c, "DELETE", path, (struct str){ NULL, 0 }, &answer);
    if (status == CTL_OK && !c->json)
        printf("function %s deleted\n", name);
    return status;
}

int
function_command(const struct ctl *c, char **args)
{
    if (strcmp(args[0], "register") == 0)
        return register_function(c, args[1]);
    if (strcmp(args[0], "delete") == 0)
        return delete_function(c, args[1]);
    fprintf(stderr, "evalctl: function: unknown \"%s\"; see evalctl function --help\n", args[0]);
    return CTL_USAGE;
}

/* ---- scoring a data set ---- */

static char *
score_body(const struct ctl *c, char **args, struct err *err)
{
    CLEANUP_JSON json_object *params = NULL;
    if (c->params != NULL && plan_read_object(c->params, &params, err) < 0)
        return NULL;
    CLEANUP_JSON json_object *body = json_object_new_object();
    json_object *functions = json_object_new_object();
    for (size_t i = 1; args[i] != NULL; i++)
        json_add(functions, args[i], json_object_get(json_get(params, args[i])));
    json_add_str(body, "dataset_id", args[0]);
    json_add(body, "scoring_functions", functions);
    json_add_bool(body, "save_results_dataset", false);
    return json_text(body);
}

static void
add_value(struct table *t, const char *function, const char *aggregate, const char *key,
          json_object *value)
{
    table_add(t, function);
    table_add(t, aggregate);
    table_add(t, key);
    table_add(t, value != NULL ? json_object_get_string(value) : "-");
}

/* A line for each number that a function's aggregation gave, and for each category counted. */
static void
add_aggregates(struct table *t, const char *function, json_object *aggregated)
{
    if (!json_object_is_type(aggregated, json_type_object))
        return;
    json_object_object_foreach(aggregated, name, values) {
        if (!json_object_is_type(values, json_type_object))
            continue;
        json_object_object_foreach(values, key, value) {
            if (!json_object_is_type(value, json_type_object)) {
                add_value(t, function, name, key, value);
                continue;
            }
            json_object_object_foreach(value, category, count)
                add_value(t, function, name, category, count);
        }
    }
}

int
score_batch_command(const struct ctl *c, char **args)
{
    struct err err;
    CLEANUP_FREE char *body = score_body(c, args, &err);
    if (body == NULL)
        return ctl_fail(c, &err);
    CLEANUP_TEXT struct text answer = TEXT_INIT;
    int status = send_thing(c, "POST", "/v1/scoring/score-batch", str_z(body), &answer);
    if (status != CTL_OK || c->json)
        return status;
    /* As long as the data set: its text is walked, aggregates alone become trees. */
    struct jval whole, value;
    struct str key;
    if (jtext_check(text_str(&answer), &whole, NULL, &err) < 0) {
        err_prefix(&err, "evald's answer");
        return ctl_fail(c, &err);
    }
    static const char *const heads[] = { "scorer", "aggregate", "value of", ">value" };
    struct table *table = table_new(heads, ARRAY_LEN(heads));
    struct jiter it = jtext_iter(jtext_member(whole, STR("results")));
    while (jtext_next(&it, &key, &value)) {
        CLEANUP_TEXT struct text function = TEXT_INIT;
        jtext_decode(&function, key);
        CLEANUP_JSON json_object *aggregated =
            json_from_jval(jtext_member(value, STR("aggregated_results")));
        add_aggregates(table, function.ptr, aggregated);
    }
    table_print(table, stdout);
    table_free(table);
    return CTL_OK;
}
