/* openai.c - model::openai: servers that speak OpenAI's HTTP API.
 *
 * A chat, completion or embedding document (evald-plugin(3)) becomes one POST below the
 * endpoint of evald.conf; the server's answer becomes the reply document.  What a server
 * may get wrong with status 200 is EVALD_E_RETRY with the reason, any other status is
 * EVALD_E_REMOTE with the server's own words, keys masked.  See evald-openai(7). */
#include <stdbool.h>

#include <evald/plugin.h>

enum kind { CHAT, COMPLETION, EMBEDDING };

struct member {
    struct evald_str key;
    struct evald_value value;
};

struct openai {
    struct evald_str model;       /* name on the server */
    struct evald_str accepts;     /* JSON array of strings, or empty */
    bool developer;               /* system messages go out in the role "developer" */
    const char *max_tokens_field; /* of chat requests */
    struct member *extra;         /* of extra_body */
    size_t n_extra;
};

static bool
is(struct evald_str s, const char *z)
{
    return s.len == strlen(z) && memcmp(s.ptr, z, s.len) == 0;
}

static bool
is_one_of(struct evald_str s, const char *const *names)
{
    for (; *names != NULL; names++)
        if (is(s, *names))
            return true;
    return false;
}

static bool
is_string(const struct evald_value *v, const char *z)
{
    return v->kind == EVALD_STRING && is(v->str, z);
}

static size_t
count(struct evald_call *c, struct evald_value v)
{
    struct evald_str key;
    struct evald_value element;
    size_t n = 0;
    if (v.kind == EVALD_ARRAY || v.kind == EVALD_OBJECT)
        for (size_t at = 0; evald_each(c, v.str, &at, &key, &element) > 0; )
            n++;
    return n;
}

/* A member of a value that may be no object at all. */
static struct evald_value
member_of(struct evald_call *c, struct evald_value v, const char *pointer)
{
    static const struct evald_value absent = { EVALD_ABSENT, 0, 0, { "", 0 } };
    bool nested = v.kind == EVALD_OBJECT || v.kind == EVALD_ARRAY;
    return nested ? evald_get(c, v.str, pointer) : absent;
}

/* ---- text of others in messages of ours ------------------------------------- */

static bool
is_key_char(unsigned char ch)
{
    return (ch >= '0' && ch <= '9') || ((ch | 32) >= 'a' && (ch | 32) <= 'z') || ch == '-'
           || ch == '_' || ch == '.' || ch == '*';
}

/* Does a secret begin at s[at]: what follows "Bearer ", or an sk- key? */
static bool
begins_secret(struct evald_str s, size_t at)
{
    if (s.len - at >= 8 && memcmp(s.ptr + at, "sk-", 3) == 0
        && (at == 0 || !is_key_char((unsigned char)s.ptr[at - 1])))
        return true;
    return at >= 7 && (memcmp(s.ptr + at - 7, "Bearer ", 7) == 0
                       || memcmp(s.ptr + at - 7, "bearer ", 7) == 0);
}

/* At most 200 bytes, cut between characters, in one line, without what looks like a key. */
static const char *
excerpt(struct evald_call *c, struct evald_str s)
{
    struct evald_buf out = EVALD_BUF;
    bool blank = false;
    for (size_t i = 0; i < s.len; ) {
        unsigned char ch = (unsigned char)s.ptr[i];
        if (ch <= ' ' || ch == 0x7f) {
            blank = out.text.len > 0;
            i++;
            continue;
        }
        if (out.text.len >= 200 && (ch & 0xc0) != 0x80) {
            evald_put(c, &out, evald_s("..."));
            break;
        }
        if (blank)
            evald_put(c, &out, evald_s(" "));
        blank = false;
        if (begins_secret(s, i)) {
            evald_put(c, &out, evald_s("[key]"));
            while (i < s.len && is_key_char((unsigned char)s.ptr[i]))
                i++;
        } else {
            evald_put(c, &out, (struct evald_str){ s.ptr + i, 1 });
            i++;
        }
    }
    return out.text.ptr;
}

/* What a server says of an error: error.message, error, message or detail, else the body. */
static const char *
server_words(struct evald_call *c, struct evald_str body)
{
    static const char *const places[] = { "/error/message", "/error", "/message", "/detail",
                                          "/0/error/message", NULL };
    for (const char *const *p = places; *p != NULL; p++) {
        struct evald_value v = evald_get(c, body, *p);
        if (v.kind == EVALD_STRING && v.str.len > 0)
            return excerpt(c, v.str);
    }
    return excerpt(c, body);
}

