#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "common/jtext.h"
#include "common/mem.h"
#include "counts.h"

struct counts counts;

void
count_max(atomic_long *max, long value)
{
    long old = atomic_load_explicit(max, memory_order_relaxed);
    while (value > old && !atomic_compare_exchange_weak(max, &old, value))
        ;
}

/* ---- prompts: an open table of hashes ---- */

struct prompt {
    uint64_t hash; /* 0: an empty place */
    uint32_t requests;
    char *name;
};
static pthread_mutex_t prompts_lock = PTHREAD_MUTEX_INITIALIZER; /* all of these: */
static struct prompt *prompts;
static size_t prompts_room, n_prompts;

uint64_t
hash_text(struct str s, uint64_t seed)
{
    uint64_t h = seed ^ 0xcbf29ce484222325ull;
    for (; s.len >= 8; s.ptr += 8, s.len -= 8) {
        uint64_t w;
        memcpy(&w, s.ptr, 8);
        h = (h ^ w) * 0x9e3779b97f4a7c15ull;
        h ^= h >> 29;
    }
    for (; s.len > 0; s.ptr++, s.len--)
        h = (h ^ (unsigned char)*s.ptr) * 0x100000001b3ull;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93ull;
    return h ^ h >> 32;
}

static struct prompt *
place_of(uint64_t hash)
{
    size_t i = hash & (prompts_room - 1);
    while (prompts[i].hash != 0 && prompts[i].hash != hash)
        i = (i + 1) & (prompts_room - 1);
    return &prompts[i];
}

static void
grow_prompts(void)
{
    struct prompt *old = prompts;
    size_t n = prompts_room;
    prompts_room = n > 0 ? n * 2 : 1024;
    prompts = xcalloc(prompts_room, sizeof *prompts);
    for (size_t i = 0; i < n; i++)
        if (old[i].hash != 0)
            *place_of(old[i].hash) = old[i];
    free(old);
}

static char *
name_of(struct str prompt)
{
    const char *a = prompt.len > 0 ? memmem(prompt.ptr, prompt.len, "[[ID:", 5) : NULL;
    if (a == NULL)
        return NULL;
    a += 5;
    const char *z = memmem(a, (size_t)(prompt.ptr + prompt.len - a), "]]", 2);
    return z != NULL ? xstrndup(a, (size_t)(z - a)) : NULL;
}

uint32_t
prompts_count(uint64_t hash, struct str prompt)
{
    if (hash == 0)
        hash = 1;
    pthread_mutex_lock(&prompts_lock);
    if (n_prompts * 2 >= prompts_room)
        grow_prompts();
    struct prompt *p = place_of(hash);
    if (p->hash == 0) {
        p->hash = hash;
        p->name = name_of(prompt);
        n_prompts++;
    }
    uint32_t before = p->requests++;
    pthread_mutex_unlock(&prompts_lock);
    return before;
}

void
prompts_json(struct text *t)
{
    pthread_mutex_lock(&prompts_lock);
    char sep = '{';
    for (size_t i = 0; i < prompts_room; i++) {
        const struct prompt *p = &prompts[i];
        if (p->hash == 0)
            continue;
        text_putc(t, sep);
        if (p->name != NULL)
            jtext_put_string(t, str_z(p->name));
        else
            text_putf(t, "\"%016llx\"", (unsigned long long)p->hash);
        text_putf(t, ":%u", p->requests);
        sep = ',';
    }
    text_puts(t, sep == '{' ? "{}" : "}");
    pthread_mutex_unlock(&prompts_lock);
}

static void
prompts_reset(void)
{
    pthread_mutex_lock(&prompts_lock);
    for (size_t i = 0; i < prompts_room; i++)
        free(prompts[i].name);
    free(prompts);
    prompts = NULL;
    prompts_room = n_prompts = 0;
    pthread_mutex_unlock(&prompts_lock);
}

/* ---- totals ---- */

static void
put_count(struct text *t, const char *name, atomic_long *n)
{
    text_putf(t, "%c\"%s\":%ld", t->len == 0 ? '{' : ',', name, atomic_load(n));
}

void
counts_json(struct text *t)
{
    struct counts *c = &counts;
    text_clear(t);
    put_count(t, "total", &c->total);
    put_count(t, "in_flight", &c->in_flight);
    put_count(t, "max_in_flight", &c->max_in_flight);
    put_count(t, "connections", &c->conns);
    put_count(t, "max_connections", &c->max_conns);
    put_count(t, "accepted", &c->accepted);
    put_count(t, "chat", &c->chat);
    put_count(t, "completions", &c->completions);
    put_count(t, "embeddings", &c->embeddings);
    put_count(t, "models", &c->models);
    put_count(t, "other", &c->other);
    put_count(t, "ok", &c->ok);
    put_count(t, "limited", &c->limited);
    put_count(t, "unauthorized", &c->unauthorized);
    put_count(t, "bad_request", &c->bad_request);
    put_count(t, "client_aborted", &c->aborted);
    put_count(t, "bytes_in", &c->bytes_in);
    put_count(t, "bytes_out", &c->bytes_out);
    text_puts(t, ",\"injected\":{");
    for (unsigned i = 0; i < FAIL_MODES; i++)
        text_putf(t, "%s\"%s\":%ld", i > 0 ? "," : "", fail_mode_names[i],
                  atomic_load(&c->injected[i]));
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    text_putf(t, "},\"cpu_s\":%.3f,\"maxrss_kb\":%ld}\n",
              (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec)
                  + (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6,
              ru.ru_maxrss);
}

void
counts_reset(void)
{
    struct counts *c = &counts;
    atomic_long *const zero[] = {
        &c->total, &c->chat, &c->completions, &c->embeddings, &c->models, &c->other, &c->ok,
        &c->limited, &c->unauthorized, &c->bad_request, &c->aborted, &c->accepted,
        &c->bytes_in, &c->bytes_out,
    };
    for (size_t i = 0; i < ARRAY_LEN(zero); i++)
        atomic_store(zero[i], 0);
    for (unsigned i = 0; i < FAIL_MODES; i++)
        atomic_store(&c->injected[i], 0);
    atomic_store(&c->max_in_flight, atomic_load(&c->in_flight));
    atomic_store(&c->max_conns, atomic_load(&c->conns));
    prompts_reset();
}
