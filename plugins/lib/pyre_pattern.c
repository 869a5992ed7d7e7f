#include <stdlib.h>

#include "pyre_pattern.h"

#define DEPTH_MAX 200
#define FLAG_KINDS (FLAG_A | FLAG_U | FLAG_L)
#define REPEAT_MAX 65535 /* PCRE2's */
#define WIDTH_MAX UINT32_MAX
#define FEW 8          /* a repeat of up to that many is tried like an alternative */
#define DENSE_EVERY 16 /* items */

#define CALLOUT "(?C1)"

static const struct width nothing_wide = { .ways = 1 };
static const struct width one_wide = { .min = 1, .max = 1, .ways = 1, .len = 1 };

bool
reader_fail(struct reader *r, const char *what)
{
    if (r->why[0] == '\0') {
        size_t n = 0;
        for (const char *p = r->begin; p < r->at; p++)
            n += ((unsigned char)*p & 0xc0) != 0x80;
        snprintf(r->why, PYRE_WHY, "%s at position %zu", what, n);
    }
    return false;
}

/* ---- writing ---- */

void
reader_put(struct reader *r, const char *s)
{
    size_t n = strlen(s);
    if (r->room - r->len <= n) {
        r->room = 2 * (r->len + n) + 64;
        char *more = realloc(r->out, r->room);
        if (more == NULL)
            abort();
        r->out = more;
    }
    memcpy(r->out + r->len, s, n + 1);
    r->len += n;
}

/* In front of what was put from at on. */
static void
put_at(struct reader *r, size_t at, const char *s)
{
    size_t n = strlen(s), rest = r->len - at;
    reader_put(r, s);
    memmove(r->out + at + n, r->out + at, rest);
    memcpy(r->out + at, s, n);
}

/* Unless there is one. */
static void
put_callout_at(struct reader *r, size_t at)
{
    if (strncmp(r->out + at, CALLOUT, strlen(CALLOUT)) != 0)
        put_at(r, at, CALLOUT);
}

/* ---- widths ---- */

static uint32_t
times(uint32_t a, uint32_t b)
{
    uint64_t n = (uint64_t)a * b; /* WIDTH_MAX times anything but 0 is no less */
    return n > WIDTH_MAX ? WIDTH_MAX : (uint32_t)n;
}

static uint32_t
plus(uint32_t a, uint32_t b)
{
    return a > WIDTH_MAX - b ? WIDTH_MAX : a + b;
}

static struct width
behind(struct width a, struct width b)
{
    return (struct width){ plus(a.min, b.min), plus(a.max, b.max), times(a.ways, b.ways),
                           plus(a.len, b.len), a.need | b.need };
}

static struct width
either(struct width a, struct width b)
{
    return (struct width){ a.min < b.min ? a.min : b.min, a.max > b.max ? a.max : b.max,
                           plus(a.ways, b.ways), a.len > b.len ? a.len : b.len,
                           a.need & b.need };
}

/* punctuated: callouts stand between the repeats. */
static struct width
repeated(struct width w, uint32_t min, uint32_t max, bool punctuated)
{
    struct width all = { times(w.min, min), times(w.max, max), w.ways, w.len,
                         min > 0 ? w.need : 0 };
    if (punctuated)
        return all;
    all.len = times(w.len, max);
    for (uint32_t i = 1; i < max && w.ways > 1 && all.ways < WIDTH_MAX; i++)
        all.ways = times(all.ways, w.ways);
    all.ways = times(all.ways, max - min + 1);
    return all;
}

/* ---- reading ---- */

bool
reader_next_is(const struct reader *r, char c)
{
    return r->at < r->end && *r->at == c;
}

bool
reader_take(struct reader *r, char c)
{
    if (!reader_next_is(r, c))
        return false;
    r->at++;
    return true;
}

uint32_t
reader_take_char(struct reader *r)
{
    unsigned char c = (unsigned char)*r->at++;
    if (c < 0x80)
        return c;
    int more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    uint32_t cp = c & (0x3fu >> more);
    for (; more > 0 && r->at < r->end; more--)
        cp = cp << 6 | ((unsigned char)*r->at++ & 0x3f);
    return cp;
}

uint32_t
reader_take_octal(struct reader *r, int most)
{
    uint32_t c = 0;
    for (int i = 0; i < most && r->at < r->end && *r->at >= '0' && *r->at <= '7'; i++)
        c = c * 8 + (uint32_t)(*r->at++ - '0');
    return c;
}

