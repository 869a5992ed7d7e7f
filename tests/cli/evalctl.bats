# evalctl against canned answers: what it asks, what it prints, how it ends.
load lib

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    export EVALD_SOCKET=$BATS_TEST_TMPDIR/sock TZ=UTC LC_ALL=C
    : >rules
}

teardown() {
    [ -z "${FAKE_PID:-}" ] || kill "$FAKE_PID"
}

# rule METHOD PATH STATUS BODY
rule() {
    printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${4:-}" >>rules
}

start_fake() {
    "$EVALD_BUILDDIR/tests/cli/fake-evald" "$EVALD_SOCKET" rules requests 3>&- &
    FAKE_PID=$!
    wait_for test -S "$EVALD_SOCKET"
}

# detail STATUS DONE FAILED: of job 3 of benchmark b/1
detail() {
    printf '{"job_id":"3","benchmark_id":"b/1","status":"%s","state":"%s","owner":1000,"created_at":1767225600000,"started_at":1767225601000,"ended_at":1767225603500,"progress":{"rows_done":%s,"rows_total":4,"rows_failed":%s,"rate_per_s":2.5,"eta_s":1.0},"usage":{"input_tokens":10,"output_tokens":20},"error":null,"manifest":{"candidate":{"type":"model","model":"m"}}}' \
        "$1" "$1" "$2" "$3"
}

statistics='"statistics":{"basic::equality":{"n_total":4,"n_scored":3,"n_errored":1,"n_abstained":0,"n_truncated":0,"mean":0.75,"stderr":0.1,"ci95":[0.25,1.0],"ci_method":"t","bounds":[0.5,0.75]}}'
result="{\"generations\":[{\"generated_answer\":\"x\"}],\"scores\":{},$statistics}"
job_list='{"data":[{"job_id":"2","benchmark_id":"b/0","status":"failed","owner":0,"created_at":1767225600000,"started_at":null,"ended_at":null,"rows_done":0,"rows_total":null,"rows_failed":0},{"job_id":"3","benchmark_id":"b/1","status":"in_progress","owner":0,"created_at":1767225600000,"started_at":1767225600000,"ended_at":1767225662000,"rows_done":1,"rows_total":4,"rows_failed":1}],"has_more":false}'
jobs_path='/v1alpha/eval/jobs?start_index=0&limit=500'
find_path='/v1alpha/eval/jobs?job_id='
found='{"data":[{"job_id":"3","benchmark_id":"b/1","status":"in_progress"}],"has_more":false}'
job_path=/v1alpha/eval/benchmarks/b%2F1/jobs/3

write_plan() {
    printf '{"id":"a"}\n\n {"id":"b","n":1.50}\n' >rows.jsonl
    cat >plan.json <<'END'
{"benchmark":{"benchmark_id":"b/1","scoring_functions":["basic::equality"]},
 "dataset":{"dataset_id":"d","purpose":"eval/messages-answer","source":{"type":"file","path":"rows.jsonl"}},
 "runs":[{"eval_candidate":{"type":"model","model":"m","sampling_params":{}}}]}
END
}

plan_rules() {
    rule POST /v1beta/datasets 200 '{}'
    rule POST /v1alpha/eval/benchmarks 200 null
    rule POST /v1alpha/eval/benchmarks/b%2F1/jobs 200 '{"job_id":"3","status":"scheduled"}'
    rule GET $job_path/events 200 'id: 1\nevent: started\ndata: {"event":"started"}\n\nevent: progress\ndata: {"rows_done":1,"rows_total":4}\n\n'
    rule GET $job_path/detail 200 "$(detail in_progress 1 0)"
    rule GET $job_path/result 200 "$result"
}

@test "help of evalctl and of every command" {
    run "$EVALCTL" --help
    [ "$status" -eq 0 ]
    contains "$output" "exit status"
    for command in run jobs status detail result rows events follow cancel pause resume retry rescore score-batch append function models datasets benchmarks functions plugin health version; do
        contains "$output" "  $command "
        run "$EVALCTL" $command --help
        [ "$status" -eq 0 ]
        contains "$output" "usage: evalctl [--socket PATH] [--json] $command"
        run "$EVALCTL" --help
    done
}

