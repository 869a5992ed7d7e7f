/* gen_rows - data set rows (JSONL) whose score is known beforehand.
 *
 *   gen_rows -n 100000 --kind mcq --generated > rows.jsonl
 *
 * Every row has id, input_query, expected_answer and chat_completion_input (a JSON string that
 * holds the messages).  The user message carries a tag [[ANS:x]], for which the model
 * server of the tests answers "Answer: x": --accuracy says which part of the rows is to be
 * right, and the exact number goes to stderr as JSON, with the score that a run must report.
 * --generated adds generated_answer, for runs that only score; rows of kind ifeval always have
 * it, for their instructions are about it.  The same options give the same bytes on every
 * machine. */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/jtext.h"
#include "common/mem.h"
#include "common/text.h"

static const char *const sentences[] = {
    "The committee considered the question of the river crossing in some detail before the "
    "vote was taken.",
    "A survey of 1,240 households found that most residents preferred the earlier timetable.",
    "In the second experiment the samples were kept at 4 degrees for nine days and weighed "
    "again.",
    "Critics of the proposal argue that its costs were underestimated by a factor of two.",
    "She opened the letter, read it twice, and put it back in the drawer without a word.",
    "The function returns the number of items that were removed, or -1 when the list is "
    "empty.",
    "Photosynthesis converts light energy into chemical energy that is later released to "
    "fuel the organism.",
    "The treaty of 1648 ended the war but left the question of the border towns open.",
    "If the train leaves at 09:40 and travels at 84 km/h, it reaches the junction before "
    "noon.",
    "Patients in the control group received a placebo; neither group was told which drug it "
    "had.",
    "He said: \"There is no such thing as a free lunch\", and then he paid for everyone.",
    "The lake's water level fell by 3.2 m between 1990 and 2015 according to satellite data.",
};
static const char *const other_languages[] = {
    "Die Ausschüsse prüften den Vorschlag über längere Zeit.",
    "El comité examinó la propuesta durante más de dos años.",
    "委员会对这个问题进行了详细的讨论。",
    "委員会はこの問題について詳しく検討した。",
    "위원회는 이 문제를 자세히 검토했다.",
    "ناقشت اللجنة هذه المسألة بالتفصيل.",
    "समिति ने इस प्रश्न पर विस्तार से विचार किया।",
};
static const char *const leads[] = {
    "The best answer is ", "Answer: ", "Answer : ", "Antwort: ", "Respuesta: ", "答案：",
    "정답: ", "Réponse : ", "回答: ", "الجواب:",
};
static const char *const words[] = {
    "north", "copper", "1648", "Lisbon", "seven", "mitosis", "blue whale", "Ada Lovelace",
    "42 km", "carbon",
};
static const char system_message[] =
    "You are a careful assistant. Think step by step and end with the final answer on its "
    "own line.";

/* What an answer of kind ifeval follows, and what it does not: it has a title, two items of a
 * list, two parts and a postscript, in English, and "notes" twice. */
static const struct instruction {
    const char *id, *followed, *broken; /* the kwargs with which it is one or the other */
} instructions[] = {
    { "keywords:existence", "{\"keywords\":[\"river\",\"notes\"]}",
      "{\"keywords\":[\"notes\",\"zeppelin\"]}" },
    { "keywords:frequency",
      "{\"keyword\":\"notes\",\"frequency\":2,\"relation\":\"at least\"}",
      "{\"keyword\":\"notes\",\"frequency\":40,\"relation\":\"at least\"}" },
    { "keywords:forbidden_words", "{\"forbidden_words\":[\"zeppelin\",\"xylophone\"]}",
      "{\"forbidden_words\":[\"zeppelin\",\"river\"]}" },
    { "keywords:letter_frequency",
      "{\"letter\":\"e\",\"let_frequency\":20,\"let_relation\":\"at least\"}",
      "{\"letter\":\"e\",\"let_frequency\":5000,\"let_relation\":\"at least\"}" },
    { "language:response_language", "{\"language\":\"en\"}", "{\"language\":\"de\"}" },
    { "length_constraints:number_words", "{\"num_words\":30,\"relation\":\"at least\"}",
      "{\"num_words\":30,\"relation\":\"less than\"}" },
    { "length_constraints:number_sentences",
      "{\"num_sentences\":3,\"relation\":\"at least\"}",
      "{\"num_sentences\":3,\"relation\":\"less than\"}" },
    { "length_constraints:number_paragraphs", "{\"num_paragraphs\":2}",
      "{\"num_paragraphs\":7}" },
    { "detectable_content:postscript", "{\"postscript_marker\":\"P.S.\"}",
      "{\"postscript_marker\":\"P.P.S\"}" },
    { "detectable_format:number_bullet_lists", "{\"num_bullets\":2}", "{\"num_bullets\":5}" },
    { "change_case:capital_word_frequency",
      "{\"capital_frequency\":50,\"capital_relation\":\"less than\"}",
      "{\"capital_frequency\":50,\"capital_relation\":\"at least\"}" },
    { "startend:end_checker", "{\"end_phrase\":\"Is there anything else I can help with?\"}",
      "{\"end_phrase\":\"Any other questions?\"}" },
};

