# What clients rely on although nobody would design it so: one test for each quirk of the list
# that the project keeps, under its number.
load lib

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR RECORD=$BATS_FILE_TMPDIR/record
    start_server models --record "$RECORD"
    EVALD_PLUGIN_PATH=$(test_plugins given):$EVALD_PLUGIN_PATH start_evald "$(models "$(model org/m "$SERVER_URL")")"
    answer_rows A B A A | put_rows four
    put_benchmark four four basic::equality
}

teardown_file() {
    stop_evald
    stop_servers
}

setup() {
    SUITES_EVALD=$EVALD_PID
}

teardown() {
    [ "$EVALD_PID" = "$SUITES_EVALD" ] || stop_evald # one of the test's own
}

at=/v1alpha/eval/benchmarks

# evaluates PART ROWS [MODEL [FUNCTION]]
evaluates() {
    post_says 200 "$1" $at/four/evaluations \
        "{\"input_rows\":$2,\"scoring_functions\":[\"${4:-basic::equality}\"],\"benchmark_config\":$(config "${3:-org/m}")}"
}

# scores PART ROWS FUNCTIONS
scores() {
    post_says 200 "$1" /v1/scoring/score "{\"input_rows\":$2,\"scoring_functions\":$3}" -H 'Evald-Extensions: off'
}

# aggregates PART ROWS LIST: of scores that the rows give.
aggregates() {
    scores "\"aggregated_results\":$1" "$2" "{\"test::given\":{\"type\":\"basic\",\"aggregation_functions\":$3}}"
}

@test "Q1: members that nobody knows are ignored, at every depth" {
    posts 200 null $at '{"benchmark_id":"q1","dataset_id":"four","scoring_functions":["basic::equality"],"x":{"y":[1]}}'
    post_says 200 '"status":"completed"' $at/q1/jobs '{"x":1,"benchmark_config":{"type":"benchmark","x":[],"eval_candidate":{"type":"model","model":"baseline::recorded","x":{},"system_message":{"role":"system","content":"s","x":1},"sampling_params":{"temperature":0.0,"top_p":0.9,"repeat_penalty":1.0,"strategy":{"type":"greedy","x":1}}},"scoring_params":{"basic::equality":{"type":"basic","x":1}}}}'
}

@test "Q2: jobs are counted from 0, over all benchmarks" {
    EVALD_DIR=$BATS_TEST_TMPDIR
    start_evald
    answer_rows A | put_rows d
    put_benchmark a d basic::equality
    put_benchmark b d basic::equality
    for step in a:0 b:1 a:2; do
        posts 200 "{\"job_id\":\"${step#*:}\",\"status\":\"completed\"}" "$at/${step%:*}/jobs" "{\"benchmark_config\":$(config baseline::recorded)}"
    done
}

@test "Q3: an unknown benchmark, function, job or provider is a 400, an unknown data set or model a 404" {
    for path in $at/nope /v1/scoring-functions/nope $at/four/jobs/nope /v1/providers/nope \
        /v1beta/datasetio/iterrows/nope $at/nope/jobs/0; do
        says 400 'Invalid value: ' GET "$path"
    done
    says 400 'Invalid value: ' DELETE $at/nope
    for path in /v1beta/datasets/nope /v1/datasets/nope /v1/models/nope; do
        says 404 "'nope' not found" GET "$path"
    done
    says 404 "'nope' not found" DELETE /v1beta/datasets/nope
}

@test "Q4: registering answers null, deleting nothing, listing data" {
    answers 200 null POST $at -H 'Content-Type: application/json' -d '{"benchmark_id":"q4","dataset_id":"d","scoring_functions":[]}'
    answers 204 "" DELETE $at/q4
    for path in $at /v1/eval/benchmarks /v1beta/datasets /v1/datasets /v1/scoring-functions \
        /v1/models /v1/openai/v1/models /v1/inspect/routes /v1/providers $at/four/jobs; do
        evald_get "$path" | jq -e '.data | type == "array"' >/dev/null || { echo "$path" >&2; return 1; }
    done
}

