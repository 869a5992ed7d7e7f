# evald reads files for callers who may not read them themselves: only what is below a root,
# whatever a name, a link or a race says, and nobody learns what is elsewhere.
load lib

setup_file() {
    export EVALD_DIR=$BATS_FILE_TMPDIR ROOT=$BATS_FILE_TMPDIR/evals
    mkdir "$ROOT" "$ROOT/sub" "$ROOT-secret" "$BATS_FILE_TMPDIR/real" "$BATS_FILE_TMPDIR/gone"
    ln -s real "$BATS_FILE_TMPDIR/link"
    printf 'a\n1\n' | tee "$ROOT/x.csv" "$ROOT/sub/x.csv" "$BATS_FILE_TMPDIR/real/x.csv" \
        "$BATS_FILE_TMPDIR/gone/x.csv" >/dev/null
    printf 'secret\n1\n' | tee "$ROOT-secret/x.csv" "$BATS_FILE_TMPDIR/outside.csv" >/dev/null
    start_evald "dataset = { roots = [ \"$ROOT\", \"$BATS_FILE_TMPDIR/link\", \"$BATS_FILE_TMPDIR/gone\" ]; };"
}

teardown_file() {
    stop_evald
}

rows='{"data":[{"a":1}],"has_more":false,"url":null}'

# reads URI: it has the one row.
reads() {
    put_uri u "$1"
    answers 200 "$rows" GET /v1beta/datasetio/iterrows/u
    answers 204 "" DELETE /v1beta/datasets/u
}

# refuses URI TEXT: 400 URI: TEXT, to the page and to the job.
refuses() {
    put_uri u "$1"
    put_benchmark b u basic::equality
    answers 400 "$(error_body "Invalid value: $1: $2")" GET /v1beta/datasetio/iterrows/u
    posts 400 "$(error_body "Invalid value: $1: $2")" /v1alpha/eval/benchmarks/b/jobs \
        "{\"benchmark_config\":$(config baseline::oracle)}"
    answers 204 "" DELETE /v1beta/datasets/u
    answers 204 "" DELETE /v1alpha/eval/benchmarks/b
}

outside='leads out of the configured root'

@test "a file below a root, by path and by URL" {
    reads "$ROOT/x.csv"
    reads "$ROOT/./sub//../x.csv"
    reads "file://$ROOT/x.csv"
    reads "file://localhost$ROOT/sub/%78.csv"
}

@test "dots that lead out, plain and encoded" {
    refuses "$ROOT/../outside.csv" "$outside"
    refuses "$ROOT/sub/../../outside.csv" "$outside"
    refuses "file://$ROOT/../outside.csv" "$outside"
    refuses "file://$ROOT/%2e%2e/outside.csv" "$outside"
    refuses "file://$ROOT/%2E%2e%2foutside.csv" "$outside"
    refuses "file://$ROOT/%252e%252e/outside.csv" 'no such file'
}

@test "links that lead out, of files and of directories, relative and absolute" {
    ln -s ../outside.csv "$ROOT/up.csv"
    ln -s "$BATS_FILE_TMPDIR/outside.csv" "$ROOT/absolute.csv"
    ln -s .. "$ROOT/updir"
    ln -s "$ROOT/x.csv" "$ROOT/home.csv"
    refuses "$ROOT/up.csv" "$outside"
    refuses "$ROOT/absolute.csv" "$outside"
    refuses "$ROOT/updir/outside.csv" "$outside"
    # the kernel begins at / again, and so has left
    refuses "$ROOT/home.csv" "$outside"
}

@test "links that stay inside are followed" {
    ln -s x.csv "$ROOT/inside.csv"
    ln -s sub "$ROOT/subdir"
    ln -s ../x.csv "$ROOT/sub/back.csv"
    reads "$ROOT/inside.csv"
    reads "$ROOT/subdir/x.csv"
    reads "$ROOT/sub/back.csv"
}

