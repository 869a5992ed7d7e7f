# lib.bash - the suites of the API stand on the same as those of the faults.
load "$EVALD_SRCDIR/tests/faults/lib"

# test_plugins NAME...: their files alone, in a directory that evald trusts; prints it.
test_plugins() {
    local dir=$BATS_FILE_TMPDIR/plugins name
    mkdir -p -m 755 "$dir"
    for name; do
        install -m 755 "$EVALD_BUILDDIR/tests/plugins/.libs/$name.so" "$dir/"
    done
    printf '%s\n' "$dir"
}

# watch_sent FILE, then sent QUERY: what jq makes of the requests that a model server recorded
# there (--record) since.
watch_sent() {
    SENT_FILE=$1
    SENT_BEFORE=$(wc -l <"$1")
}
sent() {
    tail -n "+$((SENT_BEFORE + 1))" "$SENT_FILE" | jq -c "$1"
}
