#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "common/err.h"
#include "common/mem.h"
#include "common/text.h"
#include "tap.h"

static void
slices(void)
{
    ok(str_eq(STR("abc"), str_z("abc")) && !str_eq(STR("abc"), STR("abd")), "bytes decide");
    ok(!str_eq(STR("abc"), STR("ab")) && !str_is(STR("ab"), "abc"), "and the length");
    ok(str_eq((struct str){ NULL, 0 }, STR("")) && str_is(str_z(NULL), ""), "empty is empty");
    ok(!str_eq(STR("a\0b"), STR("a\0c")), "a NUL does not end a slice");
}

static void
growing(void)
{
    struct text t = TEXT_INIT;
    ok(str_is(text_str(&t), ""), "empty text is an empty slice");
    text_clear(&t);
    ok(t.ptr == NULL, "clearing what is empty allocates nothing");
    text_put(&t, NULL, 0);
    is_str(t.ptr, "", "no bytes are no text");
    for (int i = 0; i < 1000; i++)
        text_putf(&t, "%03d,", i);
    is_int(t.len, 4000, "a thousand pieces");
    ok(memcmp(t.ptr + 3996, "999,", 5) == 0, "end with the last and a NUL");
    char *at = t.ptr;
    text_clear(&t);
    ok(t.len == 0 && t.ptr == at && t.ptr[0] == '\0', "clearing keeps the room");
    text_putf(&t, "%0500d", 7);
    is_int(t.len, 500, "a long piece at once");
    text_putc(&t, '\0');
    text_puts(&t, "x");
    ok(t.len == 502 && t.ptr[500] == '\0' && t.ptr[501] == 'x', "a NUL is a byte");
    CLEANUP_FREE char *taken = text_take(&t);
    ok(memcmp(taken + 500, "\0x", 3) == 0, "the bytes are handed out");
    ok(t.ptr == NULL && t.len == 0 && t.room == 0, "and the text is empty");
    CLEANUP_FREE char *nothing = text_take(&t);
    is_str(nothing, "", "empty text hands out an empty string");
    text_put_str(&t, STR("a\0b"));
    is_int(t.len, 3, "a slice goes in whole");
    text_fini(&t);
    text_fini(&t);
    text_fini(NULL);
    ok(t.ptr == NULL, "it can be freed twice");

    CLEANUP_TEXT struct text big = TEXT_INIT;
    text_reserve(&big, 100000);
    at = big.ptr;
    for (int i = 0; i < 100000; i++)
        text_putc(&big, 'x');
    ok(big.ptr == at, "reserved room is enough");
}

