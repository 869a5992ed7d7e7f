# Who may do what: callers of other uids, roles and owners, and the limits of each user.
load lib

ALICE=41001 BOB=41002 EVE=41003 # EVE has no role
READER=41004 CHIEF=41005        # CHIEF is an administrator
TEAM=42001                      # a group that runs

ACCESS="access = { read = [ $READER ]; run = ( $ALICE, \"$BOB\", \"@$TEAM\" ); admin = [ 0, $CHIEF ]; };"

# In a directory that other users can reach.
setup() {
    EVALD_DIR=$(mktemp -d "${TMPDIR:-/tmp}/evald-access-XXXXXX")
    export EVALD_DIR
    chmod 711 "$EVALD_DIR"
    CALLER= GROUPS_OF= BEHIND=
}

teardown() {
    [ -z "$BEHIND" ] || kill $BEHIND 2>/dev/null || :
    stop_evald
    stop_servers
    rm -rf "$EVALD_DIR"
}

# start LIMITS [MORE]: an evald that knows the users above.
start() {
    start_server hang --fail-rate 1 --fail-mode hang
    start_evald "socket = { mode = \"0666\"; };
        $(models "$(model hang "$SERVER_URL" 'timeout_ms = 600000;')")
        limits = { $1 }; ${2:-$ACCESS}"
}

needs_other_users() {
    [ "$(id -u)" = 0 ] || skip "only root can call as another user"
    [ -n "$(command -v setpriv)" ] || skip "there is no setpriv"
}

# as UID COMMAND [ARG...]: what COMMAND asks is asked by that user; GROUPS_OF names more groups.
as() {
    local CALLER=$1
    shift
    "$@"
}
curl() {
    if [ -z "$CALLER" ]; then
        command curl "$@"
    elif [ -n "$GROUPS_OF" ]; then
        setpriv --reuid "$CALLER" --regid "$CALLER" --groups "$GROUPS_OF" curl "$@"
    else
        setpriv --reuid "$CALLER" --regid "$CALLER" --clear-groups curl "$@"
    fi
}

benchmarks=/v1alpha/eval/benchmarks

# other COMMAND [ARG...]: asked by BOB, where that is possible.
other() {
    [ "$(id -u)" != 0 ] || as $BOB "$@"
}

# behind COMMAND [ARG...]: what it prints comes to $EVALD_DIR/behind.  It ends with the test.
behind() {
    "$@" >"$EVALD_DIR/behind" 2>&1 3>&- &
    BEHIND="$BEHIND $!"
}

# things: a data set d and a benchmark b, of whoever asks.
things() {
    printf '{"input_query":"q","expected_answer":"A","generated_answer":"A","chat_completion_input":"[{\\"role\\":\\"user\\",\\"content\\":\\"q\\"}]"}\n' |
        put_rows d
    put_benchmark b d basic::equality
}

denied() {
    error_body "Permission denied: $1"
}
not_there() {
    error_body "Invalid value: Job $1 not found"
}

# hup CONFIG: evald reads it, or refuses it with a line that says WANT.
hup() {
    local want=${2:-configuration read again} before
    before=$(grep -c "$want" "$EVALD_LOG") || :
    printf '%s\n' "$1" >"$EVALD_DIR/conf"
    kill -HUP "$EVALD_PID"
    wait_for log_has_more "$want" "$before"
}
log_has_more() {
    [ "$(grep -c "$1" "$EVALD_LOG")" -gt "$2" ]
}

# ---- jobs --------------------------------------------------------------------------------------

@test "another user's job does not exist: not by its id, not in lists" {
    needs_other_users
    start ''
    as $ALICE things
    as $ALICE submit b baseline::recorded
    as $ALICE job_ends b "$JOB" completed
    for what in '' /result /detail /rows /events; do
        as $BOB answers 400 "$(not_there "$JOB")" GET "$benchmarks/b/jobs/$JOB$what"
        as $BOB answers 400 "$(not_there 999)" GET "$benchmarks/b/jobs/999$what"
    done
    for list in /v1alpha/eval/jobs "/v1alpha/eval/jobs?limit=0" "/v1alpha/eval/jobs?owner=$ALICE" \
        $benchmarks/b/jobs "$benchmarks/b/jobs?status=completed"; do
        as $BOB answers 200 '{"data":[],"has_more":false}' GET "$list"
    done
    as $ALICE says 200 "\"job_id\":\"$JOB\"" GET /v1alpha/eval/jobs
    both="{\"baseline\":\"$JOB\",\"candidate\":\"$JOB\"}"
    as $BOB posts 400 "$(not_there "$JOB")" /v1alpha/eval/compare "$both"
    as $ALICE post_says 200 '"n_paired":1,' /v1alpha/eval/compare "$both"
}

