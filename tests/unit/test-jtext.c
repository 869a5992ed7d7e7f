#include "config.h"

#include <math.h>
#include <stdlib.h>

#include "common/jtext.h"
#include "common/mem.h"
#include "tap.h"

/* Checks a copy that ends where its allocation ends, so that sanitizers see a step too far. */
static int
check(struct str text, size_t *ret_at, struct err *err)
{
    char *copy = xmalloc(text.len);
    memcpy(copy, text.ptr, text.len);
    struct jval v;
    size_t at = 0;
    int rc = jtext_check((struct str){ copy, text.len }, &v, &at, err);
    if (rc == 0 && (v.kind == J_ABSENT || v.raw.len == 0))
        rc = 1;
    free(copy);
    *ret_at = at;
    return rc;
}

#define STR_OF(literal) ((struct str){ (literal), sizeof(literal) - 1 })

static void
good_texts(void)
{
    static const struct str good[] = {
        STR("0"), STR("-0"), STR("1e999"), STR("-1.5E+3"), STR("NaN"), STR("Infinity"),
        STR("-Infinity"), STR("true"), STR("false"), STR("null"), STR("\"\""), STR("[]"),
        STR("{}"), STR(" \t\r\n[ ] \n"), STR("{\"a\":1,\"a\":2}"), STR("[[],{},[{}]]"),
        STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\ude00\\u0000\""),
        STR("\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
        STR("123456789012345678901234567890"),
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct err err = { 0 };
        size_t at;
        ok(check(good[i], &at, &err) == 0, "good text %zu is accepted %s", i, err.text);
    }
}

static void
bad_texts(void)
{
    static const struct {
        struct str text;
        size_t at;
        const char *why;
    } bad[] = {
        { STR(""), 0, "unexpected end of text" },
        { STR("  "), 2, "unexpected end of text" },
        { STR("[1,"), 3, "unexpected end of text" },
        { STR("\"abcdefghijklmnopqrstuvwxyz"), 27, "unexpected end of text" },
        { STR("\"abc\\"), 5, "unexpected end of text" },
        { STR("\"\\ud83d\\u"), 9, "unexpected end of text" },
        { STR("[1,]"), 3, "expected a value" },
        { STR("[,1]"), 1, "expected a value or ']'" },
        { STR("[1 2]"), 3, "expected ',' or ']'" },
        { STR("[1}"), 2, "expected ',' or ']'" },
        { STR("{]"), 1, "expected a member name or '}'" },
        { STR("{\"a\":1]"), 6, "expected ',' or '}'" },
        { STR("{\"a\":1,}"), 7, "expected a member name" },
        { STR("{\"a\"}"), 4, "expected ':' after a member name" },
        { STR("{\"a\" 1}"), 5, "expected ':' after a member name" },
        { STR("{a:1}"), 1, "expected a member name or '}'" },
        { STR("{1:2}"), 1, "expected a member name or '}'" },
        { STR("{\"a\":}"), 5, "expected a value" },
        { STR("{\"a\":1 \"b\":2}"), 7, "expected ',' or '}'" },
        { STR("1 2"), 2, "text after the value" },
        { STR("{} x"), 3, "text after the value" },
        { STR("nullx"), 4, "text after the value" },
        { STR("nulL"), 0, "expected a value" },
        { STR("[True]"), 1, "expected a value or ']'" },
        { STR("'a'"), 0, "expected a value" },
        { STR("/**/1"), 0, "expected a value" },
        { STR("\xef\xbb\xbf{}"), 0, "expected a value" },
        { STR("+1 "), 0, "expected a value" },
        { STR(".5 "), 0, "expected a value" },
        { STR("[01]"), 1, "a number with a leading zero" },
        { STR("-01"), 1, "a number with a leading zero" },
        { STR("[1.]"), 3, "expected a digit" },
        { STR("[1e]"), 3, "expected a digit" },
        { STR("[1e+]"), 4, "expected a digit" },
        { STR("[-]"), 2, "expected a digit" },
        { STR("-NaN"), 1, "expected a digit" },
        { STR("0x10"), 1, "text after the value" },
        { STR("\"\\x41\""), 1, "unknown escape in a string" },
        { STR("\"a\\u12g4\""), 2, "\\u without four hex digits" },
        { STR("\"a\\u12\""), 2, "\\u without four hex digits" },
        { STR("\"\\ud800\""), 1, "unpaired surrogate escape" },
        { STR("\"\\ud800x\""), 1, "unpaired surrogate escape" },
        { STR("\"\\ud800\\n\""), 1, "unpaired surrogate escape" },
        { STR("\"\\ud800\\ud800\""), 1, "unpaired surrogate escape" },
        { STR("\"\\udc00\""), 1, "unpaired surrogate escape" },
        { STR("\"a\nb\""), 2, "unescaped control character in a string" },
        { STR("\"a\tb\""), 2, "unescaped control character in a string" },
        { STR("\"a\0b\""), 2, "unescaped control character in a string" },
        { STR("\"0123456789abcdefghij\x1f\""), 21, "unescaped control character in a string" },
        { STR("[\0]"), 1, "expected a value or ']'" },
        { STR("1\0"), 1, "text after the value" },
        { STR("\"a\x80\""), 2, "invalid UTF-8" },
        { STR("\"a\xff\""), 2, "invalid UTF-8" },
        { STR("\"\xc3\""), 1, "invalid UTF-8" },
        { STR("\"\xc3\xa9\xc3\""), 3, "invalid UTF-8" },
        { STR("\"\xc0\xaf\""), 1, "invalid UTF-8" },
        { STR("\"\xc1\xbf\""), 1, "invalid UTF-8" },
        { STR("\"\xe0\x9f\xbf\""), 1, "invalid UTF-8" },
        { STR("\"\xed\xa0\x80\""), 1, "invalid UTF-8" },
        { STR("\"\xe2\x82\""), 1, "invalid UTF-8" },
        { STR("\"\xf0\x8f\xbf\xbf\""), 1, "invalid UTF-8" },
        { STR("\"\xf4\x90\x80\x80\""), 1, "invalid UTF-8" },
        { STR("\"\xf5\x80\x80\x80\""), 1, "invalid UTF-8" },
        { STR("\xc3\xa9"), 0, "expected a value" },
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = { 0 };
        size_t at = 0;
        bool good = check(bad[i].text, &at, &err) == -1 && at == bad[i].at
                 && err.code == ERR_INVALID && strcmp(err.text, bad[i].why) == 0;
        if (!ok(good, "bad text %zu: %s", i, bad[i].why))
            diag("got %zu: %s", at, err.text);
    }
}

