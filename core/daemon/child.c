#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/child.h"

#define LINES_A_SECOND 20
/* Twice what a pipe holds; a child that never stops gets its turn again. */
#define READS_A_TIME   32

struct child {
    struct ev_loop *loop;
    const char *name; /* last part of the path */
    char *path;
    pid_t pid;
    int pidfd, out;
    ev_io exited, output;
    child_exit_fn *gone;
    void *arg;
    bool reaped;
    char line[512];
    size_t line_len;
    int64_t second_ns; /* since when lines count */
    int lines, lost;
};

static void
say_line(struct child *c)
{
    c->line[c->line_len] = '\0';
    c->line_len = 0;
    int64_t now = time_mono_ns();
    if (now - c->second_ns > 1000000000) {
        if (c->lost > 0)
            log_warning("%s[%ld]: %d more lines left out", c->name, (long)c->pid, c->lost);
        c->second_ns = now;
        c->lines = c->lost = 0;
    }
    if (++c->lines > LINES_A_SECOND) {
        c->lost++;
        return;
    }
    const char *text = c->line;
    enum log_level level = LOG_LEVEL_WARNING;
    if (text[0] == '<' && text[1] >= '0' && text[1] <= '7' && text[2] == '>') {
        level = (enum log_level)(text[1] - '0');
        text += 3;
    }
    log_at(level, "%s[%ld] %s", c->name, (long)c->pid, text);
}

static void
read_output(struct child *c)
{
    char buf[4096];
    ssize_t n = 1;
    for (int reads = 0; reads < READS_A_TIME; reads++) {
        n = read(c->out, buf, sizeof buf);
        if (n <= 0)
            break;
        for (ssize_t i = 0; i < n; i++) {
            if (buf[i] == '\n')
                say_line(c);
            else if (c->line_len < sizeof c->line - 1)
                c->line[c->line_len++] = buf[i];
        }
    }
    if (n > 0)
        return; /* there is more: the loop comes back */
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        ev_io_stop(c->loop, &c->output);
        if (c->line_len > 0)
            say_line(c);
    }
}

static void
on_output(struct ev_loop *loop, ev_io *w, int events)
{
    (void)loop;
    (void)events;
    read_output(w->data);
}

static long long
milliseconds(struct timeval t)
{
    return (long long)t.tv_sec * 1000 + t.tv_usec / 1000;
}

static struct child_exit
reap(struct child *c)
{
    int status = 0;
    struct rusage used = { 0 };
    while (wait4(c->pid, &status, 0, &used) < 0 && errno == EINTR)
        ;
    c->reaped = true;
    log_info("child ended name=%s pid=%ld cpu_ms=%lld peak_rss_kb=%ld", c->name, (long)c->pid,
             milliseconds(used.ru_utime) + milliseconds(used.ru_stime), used.ru_maxrss);
    bool signalled = WIFSIGNALED(status);
    return (struct child_exit){ .signalled = signalled,
                                .code = signalled ? WTERMSIG(status) : WEXITSTATUS(status) };
}

static void
on_exited(struct ev_loop *loop, ev_io *w, int events)
{
    (void)events;
    struct child *c = w->data;
    ev_io_stop(loop, w);
    struct child_exit how = reap(c);
    read_output(c);
    c->gone(c->arg, &how);
}

static int
spawn(struct child *c, char *const argv[], int link_fd, int out_fd, struct err *err)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out_fd, 1);
    posix_spawn_file_actions_adddup2(&files, out_fd, 2);
    posix_spawn_file_actions_adddup2(&files, link_fd, 3);
    posix_spawn_file_actions_addclosefrom_np(&files, 4);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK
                                        | POSIX_SPAWN_SETSIGDEF);
    int rc = posix_spawn(&c->pid, argv[0], &files, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    return rc == 0 ? 0 : err_set(err, ERR_INTERNAL, "start %s: %s", argv[0], strerror(rc));
}

struct child *
child_spawn(struct ev_loop *loop, char *const argv[], int link_fd, child_exit_fn *gone,
            void *arg, struct err *err)
{
    CLEANUP_CLOSE int link = link_fd;
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return ERR_NULL(err, ERR_IO, "pipe: %m");
    CLEANUP_CLOSE int ours = fds[0];
    CLEANUP_CLOSE int theirs = fds[1];
    /* dup2 onto itself would keep close-on-exec, and 1-3 must not be overwritten early */
    if (link <= 3 || theirs <= 3) {
        int l = fcntl(link, F_DUPFD_CLOEXEC, 10), t = fcntl(theirs, F_DUPFD_CLOEXEC, 10);
        mem_cleanup_close(&link);
        mem_cleanup_close(&theirs);
        link = l;
        theirs = t;
        if (l < 0 || t < 0)
            return ERR_NULL(err, ERR_IO, "dup: %m");
    }
    struct child *c = xcalloc(1, sizeof *c);
    if (spawn(c, argv, link, theirs, err) < 0) {
        free(c);
        return NULL;
    }
    c->loop = loop;
    c->path = xstrdup(argv[0]);
    const char *slash = strrchr(c->path, '/');
    c->name = slash ? slash + 1 : c->path;
    c->gone = gone;
    c->arg = arg;
    c->out = TAKE_FD(ours);
    io_set_nonblock(c->out);
    ev_io_init(&c->output, on_output, c->out, EV_READ);
    c->output.data = c;
    ev_io_start(loop, &c->output);
    c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    if (c->pidfd < 0) {
        err_set(err, ERR_IO, "pidfd of %s: %m", c->name);
        child_free(c);
        return NULL;
    }
    fcntl(c->pidfd, F_SETFD, FD_CLOEXEC);
    ev_io_init(&c->exited, on_exited, c->pidfd, EV_READ);
    c->exited.data = c;
    ev_io_start(loop, &c->exited);
    return c;
}

pid_t
child_pid(const struct child *c)
{
    return c->pid;
}

void
child_kill(struct child *c, int signal)
{
    if (c != NULL && !c->reaped)
        kill(c->pid, signal);
}

void
child_free(struct child *c)
{
    if (c == NULL)
        return;
    if (!c->reaped) {
        kill(c->pid, SIGKILL);
        reap(c);
    }
    read_output(c);
    ev_io_stop(c->loop, &c->output);
    ev_io_stop(c->loop, &c->exited);
    if (c->pidfd >= 0)
        close(c->pidfd);
    close(c->out);
    free(c->path);
    free(c);
}
