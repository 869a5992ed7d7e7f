#include "config.h"

#include "common/jtext.h"
#include "counts.h"
#include "options.h"
#include "reply.h"

static bool
by_rule(struct text *t, struct str prompt)
{
    for (size_t i = 0; i < options.n_rules; i++) {
        const struct reply_rule *r = &options.rules[i];
        if (r->call == NULL && !r->embedding
            && memmem(prompt.ptr, prompt.len, r->match, r->match_len) != NULL) {
            text_put(t, r->reply, r->reply_len);
            return true;
        }
    }
    return false;
}

static void
by_tag_or_hash(struct text *t, struct str prompt)
{
    text_puts(t, "Answer: ");
    const char *end = prompt.ptr + prompt.len;
    const char *a = memmem(prompt.ptr, prompt.len, "[[ANS:", 6);
    const char *z = a != NULL ? memmem(a + 6, (size_t)(end - a - 6), "]]", 2) : NULL;
    if (z != NULL)
        text_put(t, a + 6, (size_t)(z - a - 6));
    else
        text_putc(t, (char)('A' + hash_text(prompt, 0) % 4));
}

/* Reasoning first, so that the answer stays last. */
static void
put_filler(struct text *t, size_t n)
{
    static const char fill[] =
        "Let us reason about the question step by step before we state the result. ";
    for (size_t m; n > 0; n -= m) {
        m = n < sizeof fill - 1 ? n : sizeof fill - 1;
        text_put(t, fill, m);
    }
    t->ptr[t->len - 1] = '\n';
}

void
reply_choose(struct text *t, struct str prompt)
{
    text_clear(t);
    if (!by_rule(t, prompt))
        by_tag_or_hash(t, prompt);
    if (t->len >= options.reply_len)
        return;
    CLEANUP_TEXT struct text padded = TEXT_INIT;
    put_filler(&padded, options.reply_len - t->len);
    text_put_str(&padded, text_str(t));
    text_clear(t);
    text_put_str(t, text_str(&padded));
}

static size_t
tokens(struct str s)
{
    return s.len / 4 + 4;
}

static void
put_usage(struct text *t, struct str prompt, struct str reply)
{
    size_t in = tokens(prompt), out = reply.len / 4 + 1;
    text_putf(t, "\"usage\":{\"prompt_tokens\":%zu,\"completion_tokens\":%zu,"
                 "\"total_tokens\":%zu}", in, out, in + out);
}

static void
put_head(struct text *t, const struct request *r, const char *prefix, const char *object,
         long id)
{
    text_putf(t, "{\"id\":\"%s-%ld\",\"object\":\"%s\",\"created\":1700000000,\"model\":\"",
              prefix, id, object);
    text_put_str(t, r->model.ptr != NULL ? r->model : STR("mock"));
    text_puts(t, "\",");
}

void
reply_text(struct text *t, const struct request *r, bool chat, long id, struct str prompt,
           struct str reply)
{
    put_head(t, r, chat ? "chatcmpl" : "cmpl", chat ? "chat.completion" : "text_completion",
             id);
    text_puts(t, chat ? "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
                        "\"content\":"
                      : "\"choices\":[{\"index\":0,\"text\":");
    jtext_put_string(t, reply);
    text_puts(t, chat ? ",\"refusal\":null}" : "");
    bool cut = memmem(prompt.ptr, prompt.len, "[[CUT]]", 7) != NULL;
    text_putf(t, ",\"logprobs\":null,\"finish_reason\":\"%s\"}],", cut ? "length" : "stop");
    put_usage(t, prompt, reply);
    text_putc(t, '}');
}

/* The first rule that matches decides, also when it gives text in place of the call. */
static const struct reply_rule *
rule_for_call(const struct request *r, struct str prompt)
{
    for (size_t i = 0; i < options.n_rules; i++) {
        const struct reply_rule *rule = &options.rules[i];
        if (!rule->embedding && (rule->call == NULL || str_is(r->must_call, rule->call))
            && memmem(prompt.ptr, prompt.len, rule->match, rule->match_len) != NULL)
            return rule->call != NULL ? rule : NULL;
    }
    return NULL;
}

