#include "config.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/rows.h"
#include "daemon/validate.h"

#define ITEMS_MAX 100 /* errors told of one request */
#define SHOWN_MAX 200 /* bytes of a name, or five times that of a text, in an error */
#define TREE_MAX  (32u << 20) /* bytes beyond the text, for what is not kept as text */

struct loc {
    const struct loc *parent;
    const char *key; /* NULL: index */
    size_t index;
};

struct errors {
    json_object *items; /* array, borrowed */
    size_t count;       /* also those that were not told any more */
};

/* ------------------------------------------------------------------------------- errors */

static json_object *
shown(const char *z, size_t max)
{
    size_t n = strnlen(z, max + 1);
    return json_new_str((struct str){ z, n <= max ? n : utf8_valid_prefix(z, max) });
}

static json_object *
loc_array(const struct loc *at)
{
    if (at == NULL)
        return json_object_new_array();
    json_object *a = loc_array(at->parent);
    json_object_array_add(a, at->key != NULL ? shown(at->key, SHOWN_MAX)
                                             : json_object_new_int64((int64_t)at->index));
    return a;
}

static void
add_item(struct errors *e, const struct loc *at, const char *type, const char *msg,
         const char *why)
{
    if (e->count++ >= ITEMS_MAX)
        return;
    json_object *item = json_object_new_object();
    json_add(item, "loc", loc_array(at));
    json_add(item, "msg", shown(msg, 5 * SHOWN_MAX));
    json_add_str(item, "type", type);
    if (why != NULL) {
        json_object *ctx = json_object_new_object();
        json_add_str(ctx, "error", why);
        json_add(item, "ctx", ctx);
    }
    json_object_array_add(e->items, item);
}

void
validate_error(struct errors *e, const struct loc *at, const char *type, const char *fmt, ...)
{
    CLEANUP_TEXT struct text msg = TEXT_INIT;
    va_list ap;
    va_start(ap, fmt);
    text_vputf(&msg, fmt, ap);
    va_end(ap);
    add_item(e, at, type, msg.ptr, NULL);
}

void
validate_put_message(struct text *t, json_object *errors)
{
    size_t n = json_object_array_length(errors);
    for (size_t i = 0; i < n; i++) {
        json_object *item = json_object_array_get_idx(errors, i), *loc = json_get(item, "loc");
        if (i > 0)
            text_puts(t, "; ");
        for (size_t k = 0; k < json_object_array_length(loc); k++) {
            if (k > 0)
                text_putc(t, '.');
            text_puts(t, json_object_get_string(json_object_array_get_idx(loc, k)));
        }
        text_puts(t, ": ");
        text_puts(t, json_get_str(item, "msg", ""));
    }
}

/* "'a', 'b' or 'c'"; with last NULL: "'a', 'b', 'c'". */
static void
put_words(struct text *t, const char *const *words, const char *last)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        if (i > 0)
            text_puts(t, last != NULL && words[i + 1] == NULL ? last : ", ");
        text_putf(t, "'%s'", words[i]);
    }
}

/* --------------------------------------------------------------------------------- leaves */

static json_object *check(const struct type *t, json_object *in, struct errors *e,
                          const struct loc *at);

static size_t
code_points(const char *p, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)p[i] & 0xc0) != 0x80;
    return count;
}

static struct str
string_of(json_object *o)
{
    return (struct str){ json_object_get_string(o), (size_t)json_object_get_string_len(o) };
}

static bool
is_string(json_object *o)
{
    return json_object_is_type(o, json_type_string) && !json_is_raw(o);
}

