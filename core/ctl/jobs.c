#include "config.h"

#include <pwd.h>
#include <string.h>

#include "common/mem.h"
#include "ctl/ctl.h"
#include "ctl/progress.h"
#include "ctl/scores.h"
#include "ctl/table.h"

#define PAGE 500

static void
add_rows(struct table *t, json_object *job)
{
    int64_t done = json_get_int(job, "rows_done", 0);
    int64_t total = json_get_int(job, "rows_total", -1);
    if (total >= 0)
        table_addf(t, "%lld/%lld", (long long)done, (long long)total);
    else
        table_addf(t, "%lld", (long long)done);
}

/* A paused job's status is that of one that waits for its turn: which of both it is. */
static const char *
shown_status(json_object *job)
{
    return json_get_bool(job, "paused", false) ? "paused" : json_get_str(job, "status", "?");
}

static void
add_job(struct table *t, json_object *job)
{
    char when[32], took[32];
    int64_t started = json_get_int(job, "started_at", 0);
    int64_t ended = json_get_int(job, "ended_at", 0);
    ctl_format_time(json_get_int(job, "created_at", 0), when, sizeof when);
    progress_format_time(started > 0 && ended > 0 ? (double)(ended - started) / 1000.0 : -1,
                         took, sizeof took);
    table_add(t, json_get_str(job, "job_id", "?"));
    table_add(t, json_get_str(job, "benchmark_id", "?"));
    table_add(t, shown_status(job));
    add_rows(t, job);
    table_addf(t, "%lld", (long long)json_get_int(job, "rows_failed", 0));
    table_add(t, when);
    table_add(t, took);
}

/* What --status and --owner make of the query; a name of a user is looked up here. */
static int
list_filter(const struct ctl *c, char **ret, struct err *err)
{
    CLEANUP_FREE char *status = c->status != NULL ? client_escape(c->client, c->status) : NULL;
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_puts(&t, "");
    if (status != NULL)
        text_putf(&t, "&status=%s", status);
    if (c->owner != NULL && c->owner[strspn(c->owner, "0123456789")] != '\0') {
        const struct passwd *user = getpwnam(c->owner);
        if (user == NULL)
            return err_set(err, ERR_INVALID, "there is no user %s", c->owner);
        text_putf(&t, "&owner=%lu", (unsigned long)user->pw_uid);
    } else if (c->owner != NULL) {
        text_putf(&t, "&owner=%s", c->owner);
    }
    *ret = text_take(&t);
    return 0;
}

int
jobs_list(const struct ctl *c, char **args)
{
    (void)args;
    static const char *const heads[] = { ">job", "benchmark", "status", ">rows", ">failed",
                                         "created", ">took" };
    CLEANUP_FREE char *filter = NULL;
    struct err err;
    if (list_filter(c, &filter, &err) < 0)
        return ctl_fail(c, &err);
    struct table *table = table_new(heads, ARRAY_LEN(heads));
    int status = CTL_OK;
    for (size_t start = 0, n = PAGE; n > 0; start += n) {
        CLEANUP_FREE char *path =
            xasprintf("/v1alpha/eval/jobs?start_index=%zu&limit=%d%s", start, PAGE, filter);
        CLEANUP_TEXT struct text text = TEXT_INIT;
        CLEANUP_JSON json_object *page = NULL;
        if (client_get_json(c->client, path, &text, &page, &err) < 0) {
            status = ctl_fail(c, &err);
            break;
        }
        if (c->json)
            ctl_put_document(text_str(&text));
        json_object *data = json_get(page, "data");
        n = json_object_is_type(data, json_type_array) ? json_object_array_length(data) : 0;
        for (size_t i = 0; i < n; i++)
            add_job(table, json_object_array_get_idx(data, i));
        if (!json_get_bool(page, "has_more", false))
            break;
    }
    if (!c->json && status == CTL_OK)
        table_print(table, stdout);
    table_free(table);
    return status;
}

char *
job_path(const struct ctl *c, const char *job, const char *tail, struct err *err)
{
    CLEANUP_FREE char *benchmark = follow_find_benchmark(c, job, NULL, err);
    return benchmark != NULL ? follow_job_path(c, benchmark, job, tail) : NULL;
}

/* GET of a job's document; printed when --json was given, else parsed into *ret. */
static int
get_job(const struct ctl *c, const char *job, const char *tail, json_object **ret)
{
    struct err err;
    CLEANUP_FREE char *path = job_path(c, job, tail, &err);
    CLEANUP_TEXT struct text text = TEXT_INIT;
    if (path == NULL || client_get_json(c->client, path, &text, ret, &err) < 0)
        return ctl_fail(c, &err);
    if (c->json)
        ctl_put_document(text_str(&text));
    return CTL_OK;
}

int
jobs_status(const struct ctl *c, char **args)
{
    CLEANUP_JSON json_object *job = NULL;
    int status = get_job(c, args[0], "", &job);
    if (status != CTL_OK || c->json)
        return status;
    ctl_put_safe(stdout, json_get_str(job, "status", "?"));
    putchar('\n');
    return CTL_OK;
}

static void
print_time(const char *name, int64_t unix_ms)
{
    char when[32];
    ctl_format_time(unix_ms, when, sizeof when);
    printf("%-10s %s\n", name, when);
}

static void
print_text(const char *name, const char *text)
{
    printf("%-10s ", name);
    ctl_put_safe(stdout, text);
    putchar('\n');
}