bool
reply_call(struct text *t, const struct request *r, long id, struct str prompt)
{
    const struct reply_rule *rule = rule_for_call(r, prompt);
    if (rule == NULL)
        return false;
    struct str arguments = { rule->reply, rule->reply_len };
    put_head(t, r, "chatcmpl", "chat.completion", id);
    text_putf(t, "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,"
                 "\"tool_calls\":[{\"id\":\"call-%ld\",\"type\":\"function\",\"function\":"
                 "{\"name\":\"%s\",\"arguments\":", id, rule->call);
    jtext_put_string(t, arguments);
    text_puts(t, "}}],\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],");
    put_usage(t, prompt, arguments);
    text_putc(t, '}');
    return true;
}

static void
put_embedding(struct text *t, struct str input)
{
    for (size_t i = 0; i < options.n_rules; i++) {
        const struct reply_rule *rule = &options.rules[i];
        if (rule->embedding && str_eq(input, (struct str){ rule->match, rule->match_len })) {
            text_put(t, rule->reply, rule->reply_len);
            return;
        }
    }
    uint64_t h = hash_text(input, 7);
    text_putc(t, '[');
    for (int i = 0; i < options.embed_dim; i++) {
        h = h * 6364136223846793005ull + 1442695040888963407ull;
        text_putf(t, "%s%.6f", i > 0 ? "," : "", (double)(int32_t)(h >> 32) * 0x1p-31);
    }
    text_putc(t, ']');
}

void
reply_embeddings(struct text *t, const struct request *r, const char *end)
{
    CLEANUP_TEXT struct text input = TEXT_INIT;
    const char *p = *r->input == '[' ? scan_space(r->input + 1, end) : r->input;
    size_t in = 0, n = 0;
    text_puts(t, "{\"object\":\"list\",\"data\":[");
    for (; p < end && *p == '"'; n++) {
        text_clear(&input);
        scan_decode(&input, p, end);
        in += tokens(text_str(&input));
        text_putf(t, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":",
                  n > 0 ? "," : "", n);
        put_embedding(t, text_str(&input));
        text_putc(t, '}');
        if (*r->input != '[' || !scan_next_element(&p, end))
            break;
    }
    text_puts(t, "],\"model\":\"");
    text_put_str(t, r->model.ptr != NULL ? r->model : STR("mock"));
    text_putf(t, "\",\"usage\":{\"prompt_tokens\":%zu,\"total_tokens\":%zu}}", in, in);
}

static void
put_chunk(struct text *t, struct str chunk)
{
    text_putf(t, "%zx\r\n", chunk.len);
    text_put_str(t, chunk);
    text_puts(t, "\r\n");
}

void
reply_stream(struct text *t, struct text *chunk, const struct request *r, bool chat, long id,
             struct str prompt, struct str reply)
{
    text_puts(t, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n");
    for (int last = 0; last < 2; last++) {
        text_clear(chunk);
        text_puts(chunk, "data: ");
        put_head(chunk, r, "cmpl", chat ? "chat.completion.chunk" : "text_completion", id);
        text_puts(chunk, chat ? "\"choices\":[{\"index\":0,\"delta\":{"
                              : "\"choices\":[{\"index\":0,\"text\":");
        if (!last) {
            text_puts(chunk, chat ? "\"role\":\"assistant\",\"content\":" : "");
            jtext_put_string(chunk, reply);
        } else if (!chat)
            text_puts(chunk, "\"\"");
        text_puts(chunk, chat ? "}," : ",");
        text_putf(chunk, "\"finish_reason\":%s}]", last ? "\"stop\"" : "null");
        if (last) {
            text_putc(chunk, ',');
            put_usage(chunk, prompt, reply);
        }
        text_puts(chunk, "}\n\n");
        put_chunk(t, text_str(chunk));
    }
    put_chunk(t, STR("data: [DONE]\n\n"));
    text_puts(t, "0\r\n\r\n");
}
