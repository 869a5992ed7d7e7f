# Files that are no plugins, or not to be trusted, are refused with one clear line; evald starts.
load lib

broken=$EVALD_BUILDDIR/tests/plugins/broken/.libs

setup() {
    # the suite's own directory, not group-writable whatever the umask
    DIR=$BATS_TEST_TMPDIR/plugins
    mkdir -m 755 "$DIR"
}

teardown() {
    stop_evald
}

# refused NAME WHY: evald starts with that file among its plugins, and logs why it has not
# taken it, once; what came with evald works.
refused() {
    EVALD_PLUGIN_PATH=$DIR:$EVALD_PLUGIN_PATH start_evald
    contains "$(cat "$EVALD_LOG")" "plugin file refused: $DIR/$1: "
    [ "$(grep -c "plugin file refused" "$EVALD_LOG")" -eq 1 ]
    contains "$(grep "plugin file refused" "$EVALD_LOG")" "$2"
    says 200 '"identifier":"basic::equality"' GET /v1/scoring-functions/basic::equality
}

# checked NAME WHY: evalctl plugin check says the same, with status 1.
checked() {
    run "$EVALCTL" plugin check "$DIR/$1"
    [ "$status" -eq 1 ]
    contains "$output" "$1: "
    contains "$output" "$2"
}

@test "a file that is not ELF" {
    install -m 644 "$EVALD_SRCDIR/tests/plugins/broken/not-elf.so" "$DIR/"
    refused not-elf.so "invalid ELF header"
    checked not-elf.so "invalid ELF header"
}

@test "an empty file" {
    : >"$DIR/empty.so"
    chmod 644 "$DIR/empty.so"
    refused empty.so "file too short"
    checked empty.so "file too short"
}

@test "a shared object without the symbol" {
    install -m 755 "$broken/no-symbol.so" "$DIR/"
    refused no-symbol.so "evald_plugins_v1 is missing"
    checked no-symbol.so "evald_plugins_v1 is missing"
}

@test "a wrong ABI" {
    install -m 755 "$broken/wrong-abi.so" "$DIR/"
    refused wrong-abi.so "has ABI 2, this evald has 1"
    checked wrong-abi.so "has ABI 2, this evald has 1"
}

@test "a wrong magic number" {
    install -m 755 "$broken/wrong-magic.so" "$DIR/"
    refused wrong-magic.so "wrong magic number 0x1badf00d"
    checked wrong-magic.so "wrong magic number 0x1badf00d"
}

@test "a schema with a keyword that evald does not check" {
    install -m 755 "$broken/bad-schema.so" "$DIR/"
    refused bad-schema.so "params_schema"
    contains "$(cat "$EVALD_LOG")" "pattern"
    checked bad-schema.so "pattern"
}

@test "a duplicate id disables both, names both, and says so where it is asked for" {
    install -m 755 "$broken/duplicate.so" "$DIR/"
    EVALD_PLUGIN_PATH=$DIR:$EVALD_PLUGIN_PATH start_evald
    line=$(grep 'plugin basic::equality is disabled' "$EVALD_LOG")
    contains "$line" "$DIR/duplicate.so"
    contains "$line" "basic.so"
    posts 200 null /v1alpha/eval/benchmarks \
        '{"benchmark_id":"b","dataset_id":"d","scoring_functions":["basic::equality"]}'
    post_says 400 'basic::equality' /v1alpha/eval/benchmarks/b/evaluations \
        "{\"input_rows\":[{\"expected_answer\":\"A\",\"generated_answer\":\"A\"}],\"scoring_functions\":[\"basic::equality\"],\"benchmark_config\":$(config baseline::recorded)}"
    post_says 200 '"score":1.0' /v1alpha/eval/benchmarks/b/evaluations \
        "{\"input_rows\":[{\"expected_answer\":\"A\",\"generated_answer\":\"A\"}],\"scoring_functions\":[\"basic::subset_of\"],\"benchmark_config\":$(config baseline::recorded)}"
    run "$EVALCTL" plugin list
    contains "$output" "$DIR/duplicate.so"
}

@test "a file that others may write" {
    install -m 777 "$EVALD_BUILDDIR/tests/plugins/.libs/crash.so" "$DIR/"
    refused crash.so "the file can be written by everyone"
    says 400 "test::crash" GET /v1/scoring-functions/test::crash
    run "$EVALCTL" plugin list
    contains "$output" "crash.so"
    contains "$output" "Error: the file can be written by everyone"
}

@test "a file that its group may write" {
    install -m 775 "$EVALD_BUILDDIR/tests/plugins/.libs/crash.so" "$DIR/"
    refused crash.so "the file can be written by its group"
}

@test "a directory that others may write" {
    install -m 755 "$EVALD_BUILDDIR/tests/plugins/.libs/crash.so" "$DIR/"
    chmod 777 "$DIR"
    EVALD_PLUGIN_PATH=$DIR:$EVALD_PLUGIN_PATH start_evald
    contains "$(cat "$EVALD_LOG")" "plugin file refused: $DIR: the directory can be written by everyone"
    says 400 "test::crash" GET /v1/scoring-functions/test::crash
}

@test "a link into a directory that others may write" {
    mkdir -m 777 "$BATS_TEST_TMPDIR/open"
    chmod 777 "$BATS_TEST_TMPDIR/open"
    install -m 755 "$EVALD_BUILDDIR/tests/plugins/.libs/crash.so" "$BATS_TEST_TMPDIR/open/"
    ln -s ../open/crash.so "$DIR/crash.so"
    refused crash.so "can be written by everyone"
}

@test "a directory that is missing is none" {
    EVALD_PLUGIN_PATH=$BATS_TEST_TMPDIR/nowhere:$EVALD_PLUGIN_PATH start_evald
    says 200 '"identifier":"basic::equality"' GET /v1/scoring-functions/basic::equality
}

@test "a plugin that changes under a running evald is not run" {
    install -m 755 "$EVALD_BUILDDIR/tests/plugins/.libs/crash.so" "$DIR/test.so"
    EVALD_PLUGIN_PATH=$DIR:$EVALD_PLUGIN_PATH start_evald
    posts 200 null /v1alpha/eval/benchmarks \
        '{"benchmark_id":"b","dataset_id":"d","scoring_functions":["test::crash"]}'
    call="{\"input_rows\":[{\"expected_answer\":\"A\",\"generated_answer\":\"A\"}],\"scoring_functions\":[\"test::crash\"],\"benchmark_config\":$(config baseline::recorded)}"
    post_says 200 '"score":1.0' /v1alpha/eval/benchmarks/b/evaluations "$call"
    install -m 755 "$EVALD_BUILDDIR/tests/plugins/.libs/hang.so" "$DIR/new"
    mv "$DIR/new" "$DIR/test.so"
    post_says 400 "plugin file changed on disk; restart evald" /v1alpha/eval/benchmarks/b/evaluations "$call"
}
