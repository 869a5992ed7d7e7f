# Data sets that vanish, shrink, change or are wrong, a second evald, and a full disk.
load lib

setup() {
    SERVER_PIDS=
    ROOT=$BATS_TEST_TMPDIR/root
    mkdir "$ROOT"
    CONF="dataset = { roots = [ \"$ROOT\" ]; };"
}

teardown() {
    stop_servers
    stop_evald
}

# start_held: an evald with a model that answers 20 rows, and the others when it is released.
start_held() {
    start_server models
    hold_after models 20
    start_evald "$CONF $(models "$(model m "$SERVER_URL" 'max_in_flight = 8;')")
        limits = { shutdown_grace_ms = 50; };"
}

# to_middle FILE: job 0 over that file, partly done.
to_middle() {
    put_uri d "file://$1"
    put_benchmark b d basic::equality
    submit b m
    wait_for rows_done_at_least b 0 20
    job_is b 0 in_progress
}

pad=$(printf 'x%.0s' {1..4000})

# refuses URI TEXT: iterrows and run_eval alike, and there is no job.
refuses() {
    put_uri bad "$1"
    put_benchmark bad bad basic::equality
    answers 400 "$(error_body "Invalid value: $2")" GET /v1beta/datasetio/iterrows/bad
    posts 400 "$(error_body "Invalid value: $2")" /v1alpha/eval/benchmarks/bad/jobs \
        "{\"benchmark_config\":$(config baseline::oracle)}"
    answers 200 '{"data":[],"has_more":false}' GET /v1alpha/eval/jobs
    answers 204 "" DELETE /v1beta/datasets/bad
    answers 204 "" DELETE /v1alpha/eval/benchmarks/bad
}

@test "a file that vanishes in the middle: the job goes on" {
    chat_rows 200 >"$ROOT/rows.jsonl"
    start_held
    to_middle "$ROOT/rows.jsonl"
    rm "$ROOT/rows.jsonl"
    release models
    job_ends b 0 completed
    contains "$(job_result b 0)" '"num_correct":200.0,"num_total":200'
}

@test "a file that shrinks in the middle: the job fails, names the file, and keeps its rows" {
    chat_rows 500 "$pad" >"$ROOT/rows.jsonl"
    start_held
    to_middle "$ROOT/rows.jsonl"
    : >"$ROOT/rows.jsonl"
    release models
    job_ends b 0 failed
    detail=$(job_detail b 0)
    contains "$detail" "$ROOT/rows.jsonl"
    contains "$detail" "shr"
    says 400 "$ROOT/rows.jsonl" GET /v1alpha/eval/benchmarks/b/jobs/0/result
    [ "$(number "$detail" rows_done)" -gt 0 ]
    [ "$("$EVALD_BUILDDIR/tests/faults/journaled" "$EVALD_STATE/jobs/0.db" | wc -l)" -gt 0 ]
}

@test "a file that grew or changed while evald was down: the job is not resumed with other rows" {
    chat_rows 300 >"$ROOT/rows.jsonl"
    start_held
    to_middle "$ROOT/rows.jsonl"
    stop_evald
    chat_rows 1 >>"$ROOT/rows.jsonl"
    start_evald
    job_ends b 0 failed
    says 400 "data set file://$ROOT/rows.jsonl has changed since the job began" \
        GET /v1alpha/eval/benchmarks/b/jobs/0/result
}

@test "a file that went away while evald was down: the job fails and names it" {
    chat_rows 300 >"$ROOT/rows.jsonl"
    start_held
    to_middle "$ROOT/rows.jsonl"
    stop_evald
    mv "$ROOT/rows.jsonl" "$ROOT/other.jsonl"
    start_evald
    job_ends b 0 failed
    says 400 "file://$ROOT/rows.jsonl: no such file" GET /v1alpha/eval/benchmarks/b/jobs/0/result
}

@test "a data set that is deleted in the middle stays with its job, over a restart too" {
    start_held
    chat_rows 300 | put_rows d
    put_benchmark b d basic::equality
    submit b m
    wait_for rows_done_at_least b 0 20
    answers 204 "" DELETE /v1beta/datasets/d
    stop_evald
    start_evald
    release models
    job_ends b 0 completed
    contains "$(job_result b 0)" '"num_correct":300.0,"num_total":300'
}

@test "a job over a JSON array or a data URL has its rows, over a restart and without the file" {
    start_held
    chat_rows 200 | paste -sd, | sed 's/.*/[&]/' >"$ROOT/rows.json"
    put_uri array "$ROOT/rows.json"
    put_uri url "data:application/x-ndjson;base64,$(chat_rows 200 | base64 -w0)"
    put_benchmark array array basic::equality
    put_benchmark url url basic::equality
    submit array m
    submit url m
    wait_for rows_done_at_least array 0 1
    has_begun() { contains "$(job_detail url 1)" '"fingerprint":"data:'; }
    wait_for has_begun
    rm "$ROOT/rows.json"
    stop_evald KILL
    start_evald
    release models
    for job in "array 0" "url 1"; do
        job_ends $job completed
        contains "$(job_result $job)" '"num_correct":200.0,"num_total":200'
    done
}

