#!/bin/sh
# Cases recorded of the reference, played by evalctl conformance: a test for each scorer, and how
# many cases each rule decides.
#
# Run from the top of the build tree.  CASES: another directory or file of cases, whose rules
# are only shown.
set -u
src=${srcdir:-$(dirname "$0")/../..}
here=tests/conformance
EVALD_LIBEXECDIR=${EVALD_LIBEXECDIR:-$PWD/libexec}
EVALD_PLUGIN_PATH=${EVALD_PLUGIN_PATH:-$PWD/plugins/.libs}
EVALD=${EVALD:-$PWD/core/daemon/evald}
export EVALD EVALD_LIBEXECDIR EVALD_PLUGIN_PATH

out=$(core/ctl/evalctl conformance --differences 40 "${CASES:-$src/$here}")
status=$?
if [ "$status" -gt 1 ] || [ -z "$out" ]; then
    echo "Bail out! evalctl conformance ended with status $status"
    exit 1
fi
printf '%s\n' "$out" | sed 's/^/# /'

# What rests on data that evald approximates may differ in some cases; nothing else may.
results=$(printf '%s\n' "$out" | awk '
    NF == 0 { exit }
    $1 == "scorer" || $1 == "all" { next }
    {
        label = $1 (NF > 6 ? " " $2 : "")
        cases = $(NF - 4); differing = $(NF - 1); least = 100
        if (label ~ /\(punkt\)$/) least = 97
        if (label ~ /\(langdetect\)$/) least = 95
        if (label ~ /\((emoji|thai-words)\)$/) next # counted with what else they rest on
        good = cases > 0 && 100 * (cases - differing) >= least * cases
        printf "%sok %d - %s: at least %d %% of %d cases do not differ\n",
            good ? "" : "not ", ++n, label, least, cases
    }')
printf '%s\n' "$results"
ran=$(printf '%s\n' "$results" | grep -c -E '^(not )?ok ')

# pin NAME WANT GOT
pin() {
    ran=$((ran + 1))
    if [ "$2" = "$3" ]; then
        results="$results
ok $ran"
        echo "ok $ran - $1: $2"
    else
        results="$results
not ok $ran"
        echo "not ok $ran - $1: $2"
        echo "#   got $3"
    fi
}

# The cases that a rule decides, whether they agree with it or not.
decided() {
    printf '%s\n' "$out" | awk -v rule="$1" '
        $1 == rule && $2 ~ /^[0-9]+$/ { n = $2 + $3 }
        END { print n + 0 }'
}

if [ -z "${CASES:-}" ]; then
    pin "scorers with a test" 20 "$ran"
    pin "cases, agreeing or not, and skipped" "5374 578" \
        "$(printf '%s\n' "$out" | awk '$1 == "all" { print $2, $6; exit }')"
    for rule in faithfulness-source=25 messages-as-given=4 docvqa-array=16 template-names=61 \
                judge-row-error=76 null-aggregate=16 random-kwargs=16 extra-kwargs=4 \
                checked-first=4 empty-lists=2 max-tokens-null=1 chat-input-array=1 \
                config-range=0 own-prompts=0; do
        pin "cases decided by ${rule%=*}" "${rule#*=}" "$(decided "${rule%=*}")"
    done
    pin "cases decided otherwise, and those by two rules" "214 12" \
        "$(printf '%s\n' "$out" | awk '
            $1 == "all" && !n { n = $4 }
            /^[0-9]+ of these cases by more than one rule$/ { several = $1 }
            END { print n, several + 0 }')"
fi
echo "1..$ran"
! printf '%s\n' "$results" | grep -q '^not ok'
