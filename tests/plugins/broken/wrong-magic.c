/* The symbol is there, but what it points to is something else. */
#define BROKEN_MAGIC 0x1badf00du
#include "broken.h"
