#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/api.h"
#include "daemon/journal.h"

enum { BASELINE, CANDIDATE, SIDES };

/* A function that both jobs have. */
struct shared {
    char *id;
    int place[SIDES]; /* among the functions of each job */
    struct paired metric;
};

struct compare {
    struct request *rq;
    struct api *api; /* held */
    int64_t job[SIDES], ended_unix_ms[SIDES];
    json_object *spec[SIDES];
    struct shared *functions;
    size_t n_functions, now;
    struct journal_pairs *pairs; /* on its way; NULL: none */
    struct text out;
};

static void
compare_free(struct compare *c)
{
    for (int i = 0; i < SIDES; i++)
        json_object_put(c->spec[i]);
    for (size_t i = 0; i < c->n_functions; i++)
        free(c->functions[i].id);
    free(c->functions);
    text_fini(&c->out);
    api_release(c->api);
    free(c);
}

static void
fail(struct compare *c, const struct err *err)
{
    request_on_hangup(c->rq, NULL, NULL);
    request_fail(c->rq, err);
    compare_free(c);
}

static void
on_hangup(void *arg)
{
    struct compare *c = arg;
    if (c->pairs == NULL)
        return; /* a specification is being read, which comes back here */
    journal_pair_cancel(c->pairs);
    request_drop(c->rq);
    compare_free(c);
}

/* ---- the answer ---- */

static void
put_number(struct text *t, const char *name, double d)
{
    text_putf(t, ",\"%s\":", name);
    jtext_put_double(t, d);
}

static void
put_pair(struct text *t, const char *name, double lo, double hi)
{
    text_putf(t, ",\"%s\":", name);
    if (!isfinite(lo) || !isfinite(hi)) {
        text_puts(t, "null");
        return;
    }
    text_putc(t, '[');
    jtext_put_double(t, lo);
    text_putc(t, ',');
    jtext_put_double(t, hi);
    text_putc(t, ']');
}

static void
put_comparison(struct text *t, const struct journal_pairing *pairing)
{
    static const char *const verdicts[] = {
        [PAIRED_UNKNOWN] = "null",
        [PAIRED_NO_DIFFERENCE] = "\"no difference found\"",
        [PAIRED_BETTER] = "\"better\"",
        [PAIRED_WORSE] = "\"worse\"",
        [PAIRED_INCONCLUSIVE] = "\"inconclusive: errors\"",
    };
    struct paired nothing = { 0 };
    struct paired_result r = paired_finish(&pairing->paired);
    text_putf(t,
              "{\"n_paired\":%" PRIu64 ",\"n_only_baseline\":%" PRId64
              ",\"n_only_candidate\":%" PRId64 ",\"n_unscored\":%" PRIu64,
              r.n_pairs, pairing->n_only_baseline, pairing->n_only_candidate, r.n_unscored);
    if (pairing->categorical) /* of what is partly no number nothing is known */
        r = paired_finish(&nothing);
    put_number(t, "mean_baseline", r.mean_baseline);
    put_number(t, "mean_candidate", r.mean_candidate);
    put_number(t, "difference", r.difference);
    put_number(t, "stderr", r.error);
    put_pair(t, "ci95", r.ci_lo, r.ci_hi);
    put_number(t, "z", r.z);
    put_number(t, "p_t", r.p_t);
    put_number(t, "p_normal", r.p_normal);
    put_number(t, "correlation", r.correlation);
    put_number(t, "unpaired_stderr", r.unpaired_error);
    put_number(t, "unpaired_z", r.unpaired_z);
    put_number(t, "unpaired_p", r.unpaired_p);
    text_puts(t, ",\"mcnemar\":");
    if (r.binary) {
        text_putf(t, "{\"b\":%" PRIu64 ",\"c\":%" PRIu64, r.b, r.c);
        put_number(t, "p", r.mcnemar_p);
        put_number(t, "p_mid", r.mcnemar_p_mid);
        text_putc(t, '}');
    } else {
        text_puts(t, "null");
    }
    put_number(t, "mde", r.detectable);
    put_pair(t, "bounds", r.bound_lo, r.bound_hi);
    text_putf(t, ",\"verdict\":%s}", verdicts[r.verdict]);
}

