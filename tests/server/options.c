#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "options.h"
#include "scan.h"

const char *const fail_mode_names[FAIL_MODES] = {
    "429", "500", "503", "close", "reset", "malformed", "partial", "slow", "nochoices",
    "html", "hang",
};

struct options options = {
    .port = 0, .slow_ms = 30000, .retry_after_s = 1, .embed_dim = 64, .threads = 1,
    .backlog = 4096, .seed = 1,
};

static const char usage_text[] =
    "usage: model-server [--port N | --unix PATH] [--threads N]\n"
    "  --port 0 (the default): the kernel chooses; the line printed first names it\n"
    "  --latency-ms X [--jitter SIGMA]   fixed, or lognormal with median X\n"
    "  --reply-map FILE.jsonl            lines {\"match\":\"substring\",\"reply\":\"text\"},"
    " first match wins;\n"
    "                                    {\"match\":\"substring\",\"call\":\"function\","
    "\"arguments\":JSON}: where\n"
    "                                    the request forces that call (a string: as it is);\n"
    "                                    {\"input\":\"text\",\"embedding\":[1,0]}\n"
    "  --reply-len N                     pad replies to N bytes (answer stays last)\n"
    "  --fail-rate P --fail-mode M[,M..] 429 500 503 close reset malformed partial slow\n"
    "                                    nochoices html hang\n"
    "  --fail-by request|prompt          prompt: the same prompts fail in every run\n"
    "  --fail-attempts K                 with prompt: only its first K requests fail (0: all)\n"
    "  --slow-ms X --retry-after S       S<0: no Retry-After header\n"
    "  --limit-inflight N                429 above N in flight\n"
    "  --api-key KEY --embed-dim N --record FILE --seed N --backlog N\n";

__attribute__((noreturn, format(printf, 1, 2))) static void
wrong(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputs("\n", stderr);
    fputs(usage_text, stderr);
    exit(2);
}

struct rule_members {
    const char *match, *reply, *call, *arguments, *input, *embedding;
};

static bool
on_rule(void *arg, struct str key, const char *value, const char *end)
{
    struct rule_members *m = arg;
    const struct {
        const char *name, **place;
    } members[] = { { "match", &m->match }, { "reply", &m->reply }, { "call", &m->call },
                    { "arguments", &m->arguments }, { "input", &m->input },
                    { "embedding", &m->embedding } };
    (void)end;
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (str_is(key, members[i].name))
            *members[i].place = value;
    return true;
}

static bool
is_string(const char *p)
{
    return p != NULL && *p == '"';
}

/* A string decoded, or any other value as it is written. */
static char *
take_value(const char *p, const char *end, size_t *ret_len)
{
    struct text t = TEXT_INIT;
    if (*p == '"')
        scan_decode(&t, p, end);
    else
        text_put(&t, p, (size_t)(scan_skip(p, end) - p));
    text_reserve(&t, 1);
    *ret_len = t.len;
    return text_take(&t);
}

static bool
add_rule(const struct rule_members *m, const char *end)
{
    bool call = is_string(m->match) && is_string(m->call) && m->arguments != NULL;
    bool embedding = is_string(m->input) && m->embedding != NULL;
    if (!call && !embedding && !(is_string(m->match) && is_string(m->reply)))
        return false;
    options.rules = xreallocarray(options.rules, options.n_rules + 1, sizeof *options.rules);
    struct reply_rule *r = &options.rules[options.n_rules++];
    size_t len;
    *r = (struct reply_rule){ .embedding = embedding };
    r->match = take_value(embedding ? m->input : m->match, end, &r->match_len);
    r->reply = take_value(embedding ? m->embedding : call ? m->arguments : m->reply, end,
                          &r->reply_len);
    if (call)
        r->call = take_value(m->call, end, &len);
    return true;
}

static void
load_rules(const char *path)
{
    FILE *f = fopen(path, "r");
    if (f == NULL)
        wrong("%s: cannot be read", path);
    CLEANUP_FREE char *line = NULL;
    size_t room = 0;
    ssize_t n;
    for (unsigned at = 1; (n = getline(&line, &room, f)) > 0; at++) {
        const char *end = line + n, *p = scan_space(line, end);
        if (p == end)
            continue;
        struct rule_members m = { 0 };
        if (!scan_members(p, end, on_rule, &m) || !add_rule(&m, end))
            wrong("%s:%u: no object with match and reply, match, call and arguments, or input"
                  " and embedding", path, at);
    }
    fclose(f);
}

