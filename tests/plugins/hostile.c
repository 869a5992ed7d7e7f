/* hostile.c - plugins that break the contract the way the row's answer, or params.how, says.
 *
 * test::hostile and test::hostile-step misbehave in score() and step(); test::hostile-metrics
 * in open(), close() and aggregate(); the models test::loop and test::chain ask each other's
 * kind; test::serial and test::instance count how many are inside of them at once. */
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include <evald/plugin.h>

static const char *const columns[] = { "generated_answer", NULL };

static int
says(const struct evald_row *row, const char *what)
{
    return strcmp(row->cols[0].str.ptr, what) == 0;
}

static struct evald_str
of(const char *p, size_t n)
{
    struct evald_str s = { p, n };
    return s;
}

/* n bytes of c */
static struct evald_str
many(struct evald_call *c, char byte, size_t n)
{
    char *p = evald_alloc(c, n + 1);
    memset(p, byte, n);
    return of(p, n);
}

/* ---- score() ---- */

static volatile int zero;

static int
deeper(volatile char *up)
{
    volatile char here[4096];
    here[0] = up != NULL ? up[0] : 0;
    return zero ? 0 : deeper(here) + here[0];
}

static void *
thread_crash(void *arg)
{
    static volatile int *volatile nowhere;
    (void)arg;
    *nowhere = 1;
    return NULL;
}

static void
end_process(const struct evald_row *row)
{
    static volatile int *volatile nowhere;
    pthread_t thread;
    sigset_t all;
    if (says(row, "exit 0"))
        exit(0);
    if (says(row, "kill"))
        raise(SIGKILL);
    if (says(row, "deep"))
        deeper(NULL);
    if (says(row, "thread") && pthread_create(&thread, NULL, thread_crash, NULL) == 0)
        pthread_join(thread, NULL);
    if (says(row, "blocked")) {
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, NULL);
        *nowhere = 1;
    }
    if (says(row, "heap")) {
        char *volatile p = malloc(24);
        for (int i = -64; i < 256; i++)
            p[i] = 0x55;
        free(p);
        free(malloc(24));
        abort(); /* on a libc that did not notice */
    }
    if (says(row, "close")) {
        for (int fd = 3; fd < 64; fd++)
            close(fd);
        for (;;)
            pause();
    }
}

static int32_t
emit_badly(struct evald_call *c, const struct evald_row *row)
{
    struct evald_value v = { 99, 0, 1, { "x", 1 } };
    if (says(row, "twice")) {
        evald_score(c, 1);
        return evald_score(c, 1);
    }
    if (says(row, "twice quietly")) {
        evald_score(c, 1);
        evald_score(c, 0.5);
        return EVALD_OK;
    }
    if (says(row, "no name"))
        return evald_number(c, "", 1);
    if (says(row, "kind"))
        return evald_field(c, "score", v);
    if (says(row, "digits")) {
        v.kind = EVALD_NUMBER;
        return evald_field(c, "score", v);
    }
    if (says(row, "broken"))
        return evald_json(c, "score", evald_s("{\"a\":")); /* ABSENT: adds nothing */
    if (says(row, "object")) {
        v.kind = EVALD_OBJECT;
        v.str = evald_s("[1]");
        return evald_field(c, "score", v);
    }
    if (says(row, "long")) {
        evald_score(c, 1);
        return evald_text(c, "note", many(c, 'x', 20u << 20));
    }
    if (says(row, "escaped")) {
        evald_score(c, 1);
        return evald_text(c, "note", many(c, 1, 6u << 20)); /* six bytes for each */
    }
    if (says(row, "nested")) {
        char *p = (char *)many(c, '[', 200000).ptr;
        memset(p + 100000, ']', 100000);
        v.kind = EVALD_ARRAY;
        v.str = of(p, 200000);
        evald_score(c, 1);
        return evald_field(c, "note", v);
    }
    if (says(row, "ask")) {
        evald_score(c, 1);
        return evald_ask_model(c, "judge", evald_s("{}"));
    }
    if (says(row, "next")) {
        struct evald_str line;
        c->host->next_scored(c, &line);
        return evald_score(c, 1);
    }
    return -1000;
}

