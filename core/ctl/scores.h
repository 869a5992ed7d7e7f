/* scores.h - the table of candidate x scorer, from the "statistics" of results. */
#ifndef EVALD_CTL_SCORES_H
#define EVALD_CTL_SCORES_H

#include <stdio.h>

#include "common/json.h"

struct scores;

struct scores *scores_new(void);
void scores_free(struct scores *s);

/* Adds the lines of one job: one for each scorer of its result, an EvaluateResponse. */
int scores_add_result(struct scores *s, const char *candidate, const char *job,
                      struct str result, struct err *err);
/* Adds a line that says why a job has no scores: "failed", "cancelled". */
void scores_add_missing(struct scores *s, const char *candidate, const char *job,
                        const char *why);
size_t scores_count(const struct scores *s); /* lines */
void scores_print(const struct scores *s, FILE *to);

#endif
