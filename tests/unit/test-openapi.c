/* The description of the API says what is true: it has every route, every reference leads
 * somewhere, and what it says of requests is what the validator does. */
#include "config.h"

#include <stdlib.h>
#include <strings.h>

#include "common/mem.h"
#include "daemon/openapi.h"
#include "daemon/routes.h"
#include "tap.h"

static json_object *doc; /* the document */
static const char *tag;  /* the variant wanted of unions that have it */

/* ------------------------------------------------------------------------------ references */

/* NULL when it leads nowhere. */
static json_object *
target(const char *ref)
{
    if (strncmp(ref, "#/", 2) != 0)
        return NULL;
    CLEANUP_FREE char *path = xstrdup(ref + 2);
    json_object *o = doc;
    for (char *save, *part = strtok_r(path, "/", &save); part != NULL;
         part = strtok_r(NULL, "/", &save))
        o = json_get(o, part);
    return o;
}

static size_t
count_refs(json_object *o, bool *ret_dangling)
{
    size_t n = 0;
    if (json_object_is_type(o, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(o); i++)
            n += count_refs(json_object_array_get_idx(o, i), ret_dangling);
    } else if (json_object_is_type(o, json_type_object)) {
        json_object_object_foreach(o, key, value) {
            if (strcmp(key, "$ref") == 0) {
                n++;
                if (target(json_object_get_string(value)) == NULL) {
                    diag("nothing at %s", json_object_get_string(value));
                    *ret_dangling = true;
                }
            }
            n += count_refs(value, ret_dangling);
        }
    }
    return n;
}

static json_object *
followed(json_object *schema)
{
    const char *ref = json_get_str(schema, "$ref", NULL);
    return ref != NULL ? followed(target(ref)) : schema;
}

/* ----------------------------------------------------------------------------------- routes */

static json_object *
operation_of(const struct route *r, enum level level)
{
    CLEANUP_TEXT struct text path = TEXT_INIT;
    text_puts(&path, level_prefix(level));
    for (const char *p = r->path; *p != '\0'; p++) {
        if (strncmp(p, ":path}", 6) == 0)
            p += 5;
        text_putc(&path, *p);
    }
    char method[8] = "";
    for (size_t i = 0; r->method[i] != '\0'; i++)
        method[i] = (char)(r->method[i] | 0x20);
    return json_get(json_get(json_get(doc, "paths"), path.ptr), method);
}

static void
test_routes(void)
{
    static const enum level levels[] = { LEVEL_V1, LEVEL_V1ALPHA, LEVEL_V1BETA, LEVEL_NONE };
    CLEANUP_JSON json_object *ids = json_object_new_object();
    size_t n = 0, described = 0;
    const struct route *r;
    for (size_t i = 0; (r = routes_at(i)) != NULL; i++)
        for (size_t k = 0; k < ARRAY_LEN(levels); k++) {
            if (!(r->levels & levels[k]))
                continue;
            json_object *o = operation_of(r, levels[k]);
            n++;
            ok(o != NULL, "described: %s %s%s", r->method, level_prefix(levels[k]), r->path);
            ok(json_get_bool(o, "deprecated", false) == ((r->deprecated & levels[k]) != 0),
               "  as deprecated as it is");
            ok((json_get(o, "requestBody") != NULL) == (r->body != NULL), "  and its body");
            const char *id = json_get_str(o, "operationId", "");
            ok(id[0] != '\0' && !json_has(ids, id), "  under a name of its own: %s", id);
            json_add(ids, id, NULL);
        }
    json_object_object_foreach(json_get(doc, "paths"), path, item) {
        (void)path;
        described += (size_t)json_object_object_length(item);
    }
    is_int((long long)described, (long long)n, "nothing else is described");
}

/* --------------------------------------------------------------------------------- examples */

static json_object *
chosen(json_object *list)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *one = followed(json_object_array_get_idx(list, i));
        json_object *type = json_get(json_get(one, "properties"), "type");
        if (strcmp(json_get_str(type, "const", ""), tag) == 0)
            return one;
    }
    return followed(json_object_array_get_idx(list, 0));
}

/* The schema itself, or the one of its alternatives that the example takes. */
static json_object *
taken(json_object *schema)
{
    schema = followed(schema);
    json_object *list = json_get(schema, "anyOf");
    list = list != NULL ? list : json_get(schema, "oneOf");
    return list != NULL ? taken(chosen(list)) : schema;
}