/* ---- groups ---- */

static uint32_t
sum_of(struct evald_str name)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < name.len; i++)
        sum = sum * 31 + (unsigned char)name.ptr[i];
    return sum % NAMED;
}

static uint32_t
group_named(const struct reader *r, struct evald_str name)
{
    for (uint32_t i = r->named[sum_of(name)]; i != 0; i = r->groups[i].next_named)
        if (r->groups[i].name.len == name.len
            && memcmp(r->groups[i].name.ptr, name.ptr, name.len) == 0)
            return i;
    return 0;
}

static bool
is_name(struct evald_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!class_is_letter(s.ptr[i]) && s.ptr[i] != '_' && !((unsigned char)s.ptr[i] & 0x80)
            && (i == 0 || !class_is_digit(s.ptr[i])))
            return false;
    return s.len > 0;
}

static bool
take_until(struct reader *r, char end, struct evald_str *ret)
{
    const char *stop = r->at < r->end ? memchr(r->at, end, (size_t)(r->end - r->at)) : NULL;
    if (stop == NULL)
        return reader_fail(r, "unterminated name");
    *ret = (struct evald_str){ r->at, (size_t)(stop - r->at) };
    r->at = stop + 1;
    return true;
}

static bool
check_group(struct reader *r, uint32_t group)
{
    if (group == 0 || group > r->n_groups)
        return reader_fail(r, "invalid group reference");
    if (!r->groups[group].closed)
        return reader_fail(r, "cannot refer to an open group");
    if (r->behind_groups > 0 && group >= r->behind_groups)
        return reader_fail(r, "cannot refer to a group of the same look-behind");
    return true;
}

static bool
put_reference(struct reader *r, uint32_t group, struct width *ret)
{
    char text[24];
    if (!check_group(r, group))
        return false;
    snprintf(text, sizeof text, CALLOUT "\\g{%u}", group);
    reader_put(r, text);
    *ret = r->groups[group].width;
    ret->ways = ret->len = 1;
    ret->need = 0;
    return true;
}

static uint32_t
new_group(struct reader *r, struct evald_str name)
{
    if (r->n_groups + 2 > r->groups_room) {
        r->groups_room = 2 * r->n_groups + 16;
        struct group *more = realloc(r->groups, r->groups_room * sizeof *more);
        if (more == NULL)
            abort();
        r->groups = more;
    }
    r->groups[++r->n_groups] = (struct group){ .name = name };
    if (name.len > 0) {
        uint32_t *first = &r->named[sum_of(name)];
        r->groups[r->n_groups].next_named = *first;
        *first = r->n_groups;
    }
    return r->n_groups;
}

static unsigned
flag_of(char c)
{
    switch (c) {
    case 'i': return FLAG_I;
    case 'm': return FLAG_M;
    case 's': return FLAG_S;
    case 'x': return FLAG_X;
    case 'a': return FLAG_A;
    case 'u': return FLAG_U;
    case 'L': return FLAG_L;
    default: return 0;
    }
}

/* "aimsux-imsx" up to the ')' or ':' behind it, which is left. */
static bool
take_flags(struct reader *r, unsigned *ret_on, unsigned *ret_off)
{
    unsigned on = 0, off = 0, flag;
    for (; r->at < r->end && (flag = flag_of(*r->at)) != 0; r->at++) {
        if (flag == FLAG_L)
            return reader_fail(r, "the flag L is for bytes");
        on |= flag;
        if ((flag & FLAG_KINDS) && (on & FLAG_KINDS) != flag)
            return reader_fail(r, "the flags a and u exclude each other");
    }
    if (reader_take(r, '-')) {
        for (; r->at < r->end && (flag = flag_of(*r->at)) != 0; r->at++) {
            if (flag & FLAG_KINDS)
                return reader_fail(r, "the flags a and u cannot be turned off");
            off |= flag;
        }
        if (off == 0 || !reader_next_is(r, ':'))
            return reader_fail(r, off == 0 ? "missing flag" : "missing :");
    }
    if (!reader_next_is(r, ')') && !reader_next_is(r, ':'))
        return reader_fail(r, "unknown flag");
    if (on & off)
        return reader_fail(r, "a flag turned on and off");
    *ret_on = on;
    *ret_off = off;
    return true;
}

