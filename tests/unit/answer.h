/* answer.h - waiting on a real loop for one answer at a time. */
#ifndef EVALD_ANSWER_H
#define EVALD_ANSWER_H

#include <ev.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/err.h"
#include "common/text.h"

static struct ev_loop *loop;
static bool answered;
static struct err got_err; /* code ERR_NONE: none */
static struct text got_text;

static void
wait_answer(void)
{
    while (!answered)
        ev_run(loop, EVRUN_ONCE);
    answered = false;
}

static void
take_err(const struct err *err)
{
    got_err = err ? *err : (struct err){ .code = ERR_NONE };
    answered = true;
}

static void
on_done(void *arg, const struct err *err)
{
    (void)arg;
    take_err(err);
}

static void
on_text(void *arg, struct str text, const struct err *err)
{
    (void)arg;
    text_clear(&got_text);
    text_put_str(&got_text, text);
    take_err(err);
}

static void
on_guard(struct ev_loop *l, ev_timer *w, int events)
{
    (void)l;
    (void)w;
    (void)events;
    printf("Bail out! no answer for two minutes\n");
    abort();
}

/* Makes the loop.  The timer keeps it waiting; two minutes are no timing, but a hang. */
static void
answer_begin(ev_timer *guard)
{
    loop = ev_loop_new(EVFLAG_AUTO);
    ev_timer_init(guard, on_guard, 120., 0.);
    ev_timer_start(loop, guard);
}

static void
answer_end(ev_timer *guard)
{
    text_fini(&got_text);
    ev_timer_stop(loop, guard);
    ev_loop_destroy(loop);
}

#endif
