/* random-kwargs and extra-kwargs: a table of what each instruction takes. */
#include "config.h"

#include "common/mem.h"
#include "ctl/conformance_rules.h"

/* When the reference fills a kwarg at random. */
enum random { NEVER, MISSING = 1, EMPTY = 2, NEGATIVE = 4, LETTER = 8, PLACE = 16 };
enum type { TEXT, NUMBER, LIST, RELATION };

struct kwarg {
    const char *name;
    enum type type;
    unsigned random;
};

struct instruction {
    const char *id;
    struct kwarg kwargs[4];
    bool takes_any;
};

static const struct instruction instructions[] = {
    { "keywords:existence", { { "keywords", LIST, MISSING | EMPTY } }, false },
    { "keywords:frequency",
      { { "keyword", TEXT, MISSING | EMPTY }, { "frequency", NUMBER, MISSING | NEGATIVE },
        { "relation", RELATION, MISSING } }, false },
    { "keywords:forbidden_words", { { "forbidden_words", LIST, MISSING | EMPTY } }, false },
    { "keywords:letter_frequency",
      { { "letter", TEXT, LETTER }, { "let_frequency", NUMBER, MISSING | NEGATIVE },
        { "let_relation", RELATION, MISSING } }, false },
    { "language:response_language", { { "language", TEXT, MISSING } }, false },
    { "length_constraints:number_sentences",
      { { "num_sentences", NUMBER, MISSING | NEGATIVE }, { "relation", RELATION, MISSING } },
      false },
    { "length_constraints:number_paragraphs",
      { { "num_paragraphs", NUMBER, MISSING | NEGATIVE } }, false },
    { "length_constraints:number_words",
      { { "num_words", NUMBER, MISSING | NEGATIVE }, { "relation", RELATION, MISSING } },
      false },
    { "length_constraints:nth_paragraph_first_word",
      { { "num_paragraphs", NUMBER, MISSING | NEGATIVE }, { "nth_paragraph", NUMBER, PLACE },
        { "first_word", TEXT, MISSING } }, false },
    { "detectable_content:number_placeholders",
      { { "num_placeholders", NUMBER, MISSING | NEGATIVE } }, false },
    { "detectable_content:postscript", { { "postscript_marker", TEXT, MISSING } }, false },
    { "detectable_format:number_bullet_lists",
      { { "num_bullets", NUMBER, MISSING | NEGATIVE } }, false },
    { "detectable_format:constrained_response", { { NULL, TEXT, NEVER } }, false },
    { "detectable_format:number_highlighted_sections",
      { { "num_highlights", NUMBER, MISSING | NEGATIVE } }, false },
    { "detectable_format:multiple_sections",
      { { "section_spliter", TEXT, MISSING }, { "num_sections", NUMBER, MISSING | NEGATIVE } },
      false },
    { "detectable_format:json_format", { { NULL, TEXT, NEVER } }, false },
    { "detectable_format:title", { { NULL, TEXT, NEVER } }, false },
    { "combination:two_responses", { { NULL, TEXT, NEVER } }, false },
    { "combination:repeat_prompt", { { "prompt_to_repeat", TEXT, NEVER } }, false },
    { "startend:end_checker", { { "end_phrase", TEXT, MISSING } }, false },
    { "change_case:capital_word_frequency",
      { { "capital_frequency", NUMBER, MISSING }, { "capital_relation", RELATION, MISSING } },
      false },
    { "change_case:english_capital", { { NULL, TEXT, NEVER } }, false },
    { "change_case:english_lowercase", { { NULL, TEXT, NEVER } }, false },
    { "punctuation:no_comma", { { NULL, TEXT, NEVER } }, true },
    { "startend:quotation", { { NULL, TEXT, NEVER } }, false },
};

static const struct instruction *
find_instruction(struct jval id)
{
    for (size_t i = 0; id.kind == J_STRING && i < ARRAY_LEN(instructions); i++)
        if (jtext_spells(id.raw, str_z(instructions[i].id)))
            return &instructions[i];
    return NULL;
}

static bool
knows(const struct instruction *in, struct str key)
{
    for (size_t i = 0; i < ARRAY_LEN(in->kwargs) && in->kwargs[i].name != NULL; i++)
        if (jtext_spells(key, str_z(in->kwargs[i].name)))
            return true;
    return false;
}

