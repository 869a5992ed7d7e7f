#include "config.h"

#include <math.h>
#include <string.h>

#include "common/mem.h"
#include "common/pyrepr.h"
#include "runner/num.h"
#include "runner/pystr.h"

#define UNIQUE_MAX 1000 /* members of an object that are looked at for duplicates */

/* Members as a dict has them: each name once, at its first place, with its last value. */
struct members {
    struct jval object;
    struct jiter it;
    bool check;
};

static struct members
members_of(struct jval object)
{
    size_t n = jtext_count(object);
    return (struct members){ object, jtext_iter(object), n > 1 && n <= UNIQUE_MAX };
}

static bool
literal_equal(struct str a, struct str b)
{
    if (str_eq(a, b))
        return true;
    if (memchr(a.ptr, '\\', a.len) == NULL)
        return jtext_spells(b, (struct str){ a.ptr + 1, a.len - 2 });
    CLEANUP_TEXT struct text t = TEXT_INIT;
    jtext_decode(&t, a);
    return jtext_spells(b, text_str(&t));
}

static bool
members_next(struct members *m, struct str *key, struct jval *val)
{
    while (jtext_next(&m->it, key, val)) {
        if (!m->check)
            return true;
        bool earlier = false;
        struct jiter it = jtext_iter(m->object);
        struct str k;
        struct jval v;
        while (jtext_next(&it, &k, &v)) {
            if (!literal_equal(k, *key))
                continue;
            if (k.ptr < key->ptr)
                earlier = true;
            *val = v;
        }
        if (!earlier)
            return true;
    }
    return false;
}

static void
put_integer(struct text *t, struct str raw)
{
    if (str_is(raw, "-0"))
        text_putc(t, '0');
    else
        text_put_str(t, raw);
}

static void
put_float(struct text *t, double d)
{
    if (isnan(d))
        text_puts(t, "nan");
    else if (isinf(d))
        text_puts(t, d < 0 ? "-inf" : "inf");
    else
        jtext_put_double(t, d);
}

static void
put_repr(struct text *t, struct str literal)
{
    CLEANUP_TEXT struct text s = TEXT_INIT;
    jtext_decode(&s, literal);
    char quote = pyrepr_quote(s.ptr, s.len), escape[12];
    text_putc(t, quote);
    for (size_t i = 0, n; i < s.len; i += n) {
        pyrepr_escape(s.ptr + i, quote, escape, &n);
        if (escape[0] != '\0')
            text_puts(t, escape);
        else
            text_put(t, s.ptr + i, n);
    }
    text_putc(t, quote);
}

static void put_value(struct text *t, struct jval v, bool json);

static void
put_container(struct text *t, struct jval v, bool json)
{
    const char *comma = json ? "," : ", ";
    bool first = true;
    struct jval val;
    struct str key;
    text_putc(t, v.kind == J_ARRAY ? '[' : '{');
    if (v.kind == J_ARRAY) {
        struct jiter it = jtext_iter(v);
        for (; jtext_next(&it, NULL, &val); first = false) {
            text_puts(t, first ? "" : comma);
            put_value(t, val, json);
        }
    } else {
        struct members m = members_of(v);
        for (; members_next(&m, &key, &val); first = false) {
            text_puts(t, first ? "" : comma);
            put_value(t, (struct jval){ J_STRING, key }, json);
            text_puts(t, json ? ":" : ": ");
            put_value(t, val, json);
        }
    }
    text_putc(t, v.kind == J_ARRAY ? ']' : '}');
}

/* repr(), or JSON. */
static void
put_value(struct text *t, struct jval v, bool json)
{
    switch (v.kind) {
    case J_ABSENT:
    case J_NULL:
        text_puts(t, json ? "null" : "None");
        return;
    case J_BOOL:
        if (json)
            text_put_str(t, v.raw);
        else
            text_puts(t, v.raw.ptr[0] == 't' ? "True" : "False");
        return;
    case J_NUMBER:
        if (jtext_is_integer(v))
            put_integer(t, v.raw);
        else if (json)
            jtext_put_double(t, jtext_double(v));
        else
            put_float(t, jtext_double(v));
        return;
    case J_STRING:
        if (json) {
            CLEANUP_TEXT struct text s = TEXT_INIT;
            jtext_decode(&s, v.raw);
            jtext_put_string(t, text_str(&s));
        } else {
            put_repr(t, v.raw);
        }
        return;
    case J_ARRAY:
    case J_OBJECT:
        put_container(t, v, json);
        return;
    }
}

