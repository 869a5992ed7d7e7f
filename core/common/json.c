#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"

void
json_cleanup(json_object **o)
{
    if (o == NULL)
        return;
    json_object_put(*o);
    *o = NULL;
}

static json_object *
must(json_object *o)
{
    if (o == NULL)
        abort();
    return o;
}

/* ------------------------------------------------------------------------------- values */

/* The user data of raw values; json-c prints them with raw_text(). */
static char raw_mark[] = "raw";

static int
raw_text(json_object *o, struct printbuf *out, int level, int flags)
{
    (void)level, (void)flags;
    return printbuf_memappend(out, json_object_get_string(o), json_object_get_string_len(o));
}

static int
double_text(json_object *o, struct printbuf *out, int level, int flags)
{
    (void)level, (void)flags;
    CLEANUP_TEXT struct text t = TEXT_INIT;
    jtext_put_double(&t, json_object_get_double(o));
    return printbuf_memappend(out, t.ptr, (int)t.len);
}

json_object *
json_new_str(struct str s)
{
    if (s.len >= INT_MAX) /* json-c counts in int; readers of json_parse never get here */
        abort();
    return must(json_object_new_string_len(s.len > 0 ? s.ptr : "", (int)s.len));
}

json_object *
json_new_raw(struct str raw)
{
    json_object *o = json_new_str(raw);
    json_object_set_serializer(o, raw_text, raw_mark, NULL);
    return o;
}

bool
json_is_raw(const json_object *o)
{
    return json_object_is_type(o, json_type_string)
        && json_object_get_userdata((json_object *)(uintptr_t)o) == raw_mark;
}

static struct str
content(const json_object *o)
{
    json_object *s = (json_object *)(uintptr_t)o;
    return (struct str){ json_object_get_string(s), (size_t)json_object_get_string_len(s) };
}

struct str
json_raw(const json_object *o)
{
    return content(o);
}

json_object *
json_new_double(double d)
{
    json_object *o = must(json_object_new_double(d));
    json_object_set_serializer(o, double_text, NULL, NULL);
    return o;
}

/* Raw values are shared: nothing writes into them. */
static int
copy_one(json_object *src, json_object *parent, const char *key, size_t index,
         json_object **dst)
{
    if (!json_is_raw(src))
        return json_c_shallow_copy_default(src, parent, key, index, dst);
    *dst = json_object_get(src);
    return 2;
}

json_object *
json_copy(json_object *o)
{
    json_object *copy = NULL;
    if (o == NULL)
        return NULL;
    if (json_object_deep_copy(o, &copy, copy_one) < 0)
        abort();
    return copy;
}

/* ------------------------------------------------------------------------------ reading */

struct build {
    struct text scratch;           /* a decoded string */
    const char *const *raw_paths;  /* NULL-terminated, or NULL */
    struct text path;              /* of the current object, while it leads to a raw path */
    const char *bad_name;          /* a member name that json-c cannot hold */
    size_t room;                   /* bytes that the tree may still take beyond its text */
    bool full;
};

static json_object *build_value(struct build *b, struct jval v, bool on_path);

static struct str
decoded(struct build *b, struct str literal)
{
    if (memchr(literal.ptr, '\\', literal.len) == NULL)
        return (struct str){ literal.ptr + 1, literal.len - 2 };
    text_clear(&b->scratch);
    jtext_decode(&b->scratch, literal);
    return text_str(&b->scratch);
}

static json_object *
build_number(struct jval v)
{
    int64_t n;
    if (jtext_int64(v, &n))
        return must(json_object_new_int64(n));
    if (!jtext_is_integer(v))
        return json_new_double(jtext_double(v));
    CLEANUP_FREE char *digits = xstrndup(v.raw.ptr, v.raw.len);
    if (v.raw.ptr[0] != '-' && v.raw.len <= 20) {
        errno = 0;
        uint64_t u = strtoull(digits, NULL, 10);
        if (errno == 0)
            return must(json_object_new_uint64(u));
    }
    /* The digits are the user data, which prints them and is copied with the object. */
    return must(json_object_new_double_s(jtext_double(v), digits));
}