/* ---- characters ---- */

static uint32_t
next_char(const char **at)
{
    const unsigned char *s = (const unsigned char *)*at;
    size_t more = *s < 0x80 ? 0 : *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3;
    uint32_t c = more == 0 ? *s : *s & (0x3fu >> more);
    for (size_t i = 1; i <= more; i++)
        c = c << 6 | (s[i] & 0x3fu);
    *at += more + 1;
    return c;
}

/* The lower case of the alphabets that letter frequencies are asked of; others stay. */
static uint32_t
lower(uint32_t c)
{
    if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7)
        || (c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f)
        || (c >= 0xff21 && c <= 0xff3a))
        return c + 32;
    if (c >= 0x400 && c <= 0x40f)
        return c + 80;
    if (c >= 0x100 && c <= 0x137 && c != 0x130 && c != 0x131)
        return c | 1;
    return c;
}

static bool
is_blank(uint32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0
           || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029
           || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* The one character of a letter kwarg without blanks around it, in lower case; 0: not one. */
static uint32_t
letter_of(struct jval v)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    uint32_t found = 0, c;
    if (v.kind != J_STRING)
        return 0;
    jtext_decode(&t, v.raw);
    size_t between = 0, n = 0;
    for (const char *p = text_str(&t).ptr, *end = p + t.len; p < end;) {
        c = next_char(&p);
        if (is_blank(c)) {
            between += n > 0;
            continue;
        }
        n += between + 1;
        between = 0;
        found = lower(c);
    }
    return n == 1 ? found : 0;
}

/* ---- what happens to an instruction ---- */

static bool
is_negative(struct jval v)
{
    return v.kind == J_NUMBER && jtext_double(v) < 0;
}

/* Would the reference fill this kwarg at random, and evald refuse it? */
static bool
is_refused(const struct kwarg *k, struct jval v)
{
    bool missing = v.kind == J_ABSENT || v.kind == J_NULL;
    if (k->random == LETTER)
        return missing || (v.kind == J_STRING && letter_of(v) == 0);
    if ((k->random & MISSING) && missing)
        return true;
    if ((k->random & EMPTY)
        && ((v.kind == J_STRING && v.raw.len == 2)
            || ((v.kind == J_ARRAY || v.kind == J_OBJECT) && jtext_count(v) == 0)))
        return true;
    return (k->random & NEGATIVE) && is_negative(v);
}

/* A value that the instruction takes. */
static bool
is_fit(const struct kwarg *k, struct jval v)
{
    struct jval one;
    switch (k->type) {
    case NUMBER:
        return v.kind == J_NUMBER || v.kind == J_BOOL;
    case LIST:
        for (struct jiter it = jtext_iter(v); v.kind == J_ARRAY && jtext_next(&it, NULL, &one);)
            if (one.kind != J_STRING)
                return false;
        return v.kind == J_ARRAY;
    case RELATION:
        return v.kind == J_STRING && (jtext_spells(v.raw, STR("less than"))
                                      || jtext_spells(v.raw, STR("at least")));
    default:
        return v.kind == J_STRING;
    }
}

struct look {
    bool refused;  /* some kwarg would be random */
    bool unfit;    /* something fails in any case */
    size_t extra;  /* kwargs that are not known */
};

static void
look_at(const struct instruction *in, struct jval kwargs, struct look *l)
{
    struct str key;
    struct jval v;
    if (in == NULL || kwargs.kind != J_OBJECT) {
        l->unfit = true;
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(in->kwargs) && in->kwargs[i].name != NULL; i++) {
        const struct kwarg *k = &in->kwargs[i];
        v = jtext_member(kwargs, str_z(k->name));
        if (is_refused(k, v))
            l->refused = true;
        else if (!is_fit(k, v))
            l->unfit = true;
    }
    for (struct jiter it = jtext_iter(kwargs); jtext_next(&it, &key, &v);)
        if (v.kind != J_NULL && !in->takes_any && !knows(in, key))
            l->extra++;
}

static void
set_score(struct conformance_case *c, bool followed)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    text_putf(&t, "{\"score\":%s,\"weight\":1.0}", followed ? "1.0" : "0.0");
    rule_set_result(c, RULE_RANDOM_KWARGS, &t);
}

