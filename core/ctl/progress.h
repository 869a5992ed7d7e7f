/* progress.h - how far a job is: a bar on a terminal, plain lines elsewhere; on stderr. */
#ifndef EVALD_CTL_PROGRESS_H
#define EVALD_CTL_PROGRESS_H

#include "common/json.h"

struct progress {
    bool terminal;
    const char *job, *label; /* borrowed */
    bool shown;              /* there is a bar to wipe out */
    int64_t next_line_ns;    /* not a terminal: when the next line is due */
    int64_t said_rows;       /* ... and what the last one said */
};

void progress_begin(struct progress *p, const char *job, const char *label);
/* detail: the document of GET .../detail. */
void progress_show(struct progress *p, json_object *detail);
/* Wipes out the bar and says in a line how the job ended. */
void progress_end(struct progress *p, json_object *detail);
/* Wipes out the bar: something else is about to be said. */
void progress_wipe(struct progress *p);

/* "1:02:03", "2:03", "0:03". */
void progress_format_time(double seconds, char *buf, size_t size);

#endif
