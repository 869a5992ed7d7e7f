# lib.bash - for the suites of faults/ and api/: requests with what they must answer, data
# sets, jobs, and the model server.  On top of ../cli/lib.bash.
load "$EVALD_SRCDIR/tests/cli/lib"

# ---- requests --------------------------------------------------------------------------------

# as_wanted STATUS BODY GOT WHAT...: is GOT, the body that evald_request printed, the right one?
as_wanted() {
    local status=$1 body=$2 got=$3
    shift 3
    [ "$(http_status) $got" = "$status $body" ] && return
    printf '%s\nwanted %s %s\n   got %s %s\n' "$*" "$status" "$body" "$(http_status)" "$got" >&2
    return 1
}

# as_part STATUS PART GOT WHAT...: the same for a part of the body.
as_part() {
    local status=$1 part=$2 got=$3
    shift 3
    if [ "$(http_status)" != "$status" ]; then
        printf '%s\nwanted %s\n   got %s %s\n' "$*" "$status" "$(http_status)" "$got" >&2
        return 1
    fi
    contains "$got" "$part"
}

# answers STATUS BODY METHOD PATH [CURL-ARG...]: exactly so.  says: BODY is a part.
answers() {
    local status=$1 body=$2
    shift 2
    as_wanted "$status" "$body" "$(evald_request "$@")" "$@"
}
says() {
    local status=$1 part=$2
    shift 2
    as_part "$status" "$part" "$(evald_request "$@")" "$@"
}

# posts STATUS BODY PATH JSON [CURL-ARG...]: exactly so.  post_says: BODY is a part.
posts() {
    local status=$1 body=$2
    shift 2
    as_wanted "$status" "$body" "$(evald_post "$@")" "POST $1 ${2:0:300}"
}
post_says() {
    local status=$1 part=$2
    shift 2
    as_part "$status" "$part" "$(evald_post "$@")" "POST $1 ${2:0:300}"
}

# error_body TEXT [CODE]: the body of an error whose text is TEXT (without quotes in it).
error_body() {
    printf '{"detail":"%s","error":{"message":"%s","detail":"%s"%s}}' "$1" "$1" "$1" \
        "${2:+,\"code\":\"$2\"}"
}

