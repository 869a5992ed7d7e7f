/* The aggregations against the reference's own results: data/vectors_aggregation.json and
 * data/aggregation.jsonl were recorded by running it under CPython 3.12. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/aggregate.h"
#include "runner/num.h"
#include "runner/pystr.h"
#include "tap.h"
#include "unit/data.h"

/* The aggregations of an array of score rows; the error's text after "error: ". */
static char *
aggregate(struct jval rows, struct jval names, bool strict)
{
    char *list[16];
    size_t n = 0;
    struct jiter it = jtext_iter(names);
    struct jval v;
    while (n < 16 && jtext_next(&it, NULL, &v)) {
        struct text t = TEXT_INIT;
        jtext_decode(&t, v.raw);
        list[n++] = text_take(&t);
    }
    struct err err = { 0 };
    struct text out = TEXT_INIT;
    struct agg *a = agg_new((const char *const *)list, n, &err);
    bool good = a != NULL;
    it = jtext_iter(rows);
    while (good && jtext_next(&it, NULL, &v))
        good = agg_add(a, v.raw, &err) == 0;
    if (!good || agg_finish(a, strict, &out, &err) < 0)
        text_putf(&out, "error: %s", err.text);
    agg_free(a);
    while (n > 0)
        free(list[--n]);
    return text_take(&out);
}

static char *
canon(struct jval v)
{
    struct text t = TEXT_INIT;
    data_canon(&t, v);
    return text_take(&t);
}

static bool
lists(struct jval names, const char *name)
{
    struct jiter it = jtext_iter(names);
    struct jval v;
    while (jtext_next(&it, NULL, &v))
        if (jtext_spells(v.raw, str_z(name)))
            return true;
    return false;
}

static bool
numeric(struct jval v)
{
    return v.kind == J_NUMBER || v.kind == J_BOOL;
}

/* Where evald decides otherwise than the reference, which fails: an undefined ratio is null,
 * accuracy counts a null as 0.  Nothing else may be wrong with the input. */
static bool
decided_otherwise(struct jval rows, struct jval names)
{
    bool weighted = lists(names, "weighted_average"), a_null = false;
    size_t n = 0, scored = 0;
    double weights = 0;
    struct jiter it = jtext_iter(rows);
    struct jval row;
    for (; jtext_next(&it, NULL, &row); n++) {
        struct jval score = jtext_member(row, STR("score"));
        struct jval weight = jtext_member(row, STR("weight"));
        if (score.kind != J_NULL && !numeric(score))
            return false;
        if (weighted && weight.kind != J_NULL && !numeric(weight))
            return false;
        a_null = a_null || score.kind == J_NULL;
        scored += score.kind != J_NULL;
        weights += numeric(weight) ? jtext_double(weight) : 0;
    }
    return (lists(names, "accuracy") && (a_null || n == 0))
           || (lists(names, "average") && scored == 0) || (weighted && weights == 0);
}

