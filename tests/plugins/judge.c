/* judge.c - test::judge: asks the model of the role "judge" for a grade from 0 to 10.
 *
 * The first number in the reply is the grade; a reply without one is EVALD_E_RETRY.  Where
 * the answer contains "twice", or the column mark says so, it asks again after the first
 * grade and takes the mean. */
#include <stdlib.h>

#include <evald/plugin.h>

enum { ANSWER, QUESTION, MARK };
static const char *const columns[] = { "generated_answer", "input_query?", "mark?", NULL };

struct judged {
    int n;
    double sum;
};

static int32_t
ask(struct evald_call *c, const struct evald_row *row, int n)
{
    struct evald_buf prompt = EVALD_BUF, document = EVALD_BUF;
    evald_put(c, &prompt, evald_s("Grade this answer from 0 to 10. Question: "));
    evald_put(c, &prompt, row->cols[QUESTION].str);
    evald_put(c, &prompt, evald_s(" Answer: "));
    evald_put(c, &prompt, row->cols[ANSWER].str);
    if (n > 0)
        evald_put(c, &prompt, evald_s(" Grade it once more."));
    evald_put(c, &document, evald_s("{\"kind\":\"chat\",\"messages\":[{\"role\":\"user\","
                                    "\"content\":"));
    evald_put(c, &document, evald_s(evald_quote(c, prompt.text)));
    evald_put(c, &document, evald_s("}],\"sampling\":{\"temperature\":0}}"));
    return evald_ask_model(c, "judge", document.text);
}

/* The first number of the text, when it is from 0 to 10; else -1. */
static double
grade_of(struct evald_str text)
{
    size_t at = strcspn(text.ptr, "0123456789");
    if (at >= text.len)
        return -1;
    double grade = strtod(text.ptr + at, NULL);
    return grade <= 10 ? grade : -1;
}

static int32_t
judge_step(struct evald_call *c, void *self, void **task, const struct evald_row *row,
           const struct evald_event *event)
{
    (void)self;
    if (event->kind == EVALD_EV_CANCEL)
        return EVALD_OK;
    if (event->kind == EVALD_EV_START) {
        *task = evald_alloc(c, sizeof(struct judged));
        return ask(c, row, 0);
    }
    struct judged *j = *task;
    const struct evald_reply *reply = event->replies[0];
    if (reply->status < 0)
        return evald_fail(c, reply->status, "judge: %s", reply->body.ptr);
    struct evald_value content = evald_get(c, reply->body, "/message/content");
    double grade = grade_of(content.str);
    if (grade < 0)
        return evald_fail(c, EVALD_E_RETRY, "no grade in %s", evald_quote(c, content.str));
    j->sum += grade;
    j->n++;

    const struct evald_value *answer = &row->cols[ANSWER], *mark = &row->cols[MARK];
    int twice = strstr(answer->str.ptr, "twice") != NULL || strcmp(mark->str.ptr, "twice") == 0;
    if (twice && j->n == 1)
        return ask(c, row, 1);
    evald_score(c, j->sum / j->n / 10);
    return evald_integer(c, "grades", j->n);
}

static const struct evald_plugin judge = {
    EVALD_HEAD(EVALD_SCORER),
    .threads = EVALD_PARALLEL,
    .id = "test::judge",
    .version = "1",
    .summary = "a grade from 0 to 10 by the model of the role judge, as a score from 0 to 1",
    .metrics = "{\"score\":{\"range\":[0,1],\"better\":\"higher\"},"
               "\"grades\":{\"range\":[1,2],\"better\":\"lower\"}}",
    .columns = columns,
    .step = judge_step,
};
EVALD_PLUGINS(&judge)
