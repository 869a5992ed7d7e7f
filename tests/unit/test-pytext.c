/* Python's text: what str of Python 3.11 gives for the same. */
#include "../../plugins/lib/pytext.h"
#include "tap.h"

#include <stdlib.h>

static void *
give(struct evald_call *c, size_t n)
{
    (void)c;
    static char room[1 << 16];
    static size_t used;
    void *p = room + used;
    used += (n + 15) & ~(size_t)15;
    return used <= sizeof room ? memset(p, 0, n) : NULL;
}

static struct evald_host host = { .size = sizeof host, .alloc = give };
static struct evald_call call = { &host };

static const char *
z(struct evald_str s)
{
    static char text[200];
    snprintf(text, sizeof text, "%.*s", (int)s.len, s.ptr);
    return text;
}

/* The pieces with a | behind each. */
static const char *
pieces(bool (*next)(struct evald_str *, struct evald_str *), const char *s)
{
    static char text[200];
    struct evald_str rest = evald_s(s), one;
    text[0] = '\0';
    while (next(&rest, &one)) {
        strncat(text, one.ptr, one.len);
        strcat(text, "|");
    }
    return text;
}

static bool
split_by_comma(struct evald_str *rest, struct evald_str *ret)
{
    return pytext_split_by(rest, evald_s(", "), ret);
}

static void
test_pieces(void)
{
    is_str(z(pytext_strip(evald_s(" \037\302\240x y\343\200\200\n"))), "x y", "strip: Unicode blanks and separators");
    is_str(z(pytext_strip(evald_s("\342\200\213x"))), "\342\200\213x", "no blank: zero width space");
    is_str(z(pytext_strip(evald_s(" \t "))), "", "strip: nothing left");
    is_str(pieces(pytext_split, " a\302\205b  c\342\200\250"), "a|b|c|", "split at runs of blanks");
    is_str(pieces(pytext_split, "  "), "", "split: no empty pieces");
    is_str(pieces(pytext_splitlines, "a\r\nb\rc\n\nd\342\200\251e\034f"), "a|b|c||d|e|f|",
           "splitlines: every line boundary");
    is_str(pieces(pytext_splitlines, "a\n"), "a|", "splitlines: none behind the last");
    is_str(pieces(split_by_comma, ", a,b, "), "|a,b||", "split by text keeps empty pieces");
    is_str(pieces(split_by_comma, ""), "|", "split by text: nothing is one piece");
}

static void
test_kinds(void)
{
    ok(pytext_isdigit(evald_s("1\302\262\331\243")), "isdigit: superscript and Arabic-Indic");
    ok(!pytext_isdigit(evald_s("\302\275")) && !pytext_isdigit(evald_s("")), "isdigit: no fraction, not nothing");
    ok(pytext_isupper(evald_s("A1\342\205\243 ")), "isupper: Roman numeral, digits do not matter");
    ok(!pytext_isupper(evald_s("A\302\252")) && !pytext_isupper(evald_s("1")), "isupper: an ordinal is lower, no letter");
    ok(!pytext_isupper(evald_s("A\307\205")), "isupper: title case is not");
    ok(pytext_islower(evald_s("a\302\252")) && !pytext_islower(evald_s("aB")), "islower");
    is_int(pytext_len(evald_s("a\303\251\360\237\230\200")), 3, "length in characters");
    is_int(pytext_decimal(0x0669), 9, "a decimal digit");
    is_int(pytext_decimal(0xb2), -1, "a superscript is none");
}

