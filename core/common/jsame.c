#include "config.h"

#include <math.h>

#include "common/jsame.h"
#include "common/mem.h"

static bool
same_number(struct jval want, struct jval got)
{
    if (str_eq(want.raw, got.raw))
        return true;
    double w = jtext_double(want), g = jtext_double(got);
    if (jtext_is_integer(want) && jtext_is_integer(got)) /* 0 and -0 alone have two spellings */
        return w == 0 && g == 0;
    if (!isfinite(w) || !isfinite(g))
        return w == g || (isnan(w) && isnan(g));
    return fabs(w - g) <= fmax(1e-9 * fmax(fabs(w), fabs(g)), 1e-12);
}

static bool
same_string(struct str want, struct str got)
{
    if (str_eq(want, got))
        return true;
    CLEANUP_TEXT struct text w = TEXT_INIT;
    CLEANUP_TEXT struct text g = TEXT_INIT;
    jtext_decode(&w, want);
    jtext_decode(&g, got);
    return str_eq(text_str(&w), text_str(&g));
}

static bool
same_object(struct jval want, struct jval got, bool part)
{
    CLEANUP_TEXT struct text name = TEXT_INIT;
    struct str key;
    for (struct jiter it = jtext_iter(want); jtext_next(&it, &key, NULL);) {
        text_clear(&name);
        jtext_decode(&name, key);
        struct jval w = jtext_member(want, text_str(&name));
        if (!jsame(w, jtext_member(got, text_str(&name)), part))
            return false;
    }
    for (struct jiter it = jtext_iter(got); !part && jtext_next(&it, &key, NULL);) {
        text_clear(&name);
        jtext_decode(&name, key);
        if (jtext_member(want, text_str(&name)).kind == J_ABSENT)
            return false;
    }
    return true;
}

bool
jsame(struct jval want, struct jval got, bool part)
{
    struct jval w, g;
    if (want.kind != got.kind)
        return false;
    switch (want.kind) {
    case J_NUMBER:
        return same_number(want, got);
    case J_STRING:
        return same_string(want.raw, got.raw);
    case J_ARRAY: {
        struct jiter wi = jtext_iter(want), gi = jtext_iter(got);
        if (jtext_count(want) != jtext_count(got))
            return false;
        while (jtext_next(&wi, NULL, &w) && jtext_next(&gi, NULL, &g))
            if (!jsame(w, g, part))
                return false;
        return true;
    }
    case J_OBJECT:
        return same_object(want, got, part);
    default:
        return str_eq(want.raw, got.raw);
    }
}
