#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/log.h"
#include "common/mem.h"
#include "daemon/peer.h"

#define FEW_GROUPS 64 /* more are asked for again, now that their number is known */

/* The kernel is at least of 5.6 (openat2), so it knows SO_PEERGROUPS. */
static void
read_groups(int fd, struct peer *p)
{
    socklen_t len = FEW_GROUPS * sizeof *p->groups;
    p->groups = xmalloc(len);
    int rc = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, p->groups, &len);
    if (rc < 0 && errno == ERANGE) {
        p->groups = xreallocarray(p->groups, len, 1);
        rc = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, p->groups, &len);
    }
    if (rc < 0) {
        log_warning("cannot tell the groups of a caller uid=%u: %m", (unsigned)p->uid);
        len = 0;
    }
    p->n_groups = len / sizeof *p->groups;
    if (p->n_groups == 0) {
        free(p->groups);
        p->groups = NULL;
    }
}

void
peer_of(int fd, struct peer *ret)
{
    struct ucred cred;
    socklen_t len = sizeof cred;
    *ret = (struct peer){ .uid = PEER_NOBODY, .gid = (gid_t)-1 };
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0) {
        log_warning("cannot tell who calls: %m");
        return;
    }
    ret->uid = cred.uid;
    ret->gid = cred.gid;
    read_groups(fd, ret);
}

void
peer_fini(struct peer *p)
{
    free(p->groups);
    p->groups = NULL;
    p->n_groups = 0;
}
