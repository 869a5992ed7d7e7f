# Requests that are broken, oversized or hostile: a clear 4xx, and evald goes on.
load lib

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR
    start_evald 'limits = { max_body = 100000; };'
    answer_rows A | put_rows d
    put_benchmark b d basic::equality
}

teardown_file() {
    stop_evald
}

teardown() {
    answers 200 '{"status":"OK"}' GET /v1/health
}

at=/v1alpha/eval/benchmarks
jobs=$at/b/jobs

# body NAME: a file for a body, written from the input.
body() {
    cat >"$BATS_TEST_TMPDIR/body"
    printf '@%s\n' "$BATS_TEST_TMPDIR/body"
}

# wrong CONFIG LOC MSG TYPE...: run_eval with that BenchmarkConfig fails with those items.
wrong() {
    local given=$1
    shift
    posts 400 "$(invalid "$@")" $jobs "{\"benchmark_config\":$given}"
}

in=body.benchmark_config

@test "an unknown kind of candidate" {
    wrong '{"eval_candidate":{"type":"robot"}}' $in.eval_candidate \
        "Input tag 'robot' found using 'type' does not match any of the expected tags: 'model', 'agent'" union_tag_invalid
}

@test "an unknown job, an unknown data set" {
    answers 400 "$(error_body 'Invalid value: Job 99 not found')" GET $jobs/99
    text="Dataset 'nope' not found. Use 'client.datasets.list()' to list available Datasets."
    answers 404 "$(error_body "$text")" GET /v1beta/datasets/nope
}

@test "a body cut short is no JSON" {
    for text in '{"benchmark_id":"b",' '{"benchmark_id":"b' '{' '[1,2' '"x' 'tru' '{"a":1}}' '{"a":1} x' "{'a':1}" '{"a":01}'; do
        post_says 400 '"type":"json_invalid"' $at "$text"
        post_says 400 '"loc":["body",' $at "$text"
    done
}

@test "the place of the mistake is its offset" {
    posts 400 "$(invalid body.20 'JSON decode error' json_invalid)" $at '{"benchmark_id":"b",}' ||
        post_says 400 '{"loc":["body",20],"msg":"JSON decode error","type":"json_invalid"' $at '{"benchmark_id":"b",}'
}

@test "a connection that ends in the middle of the body does no harm" {
    run curl -sS -m 0.3 --unix-socket "$EVALD_SOCKET" -H 'Content-Type: application/json' \
        -H 'Content-Length: 1000' --data-binary '{"benchmark_id":"cut"' http://evald$at
    [ "$status" -eq 28 ]
    answers 400 "$(error_body "Invalid value: Benchmark 'cut' not found")" GET $at/cut
}

@test "no body at all is each missing key" {
    posts 400 "$(invalid body.benchmark_id 'Field required' missing body.dataset_id 'Field required' missing \
        body.scoring_functions 'Field required' missing)" $at ''
}

@test "a body that is no object" {
    for text in '[]' '1' '"x"' 'null'; do
        post_says 400 '{"loc":["body"' $at "$text"
    done
}

@test "a body larger than max_body is a 413, however it is sent" {
    head -c 100001 /dev/zero | tr '\0' ' ' >"$BATS_TEST_TMPDIR/large"
    answers 413 "$(error_body 'the request body is larger than 100000 bytes')" POST $at \
        -H 'Content-Type: application/json' --data-binary "@$BATS_TEST_TMPDIR/large"
    answers 413 "$(error_body 'the request body is larger than 100000 bytes')" POST $at \
        -H 'Content-Type: application/json' -H 'Transfer-Encoding: chunked' --data-binary "@$BATS_TEST_TMPDIR/large"
}

@test "a body of max_body is read" {
    {
        printf '{"benchmark_id":"large","dataset_id":"d","scoring_functions":[]'
        head -c 99936 /dev/zero | tr '\0' ' '
        printf '}'
    } >"$BATS_TEST_TMPDIR/body"
    [ "$(wc -c <"$BATS_TEST_TMPDIR/body")" -eq 100000 ]
    posts 200 null $at "@$BATS_TEST_TMPDIR/body"
}

@test "invalid UTF-8" {
    post_says 400 'There was an error parsing the body' $at \
        "$(printf '{"benchmark_id":"\xff","dataset_id":"d","scoring_functions":[]}' | body)"
    post_says 400 'There was an error parsing the body' $at \
        "$(printf '{"benchmark_id":"\xed\xa0\x80","dataset_id":"d","scoring_functions":[]}' | body)"
    post_says 400 'There was an error parsing the body' $at \
        "$(printf '{"benchmark_id":"\xc0\x80","dataset_id":"d","scoring_functions":[]}' | body)"
}

# nested N: N arrays, one in the other.
nested() {
    head -c "$1" /dev/zero | tr '\0' '['
    head -c "$1" /dev/zero | tr '\0' ']'
}

