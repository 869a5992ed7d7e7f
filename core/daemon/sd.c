#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/text.h"
#include "daemon/sd.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

static struct sockaddr_un notify_to;
static socklen_t notify_len; /* 0: nobody listens */

static void
take_notify_socket(void)
{
    const char *z = getenv("NOTIFY_SOCKET");
    size_t n = z != NULL ? strlen(z) : 0;
    notify_len = 0;
    if (n > 1 && n < sizeof notify_to.sun_path && (z[0] == '/' || z[0] == '@')) {
        memset(&notify_to, 0, sizeof notify_to);
        notify_to.sun_family = AF_UNIX;
        memcpy(notify_to.sun_path, z, n);
        if (z[0] == '@') /* abstract: a NUL in front, and no NUL at the end */
            notify_to.sun_path[0] = '\0';
        notify_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    }
    unsetenv("NOTIFY_SOCKET");
}

/* A decimal number of the environment; -1 when it is none. */
static long
env_number(const char *name)
{
    const char *z = getenv(name);
    char *end;
    if (z == NULL || *z < '0' || *z > '9')
        return -1;
    errno = 0;
    long n = strtol(z, &end, 10);
    return errno != 0 || *end != '\0' ? -1 : n;
}

static int
socket_option(int fd, int option)
{
    int value = -1;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value : -1;
}

int
sd_init(int *ret_fd, struct err *err)
{
    take_notify_socket();
    long pid = env_number("LISTEN_PID"), n = env_number("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    *ret_fd = -1;
    if (pid != getpid() || n <= 0)
        return 0;
    for (int fd = FIRST_FD; n <= 1024 && fd < FIRST_FD + n; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (n != 1)
        return err_set(err, ERR_INVALID, "the service manager passed %ld sockets, not one", n);
    if (socket_option(FIRST_FD, SO_DOMAIN) != AF_UNIX
        || socket_option(FIRST_FD, SO_TYPE) != SOCK_STREAM
        || socket_option(FIRST_FD, SO_ACCEPTCONN) != 1)
        return err_set(err, ERR_INVALID, "what the service manager passed is no listening "
                       "AF_UNIX stream socket");
    *ret_fd = FIRST_FD;
    return 0;
}

void
sd_tell(const char *fmt, ...)
{
    if (notify_len == 0)
        return;
    CLEANUP_TEXT struct text t = TEXT_INIT;
    va_list ap;
    va_start(ap, fmt);
    text_vputf(&t, fmt, ap);
    va_end(ap);
    CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)!sendto(fd, t.ptr, t.len, MSG_NOSIGNAL, (struct sockaddr *)&notify_to,
                      notify_len);
}