static json_object *
check_string(const struct type *t, json_object *in, struct errors *e, const struct loc *at)
{
    if (!is_string(in)) {
        validate_error(e, at, "string_type", "Input should be a valid string");
        return NULL;
    }
    struct str s = string_of(in);
    if (t->kind == TYPE_NAME && memchr(s.ptr, '\0', s.len) != NULL) {
        validate_error(e, at, "value_error", "Value error, a NUL character in a name");
        return NULL;
    }
    size_t n = t->min_len > 0 || t->max_len > 0 ? code_points(s.ptr, s.len) : 0;
    if (n < t->min_len) {
        validate_error(e, at, "string_too_short", "String should have at least %zu character%s",
                       t->min_len, t->min_len == 1 ? "" : "s");
        return NULL;
    }
    if (t->max_len > 0 && n > t->max_len) {
        validate_error(e, at, "string_too_long", "String should have at most %zu characters",
                       t->max_len);
        return NULL;
    }
    return json_object_get(in);
}

static bool
within_bounds(const struct type *t, double d, struct errors *e, const struct loc *at)
{
    if ((t->bounds & BOUND_GT) && !(d > t->gt))
        validate_error(e, at, "greater_than", "Input should be greater than %.15g", t->gt);
    else if ((t->bounds & BOUND_GE) && !(d >= t->ge))
        validate_error(e, at, "greater_than_equal",
                       "Input should be greater than or equal to %.15g", t->ge);
    else if ((t->bounds & BOUND_LE) && !(d <= t->le))
        validate_error(e, at, "less_than_equal", "Input should be less than or equal to %.15g",
                       t->le);
    else
        return true;
    return false;
}

static struct str
trim(struct str s)
{
    while (s.len > 0 && strchr(" \t\n\r\f\v", s.ptr[0]) != NULL && s.ptr[0] != '\0')
        s.ptr++, s.len--;
    while (s.len > 0 && strchr(" \t\n\r\f\v", s.ptr[s.len - 1]) != NULL
           && s.ptr[s.len - 1] != '\0')
        s.len--;
    return s;
}

enum number_text { TEXT_GOOD, TEXT_BAD, TEXT_TOO_LARGE };

/* [+-] digits, single underscores between digits, and a fraction of nothing but zeros. */
static enum number_text
int_from_text(struct str s, int64_t *ret)
{
    s = trim(s);
    bool negative = s.len > 0 && s.ptr[0] == '-', digit = false, large = false;
    size_t i = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+');
    int64_t n = 0;
    for (; i < s.len && s.ptr[i] != '.'; i++) {
        bool is_digit = s.ptr[i] >= '0' && s.ptr[i] <= '9';
        if (!is_digit && (s.ptr[i] != '_' || !digit || i + 1 == s.len))
            return TEXT_BAD;
        digit = is_digit;
        if (is_digit)
            large |= __builtin_mul_overflow(n, 10, &n)
                || __builtin_sub_overflow(n, s.ptr[i] - '0', &n);
    }
    if (!digit)
        return TEXT_BAD;
    for (size_t k = i + 1; k < s.len; k++)
        if (s.ptr[k] != '0')
            return TEXT_BAD;
    if (large || (!negative && n == INT64_MIN))
        return TEXT_TOO_LARGE;
    *ret = negative ? n : -n;
    return TEXT_GOOD;
}

static bool
number_from_text(struct str s, double *ret)
{
    s = trim(s);
    if (s.len == 0 || s.len > 400 || memchr(s.ptr, '\0', s.len) != NULL)
        return false;
    CLEANUP_FREE char *z = xstrndup(s.ptr, s.len);
    if (strpbrk(z, "xXpP") != NULL)
        return false;
    char *end;
    *ret = strtod(z, &end);
    return *end == '\0';
}

static bool
is_integer(json_object *in)
{
    return json_object_is_type(in, json_type_int);
}

/* An integer beyond 64 bits is a double that remembers its digits. */
static bool
is_big_integer(json_object *in)
{
    return json_object_is_type(in, json_type_double) && json_object_get_userdata(in) != NULL;
}

