/* The way of langdetect (Nakatani Shuyo's language-detection), without its dice.
 *
 * Text becomes sequences of one to three characters within words; how often each is in each
 * language is known, and the language that makes all of them likeliest is the answer.  The
 * original draws sequences at random, seven times, until one language is nearly certain; here
 * places are taken in a fixed order that jumps about, until one language is ahead of all others
 * by far more, or there are no more.  What it would mostly say is said always. */
#include <stdbool.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

#include "language.h"
#include "profiles.h"
#include "profiles-table.h"
#include "pytext.h"

#define CHARS_MAX 10000 /* characters that are looked at; the original's limit */
#define PLACES_MIN   64  /* that are looked at first, as far as there are so many */
#define ROUND        8   /* places between two looks at who leads behind them */
#define CERTAIN_BITS 100 /* a language that is so far ahead is not overtaken */

/* The part of a text that is looked at: characters above U+FFFF, which no profile has, are
 * OUTSIDE or, in upper case, OUTSIDE_UPPER, which no text has. */
struct sample {
    uint32_t n;
    uint16_t chars[CHARS_MAX];
};
#define OUTSIDE       0xd800
#define OUTSIDE_UPPER 0xd801

/* ---- what is looked at ---- */

static bool
is_ascii_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool
is_of(char c, const char *others)
{
    return is_ascii_word(c) || (c != '\0' && strchr(others, c) != NULL);
}

/* The end of an address that begins at p, or p. */
static const char *
url_end(const char *p, const char *end)
{
    if (*p != 'h')
        return p;
    struct evald_str s = { p, (size_t)(end - p) };
    size_t head = pytext_starts(s, evald_s("http://"))    ? 7
                  : pytext_starts(s, evald_s("https://")) ? 8
                                                          : 0;
    const char *q = p + head;
    while (head != 0 && q < end && q - p - (ptrdiff_t)head < 2076 && is_of(*q, "-_.?&~;+=/#"))
        q++;
    return q > p + head ? q : p;
}

/* The end of a mail address whose @ is at p, or p. */
static const char *
mail_end(const char *p, const char *end)
{
    const char *q = p + 1, *host = q;
    while (q < end && q - host < 255 && is_of(*q, "-_") && url_end(q, end) == q)
        q++;
    if (q == host)
        return p;
    const char *rest = q;
    while (q < end && q - rest < 255 && is_of(*q, "-_.") && url_end(q, end) == q)
        q++;
    return q > rest || rest - host > 1 ? q : p;
}

/* How many characters of a mail address are before its @. */
static uint32_t
mail_head(const struct sample *s)
{
    uint32_t n = 0;
    while (n < 64 && n < s->n && s->chars[s->n - 1 - n] < 0x80
           && is_of((char)s->chars[s->n - 1 - n], "-_."))
        n++;
    return n;
}

/* A vowel and a mark of Vietnamese as one letter; 0: they are not. */
static uint16_t
join_vietnamese(uint16_t base, uint32_t mark)
{
    if (mark != 0x300 && mark != 0x301 && mark != 0x303 && mark != 0x309 && mark != 0x323)
        return 0;
    bool takes = base < 0x80 ? base != 0 && strchr("AEIOUYaeiouy", (char)base) != NULL
                             : base == 0xc2 || base == 0xca || base == 0xd4 || base == 0xe2
                                   || base == 0xea || base == 0xf4 || base == 0x102
                                   || base == 0x103 || base == 0x1a0 || base == 0x1a1
                                   || base == 0x1af || base == 0x1b0;
    return takes ? (uint16_t)uc_composition(base, mark) : 0;
}

