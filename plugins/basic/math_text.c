/* math_text.c - the rewriting of answers, as the reference does it step by step.
 *
 * Text is code points here and ends of lines are line feeds.  The reference writes some of the
 * steps as regexes; they are loops here, which take one walk through the text. */
#define _GNU_SOURCE /* memmem, memrchr */
#include <math.h>

#include "math_text.h"
#include "pytext.h"

#define L(literal) { "" literal, sizeof(literal) - 1 }

struct edit {
    struct evald_str what, by; /* what is not empty */
};

#define GONE(what) { L(what), L("") }

static const struct edit substitutions[] = {
    GONE("an "),
    GONE("a "),
    { L(".$"), L("$") },
    GONE("\\$"),
    GONE("\\ "),
    GONE(" "),
    { L("mbox"), L("text") },
    { L(",\\text{and}"), L(",") },
    { L("\\text{and}"), L(",") },
    { L("\\text{m}"), L("\\text{}") },
};

static const struct edit removals[] = {
    GONE("square"), GONE("ways"), GONE("integers"), GONE("dollars"), GONE("mph"),
    GONE("inches"), GONE("ft"), GONE("hours"), GONE("km"), GONE("units"), GONE("\\ldots"),
    GONE("sue"), GONE("points"), GONE("feet"), GONE("minutes"), GONE("digits"),
    GONE("cents"), GONE("degrees"), GONE("cm"), GONE("gm"), GONE("pounds"),
    GONE("meters"), GONE("meals"), GONE("edges"), GONE("students"),
    GONE("childrentickets"), GONE("multiples"), GONE("\\text{s}"), GONE("\\text{.}"),
    GONE("\\text{\ns}"), GONE("\\text{}^2"), GONE("\\text{}^3"), GONE("\\text{\n}"),
    GONE("\\text{}"), GONE("\\mathrm{th}"), GONE("^\\circ"), GONE("^{\\circ}"),
    GONE("\\;"), GONE(",\\!"), GONE("{,}"), GONE("\""), GONE("\\dots"),
};

static const struct edit simplifications[] = {
    GONE("\n"),
    GONE("\\!"),
    { L("\\\\"), L("\\") },
    { L("cfrac"), L("frac") },
    { L("tfrac"), L("frac") },
    { L("dfrac"), L("frac") },
    GONE("\\left"),
    GONE("\\le"),
    GONE("\\right"),
    GONE("^{\\circ}"),
    GONE("^\\circ"),
    GONE("\\$"),
    GONE("\\%"),
    GONE("\\%"), /* of \\%% too */
    { L("{."), L("{0.") },
};

static void
add_bytes(bool has[256], struct evald_str s)
{
    for (size_t i = 0; i < s.len; i++)
        has[(unsigned char)s.ptr[i]] = true;
}

/* In their order, each on what the one before left.  Most find nothing: where a text never had
 * their first or last byte they are not looked for. */
static struct evald_str
apply(struct evald_call *c, struct evald_str s, const struct edit *edits, size_t n)
{
    bool has[256] = { false };
    add_bytes(has, s);
    for (const struct edit *e = edits; e < edits + n; e++) {
        if (!has[(unsigned char)e->what.ptr[0]]
            || !has[(unsigned char)e->what.ptr[e->what.len - 1]])
            continue;
        s = pytext_replace(c, s, e->what, e->by);
        add_bytes(has, e->by);
    }
    return s;
}
#define APPLY(c, s, edits) apply(c, s, edits, sizeof(edits) / sizeof(edits)[0])

static struct evald_str
part(const char *from, const char *to)
{
    return (struct evald_str){ from, (size_t)(to - from) };
}

static const char *
end_of(struct evald_str s)
{
    return s.ptr + s.len;
}

/* Of the line that p is in. */
static const char *
end_of_line(const char *p, const char *end)
{
    const char *feed = memchr(p, '\n', (size_t)(end - p));
    return feed != NULL ? feed : end;
}

static struct evald_str
behind_last(struct evald_str s, const char *what)
{
    size_t at = pytext_rfind(s, evald_s(what));
    return at == PYTEXT_NONE ? s : part(s.ptr + at + strlen(what), end_of(s));
}

/* The character at p. */
static struct evald_str
character(const char *p, const char *end)
{
    const char *to = p;
    pytext_next(&to, end);
    return part(p, to);
}

/* ---- extraction ---- */

static struct evald_str
without_braces(struct evald_str s)
{
    while (s.len >= 2 && s.ptr[0] == '{' && s.ptr[s.len - 1] == '}')
        s = pytext_strip(part(s.ptr + 1, end_of(s) - 1));
    return s;
}

