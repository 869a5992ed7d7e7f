/* Python's regexes: each case has what re.search of Python 3.11 finds, as the bytes of the groups;
 * "none", or "error" where re.compile refuses the pattern. */
#include <pthread.h>
#include <stdlib.h>

#include "../../plugins/lib/pyre.h"
#include "tap.h"

#define L(literal) { "" literal, sizeof(literal) - 1 }

static const struct {
    const char *name;
    struct evald_str pattern, text;
    const char *want;
} cases[] = {
    { "a comma is no end of words: marks of Devanagari", L("\\w+"), L("\340\244\250\340\244\256\340\244\270\340\245\215\340\244\244\340\245\207"),
      "0,9" },
    { "\\W in a class", L("[^\\W\\d]+"), L("1\303\251_\340\245\250x"), "1,4" },
    { "space of Python", L("\\s+"), L("a\034\342\200\203\302\205b"), "1,7" },
    { "\\S in a class", L("[\\S\\n]+"), L(" \037\012a b"), "2,4" },
    { "no space", L("\\s"), L("\342\200\213\357\273\277\341\240\216"), "none" },
    { "Nd", L("\\d+"), L("x\331\243\340\245\2539\302\262"), "1,7" },
    { "dot and line feed", L("a.b"), L("a\012b a\015b"), "4,7" },
    { "dot for all", L("(?s)a.b"), L("a\012b"), "0,3" },
    { "end before a last line feed", L("b$"), L("b\012"), "0,1" },
    { "not two", L("b$"), L("b\012\012"), "none" },
    { "absolute end", L("b\\Z"), L("b\012"), "none" },
    { "lines", L("(?m)^b$"), L("a\012b\012c"), "2,3" },
    { "a line begins behind the last feed", L("(?m)^"), L("\012"), "0,0" },
    { "only one of them", L("(?m)x^"), L("x\012"), "none" },
    { "word edges", L("\\b\340\244\225\\b"), L("\340\244\250 \340\244\225"), "4,7" },
    { "no edge in nothing", L("\\B"), L(""), "none" },
    { "edge of a mark", L("\\b\340\244\270\\b"), L("\340\244\270\340\245\215\340\244\244"),
      "0,3" },
    { "all four i", L("(?i)i+"), L("iI\304\260\304\261j"), "0,6" },
    { "in a class", L("(?i)[h-j]+"), L("\304\260\304\261I"), "0,5" },
    { "in a negated class", L("(?i)[^i]"), L("\304\260\304\261"), "none" },
    { "Kelvin", L("(?i)k+s+"), L("KK\305\277S"), "0,5" },
    { "long s is no ss", L("(?i)\303\237"), L("ss"), "none" },
    { "twins", L("(?i)\316\220\316\260\357\254\205"), L("\316\220\316\260\357\254\206"),
      "0,7" },
    { "case of ASCII alone", L("(?ai)k"), L("K"), "0,1" },
    { "and its words", L("(?a)\\w+"), L("\303\251a"), "2,3" },
    { "flags in a group", L("a(?i:b)c"), L("aBc"), "0,3" },
    { "and off", L("(?i)a(?-i:b)"), L("AB"), "none" },
    { "verbose", L("(?x) a  b # c\012 c"), L("abc"), "0,3" },
    { "flags late", L("a(?i)b"), L("ab"), "error" },
    { "a brace alone", L("a{b"), L("a{b"), "0,3" },
    { "an empty one", L("a{}"), L("a{}"), "0,3" },
    { "count from 0", L("^a{,2}$"), L("aa"), "0,2" },
    { "any count", L("^a{,}$"), L("aaa"), "0,3" },
    { "a comma", L("a{2,1}"), L("a"), "error" },
    { "a place in what comes no times", L("(?:a|\\Ab){0}B"), L("xB"), "1,2" },
    { "in a group", L("((a|(?=\\Ab)){0}+B)"), L("xB"), "1,2 1,2 -" },
    { "possessive", L("a++a"), L("aaa"), "none" },
    { "possessive count", L("a{1,2}+a"), L("aaa"), "0,3" },
    { "atomic", L("(?>a|ab)c"), L("abc"), "none" },
    { "lazy", L("a+?"), L("aaa"), "0,1" },
    { "multiple repeat", L("a**"), L("a"), "error" },
    { "bounded turns of nothing (refused here alone)", L("(x| *?){1,5}c"), L("x  c"), "error" },
    { "as many turns each time", L("(a?){3}b"), L("ab"), "0,2 1,1" },
    { "turns without a group", L("(?:a?){1,3}b"), L("aab"), "0,3" },
    { "turns that match something", L("(a){1,3}b"), L("aab"), "0,3 1,2" },
    { "nothing to repeat", L("*a"), L("a"), "error" },
    { "nor a place", L("^*"), L("a"), "error" },
    { "nor an edge", L("\\b+"), L("a"), "error" },
    { "named groups", L("(?P<n>a)(?P=n)"), L("xaa"), "1,3 1,2" },
    { "unknown name", L("(?P=n)"), L("a"), "error" },
    { "twice a name", L("(?P<n>a)(?P<n>b)"), L("ab"), "error" },
    { "bad name", L("(?P<1>a)"), L("a"), "error" },
    { "group that took no part", L("(a)|(b)"), L("b"), "0,1 - 0,1" },
    { "a reference to it", L("(?:(a)|b)\\1"), L("b"), "none" },
    { "open group", L("(a\\1)"), L("a"), "error" },
    { "later group", L("\\1(a)"), L("a"), "error" },
    { "condition", L("(a)?(?(1)b|c)"), L("ab c"), "0,2 0,1" },
    { "otherwise", L("(a)?(?(1)b|c)"), L("c"), "0,1 -" },
    { "of a later group", L("(?(2)a|b)(c)(d)"), L("bcd"), "0,3 1,2 2,3" },
    { "of none", L("(?(2)a|b)(c)"), L("bc"), "error" },
    { "three branches", L("(a)?(?(1)b|c|d)"), L("c"), "error" },
    { "look-behind", L("(?<=ab)c"), L("abc"), "2,3" },
    { "fixed alternatives", L("(?<=ab|cd)e"), L("cde"), "2,3" },
    { "none of variable width", L("(?<=a|bc)d"), L("bcd"), "error" },
    { "nor without end", L("(?<=a*)b"), L("b"), "error" },
    { "negative", L("(?<!a)b"), L("abb"), "2,3" },
    { "leftmost before longest", L("a|ab"), L("ab"), "0,1" },
    { "empty alternative", L("|a"), L("a"), "0,0" },
    { "class begins with ]", L("[]a]+"), L("]a]"), "0,3" },
    { "and ends with -", L("[a-]+"), L("a-"), "0,2" },
    { "bad range", L("[z-a]"), L("a"), "error" },
    { "range to a class", L("[a-\\d]"), L("a"), "error" },
    { "a bracket inside", L("[[:alpha:]]+"), L("a:]"), "1,3" },
    { "backspace", L("[\\b]"), L("\010"), "0,1" },
    { "octal", L("\\0\\101"), L("\000A"), "0,2" },
    { "octal too large", L("\\777"), L("a"), "error" },
    { "hex", L("\\x41\\u0042\\U00000043"), L("ABC"), "0,3" },
    { "half a hex", L("\\x4"), L("a"), "error" },
    { "unknown escape", L("\\q"), L("q"), "error" },
    { "punctuation", L("\\-\\#\\\303\251"), L("-#\303\251"), "0,4" },
    { "end of pattern", L("a\\"), L("a"), "error" },
    { "group left open", L("(a"), L("a"), "error" },
    { "closed too often", L("a)"), L("a"), "error" },
    { "set left open", L("[a"), L("a"), "error" },
    { "comment", L("a(?#x)+"), L("aa"), "0,2" },
    { "recursion is not Python", L("(?R)"), L("a"), "error" },
    { "verbs neither", L("(*FAIL)a"), L("a"), "error" },
    { "other names neither", L("(?<n>a)"), L("a"), "error" },
    { "C escape", L("\\C"), L("\303\251"), "error" },
    { "Q escape", L("\\Qa\\E"), L("a"), "error" },
    { "K escape", L("a\\Kb"), L("ab"), "error" },
    { "newline escape", L("\\R"), L("\012"), "error" },
    { "property", L("\\p{L}"), L("\303\251"), "error" },
    { "a character by name", L("\\N{DIGIT FOUR}[\\N{greek small letter alpha}]"),
      L("4\316\261"), "0,3" },
    { "of no character", L("\\N{NO SUCH THING}"), L("N"), "error" },
    { "without its name", L("\\N"), L("N"), "error" },
    { "what fails leaves no group behind", L("(c*(\\w1)*+b)"), L("a1 b"), "3,4 3,4 -" },
    { "an atomic group gives nothing away", L("b*(?>(c)?)b"), L("bb"), "0,2 -" },
    { "a possessive group neither", L("b*(c)?+b"), L("bb"), "0,2 -" },
    { "a later turn of a possessive group", L("(?:(a)|b)*+c"), L("abc"), "0,3 0,1" },
    { "a condition that is repeated", L("(a)?(?:(?(1)b|c))+d"), L("cbbabbd"), "3,7 3,4" },
    { "offsets are bytes", L("\303\251(b)"), L("a\303\251b"), "1,4 3,4" },
    { "NUL in the text", L("a.b"), L("a\000b"), "0,3" },
    { "emoji is one", L("^.$"), L("\360\237\230\200"), "0,4" },
};

