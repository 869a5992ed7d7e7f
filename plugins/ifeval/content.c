/* content.c - instructions about what stands in the answer: placeholders, a postscript, two
 * responses, the prompt once more, commas. */
#include "ifeval.h"
#include "pattern.h"
#include "pyre.h"
#include "pytext.h"

/* Matches of \[.*?\]: from a bracket to the next closing one, if that is in its line. */
static size_t
count_placeholders(struct evald_str text)
{
    const char *p = text.ptr, *end = p + text.len, *line_end = p;
    size_t n = 0;
    while ((p = memchr(p, '[', (size_t)(end - p))) != NULL) {
        if (line_end <= p && (line_end = memchr(p, '\n', (size_t)(end - p))) == NULL)
            line_end = end;
        const char *close = memchr(p, ']', (size_t)(line_end - p));
        p = close != NULL ? close + 1 : line_end;
        n += close != NULL;
    }
    return n;
}

int
check_placeholders(struct answer *a, const struct given *given)
{
    return (double)count_placeholders(a->text) >= given[0].num;
}

/* Takes c, which is in lower case, or its capital. */
static bool
take_initial(const char **p, const char *end, char c)
{
    if (end - *p < 1 || (**p | 0x20) != c)
        return false;
    ++*p;
    return true;
}

static bool
take(const char **p, const char *end, char c)
{
    if (*p == end || **p != c)
        return false;
    ++*p;
    return true;
}

static void
take_blank(const char **p, const char *end)
{
    const char *next = *p;
    if (next < end && pytext_is_space(pytext_next(&next, end)))
        *p = next;
}

/* p\.\s?s\. and p\.\s?p\.\s?s in lower case, which no character beyond ASCII becomes. */
static bool
has_postscript(struct evald_str text, bool twice)
{
    const char *end = text.ptr + text.len;
    for (const char *dot = text.ptr; (dot = memchr(dot, '.', (size_t)(end - dot))) != NULL;
         dot++) {
        const char *p = dot + 1;
        if (dot == text.ptr || (dot[-1] | 0x20) != 'p')
            continue;
        take_blank(&p, end);
        if (twice) {
            if (!take_initial(&p, end, 'p') || !take(&p, end, '.'))
                continue;
            take_blank(&p, end);
        }
        if (take_initial(&p, end, 's') && (twice || take(&p, end, '.')))
            return true;
    }
    return false;
}

int
check_postscript(struct answer *a, const struct given *given)
{
    struct evald_str marker = pytext_strip(given[0].text);
    if (pytext_is(marker, "P.S.") || pytext_is(marker, "P.P.S"))
        return has_postscript(a->text, pytext_is(marker, "P.P.S"));

    marker = pytext_lower(a->c, marker);
    /* The blanks before it may be none.  Where they cannot change what the marker means
     * they are left out, as looking for them from every place costs time by the square of
     * their number. */
    bool plain = marker.len > 0
                 && ((marker.ptr[0] >= 'a' && marker.ptr[0] <= 'z')
                     || (unsigned char)marker.ptr[0] >= 0x80);
    struct evald_str pattern = pattern_join(a->c, plain ? "" : "\\s*", marker, ".*$");
    return pattern_search(a, "postscript_marker", pattern, PYRE_MULTILINE, answer_lower(a));
}

int
check_two_responses(struct answer *a, const struct given *given)
{
    (void)given;
    struct evald_str rest = a->text, piece, found[2];
    size_t n = 0;
    for (size_t i = 0; pytext_split_by(&rest, evald_s("******"), &piece); i++) {
        piece = pytext_strip(piece);
        if (piece.len == 0 && i > 0 && rest.ptr != NULL)
            return 0;
        if (piece.len > 0 && n++ < 2)
            found[n - 1] = piece;
    }
    return n == 2 && !pytext_same(found[0], found[1]);
}

int
check_repeat_prompt(struct answer *a, const struct given *given)
{
    struct evald_str text = a->text, prompt = pytext_strip(given[0].text);
    for (size_t i = 0;; i++) {
        if (i == prompt.len)
            return 1;
        if (i == text.len)
            return 0;
        unsigned char x = (unsigned char)text.ptr[i], y = (unsigned char)prompt.ptr[i];
        if (x >= 0x80 || y >= 0x80)
            break;
        if (x != y && (!((x ^ y) == 0x20) || (x | 0x20) < 'a' || (x | 0x20) > 'z'))
            return 0;
    }
    /* Beyond ASCII a letter's case depends on what stands around it. */
    return pytext_starts(answer_lower(a), pytext_lower(a->c, prompt));
}

int
check_no_comma(struct answer *a, const struct given *given)
{
    (void)given;
    return memchr(a->text.ptr, ',', a->text.len) == NULL;
}
