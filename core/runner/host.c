#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/log.h"
#include "common/mem.h"
#include "runner/host.h"
#include "runner/task.h"

void (*host_enter)(const struct plugin *p, int32_t phase, uint64_t row, uint32_t epoch);
void (*host_leave)(void);
void (*host_enter_load)(uint32_t crumb);

/* ---- fields ---- */

void
fields_clear(struct fields *f)
{
    text_clear(&f->json);
    f->n = 0;
}

void
fields_fini(struct fields *f)
{
    text_fini(&f->json);
    free(f->list);
    *f = (struct fields){ 0 };
}

#define FIELDS_ROOM 240 /* of most score rows and replies: they are not copied as they grow */

/* Puts the name; the value is then appended to f->json and fields_end() called. */
static int
fields_begin(struct fields *f, struct str name)
{
    size_t was = f->json.len;
    if (was == 0)
        text_reserve(&f->json, FIELDS_ROOM);
    if (f->n > 0)
        text_putc(&f->json, ',');
    size_t at = f->json.len;
    jtext_put_string(&f->json, name);
    size_t len = f->json.len - at;
    for (uint32_t i = 0; i < f->n; i++)
        if (f->list[i].name_len == len
            && memcmp(f->json.ptr + f->list[i].name, f->json.ptr + at, len) == 0) {
            f->json.len = was;
            f->json.ptr[was] = '\0';
            return -1;
        }
    text_putc(&f->json, ':');
    if (f->n == f->room) {
        f->room = f->room == 0 ? 4 : 2 * f->room;
        f->list = xreallocarray(f->list, f->room, sizeof *f->list);
    }
    f->list[f->n] = (struct field){ (uint32_t)at, (uint32_t)len, (uint32_t)f->json.len, 0 };
    return 0;
}

static void
fields_end(struct fields *f)
{
    f->list[f->n].value_len = (uint32_t)f->json.len - f->list[f->n].value;
    f->n++;
}

struct jval
fields_get(const struct fields *f, struct str name)
{
    for (uint32_t i = 0; i < f->n; i++) {
        const struct field *d = &f->list[i];
        if (jtext_spells((struct str){ f->json.ptr + d->name, d->name_len }, name))
            return jtext_whole((struct str){ f->json.ptr + d->value, d->value_len });
    }
    return (struct jval){ J_ABSENT, { NULL, 0 } };
}

/* ---- the functions of struct evald_host ---- */

static struct str
str_of(struct evald_str s)
{
    return (struct str){ s.ptr != NULL ? s.ptr : "", s.ptr != NULL ? s.len : 0 };
}

static struct evald_str
evald_str_of(struct str s)
{
    return (struct evald_str){ s.ptr, s.len };
}

/* One line of valid UTF-8, at most TASK_WHY_MAX bytes. */
static void
put_line(struct text *t, struct str s)
{
    if (s.len > TASK_WHY_MAX) {
        s.len = TASK_WHY_MAX;
        while (s.len > 0 && ((unsigned char)s.ptr[s.len] & 0xc0) == 0x80)
            s.len--;
    }
    size_t at = t->len;
    text_put_utf8(t, s);
    for (size_t i = at; i < t->len; i++)
        if ((unsigned char)t->ptr[i] < ' ' || t->ptr[i] == 0x7f)
            t->ptr[i] = ' ';
}

__attribute__((format(printf, 2, 3))) static int32_t
bug(struct call *c, const char *fmt, ...)
{
    if (!c->bug) {
        char line[400];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(line, sizeof line, fmt, ap);
        va_end(ap);
        text_clear(&c->why);
        put_line(&c->why, str_z(line));
        c->bug = true;
    }
    return EVALD_E_BUG;
}

static void
do_log(struct evald_call *base, int32_t level, struct evald_str s)
{
    struct call *c = (struct call *)base;
    text_clear(&c->scratch);
    put_line(&c->scratch, str_of(s));
    int at = level <= 3 ? 3 : level == 4 || level == 5 ? 4 : level == 6 ? 6 : 7;
    if (c->log != NULL)
        c->log(c->log_arg, c->plugin, at, text_str(&c->scratch));
    else
        log_at((enum log_level)at, "%s plugin=%s", c->scratch.ptr, c->plugin->desc.id);
}