static json_object *
check_int(const struct type *t, json_object *in, struct errors *e, const struct loc *at)
{
    int64_t n = 0;
    bool large = false;
    if (json_object_is_type(in, json_type_boolean)) {
        n = json_object_get_boolean(in);
    } else if (is_integer(in)) {
        n = json_object_get_int64(in);
        large = n == INT64_MAX && json_object_get_uint64(in) > INT64_MAX;
    } else if (is_big_integer(in)) {
        large = true;
    } else if (json_object_is_type(in, json_type_double)) {
        double d = json_object_get_double(in);
        if (!isfinite(d))
            return validate_error(e, at, "finite_number", "Input should be a finite number"),
                   NULL;
        if (d != floor(d))
            return validate_error(e, at, "int_from_float", "Input should be a valid integer, "
                                  "got a number with a fractional part"), NULL;
        large = !(d >= -0x1p63 && d < 0x1p63);
        n = large ? 0 : (int64_t)d;
    } else if (is_string(in)) {
        enum number_text r = int_from_text(string_of(in), &n);
        if (r == TEXT_BAD)
            return validate_error(e, at, "int_parsing", "Input should be a valid integer, "
                                  "unable to parse string as an integer"), NULL;
        large = r == TEXT_TOO_LARGE;
    } else {
        return validate_error(e, at, "int_type", "Input should be a valid integer"), NULL;
    }
    if (large)
        return validate_error(e, at, "int_parsing_size", "Unable to parse input string as an "
                              "integer, exceeded maximum size"), NULL;
    if (!within_bounds(t, (double)n, e, at))
        return NULL;
    return json_object_new_int64(n);
}

static json_object *
check_number(const struct type *t, json_object *in, struct errors *e, const struct loc *at)
{
    double d;
    if (json_object_is_type(in, json_type_double)) {
        d = json_object_get_double(in);
    } else if (is_integer(in) || json_object_is_type(in, json_type_boolean)) {
        d = json_object_get_double(in);
    } else if (is_string(in)) {
        if (!number_from_text(string_of(in), &d))
            return validate_error(e, at, "float_parsing", "Input should be a valid number, "
                                  "unable to parse string as a number"), NULL;
    } else {
        return validate_error(e, at, "float_type", "Input should be a valid number"), NULL;
    }
    if (!isfinite(d))
        return validate_error(e, at, "finite_number", "Input should be a finite number"), NULL;
    if (!within_bounds(t, d, e, at))
        return NULL;
    return json_new_double(d);
}

static int
bool_from_text(struct str s)
{
    static const char *const yes[] = { "1", "true", "t", "yes", "y", "on" };
    static const char *const no[] = { "0", "false", "f", "no", "n", "off" };
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (strlen(yes[i]) == s.len && strncasecmp(yes[i], s.ptr, s.len) == 0)
            return 1;
        if (strlen(no[i]) == s.len && strncasecmp(no[i], s.ptr, s.len) == 0)
            return 0;
    }
    return -1;
}

static json_object *
check_bool(json_object *in, struct errors *e, const struct loc *at)
{
    int b = -1;
    switch (json_object_get_type(in)) {
    case json_type_boolean: return json_object_get(in);
    case json_type_int:
    case json_type_double: {
        double d = json_object_get_double(in);
        b = d == 0 ? 0 : d == 1 ? 1 : -1;
        break;
    }
    case json_type_string:
        b = json_is_raw(in) ? -2 : bool_from_text(string_of(in));
        break;
    default: b = -2;
    }
    if (b == -2)
        return validate_error(e, at, "bool_type", "Input should be a valid boolean"), NULL;
    if (b == -1)
        return validate_error(e, at, "bool_parsing", "Input should be a valid boolean, "
                              "unable to interpret input"), NULL;
    return json_object_new_boolean(b);
}

static json_object *
check_enum(const struct type *t, json_object *in, struct errors *e, const struct loc *at)
{
    if (is_string(in))
        for (size_t i = 0; t->words[i] != NULL; i++)
            if (str_is(string_of(in), t->words[i]))
                return json_object_get(in);
    CLEANUP_TEXT struct text m = TEXT_INIT;
    text_puts(&m, "Input should be ");
    put_words(&m, t->words, " or ");
    add_item(e, at, t->kind == TYPE_ENUM ? "enum" : "literal_error", m.ptr, NULL);
    return NULL;
}

/* ----------------------------------------------------------------------------- containers */