/* ---- params ------------------------------------------------------------------ */

static int32_t
read_extra_body(struct evald_call *c, struct openai *o, struct evald_value extra)
{
    static const char *const ours[] = { "model", "messages", "prompt", "input", "stream",
        "stream_options", "n", "tools", "tool_choice", "response_format", "max_tokens",
        "max_completion_tokens", "temperature", "top_p", "stop", "encoding_format", NULL };
    struct evald_str key;
    struct evald_value value;
    if (extra.kind != EVALD_OBJECT)
        return EVALD_OK;
    o->n_extra = count(c, extra);
    o->extra = evald_alloc(c, (o->n_extra + 1) * sizeof *o->extra);
    struct member *next = o->extra;
    for (size_t at = 0; evald_each(c, extra.str, &at, &key, &value) > 0; next++) {
        if (is_one_of(key, ours))
            return evald_fail(c, EVALD_E_CONFIG,
                              "params.extra_body.%s: evald sets this member itself", key.ptr);
        *next = (struct member){ key, value };
    }
    return EVALD_OK;
}

static int32_t
openai_open(struct evald_call *c, struct evald_str params, void **self)
{
    struct openai *o = evald_alloc(c, sizeof *o);
    struct evald_value name = evald_get(c, params, "/name");
    if (name.kind != EVALD_STRING || name.str.len == 0)
        name = evald_get(c, params, "/id");
    if (name.kind != EVALD_STRING || name.str.len == 0)
        return evald_fail(c, EVALD_E_CONFIG, "params.name: the model needs a name");
    o->model = name.str;

    struct evald_value accepts = evald_get(c, params, "/accepts");
    if (accepts.kind == EVALD_ARRAY)
        o->accepts = accepts.str;
    struct evald_value role = evald_get(c, params, "/system_role");
    o->developer = is_string(&role, "developer");
    struct evald_value field = evald_get(c, params, "/max_tokens_field");
    o->max_tokens_field = is_string(&field, "max_completion_tokens") ? "max_completion_tokens"
                                                                     : "max_tokens";
    *self = o;
    return read_extra_body(c, o, evald_get(c, params, "/extra_body"));
}

static bool
accepts(struct evald_call *c, const struct openai *o, struct evald_str name)
{
    struct evald_str key;
    struct evald_value v;
    for (size_t at = 0; o->accepts.len > 0 && evald_each(c, o->accepts, &at, &key, &v) > 0; )
        if (v.kind == EVALD_STRING && v.str.len == name.len
            && memcmp(v.str.ptr, name.ptr, name.len) == 0)
            return true;
    return false;
}

/* ---- the request ------------------------------------------------------------- */

struct request {
    struct evald_call *c;
    const struct openai *o;
    struct evald_buf body;
};

static void
put_member(struct request *r, struct evald_str key, struct evald_value value)
{
    evald_putf(r->c, &r->body, "%s%s:", r->body.text.len > 1 ? "," : "",
               evald_quote(r->c, key));
    evald_put_value(r->c, &r->body, value);
}

/* The API's neutral values count as not given. */
static bool
is_neutral(struct evald_call *c, struct evald_str name, const struct evald_value *v)
{
    if (v->kind == EVALD_NULL || v->kind == EVALD_ABSENT)
        return true;
    if (v->kind == EVALD_NUMBER)
        return (is(name, "repetition_penalty") && v->num == 1)
               || (v->num == 0 && (is(name, "max_tokens") || is(name, "min_p")
                                   || is(name, "frequency_penalty")
                                   || is(name, "presence_penalty")));
    return v->kind == EVALD_ARRAY && is(name, "stop") && count(c, *v) == 0;
}

