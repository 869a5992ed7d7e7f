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

int
check_sentences(struct answer *a, const struct given *given)
{
    static const char *const thai[] = { "th", NULL };
    static const char *const by_marks[] = { "zh-cn", "zh-tw", "ja", "hi", NULL };
    size_t n;
    if (!count_needs_language(a->text))
        n = sentences_english(a->text);
    else if (is_language(a, thai))
        n = sentences_thai(a->text);
    else if (is_language(a, by_marks))
        n = count_sentences_by_marks(a->text);
    else
        n = sentences_english(a->text);
    return given_compares(n, &given[0], &given[1]);
}

int
check_words(struct answer *a, const struct given *given)
{
    static const char *const thai[] = { "th", NULL };
    static const char *const east_asian[] = { "zh-cn", "zh-tw", "ja", "ko", NULL };
    size_t n;
    if (!count_needs_language(a->text))
        n = count_words(a->text);
    else if (is_language(a, thai))
        n = words_thai(a->c, a->text);
    else if (is_language(a, east_asian))
        n = count_words_cjk(a->c, a->text);
    else
        n = count_words(a->text);
    return given_compares(n, &given[0], &given[1]);
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
