/* length.c - instructions about how much there is: sentences, paragraphs, words. */
#include "count.h"
#include "ifeval.h"
#include "pytext.h"
#include "sentences.h"
#include "words.h"

static bool
is_language(struct answer *a, const char *const *languages)
{
    const char *language = answer_language(a);
    for (; *languages != NULL; languages++)
        if (strcmp(language, *languages) == 0)
            return true;
    return false;
}

static size_t
count_sentences(struct answer *a)
{
    static const char *const thai[] = { "th", NULL };
    static const char *const by_marks[] = { "zh-cn", "zh-tw", "ja", "hi", NULL };
    if (!count_needs_language(a->text))
        return sentences_english(a->text);
    if (is_language(a, thai))
        return sentences_thai(a->text);
    if (is_language(a, by_marks))
        return count_sentences_by_marks(a->text);
    return sentences_english(a->text);
}

int
check_sentences(struct answer *a, const struct given *given)
{
    if (!a->sentences.known)
        a->sentences = (struct counted){ true, count_sentences(a) };
    return given_compares(a->sentences.n, &given[0], &given[1]);
}

static size_t
count_all_words(struct answer *a)
{
    static const char *const thai[] = { "th", NULL };
    static const char *const east_asian[] = { "zh-cn", "zh-tw", "ja", "ko", NULL };
    if (!count_needs_language(a->text))
        return count_words(a->text);
    if (is_language(a, thai))
        return words_thai(a->c, a->text);
    if (is_language(a, east_asian))
        return count_words_cjk(a->c, a->text);
    return count_words(a->text);
}

int
check_words(struct answer *a, const struct given *given)
{
    if (!a->words.known)
        a->words = (struct counted){ true, count_all_words(a) };
    return given_compares(a->words.n, &given[0], &given[1]);
}

/* Of the split by \s?\*\*\*\s?: whether a piece is blank does not depend on the blanks that
 * the separator takes. */
int
check_paragraphs(struct answer *a, const struct given *given)
{
    struct evald_str rest = a->text, piece;
    size_t n = 0;
    for (size_t i = 0; pytext_split_by(&rest, evald_s("***"), &piece); i++) {
        bool blank = pytext_strip(piece).len == 0;
        if (blank && i > 0 && rest.ptr != NULL)
            return 0;
        n += !blank;
    }
    return (double)n == given[0].num;
}

/* The first word of a paragraph that is not blank: without leading quotes, up to a mark,
 * and letter by letter in lower case, so that no letter looks at its neighbours. */
static struct evald_str
first_word(struct evald_call *c, struct evald_str paragraph)
{
    struct evald_buf lower = EVALD_BUF;
    struct evald_str word;
    pytext_split(&paragraph, &word);
    const char *p = word.ptr, *end = p + word.len;
    while (p < end && *p == '\'')
        p++;
    while (p < end && *p == '"')
        p++;
    while (p < end && memchr(".,?!'\"", *p, 6) == NULL) {
        const char *begin = p;
        pytext_next(&p, end);
        evald_put(c, &lower,
                  pytext_lower(c, (struct evald_str){ begin, (size_t)(p - begin) }));
    }
    return lower.text;
}

int
check_first_word(struct answer *a, const struct given *given)
{
    double number = given[0].num, nth = given[1].num;
    struct evald_str rest = a->text, piece, paragraph = { "", 0 };
    size_t count = 0;
    for (size_t i = 1; pytext_split_by(&rest, evald_s("\n\n"), &piece); i++) {
        piece = pytext_strip(piece);
        count += piece.len > 0;
        if ((double)i == nth)
            paragraph = piece;
    }
    if (nth > (double)count || paragraph.len == 0)
        return 0;
    return (double)count == number
           && pytext_same(first_word(a->c, paragraph), pytext_lower(a->c, given[2].text));
}
