/* case.c - instructions about the answer's language and its letters' case. */
#include "ifeval.h"
#include "language.h"
#include "pytext.h"
#include "treebank.h"

/* A text that has nothing to tell its language by is in any. */
static bool
is_in(struct evald_str text, struct evald_str language)
{
    const char *found = language_detect(text);
    return found == NULL || pytext_is(language, found);
}

int
check_language(struct answer *a, const struct given *given)
{
    return is_in(a->text, given[0].text);
}

int
check_english_capital(struct answer *a, const struct given *given)
{
    (void)given;
    return pytext_isupper(a->text) && is_in(a->text, evald_s("en"));
}

int
check_english_lowercase(struct answer *a, const struct given *given)
{
    (void)given;
    return pytext_islower(a->text) && is_in(a->text, evald_s("en"));
}

int
check_capital_words(struct answer *a, const struct given *given)
{
    if (!a->capitals.known)
        a->capitals = (struct counted){ true, treebank_count_upper(a->c, a->text) };
    return given_compares(a->capitals.n, &given[0], &given[1]);
}
