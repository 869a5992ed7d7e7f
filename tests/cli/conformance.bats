# evalctl conformance, and what tapes of evald-runner --replay can say for it.
load lib

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    export TMPDIR=$BATS_TEST_TMPDIR LC_ALL=C
    EVALD_PLUGIN_PATH=$EVALD_PLUGIN_PATH:$EVALD_BUILDDIR/tests/plugins/.libs
}

# equality ID ANSWER [SCORE]: a case that expects "x"
equality() {
    printf '{"id":"%s","scorer":"basic::equality","row":{"expected_answer":"x","generated_answer":"%s"},"params":null,"expect":{"score":%s}}\n' \
        "$1" "$2" "${3:-1.0}"
}

# crash ID ANSWER
crash() {
    printf '{"id":"%s","scorer":"test::crash","row":{"generated_answer":"%s"},"expect":{"score":1}}\n' "$1" "$2"
}

# aggregation ROWS NAMES JSON
aggregation() {
    printf '{"id":"a","scorer":"aggregation","row":{"score_rows":%s,"aggregation_functions":%s},"expect":{"aggregated_results":%s,"expect_json":"%s"}}\n' \
        "$1" "$2" "$3" "${3//\"/\\\"}"
}

conformance() {
    run "$EVALCTL" conformance "$@"
}

# replay TAPE-LINE...: to test::judge
replay() {
    printf '%s\n' "$@" >tape.jsonl
    run "$EVALD_LIBEXECDIR/evald-runner" --replay \
        "${REPLAY_FILE:-$EVALD_BUILDDIR/tests/plugins/.libs/judge.so}" tape.jsonl
}

# ---- the command ----

@test "cases that agree end with 0" {
    { equality a x; equality b y 0; } >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 0 ]
    [[ "${lines[1]}" =~ ^basic::equality\ +2\ +2\ +0\ +0\ +0$ ]]
}

@test "a case that differs ends with 1, and is shown with what came" {
    { equality a x; equality b y; } >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 1 ]
    [[ "$output" == *"b  c.jsonl:2"$'\n'"  expected  {\"score\":1.0}"$'\n'"  came      emitted {\"score\":0.0}"* ]]
}

@test "--differences says how many are shown" {
    for i in 1 2 3; do equality "case$i" y; done >c.jsonl
    conformance --differences 2 c.jsonl
    [ "$status" -eq 1 ]
    [[ "$output" == *"differences, 2 of 3:"* ]] || false
    [[ "$output" != *case3* ]]
}

@test "--json gives the same as a document" {
    { equality a x; equality b y; } >c.jsonl
    run "$EVALCTL" --json conformance c.jsonl
    [ "$status" -eq 1 ]
    [ "$(jq -c '[.all.cases, .all.agreeing, .all.differing, .scorers[0].scorer, .differences[0].id]' <<<"$output")" = \
        '[2,1,1,"basic::equality","b"]' ]
}

@test "all files of a directory are played" {
    mkdir cases
    equality a x >cases/one.jsonl
    equality b x >cases/two.jsonl
    echo "no case" >cases/README
    conformance cases
    [ "$status" -eq 0 ]
    [[ "${lines[1]}" =~ ^basic::equality\ +2\ +2\  ]]
}

@test "--scorer leaves out what is of others" {
    { equality a x; crash b crash; } >c.jsonl
    conformance --scorer basic::equality c.jsonl
    [ "$status" -eq 0 ]
    conformance --scorer basic::nothing c.jsonl
    [ "$status" -eq 2 ]
    [ "$output" = 'evalctl: no case is of scorer "basic::nothing"' ]
}

@test "a case whose scorer no plugin has differs" {
    printf '{"id":"a","scorer":"no::such","row":{},"expect":{"score":1}}\n' >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 1 ]
    [[ "$output" == *"came      no plugin has no::such"* ]]
}

