/* Any pattern of Python's re, on any text, a TAB between the two.  Refused with a reason, or
 * searched and walked through with spans that lie in the text. */
#include "config.h"

#include <assert.h>
#include <string.h>

#include "../../plugins/lib/pyre.h"
#include "common/text.h"
#include "fuzz.h"

#define GROUPS 8

static void
check_spans(const struct pyre *re, struct evald_str text, const struct pyre_span *spans)
{
    for (uint32_t i = 0; i < GROUPS; i++) {
        assert(spans[i].at == PYRE_NONE ? i > 0 : spans[i].at <= spans[i].end);
        assert(spans[i].at == PYRE_NONE || spans[i].end <= text.len);
        assert(i <= pyre_groups(re) || spans[i].at == PYRE_NONE);
    }
}

/* All matches in their order; how many, or -1. */
static int64_t
walk_through(const struct pyre *re, struct evald_str text)
{
    char why[PYRE_WHY] = "";
    struct pyre_walk walk = { 0 };
    struct pyre_span spans[GROUPS], last = { 0, 0 };
    int64_t n = 0;
    int found;
    while ((found = pyre_next(re, text, &walk, spans, GROUPS, why)) > 0) {
        check_spans(re, text, spans);
        assert(spans[0].at >= last.end);
        assert(n == 0 || spans[0].end > last.end || last.at < last.end);
        last = spans[0];
        n++;
    }
    assert(found == 0 || why[0] != '\0');
    return found == 0 ? n : -1;
}

static void
use(const struct pyre *re, struct evald_str text)
{
    char why[PYRE_WHY] = "";
    struct pyre_span spans[GROUPS];
    int found = pyre_search(re, text, 0, spans, GROUPS, why);
    assert(found >= 0 || why[0] != '\0');
    if (found < 0) /* the others take as long */
        return;
    if (found > 0)
        check_spans(re, text, spans);
    assert(found == 0 || pyre_may_match(re, pyre_kinds(text)));

    int64_t n = walk_through(re, text);
    assert(n < 0 || (n > 0) == (found > 0));
    int64_t pieces = n >= 0 ? pyre_count_split(re, text, why) : -1;
    assert(pieces < 0 || pieces == 1 + n * (1 + (int64_t)pyre_groups(re)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data, *end = p + size;
    const char *tab = size > 0 ? memchr(p, '\t', size) : NULL;
    char why[PYRE_WHY] = "";
    if (tab == NULL || utf8_valid_prefix(p, size) < size)
        return 0;
    struct evald_str pattern = { p, (size_t)(tab - p) };
    struct evald_str text = { tab + 1, (size_t)(end - tab - 1) };
    struct pyre *re = pyre_compile(pattern, why);
    if (re == NULL) {
        assert(why[0] != '\0' && strlen(why) < sizeof why);
        return 0;
    }
    use(re, text);
    pyre_free(re);
    return 0;
}
