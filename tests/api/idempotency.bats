# A request that is sent again begins no second job.
load lib

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR
    export EVALD_PLUGIN_PATH=$EVALD_PLUGIN_PATH:$EVALD_BUILDDIR/tests/plugins/.libs
    start_with_data 'limits = { max_runners = 4; run_eval_wait_ms = 20000; };'
}

teardown_file() {
    stop_evald
}

setup() {
    SUITES_EVALD=$EVALD_PID
}

teardown() {
    [ "$EVALD_PID" = "$SUITES_EVALD" ] || stop_evald # one of the test's own
}

jobs=/v1alpha/eval/benchmarks/b/jobs

# start_with_data [CONFIG]: benchmark b is quick, stuck takes ten minutes, broken fails.
start_with_data() {
    start_evald "$@"
    answer_rows A | put_rows d
    put_benchmark b d basic::equality
    put_rows stuck <<<'{"generated_answer":"A","sleep_ms":600000}'
    put_benchmark stuck stuck test::slow
    put_rows broken <<<'{"generated_answer":"A"}'
    put_benchmark broken broken basic::equality
}

# run_eval BENCHMARK [CURL-ARG...]: the answer, the same request each time.
run_eval() {
    local benchmark=$1
    shift
    evald_post "/v1alpha/eval/benchmarks/$benchmark/jobs" \
        "{\"benchmark_config\":$(config baseline::recorded "$MEMBERS")}" "$@"
}
# job_id ANSWER
job_id() {
    [[ $1 =~ ^\{\"job_id\":\"([0-9]+)\", ]] || { echo "no job: $1" >&2; return 1; }
    echo "${BASH_REMATCH[1]}"
}
count_jobs() {
    evald_get /v1alpha/eval/jobs | tr '{' '\n' | grep -c job_id
}
async='Prefer: respond-async'
again='x-stainless-retry-count: 1'
MEMBERS=

@test "the same key and request: the same job, also when it has ended" {
    first=$(run_eval b -H 'Idempotency-Key: k1')
    contains "$first" '"status":"completed"}'
    count=$(count_jobs)
    [ "$(run_eval b -H 'Idempotency-Key: k1')" = "$first" ]
    [ "$(run_eval b -H 'Idempotency-Key: "k1"' -H "$async")" = "$first" ]
    [ "$(count_jobs)" -eq "$count" ]
    [ "$(run_eval b -H 'Idempotency-Key: k2')" != "$first" ]
    [ "$(run_eval b)" != "$first" ]
    [ "$(count_jobs)" -eq $((count + 2)) ]
}

@test "the same key with another request: 409, not to be tried again" {
    run_eval b -H 'Idempotency-Key: "odd \"key\""' >/dev/null
    MEMBERS=',"seed":1' run run_eval b -H 'Idempotency-Key: "odd \"key\""' -D "$(headers)"
    [ "$(http_status)" = 409 ]
    contains "$output" "Idempotency-Key 'odd \\\"key\\\"' was sent with another request"
    has_header 'x-should-retry: false'
    run run_eval stuck -H 'Idempotency-Key: odd "key"'
    [ "$(http_status)" = 409 ]
}

@test "a key that is none: 400" {
    for key in '""' "$(printf '%0256d' 1)" "\"$(printf '%0256d' 1)\"" $'caf\xc3\xa9'; do
        run run_eval b -H "Idempotency-Key: $key"
        [ "$(http_status)" = 400 ] || { echo "$key: $output"; return 1; }
        contains "$output" 'Invalid value: Idempotency-Key: '
    done
    run run_eval b -H "Idempotency-Key: $(printf '%0255d' 1)"
    [ "$(http_status)" = 200 ]
}

@test "a request that was refused began nothing: its key is free" {
    answers 400 "$(evald_post /v1alpha/eval/benchmarks/b/jobs "{\"benchmark_config\":$(config nope)}")" \
        POST /v1alpha/eval/benchmarks/b/jobs -H 'Content-Type: application/json' \
        -H 'Idempotency-Key: refused' -d "{\"benchmark_config\":$(config nope)}"
    contains "$(run_eval b -H 'Idempotency-Key: refused')" '"status":"completed"}'
}

@test "a failed job is told again as the error it was" {
    MEMBERS=',"on_error":"fail"'
    first=$(run_eval broken -H 'Idempotency-Key: f')
    [ "$(http_status)" = 400 ]
    count=$(count_jobs)
    [ "$(run_eval broken -H 'Idempotency-Key: f')" = "$first" ]
    [ "$(http_status)" = 400 ]
    [ "$(run_eval broken -H "$again")" = "$first" ]
    [ "$(count_jobs)" -eq "$count" ]
}

@test "what an SDK sends again: the job it began, running or ended" {
    MEMBERS=',"seed":7'
    first=$(run_eval b)
    count=$(count_jobs)
    [ "$(run_eval b -H "$again")" = "$first" ]
    [ "$(run_eval b -H 'x-stainless-retry-count: 0')" != "$first" ]
    [ "$(count_jobs)" -eq $((count + 1)) ]
    id=$(job_id "$(run_eval stuck -H "$async")")
    [ "$(job_id "$(run_eval stuck -H "$async" -H "$again")")" = "$id" ]
    answers 204 "" DELETE "/v1alpha/eval/benchmarks/stuck/jobs/$id"
}

@test "what an SDK sends again and was never heard of begins a job" {
    MEMBERS=',"seed":8'
    contains "$(run_eval b -H "$again")" '"status":"completed"}'
}

@test "at the same moment: forty requests with one key are one job" {
    count=$(count_jobs)
    printf '{"benchmark_config":%s}' "$(config baseline::recorded ',"seed":9')" >"$BATS_TEST_TMPDIR/body"
    for i in {1..40}; do
        printf 'next\nurl = "http://evald%s"\nunix-socket = "%s"\noutput = "%s/got.%s"\nheader = "Content-Type: application/json"\nheader = "Idempotency-Key: many"\ndata-binary = "@%s/body"\n' \
            $jobs "$EVALD_SOCKET" "$BATS_TEST_TMPDIR" "$i" "$BATS_TEST_TMPDIR"
    done | tail -n +2 >"$BATS_TEST_TMPDIR/many"
    curl -sS --parallel --parallel-immediate --parallel-max 40 -K "$BATS_TEST_TMPDIR/many"
    [ "$(cat "$BATS_TEST_TMPDIR"/got.* | sed 's/}/}\n/g' | sort -u | wc -l)" -eq 1 ]
    [ "$(count_jobs)" -eq $((count + 1)) ]
}

@test "keys and repetitions are known after a restart, of evalds that were killed too" {
    EVALD_DIR=$BATS_TEST_TMPDIR
    start_with_data
    first=$(run_eval b -H 'Idempotency-Key: k')
    other=$(MEMBERS=',"seed":3' run_eval b)
    id=$(job_id "$(run_eval stuck -H "$async" -H 'Idempotency-Key: s')")
    stop_evald KILL
    start_evald
    [ "$(run_eval b -H 'Idempotency-Key: k')" = "$first" ]
    [ "$(MEMBERS=',"seed":3' run_eval b -H "$again")" = "$other" ]
    [ "$(job_id "$(run_eval stuck -H "$async" -H 'Idempotency-Key: s')")" = "$id" ]
    run run_eval stuck -H 'Idempotency-Key: k'
    [ "$(http_status)" = 409 ]
    stop_evald
    start_evald
    [ "$(run_eval b -H 'Idempotency-Key: k')" = "$first" ]
    [ "$(count_jobs)" -eq 3 ]
}

@test "a catalogue of the release before is brought up to date" {
    EVALD_DIR=$BATS_TEST_TMPDIR
    command -v sqlite3 >/dev/null || skip "needs sqlite3"
    mkdir -m 700 "$EVALD_DIR/state"
    sqlite3 "$EVALD_DIR/state/catalog.db" "
        CREATE TABLE job(id INTEGER PRIMARY KEY, benchmark TEXT NOT NULL, owner INTEGER NOT NULL,
            state TEXT NOT NULL, created_unix_ms INTEGER NOT NULL,
            started_unix_ms INTEGER NOT NULL, ended_unix_ms INTEGER NOT NULL,
            rows_done INTEGER NOT NULL, rows_total INTEGER NOT NULL,
            rows_failed INTEGER NOT NULL, error_code TEXT, error TEXT);
        INSERT INTO job VALUES(4,'b',$(id -u),'completed',1,2,3,1,1,0,NULL,NULL);
        PRAGMA user_version = 1;"
    start_with_data
    job_is b 4 completed
    contains "$(run_eval b -H 'Idempotency-Key: k')" '{"job_id":"5","status":"completed"}'
    contains "$(run_eval b -H 'Idempotency-Key: k')" '{"job_id":"5","status":"completed"}'
}