/* What the rule puts in place, by input. */
static const struct {
    const char *rows, *names, *want;
} otherwise[] = {
#define ALL5 "[\"accuracy\",\"average\",\"weighted_average\",\"median\",\"categorical_count\"]"
    { "[]", "[\"accuracy\"]",
      "{\"accuracy\":{\"accuracy\":null,\"num_correct\":0,\"num_total\":0}}" },
    { "[]", "[\"average\"]", "{\"average\":{\"average\":null}}" },
    { "[]", ALL5,
      "{\"accuracy\":{\"accuracy\":null,\"num_correct\":0,\"num_total\":0},"
      "\"average\":{\"average\":null},\"weighted_average\":{\"weighted_average\":null},"
      "\"median\":{\"median\":null},\"categorical_count\":{\"categorical_count\":{}}}" },
    { "[{\"score\":null,\"weight\":1.0},{\"score\":1.0,\"weight\":1.0}]", ALL5,
      "{\"accuracy\":{\"accuracy\":0.5,\"num_correct\":1.0,\"num_total\":2},"
      "\"average\":{\"average\":1.0},\"weighted_average\":{\"weighted_average\":0.5},"
      "\"median\":{\"median\":1.0},\"categorical_count\":{\"categorical_count\":"
      "{\"1.0\":1,\"None\":1}}}" },
    { "[{\"score\":1.0,\"weight\":0.0}]", "[\"weighted_average\"]",
      "{\"weighted_average\":{\"weighted_average\":null}}" },
    { "[{\"score\":0.0,\"weight\":0.0},{\"score\":0.0,\"weight\":0.0}]",
      "[\"weighted_average\"]", "{\"weighted_average\":{\"weighted_average\":null}}" },
    { "[{\"score\":1.0,\"weight\":1.0},{\"score\":1.0,\"weight\":-1.0}]",
      "[\"weighted_average\"]", "{\"weighted_average\":{\"weighted_average\":null}}" },
    { "[{\"score\":0.0,\"weight\":0.0}]", "[\"weighted_average\"]",
      "{\"weighted_average\":{\"weighted_average\":null}}" },
    { "[]", "[\"weighted_average\"]", "{\"weighted_average\":{\"weighted_average\":null}}" },
    { "[{\"score\":null},{\"score\":null}]", "[\"accuracy\"]",
      "{\"accuracy\":{\"accuracy\":0.0,\"num_correct\":0,\"num_total\":2}}" },
    { "[{\"score\":null}]", "[\"average\"]", "{\"average\":{\"average\":null}}" },
    { "[{\"score\":null},{\"score\":null}]", "[\"average\"]", "{\"average\":{\"average\":null}}" },
    { "[{\"score\":null},{\"score\":true}]", "[\"accuracy\"]",
      "{\"accuracy\":{\"accuracy\":0.5,\"num_correct\":1,\"num_total\":2}}" },
    { "[{\"score\":null},{\"score\":2},{\"score\":3}]", "[\"accuracy\"]",
      "{\"accuracy\":{\"accuracy\":1.6666666666666667,\"num_correct\":5,\"num_total\":3}}" },
    { "[{\"score\":null}]", "[\"accuracy\"]",
      "{\"accuracy\":{\"accuracy\":0.0,\"num_correct\":0,\"num_total\":1}}" },
    { "[{\"score\":1},{\"score\":null},{\"score\":2},{\"score\":null},{\"score\":4}]",
      "[\"accuracy\"]",
      "{\"accuracy\":{\"accuracy\":1.4,\"num_correct\":7,\"num_total\":5}}" },
    { "[{\"score\":null},{\"score\":0.0},{\"score\":1.0}]", "[\"accuracy\"]",
      "{\"accuracy\":{\"accuracy\":0.3333333333333333,\"num_correct\":1.0,\"num_total\":3}}" },
    { "[{\"score\":null},{\"score\":0.4}]", "[\"accuracy\"]",
      "{\"accuracy\":{\"accuracy\":0.2,\"num_correct\":0.4,\"num_total\":2}}" },
};

static void
check_otherwise(struct jval rows, struct jval names, const char *got, const char *id)
{
    CLEANUP_FREE char *r = canon(rows);
    CLEANUP_FREE char *m = canon(names);
    for (size_t i = 0; i < ARRAY_LEN(otherwise); i++)
        if (strcmp(otherwise[i].rows, r) == 0 && strcmp(otherwise[i].names, m) == 0) {
            is_str(got, otherwise[i].want, "%s (decided otherwise)", id);
            return;
        }
    ok(false, "%s: no value to put in place for %s of %s", id, m, r);
}

static int
check(struct jval rows, struct jval names, bool fails, const char *want, const char *id)
{
    CLEANUP_FREE char *got = aggregate(rows, names, true);
    if (fails && decided_otherwise(rows, names)) {
        check_otherwise(rows, names, got, id);
        return 1;
    }
    if (fails)
        ok(strncmp(got, "error: aggregation '", 20) == 0, "%s fails (%s)", id, got);
    else
        is_str(got, want, "%s", id);
    return 0;
}

