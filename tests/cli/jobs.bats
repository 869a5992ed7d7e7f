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

@test "an id that is empty is no job's" {
    run "$EVALCTL" status ''
    [ "$status" -eq 1 ]
    [ "$output" = "evalctl: job  not found" ]
}

@test "a paused job is called so, by everything that shows one" {
    submit stuck baseline::recorded
    wait_for job_is stuck "$JOB" in_progress
    "$EVALCTL" events "$JOB" >events 3>&- &
    local listener=$!
    run "$EVALCTL" pause "$JOB"
    [ "$output" = "job $JOB is paused" ]
    run "$EVALCTL" status "$JOB"
    [ "$output" = scheduled ]
    run "$EVALCTL" detail "$JOB"
    [ "${lines[2]}" = "status     paused" ]
    run "$EVALCTL" jobs
    contains "${lines[1]}" "  stuck      paused  "
    wait_for grep -q '  paused$' events
    "$EVALCTL" follow "$JOB" >follow 2>&1 3>&- &
    local follower=$! status=0
    wait_for grep -q "^job $JOB: paused; let it go on: evalctl resume $JOB\$" follow
    run "$EVALCTL" resume "$JOB"
    [ "$output" = "job $JOB goes on" ]
    wait_for grep -q '  resumed$' events
    wait_for job_is stuck "$JOB" in_progress
    run "$EVALCTL" jobs
    contains "${lines[1]}" "  stuck      in_progress  "
    run "$EVALCTL" cancel "$JOB"
    wait "$follower" || status=$?
    [ "$status" -eq 4 ]
    wait "$listener"
    run "$EVALCTL" jobs
    contains "${lines[1]}" "  stuck      cancelled  "
    run "$EVALCTL" pause "$JOB"
    [ "$status" -eq 1 ]
    [ "$output" = "evalctl: Job $JOB has ended, Status: cancelled" ]
}

@test "retry does the rows of an ended job that failed, and says why it cannot" {
    submit stuck baseline::recorded
    run "$EVALCTL" retry "$JOB"
    [ "$status" -eq 1 ]
    contains "$output" "Job $JOB has not ended, Status: "
    run "$EVALCTL" cancel "$JOB"
    submit b baseline::recorded
    job_ends b "$JOB" completed
    run "$EVALCTL" retry "$JOB"
    [ "$status" -eq 0 ]
    [ "$output" = "job $JOB does its failed rows again" ]
    run "$EVALCTL" follow "$JOB"
    [ "$status" -eq 5 ]
    run "$EVALCTL" events "$JOB"
    contains "$output" "  retried"
    contains "${lines[-1]}" "  completed"
}

@test "rescore: other functions, other parameters, a job of its own" {
    submit b baseline::recorded
    job_ends b "$JOB" completed
    local first=$JOB
    run "$EVALCTL" rescore "$first" basic::subset_of
    [ "$output" = "job $((first + 1)) scores job $first anew; follow it: evalctl follow $((first + 1))" ]
    job_ends b $((first + 1)) completed
    run "$EVALCTL" result $((first + 1))
    contains "${lines[1]}" "baseline::recorded  basic::subset_of  2  "
    echo '{"basic::equality":{"type":"basic","aggregation_functions":["median"]}}' >params
    run "$EVALCTL" --json rescore --params params "$first"
    [ "$(jq -r .job_id <<<"$output")" = $((first + 2)) ]
    job_ends b $((first + 2)) completed
    run "$EVALCTL" --json result $((first + 2))
    [ "$(jq -c '.scores["basic::equality"].aggregated_results' <<<"$output")" = '{"median":{"median":0.5}}' ]
    run "$EVALCTL" rescore "$first" nope
    [ "$status" -eq 1 ]
    # shellcheck disable=SC2016
    contains "$output" 'Scoring_function `nope` not served'
}

@test "rows are appended to a data set, and scored as one" {
    put_rows scored < <(answer_rows A B)
    answer_rows A A >more
    run "$EVALCTL" append scored more
    [ "$output" = "2 rows appended to scored" ]
    echo '{"basic::equality":{"type":"basic","aggregation_functions":["accuracy","categorical_count"]}}' >params
    run "$EVALCTL" score-batch --params params scored basic::equality
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "scorer           aggregate          value of     value" ] || { echo "$output"; return 1; }
    [ "${lines[1]}" = "basic::equality  accuracy           accuracy      0.75" ]
    [ "${lines[2]}" = "basic::equality  accuracy           num_correct    3.0" ]
    [ "${lines[3]}" = "basic::equality  accuracy           num_total        4" ]
    [ "${lines[4]}" = "basic::equality  categorical_count  0.0              1" ]
    [ "${lines[5]}" = "basic::equality  categorical_count  1.0              3" ]
    run "$EVALCTL" --json score-batch scored basic::equality
    [ "$(jq -c '.results["basic::equality"].score_rows | length' <<<"$output")" = 4 ]
    run "$EVALCTL" score-batch d basic::equality
    [ "$status" -eq 1 ]
    [ "$output" = "evalctl: Invalid value: row 2: missing column 'expected_answer'" ]
    run "$EVALCTL" append nope more
    [ "$status" -eq 1 ]
    # shellcheck disable=SC2016
    contains "$output" 'Dataset `nope` not served'
}

@test "a judge is registered, scored with and deleted, whatever its id" {
    cat >judge <<'END'
{"scoring_fn_id":"my/judge::x y","description":"d","return_type":{"type":"number"},"provider_id":"llm-as-judge",
 "params":{"type":"llm_as_judge","judge_model":"baseline::echo","prompt_template":"Grade: {generated_answer}",
           "judge_score_regexes":["Grade: (.)"],"aggregation_functions":["categorical_count"]}}
END
    run "$EVALCTL" function register judge
    [ "$output" = "function my/judge::x y registered" ]
    run "$EVALCTL" function register judge
    [ "$status" -eq 1 ]
    contains "$output" "'my/judge::x y' already exists"
    run "$EVALCTL" functions
    contains "$output" "my/judge::x y "
    put_rows judged <<'END'
{"input_query":"q","expected_answer":"A","generated_answer":"A"}
{"input_query":"q","expected_answer":"A","generated_answer":"B"}
END
    run "$EVALCTL" score-batch judged 'my/judge::x y'
    [ "${lines[1]}" = "my/judge::x y  categorical_count  A             1" ] || { echo "$output"; return 1; }
    [ "${lines[2]}" = "my/judge::x y  categorical_count  B             1" ]
    run "$EVALCTL" function delete 'my/judge::x y'
    [ "$output" = "function my/judge::x y deleted" ]
    run "$EVALCTL" function delete 'my/judge::x y'
    [ "$status" -eq 1 ]
    run "$EVALCTL" function delete basic::equality
    [ "$status" -eq 1 ]
    contains "$output" "is built in and cannot be unregistered"
}

@test "lists of what there is" {
    run "$EVALCTL" health
    [ "$output" = OK ]
    run "$EVALCTL" version
    [ "${#lines[@]}" -eq 2 ]
    run "$EVALCTL" models
    contains "$output" "baseline::oracle "
    run "$EVALCTL" datasets
    contains "$output" "d         eval/messages-answer  3 rows"
    run "$EVALCTL" benchmarks
    contains "$output" "stuck      stuck     test::slow"
    run "$EVALCTL" plugin show basic::equality
    contains "$output" '"plugin": "basic::equality"'
}
