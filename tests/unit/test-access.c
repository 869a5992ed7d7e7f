/* Who calls, which roles that gives, and what they allow. */
#include "config.h"

#include <grp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "daemon/access.h"
#include "tap.h"

static struct err err;

/* ---- who calls ---- */

static void
test_self(void)
{
    int fds[2];
    struct peer p;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        exit(1);
    peer_of(fds[0], &p);
    is_int(p.uid, geteuid(), "the uid of the other end");
    is_int(p.gid, getegid(), "its primary group");
    is_int(p.n_groups, getgroups(0, NULL), "its other groups");
    peer_fini(&p);
    close(fds[0]);
    close(fds[1]);
    peer_of(0x7fffff, &p);
    ok(p.uid == PEER_NOBODY && p.n_groups == 0, "whom the kernel does not name is nobody");
    peer_fini(&p);
}

/* In a process of other groups: the exit status is 0 when all of them are seen. */
static int
see_groups(size_t n)
{
    pid_t pid = fork();
    if (pid != 0) {
        int status = -1;
        waitpid(pid, &status, 0);
        return status;
    }
    gid_t groups[200];
    struct peer p;
    int fds[2];
    for (size_t i = 0; i < n; i++)
        groups[i] = (gid_t)(20000 + i);
    if (setgroups(n, groups) < 0 || setgid(30000) < 0 || setuid(30001) < 0
        || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
        _exit(2);
    peer_of(fds[0], &p);
    bool good = p.uid == 30001 && p.gid == 30000 && p.n_groups == n;
    for (size_t i = 0; good && i < n; i++)
        good = p.groups[i] == groups[i];
    _exit(good ? 0 : 1);
}

static void
test_groups(void)
{
    if (geteuid() != 0) {
        skip("only root can change its groups");
        return;
    }
    static const size_t counts[] = { 0, 1, 63, 64, 65, 200 };
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        is_int(see_groups(counts[i]), 0, "%zu groups", counts[i]);
}

/* ---- which roles that gives ---- */

static gid_t some_groups[] = { 100, 101, 102 };

static unsigned
roles(struct grant g, struct peer p)
{
    struct conf_access a = { .grants = &g, .n = 1 };
    return access_roles(&a, &p);
}

static void
test_roles(void)
{
    struct peer p = { .uid = 1000, .gid = 50, .groups = some_groups, .n_groups = 3 };
    is_int(roles((struct grant){ GRANT_USER, 1000, ROLE_RUN }, p), ROLE_RUN, "a uid");
    is_int(roles((struct grant){ GRANT_USER, 1001, ROLE_RUN }, p), 0, "another uid");
    is_int(roles((struct grant){ GRANT_GROUP, 50, ROLE_READ }, p), ROLE_READ, "primary group");
    is_int(roles((struct grant){ GRANT_GROUP, 102, ROLE_READ }, p), ROLE_READ, "another one");
    is_int(roles((struct grant){ GRANT_GROUP, 1000, ROLE_READ }, p), 0, "a uid is no gid");
    is_int(roles((struct grant){ GRANT_USER, 50, ROLE_READ }, p), 0, "a gid is no uid");
    is_int(roles((struct grant){ GRANT_ALL, 0, ROLE_ADMIN }, p), ROLE_ADMIN, "everybody");
    struct peer nobody = { .uid = PEER_NOBODY, .gid = (gid_t)-1 };
    is_int(roles((struct grant){ GRANT_ALL, 0, ROLE_RUN }, nobody), 0,
           "but not one whom the kernel does not name");

    struct grant all[] = { { GRANT_USER, 1000, ROLE_READ }, { GRANT_GROUP, 101, ROLE_RUN },
                           { GRANT_GROUP, 9, ROLE_ADMIN } };
    struct conf_access a = { .grants = all, .n = 3 }, none = { NULL, 0 };
    is_int(access_roles(&a, &p), ROLE_READ | ROLE_RUN, "roles add up");
    is_int(access_roles(&none, &p), 0, "nobody has a role");
    is_int(access_roles(&a, NULL), 0, "a caller who has gone has none");

    struct conf_access usual;
    conf_access_default(&usual);
    struct peer root = { .uid = 0 }, self = { .uid = geteuid() }, other = { .uid = 4000000 };
    is_int(access_roles(&usual, &root), ROLE_RUN | ROLE_ADMIN, "by default root may do all");
    is_int(access_roles(&usual, &self), ROLE_RUN | ROLE_ADMIN, "and evald's own user");
    is_int(access_roles(&usual, &other), ROLE_RUN, "everybody else runs");
    conf_access_fini(&usual);
}

/* ---- what they allow ---- */

static bool
allowed(unsigned roles_of_caller, enum access_action action)
{
    struct request rq = { .uid = 1000, .roles = roles_of_caller };
    return access_check(&rq, action, &err) == 0;
}

static void
test_actions(void)
{
    static const struct { unsigned roles; bool nothing, read, run, change; } want[] = {
        { 0, true, false, false, false },
        { ROLE_READ, true, true, false, false },
        { ROLE_RUN, true, true, true, true },
        { ROLE_READ | ROLE_RUN, true, true, true, true },
        { ROLE_ADMIN, true, true, true, true },
    };
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        ok(allowed(want[i].roles, ACCESS_NOTHING) == want[i].nothing
               && allowed(want[i].roles, ACCESS_READ) == want[i].read
               && allowed(want[i].roles, ACCESS_RUN) == want[i].run
               && allowed(want[i].roles, ACCESS_CHANGE) == want[i].change,
           "what roles %u allow", want[i].roles);
    allowed(0, ACCESS_READ);
    is_int(err.code, ERR_DENIED, "the code");
    is_str(err.text, "uid 1000 has no role in this evald", "the text names the uid");
    allowed(ROLE_READ, ACCESS_RUN);
    is_str(err.text, "uid 1000 may look at things, but neither run nor change any",
           "and a reader is told what is missing");
}

static void
test_things(void)
{
    struct request rq = { .uid = 1000, .roles = ROLE_RUN };
    ok(access_sees(&rq, 1000) && !access_sees(&rq, 1001), "one's own job, not another's");
    is_int(access_owns(&rq, 1000, "dataset 'x'", &err), 0, "one's own data set");
    is_int(access_owns(&rq, 1001, "dataset 'x'", &err), -1, "not another's");
    is_int(err.code, ERR_DENIED, "the code");
    is_str(err.text, "dataset 'x' belongs to somebody else", "the owner is not told");
    rq.roles = ROLE_READ;
    ok(access_sees(&rq, 1001), "a reader sees the jobs of all");
    is_int(access_owns(&rq, 1001, "job 1", &err), -1, "and owns none of them");
    rq.roles = ROLE_ADMIN;
    ok(access_sees(&rq, 1001), "so does an administrator");
    is_int(access_owns(&rq, 1001, "job 1", &err), 0, "as if all were theirs");
}

int
main(void)
{
    test_self();
    test_groups();
    test_roles();
    test_actions();
    test_things();
    return tap_done();
}
