#include "config.h"

#include <string.h>
#include <strings.h>

#include "daemon/head.h"

#define ENTRY          64u  /* bytes; see HEAD_WEIGHT */
#define CHUNK_LINE_MAX 256u /* a size and its extensions */

static const char too_large[] = "the request's head is too large";

static enum head_found
bad(struct head_fault *fault, unsigned status, const char *text)
{
    *fault = (struct head_fault){ status, text };
    return HEAD_BAD;
}

/* RFC 9110, section 5.6.2 */
static bool
is_token(unsigned char c)
{
    static const bool table[256] = {
        ['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true, ['\''] = true,
        ['*'] = true, ['+'] = true, ['-'] = true, ['.'] = true, ['^'] = true, ['_'] = true,
        ['`'] = true, ['|'] = true, ['~'] = true, ['0' ... '9'] = true,
        ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
    };
    return table[c];
}

/* Bytes beyond ASCII are the router's affair. */
static bool
is_visible(unsigned char c)
{
    return c > ' ' && c != 0x7f;
}

static size_t
span(const char *p, const char *end, bool (*is)(unsigned char))
{
    const char *start = p;
    while (p < end && is((unsigned char)*p))
        p++;
    return (size_t)(p - start);
}

static bool
is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* The line at *at, without its end; moves *at behind it.  False: it has no end yet. */
static bool
next_line(const char **at, const char *end, struct str *ret)
{
    const char *lf = memchr(*at, '\n', (size_t)(end - *at));
    if (lf == NULL)
        return false;
    size_t n = (size_t)(lf - *at);
    *ret = (struct str){ *at, n > 0 && lf[-1] == '\r' ? n - 1 : n };
    *at = lf + 1;
    return true;
}

/* whole: else it is the beginning of a line, and only what can be no beginning is bad. */
static enum head_found
read_request_line(struct str line, bool whole, struct head_fault *fault, bool *ret_old)
{
    static const char text[] = "malformed request: no HTTP request line";
    const char *p = line.ptr, *end = p + line.len;
    size_t n = span(p, end, is_token);
    p += n;
    if (p == end && !whole)
        return HEAD_MORE;
    if (n == 0 || p == end || *p++ != ' ')
        return bad(fault, 400, text);
    n = span(p, end, is_visible);
    p += n;
    if (p == end && !whole)
        return HEAD_MORE;
    if (n == 0 || p == end || *p++ != ' ')
        return bad(fault, 400, text);
    if (!whole)
        return span(p, end, is_visible) == (size_t)(end - p) || end[-1] == '\r'
                   ? HEAD_MORE : bad(fault, 400, text);
    if (end - p != 8 || memcmp(p, "HTTP/", 5) != 0 || !is_digit((unsigned char)p[5])
        || p[6] != '.' || !is_digit((unsigned char)p[7]))
        return bad(fault, 400, text);
    if (p[5] != '1')
        return bad(fault, 505, "only HTTP/1.1 and HTTP/1.0 are served");
    *ret_old = p[7] == '0';
    return HEAD_WHOLE;
}

static bool
named(struct str name, const char *z)
{
    return name.len == strlen(z) && strncasecmp(name.ptr, z, name.len) == 0;
}

static enum head_found
read_length(struct str value, bool *has, uint64_t *length, struct head_fault *fault)
{
    uint64_t n = 0;
    bool large = false;
    for (size_t i = 0; i < value.len; i++) {
        if (!is_digit((unsigned char)value.ptr[i]))
            return bad(fault, 400, "malformed request: Content-Length is no number");
        large = large || __builtin_mul_overflow(n, 10, &n)
            || __builtin_add_overflow(n, (uint64_t)(value.ptr[i] - '0'), &n)
            || n > INT64_MAX;
    }
    if (value.len == 0)
        return bad(fault, 400, "malformed request: Content-Length is no number");
    if (large)
        return bad(fault, 413, "the request body is too large");
    if (*has && n != *length)
        return bad(fault, 400, "malformed request: two different Content-Length headers");
    *has = true;
    *length = n;
    return HEAD_WHOLE;
}

/* What is known of the fields so far. */
struct fields {
    bool has_length, has_coding; /* that say where the request ends */
    size_t weight;
};

static size_t
count(struct str text, char a, char b)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == a || text.ptr[i] == b;
    return n;
}

static enum head_found
read_field(struct str line, struct fields *f, struct head *ret, struct head_fault *fault)
{
    const char *end = line.ptr + line.len;
    if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
        return bad(fault, 400, "malformed request: a header line that goes on in the next");
    struct str name = { line.ptr, span(line.ptr, end, is_token) };
    const char *p = name.ptr + name.len;
    if (name.len == 0 || p == end || *p++ != ':')
        return bad(fault, 400, "malformed request: a header without a proper name");
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    for (const char *q = p; q < end; q++)
        if (!is_visible((unsigned char)*q) && *q != ' ' && *q != '\t')
            return bad(fault, 400, "malformed request: a control character in a header");
    /* libmicrohttpd leaves blanks behind a value where they are: so do we. */
    struct str value = { p, (size_t)(end - p) };
    if (named(name, "Content-Length"))
        return read_length(value, &f->has_length, &ret->body, fault);
    if (named(name, "Transfer-Encoding")) {
        if (f->has_coding)
            return bad(fault, 400, "malformed request: two Transfer-Encoding headers");
        f->has_coding = true;
        ret->chunked = named(value, "chunked");
        return ret->chunked ? HEAD_WHOLE
                            : bad(fault, 501, "of transfer encodings only chunked is served");
    }
    if (named(name, "Expect"))
        ret->expects = true;
    if (named(name, "Cookie"))
        f->weight += value.len + (count(value, ';', ',') + 1) * ENTRY;
    f->weight += ENTRY;
    return HEAD_WHOLE;
}

