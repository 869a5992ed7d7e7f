#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io.h"
#include "common/mem.h"
#include "ctl/conformance_evald.h"
#include "ctl/ctl.h"

#define START_NS  (60 * INT64_C(1000000000)) /* a sanitizer on a busy machine is slow */
#define END_NS    (30 * INT64_C(1000000000))
#define LOOK_MS   200 /* at ctl_interrupted */
#define LOG_TAIL  4096

extern char **environ;

struct conformance_evald {
    char *dir, *socket;
    pid_t pid;
    int pidfd;
    struct client *client;
};

/* ---- start ---- */

/* evald tells the service manager when it serves; here that is us. */
static int
open_notify(const char *path, struct err *err)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof addr.sun_path)
        return err_set(err, ERR_INVALID, "socket path is longer than %zu bytes: %s",
                       sizeof addr.sun_path - 1, path);
    strcpy(addr.sun_path, path);
    unlink(path);
    CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof addr) < 0)
        return err_set(err, err_from_errno(errno), "socket %s: %s", path, strerror(errno));
    return TAKE_FD(fd);
}

static int
spawn(struct conformance_evald *e, const char *conf, const char *notify, struct err *err)
{
    const char *named = getenv("EVALD");
    const char *program = named != NULL && *named != '\0' ? named : EVALD_SBINDIR "/evald";
    CLEANUP_FREE char *log = xasprintf("%s/log", e->dir);
    CLEANUP_FREE char *state = xasprintf("%s/state", e->dir);
    char *argv[] = { (char *)program, (char *)"--config", (char *)conf, (char *)"--socket",
                     e->socket, (char *)"--state-dir", state, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log,
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    setenv("NOTIFY_SOCKET", notify, 1);
    int rc = posix_spawn(&e->pid, program, &actions, NULL, argv, environ);
    unsetenv("NOTIFY_SOCKET");
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) {
        e->pid = 0;
        return err_set(err, err_from_errno(rc), "%s: %s", program, strerror(rc));
    }
    e->pidfd = (int)syscall(SYS_pidfd_open, e->pid, 0);
    return e->pidfd >= 0 ? 0 : err_set(err, ERR_IO, "pidfd: %s", strerror(errno));
}

static bool
is_ready(int notify)
{
    char said[512];
    ssize_t n = recv(notify, said, sizeof said - 1, 0);
    if (n <= 0)
        return false;
    said[n] = '\0';
    return strstr(said, "READY=1") != NULL;
}

/* The last line of the log, in the error's words. */
static int
failed_to_start(const struct conformance_evald *e, const char *why, struct err *err)
{
    size_t n = 0;
    CLEANUP_FREE char *path = xasprintf("%s/log", e->dir);
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    char tail[LOG_TAIL + 1];
    off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    if (size > 0) {
        off_t from = size > LOG_TAIL ? size - LOG_TAIL : 0;
        ssize_t got = io_pread_full(fd, tail, (size_t)(size - from), from);
        n = got > 0 ? (size_t)got : 0;
    }
    while (n > 0 && tail[n - 1] == '\n')
        n--;
    tail[n] = '\0';
    const char *line = strrchr(tail, '\n');
    line = line != NULL ? line + 1 : tail;
    if (line[0] == '<' && line[1] != '\0' && line[2] == '>')
        line += 3; /* how much it matters, for the journal of systemd */
    return err_set(err, ERR_INTERNAL, "evald %s%s%s", why, *line != '\0' ? ": " : "", line);
}

static int
wait_until_ready(const struct conformance_evald *e, int notify, struct err *err)
{
    for (int64_t end_ns = time_mono_ns() + START_NS; time_mono_ns() < end_ns;) {
        struct pollfd on[] = { { .fd = notify, .events = POLLIN },
                               { .fd = e->pidfd, .events = POLLIN } };
        poll(on, ARRAY_LEN(on), LOOK_MS);
        if (ctl_interrupted)
            return err_set(err, ERR_INTERNAL, "interrupted");
        if (on[0].revents != 0 && is_ready(notify))
            return 0;
        if (on[1].revents != 0)
            return failed_to_start(e, "does not start", err);
    }
    return failed_to_start(e, "does not become ready", err);
}

static int
start(struct conformance_evald *e, const char *conf, struct err *err)
{
    CLEANUP_FREE char *file = xasprintf("%s/conf", e->dir);
    CLEANUP_FREE char *path = xasprintf("%s/notify", e->dir);
    CLEANUP_CLOSE int dir = open(e->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_set(err, err_from_errno(errno), "open %s: %s", e->dir, strerror(errno));
    if (io_replace_file(dir, "conf", conf, strlen(conf), 0600, err) < 0)
        return -1;
    CLEANUP_CLOSE int notify = open_notify(path, err);
    if (notify < 0 || spawn(e, file, path, err) < 0 || wait_until_ready(e, notify, err) < 0)
        return -1;
    e->client = client_new(e->socket, err);
    return e->client != NULL ? 0 : -1;
}

struct conformance_evald *
conformance_evald_start(const char *dir, const char *conf, struct err *err)
{
    struct conformance_evald *e = xcalloc(1, sizeof *e);
    e->pidfd = -1;
    e->dir = xstrdup(dir);
    e->socket = xasprintf("%s/sock", dir);
    if (start(e, conf, err) < 0) {
        conformance_evald_stop(e, NULL);
        return NULL;
    }
    return e;
}

struct client *
conformance_evald_client(const struct conformance_evald *e)
{
    return e->client;
}

/* ---- end ---- */

/* Until it has ended, or for END_NS. */
static void
wait_for_end(const struct conformance_evald *e)
{
    struct pollfd on = { .fd = e->pidfd, .events = POLLIN };
    for (int64_t end_ns = time_mono_ns() + END_NS; time_mono_ns() < end_ns;)
        if (e->pidfd < 0 || poll(&on, 1, LOOK_MS) > 0)
            return;
}

static int
reap(struct conformance_evald *e, struct err *err)
{
    int status = 0;
    while (waitpid(e->pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_set(err, ERR_IO, "waitpid: %s", strerror(errno));
    if (WIFSIGNALED(status))
        return err_set(err, ERR_INTERNAL, "evald was ended by %s", strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0)
        return err_set(err, ERR_INTERNAL, "evald ended with status %d", WEXITSTATUS(status));
    return 0;
}

int
conformance_evald_stop(struct conformance_evald *e, struct err *err)
{
    int rc = 0;
    if (e == NULL)
        return 0;
    client_free(e->client);
    if (e->pid > 0) {
        kill(e->pid, SIGTERM);
        wait_for_end(e);
        kill(e->pid, SIGKILL); /* is not waited for yet, so the number is still its own */
        rc = reap(e, err);
    }
    if (e->pidfd >= 0)
        close(e->pidfd);
    free(e->socket);
    free(e->dir);
    free(e);
    return rc;
}