@test "a wrong command line ends with 2" {
    for line in "" "frob" "status" "status 1 2" "run" "jobs --replace" "--frob health" "plugin" "plugin show" "plugin frob x" "health --status x" "rows --limit x 1" "rows --owner 1 1" "rescore" "append d" "function delete"; do
        # shellcheck disable=SC2086
        run "$EVALCTL" $line
        [ "$status" -eq 2 ] || { echo "$line: $status"; return 1; }
    done
}

@test "no evald behind the socket ends with 3 and names the socket" {
    run "$EVALCTL" health
    [ "$status" -eq 3 ]
    [ "$output" = "evalctl: cannot reach evald on $EVALD_SOCKET: No such file or directory" ]
}

@test "a socket path that no socket can have is a usage error" {
    run "$EVALCTL" --socket "$(printf '/%0200d' 1)" health
    [ "$status" -eq 2 ]
    contains "$output" "longer than 107 bytes"
}

@test "a server that hangs up ends with 3" {
    rule GET /v1/health close
    start_fake
    run "$EVALCTL" health
    [ "$status" -eq 3 ]
    contains "$output" "does not answer"
}

@test "health and version, plain and as JSON" {
    rule GET /v1/health 200 '{"status":"OK"}'
    rule GET /v1/version 200 '{"version":"9.9"}'
    start_fake
    run "$EVALCTL" health
    [ "$output" = OK ]
    run "$EVALCTL" --json health
    [ "$output" = '{"status":"OK"}' ]
    run "$EVALCTL" version
    contains "${lines[0]}" "evalctl "
    [ "${lines[1]}" = "evald 9.9" ]
    run "$EVALCTL" version --json
    [ "$output" = '{"version":"9.9"}' ]
}

@test "--socket comes before EVALD_SOCKET" {
    rule GET /v1/health 200 '{"status":"OK"}'
    start_fake
    EVALD_SOCKET=/nonexistent run "$EVALCTL" --socket "$BATS_TEST_TMPDIR/sock" health
    [ "$output" = OK ]
}

@test "the server's message is the error, on one line without control characters" {
    rule GET /v1/health 400 '{"detail":"x","error":{"message":"a\nb\u001b[31mc\u009b"}}'
    start_fake
    run "$EVALCTL" health
    [ "$status" -eq 1 ]
    [ "$output" = "evalctl: a b [31mc " ]
}

@test "an error without a body says its status" {
    rule GET /v1/health 500 'oops'
    start_fake
    run "$EVALCTL" health
    [ "$status" -eq 1 ]
    [ "$output" = "evalctl: evald answered with HTTP status 500" ]
}

@test "jobs makes a table, and --status asks for a part" {
    rule GET "$jobs_path" 200 "$job_list"
    rule GET "$jobs_path&status=failed" 200 '{"data":[],"has_more":false}'
    start_fake
    run "$EVALCTL" jobs
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "job  benchmark  status       rows  failed  created              took" ] || { echo "$output"; return 1; }
    [ "${lines[1]}" = "  2  b/0        failed          0       0  2026-01-01 00:00:00     -" ]
    [ "${lines[2]}" = "  3  b/1        in_progress   1/4       1  2026-01-01 00:00:00  1:02" ]
    run "$EVALCTL" jobs --status failed
    [ "${#lines[@]}" -eq 1 ]
    run "$EVALCTL" --json jobs
    [ "$output" = "$job_list" ]
}

@test "jobs reads page after page" {
    rule GET "$jobs_path" 200 '{"data":[{"job_id":"0"},{"job_id":"1"}],"has_more":true}'
    rule GET '/v1alpha/eval/jobs?start_index=2&limit=500' 200 '{"data":[{"job_id":"2"}],"has_more":false}'
    start_fake
    run "$EVALCTL" jobs
    [ "${#lines[@]}" -eq 4 ]
}