@test "Q5: completion_input and chat_completion_input are JSON as text" {
    evaluates '"generated_answer":"Answer: a"' '[{"expected_answer":"x","completion_input":"\"[[ANS:a]]\""}]'
    evaluates '"generated_answer":"Answer: b"' '[{"expected_answer":"x","chat_completion_input":"[{\"role\":\"user\",\"content\":\"[[ANS:b]]\"}]"}]'
    post_says 400 'row 0' $at/four/evaluations "{\"input_rows\":[{\"expected_answer\":\"x\",\"completion_input\":\"plain\"}],\"scoring_functions\":[\"basic::equality\"],\"benchmark_config\":$(config org/m)}"
}

@test "Q6: the candidate's system message comes first" {
    watch_sent "$RECORD"
    post_says 200 '"generations":' $at/four/evaluations '{"input_rows":[{"expected_answer":"x","chat_completion_input":"[{\"role\":\"system\",\"content\":\"row\"},{\"role\":\"user\",\"content\":\"q\"}]"}],"scoring_functions":["basic::equality"],"benchmark_config":{"eval_candidate":{"type":"model","model":"org/m","sampling_params":{},"system_message":{"role":"system","content":"candidate"}}}}'
    [ "$(sent '[.messages[] | .role, .content]')" = '["system","candidate","system","row","user","q"]' ]
}

@test "Q7: the generated answer replaces the row's own, all other columns stay" {
    evaluates '"score_rows":[{"score":1.0}]' '[{"expected_answer":"Answer: new","generated_answer":"old","chat_completion_input":"[{\"role\":\"user\",\"content\":\"[[ANS:new]]\"}]"}]'
    evaluates '"score_rows":[{"score":0.25,"weight":3}]' '[{"score":0.25,"weight":3,"chat_completion_input":"[{\"role\":\"user\",\"content\":\"x\"}]"}]' org/m test::given
}

@test "Q8: parameters replace the function's own, an empty list of aggregations is one" {
    row='[{"expected_answer":"x","generated_answer":"x"}]'
    scores '"aggregated_results":{}' "$row" '{"basic::equality":{"type":"basic"}}'
    scores '"aggregated_results":{}' "$row" '{"basic::equality":{"type":"basic","aggregation_functions":[]}}'
    scores '"aggregated_results":{"accuracy":{' "$row" '{"basic::equality":null}'
}

@test "Q9: aggregates stand under their name twice, categories under what Python prints" {
    aggregates '{"accuracy":{"accuracy":0.5,"num_correct":1,"num_total":2},"average":{"average":0.5},"median":{"median":0.5}}' \
        '[{"score":1},{"score":0}]' '["accuracy","average","median"]'
    aggregates '{"accuracy":{"accuracy":0.5,"num_correct":1.0,"num_total":2},"median":{"median":0.5}}' \
        '[{"score":1.0},{"score":0}]' '["accuracy","median"]'
    aggregates '{"median":{"median":1}}' '[{"score":1}]' '["median"]'
    aggregates '{"categorical_count":{"categorical_count":{"1":1,"1.0":2,"A":1,"None":1,"True":1}}}' \
        '[{"score":true},{"score":"A"},{"score":1.0},{"score":null},{"score":1},{"score":1.0}]' '["categorical_count"]'
}

@test "Q10: equal is what Python calls equal, subset what Python calls in" {
    scores '"score_rows":[{"score":1.0},{"score":1.0},{"score":1.0},{"score":0.0},{"score":0.0}]' \
        '[{"expected_answer":1,"generated_answer":1.0},{"expected_answer":true,"generated_answer":1},{"expected_answer":[false],"generated_answer":[0.0]},{"expected_answer":"1","generated_answer":1},{"expected_answer":null,"generated_answer":0}]' \
        '{"basic::equality":null}'
    scores '"score_rows":[{"score":1.0},{"score":1.0},{"score":1.0},{"score":1.0},{"score":0.0}]' \
        '[{"expected_answer":"","generated_answer":""},{"expected_answer":"b","generated_answer":"abc"},{"expected_answer":1,"generated_answer":[2,true]},{"expected_answer":"k","generated_answer":{"k":0}},{"expected_answer":"K","generated_answer":"k"}]' \
        '{"basic::subset_of":null}'
}

