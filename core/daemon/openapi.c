#include "config.h"

#include <assert.h>
#include <stdio.h>

#include "common/mem.h"
#include "daemon/openapi.h"
#include "daemon/operations.h"
#include "daemon/routes.h"

/* Schemas of named types go here once, and are referred to. */
struct doc {
    json_object *schemas; /* borrowed: components.schemas */
};

/* What chose a variant: its member "type". */
struct tag {
    const char *word;
    bool optional; /* it can be guessed */
};

static json_object *schema_of(struct doc *d, const struct type *t, const struct tag *tag);

static json_object *
object_with(const char *key, json_object *value)
{
    json_object *o = json_object_new_object();
    json_add(o, key, value);
    return o;
}

static json_object *
reference(const char *kind, const char *name)
{
    CLEANUP_FREE char *path = xasprintf("#/components/%s/%s", kind, name);
    return object_with("$ref", json_object_new_string(path));
}

/* ---------------------------------------------------------------------------------- schemas */

/* 1 rather than 1.0 where it is one. */
static void
add_number(json_object *o, const char *key, double d)
{
    json_add(o, key, d == (double)(int64_t)d ? json_object_new_int64((int64_t)d)
                                             : json_new_double(d));
}

static void
add_bounds(json_object *o, const struct type *t)
{
    if (t->bounds & BOUND_GT)
        add_number(o, "exclusiveMinimum", t->gt);
    if (t->bounds & BOUND_GE)
        add_number(o, "minimum", t->ge);
    if (t->bounds & BOUND_LE)
        add_number(o, "maximum", t->le);
}

static void
add_lengths(json_object *o, const struct type *t, const char *least, const char *most)
{
    if (t->min_len > 0)
        json_add_int(o, least, (int64_t)t->min_len);
    if (t->max_len > 0)
        json_add_int(o, most, (int64_t)t->max_len);
}

static json_object *
or_null(json_object *schema)
{
    json_object *both = json_object_new_array();
    json_object_array_add(both, schema);
    json_object_array_add(both, object_with("type", json_object_new_string("null")));
    return object_with("anyOf", both);
}

static json_object *
words(const char *const *list)
{
    json_object *a = json_object_new_array();
    for (size_t i = 0; list[i] != NULL; i++)
        json_object_array_add(a, json_object_new_string(list[i]));
    return a;
}

static json_object *
with_default(json_object *schema, const struct field *f)
{
    if (f->otherwise == NULL)
        return schema;
    json_object *value = NULL;
    int rc = json_parse(str_z(f->otherwise), &value, NULL, NULL);
    assert(rc == 0);
    (void)rc;
    json_add(schema, "default", value);
    return schema;
}

static json_object *
field_schema(struct doc *d, const struct field *f)
{
    json_object *o = schema_of(d, f->type, NULL);
    if (f->nullable && f->type->kind != TYPE_ANY)
        o = or_null(o);
    return with_default(o, f);
}

static void
add_members(struct doc *d, json_object *o, const struct type *t, const struct tag *tag)
{
    json_object *members = json_object_new_object(), *required = json_object_new_array();
    if (tag != NULL) {
        json_object *type = object_with("type", json_object_new_string("string"));
        json_add_str(type, "const", tag->word);
        json_add(members, "type", type);
        if (!tag->optional)
            json_object_array_add(required, json_object_new_string("type"));
    }
    for (const struct field *f = t->fields; f->name != NULL; f++) {
        json_add(members, f->name, field_schema(d, f));
        if (f->required)
            json_object_array_add(required, json_object_new_string(f->name));
    }
    json_add(o, "properties", members);
    if (json_object_array_length(required) > 0)
        json_add(o, "required", required);
    else
        json_object_put(required);
}

static bool
has_fields(const struct variant *variants)
{
    for (const struct variant *v = variants; v->tag != NULL; v++)
        if (v->type->fields[0].name != NULL || v->type->name != NULL)
            return true;
    return false;
}

/* {"type": one of the tags} and no more. */
static void
add_bare_tags(json_object *o, const struct variant *variants)
{
    json_object *tags = json_object_new_array();
    for (const struct variant *v = variants; v->tag != NULL; v++)
        json_object_array_add(tags, json_object_new_string(v->tag));
    json_object *type = object_with("type", json_object_new_string("string"));
    json_add(type, "enum", tags);
    json_add_str(o, "type", "object");
    json_add(o, "properties", object_with("type", type));
    json_object *required = json_object_new_array();
    json_object_array_add(required, json_object_new_string("type"));
    json_add(o, "required", required);
}