@test "status, detail, result and cancel find the job's benchmark" {
    rule GET "${find_path}3" 200 "$found"
    rule GET $job_path 200 '{"job_id":"3","status":"completed"}'
    rule GET $job_path/detail 200 "$(detail completed 4 1)"
    rule GET $job_path/result 200 "$result"
    rule DELETE $job_path 204
    start_fake
    run "$EVALCTL" status 3
    [ "$output" = completed ]
    run "$EVALCTL" --json status 3
    [ "$output" = '{"job_id":"3","status":"completed"}' ]
    run "$EVALCTL" detail 3
    contains "$output" "rows       4 of 4, 1 failed"
    contains "$output" "started    2026-01-01 00:00:01"
    contains "$output" "tokens     10 in, 20 out"
    run "$EVALCTL" result 3
    contains "$output" "m          basic::equality  3  0.7500  [0.2500, 1.0000]       1          0    3"
    run "$EVALCTL" result --json 3
    [ "$output" = "$result" ]
    run "$EVALCTL" cancel 3
    [ "$status" -eq 0 ]
    [ "$output" = "job 3 cancelled" ]
}

@test "an unknown job is an error" {
    rule GET "${find_path}99" 200 '{"data":[],"has_more":false}'
    start_fake
    for command in status detail result cancel follow rows events pause resume retry rescore; do
        run "$EVALCTL" $command 99
        [ "$status" -eq 1 ]
        [ "$output" = "evalctl: job 99 not found" ]
    done
}

@test "cancel of a completed job says why not" {
    rule GET "${find_path}3" 200 "$found"
    rule DELETE $job_path 409 '{"detail":"Job 3 has completed"}'
    start_fake
    run "$EVALCTL" cancel 3
    [ "$status" -eq 1 ]
    [ "$output" = "evalctl: Job 3 has completed" ]
}

@test "lists are tables" {
    rule GET /v1/models 200 '{"data":[{"identifier":"baseline::echo","provider_id":"baseline","model_type":"llm"}]}'
    rule GET /v1beta/datasets 200 '{"data":[{"identifier":"d","purpose":"eval/messages-answer","source":{"type":"rows","rows":[{},{}]}},{"identifier":"u","purpose":"p","source":{"type":"uri","uri":"file:///x.csv"}}]}'
    rule GET /v1alpha/eval/benchmarks 200 '{"data":[{"identifier":"b","dataset_id":"d","scoring_functions":["f","g"]}]}'
    rule GET /v1/scoring-functions 200 '{"data":[{"identifier":"f","provider_id":"basic","return_type":{"type":"number"},"description":null}]}'
    rule GET /v1/providers 200 '{"data":[{"api":"eval","provider_id":"builtin","config":{},"health":{"status":"OK"}},{"api":"scoring","provider_id":"basic","provider_type":"inline::basic","config":{"plugin":"basic::x","version":"2","summary":"s"},"health":{"status":"Error","message":"gone"}}]}'
    start_fake
    run "$EVALCTL" models
    [ "${lines[1]}" = "baseline::echo  llm   baseline" ]
    run "$EVALCTL" datasets
    [ "${lines[1]}" = "d         eval/messages-answer  2 rows" ]
    [ "${lines[2]}" = "u         p                     file:///x.csv" ]
    run "$EVALCTL" benchmarks
    [ "${lines[1]}" = "b          d         f, g" ]
    run "$EVALCTL" functions
    [ "${lines[1]}" = "f         basic     number   -" ]
    run "$EVALCTL" plugin list
    [ "${lines[1]}" = "basic::x  2        scoring  Error: gone  s" ]
    [ "${#lines[@]}" -eq 2 ]
}