static void
set_fail_modes(const char *list)
{
    CLEANUP_FREE char *copy = xstrdup(list);
    options.n_fail_modes = 0;
    char *rest = NULL;
    for (char *w = strtok_r(copy, ",", &rest); w; w = strtok_r(NULL, ",", &rest)) {
        const char *name = strcmp(w, "empty") == 0 ? "nochoices" : w;
        unsigned k = 0;
        while (k < FAIL_MODES && strcmp(name, fail_mode_names[k]) != 0)
            k++;
        if (k == FAIL_MODES || options.n_fail_modes == FAIL_MODES)
            wrong("bad --fail-mode %s", w);
        options.fail_modes[options.n_fail_modes++] = (enum fail_mode)k;
    }
    if (options.n_fail_modes == 0)
        wrong("--fail-mode names no mode");
}

/* A number of the command line within [low, high]. */
static double
number(const char *name, const char *value, double low, double high)
{
    char *end;
    double d = strtod(value, &end);
    if (end == value || *end != '\0' || !(d >= low && d <= high))
        wrong("%s %s: not a number from %g to %g", name, value, low, high);
    return d;
}

static void
set_option(const char *a, const char *v)
{
    struct options *o = &options;
    if (strcmp(a, "--port") == 0)
        o->port = (int)number(a, v, 0, 65535);
    else if (strcmp(a, "--unix") == 0)
        o->unix_path = v;
    else if (strcmp(a, "--threads") == 0)
        o->threads = (unsigned)number(a, v, 1, 64);
    else if (strcmp(a, "--latency-ms") == 0)
        o->latency_ms = number(a, v, 0, 1e9);
    else if (strcmp(a, "--jitter") == 0)
        o->jitter = number(a, v, 0, 100);
    else if (strcmp(a, "--reply-map") == 0)
        load_rules(v);
    else if (strcmp(a, "--reply-len") == 0)
        o->reply_len = (size_t)number(a, v, 0, 64 << 20);
    else if (strcmp(a, "--fail-rate") == 0)
        o->fail_rate = number(a, v, 0, 1);
    else if (strcmp(a, "--fail-mode") == 0)
        set_fail_modes(v);
    else if (strcmp(a, "--fail-by") == 0) {
        if (strcmp(v, "prompt") != 0 && strcmp(v, "request") != 0)
            wrong("--fail-by %s: neither request nor prompt", v);
        o->fail_by_prompt = strcmp(v, "prompt") == 0;
    } else if (strcmp(a, "--fail-attempts") == 0)
        o->fail_attempts = (uint32_t)number(a, v, 0, 1e9);
    else if (strcmp(a, "--slow-ms") == 0)
        o->slow_ms = number(a, v, 0, 1e9);
    else if (strcmp(a, "--retry-after") == 0)
        o->retry_after_s = (int)number(a, v, -1, 1e9);
    else if (strcmp(a, "--limit-inflight") == 0)
        o->limit_inflight = (long)number(a, v, 0, 1e9);
    else if (strcmp(a, "--embed-dim") == 0)
        o->embed_dim = (int)number(a, v, 1, 65536);
    else if (strcmp(a, "--api-key") == 0)
        o->api_key = v;
    else if (strcmp(a, "--record") == 0)
        o->record_path = v;
    else if (strcmp(a, "--seed") == 0)
        o->seed = strtoull(v, NULL, 10);
    else if (strcmp(a, "--backlog") == 0)
        o->backlog = (int)number(a, v, 1, 65535);
    else
        wrong("unknown option %s", a);
}

void
options_parse(int argc, char **argv)
{
    set_fail_modes("429,500,close,malformed");
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
            fputs(usage_text, stdout);
            exit(0);
        }
        if (i + 1 == argc)
            wrong("%s: no value", argv[i]);
        set_option(argv[i], argv[i + 1]);
    }
}
