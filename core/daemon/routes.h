/* routes.h - every route of the API, and the way from a request to its handler.
 *
 * A path is level + template.  It is percent-decoded before it is matched: {x} takes one or
 * more characters but no '/', {x:path} the whole rest, even nothing. */
#ifndef EVALD_ROUTES_H
#define EVALD_ROUTES_H

#include "daemon/access.h"
#include "daemon/operations.h"
#include "daemon/request.h"
#include "daemon/validate.h"

struct route {
    const char *method, *path;
    unsigned levels;     /* enum level, or'ed */
    unsigned deprecated; /* those of them that are deprecated aliases */
    void (*handler)(struct request *rq);
    enum access_action action;
    const struct body_type *body; /* NULL: none is read */
    const struct field *query;    /* NULL: none */
    const char *api;              /* whose providers serve it, or NULL: evald itself */
    const struct operation *op;
};

const struct route *routes_at(size_t i); /* NULL at the end */
const char *level_name(enum level level);   /* "v1alpha"; "" for none */
const char *level_prefix(enum level level); /* "/v1alpha" */

enum routes_found {
    ROUTES_FOUND,
    ROUTES_NONE,
    ROUTES_OTHER_METHODS, /* *more: "GET, POST" */
    ROUTES_REDIRECT,      /* *more: the path without the slashes at its end, encoded */
};

struct routes_match {
    const struct route *route;
    enum level level;
    char *params[REQUEST_PARAMS]; /* yours */
};

/* path: decoded. */
enum routes_found routes_find(const char *method, const char *path, struct routes_match *ret,
                              struct text *more);

/* Percent-decodes a path; ERR_INVALID when the result is not UTF-8 or has a NUL.  Escapes
 * that are none stay as they are. */
int routes_decode(struct str path, struct text *ret, struct err *err);

/* For server_options: finds the route, checks access, query and body, calls the handler. */
void routes_dispatch(struct request *rq);

#endif