@test "plugin show prints what the API has of that id" {
    rule GET /v1/providers 200 '{"data":[{"provider_id":"basic","config":{"plugin":"basic::x"}},{"provider_id":"basic","config":{"plugin":"basic::equality"}}]}'
    rule GET /v1/scoring-functions/basic%3A%3Aequality 200 '{"identifier":"basic::equality"}'
    start_fake
    run "$EVALCTL" --json plugin show basic::equality
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = '{"provider_id":"basic","config":{"plugin":"basic::equality"}}' ]
    [ "${lines[1]}" = '{"identifier":"basic::equality"}' ]
    [ "${#lines[@]}" -eq 2 ]
    run "$EVALCTL" plugin show nope
    [ "$status" -eq 1 ]
    [ "$output" = 'evalctl: there is no plugin, function or model "nope"' ]
}

@test "run registers, submits, follows and prints a table" {
    write_plan
    plan_rules
    rule GET $job_path/detail 200 "$(detail completed 4 0)"
    start_fake
    run "$EVALCTL" run plan.json
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
    [ "${lines[0]}" = "job 3: m" ]
    [ "${lines[1]}" = "job 3: completed: 4 rows in 2.5 s, 0 failed" ]
    [ "${lines[2]}" = "candidate  scorer           n    mean     95 % interval  errors  abstained  job" ]
    [ "${lines[3]}" = "m          basic::equality  3  0.7500  [0.2500, 1.0000]       1          0    3" ]
    contains "$(<requests)" "POST /v1alpha/eval/benchmarks/b%2F1/jobs respond-async"
    contains "$(<requests)" '"source":{"type":"rows","rows":[{"id":"a"},{"id":"b","n":1.50}]}'
    contains "$(<requests)" '{"benchmark_id":"b/1","scoring_functions":["basic::equality"],"dataset_id":"d"}'
    contains "$(<requests)" '{"benchmark_config":{"eval_candidate":{"type":"model","model":"m","sampling_params":{}}}}'
}

@test "run --json prints the result as it is, and nothing else on stdout" {
    write_plan
    plan_rules
    rule GET $job_path/detail 200 "$(detail completed 4 0)"
    start_fake
    "$EVALCTL" --json run plan.json >out 2>messages
    [ "$(<out)" = "$result" ]
}

@test "run ends with 5 when rows failed" {
    write_plan
    plan_rules
    rule GET $job_path/detail 200 "$(detail completed 4 1)"
    start_fake
    run "$EVALCTL" run plan.json
    [ "$status" -eq 5 ]
}

@test "run ends with 4 when the job was cancelled" {
    write_plan
    plan_rules
    rule GET $job_path/detail 200 "$(detail cancelled 2 1)"
    start_fake
    run "$EVALCTL" run plan.json
    [ "$status" -eq 4 ]
    contains "$output" "(cancelled)"
}

@test "run ends with 1 when the job failed, and says why" {
    write_plan
    plan_rules
    rule GET $job_path/detail 200 "$(detail failed 2 0 | sed 's/"error":null/"error":{"code":"dataset","message":"the file has shrunk"}/')"
    start_fake
    run "$EVALCTL" run plan.json
    [ "$status" -eq 1 ]
    contains "$output" "the file has shrunk"
}

@test "runs go one after the other into one table, past one that is refused" {
    write_plan
    sed -i 's/"runs":\[/"runs":[{"eval_candidate":{"type":"model","model":"other"}},/' plan.json
    rule POST /v1beta/datasets 200 '{}'
    rule POST /v1alpha/eval/benchmarks 200 null
    rule POST /v1alpha/eval/benchmarks/b%2F1/jobs 400 '{"detail":"Invalid value: no such model"}'
    rule POST /v1alpha/eval/benchmarks/b%2F1/jobs 200 '{"job_id":"3","status":"scheduled"}'
    rule GET $job_path/events 204
    rule GET $job_path/detail 200 "$(detail completed 4 0)"
    rule GET $job_path/result 200 "$result"
    start_fake
    run "$EVALCTL" run plan.json
    [ "$status" -eq 1 ]
    contains "$output" "evalctl: run 1 (other): Invalid value: no such model"
    contains "$output" "other      (refused)"
    contains "$output" "m          basic::equality  3"
}

