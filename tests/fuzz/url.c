/* Any bytes as the URL of a data set: what evald checks is where libcurl, which parses it again
 * in the gateway, would go. */
#include "config.h"

#include <assert.h>
#include <curl/curl.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/url.h"
#include "fuzz.h"

struct place {
    char *scheme, *host, *port, *user;
};

/* false: libcurl goes nowhere. */
static bool
take_apart(const char *url, struct place *p)
{
    CURLU *u = curl_url();
    *p = (struct place){ NULL, NULL, NULL, NULL };
    bool good = curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK
                && curl_url_get(u, CURLUPART_SCHEME, &p->scheme, 0) == CURLUE_OK
                && curl_url_get(u, CURLUPART_HOST, &p->host, 0) == CURLUE_OK
                && curl_url_get(u, CURLUPART_PORT, &p->port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    if (good && curl_url_get(u, CURLUPART_USER, &p->user, 0) != CURLUE_OK)
        p->user = NULL;
    curl_url_cleanup(u);
    return good;
}

static void
forget(struct place *p)
{
    curl_free(p->scheme);
    curl_free(p->host);
    curl_free(p->port);
    curl_free(p->user);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_FREE char *z = xstrndup((const char *)data, size);
    CLEANUP_FREE char *url = NULL, *origin = NULL, *again = NULL, *origin_again = NULL;
    if (url_take_apart(z, &url, &origin) != NULL) {
        assert(url == NULL && origin == NULL);
        return 0;
    }
    const char *why = url_take_apart(url, &again, &origin_again);
    assert(why == NULL && strcmp(url, again) == 0 && strcmp(origin, origin_again) == 0);
    char *hosts[] = { origin, NULL };
    assert(url_allowed(hosts, origin));
    struct place want, got;
    bool checked = take_apart(origin, &want), fetched = take_apart(url, &got);
    assert(!fetched || (checked && strcmp(want.scheme, got.scheme) == 0
                        && strcmp(want.host, got.host) == 0
                        && strcmp(want.port, got.port) == 0 && got.user == NULL));
    (void)why;
    (void)checked;
    (void)fetched;
    forget(&want);
    forget(&got);
    return 0;
}
