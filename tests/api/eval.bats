# Evaluations: jobs and their results, lists, cancelling, and rows evaluated directly.
load lib

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR
    printf '%s\n' '{"match":"Norway","reply":"Oslo"}' '{"match":"Peru","reply":"It is Lima"}' \
        '{"match":"2+2=","reply":"4"}' >"$EVALD_DIR/replies"
    start_server capitals --reply-map "$EVALD_DIR/replies" --record "$EVALD_DIR/record"
    local capitals=$SERVER_URL
    start_server hang --fail-rate 1 --fail-mode hang
    start_evald "$(models "$(model echo/oracle "$capitals")" "$(model hang "$SERVER_URL")") limits = { max_runners = 2; run_eval_wait_ms = 20000; };"
    put_rows capitals <<'END'
{"input_query":"Capital of Norway?","expected_answer":"Oslo","chat_completion_input":"[{\"role\":\"user\",\"content\":\"Capital of Norway?\"}]"}
{"input_query":"Capital of Peru?","expected_answer":"Lima","chat_completion_input":"[{\"role\":\"user\",\"content\":\"Capital of Peru?\"}]"}
END
    posts 200 null /v1/eval/benchmarks \
        '{"benchmark_id":"cap-bench","dataset_id":"capitals","scoring_functions":["basic::equality","basic::subset_of"]}'
    # three of four are right: the known case
    answer_rows A B A A | put_rows four
    put_benchmark four four basic::equality
}

teardown_file() {
    stop_evald
    stop_servers
}

setup() {
    SUITES_EVALD=$EVALD_PID
}

teardown() {
    [ "$EVALD_PID" = "$SUITES_EVALD" ] || stop_evald # one of the test's own
}

jobs=/v1alpha/eval/benchmarks/cap-bench/jobs
four=/v1alpha/eval/benchmarks/four