@test "a thing registered with other content: how to go on, and --replace" {
    write_plan
    rule POST /v1beta/datasets 400 '{"detail":"Invalid value: d already exists with other content"}'
    rule POST /v1beta/datasets 400 '{"detail":"Invalid value: d already exists with other content"}'
    rule POST /v1beta/datasets 200 '{}'
    rule GET /v1beta/datasets/d 200 '{}'
    rule DELETE /v1beta/datasets/d 204
    rule POST /v1alpha/eval/benchmarks 200 null
    rule POST /v1alpha/eval/benchmarks/b%2F1/jobs 200 '{"job_id":"3","status":"scheduled"}'
    rule GET $job_path/events 204
    rule GET $job_path/detail 200 "$(detail completed 4 0)"
    rule GET $job_path/result 200 "$result"
    start_fake
    run "$EVALCTL" run plan.json
    [ "$status" -eq 1 ]
    [ "$output" = "evalctl: data set d: Invalid value: d already exists with other content (evalctl run --replace registers it anew)" ]
    run "$EVALCTL" run --replace plan.json
    [ "$status" -eq 0 ]
}

@test "Ctrl-C leaves the job and says how to go on" {
    write_plan
    plan_rules
    start_fake
    "$EVALCTL" run plan.json >out 2>messages 3>&- &
    pid=$!
    wait_for grep -q detail requests
    kill -INT $pid
    status=0
    wait $pid || status=$?
    [ "$status" -eq 130 ]
    contains "$(<messages)" "job 3 goes on; follow it: evalctl follow 3; cancel it: evalctl cancel 3"
    run grep -c DELETE requests
    [ "$output" = 0 ]
}

# keys: of the requests that began jobs.
keys() {
    grep -A1 'POST .*/jobs respond-async' requests | sed -n 's/^key //p'
}

@test "a connection that is lost before the job is known: the same request once more" {
    write_plan
    sed -i 's/"runs":\[\(.*\)\]}$/"runs":[\1,\1]}/' plan.json
    rule POST /v1alpha/eval/benchmarks/b%2F1/jobs close
    rule POST /v1alpha/eval/benchmarks/b%2F1/jobs close
    plan_rules
    rule GET $job_path/detail 200 "$(detail completed 4 0)"
    start_fake
    run "$EVALCTL" run plan.json
    [ "$status" -eq 0 ]
    run keys
    [ "${#lines[@]}" -eq 4 ]
    [[ ${lines[0]} =~ ^evalctl-[0-9a-f]{32}$ ]] || false
    [ "${lines[1]}" = "${lines[0]}" ]
    [ "${lines[2]}" = "${lines[0]}" ]
    [ "${lines[3]}" != "${lines[0]}" ]
}

@test "what evald asks for again later is sent again, and said once" {
    write_plan
    rule POST /v1alpha/eval/benchmarks/b%2F1/jobs later '{"detail":"x","error":{"message":"x.csv: is being fetched"}}'
    rule POST /v1alpha/eval/benchmarks/b%2F1/jobs later '{"detail":"x","error":{"message":"x.csv: is being fetched"}}'
    plan_rules
    rule GET $job_path/detail 200 "$(detail completed 4 0)"
    start_fake
    run "$EVALCTL" run plan.json
    [ "$status" -eq 0 ]
    [ "$(grep -c 'waiting: x.csv: is being fetched' <<<"$output")" = 1 ]
    [ "$(keys | sort -u | wc -l)" = 1 ]
    [ "$(keys | wc -l)" = 3 ]
}

@test "an evald that is away for a moment is waited for" {
    write_plan
    plan_rules
    rule GET $job_path/detail close
    rule GET $job_path/detail 200 "$(detail completed 4 0)"
    start_fake
    run "$EVALCTL" run plan.json
    [ "$status" -eq 0 ]
}

@test "follow goes on with a job and ends as run does" {
    rule GET "${find_path}3" 200 "$found"
    rule GET $job_path/events 200 'id: 2\nevent: completed\ndata: {"event":"completed"}\n\n'
    rule GET $job_path/detail 200 "$(detail completed 4 1)"
    rule GET $job_path/result 200 "$result"
    start_fake
    run "$EVALCTL" follow 3
    [ "$status" -eq 5 ]
    contains "$output" "0.7500"
}

