# Plugins that crash, hang, leak or are none at all cost a row, never evald.
load lib

setup_file() {
    export TEST_PLUGINS=$BATS_FILE_TMPDIR/plugins
    mkdir -m 755 "$TEST_PLUGINS"
    for name in crash hang leak judge params; do
        install -m 755 "$EVALD_BUILDDIR/tests/plugins/.libs/$name.so" "$TEST_PLUGINS/"
    done
    export EVALD_DIR=$BATS_FILE_TMPDIR
    printf '%s\n' '{"match":"[[grade 8]]","reply":"I give 8 of 10"}' \
        '{"match":"[[no grade]]","reply":"fine work"}' '{"match":"once more","reply":"4"}' \
        '{"match":"twice","reply":"8"}' >"$BATS_FILE_TMPDIR/replies"
    start_server models --reply-map "$BATS_FILE_TMPDIR/replies"
    EVALD_PLUGIN_PATH=$TEST_PLUGINS:$EVALD_PLUGIN_PATH start_evald "
        $(models "$(model grader "$SERVER_URL")")
        roles = { judge = \"grader\"; };
        limits = { plugin_timeout_ms = 60000; runner_memory = 167772160L; max_attempts = 2; };"
}

teardown_file() {
    stop_evald
    stop_servers
}

# bench FUNCTION... -- ANSWER...: benchmark and data set of the test's own, in BENCH.
bench() {
    local functions=()
    while [ "$1" != -- ]; do
        functions+=("$1")
        shift
    done
    shift
    BENCH=b$BATS_TEST_NUMBER
    answer_rows "$@" | put_rows "d$BATS_TEST_NUMBER"
    put_benchmark "$BENCH" "d$BATS_TEST_NUMBER" "${functions[@]}"
}

# run_job [MEMBERS]: a job of it over the recorded answers, to its end; RESULT is its result.
run_job() {
    submit "$BENCH" baseline::recorded "${1:-}"
    job_ends "$BENCH" "$JOB" completed
    RESULT=$(job_result "$BENCH" "$JOB")
}

# plugin_timeout MS: what a callback may take from now on.  Short for the tests that hang, and
# only for them: a busy machine makes everything slow.
plugin_timeout() {
    local before
    before=$(grep -c 'configuration read again' "$EVALD_LOG" || :)
    sed -i "s/plugin_timeout_ms = [0-9]*/plugin_timeout_ms = $1/" "$EVALD_DIR/conf"
    kill -s HUP "$EVALD_PID"
    wait_for eval '[ "$(grep -c "configuration read again" "$EVALD_LOG")" -gt '"$before"' ]'
}

# scorer_error CODE MESSAGE ATTEMPTS: a score row as it must be.
scorer_error() {
    printf '{"score":null,"error":{"stage":"scorer","code":"%s","message":"%s","attempts":%s}}' "$@"
}

# call FUNCTION ANSWER... : evaluate_rows over recorded answers; the body on output.
call() {
    local rows
    rows=$(answer_rows "${@:2}" | paste -sd,)
    evald_post /v1alpha/eval/benchmarks/any/evaluations \
        "{\"input_rows\":[$rows],\"scoring_functions\":[\"$1\",\"basic::equality\"],\"benchmark_config\":$(config baseline::recorded)}" \
        -D "$(headers)"
}

calls_go_on() {
    local got
    got=$(call "$1" A B)
    [ "$(http_status)" = 200 ]
    contains "$got" "\"$1\":{\"score_rows\":[{\"score\":1.0},{\"score\":1.0}]"
}

put_any() {
    posts 200 null /v1alpha/eval/benchmarks \
        '{"benchmark_id":"any","dataset_id":"none","scoring_functions":["basic::equality"]}'
}

@test "a scorer that crashes costs one row of one scorer; the error names plugin and signal" {
    bench test::crash basic::equality -- A crash B abort A
    run_job
    contains "$RESULT" "\"test::crash\":{\"score_rows\":[{\"score\":1.0},$(scorer_error plugin \
        'plugin test::crash@1 crashed with SIGSEGV' 1),{\"score\":1.0},$(scorer_error plugin \
        'plugin test::crash@1 crashed with SIGABRT' 1),{\"score\":1.0}]"
    contains "$RESULT" '"basic::equality":{"score_rows":[{"score":1.0},{"score":0.0},{"score":0.0},{"score":0.0},{"score":1.0}]'
    contains "$RESULT" '"generations":[{"generated_answer":"A"},{"generated_answer":"crash"}'
    [ "$(number "$(job_detail "$BENCH" "$JOB")" rows_failed)" = 2 ]
}

@test "a scorer that ends its process is found out, and its row charged" {
    bench test::crash -- A exit A
    run_job
    contains "$RESULT" '"score_rows":[{"score":1.0},{"score":null,"error":{"stage":"scorer","code":"plugin","message":"plugin test::crash@1 '
    [ "$(number "$(job_detail "$BENCH" "$JOB")" rows_failed)" = 1 ]
}

@test "a scorer that hangs costs one row; the error names plugin and limit" {
    plugin_timeout 1000
    bench test::hang basic::equality -- A hang A
    run_job
    plugin_timeout 60000
    contains "$RESULT" "\"test::hang\":{\"score_rows\":[{\"score\":1.0},$(scorer_error plugin \
        'plugin test::hang@1 did not return within 1000 ms' 1),{\"score\":1.0}]"
    contains "$RESULT" '"basic::equality":{"score_rows":[{"score":1.0},{"score":0.0},{"score":1.0}]'
}

@test "three deaths by one plugin quarantine it for the job, and only it" {
    bench test::crash test::hang basic::equality -- crash A crash A crash A crash A
    run_job
    deaths=$(grep -o 'test::crash@1 crashed with SIGSEGV' <<<"$RESULT" | wc -l)
    [ "$deaths" -eq 3 ]
    contains "$RESULT" 'quarantine'
    contains "$RESULT" '"test::hang":{"score_rows":[{"score":1.0},{"score":1.0},{"score":1.0},{"score":1.0},{"score":1.0},{"score":1.0},{"score":1.0},{"score":1.0}]'
    contains "$RESULT" '"basic::equality":{"score_rows":[{"score":0.0},{"score":1.0}'
    contains "$(cat "$EVALD_LOG")" "plugin quarantined job=$JOB plugin=test::crash"
}

@test "the next job has the plugin again" {
    bench test::crash -- A B
    run_job
    contains "$RESULT" '"score_rows":[{"score":1.0},{"score":1.0}]'
}

@test "a scorer that leaks is stopped at runner_memory, and the job goes on" {
    ! grep -q '^#define EVALD_SANITIZED' "$EVALD_BUILDDIR/config.h" || skip "no memory limit with a sanitizer"
    bench test::leak basic::equality -- A leak leak leak leak A
    run_job
    contains "$RESULT" 'plugin test::leak@1 crashed with SIGABRT'
    contains "$RESULT" '"basic::equality":{"score_rows":[{"score":1.0},{"score":0.0},{"score":0.0},{"score":0.0},{"score":0.0},{"score":1.0}]'
    [[ $RESULT == *'"test::leak":{"score_rows":[{"score":1.0},{"score":1.0}'* ]]
    job_is "$BENCH" "$JOB" completed
}

@test "with on_error fail a crash ends the job, with the row and the plugin in its error" {
    bench test::crash -- A crash A
    submit "$BENCH" baseline::recorded ',"on_error":"fail"'
    job_ends "$BENCH" "$JOB" failed
    contains "$(job_detail "$BENCH" "$JOB")" '"error":{"code":"plugin","message":"row 1: plugin test::crash@1 crashed with SIGSEGV"}'
    says 400 'row 1: plugin test::crash@1 crashed with SIGSEGV' \
        GET "/v1alpha/eval/benchmarks/$BENCH/jobs/$JOB/result"
}

@test "a crash in evaluate_rows is a 500 that names row and plugin, and the next call works" {
    put_any
    got=$(call test::crash A crash A)
    [ "$(http_status)" = 500 ]
    contains "$got" 'row 1: '
    contains "$got" 'plugin test::crash@1 crashed with SIGSEGV'
    has_header 'x-should-retry: false'
    calls_go_on test::crash
}

@test "a hang in evaluate_rows is a 500 that names row and plugin, and the next call works" {
    put_any
    plugin_timeout 1000
    got=$(call test::hang A hang)
    plugin_timeout 60000
    [ "$(http_status)" = 500 ]
    contains "$got" 'row 1: '
    contains "$got" 'plugin test::hang@1 did not return within 1000 ms'
    has_header 'x-should-retry: false'
    calls_go_on test::hang
}

@test "a judge asks the model of its role, and twice where it wants to" {
    server models /stats/reset -X POST >/dev/null
    bench test::judge basic::equality -- "[[grade 8]]" twice
    run_job
    contains "$RESULT" '"test::judge":{"score_rows":[{"score":0.8,"grades":1},{"score":0.6,"grades":2}]'
    count_is models chat 3
}

@test "a judge without a grade fails its row alone, after max_attempts" {
    server models /stats/reset -X POST >/dev/null
    bench test::judge basic::equality -- "[[grade 8]]" "[[no grade]]"
    run_job
    contains "$RESULT" '"test::judge":{"score_rows":[{"score":0.8,"grades":1},{"score":null,"metadata":{"error":{"stage":"scorer","code":"remote","message":"'
    contains "$RESULT" 'no grade in \"fine work\"","attempts":2}}}]'
    contains "$RESULT" '"basic::equality":{"score_rows":[{"score":0.0},{"score":0.0}]'
    count_is models chat 3
}

@test "a judge's failure fails no call" {
    put_any
    got=$(call test::judge "[[grade 8]]" "[[no grade]]")
    [ "$(http_status)" = 200 ]
    contains "$got" '"metadata":{"error":{"stage":"scorer","code":"remote",'
}

@test "the judge of a request: roles in its BenchmarkConfig come first" {
    bench test::judge -- "[[grade 8]]"
    run_job ',"roles":{"judge":"baseline::constant"}'
    contains "$RESULT" '"metadata":{"error":{"stage":"scorer","code":"remote",'
}

@test "a plugin's own params: defaults are those of its listing" {
    answers 200 '{"identifier":"test::params","provider_resource_id":"params","provider_id":"test","type":"scoring_function","description":"confidence of answers that are one of the labels","metadata":{},"return_type":{"type":"number"},"params":{"type":"basic","aggregation_functions":["average"],"threshold":0.5,"labels":["A","B","C","D"]}}' \
        GET /v1/scoring-functions/test::params
    bench test::params -- A E D
    run_job
    contains "$RESULT" '"test::params":{"score_rows":[{"score":1.0,"passed":true},{"score":0.0,"passed":false},{"score":1.0,"passed":true}],"aggregated_results":{"average":{"average":0.6666666666666666},"max":{"max":1.0},"spread":{"spread":1.0},"passed":{"passed":2}}'
}

@test "params given replace the defaults whole; the schema fills in the rest" {
    bench test::params -- A E D
    run_job ',"scoring_params":{"test::params":{"type":"basic","labels":["E"],"aggregation_functions":[]}}'
    contains "$RESULT" '"test::params":{"score_rows":[{"score":0.0,"passed":false},{"score":1.0,"passed":true},{"score":0.0,"passed":false}],"aggregated_results":{"max":{"max":1.0},"spread":{"spread":1.0},"passed":{"passed":1}}'
}

@test "params that do not fit are a 400 that names the member, before any job" {
    bench test::params -- A
    jobs="/v1alpha/eval/benchmarks/$BENCH/jobs"
    before=$(number "$(evald_get '/v1alpha/eval/jobs')" job_id || true)
    post_says 400 'treshold' "$jobs" \
        "$(printf '{"benchmark_config":%s}' "$(config baseline::recorded ',"scoring_params":{"test::params":{"type":"basic","labels":["A"],"treshold":0.5}}')")"
    post_says 400 'scoring_params.test::params.threshold' "$jobs" \
        "$(printf '{"benchmark_config":%s}' "$(config baseline::recorded ',"scoring_params":{"test::params":{"type":"basic","labels":["A"],"threshold":2}}')")"
    post_says 400 'labels' "$jobs" \
        "$(printf '{"benchmark_config":%s}' "$(config baseline::recorded ',"scoring_params":{"test::params":{"type":"basic"}}')")"
}

@test "what a plugin finds wrong with its params in open is a 400 too" {
    bench test::params -- A
    post_says 400 'params.labels: one label is needed' "/v1alpha/eval/benchmarks/$BENCH/jobs" \
        "$(printf '{"benchmark_config":%s}' "$(config baseline::recorded ',"scoring_params":{"test::params":{"type":"basic","labels":[]}}')")"
}

@test "evald is still the one that was started" {
    answers 200 '{"status":"OK"}' GET /v1/health
    kill -0 "$EVALD_PID"
}