static unsigned
with_flags(unsigned flags, unsigned on, unsigned off)
{
    if (on & FLAG_KINDS)
        flags &= ~(unsigned)FLAG_KINDS;
    return (flags | on) & ~off;
}

/* Is PCRE2 to fold case? */
static bool
folds(unsigned flags)
{
    return (flags & FLAG_I) && !(flags & FLAG_A);
}

static bool read_sequence(struct reader *r, bool first, struct width *ret);
static bool read_branches(struct reader *r, bool top, struct width *ret);

/* Up to the closing parenthesis, which is taken and put. */
static bool
read_rest(struct reader *r, struct width *ret)
{
    unsigned flags = r->flags;
    size_t inner = r->len;
    if (++r->depth > DEPTH_MAX)
        return reader_fail(r, "groups nested too deeply");
    if (!read_branches(r, false, ret))
        return false;
    if (!reader_take(r, ')'))
        return reader_fail(r, "missing )");
    reader_put(r, ")");
    r->depth--;
    r->flags = flags;
    r->inner = inner;
    return true;
}

static bool
read_capture(struct reader *r, struct evald_str name, struct width *ret)
{
    uint32_t group = new_group(r, name);
    reader_put(r, "(");
    if (!read_rest(r, ret))
        return false;
    r->groups[group].width = *ret;
    r->groups[group].closed = true;
    return true;
}

static bool
read_look(struct reader *r, const char *open, bool is_behind, struct width *ret)
{
    struct width w;
    uint32_t before = r->behind_groups;
    if (is_behind && before == 0)
        r->behind_groups = r->n_groups + 1;
    reader_put(r, open);
    if (!read_rest(r, &w))
        return false;
    r->behind_groups = before;
    *ret = (struct width){ .ways = w.ways, .len = w.len };
    return !is_behind || w.min == w.max || reader_fail(r, "look-behind requires a fixed width");
}

/* (?(1)yes|no) behind its second parenthesis. */
static bool
read_conditional(struct reader *r, struct width *ret)
{
    struct evald_str name = { "", 0 };
    struct width yes, no = nothing_wide;
    uint32_t group = 0;
    char text[24];
    if (!take_until(r, ')', &name))
        return false;
    if (is_name(name)) {
        group = group_named(r, name);
        if (group == 0)
            return reader_fail(r, "unknown group name");
    } else {
        for (size_t i = 0; i < name.len; i++) {
            if (!class_is_digit(name.ptr[i]) || group > 100000)
                return reader_fail(r, "bad group number");
            group = group * 10 + (uint32_t)(name.ptr[i] - '0');
        }
        if (group == 0)
            return reader_fail(r, "bad group number");
    }
    if (group > r->last_asked)
        r->last_asked = group;
    if (r->behind_groups > 0 && group >= r->behind_groups)
        return reader_fail(r, "cannot refer to a group of the same look-behind");
    snprintf(text, sizeof text, "(?(%u)" CALLOUT, group);
    reader_put(r, text);
    unsigned flags = r->flags;
    size_t inner = r->len - strlen(CALLOUT);
    if (++r->depth > DEPTH_MAX)
        return reader_fail(r, "groups nested too deeply");
    if (!read_sequence(r, false, &yes))
        return false;
    if (reader_take(r, '|')) {
        reader_put(r, "|" CALLOUT);
        if (!read_sequence(r, false, &no))
            return false;
        if (reader_next_is(r, '|'))
            return reader_fail(r, "conditional with more than two branches");
    }
    if (!reader_take(r, ')'))
        return reader_fail(r, "missing )");
    reader_put(r, ")");
    r->depth--;
    r->flags = flags;
    r->inner = inner;
    *ret = either(yes, no);
    return true;
}

/* (?P...: a name, or a reference to one. */
static bool
read_named(struct reader *r, struct width *ret)
{
    struct evald_str name;
    if (reader_take(r, '=')) {
        if (!take_until(r, ')', &name))
            return false;
        uint32_t group = is_name(name) ? group_named(r, name) : 0;
        if (group == 0)
            return reader_fail(r, "unknown group name");
        return put_reference(r, group, ret);
    }
    if (!reader_take(r, '<'))
        return reader_fail(r, "unknown extension ?P");
    if (!take_until(r, '>', &name))
        return false;
    if (!is_name(name))
        return reader_fail(r, "bad character in group name");
    if (group_named(r, name) != 0)
        return reader_fail(r, "redefinition of a group name");
    return read_capture(r, name, ret);
}