static void
test_new(void)
{
    is_str(z(pytext_lower(&call, evald_s("\316\221\316\243 \316\243\316\221 ABC"))),
           "\316\261\317\202 \317\203\316\261 abc", "lower: final sigma");
    is_str(z(pytext_lower(&call, evald_s("\304\260\341\272\236"))), "i\314\207\303\237", "lower: dotted I, sharp S");
    is_str(z(pytext_lower(&call, evald_s("B'\316\243 \316\221.\316\243.\316\221 \316\221\342\200\231\316\243 '\316\243"))),
           "b'\317\202 \316\261.\317\203.\316\261 \316\261\342\200\231\317\202 '\317\203",
           "lower: apostrophes and stops are neither letters nor ends of words");
    is_str(z(pytext_lower(&call, evald_s("\316\243\316\243\314\201\316\243"))),
           "\317\203\317\203\314\201\317\202", "lower: nor are accents");
    is_str(z(pytext_lower(&call, evald_s("ABC d"))), "abc d", "lower: ASCII");
    is_str(z(pytext_lower(&call, evald_s("\310\272\310\272\310\272\310\272\310\272\310\272\310\272\310\272"
                                         "\310\272\310\272\310\272\310\272\310\272\310\272\310\272\310\272"))),
           "\342\261\245\342\261\245\342\261\245\342\261\245\342\261\245\342\261\245\342\261\245\342\261\245"
           "\342\261\245\342\261\245\342\261\245\342\261\245\342\261\245\342\261\245\342\261\245\342\261\245",
           "lower: longer than what was given");
    is_str(z(pytext_replace(&call, evald_s("banana"), evald_s("an"), evald_s(""))), "ba", "replace by nothing");
    is_str(z(pytext_replace(&call, evald_s("aaa"), evald_s("aa"), evald_s("xyz"))), "xyza", "replace from the left");
}

static void
test_find(void)
{
    is_int(pytext_find(evald_s("abcabc"), evald_s("ca")), 2, "find");
    is_int(pytext_rfind(evald_s("abcabcab"), evald_s("abc")), 3, "find the last");
    ok(pytext_rfind(evald_s("abab"), evald_s("aba")) == 0, "find the last: it begins before others of its first");
    ok(pytext_rfind(evald_s("x"), evald_s("xy")) == PYTEXT_NONE, "find the last: longer than the text");
    is_int(pytext_count(evald_s("aaaa"), evald_s("aa")), 2, "count without overlaps");
    ok(pytext_starts(evald_s("abc"), evald_s("ab")) && !pytext_starts(evald_s("a"), evald_s("ab")), "starts");
    ok(pytext_ends(evald_s("abc"), evald_s("bc")) && !pytext_ends(evald_s("c"), evald_s("bc")), "ends");
}

static void
test_order(void)
{
    static const char *const sorted[] = { "", "a", "ab", "b", "\303\251", "\357\277\275",
                                          "\360\237\230\200" };
    for (size_t i = 0; i < sizeof sorted / sizeof sorted[0]; i++)
        for (size_t k = 0; k < sizeof sorted / sizeof sorted[0]; k++) {
            int order = pytext_order(evald_s(sorted[i]), evald_s(sorted[k]));
            ok((order > 0) - (order < 0) == (i > k) - (i < k), "order: %zu and %zu", i, k);
        }
}

static void
test_float(void)
{
    static const struct { const char *text; double want; } good[] = {
        { " 1_0.5e-1\n", 1.05 }, { ".5", 0.5 }, { "5.", 5 }, { "+\331\241\331\242", 12 },
        { "-InFiNiTy", -HUGE_VAL }, { "1e5", 1e5 }, { "1.e1", 10 }, { "\302\2401", 1 },
    };
    static const char *const bad[] = { "", ".", "1__0", "_1", "1_", "0x10", "1e", "1 2", "e5", "1._5",
                                       "infin", "\302\262", "1d5", "--1", "1_e5", "\0371", "1 \034" };
    double got;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        ok(pytext_float(&call, evald_s(good[i].text), &got) && got == good[i].want, "float: %zu", i);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ok(!pytext_float(&call, evald_s(bad[i]), &got), "no float: %zu", i);
    ok(pytext_float(&call, evald_s("NAN"), &got) && isnan(got), "float: nan");
}

int
main(void)
{
    test_pieces();
    test_kinds();
    test_new();
    test_find();
    test_order();
    test_float();
    return tap_done();
}
