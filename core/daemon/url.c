#include "config.h"

#include <ctype.h>
#include <string.h>
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

const char *
url_error(const char *z, bool host_only)
{
    static const struct {
        const char *scheme;
        bool unix_socket;
    } schemes[] = { { "http://", false }, { "https://", false }, { "http+unix://", true } };
    for (const char *c = z; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || strchr("\"<>\\^`{|}", *c))
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
