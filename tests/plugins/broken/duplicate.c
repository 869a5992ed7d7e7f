/* The id of a plugin that comes with evald. */
#define BROKEN_ID "basic::equality"
#include "broken.h"