/* About what json-c takes for a value, but for its text; three bytes of text make the largest. */
static bool
take_room(struct build *b, enum jkind kind)
{
    size_t n = kind == J_OBJECT ? 750 : kind == J_ARRAY ? 350 : 100;
    b->full = b->full || n > b->room;
    b->room -= b->full ? 0 : n;
    return !b->full;
}

static json_object *
build_array(struct build *b, struct jval v)
{
    json_object *array = must(json_object_new_array());
    struct jiter it = jtext_iter(v);
    struct jval val;
    while (!b->full && jtext_next(&it, NULL, &val))
        if (json_object_array_add(array, build_value(b, val, false)) < 0)
            abort();
    return array;
}

/* Does the path of the current object, with this name added, end at a raw path (*ret_raw)
 * or lead to one? */
static bool
extend_path(struct build *b, const char *name, bool *ret_raw)
{
    bool leads = false;
    text_putc(&b->path, '/');
    for (const char *c = name; *c != '\0'; c++)
        if (*c == '~' || *c == '/')
            text_puts(&b->path, *c == '~' ? "~0" : "~1");
        else
            text_putc(&b->path, *c);
    *ret_raw = false;
    for (const char *const *p = b->raw_paths; *p != NULL; p++)
        if (strncmp(*p, b->path.ptr, b->path.len) == 0) {
            *ret_raw = *ret_raw || (*p)[b->path.len] == '\0';
            leads = leads || (*p)[b->path.len] == '/';
        }
    return leads;
}

static json_object *
build_object(struct build *b, struct jval v, bool on_path)
{
    json_object *object = must(json_object_new_object());
    struct jiter it = jtext_iter(v);
    struct jval val;
    struct str literal;
    while (!b->full && jtext_next(&it, &literal, &val)) {
        struct str name = decoded(b, literal);
        CLEANUP_FREE char *key = xstrndup(name.ptr, name.len);
        if (strlen(key) != name.len && b->bad_name == NULL)
            b->bad_name = literal.ptr;
        size_t path_len = b->path.len;
        bool raw = false, leads = on_path && extend_path(b, key, &raw);
        json_object *child = raw && val.kind == J_ARRAY ? json_new_raw(val.raw)
                                                        : build_value(b, val, leads);
        if (json_object_object_add(object, key, child) < 0)
            abort();
        b->path.len = path_len;
    }
    return object;
}

static json_object *
build_value(struct build *b, struct jval v, bool on_path)
{
    if (!take_room(b, v.kind))
        return NULL;
    switch (v.kind) {
    case J_BOOL: return must(json_object_new_boolean(v.raw.ptr[0] == 't'));
    case J_NUMBER: return build_number(v);
    case J_STRING: return json_new_str(decoded(b, v.raw));
    case J_ARRAY: return build_array(b, v);
    case J_OBJECT: return build_object(b, v, on_path);
    default: return NULL;
    }
}

int
json_parse_raw(struct str text, const char *const *raw_paths, size_t max, json_object **ret,
               size_t *ret_at, struct err *err)
{
    size_t at = 0;
    struct jval v;
    if (text.len >= INT_MAX) {
        err_set(err, ERR_TOO_LARGE, "text of %zu bytes", text.len);
    } else if (jtext_check(text, &v, &at, err) == 0) {
        struct build b = { .raw_paths = raw_paths, .room = max };
        json_object *o = build_value(&b, v, raw_paths != NULL);
        text_fini(&b.scratch);
        text_fini(&b.path);
        if (b.full) {
            json_object_put(o);
            err_set(err, ERR_TOO_LARGE, "too many values");
            if (ret_at != NULL)
                *ret_at = 0;
            return -1;
        }
        if (b.bad_name == NULL) {
            *ret = o;
            return 0;
        }
        json_object_put(o);
        at = (size_t)(b.bad_name - text.ptr);
        err_set(err, ERR_INVALID, "a NUL character in a member name");
    }
    if (ret_at != NULL)
        *ret_at = at;
    return -1;
}