#define GROUPS 5

/* What comes of it, in the words of the cases. */
static const char *
result(struct evald_str pattern, struct evald_str text, size_t from)
{
    static char out[200];
    char why[PYRE_WHY] = "";
    struct pyre_span spans[GROUPS];
    size_t n = 0;
    struct pyre *re = pyre_compile(pattern, why);
    if (re == NULL) {
        return why[0] != '\0' ? "error" : "no reason";
    }
    int found = pyre_search(re, text, from, spans, GROUPS, why);
    snprintf(out, sizeof out, "%s", found == 0 ? "none" : why);
    for (uint32_t i = 0; found > 0 && i <= pyre_groups(re) && i < GROUPS; i++) {
        const char *blank = i > 0 ? " " : "";
        int k = spans[i].at == PYRE_NONE
                    ? snprintf(out + n, sizeof out - n, "%s-", blank)
                    : snprintf(out + n, sizeof out - n, "%s%zu,%zu", blank, spans[i].at,
                               spans[i].end);
        n += (size_t)k;
    }
    pyre_free(re);
    return out;
}

static void
flags(void)
{
    static const struct {
        const char *name;
        struct evald_str pattern, text;
        unsigned flags;
        bool want;
    } all[] = {
        { "IGNORECASE", L("a"), L("A"), PYRE_IGNORECASE, true },
        { "not without it", L("a"), L("A"), 0, false },
        { "it is for ASCII with (?a)", L("(?a)k"), L("\342\204\252"), PYRE_IGNORECASE, false },
        { "a group turns it off", L("(?-i:a)"), L("A"), PYRE_IGNORECASE, false },
        { "MULTILINE", L("^b$"), L("a\nb\nc"), PYRE_MULTILINE, true },
        { "DOTALL", L("a.b"), L("a\nb"), PYRE_DOTALL, true },
        { "beside the pattern's own", L("(?s)A.B"), L("a\nb"), PYRE_IGNORECASE, true },
    };
    char why[PYRE_WHY];
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct pyre *re = pyre_compile_with(all[i].pattern, all[i].flags, why);
        struct pyre_span span;
        is_int(re != NULL ? pyre_search(re, all[i].text, 0, &span, 1, why) : -1, all[i].want,
               "flags: %s", all[i].name);
        pyre_free(re);
    }
    ok(pyre_compile_with(evald_s("a(?i)b"), PYRE_IGNORECASE, why) == NULL,
       "flags: the pattern's own still stand at its beginning");
}