@test "follow goes on behind the last event that it read" {
    rule GET "${find_path}3" 200 "$found"
    rule GET $job_path/events close
    rule GET $job_path/events 200 'id: 1\nevent: started\ndata: {"event":"started"}\n\n:\n\nid: 2\nevent: parked\ndata: {"event":"parked"}\n\n'
    rule GET $job_path/events 503 '{"detail":"evald is stopping"}'
    rule GET $job_path/events 204
    rule GET $job_path/detail 200 "$(detail in_progress 1 0)"
    rule GET $job_path/detail 200 "$(detail completed 4 0)"
    rule GET $job_path/result 200 "$result"
    start_fake
    run "$EVALCTL" follow 3
    [ "$status" -eq 0 ]
    run grep events requests
    [ "${lines[0]}" = "GET $job_path/events -" ]
    [ "${lines[1]}" = "GET $job_path/events -" ]
    [ "${lines[2]}" = "GET $job_path/events 2" ]
    [ "${lines[3]}" = "GET $job_path/events 2" ]
    [ "${#lines[@]}" -eq 4 ]
}

@test "follow says that the job was paused, not that it once was" {
    rule GET "${find_path}3" 200 "$found"
    rule GET $job_path/events 200 'id: 1\nevent: paused\ndata: {"event":"paused"}\n\nid: 2\nevent: resumed\ndata: {"event":"resumed"}\n\nevent: progress\ndata: {"rows_done":0}\n\n'
    rule GET $job_path/detail 200 "$(detail completed 4 0)"
    rule GET $job_path/result 200 "$result"
    start_fake
    run "$EVALCTL" follow 3
    [ "$status" -eq 0 ]
    [[ $output != *paused* ]] || { echo "$output"; return 1; }
    kill "$FAKE_PID"
    wait "$FAKE_PID" || true
    : >rules
    rule GET "${find_path}3" 200 "$found"
    rule GET $job_path/events 200 'id: 1\nevent: started\ndata: {"event":"started"}\n\nevent: progress\ndata: {"rows_done":0}\n\nid: 2\nevent: paused\ndata: {"event":"paused"}\n\n'
    rule GET $job_path/detail 200 "$(detail completed 4 0)"
    rule GET $job_path/result 200 "$result"
    rm -f "$EVALD_SOCKET"
    start_fake
    run "$EVALCTL" follow 3
    contains "$output" "job 3: paused; let it go on: evalctl resume 3"
}

@test "events are lines, and documents with --json" {
    rule GET "${find_path}3" 200 "$found"
    rule GET $job_path/events 200 'id: 1\nevent: started\ndata: {"event":"started","at":1767225600000}\n\nevent: progress\ndata: {"event":"progress","rows_done":1,"rows_total":4,"rows_failed":0}\n\nid: 2\nevent: failed\ndata: {"event":"failed","at":1767225601000,\ndata: "what":"no disk"}\n\n'
    start_fake
    run "$EVALCTL" events 3
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "2026-01-01 00:00:00  started" ]
    [ "${lines[1]}" = "                     progress  1 of 4 rows, 0 failed" ]
    [ "${lines[2]}" = "2026-01-01 00:00:01  failed  no disk" ]
    run "$EVALCTL" --json events 3
    [ "${lines[0]}" = '{"event":"started","at":1767225600000}' ]
}

