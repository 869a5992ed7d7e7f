#include "config.h"

#include <math.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/mem.h"
#include "tap.h"

static json_object *
parsed(const char *z)
{
    json_object *o = NULL;
    struct err err = { 0 };
    if (json_parse(str_z(z), &o, NULL, &err) < 0)
        diag("%s: %s", z, err.text);
    return o;
}

static void
is_text(json_object *o, const char *want, const char *what)
{
    CLEANUP_FREE char *text = json_text(o);
    is_str(text, want, "%s", what);
}

static void
round_trips(void)
{
    static const struct {
        const char *in, *out; /* out NULL: the same */
    } cases[] = {
        { "null", NULL }, { "true", NULL }, { "false", NULL }, { "3", NULL }, { "3.0", NULL },
        { "-0.0", NULL }, { "-0", "0" }, { "\"\"", NULL }, { "[]", NULL }, { "{}", NULL },
        { "9223372036854775807", NULL }, { "9223372036854775808", NULL },
        { "-9223372036854775808", NULL }, { "-9223372036854775809", NULL },
        { "18446744073709551615", NULL }, { "18446744073709551616", NULL },
        { "99999999999999999999", NULL }, { "123456789012345678901234567890", NULL },
        { "-123456789012345678901234567890", NULL },
        { "1e5", "100000.0" }, { "1E400", "null" }, { "[NaN,Infinity,-Infinity]", "[null,null,null]" },
        { "0.1", NULL }, { "1e-05", NULL }, { "1e+16", NULL }, { "5e-324", NULL },
        { "0.10000000000000000000001", "0.1" },
        { "[1, 2.0 ,[ ] ,{ } ]", "[1,2.0,[],{}]" },
        { "{\"b\":1,\"a\":2,\"c\":null}", NULL },
        { "{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}" },
        { "{\"\":{\"\":[]}}", NULL },
        { "\"/\\u00e9\\ud83d\\ude00\\u0000\\u001f\\n<\\/>\"",
          "\"/\xc3\xa9\xf0\x9f\x98\x80\\u0000\\u001f\\n</>\"" },
        { "{\"k\\\"\\n\\u00e9\":1}", "{\"k\\\"\\n\xc3\xa9\":1}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP_JSON json_object *o = parsed(cases[i].in);
        is_text(o, cases[i].out ? cases[i].out : cases[i].in, cases[i].in);
        CLEANUP_JSON json_object *copy = json_copy(o);
        is_text(copy, cases[i].out ? cases[i].out : cases[i].in, "and its copy");
        CLEANUP_JSON json_object *again = json_from_jval(jtext_value(str_z(cases[i].in)));
        is_text(again, cases[i].out ? cases[i].out : cases[i].in, "and by its value");
    }
    CLEANUP_JSON json_object *o = parsed("\"a\\u0000b\"");
    is_int(json_object_get_string_len(o), 3, "a NUL in a string keeps its length");
}

static void
errors(void)
{
    struct err err = { 0 };
    size_t at = 99;
    json_object *o = NULL;
    is_int(json_parse(STR("{\"a\":[1,]}"), &o, &at, &err), -1, "bad text is refused");
    ok(at == 8 && o == NULL, "with its place");
    is_str(err.text, "expected a value", "and a reason");
    is_int(json_parse(STR("{\"x\":1,\"a\\u0000b\":1}"), &o, &at, &err), -1,
           "a NUL in a member name is refused");
    ok(at == 7 && o == NULL && strstr(err.text, "NUL") != NULL, "with its place and a reason");
    is_int(json_parse(STR(""), &o, NULL, NULL), -1, "place and reason need not be asked for");
    o = json_object_new_int(1);
    json_object *was = o;
    is_int(json_parse(STR(" null "), &o, &at, &err), 0, "null is success");
    ok(o == NULL, "with no tree");
    json_object_put(was);

    CLEANUP_TEXT struct text t = TEXT_INIT;
    for (int i = 0; i < 200; i++)
        text_puts(&t, i % 2 ? "{\"a\":" : "[");
    text_puts(&t, "0");
    for (int i = 199; i >= 0; i--)
        text_putc(&t, i % 2 ? '}' : ']');
    CLEANUP_JSON json_object *deep = parsed(t.ptr);
    is_text(deep, t.ptr, "200 levels make a tree");
}

static void
raw_values(void)
{
    static const char *const paths[] = { "/rows", "/source/rows", NULL };
    struct str text = STR("{\"rows\" : [ {\"x\": 1.50} , NaN ],\"source\":{\"rows\":[ 2 ],"
                          "\"deep\":{\"rows\":[ 3 ]},\"other\":[ {\"rows\":[ 4 ]} ]},"
                          "\"source/rows\":[ 5 ],\"rowsx\":[ 6 ]}");
    CLEANUP_JSON json_object *o = NULL;
    is_int(json_parse_raw(text, paths, SIZE_MAX, &o, NULL, NULL), 0, "rows are left as text");
    const char *out = "{\"rows\":[ {\"x\": 1.50} , NaN ],\"source\":{\"rows\":[ 2 ],"
                      "\"deep\":{\"rows\":[3]},\"other\":[{\"rows\":[4]}]},"
                      "\"source/rows\":[5],\"rowsx\":[6]}";
    is_text(o, out, "just at the paths");
    ok(json_is_raw(json_get(o, "rows")), "they are raw values");
    ok(str_is(json_raw(json_get(o, "rows")), "[ {\"x\": 1.50} , NaN ]"), "with their text");
    ok(!json_is_raw(json_get(o, "source")) && !json_is_raw(NULL), "nothing else is");
    ok(json_get_str(o, "rows", NULL) == NULL && json_get_slice(o, "rows").ptr == NULL,
       "a raw value is no string of the document");
    is_str(json_object_get_string(json_get(o, "rows")), "[ {\"x\": 1.50} , NaN ]",
           "for json-c it is one");
    is_str(json_object_to_json_string_ext(json_get(o, "rows"), JSON_C_TO_STRING_PLAIN),
           "[ {\"x\": 1.50} , NaN ]", "that it prints as it stands");
    CLEANUP_JSON json_object *copy = json_copy(o);
    json_cleanup(&o);
    is_text(copy, out, "a copy has them, too");
    ok(json_is_raw(json_get(copy, "rows")), "as raw values");

    CLEANUP_JSON json_object *plain = NULL;
    is_int(json_parse_raw(STR("{\"rows\":{\"a\":[ 1 ]},\"source\":[ {\"rows\":[ 2 ]} ]}"), paths, SIZE_MAX,
                          &plain, NULL, NULL), 0, "what is no array at a path");
    is_text(plain, "{\"rows\":{\"a\":[1]},\"source\":[{\"rows\":[2]}]}", "becomes a tree");
    CLEANUP_JSON json_object *top = NULL;
    is_int(json_parse_raw(STR("[ 1 ]"), paths, SIZE_MAX, &top, NULL, NULL), 0, "an array at the top");
    is_text(top, "[1]", "becomes a tree");

    CLEANUP_JSON json_object *made = json_object_new_array();
    json_object_array_add(made, json_new_raw(STR("{\"a\": 1.0}")));
    json_object_array_add(made, json_new_str(STR("{\"a\": 1.0}")));
    is_text(made, "[{\"a\": 1.0},\"{\\\"a\\\": 1.0}\"]", "a raw value is not the string");
}

static void
tree_limit(void)
{
    static const char *const paths[] = { "/rows", NULL };
    struct str text = STR("{\"rows\":[{},{},{},{}],\"a\":[{},{}]}");
    CLEANUP_JSON json_object *o = NULL;
    struct err err;
    is_int(json_parse_raw(text, paths, 3000, &o, NULL, &err), 0, "a tree within its limit");
    is_text(o, text.ptr, "has it all");
    json_object *none = NULL;
    is_int(json_parse_raw(text, paths, 2000, &none, NULL, &err), -1, "beyond it there is none");
    ok(none == NULL && err.code == ERR_TOO_LARGE, "and that is said");
    is_int(json_parse_raw(STR("{}"), paths, 0, &none, NULL, &err), -1, "be it the first value");
}

static void
made_values(void)
{
    CLEANUP_JSON json_object *o = json_object_new_object();
    json_add(o, "d", json_new_double(1));
    json_add(o, "nan", json_new_double(NAN));
    json_add(o, "c", json_object_new_double(0.1));
    json_add(o, "u", json_object_new_uint64(UINT64_MAX));
    json_add(o, "s", json_new_str((struct str){ NULL, 0 }));
    json_add_str(o, "z", NULL);
    json_add_str(o, "q", "a\"b");
    json_add_int(o, "i", INT64_MIN);
    json_add_bool(o, "b", true);
    json_add_str(o, "bad", "\xff");
    is_text(o, "{\"d\":1.0,\"nan\":null,\"c\":0.1,\"u\":18446744073709551615,\"s\":\"\",\"z\":null,"
               "\"q\":\"a\\\"b\",\"i\":-9223372036854775808,\"b\":true,\"bad\":\"\xef\xbf\xbd\"}",
            "values made one by one");
    is_str(json_object_to_json_string_ext(json_get(o, "d"), JSON_C_TO_STRING_PLAIN), "1.0",
           "json-c prints the double alike");
    is_text(NULL, "null", "no tree is null");
    ok(json_copy(NULL) == NULL, "and copies as null");
    json_object *none = NULL;
    json_cleanup(&none);
    json_cleanup(NULL);
}

static void
readers(void)
{
    CLEANUP_JSON json_object *o = parsed(
        "{\"s\":\"x\\u0000y\",\"i\":-5,\"d\":2.5,\"b\":true,\"n\":null,\"big\":18446744073709551615,"
        "\"huge\":1e30,\"digits\":100000000000000000000,\"a\":[1]}");
    is_str(json_get_str(o, "s", "no"), "x", "a string");
    is_int(json_get_slice(o, "s").len, 3, "has its whole length as a slice");
    is_str(json_get_str(o, "i", "no"), "no", "a number is no string");
    is_str(json_get_str(o, "n", "no"), "no", "nor is null");
    is_str(json_get_str(o, "missing", NULL), NULL, "nor what is missing");
    ok(json_get_slice(o, "missing").ptr == NULL, "as a slice, too");
    is_int(json_get_int(o, "i", 1), -5, "an integer");
    is_int(json_get_int(o, "d", 1), 1, "2.5 is no integer");
    is_int(json_get_int(o, "s", 1), 1, "a string is no integer");
    is_int(json_get_int(o, "big", 1), 1, "nor what exceeds int64");
    is_near(json_get_double(o, "d", 0), 2.5, 0, 0, "a double");
    is_near(json_get_double(o, "i", 0), -5, 0, 0, "an integer as a double");
    is_near(json_get_double(o, "big", 0), 18446744073709551615.0, 0, 0, "a large one");
    is_near(json_get_double(o, "digits", 0), 1e20, 0, 0, "a larger one");
    is_near(json_get_double(o, "s", 7), 7, 0, 0, "a string is no double");
    ok(json_get_bool(o, "b", false) && json_get_bool(o, "i", true) && !json_get_bool(o, "n", false),
       "only a boolean is one");
    ok(json_has(o, "n") && json_get(o, "n") == NULL && !json_has(o, "missing"),
       "null is there, missing is not");
    json_object *array = json_get(o, "a");
    ok(json_get(array, "x") == NULL && !json_has(array, "x") && json_get_int(array, "x", 3) == 3,
       "an array has no members");
    ok(json_get(NULL, "x") == NULL && !json_has(NULL, "x") && json_get_bool(NULL, "x", true),
       "nor has null");
}

int
main(void)
{
    round_trips();
    errors();
    raw_values();
    tree_limit();
    made_values();
    readers();
    return tap_done();
}