/* A job that was retried while it was read is not the one that was asked about. */
static int
check_unchanged(const struct compare *c, struct err *err)
{
    for (int i = 0; i < SIDES; i++) {
        const struct job_info *job = sched_job(c->api->sched, c->job[i]);
        if (job == NULL || job->state != JOB_COMPLETED
            || job->ended_unix_ms != c->ended_unix_ms[i])
            return err_set(err, ERR_CONFLICT, "Job %" PRId64 " has changed meanwhile",
                           c->job[i]);
    }
    return 0;
}

static void pair_next(struct compare *c);

static void
on_paired(void *arg, const struct journal_pairing *pairing, const struct err *err)
{
    struct compare *c = arg;
    struct err mine;
    c->pairs = NULL;
    if (err == NULL && check_unchanged(c, &mine) < 0)
        err = &mine;
    if (err == NULL && pairing->paired.n_pairs == 0) {
        err_set(&mine, ERR_INVALID, "Jobs %" PRId64 " and %" PRId64 " have no row in common",
                c->job[BASELINE], c->job[CANDIDATE]);
        err = &mine;
    }
    if (err != NULL) {
        fail(c, err);
        return;
    }
    if (c->now > 0)
        text_putc(&c->out, ',');
    jtext_put_string(&c->out, str_z(c->functions[c->now].id));
    text_putc(&c->out, ':');
    put_comparison(&c->out, pairing);
    c->now++;
    pair_next(c);
}

static void
pair_next(struct compare *c)
{
    if (c->now < c->n_functions) {
        const struct shared *f = &c->functions[c->now];
        struct journal_scores of[SIDES];
        for (int i = 0; i < SIDES; i++)
            of[i] = (struct journal_scores){ c->job[i], f->place[i] };
        c->pairs = journal_pair(c->api->store, &of[BASELINE], &of[CANDIDATE], &f->metric,
                                on_paired, c);
        return;
    }
    text_puts(&c->out, "}}");
    request_on_hangup(c->rq, NULL, NULL);
    request_reply(c->rq, 200, &c->out);
    compare_free(c);
}

/* ---- what to compare ---- */

static int
place_of(json_object *functions, const char *id)
{
    for (size_t i = 0; i < json_object_array_length(functions); i++)
        if (strcmp(json_get_str(json_object_array_get_idx(functions, i), "id", ""), id) == 0)
            return (int)i;
    return -1;
}

/* What the plugin behind a function says of its scores; of two plugins, or of one that is not
 * there any more, nothing. */
static struct paired
metric_of(const struct compare *c, const int place[SIDES])
{
    struct paired m = { 0 };
    const char *plugins[SIDES];
    for (int i = 0; i < SIDES; i++)
        plugins[i] = json_get_str(
            json_object_array_get_idx(json_get(c->spec[i], "functions"), (size_t)place[i]),
            "plugin", "");
    if (strcmp(plugins[BASELINE], plugins[CANDIDATE]) != 0)
        return m;
    const struct plugin *p =
        plugins_find(c->api->plugins, plugins[BASELINE], PLUGIN_SCORER, NULL);
    json_object *score = p != NULL ? json_get(p->metrics, "score") : NULL;
    json_object *range = json_get(score, "range");
    m.lower_is_better = strcmp(json_get_str(score, "better", "higher"), "lower") == 0;
    if (range != NULL && json_object_is_type(range, json_type_array)
        && json_object_array_length(range) == 2) {
        m.bounded = true;
        m.lo = json_object_get_double(json_object_array_get_idx(range, 0));
        m.hi = json_object_get_double(json_object_array_get_idx(range, 1));
    }
    return m;
}