static bool
right_length(const struct type *t, size_t n, struct errors *e, const struct loc *at)
{
    if (n < t->min_len)
        return validate_error(e, at, "too_short", "List should have at least %zu item%s after "
                              "validation, not %zu", t->min_len, t->min_len == 1 ? "" : "s", n),
               false;
    if (t->max_len > 0 && n > t->max_len)
        return validate_error(e, at, "too_long", "List should have at most %zu item%s after "
                              "validation, not %zu", t->max_len, t->max_len == 1 ? "" : "s", n),
               false;
    return true;
}

static json_object *
check_array(const struct type *t, json_object *in, struct errors *e, const struct loc *at)
{
    if (!json_object_is_type(in, json_type_array))
        return validate_error(e, at, "list_type", "Input should be a valid list"), NULL;
    size_t n = json_object_array_length(in);
    if (!right_length(t, n, e, at))
        return NULL;
    json_object *out = json_object_new_array();
    for (size_t i = 0; i < n && e->count < ITEMS_MAX; i++) {
        struct loc here = { at, NULL, i };
        json_object *item = json_object_array_get_idx(in, i);
        json_object_array_add(out, item == NULL && t->nullable_items
                                       ? NULL : check(t->of, item, e, &here));
    }
    return out;
}

static json_object *
check_rows(const struct type *t, json_object *in, struct errors *e, const struct loc *at)
{
    if (!json_is_raw(in))
        return validate_error(e, at, "list_type", "Input should be a valid list"), NULL;
    struct jiter it = jtext_iter(jtext_value(json_raw(in)));
    struct jval row;
    size_t n = 0, before = e->count;
    for (; jtext_next(&it, NULL, &row) && e->count - before < ITEMS_MAX; n++) {
        struct loc here = { at, NULL, n };
        if (row.kind != J_OBJECT)
            validate_error(e, &here, "dict_type", "Input should be a valid dictionary");
        else if (row.raw.len > ROWS_ROW_MAX)
            validate_error(e, &here, "too_long", "Row should have at most %u bytes, not %zu",
                           ROWS_ROW_MAX, row.raw.len);
    }
    if (e->count != before || !right_length(t, n, e, at))
        return NULL;
    return json_object_get(in);
}

static json_object *
check_map(const struct type *t, json_object *in, struct errors *e, const struct loc *at)
{
    if (!json_object_is_type(in, json_type_object))
        return validate_error(e, at, "dict_type", "Input should be a valid dictionary"), NULL;
    json_object *out = json_object_new_object();
    json_object_object_foreach(in, key, value) {
        struct loc here = { at, key, 0 };
        json_add(out, key, value == NULL && t->nullable_items ? NULL
                                                              : check(t->of, value, e, &here));
    }
    return out;
}

static json_object *
default_value(const char *text)
{
    json_object *o = NULL;
    int rc = json_parse(str_z(text), &o, NULL, NULL);
    assert(rc == 0);
    return o;
}

static void
check_field(const struct field *f, json_object *in, json_object *out, struct errors *e,
            const struct loc *at)
{
    struct loc here = { at, f->name, 0 };
    json_object *value = json_get(in, f->name);
    if (!json_has(in, f->name)) {
        if (f->required)
            validate_error(e, &here, "missing", "Field required");
        else if (f->otherwise != NULL)
            json_add(out, f->name, default_value(f->otherwise));
        return;
    }
    if (value != NULL || !f->nullable)
        json_add(out, f->name, check(f->type, value, e, &here));
    else if (f->otherwise != NULL || f->required)
        json_add(out, f->name, NULL);
}

static void
check_fields(const struct type *t, json_object *in, json_object *out, struct errors *e,
             const struct loc *at)
{
    size_t before = e->count;
    if (t->open) {
        json_object_object_foreach(in, key, value) {
            if (!json_has(out, key))
                json_add(out, key, json_object_get(value));
        }
    }
    for (const struct field *f = t->fields; f->name != NULL; f++)
        check_field(f, in, out, e, at);
    if (t->check != NULL && e->count == before)
        t->check(out, e, at);
}

