/* check-rows - the shape of an example data set: check-rows FILE.jsonl
 *
 * Every line is a row with the members below and no others; ids and questions differ; the
 * choices hold the answer once; the messages are JSON text that asks the same question.
 * Prints how many rows there are. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/io.h"
#include "common/json.h"
#include "common/mem.h"

static const char *const members[] = { "id", "kind", "input_query", "expected_answer",
                                       "chat_completion_input", "choices", "generated_answer" };

static bool
same(json_object *a, json_object *b)
{
    return json_object_equal(a, b) != 0;
}

static const char *
check_choices(json_object *row)
{
    json_object *choices = json_get(row, "choices");
    size_t n = json_object_array_length(choices), right = 0;
    if (n < 2)
        return "fewer than two choices";
    for (size_t i = 0; i < n; i++) {
        json_object *choice = json_object_array_get_idx(choices, i);
        right += same(choice, json_get(row, "expected_answer"));
        for (size_t k = 0; k < i; k++)
            if (same(choice, json_object_array_get_idx(choices, k)))
                return "a choice is there twice";
    }
    return right == 1 ? NULL : "the answer is not among the choices";
}

static const char *
check_messages(json_object *row)
{
    CLEANUP_JSON json_object *messages = NULL;
    if (json_parse(json_get_slice(row, "chat_completion_input"), &messages, NULL, NULL) < 0
        || !json_object_is_type(messages, json_type_array)
        || json_object_array_length(messages) != 1)
        return "chat_completion_input is not the JSON text of one message";
    json_object *message = json_object_array_get_idx(messages, 0);
    if (strcmp(json_get_str(message, "role", ""), "user") != 0
        || !same(json_get(message, "content"), json_get(row, "input_query")))
        return "the message does not ask input_query";
    return NULL;
}

/* NULL: it is well; else what is wrong. */
static const char *
check_row(json_object *row)
{
    if (!json_object_is_type(row, json_type_object))
        return "no object";
    if (json_object_object_length(row) != (int)ARRAY_LEN(members))
        return "not seven members";
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        bool list = strcmp(members[i], "choices") == 0;
        if (!json_object_is_type(json_get(row, members[i]),
                                 list ? json_type_array : json_type_string))
            return members[i];
        if (!list && json_get_slice(row, members[i]).len == 0)
            return members[i];
    }
    const char *why = check_choices(row);
    return why != NULL ? why : check_messages(row);
}

int
main(int argc, char **argv)
{
    struct err err;
    size_t len, n = 0, bad = 0;
    CLEANUP_FREE char *text =
        argc == 2 ? io_read_file(AT_FDCWD, argv[1], 64u << 20, &len, &err) : NULL;
    if (text == NULL) {
        fprintf(stderr, "check-rows: %s\n", argc == 2 ? err.text : "a file is needed");
        return 2;
    }
    CLEANUP_JSON json_object *seen = json_object_new_object();
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && (*line != '\0' || rest != NULL);) {
        CLEANUP_JSON json_object *row = NULL;
        n++;
        const char *why =
            json_parse(str_z(line), &row, NULL, NULL) < 0 ? "no JSON" : check_row(row);
        for (size_t i = 0; why == NULL && i < 3; i += 2) {
            CLEANUP_FREE char *key =
                xasprintf("%s %s", members[i], json_get_str(row, members[i], ""));
            if (json_has(seen, key))
                why = "id or question is there twice";
            json_add_bool(seen, key, true);
        }
        if (why != NULL) {
            printf("%s:%zu: %s\n", argv[1], n, why);
            bad++;
        }
    }
    printf("%zu rows\n", n);
    return bad > 0;
}
