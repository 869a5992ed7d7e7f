#!/usr/bin/env bash
# bench.sh - the figures of evald, each beside its target; `make bench` runs it.
#
#   EVALD_BUILDDIR=DIR bench.sh [start] [http] [rows] [generation] [scoring] [memory] [result]
#            [paging]
#
# A rate is a ratio to a yardstick that runs on this machine in the same minutes: evald and
# yardstick take turns, three rounds, and the median of their ratios counts.  Each line: figure,
# target, verdict.  evald uses two CPUs where a yardstick uses one: on a machine that others keep
# busy the ratios are too low, so it says how busy it was.  Exit status 1 when a target is missed, 2 when something did not work.
set -euo pipefail
export LC_ALL=C

BUILD=${EVALD_BUILDDIR:?the build tree}
BENCH=$BUILD/bench
export EVALD_LIBEXECDIR=$BUILD/libexec EVALD_PLUGIN_PATH=
for dir in "$BUILD"/plugins/.libs "$BUILD"/plugins/*/.libs; do
    [ ! -d "$dir" ] || EVALD_PLUGIN_PATH+=${EVALD_PLUGIN_PATH:+:}$dir
done

ROUNDS=3
HTTP_ROUNDS=5
HTTP_REQUESTS=100000
IN_FLIGHT=64
GENERATION_20_ROWS=12000
GENERATION_0_ROWS=60000
SCORING_ROWS=100000
SHORT_ROWS=10000
LONG_ROWS=200000
RESULT_ROWS=1000000
PAGED_ROWS=1000000
PAGE=1000

DIR=$(mktemp -d "${TMPDIR:-/tmp}/evald-bench.XXXXXX")
PIDS=()
MISSED=0
LACKING=0

# Everything that was started here ends here, by its pid.
clean_up() {
    local pid
    for pid in "${PIDS[@]}"; do
        kill "$pid" 2>/dev/null || :
    done
    wait
    rm -rf "$DIR"
}
trap clean_up EXIT
trap 'exit 2' INT TERM

broken() {
    echo "bench: $*" >&2
    [ ! -s "$DIR/log" ] || grep -v '^info' "$DIR/log" | tail -n 20 >&2
    exit 2
}

# member NAME: the value of a member of the JSON read; numbers and plain words only.
member() {
    sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p"
}

calc() {
    awk "BEGIN { printf \"%.${2:-3}f\", $1 }"
}

sorted() {
    printf '%s\n' "$@" | sort -g
}

median() {
    sorted "$@" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# spread VALUE...: (min-max)
spread() {
    sorted "$@" | awk 'NR == 1 { low = $1 } END { printf "(%s-%s)", low, $1 }'
}

# verdict FIGURE VALUE OP TARGET [NOTE]
verdict() {
    local word=ok
    awk "BEGIN { exit !($2 $3 $4) }" || { word=MISSED; MISSED=1; }
    printf '%-44s %10s   target %-8s %s%s\n' "$1" "$2" "$3 $4" "$word" "${5:+   $5}"
}

# wait_for COMMAND...: at most ten seconds
wait_for() {
    local i
    for ((i = 0; i < 1000; i++)); do
        "$@" && return
        sleep 0.01
    done
    broken "waited in vain for: $*"
}

# ---- the machine ----

version_of() {
    printf ' %s %s' "$1" "$(pkg-config --modversion "$1" 2>/dev/null || echo '?')"
}

# busy_ticks: of all CPUs together, since the machine started
busy_ticks() {
    awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 + $9 }' /proc/stat
}

# How much of the CPUs others use, in percent, over a second.
busy_percent() {
    local before
    before=$(busy_ticks)
    sleep 1
    calc "($(busy_ticks) - $before) * 100 / $(getconf CLK_TCK) / $(nproc)" 0
}

describe_machine() {
    local lib
    echo "cpu       $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) usable"
    echo "memory    $(awk '/^MemTotal/ { printf "%.1f GiB", $2 / 1048576 }' /proc/meminfo)"
    echo "kernel    $(uname -srm)"
    echo "compiler  $(${CC:-cc} --version | head -n 1)"
    printf 'libraries'
    for lib in json-c libcurl libmicrohttpd sqlite3 libconfig; do
        version_of "$lib"
    done
    printf ', %s\n' "$(getconf GNU_LIBC_VERSION)"
    echo "busy      $(busy_percent) % before this began"
    echo
}

# ---- model servers ----

server_is_up() {
    [ -s "$DIR/server-$1" ]
}

# start_server LATENCY_MS: sets URL_LATENCY_MS
start_server() {
    "$BUILD/tests/model-server" --latency-ms "$1" >"$DIR/server-$1" 2>/dev/null &
    PIDS+=($!)
    wait_for server_is_up "$1"
    printf -v "URL_$1" 'http://%s' "$(sed -n 's/^listening on //p' "$DIR/server-$1")"
}

# ---- evald ----

configure_evald() {
    {
        echo "dataset = { roots = [ \"$DIR\" ]; };"
        echo "limits = { call_timeout_ms = 60000; };"
        echo "models = ("
        echo "  { id = \"at-0\"; adapter = \"model::openai\"; base_url = \"$URL_0/v1\";"
        echo "    name = \"mock\"; max_in_flight = $IN_FLIGHT; },"
        echo "  { id = \"at-20\"; adapter = \"model::openai\"; base_url = \"$URL_20/v1\";"
        echo "    name = \"mock\"; max_in_flight = $IN_FLIGHT; }"
        echo ");"
    } >"$DIR/conf"
}

first_answer_came() {
    [ -s "$DIR/usage" ] || ! kill -0 "$SUPERVISOR" 2>/dev/null
}

# A fresh evald on an empty state; sets EVALD_PID and SUPERVISOR.
# start_evald [again]: again: with the state of the one before
start_evald() {
    [ "${1:-}" = again ] || rm -rf "$DIR/state"
    : >"$DIR/usage"
    : >"$DIR/log"
    "$BENCH/supervise" "$DIR/sock" "$BUILD/core/daemon/evald" --config "$DIR/conf" \
        --socket "$DIR/sock" --state-dir "$DIR/state" >"$DIR/usage" 2>"$DIR/log" &
    SUPERVISOR=$!
    PIDS+=("$SUPERVISOR")
    wait_for first_answer_came
    EVALD_PID=$(member pid <"$DIR/usage")
    [ -n "$EVALD_PID" ] || broken "evald did not start"
    ENDED=0
}

stop_evald() {
    kill "$SUPERVISOR"
    wait "$SUPERVISOR" || broken "evald ended with status $?"
}

# api METHOD PATH BODY [CURL-ARG...]
api() {
    curl -sS -f -X "$1" --unix-socket "$DIR/sock" -H 'Content-Type: application/json' \
        --data-binary "$3" "${@:4}" "http://evald/$2" || broken "$1 $2"
}

# register NAME [FUNCTION]: rows in NAME.jsonl, scored by it, or by equality
register() {
    api POST v1beta/datasets "{\"dataset_id\":\"$1\",\"purpose\":\"eval/messages-answer\",
        \"source\":{\"type\":\"uri\",\"uri\":\"file://$DIR/$1.jsonl\"}}" >/dev/null
    api POST v1alpha/eval/benchmarks "{\"benchmark_id\":\"$1\",\"dataset_id\":\"$1\",
        \"scoring_functions\":[\"${2:-basic::equality}\"]}" >/dev/null
}

# ended NAME: how many of evald's children of this name have ended
ended() {
    grep -c "child ended name=$1 " "$DIR/log" || :
}

runner_has_ended() {
    [ "$(ended evald-runner)" -gt "$ENDED" ]
}

# last_of NAME FIELD: of the child of this name that ended last
last_of() {
    sed -n "s/.*child ended name=$1 .*$2=\([0-9]*\).*/\1/p" "$DIR/log" | tail -n 1
}

