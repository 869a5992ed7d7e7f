/* Which route a request reaches, and what its path becomes on the way. */
#include "config.h"

#include <stdlib.h>

#include "common/mem.h"
#include "daemon/api.h"
#include "daemon/prefer.h"
#include "daemon/routes.h"
#include "tap.h"

static const char B[] = "/eval/benchmarks/{benchmark_id}";

struct way {
    const char *method, *path; /* encoded */
    enum routes_found found;
    const char *more; /* template; Allow; or Location */
    const char *first, *second; /* parameters */
};

static const struct way ways[] = {
    { "GET", "/v1/health", ROUTES_FOUND, "/health", NULL, NULL },
    { "GET", "/v1alpha/health", ROUTES_NONE, "", NULL, NULL },
    { "GET", "/v1alpha/admin/health", ROUTES_FOUND, "/admin/health", NULL, NULL },
    { "GET", "/v1//health", ROUTES_NONE, "", NULL, NULL },
    { "GET", "/v2/health", ROUTES_NONE, "", NULL, NULL },
    { "GET", "/v1", ROUTES_NONE, "", NULL, NULL },
    { "GET", "/", ROUTES_NONE, "", NULL, NULL },
    { "GET", "", ROUTES_NONE, "", NULL, NULL },
    { "GET", "/v1/health/", ROUTES_REDIRECT, "/v1/health", NULL, NULL },
    { "POST", "/v1/health//", ROUTES_REDIRECT, "/v1/health", NULL, NULL },
    { "GET", "/v1alpha/eval/benchmarks/a b/", ROUTES_REDIRECT,
      "/v1alpha/eval/benchmarks/a%20b", NULL, NULL },
    { "HEAD", "/v1/health", ROUTES_OTHER_METHODS, "GET", NULL, NULL },
    { "OPTIONS", "/v1/eval/benchmarks", ROUTES_OTHER_METHODS, "GET, POST", NULL, NULL },
    { "PUT", "/v1beta/datasets/x/y", ROUTES_OTHER_METHODS, "GET, DELETE", NULL, NULL },
    { "get", "/v1/health", ROUTES_OTHER_METHODS, "GET", NULL, NULL },
    { "PUT", "/v1/models", ROUTES_OTHER_METHODS, "GET, POST", NULL, NULL },

    { "GET", "/v1alpha/eval/benchmarks", ROUTES_FOUND, "/eval/benchmarks", NULL, NULL },
    { "GET", "/v1alpha/eval/benchmarks/mmlu::pro", ROUTES_FOUND, B, "mmlu::pro", NULL },
    { "DELETE", "/v1/eval/benchmarks/x%3A%3Ay", ROUTES_FOUND, B, "x::y", NULL },
    { "GET", "/v1alpha/eval/benchmarks/a%2Fb", ROUTES_NONE, "", NULL, NULL },
    { "GET", "/v1alpha/eval/benchmarks/a/jobs/12", ROUTES_FOUND,
      "/eval/benchmarks/{benchmark_id}/jobs/{job_id}", "a", "12" },
    { "GET", "/v1/eval/benchmarks/a/jobs/12/result", ROUTES_FOUND,
      "/eval/benchmarks/{benchmark_id}/jobs/{job_id}/result", "a", "12" },
    { "POST", "/v1/eval/benchmarks/a/jobs", ROUTES_FOUND,
      "/eval/benchmarks/{benchmark_id}/jobs", "a", NULL },
    { "GET", "/v1/eval/benchmarks//jobs", ROUTES_NONE, "", NULL, NULL },
    { "GET", "/v1alpha/eval/jobs", ROUTES_FOUND, "/eval/jobs", NULL, NULL },
    { "GET", "/v1beta/eval/jobs", ROUTES_NONE, "", NULL, NULL },
    { "POST", "/v1/eval/compare", ROUTES_NONE, "", NULL, NULL },

    { "GET", "/v1/datasets", ROUTES_FOUND, "/datasets", NULL, NULL },
    { "GET", "/v1/datasets/", ROUTES_FOUND, "/datasets/{dataset_id:path}", "", NULL },
    { "GET", "/v1beta/datasets/org/set-1", ROUTES_FOUND, "/datasets/{dataset_id:path}",
      "org/set-1", NULL },
    { "GET", "/v1beta/datasets/org%2Fset-1/", ROUTES_FOUND, "/datasets/{dataset_id:path}",
      "org/set-1/", NULL },
    { "GET", "/v1/datasetio/iterrows/a%20%C3%A9", ROUTES_FOUND,
      "/datasetio/iterrows/{dataset_id:path}", "a \303\251", NULL },
    { "GET", "/v1/scoring-functions/acme::judge%2Fx/v1", ROUTES_FOUND,
      "/scoring-functions/{scoring_fn_id:path}", "acme::judge/x/v1", NULL },
    { "GET", "/v1alpha/scoring-functions", ROUTES_NONE, "", NULL, NULL },
    { "GET", "/v1/models/vllm%2Ftiny-random", ROUTES_FOUND, "/models/{model_id:path}",
      "vllm/tiny-random", NULL },
    { "GET", "/v1/openai/v1/models", ROUTES_FOUND, "/openai/v1/models", NULL, NULL },
    { "GET", "/v1/providers/a%", ROUTES_FOUND, "/providers/{provider_id}", "a%", NULL },
    { "GET", "/v1/providers/a%4", ROUTES_FOUND, "/providers/{provider_id}", "a%4", NULL },
    { "GET", "/v1/providers/%zz", ROUTES_FOUND, "/providers/{provider_id}", "%zz", NULL },
    { "GET", "/v1/providers/", ROUTES_REDIRECT, "/v1/providers", NULL, NULL },
};