void
pystr_put(struct text *t, struct jval v)
{
    if (v.kind == J_STRING)
        jtext_decode(t, v.raw);
    else
        put_value(t, v, false);
}

void
pystr_put_json(struct text *t, struct jval v)
{
    put_value(t, v, true);
}

/* Numbers and booleans; an integer too long for num.h counts as a float. */
static void
number_of(struct num *n, struct jval v)
{
    if (num_from(n, v) != NUM_OK) {
        n->kind = NUM_FLOAT;
        n->f = jtext_double(v);
    }
}

static bool
is_number(struct jval v)
{
    return v.kind == J_NUMBER || v.kind == J_BOOL;
}

static int
compare_numbers(struct jval v, struct jval w, bool *ret_nan)
{
    CLEANUP_NUM struct num a = { 0 };
    CLEANUP_NUM struct num b = { 0 };
    number_of(&a, v);
    number_of(&b, w);
    *ret_nan = (a.kind == NUM_FLOAT && isnan(a.f)) || (b.kind == NUM_FLOAT && isnan(b.f));
    return num_cmp(&a, &b);
}

static int
compare_strings(struct str v, struct str w)
{
    CLEANUP_TEXT struct text a = TEXT_INIT;
    CLEANUP_TEXT struct text b = TEXT_INIT;
    jtext_decode(&a, v);
    jtext_decode(&b, w);
    int c = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return c != 0 ? c : a.len < b.len ? -1 : a.len > b.len;
}

static bool
equal_objects(struct jval v, struct jval w)
{
    struct members m = members_of(v), o = members_of(w);
    size_t n = 0, others = 0;
    struct str key;
    struct jval val;
    while (members_next(&o, &key, &val))
        others++;
    CLEANUP_TEXT struct text name = TEXT_INIT;
    while (members_next(&m, &key, &val)) {
        text_clear(&name);
        jtext_decode(&name, key);
        struct jval other = jtext_member(w, text_str(&name));
        if (other.kind == J_ABSENT || !pystr_equal(val, other))
            return false;
        n++;
    }
    return n == others;
}

bool
pystr_equal(struct jval v, struct jval w)
{
    if (is_number(v) && is_number(w)) {
        bool nan;
        return compare_numbers(v, w, &nan) == 0 && !nan;
    }
    if (v.kind != w.kind)
        return false;
    if (v.kind == J_STRING)
        return literal_equal(v.raw, w.raw);
    if (v.kind == J_OBJECT)
        return equal_objects(v, w);
    if (v.kind != J_ARRAY)
        return true;
    struct jiter a = jtext_iter(v), b = jtext_iter(w);
    struct jval x, y;
    for (;;) {
        bool more = jtext_next(&a, NULL, &x), also = jtext_next(&b, NULL, &y);
        if (!more || !also)
            return more == also;
        if (!pystr_equal(x, y))
            return false;
    }
}

int
pystr_less(struct jval v, struct jval w, bool *ret)
{
    if (is_number(v) && is_number(w)) {
        bool nan;
        *ret = compare_numbers(v, w, &nan) < 0 && !nan;
        return 0;
    }
    if (v.kind != w.kind || (v.kind != J_STRING && v.kind != J_ARRAY))
        return -1;
    if (v.kind == J_STRING) {
        *ret = compare_strings(v.raw, w.raw) < 0;
        return 0;
    }
    struct jiter a = jtext_iter(v), b = jtext_iter(w);
    struct jval x, y;
    for (;;) {
        bool more = jtext_next(&a, NULL, &x), also = jtext_next(&b, NULL, &y);
        if (!more || !also) {
            *ret = !more && also;
            return 0;
        }
        if (!pystr_equal(x, y))
            return pystr_less(x, y, ret);
    }
}
