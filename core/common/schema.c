#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "common/mem.h"
#include "common/schema.h"

/* Where in a document: a chain up to the root, spelled out only for an error. */
struct place {
    const struct place *up;
    const char *name; /* of the member; of the document at the root; NULL: an element */
    size_t index;
};

struct apply {
    enum schema_unknown unknown;
    struct err *err;
};

/* ------------------------------------------------------------------------------- errors */

static bool
is_plain_name(const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';
        bool inner = c > name && ((*c >= '0' && *c <= '9') || *c == '-');
        if (!letter && !inner)
            return false;
    }
    return name[0] != '\0';
}

/* params.rules[2]["odd name"].x */
static void
put_place(struct text *t, const struct place *at)
{
    if (at->up == NULL) {
        text_puts(t, at->name);
        return;
    }
    put_place(t, at->up);
    if (at->name == NULL) {
        text_putf(t, "[%zu]", at->index);
    } else if (is_plain_name(at->name)) {
        text_putc(t, '.');
        text_puts(t, at->name);
    } else {
        text_putc(t, '[');
        jtext_put_string(t, str_z(at->name));
        text_putc(t, ']');
    }
}

static int wrong(struct err *err, const struct place *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int
wrong(struct err *err, const struct place *at, const char *fmt, ...)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    put_place(&t, at);
    text_puts(&t, ": ");
    va_list ap;
    va_start(ap, fmt);
    text_vputf(&t, fmt, ap);
    va_end(ap);
    return err_set(err, ERR_INVALID, "%s", t.ptr);
}

/* The same with a name at the end, as JSON would escape it. */
static int
wrong_name(struct err *err, const struct place *at, const char *what, const char *name)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    jtext_put_string(&t, str_z(name));
    return wrong(err, at, "%s '%.*s'", what, (int)t.len - 2, t.ptr + 1);
}

/* The same with a value of the schema at the end. */
static int
wrong_limit(struct err *err, const struct place *at, const char *what, json_object *limit)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    json_put(&t, limit);
    return wrong(err, at, "%s %s", what, t.ptr);
}

/* ------------------------------------------------------------------------------- values */

static bool
is_number(json_object *o)
{
    return json_object_is_type(o, json_type_int) || json_object_is_type(o, json_type_double);
}

static double
number(json_object *o)
{
    if (json_object_is_type(o, json_type_double))
        return json_object_get_double(o);
    int64_t n = json_object_get_int64(o);
    return n < 0 ? (double)n : (double)json_object_get_uint64(o);
}

/* <0, 0, >0; exact between integers of 64 bits. */
static int
compare(json_object *a, json_object *b)
{
    if (json_object_is_type(a, json_type_int) && json_object_is_type(b, json_type_int)) {
        int64_t i = json_object_get_int64(a), j = json_object_get_int64(b);
        if (i < 0 || j < 0)
            return (i > j) - (i < j);
        uint64_t u = json_object_get_uint64(a), v = json_object_get_uint64(b);
        return (u > v) - (u < v);
    }
    double x = number(a), y = number(b);
    return (x > y) - (x < y);
}

static struct str
string(json_object *o)
{
    return (struct str){ json_object_get_string(o), (size_t)json_object_get_string_len(o) };
}

static int64_t
code_points(json_object *o)
{
    struct str s = string(o);
    int64_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    return n;
}

/* Equal as JSON Schema means it: 1 is 1.0, the order of members does not count. */
static bool
equal(json_object *a, json_object *b)
{
    if (is_number(a) && is_number(b))
        return compare(a, b) == 0;
    json_type type = json_object_get_type(a);
    if (type != json_object_get_type(b))
        return false;
    switch (type) {
    case json_type_boolean: return json_object_get_boolean(a) == json_object_get_boolean(b);
    case json_type_string: return str_eq(string(a), string(b));
    case json_type_array: {
        size_t n = json_object_array_length(a);
        if (n != json_object_array_length(b))
            return false;
        for (size_t i = 0; i < n; i++)
            if (!equal(json_object_array_get_idx(a, i), json_object_array_get_idx(b, i)))
                return false;
        return true;
    }
    case json_type_object: {
        if (json_object_object_length(a) != json_object_object_length(b))
            return false;
        json_object_object_foreach(a, key, member) {
            if (!json_has(b, key) || !equal(member, json_get(b, key)))
                return false;
        }
        return true;
    }
    default: return true;
    }
}

