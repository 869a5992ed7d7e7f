# The events of a job, as they happen.
load lib

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR
    export EVALD_PLUGIN_PATH=$EVALD_PLUGIN_PATH:$EVALD_BUILDDIR/tests/plugins/.libs
    start_stuck 'limits = { max_runners = 2; };'
    submit b baseline::recorded ',"num_examples":1'
    job_ends b "$JOB" completed
    export DONE=$jobs/$JOB/events
}

teardown_file() {
    stop_evald
}

setup() {
    SUITES_EVALD=$EVALD_PID
}

teardown() {
    [ -z "${LISTENER:-}" ] || { kill "$LISTENER" && wait_for ended "$LISTENER"; }
    [ "$EVALD_PID" = "$SUITES_EVALD" ] || stop_evald # one of the test's own
}

jobs=/v1alpha/eval/benchmarks/b/jobs

# start_stuck [CONFIG]: with a benchmark whose second row takes ten minutes.
start_stuck() {
    start_evald "$@"
    put_rows d <<'END'
{"expected_answer":"A","generated_answer":"A"}
{"expected_answer":"A","generated_answer":"A","sleep_ms":600000}
END
    put_benchmark b d test::slow
}

# listen JOB FILE [CURL-ARG...]: reads the job's events into FILE until the stream ends.
listen() {
    local job=$1 file=$2
    shift 2
    : >"$file"
    curl -sSN --unix-socket "$EVALD_SOCKET" "$@" "http://evald$jobs/$job/events" >"$file" 3>&- &
    LISTENER=$!
}
# hung_up: waits for the end of the stream, which must be a good one.
hung_up() {
    local pid=$LISTENER
    LISTENER=
    wait_for ended "$pid" || return
    wait "$pid"
}
# numbered FILE: the numbers and kinds of the events that have a number.
numbered() {
    awk '/^id: /{ id = $2 } /^event: /{ if (id) printf "%s%s:%s", n++ ? " " : "", id, $2; id = "" }' "$1"
}
heard() {
    grep -q "^event: $2\$" "$1"
}
here() {
    printf '%s/%s\n' "$BATS_TEST_TMPDIR" "$1"
}

