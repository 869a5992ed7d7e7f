/* pyre_walk.c - all matches of a pattern: re.finditer, and re.sub and re.split on top of it. */
#include "pyre_code.h"

int
pyre_next(const struct pyre *re, struct evald_str text, struct pyre_walk *walk,
          struct pyre_span *spans, uint32_t n_spans, char why[PYRE_WHY])
{
    struct pyre_span whole;
    if (walk->over)
        return 0;
    if (n_spans == 0) {
        spans = &whole;
        n_spans = 1;
    }
    int found = pyre_run(re, text, walk->at, walk->empty ? PCRE2_NOTEMPTY_ATSTART : 0,
                         &walk->clock, spans, n_spans, why);
    if (found > 0) {
        walk->at = spans[0].end;
        walk->empty = spans[0].at == spans[0].end;
    } else {
        walk->over = true;
    }
    return found;
}

int64_t
pyre_count(const struct pyre *re, struct evald_str text, char why[PYRE_WHY])
{
    struct pyre_walk walk = { 0 };
    int64_t n = 0;
    int found;
    while ((found = pyre_next(re, text, &walk, NULL, 0, why)) > 0)
        n++;
    return found < 0 ? -1 : n;
}

/* ---- sub ---- */

/* What a match becomes: text, then a group. */
struct part {
    struct evald_str text;
    uint32_t group; /* NO_GROUP: nothing */
};
#define NO_GROUP UINT32_MAX

struct template {
    struct evald_call *c;
    const struct pyre *re;
    const char *at, *end;
    struct part *parts;
    size_t n_parts;
    char *why;
};

static bool
fail(struct template *t, const char *what)
{
    snprintf(t->why, PYRE_WHY, "replacement: %s", what);
    return false;
}

static void
add_text(struct template *t, const char *from, const char *to)
{
    if (to > from)
        t->parts[t->n_parts++] = (struct part){ { from, (size_t)(to - from) }, NO_GROUP };
}

/* c below 0x800. */
static void
add_char(struct template *t, uint32_t c)
{
    char *s = evald_alloc(t->c, 2), *end = s;
    if (c >= 0x80) {
        *end++ = (char)(0xc0 | c >> 6);
        c = 0x80 | (c & 0x3f);
    }
    *end++ = (char)c;
    add_text(t, s, end);
}

static bool
add_group(struct template *t, uint32_t group)
{
    if (group > t->re->n_groups)
        return fail(t, "invalid group reference");
    t->parts[t->n_parts++] = (struct part){ { "", 0 }, group };
    return true;
}

static bool
is_octal(const struct template *t, int at)
{
    return t->end - t->at > at && t->at[at] >= '0' && t->at[at] <= '7';
}

/* Behind \g. */
static bool
read_name(struct template *t)
{
    if (t->at == t->end || *t->at++ != '<')
        return fail(t, "missing <");
    const char *stop = memchr(t->at, '>', (size_t)(t->end - t->at));
    if (stop == NULL)
        return fail(t, "missing >, unterminated name");
    struct evald_str name = { t->at, (size_t)(stop - t->at) };
    t->at = stop + 1;
    if (name.len == 0)
        return fail(t, "missing group name");
    for (uint32_t i = 1; i <= t->re->n_groups; i++) {
        struct evald_str s = t->re->groups[i].name;
        if (s.len == name.len && memcmp(s.ptr, name.ptr, s.len) == 0)
            return add_group(t, i);
    }
    uint32_t group = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (!class_is_digit(name.ptr[i]))
            return fail(t, "unknown group name");
        if (group <= UINT16_MAX)
            group = group * 10 + (uint32_t)(name.ptr[i] - '0');
    }
    return add_group(t, group);
}

/* A backslash and a digit: a group of one or two digits, or three octal digits or a zero and
 * up to two, which are a character. */
static bool
read_number(struct template *t)
{
    uint32_t c = 0;
    bool zero = *t->at == '0';
    bool three = is_octal(t, 0) && is_octal(t, 1) && is_octal(t, 2);
    if (zero || three) {
        for (int i = 0; i < 3 && is_octal(t, 0); i++)
            c = c * 8 + (uint32_t)(*t->at++ - '0');
        if (c > 0377)
            return fail(t, "octal escape above 0o377");
        add_char(t, c);
        return true;
    }
    for (int i = 0; i < 2 && t->at < t->end && class_is_digit(*t->at); i++)
        c = c * 10 + (uint32_t)(*t->at++ - '0');
    return add_group(t, c);
}

