/* What scorers take from malloc: nothing, once they are warm, beyond the row's arena.
 *
 * The rows of every tape of this tree's scorers are scored by the real host code, each a few
 * times; of the later ones it is counted what is asked of malloc between the call of score()
 * and its return.  Blocks of the row's arena are the host's and do not count; nor do rows that
 * cannot be scored. */
#include "config.h"

#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/io.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/schema.h"
#include "runner/load.h"
#include "runner/task.h"
#include "tap.h"

#define WARM    2
#define COUNTED 2

/* Volatile: compilers know malloc, and that it changes nothing of ours. */
static volatile bool inside;     /* of a callback, while it counts */
static volatile unsigned arenas; /* depth of calls of the arena */
static volatile unsigned long taken;

static void
note(void)
{
    if (inside && arenas == 0)
        taken++;
}

/* ---- malloc, seen by all that is loaded ---- */

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
/* the sanitizer's, which has a malloc of its own; not all compilers bring its header along */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));

static void
on_malloc(const volatile void *p, size_t n)
{
    (void)p;
    (void)n;
    note();
}

static void
on_free(const volatile void *p)
{
    (void)p;
}

static void
see_malloc(void)
{
    __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
}
#else
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

void *
malloc(size_t n)
{
    note();
    return __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
    note();
    return __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
    note();
    return __libc_realloc(p, n);
}

static void
see_malloc(void)
{
}
#endif

/* ---- the arena, by the linker's --wrap ---- */

void *__real_arena_alloc(struct arena *a, size_t n);
void *__wrap_arena_alloc(struct arena *a, size_t n);
void *__real_arena_zalloc(struct arena *a, size_t n);
void *__wrap_arena_zalloc(struct arena *a, size_t n);
struct str __real_arena_copy(struct arena *a, struct str s);
struct str __wrap_arena_copy(struct arena *a, struct str s);

void *
__wrap_arena_alloc(struct arena *a, size_t n)
{
    arenas++;
    void *p = __real_arena_alloc(a, n);
    arenas--;
    return p;
}

void *
__wrap_arena_zalloc(struct arena *a, size_t n)
{
    arenas++;
    void *p = __real_arena_zalloc(a, n);
    arenas--;
    return p;
}

struct str
__wrap_arena_copy(struct arena *a, struct str s)
{
    arenas++;
    s = __real_arena_copy(a, s);
    arenas--;
    return s;
}

/* ---- rows of tapes ---- */

static bool counting;

static void
enter(const struct plugin *p, int32_t phase, uint64_t row, uint32_t epoch)
{
    (void)p;
    (void)phase;
    (void)row;
    (void)epoch;
    inside = counting;
}

static void
leave(void)
{
    inside = false;
}

static struct load loaded;
static struct call call;

/* The instance of the rows before, as long as they have the same params. */
static struct instance instance;
static char *instance_params;

/* What was seen of one scorer. */
struct sum {
    struct plugin *plugin;
    unsigned rows;
    unsigned long taken;
    char worst[160]; /* the first row that took some */
};

static bool
open_instance(struct plugin *p, json_object *given)
{
    struct err err;
    CLEANUP_JSON json_object *params = json_object_get(given), *filled = NULL;
    if (params == NULL && p->desc.params_default != NULL)
        json_parse(str_z(p->desc.params_default), &params, NULL, NULL);
    if (params == NULL)
        params = json_object_new_object();
    json_object *known = json_get(p->schema, "properties");
    if (!json_has(known, "type"))
        json_object_object_del(params, "type");
    if (!json_has(known, "aggregation_functions"))
        json_object_object_del(params, "aggregation_functions");
    filled = p->schema == NULL
                 ? json_object_new_object()
                 : schema_apply(p->schema, params, SCHEMA_REFUSE, "params", &err);
    if (filled == NULL)
        return false;
    CLEANUP_FREE char *text = json_text(filled);
    if (instance.opened && instance.plugin == p && strcmp(text, instance_params) == 0)
        return true;
    host_close(&instance);
    free(instance_params);
    instance_params = TAKE(text);
    return host_open(&call, &instance, p, p->desc.id, str_z(instance_params), &err) == 0;
}

/* What it took of malloc; 0 when the row cannot be scored. */
static unsigned long
score_once(struct task_env *env, struct str row)
{
    const struct plugin *p = instance.plugin;
    struct jval vals[PLUGIN_COLUMNS];
    struct str text = arena_copy(env->arena, row);
    size_t at;
    jtext_scan_object(text, p->columns, p->n_columns, vals, &at, NULL);
    struct evald_value *cols = arena_alloc(env->arena, (p->n_columns + 1) * sizeof *cols);
    for (size_t i = 0; i < p->n_columns; i++) {
        cols[i] = host_value(env->arena, vals[i]);
        if (vals[i].kind == J_ABSENT && !p->optional[i])
            return 0;
    }
    struct evald_row r = { .size = sizeof r, .cols = cols, .json = { text.ptr, text.len } };
    struct task *t = task_new(env, &instance, &r, 1);
    taken = 0;
    task_run(t, &call);
    bool scored = t->status == EVALD_OK;
    task_free(t);
    return scored ? taken : 0;
}