static void
test_conformance(void)
{
    struct str all = data_read("aggregation.jsonl");
    const char *p = all.ptr, *end = p + all.len;
    int n = 0, n_otherwise = 0;
    for (; p < end; n++) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        if (lf == NULL)
            lf = end;
        struct jval line = jtext_value((struct str){ p, (size_t)(lf - p) });
        struct jval rows = jtext_pointer(line, STR("/row/score_rows"));
        struct jval names = jtext_pointer(line, STR("/row/aggregation_functions"));
        struct jval expect = jtext_pointer(line, STR("/expect/expect_json"));
        CLEANUP_TEXT struct text text = TEXT_INIT;
        CLEANUP_TEXT struct text id = TEXT_INIT;
        CLEANUP_FREE char *want = NULL;
        jtext_decode(&id, jtext_member(line, STR("id")).raw);
        if (expect.kind == J_STRING) {
            jtext_decode(&text, expect.raw);
            want = canon(jtext_value(text_str(&text)));
        }
        n_otherwise += check(rows, names, want == NULL, want, id.ptr);
        p = lf + 1;
    }
    free((char *)all.ptr);
    is_int(n, 368, "all cases ran");
    is_int(n_otherwise, 15, "as many as told are decided otherwise");
}

static void
test_vectors(void)
{
    struct str all = data_read("vectors_aggregation.json");
    struct jiter it = jtext_iter(jtext_member(jtext_value(all), STR("cases")));
    struct jval c;
    for (int i = 0; jtext_next(&it, NULL, &c); i++) {
        struct jval result = jtext_member(c, STR("result"));
        CLEANUP_FREE char *want = result.kind == J_ABSENT ? NULL : canon(result);
        CLEANUP_TEXT struct text names = TEXT_INIT;
        CLEANUP_FREE char *id = xasprintf("vector %d", i);
        text_putc(&names, '[');
        text_put_str(&names, jtext_member(c, STR("metric")).raw);
        text_putc(&names, ']');
        check(jtext_member(c, STR("rows")), jtext_value(text_str(&names)), want == NULL, want,
              id);
    }
    free((char *)all.ptr);
}

static void
own_case(const char *names, const char *rows, bool strict, const char *want, const char *what)
{
    CLEANUP_FREE char *got =
        aggregate(jtext_value(str_z(rows)), jtext_value(str_z(names)), strict);
    is_str(got, want, "%s", what);
}

#define Z10  "0000000000"
#define Z100 Z10 Z10 Z10 Z10 Z10 Z10 Z10 Z10 Z10 Z10
#define S(v) "{\"score\":" v "}"

static void
test_errors(void)
{
    own_case("[\"mode\"]", "[]", true, "error: unknown aggregation function 'mode'",
             "an unknown name is refused");
    own_case("[\"average\"]", "[" S("1") "," S("\"A\"") "]", true,
             "error: aggregation 'average' needs numeric scores: row 1 has a string",
             "the row that is no number is named");
    own_case("[\"categorical_count\"]", "[" S("1") ",{}]", true,
             "error: aggregation 'categorical_count': row 1 has no score",
             "the row without a score is named");
    own_case("[\"weighted_average\"]", "[{\"score\":null}]", true,
             "error: aggregation 'weighted_average': row 0 has no weight", "and without a weight");
    own_case("[\"weighted_average\"]", "[{\"score\":1,\"weight\":[]}]", true,
             "error: aggregation 'weighted_average' needs numeric weights: row 0 has an array",
             "and with a weight that is none");
    own_case("[\"median\"]", "[" S("1") "," S("\"A\"") "]", true,
             "error: aggregation 'median': the scores cannot be ordered", "kinds that do not mix");
    own_case("[\"median\"]", "[" S("\"A\"") "," S("\"B\"") "]", true,
             "error: aggregation 'median' needs numeric scores", "no mean of two strings");
    own_case("[\"accuracy\",\"average\",\"weighted_average\",\"median\",\"categorical_count\"]",
             "[" S("\"A\"") "," S("\"B\"") "]", false,
             "{\"accuracy\":{\"accuracy\":null,\"num_correct\":null,\"num_total\":2},"
             "\"average\":{\"average\":null},\"weighted_average\":{\"weighted_average\":null},"
             "\"median\":{\"median\":null},\"categorical_count\":{\"categorical_count\":"
             "{\"A\":1,\"B\":1}}}",
             "in a job what fails is null, the others stay");
    own_case("[\"categorical_count\"]", "[null]", false,
             "{\"categorical_count\":{\"categorical_count\":null}}", "a row that is no object");
    own_case("[]", "[null]", true, "{}", "without names nothing can fail");
}

