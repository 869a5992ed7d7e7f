# lib.bash - what every bats suite stands on: a private evald and a way to talk to it.
#
#     load lib                    # from tests/cli; elsewhere: load ../cli/lib
#     setup()    { start_evald; }
#     teardown() { stop_evald; }
#     @test "health is OK" {
#         run evald_get /v1/health
#         [ "$output" = '{"status":"OK"}' ]
#     }
#
# Needs EVALD_BUILDDIR and EVALD_SRCDIR (`make check` sets both).  Everything is private: the
# socket, the state and the configuration are in $EVALD_DIR, by default $BATS_TEST_TMPDIR (in
# setup_file: $BATS_FILE_TMPDIR, for one evald per file).  Nothing sleeps for a guessed time:
# wait_for waits for what should happen.

if [ -z "${EVALD_BUILDDIR:-}" ] || [ -z "${EVALD_SRCDIR:-}" ]; then
    echo "set EVALD_BUILDDIR and EVALD_SRCDIR, or run 'make check'" >&2
    exit 1
fi
EVALD=$EVALD_BUILDDIR/core/daemon/evald
EVALCTL=$EVALD_BUILDDIR/core/ctl/evalctl
export EVALD EVALCTL

# The programs that evald starts, and the plugins, from the build tree.  Links to both so that
# evald needs no installation; a test may add directories to EVALD_PLUGIN_PATH.
export EVALD_LIBEXECDIR=${EVALD_LIBEXECDIR:-$EVALD_BUILDDIR/libexec}
if [ -z "${EVALD_PLUGIN_PATH:-}" ]; then
    for lib_dir in "$EVALD_BUILDDIR"/plugins/.libs "$EVALD_BUILDDIR"/plugins/*/.libs; do
        [ -d "$lib_dir" ] && EVALD_PLUGIN_PATH=${EVALD_PLUGIN_PATH:+$EVALD_PLUGIN_PATH:}$lib_dir
    done
    export EVALD_PLUGIN_PATH
fi

# wait_for COMMAND [ARG...]: until COMMAND succeeds; fails after EVALD_WAIT_S (30) seconds.
wait_for() {
    local end=$((SECONDS + ${EVALD_WAIT_S:-30}))
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$end" ]; then
            echo "waited in vain for: $*" >&2
            return 1
        fi
        command sleep 0.02
    done
}

evald_dir() {
    printf '%s\n' "${EVALD_DIR:-${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}}"
}

# start_evald [CONFIG [ARG...]]: CONFIG is the text of evald.conf; ARGs go to evald.  Again
# after stop_evald: the same state.  Sets EVALD_PID, EVALD_SOCKET, EVALD_STATE, EVALD_LOG.
start_evald() {
    local dir
    dir=$(evald_dir)
    export EVALD_SOCKET=$dir/sock EVALD_STATE=$dir/state EVALD_LOG=$dir/log
    if [ $# -gt 0 ] || [ ! -e "$dir/conf" ]; then
        printf '%s\n' "${1:-}" >"$dir/conf"
    fi
    shift $(($# > 0))
    "$EVALD" --config "$dir/conf" --socket "$EVALD_SOCKET" --state-dir "$EVALD_STATE" "$@" \
        </dev/null >>"$EVALD_LOG" 2>&1 3>&- &
    export EVALD_PID=$!
    if ! wait_for evald_answers_or_ended || ! evald_answers; then
        echo "evald did not start:" >&2
        cat "$EVALD_LOG" >&2
        return 1
    fi
}

# ended PID: gone, or a zombie that waits for its parent.
ended() {
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
    stat=${stat##*) }
    [ "${stat%% *}" = Z ]
}

evald_answers() {
    curl -sf -o /dev/null --unix-socket "$EVALD_SOCKET" http://evald/v1/health
}

evald_answers_or_ended() {
    evald_answers || ended "$EVALD_PID"
}

# stop_evald [SIGNAL]: by TERM, or by SIGNAL; the status is evald's own, so that a leak found
# by a sanitizer fails the test.  After KILL the status is 0.
stop_evald() {
    local pid=${EVALD_PID:-} status=0 signal=${1:-TERM}
    [ -n "$pid" ] || return 0
    EVALD_PID=
    kill -s "$signal" "$pid" 2>/dev/null
    if ! wait_for ended "$pid"; then
        kill -s KILL "$pid"
        echo "evald did not end on $signal" >&2
        status=1
    fi
    wait "$pid" 2>/dev/null || [ "$signal" = KILL ] || status=$?
    [ "$status" -eq 0 ] || cat "$EVALD_LOG" >&2
    return "$status"
}

# evald_request METHOD PATH [CURL-ARG...]: the body of the answer; http_status has its status.
evald_request() {
    local method=$1 path=$2
    shift 2
    curl -sS -X "$method" --unix-socket "$EVALD_SOCKET" -w '%{stderr}%{http_code}' "$@" \
        "http://evald$path" 2>"$(evald_dir)/http_status"
}

http_status() {
    cat "$(evald_dir)/http_status"
}

evald_get() {
    evald_request GET "$@"
}

evald_delete() {
    evald_request DELETE "$@"
}

# evald_post PATH BODY [CURL-ARG...]: BODY is JSON, or @FILE.
evald_post() {
    local path=$1 body=$2
    shift 2
    evald_request POST "$path" -H 'Content-Type: application/json' --data-binary "$body" "$@"
}

# contains TEXT PART: with both shown when it does not.
contains() {
    case $1 in
        *"$2"*) return 0 ;;
    esac
    printf 'no "%s" in:\n%s\n' "$2" "$1" >&2
    return 1
}