static int32_t
put_sampling(struct request *r, enum kind kind, struct evald_value sampling)
{
    static const char *const of_chat[] = { "temperature", "top_p", "max_tokens", "stop", "seed",
        "frequency_penalty", "presence_penalty", "logit_bias", "logprobs", "top_logprobs",
        "reasoning_effort", NULL };
    static const char *const of_completion[] = { "temperature", "top_p", "max_tokens", "stop",
        "seed", "frequency_penalty", "presence_penalty", "logit_bias", "logprobs", NULL };
    static const char *const of_embedding[] = { NULL };
    const char *const *standard = kind == CHAT         ? of_chat
                                  : kind == COMPLETION ? of_completion
                                                       : of_embedding;
    struct evald_str key;
    struct evald_value v;
    for (size_t at = 0; sampling.kind == EVALD_OBJECT
                        && evald_each(r->c, sampling.str, &at, &key, &v) > 0; ) {
        if (is_neutral(r->c, key, &v))
            continue;
        if (!is_one_of(key, standard) && (kind == EMBEDDING || !accepts(r->c, r->o, key)))
            return evald_fail(r->c, EVALD_E_NOTSUP,
                              "sampling parameter '%s' is not part of this dialect; where the"
                              " server takes it, name it in the model's params.accepts",
                              key.ptr);
        if (kind == CHAT && is(key, "max_tokens"))
            key = evald_s(r->o->max_tokens_field);
        put_member(r, key, v);
    }
    return EVALD_OK;
}

static void
put_wrapped(struct request *r, struct evald_value v, bool in_array)
{
    evald_put(r->c, &r->body, evald_s(in_array ? "[" : ""));
    evald_put_value(r->c, &r->body, v);
    evald_put(r->c, &r->body, evald_s(in_array ? "]" : ""));
}

/* A message as it was given, but for the role of system messages and content that is one
 * item outside an array. */
static void
put_message(struct request *r, struct evald_value message)
{
    struct evald_str key;
    struct evald_value v;
    bool first = true;
    evald_put(r->c, &r->body, evald_s("{"));
    for (size_t at = 0; evald_each(r->c, message.str, &at, &key, &v) > 0; first = false) {
        evald_putf(r->c, &r->body, "%s%s:", first ? "" : ",", evald_quote(r->c, key));
        bool lone_item = v.kind == EVALD_OBJECT && is(key, "content");
        if (r->o->developer && is(key, "role") && is_string(&v, "system"))
            evald_put(r->c, &r->body, evald_s("\"developer\""));
        else
            put_wrapped(r, v, lone_item);
    }
    evald_put(r->c, &r->body, evald_s("}"));
}

static int32_t
put_messages(struct request *r, struct evald_value messages)
{
    struct evald_str key;
    struct evald_value message;
    size_t i = 0;
    if (messages.kind != EVALD_ARRAY)
        return evald_fail(r->c, EVALD_E_ROW, "chat request without messages");
    evald_put(r->c, &r->body, evald_s(",\"messages\":["));
    for (size_t at = 0; evald_each(r->c, messages.str, &at, &key, &message) > 0; i++) {
        if (message.kind != EVALD_OBJECT)
            return evald_fail(r->c, EVALD_E_ROW, "message %zu of the request is no object", i);
        if (i > 0)
            evald_put(r->c, &r->body, evald_s(","));
        put_message(r, message);
    }
    evald_put(r->c, &r->body, evald_s("]"));
    return EVALD_OK;
}

static int32_t
put_prompt_item(struct request *r, struct evald_buf *all, struct evald_value item)
{
    struct evald_value text = item.kind == EVALD_STRING ? item : member_of(r->c, item, "/text");
    struct evald_value type = member_of(r->c, item, "/type");
    if (text.kind != EVALD_STRING)
        return evald_fail(r->c, EVALD_E_NOTSUP,
                          "completions take text only; the prompt has an item of type %s",
                          type.kind == EVALD_STRING ? evald_quote(r->c, type.str) : "unknown");
    evald_put(r->c, all, text.str);
    return EVALD_OK;
}

/* A string, or text items, joined by one blank: completions take nothing else. */
static int32_t
put_prompt(struct request *r, struct evald_value prompt)
{
    struct evald_buf all = EVALD_BUF;
    struct evald_str key;
    struct evald_value item;
    int32_t rc = EVALD_OK;
    size_t i = 0;
    if (prompt.kind == EVALD_ARRAY)
        for (size_t at = 0;
             rc == EVALD_OK && evald_each(r->c, prompt.str, &at, &key, &item) > 0; i++) {
            evald_put(r->c, &all, evald_s(i > 0 ? " " : ""));
            rc = put_prompt_item(r, &all, item);
        }
    else if (prompt.kind == EVALD_STRING || prompt.kind == EVALD_OBJECT)
        rc = put_prompt_item(r, &all, prompt);
    else
        return evald_fail(r->c, EVALD_E_ROW, "completion request without a prompt");
    put_member(r, evald_s("prompt"), (struct evald_value){ EVALD_STRING, 0, 0, all.text });
    return rc;
}

