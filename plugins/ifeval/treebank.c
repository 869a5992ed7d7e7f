#define _GNU_SOURCE /* memrchr, mempcpy */
#include "treebank.h"

#include <stdbool.h>

#include "count.h"
#include "pytext.h"
#include "sentences.h"

/* The text as the substitutions so far have left it, and room for the next one.  Most of
 * them find nothing to do: which bytes there are tells so at once. */
struct words {
    struct evald_call *c;
    char *text, *other;
    size_t len, room, other_room;
    bool has[256];
    size_t n_upper; /* of the sentences so far */
};

/* One substitution under way: what is before p has been copied. */
struct pass {
    const char *p, *end;
    char *out;
};

/* A substitution that makes at most four bytes of one. */
static struct pass
begin(struct words *w)
{
    size_t most = 4 * w->len + 16;
    if (w->other_room < most) {
        w->other_room = 2 * most;
        w->other = evald_alloc(w->c, w->other_room);
    }
    return (struct pass){ w->text, w->text + w->len, w->other };
}

/* Copies the text up to at, then what stands there instead of the text up to behind. */
static void
replace(struct pass *s, const char *at, const char *by, const char *behind)
{
    s->out = mempcpy(s->out, s->p, (size_t)(at - s->p));
    s->out = mempcpy(s->out, by, strlen(by));
    s->p = behind;
}

static void
insert(struct pass *s, const char *at, const char *what)
{
    replace(s, at, what, at);
}

static void
finish(struct words *w, struct pass *s)
{
    if (s->p == w->text)
        return; /* nothing was replaced */
    s->out = mempcpy(s->out, s->p, (size_t)(s->end - s->p));
    char *text = w->text;
    size_t room = w->room;
    w->len = (size_t)(s->out - w->other);
    w->text = w->other;
    w->room = w->other_room;
    w->other = text;
    w->other_room = room;
}

/* A blank on either side of what is from at to behind. */
static void
surround(struct pass *s, const char *at, const char *behind)
{
    insert(s, at, " ");
    insert(s, behind, " ");
}

/* Each of these bytes alone. */
static void
part(struct words *w, const char *bytes)
{
    bool set[256] = { false }, any = false;
    for (const char *b = bytes; *b != '\0'; b++) {
        set[(unsigned char)*b] = true;
        any = any || w->has[(unsigned char)*b];
    }
    if (!any)
        return;
    struct pass s = begin(w);
    for (const char *p = s.p; p < s.end; p++)
        if (set[(unsigned char)*p])
            surround(&s, p, p + 1);
    finish(w, &s);
}

static bool
begins(const char *p, const char *end, const char *with)
{
    size_t n = strlen(with);
    return (size_t)(end - p) >= n && memcmp(p, with, n) == 0;
}

/* With one of a list that NULL ends. */
static bool
begins_any(const char *p, const char *end, const char *const *list)
{
    for (; *list != NULL; list++)
        if (begins(p, end, *list))
            return true;
    return false;
}

/* ---- opening quotes ---- */

/* ([«“‘„]|[`]+) */
static void
part_opening(struct words *w)
{
    static const char *const three[] = { "“", "‘", "„", NULL };
    if (!w->has['`'] && !w->has[0xc2] && !w->has[0xe2])
        return;
    struct pass s = begin(w);
    for (const char *p = s.p; p < s.end;) {
        size_t n = 0;
        if (*p == '`')
            while (p + n < s.end && p[n] == '`')
                n++;
        else if (begins(p, s.end, "«"))
            n = 2;
        else if ((unsigned char)*p == 0xe2 && begins_any(p, s.end, three))
            n = 3;
        if (n > 0)
            surround(&s, p, p + n);
        p += n > 0 ? n : 1;
    }
    finish(w, &s);
}

/* ^" becomes ``, and every pair of these is parted. */
static void
part_backticks(struct words *w)
{
    if (w->len > 0 && w->text[0] == '"') {
        struct pass s = begin(w);
        replace(&s, s.p, "``", s.p + 1);
        finish(w, &s);
        w->has['`'] = true;
    }
    if (!w->has['`'])
        return;
    struct pass s = begin(w);
    for (const char *p = s.p; p < s.end;) {
        bool found = begins(p, s.end, "``");
        if (found)
            surround(&s, p, p + 2);
        p += found ? 2 : 1;
    }
    finish(w, &s);
}