/* (?i: and its like; flags for the whole pattern stand at its begin alone. */
static bool
read_flags(struct reader *r, bool begin, struct width *ret, bool *ret_nothing)
{
    unsigned on = 0, off = 0, before = r->flags;
    if (!take_flags(r, &on, &off))
        return false;
    if (reader_take(r, ')')) {
        if (!begin)
            return reader_fail(r, "global flags not at the start of the expression");
        r->flags |= on;
        if ((r->flags & FLAG_A) && (r->flags & FLAG_U))
            return reader_fail(r, "the flags a and u exclude each other");
        reader_put(r, folds(r->flags) ? "(?i)" : "(?-i)");
        *ret_nothing = true;
        return true;
    }
    r->at++; /* the colon */
    r->flags = with_flags(before, on, off);
    bool folded = folds(before), fold = folds(r->flags);
    reader_put(r, fold == folded ? "(?:" : fold ? "(?i:" : "(?-i:");
    if (!read_rest(r, ret))
        return false;
    r->flags = before;
    return true;
}

/* Behind "(".  *ret_nothing: it was no item (a comment, flags); begin: none went before. */
static bool
read_group(struct reader *r, bool begin, struct width *ret, bool *ret_nothing)
{
    static const struct evald_str no_name = { "", 0 };
    if (!reader_take(r, '?'))
        return read_capture(r, no_name, ret);
    if (r->at == r->end)
        return reader_fail(r, "unexpected end of pattern");
    char c = *r->at++;
    switch (c) {
    case 'P': return read_named(r, ret);
    case ':': reader_put(r, "(?:"); return read_rest(r, ret);
    case '>': reader_put(r, "(?>"); r->atomic = true; return read_rest(r, ret);
    case '(': return read_conditional(r, ret);
    case '=': return read_look(r, "(?=", false, ret);
    case '!': return read_look(r, "(?!", false, ret);
    case '#': {
        const char *stop = memchr(r->at, ')', (size_t)(r->end - r->at));
        if (stop == NULL)
            return reader_fail(r, "missing ), unterminated comment");
        r->at = stop + 1;
        *ret_nothing = true;
        return true;
    }
    case '<':
        if (reader_take(r, '='))
            return read_look(r, "(?<=", true, ret);
        if (reader_take(r, '!'))
            return read_look(r, "(?<!", true, ret);
        return reader_fail(r, "unknown extension ?<");
    default:
        r->at--;
        if (c != '-' && flag_of(c) == 0)
            return reader_fail(r, "unknown extension");
        return read_flags(r, begin, ret, ret_nothing);
    }
}

/* ---- items ---- */

#define EDGE(w) "(?:(?<=[" w "])(?![" w "])|(?<![" w "])(?=[" w "]))"
/* Not in a text without any character. */
#define NO_EDGE(w) "(?:(?!\\A\\z)(?:(?<=[" w "])(?=[" w "])|(?<![" w "])(?![" w "])))"

/* Of what kind an item is, for what may follow it. */
enum item { ITEM_NONE, ITEM_PLACE, ITEM_REPEAT, ITEM_OTHER };

/* Behind a backslash outside of a class. */
static bool
read_escape(struct reader *r, struct width *ret, enum item *ret_item)
{
    bool ascii = r->flags & FLAG_A;
    if (r->at == r->end)
        return reader_fail(r, "bad escape at the end");
    char c = *r->at;
    const char *members = class_members(c, ascii);
    const char *place = c == 'A' ? "\\A" : c == 'Z' ? "\\z"
                        : c == 'b' ? (ascii ? EDGE(ASCII_WORD) : EDGE(WORD))
                        : c == 'B' ? (ascii ? NO_EDGE(ASCII_WORD) : NO_EDGE(WORD)) : NULL;
    if (place != NULL) {
        r->at++;
        reader_put(r, place);
        *ret = nothing_wide;
        *ret_item = ITEM_PLACE;
        return true;
    }
    if (members != NULL) {
        r->at++;
        reader_put(r, "[");
        reader_put(r, members);
        reader_put(r, "]");
        return true;
    }
    if (c == '0') {
        class_put_literal(r, reader_take_octal(r, 3));
        return true;
    }
    if (class_is_digit(c)) {
        bool octal = r->end - r->at >= 3;
        for (int i = 0; octal && i < 3; i++)
            octal = r->at[i] >= '0' && r->at[i] <= '7';
        if (octal) {
            uint32_t value = reader_take_octal(r, 3);
            class_put_literal(r, value);
            return value <= 0377 || reader_fail(r, "octal escape above 0o377");
        }
        uint32_t group = (uint32_t)(*r->at++ - '0');
        if (r->at < r->end && class_is_digit(*r->at))
            group = group * 10 + (uint32_t)(*r->at++ - '0');
        return put_reference(r, group, ret);
    }
    uint32_t value;
    r->at++;
    if (!class_take_escaped(r, c, &value))
        return false;
    class_put_literal(r, value);
    return true;
}

