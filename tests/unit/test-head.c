/* Heads of requests, whole, in pieces and malformed. */
#include "config.h"

#include <stdlib.h>

#include "common/mem.h"
#include "daemon/head.h"
#include "tap.h"

/* "400 text" or "whole" or "more". */
static const char *
said(enum head_found found, const struct head_fault *fault)
{
    static char text[200];
    if (found != HEAD_BAD)
        return found == HEAD_WHOLE ? "whole" : "more";
    snprintf(text, sizeof text, "%u %s", fault->status, fault->text);
    return text;
}

static const char *
judged(struct str bytes)
{
    struct head head;
    struct head_fault fault;
    return said(head_read(bytes, &head, &fault), &fault);
}

static void
test_good(void)
{
    static const struct {
        struct str bytes;
        unsigned body;
        bool chunked, expects;
    } good[] = {
        { STR("GET / HTTP/1.1\r\n\r\n"), 0, false, false },
        { STR("GET / HTTP/1.0\n\n"), 0, false, false },
        { STR("\r\n\nGET /a?b=%20&c HTTP/1.1\r\nHost:\r\nA: b c\t d \r\n\r\n"),
          0, false, false },
        { STR("POST /x HTTP/1.1\r\ncontent-LENGTH:  017\r\n\r\n"), 17, false, false },
        { STR("POST /x HTTP/1.1\r\nContent-Length:5\r\nContent-Length: 5\r\n\r\n"),
          5, false, false },
        { STR("POST /x HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"), 0, true, false },
        { STR("PUT http://h/x HTTP/1.1\r\nExpect: 100-continue\r\n\r\n"), 0, false, true },
        { STR("DELETE /x HTTP/1.1\r\nContent-Type: application/json\r\n\r\n"),
          0, false, false },
        { STR("OPTIONS * HTTP/1.1\r\n\r\n"), 0, false, false },
        { STR("GET /\xc3\xa9 HTTP/1.1\r\nX: \xc3\xa9\r\n\r\n"), 0, false, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct head head;
        struct head_fault fault;
        is_str(said(head_read(good[i].bytes, &head, &fault), &fault), "whole", "good head %zu", i);
        ok(head.len == good[i].bytes.len && head.body == good[i].body
               && head.chunked == good[i].chunked && head.expects == good[i].expects,
           "and what it says of the body");
        size_t more = 0;
        for (size_t n = 0; n < good[i].bytes.len; n++) {
            char *copy = malloc(n + 1);
            memcpy(copy, good[i].bytes.ptr, n);
            more += head_read((struct str){ copy, n }, &head, &fault) == HEAD_MORE;
            free(copy);
        }
        is_int(more, good[i].bytes.len, "every beginning of it asks for more");
    }
}

static void
test_bad(void)
{
#define LINE "400 malformed request: no HTTP request line"
#define NAME "400 malformed request: a header without a proper name"
    static const struct {
        struct str bytes;
        const char *want;
    } bad[] = {
        { STR("\x16\x03\x01"), LINE },
        { STR("GET"), "more" },
        { STR("GET\r\n"), LINE },
        { STR("GET \r\n"), LINE },
        { STR("GET /x\r\n"), LINE },
        { STR("GET  /x HTTP/1.1\r\n"), LINE },
        { STR("GET /x HTTP/1.1 \r\n"), LINE },
        { STR("GET /x y HTTP/1.1\r\n"), LINE },
        { STR("GET /x\0 HTTP/1.1\r\n"), LINE },
        { STR("GET /x\r HTTP/1.1\r\n"), LINE },
        { STR("GET /x HTTPS/1.1\r\n"), LINE },
        { STR("GET /x http/1.1\r\n"), LINE },
        { STR("GET /x HTTP/1.10\r\n"), LINE },
        { STR("G(T /x HTTP/1.1\r\n"), LINE },
        { STR(" GET /x HTTP/1.1\r\n"), LINE },
        { STR("{\"a\":1}"), LINE },
        { STR("GET /x HTTP/2.0\r\n"), "505 only HTTP/1.1 and HTTP/1.0 are served" },
        { STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
          "505 only HTTP/1.1 and HTTP/1.0 are served" },
        { STR("GET /x HTTP/0.9\r\n"), "505 only HTTP/1.1 and HTTP/1.0 are served" },
        { STR("GET / HTTP/1.1\r\nno colon\r\n"), NAME },
        { STR("GET / HTTP/1.1\r\n: empty\r\n"), NAME },
        { STR("GET / HTTP/1.1\r\nA : b\r\n"), NAME },
        { STR("GET / HTTP/1.1\r\nA\0: b\r\n"), NAME },
        { STR("GET / HTTP/1.1\r\nA: b\0c\r\n"),
          "400 malformed request: a control character in a header" },
        { STR("GET / HTTP/1.1\r\nA: b\rc\r\n"),
          "400 malformed request: a control character in a header" },
        { STR("GET / HTTP/1.1\r\nA: b\r\n c\r\n"),
          "400 malformed request: a header line that goes on in the next" },
        { STR("GET / HTTP/1.1\r\n A: b\r\n"),
          "400 malformed request: a header line that goes on in the next" },
        { STR("P / HTTP/1.1\r\nContent-Length:\r\n"),
          "400 malformed request: Content-Length is no number" },
        { STR("P / HTTP/1.1\r\nContent-Length: -1\r\n"),
          "400 malformed request: Content-Length is no number" },
        { STR("P / HTTP/1.1\r\nContent-Length: +1\r\n"),
          "400 malformed request: Content-Length is no number" },
        { STR("P / HTTP/1.1\r\nContent-Length: 1, 1\r\n"),
          "400 malformed request: Content-Length is no number" },
        { STR("P / HTTP/1.1\r\nContent-Length: 0x10\r\n"),
          "400 malformed request: Content-Length is no number" },
        { STR("P / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n"),
          "413 the request body is too large" },
        { STR("P / HTTP/1.1\r\nContent-Length: 9223372036854775808\r\n"),
          "413 the request body is too large" },
        { STR("P / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n"),
          "400 malformed request: two different Content-Length headers" },
        { STR("P / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
          "400 malformed request: Content-Length beside Transfer-Encoding" },
        { STR("P / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
          "400 malformed request: Transfer-Encoding in HTTP/1.0" },
        { STR("P / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
          "501 of transfer encodings only chunked is served" },
        { STR("P / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
          "400 malformed request: two Transfer-Encoding headers" },
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        is_str(judged(bad[i].bytes), bad[i].want, "bad head %zu", i);
}

static void
test_limits(void)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_puts(&t, "GET /");
    while (t.len < HEAD_MAX - 1)
        text_putc(&t, 'x');
    is_str(judged(text_str(&t)), "more", "a request line may be long");
    text_putc(&t, 'x');
    is_str(judged(text_str(&t)), "414 the request line is too long", "but not that long");

    text_clear(&t);
    text_puts(&t, "GET / HTTP/1.1\r\nA: ");
    while (t.len < HEAD_MAX - 4)
        text_putc(&t, 'x');
    text_puts(&t, "\r\n\r\n");
    is_str(judged(text_str(&t)), "whole", "a head of just the limit");
    memcpy(t.ptr + HEAD_MAX - 4, "x\r\n\r", 4);
    text_putc(&t, '\n');
    is_str(judged(text_str(&t)), "431 the request's head is too large", "and one byte more");

    text_clear(&t);
    text_puts(&t, "GET / HTTP/1.1\r\n");
    for (unsigned i = 0; i < HEAD_FIELDS; i++)
        text_puts(&t, "A:\r\n");
    text_puts(&t, "\r\n");
    is_str(judged(text_str(&t)), "whole", "as many headers as there may be");
    t.len -= 2;
    text_puts(&t, "A:\r\n\r\n");
    is_str(judged(text_str(&t)), "431 the request has too many headers", "and one more");

    static const char *const many[] = { "GET /?", "a&", "GET / HTTP/1.1\r\nCookie: ", "a=b;" };
    for (size_t i = 0; i < ARRAY_LEN(many); i += 2) {
        size_t good = 0;
        for (size_t n = 0; n < 1000; n++) {
            text_clear(&t);
            text_puts(&t, many[i]);
            for (size_t k = 0; k < n; k++)
                text_puts(&t, many[i + 1]);
            text_puts(&t, i == 0 ? " HTTP/1.1\r\n\r\n" : "\r\n\r\n");
            if (strcmp(judged(text_str(&t)), "whole") != 0)
                break;
            good++;
        }
        ok(good > 150 && good < 200, "parameters and cookies weigh something (%zu)", good);
        is_str(judged(text_str(&t)), "431 the request's head is too large",
               "and too many are refused");
    }

    text_clear(&t);
    while (t.len < HEAD_MAX)
        text_puts(&t, "\r\n");
    is_str(judged(text_str(&t)), "400 malformed request: empty lines", "nothing but empty lines");
}

static void
test_chunks(void)
{
#define SIZE "400 malformed request: a chunk of the body has no proper size"
    static const struct {
        struct str bytes;
        const char *want;
    } bodies[] = {
        { STR("4\r\nabcd\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n"), "whole" },
        { STR("04\nabcd\n0\n\n"), "whole" },
        { STR("0\r\nA: b\r\n\r\n"), "whole" },
        { STR("zz\r\n"), SIZE },
        { STR("z"), SIZE },
        { STR("\r\n"), SIZE },
        { STR("-1\r\n"), SIZE },
        { STR("4 \r\n"), SIZE },
        { STR("4\r\nabcde\r\n"),
          "400 malformed request: a chunk of the body is longer than its size" },
        { STR("4\r\nabcd\rx"),
          "400 malformed request: a chunk of the body is longer than its size" },
        { STR("fffffffffffffffff\r\n"), "413 the request body is too large" },
        { STR("0\r\nbroken\r\n\r\n"), NAME },
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct head_fault fault;
        size_t len = 0;
        enum head_found found = head_read_chunks(bodies[i].bytes, &len, &fault);
        is_str(said(found, &fault), bodies[i].want, "chunked body %zu", i);
        if (found != HEAD_WHOLE)
            continue;
        is_int(len, bodies[i].bytes.len, "and its length");
        size_t more = 0;
        for (size_t n = 0; n < len; n++)
            more += head_read_chunks((struct str){ bodies[i].bytes.ptr, n }, &len, &fault)
                == HEAD_MORE;
        is_int(more, len, "every beginning of it asks for more");
    }
}

int
main(void)
{
    test_good();
    test_bad();
    test_limits();
    test_chunks();
    return tap_done();
}