static void
test_numbers(void)
{
    own_case("[\"accuracy\",\"average\"]",
             "[" S("9223372036854775807") "," S("9223372036854775807") "," S("1") "]", true,
             "{\"accuracy\":{\"accuracy\":6.148914691236517e+18,"
             "\"num_correct\":18446744073709551615,\"num_total\":3},"
             "\"average\":{\"average\":6.148914691236517e+18}}",
             "integer sums are exact beyond 64 bits");
    own_case("[\"accuracy\"]",
             "[" S("123456789012345678901234567890") "," S("-123456789012345678901234567889") "]",
             true, "{\"accuracy\":{\"accuracy\":0.5,\"num_correct\":1,\"num_total\":2}}",
             "large integers cancel");
    own_case("[\"average\"]", "[" S("-100000000000000000000") "," S("0") "," S("0") "]", true,
             "{\"average\":{\"average\":-3.333333333333333e+19}}",
             "a quotient of large integers is rounded once");
    own_case("[\"average\"]", "[" S("1e308") "," S("1e308") "]", true,
             "{\"average\":{\"average\":null}}", "infinity is null");
    own_case("[\"average\"]", "[" S("-0") "," S("-0.0") "," S("-0.0") "]", true,
             "{\"average\":{\"average\":0.0}}", "sum() begins with the integer 0");
    own_case("[\"average\"]", "[" S("1.0") "," S("1e100") "," S("1.0") "," S("-1e100") "]",
             true, "{\"average\":{\"average\":0.5}}", "float sums are compensated");
    own_case("[\"average\"]", "[" S("1e16") "," S("1") "," S("1") "]", true,
             "{\"average\":{\"average\":3333333333333333.5}}",
             "integers behind a float are added without correction");
    own_case("[\"accuracy\"]", "[" S("18446744073709551616") "," S("0.1") "," S("1e20") ","
             S("-1e20") "," S("-18446744073709551616") "]", true,
             "{\"accuracy\":{\"accuracy\":0.0,\"num_correct\":0.0,\"num_total\":5}}",
             "not after an integer beyond 64 bits");
    own_case("[\"weighted_average\"]",
             "[{\"score\":9007199254740993,\"weight\":1},{\"score\":null,\"weight\":2},"
             "{\"score\":\"A\",\"weight\":null}]", true,
             "{\"weighted_average\":{\"weighted_average\":3002399751580331.0}}",
             "a null score's weight counts, a null weight's score does not");
    own_case("[\"weighted_average\"]",
             "[{\"score\":0.5,\"weight\":2},{\"score\":null,\"error\":{\"code\":\"plugin\"}}]", false,
             "{\"weighted_average\":{\"weighted_average\":0.5}}", "a row in error has no weight");
    own_case("[\"weighted_average\"]",
             "[{\"score\":0.5,\"weight\":2},{\"score\":null,\"error\":null}]", true,
             "error: aggregation 'weighted_average': row 1 has no weight",
             "one that is not in error must have one");
    own_case("[\"weighted_average\"]",
             "[{\"score\":1,\"weight\":2},{\"score\":2,\"weight\":\"x\"}]", true,
             "error: aggregation 'weighted_average' needs numeric weights: row 1 has a string",
             "a weight that is text");
    own_case("[\"weighted_average\"]",
             "[{\"score\":true,\"weight\":true},{\"score\":false,\"weight\":3}]", true,
             "{\"weighted_average\":{\"weighted_average\":0.25}}", "booleans are 0 and 1");
    own_case("[\"accuracy\"]", "[" S("true") "," S("false") "," S("true") "," S("true") "]", true,
             "{\"accuracy\":{\"accuracy\":0.75,\"num_correct\":3,\"num_total\":4}}",
             "a sum of booleans is an integer");
    own_case("[\"average\"]", "[" S("1" Z100 Z100 Z100 Z10) "," S("1.5") "]", true,
             "error: aggregation 'average': a number is too large",
             "an integer beyond the doubles cannot be added to a float");
    own_case("[\"average\"]", "[" S("1" Z100 Z100 Z100 Z10) "," S("-1" Z100 Z100 Z100 Z10) "]", true,
             "{\"average\":{\"average\":0.0}}", "two of them can be added");
    own_case("[\"accuracy\",\"median\"]", "[" S("1" Z100 Z100 Z100 Z10) "]", false,
             "{\"accuracy\":{\"accuracy\":null,\"num_correct\":null,\"num_total\":1},"
             "\"median\":{\"median\":1" Z100 Z100 Z100 Z10 "}}",
             "its accuracy is no double, its median is itself");
    own_case("[\"average\",\"median\",\"categorical_count\"]",
             "[" S("1e999") "," S("-1e999") "," S("0.5") "]", true,
             "{\"average\":{\"average\":null},\"median\":{\"median\":0.5},"
             "\"categorical_count\":{\"categorical_count\":{\"-inf\":1,\"0.5\":1,\"inf\":1}}}",
             "infinities cancel to NaN, which is null");
    own_case("[\"categorical_count\"]",
             "[" S("1") "," S("1.0") "," S("true") "," S("\"1\"") "," S("null") "," S("NaN") ","
             S("-0.0") "," S("-0") "," S("[\"a\", null]") "," S("{\"k\":1E2}") "]", true,
             "{\"categorical_count\":{\"categorical_count\":{\"-0.0\":1,\"0\":1,\"1\":2,\"1.0\":1,"
             "\"None\":1,\"True\":1,\"['a', None]\":1,\"nan\":1,\"{'k': 100.0}\":1}}}",
             "categories are what str() says");
    own_case("[\"median\"]", "[" S("1") "," S("1.0") "," S("true") "]", true,
             "{\"median\":{\"median\":1.0}}", "equal scores keep their order");
    own_case("[\"median\"]", "[" S("true") "," S("1") "," S("1.0") "]", true,
             "{\"median\":{\"median\":1}}", "whatever their type");
    own_case("[\"median\"]",
             "[" S("9007199254740993") "," S("9007199254740992.0") "," S("9007199254740991") "]",
             true, "{\"median\":{\"median\":9007199254740992.0}}",
             "integers and floats compare exactly");
    own_case("[\"median\"]",
             "[" S("100000000000000000000001") "," S("1e23") "," S("99999999999999999999999") "]",
             true, "{\"median\":{\"median\":99999999999999999999999}}",
             "large ones, too");
    own_case("[\"median\"]", "[" S("9223372036854775807") "," S("9223372036854775807") "]",
             true,
             "{\"median\":{\"median\":9.223372036854776e+18}}",
             "the mean of two integers is exact");
    own_case("[\"median\",\"average\"]", "[" S("NaN") "," S("2") "," S("null") "]", true,
             "{\"median\":{\"median\":2},\"average\":{\"average\":null}}", "median passes over NaN");
    own_case("[\"median\"]", "[" S("[2,\"b\"]") "," S("[1]") "," S("[2,\"a\"]") "]", true,
             "{\"median\":{\"median\":[2,\"a\"]}}", "lists are ordered by their elements");
    own_case("[\"median\"]", "[" S("{\"b\":1E2,\"a\":\"\\u00e9\",\"b\":-0}") "]", true,
             "{\"median\":{\"median\":{\"b\":0,\"a\":\"\xc3\xa9\"}}}", "one element is the median");
}

