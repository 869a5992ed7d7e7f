# What holds for every scorer: parameters of a request in place of its own, columns that are not
# there, values that it cannot take; when rows are scored, when they are evaluated, in jobs.
load lib

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR
    start_server models
    EVALD_PLUGIN_PATH=$(test_plugins given):$EVALD_PLUGIN_PATH start_evald "
        $(models "$(model m "$SERVER_URL")")
        roles = { gpt-4o = \"m\"; gpt-4o-mini = \"m\"; text-embedding-ada-002 = \"m\"; };
        limits = { run_eval_wait_ms = 20000; };"
    row | put_rows one
    put_benchmark one one basic::equality
}

teardown_file() {
    stop_evald
    stop_servers
}

at=/v1alpha/eval/benchmarks
choice=basic::regex_parser_multiple_choice_answer
math=basic::regex_parser_math_response
judge=llm-as-judge::base
similarity=braintrust::answer-similarity

# row [MEMBERS]: one that every scorer gives a score, or with those columns in place of its own.
row() {
    jq -cn --argjson more "{${1:-}}" '{input_query: "q", expected_answer: "[\"x\"]",
        generated_answer: "x", context: "c", instruction_id_list: ["punctuation:no_comma"],
        kwargs: [{}], chat_completion_input: "[{\"role\":\"user\",\"content\":\"[[ANS:x]]\"}]"} + $more'
}

# without COLUMN
without() {
    row | jq -c "del(.$1)"
}

# scoring ROWS FUNCTION PARAMS
scoring() {
    printf '{"input_rows":[%s],"scoring_functions":{"%s":%s}}' "$1" "$2" "$3"
}

# scores STATUS PART ROWS FUNCTION [PARAMS]
scores() {
    post_says "$1" "$2" /v1/scoring/score "$(scoring "$3" "$4" "${5:-null}")" -H 'Evald-Extensions: off'
}

# evaluation ROWS FUNCTION PARAMS [MODEL]: with the rows' own answers.
evaluation() {
    printf '{"input_rows":[%s],"scoring_functions":["%s"],"benchmark_config":%s}' "$1" "$2" \
        "$(config "${4:-baseline::recorded}" ",\"scoring_params\":{\"$2\":$3}")"
}

# aggregates FUNCTION PARAMS: the names of what they are put together to.
aggregates() {
    local got
    got=$(evald_post /v1/scoring/score "$(scoring "$(row)" "$1" "$2")")
    jq -c '.results[].aggregated_results | keys_unsorted' <<<"$got" || echo "$got" >&2
}
# aggregates_are WANTED FUNCTION PARAMS
aggregates_are() {
    local got
    got=$(aggregates "$2" "$3")
    [ "$got" = "$1" ] || { echo "$2 $3: $got, not $1" >&2; return 1; }
}

# typed FUNCTION LIST: parameters of the type that the function takes.
typed() {
    local type=basic more=
    case $1 in
        "$choice" | "$math") type=regex_parser more=',"parsing_regexes":["(x)"]' ;;
        llm-as-judge::*) type=llm_as_judge more=',"judge_model":"m","prompt_template":"p"' ;;
    esac
    printf '{"type":"%s"%s%s}' "$type" "$more" "${2:+,\"aggregation_functions\":$2}"
}

# ---- parameters ----

@test "without parameters a function's own list of aggregations counts" {
    local f
    for f in basic::equality basic::subset_of basic::docvqa "$choice" "$math"; do
        aggregates_are '["accuracy"]' "$f" null
    done
    aggregates_are '["weighted_average"]' basic::ifeval null
    aggregates_are '["average"]' "$similarity" null
}

@test "Q8: with parameters their list counts, an empty one and none at all, too" {
    local f
    for f in basic::equality basic::subset_of basic::docvqa basic::ifeval "$choice" "$math" "$judge" llm-as-judge::405b-simpleqa; do
        aggregates_are '["categorical_count"]' "$f" "$(typed "$f" '["categorical_count"]')"
        aggregates_are '[]' "$f" "$(typed "$f" '[]')"
        aggregates_are '[]' "$f" "$(typed "$f")"
    done
}

