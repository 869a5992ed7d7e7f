#include "config.h"

#include <ctype.h>
#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "daemon/dataurl.h"

static int
hex_digit(char c)
{
    return c >= '0' && c <= '9'         ? c - '0'
           : isxdigit((unsigned char)c) ? (c | 0x20) - 'a' + 10
                                        : -1;
}

void
percent_decode(struct text *t, const char *z)
{
    for (;;) {
        size_t n = strcspn(z, "%");
        text_put(t, z, n);
        z += n;
        if (*z == '\0')
            return;
        int high = hex_digit(z[1]), low = high < 0 ? -1 : hex_digit(z[2]);
        text_putc(t, low < 0 ? '%' : (char)(high * 16 + low));
        z += low < 0 ? 1 : 3;
    }
}

static int
base64_put(struct text *t, const char *z, struct err *err)
{
    struct base64_decode_ctx cx;
    size_t len = strlen(z), got = BASE64_DECODE_LENGTH(len);
    CLEANUP_FREE uint8_t *buf = malloc(got + 1);
    if (buf == NULL)
        return err_set(err, ERR_NOMEM, "data URL: out of memory");
    base64_decode_init(&cx);
    if (!base64_decode_update(&cx, &got, buf, len, z) || !base64_decode_final(&cx))
        return err_set(err, ERR_INVALID, "Invalid Data URL format: the payload is not base64");
    text_put(t, buf, got);
    return 0;
}

static bool
is_utf8_name(struct str s)
{
    static const char *const names[] = { "utf-8", "utf8", "us-ascii", "ascii" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (s.len == strlen(names[i]) && strncasecmp(s.ptr, names[i], s.len) == 0)
            return true;
    return false;
}

int
dataurl_decode(const char *url, struct str *ret_mime, struct text *ret_bytes, struct err *err)
{
    const char *at = url;
    if (strncmp(at, "data:", 5) != 0)
        return err_set(err, ERR_INVALID, "Invalid Data URL format");
    at += 5;
    struct str mime = { at, 0 };
    while (isalnum((unsigned char)*at) || (*at != '\0' && strchr("_/-+.", *at) != NULL))
        at++;
    mime.len = (size_t)(at - mime.ptr);
    struct str charset = STR("utf-8");
    if (strncmp(at, ";charset=", 9) == 0) {
        charset.ptr = at + 9;
        charset.len = strcspn(charset.ptr, ";,");
        at = charset.ptr + charset.len;
    }
    bool base64 = strncmp(at, ";base64,", 8) == 0;
    if (base64)
        at += 7;
    if (mime.len == 0 || charset.len == 0 || *at != ',')
        return err_set(err, ERR_INVALID, "Invalid Data URL format");
    if (!base64 && !is_utf8_name(charset)) /* the reference never looks at it for bytes */
        return err_set(err, ERR_INVALID,
                       "Invalid Data URL format: charset %.*s is not supported, "
                       "only utf-8",
                       charset.len < 40 ? (int)charset.len : 40, charset.ptr);
    at++;
    if (!base64)
        percent_decode(ret_bytes, at);
    else if (base64_put(ret_bytes, at, err) < 0)
        return -1;
    *ret_mime = mime;
    return 0;
}
