# A job outlives every process that works on it, and pays for no answer twice.
load lib

rows=400

setup_file() {
    start_server models --latency-ms 5
    export MODELS="$(models "$(model m "$SERVER_URL" 'max_in_flight = 8;')")"
    chat_rows $rows >"$BATS_FILE_TMPDIR/rows"
    start_evald "$MODELS"
    begin
    job_ends b 0 completed
    job_result b 0 >"$BATS_FILE_TMPDIR/undisturbed"
    stop_evald
}

teardown_file() {
    stop_servers
}

setup() {
    SERVER_PIDS= # of the test
    release models
}

teardown() {
    stop_servers
    stop_evald
}

# begin: job 0 of benchmark b, on its way.
begin() {
    put_rows d <"$BATS_FILE_TMPDIR/rows"
    put_benchmark b d basic::equality basic::subset_of
    submit b m
    [ "$JOB" = 0 ]
}

# begin_to_middle [CONFIG]: an evald of the test's own, with its job partly done, and no more of
# it until the models are released.
begin_to_middle() {
    server models /stats/reset -X POST >/dev/null
    hold_after models 60
    start_evald "${1:-$MODELS}"
    begin
    wait_for rows_done_at_least b 0 60
}

# park: ends evald, and the models answer when it has heard of it.
park() {
    local stopping='stopping: jobs are parked' before
    before=$(grep -c "$stopping" "$EVALD_LOG" || :)
    heard() { [ "$(grep -c "$stopping" "$EVALD_LOG")" -gt "$before" ]; }
    { wait_for heard && release models; } 3>&- &
    stop_evald && wait "$!"
}

# take_journal: the rows that the journal of job 0 has, into the file journaled; fails when
# there are none, or all.
take_journal() {
    local copy=$BATS_TEST_TMPDIR/copy n
    mkdir "$copy"
    cp "$EVALD_STATE/jobs/0.db" "$copy/"
    [ ! -e "$EVALD_STATE/jobs/0.db-wal" ] || cp "$EVALD_STATE/jobs/0.db-wal" "$copy/"
    "$EVALD_BUILDDIR/tests/faults/journaled" "$copy/0.db" | sort >"$BATS_TEST_TMPDIR/journaled"
    n=$(wc -l <"$BATS_TEST_TMPDIR/journaled")
    echo "in the journal: $n of $rows" >&2
    [ "$n" -gt 0 ] && [ "$n" -lt $rows ]
}

# asked: lines "rN REQUESTS", as the model server counted.
asked() {
    server models /stats/prompts | tr -d '{}"' | tr ',:' '\n ' | sort
}

embeddings_at_least() {
    [ "$(count_of vectors embeddings)" -ge "$1" ]
}

# nothing_bought_again: all rows were asked for, those of the journal once, no other more
# than twice.
nothing_bought_again() {
    local again
    asked >"$BATS_TEST_TMPDIR/asked"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/asked")" -eq $rows ] || return
    again=$(join "$BATS_TEST_TMPDIR/journaled" "$BATS_TEST_TMPDIR/asked" | awk '$2 != 1')
    [ -z "$again" ] || { echo "asked again: $again" >&2; return 1; }
    again=$(awk '$2 > 2' "$BATS_TEST_TMPDIR/asked")
    [ -z "$again" ] || { echo "asked more than twice: $again" >&2; return 1; }
}

result_is_undisturbed() {
    job_result b 0 >"$BATS_TEST_TMPDIR/result"
    [ "$(http_status)" = 200 ]
    cmp "$BATS_FILE_TMPDIR/undisturbed" "$BATS_TEST_TMPDIR/result"
}

@test "the undisturbed job asked once for every row, and all of them are right" {
    server models /stats >/dev/null
    contains "$(cat "$BATS_FILE_TMPDIR/undisturbed")" '"num_correct":400.0,"num_total":400'
    contains "$(cat "$BATS_FILE_TMPDIR/undisturbed")" '{"generations":[{"generated_answer":"Answer: a0"},{"generated_answer":"Answer: a1"}'
    asked >"$BATS_TEST_TMPDIR/asked"
    [ "$(grep -c ' 1$' "$BATS_TEST_TMPDIR/asked")" -eq $rows ]
    count_is models max_in_flight 8
}

