# llm-as-judge: what judges are asked, and what becomes of what they say or do not say.
load lib

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR TEST_PLUGINS=$BATS_FILE_TMPDIR/plugins
    mkdir -m 755 "$TEST_PLUGINS"
    install -m 755 "$EVALD_BUILDDIR/tests/plugins/.libs/base.so" "$TEST_PLUGINS/"
    printf '%s\n' '{"match":"good","reply":"Grade: 7"}' '{"match":"bad","reply":"no grade"}' \
        '{"match":"endless","reply":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}' \
        '{"match":"hello","reply":"hello"}' '{"match":"<answer>\nOslo\n","reply":"B"}' >"$EVALD_DIR/replies"
    start_server judge --reply-map "$EVALD_DIR/replies" --record "$EVALD_DIR/asked"
    local judge=$SERVER_URL
    start_server slow --reply-map "$EVALD_DIR/replies" --latency-ms 100
    local slow=$SERVER_URL
    start_server broken --fail-rate 1 --fail-mode 500
    EVALD_PLUGIN_PATH=$TEST_PLUGINS:$EVALD_PLUGIN_PATH start_evald "
        $(models "$(model org/judge "$judge" 'name = "judge-1";')" \
            "$(model slow "$slow" 'max_in_flight = 1;')" \
            "$(model broken "$SERVER_URL" 'max_attempts = 2;')")
        roles = { grader = \"org/judge\"; };
        limits = { max_attempts = 2; };"
}

teardown_file() {
    stop_evald
    stop_servers
}

setup() {
    : >"$EVALD_DIR/asked"
    server judge /stats/reset -X POST >/dev/null
}

# rows ANSWER...: rows as a judge needs them.
rows() {
    local a
    for a; do
        printf ',{"input_query":"q \\"1\\"","expected_answer":[1,null],"generated_answer":"%s"}' "$a"
    done | cut -c 2-
}

# judge MODEL [REGEXES [AGGREGATIONS [TEMPLATE]]]: params.
judge() {
    printf '{"type":"llm_as_judge","judge_model":"%s","prompt_template":"%s","judge_score_regexes":%s,"aggregation_functions":%s}' \
        "$1" "${4:-Q={input_query\} E={expected_answer\} G={generated_answer\}}" "${2:-[\"Grade: (\\\\d)\"]}" "${3:-[]}"
}

# score ROWS PARAMS: the body of a score request.
score() {
    printf '{"input_rows":[%s],"scoring_functions":{"llm-as-judge::base":%s}}' "$1" "$2"
}

# scores WANTED ROWS PARAMS: exactly that, without extensions.
scores() {
    posts 200 "{\"results\":{\"llm-as-judge::base\":$1}}" /v1/scoring/score "$(score "$2" "$3")" \
        -H 'Evald-Extensions: off'
}

asked() {
    cat "$EVALD_DIR/asked"
}

@test "the judge is asked with one message of the user and nothing else" {
    scores '{"score_rows":[{"score":"7","judge_feedback":"Grade: 7"}],"aggregated_results":{}}' \
        "$(rows good)" "$(judge org/judge)"
    [ "$(asked)" = '{"model":"judge-1","messages":[{"role":"user","content":"Q=q \"1\" E=[1, None] G=good"}]}' ] || { asked >&2; false; }
}

@test "Q15: scores are text, null where nothing was found, and feedback is always there" {
    scores '{"score_rows":[{"score":"7","judge_feedback":"Grade: 7"},{"score":null,"judge_feedback":"no grade"}],"aggregated_results":{"categorical_count":{"categorical_count":{"7":1,"None":1}}}}' \
        "$(rows good bad)" "$(judge org/judge '' '["categorical_count"]')"
    scores '{"score_rows":[{"score":"G","judge_feedback":"Grade: 7"}],"aggregated_results":{}}' \
        "$(rows good)" "$(judge org/judge '["([A-Z])"]')"
}

@test "text does not average" {
    post_says 400 "Invalid value: aggregation 'average' needs numeric scores" /v1/scoring/score \
        "$(score "$(rows good)" "$(judge org/judge '' '["average"]')")"
}

@test "nor in a job, but there it costs that aggregation alone" {
    rows good bad | put_rows text
    put_benchmark text text llm-as-judge::base
    submit text baseline::recorded ",\"scoring_params\":{\"llm-as-judge::base\":$(judge org/judge '' '["average","categorical_count"]')}"
    job_ends text "$JOB" completed
    contains "$(job_result text "$JOB")" '"aggregated_results":{"average":{"average":null},"categorical_count":{"categorical_count":{"7":1,"None":1}}}'
}