/* A value with every member. */
static json_object *
example(json_object *schema)
{
    json_object *given = json_get(schema, "default");
    if (given != NULL && !json_object_is_type(given, json_type_object))
        return json_copy(given);
    schema = taken(schema);
    json_object *word = json_get(schema, "const");
    if (word == NULL && json_has(schema, "enum"))
        word = json_object_array_get_idx(json_get(schema, "enum"), 0);
    if (word != NULL)
        return json_copy(word);
    const char *type = json_get_str(schema, "type", "");
    if (strcmp(type, "string") == 0)
        return json_object_new_string("x");
    if (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0)
        return json_object_new_int64(1);
    if (strcmp(type, "boolean") == 0)
        return json_object_new_boolean(true);
    if (strcmp(type, "array") == 0) {
        json_object *list = json_object_new_array();
        json_object_array_add(list, example(json_get(schema, "items")));
        return list;
    }
    json_object *o = json_object_new_object();
    json_object *members = json_get(schema, "properties"), *any = NULL;
    if (members != NULL) {
        json_object_object_foreach(members, key, value)
            if (strcmp(key, "tool_prompt_format") != 0) /* stands twice, and must agree */
                json_add(o, key, example(value));
    } else if (json_object_is_type(any = json_get(schema, "additionalProperties"),
                                   json_type_object)) {
        json_add(o, "any", example(any));
    }
    return o;
}

/* What no type of the schema takes; NULL: there is no such thing. */
static json_object *
wrong(json_object *schema)
{
    const char *type = json_get_str(taken(schema), "type", "");
    if (type[0] == '\0')
        return NULL;
    if (strcmp(type, "string") == 0)
        return json_object_new_boolean(true);
    if (strcmp(type, "object") == 0)
        return json_object_new_boolean(false);
    return json_object_new_string("neither number nor list");
}

/* ------------------------------------------------------------------------------- validation */

static bool
names(json_object *errors, const char *key)
{
    for (size_t i = 0; i < json_object_array_length(errors); i++) {
        json_object *loc = json_get(json_object_array_get_idx(errors, i), "loc");
        for (size_t k = 0; k < json_object_array_length(loc); k++)
            if (strcmp(json_object_get_string(json_object_array_get_idx(loc, k)), key) == 0)
                return true;
    }
    return false;
}

/* Is the whole refused, with an error that names key (a tag is not named)?  NULL: is it
 * taken? */
static bool
as_it_should(const struct body_type *body, json_object *whole, const char *key)
{
    CLEANUP_FREE char *text = json_text(whole);
    CLEANUP_JSON json_object *errors = json_object_new_array();
    CLEANUP_JSON json_object *out = validate_body(body, str_z(text), errors);
    bool right = key == NULL ? out != NULL
                             : out == NULL && (strcmp(key, "type") == 0 || names(errors, key));
    if (!right) {
        CLEANUP_TEXT struct text said = TEXT_INIT;
        text_put(&said, "", 0);
        validate_put_message(&said, errors);
        diag("%s: %s: %s", key != NULL ? key : "taken", text, said.ptr);
    }
    return right;
}

static bool
is_required(json_object *schema, const char *key)
{
    json_object *list = json_get(schema, "required");
    for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++)
        if (strcmp(json_object_get_string(json_object_array_get_idx(list, i)), key) == 0)
            return true;
    return false;
}

/* at is a part of whole.  Each of its members in turn is left out, and is something else. */
static size_t
try_members(const struct body_type *body, json_object *whole, json_object *at,
            json_object *schema)
{
    size_t mistakes = 0;
    schema = taken(schema);
    if (json_object_is_type(at, json_type_array) && json_object_array_length(at) > 0)
        return try_members(body, whole, json_object_array_get_idx(at, 0),
                           json_get(schema, "items"));
    json_object *members = json_get(schema, "properties");
    if (members == NULL || !json_object_is_type(at, json_type_object))
        return 0;
    json_object_object_foreach(members, key, value) {
        json_object *kept = json_object_get(json_get(at, key)), *bad = wrong(value);
        json_object_object_del(at, key);
        mistakes += !as_it_should(body, whole, is_required(schema, key) ? key : NULL);
        if (bad != NULL) {
            json_add(at, key, bad);
            mistakes += !as_it_should(body, whole, key);
        }
        json_add(at, key, kept);
        mistakes += try_members(body, whole, kept, value);
    }
    return mistakes;
}

static void
test_bodies(void)
{
    static const char *const tags[] = { "greedy", "top_p", "top_k", "agent", "text", "basic",
                                        "regex_parser", "rows", "grammar" };
    const struct route *r;
    for (size_t i = 0; (r = routes_at(i)) != NULL; i++) {
        if (r->body == NULL)
            continue;
        enum level level = (enum level)(r->levels & ~r->deprecated);
        json_object *schema = json_get(operation_of(r, level), "requestBody");
        schema = json_get(json_get(json_get(schema, "content"), "application/json"), "schema");
        ok(schema != NULL, "%s %s: its body is described", r->method, r->path);
        schema = followed(schema);
        for (size_t k = 0; k < ARRAY_LEN(tags); k++) {
            tag = tags[k];
            CLEANUP_JSON json_object *whole = example(schema);
            ok(as_it_should(r->body, whole, NULL), "  with %s: what is described is taken", tag);
            is_int((long long)try_members(r->body, whole, whole, schema), 0,
                   "  what is missing, or of another type, is refused by name");
        }
    }
}

int
main(void)
{
    doc = openapi_document();
    bool dangling = false;
    size_t n = count_refs(doc, &dangling);
    ok(n > 100, "%zu references", n);
    ok(!dangling, "each leads somewhere");
    test_routes();
    test_bodies();
    json_object_put(doc);
    return tap_done();
}