@test "another user's job is not to be controlled, and is told as one that is not there" {
    needs_other_users
    start ''
    as $ALICE things
    as $ALICE submit b hang
    as $BOB answers 400 "$(not_there "$JOB")" DELETE "$benchmarks/b/jobs/$JOB"
    for verb in pause resume retry; do
        as $BOB posts 400 "$(not_there "$JOB")" "$benchmarks/b/jobs/$JOB/$verb" ''
    done
    as $BOB posts 400 "$(not_there "$JOB")" "$benchmarks/b/jobs/$JOB/rescore" \
        '{"scoring_functions":["basic::equality"]}'
    as $ALICE job_is b "$JOB" in_progress
    as $ALICE answers 204 '' DELETE "$benchmarks/b/jobs/$JOB"
}

@test "keys and repetitions of requests are told apart by who sends them" {
    needs_other_users
    start ''
    as $ALICE things
    # job UID ID HEADER
    job() {
        as "$1" posts 200 "{\"job_id\":\"$2\",\"status\":\"completed\"}" $benchmarks/b/jobs \
            "{\"benchmark_config\":$(config baseline::recorded)}" -H "$3"
    }
    job $ALICE 0 'Idempotency-Key: k'
    job $BOB 1 'x-stainless-retry-count: 1'
    job $BOB 2 'Idempotency-Key: k'
    job $ALICE 0 'Idempotency-Key: k'
    job $BOB 2 'Idempotency-Key: k'
}

@test "who may read sees every job, and cancels none" {
    needs_other_users
    start ''
    as $ALICE things
    as $ALICE submit b hang
    as $READER says 200 "\"job_id\":\"$JOB\"" GET /v1alpha/eval/jobs
    as $READER says 200 "\"owner\":$ALICE" GET "$benchmarks/b/jobs/$JOB/detail"
    text="uid $READER may look at things, but neither run nor change any"
    as $READER answers 403 "$(denied "$text")" DELETE "$benchmarks/b/jobs/$JOB"
    as $ALICE job_is b "$JOB" in_progress
}

@test "who may read and run still cancels none of another user's jobs" {
    needs_other_users
    start '' "access = { read = [ $READER ]; run = [ $ALICE, $READER ]; };"
    as $ALICE things
    as $ALICE submit b hang
    text=$(denied "job $JOB belongs to somebody else")
    as $READER answers 403 "$text" DELETE "$benchmarks/b/jobs/$JOB"
    for verb in pause resume retry; do
        as $READER posts 403 "$text" "$benchmarks/b/jobs/$JOB/$verb" ''
    done
    as $READER posts 403 "$text" "$benchmarks/b/jobs/$JOB/rescore" \
        '{"scoring_functions":["basic::equality"]}'
    as $ALICE job_is b "$JOB" in_progress
}

@test "an administrator sees and cancels every job" {
    needs_other_users
    start ''
    as $ALICE things
    as $ALICE submit b hang
    as $CHIEF says 200 "\"owner\":$ALICE" GET "$benchmarks/b/jobs/$JOB/detail"
    as $CHIEF answers 204 '' DELETE "$benchmarks/b/jobs/$JOB"
    as $ALICE job_is b "$JOB" cancelled
}

# ---- roles -------------------------------------------------------------------------------------

@test "who has no role gets a 403 that names the uid, and only hears that evald is there" {
    needs_other_users
    start ''
    as $ALICE things
    as $EVE answers 200 '{"status":"OK"}' GET /v1/health
    as $EVE answers 200 '{"status":"OK"}' GET /v1alpha/admin/health
    text=$(denied "uid $EVE has no role in this evald")
    for path in /v1/version /v1/inspect/routes /v1/providers /v1/models /v1/scoring-functions \
        /v1beta/datasets /v1beta/datasets/d /v1beta/datasetio/iterrows/d $benchmarks \
        $benchmarks/b $benchmarks/b/jobs/0 /v1alpha/eval/jobs /v1alpha/admin/version; do
        as $EVE answers 403 "$text" GET $path
    done
    as $EVE answers 403 "$text" DELETE /v1beta/datasets/d
    as $EVE posts 403 "$text" /v1beta/datasets '{}'
    as $EVE posts 403 "$text" $benchmarks/b/jobs '{}'
    as $EVE posts 403 "$text" /v1/scoring/score 'no JSON'
}

