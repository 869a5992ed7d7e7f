#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io.h"
#include "common/mem.h"
#include "daemon/probe.h"

extern char **environ;

static int
spawn(const char *runner, const char *file, int out, pid_t *ret_pid)
{
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t at;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&fa, out, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&fa, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&fa, STDERR_FILENO + 1);
    posix_spawnattr_init(&at);
    posix_spawnattr_setpgroup(&at, 0);
    posix_spawnattr_setsigmask(&at, &none);
    posix_spawnattr_setsigdefault(&at, &all);
    posix_spawnattr_setflags(&at, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK
                             | POSIX_SPAWN_SETSIGDEF);
    char arg[] = "--probe";
    CLEANUP_FREE char *arg0 = xstrdup(runner), *arg2 = xstrdup(file);
    char *argv[] = { arg0, arg, arg2, NULL };
    int rc = posix_spawn(ret_pid, runner, &fa, &at, argv, environ);
    posix_spawn_file_actions_destroy(&fa);
    posix_spawnattr_destroy(&at);
    return rc;
}

static void
probe_start(struct probe *p, const char *runner)
{
    int ends[2];
    p->fd = p->pidfd = -1;
    if (pipe2(ends, O_CLOEXEC) < 0) {
        p->why = xasprintf("cannot be probed: %m");
        return;
    }
    CLEANUP_CLOSE int in = ends[0], out = ends[1];
    int rc = spawn(runner, p->path, out, &p->pid);
    if (rc != 0) {
        p->why = xasprintf("cannot be probed: %s: %s", runner, strerror(rc));
        return;
    }
    p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
    if (p->pidfd < 0) {
        p->why = xasprintf("cannot be probed: pidfd: %m");
        kill(-p->pid, SIGKILL);
        waitpid(p->pid, NULL, 0);
        return;
    }
    io_set_nonblock(in);
    p->fd = TAKE_FD(in);
    p->deadline_ns = time_mono_ns() + PROBE_TIMEOUT_MS * INT64_C(1000000);
}

/* The group goes with its leader, who is not reaped yet: its id is still ours. */
static void
probe_kill(struct probe *p, char *why)
{
    if (p->why == NULL)
        p->why = TAKE(why);
    free(why);
    kill(-p->pid, SIGKILL);
    p->deadline_ns = INT64_MAX;
}

static void
probe_read(struct probe *p)
{
    char buf[16384];
    while (p->fd >= 0) {
        ssize_t n = read(p->fd, buf, sizeof buf);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            close(TAKE_FD(p->fd));
            return;
        }
        if (p->why != NULL)
            continue;
        if (p->output.len + (size_t)n > PROBE_OUTPUT_MAX) {
            probe_kill(p, xasprintf("printed more than %u bytes when it was probed",
                                    PROBE_OUTPUT_MAX));
            return;
        }
        text_put(&p->output, buf, (size_t)n);
    }
}

static void
probe_end(struct probe *p)
{
    probe_read(p); /* what it printed last */
    kill(-p->pid, SIGKILL); /* what it left behind, which may hold the pipe */
    int status = 0;
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (p->why == NULL && WIFSIGNALED(status))
        p->why = xasprintf("crashed when it was probed: signal %s",
                           sigabbrev_np(WTERMSIG(status)));
    if (p->why == NULL && p->output.len == 0)
        p->why = xasprintf("said nothing when it was probed (exit status %d)",
                           WEXITSTATUS(status));
    if (p->fd >= 0)
        close(TAKE_FD(p->fd));
    close(TAKE_FD(p->pidfd));
}

/* Waits for output, an end or a deadline of one of running[0..n). */
static void
wait_some(struct probe **running, size_t n)
{
    struct pollfd fds[2 * PROBE_PARALLEL];
    int64_t now = time_mono_ns(), first = INT64_MAX;
    for (size_t i = 0; i < n; i++) {
        struct probe *p = running[i];
        if (p->deadline_ns <= now)
            probe_kill(p, xasprintf("took longer than %d s to be probed",
                                    PROBE_TIMEOUT_MS / 1000));
        if (p->deadline_ns < first)
            first = p->deadline_ns;
        fds[2 * i] = (struct pollfd){ .fd = p->fd, .events = POLLIN };
        fds[2 * i + 1] = (struct pollfd){ .fd = p->pidfd, .events = POLLIN };
    }
    int64_t wait_ms = first == INT64_MAX ? -1 : (first - now) / 1000000 + 1;
    if (poll(fds, 2 * n, (int)wait_ms) <= 0)
        return;
    for (size_t i = 0; i < n; i++) {
        if (fds[2 * i].revents != 0)
            probe_read(running[i]);
        if (fds[2 * i + 1].revents != 0)
            probe_end(running[i]);
    }
}

void
probe_all(const char *libexec_dir, struct probe *probes, size_t n)
{
    CLEANUP_FREE char *runner = xasprintf("%s/evald-runner", libexec_dir);
    struct probe *running[PROBE_PARALLEL];
    size_t next = 0, n_running = 0;
    while (next < n || n_running > 0) {
        while (next < n && n_running < PROBE_PARALLEL) {
            struct probe *p = &probes[next++];
            probe_start(p, runner);
            if (p->pidfd >= 0)
                running[n_running++] = p;
        }
        if (n_running > 0)
            wait_some(running, n_running);
        size_t kept = 0;
        for (size_t i = 0; i < n_running; i++)
            if (running[i]->pidfd >= 0)
                running[kept++] = running[i];
        n_running = kept;
    }
}
