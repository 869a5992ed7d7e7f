#include "config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "common/mem.h"
#include "common/text.h"
#include "daemon/url.h"

#define SOCKET_PATH_MAX (sizeof ((struct sockaddr_un *)NULL)->sun_path - 1)

/* What is wrong with the authority "host[:port]"; NULL: nothing. */
static const char *
authority_error(struct str a)
{
    size_t i = 0;
    if (a.len > 0 && a.ptr[0] == '[') {
        const char *close = memchr(a.ptr, ']', a.len);
        if (close == NULL || close == a.ptr + 1)
            return "has a bad IPv6 address";
        i = (size_t)(close - a.ptr) + 1;
        if (strspn(a.ptr + 1, "0123456789abcdefABCDEF:.%") < i - 2)
            return "has a bad IPv6 address";
    } else {
        for (; i < a.len && a.ptr[i] != ':'; i++)
            if (!isalnum((unsigned char)a.ptr[i]) && strchr("-._~", a.ptr[i]) == NULL)
                return a.ptr[i] == '@' ? "must not hold credentials (use key_file)"
                                       : "has a bad host name";
        if (memchr(a.ptr, '@', a.len) != NULL)
            return "must not hold credentials (use key_file)";
        if (i == 0)
            return "has no host";
    }
    if (i == a.len)
        return NULL;
    unsigned long port = 0;
    if (a.ptr[i] != ':' || i + 1 == a.len || a.len - i > 6)
        return "has a bad port";
    for (i++; i < a.len; i++) {
        if (!isdigit((unsigned char)a.ptr[i]))
            return "has a bad port";
        port = port * 10 + (unsigned long)(a.ptr[i] - '0');
    }
    return port == 0 || port > 65535 ? "has a bad port" : NULL;
}

/* The host of http+unix is a socket's absolute path, percent-encoded. */
static const char *
socket_host_error(struct str a)
{
    size_t n = 0;
    if (a.len < 3 || a.ptr[0] != '%' || a.ptr[1] != '2' || (a.ptr[2] | 0x20) != 'f')
        return "must begin with http+unix://%2F, the encoded absolute path of a socket";
    for (size_t i = 0; i < a.len; i++, n++) {
        if (a.ptr[i] != '%')
            continue;
        if (a.len - i < 3 || !isxdigit((unsigned char)a.ptr[i + 1])
            || !isxdigit((unsigned char)a.ptr[i + 2])
            || (a.ptr[i + 1] == '0' && a.ptr[i + 2] == '0'))
            return "has a bad percent escape";
        i += 2;
    }
    return n > SOCKET_PATH_MAX ? "names a socket path that is too long" : NULL;
}

static bool
only_url_bytes(const char *z)
{
    for (; *z != '\0'; z++)
        if ((unsigned char)*z <= ' ' || (unsigned char)*z >= 0x7f || strchr("\"<>\\^`{|}", *z))
            return false;
    return true;
}

const char *
url_error(const char *z, bool host_only)
{
    static const struct {
        const char *scheme;
        bool unix_socket;
    } schemes[] = { { "http://", false }, { "https://", false }, { "http+unix://", true } };
    if (!only_url_bytes(z))
        return "holds a character that no URL may have";
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t n = strlen(schemes[i].scheme);
        if (strncmp(z, schemes[i].scheme, n) != 0 || (host_only && schemes[i].unix_socket))
            continue;
        struct str host = { z + n, strcspn(z + n, "/?#") };
        if (strpbrk(z, "?#") != NULL)
            return "must not have a query or fragment";
        if (host_only && host.ptr[host.len] != '\0')
            return "must be scheme and host alone";
        return schemes[i].unix_socket ? socket_host_error(host) : authority_error(host);
    }
    return host_only ? "must begin with https:// or http://"
                     : "must begin with https://, http:// or http+unix://";
}

/* Appends a host that authority_error() found good, in the one form it is compared in. */
static const char *
put_host(struct text *t, struct str host)
{
    if (host.ptr[0] != '[') {
        for (size_t i = 0; i < host.len; i++)
            text_putc(t, (char)tolower((unsigned char)host.ptr[i]));
        return NULL;
    }
    struct in6_addr address;
    char z[INET6_ADDRSTRLEN];
    if (host.len - 2 >= sizeof z)
        return "has a bad IPv6 address";
    memcpy(z, host.ptr + 1, host.len - 2);
    z[host.len - 2] = '\0';
    if (inet_pton(AF_INET6, z, &address) != 1) /* no zone either: it means nothing elsewhere */
        return "has a bad IPv6 address";
    text_putf(t, "[%s]", inet_ntop(AF_INET6, &address, z, sizeof z));
    return NULL;
}

const char *
url_take_apart(const char *url, char **ret_url, char **ret_origin)
{
    bool secure = strncasecmp(url, "https://", 8) == 0;
    if (!secure && strncasecmp(url, "http://", 7) != 0)
        return "must begin with https:// or http://";
    if (!only_url_bytes(url))
        return "holds a character that no URL may have";
    const char *rest = url + (secure ? 8 : 7);
    struct str authority = { rest, strcspn(rest, "/?#") };
    rest += authority.len;
    if (strchr(rest, '#') != NULL)
        return "must not have a fragment";
    const char *why = authority_error(authority);
    if (why != NULL)
        return why;

    CLEANUP_TEXT struct text host = TEXT_INIT, all = TEXT_INIT;
    size_t host_len = authority.len;
    while (host_len > 0 && isdigit((unsigned char)authority.ptr[host_len - 1]))
        host_len--;
    bool has_port = host_len > 1 && host_len < authority.len
                    && authority.ptr[host_len - 1] == ':';
    if (authority.ptr[0] == '[' && authority.ptr[authority.len - 1] == ']')
        has_port = false;
    unsigned port = secure ? 443 : 80, given = port;
    if (has_port) {
        given = (unsigned)strtoul(authority.ptr + host_len, NULL, 10);
        host_len--;
    } else {
        host_len = authority.len;
    }
    why = put_host(&host, (struct str){ authority.ptr, host_len });
    if (why != NULL)
        return why;
    text_putf(&all, "%s://%s", secure ? "https" : "http", host.ptr);
    if (ret_origin != NULL)
        *ret_origin = xasprintf("%s:%u", all.ptr, given);
    if (ret_url == NULL)
        return NULL;
    if (given != port)
        text_putf(&all, ":%u", given);
    text_puts(&all, *rest == '/' ? "" : "/");
    text_puts(&all, rest);
    *ret_url = text_take(&all);
    return NULL;
}

bool
url_allowed(char *const *hosts, const char *origin)
{
    for (; hosts != NULL && *hosts != NULL; hosts++) {
        CLEANUP_FREE char *allowed = NULL;
        if (url_take_apart(*hosts, NULL, &allowed) == NULL && strcmp(allowed, origin) == 0)
            return true;
    }
    return false;
}