enum kind { EQUALITY, SUBSET, MCQ, MATH, DOCVQA, IFEVAL, KINDS };
static const char *const kind_names[] = { "equality", "subset", "mcq",
                                          "math", "docvqa", "ifeval" };

static struct {
    unsigned long n;
    enum kind kind; /* KINDS: each in turn */
    bool generated;
    double accuracy;
    unsigned min_len, max_len;
    uint64_t seed;
} options = { .n = 1000, .kind = MCQ, .accuracy = 0.75, .min_len = 120, .max_len = 420,
              .seed = 1 };

/* ---- chance: splitmix64 (Steele, Lea, Flood 2014), begun anew for each row ---- */

static uint64_t state;

static uint64_t
next(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double
chance(void)
{
    return (double)(next() >> 11) * 0x1p-53;
}

static unsigned
between(unsigned low, unsigned high)
{
    return low + (unsigned)(next() % (high - low + 1));
}

#define PICK(list) ((list)[next() % ARRAY_LEN(list)])

/* ---- a row ---- */

struct row {
    bool right;
    unsigned weight; /* in the score of the run */
    struct text query, expected, got, generated; /* got: what the model will answer */
    struct text more; /* members, each with a comma in front */
};

static void
put_paragraph(struct text *t, size_t length)
{
    for (size_t end = t->len + length; t->len < end; text_putc(t, ' '))
        text_puts(t, chance() < 0.08 ? PICK(other_languages) : PICK(sentences));
    t->len--;
    t->ptr[t->len] = '\0';
}

static unsigned
some_length(void)
{
    return between(options.min_len, options.max_len);
}

static void
make_mcq(struct row *r, unsigned long i)
{
    char right = (char)('A' + next() % 4);
    char got = r->right ? right : (char)('A' + (right - 'A' + between(1, 3)) % 4);
    text_putf(&r->query, "\nQuestion %lu: which statement follows?\nA) first\nB) second\n"
                         "C) third\nD) fourth", i);
    text_putc(&r->expected, right);
    text_putc(&r->got, got);
    put_paragraph(&r->generated, some_length() * 2 / 3);
    text_putf(&r->generated, "\n%s%c", PICK(leads), got);
}

static void
make_math(struct row *r, unsigned long i)
{
    unsigned a = between(1, 400), b = between(2, 60);
    text_putf(&r->query,
              "\nProblem %lu: compute the value. Let $x=%u$ and $y=\\frac{%u}{%u}$.", i, a,
              a, b);
    switch (next() % 6) {
    case 0:
        text_putf(&r->expected, "%u", a);
        break;
    case 1:
        text_putf(&r->expected, "\\frac{%u}{%u}", a, b);
        break;
    case 2:
        text_putf(&r->expected, "%u\\sqrt{%u}", a, b);
        break;
    case 3:
        text_putf(&r->expected, "%u/%u", a, b);
        break;
    case 4:
        text_putf(&r->expected, "%u,%03u", a, b);
        break;
    case 5:
        text_putf(&r->expected, "x=%u", a);
        break;
    }
    if (r->right)
        text_put_str(&r->got, text_str(&r->expected));
    else
        text_putf(&r->got, "%u%u7", a + 1, b);
    put_paragraph(&r->generated, some_length() / 2);
    text_putf(&r->generated, "\nFinal Answer: The final answer is $\\boxed{%s}$. "
                             "I hope it is correct.", r->got.ptr);
}

static void
make_docvqa(struct row *r, unsigned long i)
{
    const char *w = PICK(words);
    text_putf(&r->query, "\nDocument question %lu: what is named in the third field?", i);
    text_putf(&r->expected, "[\"%s\",\"%s.\",\"the %s\"]", w, w, w);
    text_puts(&r->got, r->right ? w : "unknown");
    text_puts(&r->generated, ((const char *const[]){ "The ", "", "a " })[next() % 3]);
    text_puts(&r->generated, r->got.ptr);
    text_puts(&r->generated, ((const char *const[]){ ".", "", "!" })[next() % 3]);
}

static void
make_subset(struct row *r, unsigned long i)
{
    const char *w = PICK(words);
    text_putf(&r->query, "\nQuestion %lu: name it.", i);
    text_puts(&r->expected, w);
    text_puts(&r->got, r->right ? w : "nothing known");
    /* the paragraph must not hold the word: one sentence that holds none of them */
    text_putf(&r->generated, "%s %s.", sentences[3], r->got.ptr);
}

static void
make_equality(struct row *r, unsigned long i)
{
    const char *w = PICK(words);
    text_putf(&r->query, "\nQuestion %lu: give the single word.", i);
    text_putf(&r->expected, "Answer: %s", w);
    text_putf(&r->got, "%s%s", w, r->right ? "" : "x");
    text_putf(&r->generated, "Answer: %s", r->got.ptr);
}

/* One to three instructions: all followed, or none. */
static void
make_ifeval(struct row *r, unsigned long i)
{
    size_t first = next() % ARRAY_LEN(instructions);
    r->weight = between(1, 3);
    text_putf(&r->query, "\nTask %lu: write up your notes.", i);
    text_puts(&r->got, "noted");
    text_puts(&r->more, ",\"instruction_id_list\":[");
    for (size_t k = 0; k < r->weight; k++) {
        const struct instruction *in = &instructions[(first + 5 * k) % ARRAY_LEN(instructions)];
        text_putf(&r->more, "%s\"%s\"", k > 0 ? "," : "", in->id);
    }
    text_puts(&r->more, "],\"kwargs\":[");
    for (size_t k = 0; k < r->weight; k++) {
        const struct instruction *in = &instructions[(first + 5 * k) % ARRAY_LEN(instructions)];
        text_putf(&r->more, "%s%s", k > 0 ? "," : "", r->right ? in->followed : in->broken);
    }
    text_putc(&r->more, ']');
    text_puts(&r->generated, "<<Field notes>>\n\nMy notes on the river follow.\n");
    for (int item = 0; item < 2; item++)
        text_putf(&r->generated, "* %s\n", PICK(sentences));
    text_putf(&r->generated, "\n***\n\n%s %s\n\nP.S. Please send me the map.\n\n"
                             "Is there anything else I can help with?",
              PICK(sentences), PICK(sentences));
}

static void
make_row(struct row *r, unsigned long i)
{
    static void (*const make[KINDS])(struct row *, unsigned long) = {
        [EQUALITY] = make_equality, [SUBSET] = make_subset, [MCQ] = make_mcq,
        [MATH] = make_math, [DOCVQA] = make_docvqa, [IFEVAL] = make_ifeval,
    };
    state = options.seed * 1000003 + i;
    text_clear(&r->query);
    text_clear(&r->expected);
    text_clear(&r->got);
    text_clear(&r->generated);
    text_clear(&r->more);
    r->weight = 1;
    r->right = chance() < options.accuracy;
    put_paragraph(&r->query, some_length());
    make[options.kind == KINDS ? i % KINDS : options.kind](r, i);
}

static void
put_row(struct text *t, const struct row *r, unsigned long i)
{
    static struct text user, messages;
    text_clear(&user);
    text_clear(&messages);
    text_put_str(&user, text_str(&r->query));
    text_putf(&user, "\n[[ANS:%s]]", r->got.ptr);
    text_puts(&messages, "[{\"role\":\"system\",\"content\":");
    jtext_put_string(&messages, str_z(system_message));
    text_puts(&messages, "},{\"role\":\"user\",\"content\":");
    jtext_put_string(&messages, text_str(&user));
    text_puts(&messages, "}]");
    text_putf(t, "{\"id\":%lu,\"input_query\":", i);
    jtext_put_string(t, text_str(&r->query));
    text_puts(t, ",\"expected_answer\":");
    jtext_put_string(t, text_str(&r->expected));
    text_puts(t, ",\"chat_completion_input\":");
    jtext_put_string(t, text_str(&messages));
    text_put_str(t, text_str(&r->more));
    if (options.generated || r->more.len > 0) {
        text_puts(t, ",\"generated_answer\":");
        jtext_put_string(t, text_str(&r->generated));
    }
    text_puts(t, "}\n");
}

/* ---- command line ---- */

__attribute__((noreturn)) static void
usage(const char *why)
{
    fprintf(stderr, "gen_rows: %s\n"
                    "usage: gen_rows [-n ROWS] [--kind equality|subset|mcq|math|docvqa|ifeval|mixed]\n"
                    "  [--generated] [--accuracy P] [--min-len N] [--max-len N] [--seed N]\n",
            why);
    exit(2);
}

static void
set_kind(const char *name)
{
    unsigned k = 0;
    while (k < KINDS && strcmp(name, kind_names[k]) != 0)
        k++;
    if (k == KINDS && strcmp(name, "mixed") != 0)
        usage("no such kind");
    options.kind = (enum kind)k;
}

static void
read_options(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--generated") == 0) {
            options.generated = true;
            continue;
        }
        const char *v = ++i < argc ? argv[i] : NULL;
        if (v == NULL)
            usage("an option without value, or unknown");
        if (strcmp(a, "-n") == 0)
            options.n = strtoul(v, NULL, 10);
        else if (strcmp(a, "--kind") == 0)
            set_kind(v);
        else if (strcmp(a, "--accuracy") == 0)
            options.accuracy = strtod(v, NULL);
        else if (strcmp(a, "--min-len") == 0)
            options.min_len = (unsigned)strtoul(v, NULL, 10);
        else if (strcmp(a, "--max-len") == 0)
            options.max_len = (unsigned)strtoul(v, NULL, 10);
        else if (strcmp(a, "--seed") == 0)
            options.seed = strtoull(v, NULL, 10);
        else
            usage("unknown option");
    }
    if (options.min_len == 0 || options.min_len > options.max_len)
        usage("--min-len must be 1 to --max-len");
}

