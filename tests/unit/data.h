/* data.h - files of tests/unit/data, and JSON values in one spelling. */
#ifndef EVALD_TEST_DATA_H
#define EVALD_TEST_DATA_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/io.h"
#include "common/jtext.h"
#include "common/mem.h"

/* The whole file; free it.  Automake tells tests where the source is. */
static inline struct str
data_read(const char *name)
{
    const char *top = getenv("srcdir");
    CLEANUP_FREE char *path = xasprintf("%s/tests/unit/data/%s", top != NULL ? top : ".", name);
    struct err err;
    size_t len;
    char *p = io_read_file(AT_FDCWD, path, 64u << 20, &len, &err);
    if (p == NULL) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
    return (struct str){ p, len };
}

/* Compact, strings without needless escapes, numbers as they stand. */
static inline void
data_canon(struct text *t, struct jval v)
{
    struct jiter it = jtext_iter(v);
    struct str key;
    struct jval val;
    bool first = true;
    if (v.kind == J_STRING) {
        CLEANUP_TEXT struct text s = TEXT_INIT;
        jtext_decode(&s, v.raw);
        jtext_put_string(t, text_str(&s));
    } else if (v.kind == J_ARRAY || v.kind == J_OBJECT) {
        text_putc(t, v.raw.ptr[0]);
        for (; jtext_next(&it, &key, &val); first = false) {
            if (!first)
                text_putc(t, ',');
            if (v.kind == J_OBJECT) {
                data_canon(t, (struct jval){ J_STRING, key });
                text_putc(t, ':');
            }
            data_canon(t, val);
        }
        text_putc(t, v.raw.ptr[v.raw.len - 1]);
    } else {
        text_put_str(t, v.raw);
    }
}

#endif
