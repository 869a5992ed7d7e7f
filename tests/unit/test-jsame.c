#include "config.h"

#include "common/jsame.h"
#include "tap.h"

static struct jval
value(const char *z)
{
    struct jval v;
    size_t at;
    if (jtext_check(str_z(z), &v, &at, NULL) < 0)
        v = (struct jval){ J_ABSENT, STR("") }; /* the same as nothing that is tested */
    return v;
}

static bool
same(const char *want, const char *got)
{
    return jsame(value(want), value(got), false);
}

static bool
part(const char *want, const char *got)
{
    return jsame(value(want), value(got), true);
}

int
main(void)
{
    ok(same("{\"a\":1,\"b\":[2]}", "{\"b\":[2],\"a\":1}"), "members come in any order");
    ok(!same("{\"a\":1}", "{\"a\":1,\"b\":2}"), "a member more differs");
    ok(!same("{\"a\":1,\"b\":null}", "{\"a\":1}"), "a member less differs, also one that is null");
    ok(part("{\"a\":1}", "{\"a\":1,\"b\":2}"), "unless a part is looked for");
    ok(part("[{\"a\":1}]", "[{\"a\":1,\"b\":2}]") && !part("[1]", "[1,2]"),
       "of objects in arrays too, but not of arrays");
    ok(same("{\"a\":1,\"a\":2}", "{\"a\":2}"), "the last of duplicates counts");
    ok(!same("[1,2]", "[2,1]") && !same("[1]", "[1,1]"), "arrays are ordered");
    ok(same("\"\\u00e9\\/\"", "\"\xc3\xa9/\""), "strings are what they spell");
    ok(!same("\"e\\u0301\"", "\"\\u00e9\""), "and are not normalised");

    ok(same("1", "1.0") && same("100", "1e2"), "1 is 1.0");
    ok(!same("1", "true") && !same("0", "false") && !same("null", "0"),
       "a boolean is no number, nor is null");
    ok(same("123456789012345678901234567890", "123456789012345678901234567890"),
       "an integer of 30 digits is itself");
    ok(!same("123456789012345678901234567890", "123456789012345678901234567891"),
       "and no other");
    ok(!same("9007199254740993", "9007199254740992"), "2^53 + 1 is not 2^53");
    ok(same("9007199254740993", "9007199254740992.0"), "but as a float it is close to it");
    ok(same("0", "-0") && same("0.0", "-0.0"), "0 has no sign");
    ok(same("0.1", "0.10000000001") && !same("0.1", "0.100000001"),
       "floats may differ by a part of 1e9");
    ok(same("0.0", "1e-12") && !same("0.0", "1.1e-12"), "or by 1e-12");
    ok(same("1e999", "Infinity") && !same("Infinity", "-Infinity"), "infinity is itself");
    ok(!same("Infinity", "5.0") && !same("5", "Infinity"), "and near to nothing");
    ok(same("NaN", "NaN") && !same("NaN", "1.0"), "NaN is NaN");
    return tap_done();
}
