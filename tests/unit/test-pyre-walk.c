/* All matches of Python's regexes: finditer, and how many pieces split makes.  What is wanted is
 * what Python 3.11 gives. */
#include "../../plugins/lib/pyre.h"
#include "tap.h"

#define L(literal) { "" literal, sizeof(literal) - 1 }
#define EACH(i, all) size_t i = 0; i < sizeof(all) / sizeof(all)[0]; i++

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

/* ---- split ---- */

static const struct {
    const char *name;
    struct evald_str pattern, text;
    int64_t want;
} splits[] = {
    { "pieces", L("\\*\\*\\*"), L("a***b***"), 3 },
    { "groups are pieces", L("(-)|(,)"), L("a-b,c"), 7 },
    { "empty matches part too", L("x*"), L("axb"), 5 },
    { "at words", L("\\b"), L("a b"), 5 },
    { "nothing there", L("-"), L("ab"), 1 },
    { "an empty text", L("-"), L(""), 1 },
};

static int64_t
split(struct evald_str pattern, struct evald_str text)
{
    char why[PYRE_WHY];
    struct pyre *re = pyre_compile(pattern, why);
    int64_t n = re != NULL ? pyre_count_split(re, text, why) : -2;
    pyre_free(re);
    return n;
}

int
main(void)
{
    for (EACH(i, walks))
        is_str(walked(walks[i].pattern, walks[i].text), walks[i].want, "walk: %s",
               walks[i].name);
    for (EACH(i, splits))
        is_int(split(splits[i].pattern, splits[i].text), splits[i].want, "split: %s",
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
