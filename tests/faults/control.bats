# Pause, retry and rescore while evald is killed at any moment.
load lib

rows=120

setup_file() {
    start_server steady --latency-ms 80
    local steady=$SERVER_URL
    # the first request for every second row or so fails; the next one does not
    start_server flaky --latency-ms 80 --fail-rate 0.5 --fail-mode 500 --fail-by prompt --fail-attempts 1
    export MODELS="$(models "$(model steady "$steady" 'max_in_flight = 4;')" \
        "$(model flaky "$SERVER_URL" 'max_in_flight = 4; max_attempts = 1;')")
        limits = { max_attempts = 1; };"
    chat_rows $rows >"$BATS_FILE_TMPDIR/rows"
    start_evald "$MODELS"
    begin steady
    job_ends b 0 completed
    job_result b 0 >"$BATS_FILE_TMPDIR/undisturbed"
    stop_evald
}

teardown_file() {
    stop_servers
}

setup() {
    SERVER_PIDS= # of the test
    server steady /stats/reset -X POST >/dev/null
    server flaky /stats/reset -X POST >/dev/null
}

teardown() {
    stop_servers
    stop_evald
}

# begin MODEL: job 0 of benchmark b, on its way.
begin() {
    put_rows d <"$BATS_FILE_TMPDIR/rows"
    put_benchmark b d basic::equality basic::subset_of
    submit b "$1"
    [ "$JOB" = 0 ]
}

job=/v1alpha/eval/benchmarks/b/jobs/0

# asked MODEL TIMES: how many prompts the server was sent that often.
asked() {
    server "$1" /stats/prompts | tr -d '{}' | tr , '\n' | grep -c ":$2\$" || :
}

failed_rows() {
    number "$(job_detail b 0)" rows_failed
}

# events: the kinds of the events of job 0, in a line.
events() {
    "$EVALD_BUILDDIR/tests/faults/journaled" --events "$EVALD_STATE/jobs/0.db" | paste -sd' '
}

result_is_undisturbed() {
    job_result b 0 >"$BATS_TEST_TMPDIR/result"
    [ "$(http_status)" = 200 ] || return
    cmp "$BATS_FILE_TMPDIR/undisturbed" "$BATS_TEST_TMPDIR/result"
}

# kill_while COMMAND [ARG...]: kills evald while the request is under way, after a moment
# that is another one each time.
kill_while() {
    "$@" >/dev/null 2>&1 3>&- &
    local request=$! n
    for ((n = 0; n < (RANDOM % 16) * 3000; n++)); do :; done
    stop_evald KILL
    wait "$request" || :
}

@test "a paused job stays so when evald is killed right after the answer, and goes on when it is resumed" {
    start_evald "$MODELS"
    begin steady
    wait_for rows_done_at_least b 0 20
    answers 200 '{"job_id":"0","status":"scheduled"}' POST $job/pause
    stop_evald KILL
    start_evald
    job_is b 0 scheduled
    contains "$(job_detail b 0)" '"paused":true'
    # jobs that are not paused have their turn
    submit b baseline::oracle
    job_ends b 1 completed
    before=$(count_of steady total)
    [ "$before" -lt $rows ]
    answers 200 '{"job_id":"0","status":"in_progress"}' POST $job/resume
    job_ends b 0 completed
    [ "$(asked steady 1)" = $rows ]
    result_is_undisturbed
    [ "$(events)" = "started paused resumed completed" ]
}

# input_tokens_used: as the detail of job 0 tells.
input_tokens_used() {
    number "$(job_detail b 0)" input_tokens
}

@test "what a job has used is told while it is paused, after a restart and when it is cancelled" {
    start_evald "$MODELS"
    begin steady
    wait_for rows_done_at_least b 0 20
    answers 200 '{"job_id":"0","status":"scheduled"}' POST $job/pause
    used=$(input_tokens_used)
    [ "$used" -gt 0 ]
    stop_evald
    start_evald
    [ "$(input_tokens_used)" = "$used" ]
    answers 204 "" DELETE $job
    [ "$(input_tokens_used)" = "$used" ]
}

@test "a paused job stays so over an orderly restart, and so does one that had not begun" {
    start_evald "${MODELS/limits = \{/limits = { max_runners = 1;}"
    begin steady
    submit b baseline::oracle
    answers 200 '{"job_id":"1","status":"scheduled"}' POST /v1alpha/eval/benchmarks/b/jobs/1/pause
    answers 200 '{"job_id":"0","status":"scheduled"}' POST $job/pause
    stop_evald
    start_evald
    submit b baseline::oracle
    job_ends b 2 completed
    job_is b 0 scheduled
    job_is b 1 scheduled
    answers 200 '{"job_id":"1","status":"in_progress"}' POST /v1alpha/eval/benchmarks/b/jobs/1/resume
    job_ends b 1 completed
    answers 204 "" DELETE $job
    stop_evald
    start_evald
    job_is b 0 cancelled
}