@test "a CSV row that is longer than its header is a 400 that names the line" {
    start_evald "$CONF"
    printf 'input_query,expected_answer\nq,"a\nb"\nq,a,more\n' >"$ROOT/long.csv"
    put_uri d "file://$ROOT/long.csv"
    says 400 "$ROOT/long.csv:4: " GET /v1beta/datasetio/iterrows/d
    put_benchmark b d basic::equality
    post_says 400 "$ROOT/long.csv:4: " /v1alpha/eval/benchmarks/b/jobs \
        "{\"benchmark_config\":$(config baseline::oracle)}"
}

@test "a CSV with an open quote, and one without a header, are a 400 that names the place" {
    start_evald "$CONF"
    printf 'a,b\n1,"x\n2,y\n' >"$ROOT/quote.csv"
    put_uri d "file://$ROOT/quote.csv"
    says 400 "$ROOT/quote.csv:" GET /v1beta/datasetio/iterrows/d
    : >"$ROOT/empty.csv"
    put_uri e "file://$ROOT/empty.csv"
    says 400 "$ROOT/empty.csv" GET /v1beta/datasetio/iterrows/e
}

@test "a line that is no JSON is its row's error in a job, and a 400 of iterrows: file and line" {
    start_evald "$CONF"
    {
        answer_rows A
        printf '{"expected_answer":"A",\n'
        printf '[1]\n'
        answer_rows A
    } >"$ROOT/rows.jsonl"
    put_uri d "file://$ROOT/rows.jsonl"
    put_benchmark b d basic::equality basic::subset_of
    says 400 "$ROOT/rows.jsonl:2: " GET /v1beta/datasetio/iterrows/d
    says 200 '"data":[{"expected_answer":"A","generated_answer":"A"}],"has_more":true' \
        GET '/v1beta/datasetio/iterrows/d?limit=1'
    submit b baseline::recorded
    job_ends b "$JOB" completed
    result=$(job_result b "$JOB")
    contains "$result" '{"generations":[{"generated_answer":"A"},{"generated_answer":null,"error":{"stage":"dataset","code":"bad_row","message":"'
    contains "$result" "$ROOT/rows.jsonl:2: "
    contains "$result" "$ROOT/rows.jsonl:3: "
    contains "$result" '"n_total":4,"n_scored":2,"n_errored":2'
    [ "$(number "$(job_detail b "$JOB")" rows_failed)" = 2 ]
}

@test "invalid UTF-8 and a NUL byte in a row are the row's error and name the line" {
    start_evald "$CONF"
    {
        answer_rows A
        printf '{"expected_answer":"\xff","generated_answer":"A"}\n'
        printf '{"expected_answer":"\0","generated_answer":"A"}\n'
    } >"$ROOT/rows.jsonl"
    put_uri d "file://$ROOT/rows.jsonl"
    put_benchmark b d basic::equality
    submit b baseline::recorded
    job_ends b "$JOB" completed
    result=$(job_result b "$JOB")
    contains "$result" "$ROOT/rows.jsonl:2: "
    contains "$result" "$ROOT/rows.jsonl:3: "
}

@test "a row without the column a scorer needs is that row's error in a job, and names the column" {
    start_evald
    printf '{"generated_answer":"A"}\n{"expected_answer":"A","generated_answer":"A"}\n' | put_rows d
    put_benchmark b d basic::equality
    submit b baseline::recorded
    job_ends b "$JOB" completed
    contains "$(job_result b "$JOB")" "\"score_rows\":[{\"score\":null,\"error\":{\"stage\":\"scorer\",\"code\":\"bad_row\",\"message\":\"row 0: missing column 'expected_answer'\""
    posts 400 "$(error_body "Invalid value: row 1: missing column 'expected_answer'" bad_row)" \
        /v1alpha/eval/benchmarks/b/evaluations \
        "{\"input_rows\":[{\"expected_answer\":\"A\",\"generated_answer\":\"A\"},{\"generated_answer\":\"A\"}],\"scoring_functions\":[\"basic::equality\"],\"benchmark_config\":$(config baseline::recorded)}"
}