static void
do_fail(struct evald_call *base, struct evald_str why)
{
    struct call *c = (struct call *)base;
    if (c->bug)
        return;
    text_clear(&c->why);
    put_line(&c->why, str_of(why));
}

static void *
do_alloc(struct evald_call *base, size_t n)
{
    return arena_zalloc(((struct call *)base)->arena, n);
}

/* What was read and given: its memory goes. */
static void
forget(struct call *c)
{
    c->n_given = 0;
    if (c->uses == 0)
        return;
    c->uses = 0;
    for (unsigned i = 0; i < CALL_PARSES; i++)
        c->parses[i] = (struct parse){ 0 };
    for (unsigned i = 0; i < CALL_WALKS; i++)
        c->walks[i] = (struct parse){ 0 };
}

/* The place of a text: where it is, or the one that was not used for longest. */
static struct parse *
place_of(struct parse *list, unsigned n, struct str json)
{
    struct parse *place = &list[0];
    for (unsigned i = 0; i < n; i++) {
        if (list[i].ptr == json.ptr && list[i].len == json.len)
            return &list[i];
        if (list[i].used < place->used)
            place = &list[i];
    }
    return place;
}

/* The parse of a text, from memory when it is there.  again: a walk goes on, the text was
 * checked when it began. */
static bool
parse(struct call *c, struct parse *p, struct str json, bool again, struct jval *ret)
{
    bool here = p->ptr == json.ptr && p->len == json.len;
    uint64_t hash = here && again ? p->hash : XXH3_64bits(json.ptr, json.len);
    if (!here || p->hash != hash) {
        size_t at;
        if (jtext_check(json, ret, &at, NULL) < 0)
            ret->kind = J_ABSENT;
        *p = (struct parse){ json.ptr, json.len, hash, 0, *ret };
    }
    *ret = p->value;
    p->used = ++c->uses;
    return ret->kind != J_ABSENT;
}

/* Is it text that the host itself made of checked text?  A plugin has no right to write there. */
static bool
is_trusted(const struct call *c, struct str json)
{
    if (c->trusted.ptr == json.ptr && c->trusted.len == json.len)
        return true;
    for (size_t i = 0; i < c->n_cols; i++)
        if (c->cols[i].str.ptr == json.ptr && c->cols[i].str.len == json.len)
            return c->cols[i].kind == EVALD_ARRAY || c->cols[i].kind == EVALD_OBJECT;
    for (unsigned i = 0; i < CALL_GIVEN && i < c->n_given; i++)
        if (c->given[i].ptr == json.ptr && c->given[i].len == json.len)
            return true;
    return false;
}

static struct evald_value
give(struct call *c, struct jval v)
{
    struct evald_value r = host_value(c->values, v);
    if (v.kind == J_ARRAY || v.kind == J_OBJECT)
        c->given[c->n_given++ % CALL_GIVEN] = (struct str){ r.str.ptr, r.str.len };
    return r;
}

/* The parse of a text that is read here and there. */
static bool
parsed(struct call *c, struct str json, struct jval *ret)
{
    if (json.len == 0)
        return false;
    if (is_trusted(c, json)) {
        *ret = jtext_whole(json);
        return true;
    }
    return parse(c, place_of(c->parses, CALL_PARSES, json), json, false, ret);
}

struct evald_value
host_value(struct arena *a, struct jval v)
{
    struct evald_value r = { (uint32_t)v.kind, 0, 0, { "", 0 } };
    if (v.kind == J_ABSENT)
        return r;
    if (v.kind == J_STRING) {
        char *p = arena_alloc(a, v.raw.len + 1);
        size_t n = jtext_decode_to(p, v.raw);
        p[n] = '\0';
        r.str = (struct evald_str){ p, n };
        return r;
    }
    if (v.kind == J_NUMBER) {
        r.num = jtext_double(v);
        r.flags = jtext_is_integer(v) ? EVALD_INTEGER : 0;
    } else if (v.kind == J_BOOL) {
        r.num = v.raw.ptr[0] == 't';
    }
    r.str = evald_str_of(arena_copy(a, v.raw));
    return r;
}