static void
sample_take(struct sample *s, struct evald_str text)
{
    const char *p = text.ptr, *end = p + text.len;
    bool joined = false; /* the last character has its mark */
    s->n = 0;
    while (p < end && s->n < CHARS_MAX) {
        if ((unsigned char)*p < 0x80 && *p != 'h' && *p != '@') {
            s->chars[s->n++] = (uint16_t)*p++;
            joined = false;
            continue;
        }
        const char *behind = url_end(p, end);
        uint32_t head;
        if (*p == '@' && (head = mail_head(s)) > 0 && (behind = mail_end(p, end)) > p)
            s->n -= head;
        if (behind > p) {
            p = behind;
            s->chars[s->n++] = ' ';
            continue;
        }
        uint32_t c = pytext_next(&p, end);
        uint16_t letter = c >= 0x300 && c <= 0x323 && s->n > 0 && !joined
                              ? join_vietnamese(s->chars[s->n - 1], c)
                              : 0;
        joined = letter != 0;
        if (joined)
            s->chars[s->n - 1] = letter;
        else
            s->chars[s->n++] = c <= 0xffff                     ? (uint16_t)c
                               : uc_is_property_uppercase(c) ? OUTSIDE_UPPER
                                                             : OUTSIDE;
    }
}

/* ---- what counts as the same ---- */

/* Profiles know some characters by another that stands for many; a blank for what is no
 * letter. */
static uint16_t
stand_in(uint16_t c)
{
    if (c < 0x80)
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ? c : ' ';
    if (c < 0x100)
        return c == 0xa0 || c == 0xab || c == 0xb0 || c == 0xbb ? ' ' : c;
    if (c >= 0x4e00 && c <= 0x9fff)
        return profile_kanji[c - 0x4e00] != 0 ? profile_kanji[c - 0x4e00] : c;
    if (c >= 0xac00 && c <= 0xd7af)
        return 0xac00;
    if (c >= 0x3040 && c <= 0x309f)
        return 0x3042;
    if (c >= 0x30a0 && c <= 0x30ff)
        return 0x30a2;
    if ((c >= 0x3100 && c <= 0x312f) || (c >= 0x31a0 && c <= 0x31bf))
        return 0x3105;
    if (c >= 0x2000 && c <= 0x206f)
        return ' ';
    if (c >= 0x1ea0 && c <= 0x1eff)
        return 0x1ec3;
    return c == 0x219 ? 0x15f : c == 0x21b ? 0x163 : c == 0x6cc ? 0x64a : c;
}

static bool
is_between_a_and_z(uint16_t c) /* with what ASCII has between the cases */
{
    return c >= 'A' && c <= 'z';
}

/* Latin letters do not count in a text of mostly others; runs of blanks become one. */
static void
sample_clean(struct sample *s)
{
    uint32_t latin = 0, other = 0, n = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        uint16_t c = s->chars[i];
        latin += is_between_a_and_z(c);
        other += c >= 0x300;
    }
    bool drop = latin * 2 < other;
    for (uint32_t i = 0; i < s->n; i++) {
        if (drop && is_between_a_and_z(s->chars[i]))
            continue;
        uint16_t c = stand_in(s->chars[i]);
        if (c != ' ' || (n > 0 && s->chars[n - 1] != ' '))
            s->chars[n++] = c;
    }
    s->n = n;
}

/* ---- how likely it is in each ---- */

static bool
is_upper(uint16_t c)
{
    return c < 0x80 ? c >= 'A' && c <= 'Z'
                    : c == OUTSIDE_UPPER || (c < 0x3000 && uc_is_property_uppercase(c));
}

/* How many bits likelier each language is than one that has none of the sequences. */
struct tally {
    int32_t bits[PROFILES_MAX]; /* times PROFILE_BIT */
    uint32_t n_grams;
};

static void
tally_add(struct tally *t, uint64_t key)
{
    const struct profile_gram *g;
    uint32_t at = profile_slot(key, PROFILE_SLOT_BITS);
    while ((g = &profile_grams[at])->key != key) {
        if (g->key == 0)
            return;
        at = (at + 1) % (1u << PROFILE_SLOT_BITS);
    }
    t->n_grams++;
    if (g->n_pairs == PROFILE_ROW) {
        const int16_t *row = profile_rows[g->at];
        for (size_t i = 0; i < PROFILES_MAX; i++)
            t->bits[i] += row[i];
    } else {
        for (const struct profile_pair *p = &profile_pairs[g->at], *end = p + g->n_pairs;
             p < end; p++)
            t->bits[p->language] += p->bits;
    }
}

