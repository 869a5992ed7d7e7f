/* Any bytes to evald's socket, with the real routes, handlers and state behind it: what comes
 * back is HTTP with a status of the API and JSON in it, and the connection ends. */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "../unit/tmpdir.h"
#include "common/io.h"
#include "common/jtext.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/api.h"
#include "daemon/head.h"
#include "daemon/rowindex.h"
#include "daemon/sources.h"
#include "fuzz.h"

#define MAX_BODY    20000
#define PATIENCE_NS (20 * INT64_C(1000000000))
#define LIFE        2000 /* inputs; then a fresh evald, without what they registered */

static struct world {
    struct ev_loop *loop;
    struct conf *conf;
    struct store *store;
    struct plugins *plugins;
    struct catalog *catalog;
    struct sched *sched;
    struct rowindexes *indexes;
    struct sources *sources;
    struct server *server;
    struct sockaddr_un address;
    unsigned inputs;
} w;

/* ------------------------------------------------------------------------------- the world */

static void
put_file(const char *name, const char *text, mode_t mode)
{
    CLEANUP_FREE char *path = xasprintf("%s/%s", tmpdir(), name);
    FILE *f = fopen(path, "w");
    assert(f != NULL);
    fputs(text, f);
    fclose(f);
    chmod(path, mode);
}

/* Without plugins nothing ever runs; a gateway that only listens is enough. */
static struct conf *
read_conf(void)
{
    struct err err;
    setenv("EVALD_PLUGIN_PATH", "/", 1);
    setenv("EVALD_LIBEXECDIR", tmpdir(), 1);
    put_file("evald-gateway", "#!/bin/sh\nexec cat <&3 >/dev/null 2>&1\n", 0700);
    put_file("evald.conf", "limits = { max_body = 20000; run_eval_wait_ms = 0; };\n", 0600);
    CLEANUP_FREE char *path = xasprintf("%s/evald.conf", tmpdir());
    struct conf *conf = conf_load(path, &err);
    assert(conf != NULL);
    free(conf->state_dir);
    static unsigned nth;
    conf->state_dir = xasprintf("%s/state%u", tmpdir(), nth++);
    return conf;
}

static int
listen_here(void)
{
    w.address.sun_family = AF_UNIX;
    static int dir = -1; /* its path may be longer than that of a socket may be */
    if (dir < 0)
        dir = open(tmpdir(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    snprintf(w.address.sun_path, sizeof w.address.sun_path, "/proc/self/fd/%d/s", dir);
    unlink(w.address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc = bind(fd, (struct sockaddr *)&w.address, sizeof w.address);
    assert(rc == 0 && listen(fd, 16) == 0);
    (void)rc;
    return fd;
}

static void
begin(void)
{
    struct err err;
    signal(SIGPIPE, SIG_IGN);
    log_init("fuzz", LOG_LEVEL_ERROR - 1);
    w.loop = ev_loop_new(EVFLAG_AUTO);
    w.conf = read_conf();
    w.store = store_open(w.loop, w.conf->state_dir, &err);
    assert(w.store != NULL);
    w.plugins = plugins_load(w.conf, &err);
    assert(w.plugins != NULL);
    w.catalog = catalog_open(w.store, w.plugins, &err);
    assert(w.catalog != NULL);
    struct sched_options so = { w.loop, w.conf, w.plugins, w.catalog, w.store };
    w.sched = sched_new(&so, &err);
    assert(w.sched != NULL);
    w.indexes = rowindexes_new(w.store);
    w.sources = sources_new(sched_runners(w.sched), w.catalog, w.store);
    struct api api = {
        .conf = w.conf, .plugins = w.plugins, .catalog = w.catalog, .store = w.store,
        .indexes = w.indexes, .sched = w.sched, .sources = w.sources, .own_socket = true,
        .spec = { .conf = w.conf, .plugins = w.plugins, .catalog = w.catalog },
    };
    w.server = server_new(w.loop, listen_here(), &api, &err);
    assert(w.server != NULL);
}

static void
on_stopped(void *arg)
{
    *(bool *)arg = true;
}

static void
end(void)
{
    bool stopped = false;
    sources_stop(w.sources);
    sched_stop(w.sched, on_stopped, &stopped);
    while (!stopped)
        ev_run(w.loop, EVRUN_ONCE);
    server_free(w.server);
    sources_free(w.sources);
    sched_free(w.sched);
    rowindexes_free(w.indexes);
    catalog_free(w.catalog);
    plugins_free(w.plugins);
    store_free(w.store);
    conf_free(w.conf);
    ev_loop_destroy(w.loop);
    w.inputs = 0;
}

/* ------------------------------------------------------------------------------- a client */

/* Sends first and second, in two pieces unless one is empty; hears what comes until the end. */
static void
talk(struct str first, struct str second, struct text *ret)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = connect(fd, (struct sockaddr *)&w.address, sizeof w.address);
    assert(rc == 0);
    (void)rc;
    io_set_nonblock(fd);
    bool shut = false;
    int64_t until = time_mono_ns() + PATIENCE_NS;
    for (;;) {
        struct str *part = first.len > 0 ? &first : &second;
        ssize_t n = part->len > 0 ? send(fd, part->ptr, part->len, MSG_NOSIGNAL) : 0;
        if (n < 0 && errno != EAGAIN)
            first.len = second.len = 0;
        if (n > 0)
            *part = (struct str){ part->ptr + n, part->len - (size_t)n };
        if (first.len == 0 && second.len == 0 && !shut) {
            shutdown(fd, SHUT_WR);
            shut = true;
        }
        ev_run(w.loop, EVRUN_NOWAIT);
        char buf[4096];
        while ((n = recv(fd, buf, sizeof buf, 0)) > 0)
            text_put(ret, buf, (size_t)n);
        if (n == 0 || errno != EAGAIN)
            break;
        if (time_mono_ns() > until)
            abort(); /* it neither answers nor closes */
    }
    close(fd);
}

/* ------------------------------------------------------------------------------ the answers */

static bool
is_known(int status)
{
    static const int known[] = { 200, 204, 307, 400, 403, 404, 405, 408, 409, 413, 414,
                                 429, 431, 500, 501, 502, 503, 504, 505 };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i] == status)
            return true;
    return false;
}

