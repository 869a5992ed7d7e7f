/* peer.h - who holds the other end of a Unix socket, as the kernel says. */
#ifndef EVALD_PEER_H
#define EVALD_PEER_H

#include <stddef.h>
#include <sys/types.h>

#define PEER_NOBODY ((uid_t)-1) /* the kernel would not say; no user has this uid */

struct peer {
    uid_t uid;
    gid_t gid;     /* the primary group */
    gid_t *groups; /* the others; no more than n_groups, in no order */
    size_t n_groups;
};

/* As the peer was when it connected; what it has become since does not count.  What cannot be
 * told is logged, and left out: whoever is not known has no rights by it. */
void peer_of(int fd, struct peer *ret);
void peer_fini(struct peer *p);

#endif
