# braintrust: judges that must call functions, and embeddings, over HTTP from end to end.
load lib

SECRET=sk-braintrust-0123456789

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR
    printf '%s\n' "$SECRET" >"$EVALD_DIR/key"
    chmod 600 "$EVALD_DIR/key"
    replies >"$EVALD_DIR/replies"
    start_server judge --reply-map "$EVALD_DIR/replies" --record "$EVALD_DIR/asked" --api-key "$SECRET"
    local judge=$SERVER_URL
    start_server broken --fail-rate 1 --fail-mode 500
    start_evald "
        $(models "$(model gpt-4o "$judge" "key_file = \"$EVALD_DIR/key\";")" \
            "$(model mini "$judge" "name = \"mini-1\"; key_file = \"$EVALD_DIR/key\";")" \
            "$(model vectors "$judge" "name = \"vectors-1\"; key_file = \"$EVALD_DIR/key\";")" \
            "$(model broken "$SERVER_URL" 'max_attempts = 1;')")
        roles = { gpt-4o-mini = \"mini\"; text-embedding-ada-002 = \"vectors\"; };"
}

teardown_file() {
    stop_evald
    stop_servers
}

setup() {
    watch_sent "$EVALD_DIR/asked"
    server judge /stats/reset -X POST >/dev/null
}

# What the server answers: by the text of the row, then for all others.
replies() {
    printf '%s\n' \
        '{"match":"[silent]","reply":"I think it is A."}' \
        '{"match":"[cut]","call":"select_choice","arguments":"{\"reasons\":\"because"}' \
        '{"match":"[many]","call":"extract_entities","arguments":{"entities":["Lutz","a","b"]}}' \
        '{"match":"","call":"select_choice","arguments":{"reasons":["it says","more"],"choice":" B\n"}}' \
        '{"match":"","call":"classify_statements","arguments":{"TP":["t"],"FP":["f"],"FN":["n"]}}' \
        '{"match":"","call":"generate_question","arguments":{"question":"Which river?","noncommittal":0}}' \
        '{"match":"statements of an answer","call":"extract_statements","arguments":{}}' \
        '{"match":"attributed","call":"extract_statements","arguments":{"statements":[{"statement":"s","attributed":1},{"statement":"t","attributed":0}]}}' \
        '{"match":"","call":"extract_statements","arguments":{"statements":["s1","s2"]}}' \
        '{"match":"","call":"judge_statements","arguments":{"faithfulness":[{"statement":"s1","verdict":1},{"statement":"s2","verdict":1},{"statement":"s3","verdict":0}]}}' \
        '{"match":"","call":"extract_entities","arguments":{"entities":["Lutz","Zubrovka"]}}' \
        '{"match":"","call":"verify","arguments":{"reason":"r","verdict":1}}' \
        '{"match":"","call":"extract_sentences","arguments":{"sentences":[{"sentence":"The Lutz.","reasons":[]}]}}' \
        '{"input":"It is the Lutz.","embedding":[1,0]}' \
        '{"input":"The Lutz runs through it.","embedding":[0.94,0.3411744421846397]}' \
        '{"input":"Which river runs there?","embedding":[1,0]}' \
        '{"input":"Which river?","embedding":[0.85,0.526782687642637]}' \
        '{"input":"Lutz","embedding":[1,0]}' '{"input":"Zubrovka","embedding":[0,1]}' \
        '{"input":"a","embedding":[0,1]}' '{"input":"b","embedding":[-1,0]}'
}

# row [MEMBERS]: one with all columns, or those columns in place of its own.
row() {
    jq -cn --argjson more "{${1:-}}" '{input_query:"Which river runs there?",
        expected_answer:"The Lutz runs through it.", generated_answer:"It is the Lutz.",
        context:["Zubrovka.","The Lutz."]} + $more'
}