static void
kinds(void)
{
    static const struct {
        const char *name;
        struct evald_str pattern, text;
        bool want;
    } all[] = {
        { "a letter that is not there", L("(?i)Antwort\\s*:"), L("answer:"), false },
        { "all are, in any case", L("(?i)Antwort\\s*:"), L("TRAWON:"), true },
        { "an accent in ASCII", L("r\303\251"), L("re"), false },
        { "what may be left out", L("ax?b*c{0}(?:d|e)"), L("a"), true },
        { "what is in every branch", L("(?:ab|cb)"), L("ac"), false },
        { "what must not be there", L("(?!x)a(?<!y)"), L("a"), true },
        { "Kelvin is a k", L("(?i)k"), L("\342\204\252"), true },
        { "and a k Kelvin", L("(?i)\342\204\252"), L("k"), true },
        { "four kinds of i", L("(?i)i"), L("\304\260"), true },
        { "long s", L("(?i)s"), L("\305\277"), true },
    };
    char why[PYRE_WHY];
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct pyre *re = pyre_compile(all[i].pattern, why);
        is_int(pyre_may_match(re, pyre_kinds(all[i].text)), all[i].want, "kinds: %s",
               all[i].name);
        pyre_free(re);
    }
}

/* ---- limits ---- */

static void
limits(void)
{
    static const struct {
        const char *name, *pattern, *many;
        size_t times;
        const char *end, *want;
    } all[] = {
        { "repeats in repeats", "^((a+)+)$", "a", 60, "!", "matching takes too long" },
        { "many starts", "a*a*a*[bc]", "a", 1300, "", "matching takes too long" },
        { "a long text", "\\w*foo", "fo", 500000, "", "matching takes too long" },
        { "branches in a long text", "(a|b|ab)*bc", "ab", 400000, "",
          "matching takes too long" },
        { "much between callouts", "a*a{100}b", "a", 1000000, "", "matching takes too long" },
        { "comparing what was found", "(a*)\\1b", "a", 1000000, "", "matching takes too long" },
        { "bounded repeats", "(?:(?:a{0,5}){0,5}){0,5}[c]", "a", 50, "", "none" },
        { "many optional", "(a?){30}a{30}", "a", 29, "", "none" },
        { "a line after the other", ".*foo", "fo", 500000, "", "none" },
        { "a stack larger than usual", "(?:a|b)*c", "ab", 50000, "c", "0,100001" },
        { "words of a long text", "(?:\\w+ ?)+", "ab ", 100000, "", "0,300000" },
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        size_t n = strlen(all[i].many), len = n * all[i].times + strlen(all[i].end);
        char *text = malloc(len + 1);
        if (text == NULL)
            abort();
        for (size_t k = 0; k < all[i].times; k++)
            memcpy(text + k * n, all[i].many, n);
        strcpy(text + n * all[i].times, all[i].end);
        is_str(result(evald_s(all[i].pattern), (struct evald_str){ text, len }, 0),
               all[i].want, "limits: %s", all[i].name);
        free(text);
    }
}