@test "a nesting depth of 10,000" {
    post_says 400 '"type":"json_invalid"' $at "$(nested 10000 | body)"
    post_says 400 '"type":"json_invalid"' $at "$({ printf '{"metadata":'; nested 10000; printf '}'; } | body)"
    post_says 400 '"type":"json_invalid"' $jobs "$({ printf '{"benchmark_config":'; nested 10000; printf '}'; } | body)"
    post_says 400 '"type":"json_invalid"' /v1beta/datasets \
        "$({ printf '{"purpose":"eval/question-answer","source":{"type":"rows","rows":[{"x":'; nested 10000; printf '}]}}'; } | body)"
    post_says 400 '"type":"json_invalid"' /v1/scoring/score \
        "$({ printf '{"scoring_functions":{"basic::equality":null},"input_rows":[{"expected_answer":'; nested 10000; printf '}]}'; } | body)"
}

@test "NUL bytes, as they are and escaped" {
    post_says 400 '"type":"json_invalid"' $at \
        "$(printf '{"benchmark_id":"a\0b","dataset_id":"d","scoring_functions":[]}' | body)"
    post_says 400 '"type":"json_invalid"' $at "$(printf '\0' | body)"
    evald_post $at '{"benchmark_id":"a\u0000b","dataset_id":"d","scoring_functions":[]}' >/dev/null
    [ "$(http_status)" = 400 ]
    answers 400 "$(error_body "Invalid value: Benchmark 'a' not found")" GET $at/a
    # in a row it is a character like any other
    post_says 200 '"score_rows":[{"score":0.0},{"score":1.0}]' /v1/scoring/score \
        '{"input_rows":[{"expected_answer":"a","generated_answer":"a\u0000"},{"expected_answer":"a\u0000b","generated_answer":"a\u0000b"}],"scoring_functions":{"basic::equality":null}}'
}

@test "control characters in strings, and lone surrogates" {
    post_says 400 '"type":"json_invalid"' $at "$(printf '{"benchmark_id":"a\tb"}' | body)"
    evald_post $at '{"benchmark_id":"\ud800","dataset_id":"d","scoring_functions":[]}' >/dev/null
    [ "$(http_status)" = 400 ]
}

@test "a byte order mark before a body is none of it" {
    posts 200 null $at "$(printf '\xef\xbb\xbf{"benchmark_id":"marked","dataset_id":"d","scoring_functions":[]}' | body)"
    says 200 '"identifier":"marked"' GET $at/marked
}

@test "of duplicate keys the last counts" {
    posts 200 null $at '{"benchmark_id":"first","benchmark_id":"second","dataset_id":"d","scoring_functions":[]}'
    answers 400 "$(error_body "Invalid value: Benchmark 'first' not found")" GET $at/first
}

@test "the content type may be absent, any JSON, or anything else" {
    good='{"benchmark_id":"t","dataset_id":"d","scoring_functions":[]}'
    answers 200 null POST $at -H 'Content-Type: application/json; charset=utf-8' --data-binary "$good"
    answers 200 null POST $at -H 'Content-Type: application/vnd.x+json' --data-binary "$good"
    answers 200 null POST $at -H 'Content-Type:' --data-binary "$good"
    answers 200 null POST $at -H 'Content-Type: text/plain' --data-binary "$good"
}

@test "a BenchmarkConfig: what is missing" {
    posts 400 "$(invalid $in 'Field required' missing)" $jobs '{}'
    wrong '{}' $in.eval_candidate 'Field required' missing
    wrong '{"eval_candidate":{}}' $in.eval_candidate "Unable to extract tag using discriminator 'type'" union_tag_not_found
    wrong '{"eval_candidate":{"type":"model"}}' $in.eval_candidate.model.model 'Field required' missing \
        $in.eval_candidate.model.sampling_params 'Field required' missing
    wrong '{"eval_candidate":{"model":"baseline::oracle"}}' $in.eval_candidate.model.sampling_params 'Field required' missing
}

# with MEMBERS: a config with those beside the candidate; sampling MEMBERS: within its sampling_params.
with() {
    printf '{"eval_candidate":{"type":"model","model":"baseline::oracle","sampling_params":{}},%s}' "$1"
}
sampling() {
    printf '{"eval_candidate":{"type":"model","model":"baseline::oracle","sampling_params":{%s}}}' "$1"
}

@test "a BenchmarkConfig: wrong types" {
    wrong "$(with '"num_examples":"x"')" $in.num_examples 'Input should be a valid integer, unable to parse string as an integer' int_parsing
    wrong "$(with '"num_examples":1.5')" $in.num_examples 'Input should be a valid integer, got a number with a fractional part' int_from_float
    wrong "$(with '"num_examples":[]')" $in.num_examples 'Input should be a valid integer' int_type
    wrong "$(with '"num_examples":0')" $in.num_examples 'Input should be greater than or equal to 1' greater_than_equal
    wrong "$(with '"scoring_params":[]')" $in.scoring_params 'Input should be a valid dictionary' dict_type
    wrong "$(with '"on_error":"ignore"')" $in.on_error "Input should be 'fail' or 'record'" enum
    wrong "$(with '"epochs":0')" $in.epochs 'Input should be greater than or equal to 1' greater_than_equal
    wrong "$(with '"max_error_rate":2')" $in.max_error_rate 'Input should be less than or equal to 1' less_than_equal
    wrong '{"eval_candidate":{"type":"model","model":"","sampling_params":{}}}' $in.eval_candidate.model.model \
        'String should have at least 1 character' string_too_short
}

