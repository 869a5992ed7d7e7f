#include <math.h>

#include "kind.h"
#include "pyjson.h"
#include "pystr.h"
#include "work.h"

int32_t
work_step(struct evald_call *c, void *self, void **task, const struct evald_row *row,
          const struct evald_event *event, work_next *next)
{
    if (event->kind == EVALD_EV_CANCEL)
        return EVALD_OK; /* all memory is the row's */
    struct work *w = *task;
    if (event->kind == EVALD_EV_START)
        *task = w = evald_alloc(c, sizeof *w);
    else
        w->step++;
    w->c = c;
    w->judge = self;
    w->row = row;
    w->event = event;
    return next(w);
}

/* ---- columns ---- */

struct evald_str
work_text(struct work *w, const struct evald_value *v)
{
    struct evald_buf b = EVALD_BUF;
    if (v->kind == EVALD_STRING)
        return v->str;
    if (v->kind == EVALD_ARRAY || v->kind == EVALD_OBJECT)
        pyjson_put(w->c, &b, v);
    else
        pystr_put(w->c, &b, v);
    return b.text;
}

/* What the host passes in is gone when a step returns. */
static struct evald_str
keep(struct work *w, struct evald_str s)
{
    struct evald_buf b = EVALD_BUF;
    evald_put(w->c, &b, s);
    return b.text;
}

static const char *
column_name(enum column column)
{
    static const char *const names[] = { "input_query", "expected_answer", "generated_answer",
                                         "context" };
    return names[column];
}

int32_t
work_column(struct work *w, enum column column, struct evald_str *ret)
{
    const struct evald_value *v = &w->row->cols[column];
    if (v->kind == EVALD_NULL || v->kind == EVALD_ABSENT)
        return evald_fail(w->c, EVALD_E_ROW, "column '%s' is %s", column_name(column),
                          kind_name(v));
    *ret = keep(w, work_text(w, v));
    return EVALD_OK;
}

struct evald_str
work_column_or_none(struct work *w, enum column column)
{
    const struct evald_value *v = &w->row->cols[column];
    return v->kind == EVALD_NULL ? evald_s("") : work_text(w, v);
}

int32_t
work_context(struct work *w, struct evald_str *ret)
{
    const struct evald_value *v = &w->row->cols[CONTEXT];
    if (v->kind == EVALD_STRING) {
        *ret = keep(w, v->str);
        return EVALD_OK;
    }
    if (v->kind != EVALD_ARRAY)
        return evald_fail(w->c, EVALD_E_ROW,
                          "column 'context' is %s where text or an array of texts is needed",
                          kind_name(v));
    struct evald_buf b = EVALD_BUF;
    struct evald_str key;
    struct evald_value one;
    size_t i = 0;
    for (size_t at = 0; evald_each(w->c, v->str, &at, &key, &one) > 0; i++) {
        if (one.kind != EVALD_STRING)
            return evald_fail(w->c, EVALD_E_ROW,
                              "column 'context': element %zu is %s where text is needed", i,
                              kind_name(&one));
        evald_put(w->c, &b, evald_s(i > 0 ? "\n" : ""));
        evald_put(w->c, &b, one.str);
    }
    *ret = b.text;
    return EVALD_OK;
}

/* ---- numbers and lists ---- */

struct evald_value
work_integer(int64_t n)
{
    return (struct evald_value){ EVALD_NUMBER, EVALD_INTEGER, (double)n, { "", 0 } };
}

struct evald_value
work_float(double d)
{
    return (struct evald_value){ EVALD_NUMBER, 0, d, { "", 0 } };
}

void
work_put_number(struct work *w, struct evald_buf *b, struct evald_value v)
{
    if ((v.flags & EVALD_INTEGER) != 0)
        evald_putf(w->c, b, "%.0f", v.num);
    else
        pystr_put(w->c, b, &v);
}

/* Adds x to a sum that keeps what rounding takes away (Neumaier 1974), as Python's sum(). */
static void
add(double *sum, double *lost, double x)
{
    double t = *sum + x;
    *lost += fabs(*sum) >= fabs(x) ? (*sum - t) + x : (x - t) + *sum;
    *sum = t;
}

int32_t
work_next_object(struct work *w, const struct evald_value *list, const char *what, size_t *at,
                 size_t i, struct evald_value *ret)
{
    struct evald_str key;
    bool container = list->kind == EVALD_ARRAY || list->kind == EVALD_OBJECT;
    if (!container && list->kind != EVALD_STRING)
        return evald_fail(w->c, EVALD_E_REMOTE, "judge: '%s' is %s where a list is needed", what,
                          kind_name(list));
    if (container ? evald_each(w->c, list->str, at, &key, ret) <= 0 : list->str.len == 0)
        return 0;
    if (list->kind != EVALD_ARRAY) /* a list of names, or of characters */
        ret->kind = EVALD_STRING;
    if (ret->kind == EVALD_OBJECT)
        return 1;
    return evald_fail(w->c, EVALD_E_REMOTE,
                      "judge: element %zu of '%s' is %s where an object is needed", i, what,
                      kind_name(ret));
}

int32_t
work_mean(struct work *w, const struct evald_value *list, const char *name, const char *what,
          double *ret)
{
    struct evald_value one = { 0 };
    double sum = 0, lost = 0;
    size_t at = 0, n = 0;
    int32_t rc;
    const char *pointer = evald_fmt(w->c, "/%s", name).ptr;
    for (; (rc = work_next_object(w, list, what, &at, n, &one)) > 0; n++) {
        struct evald_value v = evald_get(w->c, one.str, pointer);
        if (v.kind != EVALD_NUMBER && v.kind != EVALD_BOOL)
            return evald_fail(w->c, EVALD_E_REMOTE, "judge: '%s' of element %zu of '%s' is %s"
                              " where a number is needed", name, n, what, kind_name(&v));
        add(&sum, &lost, v.num);
    }
    if (rc < 0)
        return rc;
    if (n == 0)
        return evald_fail(w->c, EVALD_E_REMOTE, "judge: '%s' is empty: there is nothing to"
                          " score", what);
    *ret = (isfinite(lost) ? sum + lost : sum) / (double)n;
    return EVALD_OK;
}

/* ---- the end ---- */

int32_t
work_end(struct work *w, struct evald_value score, struct evald_str metadata)
{
    if (!(score.num >= 0 && score.num <= 1)) /* NaN too */
        return evald_fail(w->c, EVALD_E_REMOTE, "judge: a score of %.17g is not between 0 and 1",
                          score.num);
    evald_field(w->c, "score", score);
    evald_json(w->c, "metadata", metadata);
    return EVALD_OK;
}
