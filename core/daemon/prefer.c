#include "config.h"

#include <strings.h>

#include "daemon/prefer.h"

#define WAIT_MAX_S 86400

static struct str
trim(struct str s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s.ptr++, s.len--;
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

static bool
is_word(struct str s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.ptr, word, s.len) == 0;
}

static bool
parse_seconds(struct str s, int *ret)
{
    if (s.len >= 2 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"')
        s = (struct str){ s.ptr + 1, s.len - 2 };
    int n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        n = n * 10 + (s.ptr[i] - '0');
        n = n > WAIT_MAX_S ? WAIT_MAX_S : n;
    }
    *ret = n;
    return s.len > 0;
}

/* One preference: token [ "=" word ] *( ";" parameter ). */
static void
parse_one(struct prefer *p, struct str s)
{
    s.len = strcspn(s.ptr, ";,") < s.len ? strcspn(s.ptr, ";,") : s.len;
    const char *eq = memchr(s.ptr, '=', s.len);
    struct str token = { s.ptr, eq != NULL ? (size_t)(eq - s.ptr) : s.len };
    struct str value = { "", 0 };
    if (eq != NULL)
        value = (struct str){ eq + 1, s.len - token.len - 1 };
    token = trim(token);
    if (is_word(token, "respond-async"))
        p->async = true;
    else if (is_word(token, "wait") && !p->has_wait)
        p->has_wait = parse_seconds(trim(value), &p->wait_s);
}

void
prefer_parse(struct prefer *p, const char *value)
{
    while (*value != '\0') {
        size_t n = strcspn(value, ",");
        parse_one(p, (struct str){ value, n });
        value += n + (value[n] == ',');
    }
}

int
prefer_wait_ms(const struct prefer *p, int otherwise)
{
    return p->has_wait ? p->wait_s * 1000 : p->async ? 0 : otherwise;
}

void
prefer_put_applied(const struct prefer *p, struct text *t)
{
    if (p->async)
        text_puts(t, "respond-async");
    if (p->has_wait)
        text_putf(t, "%swait=%d", p->async ? ", " : "", p->wait_s);
}
