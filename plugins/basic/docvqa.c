/* docvqa.c - basic::docvqa: is the answer one of those that are right, once both are brought
 * to a normal form?
 *
 * The form is that of the VQA evaluation as the reference implementation has it, with its
 * oddities: what becomes of a mark depends on the whole text, stops go 32 at a time.  See
 * evald-basic(7). */
#include <stdbool.h>
#include <stdlib.h>

#include "basic.h"
#include "kind.h"
#include "pytext.h"

/* ---- marks and stops ---- */

/* In this order: each pass sees what those before it have left. */
static const char marks[] = ";/[]\"{}()=+\\_-><@`,?!";
#define N_MARKS (sizeof marks - 1)
#define STOPS_MAX 32 /* of one pass */

/* What there is in a text: a bit for each mark, and these. */
#define COMMA     (1u << 18)
#define STOP      (1u << 21)
#define DIGIT     (1u << 22)
#define NOT_ASCII (1u << 23)
static const uint32_t bit_of[256] = {
    [';'] = 1u << 0,   ['/'] = 1u << 1,  ['['] = 1u << 2,   [']'] = 1u << 3,  ['"'] = 1u << 4,
    ['{'] = 1u << 5,   ['}'] = 1u << 6,  ['('] = 1u << 7,   [')'] = 1u << 8,  ['='] = 1u << 9,
    ['+'] = 1u << 10,  ['\\'] = 1u << 11, ['_'] = 1u << 12, ['-'] = 1u << 13, ['>'] = 1u << 14,
    ['<'] = 1u << 15,  ['@'] = 1u << 16, ['`'] = 1u << 17,  [','] = COMMA,    ['?'] = 1u << 19,
    ['!'] = 1u << 20,  ['.'] = STOP,     ['0' ... '9'] = DIGIT, [0x80 ... 0xff] = NOT_ASCII,
};

/* Text that is edited in place. */
struct draft {
    char *ptr;
    size_t len;
    uint32_t has; /* at first */
};

static const char *
find(const struct draft *d, const char *from, char c)
{
    return memchr(from, c, (size_t)(d->ptr + d->len - from));
}

static bool
digit_behind(const struct draft *d, const char *at)
{
    const char *end = d->ptr + d->len;
    return ++at < end && pytext_decimal(pytext_next(&at, end)) >= 0;
}

static bool
digit_before(const struct draft *d, const char *at)
{
    const char *p = at;
    if (p == d->ptr)
        return false;
    do
        p--;
    while (p > d->ptr && ((unsigned char)*p & 0xc0) == 0x80);
    return pytext_decimal(pytext_next(&p, at)) >= 0;
}

static bool
has_comma_in_number(const struct draft *d)
{
    if (!(d->has & COMMA) || !(d->has & (DIGIT | NOT_ASCII)))
        return false;
    for (const char *p = d->ptr; (p = find(d, p, ',')) != NULL; p++)
        if (digit_behind(d, p) && digit_before(d, p))
            return true;
    return false;
}

static bool
is_beside_blank(const struct draft *d, char mark)
{
    const char *end = d->ptr + d->len;
    for (const char *p = d->ptr; (p = find(d, p, mark)) != NULL; p++)
        if ((p > d->ptr && p[-1] == ' ') || (p + 1 < end && p[1] == ' '))
            return true;
    return false;
}

static void
replace_mark(struct draft *d, char mark)
{
    for (char *p = d->ptr, *end = p + d->len; (p = memchr(p, mark, (size_t)(end - p))) != NULL;)
        *p++ = ' ';
}

/* Moves [from, end) of the text to to; returns what is behind it there. */
static char *
move(char *to, const char *from, const char *end)
{
    size_t n = (size_t)(end - from);
    memmove(to, from, n);
    return to + n;
}

