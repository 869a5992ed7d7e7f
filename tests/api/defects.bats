# Where the reference implementation is wrong and evald is not: one test for each defect of the
# list that the project keeps, under its number.
load lib

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR RECORD=$BATS_FILE_TMPDIR/record
    start_server models --latency-ms 20 --jitter 1 --record "$RECORD"
    local models=$SERVER_URL
    start_server hang --fail-rate 1 --fail-mode hang
    EVALD_PLUGIN_PATH=$(test_plugins crash given):$EVALD_PLUGIN_PATH start_evald \
        "$(models "$(model m "$models")" "$(model hang "$SERVER_URL")") limits = { run_eval_wait_ms = 20000; };"
    answer_rows A B A A | put_rows four
    put_benchmark four four basic::equality
    chat_rows 12 | put_rows chat
    put_benchmark chat chat basic::equality
}

teardown_file() {
    stop_evald
    stop_servers
}

setup() {
    SUITES_EVALD=$EVALD_PID SUITES_SERVERS=$SERVER_PIDS
}

teardown() {
    SERVER_PIDS=${SERVER_PIDS#"$SUITES_SERVERS"}
    stop_servers # of the test's own
    [ "$EVALD_PID" = "$SUITES_EVALD" ] || stop_evald
}

at=/v1alpha/eval/benchmarks
off='Evald-Extensions: off'

# evaluates STATUS PART ROWS [MEMBERS [MODEL]]: rows of the request by basic::equality.
evaluates() {
    post_says "$1" "$2" $at/four/evaluations \
        "{\"input_rows\":$3,\"scoring_functions\":[\"basic::equality\"],\"benchmark_config\":$(config "${5:-m}" "${4:-}")}"
}

# scores STATUS PART ROWS FUNCTIONS
scores() {
    post_says "$1" "$2" /v1/scoring/score "{\"input_rows\":$3,\"scoring_functions\":$4}" -H "$off"
}

right='[{"expected_answer":"x","generated_answer":"x"}]'

# register_judge ID: grades by what follows "Answer: " in the reply to the generated answer.
register_judge() {
    posts 200 null /v1/scoring-functions \
        "{\"scoring_fn_id\":\"$1\",\"description\":\"a letter\",\"return_type\":{\"type\":\"string\"},\"provider_id\":\"llm-as-judge\",\"params\":{\"type\":\"llm_as_judge\",\"judge_model\":\"m\",\"prompt_template\":\"{generated_answer}\",\"judge_score_regexes\":[\"Answer: ([A-C])\"],\"aggregation_functions\":[]}}"
}
judged='[{"input_query":"q","expected_answer":"[[ANS:C]]","generated_answer":"[[ANS:B]]"}]'

@test "D1: parameters count for their request alone" {
    register_judge acme::d1
    scores 200 '{"score":"Ans","judge_feedback":"Answer: C"}' "$judged" \
        '{"acme::d1":{"type":"llm_as_judge","judge_model":"m","prompt_template":"{expected_answer}","judge_score_regexes":["(Ans)"],"aggregation_functions":[]}}'
    scores 200 '{"score":"B","judge_feedback":"Answer: B"}' "$judged" '{"acme::d1":null}'
    says 200 '"judge_score_regexes":["Answer: ([A-C])"]' GET /v1/scoring-functions/acme::d1
}

@test "D1: regexes and instructions count for their request alone, too" {
    local said='[{"expected_answer":"B","generated_answer":"Answer: B, Grade: A"}]' id
    local own='"score_rows":[{"score":1.0}]'
    evald_get /v1/scoring-functions >"$BATS_TEST_TMPDIR/before"
    id=basic::regex_parser_multiple_choice_answer
    scores 200 "$own" "$said" "{\"$id\":null}"
    scores 200 '"score_rows":[{"score":0.0}]' "$said" "{\"$id\":{\"type\":\"regex_parser\",\"parsing_regexes\":[\"Grade: (.)\"]}}"
    scores 200 "$own" "$said" "{\"$id\":null}"
    said='[{"expected_answer":"7","generated_answer":"final answer is $\\boxed{7}$ or <8>"}]' id=basic::regex_parser_math_response
    scores 200 "$own" "$said" "{\"$id\":null}"
    scores 200 '"score_rows":[{"score":0.0}]' "$said" "{\"$id\":{\"type\":\"regex_parser\",\"parsing_regexes\":[\"<(.)>\"]}}"
    scores 200 "$own" "$said" "{\"$id\":null}"
    said='[{"instruction_id_list":["keywords:existence"],"kwargs":[{"keywords":["a"]}],"generated_answer":"a"},{"instruction_id_list":["keywords:existence"],"kwargs":[{"keywords":["b"]}],"generated_answer":"a"}]'
    for id in 1 2; do
        scores 200 '"score_rows":[{"score":1.0,"weight":1.0},{"score":0.0,"weight":1.0}]' "$said" '{"basic::ifeval":null}'
    done
    evald_get /v1/scoring-functions | diff "$BATS_TEST_TMPDIR/before" -
}

@test "D2: an aggregation list counts for its request alone" {
    scores 200 '"aggregated_results":{"median":{"median":1.0}}' "$right" \
        '{"basic::equality":{"type":"basic","aggregation_functions":["median"]}}'
    scores 200 '"aggregated_results":{"accuracy":{' "$right" '{"basic::equality":null}'
    says 200 '"aggregation_functions":["accuracy"]' GET /v1/scoring-functions/basic::equality
}

@test "D2: that holds for every function of basic" {
    local id row='{"expected_answer":"[\"x\"]","generated_answer":"x","instruction_id_list":["punctuation:no_comma"],"kwargs":[{}]}'
    for id in equality subset_of docvqa ifeval regex_parser_multiple_choice_answer; do
        evald_post /v1/scoring/score "{\"input_rows\":[$row],\"scoring_functions\":{\"basic::$id\":null}}" -H "$off" >"$BATS_TEST_TMPDIR/before"
        scores 200 '"aggregated_results":{"categorical_count":{"categorical_count":{' "[$row]" \
            "{\"basic::$id\":{\"type\":\"regex_parser\",\"parsing_regexes\":[\"(x)\"],\"aggregation_functions\":[\"categorical_count\"]}}"
        [ "$(http_status)" = 200 ]
        evald_post /v1/scoring/score "{\"input_rows\":[$row],\"scoring_functions\":{\"basic::$id\":null}}" -H "$off" | diff "$BATS_TEST_TMPDIR/before" -
    done
}

@test "D3: no rows, no scores or no weight give null, not a division by zero" {
    all='{"type":"basic","aggregation_functions":["accuracy","average","median","weighted_average"]}'
    scores 200 '{"accuracy":{"accuracy":null,"num_correct":0,"num_total":0},"average":{"average":null},"median":{"median":null},"weighted_average":{"weighted_average":null}}' \
        '[]' "{\"test::given\":$all}"
    scores 200 '{"accuracy":{"accuracy":0.0,"num_correct":0,"num_total":1},"average":{"average":null},"median":{"median":null},"weighted_average":{"weighted_average":null}}' \
        '[{"score":null,"weight":0.0}]' "{\"test::given\":$all}"
    evaluates 400 'List should have at least 1 item' '[]'
}

@test "D4: ids of jobs go on and results stay when evald is started again" {
    EVALD_DIR=$BATS_TEST_TMPDIR
    start_evald
    answer_rows A B | put_rows d
    put_benchmark b d basic::equality
    for id in 0 1; do
        posts 200 "{\"job_id\":\"$id\",\"status\":\"completed\"}" $at/b/jobs "{\"benchmark_config\":$(config baseline::recorded)}"
    done
    result=$(job_result b 1)
    stop_evald
    start_evald
    answers 200 "$result" GET $at/b/jobs/1/result
    posts 200 '{"job_id":"2","status":"completed"}' $at/b/jobs "{\"benchmark_config\":$(config baseline::recorded)}"
}

@test "D5: a job goes on in the background, and one that is sent again is not run again" {
    submit chat hang
    wait_for job_is chat "$JOB" in_progress
    posts 200 "{\"job_id\":\"$JOB\",\"status\":\"in_progress\"}" $at/chat/jobs \
        "{\"benchmark_config\":$(config hang)}" -H 'Prefer: respond-async' -H 'x-stainless-retry-count: 1'
    answers 204 "" DELETE "$at/chat/jobs/$JOB"
}

@test "D6: a job can be cancelled, and what cannot is not to be sent again" {
    submit chat hang
    answers 204 "" DELETE "$at/chat/jobs/$JOB"
    job_is chat "$JOB" cancelled
    submit four baseline::recorded
    job_ends four "$JOB" completed
    says 409 'completed' DELETE "$at/four/jobs/$JOB" -D "$(headers)"
    has_header 'x-should-retry: false'
}

@test "D7: status and result answer only for the job's own benchmark" {
    submit four baseline::recorded
    job_ends four "$JOB" completed
    answers 400 "$(error_body "Invalid value: Job $JOB not found")" GET "$at/chat/jobs/$JOB"
    answers 400 "$(error_body "Invalid value: Job $JOB not found")" GET "$at/chat/jobs/$JOB/result"
    answers 400 "$(error_body "Invalid value: Job $JOB not found")" DELETE "$at/chat/jobs/$JOB"
}

@test "D8: rows are asked for together, and answered in their order" {
    server models /stats/reset -X POST
    submit chat m
    job_ends chat "$JOB" completed
    [ "$(count_of models max_in_flight)" -gt 1 ]
    job_result chat "$JOB" | jq -e '[.generations[].generated_answer] == [range(12) | "Answer: a\(.)"]'
}

@test "D9: a row that fails leaves the others, and what they cost, alone" {
    put_rows gap <<'END'
{"expected_answer":"A","generated_answer":"A"}
{"generated_answer":"A"}
{"expected_answer":"B","generated_answer":"A"}
END
    put_benchmark gap gap basic::equality
    submit gap baseline::recorded
    job_ends gap "$JOB" completed
    job_result gap "$JOB" | jq -e '.scores["basic::equality"].score_rows | map(.score) == [1, null, 0] and (.[1].error.code == "bad_row")'
}

@test "D10: no call is worked on when its caller has hung up, or its time is over" {
    wait_for count_is hang in_flight 0
    curl -s -m 60 --unix-socket "$EVALD_SOCKET" -H 'Content-Type: application/json' --data-binary \
        "{\"input_rows\":[$(chat_rows 1)],\"scoring_functions\":[\"basic::equality\"],\"benchmark_config\":$(config hang)}" \
        "http://evald$at/four/evaluations" 3>&- >/dev/null &
    caller=$!
    wait_for count_is hang in_flight 1
    kill "$caller"
    wait_for count_is hang in_flight 0

    EVALD_DIR=$BATS_TEST_TMPDIR
    read -r hang <"$BATS_FILE_TMPDIR/server.hang.at"
    start_evald "$(models "$(model hang "http://$hang/v1")") limits = { call_timeout_ms = 1000; };"
    answer_rows A | put_rows four
    put_benchmark four four basic::equality
    evaluates 504 'Operation timed out: ' "[$(chat_rows 1)]" '' hang
    wait_for count_is hang in_flight 0
}

@test "D11: start_index counts without a limit, too" {
    printf '{"n":%d}\n' 0 1 2 | put_rows three
    for limit in '' '&limit=-1'; do
        answers 200 '{"data":[{"n":1},{"n":2}],"has_more":false,"url":null}' \
            GET "/v1beta/datasetio/iterrows/three?start_index=1$limit"
    done
}

@test "D12: rows that are appended are there" {
    printf '{"n":0}\n' | put_rows grows
    answers 204 "" POST /v1beta/datasetio/append-rows/grows -H 'Content-Type: application/json' -d '{"rows":[{"n":1},{"n":2}]}'
    answers 200 null POST /v1/datasetio/append-rows/grows -H 'Content-Type: application/json' -d '{"rows":[{"n":3}]}'
    answers 200 '{"data":[{"n":0},{"n":1},{"n":2},{"n":3}],"has_more":false,"url":null}' GET /v1beta/datasetio/iterrows/grows
    put_uri fixed data:text/csv,n%0A1
    post_says 501 'Not implemented: ' /v1beta/datasetio/append-rows/fixed '{"rows":[{"n":2}]}'
    answers 200 '{"data":[{"n":1}],"has_more":false,"url":null}' GET /v1beta/datasetio/iterrows/fixed
}

@test "D13: rows come back as they were sent, ragged or not" {
    rows='[{"a":1},{"b":2},{"a":2.0,"c":null},{"a":"x"},{}]'
    post_says 200 "\"rows\":$rows" /v1beta/datasets \
        "{\"purpose\":\"eval/question-answer\",\"dataset_id\":\"ragged\",\"source\":{\"type\":\"rows\",\"rows\":$rows}}"
    answers 200 "{\"data\":$rows,\"has_more\":false,\"url\":null}" GET /v1beta/datasetio/iterrows/ragged
}

@test "D14: a remote data set is fetched once, not for every page" {
    EVALD_DIR=$BATS_TEST_TMPDIR
    mkdir "$BATS_TEST_TMPDIR/files"
    printf '{"n":%d}\n' 0 1 2 >"$BATS_TEST_TMPDIR/files/three.jsonl"
    start_data data "$BATS_TEST_TMPDIR/files"
    start_evald "dataset = { hosts = [ \"$DATA_URL\" ]; };"
    put_uri remote "$DATA_URL/three.jsonl"
    for n in 0 1 2; do
        says 200 "{\"data\":[{\"n\":$n}]" GET "/v1beta/datasetio/iterrows/remote?start_index=$n&limit=1"
    done
    contains "$(server data /stats)" '"/three.jsonl":1'
}

@test "D15: the rows of a data set are scored, and what cannot be saved is refused first" {
    post_says 200 '{"dataset_id":"four","results":{"basic::equality":{"score_rows":[{"score":1.0},{"score":0.0},{"score":1.0},{"score":1.0}],"aggregated_results":{"accuracy":{"accuracy":0.75,' \
        /v1/scoring/score-batch '{"dataset_id":"four","scoring_functions":{"basic::equality":null}}'
    post_says 501 'Not implemented: ' /v1/scoring/score-batch \
        '{"dataset_id":"four","scoring_functions":{"test::crash":null},"save_results_dataset":true}' -D "$(headers)"
    has_header 'x-should-retry: false'
}

@test "D16: rows with completion_input are completed" {
    server models /stats/reset -X POST
    evaluates 200 '"generated_answer":"Answer: four"' \
        '[{"expected_answer":"x","completion_input":"\"2+2 [[ANS:four]]\""}]'
    count_is models completions 1
}

@test "D17: all sampling parameters and the system message are sent, on every row" {
    watch_sent "$RECORD"
    post_says 200 '"generations":' $at/four/evaluations "{\"input_rows\":[$(chat_rows 2 | paste -sd,),{\"expected_answer\":\"x\",\"completion_input\":\"\\\"p\\\"\"}],\"scoring_functions\":[\"basic::equality\"],\"benchmark_config\":{\"eval_candidate\":{\"type\":\"model\",\"model\":\"m\",\"system_message\":{\"role\":\"system\",\"content\":\"Be short.\"},\"sampling_params\":{\"strategy\":{\"type\":\"top_p\",\"temperature\":0.7,\"top_p\":0.9},\"max_tokens\":9,\"stop\":[\"END\"]}}}}"
    [ "$(sent '[.temperature, .top_p, .max_tokens, .stop]' | sort -u)" = '[0.7,0.9,9,["END"]]' ]
    [ "$(sent 'select(.messages) | .messages[0]' | sort -u)" = '{"role":"system","content":"Be short."}' ]
    [ "$(sent . | wc -l)" -eq 3 ]
}

@test "D18: messages are sent as they stand, whatever their roles" {
    watch_sent "$RECORD"
    evaluates 200 '"generations":' '[{"expected_answer":"x","chat_completion_input":"[{\"role\":\"user\",\"content\":\"1\"},{\"role\":\"assistant\",\"content\":\"2\"},{\"role\":\"system\",\"content\":\"3\"},{\"role\":\"user\",\"content\":\"4\"}]"}]'
    [ "$(sent '[.messages[] | .role, .content]')" = '["user","1","assistant","2","system","3","user","4"]' ]
}

@test "D19: a function that a plugin brings is not unregistered, not even by half" {
    says 501 'Not implemented: ' DELETE /v1/scoring-functions/basic::equality
    scores 200 '"score_rows":[{"score":1.0}]' "$right" '{"basic::equality":null}'
    says 200 '"identifier":"basic::equality"' GET /v1/scoring-functions/basic::equality
}

@test "D20: a registered judge judges after a restart, too" {
    EVALD_DIR=$BATS_TEST_TMPDIR
    read -r models <"$BATS_FILE_TMPDIR/server.models"
    start_evald "$(models "$(model m "http://${models#listening on }/v1")")"
    register_judge acme::d20
    stop_evald
    start_evald
    scores 200 '{"score":"B","judge_feedback":"Answer: B"}' "$judged" '{"acme::d20":null}'
    answers 204 "" DELETE /v1/scoring-functions/acme::d20
}

# judged_by REPLY...: an evald of the test's own whose model servers reply so, and record it.
judged_by() {
    EVALD_DIR=$BATS_TEST_TMPDIR
    printf '%s\n' "$@" >"$EVALD_DIR/replies"
    start_server judge --reply-map "$EVALD_DIR/replies" --record "$EVALD_DIR/asked"
    start_evald "$(models "$(model gpt-4o-mini "$SERVER_URL")" "$(model text-embedding-ada-002 "$SERVER_URL")")"
    watch_sent "$EVALD_DIR/asked"
}

@test "D21: a caller's key is kept for nobody" {
    judged_by
    local row='[{"input_query":"q","expected_answer":"same","generated_answer":"same"}]' of pid key=sk-of-the-first-caller
    post_says 200 '"score":1.0,' /v1/scoring/score "{\"input_rows\":$row,\"scoring_functions\":{\"braintrust::answer-similarity\":null}}" \
        -H "X-LlamaStack-Provider-Data: {\"openai_api_key\":\"$key\"}"
    [ -n "$(sent .input)" ]
    for of in "$EVALD_PID" "$(child_of "$EVALD_PID" evald-gateway)" "$(child_of "$EVALD_PID" evald-runner)"; do
        [ -r "/proc/$of/environ" ]
        ! grep -qF "$key" "/proc/$of/environ" || false
    done
    ! grep -rqF "$key" "$EVALD_STATE" "$EVALD_LOG" "$EVALD_DIR/asked"
}

@test "D22: every error has one body that both generations read" {
    for request in "GET /v1/nope" "PUT /v1/health" "GET $at/nope" "GET /v1beta/datasets/nope" \
        "GET /v1/providers/nope" "GET $at/four/jobs/x" "GET $at/nope/jobs" "POST $at" \
        "POST /v1/scoring/score" "GET /v1beta/datasetio/iterrows/four?limit=x"; do
        evald_request ${request%% *} "${request#* }" |
            jq -e '(.detail | type == "string" or (.errors | length > 0))
                and .detail == .error.detail and (.error.message | type == "string" and . != "")
                and (if .detail | type == "string" then .detail == .error.message else true end)
                and all(.detail.errors?[]; (.loc | type) == "array" and (.msg | type) == "string" and (.type | type) == "string")' >/dev/null ||
            { echo "$request" >&2; return 1; }
        [ "$(http_status)" -ge 400 ]
    done
}

@test "D23: what is wrong with the caller's data is a 400 that names row and column" {
    scores 400 "Invalid value: row 1: missing column 'generated_answer'" \
        '[{"expected_answer":"x","generated_answer":"x"},{"expected_answer":"x"}]' '{"basic::equality":null}'
    scores 400 "row 0: column 'generated_answer'" '[{"expected_answer":"x","generated_answer":5}]' '{"basic::subset_of":null}'
    evaluates 400 'row 0' '[{"expected_answer":"x","chat_completion_input":"no JSON"}]'
    evaluates 400 "row 0: has neither 'completion_input' nor 'chat_completion_input'" '[{"expected_answer":"x"}]'
}

@test "D24: iterrows has no url, but where the old API had a template" {
    says 200 '"url":null}' GET /v1beta/datasetio/iterrows/four
    says 200 '"url":"/v1/datasetio/iterrows/{dataset_id:path}"}' GET /v1/datasetio/iterrows/four
}

# instructed STATUS PART ID KWARGS: an answer by one instruction of ifeval.
instructed() {
    scores "$1" "$2" "[{\"prompt\":\"p\",\"instruction_id_list\":[\"$3\"],\"kwargs\":[$4],\"generated_answer\":\"${5:-one two three}\"}]" '{"basic::ifeval":null}'
}

@test "D25: ifeval leaves nothing to chance, and says nothing of its arguments" {
    local i
    for i in 1 2 3; do
        instructed 400 "Invalid value: row 0: instruction 'keywords:existence' needs 'keywords'" keywords:existence '{}'
        instructed 400 "Invalid value: row 0: instruction 'length_constraints:number_words' needs 'num_words'" length_constraints:number_words '{"relation":"at least"}'
        instructed 400 "Invalid value: row 0: instruction 'length_constraints:number_words' needs 'num_words'" length_constraints:number_words '{"num_words":-1,"relation":"at least"}'
        instructed 200 '"score":1.0' language:response_language '{"language":"fr"}' "Les enfants jouent dans le jardin pendant que leurs parents discutent."
    done
    instructed 200 '"score":0.0' keywords:existence '{"keywords":["secret-word-of-the-row"]}'
    ! grep -q 'secret-word' "$EVALD_LOG"
}

@test "D26: words that docvqa has not met leave nothing behind" {
    local pages='[{"expected_answer":"[\"seven eleven\"]","generated_answer":"7 eleven"},{"expected_answer":"[\"11\"]","generated_answer":"eleven"}]' words
    local want='"score_rows":[{"score":1.0},{"score":0.0}]'
    scores 200 "$want" "$pages" '{"basic::docvqa":null}'
    words=$(printf '{"expected_answer":"[\\"w%d eleven 11\\"]","generated_answer":"w%d eleven 11"}\n' $(seq 500 | sed p) | paste -sd,)
    scores 200 '"num_correct":500.0,"num_total":500' "[$words]" '{"basic::docvqa":null}'
    scores 200 "$want" "$pages" '{"basic::docvqa":null}'
}

@test "D27: math needs no alarm, and evaluates no expression" {
    local caught
    scores 200 '"score_rows":[{"score":0.0},{"score":0.0},{"score":1.0}]' \
        '[{"expected_answer":"2","generated_answer":"The final answer is $\\boxed{1+1}$"},{"expected_answer":"3","generated_answer":"The final answer is $\\boxed{3.00e+0}$"},{"expected_answer":"1+1","generated_answer":"The final answer is $\\boxed{1 + 1}$"}]' \
        '{"basic::regex_parser_math_response":null}'
    caught=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$(child_of "$EVALD_PID" evald-runner)/status")
    [ -n "$caught" ]
    [ $((0x$caught >> 13 & 1)) -eq 0 ] # SIGALRM is 14
}

@test "D28: a regex that searches without end is a 400, and other requests go on" {
    local long
    long=$(printf 'a%.0s' {1..5000})
    scores 400 'Invalid value: row 0: ' "[{\"expected_answer\":\"x\",\"generated_answer\":\"${long}b\"}]" \
        '{"basic::regex_parser_multiple_choice_answer":{"type":"regex_parser","parsing_regexes":["((a+)+)$"]}}'
    scores 400 'Invalid value: row 0: ' "[{\"expected_answer\":\"x\",\"generated_answer\":\"${long}b\"}]" \
        '{"basic::regex_parser_math_response":{"type":"regex_parser","parsing_regexes":["((a+)+)$"]}}'
    instructed 400 'Invalid value: row 0: ' keywords:existence '{"keywords":["((a+)+)$"]}' "${long}b"
    scores 200 '"score":1.0' "$right" '{"basic::equality":null}'
}

@test "D30: an error of the worst kind is a whole answer, on a connection that goes on" {
    body="{\"input_rows\":[{\"generated_answer\":\"crash\"}],\"scoring_functions\":{\"test::crash\":null}}"
    curl -sS --unix-socket "$EVALD_SOCKET" -w '\n%{http_code} %{num_connects}\n' -H 'Content-Type: application/json' \
        --data-binary "$body" http://evald/v1/scoring/score --next -sS --unix-socket "$EVALD_SOCKET" \
        -w '\n%{http_code} %{num_connects}\n' http://evald/v1/health >"$BATS_TEST_TMPDIR/out"
    mapfile -t lines <"$BATS_TEST_TMPDIR/out"
    printf '%s\n' "${lines[0]}" | jq -e '.error.message'
    [ "${lines[1]}" = '500 1' ]
    [ "${lines[2]}" = '{"status":"OK"}' ]
    [ "${lines[3]}" = '200 0' ]
}

@test "D31: what a benchmark lacks is found before any model is asked" {
    server models /stats/reset -X POST
    put_benchmark no-data nowhere basic::equality
    post_says 400 'Dataset `nowhere` not served by provider' $at/no-data/jobs "{\"benchmark_config\":$(config m)}"
    put_benchmark no-function chat basic::equality nobody::knows
    post_says 400 'Scoring_function `nobody::knows` not served by' $at/no-function/jobs "{\"benchmark_config\":$(config m)}"
    post_says 400 'Scoring_function `nobody::knows` not served by' $at/chat/evaluations \
        "{\"input_rows\":[$(chat_rows 1)],\"scoring_functions\":[\"nobody::knows\"],\"benchmark_config\":$(config m)}"
    count_is models total 0
}

@test "D32: faithfulness is about the generated answer, not the expected one" {
    judged_by '{"match":"","call":"extract_statements","arguments":{"statements":["s"]}}' \
        '{"match":"","call":"judge_statements","arguments":{"faithfulness":[{"statement":"s","verdict":1}]}}'
    local row='{"input_query":"q","expected_answer":"what was expected","generated_answer":"what was generated","context":"c"}'
    scores 200 '"score_rows":[{"score":1.0,"metadata":{"statements":["s"],' "[$row]" '{"braintrust::faithfulness":null}'
    contains "$(sent '.messages[0].content' | head -n 1)" 'what was generated'
    ! sent '.messages[0].content' | grep -q 'what was expected'
}

@test "D33: the health of a provider is that of its plugin" {
    EVALD_DIR=$BATS_TEST_TMPDIR
    mkdir -m 755 "$BATS_TEST_TMPDIR/plugins"
    install -m 755 "$EVALD_BUILDDIR/tests/plugins/.libs/given.so" "$BATS_TEST_TMPDIR/plugins/"
    echo 'no plugin' >"$BATS_TEST_TMPDIR/plugins/text.so"
    chmod 755 "$BATS_TEST_TMPDIR/plugins/text.so"
    EVALD_PLUGIN_PATH=$BATS_TEST_TMPDIR/plugins:$EVALD_PLUGIN_PATH start_evald
    evald_get /v1/providers >"$BATS_TEST_TMPDIR/got"
    jq -e '.data[] | select(.provider_type == "inline::test") | .health == {"status":"OK"}' "$BATS_TEST_TMPDIR/got"
    jq -e '.data[] | select(.provider_id == "text.so") | .health.status == "Error" and (.health.message | length > 0)' "$BATS_TEST_TMPDIR/got"
}

@test "D34: a 500 says what broke; what the caller can mend is none" {
    scores 500 'test::crash' '[{"generated_answer":"crash"}]' '{"test::crash":null}'
    scores 400 'Invalid value: ' "$right" '{"basic::equality":{"type":"basic","aggregation_functions":["weighted_average"]}}'
    evaluates 400 "Model 'nope' not found" "$right" '' nope
}

@test "D35: a benchmark whose id no path could hold is refused" {
    for id in '' a/b /; do
        post_says 400 'benchmark_id' $at "{\"benchmark_id\":\"$id\",\"dataset_id\":\"four\",\"scoring_functions\":[]}"
    done
    evald_get $at | jq -e 'all(.data[]; .identifier | test("^[^/]+$"))'
}

@test "D36: a registration that is refused changes nothing" {
    put_benchmark same four basic::equality
    post_says 400 "'same'" $at '{"benchmark_id":"same","dataset_id":"chat","scoring_functions":["basic::subset_of"]}'
    says 200 '"dataset_id":"four","scoring_functions":["basic::equality"]' GET $at/same
    submit same baseline::recorded
    job_ends same "$JOB" completed
    job_result same "$JOB" | jq -e '.scores | keys == ["basic::equality"]'
}
