#include "config.h"

#include <stdint.h>

#include "scan.h"

const char *
scan_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

/* p at '"': just past the closing quote. */
static const char *
skip_string(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '\\')
            p++;
        else if (*p == '"')
            return p + 1;
    }
    return NULL;
}

static const char *
skip_container(const char *p, const char *end)
{
    for (unsigned depth = 0; p < end;) {
        if (*p == '"') {
            p = skip_string(p, end);
            if (p == NULL)
                return NULL;
            continue;
        }
        if (*p == '{' || *p == '[')
            depth++;
        else if ((*p == '}' || *p == ']') && --depth == 0)
            return p + 1;
        p++;
    }
    return NULL;
}

const char *
scan_skip(const char *p, const char *end)
{
    p = scan_space(p, end);
    if (p >= end)
        return NULL;
    if (*p == '"')
        return skip_string(p, end);
    if (*p == '{' || *p == '[')
        return skip_container(p, end);
    while (p < end && *p != ',' && *p != '}' && *p != ']' && (unsigned char)*p > ' ')
        p++;
    return p;
}

/* The four hex digits at p, 0xfffd when there are none. */
static uint32_t
hex4(const char *p, const char *end)
{
    uint32_t v = 0;
    if (end - p < 4)
        return 0xfffd;
    for (int i = 0; i < 4; i++) {
        char c = (char)(p[i] | 32);
        if (p[i] >= '0' && p[i] <= '9')
            v = v * 16 + (uint32_t)(p[i] - '0');
        else if (c >= 'a' && c <= 'f')
            v = v * 16 + (uint32_t)(c - 'a' + 10);
        else
            return 0xfffd;
    }
    return v;
}

/* p at the 'u' of an escape; returns the last byte that belongs to it. */
static const char *
decode_unicode(struct text *t, const char *p, const char *end)
{
    uint32_t u = hex4(p + 1, end);
    p = end - p < 5 ? end - 1 : p + 4;
    if (u >= 0xd800 && u < 0xdc00 && end - p > 6 && p[1] == '\\' && p[2] == 'u') {
        u = 0x10000 + ((u - 0xd800) << 10) + (hex4(p + 3, end) - 0xdc00);
        p += 6;
    }
    char utf8[4];
    text_put(t, utf8, utf8_encode(u < 0x110000 ? u : 0xfffd, utf8));
    return p;
}

void
scan_decode(struct text *t, const char *p, const char *end)
{
    static const char escapes[] = "nrtbf", values[] = "\n\r\t\b\f";
    for (p++; p < end && *p != '"'; p++) {
        const char *plain = p;
        while (p < end && *p != '"' && *p != '\\')
            p++;
        text_put(t, plain, (size_t)(p - plain));
        if (p >= end || *p == '"' || ++p >= end)
            return;
        const char *known = memchr(escapes, *p, sizeof escapes - 1);
        if (*p == 'u')
            p = decode_unicode(t, p, end);
        else
            text_putc(t, known != NULL ? values[known - escapes] : *p);
    }
}

bool
scan_members(const char *p, const char *end, scan_member_fn *fn, void *arg)
{
    p = scan_space(p, end);
    if (p >= end || *p != '{')
        return false;
    p = scan_space(p + 1, end);
    if (p < end && *p == '}')
        return true;
    while (p < end && *p == '"') {
        const char *after = skip_string(p, end);
        if (after == NULL)
            return false;
        struct str key = { p + 1, (size_t)(after - p) - 2 };
        p = scan_space(after, end);
        if (p >= end || *p != ':')
            return false;
        p = scan_space(p + 1, end);
        if (p >= end || !fn(arg, key, p, end))
            return false;
        p = scan_skip(p, end);
        if (p == NULL)
            return false;
        p = scan_space(p, end);
        if (p < end && *p == '}')
            return true;
        if (p >= end || *p != ',')
            return false;
        p = scan_space(p + 1, end);
    }
    return false;
}

bool
scan_next_element(const char **p, const char *end)
{
    const char *q = scan_skip(*p, end);
    if (q == NULL)
        return false;
    q = scan_space(q, end);
    if (q < end && *q == ',')
        q = scan_space(q + 1, end);
    *p = q;
    return true;
}

/* A string's bytes between its quotes. */
static bool
take_raw(struct str *ret, const char *value, const char *end)
{
    const char *after = skip_string(value, end);
    if (after == NULL)
        return false;
    *ret = (struct str){ value + 1, (size_t)(after - value) - 2 };
    return true;
}

/* {"type":"function","function":{"name":...}} */
static bool
on_tool_choice(void *arg, struct str key, const char *value, const char *end)
{
    struct request *r = arg;
    if (str_is(key, "function") && *value == '{')
        return scan_members(value, end, on_tool_choice, r);
    if (str_is(key, "name") && *value == '"')
        return take_raw(&r->must_call, value, end);
    return true;
}

static bool
on_request(void *arg, struct str key, const char *value, const char *end)
{
    struct request *r = arg;
    if (str_is(key, "model") && *value == '"')
        return take_raw(&r->model, value, end);
    if (str_is(key, "tool_choice") && *value == '{')
        return scan_members(value, end, on_tool_choice, r);
    if (str_is(key, "messages"))
        r->messages = value;
    else if (str_is(key, "prompt"))
        r->prompt = value;
    else if (str_is(key, "input"))
        r->input = value;
    else if (str_is(key, "stream"))
        r->stream = *value == 't';
    return true;
}

bool
scan_request(struct request *r, struct str body)
{
    *r = (struct request){ .stream = false };
    return scan_members(body.ptr, body.ptr + body.len, on_request, r);
}

struct message {
    const char *role, *content;
};

static bool
on_message(void *arg, struct str key, const char *value, const char *end)
{
    struct message *m = arg;
    (void)end;
    if (str_is(key, "role"))
        m->role = value;
    else if (str_is(key, "content"))
        m->content = value;
    return true;
}

/* Of content in parts: the text of each. */
static bool
on_part(void *arg, struct str key, const char *value, const char *end)
{
    if (str_is(key, "text") && *value == '"')
        scan_decode(arg, value, end);
    return true;
}

int
scan_last_user(struct text *t, const char *p, const char *end)
{
    int n = 0;
    const char *content = NULL;
    p = scan_space(p, end);
    if (p >= end || *p != '[')
        return -1;
    p = scan_space(p + 1, end);
    while (p < end && *p == '{') {
        struct message m = { NULL, NULL };
        if (!scan_members(p, end, on_message, &m) || !scan_next_element(&p, end))
            return -1;
        if (m.role != NULL && end - m.role > 6 && memcmp(m.role, "\"user\"", 6) == 0)
            content = m.content;
        n++;
    }
    text_clear(t);
    if (content != NULL && *content == '"') {
        scan_decode(t, content, end);
    } else if (content != NULL && *content == '[') {
        p = scan_space(content + 1, end);
        while (p < end && *p == '{') {
            scan_members(p, end, on_part, t);
            if (!scan_next_element(&p, end))
                break;
        }
    }
    return n;
}
