# Data sets: registering, listing, deleting, and who may name which.
load lib

setup() {
    start_evald
}

teardown() {
    stop_evald
}

capitals='{"purpose":"eval/messages-answer","dataset_id":"capitals","source":{"type":"rows","rows":[{"input_query":"Capital of Norway?","expected_answer":"Oslo","chat_completion_input":"[{\"role\":\"user\",\"content\":\"Capital of Norway?\"}]"},{"input_query":"Capital of Peru?","expected_answer":"Lima","chat_completion_input":"[{\"role\":\"user\",\"content\":\"Capital of Peru?\"}]"}]}}'
registered='{"identifier":"capitals","provider_resource_id":"capitals","provider_id":"localfs","type":"dataset","purpose":"eval/messages-answer","source":{"type":"rows","rows":[{"input_query":"Capital of Norway?","expected_answer":"Oslo","chat_completion_input":"[{\"role\":\"user\",\"content\":\"Capital of Norway?\"}]"},{"input_query":"Capital of Peru?","expected_answer":"Lima","chat_completion_input":"[{\"role\":\"user\",\"content\":\"Capital of Peru?\"}]"}]},"metadata":{}}'

# rows DATASET ROWS [MEMBERS]: a body.
rows() {
    printf '{"purpose":"eval/question-answer","dataset_id":"%s","source":{"type":"rows","rows":%s}%s}' "$1" "$2" "${3:-}"
}

# dataset ID ROWS: what is answered.
dataset() {
    printf '{"identifier":"%s","provider_resource_id":"%s","provider_id":"localfs","type":"dataset","purpose":"eval/question-answer","source":{"type":"rows","rows":%s},"metadata":{}}' "$1" "$1" "$2"
}

@test "rows are registered, got and listed as they came" {
    posts 200 "$registered" /v1beta/datasets "$capitals"
    answers 200 "$registered" GET /v1beta/datasets/capitals
    answers 200 "$registered" GET /v1/datasets/capitals
    answers 200 "{\"data\":[$registered]}" GET /v1beta/datasets
}

@test "numbers, spaces and order of members stay as they were written" {
    sent='[ {"b":1.0, "a":1,"c":1e5,"big":123456789012345678901234567890,"n":null,"s":"ä\u00e4\n"} , {"a":[1,{"x":true}]} ]'
    kept='[{"b":1.0,"a":1,"c":1e5,"big":123456789012345678901234567890,"n":null,"s":"ä\u00e4\n"},{"a":[1,{"x":true}]}]'
    posts 200 "$(dataset d "$kept")" /v1beta/datasets "$(rows d "$sent")"
}

@test "a uri is registered and not opened" {
    posts 200 '{"identifier":"u","provider_resource_id":"u","provider_id":"localfs","type":"dataset","purpose":"eval/question-answer","source":{"type":"uri","uri":"file:///nowhere/x.csv"},"metadata":{"k":[1]}}' \
        /v1beta/datasets '{"purpose":"eval/question-answer","dataset_id":"u","source":{"type":"uri","uri":"file:///nowhere/x.csv"},"metadata":{"k":[1]}}'
}

@test "without an id, or with an empty one, it gets a random one" {
    for id in '' ',"dataset_id":""' ',"dataset_id":null'; do
        got=$(evald_post /v1beta/datasets "{\"purpose\":\"eval/question-answer\",\"source\":{\"type\":\"rows\",\"rows\":[]}$id}")
        [ "$(http_status)" = 200 ]
        [[ $got =~ ^\{\"identifier\":\"(dataset-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})\" ]]
        answers 200 "$got" GET "/v1beta/datasets/${BASH_REMATCH[1]}"
    done
}

@test "an id with slashes, spaces and other letters, raw or encoded" {
    posts 200 "$(dataset 'a/b c/ü::x' '[]')" /v1beta/datasets "$(rows 'a/b c/ü::x' '[]')"
    answers 200 "$(dataset 'a/b c/ü::x' '[]')" GET /v1beta/datasets/a%2Fb%20c%2F%C3%BC%3A%3Ax
    answers 200 "$(dataset 'a/b c/ü::x' '[]')" GET /v1beta/datasets/a/b%20c/%C3%BC::x
    answers 204 "" DELETE /v1beta/datasets/a/b%20c%2F%c3%bc::x
    answers 200 '{"data":[]}' GET /v1beta/datasets
}

@test "metadata may name the provider, one that there is" {
    posts 400 "$(error_body 'Invalid value: Provider `mine` not found')" /v1beta/datasets \
        "$(rows d '[]' ',"metadata":{"provider_id":"mine"}')"
    post_says 200 '"provider_id":"localfs"' /v1beta/datasets \
        "$(rows d '[]' ',"metadata":{"provider_id":"localfs"}')"
}

@test "v1beta: the same again is fine, something else is a 400 and changes nothing" {
    posts 200 "$(dataset d '[{"a":1}]')" /v1beta/datasets "$(rows d '[{"a":1}]')"
    posts 200 "$(dataset d '[{"a":1}]')" /v1beta/datasets "$(rows d '[{"a":1}]')"
    post_says 400 "'d'" /v1beta/datasets "$(rows d '[{"a":2}]')"
    answers 200 "$(dataset d '[{"a":1}]')" GET /v1beta/datasets/d
}

@test "v1: something else replaces it" {
    posts 200 "$(dataset d '[{"a":1}]')" /v1/datasets "$(rows d '[{"a":1}]')"
    posts 200 "$(dataset d '[{"a":2}]')" /v1/datasets "$(rows d '[{"a":2}]')" -D "$(headers)"
    has_header 'Deprecation: @1758844800'
    answers 200 "{\"data\":[$(dataset d '[{"a":2}]')]}" GET /v1beta/datasets
}

@test "delete is a 204, then a 404" {
    posts 200 "$(dataset d '[]')" /v1beta/datasets "$(rows d '[]')"
    answers 204 "" DELETE /v1beta/datasets/d
    text="Dataset 'd' not found. Use 'client.datasets.list()' to list available Datasets."
    answers 404 "$(error_body "$text")" GET /v1beta/datasets/d
    answers 404 "$(error_body "$text")" DELETE /v1beta/datasets/d
    answers 404 "$(error_body "$text")" DELETE /v1/datasets/d
}

@test "data sets outlive evald, killed or not" {
    posts 200 "$registered" /v1beta/datasets "$capitals"
    stop_evald KILL
    start_evald
    answers 200 "{\"data\":[$registered]}" GET /v1beta/datasets
    stop_evald
    start_evald
    answers 200 "$registered" GET /v1beta/datasets/capitals
}

@test "what is wrong with a data set is said item by item" {
    posts 400 "$(invalid body.purpose 'Field required' missing body.source 'Field required' missing)" \
        /v1beta/datasets '{}'
    posts 400 "$(invalid body.source.rows.rows 'Field required' missing)" /v1beta/datasets \
        '{"purpose":"eval/question-answer","source":{"type":"rows"}}'
    post_says 400 '"type":"enum"' /v1beta/datasets "$(rows d '[]' | sed 's|eval/question-answer|what|')"
    post_says 400 '"type":"dict_type"' /v1beta/datasets "$(rows d '[{},1]')"
    post_says 400 '"source","rows","rows",1]' /v1beta/datasets "$(rows d '[{},1]')"
    post_says 400 '"type":"union_tag_invalid"' /v1beta/datasets \
        '{"purpose":"eval/question-answer","source":{"type":"file"}}'
    answers 200 '{"data":[]}' GET /v1beta/datasets
}
