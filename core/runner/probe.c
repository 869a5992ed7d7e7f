#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "common/json.h"
#include "common/mem.h"
#include "runner/load.h"
#include "runner/probe.h"
#include "runner/sandbox.h"
#include "runner/watch.h"

#define PROBE_SECONDS 10
#define PROBE_MEMORY  (UINT64_C(1) << 30)
#define PROBE_OUTPUT  (1u << 20)  /* bytes of the answer, where it goes to a file */

/* What is said when the file takes us down: made before, written by a signal handler. */
static char crash_head[2048];
static int answer_fd;

static void
say(const char *z)
{
    size_t n = strlen(z);
    while (n > 0) {
        ssize_t k = write(answer_fd, z, n);
        if (k <= 0)
            return;
        z += k;
        n -= (size_t)k;
    }
}

static void
last_words(int sig, const struct plugin *p)
{
    (void)p;
    say(crash_head);
    switch (sig) {
    case SIGSEGV: say("SIGSEGV\"}\n"); break;
    case SIGBUS:  say("SIGBUS\"}\n"); break;
    case SIGILL:  say("SIGILL\"}\n"); break;
    case SIGFPE:  say("SIGFPE\"}\n"); break;
    case SIGABRT: say("SIGABRT\"}\n"); break;
    default:      say("a signal\"}\n");
    }
    _exit(1);
}

static void
too_long(int sig)
{
    (void)sig;
    say(crash_head);
    say("no end\"}\n");
    _exit(1);
}

/* Text that is JSON, or null. */
static json_object *
tree(const char *z)
{
    json_object *o = NULL;
    if (z != NULL && json_parse(str_z(z), &o, NULL, NULL) < 0)
        return NULL;
    return o;
}

static json_object *
describe(const struct plugin *p)
{
    static const char *const kinds[] = { "", "scorer", "agent", "model", "source" };
    static const char *const threads[] = { "serial", "instance", "parallel" };
    const struct evald_plugin *d = &p->desc;
    json_object *o = json_object_new_object(), *columns = json_object_new_array();
    json_add_str(o, "id", d->id);
    json_add_str(o, "version", d->version);
    json_add_str(o, "kind", kinds[d->kind]);
    json_add_str(o, "summary", d->summary);
    json_add(o, "params_schema", tree(d->params_schema));
    json_add(o, "params_default", tree(d->params_default));
    const char *type = d->return_type;
    if (type == NULL && d->kind == EVALD_SCORER)
        type = "{\"type\":\"number\"}";
    json_add(o, "return_type", tree(type));
    json_add(o, "metrics", tree(d->metrics));
    for (size_t i = 0; d->columns != NULL && d->columns[i] != NULL; i++)
        json_object_array_add(columns, json_object_new_string(d->columns[i]));
    json_add(o, "columns", columns);
    json_add_str(o, "threads", threads[d->threads]);
    return o;
}

static int
load(struct load *l, const char *file, struct err *err)
{
    struct stat st;
    CLEANUP_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_set(err, ERR_IO, "%s: %m", file);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "%s: no regular file", file);
    if (sandbox_begin(PROBE_MEMORY, PROBE_OUTPUT, err) < 0)
        return -1;
    return load_file(l, fd, file, NULL, err);
}

int
probe_main(const char *file)
{
    struct load l = { 0 };
    struct err err = { 0 };
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_puts(&t, "{\"file\":");
    jtext_put_string(&t, str_z(file));
    text_puts(&t, ",\"plugins\":[],\"error\":\"");
    struct text quoted = TEXT_INIT;
    jtext_put_string(&quoted, str_z(file));
    text_put(&t, quoted.ptr + 1, quoted.len - 2);
    text_fini(&quoted);
    text_puts(&t, ": loading it ends in ");
    snprintf(crash_head, sizeof crash_head, "%s", t.ptr);

    /* A file that prints while it is loaded must not spoil the answer. */
    answer_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (answer_fd < 0)
        answer_fd = STDOUT_FILENO;
    else
        dup2(STDERR_FILENO, STDOUT_FILENO);
    watch_begin();
    watch_thread(0);
    watch_last_words = last_words;
    signal(SIGALRM, too_long);
    alarm(PROBE_SECONDS);
    int rc = load(&l, file, &err);

    CLEANUP_JSON json_object *o = json_object_new_object();
    json_object *list = json_object_new_array();
    json_add_str(o, "file", file);
    for (struct plugin *p = rc == 0 ? l.plugins : NULL; p != NULL; p = p->next)
        json_object_array_add(list, describe(p));
    json_add(o, "plugins", list);
    json_add_str(o, "error", rc == 0 ? NULL : err.text);
    alarm(0);
    text_clear(&t);
    json_put(&t, o);
    text_putc(&t, '\n');
    say(t.ptr);
    load_fini(&l);
    return rc == 0 ? 0 : 1;
}
