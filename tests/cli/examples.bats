# The examples are what they claim to be, and run.
load lib

examples=$EVALD_SRCDIR/examples

teardown() {
    stop_evald
}

@test "every row of the general data set is well formed" {
    run "$EVALD_BUILDDIR/tests/cli/check-rows" "$examples/general/general.jsonl"
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
    [ "${output% rows}" -ge 220 ]
}

@test "the check of rows finds what is wrong" {
    sed -n 1p "$examples/general/general.jsonl" >"$BATS_TEST_TMPDIR/twice.jsonl"
    sed -n 1p "$examples/general/general.jsonl" >>"$BATS_TEST_TMPDIR/twice.jsonl"
    echo '{"id":"x"}' >>"$BATS_TEST_TMPDIR/twice.jsonl"
    run "$EVALD_BUILDDIR/tests/cli/check-rows" "$BATS_TEST_TMPDIR/twice.jsonl"
    [ "$status" -eq 1 ]
    contains "$output" "twice.jsonl:2: id or question is there twice"
    contains "$output" "twice.jsonl:3: not seven members"
}

@test "the general benchmark runs: the oracle knows all, chance and a recorded model less" {
    start_evald
    run "$EVALCTL" run "$examples/general/run.json"
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
    # The table in README.md, line by line.
    local line shown=0
    while IFS= read -r line; do
        contains "$output" "$line"
        shown=$((shown + 1))
    done < <(grep -E '^(candidate|baseline::(oracle|random-choice|recorded)) .* (job|[0-9])$' "$EVALD_SRCDIR/README.md")
    [ "$shown" -eq 7 ]
}

@test "running it again registers nothing anew and needs no --replace" {
    start_evald
    run "$EVALCTL" run "$examples/general/run.json"
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
    run "$EVALCTL" run "$examples/general/run.json"
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
    run "$EVALCTL" jobs --status completed
    [ "${#lines[@]}" -eq 7 ]
}

@test "--replace deletes nothing when what would replace it is refused" {
    cd "$BATS_TEST_TMPDIR" || return
    start_evald
    cat >good.json <<'END'
{"dataset": {"dataset_id": "d", "purpose": "eval/messages-answer",
             "source": {"type": "rows", "rows": [{"generated_answer": "x", "expected_answer": "x"}]}},
 "benchmark": {"benchmark_id": "b", "scoring_functions": ["basic::equality"]},
 "benchmark_config": {"eval_candidate": {"type": "model", "model": "baseline::recorded", "sampling_params": {}}}}
END
    run "$EVALCTL" run good.json
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
    sed 's/\["basic::equality"\]/[7]/' good.json >bad.json
    run "$EVALCTL" run --replace bad.json
    [ "$status" -eq 1 ]
    contains "$output" "body.scoring_functions.0: Input should be a valid string"
    run "$EVALCTL" benchmarks
    contains "$output" "basic::equality"
    sed 's/::equality/::subset_of/' good.json >other.json
    run "$EVALCTL" run other.json
    [ "$status" -eq 1 ]
    contains "$output" "already exists with different content"
    run "$EVALCTL" run --replace other.json
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
}
