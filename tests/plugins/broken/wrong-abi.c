/* Made for an ABI that does not exist yet. */
#define BROKEN_ABI (EVALD_ABI + 1)
#include "broken.h"
