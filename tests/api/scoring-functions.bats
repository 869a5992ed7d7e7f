# Scoring functions: those of the plugins, and those that clients register.
load lib

setup() {
    start_evald
}

teardown() {
    stop_evald
}

at=/v1/scoring-functions

# body ID [MEMBERS]: a judge's registration.
body() {
    printf '{"scoring_fn_id":"%s","description":"d","return_type":{"type":"string"},"provider_id":"llm-as-judge"%s}' "$1" "${2:-}"
}

params='"params":{"type":"llm_as_judge","judge_model":"baseline::echo","prompt_template":"Grade: {generated_answer}","judge_score_regexes":["Grade: (.)"],"aggregation_functions":["categorical_count"]}'

# judge ID RESOURCE [PARAMS]: as GET shows it.
judge() {
    printf '{"identifier":"%s","provider_resource_id":"%s","provider_id":"llm-as-judge","type":"scoring_function","description":"d","metadata":{},"return_type":{"type":"string"},%s}' "$1" "$2" "${3-$params}"
}

graded() {
    posts 200 "{\"results\":{\"$1\":{\"score_rows\":[{\"score\":\"x\",\"judge_feedback\":\"Grade: x\"}],\"aggregated_results\":{\"categorical_count\":{\"categorical_count\":{\"x\":1}}}}}}" \
        /v1/scoring/score \
        "{\"input_rows\":[{\"input_query\":\"q\",\"expected_answer\":\"e\",\"generated_answer\":\"x\"}],\"scoring_functions\":{\"$1\":${2:-null}}}" \
        -H 'Evald-Extensions: off'
}

@test "the plugins' own functions have the shape of the reference's" {
    answers 200 '{"identifier":"basic::subset_of","provider_resource_id":"subset-of","provider_id":"basic","type":"scoring_function","description":"1.0 when the expected answer occurs in the generated one","metadata":{},"return_type":{"type":"number"},"params":{"type":"basic","aggregation_functions":["accuracy"]}}' \
        GET $at/basic::subset_of
    says 200 '"identifier":"llm-as-judge::base","provider_resource_id":"llm-as-judge-base","provider_id":"llm-as-judge","type":"scoring_function","description":"' \
        GET $at/llm-as-judge::base
    says 200 '"metadata":{},"return_type":{"type":"number"},"params":{"type":"llm_as_judge","judge_model":"meta-llama/Llama-3.1-405B-Instruct","prompt_template":"' \
        GET $at/llm-as-judge::base
    says 200 '","judge_score_regexes":[],"aggregation_functions":[]}}' GET $at/llm-as-judge::base
    says 200 '{"data":[{"identifier":"basic::docvqa",' GET $at
}

@test "the listing is the reference's, but for descriptions and prompts, which are our own" {
    evald_get $at >"$BATS_TEST_TMPDIR/got"
    # scoring_functions.jsonl: the reference's functions, a line each, without either
    jq -S -c '.data[] | del(.description, .params.prompt_template)' "$BATS_TEST_TMPDIR/got" | LC_ALL=C sort >"$BATS_TEST_TMPDIR/all"
    jq -S -c . "$EVALD_SRCDIR/tests/api/scoring_functions.jsonl" | LC_ALL=C sort | diff - "$BATS_TEST_TMPDIR/all"
    jq -e '.data | length == 17 and all(.description | length > 10)
        and (map(.description) | unique | length) == 17' "$BATS_TEST_TMPDIR/got"
    jq -e '.data[] | select(.identifier == "llm-as-judge::base") | .params.prompt_template
        | length > 0 and (test("[{}]") | not)' "$BATS_TEST_TMPDIR/got"
    jq -e '.data[] | select(.identifier == "llm-as-judge::405b-simpleqa") | .params.prompt_template
        | contains("{input_query}") and contains("{expected_answer}") and contains("{generated_answer}")' "$BATS_TEST_TMPDIR/got"
}

@test "each function is shown as it is listed" {
    local id
    evald_get $at | jq -c '.data[]' >"$BATS_TEST_TMPDIR/got"
    while read -r id; do
        answers 200 "$(grep -F "{\"identifier\":\"$id\"," "$BATS_TEST_TMPDIR/got")" GET "$at/$id"
    done < <(jq -r .identifier "$EVALD_SRCDIR/tests/api/scoring_functions.jsonl")
}