@test "a scorer that two different files declare is an error that names both, one that is copied none" {
    mkdir more
    cp "$EVALD_BUILDDIR/plugins/.libs/basic.so" more
    equality a x >c.jsonl
    EVALD_PLUGIN_PATH=$PWD/more:$EVALD_PLUGIN_PATH conformance c.jsonl
    [ "$status" -eq 0 ]
    echo >>more/basic.so
    EVALD_PLUGIN_PATH=$PWD/more:$EVALD_PLUGIN_PATH conformance c.jsonl
    [ "$status" -eq 1 ]
    [ "$output" = "evalctl: basic::equality is declared by $PWD/more/basic.so and $EVALD_BUILDDIR/plugins/.libs/basic.so: evald would take neither" ]
}

@test "a runner that dies costs its case, and the others are played" {
    { crash a fine; crash b crash; crash c fine; crash d exit; crash e fine; } >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 1 ]
    grep -Eq '^test::crash +5 +3 +0 +2 +0$' <<<"$output" # what died may have said something
    [[ "$output" == *"b  c.jsonl:2"* ]] || false
    [[ "$output" == *"d  c.jsonl:4"* ]]
}

@test "a case of LaTeX evaluation is skipped" {
    printf '{"id":"a","scorer":"basic::equality","row":{},"latex_eval":true,"expect":{"score":7}}\n' >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 0 ]
    [[ "${lines[1]}" =~ ^basic::equality\ +1\ +0\ +0\ +0\ +1$ ]]
}

@test "nothing is left in the directory for temporary files" {
    equality a x >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 0 ]
    [ "$(ls -A)" = c.jsonl ]
}

# ---- misuse ----

@test "a file without cases ends with 2" {
    printf '\n \n' >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 2 ]
    [ "$output" = "evalctl: c.jsonl: has no cases" ]
}

@test "a directory without files of cases ends with 2" {
    mkdir cases
    conformance cases
    [ "$status" -eq 2 ]
    [ "$output" = "evalctl: cases: has no files of cases (*.jsonl)" ]
}

@test "a line that is no JSON is named by file and line" {
    { equality a x; echo '{"id":'; } >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 2 ]
    [[ "$output" == "evalctl: c.jsonl:2: no JSON: "* ]]
}

@test "a kind of case that is not known is named by file and line" {
    { equality a x; printf '\n{"id":"b","scorer":"nonsense","row":{},"expect":{}}\n'; } >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 2 ]
    [ "$output" = 'evalctl: c.jsonl:3: unknown kind of case: scorer "nonsense"' ]
}

@test "params that are no object are named by file and line" {
    equality a x | jq -c '.params = []' >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 2 ]
    [ "$output" = 'evalctl: c.jsonl:1: the "params" of a case are an object or null' ]
}

@test "a line that is too long is named once" {
    { equality a x; printf '{"id":"%*s"}\n' 17000000 x; } >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 2 ]
    [ "$output" = 'evalctl: c.jsonl:2: the row is longer than 16 MiB' ]
}

@test "lines may end with CRLF, be empty, and begin with a byte order mark" {
    printf '\xef\xbb\xbf\n%s\r\n\r\n%s' "$(equality a x)" "$(equality b x)" >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 0 ]
    [[ "${lines[1]}" =~ ^basic::equality\ +2\ +2\  ]]
}

@test "a runner that is not there is an error, and no plugin's fault" {
    equality a x >c.jsonl
    EVALD_LIBEXECDIR=/nowhere run "$EVALCTL" conformance c.jsonl
    [ "$status" -eq 1 ]
    [ "$output" = "evalctl: /nowhere/evald-runner: No such file or directory" ]
}

@test "a file that is not there ends with 2" {
    conformance nowhere.jsonl
    [ "$status" -eq 2 ]
    [ "$output" = "evalctl: nowhere.jsonl: No such file or directory" ]
}

@test "no file at all is a wrong command line" {
    conformance
    [ "$status" -eq 2 ]
    conformance --differences many c.jsonl
    [ "$status" -eq 2 ]
}

