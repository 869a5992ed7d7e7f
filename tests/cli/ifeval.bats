# Answers of a megabyte, which no tape in plugins/ifeval/t can have.

load lib

setup() { cd "$BATS_TEST_TMPDIR" || return; }

# asked PIECE TIMES: the lines of standard input, "SCORE ID KWARGS", as a tape about an answer
# that is PIECE so many times.  PIECE is as it stands in JSON.
asked() {
    PIECE=$1 awk -v times="$2" '
        BEGIN { piece = ENVIRON["PIECE"]
                for (; times > 0; times = int(times / 2)) {
                    if (times % 2) text = text piece
                    piece = piece piece
                }
                print "{\"plugin\":\"basic::ifeval\"}" }
        { id = $2; score = $1; sub(/^[^ ]+ [^ ]+ /, "")
          printf "{\"name\":\"%s\",\"row\":{\"instruction_id_list\":[\"%s\"],\"kwargs\":[%s]," \
                 "\"generated_answer\":\"%s\"},\"expect\":{\"score\":%s,\"weight\":1.0}}\n",
                 id, id, $0, text, score }'
}

plays() {
    "$EVALD_LIBEXECDIR/evald-runner" --replay "$EVALD_BUILDDIR/plugins/.libs/ifeval.so" "$1"
}

@test "every instruction looks at an answer of a megabyte" {
    asked 'WORD, ' 160000 >tape.jsonl <<'END'
1 keywords:existence {"keywords":["word, word","d,\\s*w"]}
1 keywords:frequency {"keyword":"word","frequency":160000,"relation":"at least"}
0 keywords:frequency {"keyword":"word","frequency":160001,"relation":"at least"}
1 keywords:forbidden_words {"forbidden_words":["wor","ord"]}
1 keywords:letter_frequency {"letter":"d","let_frequency":160000,"let_relation":"at least"}
0 keywords:letter_frequency {"letter":"d","let_frequency":160000,"let_relation":"less than"}
0 language:response_language {"language":"th"}
1 length_constraints:number_sentences {"num_sentences":2,"relation":"less than"}
1 length_constraints:number_paragraphs {"num_paragraphs":1}
1 length_constraints:number_words {"num_words":160000,"relation":"at least"}
0 length_constraints:number_words {"num_words":160001,"relation":"at least"}
1 length_constraints:nth_paragraph_first_word {"num_paragraphs":1,"nth_paragraph":1,"first_word":"word"}
1 detectable_content:number_placeholders {"num_placeholders":0}
0 detectable_content:postscript {"postscript_marker":"P.P.S"}
0 detectable_content:postscript {"postscript_marker":"ps:"}
1 detectable_format:number_bullet_lists {"num_bullets":0}
0 detectable_format:constrained_response {}
0 detectable_format:number_highlighted_sections {"num_highlights":1}
0 detectable_format:multiple_sections {"section_spliter":"WORD","num_sections":1}
0 detectable_format:json_format {}
0 detectable_format:title {}
0 combination:two_responses {}
1 combination:repeat_prompt {"prompt_to_repeat":"Word, word"}
1 startend:end_checker {"end_phrase":"word,"}
1 change_case:capital_word_frequency {"capital_frequency":160000,"capital_relation":"at least"}
0 change_case:capital_word_frequency {"capital_frequency":160001,"capital_relation":"at least"}
0 change_case:english_lowercase {}
0 punctuation:no_comma {}
0 startend:quotation {}
END
    plays tape.jsonl
}

@test "a megabyte of nothing but marks is looked at in one go" {
    local mark
    for mark in '[' '*' '<' "'" '`' '\"' '.' '-' 'x\n*' '* ' '<<' ' (\"'; do
        asked "$mark" $((1000000 / ${#mark})) <<'END'
1 length_constraints:number_sentences {"num_sentences":0,"relation":"at least"}
1 detectable_content:number_placeholders {"num_placeholders":0}
1 detectable_format:number_highlighted_sections {"num_highlights":0}
0 detectable_format:number_bullet_lists {"num_bullets":0.5}
0 detectable_format:json_format {}
0 combination:two_responses {}
1 change_case:capital_word_frequency {"capital_frequency":1,"capital_relation":"less than"}
END
    done >many.jsonl
    # one tape each: together they are more than a tape may be
    awk '/"plugin"/ { n++ } { print >("tape." n) }' many.jsonl
    local tape
    for tape in tape.*; do
        plays "$tape" || return 1
    done
}

@test "lists in lists are JSON however deep they are" {
    printf '{"plugin":"basic::ifeval"}\n' >tape.jsonl
    local row='{"instruction_id_list":["detectable_format:json_format"],"kwargs":[{}],"generated_answer":'
    for score in 1 0; do
        printf '{"name":"%s","row":%s"%s%s%s"},"expect":{"score":%s,"weight":1}}\n' "$score" "$row" \
            "$(printf '%400000s' '' | tr ' ' '[')" "$([ "$score" = 1 ] || echo ,)" \
            "$(printf '%400000s' '' | tr ' ' ']')" "$score" >>tape.jsonl
    done
    plays tape.jsonl
}