/* In the order of the bits of a type set. */
static const struct {
    const char *name, *phrase;
} types[] = {
    { "null", "null" },        { "boolean", "true or false" }, { "integer", "an integer" },
    { "number", "a number" },  { "string", "a string" },       { "array", "an array" },
    { "object", "an object" },
};
#define TYPES ARRAY_LEN(types)
#define TYPE_OBJECT (1u << (TYPES - 1))

static unsigned
type_named(json_object *name)
{
    if (json_object_is_type(name, json_type_string))
        for (unsigned i = 0; i < TYPES; i++)
            if (str_is(string(name), types[i].name))
                return 1u << i;
    return 0;
}

/* The types a schema admits; 0 when it does not say. */
static unsigned
type_set(json_object *schema)
{
    json_object *type = json_get(schema, "type");
    if (!json_object_is_type(type, json_type_array))
        return type_named(type);
    unsigned set = 0;
    for (size_t i = 0; i < json_object_array_length(type); i++)
        set |= type_named(json_object_array_get_idx(type, i));
    return set;
}

/* The types a value is of: an integer is a number, too. */
static unsigned
types_of(json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null: return 1u << 0;
    case json_type_boolean: return 1u << 1;
    case json_type_int: return 1u << 2 | 1u << 3;
    case json_type_double: {
        double d = json_object_get_double(value);
        return d == floor(d) ? 1u << 2 | 1u << 3 : 1u << 3;
    }
    case json_type_string: return 1u << 4;
    case json_type_array: return 1u << 5;
    case json_type_object: return TYPE_OBJECT;
    }
    return 0;
}

/* -------------------------------------------------------------------------------- apply */

static int apply_value(const struct apply *a, json_object *schema, json_object *value,
                       const struct place *at, bool top, json_object **ret);

static int
check_type(struct err *err, unsigned set, const struct place *at)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    for (unsigned i = 0; i < TYPES; i++)
        if (set & 1u << i) {
            text_puts(&t, t.len > 0 ? " or " : "");
            text_puts(&t, types[i].phrase);
        }
    return wrong(err, at, "must be %s", t.ptr);
}

static int
check_enum(const struct apply *a, json_object *choices, json_object *value,
           const struct place *at)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    for (size_t i = 0; i < json_object_array_length(choices); i++) {
        json_object *choice = json_object_array_get_idx(choices, i);
        if (equal(value, choice))
            return 0;
        text_puts(&t, t.len > 0 ? ", " : "");
        json_put(&t, choice);
    }
    return wrong(a->err, at, "must be one of %s", t.ptr);
}

static int
check_number(const struct apply *a, json_object *schema, json_object *value,
             const struct place *at)
{
    if (!isfinite(number(value)))
        return wrong(a->err, at, "must be a finite number");
    json_object *limit = json_get(schema, "minimum");
    if (limit != NULL && compare(value, limit) < 0)
        return wrong_limit(a->err, at, "must be at least", limit);
    limit = json_get(schema, "exclusiveMinimum");
    if (limit != NULL && compare(value, limit) <= 0)
        return wrong_limit(a->err, at, "must be greater than", limit);
    limit = json_get(schema, "maximum");
    if (limit != NULL && compare(value, limit) > 0)
        return wrong_limit(a->err, at, "must be at most", limit);
    limit = json_get(schema, "exclusiveMaximum");
    if (limit != NULL && compare(value, limit) >= 0)
        return wrong_limit(a->err, at, "must be less than", limit);
    return 0;
}