/* Members of the document beside its kind's own; none is left out in silence. */
static int32_t
put_rest(struct request *r, enum kind kind, struct evald_str document)
{
    static const char *const handled[] = { "kind", "messages", "prompt", "input", "sampling",
                                           NULL };
    static const char *const of_chat[] = { "tools", "tool_choice", "response_format",
                                           "parallel_tool_calls", NULL };
    static const char *const of_others[] = { NULL };
    struct evald_str key;
    struct evald_value v;
    for (size_t at = 0; evald_each(r->c, document, &at, &key, &v) > 0; ) {
        if (is_one_of(key, handled) || v.kind == EVALD_NULL)
            continue;
        if (!is_one_of(key, kind == CHAT ? of_chat : of_others))
            return evald_fail(r->c, EVALD_E_NOTSUP, "%s requests of this dialect have no '%s'",
                              kind == CHAT         ? "chat"
                              : kind == COMPLETION ? "completion"
                                                   : "embedding", key.ptr);
        if (is(key, "tools") && count(r->c, v) == 0) /* servers refuse an empty list */
            continue;
        put_member(r, key, v);
    }
    return EVALD_OK;
}

static int32_t
read_kind(struct evald_call *c, struct evald_str document, enum kind *ret)
{
    struct evald_value kind = evald_get(c, document, "/kind");
    if (is_string(&kind, "chat"))
        *ret = CHAT;
    else if (is_string(&kind, "completion"))
        *ret = COMPLETION;
    else if (is_string(&kind, "embedding"))
        *ret = EMBEDDING;
    else if (kind.kind == EVALD_ABSENT)
        return evald_fail(c, EVALD_E_ROW, "row has no prompt: neither 'chat_completion_input'"
                          " nor 'completion_input'");
    else
        return evald_fail(c, EVALD_E_NOTSUP, "requests of kind %s are not part of this dialect",
                          kind.kind == EVALD_STRING ? evald_quote(c, kind.str) : "unknown");
    return EVALD_OK;
}

/* Does the request say something about this member itself? */
static bool
gives(struct evald_call *c, struct evald_str object, struct evald_str name)
{
    struct evald_str key;
    struct evald_value v;
    for (size_t at = 0; object.len > 0 && evald_each(c, object, &at, &key, &v) > 0; )
        if (key.len == name.len && memcmp(key.ptr, name.ptr, key.len) == 0)
            return !is_neutral(c, key, &v);
    return false;
}

static int32_t
send_request(struct evald_call *c, const struct openai *o, enum kind kind,
             struct evald_str document)
{
    static const char *const paths[] = { "/chat/completions", "/completions", "/embeddings" };
    struct request r = { c, o, EVALD_BUF };
    evald_put(c, &r.body, evald_s("{"));
    put_member(&r, evald_s("model"), (struct evald_value){ EVALD_STRING, 0, 0, o->model });

    int32_t rc = EVALD_OK;
    if (kind == CHAT) {
        rc = put_messages(&r, evald_get(c, document, "/messages"));
    } else if (kind == COMPLETION) {
        rc = put_prompt(&r, evald_get(c, document, "/prompt"));
    } else {
        struct evald_value input = evald_get(c, document, "/input");
        if (input.kind != EVALD_ARRAY && input.kind != EVALD_STRING)
            return evald_fail(c, EVALD_E_ROW, "embedding request without input");
        put_member(&r, evald_s("input"), input);
    }
    if (rc == EVALD_OK)
        rc = put_rest(&r, kind, document);
    if (rc == EVALD_OK)
        rc = put_sampling(&r, kind, evald_get(c, document, "/sampling"));
    if (rc < 0)
        return rc;

    for (size_t i = 0; i < o->n_extra; i++)
        if (!gives(c, document, o->extra[i].key)
            && !gives(c, evald_get(c, document, "/sampling").str, o->extra[i].key))
            put_member(&r, o->extra[i].key, o->extra[i].value);
    evald_put(c, &r.body, evald_s("}"));
    return evald_ask_http(c, paths[kind], r.body.text);
}

