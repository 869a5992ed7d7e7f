#include "config.h"

#include "common/mem.h"
#include "runner/candidate.h"

/* JSON text in a column: decodes and checks it.  The tree of slices points into t. */
static int
inner(struct jval column, const char *name, struct text *t, struct jval *ret, struct err *err)
{
    size_t at;
    struct err why;
    text_clear(t);
    jtext_decode(t, column.raw);
    if (jtext_check(text_str(t), ret, &at, &why) < 0)
        return err_set(err, ERR_INVALID, "column '%s' is no JSON text: %s at byte %zu", name,
                       why.text, at);
    return 0;
}

static void
put_sampling(const struct job *j, struct text *t)
{
    if (j->sampling != NULL) {
        text_puts(t, ",\"sampling\":");
        text_puts(t, j->sampling);
    }
    text_putc(t, '}');
}

/* A string, or content items of text, which are joined by blanks. */
static int
completion(const struct job *j, struct jval column, struct text *ret, struct text *in,
           struct err *err)
{
    CLEANUP_TEXT struct text whole = TEXT_INIT;
    struct jval prompt, item;
    if (column.kind != J_STRING)
        return err_set(err, ERR_INVALID, "column 'completion_input' is no JSON text");
    if (inner(column, "completion_input", in, &prompt, err) < 0)
        return -1;
    text_puts(ret, "{\"kind\":\"completion\",\"prompt\":");
    if (prompt.kind == J_STRING) {
        text_put_str(ret, prompt.raw);
        put_sampling(j, ret);
        return 0;
    }
    if (prompt.kind == J_OBJECT) {
        struct jval text = jtext_member(prompt, STR("text"));
        if (text.kind == J_STRING) {
            text_put_str(ret, text.raw);
            put_sampling(j, ret);
            return 0;
        }
    }
    if (prompt.kind != J_ARRAY)
        return err_set(err, ERR_INVALID,
                       "column 'completion_input' is neither a string nor content items");
    bool first = true;
    for (struct jiter it = jtext_iter(prompt); jtext_next(&it, NULL, &item);) {
        struct jval text = item;
        if (item.kind == J_OBJECT)
            text = jtext_member(item, STR("text"));
        if (text.kind != J_STRING)
            return err_set(err, ERR_INVALID, "column 'completion_input' holds more than text");
        if (!first)
            text_putc(&whole, ' ');
        first = false;
        jtext_decode(&whole, text.raw);
    }
    jtext_put_string(ret, text_str(&whole));
    put_sampling(j, ret);
    return 0;
}

/* A content item: text, an image, or of a kind that the model may know. */
static bool
is_item(struct jval v)
{
    struct jval type = jtext_member(v, STR("type"));
    if (v.kind != J_OBJECT || type.kind != J_STRING)
        return false;
    if (jtext_spells(type.raw, STR("text")))
        return jtext_member(v, STR("text")).kind == J_STRING;
    return !jtext_spells(type.raw, STR("image"))
           || jtext_member(v, STR("image")).kind != J_ABSENT;
}

/* A string, an item, or an array of items. */
static bool
is_content(struct jval v)
{
    struct jval item;
    if (v.kind != J_ARRAY)
        return v.kind == J_STRING || is_item(v);
    for (struct jiter it = jtext_iter(v); jtext_next(&it, NULL, &item);)
        if (!is_item(item))
            return false;
    return true;
}

/* System and user messages keep role, content and a user's context; all others everything. */
static int
put_message(struct text *t, struct jval m, size_t i, struct err *err)
{
    static const char column[] = "column 'chat_completion_input': message";
    if (m.kind != J_OBJECT)
        return err_set(err, ERR_INVALID, "%s %zu is no object", column, i);
    const struct jval absent = { J_ABSENT, { NULL, 0 } };
    struct jval role = absent, content = absent, calls = absent, context = absent, v;
    struct str key;
    for (struct jiter it = jtext_iter(m); jtext_next(&it, &key, &v);) {
        if (jtext_spells(key, STR("role")))
            role = v;
        else if (jtext_spells(key, STR("content")))
            content = v;
        else if (jtext_spells(key, STR("tool_calls")))
            calls = v;
        else if (jtext_spells(key, STR("context")))
            context = v;
    }
    if (role.kind != J_STRING)
        return err_set(err, ERR_INVALID, "%s %zu has no role", column, i);
    bool user = jtext_spells(role.raw, STR("user"));
    bool other = !user && !jtext_spells(role.raw, STR("system"));
    if (content.kind == J_ABSENT && !(other && calls.kind == J_ARRAY))
        return err_set(err, ERR_INVALID, "%s %zu has no content", column, i);
    if (other) {
        jtext_put_compact(t, m);
        return 0;
    }
    if (!is_content(content))
        return err_set(err, ERR_INVALID,
                       "%s %zu: content is neither a string nor content items", column, i);
    text_puts(t, "{\"role\":");
    text_put_str(t, role.raw);
    text_puts(t, ",\"content\":");
    jtext_put_compact(t, content);
    if (user && context.kind != J_ABSENT && context.kind != J_NULL) {
        if (!is_content(context))
            return err_set(err, ERR_INVALID,
                           "%s %zu: context is neither a string nor content items", column, i);
        text_puts(t, ",\"context\":");
        jtext_put_compact(t, context);
    }
    text_putc(t, '}');
    return 0;
}

static int
chat(const struct job *j, struct jval column, struct text *ret, struct text *in,
     struct err *err)
{
    struct jval messages = column, m;
    size_t i = 0;
    if (column.kind == J_STRING
        && inner(column, "chat_completion_input", in, &messages, err) < 0)
        return -1;
    if (messages.kind != J_ARRAY && column.kind != J_ABSENT)
        return err_set(err, ERR_INVALID,
                       "column 'chat_completion_input' is no array of messages");
    text_reserve(ret, messages.raw.len + 512);
    text_puts(ret, "{\"kind\":\"chat\",\"messages\":[");
    if (j->system_message != NULL)
        text_puts(ret, j->system_message);
    for (struct jiter it = jtext_iter(messages); jtext_next(&it, NULL, &m); i++) {
        if (i > 0 || j->system_message != NULL)
            text_putc(ret, ',');
        if (put_message(ret, m, i, err) < 0)
            return -1;
    }
    text_putc(ret, ']');
    put_sampling(j, ret);
    return 0;
}

int
candidate_document(const struct job *j, const struct jval *vals, struct text *ret,
                   struct text *scratch, struct err *err)
{
    struct jval prompt = vals[j->w_completion], messages = vals[j->w_chat];
    if (prompt.kind != J_ABSENT)
        return completion(j, prompt, ret, scratch, err);
    if (messages.kind == J_ABSENT && j->candidate->in.plugin->n_columns == 0)
        return err_set(err, ERR_INVALID,
                       "has neither 'completion_input' nor 'chat_completion_input'");
    return chat(j, messages, ret, scratch, err);
}

struct jval
candidate_answer(const struct fields *reply)
{
    struct jval message = fields_get(reply, STR("message"));
    if (message.kind == J_OBJECT)
        return jtext_member(message, STR("content"));
    return fields_get(reply, STR("text"));
}

bool
candidate_truncated(const struct fields *reply)
{
    struct jval why = fields_get(reply, STR("finish_reason"));
    return why.kind == J_STRING && jtext_spells(why.raw, STR("length"));
}
