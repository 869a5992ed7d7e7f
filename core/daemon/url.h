/* url.h - is this the URL of a server that evald may talk to?
 *
 * evald itself connects to nobody: what passes here is parsed once more, by libcurl, in the
 * gateway.  So only what both must read alike is let through. */
#ifndef EVALD_URL_H
#define EVALD_URL_H

#include <stdbool.h>

/* NULL, or what is wrong: words that stand behind the URL, like "has no host".
 *
 * Good ones: http://HOST[:PORT][/PATH], the same with https, and http+unix://SOCKET[/PATH] with
 * the socket's absolute path percent-encoded; no credentials, query or fragment.
 * host_only: http and https without a path.  Pure. */
const char *url_error(const char *url, bool host_only);

/* Takes a data set's URL, http or https, apart and puts it together again: scheme and host in
 * lower case, no default port, an IPv6 address in its usual form, "/" where there is no path.
 * NULL, or what is wrong, as above; a query is fine.  *ret_url is what to fetch, *ret_origin
 * scheme, host and port, "https://data.example.org:443"; free() both.  Either may be NULL. */
const char *url_take_apart(const char *url, char **ret_url, char **ret_origin);

/* Is the origin one of the hosts of the configuration ("https://host[:port]")?  Exactly: no
 * other scheme or port, nothing below a host. */
bool url_allowed(char *const *hosts, const char *origin);

#endif
