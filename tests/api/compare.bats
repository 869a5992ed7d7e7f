# Two jobs compared row by row.
load lib

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR
    export EVALD_PLUGIN_PATH=$EVALD_PLUGIN_PATH:$EVALD_BUILDDIR/tests/plugins/.libs
    start_evald
    # recorded is right in 4 of 8 rows, oracle in all
    numbered A A A A B B B B | put_rows eight
    put_benchmark eight eight basic::equality basic::subset_of
    run recorded eight baseline::recorded
    run oracle eight baseline::oracle
    run thrice eight baseline::recorded ',"epochs":3'
    # the first six of them and two others, in another order
    { numbered A A A A B B | tac; numbered B A | sed 's/"r/"other/'; } | put_rows mixed
    put_benchmark mixed mixed basic::equality
    run mixed mixed baseline::recorded
    # rows 6 and 7 cannot be scored
    { numbered A A A A B B; printf '{"id":"r6","generated_answer":"A"}\n{"id":"r7","generated_answer":"A"}\n'; } |
        put_rows broken
    put_benchmark broken broken basic::equality
    run broken broken baseline::recorded
    put_benchmark subset eight basic::subset_of
    run subset subset baseline::recorded
    numbered A A | sed 's/"r/"far/' | put_rows far
    put_benchmark far far basic::equality
    run far far baseline::recorded
    # three rows with the same id
    printf '{"id":"x","expected_answer":"A","generated_answer":"%s"}\n' A B B | put_rows same
    put_benchmark same same basic::equality
    run same same baseline::recorded
}

teardown_file() {
    stop_evald
}

# numbered ANSWER...: rows r0, r1..., all of which expect A.
numbered() {
    local i=0 a
    for a; do
        printf '{"id":"r%d","expected_answer":"A","generated_answer":"%s"}\n' $((i++)) "$a"
    done
}

# run NAME BENCHMARK MODEL [MEMBERS]: a job that completes; job NAME prints its id.
run() {
    submit "${@:2}"
    job_ends "$2" "$JOB" completed
    echo "$JOB" >"$EVALD_DIR/job.$1"
}
job() {
    cat "$EVALD_DIR/job.$1"
}

# compared A B [MEMBERS]: sends the request for two jobs by name.
body() {
    printf '{"baseline":"%s","candidate":"%s"%s}' "$(job "$1")" "$(job "$2")" "${3:-}"
}
compared() {
    evald_post /v1alpha/eval/compare "$(body "$@")"
}
# has BODY MEMBER...: all are parts of it.
has() {
    local got=$1 part
    shift
    for part; do
        contains "$got" "$part" || return 1
    done
}

@test "a candidate that is right where the baseline is not" {
    got=$(compared recorded oracle ',"scoring_functions":["basic::equality"]')
    [ "$(http_status)" = 200 ]
    has "$got" "{\"baseline\":\"$(job recorded)\",\"candidate\":\"$(job oracle)\",\"comparisons\":{\"basic::equality\":{\"n_paired\":8,\"n_only_baseline\":0,\"n_only_candidate\":0,\"n_unscored\":0,\"mean_baseline\":0.5,\"mean_candidate\":1.0,\"difference\":0.5,\"stderr\":0.188982236504613" \
        '"z":2.6457513110645' '"correlation":null' '"unpaired_stderr":0.188982236504613' \
        '"mcnemar":{"b":4,"c":0,"p":0.125,"p_mid":0.0625}' '"bounds":[0.5,0.5],"verdict":"better"}}}'
    [[ $got != *subset_of* ]]
}

@test "the other way round it is worse" {
    got=$(compared oracle recorded)
    has "$got" '"basic::equality":{' '"basic::subset_of":{' '"difference":-0.5,' \
        '"mcnemar":{"b":0,"c":4,"p":0.125,"p_mid":0.0625}' '"verdict":"worse"}'
}

@test "a job and itself: no difference, and no z" {
    got=$(compared recorded recorded ',"scoring_functions":["basic::equality","basic::equality"]')
    [ "$got" = "{\"baseline\":\"$(job recorded)\",\"candidate\":\"$(job recorded)\",\"comparisons\":{\"basic::equality\":{\"n_paired\":8,\"n_only_baseline\":0,\"n_only_candidate\":0,\"n_unscored\":0,\"mean_baseline\":0.5,\"mean_candidate\":0.5,\"difference\":0.0,\"stderr\":0.0,\"ci95\":[0.0,0.0],\"z\":null,\"p_t\":1.0,\"p_normal\":1.0,\"correlation\":1.0,\"unpaired_stderr\":0.26726124191242434,\"unpaired_z\":0.0,\"unpaired_p\":1.0,\"mcnemar\":{\"b\":0,\"c\":0,\"p\":1.0,\"p_mid\":1.0},\"mde\":0.0,\"bounds\":[0.0,0.0],\"verdict\":\"no difference found\"}}}" ] ||
        { echo "$got" >&2; false; }
}

@test "rows of another benchmark are joined by id, whatever their order" {
    got=$(compared recorded mixed)
    has "$got" '"comparisons":{"basic::equality":{"n_paired":6,"n_only_baseline":2,"n_only_candidate":2,"n_unscored":0,' \
        '"difference":0.0,"stderr":0.0,' '"correlation":1.0,'
    [[ $got != *subset_of* ]]
}

