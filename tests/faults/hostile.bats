# Plugins that break the contract of <evald/plugin.h> in every way there is (hostile.c): each
# time the right row or the job fails, says why, and nothing else is harmed.
load lib

setup_file() {
    export TEST_PLUGINS=$BATS_FILE_TMPDIR/plugins
    mkdir -m 755 "$TEST_PLUGINS"
    install -m 755 "$EVALD_BUILDDIR/tests/plugins/.libs/hostile.so" \
        "$EVALD_BUILDDIR/tests/plugins/broken/.libs/ctor.so" "$TEST_PLUGINS/"
    export EVALD_DIR=$BATS_FILE_TMPDIR
    EVALD_PLUGIN_PATH=$TEST_PLUGINS:$EVALD_PLUGIN_PATH start_evald '
        models = (
            { id = "loop"; adapter = "test::chain"; params = { next = "loop"; }; },
            { id = "c1"; adapter = "test::chain"; params = { next = "c2"; }; },
            { id = "c2"; adapter = "test::chain"; params = { next = "c3"; }; },
            { id = "c3"; adapter = "test::chain"; params = { next = "c4"; }; },
            { id = "c4"; adapter = "test::chain"; params = { next = "c1"; }; }
        );
        limits = { plugin_timeout_ms = 3000; max_attempts = 2; };'
}

teardown_file() {
    stop_evald
}

sanitized() {
    grep -q '^#define EVALD_SANITIZED' "$EVALD_BUILDDIR/config.h"
}

# job FUNCTION MEMBERS STATE ANSWER...: a job over recorded answers; RESULT is its result.
job() {
    BENCH=b$BATS_TEST_NUMBER.$((NTH = ${NTH:-0} + 1))
    answer_rows "${@:4}" | put_rows "d$BENCH"
    put_benchmark "$BENCH" "d$BENCH" "$1"
    submit "$BENCH" baseline::recorded "$2"
    job_ends "$BENCH" "$JOB" "$3"
    RESULT=$(job_result "$BENCH" "$JOB")
}

failed() { # CODE MESSAGE [ATTEMPTS]
    printf ',{"score":null,"error":{"stage":"scorer","code":"%s","message":"%s","attempts":%d}}' \
        "$1" "$2" "${3:-1}"
}
unanswered() {
    printf ',{"score":null,"metadata":{"error":{"stage":"scorer","code":"remote","message":"%s","attempts":%d}}}' \
        "$1" "${2:-1}"
}

@test "what score() must not do fails its row, and says what it was" {
    job test::hostile '' completed A none wait 'code 7' 'code -8' silent twice 'twice quietly' \
        'no name' kind digits broken object nested ask next A
    contains "$RESULT" "\"test::hostile\":{\"score_rows\":[{\"score\":1.0}$(
        failed plugin 'finished without a score'
        failed plugin 'score() returned EVALD_WAIT'
        failed plugin 'returned a status that does not exist'
        failed plugin 'returned a status that does not exist'
        failed bad_row 'row 5: failed without a reason'
        failed plugin "field 'score' twice"
        failed plugin "field 'score' twice"
        failed plugin 'a field without a name'
        failed plugin "field 'score' is of unknown kind 99"
        failed plugin "field 'score' is no number"
        failed plugin 'finished without a score'
        failed plugin "field 'score' is no JSON object"
        failed plugin "field 'note' is no JSON array"
        failed plugin 'asks are for step() only'
        failed plugin 'next_scored is for aggregate() only'
    ),{\"score\":1.0}]"
}

@test "bytes that are no text become U+FFFD, a NUL is escaped, a reason is one line" {
    job test::hostile '' completed bytes why
    contains "$RESULT" "{\"n$(printf '\xef\xbf\xbd')te\":\"a\\u0000b$(printf '\xef\xbf\xbd')($(printf '\xef\xbf\xbd')"
    contains "$RESULT" '"code":"bad_row","message":"row 1: wwwwwwww'
    [[ $RESULT != *$'\n'* ]]
}

@test "twenty MiB can be emitted, more than a frame holds cannot" {
    job test::hostile '' completed long escaped A
    contains "${RESULT:0:400}" '{"score":1.0,"note":"xxxxxxxx'
    contains "${RESULT: -600}" "$(failed plugin "field 'note' is too long: more than 32 MiB are emitted"),{\"score\":1.0}]"
}

@test "output and log messages without end, another locale and directory disturb nobody" {
    job test::hostile '' completed flood locale flood A
    contains "$RESULT" '"score_rows":[{"score":1.0},{"score":0.5},{"score":1.0},{"score":1.0}],"aggregated_results":{"average":{"average":0.875}}'
    [ "$(wc -c <"$EVALD_LOG")" -lt 4000000 ]
}