@test "Q4: a judge is registered with null, shown, listed, and used by its id" {
    posts 200 null $at "$(body mine ",$params")"
    answers 200 "$(judge mine mine)" GET $at/mine
    says 200 "$(judge mine mine)" GET $at
    graded mine
}

@test "Q4: unregistering is a 204, and then the function is gone" {
    posts 200 null $at "$(body mine ",$params")"
    answers 204 "" DELETE $at/mine
    answers 400 "$(error_body "Invalid value: Scoring function 'mine' not found")" GET $at/mine
    post_says 400 'Scoring_function `mine` not served by' /v1/scoring/score '{"input_rows":[],"scoring_functions":{"mine":null}}'
    posts 200 null $at "$(body mine ",$params")"
}

@test "Q3: an unknown function is a 400 for GET and DELETE" {
    answers 400 "$(error_body "Invalid value: Scoring function 'nope' not found")" GET $at/nope
    answers 400 "$(error_body "Invalid value: Scoring function 'nope' not found")" DELETE $at/nope
}

@test "Q3: an unknown function in a request is named with the providers there are" {
    posts 400 "$(error_body 'Invalid value: Scoring_function `nope` not served by any of the providers: basic, braintrust, llm-as-judge. Make sure there is an Scoring provider serving this scoring_function.')" \
        /v1/scoring/score '{"input_rows":[],"scoring_functions":{"nope":null}}'
}

@test "Q20: ids may hold slashes and colons, in the path as they are or encoded" {
    posts 200 null $at "$(body 'my/judge::v1 ü' ",$params")"
    answers 200 "$(judge 'my/judge::v1 ü' 'my/judge::v1 ü')" GET "$at/my/judge::v1%20%C3%BC"
    answers 200 "$(judge 'my/judge::v1 ü' 'my/judge::v1 ü')" GET "$at/my%2Fjudge%3A%3Av1%20%C3%BC"
    graded 'my/judge::v1 ü'
    answers 204 "" DELETE "$at/my%2Fjudge::v1%20%C3%BC"
}

@test "Q20: an empty id reaches the handlers" {
    answers 400 "$(error_body "Invalid value: Scoring function '' not found")" GET $at/
    answers 400 "$(error_body "Invalid value: Scoring function '' not found")" DELETE $at/
    posts 400 "$(error_body 'Invalid value: scoring_fn_id must not be empty')" $at "$(body '')"
}

@test "provider_scoring_fn_id is kept, and null params are none" {
    posts 200 null $at "$(body mine ',"provider_scoring_fn_id":"other","params":null')"
    answers 200 "$(judge mine other '"params":null')" GET $at/mine
    graded mine "{${params#*\{}"
    post_says 400 'scoring_params.mine.judge_model: is required' /v1/scoring/score '{"input_rows":[],"scoring_functions":{"mine":null}}'
}

@test "an id that is known is a 400, whoever has it" {
    posts 200 null $at "$(body mine ",$params")"
    posts 400 "$(error_body "Invalid value: Scoring function 'mine' already exists")" $at "$(body mine ",$params")"
    posts 400 "$(error_body "Invalid value: Scoring function 'basic::equality' already exists")" $at "$(body basic::equality)"
}

@test "without a provider it cannot be told whose function it is" {
    posts 400 "$(error_body 'Invalid value: provider_id is needed: the scoring providers are basic, braintrust, llm-as-judge')" \
        $at '{"scoring_fn_id":"x","description":"d","return_type":{"type":"number"}}'
    posts 400 "$(error_body 'Invalid value: Provider `acme` not found')" \
        $at '{"scoring_fn_id":"x","description":"d","return_type":{"type":"number"},"provider_id":"acme"}'
}

@test "providers that take no functions are a 501" {
    local p
    for p in basic braintrust; do
        posts 501 "$(error_body "Not implemented: provider '$p' takes no scoring functions")" \
            $at "{\"scoring_fn_id\":\"x\",\"description\":\"d\",\"return_type\":{\"type\":\"number\"},\"provider_id\":\"$p\"}"
    done
    says 400 "'x' not found" GET $at/x
}