@test "a job that is paused keeps its rows when its data set is deleted" {
    start_evald "$MODELS"
    begin steady
    wait_for rows_done_at_least b 0 20
    answers 200 '{"job_id":"0","status":"scheduled"}' POST $job/pause
    answers 204 "" DELETE /v1beta/datasets/d
    stop_evald
    start_evald
    answers 200 '{"job_id":"0","status":"in_progress"}' POST $job/resume
    job_ends b 0 completed
    result_is_undisturbed
}

# What is in the journal: the counts of a retried job are those of before until its errors are gone.
ok_rows_at_least() {
    [ "$(evald_get "$job/rows?status=ok" | jq '.data | length')" -ge "$1" ]
}

@test "evald killed in the middle of a retry: the next one goes on with it" {
    start_evald "$MODELS"
    begin flaky
    job_ends b 0 completed
    bad=$(failed_rows)
    [ "$bad" -gt 10 ]
    says 200 '{"job_id":"0","status":"' POST $job/retry
    wait_for ok_rows_at_least $((rows - bad + 8))
    stop_evald KILL
    start_evald
    job_ends b 0 completed
    [ "$(failed_rows)" = 0 ]
    # what was good before was asked for once, what was in error once more, and those that were
    # under way at the death perhaps a third time
    [ "$(asked flaky 1)" = $((rows - bad)) ]
    [ $(($(asked flaky 2) + $(asked flaky 3))) = "$bad" ]
    result_is_undisturbed
    contains "$(events)" 'completed retried resumed'
}

@test "evald killed at any step of a retry: the job is as it was, or being retried" {
    start_evald "$MODELS"
    begin flaky
    job_ends b 0 completed
    bad=$(failed_rows)
    good=$((rows - bad))
    for n in 1 2 3 4 5 6; do
        kill_while evald_request POST $job/retry
        start_evald
        wait_for job_has_ended b 0
        job_is b 0 completed
        [ "$(failed_rows)" = 0 ] || [ "$(failed_rows)" = "$bad" ]
        [ "$(asked flaky 1)" = $good ] || [ "$(asked flaky 1)" = $rows ]
    done
    says 200 '{"job_id":"0","status":"' POST $job/retry
    job_ends b 0 completed
    [ "$(failed_rows)" = 0 ]
    result_is_undisturbed
}

@test "evald killed at any step of a rescore: the parent is untouched, the new job whole or not there" {
    start_evald "$MODELS"
    begin steady
    job_ends b 0 completed
    for n in 1 2 3 4 5 6; do
        kill_while evald_request POST $job/rescore
        start_evald
        result_is_undisturbed
        for id in $(evald_get /v1alpha/eval/jobs | grep -o '"job_id":"[0-9]*"' | tr -dc '0-9\n'); do
            job_ends b "$id" completed
            job_result b "$id" >"$BATS_TEST_TMPDIR/other"
            cmp "$BATS_FILE_TMPDIR/undisturbed" "$BATS_TEST_TMPDIR/other"
        done
        # no journal that nobody knows of, but that of an id which is still to be given out
        known=$(evald_get /v1alpha/eval/jobs | grep -o '"job_id":"[0-9]*"' | wc -l)
        [ "$(find "$EVALD_STATE/jobs" -name '*.db' | wc -l)" -le $((known + 1)) ]
    done
    [ "$(asked steady 1)" = $rows ]
}

@test "evald killed while a job whose on_error is fail runs: the row that fails still ends it" {
    start_evald "$MODELS"
    begin steady
    job_ends b 0 completed
    submit b flaky ',"on_error":"fail"'
    kill_while true
    start_evald
    wait_for job_has_ended b 1
    # each row has failed or succeeded as it was first asked; nothing failed and was passed over
    [ "$(job_state b 1)" = completed ] || { job_is b 1 failed; JOB=1; }
    [ "$(job_state b 1)" != completed ] || [ "$(number "$(job_detail b 1)" rows_failed)" = 0 ]
}

@test "evald that starts again finds a cancelled retry cancelled" {
    start_evald "$MODELS"
    begin flaky
    job_ends b 0 completed
    says 200 '{"job_id":"0","status":"' POST $job/retry
    answers 204 "" DELETE $job
    stop_evald KILL
    start_evald
    job_is b 0 cancelled
    says 200 '{"job_id":"0","status":"' POST $job/retry
    job_ends b 0 completed
    [ "$(failed_rows)" = 0 ]
    result_is_undisturbed
}