# choices PART ROWS: by the multiple choice parser with its own regexes.
choices() {
    scores "$1" "$2" '{"basic::regex_parser_multiple_choice_answer":null}'
}

@test "Q11: of the regexes for a choice the first that is found decides, and letters keep their case" {
    # "The best answer is" comes before "Answer:" in the list, wherever it stands in the text
    choices '"score_rows":[{"score":1.0},{"score":0.0}]' \
        '[{"expected_answer":"B","generated_answer":"Answer: A. No. The best answer is B"},{"expected_answer":"A","generated_answer":"Answer: A. No. The best answer is B"}]'
    choices '"score_rows":[{"score":0.0},{"score":1.0}]' \
        '[{"expected_answer":"C","generated_answer":"answer: c"},{"expected_answer":"c","generated_answer":"answer: c"}]'
    choices '"score_rows":[{"score":1.0},{"score":0.0},{"score":0.0}]' \
        '[{"expected_answer":"B","generated_answer":"Answer: Because of that"},{"expected_answer":"B","generated_answer":"B"},{"expected_answer":["B"],"generated_answer":"Answer: B"}]'
    choices '"score_rows":[{"score":1.0},{"score":1.0}]' \
        '[{"expected_answer":"Ｄ","generated_answer":"答え：Ｄ"},{"expected_answer":"ب","generated_answer":"الإجابة: ب"}]'
}

# math PART ROWS: with the expression in the way that the function's own regex wants.
math() {
    scores "$1" "$2" '{"basic::regex_parser_math_response":null}'
}

@test "Q12: math compares text, and as it stands where no expression is found" {
    # nothing is found in the first two answers: they are not brought into normal form
    math '"score_rows":[{"score":0.0},{"score":1.0},{"score":1.0}]' \
        '[{"expected_answer":"12 cm","generated_answer":"12 cm"},{"expected_answer":"12 cm","generated_answer":"12"},{"expected_answer":"12 cm","generated_answer":"The final answer is $\\boxed{12 cm}$"}]'
    math '"score_rows":[{"score":1.0},{"score":0.0},{"score":0.0},{"score":1.0}]' \
        '[{"expected_answer":"\\frac{2}{4}","generated_answer":"The final answer is $\\boxed{\\frac{1}{2}}$"},{"expected_answer":"0.25","generated_answer":"The final answer is $\\boxed{\\frac{1}{4}}$"},{"expected_answer":"3.0","generated_answer":"The final answer is $\\boxed{3}$"},{"expected_answer":"0.5","generated_answer":"The final answer is $\\boxed{\\frac{1}{2}}$"}]'
    # ft and cm are units, also inside words
    math '"score_rows":[{"score":1.0},{"score":1.0},{"score":1.0}]' \
        '[{"expected_answer":"gi","generated_answer":"The final answer is $\\boxed{gift}$"},{"expected_answer":"\\iny","generated_answer":"The final answer is $\\boxed{\\infty}$"},{"expected_answer":"a","generated_answer":"The final answer is $\\boxed{acm}$"}]'
}

# pages PART ROWS: by docvqa.
pages() {
    scores "$1" "$2" '{"basic::docvqa":null}'
}

