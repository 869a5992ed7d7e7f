/* Thai by ICU's dictionary and some longer words of our own, emoji by Unicode's list of
 * sequences (UTS #51). */
#include "words.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/ustring.h>

#include "pytext.h"
#include "words-thai.h"

/* ---- Thai ---- */

/* Of ICU: it takes long to open, and one thread alone may use it. */
static pthread_key_t breaker_key;
static pthread_once_t breaker_once = PTHREAD_ONCE_INIT;

static void
breaker_free(void *b)
{
    ubrk_close(b);
}

static void
breaker_make_key(void)
{
    if (pthread_key_create(&breaker_key, breaker_free) != 0)
        abort();
}

/* This thread's, closed when it ends; NULL: ICU has no dictionary. */
static UBreakIterator *
breaker(void)
{
    pthread_once(&breaker_once, breaker_make_key);
    UBreakIterator *b = pthread_getspecific(breaker_key);
    UErrorCode status = U_ZERO_ERROR;
    if (b == NULL) {
        b = ubrk_open(UBRK_WORD, "th", NULL, 0, &status);
        if (U_FAILURE(status))
            return NULL;
        pthread_setspecific(breaker_key, b);
    }
    return b;
}

static bool
is_thai(uint32_t c)
{
    return c >= 0xe00 && c <= 0xe7f;
}

#define MAI_YAMOK 0xe46 /* repeats the word before it; a token of its own */

struct part {
    const UChar *text;
    int32_t len;
};

static int
compare_compounds(const void *key, const void *listed)
{
    const struct part *p = key;
    const UChar *word = listed;
    return u_strCompare(p->text, p->len, word, -1, 0);
}

static bool
is_compound(const UChar *text, int32_t len)
{
    struct part key = { text, len };
    return len < THAI_WORD_ROOM
           && bsearch(&key, thai_compounds, sizeof thai_compounds / sizeof thai_compounds[0],
                      sizeof thai_compounds[0], compare_compounds) != NULL;
}

#define PARTS_MAX 4

/* Tokens of a run of Thai letters. */
static size_t
count_thai_run(struct evald_call *c, struct evald_str run)
{
    UBreakIterator *b = breaker();
    UErrorCode status = U_ZERO_ERROR;
    int32_t len = 0, at = 0;
    if (b == NULL || run.len > INT32_MAX / 2)
        return 1;
    UChar *text = evald_alloc(c, (run.len + 1) * sizeof *text);
    u_strFromUTF8(text, (int32_t)run.len + 1, &len, run.ptr, (int32_t)run.len, &status);
    ubrk_setText(b, text, len, &status);
    if (U_FAILURE(status))
        return 1;
    size_t n = 0;
    while (at < len) {
        int32_t end = ubrk_following(b, at), to = end;
        for (int i = 1; i < PARTS_MAX && to != UBRK_DONE && to < len; i++) {
            to = ubrk_next(b);
            if (to != UBRK_DONE && is_compound(text + at, to - at))
                end = to;
        }
        if (end == UBRK_DONE)
            end = len;
        n++;
        for (int32_t i = at + 1; i < end; i++)
            n += text[i] == MAI_YAMOK;
        at = end;
    }
    return n;
}

