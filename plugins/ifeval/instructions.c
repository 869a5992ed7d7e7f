/* instructions.c - the 25 instructions and the kwargs of each. */
#include "ifeval.h"
#include "pytext.h"

static const struct instruction instructions[] = {
    { "keywords:existence", check_existence, { { "keywords", KWARG_LIST } } },
    { "keywords:frequency", check_frequency,
      { { "keyword", KWARG_FULL_TEXT }, { "frequency", KWARG_COUNT },
        { "relation", KWARG_RELATION } } },
    { "keywords:forbidden_words", check_forbidden_words,
      { { "forbidden_words", KWARG_LIST } } },
    { "keywords:letter_frequency", check_letter_frequency,
      { { "letter", KWARG_LETTER }, { "let_frequency", KWARG_COUNT },
        { "let_relation", KWARG_RELATION } } },
    { "language:response_language", check_language, { { "language", KWARG_LANGUAGE } } },
    { "length_constraints:number_sentences", check_sentences,
      { { "num_sentences", KWARG_COUNT }, { "relation", KWARG_RELATION } } },
    { "length_constraints:number_paragraphs", check_paragraphs,
      { { "num_paragraphs", KWARG_COUNT } } },
    { "length_constraints:number_words", check_words,
      { { "num_words", KWARG_COUNT }, { "relation", KWARG_RELATION } } },
    { "length_constraints:nth_paragraph_first_word", check_first_word,
      { { "num_paragraphs", KWARG_COUNT }, { "nth_paragraph", KWARG_ORDINAL },
        { "first_word", KWARG_TEXT } } },
    { "detectable_content:number_placeholders", check_placeholders,
      { { "num_placeholders", KWARG_COUNT } } },
    { "detectable_content:postscript", check_postscript,
      { { "postscript_marker", KWARG_TEXT } } },
    { "detectable_format:number_bullet_lists", check_bullets,
      { { "num_bullets", KWARG_COUNT } } },
    { "detectable_format:constrained_response", check_constrained, { { 0 } } },
    { "detectable_format:number_highlighted_sections", check_highlights,
      { { "num_highlights", KWARG_COUNT } } },
    { "detectable_format:multiple_sections", check_sections,
      { { "section_spliter", KWARG_TEXT }, { "num_sections", KWARG_COUNT } } },
    { "detectable_format:json_format", check_json, { { 0 } } },
    { "detectable_format:title", check_title, { { 0 } } },
    { "combination:two_responses", check_two_responses, { { 0 } } },
    { "combination:repeat_prompt", check_repeat_prompt,
      { { "prompt_to_repeat", KWARG_FULL_TEXT } } },
    { "startend:end_checker", check_end, { { "end_phrase", KWARG_TEXT } } },
    { "change_case:capital_word_frequency", check_capital_words,
      { { "capital_frequency", KWARG_NUMBER }, { "capital_relation", KWARG_RELATION } } },
    { "change_case:english_capital", check_english_capital, { { 0 } } },
    { "change_case:english_lowercase", check_english_lowercase, { { 0 } } },
    { "punctuation:no_comma", check_no_comma, { { 0 } } },
    { "startend:quotation", check_quotation, { { 0 } } },
};

const struct instruction *
instruction_find(struct evald_str id)
{
    for (size_t i = 0; i < sizeof instructions / sizeof instructions[0]; i++)
        if (pytext_is(id, instructions[i].id))
            return &instructions[i];
    return NULL;
}
