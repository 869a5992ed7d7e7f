#include "config.h"

#include "common/mem.h"
#include "ctl/ctl.h"
#include "ctl/plan.h"

/* POST to a path below the job's; what: what is said when evald answers with nothing much. */
static int
post_job(const struct ctl *c, const char *job, const char *tail, const char *what)
{
    struct err err;
    CLEANUP_FREE char *path = job_path(c, job, tail, &err);
    CLEANUP_TEXT struct text answer = TEXT_INIT;
    struct request rq = { .method = "POST", .path = path, .body = STR("") };
    if (path == NULL || client_call(c->client, &rq, &answer, &err) < 0)
        return ctl_fail(c, &err);
    if (!c->json)
        printf("job %s %s\n", job, what);
    else if (answer.len > 0)
        ctl_put_document(text_str(&answer));
    return CTL_OK;
}

int
control_pause(const struct ctl *c, char **args)
{
    return post_job(c, args[0], "/pause", "is paused");
}

int
control_resume(const struct ctl *c, char **args)
{
    return post_job(c, args[0], "/resume", "goes on");
}

int
control_retry(const struct ctl *c, char **args)
{
    return post_job(c, args[0], "/retry", "does its failed rows again");
}

/* The body of rescore: functions, when any are named, and the parameters of --params. */
static char *
rescore_body(const struct ctl *c, char **functions, struct err *err)
{
    CLEANUP_JSON json_object *body = json_object_new_object();
    json_object *params = NULL;
    if (c->params != NULL && plan_read_object(c->params, &params, err) < 0)
        return NULL;
    if (functions[0] != NULL) {
        json_object *list = json_object_new_array();
        for (size_t i = 0; functions[i] != NULL; i++)
            json_object_array_add(list, json_object_new_string(functions[i]));
        json_add(body, "scoring_functions", list);
    }
    if (params != NULL)
        json_add(body, "scoring_params", params);
    return json_text(body);
}

int
control_rescore(const struct ctl *c, char **args)
{
    struct err err;
    CLEANUP_FREE char *body = rescore_body(c, args + 1, &err);
    CLEANUP_FREE char *path = body != NULL ? job_path(c, args[0], "/rescore", &err) : NULL;
    CLEANUP_TEXT struct text answer = TEXT_INIT;
    CLEANUP_JSON json_object *job = NULL;
    char key[CLIENT_KEY_SIZE];
    client_make_key(key);
    struct request rq = { .method = "POST", .path = path, .body = str_z(body != NULL ? body : ""),
                          .prefer = "respond-async", .key = key, .patient = true };
    if (path == NULL || client_call(c->client, &rq, &answer, &err) < 0
        || json_parse(text_str(&answer), &job, NULL, &err) < 0)
        return ctl_fail(c, &err);
    if (c->json) {
        ctl_put_document(text_str(&answer));
        return CTL_OK;
    }
    const char *id = json_get_str(job, "job_id", "?");
    printf("job ");
    ctl_put_safe(stdout, id);
    printf(" scores job %s anew; follow it: evalctl%s follow ", args[0], ctl_socket_option(c));
    ctl_put_safe(stdout, id);
    putchar('\n');
    return CTL_OK;
}