/* A union whose tag may be guessed has no discriminator: it need not be there. */
static void
add_union(struct doc *d, json_object *o, const struct type *t)
{
    if (!has_fields(t->variants)) {
        add_bare_tags(o, t->variants);
        return;
    }
    json_object *list = json_object_new_array(), *mapping = json_object_new_object();
    for (const struct variant *v = t->variants; v->tag != NULL; v++) {
        struct tag tag = { v->tag, t->guesses != NULL };
        json_object *one = schema_of(d, v->type, &tag);
        json_object_array_add(list, one);
        json_add_str(mapping, v->tag, json_get_str(one, "$ref", ""));
    }
    json_add(o, t->guesses != NULL ? "anyOf" : "oneOf", list);
    if (t->guesses != NULL) {
        json_object_put(mapping);
        return;
    }
    json_object *by = object_with("propertyName", json_object_new_string("type"));
    json_add(by, "mapping", mapping);
    json_add(o, "discriminator", by);
}

static void
add_choice(struct doc *d, json_object *o, const struct type *t)
{
    json_object *list = json_object_new_array();
    for (const struct variant *v = t->variants; v->tag != NULL; v++)
        json_object_array_add(list, schema_of(d, v->type, NULL));
    json_add(o, "anyOf", list);
}

static json_object *
items_of(struct doc *d, const struct type *t)
{
    json_object *o = schema_of(d, t->of, NULL);
    return t->nullable_items ? or_null(o) : o;
}

static void
add_type(json_object *o, const char *name)
{
    json_add_str(o, "type", name);
}

static json_object *
make_schema(struct doc *d, const struct type *t, const struct tag *tag)
{
    json_object *o = json_object_new_object();
    switch (t->kind) {
    case TYPE_ANY: break;
    case TYPE_STRING:
    case TYPE_NAME:
        add_type(o, "string");
        add_lengths(o, t, "minLength", "maxLength");
        break;
    case TYPE_INT:
        add_type(o, "integer");
        add_bounds(o, t);
        break;
    case TYPE_NUMBER:
        add_type(o, "number");
        add_bounds(o, t);
        break;
    case TYPE_BOOL: add_type(o, "boolean"); break;
    case TYPE_ENUM:
    case TYPE_LITERAL:
        add_type(o, "string");
        json_add(o, "enum", words(t->words));
        break;
    case TYPE_DICT: add_type(o, "object"); break;
    case TYPE_ARRAY:
        add_type(o, "array");
        json_add(o, "items", items_of(d, t));
        add_lengths(o, t, "minItems", "maxItems");
        break;
    case TYPE_ROWS:
        add_type(o, "array");
        json_add(o, "items", object_with("type", json_object_new_string("object")));
        add_lengths(o, t, "minItems", "maxItems");
        break;
    case TYPE_MAP:
        add_type(o, "object");
        json_add(o, "additionalProperties", items_of(d, t));
        break;
    case TYPE_OBJECT:
        add_type(o, "object");
        add_members(d, o, t, tag);
        break;
    case TYPE_UNION: add_union(d, o, t); break;
    case TYPE_CHOICE: add_choice(d, o, t); break;
    }
    return o;
}

static json_object *
schema_of(struct doc *d, const struct type *t, const struct tag *tag)
{
    if (t->name == NULL)
        return make_schema(d, t, tag);
    if (!json_has(d->schemas, t->name)) {
        json_add(d->schemas, t->name, NULL); /* its place, before those it refers to */
        json_add(d->schemas, t->name, make_schema(d, t, tag));
    }
    return reference("schemas", t->name);
}

/* ---------------------------------------------------------------------------------- answers */

static const struct {
    unsigned status;
    const char *name, *what;
    bool once; /* x-should-retry: false comes with it */
} failures[] = {
    { 400, "Invalid", "The request is wrong, or names what is not there.", false },
    { 403, "Denied", "The caller may not do this.", false },
    { 404, "NotFound", "There is no such thing.", false },
    { 409, "Conflict", "Not in its present state.", true },
    { 413, "TooLarge", "The body is larger than evald takes.", false },
    { 429, "Busy", "A limit is reached.", true },
    { 500, "Internal", "A fault of evald or of a plugin.", true },
    { 501, "NotImplemented", "evald does not do this.", true },
    { 502, "Remote", "A model server failed.", true },
    { 503, "Unavailable", "evald is stopping, or a data set is still being fetched.", true },
    { 504, "Timeout", "A model server took too long.", true },
    { 507, "NoSpace", "The disk is full.", true },
};

static bool
may_answer(const struct route *r, unsigned status)
{
    switch (status) {
    case 404: return r->op->may & MAY_404;
    case 409: return r->op->may & MAY_409;
    case 413: return r->body != NULL;
    case 501: return r->op->may & MAY_501;
    case 502:
    case 504: return r->action == ACCESS_RUN;
    case 507: return r->action != ACCESS_READ;
    default: return true;
    }
}

