# Rows appended to a data set: all of a request or none, in order, and there to stay.
load lib

setup() {
    SERVER_PIDS=
}

teardown() {
    stop_servers
    stop_evald
}

at=/v1beta/datasetio

# numbered FROM TO: rows {"n":FROM} ... {"n":TO - 1}, separated by commas.
numbered() {
    seq "$1" $(($2 - 1)) | sed 's/.*/{"n":&}/' | paste -sd,
}

# has N: data set d has the rows 0 to N - 1.
has() {
    answers 200 "{\"data\":[$(numbered 0 "$1")],\"has_more\":false,\"url\":null}" GET $at/iterrows/d
}

@test "rows are appended, seen at once, and as they were written" {
    start_evald
    printf '{"n":0}\n' | put_rows d
    posts 204 "" $at/append-rows/d '{"rows":[ {"n" : 1.50, "big":12345678901234567890}, {} ]}'
    answers 200 '{"data":[{"n":0},{"n":1.50,"big":12345678901234567890},{}],"has_more":false,"url":null}' \
        GET $at/iterrows/d
    says 200 '"rows":[{"n":0},{"n":1.50,"big":12345678901234567890},{}]' GET /v1beta/datasets/d
}

@test "on v1 the answer is 200 null, and its headers say that it is deprecated" {
    start_evald
    printf '{"n":0}\n' | put_rows d
    posts 200 null /v1/datasetio/append-rows/d '{"rows":[{"n":1}]}' -D "$(headers)"
    has_header 'Deprecation: @1758844800'
    has 2
}

@test "no rows are fine, and change nothing" {
    start_evald
    printf '{"n":0}\n' | put_rows d
    posts 204 "" $at/append-rows/d '{"rows":[]}'
    has 1
}

@test "an id with slashes and colons" {
    start_evald
    posts 200 '{"identifier":"a/b::c","provider_resource_id":"a/b::c","provider_id":"localfs","type":"dataset","purpose":"eval/question-answer","source":{"type":"rows","rows":[]},"metadata":{}}' \
        /v1beta/datasets '{"purpose":"eval/question-answer","dataset_id":"a/b::c","source":{"type":"rows","rows":[]}}'
    posts 204 "" $at/append-rows/a%2Fb::c '{"rows":[{}]}'
    answers 200 '{"data":[{}],"has_more":false,"url":null}' GET $at/iterrows/a/b%3A%3Ac
}

@test "an unknown data set is a 400" {
    start_evald
    posts 400 "$(error_body 'Invalid value: Dataset `nope` not served by provider: `localfs`. Make sure there is an DatasetIO provider serving this dataset.')" \
        $at/append-rows/nope '{"rows":[{}]}'
    posts 400 "$(error_body 'Invalid value: Dataset `` not served by provider: `localfs`. Make sure there is an DatasetIO provider serving this dataset.')" \
        $at/append-rows/ '{"rows":[{}]}'
}

@test "a data set with a uri is a 501, and its file stays as it is" {
    start_evald "dataset = { roots = [ \"$BATS_TEST_TMPDIR\" ]; };"
    printf '{"n":0}\n' >"$BATS_TEST_TMPDIR/rows.jsonl"
    put_uri d "file://$BATS_TEST_TMPDIR/rows.jsonl"
    posts 501 "$(error_body "Not implemented: data set 'd' has a uri: rows are appended to data sets of rows only")" \
        $at/append-rows/d '{"rows":[{"n":1}]}'
    has 1
}

@test "what is no list of objects is a 400 that names the place, and changes nothing" {
    start_evald
    printf '{"n":0}\n' | put_rows d
    posts 400 "$(invalid body.rows 'Field required' missing)" $at/append-rows/d '{}'
    post_says 400 '"loc":["body","rows",1]' $at/append-rows/d '{"rows":[{"n":1},2]}'
    post_says 400 '"loc":["body","rows"]' $at/append-rows/d '{"rows":{"n":1}}'
    has 1
}

@test "appended rows outlive evald, killed or not" {
    start_evald
    printf '{"n":0}\n' | put_rows d
    posts 204 "" $at/append-rows/d '{"rows":[{"n":1}]}'
    stop_evald KILL
    start_evald
    has 2
    posts 204 "" $at/append-rows/d '{"rows":[{"n":2}]}'
    stop_evald
    start_evald
    has 3
}