static int
check_count(const struct apply *a, json_object *schema, const char *min_key,
            const char *max_key, int64_t n, const char *unit, const struct place *at)
{
    int64_t min = json_get_int(schema, min_key, 0);
    int64_t max = json_get_int(schema, max_key, INT64_MAX);
    if (n < min)
        return wrong(a->err, at, "must have at least %" PRId64 " %s%s", min, unit,
                     min == 1 ? "" : "s");
    if (n > max)
        return wrong(a->err, at, "must have at most %" PRId64 " %s%s", max, unit,
                     max == 1 ? "" : "s");
    return 0;
}

static int
apply_array(const struct apply *a, json_object *schema, json_object *value,
            const struct place *at, json_object **ret)
{
    size_t n = json_object_array_length(value);
    if (check_count(a, schema, "minItems", "maxItems", (int64_t)n, "item", at) < 0)
        return -1;
    json_object *items = json_get(schema, "items");
    if (items == NULL) {
        *ret = json_copy(value);
        return 0;
    }
    CLEANUP_JSON json_object *array = json_object_new_array();
    for (size_t i = 0; i < n; i++) {
        struct place here = { at, NULL, i };
        json_object *element = NULL;
        if (apply_value(a, items, json_object_array_get_idx(value, i), &here, false, &element)
            < 0)
            return -1;
        json_object_array_add(array, element);
    }
    *ret = json_object_get(array);
    return 0;
}

static int
apply_defaults(const struct apply *a, json_object *properties, const struct place *at,
               json_object *object)
{
    if (properties == NULL)
        return 0;
    json_object_object_foreach(properties, key, schema) {
        if (json_has(object, key) || !json_has(schema, "default"))
            continue;
        struct place here = { at, key, 0 };
        json_object *member = NULL;
        if (apply_value(a, schema, json_get(schema, "default"), &here, false, &member) < 0)
            return -1;
        json_add(object, key, member);
    }
    return 0;
}

static int
apply_object(const struct apply *a, json_object *schema, json_object *value,
             const struct place *at, bool top, json_object **ret)
{
    json_object *properties = json_get(schema, "properties");
    /* Inside, a schema that says nothing of members takes any. */
    bool closed = (top || properties != NULL || json_has(schema, "additionalProperties"))
               && !json_get_bool(schema, "additionalProperties", false);
    CLEANUP_JSON json_object *object = json_object_new_object();
    json_object_object_foreach(value, key, given) {
        struct place here = { at, key, 0 };
        json_object *member = NULL;
        if (json_has(properties, key)) {
            if (apply_value(a, json_get(properties, key), given, &here, false, &member) < 0)
                return -1;
        } else if (!closed) {
            member = json_copy(given);
        } else if (a->unknown == SCHEMA_IGNORE) {
            continue;
        } else {
            return wrong_name(a->err, at, "unknown member", key);
        }
        json_add(object, key, member);
    }
    if (apply_defaults(a, properties, at, object) < 0)
        return -1;
    json_object *required = json_get(schema, "required");
    for (size_t i = 0; required != NULL && i < json_object_array_length(required); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(required, i));
        struct place here = { at, name, 0 };
        if (!json_has(object, name))
            return wrong(a->err, &here, "is required");
    }
    *ret = json_object_get(object);
    return 0;
}

static int
apply_value(const struct apply *a, json_object *schema, json_object *value,
            const struct place *at, bool top, json_object **ret)
{
    if (value != NULL && json_is_raw(value)) {
        CLEANUP_JSON json_object *tree = json_from_jval(jtext_value(json_raw(value)));
        return apply_value(a, schema, tree, at, top, ret);
    }
    unsigned set = top ? TYPE_OBJECT : type_set(schema);
    if (set != 0 && (set & types_of(value)) == 0)
        return check_type(a->err, set, at);
    if (json_has(schema, "const") && !equal(value, json_get(schema, "const")))
        return wrong_limit(a->err, at, "must be", json_get(schema, "const"));
    if (json_has(schema, "enum") && check_enum(a, json_get(schema, "enum"), value, at) < 0)
        return -1;
    if (is_number(value) && check_number(a, schema, value, at) < 0)
        return -1;
    if (json_object_is_type(value, json_type_string)
        && check_count(a, schema, "minLength", "maxLength", code_points(value), "character",
                       at) < 0)
        return -1;
    if (json_object_is_type(value, json_type_array))
        return apply_array(a, schema, value, at, ret);
    if (json_object_is_type(value, json_type_object))
        return apply_object(a, schema, value, at, top, ret);
    *ret = json_copy(value);
    return 0;
}

