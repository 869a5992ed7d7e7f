/* Any bytes as JSON text: what is accepted can be walked, and its compact form means the same. */
#include "config.h"

#include <assert.h>
#include <string.h>

#include "common/jtext.h"
#include "fuzz.h"

static void
walk(struct jval v, struct text *t)
{
    struct jiter it = jtext_iter(v);
    struct str key;
    struct jval val;
    size_t n = 0;
    for (; jtext_next(&it, &key, &val); n++) {
        assert(val.raw.ptr >= v.raw.ptr
               && val.raw.ptr + val.raw.len <= v.raw.ptr + v.raw.len);
        walk(val, t);
    }
    assert(n == jtext_count(v));
    if (v.kind == J_STRING) {
        text_clear(t);
        jtext_decode(t, v.raw);
        assert(jtext_spells(v.raw, text_str(t)));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jval v, again;
    size_t at;
    struct err err;
    if (jtext_check((struct str){ (const char *)data, size }, &v, &at, &err) < 0) {
        assert(at <= size);
        return 0;
    }
    CLEANUP_TEXT struct text scratch = TEXT_INIT, compact = TEXT_INIT, twice = TEXT_INIT;
    walk(v, &scratch);
    jtext_put_compact(&compact, v);
    int rc = jtext_check(text_str(&compact), &again, &at, &err);
    assert(rc == 0 && again.kind == v.kind);
    jtext_put_compact(&twice, again);
    assert(twice.len == compact.len && memcmp(twice.ptr, compact.ptr, twice.len) == 0);
    (void)rc;
    return 0;
}