cpu_ms_of() {
    awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) * 1000 / hz }' \
        "/proc/$1/stat"
}

gateway_pid() {
    sed -n 's/.*gateway started pid=\([0-9]*\).*/\1/p' "$DIR/log" | tail -n 1
}

# run_job BENCHMARK MODEL ROWS: sets JOB, SECONDS_TAKEN, and CPU_US, the time that evald's
# processes took for each row
run_job() {
    local answer before after
    ENDED=$(ended evald-runner)
    before="$(cpu_ms_of "$EVALD_PID") + $(cpu_ms_of "$(gateway_pid)")"
    answer=$(api POST "v1alpha/eval/benchmarks/$1/jobs" "{\"benchmark_config\":{
        \"eval_candidate\":{\"type\":\"model\",\"model\":\"$2\",
        \"sampling_params\":{\"max_tokens\":512}}}}" -H 'Prefer: wait=300' \
        -w '{"seconds":%{time_total}}\n')
    [ "$(member status <<<"$answer")" = completed ] || broken "the job: $answer"
    SECONDS_TAKEN=$(member seconds <<<"$answer")
    JOB=$(member job_id <<<"$answer")
    wait_for runner_has_ended
    check_job "$1" "$JOB" "$3"
    after="$(cpu_ms_of "$EVALD_PID") + $(cpu_ms_of "$(gateway_pid)")"
    after+=" + $(last_of evald-runner cpu_ms)"
    CPU_US=$(calc "($after - ($before)) * 1000 / $3" 1)
}

