/* Any bytes as the body of every route, and as every query: either a tree, or at least one error
 * item with loc, msg and type.  A tree that was taken is taken again, and stays what it is. */
#include "config.h"

#include <assert.h>

#include "common/mem.h"
#include "daemon/routes.h"
#include "fuzz.h"

static void
check_items(json_object *errors)
{
    size_t n = json_object_array_length(errors);
    assert(n > 0);
    for (size_t i = 0; i < n; i++) {
        json_object *item = json_object_array_get_idx(errors, i), *loc = json_get(item, "loc");
        assert(json_object_is_type(loc, json_type_array));
        assert(json_object_array_length(loc) > 0);
        assert(json_get_str(item, "msg", "")[0] != '\0');
        assert(json_get_str(item, "type", "")[0] != '\0');
    }
    CLEANUP_TEXT struct text message = TEXT_INIT;
    validate_put_message(&message, errors);
    assert(message.len > 0);
}

/* The text of what a body became, or an empty one. */
static void
validate(const struct body_type *type, struct str body, struct text *ret)
{
    CLEANUP_JSON json_object *errors = json_object_new_array();
    CLEANUP_JSON json_object *out = validate_body(type, body, errors);
    if (out == NULL)
        check_items(errors);
    else
        assert(json_object_array_length(errors) == 0);
    if (out != NULL)
        json_put(ret, out);
}

static void
query(const struct field *fields, struct str text)
{
    CLEANUP_JSON json_object *errors = json_object_new_array();
    CLEANUP_JSON json_object *out = validate_query(fields, text, errors);
    if (out == NULL)
        check_items(errors);
    else
        assert(json_object_array_length(errors) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str input = { (const char *)data, size };
    const struct route *r;
    for (size_t i = 0; (r = routes_at(i)) != NULL; i++) {
        query(r->query, input);
        if (r->body == NULL || utf8_valid_prefix(input.ptr, input.len) < input.len)
            continue;
        CLEANUP_TEXT struct text once = TEXT_INIT, twice = TEXT_INIT;
        validate(r->body, input, &once);
        if (once.len == 0)
            continue;
        validate(r->body, text_str(&once), &twice);
        assert(str_eq(text_str(&once), text_str(&twice)));
    }
    return 0;
}