@test "Q8: but braintrust does not hear an empty list" {
    aggregates_are '["median","accuracy"]' "$similarity" '{"type":"basic","aggregation_functions":["median","accuracy","median"]}'
    aggregates_are '["average"]' "$similarity" '{"type":"basic","aggregation_functions":[]}'
    aggregates_are '["average"]' "$similarity" '{"type":"basic"}'
}

@test "who has no parameters but that list takes any type of them" {
    local f
    for f in basic::equality basic::subset_of basic::docvqa basic::ifeval "$similarity"; do
        aggregates_are '["median"]' "$f" '{"type":"regex_parser","parsing_regexes":["("],"aggregation_functions":["median"]}'
        aggregates_are '["median"]' "$f" '{"type":"llm_as_judge","judge_model":"nobody","aggregation_functions":["median"]}'
        aggregates_are '["median"]' "$f" '{"type":"basic","aggregation_functions":["median"],"more":[1]}'
    done
}

@test "regex parsers take their own type alone" {
    local f type body
    body=$(error_body 'Invalid value: RegexParserScoringFnParams not found')
    for f in "$choice" "$math"; do
        for type in '{"type":"basic","aggregation_functions":["accuracy"]}' '{"type":"llm_as_judge","judge_model":"m"}'; do
            posts 400 "$body" /v1/scoring/score "$(scoring "$(row)" "$f" "$type")"
        done
    done
}

@test "judges take their own type alone" {
    local type
    for type in '{"type":"basic"}' '{"type":"regex_parser"}'; do
        scores 400 "Invalid value: $judge: params of type '" "$(row)" "$judge" "$type"
    done
}

@test "a type that nobody knows, or none, is a 400 for every function" {
    local f
    for f in basic::equality "$choice" "$judge" "$similarity"; do
        scores 400 "Input tag 'nope' found using 'type' does not match any of the expected tags: 'llm_as_judge', 'regex_parser', 'basic'" \
            "$(row)" "$f" '{"type":"nope"}'
        scores 400 "Unable to extract tag using discriminator 'type'" "$(row)" "$f" '{}'
        post_says 400 'Unable to extract tag' $at/one/evaluations "$(evaluation "$(row)" "$f" '{"aggregation_functions":[]}')"
    done
}

@test "parameters of the wrong type are found before anything is generated" {
    server models /stats/reset -X POST
    local text='Invalid value: RegexParserScoringFnParams not found'
    posts 400 "$(error_body "$text")" $at/one/evaluations "$(evaluation "$(row)" "$choice" '{"type":"basic"}' m)"
    put_benchmark typed one "$choice"
    posts 400 "$(error_body "$text")" $at/typed/jobs \
        "{\"benchmark_config\":$(config m ",\"scoring_params\":{\"$choice\":{\"type\":\"basic\"}}")}"
    count_is models total 0
}

@test "parameters of functions that do not run are passed over" {
    post_says 200 '"score_rows":[{"score":0.0}]' $at/one/evaluations \
        "{\"input_rows\":[$(row)],\"scoring_functions\":[\"basic::equality\"],\"benchmark_config\":$(config baseline::recorded ",\"scoring_params\":{\"$choice\":{\"type\":\"basic\"},\"nobody::knows\":{\"type\":\"basic\"}}")}"
}

@test "parameters may be null when rows are scored, not when they are evaluated" {
    scores 200 '"score_rows":[{"score":1.0}]' "$(row)" basic::docvqa null
    post_says 400 "\"loc\":[\"body\",\"benchmark_config\",\"scoring_params\",\"basic::docvqa\"" $at/one/evaluations "$(evaluation "$(row)" basic::docvqa null)"
}