/* ([ \(\[{<])("|'{2}) */
static void
open_quotes(struct words *w)
{
    if (!w->has['"'] && !w->has['\''])
        return;
    struct pass s = begin(w);
    for (const char *p = s.p; p < s.end; p++) {
        size_t n = *p == '"' ? 1 : begins(p, s.end, "''") ? 2 : 0;
        if (n == 0 || p == w->text || p[-1] == '\0' || strchr(" ([{<", p[-1]) == NULL)
            continue;
        replace(&s, p, " `` ", p + n);
        w->has['`'] = true;
        p += n - 1;
    }
    finish(w, &s);
}

/* (?i)(')(?!re|ve|ll|m|t|s|d|n)(\w)\b: one letter behind an apostrophe, but for those of
 * clitics, among which a long s is an s. */
static void
part_letter(struct words *w)
{
    if (!w->has['\''])
        return;
    struct pass s = begin(w);
    for (const char *p = s.p; p + 1 < s.end; p++) {
        const char *next = p + 1;
        if (*p != '\'' || strchr("mtsdnMTSDN'", *next) != NULL)
            continue;
        uint32_t letter = pytext_next(&next, s.end);
        const char *behind = next;
        if (letter != 0x17f && count_is_word(letter)
            && (behind == s.end || !count_is_word(pytext_next(&next, s.end)))) {
            insert(&s, p + 1, " ");
            p = behind - 1;
        }
    }
    finish(w, &s);
}

/* ---- punctuation ---- */

static bool
is_blank(const char *p, const char *end)
{
    return pytext_strip((struct evald_str){ p, (size_t)(end - p) }).len == 0;
}

/* ([^\.])(\.)(CLOSING*)\s*$: the last period, when nothing but closing marks and blanks is
 * behind it.  apart: a blank before the marks too. */
static void
part_last_period(struct words *w, const char *closing, const char *const *wide, bool apart)
{
    const char *dot = memrchr(w->text, '.', w->len), *end = w->text + w->len;
    if (dot == NULL || dot == w->text || dot[-1] == '.')
        return;
    const char *p = dot + 1;
    while (p < end && *p != '\0') {
        if (strchr(closing, *p) != NULL)
            p++;
        else if (wide != NULL && begins_any(p, end, wide))
            p += (unsigned char)*p == 0xc2 ? 2 : 3;
        else
            break;
    }
    if (!is_blank(p, end))
        return;
    struct pass s = begin(w);
    insert(&s, dot, " ");
    insert(&s, dot + 1, apart ? " " : "");
    replace(&s, p, " ", end);
    finish(w, &s);
}

/* ([:,])([^\d]) gets blanks around the mark, then one that is the last character too. */
static void
part_colons(struct words *w)
{
    if (!w->has[':'] && !w->has[','])
        return;
    struct pass s = begin(w);
    for (const char *p = s.p; p + 1 < s.end;) {
        const char *next = p + 1;
        if (*p != ':' && *p != ',') {
            p++;
            continue;
        }
        if (pytext_decimal(pytext_next(&next, s.end)) >= 0) {
            p++;
            continue;
        }
        surround(&s, p, p + 1);
        p = next;
    }
    finish(w, &s);

    size_t last = w->len - (w->len > 0 && w->text[w->len - 1] == '\n');
    if (last > 0 && (w->text[last - 1] == ':' || w->text[last - 1] == ',')) {
        s = begin(w);
        surround(&s, s.p + last - 1, s.p + last);
        finish(w, &s);
    }
}

/* \.{2,} */
static void
part_dots(struct words *w)
{
    if (!w->has['.'])
        return;
    struct pass s = begin(w);
    for (const char *p = s.p; p < s.end;) {
        const char *behind = p;
        while (behind < s.end && *behind == '.')
            behind++;
        if (behind - p >= 2)
            surround(&s, p, behind);
        p = behind > p ? behind : p + 1;
    }
    finish(w, &s);
}

