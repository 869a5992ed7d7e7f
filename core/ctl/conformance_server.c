#include "config.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/mem.h"
#include "ctl/conformance_server.h"

#define BACKLOG 128

struct conformance_server {
    struct MHD_Daemon *mhd; /* NULL: stopped */
    char *path;
    pthread_mutex_t lock; /* of all below */
    struct jval replies;
    struct conformance_request *asked;
    size_t n_asked, room;
};

/* ---- what is asked, and the answer ---- */

void
conformance_put_words(struct text *t, struct jval content)
{
    struct jval item;
    bool first = true;
    if (content.kind == J_OBJECT)
        content = jtext_member(content, STR("text"));
    if (content.kind == J_STRING)
        jtext_decode(t, content.raw);
    if (content.kind != J_ARRAY)
        return;
    for (struct jiter it = jtext_iter(content); jtext_next(&it, NULL, &item);) {
        struct jval text = item.kind == J_OBJECT ? jtext_member(item, STR("text")) : item;
        if (text.kind != J_STRING)
            continue;
        text_puts(t, first ? "" : " ");
        jtext_decode(t, text.raw);
        first = false;
    }
}

static void
put_last_user_text(struct text *t, struct jval messages)
{
    struct jval message, last = { J_ABSENT, { NULL, 0 } };
    for (struct jiter it = jtext_iter(messages); jtext_next(&it, NULL, &message);) {
        struct jval role = jtext_member(message, STR("role"));
        if (role.kind == J_STRING && jtext_spells(role.raw, STR("user")))
            last = jtext_member(message, STR("content"));
    }
    conformance_put_words(t, last);
}

/* The raw JSON of the reply to a text. */
static struct str
reply_to(struct jval replies, struct str text)
{
    struct str key, found = STR("\"no reply is set for this message\"");
    struct jval value;
    for (struct jiter it = jtext_iter(replies); jtext_next(&it, &key, &value);)
        if (jtext_spells(key, text))
            found = value.raw;
    return found;
}

/* A document of OpenAI's, or of its errors; the result is the HTTP status. */
static unsigned
answer(struct conformance_server *s, const char *url, struct text *body, struct text *ret)
{
    CLEANUP_TEXT struct text asked = TEXT_INIT;
    bool completion = strcmp(url, "/v1/completions") == 0;
    struct jval whole;
    if (!completion && strcmp(url, "/v1/chat/completions") != 0) {
        text_puts(ret, "{\"error\":{\"message\":\"there is no such route\"}}");
        return MHD_HTTP_NOT_FOUND;
    }
    if (jtext_check(text_str(body), &whole, NULL, NULL) < 0 || whole.kind != J_OBJECT) {
        text_puts(ret, "{\"error\":{\"message\":\"the request is no JSON object\"}}");
        return MHD_HTTP_BAD_REQUEST;
    }
    if (completion)
        conformance_put_words(&asked, jtext_member(whole, STR("prompt")));
    else
        put_last_user_text(&asked, jtext_member(whole, STR("messages")));
    text_putf(ret, "{\"id\":\"case\",\"object\":\"%s\",\"created\":0,"
              "\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",%s",
              completion ? "text_completion" : "chat.completion",
              completion ? "\"text\":" : "\"message\":{\"role\":\"assistant\",\"content\":");

    pthread_mutex_lock(&s->lock);
    text_put_str(ret, reply_to(s->replies, text_str(&asked)));
    if (s->n_asked == s->room) {
        s->room = 2 * s->room + 8;
        s->asked = xreallocarray(s->asked, s->room, sizeof *s->asked);
    }
    s->asked[s->n_asked++] = (struct conformance_request){ completion, whole, *body };
    pthread_mutex_unlock(&s->lock);
    *body = (struct text)TEXT_INIT;

    text_puts(ret, completion ? "}]}" : "}}]}");
    return MHD_HTTP_OK;
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
           const char *version, const char *data, size_t *size, void **context)
{
    struct conformance_server *s = cls;
    CLEANUP_TEXT struct text out = TEXT_INIT;
    struct text *body = *context;
    (void)method;
    (void)version;
    if (body == NULL) {
        *context = xcalloc(1, sizeof *body);
        return MHD_YES;
    }
    if (*size > 0) {
        text_put(body, data, *size);
        *size = 0;
        return MHD_YES;
    }
    unsigned status = answer(s, url, body, &out);
    size_t n = out.len;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(n, text_take(&out), MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    enum MHD_Result rc = MHD_queue_response(mhd, status, response);
    MHD_destroy_response(response);
    return rc;
}

static void
on_completed(void *cls, struct MHD_Connection *mhd, void **context,
             enum MHD_RequestTerminationCode code)
{
    (void)cls;
    (void)mhd;
    (void)code;
    if (*context != NULL)
        text_fini(*context);
    free(TAKE(*context));
}

/* ---- life ---- */

static int
listen_at(const char *path, struct err *err)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof addr.sun_path)
        return err_set(err, ERR_INVALID, "socket path is longer than %zu bytes: %s",
                       sizeof addr.sun_path - 1, path);
    strcpy(addr.sun_path, path);
    CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof addr) < 0
        || listen(fd, BACKLOG) < 0)
        return err_set(err, err_from_errno(errno), "socket %s: %s", path, strerror(errno));
    return TAKE_FD(fd);
}

/* Signals are for the thread that waits for evald. */
static struct MHD_Daemon *
serve(struct conformance_server *s, int fd)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct MHD_Daemon *mhd = MHD_start_daemon(
        MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, s,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
        MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return mhd;
}

struct conformance_server *
conformance_server_new(const char *path, struct err *err)
{
    CLEANUP_CLOSE int fd = listen_at(path, err);
    if (fd < 0)
        return NULL;
    struct conformance_server *s = xcalloc(1, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->path = xstrdup(path);
    s->mhd = serve(s, fd);
    if (s->mhd == NULL) {
        conformance_server_free(s);
        return ERR_NULL(err, ERR_IO, "cannot serve HTTP at %s", path);
    }
    (void)TAKE_FD(fd); /* is closed with the server */
    return s;
}

static void
forget(struct conformance_server *s)
{
    for (size_t i = 0; i < s->n_asked; i++)
        text_fini(&s->asked[i].text);
    s->n_asked = 0;
}

void
conformance_server_begin(struct conformance_server *s, struct jval replies)
{
    pthread_mutex_lock(&s->lock);
    forget(s);
    s->replies = replies;
    pthread_mutex_unlock(&s->lock);
}

const struct conformance_request *
conformance_server_asked(const struct conformance_server *s, size_t *ret_n)
{
    *ret_n = s->n_asked;
    return s->asked;
}

void
conformance_server_stop(struct conformance_server *s)
{
    if (s->mhd != NULL)
        MHD_stop_daemon(TAKE(s->mhd));
}

void
conformance_server_free(struct conformance_server *s)
{
    if (s == NULL)
        return;
    conformance_server_stop(s);
    unlink(s->path);
    forget(s);
    free(s->asked);
    free(s->path);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