static const char rich[] =
    "{ \"text\" : \"plain \\\"quoted\\\" \\u00e9\\ud83d\\ude00 \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\" ,"
    " \"numbers\":[0,-1,2.5,1e-7,1E+3,NaN,Infinity,-Infinity],\n\t\"more\":{\"t\":true,\"f\":false,"
    "\"n\":null,\"empty\":[{},[],\"\"]},\"long enough for several steps of sixteen\":\"......"
    "..........................................................\"}";

static void
prefixes(void)
{
    struct err err;
    size_t at, wrong = 0, len = sizeof rich - 1;
    ok(check((struct str){ rich, len }, &at, &err) == 0, "the rich document is good");
    for (size_t n = 0; n < len; n++) {
        if (check((struct str){ rich, n }, &at, &err) != -1)
            wrong++;
        /* cut inside a character it is invalid UTF-8, else it ends too early */
        else if (strcmp(err.text, "invalid UTF-8") != 0
                 && (at != n || strcmp(err.text, "unexpected end of text") != 0))
            wrong++;
    }
    is_int(wrong, 0, "every truncation of it fails cleanly");

    /* every byte replaced by every byte: no crash, and what passes can be walked */
    char copy[sizeof rich];
    size_t passed = 0;
    for (size_t i = 0; i < len; i++)
        for (int c = 0; c < 256; c++) {
            memcpy(copy, rich, len);
            copy[i] = (char)c;
            struct jval v;
            if (jtext_check((struct str){ copy, len }, &v, &at, NULL) == 0) {
                CLEANUP_TEXT struct text t = TEXT_INIT;
                CLEANUP_TEXT struct text names = TEXT_INIT;
                jtext_put_compact(&t, v);
                passed += jtext_count(v) > 0
                       && jtext_check(text_str(&t), NULL, &at, NULL) == 0;
                struct jiter it = jtext_iter(v);
                struct str key;
                while (jtext_next(&it, &key, NULL))
                    jtext_decode(&names, key);
            } else if (at > len) {
                wrong++;
            }
        }
    ok(passed > len && wrong == 0, "one wrong byte anywhere does no harm");
}

