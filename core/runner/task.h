/* task.h - the task driver: plays one plugin's score() or step() to its end.
 *
 * It knows nothing of frames, threads or rows' files.  A *task* is one unit of work of one
 * instance; its asks go out through a small vtable, and replies are pushed back in:
 *
 *     struct task *t = task_new(&env, instance, &row);
 *     task_run(t, call);                          START, and on as far as it gets
 *     ... ops->send(arg, ask) was called for each open ask ...
 *     task_answer(ask, &reply, call);             the last open one makes it go on
 *     if (t->state == TASK_DONE) ... t->status, t->out, t->why, t->attempts, t->usage
 *     task_free(t);
 *
 * An ask of MODEL becomes a nested task of that model's adapter, when ops->model finds one:
 * its reply document, or its failure, answers the ask.  Nesting is at most TASK_DEPTH deep;
 * more, or a model that (through others) asks itself, is the asking plugin's error.  Without
 * ops->model, MODEL asks are sent like the others (that is how tapes are played).
 *
 * A task that returns EVALD_E_RETRY is run again from START while its attempts are below
 * env->max_attempts; then it has failed with EVALD_E_REMOTE.  Attempts count every exchange
 * that was repeated, by the gateway or here.
 *
 * All tasks of one env are worked on by one thread at a time. */
#ifndef EVALD_TASK_H
#define EVALD_TASK_H

#include <evald/plugin.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/text.h"
#include "runner/arena.h"
#include "runner/host.h"

#define TASK_DEPTH    4    /* a task, and tasks nested in it */
#define TASK_ASKS     1024 /* asks of one step */
#define TASK_STEPS   10000 /* steps of one task */
#define TASK_SPARES  2
#define TASK_SPARE_ROOM 4096 /* bytes of fields that are kept for the next task */
#define TASK_ASK_MAX (32u << 20) /* bytes of an ask's body */
#define TASK_HEAD_MAX (1u << 20) /* ... and of its to and head */
#define TASK_WHY_MAX  2000 /* bytes of a failure's message */

struct task_usage { uint64_t input_tokens, output_tokens; bool any; };

struct task_ask {
    struct task *task;      /* who asked */
    uint32_t kind;          /* EVALD_ASK_... */
    struct str to, body, head; /* in the row's arena; body of MODEL: a checked document */
    uint32_t timeout_ms;    /* the env's default filled in; SLEEP: how long */
    const char *endpoint;   /* HTTP: id of the model whose endpoint it is */
    bool open;              /* sent or nested, and not answered */
    uint64_t tag;           /* free for who sends it */
    void *owner;            /* free for who sends it */
    struct task *nested;    /* the task that answers it */
    bool kept;              /* the answer went to ops->keep */
    /* the answer */
    int32_t status;
    uint32_t http_status, attempts;
    struct str reply_head, reply_body;
    struct task_usage usage; /* of a nested task */
    char *owned;             /* what holds them, free()d with the ask */
};

/* An answer that is pushed in.  head and body must stay until the task's next step has run,
 * and have NUL behind them; owned (NULL allowed) is free()d then. */
struct task_reply {
    int32_t status;           /* EVALD_OK or EVALD_E_... */
    uint32_t http_status;
    uint32_t attempts;        /* exchanges it took, at least 1 */
    struct str head, body;    /* body: the answer, or the reason */
    struct task_usage usage;  /* of a MODEL ask answered from outside; else zero */
    char *owned;
};

struct task_ops {
    /* An ask leaves.  Answers come by task_answer(), never from inside of send. */
    void (*send)(void *arg, struct task_ask *ask);
    /* An open ask that was sent is of no interest any more (cancel). */
    void (*drop)(void *arg, struct task_ask *ask);
    /* The adapter of a role or model id; NULL: there is none.  May itself be NULL. */
    struct instance *(*model)(void *arg, struct str to);
    /* A reply to a root task that goes on: others of its step are still open, or it asks
     * again.  Worth keeping; numbered from 0 over the task's life.  May be NULL. */
    void (*keep)(void *arg, struct task *root, uint32_t n, const struct task_ask *ask);
    /* The n-th reply of a root task, when an earlier life of it had it: fills *ret and
     * returns true.  May be NULL. */
    bool (*replay)(void *arg, struct task *root, uint32_t n, struct task_reply *ret);
};

struct task_env {
    const struct task_ops *ops;
    void *arg;               /* of the ops */
    struct arena *arena;     /* of the row; tasks and asks live there */
    uint32_t max_attempts;   /* at least 1 */
    uint32_t ask_timeout_ms; /* of an ask that names none */
    struct fields spare[TASK_SPARES]; /* room of tasks that are over, for the next ones */
};
void task_env_fini(struct task_env *env); /* frees what it keeps */

enum task_state { TASK_NEW, TASK_WAITING, TASK_DONE, TASK_CANCELLED };

struct task {
    struct task_env *env;
    struct instance *in;
    struct evald_row row;
    int32_t phase;           /* for the breadcrumb and for keep: 0 candidate, i+1 function i */
    struct task *root;       /* itself when nothing asked for it */
    struct task_ask *answers; /* the ask that it answers; NULL for a root */
    unsigned depth;          /* 1 for a root */
    enum task_state state;

    /* the end, valid in TASK_DONE */
    int32_t status;          /* EVALD_OK or EVALD_E_..., never E_RETRY */
    struct str why;          /* of a failure: one line of UTF-8, in the arena */
    struct fields out;       /* what it emitted, also before a failure */
    uint32_t attempts;
    struct task_usage usage; /* of this task and all nested in it */

    /* the driver's */
    void *self_task;         /* the plugin's *task */
    struct task_ask *asks;   /* of the last step, n_asks of them */
    size_t n_asks, n_open, asks_room;
    uint32_t n_steps;        /* since it was started */
    uint32_t tries, repeats; /* times started; repetitions of the exchanges */
    uint32_t n_kept;         /* replies of earlier steps of a root */
    bool issuing, refused;   /* asks are going out; ask() refused one */
};

/* A root task.  row is copied (its columns and texts must live as long as the row). */
struct task *task_new(struct task_env *env, struct instance *in, const struct evald_row *row,
                      int32_t phase);
/* START.  c is the calling thread's handle; it is begun anew for each call. */
void task_run(struct task *t, struct call *c);
/* Answers an open ask; takes reply->owned.  Runs the task on when it was the last one, and
 * then whoever waits for that task.  Ignored when the ask is not open. */
void task_answer(struct task_ask *ask, const struct task_reply *reply, struct call *c);
/* Drops what is open, tells the plugins (EVALD_EV_CANCEL), ends in TASK_CANCELLED.  A task
 * that is done stays done. */
void task_cancel(struct task *t, struct call *c);
/* What malloc holds of it and of what is nested; the rest goes with the arena. */
void task_free(struct task *t);

/* The host's ask(), called from inside of step(). */
int32_t task_ask(struct task *t, struct call *c, const struct evald_ask *a);

/* Reads "usage" of a reply document. */
struct task_usage task_usage_of(struct jval usage);
void task_usage_add(struct task_usage *to, const struct task_usage *more);

#endif