static void
delete_mark(struct draft *d, char mark)
{
    char *to = d->ptr;
    const char *from = to, *end = from + d->len, *p;
    for (; (p = find(d, from, mark)) != NULL; from = p + 1)
        to = from == to ? (char *)p : move(to, from, p);
    d->len = (size_t)(move(to, from, end) - d->ptr);
}

/* Of those that no digit follows the first ones; false when these were all.  No later pass has
 * work then: a stop and the digit behind it stay together. */
static bool
delete_stops(struct draft *d)
{
    char *to = d->ptr;
    const char *from = to, *end = from + d->len;
    int n = 0;
    for (const char *p = from; n < STOPS_MAX && (p = find(d, p, '.')) != NULL; p++) {
        if (digit_behind(d, p))
            continue;
        to = move(to, from, p);
        from = p + 1;
        n++;
    }
    if (n > 0)
        d->len = (size_t)(move(to, from, end) - d->ptr);
    return n == STOPS_MAX;
}

/* The text in its normal form but for single words, in lower case. */
static struct evald_str
clean(struct evald_call *c, struct evald_str s)
{
    struct draft d = { evald_alloc(c, s.len + 1), s.len, 0 };
    for (size_t i = 0; i < s.len; i++) {
        unsigned char b = (unsigned char)s.ptr[i];
        d.has |= bit_of[b];
        d.ptr[i] = (char)(b >= 'A' && b <= 'Z' ? b | 0x20 : b);
    }
    bool stops = (d.has & STOP) != 0;
    for (size_t i = 0; i < N_MARKS; i++) {
        if ((d.has & 1u << i) && (is_beside_blank(&d, marks[i]) || has_comma_in_number(&d)))
            delete_mark(&d, marks[i]);
        else if (d.has & 1u << i)
            replace_mark(&d, marks[i]);
        stops = stops && delete_stops(&d);
    }
    struct evald_str text = { d.ptr, d.len };
    return d.has & NOT_ASCII ? pytext_lower(c, text) : text;
}

/* ---- words ---- */

/* What becomes of a word; nothing of those that are left out.  Sorted.  Contractions that
 * begin with a capital are not here: words come in lower case, so they never apply. */