@test "Q8: a choice with parameters and no regexes finds nothing, in any row" {
    local said='{"expected_answer":"A","generated_answer":"Answer: A"}'
    scores 200 '{"score_rows":[{"score":1.0},{"score":1.0}]' "$said,$said" "$choice"
    scores 200 '{"score_rows":[{"score":0.0},{"score":0.0}],"aggregated_results":{}}' "$said,$said" "$choice" '{"type":"regex_parser"}'
    scores 200 '{"score_rows":[{"score":0.0},{"score":0.0}],"aggregated_results":{"accuracy":{"accuracy":0.0,"num_correct":0.0,"num_total":2}}}' \
        "$said,$said" "$choice" '{"type":"regex_parser","parsing_regexes":[],"aggregation_functions":["accuracy"]}'
    post_says 200 '{"score_rows":[{"score":0.0}],"aggregated_results":{}}' $at/one/evaluations "$(evaluation "$said" "$choice" '{"type":"regex_parser"}')"
}

@test "math needs one regex, not none and not two" {
    local list
    for list in '[]' '["a","b"]'; do
        scores 400 'Invalid value: ' "$(row)" "$math" "{\"type\":\"regex_parser\",\"parsing_regexes\":$list}"
        contains "$(evald_post /v1/scoring/score "$(scoring "$(row)" "$math" "{\"type\":\"regex_parser\",\"parsing_regexes\":$list}")")" parsing_regexes
    done
    scores 400 parsing_regexes "$(row)" "$math" '{"type":"regex_parser"}'
}

# ---- columns ----

@test "a column that is not there is a 400 that names row and column" {
    local f column row
    row=$(row)
    while read -r f columns; do
        for column in $columns; do
            posts 400 "$(error_body "Invalid value: row 1: missing column '$column'" bad_row)" /v1/scoring/score \
                "$(scoring "$row,$(without "$column"),{}" "$f" "$(typed "$f" '[]')")"
        done
    done <<END
basic::equality expected_answer generated_answer
basic::subset_of expected_answer generated_answer
basic::docvqa expected_answer generated_answer
$choice expected_answer generated_answer
$math expected_answer generated_answer
basic::ifeval instruction_id_list kwargs generated_answer
$judge input_query expected_answer generated_answer
llm-as-judge::405b-simpleqa input_query expected_answer generated_answer
$similarity input_query expected_answer generated_answer
END
}

@test "so it is when rows are evaluated" {
    local f column row
    row=$(row)
    while read -r f column; do
        posts 400 "$(error_body "Invalid value: row 1: missing column '$column'" bad_row)" $at/one/evaluations \
            "$(evaluation "$row,$(without "$column")" "$f" "$(typed "$f" '[]')" m)"
    done <<END
basic::equality expected_answer
basic::docvqa expected_answer
$choice expected_answer
$math expected_answer
basic::ifeval kwargs
$judge input_query
$similarity input_query
END
}

@test "in a job it is that row's error, and costs no other row and no other scorer" {
    { row; without expected_answer; row; } | put_rows gaps
    put_benchmark gaps gaps basic::docvqa basic::ifeval "$choice" "$math"
    submit gaps baseline::recorded
    job_ends gaps "$JOB" completed
    job_result gaps "$JOB" >"$BATS_TEST_TMPDIR/got"
    jq -e '.scores["basic::docvqa"].score_rows
        | map(.score) == [1, null, 1]
        and .[1].error == {"stage":"scorer","code":"bad_row","message":"row 1: missing column '\''expected_answer'\''","attempts":1}' "$BATS_TEST_TMPDIR/got"
    jq -e '.scores["basic::ifeval"].score_rows == [range(3) | {"score":1.0,"weight":1.0}]' "$BATS_TEST_TMPDIR/got"
    jq -e --arg a "$choice" --arg b "$math" 'all(.scores[$a, $b].score_rows; map(.score) == [0, null, 0] and .[1].error.code == "bad_row")' "$BATS_TEST_TMPDIR/got"
}