static json_object *
content(const char *media_type, json_object *schema)
{
    return object_with(media_type, object_with("schema", schema));
}

static json_object *
described(const char *text)
{
    return object_with("description", json_object_new_string(text));
}

static json_object *
failure_components(struct doc *d)
{
    json_object *all = json_object_new_object();
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        json_object *o = described(failures[i].what);
        if (failures[i].once)
            json_add(o, "headers",
                     object_with("x-should-retry", reference("headers", "ShouldRetry")));
        json_add(o, "content", content("application/json", schema_of(d, &answer_error, NULL)));
        json_add(all, failures[i].name, o);
    }
    return all;
}

static json_object *
responses(struct doc *d, const struct route *r, enum level level)
{
    const struct operation *op = r->op;
    json_object *all = json_object_new_object();
    bool null = op->kind == ANSWER_NULL || (op->kind == ANSWER_DONE && level == LEVEL_V1);
    if (op->kind == ANSWER_JSON || null) {
        json_object *ok = described(null ? "Done." : "The answer.");
        json_object *schema = null ? object_with("type", json_object_new_string("null"))
                                   : schema_of(d, op->answer, NULL);
        json_add(ok, "content", content("application/json", schema));
        json_add(all, "200", ok);
    } else if (op->kind == ANSWER_EVENTS) {
        json_object *ok = described("Events, as long as the job goes on.");
        json_add(ok, "content", content("text/event-stream",
                                        object_with("type", json_object_new_string("string"))));
        json_add(all, "200", ok);
    } else {
        json_add(all, "204", described("Done."));
    }
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        char status[12];
        snprintf(status, sizeof status, "%u", failures[i].status);
        if (may_answer(r, failures[i].status))
            json_add(all, status, reference("responses", failures[i].name));
    }
    return all;
}

/* --------------------------------------------------------------------------------- requests */

static json_object *
parameter(const char *in, const char *name, bool required, json_object *schema)
{
    json_object *o = object_with("name", json_object_new_string(name));
    json_add_str(o, "in", in);
    json_add_bool(o, "required", required);
    json_add(o, "schema", schema);
    return o;
}

/* The path without converters, "{id:path}" as "{id}"; their parameters are added to list. */
static char *
path_of(const struct route *r, enum level level, json_object *list)
{
    struct text t = TEXT_INIT;
    text_puts(&t, level_prefix(level));
    for (const char *p = r->path; *p != '\0';) {
        if (*p != '{') {
            text_putc(&t, *p++);
            continue;
        }
        const char *end = strchr(p, '}');
        size_t len = strcspn(p + 1, ":}");
        bool rest = p[1 + len] == ':';
        text_putf(&t, "{%.*s}", (int)len, p + 1);
        CLEANUP_FREE char *name = xstrndup(p + 1, len);
        json_object *schema = object_with("type", json_object_new_string("string"));
        if (!rest)
            json_add_int(schema, "minLength", 1);
        json_object *o = parameter("path", name, true, schema);
        if (rest)
            json_add_str(o, "description", "May hold slashes, as they are or encoded.");
        json_object_array_add(list, o);
        p = end + 1;
    }
    return text_take(&t);
}

static const struct {
    unsigned heeds;
    const char *name, *header, *what;
} headers[] = {
    { HEEDS_PREFER, "Prefer", "Prefer",
      "respond-async: do not wait for the end; wait=N: not longer than N seconds." },
    { HEEDS_EXTENSIONS, "EvaldExtensions", "Evald-Extensions",
      "off: leave out what the Llama Stack API does not have." },
    { HEEDS_LAST_EVENT_ID, "LastEventID", "Last-Event-ID",
      "Begin behind the event with this id." },
    { HEEDS_KEY, "IdempotencyKey", "Idempotency-Key",
      "The same request with the same key again begins nothing new." },
};

static void
add_parameters(struct doc *d, const struct route *r, json_object *list)
{
    for (const struct field *f = r->query; f != NULL && f->name != NULL; f++)
        json_object_array_add(list, parameter("query", f->name, f->required,
                                              with_default(schema_of(d, f->type, NULL), f)));
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        if (r->op->heeds & headers[i].heeds)
            json_object_array_add(list, reference("parameters", headers[i].name));
}

static json_object *
parameter_components(void)
{
    json_object *all = json_object_new_object();
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        json_object *o = parameter("header", headers[i].header, false,
                                   object_with("type", json_object_new_string("string")));
        json_add_str(o, "description", headers[i].what);
        json_add(all, headers[i].name, o);
    }
    return all;
}