static void
nest(struct text *t, const char *open, const char *close, size_t levels)
{
    text_clear(t);
    for (size_t i = 0; i < levels; i++)
        text_puts(t, open);
    for (size_t i = 0; i < levels && close != NULL; i++)
        text_puts(t, close);
}

static void
depth(void)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    struct err err = { 0 };
    size_t at = 0;
    nest(&t, "[", "]", 200);
    is_int(jtext_check(text_str(&t), NULL, &at, &err), 0, "200 levels of arrays are accepted");
    nest(&t, "[", "]", 201);
    is_int(jtext_check(text_str(&t), NULL, &at, &err), -1, "201 are not");
    is_str(err.text, "nested deeper than 200 levels", "and the reason says so");
    is_int(at, 200, "at the bracket too many");

    nest(&t, "{\"a\":", NULL, 199);
    text_puts(&t, "[]");
    for (int i = 0; i < 199; i++)
        text_putc(&t, '}');
    struct jval v = { J_ABSENT, { NULL, 0 } };
    is_int(jtext_check(text_str(&t), &v, &at, &err), 0, "200 levels, mixed, are accepted");
    is_int(v.raw.len, t.len, "and are the value");
    CLEANUP_TEXT struct text path = TEXT_INIT;
    for (int i = 0; i < 199; i++)
        text_puts(&path, "/a");
    is_int(jtext_pointer(v, text_str(&path)).kind, J_ARRAY, "the innermost is found");

    for (size_t levels = 10000; levels <= 10000000; levels *= 1000) {
        nest(&t, "[", NULL, levels);
        is_int(jtext_check(text_str(&t), NULL, &at, &err), -1, "%zu levels: an error", levels);
        is_int(at, 200, "at level 201");
        nest(&t, "{\"a\":", NULL, levels / 10);
        is_int(jtext_check(text_str(&t), NULL, &at, &err), -1, "and of objects");
    }
    nest(&t, "[[[[],{}],{\"x\":[{}]}],", NULL, 60);
    text_putc(&t, '0');
    for (int i = 0; i < 60; i++)
        text_putc(&t, ']');
    is_int(jtext_check(text_str(&t), NULL, &at, &err), 0, "up and down and up again");
}

static void
string_boundaries(void)
{
    /* a special byte at each distance from the start of a string and of the text's end */
    size_t wrong = 0, at;
    struct err err;
    for (size_t before = 0; before < 40; before++)
        for (size_t behind = 0; behind < 20; behind++) {
            static const char *const what[] = { "\\n", "\xc3\xa9", "\x01", "\"", "\xff" };
            for (size_t k = 0; k < ARRAY_LEN(what); k++) {
                CLEANUP_TEXT struct text t = TEXT_INIT;
                text_putf(&t, "\"%.*s%s%.*s\"", (int)before,
                          "........................................", what[k], (int)behind,
                          "                    ");
                bool good = check(text_str(&t), &at, &err) == 0;
                if (good != (k < 2))
                    wrong++;
                else if (!good && k != 3 && at != 1 + before)
                    wrong++;
                if (good) {
                    CLEANUP_TEXT struct text d = TEXT_INIT;
                    jtext_decode(&d, text_str(&t));
                    wrong += d.len != before + behind + (k == 0 ? 1 : 2);
                }
            }
        }
    is_int(wrong, 0, "a special byte is seen at every offset");
}

static bool
raw_is(struct jval v, enum jkind kind, const char *raw)
{
    return v.kind == kind && str_is(v.raw, raw);
}