/* ---- the answer -------------------------------------------------------------- */

static int32_t
useless(struct evald_call *c, const char *why, struct evald_str body)
{
    return evald_fail(c, EVALD_E_RETRY, "HTTP 200 of no use: %s: %s", why,
                      body.len > 0 ? server_words(c, body) : "(empty)");
}

static void
emit_usage(struct evald_call *c, struct evald_str body)
{
    struct evald_value in = evald_get(c, body, "/usage/prompt_tokens");
    struct evald_value out = evald_get(c, body, "/usage/completion_tokens");
    struct evald_buf usage = EVALD_BUF;
    const char *comma = "";
    if (in.kind == EVALD_NUMBER && in.num >= 0 && in.num < 1e15) {
        evald_putf(c, &usage, "\"input_tokens\":%.0f", in.num);
        comma = ",";
    }
    if (out.kind == EVALD_NUMBER && out.num >= 0 && out.num < 1e15)
        evald_putf(c, &usage, "%s\"output_tokens\":%.0f", comma, out.num);
    if (usage.text.len > 0)
        evald_json(c, "usage", evald_fmt(c, "{%s}", usage.text.ptr));
}

static void
emit_origin(struct evald_call *c, struct evald_str body)
{
    struct evald_value model = evald_get(c, body, "/model");
    struct evald_value fingerprint = evald_get(c, body, "/system_fingerprint");
    if (model.kind == EVALD_STRING)
        evald_field(c, "model", model);
    if (fingerprint.kind == EVALD_STRING && fingerprint.str.len > 0)
        evald_field(c, "fingerprint", fingerprint);
}

/* One of the four reasons of evald-openai(7); NULL where the server gave up half way. */
static const char *
finish_reason(struct evald_value reason, bool has_tool_calls)
{
    static const char *const cut[] = { "length", "max_tokens", "model_length", "MAX_TOKENS",
                                       NULL };
    static const char *const filtered[] = { "content_filter", "safety", "SAFETY", "refusal",
                                            "RECITATION", NULL };
    static const char *const broken[] = { "error", "abort", "aborted", "cancelled", NULL };
    if (reason.kind == EVALD_STRING) {
        if (is_one_of(reason.str, broken))
            return NULL;
        if (is_one_of(reason.str, cut))
            return "length";
        if (is_one_of(reason.str, filtered))
            return "content_filter";
    }
    return has_tool_calls ? "tool_calls" : "stop";
}

/* Message content: a string, or text items one after the other.  False for null, absent and
 * whatever else there is no text in. */
static bool
content_text(struct evald_call *c, struct evald_value content, struct evald_str *ret)
{
    struct evald_buf all = EVALD_BUF;
    struct evald_str key;
    struct evald_value item;
    bool found = false;
    if (content.kind == EVALD_STRING) {
        *ret = content.str;
        return true;
    }
    for (size_t at = 0; content.kind == EVALD_ARRAY
                        && evald_each(c, content.str, &at, &key, &item) > 0; ) {
        struct evald_value type = member_of(c, item, "/type");
        struct evald_value text = member_of(c, item, "/text");
        if (text.kind != EVALD_STRING
            || (type.kind != EVALD_ABSENT && !is_string(&type, "text")
                && !is_string(&type, "output_text")))
            continue;
        evald_put(c, &all, text.str);
        found = true;
    }
    *ret = all.text;
    return found;
}

static struct evald_value
reasoning_of(struct evald_call *c, struct evald_str message)
{
    struct evald_value v = evald_get(c, message, "/reasoning_content");
    if (v.kind != EVALD_STRING || v.str.len == 0)
        v = evald_get(c, message, "/reasoning");
    if (v.kind != EVALD_STRING || v.str.len == 0)
        v.kind = EVALD_ABSENT;
    return v;
}

