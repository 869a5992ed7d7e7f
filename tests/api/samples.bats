# Whole exchanges, as clients and the reference implementation have them: samples/NAME.http is a
# request, then the answer from the line that begins with HTTP/1.1.  In this order: each builds
# on those before it.
load lib

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR
    printf '%s\n' '{"match":"Norway","reply":"Oslo"}' '{"match":"Peru","reply":"It is Lima"}' \
        '{"match":"2+2=","reply":"4"}' >"$EVALD_DIR/replies"
    start_server replies --reply-map "$EVALD_DIR/replies"
    local replies=$SERVER_URL
    start_server hang --fail-rate 1 --fail-mode hang
    start_evald "$(models "$(model echo/oracle "$replies")" "$(model hang "$SERVER_URL")") limits = { run_eval_wait_ms = 20000; };"
}

teardown_file() {
    stop_evald
    stop_servers
}

# exchange NAME: sends the request; status, the headers that the sample has, and every byte of
# the body must be the sample's.
exchange() {
    local part=request line='' method='' path='' status='' body='' wanted='' got
    local -a sent=(-H 'Evald-Extensions: off') must=()
    while IFS= read -r line || [ -n "$line" ]; do
        case $part:$line in
            request:*HTTP/1.1)
                read -r method path _ <<<"$line"
                part=headers
                ;;
            headers:) part=body ;;
            headers:*) sent+=(-H "$line") ;;
            body:HTTP/1.1*)
                read -r _ status _ <<<"$line"
                part=must
                ;;
            body:?*) body=$line ;;
            must:) part=wanted ;;
            must:*) must+=("$line") ;;
            wanted:?*) wanted=$line ;;
        esac
    done <"$EVALD_SRCDIR/tests/api/samples/$1.http"
    [ -z "$body" ] || sent+=(--data-binary "$body")
    got=$(evald_request "$method" "$path" --path-as-is -D "$(headers)" "${sent[@]}")
    as_wanted "$status" "$wanted" "$got" "$1" || return
    [ -z "$wanted" ] || has_header 'Content-Type: application/json' || return
    for line in "${must[@]}"; do
        has_header "$line" || return
    done
}

@test "a data set is registered" {
    exchange 01-register-dataset
}

@test "its rows are paged through" {
    exchange 02-page
}

@test "rows are appended to it" {
    exchange 03-append-rows
}

@test "a benchmark is registered on the deprecated alias" {
    exchange 04-register-benchmark
}

@test "an evaluation runs" {
    exchange 05-run-eval
}

@test "its result is fetched" {
    exchange 06-result
}

@test "a row is evaluated directly, with stray keys" {
    exchange 07-evaluate-rows
}

@test "rows are scored with parameters in place of the function's own" {
    exchange 08-score
}

@test "rows are scored by the instructions that they should follow" {
    exchange 09-score-ifeval
}

@test "a scoring function is looked up by an id with colons" {
    exchange 10-scoring-function
}

@test "errors: an unknown kind of candidate, an unknown job, an unknown data set" {
    exchange 11-errors-a
    exchange 11-errors-b
    exchange 11-errors-c
}

@test "a running job is cancelled, and evald is well" {
    until [ "${JOB:-}" = 3 ]; do
        submit cap-bench hang
    done
    exchange 12-cancel-health-a
    exchange 12-cancel-health-b
}