static void
scan_object(void)
{
    static const struct str names[] = { STR("a"), STR("b c"), STR("n\xc3\xa9"), STR("none"),
                                        STR("a"), STR("") };
    struct jval v[ARRAY_LEN(names)];
    struct err err = { 0 };
    size_t at = 0;
    struct str text = STR(" {\"a\": 1, \"b\\u0020c\" : [ {\"a\":2} ], \"x\":{\"a\":3},"
                          "\"n\\u00e9\":\"v\\\"\", \"a\":{ } , \"\":null} ");
    is_int(jtext_scan_object(text, names, ARRAY_LEN(names), v, &at, &err), 0, "an object");
    ok(raw_is(v[0], J_OBJECT, "{ }"), "the last of duplicates wins");
    ok(raw_is(v[1], J_ARRAY, "[ {\"a\":2} ]"), "an escaped name is found");
    ok(raw_is(v[2], J_STRING, "\"v\\\"\""), "so is one beyond ASCII");
    ok(v[3].kind == J_ABSENT && v[3].raw.len == 0, "a missing member is absent");
    ok(raw_is(v[4], J_OBJECT, "{ }"), "a name may be asked for twice");
    ok(raw_is(v[5], J_NULL, "null"), "the empty name is a name");
    is_int(jtext_scan_object(STR("{}"), names, 1, v, &at, &err), 0, "the empty object");
    is_int(v[0].kind, J_ABSENT, "has no members");
    is_int(jtext_scan_object(STR(" [1]"), names, 1, v, &at, &err), -1, "an array is refused");
    is_str(err.text, "expected an object", "as no object");
    is_int(at, 1, "at its bracket");
    is_int(jtext_scan_object(STR(""), names, 1, v, &at, &err), -1, "no text is refused");
    is_str(err.text, "unexpected end of text", "as ended");
    is_int(jtext_scan_object(STR("{\"a\":1,"), names, 1, v, &at, &err), -1, "half an object");
    ok(v[0].kind == J_ABSENT && at == 7, "leaves no value behind");
    is_int(jtext_scan_object(STR("{\"a\":1}"), NULL, 0, NULL, &at, &err), 0, "no name at all");
}

static void
walk(void)
{
    struct jval doc, val;
    struct str key;
    struct err err;
    size_t at;
    is_int(jtext_check(STR_OF(rich), &doc, &at, &err), 0, "the rich document again");
    is_int(jtext_count(doc), 4, "has four members");
    struct jiter it = jtext_iter(doc);
    ok(jtext_next(&it, &key, &val) && str_is(key, "\"text\"") && val.kind == J_STRING,
       "the first is text");
    ok(jtext_next(&it, &key, &val) && str_is(key, "\"numbers\"") && jtext_count(val) == 8,
       "the second eight numbers");
    struct jiter inner = jtext_iter(val);
    struct jval n;
    ok(jtext_next(&inner, &key, &n) && key.len == 0 && raw_is(n, J_NUMBER, "0"),
       "elements have no key");
    ok(jtext_next(&it, NULL, &val) && raw_is(jtext_member(val, STR("f")), J_BOOL, "false"),
       "the third has f");
    ok(jtext_next(&it, NULL, NULL) && !jtext_next(&it, &key, &val) && !jtext_next(&it, &key, &val),
       "the fourth is the last");
    it = jtext_iter((struct jval){ J_STRING, STR("\"[1]\"") });
    ok(!jtext_next(&it, &key, &val), "a string has no elements");
    is_int(jtext_count((struct jval){ J_ABSENT, { NULL, 0 } }), 0, "nor has what is absent");
    is_int(jtext_count((struct jval){ J_ARRAY, STR("[ ]") }), 0, "nor an empty array");
    ok(raw_is(jtext_value(STR("  {\"a}\\\"]\":[\"}\"]} , 5")), J_OBJECT, "{\"a}\\\"]\":[\"}\"]}"),
       "brackets in strings do not count");
    ok(raw_is(jtext_value(STR("-1.5e3,2")), J_NUMBER, "-1.5e3"), "a number ends at a comma");
    is_int(jtext_value(STR(" ")).kind, J_ABSENT, "no text, no value");
    is_int(jtext_member(val, STR("x")).kind, J_ABSENT, "a string has no member");
}

