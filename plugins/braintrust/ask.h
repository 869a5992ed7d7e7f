/* ask.h - a judge that is made to call a function: the request, and its reading. */
#ifndef EVALD_PLUGIN_BRAINTRUST_ASK_H
#define EVALD_PLUGIN_BRAINTRUST_ASK_H

#include "work.h"

struct function {
    const char *name, *description;
    const char *parameters; /* JSON Schema of its arguments */
    const char *sampling;   /* JSON object */
};

/* What goes into a prompt in place of {name}; an array of them ends with a NULL name. */
struct slot {
    const char *name;
    struct evald_str value;
};

/* Asks the judge, in one message of the user: the prompt with its slots filled, once and
 * unchanged.  The judge must call f.  EVALD_WAIT. */
int32_t ask_judge(struct work *w, const struct function *f, const char *prompt,
                  const struct slot *slots);

/* The arguments that the judge called f with: JSON of an object.  EVALD_E_REMOTE when there is
 * no answer, no call, a call of something else, or what is no object; a failure of the model
 * is passed on. */
int32_t ask_read(struct work *w, const struct function *f, struct evald_str *ret);

/* A member of the arguments; EVALD_E_REMOTE when it is not there. */
int32_t ask_member(struct work *w, const struct function *f, struct evald_str arguments,
                   const char *name, struct evald_value *ret);

#endif
