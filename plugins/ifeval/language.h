/* language.h - which language a text is in.
 *
 * The languages are the 55 that Python's langdetect knows, by its codes ("en", "zh-cn").  Its
 * profiles, as the distribution ships them, are compiled in; how they are used is told in
 * language.c.  The same text always gives the same answer.  Any thread; nothing is allocated. */
#ifndef EVALD_IFEVAL_LANGUAGE_H
#define EVALD_IFEVAL_LANGUAGE_H

#include <evald/plugin.h>

/* A static string; NULL: there is nothing to tell it by, such as no letters. */
const char *language_detect(struct evald_str text);

/* The language of most lines (parts between line feeds that have four characters or more
 * without the blanks around them); of several with as many lines, the one that comes first.
 * "en" when no line tells. */
const char *language_of_lines(struct evald_str text);

#endif
