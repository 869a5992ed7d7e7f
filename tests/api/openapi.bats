# openapi.json against what really comes.  That it has every route, and that what it says of
# requests is what the validator does, is tests/unit/test-openapi.c.
load lib

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR
    start_server hang --fail-rate 1 --fail-mode hang
    EVALD_PLUGIN_PATH=$(test_plugins crash):$EVALD_PLUGIN_PATH start_evald "$(models "$(model hang "$SERVER_URL")")"
    answer_rows A B A A | put_rows four
    put_uri uri data:text/csv,a%0A1
    put_benchmark four four basic::equality
    chat_rows 1 | put_rows chat
    put_benchmark chat chat basic::equality
    submit four baseline::recorded
    job_ends four "$JOB" completed
    evald_get /openapi.json >"$EVALD_DIR/openapi"
}

teardown_file() {
    stop_evald
    stop_servers
}

# as_described STATUS METHOD TEMPLATE PATH [BODY [CURL-ARG...]]
as_described() {
    local status=$1 method=$2 template=$3 path=$4
    shift 4
    if [ $# -gt 0 ]; then
        evald_post "$path" "$@" >"$BATS_TEST_TMPDIR/got"
    else
        evald_request "$method" "$path" >"$BATS_TEST_TMPDIR/got"
    fi
    [ "$(http_status)" = "$status" ] || { echo "$path: $(http_status)" >&2; cat "$BATS_TEST_TMPDIR/got" >&2; return 1; }
    if [ "$status" = 204 ]; then
        [ ! -s "$BATS_TEST_TMPDIR/got" ] &&
            jq -e --arg path "$template" --arg method "${method,,}" '.paths[$path][$method].responses | has("204")' "$EVALD_DIR/openapi"
        return
    fi
    jq -r -L "$EVALD_SRCDIR/tests/api" --slurpfile doc "$EVALD_DIR/openapi" --arg path "$template" \
        --arg method "${method,,}" --arg status "$status" \
        'include "schema"; wrong_answer($doc[0]; $method; $path; $status)' \
        "$BATS_TEST_TMPDIR/got" >"$BATS_TEST_TMPDIR/wrong"
    [ ! -s "$BATS_TEST_TMPDIR/wrong" ] || { echo "$method $path" >&2; cat "$BATS_TEST_TMPDIR/wrong" >&2; return 1; }
}

b=/v1alpha/eval/benchmarks
t=$b/{benchmark_id}

@test "it is OpenAPI 3.1, the same whenever it is asked for, and needs no level" {
    jq -e '.openapi == "3.1.0" and (.info.version | length > 0) and (.paths | length > 30)' "$EVALD_DIR/openapi"
    evald_get /openapi.json | cmp - "$EVALD_DIR/openapi"
    answers 404 "$(error_body 'Not Found')" GET /v1/openapi.json
    says 200 '"route":"/openapi.json","method":"GET"' GET /v1/inspect/routes
}

@test "a wrong answer would be noticed" {
    echo '{"job_id":1,"status":"done"}' >"$BATS_TEST_TMPDIR/got"
    [ "$(jq -r -L "$EVALD_SRCDIR/tests/api" --slurpfile doc "$EVALD_DIR/openapi" --arg path "$t/jobs/{job_id}" \
        'include "schema"; wrong_answer($doc[0]; "get"; $path; "200")' "$BATS_TEST_TMPDIR/got" | wc -l)" -eq 2 ]
}

@test "every route of inspect/routes is described, and no other" {
    evald_get /v1/inspect/routes | jq -r '.data[] | "\(.method | ascii_downcase) \(.route | gsub(":path}"; "}"))"' |
        sort >"$BATS_TEST_TMPDIR/routes"
    jq -r '.paths | to_entries[] | .key as $p | .value | keys[] | "\(.) \($p)"' "$EVALD_DIR/openapi" |
        sort | diff - "$BATS_TEST_TMPDIR/routes"
}

@test "answers of evald itself are as described" {
    for what in health version providers; do
        as_described 200 GET /v1/$what /v1/$what
        as_described 200 GET /v1alpha/admin/$what /v1alpha/admin/$what
    done
    as_described 200 GET /v1/inspect/routes /v1/inspect/routes
    as_described 200 GET '/v1/providers/{provider_id}' /v1/providers/localfs
    as_described 200 GET /v1/models /v1/models
    as_described 200 GET /v1/openai/v1/models /v1/openai/v1/models
    as_described 200 GET '/v1/models/{model_id}' /v1/models/hang
}

@test "answers about data sets are as described" {
    for level in v1 v1beta; do
        as_described 200 GET /$level/datasets /$level/datasets
        as_described 200 GET "/$level/datasets/{dataset_id}" /$level/datasets/four
        as_described 200 GET "/$level/datasets/{dataset_id}" /$level/datasets/uri
        as_described 200 GET "/$level/datasetio/iterrows/{dataset_id}" "/$level/datasetio/iterrows/four?limit=2"
        as_described 404 GET "/$level/datasets/{dataset_id}" /$level/datasets/nope
        as_described 400 GET "/$level/datasetio/iterrows/{dataset_id}" "/$level/datasetio/iterrows/four?limit=x"
    done
    as_described 200 POST /v1beta/datasets /v1beta/datasets '{"purpose":"eval/question-answer","dataset_id":"gone","source":{"type":"rows","rows":[]}}'
    as_described 204 DELETE '/v1beta/datasets/{dataset_id}' /v1beta/datasets/gone
}

@test "answers about benchmarks and jobs are as described" {
    as_described 200 POST $b $b '{"benchmark_id":"gone","dataset_id":"four","scoring_functions":["basic::equality"],"metadata":{"x":1}}'
    as_described 200 GET $b $b
    as_described 200 GET "$t" $b/four
    as_described 204 DELETE "$t" $b/gone
    as_described 200 POST "$t/jobs" $b/four/jobs "{\"benchmark_config\":$(config baseline::oracle)}"
    as_described 200 GET "$t/jobs" $b/four/jobs
    as_described 200 GET /v1alpha/eval/jobs /v1alpha/eval/jobs
    as_described 200 GET "$t/jobs/{job_id}" $b/four/jobs/0
    as_described 200 GET "$t/jobs/{job_id}/result" $b/four/jobs/0/result
    as_described 200 GET "$t/jobs/{job_id}/detail" $b/four/jobs/0/detail
    as_described 409 DELETE "$t/jobs/{job_id}" $b/four/jobs/0
    as_described 400 GET "$t/jobs/{job_id}" $b/four/jobs/99
    submit chat hang
    as_described 204 DELETE "$t/jobs/{job_id}" "$b/chat/jobs/$JOB"
    as_described 200 GET "$t/jobs/{job_id}/detail" "$b/chat/jobs/$JOB/detail"
}

@test "answers of evaluations and scorers are as described" {
    as_described 200 POST "$t/evaluations" $b/four/evaluations \
        "{\"input_rows\":[{\"expected_answer\":\"x\"},{}],\"scoring_functions\":[\"basic::equality\"],\"benchmark_config\":$(config baseline::oracle ',"on_error":"record"')}"
    as_described 400 POST "$t/evaluations" $b/four/evaluations '{}'
    as_described 200 POST /v1/scoring/score /v1/scoring/score '{"input_rows":[{"expected_answer":"x","generated_answer":"x"},{"expected_answer":"x","generated_answer":"y"}],"scoring_functions":{"basic::equality":null}}'
    as_described 200 POST /v1/scoring/score /v1/scoring/score '{"input_rows":[],"scoring_functions":{"basic::equality":null}}'
    as_described 400 POST /v1/scoring/score /v1/scoring/score '{"input_rows":[{}],"scoring_functions":{"basic::equality":null}}'
    as_described 500 POST /v1/scoring/score /v1/scoring/score '{"input_rows":[{"generated_answer":"crash"}],"scoring_functions":{"test::crash":null}}'
    as_described 200 GET /v1/scoring-functions /v1/scoring-functions
    as_described 200 GET '/v1/scoring-functions/{scoring_fn_id}' /v1/scoring-functions/basic::equality
    as_described 400 GET '/v1/scoring-functions/{scoring_fn_id}' /v1/scoring-functions/nope
}