static int32_t
read_chat(struct evald_call *c, struct evald_str body)
{
    struct evald_value message = evald_get(c, body, "/choices/0/message");
    if (message.kind != EVALD_OBJECT)
        return useless(c, "the first choice has no message", body);
    struct evald_value calls = evald_get(c, message.str, "/tool_calls");
    struct evald_value refusal = evald_get(c, message.str, "/refusal");
    struct evald_value reasoning = reasoning_of(c, message.str);
    struct evald_str text;
    bool has_calls = calls.kind == EVALD_ARRAY && count(c, calls) > 0;
    bool has_text = content_text(c, evald_get(c, message.str, "/content"), &text);
    if (!has_text && refusal.kind == EVALD_STRING && refusal.str.len > 0) {
        text = refusal.str; /* the model's answer, in its own place */
        has_text = true;
    }

    struct evald_value given = evald_get(c, body, "/choices/0/finish_reason");
    const char *reason = finish_reason(given, has_calls);
    if (reason == NULL)
        return evald_fail(c, EVALD_E_RETRY, "the server broke off: finish_reason %s",
                          evald_quote(c, given.str));
    bool may_be_empty = has_calls || reasoning.kind == EVALD_STRING
                        || strcmp(reason, "stop") != 0;
    if (!has_text && !may_be_empty)
        return useless(c, "the message has no content", body);

    struct evald_buf out = EVALD_BUF;
    evald_put(c, &out, evald_s("{\"role\":\"assistant\",\"content\":"));
    if (has_text || !has_calls)
        evald_put(c, &out, evald_s(evald_quote(c, has_text ? text : evald_s(""))));
    else
        evald_put(c, &out, evald_s("null"));
    if (has_calls) {
        evald_put(c, &out, evald_s(",\"tool_calls\":"));
        evald_put(c, &out, calls.str);
    }
    evald_put(c, &out, evald_s("}"));
    evald_json(c, "message", out.text);
    evald_field(c, "reasoning", reasoning);
    evald_text(c, "finish_reason", evald_s(reason));
    emit_origin(c, body);
    return EVALD_OK;
}

static int32_t
read_completion(struct evald_call *c, struct evald_str body)
{
    struct evald_value text = evald_get(c, body, "/choices/0/text");
    if (text.kind != EVALD_STRING)
        return useless(c, "the first choice has no text", body);
    struct evald_value given = evald_get(c, body, "/choices/0/finish_reason");
    const char *reason = finish_reason(given, false);
    if (reason == NULL)
        return evald_fail(c, EVALD_E_RETRY, "the server broke off: finish_reason %s",
                          evald_quote(c, given.str));
    evald_field(c, "text", text);
    evald_text(c, "finish_reason", evald_s(reason));
    emit_origin(c, body);
    return EVALD_OK;
}

/* A vector is an array of numbers, be it empty: what is made of that is up to who asks. */
static bool
is_vector(struct evald_call *c, struct evald_value v)
{
    struct evald_str key;
    struct evald_value number;
    for (size_t at = 0;
         v.kind == EVALD_ARRAY && evald_each(c, v.str, &at, &key, &number) > 0;)
        if (number.kind != EVALD_NUMBER)
            return false;
    return v.kind == EVALD_ARRAY;
}

static int32_t
read_embeddings(struct evald_call *c, struct evald_str document, struct evald_str body)
{
    struct evald_value input = evald_get(c, document, "/input");
    struct evald_value data = evald_get(c, body, "/data"), v;
    struct evald_str key;
    size_t n = input.kind == EVALD_STRING ? 1 : count(c, input), got = 0;
    if (data.kind != EVALD_ARRAY)
        return useless(c, "'data' is no array", body);

    /* the walk first, then each element: the host remembers few parses */
    struct evald_value *items = evald_alloc(c, (n + 1) * sizeof *items);
    struct evald_str *vectors = evald_alloc(c, (n + 1) * sizeof *vectors);
    for (size_t at = 0; evald_each(c, data.str, &at, &key, &v) > 0; got++)
        if (got < n)
            items[got] = v;
    for (size_t i = 0; i < n && got == n; i++) {
        struct evald_value index = member_of(c, items[i], "/index");
        struct evald_value vector = member_of(c, items[i], "/embedding");
        double place = index.kind == EVALD_NUMBER ? index.num : (double)i;
        if (!(place >= 0 && place < (double)n) || vectors[(size_t)place].len > 0)
            return evald_fail(c, EVALD_E_RETRY, "HTTP 200 of no use: embedding %zu has an index"
                              " out of place", i);
        if (!is_vector(c, vector))
            return evald_fail(c, EVALD_E_RETRY, "HTTP 200 of no use: embedding %zu is no array"
                              " of numbers", i);
        vectors[(size_t)place] = vector.str;
    }
    if (got != n)
        return evald_fail(c, EVALD_E_RETRY, "HTTP 200 of no use: %zu embeddings for %zu inputs",
                          got, n);

    struct evald_buf out = EVALD_BUF;
    for (size_t i = 0; i < n; i++) {
        evald_put(c, &out, evald_s(i > 0 ? "," : "["));
        evald_put(c, &out, vectors[i]);
    }
    evald_put(c, &out, evald_s(n > 0 ? "]" : "[]"));
    evald_json(c, "embeddings", out.text);
    emit_origin(c, body);
    return EVALD_OK;
}