static int32_t
score(struct evald_call *c, void *self, const struct evald_row *row)
{
    (void)self;
    end_process(row);
    if (says(row, "none"))
        return EVALD_OK;
    if (says(row, "wait"))
        return EVALD_WAIT;
    if (says(row, "code 7"))
        return 7;
    if (says(row, "code -8"))
        return -8;
    if (says(row, "silent"))
        return EVALD_E_ROW;
    if (says(row, "bytes")) {
        evald_text(c, "n\xffte", of("a\0b\xc3(\xed\xa0\x80", 8));
        return evald_score(c, 1);
    }
    if (says(row, "why"))
        return evald_fail(c, EVALD_E_ROW, "%.*s\x01\xff\n\"", 5000, many(c, 'w', 5000).ptr);
    if (says(row, "flood")) {
        static char line[8192];
        memset(line, 'f', sizeof line - 1);
        for (int i = 0; i < 2000; i++) {
            (void)!write(1, line, sizeof line);
            (void)!write(2, line, sizeof line - (size_t)(i % 2));
            evald_log(c, i % 9 - 1, "%s", line);
        }
        return evald_score(c, 1);
    }
    if (says(row, "log")) {
        for (int i = 0; i < 2000; i++)
            evald_log(c, 6, "message %d", i);
        return evald_score(c, 1);
    }
    if (says(row, "locale")) {
        setlocale(LC_ALL, "de_DE.UTF-8");
        (void)!chdir("/");
        return evald_score(c, 0.5);
    }
    if (says(row, "A"))
        return evald_score(c, 1);
    return emit_badly(c, row);
}

/* ---- step() ---- */

static int32_t
step(struct evald_call *c, void *self, void **task, const struct evald_row *row,
     const struct evald_event *event)
{
    struct evald_ask a = { .size = sizeof a, .kind = EVALD_ASK_SLEEP, .timeout_ms = 1 };
    (void)self;
    (void)task;
    if (event->kind == EVALD_EV_CANCEL)
        return EVALD_OK;
    if (says(row, "wait"))
        return EVALD_WAIT;
    if (says(row, "endless")) /* answered at once, for ever */
        return evald_ask_model(c, "nobody", evald_s("{}"));
    if (says(row, "restless")) {
        a.timeout_ms = 0;
        c->host->ask(c, &a);
        return EVALD_WAIT;
    }
    if (event->kind == EVALD_EV_REPLY) {
        const struct evald_reply *r = event->replies[event->n_replies - 1];
        if (r->status < 0)
            return evald_fail(c, EVALD_E_REMOTE, "%s", r->body.ptr);
        return evald_score(c, 1);
    }
    if (says(row, "ask and finish")) {
        c->host->ask(c, &a);
        return evald_score(c, 1);
    }
    if (says(row, "ask and fail")) {
        c->host->ask(c, &a);
        return evald_fail(c, EVALD_E_ROW, "changed its mind");
    }
    if (says(row, "2000")) {
        for (int i = 0; i < 2000; i++)
            evald_ask_model(c, "loop", evald_s("{}"));
        return EVALD_WAIT;
    }
    if (says(row, "1000")) {
        for (int i = 0; i < 1000; i++)
            c->host->ask(c, &a);
        return EVALD_WAIT;
    }
    if (says(row, "nobody") || says(row, "loop") || says(row, "c1"))
        return evald_ask_model(c, row->cols[0].str.ptr, evald_s("{}"));
    if (says(row, "document"))
        return evald_ask_model(c, "loop", evald_s("{\"a\":"));
    if (says(row, "http"))
        return evald_ask_http(c, "/x", evald_s("{}"));
    if (says(row, "tool"))
        return evald_ask_tool(c, "", evald_s(""));
    if (says(row, "large"))
        return evald_ask_model(c, "loop", many(c, ' ', 40u << 20));
    if (says(row, "again"))
        return evald_fail(c, EVALD_E_RETRY, "never good");
    if (says(row, "sleep")) {
        c->host->ask(c, &a);
        return EVALD_WAIT;
    }
    return evald_score(c, 1);
}

/* ---- models ---- */

/* Asks the model that params name. */
static int32_t
open_chain(struct evald_call *c, struct evald_str params, void **self)
{
    *self = (void *)evald_get(c, params, "/next").str.ptr;
    return EVALD_OK;
}

static int32_t
chain(struct evald_call *c, void *self, void **task, const struct evald_row *row,
      const struct evald_event *event)
{
    (void)task;
    (void)row;
    if (event->kind == EVALD_EV_START)
        return evald_ask_model(c, self, evald_s("{}"));
    if (event->kind == EVALD_EV_CANCEL)
        return EVALD_OK;
    const struct evald_reply *r = event->replies[0];
    return evald_fail(c, r->status < 0 ? r->status : EVALD_E_REMOTE, "%s", r->body.ptr);
}

/* ---- open(), close(), aggregate() ---- */