# score FUNCTION [PARAMS [ROW]]: the body of a request.
score() {
    printf '{"input_rows":[%s],"scoring_functions":{"braintrust::%s":%s}}' "${3:-$(row)}" "$1" "${2:-null}"
}

# scores FUNCTION SCORE_ROW AVERAGE [PARAMS [ROW]]: exactly that, without extensions.
scores() {
    posts 200 "{\"results\":{\"braintrust::$1\":{\"score_rows\":[$2],\"aggregated_results\":{\"average\":{\"average\":$3}}}}}" \
        /v1/scoring/score "$(score "$1" "${@:4}")" -H 'Evald-Extensions: off'
}

# fails FUNCTION MESSAGE [PARAMS [ROW]]: the row has no score, and that is why.
fails() {
    local got want="{\"score\":null,\"metadata\":{\"error\":{\"stage\":\"scorer\",\"code\":\"remote\",\"message\":\"$2\",\"attempts\":1}}}"
    got=$(evald_post /v1/scoring/score "$(score "$1" "${@:3}")")
    [ "$(http_status)" = 200 ] || { echo "$got" >&2; return 1; }
    contains "$got" "\"score_rows\":[$want]"
}

SIMILAR='{"name":"EmbeddingSimilarity","score":0.7999999999999998,"metadata":{},"error":null}'
NEAR='{"name":"EmbeddingSimilarity","score":0.5,"metadata":{},"error":null}'

@test "factuality: the judge's letter, and its reasons as lines" {
    scores factuality '{"score":0.6,"metadata":{"choice":"B","rationale":"it says\nmore"}}' 0.6
}

@test "the judge is sent one message, one function, and must call it" {
    evald_post /v1/scoring/score "$(score factuality)" >/dev/null
    [ "$(sent '[.model, .temperature, .max_tokens, (.messages | length), .messages[0].role]')" = '["gpt-4o",0,512,1,"user"]' ]
    [ "$(sent '[.tools[].function | .name, (.parameters.required | sort)]')" = '["select_choice",["choice","reasons"]]' ]
    [ "$(sent .tool_choice)" = '{"type":"function","function":{"name":"select_choice"}}' ]
    local column
    for column in 'Which river runs there?' 'The Lutz runs through it.' 'It is the Lutz.'; do
        contains "$(sent .messages[0].content)" "$column"
    done
}

@test "answer-correctness: statements and similarity" {
    scores answer-correctness "{\"score\":0.575,\"metadata\":{\"factuality\":{\"TP\":[\"t\"],\"FP\":[\"f\"],\"FN\":[\"n\"]},\"factuality_score\":0.5,\"answer_similarity\":$SIMILAR,\"answer_similarity_score\":0.7999999999999998}}" 0.575
    [ "$(sent .model)" = $'"mini-1"\n"vectors-1"\n"vectors-1"' ]
}

