#include "config.h"

#include <string.h>

#include "common/jsame.h"
#include "common/mem.h"
#include "runner/host.h"
#include "runner/replay_asks.h"

struct str
tape_decode(struct arena *arena, struct str literal)
{
    char *buf = arena_alloc(arena, literal.len + 1);
    size_t n = jtext_decode_to(buf, literal);
    buf[n] = '\0';
    return (struct str){ buf, n };
}

bool
tape_same_bytes(struct arena *arena, struct jval want, struct str got)
{
    struct jval v;
    size_t at;
    if (want.kind == J_STRING)
        return str_eq(tape_decode(arena, want.raw), got);
    return jtext_check(got, &v, &at, NULL) == 0 && jsame(want, v, true);
}

int64_t
tape_number(struct jval v, int64_t otherwise)
{
    jtext_int64(v, &otherwise);
    return otherwise;
}

/* ---- text as Python writes it ---- */

static uint32_t
take_char(const unsigned char **p)
{
    const unsigned char *s = *p;
    uint32_t c = *s < 0x80 ? *s : *s < 0xe0 ? *s & 31u : *s < 0xf0 ? *s & 15u : *s & 7u;
    size_t more = *s < 0x80 ? 0 : *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3;
    for (size_t i = 1; i <= more; i++)
        c = c << 6 | (s[i] & 63u);
    *p += more + 1;
    return c;
}

/* A string literal with nothing but ASCII in it. */
static void
put_ascii(struct text *t, struct str literal)
{
    CLEANUP_TEXT struct text decoded = TEXT_INIT, quoted = TEXT_INIT;
    jtext_decode(&decoded, literal);
    jtext_put_string(&quoted, text_str(&decoded));
    const unsigned char *p = (const unsigned char *)quoted.ptr, *end = p + quoted.len;
    while (p < end) {
        uint32_t c = take_char(&p);
        if (c < 0x7f)
            text_putc(t, (char)c);
        else if (c < 0x10000)
            text_putf(t, "\\u%04x", (unsigned)c);
        else
            text_putf(t, "\\u%04x\\u%04x", (unsigned)(0xd7c0 + (c >> 10)),
                      (unsigned)(0xdc00 | (c & 0x3ff)));
    }
}

void
tape_put_dumps(struct text *t, struct jval v)
{
    struct jiter it = jtext_iter(v);
    struct str key;
    struct jval one;
    switch (v.kind) {
    case J_STRING:
        put_ascii(t, v.raw);
        return;
    case J_ARRAY:
    case J_OBJECT:
        text_putc(t, v.kind == J_ARRAY ? '[' : '{');
        for (bool first = true; jtext_next(&it, &key, &one); first = false) {
            if (!first)
                text_puts(t, ", ");
            if (v.kind == J_OBJECT) {
                put_ascii(t, key);
                text_puts(t, ": ");
            }
            tape_put_dumps(t, one);
        }
        text_putc(t, v.kind == J_ARRAY ? ']' : '}');
        return;
    default:
        text_put_str(t, v.raw);
    }
}

/* ---- an ask ---- */

void
tape_asks_init(struct tape_asks *a, struct arena *arena, struct jval asks, struct jval row,
               bool open)
{
    struct jval one;
    *a = (struct tape_asks){ .arena = arena, .row = row, .open = open };
    size_t room = jtext_count(asks);
    a->list = arena_zalloc(arena, (room + 1) * sizeof *a->list);
    a->made = arena_zalloc(arena, room + 1);
    for (struct jiter it = jtext_iter(asks); jtext_next(&it, NULL, &one);)
        a->list[a->n++] = one;
}

/* The words of a message: a string, or of a list the text of its items. */
static void
put_content(struct text *t, struct jval content)
{
    struct jval item;
    if (content.kind == J_STRING)
        jtext_decode(t, content.raw);
    for (struct jiter it = jtext_iter(content); content.kind == J_ARRAY
                                                && jtext_next(&it, NULL, &item);) {
        struct jval text = jtext_member(item, STR("text"));
        if (text.kind == J_STRING)
            jtext_decode(t, text.raw);
    }
    text_putc(t, '\n');
}

/* The first of the columns whose text is in no message; an empty literal when all are. */
static struct str
missing_column(const struct tape_asks *a, struct jval body, struct jval columns)
{
    CLEANUP_TEXT struct text words = TEXT_INIT;
    struct jval message, name;
    struct jval messages = jtext_member(body, STR("messages"));
    for (struct jiter it = jtext_iter(messages); jtext_next(&it, NULL, &message);)
        put_content(&words, jtext_member(message, STR("content")));
    for (struct jiter it = jtext_iter(columns); jtext_next(&it, NULL, &name);) {
        CLEANUP_TEXT struct text want = TEXT_INIT;
        if (name.kind != J_STRING)
            return name.raw;
        struct jval value = jtext_member(a->row, tape_decode(a->arena, name.raw));
        if (value.kind == J_ABSENT)
            return name.raw;
        if (value.kind == J_STRING)
            jtext_decode(&want, value.raw);
        else
            tape_put_dumps(&want, value);
        if (want.len > 0 && (words.len < want.len
                             || memmem(words.ptr, words.len, want.ptr, want.len) == NULL))
            return name.raw;
    }
    return STR("");
}

