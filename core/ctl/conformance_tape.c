/* Rows and aggregations as tapes of evald-runner --replay: see runner/replay.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io.h"
#include "common/mem.h"
#include "ctl/conformance.h"
#include "ctl/ctl.h"

extern char **environ;

#define SILENCE_MS 120000 /* a runner that says nothing for so long hangs */
#define CAME_MAX   600    /* bytes of what came that are shown */

/* ---- a line of a tape ---- */

static void
put_member(struct text *t, const char *name, struct jval v)
{
    text_putf(t, ",\"%s\":", name);
    text_put_str(t, v.raw);
}

/* An answer that model::openai can make nothing of. */
static void
put_useless(struct text *t, const char *why)
{
    text_putf(t, "{\"status\":\"remote\",\"body\":\"HTTP 200 of no use: %s\"}", why);
}

/* A message of a chat completion, as model::openai hands it on. */
static void
put_message_reply(struct text *t, struct jval message)
{
    struct jval content = jtext_member(message, STR("content"));
    struct jval calls = jtext_member(message, STR("tool_calls"));
    bool has_calls = calls.kind == J_ARRAY && jtext_count(calls) > 0;
    if (message.kind != J_OBJECT) {
        put_useless(t, "'choices' is empty");
        return;
    }
    if (content.kind != J_STRING && !has_calls) {
        put_useless(t, "the message has no content");
        return;
    }
    text_puts(t, "{\"body\":{\"message\":{\"role\":\"assistant\",\"content\":");
    text_put_str(t, content.kind == J_STRING ? content.raw : STR("null"));
    if (has_calls)
        put_member(t, "tool_calls", calls);
    text_putf(t, "},\"finish_reason\":\"%s\"}}", has_calls ? "tool_calls" : "stop");
}

/* The call of a function, by its name and the text of its arguments. */
static void
put_call_reply(struct text *t, struct jval ask, struct jval reply)
{
    struct jval name = jtext_member(reply, STR("name"));
    struct jval raw = jtext_member(reply, STR("raw"));
    if (name.kind == J_ABSENT)
        name = jtext_member(ask, STR("function"));
    text_puts(t, "{\"body\":{\"message\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":"
                 "[{\"id\":\"call_0\",\"type\":\"function\",\"function\":{\"name\":");
    text_put_str(t, name.raw);
    text_puts(t, ",\"arguments\":");
    if (raw.kind != J_ABSENT)
        text_put_str(t, raw.raw);
    else
        jtext_put_string(t, jtext_member(reply, STR("arguments")).raw);
    text_puts(t, "}}]},\"finish_reason\":\"tool_calls\"}}");
}

static void
put_vector_reply(struct text *t, struct jval vector)
{
    struct jval one;
    bool good = vector.kind == J_ARRAY;
    for (struct jiter it = jtext_iter(vector); jtext_next(&it, NULL, &one);)
        good = good && one.kind == J_NUMBER;
    if (!good) {
        put_useless(t, "embedding 0 is no array of numbers");
        return;
    }
    text_puts(t, "{\"body\":{\"embeddings\":[");
    text_put_str(t, vector.raw);
    text_puts(t, "]}}");
}

