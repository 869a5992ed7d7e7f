# HTTP itself: requests that are none, clients that are slow, and many of them.
load lib

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR
    start_evald 'limits = { max_body = 20000000; };'
    HTTP_EVALD=$EVALD_PID
    export HTTP_EVALD
}

teardown_file() {
    stop_evald
}

teardown() {
    answers 200 '{"status":"OK"}' GET /v1/health
    [ "$EVALD_PID" = "$HTTP_EVALD" ] && kill -0 "$EVALD_PID"
}

sanitized() {
    grep -q '^#define EVALD_SANITIZED' "$EVALD_BUILDDIR/config.h"
}

MANY=$EVALD_BUILDDIR/tests/api/many

# sends FORMAT: what evald says to those bytes until it closes, in RAW; \0 is a NUL.
sends() {
    printf "$1" | "$MANY" raw "$EVALD_SOCKET" >"$BATS_TEST_TMPDIR/raw"
    RAW=$(<"$BATS_TEST_TMPDIR/raw")
}

# refused STATUS TEXT FORMAT: those bytes get exactly this answer, and are closed.
refused() {
    local body more= want
    sends "$3"
    body=$(error_body "$2")
    [ "$1" -lt 500 ] || more=$'x-should-retry: false\r\n'
    want=$'Content-Type: application/json\r\nContent-Length: '${#body}$'\r\nConnection: close\r\n'
    want+=$more$'\r\n'$body
    case $RAW in
        "HTTP/1.1 $1 "*) [ "${RAW#*$'\r\n'}" = "$want" ] && return ;;
    esac
    printf 'sent %q\nwanted %s and %q\n   got %q\n' "$3" "$1" "$want" "$RAW" >&2
    return 1
}

post='POST /v1/scoring/score HTTP/1.1\r\n'
no_line='malformed request: no HTTP request line'
no_name='malformed request: a header without a proper name'
no_number='malformed request: Content-Length is no number'
control='malformed request: a control character in a header'

@test "garbage for a request line" {
    refused 400 "$no_line" '\026\003\001\002\001\374\003\003'
    refused 400 "$no_line" 'GET\r\n\r\n'
    refused 400 "$no_line" 'GET /v1/health\r\n\r\n'
    refused 400 "$no_line" 'GET /v1/health HTTP/1.1 x\r\n\r\n'
    refused 400 "$no_line" '{"benchmark_id":"b"}\r\n'
}

@test "a NUL in the request line, in a header's name, in its value" {
    refused 400 "$no_line" 'GET /v1/hea\0lth HTTP/1.1\r\n\r\n'
    refused 400 "$no_name" 'GET /v1/health HTTP/1.1\r\nA\0B: c\r\n\r\n'
    refused 400 "$control" 'GET /v1/health HTTP/1.1\r\nA: b\0c\r\n\r\n'
}

@test "other versions of HTTP, and the preface of HTTP/2" {
    refused 505 'only HTTP/1.1 and HTTP/1.0 are served' 'GET /v1/health HTTP/2.0\r\n\r\n'
    refused 505 'only HTTP/1.1 and HTTP/1.0 are served' 'GET /v1/health HTTP/0.9\r\n\r\n'
    refused 505 'only HTTP/1.1 and HTTP/1.0 are served' 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
    refused 400 "$no_line" 'GET /v1/health HTTP/x\r\n\r\n'
}

@test "a header without a colon, without a name, with a blank before the colon" {
    refused 400 "$no_name" 'GET /v1/health HTTP/1.1\r\nno colon\r\n\r\n'
    refused 400 "$no_name" 'GET /v1/health HTTP/1.1\r\n: empty\r\n\r\n'
    refused 400 "$no_name" 'GET /v1/health HTTP/1.1\r\nA : b\r\n\r\n'
}

@test "a header that goes on in the next line" {
    refused 400 'malformed request: a header line that goes on in the next' \
        'GET /v1/health HTTP/1.1\r\nA: b\r\n c\r\n\r\n'
}

@test "a Content-Length that is no number, or negative" {
    refused 400 "$no_number" "${post}Content-Length: abc\r\n\r\n"
    refused 400 "$no_number" "${post}Content-Length: -1\r\n\r\n"
    refused 400 "$no_number" "${post}Content-Length: \r\n\r\n"
}

@test "a Content-Length beyond all measure" {
    refused 413 'the request body is too large' \
        "${post}Content-Length: 99999999999999999999999\r\n\r\n{}"
}

@test "a Content-Length beyond max_body" {
    sends "${post}Content-Length: 999999999999\r\n\r\n"
    contains "$RAW" 'HTTP/1.1 413 '
    contains "$RAW" "$(error_body 'the request body is larger than 20000000 bytes')"
}