/* Does the one tool of the body require just these members? */
static bool
requires(struct jval body, struct jval names)
{
    struct jval required = jtext_pointer(body, STR("/tools/0/function/parameters/required"));
    struct jval name, one;
    if (jtext_count(jtext_member(body, STR("tools"))) != 1
        || jtext_count(names) != jtext_count(required))
        return false;
    for (struct jiter it = jtext_iter(names); jtext_next(&it, NULL, &name);) {
        bool found = false;
        for (struct jiter r = jtext_iter(required); !found && jtext_next(&r, NULL, &one);)
            found = jsame(name, one, false);
        if (!found)
            return false;
    }
    return true;
}

/* Puts what is different; nothing when it is the same ask. */
static void
compare(const struct tape_asks *a, struct jval tape, const struct task_ask *k,
        struct text *problem)
{
    static const char *const kinds[] = { "", "model", "http", "sleep" };
    struct jval kind = jtext_member(tape, STR("kind")), to = jtext_member(tape, STR("to"));
    struct jval body = jtext_member(tape, STR("body")), head = jtext_member(tape, STR("head"));
    struct jval without = jtext_member(tape, STR("without")), pointer, sent;
    struct jval has = jtext_member(tape, STR("prompt_has"));
    struct jval required = jtext_member(tape, STR("schema_required"));
    struct jval timeout = jtext_member(tape, STR("timeout_ms"));
    size_t n = a->n_made, at;
    const char *name = k->kind < ARRAY_LEN(kinds) ? kinds[k->kind] : "unknown";
    if (kind.kind != J_STRING || !jtext_spells(kind.raw, str_z(name))) {
        text_putf(problem, "ask %zu is of kind %s", n, name);
        return;
    }
    if (to.kind != J_ABSENT && !tape_same_bytes(a->arena, to, k->to)) {
        text_putf(problem, "ask %zu goes to '%s'", n, k->to.ptr);
        return;
    }
    if (body.kind != J_ABSENT && !tape_same_bytes(a->arena, body, k->body)) {
        text_putf(problem, "the body of ask %zu is %s", n, k->body.ptr);
        return;
    }
    if (head.kind != J_ABSENT && !tape_same_bytes(a->arena, head, k->head)) {
        text_putf(problem, "the head of ask %zu is %s", n, k->head.ptr);
        return;
    }
    if (timeout.kind != J_ABSENT && tape_number(timeout, -1) != (int64_t)k->timeout_ms) {
        text_putf(problem, "ask %zu has timeout_ms %u", n, k->timeout_ms);
        return;
    }
    if (jtext_check(k->body, &sent, &at, NULL) < 0)
        sent = (struct jval){ J_ABSENT, STR("") };
    for (struct jiter it = jtext_iter(without); jtext_next(&it, NULL, &pointer);) {
        struct str place = tape_decode(a->arena, pointer.raw);
        if (jtext_pointer(sent, place).kind != J_ABSENT) {
            text_putf(problem, "the body of ask %zu has a %s: %s", n, place.ptr, k->body.ptr);
            return;
        }
    }
    struct str column = missing_column(a, sent, has);
    if (column.len > 0)
        text_putf(problem, "the prompt of ask %zu does not have the column %.*s: %s", n,
                  (int)column.len, column.ptr, k->body.ptr);
    else if (required.kind != J_ABSENT && !requires(sent, required))
        text_putf(problem, "the tool of ask %zu does not require %.*s alone: %s", n,
                  (int)required.raw.len, required.raw.ptr, k->body.ptr);
}

static int32_t
status_of(struct jval v)
{
    static const int32_t all[] = { EVALD_E_ROW, EVALD_E_REMOTE, EVALD_E_TIMEOUT, EVALD_E_BUG,
                                   EVALD_E_CONFIG };
    for (size_t i = 0; v.kind == J_STRING && i < ARRAY_LEN(all); i++)
        if (jtext_spells(v.raw, str_z(host_code(all[i]))))
            return all[i];
    return EVALD_OK;
}

static struct str
bytes_of(struct arena *arena, struct jval v)
{
    return v.kind == J_STRING ? tape_decode(arena, v.raw) : arena_copy(arena, v.raw);
}

static struct task_reply
reply_of(struct arena *arena, struct jval reply, const struct task_ask *k)
{
    struct jval body = jtext_member(reply, STR("body"));
    struct jval head = jtext_member(reply, STR("head"));
    struct task_reply r = { .attempts = 1 };
    r.status = status_of(jtext_member(reply, STR("status")));
    r.body = body.kind == J_ABSENT ? STR("") : bytes_of(arena, body);
    r.head = head.kind == J_ABSENT ? STR("") : bytes_of(arena, head);
    if (k->kind == EVALD_ASK_HTTP && r.status == EVALD_OK)
        r.http_status = (uint32_t)tape_number(jtext_member(reply, STR("http_status")), 200);
    if (k->kind == EVALD_ASK_MODEL)
        r.usage = task_usage_of(jtext_member(body, STR("usage")));
    return r;
}

bool
tape_asks_answer(struct tape_asks *a, const struct task_ask *k, struct task_reply *ret,
                 struct text *problem)
{
    for (size_t i = 0; i < a->n; i++) {
        if (a->made[i])
            continue;
        text_clear(problem);
        compare(a, a->list[i], k, problem);
        if (problem->len > 0 && !a->open)
            return false;
        if (problem->len > 0)
            continue;
        a->made[i] = true;
        a->n_made++;
        *ret = reply_of(a->arena, jtext_member(a->list[i], STR("reply")), k);
        return true;
    }
    if (problem->len == 0)
        text_putf(problem, "asks once more: %s", k->body.ptr);
    return false;
}

bool
tape_asks_left(const struct tape_asks *a)
{
    return !a->open && a->n_made < a->n;
}