@test "a role comes by any group of the caller" {
    needs_other_users
    start ''
    as $EVE says 403 'has no role' GET $benchmarks
    GROUPS_OF=7,$TEAM,9 as $EVE says 200 '"data":[]' GET $benchmarks
    GROUPS_OF=7,$TEAM,9 as $EVE things
    GROUPS_OF=7,9 as $EVE says 403 'has no role' GET $benchmarks
    as $TEAM says 200 '"data":[{' GET $benchmarks # its primary group
}

@test "who may read looks at everything and changes and runs nothing" {
    needs_other_users
    start ''
    as $ALICE things
    for path in /v1/version /v1/providers /v1beta/datasets/d /v1beta/datasetio/iterrows/d \
        $benchmarks/b $benchmarks/b/jobs /v1alpha/eval/jobs; do
        as $READER says 200 '{' GET $path
    done
    text=$(denied "uid $READER may look at things, but neither run nor change any")
    as $READER posts 403 "$text" /v1beta/datasets '{}'
    as $READER posts 403 "$text" $benchmarks '{}'
    as $READER posts 403 "$text" $benchmarks/b/jobs '{}'
    as $READER posts 403 "$text" $benchmarks/b/evaluations '{}'
    as $READER posts 403 "$text" /v1/scoring/score '{}'
    as $READER answers 403 "$text" DELETE /v1beta/datasets/d
    as $READER answers 403 "$text" DELETE $benchmarks/b
}

@test "without an access section everybody runs, and root administrates" {
    needs_other_users
    start '' ' '
    as $ALICE things
    as $ALICE submit b baseline::recorded
    as $EVE answers 200 '{"data":[],"has_more":false}' GET /v1alpha/eval/jobs
    as $EVE says 403 'belongs to somebody else' DELETE /v1beta/datasets/d
    says 200 "\"job_id\":\"$JOB\"" GET /v1alpha/eval/jobs
    answers 204 '' DELETE $benchmarks/b
}

@test "a star is everybody" {
    needs_other_users
    start '' "access = { read = [ $READER ]; run = [ \"*\" ]; };"
    as $EVE things
    as $EVE submit b baseline::recorded
    as $READER says 200 "\"job_id\":\"$JOB\"" GET /v1alpha/eval/jobs
}

@test "administrators are whom the section names: without root, root is nobody" {
    needs_other_users
    start '' "access = { run = [ $ALICE ]; admin = [ $CHIEF ]; };"
    answers 403 "$(denied 'uid 0 has no role in this evald')" GET $benchmarks
    as $CHIEF says 200 '"data":[]' GET $benchmarks
}

@test "at SIGHUP roles change, also on connections that are open" {
    needs_other_users
    start ''
    as $ALICE things
    touch "$EVALD_DIR/first" "$EVALD_DIR/second"
    chmod 666 "$EVALD_DIR/first" "$EVALD_DIR/second"
    # the first request waits for a job, the second one comes behind it
    as $ALICE behind curl -s --unix-socket "$EVALD_SOCKET" -o "$EVALD_DIR/first" \
        -H 'Prefer: wait=600' -d "{\"benchmark_config\":$(config hang)}" \
        http://evald$benchmarks/b/jobs \
        --next -s --unix-socket "$EVALD_SOCKET" -o "$EVALD_DIR/second" -w '%{num_connects}' \
        http://evald$benchmarks
    wait_for as $ALICE job_is b 0 in_progress
    hup "socket = { mode = \"0666\"; }; access = { read = [ $EVE ]; };"
    as $EVE says 200 '"data":[{' GET $benchmarks
    answers 204 '' DELETE $benchmarks/b/jobs/0
    wait $BEHIND
    [ "$(cat "$EVALD_DIR/first")" = '{"job_id":"0","status":"cancelled"}' ]
    [ "$(cat "$EVALD_DIR/behind")" = 0 ] # no other connection
    [ "$(cat "$EVALD_DIR/second")" = "$(denied "uid $ALICE has no role in this evald")" ]
}

