# Data sets behind http: which are fetched, when, how often, and what is kept.
load lib

setup() {
    FILES=$BATS_TEST_TMPDIR/files
    mkdir "$FILES"
    printf 'id,expected_answer,generated_answer\na,A,A\nb,B,C\n' >"$FILES/two.csv"
    printf '{"n":1}\n{"n":2}\n' >"$FILES/two.jsonl"
    printf '[{"n":1},{"n":2}]' >"$FILES/two.json"
    start_data data "$FILES"
    CONFIG="dataset = { hosts = [ \"$DATA_URL\" ]; %s };"
}

teardown() {
    stop_evald
    stop_servers
}

# with [SETTINGS]: an evald that may fetch from the server.
with() {
    # shellcheck disable=SC2059
    start_evald "$(printf "$CONFIG" "${1:-}")"
}

# impatient [SETTINGS]: one whose requests wait for a tenth of a second.
impatient() {
    # shellcheck disable=SC2059
    start_evald "$(printf "$CONFIG" "${1:-}") limits = { run_eval_wait_ms = 100; };"
}

ROWS_CSV='{"id":"a","expected_answer":"A","generated_answer":"A"},{"id":"b","expected_answer":"B","generated_answer":"C"}'
ROWS_N='{"n":1},{"n":2}'
AT=/v1beta/datasetio/iterrows

# has_rows DATASET ROWS
has_rows() {
    answers 200 "{\"data\":[$2],\"has_more\":false,\"url\":null}" GET "$AT/$1"
}

# seen PATH N: the server was asked for that path so often.
seen() {
    local got
    got=$(server data /stats)
    if [ "$2" = 0 ]; then
        case $got in *"\"$1\":"*) echo "$got" >&2; return 1 ;; esac
    else
        contains "$got" "\"$1\":$2"
    fi
}

# files: what is kept, by name.
files() {
    ls "$EVALD_STATE/datasets"
}
no_files() {
    [ -z "$(files)" ]
}
hash_of() {
    sha256sum "$1" | cut -d' ' -f1
}

# waits_at_server N: so many requests wait there.
waits_at_server() {
    [ "$(count_of data waiting)" = "$1" ]
}
gone_at_server() {
    [ "$(count_of data gone)" = "$1" ]
}

# in_background DATASET: asks for its rows; the answer goes to $BATS_TEST_TMPDIR/DATASET.N, for
# the N-th call; their processes are in PIDS.
PIDS=()
in_background() {
    curl -s --unix-socket "$EVALD_SOCKET" -o "$BATS_TEST_TMPDIR/answer.${#PIDS[@]}" \
        "http://evald$AT/$1" 3>&- &
    PIDS+=($!)
}

@test "csv, jsonl and json are told by the end of the path, whatever the query" {
    with
    for name in two.csv 'two.csv?v=1&x=.json' two.csv?type=application/json; do
        put_uri d "$DATA_URL/$name"
        has_rows d "$ROWS_CSV"
        answers 204 "" DELETE /v1beta/datasets/d
    done
    for name in two.jsonl two.json two.jsonl?type=text/csv; do
        put_uri d "$DATA_URL/$name"
        has_rows d "$ROWS_N"
        answers 204 "" DELETE /v1beta/datasets/d
    done
}

@test "without an ending that tells, the media type does" {
    with
    cp "$FILES/two.csv" "$FILES/table"
    put_uri d "$DATA_URL/table?type=Text/CSV;charset=utf-8"
    has_rows d "$ROWS_CSV"
    answers 204 "" DELETE /v1beta/datasets/d
    cp "$FILES/two.jsonl" "$FILES/table"
    for type in application/jsonl application/x-ndjson; do
        put_uri d "$DATA_URL/table?type=$type"
        has_rows d "$ROWS_N"
        answers 204 "" DELETE /v1beta/datasets/d
    done
    cp "$FILES/two.json" "$FILES/table"
    put_uri d "$DATA_URL/table?type=application/json"
    has_rows d "$ROWS_N"
}

