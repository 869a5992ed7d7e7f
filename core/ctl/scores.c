#include "config.h"

#include <math.h>

#include "common/mem.h"
#include "ctl/scores.h"
#include "ctl/table.h"

static const char *const heads[] = { "candidate", "scorer", ">n", ">mean", ">95 % interval",
                                     ">errors", ">abstained", ">job" };

struct scores {
    struct table *table;
};

struct scores *
scores_new(void)
{
    struct scores *s = xcalloc(1, sizeof *s);
    s->table = table_new(heads, ARRAY_LEN(heads));
    return s;
}

void
scores_free(struct scores *s)
{
    if (s == NULL)
        return;
    table_free(s->table);
    free(s);
}

/* Four decimals for scores as they usually are, else as many digits as say something. */
static void
put_number(struct text *t, double x)
{
    text_putf(t, fabs(x) < 1000 && (x == 0 || fabs(x) >= 0.001) ? "%.4f" : "%.5g", x);
}

static void
add_number(struct table *table, json_object *statistics, const char *key)
{
    CLEANUP_TEXT struct text cell = TEXT_INIT;
    double x = json_get_double(statistics, key, NAN);
    if (isnan(x))
        text_puts(&cell, "-");
    else
        put_number(&cell, x);
    table_add(table, cell.ptr);
}

static void
add_interval(struct table *table, json_object *statistics)
{
    json_object *ci = json_get(statistics, "ci95");
    if (!json_object_is_type(ci, json_type_array) || json_object_array_length(ci) != 2
        || json_object_array_get_idx(ci, 0) == NULL
        || json_object_array_get_idx(ci, 1) == NULL) {
        table_add(table, "-");
        return;
    }
    CLEANUP_TEXT struct text cell = TEXT_INIT;
    text_putc(&cell, '[');
    put_number(&cell, json_object_get_double(json_object_array_get_idx(ci, 0)));
    text_puts(&cell, ", ");
    put_number(&cell, json_object_get_double(json_object_array_get_idx(ci, 1)));
    text_putc(&cell, ']');
    table_add(table, cell.ptr);
}

static void
add_count(struct table *table, json_object *statistics, const char *key)
{
    int64_t n = json_get_int(statistics, key, -1);
    if (n < 0)
        table_add(table, "-");
    else
        table_addf(table, "%lld", (long long)n);
}

int
scores_add_result(struct scores *s, const char *candidate, const char *job, struct str result,
                  struct err *err)
{
    /* A result is as long as its data set: its text is walked, one member becomes a tree. */
    struct jval whole;
    if (jtext_check(result, &whole, NULL, err) < 0)
        return err_prefix(err, "result of job %s", job);
    struct jval member = jtext_member(whole, STR("statistics"));
    if (member.kind != J_OBJECT)
        return err_set(err, ERR_INVALID, "result of job %s has no statistics", job);
    CLEANUP_JSON json_object *statistics = json_from_jval(member);
    json_object_object_foreach(statistics, scorer, of) {
        table_add(s->table, candidate);
        table_add(s->table, scorer);
        add_count(s->table, of, "n_scored");
        add_number(s->table, of, "mean");
        add_interval(s->table, of);
        add_count(s->table, of, "n_errored");
        add_count(s->table, of, "n_abstained");
        table_add(s->table, job);
    }
    return 0;
}

void
scores_add_missing(struct scores *s, const char *candidate, const char *job, const char *why)
{
    table_add(s->table, candidate);
    table_addf(s->table, "(%s)", why);
    for (size_t i = 2; i + 1 < ARRAY_LEN(heads); i++)
        table_add(s->table, "-");
    table_add(s->table, job);
}

size_t
scores_count(const struct scores *s)
{
    return table_rows(s->table);
}

void
scores_print(const struct scores *s, FILE *to)
{
    table_print(s->table, to);
}