@test "rows are a table, page after page, or the API's document" {
    row='"row_id":"a","status":"ok","generation":{"generated_answer":"x\ny"},"scores":{"f::g":{"score":1.0}},"errors":[]'
    bad='"row_id":7,"status":"error","generation":{"generated_answer":null},"scores":{"f::g":{"score":null}},"errors":[{"message":"it broke"}]'
    page="{\"data\":[{\"index\":0,\"epoch\":0,$row}],\"has_more\":true,\"next\":3}"
    rule GET "${find_path}3" 200 "$found"
    rule GET "$job_path/rows?from=0&limit=500" 200 "$page"
    rule GET "$job_path/rows?from=3&limit=500" 200 "{\"data\":[{\"index\":3,\"epoch\":0,$bad}],\"has_more\":false,\"next\":null}"
    rule GET "$job_path/rows?from=0&limit=1&status=ok" 200 "$page"
    rule GET "$job_path/rows?limit=1&status=ok" 200 "$page"
    start_fake
    run "$EVALCTL" rows 3
    [ "${lines[0]}" = "row  epoch  id  status  answer  f::g  error" ] || { echo "$output"; return 1; }
    [ "${lines[1]}" = "  0      0  a   ok      x y      1.0  " ]
    [ "${lines[2]}" = "  3      0  7   error   -          -  it broke" ]
    run "$EVALCTL" rows --status ok --limit 1 3
    [ "${#lines[@]}" -eq 2 ]
    run "$EVALCTL" --json rows --status ok --limit 1 3
    [ "$output" = "$page" ]
}

@test "jobs --owner takes a number or a name" {
    rule GET "$jobs_path&owner=7" 200 '{"data":[],"has_more":false}'
    rule GET "$jobs_path&status=failed&owner=0" 200 '{"data":[],"has_more":false}'
    start_fake
    run "$EVALCTL" jobs --owner 7
    [ "$status" -eq 0 ]
    run "$EVALCTL" jobs --owner root --status failed
    [ "$status" -eq 0 ]
    run "$EVALCTL" jobs --owner 'no such user'
    [ "$status" -eq 1 ]
    [ "$output" = "evalctl: there is no user no such user" ]
}

@test "pause, resume and retry ask for it, and say what is so" {
    rule GET "${find_path}3" 200 "$found"
    rule POST $job_path/pause 200 '{"job_id":"3","status":"scheduled"}'
    rule POST $job_path/resume 200 '{"job_id":"3","status":"scheduled"}'
    rule POST $job_path/retry 409 '{"detail":"Job 3 has not ended"}'
    start_fake
    run "$EVALCTL" pause 3
    [ "$output" = "job 3 is paused" ]
    run "$EVALCTL" --json resume 3
    [ "$output" = '{"job_id":"3","status":"scheduled"}' ]
    run "$EVALCTL" retry 3
    [ "$status" -eq 1 ]
    [ "$output" = "evalctl: Job 3 has not ended" ]
}

@test "rescore names functions and parameters, and the new job" {
    echo '{"f::g":{"type":"basic","aggregation_functions":[]}}' >params.json
    rule GET "${find_path}3" 200 "$found"
    rule POST $job_path/rescore 200 '{"job_id":"9","status":"scheduled"}'
    start_fake
    run "$EVALCTL" rescore --params params.json 3 f::g f::h
    [ "$output" = "job 9 scores job 3 anew; follow it: evalctl follow 9" ]
    contains "$(<requests)" "POST $job_path/rescore respond-async"
    contains "$(<requests)" '{"scoring_functions":["f::g","f::h"],"scoring_params":{"f::g":{"type":"basic","aggregation_functions":[]}}}'
    run "$EVALCTL" rescore 3
    run tail -n 1 requests
    [ "$output" = '{}' ]
    echo '[]' >params.json
    run "$EVALCTL" rescore --params params.json 3
    [ "$status" -eq 1 ]
    [ "$output" = "evalctl: params.json: a JSON object is needed" ]
}

@test "score-batch scores a data set and prints aggregates" {
    answer='{"dataset_id":null,"results":{"f::g":{"score_rows":[{"score":1.0}],"aggregated_results":{"accuracy":{"accuracy":0.5,"num_correct":1.0}}}}}'
    rule POST /v1/scoring/score-batch 200 "$answer"
    start_fake
    run "$EVALCTL" score-batch d f::g
    [ "${lines[0]}" = "scorer  aggregate  value of     value" ] || { echo "$output"; return 1; }
    [ "${lines[1]}" = "f::g    accuracy   accuracy       0.5" ]
    [ "${lines[2]}" = "f::g    accuracy   num_correct    1.0" ]
    contains "$(<requests)" '{"dataset_id":"d","scoring_functions":{"f::g":null},"save_results_dataset":false}'
    run "$EVALCTL" --json score-batch d f::g
    [ "$output" = "$answer" ]
}

