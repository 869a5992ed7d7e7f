/* pyre_match.c - a search, and what bounds it.
 *
 * A search calls back on its way (pyre_pattern.h), and looks at the clock then.  Its stack is
 * that of the thread, or, when that is too small, a large one for this time. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "pyre_code.h"

#define MATCH_CPU_NS 70000000
#define ROW_CPU_NS INT64_C(2000000000)
#define LOOK_NS 8000000 /* before that nobody asks for the processor's time, which takes long */
#define MEMORY_MAX (64u << 20)
#define STACK_SIZE (256u << 10)
#define PAIRS 32         /* groups that a thread has room for, without asking for more */
#define LONG_TEXT 65536  /* for the interpreter: its memory is not kept then */

/* What is to be done from one callout to the next at most, in steps of about a nanosecond. */
#define SPARSE_MAX_JIT 20000000u
#define SPARSE_MAX 1000000u
#define DENSE_WORK 16

/* What a thread matches with. */
struct matcher {
    pcre2_match_context *cx;
    pcre2_match_data *data;
    pcre2_jit_stack *stack; /* NULL: the machine's, which is smaller */
    uint32_t pairs;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool have_key;
static _Thread_local struct matcher *mine;

static void
matcher_free(void *arg)
{
    struct matcher *m = arg;
    pcre2_match_data_free(m->data);
    pcre2_match_context_free(m->cx);
    pcre2_jit_stack_free(m->stack);
    free(m);
    mine = NULL;
}

static void
make_key(void)
{
    have_key = pthread_key_create(&key, matcher_free) == 0;
}

static struct matcher *
matcher_new(void)
{
    pthread_once(&once, make_key);
    struct matcher *m = calloc(1, sizeof *m);
    if (m == NULL || !have_key || pthread_setspecific(key, m) != 0) {
        free(m);
        return NULL;
    }
    mine = m;
    m->cx = pcre2_match_context_create(NULL);
    if (m->cx == NULL)
        return m;
    pcre2_set_match_limit(m->cx, UINT32_MAX); /* the clock is the limit */
    pcre2_set_depth_limit(m->cx, UINT32_MAX);
    pcre2_set_heap_limit(m->cx, MEMORY_MAX >> 10);
    m->stack = pcre2_jit_stack_create(32 << 10, STACK_SIZE, NULL);
    pcre2_jit_stack_assign(m->cx, NULL, m->stack);
    return m;
}

/* With room for n pairs; NULL: out of memory. */
static struct matcher *
matcher_get(uint32_t n)
{
    struct matcher *m = mine != NULL ? mine : matcher_new();
    if (m == NULL || m->cx == NULL)
        return NULL;
    if (m->data == NULL || m->pairs < n) {
        pcre2_match_data_free(m->data);
        m->pairs = n < PAIRS ? PAIRS : n;
        m->data = pcre2_match_data_create(m->pairs, NULL);
    }
    return m->data != NULL ? m : NULL;
}

/* ---- the clock ---- */

struct watch {
    struct pyre_clock *clock;
    uint32_t every; /* callouts */
};

static int64_t
now_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int64_t
pyre_cpu_ns(void)
{
    return now_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* The time that passes is had for little; the processor's counts. */
static int
look_at_clock(struct pyre_clock *clock)
{
    int64_t now = now_ns(CLOCK_MONOTONIC_COARSE);
    if (clock->look_ns == 0)
        clock->look_ns = now + LOOK_NS;
    if (now < clock->look_ns)
        return 0;
    int64_t cpu = pyre_cpu_ns();
    if (clock->end_ns == 0)
        clock->end_ns = cpu + MATCH_CPU_NS - LOOK_NS;
    clock->look_ns = now + clock->end_ns - cpu;
    return cpu < clock->end_ns ? 0 : PCRE2_ERROR_MATCHLIMIT;
}

bool
pyre_has_time(struct pyre_budget *budget, char why[PYRE_WHY])
{
    int64_t now = now_ns(CLOCK_MONOTONIC_COARSE);
    if (budget->look_ns == 0)
        budget->look_ns = now + LOOK_NS;
    if (now < budget->look_ns)
        return true;
    int64_t cpu = pyre_cpu_ns() - pyre_compiled_ns;
    if (budget->end_ns == 0)
        budget->end_ns = cpu + ROW_CPU_NS - LOOK_NS;
    if (cpu >= budget->end_ns) {
        snprintf(why, PYRE_WHY, "all that is matched in this row takes too long");
        return false;
    }
    budget->look_ns = now + LOOK_NS;
    return true;
}

static int
on_callout(pcre2_callout_block *block, void *arg)
{
    struct watch *watch = arg;
    (void)block;
    return ++watch->clock->calls % watch->every != 0 ? 0 : look_at_clock(watch->clock);
}

/* ---- a search ---- */

static const struct program *
program_for(const struct pyre *re, size_t len, uint64_t *ret_work)
{
    *ret_work = (uint64_t)re->work * (len + 1);
    if (len < UINT32_MAX && *ret_work <= (re->sparse->jit ? SPARSE_MAX_JIT : SPARSE_MAX))
        return re->sparse;
    *ret_work = (uint64_t)DENSE_WORK * len;
    return pyre_dense((struct pyre *)re);
}

static int
match(const struct program *p, struct matcher *m, struct evald_str text, size_t from,
      uint32_t options)
{
    PCRE2_SPTR s = (PCRE2_SPTR)(text.ptr != NULL ? text.ptr : "");
    if (!p->jit)
        return pcre2_match(p->code, s, text.len, from, options | PCRE2_NO_UTF_CHECK, m->data,
                           m->cx);
    int rc = pcre2_jit_match(p->code, s, text.len, from, options, m->data, m->cx);
    if (rc != PCRE2_ERROR_JIT_STACKLIMIT)
        return rc;
    pcre2_jit_stack *large = pcre2_jit_stack_create(STACK_SIZE, MEMORY_MAX, NULL);
    if (large == NULL)
        return rc;
    pcre2_jit_stack_assign(m->cx, NULL, large);
    rc = pcre2_jit_match(p->code, s, text.len, from, options, m->data, m->cx);
    pcre2_jit_stack_assign(m->cx, NULL, m->stack);
    pcre2_jit_stack_free(large);
    return rc;
}

static int
give_up(int rc, char why[PYRE_WHY])
{
    if (rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT)
        snprintf(why, PYRE_WHY, "matching takes too long");
    else if (rc == PCRE2_ERROR_HEAPLIMIT || rc == PCRE2_ERROR_JIT_STACKLIMIT)
        snprintf(why, PYRE_WHY, "matching takes too much memory");
    else
        pyre_set_reason(why, rc);
    return -1;
}

int
pyre_run(const struct pyre *re, struct evald_str text, size_t from, uint32_t options,
         struct pyre_clock *clock, struct pyre_span *spans, uint32_t n_spans,
         char why[PYRE_WHY])
{
    uint64_t work;
    const struct program *p = program_for(re, text.len, &work);
    struct matcher *m = matcher_get(re->n_groups + 1);
    struct watch watch = { clock, work >> 20 ? 1 : work >> 16 ? 16 : 256 };
    if (m == NULL)
        return give_up(PCRE2_ERROR_NOMEMORY, why);
    pcre2_set_callout(m->cx, on_callout, &watch);
    int rc = match(p, m, text, from, options);
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(m->data);
    for (uint32_t i = 0; rc > 0 && i < n_spans; i++) {
        bool took_part = i < (uint32_t)rc && ends[2 * i] != PCRE2_UNSET;
        spans[i] = took_part ? (struct pyre_span){ ends[2 * i], ends[2 * i + 1] }
                             : (struct pyre_span){ PYRE_NONE, PYRE_NONE };
    }
    if (!p->jit && text.len > LONG_TEXT) {
        pcre2_match_data_free(m->data);
        m->data = NULL;
    }
    return rc > 0 ? 1 : rc == PCRE2_ERROR_NOMATCH ? 0 : give_up(rc, why);
}

int
pyre_search(const struct pyre *re, struct evald_str text, size_t from, struct pyre_span *spans,
            uint32_t n_spans, char why[PYRE_WHY])
{
    struct pyre_clock clock = { 0 };
    return pyre_run(re, text, from, 0, &clock, spans, n_spans, why);
}