static int32_t
do_get(struct evald_call *base, struct evald_str json, const char *pointer,
       struct evald_value *out)
{
    struct call *c = (struct call *)base;
    struct jval v;
    *out = (struct evald_value){ 0, 0, 0, { "", 0 } };
    if (!parsed(c, str_of(json), &v))
        return EVALD_E_ROW;
    *out = give(c, jtext_pointer(v, str_z(pointer)));
    return EVALD_OK;
}

static int32_t
do_each(struct evald_call *base, struct evald_str json, size_t *at, struct evald_str *key,
        struct evald_value *out)
{
    struct call *c = (struct call *)base;
    struct str text = str_of(json), name;
    struct jval v, val;
    struct parse *walk = NULL;
    if (text.len == 0 || *at > text.len)
        return 0;
    if (is_trusted(c, text)) {
        v = jtext_whole(text);
    } else {
        walk = place_of(c->walks, CALL_WALKS, text);
        if (!parse(c, walk, text, *at > 0, &v))
            return 0;
    }
    struct jiter it = jtext_iter(v);
    if (*at > 0)
        it.at = text.ptr + *at;
    if (!jtext_next(&it, &name, &val)) {
        if (walk != NULL)
            *walk = (struct parse){ 0 }; /* its place is free */
        return 0;
    }
    *at = (size_t)(it.at - json.ptr);
    if (key != NULL) {
        *key = (struct evald_str){ "", 0 };
        if (name.len > 0)
            *key = host_value(c->values, (struct jval){ J_STRING, name }).str;
    }
    if (out != NULL)
        *out = give(c, val);
    return 1;
}

static int32_t
do_quote(struct evald_call *base, struct evald_str s, struct evald_str *out)
{
    struct call *c = (struct call *)base;
    text_clear(&c->scratch);
    jtext_put_string(&c->scratch, str_of(s));
    *out = evald_str_of(arena_copy(c->values, text_str(&c->scratch)));
    return EVALD_OK;
}

/* Appends what a number is written as. */
static bool
put_number(struct text *t, const struct evald_value *v)
{
    struct str digits = str_of(v->str);
    if (digits.len == 0) {
        if ((v->flags & EVALD_INTEGER) && fabs(v->num) < 9007199254740992.0)
            text_putf(t, "%.0f", v->num);
        else
            jtext_put_double(t, v->num);
        return true;
    }
    struct jval n;
    size_t at;
    if (jtext_check(digits, &n, &at, NULL) < 0 || n.kind != J_NUMBER)
        return false;
    jtext_put_finite(t, n); /* NaN and infinities cannot be told apart in an answer */
    return true;
}

/* As much of a field's name as a message shows. */
static int
name_len(struct str name)
{
    return name.len < 100 ? (int)name.len : 100;
}