/* Takes a chunked body out of bytes; false: it is cut off. */
static bool
take_chunks(struct str *bytes, struct text *body)
{
    size_t len;
    struct head_fault fault;
    enum head_found found = head_read_chunks(*bytes, &len, &fault);
    assert(found != HEAD_BAD);
    if (found != HEAD_WHOLE)
        return false;
    for (const char *p = bytes->ptr;;) {
        size_t n = strtoul(p, NULL, 16);
        p = strchr(p, '\n') + 1;
        if (n == 0)
            break;
        text_put(body, p, n);
        p += n + 2;
    }
    *bytes = (struct str){ bytes->ptr + len, bytes->len - len };
    return true;
}

static void
check_body(int status, struct str body, bool is_json)
{
    struct jval v;
    size_t at;
    struct err err;
    assert(is_json);
    int rc = jtext_check(body, &v, &at, &err);
    assert(rc == 0);
    (void)rc;
    if (status >= 400)
        assert(body.len > 10 && memcmp(body.ptr, "{\"detail\":", 10) == 0);
}

/* The first answer in bytes, which it is taken from; its status. */
static int
take_answer(struct str *bytes, bool heads)
{
    const char *head_end = memmem(bytes->ptr, bytes->len, "\r\n\r\n", 4);
    assert(bytes->len > 13 && memcmp(bytes->ptr, "HTTP/1.1 ", 9) == 0 && head_end != NULL);
    int status = atoi(bytes->ptr + 9);
    bool is_json = false, is_chunked = false, closes = false;
    size_t length = SIZE_MAX;
    for (const char *l = strchr(bytes->ptr, '\n') + 1; l < head_end;) {
        const char *eol = strchr(l, '\r'), *colon = memchr(l, ':', (size_t)(eol - l));
        assert(colon != NULL && eol[1] == '\n');
        is_json |= strncmp(l, "Content-Type: application/json\r", 31) == 0;
        is_chunked |= strncmp(l, "Transfer-Encoding: chunked\r", 27) == 0;
        closes |= strncmp(l, "Connection: close\r", 18) == 0;
        if (strncmp(l, "Content-Length: ", 16) == 0)
            length = strtoul(l + 16, NULL, 10);
        l = eol + 2;
    }
    size_t head = (size_t)(head_end - bytes->ptr) + 4;
    *bytes = (struct str){ bytes->ptr + head, bytes->len - head };
    if (status == 100)
        return status;
    assert(is_known(status));
    if (heads && (bytes->len == 0 || *bytes->ptr == 'H'))
        return status; /* of HEAD */
    CLEANUP_TEXT struct text body = TEXT_INIT;
    if (is_chunked) {
        if (!take_chunks(bytes, &body))
            *bytes = STR("");
        else
            check_body(status, text_str(&body), is_json);
        return status;
    }
    if (length == SIZE_MAX) { /* then its end is that of the connection */
        assert(closes || status == 204);
        length = status == 204 ? 0 : bytes->len;
    }
    assert(length <= bytes->len);
    if (length > 0)
        check_body(status, (struct str){ bytes->ptr, length }, is_json);
    else
        assert(status == 204 || status == 307);
    *bytes = (struct str){ bytes->ptr + length, bytes->len - length };
    return status;
}

static void
check_talk(struct str input, struct str first, struct str second)
{
    CLEANUP_TEXT struct text out = TEXT_INIT;
    text_put(&out, "", 0);
    talk(first, second, &out);
    struct str left = text_str(&out);
    bool heads = memmem(input.ptr, input.len, "HEAD ", 5) != NULL;
    int status = left.len > 0 ? take_answer(&left, heads) : 0;

    struct head head;
    struct head_fault fault;
    enum head_found found = input.len > 0 ? head_read(input, &head, &fault) : HEAD_MORE;
    if (found == HEAD_BAD)
        assert(status == (int)fault.status && left.len == 0);
    if (found == HEAD_MORE)
        assert(status == 0);
    if (found == HEAD_WHOLE && !head.chunked && input.len - head.len >= head.body)
        assert(status != 0);
    while (left.len > 0)
        take_answer(&left, heads);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (w.inputs == LIFE)
        end();
    if (w.inputs++ == 0)
        begin();
    struct str input = { (const char *)data, size };
    check_talk(input, input, (struct str){ NULL, 0 });
    size_t at = size > 1 ? (data[0] * 31u + data[size - 1] + size / 2) % (size - 1) + 1 : 0;
    if (at > 0)
        check_talk(input, (struct str){ input.ptr, at },
                   (struct str){ input.ptr + at, size - at });
    return 0;
}
