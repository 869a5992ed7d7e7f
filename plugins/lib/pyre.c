/* pyre.c - compiled patterns, and the cache of them.
 *
 * All patterns that are in use are in a table, so that the same one is there once; those that
 * nobody uses any more stay until there are too many of them. */
#include <pthread.h>
#include <stdlib.h>

#include "pyre_code.h"

#define NEST_MAX 1000 /* in what is written for PCRE2; pyre_pattern.c allows less */
#define BUCKETS 512
#define IDLE_MAX 256 /* patterns */
#define IDLE_BYTES_MAX (8u << 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below, refs and lists */
static struct pyre *buckets[BUCKETS];
static struct pyre *oldest, *newest; /* of those with refs 0 */
static size_t n_idle, idle_bytes;

_Thread_local int64_t pyre_compiled_ns;

void
pyre_set_reason(char why[PYRE_WHY], int number)
{
    PCRE2_UCHAR text[PYRE_WHY];
    if (pcre2_get_error_message(number, text, sizeof text) < 0)
        snprintf((char *)text, sizeof text, "error %d", number);
    snprintf(why, PYRE_WHY, "%s", (const char *)text);
}

/* ---- programs ---- */

static void
program_free(struct program *p)
{
    if (p == NULL)
        return;
    pcre2_code_free(p->code);
    free(p);
}

static struct program *
program_new(const struct translation *t, char why[PYRE_WHY])
{
    int number = 0;
    size_t at = 0, size = 0;
    struct program *p = calloc(1, sizeof *p);
    pcre2_compile_context *cx = pcre2_compile_context_create(NULL);
    if (p != NULL && cx != NULL) {
        /* PCRE2 10.42 takes a+(?>(b)?)a for a++(?>(b)?)a. */
        uint32_t more = t->atomic ? PCRE2_NO_AUTO_POSSESS : 0;
        pcre2_set_newline(cx, PCRE2_NEWLINE_LF);
        pcre2_set_parens_nest_limit(cx, NEST_MAX);
        p->code = pcre2_compile((PCRE2_SPTR)t->text, t->len,
                                PCRE2_UTF | PCRE2_MULTILINE | PCRE2_DOTALL
                                    | PCRE2_ALT_CIRCUMFLEX | PCRE2_NEVER_BACKSLASH_C
                                    | more,
                                &number, &at, cx);
    }
    pcre2_compile_context_free(cx);
    if (p != NULL && p->code != NULL) {
        /* Where memory cannot be made executable, or the pattern is too large for it, the
         * interpreter finds the same. */
        p->jit = pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE) == 0;
        pcre2_pattern_info(p->code, PCRE2_INFO_SIZE, &p->size);
        pcre2_pattern_info(p->code, PCRE2_INFO_JITSIZE, &size);
        p->size += size + sizeof *p;
        return p;
    }
    if (number != 0)
        pyre_set_reason(why, number);
    else
        snprintf(why, PYRE_WHY, "out of memory");
    free(p);
    return NULL;
}

const struct program *
pyre_dense(struct pyre *re)
{
    char why[PYRE_WHY];
    struct translation t;
    struct program *p = atomic_load_explicit(&re->dense, memory_order_acquire), *none = NULL;
    if (p != NULL)
        return p;
    if (!pyre_translate(re->pattern, re->flags, true, &t, why))
        return re->sparse;
    p = program_new(&t, why);
    free(t.text);
    if (p == NULL)
        p = re->sparse;
    if (atomic_compare_exchange_strong(&re->dense, &none, p))
        return p;
    if (p != re->sparse)
        program_free(p);
    return none; /* what another thread was first with */
}

/* ---- patterns ---- */

static void
pattern_free(struct pyre *re)
{
    struct program *dense = atomic_load(&re->dense);
    if (dense != re->sparse)
        program_free(dense);
    program_free(re->sparse);
    free((char *)re->pattern.ptr);
    free(re);
}