@test "a value of another type is a 400 that names row and column" {
    local f column value row
    row=$(row)
    while read -r f column value; do
        scores 400 'Invalid value: row 1: ' "$row,$(row "\"$column\":$value")" "$f" "$(typed "$f" '[]')"
        contains "$(evald_post /v1/scoring/score "$(scoring "$(row "\"$column\":$value")" "$f" "$(typed "$f" '[]')")")" "'$column'"
    done <<END
basic::subset_of generated_answer 5
basic::subset_of generated_answer null
basic::docvqa expected_answer ["x"]
basic::docvqa expected_answer "x"
basic::docvqa expected_answer "{}"
basic::docvqa expected_answer "[1]"
basic::docvqa generated_answer null
$choice generated_answer null
$choice generated_answer 1.5
$math generated_answer ["x"]
$math expected_answer null
basic::ifeval generated_answer {}
basic::ifeval instruction_id_list 7
basic::ifeval kwargs {"a":{}}
$similarity generated_answer null
END
}

# ---- numbers that are none ----

@test "NaN equals nothing, and is a number where text is needed" {
    scores 200 '"score_rows":[{"score":0.0},{"score":0.0},{"score":1.0}]' \
        '{"expected_answer":NaN,"generated_answer":NaN},{"expected_answer":[NaN],"generated_answer":[NaN]},{"expected_answer":Infinity,"generated_answer":1e999}' basic::equality
    scores 200 '"score_rows":[{"score":0.0}]' '{"expected_answer":NaN,"generated_answer":[NaN,1]}' basic::subset_of
    scores 200 '"score_rows":[{"score":0.0}]' '{"expected_answer":NaN,"generated_answer":"Answer: A"}' "$choice"
    scores 400 "row 0: column 'generated_answer' is" '{"expected_answer":"A","generated_answer":NaN}' "$choice"
    scores 400 "row 0: column 'expected_answer' is" '{"expected_answer":NaN,"generated_answer":"x"}' basic::docvqa
    scores 400 "row 0: " '{"expected_answer":NaN,"generated_answer":"x"}' "$math"
}

@test "a score that is NaN is none to aggregations, and never in an answer" {
    local list='["accuracy","average","median","categorical_count"]'
    scores 200 '"score_rows":[{"score":null},{"score":1.0}],"aggregated_results":{"accuracy":{"accuracy":0.5,"num_correct":1.0,"num_total":2},"average":{"average":1.0},"median":{"median":1.0},"categorical_count":{"categorical_count":{"1.0":1,"None":1}}}' \
        '{"score":NaN},{"score":1.0}' test::given "{\"type\":\"basic\",\"aggregation_functions\":$list}"
}

# ---- regexes ----

# regexes LIST: parameters of a regex parser.
regexes() {
    printf '{"type":"regex_parser","parsing_regexes":%s,"aggregation_functions":[]}' "$1"
}