static bool
read_escape(struct template *t)
{
    static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
    const char *known;
    if (t->at == t->end)
        return fail(t, "bad escape at the end");
    char c = *t->at;
    if (class_is_digit(c))
        return read_number(t);
    t->at++;
    if (c == 'g')
        return read_name(t);
    if (c != '\0' && (known = strchr(from, c)) != NULL)
        add_char(t, (unsigned char)to[known - from]);
    else if (class_is_letter(c))
        return fail(t, "bad escape");
    else
        add_text(t, t->at - 2, t->at); /* of other characters it stays as it is */
    return true;
}

static bool
read_template(struct template *t, struct evald_str by)
{
    size_t n = 0;
    for (size_t i = 0; i < by.len; i++)
        n += by.ptr[i] == '\\';
    t->at = by.ptr;
    t->end = by.ptr + by.len;
    t->parts = evald_alloc(t->c, (2 * n + 1) * sizeof *t->parts);
    while (t->at < t->end) {
        const char *slash = memchr(t->at, '\\', (size_t)(t->end - t->at));
        const char *stop = slash != NULL ? slash : t->end;
        add_text(t, t->at, stop);
        t->at = stop;
        if (slash == NULL)
            break;
        t->at++;
        if (!read_escape(t))
            return false;
    }
    return true;
}

static struct evald_str
part_of(struct evald_str text, size_t from, size_t to)
{
    return (struct evald_str){ text.ptr + from, to - from };
}

/* Spans for all groups; those of few are the caller's. */
static struct pyre_span *
spans_for(struct evald_call *c, const struct pyre *re, struct pyre_span *few, uint32_t n_few)
{
    return re->n_groups < n_few ? few : evald_alloc(c, (re->n_groups + 1) * sizeof *few);
}

int64_t
pyre_sub(struct evald_call *c, const struct pyre *re, struct evald_str text,
         struct evald_str by, struct evald_str *ret, char why[PYRE_WHY])
{
    struct template t = { .c = c, .re = re, .why = why };
    struct pyre_span few[10], *spans = spans_for(c, re, few, 10);
    struct pyre_walk walk = { 0 };
    struct evald_buf out = EVALD_BUF;
    size_t done = 0;
    int64_t n = 0;
    int found;
    if (!read_template(&t, by))
        return -1;
    for (; (found = pyre_next(re, text, &walk, spans, re->n_groups + 1, why)) > 0; n++) {
        evald_put(c, &out, part_of(text, done, spans[0].at));
        for (size_t i = 0; i < t.n_parts; i++) {
            const struct part *part = &t.parts[i];
            evald_put(c, &out, part->text);
            if (part->group != NO_GROUP && spans[part->group].at != PYRE_NONE)
                evald_put(c, &out, part_of(text, spans[part->group].at, spans[part->group].end));
        }
        done = spans[0].end;
    }
    if (found < 0)
        return -1;
    if (n > 0)
        evald_put(c, &out, part_of(text, done, text.len));
    *ret = n > 0 ? out.text : text;
    return n;
}

/* ---- split ---- */

int64_t
pyre_split(struct evald_call *c, const struct pyre *re, struct evald_str text,
           struct evald_str **ret, char why[PYRE_WHY])
{
    struct pyre_span few[10], *spans = spans_for(c, re, few, 10);
    struct pyre_walk walk = { 0 };
    struct evald_str *pieces = NULL;
    size_t n = 0, room = 0, done = 0;
    int found;
    do {
        found = pyre_next(re, text, &walk, spans, re->n_groups + 1, why);
        if (found < 0)
            return -1;
        if (room - n < re->n_groups + 1) {
            struct evald_str *old = pieces;
            room = 2 * room + re->n_groups + 8;
            pieces = evald_alloc(c, room * sizeof *pieces);
            if (n > 0)
                memcpy(pieces, old, n * sizeof *pieces);
        }
        pieces[n++] = part_of(text, done, found > 0 ? spans[0].at : text.len);
        for (uint32_t i = 1; found > 0 && i <= re->n_groups; i++)
            pieces[n++] = spans[i].at == PYRE_NONE
                              ? (struct evald_str){ NULL, 0 }
                              : part_of(text, spans[i].at, spans[i].end);
        done = found > 0 ? spans[0].end : text.len;
    } while (found > 0);
    *ret = pieces;
    return (int64_t)n;
}

int64_t
pyre_count_split(const struct pyre *re, struct evald_str text, char why[PYRE_WHY])
{
    int64_t n = pyre_count(re, text, why);
    return n < 0 ? -1 : 1 + n * (1 + (int64_t)re->n_groups);
}