static bool
is_object(json_object *in, struct errors *e, const struct loc *at)
{
    if (json_object_is_type(in, json_type_object))
        return true;
    validate_error(e, at, "model_attributes_type",
                   "Input should be a valid dictionary or object to extract fields from");
    return false;
}

static json_object *
check_object(const struct type *t, json_object *in, struct errors *e, const struct loc *at)
{
    if (!is_object(in, e, at))
        return NULL;
    json_object *out = json_object_new_object();
    check_fields(t, in, out, e, at);
    return out;
}

static void
unknown_tag(const struct type *t, json_object *tag, struct errors *e, const struct loc *at)
{
    CLEANUP_TEXT struct text m = TEXT_INIT;
    text_puts(&m, "Input tag '");
    switch (json_object_get_type(tag)) {
    case json_type_null: text_puts(&m, "None"); break;
    case json_type_boolean:
        text_puts(&m, json_object_get_boolean(tag) ? "True" : "False");
        break;
    case json_type_string: text_puts(&m, json_object_get_string(tag)); break;
    default: json_put(&m, tag);
    }
    text_puts(&m, "' found using 'type' does not match any of the expected tags: ");
    for (const struct variant *v = t->variants; v->tag != NULL; v++)
        text_putf(&m, "%s'%s'", v == t->variants ? "" : ", ", v->tag);
    add_item(e, at, "union_tag_invalid", m.ptr, NULL);
}

static json_object *
check_union(const struct type *t, json_object *in, struct errors *e, const struct loc *at)
{
    if (!is_object(in, e, at))
        return NULL;
    json_object *tag = json_get(in, "type");
    const char *word = is_string(tag) ? json_object_get_string(tag) : NULL;
    if (!json_has(in, "type")) {
        for (const struct guess *g = t->guesses; g != NULL && g->member != NULL; g++)
            if (word == NULL && json_has(in, g->member))
                word = g->tag;
        if (word == NULL)
            return validate_error(e, at, "union_tag_not_found",
                                  "Unable to extract tag using discriminator 'type'"), NULL;
    }
    for (const struct variant *v = t->variants; word != NULL && v->tag != NULL; v++)
        if (strcmp(v->tag, word) == 0) {
            struct loc here = { at, v->tag, 0 };
            json_object *out = json_object_new_object();
            json_add_str(out, "type", v->tag);
            check_fields(v->type, in, out, e, &here);
            return out;
        }
    unknown_tag(t, tag, e, at);
    return NULL;
}

static json_object *
check_choice(const struct type *t, json_object *in, struct errors *e, const struct loc *at)
{
    for (const struct variant *v = t->variants; v->tag != NULL; v++) {
        struct errors trial = { json_object_new_array(), 0 };
        json_object *out = check(v->type, in, &trial, at);
        json_object_put(trial.items);
        if (trial.count == 0)
            return out;
        json_object_put(out);
    }
    for (const struct variant *v = t->variants; v->tag != NULL; v++) {
        struct loc here = { at, v->tag, 0 };
        json_object_put(check(v->type, in, e, &here));
    }
    return NULL;
}

static json_object *
check(const struct type *t, json_object *in, struct errors *e, const struct loc *at)
{
    switch (t->kind) {
    case TYPE_ANY: return json_object_get(in);
    case TYPE_STRING:
    case TYPE_NAME: return check_string(t, in, e, at);
    case TYPE_INT: return check_int(t, in, e, at);
    case TYPE_NUMBER: return check_number(t, in, e, at);
    case TYPE_BOOL: return check_bool(in, e, at);
    case TYPE_ENUM:
    case TYPE_LITERAL: return check_enum(t, in, e, at);
    case TYPE_DICT:
        if (json_object_is_type(in, json_type_object))
            return json_object_get(in);
        return validate_error(e, at, "dict_type", "Input should be a valid dictionary"), NULL;
    case TYPE_ARRAY: return check_array(t, in, e, at);
    case TYPE_MAP: return check_map(t, in, e, at);
    case TYPE_OBJECT: return check_object(t, in, e, at);
    case TYPE_UNION: return check_union(t, in, e, at);
    case TYPE_CHOICE: return check_choice(t, in, e, at);
    case TYPE_ROWS: return check_rows(t, in, e, at);
    }
    return NULL;
}