struct evald_str
math_boxed(struct evald_str s)
{
    static const struct evald_str none = { "", 0 };
    size_t at = pytext_rfind(s, evald_s("\\boxed"));
    if (at == PYTEXT_NONE)
        return none;
    struct evald_str rest = pytext_strip(part(s.ptr + at + strlen("\\boxed"), end_of(s)));
    long depth = 0;
    for (const char *p = rest.ptr; p < end_of(rest); p++) {
        depth += (*p == '{') - (*p == '}');
        if (depth != 0)
            continue;
        if (rest.ptr[0] == '{')
            return without_braces(pytext_strip(part(rest.ptr, p + 1)));
        if (*p == '$')
            return without_braces(pytext_strip(part(rest.ptr, p)));
    }
    return none;
}

/* ---- rewriting line by line ---- */

/* (.*?)(\$)(.*?)(\$)(.*) becomes $\3$: a line with two dollars is what is between them. */
static struct evald_str
reduce_to_dollars(struct evald_call *c, struct evald_str s)
{
    struct evald_buf out = EVALD_BUF;
    if (pytext_find(s, evald_s("$")) == PYTEXT_NONE)
        return s;
    for (const char *p = s.ptr, *stop, *end = end_of(s);; p = stop + 1) {
        stop = end_of_line(p, end);
        const char *first = memchr(p, '$', (size_t)(stop - p)), *second = NULL;
        if (first != NULL)
            second = memchr(first + 1, '$', (size_t)(stop - first - 1));
        evald_put(c, &out, second != NULL ? part(first, second + 1) : part(p, stop));
        if (stop == end)
            return out.text;
        evald_put(c, &out, evald_s("\n"));
    }
}

/* (open)(.*?)(\}) becomes \2, or with (.*) when greedy: open has its brace already. */
static struct evald_str
unwrap(struct evald_call *c, struct evald_str s, const char *open, bool greedy)
{
    struct evald_buf out = EVALD_BUF;
    const char *done = s.ptr, *p = s.ptr, *end = end_of(s), *stop = NULL;
    while ((p = memmem(p, (size_t)(end - p), open, strlen(open))) != NULL) {
        const char *inner = p + strlen(open);
        if (stop == NULL || stop < inner)
            stop = end_of_line(inner, end);
        const char *close = greedy ? memrchr(inner, '}', (size_t)(stop - inner))
                                   : memchr(inner, '}', (size_t)(stop - inner));
        if (close == NULL) { /* nor has another one in this line */
            p = stop;
            continue;
        }
        evald_put(c, &out, part(done, p));
        evald_put(c, &out, part(inner, close));
        p = done = close + 1;
    }
    if (done == s.ptr)
        return s;
    evald_put(c, &out, part(done, end));
    return out.text;
}

/* (frac)([^{])(.) becomes frac{\2}{\3}. */
static struct evald_str
brace_fracs(struct evald_call *c, struct evald_str s)
{
    struct evald_buf out = EVALD_BUF;
    const char *done = s.ptr, *p = s.ptr, *end = end_of(s);
    while ((p = memmem(p, (size_t)(end - p), "frac", 4)) != NULL) {
        p += 4;
        if (p == end || *p == '{')
            continue;
        struct evald_str a = character(p, end);
        if (end_of(a) == end || *end_of(a) == '\n')
            continue;
        struct evald_str b = character(end_of(a), end);
        evald_put(c, &out, part(done, p));
        evald_put(c, &out, evald_s("{"));
        evald_put(c, &out, a);
        evald_put(c, &out, evald_s("}{"));
        evald_put(c, &out, b);
        evald_put(c, &out, evald_s("}"));
        p = done = end_of(b);
    }
    if (done == s.ptr)
        return s;
    evald_put(c, &out, part(done, end));
    return out.text;
}

/* (sqrt)([^{]) becomes sqrt{\2}. */
static struct evald_str
brace_sqrts(struct evald_call *c, struct evald_str s)
{
    struct evald_buf out = EVALD_BUF;
    const char *done = s.ptr, *p = s.ptr, *end = end_of(s);
    while ((p = memmem(p, (size_t)(end - p), "sqrt", 4)) != NULL) {
        p += 4;
        if (p == end || *p == '{')
            continue;
        struct evald_str a = character(p, end);
        evald_put(c, &out, part(done, p));
        evald_put(c, &out, evald_s("{"));
        evald_put(c, &out, a);
        evald_put(c, &out, evald_s("}"));
        p = done = end_of(a);
    }
    if (done == s.ptr)
        return s;
    evald_put(c, &out, part(done, end));
    return out.text;
}