json_object *
schema_apply(json_object *schema, json_object *value, enum schema_unknown unknown,
             const char *where, struct err *err)
{
    struct apply a = { unknown, err };
    struct place root = { NULL, where, 0 };
    json_object *tree = NULL;
    return apply_value(&a, schema, value, &root, true, &tree) < 0 ? NULL : tree;
}

/* -------------------------------------------------------------------------------- check */

enum keyword { K_ANY, K_TYPE, K_ENUM, K_PROPERTIES, K_REQUIRED, K_BOOLEAN, K_SCHEMA, K_COUNT,
               K_NUMBER, K_TEXT };

static const struct {
    const char *name;
    enum keyword keyword;
} keywords[] = {
    { "type", K_TYPE },
    { "const", K_ANY },
    { "enum", K_ENUM },
    { "properties", K_PROPERTIES },
    { "required", K_REQUIRED },
    { "additionalProperties", K_BOOLEAN },
    { "items", K_SCHEMA },
    { "minItems", K_COUNT },
    { "maxItems", K_COUNT },
    { "minLength", K_COUNT },
    { "maxLength", K_COUNT },
    { "minimum", K_NUMBER },
    { "maximum", K_NUMBER },
    { "exclusiveMinimum", K_NUMBER },
    { "exclusiveMaximum", K_NUMBER },
    { "default", K_ANY },
    { "title", K_TEXT },
    { "description", K_TEXT },
    { "evald:model", K_BOOLEAN },
    { "evald:empty_is_default", K_BOOLEAN },
};

static int check_schema(json_object *schema, const struct place *at, bool top, struct err *err);

static int
check_types(json_object *type, const struct place *at, struct err *err)
{
    bool array = json_object_is_type(type, json_type_array);
    size_t n = array ? json_object_array_length(type) : 1;
    bool good = n > 0;
    for (size_t i = 0; i < n; i++)
        good = good && type_named(array ? json_object_array_get_idx(type, i) : type) != 0;
    return good ? 0
                : wrong(err, at,
                        "must be null, boolean, integer, number, string, array, object "
                        "or an array of these names");
}

static int
check_properties(json_object *properties, const struct place *at, struct err *err)
{
    if (!json_object_is_type(properties, json_type_object))
        return wrong(err, at, "must be an object");
    json_object_object_foreach(properties, key, schema) {
        struct place here = { at, key, 0 };
        if (check_schema(schema, &here, false, err) < 0)
            return -1;
    }
    return 0;
}

static int
check_required(json_object *schema, json_object *required, const struct place *at,
               struct err *err)
{
    if (!json_object_is_type(required, json_type_array))
        return wrong(err, at, "must be an array of member names");
    for (size_t i = 0; i < json_object_array_length(required); i++) {
        struct place here = { at, NULL, i };
        json_object *name = json_object_array_get_idx(required, i);
        if (!json_object_is_type(name, json_type_string))
            return wrong(err, &here, "must be a member name");
        if (!json_has(json_get(schema, "properties"), json_object_get_string(name))
            && !json_get_bool(schema, "additionalProperties", false))
            return wrong_name(err, &here, "properties does not declare",
                              json_object_get_string(name));
    }
    return 0;
}