/* ----------------------------------------------------------------------- body and query */

static json_object *
checked(const struct type *t, json_object *in, json_object *errors, const char *where)
{
    struct errors e = { errors, 0 };
    struct loc at = { NULL, where, 0 };
    json_object *out = check(t, in, &e, &at);
    if (e.count == 0)
        return out;
    json_object_put(out);
    return NULL;
}

/* A body that is not there: each required field is missing. */
static json_object *
nothing_there(const struct type *t, json_object *errors)
{
    CLEANUP_JSON json_object *empty = json_object_new_object();
    return checked(t, empty, errors, "body");
}

json_object *
validate_body(const struct body_type *type, struct str body, json_object *errors)
{
    if (body.len >= 3 && memcmp(body.ptr, "\xef\xbb\xbf", 3) == 0) /* a byte order mark */
        body = (struct str){ body.ptr + 3, body.len - 3 };
    if (trim(body).len == 0)
        return nothing_there(type->type, errors);

    json_object *tree = NULL;
    size_t at = 0;
    struct err err;
    if (json_parse_raw(body, type->raw_paths, TREE_MAX, &tree, &at, &err) < 0) {
        struct errors e = { errors, 0 };
        struct loc whole = { NULL, "body", 0 };
        struct loc place = { &whole, NULL, code_points(body.ptr, at) };
        add_item(&e, &place, "json_invalid", "JSON decode error", err.text);
        return NULL;
    }
    if (tree == NULL)
        return nothing_there(type->type, errors);
    if (type->prepare != NULL)
        tree = type->prepare(tree);
    json_object *out = checked(type->type, tree, errors, "body");
    json_object_put(tree);
    return out;
}

static int
hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void
put_form_decoded(struct text *t, struct str s)
{
    CLEANUP_TEXT struct text raw = TEXT_INIT;
    for (size_t i = 0; i < s.len; i++) {
        int hi = -1, lo = -1;
        if (s.ptr[i] == '%' && s.len - i > 2) {
            hi = hex_digit(s.ptr[i + 1]);
            lo = hex_digit(s.ptr[i + 2]);
        }
        if (hi >= 0 && lo >= 0) {
            text_putc(&raw, (char)(hi * 16 + lo));
            i += 2;
        } else {
            text_putc(&raw, s.ptr[i] == '+' ? ' ' : s.ptr[i]);
        }
    }
    text_put_utf8(t, text_str(&raw));
}

json_object *
validate_query(const struct field *fields, struct str query, json_object *errors)
{
    static const struct field none[] = { { .name = NULL } };
    CLEANUP_JSON json_object *values = json_object_new_object();
    while (query.len > 0) {
        const char *amp = memchr(query.ptr, '&', query.len);
        struct str pair = { query.ptr, amp != NULL ? (size_t)(amp - query.ptr) : query.len };
        query.ptr += pair.len + (amp != NULL);
        query.len -= pair.len + (amp != NULL);

        const char *eq = memchr(pair.ptr, '=', pair.len);
        struct str name = { pair.ptr, eq != NULL ? (size_t)(eq - pair.ptr) : pair.len };
        struct str value = { NULL, 0 };
        if (eq != NULL)
            value = (struct str){ eq + 1, pair.len - name.len - 1 };
        CLEANUP_TEXT struct text key = TEXT_INIT, val = TEXT_INIT;
        text_put(&key, "", 0);
        put_form_decoded(&key, name);
        put_form_decoded(&val, value);
        if (key.len > 0 && strlen(key.ptr) == key.len)
            json_add(values, key.ptr, json_new_str(text_str(&val)));
    }
    struct type t = { .kind = TYPE_OBJECT, .fields = fields != NULL ? fields : none };
    return checked(&t, values, errors, "query");
}
