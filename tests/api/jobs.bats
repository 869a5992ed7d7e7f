# Lists of jobs: filters, pages, and many.
load lib

setup_file() {
    command -v sqlite3 >/dev/null || skip "needs sqlite3"
    export EVALD_DIR=$BATS_FILE_TMPDIR
    start_evald
    answer_rows A | put_rows d
    put_benchmark b d basic::equality
    put_benchmark other d basic::equality
    stop_evald
    # ids 0 to 9999; every tenth failed, every other of b
    sqlite3 "$EVALD_DIR/state/catalog.db" "
        WITH RECURSIVE n(i) AS (VALUES(0) UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
        INSERT INTO job(id, benchmark, owner, state, created_unix_ms, started_unix_ms,
            ended_unix_ms, rows_done, rows_total, rows_failed, error_code, error)
        SELECT i, iif(i % 2 = 0, 'b', 'other'), $(id -u),
            iif(i % 10 = 0, 'failed', 'completed'), 1000 + i, 2000 + i, 3000 + i, 4, 4, 1,
            iif(i % 10 = 0, 'io', NULL), iif(i % 10 = 0, 'a \"disk\"', NULL) FROM n;"
    start_evald
}

teardown_file() {
    stop_evald
}

# ids QUERY: of the jobs that are listed.
ids() {
    local got
    got=$(evald_get "/v1alpha/eval/$1")
    case $got in
        '{"data":['*'],"has_more":true}' | '{"data":['*'],"has_more":false}') ;;
        *) echo "no list: $got" >&2; return 1 ;;
    esac
    grep -o '"job_id":"[0-9]*"' <<<"$got" | tr -dc '0-9\n' | paste -sd' '
}
has_more() {
    contains "$(evald_get "/v1alpha/eval/$1")" "\"has_more\":$2}"
}

@test "an element, by id: the oldest job is the first" {
    answers 200 "{\"data\":[{\"job_id\":\"0\",\"benchmark_id\":\"b\",\"status\":\"failed\",\"owner\":$(id -u),\"created_at\":1000,\"started_at\":2000,\"ended_at\":3000,\"rows_done\":4,\"rows_total\":4,\"rows_failed\":1,\"error\":\"a \\\"disk\\\"\",\"paused\":false,\"parent_job_id\":null}],\"has_more\":true}" \
        GET '/v1alpha/eval/jobs?limit=1'
}

@test "without a limit all are listed, however many" {
    [ "$(ids jobs | wc -w)" -eq "$(($(sqlite3 "$EVALD_STATE/catalog.db" 'SELECT count(*) FROM job')))" ]
    has_more jobs false
    [ "$(ids 'jobs?limit=-1' | wc -w)" -eq "$(ids jobs | wc -w)" ]
    [ "$(ids jobs)" = "$(seq -s' ' 0 9999)" ]
}

@test "pages, also deep ones" {
    [ "$(ids 'jobs?start_index=9990&limit=3')" = "9990 9991 9992" ]
    has_more 'jobs?start_index=9990&limit=3' true
    [ "$(ids 'jobs?start_index=9997&limit=3')" = "9997 9998 9999" ]
    has_more 'jobs?start_index=9997&limit=3' false
    [ "$(ids 'jobs?start_index=9998&limit=3')" = "9998 9999" ]
    answers 200 '{"data":[],"has_more":false}' GET '/v1alpha/eval/jobs?start_index=10000'
    answers 200 '{"data":[],"has_more":true}' GET '/v1alpha/eval/jobs?limit=0'
}

@test "by status, owner, benchmark, and all of them" {
    [ "$(ids 'jobs?status=failed&start_index=998')" = "9980 9990" ]
    [ "$(ids "jobs?owner=$(id -u)&limit=2")" = "0 1" ]
    [ "$(ids "jobs?owner=$(($(id -u) + 1))")" = "" ]
    [ "$(ids 'benchmarks/other/jobs?limit=3')" = "1 3 5" ]
    [ "$(ids "benchmarks/other/jobs?owner=$(id -u)&status=completed&start_index=48&limit=3")" = "97 99 101" ]
    [ "$(ids 'benchmarks/other/jobs?status=failed')" = "" ]
    says 400 "Benchmark \`nope\` not served" GET /v1alpha/eval/benchmarks/nope/jobs
}

@test "one job by its id" {
    [ "$(ids 'jobs?job_id=7777')" = 7777 ]
    has_more 'jobs?job_id=7777' false
    for id in 10000 -1 07 x ''; do
        answers 200 '{"data":[],"has_more":false}' GET "/v1alpha/eval/jobs?job_id=$id"
    done
    [ "$(ids 'benchmarks/b/jobs?job_id=7777')" = "" ]
}
