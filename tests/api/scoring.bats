# scoring/score: rows with answers, scored without a candidate.
load lib

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR
    start_evald
}

teardown_file() {
    stop_evald
}

# scores WANTED ROWS FUNCTIONS: exactly that, without extensions.
scores() {
    posts 200 "$1" /v1/scoring/score "{\"input_rows\":$2,\"scoring_functions\":$3}" -H 'Evald-Extensions: off'
}

@test "rows are scored by every function, in the order of the request" {
    scores '{"results":{"basic::subset_of":{"score_rows":[{"score":1.0},{"score":1.0}],"aggregated_results":{"accuracy":{"accuracy":1.0,"num_correct":2.0,"num_total":2}}},"basic::equality":{"score_rows":[{"score":1.0},{"score":0.0}],"aggregated_results":{"accuracy":{"accuracy":0.5,"num_correct":1.0,"num_total":2}}}}}' \
        '[{"expected_answer":"Oslo","generated_answer":"Oslo"},{"expected_answer":"Lima","generated_answer":"It is Lima"}]' \
        '{"basic::subset_of":null,"basic::equality":null}'
}

@test "statistics come along unless they are switched off" {
    post_says 200 '},"statistics":{"basic::equality":{"n_total":1,"n_scored":1,"n_errored":0,"n_abstained":0,"n_truncated":0,"mean":1.0,"stderr":null,"ci95":null,"ci_method":null,"bounds":[1.0,1.0]}}}' \
        /v1/scoring/score '{"input_rows":[{"expected_answer":"x","generated_answer":"x"}],"scoring_functions":{"basic::equality":null}}'
}

@test "equality is Python's" {
    scores '{"results":{"basic::equality":{"score_rows":[{"score":1.0},{"score":1.0},{"score":0.0},{"score":1.0},{"score":0.0},{"score":1.0}],"aggregated_results":{}}}}' \
        '[{"expected_answer":1,"generated_answer":1.0},{"expected_answer":true,"generated_answer":1},{"expected_answer":42,"generated_answer":"42"},{"expected_answer":{"a":1,"b":[2]},"generated_answer":{"b":[2.0],"a":true}},{"expected_answer":9007199254740993,"generated_answer":9007199254740992.0},{"expected_answer":null,"generated_answer":null}]' \
        '{"basic::equality":{"type":"basic","aggregation_functions":[]}}'
}

@test "no rows give null aggregates" {
    scores '{"results":{"basic::equality":{"score_rows":[],"aggregated_results":{"accuracy":{"accuracy":null,"num_correct":0,"num_total":0},"average":{"average":null},"median":{"median":null},"categorical_count":{"categorical_count":{}}}}}}' \
        '[]' '{"basic::equality":{"type":"basic","aggregation_functions":["accuracy","average","median","categorical_count"]}}'
}

@test "no functions give no results" {
    scores '{"results":{}}' '[{"expected_answer":"x","generated_answer":"x"}]' '{}'
}

@test "members of params that the reference does not know are ignored" {
    scores '{"results":{"basic::equality":{"score_rows":[{"score":1.0}],"aggregated_results":{"average":{"average":1.0}}}}}' \
        '[{"expected_answer":"x","generated_answer":"x"}]' \
        '{"basic::equality":{"type":"regex_parser","parsing_regexes":["x"],"what":1,"aggregation_functions":["average","average"]}}'
}

@test "parameters live in their request alone" {
    scores '{"results":{"basic::equality":{"score_rows":[{"score":1.0}],"aggregated_results":{}}}}' \
        '[{"expected_answer":"x","generated_answer":"x"}]' '{"basic::equality":{"type":"basic"}}'
    scores '{"results":{"basic::equality":{"score_rows":[{"score":1.0}],"aggregated_results":{"accuracy":{"accuracy":1.0,"num_correct":1.0,"num_total":1}}}}}' \
        '[{"expected_answer":"x","generated_answer":"x"}]' '{"basic::equality":null}'
}

@test "a missing column is a 400 that names row and column" {
    posts 400 "$(error_body "Invalid value: row 1: missing column 'generated_answer'" bad_row)" /v1/scoring/score \
        '{"input_rows":[{"expected_answer":"x","generated_answer":"x"},{"expected_answer":"x"},{}],"scoring_functions":{"basic::equality":null}}'
}

@test "a wrong type is a 400 that names the row" {
    post_says 400 'Invalid value: row 0: ' /v1/scoring/score \
        '{"input_rows":[{"expected_answer":"x","generated_answer":5}],"scoring_functions":{"basic::subset_of":null}}'
}

@test "weighted_average of rows without a weight is a 400" {
    post_says 400 'Invalid value: ' /v1/scoring/score \
        '{"input_rows":[{"expected_answer":"x","generated_answer":"x"}],"scoring_functions":{"basic::equality":{"type":"basic","aggregation_functions":["weighted_average"]}}}'
    post_says 400 'weight' /v1/scoring/score \
        '{"input_rows":[{"expected_answer":"x","generated_answer":"x"}],"scoring_functions":{"basic::equality":{"type":"basic","aggregation_functions":["weighted_average"]}}}'
}