@test "at SIGHUP a stream of events ends whose reader has lost the role" {
    needs_other_users
    start ''
    as $ALICE things
    as $ALICE submit b hang
    as $READER behind curl -sSN --unix-socket "$EVALD_SOCKET" "http://evald$benchmarks/b/jobs/$JOB/events"
    wait_for grep -q '^event: started' "$EVALD_DIR/behind"
    hup "socket = { mode = \"0666\"; }; access = { run = [ $ALICE ]; };
        $(models "$(model hang "$SERVER_URL" 'timeout_ms = 600000;')")"
    wait_for ended "$BEHIND"
    wait $BEHIND
    BEHIND=
    ! grep -q '^event: \(completed\|cancelled\|failed\)' "$EVALD_DIR/behind"
    as $ALICE job_is b "$JOB" in_progress
}

@test "a name that is nobody's is an error with file, line and setting, and SIGHUP keeps what was" {
    start_evald "access = { run = [ \"$(id -un)\" ]; };"
    says 200 '"data":[]' GET $benchmarks
    hup "access = {
  run = [ \"$(id -un)\", \"no-such-user\" ]; };" \
        'conf:2: access.run\[1\]: there is no user "no-such-user"'
    says 200 '"data":[]' GET $benchmarks
    run "$EVALD" --check-config --config "$EVALD_DIR/conf"
    [ "$status" = 1 ]
    contains "$output" 'conf:2: access.run[1]: there is no user "no-such-user"'
}

# ---- owners ------------------------------------------------------------------------------------

@test "what is registered is seen and used by all, and deleted by its owner alone" {
    needs_other_users
    start ''
    as $ALICE things
    as $BOB says 200 '"generated_answer":"A"' GET /v1beta/datasetio/iterrows/d
    as $BOB submit b baseline::recorded
    as $BOB job_ends b "$JOB" completed
    as $BOB answers 403 "$(denied "dataset 'd' belongs to somebody else")" DELETE /v1beta/datasets/d
    as $BOB answers 403 "$(denied "benchmark 'b' belongs to somebody else")" DELETE $benchmarks/b
    as $BOB posts 403 "$(denied "dataset 'd' belongs to somebody else")" \
        /v1beta/datasetio/append-rows/d '{"rows":[{"a":1}]}'
    as $ALICE posts 204 '' /v1beta/datasetio/append-rows/d '{"rows":[{"a":1}]}'
    as $BOB says 200 '"identifier":"d"' GET /v1beta/datasets/d
    as $ALICE answers 204 '' DELETE $benchmarks/b
    as $ALICE answers 204 '' DELETE /v1beta/datasets/d
    as $ALICE things
    as $CHIEF answers 204 '' DELETE $benchmarks/b
    as $CHIEF answers 204 '' DELETE /v1beta/datasets/d
}

set_d() {
    printf '{"purpose":"eval/messages-answer","dataset_id":"d","source":{"type":"rows","rows":[{"a":%s}]}}' "$1"
}
set_b() {
    printf '{"benchmark_id":"b","dataset_id":"%s","scoring_functions":[]}' "$1"
}

@test "registering again is for the owner where it overwrites; the thing stays its owner's" {
    needs_other_users
    start ''
    as $ALICE post_says 200 '"a":1' /v1/datasets "$(set_d 1)"
    as $ALICE posts 200 null /v1/eval/benchmarks "$(set_b d)"
    as $BOB posts 403 "$(denied "dataset 'd' belongs to somebody else")" /v1/datasets "$(set_d 2)"
    as $BOB posts 403 "$(denied "benchmark 'b' belongs to somebody else")" \
        /v1/eval/benchmarks "$(set_b e)"
    says 200 '"a":1' GET /v1beta/datasets/d
    says 200 '"dataset_id":"d"' GET $benchmarks/b
    as $ALICE post_says 200 '"a":2' /v1/datasets "$(set_d 2)"
    as $CHIEF post_says 200 '"a":3' /v1/datasets "$(set_d 3)"
    as $CHIEF posts 200 null /v1/eval/benchmarks "$(set_b e)"
    as $CHIEF says 200 '"dataset_id":"e"' GET $benchmarks/b
    as $BOB says 403 'belongs to somebody else' DELETE /v1beta/datasets/d
    as $ALICE answers 204 '' DELETE /v1beta/datasets/d
    as $ALICE answers 204 '' DELETE $benchmarks/b
}

@test "registering the same again is a success for everybody, other content a 400" {
    needs_other_users
    start ''
    as $ALICE post_says 200 '"a":1' /v1beta/datasets "$(set_d 1)"
    as $ALICE posts 200 null $benchmarks "$(set_b d)"
    as $BOB post_says 200 '"a":1' /v1beta/datasets "$(set_d 1)"
    as $BOB posts 200 null $benchmarks "$(set_b d)"
    as $BOB post_says 400 'already exists with different content' /v1beta/datasets "$(set_d 2)"
    as $BOB post_says 400 'already exists with different content' $benchmarks "$(set_b e)"
    as $BOB says 403 'belongs to somebody else' DELETE /v1beta/datasets/d
}

@test "owners stay over a restart" {
    needs_other_users
    start ''
    as $ALICE things
    as $ALICE submit b baseline::recorded
    as $ALICE job_ends b "$JOB" completed
    stop_evald
    start_evald
    as $BOB says 403 'belongs to somebody else' DELETE /v1beta/datasets/d
    as $BOB answers 400 "$(not_there "$JOB")" GET "$benchmarks/b/jobs/$JOB"
    as $ALICE says 200 '"score_rows"' GET "$benchmarks/b/jobs/$JOB/result"
}

# ---- every route there is ------------------------------------------------------------------------

# A body that the route would take, so that nothing but who asks can be in the way.
body_of() {
    local row='{"input_query":"q","expected_answer":"A","generated_answer":"A"}'
    case $1 in
        'POST '*/benchmarks) set_b other ;;
        'POST '*/jobs) printf '{"benchmark_config":%s}' "$(config baseline::oracle)" ;;
        'POST '*/evaluations)
            printf '{"input_rows":[%s],"scoring_functions":["basic::equality"],"benchmark_config":%s}' \
                "$row" "$(config baseline::oracle)"
            ;;
        'POST '*/rescore) printf '{"scoring_functions":["basic::equality"]}' ;;
        'POST '*/compare) printf '{"baseline":"%s","candidate":"%s"}' "$DONE" "$DONE" ;;
        'POST '*/score) printf '%s' "$score" ;;
        'POST '*/score-batch)
            printf '{"dataset_id":"d","scoring_functions":{"basic::equality":null}}'
            ;;
        'POST '*/scoring-functions)
            printf '{"scoring_fn_id":"f","description":"theirs","return_type":{"type":"string"},"provider_id":"llm-as-judge","params":{"type":"llm_as_judge","judge_model":"hang","prompt_template":"x","judge_score_regexes":["a"],"aggregation_functions":[]}}'
            ;;
        'POST '*/datasets) set_d 666 ;;
        'POST '*/append-rows/*) printf '{"rows":[{"a":666}]}' ;;
        'POST '*/models) printf '{"model_id":"m"}' ;;
        'POST '*) printf '{}' ;;
    esac
}

