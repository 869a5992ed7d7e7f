#include "count.h"

#include <unictype.h>

#include "pytext.h"
#include "words.h"

/* A bit for each letter and digit of ASCII. */
static const uint64_t ascii_alnum[2] = { 0x03ff000000000000, 0x07fffffe07fffffe };

static inline bool
is_ascii_alnum(uint32_t c)
{
    return ascii_alnum[c / 64] >> (c % 64) & 1;
}

bool
count_is_word(uint32_t c)
{
    if (c < 0x80)
        return is_ascii_alnum(c) || c == '_';
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N);
}

bool
count_needs_language(struct evald_str text)
{
    for (const char *p = text.ptr, *end = p + text.len; p < end;) {
        if ((unsigned char)*p < 0x80) {
            p++;
            continue;
        }
        uint32_t c = pytext_next(&p, end);
        /* All from Devanagari on, but for blocks of Latin, Greek, symbols and emoji; and four
         * marks that Chinese and Korean texts have more of than any other. */
        bool other = c < 0x900 || (c >= 0x1e00 && c < 0x2e80) || (c >= 0xe000 && c < 0xf900)
                     || (c >= 0xfe00 && c < 0xfe30) || (c >= 0x1f000 && c < 0x20000);
        if (!other || c == 0xb7 || c == 0xd7 || c == 0x2c8 || c == 0x223c)
            return true;
    }
    return false;
}

size_t
count_words(struct evald_str text)
{
    size_t n = 0;
    bool inside = false;
    for (const char *p = text.ptr, *end = p + text.len; p < end;) {
        unsigned char b = (unsigned char)*p;
        bool word = b < 0x80 ? is_ascii_alnum(b) || b == '_'
                             : count_is_word(pytext_next(&p, end));
        p += b < 0x80;
        n += word && !inside;
        inside = word;
    }
    return n;
}

/* Taken out before the words of East Asian text are counted. */
static bool
is_taken_out(uint32_t c)
{
    if (c < 0x80)
        return c > 0x20 && c < 0x7f && !is_ascii_alnum(c) && c != '=' && c != '|';
    switch (c) {
    case 0xab: /* guillemets */
    case 0xbb:
    case 0x2014: /* em dash */
    case 0x201c: /* quotation marks */
    case 0x201d:
    case 0x2026: /* ellipsis */
    case 0x3001: /* comma and full stop */
    case 0x3002:
    case 0x300a: /* brackets */
    case 0x300b:
    case 0x300c:
    case 0x300d:
    case 0x3014:
    case 0x3015:
    case 0xff01: /* full width: ! ( ) , . : ; ? and the sign of the yen */
    case 0xff08:
    case 0xff09:
    case 0xff0c:
    case 0xff0e:
    case 0xff1a:
    case 0xff1b:
    case 0xff1f:
    case 0xffe5:
        return true;
    default:
        return false;
    }
}

static bool
is_cjk(uint32_t c)
{
    return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf)
           || (c >= 0x3040 && c <= 0x30ff) || (c >= 0xac00 && c <= 0xd7af);
}

size_t
count_words_cjk(struct evald_call *c, struct evald_str text)
{
    char *kept = evald_alloc(c, text.len + 1), *out = kept;
    for (const char *p = text.ptr, *end = p + text.len; p < end;) {
        const char *begin = p;
        if (!is_taken_out(pytext_next(&p, end))) {
            memcpy(out, begin, (size_t)(p - begin));
            out += p - begin;
        }
    }
    struct evald_str rest;
    size_t n = emoji_take(c, (struct evald_str){ kept, (size_t)(out - kept) }, &rest);
    bool inside = false;
    for (const char *p = rest.ptr, *end = p + rest.len; p < end;) {
        uint32_t ch = pytext_next(&p, end);
        bool cjk = is_cjk(ch), word = !cjk && !pytext_is_space(ch);
        n += cjk || (word && !inside);
        inside = word;
    }
    return n;
}

static bool
ends_sentence(uint32_t c)
{
    return c == '!' || c == '?' || c == '.' || c == '\n' || c == 0x3002 || c == 0x964
           || c == 0xff01 || c == 0xff1f || c == 0xff0e;
}

size_t
count_sentences_by_marks(struct evald_str text)
{
    struct evald_str line;
    size_t n = 0;
    while (pytext_splitlines(&text, &line)) {
        line = pytext_strip(line);
        bool inside = false;
        for (const char *p = line.ptr, *end = p + line.len; p < end;) {
            bool part = !ends_sentence(pytext_next(&p, end));
            n += part && !inside;
            inside = part;
        }
    }
    return n;
}