@test "an unknown function is a 400, before anything is scored" {
    post_says 400 'Invalid value: Scoring_function `nope` not served by ' /v1/scoring/score \
        '{"input_rows":[{}],"scoring_functions":{"nope":null}}'
}

@test "an unknown aggregation is a 400 that names the ones there are" {
    post_says 400 "Input should be 'average', 'weighted_average', 'median', 'categorical_count' or 'accuracy'" /v1/scoring/score \
        '{"input_rows":[],"scoring_functions":{"basic::equality":{"type":"basic","aggregation_functions":["mean"]}}}'
}

@test "rows are objects, functions an object" {
    post_says 400 '"loc":["body","input_rows",1]' /v1/scoring/score '{"input_rows":[{},[]],"scoring_functions":{}}'
    posts 400 "$(invalid body.scoring_functions 'Input should be a valid dictionary' dict_type)" /v1/scoring/score \
        '{"input_rows":[],"scoring_functions":["basic::equality"]}'
}

# ---- score-batch

batch=/v1/scoring/score-batch

# batches WANTED DATASET FUNCTIONS: exactly these results, without extensions.
batches() {
    posts 200 "{\"dataset_id\":\"$2\",\"results\":$1}" $batch "{\"dataset_id\":\"$2\",\"scoring_functions\":$3}" -H 'Evald-Extensions: off'
}

@test "D15: score-batch scores all rows of a data set, and says which" {
    answer_rows A B A | put_rows letters
    batches '{"basic::subset_of":{"score_rows":[{"score":1.0},{"score":0.0},{"score":1.0}],"aggregated_results":{"accuracy":{"accuracy":0.6666666666666666,"num_correct":2.0,"num_total":3}}},"basic::equality":{"score_rows":[{"score":1.0},{"score":0.0},{"score":1.0}],"aggregated_results":{}}}' \
        letters '{"basic::subset_of":null,"basic::equality":{"type":"basic"}}'
    post_says 200 '},"statistics":{"basic::equality":{"n_total":3,"n_scored":3,' $batch \
        '{"dataset_id":"letters","scoring_functions":{"basic::equality":null}}'
}

@test "score-batch reads files as well, CSV among them" {
    put_uri file "data:text/csv,expected_answer,generated_answer%0AA,A%0A7,7%0A"
    batches '{"basic::equality":{"score_rows":[{"score":1.0},{"score":1.0}],"aggregated_results":{"accuracy":{"accuracy":1.0,"num_correct":2.0,"num_total":2}}}}' \
        file '{"basic::equality":null}'
}

@test "score-batch of no rows, and of no functions" {
    put_rows empty </dev/null
    batches '{"basic::equality":{"score_rows":[],"aggregated_results":{"accuracy":{"accuracy":null,"num_correct":0,"num_total":0}}}}' \
        empty '{"basic::equality":null}'
    batches '{}' empty '{}'
}

@test "D15: save_results_dataset is refused before anything else is looked at" {
    posts 501 "$(error_body 'Not implemented: Save results dataset not implemented yet')" $batch \
        '{"dataset_id":"nope","scoring_functions":{"nope":null},"save_results_dataset":true}'
}

@test "score-batch has score's errors" {
    posts 400 "$(error_body 'Invalid value: Dataset `nope` not served by provider: `localfs`. Make sure there is an DatasetIO provider serving this dataset.')" \
        $batch '{"dataset_id":"nope","scoring_functions":{"basic::equality":null}}'
    printf '{"expected_answer":"x"}\n' | put_rows ragged
    posts 400 "$(error_body "Invalid value: row 0: missing column 'generated_answer'" bad_row)" $batch \
        '{"dataset_id":"ragged","scoring_functions":{"basic::equality":null}}'
    post_says 400 'Scoring_function `nope` not served by' $batch '{"dataset_id":"ragged","scoring_functions":{"nope":null}}'
}

@test "score-batch of many rows keeps their order" {
    local i n=30000 got
    for ((i = 0; i < n; i++)); do
        printf '{"expected_answer":%d,"generated_answer":%d}\n' "$i" $((i % 1000 == 999 ? -1 : i))
    done | put_rows many
    got=$(evald_post $batch '{"dataset_id":"many","scoring_functions":{"basic::equality":null}}')
    [ "$(http_status)" = 200 ]
    contains "$got" '"accuracy":{"accuracy":0.999,"num_correct":29970.0,"num_total":30000}'
    got=${got#*\"score_rows\":[}
    got=${got%%]*}
    [ "$(printf '%s' "$got" | sed 's/},/}\n/g' | grep -n '"score":0.0' | cut -d: -f1 | head -n 3 | paste -sd' ')" = "1000 2000 3000" ]
}