/* Every order of the same scores has the same median. */
static void
test_many(void)
{
    bool good = true;
    for (int n = 1; n <= 301; n += 50) {
        const char *names[] = { "median", "categorical_count" };
        struct agg *a = agg_new(names, 2, NULL);
        for (int i = 0; i < n; i++) {
            CLEANUP_FREE char *row =
                xasprintf(i % 2 ? S("%d") : S("%d.0"), (int)((long)i * 7919 % n));
            good = agg_add(a, str_z(row), NULL) == 0 && good;
        }
        CLEANUP_TEXT struct text t = TEXT_INIT;
        CLEANUP_FREE char *want = xasprintf("{\"median\":{\"median\":%d", n / 2);
        agg_finish(a, true, &t, NULL);
        good = good && strncmp(t.ptr, want, strlen(want)) == 0;
        agg_free(a);
    }
    ok(good, "medians of many");
    const char *names[] = { "categorical_count" };
    struct agg *a = agg_new(names, 1, NULL);
    for (int i = 0; i < 20000; i++) {
        CLEANUP_FREE char *row = xasprintf(S("\"c%05d\""), i * 7919 % 10000);
        agg_add(a, str_z(row), NULL);
    }
    CLEANUP_TEXT struct text t = TEXT_INIT;
    agg_finish(a, true, &t, NULL);
    is_int(jtext_count(jtext_pointer(jtext_value(text_str(&t)),
                                     STR("/categorical_count/categorical_count"))),
           10000, "many categories");
    ok(strstr(t.ptr, "{\"c00000\":2,\"c00001\":2,") != NULL
           && strstr(t.ptr, ",\"c09999\":2}") != NULL,
       "each counted, in order");
    agg_free(a);
}