@test "evald killed in the middle: the next one completes the job" {
    begin_to_middle
    runner=$(child_of "$EVALD_PID" evald-runner)
    gateway=$(child_of "$EVALD_PID" evald-gateway)
    stop_evald KILL
    wait_for ended "$runner"
    wait_for ended "$gateway"
    take_journal
    release models
    start_evald
    job_ends b 0 completed
    nothing_bought_again
    result_is_undisturbed
}

@test "the runner killed in the middle: another one completes the job, and no row is charged" {
    begin_to_middle
    runner=$(child_of "$EVALD_PID" evald-runner)
    kill -s STOP "$EVALD_PID"
    kill -s KILL "$runner"
    take_journal || { kill -s CONT "$EVALD_PID"; return 1; }
    kill -s CONT "$EVALD_PID"
    release models
    job_ends b 0 completed
    nothing_bought_again
    result_is_undisturbed
    [ "$(number "$(job_detail b 0)" rows_failed)" = 0 ]
}

@test "the gateway killed in the middle: another one takes over what was asked" {
    begin_to_middle
    gateway=$(child_of "$EVALD_PID" evald-gateway)
    kill -s STOP "$EVALD_PID"
    kill -s KILL "$gateway"
    take_journal || { kill -s CONT "$EVALD_PID"; return 1; }
    kill -s CONT "$EVALD_PID"
    release models
    job_ends b 0 completed
    nothing_bought_again
    result_is_undisturbed
    [ "$(number "$(job_detail b 0)" rows_failed)" = 0 ]
    [ "$(child_of "$EVALD_PID" evald-gateway)" != "$gateway" ]
}

@test "a gateway that dies between jobs is replaced" {
    start_evald "$MODELS"
    gateway=$(child_of "$EVALD_PID" evald-gateway)
    kill -s KILL "$gateway"
    wait_for ended "$gateway"
    head -n 3 "$BATS_FILE_TMPDIR/rows" | put_rows d
    put_benchmark b d basic::equality
    submit b m
    job_ends b 0 completed
    contains "$(job_result b 0)" '"num_correct":3.0,"num_total":3'
}

@test "evald ended by SIGTERM parks the job: no answer is lost, and none asked for twice" {
    begin_to_middle
    park
    take_journal
    start_evald
    job_ends b 0 completed
    asked >"$BATS_TEST_TMPDIR/asked"
    [ "$(grep -c ' 1$' "$BATS_TEST_TMPDIR/asked")" -eq $rows ]
    result_is_undisturbed
}

@test "a job parked twice completes" {
    begin_to_middle
    park
    hold_after models 140
    start_evald
    wait_for rows_done_at_least b 0 200
    park
    take_journal
    start_evald
    job_ends b 0 completed
    nothing_bought_again
    result_is_undisturbed
}

@test "a model that does not answer does not hold up the end of evald" {
    start_server silent --fail-rate 1 --fail-mode hang
    start_evald "$(models "$(model m "$SERVER_URL" 'timeout_ms = 600000;')") limits = { shutdown_grace_ms = 50; };"
    begin
    wait_for count_is silent in_flight 16
    stop_evald
    wait_for count_is silent in_flight 0
    start_evald
    wait_for job_is b 0 in_progress
}

@test "a cancelled job stays cancelled, even when evald is killed right after the answer" {
    begin_to_middle
    answers 204 "" DELETE /v1alpha/eval/benchmarks/b/jobs/0
    stop_evald KILL
    start_evald
    job_is b 0 cancelled
    answers 400 "$(error_body "Invalid value: Job is not completed, Status: cancelled")" \
        GET /v1alpha/eval/benchmarks/b/jobs/0/result
    wait_for count_is models in_flight 0
    before=$(count_of models total)
    submit b baseline::oracle
    [ "$JOB" = 1 ]
    job_ends b 1 completed
    [ "$(count_of models total)" = "$before" ]
}

@test "a completed job is completed for good, even when evald is killed right after" {
    start_evald
    answer_rows A B A | put_rows d
    put_benchmark b d basic::equality
    posts 200 '{"job_id":"0","status":"completed"}' /v1alpha/eval/benchmarks/b/jobs \
        "{\"benchmark_config\":$(config baseline::recorded)}"
    before=$(job_result b 0)
    stop_evald KILL
    start_evald
    job_is b 0 completed
    [ "$(job_result b 0)" = "$before" ]
    contains "$before" '{"generations":[{"generated_answer":"A"},{"generated_answer":"B"},{"generated_answer":"A"}],"scores":{"basic::equality":{"score_rows":[{"score":1.0},{"score":0.0},{"score":1.0}]'
}

