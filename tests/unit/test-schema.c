#include "config.h"

#include "common/mem.h"
#include "common/schema.h"
#include "tap.h"

static void
checks(void)
{
    static const struct {
        const char *schema, *error; /* NULL: valid */
    } cases[] = {
        { "{}", NULL },
        { "{\"type\":\"object\",\"title\":\"t\",\"description\":\"d\",\"properties\":{"
          "\"type\":{\"const\":\"basic\"},"
          "\"threshold\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1,\"default\":0.5},"
          "\"names\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"minLength\":1},"
          "\"minItems\":1,\"maxItems\":3,\"default\":[\"a\"]},"
          "\"n\":{\"type\":[\"integer\",\"null\"],\"exclusiveMinimum\":0,\"exclusiveMaximum\":10},"
          "\"mode\":{\"enum\":[\"a\",null,1]},\"free\":{\"type\":\"object\",\"maxLength\":2}},"
          "\"required\":[\"names\"],\"additionalProperties\":false}", NULL },
        { "{\"required\":[\"x\"],\"additionalProperties\":true}", NULL },
        { "[]", "schema: must be a schema, an object" },
        { "true", "schema: must be a schema, an object" },
        { "null", "schema: must be a schema, an object" },
        { "{", "schema: unexpected end of text at byte 1" },
        { "", "schema: unexpected end of text at byte 0" },
        { "{\"type\":\"array\"}", "schema.type: must be \"object\" here" },
        { "{\"type\":[\"object\",\"null\"]}", "schema.type: must be \"object\" here" },
        { "{\"pattern\":\"x\"}", "schema: unknown keyword 'pattern'" },
        { "{\"$ref\":\"#\"}", "schema: unknown keyword '$ref'" },
        { "{\"properties\":{\"a\":{\"evald:model\":true}}}", NULL },
        { "{\"properties\":{\"a\":{\"evald:model\":1}}}",
          "schema.properties.a[\"evald:model\"]: must be true or false" },
        { "{\"properties\":{\"a\":{\"evald:empty_is_default\":true}}}", NULL },
        { "{\"properties\":{\"a\":{\"evald:empty_is_default\":\"yes\"}}}",
          "schema.properties.a[\"evald:empty_is_default\"]: must be true or false" },
        { "{\"properties\":{\"a\":{\"properties\":{\"b c\":{\"anyOf\":[]}}}}}",
          "schema.properties.a.properties[\"b c\"]: unknown keyword 'anyOf'" },
        { "{\"properties\":{\"a\":{\"a\\nb\":1}}}", "schema.properties.a: unknown keyword 'a\\nb'" },
        { "{\"properties\":[]}", "schema.properties: must be an object" },
        { "{\"properties\":{\"a\":true}}", "schema.properties.a: must be a schema, an object" },
        { "{\"properties\":{\"a\":{\"type\":\"float\"}}}",
          "schema.properties.a.type: must be null, boolean, integer, number, string, array, object "
          "or an array of these names" },
        { "{\"properties\":{\"a\":{\"type\":[]}}}",
          "schema.properties.a.type: must be null, boolean, integer, number, string, array, object "
          "or an array of these names" },
        { "{\"properties\":{\"a\":{\"type\":null}}}",
          "schema.properties.a.type: must be null, boolean, integer, number, string, array, object "
          "or an array of these names" },
        { "{\"properties\":{\"a\":{\"enum\":[]}}}",
          "schema.properties.a.enum: must be an array with at least 1 item" },
        { "{\"properties\":{\"a\":{\"items\":[{}]}}}",
          "schema.properties.a.items: must be a schema, an object" },
        { "{\"properties\":{\"a\":{\"items\":{\"format\":\"x\"}}}}",
          "schema.properties.a.items: unknown keyword 'format'" },
        { "{\"properties\":{\"a\":{\"minItems\":-1}}}",
          "schema.properties.a.minItems: must be an integer of at least 0" },
        { "{\"properties\":{\"a\":{\"maxLength\":1.5}}}",
          "schema.properties.a.maxLength: must be an integer of at least 0" },
        { "{\"properties\":{\"a\":{\"maximum\":\"1\"}}}",
          "schema.properties.a.maximum: must be a number" },
        { "{\"properties\":{\"a\":{\"minimum\":NaN}}}",
          "schema.properties.a.minimum: must be a number" },
        { "{\"properties\":{\"a\":{\"exclusiveMinimum\":true}}}",
          "schema.properties.a.exclusiveMinimum: must be a number" },
        { "{\"additionalProperties\":{}}", "schema.additionalProperties: must be true or false" },
        { "{\"description\":1}", "schema.description: must be a string" },
        { "{\"required\":\"a\"}", "schema.required: must be an array of member names" },
        { "{\"properties\":{\"a\":{}},\"required\":[\"a\",1]}",
          "schema.required[1]: must be a member name" },
        { "{\"required\":[\"a\"]}", "schema.required[0]: properties does not declare 'a'" },
        { "{\"properties\":{\"a\":{\"type\":\"number\",\"maximum\":1,\"default\":2}}}",
          "schema.properties.a.default: must be at most 1" },
        { "{\"properties\":{\"a\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},"
          "\"default\":[\"x\",1]}}}", "schema.properties.a.default[1]: must be a string" },
        { "{\"properties\":{\"a\":{\"type\":\"object\",\"properties\":{},\"default\":{\"b\":1}}}}",
          "schema.properties.a.default: unknown member 'b'" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        int rc = schema_check(str_z(cases[i].schema), &err);
        if (cases[i].error == NULL)
            is_int(rc, 0, "valid schema %zu %s", i, err.text);
        else
            is_str(rc < 0 ? err.text : "valid", cases[i].error, "schema %zu is refused", i);
    }

    CLEANUP_TEXT struct text deep = TEXT_INIT;
    for (int i = 0; i < 99; i++)
        text_puts(&deep, "{\"properties\":{\"p\":");
    text_puts(&deep, "{\"oneOf\":1}");
    for (int i = 0; i < 99; i++)
        text_puts(&deep, "}}");
    struct err err = { 0 };
    is_int(schema_check(text_str(&deep), &err), -1,
           "a place too deep to spell out is an error");
    ok(err.code == ERR_INVALID && strlen(err.text) < sizeof err.text, "whose text is cut");
}

static const char main_schema[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"type\":{\"const\":\"basic\"},"
    "\"threshold\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1,\"default\":0.5},"
    "\"open\":{\"type\":\"number\",\"exclusiveMinimum\":0,\"exclusiveMaximum\":2.5},"
    "\"count\":{\"type\":\"integer\",\"maximum\":18446744073709551615},"
    "\"mode\":{\"enum\":[\"exact\",\"loose\",1,null,[1],{\"a\":1,\"b\":2}]},"
    "\"flag\":{\"type\":\"boolean\"},"
    "\"name\":{\"type\":[\"string\",\"null\"],\"minLength\":1,\"maxLength\":3},"
    "\"rules\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":2,\"items\":{\"type\":\"object\","
    "\"properties\":{\"re\":{\"type\":\"string\"},\"weight\":{\"type\":\"number\",\"default\":1.0}},"
    "\"required\":[\"re\"]}},"
    "\"nested\":{\"type\":\"object\",\"properties\":{\"k\":{\"default\":null}},\"default\":{}},"
    "\"free\":{\"type\":\"object\"},"
    "\"any\":{\"description\":\"anything\"},"
    "\"closed\":{\"type\":\"object\",\"additionalProperties\":false},"
    "\"wide\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"null\"}},"
    "\"additionalProperties\":true}"
    "},\"required\":[]}";
#define FILLED "\"threshold\":0.5,\"nested\":{\"k\":null}"

static void
one_apply(const char *schema_text, const char *value_text, enum schema_unknown unknown,
          const char *want)
{
    CLEANUP_JSON json_object *schema = NULL, *value = NULL;
    struct err err = { 0 };
    if (json_parse(str_z(schema_text), &schema, NULL, &err) < 0
        || json_parse(str_z(value_text), &value, NULL, &err) < 0) {
        ok(false, "%s parses: %s", value_text, err.text);
        return;
    }
    CLEANUP_FREE char *before = json_text(value);
    CLEANUP_JSON json_object *tree = schema_apply(schema, value, unknown, "params", &err);
    CLEANUP_FREE char *got = tree ? json_text(tree) : xstrdup(err.text);
    is_str(got, want, "%s", value_text);
    CLEANUP_FREE char *after = json_text(value);
    ok(strcmp(before, after) == 0 && (tree == NULL || tree != value), "is left as it was");
}

static void
applies(void)
{
    static const struct {
        const char *value, *want;
    } cases[] = {
        { "{}", "{" FILLED "}" },
        { "{\"threshold\":1}", "{\"threshold\":1,\"nested\":{\"k\":null}}" },
        { "{\"threshold\":1.5}", "params.threshold: must be at most 1" },
        { "{\"threshold\":-0.1}", "params.threshold: must be at least 0" },
        { "{\"threshold\":\"1\"}", "params.threshold: must be a number" },
        { "{\"threshold\":null}", "params.threshold: must be a number" },
        { "{\"threshold\":true}", "params.threshold: must be a number" },
        { "{\"threshold\":NaN}", "params.threshold: must be a finite number" },
        { "{\"threshold\":1e999}", "params.threshold: must be a finite number" },
        { "{\"any\":NaN}", "params.any: must be a finite number" },
        { "{\"thresold\":1}", "params: unknown member 'thresold'" },
        { "{\"a\\nb'\":1}", "params: unknown member 'a\\nb''" },
        { "{\"open\":0}", "params.open: must be greater than 0" },
        { "{\"open\":2.5}", "params.open: must be less than 2.5" },
        { "{\"open\":2.4}", "{\"open\":2.4," FILLED "}" },
        { "{\"count\":3.0}", "{\"count\":3.0," FILLED "}" },
        { "{\"count\":3.5}", "params.count: must be an integer" },
        { "{\"count\":18446744073709551615}", "{\"count\":18446744073709551615," FILLED "}" },
        { "{\"count\":28446744073709551616}", "params.count: must be at most 18446744073709551615" },
        { "{\"count\":-100000000000000000000}", "{\"count\":-100000000000000000000," FILLED "}" },
        { "{\"mode\":\"loose\"}", "{\"mode\":\"loose\"," FILLED "}" },
        { "{\"mode\":1.0}", "{\"mode\":1.0," FILLED "}" },
        { "{\"mode\":null}", "{\"mode\":null," FILLED "}" },
        { "{\"mode\":[1.0]}", "{\"mode\":[1.0]," FILLED "}" },
        { "{\"mode\":{\"b\":2,\"a\":1}}", "{\"mode\":{\"b\":2,\"a\":1}," FILLED "}" },
        { "{\"mode\":\"x\"}", "params.mode: must be one of \"exact\", \"loose\", 1, null, [1], "
                              "{\"a\":1,\"b\":2}" },
        { "{\"mode\":true}", "params.mode: must be one of \"exact\", \"loose\", 1, null, [1], "
                             "{\"a\":1,\"b\":2}" },
        { "{\"type\":\"basic\"}", "{\"type\":\"basic\"," FILLED "}" },
        { "{\"type\":\"other\"}", "params.type: must be \"basic\"" },
        { "{\"flag\":0}", "params.flag: must be true or false" },
        { "{\"name\":\"\"}", "params.name: must have at least 1 character" },
        { "{\"name\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}",
          "{\"name\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"," FILLED "}" },
        { "{\"name\":\"abcd\"}", "params.name: must have at most 3 characters" },
        { "{\"name\":null}", "{\"name\":null," FILLED "}" },
        { "{\"name\":1}", "params.name: must be null or a string" },
        { "{\"rules\":{}}", "params.rules: must be an array" },
        { "{\"rules\":[]}", "params.rules: must have at least 1 item" },
        { "{\"rules\":[{\"re\":\"a\"},{\"re\":\"b\"},{}]}", "params.rules: must have at most 2 items" },
        { "{\"rules\":[{\"re\":\"a\"},{\"re\":1}]}", "params.rules[1].re: must be a string" },
        { "{\"rules\":[{\"re\":\"a\"},{}]}", "params.rules[1].re: is required" },
        { "{\"rules\":[{\"re\":\"a\",\"x\":1}]}", "params.rules[0]: unknown member 'x'" },
        { "{\"rules\":[{\"re\":\"a\"},{\"weight\":2,\"re\":\"b\"}]}",
          "{\"rules\":[{\"re\":\"a\",\"weight\":1.0},{\"weight\":2,\"re\":\"b\"}]," FILLED "}" },
        { "{\"nested\":{\"k\":1}}", "{\"nested\":{\"k\":1},\"threshold\":0.5}" },
        { "{\"nested\":{\"q\":1}}", "params.nested: unknown member 'q'" },
        { "{\"free\":{\"q\":[1,{\"x\":2.0}]}}", "{\"free\":{\"q\":[1,{\"x\":2.0}]}," FILLED "}" },
        { "{\"any\":{\"q\":[1]}}", "{\"any\":{\"q\":[1]}," FILLED "}" },
        { "{\"closed\":{\"q\":1}}", "params.closed: unknown member 'q'" },
        { "{\"wide\":{\"q\":1,\"x\":null}}", "{\"wide\":{\"q\":1,\"x\":null}," FILLED "}" },
        { "{\"wide\":{\"x\":1}}", "params.wide.x: must be null" },
        { "[]", "params: must be an object" },
        { "null", "params: must be an object" },
    };
    struct err err = { 0 };
    is_int(schema_check(str_z(main_schema), &err), 0, "the schema is valid %s", err.text);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        one_apply(main_schema, cases[i].value, SCHEMA_REFUSE, cases[i].want);
}

static void
unknown_members(void)
{
    one_apply(main_schema, "{\"x\":1,\"threshold\":0,\"nested\":{\"y\":2},\"closed\":{\"z\":3},"
                           "\"free\":{\"f\":4},\"wide\":{\"w\":5}}", SCHEMA_IGNORE,
              "{\"threshold\":0,\"nested\":{\"k\":null},\"closed\":{},\"free\":{\"f\":4},"
              "\"wide\":{\"w\":5}}");
    one_apply("{}", "{\"x\":1}", SCHEMA_REFUSE, "params: unknown member 'x'");
    one_apply("null", "{\"x\":1}", SCHEMA_REFUSE, "params: unknown member 'x'");
    one_apply("null", "{}", SCHEMA_REFUSE, "{}");
    one_apply("{\"additionalProperties\":true}", "{\"x\":[NaN]}", SCHEMA_REFUSE,
              "{\"x\":[null]}");
    one_apply("{\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]}", "{}",
              SCHEMA_IGNORE, "params.a: is required");
    one_apply("{\"properties\":{\"a\":{\"default\":7}},\"required\":[\"a\"]}", "{}",
              SCHEMA_REFUSE, "{\"a\":7}");
    one_apply("{\"properties\":{\"a b\":{\"type\":\"array\",\"items\":{\"maximum\":3}}}}",
              "{\"a b\":[3,\"x\",4]}", SCHEMA_REFUSE, "params[\"a b\"][2]: must be at most 3");
}

static void
raw_values(void)
{
    static const char *const paths[] = { "/rules", NULL };
    CLEANUP_JSON json_object *schema = NULL, *value = NULL;
    json_parse(str_z(main_schema), &schema, NULL, NULL);
    json_parse_raw(STR("{\"rules\":[ {\"re\" : \"a\"} ]}"), paths, SIZE_MAX, &value, NULL, NULL);
    CLEANUP_JSON json_object *tree = schema_apply(schema, value, SCHEMA_REFUSE, "params", NULL);
    CLEANUP_FREE char *text = json_text(json_get(tree, "rules"));
    is_str(text, "[{\"re\":\"a\",\"weight\":1.0}]",
           "an array kept as text is checked as an array");
}

static json_object *
parsed(const char *text)
{
    json_object *o = NULL;
    json_parse(str_z(text), &o, NULL, NULL);
    return o;
}

struct names {
    struct text text;
    int left;
};

static int
on_model(void *arg, const char *where, const char *name)
{
    struct names *n = arg;
    text_putf(&n->text, "%s=%s ", where, name);
    return --n->left == 0 ? 7 : 0;
}

static void
test_models(void)
{
    CLEANUP_JSON json_object *schema = parsed(
        "{\"properties\":{\"judge\":{\"type\":\"string\",\"evald:model\":true},"
        "\"other\":{\"type\":\"string\"},\"off\":{\"evald:model\":false},"
        "\"all\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
        "\"m\":{\"type\":[\"string\",\"null\"],\"evald:model\":true}}}}}}");
    CLEANUP_JSON json_object *value = parsed(
        "{\"judge\":\"a\",\"other\":\"b\",\"off\":\"c\",\"unknown\":\"d\","
        "\"all\":[{\"m\":\"e\"},{\"m\":null},{\"m\":\"f\"}]}");
    struct names n = { TEXT_INIT, 100 };
    is_int(schema_each_model(schema, value, on_model, &n), 0, "all models are named");
    is_str(n.text.ptr, "judge=a all[0].m=e all[2].m=f ", "where the schema says so, at any depth");
    text_clear(&n.text);
    n.left = 2;
    is_int(schema_each_model(schema, value, on_model, &n), 7, "until the caller has enough");
    is_str(n.text.ptr, "judge=a all[0].m=e ", "and no further");
    text_fini(&n.text);
}

int
main(void)
{
    test_models();
    checks();
    applies();
    unknown_members();
    raw_values();
    return tap_done();
}
