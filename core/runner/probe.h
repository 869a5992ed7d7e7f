/* probe.h - evald-runner --probe FILE: what a plugin file says of itself, as one document.
 *
 *     {"file":FILE,"plugins":[{"id","version","kind","summary","params_schema",
 *      "params_default","return_type","metrics","columns":[...],"threads"},...],"error":null}
 *
 * kind is "scorer", "agent", "model" or "source"; threads "serial", "instance" or
 * "parallel"; columns as declared, '?' included.  On refusal plugins is empty and error says
 * why in one line; also when the file crashes or hangs while it is loaded. */
#ifndef EVALD_PROBE_H
#define EVALD_PROBE_H

/* Prints the document to stdout; returns the exit status, 0 or 1. */
int probe_main(const char *file);

#endif