/* Alone, in no list. */
static struct pyre *
pattern_new(struct evald_str pattern, unsigned flags, char why[PYRE_WHY])
{
    struct translation t;
    struct pyre *re = calloc(1, sizeof *re);
    char *copy = malloc(pattern.len + 1);
    if (re == NULL || copy == NULL) {
        snprintf(why, PYRE_WHY, "out of memory");
        free(copy);
        free(re);
        return NULL;
    }
    if (pattern.len > 0)
        memcpy(copy, pattern.ptr, pattern.len);
    re->pattern = (struct evald_str){ copy, pattern.len };
    re->flags = flags;
    re->refs = 1;
    if (!pyre_translate(re->pattern, flags, false, &t, why)) {
        pattern_free(re);
        return NULL;
    }
    re->n_groups = t.n_groups;
    re->need = t.need;
    re->work = t.work;
    re->sparse = program_new(&t, why);
    free(t.text);
    if (re->sparse != NULL)
        return re;
    pattern_free(re);
    return NULL;
}

static size_t
pattern_bytes(const struct pyre *re)
{
    const struct program *dense = atomic_load(&re->dense);
    return sizeof *re + re->pattern.len + re->sparse->size
           + (dense != NULL && dense != re->sparse ? dense->size : 0);
}

uint32_t
pyre_groups(const struct pyre *re)
{
    return re->n_groups;
}

/* ---- the cache; with the lock held, all but the last two ---- */

static uint32_t
hash_of(struct evald_str s, unsigned flags)
{
    uint32_t h = 2166136261u ^ flags; /* FNV-1a */
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.ptr[i]) * 16777619u;
    return h;
}

static void
idle_remove(struct pyre *re)
{
    *(re->older != NULL ? &re->older->newer : &oldest) = re->newer;
    *(re->newer != NULL ? &re->newer->older : &newest) = re->older;
    re->older = re->newer = NULL;
    n_idle--;
    idle_bytes -= pattern_bytes(re);
}

static void
idle_add(struct pyre *re)
{
    re->older = newest;
    *(newest != NULL ? &newest->newer : &oldest) = re;
    newest = re;
    n_idle++;
    idle_bytes += pattern_bytes(re);
}

/* One more user for the pattern; NULL when it is not there. */
static struct pyre *
table_take(struct evald_str pattern, unsigned flags, uint32_t hash)
{
    struct pyre *re = buckets[hash % BUCKETS];
    while (re != NULL
           && (re->hash != hash || re->flags != flags || re->pattern.len != pattern.len
               || (pattern.len > 0 && memcmp(re->pattern.ptr, pattern.ptr, pattern.len) != 0)))
        re = re->next;
    if (re != NULL && re->refs++ == 0)
        idle_remove(re);
    return re;
}

static void
table_remove(struct pyre *re)
{
    struct pyre **at = &buckets[re->hash % BUCKETS];
    while (*at != re)
        at = &(*at)->next;
    *at = re->next;
}

struct pyre *
pyre_compile_with(struct evald_str pattern, unsigned flags, char why[PYRE_WHY])
{
    uint32_t hash = hash_of(pattern, flags);
    pthread_mutex_lock(&lock);
    struct pyre *re = table_take(pattern, flags, hash);
    pthread_mutex_unlock(&lock);
    if (re != NULL)
        return re;

    int64_t begin = pyre_cpu_ns();
    struct pyre *mine = pattern_new(pattern, flags, why);
    pyre_compiled_ns += pyre_cpu_ns() - begin;
    if (mine == NULL)
        return NULL;
    mine->hash = hash;
    pthread_mutex_lock(&lock);
    re = table_take(pattern, flags, hash);
    if (re == NULL) {
        mine->next = buckets[hash % BUCKETS];
        buckets[hash % BUCKETS] = mine;
    }
    pthread_mutex_unlock(&lock);
    if (re == NULL)
        return mine;
    pattern_free(mine);
    return re;
}

struct pyre *
pyre_compile(struct evald_str pattern, char why[PYRE_WHY])
{
    return pyre_compile_with(pattern, 0, why);
}

void
pyre_free(struct pyre *re)
{
    struct pyre *gone = NULL;
    if (re == NULL)
        return;
    pthread_mutex_lock(&lock);
    if (--re->refs == 0) {
        idle_add(re);
        while (oldest != NULL && (n_idle > IDLE_MAX || idle_bytes > IDLE_BYTES_MAX)) {
            struct pyre *last = oldest;
            idle_remove(last);
            table_remove(last);
            last->next = gone;
            gone = last;
        }
    }
    pthread_mutex_unlock(&lock);
    while (gone != NULL) {
        struct pyre *next = gone->next;
        pattern_free(gone);
        gone = next;
    }
}
