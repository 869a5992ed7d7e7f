/* URLs of data sets: what evald lets through, and what it makes of them. */
#include "config.h"


#include "common/mem.h"
#include "daemon/url.h"
#include "tap.h"

static void
becomes(const char *url, const char *want_url, const char *want_origin)
{
    CLEANUP_FREE char *got = NULL, *origin = NULL;
    const char *why = url_take_apart(url, &got, &origin);
    ok(why == NULL, "%s is fine", url);
    if (why != NULL) {
        diag("%s", why);
        return;
    }
    is_str(got, want_url, "%s is fetched as %s", url, want_url);
    is_str(origin, want_origin, "... from %s", want_origin);
}

static void
refused(const char *url, const char *want)
{
    char *got = NULL, *origin = NULL;
    is_str(url_take_apart(url, &got, &origin), want, "%s %s", url, want);
    ok(got == NULL && origin == NULL, "... and nothing is returned");
}

static void
allowed(const char *host, const char *url, bool want)
{
    char *hosts[] = { (char *)"https://before.example", (char *)host, NULL };
    CLEANUP_FREE char *origin = NULL;
    if (url_take_apart(url, NULL, &origin) != NULL)
        ok(false, "%s is no URL", url);
    else
        ok(url_allowed(hosts, origin) == want, "%s %s %s", host, want ? "allows" : "refuses",
           url);
}

int
main(void)
{
    becomes("https://data.example.org/a/b.csv", "https://data.example.org/a/b.csv",
            "https://data.example.org:443");
    becomes("HTTP://Data.Example.ORG:80/A?x=Y&z", "http://data.example.org/A?x=Y&z",
            "http://data.example.org:80");
    becomes("https://h:8443", "https://h:8443/", "https://h:8443");
    becomes("http://h?q=/../x", "http://h/?q=/../x", "http://h:80");
    becomes("http://h:0080/x", "http://h/x", "http://h:80");
    becomes("http://10.0.0.1:81/x", "http://10.0.0.1:81/x", "http://10.0.0.1:81");
    becomes("http://[0:0::1]/x", "http://[::1]/x", "http://[::1]:80");
    becomes("https://[2001:DB8:0:0::1]:443/x", "https://[2001:db8::1]/x",
            "https://[2001:db8::1]:443");
    becomes("http://h1/x@y:z", "http://h1/x@y:z", "http://h1:80");

    refused("ftp://h/x", "must begin with https:// or http://");
    refused("http:/h/x", "must begin with https:// or http://");
    refused("http:///x", "has no host");
    refused("http://:80/x", "has no host");
    refused("http://u@h/x", "must not hold credentials (use key_file)");
    refused("http://u:p@h/x", "must not hold credentials (use key_file)");
    refused("http://h:80@evil/x", "must not hold credentials (use key_file)");
    refused("http://h\\@evil/x", "holds a character that no URL may have");
    refused("http://h /x", "holds a character that no URL may have");
    refused("http://h/\xc3\xa9", "holds a character that no URL may have");
    refused("http://h/x#y", "must not have a fragment");
    refused("http://h#@evil/x", "must not have a fragment");
    refused("http://h%2eevil/x", "has a bad host name");
    refused("http://h:/x", "has a bad port");
    refused("http://h:65536/x", "has a bad port");
    refused("http://h:-1/x", "has a bad port");
    refused("http://h:80:80/x", "has a bad port");
    refused("http://[::1/x", "has a bad IPv6 address");
    refused("http://[]/x", "has a bad IPv6 address");
    refused("http://[::1%25lo]/x", "has a bad IPv6 address");
    refused("http://[::1]x/x", "has a bad port");
    refused("http://[1.2.3.4]/x", "has a bad IPv6 address");

    allowed("https://data.example.org", "https://data.example.org/x", true);
    allowed("https://data.example.org", "https://DATA.example.org:443/x", true);
    allowed("https://data.example.org", "http://data.example.org/x", false);
    allowed("https://data.example.org", "https://data.example.org:444/x", false);
    allowed("https://data.example.org", "https://data.example.org.evil.org/x", false);
    allowed("https://data.example.org", "https://xdata.example.org/x", false);
    allowed("https://data.example.org", "https://data.example.org./x", false);
    allowed("https://Data.example.org:443", "https://data.example.org/x", true);
    allowed("http://h:8080", "http://h/x", false);
    allowed("http://h:8080", "http://h:8080/x", true);
    allowed("http://[::1]:80", "http://[0::1]/x", true);
    allowed("http://127.0.0.1", "http://127.1/x", false);
    ok(!url_allowed(NULL, "http://h:80"), "no hosts allow nothing");
    return tap_done();
}