/* A request of "exchange": a forced call of a function, or an embedding. */
static void
put_ask(struct text *t, struct jval ask)
{
    struct jval kind = jtext_member(ask, STR("kind")), reply = jtext_member(ask, STR("reply"));
    struct jval tokens = jtext_member(ask, STR("max_tokens"));
    struct jval temperature = jtext_member(ask, STR("temperature"));
    struct jval message = jtext_member(reply, STR("message"));
    text_puts(t, "{\"kind\":\"model\"");
    if (jtext_member(ask, STR("model")).kind == J_STRING)
        put_member(t, "to", jtext_member(ask, STR("model")));
    if (kind.kind == J_STRING && jtext_spells(kind.raw, STR("embedding"))) {
        text_puts(t, ",\"body\":{\"kind\":\"embedding\",\"input\":");
        text_put_str(t, jtext_member(ask, STR("input")).raw);
        text_puts(t, "},\"reply\":");
        put_vector_reply(t, reply);
        text_putc(t, '}');
        return;
    }
    struct jval function = jtext_member(ask, STR("function"));
    text_puts(t, ",\"body\":{\"kind\":");
    text_put_str(t, kind.raw);
    text_puts(t, ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":");
    text_put_str(t, function.raw);
    text_puts(t, "}}],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":");
    text_put_str(t, function.raw);
    text_puts(t, "}},\"sampling\":{");
    if (temperature.kind != J_ABSENT) {
        text_puts(t, "\"temperature\":");
        text_put_str(t, temperature.raw);
    }
    if (tokens.kind != J_ABSENT) {
        text_puts(t, temperature.kind != J_ABSENT ? ",\"max_tokens\":" : "\"max_tokens\":");
        text_put_str(t, tokens.raw);
    }
    text_puts(t, "}}");
    if (tokens.kind == J_ABSENT)
        text_puts(t, ",\"without\":[\"/sampling/max_tokens\"]");
    if (jtext_member(ask, STR("prompt_has")).kind != J_ABSENT)
        put_member(t, "prompt_has", jtext_member(ask, STR("prompt_has")));
    if (jtext_member(ask, STR("schema_required")).kind != J_ABSENT)
        put_member(t, "schema_required", jtext_member(ask, STR("schema_required")));
    text_puts(t, ",\"reply\":");
    if (message.kind != J_ABSENT)
        put_message_reply(t, message);
    else
        put_call_reply(t, ask, reply);
    text_putc(t, '}');
}

static void
put_asks(struct text *t, const struct conformance_case *c)
{
    struct jval ask;
    bool open = c->want.error || c->want.row_error;
    text_puts(t, open ? ",\"asks_open\":true,\"asks\":[" : ",\"asks\":[");
    for (struct jiter it = jtext_iter(c->want.requests); jtext_next(&it, NULL, &ask);) {
        text_puts(t, t->ptr[t->len - 1] == '[' ? "" : ",");
        put_ask(t, ask);
    }
    text_putc(t, ']');
}

/* The one message to a judge. */
static void
put_judge(struct text *t, const struct conformance_case *c)
{
    struct jval whole = jtext_whole(c->text), model = jtext_member(whole, STR("expect_model"));
    if (c->want.prompt.kind != J_STRING)
        return;
    text_puts(t, ",\"asks\":[{\"kind\":\"model\"");
    if (model.kind == J_STRING)
        put_member(t, "to", model);
    text_puts(t, ",\"body\":{\"kind\":\"chat\",\"messages\":[{\"role\":\"user\"");
    if (!c->want.prompt_open)
        put_member(t, "content", c->want.prompt);
    text_puts(t, "}]},\"without\":[\"/sampling\",\"/messages/1\"]");
    if (c->want.prompt_open && strcmp(c->scorer, "llm-as-judge::base") != 0)
        text_puts(t, ",\"prompt_has\":[\"input_query\",\"expected_answer\","
                     "\"generated_answer\"]");
    text_puts(t, ",\"reply\":{\"body\":{\"message\":{\"role\":\"assistant\"");
    put_member(t, "content", jtext_member(whole, STR("judge_reply")));
    text_puts(t, "},\"finish_reason\":\"stop\"}}}]");
}

static void
put_row(struct text *t, const struct conformance_case *c)
{
    text_puts(t, "{\"plugin\":");
    jtext_put_string(t, str_z(c->scorer));
    put_member(t, "row", c->row);
    if (c->params.kind == J_OBJECT)
        put_member(t, "params", c->params);
    if (c->want.prompt.kind != J_ABSENT)
        put_judge(t, c);
    else if (c->want.requests.kind != J_ABSENT)
        put_asks(t, c);
    if (c->want.like.kind != J_ABSENT) {
        put_member(t, "like", c->want.like);
        text_puts(t, c->want.error ? ",\"expect\":{\"error\":\"caller\"}" : "");
    } else if (c->want.row_error) {
        text_puts(t, ",\"expect\":{\"error\":\"remote\",\"fields\":");
        text_put_str(t, c->want.result.raw);
        text_putc(t, '}');
    } else if (c->want.error) {
        text_puts(t, ",\"expect\":{\"error\":\"caller\"}");
    } else {
        put_member(t, "expect", c->want.result);
    }
    text_puts(t, "}\n");
}

static void
put_aggregation(struct text *t, const struct conformance_case *c)
{
    struct jval text = jtext_member(c->want.result, STR("expect_json"));
    text_puts(t, "{\"aggregations\":");
    text_put_str(t, jtext_member(c->row, STR("aggregation_functions")).raw);
    put_member(t, "scored", jtext_member(c->row, STR("score_rows")));
    if (c->want.error) {
        text_puts(t, ",\"expect\":{\"error\":\"caller\"}");
    } else {
        put_member(t, "expect", jtext_member(c->want.result, STR("aggregated_results")));
        if (text.kind == J_STRING)
            put_member(t, "expect_json", text);
    }
    text_puts(t, "}\n");
}

/* ---- a run ---- */

struct run {
    struct conformance_case **cases; /* of this tape, a line each */
    size_t n, done;                  /* done: have a result */
    struct text line;                /* of the output, not yet whole */
    bool failed;                     /* the last result: its reason comes next */
    char bail[200];                  /* why the runner gave up the file */
};

static void
read_line(struct run *r, const char *line)
{
    bool good = strncmp(line, "ok ", 3) == 0;
    if (good || strncmp(line, "not ok ", 7) == 0) {
        if (r->failed)
            conformance_differ(r->cases[r->done - 1], "no reason was given");
        r->failed = !good;
        if (good && r->done < r->n)
            conformance_agree(r->cases[r->done]);
        r->done += r->done < r->n;
    } else if (r->failed && strncmp(line, "#   line ", 9) == 0) {
        const char *why = strstr(line, ": ");
        conformance_differ(r->cases[r->done - 1], "%.*s", CAME_MAX,
                           why != NULL ? why + 2 : line);
        r->failed = false;
    } else if (strncmp(line, "Bail out! ", 10) == 0) {
        snprintf(r->bail, sizeof r->bail, "%s", line + 10);
    }
}

static void
read_bytes(struct run *r, const char *p, size_t n)
{
    while (n > 0) {
        const char *lf = memchr(p, '\n', n);
        size_t part = lf != NULL ? (size_t)(lf - p) : n;
        if (r->line.len < 4 * CAME_MAX) /* the rest of a long line is not shown */
            text_put(&r->line, p, part);
        if (lf == NULL)
            return;
        read_line(r, text_str(&r->line).ptr);
        text_clear(&r->line);
        p += part + 1;
        n -= part + 1;
    }
}

/* Starts the runner; its output comes from *ret_fd. */
static int
start_runner(const char *file, const char *tape, pid_t *ret_pid, int *ret_fd, struct err *err)
{
    CLEANUP_FREE char *program = ctl_program("evald-runner");
    char *argv[] = { program, (char *)"--replay", (char *)file, (char *)tape, NULL };
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
    int rc = posix_spawn(ret_pid, program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    *ret_fd = fds[0];
    if (rc == 0)
        return 0;
    close(fds[0]);
    return err_set(err, err_from_errno(rc), "%s: %s", program, strerror(rc));
}

/* Plays a tape to a file.  Afterwards done < n when the runner did not come to its end, and
 * ret_why says how it ended. */
static int
run_tape(struct run *r, const char *file, const char *tape, char ret_why[200], struct err *err)
{
    pid_t pid;
    CLEANUP_CLOSE int fd = -1;
    if (start_runner(file, tape, &pid, &fd, err) < 0)
        return -1;
    char buf[65536];
    bool hangs = false;
    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int ready = poll(&p, 1, SILENCE_MS);
        if ((ready < 0 && errno == EINTR && !ctl_interrupted))
            continue;
        hangs = ready == 0;
        ssize_t n = ready > 0 ? read(fd, buf, sizeof buf) : 0;
        if (n <= 0)
            break;
        read_bytes(r, buf, (size_t)n);
    }
    if (hangs || ctl_interrupted)
        kill(pid, SIGKILL);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (r->failed)
        conformance_differ(r->cases[r->done - 1], "no reason was given");
    if (ctl_interrupted)
        return err_set(err, ERR_INTERNAL, "interrupted");
    if (r->bail[0] != '\0')
        snprintf(ret_why, 200, "%s", r->bail);
    else if (hangs)
        snprintf(ret_why, 200, "no answer within %d s", SILENCE_MS / 1000);
    else if (WIFSIGNALED(status))
        snprintf(ret_why, 200, "the runner died of %s", strsignal(WTERMSIG(status)));
    else
        snprintf(ret_why, 200, "the runner ended with status %d", WEXITSTATUS(status));
    return 0;
}

/* Plays cases to a plugin file ("-": none).  One that the runner does not survive differs; the
 * runner goes on behind it. */
static int
play(struct conformance *f, const char *file, struct conformance_case **cases, size_t n,
     struct err *err)
{
    CLEANUP_FREE char *tape = xasprintf("%s/tape.jsonl", f->scratch);
    while (n > 0) {
        CLEANUP_TEXT struct text t = TEXT_INIT;
        for (size_t i = 0; i < n; i++) {
            if (cases[i]->kind == CONFORMANCE_AGGREGATION)
                put_aggregation(&t, cases[i]);
            else
                put_row(&t, cases[i]);
        }
        CLEANUP_CLOSE int fd = open(tape, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0 || io_write_full(fd, t.ptr, t.len) < 0)
            return err_set(err, err_from_errno(errno), "%s: %s", tape, strerror(errno));
        struct run r = { .cases = cases, .n = n };
        char why[200];
        int rc = run_tape(&r, file, tape, why, err);
        text_fini(&r.line);
        if (rc < 0)
            return -1;
        if (r.bail[0] != '\0') { /* the file is refused: so it is for all of them */
            for (size_t i = r.done; i < n; i++)
                conformance_differ(cases[i], "%s", why);
            return 0;
        }
        if (r.done < n)
            conformance_differ(cases[r.done++], "%s", why);
        cases += r.done;
        n -= r.done;
    }
    return 0;
}

int
conformance_play_tapes(struct conformance *f, struct conformance_case **cases, size_t n,
                       struct err *err)
{
    CLEANUP_FREE struct conformance_case **some = xcalloc(n + 1, sizeof *some);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (cases[i]->verdict != CONFORMANCE_OPEN)
            continue;
        const char *file = "-";
        if (cases[i]->kind == CONFORMANCE_ROW)
            file = conformance_find_plugin(f, cases[i]->scorer, err);
        if (file == NULL && err->code != ERR_NOT_FOUND)
            return -1;
        if (file == NULL) {
            conformance_differ(cases[i], "no plugin has %s", cases[i]->scorer);
            continue;
        }
        size_t k = 0;
        for (size_t j = i; j < n; j++) {
            const char *other = "-";
            if (cases[j]->verdict != CONFORMANCE_OPEN)
                continue;
            if (cases[j]->kind == CONFORMANCE_ROW)
                other = conformance_find_plugin(f, cases[j]->scorer, err);
            if (other == file || (other != NULL && strcmp(other, file) == 0))
                some[k++] = cases[j];
        }
        rc = play(f, file, some, k, err);
    }
    return rc;
}