# All its rows, and no failure.
check_job() {
    local detail
    detail=$(curl -sS -f --unix-socket "$DIR/sock" \
        "http://evald/v1alpha/eval/benchmarks/$1/jobs/$2/detail") || broken "detail of job $2"
    [ "$(member rows_done <<<"$detail")" = "$3" ] || broken "rows are missing: $detail"
    [ "$(member rows_failed <<<"$detail")" = 0 ] || broken "rows failed: $detail"
}

# make_rows NAME COUNT [gen_rows-ARG...]
make_rows() {
    [ -e "$DIR/$1.jsonl" ] \
        || "$BENCH/gen_rows" -n "$2" --kind equality "${@:3}" >"$DIR/$1.jsonl" 2>/dev/null
}

# ---- the figures ----

start() {
    local i answers=() again=() result
    for ((i = 0; i < 5; i++)); do
        start_evald
        answers+=("$(member first_answer_ms <"$DIR/usage")")
        stop_evald
        start_evald again
        again+=("$(member first_answer_ms <"$DIR/usage")")
        [ "$i" -eq 4 ] || stop_evald
    done
    verdict "start: exec to the first answer, ms" "$(median "${answers[@]}")" '<' 50 \
        "$(spread "${answers[@]}")"
    verdict "start: where the plugin files are known" "$(median "${again[@]}")" '<' 20 \
        "$(spread "${again[@]}")"

    api POST v1beta/datasets '{"dataset_id":"none","purpose":"eval/messages-answer",
        "source":{"type":"rows","rows":[{"expected_answer":"a"}]}}' >/dev/null
    api POST v1alpha/eval/benchmarks '{"benchmark_id":"none","dataset_id":"none",
        "scoring_functions":["basic::equality"]}' >/dev/null
    cat >"$DIR/call.json" <<'EOF'
{"input_rows":[{"id":1,"input_query":"What is the capital of Peru?","expected_answer":"Lima",
"chat_completion_input":"[{\"role\":\"user\",\"content\":\"What is the capital of Peru?\"}]"}],
"scoring_functions":["basic::equality"],"benchmark_config":{"eval_candidate":{"type":"model",
"model":"baseline::echo","sampling_params":{"max_tokens":64}}}}
EOF
    result=$("$BENCH/udsload" -u "unix:$DIR/sock" -c 1 -n 500 -w 1 -m POST -b "$DIR/call.json" \
        -H 'Content-Type: application/json' /v1alpha/eval/benchmarks/none/evaluations) \
        || broken "a call: $result"
    verdict "call: evaluate_rows of one row, median ms" \
        "$(calc "$(member p50_us <<<"$result") / 1000")" '<' 5 \
        "(p99 $(calc "$(member p99_us <<<"$result") / 1000"))"
    stop_evald
}