int
json_parse(struct str text, json_object **ret, size_t *ret_at, struct err *err)
{
    return json_parse_raw(text, NULL, SIZE_MAX, ret, ret_at, err);
}

json_object *
json_from_jval(struct jval v)
{
    struct build b = { .raw_paths = NULL, .room = SIZE_MAX };
    json_object *o = build_value(&b, v, false);
    text_fini(&b.scratch);
    return o;
}

/* ------------------------------------------------------------------------------ writing */

static void
put_integer(struct text *t, json_object *o)
{
    int64_t n = json_object_get_int64(o);
    if (n < 0)
        text_putf(t, "%" PRId64, n);
    else
        text_putf(t, "%" PRIu64, json_object_get_uint64(o));
}

static void
put_array(struct text *t, json_object *o)
{
    size_t n = json_object_array_length(o);
    text_putc(t, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            text_putc(t, ',');
        json_put(t, json_object_array_get_idx(o, i));
    }
    text_putc(t, ']');
}

static void
put_object(struct text *t, json_object *o)
{
    char separator = '{';
    json_object_object_foreach(o, key, value) {
        text_putc(t, separator);
        separator = ',';
        jtext_put_string(t, str_z(key));
        text_putc(t, ':');
        json_put(t, value);
    }
    if (separator == '{')
        text_putc(t, '{');
    text_putc(t, '}');
}

void
json_put(struct text *t, json_object *o)
{
    switch (json_object_get_type(o)) {
    case json_type_null: text_put(t, "null", 4); break;
    case json_type_boolean: text_puts(t, json_object_get_boolean(o) ? "true" : "false"); break;
    case json_type_int: put_integer(t, o); break;
    case json_type_double: {
        const char *digits = json_object_get_userdata(o); /* of an integer beyond 64 bits */
        if (digits != NULL)
            text_puts(t, digits);
        else
            jtext_put_double(t, json_object_get_double(o));
        break;
    }
    case json_type_string:
        if (json_is_raw(o))
            text_put_str(t, content(o));
        else
            jtext_put_string(t, content(o));
        break;
    case json_type_array: put_array(t, o); break;
    case json_type_object: put_object(t, o); break;
    }
}

char *
json_text(json_object *o)
{
    struct text t = TEXT_INIT;
    json_put(&t, o);
    return text_take(&t);
}

/* ------------------------------------------------------------------------------ members */

json_object *
json_get(json_object *o, const char *key)
{
    json_object *value = NULL;
    if (json_object_is_type(o, json_type_object))
        json_object_object_get_ex(o, key, &value);
    return value;
}

bool
json_has(json_object *o, const char *key)
{
    return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, NULL);
}

struct str
json_get_slice(json_object *o, const char *key)
{
    json_object *value = json_get(o, key);
    if (!json_object_is_type(value, json_type_string) || json_is_raw(value))
        return (struct str){ NULL, 0 };
    return content(value);
}

const char *
json_get_str(json_object *o, const char *key, const char *otherwise)
{
    struct str s = json_get_slice(o, key);
    return s.ptr != NULL ? s.ptr : otherwise;
}

int64_t
json_get_int(json_object *o, const char *key, int64_t otherwise)
{
    json_object *value = json_get(o, key);
    if (!json_object_is_type(value, json_type_int))
        return otherwise;
    int64_t n = json_object_get_int64(value);
    if (n == INT64_MAX && json_object_get_uint64(value) > INT64_MAX)
        return otherwise;
    return n;
}

double
json_get_double(json_object *o, const char *key, double otherwise)
{
    json_object *value = json_get(o, key);
    if (json_object_is_type(value, json_type_double))
        return json_object_get_double(value);
    if (!json_object_is_type(value, json_type_int))
        return otherwise;
    int64_t n = json_object_get_int64(value);
    return n < 0 ? (double)n : (double)json_object_get_uint64(value);
}

bool
json_get_bool(json_object *o, const char *key, bool otherwise)
{
    json_object *value = json_get(o, key);
    return json_object_is_type(value, json_type_boolean) ? json_object_get_boolean(value)
                                                         : otherwise;
}