@test "params are checked when they are registered" {
    post_says 400 "x: params of type 'basic' where 'llm_as_judge' is needed" $at "$(body x ',"params":{"type":"basic"}')"
    post_says 400 '"loc":["body","params","llm_as_judge","judge_model"],"msg":"Field required"' $at "$(body x ',"params":{"type":"llm_as_judge"}')"
    post_says 400 '"loc":["body","params"],"msg":"Input tag' $at "$(body x ',"params":{"type":"robot"}')"
    says 400 "'x' not found" GET $at/x
}

@test "D19: a built-in function cannot be unregistered, and nothing changes" {
    local before after id
    before=$(evald_get $at)
    for id in basic::equality llm-as-judge::base; do
        answers 501 "$(error_body "Not implemented: Scoring function '$id' is built in and cannot be unregistered")" DELETE $at/$id
    done
    after=$(evald_get $at)
    [ "$before" = "$after" ]
    post_says 200 '"score":1.0' /v1/scoring/score '{"input_rows":[{"expected_answer":"x","generated_answer":"x"}],"scoring_functions":{"basic::equality":null}}'
}

@test "D20: a registered judge works after a restart, killed or not" {
    posts 200 null $at "$(body mine ",$params")"
    posts 200 null $at "$(body gone ",$params")"
    answers 204 "" DELETE $at/gone
    stop_evald KILL
    start_evald
    answers 200 "$(judge mine mine)" GET $at/mine
    graded mine
    says 400 "'gone' not found" GET $at/gone
    stop_evald
    start_evald
    graded mine
}

@test "D1: params of a request never become the function's own" {
    posts 200 null $at "$(body mine ",$params")"
    post_says 200 '{"score":null,"judge_feedback":"other"}' /v1/scoring/score \
        '{"input_rows":[{"input_query":"q","expected_answer":"e","generated_answer":"x"}],"scoring_functions":{"mine":{"type":"llm_as_judge","judge_model":"baseline::echo","prompt_template":"other"}}}'
    graded mine
    answers 200 "$(judge mine mine)" GET $at/mine
}

@test "D2: nor does a request's list of aggregations" {
    posts 200 '{"results":{"basic::equality":{"score_rows":[{"score":1.0}],"aggregated_results":{"average":{"average":1.0}}}}}' /v1/scoring/score \
        '{"input_rows":[{"expected_answer":"x","generated_answer":"x"}],"scoring_functions":{"basic::equality":{"type":"basic","aggregation_functions":["average"]}}}' -H 'Evald-Extensions: off'
    posts 200 '{"results":{"basic::equality":{"score_rows":[{"score":1.0}],"aggregated_results":{"accuracy":{"accuracy":1.0,"num_correct":1.0,"num_total":1}}}}}' /v1/scoring/score \
        '{"input_rows":[{"expected_answer":"x","generated_answer":"x"}],"scoring_functions":{"basic::equality":null}}' -H 'Evald-Extensions: off'
    says 200 '"params":{"type":"basic","aggregation_functions":["accuracy"]}' GET $at/basic::equality
}

@test "Q8: params given replace the function's whole, also where they are silent" {
    posts 200 null $at "$(body mine ",$params")"
    posts 200 '{"results":{"mine":{"score_rows":[{"score":null,"judge_feedback":"Grade: x"}],"aggregated_results":{}}}}' /v1/scoring/score \
        '{"input_rows":[{"input_query":"q","expected_answer":"e","generated_answer":"x"}],"scoring_functions":{"mine":{"type":"llm_as_judge","judge_model":"baseline::echo","prompt_template":"Grade: {generated_answer}"}}}' \
        -H 'Evald-Extensions: off'
}

@test "Q22: results carry the ids that were asked for" {
    posts 200 null $at "$(body A ",$params")"
    posts 200 null $at "$(body b ",$params")"
    post_says 200 '{"results":{"b":{"score_rows":[' /v1/scoring/score '{"input_rows":[],"scoring_functions":{"b":null,"A":null}}'
}

@test "D31: a benchmark with an unknown function is refused before anything is generated" {
    chat_rows 1 | put_rows d
    put_benchmark b d nope
    post_says 400 'Invalid value: Scoring_function `nope` not served by any of the providers: basic, braintrust, llm-as-judge. ' \
        /v1alpha/eval/benchmarks/b/jobs "{\"benchmark_config\":$(config baseline::oracle)}"
    answers 200 '{"data":[],"has_more":false}' GET /v1alpha/eval/jobs
    post_says 400 'Invalid value: Scoring_function `nope` not served by ' /v1alpha/eval/benchmarks/b/evaluations \
        "{\"input_rows\":[{}],\"scoring_functions\":[\"nope\"],\"benchmark_config\":$(config baseline::oracle)}"
}