@test "Q13: docvqa drops marks by what stands beside them, and 32 stops at a time" {
    local stops
    stops=$(printf '.%.0s' {1..672}) # 21 marks, and 32 stops after each
    pages '"score_rows":[{"score":1.0},{"score":0.0}]' \
        "[{\"expected_answer\":\"[\\\"x\\\"]\",\"generated_answer\":\"${stops}x\"},{\"expected_answer\":\"[\\\"x\\\"]\",\"generated_answer\":\".${stops}x\"}]"
    # a comma between digits makes all marks up to the comma go without a blank in their place
    pages '"score_rows":[{"score":1.0},{"score":1.0},{"score":0.0}]' \
        '[{"expected_answer":"[\"125 and xy\"]","generated_answer":"12,5 and x-y"},{"expected_answer":"[\"12 and x y\"]","generated_answer":"12 and x-y"},{"expected_answer":"[\"12 and xy\"]","generated_answer":"12 and x-y"}]'
    # the hyphen comes before the comma in the table, the question mark behind it
    pages '"score_rows":[{"score":1.0},{"score":1.0}]' \
        '[{"expected_answer":"[\"125 ab\"]","generated_answer":"12,5 a-b"},{"expected_answer":"[\"125 a b\"]","generated_answer":"12,5 a?b"}]'
    pages '"score_rows":[{"score":1.0},{"score":1.0},{"score":1.0},{"score":1.0}]' \
        '[{"expected_answer":"[\"0\"]","generated_answer":"None"},{"expected_answer":"[\"x\",\"10\"]","generated_answer":"ten"},{"expected_answer":"[\"house\"]","generated_answer":"To the house."},{"expected_answer":"[\"1.5\"]","generated_answer":"1.5."}]'
}

# follows PART ID KWARGS ANSWER: one instruction of ifeval.
follows() {
    scores "$1" "[{\"prompt\":\"p\",\"instruction_id_list\":[\"$2\"],\"kwargs\":[$3],\"generated_answer\":\"$4\"}]" '{"basic::ifeval":null}'
}

@test "Q14: keywords are regexes, what has no language is in any, and a row has score and weight alone" {
    follows '"score_rows":[{"score":1.0,"weight":1.0}],' keywords:existence '{"keywords":["a.c","^x|c$"]}' 'ABC'
    follows '"score_rows":[{"score":0.0,"weight":1.0}],' keywords:existence '{"keywords":["a\\.c"]}' 'abc'
    follows '"score_rows":[{"score":0.0,"weight":1.0}],' keywords:forbidden_words '{"forbidden_words":["a|b"]}' 'say ab'
    for language in en fr th; do
        follows '"score_rows":[{"score":1.0,"weight":1.0}],' language:response_language "{\"language\":\"$language\"}" '12345 !!'
    done
    follows '"score_rows":[{"score":0.0,"weight":1.0}],' language:response_language '{"language":"fr"}' 'This is a sentence in the English language.'
}

@test "Q15: a judge's score is text, the first match anywhere, and its words are always there" {
    judge() {
        scores "$1" '[{"input_query":"q","expected_answer":"e","generated_answer":"[[ANS:NOT_ATTEMPTED]]"}]' \
            "{\"llm-as-judge::base\":{\"type\":\"llm_as_judge\",\"judge_model\":\"org/m\",\"prompt_template\":\"{generated_answer}\",\"judge_score_regexes\":$2,\"aggregation_functions\":[\"categorical_count\"]}}"
    }
    judge '"score_rows":[{"score":"A","judge_feedback":"Answer: NOT_ATTEMPTED"}],"aggregated_results":{"categorical_count":{"categorical_count":{"A":1}}}' '["(A|B|C)"]'
    judge '"score_rows":[{"score":"T","judge_feedback":"Answer: NOT_ATTEMPTED"}]' '["([0-9])","(B|T)"]'
    judge '"score_rows":[{"score":null,"judge_feedback":"Answer: NOT_ATTEMPTED"}],"aggregated_results":{"categorical_count":{"categorical_count":{"None":1}}}' '["([0-9])"]'
}

@test "Q16: a row without a score still weighs" {
    # 1*2 / (2 + 2)
    aggregates '{"weighted_average":{"weighted_average":0.5}}' \
        '[{"score":1.0,"weight":2},{"score":null,"weight":2},{"score":1.0,"weight":null}]' '["weighted_average"]'
}