@test "a regex that is none is a 400 that says which and why" {
    local f
    for f in "$choice" "$math"; do
        scores 400 'Invalid value: invalid regex 0: ' "$(row)" "$f" "$(regexes '["(x"]')"
        post_says 400 'Invalid value: invalid regex 0: ' $at/one/evaluations "$(evaluation "$(row)" "$f" "$(regexes '["(x"]')")"
    done
    scores 400 'Invalid value: invalid regex 1: ' "$(row)" "$choice" "$(regexes '["(nothing)","x{2,1}"]')"
}

@test "it is one only when its turn comes" {
    scores 200 '"score_rows":[{"score":0.0}]' "$(row)" "$choice" "$(regexes '["(x)","(x"]')"
    scores 200 '"score_rows":[]' '' "$choice" "$(regexes '["(x"]')"
    scores 200 '"score_rows":[]' '' "$math" "$(regexes '["(x"]')"
}

@test "a regex without a group is a 400 where it is found, and harmless where it is not" {
    scores 400 'Invalid value: invalid regex 0: ' "$(row)" "$choice" "$(regexes '["x"]')"
    scores 200 '"score_rows":[{"score":0.0}]' "$(row)" "$choice" "$(regexes '["y"]')"
}

@test "a job with a regex that is none fails, and says which" {
    put_benchmark regexes one "$choice"
    post_says 400 'invalid regex 0: ' $at/regexes/jobs \
        "{\"benchmark_config\":$(config baseline::recorded ",\"scoring_params\":{\"$choice\":$(regexes '["(x"]')}")}"
    submit regexes baseline::recorded ",\"scoring_params\":{\"$choice\":$(regexes '["(x"]')}"
    job_ends regexes "$JOB" failed
    says 400 'invalid regex 0: ' GET "$at/regexes/jobs/$JOB/result"
}

@test "a regex that searches without end is its row's error in a job" {
    local long
    long=$(printf 'a%.0s' {1..3000})b
    { row; row "\"generated_answer\":\"$long\""; row; } | put_rows endless
    put_benchmark endless endless "$choice"
    submit endless baseline::recorded ",\"scoring_params\":{\"$choice\":$(regexes '["((a+)+)$"]')}"
    job_ends endless "$JOB" completed
    job_result endless "$JOB" | jq -e --arg f "$choice" '.scores[$f].score_rows | map(.score) == [0, null, 0]
        and (.[1].error | .code == "bad_row" and (.message | startswith("row 1: ")))'
}

# Rows and parameters from a file: a command line is too short for them.
# scores_file STATUS PART ROW-FILTER FUNCTION [PARAMS-FILTER]: jq makes both.
scores_file() {
    jq -cn "{input_rows: [$(row) + ($3)], scoring_functions: {\"$4\": (${5:-null})}}" >"$EVALD_DIR/body"
    post_says "$1" "$2" /v1/scoring/score "@$EVALD_DIR/body" -H 'Evald-Extensions: off'
}

@test "an array among many others is not taken apart for each of them" {
    scores_file 200 '"score_rows":[{"score":0.0}]' '{expected_answer: [range(200000) | 1],
        generated_answer: [range(50000) | [1]]}' basic::subset_of
    scores_file 200 '"score_rows":[{"score":1.0}]' '{expected_answer: [[[range(1000)]]],
        generated_answer: [(range(20000) | [[[]]]), [[[range(1000)]]]]}' basic::subset_of
}

@test "articles and blanks of an answer are left out once, not for each that is expected" {
    scores_file 200 '"score_rows":[{"score":0.0}]' '{generated_answer: ([range(300000) | "a"] | join(" ") + " b"),
        expected_answer: ([range(100000) | "a"] | tojson)}' basic::docvqa
    scores_file 200 '"score_rows":[{"score":1.0}]' '{generated_answer: "  The  two   ,and an x ",
        expected_answer: ([(range(20) | "no"), "2 and x"] | tojson)}' basic::docvqa
}

@test "a template that makes too much of a column is its row's error" {
    scores_file 400 "Invalid value: row 0: prompt_template: filled with the row's columns it is longer than 16 MiB" \
        '{input_query: ([range(20000) | "0123456789"] | join(""))}' "$judge" \
        '{type: "llm_as_judge", judge_model: "m", prompt_template: ([range(9000) | "{input_query}"] | join(""))}'
}

@test "many regexes that are slow together are their row's error" {
    scores_file 400 ']: all that is matched in this row takes too long' \
        '{generated_answer: "aaaaaaaaaaaaaaaaaaa!"}' "$choice" \
        '{type: "regex_parser", parsing_regexes: [range(20000) | "(?:\(.)z)?(a+)+$"]}'
}

@test "an instruction that is there often looks at a long answer once" {
    scores_file 200 '"score_rows":[{"score":0.0,"weight":3000.0}]' '{generated_answer: ([range(30000) | "é👍 "] | join("")),
        instruction_id_list: [range(1000) | "change_case:capital_word_frequency", "keywords:letter_frequency", "startend:end_checker"],
        kwargs: [range(1000) | {capital_frequency: 9, capital_relation: "at least"},
            {letter: "ß", let_frequency: 2, let_relation: "at least"}, {end_phrase: "É"}]}' basic::ifeval
}
