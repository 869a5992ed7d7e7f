/* crumb.h - the breadcrumb page: what each thread of a runner was doing when it died.
 *
 * A memfd of evald's, mapped by both; the only shared memory there is.  A worker writes its
 * slot around every call into a plugin; a signal handler or the watchdog marks the slot it
 * blames.  evald reads the page after the runner's death, trusting nothing but the ranges
 * it checks. */
#ifndef EVALD_CRUMB_H
#define EVALD_CRUMB_H

#include <stdatomic.h>
#include <stdint.h>

#define CRUMB_SLOTS 64

enum crumb_state {
    CRUMB_IDLE,
    CRUMB_BUSY,    /* inside a plugin's callback */
    CRUMB_CRASHED, /* a signal came, or exit() was called, while inside: charge this slot */
    CRUMB_HUNG,    /* over plugin_timeout: charge this slot */
};

struct crumb {
    _Atomic uint32_t state;
    uint32_t signal; /* of CRASHED; 0: exit() */
    uint32_t plugin; /* index of the id in the order of JOB's plugins and their ids */
    int32_t  phase;  /* 0 candidate, i+1 functions[i]; -1: outside a row (open, aggregate) */
    uint32_t epoch;
    uint32_t reserved;
    uint64_t row;
    int64_t  since_ns; /* monotonic */
};

struct crumb_page {
    struct crumb slots[CRUMB_SLOTS];
};

#endif