@test "405b-simpleqa has a prompt of its own and reads a letter" {
    rows Oslo | put_rows simpleqa
    put_benchmark simpleqa simpleqa llm-as-judge::405b-simpleqa
    submit simpleqa baseline::recorded ',"roles":{"meta-llama/Llama-3.1-405B-Instruct":"org/judge"}'
    job_ends simpleqa "$JOB" completed
    contains "$(job_result simpleqa "$JOB")" '"llm-as-judge::405b-simpleqa":{"score_rows":[{"score":"B","judge_feedback":"B"}],"aggregated_results":{"categorical_count":{"categorical_count":{"B":1}}}}'
    contains "$(evald_get /v1/scoring-functions/llm-as-judge::405b-simpleqa)" '"provider_resource_id":"llm-as-judge-405b-simpleqa"'
}

@test "a role of the configuration, or of the request, is as good as a model" {
    scores '{"score_rows":[{"score":"7","judge_feedback":"Grade: 7"}],"aggregated_results":{}}' \
        "$(rows good)" "$(judge grader)"
    rows good | put_rows roles
    put_benchmark roles roles llm-as-judge::base
    submit roles baseline::recorded ",\"roles\":{\"mine\":\"org/judge\"},\"scoring_params\":{\"llm-as-judge::base\":$(judge mine)}"
    job_ends roles "$JOB" completed
    contains "$(job_result roles "$JOB")" '"score_rows":[{"score":"7","judge_feedback":"Grade: 7"}]'
    count_is judge chat 2
}

@test "D31: a judge that nobody knows is a 400 before anything is asked" {
    post_says 400 "Invalid value: scoring function 'llm-as-judge::base': judge_model: Model 'nope' not found. Use 'client.models.list()' to list available Models." \
        /v1/scoring/score "$(score "$(rows good)" "$(judge nope)")"
    post_says 400 "Model 'meta-llama/Llama-3.1-405B-Instruct' not found" /v1/scoring/score "$(score "$(rows good)" null)"
    rows good | put_rows unknown
    put_benchmark unknown unknown llm-as-judge::base
    post_says 400 "Model 'nope' not found" /v1alpha/eval/benchmarks/unknown/jobs \
        "{\"benchmark_config\":$(config org/judge ",\"scoring_params\":{\"llm-as-judge::base\":$(judge nope)}")}"
    count_is judge chat 0
}

@test "a judge that fails costs its row's score, not the request" {
    local got re='^\{"results":\{"llm-as-judge::base":\{"score_rows":\[\{"score":null,"judge_feedback":null,"metadata":\{"error":\{"stage":"scorer","code":"remote","message":"judge: [^"]+","attempts":2\}\}\}\],"aggregated_results":\{"categorical_count":\{"categorical_count":\{"None":1\}\}\}\}\}'
    got=$(evald_post /v1/scoring/score "$(score "$(rows good)" "$(judge broken '' '["categorical_count"]')")")
    [ "$(http_status)" = 200 ]
    [[ $got =~ $re ]] || { echo "$got" >&2; false; }
    contains "$got" '"n_total":1,"n_scored":0,"n_errored":1'
}

@test "so it is in a job, whatever on_error says" {
    local mode
    rows good bad | put_rows fails
    put_benchmark fails fails llm-as-judge::base
    for mode in fail record; do
        submit fails baseline::recorded ",\"on_error\":\"$mode\",\"scoring_params\":{\"llm-as-judge::base\":$(judge broken)}"
        job_ends fails "$JOB" completed
        contains "$(job_result fails "$JOB")" '{"score":null,"judge_feedback":null,"metadata":{"error":{"stage":"scorer","code":"remote"'
    done
}

@test "a template that is wrong is a 400, and the judge is not asked" {
    local t
    for t in '{nope}' '{}' '{input_query' '}' '{input_query!r}'; do
        post_says 400 'Invalid value: ' /v1/scoring/score "$(score "$(rows good)" "$(judge org/judge '[]' '[]' "$t")")"
        post_says 400 'prompt_template' /v1/scoring/score "$(score "$(rows good)" "$(judge org/judge '[]' '[]' "$t")")"
    done
    post_says 400 'prompt_template' /v1/scoring/score "$(score "$(rows good)" '{"type":"llm_as_judge","judge_model":"org/judge"}')"
    count_is judge chat 0
}