static void
pointers(void)
{
    /* the document of RFC 6901, section 5 */
    struct jval doc = jtext_value(STR(
        "{\"foo\": [\"bar\", \"baz\"], \"\": 0, \"a/b\": 1, \"c%d\": 2, \"e^f\": 3, \"g|h\": 4,"
        " \"i\\\\j\": 5, \"k\\\"l\": 6, \" \": 7, \"m~n\": 8, \"~1\": 9, \"o\":{\"p\":[{\"q\":10}]}}"));
    static const struct {
        const char *pointer, *raw;
    } cases[] = {
        { "/foo", "[\"bar\", \"baz\"]" }, { "/foo/0", "\"bar\"" }, { "/foo/1", "\"baz\"" },
        { "/", "0" }, { "/a~1b", "1" }, { "/c%d", "2" }, { "/e^f", "3" }, { "/g|h", "4" },
        { "/i\\j", "5" }, { "/k\"l", "6" }, { "/ ", "7" }, { "/m~0n", "8" }, { "/~01", "9" },
        { "/o/p/0/q", "10" },
        { "foo", NULL }, { "/foo/2", NULL }, { "/foo/01", NULL }, { "/foo/-", NULL },
        { "/foo/-1", NULL }, { "/foo/", NULL }, { "/foo/0/x", NULL }, { "/m~2n", NULL },
        { "/m~", NULL }, { "/x", NULL }, { "/foo/99999999999999999999", NULL }, { "//", NULL },
    };
    ok(str_eq(jtext_pointer(doc, STR("")).raw, doc.raw), "the empty pointer is the whole");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct jval v = jtext_pointer(doc, str_z(cases[i].pointer));
        ok(cases[i].raw ? str_is(v.raw, cases[i].raw) : v.kind == J_ABSENT, "pointer %s",
           cases[i].pointer);
    }
}

static void
strings(void)
{
    struct str literal = STR("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC\\ud83d\\ude00\\u0000z\"");
    struct str plain = STR("a\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0z");
    CLEANUP_TEXT struct text t = TEXT_INIT;
    jtext_decode(&t, literal);
    ok(str_eq(text_str(&t), plain), "all escapes decode");
    char buf[100];
    is_int(jtext_decode_to(buf, STR("\"\"")), 0, "so does the empty string");
    ok(jtext_decode_to(buf, literal) == plain.len && memcmp(buf, plain.ptr, plain.len) == 0,
       "into a buffer, too");
    ok(jtext_spells(literal, plain), "a literal spells its text");
    ok(!jtext_spells(literal, (struct str){ plain.ptr, plain.len - 1 }), "but not its beginning");
    ok(!jtext_spells(literal, STR("a\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0y")),
       "nor another end");
    ok(jtext_spells(STR("\"\""), (struct str){ NULL, 0 }), "empty spells empty");
    ok(!jtext_spells(STR("\"a\\n\""), STR("a\\n")), "an escape does not spell itself");
    ok(!jtext_spells(STR("\"ab\""), STR("abc")) && !jtext_spells(STR("\"abc\""), STR("ab")),
       "longer or shorter is different");
    ok(jtext_spells(STR("\"\\u0061b\""), STR("ab")), "an escaped letter is that letter");

    text_clear(&t);
    jtext_put_string(&t, STR("a\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9\0z"));
    is_str(t.ptr, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9\\u0000z\"",
           "what must be is escaped");
    text_clear(&t);
    jtext_put_string(&t, STR("ok \xff \xe2\x82 \xc3\xa9"));
    is_str(t.ptr, "\"ok \xef\xbf\xbd \xef\xbf\xbd \xc3\xa9\"", "invalid UTF-8 is replaced");
    text_clear(&t);
    jtext_put_string(&t, (struct str){ NULL, 0 });
    is_str(t.ptr, "\"\"", "no text is the empty string");

    size_t wrong = 0;
    for (size_t n = 0; n < 3000; n++) {
        char bytes[48];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)((n * 2654435761u >> (i % 20)) % 0x80);
        struct str s = { bytes, n % (sizeof bytes + 1) };
        text_clear(&t);
        jtext_put_string(&t, s);
        wrong += jtext_check(text_str(&t), NULL, NULL, NULL) < 0 || !jtext_spells(text_str(&t), s);
    }
    is_int(wrong, 0, "what is written reads back");
}