static void
str_case(const char *json, const char *want)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    pystr_put(&t, jtext_value(str_z(json)));
    is_str(t.ptr, want, "str(%s)", json);
}

static void
test_str(void)
{
    str_case("\"a'b\"", "a'b");
    str_case("null", "None");
    str_case("[true,false,null,-0,1.50,1e16,NaN,-Infinity]",
             "[True, False, None, 0, 1.5, 1e+16, nan, -inf]");
    str_case("{\"k\":[],\"\":{}}", "{'k': [], '': {}}");
    str_case("[\"a'b\",\"a\\\"b\",\"'\\\"\"]", "[\"a'b\", 'a\"b', '\\'\"']");
    str_case("[\"\\\\\\n\\r\\t\\u0000\\u001f\\u007f\"]", "['\\\\\\n\\r\\t\\x00\\x1f\\x7f']");
    str_case("[\"\\u00a0\\u00ad\\u00e9\\u200b\\u3000\\ufeff\\u0378\"]",
             "['\\xa0\\xad\xc3\xa9\\u200b\\u3000\\ufeff\\u0378']");
    str_case("[\"\\ud83d\\ude00\\udb40\\udc01\\udbff\\udfff\"]",
             "['\xf0\x9f\x98\x80\\U000e0001\\U0010ffff']");
    str_case("{\"a\":1,\"b\":2,\"\\u0061\":3}", "{'a': 3, 'b': 2}");
}