@test "Q19: on v1 registering again replaces benchmarks and data sets" {
    local rows='{"purpose":"eval/question-answer","dataset_id":"d","source":{"type":"rows","rows":[{"a":%d}]}}'
    evald_post /v1/datasets "${rows/\%d/1}" >/dev/null
    post_says 200 '"rows":[{"a":2}]' /v1/datasets "${rows/\%d/2}"
    says 200 '"rows":[{"a":2}]' GET /v1beta/datasets/d
    post_says 400 "Dataset 'd' already exists with different content" /v1beta/datasets "${rows/\%d/3}"
    post_says 200 '"rows":[{"a":2}]' /v1beta/datasets "${rows/\%d/2}"
    posts 200 null /v1/eval/benchmarks '{"benchmark_id":"b","dataset_id":"d","scoring_functions":[]}'
    posts 200 null /v1/eval/benchmarks '{"benchmark_id":"b","dataset_id":"e","scoring_functions":[]}'
    says 200 '"dataset_id":"e"' GET /v1alpha/eval/benchmarks/b
}

@test "D36: a refused registration leaves what evaluations use" {
    chat_rows 1 | put_rows d
    put_benchmark b d basic::equality
    post_says 400 "'b'" /v1alpha/eval/benchmarks '{"benchmark_id":"b","dataset_id":"d","scoring_functions":["basic::subset_of"]}'
    submit b baseline::oracle
    job_ends b "$JOB" completed
    contains "$(job_result b "$JOB")" '"scores":{"basic::equality":'
}

@test "scoring_params and num_examples may be null" {
    chat_rows 2 | put_rows d
    put_benchmark b d basic::equality
    post_says 200 '"status":"completed"' /v1alpha/eval/benchmarks/b/jobs \
        "{\"benchmark_config\":$(config baseline::oracle ',"num_examples":null,"scoring_params":null')}"
    post_says 200 '"num_correct":1.0,"num_total":1' /v1alpha/eval/benchmarks/b/evaluations \
        "{\"input_rows\":[$(chat_rows 1)],\"scoring_functions\":[\"basic::equality\"],\"benchmark_config\":$(config baseline::oracle ',"num_examples":null,"scoring_params":null')}"
}

@test "a provider for each plugin, with its real health" {
    says 200 '{"api":"scoring","provider_id":"llm-as-judge","provider_type":"inline::llm-as-judge","config":{"plugin":"llm-as-judge::base",' GET /v1/providers
    says 200 '"health":{"status":"OK"}}' GET /v1/providers/llm-as-judge
    answers 400 "$(error_body 'Invalid value: Provider nope not found')" GET /v1/providers/nope
}

@test "D33: a plugin that is refused or disabled is an Error, with the reason" {
    local dir=$BATS_TEST_TMPDIR/plugins
    mkdir -m 755 "$dir"
    printf 'no ELF' >"$dir/broken.so"
    install -m 755 "$EVALD_BUILDDIR/tests/plugins/broken/.libs/duplicate.so" "$dir/"
    stop_evald
    EVALD_PLUGIN_PATH=$dir:$EVALD_PLUGIN_PATH start_evald
    local got re
    got=$(evald_get /v1/providers)
    re='"provider_id":"broken.so","provider_type":"refused::broken.so","config":\{"file":"[^"]*"\},"health":\{"status":"Error","message":"[^"]+"'
    [[ $got =~ $re ]] || { echo "$got" >&2; false; }
    re='"config":\{"plugin":"basic::equality",[^}]*\},"health":\{"status":"Error","message":"[^"]*duplicate.so'
    [[ $got =~ $re ]] || { echo "$got" >&2; false; }
}

@test "models come from evald.conf: registering one is a 501" {
    posts 501 "$(error_body 'Not implemented: models come from evald.conf')" /v1/models '{"model_id":"x"}'
    answers 501 "$(error_body 'Not implemented: models come from evald.conf')" DELETE /v1/models/org/x
}
