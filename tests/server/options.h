/* options.h - what the model server of the tests was told on its command line. */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a request can be made to fail. */
enum fail_mode {
    FAIL_429, FAIL_500, FAIL_503,
    FAIL_CLOSE,     /* the connection ends without an answer */
    FAIL_RESET,     /* ... with RST */
    FAIL_MALFORMED, /* 200 with broken JSON */
    FAIL_PARTIAL,   /* 200, closed in the middle of the body */
    FAIL_SLOW,      /* a good answer after --slow-ms */
    FAIL_NOCHOICES, /* 200 {"choices":[]}; also called "empty" */
    FAIL_HTML,      /* 200 text/html */
    FAIL_HANG,      /* no answer as long as the client waits */
    FAIL_MODES,
};
extern const char *const fail_mode_names[FAIL_MODES];

struct reply_rule {
    char *match, *reply; /* reply: of an embedding its JSON, of a call its arguments */
    size_t match_len, reply_len;
    char *call;          /* chats that must call this function; NULL: a text, or... */
    bool embedding;      /* ... the embedding of the text match */
};

struct options {
    int port;
    const char *unix_path; /* NULL: TCP on loopback */
    double latency_ms, jitter; /* jitter: sigma of a lognormal, 0: fixed */
    double fail_rate;
    enum fail_mode fail_modes[FAIL_MODES];
    unsigned n_fail_modes;
    bool fail_by_prompt;    /* else each request throws its own dice */
    uint32_t fail_attempts; /* by prompt: only the first so many requests fail; 0: all */
    double slow_ms;
    int retry_after_s;   /* below 0: no header */
    long limit_inflight; /* 429 above it; 0: no limit */
    size_t reply_len;
    int embed_dim;
    unsigned threads;
    int backlog;
    const char *api_key;
    const char *record_path;
    uint64_t seed;
    struct reply_rule *rules; /* the first that matches gives the reply */
    size_t n_rules;
};
extern struct options options;

/* Fills options; ends the process for --help (0) and for a mistake (2). */
void options_parse(int argc, char **argv);

#endif