static bool
is_latin(char c)
{
    return c == '-' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool
is_thai_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The end of the token at p, which is no Thai letter: blanks, the end of a line, Latin letters, a
 * number, or anything else up to the next of these blanks. */
static const char *
foreign_end(const char *p, const char *end)
{
    const char *q = p;
    if (is_thai_blank(*p)) {
        while (q < end && is_thai_blank(*q))
            q++;
    } else if (*p == '\n' || *p == '\r') {
        q += *p == '\r' && end - p > 1 && p[1] == '\n' ? 2 : 1;
    } else if (is_latin(*p)) {
        while (q < end && is_latin(*q))
            q++;
    } else if (pytext_decimal(pytext_next(&q, end)) >= 0) {
        for (const char *r = q; r < end; ) {
            bool mark = *r == ',' || *r == '.';
            r += mark;
            if (r == end || pytext_decimal(pytext_next(&r, end)) < 0)
                break;
            q = r;
        }
    } else {
        for (const char *r = q; r < end && !is_thai_blank(*r) && *r != '\r' && *r != '\n'; ) {
            if (is_thai(pytext_next(&r, end)))
                break;
            q = r;
        }
    }
    return q;
}

size_t
words_thai(struct evald_call *c, struct evald_str text)
{
    size_t n = 0;
    for (const char *p = text.ptr, *end = p + text.len; p < end; ) {
        const char *q = p;
        while (q < end) {
            const char *before = q;
            if (is_thai(pytext_next(&q, end)))
                continue;
            q = before;
            break;
        }
        if (q > p) {
            n += count_thai_run(c, (struct evald_str){ p, (size_t)(q - p) });
            p = q;
        } else {
            p = foreign_end(p, end);
            n++;
        }
    }
    return n;
}

/* ---- emoji ---- */

#define EMOJI_STYLE    0xfe0f
#define JOINER         0x200d
#define KEYCAP         0x20e3
#define CANCEL_TAG     0xe007f
#define SEQUENCE_CHARS 16 /* the longest one has 10 */

/* An emoji as the list has it: with the style where it needs one, whether the text has it or
 * not. */
struct sequence {
    UChar list_form[2 * SEQUENCE_CHARS + 8];
    int32_t len;
};

static void
sequence_add(struct sequence *s, uint32_t c)
{
    if (s->len + 2 <= (int32_t)(sizeof s->list_form / sizeof *s->list_form))
        U16_APPEND_UNSAFE(s->list_form, s->len, c);
}

static bool
sequence_is_listed(const struct sequence *s)
{
    return u_stringHasBinaryProperty(s->list_form, s->len, UCHAR_RGI_EMOJI);
}

static uint32_t
peek(const char *p, const char *end)
{
    return p < end ? pytext_next(&p, end) : 0;
}

/* Where it is the next one. */
static bool
take(const char **p, const char *end, uint32_t c)
{
    if (peek(*p, end) != c)
        return false;
    pytext_next(p, end);
    return true;
}

static bool
is_region(uint32_t c)
{
    return c >= 0x1f1e6 && c <= 0x1f1ff;
}

static bool
is_tag(uint32_t c)
{
    return c >= 0xe0020 && c <= CANCEL_TAG;
}

/* One emoji with its style, skin or tags, also where it is written without the style; joined
 * ones are several. */
static bool
take_element(struct sequence *s, const char **at, const char *end)
{
    const char *p = *at;
    uint32_t c = peek(p, end);
    if (c < 0x80 || is_region(c) || !u_hasBinaryProperty((UChar32)c, UCHAR_EMOJI))
        return false;
    pytext_next(&p, end);
    sequence_add(s, c);
    uint32_t next = peek(p, end);
    bool styled = take(&p, end, EMOJI_STYLE);
    if (!styled && u_hasBinaryProperty((UChar32)next, UCHAR_EMOJI_MODIFIER)
        && u_hasBinaryProperty((UChar32)c, UCHAR_EMOJI_MODIFIER_BASE)) {
        pytext_next(&p, end);
        sequence_add(s, next);
    } else if (!u_hasBinaryProperty((UChar32)c, UCHAR_EMOJI_PRESENTATION)) {
        sequence_add(s, EMOJI_STYLE);
    }
    *at = p;
    return true;
}

/* The end of the emoji at p, or p. */
static const char *
emoji_end(const char *p, const char *end)
{
    struct sequence s = { .len = 0 };
    const char *q = p;
    uint32_t c = pytext_next(&q, end);
    if (c < 0x80) {
        if (c != '#' && c != '*' && !(c >= '0' && c <= '9'))
            return p;
        take(&q, end, EMOJI_STYLE);
        return take(&q, end, KEYCAP) ? q : p;
    }
    if (is_region(c)) {
        sequence_add(&s, c);
        uint32_t second = peek(q, end);
        if (!is_region(second))
            return p;
        sequence_add(&s, second);
        pytext_next(&q, end);
        return sequence_is_listed(&s) ? q : p;
    }
    q = p;
    if (!take_element(&s, &q, end))
        return p;
    const char *found = q;
    struct sequence flag = s;
    const char *tags = q;
    for (int i = 0; i < SEQUENCE_CHARS && is_tag(peek(tags, end)); i++)
        sequence_add(&flag, pytext_next(&tags, end));
    if (tags > q && sequence_is_listed(&flag))
        return tags;
    for (int i = 0; i < SEQUENCE_CHARS / 2 && take(&q, end, JOINER); i++) {
        sequence_add(&s, JOINER);
        if (!take_element(&s, &q, end))
            break;
        if (sequence_is_listed(&s))
            found = q;
    }
    return found;
}

/* Text of ASCII without a keycap, and most other text, has none. */
static bool
may_be_emoji(unsigned char first)
{
    return first == 0xc2 || first == 0xe2 || first == 0xe3 || first == 0xf0
           || (first >= '0' && first <= '9') || first == '#' || first == '*';
}

size_t
emoji_take(struct evald_call *c, struct evald_str text, struct evald_str *ret_rest)
{
    size_t n = 0;
    struct evald_buf rest = EVALD_BUF;
    const char *kept = text.ptr, *end = kept + text.len; /* from kept on nothing is taken yet */
    for (const char *p = kept; p < end; ) {
        const char *q = may_be_emoji((unsigned char)*p) ? emoji_end(p, end) : p;
        if (q == p) {
            pytext_next(&p, end);
            continue;
        }
        if (n++ == 0)
            evald_put(c, &rest, (struct evald_str){ text.ptr, 0 });
        evald_put(c, &rest, (struct evald_str){ kept, (size_t)(p - kept) });
        p = kept = q;
    }
    if (n > 0)
        evald_put(c, &rest, (struct evald_str){ kept, (size_t)(end - kept) });
    *ret_rest = n > 0 ? rest.text : text;
    return n;
}
