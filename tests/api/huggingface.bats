# Data sets that plugins of kind SOURCE fetch: the hub's, against a server that pages as the hub
# does, and those of a plugin that misbehaves.
load lib

setup() {
    start_data hub "$BATS_TEST_TMPDIR"
    SOURCE="sources = ( { id = \"source::huggingface\"; base_url = \"$DATA_URL\"; %s } );"
    AT=/v1beta/datasetio/iterrows
}

teardown() {
    stop_evald
    stop_servers
}

# with [SETTINGS [MORE]]: an evald whose hub is the server.
with() {
    # shellcheck disable=SC2059
    start_evald "$(printf "$SOURCE" "${1:-}")${2:-}"
}

# hub_rows FROM TO: the rows as the server makes them.
hub_rows() {
    local i
    for ((i = $1; i < $2; i++)); do
        printf '%s{"id":"h%d","input_query":"q%d","expected_answer":"A","generated_answer":"%s"}' \
            "$([ "$i" = "$1" ] || echo ,)" "$i" "$i" "$([ $((i % 2)) = 0 ] && echo A || echo B)"
    done
}

# has_hub_rows DATASET N
has_hub_rows() {
    answers 200 "{\"data\":[$(hub_rows 0 "$2")],\"has_more\":false,\"url\":null}" GET "$AT/$1"
}

# fails_with STATUS TEXT URI
fails_with() {
    put_uri "f$BATS_TEST_NUMBER" "$3"
    says "$1" "$2" GET "$AT/f$BATS_TEST_NUMBER"
    answers 204 "" DELETE "/v1beta/datasets/f$BATS_TEST_NUMBER"
}

asked() {
    local got
    got=$(server hub /stats)
    contains "$got" "\"$1\":$2"
}
files() {
    ls "$EVALD_STATE/datasets"
}
no_files() {
    [ -z "$(files)" ]
}

HUB=huggingface://datasets/org

@test "without the plugin there is no such provider, and no such scheme" {
    mkdir "$BATS_TEST_TMPDIR/plugins"
    EVALD_PLUGIN_PATH=$BATS_TEST_TMPDIR/plugins start_evald ""
    answers 400 "$(error_body 'Invalid value: Provider `huggingface` not found')" \
        POST /v1beta/datasets -H 'Content-Type: application/json' \
        -d "{\"purpose\":\"eval/messages-answer\",\"dataset_id\":\"d\",\"source\":{\"type\":\"uri\",\"uri\":\"$HUB/plain?split=test\"}}"
    put_uri e "nothing://x/y.csv"
    answers 400 "$(error_body 'Invalid value: Unsupported file type: nothing://x/y.csv')" GET $AT/e
}

@test "a data set is read page by page, once, and kept" {
    with
    put_uri d "$HUB/plain?split=test"
    [ "$(count_of hub requests)" = 0 ]
    contains "$(evald_get /v1beta/datasets/d)" '"provider_id":"huggingface"'
    contains "$(evald_get /v1/providers/huggingface)" '"api":"datasetio","provider_id":"huggingface","provider_type":"remote::huggingface"'
    has_hub_rows d 250
    has_hub_rows d 250
    [ "$(count_of hub requests)" = 4 ]
    asked '/splits?dataset=org%2Fplain' 1
    for offset in 0 100 200; do
        asked "/rows?dataset=org%2Fplain&config=default&split=test&offset=$offset&length=100" 1
    done
    [ "$(files)" = "$(sha256sum "$EVALD_STATE/datasets/"* | cut -d' ' -f1).jsonl" ]
    stop_evald
    start_evald
    has_hub_rows d 250
    [ "$(count_of hub requests)" = 4 ]
    answers 204 "" DELETE /v1beta/datasets/d
    wait_for no_files
}

