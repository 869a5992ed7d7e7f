# The rows of a job, in any state.
load lib

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR
    export EVALD_PLUGIN_PATH=$EVALD_PLUGIN_PATH:$EVALD_BUILDDIR/tests/plugins/.libs
    start_evald 'limits = { max_runners = 2; };'
    # rows 1 and 3 lack what the scorer needs
    put_rows five <<'END'
{"id":"a","expected_answer":"A","generated_answer":"A"}
{"id":"b","generated_answer":"B"}
{"id":7,"expected_answer":"A","generated_answer":"C"}
{"generated_answer":"D"}
{"id":"e","expected_answer":"E","generated_answer":"E"}
END
    put_benchmark five five basic::equality basic::subset_of
    submit five baseline::recorded
    job_ends five "$JOB" completed
    export FIVE=/v1alpha/eval/benchmarks/five/jobs/$JOB/rows
    # row 1 is not scored before the test is over
    put_rows stuck <<'END'
{"expected_answer":"A","generated_answer":"A"}
{"expected_answer":"A","generated_answer":"B","sleep_ms":600000}
{"expected_answer":"A","generated_answer":"A"}
END
    put_benchmark stuck stuck basic::equality test::slow
    submit stuck baseline::recorded
    export STUCK=/v1alpha/eval/benchmarks/stuck/jobs/$JOB
    wait_for rows_done_at_least stuck "$JOB" 2
}

teardown_file() {
    evald_delete "$STUCK" >/dev/null
    stop_evald
}

ok0='{"index":0,"epoch":0,"row_id":"a","status":"ok","generation":{"generated_answer":"A"},"scores":{"basic::equality":{"score":1.0},"basic::subset_of":{"score":1.0}},"errors":[],"truncated":false,"usage":{"input_tokens":0,"output_tokens":0}}'