@test "append sends the rows of a file" {
    printf '{"id":"a"}\n\n {"id":"b","n":1.50}\n' >rows.jsonl
    rule POST /v1beta/datasetio/append-rows/d%2F1 204
    start_fake
    run "$EVALCTL" append d/1 rows.jsonl
    [ "$output" = "2 rows appended to d/1" ]
    contains "$(<requests)" '{"rows":[{"id":"a"},{"id":"b","n":1.50}]}'
    echo '{"id":}' >rows.jsonl
    run "$EVALCTL" append d/1 rows.jsonl
    [ "$status" -eq 1 ]
    contains "$output" "rows.jsonl:1:7: "
}

@test "functions are registered from a file, and deleted" {
    echo '{"scoring_fn_id":"my::judge","description":"d","return_type":{"type":"number"}}' >f.json
    rule POST /v1/scoring-functions 200 null
    rule DELETE /v1/scoring-functions/my%3A%3Ajudge 204
    start_fake
    run "$EVALCTL" function register f.json
    [ "$output" = "function my::judge registered" ]
    contains "$(<requests)" "$(<f.json)"
    run "$EVALCTL" function delete my::judge
    [ "$output" = "function my::judge deleted" ]
    run "$EVALCTL" function frob x
    [ "$status" -eq 2 ]
}

@test "files of run: the error names the place" {
    printf '{"benchmark":\n  {"benchmark_id" "x"}}' >p1.json
    run "$EVALCTL" run p1.json
    [ "$status" -eq 1 ]
    contains "$output" "p1.json:2:19: "

    echo '{"benchmark":{"benchmark_id":"b"},"benchmark_config":{},"frob":1}' >p2.json
    run "$EVALCTL" run p2.json
    [ "$output" = 'evalctl: p2.json: the file: unknown member "frob"' ]

    write_plan
    printf '{"id":"a"}\n{"id":}\n' >rows.jsonl
    run "$EVALCTL" run plan.json
    contains "$output" "rows.jsonl:2:7: "

    printf '{"id":"a"}\n7\n' >rows.jsonl
    run "$EVALCTL" run plan.json
    contains "$output" "rows.jsonl:2: a row must be a JSON object"

    rm rows.jsonl
    run "$EVALCTL" run plan.json
    contains "$output" "rows.jsonl: No such file"

    for doc in '[]' '{}' '{"benchmark":{"benchmark_id":"b"}}' '{"benchmark":{"benchmark_id":"b"},"runs":[]}' \
        '{"benchmark":{"benchmark_id":"b"},"runs":[1]}' '{"benchmark":{"benchmark_id":"b"},"runs":[{}],"benchmark_config":{}}' \
        '{"benchmark":{"benchmark_id":1},"runs":[{}]}' '{"benchmark":{"benchmark_id":"b"},"dataset":7,"runs":[{}]}' \
        '{"benchmark":{"benchmark_id":"b"},"dataset":{"dataset_id":"d","source":{"type":"file"}},"runs":[{}]}'; do
        echo "$doc" >p3.json
        run "$EVALCTL" run p3.json
        [ "$status" -eq 1 ]
        contains "$output" "p3.json: "
    done
}

@test "a relative file: uri is resolved against the plan's folder" {
    mkdir sub
    write_plan
    plan_rules
    rule GET $job_path/detail 200 "$(detail completed 4 0)"
    sed 's|{"type":"file","path":"rows.jsonl"}|{"type":"uri","uri":"file:rows.jsonl"}|' plan.json >sub/plan.json
    mv rows.jsonl sub
    start_fake
    run "$EVALCTL" run sub/plan.json
    [ "$status" -eq 0 ]
    contains "$(<requests)" "\"uri\":\"file://$(pwd -P)/sub/rows.jsonl\""
}
