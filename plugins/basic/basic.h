/* basic.h - the scorers of provider basic that compare one answer with another. */
#ifndef EVALD_PLUGIN_BASIC_H
#define EVALD_PLUGIN_BASIC_H

#include <evald/plugin.h>

extern const struct evald_plugin basic_equality, basic_subset_of; /* equality.c */
extern const struct evald_plugin basic_multiple_choice;           /* multiple_choice.c */
extern const struct evald_plugin basic_math;                      /* math.c */
extern const struct evald_plugin basic_docvqa;                    /* docvqa.c */

/* Of those without parameters.  As the reference has it any are taken, and change nothing. */
#define BASIC_SCHEMA \
    "{\"type\":\"object\",\"additionalProperties\":true," \
    "\"description\":\"No parameters of its own; any are ignored.\"}"
#define BASIC_DEFAULTS "{\"type\":\"basic\",\"aggregation_functions\":[\"accuracy\"]}"
#define BASIC_METRICS  "{\"score\":{\"range\":[0,1],\"better\":\"higher\"}}"

#endif