# ---- what cases may hold ----

@test "half a surrogate pair is text that evald refuses" {
    {
        printf '{"id":"a","scorer":"basic::equality","row":{"expected_answer":"\\ud800","generated_answer":"\\ud83d\\ude00"},"expect":{"error":true}}\n'
        printf '{"id":"b","scorer":"basic::equality","row":{"expected_answer":"\\udc00","generated_answer":"x"},"expect":{"score":0.0}}\n'
        printf '{"id":"c","scorer":"basic::equality","row":{"expected_answer":"\\ud83d\\ude00","generated_answer":"\\ud83d\\ude00"},"expect":{"score":1.0}}\n'
    } >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 1 ]
    [[ "${lines[1]}" =~ ^basic::equality\ +3\ +2\ +0\ +1\ +0$ ]] || false
    [[ "$output" == *"b  c.jsonl:2"* ]]
}

@test "a megabyte of text and integers of thousands of digits are played" {
    local digits text
    digits=$(printf '7%.0s' {1..4000})
    text=$(head -c 1000000 /dev/zero | tr '\0' a)
    {
        printf '{"id":"a","scorer":"basic::equality","row":{"expected_answer":%s,"generated_answer":%s},"expect":{"score":1.0}}\n' "$digits" "$digits"
        printf '{"id":"b","scorer":"basic::equality","row":{"expected_answer":%s,"generated_answer":%s1},"expect":{"score":0.0}}\n' "$digits" "$digits"
        printf '{"id":"c","scorer":"basic::equality","row":{"expected_answer":"%s","generated_answer":"%s"},"expect":{"score":1.0}}\n' "$text" "$text"
    } >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 0 ]
}

@test "an aggregation is compared by its text too" {
    {
        aggregation '[{"score":1},{"score":2}]' '["average"]' '{"average": {"average": 1.5}}'
        aggregation '[{"score":1}]' '["median"]' '{"median": {"median": 1.0}}'
    } >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 1 ]
    [[ "${lines[1]}" =~ ^aggregation\ +2\ +1\ +0\ +1\ +0$ ]] || false
    [[ "$output" == *'came      wrote {"median": {"median": 1}}'* ]]
}

@test "a boolean is no number, and 1 is 1.0" {
    {
        printf '{"id":"a","scorer":"basic::equality","row":{"expected_answer":1,"generated_answer":1},"expect":{"score":true}}\n'
        printf '{"id":"b","scorer":"basic::equality","row":{"expected_answer":1,"generated_answer":1},"expect":{"score":1}}\n'
    } >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 1 ]
    [[ "${lines[1]}" =~ ^basic::equality\ +2\ +1\ +0\ +1\ +0$ ]]
}

# ---- rules ----

@test "a case that evald decides otherwise is held to what the rule expects" {
    {
        aggregation '[]' '["average"]' '{"average": {"average": 1.0}}'
        printf '{"id":"b","scorer":"aggregation","row":{"score_rows":[{"score":null},{"score":3}],"aggregation_functions":["accuracy"]},"expect":{"error":true}}\n'
    } >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 0 ]
    [[ "${lines[1]}" =~ ^aggregation\ +2\ +0\ +2\ +0\ +0$ ]] || false
    [[ "$output" == *"null-aggregate      2          0  10  "* ]]
}

@test "a rule that changes nothing of what was recorded does not count" {
    printf '{"id":"a","scorer":"aggregation","row":{"score_rows":[],"aggregation_functions":["average"]},"expect":{"aggregated_results":{"average":{"average":null}},"expect_json":"{\\"average\\": {\\"average\\": null}}"}}\n' >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 0 ]
    [[ "${lines[1]}" =~ ^aggregation\ +1\ +1\ +0\ +0\ +0$ ]]
}