static int32_t
do_field(struct evald_call *base, struct evald_str name, const struct evald_value *v)
{
    struct call *c = (struct call *)base;
    struct str key = str_of(name);
    struct jval raw = { J_ABSENT, { NULL, 0 } };
    CLEANUP_TEXT struct text valid = TEXT_INIT;
    if (c->fields == NULL)
        return bug(c, "field '%.*s' cannot be emitted here", name_len(key), key.ptr);
    if (key.len == 0)
        return bug(c, "a field without a name");
    if (v->kind == EVALD_ABSENT)
        return EVALD_OK;
    if (v->kind > EVALD_OBJECT)
        return bug(c, "field '%.*s' is of unknown kind %u", name_len(key), key.ptr, v->kind);
    if (v->kind == EVALD_ARRAY || v->kind == EVALD_OBJECT) {
        if (!parsed(c, str_of(v->str), &raw)) {
            text_put_utf8(&valid, str_of(v->str));
            size_t at;
            if (jtext_check(text_str(&valid), &raw, &at, NULL) < 0)
                raw.kind = J_ABSENT;
        }
        if (raw.kind != (enum jkind)v->kind)
            return bug(c, "field '%.*s' is no JSON %s", name_len(key), key.ptr,
                       v->kind == EVALD_ARRAY ? "array" : "object");
    }
    size_t was = c->fields->json.len;
    if (fields_begin(c->fields, key) < 0)
        return bug(c, "field '%.*s' twice", name_len(key), key.ptr);
    struct text *t = &c->fields->json;
    bool good = true;
    switch (v->kind) {
    case EVALD_NULL:
        text_puts(t, "null");
        break;
    case EVALD_BOOL:
        text_puts(t, v->num != 0 ? "true" : "false");
        break;
    case EVALD_NUMBER:
        good = put_number(t, v);
        break;
    case EVALD_STRING:
        jtext_put_string(t, str_of(v->str));
        break;
    default:
        jtext_put_finite(t, raw);
    }
    if (!good || t->len > FIELDS_MAX) {
        t->len = was;
        t->ptr[was] = '\0';
        return !good ? bug(c, "field '%.*s' is no number", name_len(key), key.ptr)
                     : bug(c, "field '%.*s' is too long: more than %u MiB are emitted",
                           name_len(key), key.ptr, FIELDS_MAX >> 20);
    }
    fields_end(c->fields);
    return EVALD_OK;
}

static int32_t
do_ask(struct evald_call *base, const struct evald_ask *a)
{
    struct call *c = (struct call *)base;
    if (c->task == NULL)
        return bug(c, "asks are for step() only");
    return task_ask(c->task, c, a);
}

static int32_t
do_next_scored(struct evald_call *base, struct evald_str *json)
{
    struct call *c = (struct call *)base;
    struct str line = { "", 0 };
    if (c->next_scored == NULL || c->values == c->arena)
        return bug(c, "next_scored is for aggregate() only");
    arena_reset(c->values);
    forget(c);
    /* the time limit is for the plugin: it begins anew with each row, and evald takes its own */
    if (host_leave != NULL)
        host_leave();
    int more = c->next_scored(c->scored_arg, &line);
    if (host_enter != NULL)
        host_enter(c->plugin, -1, 0, 0);
    if (more == 0) {
        *json = (struct evald_str){ "", 0 };
        return 0;
    }
    *json = evald_str_of(line);
    c->trusted = line;
    return 1;
}

static const struct evald_host the_host = {
    .size = sizeof(struct evald_host),
    .log = do_log, .fail = do_fail, .alloc = do_alloc, .get = do_get, .each = do_each,
    .quote = do_quote, .field = do_field, .ask = do_ask, .next_scored = do_next_scored,
};
static struct evald_host host; /* with the version filled in */
static pthread_once_t host_once = PTHREAD_ONCE_INIT;

uint32_t
host_version(void)
{
    unsigned major = 0, minor = 0, patch = 0;
    sscanf(PACKAGE_VERSION, "%u.%u.%u", &major, &minor, &patch);
    return major << 16 | (minor & 0xff) << 8 | (patch & 0xff);
}

static void
make_host(void)
{
    host = the_host;
    host.version = host_version();
}

/* ---- handles ---- */

void
call_init(struct call *c)
{
    pthread_once(&host_once, make_host);
    *c = (struct call){ .base.host = &host };
}

void
call_fini(struct call *c)
{
    text_fini(&c->why);
    text_fini(&c->scratch);
}

void
call_begin(struct call *c, const struct plugin *p, struct arena *a)
{
    c->plugin = p;
    c->arena = c->values = a;
    c->fields = NULL;
    c->task = NULL;
    c->bug = false;
    text_clear(&c->why);
    c->trusted = (struct str){ NULL, 0 };
    c->cols = NULL;
    c->n_cols = 0;
    forget(c);
}