# invalid LOC MSG TYPE [LOC MSG TYPE]...: the body of a request that fails validation; LOC with
# dots, like body.benchmark_config.num_examples.
invalid() {
    local items="" message="" loc
    while [ $# -ge 3 ]; do
        loc=$(printf '%s' "$1" | sed -E 's/[^.]+/"&"/g; s/"([0-9]+)"/\1/g; s/\./,/g')
        items+=",{\"loc\":[$loc],\"msg\":\"$2\",\"type\":\"$3\"}"
        message+="; $1: $2"
        shift 3
    done
    printf '{"detail":{"errors":[%s]},"error":{"message":"%s","detail":{"errors":[%s]}}}' \
        "${items:1}" "${message:2}" "${items:1}"
}

# has_header NAME: VALUE... of the last answer, asked for with -D "$(headers)".
headers() {
    printf '%s/headers\n' "$(evald_dir)"
}
has_header() {
    local line
    while IFS= read -r line; do
        line=${line%$'\r'}
        [ "${line,,}" != "${1,,}" ] || return 0
    done <"$(headers)"
    printf 'no "%s" in:\n' "$1" >&2
    cat "$(headers)" >&2
    return 1
}

# number TEXT NAME: the first number that the JSON text has under that name; null as it is.
number() {
    local re="\"$2\":(-?[0-9.e+-]+|null)"
    [[ $1 =~ $re ]] && printf '%s\n' "${BASH_REMATCH[1]}"
}

# ---- data sets, benchmarks, jobs -------------------------------------------------------------

# chat_rows N [PAD]: N rows r0..., answered by the model server with their expected_answer and
# counted there under their id.  PAD stands in a column of its own.
chat_rows() {
    local i
    for ((i = 0; i < $1; i++)); do
        printf '{"id":"r%d","input_query":"q%d","expected_answer":"Answer: a%d","chat_completion_input":"[{\\"role\\":\\"user\\",\\"content\\":\\"[[ID:r%d]] [[ANS:a%d]]\\"}]"%s}\n' \
            "$i" "$i" "$i" "$i" "$i" "${2:+,\"pad\":\"$2\"}"
    done
}

# answer_rows ANSWER...: rows with that generated_answer, all of which expect A.
answer_rows() {
    local a
    for a; do
        printf '{"expected_answer":"A","generated_answer":"%s"}\n' "$a"
    done
}

# put_rows DATASET: registers the lines of the input as rows, through a file: no limit to them.
put_rows() {
    local body
    body=$(evald_dir)/rows.body
    {
        printf '{"purpose":"eval/messages-answer","dataset_id":"%s","source":{"type":"rows","rows":[' "$1"
        paste -sd,
        printf ']}}'
    } >"$body"
    evald_post /v1beta/datasets "@$body" >/dev/null
    [ "$(http_status)" = 200 ]
}

# put_uri DATASET URI
put_uri() {
    evald_post /v1beta/datasets "{\"purpose\":\"eval/messages-answer\",\"dataset_id\":\"$1\",\"source\":{\"type\":\"uri\",\"uri\":\"$2\"}}" >/dev/null
    [ "$(http_status)" = 200 ]
}

# put_benchmark BENCHMARK DATASET FUNCTION...
put_benchmark() {
    local functions
    functions=$(printf ',"%s"' "${@:3}")
    posts 200 null /v1alpha/eval/benchmarks \
        "{\"benchmark_id\":\"$1\",\"dataset_id\":\"$2\",\"scoring_functions\":[${functions:1}]}"
}

# config MODEL [MEMBERS]: a BenchmarkConfig; MEMBERS begin with a comma.
config() {
    printf '{"eval_candidate":{"type":"model","model":"%s","sampling_params":{}}%s}' "$1" "${2:-}"
}

# submit BENCHMARK MODEL [MEMBERS]: starts a job and returns at once; its id is in JOB.
submit() {
    local got
    got=$(evald_post "/v1alpha/eval/benchmarks/$1/jobs" \
        "{\"benchmark_config\":$(config "$2" "${3:-}")}" -H 'Prefer: respond-async')
    [[ $got =~ ^\{\"job_id\":\"([0-9]+)\",\"status\":\"(scheduled|in_progress|completed)\"\}$ ]] ||
        { echo "submit: $got" >&2; return 1; }
    JOB=${BASH_REMATCH[1]}
}

# job_state BENCHMARK JOB
job_state() {
    local got
    got=$(evald_get "/v1alpha/eval/benchmarks/$1/jobs/$2")
    got=${got##*\"status\":\"}
    printf '%s\n' "${got%%\"*}"
}
job_is() {
    [ "$(job_state "$1" "$2")" = "$3" ]
}
job_has_ended() {
    case $(job_state "$1" "$2") in
        completed | failed | cancelled) ;;
        *) return 1 ;;
    esac
}

# job_ends BENCHMARK JOB STATE: waits for the end, which must be that one.
job_ends() {
    wait_for job_has_ended "$1" "$2" || return
    job_is "$1" "$2" "$3" && return
    evald_get "/v1alpha/eval/benchmarks/$1/jobs/$2/detail" >&2
    return 1
}

job_detail() {
    evald_get "/v1alpha/eval/benchmarks/$1/jobs/$2/detail"
}
rows_done() {
    number "$(job_detail "$1" "$2")" rows_done
}
rows_done_at_least() {
    [ "$(rows_done "$1" "$2")" -ge "$3" ]
}
job_result() {
    evald_get "/v1alpha/eval/benchmarks/$1/jobs/$2/result"
}

# ---- processes -------------------------------------------------------------------------------

# child_of PID NAME: the process of that name whose parent is PID.
child_of() {
    local stat line name
    for stat in /proc/[0-9]*/stat; do
        { read -r line <"$stat"; } 2>/dev/null || continue
        name=${line#*\(}
        name=${name%)*}
        line=${line##*) } # state, parent, ...
        line=${line#? }
        if [ "$name" = "$2" ] && [ "${line%% *}" = "$1" ]; then
            stat=${stat#/proc/}
            printf '%s\n' "${stat%/stat}"
            return 0
        fi
    done
    return 1
}

# ---- the model server ------------------------------------------------------------------------

# start_server NAME [ARG...]: afterwards server NAME /stats asks it; its base URL is in
# SERVER_URL.  stop_servers ends all of them.
start_server() {
    local name=$1 dir line
    shift
    SERVER_DIR=${SERVER_DIR:-$(evald_dir)}
    dir=$SERVER_DIR
    : >"$dir/server.$name" # of one that had the name before: it must not be taken for this one's
    "$EVALD_BUILDDIR/tests/model-server" "$@" </dev/null >"$dir/server.$name" 2>&1 3>&- &
    SERVER_PIDS="${SERVER_PIDS:-} $!"
    wait_for grep -q '^listening on ' "$dir/server.$name" || return
    read -r line <"$dir/server.$name"
    line=${line#listening on }
    case $line in
        unix:*) SERVER_URL=${line#unix:} SERVER_URL=http+unix://${SERVER_URL//\//%2F}/v1 ;;
        *) SERVER_URL=http://$line/v1 ;;
    esac
    printf '%s\n' "$line" >"$dir/server.$name.at"
    export SERVER_DIR SERVER_PIDS SERVER_URL
}

# start_data NAME DIR: the server of data sets (tests/server/data.c) with the files of DIR;
# its address is in DATA_URL, and server, count_of and stop_servers work with it too.
start_data() {
    local line
    SERVER_DIR=${SERVER_DIR:-$(evald_dir)}
    : >"$SERVER_DIR/server.$1"
    "$EVALD_BUILDDIR/tests/data-server" "$2" </dev/null >"$SERVER_DIR/server.$1" 2>&1 3>&- &
    SERVER_PIDS="${SERVER_PIDS:-} $!"
    wait_for grep -q '^listening on ' "$SERVER_DIR/server.$1" || return
    read -r line <"$SERVER_DIR/server.$1"
    line=${line#listening on }
    printf '%s\n' "$line" >"$SERVER_DIR/server.$1.at"
    DATA_URL=http://$line
    export SERVER_DIR SERVER_PIDS DATA_URL
}

# server NAME PATH [CURL-ARG...]
server() {
    local at name=$1 path=$2
    shift 2
    read -r at <"$SERVER_DIR/server.$name.at"
    case $at in
        unix:*) curl -sf --unix-socket "${at#unix:}" "$@" "http://model$path" ;;
        *) curl -sf "$@" "http://$at$path" ;;
    esac
}

# count_of NAME COUNT: one number of the server's statistics.
count_of() {
    number "$(server "$1" /stats)" "$2"
}
count_is() {
    [ "$(count_of "$1" "$2")" = "$3" ] || { echo "$1: $2 is $(count_of "$1" "$2"), not $3" >&2; return 1; }
}

# hold_after NAME N: its model server answers N requests more; the others wait for release NAME.
# So a job is in the middle for as long as a test wants it to be.
hold_after() {
    server "$1" "/hold/$2" -X POST >/dev/null
}
release() {
    server "$1" /release -X POST >/dev/null
}

stop_servers() {
    local pid
    for pid in ${SERVER_PIDS:-}; do
        kill "$pid" 2>/dev/null && wait_for ended "$pid"
    done
    SERVER_PIDS=
}

# model ID URL [SETTINGS]: an element of "models" in evald.conf.
model() {
    printf '{ id = "%s"; adapter = "model::openai"; base_url = "%s"; %s },' "$1" "$2" "${3:-}"
}
# models ELEMENT...: the setting.
models() {
    local all="$*"
    printf 'models = ( %s );\n' "${all%,}"
}