# The yardstick of HTTP: nginx on a Unix socket that answers as /v1/health does, one process of
# our own with nothing outside of DIR.
start_nginx() {
    mkdir "$DIR/nginx"
    cat >"$DIR/nginx/conf" <<EOF
daemon off; master_process off; pid $DIR/nginx/pid; error_log $DIR/nginx/log;
events { worker_connections 1024; }
http {
    access_log off; keepalive_requests 100000000;
    client_body_temp_path $DIR/nginx/a; proxy_temp_path $DIR/nginx/b;
    fastcgi_temp_path $DIR/nginx/c; uwsgi_temp_path $DIR/nginx/d; scgi_temp_path $DIR/nginx/e;
    server {
        listen unix:$DIR/nginx/sock;
        location / { default_type application/json; return 200 '{"status":"OK"}'; }
    }
}
EOF
    "$1" -e "$DIR/nginx/log" -p "$DIR/nginx" -c "$DIR/nginx/conf" >/dev/null 2>&1 &
    NGINX=$!
    PIDS+=("$NGINX")
    wait_for curl -s -f -o /dev/null --unix-socket "$DIR/nginx/sock" http://nginx/
}

# load SOCKET CONNECTIONS: sets RATE and P99_US
load() {
    local result
    result=$("$BENCH/udsload" -u "unix:$1" -c "$2" -n "$HTTP_REQUESTS" /v1/health) \
        || broken "udsload: $result"
    RATE=$(member req_s <<<"$result")
    P99_US=$(member p99_us <<<"$result")
}

http_beside_nginx() {
    local i rates=() tails=() mine=() mine_p99
    for ((i = 0; i < HTTP_ROUNDS; i++)); do
        load "$DIR/sock" "$1"
        mine+=("$RATE") mine_p99=$P99_US
        load "$DIR/nginx/sock" "$1"
        rates+=("$(calc "${mine[i]} / $RATE")")
        tails+=("$(calc "$mine_p99 / $P99_US")")
    done
    printf '  %s connections: %s requests/s %s\n' "$1" "$(median "${mine[@]}")" \
        "$(spread "${mine[@]}")"
    verdict "http: requests/s of nginx's, $1 connections" "$(median "${rates[@]}")" '>=' 0.6 \
        "$(spread "${rates[@]}")"
    verdict "http: p99 to nginx's, $1 connections" "$(median "${tails[@]}")" '<=' 3 \
        "$(spread "${tails[@]}")"
}

http() {
    local n result nginx
    nginx=$(PATH=$PATH:/usr/sbin:$BENCH/nginx/usr/sbin command -v nginx) || nginx=
    start_evald
    if [ -n "$nginx" ]; then
        start_nginx "$nginx"
        http_beside_nginx 16
        http_beside_nginx 64
        kill "$NGINX"
    else
        echo "  no nginx to compare with; './setup bench' gets one"
    fi
    for n in 128 256; do
        result=$("$BENCH/udsload" -u "unix:$DIR/sock" -c "$n" -n "$HTTP_REQUESTS" /v1/health \
            2>/dev/null) || :
        verdict "http: not answered, $n connections" \
            "$(calc "$HTTP_REQUESTS - $(member ok <<<"$result")" 0)" '<=' 0
    done
    stop_evald
}

# What evald and all its children have used, in ms.
cpu_ms_of_all() {
    { cat /proc/[0-9]*/stat 2>/dev/null || :; } | awk -v pid="$EVALD_PID" -v hz="$(getconf CLK_TCK)" '
        { own = $1 == pid; sub(/.*\) /, "") }
        own { sum += $12 + $13 + $14 + $15 }
        $2 == pid { sum += $12 + $13 }
        END { printf "%d", sum * 1000 / hz }'
}

rows() {
    local i before after calls=200 result body='{"scoring_functions":["basic::equality"],
        "benchmark_config":{"eval_candidate":{"type":"model","model":"baseline::echo",
        "sampling_params":{"max_tokens":64}}},"input_rows":['
    start_evald
    api POST v1beta/datasets '{"dataset_id":"none","purpose":"eval/messages-answer",
        "source":{"type":"rows","rows":[{"expected_answer":"a"}]}}' >/dev/null
    api POST v1alpha/eval/benchmarks '{"benchmark_id":"none","dataset_id":"none",
        "scoring_functions":["basic::equality"]}' >/dev/null
    for ((i = 0; i < 100; i++)); do
        body+="{\"id\":$i,\"input_query\":\"What is $i and $i?\",\"expected_answer\":\"$((i + i))\","
        body+='"chat_completion_input":"[{\"role\":\"user\",\"content\":\"What is '"$i and $i"'?\"}]"},'
    done
    printf '%s]}' "${body%,}" >"$DIR/rows.json"
    call_rows 5 >/dev/null
    before=$(cpu_ms_of_all)
    result=$(call_rows "$calls")
    after=$(cpu_ms_of_all)
    verdict "rows: evaluate_rows of 100 rows, ms of CPU" "$(calc "($after - $before) / $calls" 2)" \
        '<=' 3 "(median $(calc "$(member p50_us <<<"$result") / 1000" 2) ms)"
    stop_evald
}