static const struct word {
    const char *from, *to;
} words[] = {
    { "'ow'sat", "'ow's'at" }, { "'ows'at", "'ow's'at" }, { "1st", "first" },
    { "2nd", "second" }, { "3rd", "third" }, { "a", "" }, { "aint", "ain't" }, { "an", "" },
    { "arent", "aren't" }, { "by", "" }, { "cant", "can't" },
    { "couldn'tve", "couldn't've" }, { "couldnt", "couldn't" },
    { "couldnt've", "couldn't've" }, { "couldve", "could've" }, { "didnt", "didn't" },
    { "doesnt", "doesn't" }, { "dont", "don't" }, { "eight", "8" }, { "five", "5" },
    { "four", "4" }, { "from", "" }, { "hadn'tve", "hadn't've" }, { "hadnt", "hadn't" },
    { "hadnt've", "hadn't've" }, { "hasnt", "hasn't" }, { "havent", "haven't" },
    { "he'dve", "he'd've" }, { "hed", "he'd" }, { "hed've", "he'd've" }, { "hes", "he's" },
    { "howd", "how'd" }, { "howll", "how'll" }, { "hows", "how's" }, { "in", "" },
    { "isnt", "isn't" }, { "it'dve", "it'd've" }, { "itd", "it'd" },
    { "itd've", "it'd've" }, { "itll", "it'll" }, { "maam", "ma'am" },
    { "mightn'tve", "mightn't've" }, { "mightnt", "mightn't" },
    { "mightnt've", "mightn't've" }, { "mightve", "might've" }, { "mustnt", "mustn't" },
    { "mustve", "must've" }, { "neednt", "needn't" }, { "nine", "9" }, { "none", "0" },
    { "notve", "not've" }, { "oclock", "o'clock" }, { "one", "1" },
    { "oughtnt", "oughtn't" }, { "ow's'at", "'ow's'at" }, { "seven", "7" },
    { "shant", "shan't" }, { "she'dve", "she'd've" }, { "shed've", "she'd've" },
    { "shouldn'tve", "shouldn't've" }, { "shouldnt", "shouldn't" },
    { "shouldnt've", "shouldn't've" }, { "shouldve", "should've" }, { "six", "6" },
    { "somebody'd", "somebodyd" }, { "somebody'dve", "somebody'd've" },
    { "somebodyd've", "somebody'd've" }, { "somebodyll", "somebody'll" },
    { "somebodys", "somebody's" }, { "someone'dve", "someone'd've" },
    { "someoned", "someone'd" }, { "someoned've", "someone'd've" },
    { "someonell", "someone'll" }, { "someones", "someone's" },
    { "something'dve", "something'd've" }, { "somethingd", "something'd" },
    { "somethingd've", "something'd've" }, { "somethingll", "something'll" },
    { "ten", "10" }, { "thats", "that's" }, { "the", "" }, { "there'dve", "there'd've" },
    { "thered", "there'd" }, { "thered've", "there'd've" }, { "therere", "there're" },
    { "theres", "there's" }, { "they'dve", "they'd've" }, { "theyd", "they'd" },
    { "theyd've", "they'd've" }, { "theyll", "they'll" }, { "theyre", "they're" },
    { "theyve", "they've" }, { "three", "3" }, { "to", "" }, { "twas", "'twas" },
    { "two", "2" }, { "wasnt", "wasn't" }, { "we'dve", "we'd've" }, { "wed've", "we'd've" },
    { "werent", "weren't" }, { "weve", "we've" }, { "whatll", "what'll" },
    { "whatre", "what're" }, { "whats", "what's" }, { "whatve", "what've" },
    { "whens", "when's" }, { "whered", "where'd" }, { "wheres", "where's" },
    { "whereve", "where've" }, { "who'dve", "who'd've" }, { "whod", "who'd" },
    { "whod've", "who'd've" }, { "wholl", "who'll" }, { "whos", "who's" },
    { "whove", "who've" }, { "whyll", "why'll" }, { "whyre", "why're" },
    { "whys", "why's" }, { "wont", "won't" }, { "wouldn'tve", "wouldn't've" },
    { "wouldnt", "wouldn't" }, { "wouldnt've", "wouldn't've" }, { "wouldve", "would've" },
    { "y'all'dve", "y'all'd've" }, { "y'alld've", "y'all'd've" }, { "y'allll", "y'all'll" },
    { "yall", "y'all" }, { "yall'd've", "y'all'd've" }, { "yall'll", "y'all'll" },
    { "you'dve", "you'd've" }, { "youd", "you'd" }, { "youd've", "you'd've" },
    { "youll", "you'll" }, { "youre", "you're" }, { "youve", "you've" }, { "zero", "0" },
};

#define WORD_MAX 13 /* bytes of the longest */