@test "a scorer of several steps asks for what is left alone" {
    printf '{"match":"","call":"classify_statements","arguments":{"TP":["t"],"FP":[],"FN":["n"]}}\n' >"$BATS_TEST_TMPDIR/replies"
    start_server judge --reply-map "$BATS_TEST_TMPDIR/replies"
    local judge=$SERVER_URL
    start_server vectors --unix "$BATS_TEST_TMPDIR/vectors" --fail-rate 1 --fail-mode hang
    start_evald "$(models "$(model judge "$judge")" "$(model vectors "$SERVER_URL")")
        roles = { gpt-4o-mini = \"judge\"; text-embedding-ada-002 = \"vectors\"; };
        limits = { shutdown_grace_ms = 50; };"
    printf '{"input_query":"q","expected_answer":"e","generated_answer":"e"}\n' | put_rows d
    put_benchmark b d braintrust::answer-correctness
    submit b baseline::recorded
    wait_for count_is vectors embeddings 1
    stop_evald
    local hung=${SERVER_PIDS##* }
    kill "$hung"
    wait_for ended "$hung"
    start_server vectors --unix "$BATS_TEST_TMPDIR/vectors"
    start_evald
    job_ends b 0 completed
    contains "$(job_result b 0)" '"scores":{"braintrust::answer-correctness":{"score_rows":[{"score":0.75,'
    count_is judge chat 1
    count_is vectors embeddings 1
}

@test "of several asks of one step, those that were answered are not made again" {
    local i entities=""
    for i in 1 2 3 4 5 6 7 8 9; do
        entities+=",\"$i\""
    done
    printf '{"match":"","call":"extract_entities","arguments":{"entities":["0"%s]}}\n' \
        "$entities" >"$BATS_TEST_TMPDIR/replies"
    start_server judge --reply-map "$BATS_TEST_TMPDIR/replies"
    local judge=$SERVER_URL
    start_server vectors --latency-ms 100
    start_evald "$(models "$(model judge "$judge")" "$(model vectors "$SERVER_URL" 'max_in_flight = 1;')")
        roles = { gpt-4o-mini = \"judge\"; text-embedding-ada-002 = \"vectors\"; };"
    printf '{"input_query":"q","expected_answer":"e","generated_answer":"g","context":"c"}\n' | put_rows d
    put_benchmark b d braintrust::context-entity-recall
    submit b baseline::recorded
    wait_for embeddings_at_least 3
    stop_evald # what is at the server is answered, what waits is not asked
    start_evald
    job_ends b 0 completed
    contains "$(job_result b 0)" '"score_rows":[{"score":1.0,'
    count_is judge chat 2
    count_is vectors embeddings 10
}

@test "several scorers, epochs and rows in error: whatever is killed, the result is that of an undisturbed job" {
    jq -c '. + {instruction_id_list:["punctuation:no_comma"],kwargs:[{}]}
        | if .id | test("3$") then del(.expected_answer) else . end
        | if .id | test("5$") then .instruction_id_list = ["no:such"] else . end
        | if .id | test("77$") then .chat_completion_input = "no JSON" else . end' \
        "$BATS_FILE_TMPDIR/rows" >"$BATS_TEST_TMPDIR/rows"
    start_evald "$MODELS"
    put_rows d <"$BATS_TEST_TMPDIR/rows"
    put_benchmark b d basic::equality basic::ifeval basic::regex_parser_multiple_choice_answer
    submit b m ',"epochs":2'
    job_ends b 0 completed
    hold_after models 100
    submit b m ',"epochs":2'
    wait_for rows_done_at_least b 1 20
    stop_evald KILL
    hold_after models 100
    start_evald
    wait_for rows_done_at_least b 1 40
    kill -s KILL "$(child_of "$EVALD_PID" evald-runner)"
    hold_after models 100
    wait_for rows_done_at_least b 1 60
    kill -s KILL "$(child_of "$EVALD_PID" evald-gateway)"
    job_is b 1 in_progress
    release models
    job_ends b 1 completed
    for job in 0 1; do
        job_result b $job >"$BATS_TEST_TMPDIR/result.$job"
        [ "$(number "$(job_detail b $job)" rows_failed)" = 168 ]
    done
    contains "$(cat "$BATS_TEST_TMPDIR/result.0")" "row 3: missing column 'expected_answer'"
    cmp "$BATS_TEST_TMPDIR/result.0" "$BATS_TEST_TMPDIR/result.1"
}
