#include "config.h"

#include <curl/curl.h>
#include <math.h>
#include <stdlib.h>

#include "retry.h"

bool
retry_http_status(int status)
{
    return status == 408 || status == 429 || status >= 500;
}

static bool
read_number(struct str s, double *ret)
{
    char z[32], *end;
    if (s.len == 0 || s.len >= sizeof z)
        return false;
    memcpy(z, s.ptr, s.len);
    z[s.len] = '\0';
    if (z[strspn(z, "0123456789.")] != '\0')
        return false;
    *ret = strtod(z, &end);
    return end != z && *end == '\0' && isfinite(*ret);
}

static int64_t
at_most(double ms)
{
    return ms >= RETRY_AFTER_MOST_MS ? RETRY_AFTER_MOST_MS : ms <= 0 ? 0 : (int64_t)ceil(ms);
}

int64_t
retry_after_ms(struct str after_ms, struct str after, int64_t now_unix_ms)
{
    double n;
    if (read_number(after_ms, &n))
        return at_most(n);
    if (read_number(after, &n))
        return at_most(n * 1000);
    char z[64];
    if (after.len == 0 || after.len >= sizeof z)
        return -1;
    memcpy(z, after.ptr, after.len);
    z[after.len] = '\0';
    time_t t = curl_getdate(z, NULL); /* RFC 9110 5.6.7 and its older forms */
    return t == -1 ? -1 : at_most((double)t * 1000 - (double)now_unix_ms);
}

int64_t
retry_wait_ms(unsigned attempts, int64_t after_ms, double random)
{
    if (after_ms > 0) /* so that those sent away together do not come back together */
        return after_ms + (int64_t)(random * RETRY_FIRST_MS);
    double top = RETRY_FIRST_MS;
    for (unsigned i = 1; i < attempts && top < RETRY_MOST_MS; i++)
        top *= 2;
    return (int64_t)(random * (top < RETRY_MOST_MS ? top : RETRY_MOST_MS));
}