# everything: all that ALICE has, as an administrator sees it.
everything() {
    local path
    for path in $benchmarks /v1beta/datasets /v1/scoring-functions /v1beta/datasetio/iterrows/d \
        "/v1alpha/eval/jobs?owner=$ALICE" "$benchmarks/b/jobs/$DONE/result" \
        "$benchmarks/b/jobs/$DONE/detail" "$benchmarks/b/jobs/$OPEN"; do
        as $CHIEF evald_get "$path"
        printf '\n'
    done
}

# walk UID: as that user every route there is, with ALICE's things for what it names.  What it is
# answered is in $EVALD_DIR/walk, a line each: method, route, status, body.
walk() {
    local method route path job got
    : >"$EVALD_DIR/walk"
    jq -r '.data[] | .method + " " + .route' "$EVALD_DIR/routes" >"$EVALD_DIR/methods"
    while read -r method route; do
        for job in $DONE $OPEN; do
            path=${route//'{benchmark_id}'/b}
            path=${path//'{job_id}'/$job}
            path=${path//'{dataset_id:path}'/d}
            path=${path//'{scoring_fn_id:path}'/f}
            path=${path//'{model_id:path}'/hang}
            path=${path//'{provider_id}'/basic}
            path=${path/%events/events?after=999999} # there is none: no stream that goes on
            case $path in
                *'{'*) echo "nothing to name in $route" >&2; return 1 ;;
            esac
            [ "$job" = "$DONE" ] || [[ $route = *job_id* ]] || continue
            if [ "$method" = POST ]; then
                got=$(as "$1" evald_post "$path" "$(body_of "$method $route")" --max-time 60 \
                    -H 'Idempotency-Key: k' -H 'Prefer: respond-async')
            else
                got=$(as "$1" evald_request "$method" "$path" --max-time 60)
            fi
            printf '%s %s %s %s\n' "$method" "$route" "$(http_status)" "${got:0:500}" >>"$EVALD_DIR/walk"
        done
    done <"$EVALD_DIR/methods"
    [ "$(wc -l <"$EVALD_DIR/walk")" -ge "$(wc -l <"$EVALD_DIR/methods")" ]
}

# none_but REGEX: every line of the walk is like that.
none_but() {
    ! grep -Ev "$1" "$EVALD_DIR/walk" >&2
}

all_is_as_before() {
    everything >"$EVALD_DIR/after"
    cmp "$EVALD_DIR/before" "$EVALD_DIR/after" >&2
}

# ALICE has a data set, a benchmark, a function, a job that has ended and one that runs.
alices_things() {
    start "" "$ACCESS"
    evald_get /v1/inspect/routes >"$EVALD_DIR/routes"
    as $ALICE things
    as $ALICE posts 200 null /v1/scoring-functions \
        "$(body_of 'POST /v1/scoring-functions' | sed s/theirs/hers/)"
    as $ALICE submit b baseline::recorded
    DONE=$JOB
    as $ALICE job_ends b "$DONE" completed
    as $ALICE post_says 200 '"job_id"' $benchmarks/b/jobs \
        "{\"benchmark_config\":$(config hang)}" -H 'Idempotency-Key: k' -H 'Prefer: respond-async'
    OPEN=$((DONE + 1))
    wait_for as $ALICE says 200 '"rows_total":1' GET $benchmarks/b/jobs/$OPEN/detail
    everything >"$EVALD_DIR/before"
}

@test "no route gives who has no role anything, but that evald is there" {
    needs_other_users
    alices_things
    walk $EVE
    none_but '^GET /[^ ]*/health 200 |^[A-Z]+ [^ ]* 403 .*uid [0-9]+ has no role'
    all_is_as_before
}

@test "no route lets who may read change anything" {
    needs_other_users
    alices_things
    walk $READER
    none_but '^GET |^POST [^ ]*/compare 200 |^[A-Z]+ [^ ]* 403 .*may look at things, but neither run nor change any'
    all_is_as_before
}

@test "no route tells another user of a job, or lets them change what is not theirs" {
    needs_other_users
    alices_things
    walk $BOB
    # what names a job
    grep '^[A-Z]* [^ ]*{job_id}' "$EVALD_DIR/walk" >"$EVALD_DIR/jobs"
    [ "$(wc -l <"$EVALD_DIR/jobs")" -ge 36 ]
    ! grep -Ev " 400 .*Invalid value: Job ($DONE|$OPEN) not found\"" "$EVALD_DIR/jobs" >&2 || false
    ! grep '/compare ' "$EVALD_DIR/walk" | grep -v " 400 .*Job $DONE not found\"" >&2 || false
    # all that changes: refused; but what makes things of one's own, and gives no job but one's own
    grep -Ev '^GET |^[A-Z]+ [^ ]*[{]job_id' "$EVALD_DIR/walk" | grep -Ev ' (400|403|501) ' |
        grep -Ev '^POST [^ ]*/(score|score-batch|evaluations) 200 ' >"$EVALD_DIR/done"
    ! grep -Ev "^POST /v1(alpha)?/eval/benchmarks/\{benchmark_id\}/jobs 200 .\"job_id\":\"$((OPEN + 1))\"" \
        "$EVALD_DIR/done" >&2 || false
    [ "$(wc -l <"$EVALD_DIR/done")" = 2 ] # one job by both routes, for their key is the same
    # lists of jobs have their own
    ! grep -E "^GET [^ ]*/jobs 200 .*\"job_id\":\"($DONE|$OPEN)\"" "$EVALD_DIR/walk" >&2 || false
    all_is_as_before
}

# ---- limits ------------------------------------------------------------------------------------

@test "jobs above jobs_per_user wait, and hold up nobody else's" {
    needs_other_users
    start 'jobs_per_user = 1;'
    as $ALICE things
    as $ALICE submit b hang
    as $ALICE job_is b "$JOB" in_progress
    running=$JOB
    as $ALICE submit b baseline::recorded
    as $ALICE job_is b "$JOB" scheduled
    waiting=$JOB
    as $BOB submit b baseline::recorded
    as $BOB job_ends b "$JOB" completed
    as $ALICE job_is b "$waiting" scheduled
    as $ALICE answers 204 '' DELETE "$benchmarks/b/jobs/$running"
    as $ALICE job_ends b "$waiting" completed
}

@test "a larger jobs_per_user counts from SIGHUP on" {
    start_server hang --fail-rate 1 --fail-mode hang
    start_evald "$(models "$(model hang "$SERVER_URL")") limits = { jobs_per_user = 1; };"
    things
    submit b hang
    submit b baseline::recorded
    job_is b "$JOB" scheduled
    hup "$(models "$(model hang "$SERVER_URL")") limits = { jobs_per_user = 2; };"
    job_ends b "$JOB" completed
}

@test "users take turns: who has many jobs waiting does not hold up who has one" {
    needs_other_users
    start 'max_runners = 1;'
    as $ALICE things
    as $ALICE submit b hang
    first=$JOB
    as $ALICE submit b hang
    second=$JOB
    as $ALICE submit b hang
    as $BOB submit b baseline::recorded
    as $BOB job_is b "$JOB" scheduled
    as $ALICE answers 204 '' DELETE "$benchmarks/b/jobs/$first"
    as $BOB job_ends b "$JOB" completed
    wait_for as $ALICE job_is b "$second" in_progress
}

@test "a job above queued_jobs_per_user is refused with 429, and not to be sent again" {
    start 'max_runners = 1; queued_jobs_per_user = 2;' ' '
    things
    submit b hang
    submit b hang
    submit b hang
    body="{\"benchmark_config\":$(config hang)}"
    text="uid $(id -u) has 2 jobs waiting, as many as queued_jobs_per_user allows"
    posts 429 "$(error_body "$text")" $benchmarks/b/jobs "$body" -D "$(headers)"
    has_header 'x-should-retry: false'
    last=$JOB
    other submit b hang
    answers 204 '' DELETE "$benchmarks/b/jobs/$last"
    submit b hang
    posts 429 "$(error_body "$text")" "$benchmarks/b/jobs/$last/retry" ''
    posts 429 "$(error_body "$text")" "$benchmarks/b/jobs/$last/rescore" \
        '{"scoring_functions":["basic::equality"]}'
    answers 204 '' DELETE "$benchmarks/b/jobs/$JOB"
    post_says 200 '"scheduled"' "$benchmarks/b/jobs/$last/retry" ''
}

# A call that the hanging model never answers.
call_hangs() {
    evald_post $benchmarks/b/evaluations \
        "{\"input_rows\":[{\"chat_completion_input\":\"[{\\\"role\\\":\\\"user\\\",\\\"content\\\":\\\"x\\\"}]\",\"input_query\":\"x\",\"expected_answer\":\"A\"}],\"scoring_functions\":[\"basic::equality\"],\"benchmark_config\":$(config hang)}"
}
score='{"input_rows":[{"expected_answer":"A","generated_answer":"A"}],"scoring_functions":{"basic::equality":null}}'

@test "a call above calls_per_user waits until another one of its user is through" {
    start 'calls_per_user = 1; call_timeout_ms = 3000;' ' '
    things
    behind call_hangs
    wait_for count_is hang in_flight 1
    evald_post /v1/scoring/score "$score" >"$EVALD_DIR/score"
    wait $BEHIND
    contains "$(cat "$EVALD_DIR/behind")" 'Operation timed out'
    contains "$(cat "$EVALD_DIR/score")" '"score":1.0'
}

@test "a call above calls_per_user holds up nobody else's" {
    needs_other_users
    start 'calls_per_user = 1;'
    as $ALICE things
    as $ALICE behind call_hangs
    wait_for count_is hang in_flight 1
    as $BOB post_says 200 '"score":1.0' /v1/scoring/score "$score"
}

# stored PATH BODY: how many bytes evald says the user has stored, when it refuses BODY.
stored() {
    local got
    got=$(evald_post "$1" "$2")
    [[ $got =~ has\ stored\ ([0-9]+)\ bytes ]] && printf '%s\n' "${BASH_REMATCH[1]}"
}

@test "rows above stored_bytes_per_user are refused with 507 until there is room" {
    start 'stored_bytes_per_user = 1000;' ' '
    row="{\"a\":\"$(printf '%0600d' 0)\"}"
    body() {
        printf '{"purpose":"eval/messages-answer","dataset_id":"%s","source":{"type":"rows","rows":[%s]}}' "$1" "$row"
    }
    post_says 200 '"identifier":"one"' /v1beta/datasets "$(body one)"
    text="uid $(id -u) has stored 609 bytes; 610 more would be above stored_bytes_per_user, which is 1000"
    posts 507 "$(error_body "$text")" /v1beta/datasets "$(body two)"
    says 404 'not found' GET /v1beta/datasets/two
    text="uid $(id -u) has stored 609 bytes; 610 more would be above stored_bytes_per_user, which is 1000"
    posts 507 "$(error_body "$text")" /v1beta/datasetio/append-rows/one "{\"rows\":[$row]}"
    posts 204 '' /v1beta/datasetio/append-rows/one '{"rows":[{"a":1}]}'
    evald_delete /v1beta/datasets/one
    post_says 200 '"identifier":"one"' /v1beta/datasets "$(body one)"
    post_says 200 '"identifier":"one"' /v1beta/datasets "$(body one)" # the same again
    post_says 200 '"identifier":"one"' /v1/datasets "$(body one)"     # in its place
    other post_says 200 '"identifier":"other"' /v1beta/datasets "$(body other)"
    answers 204 '' DELETE /v1beta/datasets/one
    post_says 200 '"identifier":"three"' /v1beta/datasets "$(body three)"
}

@test "what jobs have written counts, and a user above the limit starts none" {
    start_evald 'limits = { stored_bytes_per_user = 200000000; };'
    things
    submit b baseline::recorded
    job_ends b "$JOB" completed
    hup 'limits = { stored_bytes_per_user = 1; };'
    used=$(stored $benchmarks/b/jobs "{\"benchmark_config\":$(config baseline::recorded)}")
    [ "$(http_status)" = 507 ]
    files=$(($(stat -c %s "$EVALD_STATE/jobs/$JOB.db") + $(cat "$EVALD_STATE"/datasets/*.jsonl | wc -c)))
    [ "$used" = "$files" ]
    stop_evald
    start_evald
    [ "$(stored $benchmarks/b/jobs "{\"benchmark_config\":$(config baseline::recorded)}")" = "$used" ]
}

@test "a journal that is removed while evald is stopped counts no more, and its job says so" {
    start_evald 'limits = { stored_bytes_per_user = 40000; };'
    things
    submit b baseline::recorded
    job_ends b "$JOB" completed
    before=$(stored $benchmarks/b/jobs "{\"benchmark_config\":$(config baseline::recorded)}")
    [ "$before" -gt 40000 ]
    stop_evald
    rm "$EVALD_STATE/jobs/$JOB.db"
    start_evald
    removed=$JOB
    contains "$(job_state b "$removed")" completed
    for what in result rows events; do
        says 400 "$removed.db has been removed" GET "$benchmarks/b/jobs/$removed/$what"
    done
    post_says 400 "$removed.db has been removed" "$benchmarks/b/jobs/$removed/rescore" \
        '{"scoring_functions":["basic::equality"]}'
    says 400 "$removed.db has been removed" POST "$benchmarks/b/jobs/$removed/retry"
    contains "$(job_detail b "$removed")" '"rows_done":'
    submit b baseline::recorded
    job_ends b "$JOB" completed
    [ "$JOB" != "$removed" ]
}

@test "a job that has begun goes on, whatever its user has stored by then" {
    start_server slow --latency-ms 20
    start_evald "$(models "$(model slow "$SERVER_URL" 'max_in_flight = 1;')") limits = { stored_bytes_per_user = 200000000; };"
    chat_rows 30 | put_rows d
    put_benchmark b d basic::equality
    submit b slow
    wait_for rows_done_at_least b "$JOB" 1
    hup "$(models "$(model slow "$SERVER_URL" 'max_in_flight = 1;')") limits = { stored_bytes_per_user = 1; };"
    job_ends b "$JOB" completed
    [ "$(rows_done b "$JOB")" = 30 ]
}

@test "a connection above connections_per_user is told so, and another user's is not" {
    start 'connections_per_user = 2;' ' '
    things
    behind call_hangs
    behind call_hangs
    wait_for count_is hang in_flight 2
    says 503 'connections' GET /v1/health
    other answers 200 '{"status":"OK"}' GET /v1/health
    for pid in $BEHIND; do
        kill "$(child_of "$pid" curl)"
    done
    wait_for answers 200 '{"status":"OK"}' GET /v1/health
}
