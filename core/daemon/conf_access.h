/* conf_access.h - the section "access" of evald.conf(5): who has which role. */
#ifndef EVALD_CONF_ACCESS_H
#define EVALD_CONF_ACCESS_H

#include <stddef.h>

#include "common/err.h"

struct config_setting_t;

enum role {
    ROLE_READ = 1,  /* sees everything, changes nothing */
    ROLE_RUN = 2,   /* evaluates and registers; sees what is shared, and its own jobs */
    ROLE_ADMIN = 4, /* may do everything to everything */
};

struct grant {
    enum { GRANT_ALL, GRANT_USER, GRANT_GROUP } to;
    unsigned id; /* uid or gid */
    enum role role;
};

struct conf_access {
    struct grant *grants;
    size_t n;
};

/* Without the section: everybody runs; root, and the user that evald runs as, are
 * administrators.  These two are also who "admin" means where the section has none. */
void conf_access_default(struct conf_access *ret);

/* Reads the section into *a, in the place of what is there.  Names are looked up in the
 * databases of users and groups, which may take its time.  ERR_INVALID with a text that wants
 * its place in front: that of *ret_where. */
int conf_access_read(struct conf_access *a, struct config_setting_t *section,
                     struct config_setting_t **ret_where, struct err *err);

void conf_access_fini(struct conf_access *a);

#endif
