#include "config.h"

#include "daemon/access.h"

static bool
is_in_group(const struct peer *peer, gid_t gid)
{
    if (peer->gid == gid)
        return true;
    for (size_t i = 0; i < peer->n_groups; i++)
        if (peer->groups[i] == gid)
            return true;
    return false;
}

static bool
is_meant(const struct grant *g, const struct peer *peer)
{
    switch (g->to) {
    case GRANT_ALL: return true;
    case GRANT_USER: return peer->uid == g->id;
    case GRANT_GROUP: return is_in_group(peer, g->id);
    }
    return false;
}

unsigned
access_roles(const struct conf_access *a, const struct peer *peer)
{
    unsigned roles = 0;
    if (peer == NULL || peer->uid == PEER_NOBODY)
        return 0;
    for (size_t i = 0; i < a->n; i++)
        if (!(roles & a->grants[i].role) && is_meant(&a->grants[i], peer))
            roles |= a->grants[i].role;
    return roles;
}

int
access_check(const struct request *rq, enum access_action action, struct err *err)
{
    if (action == ACCESS_NOTHING)
        return 0;
    if (rq->roles == 0)
        return err_set(err, ERR_DENIED, "uid %u has no role in this evald", (unsigned)rq->uid);
    if (action == ACCESS_READ || (rq->roles & (ROLE_RUN | ROLE_ADMIN)))
        return 0;
    return err_set(err, ERR_DENIED, "uid %u may look at things, but neither run nor change any",
                   (unsigned)rq->uid);
}

bool
access_sees(const struct request *rq, uid_t owner)
{
    return rq->uid == owner || (rq->roles & (ROLE_READ | ROLE_ADMIN));
}

int
access_owns(const struct request *rq, uid_t owner, const char *what, struct err *err)
{
    if (rq->uid == owner || (rq->roles & ROLE_ADMIN))
        return 0;
    return err_set(err, ERR_DENIED, "%s belongs to somebody else", what);
}