@test "sampling parameters: wrong values" {
    s=$in.eval_candidate.model.sampling_params
    wrong "$(sampling '"strategy":{"type":"beam"}')" $s.strategy \
        "Input tag 'beam' found using 'type' does not match any of the expected tags: 'greedy', 'top_p', 'top_k'" union_tag_invalid
    wrong "$(sampling '"strategy":{"type":"top_p","temperature":0}')" $s.strategy.top_p.temperature 'Input should be greater than 0' greater_than
    wrong "$(sampling '"strategy":{"type":"top_p","temperature":3}')" $s.strategy.top_p.temperature 'Input should be less than or equal to 2' less_than_equal
    wrong "$(sampling '"strategy":{"type":"top_k","top_k":0}')" $s.strategy.top_k.top_k 'Input should be greater than or equal to 1' greater_than_equal
    wrong "$(sampling '"stop":["a","b","c","d","e"]')" $s.stop 'List should have at most 4 items after validation, not 5' too_long
    wrong "$(sampling '"stop":"a"')" $s.stop 'Input should be a valid list' list_type
    wrong "$(sampling '"max_tokens":-1')" $s.max_tokens 'Input should be greater than or equal to 0' greater_than_equal
}

@test "an id that is registered has at most 512 characters" {
    local long
    long=$(printf '%0512d' 0 | sed 's/0/é/g')
    post_says 200 null /v1alpha/eval/benchmarks "{\"benchmark_id\":\"$long\",\"dataset_id\":\"d\",\"scoring_functions\":[]}"
    evald_get "/v1alpha/eval/benchmarks/$(printf '%s' "$long" | sed 's/é/%C3%A9/g')" | grep -q '"dataset_id":"d"'
    post_says 400 '"type":"string_too_long"' /v1alpha/eval/benchmarks "{\"benchmark_id\":\"x$long\",\"dataset_id\":\"d\",\"scoring_functions\":[]}"
    post_says 400 '"loc":["body","dataset_id"]' /v1beta/datasets "{\"dataset_id\":\"x$long\",\"purpose\":\"eval/messages-answer\",\"source\":{\"type\":\"rows\",\"rows\":[]}}"
}

@test "all that is wrong is said at once, in the order of the fields" {
    wrong "$(with '"num_examples":"x","epochs":1.5,"on_error":5')" \
        $in.num_examples 'Input should be a valid integer, unable to parse string as an integer' int_parsing \
        $in.epochs 'Input should be a valid integer, got a number with a fractional part' int_from_float \
        $in.on_error "Input should be 'fail' or 'record'" enum
}

@test "what pydantic lets through: numbers as text, integral floats, unknown keys" {
    for members in '"num_examples":"1"' '"num_examples":1.0' '"num_examples":null' '"type":"benchmark","x":[]'; do
        post_says 200 '"status":"completed"' $jobs "{\"benchmark_config\":$(with "$members")}"
    done
    post_says 200 '"status":"completed"' $jobs "{\"benchmark_config\":$(sampling '"temperature":0.5,"max_tokens":0,"strategy":{"type":"top_p","temperature":null}')}"
}

@test "a request line or header that is too long is an error, not the end" {
    long=$(head -c 90000 /dev/zero | tr '\0' x)
    printf 'url = "http://evald/v1/models/%s"\n' "$long" >"$BATS_TEST_TMPDIR/curl"
    run curl -s -o /dev/null -w '%{http_code}' --unix-socket "$EVALD_SOCKET" -K "$BATS_TEST_TMPDIR/curl"
    [[ $output == 4?? || $output == 000 ]]
    printf 'header = "X-Long: %s"\nurl = "http://evald/v1/health"\n' "$long" >"$BATS_TEST_TMPDIR/curl"
    run curl -s -o /dev/null -w '%{http_code}' --unix-socket "$EVALD_SOCKET" -K "$BATS_TEST_TMPDIR/curl"
    [[ $output == 4?? || $output == 000 ]]
}

@test "what is not HTTP is answered or cut off" {
    run curl -s -o /dev/null --unix-socket "$EVALD_SOCKET" -X $'GET\x01' http://evald/v1/health
    run curl -s -m 5 --http2-prior-knowledge --unix-socket "$EVALD_SOCKET" http://evald/v1/health
    [ "$status" -ne 0 ] || [ "$output" != '{"status":"OK"}' ]
}