@test "a judge's template with a format is refused, whatever was recorded" {
    printf '{"id":"a","scorer":"llm-as-judge::base","row":{"input_query":"q","expected_answer":"e","generated_answer":"g"},"params":{"type":"llm_as_judge","judge_model":"m","prompt_template":"{input_query:>3}","judge_score_regexes":[]},"judge_reply":"r","expect":{"score":null,"judge_feedback":"r"},"expect_prompt":"  q","expect_model":"m"}\n' >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 0 ]
    [[ "$output" == *template-names* ]]
}

@test "a judge that is asked something else differs" {
    printf '{"id":"a","scorer":"llm-as-judge::base","row":{"input_query":"q","expected_answer":"e","generated_answer":"g"},"params":{"type":"llm_as_judge","judge_model":"m","prompt_template":"{input_query}","judge_score_regexes":[]},"judge_reply":"r","expect":{"score":null,"judge_feedback":"r"},"expect_prompt":"another","expect_model":"m"}\n' >c.jsonl
    conformance c.jsonl
    [ "$status" -eq 1 ]
    [[ "$output" == *"came      the body of ask 0 is "* ]]
}

@test "every rule is held to by evald, also beyond what was recorded" {
    run "$EVALCTL" --json conformance "$EVALD_SRCDIR/tests/cli/decided.jsonl"
    [ "$(jq -c '[.rules[] | select(.cases + .differing > 0) | [.rule, .cases + .differing]]' <<<"$output")" = \
        '[["messages-as-given",1],["template-names",1],["null-aggregate",5],["random-kwargs",3],["extra-kwargs",3],["checked-first",2],["max-tokens-null",1],["chat-input-array",1],["config-range",8],["own-prompts",2]]' ]
    [ "$(jq -c '[.all.agreeing, .all.decided_otherwise, .all.differing]' <<<"$output")" = '[3,27,0]' ]
    [ "$status" -eq 0 ]
}

# ---- tapes ----

two='{"kind":"model","body":{"messages":[{"content":"Grade this answer from 0 to 10. Question: Q Answer: twice"}]},"reply":{"body":{"message":{"content":"2"}}}},{"kind":"model","prompt_has":["generated_answer"],"reply":{"body":{"message":{"content":"4"}}}}'
swapped='{"kind":"model","body":{"messages":[{"content":"Grade this answer from 0 to 10. Question: Q Answer: twice Grade it once more."}]},"reply":{"body":{"message":{"content":"4"}}}},{"kind":"model","reply":{"body":{"message":{"content":"2"}}}}'
row='"row":{"generated_answer":"twice","input_query":"Q"}'

@test "asks come in the order of the tape" {
    replay "{$row,\"asks\":[$two],\"expect\":{\"score\":0.3,\"grades\":2}}"
    [ "$status" -eq 0 ]
    replay "{$row,\"asks\":[$swapped],\"expect\":{\"score\":0.3,\"grades\":2}}"
    [ "$status" -eq 1 ]
}

@test "asks_open lets them come in any order" {
    replay "{$row,\"asks_open\":true,\"asks\":[$swapped],\"expect\":{\"score\":0.3,\"grades\":2}}"
    [ "$status" -eq 0 ]
}

@test "asks_open lets the tape have more of them" {
    replay "{$row,\"asks_open\":true,\"asks\":[$two,{\"kind\":\"sleep\"}],\"expect\":{\"score\":0.3,\"grades\":2}}"
    [ "$status" -eq 0 ]
    replay "{$row,\"asks\":[$two,{\"kind\":\"sleep\"}],\"expect\":{\"score\":0.3,\"grades\":2}}"
    [ "$status" -eq 1 ]
}

@test "asks_open is no leave to ask what is not on the tape" {
    replay "{$row,\"asks_open\":true,\"asks\":[{\"kind\":\"sleep\"}],\"expect\":{\"score\":0.3,\"grades\":2}}"
    [ "$status" -eq 1 ]
    [[ "$output" == *"ask 0 is of kind model"* ]]
}