# append_until_killed: rows of one number, three a request, until evald is gone; the numbers
# of those that were acknowledged go to the file acknowledged.
append_until_killed() {
    local i
    for ((i = 0; i < 10000; i++)); do
        [ "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$EVALD_SOCKET" -X POST \
            -H 'Content-Type: application/json' --data-binary "{\"rows\":[{\"n\":$i},{\"n\":$i},{\"n\":$i}]}" \
            http://evald$at/append-rows/d)" = 204 ] || return 0
        printf '%d\n' "$i" >>"$BATS_TEST_TMPDIR/acknowledged"
    done
}
acknowledged_at_least() {
    [ "$(wc -l <"$BATS_TEST_TMPDIR/acknowledged")" -ge "$1" ]
}

@test "evald killed while rows come in: whole requests, none that was acknowledged is lost" {
    start_evald
    put_rows d </dev/null
    : >"$BATS_TEST_TMPDIR/acknowledged"
    for round in 1 2 3; do
        : >"$BATS_TEST_TMPDIR/acknowledged"
        posts 200 '{"identifier":"d","provider_resource_id":"d","provider_id":"localfs","type":"dataset","purpose":"eval/messages-answer","source":{"type":"rows","rows":[]},"metadata":{}}' \
            /v1/datasets '{"purpose":"eval/messages-answer","dataset_id":"d","source":{"type":"rows","rows":[]}}'
        append_until_killed 3>&- &
        client=$!
        wait_for acknowledged_at_least $((10 * round))
        stop_evald KILL
        wait "$client"
        start_evald
        got=$(evald_get $at/iterrows/d)
        n=$(wc -l <"$BATS_TEST_TMPDIR/acknowledged")
        for more in 0 1; do # the last one may have counted without having been heard of
            rows=$(for ((i = 0; i < n + more; i++)); do printf ',{"n":%d},{"n":%d},{"n":%d}' "$i" "$i" "$i"; done)
            [ "$got" != "{\"data\":[${rows:1}],\"has_more\":false,\"url\":null}" ] || continue 2
        done
        echo "acknowledged $n, has $got" >&2
        return 1
    done
}

@test "of many clients at a time no row is lost" {
    start_evald
    put_rows d </dev/null
    for client in 1 2 3 4 5 6; do
        for i in 1 2 3 4 5; do
            curl -s -o /dev/null --unix-socket "$EVALD_SOCKET" -X POST -H 'Content-Type: application/json' \
                --data-binary "{\"rows\":[{\"c\":$client,\"i\":$i},{\"c\":$client,\"i\":$i}]}" \
                http://evald$at/append-rows/d
        done 3>&- &
        pids="${pids:-} $!"
    done
    wait $pids
    got=$(evald_get $at/iterrows/d | grep -o '{"c":[0-9],"i":[0-9]}')
    [ "$(wc -l <<<"$got")" -eq 60 ]
    [ "$(uniq -d <<<"$got" | wc -l)" -eq 30 ] # both rows of a request side by side
    for client in 1 2 3 4 5 6; do
        [ "$(grep "\"c\":$client," <<<"$got" | uniq | grep -o 'i":[0-9]' | tr -d '\n')" = 'i":1i":2i":3i":4i":5' ]
    done
}

@test "a job has the rows of its submission, over a restart too" {
    start_server models
    hold_after models 20
    start_evald "$(models "$(model m "$SERVER_URL" 'max_in_flight = 8;')") limits = { shutdown_grace_ms = 50; };"
    chat_rows 200 | put_rows d
    put_benchmark b d basic::equality
    submit b m
    wait_for rows_done_at_least b 0 20
    posts 204 "" $at/append-rows/d "{\"rows\":[$(chat_rows 50 | paste -sd,)]}"
    job_is b 0 in_progress
    stop_evald
    start_evald
    posts 204 "" $at/append-rows/d "{\"rows\":[$(chat_rows 50 | paste -sd,)]}"
    release models
    job_ends b 0 completed
    contains "$(job_result b 0)" '"num_correct":200.0,"num_total":200'
    submit b baseline::oracle
    job_ends b "$JOB" completed
    contains "$(job_result b "$JOB")" '"num_correct":300.0,"num_total":300'
}

@test "a full disk is a 507, nothing is appended, and with room again it works" {
    [ "$(id -u)" -eq 0 ] || skip "needs root for a tmpfs"
    mkdir "$BATS_TEST_TMPDIR/state"
    # a mount of its own, which goes away with evald
    cat >"$BATS_TEST_TMPDIR/in-tmpfs" <<END
#!/bin/sh
mount -t tmpfs -o size=6m none "$BATS_TEST_TMPDIR/state" || exit
head -c 3145728 /dev/zero >"$BATS_TEST_TMPDIR/state/ballast"
exec "\$@"
END
    printf '#!/bin/sh\nexec unshare -m sh "%s/in-tmpfs" "%s" "$@"\n' "$BATS_TEST_TMPDIR" "$EVALD" \
        >"$BATS_TEST_TMPDIR/evald"
    chmod 755 "$BATS_TEST_TMPDIR/evald"
    unshare -m sh "$BATS_TEST_TMPDIR/in-tmpfs" true || skip "no tmpfs here"
    EVALD=$BATS_TEST_TMPDIR/evald start_evald
    printf '{"n":0}\n' | put_rows d
    printf '{"rows":[{"n":1},{"pad":"%s"}]}' "$(head -c 4000000 /dev/zero | tr '\0' x)" >"$BATS_TEST_TMPDIR/big"
    post_says 507 "data set 'd': cannot keep the rows: No space left on device" \
        $at/append-rows/d "@$BATS_TEST_TMPDIR/big"
    has 1
    rm "/proc/$EVALD_PID/root$EVALD_STATE/ballast"
    posts 204 "" $at/append-rows/d '{"rows":[{"n":1}]}'
    has 2
}
