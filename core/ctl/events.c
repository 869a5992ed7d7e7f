#include "config.h"

#include <string.h>

#include "common/mem.h"
#include "ctl/events.h"

#define LINE_MAX_BYTES ((size_t)16 << 20)

struct reading {
    struct events *e;
    event_fn *fn;
    void *arg;
};

void
events_fini(struct events *e)
{
    text_fini(&e->id);
    text_fini(&e->kind);
    text_fini(&e->data);
    text_fini(&e->line);
}

static void
forget(struct events *e)
{
    text_clear(&e->id);
    text_clear(&e->kind);
    text_clear(&e->data);
}

static void
dispatch(struct reading *r)
{
    struct events *e = r->e;
    if (e->id.len > 0)
        snprintf(e->last, sizeof e->last, "%s", e->id.ptr);
    if (e->data.len > 0) {
        CLEANUP_JSON json_object *json = NULL;
        json_parse(text_str(&e->data), &json, NULL, NULL);
        r->fn(r->arg, e->kind.len > 0 ? e->kind.ptr : "message", text_str(&e->data), json);
    }
    forget(e);
}

/* One line of the stream: "field: value", a comment, or the end of an event. */
static void
take_line(struct reading *r, struct str line)
{
    struct events *e = r->e;
    if (line.len == 0) {
        dispatch(r);
        return;
    }
    const char *colon = memchr(line.ptr, ':', line.len);
    struct str name = { line.ptr, colon != NULL ? (size_t)(colon - line.ptr) : line.len };
    struct str value = { line.ptr + line.len, 0 };
    if (colon != NULL)
        value = (struct str){ colon + 1, line.len - name.len - 1 };
    if (value.len > 0 && value.ptr[0] == ' ')
        value = (struct str){ value.ptr + 1, value.len - 1 };
    if (str_is(name, "data")) {
        if (e->data.len > 0)
            text_putc(&e->data, '\n');
        text_put_str(&e->data, value);
    } else if (str_is(name, "event") || str_is(name, "id")) {
        struct text *to = name.len == 2 ? &e->id : &e->kind;
        text_clear(to);
        text_put_str(to, value);
    }
}

static bool
on_bytes(void *arg, struct str bytes)
{
    struct reading *r = arg;
    struct text *line = &r->e->line;
    const char *end = bytes.ptr + bytes.len;
    for (const char *p = bytes.ptr; p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        text_put(line, p, (size_t)((nl != NULL ? nl : end) - p));
        if (line->len > LINE_MAX_BYTES)
            return false;
        if (nl == NULL)
            break;
        if (line->len > 0 && line->ptr[line->len - 1] == '\r')
            line->ptr[--line->len] = '\0';
        take_line(r, text_str(line));
        text_clear(line);
        p = nl + 1;
    }
    return true;
}

int
events_read(const struct ctl *c, const char *path, struct events *e, event_fn *fn, void *arg,
            struct err *err)
{
    struct reading reading = { e, fn, arg };
    forget(e);
    text_clear(&e->line);
    CLEANUP_TEXT struct text answer = TEXT_INIT;
    struct request rq = { .path = path, .last_event_id = e->last[0] != '\0' ? e->last : NULL,
                          .piece = on_bytes, .piece_arg = &reading };
    return client_call(c->client, &rq, &answer, err);
}

/* ---- the command ---- */

static void
print_event(void *arg, const char *kind, struct str data, json_object *json)
{
    const struct ctl *c = arg;
    if (c->json) {
        ctl_put_document(data);
    } else if (strcmp(kind, "progress") == 0) {
        printf("%19s  progress  %lld", "", (long long)json_get_int(json, "rows_done", 0));
        int64_t total = json_get_int(json, "rows_total", -1);
        if (total >= 0)
            printf(" of %lld", (long long)total);
        printf(" rows, %lld failed\n", (long long)json_get_int(json, "rows_failed", 0));
    } else {
        char when[32];
        ctl_format_time(json_get_int(json, "at", 0), when, sizeof when);
        const char *what = json_get_str(json, "what", "");
        printf("%s  ", when);
        ctl_put_safe(stdout, kind);
        fputs(*what != '\0' ? "  " : "", stdout);
        ctl_put_safe(stdout, what);
        putchar('\n');
    }
    fflush(stdout);
}

int
events_command(const struct ctl *c, char **args)
{
    struct err err;
    CLEANUP_FREE char *path = job_path(c, args[0], "/events", &err);
    if (path == NULL)
        return ctl_fail(c, &err);
    struct events e = { .last = "" };
    int rc = events_read(c, path, &e, print_event, (void *)(uintptr_t)c, &err);
    events_fini(&e);
    return rc < 0 ? ctl_fail(c, &err) : CTL_OK;
}