@test "magic links and devices" {
    ln -s /proc/self/fd/0 "$ROOT/fd.csv"
    ln -s /proc/self/root/etc/hostname "$ROOT/proc.csv"
    ln -s /dev/zero "$ROOT/zero.csv"
    ln -s /dev/stdin "$ROOT/stdin.jsonl"
    for name in fd.csv proc.csv zero.csv stdin.jsonl; do
        refuses "$ROOT/$name" "$outside"
    done
    for path in /proc/self/fd/3 /dev/stdin /dev/zero /proc/self/root; do
        put_uri u "$path"
        answers 400 "$(error_body "Invalid value: Unsupported file type: $path")" GET /v1beta/datasetio/iterrows/u
        answers 204 "" DELETE /v1beta/datasets/u
    done
}

@test "what is no file: a FIFO does not hang evald, nor does a socket, a directory, a device" {
    mkfifo "$ROOT/fifo.csv"
    mkdir "$ROOT/dir.csv"
    ln "$EVALD_SOCKET" "$ROOT/socket.csv"
    refuses "$ROOT/fifo.csv" 'not a regular file'
    refuses "$ROOT/socket.csv" 'not a regular file'
    refuses "$ROOT/dir.csv" 'not a regular file'
    if mknod "$ROOT/device.csv" c 1 5 2>/dev/null; then
        refuses "$ROOT/device.csv" 'not a regular file'
    fi
    answers 200 '{"status":"OK"}' GET /v1/health
}

@test "a root's name at the start of another's is no root" {
    refuses "$ROOT-secret/x.csv" 'not below a configured root'
    refuses "file://$ROOT-secret/x.csv" 'not below a configured root'
    refuses "${ROOT%/*}/outside.csv" 'not below a configured root'
}

@test "a root that is a link is one, by its own name alone" {
    reads "$BATS_FILE_TMPDIR/link/x.csv"
    refuses "$BATS_FILE_TMPDIR/real/x.csv" 'not below a configured root'
    refuses "$BATS_FILE_TMPDIR/link/../outside.csv" "$outside"
}

@test "a root that vanishes, and comes back" {
    put_uri g "$BATS_FILE_TMPDIR/gone/x.csv"
    answers 200 "$rows" GET /v1beta/datasetio/iterrows/g
    mv "$BATS_FILE_TMPDIR/gone" "$BATS_FILE_TMPDIR/moved"
    answers 400 "$(error_body "Invalid value: $BATS_FILE_TMPDIR/gone/x.csv: no such file")" GET /v1beta/datasetio/iterrows/g
    mv "$BATS_FILE_TMPDIR/moved" "$BATS_FILE_TMPDIR/gone"
    answers 200 "$rows" GET /v1beta/datasetio/iterrows/g
}

@test "a file that becomes a link between two requests" {
    cp "$ROOT/x.csv" "$ROOT/swap.csv"
    put_uri s "$ROOT/swap.csv"
    answers 200 "$rows" GET /v1beta/datasetio/iterrows/s
    ln -sf ../outside.csv "$ROOT/swap.csv"
    answers 400 "$(error_body "Invalid value: $ROOT/swap.csv: $outside")" GET /v1beta/datasetio/iterrows/s
    rm "$ROOT/swap.csv"
    ln -s .. "$ROOT/swapdir"
    mkdir "$ROOT/swap.d"
    cp "$ROOT/x.csv" "$ROOT/swap.d/outside.csv"
    put_uri t "$ROOT/swap.d/outside.csv"
    answers 200 "$rows" GET /v1beta/datasetio/iterrows/t
    rm -r "$ROOT/swap.d"
    mv -T "$ROOT/swapdir" "$ROOT/swap.d"
    answers 400 "$(error_body "Invalid value: $ROOT/swap.d/outside.csv: $outside")" GET /v1beta/datasetio/iterrows/t
}

@test "a file that evald may not read" {
    [ "$(id -u)" -ne 0 ] || skip "root may read all"
    cp "$ROOT/x.csv" "$ROOT/closed.csv"
    chmod 0 "$ROOT/closed.csv"
    refuses "$ROOT/closed.csv" 'evald is not allowed to read it'
}