call_rows() {
    "$BENCH/udsload" -u "unix:$DIR/sock" -c 1 -n "$1" -w 0 -m POST -b "$DIR/rows.json" \
        -H 'Content-Type: application/json' /v1alpha/eval/benchmarks/none/evaluations \
        || broken "a call of 100 rows"
}

# generation_at LATENCY ROWS TARGET
generation_at() {
    local url=URL_$1 i n=$2 result ceiling=() rates=() ratios=() cpu=() most=0 seen
    url=${!url}
    for ((i = 0; i < ROUNDS; i++)); do
        result=$("$BENCH/curl_ceiling" --url "$url/v1/chat/completions" -n "$n" -c "$IN_FLIGHT") \
            || broken "curl_ceiling: $result"
        ceiling+=("$(member req_s <<<"$result")")
        curl -sS -f -X POST "$url/stats/reset" >/dev/null || broken "stats of the model server"
        run_job "generate-$1" "at-$1" "$n"
        seen=$(curl -sS "$url/stats" | member max_in_flight)
        most=$((seen > most ? seen : most))
        rates+=("$(calc "$n / $SECONDS_TAKEN" 0)")
        ratios+=("$(calc "$n / $SECONDS_TAKEN / ${ceiling[i]}")")
        cpu+=("$CPU_US")
    done
    printf '  at %s ms: %s requests/s %s bare, %s rows/s %s of a job, %s us CPU a row\n' "$1" \
        "$(median "${ceiling[@]}")" "$(spread "${ceiling[@]}")" \
        "$(median "${rates[@]}")" "$(spread "${rates[@]}")" "$(median "${cpu[@]}")"
    verdict "generation: of bare libcurl at $1 ms" "$(median "${ratios[@]}")" '>=' "$3" \
        "$(spread "${ratios[@]}")"
    verdict "generation: most in flight at the server" "$most" '<=' "$IN_FLIGHT"
}

generation() {
    make_rows generate-20 "$GENERATION_20_ROWS"
    make_rows generate-0 "$GENERATION_0_ROWS"
    start_evald
    register generate-20
    register generate-0
    generation_at 20 "$GENERATION_20_ROWS" 0.9
    generation_at 0 "$GENERATION_0_ROWS" 0.5
    stop_evald
}

# score_of JOB BENCHMARK: what the run reports, of whichever aggregation it has
score_of() {
    curl -sS -f --unix-socket "$DIR/sock" \
        "http://evald/v1alpha/eval/benchmarks/$2/jobs/$1/result" | tail -c 4096 \
        | sed -n 's/.*"\(accuracy\|weighted_average\)": *\([0-9.]*\)[,}].*/\2/p'
}

