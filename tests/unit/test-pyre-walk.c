/* All matches of Python's regexes: finditer, sub and split.  What is wanted is what Python 3.11
 * gives; NULL where it refuses the replacement. */
#include <stdlib.h>

#include "../../plugins/lib/pyre.h"
#include "tap.h"

#define L(literal) { "" literal, sizeof(literal) - 1 }
#define EACH(i, all) size_t i = 0; i < sizeof(all) / sizeof(all)[0]; i++

static char arena[1 << 16];
static size_t used;

static void *
give(struct evald_call *c, size_t n)
{
    (void)c;
    size_t at = used;
    used += (n + 15) & ~(size_t)15;
    if (used > sizeof arena)
        abort();
    return memset(arena + at, 0, n);
}

static struct evald_host host = { .size = sizeof host, .alloc = give };
static struct evald_call call = { &host };

/* ---- finditer ---- */

static const struct {
    const char *name;
    struct evald_str pattern, text;
    const char *want;
} walks[] = {
    { "an empty match may touch the one before", L("a*"), L("baac"), "0,0 1,3 3,3 4,4" },
    { "one that is not empty, or later, follows it", L("|a"), L("aa"),
      "0,0 0,1 1,1 1,2 2,2" },
    { "between all characters", L(""), L("a\303\251b"), "0,0 1,1 3,3 4,4" },
    { "behind a whole text", L(".*"), L("ab"), "0,2 2,2" },
    { "lines", L(".*"), L("a\n\nb"), "0,1 1,1 2,2 3,4 4,4" },
    { "behind an empty branch the next", L("(?:|a|ab)"), L("ab"), "0,0 0,1 1,1 2,2" },
    { "lazy", L("a*?"), L("aa"), "0,0 0,1 1,1 1,2 2,2" },
    { "edges", L("\\b"), L("ab cd"), "0,0 2,2 3,3 5,5" },
    { "look-behind sees the match before", L("(?<=a)b*"), L("abab"), "1,2 3,4" },
    { "the beginning is there once", L("^a"), L("aaa"), "0,1" },
    { "places of lines", L("(?m)^|$"), L("a\n"), "0,0 1,1 2,2" },
    { "overlaps are none", L("aa"), L("aaaaa"), "0,2 2,4" },
    { "no match", L("x"), L("abc"), "" },
    { "nothing in nothing", L("a"), L(""), "" },
};

static const char *
walked(struct evald_str pattern, struct evald_str text)
{
    static char out[200];
    char why[PYRE_WHY];
    struct pyre_walk walk = { 0 };
    struct pyre_span span;
    int n = 0, found = -1;
    out[0] = '\0';
    struct pyre *re = pyre_compile(pattern, why);
    while (re != NULL && (found = pyre_next(re, text, &walk, &span, 1, why)) > 0)
        n += snprintf(out + n, sizeof out - (size_t)n, "%s%zu,%zu", n > 0 ? " " : "", span.at,
                      span.end);
    if (found == 0 && pyre_next(re, text, &walk, &span, 1, why) != 0)
        found = -1; /* it is over */
    pyre_free(re);
    return found == 0 ? out : "error";
}

/* ---- sub ---- */

