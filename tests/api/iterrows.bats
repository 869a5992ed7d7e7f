# Rows of a data set, page by page, from every kind of source.
load lib

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR ROOT=$BATS_FILE_TMPDIR/root
    mkdir "$ROOT"
    start_evald "dataset = { roots = [ \"$ROOT\" ]; };"
    printf '{"n":%d}\n' 0 1 2 3 4 | put_rows five
    put_rows none </dev/null
}

teardown_file() {
    stop_evald
}

# page FROM TO HAS_MORE: of data set five.
page() {
    local i list=
    for ((i = $1; i < $2; i++)); do
        list+=",{\"n\":$i}"
    done
    printf '{"data":[%s],"has_more":%s,"url":null}' "${list:1}" "$3"
}

# iterates URI ROWS: a data set with that uri has these rows.
iterates() {
    put_uri "u$BATS_TEST_NUMBER" "$1"
    answers 200 "{\"data\":[$2],\"has_more\":false,\"url\":null}" GET "/v1beta/datasetio/iterrows/u$BATS_TEST_NUMBER"
    answers 204 "" DELETE "/v1beta/datasets/u$BATS_TEST_NUMBER"
}

# iterates_not URI TEXT: a 400 with that text in it.
iterates_not() {
    put_uri "u$BATS_TEST_NUMBER" "$1"
    says 400 "$2" GET "/v1beta/datasetio/iterrows/u$BATS_TEST_NUMBER"
    answers 204 "" DELETE "/v1beta/datasets/u$BATS_TEST_NUMBER"
}

@test "pages, as in the reference implementation" {
    at=/v1beta/datasetio/iterrows/five
    answers 200 "$(page 0 5 false)" GET $at
    answers 200 "$(page 0 5 false)" GET "$at?limit=-1"
    answers 200 "$(page 0 2 true)" GET "$at?limit=2"
    answers 200 "$(page 3 5 false)" GET "$at?start_index=3&limit=2"
    answers 200 "$(page 9 9 false)" GET "$at?start_index=9&limit=2"
    answers 200 "$(page 0 0 true)" GET "$at?limit=0"
    answers 200 "$(page 2 5 false)" GET "$at?start_index=2"
    answers 200 "$(page 0 1 true)" GET "$at?start_index=0&limit=1" # 13.2
    answers 200 "$(page 0 5 false)" GET "$at?limit=99999999"
}

@test "no rows" {
    answers 200 '{"data":[],"has_more":false,"url":null}' GET /v1beta/datasetio/iterrows/none
    answers 200 '{"data":[],"has_more":false,"url":null}' GET '/v1beta/datasetio/iterrows/none?start_index=1&limit=1'
}

@test "on v1 the url is the template" {
    answers 200 '{"data":[{"n":0}],"has_more":true,"url":"/v1/datasetio/iterrows/{dataset_id:path}"}' \
        GET '/v1/datasetio/iterrows/five?limit=1'
}

@test "numbers out of range, and what is no number, are a 400" {
    answers 400 "$(invalid query.start_index 'Input should be greater than or equal to 0' greater_than_equal)" \
        GET '/v1beta/datasetio/iterrows/five?start_index=-1'
    answers 400 "$(invalid query.limit 'Input should be greater than or equal to -1' greater_than_equal)" \
        GET '/v1beta/datasetio/iterrows/five?limit=-2'
    answers 400 "$(invalid query.start_index 'Input should be a valid integer, unable to parse string as an integer' int_parsing \
        query.limit 'Input should be a valid integer, unable to parse string as an integer' int_parsing)" \
        GET '/v1beta/datasetio/iterrows/five?limit=x&start_index=y'
}

@test "an unknown data set is a 400 here" {
    says 400 'Invalid value: Dataset `nope` not served by provider: `localfs`. Make sure there is an DatasetIO provider serving this dataset.' \
        GET /v1beta/datasetio/iterrows/nope
}

@test "JSONL below a root: by path, by file URL, with the name encoded" {
    printf '{"a":1}\n\n{"a":"x y"}\r\n{"b":null}' >"$ROOT/rows one.jsonl"
    rows='{"a":1},{"a":"x y"},{"b":null}'
    iterates "$ROOT/rows one.jsonl" "$rows"
    iterates "file://$ROOT/rows%20one.jsonl" "$rows"
    iterates "file://localhost$ROOT/rows%20one.jsonl" "$rows"
}

@test "numbers that JSON has not are null, all others stay as they are" {
    printf '{"a": NaN,"b":[-Infinity,1e999],"c":1E5,"d":123456789012345678901234567890}\n' >"$ROOT/nan.jsonl"
    rows='{"a":null,"b":[null,null],"c":1E5,"d":123456789012345678901234567890}'
    iterates "$ROOT/nan.jsonl" "$rows"
    put_rows nan <"$ROOT/nan.jsonl"
    answers 200 "{\"data\":[$rows],\"has_more\":false,\"url\":null}" GET /v1beta/datasetio/iterrows/nan
    says 200 "\"rows\":[$rows]" GET /v1beta/datasets/nan
}