struct str
call_why(struct call *c, const char *otherwise)
{
    return c->why.len > 0 ? text_str(&c->why) : str_z(otherwise);
}

/* ---- instances ---- */

void
host_lock(struct instance *in)
{
    if (in->plugin->desc.threads == EVALD_SERIAL)
        pthread_mutex_lock(&in->plugin->gate);
    else if (in->plugin->desc.threads == EVALD_INSTANCE)
        pthread_mutex_lock(&in->gate);
}

void
host_unlock(struct instance *in)
{
    if (in->plugin->desc.threads == EVALD_SERIAL)
        pthread_mutex_unlock(&in->plugin->gate);
    else if (in->plugin->desc.threads == EVALD_INSTANCE)
        pthread_mutex_unlock(&in->gate);
}

int
host_open(struct call *c, struct instance *in, struct plugin *p, const char *id,
          struct str params, struct err *err)
{
    *in = (struct instance){ .plugin = p, .id = xstrdup(id), .gate_made = true,
                             .endpoint = in->endpoint };
    pthread_mutex_init(&in->gate, NULL);
    int32_t rc = EVALD_OK;
    call_begin(c, p, &in->arena);
    if (p->desc.open != NULL) {
        struct str copy = arena_copy(&in->arena, params);
        c->trusted = copy;
        host_lock(in);
        if (host_enter != NULL)
            host_enter(p, -1, 0, 0);
        rc = p->desc.open(&c->base, evald_str_of(copy), &in->self);
        if (host_leave != NULL)
            host_leave();
        host_unlock(in);
        if (c->bug)
            rc = EVALD_E_BUG;
    }
    if (rc == EVALD_OK) {
        in->opened = true;
        return 0;
    }
    struct str why = call_why(c, "open() failed without a reason");
    if (rc == EVALD_E_CONFIG)
        err_set(err, ERR_INVALID, "%.*s", (int)why.len, why.ptr);
    else
        err_set(err, ERR_PLUGIN, "plugin '%s' cannot be opened: %.*s", p->desc.id, (int)why.len,
                why.ptr);
    host_close(in);
    return -1;
}

void
host_close(struct instance *in)
{
    if (in->opened && in->plugin->desc.close != NULL) {
        host_lock(in);
        if (host_enter != NULL)
            host_enter(in->plugin, -1, 0, 0);
        in->plugin->desc.close(in->self);
        if (host_leave != NULL)
            host_leave();
        host_unlock(in);
    }
    if (in->gate_made)
        pthread_mutex_destroy(&in->gate);
    free(in->id);
    arena_fini(&in->arena);
    *in = (struct instance){ 0 };
}

int
host_aggregate(struct call *c, struct instance *in, struct fields *f, struct err *err)
{
    struct arena arena = { 0 }, line = { 0 };
    call_begin(c, in->plugin, &arena);
    c->values = &line;
    c->fields = f;
    host_lock(in);
    if (host_enter != NULL)
        host_enter(in->plugin, -1, 0, 0);
    int32_t rc = in->plugin->desc.aggregate(&c->base, in->self);
    if (host_leave != NULL)
        host_leave();
    host_unlock(in);
    arena_fini(&arena);
    arena_fini(&line);
    c->arena = c->values = NULL;
    if (c->bug)
        rc = EVALD_E_BUG;
    if (rc == EVALD_OK)
        return 0;
    struct str why = call_why(c, "failed without a reason");
    return err_set(err, rc == EVALD_E_CONFIG || rc == EVALD_E_ROW ? ERR_INVALID : ERR_PLUGIN,
                   "aggregation of '%s': %.*s", in->id, (int)why.len, why.ptr);
}

const char *
host_code(int32_t status)
{
    switch (status) {
    case EVALD_E_ROW:
        return "bad_row";
    case EVALD_E_REMOTE:
    case EVALD_E_RETRY:
        return "remote";
    case EVALD_E_TIMEOUT:
        return "timeout";
    case EVALD_E_CONFIG:
    case EVALD_E_NOTSUP:
        return "config";
    default:
        return "plugin";
    }
}