static const struct {
    const char *name;
    struct evald_str pattern, text, by;
    const char *want;
} subs[] = {
    { "groups", L("(a)(b)?"), L("abac"), L("\\1-\\2"), "a-ba-c" },
    { "of empty matches too", L("a*"), L("baac"), L("x"), "xbxxcx" },
    { "dollars are no groups", L("\\$(.*?)\\$"), L("x $a$ y"), L("$1\\1"), "x $1a y" },
    { "the whole match", L("b+"), L("abbb"), L("<\\g<0>>"), "a<bbb>" },
    { "a group by name", L("(?P<n>a)"), L("ba"), L("\\g<n>\\g<n>"), "baa" },
    { "a group by number", L("(a)"), L("a"), L("\\g<1>0"), "a0" },
    { "a group of two digits", L("(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)"), L("abcdefghij"),
      L("\\10\\1"), "ja" },
    { "a group that took no part is empty", L("(a)|b"), L("b"), L("[\\1]"), "[]" },
    { "characters", L("a"), L("a"), L("\\n\\t\\\\\\101"), "\n\t\\A" },
    { "three octal digits are no group", L("a"), L("a"), L("\\141"), "a" },
    { "and may be Latin", L("a"), L("a"), L("\\351"), "\303\251" },
    { "other escapes stay", L("a"), L("a"), L("\\-\\."), "\\-\\." },
    { "without a match the text stays", L("x"), L("abc"), L("y"), "abc" },
    { "offsets are bytes", L("\303\251"), L("a\303\251b\303\251"), L("e"), "aebe" },
    { "a letter that is no escape", L("a"), L("b"), L("\\q"), NULL },
    { "no such group", L("a"), L("b"), L("\\1"), NULL },
    { "no such name", L("a"), L("b"), L("\\g<n>"), NULL },
    { "a name without end", L("(?P<n>a)"), L("b"), L("\\g<n"), NULL },
    { "no name", L("a"), L("b"), L("\\g<>"), NULL },
    { "a backslash at the end", L("a"), L("b"), L("\\"), NULL },
    { "an octal number too large", L("a"), L("a"), L("\\400"), NULL },
};

static const char *
substituted(struct evald_str pattern, struct evald_str text, struct evald_str by)
{
    char why[PYRE_WHY] = "";
    struct evald_str out = { "", 0 };
    struct pyre *re = pyre_compile(pattern, why);
    int64_t n = re != NULL ? pyre_sub(&call, re, text, by, &out, why) : -2;
    pyre_free(re);
    return n >= 0 ? out.ptr : why[0] != '\0' ? NULL : "no reason";
}

/* ---- split ---- */

static const struct {
    const char *name;
    struct evald_str pattern, text;
    const char *want; /* pieces in brackets, - for None */
} splits[] = {
    { "pieces", L("\\*\\*\\*"), L("a***b***"), "[a][b][]" },
    { "groups are pieces", L("(-)|(,)"), L("a-b,c"), "[a][-]-[b]-[,][c]" },
    { "empty matches part too", L("x*"), L("axb"), "[][a][][b][]" },
    { "at words", L("\\b"), L("a b"), "[][a][ ][b][]" },
    { "nothing there", L("-"), L("ab"), "[ab]" },
    { "an empty text", L("-"), L(""), "[]" },
};

static const char *
split(struct evald_str pattern, struct evald_str text)
{
    static char out[200];
    char why[PYRE_WHY];
    struct evald_str *pieces = NULL;
    struct pyre *re = pyre_compile(pattern, why);
    int64_t n = re != NULL ? pyre_split(&call, re, text, &pieces, why) : -1;
    bool same = n >= 0 && pyre_count_split(re, text, why) == n;
    int len = 0;
    out[0] = '\0';
    for (int64_t i = 0; i < n; i++)
        len += snprintf(out + len, sizeof out - (size_t)len,
                        pieces[i].ptr != NULL ? "[%.*s]" : "-", (int)pieces[i].len,
                        pieces[i].ptr);
    pyre_free(re);
    return same ? out : "error";
}

int
main(void)
{
    for (EACH(i, walks))
        is_str(walked(walks[i].pattern, walks[i].text), walks[i].want, "walk: %s",
               walks[i].name);
    for (EACH(i, subs))
        is_str(substituted(subs[i].pattern, subs[i].text, subs[i].by), subs[i].want, "sub: %s",
               subs[i].name);
    for (EACH(i, splits))
        is_str(split(splits[i].pattern, splits[i].text), splits[i].want, "split: %s",
               splits[i].name);

    /* Each match costs a walk to the end of the text. */
    static char many[100001];
    char why[PYRE_WHY] = "";
    memset(many, 'a', sizeof many - 1);
    struct pyre *re = pyre_compile(evald_s("a.*?b|."), why);
    is_int(pyre_count(re, evald_s(many), why), -1, "a walk as a whole takes too long");
    is_str(why, "matching takes too long", "and says so");
    pyre_free(re);
    return tap_done();
}