static double
number(const char *raw)
{
    char *copy = xmalloc(strlen(raw)); /* no NUL behind it */
    memcpy(copy, raw, strlen(raw));
    double d = jtext_double((struct jval){ J_NUMBER, { copy, strlen(raw) } });
    free(copy);
    return d;
}

static void
numbers(void)
{
    static const struct {
        const char *raw;
        double d;
    } cases[] = {
        { "0", 0 }, { "-0.0", -0.0 }, { "1", 1 }, { "-7", -7 }, { "0.1", 0.1 }, { "3.0", 3 },
        { "123456789012345.6", 123456789012345.6 }, { "9007199254740993", 9007199254740992.0 },
        { "9007199254740993.0000000000000000000000000000001", 9007199254740994.0 },
        { "1e999", HUGE_VAL }, { "-1e999", -HUGE_VAL }, { "1e-999", 0 }, { "5e-324", 5e-324 },
        { "2.4703282292062327e-324", 0 }, { "2.4703282292062328e-324", 5e-324 },
        { "1.7976931348623157e308", 1.7976931348623157e308 },
        { "1.7976931348623159e308", HUGE_VAL }, { "12345678901234567890", 12345678901234567890.0 },
        { "1E22", 1e22 }, { "1e+5", 1e5 }, { "100000.00001e-5", 1.0000000001 },
        { "0e99999999999999999999", 0 }, { "1e99999999999999999999", HUGE_VAL },
        { "1e-99999999999999999999", 0 }, { "Infinity", HUGE_VAL }, { "-Infinity", -HUGE_VAL },
        { "0.000001", 1e-6 }, { "0.30000000000000004", 0.30000000000000004 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double d = number(cases[i].raw);
        ok(d == cases[i].d && signbit(d) == signbit(cases[i].d), "%s is read", cases[i].raw);
    }
    ok(isnan(number("NaN")), "NaN is not a number");

    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_puts(&t, "0.");
    for (int i = 0; i < 5000; i++)
        text_putc(&t, '0');
    text_puts(&t, "125e5001");
    ok(number(t.ptr) == 1.25, "5000 zeros and an exponent cancel");
    /* 2^53 + 1 lies between two doubles; the tie goes to even, a digit far away breaks it */
    text_clear(&t);
    text_puts(&t, "9007199254740993.");
    for (int i = 0; i < 5000; i++)
        text_putc(&t, '0');
    ok(number(t.ptr) == 9007199254740992.0, "a tie goes to even");
    text_putc(&t, '1');
    ok(number(t.ptr) == 9007199254740994.0, "its five-thousandth digit breaks it");

    ok(jtext_double((struct jval){ J_BOOL, STR("true") }) == 1, "true counts as 1");
    ok(jtext_double((struct jval){ J_BOOL, STR("false") }) == 0, "false as 0");
    ok(jtext_double((struct jval){ J_STRING, STR("\"1\"") }) == 0, "a string as 0");

    static const struct {
        const char *raw;
        bool integer, fits;
        int64_t n;
    } ints[] = {
        { "0", true, true, 0 }, { "-0", true, true, 0 },
        { "9223372036854775807", true, true, INT64_MAX },
        { "9223372036854775808", true, false, 0 },
        { "-9223372036854775808", true, true, INT64_MIN },
        { "-9223372036854775809", true, false, 0 },
        { "123456789012345678901234567890", true, false, 0 },
        { "1.0", false, false, 0 }, { "1e3", false, false, 0 }, { "NaN", false, false, 0 },
        { "-Infinity", false, false, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(ints); i++) {
        struct jval v = { J_NUMBER, str_z(ints[i].raw) };
        int64_t n = 42;
        ok(jtext_is_integer(v) == ints[i].integer && jtext_int64(v, &n) == ints[i].fits
               && n == (ints[i].fits ? ints[i].n : 42),
           "%s as an integer", ints[i].raw);
    }
    ok(!jtext_is_integer((struct jval){ J_STRING, STR("\"1\"") }), "a string is no integer");
}

static void
doubles(void)
{
    /* what Python 3.11's repr() prints */
    static const struct {
        double d;
        const char *text;
    } cases[] = {
        { 0, "0.0" }, { -0.0, "-0.0" }, { 1, "1.0" }, { -1, "-1.0" }, { 9, "9.0" },
        { 10, "10.0" }, { 0.5, "0.5" }, { 2.0 / 3, "0.6666666666666666" }, { 0.1 + 0.2, "0.30000000000000004" },
        { 1e16, "1e+16" }, { 1e15, "1000000000000000.0" }, { 9999999999999998.0, "9999999999999998.0" },
        { 1e-4, "0.0001" }, { 1e-5, "1e-05" }, { 0.00012345, "0.00012345" }, { 1.5e-5, "1.5e-05" },
        { 9.999999999999999e-5, "9.999999999999999e-05" }, { 5e-324, "5e-324" }, { 1e-323, "1e-323" },
        { 2.2250738585072014e-308, "2.2250738585072014e-308" }, { 1.7976931348623157e308, "1.7976931348623157e+308" },
        { 1e22, "1e+22" }, { 1e23, "1e+23" }, { 1e100, "1e+100" }, { 123456789.125, "123456789.125" },
        { 1234567890.0, "1234567890.0" }, { 0x1p-44, "5.684341886080802e-14" },
        { 9007199254740993.0, "9007199254740992.0" }, { 100, "100.0" }, { 12.34, "12.34" },
        { -1e-7, "-1e-07" }, { 999999999.999999, "999999999.999999" }, { 0.0009765625, "0.0009765625" },
        { NAN, "null" }, { HUGE_VAL, "null" }, { -HUGE_VAL, "null" },
    };
    CLEANUP_TEXT struct text t = TEXT_INIT;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        text_clear(&t);
        jtext_put_double(&t, cases[i].d);
        is_str(t.ptr, cases[i].text, "%s is written", cases[i].text);
    }
    size_t wrong = 0;
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
        double d, back;
        memcpy(&d, &bits, sizeof d);
        if (!isfinite(d))
            continue;
        text_clear(&t);
        jtext_put_double(&t, d);
        back = number(t.ptr);
        wrong += memcmp(&d, &back, sizeof d) != 0;
    }
    is_int(wrong, 0, "random doubles read back bit for bit");
}

