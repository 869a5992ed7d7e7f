/* Any pattern of Python's re, on any text: a TAB parts the two.  Refused with a reason, or
 * searched with groups that lie in the text. */
#include "config.h"

#include <assert.h>
#include <string.h>

#include "../../plugins/lib/pyre.h"
#include "common/text.h"
#include "fuzz.h"

#define GROUPS 8

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data, *tab = size > 0 ? memchr(p, '\t', size) : NULL;
    char why[PYRE_WHY] = "";
    struct pyre_span spans[GROUPS];
    if (tab == NULL || utf8_valid_prefix(p, size) < size)
        return 0;
    struct evald_str pattern = { p, (size_t)(tab - p) };
    struct evald_str text = { tab + 1, size - pattern.len - 1 };
    struct pyre *re = pyre_compile(pattern, why);
    if (re == NULL) {
        assert(why[0] != '\0' && strlen(why) < sizeof why);
        return 0;
    }
    int found = pyre_search(re, text, 0, spans, GROUPS, why);
    assert(found >= 0 || why[0] != '\0');
    for (uint32_t i = 0; found > 0 && i < GROUPS; i++) {
        assert(spans[i].at == PYRE_NONE ? i > 0 : spans[i].at <= spans[i].end);
        assert(spans[i].at == PYRE_NONE || spans[i].end <= text.len);
        assert(i <= pyre_groups(re) || spans[i].at == PYRE_NONE);
    }
    pyre_free(re);
    return 0;
}