static enum head_found
read_fields(const char *at, const char *end, bool old, const char *start, struct head *ret,
            struct head_fault *fault)
{
    struct str before = { start, (size_t)(at - start) }, line;
    struct fields f = { .weight = (count(before, '&', '?') * ENTRY) };
    for (unsigned n = 0; next_line(&at, end, &line); n++) {
        if (line.len == 0) {
            if (f.has_coding && f.has_length)
                return bad(fault, 400,
                           "malformed request: Content-Length beside Transfer-Encoding");
            if (f.has_coding && old)
                return bad(fault, 400, "malformed request: Transfer-Encoding in HTTP/1.0");
            ret->len = (size_t)(at - start);
            return f.weight + ret->len <= HEAD_WEIGHT ? HEAD_WHOLE
                                                      : bad(fault, 431, too_large);
        }
        if (n == HEAD_FIELDS)
            return bad(fault, 431, "the request has too many headers");
        if (read_field(line, &f, ret, fault) == HEAD_BAD)
            return HEAD_BAD;
    }
    return HEAD_MORE;
}

enum head_found
head_read(struct str bytes, struct head *ret, struct head_fault *fault)
{
    const char *at = bytes.ptr, *end = at + bytes.len;
    *ret = (struct head){ .len = 0 };
    bool room = bytes.len < HEAD_MAX;
    if (!room)
        end = at + HEAD_MAX;
    while (at < end && (*at == '\n' || (*at == '\r' && end - at > 1 && at[1] == '\n')))
        at += *at == '\n' ? 1 : 2;
    if (at == end || (*at == '\r' && end - at == 1))
        return room ? HEAD_MORE : bad(fault, 400, "malformed request: empty lines");

    struct str line = { at, (size_t)(end - at) };
    bool old = false;
    enum head_found found = next_line(&at, end, &line)
                                ? read_request_line(line, true, fault, &old)
                                : read_request_line(line, false, fault, &old);
    if (found == HEAD_MORE && !room)
        return bad(fault, 414, "the request line is too long");
    if (found != HEAD_WHOLE)
        return found;
    found = read_fields(at, end, old, bytes.ptr, ret, fault);
    return found == HEAD_MORE && !room ? bad(fault, 431, too_large) : found;
}

/* ---------------------------------------------------------------------------- chunked bodies */

static int
hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static enum head_found
read_chunk_size(struct str line, bool whole, uint64_t *ret, struct head_fault *fault)
{
    static const char text[] = "malformed request: a chunk of the body has no proper size";
    size_t i = 0;
    uint64_t n = 0;
    for (; i < line.len && hex_digit(line.ptr[i]) >= 0; i++) {
        if (n > (UINT64_MAX >> 8))
            return bad(fault, 413, "the request body is too large");
        n = n * 16 + (uint64_t)hex_digit(line.ptr[i]);
    }
    if (i == line.len && !whole)
        return line.len < CHUNK_LINE_MAX ? HEAD_MORE : bad(fault, 400, text);
    if (i == 0 || (i < line.len && line.ptr[i] != ';' && (whole || line.ptr[i] != '\r')))
        return bad(fault, 400, text);
    if (!whole)
        return line.len < CHUNK_LINE_MAX ? HEAD_MORE : bad(fault, 400, text);
    *ret = n;
    return HEAD_WHOLE;
}

static enum head_found
read_trailer(const char *at, const char *end, const char *start, size_t *ret_len,
             struct head_fault *fault)
{
    struct fields f = { .weight = 0 };
    struct head unused = { .len = 0 };
    struct str line;
    while (next_line(&at, end, &line)) {
        if (line.len == 0) {
            *ret_len = (size_t)(at - start);
            return HEAD_WHOLE;
        }
        if (read_field(line, &f, &unused, fault) == HEAD_BAD)
            return HEAD_BAD;
    }
    return HEAD_MORE;
}

enum head_found
head_read_chunks(struct str bytes, size_t *ret_len, struct head_fault *fault)
{
    const char *at = bytes.ptr, *end = at + bytes.len;
    for (;;) {
        struct str line = { at, (size_t)(end - at) };
        uint64_t size = 0;
        bool whole = next_line(&at, end, &line);
        enum head_found found = read_chunk_size(line, whole, &size, fault);
        if (found != HEAD_WHOLE)
            return found;
        if (size == 0)
            return read_trailer(at, end, bytes.ptr, ret_len, fault);
        if (size > (uint64_t)(end - at))
            return HEAD_MORE;
        at += size;
        if (at < end && *at == '\n') { /* a bare LF ends a line here, too */
            at++;
        } else if (end - at >= 2 && at[0] == '\r' && at[1] == '\n') {
            at += 2;
        } else if (end - at >= 2 || (at < end && *at != '\r')) {
            return bad(fault, 400,
                       "malformed request: a chunk of the body is longer than its size");
        } else {
            return HEAD_MORE;
        }
    }
}
