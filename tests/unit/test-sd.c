/* The service manager's two protocols. */
#include "config.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/sd.h"
#include "tap.h"
#include "tmpdir.h"

static int
bound(int type, const char *name, size_t n)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    memcpy(sun.sun_path, name, n);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&sun,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
        printf("Bail out! bind: %m\n");
    return fd;
}

static void
hears(int fd, const char *want)
{
    char buf[200] = { 0 };
    ssize_t n = recv(fd, buf, sizeof buf - 1, MSG_DONTWAIT);
    is_str(n < 0 ? NULL : buf, want, "the service manager hears %s",
           want != NULL ? "it" : "nothing");
}

static void
test_notify(void)
{
    struct err err;
    int listener;
    const char *path = tmp("notify");
    int fd = bound(SOCK_DGRAM, path, strlen(path));
    setenv("NOTIFY_SOCKET", path, 1);
    is_int(sd_init(&listener, &err), 0, "a path");
    ok(getenv("NOTIFY_SOCKET") == NULL, "the variable is gone");
    sd_tell("READY=1\nSTATUS=%d jobs", 3);
    hears(fd, "READY=1\nSTATUS=3 jobs");
    close(fd);
    sd_tell("STATUS=nobody is there");

    char name[60] = "";
    int n = snprintf(name + 1, sizeof name - 1, "evald-test-%d", (int)getpid());
    fd = bound(SOCK_DGRAM, name, (size_t)n + 1);
    name[0] = '@';
    setenv("NOTIFY_SOCKET", name, 1);
    sd_init(&listener, &err);
    sd_tell("STOPPING=1");
    hears(fd, "STOPPING=1");
    setenv("NOTIFY_SOCKET", "relative", 1);
    sd_init(&listener, &err);
    sd_tell("READY=1");
    unsetenv("NOTIFY_SOCKET");
    sd_init(&listener, &err);
    sd_tell("READY=1");
    hears(fd, NULL);
    close(fd);
}

/* What sd_init makes of fd as descriptor 3. */
static int
handed(int fd, const char *count, int pid, int *ret, struct err *err)
{
    char text[20];
    snprintf(text, sizeof text, "%d", pid);
    if (fd >= 0)
        dup2(fd, 3);
    setenv("LISTEN_PID", text, 1);
    setenv("LISTEN_FDS", count, 1);
    setenv("LISTEN_FDNAMES", "x", 1);
    *ret = -2;
    return sd_init(ret, err);
}

static void
test_listen(void)
{
    struct err err;
    int got, pid = (int)getpid();
    int keep = dup(0); /* descriptor 3 is free for the test from here on */
    const char *path = tmp("listen");
    int fd = bound(SOCK_STREAM, path, strlen(path));
    is_int(handed(fd, "1", pid, &got, &err), -1, "a socket that does not listen");
    listen(fd, 1);
    is_int(handed(fd, "1", pid, &got, &err), 0, "a listening socket");
    is_int(got, 3, "is taken");
    ok(fcntl(3, F_GETFD) & FD_CLOEXEC, "no child inherits it");
    ok(getenv("LISTEN_PID") == NULL && getenv("LISTEN_FDS") == NULL
       && getenv("LISTEN_FDNAMES") == NULL, "the variables are gone");
    is_int(handed(fd, "1", pid + 1, &got, &err), 0, "meant for another process");
    is_int(got, -1, "it is not ours");
    is_int(handed(fd, "0", pid, &got, &err), 0, "none");
    is_int(got, -1, "is none");
    is_int(handed(fd, "1x", pid, &got, &err), 0, "no number");
    is_int(got, -1, "is none");
    is_int(handed(fd, "2", pid, &got, &err), -1, "two");
    is_str(err.text, "the service manager passed 2 sockets, not one", "are refused");
    int datagram = bound(SOCK_DGRAM, tmp("dgram"), strlen(tmp("dgram")));
    is_int(handed(datagram, "1", pid, &got, &err), -1, "another kind of socket");
    int inet = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (inet >= 0 && listen(inet, 1) == 0)
        is_int(handed(inet, "1", pid, &got, &err), -1, "another family");
    int dir = open(tmpdir(), O_RDONLY | O_CLOEXEC);
    is_int(handed(dir, "1", pid, &got, &err), -1, "no socket at all");
    is_str(err.text, "what the service manager passed is no listening AF_UNIX stream socket",
           "the error");
    (void)keep;
}

int
main(void)
{
    test_notify();
    test_listen();
    return tap_done();
}
