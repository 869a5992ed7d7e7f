# evalctl's view of jobs, against a real evald.
load ../faults/lib

setup() {
    export EVALD_PLUGIN_PATH=$EVALD_PLUGIN_PATH:$EVALD_BUILDDIR/tests/plugins/.libs
    start_evald
    put_rows d <<'END'
{"id":"a","expected_answer":"A","generated_answer":"A"}
{"id":"b","expected_answer":"A","generated_answer":"B"}
{"id":"c","generated_answer":"C"}
END
    put_benchmark b d basic::equality
    put_rows stuck <<<'{"generated_answer":"A","sleep_ms":600000}'
    put_benchmark stuck stuck test::slow
    cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
    stop_evald
}

@test "rows of a job: a table, a part of it, the document" {
    submit b baseline::recorded
    job_ends b "$JOB" completed
    run "$EVALCTL" rows "$JOB"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "row  epoch  id  status  answer  basic::equality  error" ] || { echo "$output"; return 1; }
    [[ ${lines[1]} == "  0      0  a   ok      A                   1.0  "* ]] || false
    [[ ${lines[3]} == "  2      0  c   error   C                     -  "*"expected_answer"* ]] || false
    run "$EVALCTL" rows --status error "$JOB"
    [ "${#lines[@]}" -eq 2 ]
    run "$EVALCTL" --json rows --limit 1 "$JOB"
    [ "$output" = "$(evald_get "/v1alpha/eval/benchmarks/b/jobs/$JOB/rows?limit=1")" ]
    run "$EVALCTL" rows --status frob "$JOB"
    [ "$status" -eq 1 ]
    contains "$output" "Input should be 'ok', 'error', 'truncated' or 'pending'"
}

@test "events of a job, until it ends" {
    submit stuck baseline::recorded
    "$EVALCTL" events "$JOB" >got 3>&- &
    local listener=$!
    wait_for grep -q '  started$' got
    run "$EVALCTL" cancel "$JOB"
    wait_for ended "$listener"
    wait "$listener"
    run tail -n 1 got
    [[ $output =~ ^20[0-9-]+\ [0-9:]+\ \ cancelled$ ]] || { echo "$output"; return 1; }
    run "$EVALCTL" --json events "$JOB"
    contains "${lines[0]}" "{\"event\":\"started\",\"job_id\":\"$JOB\",\"at\":"
}

@test "follow goes on over a restart of evald, and ends as the job does" {
    submit stuck baseline::recorded
    "$EVALCTL" follow "$JOB" >got 2>&1 3>&- &
    local follower=$! status=0
    wait_for grep -q "^job $JOB: stuck" got
    stop_evald
    start_evald
    wait_for job_is stuck "$JOB" in_progress
    run "$EVALCTL" cancel "$JOB"
    wait_for ended "$follower"
    wait "$follower" || status=$?
    [ "$status" -eq 4 ] || { cat got; return 1; }
    contains "$(<got)" "job $JOB: cancelled: "
}

@test "jobs of an owner" {
    submit b baseline::recorded
    job_ends b "$JOB" completed
    run "$EVALCTL" jobs --owner "$(id -u)"
    [ "${#lines[@]}" -eq 2 ]
    run "$EVALCTL" jobs --owner "$(id -un)"
    [ "${#lines[@]}" -eq 2 ]
    run "$EVALCTL" jobs --owner "$(($(id -u) + 1))"
    [ "${#lines[@]}" -eq 1 ]
}