static void
utf8(void)
{
    static const struct {
        struct str text;
        size_t good;
        const char *repaired;
    } cases[] = {
        { STR(""), 0, "" },
        { STR("plain ascii, longer than eight"), 30, "plain ascii, longer than eight" },
        { STR("\xc2\x80\xdf\xbf"), 4, "\xc2\x80\xdf\xbf" },
        { STR("\xe0\xa0\x80\xef\xbf\xbf"), 6, "\xe0\xa0\x80\xef\xbf\xbf" },
        { STR("\xed\x9f\xbf\xee\x80\x80"), 6, "\xed\x9f\xbf\xee\x80\x80" },
        { STR("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), 8, "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
        { STR("a\x80z"), 1, "a\xef\xbf\xbdz" },
        { STR("\xc0\xaf"), 0, "\xef\xbf\xbd" },
        { STR("\xc1\xbf"), 0, "\xef\xbf\xbd" },
        { STR("\xe0\x9f\xbf"), 0, "\xef\xbf\xbd" },
        { STR("\xed\xa0\x80"), 0, "\xef\xbf\xbd" },
        { STR("\xf0\x8f\xbf\xbf"), 0, "\xef\xbf\xbd" },
        { STR("\xf4\x90\x80\x80"), 0, "\xef\xbf\xbd" },
        { STR("\xf5\x80\x80\x80"), 0, "\xef\xbf\xbd" },
        { STR("\xff\xfe"), 0, "\xef\xbf\xbd\xef\xbf\xbd" },
        { STR("12345678\xc3"), 8, "12345678\xef\xbf\xbd" },
        { STR("ab\xe2\x82"), 2, "ab\xef\xbf\xbd" },
        { STR("ab\xe2\x82" "c"), 2, "ab\xef\xbf\xbd" "c" },
        { STR("ab\xf0\x9f\x98\xc3\xa9"), 2, "ab\xef\xbf\xbd\xc3\xa9" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *copy = xmalloc(cases[i].text.len); /* its end is the end of the allocation */
        memcpy(copy, cases[i].text.ptr, cases[i].text.len);
        is_int(utf8_valid_prefix(copy, cases[i].text.len), cases[i].good, "prefix of case %zu",
               i);
        CLEANUP_TEXT struct text t = TEXT_INIT;
        text_puts(&t, "");
        text_put_utf8(&t, (struct str){ copy, cases[i].text.len });
        is_str(t.ptr, cases[i].repaired, "case %zu repaired", i);
        free(copy);
    }

    size_t wrong = 0;
    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        char out[4];
        size_t n = utf8_encode(cp, out);
        bool surrogate = cp >= 0xd800 && cp < 0xe000;
        wrong += n != (cp < 0x80 ? 1u : cp < 0x800 ? 2u : cp < 0x10000 ? 3u : 4u);
        wrong += utf8_valid_prefix(out, n) != (surrogate ? 0 : n);
    }
    is_int(wrong, 0, "every code point but surrogates encodes to valid UTF-8");
}

static void
digits(void)
{
    char hex[9] = "";
    hex_encode(hex, "\0\x7f\x80\xff", 4);
    is_str(hex, "007f80ff", "bytes as digits");
}

static void
errors(void)
{
    struct err err = { 0 };
    is_int(err_set(NULL, ERR_IO, "x"), -1, "nobody need want the error");
    is_int(err_prefix(NULL, "x"), -1, "nor its prefix");
    is_int(err_set(&err, ERR_NOT_FOUND, "plugin %s", "a"), -1, "an error is -1");
    ok(err.code == ERR_NOT_FOUND && strcmp(err.text, "plugin a") == 0, "with code and text");
    is_int(err_prefix(&err, "job %d", 7), -1, "a prefix keeps it so");
    ok(err.code == ERR_NOT_FOUND && strcmp(err.text, "job 7: plugin a") == 0,
       "and goes in front");
    ok(ERR_NULL(&err, ERR_BUSY, "full") == NULL && err.code == ERR_BUSY, "ERR_NULL is NULL");
    errno = ENOSPC;
    err_set(&err, ERR_NOSPACE, "write: %m");
    ok(errno == ENOSPC && strcmp(err.text, "write: No space left on device") == 0,
       "errno is told and kept");

    static const char *const chars[] = { "x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80" };
    size_t wrong = 0;
    for (size_t c = 0; c < ARRAY_LEN(chars); c++)
        for (size_t lead = 0; lead < 4; lead++) {
            CLEANUP_TEXT struct text t = TEXT_INIT;
            text_puts(&t, "");
            for (size_t i = 0; i < lead; i++)
                text_putc(&t, '.');
            for (int i = 0; i < 600; i++)
                text_puts(&t, chars[c]);
            size_t max = sizeof err.text - 1, width = strlen(chars[c]);
            err_set(&err, ERR_INVALID, "%s", t.ptr);
            wrong += strlen(err.text) != lead + (max - lead) / width * width;
            wrong += utf8_valid_prefix(err.text, strlen(err.text)) != strlen(err.text);
            err_prefix(&err, "prefix");
            wrong += strncmp(err.text, "prefix: ", 8) != 0;
            wrong += utf8_valid_prefix(err.text, strlen(err.text)) != strlen(err.text);
        }
    is_int(wrong, 0, "text that is too long is cut between characters");

    static const struct {
        enum err_code code;
        int http, exit_status;
        const char *name;
    } codes[] = {
        { ERR_NONE, 200, 0, "none" },        { ERR_INVALID, 400, 1, "invalid" },
        { ERR_USAGE, 400, 2, "usage" },      { ERR_DENIED, 403, 1, "denied" },
        { ERR_NOT_FOUND, 404, 1, "not_found" }, { ERR_CONFLICT, 409, 1, "conflict" },
        { ERR_TOO_LARGE, 413, 1, "too_large" }, { ERR_BUSY, 429, 1, "busy" },
        { ERR_INTERNAL, 500, 1, "internal" }, { ERR_PLUGIN, 500, 1, "plugin" },
        { ERR_NOTSUP, 501, 1, "not_supported" }, { ERR_REMOTE, 502, 1, "remote" },
        { ERR_SHUTDOWN, 503, 1, "shutdown" }, { ERR_TIMEOUT, 504, 1, "timeout" },
        { ERR_NOSPACE, 507, 1, "no_space" },  { ERR_NOT_READY, 503, 1, "not_ready" },
        { (enum err_code)99, 500, 1, "internal" },
    };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        ok(err_http_status(codes[i].code) == codes[i].http
               && err_exit_status(codes[i].code) == codes[i].exit_status,
           "statuses of %s", codes[i].name);
        is_str(err_code_name(codes[i].code), codes[i].name, "name of code %d",
               (int)codes[i].code);
    }
    ok(err_from_errno(ENOENT) == ERR_NOT_FOUND && err_from_errno(EACCES) == ERR_DENIED
           && err_from_errno(ENOSPC) == ERR_NOSPACE && err_from_errno(EDQUOT) == ERR_NOSPACE
           && err_from_errno(ENOMEM) == ERR_NOMEM && err_from_errno(ETIMEDOUT) == ERR_TIMEOUT
           && err_from_errno(EIO) == ERR_IO,
       "errno maps to codes");
}

int
main(void)
{
    slices();
    growing();
    utf8();
    digits();
    errors();
    return tap_done();
}