/* Adds a function once, if both jobs have it. */
static bool
share(struct compare *c, const char *id)
{
    int place[SIDES];
    for (int i = 0; i < SIDES; i++) {
        place[i] = place_of(json_get(c->spec[i], "functions"), id);
        if (place[i] < 0)
            return false;
    }
    for (size_t i = 0; i < c->n_functions; i++)
        if (strcmp(c->functions[i].id, id) == 0)
            return true;
    c->functions = xreallocarray(c->functions, c->n_functions + 1, sizeof *c->functions);
    struct shared *f = &c->functions[c->n_functions++];
    *f = (struct shared){ .id = xstrdup(id), .metric = metric_of(c, place) };
    memcpy(f->place, place, sizeof place);
    return true;
}

static int
choose_functions(struct compare *c, struct err *err)
{
    json_object *wanted = json_get(c->rq->in, "scoring_functions");
    for (size_t i = 0; wanted != NULL && i < json_object_array_length(wanted); i++) {
        const char *id = json_object_get_string(json_object_array_get_idx(wanted, i));
        if (!share(c, id))
            return err_set(err, ERR_INVALID,
                           "Scoring function '%.200s' is not one of both jobs", id);
    }
    json_object *functions = json_get(c->spec[BASELINE], "functions");
    for (size_t i = 0; wanted == NULL && i < json_object_array_length(functions); i++)
        share(c, json_get_str(json_object_array_get_idx(functions, i), "id", ""));
    if (c->n_functions == 0)
        return err_set(err, ERR_INVALID,
                       "Jobs %" PRId64 " and %" PRId64 " have no scoring function in common",
                       c->job[BASELINE], c->job[CANDIDATE]);
    return 0;
}

/* Journals do not say which cluster a row is of, and an error that takes rows for independent
 * ones would be too small. */
static int
refuse_clusters(const struct compare *c, struct err *err)
{
    for (int i = 0; i < SIDES; i++)
        if (json_get_str(json_get(c->spec[i], "dataset"), "cluster", NULL) != NULL)
            return err_set(err, ERR_NOTSUP,
                           "Job %" PRId64 " has clusters, which cannot be compared yet",
                           c->job[i]);
    return 0;
}

static void
on_spec(void *arg, struct str text, const struct err *err)
{
    struct compare *c = arg;
    struct err mine;
    int side = c->spec[BASELINE] == NULL ? BASELINE : CANDIDATE;
    if (err == NULL && json_parse(text, &c->spec[side], NULL, &mine) < 0)
        err = &mine;
    if (err == NULL && request_gone(c->rq)) {
        request_drop(c->rq);
        compare_free(c);
        return;
    }
    if (err == NULL && side == BASELINE) {
        sched_read_spec(c->api->sched, c->job[CANDIDATE], on_spec, c);
        return;
    }
    if (err == NULL && (refuse_clusters(c, &mine) < 0 || choose_functions(c, &mine) < 0))
        err = &mine;
    if (err != NULL) {
        fail(c, err);
        return;
    }
    text_putf(&c->out,
              "{\"baseline\":\"%" PRId64 "\",\"candidate\":\"%" PRId64 "\",\"comparisons\":{",
              c->job[BASELINE], c->job[CANDIDATE]);
    pair_next(c);
}

static const struct job_info *
completed_job(struct request *rq, const char *member)
{
    const struct job_info *job = api_seen_job(rq, json_get_str(rq->in, member, ""));
    if (job == NULL || job->state == JOB_COMPLETED)
        return job;
    api_fail(rq, ERR_INVALID, "Job %" PRId64 " is not completed, Status: %s", job->id,
             job_state_name(job->state));
    return NULL;
}

void
api_compare(struct request *rq)
{
    static const char *const members[SIDES] = { "baseline", "candidate" };
    const struct job_info *jobs[SIDES];
    for (int i = 0; i < SIDES; i++) {
        jobs[i] = completed_job(rq, members[i]);
        if (jobs[i] == NULL)
            return;
    }
    struct compare *c = xcalloc(1, sizeof *c);
    c->rq = rq;
    c->api = api_hold(rq->api);
    for (int i = 0; i < SIDES; i++) {
        c->job[i] = jobs[i]->id;
        c->ended_unix_ms[i] = jobs[i]->ended_unix_ms;
    }
    request_on_hangup(rq, on_hangup, c);
    sched_read_spec(rq->api->sched, c->job[BASELINE], on_spec, c);
}