@test "a job that has ended: its events, then the end" {
    got=$(evald_get "$DONE" -D "$(headers)" | tee "$(here got)")
    has_header 'Content-Type: text/event-stream'
    has_header 'Cache-Control: no-store'
    [ "$(numbered "$(here got)")" = "1:started 2:completed" ]
    [[ $got =~ ^id:\ 1$'\n'event:\ started$'\n'data:\ \{\"event\":\"started\",\"job_id\":\"[0-9]+\",\"at\":[0-9]+\}$'\n\n' ]] || false
    contains "$got" 'event: progress
data: {"event":"progress","job_id":"0","rows_done":1,"rows_total":1,"rows_failed":0,"in_flight":0,"rate_per_s":'
    [[ $got =~ id:\ 2$'\n'event:\ completed$'\n'data:\ \{\"event\":\"completed\",\"job_id\":\"[0-9]+\",\"at\":[0-9]+\}$ ]]
}

@test "Last-Event-ID goes on behind that event; so does after" {
    evald_get "$DONE" -H 'Last-Event-ID: 1' >"$(here got)"
    [ "$(numbered "$(here got)")" = "2:completed" ]
    evald_get "$DONE?after=1" >"$(here got)"
    [ "$(numbered "$(here got)")" = "2:completed" ]
    evald_get "$DONE?after=2" -H 'Last-Event-ID: 1' >"$(here got)"
    [ "$(numbered "$(here got)")" = "2:completed" ]
}

@test "who has the last event of a job is told not to come back" {
    answers 204 "" GET "$DONE" -H 'Last-Event-ID: 2'
}

@test "an event that the job does not have is a 400" {
    answers 400 "$(error_body 'Invalid value: Job has no event 3')" GET "$DONE" -H 'Last-Event-ID: 3'
    answers 400 "$(error_body "Invalid value: Last-Event-ID 'x1' is no number of an event")" \
        GET "$DONE" -H 'Last-Event-ID: x1'
    says 400 '"loc":["query","after"]' GET "$DONE?after=-1"
    answers 400 "$(error_body 'Invalid value: Job 999 not found')" GET $jobs/999/events
}

@test "a running job is told as it goes, to all who listen, until it is cancelled" {
    submit b baseline::recorded
    listen "$JOB" "$(here one)"
    local first=$LISTENER
    wait_for heard "$(here one)" started
    listen "$JOB" "$(here two)"
    wait_for heard "$(here two)" started
    answers 204 "" DELETE "$jobs/$JOB"
    hung_up
    LISTENER=$first
    hung_up
    [ "$(numbered "$(here one)")" = "1:started 2:cancelled" ]
    [ "$(numbered "$(here two)")" = "1:started 2:cancelled" ]
}

@test "progress comes without a number" {
    submit b baseline::recorded
    listen "$JOB" "$(here got)"
    wait_for grep -q '^data: {"event":"progress","job_id":"[0-9]*","rows_done":1,"rows_total":2,"rows_failed":0,"in_flight":1,"rate_per_s":' "$(here got)"
    answers 204 "" DELETE "$jobs/$JOB"
    hung_up
    [ "$(numbered "$(here got)")" = "1:started 2:cancelled" ]
}

@test "when the end is told the job has ended" {
    submit b baseline::recorded ',"num_examples":1'
    listen "$JOB" "$(here got)"
    wait_for heard "$(here got)" completed
    job_is b "$JOB" completed
    hung_up
}

@test "a job that waits for its turn tells its whole story, and its end once" {
    local first second
    submit b baseline::recorded
    first=$JOB
    submit b baseline::recorded
    second=$JOB
    wait_for job_is b "$second" in_progress
    submit b baseline::recorded
    listen "$JOB" "$(here got)"
    wait_for grep -q '"rows_total":null' "$(here got)"
    answers 204 "" DELETE "$jobs/$JOB"
    hung_up
    [ "$(grep -c '^event: cancelled$' "$(here got)")" -eq 1 ]
    answers 204 "" DELETE "$jobs/$first"
    answers 204 "" DELETE "$jobs/$second"
}

@test "the end of a failed job says why" {
    answer_rows A | sed 's/"generated_answer":"A"/"generated_answer":null/; s/}/,"sleep_ms":-1}/' | put_rows bad
    put_benchmark bad bad test::slow
    submit bad baseline::recorded ',"on_error":"fail"'
    job_ends bad "$JOB" failed
    got=$(evald_get "/v1alpha/eval/benchmarks/bad/jobs/$JOB/events")
    [[ $got =~ event:\ failed$'\n'data:\ \{\"event\":\"failed\",\"job_id\":\"$JOB\",\"at\":[0-9]+,\"what\":\"[^\"]+\"\}$ ]]
}

@test "a stopped evald ends its streams; who goes on after the restart misses nothing" {
    EVALD_DIR=$BATS_TEST_TMPDIR
    start_stuck
    submit b baseline::recorded
    listen "$JOB" "$(here one)"
    wait_for heard "$(here one)" started
    stop_evald
    hung_up
    [ "$(numbered "$(here one)")" = "1:started 2:parked" ]
    start_evald
    listen "$JOB" "$(here two)" -H 'Last-Event-ID: 1'
    wait_for heard "$(here two)" resumed
    answers 204 "" DELETE "$jobs/$JOB"
    hung_up
    [ "$(numbered "$(here two)")" = "2:parked 3:resumed 4:cancelled" ]
}

@test "a killed evald: who goes on misses nothing either" {
    EVALD_DIR=$BATS_TEST_TMPDIR
    start_stuck
    submit b baseline::recorded
    listen "$JOB" "$(here one)"
    wait_for heard "$(here one)" started
    stop_evald KILL
    run hung_up
    LISTENER=
    [ "$status" -ne 0 ] # cut off, and the client sees it
    start_evald
    listen "$JOB" "$(here two)" -H 'Last-Event-ID: 1'
    wait_for heard "$(here two)" resumed
    answers 204 "" DELETE "$jobs/$JOB"
    hung_up
    [ "$(numbered "$(here two)")" = "2:resumed 3:cancelled" ]
}

@test "listeners who hang up, or do not read, hold up nothing" {
    EVALD_DIR=$BATS_TEST_TMPDIR
    start_stuck
    submit b baseline::recorded
    local pids=""
    for i in 1 2 3 4; do
        listen "$JOB" "$(here "$i")"
        pids+=" $LISTENER"
    done
    for i in 1 2 3 4; do
        wait_for heard "$(here "$i")" started
    done
    set -- $pids
    LISTENER=
    kill "$1" "$2"
    kill -STOP "$3" "$4"
    answers 200 '{"status":"OK"}' GET /v1/health
    stop_evald
    kill -KILL "$3" "$4"
}
