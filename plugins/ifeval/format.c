/* format.c - instructions about the form of the answer: lists, sections, marks, JSON. */
#include "ifeval.h"
#include "loads.h"
#include "pattern.h"
#include "pyre.h"
#include "pytext.h"

static const char *
line_end(const char *p, const char *end)
{
    const char *found = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
    return found != NULL ? found : end;
}

/* Matches of ^\s*MARK.*$ in MULTILINE; of * as ^\s*\*[^\*].*$.  The blanks may take whole
 * lines, and so may what is behind an asterisk: a line feed is no asterisk. */
static size_t
count_bullets(struct evald_str text, char mark)
{
    const char *p = text.ptr, *end = p + text.len;
    size_t n = 0;
    while (p < end) { /* p begins a line */
        const char *at = p;
        for (const char *next = at; next < end; at = next)
            if (!pytext_is_space(pytext_next(&next, end)))
                break;
        bool found =
            at < end && *at == mark && (mark != '*' || (at + 1 < end && at[1] != '*'));
        const char *behind = found ? at + 1 + (mark == '*') : at;
        p = line_end(behind, end);
        n += found;
        /* where the match ended a line may begin, behind a line feed that it took */
        if (!(found && p > text.ptr && p == behind && p[-1] == '\n'))
            p++;
    }
    return n;
}

int
check_bullets(struct answer *a, const struct given *given)
{
    return (double)(count_bullets(a->text, '*') + count_bullets(a->text, '-'))
           == given[0].num;
}

int
check_constrained(struct answer *a, const struct given *given)
{
    (void)given;
    return pytext_find(a->text, evald_s("My answer is yes.")) != PYTEXT_NONE
           || pytext_find(a->text, evald_s("My answer is no.")) != PYTEXT_NONE
           || pytext_find(a->text, evald_s("My answer is maybe.")) != PYTEXT_NONE;
}

static bool
is_blank(const char *p, const char *end)
{
    return pytext_strip((struct evald_str){ p, (size_t)(end - p) }).len == 0;
}

/* The next asterisk or line feed from p on, or end. */
static const char *
next_mark(const char *p, const char *end)
{
    while (p < end && *p != '*' && *p != '\n')
        p++;
    return p;
}

/* Matches of \*[^\n\*]*\* with something between the asterisks. */
static size_t
count_single(struct evald_str text)
{
    const char *p = text.ptr, *end = p + text.len;
    size_t n = 0;
    while ((p = memchr(p, '*', (size_t)(end - p))) != NULL) {
        const char *close = next_mark(p + 1, end);
        if (close == end)
            break;
        n += *close == '*' && !is_blank(p + 1, close);
        p = close + 1;
    }
    return n;
}

/* Matches of \*\*[^\n\*]*\*\* with something between them. */
static size_t
count_double(struct evald_str text)
{
    const char *p = text.ptr, *end = p + text.len;
    size_t n = 0;
    while ((p = memchr(p, '*', (size_t)(end - p))) != NULL) {
        if (end - p < 4)
            break;
        if (p[1] != '*') {
            p++;
            continue;
        }
        const char *close = next_mark(p + 2, end);
        bool found = end - close >= 2 && close[0] == '*' && close[1] == '*';
        n += found && !is_blank(p + 2, close);
        p = found ? close + 2 : p + 1;
    }
    return n;
}

int
check_highlights(struct answer *a, const struct given *given)
{
    return (double)(count_single(a->text) + count_double(a->text)) >= given[0].num;
}

int
check_sections(struct answer *a, const struct given *given)
{
    struct evald_str pattern =
        pattern_join(a->c, "\\s?", pytext_strip(given[0].text), "\\s?\\d+\\s?");
    int64_t pieces = pattern_count_split(a, "section_spliter", pattern, a->text);
    return pieces < 0 ? -1 : (double)(pieces - 1) >= given[1].num;
}

static struct evald_str
without_prefix(struct evald_str s, const char *prefix)
{
    size_t n = strlen(prefix);
    if (pytext_starts(s, evald_s(prefix)))
        s = (struct evald_str){ s.ptr + n, s.len - n };
    return s;
}

static bool
is_json(struct answer *a)
{
    struct evald_str s = without_prefix(a->text, "```json");
    s = without_prefix(s, "```Json");
    s = without_prefix(s, "```JSON");
    s = without_prefix(s, "```");
    if (pytext_ends(s, evald_s("```")))
        s.len -= 3;
    return loads_takes(a->c, pytext_strip(s));
}

int
check_json(struct answer *a, const struct given *given)
{
    (void)given;
    if (!a->json.known)
        a->json = (struct counted){ true, is_json(a) };
    return a->json.n != 0;
}

/* A match of <<[^\n]+>> reaches from the first << of a line to its last >>. */
static bool
has_title(struct evald_str line)
{
    size_t open = pytext_find(line, evald_s("<<")),
           close = pytext_rfind(line, evald_s(">>"));
    if (open == PYTEXT_NONE || close == PYTEXT_NONE || close < open + 3)
        return false;
    const char *p = line.ptr + open, *end = line.ptr + close;
    while (p < end && *p == '<')
        p++;
    while (end > p && end[-1] == '>')
        end--;
    return !is_blank(p, end);
}

int
check_title(struct answer *a, const struct given *given)
{
    (void)given;
    struct evald_str rest = a->text, line;
    while (pytext_split_by(&rest, evald_s("\n"), &line))
        if (has_title(line))
            return 1;
    return 0;
}