static void
test_way(const struct way *w)
{
    struct err err;
    struct routes_match m = { .route = NULL };
    CLEANUP_TEXT struct text path = TEXT_INIT, more = TEXT_INIT;
    if (routes_decode(str_z(w->path), &path, &err) < 0) {
        ok(false, "%s decodes", w->path);
        return;
    }
    enum routes_found found = routes_find(w->method, path.ptr, &m, &more);
    is_int(found, w->found, "%s %s", w->method, w->path);
    if (found == ROUTES_FOUND) {
        is_str(m.route->path, w->more, "  its route");
        is_str(m.params[0], w->first, "  its first parameter");
        is_str(m.params[1], w->second, "  its second parameter");
    } else {
        is_str(more.ptr != NULL ? more.ptr : "", w->more, "  what is said about it");
    }
    free(m.params[0]);
    free(m.params[1]);
}

/* 7 stands for the configured time. */
static void
test_prefer(const char *value, int wait_ms, const char *applied)
{
    struct prefer p = { .async = false };
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_put(&t, "", 0);
    prefer_parse(&p, value);
    prefer_put_applied(&p, &t);
    is_int(prefer_wait_ms(&p, 7), wait_ms, "Prefer: %s waits", value);
    is_str(t.ptr, applied, "Prefer: %s is applied as", value);
}

int
main(void)
{
    test_prefer("", 7, "");
    test_prefer("respond-async", 0, "respond-async");
    test_prefer("handling=lenient, Respond-Async;x=1", 0, "respond-async");
    test_prefer("wait=3", 3000, "wait=3");
    test_prefer(" wait = \"5\" ; a, wait=9", 5000, "wait=5");
    test_prefer("respond-async, wait=10", 10000, "respond-async, wait=10");
    test_prefer("wait=0", 0, "wait=0");
    test_prefer("wait=99999999999999999999", 86400000, "wait=86400");
    test_prefer("wait=, wait=x, wait, wait=-1, ,;=", 7, "");


    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        test_way(&ways[i]);

    struct err err;
    CLEANUP_TEXT struct text path = TEXT_INIT;
    ok(routes_decode(STR("/v1/x%00y"), &path, &err) < 0, "an encoded NUL is refused");
    is_str(err.text, "path: byte 5 is a NUL", "with its place");
    ok(routes_decode(STR("/v1/%ff"), &path, &err) < 0, "a path that is not UTF-8 is refused");
    is_str(err.text, "path: byte 4 is not UTF-8", "with its place");

    size_t n = 0, good = 0;
    for (const struct route *r; (r = routes_at(n)) != NULL; n++)
        good += (r->deprecated & ~r->levels) == 0 && r->handler != NULL
            && (r->levels & ~r->deprecated) != 0;
    is_int(good, n, "every deprecated alias has a successor");
    return tap_done();
}
