# Benchmarks: registering, re-registering, listing, deleting.
load lib

setup() {
    start_evald
}

teardown() {
    stop_evald
}

# body ID [MEMBERS]
body() {
    printf '{"benchmark_id":"%s","dataset_id":"d","scoring_functions":["basic::equality"]%s}' "$1" "${2:-}"
}

# benchmark ID [PROVIDER]
benchmark() {
    printf '{"identifier":"%s","provider_resource_id":"%s","provider_id":"%s","type":"benchmark","dataset_id":"d","scoring_functions":["basic::equality"],"metadata":{}}' \
        "$1" "$1" "${2:-builtin}"
}

at=/v1alpha/eval/benchmarks

@test "registered on the deprecated alias: null, and a header that says so" {
    posts 200 null /v1/eval/benchmarks \
        '{"benchmark_id":"cap-bench","dataset_id":"capitals","scoring_functions":["basic::equality","basic::subset_of"]}' -D "$(headers)"
    has_header 'Deprecation: @1758844800'
    says 200 '"dataset_id":"capitals","scoring_functions":["basic::equality","basic::subset_of"],"metadata":{}}' \
        GET $at/cap-bench
}

@test "registered, got and listed; neither data set nor functions need to be there" {
    posts 200 null $at "$(body b)"
    answers 200 "$(benchmark b)" GET $at/b
    answers 200 "{\"data\":[$(benchmark b)]}" GET $at
}

@test "each generation of the API sees the provider under its own name" {
    posts 200 null $at "$(body b)"
    answers 200 "$(benchmark b builtin)" GET $at/b
    answers 200 "$(benchmark b meta-reference)" GET /v1/eval/benchmarks/b
}

@test "both names of the provider are taken, any other is a 400" {
    posts 200 null $at "$(body a ',"provider_id":"builtin"')"
    posts 200 null $at "$(body b ',"provider_id":"meta-reference"')"
    posts 400 "$(error_body 'Invalid value: Provider `nvidia` not found')" $at "$(body c ',"provider_id":"nvidia"')"
}

@test "metadata and provider_benchmark_id are kept; null is as good as absent" {
    posts 200 null $at "$(body b ',"metadata":{"x":[1,{"y":null}]},"provider_benchmark_id":"p"')"
    answers 200 '{"identifier":"b","provider_resource_id":"p","provider_id":"builtin","type":"benchmark","dataset_id":"d","scoring_functions":["basic::equality"],"metadata":{"x":[1,{"y":null}]}}' \
        GET $at/b
    posts 200 null $at "$(body c ',"metadata":null,"provider_benchmark_id":null,"provider_id":null')"
    answers 200 "$(benchmark c)" GET $at/c
}

@test "numbers of metadata come back as Python prints them; what JSON has not is null" {
    posts 200 null $at "$(body n ',"metadata":{"i":3,"f":3.0,"big":123456789012345678901234567890,"e":[1e16,1e15,0.0001,0.00001,5e-324,-0.0,2.50],"none":[NaN,-Infinity,1e999],"a":1,"a":2}')"
    says 200 '"metadata":{"i":3,"f":3.0,"big":123456789012345678901234567890,"e":[1e+16,1000000000000000.0,0.0001,1e-05,5e-324,-0.0,2.5],"none":[null,null,null],"a":2}}' \
        GET $at/n
}

@test "v1alpha: the same again is fine, something else is a 400 and changes nothing" {
    posts 200 null $at "$(body b)"
    posts 200 null $at "$(body b)"
    post_says 400 "'b'" $at "$(body b ',"metadata":{"x":1}')"
    answers 200 "$(benchmark b)" GET $at/b
}

@test "v1: something else replaces it" {
    posts 200 null /v1/eval/benchmarks "$(body b ',"metadata":{"x":1}')"
    posts 200 null /v1/eval/benchmarks "$(body b)"
    answers 200 "{\"data\":[$(benchmark b)]}" GET $at
}

@test "an id that is empty or holds a slash could never be asked for: a 400" {
    post_says 400 'benchmark_id' $at "$(body '')"
    post_says 400 'benchmark_id' $at "$(body a/b)"
    answers 200 '{"data":[]}' GET $at
}

@test "an id with letters that need encoding" {
    posts 200 null $at "$(body 'b::1 ü?')"
    answers 200 "$(benchmark 'b::1 ü?')" GET $at/b::1%20%C3%BC%3F
    answers 204 "" DELETE $at/b%3A%3A1%20%C3%BC%3F
}

@test "an unknown benchmark is a 400" {
    answers 400 "$(error_body "Invalid value: Benchmark 'nope' not found")" GET $at/nope
    answers 400 "$(error_body "Invalid value: Benchmark 'nope' not found")" DELETE $at/nope
}

@test "delete is a 204, then a 400" {
    posts 200 null $at "$(body b)"
    answers 204 "" DELETE $at/b
    answers 400 "$(error_body "Invalid value: Benchmark 'b' not found")" GET $at/b
    answers 200 '{"data":[]}' GET $at
}

@test "benchmarks outlive evald, killed or not" {
    posts 200 null $at "$(body b)"
    posts 200 null $at "$(body a)"
    answers 204 "" DELETE $at/a
    stop_evald KILL
    start_evald
    answers 200 "{\"data\":[$(benchmark b)]}" GET $at
}

@test "what is wrong is said item by item" {
    posts 400 "$(invalid body.benchmark_id 'Field required' missing body.dataset_id 'Field required' missing \
        body.scoring_functions 'Field required' missing)" $at '{}'
    posts 400 "$(invalid body.benchmark_id 'Input should be a valid string' string_type \
        body.scoring_functions.1 'Input should be a valid string' string_type \
        body.metadata 'Input should be a valid dictionary' dict_type)" \
        $at '{"benchmark_id":1,"dataset_id":"d","scoring_functions":["a",null],"metadata":[]}'
    posts 400 "$(invalid body.scoring_functions 'Input should be a valid list' list_type)" \
        $at '{"benchmark_id":"b","dataset_id":"d","scoring_functions":"basic::equality","stray":1}'
}
