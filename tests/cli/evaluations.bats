# evalctl conformance, the cases of evaluate_rows: a real evald answers them, and evalctl keeps
# what its models are asked.
load lib

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    export TMPDIR=$BATS_TEST_TMPDIR LC_ALL=C
}

# evaluation [JQ]: a case in which two rows are answered, one of them right, changed by JQ.
evaluation() {
    jq -cn '
        def asked(text): {kind: "chat", model: "cand", messages: [{role: "user", content: text}],
            sampling_params: {strategy: {type: "greedy"}, max_tokens: 8, repetition_penalty: 1.0, stop: null}};
        def row(text): {input_query: text, expected_answer: "x",
            chat_completion_input: ([{role: "user", content: text}] | tojson)};
        {id: "a", scorer: "eval::evaluate_rows", params: null, row: {
            benchmark_config: {eval_candidate: {type: "model", model: "cand", sampling_params: {max_tokens: 8}}},
            input_rows: [row("p"), row("q")], scoring_functions: ["basic::equality"],
            replies: {p: "x", q: "y"}},
        expect: {generations: [{generated_answer: "x"}, {generated_answer: "y"}],
            scores: {"basic::equality": {score_rows: [{score: 1.0}, {score: 0.0}],
                aggregated_results: {accuracy: {accuracy: 0.5, num_correct: 1.0, num_total: 2}}}}},
        expect_requests: [asked("p"), asked("q")]} | '"${1:-.}"
}

# judged: the same by a judge, who is asked of each row behind the candidate.
judged() {
    evaluation '.row.scoring_functions = ["llm-as-judge::base"]
        | .row.benchmark_config.scoring_params = {"llm-as-judge::base": {type: "llm_as_judge",
            judge_model: "judge", prompt_template: "Is it {generated_answer}?",
            judge_score_regexes: ["(yes|no)"], aggregation_functions: ["categorical_count"]}}
        | .row.replies += {"Is it x?": "yes!"}
        | .expect.scores = {"llm-as-judge::base": {score_rows: [{score: "yes", judge_feedback: "yes!"},
            {score: "no", judge_feedback: "no reply is set for this message"}],
            aggregated_results: {categorical_count: {categorical_count: {no: 1, yes: 1}}}}}
        | .expect_requests += [("x", "y") | {kind: "chat", model: "judge", sampling_params: null,
            messages: [{role: "user", content: "Is it \(.)?"}]}] | '"${1:-.}"
}

# agrees: as all cases of the input must when they are played.
agrees() {
    local n
    cat >c.jsonl
    n=$(wc -l <c.jsonl)
    run "$EVALCTL" conformance c.jsonl
    [[ "$status ${lines[1]}" =~ ^0\ eval::evaluate_rows\ +$n\ +$n\ +0\ +0\ +0$ ]] || { echo "$output" >&2; return 1; }
}

# differs PART: as the one case of the input must, with PART in what is said of it.
differs() {
    cat >c.jsonl
    run "$EVALCTL" conformance c.jsonl
    [ "$status" -eq 1 ] || { echo "$output" >&2; return 1; }
    contains "$output" "$1"
}

@test "an evaluation agrees, and so do all in one file" {
    { evaluation; judged '.id = "b"'; evaluation '.id = "c"'; } | agrees
}

@test "another answer, score or aggregate differs" {
    evaluation '.row.replies.p = "z"' | differs '  came      {"generations":[{"generated_answer":"z"},'
    evaluation '.expect.scores["basic::equality"].score_rows[1].score = 1.0' | differs '"score_rows":[{"score":1.0},{"score":0.0}]'
    evaluation '.expect.scores["basic::equality"].aggregated_results = {}' | differs '"accuracy":0.5'
}

@test "an answer has no statistics, and none may be expected" {
    evaluation '.expect.statistics = {}' | differs '  came      {"generations":'
}

@test "of a long answer the part that differs is shown" {
    local many='.row.input_rows |= [range(100) as $i | .[0]] | .expect_requests |= [range(100) as $i | .[0]]
        | .expect.generations |= [range(100) as $i | .[0]]
        | .expect.scores["basic::equality"] = {score_rows: [range(100) | {score: 1.0}], aggregated_results: {accuracy: {accuracy: 0.25, num_correct: 100.0, num_total: 100}}}'
    evaluation "$many" >c.jsonl
    run "$EVALCTL" conformance c.jsonl
    contains "$output" '"accuracy":0.25,'
    contains "$output" '"accuracy":1.0,"num_correct":100.0,'
    [ "$(wc -L <<<"$output")" -lt 700 ]
    evaluation "$many"' | .expect.generations[0].generated_answer = "é"' | differs '  came      {"generations":[{"generated_answer":"x"},'
}

