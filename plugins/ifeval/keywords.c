/* keywords.c - instructions about words and letters that the answer has, or has not. */
#include "ifeval.h"
#include "pattern.h"
#include "pyre.h"
#include "pytext.h"

int
check_existence(struct answer *a, const struct given *given)
{
    const struct given *keywords = &given[0];
    for (size_t i = 0; i < keywords->n; i++) {
        int found =
            pattern_search(a, "keywords", keywords->list[i], PYRE_IGNORECASE, a->text);
        if (found <= 0)
            return found;
    }
    return 1;
}

int
check_frequency(struct answer *a, const struct given *given)
{
    int64_t n =
        pattern_count(a, "keyword", pytext_strip(given[0].text), PYRE_IGNORECASE, a->text);
    return n < 0 ? -1 : given_compares((size_t)n, &given[1], &given[2]);
}

int
check_forbidden_words(struct answer *a, const struct given *given)
{
    const struct given *words = &given[0];
    for (size_t i = 0; i < words->n; i++) {
        struct evald_str pattern = pattern_join(a->c, "\\b", words->list[i], "\\b");
        int found = pattern_search(a, "forbidden_words", pattern, PYRE_IGNORECASE, a->text);
        if (found != 0)
            return found < 0 ? found : 0;
    }
    return 1;
}

/* How often letter, of ASCII and in lower case, is in text.lower().  Two characters beyond
 * ASCII become one of it: the sign of Kelvin, and the capital i with a dot, which keeps the
 * dot. */
static size_t
count_ascii(struct evald_str text, char letter)
{
    char upper = letter >= 'a' && letter <= 'z' ? (char)(letter - 'a' + 'A') : letter;
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == letter || text.ptr[i] == upper;
    if (letter == 'k')
        n += pytext_count(text, evald_s("\u212a"));
    if (letter == 'i')
        n += pytext_count(text, evald_s("\u0130"));
    return n;
}

int
check_letter_frequency(struct answer *a, const struct given *given)
{
    struct evald_str letter = pytext_lower(a->c, given[0].text);
    size_t n = letter.len == 1 ? count_ascii(a->text, letter.ptr[0])
                               : pytext_count(answer_lower(a), letter);
    return given_compares(n, &given[1], &given[2]);
}