@test "what is of no known type is refused, and not kept" {
    with
    cp "$FILES/two.csv" "$FILES/table"
    put_uri d "$DATA_URL/table?type=text/html"
    says 400 "Unsupported file type: $DATA_URL/table?type=text/html (the server says text/html)" GET $AT/d
    put_uri e "$DATA_URL/table"
    says 400 "Unsupported file type: $DATA_URL/table (the server gives no Content-Type)" GET $AT/e
    : >"$FILES/table"
    says 400 "Unsupported file type: $DATA_URL/table" GET $AT/e
    no_files
}

@test "registration does not open the uri; the first use fetches, once" {
    with
    put_uri d "$DATA_URL/two.csv"
    seen two.csv 0
    seen /two.csv 0
    has_rows d "$ROWS_CSV"
    has_rows d "$ROWS_CSV"
    answers 200 '{"data":[{"id":"b","expected_answer":"B","generated_answer":"C"}],"has_more":false,"url":null}' \
        GET "$AT/d?start_index=1&limit=1"
    seen /two.csv 1
    [ "$(files)" = "$(hash_of "$FILES/two.csv").csv" ]
}

@test "after a restart nothing is fetched again, nor after kill -9" {
    with
    put_uri d "$DATA_URL/two.csv"
    has_rows d "$ROWS_CSV"
    stop_evald
    start_evald
    has_rows d "$ROWS_CSV"
    stop_evald KILL
    start_evald
    has_rows d "$ROWS_CSV"
    seen /two.csv 1
}

@test "the catalogue remembers what the server said of the document" {
    with
    put_uri d "$DATA_URL/two.csv"
    has_rows d "$ROWS_CSV"
    stop_evald
    run strings -n 4 "$EVALD_STATE/catalog.db"
    contains "$output" "\"file\":\"$(hash_of "$FILES/two.csv").csv\""
    contains "$output" '"etag":"\"'"$(stat -c %s "$FILES/two.csv")"'\""'
    contains "$output" '"modified":"Mon, 05 Jan 2026 10:00:00 GMT"'
}