@test "the configuration is the only one, or default, or the one that is named" {
    with
    put_uri only "$HUB/only?split=test"
    has_hub_rows only 250
    fails_with 400 'the uri must name one of the configurations: name=a b, b&c' "$HUB/many?split=test"
    put_uri many "$HUB/many?name=b%26c&split=t%65st"
    has_hub_rows many 250
    asked '/rows?dataset=org%2Fmany&config=b%26c&split=test&offset=0&length=100' 1
}

@test "a uri says which split of which data set, and nothing else" {
    with
    fails_with 400 'the uri must name a split' "$HUB/plain"
    fails_with 400 'the uri must name a split' "$HUB/plain?split="
    fails_with 400 'the hub cannot give what \"revision\" asks for' "$HUB/plain?split=test&revision=main"
    fails_with 400 'a data set of the hub is huggingface://datasets/ORG/NAME' "huggingface://org/plain?split=test"
    fails_with 400 'a data set of the hub is huggingface://datasets/ORG/NAME' "huggingface://datasets/?split=test"
    fails_with 400 'a data set of the hub is huggingface://datasets/ORG/NAME' "$HUB/plain/more?split=test"
    [ "$(count_of hub requests)" = 0 ]
}

@test "fewer rows a page than were asked for are no harm, nor is an empty data set" {
    with 'params = { page = 60; };'
    put_uri small "$HUB/small?split=test"
    has_hub_rows small 250
    asked '/rows?dataset=org%2Fsmall&config=default&split=test&offset=40&length=60' 1
    put_uri empty "$HUB/empty?split=test"
    answers 200 '{"data":[],"has_more":false,"url":null}' GET $AT/empty
}

@test "a hub that is busy or stumbles is asked again" {
    with
    put_uri busy "$HUB/busy?split=test&name=default"
    has_hub_rows busy 250
    asked '/rows?dataset=org%2Fbusy&config=default&split=test&offset=100&length=100' 2
    put_uri flaky "$HUB/flaky?split=test"
    has_hub_rows flaky 250
}

@test "a cell that is cut off is an error that names row and column" {
    with
    fails_with 400 "$HUB/cut?split=test: row 130: the hub gives only a part of column \\\"expected_answer\\\"" "$HUB/cut?split=test"
    no_files
}

@test "what is less than the data set is an error" {
    with
    fails_with 400 'the hub gives only a part of this split' "$HUB/partial?split=test"
    fails_with 502 'the data set has changed while it was read: from 250 rows to 251' "$HUB/grows?split=test"
    fails_with 502 'the hub gives no more than 200 of 250 rows' "$HUB/ends?split=test"
    no_files
}

@test "answers that are no JSON are asked for again, and then are the hub's failure" {
    with
    fails_with 502 "the hub's answer is no page of rows" "$HUB/broken?split=test"
    asked '/rows?dataset=org%2Fbroken&config=default&split=test&offset=100&length=100' 4
}

@test "what the hub says about a data set is told" {
    with
    fails_with 400 'the hub answers 401: The dataset does not exist, or is not accessible' "$HUB/nothing?split=test"
    fails_with 400 'the hub answers 404: Not found.' "$HUB/plain?split=valid"
}

@test "a private data set needs the key, which no plugin sees" {
    with
    fails_with 400 'the hub answers 401' "$HUB/hidden?split=test"
    stop_evald
    umask 077
    echo sesame >"$BATS_TEST_TMPDIR/key"
    with "key_file = \"$BATS_TEST_TMPDIR/key\";"
    put_uri d "$HUB/hidden?split=test"
    has_hub_rows d 250
}

@test "a hub that nobody answers for is a failure of the hub's" {
    with 'max_attempts = 1;'
    stop_servers
    fails_with 502 'endpoint source::huggingface at 127.0.0.1:' "$HUB/plain?split=test"
}

@test "an evaluation runs on it" {
    with
    put_uri d "$HUB/plain?split=test"
    put_benchmark b d basic::equality
    posts 200 '{"job_id":"0","status":"completed"}' /v1alpha/eval/benchmarks/b/jobs \
        "{\"benchmark_config\":$(config baseline::recorded)}"
    contains "$(job_result b 0)" '"accuracy":0.5'
    has_hub_rows d 250
    [ "$(count_of hub requests)" = 4 ]
}