@test "a JSON array of objects" {
    printf '[{"a": 1},\n {"a": [2]}]' >"$ROOT/rows.json"
    iterates "$ROOT/rows.json" '{"a":1},{"a":[2]}'
    iterates "data:application/json,%5B%7B%22a%22%3A1%7D%5D" '{"a":1}'
    printf '{"a":1}' >"$ROOT/object.json"
    iterates_not "$ROOT/object.json" 'not a JSON array'
}

@test "CSV: the type of a column is that of all its cells" {
    printf 'i,f,gap,b,s,mix,zero,i\n1,1.5,1,true,x,1,007,9\n-2,1e3,,FALSE,"y, ""z""",x,8,\n' >"$ROOT/types.csv"
    iterates "$ROOT/types.csv" '{"i":1,"f":1.5,"gap":1.0,"b":true,"s":"x","mix":"1","zero":7,"i.1":9.0},{"i":-2,"f":1000.0,"gap":null,"b":false,"s":"y, \"z\"","mix":"x","zero":8,"i.1":null}'
}

@test "CSV: BOM, CRLF, blank lines, short rows, embedded line feeds, missing names" {
    printf '\xef\xbb\xbf\r\na,,b\r\n1,2\r\n \t\r\n"x\ny",NA,z\r\n' >"$ROOT/odd.csv"
    iterates "$ROOT/odd.csv" '{"a":"1","Unnamed: 1":2.0,"b":null},{"a":"x\ny","Unnamed: 1":null,"b":"z"}'
    printf 'a,b\n' >"$ROOT/header.csv"
    iterates "$ROOT/header.csv" ''
}

@test "data URLs: CSV and JSONL, percent-encoded and base64" {
    iterates 'data:text/csv,a%2Cb%0A1%2Cx' '{"a":1,"b":"x"}'
    iterates "data:text/csv;base64,$(printf 'a,b\n1,x\n' | base64 -w0)" '{"a":1,"b":"x"}'
    iterates "data:text/csv;charset=utf-8;base64,$(printf 'a\n1\n' | base64 -w0)" '{"a":1}'
    iterates "data:application/jsonl;base64,$(printf '{"a":1}\n{"a":2}\n' | base64 -w0)" '{"a":1},{"a":2}'
    iterates_not 'data:text/csv;x=1,a' 'Invalid Data URL format'
    iterates_not 'data:image/png;base64,AAAA' 'Unsupported file type'
}

@test "what is wrong with an array or a data URL is a 400, and there is no job" {
    printf '[{},3]' >"$ROOT/mixed.json"
    for uri in "$ROOT/mixed.json" data:application/json,3 'data:text/csv;base64,*' data:image/png,x; do
        put_uri bad "$uri"
        put_benchmark bad bad basic::equality
        page=$(evald_get /v1beta/datasetio/iterrows/bad)
        [ "$(http_status)" = 400 ]
        posts 400 "$page" /v1alpha/eval/benchmarks/bad/jobs "{\"benchmark_config\":$(config baseline::oracle)}"
        answers 200 '{"data":[],"has_more":false}' GET /v1alpha/eval/benchmarks/bad/jobs
        answers 204 "" DELETE /v1beta/datasets/bad
        answers 204 "" DELETE /v1alpha/eval/benchmarks/bad
    done
}

@test "a data set that changes between two pages is read anew" {
    printf 'a\n1\n2\n' >"$ROOT/fresh.csv"
    put_uri fresh "$ROOT/fresh.csv"
    answers 200 '{"data":[{"a":1}],"has_more":true,"url":null}' GET '/v1beta/datasetio/iterrows/fresh?limit=1'
    printf 'b\nx\n' >"$ROOT/fresh.csv"
    answers 200 '{"data":[{"b":"x"}],"has_more":false,"url":null}' GET '/v1beta/datasetio/iterrows/fresh?limit=1'
}

@test "kinds of files that nobody reads are refused by name" {
    for name in x.xlsx x.parquet x.CSV x.csv?y=1 x; do
        iterates_not "/srv/$name" 'Invalid value: Unsupported file type: /srv/'
    done
    put_uri web http://example.invalid/x.csv
    answers 400 "$(error_body 'Invalid value: http://example.invalid/x.csv: nothing is fetched from http://example.invalid:80: evald.conf does not name it in dataset.hosts')" \
        GET /v1beta/datasetio/iterrows/web
}

@test "a data set of ten thousand rows comes whole, and by pages" {
    awk 'BEGIN { for (i = 0; i < 10000; i++) printf "{\"n\":%d,\"text\":\"row number %d\"}\n", i, i }' >"$ROOT/many.jsonl"
    put_uri many "$ROOT/many.jsonl"
    {
        printf '{"data":['
        paste -sd, "$ROOT/many.jsonl" | tr -d '\n'
        printf '],"has_more":false,"url":null}'
    } >"$BATS_TEST_TMPDIR/wanted"
    evald_get /v1beta/datasetio/iterrows/many >"$BATS_TEST_TMPDIR/got"
    cmp "$BATS_TEST_TMPDIR/wanted" "$BATS_TEST_TMPDIR/got"
    answers 200 '{"data":[{"n":9998,"text":"row number 9998"},{"n":9999,"text":"row number 9999"}],"has_more":false,"url":null}' \
        GET '/v1beta/datasetio/iterrows/many?start_index=9998&limit=5'
}