/* *ret stays when there is no digit. */
static void
take_count(struct reader *r, uint32_t *ret)
{
    if (r->at < r->end && class_is_digit(*r->at))
        *ret = 0;
    for (; r->at < r->end && class_is_digit(*r->at); r->at++)
        *ret = *ret > REPEAT_MAX ? *ret : *ret * 10 + (uint32_t)(*r->at - '0');
}

/* Is there a quantifier?  Takes its counts; max WIDTH_MAX: without end. */
static bool
take_counts(struct reader *r, uint32_t *min, uint32_t *max)
{
    *min = 0;
    *max = WIDTH_MAX;
    if (reader_take(r, '*'))
        return true;
    if (reader_take(r, '+')) {
        *min = 1;
        return true;
    }
    if (reader_take(r, '?')) {
        *max = 1;
        return true;
    }
    const char *begin = r->at;
    if (!reader_take(r, '{'))
        return false;
    if (!reader_next_is(r, '}')) {
        take_count(r, min);
        if (!reader_take(r, ','))
            *max = *min;
        else
            take_count(r, max);
        if (reader_take(r, '}'))
            return true;
    }
    r->at = begin; /* a brace like any other character */
    return false;
}

/* The repeat that was put from at on.  Of a group by other words: PCRE2's machine code (10.42)
 * leaves behind what such a group captured where the match then fails. */
static void
make_possessive(struct reader *r, size_t at, bool is_group)
{
    if (!is_group) {
        reader_put(r, "+");
        return;
    }
    put_at(r, at, "(?>");
    reader_put(r, ")");
    r->atomic = true;
}

/* What may stand behind an item that was put from at on; a group begins inside at inner.
 * Python goes around no more once a turn has matched nothing, PCRE2 does up to the bound:
 * captures would be of another turn, at times. */
static bool
read_quantifier(struct reader *r, size_t at, size_t inner, bool captures, struct width *w,
                enum item *item)
{
    uint32_t min, max;
    char text[48];
    if (!take_counts(r, &min, &max))
        return true;
    if (*item == ITEM_NONE || *item == ITEM_PLACE)
        return reader_fail(r, "nothing to repeat");
    if (*item == ITEM_REPEAT)
        return reader_fail(r, "multiple repeat");
    if (min > max)
        return reader_fail(r, "min repeat greater than max repeat");
    if (min > REPEAT_MAX || (max != WIDTH_MAX && max > REPEAT_MAX))
        return reader_fail(r, "the repetition number is too large");
    if (captures && w->min == 0 && max > 1 && max != WIDTH_MAX && min < max)
        return reader_fail(r, "a bounded repeat of a group that may match nothing");
    bool punctuated = max == WIDTH_MAX || (max > FEW && min < max)
                      || (r->dense && (max > 1 || min < max));
    if (punctuated && inner > 0)
        put_callout_at(r, inner);
    if (punctuated)
        put_callout_at(r, at);
    if (max == 0 && inner > 0) { /* else PCRE2 10.42 takes a \A in it for that of all */
        put_at(r, at, "(?:");
        reader_put(r, ")");
    }
    if (max == WIDTH_MAX)
        snprintf(text, sizeof text, "{%u,}", min);
    else
        snprintf(text, sizeof text, "{%u,%u}", min, max);
    reader_put(r, text);
    if (reader_take(r, '?'))
        reader_put(r, "?");
    else if (reader_take(r, '+'))
        make_possessive(r, at, inner > 0);
    if (punctuated && r->dense)
        reader_put(r, CALLOUT);
    *w = repeated(*w, min, max, punctuated);
    *item = ITEM_REPEAT;
    return true;
}