/* The sequences that end with the character at i.  Nothing in words of capitals counts. */
static void
tally_place(struct tally *t, const struct sample *s, uint32_t i)
{
    uint16_t c = s->chars[i], before = i > 0 ? s->chars[i - 1] : ' ';
    if (is_upper(c) && is_upper(before))
        return;
    if (c != ' ')
        tally_add(t, c);
    tally_add(t, (uint64_t)before << 16 | c);
    if (before != ' ')
        tally_add(t, (uint64_t)(i > 1 ? s->chars[i - 2] : ' ') << 32 | (uint64_t)before << 16 | c);
}

/* The likeliest, and how far it is ahead of all others. */
static size_t
tally_best(const struct tally *t, int32_t *ret_lead)
{
    size_t best = 0;
    int32_t second = INT32_MIN;
    for (size_t i = 1; i < PROFILE_N; i++) {
        if (t->bits[i] > t->bits[best]) {
            second = t->bits[best];
            best = i;
        } else if (t->bits[i] > second) {
            second = t->bits[i];
        }
    }
    *ret_lead = t->bits[best] - second;
    return best;
}

/* The next of the numbers below a power of two, in an order that has no pattern that a text
 * could have too: a linear congruential generator, which comes by each once. */
static uint32_t
next_place(uint32_t at, uint32_t power)
{
    return (at * 1664525 + 1013904223) & (power - 1);
}

const char *
language_detect(struct evald_str text)
{
    struct sample s;
    struct tally t = { 0 };
    int32_t lead = 0;
    uint32_t power = 1;
    sample_take(&s, text);
    sample_clean(&s);
    while (power < s.n)
        power *= 2;
    for (uint32_t i = 0, at = 0; i < s.n && lead < CERTAIN_BITS * PROFILE_BIT; i++) {
        tally_place(&t, &s, at);
        do {
            at = next_place(at, power);
        } while (at >= s.n);
        if (i >= PLACES_MIN && i % ROUND == 0)
            tally_best(&t, &lead);
    }
    return t.n_grams > 0 ? profile_names[tally_best(&t, &lead)] : NULL;
}

/* ---- of lines ---- */

/* How many lines of each language, in the order that they are found. */
struct poll {
    const char *names[PROFILE_N];
    size_t counts[PROFILE_N], n;
};

static void
poll_add(struct poll *p, const char *name)
{
    size_t i = 0;
    while (i < p->n && p->names[i] != name)
        i++;
    if (i == p->n) {
        p->names[p->n++] = name;
        p->counts[i] = 0;
    }
    p->counts[i]++;
}

/* The first of those with the most lines, and by how many it leads. */
static size_t
poll_best(const struct poll *p, size_t *ret_lead)
{
    size_t best = 0, second = 0;
    for (size_t i = 1; i < p->n; i++) {
        if (p->counts[i] > p->counts[best]) {
            second = p->counts[best];
            best = i;
        } else if (p->counts[i] > second) {
            second = p->counts[i];
        }
    }
    *ret_lead = p->n > 0 ? p->counts[best] - second : 0;
    return best;
}

const char *
language_of_lines(struct evald_str text)
{
    struct poll poll = { .n = 0 };
    struct evald_str rest = text, line;
    size_t left = text.len > 0 ? pytext_count(text, evald_s("\n")) + 1 : 0, lead = 0;
    while (lead <= left && text.len > 0 && pytext_split_by(&rest, evald_s("\n"), &line)) {
        left--;
        line = pytext_strip(line);
        const char *name = pytext_len(line) >= 4 ? language_detect(line) : NULL;
        if (name != NULL) {
            poll_add(&poll, name);
            poll_best(&poll, &lead);
        }
    }
    return poll.n > 0 ? poll.names[poll_best(&poll, &lead)] : "en";
}