/* A letter outside of a-z is counted as it is. */
static void
count_letter(struct conformance_case *c, struct jval kwargs)
{
    uint32_t letter = letter_of(jtext_member(kwargs, STR("letter"))), n = 0;
    struct jval answer = jtext_member(c->row, STR("generated_answer"));
    double frequency = jtext_double(jtext_member(kwargs, STR("let_frequency")));
    bool less = jtext_spells(jtext_member(kwargs, STR("let_relation")).raw, STR("less than"));
    bool blank = true;
    CLEANUP_TEXT struct text t = TEXT_INIT;
    if (answer.kind != J_STRING || (letter >= 'a' && letter <= 'z'))
        return;
    jtext_decode(&t, answer.raw);
    for (const char *p = text_str(&t).ptr, *end = p + t.len; p < end;) {
        uint32_t at = next_char(&p);
        blank = blank && is_blank(at);
        n += lower(at) == letter;
    }
    set_score(c, !blank && (less ? n < frequency : n >= frequency));
}

/* A place that no paragraph of so many can have is never found. */
static void
take_place(struct conformance_case *c, struct jval kwargs)
{
    struct jval place = jtext_member(kwargs, STR("nth_paragraph"));
    double n = jtext_double(place);
    if (jtext_member(c->row, STR("generated_answer")).kind == J_STRING
        && (place.kind == J_BOOL || jtext_is_integer(place))
        && (n <= 0 || n > jtext_double(jtext_member(kwargs, STR("num_paragraphs")))))
        set_score(c, false);
}

/* The row with nothing in its kwargs that an instruction does not know.  It may fail too, for
 * what is not looked at here (a regex, a language), where an error was recorded. */
static void
leave_extra(struct conformance_case *c)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    struct str name, key;
    struct jval column, kwargs, v, id;
    text_putc(&t, '{');
    for (struct jiter it = jtext_iter(c->row); jtext_next(&it, &name, &column);) {
        conformance_put_name(&t, name);
        if (!jtext_spells(name, STR("kwargs"))) {
            text_put_str(&t, column.raw);
            continue;
        }
        struct jiter ids = jtext_iter(jtext_member(c->row, STR("instruction_id_list")));
        text_putc(&t, '[');
        for (struct jiter k = jtext_iter(column);
             jtext_next(&k, NULL, &kwargs) && jtext_next(&ids, NULL, &id);) {
            const struct instruction *in = find_instruction(id);
            text_puts(&t, t.ptr[t.len - 1] == '[' ? "{" : ",{");
            for (struct jiter m = jtext_iter(kwargs); jtext_next(&m, &key, &v);) {
                if (!in->takes_any && !knows(in, key))
                    continue;
                conformance_put_name(&t, key);
                text_put_str(&t, v.raw);
            }
            text_putc(&t, '}');
        }
        text_putc(&t, ']');
    }
    text_putc(&t, '}');
    c->want.like = conformance_keep(c, &t);
    rule_mark(c, RULE_EXTRA_KWARGS);
}

void
rules_ifeval(struct conformance_case *c)
{
    struct jval list = jtext_member(c->row, STR("instruction_id_list")), id;
    struct jval kwargs = jtext_member(c->row, STR("kwargs")), first = kwargs, k;
    struct jiter ki = jtext_iter(kwargs);
    struct look l = { 0 };
    const struct instruction *in = NULL;
    size_t n = 0;
    if (list.kind != J_ARRAY || kwargs.kind != J_ARRAY)
        return;
    for (struct jiter it = jtext_iter(list); jtext_next(&it, NULL, &id); n++) {
        if (!jtext_next(&ki, NULL, &k))
            return;
        in = find_instruction(id);
        if (n == 0)
            first = k;
        look_at(in, k, &l);
    }
    bool text = jtext_member(c->row, STR("generated_answer")).kind == J_STRING;
    if (l.refused) {
        rule_set_error(c, RULE_RANDOM_KWARGS);
    } else if (!l.unfit && l.extra > 0 && text) {
        leave_extra(c);
    } else if (!l.unfit && n == 1 && strcmp(in->id, "keywords:letter_frequency") == 0) {
        count_letter(c, first);
    } else if (!l.unfit && n == 1
               && strcmp(in->id, "length_constraints:nth_paragraph_first_word") == 0) {
        take_place(c, first);
    }
}
