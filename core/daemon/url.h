/* url.h - is this the URL of a server that evald may talk to? */
#ifndef EVALD_URL_H
#define EVALD_URL_H

#include <stdbool.h>

/* NULL, or what is wrong: words that stand behind the URL, like "has no host".
 *
 * Good ones: http://HOST[:PORT][/PATH], the same with https, and http+unix://SOCKET[/PATH] with
 * the socket's absolute path percent-encoded; no credentials, query or fragment.
 * host_only: http and https without a path.  Pure. */
const char *url_error(const char *url, bool host_only);

#endif
