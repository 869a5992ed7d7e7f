#include "config.h"

#include "daemon/access.h"

int
access_check(const struct request *rq, enum access_action action, struct err *err)
{
    (void)rq;
    (void)action;
    (void)err;
    return 0;
}