static void
score_row(struct sum *s, const char *name, json_object *row)
{
    static const struct task_ops none = { .send = NULL };
    struct arena arena = { 0 };
    struct task_env env = { .ops = &none, .arena = &arena, .max_attempts = 1 };
    CLEANUP_FREE char *text = json_text(row);
    for (int i = 0; i < WARM + COUNTED; i++) {
        counting = i >= WARM;
        unsigned long n = score_once(&env, str_z(text));
        if (n > 0 && s->taken == 0)
            snprintf(s->worst, sizeof s->worst, "%s", name);
        s->taken += n;
        counting = false;
        arena_reset(&arena);
    }
    s->rows++;
    task_env_fini(&env);
    arena_fini(&arena);
}

static struct plugin *
scorer(json_object *id)
{
    for (struct plugin *p = loaded.plugins; p != NULL && id != NULL; p = p->next)
        if (strcmp(json_object_get_string(id), p->desc.id) == 0)
            return p->desc.kind == EVALD_SCORER && p->desc.score != NULL ? p : NULL;
    return NULL;
}

static void
play_tape(const char *path, struct sum *sums, size_t n)
{
    struct err err;
    size_t len;
    CLEANUP_FREE char *text = io_read_file(AT_FDCWD, path, 64u << 20, &len, &err);
    CLEANUP_JSON json_object *of_tape = NULL;
    if (text == NULL)
        return;
    for (char *line = text, *end; *line != '\0'; line = end) {
        end = strchrnul(line, '\n');
        CLEANUP_JSON json_object *o = NULL;
        json_parse((struct str){ line, (size_t)(end - line) }, &o, NULL, NULL);
        end += *end == '\n';
        json_object *id = json_get(o, "plugin"), *row = json_get(o, "row");
        if (row == NULL && id != NULL) {
            json_object_put(of_tape);
            of_tape = json_object_get(id);
        }
        struct plugin *p = scorer(id != NULL ? id : of_tape);
        if (p == NULL || !json_object_is_type(row, json_type_object)
            || !open_instance(p, json_get(o, "params")))
            continue;
        for (size_t i = 0; i < n; i++)
            if (sums[i].plugin == p)
                score_row(&sums[i], json_get_str(o, "name", "?"), row);
    }
}

static void
test_file(const char *so)
{
    struct err err;
    char name[100], pattern[500];
    snprintf(name, sizeof name, "%s", strrchr(so, '/') + 1);
    *strrchr(name, '.') = '\0';
    CLEANUP_CLOSE int fd = open(so, O_RDONLY | O_CLOEXEC);
    struct plugin *last = NULL;
    for (struct plugin *p = loaded.plugins; p != NULL; p = p->next)
        last = p;
    if (!ok(fd >= 0 && load_file(&loaded, fd, so, NULL, &err) == 0, "%s is loaded", name))
        return;
    struct sum sums[64];
    size_t n = 0;
    for (struct plugin *p = last != NULL ? last->next : loaded.plugins;
         p != NULL && n < ARRAY_LEN(sums); p = p->next)
        if (p->desc.kind == EVALD_SCORER && p->desc.score != NULL)
            sums[n++] = (struct sum){ .plugin = p };
    if (n == 0)
        return;
    glob_t tapes = { 0 };
    snprintf(pattern, sizeof pattern, "%s/plugins/%s/t/*.jsonl", getenv("EVALD_SRCDIR"), name);
    glob(pattern, 0, NULL, &tapes);
    for (size_t i = 0; i < tapes.gl_pathc; i++)
        play_tape(tapes.gl_pathv[i], sums, n);
    globfree(&tapes);
    for (size_t i = 0; i < n; i++) {
        struct sum *s = &sums[i];
        ok(s->rows > 0, "%s: its tapes have rows (%u)", s->plugin->desc.id, s->rows);
        is_int(s->taken, 0, "%s: nothing is allocated%s%s", s->plugin->desc.id,
               s->taken > 0 ? ", but in: " : "", s->worst);
    }
}

int
main(void)
{
    if (getenv("EVALD_BUILDDIR") == NULL || getenv("EVALD_SRCDIR") == NULL) {
        skip("EVALD_BUILDDIR and EVALD_SRCDIR are for make check to set");
        return tap_done();
    }
    see_malloc();
    host_enter = enter;
    host_leave = leave;
    call_init(&call);

    counting = true;
    enter(NULL, 0, 0, 0);
    taken = 0;
    void *volatile p = malloc(100);
    leave();
    counting = false;
    is_int(taken, 1, "an allocation is seen");
    free(p);

    char pattern[500];
    glob_t files = { 0 };
    snprintf(pattern, sizeof pattern, "%s/plugins/.libs/*.so", getenv("EVALD_BUILDDIR"));
    glob(pattern, 0, NULL, &files);
    for (size_t i = 0; i < files.gl_pathc; i++)
        test_file(files.gl_pathv[i]);
    ok(files.gl_pathc > 0, "there are plugins");
    globfree(&files);
    host_close(&instance);
    free(instance_params);
    call_fini(&call);
    load_fini(&loaded);
    return tap_done();
}