@test "files outside of the roots, links out of them, FIFOs and missing files are refused" {
    start_evald "$CONF"
    answer_rows A >"$BATS_TEST_TMPDIR/outside.jsonl"
    ln -s ../outside.jsonl "$ROOT/link.jsonl"
    ln -s "$BATS_TEST_TMPDIR" "$ROOT/dir"
    mkfifo "$ROOT/fifo.jsonl"
    mkdir "$ROOT/dir.jsonl"
    refuses "file://$BATS_TEST_TMPDIR/outside.jsonl" \
        "file://$BATS_TEST_TMPDIR/outside.jsonl: not below a configured root"
    refuses "file://$ROOT/link.jsonl" "file://$ROOT/link.jsonl: leads out of the configured root"
    refuses "file://$ROOT/dir/outside.jsonl" "file://$ROOT/dir/outside.jsonl: leads out of the configured root"
    refuses "file://$ROOT/../outside.jsonl" "file://$ROOT/../outside.jsonl: leads out of the configured root"
    refuses "file://$ROOT/%2e%2e/outside.jsonl" "file://$ROOT/%2e%2e/outside.jsonl: leads out of the configured root"
    refuses "file://$ROOT/none.jsonl" "file://$ROOT/none.jsonl: no such file"
    refuses "file://$ROOT/fifo.jsonl" "file://$ROOT/fifo.jsonl: not a regular file"
    refuses "file://$ROOT/dir.jsonl" "file://$ROOT/dir.jsonl: not a regular file"
    refuses "file://$ROOT/rows.parquet" "Unsupported file type: file://$ROOT/rows.parquet"
    refuses "/etc/passwd" "Unsupported file type: /etc/passwd"
}

@test "without roots no file is read" {
    start_evald
    answer_rows A >"$ROOT/rows.jsonl"
    refuses "file://$ROOT/rows.jsonl" \
        "file://$ROOT/rows.jsonl: files cannot be read: evald.conf has no dataset roots"
}

@test "a link that stays below the root is followed" {
    start_evald "$CONF"
    mkdir "$ROOT/a"
    answer_rows A >"$ROOT/a/rows.jsonl"
    ln -s a/rows.jsonl "$ROOT/link.jsonl"
    put_uri d "file://$ROOT/link.jsonl"
    says 200 '"data":[{"expected_answer":"A","generated_answer":"A"}]' GET /v1beta/datasetio/iterrows/d
}

@test "a second evald on the same state directory ends with 1 and names the first" {
    start_evald
    run "$EVALD" --config "$BATS_TEST_TMPDIR/conf" --socket "$BATS_TEST_TMPDIR/sock2" --state-dir "$EVALD_STATE"
    [ "$status" -eq 1 ]
    contains "$output" "$EVALD_PID"
    contains "$output" "$EVALD_STATE"
    [ ! -e "$BATS_TEST_TMPDIR/sock2" ]
    answers 200 '{"status":"OK"}' GET /v1/health
}

@test "a full disk: the job fails with a clear error, evald answers, and with room again it works" {
    [ "$(id -u)" -eq 0 ] || skip "needs root for a tmpfs"
    mkdir "$BATS_TEST_TMPDIR/state"
    # a mount of its own, which goes away with evald
    cat >"$BATS_TEST_TMPDIR/in-tmpfs" <<END
#!/bin/sh
mount -t tmpfs -o size=6m none "$BATS_TEST_TMPDIR/state" || exit
head -c 3145728 /dev/zero >"$BATS_TEST_TMPDIR/state/ballast"
exec "\$@"
END
    printf '#!/bin/sh\nexec unshare -m sh "%s/in-tmpfs" "%s" "$@"\n' "$BATS_TEST_TMPDIR" "$EVALD" \
        >"$BATS_TEST_TMPDIR/evald"
    chmod 755 "$BATS_TEST_TMPDIR/evald"
    unshare -m sh "$BATS_TEST_TMPDIR/in-tmpfs" true || skip "no tmpfs here"
    start_server models --reply-len 20000
    EVALD=$BATS_TEST_TMPDIR/evald start_evald "$CONF $(models "$(model m "$SERVER_URL")")"
    chat_rows 400 >"$ROOT/rows.jsonl"
    put_uri d "file://$ROOT/rows.jsonl"
    put_benchmark b d basic::equality
    submit b m # 8 MB of answers
    job_ends b 0 failed
    says 400 "full" GET /v1alpha/eval/benchmarks/b/jobs/0/result
    contains "$(job_detail b 0)" '"error":{"code":"no_space","message":"'
    answers 200 '{"status":"OK"}' GET /v1/health
    says 200 '"job_id":"0","benchmark_id":"b","status":"failed"' GET /v1alpha/eval/jobs
    rm "/proc/$EVALD_PID/root$EVALD_STATE/ballast"
    submit b baseline::oracle
    [ "$JOB" -gt 0 ]
    job_ends b "$JOB" completed
    contains "$(job_result b "$JOB")" '"num_correct":400.0,"num_total":400'
}
