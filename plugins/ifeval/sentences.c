#define _GNU_SOURCE /* memrchr */
/* Sentences as NLTK's Punkt finds them (T. Kiss, J. Strunk: Unsupervised Multilingual Sentence
 * Boundary Detection, Computational Linguistics 32, 2006), with lists in place of what it
 * learned from newspapers.
 *
 * A full stop, question or exclamation mark may end a sentence when punctuation or a blank
 * follows.  The word around it and the next one are looked at: a known abbreviation does not
 * end one, unless a word follows that mostly begins sentences; nor do an initial or a number
 * before a word that cannot begin one.  Closing quotes and brackets go to the sentence before
 * them. */
#include "sentences.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unictype.h>

#include "pytext.h"
#include "words-english.h"

#define PIECE(from, to) ((struct evald_str){ (from), (size_t)((to) - (from)) })

static bool
is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool
ends_sentence(char c)
{
    return c == '.' || c == '?' || c == '!';
}

/* Cannot be within a word. */
static bool
is_non_word(char c)
{
    return is_one_of(c, ")\";}]*:@'({[!?");
}

/* The blank at p, or none: how many bytes it has. */
static size_t
blank_len(const char *p, const char *end)
{
    const char *q = p;
    if (p == end)
        return 0;
    if ((unsigned char)*p < 0x80 ? !pytext_is_space((unsigned char)*q++)
                                 : !pytext_is_space(pytext_next(&q, end)))
        return 0;
    return (size_t)(q - p);
}

static const char *
skip_blanks(const char *p, const char *end)
{
    for (size_t n; (n = blank_len(p, end)) > 0; )
        p += n;
    return p;
}

static const char *
skip_to_blank(const char *p, const char *end)
{
    while (p < end && blank_len(p, end) == 0)
        pytext_next(&p, end);
    return p;
}

/* ---- tokens ---- */

struct token {
    struct evald_str text;
    bool breaks, is_abbreviation, is_ellipsis;
};

/* The end of --, .., or . . . at p, or p. */
static const char *
run_end(const char *p, const char *end)
{
    const char *q = p;
    if (p == end || (*p != '-' && *p != '.'))
        return p;
    while (q < end && *q == *p)
        q++;
    if (q - p >= 2)
        return q;
    size_t n = 0, blank;
    for (q = p; q < end && *q == '.' && (blank = blank_len(q + 1, end)) > 0 && q[1] != '\n'; n++)
        q += 1 + blank;
    for (; n >= 2; n--) {
        if (q < end && *q == '.')
            return q + 1;
        while (*--q != '.')
            ;
    }
    return p;
}

/* What cannot be a word's next character. */
static bool
is_word_end(const char *p, const char *end)
{
    if (p == end || is_non_word(*p) || blank_len(p, end) > 0 || run_end(p, end) > p)
        return true;
    const char *q = p + 1;
    return *p == ','
           && (q == end || is_non_word(*q) || blank_len(q, end) > 0 || run_end(q, end) > q);
}

static bool
token_take(const char **at, const char *end, struct token *ret)
{
    const char *p = skip_blanks(*at, end), *q = run_end(p, end);
    if (p == end)
        return false;
    if (q == p) {
        pytext_next(&q, end);
        if (!is_one_of(*p, "(\"`{[:;&#*@)}]-,")) {
            while (!is_word_end(q, end))
                pytext_next(&q, end);
        }
    }
    *ret = (struct token){ .text = PIECE(p, q) };
    *at = q;
    return true;
}

/* ---- kinds of tokens ---- */

static bool
ends_with_period(struct evald_str s)
{
    return s.len > 0 && s.ptr[s.len - 1] == '.';
}

/* In lower case; longer ones and others than ASCII are in no list. */
static bool
to_list_form(struct evald_str s, char ret[WORD_ROOM])
{
    if (s.len >= WORD_ROOM)
        return false;
    for (size_t i = 0; i < s.len; i++)
        ret[i] = s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? (char)(s.ptr[i] + 32) : s.ptr[i];
    ret[s.len] = '\0';
    return true;
}