/* Without case k, s and i may stand for letters that are not ASCII, and these for them. */
static uint64_t
need_of(const struct reader *r, uint32_t c)
{
    bool crosses = c < 0x80 ? strchr("kKsSiI", (int)c) != NULL
                            : c == 0x17f || c == 0x130 || c == 0x131 || c == 0x212a;
    return (r->flags & FLAG_I) && crosses ? 0 : pyre_kind[c < 0x80 ? c : 0x80];
}

static bool
read_item(struct reader *r, bool begin, struct width *ret, enum item *item)
{
    bool nothing = false;
    *ret = one_wide;
    *item = ITEM_OTHER;
    char c = *r->at;
    if (c == '\\') {
        r->at++;
        return read_escape(r, ret, item);
    }
    if (c == '[') {
        r->at++;
        return class_read(r);
    }
    if (c == '.') {
        r->at++;
        reader_put(r, r->flags & FLAG_S ? "." : "\\N");
        return true;
    }
    if (c == '^' || c == '$') {
        r->at++;
        reader_put(r, c == '^' ? (r->flags & FLAG_M ? "^" : "\\A")
                          : (r->flags & FLAG_M ? "$" : "\\Z"));
        *ret = nothing_wide;
        *item = ITEM_PLACE;
        return true;
    }
    if (c == '(') {
        r->at++;
        *ret = nothing_wide;
        if (!read_group(r, begin, ret, &nothing))
            return false;
        if (nothing)
            *item = ITEM_NONE;
        return true;
    }
    uint32_t literal = reader_take_char(r);
    class_put_literal(r, literal);
    ret->need = need_of(r, literal);
    return true;
}

/* Blanks and comments of (?x). */
static bool
skip_blank(struct reader *r)
{
    if (!(r->flags & FLAG_X) || r->at == r->end)
        return false;
    if (*r->at == '#') {
        while (r->at < r->end && *r->at != '\n')
            r->at++;
        return true;
    }
    if (*r->at == '\0' || strchr(" \t\n\r\v\f", *r->at) == NULL)
        return false;
    r->at++;
    return true;
}

/* One branch.  first: of the whole pattern. */
static bool
read_sequence(struct reader *r, bool first, struct width *ret)
{
    struct width all = nothing_wide, w = nothing_wide; /* all: without the last item, w */
    size_t item_at = r->len, item_inner = 0;
    uint32_t item_groups = r->n_groups;
    enum item item = ITEM_NONE, next;
    while (r->at < r->end && *r->at != '|' && *r->at != ')') {
        if (skip_blank(r))
            continue;
        const char *at = r->at;
        if (!read_quantifier(r, item_at, item_inner, r->n_groups > item_groups, &w, &item))
            return false;
        if (r->at > at)
            continue;
        struct width more;
        size_t more_at = r->len;
        uint32_t more_groups = r->n_groups;
        r->inner = 0;
        if (r->dense && ++r->n_items % DENSE_EVERY == 0)
            reader_put(r, CALLOUT);
        if (!read_item(r, first && item == ITEM_NONE, &more, &next))
            return false;
        if (next == ITEM_NONE)
            continue;
        all = behind(all, w);
        w = more;
        item = next;
        item_at = more_at;
        item_groups = more_groups;
        item_inner = r->inner;
    }
    *ret = behind(all, w);
    return true;
}

static bool
read_branches(struct reader *r, bool top, struct width *ret)
{
    struct width w;
    if (!read_sequence(r, top, ret))
        return false;
    while (reader_take(r, '|')) {
        reader_put(r, r->dense ? "|" CALLOUT : "|");
        if (!read_sequence(r, false, &w))
            return false;
        *ret = either(*ret, w);
    }
    return true;
}

bool
pyre_translate(struct evald_str pattern, unsigned flags, bool dense, struct translation *ret,
               char why[PYRE_WHY])
{
    struct reader r = { .at = pattern.ptr, .end = pattern.ptr + pattern.len,
                        .begin = pattern.ptr, .flags = flags, .dense = dense, .why = why };
    struct width w;
    why[0] = '\0';
    reader_put(&r, folds(flags) ? "(?i)" : "");
    bool good = read_branches(&r, true, &w);
    if (good && r.at < r.end)
        good = reader_fail(&r, "unbalanced parenthesis");
    if (good && r.last_asked > r.n_groups)
        good = reader_fail(&r, "invalid group reference");
    free(r.groups);
    if (!good) {
        free(r.out);
        return false;
    }
    *ret = (struct translation){ r.out, r.len, r.n_groups, times(w.ways, w.len), w.need,
                                 r.atomic };
    return true;
}
