#include <math.h>

#include "pyjson.h"
#include "pylist.h"
#include "pystr.h"
#include "pytext.h"

#define DEPTH_MAX 1000 /* deeper than the host lets through; for the stack's sake */

static void
put_char(struct evald_call *c, struct evald_buf *b, uint32_t ch)
{
    static const char named[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    const char *p = ch != 0 && ch < 0x80 ? strchr(named, (int)ch) : NULL;
    if (p != NULL)
        evald_putf(c, b, "\\%c", names[p - named]);
    else if (ch >= 0x10000)
        evald_putf(c, b, "\\u%04x\\u%04x", 0xd7c0 + (ch >> 10), 0xdc00 + (ch & 0x3ff));
    else if (ch < 0x20 || ch > '~')
        evald_putf(c, b, "\\u%04x", ch);
    else
        evald_putf(c, b, "%c", (char)ch);
}

/* Plain characters go out a run at a time. */
static void
put_string(struct evald_call *c, struct evald_buf *b, struct evald_str s)
{
    const char *p = s.ptr, *end = p + s.len, *run = p;
    evald_put(c, b, evald_s("\""));
    while (p < end) {
        const char *at = p;
        uint32_t ch = pytext_next(&p, end);
        if (ch >= 0x20 && ch <= '~' && ch != '"' && ch != '\\')
            continue;
        evald_put(c, b, (struct evald_str){ run, (size_t)(at - run) });
        put_char(c, b, ch);
        run = p;
    }
    evald_put(c, b, (struct evald_str){ run, (size_t)(end - run) });
    evald_put(c, b, evald_s("\""));
}

static void put(struct evald_call *c, struct evald_buf *b, const struct evald_value *v,
                int depth);

static void
put_container(struct evald_call *c, struct evald_buf *b, const struct evald_value *v, int depth)
{
    bool object = v->kind == EVALD_OBJECT;
    struct pylist_member *all;
    size_t n = depth < DEPTH_MAX ? pylist_members(c, v, &all) : 0;
    evald_put(c, b, evald_s(object ? "{" : "["));
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            evald_put(c, b, evald_s(", "));
        if (object) {
            put_string(c, b, all[i].key);
            evald_put(c, b, evald_s(": "));
        }
        put(c, b, &all[i].value, depth + 1);
    }
    evald_put(c, b, evald_s(object ? "}" : "]"));
}

static void
put(struct evald_call *c, struct evald_buf *b, const struct evald_value *v, int depth)
{
    switch (v->kind) {
    case EVALD_BOOL:
        evald_put(c, b, evald_s(v->num != 0 ? "true" : "false"));
        return;
    case EVALD_NUMBER:
        if ((v->flags & EVALD_INTEGER) != 0 || isfinite(v->num))
            pystr_put(c, b, v);
        else
            evald_put(c, b, evald_s(isnan(v->num) ? "NaN" : v->num < 0 ? "-Infinity"
                                                                       : "Infinity"));
        return;
    case EVALD_STRING:
        put_string(c, b, v->str);
        return;
    case EVALD_ARRAY:
    case EVALD_OBJECT:
        put_container(c, b, v, depth);
        return;
    default:
        evald_put(c, b, evald_s("null"));
    }
}

void
pyjson_put(struct evald_call *c, struct evald_buf *b, const struct evald_value *v)
{
    put(c, b, v, 0);
}