static int
compare_word(const void *key, const void *word)
{
    struct evald_str a = *(const struct evald_str *)key;
    struct evald_str b = evald_s(((const struct word *)word)->from);
    int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* false: the word is left out. */
static bool
map_word(struct evald_str *s)
{
    if (s->len > WORD_MAX)
        return true;
    const struct word *w = bsearch(s, words, sizeof words / sizeof words[0], sizeof words[0],
                                   compare_word);
    if (w != NULL)
        *s = evald_s(w->to);
    return s->len > 0;
}

/* Whether two clean texts are the same word by word: words that are equal as they stand need
 * not be looked up. */
static bool
same_words(struct evald_str a, struct evald_str b)
{
    for (;;) {
        struct evald_str v, w;
        bool more = pytext_split(&a, &v), also = pytext_split(&b, &w);
        if (more && also && pytext_same(v, w))
            continue;
        while (more && !map_word(&v))
            more = pytext_split(&a, &v);
        while (also && !map_word(&w))
            also = pytext_split(&b, &w);
        if (!more || !also)
            return more == also;
        if (!pytext_same(v, w))
            return false;
    }
}

/* Without the words that are left out, and one blank between the others. */
static struct evald_str
compact(struct evald_call *c, struct evald_str s)
{
    char *ptr = evald_alloc(c, s.len + 1), *end = ptr;
    for (struct evald_str word; pytext_split(&s, &word);) {
        struct evald_str mapped = word;
        if (!map_word(&mapped))
            continue;
        if (end > ptr)
            *end++ = ' ';
        memcpy(end, word.ptr, word.len);
        end += word.len;
    }
    return (struct evald_str){ ptr, (size_t)(end - ptr) };
}

/* ---- a row ---- */

/* An answer that is compared with more than so many is made compact first, so that what is
 * left out of it is not walked through each time. */
#define FEW 8

enum { GENERATED, EXPECTED };
static const char *const columns[] = { "generated_answer", "expected_answer", NULL };

static int32_t
refuse(struct evald_call *c, struct evald_str expected)
{
    struct evald_value v = evald_get(c, expected, "");
    if (v.kind == EVALD_ABSENT)
        return evald_fail(c, EVALD_E_ROW, "column 'expected_answer' is not valid JSON; the JSON"
                                          " text of an array of strings is needed");
    return evald_fail(c, EVALD_E_ROW, "column 'expected_answer' is the JSON text of %s; that of"
                                      " an array of strings is needed", kind_name(&v));
}

static bool
begins_array(struct evald_str json)
{
    size_t i = 0;
    while (i < json.len && strchr(" \t\r\n", json.ptr[i]) != NULL && json.ptr[i] != '\0')
        i++;
    return i < json.len && json.ptr[i] == '[';
}

static int32_t
docvqa_score(struct evald_call *c, void *self, const struct evald_row *row)
{
    (void)self;
    struct evald_str generated = row->cols[GENERATED].str, expected = row->cols[EXPECTED].str;
    if (row->cols[GENERATED].kind != EVALD_STRING)
        return evald_fail(c, EVALD_E_ROW, "column 'generated_answer' is %s; a string is needed",
                          kind_name(&row->cols[GENERATED]));
    if (row->cols[EXPECTED].kind != EVALD_STRING)
        return evald_fail(c, EVALD_E_ROW, "column 'expected_answer' is %s; a string is needed,"
                                          " the JSON text of an array of strings",
                          kind_name(&row->cols[EXPECTED]));
    if (!begins_array(expected))
        return refuse(c, expected);

    struct evald_str answer = { NULL, 0 };
    struct evald_value e;
    size_t n = 0;
    bool right = false;
    for (size_t at = 0; evald_each(c, expected, &at, NULL, &e) > 0; n++) {
        if (e.kind != EVALD_STRING)
            return evald_fail(c, EVALD_E_ROW, "column 'expected_answer': element %zu is %s; a"
                                              " string is needed", n, kind_name(&e));
        if (right)
            continue;
        right = pytext_same(generated, e.str);
        if (!right && answer.ptr == NULL)
            answer = clean(c, generated);
        if (!right && n == FEW)
            answer = compact(c, answer);
        right = right || same_words(answer, clean(c, e.str));
    }
    if (n == 0 && evald_get(c, expected, "").kind == EVALD_ABSENT)
        return refuse(c, expected);
    return evald_score(c, right);
}

const struct evald_plugin basic_docvqa = {
    EVALD_HEAD(EVALD_SCORER),
    .threads = EVALD_PARALLEL,
    .id = "basic::docvqa",
    .version = "1",
    .summary = "1.0 when the generated answer is one of the expected, spelling aside",
    .params_schema = BASIC_SCHEMA,
    .params_default = BASIC_DEFAULTS,
    .return_type = "{\"type\":\"number\"}",
    .metrics = BASIC_METRICS,
    .columns = columns,
    .score = docvqa_score,
};
