/* Python's regexes: each case has what re.search of Python 3.11 finds, as the bytes of the groups;
 * "none", or "error" where re.compile refuses the pattern. */
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
    { "possessive", L("a++a"), L("aaa"), "none" },
    { "possessive count", L("a{1,2}+a"), L("aaa"), "0,3" },
    { "atomic", L("(?>a|ab)c"), L("abc"), "none" },
    { "lazy", L("a+?"), L("aaa"), "0,1" },
    { "multiple repeat", L("a**"), L("a"), "error" },
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

int
main(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        is_str(result(cases[i].pattern, cases[i].text, 0), cases[i].want, "%s", cases[i].name);

    static const struct evald_str twice = L("ab ab"), ab = L("\\bab"), begin = L("^ab");
    is_str(result(ab, twice, 1), "3,5", "a search goes on where it is told to");
    is_str(result(begin, twice, 3), "none", "which is not where the text begins");

    static const struct evald_str endless = L("^((a+)+)$"), cubic = L("a*a*a*[bc]");
    char many[1300];
    memset(many, 'a', sizeof many);
    many[60] = '!';
    is_str(result(endless, (struct evald_str){ many, 61 }, 0), "matching takes too long",
           "steps without end are given up");
    many[60] = 'a';
    is_str(result(cubic, (struct evald_str){ many, sizeof many }, 0),
           "matching takes too long", "so are too many from many starts");

    static char deep[4001];
    memset(deep, '(', 2000);
    memset(deep + 2000, ')', 2000);
    is_str(result((struct evald_str){ deep, 4000 }, twice, 0), "error", "groups too deep");
    return tap_done();
}