static void
compact(void)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    jtext_put_compact(&t, jtext_value(STR(" { \"a b\" :\t[ 1 ,\n2.50 , \" \\\" , \" ] , \"c\":{ } }\r\n")));
    is_str(t.ptr, "{\"a b\":[1,2.50,\" \\\" , \"],\"c\":{}}", "only space between tokens goes");
    text_clear(&t);
    jtext_put_compact(&t, jtext_value(STR("1e5")));
    is_str(t.ptr, "1e5", "a number stays as it is written");
}

static void
finite_numbers(void)
{
    static const char *const cases[][2] = {
        { "NaN", "null" },
        { "-Infinity", "null" },
        { "1e999", "null" },
        { "-1E400", "null" },
        { "1e308", "1e308" },
        { "-0.0", "-0.0" },
        { "\"NaN\"", "\"NaN\"" },
        { "[ NaN , -Infinity,Infinity ,1e5]", "[null,null,null,1e5]" },
        { "{\"Infinity\" : {\"a\":NaN}, \"b\":[true,false,null,-1]}",
          "{\"Infinity\":{\"a\":null},\"b\":[true,false,null,-1]}" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CLEANUP_TEXT struct text t = TEXT_INIT;
        jtext_put_finite(&t, jtext_value(str_z(cases[i][0])));
        is_str(t.ptr, cases[i][1], "finite: %s", cases[i][0]);
    }
    char digits[500];
    memset(digits, '7', 499);
    digits[499] = '\0';
    CLEANUP_TEXT struct text t = TEXT_INIT;
    jtext_put_finite(&t, jtext_value(str_z(digits)));
    is_str(t.ptr, digits, "an integer of any size stays");
    digits[450] = '.';
    text_clear(&t);
    jtext_put_finite(&t, jtext_value(str_z(digits)));
    is_str(t.ptr, "null", "a float of that size does not");
}

int
main(void)
{
    good_texts();
    bad_texts();
    prefixes();
    depth();
    string_boundaries();
    scan_object();
    walk();
    pointers();
    strings();
    numbers();
    doubles();
    compact();
    finite_numbers();
    return tap_done();
}
