# More jobs wait than evald has descriptors.
load lib

setup() {
    export EVALD_PLUGIN_PATH=$EVALD_PLUGIN_PATH:$EVALD_BUILDDIR/tests/plugins/.libs
    ulimit -n 256
    start_evald "limits = { max_runners = 1; }; dataset = { roots = [ \"$BATS_TEST_TMPDIR\" ]; };"
    echo '{"generated_answer":"A","sleep_ms":600000}' >"$BATS_TEST_TMPDIR/d.jsonl"
    config baseline::recorded >"$BATS_TEST_TMPDIR/config"
}

teardown() {
    stop_evald
}

# submit_many N: the answers, in order.
submit_many() {
    local i
    for ((i = 0; i < $1; i++)); do
        printf '%surl = "http://evald/v1alpha/eval/benchmarks/b/jobs"\nunix-socket = "%s"\nheader = "Content-Type: application/json"\nheader = "Prefer: respond-async"\ndata-binary = "@%s/config"\nwrite-out = " %%{http_code}\\n"\n' \
            "${i:+$'next\n'}" "$EVALD_SOCKET" "$BATS_TEST_TMPDIR"
    done | tail -n +2 | curl -sS -K -
}

@test "jobs whose rows evald keeps wait in any number, and nothing else suffers" {
    put_rows d <"$BATS_TEST_TMPDIR/d.jsonl"
    put_benchmark b d test::slow
    submit_many 300 >"$BATS_TEST_TMPDIR/got"
    [ "$(grep -c '"status":"[a-z_]*"} 200$' "$BATS_TEST_TMPDIR/got")" -eq 300 ]
    answers 204 "" DELETE /v1alpha/eval/benchmarks/b/jobs/0
    wait_for job_is b 1 in_progress
    wait_for rows_done_at_least b 1 0
}

@test "jobs that read files wait up to a limit; one more is refused, and the next has its turn" {
    put_uri d "file://$BATS_TEST_TMPDIR/d.jsonl"
    put_benchmark b d test::slow
    submit_many 60 >"$BATS_TEST_TMPDIR/got"
    # one that runs, and an eighth of 256 that wait
    [ "$(grep -c '"status":"[a-z_]*"} 200$' "$BATS_TEST_TMPDIR/got")" -eq 33 ]
    [ "$(grep -c 'jobs wait for their turn, .* 429$' "$BATS_TEST_TMPDIR/got")" -eq 27 ]
    answers 204 "" DELETE /v1alpha/eval/benchmarks/b/jobs/0
    answers 204 "" DELETE /v1alpha/eval/benchmarks/b/jobs/32
    wait_for job_is b 1 in_progress
    submit b baseline::recorded
    submit b baseline::recorded
}

@test "a retry waits within the same limit" {
    put_uri d "file://$BATS_TEST_TMPDIR/d.jsonl"
    put_benchmark b d test::slow
    submit_many 34 >"$BATS_TEST_TMPDIR/got"
    answers 204 "" DELETE /v1alpha/eval/benchmarks/b/jobs/5
    submit b baseline::recorded
    says 429 "32 jobs wait for their turn" POST /v1alpha/eval/benchmarks/b/jobs/5/retry
    answers 204 "" DELETE /v1alpha/eval/benchmarks/b/jobs/6
    says 200 '{"job_id":"5","status":"scheduled"}' POST /v1alpha/eval/benchmarks/b/jobs/5/retry
}