@test "answer-similarity: an embedding of each answer" {
    scores answer-similarity '{"score":0.7999999999999998,"metadata":{}}' 0.7999999999999998
    [ "$(sent . | LC_ALL=C sort)" = '{"model":"vectors-1","input":"It is the Lutz."}
{"model":"vectors-1","input":"The Lutz runs through it."}' ]
}

@test "a text is embedded once in a row" {
    scores answer-similarity '{"score":1.0,"metadata":{}}' 1.0 null "$(row '"expected_answer":"It is the Lutz."')"
    [ "$(sent .input)" = '"It is the Lutz."' ]
}

@test "answer-relevancy: three questions, each against the one asked" {
    local q='{"question":"Which river?","noncommittal":0}'
    scores answer-relevancy "{\"score\":0.5,\"metadata\":{\"questions\":[$q,$q,$q],\"similarity\":[$NEAR,$NEAR,$NEAR],\"temperature\":0.5}}" 0.5
    [ "$(sent .temperature)" = $'0.5\n0.5\n0.5\nnull\nnull' ]
    [ "$(sent 'select(.input).input' | LC_ALL=C sort)" = $'"Which river runs there?"\n"Which river?"' ]
}

@test "faithfulness: statements of the generated answer, judged by the context" {
    scores faithfulness '{"score":0.6666666666666666,"metadata":{"statements":["s1","s2"],"faithfulness":[{"statement":"s1","verdict":1},{"statement":"s2","verdict":1},{"statement":"s3","verdict":0}]}}' 0.6666666666666666
    local prompts
    prompts=$(sent .messages[0].content)
    contains "${prompts%%$'\n'*}" 'It is the Lutz.'
    [[ ${prompts%%$'\n'*} != *'runs through it'* ]] || false
    contains "${prompts##*$'\n'}" 'Zubrovka.\nThe Lutz.'
    contains "${prompts##*$'\n'}" '[\"s1\", \"s2\"]'
}

@test "context-entity-recall: the best matching of entities" {
    scores context-entity-recall '{"score":1.0,"metadata":{"context_entities":["Lutz","Zubrovka"],"expected_entities":["Lutz","Zubrovka"]}}' 1.0
    scores context-entity-recall '{"score":0.6666666666666666,"metadata":{"context_entities":["Lutz","Zubrovka"],"expected_entities":["Lutz","a","b"]}}' \
        0.6666666666666666 null "$(row '"expected_answer":"[many]"')"
}

@test "context-precision, context-recall, context-relevancy" {
    scores context-precision '{"score":1,"metadata":{"precision":{"reason":"r","verdict":1}}}' 1.0
    local s='{"statements":[{"statement":"s","attributed":1},{"statement":"t","attributed":0}]}'
    scores context-recall "{\"score\":0.5,\"metadata\":{\"statements\":$s,\"recall\":$s}}" 0.5
    scores context-relevancy '{"score":0.47368421052631576,"metadata":{"relevant_sentences":[{"sentence":"The Lutz.","reasons":[]}]}}' 0.47368421052631576
}

@test "listings have the nine with the reference's params" {
    local got f
    got=$(evald_get /v1/scoring-functions)
    for f in factuality answer-correctness answer-relevancy answer-similarity faithfulness \
        context-entity-recall context-precision context-recall context-relevancy; do
        [ "$(jq -c ".data[] | select(.identifier == \"braintrust::$f\") | [.provider_id, .provider_resource_id, .type, .metadata, .return_type, .params]" <<<"$got")" = \
            "[\"braintrust\",\"$f\",\"scoring_function\",{},{\"type\":\"number\"},{\"type\":\"basic\",\"aggregation_functions\":[\"average\"]}]" ]
    done
}

@test "an empty list of aggregations means the default's, any other list what it says" {
    local row='{"score":0.7999999999999998,"metadata":{}}'
    scores answer-similarity "$row" 0.7999999999999998 '{"type":"basic","aggregation_functions":[]}'
    scores answer-similarity "$row" 0.7999999999999998 '{"type":"regex_parser","parsing_regexes":["x"],"aggregation_functions":[]}'
    posts 200 "{\"results\":{\"braintrust::answer-similarity\":{\"score_rows\":[$row],\"aggregated_results\":{\"median\":{\"median\":0.7999999999999998}}}}}" \
        /v1/scoring/score "$(score answer-similarity '{"type":"basic","aggregation_functions":["median"]}')" -H 'Evald-Extensions: off'
}

@test "what a judge answers costs the row, not the request" {
    fails factuality 'judge: the reply has no call of select_choice' null \
        "$(row '"input_query":"[silent]"')"
    fails factuality 'judge: the arguments of select_choice are no JSON where a JSON object is needed' null "$(row '"input_query":"[cut]"')"
    fails context-precision 'judge: HTTP 500: The server had an error' '{"type":"basic","judge_model":"broken"}'
    fails answer-similarity 'embedding model: HTTP 500: The server had an error' '{"type":"basic","embedding_model":"broken"}'
}

@test "an average passes over rows in error, and the statistics say how many and what they hide" {
    local got
    got=$(evald_post /v1/scoring/score "$(score factuality \
        '{"type":"basic","aggregation_functions":["average","accuracy","categorical_count"]}' \
        "$(row),$(row '"input_query":"[cut]"'),$(row '"input_query":"[silent]"')")")
    [ "$(http_status)" = 200 ]
    contains "$got" '"aggregated_results":{"average":{"average":0.6},"accuracy":{"accuracy":0.19999999999999998,"num_correct":0.6,"num_total":3},"categorical_count":{"categorical_count":{"0.6":1,"None":2}}}'
    contains "$got" '"n_total":3,"n_scored":1,"n_errored":2,"n_abstained":0,'
    [ "$(jq -c '.statistics[].bounds | map(. * 1000 | round)' <<<"$got")" = '[200,867]' ] || { echo "$got" >&2; false; }
    got=$(evald_post /v1/scoring/score "$(score factuality null "$(row '"input_query":"[cut]"')")")
    contains "$got" '"aggregated_results":{"average":{"average":null}}'
    contains "$got" '"n_scored":0,"n_errored":1,'
    contains "$got" '"bounds":[0.0,1.0]'
}

@test "what the caller gave is a 400, and nothing is asked" {
    post_says 400 "row 0: missing column 'context'" /v1/scoring/score \
        "$(score context-recall null '{"input_query":"q","expected_answer":"e","generated_answer":"g"}')"
    post_says 400 "row 0: missing column 'generated_answer'" /v1/scoring/score \
        "$(score context-recall null '{"input_query":"q","expected_answer":"e","context":"c"}')"
    post_says 400 "row 0: column 'generated_answer' is null" /v1/scoring/score "$(score faithfulness null "$(row '"generated_answer":null')")"
    post_says 400 "row 0: column 'context' is empty" /v1/scoring/score "$(score context-relevancy null "$(row '"context":[]')")"
    post_says 400 "scoring function 'braintrust::factuality': judge_model: Model 'nope' not found" /v1/scoring/score "$(score factuality '{"type":"basic","judge_model":"nope"}')"
    post_says 400 "scoring function 'braintrust::answer-similarity': embedding_model: Model 'nope' not found" /v1/scoring/score "$(score answer-similarity '{"type":"basic","embedding_model":"nope"}')"
    post_says 400 'embedding_model: ' /v1/scoring/score "$(score answer-similarity '{"type":"basic","embedding_model":7}')"
    count_is judge chat 0
    count_is judge embeddings 0
}

@test "a job scores by all of them, and its key is nowhere but at the model server" {
    row >"$BATS_TEST_TMPDIR/rows"
    row '"input_query":"[cut]"' >>"$BATS_TEST_TMPDIR/rows"
    put_rows river <"$BATS_TEST_TMPDIR/rows"
    put_benchmark river river braintrust::factuality braintrust::answer-correctness braintrust::faithfulness
    submit river baseline::recorded
    job_ends river "$JOB" completed
    local got
    got=$(job_result river "$JOB")
    contains "$got" '"braintrust::factuality":{"score_rows":[{"score":0.6,"metadata":{"choice":"B","rationale":"it says\nmore"}},{"score":null,"metadata":{"error":{"stage":"scorer","code":"remote"'
    contains "$got" "\"answer_similarity\":$SIMILAR"
    contains "$got" '"braintrust::faithfulness":{"score_rows":[{"score":0.6666666666666666,'
    evald_post /v1/scoring/score "$(score factuality)" -H 'X-LlamaStack-Provider-Data: {"openai_api_key":"sk-of-a-client-987"}' >/dev/null
    [ "$(http_status)" = 200 ]
    got+=$(job_detail river "$JOB")
    [[ $got != *"$SECRET"* ]] || false
    ! grep -rqF -e "$SECRET" -e sk-of-a-client "$EVALD_STATE" "$EVALD_LOG" "$EVALD_DIR/asked"
}
