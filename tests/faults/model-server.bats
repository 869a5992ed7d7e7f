# Model servers that are slow, wrong, full or closed: a row's error, or patience.
load lib

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR
    local all=() name
    printf 'sesame\n' >"$EVALD_DIR/key"
    printf 'open\n' >"$EVALD_DIR/wrong-key"
    chmod 600 "$EVALD_DIR/key" "$EVALD_DIR/wrong-key"
    add() { # NAME SETTINGS ARG...
        start_server "$1" "${@:3}"
        all+=("$(model "$1" "$SERVER_URL" "$2")")
    }
    add good 'max_in_flight = 3;' --latency-ms 10
    for name in hang close reset partial html nochoices malformed 500; do
        add "$name" 'timeout_ms = 300; max_attempts = 2;' --fail-rate 1 --fail-mode "$name"
    done
    add patient '' --fail-rate 1 --fail-mode 429,503,500 --fail-by prompt --fail-attempts 2 --retry-after -1
    add told '' --fail-rate 1 --fail-mode 429 --fail-by prompt --fail-attempts 1 --retry-after 1
    add broken '' --fail-rate 1 --fail-mode 500
    add full 'max_in_flight = 8; max_attempts = 20;' --limit-inflight 2 --latency-ms 5 --retry-after 0
    add local '' --unix "$EVALD_DIR/model.sock"
    add locked "key_file = \"$EVALD_DIR/key\";" --api-key sesame
    all+=("$(model shut-out "$SERVER_URL" "key_file = \"$EVALD_DIR/wrong-key\";")")
    all+=("$(model keyless "$SERVER_URL")")
    start_server gone
    all+=("$(model gone "$SERVER_URL" 'max_attempts = 2;')")
    kill "${SERVER_PIDS##* }"
    wait_for ended "${SERVER_PIDS##* }"
    start_evald "$(models "${all[@]}") limits = { max_attempts = 2; };"
    chat_rows 2 >"$EVALD_DIR/two"
    put_rows two <"$EVALD_DIR/two"
    put_benchmark two two basic::equality
}

teardown_file() {
    stop_evald
    stop_servers
}

# generations MODEL WANTED: those of a job of benchmark two over that model; the job completes.
generations() {
    submit two "$1"
    job_ends two "$JOB" completed
    RESULT=$(job_result two "$JOB")
    contains "$RESULT" "{\"generations\":[$2],\"scores\":"
}

setup() {
    SUITES_EVALD=$EVALD_PID SERVER_PIDS=
}

teardown() {
    [ "$EVALD_PID" = "$SUITES_EVALD" ] || stop_evald # one of the test's own
    stop_servers
}

# both_fail MODEL CODE PART ATTEMPTS: both rows, with PART in the message; neither is scored.
both_fail() {
    submit two "$1"
    job_ends two "$JOB" completed
    RESULT=$(job_result two "$JOB")
    local re="^\\{\"generations\":\\[(\\{\"generated_answer\":null,\"error\":\\{\"stage\":\"candidate\",\"code\":\"$2\",\"message\":\"([^\"\\]|\\\\.)*\",\"attempts\":$4\\}\\},?){2}\\],\"scores\":"
    [[ $RESULT =~ $re ]] || { echo "$RESULT" >&2; return 1; }
    contains "$RESULT" "$3"
    contains "$RESULT" '"num_correct":0,"num_total":2'
    contains "$RESULT" '"n_total":2,"n_scored":0,"n_errored":2'
    [ "$(number "$(job_detail two "$JOB")" rows_failed)" = 2 ]
}

# call MODEL STATUS PART: evaluate_rows over both rows.
call() {
    post_says "$2" "$3" /v1alpha/eval/benchmarks/two/evaluations \
        "{\"input_rows\":[$(paste -sd, "$EVALD_DIR/two")],\"scoring_functions\":[\"basic::equality\"],\"benchmark_config\":$(config "$1")}" \
        -D "$(headers)"
}

reset() {
    server "$1" /stats/reset -X POST >/dev/null
}

good='{"generated_answer":"Answer: a0"},{"generated_answer":"Answer: a1"}'

@test "a good server, once per row" {
    generations good "$good"
    count_is good chat 2
    call good 200 "{\"generations\":[$good]"
}

@test "a server that never answers is a timeout of the row" {
    both_fail hang timeout 'no complete answer within 300 ms' 1
    count_is hang chat 2
    call hang 504 'row 0: candidate: '
    has_header 'x-should-retry: false'
}

@test "a server that closes in the middle of its answer is asked again, then the row fails" {
    both_fail partial remote '' 2
    count_is partial chat 4
}

@test "a server that closes without an answer is asked again, then the row fails" {
    both_fail close remote '' 2
    count_is close chat 4
    both_fail reset remote '' 2
    count_is reset chat 4
}