@test "who ends the process is found, and his row alone pays for it" {
    sanitized && skip "a sanitizer sees it first"
    for way in 'exit 0:called exit()' 'kill:was running when the runner was killed' \
        'deep:crashed with SIGSEGV' 'thread:was running when the runner was killed' \
        'blocked:was running when the runner was killed' 'heap:crashed with SIG' \
        'close:was running when the runner was killed'; do
        job test::hostile '' completed A "${way%%:*}" A
        contains "$RESULT" "\"score_rows\":[{\"score\":1.0},{\"score\":null,\"error\":{\"stage\":\"scorer\",\"code\":\"plugin\",\"message\":\"plugin test::hostile@1 ${way#*:}"
        contains "$RESULT" '"attempts":1}},{"score":1.0}]'
    done
}

@test "what step() must not do fails its row, and says what it was" {
    job test::hostile-step '' completed A wait endless restless 'ask and finish' 'ask and fail' \
        2000 1000 nobody loop c1 document http tool large again sleep A
    contains "$RESULT" "\"score_rows\":[{\"score\":1.0}$(
        failed plugin 'waits without having asked'
        failed plugin 'asks without end'
        failed plugin 'asks without end'
        failed plugin 'finished although it asked'
        failed bad_row 'row 5: changed its mind'
        failed plugin 'more than 1024 asks in one step'
    ),{\"score\":1.0}$(
        unanswered "there is no model 'nobody'"
        unanswered "model 'loop' asks itself"
        unanswered "asks within asks are too deep at 'c4'"
        failed plugin "the document for 'loop' at byte 5: unexpected end of text"
        failed plugin "asks HTTP, but 'test::hostile-step' has no endpoint"
        failed plugin 'this evald has no tools'
        failed plugin 'an ask of more than 32 MiB'
        unanswered 'never good' 2
    ),{\"score\":1.0},{\"score\":1.0}]"
}

@test "serial plugins and instances are never called twice at once" {
    for f in serial instance; do
        job "test::$f" '' completed $(seq 400)
        contains "$RESULT" '"average":{"average":1.0}'
    done
}

# metrics HOW STATE: a job whose function misbehaves that way outside of its rows.
metrics() {
    job test::hostile-metrics ",\"scoring_params\":{\"test::hostile-metrics\":{\"type\":\"basic\",\"aggregation_functions\":[],\"how\":\"$1\"}}" \
        "$2" A A A A A A A A A A A A A A A A A A A A A A A A A A A A A A A A A A A A A A A A
}

@test "open() that crashes, hangs or fails: the job says which plugin and why" {
    for way in "open crash:plugin test::hostile-metrics@1 crashed with SIGABRT while it was being opened" \
        "open hang:plugin test::hostile-metrics@1 did not return within 3000 ms while it was being opened" \
        "open silent:plugin 'test::hostile-metrics' cannot be opened: open() failed without a reason" \
        "open field:plugin 'test::hostile-metrics' cannot be opened: field 'score' cannot be emitted here"; do
        metrics "${way%%:*}" failed
        contains "$(job_detail "$BENCH" "$JOB")" "\"error\":{\"code\":\"plugin\",\"message\":\"${way#*:}\"}"
    done
}

@test "aggregate() and close() that crash, hang or fail: the same" {
    for way in "aggregate crash:plugin test::hostile-metrics@1 crashed with SIGABRT in its aggregate() or close()" \
        "aggregate hang:plugin test::hostile-metrics@1 did not return within 3000 ms in its aggregate() or close()" \
        "close crash:plugin test::hostile-metrics@1 crashed with SIGABRT in its aggregate() or close()" \
        "aggregate silent:aggregation of 'test::hostile-metrics': failed without a reason" \
        "aggregate twice:aggregation of 'test::hostile-metrics': field 'n' twice" \
        "aggregate large:aggregation of 'test::hostile-metrics': field 'n' is too long: more than 32 MiB are emitted"; do
        metrics "${way%%:*}" failed
        contains "$(job_detail "$BENCH" "$JOB")" "\"error\":{\"code\":\"plugin\",\"message\":\"${way#*:}\"}"
    done
}

@test "aggregate() may take its time over all rows, if not over one" {
    metrics 'aggregate slowly' completed
    contains "$RESULT" '"aggregated_results":{"n":{"n":40}}'
}

@test "a file whose constructor crashes in the runner fails the job by name" {
    sanitized && skip "a sanitizer sees it first"
    job test::ctor '' failed A
    contains "$(job_detail "$BENCH" "$JOB")" '"error":{"code":"plugin","message":"plugin test::ctor@1 crashed with SIGABRT while it was being opened"}'
}

@test "evald is still the one that was started" {
    answers 200 '{"status":"OK"}' GET /v1/health
    kill -0 "$EVALD_PID"
}