static int
compare_words(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool
is_listed(struct evald_str s, const char (*list)[WORD_ROOM], size_t n)
{
    char word[WORD_ROOM];
    return to_list_form(s, word) && bsearch(word, list, n, WORD_ROOM, compare_words) != NULL;
}
#define IS_LISTED(s, list) is_listed((s), (list), sizeof(list) / WORD_ROOM)

/* Without its period. */
static bool
is_abbreviation(struct evald_str s)
{
    if (IS_LISTED(s, abbreviations))
        return true;
    const char *dash = s.len > 0 ? memrchr(s.ptr, '-', s.len) : NULL;
    return dash != NULL && IS_LISTED(PIECE(dash + 1, s.ptr + s.len), abbreviations);
}

static bool
is_number(struct evald_str s)
{
    const char *p = s.ptr, *end = p + s.len;
    p += p < end && *p == '-';
    p += p < end && (*p == '.' || *p == ',');
    if (p == end || pytext_decimal(pytext_next(&p, end)) < 0)
        return false;
    while (p < end) {
        uint32_t c = pytext_next(&p, end);
        if (c != ',' && c != '.' && c != '-' && pytext_decimal(c) < 0)
            return false;
    }
    return true;
}

#define LETTERS_AND_NUMBERS (UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N)

/* A letter and a period; a number that is no digit is taken for a letter. */
static bool
is_initial(struct evald_str s)
{
    const char *p = s.ptr, *end = p + s.len;
    uint32_t c = pytext_next(&p, end);
    return end - p == 1 && *p == '.' && pytext_decimal(c) < 0
           && (c == '_' || uc_is_general_category_withtable(c, LETTERS_AND_NUMBERS));
}

static struct evald_str
first_letter(struct evald_str s)
{
    const char *p = s.ptr;
    pytext_next(&p, s.ptr + s.len);
    return PIECE(s.ptr, p);
}

/* ---- does a token end a sentence ---- */

/* By itself. */
static void
token_judge(struct token *t)
{
    struct evald_str s = t->text;
    if (s.len == 1 && ends_sentence(s.ptr[0])) {
        t->breaks = true;
    } else if (s.len >= 2 && memcmp(s.ptr, "..", 2) == 0) {
        t->is_ellipsis = true; /* a token that begins so is periods alone */
    } else if (ends_with_period(s) && !(s.len >= 2 && s.ptr[s.len - 2] == '.')) {
        t->is_abbreviation = is_abbreviation((struct evald_str){ s.ptr, s.len - 1 });
        t->breaks = !t->is_abbreviation;
    }
}

/* Whether a token can begin a sentence. */
static bool
can_start(const struct token *t)
{
    struct evald_str s = t->text;
    if (s.len == 1 && is_one_of(s.ptr[0], ";:,.!?"))
        return false;
    return !pytext_islower(first_letter(s));
}

/* A token's word: without the period that ends a sentence. */
static struct evald_str
token_word(const struct token *t)
{
    struct evald_str s = t->text;
    if (t->breaks && s.len > 1 && ends_with_period(s))
        s.len--;
    return s;
}

/* By the one behind it. */
static void
token_judge_again(struct token *t, const struct token *next)
{
    if (!ends_with_period(t->text))
        return;
    struct evald_str word = token_word(next);
    bool initial = is_initial(t->text), upper = pytext_isupper(first_letter(next->text));
    if ((t->is_abbreviation || t->is_ellipsis) && !initial) {
        if (upper && IS_LISTED(word, sentence_starters)) {
            t->breaks = true;
            return;
        }
    }
    if (!initial && !is_number(t->text))
        return;
    if (!can_start(next) || (initial && upper && !IS_LISTED(word, common_words)))
        t->breaks = false;
}

/* Whether a sentence ends within a piece of text, before its last token. */
static bool
has_break(const char *at, const char *end)
{
    struct token t, next;
    if (!token_take(&at, end, &t))
        return false;
    token_judge(&t);
    while (token_take(&at, end, &next)) {
        token_judge(&next);
        token_judge_again(&t, &next);
        if (t.breaks)
            return true;
        t = next;
    }
    return false;
}

/* ---- counting ---- */

/* Sentences as they come; a sentence is counted when the one behind it is known, which may
 * begin with what closes it. */
struct count {
    const char *from, *to; /* the last sentence; NULL: there was none yet */
    const char *begin;     /* where it begins without what went to the one before it */
    size_t n;
    void (*take)(void *taker, struct evald_str sentence); /* or NULL */
    void *taker;
};

static void
end_sentence(struct count *c, const char *to)
{
    c->n++;
    if (c->take != NULL)
        c->take(c->taker, PIECE(c->begin, to));
}

/* The end of quotes and brackets that close the sentence before, with the blanks behind, or
 * p. */
static const char *
closing_end(const char *p, const char *end)
{
    for (const char *q = p; q < end && is_one_of(*q, "\"')]}"); ) {
        q++;
        if (q == end || blank_len(q, end) > 0 || (end - q >= 2 && memcmp(q, "--", 2) == 0))
            return skip_blanks(q, end);
    }
    return p;
}

static void
count_sentence(struct count *c, const char *from, const char *to)
{
    const char *begin = c->from != NULL && from < to ? closing_end(from, to) : from;
    if (c->from != NULL && begin > from)
        end_sentence(c, pytext_strip(PIECE(from, begin)).len + from);
    else if (c->from != NULL && c->begin < c->to)
        end_sentence(c, c->to);
    c->from = from;
    c->to = to;
    c->begin = begin;
}

/* Where the word before p begins, which is looked for behind from; none: at before. */
static const char *
word_begin(const char *from, const char *p, const char *before)
{
    for (const char *q = p - 1; q > from; q--) {
        if (is_one_of(*q, " \t\n\v\f\r"))
            return q + 1;
    }
    return before;
}

/* What is looked at behind a mark that may end a sentence: ret_next is where the next sentence
 * would begin.  NULL: it cannot end one. */
static const char *
context_end(const char *p, const char *end, const char **ret_next)
{
    *ret_next = p;
    if (p < end && is_non_word(*p))
        return p + 1;
    const char *q = skip_blanks(p, end);
    if (q == p || q == end)
        return NULL;
    *ret_next = q;
    return skip_to_blank(q, end);
}

/* A mark that may end a sentence: its word begins at word. */
struct mark {
    const char *at, *word, *end, *next;
};

static void
count_sentences(struct count *count, struct evald_str text)
{
    struct mark last = { 0 }, mark;
    const char *end = text.ptr + text.len, *from = text.ptr;
    const char *begin = text.ptr; /* of the current sentence */
    struct evald_str stripped = pytext_strip(text);
    for (const char *p = text.ptr; p < end; p++) {
        if (!ends_sentence(*p) || (mark.end = context_end(p + 1, end, &mark.next)) == NULL)
            continue;
        mark.at = p;
        mark.word = word_begin(from, p, last.at != NULL ? last.word : text.ptr);
        /* Of marks within one word the last one decides. */
        if (last.at != NULL && last.at <= mark.word && has_break(last.word, last.end)) {
            count_sentence(count, begin, last.at + 1);
            begin = last.next;
        }
        last = mark;
        from = p;
    }
    if (last.at != NULL && has_break(last.word, last.end)) {
        count_sentence(count, begin, last.at + 1);
        begin = last.next;
    }
    count_sentence(count, begin,
                   stripped.len > 0 ? stripped.ptr + stripped.len : text.ptr);
    if (count->begin < count->to)
        end_sentence(count, count->to);
}

size_t
sentences_english(struct evald_str text)
{
    struct count count = { 0 };
    count_sentences(&count, text);
    return count.n;
}

void
sentences_english_each(struct evald_str text, void (*take)(void *to, struct evald_str sentence),
                       void *to)
{
    struct count count = { .take = take, .taker = to };
    count_sentences(&count, text);
}

/* ---- Thai ---- */

/* Particles that close a sentence in polite speech. */
static bool
ends_politely(struct evald_str s)
{
    static const char *const particles[] = { "ครับ", "ค่ะ", "คะ", "จ้ะ", "จ้า", "นะ" };
    for (size_t i = 0; i < sizeof particles / sizeof particles[0]; i++) {
        if (pytext_ends(s, evald_s(particles[i])))
            return true;
    }
    return false;
}

static size_t
count_thai_line(struct evald_str line)
{
    size_t n = 0;
    const char *p = line.ptr, *end = p + line.len, *begin = p;
    while (p < end) {
        size_t blank = blank_len(p, end);
        if (blank > 0 && ends_politely(PIECE(begin, p))) {
            n++;
            begin = p = skip_blanks(p, end);
        } else if (ends_sentence(*p)
                   && (p + 1 == end || blank_len(p + 1, end) > 0 || ends_sentence(p[1]))) {
            while (p < end && ends_sentence(*p))
                p++;
            n++;
            begin = p = skip_blanks(p, end);
        } else {
            pytext_next(&p, end);
        }
    }
    return n + (begin < end);
}

size_t
sentences_thai(struct evald_str text)
{
    size_t n = 0;
    struct evald_str rest = text, line;
    while (pytext_splitlines(&rest, &line))
        n += count_thai_line(pytext_strip(line));
    return n;
}
