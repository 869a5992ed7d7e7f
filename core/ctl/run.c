#include "config.h"

#include <string.h>

#include "common/mem.h"
#include "ctl/ctl.h"
#include "ctl/plan.h"
#include "ctl/scores.h"

/* What is registered at, or below, one path of the API. */
struct thing {
    const char *kind, *collection, *id, *body;
};

static int
post_thing(const struct ctl *c, const struct thing *t, struct err *err)
{
    CLEANUP_TEXT struct text answer = TEXT_INIT;
    struct request rq = { .method = "POST", .path = t->collection, .body = str_z(t->body) };
    return client_call(c->client, &rq, &answer, err);
}

/* Registering the same again changes nothing; other content under the same id is refused by
 * evald, and replaced only when the caller said --replace.  Any other refusal would meet the
 * new one as well, so nothing is deleted for it. */
static int
register_thing(const struct ctl *c, const struct thing *t, struct err *err)
{
    if (post_thing(c, t, err) == 0)
        return 0;
    int status = client_status(c->client);
    if ((status != 400 && status != 409) || strstr(err->text, "already exists") == NULL)
        return err_prefix(err, "%s %s", t->kind, t->id);

    CLEANUP_FREE char *id = client_escape(c->client, t->id);
    CLEANUP_FREE char *path = xasprintf("%s/%s", t->collection, id);
    CLEANUP_TEXT struct text answer = TEXT_INIT;
    if (!c->replace) {
        err_prefix(err, "%s %s", t->kind, t->id);
        struct err refused = *err;
        return err_set(err, refused.code, "%s (evalctl run --replace registers it anew)",
                       refused.text);
    }
    struct request rq = { .method = "DELETE", .path = path };
    if (client_call(c->client, &rq, &answer, err) < 0 || post_thing(c, t, err) < 0)
        return err_prefix(err, "%s %s", t->kind, t->id);
    return 0;
}

static int
register_plan(const struct ctl *c, const struct plan *p, struct err *err)
{
    struct thing dataset = { "data set", "/v1beta/datasets", p->dataset_id, p->dataset_body };
    struct thing benchmark = { "benchmark", "/v1alpha/eval/benchmarks", p->benchmark_id,
                               p->benchmark_body };
    if (p->dataset_body != NULL && register_thing(c, &dataset, err) < 0)
        return -1;
    if (p->benchmark_body != NULL && register_thing(c, &benchmark, err) < 0)
        return -1;
    return 0;
}

/* The id of the new job; free() it. */
static char *
submit(const struct ctl *c, const struct plan *p, size_t i, struct err *err)
{
    CLEANUP_FREE char *benchmark = client_escape(c->client, p->benchmark_id);
    CLEANUP_FREE char *path = xasprintf("/v1alpha/eval/benchmarks/%s/jobs", benchmark);
    CLEANUP_FREE char *config = json_text(json_object_array_get_idx(p->runs, i));
    CLEANUP_FREE char *body = xasprintf("{\"benchmark_config\":%s}", config);
    char key[CLIENT_KEY_SIZE];
    client_make_key(key);
    struct request rq = { .method = "POST", .path = path, .body = str_z(body),
                          .prefer = "respond-async", .key = key, .patient = true };
    CLEANUP_TEXT struct text answer = TEXT_INIT;
    if (client_call(c->client, &rq, &answer, err) < 0)
        return NULL;
    CLEANUP_JSON json_object *job = NULL;
    if (json_parse(text_str(&answer), &job, NULL, err) < 0)
        return err_prefix(err, "evald's answer to %s", path), NULL;
    const char *id = json_get_str(job, "job_id", NULL);
    if (id == NULL)
        return ERR_NULL(err, ERR_INTERNAL, "evald's answer to %s has no job_id", path);
    return xstrdup(id);
}

static int
add_result(const struct ctl *c, const struct plan *p, const char *candidate, const char *job,
           struct scores *scores)
{
    struct err err;
    CLEANUP_FREE char *path = follow_job_path(c, p->benchmark_id, job, "/result");
    CLEANUP_TEXT struct text result = TEXT_INIT;
    if (client_get(c->client, path, &result, &err) < 0)
        return ctl_fail(c, &err);
    if (c->json)
        ctl_put_document(text_str(&result));
    else if (scores_add_result(scores, candidate, job, text_str(&result), &err) < 0)
        return ctl_fail(c, &err);
    return CTL_OK;
}

static int
run_one(const struct ctl *c, const struct plan *p, size_t i, struct scores *scores)
{
    char buf[256];
    const char *candidate = plan_candidate(p, i, buf, sizeof buf);
    struct err err;
    CLEANUP_FREE char *job = submit(c, p, i, &err);
    if (job == NULL) {
        scores_add_missing(scores, candidate, "-", "refused");
        err_prefix(&err, "run %zu (%s)", i + 1, candidate);
        return ctl_fail(c, &err);
    }
    struct job_end end = { 0 };
    int status = follow_job(c, p->benchmark_id, job, candidate, &end);
    if (status != CTL_OK)
        return status;
    if (strcmp(end.status, "completed") != 0) {
        scores_add_missing(scores, candidate, job, end.status);
        return follow_exit(&end);
    }
    status = add_result(c, p, candidate, job, scores);
    return status != CTL_OK ? status : follow_exit(&end);
}

/* Which of two exit statuses says more: failed, cancelled, some rows failed, all well. */
static int
worse(int a, int b)
{
    static const int order[] = { CTL_FAILED, CTL_CANCELLED, CTL_ROWS };
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        if (a == order[i] || b == order[i])
            return order[i];
    return CTL_OK;
}

int
run_command(const struct ctl *c, char **args)
{
    struct err err;
    __attribute__((cleanup(plan_fini))) struct plan plan = { 0 };
    if (plan_load(args[0], &plan, &err) < 0 || register_plan(c, &plan, &err) < 0)
        return ctl_fail(c, &err);

    struct scores *scores = scores_new();
    int status = CTL_OK;
    for (size_t i = 0; i < json_object_array_length(plan.runs); i++) {
        int one = run_one(c, &plan, i, scores);
        if (one == CTL_UNREACHABLE || one == CTL_INTERRUPTED) {
            status = one;
            break;
        }
        status = worse(status, one);
    }
    if (!c->json && scores_count(scores) > 0)
        scores_print(scores, stdout);
    scores_free(scores);
    return status;
}
