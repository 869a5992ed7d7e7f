/* openapi.h - the API described by its own declarations: OpenAPI 3.1. */
#ifndef EVALD_OPENAPI_H
#define EVALD_OPENAPI_H

#include "common/json.h"

/* A new document of all routes, their requests (types.h) and answers (operations.h). */
json_object *openapi_document(void);

#endif