/* ---- patterns that are shared ---- */

#define THREADS 4
#define PATTERNS 700 /* more than are kept */

static void *
compile_all(void *arg)
{
    intptr_t wrong = 0;
    (void)arg;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < PATTERNS; i++) {
            char pattern[40], text[40], why[PYRE_WHY];
            struct pyre_span span[2];
            snprintf(pattern, sizeof pattern, "x(%d)y+", i);
            snprintf(text, sizeof text, "--x%dyy", i);
            struct pyre *re = pyre_compile(evald_s(pattern), why);
            wrong += re == NULL || pyre_search(re, evald_s(text), 0, span, 2, why) != 1
                     || span[1].at != 3 || span[0].end != strlen(text);
            pyre_free(re);
        }
    return (void *)wrong;
}

static void
sharing(void)
{
    char why[PYRE_WHY];
    struct pyre *a = pyre_compile(evald_s("ab+"), why), *b = pyre_compile(evald_s("ab+"), why);
    struct pyre *other = pyre_compile_with(evald_s("ab+"), PYRE_IGNORECASE, why);
    ok(a == b, "sharing: the same pattern is compiled once");
    ok(a != other, "sharing: with other flags it is another");
    pyre_free(b);
    struct pyre_span span;
    is_int(pyre_search(a, evald_s("xabb"), 0, &span, 1, why), 1,
           "sharing: it is there as long as one of its users");
    pyre_free(a);
    pyre_free(other);

    pthread_t threads[THREADS];
    intptr_t wrong = 0;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, compile_all, NULL) != 0)
            abort();
    for (int i = 0; i < THREADS; i++) {
        void *ret;
        pthread_join(threads[i], &ret);
        wrong += (intptr_t)ret;
    }
    is_int(wrong, 0, "sharing: threads compile, match and free the same patterns");
}

/* Each name is looked for among those before it. */
static void
many_names(void)
{
    static char pattern[1000 * 16];
    static const struct evald_str text = L("ab ab");
    size_t n = 0;
    for (int i = 0; i < 1000; i++)
        n += (size_t)snprintf(pattern + n, sizeof pattern - n, "(?P<n%d>%s)", i,
                              i == 7 ? "ab" : "");
    char *end = pattern + n;
    strcpy(end, " (?P=n7)$");
    is_int(strncmp(result(evald_s(pattern), text, 0), "0,5 ", 4), 0,
           "many names: each is found");
    strcpy(end, "(?P<n7>)");
    is_str(result(evald_s(pattern), text, 0), "error", "many names: none is there twice");
    strcpy(end, "(?P=n1000)");
    is_str(result(evald_s(pattern), text, 0), "error", "many names: nor is another one");
}

int
main(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        is_str(result(cases[i].pattern, cases[i].text, 0), cases[i].want, "%s", cases[i].name);

    static const struct evald_str twice = L("ab ab"), ab = L("\\bab"), begin = L("^ab");
    is_str(result(ab, twice, 1), "3,5", "a search goes on where it is told to");
    is_str(result(begin, twice, 3), "none", "which is not where the text begins");

    flags();
    kinds();
    limits();
    sharing();
    many_names();

    static char deep[4001];
    memset(deep, '(', 2000);
    memset(deep + 2000, ')', 2000);
    is_str(result((struct evald_str){ deep, 4000 }, twice, 0), "error", "groups too deep");
    return tap_done();
}