# scoring_by FUNCTION KIND TARGET [gen_rows-ARG...]
scoring_by() {
    local i n=$SCORING_ROWS name=score-$2 result parse=() rates=() ratios=() cpu=() parse_cpu=() known
    if ! curl -sS -f -o "$DIR/functions" --unix-socket "$DIR/sock" \
        http://evald/v1/scoring-functions || ! grep -q "\"$1\"" "$DIR/functions"; then
        echo "bench: there is no scoring function $1" >&2
        LACKING=1
        return
    fi
    "$BENCH/gen_rows" -n "$n" --kind "$2" --generated "${@:4}" >"$DIR/$name.jsonl" 2>"$DIR/known"
    known=$(member score <"$DIR/known")
    register "$name" "$1"
    for ((i = 0; i < ROUNDS; i++)); do
        result=$("$BENCH/jsonc_parse" "$DIR/$name.jsonl") || broken "jsonc_parse: $result"
        parse+=("$(member rows_s <<<"$result")")
        parse_cpu+=("$(member cpu_us_per_row <<<"$result")")
        run_job "$name" baseline::recorded "$n"
        result=$(score_of "$JOB" "$name")
        awk "BEGIN { d = $known - ${result:--1}; exit !(d < 1e-9 && d > -1e-9) }" \
            || broken "$1 reports ${result:-nothing} for rows that are worth $known"
        rates+=("$(calc "$n / $SECONDS_TAKEN" 0)")
        ratios+=("$(calc "$n / $SECONDS_TAKEN / ${parse[i]}")")
        cpu+=("$CPU_US")
    done
    printf '  %s, %d bytes a row: %s rows/s %s parsed by json-c, %s rows/s %s of a job\n' "$1" \
        "$(($(stat -c %s "$DIR/$name.jsonl") / n))" "$(median "${parse[@]}")" \
        "$(spread "${parse[@]}")" "$(median "${rates[@]}")" "$(spread "${rates[@]}")"
    printf '  CPU time of a row: evald %s us, json-c %s us\n' "$(median "${cpu[@]}")" \
        "$(median "${parse_cpu[@]}")"
    verdict "scoring: ${1#*::}, of a json-c parse" "$(median "${ratios[@]}")" '>=' "$3" \
        "$(spread "${ratios[@]}")"
    rm "$DIR/$name.jsonl"
}

scoring() {
    start_evald
    scoring_by basic::equality equality 0.5
    scoring_by basic::subset_of subset 0.5
    scoring_by basic::regex_parser_multiple_choice_answer mcq 0.4 --max-len 260
    scoring_by basic::docvqa docvqa 0.25
    scoring_by basic::regex_parser_math_response math 0.2 --max-len 260
    scoring_by basic::ifeval ifeval 0.1 --min-len 60 --max-len 120
    stop_evald
}

peak_kb_of() {
    awk '/^VmHWM/ { print $2 }' "/proc/$1/status"
}

# peaks BENCHMARK MODEL ROWS: sets PEAK_evald, PEAK_runner, PEAK_gateway in KiB, of one job in a
# fresh evald.  The runner has ended by then: evald logs what wait4() says of it, in which the
# size of evald when it started the runner counts, too.
peaks() {
    start_evald
    register "$1"
    run_job "$1" "$2" "$3"
    PEAK_evald=$(peak_kb_of "$EVALD_PID")
    PEAK_gateway=$(peak_kb_of "$(gateway_pid)")
    PEAK_runner=$(last_of evald-runner peak_rss_kb)
    stop_evald
    LARGEST=$(member peak_rss_kb <"$DIR/usage")
}

# memory_of NAME MODEL [gen_rows-ARG...]
memory_of() {
    local process name low
    make_rows "$1-short" "$SHORT_ROWS" "${@:3}"
    make_rows "$1-long" "$LONG_ROWS" "${@:3}"
    peaks "$1-short" "$2" "$SHORT_ROWS"
    local short_evald=$PEAK_evald short_runner=$PEAK_runner short_gateway=$PEAK_gateway
    peaks "$1-long" "$2" "$LONG_ROWS"
    for process in evald runner gateway; do
        name=PEAK_$process low=short_$process
        verdict "memory: $1, $process, peak MB" "$(calc "${!name} / 1024" 1)" '<' 64
        verdict "memory: $1, $process, long to short" "$(calc "${!name} / ${!low}")" '<=' 1.1 \
            "($(calc "${!low} / 1024" 1) MB for $SHORT_ROWS rows)"
    done
    verdict "memory: $1, largest of all ended, MB" "$(calc "$LARGEST / 1024" 1)" '<' 64
}

memory() {
    memory_of generation at-0
    memory_of scoring baseline::recorded --generated
}