@test "rows without a score: the bounds, and what they could turn" {
    got=$(compared recorded broken ',"scoring_functions":["basic::equality"]')
    has "$got" '"n_paired":8,"n_only_baseline":0,"n_only_candidate":0,"n_unscored":2,' \
        '"difference":0.0,' '"bounds":[0.0,0.25],"verdict":"no difference found"'
    got=$(compared broken oracle)
    has "$got" '"n_unscored":2,' '"bounds":[0.25' ',0.5],"verdict":"inconclusive: errors"'
}

@test "epochs are one score of a row" {
    got=$(compared recorded thrice ',"scoring_functions":["basic::equality"]')
    has "$got" '"n_paired":8,"n_only_baseline":0,"n_only_candidate":0,"n_unscored":0,' \
        '"difference":0.0,"stderr":0.0,' '"bounds":[0.0,0.0]'
}

@test "rows with the same id are paired in their order" {
    got=$(compared same same)
    has "$got" '"n_paired":3,"n_only_baseline":0,"n_only_candidate":0,' '"stderr":0.0,' '"correlation":1.0,'
}

@test "appended rows are only in the later job" {
    numbered A B A | put_rows grows
    put_benchmark grows grows basic::equality
    run before grows baseline::recorded
    posts 200 null /v1beta/datasetio/append-rows/grows \
        '{"rows":[{"id":"r3","expected_answer":"A","generated_answer":"A"}]}' ||
        [ "$(http_status)" = 204 ]
    run after grows baseline::recorded
    has "$(compared before after)" '"n_paired":3,"n_only_baseline":0,"n_only_candidate":1,'
    has "$(compared after before)" '"n_paired":3,"n_only_baseline":1,"n_only_candidate":0,'
}

@test "nothing in common is a 400" {
    local at=/v1alpha/eval/compare
    posts 400 "$(error_body "Invalid value: Jobs $(job recorded) and $(job far) have no row in common")" \
        $at "$(body recorded far)"
    posts 400 "$(error_body "Invalid value: Jobs $(job subset) and $(job mixed) have no scoring function in common")" \
        $at "$(body subset mixed)"
    posts 400 "$(error_body "Invalid value: Scoring function 'basic::subset_of' is not one of both jobs")" \
        $at "$(body recorded mixed ',"scoring_functions":["basic::subset_of"]')"
}

@test "jobs that are not there are a 400" {
    for id in 99 -1 07 x; do
        posts 400 "$(error_body "Invalid value: Job $id not found")" /v1alpha/eval/compare \
            "{\"baseline\":\"$id\",\"candidate\":\"$(job oracle)\"}"
        posts 400 "$(error_body "Invalid value: Job $id not found")" /v1alpha/eval/compare \
            "{\"baseline\":\"$(job oracle)\",\"candidate\":\"$id\"}"
    done
}

@test "a job that runs is a 400" {
    printf '{"expected_answer":"A","generated_answer":"A","sleep_ms":600000}\n' | put_rows slow
    put_benchmark slow slow test::slow
    submit slow baseline::recorded
    wait_for job_is slow "$JOB" in_progress
    posts 400 "$(error_body "Invalid value: Job $JOB is not completed, Status: in_progress")" \
        /v1alpha/eval/compare "{\"baseline\":\"$(job oracle)\",\"candidate\":\"$JOB\"}"
    evald_delete "/v1alpha/eval/benchmarks/slow/jobs/$JOB" >/dev/null
}

@test "a job with clusters is a 501" {
    numbered A B | sed 's/}/,"group":"g"}/' | put_rows grouped
    put_benchmark grouped grouped basic::equality
    run grouped grouped baseline::recorded ',"cluster":"group"'
    posts 501 "$(error_body "Not implemented: Job $(job grouped) has clusters, which cannot be compared yet")" \
        /v1alpha/eval/compare "$(body grouped oracle)"
}

@test "a body without both jobs is a 400" {
    posts 400 "$(invalid body.candidate 'Field required' missing)" /v1alpha/eval/compare \
        "{\"baseline\":\"0\"}"
}

@test "evalctl compare prints a line for each function, or the answer as it is" {
    run_ctl() { "$EVALCTL" --socket "$EVALD_SOCKET" "$@"; }
    got=$(run_ctl compare "$(job recorded)" "$(job oracle)" | tr -s ' ')
    has "$got" 'FUNCTION PAIRS BASELINE CANDIDATE DIFFERENCE 95 % P VERDICT' \
        'basic::equality 8 0.5 1 0.5 0.05313 to 0.9469 0.03315 better' 'basic::subset_of 8 '
    [ "$(run_ctl --json compare "$(job recorded)" "$(job oracle)" basic::equality)" = \
        "$(compared recorded oracle ',"scoring_functions":["basic::equality"]')" ]
    status=0
    got=$(run_ctl compare 99 "$(job oracle)" 2>&1) || status=$?
    [ "$status" = 1 ]
    contains "$got" 'Job 99 not found'
}
