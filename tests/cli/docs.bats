# What the documents show is what happens.
load lib

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    mkdir plugins
    chmod 755 plugins
}

teardown() {
    stop_evald
}

# The console blocks of a Markdown file: commands after "$ " and "> ", then what they print.
# A line that ends in "..." may go on with anything.
check_console() {
    local line command='' expected='' in_block=
    while IFS= read -r line; do
        if [ "$line" = '```console' ]; then
            in_block=1
        elif [ "$line" = '```' ]; then
            [ -z "$in_block" ] || check_command "$command" "$expected" || return 1
            in_block='' command='' expected=''
        elif [ -n "$in_block" ]; then
            case $line in
                '$ '*)
                    [ -z "$command" ] || check_command "$command" "$expected" || return 1
                    command=${line#\$ } expected=''
                    ;;
                '> '*) command+=$'\n'${line#> } ;;
                *) expected+=$line$'\n' ;;
            esac
        fi
    done <"$1"
}

check_command() {
    local got=() want=() i
    eval "$1" >got 2>&1 || { echo "failed: $1"; cat got; return 1; }
    mapfile -t got <got
    mapfile -t want <<<"${2%$'\n'}"
    [ -n "$2" ] || want=()
    for i in "${!want[@]}"; do
        if [[ ${want[i]} == *... ]]; then
            [[ ${got[i]:-} == "${want[i]%...}"* ]] && continue
        elif [ "${got[i]:-}" = "${want[i]}" ]; then
            continue
        fi
        printf 'command: %s\nwant: %s\ngot:  %s\n' "$1" "${want[i]}" "${got[i]:-}"
        return 1
    done
    if [ "${#got[@]}" -ne "${#want[@]}" ]; then
        printf 'command: %s\nprinted %s lines, not %s\n' "$1" "${#got[@]}" "${#want[@]}"
        return 1
    fi
}

@test "the tour in README.md: every command prints what the text says" {
    start_evald
    ln -s "$EVALD_BUILDDIR" build
    check_console "$EVALD_SRCDIR/README.md"
}

@test "the examples in evald-api(7): every command prints what the page says" {
    start_evald
    sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/p' "$EVALD_SRCDIR/man/evald-api.7" |
        sed -e 's/^\.Bd -literal.*/```console/' -e 's/^\.Ed/```/' -e '/^\./d' >examples.md
    [ "$(grep -c '^\$ ' examples.md)" -gt 5 ]
    check_console examples.md
}

@test "the scorer in README.md is the one in examples" {
    sed -n '/^```c$/,/^```$/{/^```/d;p;}' "$EVALD_SRCDIR/README.md" >scorer.c
    diff scorer.c "$EVALD_SRCDIR/examples/scorer/exact.c"
}

compile_scorer() {
    local cc
    read -ra cc <<<"${CC:-cc}" # "ccache gcc"
    "${cc[@]}" -shared -fPIC -I"$EVALD_SRCDIR/include" -o plugins/exact.so \
        "$EVALD_SRCDIR/examples/scorer/exact.c"
}

@test "the example scorer compiles alone, and is accepted" {
    compile_scorer
    run "$EVALCTL" plugin check plugins/exact.so
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
    contains "$output" example::exact
    run "$EVALCTL" --json plugin check plugins/exact.so
    contains "$output" '"id":"example::exact"'
}

@test "the example scorer's own cases hold" {
    compile_scorer
    "$EVALD_LIBEXECDIR/evald-runner" --replay plugins/exact.so "$EVALD_SRCDIR/examples/scorer/exact.jsonl"
}

@test "the example scorer scores rows of a client" {
    compile_scorer
    start_evald "plugins = { path = [ \"$PWD/plugins\" ]; };"
    run evald_post /v1/scoring/score '{"input_rows":[{"expected_answer":"a","generated_answer":"a"},{"expected_answer":"a","generated_answer":"b"}],"scoring_functions":{"example::exact":null}}'
    contains "$output" '"score_rows":[{"score":1'
    run "$EVALCTL" functions
    contains "$output" "example::exact"
}

@test "plugin check says why a file is refused" {
    echo "no plugin" >plugins/text.so
    run "$EVALCTL" plugin check plugins/text.so
    [ "$status" -eq 1 ]
    contains "$output" "text.so"
    run "$EVALCTL" plugin check plugins/none.so
    [ "$status" -eq 1 ]
    contains "$output" "none.so"
}

@test "the example configuration is good" {
    run "$EVALD" --check-config --config "$EVALD_SRCDIR/etc/evald.conf"
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
}

# But for those that name groups and users, which are not everywhere.
@test "the example configuration is good with the examples in it" {
    (umask 077 && echo secret | tee key >hub.key)
    sed -e 's/^#\([^ ]\|  \)/\1/' -e '/^socket/d; /^access/d' \
        -e "s|/etc/evald/|$PWD/|" "$EVALD_SRCDIR/etc/evald.conf" >evald.conf
    grep -q '^roles' evald.conf
    run "$EVALD" --check-config --config evald.conf
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
}
