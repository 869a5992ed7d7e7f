# What the published clients send, replayed.  clients/NAME.jsonl is a client: first the headers of
# all its requests, then a request a line, {"method","path","headers","body"}, with the status that
# must come back, a jq filter that the answer "is" and a header that it "has".  The requests of a
# client follow one another on one connection to a fresh evald, as its SDK sends them.
load lib

setup_file() {
    EVALD_DIR=$BATS_FILE_TMPDIR start_server models
}

teardown_file() {
    stop_servers
}

setup() {
    start_evald "$(models "$(model org/m "$SERVER_URL")")"
}

teardown() {
    stop_evald
}

# curl_config NAME: every request of it for one curl: body to out.N, headers to headers.N, and
# status and connections made to out.
curl_config() {
    jq -rn --arg dir "$BATS_TEST_TMPDIR" '
        [inputs] as $all | $all[1:] | to_entries[] | .key as $n | .value as $r
        | (if $n > 0 then "next" else empty end),
          ($all[0].headers + $r.headers | to_entries[] | "header = " + (.key + ": " + .value | @json)),
          "request = \($r.method)", "url = " + ("http://localhost" + $r.path | @json), "path-as-is", "globoff",
          "unix-socket = \($dir + "/sock")", "output = \($dir)/out.\($n)", "dump-header = \($dir)/headers.\($n)",
          "write-out = \"\($n) %{http_code} %{num_connects}\\n\"",
          (if $r | has("body") then "data-raw = " + ($r.body | tojson | @json) else empty end)' \
        "$EVALD_SRCDIR/tests/api/clients/$1.jsonl"
}

# replay NAME
replay() {
    local file=$EVALD_SRCDIR/tests/api/clients/$1.jsonl dir=$BATS_TEST_TMPDIR n=0 line status is has
    curl_config "$1" >"$dir/curl"
    curl -sS -K "$dir/curl" >"$dir/statuses"
    while IFS= read -r line; do
        status=$(sed -n "s/^$n \([0-9]*\) .*/\1/p" "$dir/statuses")
        is=$(jq -r '.is // empty' <<<"$line")
        has=$(jq -r '.has // empty' <<<"$line")
        if [ "$status" != "$(jq .status <<<"$line")" ] ||
            { [ -n "$is" ] && ! jq -e "$is" "$dir/out.$n" >/dev/null; } ||
            { [ -z "$is" ] && [ -s "$dir/out.$n" ]; } ||
            { [ "$status" != 204 ] && ! grep -qi '^content-type: application/json' "$dir/headers.$n"; } ||
            { [ -n "$has" ] && ! grep -qi "^$has" "$dir/headers.$n"; }; then
            printf '%s\ngot %s: ' "$line" "$status" >&2
            cat "$dir/headers.$n" "$dir/out.$n" >&2
            return 1
        fi
        n=$((n + 1))
    done < <(tail -n +2 "$file")
    [ "$n" -gt 10 ]
    [ "$(awk '{ n += $3 } END { print n }' "$dir/statuses")" = 1 ] # one connection
}

@test "npm 0.2.23" {
    replay npm-0.2.23
}

@test "npm 0.3.0" {
    replay npm-0.3.0
}

@test "npm 0.7.3" {
    replay npm-0.7.3
}

@test "Python 0.2.23" {
    replay python-0.2.23
}

@test "Python 0.3.0" {
    replay python-0.3.0
}

@test "Python 0.7.0-alpha.2, which encodes its ids" {
    replay python-0.7.0-alpha.2
}

@test "the command-line tool, a row at a time" {
    replay command-line
}