static bool
is_continued(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* ([^'])' */
static void
part_apostrophe(struct words *w)
{
    if (!w->has['\''])
        return;
    struct pass s = begin(w);
    const char *from = s.p; /* behind the last match */
    for (const char *p = s.p + 1; p + 1 < s.end; p++) {
        const char *before = p - 1;
        if (*p != '\'' || p[1] != ' ' || *before == '\'' || before < from)
            continue;
        insert(&s, p, " ");
        from = p + 2;
    }
    finish(w, &s);
}

static void
part_twin(struct words *w, const char *twin, const char *by)
{
    if (!w->has[(unsigned char)twin[0]])
        return;
    struct pass s = begin(w);
    for (const char *p = s.p; p + 1 < s.end;) {
        bool found = p[0] == twin[0] && p[1] == twin[1];
        if (found)
            replace(&s, p, by, p + 2);
        p += found ? 2 : 1;
    }
    finish(w, &s);
}

/* ---- closing quotes and clitics ---- */

static void
part_closing(struct words *w)
{
    static const char *const wide[] = { "»", "”", "’", NULL };
    if (!w->has[0xc2] && !w->has[0xe2])
        return;
    struct pass s = begin(w);
    for (const char *p = s.p; p < s.end; p++) {
        unsigned char b = (unsigned char)*p;
        if ((b != 0xc2 && b != 0xe2) || !begins_any(p, s.end, wide))
            continue;
        surround(&s, p, p + (b == 0xc2 ? 2 : 3));
        p = s.p - 1;
    }
    finish(w, &s);
}

/* " becomes '' with blanks around it. */
static void
close_quotes(struct words *w)
{
    if (!w->has['"'])
        return;
    struct pass s = begin(w);
    for (const char *p = s.p; p < s.end; p++)
        if (*p == '"')
            replace(&s, p, " '' ", p + 1);
    finish(w, &s);
    w->has['\''] = true;
}

/* May a clitic hang on the character before p? */
static bool
can_carry(const struct words *w, const char *p)
{
    return p > w->text && p[-1] != '\'' && p[-1] != ' ';
}

/* ([^' ])('[sS]|'[mM]|'[dD]|') */
static void
part_short_clitics(struct words *w)
{
    if (!w->has['\''])
        return;
    struct pass s = begin(w);
    for (const char *p = s.p; p + 1 < s.end; p++) {
        if (*p != '\'' || !can_carry(w, p))
            continue;
        bool letter = strchr("sSmMdD", p[1]) != NULL && p[1] != '\0';
        if (p[1] == ' ' || (letter && p + 2 < s.end && p[2] == ' '))
            insert(&s, p, " ");
    }
    finish(w, &s);
}

/* ([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) */
static void
part_long_clitics(struct words *w)
{
    static const char *const endings[] = { "'ll ", "'LL ", "'re ", "'RE ",
                                           "'ve ", "'VE ", NULL };
    if (!w->has['\''])
        return;
    struct pass s = begin(w);
    for (const char *p = s.p; p < s.end; p++) {
        if (*p != '\'' || p == w->text)
            continue;
        if (can_carry(w, p) && begins_any(p, s.end, endings))
            insert(&s, p, " ");
        else if (can_carry(w, p - 1)
                 && (begins(p - 1, s.end, "n't ") || begins(p - 1, s.end, "N'T ")))
            insert(&s, p - 1, " ");
    }
    finish(w, &s);
}

/* ---- contractions ---- */

static const struct contraction {
    const char *first, *second;
    bool blank_before; /* a blank stands before it, and goes; else it begins a word */
    bool blank_behind; /* one stands behind it, and stays; else it ends a word */
} contractions[] = {
    { "can", "not", false, false }, { "d", "'ye", false, false },
    { "gim", "me", false, false },  { "gon", "na", false, false },
    { "got", "ta", false, false },  { "lem", "me", false, false },
    { "more", "'n", false, false }, { "wan", "na", false, true },
    { "'t", "is", true, false },    { "'t", "was", true, false },
};
#define N_CONTRACTIONS (sizeof contractions / sizeof contractions[0])

/* Behind word, in either case as Python folds it: a long s is an s, and an i may have a dot
 * too many or none.  NULL: it is not there. */
static const char *
skip_word(const char *p, const char *end, const char *word)
{
    for (; *word != '\0'; word++) {
        if (p == end)
            return NULL;
        unsigned char c = (unsigned char)*p, lower = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
        if (lower == (unsigned char)*word)
            p++;
        else if ((*word == 's' && begins(p, end, "ſ"))
                 || (*word == 'i' && (begins(p, end, "İ") || begins(p, end, "ı"))))
            p += 2;
        else
            return NULL;
    }
    return p;
}

static bool
is_word_before(const struct words *w, const char *p)
{
    const char *begin = p;
    if (p == w->text)
        return false;
    do
        begin--;
    while (is_continued(*begin) && begin > w->text);
    return count_is_word(pytext_next(&begin, p));
}

static void
part_contraction(struct words *w, const struct contraction *x)
{
    struct pass s = begin(w);
    for (const char *p = s.p; p < s.end; p++) {
        const char *first = x->blank_before ? p + 1 : p, *second, *behind;
        if (x->blank_before ? *p != ' ' : (*p | 0x20) != x->first[0])
            continue;
        if ((second = skip_word(first, s.end, x->first)) == NULL
            || (behind = skip_word(second, s.end, x->second)) == NULL
            || (!x->blank_before && is_word_before(w, p)))
            continue;
        const char *next = behind;
        uint32_t c = next < s.end ? pytext_next(&next, s.end) : 0;
        if (x->blank_behind ? next == behind || !pytext_is_space(c)
                            : next > behind && count_is_word(c))
            continue;
        replace(&s, p, " ", first);
        insert(&s, second, " ");
        insert(&s, behind, " ");
        p = behind - 1;
    }
    finish(w, &s);
}

static void
part_contractions(struct words *w)
{
    bool found[N_CONTRACTIONS] = { false }, any = false;
    for (const char *p = w->text, *end = p + w->len; p < end; p++) {
        char lower = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
        if (lower != '\'' && (lower < 'c' || lower > 'w'))
            continue;
        for (size_t i = 0; i < N_CONTRACTIONS; i++) {
            const struct contraction *x = &contractions[i];
            if (lower != x->first[0] || found[i])
                continue;
            const char *second = skip_word(p, end, x->first);
            if (second != NULL && skip_word(second, end, x->second) != NULL)
                any = found[i] = true;
        }
    }
    for (size_t i = 0; any && i < N_CONTRACTIONS; i++)
        if (found[i])
            part_contraction(w, &contractions[i]);
}

/* ---- all of it ---- */

static bool
is_plain(char c)
{
    return (unsigned char)c > ' ' && (unsigned char)c < 0x7f;
}

static size_t
count_upper(struct evald_str text)
{
    size_t n = 0;
    for (const char *p = text.ptr, *end = p + text.len; p < end;) {
        const char *begin = p;
        bool upper = false, lower = false;
        for (; p < end && is_plain(*p); p++) {
            upper = upper || (*p >= 'A' && *p <= 'Z');
            lower = lower || (*p >= 'a' && *p <= 'z');
        }
        if (p == end || *p == ' ') {
            n += upper && !lower;
            p += p < end;
        } else { /* not of ASCII's plain characters alone */
            struct evald_str rest = { begin, (size_t)(end - begin) }, word;
            n += pytext_split(&rest, &word) && pytext_isupper(word);
            p = rest.ptr;
        }
    }
    return n;
}

static void
count_sentence(void *words, struct evald_str sentence)
{
    static const char *const wide[] = { "»", "”", "’", NULL };
    struct words *w = words;
    bool upper = false;
    memset(w->has, 0, sizeof w->has);
    for (size_t i = 0; i < sentence.len; i++) {
        unsigned char b = (unsigned char)sentence.ptr[i];
        w->has[b] = true;
        upper = upper || (b >= 'A' && b <= 'Z') || b >= 0x80;
    }
    if (!upper)
        return;
    w->len = sentence.len;
    if (w->room < w->len) {
        w->room = 4 * w->len + 16;
        w->text = evald_alloc(w->c, w->room);
    }
    memcpy(w->text, sentence.ptr, sentence.len);

    part_opening(w);
    part_backticks(w);
    open_quotes(w);
    part_letter(w);

    part_last_period(w, "])}>\"' ", wide, true);
    part_colons(w);
    part_dots(w);
    part(w, ";@#$%&");
    part_last_period(w, "])}>\"'", NULL, false);
    part(w, "?!");
    part_apostrophe(w);
    part(w, "*");

    part(w, "][(){}<>");
    part_twin(w, "--", " -- ");

    struct pass s = begin(w);
    insert(&s, s.p, " ");
    insert(&s, s.end, " ");
    finish(w, &s);
    part_closing(w);
    part_twin(w, "''", " '' ");
    close_quotes(w);
    part_short_clitics(w);
    part_long_clitics(w);
    part_contractions(w);
    w->n_upper += count_upper((struct evald_str){ w->text, w->len });
}

size_t
treebank_count_upper(struct evald_call *c, struct evald_str text)
{
    struct words w = { .c = c };
    sentences_english_each(text, count_sentence, &w);
    return w.n_upper;
}