static void
print_rows(json_object *progress)
{
    int64_t total = json_get_int(progress, "rows_total", -1);
    double rate = json_get_double(progress, "rate_per_s", -1);
    double eta = json_get_double(progress, "eta_s", -1);
    printf("%-10s %lld", "rows", (long long)json_get_int(progress, "rows_done", 0));
    if (total >= 0)
        printf(" of %lld", (long long)total);
    printf(", %lld failed", (long long)json_get_int(progress, "rows_failed", 0));
    int64_t in_flight = json_get_int(progress, "in_flight", 0);
    if (in_flight > 0)
        printf(", %lld in flight", (long long)in_flight);
    if (rate > 0)
        printf(", %.1f rows/s", rate);
    if (eta >= 0) {
        char left[32];
        progress_format_time(eta, left, sizeof left);
        printf(", %s left", left);
    }
    putchar('\n');
}

static void
print_detail(json_object *d)
{
    print_text("job", json_get_str(d, "job_id", "?"));
    print_text("benchmark", json_get_str(d, "benchmark_id", "?"));
    print_text("status", shown_status(d));
    json_object *owner = json_get(d, "owner");
    if (owner != NULL)
        print_text("owner", json_object_get_string(owner));
    print_time("created", json_get_int(d, "created_at", 0));
    print_time("started", json_get_int(d, "started_at", 0));
    print_time("ended", json_get_int(d, "ended_at", 0));
    print_rows(json_get(d, "progress"));
    json_object *usage = json_get(d, "usage");
    printf("%-10s %lld in, %lld out\n", "tokens",
           (long long)json_get_int(usage, "input_tokens", 0),
           (long long)json_get_int(usage, "output_tokens", 0));
    json_object *error = json_get(d, "error");
    if (error != NULL)
        print_text("error", json_get_str(error, "message", json_object_get_string(error)));
    json_object *manifest = json_get(d, "manifest");
    if (manifest != NULL)
        print_text("manifest",
                   json_object_to_json_string_ext(manifest, JSON_C_TO_STRING_PRETTY
                                                            | JSON_C_TO_STRING_SPACED
                                                            | JSON_C_TO_STRING_NOSLASHESCAPE));
}

int
jobs_detail(const struct ctl *c, char **args)
{
    CLEANUP_JSON json_object *detail = NULL;
    int status = get_job(c, args[0], "/detail", &detail);
    if (status == CTL_OK && !c->json)
        print_detail(detail);
    return status;
}

int
jobs_cancel(const struct ctl *c, char **args)
{
    struct err err;
    CLEANUP_FREE char *path = job_path(c, args[0], "", &err);
    CLEANUP_TEXT struct text answer = TEXT_INIT;
    struct request rq = { .method = "DELETE", .path = path };
    if (path == NULL || client_call(c->client, &rq, &answer, &err) < 0)
        return ctl_fail(c, &err);
    if (!c->json)
        printf("job %s cancelled\n", args[0]);
    else if (answer.len > 0)
        ctl_put_document(text_str(&answer));
    return CTL_OK;
}

/* Who was evaluated, from the manifest in a job's detail; "-" when it does not say. */
static char *
job_candidate(const struct ctl *c, const char *benchmark, const char *job)
{
    CLEANUP_FREE char *path = follow_job_path(c, benchmark, job, "/detail");
    CLEANUP_JSON json_object *detail = NULL;
    if (client_get_json(c->client, path, NULL, &detail, NULL) < 0)
        return xstrdup("-");
    json_object *candidate = json_get(json_get(detail, "manifest"), "candidate");
    return xstrdup(json_get_str(candidate, "model", "-"));
}

/* The result of a completed job, as a table, or streamed when --json was given. */
static int
print_result(const struct ctl *c, const char *benchmark, const char *job)
{
    struct err err;
    CLEANUP_FREE char *path = follow_job_path(c, benchmark, job, "/result");
    CLEANUP_TEXT struct text result = TEXT_INIT;
    struct request rq = { .path = path, .to = c->json ? stdout : NULL };
    if (client_call(c->client, &rq, &result, &err) < 0)
        return ctl_fail(c, &err);
    if (c->json) {
        putchar('\n');
        return CTL_OK;
    }
    CLEANUP_FREE char *candidate = job_candidate(c, benchmark, job);
    struct scores *scores = scores_new();
    int rc = scores_add_result(scores, candidate, job, text_str(&result), &err);
    if (rc == 0)
        scores_print(scores, stdout);
    scores_free(scores);
    return rc == 0 ? CTL_OK : ctl_fail(c, &err);
}

int
jobs_result(const struct ctl *c, char **args)
{
    struct err err;
    CLEANUP_FREE char *benchmark = follow_find_benchmark(c, args[0], NULL, &err);
    if (benchmark == NULL)
        return ctl_fail(c, &err);
    return print_result(c, benchmark, args[0]);
}

int
jobs_follow(const struct ctl *c, char **args)
{
    struct err err;
    bool paused;
    CLEANUP_FREE char *benchmark = follow_find_benchmark(c, args[0], &paused, &err);
    if (benchmark == NULL)
        return ctl_fail(c, &err);
    if (paused)
        follow_say_paused(c, args[0]);
    struct job_end end = { 0 };
    int status = follow_job(c, benchmark, args[0], benchmark, &end);
    if (status != CTL_OK || strcmp(end.status, "completed") != 0)
        return status != CTL_OK ? status : follow_exit(&end);
    status = print_result(c, benchmark, args[0]);
    return status != CTL_OK ? status : follow_exit(&end);
}