@test "prompt_has wants the text of a column in the messages" {
    local end='],"expect":{"score":0.5,"grades":1}}' answer='"reply":{"body":{"message":{"content":"5"}}}'
    replay '{"row":{"generated_answer":"4","input_query":"Q"},"asks":[{"kind":"model","prompt_has":["generated_answer","input_query"],'"$answer}$end"
    [ "$status" -eq 0 ]
    replay '{"row":{"generated_answer":"4","input_query":"Q","mark":"away"},"asks":[{"kind":"model","prompt_has":["mark"],'"$answer}$end"
    [ "$status" -eq 1 ]
    [[ "$output" == *'the prompt of ask 0 does not have the column "mark"'* ]]
}

@test "schema_required wants one tool with just these members" {
    replay '{"row":{"generated_answer":"4"},"asks":[{"kind":"model","schema_required":["a"],"reply":{"body":{"message":{"content":"5"}}}}],"expect":{"score":0.5,"grades":1}}'
    [ "$status" -eq 1 ]
    [[ "$output" == *'the tool of ask 0 does not require ["a"] alone'* ]]
}

@test "like holds a row to what another gives" {
    REPLAY_FILE=$EVALD_BUILDDIR/plugins/.libs/basic.so
    replay '{"plugin":"basic::equality","row":{"expected_answer":1,"generated_answer":1},"like":{"expected_answer":1,"generated_answer":1.0}}'
    [ "$status" -eq 0 ]
    replay '{"plugin":"basic::equality","row":{"expected_answer":1,"generated_answer":1},"like":{"expected_answer":1,"generated_answer":2}}'
    [ "$status" -eq 1 ]
    replay '{"plugin":"basic::equality","row":{"expected_answer":1,"generated_answer":1},"like":{"expected_answer":1}}'
    [ "$status" -eq 1 ]
    [[ "$output" == *"the row that it is like failed with bad_row"* ]]
}

@test "like with an error expected lets both rows fail, and not one of them" {
    REPLAY_FILE=$EVALD_BUILDDIR/plugins/.libs/basic.so
    local whole='{"expected_answer":1,"generated_answer":1}' part='{"expected_answer":1}'
    local begin='{"plugin":"basic::equality","row"' end='"expect":{"error":"caller"}}'
    replay "$begin:$part,\"like\":$part,$end"
    [ "$status" -eq 0 ]
    replay "$begin:$whole,\"like\":$whole,$end"
    [ "$status" -eq 0 ]
    replay "$begin:$whole,\"like\":$part,$end"
    [ "$status" -eq 1 ]
    [[ "$output" == *"did not fail, and the row that it is like failed with bad_row"* ]] || false
    replay "$begin:$part,\"like\":$whole,$end"
    [ "$status" -eq 1 ]
}

@test "caller is an error of the row or of the params, and not the judge's" {
    replay '{"row":{},"expect":{"error":"caller"}}'
    [ "$status" -eq 0 ]
    replay '{"row":{"generated_answer":"4"},"asks":[{"kind":"model","reply":{"body":{"message":{"content":"none"}}}}],"expect":{"error":"caller"}}'
    [ "$status" -eq 1 ]
    [[ "$output" == *"failed with remote"* ]]
}

@test "aggregations need no plugin" {
    REPLAY_FILE=-
    replay '{"aggregations":["median"],"scored":[{"score":"\u00e9"}],"expect_json":"{\"median\": {\"median\": \"\\u00e9\"}}"}' \
        '{"aggregations":["median"],"scored":[{}],"expect":{"error":"caller"}}' \
        '{"aggregations":["mode"],"scored":[],"expect":{"error":"caller"}}'
    [ "$status" -eq 0 ]
    replay '{"row":{"generated_answer":"4"},"expect":{"score":1}}'
    [ "$status" -eq 1 ]
    [[ "$output" == *"there is no plugin file"* ]]
}
