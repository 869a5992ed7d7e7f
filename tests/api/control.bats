# What the owner of a job can do with it: pause, resume, cancel, retry, rescore.
load lib

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR
    mkdir -m 755 "$EVALD_DIR/plugins" "$EVALD_DIR/files"
    install -m 755 "$EVALD_BUILDDIR/tests/plugins/.libs/judge.so" "$EVALD_DIR/plugins/"
    printf '%s\n' '{"match":"Grade this","reply":"I give 8 of 10"}' >"$EVALD_DIR/replies"
    local all=()
    add() { # NAME SETTINGS ARG...
        start_server "$1" "${@:3}"
        all+=("$(model "$1" "$SERVER_URL" "$2")")
    }
    add hang '' --fail-rate 1 --fail-mode hang
    add steady 'max_in_flight = 4;' --latency-ms 10
    add slow 'max_in_flight = 2;' --latency-ms 100 # five seconds for a hundred rows
    # the first request for every second prompt or so fails; the second one never does
    add flaky 'max_in_flight = 4; max_attempts = 1;' --fail-rate 0.5 --fail-mode 500 --fail-by prompt --fail-attempts 1
    add grader 'max_attempts = 1;' --reply-map "$EVALD_DIR/replies" --fail-rate 1 --fail-mode 500 --fail-by prompt --fail-attempts 1
    EVALD_PLUGIN_PATH=$EVALD_DIR/plugins:$EVALD_PLUGIN_PATH start_evald "$(models "${all[@]}")
        dataset = { roots = [ \"$EVALD_DIR/files\" ]; };
        roles = { judge = \"grader\"; };
        limits = { max_runners = 1; max_attempts = 1; shutdown_grace_ms = 1000; };"
    chat_rows 100 | put_rows hundred
    put_benchmark b hundred basic::equality
    chat_rows 30 | put_rows thirty
    put_benchmark thirty thirty basic::equality basic::subset_of
    put_benchmark judged thirty basic::equality test::judge
}

teardown_file() {
    stop_evald
    stop_servers
}

setup() {
    local name
    for name in hang steady slow flaky grader; do
        wait_for count_is "$name" in_flight 0
        server "$name" /stats/reset -X POST >/dev/null
    done
}

# job_path BENCHMARK [JOB]
job_path() {
    printf '/v1alpha/eval/benchmarks/%s/jobs/%s' "$1" "${2:-$JOB}"
}

# status_body STATUS: the plain Job.
status_body() {
    printf '{"job_id":"%s","status":"%s"}' "$JOB" "$1"
}

# control BENCHMARK WHAT STATUS: which is answered with 200 and that status, a pattern.
control() {
    local got
    got=$(evald_request POST "$(job_path "$1")/$2")
    [[ "$(http_status) $got" =~ ^200\ \{\"job_id\":\"$JOB\",\"status\":\"($3)\"\}$ ]] || {
        echo "$2: $(http_status) $got" >&2
        return 1
    }
}

# refused BENCHMARK WHAT TEXT: 409, not to be tried again.
refused() {
    answers 409 "$(error_body "$3")" POST "$(job_path "$1")/$2" -D "$(headers)" || return
    has_header 'x-should-retry: false'
}

# asked MODEL TIMES: how many prompts the server was sent that often.
asked() {
    server "$1" /stats/prompts | tr -d '{}' | tr , '\n' | grep -c ":$2\$" || :
}

is_paused() {
    [[ $(job_detail "$1" "$JOB") == *'"paused":true'* ]]
}

# failed_rows BENCHMARK
failed_rows() {
    number "$(job_detail "$1" "$JOB")" rows_failed
}

# rescore BENCHMARK BODY: the parent is JOB; afterwards JOB is the new one.
rescore() {
    local got
    got=$(evald_post "$(job_path "$1")/rescore" "$2")
    [[ "$(http_status) $got" =~ ^200\ \{\"job_id\":\"([0-9]+)\",\"status\":\"completed\"\}$ ]] || {
        echo "rescore: $(http_status) $got" >&2
        return 1
    }
    PARENT=$JOB JOB=${BASH_REMATCH[1]}
}

# generations_of RESULT
generations_of() {
    printf '%s\n' "${1%%,\"scores\":*}"
}

@test "pause: a running job becomes scheduled and paused, and asks nothing any more" {
    submit b hang
    wait_for count_is hang in_flight 16
    control b pause scheduled
    count_is hang in_flight 0
    is_paused b
    contains "$(evald_get /v1alpha/eval/jobs?status=scheduled)" '"paused":true'
    control b pause scheduled
    answers 204 "" DELETE "$(job_path b)"
}

@test "pause: the place of a paused job is free for others" {
    submit b hang
    wait_for count_is hang in_flight 16
    control b pause scheduled
    local paused=$JOB
    submit b baseline::oracle
    job_ends b "$JOB" completed
    JOB=$paused
    answers 204 "" DELETE "$(job_path b)"
}

@test "pause and resume: no row is asked for twice, and the result is the undisturbed one" {
    submit b steady
    job_ends b "$JOB" completed
    undisturbed=$(job_result b "$JOB")
    submit b slow
    wait_for rows_done_at_least b "$JOB" 20
    control b pause scheduled
    before=$(count_of slow total)
    [ "$before" -lt 100 ]
    answers 400 "$(error_body 'Invalid value: Job is not completed, Status: scheduled')" GET "$(job_path b)/result"
    control b resume 'scheduled|in_progress'
    job_ends b "$JOB" completed
    [ "$(asked slow 1)" = 100 ]
    [ "$(job_result b "$JOB")" = "$undisturbed" ]
    contains "$(job_detail b "$JOB")" '"paused":false'
}

@test "pause: a job that waits for its turn is passed over until it is resumed" {
    submit b hang
    local first=$JOB
    wait_for job_is b "$first" in_progress
    submit b baseline::oracle
    control b pause scheduled
    is_paused b
    local second=$JOB
    answers 204 "" DELETE "$(job_path b "$first")"
    submit b baseline::oracle
    job_ends b "$JOB" completed
    job_is b "$second" scheduled
    JOB=$second
    control b resume 'scheduled|in_progress|completed'
    job_ends b "$JOB" completed
}

@test "pause: who waits for the job gets its status" {
    evald_post "/v1alpha/eval/benchmarks/b/jobs" "{\"benchmark_config\":$(config hang)}" \
        >"$BATS_TEST_TMPDIR/waiting" 3>&- &
    local waits=$!
    wait_for count_is hang in_flight 16
    JOB=$(evald_get '/v1alpha/eval/jobs?status=in_progress')
    [[ $JOB =~ \"job_id\":\"([0-9]+)\" ]]
    JOB=${BASH_REMATCH[1]}
    control b pause scheduled
    wait "$waits"
    [ "$(cat "$BATS_TEST_TMPDIR/waiting")" = "$(status_body scheduled)" ]
    answers 204 "" DELETE "$(job_path b)"
}

@test "a paused job can be cancelled; then it is neither paused nor resumed" {
    submit b hang
    wait_for count_is hang in_flight 16
    control b pause scheduled
    answers 204 "" DELETE "$(job_path b)"
    job_is b "$JOB" cancelled
    contains "$(job_detail b "$JOB")" '"paused":false'
    refused b pause "Job $JOB has ended, Status: cancelled"
    refused b resume "Job $JOB has ended, Status: cancelled"
}

@test "resume: a job that is not paused just goes on" {
    submit b hang
    wait_for job_is b "$JOB" in_progress
    control b resume in_progress
    answers 204 "" DELETE "$(job_path b)"
}

@test "a completed job is neither paused nor resumed; one that is not there is a 400" {
    submit thirty baseline::oracle
    job_ends thirty "$JOB" completed
    refused thirty pause "Job $JOB has ended, Status: completed"
    refused thirty resume "Job $JOB has ended, Status: completed"
    for what in pause resume retry rescore; do
        answers 400 "$(error_body 'Invalid value: Job 999 not found')" POST "$(job_path thirty 999)/$what"
        answers 400 "$(error_body "Invalid value: Job $JOB not found")" POST "$(job_path b)/$what"
    done
}

@test "the same under v1, which is deprecated" {
    submit thirty baseline::oracle
    job_ends thirty "$JOB" completed
    answers 200 "$(status_body completed)" POST "/v1/eval/benchmarks/thirty/jobs/$JOB/retry" -D "$(headers)"
    has_header 'Deprecation: @1758844800'
}

@test "cancel closes what is under way at the model server, and keeps what is done" {
    submit b slow
    wait_for rows_done_at_least b "$JOB" 20
    answers 204 "" DELETE "$(job_path b)"
    wait_for count_is slow in_flight 0
    wait_for eval '[[ $(job_detail b "$JOB") == *"\"ended_at\":"[1-9]* ]]'
    [ "$(rows_done b "$JOB")" -ge 20 ]
    [ "$(count_of slow total)" -lt 100 ]
    submit b hang
    wait_for count_is hang in_flight 16
    answers 204 "" DELETE "$(job_path b)"
    wait_for count_is hang in_flight 0
    count_is hang client_aborted 16
    count_is hang total 16
}

@test "retry: rows in error are asked for again, the others are not" {
    submit thirty flaky
    job_ends thirty "$JOB" completed
    local bad
    bad=$(failed_rows thirty)
    [ "$bad" -gt 0 ] && [ "$bad" -lt 30 ]
    count_is flaky total 30
    control thirty retry 'scheduled|in_progress'
    job_ends thirty "$JOB" completed
    [ "$(failed_rows thirty)" = 0 ]
    [ "$(asked flaky 1)" = $((30 - bad)) ]
    [ "$(asked flaky 2)" = "$bad" ]
    # of a job that nothing happened to
    submit thirty steady
    job_ends thirty "$JOB" completed
    undisturbed=$(job_result thirty "$JOB")
    [ "$(job_result thirty $((JOB - 1)))" = "$undisturbed" ]
}

@test "retry: what is paid for stays counted" {
    submit thirty flaky
    job_ends thirty "$JOB" completed
    control thirty retry 'scheduled|in_progress'
    job_ends thirty "$JOB" completed
    local retried
    retried=$(number "$(job_detail thirty "$JOB")" input_tokens)
    submit thirty steady
    job_ends thirty "$JOB" completed
    [ "$retried" = "$(number "$(job_detail thirty "$JOB")" input_tokens)" ]
}

@test "retry: a completed job without errors stays completed, and nothing is asked" {
    submit thirty steady
    job_ends thirty "$JOB" completed
    server steady /stats/reset -X POST >/dev/null
    answers 200 "$(status_body completed)" POST "$(job_path thirty)/retry"
    posts 200 "$(status_body completed)" "$(job_path thirty)/retry" '{}'
    count_is steady total 0
}

@test "retry: a judge's failure is done again without a new generation" {
    submit judged steady
    job_ends judged "$JOB" completed
    contains "$(job_result judged "$JOB")" '{"score":null,"metadata":{"error":{"stage":"scorer","code":"remote"'
    [ "$(failed_rows judged)" = 30 ]
    control judged retry 'scheduled|in_progress'
    job_ends judged "$JOB" completed
    got=$(job_result judged "$JOB")
    contains "$got" '"test::judge":{"score_rows":[{"score":0.8,"grades":1}'
    [ "$(failed_rows judged)" = 0 ]
    [ "$(asked steady 1)" = 30 ]
    count_is grader total 60
}

@test "retry: a cancelled job goes on with the rows that were never done" {
    submit b slow
    wait_for rows_done_at_least b "$JOB" 20
    answers 204 "" DELETE "$(job_path b)"
    control b retry 'scheduled|in_progress'
    job_ends b "$JOB" completed
    contains "$(job_result b "$JOB")" '"num_correct":100.0,"num_total":100'
    # those that were under way when it was cancelled, and no others
    [ "$(asked slow 1)" -ge 98 ]
    [ $(($(asked slow 1) + $(asked slow 2))) = 100 ]
}

@test "retry: a job that failed by max_error_rate goes on from where it was" {
    submit thirty flaky ',"max_error_rate":0.01'
    job_ends thirty "$JOB" failed
    contains "$(job_detail thirty "$JOB")" 'more than max_error_rate 0.01'
    local n
    for ((n = 0; n < 30; n++)); do # each time some rows fail that were not asked before
        control thirty retry 'scheduled|in_progress'
        wait_for job_has_ended thirty "$JOB"
        job_is thirty "$JOB" failed || break
    done
    job_is thirty "$JOB" completed
    [ "$(failed_rows thirty)" = 0 ]
    contains "$(job_detail thirty "$JOB")" '"error":null'
    # good answers were not bought again, but for what was under way at an end
    [ "$(count_of flaky ok)" -le $((30 + 4 * (n + 1))) ]
}

@test "retry: a job whose on_error is fail goes on behind the row that failed" {
    submit thirty flaky ',"on_error":"fail"'
    job_ends thirty "$JOB" failed
    local n
    for ((n = 0; n < 30; n++)); do
        control thirty retry 'scheduled|in_progress'
        wait_for job_has_ended thirty "$JOB"
        job_is thirty "$JOB" failed || break
    done
    job_is thirty "$JOB" completed
    contains "$(job_result thirty "$JOB")" '"num_correct":30.0,"num_total":30'
}

@test "max_error_rate: a job that gets over it fails, and one that stays below does not" {
    answer_rows A B A B | sed '2,3s/"expected_answer":"A",//' | put_rows halves
    put_benchmark halves halves basic::equality
    submit halves baseline::recorded ',"max_error_rate":0.49'
    job_ends halves "$JOB" failed
    [ "$(failed_rows halves)" = 2 ]
    submit halves baseline::recorded ',"max_error_rate":0.5'
    job_ends halves "$JOB" completed
    [ "$(failed_rows halves)" = 2 ]
}

@test "max_error_rate: a row counts in each of its epochs" {
    answer_rows A B A B | sed '2s/"expected_answer":"A",//' | put_rows quarter
    put_benchmark quarter quarter basic::equality
    submit quarter baseline::recorded ',"epochs":4,"max_error_rate":0.25'
    job_ends quarter "$JOB" completed
    [ "$(failed_rows quarter)" = 4 ]
    submit quarter baseline::recorded ',"epochs":4,"max_error_rate":0.24'
    job_ends quarter "$JOB" failed
    contains "$(job_detail quarter "$JOB")" '4 of 16 rows, each epoch of them counted, failed, more than max_error_rate 0.24'
}

@test "retry: a job that has not ended is a 409" {
    submit b hang
    wait_for count_is hang in_flight 16
    refused b retry "Job $JOB has not ended, Status: in_progress"
    control b pause scheduled
    refused b retry "Job $JOB has not ended, Status: scheduled"
    answers 204 "" DELETE "$(job_path b)"
}

@test "retry: without its data set all stays as it is" {
    chat_rows 30 | put_rows short-lived
    put_benchmark short-lived short-lived basic::equality
    submit short-lived flaky
    job_ends short-lived "$JOB" completed
    before=$(job_result short-lived "$JOB")
    answers 204 "" DELETE /v1beta/datasets/short-lived
    says 400 "data set 'short-lived' of the job has been deleted" POST "$(job_path short-lived)/retry"
    chat_rows 29 | put_rows short-lived
    says 400 "data set 'short-lived' has changed" POST "$(job_path short-lived)/retry"
    job_is short-lived "$JOB" completed
    [ "$(job_result short-lived "$JOB")" = "$before" ]
}

# put_arrays N: data sets "file" and "url", each an array of N rows.
put_arrays() {
    local name
    { printf '[' && chat_rows "$1" | paste -sd, && printf ']'; } >"$EVALD_DIR/files/rows.json"
    for name in file url; do
        evald_delete "/v1beta/datasets/$name"
    done
    put_uri file "file://$EVALD_DIR/files/rows.json" || return
    put_uri url "data:application/json;base64,$(base64 -w0 "$EVALD_DIR/files/rows.json")"
}

@test "retry and rescore: an array is read again, and must be the same" {
    put_arrays 30
    declare -A job
    for name in file url; do
        put_benchmark "$name" "$name" basic::equality
        server flaky /stats/reset -X POST >/dev/null
        submit "$name" flaky
        job_ends "$name" "$JOB" completed
        [ "$(failed_rows "$name")" -gt 0 ]
        control "$name" retry 'scheduled|in_progress'
        job_ends "$name" "$JOB" completed
        [ "$(failed_rows "$name")" = 0 ]
        rescore "$name" '{"scoring_functions":["basic::subset_of"]}'
        contains "$(job_result "$name" "$JOB")" '"num_correct":30.0,"num_total":30'
        contains "$(job_detail "$name" "$JOB")" "$(job_detail "$name" "$PARENT" | grep -o '"fingerprint":"[^"]*"')"
        server flaky /stats/reset -X POST >/dev/null
        submit "$name" flaky
        job_ends "$name" "$JOB" completed
        job[$name]=$JOB
    done
    put_arrays 29
    for name in file url; do
        JOB=${job[$name]}
        for what in retry rescore; do
            post_says 400 "data set of the job: data set '$name' has changed since" \
                "$(job_path "$name")/$what" '{"scoring_functions":["basic::subset_of"]}'
        done
        job_is "$name" "$JOB" completed
    done
}

@test "rescore: other functions over the same generations; the candidate is not asked" {
    submit thirty steady
    job_ends thirty "$JOB" completed
    parents=$(job_result thirty "$JOB")
    server steady /stats/reset -X POST >/dev/null
    rescore thirty '{"scoring_functions":["basic::subset_of"],"scoring_params":{"basic::subset_of":{"type":"basic","aggregation_functions":["average"]}}}'
    got=$(job_result thirty "$JOB")
    count_is steady total 0
    [ "$(generations_of "$got")" = "$(generations_of "$parents")" ]
    contains "$got" '"scores":{"basic::subset_of":{"score_rows":[{"score":1.0}'
    contains "$got" '"aggregated_results":{"average":{"average":1.0}}'
    [ "$(job_result thirty "$PARENT")" = "$parents" ]
}

@test "rescore: the new job names its parent, and what made its generations" {
    submit thirty steady
    job_ends thirty "$JOB" completed
    rescore thirty '{}'
    got=$(job_detail thirty "$JOB")
    contains "$got" "\"parent_job_id\":\"$PARENT\",\"manifest\":{"
    contains "$got" "\"candidate\":{\"type\":\"model\",\"model\":\"steady\""
    contains "$got" ',"steady":{"id":"steady"'
    [ "$(jq -r .manifest.parent_job_id <<<"$got")" = "$PARENT" ]
    contains "$(evald_get /v1alpha/eval/benchmarks/thirty/jobs)" "\"parent_job_id\":\"$PARENT\""
    # what it cost itself
    contains "$got" '"usage":{"input_tokens":0,"output_tokens":0}'
}

@test "rescore: without a body it is the parent's functions, and the same result" {
    submit thirty flaky
    job_ends thirty "$JOB" completed
    parents=$(job_result thirty "$JOB")
    answers 200 "{\"job_id\":\"$((JOB + 1))\",\"status\":\"completed\"}" POST "$(job_path thirty)/rescore"
    [ "$(job_result thirty $((JOB + 1)))" = "$parents" ]
}

@test "rescore: without a body the functions have the parameters that they had" {
    submit thirty flaky ',"scoring_params":{"basic::equality":{"type":"basic","aggregation_functions":["median"]}}'
    job_ends thirty "$JOB" completed
    rescore thirty '{}'
    contains "$(job_result thirty "$JOB")" '"aggregated_results":{"median":'
}

@test "rescore: a judge that nobody knows is a 400 before there is a job" {
    submit thirty flaky
    job_ends thirty "$JOB" completed
    post_says 400 "Model 'nobody' not found" "$(job_path thirty)/rescore" '{"scoring_functions":["llm-as-judge::base"],"scoring_params":{"llm-as-judge::base":{"type":"llm_as_judge","judge_model":"nobody"}}}'
}

@test "rescore: functions that are not named keep the parameters that the job had" {
    submit thirty baseline::oracle ',"scoring_params":{"basic::equality":{"type":"basic","aggregation_functions":["median"]}}'
    job_ends thirty "$JOB" completed
    local parent=$JOB
    rescore thirty '{"scoring_params":{"basic::subset_of":{"type":"basic","aggregation_functions":["average"]}}}'
    contains "$(job_result thirty "$JOB")" '"aggregated_results":{"median":{"median":1.0}}}'
    contains "$(job_result thirty "$JOB")" '"aggregated_results":{"average":{"average":1.0}}}'
    JOB=$parent
    rescore thirty '{"scoring_functions":["basic::equality"],"scoring_params":null}'
    contains "$(job_result thirty "$JOB")" '"aggregated_results":{"accuracy":{'
}

@test "rescore: a judge is another model's" {
    submit thirty steady
    job_ends thirty "$JOB" completed
    rescore thirty '{"scoring_functions":["test::judge"],"roles":{"judge":"grader"}}'
    [ "$(failed_rows thirty)" = 30 ]
    control thirty retry 'scheduled|in_progress'
    job_ends thirty "$JOB" completed
    contains "$(job_result thirty "$JOB")" '"test::judge":{"score_rows":[{"score":0.8,"grades":1}'
    [ "$(asked steady 1)" = 30 ]
}

@test "rescore: rows that a cancelled job has no generation of are errors" {
    submit b slow
    wait_for rows_done_at_least b "$JOB" 20
    answers 204 "" DELETE "$(job_path b)"
    before=$(count_of slow total)
    rescore b '{}'
    got=$(job_result b "$JOB")
    contains "$got" '{"generated_answer":null,"error":{"stage":"candidate","code":"missing","message":"the job that is rescored ended before it had a generation of this row","attempts":0}}'
    contains "$got" '{"score":null,"error":{"stage":"candidate","code":"missing"'
    contains "$got" '"n_total":100,'
    [ "$(failed_rows b)" -gt 0 ] && [ "$(failed_rows b)" -le 80 ]
    # they are the parent's: a retry has nothing to ask for
    answers 200 "$(status_body completed)" POST "$(job_path b)/retry"
    wait_for count_is slow in_flight 0
    [ "$(count_of slow total)" = "$before" ]
}

@test "rescore: a job without a single generation is a 409" {
    submit b hang
    wait_for count_is hang in_flight 16
    answers 204 "" DELETE "$(job_path b)"
    answers 409 "$(error_body "Job $JOB has no generations")" POST "$(job_path b)/rescore"
}

@test "rescore: a job that has not ended is a 409; what cannot be scored is a 400" {
    submit b hang
    wait_for count_is hang in_flight 16
    refused b rescore "Job $JOB has not ended, Status: in_progress"
    answers 204 "" DELETE "$(job_path b)"
    submit thirty baseline::oracle
    job_ends thirty "$JOB" completed
    post_says 400 'Scoring_function `no::such` not served' "$(job_path thirty)/rescore" '{"scoring_functions":["no::such"]}'
    posts 400 "$(invalid body.scoring_functions 'List should have at least 1 item after validation, not 0' too_short)" \
        "$(job_path thirty)/rescore" '{"scoring_functions":[]}'
    post_says 400 "role 'judge'" "$(job_path thirty)/rescore" '{"roles":{"judge":"no-such-model"}}'
}

@test "rescore: Prefer: respond-async answers at once" {
    submit thirty steady
    job_ends thirty "$JOB" completed
    got=$(evald_post "$(job_path thirty)/rescore" '{}' -H 'Prefer: respond-async' -D "$(headers)")
    [[ $got =~ ^\{\"job_id\":\"([0-9]+)\",\"status\":\"(scheduled|in_progress|completed)\"\}$ ]]
    JOB=${BASH_REMATCH[1]}
    has_header 'Preference-Applied: respond-async'
    job_ends thirty "$JOB" completed
}

@test "rescore: without the data set it is a 400 that says so" {
    chat_rows 3 | put_rows lost
    put_benchmark lost lost basic::equality
    submit lost baseline::oracle
    job_ends lost "$JOB" completed
    answers 204 "" DELETE /v1beta/datasets/lost
    says 400 "data set 'lost' of the job has been deleted" POST "$(job_path lost)/rescore"
}
