/* fake-evald - a server that gives canned answers, to test evalctl without evald.
 *
 *     fake-evald SOCKET RULES LOG
 *
 * RULES has lines METHOD TAB PATH TAB STATUS TAB BODY.  A request is answered by the first
 * line of its method and path (query included) that has not been used; the last such line
 * stays.  STATUS "close" hangs up instead; "later" is a 503 that asks to come again.  No line: 404.  A BODY of event: lines stands for
 * server-sent events, with \n where a line ends.  LOG gets "METHOD PATH PREFER" (Last-Event-ID
 * where that was sent), "key KEY" for an Idempotency-Key, and the body of every request.  One connection at a time; ends on a signal. */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct rule {
    char *method, *path, *status, *body;
    bool used;
};
static struct rule rules[256];
static size_t n_rules;
static FILE *log_file;

static void
die(const char *what)
{
    fprintf(stderr, "fake-evald: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void
read_rules(const char *path)
{
    FILE *f = fopen(path, "r");
    if (f == NULL)
        die(path);
    char *line = NULL;
    size_t room = 0;
    while (n_rules < sizeof rules / sizeof *rules && getline(&line, &room, f) > 0) {
        char *rest = strdup(line);
        if (rest == NULL)
            die("memory");
        rest[strcspn(rest, "\n")] = '\0';
        struct rule r = { .method = strsep(&rest, "\t"), .path = strsep(&rest, "\t"),
                          .status = strsep(&rest, "\t"), .body = rest != NULL ? rest : "" };
        if (r.path != NULL && r.status != NULL)
            rules[n_rules++] = r;
    }
    free(line);
    fclose(f);
}

static const struct rule *
choose(const char *method, const char *path)
{
    struct rule *last = NULL;
    for (size_t i = 0; i < n_rules; i++) {
        if (strcmp(rules[i].method, method) != 0 || strcmp(rules[i].path, path) != 0)
            continue;
        last = &rules[i];
        if (!last->used)
            break;
    }
    if (last != NULL)
        last->used = true;
    return last;
}

/* Puts line feeds where events have \n. */
static void
put_lines(char *text)
{
    char *to = text;
    for (const char *p = text; *p != '\0'; p++) {
        bool end = p[0] == '\\' && p[1] == 'n';
        *to++ = end ? '\n' : *p;
        p += end;
    }
    *to = '\0';
}

/* Reads one request from the connection; false when it is over. */
static bool
serve_one(FILE *in, FILE *out)
{
    char method[16], path[1024], prefer[128] = "-", key[128] = "", *line = NULL;
    size_t room = 0, length = 0;
    if (getline(&line, &room, in) <= 0 || sscanf(line, "%15s %1023s", method, path) != 2) {
        free(line);
        return false;
    }
    while (getline(&line, &room, in) > 2) {
        sscanf(line, "Content-Length: %zu", &length);
        sscanf(line, "Prefer: %127s", prefer);
        sscanf(line, "Last-Event-ID: %127s", prefer);
        sscanf(line, "Idempotency-Key: %127s", key);
    }
    free(line);
    char *body = calloc(1, length + 1);
    if (body == NULL || fread(body, 1, length, in) != length)
        die("request body");
    fprintf(log_file, "%s %s %s\n%s%s%s%s%s", method, path, prefer, key[0] != '\0' ? "key " : "",
            key, key[0] != '\0' ? "\n" : "", body, length > 0 ? "\n" : "");
    fflush(log_file);
    free(body);

    const struct rule *r = choose(method, path);
    const char *status = r != NULL ? r->status : "404";
    const char *answer = r != NULL ? r->body : "{\"detail\":\"Not Found\"}";
    if (strcmp(status, "close") == 0)
        return false;
    char *events = strstr(answer, "event: ") != NULL ? strdup(answer) : NULL;
    if (events != NULL) {
        put_lines(events);
        answer = events;
    }
    bool later = strcmp(status, "later") == 0;
    fprintf(out, "HTTP/1.1 %s X\r\n%sContent-Type: %s\r\n", later ? "503" : status,
            later ? "Retry-After: 1\r\n" : "",
            events != NULL ? "text/event-stream" : "application/json");
    if (strcmp(status, "204") != 0)
        fprintf(out, "Content-Length: %zu\r\n\r\n%s", strlen(answer), answer);
    else
        fputs("\r\n", out);
    free(events);
    return fflush(out) == 0;
}

int
main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    read_rules(argv[2]);
    log_file = fopen(argv[3], "a");
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    if (log_file == NULL || strlen(argv[1]) >= sizeof sun.sun_path)
        die(argv[3]);
    strcpy(sun.sun_path, argv[1]);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&sun, sizeof sun) < 0
        || listen(listener, 8) < 0)
        die(argv[1]);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            continue;
        FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");
        if (in == NULL || out == NULL)
            die("fdopen");
        while (serve_one(in, out))
            ;
        fclose(in);
        fclose(out);
    }
}
