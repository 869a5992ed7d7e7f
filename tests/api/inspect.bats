# What evald says of itself, and which path leads where.
load lib

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR
    start_evald 'models = ( { id = "org/one"; adapter = "model::openai"; base_url = "http://127.0.0.1:9/v1"; params = { accepts = [ "top_k" ]; }; } );'
}

teardown_file() {
    stop_evald
}

@test "health, on v1 and as the admin's twin" {
    answers 200 '{"status":"OK"}' GET /v1/health -D "$(headers)"
    has_header 'Content-Type: application/json'
    answers 200 '{"status":"OK"}' GET /v1alpha/admin/health
}

@test "version" {
    version=$(sed -n 's/^#define PACKAGE_VERSION "\(.*\)"$/\1/p' "$EVALD_BUILDDIR/config.h")
    answers 200 "{\"version\":\"$version\"}" GET /v1/version
    answers 200 "{\"version\":\"$version\"}" GET /v1alpha/admin/version
}

@test "a client of any version is let in" {
    answers 200 '{"status":"OK"}' GET /v1/health -H 'X-LlamaStack-Client-Version: 0.0.1' \
        -H 'Authorization: Bearer x' -H 'Host: anything'
}

@test "models: built-in ones and those of evald.conf, in the shape of both generations" {
    got=$(evald_get /v1/models)
    [ "$(http_status)" = 200 ]
    [[ $got == '{"data":['* ]]
    contains "$got" '"identifier":"baseline::oracle"'
    contains "$got" '"id":"org/one"'
    contains "$got" '"object":"model"'
    answers 200 "$got" GET /v1/openai/v1/models
}

@test "a model, its id with a slash raw or encoded" {
    got=$(evald_get /v1/models/org/one)
    [ "$(http_status)" = 200 ]
    contains "$got" '"identifier":"org/one","provider_resource_id":"org/one"'
    contains "$got" '"model_type":"llm"'
    answers 200 "$got" GET /v1/models/org%2Fone
}

@test "an unknown model is a 404" {
    text="Model 'nope' not found. Use 'client.models.list()' to list available Models."
    answers 404 "$(error_body "$text")" GET /v1/models/nope
}

@test "scoring functions are listed, and each is what the list shows" {
    got=$(evald_get /v1/scoring-functions)
    [ "$(http_status)" = 200 ]
    [[ $got == '{"data":[{'* ]]
    one=$(evald_get /v1/scoring-functions/basic::equality)
    contains "$got" "$one"
    contains "$one" '{"identifier":"basic::equality","provider_resource_id":"equality","provider_id":"basic","type":"scoring_function",'
}

@test "a scoring function, its id raw or encoded" {
    got='{"identifier":"basic::subset_of","provider_resource_id":"subset-of","provider_id":"basic","type":"scoring_function","description":"1.0 when the expected answer occurs in the generated one","metadata":{},"return_type":{"type":"number"},"params":{"type":"basic","aggregation_functions":["accuracy"]}}'
    answers 200 "$got" GET /v1/scoring-functions/basic::subset_of
    answers 200 "$got" GET /v1/scoring-functions/basic%3A%3Asubset_of
}

@test "an unknown scoring function is a 400" {
    answers 400 "$(error_body "Invalid value: Scoring function 'nope' not found")" \
        GET /v1/scoring-functions/nope
}

@test "every provider names its api, type and health; an unknown one is a 400" {
    got=$(evald_get /v1/providers)
    [ "$(http_status)" = 200 ]
    contains "$got" '{"api":"eval","provider_id":"'
    contains "$got" '"api":"inference"'
    contains "$got" '"health":{"status":"OK"}'
    answers 200 "$got" GET /v1alpha/admin/providers ||
        contains "$(evald_get /v1alpha/admin/providers)" '"provider_id":"builtin"'
    answers 400 "$(error_body "Invalid value: Provider nope not found")" GET /v1/providers/nope
}

@test "routes are listed with method and template" {
    got=$(evald_get /v1/inspect/routes)
    [ "$(http_status)" = 200 ]
    contains "$got" '"route":"/v1/scoring-functions/{scoring_fn_id:path}","method":"GET"'
    contains "$got" '"route":"/v1alpha/eval/benchmarks/{benchmark_id}/jobs","method":"POST"'
    says 400 'api_filter' GET '/v1/inspect/routes?api_filter=v9'
}

