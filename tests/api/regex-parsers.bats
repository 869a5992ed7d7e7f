# The regex parsers: multiple choice and answers in LaTeX, as requests see them.
load lib

MC=basic::regex_parser_multiple_choice_answer
MATH=basic::regex_parser_math_response

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR
    start_evald
}

teardown_file() {
    stop_evald
}

# body FUNCTION ROWS REGEXES|null: a score request; REGEXES is a JSON array.
body() {
    local params=null
    [ "$3" = null ] || params="{\"type\":\"regex_parser\",\"parsing_regexes\":$3}"
    printf '{"input_rows":%s,"scoring_functions":{"%s":%s}}' "$2" "$1" "$params"
}

# scores WANTED FUNCTION ROWS REGEXES: exactly that, without extensions.
scores() {
    posts 200 "{\"results\":{\"$2\":$1}}" /v1/scoring/score "$(body "$2" "$3" "$4")" -H 'Evald-Extensions: off'
}

# refuses TEXT FUNCTION ROWS REGEXES: a 400 that says so.
refuses() {
    post_says 400 "$1" /v1/scoring/score "$(body "$2" "$3" "$4")"
}

@test "letters are found by the regexes of the function" {
    scores '{"score_rows":[{"score":1.0},{"score":0.0},{"score":1.0}],"aggregated_results":{"accuracy":{"accuracy":0.6666666666666666,"num_correct":2.0,"num_total":3}}}' \
        "$MC" '[{"generated_answer":"Answer: B","expected_answer":"B"},{"generated_answer":"It is B","expected_answer":"B"},{"generated_answer":"答案：C","expected_answer":"C"}]' null
}

@test "answers in LaTeX are found and compared" {
    scores '{"score_rows":[{"score":1.0},{"score":0.0}],"aggregated_results":{"accuracy":{"accuracy":0.5,"num_correct":1.0,"num_total":2}}}' \
        "$MATH" '[{"generated_answer":"The final answer is: $\\boxed{\\dfrac12}$.","expected_answer":"0.5"},{"generated_answer":"\\boxed{3}","expected_answer":"3.0"}]' null
}

@test "regexes of a request live in it alone" {
    scores '{"score_rows":[{"score":1.0}],"aggregated_results":{}}' "$MC" '[{"generated_answer":"x=B","expected_answer":"B"}]' '["x=(.)"]'
    scores '{"score_rows":[{"score":0.0}],"aggregated_results":{"accuracy":{"accuracy":0.0,"num_correct":0.0,"num_total":1}}}' \
        "$MC" '[{"generated_answer":"x=B","expected_answer":"B"}]' null
}

@test "the list of functions has the default regexes" {
    local got
    got=$(evald_get /v1/scoring-functions/$MC)
    [ "$(jq '.params.parsing_regexes | length' <<<"$got")" = 42 ]
    [ "$(jq -r '.params.parsing_regexes[31]' <<<"$got")" = '(?i)Jawaban\s*:\s*([A-D]|[أ-د]|[অ]|[ব]|[ড]|[ঢ]|[Ａ]|[Ｂ]|[Ｃ]|[Ｄ])' ]
    got=$(evald_get /v1/scoring-functions/$MATH)
    [ "$(jq -r '.params.parsing_regexes[]' <<<"$got")" = '.*final answer is:?\s*\$\\boxed{(?P<X>.*)}\$' ]
}

@test "a regex that is wrong is a 400 when its turn comes, and only then" {
    local rows='[{"generated_answer":"A","expected_answer":"A"}]'
    posts 400 "$(error_body 'Invalid value: invalid regex 1: missing ) at position 1' bad_row)" /v1/scoring/score "$(body $MC "$rows" '["(B)","("]')"
    posts 400 "$(error_body 'Invalid value: invalid regex 0: missing ) at position 1' bad_row)" /v1/scoring/score "$(body $MATH "$rows" '["("]')"
    scores '{"score_rows":[{"score":1.0}],"aggregated_results":{}}' "$MC" "$rows" '["(A)","("]'
    scores '{"score_rows":[],"aggregated_results":{}}' "$MC" '[]' '["("]'
}

@test "answers in LaTeX want one regex" {
    refuses 'parsing_regexes: exactly one is needed, 0 are given' "$MATH" '[{"generated_answer":"5","expected_answer":"5"}]' '[]'
    refuses 'parsing_regexes: exactly one is needed, 2 are given' "$MATH" '[{"generated_answer":"5","expected_answer":"5"}]' '["a","b"]'
}

@test "columns that are no strings are a 400 that names row and column" {
    local good='{"generated_answer":"Answer: A","expected_answer":"A"}'
    refuses "Invalid value: row 1: column 'generated_answer' is null, not a string" "$MC" "[$good,{\"generated_answer\":null,\"expected_answer\":\"A\"}]" null
    refuses "Invalid value: row 1: column 'expected_answer' is a number, not a string" "$MATH" "[$good,{\"generated_answer\":\"1\",\"expected_answer\":1}]" null
    refuses "Invalid value: row 0: missing column 'expected_answer'" "$MC" '[{"generated_answer":"Answer: A"}]' null
}

@test "parameters of another type are a 400" {
    local f
    for f in "$MC" "$MATH"; do
        post_says 400 'Invalid value: ' /v1/scoring/score "{\"input_rows\":[{\"generated_answer\":\"A\",\"expected_answer\":\"A\"}],\"scoring_functions\":{\"$f\":{\"type\":\"basic\"}}}"
    done
}

@test "D28: a search without end is a 400, and the runner goes on" {
    local rows='[{"generated_answer":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!","expected_answer":"A"}]'
    refuses 'Invalid value: row 0: parsing_regexes[0]: matching takes too long' "$MC" "$rows" '["^((a+)+)$"]'
    refuses 'Invalid value: row 0: parsing_regexes[0]: matching takes too long' "$MATH" "$rows" '["^((a+)+)$"]'
    scores '{"score_rows":[{"score":1.0}],"aggregated_results":{}}' "$MC" '[{"generated_answer":"x=B","expected_answer":"B"}]' '["x=(.)"]'
}
