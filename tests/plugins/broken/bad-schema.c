/* A params schema with a keyword that evald does not check. */
#define BROKEN_SCHEMA "{\"type\":\"object\",\"properties\":{\"x\":{\"pattern\":\"^a\"}}}"
#include "broken.h"