@test "an unknown path is a 404" {
    for path in / /v1 /v1/ /v1/nope /v2/health /health /v1beta/health //v1/health /v1/health/x; do
        answers 404 "$(error_body 'Not Found')" GET "$path"
    done
}

@test "each level serves its own routes only" {
    answers 404 "$(error_body 'Not Found')" GET /v1beta/eval/benchmarks
    answers 404 "$(error_body 'Not Found')" GET /v1alpha/datasets
    answers 404 "$(error_body 'Not Found')" GET /v1alpha/scoring-functions
    answers 200 '{"data":[]}' GET /v1alpha/eval/benchmarks
    answers 200 '{"data":[]}' GET /v1beta/datasets
}

@test "a deprecated alias works, and says so in two headers and one line of the log" {
    answers 200 '{"data":[]}' GET /v1/eval/benchmarks -D "$(headers)"
    has_header 'Deprecation: @1758844800'
    has_header 'Link: </v1alpha/eval/benchmarks>; rel="successor-version"'
    answers 200 '{"data":[]}' GET /v1/datasets -D "$(headers)"
    has_header 'Deprecation: @1758844800'
    has_header 'Link: </v1beta/datasets>; rel="successor-version"'
    evald_get /v1/datasets >/dev/null
    [ "$(grep -c 'GET /v1/datasets is deprecated' "$EVALD_LOG")" -eq 1 ]
    answers 200 '{"data":[]}' GET /v1beta/datasets -D "$(headers)"
    ! grep -qi '^deprecation' "$(headers)"
}

@test "a wrong method is a 405 that lists the right ones" {
    answers 405 "$(error_body 'Method Not Allowed')" POST /v1/health -D "$(headers)"
    has_header 'Allow: GET'
    answers 405 "$(error_body 'Method Not Allowed')" PUT /v1alpha/eval/benchmarks -D "$(headers)"
    has_header 'Allow: GET, POST'
    answers 405 "$(error_body 'Method Not Allowed')" DELETE /v1alpha/eval/benchmarks
    answers 405 "$(error_body 'Method Not Allowed')" OPTIONS /v1/health
    answers 405 "$(error_body 'Method Not Allowed')" PATCH /v1/models/x
}

@test "HEAD is a 405 without a body" {
    answers 405 "" HEAD /v1/health --head -o /dev/null
}

@test "a slash too many is a redirect to the path without it" {
    answers 307 "" GET /v1alpha/eval/benchmarks/ -D "$(headers)"
    has_header 'Location: /v1alpha/eval/benchmarks'
    answers 307 "" GET '/v1alpha/eval/jobs/?limit=1' -D "$(headers)"
    has_header 'Location: /v1alpha/eval/jobs?limit=1'
}

@test "behind a path parameter nothing is a redirect: the empty id is an id" {
    text="Dataset '' not found. Use 'client.datasets.list()' to list available Datasets."
    answers 404 "$(error_body "$text")" GET /v1beta/datasets/
}

@test "an encoded slash does not fit a plain parameter" {
    answers 404 "$(error_body 'Not Found')" GET /v1alpha/eval/benchmarks/a%2Fb
}

@test "a path that is no UTF-8, or holds a NUL, is a 400" {
    says 400 'UTF-8' GET /v1/models/%ff
    says 400 'NUL' GET /v1/models/a%00b
}

@test "unknown query parameters are ignored, of repeated ones the last counts" {
    answers 200 '{"data":[],"has_more":false}' GET '/v1alpha/eval/jobs?limit=x&limit=1&what=ever'
    answers 400 "$(invalid query.limit \
        'Input should be a valid integer, unable to parse string as an integer' int_parsing)" \
        GET '/v1alpha/eval/jobs?limit='
}

@test "a connection is kept for many requests" {
    curl -sS --unix-socket "$EVALD_SOCKET" -v http://evald/v1/health http://evald/v1/version \
        http://evald/v1/nope http://evald/v1/health >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
    [ "$(grep -c 'Re-using existing connection' "$BATS_TEST_TMPDIR/err")" -eq 3 ]
}