# run_four MEMBERS: a job over the known case; RESULT without the extensions.
run_four() {
    local got
    got=$(evald_post $four/jobs "{\"benchmark_config\":$(config baseline::recorded "${1:-}")}")
    [[ $got =~ ^\{\"job_id\":\"([0-9]+)\",\"status\":\"completed\"\}$ ]] || { echo "$got" >&2; return 1; }
    JOB=${BASH_REMATCH[1]}
    RESULT=$(evald_get "$four/jobs/$JOB/result" -H 'Evald-Extensions: off')
}

@test "the first job has the id 0, and is completed when POST answers" {
    posts 200 '{"job_id":"0","status":"completed"}' $jobs \
        '{"benchmark_config":{"eval_candidate":{"type":"model","model":"echo/oracle","sampling_params":{"strategy":{"type":"top_p","temperature":0.2,"top_p":0.9},"max_tokens":64},"system_message":{"role":"system","content":"Answer with one word."}},"scoring_params":{"basic::equality":{"type":"basic","aggregation_functions":["accuracy","categorical_count"]}},"num_examples":2}}'
    answers 200 '{"job_id":"0","status":"completed"}' GET $jobs/0
    answers 200 '{"job_id":"0","status":"completed"}' GET /v1/eval/benchmarks/cap-bench/jobs/0
}

@test "its result is the reference's document" {
    wanted='{"generations":[{"generated_answer":"Oslo"},{"generated_answer":"It is Lima"}],"scores":{"basic::equality":{"score_rows":[{"score":1.0},{"score":0.0}],"aggregated_results":{"accuracy":{"accuracy":0.5,"num_correct":1.0,"num_total":2},"categorical_count":{"categorical_count":{"0.0":1,"1.0":1}}}},"basic::subset_of":{"score_rows":[{"score":1.0},{"score":1.0}],"aggregated_results":{"accuracy":{"accuracy":1.0,"num_correct":2.0,"num_total":2}}}}'
    answers 200 "$wanted}" GET $jobs/0/result -H 'Evald-Extensions: off'
    says 200 "$wanted,\"statistics\":{\"basic::equality\":{\"n_total\":2,\"n_scored\":2," GET $jobs/0/result
}

@test "one row in the style of the CLI, stray keys and all" {
    posts 200 '{"generations":[{"generated_answer":"4"}],"scores":{"basic::equality":{"score_rows":[{"score":1.0}],"aggregated_results":{"accuracy":{"accuracy":1.0,"num_correct":1.0,"num_total":1}}}}}' \
        /v1alpha/eval/benchmarks/cap-bench/evaluations \
        '{"input_rows":[{"input_query":"2+2?","expected_answer":"4","completion_input":"\"2+2=\""}],"scoring_functions":["basic::equality"],"benchmark_config":{"type":"benchmark","eval_candidate":{"type":"model","model":"echo/oracle","sampling_params":{"temperature":0.0,"max_tokens":16,"top_p":0.9,"repeat_penalty":1.0}}}}' \
        -H 'Evald-Extensions: off'
    count_is capitals completions 1
}

@test "all five aggregations of a known case" {
    # scores 1 0 1 1: the median of 0 1 1 1 lies between 1 and 1
    run_four ',"scoring_params":{"basic::equality":{"type":"basic","aggregation_functions":["accuracy","average","median","categorical_count"]}}'
    [ "$RESULT" = '{"generations":[{"generated_answer":"A"},{"generated_answer":"B"},{"generated_answer":"A"},{"generated_answer":"A"}],"scores":{"basic::equality":{"score_rows":[{"score":1.0},{"score":0.0},{"score":1.0},{"score":1.0}],"aggregated_results":{"accuracy":{"accuracy":0.75,"num_correct":3.0,"num_total":4},"average":{"average":0.75},"median":{"median":1.0},"categorical_count":{"categorical_count":{"0.0":1,"1.0":3}}}}}}' ]
}

@test "statistics of a known case" {
    # p = 3/4, n = 4: stderr sqrt(p(1-p)/(n-1)) = 1/4; Wilson at z = 1.959964:
    # centre (p + z2/2n)/(1 + z2/n) = 0.62752..., half-width 0.32688...
    run_four
    got=$(job_result four "$JOB")
    contains "$got" '"statistics":{"basic::equality":{"n_total":4,"n_scored":4,"n_errored":0,"n_abstained":0,"n_truncated":0,"mean":0.75,"stderr":0.25,"ci95":[0.3006418425'
    contains "$got" ',0.9544127391'
    contains "$got" '],"ci_method":"wilson","bounds":[0.75,0.75]}}}'
}

@test "an empty list of aggregations gives none" {
    run_four ',"scoring_params":{"basic::equality":{"type":"basic","aggregation_functions":[]}}'
    contains "$RESULT" '"aggregated_results":{}}'
}

@test "scoring_params of functions that do not run are ignored" {
    run_four ',"scoring_params":{"nobody::knows":{"type":"basic"}}'
    contains "$RESULT" '"num_correct":3.0,"num_total":4'
}

@test "num_examples takes the first rows" {
    run_four ',"num_examples":2'
    contains "$RESULT" '{"generations":[{"generated_answer":"A"},{"generated_answer":"B"}],'
    contains "$RESULT" '"num_total":2}'
    run_four ',"num_examples":99'
    contains "$RESULT" '"num_total":4}'
}

@test "two epochs: rows stand in the order of row and epoch; statistics count questions" {
    run_four ',"num_examples":2,"epochs":2'
    contains "$RESULT" '{"generations":[{"generated_answer":"A","epoch":0},{"generated_answer":"A","epoch":1},{"generated_answer":"B","epoch":0},{"generated_answer":"B","epoch":1}],"scores":{"basic::equality":{"score_rows":[{"score":1.0,"epoch":0},{"score":1.0,"epoch":1},{"score":0.0,"epoch":0},{"score":0.0,"epoch":1}]'
    # two questions, 1 and 0: mean 1/2, stderr sqrt(1/2 / 2) = 1/2
    contains "$(job_result four "$JOB")" '"mean":0.5,"stderr":0.5'
}

@test "the same seed gives the same answers, another one others" {
    yes '{"expected_answer":"A","choices":["A","B","C","D"]}' | head -n 40 | put_rows forty
    put_benchmark forty forty basic::equality
    local results=() seed
    for seed in 1 1 2; do
        submit forty baseline::random-choice ",\"seed\":$seed"
        job_ends forty "$JOB" completed
        results+=("$(job_result forty "$JOB")")
    done
    [ "${results[0]}" = "${results[1]}" ]
    [ "${results[0]}" != "${results[2]}" ]
}

@test "a bare BenchmarkConfig is taken for the whole body" {
    post_says 200 '"status":"completed"' $four/jobs "$(config baseline::oracle)"
    post_says 400 '"benchmark_config","eval_candidate"]' $four/jobs \
        "{\"eval_candidate\":{},\"benchmark_config\":{}}"
}

@test "Prefer: respond-async answers at once, wait=N after N seconds; the header says so" {
    got=$(evald_post $jobs "{\"benchmark_config\":$(config hang)}" -H 'Prefer: respond-async' -D "$(headers)")
    [[ $got =~ ^\{\"job_id\":\"([0-9]+)\",\"status\":\"(scheduled|in_progress)\"\}$ ]]
    has_header 'Preference-Applied: respond-async'
    answers 204 "" DELETE "$jobs/${BASH_REMATCH[1]}"
    got=$(evald_post $jobs "{\"benchmark_config\":$(config hang)}" -H 'Prefer: wait=1' -D "$(headers)")
    [[ $got =~ ^\{\"job_id\":\"([0-9]+)\",\"status\":\"in_progress\"\}$ ]]
    has_header 'Preference-Applied: wait=1'
    answers 204 "" DELETE "$jobs/${BASH_REMATCH[1]}"
}

@test "what an SDK sends again while it runs is no second job" {
    body="{\"benchmark_config\":$(config hang)}"
    submit cap-bench hang
    wait_for job_is cap-bench "$JOB" in_progress
    posts 200 "{\"job_id\":\"$JOB\",\"status\":\"in_progress\"}" $jobs "$body" \
        -H 'Prefer: respond-async' -H 'x-stainless-retry-count: 1'
    first=$JOB
    submit cap-bench hang
    [ "$JOB" != "$first" ]
    answers 204 "" DELETE "$jobs/$first"
    answers 204 "" DELETE "$jobs/$JOB"
}

@test "a running job: in_progress, no result yet, a detail that says how far; then cancelled" {
    submit cap-bench hang
    wait_for job_is cap-bench "$JOB" in_progress
    answers 400 "$(error_body 'Invalid value: Job is not completed, Status: in_progress')" GET "$jobs/$JOB/result"
    got=$(job_detail cap-bench "$JOB")
    contains "$got" "{\"job_id\":\"$JOB\",\"benchmark_id\":\"cap-bench\",\"status\":\"in_progress\",\"state\":\"in_progress\",\"owner\":$(id -u),\"created_at\":1"
    contains "$got" '"ended_at":null,"progress":{"rows_done":0,"rows_total":'
    answers 204 "" DELETE "$jobs/$JOB"
    answers 200 "{\"job_id\":\"$JOB\",\"status\":\"cancelled\"}" GET "$jobs/$JOB"
    answers 204 "" DELETE "$jobs/$JOB"
    answers 400 "$(error_body 'Invalid value: Job is not completed, Status: cancelled')" GET "$jobs/$JOB/result"
    answers 200 '{"status":"OK"}' GET /v1/health
}

@test "jobs beyond max_runners are scheduled, and can be cancelled before they begin" {
    local first second
    submit cap-bench hang
    first=$JOB
    submit cap-bench hang
    second=$JOB
    submit cap-bench echo/oracle
    wait_for job_is cap-bench "$second" in_progress
    job_is cap-bench "$JOB" scheduled
    answers 400 "$(error_body 'Invalid value: Job is not completed, Status: scheduled')" GET "$jobs/$JOB/result"
    submit cap-bench echo/oracle
    answers 204 "" DELETE "$jobs/$JOB"
    job_is cap-bench "$JOB" cancelled
    answers 204 "" DELETE "$jobs/$first"
    job_ends cap-bench "$((JOB - 1))" completed
    answers 204 "" DELETE "$jobs/$second"
}

@test "a job that has ended cannot be cancelled: 409, not to be tried again" {
    says 409 'Status: completed' DELETE $jobs/0 -D "$(headers)"
    has_header 'x-should-retry: false'
}

@test "a job is known by its own benchmark and its own spelling alone" {
    for job in 999 00 -1 x 0x0 99999999999999999999; do
        answers 400 "$(error_body "Invalid value: Job $job not found")" GET $jobs/$job
        answers 400 "$(error_body "Invalid value: Job $job not found")" DELETE $jobs/$job
        answers 400 "$(error_body "Invalid value: Job $job not found")" GET $jobs/$job/result
    done
    answers 400 "$(error_body 'Invalid value: Job 0 not found')" GET $four/jobs/0
}

@test "lists of jobs, with filters and pages" {
    uid=$(id -u)
    got=$(evald_get '/v1alpha/eval/jobs?limit=1')
    [[ $got =~ ^\{\"data\":\[\{\"job_id\":\"0\",\"benchmark_id\":\"cap-bench\",\"status\":\"completed\",\"owner\":$uid,\"created_at\":[0-9]+,\"started_at\":[0-9]+,\"ended_at\":[0-9]+,\"rows_done\":2,\"rows_total\":2,\"rows_failed\":0,\"error\":null,\"paused\":false,\"parent_job_id\":null\}\],\"has_more\":true\}$ ]] ||
        { echo "$got" >&2; return 1; }
    says 200 '{"data":[{"job_id":"1",' GET '/v1alpha/eval/jobs?start_index=1&limit=1'
    answers 200 '{"data":[],"has_more":false}' GET '/v1alpha/eval/jobs?start_index=9999'
    answers 200 '{"data":[],"has_more":false}' GET '/v1alpha/eval/jobs?status=failed'
    answers 200 '{"data":[],"has_more":false}' GET "/v1alpha/eval/jobs?owner=$((uid + 1))"
    got=$(evald_get "/v1alpha/eval/jobs?owner=$uid")
    contains "$got" '"benchmark_id":"four"'
    contains "$got" '"benchmark_id":"cap-bench"'
    got=$(evald_get /v1alpha/eval/benchmarks/four/jobs?status=completed)
    contains "$got" '"benchmark_id":"four"'
    [[ $got != *cap-bench* ]]
    [[ $got == *'"has_more":false}' ]]
    says 400 "Input should be 'completed', 'in_progress', 'failed', 'scheduled' or 'cancelled'" \
        GET '/v1alpha/eval/jobs?status=done'
}

@test "what a request names must be there, before any job is made" {
    count=$(evald_get /v1alpha/eval/jobs | tr '{' '\n' | grep -c job_id)
    say() { post_says 400 "Invalid value: $1" "$2" "{\"benchmark_config\":$(config "${3:-baseline::oracle}")}"; }
    say 'Benchmark `nope` not served by provider: ' /v1alpha/eval/benchmarks/nope/jobs
    say "Model 'nope' not found. Use 'client.models.list()' to list available Models." $four/jobs nope
    put_benchmark no-data no-data basic::equality
    say 'Dataset `no-data` not served by provider: `localfs`. Make sure there is an DatasetIO provider serving this dataset.' \
        /v1alpha/eval/benchmarks/no-data/jobs
    put_benchmark no-scorer four nobody::knows
    say 'Scoring_function `nobody::knows` not served by ' /v1alpha/eval/benchmarks/no-scorer/jobs
    put_benchmark no-functions four
    [ "$(evald_get /v1alpha/eval/jobs | tr '{' '\n' | grep -c job_id)" -eq "$count" ]
}

@test "a job that fails while POST waits is that error, and a failed job" {
    put_rows broken <<'END'
{"generated_answer":"A"}
END
    put_benchmark broken broken basic::equality
    posts 400 "$(error_body "Invalid value: row 0: missing column 'expected_answer'" bad_row)" \
        /v1alpha/eval/benchmarks/broken/jobs "{\"benchmark_config\":$(config baseline::recorded ',"on_error":"fail"')}"
    got=$(evald_get '/v1alpha/eval/jobs?status=failed')
    contains "$got" "\"benchmark_id\":\"broken\",\"status\":\"failed\""
    contains "$got" "missing column 'expected_answer'"
}

@test "a data set without rows makes a result without rows" {
    put_rows empty </dev/null
    put_benchmark empty empty basic::equality
    post_says 200 '"status":"completed"' /v1alpha/eval/benchmarks/empty/jobs "{\"benchmark_config\":$(config baseline::oracle)}"
    id=$(number "$(evald_get '/v1alpha/eval/benchmarks/empty/jobs' | sed 's/"job_id":"\([0-9]*\)"/"job_id":\1/')" job_id)
    says 200 '{"generations":[],"scores":{"basic::equality":{"score_rows":[],"aggregated_results":{"accuracy":{"accuracy":null,"num_correct":0,"num_total":0}}}}' \
        GET "/v1alpha/eval/benchmarks/empty/jobs/$id/result"
}

@test "a job keeps the definition it started with" {
    submit cap-bench hang
    wait_for job_is cap-bench "$JOB" in_progress
    answers 204 "" DELETE /v1beta/datasets/capitals
    job_is cap-bench "$JOB" in_progress
    answers 204 "" DELETE "$jobs/$JOB"
}

@test "ids go on after a restart, also where the last job is gone with its benchmark" {
    EVALD_DIR=$BATS_TEST_TMPDIR
    start_evald
    answer_rows A | put_rows d
    put_benchmark b d basic::equality
    posts 200 '{"job_id":"0","status":"completed"}' /v1alpha/eval/benchmarks/b/jobs "{\"benchmark_config\":$(config baseline::oracle)}"
    answers 204 "" DELETE /v1alpha/eval/benchmarks/b
    stop_evald
    start_evald
    put_benchmark b d basic::equality
    posts 200 '{"job_id":"1","status":"completed"}' /v1alpha/eval/benchmarks/b/jobs "{\"benchmark_config\":$(config baseline::oracle)}"
    stop_evald KILL
    start_evald
    posts 200 '{"job_id":"2","status":"completed"}' /v1alpha/eval/benchmarks/b/jobs "{\"benchmark_config\":$(config baseline::oracle)}"
}

# ---- evaluate_rows -----------------------------------------------------------------------------

norway='{"expected_answer":"Oslo","chat_completion_input":"[{\"role\":\"user\",\"content\":\"Norway\"}]"}'

# call ROWS FUNCTIONS [MEMBERS [MODEL]]: the body of a request.
call() {
    printf '{"input_rows":%s,"scoring_functions":%s,"benchmark_config":%s}' "$1" "$2" "$(config "${4:-baseline::oracle}" "${3:-}")"
}

@test "evaluate_rows: the request's rows and functions, not the benchmark's; num_examples is ignored" {
    posts 200 '{"generations":[{"generated_answer":"x"},{"generated_answer":"y"}],"scores":{"basic::subset_of":{"score_rows":[{"score":1.0},{"score":1.0}],"aggregated_results":{"accuracy":{"accuracy":1.0,"num_correct":2.0,"num_total":2}}}}}' \
        $four/evaluations "$(call '[{"expected_answer":"x"},{"expected_answer":"y"}]' '["basic::subset_of"]' ',"num_examples":1')" \
        -H 'Evald-Extensions: off'
}

@test "evaluate_rows: duplicate functions collapse, in the order they were named" {
    post_says 200 '"scores":{"basic::subset_of":{"score_rows":[{"score":1.0}],"aggregated_results":{"accuracy":{"accuracy":1.0,"num_correct":1.0,"num_total":1}}},"basic::equality":{' \
        $four/evaluations "$(call '[{"expected_answer":"x"}]' '["basic::subset_of","basic::equality","basic::subset_of"]')"
}

@test "evaluate_rows: the generation wins over a column of the row" {
    posts 200 '{"generations":[{"generated_answer":"x"}],"scores":{"basic::equality":{"score_rows":[{"score":1.0}],"aggregated_results":{"accuracy":{"accuracy":1.0,"num_correct":1.0,"num_total":1}}}}}' \
        $four/evaluations "$(call '[{"expected_answer":"x","generated_answer":"y"}]' '["basic::equality"]')" -H 'Evald-Extensions: off'
}

# asks ROWS [SAMPLING]: the rows are asked of a real server; sent has what it was asked.
asks() {
    watch_sent "$EVALD_DIR/record"
    post_says 200 '"generations":[' $four/evaluations "{\"input_rows\":$1,\"scoring_functions\":[\"basic::equality\"],\"benchmark_config\":{\"eval_candidate\":{\"type\":\"model\",\"model\":\"echo/oracle\",\"sampling_params\":${2:-{\}}}}}"
}

@test "evaluate_rows: the messages may be text, or the array itself, and may be none" {
    for messages in '"[{\"role\":\"user\",\"content\":\"q\"}]"' '[{"role":"user","content":"q"}]'; do
        asks "[{\"expected_answer\":\"x\",\"chat_completion_input\":$messages}]"
        [ "$(sent .messages)" = '[{"role":"user","content":"q"}]' ]
    done
    watch_sent "$EVALD_DIR/record"
    post_says 502 'row 0: candidate: ' $four/evaluations \
        "$(call '[{"expected_answer":"x","chat_completion_input":"[]"}]' '["basic::equality"]' '' echo/oracle)" # the server wants some
    [ "$(sent .messages)" = '[]' ]
}

@test "evaluate_rows: completion_input wins over chat_completion_input, and has no place for a system message" {
    asks '[{"expected_answer":"x","completion_input":"\"p\"","chat_completion_input":"[{\"role\":\"user\",\"content\":\"q\"}]"}]'
    [ "$(sent '[.prompt, .messages]')" = '["p",null]' ]
}

@test "evaluate_rows: content that is no text, and what a message of a tool has, is passed on" {
    asks '[{"expected_answer":"x","chat_completion_input":[{"role":"user","content":[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"data:,"}}]},{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"1","content":"r"}]}]'
    [ "$(sent '[.messages[] | keys_unsorted]')" = '[["role","content"],["role","content","tool_calls"],["role","tool_call_id","content"]]' ]
    [ "$(sent '.messages[0].content[1].type')" = '"image_url"' ]
}

@test "evaluate_rows: a user's context goes along, the system's and what is unknown does not" {
    asks '[{"expected_answer":"x","chat_completion_input":[{"role":"system","content":"s","context":"c","name":"n"},{"role":"user","content":"p","context":"c","name":"n"},{"role":"user","content":"p","context":null}]}]'
    [ "$(sent .messages)" = '[{"role":"system","content":"s"},{"role":"user","content":"p","context":"c"},{"role":"user","content":"p"}]' ]
}

@test "evaluate_rows: what a user or the system says is a string, an item, or items" {
    local message why='message 0: content is neither a string nor content items'
    for message in '"user","content":null' '"user","content":1' '"system","content":null' '"user","content":["p"]' '"user","content":[null]' \
        '"user","content":{"text":"p"}' '"user","content":{"type":"text"}' '"user","content":[{"type":"text","text":1}]' '"user","content":{"type":"image"}'; do
        post_says 400 "$why" $four/evaluations "$(call "[{\"expected_answer\":\"x\",\"chat_completion_input\":[{\"role\":$message}]}]" '["basic::equality"]' '' echo/oracle)"
    done
    post_says 400 'message 0: context is neither a string nor content items' $four/evaluations \
        "$(call '[{"expected_answer":"x","chat_completion_input":[{"role":"user","content":"p","context":1}]}]' '["basic::equality"]' '' echo/oracle)"
    post_says 400 'message 0 has no content' $four/evaluations \
        "$(call '[{"expected_answer":"x","chat_completion_input":[{"role":"user","tool_calls":[]}]}]' '["basic::equality"]' '' echo/oracle)"
}

@test "evaluate_rows: without a limit of tokens, or with 0, the server's own counts; greedy is temperature 0" {
    row='[{"expected_answer":"x","completion_input":"\"p\""}]'
    for sampling in '{}' '{"max_tokens":0}' '{"max_tokens":null,"strategy":{"type":"greedy"},"repetition_penalty":null}'; do
        asks "$row" "$sampling"
        [ "$(sent '[.max_tokens, .temperature]')" = '[null,0]' ]
    done
    asks "$row" '{"strategy":{"type":"top_p","temperature":null},"max_tokens":"7"}'
    [ "$(sent '[.max_tokens, .temperature, .top_p]')" = '[7,null,0.95]' ]
}

@test "evaluate_rows: an answer that JSON has no number for is null" {
    post_says 200 '"generations":[{"generated_answer":null},{"generated_answer":{"a":[null,1.5]}}]' $four/evaluations \
        "$(call '[{"expected_answer":NaN},{"expected_answer":{"a":[-Infinity,1.5]}}]' '["basic::equality"]')"
}

@test "evaluate_rows: no rows, or no functions, is a 400" {
    posts 400 "$(invalid body.input_rows 'List should have at least 1 item after validation, not 0' too_short)" \
        $four/evaluations "$(call '[]' '["basic::equality"]')"
    posts 400 "$(invalid body.scoring_functions 'List should have at least 1 item after validation, not 0' too_short)" \
        $four/evaluations "$(call '[{}]' '[]')"
}

@test "evaluate_rows: unknown benchmark, function and model" {
    rows='[{"expected_answer":"x"}]'
    post_says 400 'Invalid value: Benchmark `nope` not served by provider: ' \
        /v1alpha/eval/benchmarks/nope/evaluations "$(call "$rows" '["basic::equality"]')"
    post_says 400 'Invalid value: Scoring_function `nope` not served by ' \
        $four/evaluations "$(call "$rows" '["nope"]')"
    post_says 400 "Invalid value: Model 'nope' not found" \
        $four/evaluations "$(call "$rows" '["basic::equality"]' '' nope)"
}

@test "evaluate_rows: a row that cannot be asked is a 400 that names it" {
    post_says 400 'row 1' $four/evaluations \
        "$(call "[$norway,{\"expected_answer\":\"x\"}]" '["basic::equality"]' '' echo/oracle)"
    post_says 400 'row 0' $four/evaluations \
        "$(call '[{"expected_answer":"x","chat_completion_input":"no JSON"}]' '["basic::equality"]' '' echo/oracle)"
    post_says 400 'row 0' $four/evaluations \
        "$(call '[{"expected_answer":"x","chat_completion_input":"{}"}]' '["basic::equality"]' '' echo/oracle)"
}

@test "evaluate_rows: with on_error record a failed row is data" {
    post_says 200 '"score_rows":[{"score":1.0},{"score":null,"error":{"stage":"scorer","code":"bad_row","message":"row 1: missing column' \
        $four/evaluations \
        "$(call '[{"expected_answer":"A","generated_answer":"A"},{"generated_answer":"A"}]' '["basic::equality"]' ',"on_error":"record"' baseline::recorded)"
}

@test "evaluate_rows: five hundred rows at once" {
    rows=$(awk 'BEGIN { for (i = 0; i < 500; i++) printf "%s{\"expected_answer\":\"%d\"}", i ? "," : "[", i; print "]" }')
    call "$rows" '["basic::equality"]' >"$BATS_TEST_TMPDIR/body"
    post_says 200 '"num_correct":500.0,"num_total":500}' $four/evaluations "@$BATS_TEST_TMPDIR/body"
}

@test "evaluate_rows: who hangs up is waited for no longer" {
    wait_for count_is hang in_flight 0
    curl -s -m 60 --unix-socket "$EVALD_SOCKET" -H 'Content-Type: application/json' --data-binary \
        "$(call "[$norway]" '["basic::equality"]' '' hang)" \
        http://evald$four/evaluations 3>&- >/dev/null &
    caller=$!
    wait_for count_is hang in_flight 1
    kill "$caller"
    wait_for count_is hang in_flight 0
}

@test "agent candidates are not there yet, and say so" {
    post_says 501 'agent' $four/jobs \
        '{"benchmark_config":{"eval_candidate":{"type":"agent","config":{"model":"m","instructions":"i"}}}}'
}
