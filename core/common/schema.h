/* schema.h - the JSON Schema subset of plugin params.
 *
 * Keywords: type (a name or an array of names), const, enum, properties, required,
 * additionalProperties (boolean), items (one schema), minItems, maxItems, minLength,
 * maxLength (code points), minimum, maximum, exclusiveMinimum, exclusiveMaximum, default,
 * and the annotations title, description, evald:model (true: the string names a model or a
 * role; who applies the schema looks it up, schema_each_model) and evald:empty_is_default (true,
 * of aggregation_functions: an empty list means the function's own).  Any other keyword makes the
 * schema invalid: a rule that is not checked must not look as if it were.  An integer is a number
 * without fraction, as 3 or 3.0; NaN and infinities are never valid; const and enum take 1 for
 * 1.0. */
#ifndef EVALD_SCHEMA_H
#define EVALD_SCHEMA_H

#include "common/json.h"

/* Is this text a schema of the subset, of an object at the top?  Every default must satisfy
 * the schema it stands in, and what is required must be declared.  The error names the JSON
 * path of the place: "schema.properties.n: unknown keyword 'pattern'". */
int schema_check(struct str text, struct err *err);

enum schema_unknown {
    SCHEMA_REFUSE, /* a member that properties does not declare is an error that names it
                      (where additionalProperties is not true; below the top, a schema with
                      neither properties nor additionalProperties takes any members) */
    SCHEMA_IGNORE, /* it is dropped (as the reference implementation does) */
};

/* Validates value (NULL: JSON null) against a checked schema and fills in the defaults of
 * absent members, at every level.  A default satisfies required.  A NULL schema declares no
 * member.  Returns a new tree; NULL with an error like
 * "params.threshold: must be at most 1": where is the name that paths begin with. */
json_object *schema_apply(json_object *schema, json_object *value, enum schema_unknown unknown,
                          const char *where, struct err *err);

/* Calls fn for each string in value that stands where a checked schema says evald:model, until
 * it returns something else than 0, which is returned.  where: the path to it, as in errors:
 * "judge", "judges[2].model". */
typedef int schema_model_fn(void *arg, const char *where, const char *name);
int schema_each_model(json_object *schema, json_object *value, schema_model_fn *fn, void *arg);

#endif