@test "HTML with status 200 is asked for again, then the row fails with a clear error" {
    both_fail html remote 'JSON' 2
    count_is html chat 4
    call html 502 'row 0: candidate: '
    has_header 'x-should-retry: false'
}

@test "200 without choices is asked for again, then the row fails with a clear error" {
    both_fail nochoices remote 'choices' 2
    count_is nochoices chat 4
}

@test "broken JSON with status 200 is asked for again, then the row fails with a clear error" {
    both_fail malformed remote 'JSON' 2
    count_is malformed chat 4
}

@test "429, 503 and 500 that pass are only patience: three requests a row, and the answer" {
    generations patient "$good"
    count_is patient chat 6
    [ "$(number "$(job_detail two "$JOB")" rows_failed)" = 0 ]
}

@test "Retry-After is obeyed" {
    generations told "$good"
    count_is told chat 4
}

@test "500 for ever: four attempts, then the row's error says so" {
    both_fail broken remote '500' 4
    contains "$RESULT" 'The server had an error'
    count_is broken chat 8
    call broken 502 'row 0: candidate: '
    has_header 'x-should-retry: false'
}

@test "a wrong key is refused once; the key is in no answer and no log" {
    both_fail shut-out remote '401' 1
    contains "$RESULT" 'Incorrect API key provided'
    count_is locked unauthorized 2
    reset locked
    both_fail keyless remote '401' 1
    count_is locked unauthorized 2
    reset locked
    generations locked "$good"
    count_is locked unauthorized 0
    ! grep -rqF -e sesame "$EVALD_LOG" "$EVALD_STATE"
}

@test "a server behind a Unix socket" {
    generations local "$good"
    count_is local chat 2
}

@test "nobody listens: asked again, then the row fails with a clear error" {
    both_fail gone remote '' 2
    contains "$RESULT" 'onnect'
}

@test "never more than max_in_flight at once, whoever asks" {
    chat_rows 60 | put_rows sixty
    put_benchmark sixty sixty basic::equality
    reset good
    submit sixty good
    first=$JOB
    submit sixty good
    call good 200 "$good"
    job_ends sixty "$first" completed
    job_ends sixty "$JOB" completed
    count_is good max_in_flight 3
    count_is good chat 122
}

@test "a server that is full sends requests away; all rows get their answer in the end" {
    chat_rows 40 | put_rows forty
    put_benchmark forty forty basic::equality
    submit forty full
    job_ends forty "$JOB" completed
    contains "$(job_result forty "$JOB")" '"num_correct":40.0,"num_total":40'
    count_is full ok 40
    count_is full max_in_flight 2
}

@test "max_error_rate makes the job fail, and says how many rows did" {
    submit two broken ',"max_error_rate":0.4'
    job_ends two "$JOB" failed
    says 400 'more than max_error_rate 0.4' GET "/v1alpha/eval/benchmarks/two/jobs/$JOB/result"
}

@test "with on_error fail the first failing row in row order decides, and POST answers its error" {
    post_says 502 'row 0: candidate: ' /v1alpha/eval/benchmarks/two/jobs \
        "{\"benchmark_config\":$(config broken ',"on_error":"fail"')}" -D "$(headers)"
    has_header 'x-should-retry: false'
}

@test "what was asked is what the row, the candidate and the API say" {
    start_server seen --record "$BATS_TEST_TMPDIR/seen"
    EVALD_DIR=$BATS_TEST_TMPDIR
    start_evald "$(models "$(model m "$SERVER_URL" 'name = "real-name";')")"
    put_rows d <<'END'
{"expected_answer":"x","chat_completion_input":"[{\"role\":\"user\",\"content\":\"1\"},{\"role\":\"assistant\",\"content\":\"2\"},{\"role\":\"system\",\"content\":\"3\"}]"}
END
    put_benchmark b d basic::equality
    post_says 200 completed /v1alpha/eval/benchmarks/b/jobs \
        '{"benchmark_config":{"eval_candidate":{"type":"model","model":"m","sampling_params":{"strategy":{"type":"top_p","temperature":0.5,"top_p":0.9},"max_tokens":64,"repetition_penalty":1.0,"stop":["X"]},"system_message":{"role":"system","content":"Be brief."}}}}'
    contains "$(cat "$BATS_TEST_TMPDIR/seen")" '"model":"real-name"'
    contains "$(cat "$BATS_TEST_TMPDIR/seen")" '"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"1"},{"role":"assistant","content":"2"},{"role":"system","content":"3"}]'
    contains "$(cat "$BATS_TEST_TMPDIR/seen")" '"temperature":0.5,"top_p":0.9,"max_tokens":64,"stop":["X"]'
}