@test "two different Content-Length headers" {
    refused 400 'malformed request: two different Content-Length headers' \
        "${post}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} "
}

@test "Content-Length beside Transfer-Encoding" {
    refused 400 'malformed request: Content-Length beside Transfer-Encoding' \
        "${post}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
}

@test "a transfer encoding that is unknown" {
    refused 501 'of transfer encodings only chunked is served' \
        "${post}Transfer-Encoding: gzip\r\n\r\n"
}

@test "chunks that are none" {
    refused 400 'malformed request: a chunk of the body has no proper size' \
        "${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n"
    refused 400 'malformed request: a chunk of the body is longer than its size' \
        "${post}Transfer-Encoding: chunked\r\n\r\n2\r\n{}{}\r\n0\r\n\r\n"
    refused 413 'the request body is too large' \
        "${post}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"
}

@test "chunks that turn bad behind many good ones" {
    sends "${post}Transfer-Encoding: chunked\r\n\r\n$(
        for _ in {1..40}; do printf '1000\\r\\n%4096s\\r\\n' ''; done)zz\r\n"
    contains "$RAW" 'HTTP/1.1 400 Bad Request'
    contains "$RAW" 'Content-Type: application/json'
    contains "$RAW" "$(error_body 'malformed request')"
}

@test "a target that is too long" {
    refused 414 'the request line is too long' "GET /$(printf '%09000d' 0) HTTP/1.1\r\n\r\n"
}

@test "headers that are too large, or too many" {
    refused 431 "the request's head is too large" \
        "GET /v1/health HTTP/1.1\r\nA: $(printf '%09000d' 0)\r\n\r\n"
    refused 431 'the request has too many headers' \
        "GET /v1/health HTTP/1.1\r\n$(printf 'A:%.0s\\r\\n' {1..101})\r\n"
}

@test "more cookies, or more query parameters, than there is memory for" {
    refused 431 "the request's head is too large" \
        "GET /v1/health HTTP/1.1\r\nCookie: $(printf 'a=b;%.0s' {1..1500})\r\n\r\n"
    refused 431 "the request's head is too large" \
        "GET /v1/health?$(printf 'a&%.0s' {1..3000}) HTTP/1.1\r\n\r\n"
}

@test "garbage on a connection that was good before" {
    "$MANY" turns "$EVALD_SOCKET" $'GET /v1/health HTTP/1.1\r\n\r\n' $'GET\r\n\r\n' \
        >"$BATS_TEST_TMPDIR/raw"
    contains "$(<"$BATS_TEST_TMPDIR/raw")" '{"status":"OK"}HTTP/1.1 400 Bad Request'
    contains "$(<"$BATS_TEST_TMPDIR/raw")" "$(error_body "$no_line")"
}

@test "garbage sent together with a good request: that one is answered" {
    sends 'GET /v1/health HTTP/1.1\r\n\r\nGET /v1/health HTTP/1.1\r\nno colon\r\n\r\n'
    contains "$RAW" '{"status":"OK"}HTTP/1.1 400 Bad Request'
    contains "$RAW" "$(error_body 'malformed request')"
}

@test "no Host, empty lines before the request, HTTP/1.0: all is well" {
    sends '\r\n\r\nGET /v1/health HTTP/1.0\r\n\r\n'
    contains "$RAW" 'HTTP/1.1 200 OK'
    contains "$RAW" '{"status":"OK"}'
}

@test "HEAD and OPTIONS are 405 with Allow" {
    for method in HEAD OPTIONS; do
        sends "$method /v1alpha/eval/benchmarks HTTP/1.1\r\nConnection: close\r\n\r\n"
        contains "$RAW" 'HTTP/1.1 405 Method Not Allowed'
        contains "$RAW" 'Allow: GET, POST'
    done
    contains "$RAW" "$(error_body 'Method Not Allowed')"
}

@test "DELETE with a Content-Type and no body" {
    says 400 'Invalid value: ' DELETE /v1alpha/eval/benchmarks/none \
        -H 'Content-Type: application/json'
}

@test "who waits for 100 Continue gets it" {
    sends "${post}Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    contains "$RAW" 'HTTP/1.1 100 Continue'
    contains "$RAW" 'HTTP/1.1 400 Bad Request'
    contains "$RAW" '"loc":["body","input_rows"]'
}

@test "a slash too many is redirected, relative to where it was" {
    sends 'GET /v1/health/ HTTP/1.1\r\nConnection: close\r\n\r\n'
    contains "$RAW" 'HTTP/1.1 307 Temporary Redirect'
    contains "$RAW" 'Location: /v1/health'
}

