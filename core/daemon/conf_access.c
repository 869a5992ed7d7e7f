#include "config.h"

#include <grp.h>
#include <libconfig.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "daemon/conf_access.h"

#define ID_MAX (UINT32_MAX - 1) /* the one above means "none" */

static void
add(struct conf_access *a, int to, unsigned id, enum role role)
{
    a->grants = xreallocarray(a->grants, a->n + 1, sizeof *a->grants);
    a->grants[a->n++] = (struct grant){ .to = to, .id = id, .role = role };
}

static void
add_usual_admins(struct conf_access *a)
{
    add(a, GRANT_USER, 0, ROLE_ADMIN);
    if (geteuid() != 0)
        add(a, GRANT_USER, geteuid(), ROLE_ADMIN);
}

void
conf_access_default(struct conf_access *ret)
{
    *ret = (struct conf_access){ NULL, 0 };
    add(ret, GRANT_ALL, 0, ROLE_RUN);
    add_usual_admins(ret);
}

void
conf_access_fini(struct conf_access *a)
{
    free(a->grants);
    *a = (struct conf_access){ NULL, 0 };
}

/* "1001" where no name is meant. */
static bool
is_number(const char *z, unsigned *ret)
{
    if (*z == '\0' || strspn(z, "0123456789") != strlen(z) || strlen(z) > 10)
        return false;
    unsigned long long n = strtoull(z, NULL, 10);
    *ret = (unsigned)n;
    return n <= ID_MAX;
}

static int
add_group(struct conf_access *a, const char *name, enum role role, struct err *err)
{
    unsigned gid;
    const struct group *g = getgrnam(name);
    if (g != NULL)
        gid = g->gr_gid;
    else if (!is_number(name, &gid))
        return err_set(err, ERR_INVALID, "there is no group \"%s\"", name);
    add(a, GRANT_GROUP, gid, role);
    return 0;
}

static int
add_name(struct conf_access *a, const char *name, enum role role, struct err *err)
{
    unsigned uid;
    if (strcmp(name, "*") == 0) {
        add(a, GRANT_ALL, 0, role);
        return 0;
    }
    if (name[0] == '@')
        return add_group(a, name + 1, role, err);
    const struct passwd *p = getpwnam(name);
    if (p != NULL)
        uid = p->pw_uid;
    else if (!is_number(name, &uid))
        return err_set(err, ERR_INVALID, "there is no user \"%s\"", name);
    add(a, GRANT_USER, uid, role);
    return 0;
}

static int
add_member(struct conf_access *a, config_setting_t *s, enum role role, struct err *err)
{
    switch (config_setting_type(s)) {
    case CONFIG_TYPE_STRING:
        return add_name(a, config_setting_get_string(s), role, err);
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64: {
        long long uid = config_setting_get_int64(s);
        if (uid < 0 || uid > (long long)ID_MAX)
            return err_set(err, ERR_INVALID, "%lld is no uid", uid);
        add(a, GRANT_USER, (unsigned)uid, role);
        return 0;
    }
    default:
        return err_set(err, ERR_INVALID, "must be the name of a user, \"@group\" or a uid");
    }
}

static int
read_role(struct conf_access *a, config_setting_t *list, enum role role,
          config_setting_t **ret_where, struct err *err)
{
    int type = config_setting_type(list);
    *ret_where = list;
    if (type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST)
        return err_set(err, ERR_INVALID, "must be a list of users and groups");
    for (int i = 0; i < config_setting_length(list); i++) {
        *ret_where = config_setting_get_elem(list, (unsigned)i);
        if (add_member(a, *ret_where, role, err) < 0)
            return -1;
    }
    return 0;
}

static enum role
role_of(const char *name)
{
    static const struct { const char *name; enum role role; } roles[] = {
        { "read", ROLE_READ }, { "run", ROLE_RUN }, { "admin", ROLE_ADMIN },
    };
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (strcmp(name, roles[i].name) == 0)
            return roles[i].role;
    return 0;
}

int
conf_access_read(struct conf_access *a, config_setting_t *section, config_setting_t **ret_where,
                 struct err *err)
{
    *ret_where = section;
    conf_access_fini(a);
    if (!config_setting_is_group(section))
        return err_set(err, ERR_INVALID, "must be a group");
    for (int i = 0; i < config_setting_length(section); i++) {
        config_setting_t *list = config_setting_get_elem(section, (unsigned)i);
        enum role role = role_of(config_setting_name(list));
        *ret_where = list;
        if (role == 0)
            return err_set(err, ERR_INVALID, "there is no such setting");
        if (read_role(a, list, role, ret_where, err) < 0)
            return -1;
    }
    if (config_setting_get_member(section, "admin") == NULL)
        add_usual_admins(a);
    return 0;
}