/* ---- the whole of an answer ---- */

/* 1,000 is 1000. */
static struct evald_str
without_commas(struct evald_call *c, struct evald_str s)
{
    struct evald_str digits = pytext_replace(c, s, evald_s(","), evald_s(""));
    return pytext_isdigit(digits) ? digits : s;
}

/* What begins with (C) is C. */
static struct evald_str
choice_of(struct evald_str s)
{
    bool is_choice = s.len >= 3 && s.ptr[0] == '(' && s.ptr[2] == ')'
                     && ((s.ptr[1] >= 'A' && s.ptr[1] <= 'Z')
                         || (s.ptr[1] >= 'a' && s.ptr[1] <= 'z'));
    return is_choice ? part(s.ptr + 1, s.ptr + 2) : s;
}

/* \sqrt3 is \sqrt{3}; nothing changes when one of them has nothing behind it. */
static struct evald_str
fix_sqrts(struct evald_call *c, struct evald_str s)
{
    struct evald_str rest = s, piece;
    struct evald_buf out = EVALD_BUF;
    if (pytext_find(s, evald_s("\\sqrt")) == PYTEXT_NONE)
        return s;
    pytext_split_by(&rest, evald_s("\\sqrt"), &piece);
    evald_put(c, &out, piece);
    while (pytext_split_by(&rest, evald_s("\\sqrt"), &piece)) {
        if (piece.len == 0)
            return s;
        evald_put(c, &out, evald_s("\\sqrt"));
        if (piece.ptr[0] != '{') {
            struct evald_str first = character(piece.ptr, end_of(piece));
            evald_put(c, &out, evald_s("{"));
            evald_put(c, &out, first);
            evald_put(c, &out, evald_s("}"));
            piece = part(end_of(first), end_of(piece));
        }
        evald_put(c, &out, piece);
    }
    return out.text;
}

/* \frac12 is \frac{1}{2}, and \frac1{72} \frac{1}{72}; nothing changes when one of them is
 * not complete. */
static struct evald_str
fix_fracs(struct evald_call *c, struct evald_str s)
{
    struct evald_str rest = s, piece;
    struct evald_buf out = EVALD_BUF;
    if (pytext_find(s, evald_s("\\frac")) == PYTEXT_NONE)
        return s;
    pytext_split_by(&rest, evald_s("\\frac"), &piece);
    evald_put(c, &out, piece);
    while (pytext_split_by(&rest, evald_s("\\frac"), &piece)) {
        evald_put(c, &out, evald_s("\\frac"));
        if (piece.len == 0)
            return s;
        if (piece.ptr[0] == '{') {
            evald_put(c, &out, piece);
            continue;
        }
        struct evald_str a = character(piece.ptr, end_of(piece));
        if (end_of(a) == end_of(piece))
            return s;
        struct evald_str b = character(end_of(a), end_of(piece));
        evald_put(c, &out, evald_s("{"));
        evald_put(c, &out, a);
        evald_put(c, &out, evald_s(pytext_is(b, "{") ? "}" : "}{"));
        evald_put(c, &out, b);
        evald_put(c, &out, evald_s(pytext_is(b, "{") ? "" : "}"));
        evald_put(c, &out, part(end_of(b), end_of(piece)));
    }
    return out.text;
}

/* As Python writes an integer, which it reads up to so many digits. */
#define DIGITS_MAX 4300

static bool
is_plain_integer(struct evald_str s)
{
    if (pytext_is(s, "0"))
        return true;
    if (s.len > 0 && s.ptr[0] == '-')
        s = part(s.ptr + 1, end_of(s));
    if (s.len == 0 || s.len > DIGITS_MAX || s.ptr[0] == '0')
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return true;
}

/* 3/4 is \frac{3}{4}. */
static struct evald_str
fix_slash(struct evald_call *c, struct evald_str s)
{
    struct evald_buf out = EVALD_BUF;
    size_t at = pytext_find(s, evald_s("/"));
    if (at == PYTEXT_NONE)
        return s;
    struct evald_str a = part(s.ptr, s.ptr + at), b = part(s.ptr + at + 1, end_of(s));
    if (!is_plain_integer(a) || !is_plain_integer(b))
        return s;
    evald_put(c, &out, evald_s("\\frac{"));
    evald_put(c, &out, a);
    evald_put(c, &out, evald_s("}{"));
    evald_put(c, &out, b);
    evald_put(c, &out, evald_s("}"));
    return out.text;
}