@test "a regex that is wrong is a 400 when its turn comes" {
    posts 400 "$(error_body 'Invalid value: invalid regex 1: missing ) at position 1' bad_row)" /v1/scoring/score \
        "$(score "$(rows good)" "$(judge org/judge '["nothing","("]')")"
    scores '{"score_rows":[{"score":"7","judge_feedback":"Grade: 7"}],"aggregated_results":{}}' \
        "$(rows good)" "$(judge org/judge '["(\\d)","("]')"
    scores '{"score_rows":[],"aggregated_results":{}}' "" "$(judge org/judge '["("]')"
}

@test "D28: a regex that searches without end is a 400, and the runner goes on" {
    post_says 400 'Invalid value: row 0: judge_score_regexes[0]: matching takes too long' /v1/scoring/score \
        "$(score "$(rows endless)" "$(judge org/judge '["^((a+)+)$"]')")"
    scores '{"score_rows":[{"score":"7","judge_feedback":"Grade: 7"}],"aggregated_results":{}}' \
        "$(rows good)" "$(judge org/judge)"
}

@test "a missing column is a 400 that names it, whatever the template needs" {
    posts 400 "$(error_body "Invalid value: row 1: missing column 'expected_answer'" bad_row)" /v1/scoring/score \
        "$(score "$(rows good),{\"input_query\":\"q\",\"generated_answer\":\"g\"}" "$(judge org/judge '[]' '[]' static)")"
}

@test "params of another type are a 400" {
    post_says 400 "params of type 'regex_parser' where 'llm_as_judge' is needed" /v1/scoring/score \
        "$(score "$(rows good)" '{"type":"regex_parser","parsing_regexes":["(.)"]}')"
}

# register ID PROVIDER PARAMS
register() {
    posts 200 null /v1/scoring-functions \
        "{\"scoring_fn_id\":\"$1\",\"description\":\"d\",\"return_type\":{\"type\":\"number\"},\"provider_id\":\"$2\",\"params\":$3}"
}

# own PARAMS SCORE AGGREGATED: what the function own makes of a good row.
own() {
    posts 200 "{\"results\":{\"own\":{\"score_rows\":[{\"score\":$2,\"judge_feedback\":\"Grade: 7\"}],\"aggregated_results\":$3}}}" \
        /v1/scoring/score "{\"input_rows\":[$(rows good)],\"scoring_functions\":{\"own\":$1}}" -H 'Evald-Extensions: off'
}

@test "D1, D2: params of a request replace the function's whole, and for it alone" {
    local counted='{"categorical_count":{"categorical_count":{"7":1}}}' listed
    register own llm-as-judge "$(judge grader '' '["categorical_count"]' 'mine: {generated_answer}')"
    listed=$(evald_get /v1/scoring-functions/own)
    own null '"7"' "$counted"
    own "$(judge slow '["([A-Z])"]')" '"G"' '{}'
    own '{"type":"llm_as_judge","judge_model":"grader","prompt_template":"other: {generated_answer}"}' null '{}'
    post_says 400 'prompt_template is needed' /v1/scoring/score \
        "{\"input_rows\":[$(rows good)],\"scoring_functions\":{\"own\":{\"type\":\"llm_as_judge\",\"judge_model\":\"grader\"}}}"
    own null '"7"' "$counted"
    [ "$(asked | grep -ao '[a-z]*: good')" = $'mine: good\nother: good\nmine: good' ] || { asked >&2; false; }
    [ "$(evald_get /v1/scoring-functions/own)" = "$listed" ]
    scores '{"score_rows":[{"score":"7","judge_feedback":"Grade: 7"}],"aggregated_results":{}}' \
        "$(rows good)" "$(judge org/judge)"
    post_says 400 "Model 'meta-llama/Llama-3.1-405B-Instruct' not found" /v1/scoring/score "$(score "$(rows good)" null)"
}

@test "a job goes on with the function it began with, deleted or not" {
    register going llm-as-judge "$(judge slow)"
    rows good good good good good | tr '\n' ' ' | sed 's/},{/}\n{/g' | put_rows going
    put_benchmark going going going
    submit going baseline::recorded
    wait_for rows_done_at_least going "$JOB" 1
    answers 204 "" DELETE /v1/scoring-functions/going
    job_ends going "$JOB" completed
    contains "$(job_result going "$JOB")" '"scores":{"going":{"score_rows":[{"score":"7","judge_feedback":"Grade: 7"},'
    post_says 400 'Scoring_function `going` not served by' /v1alpha/eval/benchmarks/going/jobs "{\"benchmark_config\":$(config baseline::recorded)}"
}

@test "functions can be registered over a third party's base" {
    register mine acme '{"type":"basic","model":"org/judge","grade":0.75,"aggregation_functions":["average"]}'
    says 200 '"provider_id":"acme","type":"scoring_function","description":"d","metadata":{},"return_type":{"type":"number"},"params":{"type":"basic","model":"org/judge","grade":0.75,"aggregation_functions":["average"]}}' \
        GET /v1/scoring-functions/mine
    posts 200 '{"results":{"mine":{"score_rows":[{"score":0.75}],"aggregated_results":{"average":{"average":0.75}}}}}' /v1/scoring/score \
        '{"input_rows":[{"generated_answer":"x"}],"scoring_functions":{"mine":null}}' -H 'Evald-Extensions: off'
    post_says 400 "Model 'nope' not found" /v1/scoring/score \
        '{"input_rows":[{"generated_answer":"x"}],"scoring_functions":{"mine":{"type":"basic","model":"nope"}}}'
    post_says 400 "params: unknown member 'wrong'" /v1/scoring-functions \
        '{"scoring_fn_id":"other","description":"d","return_type":{"type":"number"},"provider_id":"acme","params":{"type":"basic","model":"m","wrong":1}}'
}