@test "a path that would make an answer's headers too large is not in them" {
    local long
    long=$(printf '\\303\\251%.0s' {1..3000})
    sends "GET /v1/eval/benchmarks/$long/ HTTP/1.1\r\nConnection: close\r\n\r\n"
    contains "$RAW" 'HTTP/1.1 404 Not Found'
    sends "GET /v1/health/?$(printf '%07900d' 0) HTTP/1.1\r\nConnection: close\r\n\r\n"
    contains "$RAW" 'HTTP/1.1 404 Not Found'
    sends "GET /v1/eval/benchmarks/$long HTTP/1.1\r\nConnection: close\r\n\r\n"
    contains "$RAW" 'HTTP/1.1 400 Bad Request'
    contains "$RAW" 'Deprecation: '
}

# ---- many clients, and slow ones ----

@test "5000 idle connections and 200 busy ones" {
    [ "$(ulimit -Hn)" -ge 12000 ] || skip "no more than $(ulimit -Hn) descriptors are allowed"
    sanitized && skip 'the memory of a sanitizer is not that of evald'
    local before after answered pid
    before=$(rss)
    coproc CROWD { "$MANY" crowd "$EVALD_SOCKET" 5000 200 20; }
    pid=$CROWD_PID
    read -r answered <&"${CROWD[0]}"
    [ "$answered" = "5000 4000" ]
    after=$(rss)
    echo "$(((after - before) * 1024 / 5200)) bytes for each connection" >&2
    [ $(((after - before) * 1024 / 5200)) -lt 24000 ]
    echo >&"${CROWD[1]}"
    read -r answered <&"${CROWD[0]}"
    [ "$answered" = 5000 ]
    wait "$pid"
}

@test "128 connections, and 256, that ask at the same moment" {
    local n
    for n in 128 256; do
        [ "$(echo | "$MANY" crowd "$EVALD_SOCKET" "$n" "$n" 50)" = "$n $((n * 50))"$'\n'"$n" ]
    done
}

rss() {
    awk '/^VmRSS/ { print $2 }' "/proc/$EVALD_PID/status"
}

# slow PATH BYTES: a reader that stops after one byte of at least so many keeps nobody waiting and
# costs evald next to nothing.
slow() {
    local before line pid
    before=$(rss)
    coproc SLOW { "$MANY" slow "$EVALD_SOCKET" "$1"; }
    pid=$SLOW_PID
    read -r line <&"${SLOW[0]}"
    [ "$line" = begun ]
    answers 200 '{"status":"OK"}' GET /v1/health
    [ "$(echo | "$MANY" crowd "$EVALD_SOCKET" 10 50 20)" = "10 1000"$'\n'10 ]
    sanitized || [ $(($(rss) - before)) -lt 4000 ] || { echo "from $before to $(rss) KiB" >&2; return 1; }
    echo >&"${SLOW[1]}"
    read -r line <&"${SLOW[0]}"
    [ "$line" -gt "$2" ]
    wait "$pid"
}

@test "a reader of a large result that stops after one byte" {
    yes '{"expected_answer":"A","generated_answer":"A"}' | head -n 100000 | put_rows large
    put_benchmark large large basic::equality
    submit large baseline::recorded
    job_ends large "$JOB" completed
    [ "$(job_result large "$JOB" | wc -c)" -gt 3000000 ]
    slow "/v1alpha/eval/benchmarks/large/jobs/$JOB/result" 3000000
    slow /v1beta/datasetio/iterrows/large 3000000
}

@test "what a body has of bad names is not told at length" {
    local name
    name=$(printf 'n%.0s' {1..20000})
    printf '{"input_rows":[{}],"scoring_functions":{"%s":1}}' "$name" >"$BATS_TEST_TMPDIR/body"
    got=$(evald_post /v1/scoring/score "@$BATS_TEST_TMPDIR/body")
    [ "$(http_status)" = 400 ]
    contains "$got" "\"${name:0:200}\""
    [ ${#got} -lt 3000 ]
}

@test "a body whose values would take hundreds of times its size is refused" {
    {
        printf '{"benchmark_id":"m","dataset_id":"d","scoring_functions":[],"metadata":{"a":[0'
        yes ',{}' | head -n 100000 | tr -d '\n'
        printf ']}}'
    } >"$BATS_TEST_TMPDIR/body"
    post_says 400 '"error":"too many values"' /v1alpha/eval/benchmarks "@$BATS_TEST_TMPDIR/body"
    says 400 "'m' not found" GET /v1alpha/eval/benchmarks/m
}
