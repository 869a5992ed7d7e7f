#include "config.h"

#include <stdlib.h>

#include "common/mem.h"
#include "ctl/ctl.h"
#include "ctl/table.h"

/* A number, or "-" for null. */
static void
add_number(struct table *t, json_object *v)
{
    if (v == NULL)
        table_add(t, "-");
    else
        table_addf(t, "%.4g", json_object_get_double(v));
}

static void
print_comparisons(json_object *answer)
{
    static const char *const heads[] = { "FUNCTION", ">PAIRS", ">BASELINE", ">CANDIDATE",
                                         ">DIFFERENCE", "95 %", ">P", "VERDICT" };
    struct table *t = table_new(heads, ARRAY_LEN(heads));
    json_object *all = json_get(answer, "comparisons");
    json_object_object_foreach(all, id, one)
    {
        json_object *ci = json_get(one, "ci95");
        table_add(t, id);
        table_addf(t, "%lld", (long long)json_get_int(one, "n_paired", 0));
        add_number(t, json_get(one, "mean_baseline"));
        add_number(t, json_get(one, "mean_candidate"));
        add_number(t, json_get(one, "difference"));
        if (json_object_is_type(ci, json_type_array) && json_object_array_length(ci) == 2)
            table_addf(t, "%.4g to %.4g",
                       json_object_get_double(json_object_array_get_idx(ci, 0)),
                       json_object_get_double(json_object_array_get_idx(ci, 1)));
        else
            table_add(t, "-");
        add_number(t, json_get(one, "p_t"));
        table_add(t, json_get_str(one, "verdict", "-"));
    }
    table_print(t, stdout);
    table_free(t);
}

int
compare_command(const struct ctl *c, char **args)
{
    struct err err;
    CLEANUP_JSON json_object *body = json_object_new_object(), *answer = NULL;
    json_add_str(body, "baseline", args[0]);
    json_add_str(body, "candidate", args[1]);
    if (args[2] != NULL) {
        json_object *list = json_object_new_array();
        for (size_t i = 2; args[i] != NULL; i++)
            json_object_array_add(list, json_object_new_string(args[i]));
        json_add(body, "scoring_functions", list);
    }
    CLEANUP_FREE char *text = json_text(body);
    CLEANUP_TEXT struct text got = TEXT_INIT;
    struct request rq = { .method = "POST", .path = "/v1alpha/eval/compare",
                          .body = str_z(text) };
    if (client_call(c->client, &rq, &got, &err) < 0
        || json_parse(text_str(&got), &answer, NULL, &err) < 0)
        return ctl_fail(c, &err);
    if (c->json)
        ctl_put_document(text_str(&got));
    else if (json_object_is_type(json_get(answer, "comparisons"), json_type_object))
        print_comparisons(answer);
    return CTL_OK;
}
