#!/bin/sh
# Cases recorded of the reference's llm-as-judge, and how many of them evald decides otherwise.
#
# Run from the top of the build tree.  CASES: another file of cases; its counts are only shown.
set -u
src=${srcdir:-$(dirname "$0")/../..}
here=tests/conformance
cases=${CASES:-$src/$here/llm_as_judge.jsonl}
tape=$here/judge.tape.jsonl
trap 'rm -f "$tape"' EXIT

counts=$("$here/judge-tapes" "$cases" "$tape") || { echo "Bail out! no tape of $cases"; exit 1; }
printf '%s\n' "$counts" | sed 's/^/# /'
out=$(core/runner/evald-runner --replay plugins/.libs/judge.so "$tape")
status=$?
ran=$(printf '%s\n' "$out" | grep -c -E '^(not )?ok ')
printf '%s\n' "$out" | grep -v '^1\.\.'
if [ "$ran" -ne "$(grep -c . "$cases")" ]; then
    ran=$((ran + 1))
    status=1
    echo "not ok $ran - every case was played"
fi
if [ -z "${CASES:-}" ]; then
    ran=$((ran + 1))
    if [ "$(echo $counts)" = "template-names 61 judge-row-error 4 own-prompts 0 as-recorded 68" ]; then
        echo "ok $ran - evald decides otherwise by its rules alone"
    else
        echo "not ok $ran - evald decides otherwise by its rules alone"
        status=1
    fi
fi
echo "1..$ran"
exit "$status"
