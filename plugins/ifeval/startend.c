/* startend.c - instructions about how the answer begins and ends. */
#include "ifeval.h"
#include "pytext.h"

static struct evald_str
strip_quotes(struct evald_str s)
{
    while (s.len > 0 && s.ptr[0] == '"') {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && s.ptr[s.len - 1] == '"')
        s.len--;
    return s;
}

int
check_end(struct answer *a, const struct given *given)
{
    struct evald_str text = strip_quotes(answer_lower(a)), phrase = pytext_strip(given[0].text);
    return pytext_ends(text, pytext_lower(a->c, phrase));
}

/* What opens and closes a quotation in the languages that do not use " alone. */
static const struct quotes {
    const char *language, *open, *close;
} quotes[] = {
    { "ja", "「", "」" },  { "ru", "«", "»" },    { "th", "“", "”" },
    { "zh-cn", "“", "”" }, { "zh-tw", "“", "”" },
};
#define N_QUOTES (sizeof quotes / sizeof quotes[0])

/* The mark is ", or one that some language has; then it is asked for the answer's. */
static bool
is_mark(struct answer *a, bool opens)
{
    struct evald_str text = a->text;
    bool other = false;
    for (size_t i = 0; i < N_QUOTES; i++)
        other = other
                || (opens ? pytext_starts(text, evald_s(quotes[i].open))
                          : pytext_ends(text, evald_s(quotes[i].close)));
    if (!other)
        return text.ptr[opens ? 0 : text.len - 1] == '"';
    const char *language = answer_language(a);
    for (size_t i = 0; i < N_QUOTES; i++)
        if (strcmp(quotes[i].language, language) == 0)
            return opens ? pytext_starts(text, evald_s(quotes[i].open))
                         : pytext_ends(text, evald_s(quotes[i].close));
    return false;
}

int
check_quotation(struct answer *a, const struct given *given)
{
    (void)given;
    return pytext_len(a->text) > 1 && is_mark(a, true) && is_mark(a, false);
}