@test "a hard link is the file itself: who may make one below a root may name it" {
    ln "$BATS_FILE_TMPDIR/outside.csv" "$ROOT/hard.csv"
    put_uri h "$ROOT/hard.csv"
    answers 200 '{"data":[{"secret":1}],"has_more":false,"url":null}' GET /v1beta/datasetio/iterrows/h
}

@test "a URL of another host, and a path that is not absolute" {
    refuses "file://example.invalid$ROOT/x.csv" 'a file URL names an absolute path of this host: file:///path'
    refuses "file://sub/x.csv" 'a file URL names an absolute path of this host: file:///path'
    refuses "file://localhostile$ROOT/x.csv" 'a file URL names an absolute path of this host: file:///path'
    refuses "file://$ROOT/x.csv?.csv" 'a file URL has no query or fragment (%3F and %23 in a name)'
    refuses "sub/x.csv" 'not an absolute path'
    refuses "../outside.csv" 'not an absolute path'
}

@test "a NUL in a uri cuts nothing off" {
    refuses "file://$ROOT/x.csv%00.csv" 'holds a NUL byte'
    got=$(evald_post /v1beta/datasets "{\"purpose\":\"eval/messages-answer\",\"dataset_id\":\"nul\",\"source\":{\"type\":\"uri\",\"uri\":\"$ROOT/x.csv\\u0000.csv\"}}")
    case $(http_status) in
        400) return ;;
        200) says 400 'holds a NUL byte' GET /v1beta/datasetio/iterrows/nul ;;
        *) echo "$got" >&2; return 1 ;;
    esac
}

@test "a huge uri is refused in few words" {
    long=$(printf 'x%.0s' {1..5000})
    put_uri u "$ROOT/$long.csv"
    got=$(evald_get /v1beta/datasetio/iterrows/u)
    [ "$(http_status)" = 400 ]
    contains "$got" ': the name is too long'
    [ ${#got} -lt 1200 ]
    answers 204 "" DELETE /v1beta/datasets/u
    printf '{"purpose":"eval/messages-answer","dataset_id":"u","source":{"type":"uri","uri":"%s/%s.csv"}}' "$ROOT" \
        "$(head -c 5000000 /dev/zero | tr '\0' /)" >"$BATS_TEST_TMPDIR/body"
    evald_post /v1beta/datasets "@$BATS_TEST_TMPDIR/body" >/dev/null
    [ "$(http_status)" = 200 ]
    says 400 ': no such file' GET /v1beta/datasetio/iterrows/u
}

# told URI FILE: what is said of that file, with its name as FILE.
told() {
    local got
    put_uri u "$1" || return
    got=$(evald_get /v1beta/datasetio/iterrows/u)
    printf '%s %s' "$(http_status)" "${got//"$2"/FILE}"
    answers 204 "" DELETE /v1beta/datasets/u
}

@test "what is there and what is not, out of the roots, are told in the same words" {
    ln -s ../outside.csv "$ROOT/there.csv"
    ln -s ../nowhere.csv "$ROOT/there-not.csv"
    ln -s /etc/nowhere "$ROOT/there-no2.csv"
    [ "$(told "$BATS_FILE_TMPDIR/outside.csv" outside)" = "$(told "$BATS_FILE_TMPDIR/nowhere.csv" nowhere)" ]
    [ "$(told "$ROOT-secret/x.csv" /x.csv)" = "$(told "$ROOT-secret/y/z.csv" /y/z.csv)" ]
    [ "$(told "$ROOT/../outside.csv" outside)" = "$(told "$ROOT/../nowhere.csv" nowhere)" ]
    [ "$(told "$ROOT/../gone/x.csv" gone/x)" = "$(told "$ROOT/../gone/y.csv" gone/y)" ]
    [ "$(told "$ROOT/there.csv" there.csv)" = "$(told "$ROOT/there-not.csv" there-not.csv)" ]
    [ "$(told "$ROOT/there.csv" there.csv)" = "$(told "$ROOT/there-no2.csv" there-no2.csv)" ]
}
