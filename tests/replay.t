#!/bin/sh
# The tapes of every plugin in this tree, played by evald-runner --replay.
#
# Run from the top of the build tree.  EVALD_RUNNER: another evald-runner.
set -u
src=${srcdir:-$(dirname "$0")/..}
runner=${EVALD_RUNNER:-core/runner/evald-runner}
ran=0
failed=0

# One stream of results out of many: numbers go on, and a replay that died is a failure.
play() { # NAME FILE.so TAPE
    out=$("$runner" --replay "$2" "$3")
    status=$?
    numbered=$(printf '%s\n' "$out" | awk -v n="$ran" '
        /^(not )?ok / { sub(/ok [0-9]+/, "ok " ++n) }
        /^1\.\.|^Bail out!/ { sub(/^/, "# ") }
        { print }')
    printf '%s\n' "$numbered"
    ran=$((ran + $(printf '%s\n' "$out" | grep -c -E '^(not )?ok ')))
    if [ "$status" -ne 0 ]; then
        failed=$((failed + 1))
        ran=$((ran + 1))
        echo "not ok $ran - $1: $(basename "$3") ended with status $status"
    fi
}

for dir in plugins tests/plugins; do
    for tape in "$src/$dir"/*/t/*.jsonl "$src/$dir"/t/*.jsonl; do
        [ -e "$tape" ] || continue
        name=$(basename "$(dirname "$(dirname "$tape")")")
        # plugins/NAME/t/*.jsonl belong to NAME, tests/plugins/t/NAME.jsonl too
        [ "$dir/$name" = "tests/plugins/plugins" ] && name=$(basename "$tape" .jsonl)
        play "$name" "$dir/.libs/$name.so" "$tape"
    done
done
echo "1..$ran"
[ "$failed" -eq 0 ] && [ "$ran" -gt 0 ]