@test "Q17: a column of numbers in a CSV file is numbers, and equals no text" {
    put_uri csv 'data:text/csv,expected_answer%2Cgenerated_answer%0A42%2Cx%0A007%2Cx%0A'
    says 200 '"expected_answer":42,' GET '/v1beta/datasetio/iterrows/csv?limit=1'
    scores '"score_rows":[{"score":0.0},{"score":1.0}]' \
        '[{"expected_answer":42,"generated_answer":"42"},{"expected_answer":42,"generated_answer":42.0}]' '{"basic::equality":null}'
}

@test "Q18: a limit of -1 is all rows, of 0 is none and more to come" {
    page=/v1beta/datasetio/iterrows/four
    evald_get "$page?limit=-1" | jq -e '(.data | length) == 4 and .has_more == false'
    evald_get "$page?limit=0" | jq -e '.data == [] and .has_more == true'
    evald_get "$page?start_index=2&limit=2" | jq -e '(.data | length) == 2 and .has_more == false'
    evald_get "$page?start_index=1&limit=2" | jq -e '(.data | length) == 2 and .has_more == true'
    evald_get "$page?start_index=9&limit=2" | jq -e '.data == [] and .has_more == false'
}

@test "Q19: what is registered again on the old API replaces what was there" {
    for functions in '"basic::equality"' '"basic::subset_of"'; do
        posts 200 null /v1/eval/benchmarks "{\"benchmark_id\":\"q19\",\"dataset_id\":\"four\",\"scoring_functions\":[$functions]}"
        says 200 "\"scoring_functions\":[$functions]" GET /v1/eval/benchmarks/q19
        post_says 200 "\"rows\":[{\"f\":$functions}]" /v1/datasets \
            "{\"purpose\":\"eval/question-answer\",\"dataset_id\":\"q19\",\"source\":{\"type\":\"rows\",\"rows\":[{\"f\":$functions}]}}"
    done
}

@test "Q20: ids at the end of a path may hold slashes and colons, and may be empty" {
    for id in org/m org%2Fm; do
        says 200 '"identifier":"org/m"' GET /v1/models/$id
    done
    says 200 '"identifier":"basic::equality"' GET /v1/scoring-functions/basic::equality
    says 200 '"identifier":"basic::equality"' GET /v1/scoring-functions/basic%3A%3Aequality
    answers 400 "$(error_body "Invalid value: Scoring function 'a/b::c' not found")" GET /v1/scoring-functions/a/b::c
    answers 404 "$(error_body "Model '' not found. Use 'client.models.list()' to list available Models.")" GET /v1/models/
    answers 404 "$(error_body "Dataset '' not found. Use 'client.datasets.list()' to list available Datasets.")" GET /v1beta/datasets/
    answers 400 "$(error_body "Invalid value: Scoring function '' not found")" GET /v1/scoring-functions/
}

@test "Q21: sums are compensated, floats are the shortest that mean the same" {
    tenths=$(printf ',{"score":0.1,"weight":1}%.0s' 1 2 3 4 5 6 7 8 9 10)
    aggregates '{"accuracy":{"accuracy":0.1,"num_correct":1.0,"num_total":10}}' "[${tenths:1}]" '["accuracy"]'
    aggregates '{"average":{"average":0.6666666666666666}}' '[{"score":1.0},{"score":1.0},{"score":0.0}]' '["average"]'
    aggregates '{"categorical_count":{"categorical_count":{"-0.0":1,"0.0001":1,"1000000000000000.0":1,"1e+16":1,"1e-05":1,"5e-324":1}}}' \
        '[{"score":1e16},{"score":1e15},{"score":0.00001},{"score":0.0001},{"score":5e-324},{"score":-0.0}]' '["categorical_count"]'
}

@test "Q22: results stand under exactly the ids that were asked for" {
    scores '{"results":{"basic::subset_of":{' '[{"expected_answer":"x","generated_answer":"x"}]' '{"basic::subset_of":null,"basic::equality":null}'
    evald_post $at/four/evaluations "{\"input_rows\":[{\"expected_answer\":\"x\"}],\"scoring_functions\":[\"basic::subset_of\",\"basic::equality\"],\"benchmark_config\":$(config baseline::oracle)}" |
        jq -e '.scores | keys_unsorted == ["basic::subset_of","basic::equality"]'
}