static int32_t
read_reply(struct evald_call *c, enum kind kind, struct evald_str document,
           const struct evald_reply *reply)
{
    if (reply->status < 0)
        return evald_fail(c, reply->status, "%s",
                          reply->body.len > 0 ? excerpt(c, reply->body) : "no answer");
    if (reply->http_status < 200 || reply->http_status > 299)
        return evald_fail(c, EVALD_E_REMOTE, "HTTP %u: %s", reply->http_status,
                          reply->body.len > 0 ? server_words(c, reply->body) : "(no body)");

    struct evald_value whole = evald_get(c, reply->body, "");
    if (whole.kind != EVALD_OBJECT)
        return useless(c, whole.kind == EVALD_ABSENT ? "not JSON" : "not a JSON object",
                       reply->body);
    emit_usage(c, whole.str); /* was paid for, of use or not */
    struct evald_value error = evald_get(c, whole.str, "/error");
    if (error.kind != EVALD_ABSENT && error.kind != EVALD_NULL)
        return useless(c, "an error instead of an answer", whole.str);
    if (kind == EMBEDDING)
        return read_embeddings(c, document, whole.str);

    struct evald_value choices = evald_get(c, whole.str, "/choices");
    if (choices.kind == EVALD_ABSENT)
        return useless(c, "no choices", whole.str);
    if (choices.kind != EVALD_ARRAY)
        return useless(c, "'choices' is no array", whole.str);
    if (evald_get(c, choices.str, "/0").kind == EVALD_ABSENT)
        return useless(c, "'choices' is empty", whole.str);
    return kind == CHAT ? read_chat(c, whole.str) : read_completion(c, whole.str);
}

static int32_t
openai_step(struct evald_call *c, void *self, void **task, const struct evald_row *row,
            const struct evald_event *event)
{
    (void)task; /* what is sent and read follows from the document alone */
    enum kind kind = CHAT;
    if (event->kind == EVALD_EV_CANCEL)
        return EVALD_OK;
    int32_t rc = read_kind(c, row->json, &kind);
    if (rc < 0)
        return rc;
    if (event->kind == EVALD_EV_START)
        return send_request(c, self, kind, row->json);
    if (event->n_replies != 1)
        return evald_fail(c, EVALD_E_BUG, "%zu replies to one request", event->n_replies);
    return read_reply(c, kind, row->json, event->replies[0]);
}

static const char schema[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"id\":{\"type\":\"string\",\"description\":\"the model's id; added by evald\"},"
    "\"name\":{\"type\":\"string\","
    "\"description\":\"the model's name on the server; added by evald\"},"
    "\"accepts\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"minLength\":1},"
    "\"default\":[],\"description\":\"sampling parameters beyond OpenAI's own that the server"
    " takes, such as top_k, repetition_penalty or min_p\"},"
    "\"extra_body\":{\"type\":\"object\",\"additionalProperties\":true,"
    "\"description\":\"members added to every request\"},"
    "\"system_role\":{\"enum\":[\"system\",\"developer\"],\"default\":\"system\","
    "\"description\":\"the role that system messages go out in\"},"
    "\"max_tokens_field\":{\"enum\":[\"max_tokens\",\"max_completion_tokens\"],"
    "\"default\":\"max_tokens\","
    "\"description\":\"the member that carries max_tokens in chat requests\"},"
    "\"stream\":{\"const\":false,\"description\":\"answers come whole\"}}}";

static const struct evald_plugin openai = {
    EVALD_HEAD(EVALD_MODEL),
    .threads = EVALD_PARALLEL,
    .id = "model::openai",
    .version = "1",
    .summary = "servers with OpenAI's chat completions, completions and embeddings",
    .params_schema = schema,
    .open = openai_open,
    .step = openai_step,
};
EVALD_PLUGINS(&openai)
