/* validate.h - requests are checked against declared types, not by hand.
 *
 * The rules are those of pydantic's lax mode: strings are not coerced, integers
 * may be integral floats or numeric strings, unknown members are dropped, unions are chosen
 * by an exact tag.  All errors of a request are collected, in the order of the fields, as
 * items {"loc","msg","type"}.  The result is a new tree with the defaults
 * filled in; rows stay the text that came. */
#ifndef EVALD_VALIDATE_H
#define EVALD_VALIDATE_H

#include "common/json.h"

enum type_kind {
    TYPE_ANY,
    TYPE_STRING, /* any text */
    TYPE_NAME,   /* text that names something: no NUL character */
    TYPE_INT,    /* of 64 bits */
    TYPE_NUMBER, /* finite; the result is a double */
    TYPE_BOOL,
    TYPE_ENUM,    /* one of words */
    TYPE_LITERAL, /* the same with the error of a constant */
    TYPE_DICT,    /* any object */
    TYPE_ARRAY,   /* of of */
    TYPE_MAP,     /* object: any name -> of */
    TYPE_OBJECT,  /* fields */
    TYPE_UNION,   /* object whose member "type" chooses a variant */
    TYPE_CHOICE,  /* the first variant that fits; the tags are labels in loc */
    TYPE_ROWS,    /* array of objects, kept as text: its place is in raw_paths of the body */
};

struct errors;
struct loc;

struct field {
    const char *name;
    const struct type *type;
    const char *otherwise; /* JSON text of the default; NULL: left out when absent (or null) */
    bool required, nullable;
};

struct variant {
    const char *tag;
    const struct type *type;
};

/* A tag that is missing may be told by a member that only that variant has. */
struct guess {
    const char *member, *tag;
};

enum { BOUND_GT = 1, BOUND_GE = 2, BOUND_LE = 4 };

struct type {
    enum type_kind kind;
    const char *name; /* of its schema in openapi.json; NULL: it stands where it is used */
    unsigned bounds; /* BOUND_*: which of these count */
    double gt, ge, le;
    size_t min_len, max_len; /* characters of a string, items of an array; max 0: no limit */
    const char *const *words;       /* NULL-terminated */
    const struct type *of;
    const struct field *fields;     /* ended by a field without name */
    bool open;                      /* OBJECT: unknown members are kept */
    bool nullable_items;            /* ARRAY, MAP: null is an element too */
    const struct variant *variants; /* ended by one without tag */
    const struct guess *guesses;    /* NULL, or ended by one without member */
    /* OBJECT: what no field can say alone; called when all fields were right. */
    void (*check)(json_object *out, struct errors *errors, const struct loc *at);
};

/* The body of a request: an object with these fields. */
struct body_type {
    const struct type *type;
    const char *const *raw_paths; /* NULL-terminated, or NULL */
    /* Before validation: another form of the same request, or the same object. */
    json_object *(*prepare)(json_object *body /* taken */);
};

/* Both return the checked tree, or NULL after items were added to the array errors.
 * The query is what stands behind '?', still encoded; a repeated name takes its last value.
 * NULL fields: an empty object. */
json_object *validate_body(const struct body_type *type, struct str body, json_object *errors);
json_object *validate_query(const struct field *fields, struct str query, json_object *errors);

/* For check functions. */
void validate_error(struct errors *errors, const struct loc *at, const char *type,
                    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* "body.rows.3: Input should be a valid dictionary; ..." onto t. */
void validate_put_message(struct text *t, json_object *errors);

#endif