@test "requests may come in any order of rows" {
    evaluation '.expect_requests |= reverse' | agrees
}

@test "a request that is not listed differs, and one that is not made" {
    evaluation '.expect_requests |= .[:1]' | differs 'asked for what is not listed: {"model":"cand","messages":[{"role":"user","content":"q"}]'
    evaluation '.expect_requests += .expect_requests[:1]' | differs 'did not ask: {"model":"cand","messages":[{"role":"user","content":"p"}]'
    evaluation '.expect_requests[0].model = "other"' | differs 'asked for what is not listed: '
}

@test "sampling parameters are compared as they travel" {
    local greedy='{type: "greedy"}' nucleus='{type: "top_p", temperature: 0.5, top_p: 0.9}'
    evaluation ".row.benchmark_config.eval_candidate.sampling_params += {strategy: $nucleus, stop: [\"E\"]}
        | .expect_requests[].sampling_params += {strategy: $nucleus, stop: [\"E\"]}" | agrees
    evaluation ".row.benchmark_config.eval_candidate.sampling_params += {strategy: $nucleus}
        | .expect_requests[].sampling_params += {strategy: $greedy}" | differs '"temperature":0.5,"top_p":0.9'
    evaluation '.row.benchmark_config.eval_candidate.sampling_params = {repetition_penalty: 1.25, strategy: {type: "top_k", top_k: 4}}
        | .expect_requests[].sampling_params += {max_tokens: 0, repetition_penalty: 1.25, strategy: {type: "top_k", top_k: 4}}' | agrees
    evaluation '.expect_requests[].sampling_params.max_tokens = 9' | differs '"max_tokens":8'
}

@test "completions are answered by their prompt, items of it joined by a blank" {
    evaluation '.row.input_rows |= [{expected_answer: "z", completion_input: ([{type: "text", text: "p"}, {type: "text", text: "q"}] | tojson)}]
        | .row.replies = {"p q": "z"}
        | .expect.generations = [{generated_answer: "z"}]
        | .expect.scores["basic::equality"] = {score_rows: [{score: 1.0}], aggregated_results: {accuracy: {accuracy: 1.0, num_correct: 1.0, num_total: 1}}}
        | .expect_requests = [.expect_requests[0] | {kind: "completion", model, content: [{type: "text", text: "p"}, {type: "text", text: "q"}], sampling_params}]' | agrees
}

@test "a completion may be one item" {
    evaluation '.row.input_rows |= [{expected_answer: "x", completion_input: ({type: "text", text: "p"} | tojson)}]
        | .expect.generations |= .[:1]
        | .expect.scores["basic::equality"] = {score_rows: [{score: 1.0}], aggregated_results: {accuracy: {accuracy: 1.0, num_correct: 1.0, num_total: 1}}}
        | .expect_requests |= [{kind: "completion", model: "cand", content: {type: "text", text: "p"}, sampling_params: .[0].sampling_params}]' | agrees
}

@test "a judge is asked behind the candidate of its row, at the same server" {
    judged | agrees
    judged '.expect_requests |= [.[2, 3, 0, 1]]' | differs 'asked for a row in another order than is listed'
}

@test "two judges of a row are asked in the order of their functions, whatever servers they have" {
    local two='.row.input_rows |= .[:1] | .expect.generations |= .[:1] | .expect_requests |= [.[0, 2]]
        | .row.scoring_functions += ["llm-as-judge::405b-simpleqa"]
        | .row.benchmark_config.scoring_params["llm-as-judge::405b-simpleqa"] = {type: "llm_as_judge",
            judge_model: "other", prompt_template: "{input_query}?", judge_score_regexes: []}
        | .row.replies["p?"] = "so"
        | .expect.scores["llm-as-judge::base"] = {score_rows: [{score: "yes", judge_feedback: "yes!"}],
            aggregated_results: {categorical_count: {categorical_count: {yes: 1}}}}
        | .expect.scores["llm-as-judge::405b-simpleqa"] = {score_rows: [{score: null, judge_feedback: "so"}],
            aggregated_results: {}}
        | .expect_requests += [.expect_requests[1] | .model = "other" | .messages[0].content = "p?"]'
    { judged "$two"; judged "$two"' | .id = "b" | .row.scoring_functions |= reverse | .expect_requests |= [.[0, 2, 1]]'; } | agrees
}

@test "where an error is expected an answer differs, and the other way round" {
    evaluation '.expect = {error: true}' | differs 'did not fail: {"generations":'
    evaluation 'del(.row.input_rows[1].chat_completion_input)' | differs 'came      error 400: Invalid value: row 1: '
}

@test "a row that fails may leave requests unmade, but not the first" {
    evaluation 'del(.row.input_rows[0].chat_completion_input) | .expect = {error: true} | .expect_requests = []' | agrees
    evaluation 'del(.row.input_rows[1].expected_answer) | .expect = {error: true}' | agrees
    evaluation '.row.input_rows[].completion_input = "no JSON" | .expect = {error: true}' | differs 'did not ask: '
}

@test "where a row fails, others may have asked more than is listed, but not that row" {
    judged 'del(.row.input_rows[0].expected_answer) | .expect = {error: true} | .expect_requests |= .[:2]' | agrees
    evaluation '.row.input_rows |= .[:1] | .row.input_rows[0] |= del(.expected_answer) | .expect = {error: true}
        | .expect_requests = []' | differs 'asked for what is not listed: '
}

@test "a judge that fails in one row may have been asked of others, and of nothing else" {
    judged '.row.benchmark_config.scoring_params["llm-as-judge::base"].judge_score_regexes = ["("]
        | .expect = {error: true} | .expect_requests |= .[:3]' | agrees
    judged '.row.benchmark_config.scoring_params["llm-as-judge::base"].judge_score_regexes = ["("]
        | .expect = {error: true} | .expect_requests = [.expect_requests[0] | .messages[0].content = "z"]' | differs 'differences, 1 of 1'
}

@test "requests of an evaluation that failed are not the next one's" {
    local i
    for i in 1 2 3 4; do
        evaluation "del(.row.input_rows[0].chat_completion_input) | .row.input_rows += [range(20) as \$i | .row.input_rows[1]]
            | .id = \"failed$i\" | .expect = {error: true} | .expect_requests = []"
        evaluation ".id = \"whole$i\""
    done | agrees
}

@test "models may have any name" {
    evaluation '"org/m \"ü\" \\ %2F" as $name | .row.benchmark_config.eval_candidate.model = $name | .expect_requests[].model = $name' | agrees
}

@test "an evald that does not start is told, with its reason" {
    evaluation >c.jsonl
    EVALD=/nowhere/evald run "$EVALCTL" conformance c.jsonl
    [ "$status" -eq 1 ]
    [ "$output" = "evalctl: /nowhere/evald: No such file or directory" ]
    printf '#!/bin/sh\necho "<3>no mood for it" >&2\nexit 1\n' >moody
    chmod +x moody
    EVALD=$PWD/moody run "$EVALCTL" conformance c.jsonl
    [ "$status" -eq 1 ]
    [ "$output" = "evalctl: evald does not start: no mood for it" ]
    [ "$(echo *)" = "c.jsonl moody" ]
}

@test "a TMPDIR whose sockets would have too long a path is passed over, and one may be relative" {
    local long=$PWD/0123456789012345678901234567890123456789/0123456789012345678901234567890123456789
    mkdir -p "$long" relative
    evaluation >c.jsonl
    TMPDIR=$long run "$EVALCTL" conformance c.jsonl
    [ "$status" -eq 0 ]
    TMPDIR=relative run "$EVALCTL" conformance c.jsonl
    [ "$status" -eq 0 ]
    [ -z "$(ls -A "$long" relative | grep evalctl)" ]
    TMPDIR=nowhere run "$EVALCTL" conformance c.jsonl
    [ "$status" -eq 1 ]
    [ "$output" = "evalctl: directory for temporary files nowhere: No such file or directory" ]
}

# interrupted SIGNAL: evalctl is, while it plays
interrupted() {
    local pid child
    rm -f out
    jq -c 'range(3000) as $i | .' <<<"$(evaluation)" >c.jsonl
    "$EVALCTL" conformance c.jsonl >out 2>&1 3>&- &
    pid=$!
    has_child() {
        child=$(cat "/proc/$pid/task/$pid/children")
        [ -n "$child" ]
    }
    wait_for has_child
    kill "-$1" "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 130 ]
    ended ${child%% *}
    [ "$(echo *)" = "c.jsonl out" ]
}

@test "on SIGINT nothing stays, no evald and no file" {
    interrupted INT
}

@test "on SIGTERM and SIGHUP neither" {
    interrupted TERM
    interrupted HUP
}