@test "when the data set is deleted the plugin's runner is ended" {
    with
    put_uri d "$HUB/slow?split=test"
    curl -s --unix-socket "$EVALD_SOCKET" -o /dev/null "http://evald$AT/d" 3>&- &
    pid=$!
    waits() { [ "$(count_of hub waiting)" = 1 ]; }
    wait_for waits
    child_of "$EVALD_PID" evald-runner
    answers 204 "" DELETE /v1beta/datasets/d
    wait "$pid"
    gone() { [ "$(count_of hub gone)" = 1 ]; }
    wait_for gone
    run child_of "$EVALD_PID" evald-runner
    [ "$status" -ne 0 ]
    wait_for no_files
}

@test "a configuration that makes no sense is refused" {
    for bad in 'sources = ( { id = "huggingface"; } );' \
        'sources = ( { base_url = "http://x"; } );' \
        'sources = ( { id = "source::x"; key_file = "/dev/null"; } );' \
        'sources = ( { id = "source::x"; base_url = "ftp://x"; } );' \
        'sources = { id = "source::x"; };'; do
        printf '%s\n' "$bad" >"$BATS_TEST_TMPDIR/bad"
        run "$EVALD" --config "$BATS_TEST_TMPDIR/bad" --check-config
        [ "$status" -eq 1 ]
        contains "$output" ': sources'
    done
}

# ---- a plugin that misbehaves ----------------------------------------------------------------

# with_test [CONFIG]: source::test is loaded, too.
with_test() {
    EVALD_PLUGIN_PATH=$EVALD_PLUGIN_PATH:$EVALD_BUILDDIR/tests/plugins/.libs start_evald "${1:-}"
}

@test "any plugin of kind source serves its scheme" {
    with_test
    put_uri d test://pages/3
    contains "$(evald_get /v1beta/datasets/d)" '"provider_id":"test"'
    answers 200 '{"data":[{"n":0},{"n":1},{"n":2},{"n":3},{"n":4},{"n":5},{"n":6},{"n":7},{"n":8}],"has_more":false,"url":null}' GET $AT/d
}

@test "a plugin that crashes or hangs is an error that names it, and evald goes on" {
    with_test 'limits = { plugin_timeout_ms = 1000; };'
    fails_with 500 'test://crash: plugin source::test@1 crashed with SIGSEGV' test://crash
    fails_with 500 'test://hang: plugin source::test@1 did not return within 1000 ms' test://hang
    no_files
    answers 200 '{"status":"OK"}' GET /v1/health
}

@test "a plugin that breaks its contract is an error that says how" {
    with_test
    fails_with 500 "gave the same 'next' again" test://same
    fails_with 500 "emitted no array 'rows'" test://none
    fails_with 500 'row 1 is no object' test://number
    fails_with 500 "asks HTTP, but 'source::test' has no endpoint" test://http
    fails_with 400 'row 0 is larger than 16 MiB' test://huge
    fails_with 400 'test://config: there is no such place' test://config
    no_files
}

@test "rows without end are bounded in bytes, and in time" {
    with_test 'dataset = { max_fetch_bytes = 100000; };'
    fails_with 400 'larger than the 100000 bytes that are fetched' test://endless
    stop_evald
    with_test 'dataset = { fetch_timeout_ms = 1000; };'
    fails_with 504 'takes longer than it may' test://sleep
    no_files
}

@test "large pages arrive whole" {
    with_test
    put_uri d test://large/80
    # {"n":N,"pad":"..."} eighty times, N of one digit ten times, and what is around them
    [ "$(evald_get "$AT/d" | wc -c)" = $((80 * ((1 << 20) + 15) + 10 + 70 * 2 + 79 + 39)) ]
}