static int
is(struct evald_call *c, struct evald_str params, const char *what)
{
    return strcmp(evald_get(c, params, "/how").str.ptr, what) == 0;
}

static int32_t
open_badly(struct evald_call *c, struct evald_str params, void **self)
{
    if (is(c, params, "open crash"))
        abort();
    if (is(c, params, "open hang"))
        for (;;)
            pause();
    if (is(c, params, "open silent"))
        return EVALD_E_BUG;
    if (is(c, params, "open field"))
        evald_score(c, 1);
    *self = (void *)evald_get(c, params, "/how").str.ptr;
    return EVALD_OK;
}

static void
close_badly(void *self)
{
    if (strcmp(self, "close crash") == 0)
        abort();
}

static int32_t
score_one(struct evald_call *c, void *self, const struct evald_row *row)
{
    (void)self;
    (void)row;
    return evald_score(c, 1);
}

static int32_t
aggregate_badly(struct evald_call *c, void *self)
{
    struct evald_str line;
    if (strcmp(self, "aggregate crash") == 0)
        abort();
    if (strcmp(self, "aggregate hang") == 0)
        for (;;)
            pause();
    if (strcmp(self, "aggregate silent") == 0)
        return EVALD_E_BUG;
    if (strcmp(self, "aggregate twice") == 0)
        evald_number(c, "n", 1);
    if (strcmp(self, "aggregate large") == 0)
        return evald_text(c, "n", many(c, 1, 10u << 20));
    int n = 0;
    while (c->host->next_scored(c, &line) == 1) {
        n++;
        usleep(strcmp(self, "aggregate slowly") == 0 ? 100000 : 0);
    }
    n += c->host->next_scored(c, &line); /* the end stays the end */
    return evald_integer(c, "n", n);
}

/* ---- thread models ---- */

static int32_t
count_inside(struct evald_call *c, atomic_int *inside)
{
    int n = atomic_fetch_add(inside, 1) + 1;
    usleep(200);
    atomic_fetch_sub(inside, 1);
    return evald_score(c, n == 1);
}

static int32_t
score_serial(struct evald_call *c, void *self, const struct evald_row *row)
{
    static atomic_int inside;
    (void)self;
    (void)row;
    return count_inside(c, &inside);
}

static int32_t
open_instance(struct evald_call *c, struct evald_str params, void **self)
{
    (void)params;
    *self = evald_alloc(c, sizeof(atomic_int));
    return EVALD_OK;
}

static int32_t
score_instance(struct evald_call *c, void *self, const struct evald_row *row)
{
    (void)row;
    return count_inside(c, self);
}

#define PLUGIN(name, what) \
    .id = "test::" name, .version = "1", .summary = what

static const struct evald_plugin hostile = {
    EVALD_HEAD(EVALD_SCORER), .threads = EVALD_PARALLEL,
    PLUGIN("hostile", "breaks the contract of score()"), .columns = columns, .score = score,
};
static const struct evald_plugin hostile_step = {
    EVALD_HEAD(EVALD_SCORER), .threads = EVALD_PARALLEL,
    PLUGIN("hostile-step", "breaks the contract of step()"), .columns = columns, .step = step,
};
static const struct evald_plugin hostile_metrics = {
    EVALD_HEAD(EVALD_SCORER), .threads = EVALD_PARALLEL,
    PLUGIN("hostile-metrics", "breaks the contract of open(), close() and aggregate()"),
    .params_schema = "{\"type\":\"object\",\"properties\":{\"how\":{\"type\":\"string\","
                     "\"default\":\"\"}}}",
    .open = open_badly, .close = close_badly, .score = score_one, .aggregate = aggregate_badly,
};
static const struct evald_plugin chain_model = {
    EVALD_HEAD(EVALD_MODEL), .threads = EVALD_PARALLEL,
    PLUGIN("chain", "asks the model that params.next names"),
    .params_schema = "{\"type\":\"object\",\"properties\":{\"next\":{\"type\":\"string\"}}}",
    .open = open_chain, .step = chain,
};
static const struct evald_plugin serial = {
    EVALD_HEAD(EVALD_SCORER), .threads = EVALD_SERIAL,
    PLUGIN("serial", "1 while nobody else is inside"), .score = score_serial,
};
static const struct evald_plugin instance = {
    EVALD_HEAD(EVALD_SCORER), .threads = EVALD_INSTANCE,
    PLUGIN("instance", "1 while nobody else is inside of the instance"), .open = open_instance,
    .score = score_instance,
};
EVALD_PLUGINS(&hostile, &hostile_step, &hostile_metrics, &chain_model, &serial, &instance)