int
main(int argc, char **argv)
{
    read_options(argc, argv);
    struct row r = { .right = false };
    CLEANUP_TEXT struct text out = TEXT_INIT;
    unsigned long right = 0, weight = 0, right_weight = 0;
    for (unsigned long i = 0; i < options.n; i++) {
        make_row(&r, i);
        put_row(&out, &r, i);
        right += r.right;
        weight += r.weight;
        right_weight += r.right ? r.weight : 0;
        if (out.len > 1 << 20 || i + 1 == options.n) {
            if (fwrite(out.ptr, 1, out.len, stdout) != out.len) {
                perror("gen_rows");
                return 1;
            }
            text_clear(&out);
        }
    }
    if (fflush(stdout) != 0) {
        perror("gen_rows");
        return 1;
    }
    fprintf(stderr,
            "{\"rows\":%lu,\"kind\":\"%s\",\"intended_correct\":%lu,\"accuracy\":%.6f,"
            "\"score\":%.15f}\n",
            options.n, options.kind == KINDS ? "mixed" : kind_names[options.kind], right,
            options.n > 0 ? (double)right / (double)options.n : 0,
            weight > 0 ? (double)right_weight / (double)weight : 0);
    text_fini(&r.query);
    text_fini(&r.expected);
    text_fini(&r.got);
    text_fini(&r.generated);
    text_fini(&r.more);
    return 0;
}