static int
check_keyword(json_object *schema, enum keyword keyword, json_object *value,
              const struct place *at, struct err *err)
{
    switch (keyword) {
    case K_ANY: return 0;
    case K_TYPE: return check_types(value, at, err);
    case K_ENUM:
        if (!json_object_is_type(value, json_type_array)
            || json_object_array_length(value) == 0)
            return wrong(err, at, "must be an array with at least 1 item");
        return 0;
    case K_PROPERTIES: return check_properties(value, at, err);
    case K_REQUIRED: return check_required(schema, value, at, err);
    case K_BOOLEAN:
        if (!json_object_is_type(value, json_type_boolean))
            return wrong(err, at, "must be true or false");
        return 0;
    case K_SCHEMA: return check_schema(value, at, false, err);
    case K_COUNT:
        if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0
            || json_object_get_uint64(value) > INT64_MAX)
            return wrong(err, at, "must be an integer of at least 0");
        return 0;
    case K_NUMBER:
        if (!is_number(value) || !isfinite(number(value)))
            return wrong(err, at, "must be a number");
        return 0;
    case K_TEXT:
        if (!json_object_is_type(value, json_type_string))
            return wrong(err, at, "must be a string");
        return 0;
    }
    return 0;
}

static int
check_schema(json_object *schema, const struct place *at, bool top, struct err *err)
{
    if (!json_object_is_type(schema, json_type_object))
        return wrong(err, at, "must be a schema, an object");
    json_object_object_foreach(schema, key, value) {
        struct place here = { at, key, 0 };
        size_t i = 0;
        while (i < ARRAY_LEN(keywords) && strcmp(keywords[i].name, key) != 0)
            i++;
        if (i == ARRAY_LEN(keywords))
            return wrong_name(err, at, "unknown keyword", key);
        if (check_keyword(schema, keywords[i].keyword, value, &here, err) < 0)
            return -1;
    }
    struct place type = { at, "type", 0 };
    if (top && json_has(schema, "type") && type_set(schema) != TYPE_OBJECT)
        return wrong(err, &type, "must be \"object\" here");
    if (!json_has(schema, "default"))
        return 0;
    struct apply a = { SCHEMA_REFUSE, err };
    struct place here = { at, "default", 0 };
    CLEANUP_JSON json_object *filled = NULL;
    return apply_value(&a, schema, json_get(schema, "default"), &here, top, &filled);
}

int
schema_check(struct str text, struct err *err)
{
    CLEANUP_JSON json_object *schema = NULL;
    struct place root = { NULL, "schema", 0 };
    size_t at = 0;
    struct err why;
    if (json_parse(text, &schema, &at, &why) < 0)
        return wrong(err, &root, "%s at byte %zu", why.text, at);
    return check_schema(schema, &root, true, err);
}

/* ------------------------------------------------------------------------------- models */

struct each {
    schema_model_fn *fn;
    void *arg;
};

static int
say_model(const struct each *e, const struct place *at, json_object *value)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    put_place(&t, at);
    struct str where = text_str(&t); /* the root has no name: "", ".judge" */
    return e->fn(e->arg, where.ptr + (where.ptr[0] == '.'), json_object_get_string(value));
}

static int
each_model(const struct each *e, json_object *schema, json_object *value, const struct place *at)
{
    int rc = 0;
    if (json_object_is_type(value, json_type_string))
        return json_get_bool(schema, "evald:model", false) ? say_model(e, at, value) : 0;
    if (json_object_is_type(value, json_type_array)) {
        json_object *items = json_get(schema, "items");
        size_t n = items != NULL ? json_object_array_length(value) : 0;
        for (size_t i = 0; rc == 0 && i < n; i++) {
            struct place here = { at, NULL, i };
            rc = each_model(e, items, json_object_array_get_idx(value, i), &here);
        }
    } else if (json_object_is_type(value, json_type_object)) {
        json_object *properties = json_get(schema, "properties");
        json_object_object_foreach(value, key, member) {
            struct place here = { at, key, 0 };
            if (rc == 0 && json_has(properties, key))
                rc = each_model(e, json_get(properties, key), member, &here);
        }
    }
    return rc;
}

int
schema_each_model(json_object *schema, json_object *value, schema_model_fn *fn, void *arg)
{
    struct each e = { fn, arg };
    struct place root = { NULL, "", 0 };
    return each_model(&e, schema, value, &root);
}