static void
big_case(const char *a, const char *b, const char *sum, const char *product, double ratio)
{
    CLEANUP_BIGINT struct bigint x = { 0 };
    CLEANUP_BIGINT struct bigint y = { 0 };
    CLEANUP_BIGINT struct bigint z = { 0 };
    CLEANUP_TEXT struct text t = TEXT_INIT;
    bigint_set_text(&x, str_z(a));
    bigint_set_text(&y, str_z(b));
    bigint_mul(&z, &x, &y);
    bigint_put(&t, &z);
    is_str(t.ptr, product, "%s * %s", a, b);
    double d;
    ok(bigint_ratio(&x, &y, &d) == (isinf(ratio) ? -1 : 0) && (isinf(ratio) || d == ratio),
       "%s / %s", a, b);
    bigint_add(&x, &y);
    text_clear(&t);
    bigint_put(&t, &x);
    is_str(t.ptr, sum, "%s + %s", a, b);
}

/* Expected values by Python's own integers. */
static void
test_bigint(void)
{
    big_case("0", "-7", "-7", "0", 0.0);
    big_case("1", "3", "4", "3", 1.0 / 3);
    big_case("-4294967296", "4294967295", "-1", "-18446744069414584320", -1.0000000002328306);
    big_case("99999999999999999999", "1", "100000000000000000000", "99999999999999999999",
             1e20);
    big_case("-100000000000000000000", "99999999999999999999", "-1",
             "-9999999999999999999900000000000000000000", -1.0);
    big_case("9007199254740993", "1", "9007199254740994", "9007199254740993",
             9007199254740992.0);
    big_case("9007199254740995", "1", "9007199254740996", "9007199254740995",
             9007199254740996.0);
    CLEANUP_TEXT struct text big = TEXT_INIT;
    CLEANUP_BIGINT struct bigint x = { 0 };
    CLEANUP_BIGINT struct bigint y = { 0 };
    double d = -1;
    text_putc(&big, '1');
    for (int i = 0; i < 309; i++)
        text_putc(&big, '0');
    bigint_set_text(&x, text_str(&big));
    is_int(bigint_double(&x, &d), -1, "10^309 is no double");
    big.len = 309;
    bigint_set_text(&x, text_str(&big));
    ok(bigint_double(&x, &d) == 0 && d == 1e308, "10^308 is one");
    bigint_set_int64(&y, 1);
    ok(bigint_ratio(&y, &x, &d) == 0 && d == 1e-308, "10^-308 is one");
    bigint_set(&y, &x);
    bigint_mul(&x, &y, &y);
    bigint_set_int64(&y, 1);
    ok(bigint_ratio(&y, &x, &d) == 0 && d == 0, "10^-616 is zero");
    for (int e = 310; e < 330; e++) {
        CLEANUP_FREE char *z = xasprintf("37e-%d", e);
        big.len = 0;
        text_putc(&big, '1');
        for (int i = 0; i < e; i++)
            text_putc(&big, '0');
        bigint_set_text(&x, text_str(&big));
        bigint_set_int64(&y, 37);
        if (bigint_ratio(&y, &x, &d) < 0 || d != strtod(z, NULL))
            ok(false, "%s is correctly rounded", z);
    }
    bigint_set_double(&x, 0x1.fffffffffffffp1023);
    ok(bigint_double(&x, &d) == 0 && d == 0x1.fffffffffffffp1023, "the largest double");
    big.len = 0;
    for (int i = 0; i < BIGINT_DIGITS + 1; i++)
        text_putc(&big, '9');
    is_int(bigint_set_text(&x, text_str(&big)), -1, "more than 4300 digits are refused");
    big.len--;
    is_int(bigint_set_text(&x, text_str(&big)), 0, "4300 are not");
    CLEANUP_TEXT struct text back = TEXT_INIT;
    bigint_put(&back, &x);
    ok(str_eq(text_str(&back), text_str(&big)), "and come back");
}

int
main(void)
{
    test_bigint();
    test_str();
    test_vectors();
    test_conformance();
    test_errors();
    test_numbers();
    test_many();
    return tap_done();
}