/* Of the reference's steps those for blanks and = are not here: none is left by now. */
static struct evald_str
simplify(struct evald_call *c, struct evald_str s)
{
    s = APPLY(c, s, simplifications);
    if (s.len == 0)
        return s;
    if (s.ptr[0] == '.') {
        struct evald_buf out = EVALD_BUF;
        evald_put(c, &out, evald_s("0"));
        evald_put(c, &out, s);
        s = out.text;
    }
    s = fix_sqrts(c, s);
    s = fix_fracs(c, s);
    if (pytext_is(s, "0.5"))
        return evald_s("\\frac{1}{2}");
    return fix_slash(c, s);
}

struct evald_str
math_normalise(struct evald_call *c, struct evald_str x)
{
    x = behind_last(x, "=");
    x = APPLY(c, x, substitutions);
    x = APPLY(c, x, removals);
    x = reduce_to_dollars(c, x);
    x = unwrap(c, x, "\\text{", false);
    x = unwrap(c, x, "\\textbf{", false);
    x = unwrap(c, x, "\\overline{", false);
    x = unwrap(c, x, "\\boxed{", true);
    x = brace_fracs(c, x);
    x = brace_sqrts(c, x);
    x = pytext_replace(c, x, evald_s("$"), evald_s(""));
    x = without_commas(c, x);
    x = choice_of(x);
    return simplify(c, x);
}

/* ---- fractions ---- */

#define SOUGHT_MAX (64u << 20) /* bytes: a tenth of a second */

/* As Python's format has it: a NaN has no sign.  Ten characters at most. */
static struct evald_str
quotient_text(struct evald_call *c, double v)
{
    char *text = evald_alloc(c, 16);
    int n = isnan(v) ? snprintf(text, 16, "nan") : snprintf(text, 16, "%.2e", v);
    return (struct evald_str){ text, (size_t)n };
}

/* \\frac{([^}]+)}{([^}]+)} from p on: what matches and its groups.  *close is the brace that
 * was found last, *failed the one that no match goes through: neither is sought again. */
static bool
find_fraction(const char *p, const char *end, const char **close, const char **failed,
              struct evald_str ret[3])
{
    for (; (p = memmem(p, (size_t)(end - p), "\\frac{", 6)) != NULL; p += 6) {
        const char *a = p + 6, *b, *last;
        if (*close < a)
            *close = memchr(a, '}', (size_t)(end - a));
        if (*close == NULL)
            return false;
        if (*close == a || *close == *failed)
            continue;
        b = *close + 2;
        last = b < end && b[-1] == '{' ? memchr(b, '}', (size_t)(end - b)) : NULL;
        if (last == NULL || last == b) {
            *failed = *close;
            continue;
        }
        ret[0] = part(p, last + 1);
        ret[1] = part(a, *close);
        ret[2] = part(b, last);
        return true;
    }
    return false;
}

/* The first of what in out becomes by, which is shorter. */
static void
replace_first(char *out, size_t *len, size_t from, struct evald_str what, struct evald_str by)
{
    char *at = memmem(out + from, *len - from, what.ptr, what.len), *end = out + *len;
    memcpy(at, by.ptr, by.len);
    memmove(at + by.len, at + what.len, (size_t)(end - at) - what.len);
    *len -= what.len - by.len;
}

bool
math_divide(struct evald_call *c, struct evald_str s, struct evald_str *ret)
{
    struct evald_str f[3];
    const char *done = s.ptr, *close = NULL, *failed = NULL;
    char *out = NULL;
    size_t len = 0, from = SIZE_MAX, sought = 0;
    while (find_fraction(done, end_of(s), &close, &failed, f)) {
        double over, under;
        bool divides = pytext_float(c, f[1], &over) && pytext_float(c, f[2], &under)
                       && under != 0;
        if (out == NULL)
            out = evald_alloc(c, s.len + 1);
        size_t before = (size_t)(f[0].ptr - done);
        memcpy(out + len, done, before + f[0].len);
        len += before + f[0].len;
        done = end_of(f[0]);
        if (!divides) {
            from = from < len - f[0].len ? from : len - f[0].len;
            continue;
        }
        /* The first that reads so goes: this one, or a part of one that was no number. */
        size_t at = from < len - f[0].len ? from : len - f[0].len;
        sought += len - at;
        if (sought > SOUGHT_MAX)
            return false;
        replace_first(out, &len, at, f[0], quotient_text(c, over / under));
    }
    *ret = s;
    if (out == NULL)
        return true;
    memcpy(out + len, done, (size_t)(end_of(s) - done));
    *ret = (struct evald_str){ out, len + (size_t)(end_of(s) - done) };
    return true;
}