# indexes BODY: the numbers of its rows.
indexes() {
    local rest=$1 list=""
    while [[ $rest =~ \{\"index\":([0-9]+),\"epoch\":([0-9]+),(.*) ]]; do
        list+=" ${BASH_REMATCH[1]}"
        rest=${BASH_REMATCH[3]}
    done
    echo $list
}
# lists QUERY INDEXES END: the rows, and how the body ends.
lists() {
    local got
    got=$(evald_get "$FIVE$1")
    [ "$(indexes "$got")" = "$2" ] || { echo "$1: $got" >&2; return 1; }
    contains "$got" "],$3}"
}

@test "a row that is well: generation, scores, what it cost" {
    answers 200 "{\"data\":[$ok0],\"has_more\":true,\"next\":1}" GET "$FIVE?limit=1"
    answers 200 "{\"data\":[$ok0],\"has_more\":true,\"next\":2}" GET "$FIVE?status=ok&limit=1"
}

@test "a row that failed: each error with its stage and function" {
    got=$(evald_get "$FIVE?status=error&limit=1")
    contains "$got" '{"data":[{"index":1,"epoch":0,"row_id":"b","status":"error","generation":{"generated_answer":"B"},"scores":{"basic::equality":{"score":null,"error":{"stage":"scorer","code":"bad_row","message":"'
    contains "$got" '"errors":[{"stage":"scorer","function":"basic::equality","code":"bad_row","message":"'
    contains "$got" '"attempts":1},{"stage":"scorer","function":"basic::subset_of","code":"bad_row","message":"'
    contains "$got" '],"truncated":false,"usage":{"input_tokens":0,"output_tokens":0}}],"has_more":true,"next":3}'
}

@test "all rows, those that are well, and those that failed" {
    lists "" "0 1 2 3 4" '"has_more":false,"next":null'
    lists "?status=ok" "0 2 4" '"has_more":false,"next":null'
    lists "?status=error" "1 3" '"has_more":false,"next":null'
    lists "?status=pending" "" '"has_more":false,"next":null'
    lists "?status=truncated" "" '"has_more":false,"next":null'
}

@test "start_index and limit count within what status leaves" {
    lists "?start_index=1&limit=2" "1 2" '"has_more":true,"next":3'
    lists "?start_index=4" "4" '"has_more":false,"next":null'
    lists "?start_index=5" "" '"has_more":false,"next":null'
    lists "?start_index=9223372036854775807&limit=1" "" '"has_more":false,"next":null'
    lists "?limit=0" "" '"has_more":true,"next":0'
    lists "?limit=-1&start_index=3" "3 4" '"has_more":false,"next":null'
    lists "?status=ok&start_index=1&limit=1" "2" '"has_more":true,"next":4'
    lists "?status=ok&start_index=2" "4" '"has_more":false,"next":null'
    lists "?status=ok&start_index=3" "" '"has_more":false,"next":null'
    lists "?status=ok&start_index=9223372036854775807" "" '"has_more":false,"next":null'
    lists "?status=error&start_index=1" "3" '"has_more":false,"next":null'
    lists "?status=error&start_index=2" "" '"has_more":false,"next":null'
}

@test "from goes on where next said" {
    lists "?from=1&limit=1" "1" '"has_more":true,"next":2'
    lists "?status=ok&from=2&limit=1" "2" '"has_more":true,"next":4'
    lists "?status=ok&from=1&start_index=1" "4" '"has_more":false,"next":null'
    lists "?status=error&from=3" "3" '"has_more":false,"next":null'
    lists "?status=error&from=4" "" '"has_more":false,"next":null'
    lists "?from=9223372036854775807" "" '"has_more":false,"next":null'
}

@test "the id of a row is the data set's own, or its hash" {
    got=$(evald_get "$FIVE?start_index=2&limit=2")
    contains "$got" '"index":2,"epoch":0,"row_id":7,'
    [[ $got =~ \"index\":3,\"epoch\":0,\"row_id\":\"[0-9a-f]{32}\" ]]
}

@test "epochs: a row and each of its epochs is an element" {
    submit five baseline::recorded ',"epochs":2,"num_examples":2'
    job_ends five "$JOB" completed
    got=$(evald_get "/v1alpha/eval/benchmarks/five/jobs/$JOB/rows?start_index=1&limit=2")
    contains "$got" '{"data":[{"index":0,"epoch":1,'
    contains "$got" '},{"index":1,"epoch":0,'
    contains "$got" '],"has_more":true,"next":3}'
}

@test "while the job runs, element i is row i, done or not" {
    got=$(evald_get "$STUCK/rows")
    [ "$(indexes "$got")" = "0 1 2" ]
    contains "$got" '{"index":1,"epoch":0,"row_id":"'
    contains "$got" '"status":"pending","generation":{"generated_answer":"B"},"scores":{"basic::equality":{"score":0.0},"test::slow":null},"errors":[],"truncated":false,"usage":{"input_tokens":0,"output_tokens":0}}'
    [ "$(indexes "$(evald_get "$STUCK/rows?status=ok")")" = "0 2" ]
    [ "$(indexes "$(evald_get "$STUCK/rows?status=pending")")" = 1 ]
}

@test "while epochs are run, each has its element" {
    submit stuck baseline::recorded ',"epochs":2'
    wait_for rows_done_at_least stuck "$JOB" 2
    got=$(evald_get "${STUCK%/*}/$JOB/rows")
    answers 204 "" DELETE "${STUCK%/*}/$JOB"
    [ "$(indexes "$got")" = "0 0 1 1 2 2" ]
    contains "$got" '{"index":1,"epoch":1,'
}

@test "a job that waits for its turn has no rows yet; one that was cancelled keeps what it has" {
    submit stuck baseline::recorded
    local other=$JOB
    wait_for job_is stuck "$other" in_progress
    submit stuck baseline::recorded
    answers 200 '{"data":[],"has_more":false,"next":null}' GET "${STUCK%/*}/$JOB/rows"
    answers 204 "" DELETE "${STUCK%/*}/$JOB"
    answers 200 '{"data":[],"has_more":false,"next":null}' GET "${STUCK%/*}/$JOB/rows"
    wait_for rows_done_at_least stuck "$other" 2
    answers 204 "" DELETE "${STUCK%/*}/$other"
    [ "$(indexes "$(evald_get "${STUCK%/*}/$other/rows?status=ok")")" = "0 2" ]
}

@test "a model that ran into its limit of tokens is listed as truncated" {
    start_server short
    EVALD_DIR=$BATS_TEST_TMPDIR
    start_evald "$(models "$(model m "$SERVER_URL")")"
    {
        chat_rows 2
        printf '%s\n' '{"id":"long","expected_answer":"x","chat_completion_input":"[{\"role\":\"user\",\"content\":\"go on [[CUT]]\"}]"}'
    } | put_rows d
    put_benchmark b d basic::equality
    submit b m
    job_ends b 0 completed
    all=$(evald_get /v1alpha/eval/benchmarks/b/jobs/0/rows)
    got=$(evald_get '/v1alpha/eval/benchmarks/b/jobs/0/rows?status=truncated')
    stop_evald
    stop_servers
    [ "$(indexes "$all")" = "0 1 2" ]
    contains "$got" '"index":2,'
    contains "$got" '"truncated":true,"usage":{"input_tokens":'
    [[ $got != *'"truncated":false'* ]]
}

@test "words that are no status, places that are none, and jobs that are not there" {
    says 400 "Input should be 'ok', 'error', 'truncated' or 'pending'" GET "$FIVE?status=good"
    says 400 '"loc":["query","from"]' GET "$FIVE?from=-1"
    says 400 '"loc":["query","limit"]' GET "$FIVE?limit=-2"
    answers 400 "$(error_body 'Invalid value: Job 999 not found')" GET "${STUCK%/*}/999/rows"
}
