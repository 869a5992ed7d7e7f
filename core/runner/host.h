/* host.h - the host's side of <evald/plugin.h>: call handles, fields, instances.
 *
 * Every call into a plugin goes through host_open(), host_close(), host_aggregate() or
 * task.c; a struct call is the handle such a call gets.  One call handle per thread, used
 * for one call after another. */
#ifndef EVALD_HOST_H
#define EVALD_HOST_H

#include <evald/plugin.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/jtext.h"
#include "common/text.h"
#include "runner/arena.h"
#include "runner/load.h"

struct task;

/* What a task emits: the members of an object, without braces, in order. */
struct fields {
    struct text json;      /* "score":1.0,"metadata":{} */
    struct field *list;    /* in order */
    uint32_t n, room;
};
struct field {
    uint32_t name, name_len;   /* the literal with quotes, in json */
    uint32_t value, value_len; /* the value, in json */
};
void fields_clear(struct fields *f);
void fields_fini(struct fields *f);
/* The value of a field; kind J_ABSENT when it is not there. */
struct jval fields_get(const struct fields *f, struct str name);

#define CALL_PARSES 4
#define CALL_WALKS  8
#define CALL_GIVEN  8
#define FIELDS_MAX  (32u << 20) /* bytes that one task may emit: a record must fit a frame */

/* The handle: base first, the rest is the host's. */
struct call {
    struct evald_call base;
    struct arena *arena;       /* of the row, or of the instance in open() */
    struct arena *values;      /* what get(), each() and quote() give: the same, but in
                                  aggregate(), where it goes with each line */
    const struct plugin *plugin;
    struct fields *fields;     /* where field() puts; NULL: not here */
    struct task *task;         /* whose step() runs; NULL: ask() is not allowed */
    struct text why;           /* what fail() was told */
    bool bug;                  /* a host function refused; why says what */
    /* evald_log of this call; NULL: to stderr */
    void (*log)(void *arg, const struct plugin *p, int level, struct str text);
    void *log_arg;
    /* next_scored() of aggregate(): 1 with a line, 0 at the end */
    int (*next_scored)(void *arg, struct str *ret_json);
    void *scored_arg;
    struct text scratch;       /* of one host function */
    struct str trusted;        /* checked text that get() need not check again */
    const struct evald_value *cols; /* and such of the row's columns; NULL: none */
    size_t n_cols;
    struct str given[CALL_GIVEN]; /* and the last containers that get() and each() gave */
    unsigned n_given;          /* how many there were */
    struct parse {
        const char *ptr;
        size_t len;
        uint64_t hash;
        uint64_t used;         /* when; the one used longest ago makes room */
        struct jval value;
    } parses[CALL_PARSES];
    /* Of texts that each() is walking: what is read of their elements does not push them out */
    struct parse walks[CALL_WALKS];
    uint64_t uses;
};
void call_init(struct call *c);
void call_fini(struct call *c);
/* Ready for the next call into p: nothing failed, nothing remembered. */
void call_begin(struct call *c, const struct plugin *p, struct arena *a);
/* Why the last call failed, on one line, valid until the next; otherwise: what it is when
 * nothing was said. */
struct str call_why(struct call *c, const char *otherwise);

/* One plugin with its params: a scoring function, a model.  Zeroed, then host_open(). */
struct instance {
    struct plugin *plugin;
    char *id;              /* of the function or model; owned */
    void *self;
    bool opened;
    bool endpoint;         /* a model that evald.conf gives an endpoint: may ask HTTP */
    struct arena arena;    /* until close */
    pthread_mutex_t gate;  /* EVALD_INSTANCE: held across its calls */
    bool gate_made;
};

/* What stands around every call into a plugin: the breadcrumb of the thread.  NULL: none. */
extern void (*host_enter)(const struct plugin *p, int32_t phase, uint64_t row, uint32_t epoch);
extern void (*host_leave)(void);
/* The same around the loading of a file; crumb: of its first plugin. */
extern void (*host_enter_load)(uint32_t crumb);

/* Takes the gates that the plugin's thread model wants; leave in reverse order. */
void host_lock(struct instance *in);
void host_unlock(struct instance *in);

/* Opens an instance: id is copied; params is a JSON object.  ERR_INVALID when open() says
 * EVALD_E_CONFIG (the text is the plugin's), else ERR_PLUGIN.  On failure in is zeroed. */
int host_open(struct call *c, struct instance *in, struct plugin *p, const char *id,
              struct str params, struct err *err);
void host_close(struct instance *in); /* zeroed or opened */

/* aggregate(): fields become f.  next_scored of c must be set.  ERR_PLUGIN, or ERR_INVALID. */
int host_aggregate(struct call *c, struct instance *in, struct fields *f, struct err *err);

/* Makes what a plugin sees of a value: strings decoded, all with NUL behind, in the arena. */
struct evald_value host_value(struct arena *a, struct jval v);

/* "bad_row", "remote", "timeout", "plugin", "config": the API's code of a status. */
const char *host_code(int32_t status);

/* evald's version as the ABI counts it, 0xMMmmpp. */
uint32_t host_version(void);

#endif