# A result of many rows, while it is read.
result() {
    local before bytes
    yes '{"expected_answer":"A","generated_answer":"A"}' | head -n "$RESULT_ROWS" \
        >"$DIR/result.jsonl" || :
    start_evald
    register result
    run_job result baseline::recorded "$RESULT_ROWS"
    before=$(peak_kb_of "$EVALD_PID")
    bytes=$(curl -sS -f --unix-socket "$DIR/sock" \
        "http://evald/v1alpha/eval/benchmarks/result/jobs/0/result" | wc -c)
    verdict "result: of $RESULT_ROWS rows, MB" "$(calc "$bytes / 1000000" 1)" '>=' 30
    verdict "result: evald's memory grows by, MB" \
        "$(calc "($(peak_kb_of "$EVALD_PID") - $before) / 1024" 1)" '<' 4 \
        "(to $(calc "$(peak_kb_of "$EVALD_PID") / 1024" 1) MB)"
    stop_evald
}

# page_ms START ROWS: the time of one page of the data set paged
page_ms() {
    local seconds
    seconds=$(curl -sS -f -o "$DIR/page" --unix-socket "$DIR/sock" -w '%{time_total}' \
        "http://evald/v1beta/datasetio/iterrows/paged?start_index=$1&limit=$2") || broken "a page"
    [ "$(grep -o '"id":' "$DIR/page" | wc -l)" -eq "$2" ] || broken "rows are missing: $1"
    calc "$seconds * 1000"
}

# paging_of FORMAT: the first use scans the file once; every page after it is as quick as the first
paging_of() {
    local i unknown end low high first=() middle=() last=()
    start_evald
    api POST v1beta/datasets "{\"dataset_id\":\"paged\",\"purpose\":\"eval/messages-answer\",
        \"source\":{\"type\":\"uri\",\"uri\":\"file://$DIR/paged.$1\"}}" >/dev/null
    unknown=$(page_ms 0 1)
    low=$(peak_kb_of "$EVALD_PID")
    end=$(page_ms $((PAGED_ROWS - 1)) 1)
    for ((i = 0; i < 31; i++)); do
        first+=("$(page_ms 0 "$PAGE")")
        middle+=("$(page_ms $((PAGED_ROWS / 2 + 200)) "$PAGE")")
        last+=("$(page_ms $((PAGED_ROWS - PAGE)) "$PAGE")")
    done
    high=$(peak_kb_of "$EVALD_PID")
    stop_evald
    local first_ms middle_ms last_ms
    first_ms=$(median "${first[@]}")
    middle_ms=$(median "${middle[@]}")
    last_ms=$(median "${last[@]}")
    printf '  %s: of an unknown file the first row %s ms, then the last %s ms\n' "$1" "$unknown" "$end"
    printf '  %s: first page %s ms, middle %s ms, last %s ms\n' "$1" "$first_ms" "$middle_ms" "$last_ms"
    verdict "paging: $1, last page to first" "$(calc "$last_ms / $first_ms")" '<=' 2
    verdict "paging: $1, middle page to first" "$(calc "$middle_ms / $first_ms")" '<=' 2
    verdict "paging: $1, peak memory, last to first" "$(calc "$high / $low")" '<=' 2 \
        "($(calc "$low / 1024" 1) MB for the first page)"
}

paging() {
    awk -v n="$PAGED_ROWS" 'BEGIN { for (i = 0; i < n; i++)
        printf "{\"id\":%d,\"input_query\":\"What is %d + %d?\",\"expected_answer\":\"%d\"}\n", i, i, i, 2 * i }' \
        >"$DIR/paged.jsonl"
    awk -v n="$PAGED_ROWS" 'BEGIN { print "id,input_query,expected_answer"
        for (i = 0; i < n; i++) printf "%d,\"What is %d + %d?\",\"a\n%d\"\n", i, i, i, 2 * i }' >"$DIR/paged.csv"
    paging_of jsonl
    paging_of csv
    rm "$DIR/paged.jsonl" "$DIR/paged.csv"
}

[ $# -gt 0 ] || set -- start http rows generation scoring memory result paging
for figure in "$@"; do
    case $figure in
        start | http | rows | generation | scoring | memory | result | paging) ;;
        *) echo "bench: no such figure: $figure" >&2; exit 2 ;;
    esac
done
describe_machine
start_server 0
start_server 20
configure_evald
for figure in "$@"; do
    "$figure"
done
[ "$LACKING" = 0 ] || exit 2
exit "$MISSED"
