#!/bin/sh
# man.t - the manual pages are clean mdoc, and nothing that a user can say is missing in them.
src=${EVALD_SRCDIR:-${srcdir:-.}}
n=0 failed=0

result() { # result STATUS NAME [DIAGNOSTIC]
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $n - $2"
    else
        failed=1
        echo "not ok $n - $2"
        [ -z "${3:-}" ] || echo "$3" | sed 's/^/# /'
    fi
}

# absent FILE WORD...: those words that FILE does not have.
absent() {
    page=$1
    shift
    for word in "$@"; do
        grep -qwF -- "$word" "$page" || echo "$word"
    done
}

for page in "$src"/man/*.[1-9] "$src"/plugins/*/*.[1-9]; do
    [ -e "$page" ] || continue
    name=${page##*/}
    if command -v mandoc >/dev/null; then
        out=$(mandoc -T lint -W warning "$page" 2>&1)
        result $? "$name has no warnings" "$out"
    else
        n=$((n + 1))
        echo "ok $n - $name has no warnings # SKIP mandoc is not installed"
    fi
    # Pages of this project that are referred to exist.
    out=
    # shellcheck disable=SC2013
    for ref in $(sed -n 's/^\.Xr \(eval[a-z.-]*\) \([0-9]\).*/\1.\2/p' "$page"); do
        [ -e "$src/man/$ref" ] || ls "$src"/plugins/*/"$ref" >/dev/null 2>&1 || out="$out $ref"
    done
    [ -z "$out" ]
    result $? "$name refers to pages that exist" "$out"
done

# What <evald/plugin.h> declares.
words=$(grep -ohwE 'evald_[a-z_0-9]+|EVALD_[A-Z_0-9]+' "$src/include/evald/plugin.h" \
    | grep -vxE 'EVALD_PLUGIN_H|.*_' | sort -u)
# shellcheck disable=SC2086
out=$(absent "$src/man/evald-plugin.3" $words)
[ -z "$out" ]
result $? "evald-plugin(3) names all that evald/plugin.h declares" "$out"

# The settings, as the reader of evald.conf spells them.
words=$(grep -ohE '^ *\{ "[a-z_]+", read_' "$src/core/daemon/conf.c" | sed 's/.*"\(.*\)".*/\1/' | sort -u)
# shellcheck disable=SC2086
out=$(absent "$src/man/evald.conf.5" ${words:-no-settings-found})
[ -z "$out" ]
result $? "evald.conf(5) names every setting" "$out"

# The routes of the API, without the levels and ids that the page writes in its own way, and
# the members of a BenchmarkConfig.
words=$(sed -n '/^static const struct route table/,/^};/s/.*"\(\/[a-z][a-z0-9/.-]*[a-z]\).*/\1/p' \
    "$src/core/daemon/routes.c" | grep -vx "/admin.*" | sort -u)
words="$words $(sed -n '/^const struct type type_benchmark_config/,/^};/s/^ *{ "\([a-z_]*\)".*/\1/p' \
    "$src/core/daemon/types.c" | grep -vx cache)"
# shellcheck disable=SC2086
out=$(absent "$src/man/evald-api.7" ${words:-no-routes-found})
[ -z "$out" ]
result $? "evald-api(7) names every route and every member of a BenchmarkConfig" "$out"

# The commands of evalctl.
words=$(sed -n 's/^    { "\([a-z]*\)", [a-z_]*, [0-9].*/\1/p' "$src/core/ctl/main.c")
# shellcheck disable=SC2086
out=$(absent "$src/man/evalctl.1" ${words:-no-commands-found})
[ -z "$out" ]
result $? "evalctl(1) names every command" "$out"

# The example in the page is the one that is compiled and run.
out=$(sed -n '/^\.Bd -literal/,/^\.Ed/{/^\./d;p;}' "$src/man/evald-plugin.3" | diff - "$src/examples/scorer/exact.c")
result $? "the scorer in evald-plugin(3) is examples/scorer/exact.c" "$out"

echo "1..$n"
exit "$failed"