static json_object *
header_components(void)
{
    json_object *o = described("false: the same request again would do it twice, or do no good. "
                               "true: it helps, after the seconds of Retry-After.");
    json_add(o, "schema", object_with("type", json_object_new_string("string")));
    return object_with("ShouldRetry", o);
}

/* --------------------------------------------------------------------------------- document */

static bool
has_required(const struct type *t)
{
    for (const struct field *f = t->fields; f->name != NULL; f++)
        if (f->required)
            return true;
    return false;
}

/* The level that clients should use has the plain name. */
static void
add_id(json_object *o, const struct route *r, enum level level)
{
    bool admin = strncmp(r->path, "/admin/", 7) == 0;
    const char *mark = r->deprecated & level ? level_name(level) : "";
    CLEANUP_FREE char *id = xasprintf("%s%s%s%s", admin ? "admin_" : "", r->op->id,
                                      mark[0] != '\0' ? "_" : "", mark);
    json_add_str(o, "operationId", id);
}

static void
add_operation(struct doc *d, json_object *paths, const struct route *r, enum level level)
{
    json_object *list = json_object_new_array();
    CLEANUP_FREE char *path = path_of(r, level, list);
    json_object *o = json_object_new_object(), *tags = json_object_new_array();
    json_object_array_add(tags, json_object_new_string(r->api != NULL ? r->api : "inspect"));
    json_add(o, "tags", tags);
    json_add_str(o, "summary", r->op->summary);
    add_id(o, r, level);
    if (r->deprecated & level)
        json_add_bool(o, "deprecated", true);
    add_parameters(d, r, list);
    json_add(o, "parameters", list);
    if (r->body != NULL) {
        json_object *body = json_object_new_object();
        json_add_bool(body, "required", has_required(r->body->type));
        json_add(body, "content",
                 content("application/json", schema_of(d, r->body->type, NULL)));
        json_add(o, "requestBody", body);
    }
    json_add(o, "responses", responses(d, r, level));

    json_object *item = json_get(paths, path);
    if (item == NULL) {
        item = json_object_new_object();
        json_add(paths, path, item);
    }
    char method[8] = "";
    for (size_t i = 0; r->method[i] != '\0' && i + 1 < sizeof method; i++)
        method[i] = (char)(r->method[i] | 0x20);
    json_add(item, method, o);
}

static json_object *
info(void)
{
    json_object *o = object_with("title", json_object_new_string("evald"));
    json_add_str(o, "version", PACKAGE_VERSION);
    json_add_str(o, "description",
                 "The Llama Stack Eval API on a Unix domain socket; see evald-api(7).  "
                 "Members that a request has and its schema has not are ignored.  Numbers and "
                 "booleans may also come as text.  A path that is not here is a 404, another "
                 "method a 405 with Allow, a slash too many at the end a 307.");
    json_object *license = object_with("name", json_object_new_string("MIT"));
    json_add_str(license, "identifier", "MIT");
    json_add(o, "license", license);
    return o;
}

static json_object *
tags(void)
{
    static const char *const all[][2] = {
        { "eval", "Benchmarks and the evaluation of candidates." },
        { "scoring", "Scoring functions, and rows scored without a candidate." },
        { "datasetio", "Data sets and their rows." },
        { "inference", "Models." },
        { "inspect", "evald itself." },
    };
    json_object *list = json_object_new_array();
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        json_object *o = object_with("name", json_object_new_string(all[i][0]));
        json_add_str(o, "description", all[i][1]);
        json_object_array_add(list, o);
    }
    return list;
}

json_object *
openapi_document(void)
{
    static const enum level levels[] = { LEVEL_V1ALPHA, LEVEL_V1BETA, LEVEL_V1, LEVEL_NONE };
    json_object *schemas = json_object_new_object(), *paths = json_object_new_object();
    struct doc d = { schemas };
    const struct route *r;
    for (size_t i = 0; (r = routes_at(i)) != NULL; i++)
        for (size_t k = 0; k < ARRAY_LEN(levels); k++)
            if (r->levels & levels[k])
                add_operation(&d, paths, r, levels[k]);

    json_object *o = object_with("openapi", json_object_new_string("3.1.0"));
    json_add(o, "info", info());
    json_object *servers = json_object_new_array();
    json_object_array_add(servers, object_with("url", json_object_new_string("/")));
    json_add(o, "servers", servers);
    json_add(o, "security", json_object_new_array()); /* the kernel tells who calls */
    json_add(o, "tags", tags());
    json_add(o, "paths", paths);
    json_object *components = json_object_new_object();
    json_add(components, "responses", failure_components(&d));
    json_add(components, "parameters", parameter_components());
    json_add(components, "headers", header_components());
    json_add(components, "schemas", schemas);
    json_add(o, "components", components);
    return o;
}