@test "hosts that the configuration does not name are refused, however they are spelled" {
    with
    port=${DATA_URL##*:}
    n=0
    for uri in "http://localhost:$port/two.csv" "http://127.0.0.1/two.csv" \
        "https://127.0.0.1:$port/two.csv" "http://127.0.0.1:$((port ^ 1))/two.csv" \
        "http://127.0.0.1.evil.org:$port/two.csv" "http://127.1:$port/two.csv" \
        "http://2130706433:$port/two.csv" "http://[::ffff:127.0.0.1]:$port/two.csv" \
        "http://127.0.0.1.:$port/two.csv"; do
        put_uri "d$((++n))" "$uri"
        says 400 'evald.conf does not name it in dataset.hosts' GET "$AT/d$n"
    done
    for uri in "http://user@127.0.0.1:$port/two.csv" "http://127.0.0.1:$port@evil.org/two.csv" \
        "http://evil.org#@127.0.0.1:$port/two.csv" "http://127.0.0.1:$port\\\\@evil.org/two.csv" \
        "http:///two.csv" "http://127.0.0.1:0/two.csv" "http://127.0.0.1:$port/two.csv#x"; do
        put_uri "d$((++n))" "$uri"
        says 400 '"detail":"Invalid value: http:' GET "$AT/d$n"
    done
    seen /two.csv 0
    put_uri good "HTTP://127.0.0.1:$port/two.csv"
    has_rows good "$ROWS_CSV"
}

@test "without dataset.hosts nothing is fetched" {
    start_evald ""
    put_uri d "$DATA_URL/two.csv"
    says 400 'evald.conf does not name it in dataset.hosts' GET $AT/d
    seen /two.csv 0
}

@test "redirects lead to allowed hosts only, and not round in circles" {
    start_data other "$FILES"
    OTHER=$DATA_URL
    read -r line <"$SERVER_DIR/server.data.at"
    DATA_URL=http://$line
    with
    put_uri d "$DATA_URL/to/$DATA_URL/two.csv"
    has_rows d "$ROWS_CSV"
    put_uri e "$DATA_URL/to/%2Ftwo.csv"
    has_rows e "$ROWS_CSV"
    put_uri f "$DATA_URL/to/$OTHER/two.csv"
    says 400 "leads to $OTHER, which is none of the allowed hosts" GET $AT/f
    [ "$(count_of other requests)" = 0 ]
    put_uri g "$DATA_URL/to/file:%2F%2F%2Fetc%2Fpasswd.csv"
    says 400 'leads to what is no URL of http or https' GET $AT/g
    put_uri h "$DATA_URL/to/%2Fto%2F%252Fto%252F%25252Fto%25252F%2525252Fto%2525252F%252525252Fto%252525252F%25252525252Fto%25252525252Fx.csv"
    says 502 'more than 5 redirects' GET $AT/h
}

@test "another status is an error that names it" {
    with
    for status in 403 204 206; do
        put_uri "s$status" "$DATA_URL/status/$status/x.csv"
        says 502 "$DATA_URL/status/$status/x.csv: the server answered with status $status" GET "$AT/s$status"
    done
    put_uri s404 "$DATA_URL/nothing.csv"
    says 400 "$DATA_URL/nothing.csv: the server answered with status 404" GET $AT/s404
    no_files
}

@test "a server that is busy is asked again" {
    with
    put_uri d "$DATA_URL/late/2/two.csv"
    has_rows d "$ROWS_CSV"
    seen /late/2/two.csv 3
    put_uri e "$DATA_URL/late/9/two.csv"
    says 502 'the server answered with status 503' GET $AT/e
    seen /late/9/two.csv 4
}

@test "a document that ends in the middle is an error" {
    with
    put_uri d "$DATA_URL/half/two.csv"
    says 502 "$DATA_URL/half/two.csv: " GET $AT/d
    no_files
}

@test "a document that is larger than it may be is an error" {
    with 'max_fetch_bytes = 1000;'
    put_uri d "$DATA_URL/big/1000000/x.csv"
    says 400 "$DATA_URL/big/1000000/x.csv: larger than the 1000 bytes that are fetched" GET $AT/d
    head -c 1001 /dev/zero | tr '\0' 'a' >"$FILES/large.csv"
    put_uri e "$DATA_URL/large.csv"
    says 400 'larger than the 1000 bytes that are fetched' GET $AT/e
    head -c 1000 "$FILES/large.csv" >"$FILES/fits.csv"
    put_uri f "$DATA_URL/fits.csv"
    answers 200 '{"data":[],"has_more":false,"url":null}' GET $AT/f
}

@test "compressed documents are unpacked, and what they grow to counts" {
    with 'max_fetch_bytes = 100000;'
    gzip -c "$FILES/two.csv" >"$FILES/z.csv"
    put_uri d "$DATA_URL/gzip/z.csv"
    has_rows d "$ROWS_CSV"
    head -c 10000000 /dev/zero | gzip -c >"$FILES/bomb.csv"
    [ "$(stat -c %s "$FILES/bomb.csv")" -lt 100000 ]
    put_uri e "$DATA_URL/gzip/bomb.csv"
    says 400 'larger than the 100000 bytes that are fetched' GET $AT/e
}

@test "a server that stops sending is given up" {
    with 'fetch_stall_ms = 1000;'
    put_uri d "$DATA_URL/hold/two.csv"
    says 504 'the server has stopped sending' GET $AT/d
    no_files
}

@test "a fetch takes no longer than it may" {
    with 'fetch_timeout_ms = 500;'
    put_uri d "$DATA_URL/hold/two.csv"
    says 504 'takes longer than it may' GET $AT/d
}

@test "those who come while it is fetched wait for the same fetch" {
    with
    put_uri d "$DATA_URL/hold/two.csv"
    in_background d
    in_background d
    in_background d
    wait_for waits_at_server 1
    server data /release
    wait "${PIDS[@]}"
    for i in 0 1 2; do
        [ "$(cat "$BATS_TEST_TMPDIR/answer.$i")" = "{\"data\":[$ROWS_CSV],\"has_more\":false,\"url\":null}" ]
    done
    seen /hold/two.csv 1
}

@test "a fetch goes on when the last one hangs up, and who comes then has it" {
    with
    put_uri d "$DATA_URL/hold/two.csv"
    in_background d
    in_background d
    wait_for waits_at_server 1
    kill "${PIDS[@]}"
    wait "${PIDS[@]}" || true
    put_benchmark b d basic::equality # evald has heard of it by now
    [ "$(count_of data gone)" = 0 ]
    server data /release
    fetched() { [ "$(files)" = "$(hash_of "$FILES/two.csv").csv" ]; }
    wait_for fetched
    has_rows d "$ROWS_CSV"
    seen /hold/two.csv 1
}

@test "who has waited long enough is asked to come again, and finds it then" {
    impatient
    put_uri d "$DATA_URL/hold/two.csv"
    still="$DATA_URL/hold/two.csv: is being fetched, "
    score="{\"dataset_id\":\"d\",\"scoring_functions\":{\"basic::equality\":null}}"
    says 503 "$still" GET "$AT/d" -D "$(headers)"
    has_header 'Retry-After: 1'
    has_header 'x-should-retry: true'
    wait_for waits_at_server 1
    half=$(($(stat -c %s "$FILES/two.csv") / 2))
    half_is_there() { says 503 "$still$half bytes so far: ask again" GET "$AT/d" 2>/dev/null; }
    wait_for half_is_there
    post_says 503 "$still" /v1/scoring/score-batch "$score"
    server data /release
    there() { has_rows d "$ROWS_CSV" 2>/dev/null; }
    wait_for there
    post_says 200 '"accuracy":0.5' /v1/scoring/score-batch "$score"
    seen /hold/two.csv 1
}

@test "an evaluation that has waited for its data set long enough has made no job" {
    impatient
    put_uri d "$DATA_URL/hold/two.csv"
    put_benchmark b d basic::equality
    body="{\"benchmark_config\":$(config baseline::recorded)}"
    jobs=/v1alpha/eval/benchmarks/b/jobs
    key='Idempotency-Key: k'
    post_says 503 'is being fetched' $jobs "$body" -D "$(headers)"
    has_header 'x-should-retry: true'
    post_says 503 'is being fetched' $jobs "$body" -H 'x-stainless-retry-count: 1'
    post_says 503 'is being fetched' $jobs "$body" -H "$key" -H 'Prefer: respond-async' \
        -D "$(headers)"
    has_header 'Preference-Applied: respond-async'
    has_header 'Retry-After: 1'
    wait_for waits_at_server 1
    curl -s --retry 100 --unix-socket "$EVALD_SOCKET" -o "$BATS_TEST_TMPDIR/patient" -H "$key" \
        -H 'Content-Type: application/json' -H 'Prefer: wait=600' -d "$body" \
        "http://evald$jobs" 3>&- &
    patient=$!
    # a look that begins nothing itself: another body, which the key's request refuses and, as
    # long as there is none, the unknown model does
    under_way() {
        post_says 409 "Idempotency-Key 'k' was sent with another request" $jobs \
            "{\"benchmark_config\":$(config nobody)}" -H "$key" 2>/dev/null
    }
    wait_for under_way
    post_says 503 'the same request is under way' $jobs "$body" -H "$key" \
        -H 'Prefer: respond-async'
    contains "$(evald_get /v1alpha/eval/jobs)" '"data":[]'
    server data /release
    wait "$patient"
    [ "$(cat "$BATS_TEST_TMPDIR/patient")" = '{"job_id":"0","status":"completed"}' ]
    posts 200 '{"job_id":"0","status":"completed"}' $jobs "$body" -H "$key"
    [ "$(evald_get /v1alpha/eval/jobs | grep -o "\"job_id\"" | wc -l)" = 1 ]
    seen /hold/two.csv 1
}

@test "evalctl run waits for the fetch, over kill -9 too, and begins one job" {
    with
    put_uri d "$DATA_URL/hold/two.csv"
    put_benchmark b d basic::equality
    printf '{"benchmark":{"benchmark_id":"b"},"runs":[%s]}' "$(config baseline::recorded)" \
        >"$BATS_TEST_TMPDIR/plan.json"
    "$EVALCTL" run "$BATS_TEST_TMPDIR/plan.json" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    pid=$!
    wait_for waits_at_server 1
    stop_evald KILL
    start_evald
    wait_for grep -q 'evalctl: waiting: .* is being fetched' "$BATS_TEST_TMPDIR/out"
    server data /release
    wait "$pid"
    contains "$(cat "$BATS_TEST_TMPDIR/out")" '0.5000'
    [ "$(evald_get /v1alpha/eval/jobs | grep -o '"job_id"' | wc -l)" = 1 ]
}

@test "why a fetch failed that nobody waited for is told to the next one who asks" {
    impatient 'fetch_stall_ms = 1000;'
    put_uri d "$DATA_URL/hold/two.csv"
    says 503 'is being fetched' GET "$AT/d"
    wait_for grep -q 'data set cannot be fetched id=d' "$EVALD_LOG"
    no_files
    says 504 'the server has stopped sending' GET "$AT/d"
    seen /hold/two.csv 1
    server data /release
    there() { has_rows d "$ROWS_CSV" 2>/dev/null; }
    wait_for there
    seen /hold/two.csv 2
}

@test "an evaluation whose data set is fetched counts as one that waits, also without its caller" {
    start_evald "$(printf "$CONFIG" '') limits = { queued_jobs_per_user = 1; };"
    put_uri d "$DATA_URL/hold/two.csv"
    put_benchmark b d basic::equality
    jobs=/v1alpha/eval/benchmarks/b/jobs
    body="{\"benchmark_config\":$(config baseline::recorded)}"
    curl -s --unix-socket "$EVALD_SOCKET" -o /dev/null -d "$body" "http://evald$jobs" 3>&- &
    wait_for waits_at_server 1
    kill $!
    wait $! || true
    posts 429 "$(error_body "uid $(id -u) has 1 jobs waiting, as many as queued_jobs_per_user allows")" \
        $jobs "$body"
    server data /release
    wait_for job_is b 0 completed
    submit b baseline::recorded
}

@test "two data sets with the same content keep one file, and the last takes it away" {
    with
    put_uri d "$DATA_URL/two.csv"
    put_uri e "$DATA_URL/two.csv?again"
    has_rows d "$ROWS_CSV"
    has_rows e "$ROWS_CSV"
    [ "$(files)" = "$(hash_of "$FILES/two.csv").csv" ]
    answers 204 "" DELETE /v1beta/datasets/d
    has_rows e "$ROWS_CSV"
    [ "$(files)" = "$(hash_of "$FILES/two.csv").csv" ]
    answers 204 "" DELETE /v1beta/datasets/e
    wait_for no_files
}

@test "another registration fetches again" {
    with
    put_uri d "$DATA_URL/two.csv"
    has_rows d "$ROWS_CSV"
    printf 'id\nnew\n' >"$FILES/two.csv"
    has_rows d "$ROWS_CSV"
    put_uri d "$DATA_URL/two.csv" # the same again changes nothing
    has_rows d "$ROWS_CSV"
    answers 204 "" DELETE /v1beta/datasets/d
    put_uri d "$DATA_URL/two.csv"
    has_rows d '{"id":"new"}'
    seen /two.csv 2
    [ "$(files)" = "$(hash_of "$FILES/two.csv").csv" ]
}

@test "kill -9 while it is fetched leaves nothing that counts" {
    with
    put_uri d "$DATA_URL/hold/two.csv"
    in_background d
    wait_for waits_at_server 1
    [ -n "$(files)" ]
    stop_evald KILL
    wait "${PIDS[0]}" || true
    start_evald
    no_files
    server data /release
    has_rows d "$ROWS_CSV"
    [ "$(files)" = "$(hash_of "$FILES/two.csv").csv" ]
}

@test "SIGTERM while it is fetched ends it, and the caller is told" {
    with
    put_uri d "$DATA_URL/hold/two.csv"
    in_background d
    wait_for waits_at_server 1
    stop_evald
    wait "${PIDS[0]}" || true
    contains "$(cat "$BATS_TEST_TMPDIR/answer.0")" 'evald is stopping'
    no_files
}

@test "a gateway that dies meanwhile is replaced, and the fetch begins again" {
    with
    put_uri d "$DATA_URL/hold/two.csv"
    in_background d
    wait_for waits_at_server 1
    kill -s KILL "$(child_of "$EVALD_PID" evald-gateway)"
    wait_for gone_at_server 1
    server data /release
    wait "${PIDS[0]}"
    [ "$(cat "$BATS_TEST_TMPDIR/answer.0")" = "{\"data\":[$ROWS_CSV],\"has_more\":false,\"url\":null}" ]
}

@test "a data set that is deleted while it is fetched is gone, and leaves nothing" {
    with
    put_uri d "$DATA_URL/hold/two.csv"
    in_background d
    wait_for waits_at_server 1
    answers 204 "" DELETE /v1beta/datasets/d
    wait "${PIDS[0]}"
    contains "$(cat "$BATS_TEST_TMPDIR/answer.0")" 'was registered anew, or deleted, while it was fetched'
    wait_for no_files
    wait_for gone_at_server 1
}

@test "a fetch that nobody waits for is given up when its data set is registered anew" {
    impatient
    body="{\"purpose\":\"eval/messages-answer\",\"dataset_id\":\"d\",\"source\":{\"type\":\"uri\",\"uri\":\"$DATA_URL"
    post_says 200 '"identifier":"d"' /v1/datasets "$body/hold/two.csv\"}}"
    says 503 'is being fetched' GET "$AT/d"
    wait_for waits_at_server 1
    post_says 200 '"identifier":"d"' /v1/datasets "$body/two.jsonl\"}}"
    wait_for gone_at_server 1
    there() { has_rows d "$ROWS_N" 2>/dev/null; }
    wait_for there
    [ "$(files)" = "$(hash_of "$FILES/two.jsonl").jsonl" ]
}

@test "a file that somebody has taken away is fetched again" {
    with
    put_uri d "$DATA_URL/two.csv"
    has_rows d "$ROWS_CSV"
    rm "$EVALD_STATE/datasets/"*.csv
    has_rows d "$ROWS_CSV"
    rm "$EVALD_STATE/datasets/"*.csv
    stop_evald
    start_evald
    has_rows d "$ROWS_CSV"
    seen /two.csv 3
}

@test "an evaluation fetches its data set, and says in its manifest which it was" {
    with
    put_uri d "$DATA_URL/two.csv"
    put_benchmark b d basic::equality
    posts 200 '{"job_id":"0","status":"completed"}' /v1alpha/eval/benchmarks/b/jobs \
        "{\"benchmark_config\":$(config baseline::recorded)}"
    contains "$(job_result b 0)" '"accuracy":0.5'
    contains "$(job_detail b 0)" "\"fingerprint\":\"sha256:$(hash_of "$FILES/two.csv").csv\""
    seen /two.csv 1
}

@test "an evaluation whose data set cannot be had is refused, and makes no job" {
    with
    put_uri d "$DATA_URL/nothing.csv"
    put_benchmark b d basic::equality
    post_says 400 'the server answered with status 404' /v1alpha/eval/benchmarks/b/jobs \
        "{\"benchmark_config\":$(config baseline::recorded)}"
    contains "$(evald_get /v1alpha/eval/jobs)" '"data":[]'
}

@test "a job on it resumes after kill -9 without fetching, though the data set is deleted" {
    start_server model --latency-ms 100000
    # shellcheck disable=SC2059
    start_evald "$(printf "$CONFIG" "")$(models "$(model m "$SERVER_URL")")"
    chat_rows 3 >"$FILES/chat.jsonl"
    put_uri d "$DATA_URL/chat.jsonl"
    says 200 '"id":"r0"' GET $AT/d
    put_benchmark b d basic::equality
    submit b m
    waiting() { [ "$(count_of model in_flight)" = 3 ]; }
    wait_for waiting
    stop_evald KILL
    stop_servers
    start_server another
    # shellcheck disable=SC2059
    start_evald "$(printf "$CONFIG" "")$(models "$(model m "$SERVER_URL")")"
    answers 204 "" DELETE /v1beta/datasets/d
    job_ends b "$JOB" completed
    contains "$(job_result b "$JOB")" '"accuracy":1.0'
}

@test "a rescore after another registration needs what was fetched, and the same" {
    with
    put_uri d "$DATA_URL/rows.json"
    printf '[{"expected_answer":"A","generated_answer":"A"}]' >"$FILES/rows.json"
    put_benchmark b d basic::equality
    job=/v1alpha/eval/benchmarks/b/jobs
    posts 200 '{"job_id":"0","status":"completed"}' $job \
        "{\"benchmark_config\":$(config baseline::recorded)}"
    again='{"scoring_functions":["basic::subset_of"]}'
    posts 200 '{"job_id":"1","status":"completed"}' $job/0/rescore "$again"
    answers 204 "" DELETE /v1beta/datasets/d
    put_uri d "$DATA_URL/rows.json"
    post_says 400 "data set 'd' has changed since, or must be fetched again first" \
        $job/0/rescore "$again"
    says 200 '"data":[{' GET $AT/d
    post_says 200 '"status":"completed"' $job/0/rescore "$again"
    answers 204 "" DELETE /v1beta/datasets/d
    printf '[{"expected_answer":"A","generated_answer":"B"}]' >"$FILES/rows.json"
    put_uri d "$DATA_URL/rows.json"
    says 200 '"data":[{' GET $AT/d
    post_says 400 "data set 'd' has changed since" $job/0/rescore "$again"
}

@test "registering anew on v1 fetches anew, and what was is taken away" {
    with
    register() {
        posts 200 "{\"identifier\":\"d\",\"provider_resource_id\":\"d\",\"provider_id\":\"localfs\",\"type\":\"dataset\",\"purpose\":\"eval/messages-answer\",\"source\":{\"type\":\"uri\",\"uri\":\"$DATA_URL/two.csv\"},\"metadata\":{}}" \
            /v1/datasets "{\"purpose\":\"eval/messages-answer\",\"dataset_id\":\"d\",\"source\":{\"type\":\"uri\",\"uri\":\"$DATA_URL/two.csv\"}}"
    }
    register
    has_rows d "$ROWS_CSV"
    printf 'id\nnew\n' >"$FILES/two.csv"
    register
    has_rows d '{"id":"new"}'
    seen /two.csv 2
    one_file() { [ "$(files)" = "$(hash_of "$FILES/two.csv").csv" ]; }
    wait_for one_file
}

@test "what a crash has left is taken away at start, and nothing else" {
    with
    put_uri d "$DATA_URL/two.csv"
    has_rows d "$ROWS_CSV"
    stop_evald
    zeros=0000000000000000000000000000000000000000000000000000000000000000
    : >"$EVALD_STATE/datasets/$zeros.csv"
    : >"$EVALD_STATE/datasets/00000000-0000-4000-8000-000000000000.part"
    : >"$EVALD_STATE/datasets/notes.csv"
    start_evald
    run files
    [ "$output" = "$(printf '%s.csv\nnotes.csv' "$(hash_of "$FILES/two.csv")")" ]
    has_rows d "$ROWS_CSV"
    seen /two.csv 1
}
